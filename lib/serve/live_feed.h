/* SPDX-License-Identifier: MIT */
/* serve/live_feed.h: looks into the store, of one thread, that keep a fleet in memory as the store
 * has it. */
#ifndef EVTWIN_SERVE_LIVE_FEED_H
#define EVTWIN_SERVE_LIVE_FEED_H

#include "serve/alert_feed.h"
#include "serve/live_events.h"

#include <pthread.h>

/* A row of the change feed, of a battery whose newest state has to be read. */
typedef struct evtwin__live_change {
    char id[64];
    int64_t revision;
} evtwin__live_change;

typedef struct evtwin__live_feed {
    evtwin__live_fleet *fleet; /* replaced, or changed, with the lock */
    int is_loading;            /* the whole fleet is being read; with the lock */
    pthread_mutex_t *lock;     /* borrowed */
    evtwin__store_pool *stores;
    evtwin__live_maker maker;
    evtwin__live_events events;
    evtwin__alert_feed alerts; /* its counts are written with the lock */

    /* which database it is, and how far its feed has been read */
    int is_new;       /* the handle was opened, or its database replaced: perhaps it is another */
    int must_load;    /* the whole fleet is to be read */
    int has_identity; /* what is in memory is of that database */
    uint64_t identity;
    int64_t generation, revision;
    evtwin_table *limits;        /* the thresholds, to see whether they have changed */
    int64_t context_ms, load_ms; /* when context and fleet are to be read again */
    int64_t held_ms, held_from;  /* when to look what the feed holds back; from there on it did */
    double one_s, all_s;         /* what reading a battery and the whole fleet took */

    uint64_t n_looks;
    evtwin__live_change *change; /* (n_changes) of this look */
    size_t n_changes;
} evtwin__live_feed;

evtwin_status evtwin__live_feed_open(evtwin__live_feed *feed, const char *uri,
                                     const evtwin__patience *patience, evtwin__ring *ring,
                                     pthread_mutex_t *lock);

/* From any thread. */
void evtwin__live_feed_interrupt(evtwin__live_feed *feed);
void evtwin__live_feed_close(evtwin__live_feed *feed);

/* Read what has changed since the last look, and put it into the ring. */
evtwin_status evtwin__live_feed_look(evtwin__live_feed *feed);

#endif
