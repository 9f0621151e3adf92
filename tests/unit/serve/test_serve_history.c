/* SPDX-License-Identifier: MIT */
/* A battery's past over HTTP: thinned for a chart. */

#include "serve_client.h"

#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)

/* 2026-01-01T00:00:00Z */
static const int64_t t0 = INT64_C(1767225600) * SECOND;

static evtwin_server *server;
static int port;

enum { N_ROWS = 1500, STEP_S = 10 };

/* Rows ten seconds apart, every fifth of them predicted; and a battery with a row of now. */
static int setup(void **state) {
    (void)state;
    static record records[N_ROWS + 1];
    for (int i = 0; i < N_ROWS; i++) {
        const int is_predicted = i % 5 == 0;
        records[i] = (record){"B-1",
                              t0 + (int64_t)i * STEP_S * SECOND,
                              i,
                              80.0 - i / 100.0,
                              90.0,
                              30.0,
                              is_predicted ? 900.0 - i : (double)NAN,
                              is_predicted ? 0.25 : (double)NAN,
                              NULL};
    }
    records[N_ROWS] = (record){"B-2", evtwin_time_now(), 1, 55.5, 90, 30, NAN, NAN, NULL};
    const char *uri = fresh_uri("history.db");
    fill_store(uri, records, N_ROWS + 1);
    server = start_server(uri, NULL);
    port = evtwin_server_port(server);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    evtwin_server_free(server);
    return 0;
}

static double number(const json_t *value, const char *path) {
    return json_number_value(json_at(value, path));
}

static void test_points(void **state) {
    (void)state;
    json_t *v = client_json(port,
                            "/api/battery/history?battery_id=B-1&from=2026-01-01T00:00:00Z"
                            "&until=2026-01-01T01:59:59Z&points=13",
                            200);
    assert_near(number(v, "bucket_s"), 600, 0);
    assert_near(number(v, "count"), 12, 0);
    assert_near(number(v, "period_hours"), 7199.0 / 3600.0, 1e-12);
    assert_string_equal(json_string_value(json_at(v, "data.1.time")),
                        "2026-01-01T00:10:00.000000Z");
    assert_near(number(v, "data.1.n"), 60, 0);
    assert_near(number(v, "data.1.soc.0"), 78.81, 1e-12);
    assert_near(number(v, "data.1.soc.1"), 79.105, 1e-12);
    assert_near(number(v, "data.1.soc.2"), 79.4, 1e-12);
    assert_near(number(v, "data.0.rul_prediction.2"), 900, 0);
    assert_near(number(v, "data.0.charge_cycles.1"), 152, 0);
    assert_true(json_is_null(json_at(v, "data.0.rul_low")));
    assert_null(json_object_get(json_at(v, "data.0"), "seq"));
    json_decref(v);

    v = client_json(port,
                    "/api/battery/history?battery_id=B-1&from=2026-01-01T00:00:00Z"
                    "&until=2026-01-02T00:00:00Z&points=5000&quantities=soh,soc",
                    200);
    assert_near(number(v, "count"), 750, 0); /* of 20 s */
    assert_int_equal(json_object_size(json_at(v, "data.0")), 4);
    json_decref(v);

    /* a row of now is in the last part; a time without rows is an empty answer */
    v = client_json(port, "/api/battery/history?battery_id=B-2&points=500", 200);
    assert_near(number(v, "bucket_s"), 10, 0);
    assert_near(number(v, "count"), 1, 0);
    assert_near(number(v, "period_hours"), 1, 0);
    json_decref(v);
    v = client_json(port, "/api/battery/history?battery_id=B-1&points=500", 200);
    assert_near(number(v, "count"), 0, 0);
    assert_near(number(v, "bucket_s"), 10, 0);
    json_decref(v);
    v = client_json(port, "/api/battery/history?battery_id=B-1&points=2&from=9998-01-01T00:00:00Z",
                    200);
    assert_near(number(v, "count"), 0, 0);
    json_decref(v);
}

static void test_from(void **state) {
    (void)state;
    json_t *v = client_json(port,
                            "/api/battery/history?battery_id=B-1&from=2026-01-01T00:00:00Z"
                            "&until=2026-01-01T00:01:00Z",
                            200);
    assert_near(number(v, "count"), 7, 0);
    json_decref(v);
    v = client_json(port,
                    "/api/battery/stats?battery_id=B-1&from=2026-01-01T00:00:00Z"
                    "&until=2026-01-01T01:00:00Z",
                    200);
    assert_near(number(v, "stats.total_records"), 361, 0);
    assert_near(number(v, "period_hours"), 1, 0);
    json_decref(v);
}

static void test_parameters(void **state) {
    (void)state;
    static const struct {
        const char *parameters;
        const char *names;
    } cases[] = {
        {"points=1", "points"},
        {"points=0", "points"},
        {"points=-5", "points"},
        {"points=5001", "points"},
        {"points=nan", "points"},
        {"points=", "points"},
        {"points=1e2", "points"},
        {"points=99999999999999999999", "points"},
        {"points=500&limit=5", "limit"},
        {"points=500&cursor=1.1", "cursor"},
        {"quantities=soc", "points"},
        {"points=500&quantities=", "voltage"},
        {"points=500&quantities=soc,nothing", "nothing"},
        {"points=500&quantities=seq", "rul_prediction"},
        {"points=500&quantities='%3BDROP", "temperature"},
        {"hours=1&from=2026-01-01T00:00:00Z", "hours"},
        {"from=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until"},
        {"from=now", "from"},
        {"from=", "from"},
        {"from=-1", "from"},
        {"format=csv", "format"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[200];
        snprintf(target, sizeof target, "/api/battery/history?battery_id=B-1&%s",
                 cases[i].parameters);
        json_t *v = client_json(port, target, 400);
        const char *message = json_string_value(json_at(v, "message"));
        if (!text_names(message, cases[i].names)) {
            fail_msg("%s: '%s' lacks '%s'", target, message, cases[i].names);
        }
        json_decref(v);
    }
    json_decref(client_json(port, "/api/battery/history?battery_id=NOBODY&points=9", 404));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_parameters),
    };
    if (!CLIENT_HAS_SERVER || !has_kind_of_store()) {
        print_message("skipped: this build has no HTTP server or no store\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
