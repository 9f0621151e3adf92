/* SPDX-License-Identifier: MIT */
/* sim/variation.c: how the packs of a fleet differ, in figures, and the packs, days and weather
 * sampled from them. One model of car, driven as ride-hailing cars in one warm-temperate region.
 *
 * The figures were fixed by reasoning and typical values before any model was trained on the
 * result; not to be tuned so that a score looks good. Only the median life is calibrated, and that
 * in the cell's parameter file. [typical] marks an engineering judgement without one citable
 * source. */

#include "sim/pack.h"

#include "core/vmath.h"

#include <stddef.h>

/* ---- cells: packs differ by the lot their cells come from ---- */

/* Capacity 0.5 to 1 % and resistance 2 to 3 % between cells of one type, larger cells having the
 * lower resistance [typical]. */
#define CAPACITY_SIGMA 0.007
#define RESISTANCE_SIGMA 0.025
#define CAPACITY_RESISTANCE_CORRELATION (-0.3)

/* Rate of ageing under equal stress: log-normal, 10 % [typical]; fade and resistance growth share
 * half of their causes. */
#define AGEING_RATE_SIGMA 0.10
#define AGEING_RATE_CORRELATION 0.5

/* ---- use ---- */

/* Equivalent full cycles a working day, median car: 190 km at 0.18 kWh/km from 84 kWh. A
 * ride-hailing shift is 150 to 250 km; drivers differ by a quarter, days of one driver by three
 * tenths [typical]. */
#define DAILY_CYCLES_MEDIAN 0.41
#define DAILY_CYCLES_CAR_SIGMA 0.25
#define DAILY_CYCLES_DAY_SIGMA 0.30

/* Days off: from one in twenty to one in five. On such a day the car makes errands. */
#define REST_DAY_MIN 0.05
#define REST_DAY_MAX 0.20
#define REST_DAY_CYCLES 0.04

/* Where the driver lets charging end, and the state of charge at which a charger is looked for.
 * Makers recommend 80 to 90 % for daily use; part of the drivers charge full. */
#define CHARGE_LIMIT_MIN 0.80
#define CHARGE_LIMIT_MAX 1.00
#define PLUG_SOC_MIN 0.15
#define PLUG_SOC_MAX 0.35

/* Chance that the car is plugged in at night though it need not be: depends on the parking place.
 */
#define NIGHT_PLUG_MIN 0.5
#define NIGHT_PLUG_MAX 1.0

/* ---- climate: warm-temperate (mean 17 degC, July 25, January 9, as on the Mediterranean) ---- */

#define AIR_MEAN_degC 17.0
#define AIR_SEASON_K 8.0
#define AIR_DAY_K 5.0

/* Weather moves the whole region for days; a garage, shade or a hill moves one car for good. */
#define AIR_WEATHER_SIGMA_K 3.0
#define AIR_WEATHER_DAYS 4.0
#define AIR_CAR_SIGMA_K 1.5

/* ---- defects ---- */

/* One pack in ten develops one: from its onset, anywhere in the usual life, resistance grows ten
 * times as fast. */
#define DEFECT_PROBABILITY 0.10
#define DEFECT_ONSET_MIN_CYCLES 50.0
#define DEFECT_ONSET_MAX_CYCLES 650.0

/* The weather belongs to the region, not to a pack. */
#define REGION UINT32_MAX

/* exp(sigma n): median 1. */
static double log_normal(double sigma, double n) {
    return evtwin__exp(sigma * n);
}

/* A normal variate that has correlation r with a, from an independent b. */
static double correlated(double r, double a, double b) {
    return r * a + sqrt(1.0 - r * r) * b;
}

/* Uniform in [low, high], moved towards the middle by a scale below 1. */
static double between(evtwin__pack_rng rng, evtwin__channel channel, uint64_t step, int half,
                      double low, double high, double scale) {
    const double u = evtwin__sample_uniform(rng, channel, step, half);
    return 0.5 * (low + high) + scale * (u - 0.5) * (high - low);
}

evtwin__variation evtwin__variation_sample(evtwin__pack_rng rng, double scale) {
    const double c = evtwin__sample_normal(rng, EVTWIN__CHANNEL_CELL, 0, 0);
    const double r = correlated(CAPACITY_RESISTANCE_CORRELATION, c,
                                evtwin__sample_normal(rng, EVTWIN__CHANNEL_CELL, 0, 1));
    const double fade = evtwin__sample_normal(rng, EVTWIN__CHANNEL_RATE, 0, 0);
    const double growth = correlated(AGEING_RATE_CORRELATION, fade,
                                     evtwin__sample_normal(rng, EVTWIN__CHANNEL_RATE, 0, 1));
    const double daily = evtwin__sample_normal(rng, EVTWIN__CHANNEL_DISTANCE, 0, 0);
    const double climate = evtwin__sample_normal(rng, EVTWIN__CHANNEL_CLIMATE, 0, 0);
    const double fate = evtwin__sample_uniform(rng, EVTWIN__CHANNEL_DEFECT, 0, 0);
    return (evtwin__variation){
        .rng = rng,
        .capacity_factor = log_normal(scale * CAPACITY_SIGMA, c),
        .resistance_factor = log_normal(scale * RESISTANCE_SIGMA, r),
        .capacity_rate = log_normal(scale * AGEING_RATE_SIGMA, fade),
        .resistance_rate = log_normal(scale * AGEING_RATE_SIGMA, growth),
        .daily_cycles = DAILY_CYCLES_MEDIAN * log_normal(scale * DAILY_CYCLES_CAR_SIGMA, daily),
        .rest_day_probability =
            between(rng, EVTWIN__CHANNEL_DISTANCE, 0, 1, REST_DAY_MIN, REST_DAY_MAX, scale),
        .charge_limit_frac =
            between(rng, EVTWIN__CHANNEL_CHARGING, 0, 0, CHARGE_LIMIT_MIN, CHARGE_LIMIT_MAX, scale),
        .plug_frac =
            between(rng, EVTWIN__CHANNEL_CHARGING, 0, 1, PLUG_SOC_MIN, PLUG_SOC_MAX, scale),
        .night_plug_probability =
            between(rng, EVTWIN__CHANNEL_CHARGING, 1, 0, NIGHT_PLUG_MIN, NIGHT_PLUG_MAX, scale),
        .climate_K = scale * AIR_CAR_SIGMA_K * climate,
        .is_defective = scale > 0.0 && fate < DEFECT_PROBABILITY,
        .defect_onset_cycles = evtwin__sample_between(
            rng, EVTWIN__CHANNEL_DEFECT, 0, 1, DEFECT_ONSET_MIN_CYCLES, DEFECT_ONSET_MAX_CYCLES),
    };
}

evtwin__day evtwin__day_sample(const evtwin__variation *v, uint64_t day) {
    /* mean of exp(sigma n) is exp(sigma^2 / 2); taken out so that daily_cycles is the mean of a
     * working day */
    const double sigma = DAILY_CYCLES_DAY_SIGMA;
    const double n = evtwin__sample_normal(v->rng, EVTWIN__CHANNEL_DAY, day, 0);
    const int rests =
        evtwin__sample_uniform(v->rng, EVTWIN__CHANNEL_DAY, day, 1) < v->rest_day_probability;
    const double plug = evtwin__sample_uniform(v->rng, EVTWIN__CHANNEL_DAY_PLAN, day, 1);
    return (evtwin__day){
        .cycles = (rests ? REST_DAY_CYCLES : v->daily_cycles) *
                  evtwin__exp(sigma * n - 0.5 * sigma * sigma),
        .start_hour = evtwin__sample_between(v->rng, EVTWIN__CHANNEL_DAY_PLAN, day, 0, 6.0, 10.0),
        .plugs_in = plug < v->night_plug_probability,
    };
}

/* cos(2 pi x) by its Taylor polynomial on half a turn, absolute error below 1e-8; ours, so that the
 * weather has the same bits everywhere. */
static double cos_turns(double x) {
    static const double ratio[] = {1.0 / 462, 1.0 / 380, 1.0 / 306, 1.0 / 240, 1.0 / 182, 1.0 / 132,
                                   1.0 / 90,  1.0 / 56,  1.0 / 30,  1.0 / 12,  1.0 / 2};
    const double r = x - floor(x) - 0.5; /* cos(2 pi x) = -cos(2 pi r), |r| <= 1/2 */
    const double y = 39.478417604357434 * r * r;
    double p = 1.0;
    for (size_t k = 0; k < sizeof ratio / sizeof ratio[0]; k++) {
        p = 1.0 - p * y * ratio[k];
    }
    return -p;
}

double evtwin__air_mean_degC(const evtwin__variation *v, double date_days) {
    /* warmest on 21 July: day 201 of the year */
    const double season = cos_turns((date_days - 201.0) / 365.2425);
    const evtwin__pack_rng region = {v->rng.seed, REGION};
    const double weather =
        evtwin__sample_slow(region, EVTWIN__CHANNEL_WEATHER, date_days / AIR_WEATHER_DAYS);
    return AIR_MEAN_degC + AIR_SEASON_K * season + AIR_WEATHER_SIGMA_K * weather + v->climate_K;
}

double evtwin__air_degC(const evtwin__variation *v, double date_days) {
    /* warmest at three in the afternoon */
    return evtwin__air_mean_degC(v, date_days) + AIR_DAY_K * cos_turns(date_days - 15.0 / 24.0);
}
