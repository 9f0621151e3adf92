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

/* Which file a handle reads: a path may come to mean another one. */
typedef struct file_identity {
    dev_t device;
    ino_t inode;
} file_identity;

typedef struct handle {
    evtwin_store *store; /* NULL = a free place */
    file_identity file;
    int is_taken;
} handle;

struct evtwin__store_pool {
    char *uri, *path; /* path "" where the store is no file */
    pthread_mutex_t lock;
    atomic_int is_up;
    int size;
    handle *handles; /* (size) */
};

evtwin_status evtwin__store_pool_create(const char *uri, int size, evtwin__store_pool **out) {
    evtwin__uri parts;
    const evtwin_status st = evtwin__uri_parse(uri, &parts);
    if (st < 0) {
        return st;
    }
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

void evtwin__store_pool_free(evtwin__store_pool *pool) {
    if (pool == NULL) {
        return;
    }
    for (int i = 0; pool->handles != NULL && i < pool->size; i++) {
        evtwin_store_free(pool->handles[i].store);
    }
    evtwin__free(pool->handles);
    evtwin__free(pool->uri);
    evtwin__free(pool->path);
    pthread_mutex_destroy(&pool->lock);
    evtwin__free(pool);
}

static file_identity identify(const evtwin__store_pool *pool) {
    struct stat s;
    if (pool->path[0] == '\0' || stat(pool->path, &s) != 0) {
        return (file_identity){0};
    }
    return (file_identity){s.st_dev, s.st_ino};
}

static evtwin_status open_store(const evtwin__store_pool *pool, evtwin_store **out) {
    evtwin_store_options options;
    const evtwin_status st = evtwin_store_options_init(&options, sizeof options);
    if (st < 0) {
        return st;
    }
    options.read_only = 1;
    options.busy_timeout_ms = BUSY_TIMEOUT_MS;
    return evtwin_store_open(pool->uri, &options, out);
}

/* Take an idle handle, else a free place; -1 if there is neither. */
static int take_place(evtwin__store_pool *pool) {
    int best = -1;
    pthread_mutex_lock(&pool->lock);
    for (int i = 0; i < pool->size; i++) {
        const handle *h = &pool->handles[i];
        if (!h->is_taken && (best < 0 || (pool->handles[best].store == NULL && h->store != NULL))) {
            best = i;
        }
    }
    if (best >= 0) {
        pool->handles[best].is_taken = 1;
    }
    pthread_mutex_unlock(&pool->lock);
    return best;
}

static void give_place(evtwin__store_pool *pool, int place) {
    pthread_mutex_lock(&pool->lock);
    pool->handles[place].is_taken = 0;
    pthread_mutex_unlock(&pool->lock);
}

evtwin_status evtwin__store_pool_take(evtwin__store_pool *pool, evtwin__store_loan *out) {
    const int place = take_place(pool);
    if (place < 0) {
        EVTWIN_FAIL(EVTWIN_E_AGAIN, "all %d store handles are in use", pool->size);
    }

    /* the place is this thread's alone now */
    handle *h = &pool->handles[place];
    const file_identity now = identify(pool);
    if (h->store != NULL && (h->file.device != now.device || h->file.inode != now.inode)) {
        evtwin_store_free(h->store);
        h->store = NULL;
    }
    evtwin_status st = EVTWIN_OK;
    if (h->store == NULL) {
        st = open_store(pool, &h->store);
        h->file = now;
    }
    atomic_store(&pool->is_up, st >= 0);
    if (st < 0) {
        h->store = NULL;
        give_place(pool, place);
        return st;
    }
    *out = (evtwin__store_loan){h->store, place};
    return EVTWIN_OK;
}

void evtwin__store_pool_give(evtwin__store_pool *pool, evtwin__store_loan loan,
                             evtwin_status outcome) {
    if (outcome < 0) {
        evtwin_store_free(loan.store);
        pool->handles[loan.place].store = NULL;
        atomic_store(&pool->is_up, 0);
    }
    give_place(pool, loan.place);
}

int evtwin__store_pool_is_up(const evtwin__store_pool *pool) {
    return atomic_load(&pool->is_up);
}
