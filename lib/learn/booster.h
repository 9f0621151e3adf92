/* SPDX-License-Identifier: MIT */
/* learn/booster.h: train one forest with XGBoost and get it as a JSON model. */
#ifndef EVTWIN_LEARN_BOOSTER_H
#define EVTWIN_LEARN_BOOSTER_H

#include "evtwin/model.h"

/* What a caller may ask for. */
enum { EVTWIN__MAX_GROWN_TREES = 100000, EVTWIN__MAX_GROWN_DEPTH = 16 };

/* How a forest is grown. */
typedef struct evtwin__growth {
    int trees, depth;
    double learning_rate;
    double subsample, column_sample, min_child_weight; /* 0 = XGBoost's */
} evtwin__growth;

/* A share or a weight as XGBoost has it. */
static inline double evtwin__or_by_default(double value) {
    return value > 0.0 ? value : 1.0;
}

typedef struct evtwin__booster_params {
    evtwin_objective objective;
    evtwin__growth growth;
    double base_score; /* a mean, or a probability in (0, 1) for a classifier */
    int32_t seed;      /* of subsample and column_sample; 0 = XGBoost's */
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
    const char *const *feature_names;     /* (cols); NULL = they have none */
    const evtwin__booster_watch *watch;   /* NULL = nobody; the forest is the same */
    const evtwin__booster_source *source; /* NULL = x and y hold all rows */
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

/* ---- tree by tree ---- */

/* A forest that grows, and what it says of rows that it does not learn from. */
typedef struct evtwin__grower evtwin__grower;

/* other (n_other, cols): these rows; it and the data may be freed after the call. */
evtwin_status evtwin__grower_create(const evtwin__booster_params *params,
                                    const evtwin__booster_data *data, const float *other,
                                    size_t n_other, evtwin__grower **out);
/* Add a tree. predicted (n_other) of the other rows is borrowed until the next call. */
evtwin_status evtwin__grower_add_tree(evtwin__grower *g, const float **predicted);
/* NULL is fine. */
void evtwin__grower_free(evtwin__grower *g);

/* "1.7.4" of the XGBoost that is loaded, "" without one; text is (16). */
const char *evtwin__booster_version(char text[16]);

#endif
