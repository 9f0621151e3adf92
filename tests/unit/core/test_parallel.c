/* SPDX-License-Identifier: MIT */
/* test_parallel.c: each piece once, failures the same whatever the threads do. */

#include "test.h"

#include "core/parallel.h"
#include "core/status.h"

#include <pthread.h>
#include <stdatomic.h>

enum { N_ITEMS = 10000 };

typedef struct job {
    atomic_int times[N_ITEMS];
    size_t fails_from; /* items from here on fail */
    atomic_int n_calls;
} job;

static evtwin_status count(void *ctx, size_t item) {
    job *j = ctx;
    atomic_fetch_add(&j->n_calls, 1);
    atomic_fetch_add(&j->times[item], 1);
    if (item >= j->fails_from) {
        EVTWIN_FAIL(EVTWIN_E_DATA, "item %zu", item);
    }
    return EVTWIN_OK;
}

static void each_item_once_on_any_number_of_threads(void **state) {
    (void)state;
    static const int threads[] = {0, 1, 2, 3, 16, 1000};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        job *j = calloc(1, sizeof *j);
        assert_non_null(j);
        j->fails_from = N_ITEMS;
        assert_ok(evtwin__parallel_for(threads[t], N_ITEMS, count, j));
        for (size_t i = 0; i < N_ITEMS; i++) {
            assert_int_equal(atomic_load(&j->times[i]), 1);
        }
        free(j);
    }
}

static void nothing_to_do_is_done(void **state) {
    (void)state;
    assert_ok(evtwin__parallel_for(4, 0, count, NULL));
}

static void a_failure_stops_the_work_and_brings_its_text(void **state) {
    (void)state;
    for (int threads = 1; threads <= 8; threads *= 2) {
        job *j = calloc(1, sizeof *j);
        assert_non_null(j);
        j->fails_from = 100;

        /* items are taken in order, so item 100 always runs, and is the lowest that fails */
        assert_fails(evtwin__parallel_for(threads, N_ITEMS, count, j), EVTWIN_E_DATA, "item 100");
        assert_true(atomic_load(&j->n_calls) <= N_ITEMS);
        assert_true(atomic_load(&j->n_calls) >= 101);
        if (threads == 1) {
            assert_int_equal(atomic_load(&j->n_calls), 101);
        }
        free(j);
    }
}

static evtwin_status remember_thread(void *ctx, size_t item) {
    ((pthread_t *)ctx)[item] = pthread_self();
    return EVTWIN_OK;
}

static void one_thread_means_the_callers(void **state) {
    (void)state;
    pthread_t seen[100];
    assert_ok(evtwin__parallel_for(1, 100, remember_thread, seen));
    for (size_t i = 0; i < 100; i++) {
        assert_true(pthread_equal(seen[i], pthread_self()));
    }
}

static evtwin_status done_is_no_failure(void *ctx, size_t item) {
    (void)ctx;
    (void)item;
    return EVTWIN_DONE;
}

static void news_is_no_failure(void **state) {
    (void)state;
    assert_int_equal(evtwin__parallel_for(2, 10, done_is_no_failure, NULL), EVTWIN_OK);
    assert_true(evtwin__core_count() >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_once_on_any_number_of_threads),
        cmocka_unit_test(nothing_to_do_is_done),
        cmocka_unit_test(a_failure_stops_the_work_and_brings_its_text),
        cmocka_unit_test(one_thread_means_the_callers),
        cmocka_unit_test(news_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
