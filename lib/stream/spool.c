/* SPDX-License-Identifier: MIT */
/* stream/spool.c: a durable queue on disk: open it, wait for changes, transactions and what is
 * lost. */

#include "stream/spool_inside.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"

#include <string.h>
#include <time.h>

static const uint64_t min_bytes = UINT64_C(1) << 20;

/* ---- open ---- */

evtwin_status evtwin_spool_options_init(evtwin_spool_options *options, size_t size) {
    const evtwin_spool_options defaults = {
        .size = sizeof defaults, .max_bytes = UINT64_C(1) << 30, .when_full = EVTWIN_SPOOL_BLOCK};
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

static void init_lock(evtwin_spool *spool) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&spool->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutexattr_t recursive; /* whoever reads under it may find what is to be set aside */
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&spool->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
}

evtwin_status evtwin__spool_know_cursor(evtwin_spool *spool, evtwin__spool_kind kind,
                                        const char *name, int64_t number,
                                        evtwin__spool_cursor **out) {
    evtwin__spool_cursor *c = evtwin__calloc(1, sizeof *c);
    char *copy = evtwin__strdup(name);
    evtwin__spool_cursor **grown =
        evtwin__realloc(spool->cursors, spool->n_cursors + 1, sizeof(evtwin__spool_cursor *));
    spool->cursors = grown != NULL ? grown : spool->cursors;
    if (c == NULL || copy == NULL || grown == NULL) {
        evtwin__free(c);
        evtwin__free(copy);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory for a sink", spool->file.folder);
    }
    *c = (evtwin__spool_cursor){
        .spool = spool, .kind = kind, .name = copy, .number = number, .held_to = number};
    spool->cursors[spool->n_cursors++] = c;
    *out = c;
    return evtwin__spool_count_waiting(c);
}

static evtwin_status load_cursors(evtwin_spool *spool) {
    evtwin__stmt *stmt = spool->file.stmt[EVTWIN__SQL_GET_CURSORS];
    evtwin_status st;
    while ((st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        int64_t kind = -1, number = -1;
        const char *name = evtwin__stmt_text(stmt, 1);
        if (!evtwin__stmt_i64(stmt, 0, &kind) || !evtwin__stmt_i64(stmt, 2, &number) || kind < 0 ||
            kind >= EVTWIN__SPOOL_KINDS || number < 0 || name == NULL) {
            st = evtwin__fail(EVTWIN_E_CORRUPT, "%s: a cursor is damaged", spool->file.path);
            break;
        }
        evtwin__spool_cursor *c;
        if ((st = evtwin__spool_know_cursor(spool, (evtwin__spool_kind)kind, name, number, &c)) <
            0) {
            break;
        }
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

static evtwin_status load(evtwin_spool *spool) {
    int64_t n_damaged = 0;
    evtwin__db *db = spool->file.db;
    EVTWIN_TRY(evtwin__db_query_i64(db, "SELECT last_rows FROM spool", 0,
                                    &spool->last[EVTWIN__SPOOL_ROWS]));
    EVTWIN_TRY(evtwin__db_query_i64(db, "SELECT last_letters FROM spool", 0,
                                    &spool->last[EVTWIN__SPOOL_LETTERS]));
    EVTWIN_TRY(
        evtwin__db_query_i64(db, "SELECT coalesce(sum(n_records), 0) FROM damaged", 0, &n_damaged));
    spool->n_damaged = (uint64_t)n_damaged;
    memcpy(spool->found, spool->last, sizeof spool->found);
    return load_cursors(spool);
}

evtwin_status evtwin_spool_open(const char *folder, const evtwin_spool_options *options,
                                evtwin_spool **out) {
    EVTWIN_FAIL_IF(folder == NULL || folder[0] == '\0' || out == NULL, EVTWIN_E_ARG,
                   "folder is NULL or empty, or out is NULL");
    evtwin_spool_options taken;
    evtwin_spool_options_init(&taken, sizeof taken);
    EVTWIN_TRY(evtwin__options_merge(&taken, sizeof taken, options, "evtwin_spool_options_init"));
    EVTWIN_FAIL_IF(taken.max_bytes < min_bytes || (unsigned)taken.when_full > 2, EVTWIN_E_ARG,
                   "%s: max_bytes is less than 1 MiB, or when_full is unknown", folder);
    evtwin_spool *spool = evtwin__calloc(1, sizeof *spool);
    EVTWIN_FAIL_IF(spool == NULL, EVTWIN_E_NOMEM, "%s: out of memory for a spool", folder);
    spool->options = taken;
    init_lock(spool);
    evtwin_status st =
        evtwin__spool_file_open(folder, taken.max_bytes, taken.read_only, &spool->file);
    if (st < 0 || (st = load(spool)) < 0) {
        evtwin_spool_free(spool);
        return st;
    }
    *out = spool;
    return EVTWIN_OK;
}

void evtwin__spool_free_cursor(evtwin__spool_cursor *c) {
    evtwin__stmt_free(c->next);
    evtwin__db_close(c->db);
    evtwin__free(c->flight);
    evtwin__free(c->name);
    evtwin__free(c);
}

void evtwin_spool_free(evtwin_spool *spool) {
    if (spool == NULL) {
        return;
    }
    for (size_t i = 0; i < spool->n_cursors; i++) {
        evtwin__spool_free_cursor(spool->cursors[i]);
    }
    evtwin__spool_file_close(&spool->file);
    pthread_cond_destroy(&spool->changed);
    pthread_mutex_destroy(&spool->lock);
    evtwin__free(spool->cursors);
    evtwin__free(spool);
}

const char *evtwin_spool_id(const evtwin_spool *spool) {
    return spool != NULL ? spool->file.id : "";
}

/* ---- wait for a change ---- */

uint64_t evtwin__spool_generation(evtwin_spool *spool) {
    pthread_mutex_lock(&spool->lock);
    const uint64_t generation = spool->generation;
    pthread_mutex_unlock(&spool->lock);
    return generation;
}

static void change(evtwin_spool *spool) {
    spool->generation++;
    pthread_cond_broadcast(&spool->changed);
}

void evtwin__spool_wake(evtwin_spool *spool) {
    pthread_mutex_lock(&spool->lock);
    change(spool);
    pthread_mutex_unlock(&spool->lock);
}

void evtwin__spool_wait(evtwin_spool *spool, uint64_t generation, double seconds) {
    const int64_t end_us = evtwin__monotonic_us() + (int64_t)(1e6 * seconds);
    const struct timespec end = {.tv_sec = (time_t)(end_us / 1000000),
                                 .tv_nsec = (long)(end_us % 1000000 * 1000)};
    pthread_mutex_lock(&spool->lock);
    int rc = 0;
    while (rc == 0 && spool->generation == generation) {
        rc = pthread_cond_timedwait(&spool->changed, &spool->lock, &end);
    }
    pthread_mutex_unlock(&spool->lock);
}

/* ---- transactions ---- */

evtwin_status evtwin__spool_begin(evtwin_spool *spool, int is_synced) {
    EVTWIN_FAIL_IF(spool->options.read_only, EVTWIN_E_STATE,
                   "%s: the spool is open for reading only", spool->file.folder);
    return evtwin__spool_file_begin(&spool->file, is_synced);
}

/* Losses count, and are said, once they are on record. */
static void apply_losses(evtwin__spool_cursor *c) {
    const evtwin__spool_lost *lost = &c->pending;
    if (lost->n > 0) {
        const int is_first = c->said.n == 0;
        c->said.first = is_first ? lost->first : c->said.first;
        c->said.last = lost->last;
        c->said.n += lost->n;
        c->said.reason = lost->reason;
        c->n_lost += lost->n;
    }
    c->pending.n = 0;
}

evtwin_status evtwin__spool_end(evtwin_spool *spool, evtwin_status st) {
    st = evtwin__db_end(spool->file.db, st);
    for (size_t i = 0; i < spool->n_cursors; i++) {
        evtwin__spool_cursor *c = spool->cursors[i];
        if (st >= 0) {
            apply_losses(c);
        }
        c->pending.n = 0;
    }
    change(spool);
    return st;
}

/* ---- losses ---- */

evtwin_status evtwin__spool_lose(evtwin__spool_cursor *c, int64_t first, int64_t last, uint64_t n,
                                 const char *reason) {
    evtwin__stmt *const *all = c->spool->file.stmt;
    evtwin__stmt *both[] = {all[EVTWIN__SQL_EXTEND_LOSS], all[EVTWIN__SQL_ADD_LOSS]};
    for (size_t i = 0; i < 2; i++) {
        evtwin__stmt_bind_i64(both[i], 1, c->kind);
        evtwin__stmt_bind_text(both[i], 2, c->name);
        evtwin__stmt_bind_i64(both[i], 3, first);
        evtwin__stmt_bind_i64(both[i], 4, last);
        evtwin__stmt_bind_i64(both[i], 5, (int64_t)n);
        evtwin__stmt_bind_text(both[i], 6, reason);
        EVTWIN_TRY(evtwin__stmt_run(both[i]));
        if (evtwin__db_changes(c->spool->file.db) > 0) {
            break; /* the row before ended where this begins */
        }
    }
    c->pending.first = c->pending.n == 0 ? first : c->pending.first;
    c->pending.last = last;
    c->pending.n += n;
    c->pending.reason = reason;
    return EVTWIN_OK;
}

evtwin_status evtwin__spool_lose_entry(evtwin_spool *spool, evtwin__spool_kind kind, int64_t number,
                                       int64_t n_records, const char *reason) {
    for (size_t i = 0; i < spool->n_cursors; i++) {
        evtwin__spool_cursor *c = spool->cursors[i];
        const int64_t before = number - n_records;
        const int64_t from = c->number > before ? c->number : before;
        if (c->kind == kind && from < number) {
            EVTWIN_TRY(evtwin__spool_lose(c, from + 1, number, (uint64_t)(number - from), reason));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__spool_count_waiting(evtwin__spool_cursor *c) {
    evtwin__stmt *stmt = c->spool->file.stmt[EVTWIN__SQL_WAITING + c->kind];
    evtwin__stmt_bind_i64(stmt, 1, c->number);
    const evtwin_status st = evtwin__stmt_step(stmt);
    int64_t n = 0, bytes = 0;
    if (st == EVTWIN_OK) {
        evtwin__stmt_i64(stmt, 0, &n);
        evtwin__stmt_i64(stmt, 1, &bytes);
        c->n_waiting = (uint64_t)n;
        c->bytes_waiting = (uint64_t)bytes;
    }
    evtwin__stmt_reset(stmt);
    return st < 0 ? st : EVTWIN_OK;
}
