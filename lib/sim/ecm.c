/* SPDX-License-Identifier: MIT */
/* sim/ecm.c: the equivalent circuit of a block of packs: the kernel at every width, and questions
 * about a lane. */

#include "sim/ecm.h"

#include "core/vmath.h"

#include <math.h>

#define EVTWIN__W 2
#include "sim/ecm_kernel.h"
#undef EVTWIN__W
#define EVTWIN__W 4
#include "sim/ecm_kernel.h"
#undef EVTWIN__W
#define EVTWIN__W 8
#include "sim/ecm_kernel.h"
#undef EVTWIN__W

/* Registers of two, four or eight doubles. Contraction is off, so all give the same bits. The edge
 * build is small rather than fast: it has the narrow one only. */
#if defined(__x86_64__) && !defined(EVTWIN_EDGE)
__attribute__((target("avx512f,avx512dq,avx512vl"))) static int64_t
run_avx512(const evtwin__ecm_model *model, evtwin__ecm_block *block, int64_t n_steps) {
    return run8(model, block, n_steps);
}

__attribute__((target("avx2"))) static int64_t run_avx2(const evtwin__ecm_model *model,
                                                        evtwin__ecm_block *block, int64_t n_steps) {
    return run4(model, block, n_steps);
}
#endif

int64_t evtwin__ecm_run_baseline(const evtwin__ecm_model *model, evtwin__ecm_block *block,
                                 int64_t n_steps) {
    return run2(model, block, n_steps);
}

int64_t evtwin__ecm_run(const evtwin__ecm_model *model, evtwin__ecm_block *block, int64_t n_steps) {
#if defined(__x86_64__) && !defined(EVTWIN_EDGE)
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        return run_avx512(model, block, n_steps);
    }
    if (__builtin_cpu_supports("avx2")) {
        return run_avx2(model, block, n_steps);
    }
#endif
    return evtwin__ecm_run_baseline(model, block, n_steps);
}

/* ---- the exact propagator of the one- or two-node thermal model ---- */

/* One node: T' = E T + (1 - E) heat / k. */
static evtwin__thermal_step one_node(const evtwin__thermal *t, double dt_s) {
    const double a = dt_s * t->to_boundary_W_K / t->capacity_J_K;
    return (evtwin__thermal_step){
        .cc = evtwin__exp(-a),
        .gc = dt_s / t->capacity_J_K * evtwin__one_minus_exp_over(a),
    };
}

/* The matrix [[-p, p], [q, -(q + r)]] has two real eigenvalues below zero; with them any function
 * of it is f(l1) P1 + f(l2) P2, the P being its projectors. */
evtwin__thermal_step evtwin__thermal_step_make(const evtwin__thermal *t, double dt_s) {
    if (t->boundary_capacity_J_K == 0.0) {
        return one_node(t, dt_s);
    }
    const double p = t->to_boundary_W_K / t->capacity_J_K;
    const double q = t->to_boundary_W_K / t->boundary_capacity_J_K;
    const double r = t->boundary_to_air_W_K / t->boundary_capacity_J_K;

    /* the smaller eigenvalue from the product of both, which does not cancel */
    const double half_trace = -0.5 * (p + q + r);
    const double root = sqrt(0.25 * (p - q - r) * (p - q - r) + p * q);
    const double l1 = half_trace - root;
    const double l2 = p * r / l1;

    /* P1 = (A - l2) / (l1 - l2), P2 = 1 - P1 */
    const double d = 1.0 / (l1 - l2);
    const double p1_cc = (-p - l2) * d, p1_cb = p * d;
    const double p1_bc = q * d, p1_bb = (-(q + r) - l2) * d;

    const double e1 = evtwin__exp(l1 * dt_s), e2 = evtwin__exp(l2 * dt_s);
    const double g1 = dt_s * evtwin__one_minus_exp_over(-l1 * dt_s);
    const double g2 = dt_s * evtwin__one_minus_exp_over(-l2 * dt_s);
    return (evtwin__thermal_step){
        .cc = e1 * p1_cc + e2 * (1.0 - p1_cc),
        .cb = (e1 - e2) * p1_cb,
        .bc = (e1 - e2) * p1_bc,
        .bb = e1 * p1_bb + e2 * (1.0 - p1_bb),
        .gc = (g1 * p1_cc + g2 * (1.0 - p1_cc)) / t->capacity_J_K,
        .gb = (g1 - g2) * p1_bc / t->capacity_J_K,
    };
}

double evtwin__thermal_resistance_K_W(const evtwin__thermal *t) {
    return t->boundary_capacity_J_K == 0.0
               ? 1.0 / t->to_boundary_W_K
               : 1.0 / t->to_boundary_W_K + 1.0 / t->boundary_to_air_W_K;
}

/* ---- lanes ---- */

void evtwin__ecm_model_init(const evtwin_cell *cell, double dt_s, evtwin__ecm_model *out) {
    *out = (evtwin__ecm_model){cell, dt_s, evtwin__thermal_step_make(&cell->thermal, dt_s)};
}

/* R0 of a lane at its present soc and temperature. */
static double r0_now(const evtwin_cell *cell, const evtwin__ecm_block *b, int lane) {
    return evtwin_cell_r0_ohm(cell, b->soc_frac[lane], b->temperature_degC[lane]) *
           b->r0_ratio[lane];
}

void evtwin__ecm_set_capacity(evtwin__ecm_block *b, int lane, double capacity_As) {
    b->capacity_As[lane] = capacity_As;
    b->per_capacity_As[lane] = 1.0 / capacity_As;
}

void evtwin__ecm_rest(const evtwin__ecm_model *model, evtwin__ecm_block *b, int lane,
                      double soc_frac, double temperature_degC) {
    b->soc_frac[lane] = soc_frac;
    b->v1_V[lane] = 0.0;
    b->v2_V[lane] = 0.0;
    b->temperature_degC[lane] = temperature_degC;
    b->boundary_degC[lane] = temperature_degC;
    b->current_A[lane] = 0.0;
    b->request_A[lane] = 0.0;
    b->r0_ohm[lane] = r0_now(model->cell, b, lane);
    b->reach_per_ohm[lane] = 1.0 / b->r0_ohm[lane];
    evtwin__ecm_clear_stress(b, lane);
}

void evtwin__ecm_polarise(const evtwin__ecm_model *model, evtwin__ecm_block *b, int lane,
                          double current_A) {
    const evtwin_cell *cell = model->cell;
    const evtwin__thermal *t = &cell->thermal;
    const double rc_gain = b->rc_ratio[lane] * evtwin__cell_arrhenius(cell, cell->rc_activation_K,
                                                                      b->temperature_degC[lane]);
    b->current_A[lane] = current_A;
    b->v1_V[lane] =
        -current_A * rc_gain * evtwin__cell_param(cell, EVTWIN__PARAM_R1, b->soc_frac[lane]);
    b->v2_V[lane] =
        -current_A * rc_gain * evtwin__cell_param(cell, EVTWIN__PARAM_R2, b->soc_frac[lane]);
    if (t->boundary_capacity_J_K > 0.0) { /* k (Tc - Tb) = kb (Tb - Tair) */
        const double k = t->to_boundary_W_K, kb = t->boundary_to_air_W_K;
        b->boundary_degC[lane] =
            (k * b->temperature_degC[lane] + kb * b->air_degC[lane]) / (k + kb);
    }
}

void evtwin__ecm_clear_stress(evtwin__ecm_block *b, int lane) {
    b->sum_soc_s[lane] = 0.0;
    b->sum_temperature_degC_s[lane] = 0.0;
    b->sum_discharge_time_s[lane] = 0.0;
    b->soc_min_frac[lane] = b->soc_frac[lane];
    b->soc_max_frac[lane] = b->soc_frac[lane];
}

double evtwin__ecm_voltage(const evtwin_cell *cell, const evtwin__ecm_block *b, int lane) {
    return evtwin__ocv_at(&cell->ocv, b->soc_frac[lane]) + b->v1_V[lane] + b->v2_V[lane] -
           b->current_A[lane] * r0_now(cell, b, lane);
}

double evtwin__ecm_current_for_power(const evtwin_cell *cell, const evtwin__ecm_block *b, int lane,
                                     double power_W) {
    /* P = (E - I R) I; the smaller root */
    const double emf =
        evtwin__ocv_at(&cell->ocv, b->soc_frac[lane]) + b->v1_V[lane] + b->v2_V[lane];
    const double r = r0_now(cell, b, lane);
    const double discriminant = emf * emf - 4.0 * r * power_W;
    return discriminant > 0.0 ? 2.0 * power_W / (emf + sqrt(discriminant)) : 0.5 * emf / r;
}

evtwin__ecm_steady evtwin__ecm_steady_at(const evtwin_cell *cell, double soc_frac,
                                         double temperature_degC, double request_A,
                                         double r0_ratio) {
    const double rc_gain = evtwin__rc_ratio(r0_ratio) *
                           evtwin__cell_arrhenius(cell, cell->rc_activation_K, temperature_degC);
    const double r = r0_ratio * evtwin_cell_r0_ohm(cell, soc_frac, temperature_degC) +
                     rc_gain * (evtwin__cell_param(cell, EVTWIN__PARAM_R1, soc_frac) +
                                evtwin__cell_param(cell, EVTWIN__PARAM_R2, soc_frac));
    const double ocv = evtwin__ocv_at(&cell->ocv, soc_frac);

    double i = request_A;
    const double high = (ocv - cell->v_min_V) / r, low = (ocv - cell->v_max_V) / r;
    i = i > high ? (high > 0.0 ? high : 0.0) : i;
    i = i < low ? (low < 0.0 ? low : 0.0) : i;
    const double entropic = evtwin__cell_param(cell, EVTWIN__PARAM_ENTROPIC, soc_frac);
    return (evtwin__ecm_steady){
        .current_A = i,
        .voltage_V = ocv - i * r,
        .heat_W = i * i * r - i * (temperature_degC + EVTWIN__ZERO_CELSIUS_K) * entropic,
    };
}
