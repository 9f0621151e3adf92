/* SPDX-License-Identifier: MIT */
/* store/store_postgres_migrate.c: find the schema in use, bring it up to date, or see that it is.
 */

#include "core/embed.h"
#include "core/status.h"
#include "store/store_postgres_schema.h"

#include <stdio.h>
#include <string.h>

/* schema/postgres/NNN_name.sql, in order. */
extern const evtwin__embedded evtwin__postgres_migrations[];
extern const size_t evtwin__postgres_migrations_count;

enum { FIRST_COLUMN_STEP = 1001 /* below are the numbers of files */ };

/* Two programs that open a database at once: one makes the schema, the other waits. "evtwin" */
#define MIGRATION_LOCK "SELECT pg_advisory_xact_lock(111546413246830)"

/* ---- the schema in use ---- */

/* That of the table if the search path leads to one, else where a new one would go. No name of ours
 * can then mean something that another schema has. */
static evtwin_status choose_schema(evtwin__pg *pg, postgres_schema *out) {
    static const char sql[] =
        "SELECT quote_ident(coalesce((SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n"
        " ON n.oid = c.relnamespace WHERE c.oid = to_regclass('ev_telemetry')), current_schema()))";
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_query(pg, sql, NULL, &result));
    const char *name = evtwin__pg_text(result, 0, 0);
    snprintf(out->name, sizeof out->name, "%s", name != NULL ? name : "");
    evtwin__pg_result_free(result);
    EVTWIN_FAIL_IF(
        out->name[0] == '\0', EVTWIN_E_SCHEMA,
        "%s: the search_path has no schema that is there and that this user may use; make "
        "one, set search_path, or GRANT USAGE ON SCHEMA",
        evtwin__pg_name(pg));
    char set[200];
    snprintf(set, sizeof set, "SET search_path = %s, pg_temp", out->name);
    return evtwin__pg_exec(pg, set);
}

/* ---- what a database is ---- */

typedef struct verdict {
    int is_ours;      /* it has ev_migration */
    int64_t n_steps;  /* of ours that it has had */
    int is_current;   /* it has had all of them */
    int64_t is_whole; /* functions, triggers and views are as we make them */
    postgres_columns columns;
} verdict;

static int is_file(const char *name) {
    for (size_t i = 0; i < evtwin__postgres_migrations_count; i++) {
        if (strcmp(evtwin__postgres_migrations[i].name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_known(const char *name) {
    static const char column[] = "column ";
    if (strncmp(name, column, strlen(column)) != 0) {
        return is_file(name);
    }
    const size_t q = evtwin__quantity_by_name(name + strlen(column));
    return q < EVTWIN__Q_COUNT && evtwin__is_of(q, EVTWIN__STORED);
}

static evtwin_status check_steps(evtwin__pg *pg, const evtwin__pg_result *result, verdict *v) {
    for (size_t row = 0; row < evtwin__pg_rows(result); row++) {
        const char *name = evtwin__pg_text(result, row, 0);
        name = name != NULL ? name : "";
        EVTWIN_FAIL_IF(!is_known(name), EVTWIN_E_SCHEMA,
                       "%s: its schema has '%.60s', which libevtwin %s does not know; open it with "
                       "the newer libevtwin that made it",
                       evtwin__pg_name(pg), name, evtwin_version());
        v->n_steps += is_file(name);
    }
    return EVTWIN_OK;
}

static evtwin_status look(evtwin__pg *pg, verdict *v) {
    int64_t is_ours = 0;
    *v = (verdict){.is_ours = 0};
    EVTWIN_TRY(evtwin__postgres_columns_read(pg, &v->columns));
    EVTWIN_TRY(evtwin__pg_query_i64(pg, "SELECT (to_regclass('ev_migration') IS NOT NULL)::int",
                                    NULL, 0, &is_ours));
    v->is_ours = is_ours != 0;
    if (!is_ours) {
        return EVTWIN_OK;
    }
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_query(pg, "SELECT name FROM ev_migration", NULL, &result));
    const evtwin_status st = check_steps(pg, result, v);
    evtwin__pg_result_free(result);
    EVTWIN_TRY(st);
    v->is_current = v->n_steps == (int64_t)evtwin__postgres_migrations_count;
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        v->is_current &= !evtwin__is_of(q, EVTWIN__STORED) || v->columns.of[q].is_there;
    }
    return v->is_current ? evtwin__postgres_derived_check(pg, &v->is_whole) : EVTWIN_OK;
}

/* ---- steps ---- */

static evtwin_status record(evtwin__pg *pg, int64_t version, const char *kind, const char *name) {
    char sql[300];
    snprintf(sql, sizeof sql,
             "INSERT INTO ev_migration (version, name, applied_at) SELECT greatest(%lld,"
             " %d * (max(version) + 1)), '%s%s', now() FROM ev_migration",
             (long long)version, version >= FIRST_COLUMN_STEP, kind, name);
    return evtwin__pg_exec(pg, sql);
}

/* The contract's limits. */
static evtwin_status fill_limits(evtwin__pg *pg) {
    evtwin_thresholds *contract = NULL;
    evtwin_table *limits = NULL;
    evtwin_status st = evtwin_thresholds_create(&contract);
    if (st >= 0 && (st = evtwin_thresholds_table(contract, &limits)) >= 0) {
        st = evtwin__postgres_keep_rows(pg, EVTWIN__KEPT_LIMITS, limits);
    }
    evtwin_table_free(limits);
    evtwin_thresholds_free(contract);
    return st;
}

static evtwin_status run_file(evtwin__pg *pg, size_t i) {
    const evtwin__embedded *file = &evtwin__postgres_migrations[i];
    evtwin__pg_params params = {.n = 0};
    int64_t is_done = 0;
    evtwin__pg_add_text(&params, file->name);
    evtwin_status st = evtwin__pg_query_i64(pg, "SELECT count(*) FROM ev_migration WHERE name = $1",
                                            &params, 0, &is_done);
    evtwin__pg_params_free(&params);
    if (st < 0 || is_done) {
        return st;
    }
    st = evtwin__pg_exec(pg, file->data);
    if (st >= 0 && strstr(file->data, "CREATE TABLE ev_threshold") != NULL) {
        st = fill_limits(pg);
    }
    return st < 0 ? evtwin__fail_in(st, "migration %s", file->name)
                  : record(pg, (int64_t)i + 1, "", file->name);
}

/* A new quantity is an additive column, its step made from the list. */
static evtwin_status add_columns(evtwin__pg *pg) {
    postgres_columns columns;
    EVTWIN_TRY(evtwin__postgres_columns_read(pg, &columns));
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        if (!evtwin__is_of(q, EVTWIN__STORED) || columns.of[q].is_there) {
            continue;
        }
        char sql[200];
        snprintf(sql, sizeof sql, "ALTER TABLE ev_telemetry ADD COLUMN %s %s",
                 evtwin__schema[q].name, evtwin__postgres_type_name(q));
        EVTWIN_TRY(evtwin__pg_exec(pg, sql));
        EVTWIN_TRY(record(pg, FIRST_COLUMN_STEP, "column ", evtwin__schema[q].name));
    }
    return EVTWIN_OK;
}

static evtwin_status run_steps(evtwin__pg *pg) {
    EVTWIN_TRY(evtwin__pg_exec(pg, "CREATE TABLE IF NOT EXISTS ev_migration (version BIGINT PRIMARY"
                                   " KEY, name TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL)"));
    for (size_t i = 0; i < evtwin__postgres_migrations_count; i++) {
        EVTWIN_TRY(run_file(pg, i));
    }
    return add_columns(pg);
}

/* ---- all of it ---- */

static evtwin_status bring_up_to_date(evtwin__pg *pg, const postgres_migration *how,
                                      postgres_schema *out) {
    /* another process may have done it while this one waited for the lock */
    verdict v;
    EVTWIN_TRY(evtwin__pg_exec(pg, MIGRATION_LOCK));
    EVTWIN_TRY(look(pg, &v));
    timescale t;
    EVTWIN_TRY(evtwin__timescale_read(pg, out->name, &t));
    const int is_foreign = !v.is_ours && v.columns.is_table;
    EVTWIN_TRY(is_foreign ? evtwin__postgres_adopt(pg, how, &t) : EVTWIN_OK);
    EVTWIN_TRY(v.is_current ? EVTWIN_OK : run_steps(pg));
    EVTWIN_TRY(is_foreign ? evtwin__postgres_adopt_predictions(pg) : EVTWIN_OK);
    if (t.version > 0 && !v.is_ours) { /* later what was removed would come back */
        EVTWIN_TRY(evtwin__timescale_read(pg, out->name, &t)); /* as the steps have left it */
        EVTWIN_TRY(evtwin__timescale_make(pg, out->name, how->retention_days, &t));
    }
    out->has_hourly_aggregate = t.has_hourly;
    EVTWIN_TRY(v.is_whole ? EVTWIN_OK : evtwin__postgres_derived_make(pg, out));
    /* rows that were adopted just now have revisions of this transaction */
    return is_foreign ? EVTWIN_OK : evtwin__postgres_raise_revisions(pg);
}

/* Nothing to do, as nearly always? */
static evtwin_status check_all(evtwin__pg *pg, const verdict *v, int *is_done_out) {
    int64_t are_ahead = 0;
    *is_done_out = 0;
    if (v->is_current && v->is_whole) {
        EVTWIN_TRY(evtwin__postgres_revisions_check(pg, &are_ahead));
        *is_done_out = !are_ahead;
    }
    return EVTWIN_OK;
}

/* A table of some size takes its time. */
static evtwin_status migrate(evtwin__pg *pg, const postgres_migration *how, postgres_schema *out) {
    EVTWIN_TRY(evtwin__pg_begin(pg, ""));
    evtwin__pg_patience(pg, 0);
    const evtwin_status st = evtwin__pg_end(pg, bring_up_to_date(pg, how, out));
    evtwin__pg_patience(pg, EVTWIN__PG_PATIENCE_MS);
    return st;
}

static evtwin_status check_reader(evtwin__pg *pg, const verdict *v) {
    const char *name = evtwin__pg_name(pg);
    EVTWIN_FAIL_IF(!v->is_ours, EVTWIN_E_AGAIN, "%s: %s", name,
                   v->columns.is_table
                       ? "its ev_telemetry is not adopted yet; whoever writes does it"
                       : "has no tables yet; whoever writes makes them");
    EVTWIN_FAIL_IF(!v->is_current, EVTWIN_E_SCHEMA,
                   "%s: its schema is older than that of libevtwin %s; open it once for writing to "
                   "bring it up to date",
                   name, evtwin_version());
    return EVTWIN_OK;
}

static evtwin_status leave_as_it_is(evtwin__pg *pg, const verdict *v) {
    EVTWIN_TRY(v->is_ours ? EVTWIN_OK : evtwin__postgres_adopt_check(pg, &v->columns));
    evtwin__log(EVTWIN_LOG_WARNING, "%s: %s", evtwin__pg_name(pg),
                v->is_ours ? "its schema is older; whoever writes first brings it up to date"
                           : "its ev_telemetry is of another program; whoever writes first adopts "
                             "it: look at naive_time before");
    return EVTWIN_DONE;
}

evtwin_status evtwin__postgres_migrate(evtwin__pg *pg, const postgres_migration *how,
                                       postgres_schema *out) {
    verdict v;
    *out = (postgres_schema){.name = ""};
    EVTWIN_TRY(choose_schema(pg, out));
    EVTWIN_TRY(look(pg, &v));
    if (how->read_only || (!how->may_create && !v.is_ours)) {
        EVTWIN_TRY(check_reader(pg, &v));
    } else if (how->keeps_tables && v.columns.is_table && !v.is_current) {
        return leave_as_it_is(pg, &v);
    } else {
        int is_done = 0;
        EVTWIN_TRY(check_all(pg, &v, &is_done));
        EVTWIN_TRY(is_done ? EVTWIN_OK : migrate(pg, how, out));
        EVTWIN_TRY(is_done ? EVTWIN_OK : evtwin__postgres_columns_read(pg, &v.columns));
    }
    timescale t;
    EVTWIN_TRY(evtwin__timescale_read(pg, out->name, &t));
    EVTWIN_TRY(t.is_hypertable ? evtwin__timescale_lift_limit(pg) : EVTWIN_OK);
    out->is_hypertable = t.is_hypertable;
    out->has_hourly_aggregate = t.has_hourly;
    out->is_expired_by_server = t.has_retention;
    out->is_expired_by_time = t.drops_by_time;
    return evtwin__postgres_columns_check(pg, &v.columns, out);
}
