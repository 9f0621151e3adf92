/* SPDX-License-Identifier: MIT */
/* learn/rounds.c: see rounds.h. */

#include "learn/rounds.h"

#include "core/status.h"

#include <stdio.h>

static double share_done(const evtwin__rounds *r) {
    return (double)r->n_done / (double)r->n_in_all;
}

/* Whether the caller of any process wants to stop, or a process is lost: then status says so. */
static int add_together(evtwin__rounds *r, size_t n) {
    const evtwin_train_options *o = r->options;
    r->n_done += n;
    double stop = o->progress != NULL && o->progress(o->progress_ctx, r->stage, share_done(r)) != 0;
    const evtwin_status st = evtwin__peers_reduce(r->peers, EVTWIN__PEERS_MAX, &stop, 1);
    if (st < 0) {
        r->status = st;
        snprintf(r->error, sizeof r->error, "%s", evtwin_last_error());
    }
    r->is_cancelled = st < 0 || stop > 0.0;
    return r->is_cancelled;
}

int evtwin__rounds_add(evtwin__rounds *r, size_t n) {
    if (r->peers != NULL) {
        return add_together(r, n);
    }
    pthread_mutex_lock(&r->lock);
    r->n_done += n;
    const int is_cancelled = r->is_cancelled;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return is_cancelled;
}

static void *run_jobs(void *arg) {
    evtwin__rounds *r = arg;
    const evtwin_status st = evtwin__parallel_for(r->options->n_threads, r->n_jobs, r->job, r->ctx);
    pthread_mutex_lock(&r->lock);
    r->status = st;
    snprintf(r->error, sizeof r->error, "%s", evtwin_last_error());
    r->is_done = 1;
    pthread_cond_signal(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Report every step until the jobs are done; after the caller has asked to stop, only wait. */
static void watch_jobs(evtwin__rounds *r) {
    const evtwin_train_options *o = r->options;
    size_t reported = SIZE_MAX;
    pthread_mutex_lock(&r->lock);
    while (!r->is_done) {
        if (r->n_done == reported || r->is_cancelled) {
            pthread_cond_wait(&r->changed, &r->lock);
            continue;
        }
        reported = r->n_done;
        pthread_mutex_unlock(&r->lock);
        const double done = (double)reported / (double)r->n_in_all;
        const int stop = o->progress(o->progress_ctx, r->stage, done);
        pthread_mutex_lock(&r->lock);
        r->is_cancelled = stop != 0;
    }
    pthread_mutex_unlock(&r->lock);
}

static evtwin_status run_together(evtwin__rounds *r) {
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < r->n_jobs && st >= 0; i++) {
        st = r->job(r->ctx, i);
    }
    EVTWIN_FAIL_IF(r->status < 0, r->status, "%s", r->error);
    return st;
}

evtwin_status evtwin__rounds_run(evtwin__rounds *r, const evtwin_peers *peers,
                                 const evtwin_train_options *options, const char *stage,
                                 size_t n_rounds, size_t n_jobs, evtwin__work_fn job, void *ctx) {
    *r = (evtwin__rounds){.peers = peers,
                          .options = options,
                          .stage = stage,
                          .n_jobs = n_jobs,
                          .job = job,
                          .ctx = ctx,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER,
                          .n_in_all = n_rounds > 0 ? n_rounds : 1};
    if (peers != NULL) {
        pthread_mutex_destroy(&r->lock);
        pthread_cond_destroy(&r->changed);
        return run_together(r);
    }
    pthread_t runner;
    if (options->progress != NULL && pthread_create(&runner, NULL, run_jobs, r) == 0) {
        watch_jobs(r);
        pthread_join(runner, NULL);
    } else {
        run_jobs(r);
    }
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->changed);
    EVTWIN_FAIL_IF(r->is_cancelled, EVTWIN_E_CANCELLED, "training was stopped by its caller");
    EVTWIN_FAIL_IF(r->status < 0, r->status, "%s", r->error);
    return EVTWIN_OK;
}
