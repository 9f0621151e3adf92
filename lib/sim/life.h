/* SPDX-License-Identifier: MIT */
/* sim/life.h: the slow state of one pack: how old, how worn; advanced by a day of use at a time. */
#ifndef EVTWIN_SIM_LIFE_H
#define EVTWIN_SIM_LIFE_H

#include "sim/ageing.h"
#include "sim/cell.h"
#include "sim/traits.h"

typedef struct evtwin__life {
    evtwin__ageing ageing;
    double age_days, cycles;      /* equivalent full cycles: discharge / as-built capacity */
    double temperature_degC_days; /* integral of the cell's temperature over the age */
    double soc_frac;              /* at the end of the last macro-step */
    double swing_top_frac;        /* where the discharge in progress began */
    int has_defect;
    double growth_at_onset; /* of the resistance, once has_defect */
} evtwin__life;

/* A pack as built, charged. */
evtwin__life evtwin__life_new(const evtwin__traits *traits);

/* What a macro-step saw, for records taken within it. */
typedef struct evtwin__life_day {
    evtwin__day plan;
    double start_frac, end_frac; /* state of charge in the morning; after the last trip */
    double air_mean_degC;
    int charges_at_night;
    double night_frac; /* state of charge after the night */
} evtwin__life_day;

/*
 * Live one day of use, number `day` of the pack's, at a date; or span_days such days at once, which
 * is how a history is made quickly.
 */
evtwin__life_day evtwin__life_step(const evtwin_cell *cell, const evtwin__traits *traits,
                                   evtwin__dice dice, uint64_t day, double date_days,
                                   double span_days, evtwin__life *life);

/* Apply a stress to the pack: ages it and lets a defect set in. */
void evtwin__life_stress(const evtwin_cell *cell, const evtwin__traits *traits,
                         const evtwin__stress *stress, evtwin__life *life);

/* The voltages a stress is described by: open-circuit at rest_frac, and rms over [low, top]. */
void evtwin__stress_voltages(const evtwin_cell *cell, double rest_frac, double low_frac,
                             double top_frac, evtwin__stress *stress);

/* Capacity now / as built. */
double evtwin__life_soh(const evtwin_cell *cell, const evtwin__life *life);

/* R0 now / as built, and the same of the 10 s resistance. */
double evtwin__life_r0_ratio(const evtwin_cell *cell, const evtwin__life *life);
double evtwin__life_r10_ratio(const evtwin_cell *cell, const evtwin__life *life);

/*
 * Age a new pack by its own use until its true SoH is soh_frac, in macro-steps of a fortnight, the
 * last one cut to fit. The past ends about end_days (a date), so that its seasons fit what follows.
 * EVTWIN_E_ARG if the cell set does not age so far.
 */
evtwin_status evtwin__life_age_to(const evtwin_cell *cell, const evtwin__traits *traits,
                                  evtwin__dice dice, double end_days, double soh_frac,
                                  evtwin__life *life);

#endif
