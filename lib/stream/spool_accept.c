/* SPDX-License-Identifier: MIT */
/* stream/spool_accept.c: records into a spool, once each, as long as there is room; what is dropped
 * where there is none. */

#include "stream/spool_inside.h"

#include "core/crash_site.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/status.h"
#include "stream/spool_codec.h"

#include <string.h>

/* SQLite's limit on a value, as io/sqlite.c sets it, less what is around the rows. */
enum { MAX_ENTRY_BYTES = 900000, MAX_ENTRY_ROWS = 4096 };

/* ---- room ---- */

/* What is read and not yet delivered is on its way to a sink: it may arrive, so it is not dropped.
 */
static int is_on_its_way(const evtwin_spool *spool, evtwin__spool_kind kind, int64_t number,
                         int64_t n_records) {
    for (size_t i = 0; i < spool->n_cursors; i++) {
        const evtwin__spool_cursor *c = spool->cursors[i];
        if (c->kind == kind && c->is_open && number > c->number &&
            number - n_records < c->held_to) {
            return 1;
        }
    }
    return 0;
}

/* The oldest entry behind number *at that may be dropped; *at is then its number. */
static evtwin_status find_oldest(evtwin_spool *spool, evtwin__spool_kind kind, int64_t *at,
                                 int64_t *n_records) {
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_OLDEST + kind];
    evtwin_status st;
    int is_held;
    do {
        evtwin__stmt_bind_i64(stmt, 1, *at);
        st = evtwin__stmt_step(stmt);
        is_held = st == EVTWIN_OK && evtwin__stmt_i64(stmt, 0, at) &&
                  evtwin__stmt_i64(stmt, 1, n_records) &&
                  is_on_its_way(spool, kind, *at, *n_records);
        evtwin__stmt_reset(stmt);
    } while (is_held);
    return st;
}

static evtwin_status drop_oldest(evtwin_spool *spool, evtwin__spool_kind kind, int64_t *at) {
    int64_t n_records = 0;
    const evtwin_status st = find_oldest(spool, kind, at, &n_records);
    if (st != EVTWIN_OK) {
        return st;
    }
    EVTWIN_TRY(evtwin__spool_lose_entry(spool, kind, *at, n_records, "dropped: spool full"));
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_DELETE + kind];
    evtwin__stmt_bind_i64(stmt, 1, *at);
    return evtwin__stmt_run(stmt);
}

static const char *slowest_sink(const evtwin_spool *spool) {
    const evtwin__spool_cursor *slowest = NULL;
    for (size_t i = 0; i < spool->n_cursors; i++) {
        const evtwin__spool_cursor *c = spool->cursors[i];
        slowest = slowest == NULL || c->bytes_waiting > slowest->bytes_waiting ? c : slowest;
    }
    return slowest != NULL ? slowest->name : "a sink";
}

static evtwin_status fail_full(evtwin_spool *spool) {
    spool->n_refused_full++;
    EVTWIN_FAIL(EVTWIN_E_AGAIN,
                "%s: spool full (limit %llu KiB): nothing is accepted until %s has taken some of "
                "what waits",
                spool->file.folder, (unsigned long long)spool->options.max_bytes >> 10,
                slowest_sink(spool));
}

/* Does so much more fit, itself and once more in the log? */
static evtwin_status fits(evtwin_spool *spool, uint64_t need, int *fits_out) {
    evtwin__spool_bytes bytes;
    EVTWIN_TRY(evtwin__spool_file_bytes(&spool->file, &bytes));
    *fits_out = bytes.used + evtwin__spool_log_reserve(&spool->file, &bytes) + 2 * need <=
                spool->options.max_bytes;
    return EVTWIN_OK;
}

/* Entries that are deleted leave pages in the file: with these it may be too large for what the log
 * needs now. */
static evtwin_status squeeze(evtwin_spool *spool, uint64_t need) {
    evtwin_status st = EVTWIN_OK;
    while (st == EVTWIN_OK) {
        evtwin__spool_bytes bytes;
        EVTWIN_TRY(evtwin__spool_file_bytes(&spool->file, &bytes));
        const uint64_t log = evtwin__spool_log_reserve(&spool->file, &bytes);
        const int is_small = bytes.used + bytes.free + log + need <= spool->options.max_bytes;
        st = is_small ? EVTWIN_DONE : evtwin__spool_file_squeeze(&spool->file);
    }
    return st < 0 ? st : EVTWIN_OK;
}

/* Outside a transaction: is there room as it is? The log may take what could be had. */
static evtwin_status look_for_room(evtwin_spool *spool, uint64_t need, int *has_room) {
    const uint64_t max_bytes = spool->options.max_bytes;
    EVTWIN_FAIL_IF(2 * need + max_bytes / 8 > max_bytes, EVTWIN_E_RANGE,
                   "%s: a batch of %llu KiB does not fit in a spool of %llu KiB: use smaller "
                   "batches or a larger spool",
                   spool->file.folder, (unsigned long long)need >> 10,
                   (unsigned long long)max_bytes >> 10);
    EVTWIN_TRY(fits(spool, need, has_room));
    if (!*has_room) {
        evtwin__spool_file_checkpoint(&spool->file);
        EVTWIN_TRY(fits(spool, need, has_room));
    }
    return *has_room ? squeeze(spool, need) : EVTWIN_OK;
}

/* Passing a refused record over is what makes room, so its letter may need some that there is not:
 * a share, which depends on nobody but the sink of letters. */
evtwin_status evtwin__spool_check_letter(evtwin_spool *spool, size_t size) {
    const uint64_t share = spool->options.max_bytes / 16;
    int has_room = 0;
    EVTWIN_TRY(fits(spool, size, &has_room));
    for (size_t i = 0; i < spool->n_cursors && !has_room; i++) {
        const evtwin__spool_cursor *c = spool->cursors[i];
        EVTWIN_FAIL_IF(c->kind == EVTWIN__SPOOL_LETTERS && c->bytes_waiting > share, EVTWIN_E_AGAIN,
                       "%s: spool full (limit %llu KiB): a record was refused, and its letter "
                       "waits until %s has taken some",
                       spool->file.folder, (unsigned long long)spool->options.max_bytes >> 10,
                       c->name);
    }
    return EVTWIN_OK;
}

/* In the transaction: drop as many of the oldest as it takes. */
static evtwin_status drop_for_room(evtwin_spool *spool, evtwin__spool_kind kind, uint64_t need) {
    int64_t at = 0;
    for (;;) {
        int has_room = 0;
        EVTWIN_TRY(fits(spool, need, &has_room));
        if (has_room) {
            return EVTWIN_OK;
        }
        const evtwin_status st = drop_oldest(spool, kind, &at);
        if (st != EVTWIN_OK) {
            return st < 0 ? st : fail_full(spool);
        }
    }
}

/* ---- accept ---- */

/* FNV-1a changes with every byte that does; it is not meant against somebody who forges. */
uint64_t evtwin__spool_entry_hash(evtwin__spool_kind kind, int64_t number, int64_t n_records,
                                  int64_t accepted_us, const void *data, size_t size) {
    const int64_t head[] = {kind, number, n_records, accepted_us};
    uint64_t hash = EVTWIN__HASH_BEGIN;
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
        for (size_t shift = 0; shift < 64; shift += 8) {
            const unsigned char byte = (unsigned char)((uint64_t)head[i] >> shift);
            hash = evtwin__hash(hash, &byte, 1);
        }
    }
    return evtwin__hash(hash, data, size);
}

evtwin_status evtwin__spool_put(evtwin_spool *spool, evtwin__spool_kind kind,
                                const evtwin__spool_entry *e) {
    const int64_t now_us = evtwin_time_now();
    const uint64_t hash =
        evtwin__spool_entry_hash(kind, e->last, (int64_t)e->n, now_us, e->data, e->size);
    evtwin__stmt *insert = spool->file.stmt[EVTWIN__SQL_INSERT + kind];
    evtwin__stmt_bind_i64(insert, 1, e->last);
    evtwin__stmt_bind_i64(insert, 2, (int64_t)e->n);
    evtwin__stmt_bind_i64(insert, 3, now_us);
    evtwin__stmt_bind_i64(insert, 4, (int64_t)hash);
    evtwin__stmt_bind_blob(insert, 5, e->data, e->size);
    return evtwin__stmt_run(insert);
}

evtwin_status evtwin__spool_set_last(evtwin_spool *spool, evtwin__spool_kind kind, int64_t number) {
    int64_t last[EVTWIN__SPOOL_KINDS];
    memcpy(last, spool->last, sizeof last);
    last[kind] = number;
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_SET_LAST];
    evtwin__stmt_bind_i64(stmt, 1, last[EVTWIN__SPOOL_ROWS]);
    evtwin__stmt_bind_i64(stmt, 2, last[EVTWIN__SPOOL_LETTERS]);
    return evtwin__stmt_run(stmt);
}

/* What is accepted in one transaction. */
typedef struct delivery {
    evtwin__spool_kind kind;
    evtwin__spool_entry *entries; /* (n_entries), their data being one behind the other in data */
    size_t n_entries, n_records;
    const char *data; /* (size) */
    size_t size;
    const char *source, *position; /* NULL = leave it */
    const evtwin_table *states;
} delivery;

/* Cut a batch into entries, each with its share of the states. */
static evtwin_status encode(const evtwin_batch *batch, evtwin__text *bytes, delivery *d) {
    const size_t n = evtwin_table_rows(batch->rows);
    const size_t n_states = batch->states != NULL ? evtwin_table_rows(batch->states) : 0;
    size_t step = n < MAX_ENTRY_ROWS ? n : MAX_ENTRY_ROWS;
    for (size_t first = 0; first < n;) {
        const size_t end = n - first < step ? n : first + step;
        const size_t state = n_states * first / n, state_end = n_states * end / n;
        const size_t at = bytes->size;
        evtwin__spool_entry *grown =
            evtwin__realloc(d->entries, d->n_entries + 1, sizeof *d->entries);
        d->entries = grown != NULL ? grown : d->entries;
        evtwin__spool_put_rows(batch->rows, first, end - first, batch->states, state,
                               state_end - state, bytes);
        EVTWIN_FAIL_IF(grown == NULL || bytes->is_failed, EVTWIN_E_NOMEM,
                       "out of memory for %zu rows", n);
        const size_t size = bytes->size - at;
        if (size > MAX_ENTRY_BYTES) {
            EVTWIN_FAIL_IF(step == 1, EVTWIN_E_RANGE, "row %zu takes %zu bytes, more than %d",
                           first, size, MAX_ENTRY_BYTES);
            step /= 2;
            bytes->size = at;
            continue;
        }
        d->entries[d->n_entries++] = (evtwin__spool_entry){.n = end - first, .size = size};
        first = end;
    }
    d->n_records = n;
    d->data = bytes->data;
    d->size = bytes->size;
    return EVTWIN_OK;
}

static evtwin_status put_entries(evtwin_spool *spool, delivery *d) {
    int64_t last = spool->last[d->kind];
    const char *data = d->data;
    for (size_t i = 0; i < d->n_entries; i++) {
        evtwin__spool_entry *e = &d->entries[i];
        last += (int64_t)e->n;
        e->last = last;
        e->data = data;
        EVTWIN_TRY(evtwin__spool_put(spool, d->kind, e));
        data += e->size;
    }
    return EVTWIN_OK;
}

static evtwin_status put_states(evtwin_spool *spool, const evtwin_table *states) {
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_SET_STATE];
    const size_t n = states != NULL ? evtwin_table_rows(states) : 0;
    const size_t id = n > 0 ? evtwin_table_find(states, "battery_id") : 0;
    const size_t time = n > 0 ? evtwin_table_find(states, "time") : 0;
    const size_t seq = n > 0 ? evtwin_table_find(states, "seq") : 0;
    const size_t state = n > 0 ? evtwin_table_find(states, "state") : 0;
    for (size_t row = 0; row < n; row++) {
        evtwin__stmt_bind_text(stmt, 1, evtwin_table_text(states, id, row));
        evtwin__stmt_bind_null(stmt, 2);
        evtwin__stmt_bind_null(stmt, 3);
        if (evtwin_table_is_valid(states, time, row) && evtwin_table_i64(states, time) != NULL) {
            evtwin__stmt_bind_i64(stmt, 2, evtwin_table_i64(states, time)[row]);
        }
        if (evtwin_table_is_valid(states, seq, row) && evtwin_table_i64(states, seq) != NULL) {
            evtwin__stmt_bind_i64(stmt, 3, evtwin_table_i64(states, seq)[row]);
        }
        evtwin__stmt_bind_text(stmt, 4, evtwin_table_text(states, state, row));
        EVTWIN_TRY(evtwin__stmt_run(stmt));
    }
    return EVTWIN_OK;
}

static evtwin_status put_position(evtwin_spool *spool, const delivery *d) {
    if (d->source == NULL || d->position == NULL || d->source[0] == '\0' ||
        d->position[0] == '\0') {
        return EVTWIN_OK;
    }
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_SET_SOURCE];
    evtwin__stmt_bind_text(stmt, 1, d->source);
    evtwin__stmt_bind_text(stmt, 2, d->position);
    return evtwin__stmt_run(stmt);
}

/* All of one transaction but its end. */
static evtwin_status put_all(evtwin_spool *spool, delivery *d, int is_dropped) {
    if (is_dropped) {
        const int64_t last = spool->last[d->kind] + (int64_t)d->n_records;
        EVTWIN_TRY(evtwin__spool_lose_entry(spool, d->kind, last, (int64_t)d->n_records,
                                            "dropped: spool full"));
    } else {
        EVTWIN_TRY(put_entries(spool, d));
    }
    EVTWIN_TRY(put_states(spool, d->states));
    EVTWIN_TRY(put_position(spool, d));
    return d->n_records > 0 ? evtwin__spool_set_last(spool, d->kind,
                                                     spool->last[d->kind] + (int64_t)d->n_records)
                            : EVTWIN_OK;
}

/* What waits after a commit. */
static void note_accepted(evtwin_spool *spool, const delivery *d, int has_dropped, int is_dropped) {
    spool->last[d->kind] += (int64_t)d->n_records;
    for (size_t i = 0; i < spool->n_cursors; i++) {
        evtwin__spool_cursor *c = spool->cursors[i];
        if (c->kind == d->kind && has_dropped) {
            (void)evtwin__spool_count_waiting(c);
        } else if (c->kind == d->kind && !is_dropped) {
            c->n_waiting += d->n_records;
            c->bytes_waiting += d->size;
        }
    }
}

/* At most: small entries share pages, a large one ends in a page of its own. */
static uint64_t room_for(const delivery *d) {
    enum { AROUND = 48, MOST_OF_PAGE = EVTWIN__SPOOL_PAGE_BYTES - 64 };
    uint64_t bytes = 4 * EVTWIN__SPOOL_PAGE_BYTES;
    for (size_t i = 0; i < d->n_entries; i++) {
        const size_t size = d->entries[i].size + AROUND;
        bytes += size < MOST_OF_PAGE ? EVTWIN__SPOOL_PAGE_BYTES / (MOST_OF_PAGE / size)
                                     : size + EVTWIN__SPOOL_PAGE_BYTES;
    }
    return bytes;
}

static evtwin_status accept(evtwin_spool *spool, delivery *d) {
    const evtwin_spool_full policy = spool->options.when_full;
    const uint64_t need = room_for(d);
    int has_room = 0;
    EVTWIN_TRY(look_for_room(spool, need, &has_room));
    const int is_dropped =
        !has_room && policy == EVTWIN_SPOOL_DROP_NEWEST && evtwin__spool_has_cursor(spool, d->kind);
    const int drops = !has_room && policy == EVTWIN_SPOOL_DROP_OLDEST;
    if (!has_room && !is_dropped && !drops) {
        return fail_full(spool);
    }
    EVTWIN_TRY(evtwin__spool_begin(spool, 1));
    evtwin_status st = drops ? drop_for_room(spool, d->kind, need) : EVTWIN_OK;
    st = st >= 0 ? put_all(spool, d, is_dropped) : st;
    EVTWIN__CRASH_SITE("spool.before_commit");
    st = evtwin__spool_end(spool, st);
    EVTWIN__CRASH_SITE("spool.after_commit");
    evtwin__spool_file_note_log(&spool->file);
    if (st >= 0) {
        note_accepted(spool, d, drops, is_dropped);
    }
    return st;
}

static evtwin_status accept_locked(evtwin_spool *spool, delivery *d) {
    pthread_mutex_lock(&spool->lock);
    const evtwin_status st = accept(spool, d);
    pthread_mutex_unlock(&spool->lock);
    return st;
}

evtwin_status evtwin_spool_append(evtwin_spool *spool, const evtwin_batch *batch) {
    EVTWIN_FAIL_IF(spool == NULL || batch == NULL || batch->rows == NULL, EVTWIN_E_ARG,
                   "spool, batch or its rows are NULL");
    evtwin_batch taken = {.size = 0};
    evtwin__options_copy(&taken, sizeof taken, batch, batch->size);
    delivery d = {.kind = EVTWIN__SPOOL_ROWS,
                  .source = taken.source,
                  .position = taken.position,
                  .states = taken.states};
    evtwin__text bytes = {.data = NULL};
    evtwin_status st = encode(&taken, &bytes, &d);
    st = st >= 0 ? accept_locked(spool, &d) : st;
    evtwin__text_free(&bytes);
    evtwin__free(d.entries);
    return st;
}

evtwin_status evtwin__spool_append_letters(evtwin_spool *spool, const evtwin__letter_list *letters,
                                           const char *source, const char *position) {
    delivery d = {.kind = EVTWIN__SPOOL_LETTERS,
                  .n_entries = letters->n,
                  .n_records = letters->n,
                  .data = letters->bytes.data,
                  .size = letters->bytes.size,
                  .source = source,
                  .position = position};
    d.entries = evtwin__calloc(letters->n, sizeof *d.entries);
    EVTWIN_FAIL_IF(d.entries == NULL, EVTWIN_E_NOMEM, "%s: out of memory for %zu letters",
                   spool->file.folder, letters->n);
    for (size_t i = 0; i < letters->n; i++) {
        d.entries[i] = (evtwin__spool_entry){.n = 1, .size = letters->size[i]};
    }
    const evtwin_status st = accept_locked(spool, &d);
    evtwin__free(d.entries);
    return st;
}
