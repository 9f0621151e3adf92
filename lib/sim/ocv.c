/* SPDX-License-Identifier: MIT */
/* sim/ocv.c: sample an open-circuit voltage from half cells or points into the kernel's cubic
 * table. */

#include "sim/cell.h"

#include "core/vmath.h"

#include <assert.h>

/* Voltage of an electrode, and its slope over stoichiometry. */
static double half_cell_at(const evtwin__half_cell *h, double s, double *slope_out) {
    double u = h->constant_V + h->slope_V * s;
    double slope = h->slope_V;
    for (size_t i = 0; i < h->exp.n; i++) {
        const double *abc = h->exp.abc[i];
        const double e = abc[0] * evtwin__exp(abc[1] * (s - abc[2]));
        u += e;
        slope += abc[1] * e;
    }
    for (size_t i = 0; i < h->tanh.n; i++) {
        const double *abc = h->tanh.abc[i];
        const double t = evtwin__tanh(abc[1] * (s - abc[2]));
        u += abc[0] * t;
        slope += abc[0] * abc[1] * (1.0 - t * t);
    }
    *slope_out = slope;
    return u;
}

/* The cubic with given ends: values u0, u1 and slopes m0, m1 per interval. */
static void hermite(double u0, double u1, double m0, double m1, double c[4]) {
    c[0] = u0;
    c[1] = m0;
    c[2] = 3.0 * (u1 - u0) - 2.0 * m0 - m1;
    c[3] = 2.0 * (u0 - u1) + m0 + m1;
}

/* Values and slopes per interval on the grid. */
typedef struct samples {
    double u[EVTWIN__OCV_INTERVALS + 1], m[EVTWIN__OCV_INTERVALS + 1];
} samples;

static void join(const samples *s, evtwin__ocv *out) {
    for (int k = 0; k < EVTWIN__OCV_INTERVALS; k++) {
        hermite(s->u[k], s->u[k + 1], s->m[k], s->m[k + 1], out->coefficient[k]);
    }
}

void evtwin__ocv_from_half_cells(const evtwin__half_cells *cells, evtwin__ocv *out) {
    const double step = 1.0 / (double)EVTWIN__OCV_INTERVALS;
    const double dx = cells->negative_full - cells->negative_empty;
    const double dy = cells->positive_full - cells->positive_empty;
    samples s;
    for (int k = 0; k <= EVTWIN__OCV_INTERVALS; k++) {
        /* U(z) = Up(y0 + z (y100 - y0)) - Un(x0 + z (x100 - x0)) */
        const double z = k * step;
        double slope_n, slope_p;
        const double un = half_cell_at(&cells->negative, cells->negative_empty + z * dx, &slope_n);
        const double up = half_cell_at(&cells->positive, cells->positive_empty + z * dy, &slope_p);
        s.u[k] = up - un;
        s.m[k] = (slope_p * dy - slope_n * dx) * step;
    }
    join(&s, out);
}

/* Slope at inner point i that keeps rising data rising: harmonic mean of the secants beside it. */
static double monotone_slope(const double *x, const double *y, size_t n, size_t i) {
    if (i == 0) {
        return (y[1] - y[0]) / (x[1] - x[0]);
    }
    const double left = (y[i] - y[i - 1]) / (x[i] - x[i - 1]);
    if (i == n - 1) {
        return left;
    }
    const double right = (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
    return left * right > 0.0 ? 2.0 * left * right / (left + right) : 0.0;
}

void evtwin__ocv_from_points(const double *soc_frac, const double *ocv_V, size_t n,
                             evtwin__ocv *out) {
    assert(n >= 2);
    const double step = 1.0 / (double)EVTWIN__OCV_INTERVALS;
    samples s;
    size_t i = 0;
    for (int k = 0; k <= EVTWIN__OCV_INTERVALS; k++) {
        const double z = k * step;
        while (i + 2 < n && z >= soc_frac[i + 1]) {
            i++;
        }

        /* the points' own cubic between i and i + 1, at z */
        const double h = soc_frac[i + 1] - soc_frac[i];
        const double f = (z - soc_frac[i]) / h;
        double c[4];
        hermite(ocv_V[i], ocv_V[i + 1], h * monotone_slope(soc_frac, ocv_V, n, i),
                h * monotone_slope(soc_frac, ocv_V, n, i + 1), c);
        s.u[k] = c[0] + f * (c[1] + f * (c[2] + f * c[3]));
        s.m[k] = (c[1] + f * (2.0 * c[2] + 3.0 * f * c[3])) / h * step;
    }
    join(&s, out);
}

size_t evtwin__ocv_first_fall(const evtwin__ocv *ocv) {
    size_t k = 0;
    for (; k < EVTWIN__OCV_INTERVALS; k++) {
        const double *c = ocv->coefficient[k];
        if (!(c[1] + c[2] + c[3] > 0.0)) {
            break;
        }
    }
    return k;
}

double evtwin__ocv_at(const evtwin__ocv *ocv, double soc_frac) {
    double f;
    const int k = evtwin__grid_at(soc_frac, EVTWIN__OCV_INTERVALS, &f);
    const double *c = ocv->coefficient[k];
    return c[0] + f * (c[1] + f * (c[2] + f * c[3]));
}
