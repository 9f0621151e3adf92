/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_alerts.c: alerts, and who writes them. */

#include "core/status.h"
#include "store/sql_text.h"
#include "store/store_sqlite.h"

#include <string.h>

/* ---- one statement ---- */

/* Prepare it with parameters as evtwin__sqlite_ask has them. */
static evtwin_status run(evtwin__db *db, const char *sql, const char *text, const int64_t *number,
                         size_t n) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__stmt_prepare(db, sql, &stmt));
    evtwin__stmt_bind_text(stmt, 1, text);
    for (size_t i = 0; i < n; i++) {
        evtwin__stmt_bind_i64(stmt, (int)i + 2, number[i]);
    }
    const evtwin_status st = evtwin__stmt_run(stmt);
    evtwin__stmt_free(stmt);
    return st;
}

static evtwin_status held_by_another(sqlite_store *s) {
    EVTWIN_FAIL(EVTWIN_E_BUSY, "%s: another program writes its alerts", evtwin__db_name(s->db));
}

/* ---- the writer ---- */

/* In a transaction: the lease runs by the store's own clock, which nobody sets. */
static evtwin_status lease(sqlite_store *s, const char *holder, double seconds) {
    static const char take[] =
        "UPDATE ev_alert_writer SET holder = ?1, held_until_us = ?2 WHERE holder = ?1 OR holder IS"
        " NULL OR held_until_us <= ?3 OR held_until_us > ?4";
    static const char give[] = "UPDATE ev_alert_writer SET holder = NULL WHERE holder = ?1";
    if (seconds <= 0.0) {
        return run(s->db, give, holder, NULL, 0);
    }
    sqlite_counter c;
    EVTWIN_TRY(evtwin__sqlite_counter_get(s, &c));
    const int64_t length_us = (int64_t)(seconds * 1e6);
    /* no lease ends later than an hour from now: that clock was another one */
    const int64_t number[] = {c.clock_us + length_us, c.clock_us,
                              c.clock_us + INT64_C(3600) * 1000000};
    EVTWIN_TRY(run(s->db, take, holder, number, 3));
    if (evtwin__db_changes(s->db) == 0) {
        /* the clock goes on, so that a lease from before a restart of the machine ends */
        EVTWIN_TRY(evtwin__sqlite_counter_set(s, &c));
        return EVTWIN_DONE;
    }
    return evtwin__sqlite_counter_set(s, &c);
}

evtwin_status evtwin__sqlite_alert_lease(evtwin_store *store, const char *holder, double seconds) {
    sqlite_store *s = (sqlite_store *)store;
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    const evtwin_status st = lease(s, holder, seconds);
    const evtwin_status end = evtwin__db_end(s->db, st);
    return end < 0 ? end : st == EVTWIN_DONE ? held_by_another(s) : EVTWIN_OK;
}

/* ---- writing ---- */

/* In a transaction: give the next n changes, the first of them. */
static evtwin_status next_changes(sqlite_store *s, size_t n, int64_t *out) {
    const int64_t by = (int64_t)n;
    EVTWIN_TRY(run(s->db, "UPDATE ev_alert_writer SET change = change + ?2 WHERE ?1 IS NULL", NULL,
                   &by, 1));
    EVTWIN_TRY(evtwin__db_query_i64(s->db, "SELECT change + 1 FROM ev_alert_writer", 1, out));
    *out -= by;
    return EVTWIN_OK;
}

static evtwin_status put_each(sqlite_store *s, const evtwin_table *alerts, int64_t change) {
    evtwin__text sql = {.size = 0};
    evtwin__text_put(&sql, "INSERT INTO ev_alert (");
    evtwin__alert_names(&sql, "");
    for (size_t c = 0; c < EVTWIN__A_COUNT; c++) {
        evtwin__text_put(&sql, c == 0 ? ") VALUES (?" : ", ?");
    }
    evtwin__text_put(&sql, ")" EVTWIN__ALERT_UPDATE);
    evtwin__text_add(&sql, "", 1);
    evtwin__stmt *stmt = NULL;
    evtwin_status st = sql.is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for alerts")
                                     : evtwin__stmt_prepare(s->db, sql.data, &stmt);
    evtwin__text_free(&sql);
    for (size_t row = 0; row < evtwin_table_rows(alerts) && st >= 0; row++) {
        for (size_t c = 0; c < EVTWIN__A_COUNT; c++) {
            evtwin__sqlite_bind_cell(stmt, (int)c + 1, alerts, c, row);
        }
        evtwin__stmt_bind_i64(stmt, EVTWIN__A_CHANGE + 1, change + (int64_t)row);
        st = evtwin__stmt_run(stmt);
    }
    evtwin__stmt_free(stmt);
    return st;
}

static evtwin_status forget(sqlite_store *s) {
    const double days = s->base.options.retention_days;
    char cutoff[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(s->base.now() - (int64_t)(days * 86400e6), cutoff);
    return run(s->db, EVTWIN__ALERT_FORGET("?1"), days > 0.0 ? cutoff : NULL, NULL, 0);
}

static evtwin_status put_alerts(sqlite_store *s, const char *holder, const evtwin_table *alerts) {
    int64_t change = 0;
    EVTWIN_TRY(
        run(s->db, "UPDATE ev_alert_writer SET holder = ?1 WHERE holder = ?1", holder, NULL, 0));
    if (evtwin__db_changes(s->db) == 0) {
        return held_by_another(s);
    }
    EVTWIN_TRY(next_changes(s, evtwin_table_rows(alerts), &change));
    EVTWIN_TRY(put_each(s, alerts, change));
    return forget(s);
}

evtwin_status evtwin__sqlite_put_alerts(evtwin_store *store, const char *holder,
                                        const evtwin_table *alerts) {
    sqlite_store *s = (sqlite_store *)store;
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    return evtwin__db_end(s->db, put_alerts(s, holder, alerts));
}

static evtwin_status acknowledge(sqlite_store *s, int64_t id, const char *by) {
    char now[EVTWIN_TIME_TEXT_SIZE];
    int64_t change = 0;
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(next_changes(s, 1, &change));
    EVTWIN_TRY(evtwin__stmt_prepare(s->db,
                                    "UPDATE ev_alert SET change = ?1, acknowledged_at = ?2,"
                                    " acknowledged_by = ?3 WHERE id = ?4 AND cleared_at IS NULL"
                                    " AND acknowledged_at IS NULL",
                                    &stmt));
    evtwin__sqlite_time(s->base.now(), now);
    evtwin__stmt_bind_i64(stmt, 1, change);
    evtwin__stmt_bind_text(stmt, 2, now);
    evtwin__stmt_bind_text(stmt, 3, by);
    evtwin__stmt_bind_i64(stmt, 4, id);
    const evtwin_status st = evtwin__stmt_run(stmt);
    evtwin__stmt_free(stmt);
    EVTWIN_TRY(st);
    if (evtwin__db_changes(s->db) > 0) {
        return EVTWIN_OK;
    }
    /* none, cleared, or acknowledged before */
    int64_t is_cleared = -1;
    EVTWIN_TRY(evtwin__stmt_prepare(
        s->db, "SELECT cleared_at IS NOT NULL FROM ev_alert WHERE id = ?", &stmt));
    evtwin__stmt_bind_i64(stmt, 1, id);
    const evtwin_status found = evtwin__stmt_step(stmt);
    if (found == EVTWIN_OK) {
        evtwin__stmt_i64(stmt, 0, &is_cleared);
    }
    evtwin__stmt_free(stmt);
    EVTWIN_TRY(found);
    EVTWIN_FAIL_IF(is_cleared < 0, EVTWIN_E_NOT_FOUND, "there is no alert %lld", (long long)id);
    EVTWIN_FAIL_IF(is_cleared > 0, EVTWIN_E_STATE, "alert %lld is cleared already", (long long)id);
    return EVTWIN_OK;
}

evtwin_status evtwin__sqlite_acknowledge_alert(evtwin_store *store, int64_t id, const char *by) {
    sqlite_store *s = (sqlite_store *)store;
    EVTWIN_TRY(evtwin__db_begin_write(s->db));
    return evtwin__db_end(s->db, acknowledge(s, id, by));
}

/* ---- reading ---- */

evtwin_status evtwin__sqlite_alerts(evtwin_store *store, const evtwin__alert_query *query,
                                    evtwin_table **out) {
    evtwin__alert_sql sql;
    evtwin__stmt *stmt = NULL;
    evtwin__alert_select(query, '?', &sql);
    evtwin_status st = sql.text.is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for alerts")
                                          : evtwin__stmt_prepare(((sqlite_store *)store)->db,
                                                                 sql.text.data, &stmt);
    for (size_t i = 0; i < sql.n && st >= 0; i++) {
        char time[EVTWIN_TIME_TEXT_SIZE];
        switch (sql.param[i].type) {
        case EVTWIN_TEXT:
            evtwin__stmt_bind_text(stmt, (int)i + 1, sql.param[i].string);
            break;
        case EVTWIN_TIME:
            evtwin__sqlite_time(sql.param[i].number, time);
            evtwin__stmt_bind_copy(stmt, (int)i + 1, time);
            break;
        default:
            evtwin__stmt_bind_i64(stmt, (int)i + 1, sql.param[i].number);
            break;
        }
    }
    st = st < 0 ? st : evtwin__sqlite_read_table(stmt, evtwin__alert_columns, EVTWIN__A_COUNT, out);
    evtwin__stmt_free(stmt);
    evtwin__text_free(&sql.text);
    return st;
}

evtwin_status evtwin__sqlite_alert_change(evtwin_store *store, int64_t *change_out) {
    return evtwin__db_query_i64(((sqlite_store *)store)->db, "SELECT change FROM ev_alert_writer",
                                0, change_out);
}

evtwin_status evtwin__sqlite_alert_groups(evtwin_store *store, evtwin_table **out,
                                          int64_t *n_raised_out) {
    evtwin__db *db = ((sqlite_store *)store)->db;
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__db_query_i64(db, "SELECT max(id) FROM ev_alert", 0, n_raised_out));
    EVTWIN_TRY(evtwin__stmt_prepare(db, EVTWIN__ALERT_GROUPS, &stmt));
    const evtwin_status st =
        evtwin__sqlite_read_table(stmt, evtwin__alert_group_columns, EVTWIN__G_COUNT, out);
    evtwin__stmt_free(stmt);
    return st;
}

/* ---- counts ---- */

/* How many of the fleet are in each bucket: an index has them in order and answers alone. */
static evtwin_status count_fleet(evtwin__db *db, const char *sql, int64_t from_us, int64_t to_us,
                                 size_t n, int64_t *counts) {
    const double width_us = (double)(to_us - from_us) / (double)n;
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__stmt_prepare(db, sql, &stmt);
    for (size_t i = 0; i < n && st >= 0; i++) {
        const int64_t end_us = from_us + (int64_t)((double)(i + 1) * width_us);
        char from[EVTWIN_TIME_TEXT_SIZE], to[EVTWIN_TIME_TEXT_SIZE];
        evtwin__sqlite_time(from_us + (int64_t)((double)i * width_us), from);
        evtwin__sqlite_time(i + 1 < n ? end_us : to_us, to);
        evtwin__stmt_bind_text(stmt, 1, from);
        evtwin__stmt_bind_text(stmt, 2, to);
        st = evtwin__stmt_step(stmt);
        if (st == EVTWIN_OK) {
            evtwin__stmt_i64(stmt, 0, &counts[i]);
        }
        evtwin__stmt_reset(stmt);
    }
    evtwin__stmt_free(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

static const evtwin__kept_column count_columns[] = {{"raised", EVTWIN_I64},
                                                    {"cleared", EVTWIN_I64}};

static evtwin_status count_all(evtwin__db *db, int64_t from_us, int64_t to_us, size_t n,
                               evtwin_table **out) {
    static const char *const sql[] = {
        "SELECT count(*) FROM ev_alert INDEXED BY ev_alert_raised WHERE raised_at >= ?1"
        " AND raised_at < ?2",
        "SELECT count(*) FROM ev_alert INDEXED BY ev_alert_cleared WHERE cleared_at >= ?1"
        " AND cleared_at < ?2"};
    evtwin_table *table = NULL;
    EVTWIN_TRY(evtwin_table_create(&table));
    evtwin_status st = EVTWIN_OK;
    for (size_t c = 0; c < 2 && st >= 0; c++) {
        st = evtwin_table_add_column(table, count_columns[c].name, count_columns[c].type, "", NULL);
    }
    st = st < 0 ? st : evtwin_table_resize(table, n);
    for (size_t c = 0; c < 2 && st >= 0; c++) {
        for (size_t i = 0; i < n && st >= 0; i++) {
            st = evtwin_table_set_i64(table, c, i, 0);
        }
        st = st < 0 ? st
                    : count_fleet(db, sql[c], from_us, to_us, n, evtwin_table_i64_edit(table, c));
    }
    if (st < 0) {
        evtwin_table_free(table);
        return st;
    }
    *out = table;
    return EVTWIN_OK;
}

#define BUCKET(column)                                                                             \
    "CAST((julianday(" column ") - julianday(?2)) / (julianday(?3) - julianday(?2)) * ?4"          \
    " AS INTEGER)"
#define EACH(column, counts)                                                                       \
    "SELECT min(" BUCKET(column) ", ?4 - 1) AS k, " counts " FROM ev_alert WHERE " column          \
                                 " >= ?2 AND " column " < ?3 AND battery_id = ?1"

/* Of one battery they are few. */
static evtwin_status count_one(evtwin__db *db, const char *battery_id, int64_t from_us,
                               int64_t to_us, size_t n, evtwin_table **out) {
    static const char sql[] =
        "WITH RECURSIVE b (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM b WHERE i + 1 < ?4)"
        " SELECT coalesce(sum(r), 0), coalesce(sum(c), 0) FROM b LEFT JOIN"
        " (" EACH("+raised_at", "1 AS r, 0 AS c") " UNION ALL " EACH(
            "+cleared_at", "0, 1") ")"
                                   " ON k = i GROUP BY i ORDER BY i";
    char from[EVTWIN_TIME_TEXT_SIZE], to[EVTWIN_TIME_TEXT_SIZE];
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__stmt_prepare(db, sql, &stmt));
    evtwin__sqlite_time(from_us, from);
    evtwin__sqlite_time(to_us, to);
    evtwin__stmt_bind_text(stmt, 1, battery_id);
    evtwin__stmt_bind_text(stmt, 2, from);
    evtwin__stmt_bind_text(stmt, 3, to);
    evtwin__stmt_bind_i64(stmt, 4, (int64_t)n);
    const evtwin_status st = evtwin__sqlite_read_table(stmt, count_columns, 2, out);
    evtwin__stmt_free(stmt);
    return st;
}

evtwin_status evtwin__sqlite_alert_counts(evtwin_store *store, const char *battery_id,
                                          int64_t from_us, int64_t to_us, size_t n_buckets,
                                          evtwin_table **out) {
    evtwin__db *db = ((sqlite_store *)store)->db;
    return battery_id == NULL ? count_all(db, from_us, to_us, n_buckets, out)
                              : count_one(db, battery_id, from_us, to_us, n_buckets, out);
}
