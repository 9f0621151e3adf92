/* SPDX-License-Identifier: MIT */
/* sim/wear.h: the slow state of one pack: how old, how worn; advanced by a day of use at a time. */
#ifndef EVTWIN_SIM_WEAR_H
#define EVTWIN_SIM_WEAR_H

#include "sim/ageing.h"
#include "sim/cell.h"
#include "sim/variation.h"

typedef struct evtwin__wear {
    evtwin__ageing ageing;
    double age_days, cycles;      /* equivalent full cycles: discharge / as-built capacity */
    double temperature_degC_days; /* integral of the cell's temperature over the age */
    double soc_frac;              /* at the end of the last macro-step */
    double swing_top_frac;        /* where the discharge in progress began */
    int has_defect;
    double growth_at_onset; /* of the resistance, once has_defect */
} evtwin__wear;

/* A pack as built, charged. */
evtwin__wear evtwin__wear_new(const evtwin__variation *variation);

/* What a macro-step saw, for records taken within it. */
typedef struct evtwin__wear_day {
    evtwin__day plan;
    double start_frac, end_frac; /* state of charge in the morning; after the last trip */
    double air_mean_degC;
    int charges_at_night;
    double night_frac; /* state of charge after the night */
} evtwin__wear_day;

/*
 * One day of use, number `day` of the pack's, at a date; or span_days such days at once, which is
 * how a history is made quickly.
 */
evtwin__wear_day evtwin__wear_step(const evtwin_cell *cell, const evtwin__variation *variation,
                                   uint64_t day, double date_days, double span_days,
                                   evtwin__wear *wear);

/* State of charge where trips would take it to soc_frac: charged on the way where the car reaches
 * its plug-in level. */
double evtwin__soc_on_the_way(const evtwin__variation *variation, double soc_frac);

/* Apply a stress to the pack: ages it and lets a defect set in. */
void evtwin__wear_apply(const evtwin_cell *cell, const evtwin__variation *variation,
                        const evtwin__stress *stress, evtwin__wear *wear);

/* The voltages a stress is described by: open-circuit at rest_frac, and rms over [low, top]. */
void evtwin__stress_voltages(const evtwin_cell *cell, double rest_frac, double low_frac,
                             double top_frac, evtwin__stress *stress);

/* Capacity now / as built. */
double evtwin__wear_soh(const evtwin_cell *cell, const evtwin__wear *wear);

/* R0 now / as built, and the same of the 10 s resistance. */
double evtwin__wear_r0_ratio(const evtwin_cell *cell, const evtwin__wear *wear);
double evtwin__wear_r10_ratio(const evtwin_cell *cell, const evtwin__wear *wear);

/*
 * Age a new pack by its own use until its true SoH is soh_frac, in macro-steps of a fortnight, the
 * last one cut to fit. The past ends about end_days (a date), so that its seasons fit what follows.
 * EVTWIN_E_ARG if the cell set does not age so far.
 */
evtwin_status evtwin__wear_age_to(const evtwin_cell *cell, const evtwin__variation *variation,
                                  double end_days, double soh_frac, evtwin__wear *wear);

#endif
