/* SPDX-License-Identifier: MIT */
/* tests/unit/store/store_rows.h: telemetry tables for the tests of the store. */
#ifndef EVTWIN_TEST_STORE_ROWS_H
#define EVTWIN_TEST_STORE_ROWS_H

#include "test.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

/* 2026-01-01T00:00:00Z */
static const int64_t t0 = INT64_C(1767225600) * SECOND;

static inline size_t need(const evtwin_table *table, const char *name) {
    const size_t col = evtwin_table_find(table, name);
    if (col == EVTWIN_NO_COLUMN) {
        fail_msg("no column %s", name);
    }
    return col;
}

static inline evtwin_table *empty_rows(void) {
    evtwin_table *table = NULL;
    assert_ok(evtwin_telemetry_table_create(&table));
    return table;
}

/* Append a plausible row; its values follow from the time and the seq. */
static inline void add_row(evtwin_table *table, const char *id, int64_t time_us, int64_t seq) {
    const size_t i = evtwin_table_rows(table);
    const double x = (double)(seq % 997);
    assert_ok(evtwin_table_resize(table, i + 1));
    assert_ok(evtwin_table_set_i64(table, need(table, "time"), i, time_us));
    assert_ok(evtwin_table_set_text(table, need(table, "battery_id"), i, id));
    assert_ok(evtwin_table_set_f64(table, need(table, "soc"), i, 85.0 - x / 1000.0));
    assert_ok(evtwin_table_set_f64(table, need(table, "soh"), i, 95.25));
    assert_ok(evtwin_table_set_f64(table, need(table, "voltage"), i, 392.5 + x / 7.0));
    assert_ok(evtwin_table_set_f64(table, need(table, "current"), i, 75.3));
    assert_ok(evtwin_table_set_f64(table, need(table, "temperature"), i, 31.0));
    assert_ok(evtwin_table_set_i64(table, need(table, "charge_cycles"), i, 150 + seq / 10));
    assert_ok(evtwin_table_set_f64(table, need(table, "power_consumption"), i, 29555.25));
    assert_ok(evtwin_table_set_bool(table, need(table, "is_charging"), i, seq % 2 == 1));
    if (seq >= 0) {
        assert_ok(evtwin_table_set_i64(table, need(table, "seq"), i, seq));
    }
    assert_ok(evtwin_table_set_f64(table, need(table, "sim_time_s"), i, 60.0 * x));
}

/* n rows of a battery, a second apart, seq from first. */
static inline evtwin_table *some_rows(const char *id, int64_t first, size_t n) {
    evtwin_table *table = empty_rows();
    for (size_t i = 0; i < n; i++) {
        const int64_t seq = first + (int64_t)i;
        add_row(table, id, t0 + seq * SECOND, seq);
    }
    return table;
}

static inline evtwin_insert_report insert(evtwin_store *store, const evtwin_table *table) {
    evtwin_insert_report report;
    assert_ok(evtwin_store_insert(store, table, &report, sizeof report));
    return report;
}

/* Insert rows made for this and free them. */
static inline evtwin_insert_report insert_new(evtwin_store *store, evtwin_table *table) {
    const evtwin_insert_report report = insert(store, table);
    evtwin_table_free(table);
    return report;
}

static inline int64_t count(evtwin_store *store) {
    int64_t n = -1;
    assert_ok(evtwin_store_count(store, &n));
    return n;
}

static inline evtwin_store *open_store(const char *uri) {
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    return store;
}

/* "sqlite:" before a path; static memory, one of 8 in turn. */
static inline const char *uri_of(const char *path) {
    static char text[8][320];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(text[turn], sizeof text[turn], "sqlite:%s", path);
    return text[turn];
}

static inline const char *text_at(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_text(t, need(t, name), row);
}

static inline double number_at(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_number(t, need(t, name), row);
}

static inline int64_t i64_at(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_i64(t, need(t, name))[row];
}

static inline int has(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_is_valid(t, need(t, name), row);
}

/* Columns of a prediction, filled by the caller. */
static inline void add_prediction_columns(evtwin_table *table) {
    assert_ok(evtwin_table_add_column(table, "rul_prediction", EVTWIN_F64, "cycles", NULL));
    assert_ok(evtwin_table_add_column(table, "failure_probability", EVTWIN_F64, "", NULL));
    assert_ok(evtwin_table_add_column(table, "model_version", EVTWIN_TEXT, "", NULL));
    assert_ok(evtwin_table_add_column(table, "prediction_note", EVTWIN_TEXT, "", NULL));
}

static inline void set_prediction(evtwin_table *table, size_t row, double rul, double risk) {
    assert_ok(evtwin_table_set_f64(table, need(table, "rul_prediction"), row, rul));
    assert_ok(evtwin_table_set_f64(table, need(table, "failure_probability"), row, risk));
    assert_ok(evtwin_table_set_text(table, need(table, "model_version"), row, "0123456789ab"));
}

/* A table of scores of one model and target, with an rmse and an r2; trained when the rows begin.
 */
static inline evtwin_table *some_scores(const char *version, const char *target, double rmse) {
    static const char *const numbers[] = {"r2",       "rmse", "mae", "auc", "average_precision",
                                          "accuracy", "brier"};
    evtwin_table *table = NULL;
    assert_ok(evtwin_table_create(&table));
    assert_ok(evtwin_table_add_column(table, "model_version", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_add_column(table, "target", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_add_column(table, "trained_at", EVTWIN_TIME, NULL, NULL));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_ok(evtwin_table_add_column(table, numbers[i], EVTWIN_F64, NULL, NULL));
    }
    assert_ok(evtwin_table_resize(table, 1));
    assert_ok(evtwin_table_set_text(table, 0, 0, version));
    assert_ok(evtwin_table_set_text(table, 1, 0, target));
    assert_ok(evtwin_table_set_i64(table, 2, 0, t0));
    assert_ok(evtwin_table_set_f64(table, need(table, "r2"), 0, 0.9234));
    assert_ok(evtwin_table_set_f64(table, need(table, "rmse"), 0, rmse));
    return table;
}

#endif
