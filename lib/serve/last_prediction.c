/* SPDX-License-Identifier: MIT */
/* serve/last_prediction.c: the prediction that holds for a battery now. */

#include "serve/last_prediction.h"

#include <math.h>
#include <stdio.h>

enum { FEW_ROWS = 6 };

static const int64_t hour_us = INT64_C(3600000000), minute_us = 60000000;

int evtwin__fetch_models(evtwin__call *call, evtwin_table **out) {
    call->store_status = evtwin_store_models(call->store, out);
    if (call->store_status < 0) {
        evtwin__reply_store_error(call, call->store_status);
        return 0;
    }
    return 1;
}

static void copy_text(const evtwin_table *table, size_t col, size_t row, char *out, size_t size) {
    const char *text = col == EVTWIN_NO_COLUMN ? NULL : evtwin_table_text(table, col, row);
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

static void take_from(const evtwin__row_json *rj, size_t row, evtwin__last_prediction *out) {
    const size_t time_col = evtwin_table_find(rj->table, "time");
    out->is_found = 1;
    out->time_us = time_col == EVTWIN_NO_COLUMN ? 0 : evtwin_table_i64(rj->table, time_col)[row];
    out->rul = evtwin__row_number(rj, rj->rul, row);
    out->rul_error = evtwin__row_rul_error(rj, row);
    out->failure = evtwin__row_number(rj, rj->failure, row);
    copy_text(rj->table, rj->note, row, out->note, sizeof out->note);
    copy_text(rj->table, rj->model_version, row, out->model_version, sizeof out->model_version);
}

/* Newest rows of a battery up to a time: the last few, or the last that has a prediction. *out
 * stays NULL if there are none. 0 after the error was answered. */
static int fetch_before(evtwin__call *call, const char *battery, int64_t time_us,
                        int predicted_only, evtwin_table **out) {
    evtwin_history_options options;
    evtwin_history_options_init(&options, sizeof options);
    options.to_us = time_us;
    options.from_us = time_us - (predicted_only ? minute_us : hour_us);
    options.limit = predicted_only ? 1 : FEW_ROWS;
    options.predicted_only = predicted_only;
    call->store_status = evtwin_store_history(call->store, battery, &options, out);
    if (call->store_status < 0) {
        evtwin__reply_store_error(call, call->store_status);
        return 0;
    }
    return 1;
}

/* Take the newest row of the table that waits for nothing; 0 if all do. */
static int take_newest(const evtwin_table *table, const evtwin_table *models,
                       evtwin__last_prediction *out) {
    if (table == NULL) {
        return 0;
    }
    evtwin__row_json rj;
    evtwin__row_json_open(&rj, table, models, 0);
    const size_t rows = evtwin_table_rows(table);
    for (size_t row = 0; row < rows; row++) {
        if (!evtwin__row_is_pending(&rj, row)) {
            take_from(&rj, row, out);
            return 1;
        }
    }
    return 0;
}

/* Look for an earlier row of the same battery: among the last few, where one that is unknown counts
 * too, then among those that have a prediction. 0 after the error was answered. */
static int look_back(evtwin__call *call, const evtwin__row_json *rj, size_t row,
                     evtwin__last_prediction *out) {
    const size_t id_col = evtwin_table_find(rj->table, "battery_id");
    const size_t time_col = evtwin_table_find(rj->table, "time");
    const char *battery =
        id_col == EVTWIN_NO_COLUMN ? NULL : evtwin_table_text(rj->table, id_col, row);
    if (battery == NULL || time_col == EVTWIN_NO_COLUMN) {
        return 1;
    }
    const int64_t time_us = evtwin_table_i64(rj->table, time_col)[row];
    for (int predicted_only = 0; predicted_only <= 1; predicted_only++) {
        evtwin_table *found = NULL;
        if (!fetch_before(call, battery, time_us, predicted_only, &found)) {
            return 0;
        }
        const int is_done = take_newest(found, rj->models, out);
        evtwin_table_free(found);
        if (is_done) {
            break;
        }
    }
    return 1;
}

int evtwin__fetch_last_prediction(evtwin__call *call, const evtwin__row_json *rj, size_t row,
                                  evtwin__last_prediction *out) {
    *out = (evtwin__last_prediction){.rul = NAN, .rul_error = NAN, .failure = NAN};
    if (!evtwin__row_is_pending(rj, row)) {
        take_from(rj, row, out);
    } else if (!look_back(call, rj, row, out)) {
        return 0;
    }
    const double soc = evtwin__row_number(rj, rj->soc, row);
    const double soh = evtwin__row_number(rj, rj->soh, row);
    const double temperature = evtwin__row_number(rj, rj->temperature, row);
    out->health =
        evtwin_health_of(soc, soh, temperature, out->failure, out->reason, sizeof out->reason);
    out->is_alert = evtwin_alert_of(soc, soh, temperature, out->rul, out->failure,
                                    out->alert_reason, sizeof out->alert_reason);
    return 1;
}

void evtwin__last_prediction_write(const evtwin__last_prediction *last, evtwin__body *body) {
    evtwin__body_text(body, "\"prediction\":");
    if (last->is_found) {
        evtwin__body_text(body, "{\"time\":");
        evtwin__body_json_time(body, last->time_us);
        evtwin__body_text(body, ",\"rul_prediction\":");
        evtwin__body_json_f64(body, last->rul);
        evtwin__body_text(body, ",\"rul_error\":");
        evtwin__body_json_f64(body, last->rul_error);
        evtwin__body_text(body, ",\"failure_probability\":");
        evtwin__body_json_f64(body, last->failure);
        evtwin__body_text(body, ",\"prediction_note\":");
        evtwin__body_json_text(body, last->note[0] == '\0' ? NULL : last->note);
        evtwin__body_text(body, ",\"model_version\":");
        evtwin__body_json_text(body, last->model_version[0] == '\0' ? NULL : last->model_version);
        evtwin__body_text(body, "}");
    } else {
        evtwin__body_text(body, "null");
    }
    evtwin__body_text(body, ",\"health\":{\"status\":");
    evtwin__body_json_text(body, evtwin_health_name(last->health));
    evtwin__body_text(body, ",\"reason\":");
    evtwin__body_json_text(body, last->reason);
    evtwin__body_text(body, "}");
}
