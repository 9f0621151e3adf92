/* SPDX-License-Identifier: MIT */
/* test_pump_return.c: a store whose waiting rows go through a spool, or are held for it: it is read
 * again when it has their predictions, so that no other sink gets a row twice. */

#include "test.h"

#include "store/store_kinds.h"

#ifdef HAVE_SQLITE

#include "learn/bundles.h"
#include "pump_memory.h"

#include <signal.h>
#include <sys/wait.h>

enum { BATCH = 8 };

/* ---- a store, and a pump of what waits in it ---- */

/* An empty store; a file of SQLite is in memory, where there is some. */
static void new_store(char uri[320], const char *name) {
    if (on_postgres()) {
        snprintf(uri, 320, "%s", fresh_uri(name));
    } else {
        snprintf(uri, 320, "sqlite:%s.db", memory_path(name));
    }
}

/* n rows more, from that seq on. */
static void insert(const char *base, int64_t first, size_t n) {
    evtwin_store *store = NULL;
    evtwin_table *rows = numbered_rows(first, n);
    const size_t time = evtwin_table_find(rows, "time");
    const int64_t now_us = evtwin_time_now();
    for (size_t i = 0; i < n; i++) {
        assert_ok(evtwin_table_set_i64(rows, time, i, now_us + (int64_t)i));
    }
    assert_ok(evtwin_store_open(base, NULL, &store));
    assert_ok(evtwin_store_insert(store, rows, NULL, 0));
    evtwin_store_free(store);
    evtwin_table_free(rows);
}

static int has_waiting_rows(const char *base) {
    evtwin_store *store = NULL;
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_open(base, NULL, &store));
    const evtwin_status st = evtwin_store_unpredicted(store, 1, &rows);
    assert_true(st >= 0);
    evtwin_table_free(rows);
    evtwin_store_free(store);
    return st == EVTWIN_OK;
}

static const char *bundle(void) {
    static char path[256];
    if (path[0] == '\0') {
        const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
        snprintf(path, sizeof path, "%s", temp_path("bundle"));
        write_bundle(path, &both);
    }
    return path;
}

static evtwin_pump *pump_of_waiting(const char *base, const char *folder, size_t max_held) {
    evtwin_pump_options options;
    evtwin_pump *p = NULL;
    evtwin_source *source = NULL;
    evtwin_predictor *predictor = NULL;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.max_batch_rows = BATCH;
    options.max_held_rows = max_held;
    options.first_pause_s = options.longest_pause_s = 0.0;
    options.drain_s = folder != NULL ? DEADLINE_S : 0.0;
    assert_ok(evtwin_pump_create(&options, &p));
    assert_ok(evtwin_source_open(with_param(base, "rows=unpredicted"), &source));
    assert_ok(evtwin_pump_take_source(p, source));
    assert_ok(evtwin_predictor_load(bundle(), &predictor));
    assert_ok(evtwin_pump_take_predictor(p, predictor));
    if (folder != NULL) {
        assert_ok(evtwin_pump_take_spool(p, open_spool(folder, 16 * MIB, EVTWIN_SPOOL_BLOCK)));
    }
    return p;
}

/* ---- the store as a sink that can be away ---- */

typedef struct gate {
    evtwin_sink *store;
    atomic_int is_down;
} gate;

static evtwin_status write_gate(void *ctx, const evtwin_batch *batch) {
    gate *g = ctx;
    return atomic_load(&g->is_down) ? EVTWIN_E_AGAIN : evtwin_sink_write_batch(g->store, batch);
}

static evtwin_status states_of_gate(void *ctx, const evtwin_table *batteries, evtwin_table **out) {
    return evtwin_sink_states(((gate *)ctx)->store, batteries, out);
}

static void close_gate(void *ctx) {
    evtwin_sink_free(((gate *)ctx)->store);
}

static void add_gate(evtwin_pump *p, gate *g, const char *base, const char *name) {
    evtwin_sink *sink = NULL;
    const evtwin_sink_callbacks callbacks = {.size = sizeof callbacks,
                                             .name = name,
                                             .write = write_gate,
                                             .close = close_gate,
                                             .states = states_of_gate};
    assert_ok(evtwin_sink_open(with_param(base, "write=predictions"), &g->store));
    assert_ok(evtwin_sink_create(&callbacks, g, &sink));
    assert_ok(evtwin_pump_take_sink(p, sink));
}

static uint64_t due(const evtwin_pump *p) {
    evtwin_pump_stats stats;
    assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
    return stats.n_due;
}

/* Until nothing waits any more. Nothing fails, and the store gives no row that it gave before. */
static void run_waiting(evtwin_pump *p) {
    const time_t end = time(NULL) + DEADLINE_S;
    size_t n = 1;
    while (n > 0 || due(p) > 0) {
        n = 0;
        assert_ok(evtwin_pump_run_once(p, 50, &n));
        assert_true(time(NULL) < end);
    }
}

/* ---- tests ---- */

/* The store's sink under the name of the source, and under another one. */
static void a_store_is_read_again_when_it_has_the_predictions(void **state) {
    (void)state;
    for (int is_other = 0; is_other <= 1; is_other++) {
        char base[320], folder[256];
        new_store(base, is_other ? "other" : "same");
        snprintf(folder, sizeof folder, "%s", memory_path(is_other ? "other" : "same"));
        const char *name = is_other ? "elsewhere:?x=1" : base;
        memory *a = new_memory();
        gate g = {.is_down = 1};
        size_t n = 0;
        insert(base, 1, 20);
        evtwin_pump *p = pump_of_waiting(base, folder, 0);
        add(p, a, "a:");
        add_gate(p, &g, base, name);
        assert_ok(evtwin_pump_run_once(p, 0, &n));
        assert_int_equal(n, BATCH);
        assert_int_equal(due(p), BATCH);
        insert(base, 21, 5);

        /* nothing is read, which is a failure once the sink's is known */
        const time_t end = time(NULL) + DEADLINE_S;
        evtwin_status st;
        while ((st = evtwin_pump_run_once(p, 20, &n)) == EVTWIN_OK) {
            assert_true(n == 0 && time(NULL) < end);
        }
        assert_fails(st, EVTWIN_E_AGAIN, "not read until|8 rows");
        run_until(p, &a->n, BATCH);
        assert_int_equal(evtwin_pump_run_once(p, 0, &n), EVTWIN_E_AGAIN);
        assert_int_equal(a->n, BATCH);
        evtwin_pump_free(p);

        /* the next process knows from its spool what has not returned */
        p = pump_of_waiting(base, folder, 0);
        add(p, a, "a:");
        add_gate(p, &g, base, name);
        assert_int_equal(due(p), 0); /* it is not asked before the first run */
        while ((st = evtwin_pump_run_once(p, 20, &n)) == EVTWIN_OK) {
            assert_true(n == 0 && time(NULL) < end);
        }
        assert_int_equal(st, EVTWIN_E_AGAIN);
        assert_int_equal(due(p), BATCH);
        atomic_store(&g.is_down, 0);
        while (due(p) > 0) {
            assert_true(time(NULL) < end);
            (void)evtwin_pump_run_once(p, 20, &n);
        }
        run_waiting(p);
        assert_ok(evtwin_pump_finish(p));
        evtwin_pump_free(p);
        assert_true(a->n == 25 && a->n_doubled == 0);
        assert_int_equal(has_waiting_rows(base), 0);
        free(a);
    }
}

static void what_is_held_for_a_store_is_not_read_again(void **state) {
    (void)state;
    char base[320];
    new_store(base, "held");
    memory *a = new_memory();
    gate g = {.is_down = 1};
    size_t n = 0;
    insert(base, 1, 20);
    evtwin_pump *p = pump_of_waiting(base, NULL, 1000);
    add(p, a, "a:");
    add_gate(p, &g, base, base);
    assert_ok(evtwin_pump_run_once(p, 0, &n));
    assert_int_equal(n, BATCH);
    for (int i = 0; i < 3; i++) {
        assert_ok(evtwin_pump_run_once(p, 1, &n));
        assert_int_equal(n, 0);
        assert_int_equal(due(p), BATCH);
    }
    atomic_store(&g.is_down, 0);
    run_waiting(p);
    assert_ok(evtwin_pump_finish(p));
    evtwin_pump_free(p);
    assert_true(a->n == 20 && a->n_doubled == 0);
    assert_int_equal(has_waiting_rows(base), 0);
    free(a);
}

/* ---- kills ---- */

/* In a child that may die at a place: all that waits into its own rows and a file. */
static void run_child(const char *base, const char *dir, const char *site) {
    char uri[300];
    evtwin_sink *sink = NULL;
    setenv("EVTWIN_CRASH_AT", site, 1);
    snprintf(uri, sizeof uri, "%s/spool", dir);
    evtwin_pump *p = pump_of_waiting(base, uri, 0);
    assert_ok(evtwin_sink_open(with_param(base, "write=predictions"), &sink));
    assert_ok(evtwin_pump_take_sink(p, sink));
    snprintf(uri, sizeof uri, "jsonl:%s/out.jsonl", dir);
    assert_ok(evtwin_sink_open(uri, &sink));
    assert_ok(evtwin_pump_take_sink(p, sink));
    run_waiting(p);
    assert_ok(evtwin_pump_finish(p));
    evtwin_pump_free(p);
}

static int exit_of_child(const char *base, const char *dir, const char *site) {
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* what is asserted there ends the child alone */
        run_child(base, dir, site);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Each seq from 1 to n once. */
static void assert_file_has(const char *dir, int64_t n) {
    char path[300], line[2048];
    unsigned char seen[1000] = {0};
    int64_t n_seen = 0;
    snprintf(path, sizeof path, "%s/out.jsonl", dir);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (; fgets(line, sizeof line, f) != NULL; n_seen++) {
        const char *at = strstr(line, "\"seq\":");
        assert_non_null(at);
        const int64_t seq = strtoll(at + strlen("\"seq\":"), NULL, 10);
        assert_true(seq >= 1 && seq <= n && !seen[seq]);
        assert_non_null(strstr(line, "\"prediction_note\":")); /* some inputs are missing */
        seen[seq] = 1;
    }
    fclose(f);
    assert_int_equal(n_seen, n);
}

static void a_kill_at_any_place_doubles_nothing(void **state) {
    (void)state;
    static const char *const sites[] = {"spool.before_commit", "spool.after_commit",
                                        "spool.before_cursor", "spool.after_cursor"};
    (void)bundle();
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
        for (int at = 1; at <= 3; at += 2) {
            char base[320], dir[256], site[64], name[32];
            snprintf(name, sizeof name, "kill%zu-%d", i, at);
            new_store(base, name);
            snprintf(dir, sizeof dir, "%s", memory_path(name));
            assert_int_equal(mkdir(dir, 0700), 0);
            snprintf(site, sizeof site, "%s:%d", sites[i], at);
            insert(base, 1, 30);
            const int first = exit_of_child(base, dir, site);
            if (first == 0 && i == 0) {
                print_message("skipped: built without crash sites\n");
                skip();
            }
            if (first != -SIGKILL) {
                fail_msg("%s: exit %d", site, first);
            }
            insert(base, 31, 10); /* newer ones, before which those that waited are looked for */
            assert_int_equal(exit_of_child(base, dir, "none"), 0);
            assert_file_has(dir, 40);
            assert_int_equal(has_waiting_rows(base), 0);
        }
    }
}

int main(void) {
    if (!has_kind_of_store()) {
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_read_again_when_it_has_the_predictions),
        cmocka_unit_test(what_is_held_for_a_store_is_not_read_again),
        cmocka_unit_test(a_kill_at_any_place_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
    print_message("skipped: this build has no SQLite\n");
    return 77;
}
#endif
