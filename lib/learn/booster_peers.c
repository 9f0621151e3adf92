/* SPDX-License-Identifier: MIT */
/* learn/booster_peers.c: XGBoost's collective: who takes part, and broadcasts. A tracker (XGBoost's
 * own, or that of Dask or Kubernetes) brings the processes together; while one has joined, whatever
 * XGBoost trains in its thread is trained with the others. Only broadcasts are used: the numbers by
 * which XGBoost calls types changed with version 2.1. */

#include "learn/peers.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/peers_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xgboost/c_api.h>

enum { DEFAULT_TIMEOUT_S = 1800, MAX_TIMEOUT_S = 1000000, LEAVE_TIMEOUT_S = 10 };

/* What XGBoost says, on one line and without "[12:34:56] ./file.cc:12: " before it. */
static const char *its_words(char text[400]) {
    const char *from = XGBGetLastError();
    const char *behind = from[0] == '[' ? strstr(from, ": ") : NULL;
    from = behind != NULL ? behind + 2 : from;
    snprintf(text, 400, "%.*s", (int)strcspn(from, "\n"), from);
    return text;
}

/* XGBoost would print it, with the stack of a failure whose reason an error has. */
static void on_xgboost_log(const char *text) {
    evtwin__log(EVTWIN_LOG_DEBUG, "XGBoost: %.*s", (int)strcspn(text, "\n"), text);
}

static const char *variable(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

static const char *tracker_host(void) {
    return variable("DMLC_TRACKER_URI", variable("dmlc_tracker_uri", NULL));
}

static const char *tracker_port(void) {
    return variable("DMLC_TRACKER_PORT", variable("dmlc_tracker_port", "9000"));
}

/* The time limit has two names: of 1.7 and 2.0, and from 2.1 on. Without TCP_NODELAY each of the
 * many small messages of a tree waits for an acknowledgement, some 40 ms. */
static evtwin_status join(int timeout_s) {
    char config[128], text[400];
    evtwin__peers_limit limit;
    snprintf(
        config, sizeof config,
        "{\"rabit_timeout_sec\":%d,\"dmlc_timeout\":%d,\"rabit_enable_tcp_no_delay\":\"true\"}",
        timeout_s, timeout_s);
    XGBRegisterLogCallback(on_xgboost_log); /* of this thread */
    EVTWIN_TRY(evtwin__peers_limit_begin(&limit, tracker_host(), tracker_port(), timeout_s));
    const int rc = XGCommunicatorInit(config);
    const int has_passed = evtwin__peers_limit_end(&limit);
    EVTWIN_FAIL_IF(rc != 0 && has_passed, EVTWIN_E_EXTERNAL,
                   "not all processes that train together have joined within %d s: the tracker "
                   "%s:%s waits for more; check the other processes, or allow more time",
                   timeout_s, tracker_host(), tracker_port());
    EVTWIN_FAIL_IF(rc != 0, EVTWIN_E_EXTERNAL,
                   "the tracker %s:%s (DMLC_TRACKER_URI, DMLC_TRACKER_PORT) cannot be reached or "
                   "was lost (XGBoost's collective: %s)",
                   tracker_host(), tracker_port(), its_words(text));
    return EVTWIN_OK;
}

/* XGBoost tells the tracker, which may have gone, or be silent. */
static void leave(void) {
    evtwin__peers_limit limit;
    const int is_limited =
        evtwin__peers_limit_begin(&limit, tracker_host(), tracker_port(), LEAVE_TIMEOUT_S) >= 0;
    XGCommunicatorFinalize();
    if (is_limited) {
        evtwin__peers_limit_end(&limit);
    }
}

evtwin_status evtwin_peers_join(double timeout_s, evtwin_peers **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    EVTWIN_FAIL_IF(timeout_s != 0.0 && !(timeout_s >= 1.0 && timeout_s <= MAX_TIMEOUT_S),
                   EVTWIN_E_ARG, "timeout_s is %g, it must be 0 (%d) or from 1 to %d", timeout_s,
                   DEFAULT_TIMEOUT_S, MAX_TIMEOUT_S);
    EVTWIN_FAIL_IF(tracker_host() == NULL, EVTWIN_E_STATE,
                   "no tracker to train together: set DMLC_TRACKER_URI, DMLC_TRACKER_PORT and "
                   "DMLC_TASK_ID as XGBoost's tracker says");
    EVTWIN_FAIL_IF(XGCommunicatorIsDistributed(), EVTWIN_E_STATE,
                   "this thread has joined other processes already");
    evtwin_peers *p = evtwin__calloc(1, sizeof *p);
    EVTWIN_FAIL_IF(p == NULL, EVTWIN_E_NOMEM, "out of memory for the other processes");
    const int limit_s = timeout_s > 0.0 ? (int)timeout_s : DEFAULT_TIMEOUT_S;
    const evtwin_status st = join(limit_s);
    if (st < 0) {
        evtwin__free(p);
        return st;
    }
    const int rank = XGCommunicatorGetRank(), n = XGCommunicatorGetWorldSize();
    if (rank < 0 || n < 1 || rank >= n) {
        leave();
        evtwin__free(p);
        EVTWIN_FAIL(EVTWIN_E_EXTERNAL, "XGBoost's collective: this is process %d of %d", rank, n);
    }
    *p = (evtwin_peers){(size_t)rank, (size_t)n, limit_s};
    *out = p;
    return EVTWIN_OK;
}

void evtwin_peers_free(evtwin_peers *peers) {
    if (peers != NULL) {
        if (XGCommunicatorIsDistributed()) {
            leave();
        }
        evtwin__free(peers);
    }
}

/* XGBoost keeps its collective by thread: in another one it would train alone; and here, whatever
 * it is to train alone waits for the others. */
evtwin_status evtwin__peers_check(const evtwin_peers *p) {
    const int n = XGCommunicatorIsDistributed() ? XGCommunicatorGetWorldSize() : 0;
    EVTWIN_FAIL_IF(p == NULL && n > 1, EVTWIN_E_STATE,
                   "this thread has joined processes that train together (%d), and would wait for "
                   "them: train with peers, in another thread, or when it has left them",
                   n);
    EVTWIN_FAIL_IF(p != NULL &&
                       (n < 1 || (size_t)n != p->n || (size_t)XGCommunicatorGetRank() != p->rank),
                   EVTWIN_E_STATE, "peers were joined in another thread than this one");
    return EVTWIN_OK;
}

evtwin_status evtwin__peers_broadcast(const evtwin_peers *p, void *buffer, size_t size,
                                      size_t root) {
    if (p != NULL && p->n > 1 && XGCommunicatorBroadcast(buffer, size, (int)root) != 0) {
        char who[EVTWIN__PEERS_WHO_SIZE], text[400];
        evtwin__peers_who(p, who);
        EVTWIN_FAIL(EVTWIN_E_EXTERNAL,
                    "%s left, was lost or sent nothing for %d s (XGBoost's collective: %s)", who,
                    p->timeout_s, its_words(text));
    }
    return EVTWIN_OK;
}
