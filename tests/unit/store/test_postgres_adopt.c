/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_postgres_adopt.c: tables of others in PostgreSQL are adopted with
 * all that is theirs, or refused untouched. */

#include "test.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

#include "postgres_schema.h"

#include "evtwin/stream.h"

/* As the original programs made theirs: naive local times, no seq, a trigger of its own for status,
 * a view, a view by hour, rows of no battery. */
static const char original_sql[] =
    "CREATE TABLE ev_telemetry (id SERIAL PRIMARY KEY, time TIMESTAMP NOT NULL DEFAULT now(),"
    " battery_id VARCHAR(50) NOT NULL, soc FLOAT, soh FLOAT, voltage NUMERIC(8,2), current REAL,"
    " temperature FLOAT, charge_cycles INTEGER, power_consumption FLOAT, is_charging BOOLEAN,"
    " status VARCHAR(20) DEFAULT 'NORMAL', rul_prediction FLOAT, failure_probability FLOAT,"
    " prediction_timestamp TIMESTAMP, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,"
    " UNIQUE (battery_id, time));"
    "CREATE INDEX idx_battery_time ON ev_telemetry (battery_id, time DESC);"
    "CREATE FUNCTION update_battery_status() RETURNS trigger AS $$ BEGIN IF NEW.soc < 15 THEN"
    " NEW.status = 'CRITICAL'; ELSE NEW.status = 'NORMAL'; END IF; RETURN NEW; END; $$ LANGUAGE"
    " plpgsql;"
    "CREATE TRIGGER trigger_update_status BEFORE INSERT OR UPDATE ON ev_telemetry FOR EACH ROW"
    " EXECUTE FUNCTION update_battery_status();"
    "CREATE VIEW latest_battery_status AS SELECT DISTINCT ON (battery_id) battery_id, time, soc"
    " FROM ev_telemetry ORDER BY battery_id, time DESC;"
    "CREATE VIEW ev_telemetry_hourly AS SELECT date_trunc('hour', time) AS hour, avg(soc) FROM"
    " ev_telemetry GROUP BY 1;"
    "INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, temperature,"
    " charge_cycles, power_consumption, is_charging, rul_prediction, failure_probability,"
    " prediction_timestamp) VALUES"
    " ('2025-07-01 12:00:00.123456', 'BATTERY_001', 84.3, 94.8, 391.07, 75.3, 34.2, 152, 29447.5,"
    " false, 851, 0.083, '2025-07-01 12:00:05'),"
    " ('2025-12-01 12:00:00', 'BATTERY_001', 14.9, 94.8, 361.5, -120.25, 34.2, 153, 29447.5, true,"
    " NULL, NULL, NULL),"
    " ('2025-12-01 12:00:00', 'BATTERY_002', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
    " NULL, NULL)";

/* Times are compared as they are meant, numbers and words as text. */
#define ROWS                                                                                       \
    "SELECT string_agg(concat_ws(',', id, (time AT TIME ZONE 'UTC')::text, battery_id, soc, soh,"  \
    " voltage::float8, current::text, temperature, charge_cycles, power_consumption, is_charging," \
    " status, rul_prediction, failure_probability, (prediction_timestamp AT TIME ZONE"             \
    " 'UTC')::text), ';' ORDER BY id) FROM ev_telemetry"

static void make_original(const test_database *db) {
    char zone[120];
    snprintf(zone, sizeof zone, "ALTER DATABASE %s SET TimeZone = 'Europe/Berlin'", db->name);
    test_sql(db->uri, zone);
    test_sql(db->uri, original_sql);
}

static void test_the_original_table_is_adopted(void **state) {
    const test_database *db = *state;
    make_original(db);
    evtwin_store *reader = NULL;
    assert_fails(open_reader(db->uri, &reader), EVTWIN_E_AGAIN, "adopted");
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(db->uri, &sink));
    assert_ok(evtwin_sink_check(sink, 5000)); /* looks, and changes nothing */
    assert_string_equal(
        test_query(db->uri, "SELECT pg_typeof(time)::text FROM ev_telemetry LIMIT 1"),
        "timestamp without time zone");
    evtwin_sink_free(sink);
    evtwin_store_free(open_store(db->uri));
    assert_string_equal(test_query(db->uri, "SELECT transaction_offset::text FROM ev_revision"),
                        "0"); /* its own rows */
    assert_string_equal(
        test_query(db->uri, ROWS),
        "1,2025-07-01 10:00:00.123456,BATTERY_001,84.3,94.8,391.07,75.3,34.2,152,29447.5,f,NORMAL,"
        "851,0.083,2025-07-01 10:00:05;"
        "2,2025-12-01 11:00:00,BATTERY_001,14.9,94.8,361.5,-120.25,34.2,153,29447.5,t,CRITICAL;"
        "3,2025-12-01 11:00:00,BATTERY_002,NORMAL");
    assert_string_equal(test_query(db->uri, "SELECT string_agg(seq::text, ',' ORDER BY id) ||"
                                            " ' ' || count(DISTINCT revision) FROM ev_telemetry"),
                        "1,2,3 3");
    assert_string_equal(test_query(db->uri, "SELECT string_agg(concat_ws(',', battery_id,"
                                            " (predicted_time AT TIME ZONE 'UTC')::text,"
                                            " predicted_seq), ';') FROM ev_battery"),
                        "BATTERY_001,2025-07-01 10:00:00.123456,1");
    assert_string_equal(test_query(db->uri, "SELECT string_agg(bucket::timestamp || ' ' ||"
                                            " coalesce(avg_soc::text, '-'), ';' ORDER BY bucket,"
                                            " battery_id) FROM ev_telemetry_hourly"),
                        "2025-07-01 12:00:00 84.3;2025-12-01 12:00:00 14.9;2025-12-01 12:00:00 -");
    evtwin_store_free(open_store(db->uri));
    assert_ok(open_reader(db->uri, &reader));
    evtwin_store_free(reader);
}

/* The original's own statements still do what they did, and the database what it should. */
static void test_programs_of_the_original_go_on(void **state) {
    const test_database *db = *state;
    make_original(db);
    evtwin_store_free(open_store(db->uri));
    test_sql(db->uri, "INSERT INTO ev_telemetry (battery_id, soc, soh, voltage, current,"
                      " temperature, charge_cycles, power_consumption, is_charging) VALUES"
                      " ('BATTERY_001', 50.5, 95, 380, 60, 61, 154, 22800, false)");
    assert_string_equal(test_query(db->uri, "SELECT concat_ws(',', soc, status, (seq >"
                                            " 3)::text, (created_at > now() - interval '1"
                                            " minute')::text, (rul_prediction IS NULL)::text) FROM"
                                            " latest_battery_status WHERE battery_id ="
                                            " 'BATTERY_001'"),
                        "50.5,CRITICAL,true,true,true");
    const char *before = test_query(db->uri, "SELECT max(revision)::text FROM ev_telemetry");
    test_sql(db->uri, "UPDATE ev_telemetry SET rul_prediction = 90, failure_probability = 0.2,"
                      " prediction_timestamp = NOW() WHERE battery_id = 'BATTERY_001' AND time ="
                      " (SELECT MAX(time) FROM ev_telemetry WHERE battery_id = 'BATTERY_001')");
    char newer[200];
    snprintf(newer, sizeof newer, "SELECT count(*)::text FROM ev_telemetry WHERE revision > %s",
             before);
    assert_string_equal(test_query(db->uri, newer), "1");
    assert_string_equal(test_query(db->uri, "SELECT concat_ws(',', t.soc, t.rul_prediction)"
                                            " FROM ev_battery AS b JOIN ev_telemetry AS t ON"
                                            " (t.battery_id, t.time, t.seq) = (b.battery_id,"
                                            " b.predicted_time, b.predicted_seq)"),
                        "50.5,90");

    /* the limits are those of the table now, a missing value breaks none, NaN is missing */
    test_sql(db->uri, "UPDATE ev_threshold SET \"limit\" = 70 WHERE quantity = 'temperature' AND"
                      " kind = 'status' AND level = 'CRITICAL';"
                      "INSERT INTO ev_telemetry (battery_id, soc, temperature) VALUES"
                      " ('A', 'NaN', 61), ('B', 29.9, NULL), ('C', 50, 'Infinity')");
    assert_string_equal(test_query(db->uri, "SELECT string_agg(concat_ws(',', battery_id, soc,"
                                            " temperature, status), ';' ORDER BY battery_id) FROM"
                                            " ev_telemetry WHERE battery_id < 'BATTERY'"),
                        "A,61,WARNING;B,29.9,WARNING");
    assert_string_equal(test_query(db->uri, "SELECT concat_ws(',', soc, temperature, status) FROM"
                                            " ev_telemetry WHERE battery_id = 'C'"),
                        "50,NORMAL");
}

/* Its columns (an id of its own, a shorter integer) take rows of ours, once and again. */
static void test_an_adopted_table_takes_rows_of_ours(void **state) {
    const test_database *db = *state;
    make_original(db);
    evtwin_store *store = open_store(db->uri);
    evtwin_table *table = one_row();
    evtwin_insert_report report;
    size_t col = 0, n_updated = 0;
    assert_ok(evtwin_store_insert(store, table, &report, sizeof report));
    assert_int_equal(report.n_inserted, 1);
    assert_ok(evtwin_table_add_column(table, "rul_prediction", EVTWIN_F64, NULL, &col));
    assert_ok(evtwin_table_set_f64(table, col, 0, 500.0));
    assert_ok(evtwin_store_insert(store, table, &report, sizeof report));
    assert_int_equal(report.n_repeated, 1);
    assert_string_equal(test_query(db->uri, "SELECT concat_ws(',', (id > 3)::text, charge_cycles,"
                                            " rul_prediction) FROM ev_telemetry WHERE battery_id ="
                                            " 'B'"),
                        "true,150,500");
    assert_ok(evtwin_store_put_predictions(store, table, NULL, &n_updated));
    assert_int_equal(n_updated, 1);
    evtwin_table_free(table);
    evtwin_store_free(store);
}

/* Only what gives rows a status makes way, and every key that refuses rows which differ in seq. */
static void test_what_does_not_stand_in_the_way_stays(void **state) {
    const test_database *db = *state;
    test_sql(
        db->uri,
        "CREATE TABLE ev_telemetry (time TIMESTAMPTZ NOT NULL, battery_id VARCHAR(50) NOT NULL,"
        " soc FLOAT, status TEXT);"
        "ALTER TABLE ev_telemetry ADD voltage FLOAT, ADD current FLOAT, ADD power_consumption"
        " FLOAT GENERATED ALWAYS AS (voltage * current) STORED;"
        "INSERT INTO ev_telemetry VALUES ('2025-01-01', 'A', 50, 'NORMAL', 400, 2);"
        "CREATE UNIQUE INDEX narrow ON ev_telemetry (battery_id, time) INCLUDE (soc);"
        "CREATE TABLE alarm (battery_id TEXT);"
        "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.status = 'CRITICAL' THEN INSERT INTO alarm VALUES (NEW.battery_id); END IF;"
        " RETURN NEW; END $$;"
        "CREATE FUNCTION give() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- a status\n"
        " NEW.status = 'NORMAL'; RETURN NEW; END $$;"
        "CREATE FUNCTION give_too() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.soc < 5 THEN\n NEW.Status := 'NORMAL'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER t1 BEFORE INSERT ON ev_telemetry FOR EACH ROW EXECUTE FUNCTION warn();"
        "CREATE TRIGGER t2 BEFORE INSERT ON ev_telemetry FOR EACH ROW EXECUTE FUNCTION give();"
        "CREATE TRIGGER t3 BEFORE INSERT ON ev_telemetry FOR EACH ROW EXECUTE FUNCTION"
        " give_too()");
    evtwin_store_free(open_store(db->uri));
    assert_string_equal(test_query(db->uri, "SELECT string_agg(tgname, ' ' ORDER BY tgname) FROM"
                                            " pg_trigger WHERE tgrelid = 'ev_telemetry'::regclass"
                                            " AND tgname ~ '^t'"),
                        "t1");
    assert_string_equal(test_query(db->uri, "SELECT (to_regclass('narrow') IS NULL)::text"),
                        "true");
    assert_string_equal(test_query(db->uri, "SELECT power_consumption::text FROM ev_telemetry"),
                        "800");

    /* its rows are of this cluster: revisions are as they would be */
    assert_string_equal(test_query(db->uri, "SELECT transaction_offset::text FROM ev_revision"),
                        "0");
}

/* What somebody has set for the database does not make the store forget, round or fail. */
static void test_settings_of_the_database(void **state) {
    const test_database *db = *state;
    char sql[900];
    snprintf(sql, sizeof sql,
             "ALTER DATABASE %1$s SET default_transaction_isolation = 'serializable';"
             "ALTER DATABASE %1$s SET extra_float_digits = -5;"
             "ALTER DATABASE %1$s SET synchronous_commit = off",
             db->name);
    test_sql(db->uri, sql);
    test_sql(db->uri,
             "CREATE TABLE ev_telemetry (time TIMESTAMPTZ, battery_id TEXT, soc REAL);"
             "INSERT INTO ev_telemetry VALUES ('2025-01-01', 'A', 84.3125);"
             "CREATE TABLE seen (text TEXT);"
             "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO"
             " public.seen SELECT concat_ws(',', current_setting('transaction_isolation'),"
             " current_setting('synchronous_commit')); RETURN NULL; END $$;"
             "CREATE TRIGGER see AFTER INSERT ON ev_telemetry FOR EACH ROW EXECUTE FUNCTION see()");
    evtwin_store *store = open_store(db->uri);
    evtwin_table *table = one_row();
    assert_ok(evtwin_store_insert(store, table, NULL, 0));
    evtwin_table_free(table);
    evtwin_store_free(store);
    assert_string_equal(test_query(db->uri, "SELECT text FROM seen"), "read committed,on");
    assert_string_equal(test_query(db->uri, "SELECT (soc = 84.3125)::text FROM ev_telemetry WHERE"
                                            " battery_id = 'A'"),
                        "true");
}

/* A trigger of others that numbers rows in a column of ours is noticed. */
static void test_a_trigger_that_changes_revisions_is_told(void **state) {
    const test_database *db = *state;
    evtwin_store *store = open_store(db->uri);
    test_sql(db->uri,
             "CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.revision :="
             " 7; RETURN NEW; END $$;"
             "CREATE TRIGGER number BEFORE INSERT ON ev_telemetry FOR EACH ROW EXECUTE FUNCTION"
             " number()");
    evtwin_table *table = one_row();
    assert_ok(evtwin_table_resize(table, 2));
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        if (evtwin_table_type(table, col) == EVTWIN_TEXT) {
            assert_ok(evtwin_table_set_text(table, col, 1, "B"));
        } else {
            assert_ok(evtwin_table_set_i64(table, col, 1, evtwin_table_i64(table, col)[0]));
        }
    }
    assert_fails(evtwin_store_insert(store, table, NULL, 0), EVTWIN_E_CORRUPT, "trigger");
    evtwin_table_free(table);
    evtwin_store_free(store);
}

static void test_the_zone_of_naive_times_can_be_named(void **state) {
    const test_database *db = *state;
    make_original(db);
    char uri[400];
    evtwin_store *store = NULL;
    snprintf(uri, sizeof uri, "%s?naive_time=Mars/Phobos", db->uri);
    assert_fails(evtwin_store_open(uri, NULL, &store), EVTWIN_E_ARG, "naive_time|Mars/Phobos");
    snprintf(uri, sizeof uri, "%s?naive_time=utc", db->uri);
    evtwin_store_free(open_store(uri));
    assert_string_equal(test_query(db->uri, "SELECT (min(time) AT TIME ZONE 'UTC')::text FROM"
                                            " ev_telemetry"),
                        "2025-07-01 12:00:00.123456");
}

static void test_other_tables_are_refused(void **state) {
    const test_database *db = *state;
    static const struct {
        const char *sql, *names;
    } list[] = {
        {"CREATE TABLE ev_telemetry (time TIMESTAMPTZ, soc FLOAT)", "battery_id"},
        {"CREATE TABLE ev_telemetry (battery_id TEXT, at TIMESTAMPTZ)", "time"},
        {"CREATE TABLE ev_telemetry (battery_id TEXT, time DATE)", "time|TIMESTAMPTZ"},
        {"CREATE TABLE ev_telemetry (battery_id INT, time TIMESTAMPTZ)", "battery_id|TEXT"},
        {"CREATE TABLE ev_telemetry (battery_id TEXT, time TIMESTAMPTZ, soc TEXT)", "soc"},
        {"CREATE TABLE ev_telemetry (battery_id TEXT, time TIMESTAMPTZ, vin TEXT NOT NULL)", "vin"},
        {"CREATE TABLE ev_telemetry (battery_id TEXT, time TIMESTAMPTZ); INSERT INTO ev_telemetry"
         " VALUES ('A', NULL)",
         "time|1"},
        {"CREATE TABLE ev_telemetry (battery_id TEXT, time TIMESTAMPTZ, charge_cycles FLOAT);"
         " INSERT INTO ev_telemetry VALUES ('A', now(), 1.5)",
         "charge_cycles|1"},
        {"CREATE VIEW ev_telemetry AS SELECT 'A'::text AS battery_id, now() AS time", "table"},
        {"CREATE TABLE ev_telemetry (battery_id TEXT, time TIMESTAMP); CREATE VIEW mine AS SELECT"
         " time FROM ev_telemetry",
         "adopted|view"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        evtwin_store *store = NULL;
        test_sql(db->uri, list[i].sql);
        static const char columns[] =
            "SELECT string_agg(table_name || '.' || column_name || ' ' || data_type, ','"
            " ORDER BY table_name, column_name)"
            " FROM information_schema.columns WHERE table_schema = 'public'";
        const char *before = test_query(db->uri, columns);
        assert_fails(evtwin_store_open(db->uri, NULL, &store), EVTWIN_E_SCHEMA, list[i].names);
        assert_string_equal(test_query(db->uri, columns), before);
        test_sql(db->uri, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_original_table_is_adopted),
        TEST(test_programs_of_the_original_go_on),
        TEST(test_an_adopted_table_takes_rows_of_ours),
        TEST(test_what_does_not_stand_in_the_way_stays),
        TEST(test_settings_of_the_database),
        TEST(test_a_trigger_that_changes_revisions_is_told),
        TEST(test_the_zone_of_naive_times_can_be_named),
        TEST(test_other_tables_are_refused),
    };
    if (SERVER == NULL) {
        puts("skipped: EVTWIN_TEST_POSTGRES is not set");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
