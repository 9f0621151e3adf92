/* SPDX-License-Identifier: MIT */
/* serve/alert_lane.h: a way of delivery: where it leads, and a thread that delivers one message at
 * a time, so that a slow server delays nothing else. */
#ifndef EVTWIN_SERVE_ALERT_LANE_H
#define EVTWIN_SERVE_ALERT_LANE_H

#include "evtwin/alert.h"

#include "serve/alert_message.h"

typedef struct evtwin__alert_lane evtwin__alert_lane;

/* The way of the options; *out NULL if they have none. finished is called on the lane's thread when
 * a delivery has ended. EVTWIN_E_ARG, EVTWIN_E_NOT_FOUND, EVTWIN_E_PARSE (files, URIs, addresses);
 * EVTWIN_E_UNSUPPORTED without libcurl. */
evtwin_status evtwin__alert_lane_start(const evtwin_alerts_options *options, int way,
                                       void (*finished)(void *ctx), void *ctx,
                                       evtwin__alert_lane **out);

/* Give up what is being delivered. NULL is fine. */
void evtwin__alert_lane_stop(evtwin__alert_lane *lane);

/* Deliver a message, which is taken; first_id names it. The lane is not busy. */
void evtwin__alert_lane_take(evtwin__alert_lane *lane, evtwin__alert_message *message,
                             int64_t first_id);

/* From taking a message until its result is asked for: the next one must not get that result. */
int evtwin__alert_lane_is_busy(evtwin__alert_lane *lane);

typedef struct evtwin__alert_result {
    evtwin_status status;
    size_t n_refused;     /* addresses of a mail that others got */
    double retry_after_s; /* after a failure: the server's wish, 0 = none */
    char reason[700];     /* of a failure, or who was refused; else "" */
} evtwin__alert_result;

/* 1 if a delivery has ended since the last call. */
int evtwin__alert_lane_result(evtwin__alert_lane *lane, evtwin__alert_result *out);

/* "web hook at example.com" */
const char *evtwin__alert_lane_name(const evtwin__alert_lane *lane);

#endif
