/* SPDX-License-Identifier: MIT */
/* stream/pacing.h: the clock that never jumps, and sleeping on it. */
#ifndef EVTWIN_STREAM_PACING_H
#define EVTWIN_STREAM_PACING_H

#include <math.h>
#include <time.h>

static inline double evtwin__monotonic_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Not at all if wait_s <= 0; a signal cuts it short. */
static inline void evtwin__sleep_s(double wait_s) {
    if (wait_s > 0.0) {
        const struct timespec wait = {.tv_sec = (time_t)wait_s,
                                      .tv_nsec = (long)(1e9 * (wait_s - floor(wait_s)))};
        nanosleep(&wait, NULL);
    }
}

#endif
