/* SPDX-License-Identifier: MIT */
/* evtwin/predictor.h: a bundle (features, scaler, models, manifest) loaded as one thing that
 * predicts. */
#ifndef EVTWIN_PREDICTOR_H
#define EVTWIN_PREDICTOR_H

#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Immutable once loaded: any number of threads may predict with it at once. */
typedef struct evtwin_predictor evtwin_predictor;

/** What the manifest says. Texts are borrowed from the predictor. NaN = the bundle has no such
 * model or figure. */
typedef struct evtwin_predictor_info {
    size_t size;
    const char *version; /**< first 12 hex digits of the manifest's SHA-256: the model_version of
                            predictions */
    int has_rul, has_failure;
    double rul_rmse, rul_mae, rul_r2;  /**< held-out, in cycles (or the target's unit) */
    double failure_auc, failure_brier; /**< held-out */
    const char *trained_at;            /**< RFC 3339 UTC, "" if unknown */
} evtwin_predictor_info;

/**
 * Load a bundle directory (docs/bundle.md). Hashes, feature lists and lengths are checked first.
 * @return EVTWIN_E_NOT_FOUND, EVTWIN_E_CORRUPT (a hash differs), EVTWIN_E_SCHEMA (parts do not
 * fit), or what evtwin_model_load says.
 */
EVTWIN_API evtwin_status evtwin_predictor_load(const char *dir, evtwin_predictor **out);
/** NULL is fine. */
EVTWIN_API void evtwin_predictor_free(evtwin_predictor *predictor);

/** Fill out, of which size is sizeof *out, from the manifest. */
EVTWIN_API evtwin_status evtwin_predictor_info_get(const evtwin_predictor *predictor,
                                                   evtwin_predictor_info *out, size_t size);
/** Number of features, the width of the matrix of evtwin_predictor_predict. */
EVTWIN_API size_t evtwin_predictor_feature_count(const evtwin_predictor *predictor);
/** Name of feature i; NULL if out of range. Borrowed until the predictor is freed. */
EVTWIN_API const char *evtwin_predictor_feature_name(const evtwin_predictor *predictor, size_t i);

/**
 * Predict from a feature matrix in our units: x (rows, cols) row-major. rul (rows) in cycles, 0
 * where the model says less, failure (rows) in 0-1; NaN where a feature of that row is not finite
 * or the bundle lacks the model. Either may be NULL. Does not allocate.
 * @return EVTWIN_E_SCHEMA if cols != feature count.
 */
EVTWIN_API evtwin_status evtwin_predictor_predict(const evtwin_predictor *predictor,
                                                  const double *x, size_t rows, size_t cols,
                                                  double *rul, double *failure);

/**
 * Add (or overwrite) columns rul_prediction, failure_probability, model_version and prediction_note
 * (text: "unknown, because … is missing" where there is no prediction, else missing). A row is
 * predicted from its own values only: nothing is filled in. The table is untouched on failure,
 * except that running out of memory may leave columns of these names, if it had them, half
 * overwritten. The first time that a table's unit is presumed (the 30-column header's power in kW),
 * the log says so at EVTWIN_LOG_INFO.
 * @return EVTWIN_E_SCHEMA naming a feature that has no column or two columns of one quantity,
 * EVTWIN_E_RANGE as evtwin_telemetry_check.
 */
EVTWIN_API evtwin_status evtwin_predictor_apply(const evtwin_predictor *predictor,
                                                evtwin_table *table);

#ifdef __cplusplus
}
#endif
#endif
