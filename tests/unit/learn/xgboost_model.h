/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/xgboost_model.h: train with XGBoost's C API and ask it for margins, for tests
 * and the bench that compare with it. A failing call ends the program: nothing can be compared
 * then. */
#ifndef EVTWIN_TEST_XGBOOST_MODEL_H
#define EVTWIN_TEST_XGBOOST_MODEL_H

#include <xgboost/c_api.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XGB_DO(call)                                                                               \
    do {                                                                                           \
        if ((call) != 0) {                                                                         \
            fprintf(stderr, "%s: %s\n", #call, XGBGetLastError());                                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

typedef struct xgb_spec {
    const char *objective;
    int trees, depth;
    float base_score;
    const char *tree_method; /* "hist" or "exact" */
    const char *gamma;       /* "0", or more to have nodes pruned */
    int min_child_weight;
    const char *const *names; /* (cols) or NULL */
} xgb_spec;

typedef struct xgb_trained {
    BoosterHandle booster;
    char *json; /* the model as text */
    size_t size;
} xgb_trained;

static inline void xgb_set(BoosterHandle booster, const char *name, double value) {
    char text[40];
    snprintf(text, sizeof text, "%.9g", value);
    XGB_DO(XGBoosterSetParam(booster, name, text));
}

/* The booster's model as JSON text, in memory of malloc. */
static inline char *xgb_json(BoosterHandle booster, size_t *size_out) {
    bst_ulong size;
    const char *raw;
    XGB_DO(XGBoosterSaveModelToBuffer(booster, "{\"format\": \"json\"}", &size, &raw));
    char *json = malloc(size + 1);
    if (json == NULL) {
        abort();
    }
    memcpy(json, raw, size);
    json[size] = '\0';
    *size_out = size;
    return json;
}

/* x (rows, cols) row-major with NaN for missing values, y (rows). */
static inline xgb_trained xgb_train(const xgb_spec *spec, const float *x, const float *y,
                                    size_t rows, size_t cols) {
    char config[256];
    snprintf(
        config, sizeof config,
        "{\"data\": [%llu, true], \"shape\": [%zu, %zu], \"typestr\": \"<f4\", \"version\": 3}",
        (unsigned long long)(uintptr_t)x, rows, cols);
    DMatrixHandle data;
    XGB_DO(XGDMatrixCreateFromDense(config, "{\"missing\": NaN, \"nthread\": 1}", &data));
    XGB_DO(XGDMatrixSetFloatInfo(data, "label", y, rows));

    xgb_trained t = {0};
    XGB_DO(XGBoosterCreate(&data, 1, &t.booster));
    XGB_DO(XGBoosterSetParam(t.booster, "objective", spec->objective));
    XGB_DO(XGBoosterSetParam(t.booster, "tree_method", spec->tree_method));
    XGB_DO(XGBoosterSetParam(t.booster, "gamma", spec->gamma));
    xgb_set(t.booster, "max_depth", spec->depth);
    xgb_set(t.booster, "base_score", (double)spec->base_score);
    xgb_set(t.booster, "min_child_weight", spec->min_child_weight);
    xgb_set(t.booster, "eta", 0.1);
    xgb_set(t.booster, "nthread", 1);
    if (spec->names != NULL) {
        XGB_DO(XGBoosterSetStrFeatureInfo(t.booster, "feature_name", (const char **)spec->names,
                                          cols));
    }
    for (int i = 0; i < spec->trees; i++) {
        XGB_DO(XGBoosterUpdateOneIter(t.booster, i, data));
    }
    XGB_DO(XGDMatrixFree(data));
    t.json = xgb_json(t.booster, &t.size);
    return t;
}

static inline void xgb_free(xgb_trained *t) {
    XGB_DO(XGBoosterFree(t->booster));
    free(t->json);
}

/* Margins (or values) of rows, by the in-place call; copied to out (rows). */
static inline void xgb_predict(BoosterHandle booster, int is_margin, const float *x, size_t rows,
                               size_t cols, float *out) {
    char data[256], config[256];
    snprintf(
        data, sizeof data,
        "{\"data\": [%llu, true], \"shape\": [%zu, %zu], \"typestr\": \"<f4\", \"version\": 3}",
        (unsigned long long)(uintptr_t)x, rows, cols);
    snprintf(config, sizeof config,
             "{\"type\": %d, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, "
             "\"strict_shape\": true, \"missing\": NaN, \"cache_id\": 0}",
             is_margin);
    const bst_ulong *shape;
    bst_ulong dim;
    const float *result;
    XGB_DO(XGBoosterPredictFromDense(booster, data, config, NULL, &shape, &dim, &result));
    memcpy(out, result, rows * sizeof *out);
}

/* What each feature adds to the margin, the bias last: copied to out (rows, cols + 1). */
static inline void xgb_contributions(BoosterHandle booster, const float *x, size_t rows,
                                     size_t cols, float *out) {
    char config[256];
    snprintf(
        config, sizeof config,
        "{\"data\": [%llu, true], \"shape\": [%zu, %zu], \"typestr\": \"<f4\", \"version\": 3}",
        (unsigned long long)(uintptr_t)x, rows, cols);
    DMatrixHandle data;
    XGB_DO(XGDMatrixCreateFromDense(config, "{\"missing\": NaN, \"nthread\": 1}", &data));
    const bst_ulong *shape;
    bst_ulong dim;
    const float *result;
    XGB_DO(XGBoosterPredictFromDMatrix(
        booster, data,
        "{\"type\": 2, \"training\": false, \"iteration_begin\": 0, \"iteration_end\": 0, "
        "\"strict_shape\": true}",
        &shape, &dim, &result));
    memcpy(out, result, rows * (cols + 1) * sizeof *out);
    XGB_DO(XGDMatrixFree(data));
}

#endif
