/* SPDX-License-Identifier: MIT */
/* store/store_row.c: a caller's rows on their way into ev_telemetry, and the small tables that are
 * kept as they come. */

#include "core/status.h"
#include "core/thresholds.h"
#include "store/backend.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#ifdef EVTWIN_BREAK_NO_KEY
#include <unistd.h>
#endif

/* When a prediction was stored is the store's to say, except in a copy of another store's row. */
static int is_read(evtwin__rows_use use, size_t q) {
    return use == EVTWIN__ROWS_INSERT || evtwin__is_key(q) ||
           (evtwin__is_of(q, EVTWIN__PREDICTIONS) && q != EVTWIN__Q_PREDICTION_TIMESTAMP);
}

/* Most values need nothing done to them. */
static const double *plain_values(const evtwin__bound *from, size_t q) {
    const int is_plain =
        evtwin__schema[q].type == EVTWIN_F64 && from->factor == 1.0 && !from->is_absolute;
    return is_plain ? from->f64 : NULL;
}

evtwin_status evtwin__rows_open(evtwin__rows *rows, const evtwin_table *table,
                                evtwin__rows_use use) {
    EVTWIN_TRY(evtwin__bind(table, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, &rows->binding));
    rows->use = use;
    rows->n_read = 0;
    rows->has_predictions = 0;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (is_read(use, q) &&
            (evtwin__is_key(q) || evtwin__binding_has_values(&rows->binding, q))) {
            rows->plain[rows->n_read] = plain_values(&rows->binding.bound[q], q);
            rows->read[rows->n_read++] = (uint8_t)q;
            rows->has_predictions |= evtwin__is_of(q, EVTWIN__PREDICTIONS);
        }
    }
    const size_t revision = evtwin_table_find(table, "revision");
    rows->was_revision = use == EVTWIN__ROWS_PREDICT && revision != EVTWIN_NO_COLUMN &&
                                 evtwin_table_type(table, revision) == EVTWIN_I64
                             ? evtwin_table_i64(table, revision)
                             : NULL;
    EVTWIN_FAIL_IF(use == EVTWIN__ROWS_PREDICT &&
                       rows->binding.bound[EVTWIN__Q_SEQ].col == EVTWIN_NO_COLUMN,
                   EVTWIN_E_SCHEMA, "the table has no column seq");
    return evtwin__binding_check_keys(&rows->binding);
}

int evtwin__row_is_predicted(const evtwin__value *value) {
    int is_predicted = value[EVTWIN__Q_PREDICTION_NOTE].is_present;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        is_predicted |= value[evtwin__target_prediction(t)].is_present;
    }
    return is_predicted;
}

const char *const evtwin__bad_key_notes[EVTWIN__N_BAD] = {
    [EVTWIN__BAD_TIME] = "unknown, because its time cannot be read",
    [EVTWIN__BAD_ID] = "unknown, because its battery id is not valid",
    [EVTWIN__BAD_SEQ] = "unknown, because its seq is negative"};

evtwin__bad_key evtwin__bad_key_find(const evtwin_table *table, size_t row) {
    return !evtwin_table_is_valid(table, EVTWIN__Q_TIME, row) ? EVTWIN__BAD_TIME
           : !evtwin_battery_id_is_valid(evtwin_table_text(table, EVTWIN__Q_BATTERY_ID, row))
               ? EVTWIN__BAD_ID
           : evtwin_table_i64(table, EVTWIN__Q_SEQ)[row] < 0 ? EVTWIN__BAD_SEQ
                                                             : EVTWIN__N_BAD;
}

static evtwin_status check_prediction(const evtwin__rows *rows, size_t i,
                                      const evtwin__value *value) {
    const char *battery = value[EVTWIN__Q_BATTERY_ID].text;
    for (size_t k = 0; k < rows->n_read && rows->has_predictions; k++) {
        const size_t q = rows->read[k];
        const evtwin_status st = evtwin__is_of(q, EVTWIN__PREDICTIONS)
                                     ? evtwin__value_check_range(q, &value[q])
                                     : EVTWIN_OK;
        if (st < 0) {
            return evtwin__fail_in(st, "row %zu (battery %s)", i + 1, battery);
        }
    }
    EVTWIN_FAIL_IF(rows->use == EVTWIN__ROWS_PREDICT && !evtwin__row_is_predicted(value),
                   EVTWIN_E_DATA, "row %zu (battery %s) has neither a prediction nor a note", i + 1,
                   battery);
    return EVTWIN_OK;
}

evtwin_status evtwin__rows_get(const evtwin__rows *rows, size_t i, evtwin__value *value) {
    assert(i < rows->binding.rows);
    for (size_t k = 0; k < rows->n_read; k++) {
        const size_t q = rows->read[k];
        const double *plain = rows->plain[k];
        if (plain != NULL && isfinite(plain[i])) {
            value[q].is_present = 1;
            value[q].f64 = plain[i] + 0.0; /* no negative zero */
        } else {
            EVTWIN_TRY(evtwin__binding_get(&rows->binding, q, i, &value[q]));
        }
    }
    evtwin__value *seq = &value[EVTWIN__Q_SEQ];
    const char *battery = value[EVTWIN__Q_BATTERY_ID].text;
    if (!seq->is_present || rows->binding.bound[EVTWIN__Q_SEQ].col == EVTWIN_NO_COLUMN) {
        EVTWIN_FAIL_IF(rows->use == EVTWIN__ROWS_PREDICT, EVTWIN_E_SCHEMA,
                       "row %zu (battery %s) has no seq", i + 1, battery);
        *seq = (evtwin__value){.is_present = 1, .i64 = evtwin__row_seq(value)};
    } else if (seq->i64 < 0) {
        EVTWIN_FAIL(EVTWIN_E_RANGE, "row %zu (battery %s): seq is negative", i + 1, battery);
    }
#ifdef EVTWIN_BREAK_NO_KEY /* and that a record which comes again is taken for another one */
    if (rows->use == EVTWIN__ROWS_INSERT) {
        seq->i64 = (seq->i64 & INT32_MAX) | (int64_t)getpid() << 32;
    }
#endif
    return check_prediction(rows, i, value);
}

/* ---- small tables ---- */

#define TEXT(name)                                                                                 \
    { name, EVTWIN_TEXT }
#define F64(name)                                                                                  \
    { name, EVTWIN_F64 }

/* clang-format off */
const evtwin__kept evtwin__kept_tables[EVTWIN__N_KEPT] = {
    [EVTWIN__KEPT_STATES] = {
        "ev_state", "battery_id", .n_columns = 4, .n_required = 1, .n_ordered = 2,
        .column = {TEXT("battery_id"), {"time", EVTWIN_TIME}, {"seq", EVTWIN_I64}, TEXT("state")}},
    [EVTWIN__KEPT_SCORES] = {
        "ev_model", "rowid DESC", .n_columns = 10, .n_required = 2,
        .column = {TEXT("model_version"), TEXT("target"), {"trained_at", EVTWIN_TIME}, F64("r2"),
                   F64("rmse"), F64("mae"), F64("auc"), F64("average_precision"), F64("accuracy"),
                   F64("brier")}},
    [EVTWIN__KEPT_LIMITS] = {
        "ev_threshold", "rowid", .is_replaced = 1, .n_columns = 5, .n_required = 4,
        .column = {TEXT("kind"), TEXT("quantity"), TEXT("level"), TEXT("operator"), F64("limit")}},
};
/* clang-format on */

/* When the standing prediction was made for, the health and what it remembers, when and how often
 * rows and predictions come, since when they are waited for. */
const evtwin__kept_column evtwin__standing_columns[EVTWIN__N_STANDING] = {
    {"predicted_time", EVTWIN_TIME}, {"health", EVTWIN_TEXT},
    {"health_since", EVTWIN_TIME},   {EVTWIN__BROKEN_COLUMN, EVTWIN_TEXT},
    {"arrived_at", EVTWIN_TIME},     {"arrival_interval_s", EVTWIN_F64},
    {"predicted_at", EVTWIN_TIME},   {"prediction_interval_s", EVTWIN_F64},
    {"waiting_since", EVTWIN_TIME}};

evtwin_status evtwin__kept_check(evtwin__kept_id which, const evtwin_table *table) {
    const evtwin__kept *kept = &evtwin__kept_tables[which];
    for (size_t c = 0; c < kept->n_columns; c++) {
        const char *name = kept->column[c].name;
        const size_t col = evtwin_table_find(table, name);
        EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN ||
                           evtwin_table_type(table, col) != kept->column[c].type,
                       EVTWIN_E_SCHEMA, "the table has no column %s, or it has another type", name);
        for (size_t row = 0; c < kept->n_required && row < evtwin_table_rows(table); row++) {
            const char *text = evtwin_table_text(table, col, row);
            EVTWIN_FAIL_IF(text == NULL || text[0] == '\0', EVTWIN_E_ARG, "row %zu has no %s",
                           row + 1, name);
        }
    }
    return EVTWIN_OK;
}
