/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_feed.c: the change feed on PostgreSQL (EVTWIN_TEST_POSTGRES), where
 * transactions of many writers commit in another order than they began, and where most writers are
 * programs that know nothing of revisions; and that no question scans the table. */

#include "store_kinds.h"
#include "store_rows.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 0;
}
#else

#include "store/store_postgres.h"

#include <sys/wait.h>
#include <time.h>

static char uri[320];

static evtwin_store *open_fresh(void) {
    snprintf(uri, sizeof uri, "%s", fresh_uri("feed"));
    return open_store(uri);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_ms(long ms) {
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* The seqs of the next page of a feed, "3 4 5"; moves after. */
static const char *page(evtwin_store *store, int64_t *after, size_t max_rows) {
    static char text[400];
    evtwin_table *rows = NULL;
    text[0] = '\0';
    const evtwin_status st = evtwin_store_changes(store, *after, max_rows, &rows, after);
    assert_ok(st);
    for (size_t i = 0; st == EVTWIN_OK && i < evtwin_table_rows(rows); i++) {
        char one[32];
        snprintf(one, sizeof one, "%s%d", i > 0 ? " " : "", (int)i64_at(rows, "seq", i));
        strncat(text, one, sizeof text - strlen(text) - 1);
    }
    evtwin_table_free(rows);
    return text;
}

#define INSERT_SEQ(seq)                                                                            \
    "INSERT INTO ev_telemetry (time, battery_id, seq, soc) VALUES ('2026-01-01Z', 'A', " seq ", "  \
    "50)"

/* The one that began first commits last: what the others committed waits for it. */
static void nothing_appears_below_what_was_given(void **state) {
    (void)state;
    evtwin_store *store = open_fresh();
    PGconn *slow = pg_connect(uri), *fast = pg_connect(uri);
    int64_t after = 0;
    pg_run(fast, INSERT_SEQ("1"));
    assert_string_equal(page(store, &after, 10), "1");
    pg_run(slow, "BEGIN;" INSERT_SEQ("2"));
    pg_run(fast, INSERT_SEQ("3"));
    pg_run(fast, "UPDATE ev_telemetry SET soc = 51 WHERE seq = 1");
    assert_string_equal(page(store, &after, 10), "");
    pg_run(slow, "COMMIT");
    assert_string_equal(page(store, &after, 10), "2 3 1");

    /* one that changes its mind holds up nothing in the end */
    pg_run(slow, "BEGIN;" INSERT_SEQ("4"));
    pg_run(fast, INSERT_SEQ("5"));
    assert_string_equal(page(store, &after, 10), "");
    pg_run(slow, "ROLLBACK");
    assert_string_equal(page(store, &after, 10), "5");
    assert_string_equal(page(store, &after, 10), "");
    PQfinish(slow);
    PQfinish(fast);
    evtwin_store_free(store);
}

/* A writer of our kind that gave several rows one revision: no page ends between them. */
static void rows_of_one_revision_come_together(void **state) {
    (void)state;
    evtwin_store *store = open_fresh();
    PGconn *pg = pg_connect(uri);
    pg_run(pg, INSERT_SEQ("1"));
    pg_run(pg, "SET evtwin.writer = 'on'; INSERT INTO ev_telemetry (time, battery_id, seq,"
               " created_at, revision) SELECT now(), 'A', i, now(),"
               " (pg_current_xact_id()::text::bigint << 20) + 1 FROM generate_series(2, 6) AS i");
    int64_t after = 0;
    const int64_t n_page = (int64_t)strlen(page(store, &after, 2)); /* in which order is open */
    assert_int_equal(n_page, strlen("1 2 3 4 5 6"));
    assert_string_equal(page(store, &after, 2), "");
    PQfinish(pg);
    evtwin_store_free(store);
}

/* ---- many writers ---- */

enum { N_WRITERS = 4, N_TRANSACTIONS = 60, MAX_SEQ = 1000 };

static uint64_t draw(uint64_t *x, uint64_t below) {
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*x >> 33) % below;
}

/* Another program: transactions of a few inserts and updates, some of which it thinks better of;
 * the first one is slow. */
static void write_as_others_do(int writer) {
    PGconn *pg = pg_connect(uri);
    uint64_t random = (uint64_t)writer + 1;
    int seq = 0;
    for (int t = 0; t < N_TRANSACTIONS / (writer == 0 ? 5 : 1); t++) {
        pg_run(pg, "BEGIN");
        for (uint64_t i = 0, n = 1 + draw(&random, 4); i < n; i++) {
            char sql[200];
            snprintf(sql, sizeof sql,
                     draw(&random, 3) > 0
                         ? "INSERT INTO ev_telemetry (time, battery_id, seq) VALUES"
                           " ('2026-01-01Z', 'W%d', %d)"
                         : "UPDATE ev_telemetry SET soc = random() * 100 WHERE battery_id = 'W%d'"
                           " AND seq %% 7 = %d %% 7",
                     writer, seq++);
            pg_run(pg, sql);
            sleep_ms(writer == 0 ? 20 : (long)draw(&random, 3));
        }
        pg_run(pg, draw(&random, 8) > 0 ? "COMMIT" : "ROLLBACK");
    }
    PQfinish(pg);
    _exit(0);
}

/* Our own writer and predictor at the same time. */
static void write_as_we_do(void) {
    evtwin_store *store = NULL;
    int ok = evtwin_store_open(uri, NULL, &store) == EVTWIN_OK;
    for (int64_t t = 0; t < N_TRANSACTIONS && ok; t++) {
        evtwin_table *rows = some_rows("W9", 5 * t, 5);
        ok = evtwin_store_insert(store, rows, NULL, 0) == EVTWIN_OK;
        add_prediction_columns(rows);
        for (size_t i = 0; i < 5; i++) {
            set_prediction(rows, i, 100.0, 0.5);
        }
        ok = ok && evtwin_store_put_predictions(store, rows, NULL, NULL) == EVTWIN_OK;
        evtwin_table_free(rows);
    }
    if (!ok) {
        fprintf(stderr, "our writer: %s\n", evtwin_last_error());
    }
    evtwin_store_free(store);
    _exit(ok ? 0 : 1);
}

/* The revision that each row was seen with last. */
static int64_t seen[10][MAX_SEQ];

/* Follow the feed until there is nothing more; returns how many rows came. */
static size_t follow(evtwin_store *store, int64_t *after) {
    size_t n = 0;
    evtwin_table *rows = NULL;
    evtwin_status st;
    while ((st = evtwin_store_changes(store, *after, 7, &rows, after)) == EVTWIN_OK) {
        static int64_t last;
        last = n == 0 && *after == 0 ? 0 : last;
        for (size_t i = 0; i < evtwin_table_rows(rows); i++, n++) {
            const int64_t revision = i64_at(rows, "revision", i);
            assert_true(revision > last);
            last = revision;
            seen[text_at(rows, "battery_id", i)[1] - '0'][i64_at(rows, "seq", i)] = revision;
        }
        evtwin_table_free(rows);
    }
    assert_ok(st);
    return n;
}

static int n_running(pid_t *child, int n) {
    int n_left = 0;
    for (int i = 0; i < n; i++) {
        int status = 0;
        if (child[i] > 0 && waitpid(child[i], &status, WNOHANG) == child[i]) {
            assert_int_equal(status, 0);
            child[i] = 0;
        }
        n_left += child[i] > 0;
    }
    return n_left;
}

static void every_row_comes_in_its_newest_state(void **state) {
    (void)state;
    evtwin_store_free(open_fresh());
    pid_t child[N_WRITERS + 1];
    for (int i = 0; i <= N_WRITERS; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            alarm(100);
            i < N_WRITERS ? write_as_others_do(i) : write_as_we_do();
        }
    }
    evtwin_store *store = open_store(uri);
    const double deadline_s = now_s() + 60.0;
    int64_t after = 0;
    size_t n_seen = 0;
    int is_over;
    do {
        is_over = n_running(child, N_WRITERS + 1) == 0;
        n_seen += follow(store, &after);
        assert_true(now_s() < deadline_s);
    } while (!is_over);

    /* what was seen last of each row is what is there */
    PGconn *pg = pg_connect(uri);
    PGresult *all = pg_ask(pg, "SELECT substr(battery_id, 2), seq, revision FROM ev_telemetry");
    const int n = PQntuples(all);
    assert_true(n > 300 && n_seen > (size_t)n);
    for (int i = 0; i < n; i++) {
        const long id = strtol(PQgetvalue(all, i, 0), NULL, 10);
        const long seq = strtol(PQgetvalue(all, i, 1), NULL, 10);
        if (seen[id][seq] != strtoll(PQgetvalue(all, i, 2), NULL, 10)) {
            fail_msg("W%ld %ld has revision %s, seen was %lld", id, seq, PQgetvalue(all, i, 2),
                     (long long)seen[id][seq]);
        }
    }
    PQclear(all);
    PQfinish(pg);
    evtwin_store_free(store);
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
    run_sql(uri, "INSERT INTO ev_telemetry (time, battery_id, seq) SELECT 'infinity', 'B', i FROM"
                 " generate_series(1, 40) AS i; INSERT INTO ev_telemetry (time, battery_id, seq)"
                 " VALUES ('2027-01-01Z', 'no id', 1), ('2027-01-01Z', 'C', -1)");
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
                             " 'unknown, because its%'") == 42.0);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_appears_below_what_was_given),
        cmocka_unit_test(rows_of_one_revision_come_together),
        cmocka_unit_test(every_row_comes_in_its_newest_state),
        cmocka_unit_test(values_that_are_none_hide_nothing),
        cmocka_unit_test(rows_that_cannot_be_read_block_nobody),
        cmocka_unit_test(no_question_scans_the_table),
    };
    if (!on_postgres()) {
        puts("skipped: EVTWIN_TEST_POSTGRES names no server");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
