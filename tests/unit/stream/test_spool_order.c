/* SPDX-License-Identifier: MIT */
/* test_spool_order.c: nothing counts as delivered before its sink has it for good, so that the next
 * process offers what this one did not finish. */

#ifdef HAVE_SQLITE
#include "spool_rows.h"

#include <stdatomic.h>
#include <time.h>

enum { N_ROWS = 40, N_LETTERS = 200, RAW_SIZE = 20000, MIB = 1 << 20, DEADLINE_S = 30 };

/* ---- a source of refused records and then rows, and a sink that can fail half way ---- */

typedef struct numbers {
    int64_t n_given, n;
    int n_to_refuse;
    size_t raw_size;
} numbers;

static evtwin_status read_numbers(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                  evtwin_table *table) {
    numbers *s = ctx;
    char position[32];
    (void)max_rows;
    (void)timeout_ms;
    if (s->n_to_refuse > 0) {
        static const char raw[RAW_SIZE];
        s->n_to_refuse--;
        return evtwin_source_refuse(source, EVTWIN_E_PARSE, "numbers", "place", raw, s->raw_size);
    }
    if (s->n_given == s->n) {
        return EVTWIN_DONE;
    }
    evtwin_table *rows = numbered_rows(s->n_given + 1, 10);
    const evtwin_status st = evtwin_table_append(table, rows);
    evtwin_table_free(rows);
    s->n_given += 10;
    snprintf(position, sizeof position, "%lld", (long long)s->n_given);
    return st < 0 ? st : evtwin_source_set_position(source, position);
}

typedef struct memory {
    atomic_int cannot_write, cannot_flush;
    atomic_long n_tried, n_rows, n_letters;
} memory;

static evtwin_status write_memory(void *ctx, const evtwin_batch *batch) {
    memory *m = ctx;
    m->n_tried += m->cannot_write;
    m->n_rows += m->cannot_write ? 0 : (long)evtwin_table_rows(batch->rows);
    return m->cannot_write ? EVTWIN_E_AGAIN : EVTWIN_OK;
}

static evtwin_status letters_memory(void *ctx, const evtwin_letter *letters, size_t n) {
    memory *m = ctx;
    (void)letters;
    m->n_tried += m->cannot_write;
    m->n_letters += m->cannot_write ? 0 : (long)n;
    return m->cannot_write ? EVTWIN_E_AGAIN : EVTWIN_OK;
}

static evtwin_status flush_memory(void *ctx) {
    memory *m = ctx;
    m->n_tried += m->cannot_flush;
    return m->cannot_flush ? EVTWIN_E_AGAIN : EVTWIN_OK;
}

static evtwin_sink *sink_of(memory *m, const char *name) {
    const evtwin_sink_callbacks callbacks = {.size = sizeof callbacks,
                                             .name = name,
                                             .write = write_memory,
                                             .flush = flush_memory,
                                             .write_letters = letters_memory};
    evtwin_sink *s = NULL;
    assert_ok(evtwin_sink_create(&callbacks, m, &s));
    return s;
}

static evtwin_pump *pump_of(const char *folder, numbers *n, memory *rows, memory *letters,
                            double drain_s) {
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "numbers:", .read = read_numbers};
    evtwin_pump_options options;
    evtwin_pump *p = NULL;
    evtwin_source *source = NULL;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.drain_s = drain_s;
    assert_ok(evtwin_pump_create(&options, &p));
    assert_ok(evtwin_source_create(&callbacks, n, &source));
    assert_ok(evtwin_pump_take_source(p, source));
    assert_ok(evtwin_pump_take_spool(p, open_spool(folder, MIB, EVTWIN_SPOOL_BLOCK)));
    assert_ok(evtwin_pump_take_sink(p, sink_of(rows, "rows:")));
    assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
    return p;
}

static void nap(time_t end) {
    assert_true(time(NULL) < end);
    nanosleep(&(struct timespec){0, 1000000}, NULL);
}

/* Until the source has ended, and a sink has failed (NULL = until all have everything). */
static void run_process(const char *folder, numbers *n, memory *rows, memory *letters,
                        atomic_long *n_tried) {
    evtwin_pump *p = pump_of(folder, n, rows, letters, n_tried != NULL ? 0.0 : DEADLINE_S);
    const time_t end = time(NULL) + DEADLINE_S;
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) != EVTWIN_DONE) {
        assert_true(st >= 0);
    }
    while (n_tried != NULL && atomic_load(n_tried) == 0) {
        nap(end);
    }
    (void)evtwin_pump_finish(p);
    evtwin_pump_free(p);
}

/* ---- */

static void rows_count_when_they_are_flushed(void **state) {
    (void)state;
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("flush"));
    memory rows = {.cannot_flush = 1}, letters = {0}, again = {0};
    numbers n = {.n = N_ROWS}, none = {0};
    run_process(dir, &n, &rows, &letters, &rows.n_tried);
    assert_true(rows.n_rows > 0);
    run_process(dir, &none, &again, &letters, NULL);
    assert_int_equal(again.n_rows, N_ROWS);
}

static void letters_count_when_they_are_written(void **state) {
    (void)state;
    char dir[256];
    for (int can_write = 0; can_write < 2; can_write++) {
        snprintf(dir, sizeof dir, "%s", memory_path(can_write ? "letters1" : "letters0"));
        memory rows = {0}, again = {0};
        memory letters = {.cannot_write = !can_write, .cannot_flush = 1};
        numbers n = {.n = N_ROWS, .n_to_refuse = 1}, none = {0};
        run_process(dir, &n, &rows, &letters, &letters.n_tried);
        assert_true(letters.n_letters >= can_write);
        run_process(dir, &none, &rows, &again, NULL);
        assert_int_equal(again.n_letters, 1);
        assert_int_equal(rows.n_rows, N_ROWS);
    }
}

/* The one that the spool has no room for is not forgotten. */
static void letters_wait_for_room(void **state) {
    (void)state;
    memory rows = {0}, letters = {.cannot_write = 1};
    numbers n = {.n = N_ROWS, .n_to_refuse = N_LETTERS, .raw_size = RAW_SIZE};
    evtwin_pump *p = pump_of(memory_path("room"), &n, &rows, &letters, DEADLINE_S);
    const time_t end = time(NULL) + DEADLINE_S;
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) >= 0) {
        assert_true(st != EVTWIN_DONE);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN);
    }
    assert_true(n.n_to_refuse > 0);
    letters.cannot_write = 0;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) != EVTWIN_DONE) {
        nap(end);
    }
    assert_ok(evtwin_pump_finish(p));
    assert_true(letters.n_letters == N_LETTERS && rows.n_rows == N_ROWS);
    evtwin_pump_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_count_when_they_are_flushed),
        cmocka_unit_test(letters_count_when_they_are_written),
        cmocka_unit_test(letters_wait_for_room),
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
