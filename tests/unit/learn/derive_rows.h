/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/derive_rows.h: rows of one battery, and what becomes known at them. */
#ifndef EVTWIN_TEST_DERIVE_ROWS_H
#define EVTWIN_TEST_DERIVE_ROWS_H

#include "test.h"

#include "learn/derive.h"

#include <math.h>

enum { MOST_KEPT = 512 };

static double kept[MOST_KEPT], out[EVTWIN__D_COUNT];

static inline void clear(void) {
    assert_true(evtwin__derive_size() <= MOST_KEPT);
    evtwin__derive_clear(kept);
}

/* A row of a battery without a physics clock. */
typedef struct row {
    double s, soc, voltage, current, temperature;
} row;

static inline void push(row r) {
    const double in[EVTWIN__I_COUNT] = {
        [EVTWIN__I_TIME_US] = 1e6 * r.s, [EVTWIN__I_SIM_TIME_S] = NAN,
        [EVTWIN__I_SOC] = r.soc,         [EVTWIN__I_VOLTAGE] = r.voltage,
        [EVTWIN__I_CURRENT] = r.current, [EVTWIN__I_TEMPERATURE] = r.temperature,
        [EVTWIN__I_IS_CHARGING] = NAN,   [EVTWIN__I_CELL_MAX] = NAN,
        [EVTWIN__I_CELL_MIN] = NAN};
    evtwin__derive_push(kept, in, out);
}

static inline int n_known(void) {
    int n = 0;
    for (size_t i = 0; i < EVTWIN__D_COUNT; i++) {
        n += !isnan(out[i]);
    }
    return n;
}

static inline double noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / 16777216.0;
}

#endif
