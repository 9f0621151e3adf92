/* SPDX-License-Identifier: MIT */
/* core/parallel.h: run independent pieces of work on several threads. */
#ifndef EVTWIN_CORE_PARALLEL_H
#define EVTWIN_CORE_PARALLEL_H

#include "evtwin/base.h"

/* Does piece `item`; its error text travels to the caller of evtwin__parallel_for. */
typedef evtwin_status (*evtwin__work_fn)(void *ctx, size_t item);

/* Cores this process may use, at least 1. */
int evtwin__core_count(void);

/* Call fn(ctx, 0 … n_items-1), each once, on at most n_threads threads (0 = one per core), the
 * calling thread among them. After a failure no further item starts; the failure of the lowest
 * failing item is returned, so the outcome does not depend on timing more than it must. */
evtwin_status evtwin__parallel_for(int n_threads, size_t n_items, evtwin__work_fn fn, void *ctx);

#endif
