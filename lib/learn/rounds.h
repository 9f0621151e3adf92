/* SPDX-License-Identifier: MIT */
/* learn/rounds.h: jobs that grow trees side by side: how far they are, and whether the caller wants
 * them to stop. */
#ifndef EVTWIN_LEARN_ROUNDS_H
#define EVTWIN_LEARN_ROUNDS_H

#include "core/parallel.h"
#include "evtwin/train.h"
#include "learn/peers.h"

#include <pthread.h>

enum { EVTWIN__ROUNDS_ERROR_SIZE = 1024 };

/* A round is one tree. Its members are rounds.c's. */
typedef struct evtwin__rounds {
    const evtwin_peers *peers;
    const evtwin_train_options *options; /* threads, the progress function */
    const char *stage;                   /* what the progress function hears */
    size_t n_jobs;
    evtwin__work_fn job;
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_done, n_in_all;
    int is_done, is_cancelled;
    evtwin_status status;
    char error[EVTWIN__ROUNDS_ERROR_SIZE];
} evtwin__rounds;

/* Run job(ctx, 0 … n_jobs - 1), of n_rounds in all, and report each round. With a progress function
 * the jobs run beside the caller's thread, which alone calls it and so can stop them at any time.
 * With peers they run one after the other in the caller's thread, as they do in all processes, and
 * stop in all at the same round if one caller wants it.
 * EVTWIN_E_CANCELLED if it did, or what the lowest job that failed says. */
evtwin_status evtwin__rounds_run(evtwin__rounds *r, const evtwin_peers *peers,
                                 const evtwin_train_options *options, const char *stage,
                                 size_t n_rounds, size_t n_jobs, evtwin__work_fn job, void *ctx);

/* Called by a job: n rounds are done, or will not be needed. Non-zero = stop. */
int evtwin__rounds_add(evtwin__rounds *r, size_t n);

#endif
