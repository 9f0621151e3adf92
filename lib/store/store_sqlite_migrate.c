/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_migrate.c: numbered migrations: run what a database lacks, refuse what is not
 * ours. */

#include "evtwin/thresholds.h"

#include "core/embed.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "store/store_sqlite.h"

#include <assert.h>
#include <string.h>

/* schema/sqlite/NNN_name.sql, in order; the first is number 1. */
extern const evtwin__embedded evtwin__sqlite_migrations[];
extern const size_t evtwin__sqlite_migrations_count;

/* ---- the status column, from the library's thresholds ---- */

static const char status_mark[] = "@STATUS@";

enum { STATUS_SIZE = 2048 };

static void append(char text[STATUS_SIZE], const char *more) {
    const size_t used = strlen(text);
    assert(used + strlen(more) < STATUS_SIZE);
    memcpy(text + used, more, strlen(more) + 1);
}

/* "WHEN soc < 15 OR soh < 75 THEN 'CRITICAL' ". A missing value breaks no rule, in SQL as in C. */
static void append_level(char text[STATUS_SIZE], const evtwin_thresholds *contract,
                         evtwin_health level) {
    int n = 0;
    for (size_t i = 0; i < evtwin_thresholds_count(contract); i++) {
        evtwin_threshold rule;
        const evtwin_status st = evtwin_thresholds_get(contract, i, &rule, sizeof rule);
        assert(st == EVTWIN_OK);
        (void)st;
        if (rule.level != level || rule.kind != EVTWIN_THRESHOLD_STATUS) {
            continue;
        }
        char limit[EVTWIN__NUM_SIZE];
        evtwin__format_f64(rule.limit, limit);
        append(text, n++ == 0 ? "WHEN " : " OR ");
        append(text, rule.quantity);
        append(text, rule.is_below ? " < " : " > ");
        append(text, limit);
    }
    if (n > 0) {
        append(text, " THEN '");
        append(text, evtwin_health_name(level));
        append(text, "' ");
    }
}

static void status_expression(char text[STATUS_SIZE], const evtwin_thresholds *contract) {
    text[0] = '\0';
    append(text, "CASE ");
    append_level(text, contract, EVTWIN_HEALTH_CRITICAL);
    append_level(text, contract, EVTWIN_HEALTH_WARNING);
    append(text, "ELSE '");
    append(text, evtwin_health_name(EVTWIN_HEALTH_NORMAL));
    append(text, "' END");
}

/* ---- one migration ---- */

/* sql with its mark, if it has one, replaced; the caller frees it. NULL when memory is out. */
static char *fill_in(const char *sql) {
    const char *mark = strstr(sql, "(@STATUS@)");
    if (mark == NULL) {
        return evtwin__strdup(sql);
    }
    mark++; /* the parenthesis stays; the mark in the file's comment is no mark */
    char status[STATUS_SIZE];
    evtwin_thresholds *contract = NULL;
    if (evtwin_thresholds_create(&contract) < 0) {
        return NULL;
    }
    status_expression(status, contract);
    evtwin_thresholds_free(contract);
    const size_t before = (size_t)(mark - sql);
    const size_t length = strlen(status);
    const char *rest = mark + strlen(status_mark);
    char *filled = evtwin__calloc(before + length + strlen(rest) + 1, 1);
    if (filled != NULL) {
        memcpy(filled, sql, before);
        memcpy(filled + before, status, length);
        memcpy(filled + before + length, rest, strlen(rest) + 1);
    }
    return filled;
}

static evtwin_status record(evtwin__db *db, int64_t version, const char *name) {
    evtwin__stmt *stmt = NULL;
    evtwin_status st = evtwin__stmt_prepare(
        db, "INSERT INTO ev_migration (version, name, applied_at) VALUES (?, ?, ?)", &stmt);
    if (st < 0) {
        return st;
    }
    char now[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(evtwin_time_now(), now);
    evtwin__stmt_bind_i64(stmt, 1, version);
    evtwin__stmt_bind_text(stmt, 2, name);
    evtwin__stmt_bind_text(stmt, 3, now);
    st = evtwin__stmt_run(stmt);
    evtwin__stmt_free(stmt);
    return st;
}

static evtwin_status run_one(evtwin__db *db, size_t i) {
    const evtwin__embedded *migration = &evtwin__sqlite_migrations[i];
    char *sql = fill_in(migration->data);
    if (sql == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for migration %s", migration->name);
    }
    evtwin_status st = evtwin__db_exec(db, sql);
    evtwin__free(sql);
    if (st < 0) {
        return evtwin__fail_in(st, "migration %s", migration->name);
    }
    return record(db, (int64_t)i + 1, migration->name);
}

/* ---- all of them ---- */

/* Number of the last migration that the database has had; 0 for an empty file. */
static evtwin_status current_version(evtwin__db *db, int64_t *out) {
    int64_t is_ours = 0, n_others = 0;
    evtwin_status st = evtwin__db_query_i64(
        db, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'ev_migration'", 0,
        &is_ours);
    if (st < 0) {
        return st;
    }
    if (is_ours) {
        return evtwin__db_query_i64(db, "SELECT max(version) FROM ev_migration", 0, out);
    }
    if ((st = evtwin__db_query_i64(db, "SELECT count(*) FROM sqlite_master", 0, &n_others)) < 0) {
        return st;
    }
    if (n_others > 0) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "%s: holds tables that libevtwin did not make; nothing in it is touched, "
                    "name another file",
                    evtwin__db_name(db));
    }
    *out = 0;
    return EVTWIN_OK;
}

static evtwin_status check_version(evtwin__db *db, int64_t *out) {
    const int64_t ours = (int64_t)evtwin__sqlite_migrations_count;
    int64_t version = 0;
    const evtwin_status st = current_version(db, &version);
    if (st < 0) {
        return st;
    }
    if (version > ours) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                    "%s: its schema has number %lld, this libevtwin %s knows up to %lld; use the "
                    "newer libevtwin that made it",
                    evtwin__db_name(db), (long long)version, evtwin_version(), (long long)ours);
    }
    *out = version;
    return EVTWIN_OK;
}

static evtwin_status run_missing(evtwin__db *db) {
    evtwin_status st = evtwin__db_begin_write(db);
    if (st < 0) {
        return st;
    }

    /* another process may have done it while this one waited for the lock */
    int64_t version = 0;
    st = check_version(db, &version);
    if (st >= 0 && version == 0) {
        st = evtwin__db_exec(db, "CREATE TABLE ev_migration (version INTEGER PRIMARY KEY,"
                                 " name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT");
    }
    for (size_t i = (size_t)version; st >= 0 && i < evtwin__sqlite_migrations_count; i++) {
        st = run_one(db, i);
    }
    if (st >= 0) {
        st = evtwin__db_commit(db);
    }
    if (st < 0) {
        evtwin__db_rollback(db);
    }
    return st;
}

evtwin_status evtwin__sqlite_migrate(evtwin__db *db, int read_only) {
    int64_t version = 0;
    evtwin_status st = check_version(db, &version);
    if (st < 0) {
        return st;
    }
    const int is_current = version == (int64_t)evtwin__sqlite_migrations_count;
    if (read_only) {
        if (!is_current) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                        "%s: has schema number %lld of %zu; open it once for writing to bring it "
                        "up to date",
                        evtwin__db_name(db), (long long)version, evtwin__sqlite_migrations_count);
        }
        return EVTWIN_OK;
    }
    if ((st = evtwin__db_use_wal(db)) < 0) {
        return st;
    }
    return is_current ? EVTWIN_OK : run_missing(db);
}
