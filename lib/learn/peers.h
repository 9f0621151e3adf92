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

#include "evtwin/base.h"

typedef struct evtwin__peers {
    size_t rank, n; /* rank < n */
} evtwin__peers;

/* booster_peers.c: join the collective whose tracker the environment names; EVTWIN_E_STATE if it
 * names none, EVTWIN_E_EXTERNAL if it cannot be reached. To be left in the same thread. */
evtwin_status evtwin__peers_join(evtwin__peers *out);
void evtwin__peers_leave(void);
/* What process root has in buffer goes to all. */
evtwin_status evtwin__peers_broadcast(const evtwin__peers *p, void *buffer, size_t size,
                                      size_t root);

/* ---- peers.c ---- */

typedef enum evtwin__peers_op {
    EVTWIN__PEERS_SUM,
    EVTWIN__PEERS_MIN,
    EVTWIN__PEERS_MAX
} evtwin__peers_op;

/* v (n) becomes that of all processes together. A NaN counts as no value of a minimum or maximum.
 */
evtwin_status evtwin__peers_reduce(const evtwin__peers *p, evtwin__peers_op op, double *v,
                                   size_t n);

/* What each has, one behind the other by rank: all (owned by the caller; freed by evtwin__free)
 * with total bytes; start (p->n + 1) of each. Alone it is a copy. */
evtwin_status evtwin__peers_gather(const evtwin__peers *p, const void *own, size_t size, char **all,
                                   size_t *start);

/* Go on together or not at all: st if this process failed, EVTWIN_E_EXTERNAL with the words of the
 * first that did if another has. */
evtwin_status evtwin__peers_agree(const evtwin__peers *p, evtwin_status st);

/* EVTWIN_E_ARG naming what, if it is not the same bytes in all processes. */
evtwin_status evtwin__peers_same(const evtwin__peers *p, const char *what, const void *data,
                                 size_t size);

#endif
