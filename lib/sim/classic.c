/* SPDX-License-Identifier: MIT */
/* sim/classic.c: the original demo's formulas: random charge, voltage and temperature from it, no
 * physics. Same distributions as the original, not the same numbers: its generator was Python's. */

#include "sim/fleet.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

/* The original made one step per message, every 2 s. */
#define STEP_S 2.0

typedef struct evtwin__classic {
    double soc_percent, soh_percent, soh_start_percent;
    double current_A, voltage_V, temperature_degC;
    double cycles, cycles_start;
    int is_charging;
} classic_pack;

static evtwin_status create(evtwin_sim *sim) {
    sim->classic = evtwin__calloc(sim->n_packs, sizeof *sim->classic);
    EVTWIN_FAIL_IF(sim->classic == NULL, EVTWIN_E_NOMEM, "no memory for %zu packs", sim->n_packs);
    for (size_t i = 0; i < sim->n_packs; i++) {
        const double soc_percent = 100.0 * evtwin__start_soc_frac(sim, i, 1.0);
        const double soh_percent = 100.0 * evtwin__start_soh_frac(sim, i);
        sim->classic[i] = (classic_pack){
            .soc_percent = soc_percent,
            .soh_percent = soh_percent,
            .soh_start_percent = soh_percent,
            .voltage_V = 350.0 + 0.5 * soc_percent,
            .temperature_degC = sim->options.initial_temperature_degC,
            .cycles = sim->options.initial_cycles,
            .cycles_start = sim->options.initial_cycles,
        };
    }
    return EVTWIN_OK;
}

static void resume(evtwin_sim *sim, size_t i, const evtwin__reading *r) {
    classic_pack *c = &sim->classic[i];
    c->soc_percent = isnan(r->soc_percent) ? c->soc_percent : r->soc_percent;
    c->soh_percent = isnan(r->soh_percent) ? c->soh_percent : r->soh_percent;
    c->cycles = r->charge_cycles < 0 ? c->cycles : (double)r->charge_cycles;
    c->temperature_degC = isnan(r->temperature_degC) ? c->temperature_degC : r->temperature_degC;
    c->voltage_V = isnan(r->voltage_V) ? c->voltage_V : r->voltage_V;
    c->current_A = isnan(r->current_A) ? c->current_A : r->current_A;
    c->is_charging = r->is_charging;

    /* its health falls from here on */
    c->soh_start_percent = c->soh_percent;
    c->cycles_start = c->cycles;
}

static void step_once(classic_pack *c, evtwin__pack_rng rng, uint64_t step) {
    const evtwin__rng_block a = evtwin__sample_block(rng, EVTWIN__CHANNEL_CLASSIC_STEP, step);
    const evtwin__rng_block b = evtwin__sample_block(rng, EVTWIN__CHANNEL_CLASSIC_NOISE, step);
    const double u_soc = evtwin__rng_uniform(a, 0), u_current = evtwin__rng_uniform(a, 1);
    const double before = c->soc_percent;

    if (c->is_charging) {
        c->soc_percent = evtwin__clamp(before + 0.5 + u_soc, 0.0, 100.0);
        c->current_A = -(100.0 + 50.0 * u_current);
        if (c->soc_percent >= 99.0) {
            c->is_charging = 0;
            c->cycles += 1.0;
        }
    } else {
        c->soc_percent = evtwin__clamp(before - (0.2 + 0.6 * u_soc), 0.0, 100.0);
        c->current_A = 50.0 + 70.0 * u_current;
        if (c->soc_percent <= 20.0) {
            c->is_charging = 1;
        }
    }

    /* T = clip(25 + 0.08 |I| + U(-2, 2), 20, 80);  V = 350 + 0.5 SoC + U(-5, 5) */
    const double u_t = evtwin__rng_uniform(b, 0), u_v = evtwin__rng_uniform(b, 1);
    c->temperature_degC =
        evtwin__clamp(25.0 + 0.08 * fabs(c->current_A) + 4.0 * u_t - 2.0, 20.0, 80.0);
    c->voltage_V = 350.0 + 0.5 * c->soc_percent + 10.0 * u_v - 5.0;

    /* SoH falls 0.01 a cycle from where it starts, to 70 or to where it started if that is lower */
    const double floor_percent = c->soh_start_percent < 70.0 ? c->soh_start_percent : 70.0;
    const double soh = c->soh_start_percent - 0.01 * (c->cycles - c->cycles_start);
    c->soh_percent = soh > floor_percent ? soh : floor_percent;
}

static evtwin_status advance(evtwin_sim *sim, int64_t until) {
    for (size_t i = 0; i < sim->n_packs; i++) {
        const evtwin__pack_rng rng = {sim->options.seed, (uint32_t)i};
        for (int64_t step = sim->step; step < until; step++) {
            step_once(&sim->classic[i], rng, (uint64_t)step);
        }
    }
    return EVTWIN_OK;
}

/* Telemetry has two decimals; the model goes on with what it has. */
static double two_decimals(double x) {
    return evtwin__round_to(x, 100.0);
}

static evtwin__reading read_pack(const evtwin_sim *sim, size_t pack) {
    const classic_pack *c = &sim->classic[pack];
    return (evtwin__reading){
        .soc_percent = two_decimals(c->soc_percent),
        .soh_percent = two_decimals(c->soh_percent),
        .voltage_V = two_decimals(c->voltage_V),
        .current_A = two_decimals(c->current_A),
        .temperature_degC = two_decimals(c->temperature_degC),
        .charge_cycles = (int64_t)c->cycles,
        .power_W = two_decimals(fabs(c->voltage_V * c->current_A)),
        .is_charging = c->current_A < 0.0,
        .resistance_mohm = NAN,
        .mean_temperature_degC = NAN,
        .throughput_Ah_per_day = NAN,
    };
}

/* What the model knows of a pack c. */
#define TRUTH(X)                                                                                   \
    X(soc_frac, 0.01 * c->soc_percent)                                                             \
    X(soh_frac, 0.01 * c->soh_percent)                                                             \
    X(equivalent_full_cycles, c->cycles)                                                           \
    X(voltage_V, c->voltage_V)                                                                     \
    X(current_A, c->current_A)                                                                     \
    X(temperature_degC, c->temperature_degC)

enum { TRUTH(EVTWIN__TRUTH_INDEX) N_TRUTH };
static const char *const truth_names[] = {TRUTH(EVTWIN__TRUTH_NAME)};

static double truth(const evtwin_sim *sim, size_t pack, size_t quantity) {
    const classic_pack *c = &sim->classic[pack];
    switch (quantity) {
        TRUTH(EVTWIN__TRUTH_CASE)
    default:
        return NAN;
    }
}

const evtwin__fleet_model evtwin__fleet_classic = {
    .name = "classic",
    .fixed_step_s = STEP_S,
    .create = create,
    .resume = resume,
    .advance = advance,
    .read = read_pack,
    .truth_names = truth_names,
    .n_truth = N_TRUTH,
    .truth = truth,
};
