/* SPDX-License-Identifier: MIT */
/* evtwin/alert.h: alerts that are raised, acknowledged and cleared, kept in the store, and
 * delivered by web hook and mail. */
#ifndef EVTWIN_ALERT_H
#define EVTWIN_ALERT_H

#include "evtwin/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A watch over the batteries of a store, on threads of its own. It raises an alert for each limit
 * of kind status or alert that a battery breaks (of several limits of a quantity only for the
 * strictest), for a battery that is silent, and for a battery whose predictions have stopped. Each
 * rule of a battery has at most one open alert. An alert is cleared when its rule has not been
 * broken for clear_after_s; a broken limit stays broken until the value is back by a margin
 * (thresholds.h). If there are several watches over a store, one is active; the others wait until
 * it ends. docs/alerts.md. Since 0.2.
 */
typedef struct evtwin_alerts evtwin_alerts;

typedef struct evtwin_alerts_options {
    size_t size;
    const char *store; /**< its URI; need not exist yet; is written to */
    /** a file that only its owner can read, whose first line is the URL (http: or https:) that
        messages are posted to, as JSON that Slack takes; NULL = none */
    const char *webhook_file;
    /** "smtp://USER@HOST:PORT/?password_file=FILE&from=ADDRESS" or smtps:; a remote host has to
        offer STARTTLS unless tls=none; NULL = no mail */
    const char *smtp;
    const char *mail_to;  /**< comma-separated addresses; with smtp */
    const char *ca_file;  /**< PEM of authorities for both; NULL = the system's */
    double group_s;       /**< default 30: least time between two messages; 1 to 86400 */
    double clear_after_s; /**< default 60: how long a rule is not broken before its alert is
                             cleared; 0 to 86400 */
    double silent_after_s, predictions_stopped_after_s; /**< as in evtwin_server_options */
} evtwin_alerts_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_alerts_options_init(evtwin_alerts_options *options, size_t size);

/**
 * Check the options and the files that they name, as evtwin_alerts_start does; nothing is sent, and
 * no store is opened. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_alerts_check(const evtwin_alerts_options *options);

/**
 * Start. Later failures are logged and tried again.
 * @return EVTWIN_E_ARG (an option, URI, URL or address; a file that others can read),
 * EVTWIN_E_NOT_FOUND (a file), EVTWIN_E_PARSE, EVTWIN_E_UNSUPPORTED (deliveries in a build without
 * libcurl).
 */
EVTWIN_API evtwin_status evtwin_alerts_start(const evtwin_alerts_options *options,
                                             evtwin_alerts **out);

/**
 * Acknowledge an alert, as evtwin_store_acknowledge_alert does, through a separate handle: from any
 * thread.
 */
EVTWIN_API evtwin_status evtwin_alerts_acknowledge(evtwin_alerts *alerts, int64_t id,
                                                   const char *by);

/** Stop; waits some seconds for deliveries in progress. NULL is fine. */
EVTWIN_API void evtwin_alerts_free(evtwin_alerts *alerts);

#ifdef __cplusplus
}
#endif
#endif
