/* SPDX-License-Identifier: MIT */
/* follow/follower.h: a follower as its files see it. */
#ifndef EVTWIN_FOLLOW_FOLLOWER_H
#define EVTWIN_FOLLOW_FOLLOWER_H

#include "evtwin/follower.h"

#include "follow/cache.h"

#include <pthread.h>
#include <stdatomic.h>

/* A version that did not come whole is asked for again after so many looks, ever less often. */
typedef struct evtwin__retry {
    evtwin__cached version;
    unsigned n_failures, n_left; /* looks without asking for it */
} evtwin__retry;

struct evtwin_follower {
    /* who looks: evtwin_follower_load, then the thread */
    char *models, *name;
    evtwin_tracker *tracker;
    evtwin_follower_options options;
    evtwin__cache cache;
    evtwin__cached good, bad; /* that was given or offered last; that was refused last */
    evtwin__retry retry;
    int is_failing, is_started;
    int is_following; /* evtwin_follower_start was called, whether or not that needed a thread */
    atomic_int is_stopping;
    _Atomic int64_t patience_end_us; /* monotonic; 0 = a request may take its time */

    pthread_mutex_t lock; /* for the rest */
    pthread_cond_t wake;
    pthread_t thread;
    int has_thread;
    evtwin_predictor *next; /* offered, NULL = nothing new */
    evtwin__cached next_version;
    evtwin_follower_info info;
    int64_t looked_us; /* when a look went well, monotonic; 0 = never */
};

/* What `models` names now. EVTWIN_OK: *out can be used, and *version is what it is; EVTWIN_DONE:
 * nothing new, and *version is the good one if it is that. A failure is of the server or of this
 * machine or, with *is_bad, of that *version, which is not looked at again. */
evtwin_status evtwin__follower_look(evtwin_follower *f, evtwin__cached *version, int *is_bad,
                                    evtwin_predictor **out);

/* The last good version, from the cache. */
evtwin_status evtwin__follower_from_cache(evtwin_follower *f, evtwin__cached *version,
                                          evtwin_predictor **out);

#endif
