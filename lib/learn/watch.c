/* SPDX-License-Identifier: MIT */
/* learn/watch.c: values outside the range of the training data, and percent that look like
 * fractions: counted, never converted. */

#include "learn/watch.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/features.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LOGGED = 10 };

/* What there was of one feature. All zero = nothing. */
typedef struct tally {
    uint64_t n_values, n_outside;
    double min, max; /* of the values */
} tally;

typedef struct watched {
    double possible_min, possible_max; /* values beyond get no prediction, and do not count */
    tally now, next;                   /* committed; pending */
    uint64_t n_logged;                 /* values outside when that was logged last */
    int has_logged_fraction;
} watched;

struct evtwin__watch {
    const evtwin__bundle *bundle;
    watched feature[]; /* (n_features) */
};

evtwin_status evtwin__watch_create(const evtwin__bundle *bundle, evtwin__watch **out) {
    evtwin__watch *w = evtwin__calloc(1, sizeof *w + bundle->n_features * sizeof w->feature[0]);
    EVTWIN_FAIL_IF(w == NULL, EVTWIN_E_NOMEM, "out of memory to watch %zu features",
                   bundle->n_features);
    int has_range = 0;
    w->bundle = bundle;
    for (size_t i = 0; i < bundle->n_features; i++) {
        const evtwin__bundle_feature *f = &bundle->feature[i];
        const size_t q = evtwin__quantity_by_name(evtwin_features_column(bundle->features, i));
        const int is_known = q < EVTWIN__Q_COUNT;
        const double max = is_known ? evtwin__schema[q].max : (double)NAN;
        /* a power whose source has it signed keeps its sign */
        const double min = !is_known                   ? (double)NAN
                           : strcmp(f->unit, "W") == 0 ? -max
                                                       : evtwin__schema[q].min;
        w->feature[i].possible_min = isnan(min) ? -INFINITY : min;
        w->feature[i].possible_max = isnan(max) ? INFINITY : max;
        has_range |= !isnan(f->min) && !isnan(f->max);
    }
    if (!has_range) {
        evtwin__log(EVTWIN_LOG_INFO,
                    "bundle %s does not record the range of its training data: "
                    "values outside it are not noticed",
                    bundle->version);
    }
    *out = w;
    return EVTWIN_OK;
}

void evtwin__watch_free(evtwin__watch *watch) {
    evtwin__free(watch);
}

/* ---- count ---- */

/* Values of a column as they come, in our unit. */
typedef struct column {
    const evtwin_table *table;
    size_t col;
    const double *v; /* of an F64 column, else NULL */
    double factor;
} column;

static double value_at(const column *c, size_t row) {
    return c->factor * (c->v != NULL ? c->v[row] : evtwin_table_number(c->table, c->col, row));
}

static int find_column(const evtwin__bundle *b, size_t i, const evtwin_table *table, column *out) {
    *out = (column){.table = table};
    const evtwin__statistic s = evtwin__feature_statistic(b->features, i);
    /* the range of a level is that of the values it is made of; of other pasts a row says nothing
     */
    if ((s != EVTWIN__H_NONE && s != EVTWIN__H_LEVEL) ||
        evtwin__feature_column(b->features, i, table, &out->col) < 0 ||
        evtwin_telemetry_factor(table, out->col, &out->factor) < 0) {
        return 0;
    }
    out->v = evtwin_table_f64(table, out->col);
    return 1;
}

static void add(tally *to, const tally *what) {
    if (what->n_values > 0) {
        to->min = to->n_values == 0 || what->min < to->min ? what->min : to->min;
        to->max = to->n_values == 0 || what->max > to->max ? what->max : to->max;
        to->n_values += what->n_values;
        to->n_outside += what->n_outside;
    }
}

/* Smallest and largest first: what is outside is counted only where they are. */
static tally count(const watched *w, const evtwin__bundle_feature *f, const column *c) {
    const size_t rows = evtwin_table_rows(c->table);
    tally t = {.min = INFINITY, .max = -INFINITY};
    for (size_t r = 0; r < rows; r++) {
        const double v = value_at(c, r);
        if (isfinite(v) && v >= w->possible_min && v <= w->possible_max) {
            t.n_values++;
            t.min = v < t.min ? v : t.min;
            t.max = v > t.max ? v : t.max;
        }
    }
    const int any = evtwin__is_outside(f, t.min) || evtwin__is_outside(f, t.max);
    for (size_t r = 0; r < rows && t.n_values > 0 && any; r++) {
        const double v = value_at(c, r);
        t.n_outside +=
            isfinite(v) && v >= w->possible_min && v <= w->possible_max && evtwin__is_outside(f, v);
    }
    return t;
}

void evtwin__watch_observe(evtwin__watch *watch, const evtwin_table *table) {
    for (size_t i = 0; i < watch->bundle->n_features; i++) {
        watched *w = &watch->feature[i];
        column c;
        if (find_column(watch->bundle, i, table, &c)) {
            const tally t = count(w, &watch->bundle->feature[i], &c);
            add(&w->next, &t);
        }
    }
}

evtwin_feature_range evtwin__watch_range(const evtwin__watch *watch, size_t i) {
    const evtwin__bundle_feature *f = &watch->bundle->feature[i];
    const watched *w = &watch->feature[i];
    const tally *t = &w->now;
    const int has_values = t->n_values > 0;
    return (evtwin_feature_range){.size = sizeof(evtwin_feature_range),
                                  .feature = f->name,
                                  .unit = f->unit,
                                  .trained_min = f->min,
                                  .trained_max = f->max,
                                  .n_values = t->n_values,
                                  .n_outside = t->n_outside,
                                  .min = has_values ? t->min : (double)NAN,
                                  .max = has_values ? t->max : (double)NAN,
                                  .looks_like_fraction = evtwin__is_like_fraction(
                                      f->unit, (size_t)t->n_values, t->min, t->max)};
}

/* ---- log ---- */

typedef struct number {
    char text[EVTWIN__NUM_SIZE];
} number;

static number words(double v) {
    number n;
    evtwin__format_f64(v, n.text);
    return n;
}

static void log_outside(const evtwin_feature_range *r) {
    evtwin__log(
        EVTWIN_LOG_WARNING,
        "feature '%s': %llu of %llu values (%s to %s) are outside the range of the training "
        "data, %s to %s%s%s; what is predicted from them is extrapolated",
        r->feature, (unsigned long long)r->n_outside, (unsigned long long)r->n_values,
        words(r->min).text, words(r->max).text, words(r->trained_min).text,
        words(r->trained_max).text, r->unit[0] != '\0' ? " " : "", r->unit);
}

static void log_fraction(const evtwin_feature_range *r) {
    evtwin__log(EVTWIN_LOG_WARNING,
                "feature '%s': all %llu values so far lie within 0 to %s percent; if they are "
                "fractions, use the unit override %s=fraction where they are read",
                r->feature, (unsigned long long)r->n_values,
                r->max > 1.0 ? words(r->max).text : "1", r->feature);
}

/* When it begins, then each time that the number has grown tenfold. */
static int is_to_log(const watched *w) {
    return w->now.n_outside > 0 && w->now.n_outside / 10 >= w->n_logged;
}

void evtwin__watch_commit(evtwin__watch *watch) {
    size_t n_to_log = 0;
    for (size_t i = 0; i < watch->bundle->n_features; i++) {
        watched *w = &watch->feature[i];
        add(&w->now, &w->next);
        w->next = (tally){.n_values = 0};
        const evtwin_feature_range range = evtwin__watch_range(watch, i);
        if (range.looks_like_fraction && !w->has_logged_fraction) {
            w->has_logged_fraction = 1;
            log_fraction(&range);
        }
        if (is_to_log(w)) {
            w->n_logged = w->now.n_outside;
            n_to_log++;
            if (n_to_log <= MAX_LOGGED) {
                log_outside(&range);
            }
        }
    }
    if (n_to_log > MAX_LOGGED) {
        evtwin__log(EVTWIN_LOG_WARNING, "and %zu more features are outside theirs",
                    n_to_log - MAX_LOGGED);
    }
}

void evtwin__watch_rollback(evtwin__watch *watch) {
    for (size_t i = 0; i < watch->bundle->n_features; i++) {
        watch->feature[i].next = (tally){.n_values = 0};
    }
}
