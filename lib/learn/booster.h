/* SPDX-License-Identifier: MIT */
/* learn/booster.h: train one forest with XGBoost and get it as a JSON model. */
#ifndef EVTWIN_LEARN_BOOSTER_H
#define EVTWIN_LEARN_BOOSTER_H

#include "evtwin/model.h"

typedef struct evtwin__booster_params {
    evtwin_objective objective;
    int trees, depth;
    double learning_rate;
    double base_score; /* a mean, or a probability in (0, 1) for a classifier */
    double subsample, column_sample, min_child_weight; /* 0 = XGBoost's */
} evtwin__booster_params;

/* Rows that come batch by batch, several times over: XGBoost keeps them in a byte or two a value.
 */
typedef struct evtwin__booster_source {
    /* Back to the first batch. */
    void (*reset)(void *ctx);
    /* The next batch: x (rows, cols) and y (rows), borrowed until the next call, at least one row;
     * EVTWIN_DONE behind the last. The same batches after each reset. */
    evtwin_status (*next)(void *ctx, const float **x_out, const float **y_out, size_t *rows_out);
    void *ctx;
} evtwin__booster_source;

/* What to train on: x (rows, cols) row-major, finite or NaN; y (rows), finite; or a source of them.
 */
typedef struct evtwin__booster_data {
    const float *x;
    size_t rows, cols;
    const float *y;
    const evtwin__booster_source *source; /* NULL = x and y hold all rows */
    const char *const *feature_names;     /* (cols) */
} evtwin__booster_data;

/* A trained forest. Owned; cleared by evtwin__booster_clear. */
typedef struct evtwin__booster_model {
    char *json; /* NUL-terminated beyond size */
    size_t size;
    double *importance; /* (cols) mean gain of a feature's splits, normalised to sum 1; all 0
                           without a split */
} evtwin__booster_model;

/* Called before each tree; non-zero stops the training with EVTWIN_E_CANCELLED. */
typedef int (*evtwin__booster_round_fn)(void *ctx);

/* Train on one thread: the result depends on the arguments alone. EVTWIN_E_EXTERNAL with XGBoost's
 * own words; EVTWIN_E_UNSUPPORTED in a build without it; the failure of a source. */
evtwin_status evtwin__booster_train(const evtwin__booster_params *params,
                                    const evtwin__booster_data *data,
                                    evtwin__booster_round_fn round, void *ctx,
                                    evtwin__booster_model *out);

void evtwin__booster_clear(evtwin__booster_model *model);

/* "1.7.4" of the XGBoost that is loaded, "" without one; text is (16). */
const char *evtwin__booster_version(char text[16]);

#endif
