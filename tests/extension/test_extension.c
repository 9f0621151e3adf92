/* SPDX-License-Identifier: MIT */
/* test_extension.c: a made-up quantity, target, source and sink, one file each, are found in
 * tables, CSV, JSON, SQL, REST and metrics, in training and in prediction. Built against a library
 * that differs by these files only; argument 1 is a database of the library without them. */

#include "test.h"

#include <sqlite3.h>

#include <arpa/inet.h>
#include <sys/socket.h>

extern long evtwin_pulse_committed, evtwin_tally;

static const char *old_database;

static void pump_all(const char *from, const char *const *to, size_t n,
                     evtwin_predictor *predictor) {
    evtwin_pump *pump = NULL;
    evtwin_source *source = NULL;
    assert_ok(evtwin_pump_create(NULL, &pump));
    assert_ok(evtwin_source_open(from, &source));
    assert_ok(evtwin_pump_take_source(pump, source));
    for (size_t i = 0; i < n; i++) {
        evtwin_sink *sink = NULL;
        assert_ok(evtwin_sink_open(to[i], &sink));
        assert_ok(evtwin_pump_take_sink(pump, sink));
    }
    if (predictor != NULL) {
        assert_ok(evtwin_pump_take_predictor(pump, predictor));
    }
    evtwin_status st;
    while ((st = evtwin_pump_run_once(pump, 0, NULL)) == EVTWIN_OK) {
    }
    assert_int_equal(st, EVTWIN_DONE);
    assert_ok(evtwin_pump_finish(pump));
    evtwin_pump_free(pump);
}

static void assert_file_has(const char *path, const char *text) {
    static char content[65536];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(content, 1, sizeof content - 1, f);
    fclose(f);
    content[n] = '\0';
    if (strstr(content, text) == NULL) {
        fail_msg("%s lacks '%s': %s", path, text, content);
    }
}

static void the_quantity_is_in_tables_and_files(void **state) {
    (void)state;
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    const size_t col = evtwin_table_find(t, "coolant_flow");
    assert_true(col != EVTWIN_NO_COLUMN);
    assert_string_equal(evtwin_table_unit(t, col), "l/min");
    evtwin_table_free(t);

    const char *const sinks[] = {"csv:flow.csv?replace=1", "jsonl:flow.jsonl?replace=1", "tally:"};
    pump_all("pulse:?rows=7", sinks, 3, NULL);
    assert_int_equal(evtwin_tally, 7);
    assert_int_equal(evtwin_pulse_committed, 7);
    assert_file_has("flow.csv", "coolant_flow");
    assert_file_has("flow.jsonl", "\"coolant_flow\":6.5");

    /* and back, also under its other name, out of range too */
    const char *const tally[] = {"tally:"};
    pump_all("csv:flow.csv", tally, 1, NULL);
    pump_all("jsonl:flow.jsonl", tally, 1, NULL);
    assert_int_equal(evtwin_tally, 21);
    assert_ok(evtwin_table_read_csv(temp_file("a.csv", "Timestamp,Coolant_Flow\n2024-01-01,101\n"),
                                    NULL, &t));
    assert_int_equal(evtwin_telemetry_check(t), EVTWIN_E_RANGE);
    evtwin_table_free(t);
}

/* The simulator knows nothing of it: the column is there and empty. */
static void assert_is_missing(const evtwin_table *t) {
    const size_t col = evtwin_table_find(t, "coolant_flow");
    assert_true(col != EVTWIN_NO_COLUMN);
    assert_true(evtwin_table_rows(t) > 0);
    for (size_t i = 0; i < evtwin_table_rows(t); i++) {
        assert_false(evtwin_table_is_valid(t, col, i));
    }
}

static void the_simulator_leaves_it_missing(void **state) {
    (void)state;
    evtwin_sim_options options;
    evtwin_sim *sim = NULL;
    evtwin_table *t = NULL;
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    assert_ok(evtwin_sim_create(&options, &sim));
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_sim_read(sim, 0, t));
    assert_is_missing(t);
    evtwin_table_free(t);
    evtwin_sim_free(sim);
}

static evtwin_trainer *train(void) {
    evtwin_sim_options options;
    evtwin_run_to_failure_options run;
    evtwin_table *fleet = NULL;
    evtwin_trainer *trainer = NULL;
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    assert_ok(evtwin_run_to_failure_options_init(&run, sizeof run));
    options.n_packs = 10;
    run.record_every_days = 30;
    assert_ok(evtwin_sim_run_to_failure(&options, &run, &fleet, NULL, 0));
    assert_is_missing(fleet);
    assert_ok(evtwin_train(fleet, NULL, 0, NULL, &trainer));
    evtwin_table_free(fleet);
    return trainer;
}

static void the_target_is_trained_and_predicted(void **state) {
    (void)state;
    evtwin_trainer *trainer = train();
    evtwin_score score;
    assert_ok(evtwin_trainer_score(trainer, "soh", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS, &score,
                                   sizeof score));
    assert_true(score.n_test > 0 && isfinite(score.rmse));
    assert_non_null(strstr(evtwin_trainer_json(trainer, NULL), "\"soh\""));
    assert_ok(evtwin_trainer_save(trainer, "bundle"));
    evtwin_trainer_free(trainer);

    evtwin_predictor *predictor = NULL;
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_load("bundle", &predictor));
    assert_ok(evtwin_predictor_info_get(predictor, &info, sizeof info));
    assert_int_equal(info.n_targets, 3);

    remove("flow.db");
    const char *const sinks[] = {"sqlite:flow.db", "jsonl:predicted.jsonl?replace=1"};
    pump_all("pulse:?rows=5", sinks, 2, predictor);
    assert_file_has("predicted.jsonl", "\"soh_prediction\":");
}

static void sql_has_it(void **state) {
    (void)state;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open("flow.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT sum(coolant_flow), min(soh_prediction) "
                                        "FROM ev_telemetry",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_true(sqlite3_column_double(stmt, 0) == 12.5);
    assert_true(sqlite3_column_double(stmt, 1) > 50.0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void an_older_database_gets_the_column(void **state) {
    (void)state;
    evtwin_store *store = NULL;
    evtwin_table *rows = NULL;
    evtwin_store_options options;
    char uri[600];
    int64_t before = 0;
    snprintf(uri, sizeof uri, "sqlite:%s", old_database);
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.read_only = 1;
    assert_int_equal(evtwin_store_open(uri, &options, &store), EVTWIN_E_SCHEMA);
    options.read_only = 0;
    assert_ok(evtwin_store_open(uri, &options, &store));
    assert_ok(evtwin_store_count(store, &before));
    assert_true(before > 0);
    assert_ok(evtwin_store_latest(store, NULL, &rows, NULL));
    assert_true(evtwin_table_find(rows, "coolant_flow") != EVTWIN_NO_COLUMN);
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

/* GET path from the server, into text. */
static void get(int port, const char *path, char *text, size_t size) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    char request[256];
    const int n = snprintf(request, sizeof request,
                           "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(send(fd, request, (size_t)n, 0), n);
    size_t used = 0;
    ssize_t got;
    while (used + 1 < size && (got = recv(fd, text + used, size - used - 1, 0)) > 0) {
        used += (size_t)got;
    }
    text[used] = '\0';
    close(fd);
}

static void rest_and_metrics_have_it(void **state) {
    (void)state;
    static char text[65536];
    evtwin_server_options options;
    evtwin_server *server = NULL;
    assert_ok(evtwin_server_options_init(&options, sizeof options));
    options.listen = "127.0.0.1:0";
    options.store = "sqlite:flow.db";
    assert_ok(evtwin_server_start(&options, &server));
    get(evtwin_server_port(server), "/api/battery/latest?battery_id=PULSE", text, sizeof text);
    assert_non_null(strstr(text, "\"coolant_flow\":4.5"));
    assert_non_null(strstr(text, "\"soh_prediction\":"));
    get(evtwin_server_port(server), "/metrics", text, sizeof text);
    assert_non_null(
        strstr(text, "\nbattery_coolant_flow_litres_per_minute{battery_id=\"PULSE\"} 4.5"));
    assert_non_null(
        strstr(text, "\nevtwin_battery_predicted_state_of_health_ratio{battery_id=\"PULSE\"} 0."));
    evtwin_server_free(server);

    evtwin_store *store = NULL;
    evtwin_table *rows = NULL;
    evtwin_metrics *metrics = NULL;
    char *exposition = NULL;
    assert_ok(evtwin_store_open("sqlite:flow.db", NULL, &store));
    assert_ok(evtwin_store_latest(store, NULL, &rows, NULL));
    assert_ok(evtwin_metrics_create(&metrics));
    assert_ok(evtwin_metrics_observe(metrics, rows));
    assert_ok(evtwin_metrics_text(metrics, 0, &exposition));
    assert_non_null(
        strstr(exposition, "battery_coolant_flow_litres_per_minute{battery_id=\"PULSE\"} 4.5"));
    assert_non_null(strstr(exposition, "battery_soh_prediction_percent{battery_id=\"PULSE\"}"));
    evtwin_metrics_text_free(exposition);
    evtwin_metrics_free(metrics);
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: test_extension OLD_DATABASE\n");
        return 2;
    }
    old_database = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quantity_is_in_tables_and_files),
        cmocka_unit_test(the_simulator_leaves_it_missing),
        cmocka_unit_test(the_target_is_trained_and_predicted),
        cmocka_unit_test(sql_has_it),
        cmocka_unit_test(an_older_database_gets_the_column),
        cmocka_unit_test(rest_and_metrics_have_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
