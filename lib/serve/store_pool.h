/* SPDX-License-Identifier: MIT */
/* serve/store_pool.h: read-only store handles, one for each thread that asks at the same time. */
#ifndef EVTWIN_SERVE_STORE_POOL_H
#define EVTWIN_SERVE_STORE_POOL_H

#include "evtwin/store.h"

#include <sys/types.h>

typedef struct evtwin__store_pool evtwin__store_pool;

/* The store need not exist yet. size is the number of handles kept; statement_s is how long the use
 * of one may take between take and give: what takes longer answers EVTWIN_E_CANCELLED. */
evtwin_status evtwin__store_pool_create(const char *uri, int size, double statement_s,
                                        evtwin__store_pool **out);

/* Interrupt what is being asked, for a stop: all that is asked from now on answers
 * EVTWIN_E_CANCELLED. */
void evtwin__store_pool_interrupt(evtwin__store_pool *pool);

/* Every handle is back by then. NULL is fine. */
void evtwin__store_pool_free(evtwin__store_pool *pool);

/* A handle while one thread has it: no other touches it then. */
typedef struct evtwin__store_handle {
    evtwin_store *store;
    dev_t device; /* of the file that it reads: a path may come to mean another one */
    ino_t inode;
    int is_taken;

    /* what rows are answered with, read at known_us and used for a second (answer.c) */
    evtwin_table *models;
    evtwin_thresholds *thresholds;
    int64_t known_us;
} evtwin__store_handle;

/* Borrow a handle, opening its store if none is idle; a store in a file that was removed or
 * replaced since is closed first. What evtwin_store_open says. */
evtwin_status evtwin__store_pool_take(evtwin__store_pool *pool, evtwin__store_handle **out);

/* Give it back; outcome is what its last use returned: after a failure the store is closed. */
void evtwin__store_pool_give(evtwin__store_pool *pool, evtwin__store_handle *handle,
                             evtwin_status outcome);

/* Seconds since a use last went well, < 0 if none has yet. */
double evtwin__store_pool_age_s(const evtwin__store_pool *pool);

#endif
