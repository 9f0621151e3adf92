/* SPDX-License-Identifier: MIT */
/* evtwin/model.h: a forest of decision trees read from an XGBoost model, JSON or UBJSON: fully
 * validated, with the same results as XGBoost to the bit. */
#ifndef EVTWIN_MODEL_H
#define EVTWIN_MODEL_H

#include "evtwin/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One loaded model. It is immutable: any number of threads may predict with it at once. */
typedef struct evtwin_model evtwin_model;

/** How a model's value is computed from its margin, with XGBoost's name of the objective. */
typedef enum evtwin_objective {
    /** The margin: reg:squarederror. */
    EVTWIN_OBJECTIVE_REGRESSION = 0,
    /** 1 / (1 + exp(-margin)): binary:logistic. */
    EVTWIN_OBJECTIVE_LOGISTIC = 1
} evtwin_objective;

/**
 * Load a model of XGBoost 1.7 to 3.x, JSON or UBJSON (recognised by content, not by file name):
 * booster gbtree, one output, at most 1 GiB, 2,048 features and 1,048,576 trees. The whole file is
 * validated before it is used: a damaged or hostile file is an error, never a crash, and takes at
 * most a few times its size in memory. If training was stopped early (learner attribute
 * best_iteration), the trees up to the best round are used, as XGBoost's scikit-learn wrapper does;
 * this is logged as a warning.
 * @param out  freed by the caller with evtwin_model_free(); untouched on failure.
 * @return EVTWIN_E_NOT_FOUND; EVTWIN_E_IO; EVTWIN_E_PARSE (not valid JSON or UBJSON, or a value of
 * another type than expected); EVTWIN_E_CORRUPT (names the tree and the node); EVTWIN_E_UNSUPPORTED
 * (booster dart or gblinear, categorical splits, several outputs, boosted random forests, another
 * objective or version, models of other programs and other kinds of files, which are named, too
 * large; a base_score of 0 or 1 before XGBoost 3.2).
 * UBJSON since 0.2.
 */
EVTWIN_API evtwin_status evtwin_model_load(const char *path, evtwin_model **out);

/** The same with all trees of the file, as XGBoost's Booster.predict uses them; best_iteration is
 * ignored. Since 0.2. */
EVTWIN_API evtwin_status evtwin_model_load_all_trees(const char *path, evtwin_model **out);

/** The same from memory: data (size bytes) is not kept. name appears in error texts. */
EVTWIN_API evtwin_status evtwin_model_load_buffer(const char *name, const char *data, size_t size,
                                                  evtwin_model **out);
/** NULL is fine. */
EVTWIN_API void evtwin_model_free(evtwin_model *model);

/** Number of features. */
EVTWIN_API size_t evtwin_model_width(const evtwin_model *model);
/** Number of trees that are used; a model of 0 trees predicts its base score for every row. */
EVTWIN_API size_t evtwin_model_trees(const evtwin_model *model);
/** What the margin means; EVTWIN_OBJECTIVE_REGRESSION for NULL. */
EVTWIN_API evtwin_objective evtwin_model_objective(const evtwin_model *model);
/** Name of feature i as saved in the model; "" if the model has no names, NULL if i is out of
 * range. */
EVTWIN_API const char *evtwin_model_feature_name(const evtwin_model *model, size_t i);

/**
 * y[i] = margin of row i of x, (rows, cols) row-major, NaN = missing; equal to XGBoost's bit for
 * bit. Does not allocate; safe from many threads at once.
 * @param y  (rows); untouched on failure.
 * @return EVTWIN_E_SCHEMA if cols != evtwin_model_width(model).
 * Source: Chen & Guestrin 2016, doi:10.1145/2939672.2939785, eq. 1
 */
EVTWIN_API evtwin_status evtwin_model_margin(const evtwin_model *model, const float *x, size_t rows,
                                             size_t cols, float *y);

/**
 * The same in the unit of the target: the margin itself, or the value that the objective computes
 * from it. Probabilities are computed from the margin in double precision and are the same on every
 * machine; XGBoost's, computed in float, differ by at most 3 units in the last place.
 */
EVTWIN_API evtwin_status evtwin_model_predict(const evtwin_model *model, const float *x,
                                              size_t rows, size_t cols, float *y);

#ifdef __cplusplus
}
#endif
#endif
