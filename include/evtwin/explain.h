/* SPDX-License-Identifier: MIT */
/* evtwin/explain.h: what each feature contributed to a prediction, as numbers and in words. */
#ifndef EVTWIN_EXPLAIN_H
#define EVTWIN_EXPLAIN_H

#include "evtwin/model.h"
#include "evtwin/predictor.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The Shapley values of row i of x, (rows, cols) row-major, NaN = missing, in phi (rows, cols + 1)
 * row-major: what each feature adds to the margin, and last the mean margin of the training data,
 * which they start from. A row of phi sums to the margin of evtwin_model_margin. They are exact
 * for the path-dependent expectation, as XGBoost's pred_contribs. Does not allocate, takes some
 * 100 KiB of stack; safe from many threads at once.
 * @return EVTWIN_E_SCHEMA if cols != evtwin_model_width(model); EVTWIN_E_UNSUPPORTED if the model's
 * file lacks sum_hessian, or a tree has more than 250 levels or 64 features on a path.
 * Source: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_model_contributions(const evtwin_model *model, const float *x,
                                                    size_t rows, size_t cols, double *phi);

#ifdef __cplusplus
}
#endif
#endif
