/* SPDX-License-Identifier: MIT */
/* learn/score.h: how far predictions are from the truth. */
#ifndef EVTWIN_LEARN_SCORE_H
#define EVTWIN_LEARN_SCORE_H

#include "evtwin/base.h"

/* Of predictions of a number; NaN where undefined: r2 if all truths are equal, all if n is 0 or a
 * prediction is NaN. */
typedef struct evtwin__number_score {
    double r2, rmse, mae;
} evtwin__number_score;

evtwin__number_score evtwin__score_numbers(const double *truth, const double *predicted, size_t n);

/* Of predicted probabilities; truth is 0 or 1. NaN where undefined: auc and average_precision if
 * only one class is there, all if n is 0 or a prediction is NaN. */
typedef struct evtwin__class_score {
    double auc;               /* by ranks; equal predictions share theirs */
    double average_precision; /* precision summed over the steps of recall, equal predictions one
                                 step */
    double accuracy;          /* of predicted > 0.5 */
    double brier;
} evtwin__class_score;

evtwin_status evtwin__score_classes(const double *truth, const double *predicted, size_t n,
                                    evtwin__class_score *out);

#endif
