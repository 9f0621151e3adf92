/* SPDX-License-Identifier: MIT */
/* evtwin/train.h: clean, split by battery, scale, train, score beside base lines, save a bundle. */
#ifndef EVTWIN_TRAIN_H
#define EVTWIN_TRAIN_H

#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A finished training: two models at most, their scores and what was noticed. */
typedef struct evtwin_trainer evtwin_trainer;

typedef struct evtwin_train_options {
    size_t size;
    /** RUL column; NULL = the first of RUL, rul; "none" leaves it out */
    const char *target;
    /** 0/1 column; NULL = the first of Failure_Probability, failure; "none" leaves it out */
    const char *failure_target;
    /** column whose values name the battery; NULL = battery_id where there is one */
    const char *group;
    /** counter column: a new battery starts where it falls; NULL = unused */
    const char *group_by_reset;
    const char *features; /**< comma-separated; NULL = EVTWIN_DEFAULT_FEATURES */
    int cv_folds;         /**< 0 (default) = hold out 20 %; K >= 2 = K-fold by group */
    uint64_t seed;        /**< of the hold-out split and the bootstrap of `signal` */
    /** models trained side by side, each on one thread; 0 (default) = one per core. Results do not
     * depend on it */
    int n_threads;
    int rul_trees, rul_depth;         /**< default 200, 8 */
    int failure_trees, failure_depth; /**< default 200, 6 */
    double learning_rate;             /**< default 0.1 */
    /** file name for texts and manifest, folders are dropped; NULL = "table" */
    const char *source_name;
    /** called on the thread of the caller only; NULL = not called */
    evtwin_progress_fn progress;
    void *progress_ctx;
    /**
     * default 0: a battery with one row only is EVTWIN_E_DATA; 1: it is trained on, with a finding
     */
    int allow_single_rows;
} evtwin_train_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_train_options_init(evtwin_train_options *options, size_t size);

/**
 * Train on a table. A target named here must be there; one that is looked for and absent is left
 * out with a finding. Telemetry is checked against its ranges; features are computed in our units
 * and filled forward within a battery. Rows without a target, a battery or a feature are left out,
 * counted and named in a finding. Outcomes (the targets, truth_*) are refused as features.
 *
 * Scores are held out. With cv_folds = 0: a fifth of the batteries (rounded, at least one) by a
 * seeded shuffle, the first of 100 that leaves rows of every target and both classes in both parts,
 * or where none does the one that comes closest; where only one battery has usable rows, the last
 * fifth of its rows in time (in the order of the table without a time column), without a gap. The
 * saved models are those that were scored, trained on the rest. With cv_folds = K, per target: rows
 * without target leave first, batteries by size descending, ties by name in byte order, each to the
 * lightest fold; the scores pool all out-of-fold predictions and the saved models are trained on
 * all rows. A score that cannot be made (one class, one row or one value held out) is NaN with a
 * finding "score-unknown", and no finding compares it.
 *
 * The same table, options and library versions give the same models, byte for byte.
 * @param options  NULL = the defaults.
 * @return EVTWIN_E_ARG (an option is out of its domain), EVTWIN_E_SCHEMA (a column is absent, not
 * numeric, or an outcome among the features; two columns of one quantity), EVTWIN_E_RANGE (a value
 * is outside its unit's range or infinite, a RUL is negative), EVTWIN_E_DATA (too few rows or
 * batteries, a battery with one row, one class only, a constant target, no target),
 * EVTWIN_E_CANCELLED, EVTWIN_E_EXTERNAL (XGBoost), EVTWIN_E_UNSUPPORTED (built without it).
 */
EVTWIN_API evtwin_status evtwin_train(const evtwin_table *table,
                                      const evtwin_train_options *options, evtwin_trainer **out);
/** NULL is fine. */
EVTWIN_API void evtwin_trainer_free(evtwin_trainer *trainer);

/** Held-out scores of the RUL model beside its base lines; NaN where a base line cannot be made. */
typedef struct evtwin_rul_score {
    size_t size;
    /** rows; n_folds 0 = one hold-out, else both are all usable rows */
    size_t n_train, n_test, n_folds;
    double r2, rmse, mae;      /**< r2 is NaN where all truths are equal */
    double mean_r2, mean_rmse; /**< predict the mean of the training part */
    /** mean life of the training batteries minus cycles so far */
    double countdown_r2, countdown_rmse;
    /** best one-feature model, chosen on the training part */
    double single_r2, single_rmse;
    const char *single_feature; /**< borrowed from the trainer; "" if none */
} evtwin_rul_score;

/** Held-out scores of the failure model beside its base lines; NaN where only one class was held
 * out. */
typedef struct evtwin_failure_score {
    size_t size;
    size_t n_train, n_test, n_folds;                /**< as above */
    double auc, average_precision, accuracy, brier; /**< accuracy at a probability of 0.5 */
    double base_rate;                               /**< share of ones among all usable rows */
    double base_rate_brier, base_rate_accuracy;     /**< always answer the training part's share */
    double single_auc;          /**< best one-feature model, chosen on the training part */
    const char *single_feature; /**< borrowed from the trainer; "" if none */
} evtwin_failure_score;

/** @return EVTWIN_E_NOT_FOUND if no RUL (failure) model was trained. */
EVTWIN_API evtwin_status evtwin_trainer_rul_score(const evtwin_trainer *trainer,
                                                  evtwin_rul_score *out, size_t size);
/** The same for the failure model. */
EVTWIN_API evtwin_status evtwin_trainer_failure_score(const evtwin_trainer *trainer,
                                                      evtwin_failure_score *out, size_t size);
/** R2 and RMSE of fold i < n_folds alone. @return EVTWIN_E_ARG if i is out of range. */
EVTWIN_API evtwin_status evtwin_trainer_rul_fold(const evtwin_trainer *trainer, size_t i,
                                                 double *r2_out, double *rmse_out);

/**
 * 1 if a model beats the training mean (base rate) by more than chance, else 0: the gain in squared
 * error, summed by held-out battery (by day where there is one series, by runs of rows where there
 * are fewer than ten days), has a one-sided 95 % bootstrap bound above zero. It is 0 where the
 * score is unknown. Fewer than five batteries show little (four that all go well are a chance of 1
 * in 16): a finding "too-few-groups" says so; fewer than five days or runs of rows show nothing,
 * and it is 0.
 */
EVTWIN_API int evtwin_trainer_has_signal(const evtwin_trainer *trainer);

/** Something a reader of the scores should know. Texts are borrowed from the trainer. */
typedef struct evtwin_finding {
    size_t size;
    /** "no-signal", "too-few-groups", "score-unknown", "loses-to-baseline", "unit-presumed", … */
    const char *cause;
    const char *severity; /**< "info", "warning", "error" */
    const char *text;     /**< one sentence */
} evtwin_finding;

/** Number of findings. */
EVTWIN_API size_t evtwin_trainer_finding_count(const evtwin_trainer *trainer);
/** @return EVTWIN_E_ARG if i is out of range. size is sizeof *out. */
EVTWIN_API evtwin_status evtwin_trainer_finding(const evtwin_trainer *trainer, size_t i,
                                                evtwin_finding *out, size_t size);

/** Mean gain of the splits on feature i in a model, normalised to sum 1; NaN if there is no such
 * model. which: 0 RUL, 1 failure. */
EVTWIN_API double evtwin_trainer_importance(const evtwin_trainer *trainer, int which, size_t i);

/**
 * All of it as one JSON object (docs/cli.md): NaN is null, as is a model that was not trained. dir
 * is what "models" says, NULL = null. Borrowed until the next call or until freed; NULL if memory
 * is out.
 */
EVTWIN_API const char *evtwin_trainer_json(evtwin_trainer *trainer, const char *dir);

/**
 * Save the bundle: rul_model.json, failure_model.json, scaler.json, manifest.json (docs/bundle.md).
 * The directory is made if absent. All files are first written whole into a folder beside them, so
 * a full disk leaves an older bundle untouched, and then renamed, the manifest last, so a save that
 * is interrupted between two renames leaves a bundle that is refused by its hashes. The file of a
 * model that was not trained is removed. A save that fails removes the directories it made.
 * @return EVTWIN_E_IO naming the path.
 */
EVTWIN_API evtwin_status evtwin_trainer_save(const evtwin_trainer *trainer, const char *dir);

#ifdef __cplusplus
}
#endif
#endif
