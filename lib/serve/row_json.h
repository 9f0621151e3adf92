/* SPDX-License-Identifier: MIT */
/* serve/row_json.h: rows of a store table as JSON objects, with what is known beside them. */
#ifndef EVTWIN_SERVE_ROW_JSON_H
#define EVTWIN_SERVE_ROW_JSON_H

#include "evtwin/store.h"
#include "evtwin/telemetry.h"

#include "serve/body.h"

enum { EVTWIN__ROW_MAX_COLS = 64, EVTWIN__REASON_SIZE = 256 };

/* The columns of one table, looked up once for all its rows. */
typedef struct evtwin__row_json {
    const evtwin_table *table;
    const evtwin_table *models; /* of evtwin_store_models; NULL = none known */
    size_t n_cols;
    size_t order[EVTWIN__ROW_MAX_COLS]; /* columns in the order they are written */
    size_t soc, soh, temperature, rul, failure, model_version, note, prediction_time;
} evtwin__row_json;

/* battery_first puts battery_id before all else; otherwise the table's order is kept. */
void evtwin__row_json_open(evtwin__row_json *rj, const evtwin_table *table,
                           const evtwin_table *models, int battery_first);

/* The members of the row without braces: every column under its name, then status_reason and
 * rul_error (the held-out RMSE of the row's model, null where there is no rul_prediction). */
void evtwin__row_json_members(const evtwin__row_json *rj, size_t row, evtwin__body *body);

/* Number of a column in a row, NaN where the table has no such column. */
double evtwin__row_number(const evtwin__row_json *rj, size_t col, size_t row);

/* 1 if nothing has tried to predict this row yet: neither a value nor a note is there. */
int evtwin__row_is_pending(const evtwin__row_json *rj, size_t row);

/* Held-out RMSE of the row's model in cycles, NaN if unknown. */
double evtwin__row_rul_error(const evtwin__row_json *rj, size_t row);

#endif
