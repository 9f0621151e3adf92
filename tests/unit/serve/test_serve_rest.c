/* SPDX-License-Identifier: MIT */
/* The endpoints over real HTTP from a real store: the contract's envelope, keys and errors. */

#include "serve_one.h"

#include "core/embed.h"
#include "serve_memory.h"

static int64_t now_us;
static char store_uri[320];

/* Ten rows of six batteries: predicted, waiting after a predicted one (a moment, three hours ago),
 * unknown, and one alert only. */
static int setup(void **state) {
    (void)state;
    now_us = evtwin_time_now();
    const int64_t s = 1000000;
    const record records[] = {
        {"BATTERY_001", now_us - 30 * s, 1, 80, 94, 30, 900, 0.05, NULL},
        {"BATTERY_001", now_us - 20 * s, 2, 81, 94, 31, 890, 0.06, NULL},
        {"BATTERY_001", now_us - 10 * s, 3, 82, 94, 32, 880, 0.07, NULL},
        {"BATTERY_002", now_us - 9 * s, 1, 50, 82, 30, 60, 0.91, NULL},
        {"BATTERY_002", now_us - 4 * s, 2, 49, 82, 30, NAN, NAN, NULL},
        {"BATTERY_003", now_us - 4 * s, 1, 49, NAN, 61.5, NAN, NAN,
         "unknown, because soh is missing"},
        {"BATTERY_004", now_us - 400 * 24 * 3600 * s, 1, 70, 95, 30, 95, 0.1, NULL},
        {"BATTERY_005", now_us - 3 * 3600 * s, 1, 50, 95, 30, 500, 0.02, NULL},
        {"BATTERY_005", now_us - 5 * s, 2, 50, 95, 30, NAN, NAN, NULL},
        {"BATTERY_006", now_us - 3 * s, 1, 50, 95, 30, NAN, NAN, NULL},
    };
    snprintf(store_uri, sizeof store_uri, "%s", fresh_uri("rest.db"));
    fill_store(store_uri, records, sizeof records / sizeof records[0]);
    serve(store_uri);
    return 0;
}

static void assert_text(const json_t *value, const char *path, const char *expected) {
    assert_string_equal(json_string_value(json_at(value, path)), expected);
}

static void assert_success(const json_t *value) {
    assert_text(value, "status", "success");
    int64_t time_us;
    assert_ok(evtwin_time_parse(json_string_value(json_at(value, "timestamp")), EVTWIN_NAIVE_REJECT,
                                &time_us));
    assert_true(llabs(time_us - evtwin_time_now()) < 60 * 1000000);
}

static void test_health(void **state) {
    (void)state;
    json_t *v = client_json(port, "/health", 200);
    assert_text(v, "status", "healthy");
    assert_text(v, "service", "evtwin");
    assert_text(v, "version", EVTWIN_VERSION);
    json_decref(v);
}

/* The process lives whatever the program says of itself; it is ready when that and the store say
 * so.
 */
static void test_probes(void **state) {
    (void)state;
    json_t *v = client_json(port, "/readyz", 200);
    assert_text(v, "status", "ready");
    assert_text(v, "service", "evtwin");
    json_decref(v);
    assert_ok(evtwin_server_set_ready(server, "stopping"));
    v = client_json(port, "/readyz", 503);
    assert_text(v, "status", "not ready");
    assert_text(v, "message", "stopping");
    json_decref(v);
    v = client_json(port, "/livez", 200);
    assert_text(v, "status", "alive");
    assert_null(json_object_get(v, "store_age_s"));
    json_decref(v);
    json_decref(client_json(port, "/health", 200));
    assert_ok(evtwin_server_set_ready(server, NULL));
    json_decref(client_json(port, "/readyz", 200));
    assert_fails(evtwin_server_set_ready(NULL, NULL), EVTWIN_E_ARG, "NULL");
}

static void test_latest(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/battery/latest?battery_id=BATTERY_001", 200);
    assert_success(v);
    assert_text(v, "data.battery_id", "BATTERY_001");
    assert_near(number(v, "data.soc"), 82, 0);
    assert_near(number(v, "data.voltage"), 375.5, 0);
    assert_true(json_is_integer(json_at(v, "data.charge_cycles")));
    assert_true(json_is_false(json_at(v, "data.is_charging")));
    assert_near(number(v, "data.rul_prediction"), 880, 0);
    assert_near(number(v, "data.rul_error"), 41.5, 0);
    assert_near(number(v, "data.failure_probability"), 0.07, 0);
    assert_text(v, "data.status", "NORMAL");
    assert_text(v, "data.status_reason", "");
    assert_null(json_object_get(json_at(v, "data"), "timestamp")); /* rows say time */
    int64_t time_us;
    assert_ok(evtwin_time_parse(json_string_value(json_at(v, "data.time")), EVTWIN_NAIVE_REJECT,
                                &time_us));
    assert_true(time_us == now_us - 10000000);
    json_decref(v);

    /* without an id it is the contract's default */
    v = client_json(port, "/api/battery/latest", 200);
    assert_text(v, "data.battery_id", "BATTERY_001");
    json_decref(v);
}

/* The newest row waits for its prediction: it says so, and the last one stands beside it. */
static void test_pending_row(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/battery/latest?battery_id=BATTERY_002", 200);
    assert_true(json_is_null(json_at(v, "data.rul_prediction")));
    assert_true(json_is_null(json_at(v, "data.rul_error")));
    assert_text(v, "data.status", "WARNING");
    assert_text(v, "data.status_reason", "soh 82 < 85");
    assert_near(number(v, "data.prediction.rul_prediction"), 60, 0);
    assert_near(number(v, "data.prediction.rul_error"), 41.5, 0);
    assert_text(v, "data.health.status", "CRITICAL");
    assert_text(v, "data.health.reason",
                "failure_probability 0.91 > 0.7, soh 82 < 85, rul_prediction 60 < 100");
    assert_text(v, "data.health.reasons.2", "rul_prediction 60 < 100");
    assert_true(json_is_true(json_at(v, "data.health.needs_service")));
    assert_true(json_is_false(json_at(v, "data.health.needs_charging")));
    int64_t since_us;
    assert_ok(evtwin_time_parse(json_string_value(json_at(v, "data.health.since")),
                                EVTWIN_NAIVE_REJECT, &since_us));
    assert_true(since_us == now_us - 9 * 1000000);
    assert_text(v, "data.health.notice", "");
    assert_true(number(v, "data.prediction.age_s") < 60.0);
    json_decref(v);

    /* however long ago it was made, it says of which row */
    v = client_json(port, "/api/battery/latest?battery_id=BATTERY_005", 200);
    assert_true(json_is_null(json_at(v, "data.rul_prediction")));
    assert_near(number(v, "data.prediction.rul_prediction"), 500, 0);
    int64_t time_us;
    assert_ok(evtwin_time_parse(json_string_value(json_at(v, "data.prediction.time")),
                                EVTWIN_NAIVE_REJECT, &time_us));
    assert_true(time_us == now_us - INT64_C(3) * 3600 * 1000000);
    json_decref(v);

    v = client_json(port, "/api/battery/latest?battery_id=BATTERY_006", 200);
    assert_true(json_is_null(json_at(v, "data.prediction")));
    assert_text(v, "data.health.status", "NORMAL");
    json_decref(v);

    v = client_json(port, "/api/battery/latest?battery_id=BATTERY_003", 200);
    assert_true(json_is_null(json_at(v, "data.prediction.rul_prediction")));
    assert_text(v, "data.prediction.prediction_note", "unknown, because soh is missing");
    json_decref(v);
}

static void test_history(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/battery/history?battery_id=BATTERY_001", 200);
    assert_success(v);
    assert_int_equal(json_array_size(json_at(v, "data")), 3);
    assert_near(number(v, "count"), 3, 0);
    assert_near(number(v, "period_hours"), 1, 0);
    assert_near(number(v, "data.0.soc"), 82, 0); /* newest first */
    assert_near(number(v, "data.2.soc"), 80, 0);
    assert_true(json_is_null(json_at(v, "next")));
    json_decref(v);

    /* page by page */
    char target[256] = "/api/battery/history?battery_id=BATTERY_001&limit=2";
    v = client_json(port, target, 200);
    assert_int_equal(json_array_size(json_at(v, "data")), 2);
    snprintf(target, sizeof target, "/api/battery/history?limit=2&battery_id=BATTERY_001&cursor=%s",
             json_string_value(json_at(v, "next")));
    json_decref(v);
    v = client_json(port, target, 200);
    assert_int_equal(json_array_size(json_at(v, "data")), 1);
    assert_near(number(v, "data.0.soc"), 80, 0);
    assert_true(json_is_null(json_at(v, "next")));
    json_decref(v);

    /* a window in the past, and one without rows of a battery that there is */
    char until[EVTWIN_TIME_TEXT_SIZE];
    assert_ok(evtwin_time_format(now_us - 15 * 1000000, until, sizeof until));
    snprintf(target, sizeof target, "/api/battery/history?hours=0.002&until=%s", until);
    v = client_json(port, target, 200);
    assert_int_equal(json_array_size(json_at(v, "data")), 1);
    assert_near(number(v, "data.0.soc"), 81, 0);
    json_decref(v);
    v = client_json(port, "/api/battery/history?battery_id=BATTERY_004&hours=24", 200);
    assert_int_equal(json_array_size(json_at(v, "data")), 0);
    assert_near(number(v, "count"), 0, 0);
    json_decref(v);
}

static void test_predictions(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/battery/predictions?battery_id=BATTERY_002", 200);
    assert_success(v);
    assert_near(number(v, "count"), 1, 0);
    assert_near(number(v, "predictions.0.rul_prediction"), 60, 0);
    assert_text(v, "predictions.0.model_version", "0123456789ab");
    assert_near(number(v, "predictions.0.rul_error"), 41.5, 0);
    json_decref(v);
    v = client_json(port, "/api/battery/predictions?battery_id=BATTERY_006", 200);
    assert_near(number(v, "count"), 0, 0);
    json_decref(v);
}

static void test_stats(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/battery/stats?battery_id=BATTERY_001", 200);
    assert_success(v);
    static const char *const keys[] = {"total_records",   "avg_soc",     "min_soc",
                                       "max_soc",         "avg_soh",     "avg_temperature",
                                       "max_temperature", "avg_voltage", "avg_current",
                                       "total_cycles",    "avg_rul",     "avg_failure_risk"};
    assert_int_equal(json_object_size(json_at(v, "stats")), 12);
    for (size_t i = 0; i < 12; i++) {
        assert_true(json_is_number(json_object_get(json_at(v, "stats"), keys[i])));
    }
    assert_near(number(v, "stats.total_records"), 3, 0);
    assert_near(number(v, "stats.avg_soc"), 81, 1e-9);
    assert_near(number(v, "stats.min_soc"), 80, 0);
    assert_near(number(v, "stats.max_temperature"), 32, 0);
    assert_near(number(v, "stats.avg_rul"), 890, 1e-9);
    assert_near(number(v, "stats.total_cycles"), 152, 0);
    assert_near(number(v, "period_hours"), 24, 0);
    json_decref(v);

    v = client_json(port, "/api/battery/stats?battery_id=BATTERY_004&hours=2.5", 200);
    assert_near(number(v, "stats.total_records"), 0, 0);
    assert_true(json_is_null(json_at(v, "stats.avg_soc")));
    assert_near(number(v, "period_hours"), 2.5, 0);
    json_decref(v);
}

static void test_list(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/batteries/list", 200);
    assert_success(v);
    assert_near(number(v, "count"), 6, 0);
    assert_int_equal(json_array_size(json_at(v, "batteries")), 6);
    static const int worst_first[6] = {2, 3, 4,
                                       1, 5, 6}; /* as the alerts, then what needs nothing */
    for (int i = 0; i < 6; i++) {
        char path[32], id[32];
        snprintf(path, sizeof path, "batteries.%d", i);
        snprintf(id, sizeof id, "BATTERY_%03d", worst_first[i]);
        json_t *one = json_at(v, path);
        const char *first = json_object_iter_key(json_object_iter(one));
        assert_string_equal(first, "battery_id");
        assert_text(one, "battery_id", id);
        assert_non_null(json_object_get(one, "time"));
        assert_non_null(json_object_get(one, "prediction"));
    }
    assert_near(number(v, "batteries.3.soc"), 82, 0);
    assert_text(v, "batteries.1.status", "CRITICAL");
    assert_text(v, "batteries.1.status_reason", "temperature 61.5 > 60");
    json_decref(v);
}

static void test_alerts(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/alerts", 200);
    assert_success(v);
    assert_near(number(v, "count"), 3, 0);
    assert_text(v, "alerts.0.battery_id", "BATTERY_002");
    assert_int_equal(json_array_size(json_at(v, "alerts.0.reasons")), 3);
    assert_text(v, "alerts.1.battery_id", "BATTERY_003");
    assert_text(v, "alerts.1.reasons.0", "temperature 61.5 > 60");
    assert_text(v, "alerts.2.battery_id", "BATTERY_004"); /* NORMAL, but its RUL is below 100 */
    assert_text(v, "alerts.2.status", "NORMAL");
    assert_text(v, "alerts.2.reasons.0", "rul_prediction 95 < 100");
    json_decref(v);
}

static void test_thresholds(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/thresholds", 200);
    evtwin_thresholds *contract = NULL;
    assert_ok(evtwin_thresholds_create(&contract));
    assert_int_equal(json_array_size(json_at(v, "thresholds")), evtwin_thresholds_count(contract));
    evtwin_thresholds_free(contract);
    int n_found = 0;
    size_t i;
    json_t *t;
    json_array_foreach(json_at(v, "thresholds"), i, t) {
        n_found += strcmp(json_string_value(json_at(t, "quantity")), "soc") == 0 &&
                   strcmp(json_string_value(json_at(t, "level")), "CRITICAL") == 0 &&
                   strcmp(json_string_value(json_at(t, "operator")), "<") == 0 &&
                   number(t, "limit") == 15.0;
    }
    assert_int_equal(n_found, 1);
    json_decref(v);
}

static void put_thresholds(double temperature_warning) {
    evtwin_store *store = NULL;
    evtwin_thresholds *thresholds = NULL;
    const evtwin_threshold rule = {.size = sizeof rule,
                                   .kind = EVTWIN_THRESHOLD_STATUS,
                                   .quantity = "temperature",
                                   .level = EVTWIN_HEALTH_WARNING,
                                   .limit = temperature_warning};
    assert_ok(evtwin_store_open(store_uri, NULL, &store));
    assert_ok(evtwin_thresholds_create(&thresholds));
    assert_ok(evtwin_thresholds_set(thresholds, &rule));
    assert_ok(evtwin_store_put_thresholds(store, thresholds));
    evtwin_thresholds_free(thresholds);
    evtwin_store_free(store);
    usleep(1100000);
}

/* Health and alerts follow the store's limits within a second; the status of a row stays as it was
 * set. */
static void test_other_thresholds(void **state) {
    (void)state;
    put_thresholds(31.5);
    json_t *v = client_json(port, "/api/battery/latest?battery_id=BATTERY_001", 200);
    assert_text(v, "data.health.status", "WARNING");
    assert_text(v, "data.health.reason", "temperature 32 > 31.5");
    assert_text(v, "data.status", "NORMAL");
    assert_text(v, "data.status_reason", "");
    json_decref(v);
    v = client_json(port, "/api/alerts", 200);
    assert_text(v, "alerts.0.battery_id", "BATTERY_002"); /* the worst first */
    assert_text(v, "alerts.2.battery_id", "BATTERY_001");
    assert_text(v, "alerts.2.reasons.0", "temperature 32 > 31.5");
    json_decref(v);
    put_thresholds(45.0);
    v = client_json(port, "/api/battery/latest?battery_id=BATTERY_001", 200);
    assert_text(v, "data.health.status", "NORMAL");
    json_decref(v);
}

/* ---- what is not of now ---- */

static int count_of(const json_t *list, const char *health) {
    char path[64];
    snprintf(path, sizeof path, "summary.%s", health);
    return (int)number(list, path);
}

/* A dying battery, a good one, both waiting for a prediction: asked at once, and when neither a
 * record nor a prediction has come for longer than the servers' patience. */
static void test_a_stale_answer_is_not_a_good_one(void **state) {
    (void)state;
    const record records[] = {
        {"BAD", now_us, 1, 80, 94, 30, 900, 0.948, NULL},
        {"BAD", now_us + 1000000, 2, 80, 94, 30, NAN, NAN, NULL},
        {"GOOD", now_us, 1, 80, 94, 30, 900, 0.05, NULL},
        {"GOOD", now_us + 1000000, 2, 80, 94, 30, NAN, NAN, NULL},
    };
    const char *uri = fresh_uri("stale.db");
    const int64_t began_us = evtwin_time_now();
    fill_store(uri, records, sizeof records / sizeof records[0]);
    evtwin_server_options options;
    evtwin_server_options_init(&options, sizeof options);
    options.listen = "127.0.0.1:0";
    options.store = uri;
    evtwin_server *patient = NULL, *hasty = NULL;
    assert_ok(evtwin_server_start(&options, &patient));
    options.silent_after_s = options.predictions_stopped_after_s = 0.2;
    assert_ok(evtwin_server_start(&options, &hasty));
    usleep(250000);
    json_t *v = client_json(evtwin_server_port(patient), "/api/batteries/list", 200);
    assert_int_equal(count_of(v, "critical"), 1);
    assert_int_equal(count_of(v, "normal"), 1);
    assert_int_equal(count_of(v, "silent"), 0);
    assert_text(v, "summary.notice", "");
    json_decref(v);

    const int at = evtwin_server_port(hasty);
    v = client_json(at, "/api/batteries/list", 200);
    assert_int_equal(count_of(v, "critical"), 1);
    assert_int_equal(count_of(v, "normal"), 0);
    assert_int_equal(count_of(v, "silent"), 2);
    assert_int_equal(count_of(v, "without_predictions"), 2);
    assert_true(text_names(json_string_value(json_at(v, "summary.notice")),
                           "no predictions for|no data from 2 of 2"));
    assert_text(v, "batteries.0.health.status", "CRITICAL");
    assert_text(v, "batteries.0.health.reason", "failure_probability 0.95 > 0.7");
    assert_near(number(v, "batteries.0.prediction.failure_probability"), 0.948, 0);
    assert_true(json_is_true(json_at(v, "batteries.0.health.silent")));
    assert_true(number(v, "batteries.0.health.no_predictions_for_s") >= 0.2);
    assert_true(text_names(json_string_value(json_at(v, "batteries.1.health.notice")),
                           "no data for|no predictions for"));
    json_decref(v);
    v = client_json(at, "/api/alerts", 200);
    assert_near(number(v, "count"), 1, 0);
    assert_text(v, "alerts.0.battery_id", "BAD");
    json_decref(v);

    reply r = client_get(at, "/metrics");
    static const char *const lines[] = {"\nevtwin_battery_health{battery_id=\"BAD\"} 2\n",
                                        "\nevtwin_battery_silent{battery_id=\"GOOD\"} 1\n",
                                        "\nevtwin_fleet_batteries{health=\"normal\"} 0\n",
                                        "\nevtwin_fleet_batteries{health=\"critical\"} 1\n",
                                        "\nevtwin_silent_batteries 2\n",
                                        "\nevtwin_batteries_without_predictions 2\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (strstr(r.body, lines[i]) == NULL) {
            fail_msg("/metrics lacks %s", lines[i]);
        }
    }
    static const char *const ages[] = {"\nevtwin_last_record_age_seconds ",
                                       "\nevtwin_last_prediction_age_seconds "};
    const double lived_s = 1e-6 * (double)(evtwin_time_now() - began_us);
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        const char *line = strstr(r.body, ages[i]);
        assert_non_null(line);
        const double age_s = strtod(line + strlen(ages[i]), NULL);
        assert_true(age_s >= 0.2 && age_s <= lived_s + 0.1);
    }
    reply_free(&r);
    evtwin_server_free(hasty);
    evtwin_server_free(patient);
    options.silent_after_s = -1.0;
    assert_fails(evtwin_server_start(&options, &hasty), EVTWIN_E_ARG, "silent_after_s|-1");
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *target;
        int code;
        const char *names;
    } cases[] = {
        {"/api/battery/latest?battery_id=NOBODY", 404, "NOBODY"},
        {"/api/battery/history?battery_id=NOBODY", 404, "NOBODY"},
        {"/api/battery/predictions?battery_id=NOBODY", 404, "NOBODY"},
        {"/api/battery/stats?battery_id=NOBODY", 404, "NOBODY"},
        {"/api/battery/latest?battery_id=", 400, "battery_id"},
        {"/api/battery/latest?battery_id=a%20b", 400, "battery_id"},
        {"/api/battery/latest?battery_id='%20OR%201=1--", 400, "battery_id"},
        {"/api/battery/latest?battery_id=%3Cscript%3E", 400, "battery_id"},
        {"/api/battery/latest?battery_id="
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         400, "battery_id"},
        {"/api/battery/latest?battery_id=A&battery_id=B", 400, "battery_id"},
        {"/api/battery/latest?hours=1", 400, "hours"},
        {"/api/battery/latest?battery=A", 400, "battery"},
        {"/api/battery/history?hours=abc", 400, "hours"},
        {"/api/battery/history?hours=", 400, "hours"},
        {"/api/battery/history?hours=0", 400, "hours"},
        {"/api/battery/history?hours=-1", 400, "hours"},
        {"/api/battery/history?hours=nan", 400, "hours"},
        {"/api/battery/history?hours=inf", 400, "hours"},
        {"/api/battery/history?hours=1e999", 400, "hours"},
        {"/api/battery/history?hours=8784.1", 400, "hours"},
        {"/api/battery/history?hours=1%2C5", 400, "hours"},
        {"/api/battery/history?limit=0", 400, "limit"},
        {"/api/battery/history?limit=1001", 400, "limit"},
        {"/api/battery/history?limit=1e3", 400, "limit"},
        {"/api/battery/history?limit=99999999999999999999", 400, "limit"},
        {"/api/battery/history?cursor=x", 400, "cursor"},
        {"/api/battery/history?cursor=1.", 400, "cursor"},
        {"/api/battery/history?cursor=.1", 400, "cursor"},
        {"/api/battery/history?until=yesterday", 400, "until"},
        {"/api/battery/history?until=9999-99-99", 400, "until"},
        {"/api/battery/stats?hours=1&limit=5", 400, "limit"},
        {"/api/batteries/list?x=1", 400, "x"},
        {"/nothing", 404, "/nothing"},
        {"/api/", 404, "/api/"},
        {"/openapi.json?x=1", 400, "x"},
        {"/api/battery/latest/", 404, "latest/"},
        {"/..%2f..%2fetc%2fpasswd", 404, "nothing"},
        {"/web/%2e%2e/web/fleet/fleet.js", 404, "nothing"},
        {"/../../etc/passwd", 404, "nothing"},
        {"//web/fleet/fleet.js", 404, "nothing"},
        {"/web/..%5cfleet/fleet.js", 404, "nothing"},
        {"/web/fleet/fleet.js%00", 400, "path"},
        {"/api/battery/latest?a=%", 400, "percent"},
        {"/%zz", 400, "path"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *v = client_json(port, cases[i].target, cases[i].code);
        assert_text(v, "status", "error");
        if (!text_names(json_string_value(json_at(v, "message")), cases[i].names)) {
            fail_msg("%s: '%s' lacks '%s'", cases[i].target,
                     json_string_value(json_at(v, "message")), cases[i].names);
        }
        json_decref(v);
    }
    json_t *v =
        client_json(port, "/api/battery/history?hours=8784&limit=1000&battery_id=BATTERY_001", 200);
    json_decref(v);
}

static void test_headers(void **state) {
    (void)state;
    static const char *const targets[] = {"/api/batteries/list", "/", "/nothing", "/metrics",
                                          "/web/fleet/fleet.js"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        reply r = client_get(port, targets[i]);
        assert_non_null(strstr(reply_header(&r, "Content-Security-Policy"), "default-src 'self'"));
        assert_non_null(
            strstr(reply_header(&r, "Content-Security-Policy"), "frame-ancestors 'none'"));
        assert_string_equal(reply_header(&r, "X-Content-Type-Options"), "nosniff");
        assert_non_null(strstr(reply_header(&r, "Content-Type"), "charset=utf-8"));
        assert_null(reply_header(&r, "Access-Control-Allow-Origin"));
        assert_non_null(reply_header(&r, "Cache-Control"));
        reply_free(&r);
    }
    reply r = client_get(port, "/api/batteries/list");
    assert_string_equal(reply_header(&r, "Content-Type"), "application/json; charset=utf-8");
    assert_string_equal(reply_header(&r, "Cache-Control"), "no-store");
    reply_free(&r);

    /* of pages alone: for old browsers, and for their links */
    r = client_get(port, "/");
    assert_string_equal(reply_header(&r, "X-Frame-Options"), "DENY");
    assert_string_equal(reply_header(&r, "Referrer-Policy"), "no-referrer");
    reply_free(&r);
}

extern const evtwin__embedded evtwin__web[];

static void test_page(void **state) {
    (void)state;
    reply r = client_get(port, "/");
    assert_int_equal(r.code, 200);
    assert_string_equal(reply_header(&r, "Content-Type"), "text/html; charset=utf-8");
    assert_non_null(strstr(r.body, "<!doctype html>"));
    char condition[600];
    snprintf(condition, sizeof condition, "If-None-Match: %s\r\n", reply_header(&r, "ETag"));
    reply_free(&r);
    r = client_request(port, "GET", "/", condition);
    assert_int_equal(r.code, 304);
    assert_string_equal(r.body, "");
    reply_free(&r);
    r = client_request(port, "GET", "/battery/any", "If-None-Match: \"other\"\r\n");
    assert_int_equal(r.code, 200);
    reply_free(&r);

    /* everything that the page asks for is there, and nothing comes from elsewhere */
    static const char *const pages[] = {"fleet/index.html", "battery/index.html",
                                        "pack/index.html"};
    size_t n_pages = 0;
    for (const evtwin__embedded *file = evtwin__web; file->name != NULL; file++) {
        char target[200];
        snprintf(target, sizeof target, "/web/%s", file->name);
        r = client_get(port, target);
        assert_int_equal(r.code, 200);
        assert_null(strstr(r.body, "innerHTML"));
        assert_null(strstr(r.body, "https://"));
        reply_free(&r);
        for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
            n_pages += strcmp(file->name, pages[i]) == 0;
        }
    }
    assert_int_equal(n_pages, 3);
}

/* The map: columns of equal length, the same batteries in the order of the list; rows: those named.
 */
static void test_map(void **state) {
    (void)state;
    json_t *map = client_json(port, "/api/fleet/map", 200);
    json_t *list = client_json(port, "/api/batteries/list", 200);
    const json_t *batteries = json_at(list, "batteries");
    const size_t n = json_array_size(batteries);
    assert_true(n >= 2);
    static const char *const columns[] = {
        "battery_id", "health", "needs",       "silent",         "record_age_s",       "broken",
        "soc",        "soh",    "temperature", "rul_prediction", "failure_probability"};
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
        assert_int_equal(json_array_size(json_at(map, columns[c])), n);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *b = json_array_get(batteries, i);
        assert_string_equal(json_string_value(json_array_get(json_at(map, "battery_id"), i)),
                            json_string_value(json_at(b, "battery_id")));
        const json_t *health = json_at(b, "health");
        static const char *const words[] = {"NORMAL", "WARNING", "CRITICAL"};
        assert_string_equal(words[json_integer_value(json_array_get(json_at(map, "health"), i))],
                            json_string_value(json_at(health, "status")));
        const int needs = (json_is_true(json_at(health, "needs_charging")) ? 1 : 0) +
                          (json_is_true(json_at(health, "needs_service")) ? 2 : 0);
        assert_int_equal(json_integer_value(json_array_get(json_at(map, "needs"), i)), needs);
        assert_int_equal(json_integer_value(json_array_get(json_at(map, "broken"), i)) != 0,
                         json_array_size(json_at(health, "reasons")) > 0);
    }
    json_decref(map);
    json_decref(list);

    json_t *rows = client_json(port, "/api/fleet/rows?ids=BATTERY_002,nobody,BATTERY_001", 200);
    assert_int_equal(json_array_size(json_at(rows, "batteries")), 2);
    assert_text(json_array_get(json_at(rows, "batteries"), 0), "battery_id", "BATTERY_002");
    assert_text(json_array_get(json_at(rows, "batteries"), 1), "battery_id", "BATTERY_001");
    json_decref(rows);
    static const char *const wrong[] = {"/api/fleet/rows",
                                        "/api/fleet/rows?ids=", "/api/fleet/rows?ids=a,,b",
                                        "/api/fleet/rows?ids=a%20b", "/api/fleet/rows?ids=a&x=1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *v = client_json(port, wrong[i], 400);
        assert_true(text_names(json_string_value(json_at(v, "message")), "ids"));
        json_decref(v);
    }
}

/* Addresses of pages, and what is none. A battery's page is the same file for every battery. */
static void test_page_addresses(void **state) {
    (void)state;
    static const struct {
        const char *target, *type;
    } pages[] = {
        {"/battery/BATTERY_002", "text/html"},    {"/battery/none%20such", "text/html"},
        {"/battery/BATTERY_002/3d", "text/html"}, {"/web/shared/style.css", "text/css"},
        {"/vendor/have.js", "text/javascript"},   {"/favicon.svg", "image/svg+xml"},
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        reply r = client_get(port, pages[i].target);
        assert_int_equal(r.code, 200);
        assert_non_null(strstr(reply_header(&r, "Content-Type"), pages[i].type));
        reply_free(&r);
    }
    static const char *const none[] = {"/battery",  "/battery/",         "/battery//3d",
                                       "/web/",     "/battery/x/y",      "/vendor/../LICENSE",
                                       "/vendor/x", "/fleet/index.html", "/battery/x/3d/"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        json_decref(client_json(port, none[i], 404));
    }
    reply r = client_request(port, "GET", "/battery/BATTERY_002",
                             "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"
                             "Sec-Fetch-Dest: document\r\n");
    assert_int_equal(r.code, 200); /* a link of another site */
    reply_free(&r);
}

static void test_methods(void **state) {
    (void)state;
    static const char *const methods[] = {"POST",    "PUT",   "DELETE", "PATCH",
                                          "OPTIONS", "TRACE", "BREW"};
    static const char *const targets[] = {"/api/batteries/list", "/health", "/", "/metrics"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        for (size_t t = 0; t < 4; t++) {
            reply r = client_request(port, methods[i], targets[t], "");
            if (r.code != 405) {
                fail_msg("%s %s gave %d", methods[i], targets[t], r.code);
            }
            assert_string_equal(reply_header(&r, "Allow"), "GET, HEAD");
            reply_free(&r);
        }
    }
    reply r = client_request(port, "POST", "/nothing", "");
    assert_int_equal(r.code, 404);
    reply_free(&r);

    /* HEAD: the head of GET, and nothing after it */
    for (size_t t = 0; t < 4; t++) {
        r = client_request(port, "HEAD", targets[t], "");
        assert_int_equal(r.code, 200);
        assert_string_equal(r.body, "");
        assert_true(strtol(reply_header(&r, "Content-Length"), NULL, 10) > 20);
        reply_free(&r);
    }
    r = client_request(port, "HEAD", "/nothing", "");
    assert_int_equal(r.code, 404);
    assert_string_equal(r.body, "");
    reply_free(&r);
}

static void test_metrics_of_the_server(void **state) {
    (void)state;
    reply r = client_get(port, "/metrics?name[]=x");
    assert_int_equal(r.code, 200);
    assert_string_equal(reply_header(&r, "Content-Type"),
                        "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(r.body, "\nevtwin_store_up 1\n"));
    assert_non_null(strstr(r.body, "evtwin_http_requests_total{route=\"/health\",code=\"200\"} "));
    assert_non_null(strstr(
        r.body, "evtwin_http_request_duration_seconds_bucket{route=\"/api/alerts\",le=\"+Inf\"} "));
    assert_non_null(strstr(r.body, "\nprocess_start_time_seconds "));
    reply_free(&r);
    r = client_request(port, "GET", "/metrics",
                       "Accept: application/openmetrics-text;version=1.0.0\r\n");
    assert_string_equal(reply_header(&r, "Content-Type"),
                        "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_string_equal(r.body + strlen(r.body) - 6, "# EOF\n");
    reply_free(&r);
}

/* ---- the API's description ---- */

static const char *openapi_text(void) {
    static char text[200000];
    FILE *f = fopen(SOURCE_DIR "/docs/openapi.yaml", "rb");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

/* Every endpoint is in the API's description, and it describes no other. */
static void test_openapi(void **state) {
    (void)state;
    const char *text = openapi_text();
    size_t n_described = 0;
    for (const char *s = strstr(text, "\n  /"); s != NULL; s = strstr(s + 1, "\n  /")) {
        n_described++;
    }
    size_t n_routes = 0;
    const evtwin__route *route;
    for (; (route = evtwin__route_get(n_routes)) != NULL; n_routes++) {
        char key[64];
        snprintf(key, sizeof key, "\n  %s:\n", route->path);
        if (strstr(text, key) == NULL) {
            fail_msg("%s is not in docs/openapi.yaml", route->path);
        }
        for (const char *const *p = route->params; p != NULL && *p != NULL; p++) {
            snprintf(key, sizeof key, "name: %s\n", *p);
            assert_non_null(strstr(text, key));
        }
    }
    assert_int_equal(n_described, n_routes + 2); /* and two pages */
}

/* What a row holds is in the schema of quantities, in the answer, and in the API's description:
 * the same names, of the same types. */
static void test_openapi_rows(void **state) {
    (void)state;
    static const char *const words[] = {[EVTWIN_F64] = "number",
                                        [EVTWIN_I64] = "integer",
                                        [EVTWIN_BOOL] = "boolean",
                                        [EVTWIN_TEXT] = "string",
                                        [EVTWIN_TIME] = "date-time"};
    const char *row = strstr(openapi_text(), "\n    Row:\n");
    assert_non_null(row);
    const char *required = strstr(row, "      required: [");
    const char *properties = strstr(row, "\n      properties:\n");
    const char *end = strstr(row, "\n    LatestRow:\n");
    assert_true(required != NULL && properties != NULL && end != NULL && properties < end);
    json_t *v = client_json(port, "/api/battery/history?battery_id=BATTERY_001&limit=1", 200);
    const json_t *answered = json_at(v, "data.0");

    size_t n_described = 0, n_names = 0;
    for (const char *at = properties; at < end; at = strstr(at + 1, "\n        ")) {
        n_described += at != properties && at[9] != ' ';
    }
    for (size_t i = 0; i < evtwin_quantity_count() + 2; i++) {
        evtwin_quantity q = {.name = i == evtwin_quantity_count() ? "status_reason" : "rul_error",
                             .type = i == evtwin_quantity_count() ? EVTWIN_TEXT : EVTWIN_F64};
        if (i < evtwin_quantity_count()) {
            assert_ok(evtwin_quantity_get(i, &q, sizeof q));
        }
        if (q.kind == EVTWIN_KIND_TRUTH) {
            continue;
        }
        char key[80];
        n_names++;
        snprintf(key, sizeof key, "\n        %s:", q.name);
        const char *at = strstr(properties, key);
        if (at == NULL || at > end || json_object_get(answered, q.name) == NULL) {
            fail_msg("%s is not a property of Row in docs/openapi.yaml, or not answered", q.name);
        }
        const char *next = at + 1; /* the property after it */
        do {
            next = strstr(next + 1, "\n        ");
        } while (next != NULL && next[9] == ' ');
        const char *type = strstr(at, words[q.type]), *reference = strstr(at, "$ref");
        if ((type == NULL || type > next) && (reference == NULL || reference > next)) {
            fail_msg("%s is not of type %s in docs/openapi.yaml", q.name, words[q.type]);
        }
        snprintf(key, sizeof key, "%s", q.name);
        at = required;
        do {
            at = strstr(at + 1, key);
            assert_true(at != NULL && at < properties);
        } while (strchr(" [,\n", at[-1]) == NULL || strchr(",]", at[strlen(key)]) == NULL);
    }
    assert_int_equal(n_described, n_names);
    assert_int_equal(json_object_size(answered), n_names);
    json_decref(v);
}

/* ---- whose requests are answered ---- */

static void test_other_sites(void **state) {
    (void)state;
    static const struct {
        const char *target, *headers;
        int code;
    } cases[] = {
        {"/api/battery/stats", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", 403},
        {"/api/battery/latest", "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n", 403},
        {"/metrics", "Sec-Fetch-Site: cross-site\r\n", 403},
        {"/health", "Sec-Fetch-Site: anything\r\n", 403},
        {"/api/battery/latest",
         "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
         403},
        {"/",
         "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n",
         403},
        {"/",
         "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
         200},
        {"/api/battery/stats", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n", 200},
        {"/api/battery/stats", "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n", 200},
        {"/api/battery/stats", "", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reply r = client_request(port, "GET", cases[i].target, cases[i].headers);
        if (r.code != cases[i].code) {
            fail_msg("%s with %s: %d", cases[i].target, cases[i].headers, r.code);
        }
        reply_free(&r);
    }
}

/* ---- ages ---- */

static void test_ages(void **state) {
    (void)state;
    json_t *v = client_json(port, "/health", 200);
    const double age_s = number(v, "store_age_s");
    assert_true(age_s >= 0.0 && age_s < 60.0);
    json_decref(v);
    reply r = client_get(port, "/metrics");
    assert_non_null(strstr(r.text, "\nevtwin_store_read_age_seconds "));
    reply_free(&r);

    /* one whose cycles have stopped */
    evtwin_metrics *metrics = NULL;
    assert_ok(evtwin_metrics_create(&metrics));
    evtwin_server *predictor = start_server(NULL, metrics);
    const int its_port = evtwin_server_port(predictor);
    json_decref(client_json(its_port, "/health", 200)); /* not begun */
    evtwin_metrics_good_cycle(metrics, 60.0);
    v = client_json(its_port, "/health", 200);
    assert_true(number(v, "cycle_age_s") < 60.0);
    json_decref(v);
    evtwin_metrics_good_cycle(metrics, 0.05);
    usleep(60000);
    v = client_json(its_port, "/health", 503);
    assert_true(number(v, "cycle_age_s") > 0.05);
    assert_string_equal(json_string_value(json_at(v, "status")), "unhealthy");
    json_decref(v);
    v = client_json(its_port, "/readyz", 503);
    assert_string_equal(json_string_value(json_at(v, "status")), "not ready");
    json_decref(v);
    json_decref(client_json(its_port, "/livez", 200));
    r = client_get(its_port, "/metrics");
    assert_non_null(strstr(r.text, "\nevtwin_cycle_age_seconds "));
    reply_free(&r);
    evtwin_metrics_good_cycle(metrics, 60.0);
    json_decref(client_json(its_port, "/health", 200));
    evtwin_server_free(predictor);
    evtwin_metrics_free(metrics);
}

/* The members of an object that is answered are those of the API's description, from its name on.
 */
static void assert_described(const json_t *object, const char *name, int indent) {
    char key[96];
    snprintf(key, sizeof key, "\n%*s%s:\n", indent, "", name);
    const char *text = openapi_text();
    const char *at = strstr(text, key);
    assert_non_null(at);
    const char *member;
    json_t *value;
    json_object_foreach((json_t *)object, member, value) {
        snprintf(key, sizeof key, "\n%*s%s: ", indent + 4, "", member);
        if (strstr(at, key) == NULL) {
            fail_msg("docs/openapi.yaml: %s lacks %s", name, member);
        }
    }
}

static void test_openapi_health(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/batteries/list", 200);
    assert_described(json_at(v, "batteries.0.health"), "health", 12);
    assert_described(json_at(v, "summary"), "Summary", 4);
    json_decref(v);
}

/* ---- memory ---- */

static void test_out_of_memory(void **state) {
    (void)state;
    static const char *const targets[] = {"/api/battery/latest?battery_id=BATTERY_002",
                                          "/api/battery/history",
                                          "/api/batteries/list",
                                          "/api/alerts",
                                          "/api/battery/stats",
                                          "/health"};

    /* the allocator must not change under the threads of the other tests' server */
    evtwin_server_free(server);
    server = NULL;
    const size_t n_targets = on_postgres() ? 1 : sizeof targets / sizeof targets[0];
    for (size_t t = 0; t < n_targets; t++) { /* each time anew: a server makes that slow */
        assert_survives_no_memory(store_uri, targets[t]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_latest),
        cmocka_unit_test(test_pending_row),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_predictions),
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_alerts),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_other_thresholds),
        cmocka_unit_test(test_a_stale_answer_is_not_a_good_one),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_page_addresses),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_metrics_of_the_server),
        cmocka_unit_test(test_openapi),
        cmocka_unit_test(test_openapi_rows),
        cmocka_unit_test(test_other_sites),
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_openapi_health),
        cmocka_unit_test(test_out_of_memory),
    };
    if (!CLIENT_HAS_SERVER || !has_kind_of_store()) {
        print_message("skipped: this build has no HTTP server or no store\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
