/* SPDX-License-Identifier: MIT */
/* sim/lives.h: one pack from new to its end of life, with records on the way. */
#ifndef EVTWIN_SIM_LIVES_H
#define EVTWIN_SIM_LIVES_H

#include "evtwin/sim.h"

#include "sim/bms.h"
#include "sim/life.h"

/* A moment of a pack's life: what its BMS reported, and the truth. */
typedef struct evtwin__record {
    evtwin__reading reading;
    double age_days, cycles, soh_frac, resistance_ratio;
    int has_defect;
} evtwin__record;

/* How a life went. */
typedef struct evtwin__outcome {
    size_t n_records;
    double eol_cycles;  /* NaN: still alive when observation ended */
    double last_cycles; /* at which it ended */
    int by_capacity, has_defect;
} evtwin__outcome;

typedef struct evtwin__life_task {
    const evtwin_cell *cell;
    const evtwin_life_options *life;
    int n_series, n_parallel;
    double start_days;
    size_t max_records;
} evtwin__life_task;

/* Live; records has room for task->max_records. */
void evtwin__live(const evtwin__life_task *task, evtwin__dice dice, evtwin__record *records,
                  evtwin__outcome *out);

#endif
