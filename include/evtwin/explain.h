/* SPDX-License-Identifier: MIT */
/* evtwin/explain.h: what each feature contributed to a prediction, as numbers and in words, and how
 * far the prediction may be off. */
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
 * to which these are added. A row of phi sums to the margin of evtwin_model_margin. They are exact
 * for the path-dependent expectation, as XGBoost's pred_contribs. Does not allocate, uses about 100
 * KiB of stack; safe from many threads at once.
 * @return EVTWIN_E_SCHEMA if cols != evtwin_model_width(model); EVTWIN_E_UNSUPPORTED if the model's
 * file lacks sum_hessian, or a tree has more than 250 levels or 64 features on a path.
 * Source: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_model_contributions(const evtwin_model *model, const float *x,
                                                    size_t rows, size_t cols, double *phi);

/**
 * The same for a bundle's model of a target and features in our units: x (rows, cols) to phi (rows,
 * cols + 1), in the unit of the target's margin: its own unit (cycles) for a number, log-odds for
 * an event. All values of a row are NaN if one of its features is not finite. Does not allocate;
 * safe from many threads at once.
 * @return EVTWIN_E_NOT_FOUND if there is no such target or the bundle has no model of it;
 * EVTWIN_E_SCHEMA if cols is not the number of features; EVTWIN_E_UNSUPPORTED as
 * evtwin_model_contributions. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_predictor_contributions(const evtwin_predictor *predictor,
                                                        const char *target, const double *x,
                                                        size_t rows, size_t cols, double *phi);

/**
 * One feature of a row as a reason for its prediction: how far its value moves the prediction away
 * from the mean of the training data. Strings are borrowed from the predictor.
 */
typedef struct evtwin_reason {
    size_t size;
    const char *feature; /**< name */
    const char *unit;    /**< of value */
    double value;        /**< of the row */
    double contribution; /**< to the margin: exact */
    /** in the unit of the prediction: for a number the contribution itself; for a probability p
     * what it would lose without the contribution, p(margin) - p(margin - contribution) */
    double effect;
    const char *effect_unit; /**< "cycles"; "" for a probability */
    int is_approximate; /**< 1: effect is converted, and effects do not sum to the prediction */
    double start;       /**< of a change since the battery's own start: the value there; else NaN */
} evtwin_reason;

/**
 * The reasons of one row x (cols), the largest contributions first (equal ones in the order of the
 * features); features that contribute nothing are left out.
 * @param x  (cols), in our units and the order of evtwin_predictor_features; NaN = missing.
 * @param out  (k), each of size bytes, which is sizeof *out; its strings are borrowed from the
 * predictor.
 * @param n_out their number, at most k; 0 if a feature of the row is not finite.
 * @return as evtwin_predictor_contributions. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_predictor_reasons(const evtwin_predictor *predictor,
                                                  const char *target, const double *x, size_t cols,
                                                  evtwin_reason *out, size_t size, size_t k,
                                                  size_t *n_out);

/**
 * A reason in words, UTF-8: "charge cycles 1,450: −320 cycles"; of a battery's past "resistance 12
 * % above its own start: −180 cycles"; of a probability "state of health 81.3 %: about +12 points",
 * in hundredths of 1. "about": the effect is_approximate. Names and units are those of the schema;
 * a column of another name is quoted with blanks for its underscores.
 * @param text (text_size), ends with a zero byte; cut off between two characters to fit.
 * @return EVTWIN_E_ARG if text_size is 0 or reason is not from evtwin_predictor_reasons. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_reason_text(const evtwin_reason *reason, char *text,
                                            size_t text_size);

/** What an interval promises for a battery that is like those of the calibration. */
typedef enum evtwin_coverage {
    /** level of its rows lie within, as a mean over batteries: rul_low and rul_high */
    EVTWIN_COVERS_ON_AVERAGE = 0,
    EVTWIN_COVERS_EACH = 1 /**< of 95 % of the batteries, 80 % of their rows: wider */
} evtwin_coverage;

/** How far a predicted number may be off: docs/learning-explain.md#intervals */
typedef struct evtwin_interval {
    size_t size;
    double low, high;   /**< around the prediction, in its unit, never below 0; NaN if it is */
    double level;       /**< 0.9 */
    size_t n_batteries; /**< that it is calibrated on */
    int is_guess;       /**< 1: they are fewer than 20 */
} evtwin_interval;

/**
 * The interval around a prediction of a target. Fills out, of which size is sizeof *out.
 * @return EVTWIN_E_NOT_FOUND if there is no such target or the bundle has no interval of it;
 * EVTWIN_E_ARG if coverage is out of range. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_predictor_interval(const evtwin_predictor *predictor,
                                                   const char *target, evtwin_coverage coverage,
                                                   double prediction, evtwin_interval *out,
                                                   size_t size);

/**
 * Set what rul_low and rul_high promise in the tables that the predictor fills after this call,
 * also in sessions and pumps; the default is EVTWIN_COVERS_ON_AVERAGE. Call it before other threads
 * use the predictor.
 * @return EVTWIN_E_ARG if coverage is out of range. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_predictor_set_coverage(evtwin_predictor *predictor,
                                                       evtwin_coverage coverage);

/**
 * How a probability was calibrated, in every prediction of the bundle: with the margin of
 * evtwin_predictor_contributions it is 1 / (1 + exp(-(slope * margin + offset))). So a contribution
 * times the slope is what the feature adds to the calibrated log-odds.
 */
typedef struct evtwin_calibration {
    size_t size;
    double slope, offset;     /**< the slope is above 0: the order of predictions stays */
    size_t n_batteries;       /**< that it is made from, by models that had not seen them */
    size_t n_with, n_without; /**< of them, with rows where the event is, and with rows where not */
} evtwin_calibration;

/**
 * The calibration of a target's predictions. Fills out, of which size is sizeof *out.
 * @return EVTWIN_E_NOT_FOUND if there is no such target, the bundle has no model of it, or its
 * predictions are not calibrated: a number's, or a probability from too few batteries. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_predictor_calibration(const evtwin_predictor *predictor,
                                                      const char *target, evtwin_calibration *out,
                                                      size_t size);

/** How evtwin_predictor_explain writes reasons. */
typedef enum evtwin_reasons_form {
    EVTWIN_REASONS_WORDS = 0, /**< evtwin_reason_text of each, "; " between them */
    /** an object: mean (the prediction of the training data, on average), answer (what the model
     * says of the row, which the contributions lead to from there; not cut off at 0, and not what
     * is made of several rows), reasons: an array of objects: feature, value, unit, contribution,
     * effect, effect_unit, approximate, text */
    EVTWIN_REASONS_JSON = 1
} evtwin_reasons_form;

/**
 * Add (or overwrite) a TEXT column TARGET_reasons (rul_reasons, failure_reasons) for each target of
 * the bundle, with the k largest reasons of each row; missing where the row cannot be predicted.
 * The table is untouched on failure, but for running out of memory.
 * @return EVTWIN_E_ARG if k is 0 or form is out of range, EVTWIN_E_SCHEMA as
 * evtwin_predictor_apply, EVTWIN_E_UNSUPPORTED as evtwin_model_contributions. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_predictor_explain(const evtwin_predictor *predictor,
                                                  evtwin_table *table, size_t k,
                                                  evtwin_reasons_form form);

#ifdef __cplusplus
}
#endif
#endif
