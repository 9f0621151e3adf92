/* SPDX-License-Identifier: MIT */
/* evtwin/fit.h: grow one forest on a plain matrix: no column names, no split, no scores, no audit.
 * evtwin_train (train.h) takes batteries into account. */
#ifndef EVTWIN_FIT_H
#define EVTWIN_FIT_H

#include "evtwin/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct evtwin_fit_options {
    size_t size;
    /** default EVTWIN_OBJECTIVE_REGRESSION; EVTWIN_OBJECTIVE_LOGISTIC: y is 0 or 1 */
    evtwin_objective objective;
    int trees;            /**< 1 to 100,000; default 100 */
    int depth;            /**< 1 to 16; default 6 */
    double learning_rate; /**< above 0, at most 1; default 0.1 */
    /** share of the rows that a tree learns from, above 0, at most 1; default 1 */
    double subsample;
    /** share of the columns that a tree sees, above 0, at most 1; default 1 */
    double column_sample;
    /** least weight of a leaf, above 0; default 1 */
    double min_child_weight;
    uint64_t seed; /**< of the two shares; at most INT32_MAX; default 0 */
    /** called before each tree, on the thread of the caller; NULL = not called */
    evtwin_progress_fn progress;
    void *progress_ctx;
} evtwin_fit_options;

/** Fill in the defaults; size is sizeof *options. @return EVTWIN_E_ARG if size is that of no
 * version of the struct. Since 0.2. */
EVTWIN_API evtwin_status evtwin_fit_options_init(evtwin_fit_options *options, size_t size);

/**
 * A forest grown by XGBoost on all rows of x, (rows, cols) row-major, NaN = missing, that predicts
 * y (rows). It starts from the mean of y, and its features have no names. The same arguments and
 * library versions give the same model, byte for byte. A call uses one thread; calls of several
 * threads run in parallel.
 * @param x  borrowed during the call, as is y.
 * @param options  NULL = the defaults.
 * @param out  a new model, evtwin_model_free frees it; untouched on failure.
 * @return EVTWIN_E_ARG (an option is out of its domain, a count is 0), EVTWIN_E_RANGE (a value is
 * infinite, y is NaN, or neither 0 nor 1 for EVTWIN_OBJECTIVE_LOGISTIC), EVTWIN_E_DATA (one class
 * only), EVTWIN_E_UNSUPPORTED (more than 2,048 columns; built without XGBoost), EVTWIN_E_STATE (the
 * thread has joined others, see peers.h), EVTWIN_E_CANCELLED, EVTWIN_E_EXTERNAL (XGBoost). Since
 * 0.2.
 */
EVTWIN_API evtwin_status evtwin_model_fit(const float *x, size_t rows, size_t cols, const float *y,
                                          const evtwin_fit_options *options, evtwin_model **out);

/**
 * The model as XGBoost's JSON: what evtwin_model_load_buffer and XGBoost itself load.
 * @param size_out  its bytes without the NUL behind them; may be NULL.
 * @return borrowed until the model is freed; NULL for a model that was loaded. Since 0.2.
 */
EVTWIN_API const char *evtwin_model_json(const evtwin_model *model, size_t *size_out);

/** Mean gain of the splits on feature i, normalised to sum 1 (0 for all if there is no split); NaN
 * for a model that was loaded or if i is out of range. Since 0.2. */
EVTWIN_API double evtwin_model_importance(const evtwin_model *model, size_t i);

#ifdef __cplusplus
}
#endif
#endif
