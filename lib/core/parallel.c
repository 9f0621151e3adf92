/* SPDX-License-Identifier: MIT */
/* core/parallel.c: threads that take the next piece of work until none is left. */

#include "core/parallel.h"

#include "core/mem.h"
#include "core/status.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { MAX_THREADS = 256, ERROR_SIZE = 1024 };

typedef struct job {
    evtwin__work_fn fn;
    void *ctx;
    size_t n_items;
    atomic_size_t next;
    atomic_int stop;

    /* the failure of the lowest item so far */
    pthread_mutex_t lock;
    size_t failed_item;
    evtwin_status status;
    char error[ERROR_SIZE];
} job;

static void record_failure(job *j, size_t item, evtwin_status status) {
    pthread_mutex_lock(&j->lock);
    if (j->status == EVTWIN_OK || item < j->failed_item) {
        j->failed_item = item;
        j->status = status;
        snprintf(j->error, sizeof j->error, "%s", evtwin_last_error());
    }
    pthread_mutex_unlock(&j->lock);
    atomic_store(&j->stop, 1);
}

static void *work(void *arg) {
    job *j = arg;
    while (!atomic_load(&j->stop)) {
        const size_t item = atomic_fetch_add(&j->next, 1);
        if (item >= j->n_items) {
            break;
        }
        const evtwin_status st = j->fn(j->ctx, item);
        if (st < 0) {
            record_failure(j, item, st);
        }
    }
    return NULL;
}

int evtwin__core_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    const int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

evtwin_status evtwin__parallel_for(int n_threads, size_t n_items, evtwin__work_fn fn, void *ctx) {
    size_t n = (size_t)(n_threads > 0 ? n_threads : evtwin__core_count());
    n = n > MAX_THREADS ? MAX_THREADS : n;
    n = n > n_items ? n_items : n;

    job j = {.fn = fn, .ctx = ctx, .n_items = n_items, .lock = PTHREAD_MUTEX_INITIALIZER};

    /* fewer threads than requested only make it slower */
    pthread_t thread[MAX_THREADS];
    size_t n_started = 0;
    while (n_started + 1 < n && pthread_create(&thread[n_started], NULL, work, &j) == 0) {
        n_started++;
    }
    work(&j);
    for (size_t i = 0; i < n_started; i++) {
        pthread_join(thread[i], NULL);
    }
    pthread_mutex_destroy(&j.lock);

    EVTWIN_FAIL_IF(j.status < 0, j.status, "%s", j.error);
    return EVTWIN_OK;
}
