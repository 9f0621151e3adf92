/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_postgres_write.c: what is the server's own of writing: connections that are
 * lost, writers that are gone, what other programs change, letters, retention. Runs on the server
 * that EVTWIN_TEST_POSTGRES names. */

#include "store_kinds.h"
#include "store_rows.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

#include "core/clock.h"
#include "evtwin/stream.h"
#include "postgres.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static char uri[320];
static evtwin_store *store;

static int setup(void **state) {
    (void)state;
    snprintf(uri, sizeof uri, "%s", fresh_uri("write"));
    store = open_store(uri);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    evtwin_store_free(store);
    store = NULL;
    return 0;
}

/* ---- connections ---- */

static void end_sessions(void) {
    run_sql(uri, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                 " WHERE datname = current_database() AND pid <> pg_backend_pid()");
}

static void a_lost_connection_loses_and_doubles_nothing(void **state) {
    (void)state;
    evtwin_table *table = some_rows("A", 0, 100);
    assert_int_equal(insert(store, table).n_inserted, 100);
    end_sessions();

    /* the same batch again, as if its answer had been lost; it may take one failure to notice */
    evtwin_insert_report report;
    evtwin_status st = evtwin_store_insert(store, table, &report, sizeof report);
    if (st == EVTWIN_E_AGAIN) {
        st = evtwin_store_insert(store, table, &report, sizeof report);
    }
    assert_int_equal(st, EVTWIN_OK);
    assert_int_equal(report.n_repeated, 100);
    assert_int_equal(count(store), 100);

    /* the handle still writes its battery, and nobody else does */
    evtwin_store *other = open_store(uri);
    evtwin_table *more = some_rows("A", 100, 1);
    assert_fails(evtwin_store_insert(other, more, NULL, 0), EVTWIN_E_BUSY, "battery A");
    assert_int_equal(insert(store, more).n_inserted, 1);
    evtwin_store_free(other);
    evtwin_table_free(more);
    evtwin_table_free(table);
}

static void batteries_of_the_dead_are_free(void **state) {
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        evtwin_store *own = NULL;
        evtwin_table *table = some_rows("A", 0, 10);
        const int is_done = evtwin_store_open(uri, NULL, &own) == EVTWIN_OK &&
                            evtwin_store_insert(own, table, NULL, 0) == EVTWIN_OK;
        const ssize_t n = write(ready[1], is_done ? "y" : "n", 1);
        while (is_done) {
            pause();
        }
        _exit(n == 1 ? 0 : 1);
    }
    char is_done = 0;
    assert_int_equal(read(ready[0], &is_done, 1), 1);
    assert_int_equal(is_done, 'y');
    close(ready[0]);
    close(ready[1]);
    evtwin_table *table = some_rows("A", 10, 10);
    assert_fails(evtwin_store_insert(store, table, NULL, 0), EVTWIN_E_BUSY, "battery A");
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(insert_new(store, table).n_inserted, 10);
    assert_int_equal(count(store), 20);
}

/* Of a batch with one battery that is held elsewhere no row goes in, and nothing else is taken. */
static void a_batch_is_held_as_a_whole(void **state) {
    (void)state;
    evtwin_store *other = open_store(uri);
    insert_new(other, some_rows("B", 0, 1));
    evtwin_table *table = some_rows("A", 0, 1);
    add_row(table, "B", t0 + SECOND, 1);
    add_row(table, "C", t0 + SECOND, 1);
    assert_fails(evtwin_store_insert(store, table, NULL, 0), EVTWIN_E_BUSY, "battery B");
    assert_int_equal(count(store), 1);
    insert_new(other, some_rows("A", 5, 1));
    insert_new(other, some_rows("C", 5, 1));
    evtwin_table_free(table);
    evtwin_store_free(other);
}

/* ---- positions ---- */

static void a_position_is_kept_with_its_rows(void **state) {
    (void)state;
    char position[32] = "none";
    evtwin_table *table = some_rows("A", 0, 3);
    assert_ok(evtwin_store_insert_from(store, table, "spool:7", "41", NULL, 0));
    assert_ok(evtwin_store_insert_from(store, table, "spool:7", "42", NULL, 0)); /* again */
    assert_int_equal(evtwin_store_position(store, "spool:7", position, sizeof position), EVTWIN_OK);
    assert_string_equal(position, "42");

    /* a batch that fails leaves both as they were */
    assert_ok(evtwin_table_set_f64(table, need(table, "soc"), 1, (double)INFINITY));
    assert_int_equal(evtwin_store_insert_from(store, table, "spool:7", "43", NULL, 0),
                     EVTWIN_E_RANGE);
    assert_ok(evtwin_store_position(store, "spool:7", position, sizeof position));
    assert_string_equal(position, "42");
    assert_int_equal(count(store), 3);
    evtwin_table_free(table);
}

/* The name of a file may be any bytes. */
static void positions_of_any_source_are_kept(void **state) {
    (void)state;
    static const char *const sources[] = {"jsonl:b\xe9t.jsonl", "jsonl:b\xe8t.jsonl",
                                          "jsonl:b\xc3\xa9t.jsonl"};
    for (int i = 0; i < 3; i++) {
        const char position[] = {(char)('1' + i), '\0'};
        evtwin_table *table = some_rows("A", i, 1);
        assert_ok(evtwin_store_insert_from(store, table, sources[i], position, NULL, 0));
        evtwin_table_free(table);
    }
    for (int i = 0; i < 3; i++) {
        char position[32] = "none";
        assert_int_equal(evtwin_store_position(store, sources[i], position, sizeof position),
                         EVTWIN_OK);
        assert_int_equal(position[0], '1' + i);
    }
}

/* ---- predictions ---- */

static void predictions_go_to_exact_keys(void **state) {
    (void)state;
    evtwin_table *table = some_rows("A", 0, 50);
    for (int64_t i = 0; i < 50; i++) {
        add_row(table, "B", t0 + i * SECOND, i);
    }
    insert(store, table);
    add_prediction_columns(table);
    for (size_t i = 0; i < 100; i++) {
        set_prediction(table, i, (double)i, 0.25);
    }
    /* one of a row that is not there, and one row twice: the last one counts */
    add_row(table, "A", t0 + 99 * SECOND, 99);
    add_row(table, "B", t0 + 7 * SECOND, 7);
    set_prediction(table, 100, 1.0, 0.25);
    set_prediction(table, 101, 777.0, 0.75);
    size_t n_updated = 0;
    assert_ok(evtwin_store_put_predictions(store, table, NULL, &n_updated));
    assert_int_equal(n_updated, 101);
    assert_int_equal(count(store), 100);
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_telemetry WHERE rul_prediction ="
                             " seq + CASE battery_id WHEN 'A' THEN 0 ELSE 50 END"),
                99, 0);
    assert_near(ask_sql(uri, "SELECT rul_prediction FROM ev_telemetry WHERE battery_id = 'B'"
                             " AND seq = 7 AND status = 'CRITICAL'"),
                777, 0);
    evtwin_table_free(table);
}

/* Predictions of the same batteries by two processes, each in an order of its own. */
static void predictors_do_not_wait_for_each_other_for_ever(void **state) {
    (void)state;
    static const char *const ids[2][3] = {{"A", "B", "C"}, {"C", "A", "B"}};
    enum { N = 40, TURNS = 20 };
    for (int k = 0; k < 3; k++) {
        insert_new(store, some_rows(ids[0][k], 0, N));
    }
    pid_t child[2];
    for (int who = 0; who < 2; who++) {
        if ((child[who] = fork()) == 0) {
            alarm(250);
            evtwin_store *own = NULL;
            int is_fine = evtwin_store_open(with_param(uri, "busy_timeout_ms=60000"), NULL, &own) ==
                          EVTWIN_OK;
            for (int turn = 0; turn < TURNS && is_fine; turn++) {
                evtwin_table *table = empty_rows();
                for (int64_t i = 0; i < N; i++) {
                    const int64_t seq = who == 0 ? i : N - 1 - i;
                    for (int k = 0; k < 3; k++) {
                        add_row(table, ids[who][k], t0 + seq * SECOND, seq);
                    }
                }
                add_prediction_columns(table);
                for (size_t i = 0; i < 3 * N; i++) {
                    set_prediction(table, i, turn, 0.5);
                }
                is_fine = evtwin_store_put_predictions(own, table, NULL, NULL) == EVTWIN_OK;
                evtwin_table_free(table);
            }
            if (!is_fine) {
                fprintf(stderr, "child: %s\n", evtwin_last_error());
            }
            _exit(is_fine ? 0 : 1);
        }
    }
    for (int who = 0; who < 2; who++) {
        int status = -1;
        assert_int_equal(waitpid(child[who], &status, 0), child[who]);
        assert_int_equal(status, 0);
    }
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_telemetry WHERE rul_prediction = 19"), 3 * N,
                0);
}

/* A column of which no row of a batch has a value is not sent: its default would take its place. */
static void what_is_missing_is_null_whatever_the_default(void **state) {
    (void)state;
    evtwin_store_free(store);
    run_sql(uri, "ALTER TABLE ev_telemetry ALTER voltage SET DEFAULT 12");
    store = open_store(uri);
    evtwin_table *table = some_rows("A", 0, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(evtwin_table_set_missing(table, need(table, "voltage"), i));
        assert_ok(evtwin_table_set_missing(table, need(table, "current"), i));
    }
    insert_new(store, table);
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_telemetry WHERE voltage IS NULL AND current"
                             " IS NULL"),
                3, 0);
}

/* busy_timeout_ms=0 does not wait; for the server a limit of 0 is none. */
static void without_patience_nothing_is_waited_for(void **state) {
    (void)state;
    char impatient[400];
    evtwin_store *own = NULL;
    snprintf(impatient, sizeof impatient, "%s&busy_timeout_ms=0", uri);
    assert_ok(evtwin_store_open(impatient, NULL, &own));
    PGconn *other = pg_connect(uri);
    PQclear(pg_ask(other, "BEGIN"));
    PQclear(pg_ask(other, "LOCK TABLE ev_position"));
    evtwin_table *table = some_rows("A", 0, 1);
    assert_ok(evtwin_store_deadline(own, 60.0));
    assert_fails(evtwin_store_insert_from(own, table, "spool:1", "1", NULL, 0), EVTWIN_E_AGAIN,
                 "lock");
    PQfinish(other);
    evtwin_table_free(table);
    evtwin_store_free(own);
}

static evtwin_table *predicted_rows(const char *id, int64_t first, size_t n) {
    evtwin_table *table = some_rows(id, first, n);
    add_prediction_columns(table);
    for (size_t i = 0; i < n; i++) {
        set_prediction(table, i, 300.0, 0.5);
    }
    return table;
}

/* A predictor while new rows of the battery come with their predictions: both lock its health, then
 * its latest prediction, which takes a while here. The server would end a deadlock, but not while
 * this test has patience. */
static void predictions_and_predicted_rows_lock_in_one_order(void **state) {
    (void)state;
    char patient[400];
    int ready[2];
    char byte = 0;
    snprintf(patient, sizeof patient, "%s&busy_timeout_ms=30000", uri);
    run_sql(uri, "ALTER ROLE CURRENT_USER SET deadlock_timeout = '10min'"); /* of new sessions */
    evtwin_store_free(store);
    store = open_store(patient);
    insert_new(store, predicted_rows("A", 0, 3));
    run_sql(uri,
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM"
            " pg_sleep(0.3); RETURN NULL; END $$; CREATE TRIGGER slow AFTER INSERT OR UPDATE ON"
            " ev_battery FOR EACH ROW EXECUTE FUNCTION slow()");
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        evtwin_store *own = NULL;
        evtwin_table *table = predicted_rows("A", 0, 3);
        alarm(250);
        int is_fine = evtwin_store_open(patient, NULL, &own) == EVTWIN_OK;
        is_fine &= write(ready[1], "r", 1) == 1;
        nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
        is_fine = is_fine && evtwin_store_put_predictions(own, table, NULL, NULL) == EVTWIN_OK;
        if (!is_fine) {
            fprintf(stderr, "child: %s\n", evtwin_last_error());
        }
        _exit(is_fine ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    evtwin_table *table = predicted_rows("A", 10, 3);
    assert_ok(evtwin_table_set_f64(table, need(table, "soc"), 2, 3.0)); /* its health changes */
    assert_ok(evtwin_store_insert(store, table, NULL, 0));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    run_sql(uri, "ALTER ROLE CURRENT_USER RESET deadlock_timeout");
    close(ready[0]);
    close(ready[1]);
    evtwin_table_free(table);
}

/* A sink of predictions logs those of rows that are not there. */
static int n_logged;
static void count_absent(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    n_logged += level == EVTWIN_LOG_WARNING && strstr(text, "does not have") != NULL;
}

static void predictions_of_absent_rows_are_logged(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    evtwin_table *table = some_rows("A", 0, 2);
    insert_new(store, some_rows("A", 0, 1));
    add_prediction_columns(table);
    set_prediction(table, 0, 1.0, 0.5);
    set_prediction(table, 1, 2.0, 0.5);
    assert_ok(evtwin_sink_open(with_param(uri, "write=predictions"), &sink));
    evtwin_set_log(count_absent, NULL);
    assert_ok(evtwin_sink_write(sink, table));
    assert_ok(evtwin_sink_write(sink, table));
    evtwin_set_log(NULL, NULL);
    assert_int_equal(n_logged, 1);
    evtwin_sink_free(sink);
    evtwin_table_free(table);
}

/* ---- other programs ---- */

static void limits_of_the_table_judge(void **state) {
    (void)state;
    insert_new(store, some_rows("A", 0, 1));
    run_sql(uri, "UPDATE ev_threshold SET \"limit\" = 90 WHERE kind = 'status' AND quantity = 'soc'"
                 " AND level = 'CRITICAL'");
    insert_new(store, some_rows("A", 1, 1));
    evtwin_table *table = some_rows("A", 0, 1);
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_telemetry WHERE status = 'CRITICAL'"), 1, 0);
    add_prediction_columns(table);
    set_prediction(table, 0, 1.0, 0.1);
    assert_ok(evtwin_store_put_predictions(store, table, NULL, NULL));
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_telemetry WHERE status = 'CRITICAL'"), 2, 0);
    run_sql(uri, "DELETE FROM ev_threshold");
    assert_ok(evtwin_store_put_predictions(store, table, NULL, NULL));
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_telemetry WHERE status = 'NORMAL'"), 1, 0);
    evtwin_table_free(table);
}

/* ---- letters ---- */

static void letters_take_any_bytes(void **state) {
    (void)state;
    const evtwin_letter letters[] = {{.size = sizeof letters[0],
                                      .received_us = t0,
                                      .source = "mqtt://h/\xff",
                                      .place = "topic [0]",
                                      .status = EVTWIN_E_PARSE,
                                      .reason = "no \"time\" in \xc3(",
                                      .raw = "a\0\xff",
                                      .raw_size = 3}};
    assert_ok(evtwin_store_put_letters(store, letters, 1));
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_dead_letter WHERE raw = '\\x6100ff' AND"
                             " source = 'mqtt://h/\xef\xbf\xbd' AND status = 'EVTWIN_E_PARSE' AND"
                             " reason = 'no \"time\" in \xef\xbf\xbd('"),
                1, 0);
}

/* ---- retention ---- */

static void old_rows_that_came_long_ago_go(void **state) {
    (void)state;
    insert_new(store, some_rows("A", 0, 3)); /* old, but new here */
    insert_new(store, some_rows("GONE", 0, 2));
    run_sql(uri, "UPDATE ev_telemetry SET created_at = time WHERE battery_id = 'GONE' OR seq = 1");
    evtwin_table *table = empty_rows();
    add_row(table, "A", evtwin_time_now(), 9);
    insert_new(store, table);
    size_t n_deleted = 0;
    assert_ok(evtwin_store_expire(store, &n_deleted));
    assert_int_equal(n_deleted, 3);
    assert_int_equal(count(store), 3);
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_health WHERE battery_id = 'GONE'"), 0, 0);

    /* an inserting handle does it by itself */
    evtwin_store *other = open_store(with_param(uri, "retention_days=1"));
    run_sql(uri, "UPDATE ev_telemetry SET created_at = time");
    insert_new(other, some_rows("B", 0, 1));
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_telemetry WHERE battery_id = 'A'"), 1, 0);
    evtwin_store_free(other);
}

static void *expire(void *n_deleted) {
    assert_ok(evtwin_store_expire(store, n_deleted));
    return NULL;
}

/* Its last rows are old, and a new one is on its way while the sweep ends. */
static void a_battery_that_comes_back_is_not_forgotten(void **state) {
    (void)state;
    insert_new(store, some_rows("BACK", 0, 2));
    run_sql(uri, "UPDATE ev_telemetry SET created_at = time");
    evtwin__pg *writer = test_client(uri);
    assert_ok(evtwin__pg_exec(
        writer, "RESET evtwin.writer; BEGIN;"
                " INSERT INTO ev_telemetry (battery_id, time, soc) VALUES"
                " ('BACK', now(), 50);"
                " UPDATE ev_health SET battery_id = 'BACK' WHERE battery_id = 'BACK'"));
    pthread_t thread;
    size_t n_deleted = 0;
    assert_int_equal(pthread_create(&thread, NULL, expire, &n_deleted), 0);
    const double end_s = evtwin__monotonic_s() + 60.0;
    while (ask_sql(uri, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND wait_event_type = 'Lock'") == 0) {
        assert_true(evtwin__monotonic_s() < end_s);
    }
    assert_ok(evtwin__pg_exec(writer, "COMMIT"));
    pthread_join(thread, NULL);
    evtwin__pg_free(writer);
    assert_int_equal(n_deleted, 2);
    assert_near(ask_sql(uri, "SELECT count(*) FROM ev_health WHERE battery_id = 'BACK'"), 1, 0);
}

static void a_backup_is_the_servers(void **state) {
    (void)state;
    assert_fails(evtwin_store_backup(store, "/tmp/x"), EVTWIN_E_UNSUPPORTED, "pg_dump");
}

/* ---- sources and sinks ---- */

static void streams_open_without_a_server(void **state) {
    (void)state;
    const char *away = "postgresql://twin:hunter2@127.0.0.1:1/twin_data?shared=1";
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    evtwin_table *table = some_rows("A", 0, 1);
    char position[32];
    assert_ok(evtwin_sink_open(away, &sink));
    assert_null(strstr(evtwin_sink_uri(sink), "hunter2"));
    assert_fails(evtwin_sink_write(sink, table), EVTWIN_E_AGAIN, "127.0.0.1");
    assert_fails(evtwin_sink_check(sink, 1000), EVTWIN_E_AGAIN, "127.0.0.1");
    assert_fails(evtwin_sink_position(sink, "s", position, sizeof position), EVTWIN_E_AGAIN,
                 "127.0.0.1");
    assert_null(strstr(evtwin_last_error(), "hunter2"));
    evtwin_sink_free(sink);

    assert_ok(evtwin_source_open("postgres://127.0.0.1:1/x?rows=unpredicted", &source));
    assert_fails(evtwin_source_read(source, 10, 0, table), EVTWIN_E_AGAIN, "127.0.0.1");
    assert_fails(evtwin_source_check(source, 1000), EVTWIN_E_AGAIN, "127.0.0.1");
    evtwin_source_free(source);

    /* what is wrong with the URI itself is told at once */
    sink = NULL;
    assert_fails(evtwin_sink_open("postgresql://h/x?shard=1", &sink), EVTWIN_E_ARG, "shard");
    assert_fails(evtwin_sink_open("postgresql:x", &sink), EVTWIN_E_ARG, "postgresql");
    assert_fails(evtwin_sink_open("postgresql://h/x?password_file=/nowhere/x", &sink),
                 EVTWIN_E_NOT_FOUND, "/nowhere/x");
    assert_null(sink);
    evtwin_table_free(table);
}

static void a_sink_goes_on_where_it_was(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    char position[32] = "";
    evtwin_table *table = some_rows("A", 0, 5);
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = table, .source = "spool:1", .position = "5"};
    assert_ok(evtwin_sink_open(with_param(uri, "shared=1&retention_days=0"), &sink));
    assert_ok(evtwin_sink_check(sink, 5000));
    assert_int_equal(evtwin_sink_position(sink, "spool:1", position, sizeof position), EVTWIN_DONE);
    assert_ok(evtwin_sink_write_batch(sink, &batch));
    assert_int_equal(evtwin_sink_position(sink, "spool:1", position, sizeof position), EVTWIN_OK);
    assert_string_equal(position, "5");
    evtwin_sink_free(sink);

    /* a source as well: seek to what it gave, and only what is newer comes */
    evtwin_table *got = empty_rows();
    assert_ok(evtwin_source_open(uri, &source));
    assert_ok(evtwin_source_read(source, 100, 0, got));
    assert_int_equal(evtwin_table_rows(got), 5);
    snprintf(position, sizeof position, "%s", evtwin_source_position(source));
    evtwin_source_free(source);
    insert_new(store, some_rows("B", 0, 2));
    assert_ok(evtwin_source_open(uri, &source));
    assert_ok(evtwin_source_seek(source, position));
    assert_fails(evtwin_source_seek(source, "soon"), EVTWIN_E_PARSE, "soon");
    assert_ok(evtwin_source_read(source, 100, 0, got));
    assert_int_equal(evtwin_table_rows(got), 7);
    evtwin_source_free(source);
    evtwin_table_free(got);
    evtwin_table_free(table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_lost_connection_loses_and_doubles_nothing),
        TEST(batteries_of_the_dead_are_free),
        TEST(a_batch_is_held_as_a_whole),
        TEST(a_position_is_kept_with_its_rows),
        TEST(positions_of_any_source_are_kept),
        TEST(predictions_go_to_exact_keys),
        TEST(predictors_do_not_wait_for_each_other_for_ever),
        TEST(what_is_missing_is_null_whatever_the_default),
        TEST(without_patience_nothing_is_waited_for),
        TEST(predictions_and_predicted_rows_lock_in_one_order),
        TEST(predictions_of_absent_rows_are_logged),
        TEST(limits_of_the_table_judge),
        TEST(letters_take_any_bytes),
        TEST(old_rows_that_came_long_ago_go),
        TEST(a_battery_that_comes_back_is_not_forgotten),
        TEST(a_backup_is_the_servers),
        cmocka_unit_test(streams_open_without_a_server),
        TEST(a_sink_goes_on_where_it_was),
    };
    if (!on_postgres()) {
        puts("skipped: EVTWIN_TEST_POSTGRES is not set");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
