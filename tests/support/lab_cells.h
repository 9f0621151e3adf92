/* SPDX-License-Identifier: MIT */
/* tests/support/lab_cells.h: SYNTHETIC cells in the shape of public laboratory sets: number of
 * cells, spread of lives, fade with a knee, growth of resistance, noise. No measurement is in them:
 * they show whether a training copes with such data, not how good it is on real cells. */
#ifndef EVTWIN_TEST_LAB_CELLS_H
#define EVTWIN_TEST_LAB_CELLS_H

#include "evtwin/table.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>

typedef struct lab_shape {
    const char *name;
    size_t n_cells;
    double life_min, life_max; /* cycles to 80 % of nominal; even in the logarithm between them */
    double nominal_Ah;
    double protocols;  /* cells are of so many kinds of use, each with its own life and knee */
    int every;         /* a row each so many cycles */
    double unfinished; /* share of the cells whose test was stopped before their end */
    double noise;      /* of the capacity, relative */
} lab_shape;

/* In the shape of: batches of small NCM cells; LFP cells in one chemistry of many protocols; LFP
 * cells under fast charging; and what strains a training. */
static const lab_shape lab_shapes[] = {
    {"xjtu-like", 55, 150.0, 700.0, 2.0, 6.0, 1, 0.0, 0.002},
    {"hust-like", 77, 1100.0, 2300.0, 1.1, 77.0, 1, 0.0, 0.001},
    {"matr-like", 124, 150.0, 2300.0, 1.1, 72.0, 1, 0.0, 0.002},
    {"every-10th", 60, 300.0, 2300.0, 1.1, 30.0, 10, 0.0, 0.002},
    {"15-cells", 15, 150.0, 700.0, 2.0, 3.0, 1, 0.0, 0.002},
    {"8-cells", 8, 150.0, 700.0, 2.0, 2.0, 1, 0.0, 0.002},
    {"8-cells-every-10th", 8, 150.0, 700.0, 2.0, 2.0, 10, 0.0, 0.002},
    {"a-third-unfinished", 60, 150.0, 1200.0, 2.0, 20.0, 1, 0.33, 0.002},
};
enum { N_LAB_SHAPES = sizeof lab_shapes / sizeof lab_shapes[0] };

#define LAB_FEATURES "capacity_ah,internal_resistance_ohm,temperature_mean,charge_time_s"
enum { LAB_CELL, LAB_CYCLE, LAB_CAPACITY, LAB_OHM, LAB_TEMPERATURE, LAB_CHARGE_S, LAB_RUL, N_LAB };

static inline double lab_uniform(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static inline double lab_between(uint64_t *state, double low, double high) {
    return low + (high - low) * lab_uniform(state);
}

static inline double lab_normal(uint64_t *state) {
    double sum = -6.0;
    for (int i = 0; i < 12; i++) {
        sum += lab_uniform(state);
    }
    return sum;
}

/* What a cell is: drawn around its protocol's. */
typedef struct lab_cell {
    double life, early, power, knee, rate; /* of the fade */
    double fresh_Ah, fresh_ohm, growth, ambient_degC;
} lab_cell;

static inline lab_cell lab_draw(const lab_shape *shape, uint64_t *protocol, uint64_t *cell) {
    const double at = lab_uniform(protocol);
    lab_cell c = {.life = shape->life_min * pow(shape->life_max / shape->life_min, at),
                  .early = lab_between(protocol, 0.3, 0.7),
                  .power = lab_between(protocol, 0.6, 1.1),
                  .knee = lab_between(protocol, 6.0, 14.0),
                  .rate = lab_between(protocol, 0.0, 1.0),
                  .ambient_degC = lab_between(protocol, 24.0, 34.0)};
    c.life *= exp(0.12 * lab_normal(cell));
    c.early += 0.05 * lab_normal(cell);
    c.knee *= exp(0.1 * lab_normal(cell));
    c.fresh_Ah = shape->nominal_Ah * (1.02 + 0.01 * lab_normal(cell));
    c.fresh_ohm = 0.016 * exp(0.06 * lab_normal(cell));
    c.growth = lab_between(cell, 0.3, 0.6);
    return c;
}

/* Capacity that is lost at a cycle, as a share: a root of time, then the knee; 0.21 at the end. */
static inline double lab_loss(const lab_cell *c, double cycle) {
    const double t = cycle / c->life;
    const double knee = (exp(c->knee * (t - 1.0)) - exp(-c->knee)) / (1.0 - exp(-c->knee));
    return 0.21 * (c->early * pow(t, c->power) + (1.0 - c->early) * knee);
}

/* The table of a shape; NULL if memory is out. rul is from the outcome: cycles until the true
 * capacity first falls below 80 % of nominal, missing where the test was stopped before. */
static inline evtwin_table *lab_make(const lab_shape *shape, uint64_t seed) {
    static const char *const name[N_LAB] = {
        "cell_name",        "cycle",         "capacity_ah", "internal_resistance_ohm",
        "temperature_mean", "charge_time_s", "rul"};
    evtwin_table *t = NULL;
    int ok = evtwin_table_create(&t) >= 0;
    for (int i = 0; i < N_LAB && ok; i++) {
        ok = evtwin_table_add_column(t, name[i], i == LAB_CELL ? EVTWIN_TEXT : EVTWIN_F64, NULL,
                                     NULL) >= 0;
    }
    size_t rows = 0;
    for (size_t k = 0; k < shape->n_cells && ok; k++) {
        uint64_t cell = seed * 1000003 + k, protocol = seed * 7919 + k % (size_t)shape->protocols;
        const lab_cell c = lab_draw(shape, &protocol, &cell);
        char id[32];
        snprintf(id, sizeof id, "%s-%zu", shape->name, k + 1);
        double end = 1.0;
        while (c.fresh_Ah * (1.0 - lab_loss(&c, end)) >= 0.8 * shape->nominal_Ah) {
            end += 1.0;
        }
        const int is_unfinished = lab_uniform(&cell) < shape->unfinished;
        const double last = is_unfinished ? floor(end * lab_between(&cell, 0.4, 0.95)) : end;
        const size_t n = 1 + (size_t)(last - 1.0) / (size_t)shape->every;
        ok = evtwin_table_resize(t, rows + n) >= 0;
        for (size_t i = 0; i < n && ok; i++, rows++) {
            const double cycle = 1.0 + (double)(i * (size_t)shape->every);
            const double loss = lab_loss(&c, cycle), degC = c.ambient_degC + lab_normal(&cell);
            const double Ah = c.fresh_Ah * (1.0 - loss) +
                              0.003 * shape->nominal_Ah * (degC - c.ambient_degC) / 5.0;
            const double ohm = c.fresh_ohm * (1.0 + c.growth * pow(loss / 0.21, 1.2));
            evtwin_table_set_text(t, LAB_CELL, rows, id);
            evtwin_table_set_f64(t, LAB_CYCLE, rows, cycle);
            evtwin_table_set_f64(t, LAB_CAPACITY, rows,
                                 Ah * (1.0 + shape->noise * lab_normal(&cell)));
            evtwin_table_set_f64(t, LAB_OHM, rows, ohm * (1.0 + 0.01 * lab_normal(&cell)));
            evtwin_table_set_f64(t, LAB_TEMPERATURE, rows, degC + 60.0 * ohm);
            evtwin_table_set_f64(t, LAB_CHARGE_S, rows,
                                 3600.0 * (1.0 - 0.8 * loss - 8.0 * (ohm - 0.016)) *
                                     (1.0 + 0.004 * lab_normal(&cell)));
            if (is_unfinished) {
                evtwin_table_set_missing(t, LAB_RUL, rows);
            } else {
                evtwin_table_set_f64(t, LAB_RUL, rows, end - cycle);
            }
        }
    }
    if (!ok) {
        evtwin_table_free(t);
        return NULL;
    }
    return t;
}

#endif
