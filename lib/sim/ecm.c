/* SPDX-License-Identifier: MIT */
/* sim/ecm.c: the stepping kernel: exponential midpoint over a two-RC circuit with two thermal
 * nodes.
 *
 *     dz/dt   = -I / Q
 *     dvj/dt  = -vj / tauj - I Rj / tauj                    (overpotentials are negative on
 * discharge) V       = U(z) + v1 + v2 - I R0 heat    = I^2 R0 - I (v1 + v2) - I T dU/dT
 *
 * The charge is exact; R, tau are taken at the midpoint of soc and a predicted midpoint
 * temperature, with which the branches and the thermal nodes are solved exactly over the step:
 * second order in dt and stable for any dt. The same bits on every machine: no libm, no
 * contraction, one order of sums. */

#include "sim/ecm.h"

#include "core/vmath.h"

#include <assert.h>
#include <math.h>

typedef evtwin__v8 v8;
typedef evtwin__m8 m8;

/* Circuit parameters of eight cells. */
typedef struct params {
    v8 r0, r1, r2, tau1, tau2, entropic;
} params;

EVTWIN__V8_INLINE params params_at(const evtwin_cell *cell, v8 soc, v8 temperature_degC,
                                   const evtwin__ecm_block *b) {
    m8 k;
    const v8 f =
        evtwin__v8_interval(soc * (double)EVTWIN__PARAM_INTERVALS, EVTWIN__PARAM_INTERVALS, &k);
    /* between two rows of the table for each lane, all columns at once; then columns for all lanes
     */
    v8 column[EVTWIN__LANES];
    for (int l = 0; l < EVTWIN__LANES; l++) {
        const evtwin__v8_row *row = (const evtwin__v8_row *)cell->param[k[l]];
        column[l] = row[0] + f[l] * (row[1] - row[0]);
    }
    evtwin__v8_transpose(column);

    const v8 warmth = 1.0 / (temperature_degC + 273.15) - 1.0 / cell->reference_K;
    const v8 r0_gain = evtwin__v8_exp(cell->r0_activation_K * warmth) * b->r0_ratio;
    v8 rc_gain = b->rc_ratio;
    if (cell->rc_activation_K != 0.0) {
        rc_gain = evtwin__v8_exp(cell->rc_activation_K * warmth) * rc_gain;
    }
    return (params){
        .r0 = column[EVTWIN__PARAM_R0] * r0_gain,
        .r1 = column[EVTWIN__PARAM_R1] * rc_gain,
        .r2 = column[EVTWIN__PARAM_R2] * rc_gain,
        .tau1 = column[EVTWIN__PARAM_TAU1],
        .tau2 = column[EVTWIN__PARAM_TAU2],
        .entropic = column[EVTWIN__PARAM_ENTROPIC],
    };
}

/* The coefficients of two intervals, one in each half. */
EVTWIN__V8_INLINE v8 two_rows(const evtwin__ocv *ocv, int64_t low, int64_t high) {
    const double *a = ocv->coefficient[low], *b = ocv->coefficient[high];
    return (v8){a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]};
}

/* Open-circuit voltage and its slope over soc. */
EVTWIN__V8_INLINE v8 ocv_at(const evtwin__ocv *ocv, v8 soc, v8 *slope_out) {
    m8 k;
    const v8 f =
        evtwin__v8_interval(soc * (double)EVTWIN__OCV_INTERVALS, EVTWIN__OCV_INTERVALS, &k);

    /* a row of four for each lane, two rows side by side; then the four columns of all lanes */
    const v8 row[4] = {two_rows(ocv, k[0], k[4]), two_rows(ocv, k[1], k[5]),
                       two_rows(ocv, k[2], k[6]), two_rows(ocv, k[3], k[7])};
    const v8 even_a = evtwin__v8_firsts(row[0], row[1]), even_b = evtwin__v8_firsts(row[2], row[3]);
    const v8 odd_a = evtwin__v8_seconds(row[0], row[1]), odd_b = evtwin__v8_seconds(row[2], row[3]);
    const v8 c0 = evtwin__v8_lower_pairs(even_a, even_b),
             c2 = evtwin__v8_upper_pairs(even_a, even_b);
    const v8 c1 = evtwin__v8_lower_pairs(odd_a, odd_b), c3 = evtwin__v8_upper_pairs(odd_a, odd_b);
    *slope_out = (c1 + f * (2.0 * c2 + 3.0 * f * c3)) * (double)EVTWIN__OCV_INTERVALS;
    return c0 + f * (c1 + f * (c2 + f * c3));
}

/* Hold a request within what keeps the terminal voltage at the end of the step inside the limits
 * and the charge inside the cell. The end of the step, linearised: V = emf - I / per_ohm. A limit
 * never turns a current round. */
EVTWIN__V8_INLINE v8 limit_current(const evtwin__ecm_model *model, const evtwin__ecm_block *b,
                                   v8 emf, v8 per_ohm) {
    const v8 zero = evtwin__v8_set(0.0);
    const v8 charge_rate = b->capacity_As * (1.0 / model->dt_s);
    v8 high = evtwin__v8_max((emf - model->cell->v_min_V) * per_ohm, zero);
    v8 low = evtwin__v8_min((emf - model->cell->v_max_V) * per_ohm, zero);
    high = evtwin__v8_min(high, b->soc_frac * charge_rate);
    low = evtwin__v8_max(low, (b->soc_frac - 1.0) * charge_rate);
    return evtwin__v8_min(evtwin__v8_max(b->request_A, low), high);
}

/* Advance the temperatures above the air, exact for constant heat. */
EVTWIN__V8_INLINE void warm(const evtwin__thermal_step *th, evtwin__ecm_block *b, v8 heat_W) {
    const v8 cell = b->temperature_degC - b->air_degC, jig = b->jig_degC - b->air_degC;
    b->temperature_degC = b->air_degC + th->cc * cell + th->cj * jig + th->gc * heat_W;
    b->jig_degC = b->air_degC + th->jc * cell + th->jj * jig + th->gj * heat_W;
}

/* Take a step into the integrals. */
EVTWIN__V8_INLINE void account(evtwin__ecm_block *b, double dt_s, v8 current, v8 soc_before,
                               v8 temperature) {
    const v8 zero = evtwin__v8_set(0.0);
    b->charge_As += dt_s * current;
    b->discharge_As += dt_s * evtwin__v8_max(current, zero);
    b->sum_soc_s += 0.5 * dt_s * (soc_before + b->soc_frac);
    b->sum_temperature_degC_s += dt_s * temperature;
    b->sum_discharge_time_s += evtwin__v8_select(current > 0.0, evtwin__v8_set(dt_s), zero);
    b->soc_min_frac = evtwin__v8_min(b->soc_min_frac, b->soc_frac);
    b->soc_max_frac = evtwin__v8_max(b->soc_max_frac, b->soc_frac);
}

/* One step of eight packs. */
EVTWIN__V8_INLINE void step(const evtwin__ecm_model *model, evtwin__ecm_block *b) {
    const evtwin_cell *cell = model->cell;
    const double dt_s = model->dt_s, per_dt = 1.0 / dt_s;
    const v8 z = b->soc_frac, v1 = b->v1_V, v2 = b->v2_V;

    /* what will flow, judged by the last step's resistance; and from it the midpoint */
    v8 slope;
    const v8 ocv = ocv_at(&cell->ocv, z, &slope);
    const v8 guess = limit_current(model, b, ocv + v1 + v2, b->reach_per_ohm);
    const v8 z_mid = z - 0.5 * dt_s * guess * b->per_capacity_As;
    const v8 heat_now = guess * guess * b->r0_ohm - guess * (v1 + v2);
    const v8 t_mid = b->temperature_degC + 0.5 * dt_s / cell->thermal.capacity_J_K *
                                               (heat_now - cell->thermal.to_jig_W_K *
                                                               (b->temperature_degC - b->jig_degC));
    const params p = params_at(cell, z_mid, t_mid, b);

    /* what is left of the branches after the step, and the limits that follow from it */
    const v8 e1 = evtwin__v8_exp(-dt_s / p.tau1), e2 = evtwin__v8_exp(-dt_s / p.tau2);
    const v8 g1 = 1.0 - e1, g2 = 1.0 - e2;
    b->reach_per_ohm = 1.0 / (p.r0 + p.r1 * g1 + p.r2 * g2 + slope * (dt_s * b->per_capacity_As));
    const v8 i = limit_current(model, b, ocv + e1 * v1 + e2 * v2, b->reach_per_ohm);

    /* v' = E v - I R (1 - E);  mean over the step: -I R + (v + I R) (1 - E) tau / dt */
    const v8 s1 = -i * p.r1, s2 = -i * p.r2;
    const v8 mean =
        s1 + (v1 - s1) * (g1 * p.tau1 * per_dt) + s2 + (v2 - s2) * (g2 * p.tau2 * per_dt);
    b->v1_V = e1 * v1 + s1 * g1;
    b->v2_V = e2 * v2 + s2 * g2;
    warm(&model->thermal, b, i * i * p.r0 - i * mean - i * (t_mid + 273.15) * p.entropic);

    /* charge; the clamp only takes a rounding error */
    const v8 z_next = z - dt_s * i * b->per_capacity_As;
    b->soc_frac = evtwin__v8_min(evtwin__v8_max(z_next, evtwin__v8_set(0.0)), evtwin__v8_set(1.0));
    b->r0_ohm = p.r0;
    b->current_A = i;
    account(b, dt_s, i, z, t_mid);
}

/* Has a lane reached what its controller waits for? */
EVTWIN__V8_INLINE int must_stop(const evtwin__ecm_block *b) {
    const m8 tapered = (evtwin__v8_abs(b->current_A) < b->stop_current_A) &
                       (evtwin__v8_abs(b->request_A) >= b->stop_current_A);
    return evtwin__m8_any((b->soc_frac <= b->stop_low_frac) | (b->soc_frac >= b->stop_high_frac) |
                          tapered);
}

EVTWIN__V8_INLINE int64_t run(const evtwin__ecm_model *model, evtwin__ecm_block *block,
                              int64_t n_steps) {
    evtwin__ecm_block b = *block;
    int64_t n = 0;
    while (n < n_steps) {
        step(model, &b);
        n++;
        if (must_stop(&b)) {
            break;
        }
    }
    *block = b;
    return n;
}

/* The same code for wider registers. Contraction is off, so all give the same bits. */
#if defined(__x86_64__)
__attribute__((target("avx512f,avx512dq,avx512vl"))) static int64_t
run_avx512(const evtwin__ecm_model *model, evtwin__ecm_block *block, int64_t n_steps) {
    return run(model, block, n_steps);
}

__attribute__((target("avx2"))) static int64_t run_avx2(const evtwin__ecm_model *model,
                                                        evtwin__ecm_block *block, int64_t n_steps) {
    return run(model, block, n_steps);
}
#endif

int64_t evtwin__ecm_run_baseline(const evtwin__ecm_model *model, evtwin__ecm_block *block,
                                 int64_t n_steps) {
    return run(model, block, n_steps);
}

int64_t evtwin__ecm_run(const evtwin__ecm_model *model, evtwin__ecm_block *block, int64_t n_steps) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        return run_avx512(model, block, n_steps);
    }
    if (__builtin_cpu_supports("avx2")) {
        return run_avx2(model, block, n_steps);
    }
#endif
    return evtwin__ecm_run_baseline(model, block, n_steps);
}

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
    b->jig_degC[lane] = temperature_degC;
    b->current_A[lane] = 0.0;
    b->request_A[lane] = 0.0;
    b->r0_ohm[lane] = r0_now(model->cell, b, lane);
    b->reach_per_ohm[lane] = 1.0 / b->r0_ohm[lane];
    evtwin__ecm_clear_stress(b, lane);
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
        .heat_W = i * i * r - i * (temperature_degC + 273.15) * entropic,
    };
}
