/* SPDX-License-Identifier: MIT */
/* sim/ecm.h: the two-RC equivalent circuit of a block of eight packs and its stepping kernel. */
#ifndef EVTWIN_SIM_ECM_H
#define EVTWIN_SIM_ECM_H

#include "sim/cell.h"

#include <stdint.h>

enum { EVTWIN__LANES = 8 };

/* Every field of a block: one value a pack. */
#define EVTWIN__ECM_FIELDS(X)                                                                      \
    /* state */                                                                                    \
    X(soc_frac)                                                                                    \
    X(v1_V)                                                                                        \
    X(v2_V)                                                                                        \
    X(temperature_degC)                                                                            \
    X(boundary_degC)                                                                               \
    X(r0_ohm)        /* of the last step: predicts the heat at the start of the next */            \
    X(reach_per_ohm) /* of it: current per volt of room to a limit at its end */                   \
    X(current_A)     /* that flowed in it: the request within the limits */                        \
    /* what steers it, constant over a run */                                                      \
    X(request_A)                                                                                   \
    X(air_degC)                                                                                    \
    X(capacity_As)                                                                                 \
    X(per_capacity_As) /* its inverse: evtwin__ecm_set_capacity */                                 \
    X(r0_ratio)                                                                                    \
    X(rc_ratio)                                                                                    \
    X(stop_low_frac) /* a step that ends beyond these ends the run */                              \
    X(stop_high_frac)                                                                              \
    X(stop_current_A) /* so does one whose limits leave less of a request */                       \
    /* integrals: the first two since creation, net and discharge only; the others since they      \
     * were last taken */                                                                          \
    X(charge_As)                                                                                   \
    X(discharge_As)                                                                                \
    X(sum_soc_s)                                                                                   \
    X(sum_temperature_degC_s)                                                                      \
    X(sum_discharge_time_s)                                                                        \
    X(soc_min_frac)                                                                                \
    X(soc_max_frac)

/*
 * Eight packs, each through one representative cell: cell current, cell voltages. Structure of
 * arrays, each 64 bytes, so that the kernel loads a field of two, four or eight packs into one
 * register.
 */
typedef struct evtwin__ecm_block {
#define FIELD(name) _Alignas(64) double name[EVTWIN__LANES];
    EVTWIN__ECM_FIELDS(FIELD)
#undef FIELD
} evtwin__ecm_block;

/* ---- the thermal model over a step ---- */

/* Temperatures above the air's after a step of constant heat and air:
 * cell' = cc cell + cb boundary + gc heat,  boundary' = bc cell + bb boundary + gb heat. Exact. */
typedef struct evtwin__thermal_step {
    double cc, cb, bc, bb, gc, gb;
} evtwin__thermal_step;

evtwin__thermal_step evtwin__thermal_step_make(const evtwin__thermal *thermal, double dt_s);

/* Steady warming of the cell above the air for one watt, K/W. */
double evtwin__thermal_resistance_K_W(const evtwin__thermal *thermal);

/* ---- the kernel ---- */

/* The cell and the step, prepared once. */
typedef struct evtwin__ecm_model {
    const evtwin_cell *cell;
    double dt_s;
    evtwin__thermal_step thermal;
} evtwin__ecm_model;

void evtwin__ecm_model_init(const evtwin_cell *cell, double dt_s, evtwin__ecm_model *out);

/*
 * Step a block by at most n_steps of the model's dt: exponential midpoint, second order. Stops
 * after the first step in which a lane crossed its stop values. Currents are held back so that the
 * cell stays within v_min and v_max (a constant-voltage taper) and the state of charge within [0,
 * 1].
 * @return the number of steps made.
 */
int64_t evtwin__ecm_run(const evtwin__ecm_model *model, evtwin__ecm_block *block, int64_t n_steps);

/* The same on the least of registers: what every machine has, and what the others are tested
 * against. */
int64_t evtwin__ecm_run_baseline(const evtwin__ecm_model *model, evtwin__ecm_block *block,
                                 int64_t n_steps);

/* Capacity of a lane's cell, now. */
void evtwin__ecm_set_capacity(evtwin__ecm_block *block, int lane, double capacity_As);

/* Put a lane at rest: overpotentials zero, cell and boundary at a temperature. Ratios and capacity
 * are set. */
void evtwin__ecm_rest(const evtwin__ecm_model *model, evtwin__ecm_block *block, int lane,
                      double soc_frac, double temperature_degC);

/* Bring a lane at rest into the state that a current leads to when it has flowed for long: its
 * overpotentials, and the boundary between the cell's temperature and the air's. */
void evtwin__ecm_polarise(const evtwin__ecm_model *model, evtwin__ecm_block *block, int lane,
                          double current_A);

/* Terminal voltage of a lane's cell at its present current. */
double evtwin__ecm_voltage(const evtwin_cell *cell, const evtwin__ecm_block *block, int lane);

/* Cell current that gives a power at the cell's terminals now; the current of the greatest power
 * where more is requested than the cell can give. */
double evtwin__ecm_current_for_power(const evtwin_cell *cell, const evtwin__ecm_block *block,
                                     int lane, double power_W);

/* Forget the integrals of the stress (not those of charge). */
void evtwin__ecm_clear_stress(evtwin__ecm_block *block, int lane);

/* ---- the quasi-steady circuit, for one cell without a block ---- */

/* A cell under a current that has flowed for long against its time constants. */
typedef struct evtwin__ecm_steady {
    double current_A; /* the request within the voltage limits */
    double voltage_V, heat_W;
} evtwin__ecm_steady;

evtwin__ecm_steady evtwin__ecm_steady_at(const evtwin_cell *cell, double soc_frac,
                                         double temperature_degC, double request_A,
                                         double r0_ratio);

#endif
