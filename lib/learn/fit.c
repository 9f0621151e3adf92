/* SPDX-License-Identifier: MIT */
/* learn/fit.c: train the models of all targets and folds side by side and predict what was
 * held out. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/parallel.h"
#include "core/status.h"
#include "core/vmath.h"
#include "learn/baseline.h"
#include "learn/end_of_life.h"
#include "learn/past.h"
#include "learn/recipe.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* One model to train: part >= 0 is held out, -1 means that the model learns from every row. */
typedef struct job {
    size_t t; /* of which target */
    int32_t part;
    int is_saved;
} job;

enum { ERROR_SIZE = 1024 };

/* What the jobs share. */
typedef struct fit {
    evtwin_trainer *trainer;
    const evtwin__dataset *data;
    const char *stage;                               /* for the progress function */
    double *held[EVTWIN__T_COUNT][EVTWIN__N_SCORED]; /* columns of the held-out predictions */
    const char **feature_name;                       /* (model_cols) */
    job *list;
    size_t n_jobs;

    /* how far the jobs are, and whether the caller wants them to stop */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_rounds, n_rounds_in_all;
    int is_done, is_cancelled;
    evtwin_status status;
    char error[ERROR_SIZE];
} fit;

/* One job at work. */
typedef struct work {
    fit *f;
    const job *j;
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
    double *predicted; /* (n_test) */
    evtwin__booster_model model[EVTWIN__MAX_FORESTS];
    double base_score[EVTWIN__MAX_FORESTS];
} work;

static void work_clear(work *w) {
    evtwin__free(w->row);
    evtwin__scaler_clear(&w->own_scaler);
    evtwin__free(w->x);
    evtwin__free(w->y);
    evtwin__free(w->predicted);
    for (size_t k = 0; k < EVTWIN__MAX_FORESTS; k++) {
        evtwin__booster_clear(&w->model[k]);
    }
}

static int on_round(void *ctx) {
    fit *f = ctx;
    pthread_mutex_lock(&f->lock);
    f->n_rounds++;
    const int is_cancelled = f->is_cancelled;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return is_cancelled;
}

static evtwin_status select_rows(work *w) {
    const evtwin__dataset *data = w->f->data;
    const evtwin__label *label = &data->label[w->j->t];
    const int32_t part = w->j->part;
    size_t n_train = 0, n_test = 0, n_held = 0, n_cut = 0, n_left_out = 0;
    for (size_t k = 0; k < label->n; k++) {
        const int is_test = part >= 0 && label->part[k] == part;
        const int is_left_out = label->part[k] == EVTWIN__LEFT_OUT;
        n_test += (size_t)is_test;
        n_left_out += (size_t)is_left_out;
        n_cut += !is_test && !is_left_out && data->is_cut != NULL && data->is_cut[label->row[k]];
    }
    const size_t n_learned = label->n - n_test - n_left_out;
    const size_t n_most = n_learned + n_cut > n_test ? n_learned + n_cut : n_test;
    w->row = evtwin__calloc(label->n + n_test + n_cut, sizeof *w->row);
    w->x = evtwin__calloc(n_most, data->model_cols * sizeof *w->x);
    w->y = evtwin__calloc(n_most, sizeof *w->y);
    w->predicted = evtwin__calloc(n_test, sizeof *w->predicted);
    EVTWIN_FAIL_IF(w->row == NULL || w->x == NULL || w->y == NULL || w->predicted == NULL,
                   EVTWIN_E_NOMEM, "out of memory to train on %zu rows", n_learned);

    size_t *train = w->row, *test = train + n_learned;
    w->place = test + n_test;
    w->cut = w->place + n_test;
    w->part = (evtwin__part){.x = data->x,
                             .cols = data->cols,
                             .y = label->y,
                             .group_of_row = data->groups.of_row,
                             .n_groups = data->groups.names.n,
                             .train = train,
                             .n_train = n_learned,
                             .test = test,
                             .n_test = n_test};
    n_test = 0;
    for (size_t k = 0; k < label->n; k++) {
        if (part >= 0 && label->part[k] == part) {
            w->place[n_test] = n_held;
            test[n_test++] = label->row[k];
        } else if (label->part[k] != EVTWIN__LEFT_OUT) {
            train[n_train++] = label->row[k];
            if (data->is_cut != NULL && data->is_cut[label->row[k]]) {
                w->cut[w->n_cut++] = label->row[k];
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
    /* what is left of a life is counted in cycles, no other number is */
    const double *cycles = w->f->data->cycles;
    if (strcmp(w->target->unit, "cycles") == 0 && cycles != NULL) {
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
static size_t count_sampled(const fit *f) {
    const evtwin__bundle *b = &f->trainer->bundle;
    int all = 1;
    for (size_t i = 0; i < b->n_features; i++) {
        all = all && !isnan(b->feature[i].min);
    }
    return all ? b->n_features : 0;
}

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
    const evtwin__booster_data data = {.x = w->x,
                                       .rows = part->n_train + w->n_cut,
                                       .cols = w->f->data->model_cols,
                                       .y = w->y,
                                       .feature_names = w->f->feature_name};
    return evtwin__booster_train(&params, &data, on_round, w->f, &w->model[k]);
}

static evtwin_status train_model(work *w) {
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

/* The forests of a target: a probability has one. */
static size_t count_forests(const evtwin_trainer *trainer, size_t t) {
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

static evtwin_status run_job(void *ctx, size_t item) {
    fit *f = ctx;
    const job *j = &f->list[item];
    work w = {.f = f,
              .j = j,
              .target = &f->trainer->target[j->t],
              .n_forests = count_forests(f->trainer, j->t)};
    w.scaler = j->is_saved ? &f->trainer->bundle.scaler : &w.own_scaler;
    const evtwin_status st = train_and_predict(&w);
    if (st >= 0 && j->is_saved) {
        save_model(&w);
    }
    work_clear(&w);
    return st;
}

/* ---- all jobs ---- */

/* With folds the saved model is one more job, and the longest: it starts first. */
static size_t list_jobs(const evtwin__dataset *data, int has_folds, int is_saved, job *list) {
    size_t n = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (data->label[t].is_present && has_folds && is_saved) {
            list[n++] = (job){t, -1, 1};
        }
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        for (size_t part = 0; part < data->label[t].n_parts; part++) {
            list[n++] = (job){t, (int32_t)part, is_saved && !has_folds};
        }
    }
    return n;
}

static evtwin_status add_held_columns(evtwin_table *table, const char *unit) {
    static const char *const name[EVTWIN__N_HELD] = {"row",        "group", "fold",      "truth",
                                                     "prediction", "mean",  "mean_life", "single"};
    for (int c = 0; c < EVTWIN__N_HELD; c++) {
        const evtwin_type type = c == EVTWIN__HELD_GROUP   ? EVTWIN_TEXT
                                 : c >= EVTWIN__HELD_TRUTH ? EVTWIN_F64
                                                           : EVTWIN_I64;
        EVTWIN_TRY(
            evtwin_table_add_column(table, name[c], type, type == EVTWIN_F64 ? unit : "", NULL));
    }
    return EVTWIN_OK;
}

static evtwin_status fill_held_rows(const evtwin__dataset *data, const evtwin__label *label,
                                    evtwin_table *table) {
    int32_t group = -1, code = 0;
    for (size_t k = 0, r = 0; k < label->n; k++) {
        const size_t row = label->row[k];
        if (label->part[k] < 0) {
            continue;
        }
        if (data->groups.of_row[row] != group) { /* they come by group */
            group = data->groups.of_row[row];
            EVTWIN_TRY(evtwin_table_intern(table, EVTWIN__HELD_GROUP,
                                           data->groups.names.text[group], &code));
        }
        EVTWIN_TRY(evtwin_table_set_i64(table, EVTWIN__HELD_ROW, r, (int64_t)row));
        EVTWIN_TRY(evtwin_table_set_code(table, EVTWIN__HELD_GROUP, r, code));
        EVTWIN_TRY(evtwin_table_set_i64(table, EVTWIN__HELD_FOLD, r, label->part[k]));
        EVTWIN_TRY(evtwin_table_set_f64(table, EVTWIN__HELD_TRUTH, r, label->y[row]));
        r++;
    }
    return EVTWIN_OK;
}

/* The table of a target's held-out predictions, which the jobs fill. */
static evtwin_status make_held_out(fit *f, size_t t) {
    const evtwin__label *label = &f->data->label[t];
    evtwin__result *result = &f->trainer->result[t];
    size_t n_held = 0;
    for (size_t k = 0; k < label->n; k++) {
        n_held += label->part[k] >= 0;
    }
    EVTWIN_TRY(evtwin_table_create(&result->held_out));
    EVTWIN_TRY(add_held_columns(result->held_out, label->unit));
    EVTWIN_TRY(evtwin_table_resize(result->held_out, n_held));
    EVTWIN_TRY(fill_held_rows(f->data, label, result->held_out));
    for (size_t s = 0; s < EVTWIN__N_SCORED; s++) {
        f->held[t][s] = evtwin_table_f64_edit(result->held_out, EVTWIN__HELD_SCORED + s);
    }
    result->single_feature = evtwin__calloc(label->n_parts, sizeof *result->single_feature);
    EVTWIN_FAIL_IF(result->single_feature == NULL, EVTWIN_E_NOMEM, "out of memory for %zu parts",
                   label->n_parts);
    return EVTWIN_OK;
}

void evtwin__result_clear(evtwin__result *result) {
    evtwin__free(result->importance);
    evtwin__free(result->single_feature);
    evtwin__free(result->fold);
    evtwin__free(result->repeat);
    evtwin_table_free(result->held_out);
    evtwin__free(result->low);
    evtwin__free(result->high);
    *result = (evtwin__result){0};
}

static void *run_jobs(void *arg) {
    fit *f = arg;
    const evtwin_status st =
        evtwin__parallel_for(f->trainer->options.n_threads, f->n_jobs, run_job, f);
    pthread_mutex_lock(&f->lock);
    f->status = st;
    snprintf(f->error, sizeof f->error, "%s", evtwin_last_error());
    f->is_done = 1;
    pthread_cond_signal(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* Report every step until the jobs are done; after the caller has asked to stop, only wait. */
static void watch_jobs(fit *f) {
    const evtwin_train_options *o = &f->trainer->options;
    size_t reported = SIZE_MAX;
    pthread_mutex_lock(&f->lock);
    while (!f->is_done) {
        if (f->n_rounds == reported || f->is_cancelled) {
            pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        reported = f->n_rounds;
        pthread_mutex_unlock(&f->lock);
        const double done = (double)reported / (double)f->n_rounds_in_all;
        const int stop = o->progress(o->progress_ctx, f->stage, done);
        pthread_mutex_lock(&f->lock);
        f->is_cancelled = stop != 0;
    }
    pthread_mutex_unlock(&f->lock);
}

/* With a progress function the jobs run beside the caller's thread, which alone calls it and so can
 * stop them at any time. */
static evtwin_status run_watched(fit *f) {
    const evtwin_train_options *o = &f->trainer->options;
    for (size_t i = 0; i < f->n_jobs; i++) {
        f->n_rounds_in_all += count_forests(f->trainer, f->list[i].t) *
                              (size_t)f->trainer->target[f->list[i].t].trees;
    }
    pthread_t runner;
    if (o->progress != NULL && pthread_create(&runner, NULL, run_jobs, f) == 0) {
        watch_jobs(f);
        pthread_join(runner, NULL);
    } else {
        run_jobs(f);
    }
    EVTWIN_FAIL_IF(f->is_cancelled, EVTWIN_E_CANCELLED, "training was stopped by its caller");
    EVTWIN_FAIL_IF(f->status < 0, f->status, "%s", f->error);
    return EVTWIN_OK;
}

evtwin_status evtwin__fit(evtwin_trainer *trainer, const evtwin__dataset *data, const char *stage,
                          int is_saved) {
    fit f = {.trainer = trainer,
             .data = data,
             .stage = stage,
             .lock = PTHREAD_MUTEX_INITIALIZER,
             .changed = PTHREAD_COND_INITIALIZER};
    size_t n_parts = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        n_parts += data->label[t].n_parts;
        if (data->label[t].is_present) {
            EVTWIN_TRY(make_held_out(&f, t));
        }
    }
    f.feature_name = evtwin__calloc(data->model_cols, sizeof *f.feature_name);
    f.list = evtwin__calloc(n_parts + EVTWIN__T_COUNT, sizeof *f.list);
    evtwin_status st;
    if (f.feature_name == NULL || f.list == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu models", n_parts);
    } else {
        f.n_jobs = list_jobs(data, trainer->options.cv_folds > 0, is_saved, f.list);
        for (size_t i = 0; i < data->model_cols; i++) {
            f.feature_name[i] = trainer->bundle.feature[i].name;
        }
        st = run_watched(&f);
    }
    pthread_mutex_destroy(&f.lock);
    pthread_cond_destroy(&f.changed);
    evtwin__free(f.feature_name);
    evtwin__free(f.list);
    return st;
}
