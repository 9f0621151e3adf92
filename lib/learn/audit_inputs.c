/* SPDX-License-Identifier: MIT */
/* learn/audit_inputs.c: a single feature that gives the label away: the label of another row, a
 * code for it, a threshold, a function. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/clean.h"
#include "learn/features.h"
#include "learn/finding.h"

#include <stdlib.h>
#include <string.h>

/* The label and one feature at a time. */
typedef struct input {
    evtwin__audit *a;
    size_t t;
    int is_event;
    const char *label, *column;
    const double *y, *v; /* (n) */
    double *scratch;     /* (n) */
} input;

/* ---- the label of another row ---- */

enum { MAX_LAG = 10 };

/* Does the feature equal the label so many rows later in nearly all rows? */
static int equals_label(const input *in, ptrdiff_t lag, size_t *n_misses_out) {
    enum { ENOUGH_ROWS = 20 };
    size_t n_same = 0, n_misses = 0, n_positive = 0;
    for (size_t b = 0; b < in->a->n_batteries; b++) {
        const ptrdiff_t first = (ptrdiff_t)in->a->start[b], end = (ptrdiff_t)in->a->start[b + 1];
        for (ptrdiff_t k = first; k < end; k++) {
            if (k + lag < first || k + lag >= end || isnan(in->v[k]) || isnan(in->y[k + lag])) {
                continue;
            }
            const double y = in->y[k + lag];
            const int is_same = fabs(in->v[k] - y) <= 1e-6 * fabs(y);
            n_same += (size_t)is_same;
            n_positive += is_same && y != 0.0;
            n_misses += !is_same;
            if (n_misses > 20 && 20 * n_misses > n_same) {
                return 0;
            }
        }
    }
    *n_misses_out = n_misses;
    return n_positive >= ENOUGH_ROWS && (in->is_event ? 200 : 20) * n_misses <= n_same;
}

static evtwin_status find_label_of_row(const input *in, int *is_found) {
    ptrdiff_t best = 0;
    size_t fewest = SIZE_MAX;
    for (ptrdiff_t lag = -MAX_LAG; lag <= MAX_LAG; lag++) {
        size_t n_misses;
        if (equals_label(in, lag, &n_misses) && n_misses < fewest) {
            fewest = n_misses;
            best = lag;
        }
    }
    *is_found = fewest < SIZE_MAX;
    if (!*is_found) {
        return EVTWIN_OK;
    }
    in->a->is_explained[in->t] = 1;
    if (best == 0) {
        return FIND(in->a->trainer, LABEL_COPY, in->column, TEXT(in->column), TEXT(in->label));
    }
    return FIND(in->a->trainer, PREVIOUS_LABEL, in->column, TEXT(in->column), TEXT(in->label),
                COUNT(labs((long)best)), TEXT(best < 0 ? "before" : "later"));
}

/* ---- a code, a threshold ---- */

enum { MAX_CODES = 64 };

/* Are there few values, each of which goes with one class? */
static int is_code(const input *in, size_t *n_codes_out) {
    double value[MAX_CODES];
    size_t n_of[MAX_CODES][2] = {{0}}, n = 0, n_rows = 0, n_mixed = 0, n_class[2] = {0};
    for (size_t k = 0, i = 0; k < in->a->n; k++) {
        if (isnan(in->v[k]) || isnan(in->y[k])) {
            continue;
        }
        if (n == 0 || value[i] != in->v[k]) {
            for (i = 0; i < n && value[i] != in->v[k]; i++) {
            }
            if (i == MAX_CODES) {
                return 0;
            }
            n += i == n;
        }
        value[i] = in->v[k];
        n_of[i][in->y[k] != 0.0]++;
        n_class[in->y[k] != 0.0]++;
        n_rows++;
    }
    for (size_t i = 0; i < n; i++) {
        n_mixed += n_of[i][0] < n_of[i][1] ? n_of[i][0] : n_of[i][1];
    }
    *n_codes_out = n;
    return n > 1 && n_class[0] >= 20 && n_class[1] >= 20 && 1000 * n_mixed <= n_rows &&
           50 * n <= n_rows;
}

static evtwin_status find_class(const input *in) {
    double threshold;
    int is_above;
    size_t n_codes;
    if (!evtwin__audit_has_enough(in->a, in->y)) {
        return EVTWIN_OK;
    }
    if (is_code(in, &n_codes)) {
        in->a->is_explained[in->t] = 1;
        return FIND(in->a->trainer, LABEL_CODE, in->column, TEXT(in->column), COUNT(n_codes),
                    TEXT(in->label));
    }
    if (!evtwin__lies_apart(in->v, in->y, in->a->n, 0.0005, in->scratch, &threshold, &is_above)) {
        return EVTWIN_OK;
    }
    in->a->is_explained[in->t] = 1;
    return FIND(in->a->trainer, LABEL_THRESHOLD, in->column, TEXT(in->label), TEXT(in->column),
                TEXT(is_above ? "above" : "below"), DIGITS(threshold, 5));
}

/* ---- a function ---- */

enum { MAX_BINS = 256, ROWS_PER_BIN = 50, SAMPLE = 8192 };

/* Edges between bins of about equal rows; how many. */
static size_t make_edges(const input *in, size_t n_known, double edge[MAX_BINS]) {
    const size_t stride = n_known / SAMPLE + 1;
    size_t n = 0, seen = 0;
    for (size_t k = 0; k < in->a->n; k++) {
        if (!isnan(in->v[k]) && !isnan(in->y[k]) && seen++ % stride == 0) {
            in->scratch[n++] = in->v[k];
        }
    }
    qsort(in->scratch, n, sizeof *in->scratch, evtwin__compare_f64);
    size_t n_bins = n_known / ROWS_PER_BIN < MAX_BINS ? n_known / ROWS_PER_BIN : MAX_BINS;
    size_t n_edges = 0;
    for (size_t i = 1; i < n_bins; i++) {
        const double e = in->scratch[i * n / n_bins];
        if (n_edges == 0 || e > edge[n_edges - 1]) {
            edge[n_edges++] = e;
        }
    }
    return n_edges;
}

typedef struct bin {
    double n, mean, ss;
    size_t battery, n_batteries; /* the last one, and how many */
} bin;

/* Share of the rows in bins of three batteries or more. In bins of one battery each, any label
 * that hardly moves within a battery is explained. */
static double share_compared(const bin *bins, size_t n_bins) {
    double n = 0.0, n_compared = 0.0;
    for (size_t i = 0; i < n_bins; i++) {
        n += bins[i].n;
        n_compared += bins[i].n_batteries >= 3 ? bins[i].n : 0.0;
    }
    return n > 0.0 ? n_compared / n : 0.0;
}

/* Share of the label's variance within bins of the feature: one minus the correlation ratio. */
static double unexplained(const input *in) {
    double edge[MAX_BINS];
    bin bins[MAX_BINS] = {{0}};
    evtwin__pairs all = {0};
    for (size_t k = 0; k < in->a->n; k++) {
        if (!isnan(in->v[k]) && !isnan(in->y[k])) {
            evtwin__pairs_add(&all, in->v[k], in->y[k]);
        }
    }
    if (all.n < 4 * ROWS_PER_BIN || all.xx <= 0.0 || all.yy <= 0.0) {
        return 1.0;
    }
    const size_t n_edges = make_edges(in, all.n, edge);
    for (size_t k = 0, b = 0; k < in->a->n; k++) {
        for (; k >= in->a->start[b + 1]; b++) {
        }
        if (isnan(in->v[k]) || isnan(in->y[k])) {
            continue;
        }
        size_t low = 0, high = n_edges; /* first edge above v */
        while (low < high) {
            const size_t middle = (low + high) / 2;
            low = in->v[k] < edge[middle] ? low : middle + 1;
            high = in->v[k] < edge[middle] ? middle : high;
        }
        bin *at = &bins[low];
        const double d = in->y[k] - at->mean;
        at->n += 1.0;
        at->mean += d / at->n;
        at->ss += d * (in->y[k] - at->mean);
        at->n_batteries += at->n_batteries == 0 || at->battery != b;
        at->battery = b;
    }
    double within = 0.0;
    for (size_t i = 0; i <= n_edges; i++) {
        within += bins[i].ss;
    }
    if (!in->a->is_one_series && share_compared(bins, n_edges + 1) < 0.9) {
        return 1.0;
    }
    return within / ((double)(all.n - n_edges) - 1.0) / (all.yy / ((double)all.n - 1.0));
}

static evtwin_status find_function(const input *in) {
    const double rest = in->a->is_explained[in->t] ? 1.0 : unexplained(in);
    if (rest >= 0.002) {
        return EVTWIN_OK;
    }
    in->a->is_explained[in->t] = 1;
    return FIND(in->a->trainer, LABEL_OF_ONE, in->column, TEXT(in->label), TEXT(in->column),
                FIGURE(1.0 - rest, 4));
}

/* ---- another outcome ---- */

static int is_label(const evtwin__audit *a, const char *name) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__label *l = &a->data->label[t];
        if (l->is_present && strcmp(l->column, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_outcome(const evtwin_table *table, size_t col) {
    evtwin__meaning meaning;
    const char *name = evtwin_table_name(table, col);
    return evtwin__column_is_number(table, col) &&
           evtwin__meaning_find(name, EVTWIN__ALL_KINDS, &meaning) &&
           evtwin__schema[meaning.q].role == EVTWIN__ROLE_OUTCOME;
}

/* Is the feature a straight line of the column, but for rounding? */
static int is_line_of(const evtwin__audit *a, const double *v, const double *other) {
    evtwin__pairs p = {0};
    for (size_t k = 0; k < a->n; k++) {
        if (!isnan(v[k]) && !isnan(other[k])) {
            evtwin__pairs_add(&p, other[k], v[k]);
        }
    }
    const double slope = evtwin__pairs_slope(&p);
    double rest = 0.0;
    for (size_t k = 0; k < a->n; k++) {
        const double d = v[k] - p.mean_y - slope * (other[k] - p.mean_x);
        rest += isnan(d) ? 0.0 : d * d;
    }
    return p.n >= 20 && p.xx > 0.0 && p.yy > 0.0 && rest < 3e-5 * 3e-5 * p.yy;
}

static evtwin_status find_outcome(const evtwin__audit *a, const char *column, const double *v,
                                  double *other) {
    const evtwin_table *table = a->data->table;
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const char *name = evtwin_table_name(table, col);
        if (!is_outcome(table, col) || is_label(a, name)) {
            continue;
        }
        evtwin__audit_column(a, col, other);
        if (is_line_of(a, v, other)) {
            return FIND(a->trainer, TRUTH_COPY, column, TEXT(column), TEXT(name));
        }
    }
    return EVTWIN_OK;
}

/* In few batteries many a course is a straight line of another. */
static evtwin_status find_outcomes(const evtwin__audit *a, double *v, double *other) {
    for (size_t i = 0; i < a->data->cols && a->n_batteries >= EVTWIN__ENOUGH_BLOCKS; i++) {
        const size_t col = evtwin__audit_feature_column(a, i);
        evtwin__audit_column(a, col, v);
        EVTWIN_TRY(find_outcome(a, evtwin_table_name(a->data->table, col), v, other));
    }
    return EVTWIN_OK;
}

/* ---- all features ---- */

static evtwin_status look_at(const input *in) {
    int is_found;
    EVTWIN_TRY(find_label_of_row(in, &is_found));
    if (is_found || !evtwin__audit_is_comparable(in->a, in->t)) {
        return EVTWIN_OK;
    }
    return in->is_event ? find_class(in) : find_function(in);
}

evtwin_status evtwin__audit_inputs(evtwin__audit *a) {
    double *v = evtwin__calloc(a->n, 3 * sizeof *v);
    EVTWIN_FAIL_IF(v == NULL, EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n);
    double *y = v + a->n;
    evtwin_status st = find_outcomes(a, v, y);
    for (size_t t = 0; t < EVTWIN__T_COUNT && st >= 0; t++) {
        if (!a->data->label[t].is_present) {
            continue;
        }
        evtwin__audit_label(a, t, y);
        for (size_t i = 0; i < a->data->cols && st >= 0; i++) {
            const size_t col = evtwin__audit_feature_column(a, i);
            evtwin__audit_column(a, col, v);
            const input in = {.a = a,
                              .t = t,
                              .is_event = a->trainer->target[t].kind == EVTWIN_TARGET_EVENT,
                              .label = a->data->label[t].column,
                              .column = evtwin_table_name(a->data->table, col),
                              .y = y,
                              .v = v,
                              .scratch = v + 2 * a->n};
            st = look_at(&in);
        }
    }
    evtwin__free(v);
    return st;
}
