/* SPDX-License-Identifier: MIT */
/* spool_cursors.h: rows of a spool as its sinks take them, and SQL on its database. */
#ifndef EVTWIN_TEST_SPOOL_CURSORS_H
#define EVTWIN_TEST_SPOOL_CURSORS_H

#include "spool_rows.h"

#include "stream/spool.h"

#include <sqlite3.h>

enum { MIB = 1 << 20 };

static inline evtwin__spool_cursor *cursor_of(evtwin_spool *spool, const char *name) {
    evtwin__spool_cursor *c = NULL;
    assert_ok(evtwin__spool_cursor_open(spool, EVTWIN__SPOOL_ROWS, name, &c));
    return c;
}

/* Take what waits and check that it is rows from..to; their number. */
static inline size_t take_all(evtwin__spool_cursor *c, int64_t from, int64_t to) {
    evtwin__spool_chunk chunk = {.n = 0};
    size_t n = 0;
    evtwin_status st;
    while ((st = evtwin__spool_cursor_read(c, 100, &chunk)) == EVTWIN_OK) {
        for (size_t i = 0; i < chunk.n; i++, n++) {
            assert_int_equal(seq_of(chunk.rows, i), from + (int64_t)n);
        }
        assert_ok(evtwin__spool_cursor_advance(c, chunk.last, NULL));
    }
    assert_int_equal(st, EVTWIN_DONE);
    assert_int_equal(n, to - from + 1);
    evtwin__spool_chunk_clear(&chunk);
    return n;
}

static inline uint64_t waiting(evtwin__spool_cursor *c) {
    evtwin__spool_cursor_state state;
    evtwin__spool_cursor_get(c, &state);
    assert_int_equal(state.n_waiting > 0, state.bytes_waiting > 0);
    assert_int_equal(state.n_waiting > 0, state.oldest_us > 0);
    return state.n_waiting;
}

static inline void run_spool_sql(const char *dir, const char *sql) {
    char path[300];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/spool.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

#endif
