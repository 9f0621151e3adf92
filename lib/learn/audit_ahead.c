/* SPDX-License-Identifier: MIT */
/* learn/audit_ahead.c: features made from later rows of another column: a value, a mean, a median,
 * a change. */

#include "learn/audit_sample.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/finding.h"

#include <string.h>

/* ---- a feature as a function of later rows of a column ---- */

enum { MAX_VALUES = 8000000, MAX_AHEAD = 100, MAX_HALF = 50, MAX_MEDIAN_HALF = 12 };

typedef evtwin__sample sample;

typedef struct pair {
    const sample *s;
    const double *f, *c; /* feature, column */
    double scale;        /* of the column's values */
    size_t half, shift;  /* the window, where there is one */
} pair;

/* 1: the feature's row k is what is suspected; 0: it is not; -1: the row says nothing. */
typedef int (*suspicion)(const pair *p, size_t k, size_t first, size_t end);

static int is_same(const pair *p, double a, double b) {
    return fabs(a - b) <= 1e-7 * (fabs(b) + p->scale);
}

/* Later row: the column must move between the rows. */
static int is_ahead(const pair *p, size_t k, size_t first, size_t end) {
    (void)first;
    if (k + p->shift >= end || isnan(p->c[k + p->shift]) || isnan(p->f[k]) ||
        p->c[k + p->shift] == p->c[k]) {
        return -1;
    }
    return is_same(p, p->f[k], p->c[k + p->shift]);
}

/* Rows k - half to k + half, an even window without the last. */
static int is_centred_mean(const pair *p, size_t k, size_t first, size_t end) {
    const size_t from = k - p->half, to = k + p->half + 1 - p->shift;
    if (k < first + p->half || to > end) {
        return -1;
    }
    const double sum = p->s->sum[to] - p->s->sum[from];
    if (isnan(sum) || isnan(p->f[k]) || p->c[from] == p->c[to - 1]) {
        return -1;
    }
    return is_same(p, p->f[k], sum / (double)(to - from));
}

/* The next half rows, with the row itself (shift 0) or without it. */
static int is_mean_ahead(const pair *p, size_t k, size_t first, size_t end) {
    const size_t from = k + p->shift, to = from + p->half;
    (void)first;
    if (to > end || isnan(p->f[k]) || p->c[from] == p->c[to - 1]) {
        return -1;
    }
    return is_same(p, p->f[k], (p->s->sum[to] - p->s->sum[from]) / (double)p->half);
}

/* From the row to one so many rows later, over all of them or for each. */
static int is_change_ahead(const pair *p, size_t k, size_t first, size_t end) {
    (void)first;
    if (k + p->shift >= end || isnan(p->f[k]) || p->c[k + p->shift] == p->c[k]) {
        return -1;
    }
    const double change = p->c[k + p->shift] - p->c[k];
    return isnan(change) ? -1
                         : is_same(p, fabs(p->f[k]), fabs(change)) ||
                               is_same(p, fabs(p->f[k]), fabs(change / (double)p->shift));
}

static int is_centred_median(const pair *p, size_t k, size_t first, size_t end) {
    double window[2 * MAX_MEDIAN_HALF + 1];
    if (k < first + p->half || k + p->half >= end || isnan(p->f[k])) {
        return -1;
    }
    const size_t n = 2 * p->half + 1;
    double trailing[MAX_MEDIAN_HALF + 1];
    for (size_t i = 0; i < n; i++) {
        window[i] = p->c[k - p->half + i];
        if (isnan(window[i])) {
            return -1;
        }
    }
    memcpy(trailing, window, (p->half + 1) * sizeof *trailing);
    const double median = evtwin__select_median(window, n);
    /* where the row itself, or the rows so far, have the same one it shows nothing */
    if (p->c[k] == median || evtwin__select_median(trailing, p->half + 1) == median) {
        return -1;
    }
    return is_same(p, p->f[k], median);
}

/* The maximum (shift 0) or minimum: of the whole window, where the rows so far have another. */
static int is_centred_extreme(const pair *p, size_t k, size_t first, size_t end) {
    if (k < first + p->half || k + p->half >= end || isnan(p->f[k])) {
        return -1;
    }
    const double sign = p->shift == 0 ? 1.0 : -1.0;
    double so_far = -INFINITY, ahead = -INFINITY;
    for (size_t i = 0; i <= p->half; i++) {
        const double before = sign * p->c[k - i], after = sign * p->c[k + i];
        if (isnan(before) || isnan(after)) {
            return -1;
        }
        so_far = before > so_far ? before : so_far;
        ahead = after > ahead ? after : ahead;
    }
    return so_far >= ahead ? -1 : is_same(p, p->f[k], sign * ahead);
}

/* Of a sample (by n - 1) or by n. */
static int is_centred_deviation(const pair *p, size_t k, size_t first, size_t end) {
    if (k < first + p->half || k + p->half >= end || isnan(p->f[k])) {
        return -1;
    }
    evtwin__pairs w = {0};
    for (size_t i = k - p->half; i <= k + p->half; i++) {
        evtwin__pairs_add(&w, p->c[i], p->c[i]);
    }
    return !(w.xx > 0.0) ? -1
                         : is_same(p, p->f[k], sqrt(w.xx / (double)w.n)) ||
                               is_same(p, p->f[k], sqrt(w.xx / (double)(w.n - 1)));
}

/* 95 % of the rows that say something, 20 or more, in which the feature takes on other values;
 * gives up after 5 that say no, or many that say nothing. */
static int holds(const pair *p, suspicion is_suspect) {
    enum { PATIENCE = 2000, ENOUGH_MOVES = 10 };
    size_t n_yes = 0, n_no = 0, n_moves = 0;
    double last = NAN;
    for (size_t i = 0; i < p->s->n_runs; i++) {
        for (size_t k = p->s->first[i]; k < p->s->first[i + 1]; k++) {
            const int answer = is_suspect(p, k, p->s->first[i], p->s->first[i + 1]);
            n_yes += answer > 0;
            n_no += answer == 0;
            n_moves += answer > 0 && p->f[k] != last;
            last = answer > 0 ? p->f[k] : last;
            if ((n_no > 5 && 20 * n_no > n_yes) || (n_yes + n_no < 20 && k > PATIENCE)) {
                return 0;
            }
        }
    }
    return n_yes >= 20 && n_moves >= ENOUGH_MOVES && 20 * n_no <= n_yes;
}

static void sum_column(const sample *s, const double *c) {
    s->sum[0] = 0.0;
    for (size_t k = 0; k < s->n; k++) {
        s->sum[k + 1] = s->sum[k] + (isnan(c[k]) ? 0.0 : c[k]);
    }
}

static int has_missing(const sample *s, const double *c) {
    for (size_t k = 0; k < s->n; k++) {
        if (isnan(c[k])) {
            return 1;
        }
    }
    return 0;
}

typedef struct made_from {
    const char *how;
    size_t rows;
} made_from;

static int is_made_from(pair *p, made_from *out) {
    for (p->shift = 1; p->shift <= MAX_AHEAD; p->shift++) {
        if (holds(p, is_ahead)) {
            *out = (made_from){"later", p->shift};
            return 1;
        }
        if (holds(p, is_change_ahead)) {
            *out = (made_from){"change", p->shift};
            return 1;
        }
    }
    sum_column(p->s, p->c);
    const size_t max_half = has_missing(p->s, p->c) ? 0 : MAX_HALF;
    for (p->half = 1; p->half <= max_half; p->half++) {
        for (p->shift = 0; p->shift < 2; p->shift++) {
            if (2 * p->half > p->shift + 1 && holds(p, is_centred_mean)) {
                *out = (made_from){"mean", 2 * p->half + 1 - p->shift};
                return 1;
            }
        }
    }
    for (p->half = 2; p->half <= 2 * max_half; p->half++) {
        for (p->shift = 0; p->shift < 2; p->shift++) {
            if (holds(p, is_mean_ahead)) {
                *out = (made_from){"next", p->half};
                return 1;
            }
        }
    }
    for (p->half = 1; p->half <= MAX_MEDIAN_HALF; p->half++) {
        if (holds(p, is_centred_median)) {
            *out = (made_from){"median", 2 * p->half + 1};
            return 1;
        }
        for (p->shift = 0; p->shift < 2; p->shift++) {
            if (holds(p, is_centred_extreme)) {
                *out = (made_from){p->shift == 0 ? "maximum" : "minimum", 2 * p->half + 1};
                return 1;
            }
        }
        if (holds(p, is_centred_deviation)) {
            *out = (made_from){"standard deviation", 2 * p->half + 1};
            return 1;
        }
    }
    return 0;
}

/* From the lowest tenth to the highest: a value that is far off does not make all others alike. */
static double scale_of(const sample *s, const double *c) {
    size_t n = 0;
    for (size_t k = 0; k < s->n; k++) {
        if (!isnan(c[k])) {
            s->sum[n++] = c[k];
        }
    }
    return n == 0
               ? 0.0
               : evtwin__select_quantile(s->sum, n, 0.9) - evtwin__select_quantile(s->sum, n, 0.1);
}

static evtwin_status state(const evtwin__audit *a, const made_from *made, const char *name,
                           const char *other) {
    const evtwin__argument rows = COUNT(made->rows);
    switch (made->how[0]) {
    case 'l':
        return FIND(a->trainer, FUTURE_VALUE, name, TEXT(name), TEXT(other), rows);
    case 'c':
        return FIND(a->trainer, FUTURE_CHANGE, name, TEXT(name), TEXT(other), rows);
    case 'n':
        return FIND(a->trainer, FUTURE_MEAN, name, TEXT(name), TEXT(other), rows);
    default:
        return FIND(a->trainer, CENTRED_WINDOW, name, TEXT(name), TEXT(made->how), rows,
                    TEXT(other));
    }
}

/* Of feature i, the first column that it is made from. */
static evtwin_status find_made_from(const evtwin__audit *a, const sample *s, size_t i,
                                    int *is_found) {
    const evtwin_table *table = a->data->table;
    const size_t feature = evtwin__audit_feature_column(a, i);
    const char *name = evtwin_table_name(table, feature);
    for (size_t col = 0; col < s->n_cols && s->scale[feature] > 0.0; col++) {
        pair p = {.s = s, .f = s->v + feature * s->n, .c = s->v + col * s->n};
        made_from made;
        p.scale = s->scale[col];
        if (col == feature || p.scale <= 0.0 || !is_made_from(&p, &made)) {
            continue;
        }
        *is_found = 1;
        return state(a, &made, name, evtwin_table_name(table, col));
    }
    return EVTWIN_OK;
}

static void pick_runs(const evtwin__audit *a, sample *s, size_t from[EVTWIN__MAX_RUNS]) {
    const size_t most = MAX_VALUES / EVTWIN__RUN_ROWS / (s->n_cols + 1);
    const size_t max_runs = most > EVTWIN__MAX_RUNS ? EVTWIN__MAX_RUNS : most < 1 ? 1 : most;
    const size_t stride = (a->n_batteries + max_runs - 1) / max_runs;
    for (size_t b = 0; b < a->n_batteries; b += stride) {
        const size_t rows = a->start[b + 1] - a->start[b];
        from[s->n_runs] = a->start[b];
        s->first[s->n_runs++] = s->n;
        const size_t limit = a->n_batteries == 1 ? max_runs * EVTWIN__RUN_ROWS : EVTWIN__RUN_ROWS;
        s->n += rows < limit ? rows : limit;
    }
    s->first[s->n_runs] = s->n;
}

static evtwin_status take_sample(const evtwin__audit *a, sample *s) {
    size_t from[EVTWIN__MAX_RUNS];
    s->n_cols = evtwin_table_cols(a->data->table);
    pick_runs(a, s, from);
    s->v = evtwin__calloc(s->n * s->n_cols + s->n + 1 + s->n_cols, sizeof *s->v);
    EVTWIN_FAIL_IF(s->v == NULL, EVTWIN_E_NOMEM, "out of memory to audit %zu columns", s->n_cols);
    s->sum = s->v + s->n * s->n_cols;
    s->scale = s->sum + s->n + 1;
    for (size_t col = 0; col < s->n_cols; col++) {
        double *v = s->v + col * s->n;
        for (size_t i = 0; i < s->n_runs; i++) {
            for (size_t k = 0; k < s->first[i + 1] - s->first[i]; k++) {
                v[s->first[i] + k] =
                    evtwin_table_number(a->data->table, col, a->order[from[i] + k]);
            }
        }
        s->scale[col] = scale_of(s, v);
    }
    return EVTWIN_OK;
}

/* ---- each feature ---- */

/* What gives the label away is refused already: one cause of it is enough. */
static int is_refused(const evtwin__audit *a, size_t i) {
    const evtwin_trainer *trainer = a->trainer;
    const char *name = evtwin_table_name(a->data->table, evtwin__audit_feature_column(a, i));
    for (size_t f = 0; f < trainer->n_findings; f++) {
        const evtwin__finding *finding = &trainer->finding[f];
        if ((strcmp(finding->severity, "error") == 0 || finding->is_allowed) &&
            finding->column != NULL && strcmp(finding->column, name) == 0) {
            return 1;
        }
    }
    return 0;
}

evtwin_status evtwin__audit_ahead(const evtwin__audit *a) {
    sample s = {.n = 0};
    double *v = evtwin__calloc(a->n, sizeof *v);
    evtwin_status st = v == NULL
                           ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n)
                           : take_sample(a, &s);
    for (size_t i = 0; i < a->data->cols && st >= 0; i++) {
        int is_found = is_refused(a, i);
        st = is_found ? st : find_made_from(a, &s, i, &is_found);
        st = st >= 0 && !is_found ? evtwin__find_filtered(a, &s, i, &is_found) : st;
        st = st >= 0 && !is_found ? evtwin__find_filled(a, &s, i, v, &is_found) : st;
    }
    evtwin__free(s.v);
    evtwin__free(v);
    return st;
}
