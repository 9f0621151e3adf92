/* SPDX-License-Identifier: MIT */
/* sim/thermal.h: the cell as one heat capacity, alone in air or at a thermal boundary: a second
 * heat capacity around it (a test fixture, a module) that stands in the air. */
#ifndef EVTWIN_SIM_THERMAL_H
#define EVTWIN_SIM_THERMAL_H

/*
 * C dTc/dt = heat - k (Tc - Tb),   Cb dTb/dt = k (Tc - Tb) - kb (Tb - Tair).
 * boundary_capacity_J_K 0 means that there is none: Tb is the air, k leads from the cell to it.
 */
typedef struct evtwin__thermal {
    double capacity_J_K, to_boundary_W_K;
    double boundary_capacity_J_K, boundary_to_air_W_K;
} evtwin__thermal;

/* Temperatures above the air's after a step of constant heat and air:
 * cell' = cc cell + cb boundary + gc heat,  boundary' = bc cell + bb boundary + gb heat. Exact. */
typedef struct evtwin__thermal_step {
    double cc, cb, bc, bb, gc, gb;
} evtwin__thermal_step;

evtwin__thermal_step evtwin__thermal_step_make(const evtwin__thermal *thermal, double dt_s);

/* Steady warming of the cell above the air for one watt, K/W. */
double evtwin__thermal_resistance_K_W(const evtwin__thermal *thermal);

#endif
