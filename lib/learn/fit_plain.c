/* SPDX-License-Identifier: MIT */
/* learn/fit_plain.c: one forest on a matrix as it is, without columns, split and scores. */

#include "evtwin/fit.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/booster.h"
#include "learn/forest.h"
#include "learn/peers.h"

#include <math.h>

/* ---- options ---- */

static const evtwin_fit_options default_options = {.size = sizeof default_options,
                                                   .objective = EVTWIN_OBJECTIVE_REGRESSION,
                                                   .trees = 100,
                                                   .depth = 6,
                                                   .learning_rate = 0.1,
                                                   .subsample = 1.0,
                                                   .column_sample = 1.0,
                                                   .min_child_weight = 1.0};

evtwin_status evtwin_fit_options_init(evtwin_fit_options *options, size_t size) {
    return evtwin__options_init(options, size, &default_options, sizeof default_options);
}

static evtwin_status check_share(const char *name, double value) {
    EVTWIN_FAIL_IF(!(value > 0.0 && value <= 1.0), EVTWIN_E_ARG,
                   "%s is %g, it must be above 0 and at most 1", name, value);
    return EVTWIN_OK;
}

static evtwin_status check_options(const evtwin_fit_options *o) {
    EVTWIN_FAIL_IF((int)o->objective < EVTWIN_OBJECTIVE_REGRESSION ||
                       (int)o->objective > EVTWIN_OBJECTIVE_LOGISTIC,
                   EVTWIN_E_ARG, "%d is not a valid objective", (int)o->objective);
    EVTWIN_FAIL_IF(o->trees < 1 || o->trees > EVTWIN__MAX_GROWN_TREES, EVTWIN_E_ARG,
                   "trees is %d, it must be 1 to %d", o->trees, EVTWIN__MAX_GROWN_TREES);
    EVTWIN_FAIL_IF(o->depth < 1 || o->depth > EVTWIN__MAX_GROWN_DEPTH, EVTWIN_E_ARG,
                   "depth is %d, it must be 1 to %d", o->depth, EVTWIN__MAX_GROWN_DEPTH);
    EVTWIN_TRY(check_share("learning_rate", o->learning_rate));
    EVTWIN_TRY(check_share("subsample", o->subsample));
    EVTWIN_TRY(check_share("column_sample", o->column_sample));
    EVTWIN_FAIL_IF(!(o->min_child_weight > 0.0 && isfinite(o->min_child_weight)), EVTWIN_E_ARG,
                   "min_child_weight is %g, it must be above 0", o->min_child_weight);
    EVTWIN_FAIL_IF(o->seed > INT32_MAX, EVTWIN_E_ARG, "seed is %llu, it must be at most %d",
                   (unsigned long long)o->seed, INT32_MAX);
    return EVTWIN_OK;
}

/* ---- data ---- */

static evtwin_status check_x(const float *x, size_t rows, size_t cols) {
    EVTWIN_FAIL_IF(rows == 0 || cols == 0, EVTWIN_E_ARG,
                   "x has %zu rows and %zu columns: there is nothing to learn from", rows, cols);
    EVTWIN_FAIL_IF(cols > EVTWIN__MAX_WIDTH, EVTWIN_E_UNSUPPORTED,
                   "x has %zu columns, at most %d are supported", cols, EVTWIN__MAX_WIDTH);
    for (size_t i = 0; i < rows * cols; i++) {
        EVTWIN_FAIL_IF(isinf(x[i]), EVTWIN_E_RANGE, "row %zu, column number %zu of x is infinite",
                       i / cols, i % cols);
    }
    return EVTWIN_OK;
}

/* The mean of y, which the forest starts from: of an event its base rate. */
static evtwin_status check_y(const float *y, size_t rows, evtwin_objective objective,
                             double *mean_out) {
    double sum = 0.0;
    for (size_t i = 0; i < rows; i++) {
        EVTWIN_FAIL_IF(!isfinite(y[i]), EVTWIN_E_RANGE, "row %zu of y is %s", i,
                       isnan(y[i]) ? "missing" : "infinite");
        EVTWIN_FAIL_IF(objective == EVTWIN_OBJECTIVE_LOGISTIC && y[i] != 0.0f && y[i] != 1.0f,
                       EVTWIN_E_RANGE, "row %zu of y is %g, of an event it must be 0 or 1", i,
                       (double)y[i]);
        sum += (double)y[i];
    }
    const double mean = sum / (double)rows;
    EVTWIN_FAIL_IF(objective == EVTWIN_OBJECTIVE_LOGISTIC && (mean <= 0.0 || mean >= 1.0),
                   EVTWIN_E_DATA, "y has one class only, %g: both 0 and 1 are required", mean);
    *mean_out = mean;
    return EVTWIN_OK;
}

/* ---- fit ---- */

typedef struct progress {
    const evtwin_fit_options *options;
    int n_grown;
} progress;

static int on_round(void *ctx) {
    progress *p = ctx;
    const evtwin_fit_options *o = p->options;
    return o->progress != NULL &&
           o->progress(o->progress_ctx, "training", (double)p->n_grown++ / o->trees);
}

/* The trained forest as one that predicts, which keeps where it came from. */
static evtwin_status take_model(evtwin__booster_model *trained, evtwin_model **out) {
    evtwin_model *model = NULL;
    EVTWIN_TRY(evtwin_model_load_buffer("the trained model", trained->json, trained->size, &model));
    model->json = trained->json;
    model->json_size = trained->size;
    model->importance = trained->importance;
    *trained = (evtwin__booster_model){0};
    *out = model;
    return EVTWIN_OK;
}

evtwin_status evtwin_model_fit(const float *x, size_t rows, size_t cols, const float *y,
                               const evtwin_fit_options *options, evtwin_model **out) {
    EVTWIN_FAIL_IF(x == NULL || y == NULL || out == NULL, EVTWIN_E_ARG, "x, y or out is NULL");
    evtwin_fit_options o = default_options;
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, options, "evtwin_fit_options_init"));
    EVTWIN_TRY(check_options(&o));
    EVTWIN_TRY(evtwin__peers_check(NULL));
    EVTWIN_TRY(check_x(x, rows, cols));

    evtwin__booster_params params = {.objective = o.objective,
                                     .growth = {.trees = o.trees,
                                                .depth = o.depth,
                                                .learning_rate = o.learning_rate,
                                                .subsample = o.subsample,
                                                .column_sample = o.column_sample,
                                                .min_child_weight = o.min_child_weight},
                                     .seed = (int32_t)o.seed};
    EVTWIN_TRY(check_y(y, rows, o.objective, &params.base_score));
    const evtwin__booster_data data = {.x = x, .rows = rows, .cols = cols, .y = y};
    progress p = {&o, 0};
    evtwin__booster_model trained = {0};
    evtwin_status st = evtwin__booster_train(&params, &data, on_round, &p, &trained);
    st = st < 0 ? st : take_model(&trained, out);
    evtwin__booster_clear(&trained);
    return st;
}

/* ---- what a fitted model knows of itself ---- */

const char *evtwin_model_json(const evtwin_model *model, size_t *size_out) {
    const int is_fitted = model != NULL && model->json != NULL;
    if (size_out != NULL) {
        *size_out = is_fitted ? model->json_size : 0;
    }
    return is_fitted ? model->json : NULL;
}

double evtwin_model_importance(const evtwin_model *model, size_t i) {
    const int is_known = model != NULL && model->importance != NULL && i < model->width;
    return is_known ? model->importance[i] : (double)NAN;
}
