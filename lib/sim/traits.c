/* SPDX-License-Identifier: MIT */
/* sim/traits.c: draw packs, drivers, days and weather. The figures are in fleet_spread.h. */

#include "sim/traits.h"

#include "core/vmath.h"
#include "sim/fleet_spread.h"

#include <math.h>
#include <stddef.h>

/* The weather belongs to the region, not to a pack. */
#define REGION UINT32_MAX

double evtwin__draw_slow(evtwin__dice d, evtwin__rng_stream stream, evtwin__channel channel,
                         double t) {
    const double knot = floor(t);
    const double f = t - knot;
    const uint64_t step = (uint64_t)(int64_t)knot;
    const double a = evtwin__draw_normal(d, stream, channel, step, 0);
    const double b = evtwin__draw_normal(d, stream, channel, step + 1, 0);
    return (a * (1.0 - f) + b * f) / sqrt((1.0 - f) * (1.0 - f) + f * f);
}

/* exp(sigma n): median 1. */
static double log_normal(double sigma, double n) {
    return evtwin__exp(sigma * n);
}

/* A normal variate that has correlation r with a, from an independent b. */
static double correlated(double r, double a, double b) {
    return r * a + sqrt(1.0 - r * r) * b;
}

/* Uniform in [low, high], drawn towards the middle by a scale below 1. */
static double between(double u, double low, double high, double scale) {
    return 0.5 * (low + high) + scale * (u - 0.5) * (high - low);
}

evtwin__traits evtwin__traits_draw(evtwin__dice dice, double scale) {
    const evtwin__rng_stream build = EVTWIN__RNG_BUILD, use = EVTWIN__RNG_USE;
    evtwin__traits t;

    /* cells */
    const double c = evtwin__draw_normal(dice, build, EVTWIN__DRAW_CELL, 0, 0);
    const double r = correlated(EVTWIN__CAPACITY_RESISTANCE_CORRELATION, c,
                                evtwin__draw_normal(dice, build, EVTWIN__DRAW_CELL, 0, 1));
    t.capacity_factor = log_normal(scale * EVTWIN__CAPACITY_SIGMA, c);
    t.resistance_factor = log_normal(scale * EVTWIN__RESISTANCE_SIGMA, r);
    const double fade = evtwin__draw_normal(dice, build, EVTWIN__DRAW_RATE, 0, 0);
    const double growth = correlated(EVTWIN__AGEING_RATE_CORRELATION, fade,
                                     evtwin__draw_normal(dice, build, EVTWIN__DRAW_RATE, 0, 1));
    t.capacity_rate = log_normal(scale * EVTWIN__AGEING_RATE_SIGMA, fade);
    t.resistance_rate = log_normal(scale * EVTWIN__AGEING_RATE_SIGMA, growth);

    /* driver */
    t.daily_cycles = EVTWIN__DAILY_CYCLES_MEDIAN *
                     log_normal(scale * EVTWIN__DAILY_CYCLES_CAR_SIGMA,
                                evtwin__draw_normal(dice, use, EVTWIN__DRAW_DISTANCE, 0, 0));
    t.rest_day_probability = between(evtwin__draw_uniform(dice, use, EVTWIN__DRAW_DISTANCE, 0, 1),
                                     EVTWIN__REST_DAY_MIN, EVTWIN__REST_DAY_MAX, scale);
    t.charge_limit_frac = between(evtwin__draw_uniform(dice, use, EVTWIN__DRAW_CHARGING, 0, 0),
                                  EVTWIN__CHARGE_LIMIT_MIN, EVTWIN__CHARGE_LIMIT_MAX, scale);
    t.plug_frac = between(evtwin__draw_uniform(dice, use, EVTWIN__DRAW_CHARGING, 0, 1),
                          EVTWIN__PLUG_SOC_MIN, EVTWIN__PLUG_SOC_MAX, scale);
    t.night_plug_probability = between(evtwin__draw_uniform(dice, use, EVTWIN__DRAW_CHARGING, 1, 0),
                                       EVTWIN__NIGHT_PLUG_MIN, EVTWIN__NIGHT_PLUG_MAX, scale);

    /* place */
    t.climate_K = scale * EVTWIN__AIR_CAR_SIGMA_K *
                  evtwin__draw_normal(dice, use, EVTWIN__DRAW_CLIMATE, 0, 0);

    /* fate */
    t.is_defective =
        scale > 0.0 && evtwin__draw_uniform(dice, EVTWIN__RNG_DEFECT, EVTWIN__DRAW_DEFECT, 0, 0) <
                           EVTWIN__DEFECT_PROBABILITY;
    t.defect_onset_cycles =
        evtwin__draw_between(dice, EVTWIN__RNG_DEFECT, EVTWIN__DRAW_DEFECT, 0, 1,
                             EVTWIN__DEFECT_ONSET_MIN_CYCLES, EVTWIN__DEFECT_ONSET_MAX_CYCLES);
    return t;
}

evtwin__day evtwin__day_draw(const evtwin__traits *t, evtwin__dice dice, uint64_t day) {
    const evtwin__rng_stream use = EVTWIN__RNG_USE;
    evtwin__day d;

    /* mean of exp(sigma n) is exp(sigma^2 / 2); taken out so that daily_cycles is the mean of a
     * working day */
    const double sigma = EVTWIN__DAILY_CYCLES_DAY_SIGMA;
    const double n = evtwin__draw_normal(dice, use, EVTWIN__DRAW_DAY, day, 0);
    const int rests =
        evtwin__draw_uniform(dice, use, EVTWIN__DRAW_DAY, day, 1) < t->rest_day_probability;
    d.cycles = (rests ? EVTWIN__REST_DAY_CYCLES : t->daily_cycles) *
               evtwin__exp(sigma * n - 0.5 * sigma * sigma);
    d.start_hour = evtwin__draw_between(dice, use, EVTWIN__DRAW_DAY_PLAN, day, 0, 6.0, 10.0);
    d.plugs_in =
        evtwin__draw_uniform(dice, use, EVTWIN__DRAW_DAY_PLAN, day, 1) < t->night_plug_probability;
    return d;
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

double evtwin__air_mean_degC(const evtwin__traits *t, evtwin__dice dice, double date_days) {
    /* warmest on 21 July: day 201 of the year */
    const double season = cos_turns((date_days - 201.0) / 365.2425);
    const evtwin__dice region = {dice.seed, REGION};
    const double weather = evtwin__draw_slow(region, EVTWIN__RNG_USE, EVTWIN__DRAW_WEATHER,
                                             date_days / EVTWIN__AIR_WEATHER_DAYS);
    return EVTWIN__AIR_MEAN_degC + EVTWIN__AIR_SEASON_K * season +
           EVTWIN__AIR_WEATHER_SIGMA_K * weather + t->climate_K;
}

double evtwin__air_degC(const evtwin__traits *t, evtwin__dice dice, double date_days) {
    /* warmest at three in the afternoon */
    return evtwin__air_mean_degC(t, dice, date_days) +
           EVTWIN__AIR_DAY_K * cos_turns(date_days - 15.0 / 24.0);
}
