/* SPDX-License-Identifier: MIT */
/* test_pump_spool.c: through a spool every sink gets what was accepted, whatever is slow, dead or
 * full. */

#ifdef HAVE_SQLITE
#include "pump_memory.h"

#include <signal.h>
#include <sys/resource.h>

static void every_sink_gets_every_row_once(void **state) {
    (void)state;
    memory *a = new_memory(), *b = new_memory();
    numbers n = {.next = 1, .n = 5003};
    evtwin_pump *p = pump_of(memory_path("every"), 16 * MIB, &n, 100, 30);
    add(p, a, "a:");
    add(p, b, "b:");
    run_all(p);
    assert_int_equal(n.committed, 5003);
    assert_ok(evtwin_pump_finish(p));
    assert_true(a->n == 5003 && b->n == 5003 && a->n_doubled == 0 && b->n_doubled == 0);
    evtwin_pump_stats stats;
    assert_ok(evtwin_pump_stats_get(p, &stats, sizeof stats));
    assert_true(stats.n_read == 5003 && stats.n_written == 5003 && stats.n_held == 0 &&
                stats.n_lost == 0 && stats.n_errors == 0);
    assert_int_equal(evtwin_pump_take_sink(p, NULL), EVTWIN_E_ARG);
    evtwin_pump_free(p);
    free(a);
    free(b);
}

static void a_dead_sink_stops_neither_another_nor_the_source(void **state) {
    (void)state;
    memory *fast = new_memory(), *dead = new_memory();
    dead->is_down = 1;
    events seen = {0};
    numbers n = {.next = 1, .n = 20000};
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("dead"));
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 500, 0.2);
    add(p, fast, "fast:");
    add(p, dead, "dead:");
    assert_ok(evtwin_pump_on_event(p, count_event, &seen));
    run_all(p);
    assert_int_equal(n.committed, 20000);
    run_until(p, &fast->n, 20000);
    assert_int_equal(dead->n, 0);
    assert_fails(evtwin_pump_finish(p), EVTWIN_E_AGAIN, "dead:|20000");
    const evtwin_pump_sink_stats of_dead = stats_of(p, 1);
    assert_true(of_dead.n_held == 20000 && !of_dead.is_up && of_dead.n_failures > 0 &&
                of_dead.held_bytes > 20000 && of_dead.oldest_held_s >= 0.0);
    assert_true(text_names(of_dead.reason, "dead:"));
    assert_true(stats_of(p, 0).is_up && stats_of(p, 0).n_delivered == 20000);
    assert_int_equal(seen.n_failed, 1); /* once, however often it is tried */

    /* it comes back: catches up in batches, not in those that were accepted */
    const long n_writes = dead->n_writes;
    dead->is_down = 0;
    const time_t end = time(NULL) + DEADLINE_S; /* each time it has a moment only */
    while (evtwin_pump_finish(p) == EVTWIN_E_AGAIN && time(NULL) < end) {
    }
    assert_int_equal(dead->n, 20000);
    assert_int_equal(dead->n_doubled, 0);
    assert_true(dead->n_writes - n_writes <= 41);
    assert_int_equal(seen.n_recovered, 1);
    assert_true(stats_of(p, 1).is_up && stats_of(p, 1).n_held == 0);
    evtwin_pump_free(p);
    free(fast);
    free(dead);
}

static void a_slow_sink_is_behind_alone(void **state) {
    (void)state;
    memory *fast = new_memory(), *slow = new_memory();
    slow->is_slow = 1;
    numbers n = {.next = 1, .n = 3000};
    evtwin_pump *p = pump_of(memory_path("slow"), 16 * MIB, &n, 100, 30);
    add(p, fast, "fast:");
    add(p, slow, "slow:");
    run_all(p);
    run_until(p, &fast->n, 3000);
    assert_int_equal(slow->n, 0);
    slow->is_slow = 0;
    assert_ok(evtwin_pump_finish(p));
    assert_int_equal(slow->n, 3000);
    evtwin_pump_free(p);
    free(fast);
    free(slow);
}

static void a_stop_waits_for_a_sink_that_may_soon_work(void **state) {
    (void)state;
    memory *locked = new_memory();
    locked->n_locked = 4;
    numbers n = {.next = 1, .n = 100};
    evtwin_pump *p = pump_of(memory_path("locked"), 16 * MIB, &n, 100, 30);
    add(p, locked, "locked:");
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(locked->n == 100 && stats_of(p, 0).n_failures == 4);
    evtwin_pump_free(p);

    /* but not for one that needs somebody to mend it */
    n = (numbers){.next = 1, .n = 100};
    locked->is_down = locked->fails_for_good = 1;
    const time_t begin = time(NULL);
    p = pump_of(memory_path("denied"), 16 * MIB, &n, 100, 200);
    add(p, locked, "locked:");
    run_all(p);
    assert_fails(evtwin_pump_finish(p), EVTWIN_E_AGAIN, "locked:|100");
    assert_true(time(NULL) - begin < 100); /* half of drain_s */
    evtwin_pump_free(p);
    free(locked);
}

/* Without an end of its own the write would hold up the end of the pump for ever. */
static void a_sink_that_does_not_come_back_is_interrupted(void **state) {
    (void)state;
    memory *fast = new_memory(), *stuck = new_memory();
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("stuck"));
    stuck->is_slow = 1;
    numbers n = {.next = 1, .n = 3000};
    evtwin_pump *p = pump_of(dir, 16 * MIB, &n, 100, 0.1);
    add(p, fast, "fast:");
    add(p, stuck, "stuck:");
    run_all(p);
    run_until(p, &fast->n, 3000);
    run_until(p, &stuck->n_writes, 1);
    assert_fails(evtwin_pump_finish(p), EVTWIN_E_AGAIN, "stuck:|3000");
    evtwin_pump_free(p);
    assert_true(stuck->n_interrupts == 1 && fast->n_interrupts == 0);

    /* nothing of it is lost */
    stuck->is_down = 0;
    p = pump_of(dir, 16 * MIB, &n, 100, 30);
    add(p, fast, "fast:");
    add(p, stuck, "stuck:");
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    evtwin_pump_free(p);
    assert_true(stuck->n == 3000 && stuck->n_doubled == 0 && stuck->n_interrupts == 1);
    free(fast);
    free(stuck);
}

static void a_full_spool_stops_the_source_and_says_so_once(void **state) {
    (void)state;
    memory *dead = new_memory();
    dead->is_down = 1;
    events seen = {0};
    numbers n = {.next = 1, .n = 190000};
    evtwin_pump *p = pump_of(memory_path("stops"), MIB, &n, 500, 30);
    add(p, dead, "dead:");
    assert_ok(evtwin_pump_on_event(p, count_event, &seen));
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) == EVTWIN_OK) {
    }
    assert_int_equal(st, EVTWIN_E_AGAIN);
    assert_fails(evtwin_pump_run_once(p, 0, NULL), EVTWIN_E_AGAIN, "full|dead:");
    assert_int_equal(seen.n_full, 1);
    const int64_t committed = n.committed;
    assert_true(committed < n.next - 1 && n.next - 1 - committed <= 500);
    dead->is_down = 0;
    run_until(p, &dead->n, 190000);
    assert_ok(evtwin_pump_finish(p));
    assert_true(seen.n_full >= 1 && seen.n_room == seen.n_full);
    assert_true(dead->n == 190000 && dead->n_doubled == 0);
    evtwin_pump_free(p);
    free(dead);
}

/* Every sink needs a file of its own to begin with. Nothing is read until it has one. */
static void a_spool_that_cannot_begin_says_so_once(void **state) {
    (void)state;
    numbers n = {.next = 1, .n = 20};
    events seen = {0};
    memory *m = new_memory();
    evtwin_pump *p = pump_of(memory_path("files"), MIB, &n, 10, DEADLINE_S);
    assert_ok(evtwin_pump_on_event(p, count_event, &seen));
    add(p, m, "memory:");

    struct rlimit limit, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const int next = dup(0);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = limit.rlim_max};
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const evtwin_status first = evtwin_pump_run_once(p, 0, NULL);
    const evtwin_status second = evtwin_pump_run_once(p, 0, NULL);
    assert_non_null(strstr(evtwin_last_error(), "open files"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);

    assert_true(evtwin_status_is_temporary(first) && evtwin_status_is_temporary(second));
    assert_int_equal(seen.n_full, 1);
    assert_int_equal(seen.n_room, 0);
    run_all(p);
    assert_ok(evtwin_pump_finish(p));
    assert_true(seen.n_room == 1 && m->n == 20);
    evtwin_pump_free(p);
    free(m);
}

/* Written without that its loss of rows is on record, the cursor could not move, and the sink would
 * get the same again at once, as long as the disk is full. */
static void a_loss_that_cannot_be_listed_pauses_the_sink(void **state) {
    (void)state;
    memory *m = new_memory();
    m->is_down = 1;
    numbers n = {.next = 1, .n = 300};
    char dir[256];
    snprintf(dir, sizeof dir, "%s", memory_path("loss"));
    evtwin_pump *p = pump_of(dir, MIB, &n, 100, 0.05);
    add(p, m, "memory:");
    run_all(p);
    assert_int_equal(evtwin_pump_finish(p), EVTWIN_E_AGAIN);
    evtwin_pump_free(p);
    run_spool_sql(dir, "DELETE FROM entry WHERE number = 100");

    m->is_down = 0;
    m->n_writes = 0;
    p = pump_of(dir, MIB, &n, 100, DEADLINE_S);
    add(p, m, "memory:");
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, limit.rlim_max}), 0);
    const time_t end = time(NULL) + DEADLINE_S;
    do {
        (void)evtwin_pump_run_once(p, 0, NULL);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    } while (stats_of(p, 0).n_failures < 2 && m->n_writes == 0 && time(NULL) < end);
    const uint64_t n_failures = stats_of(p, 0).n_failures;
    const long n_writes = m->n_writes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(n_writes, 0);
    assert_true(n_failures >= 2);

    assert_ok(evtwin_pump_finish(p));
    assert_true(m->n == 200 && m->n_doubled == 0);
    assert_int_equal(stats_of(p, 0).n_lost, 100);
    evtwin_pump_free(p);
    free(m);
}

static void a_spool_keeps_no_reasons(void **state) {
    (void)state;
    evtwin_pump *p = NULL;
    evtwin_pump_options options;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    assert_int_equal(options.n_reasons, 0);
    options.n_reasons = 3;
    assert_ok(evtwin_pump_create(&options, &p));
    evtwin_spool *spool = open_spool(memory_path("reasons"), 16 * MIB, EVTWIN_SPOOL_BLOCK);
    assert_fails(evtwin_pump_take_spool(p, spool), EVTWIN_E_UNSUPPORTED, "n_reasons|3");
    evtwin_spool_free(spool);
    evtwin_pump_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sink_gets_every_row_once),
        cmocka_unit_test(a_dead_sink_stops_neither_another_nor_the_source),
        cmocka_unit_test(a_slow_sink_is_behind_alone),
        cmocka_unit_test(a_stop_waits_for_a_sink_that_may_soon_work),
        cmocka_unit_test(a_sink_that_does_not_come_back_is_interrupted),
        cmocka_unit_test(a_full_spool_stops_the_source_and_says_so_once),
        cmocka_unit_test(a_spool_that_cannot_begin_says_so_once),
        cmocka_unit_test(a_loss_that_cannot_be_listed_pauses_the_sink),
        cmocka_unit_test(a_spool_keeps_no_reasons),
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
