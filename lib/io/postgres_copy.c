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
    *c = (evtwin__pg_copy){.type = type,
                           .n_columns = n_columns,
                           .col = n_columns,
                           .is_active = 1,
                           .buffer = c->buffer};
    evtwin__text_add(&c->buffer, signature, sizeof signature); /* with its NUL */
    evtwin__pg_wire_int(&c->buffer, 0, 8);                     /* no flags, no extension */
    return EVTWIN_OK;
}

/* The type of the next column; before the first one goes their number. */
static evtwin__pg_type next_column(evtwin__pg *pg) {
    evtwin__pg_copy *c = &pg->copy;
    if (c->col == c->n_columns) {
        c->col = 0;
        evtwin__pg_wire_int(&c->buffer, (int64_t)c->n_columns, 2);
    }
    return c->type[c->col++];
}

/* The size of a value and, if it is 1 to 8 bytes, the value: in one piece, since a row has many. */
static void put_value(evtwin__text *to, int32_t size, int64_t value) {
    char *room = evtwin__text_room(to, 12);
    if (room != NULL) {
        const uint32_t n = htobe32((uint32_t)size);
        memcpy(room, &n, 4);
        to->size += 4;
        if (size > 0) {
            const uint64_t bytes = htobe64((uint64_t)value << (64 - 8 * size));
            memcpy(room + 4, &bytes, 8);
            to->size += (size_t)size;
        }
    }
}

void evtwin__pg_copy_null(evtwin__pg *pg) {
    next_column(pg);
    put_value(&pg->copy.buffer, -1, 0);
}

void evtwin__pg_copy_f64(evtwin__pg *pg, double value) {
    int64_t bits;
    if (!isfinite(value)) {
        evtwin__pg_copy_null(pg);
        return;
    }
    next_column(pg);
    memcpy(&bits, &value, sizeof bits);
    put_value(&pg->copy.buffer, 8, bits);
}

void evtwin__pg_copy_i64(evtwin__pg *pg, int64_t value) {
    const evtwin__pg_type type = next_column(pg);
    const int size = type == EVTWIN__PG_BOOL  ? 1
                     : type == EVTWIN__PG_I16 ? 2
                     : type == EVTWIN__PG_I32 ? 4
                                              : 8;
    if (type == EVTWIN__PG_TIME) {
        value = evtwin__pg_wire_time(value);
    }
    pg->copy.is_out_of_range |= (size == 4 && (value < INT32_MIN || value > INT32_MAX)) ||
                                (size == 2 && (value < INT16_MIN || value > INT16_MAX));
    put_value(&pg->copy.buffer, size, value);
}

void evtwin__pg_copy_text(evtwin__pg *pg, const char *text) {
    if (text == NULL) {
        evtwin__pg_copy_null(pg);
        return;
    }
    const size_t length = strlen(text);
    next_column(pg);
    evtwin__pg_wire_int(&pg->copy.buffer, (int64_t)length, 4);
    evtwin__text_add(&pg->copy.buffer, text, length);
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

evtwin_status evtwin__pg_copy_row(evtwin__pg *pg) {
    evtwin__pg_copy *c = &pg->copy;
    EVTWIN_FAIL_IF(pg->conn == NULL, EVTWIN_E_AGAIN, "%s: is not connected", pg->target.name);
    assert(c->is_active && c->col == c->n_columns);
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
