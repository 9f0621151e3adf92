/* SPDX-License-Identifier: MIT */
/* learn/trainer.h: what the trainer's files share: the data set, the targets, the results. */
#ifndef EVTWIN_LEARN_TRAINER_H
#define EVTWIN_LEARN_TRAINER_H

#include "evtwin/features.h"
#include "evtwin/train.h"
#include "learn/booster.h"
#include "learn/findings.h"
#include "learn/group.h"
#include "learn/scaler.h"
#include "learn/score.h"

/* Fewer held-out blocks are weak evidence at the one-sided 5 % of the bootstrap's bound: if all n
 * independent blocks favour a model that knows nothing, that is a chance of 2^-n, and 2^-4 is above
 * 5 %. Of batteries two are taken all the same, with a warning; days and runs of rows of one
 * battery depend on each other, so fewer of them count for nothing. */
enum { EVTWIN__ENOUGH_BLOCKS = 5, EVTWIN__MIN_GROUPS = 2 };

/* The two things that are learned. */
enum { EVTWIN__RUL = 0, EVTWIN__FAILURE = 1, EVTWIN__N_TARGETS = 2 };

/* ---- the data set: lives while evtwin_train runs ---- */

/* A target and the rows that can be used for it. */
typedef struct evtwin__target {
    int present;
    const char *column; /* borrowed from the table */
    const char *unit;   /* static or borrowed */
    double *y;          /* (rows), NaN where missing */
    size_t *row; /* (n) usable rows by group, then time: target, group and all features known */
    size_t n;
    int32_t *part; /* (n) the fold in which the row is held out (a single hold-out is fold 0); -1 =
                      never */
    size_t n_parts;
    size_t n_no_target, n_no_group,
        n_no_feature;                       /* rows left out, counted once each in this order */
    size_t n_groups_used, n_groups_without; /* groups with and without a usable row */
} evtwin__target;

typedef struct evtwin__dataset {
    const evtwin_table *table;
    size_t rows, cols; /* cols = number of features */
    double *x;         /* (rows, cols) in our units, filled forward */
    evtwin__groups groups;
    evtwin__target target[EVTWIN__N_TARGETS];
    const char *cycles_column; /* column of cycles so far; NULL if there is none */
    double *cycles;            /* (rows), filled forward; NULL if there is none */
} evtwin__dataset;

/* ---- results: live as long as the trainer ---- */

/* Where a feature came from in the training table, and what cleaning saw. */
typedef struct evtwin__feature_origin {
    char *column, *unit;
    evtwin_clean_report clean;
    double min, max; /* over the training rows */
} evtwin__feature_origin;

/* Scores of one fold; a failure model has the class scores, a RUL model the others. */
typedef struct evtwin__fold {
    size_t n_test;
    evtwin__number_score number;
    evtwin__class_score classes;
} evtwin__fold;

typedef struct evtwin__result {
    int present;
    char *column, *unit;         /* of the target */
    evtwin__booster_model model; /* the one that is saved */
    double base_score;
    evtwin_rul_score rul;         /* of the RUL model */
    evtwin_failure_score failure; /* of the failure model */
    evtwin__fold *fold;           /* (n_folds); one for a hold-out */
    size_t n_folds;
    int score_is_known;     /* R2 (AUC) could be made of what is held out */
    int can_be_told;        /* enough was held out to judge */
    int beats_chance;       /* it is, of enough blocks, and the bootstrap's bound is above zero */
    size_t n_blocks;        /* held-out units that stand for themselves */
    const char *block_name; /* what the bootstrap drew: "groups", "days", "runs of rows", "rows" */
} evtwin__result;

struct evtwin_trainer {
    evtwin_train_options options; /* its texts are NULL: see below */
    char *source_name;
    evtwin_features *features;
    evtwin__feature_origin *origin; /* (features) */
    size_t rows, n_groups;
    const char *split_by; /* "battery", "group", "time" */
    int has_span;
    int64_t first_us, last_us;
    evtwin__scaler scaler;
    evtwin__result result[EVTWIN__N_TARGETS];
    evtwin__findings findings;
    char *json;
};

/* ---- steps of evtwin_train, in order ---- */

/* Find columns, compute and clean the features, pick the rows of each target. Texts of options may
 * be NULL. Findings about the data go to the trainer's list. */
evtwin_status evtwin__dataset_load(const evtwin_table *table, const evtwin_train_options *options,
                                   evtwin_trainer *trainer, evtwin__dataset *out);
void evtwin__dataset_clear(evtwin__dataset *data);

/* Say which rows are held out in which fold, and fit the scaler of the models that are saved. */
evtwin_status evtwin__trainer_split(evtwin_trainer *trainer, evtwin__dataset *data);

/* Held-out predictions of one target, aligned with its rows; NaN where the row is never held out.
 */
typedef struct evtwin__predictions {
    double *model, *mean, *countdown, *single; /* (n) */
    size_t *single_feature;                    /* (n_parts) */
} evtwin__predictions;

/* Train all models side by side; fills the models of the results and the predictions (zeroed
 * before, cleared by the caller also on failure). */
evtwin_status evtwin__trainer_fit(evtwin_trainer *trainer, const evtwin__dataset *data,
                                  evtwin__predictions predictions[EVTWIN__N_TARGETS]);
void evtwin__predictions_clear(evtwin__predictions *p);

/* Score a target's predictions, whole and by fold, and test them against chance. */
evtwin_status evtwin__trainer_score(evtwin_trainer *trainer, const evtwin__dataset *data, int which,
                                    const evtwin__predictions *p);

/* Findings about the data, and about the scores. */
evtwin_status evtwin__note_data(evtwin_trainer *trainer, const evtwin__dataset *data);
evtwin_status evtwin__note_scores(evtwin_trainer *trainer, const evtwin__dataset *data);

#endif
