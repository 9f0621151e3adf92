/* SPDX-License-Identifier: MIT */
/* test_pump_restart.c: a pump with a spool that starts again goes on where the last one was, also
 * one that was killed. */

#ifdef HAVE_SQLITE
#include "pump_memory.h"

#include <signal.h>
#include <sys/wait.h>

static void the_source_goes_on_behind_what_was_accepted(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("again"));
    memory *a = new_memory();
    a->is_down = 1;
    numbers n = {.next = 1, .n = 1000};
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 100, 0);
    add(p, a, "a:?timeout=3");
    run_all(p);
    assert_int_equal(evtwin_pump_finish(p), EVTWIN_E_AGAIN);
    evtwin_pump_free(p);
    assert_int_equal(a->n, 0);

    n = (numbers){.next = 1, .n = 1500};
    p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, a, "b:");
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_STATE, "a:|1000");
    evtwin_pump_free(p);

    a->is_down = 0;
    p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, a, "a:?timeout=5"); /* the same sink */
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(a->n == 1500 && a->n_doubled == 0);
    evtwin_pump_free(p);
    free(a);
}

static void a_source_goes_on_with_other_parameters(void **state) {
    (void)state;
    char dir[256], position[32];
    snprintf(dir, sizeof dir, "%s", memory_path("parameters"));
    memory *a = new_memory();

    /* an earlier version kept the position under the whole URI */
    evtwin_table *rows = numbered_rows(1, 40);
    evtwin_spool *s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = rows, .source = source_name, .position = "40"};
    assert_ok(evtwin_spool_append(s, &batch));
    evtwin_spool_free(s);
    evtwin_table_free(rows);

    static const char *const names[] = {"numbers:?order=up", "numbers:?naive_time=utc", "numbers:"};
    const char *const before = source_name;
    for (int i = 0; i < 3; i++) {
        numbers n = {.next = 1, .n = 100 * (i + 1)};
        source_name = names[i];
        evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 50, 30);
        add(p, a, "a:");
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        evtwin_pump_free(p);
        assert_true(a->n == 100 * (i + 1) && a->n_doubled == 0);
    }
    source_name = before;
    s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    assert_ok(evtwin_spool_position(s, "numbers:", position, sizeof position));
    assert_string_equal(position, "300");
    evtwin_spool_free(s);
    free(a);
}

static void a_second_sink_of_a_place_leaves_the_first_its_name(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("second"));
    memory *a = new_memory(), *b = new_memory();
    static const struct {
        const char *name[2];
        int is_swapped, takes;      /* the first is b; rows are taken */
    } runs[] = {{{"a:?x=1"}, 0, 0}, /* 100 wait */
                {{"a:?x=1", "a:?x=2"}, 0, 0},
                {{"a:?x=2", "a:?x=1"}, 1, 0},
                {{"a:?x=3", "a:?x=2"}, 0, 1},
                {{"a:?x=2"}, 1, 1}};
    for (int i = 0; i < 5; i++) {
        numbers n = {.next = 1, .n = 100 * (i + 1)};
        a->is_down = b->is_down = !runs[i].takes;
        evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 50, runs[i].takes ? 30 : 0);
        add(p, runs[i].is_swapped ? b : a, runs[i].name[0]);
        if (runs[i].name[1] != NULL) {
            add(p, runs[i].is_swapped ? a : b, runs[i].name[1]);
        }
        run_all(p);
        assert_int_equal(evtwin_pump_finish(p), runs[i].takes ? EVTWIN_OK : EVTWIN_E_AGAIN);
        evtwin_pump_free(p);
    }
    assert_true(a->n == 400 && a->n_doubled == 0);
    assert_true(b->n == 400 && b->n_doubled == 0 && !b->seen[100] && b->seen[101]);
    free(a);
    free(b);
}

/* As a source of a thousand partitions has it. */
static void a_long_position_comes_back(void **state) {
    (void)state;
    char dir[256], *position = malloc(20001);
    snprintf(dir, sizeof dir, "%s", memory_path("long"));
    memset(position, '0', 20000);
    memcpy(position + 19998, "40", 3);
    evtwin_table *rows = numbered_rows(1, 40);
    evtwin_spool *s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = rows, .source = "numbers:", .position = position};
    assert_ok(evtwin_spool_append(s, &batch));
    evtwin_spool_free(s);
    memory *a = new_memory();
    numbers n = {.next = 1, .n = 100};
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, a, "a:");
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(a->n == 100 && a->n_doubled == 0);
    evtwin_pump_free(p);
    evtwin_table_free(rows);
    free(position);
    free(a);
}

static void what_a_sink_has_by_its_own_word_is_not_written_again(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("word"));
    memory *a = new_memory();
    evtwin_spool *s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    assert_ok(append_rows(s, 1, 100));
    evtwin_spool_free(s);
    a->keeps_position = 1;
    snprintf(a->position, sizeof a->position, "40"); /* its commit came before a kill */
    numbers n = {.next = 101, .n = 100};
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, a, "a:");
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_int_equal(a->n, 60);
    assert_true(!a->seen[40] && a->seen[41]);
    assert_string_equal(a->position, "100");
    evtwin_pump_free(p);
    free(a);
}

/* ---- kills ---- */

/* In a child that dies at a place: rows 1 to 300 into a store and two files. */
static void run_child(const char *dir, const char *in, const char *site) {
    char uri[300];
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    evtwin_pump *p = NULL;
    evtwin_spool *spool = NULL;
    evtwin_pump_options options;
    setenv("EVTWIN_CRASH_AT", site, 1);
    evtwin_pump_options_init(&options, sizeof options);
    options.max_batch_rows = 50;
    options.drain_s = 200.0;
    snprintf(uri, sizeof uri, "jsonl:%s", in);
    if (evtwin_pump_create(&options, &p) < 0 || evtwin_source_open(uri, &source) < 0 ||
        evtwin_pump_take_source(p, source) < 0) {
        _exit(1);
    }
    static const char *const names[][2] = {
        {"sqlite", "store.db"}, {"jsonl", "out.jsonl"}, {"csv", "out.csv"}};
    for (size_t i = 0; i < 3; i++) {
        snprintf(uri, sizeof uri, "%s:%s/%s", names[i][0], dir, names[i][1]);
        if (evtwin_sink_open(uri, &sink) < 0 || evtwin_pump_take_sink(p, sink) < 0) {
            _exit(2);
        }
    }
    snprintf(uri, sizeof uri, "%s/spool", dir);
    if (evtwin_spool_open(uri, NULL, &spool) < 0 || evtwin_pump_take_spool(p, spool) < 0) {
        _exit(3);
    }
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) == EVTWIN_OK) {
    }
    if (st != EVTWIN_DONE || evtwin_pump_finish(p) < 0) {
        _exit(4);
    }
    evtwin_pump_free(p);
    _exit(0);
}

static int exit_of_child(const char *dir, const char *in, const char *site) {
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        run_child(dir, in, site);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Each seq from 1 to n once. */
static void assert_store_has(const char *dir, int64_t n) {
    char uri[300];
    evtwin_store *store = NULL;
    evtwin_table *rows = NULL;
    int64_t revision;
    snprintf(uri, sizeof uri, "sqlite:%s/store.db", dir);
    assert_ok(evtwin_store_open(uri, NULL, &store));
    assert_ok(evtwin_store_changes(store, 0, 100000, &rows, &revision));
    assert_int_equal(evtwin_table_rows(rows), n);
    unsigned char *seen = calloc((size_t)n + 1, 1);
    for (size_t i = 0; i < (size_t)n; i++) {
        const int64_t seq = seq_of(rows, i);
        assert_true(seq >= 1 && seq <= n && !seen[seq]);
        seen[seq] = 1;
    }
    free(seen);
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

/* The same of a file, in order, whatever the kill left: each row names its seq behind that text. */
static void assert_lines_are(const char *dir, const char *name, const char *before, int skip,
                             int64_t n) {
    char path[300], line[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    int64_t seen = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        const char *at = line;
        if (skip-- > 0) {
            continue;
        }
        for (int i = 0; i < (before[0] == ',' ? 10 : 1) && at != NULL; i++) {
            at = strstr(at, before);
            at = at != NULL ? at + strlen(before) : NULL;
        }
        assert_non_null(at);
        assert_int_equal(strtoll(at, NULL, 10), ++seen);
    }
    fclose(f);
    assert_int_equal(seen, n);
}

static void a_kill_at_any_place_loses_and_doubles_nothing(void **state) {
    (void)state;
    static const char *const sites[] = {"spool.before_commit",       "spool.after_commit",
                                        "spool.before_cursor",       "spool.after_cursor",
                                        "pump.before_source_commit", "pump.after_source_commit"};
    char in[256];
    snprintf(in, sizeof in, "%s", memory_path("in.jsonl"));
    FILE *f = fopen(in, "wb");
    for (int i = 1; i <= 300; i++) {
        fprintf(f,
                "{\"timestamp\":\"2024-01-01T00:%02d:%02dZ\",\"battery_id\":\"B%d\",\"seq\":%d,"
                "\"soc\":%d}\n",
                i / 60, i % 60, i % 3, i, i % 100);
    }
    fclose(f);
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
        for (int at = 1; at <= 3; at += 2) {
            char dir[256], site[64], name[32];
            snprintf(name, sizeof name, "kill%zu-%d", i, at);
            snprintf(dir, sizeof dir, "%s", memory_path(name));
            assert_int_equal(mkdir(dir, 0700), 0);
            snprintf(site, sizeof site, "%s:%d", sites[i], at);
            const int first = exit_of_child(dir, in, site);
            if (first == 0 && i == 0) {
                print_message("skipped: built without crash sites\n");
                skip();
            }
            if (first != -SIGKILL) {
                fail_msg("%s: exit %d", site, first);
            }
            assert_int_equal(exit_of_child(dir, in, "none"), 0);
            assert_store_has(dir, 300);
            assert_lines_are(dir, "out.jsonl", "\"seq\":", 0, 300);
            assert_lines_are(dir, "out.csv", ",", 1, 300);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_source_goes_on_behind_what_was_accepted),
        cmocka_unit_test(a_source_goes_on_with_other_parameters),
        cmocka_unit_test(a_second_sink_of_a_place_leaves_the_first_its_name),
        cmocka_unit_test(a_long_position_comes_back),
        cmocka_unit_test(what_a_sink_has_by_its_own_word_is_not_written_again),
        cmocka_unit_test(a_kill_at_any_place_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <stdio.h>

int main(void) {
    puts("skipped: this build has no SQLite");
    return 77;
}
#endif
