/* SPDX-License-Identifier: MIT */
/* store/store_row.c: a caller's rows on their way into ev_telemetry. */

#include "store/store_row.h"

#include "core/status.h"

#include <assert.h>
#include <string.h>

static int is_key(size_t q) {
    return q == EVTWIN__Q_TIME || q == EVTWIN__Q_BATTERY_ID || q == EVTWIN__Q_SEQ;
}

/* When a prediction was stored is the store's to say, except in a copy of another store's row. */
static int is_read(evtwin__rows_use use, size_t q) {
    return use == EVTWIN__ROWS_INSERT || is_key(q) ||
           (evtwin__is_of(q, EVTWIN__PREDICTIONS) && q != EVTWIN__Q_PREDICTION_TIMESTAMP);
}

evtwin_status evtwin__rows_open(evtwin__rows *rows, const evtwin_table *table,
                                evtwin__rows_use use) {
    EVTWIN_TRY(evtwin__bind(table, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, &rows->binding));
    rows->use = use;
    rows->n_read = 0;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (rows->binding.bound[q].col != EVTWIN_NO_COLUMN && is_read(use, q)) {
            rows->read[rows->n_read++] = (uint8_t)q;
        }
    }
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

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    }
    return hash;
}

int64_t evtwin__row_seq(const evtwin__value *value) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (!evtwin__is_of(q, EVTWIN__TELEMETRY) || is_key(q) || !value[q].is_present) {
            continue;
        }
        const char *name = evtwin__schema[q].name;
        hash = hash_bytes(hash, name, strlen(name) + 1);
        uint64_t bits;
        memcpy(&bits, &value[q].i64, sizeof bits);
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
    const char *battery = value[EVTWIN__Q_BATTERY_ID].text;
    for (size_t k = 0; k < rows->n_read; k++) {
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
        EVTWIN_TRY(evtwin__binding_get(&rows->binding, q, i, &value[q]));
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
    return check_prediction(rows, i, value);
}
