/* SPDX-License-Identifier: MIT */
/* sim/fleet.c: make a fleet: draw its packs, age them to where they start, put them to their use.
 */

#include "sim/fleet.h"

#include "core/mem.h"
#include "core/parallel.h"
#include "core/status.h"
#include "sim/fleet_spread.h"

#include <math.h>

#define US_PER_DAY 86400e6
#define REFERENCE_CELL_Ah 5.1532
#define REFERENCE_SERIES 96
#define REFERENCE_PARALLEL 46

/* Air around packs that cycle: a hall. */
#define CYCLE_AIR_degC 25.0

/* Other packs than the first start within so much of the first one's charge. */
#define START_SPREAD_FRAC 0.30
#define START_LOW_FRAC 0.25
#define START_HIGH_FRAC 0.98

static double clamp(double x, double low, double high) {
    return x < low ? low : (x > high ? high : x);
}

/* State of health of pack i: evenly spread from the first's to the last's. */
static double start_soh_frac(const evtwin_sim *sim, size_t i) {
    const double first = sim->options.initial_soh_percent, last = sim->options.final_soh_percent;
    const double f = sim->n_packs > 1 ? (double)i / (double)(sim->n_packs - 1) : 0.0;
    return 0.01 * (first + f * (last - first));
}

static double start_soc_frac(const evtwin_sim *sim, const evtwin__pack *pack) {
    const double first = sim->options.initial_soc_percent / 100.0;
    if (pack->dice.pack == 0) {
        return first;
    }
    const double shift = evtwin__draw_between(pack->dice, EVTWIN__RNG_USE, EVTWIN__DRAW_START, 0, 0,
                                              -START_SPREAD_FRAC, START_SPREAD_FRAC);
    return clamp(first + sim->cell.spread_scale * shift, START_LOW_FRAC, START_HIGH_FRAC);
}

/* Draw one pack and live its past. */
static evtwin_status make_pack(const evtwin_sim *sim, size_t i, evtwin__pack *pack) {
    *pack = (evtwin__pack){.dice = {sim->options.seed, (uint32_t)i}};
    pack->traits = evtwin__traits_draw(pack->dice, sim->cell.spread_scale);
    pack->bms = evtwin__bms_draw(pack->dice);
    pack->as_built_As = 3600.0 * sim->cell.capacity_Ah * pack->traits.capacity_factor;

    pack->life = evtwin__life_new(&pack->traits);
    return evtwin__life_age_to(&sim->cell, &pack->traits, pack->dice, sim->start_days,
                               start_soh_frac(sim, i), &pack->life);
}

/* Lanes beyond the last pack: at rest for ever, and of a harmless size. */
static void fill_idle_lane(const evtwin_sim *sim, evtwin__ecm_block *b, int lane) {
    evtwin__ecm_set_capacity(b, lane, 3600.0 * sim->cell.capacity_Ah);
    b->r0_ratio[lane] = 1.0;
    b->rc_ratio[lane] = 1.0;
    b->air_degC[lane] = CYCLE_AIR_degC;
    evtwin__ecm_rest(&sim->model, b, lane, 0.5, CYCLE_AIR_degC);
    evtwin__profile_hand_over(b, lane, 0.0);
}

static evtwin_status make_block(void *ctx, size_t block) {
    const evtwin_sim *sim = ctx;
    evtwin__ecm_block *b = &sim->blocks[block];
    for (int lane = 0; lane < EVTWIN__LANES; lane++) {
        const size_t i = block * EVTWIN__LANES + (size_t)lane;
        if (i >= sim->n_packs) {
            fill_idle_lane(sim, b, lane);
            continue;
        }
        evtwin__pack *pack = &sim->packs[i];
        const evtwin_status st = make_pack(sim, i, pack);
        if (st < 0) {
            return st;
        }
        evtwin__fleet_apply_life(sim, b, lane, pack);
        b->air_degC[lane] = CYCLE_AIR_degC;
        evtwin__ecm_rest(&sim->model, b, lane, start_soc_frac(sim, pack),
                         sim->options.initial_temperature_degC);
        evtwin__profile_start(sim, b, lane, pack, 0);
    }
    return EVTWIN_OK;
}

static evtwin_status make_classic(evtwin_sim *sim) {
    sim->classic = evtwin__calloc(sim->n_packs, sizeof *sim->classic);
    if (sim->classic == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for %zu packs", sim->n_packs);
    }
    for (size_t i = 0; i < sim->n_packs; i++) {
        const evtwin__dice dice = {sim->options.seed, (uint32_t)i};
        const double shift =
            i == 0 ? 0.0
                   : evtwin__draw_between(dice, EVTWIN__RNG_USE, EVTWIN__DRAW_START, 0, 0,
                                          -START_SPREAD_FRAC, START_SPREAD_FRAC);
        const double soc = clamp(sim->options.initial_soc_percent / 100.0 + shift,
                                 i == 0 ? 0.0 : START_LOW_FRAC, i == 0 ? 1.0 : START_HIGH_FRAC);
        sim->classic[i] =
            evtwin__classic_new(dice, 100.0 * soc, 100.0 * start_soh_frac(sim, i),
                                sim->options.initial_temperature_degC, sim->options.initial_cycles);
    }
    return EVTWIN_OK;
}

static evtwin_status make_ecm(evtwin_sim *sim) {
    sim->n_blocks = (sim->n_packs + EVTWIN__LANES - 1) / EVTWIN__LANES;
    sim->blocks = evtwin__calloc_aligned(sim->n_blocks, sizeof *sim->blocks);
    sim->packs = evtwin__calloc(sim->n_packs, sizeof *sim->packs);
    if (sim->blocks == NULL || sim->packs == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for %zu packs", sim->n_packs);
    }
    if (sim->cell.ageing.kind == EVTWIN__AGEING_NONE &&
        (sim->options.initial_soh_percent < 100.0 || sim->options.final_soh_percent < 100.0)) {
        EVTWIN_FAIL(EVTWIN_E_ARG,
                    "cell set '%s' has no ageing law: initial_soh_percent must be 100",
                    sim->cell.name);
    }
    return evtwin__parallel_for(sim->options.n_threads, sim->n_blocks, make_block, sim);
}

/* The simulator's own copy of the cell, and what follows from it. */
static evtwin_status take_cell(evtwin_sim *sim) {
    evtwin_cell *fresh = NULL;
    if (sim->options.cell == NULL) {
        const evtwin_status st = evtwin_cell_load(NULL, &fresh);
        if (st < 0) {
            return st;
        }
    }
    sim->cell = fresh != NULL ? *fresh : *sim->options.cell;
    evtwin_cell_free(fresh);

    const evtwin_sim_options *o = &sim->options;
    const int is_classic = o->model == EVTWIN_SIM_CLASSIC;
    evtwin__ecm_model_init(&sim->cell, is_classic ? EVTWIN__CLASSIC_STEP_S : o->step_s,
                           &sim->model);
    const double size = sim->cell.capacity_Ah / REFERENCE_CELL_Ah;
    sim->current_scale = size / REFERENCE_PARALLEL;
    sim->power_scale = size / (REFERENCE_SERIES * REFERENCE_PARALLEL);
    return EVTWIN_OK;
}

static evtwin_status fill(evtwin_sim *sim, const evtwin_sim_options *checked) {
    sim->options = *checked;
    sim->n_packs = checked->n_packs;
    sim->start_days = (double)checked->start_time_us / US_PER_DAY;
    evtwin_status st = take_cell(sim);
    if (st < 0) {
        return st;
    }
    sim->ids = evtwin__calloc(sim->n_packs, sizeof *sim->ids);
    if (sim->ids == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for the names of %zu packs", sim->n_packs);
    }
    if ((st = evtwin__battery_ids_make(checked->battery_id, sim->n_packs, sim->ids)) < 0) {
        return st;
    }
    if (checked->drive_cycle != NULL &&
        (st = evtwin__drive_cycle_load(checked->drive_cycle, &sim->drive_cycle)) < 0) {
        return st;
    }
    return checked->model == EVTWIN_SIM_CLASSIC ? make_classic(sim) : make_ecm(sim);
}

evtwin_status evtwin_sim_create(const evtwin_sim_options *options, evtwin_sim **out) {
    if (out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "out is NULL");
    }
    evtwin_sim_options checked;
    evtwin_status st = evtwin__sim_options_check(options, &checked);
    if (st < 0) {
        return st;
    }
    evtwin_sim *sim = evtwin__calloc_aligned(1, sizeof *sim);
    if (sim == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for a simulator");
    }
    if ((st = fill(sim, &checked)) < 0) {
        evtwin_sim_free(sim);
        return st;
    }

    /* borrowed from the caller, and done with */
    sim->options.cell = NULL;
    sim->options.battery_id = NULL;
    sim->options.drive_cycle = NULL;
    *out = sim;
    return EVTWIN_OK;
}

void evtwin_sim_free(evtwin_sim *sim) {
    if (sim == NULL) {
        return;
    }
    evtwin__drive_cycle_free(&sim->drive_cycle);
    evtwin__free(sim->ids);
    evtwin__free(sim->classic);
    evtwin__free(sim->packs);
    evtwin__free_aligned(sim->blocks);
    evtwin__free_aligned(sim);
}

size_t evtwin_sim_packs(const evtwin_sim *sim) {
    return sim->n_packs;
}

const char *evtwin_sim_battery_id(const evtwin_sim *sim, size_t pack) {
    return pack < sim->n_packs ? sim->ids[pack].text : NULL;
}

double evtwin_sim_time_s(const evtwin_sim *sim) {
    return (double)sim->step * sim->model.dt_s;
}
