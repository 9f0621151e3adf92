/* SPDX-License-Identifier: MIT */
/* learn/peers.h: processes that train one model together, on several machines if need be, by
 * XGBoost's own collective. NULL stands for this process alone: each call then does nothing.
 *
 * Every process makes the same calls in the same order, in the thread that joined. What they say to
 * each other goes through one broadcast after the other, so that sums are made in the same order
 * everywhere and the processes have the same bits. A process that is lost ends the others with
 * EVTWIN_E_EXTERNAL. */
#ifndef EVTWIN_LEARN_PEERS_H
#define EVTWIN_LEARN_PEERS_H

#include "evtwin/peers.h"

#include <stdio.h>

struct evtwin_peers {
    size_t rank, n; /* rank < n */
    int timeout_s;  /* how long another one may be silent */
};

enum { EVTWIN__PEERS_WHO_SIZE = 96 };
/* Which process it can be that was lost: of two it is known. */
static inline void evtwin__peers_who(const evtwin_peers *p, char text[EVTWIN__PEERS_WHO_SIZE]) {
    if (p->n == 2) {
        snprintf(text, EVTWIN__PEERS_WHO_SIZE, "process %zu of 2 that train together", 1 - p->rank);
    } else {
        snprintf(text, EVTWIN__PEERS_WHO_SIZE, "one of the %zu processes that train with this one",
                 p->n - 1);
    }
}

/* booster_peers.c: EVTWIN_E_STATE in another thread than the one that joined; of NULL, which trains
 * alone, in one that has joined others. */
evtwin_status evtwin__peers_check(const evtwin_peers *p);
/* booster_peers.c: what process root has in buffer goes to all. */
evtwin_status evtwin__peers_broadcast(const evtwin_peers *p, void *buffer, size_t size,
                                      size_t root);

/* ---- peers.c ---- */

/* st, with other words where it is a failure of XGBoost's: it trains with the others, and says no
 * more than that it failed when one of them is lost. */
evtwin_status evtwin__peers_explain(const evtwin_peers *p, evtwin_status st);

typedef enum evtwin__peers_op {
    EVTWIN__PEERS_SUM,
    EVTWIN__PEERS_MIN,
    EVTWIN__PEERS_MAX
} evtwin__peers_op;

/* v (n) becomes that of all processes together. A NaN counts as no value of a minimum or maximum.
 */
evtwin_status evtwin__peers_reduce(const evtwin_peers *p, evtwin__peers_op op, double *v, size_t n);

/* What each has, one behind the other by rank: all (owned by the caller; freed by evtwin__free)
 * with total bytes; start (p->n + 1) of each. Alone it is a copy. */
evtwin_status evtwin__peers_gather(const evtwin_peers *p, const void *own, size_t size, char **all,
                                   size_t *start);

/* Go on together or not at all: st if this process failed, EVTWIN_E_EXTERNAL with the words of the
 * first that did if another has. why: instead of evtwin_last_error, NULL = that. */
evtwin_status evtwin__peers_agree(const evtwin_peers *p, evtwin_status st);
evtwin_status evtwin__peers_agree_why(const evtwin_peers *p, evtwin_status st, const char *why);

/* EVTWIN_E_ARG naming what, if it is not the same bytes in all processes. */
evtwin_status evtwin__peers_same(const evtwin_peers *p, const char *what, const void *data,
                                 size_t size);

#endif
