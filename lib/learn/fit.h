/* SPDX-License-Identifier: MIT */
/* learn/fit.h: what the files that fit models share: the jobs, and how far they are. */
#ifndef EVTWIN_LEARN_FIT_H
#define EVTWIN_LEARN_FIT_H

#include "learn/trainer.h"

#include <pthread.h>

/* One model to train: part >= 0 is held out, -1 means that the model learns from every row. */
typedef struct evtwin__fit_job {
    size_t t; /* of which target */
    int32_t part;
    int is_saved;
} evtwin__fit_job;

enum { EVTWIN__FIT_ERROR_SIZE = 1024 };

/* What the jobs share. */
typedef struct evtwin__fitting {
    evtwin_trainer *trainer;
    const evtwin__dataset *data;
    const char *stage;                               /* for the progress function */
    double *held[EVTWIN__T_COUNT][EVTWIN__N_SCORED]; /* columns of the held-out predictions */
    const char **feature_name;                       /* (model_cols) */
    evtwin__fit_job *list;
    size_t n_jobs;

    /* how far the jobs are, and whether the caller wants them to stop */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_rounds, n_rounds_in_all;
    int is_done, is_cancelled;
    evtwin_status status;
    char error[EVTWIN__FIT_ERROR_SIZE];
} evtwin__fitting;

/* fit.c: the table of a target's held-out predictions (evtwin_trainer_predictions), n rows that are
 * missing still. */
evtwin_status evtwin__make_held_table(const char *unit, size_t n, evtwin_table **out);

/* fit_model.c: the forests of a target: a probability has one. */
size_t evtwin__count_forests(const evtwin_trainer *trainer, size_t t);

/* Train job number item of a fitting, ctx, and predict what it holds out. */
evtwin_status evtwin__fit_model(void *ctx, size_t item);

#endif
