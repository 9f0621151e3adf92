/* SPDX-License-Identifier: MIT */
/* learn/booster_peers_none.c: stands in for booster_peers.c in a build without XGBoost. */

#include "learn/peers.h"

#include "core/status.h"

evtwin_status evtwin__peers_join(evtwin__peers *out) {
    (void)out;
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED,
                "this build cannot train: it was made without XGBoost (EVTWIN_XGBOOST=OFF)");
}

void evtwin__peers_leave(void) {
}

evtwin_status evtwin__peers_broadcast(const evtwin__peers *p, void *buffer, size_t size,
                                      size_t root) {
    (void)p;
    (void)buffer;
    (void)size;
    (void)root;
    return EVTWIN_OK;
}
