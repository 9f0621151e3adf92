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

static evtwin_status find_fahrenheit(const evtwin__audit *a, const char *name, const double *v,
                                     double *scratch) {
    some s = {0};
    for (size_t b = 0; b < a->n_batteries; b++) {
        const size_t n = known(a, v, b, scratch);
        const double median = n > 0 ? evtwin__select_median(scratch, n) : (double)NAN;
        if (n > 0) {
            count(&s, b, median > 65.0 && median < 140.0, median);
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

/* |voltage x current / power| in our units, rows with 1 A and 1e-6 W or more; how many. */
static size_t take_ratios(const evtwin__audit *a, size_t v, size_t i, size_t p, double *ratio) {
    size_t n = 0;
    for (size_t k = 0; k < a->n; k++) {
        const double *x = a->data->x + a->order[k] * a->data->cols;
        if (fabs(x[i]) >= 1.0 && fabs(x[p]) >= 1e-6) {
            ratio[n++] = fabs(x[v] * x[i] / x[p]);
        }
    }
    return n;
}

static evtwin_status find_power(const evtwin__audit *a, double *scratch) {
    const size_t v = find_feature(a, EVTWIN__Q_VOLTAGE), i = find_feature(a, EVTWIN__Q_CURRENT);
    const size_t p = find_feature(a, EVTWIN__Q_POWER_CONSUMPTION);
    if (v == EVTWIN_NO_COLUMN || i == EVTWIN_NO_COLUMN || p == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    const size_t n = take_ratios(a, v, i, p, scratch);
    if (n < 20) {
        return EVTWIN_OK;
    }
    const double low = evtwin__select_quantile(scratch, n, 0.25);
    const double middle = evtwin__select_median(scratch, n);
    const double high = evtwin__select_quantile(scratch, n, 0.75);
    if (high - low > 0.05 * middle || fabs(middle - 1.0) <= 0.1) {
        return EVTWIN_OK;
    }
    const evtwin__bundle_feature *f = a->trainer->bundle.feature;
    size_t n_volts = 0;
    for (size_t k = 0; k < a->n; k++) {
        const double volts = a->data->x[a->order[k] * a->data->cols + v];
        if (!isnan(volts)) {
            scratch[n_volts++] = volts;
        }
    }
    const double volts = evtwin__select_median(scratch, n_volts);
    if (fabs(middle - 1000.0) < 100.0) {
        return FIND(a->trainer, POWER_IN_KW, f[p].column, DIGITS(middle, 3), TEXT(f[p].column));
    }
    return volts < 5.0 && middle < 0.6
               ? FIND(a->trainer, CELL_VOLTAGE, f[v].column, TEXT(f[v].column), DIGITS(volts, 3),
                      DIGITS(1.0 / middle, 3))
               : FIND(a->trainer, POWER_FACTOR, f[p].column, TEXT(f[p].column),
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
    double *v = evtwin__calloc(a->n, 2 * sizeof *v);
    EVTWIN_FAIL_IF(v == NULL, EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n);
    evtwin_status st = find_presumed(a->trainer, a->data);
    st = st >= 0 ? find_in_features(a, v, v + a->n) : st;
    st = st >= 0 ? find_power(a, v) : st;
    evtwin__free(v);
    return st;
}
