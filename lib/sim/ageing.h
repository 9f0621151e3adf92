/* SPDX-License-Identifier: MIT */
/* sim/ageing.h: calendar and cycle ageing of one cell by published semi-empirical laws, in a form
 * whose result does not depend on how time is cut into steps. */
#ifndef EVTWIN_SIM_AGEING_H
#define EVTWIN_SIM_AGEING_H

typedef enum evtwin__ageing_kind {
    EVTWIN__AGEING_NONE = 0,
    EVTWIN__AGEING_SCHMALSTIEG =
        1, /* NMC: Schmalstieg et al. 2014, doi:10.1016/j.jpowsour.2014.02.012 */
    EVTWIN__AGEING_NAUMANN = 2 /* LFP: Naumann et al. 2018 and 2020 */
} evtwin__ageing_kind;

enum { EVTWIN__AGEING_CONSTANTS = 17 };

/* A law and its constants, in the order of its keys. */
typedef struct evtwin__ageing_law {
    evtwin__ageing_kind kind;
    double constant[EVTWIN__AGEING_CONSTANTS];
} evtwin__ageing_law;

/* A constant of a law: its key in the parameter file and its domain. */
typedef struct evtwin__ageing_key {
    const char *key;
    double min, max;
} evtwin__ageing_key;

/* The law of a name in parameter files and its keys, EVTWIN__AGEING_CONSTANTS of them or fewer,
 * ended by key NULL; NULL if there is no such law. */
const evtwin__ageing_key *evtwin__ageing_find(const char *name, evtwin__ageing_kind *kind_out);

/* What wears a cell over some time. Voltages are open-circuit ones. */
typedef struct evtwin__stress {
    double duration_days;
    double temperature_degC; /* mean */
    double rest_soc_frac;    /* mean state of charge */
    double rest_V;           /* open-circuit voltage there */
    double rms_V;            /* root mean square over the swing */
    double depth_frac;       /* of the discharge in progress */
    double rate_per_h;       /* mean C-rate while discharging */
    double cycles;           /* discharge throughput / as-built capacity */
} evtwin__stress;

/*
 * Losses so far. A loss that grows as k t^p keeps x = (loss)^(1/p) = sum of k^(1/p) dt, so that
 * equal stresses over 24 steps of an hour or one of a day give the same sum: the step-invariant
 * form loss' = k ((loss/k)^(1/p) + dt)^p without its division by k.
 */
typedef struct evtwin__ageing {
    double calendar_x, cycle_x;     /* capacity */
    double calendar_r_x, cycle_r_x; /* resistance */
} evtwin__ageing;

/* Apply a stress; capacity_rate and resistance_rate scale the growth of this pack's losses. */
void evtwin__ageing_apply(const evtwin__ageing_law *law, const evtwin__stress *stress,
                          double capacity_rate, double resistance_rate, evtwin__ageing *a);

/* Fraction of the as-built capacity that is lost, in [0, 0.95]. */
double evtwin__ageing_capacity_loss(const evtwin__ageing_law *law, const evtwin__ageing *a);

/* Growth of the resistance as a fraction of the as-built one. */
double evtwin__ageing_resistance_growth(const evtwin__ageing_law *law, const evtwin__ageing *a);

#endif
