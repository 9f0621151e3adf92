/* SPDX-License-Identifier: MIT */
/* learn/audit_filter.c: a feature that is a weighted sum of rows of a column, some of them later:
 * bells, Savitzky-Golay and other smoothers. */

#include "learn/audit_sample.h"

#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/features.h"
#include "learn/finding.h"

#include <string.h>

/* Rows k - REACH to k + REACH of the column, and the feature's own row before. */
enum { REACH = 8, N_TAPS = 2 * REACH + 1, N_TERMS = N_TAPS + 1, MAX_STEPS = 1500 };

typedef struct sums {
    double xx[N_TERMS][N_TERMS], xy[N_TERMS], yy;
    size_t n_moves; /* of the feature: a rounded one stands still for long */
} sums;

/* Steps of the feature and of the column: what both have in common by ageing says nothing. The
 * later rows come last. */
static void add_steps(const double *f, const double *c, size_t k, sums *s) {
    double x[N_TERMS], sum = 0.0;
    const double y = f[k] - f[k - 1];
    x[0] = f[k - 1] - f[k - 2];
    for (size_t i = 0; i < N_TAPS; i++) {
        x[1 + i] = c[k + i - REACH] - c[k + i - REACH - 1];
        sum += x[1 + i];
    }
    if (isnan(sum + y + x[0])) {
        return;
    }
    for (size_t i = 0; i < N_TERMS; i++) {
        for (size_t j = 0; j <= i; j++) {
            s->xx[i][j] += x[i] * x[j];
        }
        s->xy[i] += x[i] * y;
    }
    s->yy += y * y;
    s->n_moves += y != 0.0;
}

static void sum_steps(const evtwin__sample *s, const double *f, const double *c, sums *out) {
    memset(out, 0, sizeof *out);
    const size_t stride = s->n / MAX_STEPS + 1;
    for (size_t i = 0; i < s->n_runs; i++) {
        for (size_t k = s->first[i] + REACH + 1; k + REACH < s->first[i + 1]; k += stride) {
            add_steps(f, c, k, out);
        }
    }
}

/* Share of the feature's steps that the first n terms leave unexplained; their weights. */
static double unexplained(const sums *s, size_t n, double beta[N_TERMS]) {
    double xx[N_TERMS * N_TERMS], rest = s->yy;
    for (size_t i = 0; i < n; i++) {
        memcpy(xx + i * n, s->xx[i], n * sizeof *xx);
        beta[i] = s->xy[i];
    }
    evtwin__least_squares(xx, beta, n);
    for (size_t i = 0; i < n; i++) {
        rest -= beta[i] * s->xy[i];
    }
    return rest / s->yy;
}

/* Exactly with the later rows and not without them. The weights of a smoother sum up to about one,
 * those of a derivative to zero: a current is the change of a charge, and looks at nothing. */
static int looks_ahead(const sums *s) {
    enum { ENOUGH_STEPS = 200 }; /* that move */
    double beta[N_TERMS], gain = 0.0, size = 0.0;
    if (s->n_moves < ENOUGH_STEPS || !(s->yy > 0.0)) {
        return 0;
    }
    const double without = unexplained(s, 1 + REACH + 1, beta);
    if (without < 1e-3 || unexplained(s, N_TERMS, beta) > 1e-5) {
        return 0;
    }
    for (size_t i = 1; i < N_TERMS; i++) {
        gain += beta[i];
        size += fabs(beta[i]);
    }
    return fabs(gain) > 0.2 * size;
}

evtwin_status evtwin__find_filtered(const evtwin__audit *a, const evtwin__sample *s, size_t i,
                                    int *is_found) {
    const evtwin_table *table = a->data->table;
    const size_t feature = evtwin__audit_feature_column(a, i);
    for (size_t col = 0; col < s->n_cols; col++) {
        sums of;
        if (col == feature || s->scale[col] <= 0.0 || !evtwin__column_is_number(table, col)) {
            continue;
        }
        sum_steps(s, s->v + feature * s->n, s->v + col * s->n, &of);
        if (looks_ahead(&of)) {
            const char *name = evtwin_table_name(table, feature);
            *is_found = 1;
            return FIND(a->trainer, FUTURE_FILTER, name, TEXT(name),
                        TEXT(evtwin_table_name(table, col)));
        }
    }
    return EVTWIN_OK;
}
