/* SPDX-License-Identifier: MIT */
/* sim/ecm_kernel.h: the stepping kernel at one width. Included by ecm.c once per width, without a
 * guard.
 *
 *     dz/dt   = -I / Q
 *     dvj/dt  = -vj / tauj - I Rj / tauj    (j = 1, 2; negative on discharge)
 *     V       = U(z) + v1 + v2 - I R0
 *     heat    = I^2 R0 - I (v1 + v2) - I T dU/dT
 *
 * The charge is exact; R, tau are taken at the midpoint of soc and a predicted midpoint
 * temperature, with which the branches and the thermal nodes are solved exactly over the step:
 * second order in dt and stable for any dt. The same bits on every machine: no libm, no
 * contraction, one order of sums. */

#include "sim/vec.h"

#define V EVTWIN__FN(evtwin__v)
#define M EVTWIN__FN(evtwin__m)
#define FN EVTWIN__FN

/* A vector of AT(lane). */
#if EVTWIN__W == 8
#define GATHER(AT)                                                                                 \
    { AT(0), AT(1), AT(2), AT(3), AT(4), AT(5), AT(6), AT(7) }
#elif EVTWIN__W == 4
#define GATHER(AT)                                                                                 \
    { AT(0), AT(1), AT(2), AT(3) }
#else
#define GATHER(AT)                                                                                 \
    { AT(0), AT(1) }
#endif

/* A part of a block: what the block holds, W lanes wide. */
typedef struct FN(lanes) {
#define FIELD(name) V name;
    EVTWIN__ECM_FIELDS(FIELD)
#undef FIELD
} FN(lanes);

EVTWIN__INLINE void FN(load)(const evtwin__ecm_block *block, int lane, FN(lanes) * out) {
#define FIELD(name) out->name = *(const V *)&block->name[lane];
    EVTWIN__ECM_FIELDS(FIELD)
#undef FIELD
}

EVTWIN__INLINE void FN(store)(const FN(lanes) * part, int lane, evtwin__ecm_block *block) {
#define FIELD(name) *(V *)&block->name[lane] = part->name;
    EVTWIN__ECM_FIELDS(FIELD)
#undef FIELD
}

/* Circuit parameters of the lanes. */
typedef struct FN(params) {
    V r0, r1, r2, tau1, tau2, entropic;
} FN(params);

/* Linear between two rows of the table. */
EVTWIN__INLINE V FN(column_at)(const evtwin_cell *cell, M k, V f, int column) {
#define LOW(lane) cell->param[k[lane]][column]
#define HIGH(lane) cell->param[k[lane] + 1][column]
    const V low = GATHER(LOW), high = GATHER(HIGH);
#undef LOW
#undef HIGH
    return low + f * (high - low);
}

EVTWIN__INLINE FN(params)
    FN(params_at)(const evtwin_cell *cell, V soc, V temperature_degC, const FN(lanes) * b) {
    M k;
    const V f = FN(v_interval)(soc * (double)EVTWIN__PARAM_INTERVALS, EVTWIN__PARAM_INTERVALS, &k);
    const V warmth = 1.0 / (temperature_degC + 273.15) - 1.0 / cell->reference_K;
    const V r0_gain = FN(v_exp)(cell->r0_activation_K * warmth) * b->r0_ratio;
    V rc_gain = b->rc_ratio;
    if (cell->rc_activation_K != 0.0) {
        rc_gain = FN(v_exp)(cell->rc_activation_K * warmth) * rc_gain;
    }
    return (FN(params)){
        .r0 = FN(column_at)(cell, k, f, EVTWIN__PARAM_R0) * r0_gain,
        .r1 = FN(column_at)(cell, k, f, EVTWIN__PARAM_R1) * rc_gain,
        .r2 = FN(column_at)(cell, k, f, EVTWIN__PARAM_R2) * rc_gain,
        .tau1 = FN(column_at)(cell, k, f, EVTWIN__PARAM_TAU1),
        .tau2 = FN(column_at)(cell, k, f, EVTWIN__PARAM_TAU2),
        .entropic = FN(column_at)(cell, k, f, EVTWIN__PARAM_ENTROPIC),
    };
}

/* Open-circuit voltage and its slope over soc. */
EVTWIN__INLINE V FN(ocv_at)(const evtwin__ocv *ocv, V soc, V *slope_out) {
    M k;
    const V f = FN(v_interval)(soc * (double)EVTWIN__OCV_INTERVALS, EVTWIN__OCV_INTERVALS, &k);

#define C(lane, power) ocv->coefficient[k[lane]][power]
#define C0(lane) C(lane, 0)
#define C1(lane) C(lane, 1)
#define C2(lane) C(lane, 2)
#define C3(lane) C(lane, 3)
    const V c0 = GATHER(C0), c1 = GATHER(C1), c2 = GATHER(C2), c3 = GATHER(C3);
#undef C
#undef C0
#undef C1
#undef C2
#undef C3
    *slope_out = (c1 + f * (2.0 * c2 + 3.0 * f * c3)) * (double)EVTWIN__OCV_INTERVALS;
    return c0 + f * (c1 + f * (c2 + f * c3));
}

/* Hold a request within what keeps the terminal voltage at the end of the step inside the limits
 * and the charge inside the cell. The end of the step, linearised: V = emf - I / per_ohm. A limit
 * never turns a current round. */
EVTWIN__INLINE V FN(limit_current)(const evtwin__ecm_model *model, const FN(lanes) * b, V emf,
                                   V per_ohm) {
    const V zero = FN(v_set)(0.0);
    const V charge_rate = b->capacity_As * (1.0 / model->dt_s);
    V high = FN(v_max)((emf - model->cell->v_min_V) * per_ohm, zero);
    V low = FN(v_min)((emf - model->cell->v_max_V) * per_ohm, zero);
    high = FN(v_min)(high, b->soc_frac * charge_rate);
    low = FN(v_max)(low, (b->soc_frac - 1.0) * charge_rate);
    return FN(v_min)(FN(v_max)(b->request_A, low), high);
}

/* Advance the temperatures above the air, exact for constant heat. */
EVTWIN__INLINE void FN(warm)(const evtwin__thermal_step *th, FN(lanes) * b, V heat_W) {
    const V cell = b->temperature_degC - b->air_degC, boundary = b->boundary_degC - b->air_degC;
    b->temperature_degC = b->air_degC + th->cc * cell + th->cb * boundary + th->gc * heat_W;
    b->boundary_degC = b->air_degC + th->bc * cell + th->bb * boundary + th->gb * heat_W;
}

/* Take a step into the integrals. */
EVTWIN__INLINE void FN(account)(FN(lanes) * b, double dt_s, V current, V soc_before,
                                V temperature) {
    const V zero = FN(v_set)(0.0);
    b->charge_As += dt_s * current;
    b->discharge_As += dt_s * FN(v_max)(current, zero);
    b->sum_soc_s += 0.5 * dt_s * (soc_before + b->soc_frac);
    b->sum_temperature_degC_s += dt_s * temperature;
    b->sum_discharge_time_s += FN(v_select)(current > 0.0, FN(v_set)(dt_s), zero);
    b->soc_min_frac = FN(v_min)(b->soc_min_frac, b->soc_frac);
    b->soc_max_frac = FN(v_max)(b->soc_max_frac, b->soc_frac);
}

/* One step of the lanes. */
EVTWIN__INLINE void FN(step)(const evtwin__ecm_model *model, FN(lanes) * b) {
    const evtwin_cell *cell = model->cell;
    const double dt_s = model->dt_s, per_dt = 1.0 / dt_s;
    const V z = b->soc_frac, v1 = b->v1_V, v2 = b->v2_V;

    /* what will flow, judged by the last step's resistance; and from it the midpoint */
    V slope;
    const V ocv = FN(ocv_at)(&cell->ocv, z, &slope);
    const V guess = FN(limit_current)(model, b, ocv + v1 + v2, b->reach_per_ohm);
    const V z_mid = z - 0.5 * dt_s * guess * b->per_capacity_As;
    const V heat_now = guess * guess * b->r0_ohm - guess * (v1 + v2);
    const V t_mid =
        b->temperature_degC +
        0.5 * dt_s / cell->thermal.capacity_J_K *
            (heat_now - cell->thermal.to_boundary_W_K * (b->temperature_degC - b->boundary_degC));
    const FN(params) p = FN(params_at)(cell, z_mid, t_mid, b);

    /* what is left of the branches after the step, and the limits that follow from it */
    const V e1 = FN(v_exp)(-dt_s / p.tau1), e2 = FN(v_exp)(-dt_s / p.tau2);
    const V g1 = 1.0 - e1, g2 = 1.0 - e2;
    b->reach_per_ohm = 1.0 / (p.r0 + p.r1 * g1 + p.r2 * g2 + slope * (dt_s * b->per_capacity_As));
    const V i = FN(limit_current)(model, b, ocv + e1 * v1 + e2 * v2, b->reach_per_ohm);

    /* v' = E v - I R (1 - E);  mean over the step: -I R + (v + I R) (1 - E) tau / dt */
    const V s1 = -i * p.r1, s2 = -i * p.r2;
    const V mean =
        s1 + (v1 - s1) * (g1 * p.tau1 * per_dt) + s2 + (v2 - s2) * (g2 * p.tau2 * per_dt);
    b->v1_V = e1 * v1 + s1 * g1;
    b->v2_V = e2 * v2 + s2 * g2;
    FN(warm)(&model->thermal, b, i * i * p.r0 - i * mean - i * (t_mid + 273.15) * p.entropic);

    /* charge; the clamp only takes a rounding error */
    const V z_next = z - dt_s * i * b->per_capacity_As;
    b->soc_frac = FN(v_min)(FN(v_max)(z_next, FN(v_set)(0.0)), FN(v_set)(1.0));
    b->r0_ohm = p.r0;
    b->current_A = i;
    FN(account)(b, dt_s, i, z, t_mid);
}

/* Has a lane reached what its controller waits for? */
EVTWIN__INLINE int FN(must_stop)(const FN(lanes) * b) {
    const M tapered = (FN(v_abs)(b->current_A) < b->stop_current_A) &
                      (FN(v_abs)(b->request_A) >= b->stop_current_A);
    return FN(m_any)((b->soc_frac <= b->stop_low_frac) | (b->soc_frac >= b->stop_high_frac) |
                     tapered);
}

/* evtwin__ecm_run at this width. */
EVTWIN__INLINE int64_t FN(run)(const evtwin__ecm_model *model, evtwin__ecm_block *block,
                               int64_t n_steps) {
    FN(lanes) part[EVTWIN__LANES / EVTWIN__W];
    for (int i = 0; i < EVTWIN__LANES / EVTWIN__W; i++) {
        FN(load)(block, i * EVTWIN__W, &part[i]);
    }
    int64_t n = 0;
    int stop = 0;
    while (n < n_steps && !stop) {
        for (int i = 0; i < EVTWIN__LANES / EVTWIN__W; i++) {
            FN(step)(model, &part[i]);
            stop |= FN(must_stop)(&part[i]);
        }
        n++;
    }
    for (int i = 0; i < EVTWIN__LANES / EVTWIN__W; i++) {
        FN(store)(&part[i], i * EVTWIN__W, block);
    }
    return n;
}

#undef V
#undef M
#undef FN
#undef GATHER
