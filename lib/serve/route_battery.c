/* SPDX-License-Identifier: MIT */
/* serve/route_battery.c: /api/battery/…: what one battery does, did and is predicted to do. */

#include "serve/server.h"

#include "serve/last_prediction.h"
#include "serve/row_json.h"

#include <string.h>

/* Newest row of a battery; 0 after the error was answered. */
static int get_latest(evtwin__call *call, const char *battery, evtwin_table **out) {
    call->store_status = evtwin_store_latest(call->store, battery, out, NULL);
    if (call->store_status < 0) {
        evtwin__reply_store_error(call, call->store_status);
        return 0;
    }
    if (call->store_status == EVTWIN_DONE) {
        evtwin__reply_error(call, 404, "there is no battery %s", battery);
        return 0;
    }
    return 1;
}

void evtwin__route_latest(evtwin__call *call) {
    const char *battery;
    evtwin_table *rows = NULL, *models = NULL;
    if (evtwin__param_battery(call, &battery) && get_latest(call, battery, &rows) &&
        evtwin__fetch_models(call, &models)) {
        evtwin__row_json rj;
        evtwin__row_json_open(&rj, rows, models, 0);
        evtwin__last_prediction last;
        if (evtwin__fetch_last_prediction(call, &rj, 0, &last)) {
            evtwin__body *body = evtwin__reply_begin(call);
            evtwin__body_text(body, "\"data\":{");
            evtwin__row_json_members(&rj, 0, body);
            evtwin__body_text(body, ",");
            evtwin__last_prediction_write(&last, body);
            evtwin__body_text(body, "},");
            evtwin__reply_end(call);
        }
    }
    evtwin_table_free(models);
    evtwin_table_free(rows);
}

/* Rows and "next": the cursor of the page after this one, null if this one was not full. */
static void write_page(evtwin__body *body, const char *name, const evtwin_table *rows,
                       const evtwin_table *models, size_t limit) {
    const size_t n = rows == NULL ? 0 : evtwin_table_rows(rows);
    evtwin__body_json_text(body, name);
    evtwin__body_text(body, ":[");
    evtwin__row_json rj;
    if (n > 0) {
        evtwin__row_json_open(&rj, rows, models, 0);
    }
    for (size_t i = 0; i < n; i++) {
        evtwin__body_text(body, i == 0 ? "{" : ",{");
        evtwin__row_json_members(&rj, i, body);
        evtwin__body_text(body, "}");
    }
    evtwin__body_text(body, "],\"count\":");
    evtwin__body_i64(body, (int64_t)n);
    evtwin__body_text(body, ",\"next\":");
    const size_t time_col = n < limit ? EVTWIN_NO_COLUMN : evtwin_table_find(rows, "time");
    const size_t seq_col = n < limit ? EVTWIN_NO_COLUMN : evtwin_table_find(rows, "seq");
    if (time_col != EVTWIN_NO_COLUMN && seq_col != EVTWIN_NO_COLUMN) {
        evtwin__cursor_write(body, evtwin_table_i64(rows, time_col)[n - 1],
                             evtwin_table_i64(rows, seq_col)[n - 1]);
    } else {
        evtwin__body_text(body, "null");
    }
    evtwin__body_text(body, ",");
}

/* Answer one page of a battery's rows; hours 0 = of any age. */
static void reply_page(evtwin__call *call, const char *battery, const char *name,
                       const evtwin_history_options *options, double hours) {
    evtwin_table *rows = NULL, *known = NULL, *models = NULL;
    call->store_status = evtwin_store_history(call->store, battery, options, &rows);
    if (call->store_status < 0) {
        evtwin__reply_store_error(call, call->store_status);
        return;
    }
    /* an empty page of a known battery is no error */
    const int is_known = rows != NULL || get_latest(call, battery, &known);
    if (is_known && evtwin__fetch_models(call, &models)) {
        evtwin__body *body = evtwin__reply_begin(call);
        write_page(body, name, rows, models, options->limit);
        if (hours > 0.0) {
            evtwin__body_text(body, "\"period_hours\":");
            evtwin__body_f64(body, hours);
            evtwin__body_text(body, ",");
        }
        evtwin__reply_end(call);
    }
    evtwin_table_free(models);
    evtwin_table_free(known);
    evtwin_table_free(rows);
}

void evtwin__route_history(evtwin__call *call) {
    const char *battery;
    double hours;
    evtwin_history_options options;
    evtwin_history_options_init(&options, sizeof options);
    if (evtwin__param_battery(call, &battery) && evtwin__param_hours(call, 1.0, &hours) &&
        evtwin__param_window(call, hours, &options.from_us, &options.to_us) &&
        evtwin__param_limit(call, 1000, 1000, &options.limit) &&
        evtwin__param_cursor(call, &options.before_time_us, &options.before_seq)) {
        reply_page(call, battery, "data", &options, hours);
    }
}

void evtwin__route_predictions(evtwin__call *call) {
    const char *battery;
    evtwin_history_options options;
    evtwin_history_options_init(&options, sizeof options);
    options.predicted_only = 1;
    if (evtwin__param_battery(call, &battery) &&
        evtwin__param_limit(call, 100, 1000, &options.limit) &&
        evtwin__param_cursor(call, &options.before_time_us, &options.before_seq)) {
        reply_page(call, battery, "predictions", &options, 0.0);
    }
}

static void write_stats(evtwin__body *body, const evtwin_store_stats *s) {
    const struct {
        const char *key;
        double value;
    } members[] = {
        {"avg_soc", s->avg_soc},
        {"min_soc", s->min_soc},
        {"max_soc", s->max_soc},
        {"avg_soh", s->avg_soh},
        {"avg_temperature", s->avg_temperature},
        {"max_temperature", s->max_temperature},
        {"avg_voltage", s->avg_voltage},
        {"avg_current", s->avg_current},
        {"total_cycles", s->total_cycles},
        {"avg_rul", s->avg_rul},
        {"avg_failure_risk", s->avg_failure_risk},
    };
    evtwin__body_text(body, "\"stats\":{\"total_records\":");
    evtwin__body_i64(body, s->total_records);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        evtwin__body_text(body, ",");
        evtwin__body_json_text(body, members[i].key);
        evtwin__body_text(body, ":");
        evtwin__body_json_f64(body, members[i].value);
    }
    evtwin__body_text(body, "},");
}

void evtwin__route_stats(evtwin__call *call) {
    const char *battery;
    double hours;
    int64_t from_us, to_us;
    if (!evtwin__param_battery(call, &battery) || !evtwin__param_hours(call, 24.0, &hours) ||
        !evtwin__param_window(call, hours, &from_us, &to_us)) {
        return;
    }
    evtwin_store_stats stats;
    call->store_status =
        evtwin_store_stats_get(call->store, battery, from_us, to_us, &stats, sizeof stats);
    if (call->store_status < 0) {
        evtwin__reply_store_error(call, call->store_status);
        return;
    }
    evtwin_table *known = NULL;
    if (call->store_status != EVTWIN_DONE || get_latest(call, battery, &known)) {
        evtwin__body *body = evtwin__reply_begin(call);
        write_stats(body, &stats);
        evtwin__body_text(body, "\"period_hours\":");
        evtwin__body_f64(body, hours);
        evtwin__body_text(body, ",");
        evtwin__reply_end(call);
    }
    evtwin_table_free(known);
}
