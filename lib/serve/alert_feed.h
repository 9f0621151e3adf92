/* SPDX-License-Identifier: MIT */
/* serve/alert_feed.h: what changed of alerts, as events of the live stream, and how many there are;
 * for every server over a store, whoever writes its alerts. */
#ifndef EVTWIN_SERVE_ALERT_FEED_H
#define EVTWIN_SERVE_ALERT_FEED_H

#include "evtwin/alert.h"

#include "serve/alert_metrics.h"
#include "serve/ring.h"

#include <pthread.h>

/* All zero: nothing was read yet. */
typedef struct evtwin__alert_feed {
    int is_known;              /* how far they were at the first look */
    int64_t change;            /* up to where they were read */
    int64_t look_ms, count_ms; /* not before */
    int is_changed;            /* since they were counted */
    int has_counts;
    evtwin__alert_counts counts;
    int has_complained;
} evtwin__alert_feed;

/* The database is another one, or went back to an earlier state. */
void evtwin__alert_feed_forget(evtwin__alert_feed *feed);

/* Put an event "alert" for each alert that has changed since the last call; the first one only
 * looks how far they are. */
evtwin_status evtwin__alert_feed_step(evtwin__alert_feed *feed, evtwin_store *store,
                                      evtwin__ring *ring);

/* A step and the counts, where they are due; what fails is logged once: the rows of the batteries
 * go on without. The lock is taken to write the counts. */
void evtwin__alert_feed_look(evtwin__alert_feed *feed, evtwin_store *store, evtwin__ring *ring,
                             pthread_mutex_t *lock);

#endif
