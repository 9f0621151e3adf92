/* SPDX-License-Identifier: MIT */
/* stream/pump_probe.c: can a sink be reached? Asked on a thread, so that nothing waits for a server
 * that does not answer. */

#include "stream/pump_probe.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/pacing.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { PROBE_MS = 5000 };

struct evtwin__probe {
    evtwin_sink *sink;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int is_over;
    evtwin_status status;
    char reason[1024];
};

static void *run(void *ctx) {
    evtwin__probe *p = ctx;
    p->status = evtwin_sink_check(p->sink, PROBE_MS);
    snprintf(p->reason, sizeof p->reason, "%s", p->status < 0 ? evtwin_last_error() : "");
    pthread_mutex_lock(&p->lock);
    p->is_over = 1;
    pthread_cond_signal(&p->ended);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Signals are for the program's own threads. */
static int start_thread(evtwin__probe *p) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void release(evtwin__probe *p) {
    pthread_cond_destroy(&p->ended);
    pthread_mutex_destroy(&p->lock);
    evtwin__free(p);
}

evtwin_status evtwin__probe_start(evtwin_sink *sink, evtwin__probe **out) {
    evtwin__probe *p = evtwin__calloc(1, sizeof *p);
    EVTWIN_FAIL_IF(p == NULL, EVTWIN_E_NOMEM, "out of memory to look for a sink");
    p->sink = sink;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&p->lock, NULL);
    const int error = start_thread(p);
    if (error != 0) {
        release(p);
        EVTWIN_FAIL(EVTWIN_E_EXTERNAL, "cannot start a thread: %s", strerror(error));
    }
    *out = p;
    return EVTWIN_OK;
}

static int is_over_within(evtwin__probe *p, double seconds) {
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double end_s = (double)end.tv_sec + 1e-9 * (double)end.tv_nsec + seconds;
    end.tv_sec = (time_t)end_s;
    end.tv_nsec = (long)(1e9 * (end_s - floor(end_s)));
    int error = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->is_over && error == 0) {
        error = pthread_cond_timedwait(&p->ended, &p->lock, &end);
    }
    const int is_over = p->is_over;
    pthread_mutex_unlock(&p->lock);
    return is_over;
}

evtwin_status evtwin__probe_end(evtwin__probe **probe, double patience_s) {
    evtwin__probe *p = *probe;
    if (!isinf(patience_s) && !is_over_within(p, patience_s)) {
        return EVTWIN_DONE;
    }
    pthread_join(p->thread, NULL);
    const evtwin_status st = p->status;
    char reason[sizeof p->reason];
    memcpy(reason, p->reason, sizeof reason);
    release(p);
    *probe = NULL;
    EVTWIN_FAIL_IF(st < 0, st, "%s", reason);
    return EVTWIN_OK;
}
