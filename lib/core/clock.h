/* SPDX-License-Identifier: MIT */
/* core/clock.h: the clock that never jumps, for deadlines, pauses and ages. */
#ifndef EVTWIN_CORE_CLOCK_H
#define EVTWIN_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t evtwin__monotonic_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t evtwin__monotonic_ms(void) {
    return evtwin__monotonic_us() / 1000;
}

static inline double evtwin__monotonic_s(void) {
    return 1e-6 * (double)evtwin__monotonic_us();
}

#endif
