/* SPDX-License-Identifier: MIT */
/* store/store_postgres_lock.c: one writer for each battery. A handle has a number, whose advisory
 * lock its session holds; ev_writer says which number writes a battery. Who is gone holds no lock,
 * and its batteries go to whoever asks next. */

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "store/store_postgres_writing.h"

#include <string.h>
#include <time.h>

/* The first of the two keys of our advisory locks, which are of the database: what tells the stores
 * in its schemas apart. The second is the number. */
#define LOCK_CLASS "'ev_writer'::regclass::oid"

static const int64_t last_moment_us = 1000000;

/* In a new session the handle gets a new number: the lock of the old one may be held for a while by
 * a session that the server does not know to be dead. */
static evtwin_status take_number(postgres_store *s) {
    int64_t number = 0, is_locked = 0;
    if (s->writer.session == evtwin__pg_session(s->pg) && s->writer.number != 0) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__pg_query_i64(s->pg, "SELECT nextval('ev_writer_number')", NULL, 0, &number));
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_i64(&params, number);
    const evtwin_status st =
        evtwin__pg_query_i64(s->pg,
                             "SELECT pg_try_advisory_lock(" LOCK_CLASS
                             "::bigint::bit(32)::int, $1::bigint::int)::int::bigint",
                             &params, 0, &is_locked);
    evtwin__pg_params_free(&params);
    EVTWIN_TRY(st);
    EVTWIN_FAIL_IF(!is_locked, EVTWIN_E_AGAIN, "%s: the number of a new writer is taken",
                   evtwin__pg_name(s->pg));
    s->writer.before = s->writer.held.n > 0 ? s->writer.number : s->writer.before;
    s->writer.number = number;
    s->writer.session = evtwin__pg_session(s->pg);
    evtwin__dict_free(&s->writer.held);
    return EVTWIN_OK;
}

/* The battery ids that are not held yet, as $1. */
static evtwin_status find_new(postgres_store *s, const evtwin__binding *rows,
                              evtwin__pg_params *ids, size_t *n_out) {
    const size_t col = rows->bound[EVTWIN__Q_BATTERY_ID].col;
    const int32_t *code = evtwin_table_codes(rows->table, col);
    const size_t array = evtwin__pg_add_array(ids, EVTWIN__PG_TEXT);
    char *is_seen = evtwin__calloc(evtwin_table_dict_size(rows->table, col) + 1, 1);
    EVTWIN_FAIL_IF(is_seen == NULL, EVTWIN_E_NOMEM, "out of memory for batteries");
    for (size_t i = 0; i < rows->rows; i++) {
        if (is_seen[code[i]]) {
            continue;
        }
        is_seen[code[i]] = 1;
        const char *id = evtwin_table_text(rows->table, col, i);
        if (evtwin__dict_find(&s->writer.held, id, strlen(id)) < 0) {
            evtwin__pg_push_text(ids, array, id);
            (*n_out)++;
        }
    }
    evtwin__free(is_seen);
    return EVTWIN_OK;
}

/* Take what nobody has, what was ours in an older session, and what those have who are gone. Of two
 * that take the same one the second waits, and then finds the first. */
static const char take_sql[] =
    "INSERT INTO ev_writer AS w (battery_id, writer)"
    " SELECT id, $2::bigint FROM unnest($1::text[]) AS u (id) ORDER BY id"
    " ON CONFLICT (battery_id) DO UPDATE SET writer = excluded.writer"
    " WHERE w.writer IN ($2::bigint, $3::bigint) OR NOT EXISTS (SELECT 1 FROM pg_locks AS l"
    " WHERE l.locktype = 'advisory' AND l.classid = " LOCK_CLASS " AND l.objid::bigint = w.writer"
    " AND l.objsubid = 2 AND l.granted AND l.database = (SELECT d.oid FROM pg_database AS d"
    " WHERE d.datname = current_database())) RETURNING battery_id";

/* The first of the ids that was not given. */
static const char missing_sql[] =
    "SELECT id FROM unnest($1::text[]) AS u (id) WHERE NOT EXISTS (SELECT 1 FROM ev_writer AS w"
    " WHERE w.battery_id = id AND w.writer = $2::bigint) ORDER BY id LIMIT 1";

static evtwin_status fail_busy(postgres_store *s, evtwin__pg_params *params) {
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_query(s->pg, missing_sql, params, &result));
    const char *id = evtwin__pg_rows(result) > 0 ? evtwin__pg_text(result, 0, 0) : "?";
    const evtwin_status st = evtwin__fail(
        EVTWIN_E_BUSY,
        "%s: battery %s is held by another process: stop that one, or write another battery",
        evtwin__pg_name(s->pg), id);
    evtwin__pg_result_free(result);
    return st;
}

static evtwin_status remember(postgres_store *s, const evtwin__pg_result *result) {
    for (size_t i = 0; i < evtwin__pg_rows(result); i++) {
        const char *id = evtwin__pg_text(result, i, 0);
        int32_t code;
        /* one that is not remembered is taken again, which is no harm */
        EVTWIN_TRY(evtwin__dict_intern(&s->writer.held, id, strlen(id), &code));
    }
    return EVTWIN_OK;
}

/* All of them or none, within a transaction. */
static evtwin_status take(postgres_store *s, evtwin__pg_params *params, size_t n,
                          evtwin__pg_result **out) {
    params->n = 3;
    EVTWIN_TRY(evtwin__pg_query(s->pg, take_sql, params, out));
    if (evtwin__pg_rows(*out) == n) {
        return EVTWIN_OK;
    }
    params->n = 2; /* without the older number */
    return fail_busy(s, params);
}

static evtwin_status take_once(postgres_store *s, evtwin__pg_params *params, size_t n) {
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_begin(s->pg, ""));
    evtwin_status st = evtwin__pg_end(s->pg, take(s, params, n, &result));
    if (st >= 0) {
        st = remember(s, result);
    }
    evtwin__pg_result_free(result);
    params->n = 3;
    return st;
}

/* Somebody who has just gone, killed perhaps, may still have a session for a moment. */
static evtwin_status take_patiently(postgres_store *s, evtwin__pg_params *params, size_t n) {
    const int64_t end_us = evtwin__monotonic_us() + last_moment_us;
    evtwin_status st;
    while ((st = take_once(s, params, n)) == EVTWIN_E_BUSY && evtwin__monotonic_us() < end_us) {
        const struct timespec pause = {.tv_nsec = 50 * 1000000};
        nanosleep(&pause, NULL);
    }
    return st;
}

evtwin_status evtwin__postgres_lock_batteries(postgres_store *s, const evtwin__rows *rows) {
    evtwin__pg_params params = {.n = 0};
    EVTWIN_TRY(take_number(s));
    size_t n = 0;
    evtwin_status st = find_new(s, &rows->binding, &params, &n);
    evtwin__pg_add_i64(&params, s->writer.number);
    evtwin__pg_add_i64(&params, s->writer.before);
    st = st >= 0 && n > 0 ? take_patiently(s, &params, n) : st;
    evtwin__pg_params_free(&params);
    return st;
}
