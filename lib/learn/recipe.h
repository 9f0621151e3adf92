/* SPDX-License-Identifier: MIT */
/* learn/recipe.h: how models are made: what they see, which forests, how these are grown. */
#ifndef EVTWIN_LEARN_RECIPE_H
#define EVTWIN_LEARN_RECIPE_H

#include "learn/baseline.h"
#include "learn/booster.h"
#include "learn/trainer.h"

enum { EVTWIN__MAX_FORESTS = 1 + EVTWIN__BUNDLE_MAX_FURTHER };

struct evtwin__recipe {
    const char *name;
    int has_past; /* features are of a battery's past */
    /* of a target that is a number: what each forest is trained on, see log_offset in bundle.h */
    size_t n_forests;
    double log_offset[EVTWIN__MAX_FORESTS];
    int trees, depth;                                  /* 0 = as the target has them by default */
    double learning_rate, subsample, min_child_weight; /* 0 = by default */
    double column_sample; /* of a tree, where there are many columns; 0 = all */
    /* A leaf also holds at least this share of a battery's mean number of rows: rows of one battery
     * say nearly the same, so where each has many, 20 rows say little. */
    double least_share;
};

/* NULL = the contract's. EVTWIN_E_NOT_FOUND naming those that there are. */
evtwin_status evtwin__recipe_find(const char *name, const evtwin__recipe **out);

/* NULL or "" = none. EVTWIN_E_ARG if one of the names is unknown, or the recipe sees no past. */
evtwin_status evtwin__recipe_check_derived(const evtwin__recipe *recipe, const char *names);

/* How the models are grown: the recipe's own trees, depth and learning rate where the caller left
 * the defaults. */
void evtwin__recipe_settle(const evtwin__recipe *recipe, double default_rate,
                           evtwin_trainer *trainer);

/* With fewer columns each tree sees all: of four, half is too little to see anything. */
enum { EVTWIN__MANY_COLUMNS = 10 };

/* A growth as the data allow it: of the part's training rows and n_further more, which keep a
 * forest of a number from learning them by heart; a tree may sample from so many columns. */
evtwin_status evtwin__recipe_restrain(const evtwin__recipe *recipe, const evtwin__part *part,
                                      size_t n_further, size_t cols,
                                      evtwin__booster_params *params);

/* What the models see: data->model_x and, in place of those that were read, the bundle's features
 * and scaler. group: the option of the training. */
evtwin_status evtwin__recipe_features(evtwin_trainer *trainer, const char *group,
                                      evtwin__dataset *data);

#endif
