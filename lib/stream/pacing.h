/* SPDX-License-Identifier: MIT */
/* stream/pacing.h: sleeping on the clock that never jumps. */
#ifndef EVTWIN_STREAM_PACING_H
#define EVTWIN_STREAM_PACING_H

#include "core/clock.h"

#include <math.h>
#include <time.h>

/* Not at all if wait_s <= 0; a signal cuts it short. */
static inline void evtwin__sleep_s(double wait_s) {
    if (wait_s > 0.0) {
        const struct timespec wait = {.tv_sec = (time_t)wait_s,
                                      .tv_nsec = (long)(1e9 * (wait_s - floor(wait_s)))};
        nanosleep(&wait, NULL);
    }
}

#endif
