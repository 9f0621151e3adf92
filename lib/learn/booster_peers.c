/* SPDX-License-Identifier: MIT */
/* learn/booster_peers.c: XGBoost's collective: who takes part, and broadcasts. A tracker (XGBoost's
 * own, or that of Dask or Kubernetes) brings the processes together; while one has joined, whatever
 * XGBoost trains in its thread is trained with the others. Only broadcasts are used: the numbers by
 * which XGBoost calls types changed with version 2.1. */

#include "learn/peers.h"

#include "core/status.h"

#include <stdlib.h>
#include <string.h>

#include <xgboost/c_api.h>

static evtwin_status collective_failed(const char *what) {
    const char *text = XGBGetLastError();
    const size_t n = strcspn(text, "\n");
    EVTWIN_FAIL(EVTWIN_E_EXTERNAL, "XGBoost's collective: %s: %.*s", what, (int)(n < 400 ? n : 400),
                text);
}

evtwin_status evtwin__peers_join(evtwin__peers *out) {
    EVTWIN_FAIL_IF(getenv("DMLC_TRACKER_URI") == NULL && getenv("dmlc_tracker_uri") == NULL,
                   EVTWIN_E_STATE,
                   "no tracker to train together: set DMLC_TRACKER_URI, DMLC_TRACKER_PORT and "
                   "DMLC_TASK_ID as XGBoost's tracker says");
    if (XGCommunicatorInit("{}") != 0) {
        return collective_failed("joining it");
    }
    const int rank = XGCommunicatorGetRank(), n = XGCommunicatorGetWorldSize();
    if (rank < 0 || n < 1 || rank >= n) {
        evtwin__peers_leave();
        EVTWIN_FAIL(EVTWIN_E_EXTERNAL, "XGBoost's collective: this is process %d of %d", rank, n);
    }
    *out = (evtwin__peers){(size_t)rank, (size_t)n};
    return EVTWIN_OK;
}

void evtwin__peers_leave(void) {
    XGCommunicatorFinalize();
}

evtwin_status evtwin__peers_broadcast(const evtwin__peers *p, void *buffer, size_t size,
                                      size_t root) {
    if (p != NULL && p->n > 1 && XGCommunicatorBroadcast(buffer, size, (int)root) != 0) {
        return collective_failed("another process was lost");
    }
    return EVTWIN_OK;
}
