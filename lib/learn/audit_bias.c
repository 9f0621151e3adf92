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

/* " soc in 12 (20 to 95 percent)" of the held-out rows; 0 if there is none. */
static size_t describe_outside(const evtwin__bundle_feature *f, size_t i,
                               const evtwin__dataset *data, const evtwin__label *label,
                               uint8_t *is_outside, char *text, size_t text_size) {
    size_t n = 0;
    for (size_t k = 0; k < label->n; k++) {
        const double v = data->x[label->row[k] * data->cols + i];
        if (label->part[k] >= 0 && is_far_outside(f, v)) {
            is_outside[k] = 1;
            n++;
        }
    }
    if (n > 0) {
        char min[EVTWIN__NUM_SIZE], max[EVTWIN__NUM_SIZE];
        evtwin__format_f64(f->min, min);
        evtwin__format_f64(f->max, max);
        snprintf(text, text_size, "%s in %zu (%s to %s%s%s)", f->column, n, min, max,
                 f->unit[0] != '\0' ? " " : "", f->unit);
    }
    return n;
}

/* Of the saved models, so of a hold-out only: with folds they learn from every row. A row in a
 * hundred is the chance of any split. */
static evtwin_status find_off_range(evtwin_trainer *trainer, const evtwin__dataset *data,
                                    const evtwin__label *label) {
    uint8_t *is_outside = evtwin__calloc(label->n, 1);
    EVTWIN_FAIL_IF(is_outside == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", label->n);
    char list[512] = "";
    size_t n_held = 0, n_outside = 0, used = 0;
    for (size_t i = 0; i < data->cols; i++) {
        char text[160];
        if (describe_outside(&trainer->bundle.feature[i], i, data, label, is_outside, text,
                             sizeof text) > 0 &&
            used < sizeof list) {
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "",
                                     text);
        }
    }
    for (size_t k = 0; k < label->n; k++) {
        n_held += label->part[k] >= 0;
        n_outside += is_outside[k];
    }
    evtwin__free(is_outside);
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

evtwin_status evtwin__audit_bias(const evtwin__audit *a) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (a->data->label[t].is_present) {
            EVTWIN_TRY(find_censored(a, t));
            EVTWIN_TRY(find_few_groups(a, t));
            EVTWIN_TRY(a->trainer->target[t].kind == EVTWIN_TARGET_EVENT ? find_rare_class(a, t)
                                                                         : EVTWIN_OK);
        }
    }
    return find_extrapolated(a->trainer, a->data);
}
