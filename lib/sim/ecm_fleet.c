/* SPDX-License-Identifier: MIT */
/* sim/ecm_fleet.c: fleets of the equivalent circuit: packs made and aged to where they start, runs
 * of the kernel between their decisions, what they show and what is true of them. */

#include "sim/fleet.h"

#include "core/mem.h"
#include "core/parallel.h"
#include "core/status.h"

#define AMPERE_SECONDS_PER_Ah 3600.0

/* Air around packs that cycle: a hall. */

/* Blocks that one thread takes at a time. */
enum { BLOCKS_PER_ITEM = 16 };

/* ---- making ---- */

/* Bring a pack's capacity and resistances from its wear into its lane. */
static void apply_wear(const evtwin__lane *l) {
    const evtwin__pack *pack = l->pack;
    const double r0_ratio = evtwin__wear_r0_ratio(&pack->wear);
    evtwin__ecm_set_capacity(l->block, l->i, pack->as_built_As * evtwin__wear_soh(&pack->wear));
    l->block->r0_ratio[l->i] = pack->variation.resistance_factor * r0_ratio;
    l->block->rc_ratio[l->i] = pack->variation.resistance_factor * evtwin__rc_ratio(r0_ratio);
}

/* Sample one pack, give it a past, and put it to its use. */
static evtwin_status make_pack(const evtwin_sim *sim, size_t i) {
    const evtwin__lane l = evtwin__lane_of(sim, i);
    evtwin__pack *pack = l.pack;
    const evtwin__pack_rng rng = {sim->options.seed, (uint32_t)i};
    pack->variation = evtwin__variation_sample(rng, sim->cell.spread_scale);
    pack->variation.is_defective &= !sim->options.without_defects;
    pack->sensors = evtwin__sensors_sample(rng);
    pack->as_built_As = 3600.0 * sim->cell.capacity_Ah * pack->variation.capacity_factor;

    pack->wear = evtwin__wear_new(&sim->cell, &pack->variation);
    EVTWIN_TRY(evtwin__wear_age_to(&pack->wear, sim->start_days, evtwin__start_soh_frac(sim, i)));
    apply_wear(&l);
    l.block->air_degC[l.i] = EVTWIN__CYCLE_AIR_degC;
    evtwin__ecm_rest(&sim->ecm, l.block, l.i,
                     evtwin__start_soc_frac(sim, i, sim->cell.spread_scale),
                     sim->options.initial_temperature_degC);
    evtwin__profile_start(&l, 0);
    return EVTWIN_OK;
}

/* Lanes beyond the last pack: at rest for ever, and of a harmless size. */
static void fill_idle_lane(const evtwin_sim *sim, evtwin__ecm_block *b, int lane) {
    evtwin__ecm_set_capacity(b, lane, 3600.0 * sim->cell.capacity_Ah);
    b->r0_ratio[lane] = 1.0;
    b->rc_ratio[lane] = 1.0;
    b->air_degC[lane] = EVTWIN__CYCLE_AIR_degC;
    evtwin__ecm_rest(&sim->ecm, b, lane, 0.5, EVTWIN__CYCLE_AIR_degC);
    evtwin__profile_hand_over(b, lane, 0.0);
}

static evtwin_status make_block(void *ctx, size_t block) {
    const evtwin_sim *sim = ctx;
    for (size_t lane = 0; lane < EVTWIN__LANES; lane++) {
        const size_t i = block * EVTWIN__LANES + lane;
        if (i < sim->n_packs) {
            EVTWIN_TRY(make_pack(sim, i));
        } else {
            fill_idle_lane(sim, &sim->blocks[block], (int)lane);
        }
    }
    return EVTWIN_OK;
}

static evtwin_status create(evtwin_sim *sim) {
    evtwin__ecm_model_init(&sim->cell, sim->dt_s, &sim->ecm);
    const double size = sim->cell.capacity_Ah / EVTWIN__REFERENCE_CELL_Ah;
    sim->current_scale = size / EVTWIN__REFERENCE_PARALLEL;
    sim->power_scale = size / (EVTWIN__REFERENCE_SERIES * EVTWIN__REFERENCE_PARALLEL);
    sim->n_blocks = (sim->n_packs + EVTWIN__LANES - 1) / EVTWIN__LANES;
    sim->blocks = evtwin__calloc_aligned(sim->n_blocks, sizeof *sim->blocks);
    sim->packs = evtwin__calloc(sim->n_packs, sizeof *sim->packs);
    EVTWIN_FAIL_IF(sim->blocks == NULL || sim->packs == NULL, EVTWIN_E_NOMEM,
                   "no memory for %zu packs", sim->n_packs);
    EVTWIN_FAIL_IF(
        sim->cell.ageing.kind == EVTWIN__AGEING_NONE &&
            (sim->options.initial_soh_percent < 100.0 || sim->options.final_soh_percent < 100.0),
        EVTWIN_E_ARG, "cell set '%s' has no ageing law: initial_soh_percent must be 100",
        sim->cell.name);
    return evtwin__parallel_for(sim->options.n_threads, sim->n_blocks, make_block, sim);
}

/* ---- going on from a record ---- */

/* Give a pack its 10 s resistance, which grows with R0 in proportion. One below what it was built
 * with by these options was built with less. */
static void resume_resistance(const evtwin_sim *sim, evtwin__pack *p, double resistance_ohm) {
    const double scale =
        (double)sim->options.n_series / sim->options.n_parallel * p->variation.resistance_factor;
    const double as_built = scale * evtwin__cell_r10_ohm(&sim->cell, 1.0);
    const double twice = scale * evtwin__cell_r10_ohm(&sim->cell, 2.0);
    if (!(resistance_ohm > 0.0)) {
        return; /* not known */
    }
    if (resistance_ohm < as_built) {
        p->variation.resistance_factor *= resistance_ohm / as_built;
        resistance_ohm = as_built;
    }
    evtwin__wear_set_r0_ratio(&p->wear, 1.0 + (resistance_ohm - as_built) / (twice - as_built));
}

/* The slow state: the log of the life so far, then what it did to the cell. */
static evtwin__sensor_input resume_wear(const evtwin_sim *sim, evtwin__pack *p,
                                        const evtwin__reading *r) {
    evtwin__wear *w = &p->wear;
    const double mean_degC = w->age_days > 0.0 ? w->temperature_degC_days / w->age_days : NAN;
    if (r->charge_cycles >= 0) {
        w->cycles = (double)r->charge_cycles;
    }
    if (r->throughput_Ah_per_day > 0.0 && w->cycles > 0.0) { /* and so it is so old */
        w->age_days = w->cycles * p->as_built_As / AMPERE_SECONDS_PER_Ah * sim->options.n_parallel *
                      (1.0 + p->sensors.current_gain_frac) / r->throughput_Ah_per_day;
    }
    const evtwin__sensor_input in = evtwin__sensors_invert(&p->sensors, w->age_days, r);
    w->temperature_degC_days =
        w->age_days * (isnan(in.mean_temperature_degC) ? mean_degC : in.mean_temperature_degC);
    w->temperature_degC_days = isnan(w->temperature_degC_days) ? 0.0 : w->temperature_degC_days;
    if (!isnan(in.soh_frac)) {
        evtwin__wear_set_soh(w, evtwin__clamp(in.soh_frac, 0.05, 1.0));
    }
    resume_resistance(sim, p, in.resistance_ohm);
    return in;
}

static void resume(evtwin_sim *sim, size_t i, const evtwin__reading *r) {
    const evtwin__lane l = evtwin__lane_of(sim, i);
    evtwin__ecm_block *b = l.block;
    const evtwin__sensor_input in = resume_wear(sim, l.pack, r);
    l.pack->taken_step = sim->step;
    apply_wear(&l);
    evtwin__ecm_rest(&sim->ecm, b, l.i,
                     isnan(in.soc_frac) ? b->soc_frac[l.i] : evtwin__clamp(in.soc_frac, 0.0, 1.0),
                     isnan(in.temperature_degC) ? b->temperature_degC[l.i] : in.temperature_degC);
    if (isnan(in.current_A)) {
        evtwin__profile_start(&l, sim->step);
        return;
    }
    evtwin__ecm_polarise(&sim->ecm, b, l.i, in.current_A / sim->options.n_parallel);
    evtwin__profile_resume(&l, sim->step,
                           in.current_A > 0.0   ? EVTWIN__PHASE_DRIVE
                           : in.current_A < 0.0 ? EVTWIN__PHASE_CHARGE
                                                : EVTWIN__PHASE_PARK);
}

/* ---- stepping ---- */

/* Step at which the calendar day after the one of `step` begins. */
static int64_t next_midnight(const evtwin_sim *sim, int64_t step) {
    const double day = floor(evtwin__step_date(sim, step) + 1e-9) + 1.0;
    const double wait_s = (day - sim->start_days) * EVTWIN__SECONDS_PER_DAY;
    const int64_t next = (int64_t)ceil(wait_s / sim->dt_s - 1e-6);
    return next > step ? next : step + 1;
}

/* Age a pack by what its lane went through since the last time. */
static void take_stress(const evtwin__lane *l, int64_t step) {
    const evtwin__ecm_block *b = l->block;
    evtwin__pack *pack = l->pack;
    const double elapsed_s = evtwin__step_time_s(l->sim, step - pack->taken_step);
    const double discharged_As = b->discharge_As[l->i] - pack->taken_As;
    const double driving_h = b->sum_discharge_time_s[l->i] / 3600.0;
    evtwin__stress s = {
        .duration_days = elapsed_s / EVTWIN__SECONDS_PER_DAY,
        .temperature_degC = b->sum_temperature_degC_s[l->i] / elapsed_s,
        .cycles = discharged_As / pack->as_built_As,
    };
    s.rate_per_h = driving_h > 0.0 ? s.cycles / driving_h : 0.0;
    evtwin__stress_voltages(&l->sim->cell, b->sum_soc_s[l->i] / elapsed_s, b->soc_min_frac[l->i],
                            b->soc_max_frac[l->i], &s);
    evtwin__wear_apply(&pack->wear, &s);
    pack->taken_As = b->discharge_As[l->i];
    pack->taken_step = step;
    evtwin__ecm_clear_stress(l->block, l->i);
    apply_wear(l);
}

/* A new calendar day: wear of the old one, plan of the new one. */
static void turn_day(const evtwin__lane *l, int64_t step) {
    take_stress(l, step);
    evtwin__pack *pack = l->pack;
    const uint64_t day = (uint64_t)floor(evtwin__step_date(l->sim, step) + 1e-9);
    pack->driver.plan = evtwin__day_sample(&pack->variation, day);
    pack->driver.trip = 0;

    /* stops depend on the capacity, a parked car on its plan: both are looked at again */
    if (!l->sim->by_hand) {
        pack->driver.next_step = step;
    }
}

/* Bring one block from the fleet's step to `until`. */
static void advance_block(const evtwin_sim *sim, size_t block, int64_t until) {
    const size_t first = block * EVTWIN__LANES, left = sim->n_packs - first;
    const int n = left < EVTWIN__LANES ? (int)left : EVTWIN__LANES;
    evtwin__lane lanes[EVTWIN__LANES];
    for (int l = 0; l < n; l++) {
        lanes[l] = evtwin__lane_of(sim, first + (size_t)l);
    }
    int64_t step = sim->step, midnight = next_midnight(sim, step);
    while (step < until) {
        int64_t next = until < midnight ? until : midnight;
        for (int l = 0; l < n; l++) {
            const int64_t decision = lanes[l].pack->driver.next_step;
            next = decision < next ? decision : next;
        }
        step += evtwin__ecm_run(&sim->ecm, &sim->blocks[block], next > step ? next - step : 1);

        for (int l = 0; l < n; l++) {
            if (step == midnight) {
                turn_day(&lanes[l], step);
            }
            if (evtwin__profile_is_due(&lanes[l], step)) {
                evtwin__profile_decide(&lanes[l], step);
            }
        }
        if (step == midnight) {
            midnight = next_midnight(sim, step);
        }
    }
}

typedef struct stretch {
    const evtwin_sim *sim;
    int64_t until;
} stretch;

static evtwin_status advance_item(void *ctx, size_t item) {
    const stretch *s = ctx;
    const size_t first = item * BLOCKS_PER_ITEM, end = first + BLOCKS_PER_ITEM;
    for (size_t block = first; block < end && block < s->sim->n_blocks; block++) {
        advance_block(s->sim, block, s->until);
    }
    return EVTWIN_OK;
}

static evtwin_status advance(evtwin_sim *sim, int64_t until) {
    stretch s = {sim, until};
    const size_t n_items = (sim->n_blocks + BLOCKS_PER_ITEM - 1) / BLOCKS_PER_ITEM;
    return evtwin__parallel_for(sim->options.n_threads, n_items, advance_item, &s);
}

static void set_current(evtwin_sim *sim, const double *current_A) {
    for (size_t i = 0; i < sim->n_packs; i++) {
        const evtwin__lane l = evtwin__lane_of(sim, i);
        if (current_A != NULL) {
            evtwin__profile_hand_over(l.block, l.i, current_A[i] / sim->options.n_parallel);
            l.pack->driver.next_step = sim->step;
        } else {
            evtwin__profile_start(&l, sim->step);
        }
    }
}

/* ---- looking ---- */

/* Cycles since the pack was built, up to now. */
static double cycles_of(const evtwin__lane *l) {
    const double since_As = l->block->discharge_As[l->i] - l->pack->taken_As;
    return l->pack->wear.cycles + since_As / l->pack->as_built_As;
}

static evtwin__reading read_pack(const evtwin_sim *sim, size_t i) {
    const evtwin__lane l = evtwin__lane_of(sim, i);
    const evtwin__ecm_block *b = l.block;
    const evtwin__pack *p = l.pack;
    const double new_days =
        evtwin__step_time_s(sim, sim->step - p->taken_step) / EVTWIN__SECONDS_PER_DAY;
    const double age_days = p->wear.age_days + new_days;
    const double warm_days =
        p->wear.temperature_degC_days + b->sum_temperature_degC_s[l.i] / EVTWIN__SECONDS_PER_DAY;
    const double cycles = cycles_of(&l);
    const double pack_per_cell_ohm = (double)sim->options.n_series / sim->options.n_parallel;
    const evtwin__sensor_input in = {
        .age_days = age_days,
        .soc_frac = b->soc_frac[l.i],
        .soh_frac = evtwin__wear_soh(&p->wear),
        .voltage_V = sim->options.n_series * evtwin__ecm_voltage(&sim->cell, b, l.i),
        .current_A = sim->options.n_parallel * b->current_A[l.i],
        .temperature_degC = b->temperature_degC[l.i],
        .resistance_ohm = pack_per_cell_ohm * p->variation.resistance_factor *
                          evtwin__cell_r10_ohm(&sim->cell, evtwin__wear_r0_ratio(&p->wear)),
        .cycles = cycles,
        .mean_temperature_degC = age_days > 0.0 ? warm_days / age_days : b->temperature_degC[l.i],
        .throughput_Ah = cycles * p->as_built_As / AMPERE_SECONDS_PER_Ah * sim->options.n_parallel,
        .n_series = sim->options.n_series,
    };
    return evtwin__sensors_read(&p->sensors, sim->n_readings, &in);
}

/* What is true of a pack: l is its lane, b its block. Pack voltage and current, cell temperature;
 * the overpotentials are those of one cell's RC pairs. */
#define TRUTH(X)                                                                                   \
    X(soc_frac, b->soc_frac[l.i])                                                                  \
    X(soh_frac, evtwin__wear_soh(&l.pack->wear))                                                   \
    X(resistance_ratio, evtwin__wear_r10_ratio(&l.pack->wear))                                     \
    X(equivalent_full_cycles, cycles_of(&l))                                                       \
    X(voltage_V, sim->options.n_series *evtwin__ecm_voltage(&sim->cell, b, l.i))                   \
    X(current_A, sim->options.n_parallel * b->current_A[l.i])                                      \
    X(temperature_degC, b->temperature_degC[l.i])                                                  \
    X(v1_V, b->v1_V[l.i])                                                                          \
    X(v2_V, b->v2_V[l.i])                                                                          \
    X(charge_balance_Ah, sim->options.n_parallel * b->charge_As[l.i] / AMPERE_SECONDS_PER_Ah)      \
    X(has_defect, l.pack->wear.has_defect)                                                         \
    X(boundary_temperature_degC, b->boundary_degC[l.i])                                            \
    X(capacity_Ah, sim->options.n_parallel * b->capacity_As[l.i] / AMPERE_SECONDS_PER_Ah)

enum { TRUTH(EVTWIN__TRUTH_INDEX) N_TRUTH };
static const char *const truth_names[] = {TRUTH(EVTWIN__TRUTH_NAME)};

static double truth(const evtwin_sim *sim, size_t pack, size_t quantity) {
    const evtwin__lane l = evtwin__lane_of(sim, pack);
    const evtwin__ecm_block *b = l.block;
    switch (quantity) {
        TRUTH(EVTWIN__TRUTH_CASE)
    default:
        return NAN;
    }
}

const evtwin__fleet_model evtwin__fleet_ecm = {
    .name = "ecm",
    .create = create,
    .resume = resume,
    .advance = advance,
    .read = read_pack,
    .set_current = set_current,
    .truth_names = truth_names,
    .n_truth = N_TRUTH,
    .truth = truth,
};
