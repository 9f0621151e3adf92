/* SPDX-License-Identifier: MIT */
/* stream/spool_inside.h: what a spool and its cursors are, for the files that make them. */
#ifndef EVTWIN_STREAM_SPOOL_INSIDE_H
#define EVTWIN_STREAM_SPOOL_INSIDE_H

#include "stream/spool.h"

#include <pthread.h>

/* Numbers of records of one cursor that are lost, one after the other, for the same reason. */
typedef struct evtwin__spool_lost {
    int64_t first, last;
    uint64_t n;
    const char *reason;
} evtwin__spool_lost;

/* An entry that was read for a sink: what of it lies behind the cursor. */
typedef struct evtwin__spool_flight {
    int64_t done, last;
    size_t bytes;
} evtwin__spool_flight;

struct evtwin__spool_cursor {
    evtwin_spool *spool;
    evtwin__spool_kind kind;
    char *name;
    int is_open;
    int64_t number;  /* the sink has everything up to it */
    int64_t held_to; /* what its thread has read and not yet delivered is not dropped */
    uint64_t n_waiting, bytes_waiting;
    uint64_t n_lost;            /* since the spool was opened */
    evtwin__spool_lost said;    /* not asked for yet */
    evtwin__spool_lost pending; /* in the transaction that runs */

    /* of its thread alone */
    evtwin__db *db;
    evtwin__stmt *next;
    evtwin__spool_flight *flight; /* (n_flight), those before next_flight have arrived */
    size_t n_flight, next_flight;
};

struct evtwin_spool {
    evtwin_spool_options options;
    pthread_mutex_t lock; /* over all that follows, and the one connection that writes */
    pthread_cond_t changed;
    uint64_t generation;
    evtwin__spool_file file;
    int64_t last[EVTWIN__SPOOL_KINDS];  /* number of the record accepted last */
    int64_t found[EVTWIN__SPOOL_KINDS]; /* the same when the spool was opened */
    evtwin__spool_cursor **cursors;     /* (n_cursors) */
    size_t n_cursors;
    uint64_t n_refused_full, n_damaged;
};

/* ---- under the lock (spool.c) ---- */

evtwin_status evtwin__spool_begin(evtwin_spool *spool, int is_synced);

/* Commit, or roll back if st is a failure; what is known of the cursors and the last numbers is
 * then as it was, and everybody who waits for a change is woken. */
evtwin_status evtwin__spool_end(evtwin_spool *spool, evtwin_status st);

/* List records first to last, in which n are for the cursor, as lost for it. */
evtwin_status evtwin__spool_lose(evtwin__spool_cursor *cursor, int64_t first, int64_t last,
                                 uint64_t n, const char *reason);

/* The same for every cursor that has not passed the entry yet. */
evtwin_status evtwin__spool_lose_entry(evtwin_spool *spool, evtwin__spool_kind kind, int64_t number,
                                       int64_t n_records, const char *reason);

/* What waits for a cursor, counted anew. */
evtwin_status evtwin__spool_count_waiting(evtwin__spool_cursor *cursor);

/* A cursor that is known from now on; the table has it. */
evtwin_status evtwin__spool_know_cursor(evtwin_spool *spool, evtwin__spool_kind kind,
                                        const char *name, int64_t number,
                                        evtwin__spool_cursor **out);

void evtwin__spool_free_cursor(evtwin__spool_cursor *cursor);

/* ---- under the lock (spool_sinks.c) ---- */

/* NULL if none has that name. */
evtwin__spool_cursor *evtwin__spool_find_cursor(const evtwin_spool *spool, evtwin__spool_kind kind,
                                                const char *name);

/* Is there any of that kind? */
int evtwin__spool_has_cursor(const evtwin_spool *spool, evtwin__spool_kind kind);

/* A cursor where it has to begin, known from now on. */
evtwin_status evtwin__spool_add_cursor(evtwin_spool *spool, evtwin__spool_kind kind,
                                       const char *name, evtwin__spool_cursor **out);

/* In a transaction: where it is. */
evtwin_status evtwin__spool_set_cursor(evtwin_spool *spool, evtwin__spool_kind kind,
                                       const char *name, int64_t number);

/* ---- in a transaction, under the lock (spool_accept.c) ---- */

/* So many records up to number last, which is that of the entry. */
typedef struct evtwin__spool_entry {
    int64_t last;
    size_t n;
    const char *data; /* (size) */
    size_t size;
} evtwin__spool_entry;

uint64_t evtwin__spool_entry_hash(evtwin__spool_kind kind, int64_t number, int64_t n_records,
                                  int64_t accepted_us, const void *data, size_t size);

/* Write it. */
evtwin_status evtwin__spool_put(evtwin_spool *spool, evtwin__spool_kind kind,
                                const evtwin__spool_entry *entry);

/* Outside a transaction: EVTWIN_E_AGAIN if a letter of that size about a refused record has to wait
 * for its sink. */
evtwin_status evtwin__spool_check_letter(evtwin_spool *spool, size_t size);

/* The number of the last record of a kind is that now. */
evtwin_status evtwin__spool_set_last(evtwin_spool *spool, evtwin__spool_kind kind, int64_t number);

#endif
