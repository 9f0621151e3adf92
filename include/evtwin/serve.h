/* SPDX-License-Identifier: MIT */
/* evtwin/serve.h: Prometheus metrics, and an HTTP server for REST, the fleet page and /metrics. */
#ifndef EVTWIN_SERVE_H
#define EVTWIN_SERVE_H

#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- metrics ---- */

/** A set of Prometheus metrics; safe from many threads at once. */
typedef struct evtwin_metrics evtwin_metrics;

/** An empty set. Give it back with evtwin_metrics_free. */
EVTWIN_API evtwin_status evtwin_metrics_create(evtwin_metrics **out);
EVTWIN_API void evtwin_metrics_free(evtwin_metrics *metrics); /**< after the server that uses it */

/**
 * Take in a batch of predicted telemetry: the gauges of the contract (battery_soc_percent, …, label
 * battery_id; of each battery its newest row) and battery_predictions_total. An unknown value
 * removes its series rather than showing 0. At most 10,000 batteries have series; the rest are counted.
 */
EVTWIN_API evtwin_status evtwin_metrics_observe(evtwin_metrics *metrics, const evtwin_table *table);

/** Count one failed prediction cycle (evtwin_predictions_total{outcome="error"}). */
EVTWIN_API void evtwin_metrics_count_error(evtwin_metrics *metrics);

/**
 * The exposition text, Prometheus 0.0.4 or, with openmetrics != 0, OpenMetrics 1.0.0. The caller frees
 * it with evtwin_metrics_text_free.
 */
EVTWIN_API evtwin_status evtwin_metrics_text(const evtwin_metrics *metrics, int openmetrics,
                                             char **text_out);
/** NULL is fine. */
EVTWIN_API void evtwin_metrics_text_free(char *text);

/* ---- server ---- */

/** An HTTP server on its own threads. */
typedef struct evtwin_server evtwin_server;

typedef struct evtwin_server_options {
    size_t size;
    const char *listen;        /**< "ADDRESS:PORT"; default "127.0.0.1:5001"; "[::1]:0" picks a free port */
    const char *store;         /**< store URI; NULL = no REST and no page, only /metrics and /health */
    evtwin_metrics *metrics;   /**< shown at /metrics beside the server's own; borrowed; NULL = only its own */
    const char *service;       /**< what /health calls itself; default "evtwin" */
    int n_threads;             /**< default 2 */
    int max_connections;       /**< default 256 */
    int insecure_listen;       /**< 1 permits an address that is not loopback */
} evtwin_server_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_server_options_init(evtwin_server_options *options, size_t size);

/**
 * Start serving; returns once the port is open.
 * @return EVTWIN_E_BUSY if the port is in use, EVTWIN_E_ARG for a malformed or not permitted address,
 * what evtwin_store_open says (the store is opened read-only per thread and may come later: /health answers 503 till then).
 */
EVTWIN_API evtwin_status evtwin_server_start(const evtwin_server_options *options, evtwin_server **out);

/** The port that was bound. */
EVTWIN_API int evtwin_server_port(const evtwin_server *server);

/** Finish requests under way, close, free. NULL is fine. */
EVTWIN_API void evtwin_server_free(evtwin_server *server);

#ifdef __cplusplus
}
#endif
#endif
