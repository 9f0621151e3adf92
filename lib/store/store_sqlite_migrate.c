/* SPDX-License-Identifier: MIT */
/* store/store_sqlite_migrate.c: bring a database to the schema of this version, refuse what is not
 * ours. */

#include "evtwin/thresholds.h"

#include "core/embed.h"
#include "core/status.h"
#include "core/text.h"
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

static const char *const type_names[] = {[EVTWIN_F64] = "REAL",
                                         [EVTWIN_I64] = "INTEGER",
                                         [EVTWIN_BOOL] = "INTEGER",
                                         [EVTWIN_TIME] = "TEXT",
                                         [EVTWIN_TEXT] = "TEXT"};

static evtwin_status add_column(evtwin__db *db, const evtwin__quantity *quantity) {
    char sql[200];
    snprintf(sql, sizeof sql, "ALTER TABLE ev_telemetry ADD COLUMN %s %s", quantity->name,
             type_names[quantity->type]);
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

/* Its steps; columns and text of our tables; our indexes and views; all triggers: key and what it
 * is. Steps sort before the rest. Other indexes and views are anybody's, unless they can refuse
 * rows. */
#define STEP "applied "
static const char shape_sql[] =
    "SELECT DISTINCT '" STEP "' || coalesce(name, ''), '' FROM ev_migration"
    " UNION ALL SELECT 'column ' || m.name || '.' || x.name,"
    " x.type || ' ' || x.\"notnull\" || ' ' || x.pk || ' ' || x.hidden"
    " FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS x"
    " WHERE m.type = 'table' AND m.name GLOB 'ev_*'"
    " UNION ALL SELECT type || ' ' || name, sql FROM sqlite_master WHERE type = 'trigger'"
    " OR name GLOB 'ev_*' OR name = 'latest_battery_status'"
    " UNION ALL SELECT 'unique index ' || l.name, '' FROM sqlite_master AS m,"
    " pragma_index_list(m.name) AS l WHERE m.type = 'table' AND m.name GLOB 'ev_*'"
    " AND l.\"unique\" AND l.name NOT GLOB 'ev_*' AND l.name NOT GLOB 'sqlite_*'"
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

/* Can a writer make it again? */
static int is_derived(const char *key) {
    return strncmp(key, "view ", 5) == 0 || strncmp(key, "index ", 6) == 0 ||
           strncmp(key, "trigger ", 8) == 0;
}

/* The text without its white space and, of a table, without the columns that steps add, in whatever
 * order they did: whether they are there is another entry. */
static void normalise(evtwin__text *to, const char *key, const char *sql) {
    for (const char *c = sql; *c != '\0'; c++) {
        if (strchr(" \t\n\r", *c) == NULL) {
            evtwin__text_add(to, c, 1);
        }
    }
    evtwin__text_add(to, "", 1);
    for (size_t q = 0; strcmp(key, "table ev_telemetry") == 0 && q < EVTWIN__Q_COUNT; q++) {
        char column[120];
        const int n = snprintf(column, sizeof column, ",%s%s", evtwin__schema[q].name,
                               type_names[evtwin__schema[q].type]);
        char *at = to->is_failed ? NULL : strstr(to->data, column);
        if (at != NULL && (at[n] == ',' || at[n] == ')')) {
            memmove(at, at + n, strlen(at + n) + 1);
        }
    }
}

static evtwin_status check_text(const char *file, const char *key, const char *is,
                                const char *must) {
    if (is != NULL && must != NULL && strcmp(is, must) == 0) {
        return EVTWIN_OK;
    }
    evtwin__text a = {.size = 0}, b = {.size = 0};
    normalise(&a, key, is != NULL ? is : "");
    normalise(&b, key, must != NULL ? must : "");
    const int is_failed = a.is_failed || b.is_failed;
    const int is_same = !is_failed && strcmp(a.data, b.data) == 0;
    evtwin__text_free(&a);
    evtwin__text_free(&b);
    EVTWIN_FAIL_IF(is_failed, EVTWIN_E_NOMEM, "%s: out of memory for its schema", file);
    EVTWIN_FAIL_IF(!is_same, EVTWIN_E_SCHEMA, "%s: another program changed its %.100s; %s", file,
                   key,
                   is_derived(key) ? "drop that, and the next writer makes it anew"
                                   : "nothing in it is touched: use a backup");
    return EVTWIN_OK;
}

/* What the comparison comes to. */
typedef struct verdict {
    int is_empty;   /* 1: it has nothing at all; another process may be about to fill it */
    int is_current; /* 0: the database lacks steps; what they would make is then not looked at */
    int is_whole;   /* 0: it lacks what a writer makes again */
    char lost[128]; /* which, the first */
} verdict;

/* Go through both shapes. EVTWIN_E_SCHEMA if the database has other steps, or differs from the
 * model in what nobody can make again. */
static evtwin_status compare(evtwin__db *db, entry *is, entry *must, verdict *v) {
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
        if (key == NULL || (!is_step && !v->is_current)) {
            return EVTWIN_OK;
        }
        if (is_step && order > 0) {
            v->is_current = 0;
            continue;
        }
        EVTWIN_FAIL_IF(is_step && order < 0, EVTWIN_E_SCHEMA,
                       "%s: its schema has '%.60s', which libevtwin %s does not know; open it with "
                       "the newer libevtwin that made it",
                       file, key + strlen(STEP), evtwin_version());
        EVTWIN_FAIL_IF(order < 0, EVTWIN_E_SCHEMA, "%s: another program added its %.100s; drop it",
                       file, key);
        if (order > 0 && is_derived(key)) {
            snprintf(v->lost, sizeof v->lost, "%s", v->is_whole ? key : v->lost);
            v->is_whole = 0;
            continue;
        }
        EVTWIN_FAIL_IF(order > 0, EVTWIN_E_SCHEMA,
                       "%s: another program removed its %.100s; nothing in it is touched: use a "
                       "backup",
                       file, key);
        EVTWIN_TRY(check_text(file, key, evtwin__stmt_text(is->stmt, 1),
                              evtwin__stmt_text(must->stmt, 1)));
    }
}

/* EVTWIN_E_SCHEMA if the database is not ours or not as it was. */
static evtwin_status check(evtwin__db *db, evtwin__db *model, verdict *v) {
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
    *v = (verdict){.is_empty = kind == EMPTY, .is_current = kind == OURS, .is_whole = 1};
    if (kind == EMPTY) {
        return EVTWIN_OK;
    }
    entry is = {.stmt = NULL}, must = {.stmt = NULL};
    evtwin_status st = evtwin__stmt_prepare(db, shape_sql, &is.stmt);
    if (st >= 0 && (st = evtwin__stmt_prepare(model, shape_sql, &must.stmt)) >= 0) {
        st = compare(db, &is, &must, v);
    }
    evtwin__stmt_free(is.stmt);
    evtwin__stmt_free(must.stmt);
    return st;
}

/* Make the indexes, views and triggers again that the database lacks. */
static evtwin_status make_lost(evtwin__db *db, evtwin__db *model) {
    static const char ours[] =
        "SELECT name, sql FROM sqlite_master WHERE type <> 'table' AND sql IS"
        " NOT NULL";
    static const char is_there[] = "SELECT count(*) FROM sqlite_master WHERE name = '";
    evtwin__stmt *stmt = NULL;
    EVTWIN_TRY(evtwin__stmt_prepare(model, ours, &stmt));
    evtwin_status st;
    while ((st = evtwin__stmt_step(stmt)) == EVTWIN_OK) {
        int64_t n = 0;
        if ((st = query(db, is_there, evtwin__stmt_text(stmt, 0), &n)) < 0 ||
            (n == 0 && (st = evtwin__db_exec(db, evtwin__stmt_text(stmt, 1))) < 0)) {
            break;
        }
    }
    evtwin__stmt_free(stmt);
    return st < 0 ? st : EVTWIN_OK;
}

/* ---- all of it ---- */

static evtwin_status run_missing(evtwin__db *db, evtwin__db *model) {
    EVTWIN_TRY(evtwin__db_begin_write(db));

    /* another process may have done it while this one waited for the lock */
    verdict v;
    evtwin_status st = check(db, model, &v);
    if (st >= 0 && !v.is_current && (st = run_steps(db, model)) >= 0) {
        st = check(db, model, &v);
    }
    if (st >= 0 && !v.is_whole && (st = make_lost(db, model)) >= 0) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: another program removed its %s; made again",
                    evtwin__db_name(db), v.lost);
        st = check(db, model, &v);
    }
    return evtwin__db_end(db, st);
}

static evtwin_status bring_up_to_date(evtwin__db *db, evtwin__db *model, int read_only) {
    verdict v;
    EVTWIN_TRY(check(db, model, &v));
    EVTWIN_FAIL_IF(read_only && v.is_empty, EVTWIN_E_AGAIN,
                   "%s: has no tables yet; whoever writes makes them", evtwin__db_name(db));
    EVTWIN_FAIL_IF(read_only && !v.is_current, EVTWIN_E_SCHEMA,
                   "%s: its schema is older than that of libevtwin %s; open it once for "
                   "writing to bring it up to date",
                   evtwin__db_name(db), evtwin_version());
    EVTWIN_FAIL_IF(read_only && !v.is_whole, EVTWIN_E_SCHEMA,
                   "%s: another program removed its %s; open it once for writing, which makes it "
                   "again",
                   evtwin__db_name(db), v.lost);
    if (read_only) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__db_use_wal(db));
    return v.is_current && v.is_whole ? EVTWIN_OK : run_missing(db, model);
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
