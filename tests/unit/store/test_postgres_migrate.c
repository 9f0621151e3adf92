/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_postgres_migrate.c: the schema in PostgreSQL is made, recognised, migrated,
 * refused. */

#include "test.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

#include "postgres.h"

#define SERVER getenv("EVTWIN_TEST_POSTGRES")

static int set_up(void **state) {
    static test_database database;
    database = test_database_create(SERVER);
    *state = &database;
    return 0;
}

static int tear_down(void **state) {
    test_database_drop(SERVER, *state);
    return 0;
}

static evtwin_store *open_store(const char *uri) {
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    return store;
}

static evtwin_status open_reader(const char *uri, evtwin_store **out) {
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    return evtwin_store_open(uri, &options, out);
}

static void test_an_empty_database_gets_the_schema(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    assert_fails(open_reader(db->uri, &store), EVTWIN_E_AGAIN, db->name);
    evtwin_store_free(open_store(db->uri));
    assert_string_equal(test_query(db->uri, "SELECT string_agg(name, ' ' ORDER BY version) FROM"
                                            " ev_migration WHERE version < 1000"),
                        "001_telemetry.sql");
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ev_threshold"), "19");

    /* again: nothing to do, for readers and writers */
    evtwin_store_free(open_store(db->uri));
    assert_ok(open_reader(db->uri, &store));
    int64_t rows = -1;
    assert_ok(evtwin_store_count(store, &rows));
    assert_int_equal(rows, 0);
    evtwin_store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_database_gets_the_schema, set_up, tear_down),
    };
    return SERVER != NULL ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}

#endif
