/* SPDX-License-Identifier: MIT */
/* test_spool_machine.c: a spool on a machine that runs out of disk, files, memory or rights: the
 * caller is told, nothing is half accepted, and it goes on when the machine does. */

#ifdef HAVE_SQLITE
#include "spool_rows.h"

#include "fail_nth.h"
#include "stream/spool.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { MIB = 1 << 20 };

static int64_t n_of_sink(evtwin_spool *s, const char *name) {
    evtwin__spool_cursor *c = NULL;
    evtwin__spool_chunk chunk = {.n = 0};
    int64_t n = 0;
    assert_ok(evtwin__spool_cursor_open(s, EVTWIN__SPOOL_ROWS, name, &c));
    while (evtwin__spool_cursor_read(c, 1000, &chunk) == EVTWIN_OK) {
        for (size_t i = 0; i < chunk.n; i++) {
            assert_int_equal(seq_of(chunk.rows, i), ++n);
        }
        assert_ok(evtwin__spool_cursor_advance(c, chunk.last, NULL));
    }
    evtwin__spool_chunk_clear(&chunk);
    return n;
}

static void a_full_disk_accepts_nothing_and_then_goes_on(void **state) {
    (void)state;
    struct rlimit before;
    evtwin_spool *s = open_spool(memory_path("disk"), 64 * MIB, EVTWIN_SPOOL_BLOCK);
    int64_t last = 0;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){300000, before.rlim_max}), 0);
    evtwin_status st;
    while ((st = append_rows(s, last + 1, 500)) == EVTWIN_OK) {
        last += 500;
    }
    assert_int_equal(st, EVTWIN_E_IO);
    assert_true(text_names(evtwin_last_error(), "spool.db"));
    assert_int_equal(append_rows(s, last + 1, 500), EVTWIN_E_IO);
    char position[32];
    assert_ok(evtwin_spool_position(s, "test:", position, sizeof position));
    assert_int_equal(strtoll(position, NULL, 10), last);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_ok(append_rows(s, last + 1, 500));
    last += 500;
    assert_true(last > 1000);
    assert_int_equal(n_of_sink(s, "a:"), last);
    evtwin_spool_free(s);
}

/* Fewer and fewer descriptors are left: it opens whole or says why not. */
static void too_few_descriptors_are_reported(void **state) {
    (void)state;
    char dir[256];
    int held[256], n_held = 0, n_opened = 0, n_refused = 0;
    snprintf(dir, sizeof dir, "%s", memory_path("files"));
    evtwin_spool_free(open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK));
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){48, before.rlim_max}), 0);
    for (;;) {
        evtwin_spool *s = NULL;
        const evtwin_status st = evtwin_spool_open(dir, NULL, &s);
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_IO);
        n_opened += st == EVTWIN_OK;
        n_refused += st < 0;
        if (st == EVTWIN_OK) {
            evtwin_spool_free(s);
        } else {
            assert_true(text_names(evtwin_last_error(), "files"));
        }
        const int fd = open("/dev/null", O_RDONLY);
        if (fd < 0 || n_held == 256) {
            break;
        }
        held[n_held++] = fd;
    }
    while (n_held > 0) {
        close(held[--n_held]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(n_opened > 5 && n_refused > 1);
    evtwin_spool_free(open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK));
}

/* As somebody who may not write there. */
static void a_folder_that_cannot_be_written_is_named(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("locked"));
    evtwin_spool_free(open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK));
    assert_int_equal(chmod(dir, 0500), 0);
    assert_int_equal(chmod(temp_folder, 0755), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        evtwin_spool *s = NULL;
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(77);
        }
        const evtwin_status st = evtwin_spool_open(dir, NULL, &s);
        /* its own user may write the files that are there */
        _exit(st == EVTWIN_E_IO || (st == EVTWIN_OK && getuid() != 65534) ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
    assert_int_equal(chmod(dir, 0700), 0);
}

static evtwin_status use_spool(void *ctx) {
    evtwin_spool *s = NULL;
    evtwin__spool_cursor *c = NULL;
    evtwin__spool_chunk chunk = {.n = 0};
    const evtwin_batch batch = {
        .size = sizeof batch, .rows = ctx, .source = "test:", .position = "1"};
    evtwin_status st = evtwin_spool_open(memory_path("memory"), NULL, &s);
    st = st >= 0 ? evtwin__spool_cursor_open(s, EVTWIN__SPOOL_ROWS, "a:", &c) : st;
    st = st >= 0 ? evtwin_spool_append(s, &batch) : st;
    while (st >= 0 && (st = evtwin__spool_cursor_read(c, 10, &chunk)) == EVTWIN_OK) {
        st = evtwin__spool_cursor_advance(c, chunk.last, NULL);
    }
    evtwin__spool_chunk_clear(&chunk);
    evtwin_spool_free(s);
    return st < 0 ? st : EVTWIN_OK;
}

static void memory_that_is_out_is_reported(void **state) {
    (void)state;
    evtwin_table *rows = numbered_rows(1, 20);
    (void)memory_path("memory");
    assert_true(fail_every_allocation(use_spool, rows) > 20);
    evtwin_table_free(rows);
}

/* A predictor's memory of each battery goes on behind what was accepted, not behind what the sinks
 * have. */
static void states_come_back_with_what_was_accepted(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("states"));
    evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    evtwin_table *states = NULL, *got = NULL, *rows = numbered_rows(1, 2);
    assert_int_equal(evtwin__spool_states(s, &got), EVTWIN_DONE);
    assert_ok(evtwin_table_create(&states));
    assert_ok(evtwin_table_resize(states, 2));
    size_t id, time, seq, text;
    assert_ok(evtwin_table_add_column(states, "battery_id", EVTWIN_TEXT, "", &id));
    assert_ok(evtwin_table_add_column(states, "time", EVTWIN_TIME, "", &time));
    assert_ok(evtwin_table_add_column(states, "seq", EVTWIN_I64, "", &seq));
    assert_ok(evtwin_table_add_column(states, "state", EVTWIN_TEXT, "", &text));
    for (int round = 1; round <= 2; round++) {
        for (size_t i = 0; i < 2; i++) {
            char json[32];
            snprintf(json, sizeof json, "{\"n\":%d}", round);
            assert_ok(evtwin_table_set_text(states, id, i, i == 0 ? "B0" : "B1"));
            assert_ok(evtwin_table_set_i64(states, time, i, round));
            assert_ok(evtwin_table_set_text(states, text, i, json));
        }
        const evtwin_batch batch = {.size = sizeof batch, .rows = rows, .states = states};
        assert_ok(evtwin_spool_append(s, &batch));
    }
    evtwin_spool_free(s);
    s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    assert_ok(evtwin__spool_states(s, &got));
    assert_int_equal(evtwin_table_rows(got), 2);
    assert_string_equal(evtwin_table_text(got, evtwin_table_find(got, "state"), 1), "{\"n\":2}");
    assert_int_equal(evtwin_table_i64(got, evtwin_table_find(got, "time"))[0], 2);
    assert_false(evtwin_table_is_valid(got, evtwin_table_find(got, "seq"), 0));
    evtwin_table_free(got);

    /* and to the sinks with the rows */
    evtwin__spool_cursor *c = NULL;
    evtwin__spool_chunk chunk = {.n = 0};
    assert_ok(evtwin__spool_cursor_open(s, EVTWIN__SPOOL_ROWS, "a:", &c));
    assert_ok(evtwin__spool_cursor_read(c, 10, &chunk));
    assert_int_equal(chunk.n, 4);
    assert_int_equal(evtwin_table_rows(chunk.states), 4);
    evtwin__spool_chunk_clear(&chunk);
    evtwin_spool_free(s);
    evtwin_table_free(states);
    evtwin_table_free(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_accepts_nothing_and_then_goes_on),
        cmocka_unit_test(too_few_descriptors_are_reported),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_named),
        cmocka_unit_test(memory_that_is_out_is_reported),
        cmocka_unit_test(states_come_back_with_what_was_accepted),
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
