/* SPDX-License-Identifier: MIT */
/* learn/interval.h: how far a predicted number may be off: conformal intervals, calibrated by
 * battery on predictions of models that had not seen the battery. */
#ifndef EVTWIN_LEARN_INTERVAL_H
#define EVTWIN_LEARN_INTERVAL_H

#include "evtwin/explain.h"

enum {
    EVTWIN__N_COVERAGES = EVTWIN_COVERS_EACH + 1,
    EVTWIN__INTERVAL_MAX_BANDS = 16,
    EVTWIN__INTERVAL_ENOUGH = 20 /* with fewer batteries an interval is a guess */
};

/* By both coverages, these shares of the batteries have EVTWIN__COVERED_ROWS of their rows within.
 */
#define EVTWIN__COVERED_ROWS 0.80
#define EVTWIN__COVERED_BATTERIES 0.84
#define EVTWIN__COVERED_BATTERIES_EACH 0.95

/* Errors by predicted value: between two bands they are interpolated, beyond the first and the last
 * they stay. All in the unit of the prediction. */
typedef struct evtwin__interval {
    double level; /* 0 to 1 */
    size_t n_batteries, n_rows;
    size_t n_bands;
    double prediction[EVTWIN__INTERVAL_MAX_BANDS]; /* (n_bands) rising */
    double below[EVTWIN__INTERVAL_MAX_BANDS]; /* > 0: how far the truth lies below, before factor */
    double above[EVTWIN__INTERVAL_MAX_BANDS];
    double factor[EVTWIN__N_COVERAGES];
} evtwin__interval;

/* 1 if too few batteries were there to know better. */
static inline int evtwin__interval_is_guess(const evtwin__interval *interval) {
    return interval->n_batteries < EVTWIN__INTERVAL_ENOUGH;
}

/* Calibrate on n rows: prediction (of a model that had not seen the row's battery), truth, battery
 * (any numbers from 0; negative = none). Rows with a value that is not finite or without a battery
 * are left out. A battery counts once, however many rows it has; the order of the rows does not
 * matter. EVTWIN_E_ARG if level is not between 0 and 1, EVTWIN_E_DATA without two batteries or if
 * every prediction is exact. */
evtwin_status evtwin__interval_calibrate(const double *prediction, const double *truth,
                                         const int32_t *battery, size_t n, double level,
                                         evtwin__interval *out);

/* The ends around a prediction, never below 0, as no predicted number is; NaN if it is. */
void evtwin__interval_around(const evtwin__interval *interval, evtwin_coverage coverage,
                             double prediction, double *low_out, double *high_out);

#endif
