/* SPDX-License-Identifier: MIT */
/* serve/route_fleet.c: /api/batteries/list, /api/alerts, /api/thresholds: all batteries at once. */

#include "serve/server.h"

/* Every battery, or only those with an alert, as an object of the array of that name. */
static void answer_fleet(evtwin__call *call, const char *name, int alerts_only) {
    if (!evtwin__call_read_latest(call, NULL)) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    int64_t count = 0;
    evtwin__text_open(body, name, '[');
    for (size_t row = 0; row < evtwin_table_rows(call->rows); row++) {
        if (alerts_only && evtwin__call_count_alerts(call, row) == 0) {
            continue;
        }
        evtwin__text_open(body, NULL, '{');
        evtwin__answer_row(call, row, 1);
        evtwin__answer_standing(call, row);
        if (alerts_only) {
            evtwin__answer_alerts(call, row);
        }
        evtwin__text_put(body, "}");
        count++;
    }
    evtwin__text_put(body, "]");
    evtwin__text_integer(body, "count", count);
    evtwin__answer_end(call);
}

void evtwin__route_list(evtwin__call *call) {
    answer_fleet(call, "batteries", 0);
}

void evtwin__route_alerts(evtwin__call *call) {
    answer_fleet(call, "alerts", 1);
}

void evtwin__route_thresholds(evtwin__call *call) {
    if (!evtwin__call_read_context(call)) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    const size_t n = evtwin_thresholds_count(call->thresholds);
    evtwin__text_open(body, "thresholds", '[');
    for (size_t i = 0; i < n; i++) {
        evtwin_threshold t = {.size = sizeof t};
        (void)evtwin_thresholds_get(call->thresholds, i, &t, sizeof t);
        evtwin__text_open(body, NULL, '{');
        evtwin__text_string(body, "kind", evtwin_threshold_kind_name(t.kind));
        evtwin__text_string(body, "quantity", t.quantity);
        evtwin__text_string(body, "level", evtwin_health_name(t.level));
        evtwin__text_string(body, "operator", t.is_below ? "<" : ">");
        evtwin__text_number(body, "limit", t.limit);
        evtwin__text_put(body, "}");
    }
    evtwin__text_put(body, "]");
    evtwin__text_integer(body, "count", (int64_t)n);
    evtwin__answer_end(call);
}
