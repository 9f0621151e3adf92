/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_migrate.c: bring a database to the schema of this version, refuse what is not
 * ours. */

#include "evtwin/thresholds.h"

#include "core/embed.h"
#include "core/status.h"
#include "store/store_sqlite.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A database is made by steps, each recorded in ev_migration by its name: the numbered files of
 * schema/sqlite, and one "column NAME" for every quantity of the schema that they do not have. What
 * the steps make is known from an empty database in memory that has had all of them, the model: a
 * database must have had its steps, no others, and look like it. */

/* schema/sqlite/NNN_name.sql, in order. */
extern const evtwin__embedded evtwin__sqlite_migrations[];
extern const size_t evtwin__sqlite_migrations_count;

enum { NAME_SIZE = 100, FIRST_COLUMN_STEP = 1001 /* below are the numbers of files */ };

/* ---- triggers ---- */

/* Append to a text that is known to fit. */
__attribute__((format(printf, 3, 4))) static void say(char *text, size_t size, const char *format,
                                                      ...) {
    const size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text + used, size - used, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < size - used);
    (void)n;
}

/* What sets the status of a row that another program writes: any number of the schema may have a
 * limit, and a missing value breaks no rule. 'CRITICAL' sorts before 'WARNING'. */
static evtwin_status make_triggers(evtwin__db *db) {
    static const char *const events[][2] = {{"insert", "INSERT"}, {"update", "UPDATE OF "}};
    char sql[16384] = "";
    for (size_t e = 0; e < 2; e++) {
        say(sql, sizeof sql,
            "DROP TRIGGER IF EXISTS ev_status_%s; CREATE TRIGGER ev_status_%s AFTER %s",
            events[e][0], events[e][0], events[e][1]);
        const char *separator = "";
        for (size_t q = 0; q < EVTWIN__Q_COUNT && e == 1; q++) {
            if (evtwin__is_of(q, EVTWIN__PREDICTIONS)) {
                say(sql, sizeof sql, "%s%s", separator, evtwin__schema[q].name);
                separator = ", ";
            }
        }
        say(sql, sizeof sql,
            " ON ev_telemetry BEGIN UPDATE ev_telemetry SET status = coalesce((SELECT level FROM"
            " ev_threshold WHERE kind = 'status' AND CASE operator WHEN '<' THEN -1 ELSE 1 END *"
            " (CASE quantity");
        for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
            if (evtwin__is_of(q, EVTWIN__STORED) && evtwin__quantity_is_number(q)) {
                say(sql, sizeof sql, " WHEN '%s' THEN NEW.%s", evtwin__schema[q].name,
                    evtwin__schema[q].name);
            }
        }
        say(sql, sizeof sql,
            " END - \"limit\") > 0 ORDER BY level LIMIT 1), 'NORMAL') WHERE"
            " battery_id = NEW.battery_id AND time = NEW.time AND seq = NEW.seq; END;");
    }
    return evtwin__db_exec(db, sql);
}

/* ---- steps ---- */

static evtwin_status record(evtwin__db *db, int64_t version, const char *name) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__stmt_prepare(
        db, "INSERT INTO ev_migration (version, name, applied_at) VALUES (?, ?, ?)", &stmt));
    char now[EVTWIN_TIME_TEXT_SIZE];
    evtwin__sqlite_time(evtwin_time_now(), now);
    evtwin__stmt_bind_i64(stmt, 1, version);
    evtwin__stmt_bind_text(stmt, 2, name);
    evtwin__stmt_bind_text(stmt, 3, now);
    const evtwin_status st = evtwin__stmt_run(stmt);
    evtwin__stmt_free(stmt);
    return st;
}

/* First number of a query with one parameter. */
static evtwin_status count_of(evtwin__db *db, const char *sql, const char *text, int64_t *out) {
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__stmt_prepare(db, sql, &stmt));
    evtwin__stmt_bind_text(stmt, 1, text);
    const evtwin_status st = evtwin__stmt_step(stmt);
    if (st == EVTWIN_OK) {
        evtwin__stmt_i64(stmt, 0, out);
    }
    evtwin__stmt_free(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

static evtwin_status has_step(evtwin__db *db, const char *name, int64_t *out) {
    return count_of(db, "SELECT count(*) FROM ev_migration WHERE name = ?", name, out);
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
    evtwin_status st = has_step(db, file->name, &is_done);
    if (st < 0 || is_done) {
        return st;
    }
    if ((st = evtwin__db_exec(db, file->data)) >= 0 &&
        strstr(file->data, "CREATE TABLE ev_threshold") != NULL) {
        st = fill_limits(db);
    }
    return st < 0 ? evtwin__fail_in(st, "migration %s", file->name)
                  : record(db, (int64_t)i + 1, file->name);
}

static evtwin_status add_column(evtwin__db *db, size_t q, const char *name) {
    static const char *const types[] = {[EVTWIN_F64] = "REAL",
                                        [EVTWIN_I64] = "INTEGER",
                                        [EVTWIN_BOOL] = "INTEGER",
                                        [EVTWIN_TIME] = "TEXT",
                                        [EVTWIN_TEXT] = "TEXT"};
    char sql[200];
    snprintf(sql, sizeof sql, "ALTER TABLE ev_telemetry ADD COLUMN %s %s", evtwin__schema[q].name,
             types[evtwin__schema[q].type]);
    int64_t last = 0;
    evtwin_status st = evtwin__db_query_i64(db, "SELECT max(version) FROM ev_migration", 0, &last);
    if (st >= 0 && (st = evtwin__db_exec(db, sql)) >= 0) {
        st = record(db, last < FIRST_COLUMN_STEP ? FIRST_COLUMN_STEP : last + 1, name);
    }
    return st;
}

/* Add the columns that have a step in the model but not here; for the model itself (NULL), those
 * of the quantities that the files do not make. */
static evtwin_status add_columns(evtwin__db *db, evtwin__db *model) {
    evtwin_status st = EVTWIN_OK;
    for (size_t q = 0; q < EVTWIN__Q_COUNT && st >= 0; q++) {
        if (!evtwin__is_of(q, EVTWIN__STORED)) {
            continue;
        }
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "column %s", evtwin__schema[q].name);
        int64_t is_wanted = 1, is_there = 0;
        if (model == NULL) {
            st = count_of(db,
                          "SELECT count(*) FROM pragma_table_info('ev_telemetry') WHERE name = ?",
                          evtwin__schema[q].name, &is_there);
        } else if ((st = has_step(model, name, &is_wanted)) >= 0) {
            st = has_step(db, name, &is_there);
        }
        if (st >= 0 && is_wanted && !is_there) {
            st = add_column(db, q, name);
        }
    }
    return st;
}

/* Bring a database that has had some of the steps, or none, to the model. */
static evtwin_status run_steps(evtwin__db *db, evtwin__db *model) {
    evtwin_status st =
        evtwin__db_exec(db, "CREATE TABLE IF NOT EXISTS ev_migration (version INTEGER PRIMARY KEY,"
                            " name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT");
    for (size_t i = 0; i < evtwin__sqlite_migrations_count && st >= 0; i++) {
        st = run_file(db, i);
    }
    return st < 0 || (st = add_columns(db, model)) < 0 ? st : make_triggers(db);
}

static evtwin_status make_model(evtwin__db **out) {
    evtwin__db *model = NULL;
    evtwin_status st = evtwin__db_open(":memory:", EVTWIN__DB_CREATE, 0, &model);
    if (st >= 0 && (st = run_steps(model, NULL)) < 0) {
        evtwin__db_close(model);
    }
    if (st >= 0) {
        *out = model;
    }
    return st;
}

/* ---- what a database is ---- */

/* *out: 1 if the database has had all steps. EVTWIN_E_SCHEMA if it has had others, too, or is not
 * ours. */
static evtwin_status check_steps(evtwin__db *db, evtwin__db *model, int *is_current_out) {
    /* one query: another process may be making the database just now */
    enum { EMPTY = 0, OURS = 1, FOREIGN = 2 };
    int64_t kind = EMPTY, n_known = 0, n_steps = 0;
    EVTWIN_TRY(evtwin__db_query_i64(
        db,
        "SELECT CASE WHEN count(*) = 0 THEN 0 WHEN sum(type = 'table' AND name = 'ev_migration')"
        " THEN 1 ELSE 2 END FROM sqlite_master",
        EMPTY, &kind));
    EVTWIN_FAIL_IF(kind == FOREIGN, EVTWIN_E_SCHEMA,
                   "%s: holds tables that libevtwin did not make; nothing in it is touched, "
                   "name another file",
                   evtwin__db_name(db));
    *is_current_out = 0;
    if (kind == EMPTY) {
        return EVTWIN_OK;
    }
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__stmt_prepare(db, "SELECT name FROM ev_migration", &stmt));
    evtwin_status st;
    while ((st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        const char *name = evtwin__stmt_text(stmt, 0);
        int64_t is_known = 0;
        if (name != NULL && (st = has_step(model, name, &is_known)) < 0) {
            break;
        }
        if (!is_known) {
            st = evtwin__fail(EVTWIN_E_SCHEMA,
                              "%s: its schema has '%.60s', which libevtwin %s does not know; use "
                              "the newer libevtwin that made it",
                              evtwin__db_name(db), name != NULL ? name : "", evtwin_version());
            break;
        }
        n_known++;
    }
    evtwin__stmt_free(stmt);
    if (st >= 0) {
        st = evtwin__db_query_i64(model, "SELECT count(*) FROM ev_migration", 0, &n_steps);
        *is_current_out = n_known == n_steps;
    }
    return st;
}

/* Our tables by column, and all triggers: key and what it is. Indexes and views are anybody's. */
static const char shape_sql[] =
    "SELECT 'column ' || m.name || '.' || x.name,"
    " x.type || ' ' || x.\"notnull\" || ' ' || x.pk || ' ' || x.hidden"
    " FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS x"
    " WHERE m.type = 'table' AND m.name GLOB 'ev_*'"
    " UNION ALL SELECT 'trigger ' || name, sql FROM sqlite_master WHERE type = 'trigger'"
    " ORDER BY 1";

/* One step of both shapes: EVTWIN_E_SCHEMA where they differ, EVTWIN_DONE at their end. */
static evtwin_status compare_next(evtwin__db *db, evtwin__stmt *is, evtwin__stmt *must) {
    const evtwin_status is_st = evtwin__stmt_step(is), must_st = evtwin__stmt_step(must);
    if (is_st < 0 || must_st < 0) {
        return is_st < 0 ? is_st : must_st;
    }
    const char *is_key = is_st == EVTWIN_OK ? evtwin__stmt_text(is, 0) : NULL;
    const char *must_key = must_st == EVTWIN_OK ? evtwin__stmt_text(must, 0) : NULL;
    if (is_key == NULL && must_key == NULL) {
        return EVTWIN_DONE;
    }
    const int order = is_key == NULL ? 1 : must_key == NULL ? -1 : strcmp(is_key, must_key);
    EVTWIN_FAIL_IF(
        order != 0, EVTWIN_E_SCHEMA, "%s: another program %s its %.100s; nothing in it is touched",
        evtwin__db_name(db), order < 0 ? "added" : "removed", order < 0 ? is_key : must_key);
    const char *is_what = evtwin__stmt_text(is, 1), *must_what = evtwin__stmt_text(must, 1);
    EVTWIN_FAIL_IF(is_what == NULL || must_what == NULL || strcmp(is_what, must_what) != 0,
                   EVTWIN_E_SCHEMA,
                   "%s: another program changed its %.100s; nothing in it is "
                   "touched",
                   evtwin__db_name(db), is_key);
    return EVTWIN_OK;
}

static evtwin_status compare(evtwin__db *db, evtwin__db *model) {
    evtwin__stmt *is = NULL, *must = NULL;
    evtwin_status st = evtwin__stmt_prepare(db, shape_sql, &is);
    if (st >= 0 && (st = evtwin__stmt_prepare(model, shape_sql, &must)) >= 0) {
        while ((st = compare_next(db, is, must)) == EVTWIN_OK) {
        }
    }
    evtwin__stmt_free(is);
    evtwin__stmt_free(must);
    return st < 0 ? st : EVTWIN_OK;
}

/* ---- all of it ---- */

static evtwin_status run_missing(evtwin__db *db, evtwin__db *model) {
    evtwin_status st = evtwin__db_begin_write(db);
    if (st < 0) {
        return st;
    }

    /* another process may have done it while this one waited for the lock */
    int is_current = 0;
    st = check_steps(db, model, &is_current);
    if (st >= 0 && !is_current) {
        st = run_steps(db, model);
    }
    if (st >= 0 && (st = compare(db, model)) >= 0) {
        st = evtwin__db_commit(db);
    }
    if (st < 0) {
        evtwin__db_rollback(db);
    }
    return st;
}

static evtwin_status bring_up_to_date(evtwin__db *db, evtwin__db *model, int read_only) {
    int is_current = 0;
    evtwin_status st = check_steps(db, model, &is_current);
    if (st < 0) {
        return st;
    }
    if (is_current && (st = compare(db, model)) < 0) {
        return st;
    }
    if (read_only) {
        EVTWIN_FAIL_IF(!is_current, EVTWIN_E_SCHEMA,
                       "%s: its schema is older than that of libevtwin %s; open it once for "
                       "writing to bring it up to date",
                       evtwin__db_name(db), evtwin_version());
        return EVTWIN_OK;
    }
    st = evtwin__db_use_wal(db);
    return st < 0 || is_current ? st : run_missing(db, model);
}

evtwin_status evtwin__sqlite_migrate(evtwin__db *db, int read_only) {
    evtwin__db *model = NULL;
    evtwin_status st = make_model(&model);
    if (st >= 0) {
        st = bring_up_to_date(db, model, read_only);
    }
    evtwin__db_close(model);
    return st;
}
