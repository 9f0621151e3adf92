/* SPDX-License-Identifier: MIT */
/* serve/store_pool.c: read-only store handles, one for each thread that asks at the same time. */

#include "serve/store_pool.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/uri.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

enum { BUSY_TIMEOUT_MS = 2000 };

typedef evtwin__store_handle handle;

struct evtwin__store_pool {
    char *uri, *path; /* path "" where the store is not a file */
    pthread_mutex_t lock;
    atomic_int is_stopped;
    _Atomic int64_t good_ms; /* 0 = never */
    double statement_s;
    int size;
    handle *handles; /* (size) */
};

evtwin_status evtwin__store_pool_create(const char *uri, int size, double statement_s,
                                        evtwin__store_pool **out) {
    evtwin__uri parts;
    EVTWIN_TRY(evtwin__uri_parse(uri, &parts));
    const int is_file = strcmp(parts.scheme, "sqlite") == 0;
    evtwin__store_pool *pool = evtwin__calloc(1, sizeof *pool);
    if (pool != NULL) {
        pthread_mutex_init(&pool->lock, NULL);
        pool->size = size;
        pool->statement_s = statement_s;
        pool->uri = evtwin__strdup(uri);
        pool->path = evtwin__strdup(is_file ? parts.path : "");
        pool->handles = evtwin__calloc((size_t)size, sizeof *pool->handles);
    }
    evtwin__uri_free(&parts);
    if (pool == NULL || pool->uri == NULL || pool->path == NULL || pool->handles == NULL) {
        evtwin__store_pool_free(pool);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for %d store handles", size);
    }
    *out = pool;
    return EVTWIN_OK;
}

static void close_store(handle *h) {
    evtwin_table_free(h->models);
    evtwin_thresholds_free(h->thresholds);
    evtwin_store_free(h->store);
    h->models = NULL;
    h->thresholds = NULL;
    h->store = NULL;
    h->known_us = 0;
}

void evtwin__store_pool_free(evtwin__store_pool *pool) {
    if (pool == NULL) {
        return;
    }
    for (int i = 0; pool->handles != NULL && i < pool->size; i++) {
        close_store(&pool->handles[i]);
    }
    evtwin__free(pool->handles);
    evtwin__free(pool->uri);
    evtwin__free(pool->path);
    pthread_mutex_destroy(&pool->lock);
    evtwin__free(pool);
}

static evtwin_status open_store(const evtwin__store_pool *pool, evtwin_store **out) {
    evtwin_store_options options;
    evtwin_store_options_init(&options, sizeof options);
    options.read_only = 1;
    options.busy_timeout_ms = BUSY_TIMEOUT_MS;
    return evtwin_store_open(pool->uri, &options, out);
}

/* Take a handle whose store is open, else any idle one; NULL if there is neither. */
static handle *take_idle(evtwin__store_pool *pool) {
    handle *best = NULL;
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < pool->size; i++) {
        handle *h = &pool->handles[i];
        if (!h->is_taken && (best == NULL || (best->store == NULL && h->store != NULL))) {
            best = h;
        }
    }
    if (best != NULL) {
        best->is_taken = 1;
    }
    pthread_mutex_unlock(&pool->lock);
    return best;
}

/* Let the store be seen by an interrupt; nobody asks anything any more after one. */
static evtwin_status publish(evtwin__store_pool *pool, handle *h, evtwin_store *store) {
    pthread_mutex_lock(&pool->lock);
    h->store = store;
    const int is_stopped = pool->is_stopped;
    pthread_mutex_unlock(&pool->lock);
    EVTWIN_FAIL_IF(is_stopped, EVTWIN_E_CANCELLED, "the server is stopping");
    return EVTWIN_OK;
}

evtwin_status evtwin__store_pool_take(evtwin__store_pool *pool, handle **out) {
    handle *h = take_idle(pool);
    EVTWIN_FAIL_IF(h == NULL, EVTWIN_E_AGAIN, "all %d store handles are in use", pool->size);
    struct stat now = {0};
    if (pool->path[0] != '\0' && stat(pool->path, &now) != 0) {
        now = (struct stat){0};
    }
    if (h->device != now.st_dev || h->inode != now.st_ino) {
        pthread_mutex_lock(&pool->lock);
        close_store(h);
        pthread_mutex_unlock(&pool->lock);
    }
    evtwin_store *store = h->store;
    evtwin_status st = store == NULL ? open_store(pool, &store) : EVTWIN_OK;
    h->device = now.st_dev;
    h->inode = now.st_ino;
    if (st >= 0 && (st = publish(pool, h, store)) >= 0) {
        st = evtwin_store_deadline(store, pool->statement_s);
    }
    if (st < 0) {
        evtwin__store_pool_give(pool, h, st);
        return st;
    }
    *out = h;
    return EVTWIN_OK;
}

void evtwin__store_pool_give(evtwin__store_pool *pool, handle *h, evtwin_status outcome) {
    pthread_mutex_lock(&pool->lock);
    if (outcome >= 0) {
        atomic_store(&pool->good_ms, evtwin__monotonic_ms());
    } else if (outcome != EVTWIN_E_CANCELLED) { /* a question too long says nothing of the store */
        close_store(h);
    }
    h->is_taken = 0;
    pthread_mutex_unlock(&pool->lock);
}

void evtwin__store_pool_interrupt(evtwin__store_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->is_stopped, 1);
    for (int i = 0; i < pool->size; i++) {
        evtwin_store_interrupt(pool->handles[i].store);
    }
    pthread_mutex_unlock(&pool->lock);
}

double evtwin__store_pool_age_s(const evtwin__store_pool *pool) {
    const int64_t good_ms = atomic_load(&pool->good_ms);
    return good_ms == 0 ? -1.0 : (double)(evtwin__monotonic_ms() - good_ms) / 1000.0;
}
