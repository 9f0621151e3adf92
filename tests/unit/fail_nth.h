/* SPDX-License-Identifier: MIT */
/* tests/unit/fail_nth.h: an allocator that refuses requests from the n-th on and counts what is not
 * given back. */
#ifndef EVTWIN_TEST_FAIL_NTH_H
#define EVTWIN_TEST_FAIL_NTH_H

#include "evtwin/base.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_long fail_nth_countdown; /* requests until all are refused; < 0 = none is */
static atomic_long fail_nth_live;      /* blocks not given back */
static atomic_int fail_nth_refused;    /* 1 once a request was refused */

/* Count one request down; 0 if it is to be refused. */
static inline int fail_nth_take(void) {
    long left = atomic_load(&fail_nth_countdown);
    while (left > 0 && !atomic_compare_exchange_weak(&fail_nth_countdown, &left, left - 1)) {
    }
    return left != 0;
}

/* For evtwin_set_allocator. */
static inline void *fail_nth_realloc(void *ctx, void *ptr, size_t new_size) {
    (void)ctx;
    if (new_size == 0) {
        fail_nth_live -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    if (!fail_nth_take()) {
        fail_nth_refused = 1;
        return NULL;
    }
    void *grown = realloc(ptr, new_size);
    fail_nth_live += grown != NULL && ptr == NULL;
    return grown;
}

/* Run fn(ctx) with all requests refused, all but the first, all but two … until none is (behind
 * the first n_all, every step-th); each
 * failure must be EVTWIN_E_NOMEM and leave no block behind. fn gives back all it made. Returns the
 * number of failures. */
static inline long fail_allocations(evtwin_status (*fn)(void *ctx), void *ctx, long n_all,
                                    long step) {
    evtwin_set_allocator(fail_nth_realloc, NULL);
    long n_failures = 0;
    for (long n = 0;; n += n < n_all ? 1 : step, n_failures++) {
        fail_nth_countdown = n;
        fail_nth_live = 0;
        fail_nth_refused = 0;
        const evtwin_status st = fn(ctx);
        fail_nth_countdown = -1;
        if (fail_nth_live != 0 || (st < 0 && (st != EVTWIN_E_NOMEM || !fail_nth_refused))) {
            evtwin_set_allocator(NULL, NULL);
            fail_msg("allocation %ld refused: %s (%s), %ld blocks left", n, evtwin_status_name(st),
                     evtwin_last_error(), (long)fail_nth_live);
        }
        if (!fail_nth_refused) {
            break;
        }
    }
    evtwin_set_allocator(NULL, NULL);
    return n_failures;
}

static inline long fail_every_allocation(evtwin_status (*fn)(void *ctx), void *ctx) {
    return fail_allocations(fn, ctx, 0, 1);
}

#endif
