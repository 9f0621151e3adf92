/* SPDX-License-Identifier: MIT */
/* learn/score.h: how far predictions are from the truth, and whether that is better than chance. */
#ifndef EVTWIN_LEARN_SCORE_H
#define EVTWIN_LEARN_SCORE_H

#include "evtwin/target.h"
#include "evtwin/train.h"

enum { EVTWIN__N_SCORED = EVTWIN_SCORED_SINGLE + 1, EVTWIN__N_TARGET_KINDS = 2 };

/* One figure of a score: the one list for computing, reports and bundles. */
typedef struct evtwin__figure {
    evtwin_target_kind kind;
    evtwin_scored scored;
    const char *key;
    size_t at;       /* offset in evtwin_score */
    double min, max; /* what a bundle may hold */
    int may_be_unknown;
    int is_claim; /* made of all held-out rows together, not of a fold */
} evtwin__figure;

/* The figures of kind and scored in order: number i, NULL beyond the last. */
const evtwin__figure *evtwin__figure_at(evtwin_target_kind kind, evtwin_scored scored, size_t i);

double evtwin__figure_get(const evtwin__figure *figure, const evtwin_score *score);

/* Key of a baseline's figures in a report or bundle; NULL if that kind of target has none. */
const char *evtwin__baseline_key(evtwin_target_kind kind, evtwin_scored scored);

/* A score of which nothing is known. */
evtwin_score evtwin__score_unknown(void);

/* Fill in the figures of n predictions, NaN where undefined (all if n is 0 or a prediction is NaN).
 * Of numbers r2 (NaN if all truths are equal), rmse, mae. Of events, where truth is 0 or 1: auc (by
 * ranks; equal predictions share theirs) and average_precision (summed over the steps of recall,
 * equal predictions one step), both NaN if only one class is there; accuracy (of predicted > 0.5)
 * and brier. */
evtwin_status evtwin__score(evtwin_target_kind kind, const double *truth, const double *predicted,
                            size_t n, evtwin_score *out);

/* The 90 % interval of sum(a) / sum(b): sample n of the n blocks with replacement, 1000 times;
 * out = the 5 % and the 95 % quantile of the ratios. 0 / 0 is 1. More than 4096 blocks are first
 * added up into 4096 runs of neighbours. Depends on the seed and the sums only. n >= 1. Source:
 * Davison & Hinkley 1997, Bootstrap Methods and their Application, section 5.3 (percentiles) */
evtwin_status evtwin__bootstrap_ratio(const double *a, const double *b, size_t n, uint64_t seed,
                                      double out[2]);

#endif
