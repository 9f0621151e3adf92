/* SPDX-License-Identifier: MIT */
/* stream/spool_read.c: what comes next for a sink of a spool, and what of it cannot be read back.
 */

#include "stream/spool_inside.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/spool_codec.h"

#include <string.h>

/* Letters that a sink gets at once: a single one may take 64 KiB and more. */
enum { MAX_LETTER_BYTES = 1 << 20 };

/* ---- what cannot be read ---- */

/* Records first to last are not there: on record as lost before, or missing from now on. */
static evtwin_status check_gap(evtwin__spool_cursor *c, int64_t first, int64_t last) {
    evtwin_spool *spool = c->spool;
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_COUNT_LOSS];
    int64_t n_known = 0;
    evtwin__stmt_bind_i64(stmt, 1, c->kind);
    evtwin__stmt_bind_text(stmt, 2, c->name);
    evtwin__stmt_bind_i64(stmt, 3, first);
    evtwin__stmt_bind_i64(stmt, 4, last);
    const evtwin_status st = evtwin__stmt_step(stmt);
    if (st == EVTWIN_OK) {
        evtwin__stmt_i64(stmt, 0, &n_known);
    }
    evtwin__stmt_reset(stmt);
    EVTWIN_TRY(st);
    const int64_t n = last - first + 1 - n_known;
    if (n <= 0) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__spool_begin(spool, 1));
    return evtwin__spool_end(spool, evtwin__spool_lose(c, first, last, (uint64_t)n, "missing"));
}

static evtwin_status check_gap_locked(evtwin__spool_cursor *c, int64_t first, int64_t last) {
    pthread_mutex_lock(&c->spool->lock);
    const evtwin_status st = first <= last ? check_gap(c, first, last) : EVTWIN_OK;
    pthread_mutex_unlock(&c->spool->lock);
    return st;
}

/* Out of its table into that of damaged ones. *is_first_out: nobody has done that before. */
static evtwin_status move_aside(evtwin__spool_cursor *c, int64_t number, int *is_first_out) {
    evtwin_spool *spool = c->spool;
    evtwin__stmt *both[] = {spool->file.stmt[EVTWIN__SQL_SET_ASIDE + c->kind],
                            spool->file.stmt[EVTWIN__SQL_DELETE + c->kind]};
    for (size_t i = 0; i < 2; i++) {
        evtwin__stmt_bind_i64(both[i], 1, number);
        EVTWIN_TRY(evtwin__stmt_run(both[i]));
    }
    *is_first_out = evtwin__db_changes(spool->file.db) > 0;
    return EVTWIN_OK;
}

/* A damaged entry goes into a table of its own, for whoever wants to look at it. Another sink may
 * have read it at the same time: it is lost, and counted, once. */
static evtwin_status set_aside(evtwin__spool_cursor *c, int64_t number, int64_t n_records) {
    evtwin_spool *spool = c->spool;
    int is_first = 0;
    EVTWIN_TRY(evtwin__spool_begin(spool, 1));
    evtwin_status st = move_aside(c, number, &is_first);
    if (st >= 0 && is_first) {
        st = evtwin__spool_lose_entry(spool, c->kind, number, n_records, "damaged");
    }
    EVTWIN_TRY(evtwin__spool_end(spool, st));
    spool->n_damaged += is_first ? (uint64_t)n_records : 0;
    for (size_t i = 0; i < spool->n_cursors; i++) {
        EVTWIN_TRY(evtwin__spool_count_waiting(spool->cursors[i]));
    }
    return EVTWIN_OK;
}

static evtwin_status set_aside_locked(evtwin__spool_cursor *c, int64_t number, int64_t n_records) {
    pthread_mutex_lock(&c->spool->lock);
    const evtwin_status st = set_aside(c, number, n_records);
    pthread_mutex_unlock(&c->spool->lock);
    return st;
}

/* ---- read ---- */

void evtwin__spool_chunk_clear(evtwin__spool_chunk *chunk) {
    evtwin_table_free(chunk->rows);
    evtwin_table_free(chunk->states);
    evtwin__letter_list_free(&chunk->letters);
    evtwin__free(chunk->number);
    *chunk = (evtwin__spool_chunk){.n = 0};
}

/* An entry as it was read; data is borrowed from the statement. */
typedef struct entry {
    int64_t number, n_records, accepted_us, hash;
    const void *data;
    size_t size;
} entry;

static evtwin_status next_entry(evtwin__spool_cursor *c, int64_t at, entry *e) {
    *e = (entry){.number = 0};
    evtwin__stmt_bind_i64(c->next, 1, at);
    const evtwin_status st = evtwin__stmt_step(c->next);
    if (st == EVTWIN_OK) {
        evtwin__stmt_i64(c->next, 0, &e->number);
        evtwin__stmt_i64(c->next, 1, &e->n_records);
        evtwin__stmt_i64(c->next, 2, &e->accepted_us);
        evtwin__stmt_i64(c->next, 3, &e->hash);
        e->data = evtwin__stmt_blob(c->next, 4, &e->size);
    }
    return st;
}

static int is_whole(const evtwin__spool_cursor *c, const entry *e) {
    return e->data != NULL && e->n_records > 0 && e->n_records <= e->number &&
           (int64_t)evtwin__spool_entry_hash(c->kind, e->number, e->n_records, e->accepted_us,
                                             e->data, e->size) == e->hash;
}

/* Only tables of the same columns are put together. */
static int is_alike(const evtwin_table *a, const evtwin_table *b) {
    const size_t n = evtwin_table_cols(a);
    int is_same = n == evtwin_table_cols(b);
    for (size_t i = 0; i < n && is_same; i++) {
        is_same = strcmp(evtwin_table_name(a, i), evtwin_table_name(b, i)) == 0 &&
                  strcmp(evtwin_table_unit(a, i), evtwin_table_unit(b, i)) == 0 &&
                  evtwin_table_type(a, i) == evtwin_table_type(b, i);
    }
    return is_same;
}

/* Rows from number `from` on. */
static evtwin_status cut_front(evtwin_table **rows, size_t n_passed) {
    const size_t n = evtwin_table_rows(*rows) - n_passed;
    size_t *index = evtwin__calloc(n, sizeof *index);
    EVTWIN_FAIL_IF(index == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        index[i] = n_passed + i;
    }
    evtwin_table *rest = NULL;
    const evtwin_status st = evtwin_table_select(*rows, index, n, &rest);
    evtwin__free(index);
    if (st >= 0) {
        evtwin_table_free(*rows);
        *rows = rest;
    }
    return st;
}

static evtwin_status append_table(evtwin_table **to, evtwin_table **from) {
    if (*from == NULL || *to != NULL) {
        return *from == NULL ? EVTWIN_OK : evtwin_table_append(*to, *from);
    }
    *to = *from;
    *from = NULL;
    return EVTWIN_OK;
}

/* For n records of one more entry, so that nothing fails once they are in the chunk. */
static evtwin_status make_room(evtwin__spool_cursor *c, size_t n, evtwin__spool_chunk *chunk) {
    int64_t *number = evtwin__realloc(chunk->number, chunk->n + n, sizeof *number);
    chunk->number = number != NULL ? number : chunk->number;
    evtwin__spool_flight *flight = evtwin__realloc(c->flight, c->n_flight + 1, sizeof *flight);
    c->flight = flight != NULL ? flight : c->flight;
    EVTWIN_FAIL_IF(number == NULL || flight == NULL, EVTWIN_E_NOMEM,
                   "out of memory for an entry of %zu records", n);
    return EVTWIN_OK;
}

/* The last n records of the entry are in the chunk, and on their way. */
static void note_added(evtwin__spool_cursor *c, const entry *e, size_t n,
                       evtwin__spool_chunk *chunk) {
    const int64_t done = e->number - (int64_t)n;
    for (size_t i = 0; i < n; i++) {
        chunk->number[chunk->n++] = done + 1 + (int64_t)i;
    }
    c->flight[c->n_flight++] = (evtwin__spool_flight){done, e->number, e->size};
}

/* Both or neither. */
static evtwin_status append_tables(evtwin_table **rows, evtwin_table **states,
                                   evtwin__spool_chunk *chunk) {
    EVTWIN_TRY(append_table(&chunk->rows, rows));
    const evtwin_status st = append_table(&chunk->states, states);
    if (st < 0) { /* to states of before: there were rows too */
        (void)evtwin_table_resize(chunk->rows, chunk->n);
    }
    return st;
}

static evtwin_status add_rows(evtwin__spool_cursor *c, int64_t at, const entry *e,
                              evtwin_table **rows, evtwin_table **states,
                              evtwin__spool_chunk *chunk) {
    const int64_t before = e->number - e->n_records;
    EVTWIN_TRY(at > before ? cut_front(rows, (size_t)(at - before)) : EVTWIN_OK);
    const size_t n = evtwin_table_rows(*rows);
    EVTWIN_TRY(make_room(c, n, chunk));
    EVTWIN_TRY(append_tables(rows, states, chunk));
    note_added(c, e, n, chunk);
    return EVTWIN_OK;
}

static evtwin_status add_letter(evtwin__spool_cursor *c, const entry *e,
                                evtwin__spool_chunk *chunk) {
    EVTWIN_TRY(make_room(c, 1, chunk));
    EVTWIN_TRY(evtwin__letter_list_add_bytes(&chunk->letters, e->data, e->size));
    note_added(c, e, 1, chunk);
    return EVTWIN_OK;
}

/* After a failure the chunk is as it was. DONE: it goes into the next one. */
static evtwin_status add_entry(evtwin__spool_cursor *c, int64_t at, const entry *e,
                               evtwin__spool_chunk *chunk) {
    if (c->kind == EVTWIN__SPOOL_LETTERS) {
        return add_letter(c, e, chunk);
    }
    evtwin_table *rows = NULL, *states = NULL;
    evtwin_status st = evtwin__spool_get_rows(e->data, e->size, &rows, &states);
    if (st >= 0 && evtwin_table_rows(rows) != (size_t)e->n_records) {
        st = evtwin__fail(EVTWIN_E_CORRUPT,
                          "entry %lld of the spool is damaged: its rows are not "
                          "as many as it says",
                          (long long)e->number);
    } else if (st >= 0 && chunk->rows != NULL && !is_alike(chunk->rows, rows)) {
        st = EVTWIN_DONE;
    } else if (st >= 0) {
        st = add_rows(c, at, e, &rows, &states, chunk);
    }
    evtwin_table_free(rows);
    evtwin_table_free(states);
    return st;
}

/* Is the chunk as large as it should get, with the next entry? */
static int is_full(const evtwin__spool_chunk *chunk, const entry *e, size_t max_rows) {
    return chunk->n > 0 && (chunk->n + (size_t)e->n_records > max_rows ||
                            chunk->letters.bytes.size + e->size > MAX_LETTER_BYTES);
}

/* Into the chunk, if it is not damaged. DONE: the chunk is full. */
static evtwin_status take_entry(evtwin__spool_cursor *c, size_t max_rows, int64_t at,
                                const entry *e, evtwin__spool_chunk *chunk, int *is_bad) {
    evtwin_status st = EVTWIN_E_CORRUPT;
    if (is_whole(c, e)) {
        st = is_full(chunk, e, max_rows) ? EVTWIN_DONE : add_entry(c, at, e, chunk);
    }
    *is_bad = st == EVTWIN_E_CORRUPT;
    return *is_bad ? EVTWIN_OK : st;
}

/* Its records begin behind that number: one that does not say how many it has, where the last ended
 * that was read. */
static int64_t before_entry(const entry *e, int64_t at) {
    return e->n_records > 0 && e->n_records <= e->number ? e->number - e->n_records : at;
}

/* One step on from *at: records that are missing are listed, or an entry goes into the chunk or is
 * set aside. Listing comes first and may fail: the chunk must hold nothing behind chunk->last.
 * DONE: there is no entry, or the chunk is full. */
static evtwin_status read_entry(evtwin__spool_cursor *c, size_t max_rows, int64_t *at,
                                evtwin__spool_chunk *chunk) {
    entry e;
    int is_bad = 0;
    evtwin_status st = next_entry(c, *at, &e);
    const int64_t before = before_entry(&e, *at);
    if (st == EVTWIN_OK && before <= *at) {
        st = take_entry(c, max_rows, *at, &e, chunk, &is_bad);
    }

    /* before the lock: whoever holds it may wait for all readers, to empty the log */
    evtwin__stmt_reset(c->next);
    if (st != EVTWIN_OK) {
        return st;
    }
    if (before > *at) {
        EVTWIN_TRY(check_gap_locked(c, *at + 1, before));
        *at = before;
        return EVTWIN_OK;
    }
    EVTWIN_TRY(is_bad ? set_aside_locked(c, e.number, e.number - before) : EVTWIN_OK);
    *at = chunk->last = e.number;
    return EVTWIN_OK;
}

static int64_t last_of(evtwin__spool_cursor *c) {
    pthread_mutex_lock(&c->spool->lock);
    const int64_t last = c->spool->last[c->kind];
    pthread_mutex_unlock(&c->spool->lock);
    return last;
}

static evtwin_status read_chunk(evtwin__spool_cursor *c, size_t max_rows,
                                evtwin__spool_chunk *chunk) {
    evtwin__spool_chunk_clear(chunk);
    c->n_flight = c->next_flight = 0;
    const int64_t last = last_of(c);
    int64_t at = c->number;
    evtwin_status st = EVTWIN_OK;
    while (st == EVTWIN_OK && chunk->n < max_rows) {
        st = read_entry(c, max_rows, &at, chunk);
    }
    if (st == EVTWIN_DONE && chunk->n == 0) {
        EVTWIN_TRY(check_gap_locked(c, at + 1, last));
        return EVTWIN_DONE;
    }
    if (st < 0 && chunk->n == 0) {
        evtwin__spool_chunk_clear(chunk);
        return st;
    }
    return EVTWIN_OK; /* a failure comes again, before anything else */
}

evtwin_status evtwin__spool_cursor_read(evtwin__spool_cursor *c, size_t max_rows,
                                        evtwin__spool_chunk *chunk) {
    /* nothing is dropped between its being read and its being held */
    const int is_exclusive = c->spool->options.when_full == EVTWIN_SPOOL_DROP_OLDEST;
    if (is_exclusive) {
        pthread_mutex_lock(&c->spool->lock);
    }
    const evtwin_status st = read_chunk(c, max_rows, chunk);
    pthread_mutex_lock(&c->spool->lock);
    c->held_to = st == EVTWIN_OK ? chunk->last : c->number;
    pthread_mutex_unlock(&c->spool->lock);
    if (is_exclusive) {
        pthread_mutex_unlock(&c->spool->lock);
    }
    return st;
}
