/* SPDX-License-Identifier: MIT */
/* learn/booster.c: the one file that knows XGBoost; calls that mean the same from 1.7 to 3.x only.
 */

#include "learn/booster.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <xgboost/c_api.h>

/* XGBoost's words on one line: without "[12:34:56] ./src/file.cc:12: " before and the stack trace
 * after. call is the C call as written. */
static evtwin_status xgboost_failed(const char *call) {
    const char *text = XGBGetLastError();
    const char *end = strstr(text, "\nStack trace");
    if (text[0] == '[') {
        const char *prefix_end = strstr(text, ": ");
        text = prefix_end != NULL && (end == NULL || prefix_end < end) ? prefix_end + 2 : text;
    }
    const size_t length = end != NULL && end > text ? (size_t)(end - text) : strlen(text);
    EVTWIN_FAIL(EVTWIN_E_EXTERNAL, "XGBoost: %.*s: %.*s", (int)strcspn(call, "("), call,
                (int)(length < 500 ? length : 500), text);
}

#define XGB_TRY(call)                                                                              \
    do {                                                                                           \
        if ((call) != 0) {                                                                         \
            return xgboost_failed(#call);                                                          \
        }                                                                                          \
    } while (0)

const char *evtwin__booster_version(char text[16]) {
    int major, minor, patch;
    XGBoostVersion(&major, &minor, &patch);
    snprintf(text, 16, "%d.%d.%d", major, minor, patch);
    return text;
}

/* XGBoost takes arrays as JSON that holds their address. */
static void array_interface(const float *v, size_t rows, size_t cols, char *text,
                            size_t text_size) {
    char shape[64];
    snprintf(shape, sizeof shape, cols > 0 ? "%zu,%zu" : "%zu", rows, cols);
    snprintf(text, text_size,
             "{\"data\":[%zu,true],\"shape\":[%s],\"typestr\":\"<f4\",\"version\":3}", (size_t)v,
             shape);
}

static evtwin_status make_rows(const float *x, size_t rows, size_t cols, DMatrixHandle *out) {
    char array[192];
    array_interface(x, rows, cols, array, sizeof array);
    XGB_TRY(XGDMatrixCreateFromDense(array, "{\"missing\":NaN,\"nthread\":1}", out));
    return EVTWIN_OK;
}

static evtwin_status make_matrix(const float *x, const float *y, size_t rows, size_t cols,
                                 DMatrixHandle *out) {
    char array[192];
    EVTWIN_TRY(make_rows(x, rows, cols, out));
    array_interface(y, rows, 0, array, sizeof array);
    XGB_TRY(XGDMatrixSetInfoFromInterface(*out, "label", array));
    return EVTWIN_OK;
}

/* ---- rows from a source ---- */

/* What the callbacks of XGBoost, which know success and its opposite only, keep for us. */
typedef struct feed {
    const evtwin__booster_data *data;
    DMatrixHandle proxy;
    evtwin_status status; /* of the source, or of taking its batch */
    char error[512];
} feed;

static void on_reset(DataIterHandle handle) {
    const feed *f = handle;
    f->data->source->reset(f->data->source->ctx);
}

static evtwin_status take_batch(feed *f) {
    const float *x, *y;
    size_t rows;
    char array[192];
    const evtwin_status st = f->data->source->next(f->data->source->ctx, &x, &y, &rows);
    if (st != EVTWIN_OK) {
        return st;
    }
    array_interface(x, rows, f->data->cols, array, sizeof array);
    XGB_TRY(XGProxyDMatrixSetDataDense(f->proxy, array));
    array_interface(y, rows, 0, array, sizeof array);
    XGB_TRY(XGDMatrixSetInfoFromInterface(f->proxy, "label", array));
    return EVTWIN_OK;
}

/* 1 = there is a batch, 0 = there is none: after a failure XGBoost gets no more, and what it made
 * is thrown away. */
static int on_next(DataIterHandle handle) {
    feed *f = handle;
    if (f->status < 0) {
        return 0;
    }
    const evtwin_status st = take_batch(f);
    if (st < 0) {
        f->status = st;
        snprintf(f->error, sizeof f->error, "%s", evtwin_last_error());
    }
    return st == EVTWIN_OK;
}

static evtwin_status make_streamed_matrix(const evtwin__booster_data *data, DMatrixHandle *out) {
    feed f = {.data = data};
    XGB_TRY(XGProxyDMatrixCreate(&f.proxy));
    const int rc =
        XGQuantileDMatrixCreateFromCallback(&f, f.proxy, NULL, on_reset, on_next,
                                            "{\"missing\":NaN,\"nthread\":1,\"max_bin\":256}", out);
    const evtwin_status st =
        rc == 0 || f.status < 0 ? EVTWIN_OK : xgboost_failed("XGQuantileDMatrixCreateFromCallback");
    XGDMatrixFree(f.proxy);
    EVTWIN_FAIL_IF(f.status < 0, f.status, "%s", f.error);
    return st;
}

/* ---- training ---- */

static evtwin_status set_number(BoosterHandle booster, const char *name, double value) {
    char text[EVTWIN__NUM_SIZE];
    evtwin__format_f64(value, text);
    XGB_TRY(XGBoosterSetParam(booster, name, text));
    return EVTWIN_OK;
}

static evtwin_status set_params(BoosterHandle booster, const evtwin__booster_params *params) {
    const evtwin__growth *g = &params->growth;
    const char *const word[][2] = {{"verbosity", "0"},
                                   {"nthread", "1"},
                                   {"tree_method", "hist"},
                                   {"objective", params->objective == EVTWIN_OBJECTIVE_LOGISTIC
                                                     ? "binary:logistic"
                                                     : "reg:squarederror"}};
    const struct {
        const char *name;
        double value;
        int is_set;
    } number[] = {{"max_depth", g->depth, 1},
                  {"learning_rate", g->learning_rate, 1},
                  {"base_score", params->base_score, 1},
                  {"subsample", g->subsample, g->subsample > 0.0},
                  {"colsample_bytree", g->column_sample, g->column_sample > 0.0},
                  {"min_child_weight", g->min_child_weight, g->min_child_weight > 0.0},
                  {"seed", params->seed, params->seed != 0}};
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
        XGB_TRY(XGBoosterSetParam(booster, word[i][0], word[i][1]));
    }
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++) {
        EVTWIN_TRY(number[i].is_set ? set_number(booster, number[i].name, number[i].value)
                                    : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

/* ---- what each round was ---- */

/* The matrices of a training: what it learns from, and what is held out from it (NULL = nothing).
 */
typedef struct matrices {
    DMatrixHandle train, held_out;
} matrices;

static evtwin_status choose_metrics(BoosterHandle booster, const evtwin__booster_params *params) {
    if (params->objective != EVTWIN_OBJECTIVE_LOGISTIC) {
        XGB_TRY(XGBoosterSetParam(booster, "eval_metric", "rmse"));
        return EVTWIN_OK;
    }
    XGB_TRY(XGBoosterSetParam(booster, "eval_metric", "logloss"));
    XGB_TRY(XGBoosterSetParam(booster, "eval_metric", "auc"));
    return EVTWIN_OK;
}

/* The number behind "\tSET-METRIC:"; NaN if there is none. */
static double read_metric(const char *text, const char *set, const char *name) {
    char key[64];
    double value;
    snprintf(key, sizeof key, "\t%s-%s:", set, name);
    const char *at = strstr(text, key);
    at = at != NULL ? at + strlen(key) : "";
    return evtwin__parse_f64(at, strcspn(at, "\t\n"), &value) ? value : (double)NAN;
}

/* XGBoost gives the metrics as text: "[3]\ttrain-rmse:1.5\theld-rmse:2.5". */
static evtwin_status tell_round(BoosterHandle booster, const matrices *m, int round,
                                const evtwin__booster_watch *watch) {
    static const char *const names[] = {"rmse", "logloss", "auc"};
    DMatrixHandle set[] = {m->train, m->held_out};
    const char *set_name[] = {"train", "held"}, *text;
    XGB_TRY(
        XGBoosterEvalOneIter(booster, round, set, set_name, m->held_out != NULL ? 2 : 1, &text));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const double train = read_metric(text, "train", names[i]);
        const double held_out = read_metric(text, "held", names[i]);
        if (!isnan(train) || !isnan(held_out)) {
            watch->tell(watch->ctx, round, names[i], train, held_out);
        }
    }
    return EVTWIN_OK;
}

static evtwin_status grow(BoosterHandle booster, const matrices *m, int trees,
                          const evtwin__booster_watch *watch, evtwin__booster_round_fn round,
                          void *ctx) {
    for (int i = 0; i < trees; i++) {
        EVTWIN_FAIL_IF(round != NULL && round(ctx) != 0, EVTWIN_E_CANCELLED,
                       "training was stopped after %d of %d trees", i, trees);
        XGB_TRY(XGBoosterUpdateOneIter(booster, i, m->train));
        EVTWIN_TRY(watch != NULL ? tell_round(booster, m, i, watch) : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

/* A booster that knows all the matrices: it keeps what it said of them so far. */
static evtwin_status make_booster(const evtwin__booster_params *params,
                                  const evtwin__booster_data *data, matrices *m,
                                  BoosterHandle *out) {
    const evtwin__booster_watch *watch = data->watch;
    EVTWIN_TRY(data->source != NULL
                   ? make_streamed_matrix(data, &m->train)
                   : make_matrix(data->x, data->y, data->rows, data->cols, &m->train));
    if (watch != NULL && watch->rows > 0) {
        EVTWIN_TRY(make_matrix(watch->x, watch->y, watch->rows, data->cols, &m->held_out));
    }
    DMatrixHandle known[] = {m->train, m->held_out};
    XGB_TRY(XGBoosterCreate(known, m->held_out != NULL ? 2 : 1, out));
    EVTWIN_TRY(set_params(*out, params));
    return watch != NULL ? choose_metrics(*out, params) : EVTWIN_OK;
}

/* Mean gain per feature; XGBoost lists only those that a split uses, as "f0", "f1", … */
static evtwin_status read_importance(BoosterHandle booster, size_t cols, double *importance) {
    bst_ulong n, n_dims;
    const char **name;
    const bst_ulong *shape;
    const float *gain;
    XGB_TRY(XGBoosterFeatureScore(booster, "{\"importance_type\":\"gain\",\"feature_map\":\"\"}",
                                  &n, &name, &n_dims, &shape, &gain));
    double sum = 0.0;
    for (bst_ulong i = 0; i < n; i++) {
        int64_t col;
        if (name[i][0] == 'f' && evtwin__parse_i64(name[i] + 1, strlen(name[i] + 1), &col) &&
            col >= 0 && (uint64_t)col < cols) {
            importance[col] = (double)gain[i];
            sum += importance[col];
        }
    }
    for (size_t i = 0; sum > 0.0 && i < cols; i++) {
        importance[i] /= sum;
    }
    return EVTWIN_OK;
}

/* The names travel in the model only if the booster itself has them. */
static evtwin_status name_features(BoosterHandle booster, const evtwin__booster_data *data) {
    if (data->feature_names == NULL) {
        return EVTWIN_OK;
    }
    const char **name = evtwin__calloc(data->cols, sizeof *name);
    EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_NOMEM, "out of memory for %zu feature names", data->cols);
    memcpy(name, data->feature_names, data->cols * sizeof *name);
    const int rc = XGBoosterSetStrFeatureInfo(booster, "feature_name", name, data->cols);
    evtwin__free(name);
    return rc == 0 ? EVTWIN_OK : xgboost_failed("XGBoosterSetStrFeatureInfo");
}

static evtwin_status read_json(BoosterHandle booster, evtwin__booster_model *model) {
    bst_ulong size;
    const char *json;
    XGB_TRY(XGBoosterSaveModelToBuffer(booster, "{\"format\":\"json\"}", &size, &json));
    model->json = evtwin__strndup(json, size);
    EVTWIN_FAIL_IF(model->json == NULL, EVTWIN_E_NOMEM, "out of memory for a model of %zu bytes",
                   (size_t)size);
    model->size = size;
    return EVTWIN_OK;
}

evtwin_status evtwin__booster_train(const evtwin__booster_params *params,
                                    const evtwin__booster_data *data,
                                    evtwin__booster_round_fn round, void *ctx,
                                    evtwin__booster_model *out) {
    assert((data->rows > 0 || data->source != NULL) && data->cols > 0);
    evtwin_status st;
    matrices m = {NULL, NULL};
    BoosterHandle booster = NULL;
    evtwin__booster_model model = {0};
    model.importance = evtwin__calloc(data->cols, sizeof *model.importance);
    if (model.importance == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu importances", data->cols);
        goto done;
    }
    if ((st = make_booster(params, data, &m, &booster)) < 0 ||
        (st = grow(booster, &m, params->growth.trees, data->watch, round, ctx)) < 0 ||
        (st = read_importance(booster, data->cols, model.importance)) < 0 ||
        (st = name_features(booster, data)) < 0 || (st = read_json(booster, &model)) < 0) {
        goto done;
    }
    *out = model;
    model = (evtwin__booster_model){0};

done:
    if (booster != NULL) {
        XGBoosterFree(booster);
    }
    if (m.train != NULL) {
        XGDMatrixFree(m.train);
    }
    if (m.held_out != NULL) {
        XGDMatrixFree(m.held_out);
    }
    evtwin__booster_clear(&model);
    return st;
}

void evtwin__booster_clear(evtwin__booster_model *model) {
    evtwin__free(model->json);
    evtwin__free(model->importance);
    *model = (evtwin__booster_model){0};
}

/* ---- tree by tree ---- */

struct evtwin__grower {
    DMatrixHandle matrix, other;
    BoosterHandle booster;
    size_t n_other;
    int trees;
};

void evtwin__grower_free(evtwin__grower *g) {
    if (g == NULL) {
        return;
    }
    if (g->booster != NULL) {
        XGBoosterFree(g->booster);
    }
    if (g->other != NULL) {
        XGDMatrixFree(g->other);
    }
    if (g->matrix != NULL) {
        XGDMatrixFree(g->matrix);
    }
    evtwin__free(g);
}

/* The booster is told of both matrices, so that it keeps what its trees say of them so far. */
static evtwin_status grower_begin(evtwin__grower *g, const evtwin__booster_params *params,
                                  const evtwin__booster_data *data, const float *other) {
    EVTWIN_TRY(make_matrix(data->x, data->y, data->rows, data->cols, &g->matrix));
    EVTWIN_TRY(make_rows(other, g->n_other, data->cols, &g->other));
    const DMatrixHandle both[] = {g->matrix, g->other};
    XGB_TRY(XGBoosterCreate(both, 2, &g->booster));
    return set_params(g->booster, params);
}

evtwin_status evtwin__grower_create(const evtwin__booster_params *params,
                                    const evtwin__booster_data *data, const float *other,
                                    size_t n_other, evtwin__grower **out) {
    assert(data->rows > 0 && data->cols > 0 && n_other > 0);
    evtwin__grower *g = evtwin__calloc(1, sizeof *g);
    EVTWIN_FAIL_IF(g == NULL, EVTWIN_E_NOMEM, "out of memory for a booster");
    g->n_other = n_other;
    const evtwin_status st = grower_begin(g, params, data, other);
    if (st < 0) {
        evtwin__grower_free(g);
        return st;
    }
    *out = g;
    return EVTWIN_OK;
}

evtwin_status evtwin__grower_add_tree(evtwin__grower *g, const float **predicted) {
    const bst_ulong *shape;
    bst_ulong n_dims;
    XGB_TRY(XGBoosterUpdateOneIter(g->booster, g->trees, g->matrix));
    g->trees++;
    XGB_TRY(XGBoosterPredictFromDMatrix(g->booster, g->other,
                                        "{\"type\":0,\"training\":false,\"iteration_begin\":0,"
                                        "\"iteration_end\":0,\"strict_shape\":false}",
                                        &shape, &n_dims, predicted));
    EVTWIN_FAIL_IF(n_dims < 1 || shape[0] != g->n_other, EVTWIN_E_EXTERNAL,
                   "XGBoost predicted another number of rows than the %zu it was given",
                   g->n_other);
    return EVTWIN_OK;
}
