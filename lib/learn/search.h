/* SPDX-License-Identifier: MIT */
/* learn/search.h: what the files of a search share: the sets that are tried, and how one of them
 * does on one fold. */
#ifndef EVTWIN_LEARN_SEARCH_H
#define EVTWIN_LEARN_SEARCH_H

#include "learn/rounds.h"
#include "learn/trainer.h"

enum {
    EVTWIN__SEARCH_FOLDS = 5,
    EVTWIN__SEARCH_TREES = 1000, /* at most */
    /* so many trees without a smaller error end a forest: as XGBoost's early_stopping_rounds */
    EVTWIN__SEARCH_PATIENCE = 30
};

/* One set on one fold: the sum of squared errors of the held-out rows after each tree. */
typedef struct evtwin__errors {
    double *squares; /* owned, (n) */
    size_t n;
    size_t n_rows; /* that are held out */
} evtwin__errors;

/* search_sets.c: set i of a target: 0 is `as_is`, the others are drawn from the seed. Its trees are
 * the most that it may have. Where columns are not sampled it says nothing of column_sample. */
evtwin__growth evtwin__search_set(const evtwin__growth *as_is, uint64_t seed, size_t t, size_t i,
                                  int is_column_sampled);

/* search_sets.c: by the curves of its folds (n_folds), the number of trees with the least error and
 * that error. A forest that ended earlier counts as it ended. A set whose trees are fixed has all
 * of them. */
void evtwin__search_judge(const evtwin__errors *curve, size_t n_folds, int is_fixed,
                          evtwin__tried *set);

/* search_curve.c: grow the set's forests tree by tree without a part of the batteries, of a trainer
 * and data made for it. is_fixed: to the last of its trees. rounds hears of each. */
evtwin_status evtwin__search_curve(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t,
                                   int32_t part, const evtwin__growth *growth, int is_fixed,
                                   evtwin__rounds *rounds, evtwin__errors *out);

#endif
