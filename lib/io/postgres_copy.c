/* SPDX-License-Identifier: MIT */
/* io/postgres_copy.c: send rows by COPY in its binary form. */

#include "io/postgres_conn.h"

#include "core/status.h"
#include "io/postgres_wire.h"

#include <assert.h>
#include <endian.h>
#include <libpq-fe.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 16 };

evtwin_status evtwin__pg_copy_begin(evtwin__pg *pg, const char *sql, const evtwin__pg_type *type,
                                    size_t n_columns) {
    evtwin__pg_result *rows = NULL;
    const evtwin_status st = evtwin__pg_copy_begin_after(pg, sql, type, n_columns, &rows);
    evtwin__pg_result_free(rows);
    return st;
}

evtwin_status evtwin__pg_copy_begin_after(evtwin__pg *pg, const char *sql,
                                          const evtwin__pg_type *type, size_t n_columns,
                                          evtwin__pg_result **rows_out) {
    static const char signature[] = "PGCOPY\n\377\r\n";
    PGresult *result = NULL, *rows = NULL;
    EVTWIN_TRY(evtwin__pg_check_ready(pg));
    EVTWIN_TRY(evtwin__pg_finish_rows(pg, PQsendQuery(pg->conn, sql), &rows, &result));
    const int is_copy = PQresultStatus(result) == PGRES_COPY_IN;
    PQclear(result);
    if (!is_copy) {
        PQclear(rows);
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s: not a COPY FROM STDIN", pg->target.name);
    }
    *rows_out = (evtwin__pg_result *)(void *)rows;
    evtwin__pg_copy *c = &pg->copy;
    c->buffer.size = 0;
    c->buffer.is_failed = 0;
    *c = (evtwin__pg_copy){
        .type = type, .n_columns = n_columns, .is_active = 1, .buffer = c->buffer};
    evtwin__text_add(&c->buffer, signature, sizeof signature); /* with its NUL */
    evtwin__pg_wire_int(&c->buffer, 0, 8);                     /* no flags, no extension */
    return EVTWIN_OK;
}

enum { ROOM = 12 /* for a value that is no text, with its size */ };

/* The size of a value and its last size bytes; returns where the next one goes. */
static char *put_value(char *to, int size, int64_t value) {
    const uint32_t n = htobe32((uint32_t)size);
    const uint64_t bytes = htobe64((uint64_t)value << (64 - 8 * size));
    memcpy(to, &n, 4);
    memcpy(to + 4, &bytes, 8);
    return to + 4 + size;
}

static char *put_null(char *to) {
    memset(to, 0xff, 4); /* a size of -1 */
    return to + 4;
}

static char *put_f64(char *to, double value) {
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isfinite(value) ? put_value(to, 8, bits) : put_null(to);
}

static char *put_i64(evtwin__pg_copy *c, evtwin__pg_type type, char *to, int64_t value) {
    switch (type) {
    case EVTWIN__PG_BOOL:
        return put_value(to, 1, value);
    case EVTWIN__PG_I16:
        c->is_out_of_range |= value < INT16_MIN || value > INT16_MAX;
        return put_value(to, 2, value);
    case EVTWIN__PG_I32:
        c->is_out_of_range |= value < INT32_MIN || value > INT32_MAX;
        return put_value(to, 4, value);
    case EVTWIN__PG_TIME:
        return put_value(to, 8, evtwin__pg_wire_time(value));
    default:
        return put_value(to, 8, value);
    }
}

/* Keeps the room for the values that follow; NULL when memory is out. */
static char *put_text(evtwin__text *buffer, char *to, const char *text, size_t room) {
    const size_t length = strlen(text);
    const uint32_t n = htobe32((uint32_t)length);
    buffer->size = (size_t)(to - buffer->data);
    to = evtwin__text_room(buffer, 4 + length + room);
    if (to != NULL) {
        memcpy(to, &n, 4);
        memcpy(to + 4, text, length);
    }
    return to != NULL ? to + 4 + length : NULL;
}

/* Room is made once, not for each value: a row has many. */
static void put_row(evtwin__pg_copy *c, const evtwin__value *value, const uint8_t *from) {
    const uint16_t n = htobe16((uint16_t)c->n_columns);
    const size_t room = ROOM * c->n_columns;
    char *to = evtwin__text_room(&c->buffer, sizeof n + room);
    if (to != NULL) {
        memcpy(to, &n, sizeof n);
        to += sizeof n;
    }
    for (size_t k = 0; k < c->n_columns && to != NULL; k++) {
        const evtwin__value *v = &value[from[k]];
        to = !v->is_present                  ? put_null(to)
             : c->type[k] == EVTWIN__PG_F64  ? put_f64(to, v->f64)
             : c->type[k] == EVTWIN__PG_TEXT ? put_text(&c->buffer, to, v->text, room)
                                             : put_i64(c, c->type[k], to, v->i64);
    }
    c->buffer.size = to != NULL ? (size_t)(to - c->buffer.data) : c->buffer.size;
}

/* Give libpq what has gathered. */
static evtwin_status hand_over(evtwin__pg *pg) {
    evtwin__text *buffer = &pg->copy.buffer;
    const int is_taken = PQputCopyData(pg->conn, buffer->data, (int)buffer->size) == 1;
    pg->n_sent += buffer->size;
    buffer->size = 0;
    return is_taken ? EVTWIN_OK : evtwin__pg_fail_lost(pg, NULL);
}

static evtwin_status send_copied(evtwin__pg *pg) {
    EVTWIN_TRY(hand_over(pg));
    return evtwin__pg_flush(pg);
}

evtwin_status evtwin__pg_copy_row(evtwin__pg *pg, const evtwin__value *value, const uint8_t *from) {
    evtwin__pg_copy *c = &pg->copy;
    EVTWIN_FAIL_IF(pg->conn == NULL, EVTWIN_E_AGAIN, "%s: is not connected", pg->target.name);
    assert(c->is_active);
    put_row(c, value, from);
    EVTWIN_FAIL_IF(c->buffer.is_failed, EVTWIN_E_NOMEM, "out of memory for rows to send");
    EVTWIN_FAIL_IF(c->is_out_of_range, EVTWIN_E_RANGE,
                   "%s: a number is too large for its integer column", pg->target.name);
    return c->buffer.size < CHUNK ? EVTWIN_OK : send_copied(pg);
}

static evtwin_status end_copy(evtwin__pg *pg, int is_good) {
    PGresult *result = NULL;
    if (is_good) {
        evtwin__pg_wire_int(&pg->copy.buffer, -1, 2);
        EVTWIN_FAIL_IF(pg->copy.buffer.is_failed, EVTWIN_E_NOMEM, "out of memory for rows to send");
        EVTWIN_TRY(hand_over(pg)); /* it goes with the end */
    }
    pg->copy.is_active = 0;
    const char *why = is_good ? NULL : "given up";
    const evtwin_status st = evtwin__pg_finish(pg, PQputCopyEnd(pg->conn, why) == 1, &result);
    PQclear(result);
    return st;
}

evtwin_status evtwin__pg_copy_end(evtwin__pg *pg, evtwin_status st) {
    if (st >= 0) {
        st = pg->conn != NULL
                 ? EVTWIN_OK
                 : evtwin__fail(EVTWIN_E_AGAIN, "%s: is not connected", pg->target.name);
        st = st >= 0 ? end_copy(pg, 1) : st;
        if (st < 0 && pg->conn != NULL && pg->copy.is_active) {
            evtwin__pg_disconnect(pg);
        }
        return st;
    }
    if (pg->conn != NULL && pg->copy.is_active) {
        char text[600], state[6];
        snprintf(text, sizeof text, "%s", evtwin_last_error());
        memcpy(state, pg->sqlstate, sizeof state);
        if (!evtwin__pg_is_over(pg)) {
            end_copy(pg, 0);
        } else {
            evtwin__pg_disconnect(pg);
        }
        memcpy(pg->sqlstate, state, sizeof state);
        return evtwin__fail(st, "%s", text);
    }
    return st;
}
