/* SPDX-License-Identifier: MIT */
/* learn/booster.c: the one file that knows XGBoost; calls that mean the same from 1.7 to 3.x only.
 */

#include "learn/booster.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <assert.h>
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

static evtwin_status make_matrix(const evtwin__booster_data *data, DMatrixHandle *out) {
    char array[192];
    array_interface(data->x, data->rows, data->cols, array, sizeof array);
    XGB_TRY(XGDMatrixCreateFromDense(array, "{\"missing\":NaN,\"nthread\":1}", out));
    array_interface(data->y, data->rows, 0, array, sizeof array);
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

static evtwin_status set_params(BoosterHandle booster, const evtwin__booster_params *params) {
    char depth[EVTWIN__NUM_SIZE], rate[EVTWIN__NUM_SIZE], base[EVTWIN__NUM_SIZE];
    evtwin__format_i64(params->depth, depth);
    evtwin__format_f64(params->learning_rate, rate);
    evtwin__format_f64(params->base_score, base);
    const char *const param[][2] = {{"verbosity", "0"},
                                    {"nthread", "1"},
                                    {"tree_method", "hist"},
                                    {"objective", params->objective == EVTWIN_OBJECTIVE_LOGISTIC
                                                      ? "binary:logistic"
                                                      : "reg:squarederror"},
                                    {"max_depth", depth},
                                    {"learning_rate", rate},
                                    {"base_score", base}};
    for (size_t i = 0; i < sizeof param / sizeof param[0]; i++) {
        XGB_TRY(XGBoosterSetParam(booster, param[i][0], param[i][1]));
    }
    if (params->subsample > 0.0) {
        evtwin__format_f64(params->subsample, rate);
        XGB_TRY(XGBoosterSetParam(booster, "subsample", rate));
    }
    if (params->column_sample > 0.0) {
        evtwin__format_f64(params->column_sample, rate);
        XGB_TRY(XGBoosterSetParam(booster, "colsample_bytree", rate));
    }
    if (params->min_child_weight > 0.0) {
        evtwin__format_f64(params->min_child_weight, rate);
        XGB_TRY(XGBoosterSetParam(booster, "min_child_weight", rate));
    }
    return EVTWIN_OK;
}

static evtwin_status grow(BoosterHandle booster, DMatrixHandle matrix, int trees,
                          evtwin__booster_round_fn round, void *ctx) {
    for (int i = 0; i < trees; i++) {
        EVTWIN_FAIL_IF(round != NULL && round(ctx) != 0, EVTWIN_E_CANCELLED,
                       "training was stopped after %d of %d trees", i, trees);
        XGB_TRY(XGBoosterUpdateOneIter(booster, i, matrix));
    }
    return EVTWIN_OK;
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
    DMatrixHandle matrix = NULL;
    BoosterHandle booster = NULL;
    evtwin__booster_model model = {0};
    model.importance = evtwin__calloc(data->cols, sizeof *model.importance);
    if (model.importance == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu importances", data->cols);
        goto done;
    }
    st = data->source != NULL ? make_streamed_matrix(data, &matrix) : make_matrix(data, &matrix);
    if (st < 0) {
        goto done;
    }
    if (XGBoosterCreate(&matrix, 1, &booster) != 0) {
        st = xgboost_failed("XGBoosterCreate");
        goto done;
    }
    if ((st = set_params(booster, params)) < 0 ||
        (st = grow(booster, matrix, params->trees, round, ctx)) < 0 ||
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
    if (matrix != NULL) {
        XGDMatrixFree(matrix);
    }
    evtwin__booster_clear(&model);
    return st;
}

void evtwin__booster_clear(evtwin__booster_model *model) {
    evtwin__free(model->json);
    evtwin__free(model->importance);
    *model = (evtwin__booster_model){0};
}
