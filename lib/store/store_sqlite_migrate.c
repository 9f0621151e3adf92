/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_migrate.c: bring a database to the schema of this version, refuse what is not
 * ours. */

#include "evtwin/thresholds.h"

#include "core/embed.h"
#include "core/status.h"
#include "store/store_sqlite.h"

#include <stdio.h>
#include <string.h>

/* A database is made by steps, each recorded in ev_migration by its name: the numbered files of
 * schema/sqlite, and one "column NAME" for every quantity of the schema that they do not have. What
 * the steps make is known from an empty database in memory that has had all of them, the model: a
 * database must have had its steps, no others, and look like it. */

/* schema/sqlite/NNN_name.sql, in order. */
extern const evtwin__embedded evtwin__sqlite_migrations[];
extern const size_t evtwin__sqlite_migrations_count;

enum { FIRST_COLUMN_STEP = 1001 /* below are the numbers of files */ };

/* ---- steps ---- */

/* What sets the status of a row that another program writes: any number of the schema may have a
 * limit, and a missing value breaks no rule. 'CRITICAL' sorts before 'WARNING'. */
#define STATUS_TRIGGER(name, event)                                                                \
    "DROP TRIGGER IF EXISTS " name "; CREATE TRIGGER " name " AFTER " event                        \
    " ON ev_telemetry BEGIN UPDATE ev_telemetry SET status = coalesce((SELECT level FROM"          \
    " ev_threshold WHERE kind = 'status' AND CASE operator WHEN '<' THEN -1 ELSE 1 END *"          \
    " (CASE quantity@new_values END - \"limit\") > 0 ORDER BY level LIMIT 1), 'NORMAL') WHERE"     \
    " battery_id = NEW.battery_id AND time = NEW.time AND seq = NEW.seq; END;"
static const char triggers_sql[] = STATUS_TRIGGER("ev_status_insert", "INSERT")
    STATUS_TRIGGER("ev_status_update", "UPDATE OF @predictions");

static evtwin_status record(evtwin__db *db, int64_t version, const char *kind, const char *name) {
    char now[EVTWIN_TIME_TEXT_SIZE], sql[300];
    evtwin__sqlite_time(evtwin_time_now(), now);
    snprintf(sql, sizeof sql,
             "INSERT INTO ev_migration (version, name, applied_at) VALUES (%lld, '%s%s', '%s')",
             (long long)version, kind, name, now);
    return evtwin__db_exec(db, sql);
}

/* First number of a query that ends with a name of ours and a quote. */
static evtwin_status query(evtwin__db *db, const char *text, const char *name, int64_t *out) {
    char sql[200];
    snprintf(sql, sizeof sql, "%s%s'", text, name);
    return evtwin__db_query_i64(db, sql, 0, out);
}

/* The contract's limits. */
static evtwin_status fill_limits(evtwin__db *db) {
    evtwin_thresholds *contract = NULL;
    evtwin_table *limits = NULL;
    evtwin_status st = evtwin_thresholds_create(&contract);
    if (st >= 0 && (st = evtwin_thresholds_table(contract, &limits)) >= 0) {
        st = evtwin__sqlite_keep_rows(db, EVTWIN__KEPT_LIMITS, limits);
    }
    evtwin_table_free(limits);
    evtwin_thresholds_free(contract);
    return st;
}

static evtwin_status run_file(evtwin__db *db, size_t i) {
    const evtwin__embedded *file = &evtwin__sqlite_migrations[i];
    int64_t is_done = 0;
    EVTWIN_TRY(query(db, "SELECT count(*) FROM ev_migration WHERE name = '", file->name, &is_done));
    if (is_done) {
        return EVTWIN_OK;
    }
    evtwin_status st = evtwin__db_exec(db, file->data);
    if (st >= 0 && strstr(file->data, "CREATE TABLE ev_threshold") != NULL) {
        st = fill_limits(db);
    }
    return st < 0 ? evtwin__fail_in(st, "migration %s", file->name)
                  : record(db, (int64_t)i + 1, "", file->name);
}

static evtwin_status add_column(evtwin__db *db, const evtwin__quantity *quantity) {
    static const char *const types[] = {[EVTWIN_F64] = "REAL",
                                        [EVTWIN_I64] = "INTEGER",
                                        [EVTWIN_BOOL] = "INTEGER",
                                        [EVTWIN_TIME] = "TEXT",
                                        [EVTWIN_TEXT] = "TEXT"};
    char sql[200];
    snprintf(sql, sizeof sql, "ALTER TABLE ev_telemetry ADD COLUMN %s %s", quantity->name,
             types[quantity->type]);
    int64_t last = 0;
    EVTWIN_TRY(evtwin__db_query_i64(db, "SELECT max(version) FROM ev_migration", 0, &last));
    EVTWIN_TRY(evtwin__db_exec(db, sql));
    return record(db, last < FIRST_COLUMN_STEP ? FIRST_COLUMN_STEP : last + 1, "column ",
                  quantity->name);
}

/* Bring a database that has had some of the steps, or none, to the model, or make the model (NULL):
 * the columns to add are those with a step in the model; in the model, those that no file made. */
static evtwin_status run_steps(evtwin__db *db, evtwin__db *model) {
    EVTWIN_TRY(
        evtwin__db_exec(db, "CREATE TABLE IF NOT EXISTS ev_migration (version INTEGER PRIMARY KEY,"
                            " name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT"));
    for (size_t i = 0; i < evtwin__sqlite_migrations_count; i++) {
        EVTWIN_TRY(run_file(db, i));
    }
    static const char has_step[] = "SELECT count(*) FROM ev_migration WHERE name = 'column ";
    static const char has_none[] =
        "SELECT count(*) = 0 FROM pragma_table_info('ev_telemetry') WHERE name = '";
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const evtwin__quantity *of = &evtwin__schema[q];
        int64_t is_wanted = 0, is_done = 0;
        if (!evtwin__is_of(q, EVTWIN__STORED)) {
            continue;
        }
        EVTWIN_TRY(model == NULL ? query(db, has_none, of->name, &is_wanted)
                                 : query(model, has_step, of->name, &is_wanted));
        EVTWIN_TRY(query(db, has_step, of->name, &is_done));
        if (is_wanted && !is_done) {
            EVTWIN_TRY(add_column(db, of));
        }
    }
    return evtwin__sqlite_exec_marked(db, triggers_sql);
}

/* ---- what a database is ---- */

/* Its steps, our tables by column, all triggers: key and what it is. Indexes and views are
 * anybody's. Steps sort before the rest. */
#define STEP "applied "
static const char shape_sql[] =
    "SELECT DISTINCT '" STEP "' || coalesce(name, ''), '' FROM ev_migration"
    " UNION ALL SELECT 'column ' || m.name || '.' || x.name,"
    " x.type || ' ' || x.\"notnull\" || ' ' || x.pk || ' ' || x.hidden"
    " FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS x"
    " WHERE m.type = 'table' AND m.name GLOB 'ev_*'"
    " UNION ALL SELECT 'trigger ' || name, sql FROM sqlite_master WHERE type = 'trigger'"
    " ORDER BY 1";

/* One entry of a shape; key is NULL after the last. */
typedef struct entry {
    evtwin__stmt *stmt;
    const char *key;
} entry;

static evtwin_status next(entry *e) {
    const evtwin_status st = evtwin__stmt_step(e->stmt);
    e->key = st == EVTWIN_OK ? evtwin__stmt_text(e->stmt, 0) : NULL;
    return st < 0 ? st : EVTWIN_OK;
}

/* Go through both shapes. *is_current_out: 0 if the database lacks steps (what they would make is
 * then not looked at). EVTWIN_E_SCHEMA if it has others, or differs from the model. */
static evtwin_status compare(evtwin__db *db, entry *is, entry *must, int *is_current_out) {
    const char *file = evtwin__db_name(db);
    for (int order = 0;;) {
        if (order <= 0) {
            EVTWIN_TRY(next(is));
        }
        if (order >= 0) {
            EVTWIN_TRY(next(must));
        }
        order = is->key == NULL     ? must->key != NULL
                : must->key == NULL ? -1
                                    : strcmp(is->key, must->key);
        const char *key = order > 0 ? must->key : is->key;
        const int is_step = key != NULL && strncmp(key, STEP, strlen(STEP)) == 0;
        if (key == NULL || (!is_step && !*is_current_out)) {
            return EVTWIN_OK;
        }
        if (is_step && order > 0) {
            *is_current_out = 0;
            continue;
        }
        EVTWIN_FAIL_IF(is_step && order < 0, EVTWIN_E_SCHEMA,
                       "%s: its schema has '%.60s', which libevtwin %s does not know; use the "
                       "newer libevtwin that made it",
                       file, key + strlen(STEP), evtwin_version());
        EVTWIN_FAIL_IF(order != 0, EVTWIN_E_SCHEMA,
                       "%s: another program %s its %.100s; nothing in it is touched", file,
                       order < 0 ? "added" : "removed", key);
        const char *what = evtwin__stmt_text(is->stmt, 1), *as = evtwin__stmt_text(must->stmt, 1);
        EVTWIN_FAIL_IF(what == NULL || as == NULL || strcmp(what, as) != 0, EVTWIN_E_SCHEMA,
                       "%s: another program changed its %.100s; nothing in it is touched", file,
                       key);
    }
}

/* *out: 1 if the database has had all steps. EVTWIN_E_SCHEMA if it is not ours or not as it was. */
static evtwin_status check(evtwin__db *db, evtwin__db *model, int *is_current_out) {
    /* one query: another process may be making the database just now */
    enum { EMPTY = 0, OURS = 1, FOREIGN = 2 };
    int64_t kind = EMPTY;
    EVTWIN_TRY(evtwin__db_query_i64(
        db,
        "SELECT CASE WHEN count(*) = 0 THEN 0 WHEN sum(type = 'table' AND name = 'ev_migration')"
        " THEN 1 ELSE 2 END FROM sqlite_master",
        EMPTY, &kind));
    EVTWIN_FAIL_IF(kind == FOREIGN, EVTWIN_E_SCHEMA,
                   "%s: holds tables that libevtwin did not make; nothing in it is touched, "
                   "name another file",
                   evtwin__db_name(db));
    *is_current_out = kind == OURS;
    if (kind == EMPTY) {
        return EVTWIN_OK;
    }
    entry is = {.stmt = NULL}, must = {.stmt = NULL};
    evtwin_status st = evtwin__stmt_prepare(db, shape_sql, &is.stmt);
    if (st >= 0 && (st = evtwin__stmt_prepare(model, shape_sql, &must.stmt)) >= 0) {
        st = compare(db, &is, &must, is_current_out);
    }
    evtwin__stmt_free(is.stmt);
    evtwin__stmt_free(must.stmt);
    return st;
}

/* ---- all of it ---- */

static evtwin_status run_missing(evtwin__db *db, evtwin__db *model) {
    EVTWIN_TRY(evtwin__db_begin_write(db));

    /* another process may have done it while this one waited for the lock */
    int is_current = 0;
    evtwin_status st = check(db, model, &is_current);
    if (st >= 0 && !is_current && (st = run_steps(db, model)) >= 0) {
        st = check(db, model, &is_current);
    }
    return evtwin__db_end(db, st);
}

static evtwin_status bring_up_to_date(evtwin__db *db, evtwin__db *model, int read_only) {
    int is_current = 0;
    EVTWIN_TRY(check(db, model, &is_current));
    EVTWIN_FAIL_IF(read_only && !is_current, EVTWIN_E_SCHEMA,
                   "%s: its schema is older than that of libevtwin %s; open it once for "
                   "writing to bring it up to date",
                   evtwin__db_name(db), evtwin_version());
    if (read_only) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__db_use_wal(db));
    return is_current ? EVTWIN_OK : run_missing(db, model);
}

evtwin_status evtwin__sqlite_migrate(evtwin__db *db, int read_only) {
    evtwin__db *model = NULL;
    evtwin_status st = evtwin__db_open(":memory:", EVTWIN__DB_CREATE, 0, &model);
    if (st >= 0 && (st = run_steps(model, NULL)) >= 0) {
        st = bring_up_to_date(db, model, read_only);
    }
    evtwin__db_close(model);
    return st;
}
