/* SPDX-License-Identifier: MIT */
/* store/store_postgres_adopt.c: an ev_telemetry that other programs made becomes ours, with its
 * rows. All of it happens in the transaction of the migration: what cannot be done leaves no trace.
 */

#include "core/status.h"
#include "io/postgres_wire.h"
#include "store/store_postgres_schema.h"
#include "store/store_postgres_timescale.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- what it is ---- */

/* How a column of another type becomes one of ours: what goes behind its name; NULL if nothing
 * sensible does. A real is what somebody wrote as a decimal: 84.3, not 84.30000305175781. */
static const char *conversion(const postgres_column *column, size_t q) {
    const int64_t from = column->type;
    const int is_integer =
        from == EVTWIN__OID_INT2 || from == EVTWIN__OID_INT4 || from == EVTWIN__OID_INT8;
    switch (evtwin__schema[q].type) {
    case EVTWIN_F64:
        return from == EVTWIN__OID_FLOAT4                  ? "::text::float8"
               : from == EVTWIN__OID_NUMERIC || is_integer ? "::float8"
                                                           : NULL;
    case EVTWIN_I64:
        return from == EVTWIN__OID_FLOAT4 || from == EVTWIN__OID_FLOAT8 ||
                       from == EVTWIN__OID_NUMERIC
                   ? "::bigint"
                   : NULL;
    case EVTWIN_TIME:
        /* by the session's TimeZone */
        return from == EVTWIN__OID_TIMESTAMP ? "::timestamptz" : NULL;
    case EVTWIN_TEXT:
        /* too short a one */
        return from == EVTWIN__OID_BPCHAR || from == EVTWIN__OID_VARCHAR ? "::text" : NULL;
    default:
        return NULL;
    }
}

static evtwin_status refuse(evtwin__pg *pg, const char *what) {
    EVTWIN_FAIL(
        EVTWIN_E_SCHEMA,
        "%s: its ev_telemetry %s; nothing in it is touched: name another database or schema",
        evtwin__pg_name(pg), what);
}

static evtwin_status check_shape(evtwin__pg *pg, const postgres_columns *columns) {
    static const size_t key[] = {EVTWIN__Q_BATTERY_ID, EVTWIN__Q_TIME};
    char what[200];
    for (size_t k = 0; k < 2; k++) {
        if (!columns->of[key[k]].is_there) {
            snprintf(what, sizeof what, "has no column %s", evtwin__schema[key[k]].name);
            return refuse(pg, what);
        }
    }
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        postgres_column column = columns->of[q];
        evtwin__pg_type wire;
        column.is_generated = 0; /* no more then */
        if (column.is_there && !evtwin__postgres_column_fits(&column, q, &wire) &&
            conversion(&column, q) == NULL) {
            snprintf(what, sizeof what, "has a column %s of a type that is not %s",
                     evtwin__schema[q].name, evtwin__postgres_type_name(q));
            return refuse(pg, what);
        }
    }
    if (columns->demanding[0] != '\0') {
        snprintf(what, sizeof what,
                 "has a column %s, which must have a value in each row and has no default",
                 columns->demanding);
        return refuse(pg, what);
    }
    return EVTWIN_OK;
}

/* Refuse it if a query, which counts something, gives any. */
static evtwin_status refuse_if_any(evtwin__pg *pg, const char *sql, const char *what) {
    int64_t n = 0;
    char text[200];
    EVTWIN_TRY(evtwin__pg_query_i64(pg, sql, NULL, 0, &n));
    snprintf(text, sizeof text, "%s (%" PRId64 ")", what, n);
    return n > 0 ? refuse(pg, text) : EVTWIN_OK;
}

/* Nobody changes them from here on. */
static evtwin_status check_rows(evtwin__pg *pg, const postgres_columns *columns) {
    EVTWIN_TRY(refuse_if_any(pg,
                             "SELECT count(*) FROM pg_class WHERE oid = to_regclass('ev_telemetry')"
                             " AND relkind NOT IN ('r', 'p')",
                             "is not a table"));
    EVTWIN_TRY(evtwin__pg_exec(pg, "LOCK TABLE ev_telemetry IN ACCESS EXCLUSIVE MODE"));
    EVTWIN_TRY(refuse_if_any(pg,
                             "SELECT count(*) FROM ev_telemetry WHERE time IS NULL OR battery_id IS"
                             " NULL",
                             "has rows without time or battery_id"));
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const char *name = evtwin__schema[q].name;
        char sql[200], what[100];
        if (evtwin__schema[q].type == EVTWIN_I64 && columns->of[q].is_there &&
            conversion(&columns->of[q], q) != NULL) {
            snprintf(sql, sizeof sql, "SELECT count(*) FROM ev_telemetry WHERE %s <> trunc(%s)",
                     name, name);
            snprintf(what, sizeof what, "has fractions in its column %s", name);
            EVTWIN_TRY(refuse_if_any(pg, sql, what));
        }
    }
    return EVTWIN_OK;
}

/* ---- what stands in the way ---- */

/* Run the statements that a query gives, one a row, each with a reason that goes to the log. */
static evtwin_status run_each(evtwin__pg *pg, const char *query) {
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_query(pg, query, NULL, &result));
    evtwin_status st = EVTWIN_OK;
    for (size_t row = 0; row < evtwin__pg_rows(result) && st >= 0; row++) {
        const char *sql = evtwin__pg_text(result, row, 0);
        const char *why = evtwin__pg_text(result, row, 1);
        st = evtwin__pg_exec(pg, sql != NULL ? sql : "");
        if (st >= 0) {
            evtwin__log(EVTWIN_LOG_WARNING, "%s: %s (%s)", evtwin__pg_name(pg),
                        why != NULL ? why : "", sql != NULL ? sql : "");
        }
    }
    evtwin__pg_result_free(result);
    return st;
}

/* A trigger that sets status by limits of its own; one that compares it stays. A "=" is an
 * assignment at the beginning of a statement, comments aside. */
static const char triggers_sql[] =
    "SELECT format('DROP TRIGGER %I ON ev_telemetry', t.tgname),"
    " 'its trigger gave rows their status; the limits in ev_threshold do now'"
    " FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid JOIN pg_language AS l ON l.oid ="
    " p.prolang WHERE t.tgrelid = to_regclass('ev_telemetry') AND NOT t.tgisinternal AND t.tgtype &"
    " 2 = 2 AND l.lanname = 'plpgsql' AND p.prosrc ~* "
    "'new\\.status\\s*:=|(^|;|\\m(begin|then|else|loop))"
    "(\\s|--[^\\n]*\\n)*new\\.status\\s*='";

/* A key of fewer columns than ours would refuse rows that differ in seq. */
static const char keys_sql[] =
    "SELECT CASE WHEN c.conname IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass) ELSE"
    " format('ALTER TABLE ev_telemetry DROP CONSTRAINT %I', c.conname) END,"
    " 'its key refuses rows of one battery and time; ev_telemetry_key is (battery_id, time, seq)'"
    " FROM pg_index AS i LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid AND c.contype IN"
    " ('p', 'u') WHERE i.indrelid = to_regclass('ev_telemetry') AND i.indisunique AND i.indexprs IS"
    " NULL AND NOT EXISTS (SELECT 1 FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS k (n) "
    "JOIN pg_attribute AS a"
    " ON a.attrelid = i.indrelid AND a.attnum = k.n WHERE a.attname NOT IN ('time',"
    " 'battery_id'))";

/* Views under names of ours; a continuous aggregate looks like one and stays. */
static const char views_sql[] =
    "SELECT format('DROP %s %s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,"
    " c.oid::regclass), 'its view is made anew' FROM pg_class AS c WHERE c.relkind IN ('v', 'm') "
    "AND"
    " c.oid IN (to_regclass('latest_battery_status'), to_regclass('ev_telemetry_hourly')) AND NOT"
    " (pg_get_viewdef(c.oid) ~ '_timescaledb_(internal|functions)\\.')";

/* ---- the table itself ---- */

static void add_column(evtwin__text *to, size_t q, int64_t first_revision) {
    char sql[200];
    snprintf(sql, sizeof sql, ", ADD COLUMN %s %s", evtwin__schema[q].name,
             evtwin__postgres_type_name(q));
    if (q == EVTWIN__Q_SEQ) {
        evtwin__text_append(sql, sizeof sql, " NOT NULL DEFAULT nextval('ev_seq')");
    } else if (q == EVTWIN__Q_REVISION) {
        evtwin__text_append(sql, sizeof sql,
                            " NOT NULL DEFAULT %" PRId64 " + nextval('ev_adopted')",
                            first_revision);
    } else if (q == EVTWIN__Q_CREATED_AT) {
        evtwin__text_append(sql, sizeof sql, " NOT NULL DEFAULT now()");
    }
    evtwin__text_put(to, sql);
}

static void convert_column(evtwin__text *to, const postgres_column *column, size_t q) {
    const char *with = conversion(column, q), *name = evtwin__schema[q].name;
    char sql[200];
    evtwin__pg_type wire;
    if (with != NULL && !evtwin__postgres_column_fits(column, q, &wire)) {
        snprintf(sql, sizeof sql, ", ALTER COLUMN %s TYPE %s USING %s%s", name,
                 evtwin__postgres_type_name(q), name, with);
        evtwin__text_put(to, sql);
    }
}

static evtwin_status run_text(evtwin__pg *pg, evtwin__text *sql) {
    evtwin__text_add(sql, "", 1);
    const evtwin_status st = sql->is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for SQL")
                                            : evtwin__pg_exec(pg, sql->data);
    evtwin__text_free(sql);
    return st;
}

/* All columns in one statement: the table is written anew at most once. */
static evtwin_status alter_table(evtwin__pg *pg, const postgres_columns *columns,
                                 int64_t first_revision) {
    evtwin__text sql = {.size = 0};
    evtwin__text_put(&sql, "CREATE SEQUENCE IF NOT EXISTS ev_seq; CREATE SEQUENCE ev_adopted;"
                           " ALTER TABLE ev_telemetry ALTER COLUMN time SET NOT NULL, ALTER COLUMN"
                           " battery_id SET NOT NULL");
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const postgres_column *column = &columns->of[q];
        if (evtwin__is_of(q, EVTWIN__STORED) && !column->is_there) {
            add_column(&sql, q, first_revision);
        } else if (evtwin__is_of(q, EVTWIN__STORED)) {
            char drop[100];
            snprintf(drop, sizeof drop, ", ALTER COLUMN %s DROP EXPRESSION",
                     evtwin__schema[q].name);
            evtwin__text_put(&sql, column->is_generated ? drop : "");
            convert_column(&sql, column, q);
        }
    }
    return run_text(pg, &sql);
}

/* Rows of a table that has such columns already, but not in each row. */
static evtwin_status fill_columns(evtwin__pg *pg, const postgres_columns *columns,
                                  int64_t first_revision) {
    char sql[600];
    snprintf(sql, sizeof sql,
             "UPDATE ev_telemetry SET seq = nextval('ev_seq') WHERE seq IS NULL;"
             " UPDATE ev_telemetry SET revision = %" PRId64 " + nextval('ev_adopted') %s;"
             " ALTER TABLE ev_telemetry ALTER COLUMN seq DROP DEFAULT, ALTER COLUMN revision DROP"
             " DEFAULT, ALTER COLUMN seq SET NOT NULL, ALTER COLUMN revision SET NOT NULL, ALTER"
             " COLUMN created_at SET DEFAULT now(); DROP SEQUENCE ev_adopted",
             first_revision,
             columns->of[EVTWIN__Q_REVISION].is_there ? "" : "WHERE revision IS NULL");
    return evtwin__pg_exec(pg, sql);
}

/* A hypertable's rows lie in chunks by their time as it was written: with times of another zone
 * they belong into others, so they are put in anew. */
static evtwin_status set_aside(evtwin__pg *pg, const postgres_columns *columns) {
    evtwin__text sql = {.size = 0};
    evtwin__text_put(&sql, "CREATE TEMP TABLE ev_aside AS TABLE ev_telemetry; TRUNCATE"
                           " ev_telemetry; ALTER TABLE pg_temp.ev_aside ALTER COLUMN time SET NOT"
                           " NULL");
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        convert_column(&sql, &columns->of[q], q);
    }
    return run_text(pg, &sql);
}

static evtwin_status put_back(evtwin__pg *pg) {
    return evtwin__pg_exec(
        pg, "DO $ev$ DECLARE columns text; BEGIN SELECT string_agg(quote_ident(attname), ', ')"
            " INTO columns FROM pg_attribute WHERE attrelid = 'pg_temp.ev_aside'::regclass AND"
            " attnum > 0; EXECUTE format('INSERT INTO ev_telemetry (%1$s) OVERRIDING SYSTEM VALUE"
            " SELECT %1$s FROM pg_temp.ev_aside', columns); END $ev$; DROP TABLE pg_temp.ev_aside");
}

static evtwin_status change_table(evtwin__pg *pg, const postgres_columns *columns,
                                  const timescale *t) {
    const int is_moved =
        t->is_hypertable && columns->of[EVTWIN__Q_TIME].type == EVTWIN__OID_TIMESTAMP;
    int64_t first_revision = 0;
    if (t->is_compressed) {
        EVTWIN_TRY(evtwin__timescale_run(pg, t, TIMESCALE_DECOMPRESS));
        EVTWIN_TRY(evtwin__timescale_run(pg, t, TIMESCALE_COMPRESS_OFF));
    }
    EVTWIN_TRY(is_moved ? set_aside(pg, columns) : EVTWIN_OK);
    EVTWIN_TRY(evtwin__pg_query_i64(pg, "SELECT pg_current_xact_id()::text::bigint << 20", NULL, 0,
                                    &first_revision));
    EVTWIN_TRY(alter_table(pg, columns, first_revision));
    EVTWIN_TRY(is_moved ? put_back(pg) : EVTWIN_OK);
    return fill_columns(pg, columns, first_revision);
}

static evtwin_status set_zone(evtwin__pg *pg, const char *zone) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_text(&params, zone);
    const evtwin_status st =
        zone == NULL
            ? EVTWIN_OK
            : evtwin__pg_query(pg, "SELECT set_config('TimeZone', $1, true)", &params, NULL);
    evtwin__pg_params_free(&params);
    EVTWIN_FAIL_IF(st < 0 && strcmp(evtwin__pg_sqlstate(pg), "22023") == 0, EVTWIN_E_ARG,
                   "%s: naive_time=%.60s is not a time zone that the server knows",
                   evtwin__pg_name(pg), zone);
    return st;
}

/* What was done to the rows. */
static evtwin_status tell(evtwin__pg *pg, const postgres_columns *columns) {
    evtwin__pg_result *result = NULL;
    int64_t n = 0;
    EVTWIN_TRY(evtwin__pg_query(
        pg, "SELECT count(*), current_setting('TimeZone') FROM ev_telemetry", NULL, &result));
    evtwin__pg_i64(result, 0, 0, &n);
    const char *zone = evtwin__pg_text(result, 0, 1);
    const int is_naive = columns->of[EVTWIN__Q_TIME].type == EVTWIN__OID_TIMESTAMP;
    evtwin__log(
        EVTWIN_LOG_WARNING, "%s: ev_telemetry of another program is adopted: %" PRId64 " rows%s%s",
        evtwin__pg_name(pg), n, is_naive ? "; their times without an offset are those of " : "",
        is_naive && zone != NULL ? zone : "");
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
}

static evtwin_status change(evtwin__pg *pg, const postgres_migration *how, const timescale *t,
                            const postgres_columns *columns) {
    EVTWIN_TRY(set_zone(pg, how->naive_zone));
    EVTWIN_TRY(run_each(pg, views_sql));
    EVTWIN_TRY(run_each(pg, triggers_sql));
    EVTWIN_TRY(run_each(pg, keys_sql));
    EVTWIN_TRY(change_table(pg, columns, t));
    return tell(pg, columns);
}

evtwin_status evtwin__postgres_adopt_check(evtwin__pg *pg, const postgres_columns *columns) {
    return check_shape(pg, columns);
}

evtwin_status evtwin__postgres_adopt(evtwin__pg *pg, const postgres_migration *how,
                                     const timescale *t) {
    postgres_columns columns;
    EVTWIN_TRY(evtwin__postgres_columns_read(pg, &columns));
    EVTWIN_TRY(check_shape(pg, &columns));
    EVTWIN_TRY(check_rows(pg, &columns));
    const evtwin_status st = change(pg, how, t, &columns);
    if (st == EVTWIN_E_EXTERNAL ||
        st == EVTWIN_E_DATA) { /* a view of somebody needs a column as it is, or the like */
        char why[300];
        snprintf(why, sizeof why, "cannot be adopted (%s)", evtwin_last_error());
        return refuse(pg, why);
    }
    return st;
}

evtwin_status evtwin__postgres_adopt_predictions(evtwin__pg *pg) {
    return evtwin__pg_exec(pg, "INSERT INTO ev_battery (battery_id, predicted_time, predicted_seq)"
                               " SELECT DISTINCT ON (battery_id) battery_id, time, seq FROM"
                               " ev_telemetry WHERE prediction_timestamp IS NOT NULL"
                               " ORDER BY battery_id, time DESC, seq DESC; ANALYZE ev_telemetry");
}
