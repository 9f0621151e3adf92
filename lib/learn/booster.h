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

/* A metric after a round: of what the forest learns from, and of rows held out from it, in what it
 * predicts; NaN where it cannot be made or nothing is held out. name is XGBoost's. */
typedef void (*evtwin__booster_metric_fn)(void *ctx, int round, const char *name, double train,
                                          double held_out);

/* To be told of every round. x (rows, cols) and y (rows) are held out; rows may be 0. */
typedef struct evtwin__booster_watch {
    const float *x, *y;
    size_t rows;
    evtwin__booster_metric_fn tell;
    void *ctx;
} evtwin__booster_watch;

/* What to train on: x (rows, cols) row-major, finite or NaN; y (rows), finite. */
typedef struct evtwin__booster_data {
    const float *x;
    size_t rows, cols;
    const float *y;
    const char *const *feature_names;   /* (cols) */
    const evtwin__booster_watch *watch; /* NULL = nobody; the forest is the same */
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
 * own words; EVTWIN_E_UNSUPPORTED in a build without it. */
evtwin_status evtwin__booster_train(const evtwin__booster_params *params,
                                    const evtwin__booster_data *data,
                                    evtwin__booster_round_fn round, void *ctx,
                                    evtwin__booster_model *out);

void evtwin__booster_clear(evtwin__booster_model *model);

/* "1.7.4" of the XGBoost that is loaded, "" without one; text is (16). */
const char *evtwin__booster_version(char text[16]);

#endif
