/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_feed.c: the change feed on PostgreSQL (EVTWIN_TEST_POSTGRES), where
 * transactions of many writers commit in another order than they began, and where most writers are
 * programs that know nothing of revisions. */

#include "store_kinds.h"
#include "store_rows.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

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
    int gate[2]; /* closed when the reader is there */
    char byte;
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i <= N_WRITERS; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            alarm(250);
            close(gate[1]);
            (void)!read(gate[0], &byte, 1);
            i < N_WRITERS ? write_as_others_do(i) : write_as_we_do();
        }
    }
    evtwin_store *store = open_store(uri);
    close(gate[0]);
    close(gate[1]);
    const double deadline_s = now_s() + 200.0;
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_appears_below_what_was_given),
        cmocka_unit_test(rows_of_one_revision_come_together),
        cmocka_unit_test(every_row_comes_in_its_newest_state),
    };
    if (!on_postgres()) {
        puts("skipped: EVTWIN_TEST_POSTGRES names no server");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
