/* SPDX-License-Identifier: MIT */
/* sim/variation.h: pack variation: what makes one pack of a fleet itself, its cells, its driver,
 * its climate; and its days. How far packs differ is written in variation.c. */
#ifndef EVTWIN_SIM_VARIATION_H
#define EVTWIN_SIM_VARIATION_H

#include "sim/pack_rng.h"

/* Pack currents of the contract: driving, charging. */
#define EVTWIN__DRIVE_MIN_A 50.0
#define EVTWIN__DRIVE_MAX_A 120.0
#define EVTWIN__CHARGE_MIN_A 100.0
#define EVTWIN__CHARGE_MAX_A 150.0

/* From the onset of a defect resistance grows so many times as fast. */
#define EVTWIN__DEFECT_GROWTH 10.0

/* Sampled once from the seed, fixed for life. */
typedef struct evtwin__variation {
    evtwin__pack_rng rng;                      /* for what is sampled later */
    double capacity_factor, resistance_factor; /* as built, against the nominal cell */
    double capacity_rate, resistance_rate;     /* of ageing, against the law */
    double daily_cycles, rest_day_probability;
    double charge_limit_frac, plug_frac, night_plug_probability;
    double climate_K;
    int is_defective;
    double defect_onset_cycles;
} evtwin__variation;

/* spread_scale multiplies every deviation from the nominal pack; 0 also leaves defects out. */
evtwin__variation evtwin__variation_sample(evtwin__pack_rng rng, double spread_scale);

/* What a car does on one day. */
typedef struct evtwin__day {
    double cycles;     /* to drive, equivalent full cycles */
    double start_hour; /* of the first trip */
    int plugs_in;      /* in the evening, though it need not */
} evtwin__day;

evtwin__day evtwin__day_sample(const evtwin__variation *variation, uint64_t day);

/* Air around a car at a time given in days since 1970-01-01T00:00Z, with or without the hour's
 * part. */
double evtwin__air_degC(const evtwin__variation *variation, double date_days);
double evtwin__air_mean_degC(const evtwin__variation *variation, double date_days);

#endif
