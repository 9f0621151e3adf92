/* SPDX-License-Identifier: MIT */
/* sim/thermal.h: the cell as one heat capacity, alone in air or on a jig (a second heat capacity).
 */
#ifndef EVTWIN_SIM_THERMAL_H
#define EVTWIN_SIM_THERMAL_H

/*
 * C dTc/dt = heat - k (Tc - Tj),   Cj dTj/dt = k (Tc - Tj) - kj (Tj - Tair).
 * jig_capacity_J_K 0 means that there is no jig: Tj is the air, k leads from the cell to it.
 */
typedef struct evtwin__thermal {
    double capacity_J_K, to_jig_W_K;
    double jig_capacity_J_K, jig_to_air_W_K;
} evtwin__thermal;

/* Temperatures above the air's after a step of constant heat and air:
 * cell' = cc cell + cj jig + gc heat,  jig' = jc cell + jj jig + gj heat. Exact. */
typedef struct evtwin__thermal_step {
    double cc, cj, jc, jj, gc, gj;
} evtwin__thermal_step;

evtwin__thermal_step evtwin__thermal_step_make(const evtwin__thermal *thermal, double dt_s);

/* Steady warming of the cell above the air for one watt, K/W. */
double evtwin__thermal_resistance_K_W(const evtwin__thermal *thermal);

#endif
