/* SPDX-License-Identifier: MIT */
/* learn/fit.c: train the models of all targets and folds side by side and predict what was
 * held out. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/parallel.h"
#include "core/status.h"
#include "learn/baseline.h"

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
    double *held[EVTWIN__T_COUNT][EVTWIN__N_SCORED]; /* columns of the held-out predictions */
    const char **feature_name;                       /* (cols) */
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

/* Rows of one job, and the matrix it learns from. All owned. */
typedef struct job_data {
    size_t *train, *test; /* rows */
    size_t *place;        /* (n_test) rows of the held-out predictions */
    size_t n_train, n_test;
    evtwin__scaler scaler; /* empty if the trainer's is used */
    float *x;              /* (max(n_train, n_test), cols) */
    float *y;
    double *predicted; /* (n_test) */
} job_data;

static void job_data_clear(job_data *d) {
    evtwin__free(d->train);
    evtwin__free(d->test);
    evtwin__free(d->place);
    evtwin__scaler_clear(&d->scaler);
    evtwin__free(d->x);
    evtwin__free(d->y);
    evtwin__free(d->predicted);
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

static evtwin_status select_rows(const evtwin__label *label, int32_t part, size_t cols,
                                 job_data *d) {
    for (size_t k = 0; k < label->n; k++) {
        d->n_test += part >= 0 && label->part[k] == part;
    }
    d->n_train = label->n - d->n_test;
    const size_t n_most = d->n_train > d->n_test ? d->n_train : d->n_test;
    d->train = evtwin__calloc(d->n_train, sizeof *d->train);
    d->test = evtwin__calloc(d->n_test, sizeof *d->test);
    d->place = evtwin__calloc(d->n_test, sizeof *d->place);
    d->x = evtwin__calloc(n_most, cols * sizeof *d->x);
    d->y = evtwin__calloc(n_most, sizeof *d->y);
    d->predicted = evtwin__calloc(d->n_test, sizeof *d->predicted);
    EVTWIN_FAIL_IF(d->train == NULL || d->test == NULL || d->place == NULL || d->x == NULL ||
                       d->y == NULL || d->predicted == NULL,
                   EVTWIN_E_NOMEM, "out of memory to train on %zu rows", d->n_train);

    size_t n_train = 0, n_test = 0, n_held = 0;
    for (size_t k = 0; k < label->n; k++) {
        if (part >= 0 && label->part[k] == part) {
            d->place[n_test] = n_held;
            d->test[n_test++] = label->row[k];
        } else {
            d->train[n_train++] = label->row[k];
        }
        n_held += label->part[k] >= 0;
    }
    return EVTWIN_OK;
}

static void scale_rows(const evtwin__scaler *scaler, const evtwin__dataset *data, const size_t *row,
                       size_t n, float *x) {
    for (size_t k = 0; k < n; k++) {
        evtwin__scaler_apply(scaler, data->x + row[k] * data->cols, 1, x + k * data->cols);
    }
}

/* Where the forest starts: the mean, kept off 0 and 1 where it is a probability. */
static double base_score_of(const evtwin__part *part, evtwin_target_kind kind) {
    const double mean = evtwin__baseline_mean(part);
    if (kind == EVTWIN_TARGET_NUMBER) {
        return mean;
    }
    return mean < 1e-6 ? 1e-6 : mean > 1.0 - 1e-6 ? 1.0 - 1e-6 : mean;
}

/* Held-out predictions come from the same evaluator as those of a loaded bundle. */
static evtwin_status predict_held_out(const fit *f, const job *j, const evtwin__scaler *scaler,
                                      const evtwin__booster_model *model, job_data *d) {
    evtwin_model *forest;
    EVTWIN_TRY(evtwin_model_load_buffer("the trained model", model->json, model->size, &forest));
    const size_t cols = f->data->cols;
    scale_rows(scaler, f->data, d->test, d->n_test, d->x);
    const evtwin_status st = evtwin_model_predict(forest, d->x, d->n_test, cols, d->y);
    for (size_t i = 0; i < d->n_test && st == EVTWIN_OK; i++) {
        f->held[j->t][EVTWIN_SCORED_MODEL][d->place[i]] = (double)d->y[i];
    }
    evtwin_model_free(forest);
    return st;
}

/* The predictions of a job go to one column of those held out. */
static void keep(const job_data *d, double *column) {
    for (size_t i = 0; i < d->n_test; i++) {
        column[d->place[i]] = d->predicted[i];
    }
}

static evtwin_status predict_baselines(const fit *f, const job *j, const evtwin__part *part,
                                       job_data *d) {
    double *const *to = f->held[j->t];
    const double mean = evtwin__baseline_mean(part);
    for (size_t i = 0; i < d->n_test; i++) {
        d->predicted[i] = mean;
    }
    keep(d, to[EVTWIN_SCORED_MEAN]);
    /* what is left of a life is counted in cycles, no other number is */
    const int is_life = strcmp(f->trainer->target[j->t].unit, "cycles") == 0;
    if (is_life && f->data->cycles != NULL) {
        EVTWIN_TRY(evtwin__baseline_mean_life(part, f->data->cycles, d->predicted));
        keep(d, to[EVTWIN_SCORED_MEAN_LIFE]);
    }
    size_t *feature = &f->trainer->result[j->t].single_feature[j->part];
    EVTWIN_TRY(evtwin__baseline_single(part, feature, d->predicted));
    keep(d, to[EVTWIN_SCORED_SINGLE]);
    return EVTWIN_OK;
}

static evtwin_status train_model(fit *f, const job *j, const evtwin__scaler *scaler,
                                 const evtwin__part *part, job_data *d,
                                 evtwin__booster_model *out) {
    const evtwin_target *target = &f->trainer->target[j->t];
    const evtwin__booster_params params = {.objective = target->kind == EVTWIN_TARGET_EVENT
                                                            ? EVTWIN_OBJECTIVE_LOGISTIC
                                                            : EVTWIN_OBJECTIVE_REGRESSION,
                                           .trees = target->trees,
                                           .depth = target->depth,
                                           .learning_rate = f->trainer->options.learning_rate,
                                           .base_score = base_score_of(part, target->kind)};
    scale_rows(scaler, f->data, d->train, d->n_train, d->x);
    for (size_t k = 0; k < d->n_train; k++) {
        d->y[k] = (float)part->y[d->train[k]];
    }
    const evtwin__booster_data data = {.x = d->x,
                                       .rows = d->n_train,
                                       .cols = f->data->cols,
                                       .y = d->y,
                                       .feature_names = f->feature_name};
    const evtwin_status st = evtwin__booster_train(&params, &data, on_round, f, out);
    if (st == EVTWIN_OK && j->is_saved) {
        f->trainer->bundle.model[j->t].base_score = params.base_score;
    }
    return st;
}

static evtwin_status run_job(void *ctx, size_t item) {
    fit *f = ctx;
    const job *j = &f->list[item];
    const evtwin__label *label = &f->data->label[j->t];
    job_data d = {0};
    evtwin__booster_model model = {0};
    const evtwin__scaler *scaler = j->is_saved ? &f->trainer->bundle.scaler : &d.scaler;
    evtwin_status st = select_rows(label, j->part, f->data->cols, &d);
    if (st < 0) {
        goto done;
    }
    if (!j->is_saved &&
        (st = evtwin__scaler_fit(f->data->x, f->data->cols, d.train, d.n_train, &d.scaler)) < 0) {
        goto done;
    }
    const evtwin__part part = {.x = f->data->x,
                               .cols = f->data->cols,
                               .y = label->y,
                               .group_of_row = f->data->groups.of_row,
                               .n_groups = f->data->groups.names.n,
                               .train = d.train,
                               .n_train = d.n_train,
                               .test = d.test,
                               .n_test = d.n_test};
    if ((st = train_model(f, j, scaler, &part, &d, &model)) < 0) {
        goto done;
    }
    if (j->part >= 0 && ((st = predict_held_out(f, j, scaler, &model, &d)) < 0 ||
                         (st = predict_baselines(f, j, &part, &d)) < 0)) {
        goto done;
    }
    if (j->is_saved) {
        f->trainer->bundle.model[j->t].json = model.json;
        f->trainer->bundle.model[j->t].json_size = model.size;
        f->trainer->result[j->t].importance = model.importance;
        model = (evtwin__booster_model){0};
    }

done:
    evtwin__booster_clear(&model);
    job_data_clear(&d);
    return st;
}

/* ---- all jobs ---- */

/* With folds the saved model is one more job, and the longest: it starts first. */
static size_t list_jobs(const evtwin__dataset *data, int has_folds, job *list) {
    size_t n = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (data->label[t].is_present && has_folds) {
            list[n++] = (job){t, -1, 1};
        }
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        for (size_t part = 0; part < data->label[t].n_parts; part++) {
            list[n++] = (job){t, (int32_t)part, !has_folds};
        }
    }
    return n;
}

static evtwin_status add_held_columns(evtwin_table *table, const char *unit) {
    static const char *const name[EVTWIN__N_HELD] = {"row",        "group", "fold",      "truth",
                                                     "prediction", "mean",  "mean_life", "single"};
    evtwin_status st = EVTWIN_OK;
    for (int c = 0; c < EVTWIN__N_HELD && st >= 0; c++) {
        const evtwin_type type = c == EVTWIN__HELD_GROUP   ? EVTWIN_TEXT
                                 : c >= EVTWIN__HELD_TRUTH ? EVTWIN_F64
                                                           : EVTWIN_I64;
        st = evtwin_table_add_column(table, name[c], type, type == EVTWIN_F64 ? unit : "", NULL);
    }
    return st;
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
        const int stop = o->progress(o->progress_ctx, "training", done);
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
        f->n_rounds_in_all += (size_t)f->trainer->target[f->list[i].t].trees;
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

evtwin_status evtwin__fit(evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin_status st = EVTWIN_OK;
    fit f = {.trainer = trainer,
             .data = data,
             .lock = PTHREAD_MUTEX_INITIALIZER,
             .changed = PTHREAD_COND_INITIALIZER};
    size_t n_parts = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT && st == EVTWIN_OK; t++) {
        n_parts += data->label[t].n_parts;
        if (data->label[t].is_present) {
            st = make_held_out(&f, t);
        }
    }
    if (st < 0) {
        return st;
    }
    f.feature_name = evtwin__calloc(data->cols, sizeof *f.feature_name);
    f.list = evtwin__calloc(n_parts + EVTWIN__T_COUNT, sizeof *f.list);
    if (f.feature_name == NULL || f.list == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu models", n_parts);
    } else {
        f.n_jobs = list_jobs(data, trainer->options.cv_folds > 0, f.list);
        for (size_t i = 0; i < data->cols; i++) {
            f.feature_name[i] = evtwin_features_name(trainer->bundle.features, i);
        }
        st = run_watched(&f);
    }
    pthread_mutex_destroy(&f.lock);
    pthread_cond_destroy(&f.changed);
    evtwin__free(f.feature_name);
    evtwin__free(f.list);
    return st;
}
