/* SPDX-License-Identifier: MIT */
/* test_stream_store.c: a database as sink and source, and the predictor's loop between the two. */

#include "test.h"

#include "store/store_kinds.h"

#if defined(HAVE_SQLITE) || defined(HAVE_POSTGRESQL)

#include "learn/bundles.h"
#ifdef HAVE_KAFKA
#include "stream/kafka_progress.h"
#endif

static evtwin_table *telemetry(size_t n) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_table_resize(t, n));
    const int64_t now_us = evtwin_time_now();
    for (size_t i = 0; i < n; i++) {
        assert_ok(evtwin_table_set_i64(t, 0, i, now_us + (int64_t)i * 1000000));
        assert_ok(evtwin_table_set_text(t, 1, i, i % 2 == 0 ? "B1" : "B2"));
        assert_ok(evtwin_table_set_f64(t, 2, i, 50.0 + (double)i));
        assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "seq"), i, (int64_t)i));
    }
    return t;
}

/* Parameters, "?a=1&b=2", behind the URI of a store, which may have some; static memory, one of 2
 * in turn. */
static const char *uri(const char *store, const char *params) {
    static char text[2][500];
    static int turn;
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "%s%s", store, params);
    if (strchr(store, '?') != NULL && params[0] == '?') {
        text[turn][strlen(store)] = '&';
    }
    return text[turn];
}

static void rows_go_in_and_come_out_in_commit_order(void **state) {
    (void)state;
    char base[320];
    snprintf(base, sizeof base, "%s", fresh_uri("feed.db"));
    evtwin_source *source = NULL;
    if (!on_postgres()) { /* a server's source waits for its tables */
        assert_fails(evtwin_source_open(uri(base, ""), &source), EVTWIN_E_NOT_FOUND, "feed.db");
    }
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(uri(base, ""), &sink));
    evtwin_table *t = telemetry(10);
    assert_ok(evtwin_sink_write(sink, t));
    assert_ok(evtwin_sink_write(sink, t)); /* a repeated key changes nothing */
    assert_ok(evtwin_sink_flush(sink));

    assert_ok(evtwin_source_open(uri(base, ""), &source));
    evtwin_table *got = telemetry(0);
    assert_ok(evtwin_source_read(source, 4, 0, got));
    assert_int_equal(evtwin_table_rows(got), 4);
    assert_ok(evtwin_source_read(source, 100, 0, got));
    assert_int_equal(evtwin_table_rows(got), 10);
    assert_int_equal(evtwin_table_cols(got), n_telemetry());
    assert_int_equal(evtwin_source_read(source, 100, 0, got), EVTWIN_OK); /* a feed has no end */
    assert_int_equal(evtwin_table_rows(got), 10);
    for (size_t i = 0; i < 10; i++) {
        char a[1024], b[1024];
        assert_ok(evtwin_telemetry_encode(t, i, a, sizeof a, NULL));
        assert_ok(evtwin_telemetry_encode(got, i, b, sizeof b, NULL));
        assert_string_equal(a, b);
    }
    evtwin_table_free(t);
    evtwin_table_free(got);
    evtwin_source_free(source);
    evtwin_sink_free(sink);
}

/* What a store's URI may say, a source and a sink of it take as well. */
static void both_take_the_parameters_of_a_store(void **state) {
    (void)state;
    char base[320];
    snprintf(base, sizeof base, "%s", fresh_uri("params.db"));
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    assert_ok(evtwin_sink_open(uri(base, "?busy_timeout_ms=50&write=predictions&retention_days=7"),
                               &sink));
    assert_ok(evtwin_source_open(uri(base, "?busy_timeout_ms=50&retention_days=7&rows=unpredicted"),
                                 &source));
    evtwin_source_free(source);
    evtwin_sink_free(sink);
    assert_fails(evtwin_source_open(uri(base, "?busy_timeout_ms=soon"), &source), EVTWIN_E_ARG,
                 "busy_timeout_ms=soon");
    assert_fails(evtwin_sink_open(uri(base, "?busy=1"), &sink), EVTWIN_E_ARG, "busy");
}

static void predictions_go_to_the_rows_they_were_made_from(void **state) {
    (void)state;
    char base[320];
    snprintf(base, sizeof base, "%s", fresh_uri("loop.db"));
    evtwin_sink *rows = NULL, *predictions = NULL;
    evtwin_source *waiting = NULL;
    assert_ok(evtwin_sink_open(uri(base, "?retention_days=7"), &rows));
    evtwin_table *t = telemetry(6);
    assert_ok(evtwin_sink_write(rows, t));
    evtwin_table_free(t);

    assert_ok(evtwin_source_open(uri(base, "?rows=unpredicted"), &waiting));
    assert_ok(evtwin_sink_open(uri(base, "?write=predictions"), &predictions));
    t = telemetry(0);
    assert_ok(evtwin_source_read(waiting, 4, 0, t));
    assert_int_equal(evtwin_table_rows(t), 4);
    size_t rul = 0, failure = 0, version = 0, note = 0;
    assert_ok(evtwin_table_add_column(t, "rul_prediction", EVTWIN_F64, "cycles", &rul));
    assert_ok(evtwin_table_add_column(t, "failure_probability", EVTWIN_F64, NULL, &failure));
    assert_ok(evtwin_table_add_column(t, "model_version", EVTWIN_TEXT, NULL, &version));
    assert_ok(evtwin_table_add_column(t, "prediction_note", EVTWIN_TEXT, NULL, &note));
    for (size_t i = 0; i < 4; i++) {
        assert_ok(evtwin_table_set_f64(t, rul, i, 10.0 * evtwin_table_f64(t, 2)[i]));
        assert_ok(evtwin_table_set_f64(t, failure, i, 0.25));
        assert_ok(evtwin_table_set_text(t, version, i, "v1"));
    }
    assert_ok(evtwin_sink_write(predictions, t));
    assert_ok(evtwin_table_resize(t, 0));
    assert_ok(evtwin_source_read(waiting, 10, 0, t));
    assert_int_equal(evtwin_table_rows(t), 2); /* the rest */
    evtwin_table_free(t);
    evtwin_sink_free(rows);
    evtwin_sink_free(predictions);
    evtwin_source_free(waiting);

    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(uri(base, ""), NULL, &store));
    size_t n_predicted = 0;
    static const char *const ids[] = {"B1", "B2"};
    for (size_t b = 0; b < 2; b++) {
        assert_ok(evtwin_store_history(store, ids[b], NULL, &t));
        for (size_t i = 0; i < evtwin_table_rows(t); i++) {
            const double v = evtwin_table_number(t, evtwin_table_find(t, "rul_prediction"), i);
            const double soc = evtwin_table_number(t, evtwin_table_find(t, "soc"), i);
            assert_true(isnan(v) || v == 10.0 * soc);
            n_predicted += !isnan(v);
        }
        evtwin_table_free(t);
    }
    assert_int_equal(n_predicted, 4);
    evtwin_store_free(store);
}

static void a_simulated_fleet_pumps_into_a_database(void **state) {
    (void)state;
    char base[320];
    snprintf(base, sizeof base, "%s", fresh_uri("pumped.db"));
    evtwin_pump *p = NULL;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    evtwin_pump_options options;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.max_batch_rows = 33;
    assert_ok(evtwin_pump_create(&options, &p));
    assert_ok(
        evtwin_source_open("sim:?fleet=5&speed=max&interval=60&rows=40&start=2099-01-01", &source));
    assert_ok(evtwin_sink_open(uri(base, ""), &sink));
    assert_ok(evtwin_pump_take_source(p, source));
    assert_ok(evtwin_pump_take_sink(p, sink));
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, NULL)) == EVTWIN_OK) {
    }
    assert_int_equal(st, EVTWIN_DONE);
    evtwin_pump_free(p);

    evtwin_store *store = NULL;
    int64_t rows = 0;
    assert_ok(evtwin_store_open(uri(base, ""), NULL, &store));
    assert_ok(evtwin_store_count(store, &rows));
    assert_int_equal(rows, 200);
    evtwin_store_free(store);
}

static void pump_predicted(const char *from, const char *to, const char *bundle, size_t n_reasons) {
    evtwin_pump_options options;
    evtwin_pump *p = NULL;
    evtwin_source *source = NULL;
    evtwin_sink *sink = NULL;
    evtwin_predictor *predictor = NULL;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.n_reasons = n_reasons;
    options.reasons_of_newest = 1;
    assert_ok(evtwin_pump_create(&options, &p));
    assert_ok(evtwin_source_open(from, &source));
    assert_ok(evtwin_pump_take_source(p, source));
    assert_ok(evtwin_sink_open(to, &sink));
    assert_ok(evtwin_pump_take_sink(p, sink));
    assert_ok(evtwin_predictor_load(bundle, &predictor));
    assert_ok(evtwin_pump_take_predictor(p, predictor));
    size_t n = 0;
    evtwin_status st;
    while ((st = evtwin_pump_run_once(p, 0, &n)) == EVTWIN_OK && n > 0) {
    }
    assert_true(st == EVTWIN_OK || st == EVTWIN_DONE);
    evtwin_pump_free(p);
}

/* What the pump's session knows, and how far its source has been read, is in the store with the
 * rows. */
static void states_and_positions_are_kept(void **state) {
    (void)state;
    char base[320], jsonl[300], text[64], bundle[256];
    snprintf(base, sizeof base, "%s", fresh_uri("states.db"));
    snprintf(bundle, sizeof bundle, "%s", temp_path("states-bundle"));
    const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    write_bundle(bundle, &both);
    static const char records[] =
        "{\"timestamp\":\"2099-01-01T00:00:00Z\",\"battery_id\":\"A\",\"soc\":50,\"soh\":90,"
        "\"voltage\":370,\"current\":10}\n"
        "{\"timestamp\":\"2099-01-01T00:00:00Z\",\"battery_id\":\"B\",\"soc\":50,\"soh\":90,"
        "\"voltage\":370,\"current\":10}\n";
    char with[600];
    snprintf(jsonl, sizeof jsonl, "jsonl:%s", temp_file("states.jsonl", records));
    snprintf(with, sizeof with, "%s?naive_time=utc", jsonl);
    pump_predicted(with, uri(base, ""), bundle, 0);

    evtwin_store *store = NULL;
    evtwin_table *states = NULL, *again = NULL, *t = telemetry(3);
    assert_ok(evtwin_store_open(uri(base, ""), NULL, &store));
    assert_int_equal(evtwin_store_states(store, &states), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(states), 2);
    assert_int_equal(evtwin_store_position(store, jsonl, text, sizeof text), EVTWIN_OK);
    assert_int_equal(strtoul(text, NULL, 10), strlen(records));

    /* predictions of rows that were there move the states in their transaction */
    assert_ok(evtwin_store_insert(store, t, NULL, 0));
    char from[400];
    snprintf(from, sizeof from, "%s", uri(base, "?rows=unpredicted"));
    pump_predicted(from, uri(base, "?write=predictions"), bundle, 2);
    assert_int_equal(evtwin_store_states(store, &again), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(again), 4); /* A, B, B1, B2 */
    const size_t col = evtwin_table_find(again, "state");
    assert_null(strstr(evtwin_table_text(again, col, 0), "\"reasons\""));
    assert_non_null(strstr(evtwin_table_text(again, col, 2), "\"reasons\":{\"rul\":{"));

    evtwin_predictor *predictor = NULL;
    evtwin_session *session = NULL;
    assert_ok(evtwin_predictor_load(bundle, &predictor));
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    assert_ok(evtwin_session_restore(session, again));
    assert_int_equal(evtwin_session_batteries(session), 4);
    evtwin_session_free(session);
    evtwin_predictor_free(predictor);
    evtwin_table_free(t);
    evtwin_table_free(states);
    evtwin_table_free(again);
    evtwin_store_free(store);
}

/* ---- what other programs do to a database ---- */

/* A row of another program, without the rules that it can do without. */
#define FOREIGN(id, time, voltage)                                                                 \
    "UPDATE ev_revision SET revision = revision + 1;"                                              \
    "INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, temperature,"         \
    " charge_cycles, power_consumption, seq, created_at, revision) SELECT '" time "', '" id        \
    "', 80, 95, " voltage ", 10, 25, 10, 3800, 0, '2024-01-01T00:00:00.000000Z', revision"         \
    " FROM ev_revision;"
#define FOREIGN_PG(id, time, voltage)                                                              \
    "INSERT INTO ev_telemetry (time, battery_id, soc, soh, voltage, current, temperature,"         \
    " charge_cycles, power_consumption) VALUES ('" time "', '" id "', 80, 95, " voltage            \
    ", 10, 25, 10, 3800);"

/* The predictor's loop ends, whatever stands there, with every row predicted or unknown. */
static void rows_of_other_programs_are_predicted_or_unknown(void **state) {
    (void)state;
    char base[320], bundle[256], from[400];
    snprintf(base, sizeof base, "%s", fresh_uri("foreign.db"));
    snprintf(bundle, sizeof bundle, "%s", temp_path("foreign-bundle"));
    const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    write_bundle(bundle, &both);
    evtwin_sink *sink = NULL;
    evtwin_table *t = telemetry(6);
    assert_ok(evtwin_sink_open(uri(base, ""), &sink));
    assert_ok(evtwin_sink_write(sink, t));
    evtwin_sink_free(sink);
    evtwin_table_free(t);
    static const char of_sqlite[] = "PRAGMA ignore_check_constraints = ON;" FOREIGN(
        "OTHER_1", "2024-01-01T01:00:00.0+01:00", "370")
        FOREIGN("OTHER_1", "2024-01-01 00:00:00.000000Z", "370")
            FOREIGN("OTHER_1", "2024-01-01T00:00:00Z", "370")
                FOREIGN("OTHER_1", "xxxxxxxxxxxxxxxxxxxxxxxxxxx", "370")
                    FOREIGN("OTHER_2", "", "370")
                        FOREIGN("no id", "2024-01-01T00:00:00.000000Z", "370")
                            FOREIGN("B1", "2024-01-01T00:00:01.000000Z", "9e999");
    static const char of_postgres[] = FOREIGN_PG("OTHER_1", "2024-01-01T01:00:00.0+01:00", "370")
        FOREIGN_PG("OTHER_1", "2024-01-01 00:00:00.000000Z", "370")
            FOREIGN_PG("OTHER_1", "2024-01-01T00:00:00Z", "371")
                FOREIGN_PG("OTHER_1", "infinity", "370") FOREIGN_PG("OTHER_2", "-infinity", "370")
                    FOREIGN_PG("no id", "2024-01-01T00:00:00.000000Z", "370")
                        FOREIGN_PG("B1", "2024-01-01T00:00:01.000000Z", "'infinity'");
    run_sql(base, on_postgres() ? of_postgres : of_sqlite);

    snprintf(from, sizeof from, "%s", uri(base, "?rows=unpredicted"));
    pump_predicted(from, uri(base, "?write=predictions"), bundle, 0);
    assert_int_equal(
        ask_sql(base, "SELECT count(*) FROM ev_telemetry WHERE prediction_timestamp IS NULL"), 0);
    assert_int_equal(ask_sql(base, "SELECT count(*) FROM ev_telemetry WHERE battery_id = 'OTHER_1'"
                                   " AND rul_prediction IS NOT NULL"),
                     3);
    assert_int_equal(ask_sql(base, "SELECT count(*) FROM ev_telemetry WHERE prediction_note LIKE"
                                   " '%time cannot be read%'"),
                     2);
    assert_int_equal(ask_sql(base, "SELECT count(*) FROM ev_telemetry WHERE prediction_note LIKE"
                                   " '%battery id%'"),
                     1);

    /* so many that a cycle has only such */
    run_sql(base, on_postgres()
                      ? "INSERT INTO ev_telemetry (time, battery_id, seq)"
                        " SELECT 'infinity', 'OTHER_3', i FROM generate_series(1, 2500) AS i"
                      : "INSERT INTO ev_telemetry (time, battery_id, seq, created_at, revision)"
                        " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                        " WHERE i < 2500) SELECT 'xxxxxxxxxxxxxxxxxxxxxxxxxxx', 'OTHER_3', i,"
                        " '2024', 10000 + i FROM n");
    pump_predicted(from, uri(base, "?write=predictions"), bundle, 0);
    assert_int_equal(
        ask_sql(base, "SELECT count(*) FROM ev_telemetry WHERE prediction_timestamp IS NULL"), 0);
}

static void a_prediction_that_does_not_arrive_ends_the_cycle(void **state) {
    (void)state;
    char base[320], from[400];
    snprintf(base, sizeof base, "%s", fresh_uri("nowhere.db"));
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    evtwin_table *t = telemetry(6);
    assert_ok(evtwin_sink_open(uri(base, ""), &sink));
    assert_ok(evtwin_sink_write(sink, t));
    snprintf(from, sizeof from, "%s", uri(base, "?rows=unpredicted"));
    assert_ok(evtwin_source_open(from, &source));
    evtwin_table *got = telemetry(0);
    assert_ok(evtwin_source_read(source, 4, 0, got));
    assert_fails(evtwin_source_read(source, 4, 0, got), EVTWIN_E_EXTERNAL,
                 on_postgres() ? "4 waiting" : "nowhere.db|4 waiting");
    assert_int_equal(evtwin_status_is_temporary(EVTWIN_E_EXTERNAL), 1);
    evtwin_table_free(t);
    t = telemetry(9);
    assert_ok(evtwin_sink_write(sink, t)); /* a row that is new among them goes on */
    assert_ok(evtwin_source_read(source, 9, 0, got));
    assert_int_equal(evtwin_table_rows(got), 4 + 9);
    evtwin_table_free(got);
    evtwin_table_free(t);
    evtwin_source_free(source);
    evtwin_sink_free(sink);
}

static void a_feed_begins_anew_with_a_new_database(void **state) {
    (void)state;
    only_on_sqlite();
    char base[320];
    snprintf(base, sizeof base, "%s", fresh_uri("renewed.db"));
    const char *path = base + strlen("sqlite:");
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    evtwin_table *t = telemetry(8), *few = telemetry(5), *got = telemetry(0);
    assert_ok(evtwin_sink_open(uri(base, ""), &sink));
    assert_ok(evtwin_sink_write(sink, t));
    run_sql(base, FOREIGN("B1", "2024-01-01T00:00:00.000000Z",
                          "9e999") "PRAGMA"
                                   " ignore_check_constraints = ON;" FOREIGN("B1", "soon", "370"));
    assert_ok(evtwin_source_open(uri(base, ""), &source));
    assert_ok(evtwin_source_read(source, 99, 0, got));
    assert_int_equal(evtwin_table_rows(got), 9); /* without the one that has no time */
    assert_true(isnan(evtwin_table_number(got, evtwin_table_find(got, "voltage"), 8)));
    assert_int_equal(rename(path, temp_path("renewed-old.db")), 0);
    assert_ok(evtwin_sink_write(sink, few));
    assert_ok(evtwin_table_resize(got, 0));
    assert_ok(evtwin_source_read(source, 99, 0, got));
    assert_int_equal(evtwin_table_rows(got), 5);
    assert_memory_equal(evtwin_source_position(source), "5@", 2);
    evtwin_table_free(t);
    evtwin_table_free(few);
    evtwin_table_free(got);
    evtwin_source_free(source);
    evtwin_sink_free(sink);
}

/* How many rows a source gives behind a position, of at most 99; its own position then. */
static size_t rows_behind(const char *text, const char *position, char after[64]) {
    evtwin_source *source = NULL;
    evtwin_table *got = telemetry(0);
    assert_ok(evtwin_source_open(text, &source));
    if (position != NULL) {
        assert_ok(evtwin_source_seek(source, position));
    }
    assert_ok(evtwin_source_read(source, 99, 0, got));
    const size_t n = evtwin_table_rows(got);
    snprintf(after, 64, "%s", evtwin_source_position(source));
    evtwin_table_free(got);
    evtwin_source_free(source);
    return n;
}

static void write_rows(const char *text, size_t n) {
    evtwin_sink *sink = NULL;
    evtwin_table *t = telemetry(n);
    assert_ok(evtwin_sink_open(text, &sink));
    assert_ok(evtwin_sink_write(sink, t));
    evtwin_table_free(t);
    evtwin_sink_free(sink);
}

/* A program that was stopped finds another database under the name, with as many revisions. */
static void a_position_is_of_one_database(void **state) {
    (void)state;
    char one[320], other[320], position[64], bare[64], ignored[64];
    snprintf(one, sizeof one, "%s", fresh_uri("one.db"));
    snprintf(other, sizeof other, "%s", fresh_uri("other.db"));
    write_rows(one, 5);
    assert_int_equal(rows_behind(one, NULL, position), 5);
    write_rows(other, 8);
    assert_int_equal(rows_behind(other, position, ignored), 8);

    /* in its own it goes on, as does one that an earlier version gave, a revision alone */
    write_rows(one, 2);
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(position, "@"), position);
    assert_int_equal(rows_behind(one, position, ignored), 2);
    assert_int_equal(rows_behind(one, bare, ignored), 2);

    /* one that the database has not come to is of before it was set back */
    assert_int_equal(rows_behind(one, "4611686018427387903", ignored), 7);

    evtwin_source *source = NULL;
    assert_ok(evtwin_source_open(one, &source));
    assert_fails(evtwin_source_seek(source, "5@"), EVTWIN_E_PARSE, "5@");
    assert_fails(evtwin_source_seek(source, "x@0123456789abcdef"), EVTWIN_E_PARSE, "x@");
    evtwin_source_free(source);
}

static void back_up(const char *text, const char *path) {
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(text, NULL, &store));
    assert_ok(evtwin_store_backup(store, path));
    evtwin_store_free(store);
}

/* A position of another database: no sink takes the rows up to there for rows that it has. */
static void assert_is_new(const char *kept, const char *position) {
    assert_string_not_equal(strchr(kept, '@'), strchr(position, '@'));
#ifdef HAVE_KAFKA
    evtwin__kafka_progress *progress = NULL;
    assert_ok(evtwin__kafka_progress_create("id", &progress));
    assert_ok(evtwin__kafka_progress_set(progress, "source", kept));
    assert_true(evtwin__kafka_progress_covers(progress, "source", kept));
    assert_false(evtwin__kafka_progress_covers(progress, "source", position));
    evtwin__kafka_progress_free(progress);
#endif
}

/* Its new rows have revisions that rows had which are lost. */
static void a_database_set_back_to_its_backup_is_another(void **state) {
    (void)state;
    only_on_sqlite();
    char base[320], backup[2][320], kept[64], position[64];
    snprintf(base, sizeof base, "%s", fresh_uri("set-back.db"));
    const char *path = base + strlen("sqlite:");
    write_rows(base, 5);
    for (size_t i = 0; i < 2; i++) {
        snprintf(backup[i], sizeof backup[i], "%s.%zu", path, i);
        back_up(base, backup[i]);
    }
    write_rows(base, 5);
    assert_int_equal(rows_behind(base, NULL, kept), 10);
    assert_int_equal(rows_behind(base, kept, position), 0); /* the backups are no change of it */

    /* not read again before it has grown past the position */
    assert_int_equal(rename(backup[0], path), 0);
    write_rows(base, 8);
    assert_int_equal(rows_behind(base, kept, position), 13);
    assert_memory_equal(position, "13@", 3);
    assert_is_new(kept, position);
    snprintf(kept, sizeof kept, "%s", position);

    /* while it is read */
    evtwin_source *source = NULL;
    evtwin_table *got = telemetry(0);
    assert_ok(evtwin_source_open(base, &source));
    assert_ok(evtwin_source_seek(source, kept));
    assert_ok(evtwin_source_read(source, 99, 0, got));
    assert_int_equal(evtwin_table_rows(got), 0);
    assert_int_equal(rename(backup[1], path), 0);
    write_rows(base, 3);
    assert_ok(evtwin_source_read(source, 99, 0, got));
    assert_int_equal(evtwin_table_rows(got), 8);
    assert_memory_equal(evtwin_source_position(source), "8@", 2);
    assert_is_new(kept, evtwin_source_position(source));
    snprintf(position, sizeof position, "%s", evtwin_source_position(source));
    evtwin_table_free(got);
    evtwin_source_free(source);

    write_rows(base, 2); /* and goes on */
    assert_int_equal(rows_behind(base, position, kept), 2);
}

static int n_warned;

static void count_conflicts(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    n_warned += level == EVTWIN_LOG_WARNING && strstr(text, "key") != NULL;
}

static void rows_left_out_are_reported_once(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    evtwin_table *t = telemetry(3);
    assert_ok(evtwin_sink_open(uri(fresh_uri("conflict.db"), "?busy_timeout_ms=20"), &sink));
    n_warned = 0;
    evtwin_set_log(count_conflicts, NULL);
    assert_ok(evtwin_sink_write(sink, t));
    assert_ok(evtwin_sink_write(sink, t)); /* a repeat is none */
    assert_int_equal(n_warned, 0);
    assert_ok(evtwin_table_set_f64(t, 2, 1, 11.0));
    assert_ok(evtwin_sink_write(sink, t));
    assert_ok(evtwin_sink_write(sink, t));
    assert_int_equal(n_warned, 1);
    evtwin_sink_free(sink);
    assert_int_equal(n_warned, 2); /* and the sum at the end */
    evtwin_set_log(NULL, NULL);
    evtwin_table_free(t);
}

/* "sqlite:///tmp/x.db" and "sqlite:/tmp/x.db" are one file, not one below the present folder. */
static void both_forms_of_an_absolute_name_are_one_file(void **state) {
    (void)state;
    only_on_sqlite();
    char text[300];
    const char *path = temp_path("absolute.db");
    snprintf(text, sizeof text, "sqlite://%s", path);
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(text, &sink));
    evtwin_sink_free(sink);
    assert_int_equal(access(path, F_OK), 0);
}

/* What had to be escaped to be part of a name is the same name for the store behind the sink. */
static void any_absolute_name_is_possible(void **state) {
    (void)state;
    only_on_sqlite();
    static const char *const names[][2] = {{"a%3Fb%25.db", "a?b%.db"},
                                           {"c d+&=#.db", "c d+&=#.db"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[300];
        snprintf(text, sizeof text, "sqlite:///%s", temp_path(names[i][0]));
        evtwin_sink *sink = NULL;
        assert_ok(evtwin_sink_open(text, &sink));
        evtwin_sink_free(sink);
        assert_int_equal(access(temp_path(names[i][1]), F_OK), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_of_an_absolute_name_are_one_file),
        cmocka_unit_test(any_absolute_name_is_possible),
        cmocka_unit_test(rows_go_in_and_come_out_in_commit_order),
        cmocka_unit_test(both_take_the_parameters_of_a_store),
        cmocka_unit_test(predictions_go_to_the_rows_they_were_made_from),
        cmocka_unit_test(a_simulated_fleet_pumps_into_a_database),
        cmocka_unit_test(states_and_positions_are_kept),
        cmocka_unit_test(rows_of_other_programs_are_predicted_or_unknown),
        cmocka_unit_test(a_prediction_that_does_not_arrive_ends_the_cycle),
        cmocka_unit_test(a_feed_begins_anew_with_a_new_database),
        cmocka_unit_test(a_position_is_of_one_database),
        cmocka_unit_test(a_database_set_back_to_its_backup_is_another),
        cmocka_unit_test(rows_left_out_are_reported_once),
    };
    return has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}

#else

static void without_sqlite_they_say_so(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    evtwin_source *source = NULL;
    assert_int_equal(evtwin_sink_open("sqlite:x.db", &sink), EVTWIN_E_UNSUPPORTED);
    assert_int_equal(evtwin_source_open("sqlite:x.db", &source), EVTWIN_E_UNSUPPORTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(without_sqlite_they_say_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
