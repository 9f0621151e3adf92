/* SPDX-License-Identifier: MIT */
/* test_spool.c: what a spool accepts every sink gets once, in order; one process has it, one
 * version reads it. */

#ifdef HAVE_SQLITE
#include "spool_cursors.h"

static void every_sink_gets_all_once_in_order(void **state) {
    (void)state;
    const char *dir = memory_path("order");
    char position[32];
    evtwin_spool *s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    assert_int_equal(evtwin_spool_position(s, "test:", position, sizeof position), EVTWIN_DONE);
    assert_ok(append_rows(s, 1, 250)); /* before there is any sink */
    const char *first_two[] = {"a:", "b:"};
    assert_ok(evtwin__spool_match_sinks(s, first_two, 2, NULL));
    evtwin__spool_cursor *a = cursor_of(s, "a:"), *b = cursor_of(s, "b:");
    assert_ok(append_rows(s, 251, 50));
    assert_int_equal(waiting(a), 300);
    take_all(a, 1, 300);
    assert_int_equal(waiting(a), 0);
    assert_ok(append_rows(s, 301, 7));
    take_all(a, 301, 307);
    evtwin_spool_free(s);

    /* another process goes on where each was */
    s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    assert_ok(evtwin_spool_position(s, "test:", position, sizeof position));
    assert_string_equal(position, "307");
    assert_fails(evtwin_spool_position(s, "test:", position, 3), EVTWIN_E_RANGE, "3");
    a = cursor_of(s, "a:");
    b = cursor_of(s, "b:");
    take_all(a, 308, 307);
    assert_int_equal(waiting(b), 307);
    take_all(b, 1, 307);

    /* a sink that is new gets what comes from now on */
    evtwin__spool_cursor *c = cursor_of(s, "c:");
    take_all(c, 308, 307);
    assert_ok(append_rows(s, 308, 2));
    take_all(c, 308, 309);
    evtwin_spool_loss loss;
    assert_int_equal(evtwin_spool_loss_get(s, 0, &loss, sizeof loss), EVTWIN_DONE);
    evtwin_spool_free(s);
}

static void a_part_of_an_entry_can_be_taken(void **state) {
    (void)state;
    const char *dir = memory_path("part");
    evtwin_spool *s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    assert_ok(append_rows(s, 1, 10));
    evtwin__spool_cursor *a = cursor_of(s, "a:");
    evtwin__spool_chunk chunk = {.n = 0};
    assert_ok(evtwin__spool_cursor_read(a, 100, &chunk));
    assert_ok(evtwin__spool_cursor_advance(a, chunk.number[3], NULL));
    assert_int_equal(waiting(a), 6);
    evtwin__spool_chunk_clear(&chunk);
    evtwin_spool_free(s);
    s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    a = cursor_of(s, "a:");
    assert_int_equal(waiting(a), 6);
    take_all(a, 5, 10);

    /* what the sink says it has is passed over, and numbers that it has seen are not used again */
    assert_ok(append_rows(s, 11, 10));
    evtwin_spool_free(s);
    s = open_spool(dir, 16 * MIB, EVTWIN_SPOOL_BLOCK);
    a = cursor_of(s, "a:");
    assert_ok(evtwin__spool_cursor_skip(a, "13"));
    take_all(a, 14, 20);
    assert_ok(evtwin__spool_cursor_skip(a, "5"));
    assert_ok(evtwin__spool_cursor_skip(a, "100"));
    assert_ok(append_rows(s, 101, 5));
    take_all(a, 101, 105);
    assert_fails(evtwin__spool_cursor_skip(a, "x1"), EVTWIN_E_CORRUPT, "a:|x1");

    /* what was accepted before the sink could be asked is not what it has of those numbers */
    evtwin_spool_loss loss;
    assert_int_equal(evtwin_spool_loss_get(s, 0, &loss, sizeof loss), EVTWIN_DONE);
    assert_ok(append_rows(s, 106, 5));
    assert_ok(evtwin__spool_cursor_skip(a, "108"));
    assert_ok(evtwin_spool_loss_get(s, 0, &loss, sizeof loss));
    assert_true(loss.first == 106 && loss.last == 108 && loss.n_records == 3);
    take_all(a, 109, 110);
    evtwin_spool_free(s);
}

static void a_large_batch_is_cut_and_comes_back_whole(void **state) {
    (void)state;
    evtwin_spool *s = open_spool(memory_path("large"), 64 * MIB, EVTWIN_SPOOL_BLOCK);
    evtwin__spool_cursor *a = cursor_of(s, "a:");
    assert_ok(append_rows(s, 1, 30000));
    take_all(a, 1, 30000);
    evtwin_spool_free(s);
}

/* ---- one process, one version ---- */

static void a_second_process_is_told_who_has_it(void **state) {
    (void)state;
    char dir[256], mine[32];
    snprintf(dir, sizeof dir, "%s", memory_path("busy"));
    evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK), *other = NULL;
    snprintf(mine, sizeof mine, "%d", (int)getpid());
    assert_fails(evtwin_spool_open(dir, NULL, &other), EVTWIN_E_BUSY, mine);
    struct stat info;
    assert_int_equal(stat(dir, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    evtwin_spool_free(s);
    assert_ok(evtwin_spool_open(dir, NULL, &s));
    evtwin_spool_free(s);
}

static void what_is_newer_or_not_ours_is_left_alone(void **state) {
    (void)state;
    char dir[256];
    evtwin_spool *s;
    snprintf(dir, sizeof dir, "%s", memory_path("newer"));
    s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    evtwin_spool_free(s);
    run_spool_sql(dir, "PRAGMA user_version = 2");
    assert_fails(evtwin_spool_open(dir, NULL, &s), EVTWIN_E_SCHEMA, "spool.db|version|2");
    run_spool_sql(dir, "PRAGMA user_version = 1");
    s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    evtwin_spool_free(s);
    run_spool_sql(dir, "PRAGMA application_id = 7");
    assert_fails(evtwin_spool_open(dir, NULL, &s), EVTWIN_E_CORRUPT, "spool.db|spool");
}

static void bad_arguments_are_named(void **state) {
    (void)state;
    evtwin_spool *s = NULL;
    evtwin_spool_options options;
    assert_ok(evtwin_spool_options_init(&options, sizeof options));
    options.max_bytes = 1000;
    assert_fails(evtwin_spool_open(memory_path("bad"), &options, &s), EVTWIN_E_ARG, "max_bytes");
    assert_fails(evtwin_spool_open("", NULL, &s), EVTWIN_E_ARG, "folder");
    assert_fails(evtwin_spool_open(temp_file("file", "x"), NULL, &s), EVTWIN_E_IO, "file");
}

/* ---- sinks come and go ---- */

static void a_sink_that_is_missing_is_not_passed_over(void **state) {
    (void)state;
    evtwin_spool *s = open_spool(memory_path("sinks"), MIB, EVTWIN_SPOOL_BLOCK);
    evtwin__spool_cursor *a = cursor_of(s, "a:"), *b = cursor_of(s, "b:");
    assert_ok(append_rows(s, 1, 10));
    take_all(a, 1, 10);
    assert_fails(evtwin_spool_rename_sink(s, "a:", "c:"), EVTWIN_E_STATE, "a:");
    evtwin__spool_cursor_close(a);
    evtwin__spool_cursor_close(b);
    const char *only_c[] = {"c:"};
    assert_fails(evtwin__spool_match_sinks(s, only_c, 1, NULL), EVTWIN_E_STATE, "b:|10");
    assert_fails(evtwin_spool_rename_sink(s, "x:", "c:"), EVTWIN_E_NOT_FOUND, "x:|b:");
    assert_ok(evtwin_spool_rename_sink(s, "b:", "c:"));
    assert_ok(evtwin__spool_match_sinks(s, only_c, 1, NULL)); /* nothing waits for a: */
    evtwin__spool_cursor *c = cursor_of(s, "c:");
    take_all(c, 1, 10);
    assert_ok(append_rows(s, 11, 10));
    evtwin__spool_cursor_close(c);
    assert_ok(evtwin_spool_forget_sink(s, "c:"));
    evtwin_spool_loss loss;
    assert_ok(evtwin_spool_loss_get(s, 0, &loss, sizeof loss));
    assert_string_equal(loss.sink, "c:");
    assert_true(loss.first == 11 && loss.last == 20 && loss.n_records == 10);
    c = cursor_of(s, "d:");
    take_all(c, 21, 20);
    evtwin_spool_free(s);
}

/* ---- letters ---- */

static void letters_go_to_their_own_sink(void **state) {
    (void)state;
    evtwin_spool *s = open_spool(memory_path("letters"), MIB, EVTWIN_SPOOL_BLOCK);
    evtwin__spool_cursor *a = cursor_of(s, "a:"), *l = NULL;
    assert_ok(evtwin__spool_cursor_open(s, EVTWIN__SPOOL_LETTERS, "l:", &l));
    const evtwin_letter letter = {.size = sizeof letter,
                                  .received_us = 5,
                                  .source = "test:",
                                  .place = "p",
                                  .status = EVTWIN_E_PARSE,
                                  .reason = "r",
                                  .raw = "raw",
                                  .raw_size = 3};
    evtwin__letter_list list = {.n = 0};
    assert_ok(evtwin__letter_list_add(&list, &letter));
    assert_ok(evtwin__letter_list_add(&list, &letter));
    assert_ok(evtwin__spool_append_letters(s, &list, "test:", "77"));
    evtwin__letter_list_free(&list);
    char position[16];
    assert_ok(evtwin_spool_position(s, "test:", position, sizeof position));
    assert_string_equal(position, "77");
    assert_ok(append_rows(s, 1, 3));
    evtwin__spool_chunk chunk = {.n = 0};
    assert_ok(evtwin__spool_cursor_read(a, 100, &chunk));
    assert_ok(evtwin__spool_cursor_advance(a, 2, &letter)); /* row 2 was refused */
    take_all(a, 3, 3);
    static const size_t max[] = {2, 100};
    for (int i = 0; i < 2; i++) {
        assert_ok(evtwin__spool_cursor_read(l, max[i], &chunk));
        assert_int_equal(chunk.n, 2 - i);
        for (size_t k = 0; k < chunk.n; k++) {
            const evtwin_letter *got = evtwin__letter_list_all(&chunk.letters) + k;
            assert_string_equal(got->reason, "r");
            assert_memory_equal(got->raw, "raw", 3);
            assert_int_equal(chunk.number[k], 2 * i + k + 1);
        }
        assert_ok(evtwin__spool_cursor_advance(l, chunk.last, NULL));
    }
    assert_int_equal(evtwin__spool_cursor_read(l, 100, &chunk), EVTWIN_DONE);
    evtwin__spool_chunk_clear(&chunk);
    evtwin_spool_free(s);
}

/* ---- any sequence, against a model ---- */

static void any_sequence_agrees_with_a_model(void **state) {
    (void)state;
    enum { N_SINKS = 3 };
    static const char *const names[N_SINKS] = {"a:", "b:", "c:"};
    for (unsigned seed = 1; seed <= 12; seed++) {
        char dir[256], name[16];
        unsigned random = seed * 2654435761u;
        snprintf(name, sizeof name, "model%u", seed);
        snprintf(dir, sizeof dir, "%s", memory_path(name));
        evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
        evtwin__spool_cursor *cursor[N_SINKS];
        int64_t accepted = 0, has[N_SINKS] = {0}; /* all that the model is */
        for (int i = 0; i < N_SINKS; i++) {
            cursor[i] = cursor_of(s, names[i]);
        }
        for (int step = 0; step < 120; step++) {
            random = random * 1664525 + 1013904223;
            const unsigned what = random >> 28, sink = (random >> 20) % N_SINKS;
            const size_t n = 1 + (random >> 8) % 300;
            if (what < 6) {
                const evtwin_status st = append_rows(s, accepted + 1, n);
                assert_true(st == EVTWIN_OK || st == EVTWIN_E_AGAIN);
                accepted += st == EVTWIN_OK ? (int64_t)n : 0;
            } else if (what < 14) {
                evtwin__spool_chunk chunk = {.n = 0};
                const evtwin_status st = evtwin__spool_cursor_read(cursor[sink], n, &chunk);
                assert_int_equal(st, has[sink] < accepted ? EVTWIN_OK : EVTWIN_DONE);
                for (size_t i = 0; i < chunk.n; i++) {
                    assert_int_equal(seq_of(chunk.rows, i), has[sink] + 1 + (int64_t)i);
                }
                const size_t taken = what < 10 ? chunk.n : chunk.n / 2; /* or the write fails */
                if (taken > 0) {
                    has[sink] += (int64_t)taken;
                    assert_ok(evtwin__spool_cursor_advance(cursor[sink], has[sink], NULL));
                }
                evtwin__spool_chunk_clear(&chunk);
            } else {
                evtwin_spool_free(s);
                s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
                for (int i = 0; i < N_SINKS; i++) {
                    cursor[i] = cursor_of(s, names[i]);
                }
            }
            for (int i = 0; i < N_SINKS; i++) {
                assert_int_equal(waiting(cursor[i]), accepted - has[i]);
            }
        }
        for (int i = 0; i < N_SINKS; i++) {
            take_all(cursor[i], has[i] + 1, accepted);
        }
        evtwin_spool_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sink_gets_all_once_in_order),
        cmocka_unit_test(a_part_of_an_entry_can_be_taken),
        cmocka_unit_test(a_large_batch_is_cut_and_comes_back_whole),
        cmocka_unit_test(a_second_process_is_told_who_has_it),
        cmocka_unit_test(what_is_newer_or_not_ours_is_left_alone),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(a_sink_that_is_missing_is_not_passed_over),
        cmocka_unit_test(letters_go_to_their_own_sink),
        cmocka_unit_test(any_sequence_agrees_with_a_model),
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
