/* SPDX-License-Identifier: MIT */
/* test_spool_full.c: a spool keeps within its bound, and what it drops for that is listed. */

#ifdef HAVE_SQLITE
#include "spool_cursors.h"

/* Append batches of 500 rows until one is not accepted; the number of rows accepted. */
static int64_t fill(evtwin_spool *s, int64_t first) {
    evtwin_status st;
    while ((st = append_rows(s, first, 500)) == EVTWIN_OK) {
        first += 500;
    }
    assert_int_equal(st, EVTWIN_E_AGAIN);
    return first - 1;
}

static uint64_t bytes_of(evtwin_spool *s) {
    evtwin_spool_stats stats;
    assert_ok(evtwin_spool_stats_get(s, &stats, sizeof stats));
    assert_true(stats.bytes <= stats.max_bytes);
    return stats.bytes;
}

/* Of all files of the folder. */
static uint64_t bytes_on_disk(const char *dir) {
    static const char *const names[] = {"spool.db", "spool.db-wal"};
    uint64_t n = 0;
    for (size_t i = 0; i < 2; i++) {
        char path[300];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        n += stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    }
    return n;
}

static void a_full_spool_accepts_nothing_until_there_is_room(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("full"));
    evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    evtwin__spool_cursor *a = cursor_of(s, "slow:");
    int64_t last = fill(s, 1);
    assert_true(last > 3000);
    assert_fails(append_rows(s, last + 1, 500), EVTWIN_E_AGAIN, "spool|full|slow:");
    evtwin_spool_stats stats;
    assert_ok(evtwin_spool_stats_get(s, &stats, sizeof stats));
    assert_int_equal(stats.n_refused_full, 2);
    assert_int_equal(stats.n_accepted, last);
    take_all(a, 1, last);
    for (int round = 0; round < 5; round++) {
        const int64_t before = last;
        last = fill(s, last + 1);
        assert_true(last - before > 3000);
        assert_true(bytes_of(s) <= MIB);
        assert_true(bytes_on_disk(dir) <= MIB);
        take_all(a, before + 1, last);
    }
    assert_fails(append_rows(s, last + 1, 60000), EVTWIN_E_RANGE, "batch|1024");
    evtwin_spool_free(s);
}

static void the_oldest_that_are_dropped_are_listed(void **state) {
    (void)state;
    evtwin_spool *s = open_spool(memory_path("oldest"), MIB, EVTWIN_SPOOL_DROP_OLDEST);
    evtwin__spool_cursor *a = cursor_of(s, "a:"), *b = cursor_of(s, "b:");
    evtwin__spool_chunk chunk = {.n = 0};
    assert_ok(append_rows(s, 1, 100));
    assert_ok(append_rows(s, 101, 100));
    assert_ok(evtwin__spool_cursor_read(a, 100, &chunk)); /* on its way: stays */
    for (int64_t k = 201; k < 99000; k += 400) {
        assert_ok(append_rows(s, k, 400));
    }
    evtwin_spool_loss of_a, of_b, none;
    assert_ok(evtwin_spool_loss_get(s, 0, &of_a, sizeof of_a));
    assert_ok(evtwin_spool_loss_get(s, 1, &of_b, sizeof of_b));
    assert_int_equal(evtwin_spool_loss_get(s, 2, &none, sizeof none), EVTWIN_DONE);
    assert_int_equal(of_a.first, 101);
    assert_int_equal(of_b.first, 101);
    assert_int_equal(of_a.last, of_b.last);
    assert_int_equal(of_a.n_records, of_a.last - 100);
    assert_string_equal(of_a.reason, "dropped: spool full");
    char text[256];
    assert_int_equal(evtwin__spool_cursor_losses(a, text, sizeof text), of_a.n_records);
    assert_true(text_names(text, "a:|101"));
    assert_int_equal(evtwin__spool_cursor_losses(a, text, sizeof text), 0);

    /* what is left comes whole: 1 to 100, then what is behind the gap */
    assert_int_equal(waiting(b), 99000 - of_b.n_records);
    assert_int_equal(seq_of(chunk.rows, 0), 1);
    assert_ok(evtwin__spool_cursor_advance(a, chunk.last, NULL));
    take_all(a, of_a.last + 1, 99000);
    assert_ok(evtwin__spool_cursor_read(b, 100, &chunk));
    assert_int_equal(chunk.last, 100);
    assert_ok(evtwin__spool_cursor_advance(b, chunk.last, NULL));
    take_all(b, of_b.last + 1, 99000);
    evtwin__spool_chunk_clear(&chunk);
    evtwin_spool_free(s);
}

static void the_newest_that_are_dropped_are_listed(void **state) {
    (void)state;
    evtwin_spool *s = open_spool(memory_path("newest"), MIB, EVTWIN_SPOOL_DROP_NEWEST);
    evtwin__spool_cursor *a = cursor_of(s, "a:");
    for (int64_t k = 1; k < 98800; k += 400) {
        assert_ok(append_rows(s, k, 400));
    }
    evtwin_spool_loss loss;
    assert_ok(evtwin_spool_loss_get(s, 0, &loss, sizeof loss));
    assert_int_equal(loss.last, 98800);
    assert_int_equal(loss.n_records, 98800 - loss.first + 1);
    take_all(a, 1, loss.first - 1);
    assert_ok(append_rows(s, 98801, 10));
    take_all(a, 98801, 98810);
    assert_int_equal(evtwin_spool_loss_get(s, 1, &loss, sizeof loss), EVTWIN_DONE);
    evtwin_spool_free(s);
}

/* As many as the pump gives at once, the last of them with as much of its record as there may be.
 */
static void a_flood_of_letters_keeps_within_the_bound(void **state) {
    (void)state;
    char dir[256], *raw = calloc(1, 64 << 10);
    assert_non_null(raw);
    static const size_t sizes[] = {10, 600, 2100, 3900, 9000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        snprintf(dir, sizeof dir, "%s%zu", memory_path("flood"), i);
        evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
        evtwin__spool_cursor *l = NULL;
        assert_ok(evtwin__spool_cursor_open(s, EVTWIN__SPOOL_LETTERS, "l:", &l));
        evtwin_letter letter = {.size = sizeof letter,
                                .source = "s:",
                                .place = "p",
                                .reason = "r",
                                .raw = raw,
                                .raw_size = sizes[i]};
        evtwin__letter_list list = {.n = 0};
        while (list.n < 1000 && list.bytes.size < 128 << 10) {
            const int is_last = list.n == 999 || list.bytes.size + sizes[i] + 200 > 128 << 10;
            letter.raw_size = is_last ? 64 << 10 : sizes[i];
            assert_ok(evtwin__letter_list_add(&list, &letter));
        }
        evtwin_status st;
        int n_accepted = 0;
        for (; (st = evtwin__spool_append_letters(s, &list, NULL, NULL)) == EVTWIN_OK;
             n_accepted++) {
            assert_true(bytes_of(s) <= MIB && bytes_on_disk(dir) <= MIB);
        }
        assert_int_equal(st, EVTWIN_E_AGAIN);
        assert_true(n_accepted > 0);
        evtwin__letter_list_free(&list);
        evtwin_spool_free(s);
    }
    free(raw);
}

/* A letter is longer than the row it is about: while their sink takes none, the rows wait. */
static void letters_of_refused_rows_keep_within_a_share(void **state) {
    (void)state;
    char dir[256], raw[2000];
    snprintf(dir, sizeof dir, "%s", memory_path("share"));
    memset(raw, 'r', sizeof raw);
    const evtwin_letter letter = {.size = sizeof letter,
                                  .source = "a:",
                                  .place = "p",
                                  .status = EVTWIN_E_RANGE,
                                  .reason = "r",
                                  .raw = raw,
                                  .raw_size = sizeof raw};
    evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    const char *sinks[] = {"a:", "b:"};
    assert_ok(evtwin__spool_match_sinks(s, sinks, 2, "l:"));
    evtwin__spool_cursor *a = cursor_of(s, "a:"), *l = NULL;
    assert_ok(evtwin__spool_cursor_open(s, EVTWIN__SPOOL_LETTERS, "l:", &l));
    int64_t last = 0, at = 0;
    while (append_rows(s, last + 1, 500) == EVTWIN_OK) {
        last += 500;
    }
    evtwin__spool_chunk chunk = {.n = 0};
    for (int round = 0; round < 2; round++) {
        evtwin_status st = EVTWIN_OK;
        int64_t n = 0;
        while (st == EVTWIN_OK && at < last) {
            st = evtwin__spool_cursor_advance(a, at + 1, &letter);
            n += st == EVTWIN_OK;
            at += st == EVTWIN_OK;
        }
        assert_fails(st, EVTWIN_E_AGAIN, "l:|1024");
        assert_true(n > 0 && bytes_on_disk(dir) <= MIB + MIB / 8);

        /* each letter that its sink has taken makes room for one */
        while (evtwin__spool_cursor_read(l, 100, &chunk) == EVTWIN_OK) {
            assert_ok(evtwin__spool_cursor_advance(l, chunk.last, NULL));
        }
    }
    evtwin__spool_chunk_clear(&chunk);
    evtwin_spool_free(s);
}

/* Batches from one row to the largest that fits, taken at once, late or in part. */
static void the_files_keep_within_the_bound(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("bound"));
    evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    evtwin__spool_cursor *a = cursor_of(s, "a:");
    evtwin__spool_chunk chunk = {.n = 0};
    static const size_t sizes[] = {100, 10000, 500, 200};
    int64_t last = 0;
    uint64_t most = 0;
    for (int round = 0; round < 6; round++) {
        const size_t n = sizes[(size_t)round % 4];
        for (evtwin_status st = EVTWIN_OK; st == EVTWIN_OK;) {
            st = append_rows(s, last + 1, n);
            assert_true(st == EVTWIN_OK || st == EVTWIN_E_AGAIN);
            last += st == EVTWIN_OK ? (int64_t)n : 0;
            most = bytes_on_disk(dir) > most ? bytes_on_disk(dir) : most;
        }
        for (int k = 0; k < (round % 3 == 2 ? 5 : 1000); k++) {
            if (evtwin__spool_cursor_read(a, 100, &chunk) != EVTWIN_OK) {
                break;
            }
            assert_ok(evtwin__spool_cursor_advance(a, chunk.last, NULL));
            most = bytes_on_disk(dir) > most ? bytes_on_disk(dir) : most;
        }
    }
    assert_true(most <= MIB);
    evtwin__spool_chunk_clear(&chunk);
    evtwin_spool_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_spool_accepts_nothing_until_there_is_room),
        cmocka_unit_test(the_oldest_that_are_dropped_are_listed),
        cmocka_unit_test(the_newest_that_are_dropped_are_listed),
        cmocka_unit_test(a_flood_of_letters_keeps_within_the_bound),
        cmocka_unit_test(letters_of_refused_rows_keep_within_a_share),
        cmocka_unit_test(the_files_keep_within_the_bound),
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
