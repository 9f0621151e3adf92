/* SPDX-License-Identifier: MIT */
/* sim/fleet_step.c: advance a fleet: runs of the kernel between the decisions of its packs. */

#include "sim/fleet.h"

#include "core/parallel.h"
#include "core/status.h"

#include <math.h>

#define SECONDS_PER_DAY 86400.0
#define MAX_DURATION_S 1e10

/* Blocks that one thread takes at a time. */
enum { BLOCKS_PER_ITEM = 16 };

/* Step at which the calendar day after the one of `step` begins. */
static int64_t next_midnight(const evtwin_sim *sim, int64_t step) {
    const double day =
        floor(sim->start_days + (double)step * sim->model.dt_s / SECONDS_PER_DAY + 1e-9) + 1.0;
    const double wait_s = (day - sim->start_days) * SECONDS_PER_DAY;
    const int64_t next = (int64_t)ceil(wait_s / sim->model.dt_s - 1e-6);
    return next > step ? next : step + 1;
}

void evtwin__fleet_apply_life(const evtwin_sim *sim, evtwin__ecm_block *b, int lane,
                              const evtwin__pack *pack) {
    const double r0_ratio = evtwin__life_r0_ratio(&sim->cell, &pack->life);
    evtwin__ecm_set_capacity(b, lane,
                             pack->as_built_As * evtwin__life_soh(&sim->cell, &pack->life));
    b->r0_ratio[lane] = pack->traits.resistance_factor * r0_ratio;
    b->rc_ratio[lane] = pack->traits.resistance_factor * evtwin__rc_ratio(r0_ratio);
}

/* Age a pack by what its lane went through since the last time. */
static void take_stress(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, evtwin__pack *pack,
                        int64_t step) {
    const double elapsed_s = (double)(step - pack->taken_step) * sim->model.dt_s;
    const double discharged_As = b->discharge_As[lane] - pack->taken_As;
    const double driving_h = b->sum_discharge_time_s[lane] / 3600.0;
    evtwin__stress s = {
        .duration_days = elapsed_s / SECONDS_PER_DAY,
        .temperature_degC = b->sum_temperature_degC_s[lane] / elapsed_s,
        .cycles = discharged_As / pack->as_built_As,
    };
    s.rate_per_h = driving_h > 0.0 ? s.cycles / driving_h : 0.0;
    evtwin__stress_voltages(&sim->cell, b->sum_soc_s[lane] / elapsed_s, b->soc_min_frac[lane],
                            b->soc_max_frac[lane], &s);
    evtwin__life_stress(&sim->cell, &pack->traits, &s, &pack->life);
    pack->taken_As = b->discharge_As[lane];
    pack->taken_step = step;
    evtwin__ecm_clear_stress(b, lane);
    evtwin__fleet_apply_life(sim, b, lane, pack);
}

/* A new calendar day: wear of the old one, plan of the new one. */
static void turn_day(const evtwin_sim *sim, evtwin__ecm_block *b, int lane, evtwin__pack *pack,
                     int64_t step) {
    take_stress(sim, b, lane, pack, step);
    const double days = sim->start_days + (double)step * sim->model.dt_s / SECONDS_PER_DAY;
    pack->driver.plan = evtwin__day_draw(&pack->traits, pack->dice, (uint64_t)floor(days + 1e-9));
    pack->driver.trip = 0;

    /* stops depend on the capacity, a parked car on its plan: both are looked at again */
    if (!sim->by_hand) {
        pack->driver.next_step = step;
    }
}

/* Bring one block from the fleet's step to `until`. */
static void advance_block(const evtwin_sim *sim, size_t block, int64_t until) {
    evtwin__ecm_block *b = &sim->blocks[block];
    evtwin__pack *packs = &sim->packs[block * EVTWIN__LANES];
    const size_t left = sim->n_packs - block * EVTWIN__LANES;
    const int lanes = left < EVTWIN__LANES ? (int)left : EVTWIN__LANES;
    int64_t step = sim->step;
    int64_t midnight = next_midnight(sim, step);

    while (step < until) {
        int64_t next = until < midnight ? until : midnight;
        for (int l = 0; l < lanes; l++) {
            next = packs[l].driver.next_step < next ? packs[l].driver.next_step : next;
        }
        step += evtwin__ecm_run(&sim->model, b, next > step ? next - step : 1);

        for (int l = 0; l < lanes; l++) {
            if (step == midnight) {
                turn_day(sim, b, l, &packs[l], step);
            }
            if (!evtwin__profile_is_due(b, l, &packs[l], step)) {
                continue;
            }
            evtwin__profile_decide(sim, b, l, &packs[l], step);
        }
        if (step == midnight) {
            midnight = next_midnight(sim, step);
        }
    }
}

typedef struct stretch {
    evtwin_sim *sim;
    int64_t until;
} stretch;

static evtwin_status advance_item(void *ctx, size_t item) {
    const stretch *s = ctx;
    const evtwin_sim *sim = s->sim;
    const size_t first = item * BLOCKS_PER_ITEM;
    const size_t last =
        first + BLOCKS_PER_ITEM < sim->n_blocks ? first + BLOCKS_PER_ITEM : sim->n_blocks;
    for (size_t block = first; block < last; block++) {
        advance_block(sim, block, s->until);
    }
    return EVTWIN_OK;
}

static evtwin_status advance_classic(evtwin_sim *sim, int64_t until) {
    for (size_t i = 0; i < sim->n_packs; i++) {
        evtwin__classic_run(&sim->classic[i], sim->step, until);
    }
    sim->step = until;
    return EVTWIN_OK;
}

evtwin_status evtwin_sim_advance(evtwin_sim *sim, double duration_s) {
    if (sim == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "sim is NULL");
    }
    if (!(duration_s >= 0.0 && duration_s <= MAX_DURATION_S)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "duration_s is %g, outside [0, %g]", duration_s, MAX_DURATION_S);
    }

    /* whole steps of one grid, however the time is cut into calls; a millionth of a step is
     * rounding */
    const double pending_s = sim->pending_s + duration_s;
    const double n = floor(pending_s / sim->model.dt_s + 1e-6);
    const double left_s = pending_s - n * sim->model.dt_s;
    const int64_t until = sim->step + (int64_t)n;

    evtwin_status st;
    if (sim->classic != NULL) {
        st = advance_classic(sim, until);
    } else {
        stretch s = {sim, until};
        const size_t n_items = (sim->n_blocks + BLOCKS_PER_ITEM - 1) / BLOCKS_PER_ITEM;
        st = evtwin__parallel_for(sim->options.n_threads, n_items, advance_item, &s);
    }
    if (st < 0) {
        return st;
    }
    sim->step = until;
    sim->pending_s = left_s;
    return EVTWIN_OK;
}
