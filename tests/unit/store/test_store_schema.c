/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_schema.c: migrations, the database's own rules, its views and plans.
 */

#include "store_rows.h"

#ifndef HAVE_SQLITE
int main(void) {
    puts("skipped: this build has no SQLite");
    return 77;
}
#else

#include "core/text.h"
#include "io/sqlite.h"
#include "store/backend.h"

#include <sqlite3.h>

static evtwin__db *open_db(const char *path) {
    evtwin__db *db = NULL;
    assert_ok(evtwin__db_open(path, EVTWIN__DB_CREATE, 1000, &db));
    return db;
}

static int64_t query(evtwin__db *db, const char *sql) {
    int64_t value = -1;
    assert_ok(evtwin__db_query_i64(db, sql, -2, &value));
    return value;
}

/* A database with n rows of battery A. */
static const char *make_database(const char *name, size_t n) {
    const char *path = temp_path(name);
    evtwin_store *store = open_store(uri_of(path));
    insert_new(store, some_rows("A", 0, n));
    evtwin_store_free(store);
    return path;
}

/* ---- open and migrate ---- */

static void test_open_again_finds_the_rows(void **state) {
    (void)state;
    const char *path = make_database("again.db", 5);
    evtwin_store *store = open_store(uri_of(path));
    assert_int_equal(count(store), 5);
    insert_new(store, some_rows("A", 5, 1));
    evtwin_table *rows = NULL;
    int64_t revision = 0;
    assert_ok(evtwin_store_changes(store, 5, 9, &rows, &revision));
    assert_int_equal(revision, 6); /* revisions go on where they were */
    evtwin_table_free(rows);
    evtwin_store_free(store);

    evtwin__db *db = open_db(path);
    assert_int_equal(query(db, "SELECT count(*) FROM ev_migration WHERE version = 1 AND"
                               " name = '001_telemetry.sql' AND length(applied_at) = 27"),
                     1);
    assert_int_equal(
        query(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    evtwin__db_close(db);
}

static void test_uri_forms(void **state) {
    (void)state;
    char uri[400];
    const char *path = make_database("uri form.db", 1);
    assert_int_equal(access(path, R_OK), 0);
    snprintf(uri, sizeof uri, "sqlite://%s", path); /* sqlite:///tmp/… */
    evtwin_store *store = open_store(uri);
    assert_int_equal(count(store), 1);
    evtwin_store_free(store);

    /* what the user typed goes before what the program says */
    snprintf(uri, sizeof uri, "sqlite:%s?retention_days=7.5&busy_timeout_ms=20", path);
    store = open_store(uri);
    assert_near(store->options.retention_days, 7.5, 0);
    assert_int_equal(store->options.busy_timeout_ms, 20);
    assert_int_equal(count(store), 1);
    evtwin_store_free(store);

    assert_fails(evtwin_store_open("sqlite://host/x.db", NULL, &store), EVTWIN_E_ARG,
                 "'sqlite://host'");
    assert_fails(evtwin_store_open("sqlite:", NULL, &store), EVTWIN_E_ARG, "sqlite:FILE");
    assert_fails(evtwin_store_open("sqlite:///", NULL, &store), EVTWIN_E_ARG, "sqlite:FILE");
    assert_fails(evtwin_store_open("sqlite:x.db?retain_days=7", NULL, &store), EVTWIN_E_ARG,
                 "retain_days");
    assert_fails(evtwin_store_open("sqlite:x.db?retention_days=-7", NULL, &store), EVTWIN_E_ARG,
                 "retention_days=-7");
    assert_fails(evtwin_store_open("sqlite:x.db?busy_timeout_ms=soon", NULL, &store), EVTWIN_E_ARG,
                 "busy_timeout_ms=soon");
}

static void test_newer_schema_is_left_untouched(void **state) {
    (void)state;
    const char *path = make_database("newer.db", 3);
    evtwin__db *db = open_db(path);
    assert_ok(evtwin__db_exec(db, "INSERT INTO ev_migration VALUES (2099, '099_future.sql', '')"));
    evtwin__db_close(db);
    evtwin_store *store = NULL;
    assert_fails(evtwin_store_open(uri_of(path), NULL, &store), EVTWIN_E_SCHEMA, "099_future.sql");
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    assert_fails(evtwin_store_open(uri_of(path), &options, &store), EVTWIN_E_SCHEMA,
                 "099_future.sql");
    assert_null(store);
    db = open_db(path);
    assert_int_equal(query(db, "SELECT count(*) FROM ev_telemetry"), 3);
    assert_int_equal(query(db, "SELECT max(version) FROM ev_migration"), 2099);
    evtwin__db_close(db);
}

static void test_tables_of_others_are_not_touched(void **state) {
    (void)state;
    const char *path = temp_path("foreign.db");
    evtwin__db *db = open_db(path);
    assert_ok(evtwin__db_exec(db, "CREATE TABLE ev_telemetry (time TEXT, soc REAL);"
                                  "INSERT INTO ev_telemetry VALUES ('2024-01-01', 85)"));
    evtwin__db_close(db);
    evtwin_store *store = NULL;
    assert_fails(evtwin_store_open(uri_of(path), NULL, &store), EVTWIN_E_SCHEMA,
                 "foreign.db|tables");
    db = open_db(path);
    assert_int_equal(query(db, "SELECT count(*) FROM ev_telemetry"), 1);
    assert_int_equal(query(db, "SELECT count(*) FROM sqlite_master"), 1);
    assert_int_equal(
        query(db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 0);
    evtwin__db_close(db);
}

static void test_what_cannot_be_opened(void **state) {
    (void)state;
    evtwin_store *store = NULL;
    assert_fails(evtwin_store_open("sqlite:/nowhere/ev.db", NULL, &store), EVTWIN_E_NOT_FOUND,
                 "/nowhere/ev.db");
    const char *text = temp_file("notes.db", "These are notes about batteries and no database, "
                                             "whatever the name of the file may say.\n");
    assert_fails(evtwin_store_open(uri_of(text), NULL, &store), EVTWIN_E_CORRUPT, "notes.db");
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    assert_fails(evtwin_store_open(uri_of(temp_path("absent.db")), &options, &store),
                 EVTWIN_E_NOT_FOUND, "absent.db");
    assert_fails(evtwin_store_open(uri_of(temp_file("empty.db", "")), &options, &store),
                 EVTWIN_E_AGAIN, "empty.db");
    assert_null(store);
}

static void test_read_only_reads_and_refuses_writes(void **state) {
    (void)state;
    const char *path = make_database("reader.db", 4);
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    evtwin_store *reader = NULL;
    assert_ok(evtwin_store_open(uri_of(path), &options, &reader)); /* nobody else has it open */
    assert_int_equal(count(reader), 4);

    /* a writer comes, and its rows are seen */
    evtwin_store *writer = open_store(uri_of(path));
    insert_new(writer, some_rows("A", 4, 3));
    assert_int_equal(count(reader), 7);
    evtwin_table *rows = some_rows("A", 9, 1);
    add_prediction_columns(rows);
    set_prediction(rows, 0, 1.0, 0.5);
    evtwin_table *scores = some_scores("x", "rul", 1.0);
    assert_int_equal(evtwin_store_insert(reader, rows, NULL, 0), EVTWIN_E_STATE);
    assert_int_equal(evtwin_store_put_predictions(reader, rows, NULL, NULL), EVTWIN_E_STATE);
    assert_int_equal(evtwin_store_put_model(reader, scores), EVTWIN_E_STATE);
    assert_int_equal(evtwin_store_expire(reader, NULL), EVTWIN_E_STATE);
    evtwin_store_free(writer);
    assert_int_equal(count(reader), 7);
    const char *copy = temp_path("reader-copy.db");
    assert_ok(evtwin_store_backup(reader, copy)); /* a copy is no write */
    evtwin_table_free(rows);
    evtwin_table_free(scores);
    evtwin_store_free(reader);
}

/* ---- the database's own rules ---- */

static void test_status_is_the_librarys_status(void **state) {
    (void)state;
    static const double soc[] = {NAN, 0, 14.9, 15, 19.9, 29.9, 30, 80};
    static const double soh[] = {NAN, 74.9, 75, 84.9, 85, 95};
    static const double temperature[] = {NAN, -20, 45, 45.1, 60, 60.1};
    static const double risk[] = {NAN, 0, 0.3, 0.31, 0.7, 0.71, 1};
    evtwin_store *store = open_store("sqlite::memory:");
    evtwin_table *rows = empty_rows();
    add_prediction_columns(rows);
    for (size_t i = 0; i < 8 * 6 * 6 * 7; i++) {
        add_row(rows, "A", t0, (int64_t)i);
        const double values[] = {soc[i % 8], soh[i / 8 % 6], temperature[i / 48 % 6],
                                 risk[i / 288 % 7]};
        static const char *const names[] = {"soc", "soh", "temperature", "failure_probability"};
        for (size_t k = 0; k < 4; k++) {
            assert_ok(evtwin_table_set_f64(rows, need(rows, names[k]), i, values[k]));
        }
    }
    insert_new(store, rows);

    evtwin_history_options options;
    assert_ok(evtwin_history_options_init(&options, sizeof options));
    options.limit = 10000;
    assert_ok(evtwin_store_history(store, "A", &options, &rows));
    assert_int_equal(evtwin_table_rows(rows), 8 * 6 * 6 * 7);
    evtwin_thresholds *contract = NULL;
    assert_ok(evtwin_thresholds_create(&contract));
    size_t seen[3] = {0, 0, 0};
    for (size_t i = 0; i < evtwin_table_rows(rows); i++) {
        const evtwin_health health = evtwin_thresholds_status(contract, rows, i);
        assert_string_equal(text_at(rows, "status", i), evtwin_health_name(health));
        seen[health]++;
    }
    evtwin_thresholds_free(contract);
    assert_true(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

static void test_database_refuses_nonsense(void **state) {
    (void)state;
    static const char *const bad[] = {"UPDATE ev_telemetry SET battery_id = ''",
                                      "UPDATE ev_telemetry SET battery_id = printf('%.51c', 'x')",
                                      "UPDATE ev_telemetry SET time = '2024-01-01'",
                                      "UPDATE ev_telemetry SET time = NULL",
                                      "UPDATE ev_telemetry SET seq = -1",
                                      "UPDATE ev_telemetry SET soc = 'full'",
                                      "UPDATE ev_telemetry SET is_charging = 2",
                                      "UPDATE ev_telemetry SET failure_probability = 1.01",
                                      "UPDATE ev_telemetry SET revision = 1",
                                      "UPDATE ev_telemetry SET status = 'GREEN'",
                                      "INSERT INTO ev_revision VALUES (2, 0)"};
    evtwin__db *db = open_db(make_database("rules.db", 2));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (evtwin__db_exec(db, bad[i]) >= 0) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    evtwin__db_close(db);
}

static void test_times_are_times_to_sqlite(void **state) {
    (void)state;
    evtwin__db *db = open_db(make_database("times.db", 3));
    assert_int_equal(query(db, "SELECT strftime('%s', max(time)) - 0 FROM ev_telemetry"),
                     t0 / SECOND + 2);
    assert_int_equal(query(db, "SELECT count(*) FROM ev_telemetry WHERE"
                               " datetime(time) >= datetime('2026-01-01 00:00:01')"),
                     2);
    evtwin__db_close(db);
}

static void test_hourly_view(void **state) {
    (void)state;
    const char *path = temp_path("hourly.db");
    evtwin_store *store = open_store(uri_of(path));
    evtwin_table *rows = empty_rows();
    for (int64_t i = 0; i < 4; i++) {
        add_row(rows, "A", t0 + i * 1800 * SECOND, i);
        assert_ok(evtwin_table_set_f64(rows, need(rows, "soc"), (size_t)i, 10.0 * (double)i));
        assert_ok(evtwin_table_set_i64(rows, need(rows, "charge_cycles"), (size_t)i, 100 + i));
    }
    insert_new(store, rows);
    evtwin_store_free(store);
    evtwin__db *db = open_db(path);
    assert_int_equal(query(db, "SELECT count(*) FROM ev_telemetry_hourly"), 2);
    assert_int_equal(query(db, "SELECT max_cycles FROM ev_telemetry_hourly WHERE"
                               " bucket = '2026-01-01T01:00:00.000000Z' AND battery_id = 'A'"
                               " AND abs(avg_soc - 25.0) < 1e-9 AND records = 2"),
                     103);
    evtwin__db_close(db);
}

/* ---- plans: what is asked often must not scan ---- */

static void assert_plan(evtwin__db *db, const char *sql, const char *wanted) {
    char explain[4096];
    snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
    evtwin__stmt *stmt = NULL;
    assert_ok(evtwin__stmt_prepare(db, explain, &stmt));
    int found = 0;
    while (evtwin__stmt_step(stmt) == EVTWIN_OK) {
        const char *line = evtwin__stmt_text(stmt, 3);
        assert_non_null(line);
        if (strstr(line, "SCAN ev_telemetry") != NULL && strstr(line, wanted) == NULL) {
            fail_msg("'%s' scans: %s", sql, line);
        }
        found |= strstr(line, wanted) != NULL;
    }
    if (!found) {
        fail_msg("'%s' does not use %s", sql, wanted);
    }
    evtwin__stmt_free(stmt);
}

static void test_no_query_scans_the_table(void **state) {
    (void)state;
    evtwin__db *db = open_db(make_database("plans.db", 200));
    assert_plan(db, "SELECT * FROM latest_battery_status",
                "SEARCH t USING PRIMARY KEY (battery_id=? AND time=? AND seq=?)");
    assert_plan(db, "SELECT * FROM latest_battery_status",
                "SEARCH n USING PRIMARY KEY (battery_id=?)");
    assert_plan(db,
                "SELECT * FROM ev_telemetry WHERE battery_id = 'A' AND time >= 'a' AND"
                " time <= 'b' AND (time, seq) < ('b', 3) ORDER BY time DESC, seq DESC LIMIT 9",
                "USING PRIMARY KEY (battery_id=? AND time>?");
    assert_plan(db,
                "SELECT * FROM ev_telemetry INDEXED BY ev_telemetry_unpredicted WHERE"
                " prediction_timestamp IS NULL AND battery_id = 'A' ORDER BY time, seq LIMIT 9",
                "USING INDEX ev_telemetry_unpredicted (battery_id=?)");
    assert_plan(db, "SELECT * FROM ev_telemetry WHERE revision > 5 ORDER BY revision LIMIT 9",
                "USING INDEX ev_telemetry_revision (revision>?)");
    evtwin__db_close(db);
}

/* ---- and what a server asks: list, alerts and latest are answered from its memory, which follows
 *      the store by these questions alone ---- */

enum { MAX_ASKED = 64 };

static char *asked[MAX_ASKED];
static size_t n_asked;

static int on_statement(unsigned kind, void *ctx, void *stmt, void *text) {
    (void)kind, (void)ctx, (void)text;
    const char *sql = sqlite3_sql(stmt);
    if (sql != NULL && strstr(sql, "ev_telemetry") != NULL && n_asked < MAX_ASKED) {
        asked[n_asked++] = strdup(sql);
    }
    return 0;
}

static int trace_it(sqlite3 *db, char **message, const sqlite3_api_routines *api) {
    (void)message, (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
}

/* Every step is a search by a key, but over what another part of the question has found. */
static void assert_searches(evtwin__db *db, const char *sql) {
    char *explain = NULL;
    evtwin__stmt *stmt = NULL;
    assert_true(asprintf(&explain, "EXPLAIN QUERY PLAN %s", sql) > 0);
    assert_ok(evtwin__stmt_prepare(db, explain, &stmt));
    free(explain);
    char found[256] = ";";
    int n_searches = 0;
    while (evtwin__stmt_step(stmt) == EVTWIN_OK) {
        const char *line = evtwin__stmt_text(stmt, 3);
        print_message("    %s\n", line);
        char name[64] = ";";
        if (strncmp(line, "MATERIALIZE ", 12) == 0 || strncmp(line, "CO-ROUTINE ", 11) == 0) {
            evtwin__text_append(found, sizeof found, "%s;", strchr(line, ' ') + 1);
        } else if (strncmp(line, "SCAN ", 5) == 0 && strncmp(line + 5, "SUBQUERY ", 9) != 0) {
            evtwin__text_append(name, sizeof name, "%s;", line + 5);
            if (strstr(found, name) == NULL) {
                fail_msg("'%s' scans: %s", sql, line);
            }
        }
        n_searches += strncmp(line, "SEARCH ", 7) == 0;
    }
    evtwin__stmt_free(stmt);
    assert_true(n_searches > 0);
}

static void test_a_server_scans_nothing(void **state) {
    (void)state;
    const char *path = make_database("asked.db", 200);
    evtwin_store *store = open_store(uri_of(path));
    evtwin_table *rows = NULL, *current = NULL;
    int64_t revision = 0;
    evtwin_store_free(store);
    assert_int_equal(sqlite3_auto_extension((void (*)(void))trace_it), SQLITE_OK);
    store = open_store(uri_of(path));
    while (n_asked > 0) { /* what opening asks is asked once */
        free(asked[--n_asked]);
    }
    assert_ok(evtwin_store_latest(store, NULL, &rows, &current));
    evtwin_table_free(rows);
    evtwin_table_free(current);
    assert_ok(evtwin_store_latest(store, "A", &rows, &current));
    evtwin_table_free(rows);
    evtwin_table_free(current);
    assert_ok(evtwin_store_changes(store, 5, 10, &rows, &revision));
    evtwin_table_free(rows);
    sqlite3_cancel_auto_extension((void (*)(void))trace_it);
    evtwin_store_free(store);
    assert_true(n_asked >= 3);
    evtwin__db *db = open_db(path);
    for (size_t i = 0; i < n_asked; i++) {
        print_message("%.60s...\n", asked[i]);
        assert_searches(db, asked[i]);
        free(asked[i]);
    }
    evtwin__db_close(db);
}

/* ---- a database that somebody edited ---- */

/* SQLite with its safeties off, as a careless user has it. */
static void edit(const char *path, const char *sql) {
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(raw, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    sqlite3_close(raw);
}

/* What is checked when a database is opened may have changed a moment later. */
static void test_values_of_another_type_are_missing(void **state) {
    (void)state;
    const char *path = make_database("edited.db", 2);
    evtwin_store *store = open_store(uri_of(path));
    edit(path, "PRAGMA writable_schema = ON;"
               "UPDATE sqlite_master SET sql = replace(replace(replace(sql, 'STRICT, ', ''),"
               " 'CHECK (length(time) = 27)', ''), 'CHECK (is_charging IN (0, 1))', '')"
               " WHERE name = 'ev_telemetry'");
    edit(path, "UPDATE ev_telemetry SET soc = 'full', voltage = x'00ff', charge_cycles = 'many',"
               " is_charging = 'yes', created_at = 'yesterday', model_version = 5.5,"
               " temperature = -9e999, prediction_note = cast(x'c328' AS TEXT) WHERE seq = 1");
    edit(path, "UPDATE ev_telemetry SET time = 'tomorrow' WHERE seq = 1");
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_latest(store, "A", &rows, NULL));
    assert_int_equal(i64_at(rows, "seq", 0), 1);
    static const char *const lost[] = {"time",        "soc",        "voltage",    "charge_cycles",
                                       "is_charging", "created_at", "temperature"};
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        if (has(rows, lost[i], 0) && !isnan(number_at(rows, lost[i], 0))) {
            fail_msg("%s is not missing", lost[i]);
        }
    }
    assert_near(number_at(rows, "soh", 0), 95.25, 0);
    evtwin_table_free(rows);
    evtwin_store_stats stats;
    assert_ok(evtwin_store_stats_get(store, "A", INT64_MIN, INT64_MAX, &stats, sizeof stats));
    assert_ok(evtwin_store_expire(store, NULL));

    /* an id of any length */
    edit(path, "PRAGMA ignore_check_constraints = ON;"
               "UPDATE ev_telemetry SET battery_id = printf('%.5000c', 'x')");
    assert_ok(evtwin_store_latest(store, NULL, &rows, NULL));
    assert_int_equal(strlen(text_at(rows, "battery_id", 0)), 5000);
    evtwin_table_free(rows);
    assert_int_equal(evtwin_store_unpredicted(store, 9, &rows), EVTWIN_DONE);
    evtwin_store_free(store);
    assert_fails(evtwin_store_open(uri_of(path), NULL, &store), EVTWIN_E_SCHEMA,
                 "edited.db|ev_telemetry");
}

static void test_lost_parts_are_errors(void **state) {
    (void)state;
    const char *path = make_database("lost.db", 2);
    edit(path, "DELETE FROM ev_revision");
    evtwin_store *store = open_store(uri_of(path));
    evtwin_table *rows = some_rows("A", 5, 1), *latest = NULL;
    assert_fails(evtwin_store_insert(store, rows, NULL, 0), EVTWIN_E_CORRUPT, "ev_revision");
    evtwin_table_free(rows);
    edit(path, "DROP VIEW latest_battery_status");
    assert_fails(evtwin_store_latest(store, NULL, &latest, NULL), EVTWIN_E_EXTERNAL,
                 "lost.db|latest_battery_status");
    assert_null(latest);
    evtwin_store_free(store);
}

/* ---- revisions of others ---- */

static void test_revisions_of_others_block_nothing(void **state) {
    (void)state;
    static const char *const edits[] = {
        "UPDATE ev_telemetry SET revision = 700 WHERE seq = 1",
        "UPDATE ev_telemetry SET revision = 9223372036854775807 - seq",
        "UPDATE ev_revision SET revision = 9223372036854775807",
        "UPDATE ev_revision SET revision = -5",
        ("UPDATE ev_revision SET revision = 9223372036854775807;"
         "UPDATE ev_telemetry SET revision = 9223372036854775807 WHERE seq = 1"),
        "UPDATE ev_revision SET clock_us = 9223372036854775807, uptime_us = -9223372036854775807"};
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "revision%zu.db", i);
        const char *path = make_database(name, 3);
        edit(path, edits[i]);
        evtwin_store *store = open_store(uri_of(path));
        assert_int_equal(insert_new(store, some_rows("B", 0, 4)).n_inserted, 4);
        insert_new(store, some_rows("B", 4, 1));
        evtwin_table *rows = NULL;
        int64_t revision = 0;
        assert_ok(evtwin_store_changes(store, 0, 99, &rows, &revision));
        assert_int_equal(evtwin_table_rows(rows), 8);
        assert_true(revision < 1000);
        assert_string_equal(text_at(rows, "battery_id", 7), "B"); /* the newest is the last */
        evtwin_table_free(rows);
        evtwin_store_free(store);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_again_finds_the_rows),
        cmocka_unit_test(test_uri_forms),
        cmocka_unit_test(test_newer_schema_is_left_untouched),
        cmocka_unit_test(test_tables_of_others_are_not_touched),
        cmocka_unit_test(test_what_cannot_be_opened),
        cmocka_unit_test(test_read_only_reads_and_refuses_writes),
        cmocka_unit_test(test_status_is_the_librarys_status),
        cmocka_unit_test(test_database_refuses_nonsense),
        cmocka_unit_test(test_times_are_times_to_sqlite),
        cmocka_unit_test(test_hourly_view),
        cmocka_unit_test(test_no_query_scans_the_table),
        cmocka_unit_test(test_a_server_scans_nothing),
        cmocka_unit_test(test_values_of_another_type_are_missing),
        cmocka_unit_test(test_lost_parts_are_errors),
        cmocka_unit_test(test_revisions_of_others_block_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
