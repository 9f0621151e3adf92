/* SPDX-License-Identifier: MIT */
/* evtwin/serve.h: Prometheus metrics, and an HTTP server for REST, the fleet page and /metrics. */
#ifndef EVTWIN_SERVE_H
#define EVTWIN_SERVE_H

#include "evtwin/alert.h"
#include "evtwin/follower.h"
#include "evtwin/screen.h"
#include "evtwin/session.h"
#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- metrics ---- */

/** A set of Prometheus metrics; safe from many threads at once. */
typedef struct evtwin_metrics evtwin_metrics;

/** An empty set. Free with evtwin_metrics_free. */
EVTWIN_API evtwin_status evtwin_metrics_create(evtwin_metrics **out);
/** Free it after the server that uses it. NULL is fine. */
EVTWIN_API void evtwin_metrics_free(evtwin_metrics *metrics);

/**
 * Add a batch of predicted telemetry with columns of our names: it sets a gauge for every quantity
 * that has a metric (evtwin_quantity_get; battery_soc_percent, …, label battery_id; from the newest
 * row of each battery) and battery_predictions_total. An unknown value removes its series instead
 * of showing 0; a battery not seen for an hour loses its gauges. At most 10,000 batteries have
 * series; rows of other batteries are only counted.
 * @return EVTWIN_E_SCHEMA if battery_id or time is absent from the table or missing in a row; the
 * metrics are then as before.
 */
EVTWIN_API evtwin_status evtwin_metrics_observe(evtwin_metrics *metrics, const evtwin_table *table);

/**
 * Take over a session's comparison with the training data, in place of earlier values. For each
 * feature (evtwin_session_range), label feature: evtwin_off_range_rows_total; for percentages,
 * evtwin_fraction_suspected (0 or 1); if there are enough rows to judge, evtwin_feature_psi and
 * evtwin_feature_psi_limit. For the findings (evtwin_session_drift), label cause:
 * evtwin_drift_findings, the number of quantities of the fleet, and evtwin_drift_batteries, the
 * number of single batteries; every cause is always present. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_metrics_observe_session(evtwin_metrics *metrics,
                                                        const evtwin_session *session);

/**
 * Take over the counts of a pump and of a screen (NULL = none), in place of earlier values:
 * evtwin_source_records_total and _refused_records_total; of each sink, labels sink and takes
 * (records or letters), evtwin_sink_up (0 or 1), evtwin_sink_delivered_records_total,
 * _waiting_records, _waiting_bytes, _oldest_waiting_seconds, _lost_records_total,
 * _refused_records_total and _failures_total; evtwin_flagged_records_total, label flag, and
 * evtwin_duplicate_records_total. Call it from the thread that runs the pump. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_metrics_observe_pump(evtwin_metrics *metrics,
                                                     const evtwin_pump *pump,
                                                     const evtwin_screen *screen);

/**
 * Set which models predict, in place of earlier values: evtwin_model_info with the labels
 * model_version (of the rows that they predict), bundle (evtwin_predictor_info.bundle) and, for
 * models of a registry, name, version and run_id. With a follower (NULL = none) also
 * evtwin_registry_up (0 or 1), _from_cache (0 or 1), _looks_total, _failures_total,
 * _refused_versions_total and _age_seconds, as in evtwin_follower_info. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_metrics_observe_models(evtwin_metrics *metrics,
                                                       const evtwin_predictor *predictor,
                                                       const evtwin_follower *follower);

/**
 * Add the duration of the features and predictions of one batch (evtwin_pump_event.predict_s) to
 * the histogram evtwin_prediction_duration_seconds with bounds from 0.001 to 10. A value that is
 * negative or not finite is ignored, as are NULL metrics. Since 0.2.
 */
EVTWIN_API void evtwin_metrics_observe_duration(evtwin_metrics *metrics, double predict_s);

/** Count one failed prediction cycle (evtwin_predictions_total{outcome="error"}). */
EVTWIN_API void evtwin_metrics_count_error(evtwin_metrics *metrics);

/**
 * Report that a cycle (reading, predicting, delivering) has just succeeded and that the next is due
 * within limit_s. If none succeeds in that time, /health of a server with these metrics answers 503
 * until one does. The age of the last successful cycle is evtwin_cycle_age_seconds. Since 0.2.
 */
EVTWIN_API void evtwin_metrics_good_cycle(evtwin_metrics *metrics, double limit_s);

/**
 * The exposition text, Prometheus 0.0.4 or, with openmetrics != 0, OpenMetrics 1.0.0. The caller
 * frees it with evtwin_metrics_text_free.
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
    /** "ADDRESS:PORT", numeric or localhost; default "127.0.0.1:5001"; port 0 picks a free one */
    const char *listen;
    /** store URI; NULL = no REST and no page, only /metrics and /health */
    const char *store;
    /** shown at /metrics in addition to the server's own; borrowed; NULL = only its own */
    evtwin_metrics *metrics;
    const char *service; /**< name of the service in /health; default "evtwin" */
    int n_threads;       /**< 1 to 256, default 2 */
    int max_connections; /**< at least n_threads, at most 10,000; default 256 */
    /** 1 permits an address that is not loopback without token_file and TLS, and any Host header
        unless allow_hosts has names */
    int insecure_listen;
    /** seconds until a battery without new records is called silent, at most 366 days; default 0:
        the longer of 15 s and three times the interval seen between its records. Since 0.2 */
    double silent_after_s;
    /** the same for records that wait for a prediction. Since 0.2 */
    double predictions_stopped_after_s;
    /** file whose first line is the token (16 to 512 characters). Without the token only /health,
     * /livez, /readyz and the login are answered; only the owner may have access to the file. NULL
     * = everyone who can connect may read, and nobody may write. Since 0.2 */
    const char *token_file;
    /** host names under which a proxy passes on requests, in addition to localhost and the bound
     * address, with any port. Since 0.2 */
    const char *const *allow_hosts;
    size_t n_allow_hosts;
    /** used to acknowledge alerts; borrowed; NULL = alerts cannot be acknowledged. Since 0.2 */
    evtwin_alerts *alerts;
    /** 1 with token_file, on the loopback only: reading needs no token, writing does. Since 0.2 */
    int open_reads;
    /** PEM files, both or neither: the certificate followed by its chain, and its key, which must
     * not be readable by everyone. The server then accepts only HTTPS with TLS 1.2 or 1.3. The
     * files are read at the start. An address that is not loopback needs them and token_file, or
     * insecure_listen. Since 0.2 */
    const char *tls_cert_file, *tls_key_file;
    /** reason with which /readyz answers 503 until evtwin_server_set_ready; NULL = ready at once.
     * Since 0.2 */
    const char *unready;
} evtwin_server_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_server_options_init(evtwin_server_options *options, size_t size);

/**
 * Check the options, and the files of token and TLS, as evtwin_server_start does before it opens
 * store and port. *option_out (may be NULL): the member of evtwin_server_options that is at fault,
 * such as "token_file"; static memory, NULL if none is.
 * @return EVTWIN_E_ARG for a malformed or not permitted address, a number out of its range, a token
 * or key file that others can read, a key of another certificate; EVTWIN_E_NOT_FOUND or EVTWIN_E_IO
 * for a file that cannot be read; EVTWIN_E_PARSE for one that is not PEM; EVTWIN_E_UNSUPPORTED for
 * TLS in a build without it. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_server_check(const evtwin_server_options *options,
                                             const char **option_out);

/**
 * Start serving; returns once the port is open. options NULL = the defaults. docs/rest.md describes
 * the endpoints. The store is opened read-only, one handle per thread. It need not exist yet: until
 * it does, /health and the endpoints answer 503. Health, alerts and /api/thresholds follow the
 * limits in the store (evtwin_store_put_thresholds) within a second; the page reloads them every
 * minute.
 * @return what evtwin_server_check returns; EVTWIN_E_BUSY if the port is held by another process;
 * EVTWIN_E_IO if the system refuses the address; EVTWIN_E_UNSUPPORTED in a build without HTTP;
 * otherwise what evtwin_store_open returns, except EVTWIN_E_AGAIN and EVTWIN_E_NOT_FOUND (its
 * folder exists, its file does not).
 */
EVTWIN_API evtwin_status evtwin_server_start(const evtwin_server_options *options,
                                             evtwin_server **out);

/** The port that was bound. */
EVTWIN_API int evtwin_server_port(const evtwin_server *server);

/**
 * Set what /readyz answers after this call. With reason NULL the program is ready: the answer is
 * 200 while /health is 200. Otherwise it is 503 with the reason, which is copied, up to 255 bytes.
 * Safe from any thread. Before a program stops it should call this and then evtwin_server_free, so
 * that it gets no more requests.
 * @return EVTWIN_E_ARG if server is NULL. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_server_set_ready(evtwin_server *server, const char *reason);

/** Stop accepting, give running answers two seconds to finish, interrupt the rest, close, free.
 * NULL is fine. */
EVTWIN_API void evtwin_server_free(evtwin_server *server);

#ifdef __cplusplus
}
#endif
#endif
