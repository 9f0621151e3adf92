/* SPDX-License-Identifier: MIT */
/* core/num_powers.h: the powers that are exact, for reading and writing numbers. */
#ifndef EVTWIN_CORE_NUM_POWERS_H
#define EVTWIN_CORE_NUM_POWERS_H

#include <stdint.h>

enum {
    EVTWIN__MAX_POW10 = 22, /* 10^22 is the last power of ten that is a double */
    EVTWIN__MAX_POW5 = 27   /* 5^27 is the last power of five that fits in 64 bits */
};

extern const double evtwin__pow10_f64[EVTWIN__MAX_POW10 + 1];
extern const uint64_t evtwin__pow5_u64[EVTWIN__MAX_POW5 + 1];

#endif
