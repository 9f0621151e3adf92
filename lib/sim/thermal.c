/* SPDX-License-Identifier: MIT */
/* sim/thermal.c: the exact propagator of the one- or two-node thermal model. */

#include "sim/thermal.h"

#include "core/vmath.h"

#include <math.h>

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
