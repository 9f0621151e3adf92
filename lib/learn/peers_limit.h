/* SPDX-License-Identifier: MIT */
/* learn/peers_limit.h: an end to a wait for XGBoost's tracker. XGBoost 1.7 asks it in blocking
 * calls that know no time limit, for as long as one process is missing. */
#ifndef EVTWIN_LEARN_PEERS_LIMIT_H
#define EVTWIN_LEARN_PEERS_LIMIT_H

#include "evtwin/base.h"

#include <pthread.h>
#include <time.h>

typedef struct evtwin__peers_limit {
    const char *host, *port; /* of the tracker, borrowed */
    struct timespec until;   /* of the monotonic clock */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int is_over, has_passed;
} evtwin__peers_limit;

/* From here on this process's connections to the tracker are cut once timeout_s have passed, so
 * that the call that waits on one returns: a connection to that address and port is XGBoost's. */
evtwin_status evtwin__peers_limit_begin(evtwin__peers_limit *l, const char *host, const char *port,
                                        int timeout_s);
/* Had they passed? */
int evtwin__peers_limit_end(evtwin__peers_limit *l);

#endif
