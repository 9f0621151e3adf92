/* SPDX-License-Identifier: MIT */
/* test_spool.c: what a spool accepts every sink gets once, in order, or it says exactly what not.
 */

#ifdef HAVE_SQLITE
#include "spool_rows.h"

#include "stream/spool.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/wait.h>

enum { MIB = 1 << 20 };

static evtwin__spool_cursor *cursor_of(evtwin_spool *spool, const char *name) {
    evtwin__spool_cursor *c = NULL;
    assert_ok(evtwin__spool_cursor_open(spool, EVTWIN__SPOOL_ROWS, name, &c));
    return c;
}

/* Take what waits and check that it is rows from..to; their number. */
static size_t take_all(evtwin__spool_cursor *c, int64_t from, int64_t to) {
    evtwin__spool_chunk chunk = {.n = 0};
    size_t n = 0;
    evtwin_status st;
    while ((st = evtwin__spool_cursor_read(c, 100, &chunk)) == EVTWIN_OK) {
        for (size_t i = 0; i < chunk.n; i++, n++) {
            assert_int_equal(seq_of(chunk.rows, i), from + (int64_t)n);
        }
        assert_ok(evtwin__spool_cursor_advance(c, chunk.last, NULL));
    }
    assert_int_equal(st, EVTWIN_DONE);
    assert_int_equal(n, to - from + 1);
    evtwin__spool_chunk_clear(&chunk);
    return n;
}

static uint64_t waiting(evtwin__spool_cursor *c) {
    evtwin__spool_cursor_state state;
    evtwin__spool_cursor_get(c, &state);
    assert_int_equal(state.n_waiting > 0, state.bytes_waiting > 0);
    assert_int_equal(state.n_waiting > 0, state.oldest_us > 0);
    return state.n_waiting;
}

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

static void run_sql(const char *dir, const char *sql) {
    char path[300];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/spool.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

static void what_is_newer_or_not_ours_is_left_alone(void **state) {
    (void)state;
    char dir[256];
    evtwin_spool *s;
    snprintf(dir, sizeof dir, "%s", memory_path("newer"));
    s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    evtwin_spool_free(s);
    run_sql(dir, "PRAGMA user_version = 2");
    assert_fails(evtwin_spool_open(dir, NULL, &s), EVTWIN_E_SCHEMA, "spool.db|version|2");
    run_sql(dir, "PRAGMA user_version = 1");
    s = open_spool(dir, MIB, EVTWIN_SPOOL_BLOCK);
    evtwin_spool_free(s);
    run_sql(dir, "PRAGMA application_id = 7");
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

/* ---- full ---- */

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

/* ---- damage ---- */

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
        run_sql(dir, damage[i]);
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
    run_sql(dir, "UPDATE entry SET hash = hash + 1");
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
        cmocka_unit_test(a_full_spool_accepts_nothing_until_there_is_room),
        cmocka_unit_test(the_oldest_that_are_dropped_are_listed),
        cmocka_unit_test(the_newest_that_are_dropped_are_listed),
        cmocka_unit_test(a_damaged_entry_is_set_aside_with_its_numbers),
        cmocka_unit_test(a_damaged_entry_is_counted_once),
        cmocka_unit_test(damaged_files_lose_nothing_unseen),
        cmocka_unit_test(a_sink_that_is_missing_is_not_passed_over),
        cmocka_unit_test(letters_go_to_their_own_sink),
        cmocka_unit_test(a_flood_of_letters_keeps_within_the_bound),
        cmocka_unit_test(letters_of_refused_rows_keep_within_a_share),
        cmocka_unit_test(the_files_keep_within_the_bound),
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
