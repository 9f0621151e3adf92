/* SPDX-License-Identifier: MIT */
/* learn/calibration.h: from a forest's probability of an event to one that keeps its word:
 * calibrated by battery on predictions of models that had not seen the battery. */
#ifndef EVTWIN_LEARN_CALIBRATION_H
#define EVTWIN_LEARN_CALIBRATION_H

#include "evtwin/base.h"

#include <math.h>
#include <stdint.h>

/* It takes so many batteries with the event, and as many with rows without it: outcomes, not rows.
 * Source: ten events for a fitted number, Peduzzi et al. 1996, doi:10.1016/S0895-4356(96)00236-3 */
enum { EVTWIN__CALIBRATION_ENOUGH = 10 };

/* What a slope may be: above 0, so that the order of predictions stays. */
#define EVTWIN__MIN_SLOPE 0.01
#define EVTWIN__MAX_SLOPE 100.0

/* The calibrated log-odds are slope * log-odds + offset. */
typedef struct evtwin__calibration {
    double slope, offset;       /* slope 0 = there is none: probabilities stay as they are */
    size_t n_batteries, n_rows; /* that it is made from */
    size_t n_with, n_without;   /* batteries with a row where the event is, and is not */
} evtwin__calibration;

static inline int evtwin__calibration_is_known(const evtwin__calibration *c) {
    return c->slope > 0.0;
}

/* Fit to n rows: probability by a model that had not seen the row's battery, truth (0 or 1),
 * battery (any numbers from 0; negative = the row is left out). Rows with a value that is not
 * finite are left out. A battery counts by its rows, up to twice a median one. With too few
 * batteries on one side out has their numbers and no slope. */
evtwin_status evtwin__calibration_fit(const double *probability, const double *truth,
                                      const int32_t *battery, size_t n, evtwin__calibration *out);

/* The calibrated probability; NaN if probability is, and probability itself without a calibration.
 */
double evtwin__calibrated(const evtwin__calibration *c, double probability);

/* The same of a forest's margin (log-odds). */
double evtwin__calibrated_margin(const evtwin__calibration *c, double margin);

#endif
