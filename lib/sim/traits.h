/* SPDX-License-Identifier: MIT */
/* sim/traits.h: what makes one pack of a fleet itself: its cells, its driver, its climate; and its
 * days. */
#ifndef EVTWIN_SIM_TRAITS_H
#define EVTWIN_SIM_TRAITS_H

#include "sim/draw.h"

/* Drawn once from the seed, fixed for life. */
typedef struct evtwin__traits {
    double capacity_factor, resistance_factor; /* as built, against the nominal cell */
    double capacity_rate, resistance_rate;     /* of ageing, against the law */
    double daily_cycles, rest_day_probability;
    double charge_limit_frac, plug_frac, night_plug_probability;
    double climate_K;
    int is_defective;
    double defect_onset_cycles;
} evtwin__traits;

/* spread_scale multiplies every deviation from the nominal pack; 0 also leaves defects out. */
evtwin__traits evtwin__traits_draw(evtwin__dice dice, double spread_scale);

/* What a car does on one day. */
typedef struct evtwin__day {
    double cycles;     /* to drive, equivalent full cycles */
    double start_hour; /* of the first trip */
    int plugs_in;      /* in the evening, though it need not */
} evtwin__day;

evtwin__day evtwin__day_draw(const evtwin__traits *traits, evtwin__dice dice, uint64_t day);

/* Air around a car at a time given in days since 1970-01-01T00:00Z, with or without the hour's
 * part. */
double evtwin__air_degC(const evtwin__traits *traits, evtwin__dice dice, double date_days);
double evtwin__air_mean_degC(const evtwin__traits *traits, evtwin__dice dice, double date_days);

#endif
