/* SPDX-License-Identifier: MIT */
/* learn/audit_series.c: features that know the whole series of a battery: its life or a statistic
 * as a constant, values scaled by a statistic, a course that ends alike everywhere. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/clean.h"
#include "learn/features.h"
#include "learn/finding.h"

#include <stdlib.h>

enum { ENOUGH_BATTERIES = 8, ENOUGH_ROWS = 3 };

/* The statistics that a series may be summed up by. */
typedef enum statistic {
    MEAN,
    LEAST,
    GREATEST,
    DEVIATION,       /* of a sample, by n - 1 */
    WHOLE_DEVIATION, /* by n */
    LAST,
    SUM,
    N_STATISTICS
} statistic;
static const char *const statistic_name[N_STATISTICS] = {
    "mean", "minimum", "maximum", "standard deviation", "standard deviation", "last value", "sum"};

typedef struct summary {
    double of[N_STATISTICS];
    double first;
    size_t n;
    size_t n_rises, n_falls;
    size_t n_between; /* values other than 0 and 1, which are states */
    double step;      /* between the last two */
    size_t n_alike;   /* steps that are like the one before */
} summary;

static summary sum_up(const double *v, size_t first, size_t end) {
    summary s = {.first = NAN, .step = NAN};
    evtwin__pairs p = {0};
    double least = INFINITY, greatest = -INFINITY, last = NAN;
    for (size_t k = first; k < end; k++) {
        if (isnan(v[k])) {
            continue;
        }
        const double step = v[k] - last;
        evtwin__pairs_add(&p, v[k], v[k]);
        least = v[k] < least ? v[k] : least;
        greatest = v[k] > greatest ? v[k] : greatest;
        s.first = p.n == 1 ? v[k] : s.first;
        s.n_rises += step > 0.0;
        s.n_between += v[k] != 0.0 && v[k] != 1.0;
        s.n_falls += step < 0.0;
        s.n_alike += fabs(step - s.step) <= 1e-6 * fabs(step);
        s.step = step;
        last = v[k];
        s.of[SUM] += v[k];
    }
    s.n = p.n;
    s.of[MEAN] = p.mean_x;
    s.of[LEAST] = least;
    s.of[GREATEST] = greatest;
    s.of[DEVIATION] = p.n > 1 ? sqrt(p.xx / (double)(p.n - 1)) : 0.0;
    s.of[WHOLE_DEVIATION] = p.n > 1 ? sqrt(p.xx / (double)p.n) : 0.0;
    s.of[LAST] = last;
    return s;
}

static int is_near(double a, double b) {
    return fabs(a - b) <= 1e-6 * fabs(b);
}

/* One feature, battery by battery. */
typedef struct series {
    const evtwin__audit *a;
    const char *column;
    size_t col;
    const double *v; /* (n) */
    double *work;    /* (n) */
    summary *of;     /* (batteries): those with 3 values or more */
    size_t *battery; /* (batteries) which */
    size_t n;
    double *x, *y; /* (batteries) scratch */
} series;

/* ---- constants ---- */

static int is_constant(const series *s) {
    size_t n_constant = 0, n_other = 0;
    for (size_t i = 0; i < s->n; i++) {
        n_constant += s->of[i].of[LEAST] == s->of[i].of[GREATEST];
        n_other += s->of[i].first != s->of[0].first;
    }
    return 20 * (s->n - n_constant) <= s->n && n_other >= 2;
}

/* Rank of each in v (n), scratch (n); ties get the rank of the first. */
static void rank(double *v, double *scratch, size_t n) {
    for (size_t i = 0; i < n; i++) {
        scratch[i] = v[i];
    }
    qsort(scratch, n, sizeof *scratch, evtwin__compare_f64);
    for (size_t i = 0; i < n; i++) {
        size_t low = 0, high = n;
        while (low < high) {
            const size_t middle = (low + high) / 2;
            low = scratch[middle] < v[i] ? middle + 1 : low;
            high = scratch[middle] < v[i] ? high : middle;
        }
        v[i] = (double)low;
    }
}

static double correlation(const double *x, const double *y, size_t n) {
    evtwin__pairs p = {0};
    for (size_t i = 0; i < n; i++) {
        evtwin__pairs_add(&p, x[i], y[i]);
    }
    return fabs(evtwin__pairs_r(&p));
}

/* The greater of Pearson's and Spearman's, of the first n of x and y, which become ranks. */
static double alikeness(const series *s, size_t n) {
    const double r = correlation(s->x, s->y, n);
    rank(s->x, s->work, n);
    rank(s->y, s->work, n);
    const double by_rank = correlation(s->x, s->y, n);
    return r > by_rank ? r : by_rank;
}

/* The life of a battery: cycles so far and cycles to go, at its first row with a label. */
static double life_of(const evtwin__audit *a, size_t battery, size_t t) {
    for (size_t k = a->start[battery]; k < a->start[battery + 1]; k++) {
        const double left = a->data->label[t].y[a->order[k]];
        if (!isnan(left)) {
            return a->data->cycles != NULL ? left + a->data->cycles[a->order[k]] : left;
        }
    }
    return NAN;
}

static evtwin_status find_life(const series *s, int *is_found) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        size_t n = 0;
        if (!s->a->data->label[t].is_present ||
            s->a->trainer->target[t].kind != EVTWIN_TARGET_NUMBER) {
            continue;
        }
        for (size_t i = 0; i < s->n; i++) {
            s->x[n] = s->of[i].first;
            s->y[n] = life_of(s->a, s->battery[i], t);
            n += !isnan(s->y[n]);
        }
        const double r = n >= ENOUGH_BATTERIES ? alikeness(s, n) : 0.0;
        if (r > 0.99) {
            *is_found = 1;
            return FIND(s->a->trainer, LIFE_COLUMN, s->column, TEXT(s->column),
                        TEXT(s->a->data->label[t].column), FIGURE(r, 4), COUNT(n));
        }
    }
    return EVTWIN_OK;
}

/* Is it a statistic of a column, in nearly all batteries, and not its first value? */
static int is_statistic(const series *s, const double *v, statistic *which) {
    size_t n_same[N_STATISTICS] = {0}, n_first[N_STATISTICS] = {0};
    for (size_t i = 0; i < s->n; i++) {
        const size_t *start = s->a->start + s->battery[i];
        const summary other = sum_up(v, start[0], start[1]);
        for (int k = 0; k < N_STATISTICS; k++) {
            n_same[k] += other.n >= ENOUGH_ROWS && is_near(s->of[i].first, other.of[k]);
            n_first[k] += is_near(other.of[k], other.first);
        }
    }
    for (int k = 0; k < N_STATISTICS; k++) {
        if (20 * (s->n - n_same[k]) <= s->n && 2 * n_first[k] <= s->n) {
            *which = (statistic)k;
            return 1;
        }
    }
    return 0;
}

static evtwin_status find_statistic(const series *s) {
    const evtwin_table *table = s->a->data->table;
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        statistic which;
        if (col == s->col || !evtwin__column_is_number(table, col)) {
            continue;
        }
        evtwin__audit_column(s->a, col, s->work);
        if (is_statistic(s, s->work, &which)) {
            return FIND(s->a->trainer, SERIES_STATISTIC, s->column, TEXT(s->column),
                        TEXT(statistic_name[which]), TEXT(evtwin_table_name(table, col)));
        }
    }
    /* how long the series is, in rows */
    size_t n_same = 0;
    for (size_t i = 0; i < s->n; i++) {
        const size_t *start = s->a->start + s->battery[i];
        n_same += s->of[i].first == (double)(start[1] - start[0]);
    }
    return 20 * (s->n - n_same) > s->n ? EVTWIN_OK
                                       : FIND(s->a->trainer, SERIES_STATISTIC, s->column,
                                              TEXT(s->column), TEXT("number"), TEXT("rows"));
}

/* ---- scaled ---- */

static evtwin_status find_scaled(const series *s, int *is_found) {
    size_t n_centred = 0, n_unit = 0, n_spanned = 0;
    for (size_t i = 0; i < s->n; i++) {
        const double *of = s->of[i].of;
        const double unit = of[WHOLE_DEVIATION];
        n_centred += unit > 0.0 && fabs(of[MEAN]) <= 1e-6 * unit;
        n_unit += is_near(of[DEVIATION], 1.0) || is_near(of[WHOLE_DEVIATION], 1.0);
        n_spanned += of[LEAST] == 0.0 && is_near(of[GREATEST], 1.0) && s->of[i].n_between > 0 &&
                     s->of[i].n_rises + s->of[i].n_falls > s->of[i].n / 2;
    }
    const size_t enough = s->n - s->n / 20;
    if (n_centred < enough && n_spanned < enough) {
        return EVTWIN_OK;
    }
    *is_found = 1;
    return FIND(s->a->trainer, SERIES_SCALED, s->column, TEXT(s->column),
                TEXT(n_centred < enough ? "minimum is 0 and its maximum 1"
                     : n_unit >= enough ? "mean is 0 and its standard deviation 1"
                                        : "mean is 0"));
}

/* ---- ends alike ---- */

static double spread_of(double *v, size_t n) {
    return evtwin__select_quantile(v, n, 0.75) - evtwin__select_quantile(v, n, 0.25);
}

/* Of batteries whose end was observed (with the label of a number in their last row). */
static int is_ended(const series *s, size_t i) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (s->a->data->label[t].is_present &&
            s->a->trainer->target[t].kind == EVTWIN_TARGET_NUMBER) {
            const size_t last = s->a->order[s->a->start[s->battery[i] + 1] - 1];
            return !isnan(s->a->data->label[t].y[last]);
        }
    }
    return 1;
}

/* A course that never turns back and is at the same place at every battery's last row, though they
 * are of different lengths. */
static evtwin_status find_known_end(const series *s, int *is_found) {
    size_t n = 0, n_steps = 0, n_alike = 0, n_turns = 0;
    double *fall = s->work;
    for (size_t i = 0; i < s->n; i++) {
        const summary *one = &s->of[i];
        if (!is_ended(s, i)) {
            continue;
        }
        n_turns +=
            one->n_rises < one->n_falls ? one->n - 1 - one->n_falls : one->n - 1 - one->n_rises;
        n_steps += one->n - 1;
        n_alike += one->n_alike + 1;
        fall[n] = fabs(one->of[LAST] - one->first);
        s->x[n] = one->of[LAST];
        s->y[n++] = (double)one->n;
    }
    if (n < ENOUGH_BATTERIES || 1000 * n_turns > n_steps || n_steps < 10 * n) {
        return EVTWIN_OK;
    }
    const double range = evtwin__select_median(fall, n), length = evtwin__select_median(s->y, n);
    if (!(spread_of(s->x, n) <= 0.01 * range) || !(spread_of(s->y, n) >= 0.05 * length)) {
        return EVTWIN_OK;
    }
    *is_found = 1;
    const double end = evtwin__select_median(s->x, n);
    return 20 * n_alike >= 19 * n_steps
               ? FIND(s->a->trainer, ROWS_LEFT, s->column, TEXT(s->column), DIGITS(end, 4))
               : FIND(s->a->trainer, TRUE_COURSE, s->column, TEXT(s->column), DIGITS(end, 4),
                      COUNT(n));
}

/* Rows to the end of the file, in the order of the table. */
static evtwin_status find_rows_to_end(const series *s, int *is_found) {
    const evtwin_table *table = s->a->data->table;
    const size_t rows = evtwin_table_rows(table);
    size_t n_down = 0;
    for (size_t r = 1; r < rows; r++) {
        n_down += evtwin_table_number(table, s->col, r) ==
                  evtwin_table_number(table, s->col, r - 1) - 1.0;
    }
    if (rows < 20 || 100 * (rows - 1 - n_down) > rows || s->n < 2) {
        return EVTWIN_OK;
    }
    *is_found = 1;
    return FIND(s->a->trainer, ROWS_TO_END, s->column, TEXT(s->column));
}

/* ---- each feature ---- */

static evtwin_status look_at(const series *s) {
    int is_found = 0;
    if (s->n >= ENOUGH_BATTERIES && is_constant(s)) {
        EVTWIN_TRY(find_life(s, &is_found));
        return is_found ? EVTWIN_OK : find_statistic(s);
    }
    if (s->n >= ENOUGH_BATTERIES) {
        EVTWIN_TRY(find_known_end(s, &is_found));
    }
    if (!is_found) {
        EVTWIN_TRY(find_rows_to_end(s, &is_found));
    }
    return is_found || s->n < ENOUGH_BATTERIES ? EVTWIN_OK : find_scaled(s, &is_found);
}

static evtwin_status look_at_all(const evtwin__audit *a, double *memory, summary *of,
                                 size_t *battery) {
    for (size_t i = 0; i < a->data->cols; i++) {
        const size_t col = evtwin__audit_feature_column(a, i);
        series s = {.a = a,
                    .column = evtwin_table_name(a->data->table, col),
                    .col = col,
                    .v = memory,
                    .work = memory + a->n,
                    .of = of,
                    .battery = battery,
                    .x = memory + 2 * a->n,
                    .y = memory + 2 * a->n + a->n_batteries};
        evtwin__audit_column(a, col, memory);
        for (size_t b = 0; b < a->n_batteries; b++) {
            of[s.n] = sum_up(memory, a->start[b], a->start[b + 1]);
            battery[s.n] = b;
            s.n += of[s.n].n >= ENOUGH_ROWS;
        }
        EVTWIN_TRY(look_at(&s));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__audit_series(const evtwin__audit *a) {
    double *memory = evtwin__calloc(2 * (a->n + a->n_batteries), sizeof *memory);
    summary *of = evtwin__calloc(a->n_batteries, sizeof *of);
    size_t *battery = evtwin__calloc(a->n_batteries, sizeof *battery);
    const evtwin_status st =
        memory == NULL || of == NULL || battery == NULL
            ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n)
        : a->is_one_series ? EVTWIN_OK
                           : look_at_all(a, memory, of, battery);
    evtwin__free(memory);
    evtwin__free(of);
    evtwin__free(battery);
    return st;
}
