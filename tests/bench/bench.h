/* SPDX-License-Identifier: MIT */
/* tests/bench/bench.h: the clock of a benchmark, its end when a call fails, rows. */
#ifndef EVTWIN_BENCH_H
#define EVTWIN_BENCH_H

#include "evtwin/evtwin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

enum { BENCH_BATTERIES = 100 };

/* n telemetry rows (at most 6000), each battery's a second apart. */
static inline evtwin_table *bench_rows(int n) {
    evtwin_table *table = NULL;
    check(evtwin_telemetry_table_create(&table) == 0, "rows");
    for (int i = 0; i < n; i++) {
        char json[512];
        snprintf(
            json, sizeof json,
            "{\"timestamp\":\"2024-01-01T00:00:%02dZ\",\"battery_id\":\"BATTERY_%03d\","
            "\"soc\":%d.3,\"soh\":94.8,\"voltage\":392.1,\"current\":75.3,\"temperature\":34.2,"
            "\"charge_cycles\":152,\"power_consumption\":29525.13,\"is_charging\":false,"
            "\"seq\":%d,\"sim_time_s\":120}",
            i / BENCH_BATTERIES, i % BENCH_BATTERIES, i % 100, i);
        check(evtwin_telemetry_decode(json, strlen(json), EVTWIN_NAIVE_REJECT, table) == 0, "row");
    }
    return table;
}

#endif
