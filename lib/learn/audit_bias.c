/* SPDX-License-Identifier: MIT */
/* learn/audit_bias.c: what the rows that are learned from do not stand for. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/finding.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* By more than a tenth of the training part's range: of batteries that differ by chance, one in so
 * many is just beyond the others. */
static int is_far_outside(const evtwin__bundle_feature *f, double v) {
    const double slack = 0.1 * (f->max - f->min) + 1e-9 * fabs(f->max);
    return v < f->min - slack || v > f->max + slack;
}

/* Held-out rows beyond the training part, by feature. */
typedef struct outside {
    const evtwin__dataset *data;
    const evtwin__label *label;
    uint8_t *is_one;          /* (n) */
    size_t n_trained, n_held; /* batteries in each part */
} outside;

/* Rows are by battery. */
static int begins_battery(const outside *o, size_t k) {
    const int32_t *of_row = o->data->groups.of_row;
    return k == 0 || of_row[o->label->row[k]] != of_row[o->label->row[k - 1]];
}

static void count_batteries(outside *o) {
    size_t n_of[2] = {0};
    int has[2] = {0};
    for (size_t k = 0; k < o->label->n; k++) {
        if (begins_battery(o, k)) {
            has[0] = has[1] = 0;
        }
        const int is_held = o->label->part[k] >= 0;
        if (o->label->part[k] != EVTWIN__LEFT_OUT && !has[is_held]) {
            has[is_held] = 1;
            n_of[is_held]++;
        }
    }
    o->n_trained = n_of[0];
    o->n_held = n_of[1];
}

/* Is it no wonder, in one of n_sides, that the n furthest batteries are all held out? Of batteries
 * that are drawn at random: (m / all) ((m - 1) / (all - 1)) ..., whatever the feature is like.
 * Below 1 % in all, by Bonferroni, it is none. */
static int is_by_chance(const outside *o, size_t n, size_t n_sides) {
    double p = (double)n_sides;
    for (size_t i = 0; i < n && i < o->n_held; i++) {
        p *= (double)(o->n_held - i) / (double)(o->n_held + o->n_trained - i);
    }
    return p > 0.01;
}

/* Mark the held-out rows of feature i beyond one end of the training part's range; how many. */
static size_t mark_side(const outside *o, const evtwin__bundle_feature *f, size_t i, int is_above,
                        int is_counted_only) {
    size_t n = 0, n_batteries = 0;
    int is_new = 0;
    for (size_t k = 0; k < o->label->n; k++) {
        const double v = o->data->x[o->label->row[k] * o->data->cols + i];
        is_new = begins_battery(o, k) ? 1 : is_new;
        if (o->label->part[k] >= 0 && is_far_outside(f, v) && (v > f->max) == is_above) {
            n++;
            n_batteries += (size_t)is_new;
            is_new = 0;
            o->is_one[k] = is_counted_only ? o->is_one[k] : 1;
        }
    }
    return is_counted_only ? n_batteries : n;
}

/* " soc in 12 (20 to 95 percent)" of the held-out rows; 0 if there is none. */
static size_t describe_outside(const outside *o, const evtwin__bundle_feature *f, size_t i,
                               char *text, size_t text_size) {
    const int is_series =
        o->data->groups.kind == EVTWIN__GROUP_NONE; /* the last rows, not a draw */
    size_t n = 0;
    for (int is_above = 0; is_above < 2; is_above++) {
        const size_t n_batteries = mark_side(o, f, i, is_above, 1);
        if (n_batteries > 0 && (is_series || !is_by_chance(o, n_batteries, 2 * o->data->cols))) {
            n += mark_side(o, f, i, is_above, 0);
        }
    }
    if (n > 0) {
        char min[EVTWIN__NUM_SIZE], max[EVTWIN__NUM_SIZE];
        evtwin__format_f64(evtwin__round_digits(f->min, 4), min);
        evtwin__format_f64(evtwin__round_digits(f->max, 4), max);
        snprintf(text, text_size, "%s in %zu (%s to %s%s%s)", f->column, n, min, max,
                 f->unit[0] != '\0' ? " " : "", f->unit);
    }
    return n;
}

/* Of the saved models, so of a hold-out only: with folds they learn from every row. A row in a
 * hundred is the chance of any split, and so are some batteries in few. */
static evtwin_status find_off_range(evtwin_trainer *trainer, const evtwin__dataset *data,
                                    const evtwin__label *label) {
    outside o = {.data = data, .label = label, .is_one = evtwin__calloc(label->n, 1)};
    EVTWIN_FAIL_IF(o.is_one == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", label->n);
    char list[512] = "";
    size_t n_held = 0, n_outside = 0, used = 0;
    count_batteries(&o);
    for (size_t i = 0; i < data->cols; i++) {
        char text[160];
        if (describe_outside(&o, &trainer->bundle.feature[i], i, text, sizeof text) > 0 &&
            used < sizeof list) {
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "",
                                     text);
        }
    }
    for (size_t k = 0; k < label->n; k++) {
        n_held += label->part[k] >= 0;
        n_outside += o.is_one[k];
    }
    evtwin__free(o.is_one);
    return 100 * n_outside <= n_held
               ? EVTWIN_OK
               : FIND(trainer, OFF_RANGE, NULL, COUNT(n_outside), COUNT(n_held), TEXT(list));
}

/* The held-out rows of the first target stand for those of all. */
static evtwin_status find_extrapolated(evtwin_trainer *trainer, const evtwin__dataset *data) {
    size_t t = 0;
    while (!data->label[t].is_present) {
        t++;
    }
    return trainer->options.cv_folds > 0 ? EVTWIN_OK
                                         : find_off_range(trainer, data, &data->label[t]);
}

static evtwin_status find_censored(const evtwin__audit *a, size_t t) {
    const evtwin__label *l = &a->data->label[t];
    return l->n_groups_without == 0
               ? EVTWIN_OK
               : FIND_ONE_OF(a->trainer, l->n_groups_without > l->n_groups_used, MOSTLY_CENSORED,
                             CENSORED, COUNT(l->n_groups_without), COUNT(a->data->groups.names.n),
                             TEXT(a->trainer->target[t].title));
}

static evtwin_status find_few_groups(const evtwin__audit *a, size_t t) {
    enum { ENOUGH_GROUPS = 20 };
    const size_t n = a->data->label[t].n_groups_used;
    return n >= ENOUGH_GROUPS || n < 2
               ? EVTWIN_OK /* one series has a finding of its own */
               : FIND(a->trainer, FEW_GROUPS, NULL, COUNT(n), TEXT(a->trainer->target[t].title));
}

static evtwin_status find_rare_class(const evtwin__audit *a, size_t t) {
    const evtwin__label *l = &a->data->label[t];
    size_t n_positive = 0;
    for (size_t k = 0; k < l->n; k++) {
        n_positive += l->y[l->row[k]] != 0.0;
    }
    const int is_rarely = 2 * n_positive <= l->n;
    const size_t n_rare = is_rarely ? n_positive : l->n - n_positive;
    return 100 * n_rare >= 3 * l->n
               ? EVTWIN_OK
               : FIND(a->trainer, RARE_CLASS, l->column, TEXT(l->column), COUNT(is_rarely),
                      COUNT(n_rare), COUNT(l->n), COUNT(!is_rarely),
                      FIGURE(1.0 - (double)n_rare / (double)l->n, 4));
}

/* A constant is another matter. */
static evtwin_status find_small_target(const evtwin__audit *a, size_t t) {
    const double least = 1e-3;
    const evtwin__label *l = &a->data->label[t];
    double mean = 0.0, squares = 0.0;
    for (size_t k = 0; k < l->n; k++) {
        const double d = l->y[l->row[k]] - mean;
        mean += d / (double)(k + 1);
        squares += d * (l->y[l->row[k]] - mean);
    }
    return squares >= least || squares == 0.0
               ? EVTWIN_OK
               : FIND(a->trainer, SMALL_TARGET, l->column, TEXT(l->column), COUNT(l->n),
                      DIGITS(squares, 2));
}

evtwin_status evtwin__audit_bias(const evtwin__audit *a) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (a->data->label[t].is_present) {
            EVTWIN_TRY(find_censored(a, t));
            EVTWIN_TRY(find_few_groups(a, t));
            EVTWIN_TRY(a->trainer->target[t].kind == EVTWIN_TARGET_EVENT ? find_rare_class(a, t)
                                                                         : find_small_target(a, t));
        }
    }
    return find_extrapolated(a->trainer, a->data);
}
