/* SPDX-License-Identifier: MIT */
/* serve/route_fleet.c: /api/batteries/list, /api/alerts, /api/thresholds: all batteries at once. */

#include "serve/server.h"

static int add_battery(evtwin__call *call, size_t row) {
    evtwin__answer_row(call, row, "battery_id");
    evtwin__answer_standing(call, row);
    return 1;
}

void evtwin__route_list(evtwin__call *call) {
    if (evtwin__call_read_latest(call, NULL)) {
        evtwin__answer_begin(call);
        evtwin__answer_list(call, "batteries", add_battery);
        evtwin__answer_end(call);
    }
}

/* A battery with the alert rules that it breaks, the standing prediction included: "soh 73.9 < 75".
 */
static int add_alert(evtwin__call *call, size_t row) {
    evtwin__text *body = &call->response->body;
    size_t broken[EVTWIN__MAX_REASONS];
    const size_t n = evtwin_thresholds_broken(call->handle->thresholds, EVTWIN_THRESHOLD_ALERT,
                                              call->current, row, broken, EVTWIN__MAX_REASONS);
    if (n == 0) {
        return 0;
    }
    add_battery(call, row);
    evtwin__text_open(body, "reasons", '[');
    for (size_t i = 0; i < n && i < EVTWIN__MAX_REASONS; i++) {
        char reason[EVTWIN__REASON_SIZE];
        evtwin_thresholds_reason(call->handle->thresholds, broken[i], call->current, row, reason,
                                 sizeof reason);
        evtwin__text_string(body, NULL, reason);
    }
    evtwin__text_put(body, "]");
    return 1;
}

void evtwin__route_alerts(evtwin__call *call) {
    if (evtwin__call_read_latest(call, NULL)) {
        evtwin__answer_begin(call);
        evtwin__answer_list(call, "alerts", add_alert);
        evtwin__answer_end(call);
    }
}

static int add_threshold(evtwin__call *call, size_t row) {
    evtwin__answer_cells(call, row, NULL);
    return 1;
}

void evtwin__route_thresholds(evtwin__call *call) {
    if (evtwin__call_read_context(call) &&
        evtwin__store_answered(call,
                               evtwin_thresholds_table(call->handle->thresholds, &call->rows))) {
        evtwin__answer_begin(call);
        evtwin__answer_list(call, "thresholds", add_threshold);
        evtwin__answer_end(call);
    }
}
