/* SPDX-License-Identifier: MIT */
/* serve/store_pool.c: read-only store handles, one for each thread that asks at the same time. */

#include "serve/store_pool.h"

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
    atomic_int is_up;
    int size;
    handle *handles; /* (size) */
};

evtwin_status evtwin__store_pool_create(const char *uri, int size, evtwin__store_pool **out) {
    evtwin__uri parts;
    EVTWIN_TRY(evtwin__uri_parse(uri, &parts));
    const int is_file = strcmp(parts.scheme, "sqlite") == 0;
    evtwin__store_pool *pool = evtwin__calloc(1, sizeof *pool);
    if (pool != NULL) {
        pthread_mutex_init(&pool->lock, NULL);
        pool->size = size;
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

evtwin_status evtwin__store_pool_take(evtwin__store_pool *pool, handle **out) {
    handle *h = take_idle(pool);
    EVTWIN_FAIL_IF(h == NULL, EVTWIN_E_AGAIN, "all %d store handles are in use", pool->size);
    struct stat now = {0};
    if (pool->path[0] != '\0' && stat(pool->path, &now) != 0) {
        now = (struct stat){0};
    }
    if (h->device != now.st_dev || h->inode != now.st_ino) {
        close_store(h);
    }
    const evtwin_status st = h->store == NULL ? open_store(pool, &h->store) : EVTWIN_OK;
    h->device = now.st_dev;
    h->inode = now.st_ino;
    if (st < 0) {
        evtwin__store_pool_give(pool, h, st);
        return st;
    }
    atomic_store(&pool->is_up, 1);
    *out = h;
    return EVTWIN_OK;
}

void evtwin__store_pool_give(evtwin__store_pool *pool, handle *h, evtwin_status outcome) {
    if (outcome < 0) {
        close_store(h);
        atomic_store(&pool->is_up, 0);
    }
    pthread_mutex_lock(&pool->lock);
    h->is_taken = 0;
    pthread_mutex_unlock(&pool->lock);
}

int evtwin__store_pool_is_up(const evtwin__store_pool *pool) {
    return atomic_load(&pool->is_up);
}
