/* SPDX-License-Identifier: MIT */
/* tests/unit/sim/counting_realloc.h: an allocator that refuses the n-th request alone, and counts
 * requests and what is not given back. */
#ifndef EVTWIN_TEST_COUNTING_REALLOC_H
#define EVTWIN_TEST_COUNTING_REALLOC_H

#include <stdlib.h>

/* All zero: no request is refused. */
typedef struct counter {
    long calls, fail_at, live;
} counter;

/* For evtwin_set_allocator, with a counter. */
static void *counting_realloc(void *ctx, void *ptr, size_t new_size) {
    counter *c = ctx;
    if (new_size == 0) {
        c->live -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    if (++c->calls == c->fail_at) {
        return NULL;
    }
    void *fresh = realloc(ptr, new_size);
    c->live += ptr == NULL && fresh != NULL;
    return fresh;
}

#endif
