/* SPDX-License-Identifier: MIT */
/* learn/fit_work.h: one model at work: which rows it learns from and which are held out from it, in
 * the form that XGBoost takes. */
#ifndef EVTWIN_LEARN_FIT_WORK_H
#define EVTWIN_LEARN_FIT_WORK_H

#include "learn/baseline.h"
#include "learn/recipe.h"
#include "learn/scaler.h"
#include "learn/trainer.h"

/* What is trained: part >= 0 is held out, -1 means that the model learns from every row. */
typedef struct evtwin__work {
    evtwin_trainer *trainer;
    const evtwin__dataset *data;
    size_t t; /* of which target */
    int32_t part_no;
    const evtwin_target *target;
    evtwin__growth growth;
    evtwin__part part;
    size_t *row;   /* owned: the part's rows, then place, then cut */
    size_t *place; /* (n_test) rows of the held-out predictions */
    size_t *cut;   /* (n_cut) training rows that are learned from once more, as met in mid-life */
    size_t n_cut;
    size_t n_forests;
    const char **feature_name; /* (model_cols) */
    evtwin__scaler own_scaler;
    const evtwin__scaler *scaler; /* the trainer's for a model that is saved */
    float *x;                     /* (max(n_train + n_cut, n_test), model_cols) */
    float *y;
    double *predicted; /* (n_test) */
} evtwin__work;

/* Memory, rows and scaler. To be cleared after a failure too. */
evtwin_status evtwin__work_begin(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t,
                                 int32_t part, int is_saved, evtwin__work *w);
void evtwin__work_clear(evtwin__work *w);

/* The forests of a target: a probability has one. */
size_t evtwin__count_forests(const evtwin_trainer *trainer, size_t t);

/* The training rows (n_train + n_cut), scaled, into w->x. */
void evtwin__work_take_train(evtwin__work *w);

/* The held-out rows (n_test, model_cols), scaled, into x. */
void evtwin__work_take_test(evtwin__work *w, float *x);

/* What forest k is to say of these rows (n), into y. */
void evtwin__work_labels(const evtwin__work *w, size_t k, const size_t *row, size_t n, float *y);

/* Does a tree see a sample of the columns (growth.column_sample), or all? */
int evtwin__is_column_sampled(const evtwin_trainer *trainer);

/* What forest k is grown with: its labels go to w->y, and the rows are those of w->x. The
 * parameters are of the rows of all processes. */
evtwin_status evtwin__work_forest(evtwin__work *w, size_t k, evtwin__booster_params *params,
                                  evtwin__booster_data *data);

#endif
