/* SPDX-License-Identifier: MIT */
/* learn/split.h: which rows are held out: folds of groups, a fifth of the groups, or the last fifth
 * in time. */
#ifndef EVTWIN_LEARN_SPLIT_H
#define EVTWIN_LEARN_SPLIT_H

#include "core/schema.h"
#include "learn/trainer.h"

/* K folds of the rows row (n, those that have a target): groups by size descending, ties by name in
 * byte order, or with a seed in an order drawn from it; each to the lightest fold (the lowest of
 * equals). fold_of[k] = fold of row[k]. EVTWIN_E_DATA if there are fewer groups than folds. */
evtwin_status evtwin__split_folds(const evtwin__groups *groups, const size_t *row, size_t n,
                                  size_t n_folds, const uint64_t *seed, int32_t *fold_of);

/* The same of groups by name and size (both n_groups); a group of no rows is in no fold, -1. */
evtwin_status evtwin__deal_folds(const char *const *name, const size_t *size, size_t n_groups,
                                 size_t n_folds, const uint64_t *seed, int32_t *fold_of_group);

/* Rows that a group brings to each target, of an event by class (of a number all in the first); a
 * group that brings nothing takes no part. */
typedef struct evtwin__group_use {
    size_t n[EVTWIN__T_COUNT][2];
} evtwin__group_use;

/* Hold out a fifth of the groups that take part (rounded, at least one): the first n of a shuffle.
 * Of 100 shuffles of the seed it is the first that meets most of: each target has rows in both
 * parts, and an event, where it has both classes, has both in both parts. is_test[g]
 * (n_groups) = 0 or 1. At least two groups take part. */
evtwin_status evtwin__split_groups(const evtwin__group_use *use, size_t n_groups, uint64_t seed,
                                   uint8_t *is_test);

/* How many groups take part. */
size_t evtwin__count_users(const evtwin__group_use *use, size_t n_groups);

/* EVTWIN_E_DATA unless both parts of a target's rows are there, and what the saved classifier
 * learns from has both classes; n_positive: training rows with the event. */
evtwin_status evtwin__check_parts(const evtwin_target *target, const char *column,
                                  const char *split_by, size_t n_train, size_t n_test,
                                  size_t n_positive);

/* The twelfth of the year of a time. */
uint8_t evtwin__month_of(int64_t time_us);

/* The bundle's list of training batteries: those of names with is_training; none of too many. */
evtwin_status evtwin__list_batteries(evtwin__bundle *bundle, const evtwin__dict *names,
                                     const uint8_t *is_training);

#endif
