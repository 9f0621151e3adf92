/* SPDX-License-Identifier: MIT */
/* test_pump_letters.c: refused rows and records become letters, and hold up nothing else; with a
 * spool and without one. */

#ifdef HAVE_SQLITE
#include "pump_memory.h"

#include "fail_nth.h"

static void rows_that_a_sink_refuses_become_letters(void **state) {
    (void)state;
    memory *picky = new_memory(), *other = new_memory(), *letters = new_memory();
    picky->bad_every = 333;
    events seen = {0};
    numbers n = {.next = 1, .n = 2000};
    evtwin_pump *p = pump_of(memory_path("picky"), 16 * MIB, &n, 500, 30);
    add(p, picky, "picky:");
    add(p, other, "other:");
    assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
    assert_ok(evtwin_pump_on_event(p, count_event, &seen));
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(picky->n == 2000 - 6 && picky->n_doubled == 0 && other->n == 2000);
    assert_int_equal(letters->n_letters, 6);
    assert_true(text_names(letters->letter, "picky:|EVTWIN_E_RANGE|1998|battery_id"));
    assert_int_equal(seen.n_refused_rows, 6);
    assert_int_equal(seen.n_failed, 0);
    assert_int_equal(stats_of(p, 0).n_refused, 6);
    assert_int_equal(stats_of(p, 0).n_delivered, 1994);
    const evtwin_pump_sink_stats of_letters = stats_of(p, 2);
    assert_true(of_letters.is_letters && of_letters.n_delivered == 6);
    evtwin_pump_free(p);
    free(picky);
    free(other);
    free(letters);
}

static void records_that_the_source_refuses_become_letters(void **state) {
    (void)state;
    for (int has_spool = 0; has_spool < 2; has_spool++) {
        memory *a = new_memory(), *letters = new_memory();
        numbers n = {.next = 1, .n = 100, .refuse_every = 10};
        evtwin_pump *p = pump_of(has_spool ? memory_path("source") : NULL, 16 * MIB, &n, 50, 30);
        add(p, a, "a:");
        assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
        assert_fails(evtwin_pump_take_dead_letters(p, NULL), EVTWIN_E_ARG, "sink");
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        assert_int_equal(a->n, 100);
        assert_int_equal(letters->n_letters, 10);
        assert_true(text_names(letters->letter, "numbers:|EVTWIN_E_PARSE|100"));
        assert_int_equal(stats_of(p, 1).n_delivered, 10);
        evtwin_pump_free(p);
        free(a);
        free(letters);
    }
}

static void a_flood_of_refused_records_is_written_in_batches(void **state) {
    (void)state;
    for (int has_spool = 0; has_spool < 2; has_spool++) {
        memory *a = new_memory(), *letters = new_memory();
        numbers n = {.next = 1, .n = 10, .n_bad = 1000};
        evtwin_pump *p = pump_of(has_spool ? memory_path("flood") : NULL, MIB, &n, 50, 30);
        add(p, a, "a:");
        assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        assert_true(a->n == 10 && letters->n_letters == 1000 && n.committed == 1010);
        assert_false(letters->is_disordered);
        assert_int_equal(letters->n_writes, 20);
        evtwin_pump_stats stats;
        assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
        assert_int_equal(stats.n_refused, 1000);
        evtwin_pump_free(p);
        free(a);
        free(letters);
    }
}

static void a_letter_that_is_refused_holds_up_nothing(void **state) {
    (void)state;
    for (int has_spool = 0; has_spool < 2; has_spool++) {
        numbers n = {.next = 1, .n = 60, .refuse_every = 10};
        memory *a = new_memory(), *letters = new_memory();
        letters->bad_every = 20;
        n.n_bad = 40; /* of these 80 and 100 */
        events seen = {0};
        evtwin_pump *p = pump_of(has_spool ? memory_path("too_long") : NULL, 16 * MIB, &n, 50, 30);
        add(p, a, "a:");
        assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
        assert_ok(evtwin_pump_on_event(p, count_event, &seen));
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        assert_true(a->n == 60 && n.committed == 100);
        assert_int_equal(letters->n_letters, 3 + 38);
        assert_false(letters->is_disordered);
        const evtwin_pump_sink_stats stats = stats_of(p, 1);
        assert_true(stats.n_refused == 5 && stats.n_delivered == 41 && stats.n_held == 0);
        assert_true(seen.n_refused_rows == 5 && seen.n_failed == 0);
        evtwin_pump_free(p);
        free(a);
        free(letters);
    }
}

static void a_letter_waits_for_memory(void **state) {
    (void)state;
    for (int has_spool = 0; has_spool < 2; has_spool++) {
        memory *a = new_memory(), *letters = new_memory();
        numbers n = {.next = 1, .n = 9, .refuse_every = 10};
        evtwin_pump *p = pump_of(has_spool ? memory_path("owed") : NULL, 16 * MIB, &n, 50, 30);
        add(p, a, "a:");
        assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
        run_until(p, &a->n, 9);
        assert_ok(evtwin_pump_finish(p)); /* the threads need no memory from now on */
        n.n = 19;
        int n_failures = 0;
        evtwin_set_allocator(fail_nth_realloc, NULL);
        fail_nth_countdown = 0;
        for (; n_failures < 3; n_failures++) {
            assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_NOMEM);
        }
        fail_nth_countdown = -1;
        evtwin_set_allocator(NULL, NULL);
        assert_true(n.next == 10 && n.committed == 9);
        run_all(p);
        assert_ok(evtwin_pump_finish(p));
        assert_true(a->n == 19 && letters->n_letters == 1 && n.committed == 19);
        evtwin_pump_stats stats;
        assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
        assert_int_equal(stats.n_refused, 1);
        evtwin_pump_free(p);
        free(a);
        free(letters);
    }
}

static void without_a_spool_no_row_passes_a_letter(void **state) {
    (void)state;
    memory *a = new_memory(), *letters = new_memory();
    letters->is_down = 1;
    numbers n = {.next = 1, .n = 20, .refuse_every = 10};
    evtwin_pump *p = pump_of(NULL, 0, &n, 50, 30);
    add(p, a, "a:");
    assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
    assert_int_equal(evtwin_pump_run_once(p, 0, NULL), EVTWIN_OK);
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN, "letters:");
    for (int i = 0; i < 3; i++) {
        assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN, "letters:");
    }
    assert_true(n.next == 20 && a->n == 9 && n.committed == 9); /* those behind it wait */
    assert_true(stats_of(p, 1).n_held == 1 && !stats_of(p, 1).is_up);
    letters->is_down = 0;
    assert_ok(evtwin_pump_finish(p));
    assert_true(letters->n_letters == 1 && a->n == 19 && n.committed == 19);
    run_all(p);
    assert_true(a->n == 20 && letters->n_letters == 2);
    evtwin_pump_free(p);
    free(a);
    free(letters);
}

/* Whoever calls again and again must not do so without a rest. */
static void without_a_spool_a_call_waits_for_letters(void **state) {
    (void)state;
    memory *a = new_memory(), *letters = new_memory();
    letters->is_down = 1;
    numbers n = {.next = 1, .n = 20, .refuse_every = 1};
    evtwin_pump *p = pump_of(NULL, 0, &n, 50, 30);
    add(p, a, "a:");
    assert_ok(evtwin_pump_take_dead_letters(p, sink_of(letters, "letters:")));
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN, "letters:");
    letters->is_down = 0;
    assert_true(evtwin_pump_run_once(p, 1000 * DEADLINE_S, NULL) >= 0);
    assert_true(letters->n_letters > 0);
    evtwin_pump_free(p);
    free(a);
    free(letters);
}

static void a_sink_without_letters_is_refused_as_one(void **state) {
    (void)state;
    evtwin_pump *p = NULL;
    evtwin_sink *null = NULL;
    assert_ok(evtwin_pump_create(NULL, &p));
    const evtwin_sink_callbacks plain = {
        .size = sizeof plain, .name = "plain:", .write = write_memory};
    assert_ok(evtwin_sink_create(&plain, NULL, &null));
    assert_fails(evtwin_pump_take_dead_letters(p, null), EVTWIN_E_UNSUPPORTED, "plain:");
    evtwin_sink_free(null);
    evtwin_pump_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_a_sink_refuses_become_letters),
        cmocka_unit_test(records_that_the_source_refuses_become_letters),
        cmocka_unit_test(a_flood_of_refused_records_is_written_in_batches),
        cmocka_unit_test(a_letter_that_is_refused_holds_up_nothing),
        cmocka_unit_test(a_letter_waits_for_memory),
        cmocka_unit_test(without_a_spool_no_row_passes_a_letter),
        cmocka_unit_test(without_a_spool_a_call_waits_for_letters),
        cmocka_unit_test(a_sink_without_letters_is_refused_as_one),
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
