/* SPDX-License-Identifier: MIT */
/* test_spool_order.c: nothing counts as delivered before its sink has it for good, so that the next
 * process offers what this one did not finish. */

#ifdef HAVE_SQLITE
#include "spool_rows.h"

#include <stdatomic.h>
#include <time.h>

enum { N_ROWS = 40, MIB = 1 << 20, DEADLINE_S = 30 };

/* ---- a source of rows and one record that it refuses, and a sink that can fail half way ---- */

typedef struct numbers {
    int64_t n_given, n;
    int refuses, has_refused;
} numbers;

static evtwin_status read_numbers(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                  evtwin_table *table) {
    numbers *s = ctx;
    char position[32];
    (void)max_rows;
    (void)timeout_ms;
    if (s->refuses && !s->has_refused) {
        s->has_refused = 1;
        return evtwin_source_refuse(source, EVTWIN_E_PARSE, "numbers", "place", "raw", 3);
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

/* Let the source end; then until the sink has failed (NULL = until it has everything). */
static void run_process(const char *folder, uint64_t max_bytes, numbers *n, memory *rows,
                        memory *letters, atomic_long *n_tried) {
    const evtwin_source_callbacks callbacks = {
        .size = sizeof callbacks, .name = "numbers:", .read = read_numbers};
    evtwin_pump_options options;
    evtwin_pump *p = NULL;
    evtwin_source *source = NULL;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.drain_s = n_tried != NULL ? 0.0 : DEADLINE_S;
    assert_ok(evtwin_pump_create(&options, &p));
    assert_ok(evtwin_source_create(&callbacks, n, &source));
    assert_ok(evtwin_pump_take_source(p, source));
    assert_ok(evtwin_pump_take_spool(p, open_spool(folder, max_bytes, EVTWIN_SPOOL_BLOCK)));
    assert_ok(evtwin_pump_take_sink(p, sink_of(rows, "rows:")));
    assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) != EVTWIN_DONE) {
        assert_true(st >= 0);
    }
    const time_t end = time(NULL) + DEADLINE_S;
    while (n_tried != NULL && atomic_load(n_tried) == 0) {
        assert_true(time(NULL) < end);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
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
    run_process(dir, MIB, &n, &rows, &letters, &rows.n_tried);
    assert_true(rows.n_rows > 0);
    run_process(dir, MIB, &none, &again, &letters, NULL);
    assert_int_equal(again.n_rows, N_ROWS);
}

static void letters_count_when_they_are_written(void **state) {
    (void)state;
    char dir[256];
    for (int can_write = 0; can_write < 2; can_write++) {
        snprintf(dir, sizeof dir, "%s", memory_path(can_write ? "letters1" : "letters0"));
        memory rows = {0}, again = {0};
        memory letters = {.cannot_write = !can_write, .cannot_flush = 1};
        numbers n = {.n = N_ROWS, .refuses = 1}, none = {0};
        run_process(dir, MIB, &n, &rows, &letters, &letters.n_tried);
        assert_true(letters.n_letters >= can_write);
        run_process(dir, MIB, &none, &rows, &again, NULL);
        assert_int_equal(again.n_letters, 1);
        assert_int_equal(rows.n_rows, N_ROWS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_count_when_they_are_flushed),
        cmocka_unit_test(letters_count_when_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
    return 0;
}
#endif
