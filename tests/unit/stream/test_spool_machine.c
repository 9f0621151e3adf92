/* SPDX-License-Identifier: MIT */
/* test_spool_machine.c: a spool on a machine that runs out of disk, files, memory or rights: the
 * caller is told, nothing is half accepted, and it goes on when the machine does. */

#ifdef HAVE_SQLITE
#include "spool_cursors.h"

#include "fail_nth.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

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

/* Of n batteries, to be filled. */
static evtwin_table *empty_states(size_t n) {
    evtwin_table *states = NULL;
    assert_ok(evtwin_table_create(&states));
    assert_ok(evtwin_table_resize(states, n));
    assert_ok(evtwin_table_add_column(states, "battery_id", EVTWIN_TEXT, "", NULL));
    assert_ok(evtwin_table_add_column(states, "time", EVTWIN_TIME, "", NULL));
    assert_ok(evtwin_table_add_column(states, "seq", EVTWIN_I64, "", NULL));
    assert_ok(evtwin_table_add_column(states, "state", EVTWIN_TEXT, "", NULL));
    return states;
}

/* A predictor's memory of each battery goes on behind what was accepted, not behind what the sinks
 * have. */
static void states_come_back_with_what_was_accepted(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("states"));
    evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    evtwin_table *got = NULL, *states = empty_states(2), *rows = numbered_rows(1, 2);
    assert_int_equal(evtwin__spool_states(s, &got), EVTWIN_DONE);
    const size_t id = evtwin_table_find(states, "battery_id");
    const size_t time = evtwin_table_find(states, "time");
    const size_t text = evtwin_table_find(states, "state");
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

/* What is read while no file can grow. */
static evtwin_status read_on_a_full_disk(evtwin__spool_cursor *c, evtwin__spool_chunk *chunk) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    const evtwin_status st = evtwin__spool_cursor_read(c, 100, chunk);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, before);
    return st;
}

/* The chunk says up to where the cursor goes: an entry that it holds beyond that would be delivered
 * again and again. */
static void an_entry_waits_until_the_gap_before_it_is_listed(void **state) {
    (void)state;
    for (int64_t missing = 10; missing <= 30; missing += 10) {
        char dir[256], text[80];
        snprintf(text, sizeof text, "gap%lld", (long long)missing);
        snprintf(dir, sizeof dir, "%s", memory_path(text));
        evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
        evtwin__spool_cursor *a = cursor_of(s, "a:");
        for (int64_t k = 1; k < 40; k += 10) {
            assert_ok(append_rows(s, k, 10));
        }
        snprintf(text, sizeof text, "DELETE FROM entry WHERE number = %lld", (long long)missing);
        run_spool_sql(dir, text);
        evtwin__spool_chunk chunk = {.n = 0};
        const evtwin_status st = read_on_a_full_disk(a, &chunk);
        assert_int_equal(chunk.n, missing - 10);
        assert_int_equal(chunk.last, missing - 10);
        if (missing == 10) {
            assert_true(st < 0 && evtwin_last_error()[0] != '\0');
        } else {
            assert_ok(st);
            assert_int_equal(evtwin_table_rows(chunk.rows), chunk.n);
            assert_ok(evtwin__spool_cursor_advance(a, chunk.last, NULL));
        }
        evtwin_spool_loss loss;
        assert_int_equal(evtwin_spool_loss_get(s, 0, &loss, sizeof loss), EVTWIN_DONE);
        take_all(a, missing + 1, 40);
        assert_ok(evtwin_spool_loss_get(s, 0, &loss, sizeof loss));
        assert_true(loss.first == missing - 9 && loss.last == missing && loss.n_records == 10);
        assert_int_equal(evtwin_spool_loss_get(s, 1, &loss, sizeof loss), EVTWIN_DONE);
        evtwin__spool_chunk_clear(&chunk);
        evtwin_spool_free(s);
    }
}

/* Ten rows with one state, which is new to the dictionaries. */
static void append_stated_rows(evtwin_spool *s, int64_t first) {
    char text[24];
    evtwin_table *rows = numbered_rows(first, 10), *states = empty_states(1);
    snprintf(text, sizeof text, "%lld", (long long)first);
    assert_ok(evtwin_table_set_text(states, evtwin_table_find(states, "battery_id"), 0, text));
    assert_ok(evtwin_table_set_text(states, evtwin_table_find(states, "state"), 0, text));
    const evtwin_batch batch = {.size = sizeof batch, .rows = rows, .states = states};
    assert_ok(evtwin_spool_append(s, &batch));
    evtwin_table_free(rows);
    evtwin_table_free(states);
}

static void append_letter(evtwin_spool *s) {
    const evtwin_letter letter = {.size = sizeof letter,
                                  .source = "s:",
                                  .place = "p",
                                  .status = EVTWIN_E_RANGE,
                                  .reason = "r",
                                  .raw = "raw",
                                  .raw_size = 3};
    evtwin__letter_list list = {.n = 0};
    assert_ok(evtwin__letter_list_add(&list, &letter));
    assert_ok(evtwin__spool_append_letters(s, &list, NULL, NULL));
    evtwin__letter_list_free(&list);
}

/* Everything in a chunk is of whole entries, of that many records, and nothing is missing in it. */
static void check_chunk(const evtwin__spool_chunk *chunk, int64_t first, size_t of_entry) {
    assert_true(chunk->n > 0 && chunk->n % of_entry == 0);
    for (size_t i = 0; i < chunk->n; i++) {
        assert_int_equal(chunk->number[i], first + (int64_t)i);
    }
    assert_int_equal(chunk->number[chunk->n - 1], chunk->last);
    if (chunk->rows == NULL) {
        assert_int_equal(chunk->letters.n, chunk->n);
    } else {
        assert_int_equal(evtwin_table_rows(chunk->rows), chunk->n);
        assert_int_equal(evtwin_table_rows(chunk->states), chunk->n / of_entry);
    }
}

/* Wherever memory ends, whole entries are given and counted, or none. */
static void an_entry_without_memory_comes_in_the_next_chunk(void **state) {
    (void)state;
    evtwin_set_allocator(fail_nth_realloc, NULL);
    fail_nth_countdown = -1;
    evtwin_spool *s = open_spool(memory_path("short"), MIB, EVTWIN_SPOOL_BLOCK);
    for (int kind = EVTWIN__SPOOL_ROWS; kind <= EVTWIN__SPOOL_LETTERS; kind++) {
        const size_t of_entry = kind == EVTWIN__SPOOL_ROWS ? 10 : 1;
        evtwin__spool_cursor *c = NULL;
        evtwin__spool_chunk chunk = {.n = 0};
        assert_ok(evtwin__spool_cursor_open(s, (evtwin__spool_kind)kind, "a:", &c));
        int64_t last = 0;
        int n_rounds = 0, n_failed = 0, n_shorter = 0;
        do {
            for (int i = 0; i < 3; i++) {
                kind == EVTWIN__SPOOL_ROWS ? append_stated_rows(s, last + 10 * i + 1)
                                           : append_letter(s);
            }
            fail_nth_refused = 0;
            fail_nth_countdown = n_rounds++;
            evtwin_status st = evtwin__spool_cursor_read(c, 100, &chunk);
            fail_nth_countdown = -1;
            assert_true(st == EVTWIN_OK || st == EVTWIN_E_NOMEM);
            assert_int_equal(chunk.n > 0, st == EVTWIN_OK);
            n_failed += st < 0;
            n_shorter += st == EVTWIN_OK && chunk.n < 3 * of_entry;

            size_t left = 3 * of_entry;
            for (; left > 0; st = evtwin__spool_cursor_read(c, 100, &chunk)) {
                assert_int_not_equal(st, EVTWIN_DONE);
                if (st == EVTWIN_OK) {
                    check_chunk(&chunk, last + 1, of_entry);
                    assert_ok(evtwin__spool_cursor_advance(c, chunk.last, NULL));
                    last = chunk.last;
                    left -= chunk.n;
                    assert_int_equal(waiting(c), left);
                }
            }
            assert_int_equal(st, EVTWIN_DONE);
        } while (fail_nth_refused && n_rounds < 10000);
        assert_false(fail_nth_refused);
        assert_true(n_failed > 1 && n_shorter > 1);
        evtwin__spool_chunk_clear(&chunk);
    }
    evtwin_spool_free(s);
    evtwin_set_allocator(NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_accepts_nothing_and_then_goes_on),
        cmocka_unit_test(too_few_descriptors_are_reported),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_named),
        cmocka_unit_test(memory_that_is_out_is_reported),
        cmocka_unit_test(states_come_back_with_what_was_accepted),
        cmocka_unit_test(an_entry_waits_until_the_gap_before_it_is_listed),
        cmocka_unit_test(an_entry_without_memory_comes_in_the_next_chunk),
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
