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

static inline evtwin_sim_truth truth_of(const evtwin_sim *sim, size_t pack) {
    evtwin_sim_truth t;
    assert_ok(evtwin_sim_truth_get(sim, pack, &t, sizeof t));
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
