/* SPDX-License-Identifier: MIT */
/* learn/audit_ahead.c: features made from later rows: of another column, by a window around the
 * row, or by a value that is carried back. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/features.h"
#include "learn/finding.h"

#include <string.h>

/* ---- a feature as a function of later rows of a column ---- */

/* Whole beginnings of batteries, spread over all of them, so that the work has a limit. */
enum { MAX_RUNS = 200, RUN_ROWS = 250, MAX_VALUES = 8000000 };
enum { MAX_AHEAD = 100, MAX_HALF = 50, MAX_MEDIAN_HALF = 12 };

typedef struct sample {
    size_t first[MAX_RUNS + 1], n_runs, n;
    size_t n_cols;
    double *v;     /* (n_cols, n): every numeric column */
    double *sum;   /* (n + 1) sums of the column that is looked at */
    double *scale; /* (n_cols) of the columns' values */
} sample;

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
    /* where the rows so far have the same one it shows nothing */
    return evtwin__select_median(trailing, p->half + 1) == median ? -1
                                                                  : is_same(p, p->f[k], median);
}

/* 95 % of the rows that say something, 20 or more; gives up after 5 that say no, or many that say
 * nothing. */
static int holds(const pair *p, suspicion is_suspect) {
    enum { PATIENCE = 2000 };
    size_t n_yes = 0, n_no = 0;
    for (size_t i = 0; i < p->s->n_runs; i++) {
        for (size_t k = p->s->first[i]; k < p->s->first[i + 1]; k++) {
            const int answer = is_suspect(p, k, p->s->first[i], p->s->first[i + 1]);
            n_yes += answer > 0;
            n_no += answer == 0;
            if ((n_no > 5 && 20 * n_no > n_yes) || (n_yes + n_no < 20 && k > PATIENCE)) {
                return 0;
            }
        }
    }
    return n_yes >= 20 && 20 * n_no <= n_yes;
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
    for (p->half = 1; p->half <= MAX_MEDIAN_HALF; p->half++) {
        if (holds(p, is_centred_median)) {
            *out = (made_from){"median", 2 * p->half + 1};
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

/* Of feature i, the first column that it is made from. */
static evtwin_status find_made_from(const evtwin__audit *a, const sample *s, size_t i,
                                    int *is_found) {
    const evtwin_table *table = a->data->table;
    const size_t feature = evtwin__audit_feature_column(a, i);
    const char *name = evtwin_table_name(table, feature);
    for (size_t col = 0; col < s->n_cols; col++) {
        pair p = {.s = s, .f = s->v + feature * s->n, .c = s->v + col * s->n};
        made_from made;
        p.scale = s->scale[col];
        if (col == feature || p.scale <= 0.0 || !is_made_from(&p, &made)) {
            continue;
        }
        *is_found = 1;
        const char *other = evtwin_table_name(table, col);
        return strcmp(made.how, "later") == 0
                   ? FIND(a->trainer, FUTURE_VALUE, name, TEXT(name), TEXT(other), COUNT(made.rows))
                   : FIND(a->trainer, CENTRED_WINDOW, name, TEXT(name), TEXT(made.how),
                          COUNT(made.rows), TEXT(other));
    }
    return EVTWIN_OK;
}

static void pick_runs(const evtwin__audit *a, sample *s, size_t from[MAX_RUNS]) {
    const size_t most = MAX_VALUES / RUN_ROWS / (s->n_cols + 1);
    const size_t max_runs = most > MAX_RUNS ? MAX_RUNS : most < 1 ? 1 : most;
    const size_t stride = (a->n_batteries + max_runs - 1) / max_runs;
    for (size_t b = 0; b < a->n_batteries; b += stride) {
        const size_t rows = a->start[b + 1] - a->start[b];
        from[s->n_runs] = a->start[b];
        s->first[s->n_runs++] = s->n;
        const size_t limit = a->n_batteries == 1 ? max_runs * RUN_ROWS : RUN_ROWS;
        s->n += rows < limit ? rows : limit;
    }
    s->first[s->n_runs] = s->n;
}

static evtwin_status take_sample(const evtwin__audit *a, sample *s) {
    size_t from[MAX_RUNS];
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

/* ---- a feature by itself ---- */

/* Where its values are missing, and what its runs of equal values begin and end with. */
typedef struct gaps {
    size_t n_batteries, n_missing, n_values;
    size_t n_ends_missing,
        n_starts_missing;          /* batteries of which the last (first) row is missing */
    size_t n_at_ends, n_at_starts; /* missing rows there */
    size_t end_gap;                /* of the first such battery */
    size_t n_same_gap;             /* batteries with that gap */
} gaps;

static gaps find_gaps(const evtwin__audit *a, const double *v) {
    gaps g = {0};
    for (size_t b = 0; b < a->n_batteries; b++) {
        const size_t first = a->start[b], end = a->start[b + 1];
        size_t at_start = 0, at_end = 0, n = 0;
        for (size_t k = first; k < end; k++) {
            n += isnan(v[k]);
        }
        if (n == end - first || end - first < 3) {
            continue;
        }
        for (; isnan(v[first + at_start]); at_start++) {
        }
        for (; isnan(v[end - 1 - at_end]); at_end++) {
        }
        g.n_batteries++;
        g.n_missing += n;
        g.n_values += end - first - n;
        g.n_starts_missing += at_start > 0;
        g.n_ends_missing += at_end > 0;
        g.n_at_starts += at_start;
        g.n_at_ends += at_end;
        g.end_gap = g.end_gap == 0 ? at_end : g.end_gap;
        g.n_same_gap += at_end > 0 && at_end == g.end_gap;
    }
    return g;
}

/* Missing in the same number of last rows of nearly every battery, and hardly elsewhere: moved by
 * so many rows. With as many missing at the starts: a window around the row. */
static evtwin_status find_moved(const evtwin__audit *a, const char *name, const gaps *g,
                                int *is_found) {
    const size_t elsewhere = g->n_missing - g->n_at_ends - g->n_at_starts;
    if (g->n_batteries < EVTWIN__ENOUGH_BLOCKS || 10 * g->n_same_gap < 9 * g->n_batteries ||
        100 * elsewhere > g->n_missing) {
        return EVTWIN_OK;
    }
    const int is_centred = 10 * g->n_starts_missing >= 9 * g->n_batteries;
    *is_found = 1;
    return is_centred ? FIND(a->trainer, CENTRED_ENDS, name, TEXT(name), COUNT(g->end_gap))
                      : FIND(a->trainer, FUTURE_ENDS, name, TEXT(name), COUNT(g->end_gap));
}

static size_t count_repeats(const evtwin__audit *a, const double *v) {
    size_t n = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        for (size_t k = a->start[b] + 1; k < a->start[b + 1]; k++) {
            n += v[k] == v[k - 1];
        }
    }
    return n;
}

/* Gaps at the ends of the series only, beside values that repeat: those within were filled, from
 * behind. */
static evtwin_status find_filled_ends(const evtwin__audit *a, const char *name, const double *v,
                                      const gaps *g, int *is_found) {
    if (g->n_ends_missing < EVTWIN__ENOUGH_BLOCKS || 20 * g->n_starts_missing > g->n_ends_missing ||
        g->n_missing != g->n_at_ends || 20 * count_repeats(a, v) < g->n_values) {
        return EVTWIN_OK;
    }
    *is_found = 1;
    return FIND(a->trainer, BACKWARD_FILL, name, TEXT(name), COUNT(g->n_ends_missing));
}

/* Runs of equal values of a feature, and how its steps between them go with those of a column,
 * taken where the runs end and where they begin. */
typedef struct runs {
    evtwin__pairs at_ends, at_starts;
} runs;

/* c = NULL: the number of the row. */
static runs compare_runs(const sample *s, const double *f, const double *c) {
    runs r = {.at_ends = {0}};
    for (size_t i = 0; i < s->n_runs; i++) {
        size_t n_whole = 0, last_start = 0, last_end = 0, start = s->first[i];
        for (size_t k = s->first[i] + 1; k < s->first[i + 1]; k++) {
            if (f[k] == f[k - 1]) {
                continue;
            }
            /* a run from start to k - 1; the first one of a battery may have begun earlier */
            if (n_whole > 1) {
                const double df = f[start] - f[last_start];
                const double ends = c != NULL ? c[k - 1] - c[last_end] : (double)(k - 1 - last_end);
                const double starts =
                    c != NULL ? c[start] - c[last_start] : (double)(start - last_start);
                if (!isnan(df + ends + starts)) {
                    evtwin__pairs_add(&r.at_ends, ends, df);
                    evtwin__pairs_add(&r.at_starts, starts, df);
                }
            }
            last_start = start;
            last_end = k - 1;
            start = k;
            n_whole++;
        }
    }
    return r;
}

/* Do the ends fit by more than the starts, beyond chance? Fisher's z of two correlations. */
static int fits_at_ends(const runs *r, double *gain_out) {
    const double ends = fabs(evtwin__pairs_r(&r->at_ends));
    const double starts = fabs(evtwin__pairs_r(&r->at_starts));
    *gain_out = ends * ends - starts * starts;
    if (r->at_ends.n < 100 || *gain_out < 0.01) {
        return 0;
    }
    const double z = (atanh(fmin(ends, 0.999999)) - atanh(fmin(starts, 0.999999))) *
                     sqrt(0.5 * (double)(r->at_ends.n - 3));
    return z > 6.0;
}

static int repeats_often(const sample *s, const double *f) {
    size_t n = 0;
    for (size_t k = 1; k < s->n; k++) {
        n += f[k] == f[k - 1];
    }
    return 10 * n >= s->n;
}

/* A value that is carried back belongs to the last row of its run, one that is carried on to the
 * first: other columns, or the time that goes by, say which. */
static evtwin_status find_carried_back(const evtwin__audit *a, const sample *s, size_t feature,
                                       int *is_found) {
    const evtwin_table *table = a->data->table;
    const double *f = s->v + feature * s->n;
    const char *name = evtwin_table_name(table, feature), *witness = "the number of the row";
    double gain, best = 0.0;
    if (!repeats_often(s, f)) {
        return EVTWIN_OK;
    }
    runs r = compare_runs(s, f, NULL);
    best = fits_at_ends(&r, &gain) ? gain : 0.0;
    for (size_t col = 0; col < s->n_cols; col++) {
        r = compare_runs(s, f, s->v + col * s->n);
        if (col != feature && evtwin__column_is_number(table, col) && fits_at_ends(&r, &gain) &&
            gain > best) {
            best = gain;
            witness = evtwin_table_name(table, col);
        }
    }
    *is_found = best > 0.0;
    return best > 0.0 ? FIND(a->trainer, CARRIED_BACK, name, TEXT(name), TEXT(witness)) : EVTWIN_OK;
}

static evtwin_status find_alone(const evtwin__audit *a, const sample *s, size_t i, double *v) {
    const size_t col = evtwin__audit_feature_column(a, i);
    const char *name = evtwin_table_name(a->data->table, col);
    int is_found = 0;
    evtwin__audit_column(a, col, v);
    const gaps g = find_gaps(a, v);
    EVTWIN_TRY(find_moved(a, name, &g, &is_found));
    if (!is_found) {
        EVTWIN_TRY(find_filled_ends(a, name, v, &g, &is_found));
    }
    if (!is_found) {
        EVTWIN_TRY(find_carried_back(a, s, col, &is_found));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__audit_ahead(const evtwin__audit *a) {
    sample s = {.n = 0};
    double *v = evtwin__calloc(a->n, sizeof *v);
    evtwin_status st = v == NULL
                           ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n)
                           : take_sample(a, &s);
    for (size_t i = 0; i < a->data->cols && st >= 0; i++) {
        int is_found = 0;
        st = find_made_from(a, &s, i, &is_found);
        st = st >= 0 && !is_found ? find_alone(a, &s, i, v) : st;
    }
    evtwin__free(s.v);
    evtwin__free(v);
    return st;
}
