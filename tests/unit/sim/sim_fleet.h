/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/sim_fleet.h: making simulators and reading them, for the simulator's tests. */
#ifndef EVTWIN_TEST_SIM_FLEET_H
#define EVTWIN_TEST_SIM_FLEET_H

#include "test.h"

static inline evtwin_sim_options defaults(void) {
    evtwin_sim_options o;
    assert_ok(evtwin_sim_options_init(&o, sizeof o));
    return o;
}

static inline evtwin_sim *create(const evtwin_sim_options *o) {
    evtwin_sim *sim = NULL;
    assert_ok(evtwin_sim_create(o, &sim));
    return sim;
}

/* What is true of a pack; NaN where the model does not say. */
typedef struct truth {
    double soc_frac, soh_frac, resistance_ratio, equivalent_full_cycles;
    double voltage_V, current_A, temperature_degC, v1_V, v2_V, charge_balance_Ah;
    double has_defect, boundary_temperature_degC, capacity_Ah;
} truth;

/* Of every pack; the caller frees. */
static inline truth *truths_of(const evtwin_sim *sim) {
    static const char *const names[] = {
        "soc_frac",   "soh_frac",          "resistance_ratio", "equivalent_full_cycles",
        "voltage_V",  "current_A",         "temperature_degC", "v1_V",
        "v2_V",       "charge_balance_Ah", "has_defect",       "boundary_temperature_degC",
        "capacity_Ah"};
    enum { N = sizeof names / sizeof names[0] };
    _Static_assert(sizeof(truth) == N * sizeof(double), "one name a member, in their order");
    const size_t n = evtwin_sim_packs(sim);
    double *all = malloc(n * sizeof(truth)), *one = malloc(n * sizeof *one);
    assert_true(all != NULL && one != NULL);
    for (size_t q = 0; q < N; q++) {
        const evtwin_status st = evtwin_sim_truth(sim, names[q], one, n);
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_NOT_FOUND);
        for (size_t i = 0; i < n; i++) {
            all[i * N + q] = st == EVTWIN_OK ? one[i] : NAN;
        }
    }
    free(one);
    return (truth *)all;
}

static inline truth truth_of(const evtwin_sim *sim, size_t pack) {
    truth *all = truths_of(sim);
    const truth t = all[pack];
    free(all);
    return t;
}

static inline evtwin_table *read_all(evtwin_sim *sim) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_sim_read(sim, INT64_C(1700000000000000), t));
    return t;
}

static inline double number(const evtwin_table *t, const char *name, size_t row) {
    const size_t col = evtwin_table_find(t, name);
    assert_true(col != EVTWIN_NO_COLUMN);
    return evtwin_table_number(t, col, row);
}

#endif
