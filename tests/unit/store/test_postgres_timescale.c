/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_postgres_timescale.c: what is said to TimescaleDB, by version, and in which
 * order: on a PostgreSQL that has functions and views of these names, and writes down their calls.
 */

#include "test.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

#include "postgres.h"

#include "core/clock.h"
#include "store/store_postgres_timescale.h"

#include <sys/wait.h>
#include <unistd.h>

#define SERVER getenv("EVTWIN_TEST_POSTGRES")

/* ---- texts ---- */

static const char *sql(int version, timescale_part part) {
    static evtwin__text text;
    timescale t = {
        .version = version, .extension_schema = "ts", .schema = "s", .retention_days = 30.0};
    text.size = 0;
    evtwin__timescale_sql(&t, part, &text);
    return text.data;
}

static void assert_has(const char *text, const char *piece) {
    if (strstr(text, piece) == NULL) {
        fail_msg("'%s' lacks '%s'", text, piece);
    }
}

static void test_versions(void **state) {
    (void)state;
    assert_int_equal(evtwin__timescale_version("2.17.2"), 20017);
    assert_int_equal(evtwin__timescale_version("2.9.0-dev"), 20009);
    assert_int_equal(evtwin__timescale_version("3"), 30000);
    assert_int_equal(evtwin__timescale_version(""), 0);
}

static void test_spellings(void **state) {
    (void)state;
    assert_has(sql(20017, TIMESCALE_HYPERTABLE), "ts.create_hypertable('ev_telemetry'");
    assert_has(sql(20017, TIMESCALE_COMPRESSION), "timescaledb.compress_segmentby = 'battery_id'");
    assert_has(sql(20018, TIMESCALE_COMPRESSION), "timescaledb.segmentby = 'battery_id'");
    assert_null(strstr(sql(20018, TIMESCALE_COMPRESSION), "compress"));
    assert_has(sql(20009, TIMESCALE_COMPRESSION_POLICY), "SELECT ts.add_compression_policy(");
    assert_has(sql(20024, TIMESCALE_COMPRESSION_POLICY), "CALL ts.add_columnstore_policy(");
    assert_has(sql(20024, TIMESCALE_COMPRESS_OFF), "timescaledb.enable_columnstore = false");
    assert_has(sql(20017, TIMESCALE_AGGREGATE), "ts.time_bucket(INTERVAL '1 hour', time)");
    assert_has(sql(20017, TIMESCALE_AGGREGATE), "WITH NO DATA");
    assert_has(sql(20017, TIMESCALE_AGGREGATE_POLICY), "INTERVAL '30 minutes'");
    assert_has(sql(20017, TIMESCALE_RETENTION), "ts.add_job('ev_retention', INTERVAL '1 day'");
    assert_has(sql(20017, TIMESCALE_RETENTION), "'keep', '30 days'");
}

/* ---- calls ---- */

/* ALTER TABLE … SET (timescaledb.…) and a continuous aggregate are nothing that plain PostgreSQL
 * can be taught: both fail here, as in an edition without them. */
static const char stub_sql[] =
    "CREATE SCHEMA ts; CREATE SCHEMA timescaledb_information;"
    "CREATE TABLE ts.call (n SERIAL, what TEXT);"
    "CREATE TABLE ts.hypertable (hypertable_schema NAME, hypertable_name NAME, compression_enabled"
    " BOOLEAN); CREATE TABLE ts.job (hypertable_schema NAME, hypertable_name NAME, proc_schema "
    "NAME,"
    " proc_name NAME, config JSONB);"
    "CREATE VIEW timescaledb_information.hypertables AS TABLE ts.hypertable;"
    "CREATE VIEW timescaledb_information.jobs AS TABLE ts.job;"
    "CREATE TABLE timescaledb_information.chunks (hypertable_schema NAME, hypertable_name NAME,"
    " range_start TIMESTAMPTZ, range_end TIMESTAMPTZ, is_compressed BOOLEAN);"
    "CREATE TABLE timescaledb_information.continuous_aggregates (view_schema NAME, view_name NAME,"
    " hypertable_schema NAME, hypertable_name NAME);"
    "CREATE FUNCTION ts.add_continuous_aggregate_policy(continuous_aggregate regclass, start_offset"
    " interval, end_offset interval, schedule_interval interval, if_not_exists boolean DEFAULT "
    "false)"
    " RETURNS int LANGUAGE sql AS $$ INSERT INTO ts.call (what) VALUES ('refresh ' ||"
    " schedule_interval || if_not_exists); SELECT 3 $$;"
    "CREATE FUNCTION ts.create_hypertable(relation regclass, time_column_name name,"
    " create_default_indexes boolean DEFAULT true, if_not_exists boolean DEFAULT false, "
    "migrate_data"
    " boolean DEFAULT false) RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
    " IF NOT EXISTS (SELECT 1 FROM pg_index WHERE indrelid = relation AND indisunique) THEN RAISE"
    " EXCEPTION 'the key is made first'; END IF;"
    " INSERT INTO ts.call (what) VALUES (concat_ws(' ', 'hypertable', relation, time_column_name,"
    " create_default_indexes, migrate_data)); INSERT INTO ts.hypertable VALUES (current_schema(),"
    " relation::text, false); RETURN 1; END $$;"
    "CREATE FUNCTION ts.add_job(proc regproc, schedule_interval interval, config jsonb DEFAULT"
    " NULL, initial_start timestamptz DEFAULT NULL, scheduled boolean DEFAULT true, check_config"
    " regproc DEFAULT NULL, fixed_schedule boolean DEFAULT true, timezone text DEFAULT NULL)"
    " RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ts.call (what) VALUES ('job ' || proc ||"
    " config); INSERT INTO ts.job SELECT NULL, NULL, n.nspname, p.proname, config FROM pg_proc AS p"
    " JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid = proc; RETURN 2; END $$;"
    "CREATE FUNCTION ts.drop_chunks(relation regclass, older_than timestamptz, newer_than"
    " timestamptz) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('DELETE FROM %s"
    " WHERE time >= %L AND time < %L', relation, newer_than, older_than); RETURN QUERY DELETE FROM"
    " timescaledb_information.chunks WHERE range_start >= newer_than AND range_end <= older_than"
    " RETURNING range_start::text; END $$;"
    "CREATE FUNCTION ts.time_bucket(interval, timestamptz) RETURNS timestamptz LANGUAGE sql "
    "IMMUTABLE"
    " AS $$ SELECT $2 $$;"
    "CREATE FUNCTION ts.show_chunks(regclass) RETURNS SETOF regclass LANGUAGE sql AS $$ SELECT $1 "
    "$$;"
    "CREATE FUNCTION ts.decompress_chunk(regclass, boolean) RETURNS regclass LANGUAGE sql AS $$"
    " INSERT INTO ts.call (what) VALUES ('decompress ' || $1); SELECT $1 $$;"
    "SET allow_system_table_mods = on; INSERT INTO pg_extension (oid, extname, extowner,"
    " extnamespace, extrelocatable, extversion) SELECT 99999, 'timescaledb', 10, "
    "'ts'::regnamespace,"
    " false, '2.17.2'";

static int set_up(void **state) {
    static test_database database;
    database = test_database_create(SERVER);
    test_sql(database.uri, stub_sql);
    *state = &database;
    return 0;
}

static int tear_down(void **state) {
    test_database_drop(SERVER, *state);
    return 0;
}

static void test_an_empty_database(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    evtwin_store_free(store);
    assert_string_equal(test_query(db->uri, "SELECT string_agg(what, ';' ORDER BY n) FROM ts.call"),
                        "hypertable ev_telemetry time f t;job ev_retention{\"keep\": \"30 days\"}");

    /* what this edition has not: the plain view by hour stands in */
    assert_string_equal(test_query(db->uri, "SELECT relkind::text FROM pg_class WHERE relname ="
                                            " 'ev_telemetry_hourly'"),
                        "v");

    /* once is enough */
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    evtwin_store_free(store);
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ts.call"), "2");
}

static void test_a_table_of_others(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    test_sql(db->uri,
             "CREATE TABLE ev_telemetry (n INT GENERATED ALWAYS AS IDENTITY, time TIMESTAMP,"
             " battery_id VARCHAR(50), soc REAL);"
             "INSERT INTO ts.hypertable VALUES ('public', 'ev_telemetry', false);"
             "INSERT INTO ev_telemetry (time, battery_id, soc) VALUES"
             " ('2025-07-01 00:30', 'A', 84.3), ('2025-07-01 00:30', 'A', 84.3)");
    char uri[400];
    snprintf(uri, sizeof uri, "%s?naive_time=Europe/Berlin", db->uri);
    assert_ok(evtwin_store_open(uri, NULL, &store));
    evtwin_store_free(store);
    assert_string_equal(test_query(db->uri, "SELECT string_agg(concat_ws(',', n, (time AT TIME ZONE"
                                            " 'UTC')::text, soc, seq), ';' ORDER BY n) FROM"
                                            " ev_telemetry"),
                        "1,2025-06-30 22:30:00,84.3,1;2,2025-06-30 22:30:00,84.3,2");
    assert_string_equal(test_query(db->uri, "SELECT string_agg(what, ';' ORDER BY n) FROM ts.call"),
                        "job ev_retention{\"keep\": \"30 days\"}");
}

/* The original's database script made all of it: nothing is made twice, nor in another way. */
static void test_a_database_of_the_original(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    test_sql(db->uri,
             "CREATE SCHEMA _timescaledb_internal; CREATE TABLE _timescaledb_internal.hours (hour"
             " TIMESTAMPTZ, battery_id TEXT, avg_soc FLOAT); CREATE VIEW ev_telemetry_hourly AS"
             " SELECT hour, battery_id, avg_soc FROM _timescaledb_internal.hours; CREATE TABLE"
             " ev_telemetry (time TIMESTAMPTZ NOT NULL, battery_id VARCHAR(50) NOT NULL, soc FLOAT,"
             " created_at TIMESTAMPTZ DEFAULT now()); INSERT INTO ev_telemetry VALUES (now() -"
             " INTERVAL '40 days', 'A', 50, now() - INTERVAL '40 days'); INSERT INTO ts.hypertable"
             " VALUES ('public', 'ev_telemetry', false); INSERT INTO"
             " timescaledb_information.continuous_aggregates VALUES ('public',"
             " 'ev_telemetry_hourly', 'public', 'ev_telemetry'); INSERT INTO ts.job VALUES"
             " ('public', 'ev_telemetry', '_timescaledb_functions', 'policy_retention')");
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    assert_string_equal(test_query(db->uri, "SELECT string_agg(what, ';' ORDER BY n) FROM ts.call"),
                        "refresh 00:30:00true");
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ts.job"), "1");
    assert_string_equal(test_query(db->uri, "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM"
                                            " pg_attribute WHERE attrelid ="
                                            " 'ev_telemetry_hourly'::regclass"),
                        "hour battery_id avg_soc");
    size_t n = 1;
    assert_ok(evtwin_store_expire(store, &n));
    assert_int_equal(n, 0); /* its policy does that */
    evtwin_store_free(store);
}

/* Keys cannot be added while compression is on: its chunks are taken out of it first. */
static void test_a_compressed_table_of_others(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    test_sql(db->uri, "CREATE TABLE ev_telemetry (time TIMESTAMPTZ, battery_id VARCHAR(50));"
                      "INSERT INTO ts.hypertable VALUES ('public', 'ev_telemetry', true)");
    assert_fails(evtwin_store_open(db->uri, NULL, &store), EVTWIN_E_SCHEMA, "timescaledb");
    assert_string_equal(test_query(db->uri, "SELECT (to_regclass('ev_migration') IS NULL)::text"),
                        "true");
}

/* Compressed chunks have no index of the rows that wait: those behind them are offered. */
static void test_rows_that_wait_behind_compressed_chunks(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    test_sql(db->uri, "INSERT INTO ev_telemetry (time, battery_id) VALUES ('2025-01-01', 'A'),"
                      " ('2025-01-08', 'B')");
    assert_ok(evtwin_store_unpredicted(store, 10, &rows));
    assert_int_equal(evtwin_table_rows(rows), 2);
    evtwin_table_free(rows);
    test_sql(db->uri, "INSERT INTO timescaledb_information.chunks VALUES ('public', 'ev_telemetry',"
                      " '2025-01-01', '2025-01-05', true), ('public', 'ev_telemetry', '2025-01-25',"
                      " '2025-02-01', false)");
    assert_ok(evtwin_store_unpredicted(store, 10, &rows));
    assert_int_equal(evtwin_table_rows(rows), 1);
    assert_string_equal(evtwin_table_text(rows, evtwin_table_find(rows, "battery_id"), 0), "B");
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

/* A policy that somebody has removed does not come back with the next step of the schema. */
static void test_what_was_removed_stays_removed(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    evtwin_store_free(store);
    test_sql(db->uri, "DELETE FROM ts.job; DELETE FROM ts.call; DROP VIEW latest_battery_status; "
                      "ALTER TABLE ev_telemetry DROP"
                      " COLUMN quality; DELETE FROM ev_migration WHERE name = 'column quality'");
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    evtwin_store_free(store);
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ev_migration WHERE name ="
                                            " 'column quality'"),
                        "1");
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ts.call"), "0");
}

/* A chunk goes when all of its rows are old by both clocks; one that has a row which came lately
 * stays whole, and so does one that is not over. */
static void test_retention_goes_by_both_clocks(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    test_sql(db->uri,
             "INSERT INTO timescaledb_information.chunks SELECT 'public', 'ev_telemetry', now() - i"
             " * INTERVAL '7 days', now() - (i - 1) * INTERVAL '7 days', i > 1 FROM"
             " generate_series(1, 8) AS i; INSERT INTO ev_telemetry (time, battery_id, created_at,"
             " prediction_timestamp) SELECT now() - i * INTERVAL '1 day', CASE WHEN i > 50 THEN"
             " 'GONE' ELSE 'A' END, now() - (i - CASE WHEN i = 45 THEN 20 ELSE 0 END) * INTERVAL"
             " '1 day', now() FROM generate_series(1, 55) AS i");
    test_sql(db->uri, "CALL ev_retention(1, '{\"keep\": \"30 days\"}')");

    /* left: 1 to 35, the first chunk that is not over at 30 days; and that of 43 to 49 */
    assert_string_equal(test_query(db->uri, "SELECT string_agg((now()::date - time::date)::text,"
                                            " ' ' ORDER BY time DESC) FROM ev_telemetry WHERE time"
                                            " < now() - INTERVAL '34 days 12 hours'"),
                        "35 43 44 45 46 47 48 49");
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ev_telemetry"), "42");
    assert_string_equal(test_query(db->uri, "SELECT string_agg(battery_id, ' ') FROM ev_battery"),
                        "A");

    /* the library itself deletes nothing */
    size_t n = 1;
    assert_ok(evtwin_store_expire(store, &n));
    assert_int_equal(n, 0);
    evtwin_store_free(store);
}

static int64_t number(evtwin__pg *pg, const char *sql) {
    int64_t value = 0;
    assert_ok(evtwin__pg_query_i64(pg, sql, NULL, 0, &value));
    return value;
}

/* The row of a transaction that has not ended when the job looks, and has when it would drop. */
static void test_retention_sees_a_row_that_comes_meanwhile(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    evtwin_store_free(store);
    test_sql(db->uri, "INSERT INTO timescaledb_information.chunks VALUES ('public',"
                      " 'ev_telemetry', '2024-01-01', '2024-01-08', true)");
    evtwin__pg *slow = test_client(db->uri);
    assert_ok(evtwin__pg_exec(slow, "RESET evtwin.writer; BEGIN; INSERT INTO ev_telemetry (time,"
                                    " battery_id) VALUES ('2024-01-02', 'A')"));
    const pid_t job = fork();
    if (job == 0) {
        evtwin__pg *pg = test_client(db->uri);
        evtwin__pg_exec(pg, "CALL ev_retention(1, '{\"keep\": \"30 days\"}')");
        _exit(0);
    }
    const int64_t end_us = evtwin__monotonic_us() + 30 * 1000000;
    while (waitpid(job, NULL, WNOHANG) == 0 && evtwin__monotonic_us() < end_us) {
        if (number(slow, "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0) {
            assert_ok(evtwin__pg_exec(slow, "COMMIT"));
            waitpid(job, NULL, 0);
            break;
        }
    }
    evtwin__pg_free(slow);
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ev_telemetry"), "1");
    assert_string_equal(
        test_query(db->uri, "SELECT count(*)::text FROM timescaledb_information.chunks"), "1");
}

/* Without jobs, as in the Apache edition, it does, row by row. */
static void test_retention_without_jobs(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    test_sql(db->uri, "DROP FUNCTION ts.add_job");
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    test_sql(db->uri, "INSERT INTO ev_telemetry (time, battery_id, created_at) VALUES (now() -"
                      " INTERVAL '40 days', 'A', now() - INTERVAL '40 days'), (now() - INTERVAL '40"
                      " days', 'A', now())");
    size_t n = 0;
    assert_ok(evtwin_store_expire(store, &n));
    assert_int_equal(n, 1);
    assert_string_equal(test_query(db->uri, "SELECT (to_regproc('ev_retention') IS NULL)::text"),
                        "true");
    evtwin_store_free(store);
}

/* One old row of battery A. */
static evtwin_table *old_row(void) {
    evtwin_table *table = NULL;
    assert_ok(evtwin_telemetry_table_create(&table));
    assert_ok(evtwin_table_resize(table, 1));
    assert_ok(evtwin_table_set_i64(table, evtwin_table_find(table, "time"), 0,
                                   INT64_C(1750000000000000)));
    assert_ok(evtwin_table_set_text(table, evtwin_table_find(table, "battery_id"), 0, "A"));
    return table;
}

static void count_policies(void *ctx, evtwin_log_level level, const char *text) {
    *(int *)ctx += level == EVTWIN_LOG_WARNING && strstr(text, "retention policy") != NULL;
}

/* A policy of others stays; what it is about to drop does not go unseen. */
static void test_old_rows_are_told_of_the_policy(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    int n = 0;
    evtwin_table *table = old_row();
    test_sql(db->uri, "INSERT INTO ts.job VALUES ('public', 'ev_telemetry',"
                      " '_timescaledb_functions', 'policy_retention')");
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    assert_string_equal(test_query(db->uri, "SELECT count(*)::text FROM ts.job"), "1");
    evtwin_set_log(count_policies, &n);
    assert_ok(evtwin_store_insert(store, table, NULL, 0));
    assert_int_equal(n, 1);
    assert_ok(evtwin_table_set_i64(table, evtwin_table_find(table, "seq"), 0, 2));
    assert_ok(evtwin_store_insert(store, table, NULL, 0));
    evtwin_set_log(NULL, NULL);
    assert_int_equal(n, 1);
    evtwin_table_free(table);
    evtwin_store_free(store);
}

/* A batch that touches compressed chunks would otherwise fail each time it is offered. */
static void test_compressed_rows_may_be_changed_without_limit(void **state) {
    const test_database *db = *state;
    evtwin_store *store = NULL;
    char sql[200];
    snprintf(sql, sizeof sql,
             "ALTER DATABASE %s SET timescaledb.max_tuples_decompressed_per_dml_transaction = 9",
             db->name);
    test_sql(db->uri, sql);
    assert_ok(evtwin_store_open(db->uri, NULL, &store));
    test_sql(db->uri,
             "CREATE TABLE seen (text TEXT); CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql"
             " AS $$ BEGIN INSERT INTO public.seen SELECT current_setting("
             "'timescaledb.max_tuples_decompressed_per_dml_transaction'); RETURN NULL; END $$;"
             "CREATE TRIGGER see AFTER INSERT ON ev_telemetry FOR EACH ROW EXECUTE FUNCTION see()");
    evtwin_table *table = old_row();
    assert_ok(evtwin_store_insert(store, table, NULL, 0));
    evtwin_table_free(table);
    evtwin_store_free(store);
    assert_string_equal(test_query(db->uri, "SELECT text FROM seen"), "0");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_spellings),
        TEST(test_an_empty_database),
        TEST(test_a_table_of_others),
        TEST(test_a_database_of_the_original),
        TEST(test_a_compressed_table_of_others),
        TEST(test_rows_that_wait_behind_compressed_chunks),
        TEST(test_what_was_removed_stays_removed),
        TEST(test_retention_goes_by_both_clocks),
        TEST(test_retention_sees_a_row_that_comes_meanwhile),
        TEST(test_retention_without_jobs),
        TEST(test_old_rows_are_told_of_the_policy),
        TEST(test_compressed_rows_may_be_changed_without_limit),
    };
    if (SERVER == NULL) {
        puts("skipped: EVTWIN_TEST_POSTGRES is not set");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
