/* SPDX-License-Identifier: MIT */
/* sim/sim_read.c: look at a fleet: telemetry rows as a BMS would report them, or the truth; take
 * the wheel. */

#include "sim/fleet.h"

#include "core/status.h"

#include <math.h>
#include <string.h>

#define SECONDS_PER_DAY 86400.0
#define AMPERE_SECONDS_PER_Ah 3600.0

#define MAX_CURRENT_A 5000.0

/* Where pack i is. */
static const evtwin__ecm_block *block_of(const evtwin_sim *sim, size_t i) {
    return &sim->blocks[i / EVTWIN__LANES];
}

static int lane_of(size_t i) {
    return (int)(i % EVTWIN__LANES);
}

/* Cycles since the pack was built, up to now. */
static double cycles_of(const evtwin_sim *sim, size_t i) {
    const evtwin__pack *p = &sim->packs[i];
    const double since_As = block_of(sim, i)->discharge_As[lane_of(i)] - p->taken_As;
    return p->life.cycles + since_As / p->as_built_As;
}

static evtwin__reading read_ecm(const evtwin_sim *sim, size_t i) {
    const evtwin__ecm_block *b = block_of(sim, i);
    const int lane = lane_of(i);
    const evtwin__pack *p = &sim->packs[i];
    const double new_days = (double)(sim->step - p->taken_step) * sim->model.dt_s / SECONDS_PER_DAY;
    const double age_days = p->life.age_days + new_days;
    const double warm_days =
        p->life.temperature_degC_days + b->sum_temperature_degC_s[lane] / SECONDS_PER_DAY;
    const double cycles = cycles_of(sim, i);
    const double pack_per_cell_ohm = (double)sim->options.n_series / sim->options.n_parallel;
    const evtwin__bms_input in = {
        .age_days = age_days,
        .soc_frac = b->soc_frac[lane],
        .soh_frac = evtwin__life_soh(&sim->cell, &p->life),
        .voltage_V = sim->options.n_series * evtwin__ecm_voltage(&sim->cell, b, lane),
        .current_A = sim->options.n_parallel * b->current_A[lane],
        .temperature_degC = b->temperature_degC[lane],
        .resistance_ohm =
            pack_per_cell_ohm * p->traits.resistance_factor *
            evtwin__cell_r10_ohm(&sim->cell, evtwin__life_r0_ratio(&sim->cell, &p->life)),
        .cycles = cycles,
        .mean_temperature_degC = age_days > 0.0 ? warm_days / age_days : b->temperature_degC[lane],
        .throughput_Ah = cycles * p->as_built_As / AMPERE_SECONDS_PER_Ah * sim->options.n_parallel,
        .n_series = sim->options.n_series,
    };
    return evtwin__bms_read(&p->bms, p->dice, sim->n_readings, &in);
}

/* Fill rows first_row … with one reading each. */
static evtwin_status fill_rows(evtwin_sim *sim, int64_t time_us, size_t first_row,
                               const evtwin__columns *columns, evtwin_table *table) {
    for (size_t i = 0; i < sim->n_packs; i++) {
        evtwin__stamp stamp = {.time_us = time_us,
                               .seq = (int64_t)(sim->n_read + i),
                               .sim_time_s = evtwin_sim_time_s(sim)};
        evtwin_status st = evtwin__row_code(table, columns, sim->ids[i].text, &stamp.code);
        if (st < 0) {
            return st;
        }
        const evtwin__reading reading =
            sim->classic != NULL ? evtwin__classic_read(&sim->classic[i]) : read_ecm(sim, i);
        if ((st = evtwin__row_write(table, columns, first_row + i, &stamp, &reading)) < 0) {
            return st;
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_sim_read(evtwin_sim *sim, int64_t time_us, evtwin_table *table) {
    if (sim == NULL || table == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s is NULL", sim == NULL ? "sim" : "table");
    }
    evtwin__columns columns;
    evtwin_status st = evtwin__columns_find(table, &columns);
    if (st < 0) {
        return st;
    }
    const size_t first_row = evtwin_table_rows(table);
    if (sim->n_packs > SIZE_MAX - first_row) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "no room for %zu more rows", sim->n_packs);
    }
    if ((st = evtwin_table_resize(table, first_row + sim->n_packs)) < 0) {
        return st;
    }
    if ((st = fill_rows(sim, time_us, first_row, &columns, table)) < 0) {
        /* shrinking asks for no memory; the text of the first failure is the one to keep */
        char text[1024];
        const char *last = evtwin_last_error();
        memcpy(text, last, strnlen(last, sizeof text - 1) + 1);
        text[sizeof text - 1] = '\0';
        evtwin_table_resize(table, first_row);
        EVTWIN_FAIL(st, "%s", text);
    }
    sim->n_read += sim->n_packs;
    sim->n_readings++;
    return EVTWIN_OK;
}

static evtwin_sim_truth truth_of_ecm(const evtwin_sim *sim, size_t i) {
    const evtwin__ecm_block *b = block_of(sim, i);
    const int lane = lane_of(i);
    const evtwin__pack *p = &sim->packs[i];
    return (evtwin_sim_truth){
        .size = sizeof(evtwin_sim_truth),
        .soc_frac = b->soc_frac[lane],
        .soh_frac = evtwin__life_soh(&sim->cell, &p->life),
        .resistance_ratio = evtwin__life_r10_ratio(&sim->cell, &p->life),
        .equivalent_full_cycles = cycles_of(sim, i),
        .voltage_V = sim->options.n_series * evtwin__ecm_voltage(&sim->cell, b, lane),
        .current_A = sim->options.n_parallel * b->current_A[lane],
        .temperature_degC = b->temperature_degC[lane],
        .v1_V = b->v1_V[lane],
        .v2_V = b->v2_V[lane],
        .charge_balance_Ah = sim->options.n_parallel * b->charge_As[lane] / AMPERE_SECONDS_PER_Ah,
        .has_defect = p->life.has_defect,
        .jig_temperature_degC = b->jig_degC[lane],
        .capacity_Ah = sim->options.n_parallel * b->capacity_As[lane] / AMPERE_SECONDS_PER_Ah,
    };
}

static evtwin_sim_truth truth_of_classic(const evtwin__classic *c) {
    return (evtwin_sim_truth){
        .size = sizeof(evtwin_sim_truth),
        .soc_frac = 0.01 * c->soc_percent,
        .soh_frac = 0.01 * c->soh_percent,
        .resistance_ratio = NAN,
        .equivalent_full_cycles = c->cycles,
        .voltage_V = c->voltage_V,
        .current_A = c->current_A,
        .temperature_degC = c->temperature_degC,
        .v1_V = NAN,
        .v2_V = NAN,
        .charge_balance_Ah = NAN,
        .jig_temperature_degC = NAN,
        .capacity_Ah = NAN,
    };
}

evtwin_status evtwin_sim_truth_get(const evtwin_sim *sim, size_t pack, evtwin_sim_truth *out,
                                   size_t size) {
    if (sim == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s is NULL", sim == NULL ? "sim" : "out");
    }
    if (pack >= sim->n_packs) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "pack is %zu, the simulator has %zu", pack, sim->n_packs);
    }
    const evtwin_sim_truth truth =
        sim->classic != NULL ? truth_of_classic(&sim->classic[pack]) : truth_of_ecm(sim, pack);
    evtwin__report_copy(out, size, &truth, sizeof truth);
    return EVTWIN_OK;
}

evtwin_status evtwin_sim_set_current(evtwin_sim *sim, const double *current_A, size_t n_packs) {
    if (sim == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "sim is NULL");
    }
    if (sim->classic != NULL) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "the classic model has no current to set");
    }
    if (current_A != NULL && n_packs != sim->n_packs) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%zu currents for %zu packs", n_packs, sim->n_packs);
    }
    for (size_t i = 0; current_A != NULL && i < n_packs; i++) {
        if (!(fabs(current_A[i]) <= MAX_CURRENT_A)) {
            EVTWIN_FAIL(EVTWIN_E_ARG, "current_A[%zu] is %g, outside [%g, %g]", i, current_A[i],
                        -MAX_CURRENT_A, MAX_CURRENT_A);
        }
    }

    sim->by_hand = current_A != NULL;
    for (size_t i = 0; i < sim->n_packs; i++) {
        evtwin__ecm_block *b = &sim->blocks[i / EVTWIN__LANES];
        evtwin__pack *pack = &sim->packs[i];
        if (current_A != NULL) {
            evtwin__profile_hand_over(b, lane_of(i), current_A[i] / sim->options.n_parallel);
            pack->driver.next_step = sim->step;
        } else {
            evtwin__profile_start(sim, b, lane_of(i), pack, sim->step);
        }
    }
    return EVTWIN_OK;
}
