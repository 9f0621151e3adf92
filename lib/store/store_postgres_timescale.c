/* SPDX-License-Identifier: MIT */
/* store/store_postgres_timescale.c: every statement that only TimescaleDB knows. They run where the
 * extension is installed, in the transaction of the migration, each behind a savepoint: what this
 * edition or version cannot do is logged, and the table serves without it. */

#include "core/num.h"
#include "core/status.h"
#include "store/store_postgres_timescale.h"

#include <stdio.h>
#include <string.h>

/* ---- the statements ---- */

/* Each with the version from which on, and up to which, it is spelled so (20018 = 2.18); an empty
 * line between those of which one needs the one before. @T: the schema of the extension; @S: that
 * of the table; @R: the retention. */
typedef struct statement {
    const char *what; /* for the log */
    int from, until;
    timescale_part part;
    const char *sql;
} statement;

#define LATER ", initial_start => now() + INTERVAL '1 day'" /* since 2.9 */

#define ORDER "time DESC, seq DESC, revision DESC, created_at DESC"

/* Retention goes by time and by arrival: an old data set that was loaded today stays. TimescaleDB's
 * own policy goes by time alone, so this is a job of ours, which drops the same whole chunks, one a
 * transaction, when all of their rows are old by both. Rows may come while it looks: they have
 * revisions of transactions that had not ended when it began, and are seen behind the lock, as
 * nothing but READ COMMITTED shows them. It waits 5 s for those who write, who
 * wait behind it; else the job is tried again later. A procedure that commits may not set its
 * search_path: all names say their schema. */
#define IN_CHUNK "SELECT 1 FROM @S.ev_telemetry WHERE time >= c.first AND time < c.until AND "
#define RETENTION                                                                                  \
    "CREATE OR REPLACE PROCEDURE @S.ev_retention(job_id integer, config jsonb) LANGUAGE plpgsql"   \
    " AS $ev$ DECLARE c record; began bigint;"                                                     \
    " cutoff timestamptz := now() - (config->>'keep')::interval; BEGIN"                            \
    " PERFORM set_config('default_transaction_isolation', 'read committed', false); COMMIT;"       \
    " FOR c IN SELECT range_start AS first, range_end AS until FROM "                              \
    "timescaledb_information.chunks"                                                               \
    " WHERE quote_ident(hypertable_schema) = $q$@S$q$ AND hypertable_name = 'ev_telemetry'"        \
    " AND range_end <= cutoff ORDER BY range_start LOOP"                                           \
    " began := (pg_snapshot_xmin(pg_current_snapshot())::text::bigint"                             \
    " + (SELECT transaction_offset FROM @S.ev_revision)) << 20;"                                   \
    " CONTINUE WHEN EXISTS (" IN_CHUNK "created_at >= cutoff);"                                    \
    " PERFORM set_config('lock_timeout', '5s', true);"                                             \
    " LOCK TABLE ONLY @S.ev_telemetry IN SHARE ROW EXCLUSIVE MODE;"                                \
    " IF NOT EXISTS (" IN_CHUNK "revision >= began) THEN PERFORM @T.drop_chunks("                  \
    "$q$@S.ev_telemetry$q$::regclass, older_than => c.until, newer_than => c.first); END IF; "     \
    "COMMIT; END LOOP; PERFORM set_config('lock_timeout', '5s', true);"                            \
    " " POSTGRES_FORGET_BATTERIES("@S.") " END $ev$; "

static const statement statements[] = {
    /* Chunks of a week (the default). The keys are made already, and time is in the unique one, as
     * a hypertable asks. migrate_data: an adopted plain table has rows. */
    {"hypertable", 0, 0, TIMESCALE_HYPERTABLE,
     "SELECT @T.create_hypertable('ev_telemetry', time_column_name => 'time', "
     "create_default_indexes => false,"
     " if_not_exists => true, migrate_data => true)"},

    /* Rows of a battery lie together, in the order in which histories are read. All columns of the
     * unique key must be in one list or the other. revision and created_at are there for the change
     * feed and for retention, which then skip what is compressed by the highest value of each
     * batch. */
    {"compression", 0, 20017, TIMESCALE_COMPRESSION,
     "ALTER TABLE ev_telemetry SET (timescaledb.compress, timescaledb.compress_segmentby ="
     " 'battery_id', timescaledb.compress_orderby = '" ORDER "')"},
    {"compression", 20018, 0, TIMESCALE_COMPRESSION,
     "ALTER TABLE ev_telemetry SET (timescaledb.enable_columnstore = true, timescaledb.segmentby ="
     " 'battery_id', timescaledb.orderby = '" ORDER "')"},

    /* A procedure since it has its new name; if_not_exists keeps the interval of one that is there.
     */
    {"compression policy", 0, 20017, TIMESCALE_COMPRESSION_POLICY,
     "SELECT @T.add_compression_policy('ev_telemetry', compress_after => INTERVAL '7 days',"
     " if_not_exists => true" LATER ")"},
    {"compression policy", 20018, 0, TIMESCALE_COMPRESSION_POLICY,
     "CALL @T.add_columnstore_policy('ev_telemetry', after => INTERVAL '7 days', if_not_exists =>"
     " true" LATER ")"},

    /* WITH NO DATA, since only so it can be made in a transaction; the policy fills it. Not only
     * materialized: hours that it has not got to are computed from their rows. */
    {"continuous aggregate", 0, 0, TIMESCALE_AGGREGATE,
     "CREATE MATERIALIZED VIEW ev_telemetry_hourly WITH (timescaledb.continuous,"
     " timescaledb.materialized_only = false) AS SELECT @T.time_bucket(INTERVAL '1 hour', time) AS"
     " bucket, battery_id, " POSTGRES_HOURLY_COLUMNS
     " FROM ev_telemetry GROUP BY 1, 2 WITH NO DATA"},

    /* From the beginning on: predictions and late rows change old hours, and only hours that have
     * changed are computed anew. */
    {"policy of the continuous aggregate", 0, 0, TIMESCALE_AGGREGATE_POLICY,
     "SELECT @T.add_continuous_aggregate_policy('ev_telemetry_hourly', start_offset => NULL,"
     " end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '30 minutes', if_not_exists "
     "=>"
     " true)"},

    {"retention", 0, 0, TIMESCALE_RETENTION,
     RETENTION "SELECT @T.add_job('ev_retention', INTERVAL '1 day', config =>"
               " jsonb_build_object('keep', '@R'), initial_start => now() + INTERVAL '1 day')"},

    /* Of a table that others made. Keys and NOT NULL cannot be added while compression is on, nor
     * can it be switched off while a chunk is compressed; its policy stays, and compresses them
     * again. */
    {"decompression", 0, 0, TIMESCALE_DECOMPRESS,
     "SELECT @T.decompress_chunk(c, true) FROM @T.show_chunks('ev_telemetry') AS c"},
    {"switching compression off", 0, 20017, TIMESCALE_COMPRESS_OFF,
     "ALTER TABLE ev_telemetry SET (timescaledb.compress = false)"},
    {"switching compression off", 20018, 0, TIMESCALE_COMPRESS_OFF,
     "ALTER TABLE ev_telemetry SET (timescaledb.enable_columnstore = false)"},
};

static const statement *find(const timescale *t, timescale_part part) {
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        const statement *s = &statements[i];
        if (s->part == part && t->version >= s->from && (s->until == 0 || t->version <= s->until)) {
            return s;
        }
    }
    return NULL;
}

void evtwin__timescale_sql(const timescale *t, timescale_part part, evtwin__text *to) {
    const char *text = find(t, part)->sql;
    for (const char *mark; (mark = strchr(text, '@')) != NULL; text = mark + 2) {
        evtwin__text_add(to, text, (size_t)(mark - text));
        if (mark[1] != 'R') {
            evtwin__text_put(to, mark[1] == 'T' ? t->extension_schema : t->schema);
        } else {
            char days[EVTWIN__NUM_SIZE];
            evtwin__format_f64(t->retention_days, days);
            evtwin__text_put(to, days);
            evtwin__text_put(to, " days");
        }
    }
    evtwin__text_add(to, text, strlen(text) + 1);
}

/* ---- what is there ---- */

/* "2.17.2" is 20017. */
int evtwin__timescale_version(const char *text) {
    int64_t major = 0, minor = 0;
    const size_t n = strcspn(text, ".");
    const char *rest = text[n] == '.' ? text + n + 1 : "";
    evtwin__parse_i64(text, n, &major);
    evtwin__parse_i64(rest, strspn(rest, "0123456789"), &minor);
    return (int)(major * 10000 + minor);
}

static evtwin_status read_extension(evtwin__pg *pg, timescale *out) {
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_query(pg,
                                "SELECT e.extversion, quote_ident(n.nspname) FROM pg_extension AS e"
                                " JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname"
                                " = 'timescaledb'",
                                NULL, &result));
    const char *version = evtwin__pg_text(result, 0, 0), *schema = evtwin__pg_text(result, 0, 1);
    if (version != NULL && schema != NULL) {
        out->version = evtwin__timescale_version(version);
        snprintf(out->extension_schema, sizeof out->extension_schema, "%s", schema);
    }
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
}

/* What ev_telemetry has of it, in the schema in use, which is $1. */
#define IN_SCHEMA(schema) " WHERE quote_ident(" schema ") = $1"
#define OURS IN_SCHEMA("hypertable_schema") " AND hypertable_name = 'ev_telemetry'"
#define HAS(what) "EXISTS (SELECT 1 FROM timescaledb_information." what ")"

/* clang-format off */
static const char state_sql[] =
    "SELECT "
    HAS("hypertables" OURS) ", "
    HAS("hypertables" OURS " AND compression_enabled") ", "
    HAS("continuous_aggregates" IN_SCHEMA("view_schema")
        " AND view_name = 'ev_telemetry_hourly'") ", "
    HAS("jobs" OURS " AND proc_name = 'policy_retention'") ", "
    HAS("jobs" IN_SCHEMA("proc_schema") " AND proc_name = 'ev_retention'");
/* clang-format on */

static int is_true(const evtwin__pg_result *result, size_t col) {
    int64_t value = 0;
    return evtwin__pg_i64(result, 0, col, &value) && value != 0;
}

evtwin_status evtwin__timescale_read(evtwin__pg *pg, const char *schema, timescale *out) {
    *out = (timescale){.version = 0};
    snprintf(out->schema, sizeof out->schema, "%s", schema);
    EVTWIN_TRY(read_extension(pg, out));
    if (out->version == 0) {
        return EVTWIN_OK;
    }
    evtwin__pg_result *result = NULL;
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_text(&params, schema);
    const evtwin_status st = evtwin__pg_query(pg, state_sql, &params, &result);
    evtwin__pg_params_free(&params);
    EVTWIN_TRY(st);
    out->is_hypertable = is_true(result, 0);
    out->is_compressed = is_true(result, 1);
    out->has_hourly = is_true(result, 2);
    out->drops_by_time = is_true(result, 3);
    out->has_retention = out->drops_by_time || is_true(result, 4);
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
}

/* From 2.14 on a transaction that decompresses more is refused, whenever it is tried again. */
evtwin_status evtwin__timescale_lift_limit(evtwin__pg *pg) {
#define LIMIT "'timescaledb.max_tuples_decompressed_per_dml_transaction'"
    return evtwin__pg_query(pg,
                            "SELECT set_config(" LIMIT ", '0', false)"
                            " WHERE current_setting(" LIMIT ", true) IS NOT NULL",
                            NULL, NULL);
#undef LIMIT
}

evtwin_status evtwin__timescale_compressed_until(evtwin__pg *pg, const char *schema,
                                                 int64_t *time_us_out) {
    evtwin__pg_params params = {.n = 0};
    evtwin__pg_add_text(&params, schema);
    const evtwin_status st = evtwin__pg_query_i64(
        pg, "SELECT max(range_end) FROM timescaledb_information.chunks" OURS " AND is_compressed",
        &params, INT64_MIN, time_us_out);
    evtwin__pg_params_free(&params);
    return st;
}

/* ---- make what is not there ---- */

evtwin_status evtwin__timescale_run(evtwin__pg *pg, const timescale *t, timescale_part part) {
    evtwin__text sql = {.size = 0};
    evtwin__timescale_sql(t, part, &sql);
    const evtwin_status st = sql.is_failed ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for SQL")
                                           : evtwin__pg_exec(pg, sql.data);
    evtwin__text_free(&sql);
    return st;
}

/* *did_out: 1 if it worked. A failure of the statement itself is no failure of the migration. */
static evtwin_status attempt(evtwin__pg *pg, const timescale *t, timescale_part part,
                             int *did_out) {
    *did_out = 0;
    EVTWIN_TRY(evtwin__pg_exec(pg, "SAVEPOINT evtwin_timescale"));
    if (part == TIMESCALE_AGGREGATE) {
        EVTWIN_TRY(evtwin__pg_exec(pg, "DROP VIEW IF EXISTS ev_telemetry_hourly"));
    }
    const evtwin_status st = evtwin__timescale_run(pg, t, part);
    if (st >= 0) {
        *did_out = 1;
        return evtwin__pg_exec(pg, "RELEASE SAVEPOINT evtwin_timescale");
    }
    if (evtwin_status_is_temporary(st) && st != EVTWIN_E_EXTERNAL) {
        return st;
    }
    evtwin__log(EVTWIN_LOG_WARNING, "TimescaleDB's %s is left out: %s", find(t, part)->what,
                evtwin_last_error());
    return evtwin__pg_exec(pg, "ROLLBACK TO SAVEPOINT evtwin_timescale");
}

/* One part, and if it works (or is there) the one that needs it. */
static evtwin_status attempt_two(evtwin__pg *pg, const timescale *t, int is_there,
                                 timescale_part first, timescale_part second) {
    int did = is_there;
    EVTWIN_TRY(is_there ? EVTWIN_OK : attempt(pg, t, first, &did));
    return did ? attempt(pg, t, second, &did) : EVTWIN_OK;
}

evtwin_status evtwin__timescale_make(evtwin__pg *pg, const char *schema, double retention_days,
                                     timescale *t) {
    int did = t->is_hypertable;
    t->retention_days = retention_days;
    EVTWIN_TRY(did ? EVTWIN_OK : attempt(pg, t, TIMESCALE_HYPERTABLE, &did));
    if (!did) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(
        attempt_two(pg, t, t->is_compressed, TIMESCALE_COMPRESSION, TIMESCALE_COMPRESSION_POLICY));
    EVTWIN_TRY(attempt_two(pg, t, t->has_hourly, TIMESCALE_AGGREGATE, TIMESCALE_AGGREGATE_POLICY));
    EVTWIN_TRY(t->has_retention || retention_days <= 0.0
                   ? EVTWIN_OK
                   : attempt(pg, t, TIMESCALE_RETENTION, &did));
    return evtwin__timescale_read(pg, schema, t);
}
