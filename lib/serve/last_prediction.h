/* SPDX-License-Identifier: MIT */
/* serve/last_prediction.h: the prediction that holds for a battery now.
 *
 * Telemetry comes more often than predictions are made, so the newest row mostly waits for its own.
 * Between two predictions the last one still stands: without this, RUL, risk and status would come
 * and go on the page every few seconds, and with them the alerts. */
#ifndef EVTWIN_SERVE_LAST_PREDICTION_H
#define EVTWIN_SERVE_LAST_PREDICTION_H

#include "core/health.h"
#include "serve/row_json.h"
#include "serve/server.h"

typedef struct evtwin__last_prediction {
    int is_found;    /* 0: everything below is unknown */
    int64_t time_us; /* of the row it was made for */
    double rul, rul_error, failure;
    char note[160], model_version[32];
    evtwin_health health; /* of the newest row, this prediction taken in */
    char reason[EVTWIN__REASON_SIZE];
    int is_alert;
    char alert_reason[EVTWIN__REASON_SIZE];
} evtwin__last_prediction;

/* The held-out errors of the models; *out stays NULL if there are none. 0 after the error was
 * answered. */
int evtwin__fetch_models(evtwin__call *call, evtwin_table **out);

/* The prediction that holds at a newest row, its own or an earlier one. 0 after the error was
 * answered. */
int evtwin__fetch_last_prediction(evtwin__call *call, const evtwin__row_json *rj, size_t row,
                                  evtwin__last_prediction *out);

/* "prediction":{…} or null, then "health":{"status":…,"reason":…}. */
void evtwin__last_prediction_write(const evtwin__last_prediction *last, evtwin__body *body);

#endif
