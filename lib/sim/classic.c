/* SPDX-License-Identifier: MIT */
/* sim/classic.c: the original demo's formulas: random charge, voltage and temperature from it, no
 * physics. Same distributions as the original, not the same numbers: its generator was Python's. */

#include "sim/classic.h"

#include <math.h>

static double clamp(double x, double low, double high) {
    return x < low ? low : (x > high ? high : x);
}

evtwin__classic evtwin__classic_new(evtwin__dice dice, double soc_percent, double soh_percent,
                                    double temperature_degC, double cycles) {
    return (evtwin__classic){
        .dice = dice,
        .soc_percent = soc_percent,
        .soh_percent = soh_percent,
        .soh_start_percent = soh_percent,
        .voltage_V = 350.0 + 0.5 * soc_percent,
        .temperature_degC = temperature_degC,
        .cycles = cycles,
        .cycles_start = cycles,
    };
}

static void step_once(evtwin__classic *c, uint64_t step) {
    const evtwin__rng_block a = evtwin__rng_at(c->dice.seed, EVTWIN__RNG_CLASSIC, c->dice.pack,
                                               EVTWIN__DRAW_CLASSIC_STEP, step);
    const evtwin__rng_block b = evtwin__rng_at(c->dice.seed, EVTWIN__RNG_CLASSIC, c->dice.pack,
                                               EVTWIN__DRAW_CLASSIC_NOISE, step);
    const double u_soc = evtwin__rng_uniform(a, 0), u_current = evtwin__rng_uniform(a, 1);
    const double before = c->soc_percent;

    if (c->is_charging) {
        c->soc_percent = clamp(before + 0.5 + u_soc, 0.0, 100.0);
        c->current_A = -(100.0 + 50.0 * u_current);
        if (c->soc_percent >= 99.0) {
            c->is_charging = 0;
            c->cycles += 1.0;
        }
    } else {
        c->soc_percent = clamp(before - (0.2 + 0.6 * u_soc), 0.0, 100.0);
        c->current_A = 50.0 + 70.0 * u_current;
        if (c->soc_percent <= 20.0) {
            c->is_charging = 1;
        }
        c->discharged_percent += before - c->soc_percent;
    }
    c->charge_percent += before - c->soc_percent;

    /* T = clip(25 + 0.08 |I| + U(-2, 2), 20, 80);  V = 350 + 0.5 SoC + U(-5, 5) */
    const double u_t = evtwin__rng_uniform(b, 0), u_v = evtwin__rng_uniform(b, 1);
    c->temperature_degC = clamp(25.0 + 0.08 * fabs(c->current_A) + 4.0 * u_t - 2.0, 20.0, 80.0);
    c->voltage_V = 350.0 + 0.5 * c->soc_percent + 10.0 * u_v - 5.0;

    /* SoH falls 0.01 a cycle from where it starts, to 70 or to where it started if that is lower */
    const double floor_percent = c->soh_start_percent < 70.0 ? c->soh_start_percent : 70.0;
    const double soh = c->soh_start_percent - 0.01 * (c->cycles - c->cycles_start);
    c->soh_percent = soh > floor_percent ? soh : floor_percent;
}

void evtwin__classic_run(evtwin__classic *c, int64_t step, int64_t until) {
    for (int64_t i = step; i < until; i++) {
        step_once(c, (uint64_t)i);
    }
}

evtwin__reading evtwin__classic_read(const evtwin__classic *c) {
    return (evtwin__reading){
        .soc_percent = c->soc_percent,
        .soh_percent = c->soh_percent,
        .voltage_V = c->voltage_V,
        .current_A = c->current_A,
        .temperature_degC = c->temperature_degC,
        .charge_cycles = (int64_t)c->cycles,
        .power_W = fabs(c->voltage_V * c->current_A),
        .is_charging = c->current_A < 0.0,
        .resistance_mohm = NAN,
        .mean_temperature_degC = NAN,
        .throughput_Ah_per_day = NAN,
    };
}
