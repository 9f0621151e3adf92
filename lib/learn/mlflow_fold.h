/* SPDX-License-Identifier: MIT */
/* learn/mlflow_fold.h: a trained forest that sees scaled values, rewritten as one that sees raw
 * ones: for programs that know XGBoost and no scaler. */
#ifndef EVTWIN_LEARN_MLFLOW_FOLD_H
#define EVTWIN_LEARN_MLFLOW_FOLD_H

#include "learn/calibration.h"
#include "learn/scaler.h"

/* The float32 threshold of raw values of feature i that stands for threshold t of scaled ones.
 *
 * The native path scales a double x in double and rounds once; XGBoost rounds x to float32 first.
 * Let least be the smallest double whose scaled value is not below t, and the answer the float32
 * nearest to it. Every double from least on goes right in both, since rounding keeps the order; so
 * does every double below go left in both, but for those that float32 cannot tell from the answer.
 * XGBoost takes its thresholds from the values of the training data, so least lies at such a value,
 * and data of fewer than seven digits have no other one so near. */
float evtwin__fold_threshold(const evtwin__scaler *scaler, size_t i, float t);

/* A model's JSON with the scaler in its thresholds and, for an event, the calibration (NULL = none)
 * in its leaves; cut at its best iteration. Its margin is that of the model up to the rounding of
 * float32. out is freed with evtwin__free. EVTWIN_E_CORRUPT if it is not a model of so many
 * features. */
evtwin_status evtwin__fold_model(const char *name, const char *json, size_t size,
                                 const evtwin__scaler *scaler,
                                 const evtwin__calibration *calibration, char **out,
                                 size_t *size_out);

#endif
