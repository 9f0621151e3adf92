/* SPDX-License-Identifier: MIT */
/* learn/booster_peers_none.c: stands in for booster_peers.c in a build without XGBoost. */

#include "learn/peers.h"

#include "core/status.h"

evtwin_status evtwin_peers_join(double timeout_s, evtwin_peers **out) {
    (void)timeout_s;
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED,
                "this build cannot train: it was made without XGBoost (EVTWIN_XGBOOST=OFF)");
}

void evtwin_peers_free(evtwin_peers *peers) {
    (void)peers;
}

evtwin_status evtwin__peers_check(const evtwin_peers *p) {
    (void)p;
    return EVTWIN_OK;
}

evtwin_status evtwin__peers_broadcast(const evtwin_peers *p, void *buffer, size_t size,
                                      size_t root) {
    (void)p;
    (void)buffer;
    (void)size;
    (void)root;
    return EVTWIN_OK;
}
