/* SPDX-License-Identifier: MIT */
/* evtwin/peers.h: processes, on several machines if need be, that train one model together by
 * XGBoost's own collective. */
#ifndef EVTWIN_PEERS_H
#define EVTWIN_PEERS_H

#include "evtwin/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * This process among those that train together (evtwin_train_options.peers). It belongs to the
 * thread that joined: all calls with it are that thread's, evtwin_train too. Until it has left,
 * that thread cannot train alone (EVTWIN_E_STATE).
 */
typedef struct evtwin_peers evtwin_peers;

/**
 * Join XGBoost's collective, whose tracker the environment names (DMLC_TRACKER_URI,
 * DMLC_TRACKER_PORT, DMLC_TASK_ID, as XGBoost documents; tried with 1.7). Returns once all have
 * joined. Join before the data are read: then a process that cannot read its own can tell the
 * others (evtwin_peers_agree). From then on XGBoost's messages of this thread go to the log
 * (evtwin_set_log), as details.
 * @param timeout_s  how long this process waits for the others, to join and, later, for what they
 * say: from 1, cut to whole seconds; 0 = 1800, as XGBoost itself. It must be more than what the
 * fastest process waits for the slowest to read and audit its data.
 * @param out  a new handle; evtwin_peers_free frees it; untouched on failure.
 * @return EVTWIN_E_ARG (timeout_s is out of range), EVTWIN_E_STATE (no tracker is named, or this
 * thread has joined already), EVTWIN_E_EXTERNAL (the tracker cannot be reached or is lost, or not
 * all joined in time), EVTWIN_E_UNSUPPORTED (built without XGBoost). Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_peers_join(double timeout_s, evtwin_peers **out);

/**
 * Go on together or not at all: every process calls it at the same place with what became of it,
 * and waits for all. evtwin_train begins with such a call: a process that cannot begin calls this
 * in its place, with a failure.
 * @param status  what became of this process: < 0 ends all.
 * @param why  of a failure: what the others are told, at most 511 bytes of it; NULL =
 * evtwin_last_error.
 * @return EVTWIN_OK if no process failed; status if this one did; EVTWIN_E_EXTERNAL naming the
 * first that did, with its words, or if one left, was lost or said nothing for timeout_s;
 * EVTWIN_E_STATE in another thread than the one that joined. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_peers_agree(evtwin_peers *peers, evtwin_status status,
                                            const char *why);

/** Which process this is, from 0, and how many there are (n_processes may be NULL); 0 of 0 for
 * NULL. Since 0.2. */
EVTWIN_API size_t evtwin_peers_rank(const evtwin_peers *peers, size_t *n_processes);

/** Leave. Others that still wait for this process end with EVTWIN_E_EXTERNAL. NULL is fine.
 * Since 0.2. */
EVTWIN_API void evtwin_peers_free(evtwin_peers *peers);

#ifdef __cplusplus
}
#endif

#endif
