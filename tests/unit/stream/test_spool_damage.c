/* SPDX-License-Identifier: MIT */
/* test_spool_damage.c: what of a spool is damaged is set aside with its numbers; the rest is given.
 */

#ifdef HAVE_SQLITE
#include "spool_cursors.h"

#include <pthread.h>

static void a_damaged_entry_is_set_aside_with_its_numbers(void **state) {
    (void)state;
    static const char *const damage[] = {
        "UPDATE entry SET data = substr(data, 1, length(data) - 1) WHERE number = 20",
        "UPDATE entry SET data = zeroblob(length(data)) WHERE number = 20",
        "UPDATE entry SET hash = hash + 1 WHERE number = 20",
        "UPDATE entry SET n_records = 9 WHERE number = 20",
        "UPDATE entry SET accepted_us = 1 WHERE number = 20",
        "UPDATE entry SET data = 'text' WHERE number = 20",
        "DELETE FROM entry WHERE number = 20",
    };
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        char dir[256], name[16];
        snprintf(name, sizeof name, "damage%zu", i);
        snprintf(dir, sizeof dir, "%s", memory_path(name));
        evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
        cursor_of(s, "a:");
        for (int64_t k = 1; k < 40; k += 10) {
            assert_ok(append_rows(s, k, 10));
        }
        evtwin_spool_free(s);
        run_spool_sql(dir, damage[i]);
        s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
        evtwin__spool_cursor *a = cursor_of(s, "a:");
        evtwin__spool_chunk chunk = {.n = 0};
        assert_ok(evtwin__spool_cursor_read(a, 100, &chunk));
        assert_int_equal(chunk.n, 30);
        for (size_t k = 0; k < 30; k++) {
            assert_int_equal(seq_of(chunk.rows, k), k < 10 ? k + 1 : k + 11);
            assert_int_equal(chunk.number[k], seq_of(chunk.rows, k));
        }
        assert_ok(evtwin__spool_cursor_advance(a, chunk.last, NULL));
        assert_int_equal(waiting(a), 0);
        evtwin__spool_chunk_clear(&chunk);

        /* 11 to 20, whatever in one or two pieces */
        uint64_t n = 0;
        evtwin_spool_loss loss;
        for (size_t k = 0; evtwin_spool_loss_get(s, k, &loss, sizeof loss) == EVTWIN_OK; k++) {
            assert_true(loss.first >= 11 && loss.last <= 20);
            n += loss.n_records;
        }
        assert_int_equal(n, 10);
        evtwin_spool_free(s);
    }
}

static pthread_barrier_t all_are_there;

static void *read_all(void *ctx) {
    evtwin__spool_chunk chunk = {.n = 0};
    pthread_barrier_wait(&all_are_there);
    while (evtwin__spool_cursor_read(ctx, 10, &chunk) == EVTWIN_OK) {
        (void)evtwin__spool_cursor_advance(ctx, chunk.last, NULL);
    }
    evtwin__spool_chunk_clear(&chunk);
    return NULL;
}

/* Sinks that read side by side come upon the same entries. */
static void a_damaged_entry_is_counted_once(void **state) {
    (void)state;
    enum { N_SINKS = 4, N_ENTRIES = 60 };
    static const char *const sinks[N_SINKS] = {"a:", "b:", "c:", "d:"};
    const char *dir = memory_path("once");
    evtwin_spool *s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    assert_ok(evtwin__spool_match_sinks(s, sinks, N_SINKS, NULL));
    for (int64_t k = 0; k < N_ENTRIES; k++) {
        assert_ok(append_rows(s, 10 * k + 1, 10));
    }
    evtwin_spool_free(s);
    run_spool_sql(dir, "UPDATE entry SET hash = hash + 1");
    s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    pthread_t threads[N_SINKS];
    pthread_barrier_init(&all_are_there, NULL, N_SINKS);
    for (int i = 0; i < N_SINKS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, cursor_of(s, sinks[i])), 0);
    }
    for (int i = 0; i < N_SINKS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&all_are_there);
    evtwin_spool_stats stats;
    assert_ok(evtwin_spool_stats_get(s, &stats, sizeof stats));
    assert_int_equal(stats.n_damaged, 10 * N_ENTRIES);
    uint64_t n = 0;
    evtwin_spool_loss loss;
    for (size_t k = 0; evtwin_spool_loss_get(s, k, &loss, sizeof loss) == EVTWIN_OK; k++) {
        n += loss.n_records;
    }
    assert_int_equal(n, N_SINKS * 10 * N_ENTRIES);
    evtwin_spool_free(s);
}

static void copy_file(const char *from, const char *to) {
    char data[4096];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in != NULL && out != NULL);
    for (size_t n; (n = fread(data, 1, sizeof data, in)) > 0;) {
        assert_int_equal(fwrite(data, 1, n, out), n);
    }
    fclose(in);
    fclose(out);
}

/* Bytes of the database or its log are changed, or its end is missing: it opens or says why not;
 * what it gives is what was accepted, and what it does not give it lists. */
static void damaged_files_lose_nothing_unseen(void **state) {
    (void)state;
    char good[256], path[300], wal[300];
    snprintf(good, sizeof good, "%s", memory_path("good"));
    evtwin_spool *s = open_spool(good, MIB, EVTWIN_SPOOL_BLOCK);
    cursor_of(s, "a:");
    for (int64_t k = 1; k <= 2000; k += 50) {
        assert_ok(append_rows(s, k, 50));
    }
    snprintf(path, sizeof path, "%s/spool.db", good);
    snprintf(wal, sizeof wal, "%s/spool.db-wal", good);
    char kept[2][300];
    snprintf(kept[0], sizeof kept[0], "%s", memory_path("kept.db"));
    snprintf(kept[1], sizeof kept[1], "%s", memory_path("kept.wal"));
    copy_file(path, kept[0]); /* as a kill leaves it: with a log */
    copy_file(wal, kept[1]);
    evtwin_spool_free(s);

    unsigned random = 12345;
    int n_whole = 0, n_listed = 0, n_refused = 0;
    for (int round = 0; round < 150; round++) {
        char dir[256], name[32], target[2][300];
        snprintf(name, sizeof name, "flip%d", round);
        snprintf(dir, sizeof dir, "%s", memory_path(name));
        mkdir(dir, 0700);
        snprintf(target[0], sizeof target[0], "%s/spool.db", dir);
        snprintf(target[1], sizeof target[1], "%s/spool.db-wal", dir);
        copy_file(kept[0], target[0]);
        const int has_log = round % 3 != 0;
        if (has_log) {
            copy_file(kept[1], target[1]);
        }
        const char *victim = target[has_log && round % 3 == 1];
        struct stat info;
        assert_int_equal(stat(victim, &info), 0);
        random = random * 1103515245 + 12345;
        const off_t at = (off_t)((random >> 4) % (unsigned)info.st_size);
        if (round % 5 == 4) {
            assert_int_equal(truncate(victim, at), 0);
        } else {
            FILE *f = fopen(victim, "r+b");
            fseek(f, at, SEEK_SET);
            const int c = fgetc(f);
            fseek(f, at, SEEK_SET);
            fputc(c ^ 1 << round % 8, f);
            fclose(f);
        }
        evtwin_spool *d = NULL;
        evtwin_status st = evtwin_spool_open(dir, NULL, &d);
        evtwin__spool_cursor *a = NULL;
        st = st >= 0 ? evtwin__spool_cursor_open(d, EVTWIN__SPOOL_ROWS, "a:", &a) : st;
        evtwin__spool_chunk chunk = {.n = 0};
        uint64_t n = 0;
        while (st >= 0 && (st = evtwin__spool_cursor_read(a, 100, &chunk)) == EVTWIN_OK) {
            for (size_t i = 0; i < chunk.n; i++) {
                assert_int_equal(seq_of(chunk.rows, i), chunk.number[i]);
            }
            n += chunk.n;
            st = evtwin__spool_cursor_advance(a, chunk.last, NULL);
        }
        evtwin__spool_chunk_clear(&chunk);
        if (st < 0) {
            n_refused++;
            assert_true(evtwin_last_error()[0] != '\0');
        } else {
            evtwin_spool_stats stats;
            assert_ok(evtwin_spool_stats_get(d, &stats, sizeof stats));
            evtwin_spool_loss loss;
            uint64_t n_lost = 0;
            for (size_t k = 0; evtwin_spool_loss_get(d, k, &loss, sizeof loss) == EVTWIN_OK; k++) {
                n_lost += loss.n_records;
            }
            assert_int_equal(n + n_lost, stats.n_accepted);
            n_whole += n_lost == 0;
            n_listed += n_lost > 0;
        }
        evtwin_spool_free(d);
    }
    print_message("of 150: %d whole, %d with losses listed, %d refused\n", n_whole, n_listed,
                  n_refused);
    assert_true(n_whole > 0 && n_listed > 0 && n_refused > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_entry_is_set_aside_with_its_numbers),
        cmocka_unit_test(a_damaged_entry_is_counted_once),
        cmocka_unit_test(damaged_files_lose_nothing_unseen),
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
