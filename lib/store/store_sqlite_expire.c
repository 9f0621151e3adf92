/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_expire.c: delete what is past the retention, in small transactions. */

#include "core/status.h"
#include "store/store_sqlite.h"

#include <string.h>

/* A sweep visits the batteries in id order and, in each, the rows older than the cutoff in time
 * order; what also arrived before the cutoff is deleted. (An old data set that was loaded today has
 * old times and stays its retention from today.) It goes in chunks of visited rows, each a
 * transaction of its own, so that no writer waits long; where it is stands in sqlite_place. */

/* The wall clock may be wrong today, and may have been when a row was stored; that a row has been
 * here for so long, the store's own clock says. EVTWIN_DONE if none has. */
static evtwin_status start(evtwin_store *store, evtwin__sweep *sweep) {
    sqlite_store *s = (sqlite_store *)store;
    const double keep_us = store->options.retention_days * 86400e6;
    sqlite_counter now;
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    EVTWIN_TRY(evtwin__db_end(s->db, evtwin__sqlite_counter_get(s, &now)));
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(
        evtwin__sqlite_ask(s, SQL_OLD_REVISION, &stmt, "i", now.clock_us - (int64_t)keep_us));
    const evtwin_status st = evtwin__stmt_step(stmt);
    if (st == EVTWIN_OK) {
        evtwin__stmt_i64(stmt, 0, &s->place.revision);
        evtwin__stmt_i64(stmt, 1, &s->place.clock_us);
    }
    evtwin__stmt_reset(stmt);
    sweep->cutoff_us = store->now() - (int64_t)keep_us;
    evtwin__sqlite_time(sweep->cutoff_us, s->place.cutoff);
    s->place.battery_id[0] = '\0';
    s->place.is_in_battery = 0;
    return st;
}

/* The table's CHECKs bound ids and times; a table that somebody made without them is no reason to
 * write past the end. */
static evtwin_status copy_text(sqlite_store *s, char *to, size_t to_size, const char *from) {
    const size_t length = strlen(from);
    EVTWIN_FAIL_IF(length >= to_size, EVTWIN_E_CORRUPT,
                   "%s: ev_telemetry has a battery_id or time of %zu bytes", evtwin__db_name(s->db),
                   length);
    memcpy(to, from, length + 1);
    return EVTWIN_OK;
}

/* Go to the next battery: EVTWIN_DONE if there is none. */
static evtwin_status next_battery(sqlite_store *s) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_NEXT_ID, &stmt, "s", s->place.battery_id));
    evtwin_status st = evtwin__stmt_step(stmt);
    if (st == EVTWIN_OK) {
        const char *id = evtwin__stmt_text(stmt, 0);
        if (id == NULL) {
            st = EVTWIN_DONE;
        } else {
            st = copy_text(s, s->place.battery_id, sizeof s->place.battery_id, id);
            s->place.time[0] = '\0';
            s->place.is_in_battery = 1;
        }
    }
    evtwin__stmt_reset(stmt);
    return st;
}

/* The time of the n_rows-th row that is still to visit in this battery; the cutoff, and
 * *is_last_out, if there are not so many. */
static evtwin_status chunk_end(sqlite_store *s, size_t n_rows, char end[SQLITE_SWEEP_TIME],
                               int *is_last_out) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__sqlite_ask(s, SQL_CHUNK_END, &stmt, "sssi", s->place.battery_id,
                                  s->place.time, s->place.cutoff, (int64_t)n_rows - 1));
    evtwin_status st = evtwin__stmt_step(stmt);
    if (st >= 0) {
        const char *time = st == EVTWIN_OK ? evtwin__stmt_text(stmt, 0) : NULL;
        *is_last_out = time == NULL;
        st = copy_text(s, end, SQLITE_SWEEP_TIME, time != NULL ? time : s->place.cutoff);
    }
    evtwin__stmt_reset(stmt);
    return st;
}

/* Visit n_rows rows, a few more where many have the same time. EVTWIN_DONE at the end of the sweep.
 */
static evtwin_status visit_rows(sqlite_store *s, size_t n_rows, size_t *n_deleted) {
    size_t n_visited = 0;
    while (n_visited < n_rows) {
        const evtwin_status st = s->place.is_in_battery ? EVTWIN_OK : next_battery(s);
        if (st != EVTWIN_OK) {
            return st;
        }
        char end[SQLITE_SWEEP_TIME];
        int is_last = 0;
        const size_t n_left = n_rows - n_visited;
        EVTWIN_TRY(chunk_end(s, n_left, end, &is_last));
        EVTWIN_TRY(evtwin__sqlite_run(s, SQL_DELETE, "ssssi", s->place.battery_id, s->place.time,
                                      end, s->place.cutoff, s->place.revision));
        const size_t n = (size_t)evtwin__db_changes(s->db);
        if (n > 0) {
            EVTWIN_TRY(evtwin__sqlite_expired_hours(s, s->place.battery_id, s->place.time, end));
        }
        *n_deleted += n;
        n_visited += is_last ? n + 1 : n_left; /* a battery costs a visit even if all of it stays */
        s->place.is_in_battery = !is_last;
        memcpy(s->place.time, end, sizeof s->place.time);
    }
    return EVTWIN_OK;
}

/* At the end of a sweep: what is known of batteries that have no rows left. */
#define FORGET(table)                                                                              \
    "DELETE FROM " table " WHERE NOT EXISTS (SELECT 1 FROM ev_telemetry AS t WHERE t.battery_id"   \
    " = " table ".battery_id);"
static const char forget_sql[] = FORGET("ev_battery") FORGET("ev_state") FORGET("ev_health");

static evtwin_status end_sweep(sqlite_store *s) {
    EVTWIN_TRY(evtwin__db_exec(s->db, forget_sql));
    return evtwin__sqlite_run(s, SQL_FORGET_MARKS, "i", s->place.clock_us);
}

static evtwin_status visit(evtwin_store *store, size_t n_rows, size_t *n_deleted_out) {
    sqlite_store *s = (sqlite_store *)store;
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    const evtwin_status st = visit_rows(s, n_rows, n_deleted_out);
    EVTWIN_TRY(evtwin__db_end(s->db, st == EVTWIN_DONE ? end_sweep(s) : st));
    return st;
}

static const char *name(const evtwin_store *store) {
    return evtwin__db_name(((const sqlite_store *)store)->db);
}

static const evtwin__sweep_steps steps = {.name = name, .start = start, .visit = visit};

evtwin_status evtwin__sqlite_expire(evtwin_store *store, size_t *n_deleted_out) {
    return evtwin__sweep_all(store, &((sqlite_store *)store)->sweep, &steps, n_deleted_out);
}

void evtwin__sqlite_expire_some(sqlite_store *s, size_t n_inserted) {
    evtwin__sweep_some(&s->base, &s->sweep, &steps, n_inserted);
}
