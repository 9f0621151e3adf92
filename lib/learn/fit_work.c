/* SPDX-License-Identifier: MIT */
/* learn/fit_work.c: see fit_work.h. */

#include "learn/fit_work.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/vmath.h"
#include "learn/together.h"

#include <math.h>
#include <string.h>

void evtwin__work_clear(evtwin__work *w) {
    evtwin__free(w->row);
    evtwin__free(w->feature_name);
    evtwin__scaler_clear(&w->own_scaler);
    evtwin__free(w->x);
    evtwin__free(w->y);
    evtwin__free(w->predicted);
}

size_t evtwin__count_forests(const evtwin_trainer *trainer, size_t t) {
    return trainer->target[t].kind == EVTWIN_TARGET_EVENT ? 1 : trainer->recipe->n_forests;
}

/* What usable row k of the label is to the job. */
static int is_held_out(const evtwin__work *w, size_t k) {
    return w->part_no >= 0 && w->data->label[w->t].part[k] == w->part_no;
}

static int is_learned(const evtwin__work *w, size_t k) {
    return !is_held_out(w, k) && w->data->label[w->t].part[k] != EVTWIN__LEFT_OUT;
}

static int is_cut(const evtwin__work *w, size_t row) {
    return w->data->is_cut != NULL && w->data->is_cut[row];
}

/* All memory of the job; the rows have their places, and are not there yet. */
static evtwin_status make_room(evtwin__work *w) {
    const evtwin__dataset *data = w->data;
    const evtwin__label *label = &data->label[w->t];
    size_t n_train = 0, n_test = 0, n_cut = 0;
    for (size_t k = 0; k < label->n; k++) {
        n_test += (size_t)is_held_out(w, k);
        n_train += (size_t)is_learned(w, k);
        n_cut += is_learned(w, k) && is_cut(w, label->row[k]);
    }
    const size_t n_most = n_train + n_cut > n_test ? n_train + n_cut : n_test;
    w->row = evtwin__calloc(n_train + 2 * n_test + n_cut, sizeof *w->row);
    w->x = evtwin__calloc(n_most, data->model_cols * sizeof *w->x);
    w->y = evtwin__calloc(n_most, sizeof *w->y);
    w->predicted = evtwin__calloc(n_test, sizeof *w->predicted);
    w->feature_name = evtwin__calloc(data->model_cols, sizeof *w->feature_name);
    EVTWIN_FAIL_IF(w->feature_name == NULL || w->row == NULL || w->x == NULL || w->y == NULL ||
                       w->predicted == NULL,
                   EVTWIN_E_NOMEM, "out of memory to train on %zu rows", n_train);
    for (size_t i = 0; i < data->model_cols; i++) {
        w->feature_name[i] = w->trainer->bundle.feature[i].name;
    }
    w->place = w->row + n_train + n_test;
    w->cut = w->place + n_test;
    w->part = (evtwin__part){.x = data->x,
                             .cols = data->cols,
                             .y = label->y,
                             .group_of_row = data->groups.of_row,
                             .n_groups = data->groups.names.n,
                             .train = w->row,
                             .n_train = n_train,
                             .test = w->row + n_train,
                             .n_test = n_test,
                             .peers = w->trainer->peers};
    return EVTWIN_OK;
}

static evtwin_status select_rows(evtwin__work *w) {
    EVTWIN_TRY(make_room(w));
    const evtwin__label *label = &w->data->label[w->t];
    size_t *train = w->row, *test = train + w->part.n_train;
    for (size_t k = 0, n_train = 0, n_test = 0, n_held = 0; k < label->n; k++) {
        const size_t row = label->row[k];
        if (is_held_out(w, k)) {
            w->place[n_test] = n_held;
            test[n_test++] = row;
        } else if (is_learned(w, k)) {
            train[n_train++] = row;
            if (is_cut(w, row)) {
                w->cut[w->n_cut++] = row;
            }
        }
        n_held += label->part[k] >= 0;
    }
    return EVTWIN_OK;
}

/* Rows of model_x or cut_x. */
static void scale_rows(const evtwin__work *w, const double *x, const size_t *row, size_t n,
                       float *scaled) {
    const size_t cols = w->data->model_cols;
    for (size_t k = 0; k < n; k++) {
        evtwin__scaler_apply(w->scaler, x + row[k] * cols, 1, scaled + k * cols);
    }
}

/* What forest k is to say of a row. */
static double label_of(const evtwin__work *w, size_t k, size_t row) {
    const double log_offset = w->trainer->recipe->log_offset[k], y = w->part.y[row];
    return isnan(log_offset) ? y : evtwin__log_fast(y + log_offset);
}

/* Where the forest starts: the mean, kept off 0 and 1 where it is a probability. */
static evtwin_status find_base_score(const evtwin__work *w, size_t k, double *out) {
    if (isnan(w->trainer->recipe->log_offset[k])) {
        EVTWIN_TRY(evtwin__baseline_mean(&w->part, out));
        *out = w->target->kind == EVTWIN_TARGET_EVENT ? fmin(fmax(*out, 1e-6), 1.0 - 1e-6) : *out;
        return EVTWIN_OK;
    }
    double all[] = {0.0, (double)w->part.n_train};
    for (size_t i = 0; i < w->part.n_train; i++) {
        all[0] += label_of(w, k, w->part.train[i]);
    }
    EVTWIN_TRY(evtwin__peers_reduce(w->part.peers, EVTWIN__PEERS_SUM, all, 2));
    *out = all[0] / all[1];
    return EVTWIN_OK;
}

/* The columns that a tree may sample from: none if some have no value at all in training, such as
 * derived quantities of a row a week, since a sample could be of those alone. */
static size_t count_sampled(const evtwin_trainer *trainer) {
    const evtwin__bundle *b = &trainer->bundle;
    int all = 1;
    for (size_t i = 0; i < b->n_features; i++) {
        all = all && !isnan(b->feature[i].min);
    }
    return all ? b->n_features : 0;
}

int evtwin__is_column_sampled(const evtwin_trainer *trainer) {
    return count_sampled(trainer) >= EVTWIN__MANY_COLUMNS;
}

void evtwin__work_labels(const evtwin__work *w, size_t k, const size_t *row, size_t n, float *y) {
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)label_of(w, k, row[i]);
    }
}

evtwin_status evtwin__work_forest(evtwin__work *w, size_t k, evtwin__booster_params *params,
                                  evtwin__booster_data *data) {
    const evtwin__part *part = &w->part;
    *params = (evtwin__booster_params){.objective = evtwin__objective_of(w->target->kind),
                                       .growth = w->growth};
    EVTWIN_TRY(find_base_score(w, k, &params->base_score));
    EVTWIN_TRY(evtwin__recipe_restrain(w->trainer->recipe, part, w->n_cut,
                                       count_sampled(w->trainer), params));
    evtwin__work_labels(w, k, part->train, part->n_train, w->y);
    evtwin__work_labels(w, k, w->cut, w->n_cut, w->y + part->n_train);
    *data = (evtwin__booster_data){.x = w->x,
                                   .rows = part->n_train + w->n_cut,
                                   .cols = w->data->model_cols,
                                   .y = w->y,
                                   .feature_names = w->feature_name};
    return EVTWIN_OK;
}

void evtwin__work_take_train(evtwin__work *w) {
    scale_rows(w, w->data->model_x, w->part.train, w->part.n_train, w->x);
    scale_rows(w, w->data->cut_x, w->cut, w->n_cut, w->x + w->part.n_train * w->data->model_cols);
}

void evtwin__work_take_test(evtwin__work *w, float *x) {
    scale_rows(w, w->data->model_x, w->part.test, w->part.n_test, x);
}

evtwin_status evtwin__work_begin(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t,
                                 int32_t part, int is_saved, evtwin__work *w) {
    *w = (evtwin__work){.trainer = trainer,
                        .data = data,
                        .t = t,
                        .part_no = part,
                        .target = &trainer->target[t],
                        .growth = *evtwin__growth_of(trainer, t, part),
                        .n_forests = evtwin__count_forests(trainer, t)};
    w->scaler = is_saved ? &trainer->bundle.scaler : &w->own_scaler;
    EVTWIN_TRY(select_rows(w));
    if (is_saved) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__scaler_fit(data->model_x, data->model_cols, w->part.train, w->part.n_train,
                                  &w->own_scaler));
    return evtwin__together_scaler(trainer->peers, &w->own_scaler);
}
