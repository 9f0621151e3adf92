/* SPDX-License-Identifier: MIT */
/* learn/fit_model.c: one model: its rows, its forests, its baselines, and what is held out from it
 * predicted. */

#include "learn/fit.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/vmath.h"
#include "learn/baseline.h"
#include "learn/end_of_life.h"
#include "learn/past.h"
#include "learn/recipe.h"

#include <math.h>
#include <string.h>

/* One job at work. */
typedef struct work {
    evtwin__fitting *f;
    const evtwin__fit_job *j;
    const evtwin_target *target;
    evtwin__part part;
    size_t *row;   /* owned: the part's rows, then place, then cut */
    size_t *place; /* (n_test) rows of the held-out predictions */
    size_t *cut;   /* (n_cut) training rows that are learned from once more, as met in mid-life */
    size_t n_cut;
    size_t n_forests;
    evtwin__scaler own_scaler;
    const evtwin__scaler *scaler; /* the trainer's for a model that is saved */
    float *x;                     /* (max(n_train + n_cut, n_test), model_cols) */
    float *y;
    double *predicted;      /* (n_test) */
    float *held_x, *held_y; /* (n_test, model_cols), (n_test), where rounds are kept */
    evtwin__booster_model model[EVTWIN__MAX_FORESTS];
    double base_score[EVTWIN__MAX_FORESTS];
} work;

static void work_clear(work *w) {
    evtwin__free(w->row);
    evtwin__scaler_clear(&w->own_scaler);
    evtwin__free(w->x);
    evtwin__free(w->y);
    evtwin__free(w->predicted);
    evtwin__free(w->held_x);
    evtwin__free(w->held_y);
    for (size_t k = 0; k < EVTWIN__MAX_FORESTS; k++) {
        evtwin__booster_clear(&w->model[k]);
    }
}

static int on_round(void *ctx) {
    evtwin__fitting *f = ctx;
    pthread_mutex_lock(&f->lock);
    f->n_rounds++;
    const int is_cancelled = f->is_cancelled;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return is_cancelled;
}

/* What usable row k of the label is to the job. */
static int is_held_out(const work *w, size_t k) {
    return w->j->part >= 0 && w->f->data->label[w->j->t].part[k] == w->j->part;
}

static int is_learned(const work *w, size_t k) {
    return !is_held_out(w, k) && w->f->data->label[w->j->t].part[k] != EVTWIN__LEFT_OUT;
}

static int is_cut(const work *w, size_t row) {
    return w->f->data->is_cut != NULL && w->f->data->is_cut[row];
}

/* All memory of the job; the rows have their places, and are not there yet. */
static evtwin_status make_room(work *w) {
    const evtwin__dataset *data = w->f->data;
    const evtwin__label *label = &data->label[w->j->t];
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
    EVTWIN_FAIL_IF(w->row == NULL || w->x == NULL || w->y == NULL || w->predicted == NULL,
                   EVTWIN_E_NOMEM, "out of memory to train on %zu rows", n_train);
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
                             .n_test = n_test};
    return EVTWIN_OK;
}

static evtwin_status select_rows(work *w) {
    EVTWIN_TRY(make_room(w));
    const evtwin__label *label = &w->f->data->label[w->j->t];
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

/* Rows of model_x or cut_x into w->x, from its row number `first` on. */
static void scale_rows(work *w, const double *x, const size_t *row, size_t n, size_t first) {
    const size_t cols = w->f->data->model_cols;
    for (size_t k = 0; k < n; k++) {
        evtwin__scaler_apply(w->scaler, x + row[k] * cols, 1, w->x + (first + k) * cols);
    }
}

/* The predictions go to one column of those held out. */
static void keep(const work *w, evtwin_scored scored) {
    for (size_t i = 0; i < w->part.n_test; i++) {
        w->f->held[w->j->t][scored][w->place[i]] = w->predicted[i];
    }
}

/* Add what forest k says of the held-out rows, which are in w->x. */
static evtwin_status add_predicted(work *w, size_t k) {
    evtwin_model *forest;
    const size_t n = w->part.n_test;
    const double log_offset = w->f->trainer->recipe->log_offset[k];
    EVTWIN_TRY(
        evtwin_model_load_buffer("the trained model", w->model[k].json, w->model[k].size, &forest));
    const evtwin_status st = evtwin_model_predict(forest, w->x, n, w->f->data->model_cols, w->y);
    for (size_t i = 0; i < n && st == EVTWIN_OK; i++) {
        w->predicted[i] += evtwin__from_forest((double)w->y[i], log_offset);
    }
    evtwin_model_free(forest);
    return st;
}

/* Nothing is left past the end of life. */
static void end_lives(work *w) {
    const evtwin__bundle *b = &w->f->trainer->bundle;
    const size_t column = evtwin__end_of_life_column(b);
    for (size_t i = 0; i < w->part.n_test; i++) {
        const double *x = w->f->data->model_x + w->part.test[i] * w->f->data->model_cols;
        w->predicted[i] = evtwin__is_past_end(b, column, x) ? 0.0 : w->predicted[i];
    }
}

/* Held-out predictions come from the same evaluator as those of a loaded bundle. */
static evtwin_status predict_held_out(work *w) {
    scale_rows(w, w->f->data->model_x, w->part.test, w->part.n_test, 0);
    for (size_t k = 0; k < w->n_forests; k++) {
        EVTWIN_TRY(add_predicted(w, k));
    }
    for (size_t i = 0; i < w->part.n_test; i++) {
        w->predicted[i] /= (double)w->n_forests;
    }
    if (w->j->t == EVTWIN__T_RUL) {
        end_lives(w);
    }
    if (w->f->trainer->recipe->has_past && strcmp(w->target->unit, "cycles") == 0) {
        evtwin__settle_rows(w->f->data->groups.of_row, w->part.test, w->part.n_test,
                            w->f->data->cycles, w->predicted, 1);
    }
    keep(w, EVTWIN_SCORED_MODEL);
    return EVTWIN_OK;
}

static evtwin_status predict_baselines(work *w) {
    const double mean = evtwin__baseline_mean(&w->part);
    for (size_t i = 0; i < w->part.n_test; i++) {
        w->predicted[i] = mean;
    }
    keep(w, EVTWIN_SCORED_MEAN);
    /* what is left of a life is counted in cycles, no other number is; and where no other battery
     * has lived, the earlier rows of this one would say how long it will */
    const double *cycles = w->f->data->cycles;
    const int is_one_series = strcmp(w->f->trainer->split_by, "time") == 0;
    if (strcmp(w->target->unit, "cycles") == 0 && cycles != NULL && !is_one_series) {
        EVTWIN_TRY(evtwin__baseline_mean_life(&w->part, cycles, w->predicted));
        keep(w, EVTWIN_SCORED_MEAN_LIFE);
    }
    size_t *feature = &w->f->trainer->result[w->j->t].single_feature[w->j->part];
    EVTWIN_TRY(evtwin__baseline_single(&w->part, feature, w->predicted));
    keep(w, EVTWIN_SCORED_SINGLE);
    return EVTWIN_OK;
}

/* What forest k is to say of a row. */
static double label_of(const work *w, size_t k, size_t row) {
    const double log_offset = w->f->trainer->recipe->log_offset[k], y = w->part.y[row];
    return isnan(log_offset) ? y : evtwin__log_fast(y + log_offset);
}

/* Where the forest starts: the mean, kept off 0 and 1 where it is a probability. */
static double base_score_of(const work *w, size_t k) {
    if (isnan(w->f->trainer->recipe->log_offset[k])) {
        const double mean = evtwin__baseline_mean(&w->part);
        return w->target->kind == EVTWIN_TARGET_EVENT ? fmin(fmax(mean, 1e-6), 1.0 - 1e-6) : mean;
    }
    double sum = 0.0;
    for (size_t i = 0; i < w->part.n_train; i++) {
        sum += label_of(w, k, w->part.train[i]);
    }
    return sum / (double)w->part.n_train;
}

/* The columns that a tree may sample from: none if some have no value at all in training, such as
 * derived quantities of a row a week, since a sample could be of those alone. */
static size_t count_sampled(const evtwin__fitting *f) {
    const evtwin__bundle *b = &f->trainer->bundle;
    int all = 1;
    for (size_t i = 0; i < b->n_features; i++) {
        all = all && !isnan(b->feature[i].min);
    }
    return all ? b->n_features : 0;
}

/* ---- what each round was ---- */

static int are_rounds_kept(const work *w) {
    return w->j->is_saved && w->f->trainer->options.keep_rounds;
}

/* Room for all metrics of all rounds, so that telling one cannot fail; rows held out. */
static evtwin_status prepare_rounds(work *w) {
    enum { METRICS = 2 };
    evtwin__result *result = &w->f->trainer->result[w->j->t];
    const size_t n = w->part.n_test, cols = w->f->data->model_cols;
    if (!are_rounds_kept(w)) {
        return EVTWIN_OK;
    }
    result->rounds_capacity = METRICS * w->n_forests * (size_t)w->target->trees;
    result->rounds = evtwin__calloc(result->rounds_capacity, sizeof *result->rounds);
    w->held_x = evtwin__calloc(n, cols * sizeof *w->held_x);
    w->held_y = evtwin__calloc(n, sizeof *w->held_y);
    EVTWIN_FAIL_IF(result->rounds == NULL || w->held_x == NULL || w->held_y == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the rounds of %zu trees", result->rounds_capacity);
    for (size_t i = 0; i < n; i++) {
        evtwin__scaler_apply(w->scaler, w->f->data->model_x + w->part.test[i] * cols, 1,
                             w->held_x + i * cols);
    }
    return EVTWIN_OK;
}

/* A forest that is watched. */
typedef struct watched {
    evtwin__result *result;
    int forest;
} watched;

static void keep_round(void *ctx, int round, const char *name, double train, double held_out) {
    const watched *of = ctx;
    evtwin__result *r = of->result;
    if (r->n_rounds < r->rounds_capacity) {
        r->rounds[r->n_rounds++] = (evtwin__round){of->forest, round, name, train, held_out};
    }
}

/* ---- grow ---- */

/* Forest k, of the training rows, which are in w->x. */
static evtwin_status grow_forest(work *w, size_t k) {
    const evtwin__part *part = &w->part;
    w->base_score[k] = base_score_of(w, k);
    evtwin__booster_params params = {.objective = evtwin__objective_of(w->target->kind),
                                     .trees = w->target->trees,
                                     .depth = w->target->depth,
                                     .learning_rate = w->f->trainer->options.learning_rate,
                                     .base_score = w->base_score[k]};
    evtwin__recipe_restrain(w->f->trainer->recipe, part, w->n_cut, count_sampled(w->f), &params);
    for (size_t i = 0; i < part->n_train; i++) {
        w->y[i] = (float)label_of(w, k, part->train[i]);
    }
    for (size_t i = 0; i < w->n_cut; i++) {
        w->y[part->n_train + i] = (float)label_of(w, k, w->cut[i]);
    }
    evtwin__result *result = &w->f->trainer->result[w->j->t];
    watched of = {result, (int)k};
    for (size_t i = 0; w->held_y != NULL && i < part->n_test; i++) {
        w->held_y[i] = (float)label_of(w, k, part->test[i]);
    }
    if (w->j->is_saved) {
        result->params[k] = params;
    }
    const evtwin__booster_watch watch = {
        .x = w->held_x, .y = w->held_y, .rows = part->n_test, .tell = keep_round, .ctx = &of};
    const evtwin__booster_data data = {.x = w->x,
                                       .rows = part->n_train + w->n_cut,
                                       .cols = w->f->data->model_cols,
                                       .y = w->y,
                                       .feature_names = w->f->feature_name,
                                       .watch = are_rounds_kept(w) ? &watch : NULL};
    return evtwin__booster_train(&params, &data, on_round, w->f, &w->model[k]);
}

static evtwin_status train_model(work *w) {
    EVTWIN_TRY(prepare_rounds(w));
    scale_rows(w, w->f->data->model_x, w->part.train, w->part.n_train, 0);
    scale_rows(w, w->f->data->cut_x, w->cut, w->n_cut, w->part.n_train);
    for (size_t k = 0; k < w->n_forests; k++) {
        EVTWIN_TRY(grow_forest(w, k));
    }
    return EVTWIN_OK;
}

static evtwin_status train_and_predict(work *w) {
    EVTWIN_TRY(select_rows(w));
    const evtwin__part *part = &w->part;
    if (!w->j->is_saved) {
        EVTWIN_TRY(evtwin__scaler_fit(w->f->data->model_x, w->f->data->model_cols, part->train,
                                      part->n_train, &w->own_scaler));
    }
    EVTWIN_TRY(train_model(w));
    if (w->j->part >= 0) {
        EVTWIN_TRY(predict_held_out(w));
        EVTWIN_TRY(predict_baselines(w));
    }
    return EVTWIN_OK;
}

size_t evtwin__count_forests(const evtwin_trainer *trainer, size_t t) {
    return trainer->target[t].kind == EVTWIN_TARGET_EVENT ? 1 : trainer->recipe->n_forests;
}

/* The model goes to the bundle; of several forests the importance is the mean. */
static void save_model(work *w) {
    evtwin__bundle_model *saved = &w->f->trainer->bundle.model[w->j->t];
    evtwin__result *result = &w->f->trainer->result[w->j->t];
    saved->json = w->model[0].json;
    saved->json_size = w->model[0].size;
    saved->base_score = w->base_score[0];
    saved->n_further = w->n_forests - 1;
    result->importance = w->model[0].importance;
    for (size_t k = 0; k < saved->n_further; k++) {
        saved->further[k] =
            (evtwin__bundle_forest){.log_offset = w->f->trainer->recipe->log_offset[k + 1],
                                    .base_score = w->base_score[k + 1],
                                    .json = w->model[k + 1].json,
                                    .json_size = w->model[k + 1].size};
        w->model[k + 1].json = NULL;
    }
    for (size_t i = 0; i < w->f->data->model_cols && w->n_forests > 1; i++) {
        for (size_t k = 1; k < w->n_forests; k++) {
            result->importance[i] += w->model[k].importance[i];
        }
        result->importance[i] /= (double)w->n_forests;
    }
    w->model[0] = (evtwin__booster_model){0};
}

evtwin_status evtwin__fit_model(void *ctx, size_t item) {
    evtwin__fitting *f = ctx;
    const evtwin__fit_job *j = &f->list[item];
    work w = {.f = f,
              .j = j,
              .target = &f->trainer->target[j->t],
              .n_forests = evtwin__count_forests(f->trainer, j->t)};
    w.scaler = j->is_saved ? &f->trainer->bundle.scaler : &w.own_scaler;
    const evtwin_status st = train_and_predict(&w);
    if (st >= 0 && j->is_saved) {
        save_model(&w);
    }
    work_clear(&w);
    return st;
}
