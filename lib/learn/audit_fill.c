/* SPDX-License-Identifier: MIT */
/* learn/audit_fill.c: a feature that by itself shows that it was made from later rows: by where it
 * is missing, by what it holds at the end, or by values that are carried back. */

#include "learn/audit_sample.h"

#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/features.h"
#include "learn/finding.h"

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

/* ---- moved, and its end filled ---- */

enum { MAX_HELD = 100 };

/* Share of the batteries (of 3 such rows or more) whose value so many rows before the last is that
 * of the row before. */
static double share_held(const evtwin__audit *a, const double *v, size_t before_last) {
    size_t n = 0, n_held = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        const size_t end = a->start[b + 1];
        if (end - a->start[b] >= 3 * (before_last + 1)) {
            n++;
            n_held += v[end - 1 - before_last] == v[end - 2 - before_last];
        }
    }
    return n >= 20 ? (double)n_held / (double)n : 0.0;
}

/* The number of last rows in which a value is held in nearly all batteries, though it is not in the
 * rows before: 0 if there is none. */
static size_t rows_held(const evtwin__audit *a, const double *v) {
    size_t n = 0;
    while (n < MAX_HELD && share_held(a, v, n) > 0.95) {
        n++;
    }
    return n < MAX_HELD && share_held(a, v, n) < 0.6 && 2 * count_repeats(a, v) < a->n ? n : 0;
}

/* A feature that was moved ahead and filled at the end holds its last values; where others do so
 * too, the records do. */
static evtwin_status find_held(const evtwin__audit *a, size_t i, double *v, int *is_found) {
    const evtwin_table *table = a->data->table;
    const size_t rows = rows_held(a, v);
    size_t n_others = 0;
    for (size_t k = 0; k < a->data->cols && rows > 0; k++) {
        if (k != i) {
            evtwin__audit_column(a, evtwin__audit_feature_column(a, k), v);
            n_others += share_held(a, v, 0) > 0.9;
        }
    }
    const char *name = evtwin_table_name(table, evtwin__audit_feature_column(a, i));
    *is_found = rows > 0 && 2 * n_others < a->data->cols;
    return *is_found ? FIND(a->trainer, FUTURE_HELD, name, TEXT(name), COUNT(rows)) : EVTWIN_OK;
}

/* ---- runs of equal values ---- */

/* Runs of equal values of a feature, and how its steps between them go with those of a column,
 * taken where the runs end and where they begin. */
typedef struct runs {
    evtwin__pairs at_ends, at_starts;
    evtwin__pairs before_ends, after_ends; /* one row before and after: of a column only */
} runs;

/* Did the battery rest in the rows from start to end (exclusive), so that its values stand still?
 * rest: a current or power, NULL = none is known. */
static int rests(const evtwin__sample *s, size_t rest, size_t start, size_t end) {
    for (size_t k = start + 1; rest < s->n_cols && k < end; k++) {
        const double *v = s->v + rest * s->n, limit = 0.01 * s->scale[rest];
        if (fabs(v[k]) <= limit && fabs(v[k - 1]) <= limit) {
            return 1;
        }
    }
    return 0;
}

/* c = NULL: the number of the row. */
static runs compare_runs(const evtwin__sample *s, const double *f, const double *c, size_t rest) {
    runs r = {.at_ends = {0}};
    for (size_t i = 0; i < s->n_runs; i++) {
        size_t n_whole = 0, last_start = 0, last_end = 0, start = s->first[i];
        for (size_t k = s->first[i] + 1; k < s->first[i + 1]; k++) {
            if (f[k] == f[k - 1]) {
                continue;
            }
            /* a run from start to k - 1; the first one of a battery may have begun earlier */
            if (rests(s, rest, start, k)) {
                n_whole = 0;
            } else if (n_whole > 1) {
                const double df = f[start] - f[last_start];
                const double ends = c != NULL ? c[k - 1] - c[last_end] : (double)(k - 1 - last_end);
                const double starts =
                    c != NULL ? c[start] - c[last_start] : (double)(start - last_start);
                const double before = c != NULL ? c[k - 2] - c[last_end - 1] : 0.0;
                const double after = c != NULL ? c[k] - c[last_end + 1] : 0.0;
                if (!isnan(df + ends + starts + before + after)) {
                    evtwin__pairs_add(&r.at_ends, ends, df);
                    evtwin__pairs_add(&r.at_starts, starts, df);
                    evtwin__pairs_add(&r.before_ends, before, df);
                    evtwin__pairs_add(&r.after_ends, after, df);
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

/* By how much the first correlation is greater: Fisher's z. */
static double excess(const evtwin__pairs *a, const evtwin__pairs *b) {
    return (atanh(fmin(fabs(evtwin__pairs_r(a)), 0.999999)) -
            atanh(fmin(fabs(evtwin__pairs_r(b)), 0.999999))) *
           sqrt(0.5 * (double)(a->n - 3));
}

/* Do the ends fit by more than the starts, beyond chance? And by more than the rows around the
 * ends: a column that follows the feature late (a mean of the last rows), or one that runs before
 * it, fits later rows better and better. */
static int fits_at_ends(const runs *r, double *gain_out) {
    const double ends = evtwin__pairs_r(&r->at_ends), starts = evtwin__pairs_r(&r->at_starts);
    *gain_out = ends * ends - starts * starts;
    return r->at_ends.n >= 100 && *gain_out >= 0.01 && excess(&r->at_ends, &r->at_starts) > 6.0 &&
           excess(&r->at_ends, &r->before_ends) > 3.0 && excess(&r->at_ends, &r->after_ends) > 3.0;
}

/* Does the feature go one way with the rows, as an age does? Of one that swings, as a temperature
 * over the day, long runs are where it turns, and their number of rows goes with the next step. */
static int goes_one_way(const evtwin__sample *s, const double *f) {
    double net = 0.0, way = 0.0;
    for (size_t i = 0; i < s->n_runs; i++) {
        double own = 0.0;
        for (size_t k = s->first[i] + 1; k < s->first[i + 1]; k++) {
            const double step = f[k] - f[k - 1];
            if (!isnan(step)) {
                own += step;
                way += fabs(step);
            }
        }
        net += fabs(own);
    }
    return net >= 0.1 * way;
}

/* A state (on, off) has no course that others could tell. */
static int has_two_values(const evtwin__sample *s, const double *f) {
    double value[2] = {NAN, NAN};
    for (size_t k = 0; k < s->n; k++) {
        if (isnan(f[k]) || f[k] == value[0] || f[k] == value[1]) {
            continue;
        }
        if (!isnan(value[1])) {
            return 0;
        }
        value[isnan(value[0]) ? 0 : 1] = f[k];
    }
    return 1;
}

/* The column of the current; n_cols if there is none. */
static size_t find_rest(const evtwin__audit *a, const evtwin__sample *s) {
    evtwin__meaning meaning;
    for (size_t col = 0; col < s->n_cols; col++) {
        if (evtwin__column_is_number(a->data->table, col) &&
            evtwin__meaning_find(evtwin_table_name(a->data->table, col), EVTWIN__ALL_KINDS,
                                 &meaning) &&
            meaning.q == EVTWIN__Q_CURRENT) {
            return col;
        }
    }
    return s->n_cols;
}

/* The other way: a value that was carried on. */
static int fits_at_starts(const runs *r) {
    const double ends = evtwin__pairs_r(&r->at_ends), starts = evtwin__pairs_r(&r->at_starts);
    return r->at_ends.n >= 100 && starts * starts - ends * ends >= 0.01 &&
           excess(&r->at_starts, &r->at_ends) > 6.0;
}

static int repeats_often(const evtwin__sample *s, const double *f) {
    size_t n = 0;
    for (size_t k = 1; k < s->n; k++) {
        n += f[k] == f[k - 1];
    }
    return 10 * n >= s->n;
}

/* A value that is carried back belongs to the last row of its run, one that is carried on to the
 * first: other columns, or the time that goes by, say which. Where they do not agree, as in a cycle
 * in which all columns swing, nothing is said. */
static evtwin_status find_carried_back(const evtwin__audit *a, const evtwin__sample *s,
                                       size_t feature, int *is_found) {
    enum { ENOUGH_BATTERIES = 20 }; /* the rows of one depend on each other */
    const evtwin_table *table = a->data->table;
    const double *f = s->v + feature * s->n;
    const char *name = evtwin_table_name(table, feature), *witness = "the number of the row";
    double gain, best = 0.0;
    if (s->n_runs < ENOUGH_BATTERIES || !repeats_often(s, f) || has_two_values(s, f)) {
        return EVTWIN_OK;
    }
    const size_t rest = find_rest(a, s);
    runs r = compare_runs(s, f, NULL, rest);
    best = goes_one_way(s, f) && fits_at_ends(&r, &gain) ? gain : 0.0;
    for (size_t col = 0; col < s->n_cols; col++) {
        r = compare_runs(s, f, s->v + col * s->n, rest);
        if (col == feature || !evtwin__column_is_number(table, col)) {
            continue;
        }
        if (fits_at_starts(&r)) {
            return EVTWIN_OK;
        }
        if (fits_at_ends(&r, &gain) && gain > best) {
            best = gain;
            witness = evtwin_table_name(table, col);
        }
    }
    *is_found = best > 0.0;
    return best > 0.0 ? FIND(a->trainer, CARRIED_BACK, name, TEXT(name), TEXT(witness)) : EVTWIN_OK;
}

evtwin_status evtwin__find_filled(const evtwin__audit *a, const evtwin__sample *s, size_t i,
                                  double *v, int *is_found) {
    const size_t col = evtwin__audit_feature_column(a, i);
    const char *name = evtwin_table_name(a->data->table, col);
    evtwin__audit_column(a, col, v);
    const gaps g = find_gaps(a, v);
    EVTWIN_TRY(find_moved(a, name, &g, is_found));
    if (!*is_found) {
        EVTWIN_TRY(find_filled_ends(a, name, v, &g, is_found));
    }
    if (!*is_found) {
        EVTWIN_TRY(find_held(a, i, v, is_found));
    }
    return *is_found ? EVTWIN_OK : find_carried_back(a, s, col, is_found);
}
