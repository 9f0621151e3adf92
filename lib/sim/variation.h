/* SPDX-License-Identifier: MIT */
/* sim/variation.h: pack variation: what makes one pack of a fleet itself, its cells, its driver,
 * its climate; its days; and the figures of how packs differ. One model of car, driven as
 * ride-hailing cars in one warm-temperate region.
 *
 * The figures were fixed by reasoning and typical values before any model was trained on the
 * result; not to be tuned so that a score looks good. Only the median life is calibrated, and that
 * in the cell's parameter file. [typical] marks an engineering judgement without one citable
 * source. */
#ifndef EVTWIN_SIM_VARIATION_H
#define EVTWIN_SIM_VARIATION_H

#include "sim/pack_rng.h"

/* ---- cells: packs differ by the lot their cells come from ---- */

/* Capacity 0.5 to 1 % and resistance 2 to 3 % between cells of one type, larger cells having the
 * lower resistance [typical]. */
#define EVTWIN__CAPACITY_SIGMA 0.007
#define EVTWIN__RESISTANCE_SIGMA 0.025
#define EVTWIN__CAPACITY_RESISTANCE_CORRELATION (-0.3)

/* Rate of ageing under equal stress: log-normal, 10 % [typical]; fade and resistance growth share
 * half of their causes. */
#define EVTWIN__AGEING_RATE_SIGMA 0.10
#define EVTWIN__AGEING_RATE_CORRELATION 0.5

/* ---- use ---- */

/* Equivalent full cycles a working day, median car: 190 km at 0.18 kWh/km from 84 kWh. A
 * ride-hailing shift is 150 to 250 km; drivers differ by a quarter, days of one driver by three
 * tenths [typical]. */
#define EVTWIN__DAILY_CYCLES_MEDIAN 0.41
#define EVTWIN__DAILY_CYCLES_CAR_SIGMA 0.25
#define EVTWIN__DAILY_CYCLES_DAY_SIGMA 0.30

/* Days off: from one in twenty to one in five. On such a day the car makes errands. */
#define EVTWIN__REST_DAY_MIN 0.05
#define EVTWIN__REST_DAY_MAX 0.20
#define EVTWIN__REST_DAY_CYCLES 0.04

/* Where the driver lets charging end, and the state of charge at which a charger is looked for.
 * Makers recommend 80 to 90 % for daily use; part of the drivers charge full. */
#define EVTWIN__CHARGE_LIMIT_MIN 0.80
#define EVTWIN__CHARGE_LIMIT_MAX 1.00
#define EVTWIN__PLUG_SOC_MIN 0.15
#define EVTWIN__PLUG_SOC_MAX 0.35

/* Chance that the car is plugged in at night though it need not be: depends on the parking place.
 */
#define EVTWIN__NIGHT_PLUG_MIN 0.5
#define EVTWIN__NIGHT_PLUG_MAX 1.0

/* Pack currents of the contract: driving, charging. */
#define EVTWIN__DRIVE_MIN_A 50.0
#define EVTWIN__DRIVE_MAX_A 120.0
#define EVTWIN__CHARGE_MIN_A 100.0
#define EVTWIN__CHARGE_MAX_A 150.0

/* ---- climate: warm-temperate (mean 17 degC, July 25, January 9, as on the Mediterranean) ---- */

#define EVTWIN__AIR_MEAN_degC 17.0
#define EVTWIN__AIR_SEASON_K 8.0
#define EVTWIN__AIR_DAY_K 5.0

/* Weather moves the whole region for days; a garage, shade or a hill moves one car for good. */
#define EVTWIN__AIR_WEATHER_SIGMA_K 3.0
#define EVTWIN__AIR_WEATHER_DAYS 4.0
#define EVTWIN__AIR_CAR_SIGMA_K 1.5

/* ---- defects ---- */

/* One pack in ten develops one: from its onset, anywhere in the usual life, resistance grows ten
 * times as fast. */
#define EVTWIN__DEFECT_PROBABILITY 0.10
#define EVTWIN__DEFECT_GROWTH 10.0
#define EVTWIN__DEFECT_ONSET_MIN_CYCLES 50.0
#define EVTWIN__DEFECT_ONSET_MAX_CYCLES 650.0

/* ---- one pack, its days and its weather ---- */

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
