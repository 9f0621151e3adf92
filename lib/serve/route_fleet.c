/* SPDX-License-Identifier: MIT */
/* serve/route_fleet.c: all batteries at once: the list, the alerts, and the limits behind them. */

#include "serve/routes.h"

static int add_battery(evtwin__call *call, size_t row) {
    evtwin__answer_row(call, row, "battery_id");
    evtwin__answer_standing(call, row);
    return 1;
}

static void answer_fleet(evtwin__call *call, const char *name,
                         int (*add)(evtwin__call *call, size_t row)) {
    evtwin__answer_begin(call);
    evtwin__answer_list(call, name, add);
    evtwin__answer_summary(call);
    evtwin__answer_end(call);
}

void evtwin__route_list(evtwin__call *call) {
    if (evtwin__call_read_latest(call, NULL) && evtwin__call_sort(call)) {
        answer_fleet(call, "batteries", add_battery);
    }
}

/* A battery with the alert rules that it breaks, the standing prediction included: "soh 73.9 < 75".
 */
static int add_alert(evtwin__call *call, size_t row) {
    if (call->condition[row].needs == 0) {
        return 0;
    }
    add_battery(call, row);
    evtwin__answer_reasons(call, "reasons", row);
    return 1;
}

void evtwin__route_alerts(evtwin__call *call) {
    if (evtwin__call_read_latest(call, NULL) && evtwin__call_sort(call)) {
        answer_fleet(call, "alerts", add_alert);
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
