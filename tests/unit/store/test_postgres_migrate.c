/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_postgres_migrate.c: the schema in PostgreSQL is made, completed,
 * refused, used by whoever may. */

#include "test.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

#include "postgres_schema.h"

#include "store/lazy.h"

#include <pthread.h>

static void test_an_empty_database_gets_the_schema(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    assert_fails(open_reader(db->uri, &store), EVTWIN_E_AGAIN, db->name);
    evtwin_store_free(open_store(db->uri));
    assert_string_equal(test_query(db->uri, "SELECT string_agg(name, ' ' ORDER BY version) FROM"
                                            " ev_migration WHERE version < 1000"),
                        "001_telemetry.sql 002_alerts.sql 003_alert_times.sql");
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ev_threshold"), "19");

    /* again: nothing to do, for readers and writers */
    evtwin_store_free(open_store(db->uri));
    assert_ok(open_reader(db->uri, &store));
    int64_t rows = -1;
    assert_ok(evtwin_store_count(store, &rows));
    assert_int_equal(rows, 0);
    evtwin_store_free(store);
}

/* A sink is asked first how far it has come. */
static void test_the_first_question_to_a_lazy_store_makes_the_schema(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    char text[10];
    assert_ok(evtwin__store_open_lazily(db->uri, NULL, &store));
    assert_int_equal(evtwin_store_position(store, "somewhere", text, sizeof text), EVTWIN_DONE);
    evtwin_store_free(store);
}

static void test_newer_and_damaged_schemas_are_refused(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    evtwin_store_free(open_store(db->uri));
    test_sql(db->uri, "INSERT INTO ev_migration VALUES (900, '009_later.sql', now())");
    assert_fails(evtwin_store_open(db->uri, NULL, &store), EVTWIN_E_SCHEMA, "009_later.sql");
    assert_fails(open_reader(db->uri, &store), EVTWIN_E_SCHEMA, "009_later.sql");
    test_sql(db->uri,
             "DELETE FROM ev_migration WHERE version = 900; DROP VIEW latest_battery_status;"
             "ALTER TABLE ev_telemetry ALTER COLUMN sim_time_s TYPE TEXT");
    assert_fails(evtwin_store_open(db->uri, NULL, &store), EVTWIN_E_SCHEMA, "sim_time_s");
}

/* A database as the first step left it, with rows and a prediction. */
static void test_a_database_of_the_first_step(void **state) {
    const test_database *db = *state;
    static const char rows_sql[] =
        "SELECT string_agg(t::text, ';' ORDER BY battery_id, time, seq) FROM ev_telemetry AS t";
    evtwin_store *store = open_store(db->uri);
    evtwin_table *row = one_row();
    assert_ok(evtwin_store_insert(store, row, NULL, 0));
    evtwin_table_free(row);
    evtwin_store_free(store);
    test_sql(db->uri,
             "INSERT INTO ev_telemetry (time, battery_id, seq, soc, rul_prediction,"
             " failure_probability, prediction_timestamp) VALUES"
             " ('2026-01-01 00:00:00Z', 'P', 1, 80, 90, 0.8, '2026-01-01 00:00:05Z'),"
             " ('2026-01-01 00:00:02Z', 'P', 2, 12, NULL, NULL, NULL);"
             "DROP TABLE ev_alert, ev_alert_writer; DELETE FROM ev_migration WHERE version = 2");
    char *before = strdup(test_query(db->uri, rows_sql));
    assert_non_null(strstr(before, "CRITICAL"));
    assert_fails(open_reader(db->uri, &store), EVTWIN_E_SCHEMA, "older|writing");
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ev_migration WHERE version"
                                            " = 2"),
                        "0"); /* a reader changes nothing */
    evtwin_store_free(open_store(db->uri));
    assert_string_equal(test_query(db->uri, rows_sql), before);
    free(before);
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ev_alert"), "0");

    assert_ok(open_reader(db->uri, &store));
    evtwin_table *rows = NULL, *current = NULL;
    assert_ok(evtwin_store_latest(store, "P", &rows, &current));
    assert_true(evtwin_table_number(current, evtwin_table_find(current, "rul_prediction"), 0) ==
                90);
    evtwin_table_free(rows);
    evtwin_table_free(current);
    assert_ok(evtwin_store_unpredicted(store, 10, &rows));
    assert_int_equal(evtwin_table_rows(rows), 2);
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

/* A column of a quantity that an older version did not know, triggers and views that were dropped.
 */
static void test_what_is_missing_is_made(void **state) {
    const test_database *db = *state;
    evtwin_store_free(open_store(db->uri));
    test_sql(db->uri, "DROP VIEW latest_battery_status; DROP FUNCTION ev_telemetry_row CASCADE;"
                      "ALTER TABLE ev_telemetry DROP COLUMN throughput_ah_per_day CASCADE");
    evtwin_store *reader = NULL;
    assert_fails(open_reader(db->uri, &reader), EVTWIN_E_SCHEMA, "older");
    evtwin_store_free(open_store(db->uri));
    assert_ok(open_reader(db->uri, &reader));
    evtwin_store_free(reader);
    assert_string_equal(
        test_query(db->uri, "SELECT name FROM ev_migration ORDER BY version DESC LIMIT 1"),
        "column throughput_ah_per_day");
    test_sql(db->uri, "INSERT INTO ev_telemetry (time, battery_id, throughput_ah_per_day) VALUES"
                      " (now(), 'A', 3)");
    assert_string_equal(test_query(db->uri, "SELECT concat_ws(',', throughput_ah_per_day, status)"
                                            " FROM latest_battery_status"),
                        "3,NORMAL");
}

/* A dump of a cluster that has counted further. */
static void test_revisions_go_on_in_another_cluster(void **state) {
    const test_database *db = *state;
    evtwin_store_free(open_store(db->uri));
    test_sql(db->uri, "INSERT INTO ev_telemetry (time, battery_id) VALUES (now(), 'A');"
                      "ALTER TABLE ev_telemetry DISABLE TRIGGER USER;"
                      "UPDATE ev_telemetry SET revision = (1::bigint << 61) + 5;"
                      "ALTER TABLE ev_telemetry ENABLE TRIGGER USER");
    evtwin_store_free(open_store(db->uri));
    test_sql(db->uri, "INSERT INTO ev_telemetry (time, battery_id) VALUES (now(), 'B')");
    assert_string_equal(
        test_query(db->uri, "SELECT battery_id FROM ev_telemetry ORDER BY revision DESC LIMIT 1"),
        "B");
    const char *offset = test_query(db->uri, "SELECT transaction_offset::text FROM ev_revision");
    evtwin_store_free(open_store(db->uri));
    assert_string_equal(test_query(db->uri, "SELECT transaction_offset::text FROM ev_revision"),
                        offset);
}

/* ---- where and who ---- */

static void test_the_schema_in_use(void **state) {
    const test_database *db = *state;
    char sql[200];
    snprintf(sql, sizeof sql,
             "CREATE SCHEMA \"Mine\"; ALTER DATABASE %s SET search_path = \"Mine\", public",
             db->name);
    test_sql(db->uri, sql);
    evtwin_store_free(open_store(db->uri));
    evtwin_store_free(open_store(db->uri));
    assert_string_equal(test_query(db->uri, "SELECT string_agg(DISTINCT schemaname, ',') FROM"
                                            " pg_tables WHERE tablename LIKE 'ev\\_%'"),
                        "Mine");
    test_sql(db->uri, "SET search_path = public; INSERT INTO \"Mine\".ev_telemetry (time,"
                      " battery_id, soc) VALUES (now(), 'A', 1)");
    assert_string_equal(test_query(db->uri, "SELECT status FROM ev_telemetry"), "CRITICAL");
}

/* @ is a role of the test's own. */
static void run_as_owner(const test_database *db, const char *text) {
    char sql[900] = "";
    for (const char *c = text; *c != '\0'; c++) {
        const size_t n = strlen(sql);
        snprintf(sql + n, sizeof sql - n, *c == '@' ? "%s_role" : "%.1s", *c == '@' ? db->name : c);
    }
    test_sql(db->uri, sql);
}

/* docs/postgresql.md says what each needs. */
static void test_rights(void **state) {
    const test_database *db = *state;
    char uri[400];
    evtwin_store_free(open_store(db->uri));
    run_as_owner(db, "CREATE ROLE @ LOGIN; GRANT INSERT ON ev_telemetry TO @; SET ROLE"
                     " @; INSERT INTO ev_telemetry (time, battery_id, soc, rul_prediction)"
                     " VALUES (now(), 'A', 1, 2)");
    assert_string_equal(test_query(db->uri, "SELECT status FROM ev_telemetry"), "CRITICAL");
    const char *at = strchr(db->uri, '@');
    snprintf(uri, sizeof uri, "postgresql://%s_role@%s", db->name, at != NULL ? at + 1 : "");
    evtwin_store *store = NULL;
    assert_fails(evtwin_store_open(uri, NULL, &store), EVTWIN_E_DENIED, "permission|user");

    /* a reader */
    int64_t rows = 0;
    run_as_owner(db, "REVOKE ALL ON ev_telemetry FROM @; GRANT SELECT ON ALL TABLES IN SCHEMA"
                     " public TO @");
    assert_ok(open_reader(uri, &store));
    assert_ok(evtwin_store_count(store, &rows));
    assert_int_equal(rows, 1);
    evtwin_store_free(store);

    /* a writer with the library, without its rights and with them */
    evtwin_table *table = one_row();
    size_t n_updated = 0, col = 0;
    store = open_store(uri);
    assert_fails(evtwin_store_insert(store, table, NULL, 0), EVTWIN_E_DENIED, "permission");
    run_as_owner(db, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO"
                     " @; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO @");
    assert_ok(evtwin_store_insert(store, table, NULL, 0));
    assert_ok(evtwin_store_insert(store, table, NULL, 0)); /* through the staging table */
    assert_ok(evtwin_table_add_column(table, "rul_prediction", EVTWIN_F64, NULL, &col));
    assert_ok(evtwin_table_set_f64(table, col, 0, 500.0));
    assert_ok(evtwin_store_put_predictions(store, table, NULL, &n_updated));
    assert_int_equal(n_updated, 1);
    assert_ok(evtwin_store_expire(store, NULL));
    evtwin_table_free(table);
    evtwin_store_free(store);
    run_as_owner(db, "DROP OWNED BY @; DROP ROLE @");
}

/* A table that was dropped and made again is another one, and another feed. */
static void test_a_table_made_anew_is_another_generation(void **state) {
    const test_database *db = *state;
    evtwin_store *store = open_store(db->uri);
    int64_t rows = -1;
    assert_ok(evtwin_store_count(store, &rows));
    assert_int_equal(evtwin_store_generation(store), 0);
    test_sql(db->uri, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    assert_fails(evtwin_store_count(store, &rows), EVTWIN_E_SCHEMA, "ev_telemetry");
    assert_fails(evtwin_store_count(store, &rows), EVTWIN_E_AGAIN, "tables");
    evtwin_store_free(open_store(db->uri));
    assert_ok(evtwin_store_count(store, &rows));
    assert_int_equal(evtwin_store_generation(store), 1);
    evtwin_store_free(store);
}

static void *open_and_close(void *uri) {
    evtwin_store *store = NULL;
    const evtwin_status st = evtwin_store_open(uri, NULL, &store);
    evtwin_store_free(store);
    return (void *)(intptr_t)st;
}

static void test_two_open_at_once(void **state) {
    test_database *db = *state;
    pthread_t thread[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, open_and_close, db->uri), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *st = NULL;
        pthread_join(thread[i], &st);
        assert_int_equal((intptr_t)st, EVTWIN_OK);
    }
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ev_threshold"), "19");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_an_empty_database_gets_the_schema),
        TEST(test_the_first_question_to_a_lazy_store_makes_the_schema),
        TEST(test_newer_and_damaged_schemas_are_refused),
        TEST(test_a_database_of_the_first_step),
        TEST(test_what_is_missing_is_made),
        TEST(test_revisions_go_on_in_another_cluster),
        TEST(test_the_schema_in_use),
        TEST(test_rights),
        TEST(test_a_table_made_anew_is_another_generation),
        TEST(test_two_open_at_once),
    };
    if (SERVER == NULL) {
        puts("skipped: EVTWIN_TEST_POSTGRES is not set");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
