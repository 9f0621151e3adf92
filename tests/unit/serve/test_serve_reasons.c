/* SPDX-License-Identifier: MIT */
/* Why a battery is predicted as it is, over HTTP: what the predictor left with its state. */

#include "serve_one.h"

/* 2026-01-01T00:00:00Z */
static const int64_t t0 = INT64_C(1767225600) * INT64_C(1000000);

static const char explained[] =
    "{\"format\":1,\"model\":\"0123456789ab\",\"rows\":3,\"last\":{\"rul\":398.1,\"failure\":null},"
    "\"reasons\":{\"rul\":{\"prediction\":398.1,\"mean\":655.25,\"answer\":412,\"reasons\":["
    "{\"feature\":\"resistance_mohm.change\",\"value\":12.5,\"unit\":\"mOhm\","
    "\"contribution\":-180.5,\"effect\":-180.5,\"effect_unit\":\"cycles\",\"approximate\":true,"
    "\"text\":\"resistance 12 % above its own start: about −180 cycles\"},"
    "{\"feature\":\"temperature.slope50\",\"value\":null,\"unit\":\"degC/cycle\","
    "\"contribution\":-3,\"effect\":-3,\"effect_unit\":\"cycles\",\"approximate\":true,"
    "\"text\":\"temperature over 50 cycles not known yet: about −3 cycles\"}]}},"
    "\"past\":[1,null]}";

/* B-2 has a state without reasons, B-3 one of another program, B-4 one that is not quite ours, B-5
 * none. */
static const struct {
    const char *id, *state;
} states[] = {{"B-1", explained},
              {"B-2", "{\"format\":1,\"model\":\"0123456789ab\",\"rows\":1,\"last\":{}}"},
              {"B-3", "not JSON"},
              {"B-4", "{\"reasons\":{\"rul\":{\"mean\":\"x\",\"reasons\":[7,{\"text\":5}]},"
                      "\"failure\":[]}}"}};

enum { N = 5, N_STATES = sizeof states / sizeof states[0] };

static void put_states(const char *uri, const record *records) {
    evtwin_store *store = NULL;
    evtwin_table *t = NULL, *rows = make_table(records, N_STATES);
    assert_ok(evtwin_store_open(uri, NULL, &store));
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "battery_id", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "time", EVTWIN_TIME, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "seq", EVTWIN_I64, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "state", EVTWIN_TEXT, NULL, NULL));
    assert_ok(evtwin_table_resize(t, N_STATES));
    for (size_t r = 0; r < N_STATES; r++) {
        assert_ok(evtwin_table_set_text(t, 0, r, states[r].id));
        assert_ok(evtwin_table_set_i64(t, 1, r, t0));
        assert_ok(evtwin_table_set_i64(t, 2, r, 1));
        assert_ok(evtwin_table_set_text(t, 3, r, states[r].state));
    }
    assert_ok(evtwin_store_put_predictions(store, rows, t, NULL));
    evtwin_table_free(t);
    evtwin_table_free(rows);
    evtwin_store_free(store);
}

static int setup(void **state) {
    (void)state;
    static const char *const ids[N] = {"B-1", "B-2", "B-3", "B-4", "B-5"};
    record records[N];
    for (size_t i = 0; i < N; i++) {
        records[i] = (record){ids[i], t0, 1, 80.0, 90.0, 30.0, 398.1, 0.25, NULL};
    }
    const char *uri = fresh_uri("reasons.db");
    fill_store(uri, records, N);
    put_states(uri, records);
    serve(uri);
    return 0;
}

static void assert_text(const json_t *v, const char *path, const char *expected) {
    assert_string_equal(json_string_value(json_at(v, path)), expected);
}

static void test_reasons(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/battery/reasons?battery_id=B-1", 200);
    assert_text(v, "status", "success");
    assert_text(v, "data.battery_id", "B-1");
    assert_text(v, "data.time", "2026-01-01T00:00:00.000000Z");
    assert_text(v, "data.model_version", "0123456789ab");
    assert_near(number(v, "data.rul.prediction"), 398.1, 0);
    assert_near(number(v, "data.rul.mean"), 655.25, 0);
    assert_near(number(v, "data.rul.answer"), 412, 0);
    assert_int_equal(json_array_size(json_at(v, "data.rul.reasons")), 2);
    assert_text(v, "data.rul.reasons.0.feature", "resistance_mohm.change");
    assert_near(number(v, "data.rul.reasons.0.contribution"), -180.5, 0);
    assert_true(json_is_true(json_at(v, "data.rul.reasons.0.approximate")));
    assert_text(v, "data.rul.reasons.0.text",
                "resistance 12 % above its own start: about −180 cycles");
    assert_true(json_is_null(json_at(v, "data.rul.reasons.1.value")));
    assert_true(json_is_null(json_at(v, "data.failure")));
    assert_null(json_object_get(json_at(v, "data"), "past"));
    json_decref(v);
}

static void test_none(void **state) {
    (void)state;
    static const char *const ids[] = {"B-2", "B-3", "B-5"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char path[80];
        snprintf(path, sizeof path, "/api/battery/reasons?battery_id=%s", ids[i]);
        json_t *v = client_json(port, path, 200);
        assert_text(v, "status", "success");
        assert_true(json_is_null(json_at(v, "data")));
        json_decref(v);
    }
    json_decref(client_json(port, "/api/battery/reasons?battery_id=NOBODY", 404));
    json_decref(client_json(port, "/api/battery/reasons?battery_id=B-1&hours=1", 400));
}

/* What another program wrote is null where it is not what it should be. */
static void test_strange(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/battery/reasons?battery_id=B-4", 200);
    assert_true(json_is_null(json_at(v, "data.model_version")));
    assert_true(json_is_null(json_at(v, "data.rul.mean")));
    assert_true(json_is_null(json_at(v, "data.rul.reasons.0.text")));
    assert_true(json_is_null(json_at(v, "data.rul.reasons.1.text")));
    assert_true(json_is_null(json_at(v, "data.failure")));
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_strange),
    };
    if (!CLIENT_HAS_SERVER || !has_kind_of_store()) {
        print_message("skipped: this build has no HTTP server or no store\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
