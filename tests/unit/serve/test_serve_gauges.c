/* SPDX-License-Identifier: MIT */
/* /metrics of a server over a store: the values of its batteries under both names, the newest
 * record and the prediction that stands, those of batteries that are gone, and each family once. */

#include "serve_client.h"

#include "serve/battery_gauges.h"

#if CLIENT_HAS_SERVER

/* The answer of /metrics; the caller frees it. */
static reply metrics_of(evtwin_server *server, const char *accept) {
    char header[160];
    snprintf(header, sizeof header, "Accept: %s\r\n", accept);
    reply r = client_request(evtwin_server_port(server), "GET", "/metrics", header);
    assert_int_equal(r.code, 200);
    return r;
}

static void assert_has(const reply *r, const char *line) {
    if (strstr(r->body, line) == NULL) {
        fail_msg("'%s' is not in\n%s", line, r->body);
    }
}

/* Each family is there once: a text with one twice is refused as a whole by Prometheus. */
static void assert_each_family_once(const reply *r) {
    size_t n = 0;
    for (const char *at = r->body; (at = strstr(at, "# TYPE ")) != NULL; at++, n++) {
        char line[200];
        snprintf(line, sizeof line, "%.*s ", (int)(7 + strcspn(at + 7, " ")), at);
        assert_null(strstr(at + 1, line));
    }
    assert_true(n > 20);
}

static void test_values(void **state) {
    (void)state;
    const char *uri = fresh_uri("gauges.db");
    const int64_t now_us = evtwin_time_now();
    const record records[] = {
        {"A", now_us - 2000000, 1, 84.9, 94.9, 30, 612.5, 0.083, NULL},
        {"A", now_us - 1000000, 2, 84.3, 94.9, 34.2, NAN, NAN, NULL}, /* it waits for its own */
        {"B", now_us, 1, 50, NAN, 20, NAN, NAN, NULL},
    };
    fill_store(uri, records, 3);
    evtwin_server *server = start_server(uri, NULL);
    json_decref(client_wait(evtwin_server_port(server), "/api/batteries/list", 200, "\"count\":2"));
    reply r = metrics_of(server, "text/plain");
    static const char *const lines[] = {
        "\nbattery_soc_percent{battery_id=\"A\"} 84.3\n",
        "\nevtwin_battery_state_of_charge_ratio{battery_id=\"A\"} 0.843\n",
        "\nevtwin_battery_state_of_health_ratio{battery_id=\"A\"} 0.949\n",
        "\nbattery_temperature_celsius{battery_id=\"A\"} 34.2\n",
        "\nevtwin_battery_temperature_celsius{battery_id=\"B\"} 20\n",
        "\nbattery_rul_cycles{battery_id=\"A\"} 612.5\n",
        "\nevtwin_battery_remaining_life_cycles{battery_id=\"A\"} 612.5\n",
        "\nbattery_failure_probability{battery_id=\"A\"} 0.083\n",
        "\nevtwin_battery_failure_probability_ratio{battery_id=\"A\"} 0.083\n",
        "\nevtwin_battery_charging{battery_id=\"A\"} ",
        "\nevtwin_battery_health{battery_id=\"A\"} 0\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_has(&r, lines[i]);
    }
    assert_null(strstr(r.body, "battery_soh_percent{battery_id=\"B\"}")); /* not measured */
    assert_null(strstr(r.body, "battery_rul_cycles{battery_id=\"B\"}"));  /* not predicted */
    assert_null(strstr(r.body, "battery_predictions"));                   /* it makes none */
    assert_each_family_once(&r);
    reply_free(&r);

    r = metrics_of(server, "application/openmetrics-text");
    assert_has(&r, "# UNIT evtwin_battery_state_of_charge_ratio ratio\n");
    assert_each_family_once(&r);
    reply_free(&r);
    evtwin_server_free(server);
}

/* A battery that has not been heard of for an hour keeps its health, and loses its values. */
static void test_gone(void **state) {
    (void)state;
    const char *uri = fresh_uri("gauges_gone.db");
    const int64_t now_us = evtwin_time_now();
    const record records[] = {{"GONE", now_us - 1, 1, 50, 95, 30, 500, 0.1, NULL},
                              {"HERE", now_us, 1, 50, 95, 30, 500, 0.1, NULL}};
    fill_store(uri, records, 2);
    static const char *const long_ago[] = {
        "UPDATE ev_health SET arrived_at = '2024-01-01T00:00:00.000000Z' WHERE battery_id = 'GONE'",
        "UPDATE ev_telemetry SET created_at = '2024-01-01T00:00:00.000000Z' WHERE battery_id ="
        " 'GONE'"};
    run_sql(uri, long_ago[0]);
    run_sql(uri, long_ago[1]);
    evtwin_server *server = start_server(uri, NULL);
    json_decref(client_wait(evtwin_server_port(server), "/api/batteries/list", 200, "\"count\":2"));
    reply r = metrics_of(server, "*/*");
    assert_has(&r, "\nbattery_soc_percent{battery_id=\"HERE\"} 50\n");
    assert_null(strstr(r.body, "battery_soc_percent{battery_id=\"GONE\"}"));
    assert_null(strstr(r.body, "evtwin_battery_remaining_life_cycles{battery_id=\"GONE\"}"));
    assert_has(&r, "\nevtwin_battery_silent{battery_id=\"GONE\"} 1\n");
    reply_free(&r);
    evtwin_server_free(server);
}

/* An id that another program wrote ends no label. */
static void test_strange_id(void **state) {
    (void)state;
    const char *uri = fresh_uri("gauges_strange.db");
    const record r = {"B", evtwin_time_now(), 1, 50, 95, 30, NAN, NAN, NULL};
    fill_store(uri, &r, 1);
    run_sql(uri, "UPDATE ev_telemetry SET battery_id = 'a\"} 1\nb\\'");
    evtwin_server *server = start_server(uri, NULL);
    json_decref(client_wait(evtwin_server_port(server), "/api/batteries/list", 200, "\"count\":1"));
    reply m = metrics_of(server, "*/*");
    assert_has(&m, "\nbattery_soc_percent{battery_id=\"a\\\"} 1\\nb\\\\\"} 50\n");
    reply_free(&m);
    evtwin_server_free(server);
}

/* A program that has metrics of its own and serves a store: its values are those of its own. */
static void test_beside_metrics(void **state) {
    (void)state;
    const char *uri = fresh_uri("gauges_both.db");
    const int64_t now_us = evtwin_time_now();
    const record stored = {"A", now_us, 1, 50, 95, 30, 500, 0.1, NULL};
    const record observed = {"A", now_us, 2, 40, 95, 30, 400, 0.2, NULL};
    fill_store(uri, &stored, 1);
    evtwin_metrics *metrics = NULL;
    evtwin_table *table = make_table(&observed, 1);
    assert_ok(evtwin_metrics_create(&metrics));
    assert_ok(evtwin_metrics_observe(metrics, table));
    evtwin_table_free(table);
    evtwin_server *server = start_server(uri, metrics);
    json_decref(client_wait(evtwin_server_port(server), "/api/batteries/list", 200, "\"count\":1"));
    reply r = metrics_of(server, "*/*");
    assert_has(&r, "\nbattery_soc_percent{battery_id=\"A\"} 40\n");
    assert_null(strstr(r.body, "\nbattery_soc_percent{battery_id=\"A\"} 50\n"));
    assert_has(&r, "\nevtwin_battery_health{battery_id=\"A\"} 0\n");
    assert_each_family_once(&r);
    reply_free(&r);
    evtwin_server_free(server);
    evtwin_metrics_free(metrics);
}

/* The cap: so many batteries have series, the first by their ids. */
static void test_cap(void **state) {
    (void)state;
    enum { N = EVTWIN__METRICS_MAX_BATTERIES + 3 };
    const char *uri = fresh_uri("gauges_cap.db");
    record *records = calloc(N, sizeof *records);
    char(*ids)[16] = calloc(N, sizeof *ids);
    const int64_t now_us = evtwin_time_now();
    for (size_t i = 0; i < N; i++) {
        snprintf(ids[i], sizeof ids[i], "B_%05zu", i);
        records[i] = (record){ids[i], now_us, 1, 50, 95, 30, NAN, NAN, NULL};
    }
    fill_store(uri, records, N);
    free(records);
    free(ids);
    evtwin_server *server = start_server(uri, NULL);
    json_decref(client_wait(evtwin_server_port(server), "/api/batteries/list?limit=1", 200,
                            "\"total\":10003"));
    reply r = metrics_of(server, "*/*");
    size_t n_series = 0;
    for (const char *at = r.body; (at = strstr(at, "\nbattery_soc_percent{")) != NULL; at++) {
        n_series++;
    }
    assert_int_equal(n_series, EVTWIN__METRICS_MAX_BATTERIES);
    assert_null(strstr(r.body, "B_10000"));
    assert_has(&r, "\nevtwin_fleet_batteries{health=\"normal\"} 10003\n");
    reply_free(&r);
    evtwin_server_free(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_gone),
        cmocka_unit_test(test_strange_id), cmocka_unit_test(test_beside_metrics),
        cmocka_unit_test(test_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) {
    print_message("skipped: this build has no HTTP server\n");
    return 77;
}

#endif
