/* SPDX-License-Identifier: MIT */
/* evtwin/peers.h: processes, also on several machines, that train one model together with XGBoost's
 * own collective. */
#ifndef EVTWIN_PEERS_H
#define EVTWIN_PEERS_H

#include "evtwin/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * This process among those that train together (evtwin_train_options.peers). It belongs to the
 * thread that joined: only that thread may use it, also in evtwin_train. Until it has left, that
 * thread cannot train alone (EVTWIN_E_STATE).
 */
typedef struct evtwin_peers evtwin_peers;

/**
 * Join XGBoost's collective, whose tracker the environment names (DMLC_TRACKER_URI,
 * DMLC_TRACKER_PORT, DMLC_TASK_ID, as XGBoost documents; tried with 1.7). Returns once all have
 * joined. Join before the data are read: then a process that cannot read its data can report this
 * to the others (evtwin_peers_agree). After joining, XGBoost's messages of this thread go to the
 * log (evtwin_set_log) at EVTWIN_LOG_DEBUG.
 * @param timeout_s  how long this process waits for the others to join and, later, for their
 * messages: 1 or more, cut to whole seconds; 0 = 1800, the default of XGBoost. It must be longer
 * than the fastest process waits for the slowest to read and audit its data.
 * @param out  a new handle; evtwin_peers_free frees it; untouched on failure.
 * @return EVTWIN_E_ARG (timeout_s is out of range), EVTWIN_E_STATE (no tracker is named, or this
 * thread has joined already), EVTWIN_E_EXTERNAL (the tracker cannot be reached or is lost, or not
 * all joined in time), EVTWIN_E_UNSUPPORTED (built without XGBoost). Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_peers_join(double timeout_s, evtwin_peers **out);

/**
 * Continue together or not at all: every process calls this at the same place with its own status,
 * and waits for all. evtwin_train begins with such a call: a process that cannot start training
 * calls this instead, with a failure.
 * @param status  of this process: < 0 ends all.
 * @param why  reason of a failure for the other processes, at most 511 bytes; NULL =
 * evtwin_last_error.
 * @return EVTWIN_OK if no process failed; status if this one did; EVTWIN_E_EXTERNAL naming the
 * first one that failed, with its reason, or if one left, was lost or sent nothing for timeout_s;
 * EVTWIN_E_STATE in another thread than the one that joined. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_peers_agree(evtwin_peers *peers, evtwin_status status,
                                            const char *why);

/** The number of this process, from 0, and how many there are (n_processes may be NULL); 0 of 0 for
 * NULL. Since 0.2. */
EVTWIN_API size_t evtwin_peers_rank(const evtwin_peers *peers, size_t *n_processes);

/** Leave. Others that still wait for this process end with EVTWIN_E_EXTERNAL. NULL is fine.
 * Since 0.2. */
EVTWIN_API void evtwin_peers_free(evtwin_peers *peers);

#ifdef __cplusplus
}
#endif

#endif
