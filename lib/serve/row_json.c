/* SPDX-License-Identifier: MIT */
/* serve/row_json.c: rows of a store table as JSON objects, with what is known beside them. */

#include "core/health.h"
#include "serve/row_json.h"

#include <math.h>
#include <string.h>

void evtwin__row_json_open(evtwin__row_json *rj, const evtwin_table *table,
                           const evtwin_table *models, int battery_first) {
    rj->table = table;
    rj->models = models;
    rj->n_cols = 0;

    const size_t battery = evtwin_table_find(table, "battery_id");
    if (battery_first && battery != EVTWIN_NO_COLUMN) {
        rj->order[rj->n_cols++] = battery;
    }
    const size_t cols = evtwin_table_cols(table);
    for (size_t col = 0; col < cols && rj->n_cols < EVTWIN__ROW_MAX_COLS; col++) {
        if (!battery_first || col != battery) {
            rj->order[rj->n_cols++] = col;
        }
    }

    rj->soc = evtwin_table_find(table, "soc");
    rj->soh = evtwin_table_find(table, "soh");
    rj->temperature = evtwin_table_find(table, "temperature");
    rj->rul = evtwin_table_find(table, "rul_prediction");
    rj->failure = evtwin_table_find(table, "failure_probability");
    rj->model_version = evtwin_table_find(table, "model_version");
    rj->note = evtwin_table_find(table, "prediction_note");
    rj->prediction_time = evtwin_table_find(table, "prediction_timestamp");
}

double evtwin__row_number(const evtwin__row_json *rj, size_t col, size_t row) {
    return col == EVTWIN_NO_COLUMN ? NAN : evtwin_table_number(rj->table, col, row);
}

int evtwin__row_is_pending(const evtwin__row_json *rj, size_t row) {
    const size_t col[] = {rj->rul, rj->failure, rj->note, rj->prediction_time};
    for (size_t i = 0; i < sizeof col / sizeof col[0]; i++) {
        if (col[i] != EVTWIN_NO_COLUMN && evtwin_table_is_valid(rj->table, col[i], row)) {
            return 0;
        }
    }
    return 1;
}

double evtwin__row_rul_error(const evtwin__row_json *rj, size_t row) {
    const char *version = rj->model_version == EVTWIN_NO_COLUMN
                              ? NULL
                              : evtwin_table_text(rj->table, rj->model_version, row);
    if (version == NULL || rj->models == NULL || isnan(evtwin__row_number(rj, rj->rul, row))) {
        return NAN; /* what is not predicted has no error */
    }
    const size_t version_col = evtwin_table_find(rj->models, "model_version");
    const size_t target_col = evtwin_table_find(rj->models, "target");
    const size_t rmse_col = evtwin_table_find(rj->models, "rmse");
    const size_t n_models = evtwin_table_rows(rj->models);
    for (size_t i = 0; i < n_models && version_col != EVTWIN_NO_COLUMN; i++) {
        const char *known = evtwin_table_text(rj->models, version_col, i);
        const char *target = evtwin_table_text(rj->models, target_col, i);
        if (known != NULL && strcmp(known, version) == 0 && target != NULL &&
            strcmp(target, "rul") == 0) {
            return evtwin_table_number(rj->models, rmse_col, i);
        }
    }
    return NAN;
}

static void add_value(const evtwin_table *table, size_t col, size_t row, evtwin__body *body) {
    if (!evtwin_table_is_valid(table, col, row)) {
        evtwin__body_text(body, "null");
        return;
    }
    switch (evtwin_table_type(table, col)) {
    case EVTWIN_F64:
        evtwin__body_json_f64(body, evtwin_table_f64(table, col)[row]);
        break;
    case EVTWIN_I64:
        evtwin__body_i64(body, evtwin_table_i64(table, col)[row]);
        break;
    case EVTWIN_TIME:
        evtwin__body_json_time(body, evtwin_table_i64(table, col)[row]);
        break;
    case EVTWIN_BOOL:
        evtwin__body_text(body, evtwin_table_number(table, col, row) != 0.0 ? "true" : "false");
        break;
    case EVTWIN_TEXT:
        evtwin__body_json_text(body, evtwin_table_text(table, col, row));
        break;
    }
}

void evtwin__row_json_members(const evtwin__row_json *rj, size_t row, evtwin__body *body) {
    for (size_t i = 0; i < rj->n_cols; i++) {
        const size_t col = rj->order[i];
        evtwin__body_json_text(body, evtwin_table_name(rj->table, col));
        evtwin__body_add(body, ":", 1);
        add_value(rj->table, col, row, body);
        evtwin__body_add(body, ",", 1);
    }

    char reason[EVTWIN__REASON_SIZE];
    (void)evtwin_health_of(evtwin__row_number(rj, rj->soc, row),
                           evtwin__row_number(rj, rj->soh, row),
                           evtwin__row_number(rj, rj->temperature, row),
                           evtwin__row_number(rj, rj->failure, row), reason, sizeof reason);
    evtwin__body_text(body, "\"status_reason\":");
    evtwin__body_json_text(body, reason);
    evtwin__body_text(body, ",\"rul_error\":");
    evtwin__body_json_f64(body, evtwin__row_rul_error(rj, row));
}
