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
#include <string.h>

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
    MEDIAN,
    RANGE,
    N_STATISTICS
} statistic;
static const char *const statistic_name[N_STATISTICS] = {
    "mean", "minimum", "maximum", "standard deviation", "standard deviation", "last value",
    "sum",  "median",  "range"};

typedef struct summary {
    double of[N_STATISTICS];
    double first;
    size_t n;
    size_t n_rises, n_falls;
    size_t n_between;           /* values other than 0 and 1, which are states */
    size_t n_least, n_greatest; /* rows that have the least value, the greatest */
    double step;                /* between the last two */
    size_t n_alike;             /* steps that are like the one before */
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
        s.n_least = v[k] < least ? 1 : s.n_least + (v[k] == least);
        s.n_greatest = v[k] > greatest ? 1 : s.n_greatest + (v[k] == greatest);
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
    s.of[RANGE] = greatest - least;
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
    double *spare; /* (n) scratch */
    int is_percent;
    int has_own_constants; /* as many as half of the batteries, or more */
    double constant_step;  /* what they are rounded to; 0: they are not */
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

/* How many batteries have a value of their own, and to how many digits they are all rounded. */
static void look_at_constants(series *s) {
    size_t n_distinct = 0, n_multiples = 0;
    for (size_t i = 0; i < s->n; i++) {
        s->x[i] = s->of[i].first;
    }
    qsort(s->x, s->n, sizeof *s->x, evtwin__compare_f64);
    for (size_t i = 0; i < s->n; i++) {
        n_distinct += i == 0 || s->x[i] != s->x[i - 1];
    }
    s->has_own_constants = 2 * n_distinct >= s->n;
    for (double per_step = 1.0; per_step <= 1e4 && n_multiples < s->n; per_step *= 10.0) {
        n_multiples = 0;
        for (size_t i = 0; i < s->n; i++) {
            const double steps = s->x[i] * per_step;
            n_multiples += fabs(steps - round(steps)) <= 1e-6;
        }
        s->constant_step = n_multiples == s->n ? 1.0 / per_step : 0.0;
    }
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

/* The constants beside a statistic, battery by battery. */
typedef struct likeness {
    size_t n_same, n_rounded, n_first; /* they are equal, but for rounding; it is the first value */
    evtwin__pairs pairs, firsts;       /* the constant with it, the first value with it */
} likeness;

static void liken(const series *s, likeness *l, double constant, double value, double first) {
    l->n_same += is_near(constant, value);
    l->n_rounded += fabs(constant - value) <= 0.51 * s->constant_step;
    l->n_first += is_near(value, first);
    evtwin__pairs_add(&l->pairs, constant, value);
    evtwin__pairs_add(&l->firsts, first, value);
}

/* 0: they are equal, and not what was known from the start; to 2e-6: a straight line of it, or it
 * rounded; 1: neither. */
static double unlikeness(const series *s, const likeness *l) {
    const double r = evtwin__pairs_r(&l->pairs), r_first = evtwin__pairs_r(&l->firsts);
    const double rest = 1.0 - r * r;
    if (20 * (s->n - l->n_same) <= s->n && 2 * l->n_first <= s->n) {
        return 0.0;
    }
    if (l->pairs.n < s->n || !s->has_own_constants || r_first * r_first >= 0.99) {
        return 1.0;
    }
    return 20 * (s->n - l->n_rounded) <= s->n ? fmin(rest, 1e-6) : rest < 2e-6 ? rest : 1.0;
}

static double median_of(const double *v, size_t first, size_t end, double *scratch) {
    size_t n = 0;
    for (size_t k = first; k < end; k++) {
        if (!isnan(v[k])) {
            scratch[n++] = v[k];
        }
    }
    const double low = evtwin__select_median(scratch, n);
    double high = INFINITY; /* the least of those above, in an even number */
    size_t n_low = 0;
    for (size_t i = 0; i < n; i++) {
        n_low += scratch[i] <= low;
        high = scratch[i] > low && scratch[i] < high ? scratch[i] : high;
    }
    return n % 2 == 0 && n_low == n / 2 ? 0.5 * (low + high) : low;
}

/* What the constants are most like. */
typedef struct origin {
    double unlikeness;
    const char *of, *column;
} origin;

static void compare_with(const series *s, const likeness *l, const char *of, const char *column,
                         origin *most) {
    const double how = unlikeness(s, l);
    if (how < most->unlikeness) {
        *most = (origin){how, of, column};
    }
}

/* Of a column v. */
static void compare_statistics(const series *s, const double *v, const char *column, origin *most) {
    likeness l[N_STATISTICS] = {{0}};
    for (size_t i = 0; i < s->n; i++) {
        const size_t *start = s->a->start + s->battery[i];
        summary other = sum_up(v, start[0], start[1]);
        if (other.n < ENOUGH_ROWS) {
            continue;
        }
        other.of[MEDIAN] = median_of(v, start[0], start[1], s->spare);
        for (int k = 0; k < N_STATISTICS; k++) {
            liken(s, &l[k], s->of[i].first, other.of[k], other.first);
        }
    }
    for (int k = 0; k < N_STATISTICS; k++) {
        compare_with(s, &l[k], statistic_name[k], column, most);
    }
}

static void compare_length(const series *s, origin *most) {
    likeness l = {0};
    for (size_t i = 0; i < s->n; i++) {
        const size_t *start = s->a->start + s->battery[i];
        liken(s, &l, s->of[i].first, (double)(start[1] - start[0]), 0.0);
    }
    compare_with(s, &l, "number", "rows", most);
}

static evtwin_status find_statistic(series *s) {
    const evtwin_table *table = s->a->data->table;
    origin most = {.unlikeness = 1.0};
    look_at_constants(s);
    compare_length(s, &most);
    for (size_t col = 0; col < evtwin_table_cols(table) && most.unlikeness > 0.0; col++) {
        if (col != s->col && evtwin__column_is_number(table, col)) {
            evtwin__audit_column(s->a, col, s->work);
            compare_statistics(s, s->work, evtwin_table_name(table, col), &most);
        }
    }
    return most.unlikeness < 1.0 ? FIND(s->a->trainer, SERIES_STATISTIC, s->column, TEXT(s->column),
                                        TEXT(most.of), TEXT(most.column))
                                 : EVTWIN_OK;
}

/* ---- scaled ---- */

static evtwin_status find_scaled(const series *s, int *is_found) {
    size_t n_centred = 0, n_unit = 0, n_spanned = 0, n_percent = 0;
    for (size_t i = 0; i < s->n; i++) {
        const double *of = s->of[i].of;
        const double unit = of[WHOLE_DEVIATION];
        n_centred += unit > 0.0 && fabs(of[MEAN]) <= 1e-6 * unit;
        n_unit += is_near(of[DEVIATION], 1.0) || is_near(of[WHOLE_DEVIATION], 1.0);
        n_spanned += of[LEAST] == 0.0 && is_near(of[GREATEST], 1.0) && s->of[i].n_between > 0 &&
                     s->of[i].n_rises + s->of[i].n_falls > s->of[i].n / 2;
        /* a state of charge is full and empty more often */
        n_percent += !s->is_percent && of[LEAST] == 0.0 && of[GREATEST] == 100.0 &&
                     s->of[i].n_least + s->of[i].n_greatest <= 4 &&
                     s->of[i].n_rises + s->of[i].n_falls > s->of[i].n / 2;
    }
    const size_t enough = s->n - s->n / 20;
    if (n_centred < enough && n_spanned < enough && n_percent < enough) {
        return EVTWIN_OK;
    }
    *is_found = 1;
    return FIND(s->a->trainer, SERIES_SCALED, s->column, TEXT(s->column),
                TEXT(n_percent >= enough  ? "minimum is 0 and its maximum 100"
                     : n_centred < enough ? "minimum is 0 and its maximum 1"
                     : n_unit >= enough   ? "mean is 0 and its standard deviation 1"
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

static evtwin_status look_at(series *s) {
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
                    .spare = memory + 2 * a->n,
                    .x = memory + 3 * a->n,
                    .y = memory + 3 * a->n + a->n_batteries,
                    .is_percent = strcmp(a->trainer->bundle.feature[i].unit, "percent") == 0};
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
    double *memory = evtwin__calloc(3 * a->n + 2 * a->n_batteries, sizeof *memory);
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
