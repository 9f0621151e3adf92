/* SPDX-License-Identifier: MIT */
/* learn/refit.c: train once more on other parts of the same data, of which nothing is saved: to
 * calibrate intervals on batteries that neither the saved model nor its score saw, and to score
 * other assignments of batteries to folds. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/split.h"

#include <math.h>
#include <string.h>

enum { CALIBRATION_FOLDS = 5 };
static const double interval_level = 0.90;

/* A trainer with results of its own over the same bundle and data; what it borrows is not freed. */
typedef struct refit {
    evtwin_trainer trainer;
    evtwin__dataset data;
} refit;

static void refit_clear(refit *r) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__result_clear(&r->trainer.result[t]);
        evtwin__free(r->data.label[t].part);
    }
}

/* Without parts yet: no row takes part. Only targets that are wanted are there. */
static evtwin_status refit_begin(const evtwin_trainer *trainer, const evtwin__dataset *data,
                                 int numbers_only, refit *r) {
    *r = (refit){.trainer = *trainer, .data = *data};
    memset(r->trainer.result, 0, sizeof r->trainer.result);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &r->data.label[t];
        label->is_present =
            label->is_present && !(numbers_only && trainer->target[t].kind == EVTWIN_TARGET_EVENT);
        label->part = NULL;
        label->n_parts = 0;
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &r->data.label[t];
        if (label->is_present) {
            label->part = evtwin__calloc(label->n, sizeof *label->part);
            EVTWIN_FAIL_IF(label->part == NULL, EVTWIN_E_NOMEM, "out of memory for %zu parts",
                           label->n);
        }
    }
    return EVTWIN_OK;
}

/* ---- intervals ---- */

static size_t count_groups(const evtwin__groups *groups, const size_t *row, size_t n) {
    size_t n_groups = 0;
    for (size_t k = 0; k < n; k++) {
        n_groups += k == 0 || groups->of_row[row[k]] != groups->of_row[row[k - 1]];
    }
    return n_groups;
}

/* Folds of the batteries of the training part, at least two; rows of the scored part are left out.
 * row and fold have room for all. */
static evtwin_status fold_training_part(const evtwin__label *whole, const evtwin__groups *groups,
                                        evtwin__label *label, size_t *row, int32_t *fold) {
    size_t n = 0;
    for (size_t k = 0; k < whole->n; k++) {
        if (whole->part[k] < 0) {
            row[n++] = whole->row[k];
        }
    }
    const size_t n_groups = count_groups(groups, row, n);
    label->n_parts = n_groups < CALIBRATION_FOLDS ? n_groups : CALIBRATION_FOLDS;
    label->is_present = n_groups >= 2;
    if (!label->is_present) {
        label->n_parts = 0;
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__split_folds(groups, row, n, label->n_parts, NULL, fold));
    for (size_t k = 0, i = 0; k < whole->n; k++) {
        label->part[k] = whole->part[k] < 0 ? fold[i++] : EVTWIN__LEFT_OUT;
    }
    return EVTWIN_OK;
}

static evtwin_status fold_training_parts(const evtwin__dataset *data, refit *r) {
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
                : fold_training_part(whole, &data->groups, &r->data.label[t], row, fold);
        evtwin__free(row);
        evtwin__free(fold);
        EVTWIN_TRY(st);
    }
    return EVTWIN_OK;
}

/* From predictions of batteries that were held out, as they would be made: never below 0. */
static evtwin_status calibrate_on(const evtwin_table *held_out, evtwin__interval *out) {
    const size_t n = evtwin_table_rows(held_out);
    const double *predicted = evtwin_table_f64(held_out, EVTWIN__HELD_SCORED + EVTWIN_SCORED_MODEL);
    double *at_least_0 = evtwin__calloc(n, sizeof *at_least_0);
    EVTWIN_FAIL_IF(at_least_0 == NULL, EVTWIN_E_NOMEM, "out of memory for intervals");
    for (size_t i = 0; i < n; i++) {
        at_least_0[i] = fmax(predicted[i], 0.0);
    }
    const evtwin_status st = evtwin__interval_calibrate(
        at_least_0, evtwin_table_f64(held_out, EVTWIN__HELD_TRUTH),
        evtwin_table_codes(held_out, EVTWIN__HELD_GROUP), n, interval_level, out);
    evtwin__free(at_least_0);
    return st == EVTWIN_E_DATA ? EVTWIN_OK : st; /* then there is none */
}

/* Mean over batteries of the share of their held-out rows that the interval has. */
static double coverage_of(const evtwin__result *r, const evtwin__interval *interval) {
    const double *truth = evtwin_table_f64(r->held_out, EVTWIN__HELD_TRUTH);
    const double *predicted =
        evtwin_table_f64(r->held_out, EVTWIN__HELD_SCORED + EVTWIN_SCORED_MODEL);
    const int32_t *group = evtwin_table_codes(r->held_out, EVTWIN__HELD_GROUP);
    const size_t n = evtwin_table_rows(r->held_out);
    double sum = 0.0, inside = 0.0, rows = 0.0, n_groups = 0.0;
    for (size_t i = 0; i < n; i++) { /* they come by group */
        double low, high;
        evtwin__interval_around(interval, EVTWIN_COVERS_ON_AVERAGE, fmax(predicted[i], 0.0), &low,
                                &high);
        inside += truth[i] >= low && truth[i] <= high;
        rows += 1.0;
        if (i + 1 == n || group[i + 1] != group[i]) {
            sum += inside / rows;
            n_groups += 1.0;
            inside = rows = 0.0;
        }
    }
    return sum / n_groups;
}

static evtwin_status calibrate_inside(evtwin_trainer *trainer, const evtwin__dataset *data,
                                      refit *r) {
    EVTWIN_TRY(refit_begin(trainer, data, 1, r));
    EVTWIN_TRY(fold_training_parts(data, r));
    size_t n_parts = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        n_parts += r->data.label[t].n_parts;
    }
    EVTWIN_TRY(n_parts > 0 ? evtwin__fit(&r->trainer, &r->data, "calibrating", 0) : EVTWIN_OK);
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__bundle_model *model = &trainer->bundle.model[t];
        if (r->data.label[t].is_present) {
            EVTWIN_TRY(calibrate_on(r->trainer.result[t].held_out, &model->interval));
        }
        if (model->interval.n_bands > 0) {
            model->score[EVTWIN_SCORED_MODEL].coverage =
                coverage_of(&trainer->result[t], &model->interval);
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__calibrate(evtwin_trainer *trainer, const evtwin__dataset *data) {
    if (trainer->options.cv_folds > 0) {
        for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
            if (data->label[t].is_present && trainer->target[t].kind == EVTWIN_TARGET_NUMBER) {
                EVTWIN_TRY(
                    calibrate_on(trainer->result[t].held_out, &trainer->bundle.model[t].interval));
            }
        }
        return EVTWIN_OK;
    }
    if (strcmp(trainer->split_by, "time") == 0) {
        return EVTWIN_OK;
    }
    refit r;
    const evtwin_status st = calibrate_inside(trainer, data, &r);
    refit_clear(&r);
    return st;
}

/* ---- other assignments to folds ---- */

static evtwin_status repeat_once(evtwin_trainer *trainer, const evtwin__dataset *data, size_t i,
                                 refit *r) {
    const uint64_t seed = trainer->options.seed + i;
    EVTWIN_TRY(refit_begin(trainer, data, 0, r));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &r->data.label[t];
        if (label->is_present) {
            label->n_parts = (size_t)trainer->options.cv_folds;
            EVTWIN_TRY(evtwin__split_folds(&data->groups, label->row, label->n, label->n_parts,
                                           &seed, label->part));
        }
    }
    EVTWIN_TRY(evtwin__fit(&r->trainer, &r->data, "repeating", 0));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (r->data.label[t].is_present) {
            EVTWIN_TRY(evtwin__evaluate(&r->trainer, &r->data, t));
            trainer->result[t].repeat[i] = r->trainer.bundle.model[t].score[EVTWIN_SCORED_MODEL];
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__repeat(evtwin_trainer *trainer, const evtwin__dataset *data) {
    const size_t n = (size_t)trainer->options.n_repeats;
    for (size_t t = 0; t < EVTWIN__T_COUNT && n > 1; t++) {
        evtwin__result *result = &trainer->result[t];
        if (data->label[t].is_present) {
            result->repeat = evtwin__calloc(n, sizeof *result->repeat);
            EVTWIN_FAIL_IF(result->repeat == NULL, EVTWIN_E_NOMEM, "out of memory for repeats");
            result->repeat[0] = trainer->bundle.model[t].score[EVTWIN_SCORED_MODEL];
        }
    }
    for (size_t i = 1; i < n; i++) {
        refit r;
        const evtwin_status st = repeat_once(trainer, data, i, &r);
        refit_clear(&r);
        EVTWIN_TRY(st);
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        trainer->result[t].n_repeats = trainer->result[t].repeat != NULL ? n : 0;
    }
    return EVTWIN_OK;
}
