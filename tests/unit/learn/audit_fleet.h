/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/audit_fleet.h: simulated fleets to audit: 200 packs from new to their end, of
 * which the clean form gives R2 near 0.76 (docs/results.md, 200 packs, 15 days); and how to change
 * a copy of one. */
#ifndef EVTWIN_TEST_AUDIT_FLEET_H
#define EVTWIN_TEST_AUDIT_FLEET_H

#include "evtwin/evtwin.h"

enum { FLEET_PACKS = 200 };

/* cell: NULL = the default. */
static inline evtwin_table *simulate_records(size_t packs, uint64_t seed, const char *cell,
                                             double every_days) {
    evtwin_sim_options o;
    evtwin_run_to_failure_options run;
    assert_ok(evtwin_sim_options_init(&o, sizeof o));
    assert_ok(evtwin_run_to_failure_options_init(&run, sizeof run));
    evtwin_cell *parameters = NULL;
    if (cell != NULL) {
        assert_ok(evtwin_cell_load(cell, &parameters));
    }
    o.cell = parameters;
    o.n_packs = packs;
    o.seed = seed;
    o.n_threads = 0;
    run.record_every_days = every_days;
    evtwin_table *t = NULL;
    assert_ok(evtwin_sim_run_to_failure(&o, &run, &t, NULL, 0));
    evtwin_cell_free(parameters);
    return t;
}

static inline evtwin_table *simulate_fleet(size_t packs, uint64_t seed, const char *cell) {
    return simulate_records(packs, seed, cell, 15.0);
}

static inline double noise_of(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*seed >> 11) * 0x1p-53;
}

/* About normal, deviation 1. */
static inline double normal_of(uint64_t *seed) {
    double sum = -6.0;
    for (int i = 0; i < 12; i++) {
        sum += noise_of(seed);
    }
    return sum;
}

static inline size_t column_of(const evtwin_table *t, const char *name) {
    const size_t col = evtwin_table_find(t, name);
    if (col == EVTWIN_NO_COLUMN) {
        fail_msg("no column %s", name);
    }
    return col;
}

static inline double get(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_number(t, column_of(t, name), row);
}

/* A column to write into; added if absent, made F64 if it was I64. */
static inline double *edit(evtwin_table *t, const char *name) {
    size_t col = evtwin_table_find(t, name);
    if (col == EVTWIN_NO_COLUMN) {
        assert_ok(evtwin_table_add_column(t, name, EVTWIN_F64, "", &col));
    }
    double *v = evtwin_table_f64_edit(t, col);
    if (v == NULL) {
        fail_msg("column %s is not F64", name);
    }
    return v;
}

/* Is this the first row of its battery? Rows are by battery. */
static inline int begins(const evtwin_table *t, size_t row) {
    const int32_t *code = evtwin_table_codes(t, column_of(t, "battery_id"));
    return row == 0 || code[row] != code[row - 1];
}

static inline size_t end_of(const evtwin_table *t, size_t row) {
    do {
        row++;
    } while (row < evtwin_table_rows(t) && !begins(t, row));
    return row;
}

#endif
