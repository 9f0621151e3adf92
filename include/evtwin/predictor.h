/* SPDX-License-Identifier: MIT */
/* evtwin/predictor.h: a bundle (features, scaler, models, manifest) loaded as one object that
 * predicts. */
#ifndef EVTWIN_PREDICTOR_H
#define EVTWIN_PREDICTOR_H

#include "evtwin/features.h"
#include "evtwin/table.h"
#include "evtwin/target.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Immutable once loaded: any number of threads may predict with it at once. */
typedef struct evtwin_predictor evtwin_predictor;

/** What the manifest says. Strings are borrowed from the predictor, "" if unknown. */
typedef struct evtwin_predictor_info {
    size_t size;
    const char *version;    /**< the model_version of predictions: bundle, unless
                               evtwin_predictor_set_version was called */
    const char *trained_at; /**< RFC 3339 UTC */
    size_t n_targets;       /**< number of models */
    const char *label_rule; /**< what end of life was when the labels were made */
    /** what features are made from: "contract" = a row's own values, "history" = its battery's past
     */
    const char *recipe;
    /** the column that identifies the battery of a row, for its past; "" if it is battery_id, or if
     * no past is needed. Since 0.2. */
    const char *group;
    /** first 12 hex digits of the manifest's SHA-256, which names the whole bundle. Since 0.2. */
    const char *bundle;
} evtwin_predictor_info;

/** Whose score it is. */
typedef enum evtwin_scored {
    EVTWIN_SCORED_MODEL = 0,
    /** always answer the mean of the training part (of an event: its base rate) */
    EVTWIN_SCORED_MEAN = 1,
    /** mean life of the training batteries minus cycles so far; of a target in cycles only */
    EVTWIN_SCORED_MEAN_LIFE = 2,
    /** the best one-feature model, chosen on the training part */
    EVTWIN_SCORED_SINGLE = 3
} evtwin_scored;

/** A held-out score. A figure is NaN if it does not apply or cannot be computed. */
typedef struct evtwin_score {
    size_t size;
    /** rows; n_folds 0 = one hold-out; pooled over folds, both are all usable rows */
    size_t n_train, n_test, n_folds;
    double r2, rmse, mae; /**< numbers; r2 is NaN if all true values are equal */
    double auc, average_precision, accuracy, brier; /**< events; accuracy at a probability of 0.5 */
    double base_rate;    /**< events, of EVTWIN_SCORED_MEAN: share of ones among all usable rows */
    const char *feature; /**< of EVTWIN_SCORED_SINGLE; else "". Borrowed */
    /** of the model, pooled over folds; NaN elsewhere. 90 % interval of rmse (brier), by bootstrap
     * over the held-out batteries, or days or runs of rows where there is one series; NaN if there
     * are fewer than five. Since 0.2 */
    double error_low, error_high;
    double battery_mae; /**< numbers: mean over batteries of each battery's own mae. Since 0.2 */
    /** rmse (brier) over that of the best baseline, and the same interval of it. Since 0.2 */
    double ratio, ratio_low, ratio_high;
    /** numbers: mean over the held-out batteries of the share of rows whose truth is in the 90 %
     * interval, which they had no part in; NaN without one. Since 0.2 */
    double coverage;
    /** events: brier of the forest's own probability, before the calibration; NaN without one.
     * Since 0.2 */
    double raw_brier;
} evtwin_score;

/**
 * Load a bundle directory (docs/bundle.md). Hashes, feature lists and lengths are checked first.
 * @param out  a new predictor, evtwin_predictor_free frees it; untouched on failure.
 * @return EVTWIN_E_NOT_FOUND, EVTWIN_E_CORRUPT (a hash differs), EVTWIN_E_SCHEMA (parts do not
 * match), EVTWIN_E_UNSUPPORTED (a newer format, another recipe), EVTWIN_E_BUSY (another process is
 * still saving a bundle there after half a minute), or what evtwin_model_load returns.
 */
EVTWIN_API evtwin_status evtwin_predictor_load(const char *dir, evtwin_predictor **out);
/** NULL is fine. */
EVTWIN_API void evtwin_predictor_free(evtwin_predictor *predictor);

/** Fill out, of which size is sizeof *out, from the manifest; its strings are borrowed from the
 * predictor. @return EVTWIN_E_ARG if size is too small. */
EVTWIN_API evtwin_status evtwin_predictor_info_get(const evtwin_predictor *predictor,
                                                   evtwin_predictor_info *out, size_t size);

/** Room for a model_version, with its NUL: a registry's name of 255 bytes, '/' and a version of 31.
 * Since 0.2. */
#define EVTWIN_MODEL_VERSION_SIZE 288

/**
 * Set the model_version of the predictor's predictions, of its scores and of the states of
 * sessions, for example to the name in a registry ("evtwin-rul/3"). Do not call it while other
 * threads use the predictor. A session keeps, for its states, the name that the predictor had when
 * the session began to use it; strings that evtwin_predictor_info_get returned before are freed.
 * @param version  1 to 287 bytes of UTF-8 without control characters: room for a registry's name of
 * 255 bytes, '/' and a version of 31; copied.
 * @return EVTWIN_E_ARG for another one. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_predictor_set_version(evtwin_predictor *predictor,
                                                      const char *version);

/** 1 if the models were trained on the battery of that id, 0 if not (and for NULL), -1 if the
 * bundle does not list its batteries (one series, more than 65,536 batteries). Since 0.2. */
EVTWIN_API int evtwin_predictor_has_seen(const evtwin_predictor *predictor, const char *battery_id);

/** The features, in the column order of evtwin_predictor_predict. Borrowed. Since 0.2. */
EVTWIN_API const evtwin_features *evtwin_predictor_features(const evtwin_predictor *predictor);

/** Name of target i < n_targets that the bundle has a model of, in the order of target.h; NULL if
 * out of range. Borrowed. Since 0.2. */
EVTWIN_API const char *evtwin_predictor_target(const evtwin_predictor *predictor, size_t i);

/**
 * The held-out score of a target's model or of one of its baselines, as the manifest has it.
 * @param size  sizeof *out.
 * @return EVTWIN_E_NOT_FOUND if there is no such target or the bundle has no model of it,
 * EVTWIN_E_ARG if scored is out of range. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_predictor_score(const evtwin_predictor *predictor,
                                                const char *target, evtwin_scored scored,
                                                evtwin_score *out, size_t size);

/**
 * The models' held-out scores as a new table, one row a target: model_version, target (TEXT),
 * trained_at (TIME), r2, rmse, mae, auc, average_precision, accuracy, brier (F64; missing where a
 * figure does not apply). evtwin_table_free frees it.
 * @return EVTWIN_E_ARG for NULL only. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_predictor_scores(const evtwin_predictor *predictor,
                                                 evtwin_table **out);

/**
 * Predict from a feature matrix in our units: x (rows, cols) row-major to y (rows, n_targets)
 * row-major, the targets in the order of evtwin_predictor_target: numbers in the target's unit,
 * never below 0 (negative values become 0), probabilities in 0-1; NaN where a feature of that row
 * is not finite, but for those of a past that needs more cycles (of recipe "history"). Does not
 * allocate; safe from many threads at once.
 * @return EVTWIN_E_SCHEMA if cols is not the number of features or n_targets not that of targets.
 */
EVTWIN_API evtwin_status evtwin_predictor_predict(const evtwin_predictor *predictor,
                                                  const double *x, size_t rows, size_t cols,
                                                  double *y, size_t n_targets);

/**
 * Add (or overwrite) the column of each known target's prediction (rul_prediction,
 * failure_probability; missing where the bundle has no model of it), of its interval at 90 %
 * (rul_low, rul_high; only where the bundle has one), model_version and
 * prediction_note (text: "unknown, because … is missing" where there is no prediction, else
 * missing). A row is predicted from its own values only (recipe "contract") or from those and the
 * earlier rows of its battery in this table (recipe "history"): nothing is filled in. RUL is never
 * below 0; it is 0 where the battery's health is past the end of life of the labels
 * (evtwin_train_options.eol_soh_percent). If the table has a column rul_row, it gets the model's
 * answer for the row alone; recipe "history" makes the prediction from several such answers of the
 * battery. The table is untouched on failure, except that running out of memory may leave columns
 * of these names, if it had them, half overwritten. The first time that a table's unit is presumed
 * (the 30-column header's power in kW), the log says so at EVTWIN_LOG_INFO.
 * @return EVTWIN_E_SCHEMA naming a feature that has no column, two columns of one quantity, or the
 * battery's column that recipe "history" needs,
 * EVTWIN_E_RANGE as evtwin_telemetry_check.
 */
EVTWIN_API evtwin_status evtwin_predictor_apply(const evtwin_predictor *predictor,
                                                evtwin_table *table);

#ifdef __cplusplus
}
#endif
#endif
