/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_migrate.c: databases of older versions, and databases in which others
 * made things. */

#include "store_rows.h"

#ifndef HAVE_SQLITE
int main(void) {
    puts("skipped: this build has no SQLite");
    return 77;
}
#else

#include "core/embed.h"

#include <sqlite3.h>

extern const evtwin__embedded evtwin__sqlite_migrations[];
extern const size_t evtwin__sqlite_migrations_count;

/* Another program at work on the file. */
static void run(const char *path, const char *sql) {
    sqlite3 *raw = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    if (sqlite3_exec(raw, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%.200s: %s", sql, message);
    }
    sqlite3_close(raw);
}

/* First cell of the first row; freed by the caller. */
static char *ask(const char *path, const char *sql) {
    sqlite3 *raw = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    if (sqlite3_prepare_v2(raw, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(raw));
    }
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    char *copy = strdup(text != NULL ? text : "NULL");
    sqlite3_finalize(stmt);
    sqlite3_close(raw);
    return copy;
}

static void assert_answer(const char *path, const char *sql, const char *expected) {
    char *answer = ask(path, sql);
    if (strcmp(answer, expected) != 0) {
        fail_msg("%s: '%s', expected '%s'", sql, answer, expected);
    }
    free(answer);
}

/* A database that version 0.1.0 of the tools made: 39 rows of 3 batteries, 6 of them waiting. */
static const char *make_old(const char *name) {
    static char sql[1 << 16];
    const char *path = temp_path(name);
    FILE *f = fopen(SOURCE_DIR "/tests/data/store/store_0.1.0.sql", "rb");
    assert_non_null(f);
    const size_t size = fread(sql, 1, sizeof sql - 1, f);
    fclose(f);
    sql[size] = '\0';
    run(path, sql);
    return path;
}

static const char all_rows[] =
    "SELECT group_concat(battery_id || time || seq || soc || coalesce(soh, '-') || status"
    " || coalesce(rul_prediction, '-') || coalesce(failure_probability, '-') || revision"
    " || coalesce(model_version, '-') || created_at) FROM (SELECT * FROM ev_telemetry ORDER BY"
    " battery_id, time, seq)";

static void test_a_database_of_0_1_0(void **state) {
    (void)state;
    const char *path = make_old("old.db");
    run(path, "CREATE INDEX mine ON ev_telemetry (soc);"
              "CREATE VIEW my_view AS SELECT battery_id, status FROM ev_telemetry;"
              "CREATE TABLE my_notes (note TEXT)");
    char *before = ask(path, all_rows);
    assert_true(strlen(before) > 39 * 50);

    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    evtwin_store *store = NULL;
    assert_int_equal(evtwin_store_open(uri_of(path), &options, &store), EVTWIN_E_SCHEMA);
    assert_answer(path, "SELECT count(*) FROM ev_migration", "1"); /* a reader changes nothing */

    store = open_store(uri_of(path));
    assert_int_equal(count(store), 39);
    evtwin_table *rows = NULL, *current = NULL;
    assert_ok(evtwin_store_unpredicted(store, 100, &rows));
    assert_int_equal(evtwin_table_rows(rows), 6);
    evtwin_table_free(rows);
    assert_ok(evtwin_store_latest(store, NULL, &rows, &current));
    assert_int_equal(evtwin_table_rows(rows), 3);
    assert_false(has(rows, "rul_prediction", 0)); /* its newest three wait */
    assert_true(has(current, "rul_prediction", 0));
    assert_true(i64_at(current, "predicted_time", 0) == t0 + 6600 * SECOND);
    assert_true(has(rows, "rul_prediction", 2));
    evtwin_table_free(rows);
    evtwin_table_free(current);
    assert_ok(evtwin_store_models(store, &rows));
    assert_int_equal(evtwin_table_rows(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        const int is_rul = strcmp(text_at(rows, "target", i), "rul") == 0;
        assert_string_equal(text_at(rows, "model_version", i), "e9b1aceb80a9");
        assert_true(has(rows, "trained_at", i));
        assert_true(!isnan(number_at(rows, is_rul ? "rmse" : "auc", i)));
        assert_true(isnan(number_at(rows, is_rul ? "auc" : "rmse", i)));
    }
    evtwin_table_free(rows);
    evtwin_store_free(store);

    char *after = ask(path, all_rows);
    assert_string_equal(after, before);
    free(before);
    free(after);
    assert_answer(path, "SELECT count(*) FROM my_view WHERE status = 'CRITICAL'", "14");
    assert_answer(path, "SELECT count(*) FROM sqlite_master WHERE name IN ('mine', 'my_notes')",
                  "2");
    assert_answer(path, "SELECT group_concat(integrity_check) FROM pragma_integrity_check", "ok");

    /* once is enough, and its readers are served */
    store = open_store(uri_of(path));
    insert_new(store, some_rows("BATTERY_009", 0, 1));
    evtwin_store_free(store);
    assert_ok(evtwin_store_open(uri_of(path), &options, &store));
    assert_int_equal(count(store), 40);
    evtwin_store_free(store);
}

/* The old database as a version left it that had the first n_steps. */
static const char *make_step(const char *name, size_t n_steps, const char *limits_of) {
    const char *path = make_old(name);
    char sql[600];
    for (size_t i = 1; i < n_steps; i++) {
        const evtwin__embedded *step = &evtwin__sqlite_migrations[i];
        run(path, step->data);
        snprintf(sql, sizeof sql, "INSERT INTO ev_migration VALUES (%zu, '%s', '')", i + 1,
                 step->name);
        run(path, sql);
        if (strstr(step->data, "CREATE TABLE ev_threshold") != NULL) {
            snprintf(sql, sizeof sql,
                     "ATTACH '%s' AS other; INSERT INTO ev_threshold SELECT * FROM"
                     " other.ev_threshold",
                     limits_of);
            run(path, sql);
        }
    }
    return path;
}

/* What a reader is given of a database: compared between one and another. */
static void describe(const char *path, char *to, size_t size) {
    evtwin_store *store = open_store(uri_of(path));
    evtwin_table *rows = NULL, *current = NULL;
    evtwin_store_stats stats = {.size = sizeof stats};
    int n = 0;
    assert_ok(evtwin_store_latest(store, NULL, &rows, &current));
    for (size_t i = 0; i < evtwin_table_rows(rows); i++) {
        const char *id = text_at(rows, "battery_id", i);
        assert_ok(evtwin_store_stats_get(store, id, INT64_MIN, INT64_MAX, &stats, sizeof stats));
        n += snprintf(to + n, size - (size_t)n, "%s %s %.9g %lld %.9g %.9g %.9g; ", id,
                      text_at(rows, "status", i), number_at(current, "rul_prediction", i),
                      (long long)stats.total_records, stats.avg_soc, stats.avg_rul,
                      stats.total_cycles);
        assert_true(n > 0 && (size_t)n < size);
    }
    evtwin_table_free(rows);
    evtwin_table_free(current);
    assert_ok(evtwin_store_unpredicted(store, 100, &rows));
    snprintf(to + n, size - (size_t)n, "%zu wait", evtwin_table_rows(rows));
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

static void test_a_database_of_each_step(void **state) {
    (void)state;
    static char first[2000], other[2000];
    char limits[300];
    snprintf(limits, sizeof limits, "%s", make_old("all-steps.db"));
    describe(limits, first, sizeof first);
    assert_non_null(strstr(first, "6 wait"));
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    for (size_t n = 2; n <= evtwin__sqlite_migrations_count; n++) {
        char name[32], path[300];
        snprintf(name, sizeof name, "step%zu.db", n);
        snprintf(path, sizeof path, "%s", make_step(name, n, limits));
        char *before = ask(path, all_rows);
        evtwin_store *store = NULL;
        assert_fails(evtwin_store_open(uri_of(path), &options, &store), EVTWIN_E_SCHEMA, "writing");
        describe(path, other, sizeof other);
        assert_string_equal(other, first);
        char *after = ask(path, all_rows);
        assert_string_equal(after, before);
        free(before);
        free(after);
        assert_answer(path, "SELECT group_concat(integrity_check) FROM pragma_integrity_check",
                      "ok");
        store = open_store(uri_of(path));
        insert_new(store, some_rows("BATTERY_009", 0, 1));
        assert_int_equal(count(store), 40);
        evtwin_store_free(store);
    }
}

/* ---- rows of other programs ---- */

static void test_triggers_judge_as_the_library_does(void **state) {
    (void)state;
    static const double soc[] = {NAN, 0, 14.9, 15, 29.9, 30, 80};
    static const double soh[] = {NAN, 74.9, 75, 85};
    static const double temperature[] = {NAN, 45, 45.1, 60.1};
    static const double risk[] = {NAN, 0.3, 0.31, 0.7, 0.71};
    enum { N = 7 * 4 * 4 * 5 };
    char uri[320];
    const char *path = temp_path("triggers.db");
    snprintf(uri, sizeof uri, "sqlite:%s", path);
    evtwin_store *store = open_store(uri);
    const evtwin_threshold rules[] = {
        {sizeof rules[0], EVTWIN_THRESHOLD_STATUS, "charge_cycles", EVTWIN_HEALTH_WARNING, 0, 190},
        {sizeof rules[0], EVTWIN_THRESHOLD_STATUS, "rul_prediction", EVTWIN_HEALTH_CRITICAL, 1,
         9.5},
        {sizeof rules[0], EVTWIN_THRESHOLD_STATUS, "soc", EVTWIN_HEALTH_CRITICAL, 1, 0.1 + 0.2}};
    evtwin_thresholds *limits = NULL;
    assert_ok(evtwin_thresholds_create(&limits));
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        assert_ok(evtwin_thresholds_set(limits, &rules[i]));
    }
    assert_ok(evtwin_store_put_thresholds(store, limits));
    evtwin_table *rows = empty_rows();
    add_prediction_columns(rows);
    for (size_t i = 0; i < N; i++) {
        add_row(rows, "A", t0, (int64_t)i);
        const double values[] = {soc[i % 7], soh[i / 7 % 4], temperature[i / 28 % 4],
                                 risk[i / 112 % 5], (double)(i % 11)};
        static const char *const names[] = {"soc", "soh", "temperature", "failure_probability",
                                            "rul_prediction"};
        for (size_t k = 0; k < 5; k++) {
            assert_ok(evtwin_table_set_f64(rows, need(rows, names[k]), i, values[k]));
        }
    }
    insert_new(store, rows);
    evtwin_store_free(store);

    /* the same rows, written by another program at once and in two steps */
    run(path, "CREATE TEMP TABLE copy AS SELECT * FROM ev_telemetry;"
              "UPDATE copy SET battery_id = 'B', revision = revision + 10000, status = NULL;"
              "INSERT INTO ev_telemetry SELECT * FROM copy;"
              "UPDATE copy SET battery_id = 'C', revision = revision + 10000,"
              " failure_probability = NULL, rul_prediction = NULL, status = 'NORMAL';"
              "INSERT INTO ev_telemetry SELECT * FROM copy;"
              "UPDATE ev_telemetry SET failure_probability = b.failure_probability,"
              " rul_prediction = b.rul_prediction FROM (SELECT * FROM ev_telemetry WHERE"
              " battery_id = 'B') AS b WHERE ev_telemetry.battery_id = 'C'"
              " AND ev_telemetry.seq = b.seq");
    assert_answer(path,
                  "SELECT count(DISTINCT status) || ' ' || count(*) FROM ev_telemetry WHERE"
                  " battery_id = 'A'",
                  "3 560");
    assert_answer(path,
                  "SELECT count(*) FROM ev_telemetry AS a JOIN ev_telemetry AS b USING (seq) JOIN"
                  " ev_telemetry AS c USING (seq) WHERE a.battery_id = 'A' AND b.battery_id = 'B'"
                  " AND c.battery_id = 'C' AND a.status = b.status AND a.status = c.status",
                  "560");

    /* and as evtwin_thresholds_status says */
    store = open_store(uri);
    evtwin_history_options options;
    assert_ok(evtwin_history_options_init(&options, sizeof options));
    options.limit = N;
    assert_ok(evtwin_store_history(store, "C", &options, &rows));
    for (size_t i = 0; i < N; i++) {
        assert_string_equal(text_at(rows, "status", i),
                            evtwin_health_name(evtwin_thresholds_status(limits, rows, i)));
    }
    evtwin_table_free(rows);
    evtwin_thresholds_free(limits);
    evtwin_store_free(store);
}

/* ---- what others made ---- */

static const char *make_new(const char *name) {
    const char *path = temp_path(name);
    evtwin_store *store = open_store(uri_of(path));
    insert_new(store, some_rows("A", 0, 2));
    evtwin_store_free(store);
    return path;
}

static void test_changed_databases_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *sql, *named;
    } changes[] = {
        {"CREATE TRIGGER theirs AFTER INSERT ON ev_telemetry BEGIN SELECT 1; END", "theirs"},
        {"CREATE TABLE t (a); CREATE TRIGGER theirs AFTER INSERT ON t BEGIN SELECT 1; END",
         "theirs"},
        {"DROP VIEW latest_battery_status; CREATE VIEW latest_battery_status AS WITH RECURSIVE c "
         "(x)"
         " AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT t.* FROM ev_telemetry AS t JOIN c"
         " ON c.x < 0",
         "latest_battery_status"},
        {"DROP INDEX ev_telemetry_revision; CREATE INDEX ev_telemetry_revision ON ev_telemetry"
         " (soc)",
         "ev_telemetry_revision"},
        {"CREATE UNIQUE INDEX theirs ON ev_telemetry (soc)", "theirs"},
        {"CREATE VIEW ev_view AS SELECT 1", "ev_view"},
        {"PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'soc REAL',"
         " 'soc REAL CHECK (soc < 0)') WHERE name = 'ev_telemetry'",
         "ev_telemetry"},
        {"DROP TRIGGER ev_status_insert; CREATE TRIGGER ev_status_insert AFTER INSERT ON"
         " ev_telemetry BEGIN DELETE FROM ev_telemetry; END",
         "ev_status_insert"},
        {"ALTER TABLE ev_telemetry ADD COLUMN humidity REAL", "ev_telemetry.humidity"},
        {"DROP TRIGGER ev_status_insert; DROP TRIGGER ev_status_update;"
         "ALTER TABLE ev_telemetry DROP COLUMN rul_low",
         "ev_telemetry.rul_low"},
        {"ALTER TABLE ev_model DROP COLUMN brier", "ev_model.brier"},
        {"DROP TABLE ev_threshold; CREATE TABLE ev_threshold (kind, quantity, level, operator,"
         " \"limit\")",
         "ev_threshold."},
        {"DROP TABLE ev_state", "ev_state."},
        {"INSERT INTO ev_migration VALUES (9001, 'column humidity', '')", "column humidity"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "changed%zu.db", i);
        const char *path = make_new(name);
        run(path, changes[i].sql);
        evtwin_store_options options;
        assert_ok(evtwin_store_options_init(&options, sizeof options));
        for (options.read_only = 0; options.read_only < 2; options.read_only++) {
            evtwin_store *store = NULL;
            if (evtwin_store_open(uri_of(path), &options, &store) != EVTWIN_E_SCHEMA ||
                !text_names(evtwin_last_error(), changes[i].named)) {
                fail_msg("%s: %s", changes[i].sql, evtwin_last_error());
            }
        }
        assert_answer(path, "SELECT count(*) FROM ev_telemetry", "2");
    }
}

static void test_what_is_lost_is_made_again_by_a_writer(void **state) {
    (void)state;
    static const char *const names[] = {"view latest_battery_status", "view ev_telemetry_hourly",
                                        "index ev_telemetry_unpredicted",
                                        "index ev_telemetry_revision", "trigger ev_status_update"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[32], sql[100];
        snprintf(name, sizeof name, "lost%zu.db", i);
        snprintf(sql, sizeof sql, "DROP %s", names[i]);
        const char *path = make_new(name);
        run(path, sql);
        evtwin_store_options options;
        evtwin_store *store = NULL;
        assert_ok(evtwin_store_options_init(&options, sizeof options));
        options.read_only = 1;
        assert_fails(evtwin_store_open(uri_of(path), &options, &store), EVTWIN_E_SCHEMA,
                     strchr(names[i], ' ') + 1);
        store = open_store(uri_of(path));
        assert_int_equal(count(store), 2);
        evtwin_store_free(store);
        assert_ok(evtwin_store_open(uri_of(path), &options, &store));
        evtwin_store_free(store);
    }
}

/* Steps that are absent are run, and then all of it must be as it should. */
static void test_a_changed_old_database_is_left_as_it_is(void **state) {
    (void)state;
    const char *path = make_old("old_changed.db");
    run(path, "ALTER TABLE ev_telemetry ADD COLUMN humidity REAL");
    evtwin_store *store = NULL;
    assert_fails(evtwin_store_open(uri_of(path), NULL, &store), EVTWIN_E_SCHEMA,
                 "ev_telemetry.humidity");
    assert_answer(path, "SELECT count(*) FROM ev_migration", "1");
    run(path, "INSERT INTO ev_migration VALUES (99, '099_future.sql', '')");
    assert_fails(evtwin_store_open(uri_of(path), NULL, &store), EVTWIN_E_SCHEMA, "099_future.sql");
}

static void test_indexes_views_and_tables_of_others_are_tolerated(void **state) {
    (void)state;
    const char *path = make_new("shared.db");
    run(path, "CREATE INDEX mine ON ev_telemetry (soc); CREATE TABLE notes (note TEXT);"
              "CREATE VIEW low AS SELECT battery_id FROM ev_telemetry WHERE soc < 20");
    evtwin_store *store = open_store(uri_of(path));
    insert_new(store, some_rows("A", 2, 2));
    assert_int_equal(count(store), 4);
    evtwin_store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_database_of_0_1_0),
        cmocka_unit_test(test_a_database_of_each_step),
        cmocka_unit_test(test_triggers_judge_as_the_library_does),
        cmocka_unit_test(test_changed_databases_are_refused),
        cmocka_unit_test(test_what_is_lost_is_made_again_by_a_writer),
        cmocka_unit_test(test_a_changed_old_database_is_left_as_it_is),
        cmocka_unit_test(test_indexes_views_and_tables_of_others_are_tolerated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
