/* SPDX-License-Identifier: MIT */
/* stream/spool_cursor.c: how far a sink of a spool is. */

#include "stream/spool_inside.h"

#include "core/crash_site.h"
#include "core/num.h"
#include "core/status.h"
#include "stream/spool_codec.h"

#include <stdio.h>
#include <string.h>

/* ---- open ---- */

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

static evtwin_status put_letter(evtwin_spool *spool, const evtwin__text *bytes) {
    const evtwin__spool_entry e = {.last = spool->last[EVTWIN__SPOOL_LETTERS] + 1,
                                   .n = 1,
                                   .data = bytes->data,
                                   .size = bytes->size};
    EVTWIN_TRY(evtwin__spool_put(spool, EVTWIN__SPOOL_LETTERS, &e));
    return evtwin__spool_set_last(spool, EVTWIN__SPOOL_LETTERS, e.last);
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
    letter = evtwin__spool_has_cursor(spool, EVTWIN__SPOOL_LETTERS) ? letter : NULL;
    EVTWIN_TRY(letter != NULL ? evtwin__spool_check_letter(spool, letter->size) : EVTWIN_OK);

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
    evtwin__spool_file_keep_log(&spool->file);
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
    st = st >= 0 && number > last ? evtwin__spool_set_last(spool, c->kind, number) : st;
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
