/* SPDX-License-Identifier: MIT */
/* learn/fit.h: what the files that fit models share: the jobs, and how far they are. */
#ifndef EVTWIN_LEARN_FIT_H
#define EVTWIN_LEARN_FIT_H

#include "learn/rounds.h"
#include "learn/trainer.h"

/* One model to train: part >= 0 is held out, -1 means that the model learns from every row. */
typedef struct evtwin__fit_job {
    size_t t; /* of which target */
    int32_t part;
    int is_saved;
} evtwin__fit_job;

/* What the jobs share. */
typedef struct evtwin__fitting {
    evtwin_trainer *trainer;
    const evtwin__dataset *data;
    double *held[EVTWIN__T_COUNT][EVTWIN__N_SCORED]; /* columns of the held-out predictions */
    evtwin__fit_job *list;
    size_t n_jobs;
    evtwin__rounds rounds;
} evtwin__fitting;

/* fit_model.c: what XGBoost was asked for goes to the model that is saved. */
void evtwin__describe_growth(const evtwin__booster_params *params, evtwin__bundle_model *saved);

/* A saved forest that is watched: room for n_rounds metrics, so that keeping one cannot fail.
 * evtwin__keep_round is a evtwin__booster_metric_fn of it. */
typedef struct evtwin__watched {
    evtwin__result *result;
    int forest;
} evtwin__watched;
evtwin_status evtwin__rounds_reserve(evtwin__result *result, size_t n_trees);
void evtwin__keep_round(void *ctx, int round, const char *name, double train, double held_out);

/* Train job number item of a fitting, ctx, and predict what it holds out. */
evtwin_status evtwin__fit_model(void *ctx, size_t item);

#endif
