/* SPDX-License-Identifier: MIT */
/* tests/unit/serve/few_allocations.h: an allocator that runs dry after a number of allocations. */
#ifndef EVTWIN_TEST_FEW_ALLOCATIONS_H
#define EVTWIN_TEST_FEW_ALLOCATIONS_H

#include <stddef.h>
#include <stdlib.h>

static int n_left; /* allocations until all fail; -1 = none does */

/* For evtwin_set_allocator. */
static void *failing_realloc(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    if (n_left == 0) {
        return NULL;
    }
    n_left -= n_left > 0;
    return realloc(ptr, size);
}

#endif
