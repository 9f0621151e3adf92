/* SPDX-License-Identifier: MIT */
/* stream/spool_cursor.c: the delivering side of a spool: what comes next for a sink, and how far it
 * is. */

#include "stream/spool_inside.h"

#include "core/crash_site.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "stream/spool_codec.h"

#include <stdio.h>
#include <string.h>

/* ---- open ---- */

static evtwin_status set_last(evtwin_spool *spool, evtwin__spool_kind kind, int64_t number) {
    int64_t last[EVTWIN__SPOOL_KINDS];
    memcpy(last, spool->last, sizeof last);
    last[kind] = number;
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_SET_LAST];
    evtwin__stmt_bind_i64(stmt, 1, last[EVTWIN__SPOOL_ROWS]);
    evtwin__stmt_bind_i64(stmt, 2, last[EVTWIN__SPOOL_LETTERS]);
    return evtwin__stmt_run(stmt);
}

static evtwin_status open_cursor(evtwin_spool *spool, evtwin__spool_kind kind, const char *name,
                                 evtwin__spool_cursor **out) {
    evtwin__spool_cursor *c = evtwin__spool_find_cursor(spool, kind, name);
    EVTWIN_FAIL_IF(c != NULL && c->is_open, EVTWIN_E_ARG, "two sinks are %s", name);
    EVTWIN_TRY(c == NULL ? evtwin__spool_add_cursor(spool, kind, name, &c) : EVTWIN_OK);
    EVTWIN_TRY(c->db == NULL ? evtwin__spool_file_open_reader(&spool->file, kind, &c->db, &c->next)
                             : EVTWIN_OK);
    c->is_open = 1;
    *out = c;
    return EVTWIN_OK;
}

evtwin_status evtwin__spool_cursor_open(evtwin_spool *spool, evtwin__spool_kind kind,
                                        const char *name, evtwin__spool_cursor **out) {
    pthread_mutex_lock(&spool->lock);
    const evtwin_status st = open_cursor(spool, kind, name, out);
    pthread_mutex_unlock(&spool->lock);
    return st;
}

void evtwin__spool_cursor_close(evtwin__spool_cursor *c) {
    if (c != NULL) {
        pthread_mutex_lock(&c->spool->lock);
        c->is_open = 0;
        c->held_to = c->number;
        c->n_flight = c->next_flight = 0;
        pthread_mutex_unlock(&c->spool->lock);
    }
}

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

/* A damaged entry goes into a table of its own, for whoever wants to look at it. */
static evtwin_status set_aside(evtwin__spool_cursor *c, int64_t number, int64_t n_records) {
    evtwin_spool *spool = c->spool;
    evtwin__stmt *both[] = {spool->file.stmt[EVTWIN__SQL_SET_ASIDE + c->kind],
                            spool->file.stmt[EVTWIN__SQL_DELETE + c->kind]};
    EVTWIN_TRY(evtwin__spool_begin(spool, 1));
    evtwin_status st = evtwin__spool_lose_entry(spool, c->kind, number, n_records, "damaged");
    for (size_t i = 0; i < 2 && st >= 0; i++) {
        evtwin__stmt_bind_i64(both[i], 1, number);
        st = evtwin__stmt_run(both[i]);
    }
    EVTWIN_TRY(evtwin__spool_end(spool, st));
    spool->n_damaged += (uint64_t)n_records;
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
    evtwin__text_free(&chunk->data);
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

/* Remember what of an entry is on its way. */
static evtwin_status add_flight(evtwin__spool_cursor *c, int64_t done, const entry *e) {
    evtwin__spool_flight *grown = evtwin__realloc(c->flight, c->n_flight + 1, sizeof *c->flight);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for an entry");
    c->flight = grown;
    c->flight[c->n_flight++] = (evtwin__spool_flight){done, e->number, e->size};
    return EVTWIN_OK;
}

static evtwin_status add_rows(evtwin__spool_cursor *c, int64_t at, const entry *e,
                              evtwin_table **rows, evtwin_table **states,
                              evtwin__spool_chunk *chunk) {
    const int64_t before = e->number - e->n_records;
    EVTWIN_TRY(at > before ? cut_front(rows, (size_t)(at - before)) : EVTWIN_OK);
    const size_t n = evtwin_table_rows(*rows);
    int64_t *grown = evtwin__realloc(chunk->number, chunk->n + n, sizeof *chunk->number);
    EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", n);
    chunk->number = grown;
    EVTWIN_TRY(append_table(&chunk->states, states));
    EVTWIN_TRY(append_table(&chunk->rows, rows));
    for (size_t i = 0; i < n; i++) {
        chunk->number[chunk->n++] = e->number - (int64_t)(n - 1 - i);
    }
    return add_flight(c, at > before ? at : before, e);
}

/* DONE: it goes into the next chunk. */
static evtwin_status add_entry(evtwin__spool_cursor *c, int64_t at, const entry *e,
                               evtwin__spool_chunk *chunk) {
    if (c->kind == EVTWIN__SPOOL_LETTERS) {
        chunk->data.size = 0;
        evtwin__text_add(&chunk->data, e->data, e->size);
        EVTWIN_FAIL_IF(chunk->data.is_failed, EVTWIN_E_NOMEM, "out of memory for a letter");
        EVTWIN_TRY(evtwin__spool_get_letter(chunk->data.data, e->size, &chunk->letter));
        chunk->n = 1;
        return add_flight(c, e->number - 1, e);
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
static int is_full(const evtwin__spool_cursor *c, const evtwin__spool_chunk *chunk, const entry *e,
                   size_t max_rows) {
    return chunk->n > 0 &&
           (c->kind == EVTWIN__SPOOL_LETTERS || chunk->n + (size_t)e->n_records > max_rows);
}

/* The entry behind *at, into the chunk or set aside. DONE: none, or the chunk is full. */
static evtwin_status read_entry(evtwin__spool_cursor *c, size_t max_rows, int64_t *at,
                                evtwin__spool_chunk *chunk) {
    entry e;
    evtwin_status st = next_entry(c, *at, &e);
    const int is_there = st == EVTWIN_OK;
    int is_bad = is_there && !is_whole(c, &e);
    if (is_there && !is_bad && is_full(c, chunk, &e, max_rows)) {
        st = EVTWIN_DONE;
    } else if (is_there && !is_bad) {
        st = add_entry(c, *at, &e, chunk);
        is_bad = st == EVTWIN_E_CORRUPT;
    }
    evtwin__stmt_reset(c->next);
    if (st == EVTWIN_DONE || (st < 0 && !is_bad)) {
        return st;
    }
    const int is_counted = e.n_records > 0 && e.n_records <= e.number;
    const int64_t n = is_counted ? e.n_records : e.number - *at;
    EVTWIN_TRY(check_gap_locked(c, *at + 1, e.number - n));
    EVTWIN_TRY(is_bad ? set_aside_locked(c, e.number, n) : EVTWIN_OK);
    *at = e.number;
    chunk->last = e.number;
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
    const size_t n_rows = chunk->rows != NULL ? evtwin_table_rows(chunk->rows) : chunk->n;
    if (st < 0 && (chunk->n == 0 || n_rows != chunk->n)) {
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

/* ---- advance ---- */

/* What has arrived no longer waits. */
static void note_arrival(evtwin__spool_cursor *c, int64_t number) {
    while (c->next_flight < c->n_flight) {
        evtwin__spool_flight *f = &c->flight[c->next_flight];
        const int64_t to = number < f->last ? number : f->last;
        c->n_waiting -= to > f->done ? (uint64_t)(to - f->done) : 0;
        f->done = to > f->done ? to : f->done;
        if (f->done < f->last) {
            return;
        }
        c->bytes_waiting -= f->bytes;
        c->next_flight++;
    }
}

/* Some of the entries that every sink has. */
static evtwin_status clear_taken(evtwin__spool_cursor *c, int64_t number) {
    const evtwin_spool *spool = c->spool;
    for (size_t i = 0; i < spool->n_cursors; i++) {
        const evtwin__spool_cursor *other = spool->cursors[i];
        number =
            other != c && other->kind == c->kind && other->number < number ? other->number : number;
    }
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_CLEAR + c->kind];
    evtwin__stmt_bind_i64(stmt, 1, number);
    return evtwin__stmt_run(stmt);
}

static int wants_letters(const evtwin_spool *spool) {
    for (size_t i = 0; i < spool->n_cursors; i++) {
        if (spool->cursors[i]->kind == EVTWIN__SPOOL_LETTERS) {
            return 1;
        }
    }
    return 0;
}

/* A letter takes the place of the row that it is about, so it needs no room of its own. */
static evtwin_status put_letter(evtwin_spool *spool, const evtwin__text *bytes) {
    const evtwin__spool_entry e = {.last = spool->last[EVTWIN__SPOOL_LETTERS] + 1,
                                   .n = 1,
                                   .data = bytes->data,
                                   .size = bytes->size};
    EVTWIN_TRY(evtwin__spool_put(spool, EVTWIN__SPOOL_LETTERS, &e));
    return set_last(spool, EVTWIN__SPOOL_LETTERS, e.last);
}

static void note_letter(evtwin_spool *spool, size_t size) {
    spool->last[EVTWIN__SPOOL_LETTERS]++;
    for (size_t i = 0; i < spool->n_cursors; i++) {
        evtwin__spool_cursor *c = spool->cursors[i];
        if (c->kind == EVTWIN__SPOOL_LETTERS) {
            c->n_waiting++;
            c->bytes_waiting += size;
        }
    }
}

static evtwin_status advance(evtwin__spool_cursor *c, int64_t number, const evtwin__text *letter) {
    evtwin_spool *spool = c->spool;
    letter = wants_letters(spool) ? letter : NULL;

    /* after a power cut the cursor may be an older one: the sink is then given again what it has
     * already, as after a kill between its commit and this */
    EVTWIN_TRY(evtwin__spool_begin(spool, letter != NULL));
    evtwin_status st = evtwin__spool_set_cursor(spool, c->kind, c->name, number);
    st = st >= 0 && letter != NULL ? put_letter(spool, letter) : st;
    st = st >= 0 ? clear_taken(c, number) : st;
    EVTWIN__CRASH_SITE("spool.before_cursor");
    EVTWIN_TRY(evtwin__spool_end(spool, st));
    EVTWIN__CRASH_SITE("spool.after_cursor");
    c->number = number;
    c->held_to = c->held_to > number ? c->held_to : number;
    note_arrival(c, number);
    if (letter != NULL) {
        note_letter(spool, letter->size);
    }
    if (c->n_waiting == 0) {
        evtwin__spool_file_shrink(&spool->file);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__spool_cursor_advance(evtwin__spool_cursor *c, int64_t number,
                                           const evtwin_letter *letter) {
    evtwin__text bytes = {.data = NULL};
    if (letter != NULL) {
        evtwin__spool_put_letter(letter, &bytes);
    }
    evtwin_status st = EVTWIN_OK;
    pthread_mutex_lock(&c->spool->lock);
    if (bytes.is_failed) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a letter");
    } else if (number > c->number) {
        st = advance(c, number, letter != NULL ? &bytes : NULL);
    }
    pthread_mutex_unlock(&c->spool->lock);
    evtwin__text_free(&bytes);
    return st;
}

/* A number that was given since the spool was opened is not that which the sink has seen: the spool
 * was an older copy, and the new record falls to the number of another. */
static evtwin_status lose_taken(evtwin__spool_cursor *c, int64_t number) {
    const int64_t found = c->spool->found[c->kind], last = c->spool->last[c->kind];
    const int64_t before = c->number > found ? c->number : found;
    const int64_t to = number < last ? number : last;
    return before < to ? evtwin__spool_lose(c, before + 1, to, (uint64_t)(to - before),
                                            "the sink has others of these numbers")
                       : EVTWIN_OK;
}

/* A sink that is ahead of the spool has seen numbers that must not be given to other records. */
static evtwin_status skip(evtwin__spool_cursor *c, int64_t number) {
    evtwin_spool *spool = c->spool;
    const int64_t last = spool->last[c->kind];
    EVTWIN_TRY(evtwin__spool_begin(spool, 1));
    evtwin_status st = evtwin__spool_set_cursor(spool, c->kind, c->name, number);
    st = st >= 0 && number > last ? set_last(spool, c->kind, number) : st;
    st = st >= 0 ? lose_taken(c, number) : st;
    EVTWIN_TRY(evtwin__spool_end(spool, st));
    if (number > last) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: %s has records up to number %lld, the spool knows only %lld: it is an "
                    "older copy, or the disk lost what was on it; it goes on from there",
                    spool->file.folder, c->name, (long long)number, (long long)last);
        spool->last[c->kind] = number;
    }
    c->number = c->held_to = number;
    return evtwin__spool_count_waiting(c);
}

evtwin_status evtwin__spool_cursor_skip(evtwin__spool_cursor *c, const char *position) {
    int64_t number = 0;
    EVTWIN_FAIL_IF(!evtwin__parse_i64(position, strlen(position), &number) || number < 0,
                   EVTWIN_E_CORRUPT, "%s: its position \"%.60s\" in the spool is not a number",
                   c->name, position);
    pthread_mutex_lock(&c->spool->lock);
    const evtwin_status st = number > c->number ? skip(c, number) : EVTWIN_OK;
    pthread_mutex_unlock(&c->spool->lock);
    return st;
}

/* ---- counts ---- */

void evtwin__spool_cursor_get(evtwin__spool_cursor *c, evtwin__spool_cursor_state *out) {
    pthread_mutex_lock(&c->spool->lock);
    *out = (evtwin__spool_cursor_state){
        .n_waiting = c->n_waiting, .bytes_waiting = c->bytes_waiting, .n_lost = c->n_lost};
    if (c->n_waiting > 0) {
        evtwin__stmt *stmt = c->spool->file.stmt[EVTWIN__SQL_OLDEST + c->kind];
        evtwin__stmt_bind_i64(stmt, 1, c->number);
        if (evtwin__stmt_step(stmt) == EVTWIN_OK) {
            evtwin__stmt_i64(stmt, 2, &out->oldest_us);
        }
        evtwin__stmt_reset(stmt);
    }
    pthread_mutex_unlock(&c->spool->lock);
}

uint64_t evtwin__spool_cursor_losses(evtwin__spool_cursor *c, char *text, size_t text_size) {
    pthread_mutex_lock(&c->spool->lock);
    const evtwin__spool_lost said = c->said;
    c->said.n = 0;
    pthread_mutex_unlock(&c->spool->lock);
    if (said.n > 0) {
        snprintf(text, text_size, "%s: %s: %llu %s of numbers %lld to %lld", c->name, said.reason,
                 (unsigned long long)said.n, said.n == 1 ? "record" : "records",
                 (long long)said.first, (long long)said.last);
    }
    return said.n;
}
