/* SPDX-License-Identifier: MIT */
/* learn/baseline.h: the simplest things a model must beat, each made from the training part alone.
 */
#ifndef EVTWIN_LEARN_BASELINE_H
#define EVTWIN_LEARN_BASELINE_H

#include "learn/peers.h"

#include <stdint.h>

/* One split of a target's rows. With peers these are the rows of this process; what is made of the
 * training part is made of that of all processes, and is the same in all. x is (…, cols) row-major
 * without NaN in these rows; y and group_of_row are indexed by row like x. */
typedef struct evtwin__part {
    const double *x;
    size_t cols;
    const double *y;
    const int32_t *group_of_row;
    size_t n_groups;
    const size_t *train; /* (n_train), n_train >= 1, ordered by group, then time */
    size_t n_train;
    const size_t *test; /* (n_test) */
    size_t n_test;
    const evtwin_peers *peers; /* NULL = alone */
} evtwin__part;

/* Mean of y over the training rows. */
evtwin_status evtwin__baseline_mean(const evtwin__part *part, double *out);

/* The mean-life baseline: predicted (n_test) = mean life of the training groups - cycles so far;
 * the life of a group is the mean of y + cycles over its training rows. cycles is indexed by row;
 * where it is NaN so is the prediction. */
evtwin_status evtwin__baseline_mean_life(const evtwin__part *part, const double *cycles,
                                         double *predicted);

/* The best one-feature model: each feature is cut into at most 64 bins of equal count, a bin
 * predicts the mean y of its training rows. The feature is the one with the least squared error in
 * an inner five-fold test: whole groups where there are five, else five runs of neighbouring rows.
 */
evtwin_status evtwin__baseline_single(const evtwin__part *part, size_t *feature_out,
                                      double *predicted);

/* ---- its parts, for rows that are not in memory ---- */

enum { EVTWIN__MAX_BINS = 64 };

/* Bins of one feature: bin b holds values up to edge[b], the last one all above. */
typedef struct evtwin__bins {
    size_t n;
    double edge[EVTWIN__MAX_BINS];
    double mean[EVTWIN__MAX_BINS];
} evtwin__bins;

/* A feature v and y of the training rows (n >= 1) and their inner folds; scratch is (n). Gives back
 * the squared error of the inner test. */
double evtwin__bins_fit(const double *v, const double *y, const uint8_t *fold_of, size_t n,
                        double *scratch, evtwin__bins *out);
double evtwin__bins_at(const evtwin__bins *bins, double v);

/* The inner fold of training row k of n, which is of group (from 1, in order of appearance) of
 * n_groups. */
uint8_t evtwin__inner_fold(size_t n_groups, size_t group, size_t k, size_t n);

#endif
