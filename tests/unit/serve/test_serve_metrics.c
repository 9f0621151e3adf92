/* SPDX-License-Identifier: MIT */
/* The predictor's metrics: values, counters, both text formats, cap, threads. */

#include "serve_client.h"

#include "fail_nth.h"
#include "learn/bundles.h"
#include "serve/exposition.h"

#include <pthread.h>

static evtwin_metrics *new_metrics(void) {
    evtwin_metrics *metrics = NULL;
    assert_ok(evtwin_metrics_create(&metrics));
    return metrics;
}

static void observe(evtwin_metrics *metrics, const record *records, size_t n) {
    evtwin_table *table = make_table(records, n);
    assert_ok(evtwin_metrics_observe(metrics, table));
    evtwin_table_free(table);
}

static char *text_of(const evtwin_metrics *metrics, int openmetrics) {
    char *text = NULL;
    assert_ok(evtwin_metrics_text(metrics, openmetrics, &text));
    return text;
}

static void assert_has(const char *text, const char *line) {
    if (strstr(text, line) == NULL) {
        fail_msg("no '%s' in\n%s", line, text);
    }
}

static void assert_lacks(const char *text, const char *part) {
    if (strstr(text, part) != NULL) {
        fail_msg("'%s' in\n%s", part, text);
    }
}

static const int64_t now_us = INT64_C(1767225600000000);

static void test_contract_names(void **state) {
    (void)state;
    evtwin_metrics *metrics = new_metrics();
    const record records[] = {
        {"BATTERY_001", now_us, 1, 84.3, 94.8, 34.2, 851, 0.083, NULL},
        {"BATTERY_002", now_us, 2, 50, NAN, 30, NAN, NAN, "unknown, because soh is missing"},
    };
    observe(metrics, records, 2);
    evtwin_metrics_count_error(metrics);
    char *text = text_of(metrics, 0);
    assert_has(text, "# TYPE battery_soc_percent gauge\n");
    assert_has(text, "\nbattery_soc_percent{battery_id=\"BATTERY_001\"} 84.3\n");
    assert_has(text, "\nbattery_soh_percent{battery_id=\"BATTERY_001\"} 94.8\n");
    assert_has(text, "\nbattery_temperature_celsius{battery_id=\"BATTERY_001\"} 34.2\n");
    assert_has(text, "\nbattery_rul_cycles{battery_id=\"BATTERY_001\"} 851\n");
    assert_has(text, "\nbattery_failure_probability{battery_id=\"BATTERY_001\"} 0.083\n");
    assert_has(text, "# TYPE battery_predictions_total counter\n");
    assert_has(text, "\nbattery_predictions_total{battery_id=\"BATTERY_001\"} 1\n");
    assert_has(text, "\nbattery_predictions_total{battery_id=\"BATTERY_002\"} 0\n");
    assert_has(text, "\nevtwin_predictions_total{outcome=\"known\"} 1\n");
    assert_has(text, "\nevtwin_predictions_total{outcome=\"unknown\"} 1\n");
    assert_has(text, "\nevtwin_predictions_total{outcome=\"error\"} 1\n");
    assert_has(text, "\nevtwin_batteries 2\n");
    assert_has(text, "\nevtwin_last_prediction_timestamp_seconds ");
    assert_has(text, "evtwin_build_info{version=\"" EVTWIN_VERSION "\"");

    /* what is unknown has no series: never 0, never NaN */
    assert_lacks(text, "battery_rul_cycles{battery_id=\"BATTERY_002\"}");
    assert_lacks(text, "battery_soh_percent{battery_id=\"BATTERY_002\"}");
    assert_has(text, "\nbattery_soc_percent{battery_id=\"BATTERY_002\"} 50\n");
    assert_lacks(text, "NaN");
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
}

/* A table of the caller's own may hold anything under our names. */
static void test_columns_of_other_types(void **state) {
    (void)state;
    evtwin_metrics *metrics = new_metrics();
    evtwin_table *table = NULL;
    size_t col;
    assert_ok(evtwin_table_create(&table));
    assert_ok(evtwin_table_resize(table, 1));
    assert_ok(evtwin_table_add_column(table, "battery_id", EVTWIN_TEXT, NULL, &col));
    assert_ok(evtwin_table_set_text(table, col, 0, "B"));
    assert_ok(evtwin_table_add_column(table, "time", EVTWIN_TIME, NULL, &col));
    assert_ok(evtwin_table_set_i64(table, col, 0, now_us));
    assert_ok(evtwin_table_add_column(table, "seq", EVTWIN_F64, NULL, &col));
    assert_ok(evtwin_table_set_f64(table, col, 0, 7.0));
    assert_ok(evtwin_table_add_column(table, "soc", EVTWIN_TEXT, NULL, &col));
    assert_ok(evtwin_table_set_text(table, col, 0, "full"));
    assert_ok(evtwin_table_add_column(table, "soh", EVTWIN_I64, NULL, &col));
    assert_ok(evtwin_table_set_i64(table, col, 0, 90));
    assert_ok(evtwin_metrics_observe(metrics, table));
    char *text = text_of(metrics, 0);
    assert_has(text, "\nbattery_soh_percent{battery_id=\"B\"} 90\n");
    assert_lacks(text, "battery_soc_percent{");
    evtwin_metrics_text_free(text);
    evtwin_table_free(table);
    evtwin_metrics_free(metrics);
}

/* 1 if the quantity has a gauge of that name, which the text must have with its value; 0 if none.
 */
static int has_gauge(const char *text, const evtwin_quantity *q, const char *name, double value) {
    if (name[0] == '\0') {
        return 0;
    }
    char line[300];
    snprintf(line, sizeof line, "\n%s{battery_id=\"B\"} %.15g\n", name, value);
    assert_has(text, line);
    snprintf(line, sizeof line, "# HELP %s %c%s", name, q->description[0] - 'a' + 'A',
             q->description + 1);
    assert_has(text, line);
    return 1;
}

/* The schema says which quantities are gauges, what they are called and what they mean. */
static void test_gauges_are_those_of_the_schema(void **state) {
    (void)state;
    evtwin_metrics *metrics = new_metrics();
    const record pending = {"B", now_us, 1, 60, 90, 30, 500, 0.1, NULL};
    evtwin_table *table = make_table(&pending, 1);
    size_t n_gauges = 0, n_contract = 0;
    evtwin_quantity q;
    for (size_t i = 0; i < evtwin_quantity_count(); i++) {
        assert_ok(evtwin_quantity_get(i, &q, sizeof q));
        if (q.type == EVTWIN_F64) {
            set_number(table, q.name, 0.25);
        }
    }
    assert_ok(evtwin_metrics_observe(metrics, table));
    evtwin_table_free(table);
    char *text = text_of(metrics, 1);
    for (size_t i = 0; i < evtwin_quantity_count(); i++) {
        assert_ok(evtwin_quantity_get(i, &q, sizeof q));
        const double factor = strcmp(q.unit, "percent") == 0 ? 0.01
                              : strcmp(q.unit, "mOhm") == 0  ? 0.001
                                                             : 1.0;
        n_contract += q.metric[0] != '\0';
        n_gauges += has_gauge(text, &q, q.metric, 0.25);
        n_gauges += q.type == EVTWIN_F64 && has_gauge(text, &q, q.base_metric, 0.25 * factor);
    }
    assert_has(text, "\nevtwin_battery_voltage_volts{battery_id=\"B\"} 0.25\n");
    assert_has(text, "\nevtwin_battery_failure_probability_ratio{battery_id=\"B\"} 0.25\n");
    assert_has(text, "# UNIT evtwin_battery_failure_probability_ratio ratio\n");
    size_t n_written = 0;
    for (const char *s = text; (s = strstr(s, "\nbattery_")) != NULL; s++) {
        n_written += strstr(s, "{battery_id=\"B\"} 0.25\n") == strchr(s + 1, '{');
    }
    assert_int_equal(n_written, n_contract);
    n_written = 0;
    for (const char *s = text; (s = strstr(s, "{battery_id=\"B\"} 0.")) != NULL; s++) {
        n_written++;
    }
    assert_true(n_contract >= 5 && n_gauges >= 16);
    assert_int_equal(n_written, n_gauges);
    assert_has(text, "# UNIT battery_soc_percent percent\n");
    assert_lacks(text, "# UNIT battery_failure_probability");
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
}

static void test_newest_row_wins(void **state) {
    (void)state;
    evtwin_metrics *metrics = new_metrics();
    const record records[] = {
        {"B", now_us + 10, 5, 60, 90, 30, 500, 0.1, NULL},
        {"B", now_us, 9, 10, 90, 30, 400, 0.1, NULL},      /* older time */
        {"B", now_us + 10, 4, 20, 90, 30, 300, 0.1, NULL}, /* same time, lower seq */
    };
    observe(metrics, records, 3);
    char *text = text_of(metrics, 0);
    assert_has(text, "battery_soc_percent{battery_id=\"B\"} 60\n");
    assert_has(text, "battery_predictions_total{battery_id=\"B\"} 3\n");
    evtwin_metrics_text_free(text);

    /* a newer row without a prediction takes the series away */
    const record pending = {"B", now_us + 20, 6, 61, 90, 30, NAN, NAN, NULL};
    observe(metrics, &pending, 1);
    text = text_of(metrics, 0);
    assert_has(text, "battery_soc_percent{battery_id=\"B\"} 61\n");
    assert_lacks(text, "battery_rul_cycles{");
    assert_has(text, "evtwin_predictions_total{outcome=\"unknown\"} 0\n");
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
}

static void test_empty_and_refused(void **state) {
    (void)state;
    evtwin_metrics *metrics = new_metrics();
    evtwin_table *table = NULL;
    assert_ok(evtwin_table_create(&table));
    assert_fails(evtwin_metrics_observe(metrics, table), EVTWIN_E_SCHEMA, "battery_id");
    assert_fails(evtwin_metrics_observe(NULL, table), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_metrics_observe(metrics, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_metrics_create(NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_metrics_text(metrics, 0, NULL), EVTWIN_E_ARG, "NULL");
    evtwin_table_free(table);

    /* one bad row and nothing of the batch counts */
    const record bad[] = {{"B", now_us, 1, 60, 90, 30, 500, 0.1, NULL},
                          {"no blanks", now_us, 2, 60, 90, 30, 500, 0.1, NULL}};
    table = make_table(bad, 2);
    assert_fails(evtwin_metrics_observe(metrics, table), EVTWIN_E_SCHEMA, "row 1");
    evtwin_table_free(table);

    assert_ok(evtwin_telemetry_table_create(&table));
    assert_ok(evtwin_metrics_observe(metrics, table));
    evtwin_table_free(table);
    char *text = text_of(metrics, 0);
    assert_has(text, "evtwin_batteries 0\n");
    assert_has(text, "evtwin_predictions_total{outcome=\"known\"} 0\n");
    assert_lacks(text, "evtwin_last_prediction_timestamp_seconds");
    assert_lacks(text, "battery_soc_percent{");
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
    evtwin_metrics_free(NULL);
    evtwin_metrics_text_free(NULL);
    evtwin_metrics_count_error(NULL);
}

static void test_openmetrics(void **state) {
    (void)state;
    evtwin_metrics *metrics = new_metrics();
    const record records[] = {{"B", now_us, 1, 84.3, 94.8, 34.2, 851, 0.083, NULL}};
    observe(metrics, records, 1);
    char *text = text_of(metrics, 1);
    assert_has(text, "# TYPE battery_predictions counter\n");
    assert_has(text, "\nbattery_predictions_total{battery_id=\"B\"} 1\n");
    assert_has(text, "# UNIT battery_temperature_celsius celsius\n");
    assert_has(text, "# TYPE evtwin_build info\n");
    assert_has(text, "\nevtwin_build_info{");
    assert_lacks(text, "# TYPE battery_predictions_total");
    const size_t n = strlen(text);
    assert_string_equal(text + n - strlen("\n# EOF\n"), "\n# EOF\n");
    assert_null(strstr(text, "\n\n"));
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
}

static void test_escapes(void **state) {
    (void)state;
    evtwin__exposition e = {0};
    const evtwin__label labels[] = {{"a", "x\\y\"z\n"}, {"b", ""}};
    evtwin__expose(&e, "m", "", labels, 2, 1e300);
    evtwin__expose(&e, "m", "_total", NULL, 0, INFINITY);
    evtwin__expose(&e, "m", "", NULL, 0, NAN);
    evtwin__text_add(&e.text, "", 1);
    assert_string_equal(e.text.data, "m{a=\"x\\\\y\\\"z\\n\",b=\"\"} 1e300\nm_total +Inf\nm NaN\n");
    evtwin__text_free(&e.text);
}

/* Rows outside what the models were trained on, and fractions under percent. */
static void test_features_of_a_session(void **state) {
    (void)state;
    const bundle_spec spec = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    const char *dir = temp_path("models");
    write_bundle(dir, &spec);
    evtwin_predictor *predictor = NULL;
    evtwin_session *session = NULL;
    assert_ok(evtwin_predictor_load(dir, &predictor));
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    evtwin_metrics *metrics = new_metrics();
    char *text = text_of(metrics, 0);
    assert_lacks(text, "off_range");
    evtwin_metrics_text_free(text);

    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_table_resize(t, 20));
    for (size_t r = 0; r < 20; r++) {
        const double value[] = {0.05 * (double)(r + 1), r < 3 ? 70.0 : 80.0, 370.0, 12.0};
        static const char *const name[] = {"soc", "soh", "voltage", "current"};
        for (size_t i = 0; i < 4; i++) {
            assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, name[i]), r, value[i]));
        }
    }
    assert_ok(evtwin_session_apply(session, t));
    evtwin_session_commit(session);
    evtwin_table_free(t);
    assert_ok(evtwin_metrics_observe_session(metrics, session));
    assert_ok(evtwin_metrics_observe_session(metrics, session)); /* in place of the first */
    text = text_of(metrics, 0);
    assert_has(text, "# TYPE evtwin_off_range_rows_total counter\n");
    assert_has(text, "\nevtwin_off_range_rows_total{feature=\"soc\"} 20\n");
    assert_has(text, "\nevtwin_off_range_rows_total{feature=\"soh\"} 3\n");
    assert_has(text, "\nevtwin_off_range_rows_total{feature=\"voltage\"} 0\n");
    assert_lacks(text, "rows_total{feature=\"current\"}"); /* of which the bundle has no range */
    assert_has(text, "\nevtwin_fraction_suspected{feature=\"soc\"} 1\n");
    assert_has(text, "\nevtwin_fraction_suspected{feature=\"soh\"} 0\n");
    assert_lacks(text, "suspected{feature=\"voltage\"}");
    evtwin_metrics_text_free(text);
    assert_int_equal(evtwin_metrics_observe_session(metrics, NULL), EVTWIN_E_ARG);
    evtwin_metrics_free(metrics);
    evtwin_session_free(session);
    evtwin_predictor_free(predictor);
}

/* What is unlike the training data: the index and its limit from a day of hourly rows on, and the
 * findings by cause. */
static void test_drift_of_a_session(void **state) {
    (void)state;
    const bundle_spec spec = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};
    const char *dir = temp_path("drift");
    write_bundle(dir, &spec);
    evtwin_predictor *predictor = NULL;
    evtwin_session *session = NULL;
    assert_ok(evtwin_predictor_load(dir, &predictor));
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    evtwin_metrics *metrics = new_metrics();
    for (int day = 0; day < 2; day++) {
        evtwin_table *t = NULL;
        assert_ok(evtwin_telemetry_table_create(&t));
        assert_ok(evtwin_table_resize(t, 48));
        for (size_t r = 0; r < 48; r++) {
            const size_t battery = r % 2;
            const double value[] = {50.0, battery == 0 ? 60.0 : 80.0, 370.0, 12.0};
            static const char *const name[] = {"soc", "soh", "voltage", "current"};
            for (size_t i = 0; i < 4; i++) {
                assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, name[i]), r, value[i]));
            }
            assert_ok(evtwin_table_set_text(t, evtwin_table_find(t, "battery_id"), r,
                                            battery == 0 ? "B1" : "B2"));
            const int64_t hour = (int64_t)(r / 2) + 24 * day;
            assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "time"), r,
                                           now_us + hour * INT64_C(3600000000)));
        }
        assert_ok(evtwin_table_resize(t, day == 0 ? 40 : 48));
        assert_ok(evtwin_session_apply(session, t));
        evtwin_session_commit(session);
        evtwin_table_free(t);
        assert_ok(evtwin_metrics_observe_session(metrics, session));
        char *text = text_of(metrics, 0);
        assert_has(text, "# TYPE evtwin_feature_psi gauge\n");
        if (day == 0) {
            assert_lacks(text, "\nevtwin_feature_psi{"); /* too little to judge */
        } else {
            assert_has(text, "\nevtwin_feature_psi{feature=\"soc\"} 4.");
            assert_has(text, "\nevtwin_feature_psi_limit{feature=\"soc\"} ");
            assert_lacks(text, "psi{feature=\"soh\"}"); /* of which the bundle has no histogram */
        }
        /* one battery of the two has a health that no battery in training had */
        assert_has(text, "\nevtwin_drift_findings{cause=\"range\"} 0\n");
        assert_has(text, "\nevtwin_drift_findings{cause=\"sign\"} 0\n");
        assert_has(text, "\nevtwin_drift_batteries{cause=\"range\"} 1\n");
        assert_has(text, "\nevtwin_drift_batteries{cause=\"power\"} 0\n");
        evtwin_metrics_text_free(text);
    }
    evtwin_metrics_free(metrics);
    evtwin_session_free(session);
    evtwin_predictor_free(predictor);
}

/* ---- a pump ---- */

/* Three rows, the last of them out of range, then a record that is refused, then the end. */
static evtwin_status read_three(void *ctx, evtwin_source *source, size_t max_rows, int timeout_ms,
                                evtwin_table *table) {
    (void)max_rows;
    (void)timeout_ms;
    int *turn = ctx;
    switch ((*turn)++) {
    case 0:
        for (size_t i = 0; i < 3; i++) {
            const size_t row = evtwin_table_rows(table);
            assert_ok(evtwin_table_resize(table, row + 1));
            assert_ok(evtwin_table_set_i64(table, 0, row, evtwin_time_now() + (int64_t)i));
            assert_ok(evtwin_table_set_text(table, 1, row, "B1"));
            assert_ok(evtwin_table_set_f64(table, 2, row, i < 2 ? 50.0 : 150.0));
        }
        return EVTWIN_OK;
    case 1:
        return evtwin_source_refuse(source, EVTWIN_E_PARSE, "here:4", "no JSON", "x", 1);
    default:
        return EVTWIN_DONE;
    }
}

static evtwin_status fail_to_write(void *ctx, const evtwin_batch *batch) {
    (void)ctx;
    (void)batch;
    return EVTWIN_E_AGAIN;
}

static evtwin_pump *pump_of(int *turn, evtwin_screen *screen) {
    const evtwin_source_callbacks reads = {
        .size = sizeof reads, .name = "three", .read = read_three};
    const evtwin_sink_callbacks fails = {
        .size = sizeof fails, .name = "away \"quoted\"", .write = fail_to_write};
    evtwin_pump_options options;
    evtwin_pump *pump = NULL;
    evtwin_source *source = NULL, *screened = NULL;
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_pump_options_init(&options, sizeof options));
    options.max_held_rows = 100;
    assert_ok(evtwin_pump_create(&options, &pump));
    assert_ok(evtwin_source_create(&reads, turn, &source));
    assert_ok(evtwin_source_screened(source, screen, &screened));
    assert_ok(evtwin_pump_take_source(pump, screened));
    assert_ok(evtwin_sink_open("null:", &sink));
    assert_ok(evtwin_pump_take_sink(pump, sink));
    assert_ok(evtwin_sink_create(&fails, NULL, &sink));
    assert_ok(evtwin_pump_take_sink(pump, sink));
    return pump;
}

static void test_sinks_of_a_pump(void **state) {
    (void)state;
    int turn = 0;
    evtwin_screen *screen = NULL;
    assert_ok(evtwin_screen_create(NULL, &screen));
    evtwin_pump *pump = pump_of(&turn, screen);
    evtwin_metrics *metrics = new_metrics();
    char *text = text_of(metrics, 0);
    assert_lacks(text, "evtwin_sink");
    evtwin_metrics_text_free(text);

    while (evtwin_pump_run_once(pump, 0, NULL) != EVTWIN_DONE) {
    }
    assert_ok(evtwin_metrics_observe_pump(metrics, pump, screen));
    assert_ok(evtwin_metrics_observe_pump(metrics, pump, screen)); /* in place of the first */
    text = text_of(metrics, 0);
    assert_has(text, "# TYPE evtwin_sink_up gauge\n");
    assert_has(text, "\nevtwin_sink_up{sink=\"null:\",takes=\"records\"} 1\n");
    assert_has(text, "\nevtwin_sink_up{sink=\"away \\\"quoted\\\"\",takes=\"records\"} 0\n");
    assert_has(text, "\nevtwin_sink_delivered_records_total{sink=\"null:\",takes=\"records\"} 3\n");
    assert_has(text, "\nevtwin_sink_waiting_records{sink=\"null:\",takes=\"records\"} 0\n");
    assert_has(text,
               "\nevtwin_sink_waiting_records{sink=\"away \\\"quoted\\\"\",takes=\"records\"} 3\n");
    assert_has(text, "\nevtwin_source_records_total 3\n");
    assert_has(text, "\nevtwin_source_refused_records_total 1\n");
    assert_has(text, "\nevtwin_flagged_records_total{flag=\"out_of_range\"} 1\n");
    assert_has(text, "\nevtwin_flagged_records_total{flag=\"late\"} 0\n");
    assert_has(text, "\nevtwin_duplicate_records_total 0\n");
    evtwin_metrics_text_free(text);
    assert_int_equal(evtwin_metrics_observe_pump(metrics, NULL, NULL), EVTWIN_E_ARG);
    evtwin_pump_free(pump);
    text = text_of(metrics, 0); /* they are copies */
    assert_has(text, "\nevtwin_sink_up{sink=\"null:\"");
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
    evtwin_screen_free(screen);
}

static void test_accept(void **state) {
    (void)state;
    /* what Prometheus 2.42 and 3 send */
    assert_true(
        evtwin__accepts_openmetrics("application/openmetrics-text;version=1.0.0,application/"
                                    "openmetrics-text;version=0.0.1;q=0.75,"
                                    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
    assert_false(evtwin__accepts_openmetrics("text/plain;version=0.0.4;q=0.9, "
                                             "application/openmetrics-text; version=1.0.0; q=0.4"));
    assert_false(evtwin__accepts_openmetrics(NULL));
    assert_false(evtwin__accepts_openmetrics(""));
    assert_false(evtwin__accepts_openmetrics("*/*"));
    assert_false(evtwin__accepts_openmetrics("text/html,application/xhtml+xml,*/*;q=0.8"));
    assert_false(evtwin__accepts_openmetrics("application/openmetrics-text;q=0"));
    assert_false(evtwin__accepts_openmetrics("application/openmetrics-text;q=bad,;,;;q=,"));
    assert_true(evtwin__accepts_openmetrics("Application/OpenMetrics-Text"));
    assert_false(evtwin__accepts_openmetrics("application/openmetrics-textual"));
    assert_true(evtwin__accepts_openmetrics(
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/"
        "openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"));
    /* the range that names a type best decides */
    assert_true(evtwin__accepts_openmetrics("text/plain;q=0, */*, application/openmetrics-text"));
    assert_true(
        evtwin__accepts_openmetrics("text/plain;q=0, */*;q=1, application/openmetrics-text;q=0.5"));
    assert_false(evtwin__accepts_openmetrics("application/openmetrics-text;q=0.3, text/*;q=0.4"));
    assert_true(evtwin__accepts_openmetrics("application/*, text/*;q=0.4"));
    assert_false(evtwin__accepts_openmetrics("application/*, text/*"));
    assert_false(evtwin__accepts_openmetrics("*/*, application/openmetrics-text;q=0.1"));
}

static void test_cap(void **state) {
    (void)state;
    enum { N = EVTWIN__METRICS_MAX_BATTERIES + 7 };
    evtwin_metrics *metrics = new_metrics();
    evtwin_table *table = NULL;
    assert_ok(evtwin_telemetry_table_create(&table));
    assert_ok(evtwin_table_resize(table, N));
    const size_t id = evtwin_table_find(table, "battery_id");
    const size_t time = evtwin_table_find(table, "time");
    const size_t soc = evtwin_table_find(table, "soc");
    for (size_t i = 0; i < N; i++) {
        char name[32];
        snprintf(name, sizeof name, "BATTERY_%05zu", i);
        assert_ok(evtwin_table_set_text(table, id, i, name));
        assert_ok(evtwin_table_set_i64(table, time, i, now_us));
        assert_ok(evtwin_table_set_f64(table, soc, i, (double)(i % 100)));
    }
    assert_ok(evtwin_metrics_observe(metrics, table));
    assert_ok(evtwin_metrics_observe(metrics, table));
    evtwin_table_free(table);

    char *text = text_of(metrics, 0);
    assert_has(text, "\nevtwin_batteries 10000\n");
    assert_has(text, "\nevtwin_rows_without_series_total 14\n");
    assert_has(text, "battery_soc_percent{battery_id=\"BATTERY_09999\"} 99\n");
    assert_lacks(text, "BATTERY_10000");
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
}

/* ---- threads ---- */

enum { N_THREADS = 4, N_BATCHES = 200 };

static void *observe_many(void *ctx) {
    const record records[] = {{"A", now_us, 1, 84.3, 94.8, 34.2, 851, 0.083, NULL},
                              {"B", now_us, 1, 84.3, 94.8, 34.2, 851, 0.083, NULL}};
    evtwin_table *table = make_table(records, 2);
    for (int i = 0; i < N_BATCHES; i++) {
        if (evtwin_metrics_observe(ctx, table) < 0) {
            break;
        }
        evtwin_metrics_count_error(ctx);
        char *text = NULL;
        if (i % 20 == 0 && evtwin_metrics_text(ctx, i % 40 == 0, &text) >= 0) {
            evtwin_metrics_text_free(text);
        }
    }
    evtwin_table_free(table);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    evtwin_metrics *metrics = new_metrics();
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, observe_many, metrics), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    char *text = text_of(metrics, 0);
    assert_has(text, "battery_predictions_total{battery_id=\"A\"} 800\n");
    assert_has(text, "evtwin_predictions_total{outcome=\"known\"} 1600\n");
    assert_has(text, "evtwin_predictions_total{outcome=\"error\"} 800\n");
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
}

/* ---- memory ---- */

static evtwin_status observe_and_write(void *ctx) {
    evtwin_metrics *metrics = NULL;
    char *text = NULL;
    evtwin_status st = evtwin_metrics_create(&metrics);
    if (st >= 0 && (st = evtwin_metrics_observe(metrics, ctx)) >= 0) {
        st = evtwin_metrics_text(metrics, 0, &text);
    }
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
    return st;
}

static void test_out_of_memory(void **state) {
    (void)state;
    const record records[] = {{"A", now_us, 1, 84.3, 94.8, 34.2, 851, 0.083, NULL}};
    evtwin_table *table = make_table(records, 1);
    assert_true(fail_every_allocation(observe_and_write, table) > 3);
    evtwin_table_free(table);
}

/* ---- promtool ---- */

static void test_promtool(void **state) {
    (void)state;
    if (access("/usr/bin/promtool", X_OK) != 0) {
        print_message("skipped: promtool (Debian package prometheus) is absent\n");
        skip();
    }
    if (!CLIENT_HAS_SERVER) {
        print_message("skipped: this build has no HTTP server\n");
        skip();
    }
    evtwin_metrics *metrics = new_metrics();
    const record records[] = {{"A", now_us, 1, 84.3, 94.8, 34.2, 851, 0.083, NULL},
                              {"B-2", now_us, 2, 50, NAN, 30, NAN, NAN, "unknown, because"}};
    observe(metrics, records, 2);
    int turn = 0;
    evtwin_screen *screen = NULL;
    assert_ok(evtwin_screen_create(NULL, &screen));
    evtwin_pump *pump = pump_of(&turn, screen);
    assert_ok(evtwin_pump_run_once(pump, 0, NULL));
    assert_ok(evtwin_metrics_observe_pump(metrics, pump, screen));
    evtwin_server *server = start_server(NULL, metrics);
    reply r = client_get(evtwin_server_port(server), "/metrics");
    assert_int_equal(r.code, 200);
    const char *path = temp_file("metrics.txt", r.body);
    char command[400];
    snprintf(command, sizeof command, "/usr/bin/promtool check metrics < %s", path);
    assert_int_equal(system(command), 0);

    /* the check can fail */
    path = temp_file("metrics_bad.txt", "# TYPE a_total gauge\na_total 1\n");
    snprintf(command, sizeof command, "/usr/bin/promtool check metrics < %s > %s 2>&1", path,
             temp_path("out"));
    assert_int_not_equal(system(command), 0);
    reply_free(&r);
    evtwin_server_free(server);
    evtwin_metrics_free(metrics);
    evtwin_pump_free(pump);
    evtwin_screen_free(screen);
}

/* Each value is in its bucket and in all behind it. */
static void test_durations_are_a_histogram(void **state) {
    (void)state;
    static const double s[] = {0.0,  0.001,       0.0011,          0.2, 3.0, 1000.0,
                               -1.0, (double)NAN, (double)INFINITY};
    evtwin_metrics *metrics = new_metrics();
    char *text = text_of(metrics, 0);
    assert_lacks(text, "evtwin_prediction_duration_seconds"); /* nothing was predicted */
    evtwin_metrics_text_free(text);
    for (size_t i = 0; i < sizeof s / sizeof s[0]; i++) {
        evtwin_metrics_observe_duration(metrics, s[i]);
    }
    evtwin_metrics_observe_duration(NULL, 1.0);
    text = text_of(metrics, 0);
    assert_has(text, "# TYPE evtwin_prediction_duration_seconds histogram\n");
    assert_has(text, "\nevtwin_prediction_duration_seconds_bucket{le=\"0.001\"} 2\n");
    assert_has(text, "\nevtwin_prediction_duration_seconds_bucket{le=\"0.0025\"} 3\n");
    assert_has(text, "\nevtwin_prediction_duration_seconds_bucket{le=\"0.1\"} 3\n");
    assert_has(text, "\nevtwin_prediction_duration_seconds_bucket{le=\"0.25\"} 4\n");
    assert_has(text, "\nevtwin_prediction_duration_seconds_bucket{le=\"5\"} 5\n");
    assert_has(text, "\nevtwin_prediction_duration_seconds_bucket{le=\"10\"} 5\n");
    assert_has(text, "\nevtwin_prediction_duration_seconds_bucket{le=\"+Inf\"} 6\n");
    assert_has(text, "\nevtwin_prediction_duration_seconds_sum 1003.2021\n");
    assert_has(text, "\nevtwin_prediction_duration_seconds_count 6\n");
    evtwin_metrics_text_free(text);
    text = text_of(metrics, 1);
    assert_has(text, "# UNIT evtwin_prediction_duration_seconds seconds\n");
    evtwin_metrics_text_free(text);
    evtwin_metrics_free(metrics);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations_are_a_histogram),
        cmocka_unit_test(test_contract_names),
        cmocka_unit_test(test_columns_of_other_types),
        cmocka_unit_test(test_gauges_are_those_of_the_schema),
        cmocka_unit_test(test_newest_row_wins),
        cmocka_unit_test(test_empty_and_refused),
        cmocka_unit_test(test_openmetrics),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_features_of_a_session),
        cmocka_unit_test(test_drift_of_a_session),
        cmocka_unit_test(test_sinks_of_a_pump),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_promtool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
