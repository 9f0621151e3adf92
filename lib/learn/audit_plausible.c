/* SPDX-License-Identifier: MIT */
/* learn/audit_plausible.c: units that do not fit: what was presumed, fractions, Fahrenheit, power
 * that is not voltage times current. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/finding.h"

#include <string.h>

/* What was presumed about telemetry columns: a unit that the header does not state, a sign. */
static evtwin_status find_presumed(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (size_t i = 0; i < data->cols; i++) {
        const evtwin__bundle_feature *f = &trainer->bundle.feature[i];
        if (evtwin__unit_is_presumed(f->column, f->column_unit)) {
            EVTWIN_TRY(FIND(trainer, UNIT_PRESUMED, NULL, TEXT(f->column), TEXT(f->column_unit)));
        }
        if (evtwin__is_like_fraction(f->unit, data->rows, f->min, f->max)) {
            EVTWIN_TRY(FIND(trainer, LIKE_FRACTION, NULL, TEXT(f->column), TEXT(f->name)));
        }
        if (strcmp(f->name, evtwin__schema[EVTWIN__Q_CURRENT].name) == 0 && f->max < 0.0) {
            EVTWIN_TRY(FIND(trainer, SIGN_AS_IS, NULL, TEXT(f->column)));
        }
    }
    return EVTWIN_OK;
}

/* ---- some batteries in another unit ---- */

/* Of the batteries, and the first of them. */
typedef struct some {
    size_t n, n_all, first;
    double value; /* a median of the first */
} some;

static void count(some *s, size_t battery, int is_one, double value) {
    s->n_all++;
    if (is_one && s->n++ == 0) {
        s->first = battery;
        s->value = value;
    }
}

/* Known values of a battery moved to the front of scratch; how many. */
static size_t known(const evtwin__audit *a, const double *v, size_t b, double *scratch) {
    size_t n = 0;
    for (size_t k = a->start[b]; k < a->start[b + 1]; k++) {
        if (!isnan(v[k])) {
            scratch[n++] = v[k];
        }
    }
    return n;
}

static evtwin_status find_fractions(const evtwin__audit *a, const char *name, const double *v,
                                    double *scratch) {
    some s = {0};
    for (size_t b = 0; b < a->n_batteries; b++) {
        const size_t n = known(a, v, b, scratch);
        double most = 0.0;
        for (size_t k = 0; k < n; k++) {
            most = scratch[k] > most ? scratch[k] : most;
        }
        if (n >= EVTWIN__FRACTION_VALUES) {
            count(&s, b, most > 0.0 && most <= 1.0, most);
        }
    }
    return s.n == 0 || s.n == s.n_all
               ? EVTWIN_OK /* all of them: find_presumed */
               : FIND(a->trainer, SOME_FRACTIONS, name, TEXT(name), COUNT(s.n), COUNT(s.n_all),
                      TEXT(evtwin__audit_battery(a, s.first)));
}

/* Medians of the batteries: what the fleet has in the middle, and how far from it they are. */
typedef struct usual {
    double middle, deviation;
} usual;

static usual usual_of(double *median, size_t n, double *scratch) {
    memcpy(scratch, median, n * sizeof *median);
    usual u = {.middle = evtwin__select_median(scratch, n)};
    for (size_t b = 0; b < n; b++) {
        scratch[b] = fabs(median[b] - u.middle);
    }
    u.deviation = evtwin__select_median(scratch, n);
    return u;
}

/* Too hot for any cell; or far from the fleet, and as the fleet if it were in degF. */
static int is_fahrenheit(double median, const usual *u, size_t n_batteries) {
    const double away = fabs(median - u->middle);
    const double in_degC = (median - 32.0) / 1.8;
    return (median > 65.0 && median < 140.0) ||
           (n_batteries >= 8 && away > 20.0 + 4.0 * u->deviation &&
            fabs(in_degC - u->middle) < 5.0 + 3.0 * u->deviation);
}

/* scratch: (n + 2 batteries) */
static evtwin_status find_fahrenheit(const evtwin__audit *a, const char *name, const double *v,
                                     double *scratch) {
    some s = {0};
    double *median = scratch + a->n, *rest = median + a->n_batteries;
    size_t n_known = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        const size_t n = known(a, v, b, scratch);
        median[b] = n > 0 ? evtwin__select_median(scratch, n) : (double)NAN;
        rest[n_known] = median[b];
        n_known += n > 0;
    }
    if (n_known == 0) {
        return EVTWIN_OK;
    }
    memcpy(scratch, rest, n_known * sizeof *rest);
    const usual u = usual_of(scratch, n_known, rest);
    for (size_t b = 0; b < a->n_batteries; b++) {
        if (!isnan(median[b])) {
            count(&s, b, is_fahrenheit(median[b], &u, n_known), median[b]);
        }
    }
    return s.n == 0 ? EVTWIN_OK
                    : FIND(a->trainer, FAHRENHEIT, name, TEXT(name), FIGURE(s.value, 1), COUNT(s.n),
                           COUNT(s.n_all), FIGURE((s.value - 32.0) / 1.8, 1));
}

/* ---- power, voltage, current ---- */

/* The features' numbers, EVTWIN_NO_COLUMN where one is not a feature. */
static size_t find_feature(const evtwin__audit *a, size_t quantity) {
    for (size_t i = 0; i < a->data->cols; i++) {
        if (strcmp(a->trainer->bundle.feature[i].name, evtwin__schema[quantity].name) == 0) {
            return i;
        }
    }
    return EVTWIN_NO_COLUMN;
}

/* The three columns' places in a row of features. */
typedef struct electric {
    size_t v, i, p;
} electric;

/* |voltage x current / power| in our units, of rows first to end with 1 A and 1e-6 W or more; how
 * many. */
static size_t take_ratios(const evtwin__audit *a, const electric *e, size_t first, size_t end,
                          double *ratio) {
    size_t n = 0;
    for (size_t k = first; k < end; k++) {
        const double *x = a->data->x + a->order[k] * a->data->cols;
        if (fabs(x[e->i]) >= 1.0 && fabs(x[e->p]) >= 1e-6) {
            ratio[n++] = fabs(x[e->v] * x[e->i] / x[e->p]);
        }
    }
    return n;
}

static double middle_voltage(const evtwin__audit *a, const electric *e, size_t first, size_t end,
                             double *scratch) {
    size_t n = 0;
    for (size_t k = first; k < end; k++) {
        const double volts = a->data->x[a->order[k] * a->data->cols + e->v];
        if (!isnan(volts)) {
            scratch[n++] = volts;
        }
    }
    return n > 0 ? evtwin__select_median(scratch, n) : (double)NAN;
}

/* Batteries whose power is so many times what the others' is of voltage and current. */
static evtwin_status find_odd_power(const evtwin__audit *a, const electric *e, double *scratch) {
    const evtwin__bundle_feature *f = a->trainer->bundle.feature;
    some kW = {0}, cells = {0};
    for (size_t b = 0; b < a->n_batteries; b++) {
        const size_t first = a->start[b], end = a->start[b + 1];
        const size_t n = take_ratios(a, e, first, end, scratch);
        if (n >= 10) {
            const double ratio = evtwin__select_median(scratch, n);
            const double volts = middle_voltage(a, e, first, end, scratch);
            count(&kW, b, fabs(ratio - 1000.0) < 100.0, ratio);
            count(&cells, b, volts < 5.0 && ratio < 0.6, volts);
        }
    }
    if (kW.n > 0) {
        EVTWIN_TRY(FIND(a->trainer, SOME_IN_KW, f[e->p].column, TEXT(f[e->p].column), COUNT(kW.n),
                        COUNT(kW.n_all), TEXT(evtwin__audit_battery(a, kW.first))));
    }
    return cells.n == 0 ? EVTWIN_OK
                        : FIND(a->trainer, SOME_CELL_VOLTAGES, f[e->v].column, TEXT(f[e->v].column),
                               DIGITS(cells.value, 3), COUNT(cells.n), COUNT(cells.n_all),
                               TEXT(evtwin__audit_battery(a, cells.first)));
}

static evtwin_status find_power(const evtwin__audit *a, double *scratch) {
    const electric e = {find_feature(a, EVTWIN__Q_VOLTAGE), find_feature(a, EVTWIN__Q_CURRENT),
                        find_feature(a, EVTWIN__Q_POWER_CONSUMPTION)};
    if (e.v == EVTWIN_NO_COLUMN || e.i == EVTWIN_NO_COLUMN || e.p == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    const size_t n = take_ratios(a, &e, 0, a->n, scratch);
    if (n < 20) {
        return EVTWIN_OK;
    }
    const double low = evtwin__select_quantile(scratch, n, 0.25);
    const double middle = evtwin__select_median(scratch, n);
    const double high = evtwin__select_quantile(scratch, n, 0.75);
    if (high - low > 0.05 * middle) {
        return find_odd_power(a, &e, scratch);
    }
    if (fabs(middle - 1.0) <= 0.1) {
        return find_odd_power(a, &e, scratch);
    }
    const evtwin__bundle_feature *f = a->trainer->bundle.feature;
    const double volts = middle_voltage(a, &e, 0, a->n, scratch);
    if (fabs(middle - 1000.0) < 100.0) {
        return FIND(a->trainer, POWER_IN_KW, f[e.p].column, DIGITS(middle, 3), TEXT(f[e.p].column));
    }
    return volts < 5.0 && middle < 0.6
               ? FIND(a->trainer, CELL_VOLTAGE, f[e.v].column, TEXT(f[e.v].column),
                      DIGITS(volts, 3), DIGITS(1.0 / middle, 3))
               : FIND(a->trainer, POWER_FACTOR, f[e.p].column, TEXT(f[e.p].column),
                      DIGITS(1.0 / middle, 3));
}

/* ---- each feature ---- */

static evtwin_status find_in_features(const evtwin__audit *a, double *v, double *scratch) {
    for (size_t i = 0; i < a->data->cols; i++) {
        const evtwin__bundle_feature *f = &a->trainer->bundle.feature[i];
        if (strcmp(f->unit, "percent") != 0 && strcmp(f->unit, "degC") != 0) {
            continue;
        }
        for (size_t k = 0; k < a->n; k++) { /* in our units */
            v[k] = a->data->x[a->order[k] * a->data->cols + i];
        }
        EVTWIN_TRY(strcmp(f->unit, "percent") == 0 ? find_fractions(a, f->column, v, scratch)
                                                   : find_fahrenheit(a, f->column, v, scratch));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__audit_plausible(const evtwin__audit *a) {
    double *v = evtwin__calloc(a->n + a->n_batteries, 2 * sizeof *v);
    EVTWIN_FAIL_IF(v == NULL, EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n);
    evtwin_status st = find_presumed(a->trainer, a->data);
    st = st >= 0 ? find_in_features(a, v, v + a->n) : st;
    st = st >= 0 ? find_power(a, v) : st;
    evtwin__free(v);
    return st;
}
