/* SPDX-License-Identifier: MIT */
/* serve/route_fleet.c: /api/batteries/list, /api/alerts, /api/thresholds: all batteries at once. */

#include "serve/server.h"

#include "serve/last_prediction.h"
#include "serve/row_json.h"

#include <string.h>

/* "soc 12 < 15, temperature 61 > 60" as an array of its parts. */
static void write_reasons(const char *reason, evtwin__body *body) {
    evtwin__body_text(body, ",\"reasons\":[");
    char part[EVTWIN__REASON_SIZE];
    const char *separator = "";
    while (*reason != '\0') {
        const char *comma = strstr(reason, ", ");
        const size_t length = comma == NULL ? strlen(reason) : (size_t)(comma - reason);
        memcpy(part, reason, length);
        part[length] = '\0';
        evtwin__body_text(body, separator);
        evtwin__body_json_text(body, part);
        separator = ",";
        reason += comma == NULL ? length : length + 2;
    }
    evtwin__body_text(body, "]");
}

/* Add every battery (or only those with an alert) as an object; 0 after the error was answered. */
static int write_fleet(evtwin__call *call, const evtwin_table *rows, const evtwin_table *models,
                       int alerts_only, evtwin__body *body, size_t *n_out) {
    const size_t n = rows == NULL ? 0 : evtwin_table_rows(rows);
    size_t n_written = 0;
    evtwin__row_json rj;
    if (n > 0) {
        evtwin__row_json_open(&rj, rows, models, 1);
    }
    for (size_t i = 0; i < n; i++) {
        evtwin__last_prediction last;
        if (!evtwin__fetch_last_prediction(call, &rj, i, &last)) {
            return 0;
        }
        if (alerts_only && !last.is_alert) {
            continue;
        }
        evtwin__body_text(body, n_written == 0 ? "{" : ",{");
        evtwin__row_json_members(&rj, i, body);
        evtwin__body_text(body, ",");
        evtwin__last_prediction_write(&last, body);
        if (alerts_only) {
            write_reasons(last.alert_reason, body);
        }
        evtwin__body_text(body, "}");
        n_written++;
    }
    *n_out = n_written;
    return 1;
}

static void reply_fleet(evtwin__call *call, const char *name, int alerts_only) {
    evtwin_table *rows = NULL, *models = NULL;
    call->store_status = evtwin_store_latest(call->store, NULL, &rows, NULL);
    if (call->store_status < 0) {
        evtwin__reply_store_error(call, call->store_status);
        return;
    }
    if (evtwin__fetch_models(call, &models)) {
        evtwin__body *body = evtwin__reply_begin(call);
        evtwin__body_json_text(body, name);
        evtwin__body_text(body, ":[");
        size_t n = 0;
        if (write_fleet(call, rows, models, alerts_only, body, &n)) {
            evtwin__body_text(body, "],\"count\":");
            evtwin__body_i64(body, (int64_t)n);
            evtwin__body_text(body, ",");
            evtwin__reply_end(call);
        }
    }
    evtwin_table_free(models);
    evtwin_table_free(rows);
}

void evtwin__route_list(evtwin__call *call) {
    reply_fleet(call, "batteries", 0);
}

void evtwin__route_alerts(evtwin__call *call) {
    reply_fleet(call, "alerts", 1);
}

void evtwin__route_thresholds(evtwin__call *call) {
    evtwin__body *body = evtwin__reply_begin(call);
    evtwin__body_text(body, "\"thresholds\":[");
    evtwin_thresholds *contract = NULL;
    (void)evtwin_thresholds_create(&contract);
    const size_t n = evtwin_thresholds_count(contract);
    for (size_t i = 0; i < n; i++) {
        evtwin_threshold t;
        if (evtwin_thresholds_get(contract, i, &t, sizeof t) < 0) {
            continue;
        }
        evtwin__body_text(body, i == 0 ? "{\"kind\":" : ",{\"kind\":");
        evtwin__body_json_text(body, evtwin_threshold_kind_name(t.kind));
        evtwin__body_text(body, ",\"quantity\":");
        evtwin__body_json_text(body, t.quantity);
        evtwin__body_text(body, ",\"level\":");
        evtwin__body_json_text(body, evtwin_health_name(t.level));
        evtwin__body_text(body, t.is_below ? ",\"operator\":\"<\",\"limit\":"
                                           : ",\"operator\":\">\",\"limit\":");
        evtwin__body_json_f64(body, t.limit);
        evtwin__body_text(body, "}");
    }
    evtwin_thresholds_free(contract);
    evtwin__body_text(body, "],\"count\":");
    evtwin__body_i64(body, (int64_t)n);
    evtwin__body_text(body, ",");
    evtwin__reply_end(call);
}
