/* SPDX-License-Identifier: MIT */
/* learn/trainer.h: what the steps of a training share: the data set, the results, the steps. */
#ifndef EVTWIN_LEARN_TRAINER_H
#define EVTWIN_LEARN_TRAINER_H

#include "core/json.h"
#include "learn/booster.h"
#include "learn/bundle.h"
#include "learn/group.h"
#include "learn/peers.h"

/* Fewer held-out blocks are weak evidence at the one-sided 5 % of the bootstrap's bound: if all n
 * independent blocks favour a model that knows nothing, that is a chance of 2^-n, and 2^-4 is above
 * 5 %. Of batteries two are taken all the same, with a warning; days and runs of rows of one
 * battery depend on each other, so fewer of them count for nothing. */
enum { EVTWIN__ENOUGH_BLOCKS = 5, EVTWIN__MIN_GROUPS = 2 };

/* ---- the data set: lives while evtwin_train runs ---- */

enum { EVTWIN__LEFT_OUT = -2 };

/* The label of a target, and the rows that can be used for it. */
typedef struct evtwin__label {
    int is_present;
    const char *column; /* borrowed from the table */
    const char *unit;   /* static or borrowed */
    double *y;          /* (rows), NaN where missing */
    size_t *row; /* (n) usable rows by group, then time: label, group and all features known */
    size_t n;
    int32_t *part; /* (n) the fold in which the row is held out (a single hold-out is fold 0); -1 =
                      never, and learned from; EVTWIN__LEFT_OUT = neither */
    size_t n_parts;
    /* rows left out, counted once each in this order */
    size_t n_no_label, n_no_group, n_no_feature;
    size_t n_positive;                        /* usable rows that are not 0 */
    size_t n_groups_used, n_groups_without;   /* groups with and without a usable row */
    size_t n_elsewhere, n_positive_elsewhere; /* the same of processes that train with this one */
} evtwin__label;

typedef struct evtwin__dataset {
    const evtwin_table *table;
    int is_piece;      /* some batteries of many: whether that is enough is not for it to say */
    size_t rows, cols; /* cols = number of features */
    double *x;         /* (rows, cols) in our units, filled forward */
    evtwin__groups groups;
    evtwin__label label[EVTWIN__T_COUNT];
    /* what the models see, (rows, model_cols): x itself, or with each battery's past */
    double *model_x;
    size_t model_cols;
    double *cut_x;   /* the same if the battery was first met in mid-life; NULL if x has no past */
    uint8_t *is_cut; /* (rows) cut_x has the row */
    const char *cycles_column; /* column of cycles so far; NULL if there is none */
    double *cycles;            /* (rows), filled forward; NULL if there is none */
    /* times of a target's held-out rows, in their order, where there is no table; NULL = not known
     */
    const int64_t *held_us;
} evtwin__dataset;

/* ---- results: live as long as the trainer ---- */

/* Columns of the held-out predictions, in order (evtwin_trainer_predictions). */
enum {
    EVTWIN__HELD_ROW,
    EVTWIN__HELD_GROUP,
    EVTWIN__HELD_FOLD,
    EVTWIN__HELD_TRUTH,
    EVTWIN__HELD_SCORED, /* the model's, then the baselines' by evtwin_scored */
    EVTWIN__N_HELD = EVTWIN__HELD_SCORED + EVTWIN__N_SCORED
};

/* One set of parameters that a search has tried. */
typedef struct evtwin__tried {
    evtwin__growth growth; /* trees: as many as were best */
    double error; /* RMSE of a number, root of the Brier score of a probability, by folds */
} evtwin__tried;

typedef struct evtwin__searched {
    evtwin__tried *set; /* (n); set 0 is what would have been without a search */
    size_t n, best, n_folds;
} evtwin__searched;

/* A metric of one round of a saved forest, see evtwin_trainer_rounds. */
typedef struct evtwin__round {
    int forest, round;
    const char *metric; /* static */
    double train, held_out;
} evtwin__round;

/* What is known of a target beside its model in the bundle. */
typedef struct evtwin__result {
    double *importance;     /* (features) */
    evtwin_table *held_out; /* by group, then time */
    double *low, *high; /* (rows of held_out) ends of a number's interval, made without the row */
    double raw_brier;   /* before the calibration; NaN without one */
    size_t *single_feature;                 /* (parts) the one-feature baseline's choice */
    evtwin_score (*fold)[EVTWIN__N_SCORED]; /* (n_folds); none for a hold-out */
    size_t n_folds;
    evtwin_score *repeat; /* (n_repeats) the model's, by assignment to folds; none for 0 */
    size_t n_repeats;
    evtwin__searched search;     /* of the model that is saved; n = 0: none */
    evtwin__growth *fold_growth; /* (parts) what a search within the others gave; NULL: none */
    int score_is_known;          /* R2 (AUC) could be made of what is held out */
    int can_be_judged;           /* enough was held out to judge */
    int beats_chance; /* it is, of enough blocks, and the bootstrap's bound is above zero */
    size_t n_blocks;  /* held-out units that stand for themselves */
    int block_is_group;
    const char *block_name; /* what was sampled: "groups", "days", "runs of rows", "rows" */
    evtwin__booster_params params[1 + EVTWIN__BUNDLE_MAX_FURTHER]; /* of the saved forests */
    evtwin__round *rounds; /* (n_rounds) of the saved forests; NULL if they were not kept */
    size_t n_rounds, rounds_capacity;
} evtwin__result;

/* A column of numbers of the held-out predictions. */
static inline const double *evtwin__held(const evtwin__result *result, size_t col) {
    return evtwin_table_f64(result->held_out, col);
}

/* What a reader of the scores should know. */
typedef struct evtwin__finding {
    const char *cause;    /* static */
    const char *about;    /* static */
    const char *severity; /* static: "info", "warning", "error" (it refuses the data) */
    int is_allowed;       /* it would be an error, but options.allow names its cause */
    char *text;           /* owned, one sentence */
    const char *column;   /* kept by the bundle, like advice; NULL = none */
    const char *advice;   /* what to do; "" = nothing */
} evtwin__finding;

void evtwin__result_clear(evtwin__result *result);
typedef struct evtwin__recipe evtwin__recipe;

struct evtwin_trainer {
    const evtwin_peers *peers;              /* while it trains with others; NULL = alone */
    size_t rank, n_processes;               /* it was trained as process rank of so many */
    evtwin_train_options options;           /* its strings are NULL */
    const evtwin__recipe *recipe;           /* static */
    const char *allow;                      /* causes, comma-separated; kept by the bundle */
    const char *derive;                     /* derived quantities asked for; the bundle keeps it */
    evtwin_target target[EVTWIN__T_COUNT];  /* as asked for; column is NULL */
    evtwin__growth growth[EVTWIN__T_COUNT]; /* how the models that are saved are grown */
    evtwin__bundle bundle;                  /* what is saved, and the scores */
    evtwin_clean_report *clean;             /* (features) what cleaning saw */
    const char *split_by;                   /* "battery", "group", "time" */
    evtwin__result result[EVTWIN__T_COUNT];
    evtwin__finding *finding; /* (n_findings) */
    size_t n_findings, findings_capacity;
    char *json;
};

/* How a target's model is grown that does not see this part; -1 = the one that is saved. */
static inline const evtwin__growth *evtwin__growth_of(const evtwin_trainer *trainer, size_t t,
                                                      int32_t part) {
    const evtwin__growth *of_fold = trainer->result[t].fold_growth;
    return part >= 0 && of_fold != NULL ? &of_fold[part] : &trainer->growth[t];
}

/* The number of a target that was trained; EVTWIN_E_NOT_FOUND if it was not. */
evtwin_status evtwin__trained_target(const evtwin_trainer *trainer, const char *target,
                                     size_t *t_out);

/* ---- before the training: trainer.c ---- */

/* Take the options, load the table (data->table is set), split it, look at it: what evtwin_train
 * does before it fits. *out is set after success only, and data is to be cleared in any case. */
evtwin_status evtwin__trainer_prepare(const evtwin_target *targets, size_t n_targets,
                                      const evtwin_train_options *options, evtwin__dataset *data,
                                      evtwin_trainer **out);

/* Its parts, and those of evtwin_train: for evtwin_train_csv (pieces.c). */

/* Options (with their defaults filled in, *options_out) and targets, checked; column[t] as in
 * evtwin__dataset_load. */
evtwin_status evtwin__trainer_begin(const evtwin_target *targets, size_t n_targets,
                                    const evtwin_train_options *options,
                                    evtwin_train_options *options_out,
                                    const char *column[EVTWIN__T_COUNT], evtwin_trainer **out);
/* EVTWIN_E_DATA if a finding refuses the data. */
evtwin_status evtwin__trainer_refuse(const evtwin_trainer *trainer);
/* EVTWIN_E_CANCELLED if the caller wants to stop. */
evtwin_status evtwin__trainer_report(const evtwin_trainer *trainer, const char *what, double done);
/* How the models came to be, for the manifest. */
evtwin_status evtwin__describe_models(evtwin_trainer *trainer);

/* ---- steps of evtwin_train, in order ---- */

/* dataset.c: find columns, compute and clean the features, pick the rows of each target. column[t]
 * is a name, NULL to look for one, "none" to leave the target out. data has its table, and is to be
 * cleared after a failure too. */
evtwin_status evtwin__dataset_load(const evtwin_train_options *options,
                                   const char *const column[EVTWIN__T_COUNT],
                                   evtwin_trainer *trainer, evtwin__dataset *data);
void evtwin__dataset_clear(evtwin__dataset *data);

/* Its parts, for a data set that is read in pieces (pieces.h). EVTWIN_E_DATA if a label of whose
 * usable rows the first is `first`, and all are equal or not, cannot be learned. */
evtwin_status evtwin__label_check(const evtwin_target *target, const evtwin__label *label,
                                  double first, int is_constant, int is_constant_float);
/* Widen a span (first INT64_MAX, last INT64_MIN) by the times of a data set. */
void evtwin__dataset_span(const evtwin__dataset *data, int64_t *first_us, int64_t *last_us);
/* What was trained from, for the manifest. */
evtwin_status evtwin__describe_source(evtwin__bundle *bundle, size_t rows, size_t n_groups,
                                      int64_t first_us, int64_t last_us);

/* How the options leave a target out, in the words of error texts (findings.def). */
const char *evtwin__target_option(const evtwin_target *target);

/* split.c: say which rows are held out in which fold, fit the scaler of the models that are saved,
 * and list the batteries that they learn from. */
evtwin_status evtwin__dataset_split(evtwin_trainer *trainer, evtwin__dataset *data);

/* search.c: with n_tune, choose how the models are grown: for the one that is saved and for that of
 * each fold, each by batteries that it learns from alone. */
evtwin_status evtwin__search(evtwin_trainer *trainer, const evtwin__dataset *data);

/* held_out.c: the table of a target's held-out predictions (evtwin_trainer_predictions), n
 * rows that are missing still. */
evtwin_status evtwin__make_held_table(const char *unit, size_t n, evtwin_table **out);

/* fit.c: train all models side by side: those of the bundle, importances, held-out predictions.
 * stage is what the progress function hears; is_saved 0 = held-out predictions only. */
evtwin_status evtwin__fit(evtwin_trainer *trainer, const evtwin__dataset *data, const char *stage,
                          int is_saved);

/* calibrate.c: the intervals of numbers and the calibrations of probabilities. With folds from all
 * batteries, each predicted by a model that had not seen it; with a hold-out the same within the
 * training part, so that neither the saved model nor the batteries that score it have a part in it.
 * The held-out probabilities are calibrated then: with folds, those of each by the other folds. A
 * single series has neither. */
evtwin_status evtwin__calibrate(evtwin_trainer *trainer, const evtwin__dataset *data);

/* Its parts, for predictions that were made in pieces: model's interval or calibration from n rows
 * of batteries that the predicting model had not seen; and what these make of the held-out ones. */
evtwin_status evtwin__calibrate_from(evtwin_target_kind kind, const double *predicted,
                                     const double *truth, const int32_t *battery, size_t n,
                                     evtwin__bundle_model *model);
evtwin_status evtwin__calibrate_held_out(evtwin_target_kind kind, evtwin__result *result,
                                         const evtwin__bundle_model *model);
/* Folds of how many batteries, of which so many show the event and so many rows without it; 0 = too
 * few to calibrate. */
size_t evtwin__calibration_folds(evtwin_target_kind kind, size_t n, size_t n_with,
                                 size_t n_without);

/* repeat.c: score n_repeats assignments of batteries to folds, of which the first is there. */
evtwin_status evtwin__repeat(evtwin_trainer *trainer, const evtwin__dataset *data);

/* evaluate.c: score a target's held-out predictions, whole and by fold, and make the claims. */
evtwin_status evtwin__evaluate(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t);

/* claim.c: is what was scored better than chance and than the best baseline, and how sure is that?
 * Into the result and the model's score. The best baseline is that of the least RMSE (Brier). */
evtwin_status evtwin__claim(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t);
evtwin_scored evtwin__best_baseline(evtwin_target_kind kind,
                                    const evtwin_score score[EVTWIN__N_SCORED]);

/* reliability.c: mean over batteries of the share of the held-out rows that their intervals have;
 * NaN without intervals. And evtwin_trainer_reliability as JSON; NULL if memory runs out. */
double evtwin__coverage(const evtwin__result *result);
json_t *evtwin__reliability_json(const evtwin_trainer *trainer, const char *target);

/* findings.c, audit.c: add to the findings what a reader should know, about a target that has no
 * column (named so or so), the data, what is wrong with it, the scores. */
evtwin_status evtwin__find_absent(evtwin_trainer *trainer, size_t t, const char *name,
                                  const char *other);
evtwin_status evtwin__find_in_data(evtwin_trainer *trainer, const evtwin__dataset *data);
/* Its parts, of a data set that is not in memory: what it counts, and batteries of one row (the
 * first of them). */
evtwin_status evtwin__find_in_counts(evtwin_trainer *trainer, const evtwin__dataset *data);
evtwin_status evtwin__find_one_row_groups(evtwin_trainer *trainer, size_t n, size_t n_groups,
                                          const char *first);
evtwin_status evtwin__find_cleaned(evtwin_trainer *trainer, size_t cols);
evtwin_status evtwin__audit_data(evtwin_trainer *trainer, const evtwin__dataset *data);
evtwin_status evtwin__find_in_scores(evtwin_trainer *trainer, const evtwin__dataset *data);

#endif
