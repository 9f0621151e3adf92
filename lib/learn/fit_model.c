/* SPDX-License-Identifier: MIT */
/* learn/fit_model.c: one model: its forests, its baselines, and what is held out from it
 * predicted. */

#include "learn/fit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/baseline.h"
#include "learn/end_of_life.h"
#include "learn/fit_work.h"
#include "learn/past.h"

#include <string.h>

/* One job: its rows, and the forests that come of them. */
typedef struct job {
    evtwin__fitting *f;
    int is_saved;
    evtwin__work work;
    float *held_x, *held_y; /* (n_test, model_cols), (n_test), where rounds are kept */
    evtwin__booster_params params[EVTWIN__MAX_FORESTS];
    evtwin__booster_model model[EVTWIN__MAX_FORESTS];
} job;

static int on_round(void *ctx) {
    evtwin__fitting *f = ctx;
    return evtwin__rounds_add(&f->rounds, 1);
}

/* The predictions go to one column of those held out. */
static void keep(const job *j, evtwin_scored scored) {
    const evtwin__work *w = &j->work;
    for (size_t i = 0; i < w->part.n_test; i++) {
        j->f->held[w->t][scored][w->place[i]] = w->predicted[i];
    }
}

/* Add what forest k says of the held-out rows, which are in x. */
static evtwin_status add_predicted(job *j, size_t k) {
    evtwin_model *forest;
    evtwin__work *w = &j->work;
    const size_t n = w->part.n_test;
    const double log_offset = w->trainer->recipe->log_offset[k];
    EVTWIN_TRY(
        evtwin_model_load_buffer("the trained model", j->model[k].json, j->model[k].size, &forest));
    const evtwin_status st = evtwin_model_predict(forest, w->x, n, w->data->model_cols, w->y);
    for (size_t i = 0; i < n && st == EVTWIN_OK; i++) {
        w->predicted[i] += evtwin__from_forest((double)w->y[i], log_offset);
    }
    evtwin_model_free(forest);
    return st;
}

/* Nothing is left past the end of life. */
static void end_lives(evtwin__work *w) {
    const evtwin__bundle *b = &w->trainer->bundle;
    const size_t column = evtwin__end_of_life_column(b);
    for (size_t i = 0; i < w->part.n_test; i++) {
        const double *x = w->data->model_x + w->part.test[i] * w->data->model_cols;
        w->predicted[i] = evtwin__is_past_end(b, column, x) ? 0.0 : w->predicted[i];
    }
}

/* Held-out predictions come from the same evaluator as those of a loaded bundle. */
static evtwin_status predict_held_out(job *j) {
    evtwin__work *w = &j->work;
    evtwin__work_take_test(w, w->x);
    for (size_t k = 0; k < w->n_forests; k++) {
        EVTWIN_TRY(add_predicted(j, k));
    }
    for (size_t i = 0; i < w->part.n_test; i++) {
        w->predicted[i] /= (double)w->n_forests;
    }
    if (w->t == EVTWIN__T_RUL) {
        end_lives(w);
    }
    if (w->trainer->recipe->has_past && strcmp(w->target->unit, "cycles") == 0) {
        evtwin__settle_rows(w->data->groups.of_row, w->part.test, w->part.n_test, w->data->cycles,
                            w->predicted, 1);
    }
    keep(j, EVTWIN_SCORED_MODEL);
    return EVTWIN_OK;
}

static evtwin_status predict_baselines(job *j) {
    evtwin__work *w = &j->work;
    double mean;
    EVTWIN_TRY(evtwin__baseline_mean(&w->part, &mean));
    for (size_t i = 0; i < w->part.n_test; i++) {
        w->predicted[i] = mean;
    }
    keep(j, EVTWIN_SCORED_MEAN);
    /* what is left of a life is counted in cycles, no other number is; and where no other battery
     * has lived, the earlier rows of this one would say how long it will */
    const double *cycles = w->data->cycles;
    const int is_one_series = strcmp(w->trainer->split_by, "time") == 0;
    if (strcmp(w->target->unit, "cycles") == 0 && cycles != NULL && !is_one_series) {
        EVTWIN_TRY(evtwin__baseline_mean_life(&w->part, cycles, w->predicted));
        keep(j, EVTWIN_SCORED_MEAN_LIFE);
    }
    size_t *feature = &w->trainer->result[w->t].single_feature[w->part_no];
    EVTWIN_TRY(evtwin__baseline_single(&w->part, feature, w->predicted));
    keep(j, EVTWIN_SCORED_SINGLE);
    return EVTWIN_OK;
}

/* ---- what each round was ---- */

static int are_rounds_kept(const job *j) {
    return j->is_saved && j->work.trainer->options.keep_rounds;
}

evtwin_status evtwin__rounds_reserve(evtwin__result *result, size_t n_trees) {
    enum { METRICS = 2 };
    result->rounds_capacity = METRICS * n_trees;
    result->rounds = evtwin__calloc(result->rounds_capacity, sizeof *result->rounds);
    EVTWIN_FAIL_IF(result->rounds == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the rounds of %zu trees", n_trees);
    return EVTWIN_OK;
}

/* Room for all metrics of all rounds; rows held out. */
static evtwin_status prepare_rounds(job *j) {
    evtwin__work *w = &j->work;
    evtwin__result *result = &w->trainer->result[w->t];
    if (!are_rounds_kept(j)) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__rounds_reserve(result, w->n_forests * (size_t)w->growth.trees));
    j->held_x = evtwin__calloc(w->part.n_test, w->data->model_cols * sizeof *j->held_x);
    j->held_y = evtwin__calloc(w->part.n_test, sizeof *j->held_y);
    EVTWIN_FAIL_IF(j->held_x == NULL || j->held_y == NULL, EVTWIN_E_NOMEM,
                   "out of memory to watch %zu rows", w->part.n_test);
    evtwin__work_take_test(w, j->held_x);
    return EVTWIN_OK;
}

void evtwin__keep_round(void *ctx, int round, const char *name, double train, double held_out) {
    const evtwin__watched *of = ctx;
    evtwin__result *r = of->result;
    if (r->n_rounds < r->rounds_capacity) {
        r->rounds[r->n_rounds++] = (evtwin__round){of->forest, round, name, train, held_out};
    }
}

/* ---- grow ---- */

/* Forest k, of the training rows, which are in x. */
static evtwin_status grow_forest(job *j, size_t k) {
    evtwin__work *w = &j->work;
    evtwin__booster_data data;
    EVTWIN_TRY(evtwin__work_forest(w, k, &j->params[k], &data));
    evtwin__watched of = {&w->trainer->result[w->t], (int)k};
    const evtwin__booster_watch watch = {.x = j->held_x,
                                         .y = j->held_y,
                                         .rows = w->part.n_test,
                                         .tell = evtwin__keep_round,
                                         .ctx = &of};
    if (are_rounds_kept(j)) {
        evtwin__work_labels(w, k, w->part.test, w->part.n_test, j->held_y);
        data.watch = &watch;
    }
    return evtwin__booster_train(&j->params[k], &data, on_round, j->f, &j->model[k]);
}

static evtwin_status train_and_predict(job *j) {
    evtwin__work *w = &j->work;
    EVTWIN_TRY(prepare_rounds(j));
    evtwin__work_take_train(w);
    for (size_t k = 0; k < w->n_forests; k++) {
        EVTWIN_TRY(grow_forest(j, k));
    }
    if (w->part_no >= 0) {
        EVTWIN_TRY(predict_held_out(j));
        EVTWIN_TRY(predict_baselines(j));
    }
    return EVTWIN_OK;
}

void evtwin__describe_growth(const evtwin__booster_params *params, evtwin__bundle_model *saved) {
    const evtwin__growth *g = &params->growth;
    saved->trees = (size_t)g->trees;
    saved->depth = (size_t)g->depth;
    saved->learning_rate = g->learning_rate;
    saved->subsample = evtwin__or_by_default(g->subsample);
    saved->column_sample = evtwin__or_by_default(g->column_sample);
    saved->min_child_weight = evtwin__or_by_default(g->min_child_weight);
    saved->base_score = params->base_score;
}

/* The model goes to the bundle; of several forests the importance is the mean. */
static void save_model(job *j) {
    const evtwin__work *w = &j->work;
    evtwin__bundle_model *saved = &w->trainer->bundle.model[w->t];
    evtwin__result *result = &w->trainer->result[w->t];
    evtwin__describe_growth(&j->params[0], saved);
    memcpy(result->params, j->params, sizeof result->params);
    saved->json = j->model[0].json;
    saved->json_size = j->model[0].size;
    saved->n_further = w->n_forests - 1;
    result->importance = j->model[0].importance;
    for (size_t k = 0; k < saved->n_further; k++) {
        saved->further[k] =
            (evtwin__bundle_forest){.log_offset = w->trainer->recipe->log_offset[k + 1],
                                    .base_score = j->params[k + 1].base_score,
                                    .json = j->model[k + 1].json,
                                    .json_size = j->model[k + 1].size};
        j->model[k + 1].json = NULL;
    }
    for (size_t i = 0; i < w->data->model_cols && w->n_forests > 1; i++) {
        for (size_t k = 1; k < w->n_forests; k++) {
            result->importance[i] += j->model[k].importance[i];
        }
        result->importance[i] /= (double)w->n_forests;
    }
    j->model[0] = (evtwin__booster_model){0};
}

evtwin_status evtwin__fit_model(void *ctx, size_t item) {
    evtwin__fitting *f = ctx;
    const evtwin__fit_job *of = &f->list[item];
    job j = {.f = f, .is_saved = of->is_saved};
    evtwin_status st =
        evtwin__work_begin(f->trainer, f->data, of->t, of->part, of->is_saved, &j.work);
    st = st < 0 ? st : train_and_predict(&j);
    if (st >= 0 && of->is_saved) {
        save_model(&j);
    }
    evtwin__work_clear(&j.work);
    evtwin__free(j.held_x);
    evtwin__free(j.held_y);
    for (size_t k = 0; k < EVTWIN__MAX_FORESTS; k++) {
        evtwin__booster_clear(&j.model[k]);
    }
    return st;
}
