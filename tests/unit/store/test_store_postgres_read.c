/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_postgres_read.c: what reads from PostgreSQL (EVTWIN_TEST_POSTGRES):
 * values and rows of other programs, which questions scan the table, and no memory. */

#include "store_kinds.h"
#include "store_rows.h"

#include "fail_nth.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

#include "store/store_postgres.h"

static char uri[320];

static evtwin_store *open_fresh(void) {
    snprintf(uri, sizeof uri, "%s", fresh_uri("read"));
    return open_store(uri);
}

/* ---- values of others ---- */

/* As a table may have them that was there before its triggers; read as missing. */
static void values_that_are_none_hide_nothing(void **state) {
    (void)state;
    evtwin_store *store = open_fresh();
    run_sql(uri, "SET evtwin.writer = 'on'; INSERT INTO ev_telemetry (time, battery_id, seq, soc,"
                 " soh, created_at, revision) VALUES"
                 " ('2026-01-01Z', 'A', 1, 40, 'NaN', now(), 1),"
                 " ('2026-01-02Z', 'A', 2, 'Infinity', 90, now(), 2),"
                 " ('2026-01-03Z', 'A', 3, 'NaN', '-Infinity', 'infinity', 3),"
                 " ('2026-01-04Z', 'A', 4, 60, 80, '20000-01-01', 4)");
    evtwin_store_stats stats;
    assert_int_equal(evtwin_store_stats_get(store, "A", INT64_MIN, INT64_MAX, &stats, sizeof stats),
                     EVTWIN_OK);
    assert_int_equal(stats.total_records, 4);
    assert_near(stats.avg_soc, 50.0, 1e-12);
    assert_near(stats.max_soc, 60.0, 0.0);
    assert_near(stats.avg_soh, 85.0, 1e-12);
    evtwin_table *rows = NULL;
    assert_int_equal(evtwin_store_history(store, "A", NULL, &rows), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(rows), 4);
    assert_false(has(rows, "created_at", 0));
    assert_false(has(rows, "created_at", 1));
    assert_true(has(rows, "created_at", 2));
    assert_true(isnan(number_at(rows, "soc", 1)) && isnan(number_at(rows, "soc", 2)));
    assert_true(isnan(number_at(rows, "soh", 3)));
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

/* A reader passes over what cannot be read, however much there is; who may write marks it. */
static void rows_that_cannot_be_read_block_nobody(void **state) {
    (void)state;
    evtwin_store *store = open_fresh();
    insert_new(store, some_rows("A", 0, 3));
    run_sql(uri,
            "INSERT INTO ev_telemetry (time, battery_id, seq) SELECT 'infinity', 'B', i FROM"
            " generate_series(1, 40) AS i; INSERT INTO ev_telemetry (time, battery_id) SELECT"
            " '2027-01-01Z', 'no id ' || i FROM generate_series(1, 20) AS i;"
            " INSERT INTO ev_telemetry (time, battery_id, seq) VALUES ('2027-01-01Z', 'C', -1)");
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    evtwin_store *reader = NULL;
    assert_ok(evtwin_store_open(uri, &options, &reader));
    for (int i = 0; i < 2; i++) {
        evtwin_table *rows = NULL;
        assert_int_equal(evtwin_store_unpredicted(i == 0 ? reader : store, 10, &rows), EVTWIN_OK);
        assert_int_equal(evtwin_table_rows(rows), 3);
        assert_string_equal(text_at(rows, "battery_id", 0), "A");
        evtwin_table_free(rows);
    }
    assert_true(ask_sql(uri, "SELECT count(*) FROM ev_telemetry WHERE prediction_note LIKE"
                             " 'unknown, because its%'") == 61.0);
    evtwin_store_free(reader);
    evtwin_store_free(store);
}

/* ---- how questions are answered ---- */

enum { FLEET = 50, FLEET_ROWS = 20000 };

/* By how much a counter of ev_telemetry has grown since the last call. */
static double counted(evtwin_store *store, const char *counter) {
    static double before[2];
    char sql[120];
    assert_ok(evtwin__pg_exec(((postgres_store *)store)->pg, "SELECT pg_stat_force_next_flush()"));
    snprintf(sql, sizeof sql,
             "SELECT %s FROM pg_stat_user_tables WHERE relid = 'ev_telemetry'::regclass", counter);
    double *was = &before[counter[0] == 's'];
    const double is = ask_sql(uri, sql), n = is - *was;
    *was = is;
    return n;
}

/* So few rows are looked at, and the table is not scanned. */
static void assert_looked_up(evtwin_store *store, const char *what, double max_rows) {
    const double n_scans = counted(store, "seq_scan"), n = counted(store, "idx_tup_fetch");
    if (n_scans != 0.0 || n > max_rows) {
        fail_msg("%s: %g scans of the table, %g rows", what, n_scans, n);
    }
}

static void no_question_scans_the_table(void **state) {
    (void)state;
    evtwin_store *store = open_fresh();
    PGconn *pg = pg_connect(uri);
    pg_run(pg, "SET evtwin.writer = 'on'; INSERT INTO ev_telemetry (time, battery_id, seq, soc,"
               " rul_prediction, prediction_timestamp, created_at, revision)"
               " SELECT '2026-01-01Z'::timestamptz + i * interval '1 s', 'B' || i % 50, i, 50,"
               " i, CASE WHEN i < 19900 THEN now() END, now(), i"
               " FROM generate_series(1, 20000) AS i;"
               " INSERT INTO ev_battery SELECT battery_id, max(time), max(seq) FROM ev_telemetry"
               " WHERE prediction_timestamp IS NOT NULL GROUP BY battery_id; ANALYZE");
    PQfinish(pg);
    (void)counted(store, "seq_scan");
    (void)counted(store, "idx_tup_fetch");
    for (int round = 0; round < 8; round++) { /* the server may change its mind after a few */
        evtwin_table *rows = NULL, *current = NULL;
        assert_int_equal(evtwin_store_latest(store, NULL, &rows, &current), EVTWIN_OK);
        assert_int_equal(evtwin_table_rows(rows), FLEET);
        evtwin_table_free(rows);
        evtwin_table_free(current);
        assert_looked_up(store, "latest", 6 * FLEET);
        assert_int_equal(evtwin_store_latest(store, "B7", &rows, &current), EVTWIN_OK);
        evtwin_table_free(rows);
        evtwin_table_free(current);
        assert_looked_up(store, "latest of one", 6);
        assert_int_equal(evtwin_store_unpredicted(store, 20, &rows), EVTWIN_OK);
        assert_int_equal(evtwin_table_rows(rows), 20);
        evtwin_table_free(rows);
        assert_looked_up(store, "waiting rows", 4 * FLEET);
        evtwin_history_options options;
        assert_ok(evtwin_history_options_init(&options, sizeof options));
        options.limit = 30;
        options.before_time_us = t0 + 9000 * SECOND;
        assert_int_equal(evtwin_store_history(store, "B7", &options, &rows), EVTWIN_OK);
        assert_int_equal(evtwin_table_rows(rows), 30);
        evtwin_table_free(rows);
        assert_looked_up(store, "history", 40);
        evtwin_store_stats stats;
        assert_int_equal(
            evtwin_store_stats_get(store, "B7", t0, t0 + 5000 * SECOND, &stats, sizeof stats),
            EVTWIN_OK);
        assert_int_equal(stats.total_records, 100);
        assert_looked_up(store, "statistics", 110);
        int64_t revision = 0;
        assert_int_equal(evtwin_store_changes(store, 100, 200, &rows, &revision), EVTWIN_OK);
        assert_int_equal(evtwin_table_rows(rows), 200);
        evtwin_table_free(rows);
        assert_looked_up(store, "changes", 210);
    }

    /* which is one that does */
    assert_int_equal(count(store), FLEET_ROWS);
    assert_true(counted(store, "seq_scan") == 1.0);
    evtwin_store_free(store);
}

/* ---- memory ---- */

enum { N_QUESTIONS = 8 };

/* The questions one after the other; what came goes. */
static evtwin_status ask(evtwin_store *store, int which) {
    evtwin_table *rows = NULL, *current = NULL;
    evtwin_thresholds *limits = NULL;
    evtwin_store_stats stats;
    int64_t n = 0;
    char text[16];
    evtwin_status st = which == 0   ? evtwin_store_latest(store, NULL, &rows, &current)
                       : which == 1 ? evtwin_store_unpredicted(store, 100, &rows)
                       : which == 2 ? evtwin_store_history(store, "A", NULL, &rows)
                       : which == 3 ? evtwin_store_changes(store, 0, 100, &rows, &n)
                       : which == 4
                           ? evtwin_store_stats_get(store, "A", 0, INT64_MAX, &stats, sizeof stats)
                       : which == 5 ? evtwin_store_thresholds(store, &limits)
                       : which == 6 ? evtwin_store_position(store, "csv:a", text, sizeof text)
                                    : evtwin_store_latest(store, "A", &rows, NULL);
    evtwin_table_free(rows);
    evtwin_table_free(current);
    evtwin_thresholds_free(limits);
    return st;
}

/* Each question with the n-th allocation refused, for every n: it says so, and the next one is
 * answered. */
static void no_memory_at_any_call(void **state) {
    (void)state;
    evtwin_store *store = open_fresh();
    insert_new(store, some_rows("A", 0, 30));
    run_sql(uri, "INSERT INTO ev_telemetry (time, battery_id) VALUES ('infinity', 'B')");
    for (int which = 0; which < N_QUESTIONS; which++) {
        evtwin_status st;
        int n = 0;
        do {
            evtwin_set_allocator(fail_nth_realloc, NULL);
            fail_nth_countdown = n++;
            st = ask(store, which);
            fail_nth_countdown = -1;
            evtwin_set_allocator(NULL, NULL);
            if (st < 0 && st != EVTWIN_E_NOMEM) {
                fail_msg("question %d, allocation %d: %s", which, n, evtwin_last_error());
            }
            assert_true(n < 1000);
        } while (st < 0);
        assert_true(n > 2);
        assert_int_equal(ask(store, which), which == 6 ? EVTWIN_DONE : EVTWIN_OK);
    }
    evtwin_store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_are_none_hide_nothing),
        cmocka_unit_test(rows_that_cannot_be_read_block_nobody),
        cmocka_unit_test(no_question_scans_the_table),
        cmocka_unit_test(no_memory_at_any_call),
    };
    if (!on_postgres()) {
        puts("skipped: EVTWIN_TEST_POSTGRES names no server");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
