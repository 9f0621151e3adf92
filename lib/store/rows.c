/* SPDX-License-Identifier: MIT */
/* store/rows.c: a caller's table seen as rows of ev_telemetry: our names, our units, checked. */

#include "store/rows.h"

#include "evtwin/telemetry.h"

#include "core/status.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const evtwin__store_column_info evtwin__store_columns[EVTWIN__COL_COUNT] = {
#define COLUMN_INFO(NAME, name, type, unit) {#name, type, unit},
    EVTWIN__STORE_COLUMNS(COLUMN_INFO)
#undef COLUMN_INFO
};

/* ---- which column is what ---- */

static int is_read(evtwin__rows_use use, size_t c) {
    switch (c) {
    case EVTWIN__COL_TIME:
    case EVTWIN__COL_BATTERY_ID:
    case EVTWIN__COL_SEQ:
    case EVTWIN__COL_RUL_PREDICTION:
    case EVTWIN__COL_RUL_LOW:
    case EVTWIN__COL_RUL_HIGH:
    case EVTWIN__COL_FAILURE_PROBABILITY:
    case EVTWIN__COL_PREDICTION_NOTE:
    case EVTWIN__COL_MODEL_VERSION:
        return 1;
    case EVTWIN__COL_PREDICTION_TIMESTAMP:
        return use == EVTWIN__ROWS_INSERT;
    default:
        return use == EVTWIN__ROWS_INSERT && c < EVTWIN__COL_TELEMETRY_COUNT;
    }
}

/* Can a column of this type hold values of a store column of that type? Numbers in any form can. */
static int is_convertible(evtwin_type from, evtwin_type to) {
    const int from_number = from == EVTWIN_F64 || from == EVTWIN_I64 || from == EVTWIN_BOOL;
    const int to_number = to == EVTWIN_F64 || to == EVTWIN_I64 || to == EVTWIN_BOOL;
    return from == to || (from_number && to_number);
}

static const char *type_name(evtwin_type type) {
    switch (type) {
    case EVTWIN_TIME:
        return "a time";
    case EVTWIN_TEXT:
        return "text";
    case EVTWIN_BOOL:
        return "true or false";
    case EVTWIN_F64:
    case EVTWIN_I64:
    default:
        return "a number";
    }
}

static evtwin_status find_column(evtwin__rows *rows, size_t c) {
    const evtwin__store_column_info *info = &evtwin__store_columns[c];
    const evtwin_table *table = rows->table;
    const size_t col = c < EVTWIN__COL_TELEMETRY_COUNT ? evtwin_telemetry_find(table, info->name)
                                                       : evtwin_table_find(table, info->name);
    if (col == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    const evtwin_type type = evtwin_table_type(table, col);
    if (!is_convertible(type, info->type)) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "column %s is %s; %s must be %s",
                    evtwin_table_name(table, col), type_name(type), info->name,
                    type_name(info->type));
    }
    double factor = 1.0;
    if (c < EVTWIN__COL_TELEMETRY_COUNT) {
        const evtwin_status st = evtwin_telemetry_factor(table, col, &factor);
        if (st < 0) {
            return st;
        }
    }
    rows->from[c].col = col;
    rows->from[c].type = type;
    rows->from[c].factor = factor;
    return EVTWIN_OK;
}

static evtwin_status require(const evtwin__rows *rows, size_t c) {
    if (rows->from[c].col == EVTWIN_NO_COLUMN) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "the table has no column %s", evtwin__store_columns[c].name);
    }
    return EVTWIN_OK;
}

/* ---- keys ---- */

static evtwin_status check_keys(const evtwin__rows *rows) {
    const size_t id_col = rows->from[EVTWIN__COL_BATTERY_ID].col;
    const size_t time_col = rows->from[EVTWIN__COL_TIME].col;
    const int64_t *time_us = evtwin_table_i64(rows->table, time_col);
    const char *checked =
        NULL; /* texts of a dictionary are shared: runs of one id are checked once */
    for (size_t i = 0; i < rows->n; i++) {
        const char *id = evtwin_table_text(rows->table, id_col, i);
        if (id == NULL) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "row %zu has no battery_id", i + 1);
        }
        if (id != checked && !evtwin_battery_id_is_valid(id)) {
            EVTWIN_FAIL(EVTWIN_E_ARG,
                        "row %zu: '%.60s' is no battery id (1 to 50 of A-Z a-z 0-9 . _ : -)", i + 1,
                        id);
        }
        checked = id;
        if (!evtwin_table_is_valid(rows->table, time_col, i)) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "row %zu (battery %s) has no time", i + 1, id);
        }
        if (time_us[i] < EVTWIN__STORE_FIRST_US || time_us[i] > EVTWIN__STORE_LAST_US) {
            EVTWIN_FAIL(EVTWIN_E_RANGE, "row %zu (battery %s): its time is not in the years 0-9999",
                        i + 1, id);
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__rows_open(evtwin__rows *rows, const evtwin_table *table,
                                evtwin__rows_use use) {
    *rows = (evtwin__rows){.table = table, .n = evtwin_table_rows(table), .use = use};
    for (size_t c = 0; c < EVTWIN__COL_COUNT; c++) {
        rows->from[c].col = EVTWIN_NO_COLUMN;
        if (is_read(use, c)) {
            const evtwin_status st = find_column(rows, c);
            if (st < 0) {
                return st;
            }
        }
    }
    evtwin_status st = EVTWIN_OK;
    if ((st = require(rows, EVTWIN__COL_BATTERY_ID)) < 0 ||
        (st = require(rows, EVTWIN__COL_TIME)) < 0 ||
        (use == EVTWIN__ROWS_PREDICT && (st = require(rows, EVTWIN__COL_SEQ)) < 0)) {
        return st;
    }
    return check_keys(rows);
}

/* ---- values ---- */

static evtwin_status refuse(const evtwin__rows *rows, size_t i, size_t c, const char *why) {
    EVTWIN_FAIL(EVTWIN_E_RANGE, "row %zu (battery %s): %s %s", i + 1,
                evtwin_table_text(rows->table, rows->from[EVTWIN__COL_BATTERY_ID].col, i),
                evtwin__store_columns[c].name, why);
}

static evtwin_status get_number(const evtwin__rows *rows, size_t i, size_t c,
                                evtwin__value *value) {
    const size_t col = rows->from[c].col;
    const evtwin_type to = evtwin__store_columns[c].type;
    if (to == EVTWIN_I64 && rows->from[c].type == EVTWIN_I64) {
        /* not by way of a double: a seq has up to 63 bits */
        value->present = evtwin_table_is_valid(rows->table, col, i);
        value->i64 = value->present ? evtwin_table_i64(rows->table, col)[i] : 0;
        return EVTWIN_OK;
    }
    const double number = evtwin_table_number(rows->table, col, i);
    if (isnan(number)) {
        value->present = 0;
        return EVTWIN_OK;
    }
    const double ours = number * rows->from[c].factor;
    if (isinf(ours)) {
        return refuse(rows, i, c, "is infinite");
    }
    value->present = 1;
    switch (to) {
    case EVTWIN_F64:
        value->f64 = ours + 0.0; /* no negative zero: the database has none */
        return EVTWIN_OK;
    case EVTWIN_BOOL:
        value->i64 = ours != 0.0;
        return EVTWIN_OK;
    default:
        if (fabs(ours) >= 0x1p63) {
            return refuse(rows, i, c, "does not fit 64 bits");
        }
        value->i64 = (int64_t)floor(ours); /* a cycle counts when it is complete */
        return EVTWIN_OK;
    }
}

static evtwin_status get_value(const evtwin__rows *rows, size_t i, size_t c, evtwin__value *value) {
    const size_t col = rows->from[c].col;
    if (col == EVTWIN_NO_COLUMN) {
        value->present = 0;
        return EVTWIN_OK;
    }
    switch (evtwin__store_columns[c].type) {
    case EVTWIN_TEXT:
        value->text = evtwin_table_text(rows->table, col, i);
        value->present = value->text != NULL;
        return EVTWIN_OK;
    case EVTWIN_TIME:
        value->present = evtwin_table_is_valid(rows->table, col, i);
        value->i64 = value->present ? evtwin_table_i64(rows->table, col)[i] : 0;
        return EVTWIN_OK;
    default:
        return get_number(rows, i, c, value);
    }
}

int evtwin__row_is_predicted(const evtwin__value *value) {
    return value[EVTWIN__COL_RUL_PREDICTION].present ||
           value[EVTWIN__COL_FAILURE_PROBABILITY].present ||
           value[EVTWIN__COL_PREDICTION_NOTE].present;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    }
    return hash;
}

int64_t evtwin__row_seq(const evtwin__value *value) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t c = 0; c < EVTWIN__COL_TELEMETRY_COUNT; c++) {
        if (c == EVTWIN__COL_TIME || c == EVTWIN__COL_BATTERY_ID || c == EVTWIN__COL_SEQ ||
            !value[c].present) {
            continue;
        }
        const char *name = evtwin__store_columns[c].name;
        hash = hash_bytes(hash, name, strlen(name) + 1);
        uint64_t bits;
        memcpy(&bits, &value[c].i64, sizeof bits);
        unsigned char little_endian[8];
        for (int k = 0; k < 8; k++) {
            little_endian[k] = (unsigned char)(bits >> (8 * k));
        }
        hash = hash_bytes(hash, little_endian, sizeof little_endian);
    }
    /* the finaliser of SplitMix64: FNV alone leaves the high bits poor */
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)((hash ^ hash >> 31) >> 2);
}

static evtwin_status check_prediction(const evtwin__rows *rows, size_t i,
                                      const evtwin__value *value) {
    const evtwin__value *risk = &value[EVTWIN__COL_FAILURE_PROBABILITY];
    if (risk->present && !(risk->f64 >= 0.0 && risk->f64 <= 1.0)) {
        return refuse(rows, i, EVTWIN__COL_FAILURE_PROBABILITY, "is not in 0 to 1");
    }
    if (rows->use == EVTWIN__ROWS_PREDICT && !evtwin__row_is_predicted(value)) {
        EVTWIN_FAIL(EVTWIN_E_DATA, "row %zu (battery %s) has neither a prediction nor a note",
                    i + 1, value[EVTWIN__COL_BATTERY_ID].text);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__rows_get(const evtwin__rows *rows, size_t i, evtwin__value *value) {
    assert(i < rows->n);
    for (size_t c = 0; c < EVTWIN__COL_COUNT; c++) {
        const evtwin_status st = get_value(rows, i, c, &value[c]);
        if (st < 0) {
            return st;
        }
    }
    evtwin__value *seq = &value[EVTWIN__COL_SEQ];
    if (!seq->present) {
        if (rows->use == EVTWIN__ROWS_PREDICT) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "row %zu (battery %s) has no seq", i + 1,
                        value[EVTWIN__COL_BATTERY_ID].text);
        }
        *seq = (evtwin__value){.present = 1, .i64 = evtwin__row_seq(value)};
    } else if (seq->i64 < 0) {
        return refuse(rows, i, EVTWIN__COL_SEQ, "is negative");
    }
    return check_prediction(rows, i, value);
}
