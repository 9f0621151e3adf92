/* SPDX-License-Identifier: MIT */
/* tests/unit/store/postgres_schema.h: a store in a database of the test's own, on the server that
 * EVTWIN_TEST_POSTGRES names. */
#ifndef EVTWIN_TEST_POSTGRES_SCHEMA_H
#define EVTWIN_TEST_POSTGRES_SCHEMA_H

#include "postgres.h"

#define SERVER getenv("EVTWIN_TEST_POSTGRES")

static inline int set_up(void **state) {
    static test_database database;
    database = test_database_create(SERVER);
    *state = &database;
    return 0;
}

static inline int tear_down(void **state) {
    test_database_drop(SERVER, *state);
    return 0;
}

static inline evtwin_store *open_store(const char *uri) {
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    return store;
}

static inline evtwin_status open_reader(const char *uri, evtwin_store **out) {
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    return evtwin_store_open(uri, &options, out);
}

/* A row of battery B. */
static inline evtwin_table *one_row(void) {
    evtwin_table *table = NULL;
    size_t col = 0;
    assert_ok(evtwin_table_create(&table));
    assert_ok(evtwin_table_resize(table, 1));
    assert_ok(evtwin_table_add_column(table, "time", EVTWIN_TIME, NULL, &col));
    assert_ok(evtwin_table_set_i64(table, col, 0, INT64_C(1750000000000000)));
    assert_ok(evtwin_table_add_column(table, "battery_id", EVTWIN_TEXT, NULL, &col));
    assert_ok(evtwin_table_set_text(table, col, 0, "B"));
    assert_ok(evtwin_table_add_column(table, "seq", EVTWIN_I64, NULL, &col));
    assert_ok(evtwin_table_set_i64(table, col, 0, 1));
    assert_ok(evtwin_table_add_column(table, "charge_cycles", EVTWIN_I64, NULL, &col));
    assert_ok(evtwin_table_set_i64(table, col, 0, 150));
    return table;
}

#endif
