/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_sim.c: cell-steps a second of the kernel against a plain scalar step with
 * libm's exp; fleets; run to failure. */

#include "evtwin/evtwin.h"

#include "core/mem.h"
#include "sim/ecm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PACKS = 4096, STEPS = 2000 };

/* Processor time: everything here runs on one thread, and other programs do not count. */
static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(evtwin_status st) {
    if (st < 0) {
        fprintf(stderr, "%s\n", evtwin_last_error());
        _Exit(1);
    }
}

/* The peer: the same equations and tables for one cell, the way one writes them first. */
typedef struct scalar_cell {
    double soc, v1, v2, temperature, boundary, r0, current, air, capacity_As;
} scalar_cell;

static void scalar_step(const evtwin_cell *c, const evtwin__thermal_step *th, double dt,
                        scalar_cell *s) {
    const double i = s->current;
    const double z_mid = s->soc - 0.5 * dt * i / s->capacity_As;
    const double heat_now = i * i * s->r0 - i * (s->v1 + s->v2);
    const double t_mid = s->temperature + 0.5 * dt / c->thermal.capacity_J_K *
                                              (heat_now - c->thermal.to_boundary_W_K *
                                                              (s->temperature - s->boundary));
    const double gain = exp(c->r0_activation_K * (1.0 / (t_mid + 273.15) - 1.0 / c->reference_K));
    s->r0 = evtwin__cell_param(c, EVTWIN__PARAM_R0, z_mid) * gain;
    const double r1 = evtwin__cell_param(c, EVTWIN__PARAM_R1, z_mid);
    const double r2 = evtwin__cell_param(c, EVTWIN__PARAM_R2, z_mid);
    const double a1 = dt / evtwin__cell_param(c, EVTWIN__PARAM_TAU1, z_mid);
    const double a2 = dt / evtwin__cell_param(c, EVTWIN__PARAM_TAU2, z_mid);
    const double e1 = exp(-a1), e2 = exp(-a2);
    const double mean =
        -i * (r1 + r2) + (s->v1 + i * r1) * (1.0 - e1) / a1 + (s->v2 + i * r2) * (1.0 - e2) / a2;
    s->v1 = e1 * s->v1 - i * r1 * (1.0 - e1);
    s->v2 = e2 * s->v2 - i * r2 * (1.0 - e2);
    const double heat = i * i * s->r0 - i * mean;
    const double dc = s->temperature - s->air, dj = s->boundary - s->air;
    s->temperature = s->air + th->cc * dc + th->cb * dj + th->gc * heat;
    s->boundary = s->air + th->bc * dc + th->bb * dj + th->gb * heat;
    s->soc -= dt * i / s->capacity_As;
}

static double start_soc(size_t i) {
    return 0.4 + 0.4 * (double)(i % 97) / 97.0;
}

static double current_of(size_t i) {
    return -0.8 + 1.6 * (double)(i % 31) / 31.0;
}

/* Million cell-steps a second; *check_out is the mean soc at the end. */
static double bench_scalar(const evtwin_cell *cell, double *check_out) {
    const evtwin__thermal_step th = evtwin__thermal_step_make(&cell->thermal, 1.0);
    double sum = 0.0;
    const double start = now_s();
    for (size_t i = 0; i < PACKS; i++) {
        scalar_cell s = {.soc = start_soc(i),
                         .temperature = 25.0,
                         .boundary = 25.0,
                         .air = 25.0,
                         .current = current_of(i),
                         .capacity_As = 3600.0 * cell->capacity_Ah};
        s.r0 = evtwin_cell_r0_ohm(cell, s.soc, 25.0);
        for (int k = 0; k < STEPS; k++) {
            scalar_step(cell, &th, 1.0, &s);
        }
        sum += s.soc + s.v1 + s.v2 + s.temperature;
    }
    *check_out = sum / PACKS;
    return 1e-6 * PACKS * STEPS / (now_s() - start);
}

static double bench_kernel(const evtwin_cell *cell, double *check_out) {
    const size_t n_blocks = PACKS / EVTWIN__LANES;
    evtwin__ecm_block *blocks = evtwin__calloc_aligned(n_blocks, sizeof *blocks);
    if (blocks == NULL) {
        _Exit(1);
    }
    evtwin__ecm_model model;
    evtwin__ecm_model_init(cell, 1.0, &model);
    for (size_t i = 0; i < PACKS; i++) {
        evtwin__ecm_block *b = &blocks[i / EVTWIN__LANES];
        const int lane = (int)(i % EVTWIN__LANES);
        evtwin__ecm_set_capacity(b, lane, 3600.0 * cell->capacity_Ah);
        b->r0_ratio[lane] = 1.0;
        b->rc_ratio[lane] = 1.0;
        b->air_degC[lane] = 25.0;
        evtwin__ecm_rest(&model, b, lane, start_soc(i), 25.0);
        b->request_A[lane] = current_of(i);
        b->stop_low_frac[lane] = -1.0;
        b->stop_high_frac[lane] = 2.0;
    }
    const double start = now_s();
    for (size_t k = 0; k < n_blocks; k++) {
        evtwin__ecm_run(&model, &blocks[k], STEPS);
    }
    const double speed = 1e-6 * PACKS * STEPS / (now_s() - start);
    double sum = 0.0;
    for (size_t i = 0; i < PACKS; i++) {
        const evtwin__ecm_block *b = &blocks[i / EVTWIN__LANES];
        const size_t l = i % EVTWIN__LANES;
        sum += b->soc_frac[l] + b->v1_V[l] + b->v2_V[l] + b->temperature_degC[l];
    }
    *check_out = sum / PACKS;
    evtwin__free_aligned(blocks);
    return speed;
}

static void bench_fleet(evtwin_sim_use use, const char *name) {
    evtwin_sim_options o;
    must(evtwin_sim_options_init(&o, sizeof o));
    o.n_packs = 2000;
    o.use = use;
    evtwin_sim *sim = NULL;
    double start = now_s();
    must(evtwin_sim_create(&o, &sim));
    const double create_s = now_s() - start;
    start = now_s();
    must(evtwin_sim_advance(sim, 3600.0));
    printf("fleet, %s: %.1f M pack-steps/s, creation %.1f us a pack, one thread\n", name,
           1e-6 * 2000.0 * 3600.0 / (now_s() - start), 1e6 * create_s / 2000.0);
    evtwin_sim_free(sim);
}

static void bench_run_to_failure(void) {
    evtwin_sim_options o;
    must(evtwin_sim_options_init(&o, sizeof o));
    o.n_packs = 200;
    evtwin_table *t = NULL;
    evtwin_run_to_failure_report r;
    const double start = now_s();
    must(evtwin_sim_run_to_failure(&o, NULL, &t, &r, sizeof r));
    const double spent_s = now_s() - start;
    printf("run to failure: %.0f packs a second, %.2f s for 200 (%zu rows), one thread\n",
           200.0 / spent_s, spent_s, r.n_rows);
    evtwin_table_free(t);
}

int main(void) {
    evtwin_cell *cell = NULL;
    must(evtwin_cell_load(NULL, &cell));
    double best_scalar = 0.0, best_kernel = 0.0, a = 0.0, b = 0.0;
    for (int k = 0; k < 3; k++) {
        best_scalar = fmax(best_scalar, bench_scalar(cell, &a));
        best_kernel = fmax(best_kernel, bench_kernel(cell, &b));
    }
    printf("kernel: %.1f M cell-steps/s (voltage limits and integrals included)\n", best_kernel);
    printf("peer, scalar with libm exp, no limits: %.1f M cell-steps/s; ratio %.1f; results differ "
           "by %.1e\n",
           best_scalar, best_kernel / best_scalar, fabs(a - b));
    evtwin_cell_free(cell);
    bench_fleet(EVTWIN_USE_CYCLE, "cycling");
    bench_fleet(EVTWIN_USE_DAILY, "daily use");
    bench_run_to_failure();
    return 0;
}
