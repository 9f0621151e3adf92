/* SPDX-License-Identifier: MIT */
/* learn/calibrate.c: intervals of numbers and calibrations of probabilities, from predictions of
 * batteries that the predicting model had not seen; and what they make of the held-out predictions,
 * which have no part in it: that is what is scored. */

#include "learn/refit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/split.h"

#include <math.h>

enum { CALIBRATION_FOLDS = 5, NOT_HELD_OUT = -1, ALL_FOLDS = -1 };
static const double interval_level = 0.90;

/* The held-out predictions of a target as they are read and changed. */
typedef struct held {
    evtwin_target_kind kind;
    evtwin__result *result;
    const double *truth;
    const int64_t *fold;
    const int32_t *group;
    double *predicted; /* in the table */
    double *raw;       /* owned: as the forests have it, of a number never below 0 */
    size_t n;
} held;

static evtwin_status held_begin(evtwin_target_kind kind, evtwin__result *r, held *h) {
    *h = (held){.kind = kind,
                .result = r,
                .truth = evtwin_table_f64(r->held_out, EVTWIN__HELD_TRUTH),
                .fold = evtwin_table_i64(r->held_out, EVTWIN__HELD_FOLD),
                .group = evtwin_table_codes(r->held_out, EVTWIN__HELD_GROUP),
                .n = evtwin_table_rows(r->held_out)};
    h->predicted = evtwin_table_f64_edit(r->held_out, EVTWIN__HELD_SCORED + EVTWIN_SCORED_MODEL);
    h->raw = evtwin__calloc(h->n, sizeof *h->raw);
    EVTWIN_FAIL_IF(h->raw == NULL, EVTWIN_E_NOMEM, "out of memory to calibrate on %zu rows", h->n);
    for (size_t i = 0; i < h->n; i++) {
        h->raw[i] = fmax(h->predicted[i], 0.0);
    }
    return EVTWIN_OK;
}

/* From the rows of the batteries of group (n). */
static evtwin_status fit_rows(evtwin_target_kind kind, const double *raw, const double *truth,
                              const int32_t *group, size_t n, evtwin__interval *interval,
                              evtwin__calibration *calibration) {
    if (kind == EVTWIN_TARGET_EVENT) {
        return evtwin__calibration_fit(raw, truth, group, n, calibration);
    }
    const evtwin_status st =
        evtwin__interval_calibrate(raw, truth, group, n, interval_level, interval);
    return st == EVTWIN_E_DATA ? EVTWIN_OK : st; /* then there is none */
}

static evtwin_status fit_on(const held *h, const int32_t *group, evtwin__interval *interval,
                            evtwin__calibration *calibration) {
    return fit_rows(h->kind, h->raw, h->truth, group, h->n, interval, calibration);
}

evtwin_status evtwin__calibrate_from(evtwin_target_kind kind, const double *predicted,
                                     const double *truth, const int32_t *battery, size_t n,
                                     evtwin__bundle_model *model) {
    return fit_rows(kind, predicted, truth, battery, n, &model->interval, &model->calibration);
}

/* Room for the ends of the intervals. */
static evtwin_status make_ends(const held *h) {
    evtwin__result *r = h->result;
    if (h->kind == EVTWIN_TARGET_EVENT) {
        return EVTWIN_OK;
    }
    r->low = evtwin__calloc(h->n, sizeof *r->low);
    r->high = evtwin__calloc(h->n, sizeof *r->high);
    EVTWIN_FAIL_IF(r->low == NULL || r->high == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the intervals of %zu rows", h->n);
    for (size_t i = 0; i < h->n; i++) {
        r->low[i] = r->high[i] = NAN;
    }
    return EVTWIN_OK;
}

/* What a battery of this fold would be told. */
static void apply_to(const held *h, int64_t fold, const evtwin__interval *interval,
                     const evtwin__calibration *calibration) {
    for (size_t i = 0; i < h->n; i++) {
        if (fold != ALL_FOLDS && h->fold[i] != fold) {
            continue;
        }
        if (h->kind == EVTWIN_TARGET_EVENT) {
            h->predicted[i] = evtwin__calibrated(calibration, h->raw[i]);
        } else if (interval->n_bands > 0) {
            evtwin__interval_around(interval, EVTWIN_COVERS_ON_AVERAGE, h->raw[i],
                                    &h->result->low[i], &h->result->high[i]);
        }
    }
}

/* Brier score of the forests' own probabilities. */
static double raw_brier(const held *h) {
    double sum = 0.0;
    for (size_t i = 0; i < h->n; i++) {
        const double error = h->raw[i] - h->truth[i];
        sum += error * error;
    }
    return sum / (double)h->n;
}

static void note_raw(const held *h, const evtwin__bundle_model *model) {
    h->result->raw_brier =
        evtwin__calibration_is_known(&model->calibration) ? raw_brier(h) : (double)NAN;
}

/* ---- with folds: from all batteries; those of each fold get what the others gave ---- */

static evtwin_status apply_crossed(const held *h, size_t n_folds) {
    int32_t *group = evtwin__calloc(h->n, sizeof *group);
    EVTWIN_FAIL_IF(group == NULL, EVTWIN_E_NOMEM, "out of memory to calibrate on %zu rows", h->n);
    evtwin_status st = EVTWIN_OK;
    for (size_t f = 0; f < n_folds && st >= 0; f++) {
        evtwin__interval interval = {0};
        evtwin__calibration calibration = {0};
        for (size_t i = 0; i < h->n; i++) {
            group[i] = h->fold[i] == (int64_t)f ? NOT_HELD_OUT : h->group[i];
        }
        if ((st = fit_on(h, group, &interval, &calibration)) >= 0) {
            apply_to(h, (int64_t)f, &interval, &calibration);
        }
    }
    evtwin__free(group);
    return st;
}

static evtwin_status calibrate_crossed(evtwin_trainer *trainer, size_t n_folds, size_t t) {
    held h;
    evtwin__bundle_model *model = &trainer->bundle.model[t];
    evtwin_status st = held_begin(trainer->target[t].kind, &trainer->result[t], &h);
    if (st >= 0 && (st = make_ends(&h)) >= 0 &&
        (st = fit_on(&h, h.group, &model->interval, &model->calibration)) >= 0) {
        note_raw(&h, model);
        st = apply_crossed(&h, n_folds);
    }
    evtwin__free(h.raw);
    return st;
}

/* ---- with a hold-out: by folds within the training part ---- */

/* Batteries of the training part: row (n) by battery; with an event, and without. */
typedef struct batteries {
    size_t n, n_with, n_without;
} batteries;

static batteries count_batteries(const evtwin__label *label, const evtwin__groups *groups,
                                 const size_t *row, size_t n) {
    batteries b = {0};
    int has_event = 0, has_none = 0;
    for (size_t k = 0; k < n; k++) {
        has_event |= label->y[row[k]] > 0.5;
        has_none |= !(label->y[row[k]] > 0.5);
        if (k + 1 == n || groups->of_row[row[k + 1]] != groups->of_row[row[k]]) {
            b.n++;
            b.n_with += (size_t)has_event;
            b.n_without += (size_t)has_none;
            has_event = has_none = 0;
        }
    }
    return b;
}

/* Models are trained for what will come of it only. */
size_t evtwin__calibration_folds(evtwin_target_kind kind, size_t n, size_t n_with,
                                 size_t n_without) {
    const int is_enough =
        kind == EVTWIN_TARGET_NUMBER
            ? n >= 2
            : n_with >= EVTWIN__CALIBRATION_ENOUGH && n_without >= EVTWIN__CALIBRATION_ENOUGH;
    return !is_enough ? 0 : n < CALIBRATION_FOLDS ? n : CALIBRATION_FOLDS;
}

/* Folds of the batteries of the training part; rows of the scored part are left out. row and fold
 * have room for all. found: what there is to calibrate on. */
static evtwin_status fold_training_part(const evtwin_peers *peers, evtwin_target_kind kind,
                                        const evtwin__label *whole, const evtwin__groups *groups,
                                        evtwin__label *label, size_t *row, int32_t *fold,
                                        evtwin__calibration *found) {
    size_t n = 0;
    for (size_t k = 0; k < whole->n; k++) {
        if (whole->part[k] < 0) {
            row[n++] = whole->row[k];
        }
    }
    const batteries b = count_batteries(whole, groups, row, n);
    *found = (evtwin__calibration){
        .n_batteries = b.n, .n_rows = n, .n_with = b.n_with, .n_without = b.n_without};
    label->n_parts = evtwin__calibration_folds(kind, b.n, b.n_with, b.n_without);
    /* what all processes that train together have enough for */
    double least = (double)label->n_parts;
    EVTWIN_TRY(evtwin__peers_reduce(peers, EVTWIN__PEERS_MIN, &least, 1));
    label->n_parts = (size_t)least;
    label->is_present = label->n_parts > 0;
    if (!label->is_present) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__split_folds(groups, row, n, label->n_parts, NULL, fold));
    for (size_t k = 0, i = 0; k < whole->n; k++) {
        label->part[k] = whole->part[k] < 0 ? fold[i++] : EVTWIN__LEFT_OUT;
    }
    return EVTWIN_OK;
}

static evtwin_status fold_training_parts(const evtwin__dataset *data, evtwin__bundle_model *model,
                                         evtwin__refit *r) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__label *whole = &data->label[t];
        if (!r->data.label[t].is_present) {
            continue;
        }
        size_t *row = evtwin__calloc(whole->n, sizeof *row);
        int32_t *fold = evtwin__calloc(whole->n, sizeof *fold);
        const evtwin_status st =
            row == NULL || fold == NULL
                ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory to fold %zu rows", whole->n)
                : fold_training_part(r->trainer.peers, r->trainer.target[t].kind, whole,
                                     &data->groups, &r->data.label[t], row, fold,
                                     &model[t].calibration);
        evtwin__free(row);
        evtwin__free(fold);
        EVTWIN_TRY(st);
    }
    return EVTWIN_OK;
}

static evtwin_status fit_inside(evtwin_target_kind kind, evtwin__result *inside,
                                evtwin__bundle_model *model) {
    held h;
    evtwin_status st = held_begin(kind, inside, &h);
    st = st < 0 ? st : fit_on(&h, h.group, &model->interval, &model->calibration);
    evtwin__free(h.raw);
    return st;
}

evtwin_status evtwin__calibrate_held_out(evtwin_target_kind kind, evtwin__result *result,
                                         const evtwin__bundle_model *model) {
    held h;
    evtwin_status st = held_begin(kind, result, &h);
    if (st >= 0 && (st = make_ends(&h)) >= 0) {
        note_raw(&h, model);
        apply_to(&h, ALL_FOLDS, &model->interval, &model->calibration);
    }
    evtwin__free(h.raw);
    return st;
}

static evtwin_status calibrate_inside(evtwin_trainer *trainer, const evtwin__dataset *data,
                                      evtwin__refit *r) {
    EVTWIN_TRY(evtwin__refit_begin(trainer, data, r));
    EVTWIN_TRY(fold_training_parts(data, trainer->bundle.model, r));
    size_t n_parts = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        n_parts += r->data.label[t].n_parts;
    }
    EVTWIN_TRY(n_parts > 0 ? evtwin__fit(&r->trainer, &r->data, "calibrating", 0) : EVTWIN_OK);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin_target_kind kind = trainer->target[t].kind;
        evtwin__bundle_model *model = &trainer->bundle.model[t];
        if (r->data.label[t].is_present) {
            EVTWIN_TRY(fit_inside(kind, &r->trainer.result[t], model));
        }
        if (data->label[t].is_present) {
            EVTWIN_TRY(evtwin__calibrate_held_out(kind, &trainer->result[t], model));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__calibrate(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        trainer->result[t].raw_brier = NAN;
        if (data->label[t].is_present && trainer->options.cv_folds > 0) {
            EVTWIN_TRY(calibrate_crossed(trainer, data->label[t].n_parts, t));
        }
    }
    if (trainer->options.cv_folds > 0) {
        return EVTWIN_OK;
    }
    evtwin__refit r;
    const evtwin_status st = calibrate_inside(trainer, data, &r);
    evtwin__refit_clear(&r);
    return st;
}
