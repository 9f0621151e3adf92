/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_processes.c: several processes on one database, and processes that
 * are killed. */

#include "store_kinds.h"
#include "store_rows.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_ms(long ms) {
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void assert_exits_well(pid_t child) {
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* On a loaded machine a writer may wait long for its turn; here nobody is in a hurry. */
static void patient_uri(char *uri, size_t size, const char *name) {
    snprintf(uri, size, "%s", with_param(fresh_uri(name), "busy_timeout_ms=60000"));
}

/* In a child: no cmocka, the exit code tells. */
static void must(int ok, int code) {
    if (!ok) {
        fprintf(stderr, "child: step %d: %s\n", code, evtwin_last_error());
        _exit(code);
    }
}

/* ---- writers, a predictor and a reader at once ---- */

enum { N_WRITERS = 3, N_BATCHES = 25, BATCH_ROWS = 40, N_EACH = N_BATCHES * BATCH_ROWS };

static void write_batches(const char *uri, int writer) {
    char id[16];
    snprintf(id, sizeof id, "W%d", writer);
    evtwin_store *store = NULL;
    must(evtwin_store_open(uri, NULL, &store) == EVTWIN_OK, 2); /* all at once: who migrates? */
    for (int64_t batch = 0; batch < N_BATCHES; batch++) {
        evtwin_table *rows = some_rows(id, batch * BATCH_ROWS, BATCH_ROWS);
        must(evtwin_store_insert(store, rows, NULL, 0) == EVTWIN_OK, 3);
        evtwin_table_free(rows);
    }
    evtwin_store_free(store);
    _exit(0);
}

static void predict_all(const char *uri) {
    evtwin_store *store = NULL;
    must(evtwin_store_open(uri, NULL, &store) == EVTWIN_OK, 2);
    size_t n_done = 0;
    while (n_done < N_WRITERS * N_EACH) {
        evtwin_table *rows = NULL;
        const evtwin_status st = evtwin_store_unpredicted(store, 300, &rows);
        must(st >= 0, 3);
        if (st == EVTWIN_DONE) {
            sleep_ms(2);
            continue;
        }
        add_prediction_columns(rows);
        for (size_t i = 0; i < evtwin_table_rows(rows); i++) {
            set_prediction(rows, i, (double)i64_at(rows, "seq", i), 0.5);
        }
        size_t n_updated = 0;
        must(evtwin_store_put_predictions(store, rows, NULL, &n_updated) == EVTWIN_OK, 4);
        must(n_updated == evtwin_table_rows(rows), 5);
        n_done += n_updated;
        evtwin_table_free(rows);
    }
    evtwin_store_free(store);
    _exit(0);
}

/* What the reader of the feed knows of each row. */
typedef struct follower {
    int64_t after, n_seen, n_predicted;
    int64_t next_seq[N_WRITERS]; /* first sightings come in seq order, unless predicted before */
    char seen[N_WRITERS][N_EACH], predicted[N_WRITERS][N_EACH];
} follower;

static void follow(follower *f, const evtwin_table *rows) {
    for (size_t i = 0; i < evtwin_table_rows(rows); i++) {
        const int w = text_at(rows, "battery_id", i)[1] - '0';
        const int64_t seq = i64_at(rows, "seq", i);
        const int64_t revision = i64_at(rows, "revision", i);
        assert_true(revision > f->after);
        f->after = revision;
        f->n_seen += !f->seen[w][seq];
        f->seen[w][seq] = 1;
        if (has(rows, "rul_prediction", i)) {
            assert_near(number_at(rows, "rul_prediction", i), (double)seq, 0);
            assert_false(f->predicted[w][seq]);
            f->predicted[w][seq] = 1;
            f->n_predicted++;
        } else {
            /* not seen predicted before, and in the order of its writer */
            assert_false(f->predicted[w][seq]);
            assert_true(seq >= f->next_seq[w]);
            f->next_seq[w] = seq + 1;
        }
    }
}

static void test_writers_predictor_and_reader(void **state) {
    (void)state;
    char uri[350];
    patient_uri(uri, sizeof uri, "together.db");
    pid_t child[N_WRITERS + 1];
    for (int i = 0; i <= N_WRITERS; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            alarm(200);
            i < N_WRITERS ? write_batches(uri, i) : predict_all(uri);
        }
    }
    evtwin_store *store = open_store(uri);
    follower *f = calloc(1, sizeof *f);
    assert_non_null(f);
    const double deadline_s = now_s() + 120.0;
    while (f->n_predicted < N_WRITERS * N_EACH) {
        evtwin_table *rows = NULL;
        int64_t revision = -1;
        const evtwin_status st = evtwin_store_changes(store, f->after, 500, &rows, &revision);
        assert_ok(st);
        if (st == EVTWIN_OK) {
            follow(f, rows);
            assert_int_equal(f->after, revision);
            evtwin_table_free(rows);
        } else {
            sleep_ms(2);
        }
        assert_true(now_s() < deadline_s);
    }
    assert_int_equal(f->n_seen, N_WRITERS * N_EACH);
    for (int i = 0; i <= N_WRITERS; i++) {
        assert_exits_well(child[i]);
    }
    assert_int_equal(count(store), N_WRITERS * N_EACH);
    if (!on_postgres()) { /* one revision for each insert and each prediction, none left out */
        assert_int_equal(f->after, 2 * N_WRITERS * N_EACH);
    }
    free(f);
    evtwin_store_free(store);
}

static void test_many_open_a_new_database_at_once(void **state) {
    (void)state;
    enum { N = 8 };
    for (int round = 0; round < 5; round++) {
        char name[32], uri[350];
        snprintf(name, sizeof name, "new-%d.db", round);
        patient_uri(uri, sizeof uri, name);
        pid_t child[N];
        for (int i = 0; i < N; i++) {
            child[i] = fork();
            if (child[i] == 0) {
                evtwin_store *store = NULL;
                must(evtwin_store_open(uri, NULL, &store) == EVTWIN_OK, 2);
                evtwin_store_free(store);
                _exit(0);
            }
        }
        for (int i = 0; i < N; i++) {
            assert_exits_well(child[i]);
        }
        evtwin_store *store = open_store(uri);
        assert_int_equal(count(store), 0);
        evtwin_store_free(store);
    }
}

/* Stores do not know of each other, wherever they lie: a database may have one in each schema. */
static void test_writers_of_two_stores(void **state) {
    (void)state;
    evtwin_store *a = open_store(fresh_uri("a.db")), *b = open_store(fresh_uri("b.db"));
    assert_int_equal(insert_new(a, some_rows("A", 0, 1)).n_inserted, 1);
    assert_int_equal(insert_new(b, some_rows("A", 0, 1)).n_inserted, 1);
    evtwin_store_free(b);
    evtwin_store_free(a);
}

/* ---- killed in the middle ---- */

enum { KILLS = 12, KILL_BATCH = 400 };

/* Insert batches for ever from number first on; tell of each that was accepted. */
static void insert_until_killed(const char *uri, int64_t first, int told) {
    alarm(200); /* should the parent be gone */
    evtwin_store *store = NULL;
    must(evtwin_store_open(uri, NULL, &store) == EVTWIN_OK, 2);
    for (int64_t batch = first;; batch++) {
        evtwin_table *rows = some_rows("A", batch * KILL_BATCH, KILL_BATCH);
        must(evtwin_store_insert(store, rows, NULL, 0) == EVTWIN_OK, 3);
        must(write(told, &batch, sizeof batch) == (ssize_t)sizeof batch, 4);
        evtwin_table_free(rows);
    }
}

/* Start a writer, wait for its first accepted batch, and kill it after_ms later. Gives the number
 * of batches accepted, counted from the first of all. */
static int64_t kill_a_writer(const char *uri, int64_t first, long after_ms) {
    int told[2];
    assert_int_equal(pipe(told), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(told[0]);
        insert_until_killed(uri, first, told[1]);
    }
    close(told[1]);
    int64_t batch = -1, n_accepted = first;
    assert_int_equal(read(told[0], &batch, sizeof batch), sizeof batch);
    sleep_ms(after_ms);
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    do {
        assert_int_equal(batch, n_accepted);
        n_accepted = batch + 1;
    } while (read(told[0], &batch, sizeof batch) == (ssize_t)sizeof batch);
    close(told[0]);
    return n_accepted;
}

static void assert_intact(const char *uri) {
    if (!on_postgres()) {
        assert_true(ask_sql(uri, "SELECT count(*) FROM pragma_integrity_check"
                                 " WHERE integrity_check = 'ok'") == 1.0);
    }
}

static void test_killed_writer_leaves_whole_batches(void **state) {
    (void)state;
    char uri[350];
    patient_uri(uri, sizeof uri, "killed.db");
    int64_t n_batches = 0;
    for (int k = 0; k < KILLS; k++) {
        const int64_t n_accepted = kill_a_writer(uri, n_batches, 1 + 7 * k % 23);
        assert_intact(uri);
        evtwin_store *store = open_store(uri);
        const int64_t n_rows = count(store);

        /* whole batches; every accepted one, and at most the one whose answer was cut off */
        assert_int_equal(n_rows % KILL_BATCH, 0);
        assert_true(n_rows >= n_accepted * KILL_BATCH);
        assert_true(n_rows <= (n_accepted + 1) * KILL_BATCH);

        /* the retry of the one in doubt doubles nothing; the dead one's lock is gone */
        evtwin_table *rows = some_rows("A", n_accepted * KILL_BATCH, KILL_BATCH);
        const evtwin_insert_report report = insert(store, rows);
        assert_int_equal(report.n_conflicting, 0);
        assert_int_equal(report.n_repeated, n_rows - n_accepted * KILL_BATCH);
        n_batches = n_accepted + 1;
        assert_int_equal(count(store), n_batches * KILL_BATCH);
        evtwin_table_free(rows);
        evtwin_store_free(store);
    }
    evtwin_store *store = open_store(uri);
    evtwin_table *last = NULL;
    assert_ok(evtwin_store_latest(store, "A", &last, NULL));
    assert_true(on_postgres() || i64_at(last, "revision", 0) == n_batches * KILL_BATCH);
    evtwin_table_free(last);
    evtwin_store_free(store);
}

/* ---- backup while others write ---- */

static void test_backup_under_a_writer(void **state) {
    (void)state;
    only_on_sqlite(); /* pg_dump does that */
    char uri[350], copy[300];
    patient_uri(uri, sizeof uri, "busy.db");
    snprintf(copy, sizeof copy, "%s", temp_path("busy-copy.db"));
    int told[2];
    assert_int_equal(pipe(told), 0);
    evtwin_store *store = open_store(uri);
    const pid_t child = fork();
    if (child == 0) {
        insert_until_killed(uri, 0, told[1]);
    }
    close(told[1]);
    int64_t batch = 0;
    while (batch < 20) {
        assert_int_equal(read(told[0], &batch, sizeof batch), sizeof batch);
    }
    assert_ok(evtwin_store_backup(store, copy));
    const int64_t before = count(store);
    const double deadline_s = now_s() + 60.0;
    while (count(store) == before) { /* the writer is still at work */
        assert_true(now_s() < deadline_s);
        sleep_ms(1);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);

    /* a state between two commits */
    assert_intact(uri_of(copy));
    evtwin_store *copied = open_store(uri_of(copy));
    const int64_t n_rows = count(copied);
    assert_int_equal(n_rows % KILL_BATCH, 0);
    assert_true(n_rows >= 20 * KILL_BATCH && n_rows <= count(store));
    evtwin_table *last = NULL;
    assert_ok(evtwin_store_latest(copied, "A", &last, NULL));
    assert_int_equal(i64_at(last, "revision", 0), n_rows);
    evtwin_table_free(last);
    assert_fails(evtwin_store_backup(store, copy), EVTWIN_E_IO, "exists");
    evtwin_store_free(copied);
    evtwin_store_free(store);
    close(told[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writers_predictor_and_reader),
        cmocka_unit_test(test_many_open_a_new_database_at_once),
        cmocka_unit_test(test_writers_of_two_stores),
        cmocka_unit_test(test_killed_writer_leaves_whole_batches),
        cmocka_unit_test(test_backup_under_a_writer),
    };
    return has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
