/* SPDX-License-Identifier: MIT */
/* store/sweep.h: the retention of a store, a little at a time: when a sweep through its batteries
 * begins, how far it goes, what is said of it. How rows are visited is the backend's. */
#ifndef EVTWIN_STORE_SWEEP_H
#define EVTWIN_STORE_SWEEP_H

#include "store/backend.h"

typedef struct evtwin__sweep {
    int is_active;
    int64_t next_us;   /* on the monotonic clock: when inserting starts the next one */
    int64_t cutoff_us; /* rows from before are old; as start says */
    size_t n_deleted;
} evtwin__sweep;

typedef struct evtwin__sweep_steps {
    const char *(*name)(const evtwin_store *store);
    /* EVTWIN_DONE if nothing can be old. */
    evtwin_status (*start)(evtwin_store *store, evtwin__sweep *sweep);
    /* A transaction that visits n_rows rows and deletes those that are old: EVTWIN_DONE if they
     * were the last ones. */
    evtwin_status (*visit)(evtwin_store *store, size_t n_rows, size_t *n_deleted_out);
} evtwin__sweep_steps;

enum { EVTWIN__SWEEP_MIN_ROWS = 1000 /* visited after an insert, at least */ };

/* From the first row to the last. */
evtwin_status evtwin__sweep_all(evtwin_store *store, evtwin__sweep *sweep,
                                const evtwin__sweep_steps *steps, size_t *n_deleted_out);

/* After an insert: a little of it, or nothing if the last one has ended lately. A failure goes to
 * the log. */
void evtwin__sweep_some(evtwin_store *store, evtwin__sweep *sweep, const evtwin__sweep_steps *steps,
                        size_t n_inserted);

#endif
