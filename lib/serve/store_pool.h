/* SPDX-License-Identifier: MIT */
/* serve/store_pool.h: read-only store handles, one for each thread that asks at the same time. */
#ifndef EVTWIN_SERVE_STORE_POOL_H
#define EVTWIN_SERVE_STORE_POOL_H

#include "evtwin/store.h"

typedef struct evtwin__store_pool evtwin__store_pool;

/* The store need not exist yet. size is the number of handles kept. */
evtwin_status evtwin__store_pool_create(const char *uri, int size, evtwin__store_pool **out);

/* Every handle is back by then. NULL is fine. */
void evtwin__store_pool_free(evtwin__store_pool *pool);

/* A handle on loan to one thread. */
typedef struct evtwin__store_loan {
    evtwin_store *store;
    int place;
} evtwin__store_loan;

/* Borrow a handle, opening one if none is idle; a handle to a file that was removed or replaced
 * since is closed first. What evtwin_store_open says. */
evtwin_status evtwin__store_pool_take(evtwin__store_pool *pool, evtwin__store_loan *out);

/* Give it back; outcome is what its last use returned: after a failure it is closed. */
void evtwin__store_pool_give(evtwin__store_pool *pool, evtwin__store_loan loan,
                             evtwin_status outcome);

/* 1 if the last take or use went well, 0 if not, or if there was none yet. */
int evtwin__store_pool_is_up(const evtwin__store_pool *pool);

#endif
