/* SPDX-License-Identifier: MIT */
/* evtwin/train.h: clean, split by battery, scale, train, score beside baselines, save a bundle. */
#ifndef EVTWIN_TRAIN_H
#define EVTWIN_TRAIN_H

#include "evtwin/features.h"
#include "evtwin/peers.h"
#include "evtwin/predictor.h"
#include "evtwin/table.h"
#include "evtwin/target.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A finished training: a model of each target, their scores and findings. */
typedef struct evtwin_trainer evtwin_trainer;

typedef struct evtwin_train_options {
    size_t size;
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
    double learning_rate; /**< default 0.1 */
    /** file name for messages and manifest, without folders; NULL = "table" */
    const char *source_name;
    /** called on the thread of the caller only; NULL = not called */
    evtwin_progress_fn progress;
    void *progress_ctx;
    /**
     * default 0: a battery with one row only is EVTWIN_E_DATA; 1: it is trained on, with a finding
     */
    int allow_single_rows;
    /** what end of life was when the labels were made, recorded in the bundle: UTF-8, at most 255
     * bytes; NULL = unknown */
    const char *label_rule;
    /** causes, comma-separated, that do not refuse the data: their findings become warnings, and
     * the bundle records them; NULL = none. See audit.h. Since 0.2 */
    const char *allow;
    /** number of assignments of batteries to folds that are scored, to show how the score depends
     * on the assignment; 0 (default) and 1 = one. Each trains the folds again. Since 0.2 */
    int n_repeats;
    /** how the models are made: "contract" (default; NULL is the same), from a row's own values, or
     * "history", from each battery's past (docs/learning-features.md), with its own trees, depth
     * and learning rate unless they are set. Since 0.2 */
    const char *recipe;
    /** of recipe "history": quantities that are derived from successive rows, by name and
     * comma-separated, "all" of them or none (default NULL); their pasts are features too. A table
     * with a row a week has none of them (docs/learning-features.md). Since 0.2 */
    const char *derive;
    /** end of life by the labels' rule, as a state of health: below it RUL is 0. 0 (default) =
     * unknown: the lowest health (truth_soh if present, otherwise the reported one) of a labelled
     * row with life left is used. The bundle records it. Since 0.2 */
    double eol_soh_percent;
    /** number of parameter sets to try, up to 1000; the models are grown with the best set; 0
     * (default) = no search. See evtwin_train. Not together with n_repeats. Since 0.2 */
    int n_tune;
    /** default 0. 1: keep the metrics of every boosting round of the saved models, see
     * evtwin_trainer_rounds; the models are the same, training takes a little longer. Since 0.2 */
    int keep_rounds;
    /** of evtwin_train_csv: folder of its temporary file; NULL (default) = that of the environment
     * variable TMPDIR, else /var/tmp. Since 0.2 */
    const char *scratch_dir;
    /** train one model with other processes, each with its own batteries, see evtwin_train;
     * borrowed, and used in the thread that joined; NULL (default) = alone. Since 0.2 */
    evtwin_peers *peers;
} evtwin_train_options;

/** Fill in the defaults; size is sizeof *options. @return EVTWIN_E_ARG if size is that of no
 * version of the struct. */
EVTWIN_API evtwin_status evtwin_train_options_init(evtwin_train_options *options, size_t size);

/**
 * Train on a table, a model for each of targets (n_targets; NULL = all that are known, with their
 * defaults: see evtwin_target_get, whose members column, trees and depth are the caller's to
 * change; the stride of the array is targets[0].size). A column that the caller names must exist; a
 * target whose default column is absent is skipped, with a finding. Telemetry is checked against
 * its ranges; features are computed in our units and filled forward within a battery. Rows without
 * a target, a battery or a feature are left out, counted and named in a finding. Outcomes (the
 * targets, truth_*, predictions) are refused as features. Findings name what would put one battery
 * on both sides of the split: similar names, a battery_id in several groups, held-out rows that are
 * equal to rows of the training part, a counter that restarts within a series.
 *
 * Scores are held out.
 * cv_folds = 0, one hold-out; the saved models are those that were scored, trained on the rest:
 *   - several batteries: a fifth of them (rounded, at least one) by a seeded shuffle, the first of
 *     up to 100 that leaves rows of every target and both classes in both parts; if none does, the
 *     one that comes closest;
 *   - only one with usable rows: the last fifth of its rows in time (in the order of the table
 *     without a time column), without a gap.
 * cv_folds = K, for each target; the saved models are trained on all rows:
 *   1. drop the rows without the target;
 *   2. sort the batteries by number of rows, descending, ties by name in byte order;
 *   3. assign each to the fold with the fewest rows;
 *   4. score all out-of-fold predictions together.
 * With n_tune the parameters are first searched for each target, by cross-validation by battery
 * (five folds) within the batteries used for training. Set 0 is the default; the others are drawn
 * from the seed (depth, learning rate, shares of rows and columns that a tree sees, least weight of
 * a leaf). The number of trees is the best one, up to 1000; a forest ends 30 trees after its best.
 * The set with the least RMSE (root of the Brier score of a probability) is kept, the first of
 * equal ones. Batteries used for scoring have no part in the choice: with cv_folds the model of
 * each fold has its own search, which takes cv_folds + 1 times as long. Intervals and calibrations
 * are made with the chosen set.
 *
 * peers: the processes that have joined get the same models, grown from the rows of all. Each
 * audits, cleans, splits and folds its own batteries; held-out predictions, baselines, scores,
 * intervals and calibrations are those of all processes. Except for the last digits nothing depends
 * on which of them is process 0. Row numbers are those of the battery's process; findings about
 * data, and the reference data for the watch for drift in the bundle, come from the process's own
 * rows. The bins of the best single feature are cut at quantiles that are merged from those of each
 * process. Options and columns must be the same in all processes (keep_rounds of one counts for
 * all), and each battery belongs to one process; group_by_reset, which numbers batteries, is
 * EVTWIN_E_UNSUPPORTED. One thread trains. If a process fails, all end, with its error text if it
 * could still be sent.
 *
 * A score that cannot be computed (one class, one row or one value held out) is NaN with a finding
 * "score-unknown", and no finding compares it.
 *
 * The interval of a number's predictions (docs/bundle.md) is made from the errors on batteries that
 * the predicting model had not seen: with cv_folds those of the folds, with a hold-out those of
 * five folds within the training part, which trains five more models. The batteries used for
 * scoring then have no part in it, and evtwin_score.coverage is the share of their rows within it.
 * With fewer than 20 batteries there is a finding "interval-guess". In the same way a probability
 * is calibrated by a line through its log-odds, if there are 10 batteries with the event and 10
 * with rows without it; otherwise there is a finding "not-calibrated". Held-out predictions and
 * scores use a calibration that was made without them: with folds, the calibration of each fold
 * comes from the others.
 *
 * The same table, options and library versions give the same models, byte for byte.
 * @param table  borrowed while it trains, unchanged.
 * @param options  NULL = the defaults.
 * @param out  a new trainer, evtwin_trainer_free frees it; untouched on failure.
 * @return EVTWIN_E_ARG (an option is out of its domain, a duplicate target or column),
 * EVTWIN_E_NOT_FOUND (there is no such target), EVTWIN_E_SCHEMA (a column is absent, not numeric,
 * or an outcome among the features; two columns of one quantity; an invalid battery_id; a column
 * to be used whose name has more than 255 bytes),
 * EVTWIN_E_RANGE (a value is outside its unit's range, infinite or beyond the 32-bit floats of
 * XGBoost, a label is below what it can be), EVTWIN_E_DATA (too few
 * rows or batteries, fewer than five to search with, a battery with one row, one class only, a
 * constant target, no target, or the audit refuses it: see audit.h), EVTWIN_E_CANCELLED,
 * EVTWIN_E_STATE (peers joined in another thread; no peers in a thread that has joined others),
 * EVTWIN_E_EXTERNAL (XGBoost; another process failed, left, was lost or sent nothing for the
 * timeout of evtwin_peers_join), EVTWIN_E_UNSUPPORTED (built without XGBoost).
 */
EVTWIN_API evtwin_status evtwin_train(const evtwin_table *table, const evtwin_target *targets,
                                      size_t n_targets, const evtwin_train_options *options,
                                      evtwin_trainer **out);

/**
 * evtwin_train for a CSV that is larger than memory: it is read once, some batteries at a time, and
 * its cleaned numbers are written to a temporary file, 8 bytes a number, (features + 5) numbers a
 * row. Peak memory grows by at most 60 bytes a row of seven features, in addition to about 200 MB
 * and the rows of the largest battery. All rows are used for training and all held-out batteries
 * are scored. The same options give the same split, scaler, baselines and folds for intervals as
 * evtwin_train on the table, and forests of the same error: XGBoost takes its bins from a sketch of
 * the values. Models are trained one after another. Two steps use samples: the audit whole
 * batteries of up to 200,000 rows in all (finding "audit-sampled"); intervals, calibration and the
 * voltage reference of drift up to 1,000,000 rows, from each battery. With keep_rounds held_out is
 * missing in evtwin_trainer_rounds.
 * @param csv  opened, not read, with columns and units as for evtwin_csv_read; borrowed, and read
 * after the call. The rows of a battery stand together in it.
 * @param out  a new trainer, evtwin_trainer_free frees it; untouched on failure.
 * @return as evtwin_train and evtwin_csv_read; EVTWIN_E_UNSUPPORTED, before anything is read, for
 * cv_folds, n_repeats, n_tune, group_by_reset and recipe "history", and for a battery of more than
 * 4,194,304 rows; EVTWIN_E_DATA naming line and battery if a battery's rows do not stand together,
 * or if fewer than two batteries have a target; EVTWIN_E_PARSE for a used column that begins with
 * numbers and has text later; EVTWIN_E_IO for the temporary file (a full disk). Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_train_csv(evtwin_csv *csv, const evtwin_target *targets,
                                          size_t n_targets, const evtwin_train_options *options,
                                          evtwin_trainer **out);

/**
 * The number of this process among those that trained together, from 0, and how many there were
 * (n_processes may be NULL): 0 of 1 without others. All have the same models; one process saves
 * them. Since 0.2.
 */
EVTWIN_API size_t evtwin_trainer_process(const evtwin_trainer *trainer, size_t *n_processes);

/** NULL is fine. */
EVTWIN_API void evtwin_trainer_free(evtwin_trainer *trainer);

/** The fold of evtwin_trainer_score that stands for all of them, pooled. */
#define EVTWIN_ALL_FOLDS ((size_t)-1)

/**
 * The held-out score of a target's model or of one of its baselines; see evtwin_score.
 * @param fold  EVTWIN_ALL_FOLDS, or a fold below n_folds alone.
 * @param size  sizeof *out.
 * @return EVTWIN_E_NOT_FOUND if there is no such target or it was not trained, EVTWIN_E_ARG if
 * scored or fold is out of range. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_trainer_score(const evtwin_trainer *trainer, const char *target,
                                              evtwin_scored scored, size_t fold, evtwin_score *out,
                                              size_t size);

/**
 * The model's score under assignment i < n_repeats of batteries to folds: 0 is that of
 * evtwin_trainer_score, the others deal the batteries in an order drawn from seed + i.
 * @param size  sizeof *out.
 * @return as evtwin_trainer_score; EVTWIN_E_ARG if i is out of range, as it is without n_repeats.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_trainer_repeat(const evtwin_trainer *trainer, const char *target,
                                               size_t i, evtwin_score *out, size_t size);

/**
 * The parameter sets that a search (n_tune) tried for the saved model, as a new table: one row for
 * each set, in order. Columns: set, trees, depth (I64), learning_rate, subsample, column_sample,
 * min_child_weight (F64), error (F64, in the target's unit: RMSE over the folds, root of the Brier
 * score of a probability), is_best (BOOL, of one row). This error made the choice, so that of the
 * best set is slightly too good. column_sample and min_child_weight are the drawn values, which a
 * recipe may limit: with fewer than ten features a tree sees all of them, and a leaf of the RUL of
 * "history" holds at least a tenth of a battery's rows. The manifest has the values with which the
 * saved model was grown. evtwin_table_free frees it.
 * @return EVTWIN_E_NOT_FOUND if there is no such target, it was not trained, or without a search.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_trainer_search(const evtwin_trainer *trainer, const char *target,
                                               evtwin_table **out);

/**
 * 1 if a model beats the training mean (base rate) by more than chance, else 0: the gain in squared
 * error, summed by held-out battery (by day where there is one series, by runs of rows where there
 * are fewer than ten days), has a one-sided 95 % bootstrap bound above zero. It is 0 if the score
 * is unknown. Fewer than five batteries are too few to judge (finding "too-few-groups"): with four,
 * all four improve by chance in 1 of 16 cases. With fewer than five days or runs of rows it is 0.
 */
EVTWIN_API int evtwin_trainer_has_signal(const evtwin_trainer *trainer);

/** A fact that a reader of the scores should know. Strings are borrowed from the trainer. */
typedef struct evtwin_finding {
    size_t size;
    /** "no-signal", "too-few-groups", "score-unknown", "loses-to-baseline", "several-series", … */
    const char *cause;
    const char *severity; /**< "info", "warning", "error" (it refuses the data) */
    const char *text;     /**< one sentence */
    /** the column that it is about or, in "several-series" and "group-unused", that would be named
     * as group_by_reset or group; "" = none. Since 0.2 */
    const char *column;
    /** "data", "label", "look-ahead", "identity", "bias", "plausibility" or "score". Since 0.2 */
    const char *about;
    const char *advice; /**< what to do about it; "" = nothing. Since 0.2 */
    /** 1 if it would be an error but the options allow its cause. Since 0.2 */
    int is_allowed;
} evtwin_finding;

/** Number of findings. */
EVTWIN_API size_t evtwin_trainer_finding_count(const evtwin_trainer *trainer);
/** @return EVTWIN_E_ARG if i is out of range. size is sizeof *out. */
EVTWIN_API evtwin_status evtwin_trainer_finding(const evtwin_trainer *trainer, size_t i,
                                                evtwin_finding *out, size_t size);

/** Mean gain of the splits on a feature in a target's model, normalised to sum 1; NaN if there is
 * no such model or feature. */
EVTWIN_API double evtwin_trainer_importance(const evtwin_trainer *trainer, const char *target,
                                            size_t feature);

/** The features, in the order of the models' columns. Borrowed from the trainer. Since 0.2. */
EVTWIN_API const evtwin_features *evtwin_trainer_features(const evtwin_trainer *trainer);

/**
 * The same predictor as loading the saved bundle would give, made without using the disk; it does
 * not need the trainer afterwards, and evtwin_predictor_free frees it. @return as
 * evtwin_predictor_load. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_trainer_predictor(const evtwin_trainer *trainer,
                                                  evtwin_predictor **out);

/**
 * The rows from which the held-out score of a target was computed, as a new table: one row for each
 * row that was held out (with folds: out of fold), by battery, then time. Columns: row (I64, in the
 * training table, from 0), group (TEXT), fold (I64, from 0), and in the target's unit (F64) truth,
 * prediction and the baselines mean, mean_life (NaN where it does not apply) and single.
 * evtwin_table_free frees it.
 * @return EVTWIN_E_NOT_FOUND if there is no such target or it was not trained. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_trainer_predictions(const evtwin_trainer *trainer,
                                                    const char *target, evtwin_table **out);

/**
 * The reliability of those predictions, as a new table: one row for each band of the predicted
 * value that has rows, in order. Columns: from, to (F64; rounded for a number), rows, batteries
 * (I64). For a probability: predicted (its mean), observed (the share of rows with the event) and
 * observed_low, observed_high (its 90 % interval, as if each battery were one observation: Wilson
 * 1927). For a number, in its unit: rmse, width (of the 90 % intervals) and coverage (share of rows
 * inside), the last two as means over batteries, NaN without intervals. evtwin_table_free frees it.
 * @return EVTWIN_E_NOT_FOUND if there is no such target or it was not trained. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_trainer_reliability(const evtwin_trainer *trainer,
                                                    const char *target, evtwin_table **out);

/**
 * The boosting rounds of the saved model of a target, as a new table: one row for each metric of
 * each round of each of its forests, in order. Columns: forest, round (I64, from 0), metric (TEXT:
 * "rmse" of a number; "logloss" and "auc" of an event), train (F64: on the training rows) and
 * held_out (F64: on the held-out rows; missing with folds, since the saved model was trained on all
 * rows). They are in the unit that the forest predicts: logarithms for the second forest of recipe
 * "history". Held-out figures are for information only: no choice depends on them.
 * evtwin_table_free frees it.
 * @return EVTWIN_E_NOT_FOUND if there is no such target or it was not trained, EVTWIN_E_STATE if
 * it was trained without options.keep_rounds. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_trainer_rounds(const evtwin_trainer *trainer, const char *target,
                                               evtwin_table **out);

/**
 * The XGBoost parameters of the saved model of a target, as a new table: one row for each
 * parameter, name and value (TEXT), under the names of XGBoost's scikit-learn wrapper
 * ("n_estimators", "max_depth"). If forests differ in a parameter, the name for the second one ends
 * in "_2". Parameters that are not listed have XGBoost's default. evtwin_table_free frees it.
 * @return EVTWIN_E_NOT_FOUND if there is no such target or it was not trained. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_trainer_params(const evtwin_trainer *trainer, const char *target,
                                               evtwin_table **out);

/**
 * The whole report as one JSON object (docs/cli.md): NaN is null, as is a model that was not
 * trained. dir is the value of "models", NULL = null. Borrowed until the next call or until freed;
 * NULL if out of memory.
 */
EVTWIN_API const char *evtwin_trainer_json(evtwin_trainer *trainer, const char *dir);

/**
 * Save the bundle (docs/bundle.md): the model files of each target (rul_model.json, of several
 * forests also rul_model_2.json and so on; failure_model.json), scaler.json, manifest.json.
 * The directory is created if absent. All files are first written completely under temporary names,
 * so a full disk does not damage an older bundle. Then they are renamed, the manifest last, so a
 * save that is interrupted between two renames leaves a bundle that is refused because of its
 * hashes. The file of a model that was not trained is removed. A failed save removes the
 * directories it created.
 * @return EVTWIN_E_ARG if dir is empty or too long, EVTWIN_E_IO naming the path, EVTWIN_E_BUSY if
 * other processes read or save in the directory for half a minute, EVTWIN_E_NOMEM.
 */
EVTWIN_API evtwin_status evtwin_trainer_save(const evtwin_trainer *trainer, const char *dir);

/** The place in MLflow that a model's folder records. Strings are borrowed for the call.
 * Since 0.2. */
typedef struct evtwin_mlflow_options {
    size_t size;
    const char *artifact_path; /**< below the artifacts of its run; NULL = "model" */
    const char *run_id;        /**< NULL = of no run */
    const char *model_id;      /**< of MLflow 3's logged model; NULL = none */
} evtwin_mlflow_options;

/** Fill in the defaults; size is sizeof *options. @return EVTWIN_E_ARG if size is that of no
 * version of the struct. Since 0.2 */
EVTWIN_API evtwin_status evtwin_mlflow_options_init(evtwin_mlflow_options *options, size_t size);

/**
 * Save the model of a target as a folder that MLflow opens in Python (docs/mlflow.md), needing no
 * server: mlflow.pyfunc.load_model(dir).predict(frame) takes raw telemetry in our units and gives
 * what the saved bundle predicts, equal in float32. With recipe "contract" mlflow.xgboost opens it
 * too, as a Booster of raw values: scaler in its thresholds, calibration in its leaves, names set;
 * it then returns the forest's own answer, which may be below 0, also for rows with missing values.
 * The folder is created if absent; files of these names are overwritten. MLmodel, without which the
 * folder is not a model, is removed first and written last: loading the folder meanwhile, or after
 * a failure, is an error and never mixes two models.
 * @param options  NULL = the defaults.
 * @return EVTWIN_E_NOT_FOUND if there is no such target or it was not trained, EVTWIN_E_UNSUPPORTED
 * if a feature is of a derived quantity, which the loader does not compute, EVTWIN_E_ARG if dir is
 * empty or too long, EVTWIN_E_IO naming the path. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_trainer_save_mlflow(const evtwin_trainer *trainer,
                                                    const char *target, const char *dir,
                                                    const evtwin_mlflow_options *options);

#ifdef __cplusplus
}
#endif
#endif
