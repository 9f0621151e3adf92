/* SPDX-License-Identifier: MIT */
/* tests/bench/bench.h: the clock of a benchmark, and its end when a call fails. */
#ifndef EVTWIN_BENCH_H
#define EVTWIN_BENCH_H

#include "evtwin/evtwin.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void check(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "%s: %s\n", what, evtwin_last_error());
        exit(1);
    }
}

static inline double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
