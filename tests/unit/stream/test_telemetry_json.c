/* SPDX-License-Identifier: MIT */
/* test_telemetry_json.c: the record as JSON: the contract's keys in, the contract's keys out. */

#include "test.h"

#include "fail_nth.h"

#include "core/rng.h"

static evtwin_table *telemetry(void) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    return t;
}

static evtwin_status decode(const char *text, evtwin_table *t) {
    return evtwin_telemetry_decode(text, strlen(text), EVTWIN_NAIVE_UTC, t);
}

static double number(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, name), row);
}

static const char contract[] =
    "{\"timestamp\":\"2024-01-31T12:00:00.500000Z\",\"battery_id\":\"BATTERY_001\",\"soc\":84.3,"
    "\"soh\":94.8,\"voltage\":392.15,\"current\":75.3,\"temperature\":34.2,\"charge_cycles\":152,"
    "\"power_consumption\":29528.895,\"is_charging\":false}";

static const char additive[] =
    "{\"timestamp\":\"2024-01-31T12:00:00.500000Z\",\"battery_id\":\"B:1\",\"soc\":0,\"current\":-"
    "0.1,"
    "\"is_charging\":true,\"seq\":9007199254740993,\"sim_time_s\":1e300,\"resistance_mohm\":95.5,"
    "\"mean_temperature\":-1e-9,\"throughput_ah_per_day\":40,\"quality\":18}";

static void a_record_comes_back_byte_for_byte(void **state) {
    (void)state;
    evtwin_table *t = telemetry();
    assert_ok(decode(contract, t));
    assert_ok(decode(additive, t));
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_true(number(t, "soc", 0) == 84.3);
    assert_true(number(t, "charge_cycles", 0) == 152);
    assert_true(isnan(number(t, "soh", 1)));
    assert_int_equal(evtwin_table_i64(t, evtwin_table_find(t, "seq"))[1], 9007199254740993);
    assert_string_equal(evtwin_table_text(t, 1, 0), "BATTERY_001");

    char text[2048];
    size_t length = 0;
    assert_ok(evtwin_telemetry_encode(t, 0, text, sizeof text, &length));
    assert_string_equal(text, contract);
    assert_int_equal(length, strlen(contract));
    assert_ok(evtwin_telemetry_encode(t, 1, text, sizeof text, NULL));
    assert_string_equal(text, additive);

    /* a size that just fits, and one that does not */
    assert_ok(evtwin_telemetry_encode(t, 0, text, sizeof contract, &length));
    text[0] = 'x';
    length = 7;
    char size_named[64];
    snprintf(size_named, sizeof size_named, "%zu|%zu", sizeof contract - 1, sizeof contract);
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof contract - 1, &length), EVTWIN_E_ARG,
                 size_named);
    assert_int_equal(text[0], 'x');
    assert_int_equal(length, strlen(contract));
    length = 7;
    assert_ok(evtwin_telemetry_encode(t, 1, NULL, 0, &length));
    assert_int_equal(length, strlen(additive));
    evtwin_table_free(t);
}

static void other_naming_units_and_signs_come_out_as_ours(void **state) {
    (void)state;
    static const char csv[] =
        "Timestamp,battery_id,SoC,SoH,Battery_Voltage,Current / A,Charge_Cycles,"
        "Power_Consumption\n"
        "2020-01-01 00:00:00,X,0.8993,1,400,-10,149.9,4.001\n";
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_read_csv(temp_file("naming.csv", csv), NULL, &t));
    char text[2048];
    assert_ok(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL));
    assert_string_equal(text, "{\"timestamp\":\"2020-01-01T00:00:00.000000Z\",\"battery_id\":\"X\","
                              "\"soc\":89.93,\"soh\":100,\"voltage\":400,\"current\":10,"
                              "\"charge_cycles\":149,\"power_consumption\":4001}");
    evtwin_table_free(t);

    /* which of two columns is meant is not guessed */
    assert_ok(evtwin_table_read_csv(
        temp_file("two.csv", "time,battery_id,voltage,Battery_Voltage\n2020-01-01,X,1,2\n"), NULL,
        &t));
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL), EVTWIN_E_SCHEMA,
                 "'voltage'|'Battery_Voltage'");
    evtwin_table_free(t);
}

static void what_is_not_a_record_is_not_encoded(void **state) {
    (void)state;
    char text[2048] = "as it was";
    evtwin_table *t = telemetry();
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL), EVTWIN_E_ARG, "row 1");
    assert_ok(evtwin_table_resize(t, 1));
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL), EVTWIN_E_SCHEMA,
                 "row 1|battery_id");
    assert_ok(evtwin_table_set_text(t, 1, 0, "a\"b"));
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL), EVTWIN_E_ARG,
                 "row 1|'a\"b'");
    assert_ok(evtwin_table_set_text(t, 1, 0, "ab"));
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL), EVTWIN_E_SCHEMA,
                 "row 1|battery ab|time");
    assert_ok(evtwin_table_set_i64(t, 0, 0, 0));
    assert_ok(evtwin_table_set_f64(t, 2, 0, INFINITY));
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL), EVTWIN_E_RANGE, "soc");
    assert_ok(evtwin_table_set_f64(t, 2, 0, 5));
    assert_ok(evtwin_table_set_i64(t, 0, 0, INT64_MAX));
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL), EVTWIN_E_RANGE, "time");
    assert_string_equal(text, "as it was");
    evtwin_table_free(t);

    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, 1));
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL), EVTWIN_E_SCHEMA, "time");
    assert_fails(evtwin_telemetry_encode(NULL, 0, text, sizeof text, NULL), EVTWIN_E_ARG, "NULL");
    evtwin_table_free(t);
}

static void any_double_survives(void **state) {
    (void)state;
    evtwin_table *t = telemetry(), *back = telemetry();
    assert_ok(decode(contract, t));
    for (uint64_t i = 0; i < 20000; i++) {
        const evtwin__rng_block b = evtwin__rng_at(3, EVTWIN__RNG_USE, 0, 0, i);
        const double v =
            (evtwin__rng_uniform(b, 0) - 0.5) * pow(10.0, 4.0 - 30.0 * evtwin__rng_uniform(b, 1));
        assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "current"), 0, v));
        char text[2048];
        size_t length = 0;
        assert_ok(evtwin_telemetry_encode(t, 0, text, sizeof text, &length));
        assert_ok(evtwin_table_resize(back, 0));
        assert_ok(evtwin_telemetry_decode(text, length, EVTWIN_NAIVE_REJECT, back));
        assert_true(number(back, "current", 0) == v);
    }
    evtwin_table_free(t);
    evtwin_table_free(back);
}

/* A measured value is what it is; whether it can be is for whoever predicts from it. */
static void an_impossible_value_survives(void **state) {
    (void)state;
    evtwin_table *t = telemetry(), *back = telemetry();
    assert_ok(decode(contract, t));
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "soc"), 0, 150.0));
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "sim_time_s"), 0, -5.5));
    assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "charge_cycles"), 0, INT64_MIN));
    char text[2048];
    assert_ok(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL));
    assert_ok(decode(text, back));
    assert_true(number(back, "soc", 0) == 150.0);
    assert_true(number(back, "sim_time_s", 0) == -5.5);
    assert_int_equal(evtwin_table_i64(back, evtwin_table_find(back, "charge_cycles"))[0],
                     INT64_MIN);
    assert_fails(evtwin_telemetry_check(back), EVTWIN_E_RANGE, "'soc'|150");
    assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "seq"), 0, -1));
    assert_fails(evtwin_telemetry_encode(t, 0, text, sizeof text, NULL), EVTWIN_E_RANGE, "seq|-1");
    evtwin_table_free(t);
    evtwin_table_free(back);
}

static void readers_are_lenient_where_the_contract_says(void **state) {
    (void)state;
    evtwin_table *t = telemetry();

    /* unknown keys, another order, null for missing, an integral real, a naive time */
    assert_ok(decode(" { \"x\": [1, {\"y\": \"}\"}], \"charge_cycles\": 150.0, \"soc\": null,\n"
                     "\"battery_id\": \"B\\u0041\", \"timestamp\": \"2024-01-31T12:00:00\"} ",
                     t));
    assert_string_equal(evtwin_table_text(t, 1, 0), "BA");
    assert_true(number(t, "charge_cycles", 0) == 150.0);
    assert_true(isnan(number(t, "soc", 0)));

    const char naive[] = "{\"battery_id\":\"B\",\"timestamp\":\"2024-01-31T12:00:00\"}";
    assert_fails(evtwin_telemetry_decode(naive, strlen(naive), EVTWIN_NAIVE_REJECT, t),
                 EVTWIN_E_PARSE, "\"timestamp\"|'2024-01-31T12:00:00'|offset");
    assert_int_equal(evtwin_table_rows(t), 1);
    evtwin_table_free(t);
}

static void a_time_may_be_a_number_since_1970(void **state) {
    (void)state;
    static const struct {
        const char *number;
        int64_t us;
    } cases[] = {{"1706702400", 1706702400000000},
                 {"1706702400.5", 1706702400500000},
                 {"1706702400123", 1706702400123000},
                 {"1706702400123456", 1706702400123456},
                 {"1706702400123456789", 1706702400123456}};
    evtwin_table *t = telemetry();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        const int n =
            snprintf(text, sizeof text, "{\"battery_id\":\"B\",\"timestamp\":%s}", cases[i].number);
        assert_ok(evtwin_telemetry_decode(text, (size_t)n, EVTWIN_NAIVE_REJECT, t));
        assert_int_equal(evtwin_table_i64(t, 0)[i], cases[i].us);
    }
    evtwin_table_free(t);
}

#define HEAD "{\"timestamp\":\"2024-01-31T12:00:00Z\",\"battery_id\":\"B\""

static void everything_else_is_refused_and_leaves_the_table(void **state) {
    (void)state;
    static const struct {
        const char *text;
        evtwin_status status;
        const char *says;
    } cases[] = {
        {"", EVTWIN_E_PARSE, "telemetry:1"},
        {"[]", EVTWIN_E_PARSE, "JSON object"},
        {"[[[[[[[[[[[[[[[[[", EVTWIN_E_PARSE, "16"},
        {HEAD ",\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", EVTWIN_E_PARSE, "16"},
        {HEAD, EVTWIN_E_PARSE, "telemetry:1"},
        {HEAD "}}", EVTWIN_E_PARSE, "telemetry:1"},
        {HEAD ",\"soc\":1,\"soc\":1}", EVTWIN_E_PARSE, "duplicate"},
        {HEAD ",\"soc\":\"85\"}", EVTWIN_E_PARSE, "\"soc\"|number"},
        {HEAD ",\"soc\":true}", EVTWIN_E_PARSE, "\"soc\"|number"},
        {HEAD ",\"soc\":Infinity}", EVTWIN_E_PARSE, "Infinity"},
        {HEAD ",\"soc\":1e999}", EVTWIN_E_PARSE, ""},
        {HEAD ",\"seq\":-1}", EVTWIN_E_RANGE, "seq|-1|0"},
        {HEAD ",\"charge_cycles\":150.5}", EVTWIN_E_PARSE, "\"charge_cycles\"|integer"},
        {HEAD ",\"charge_cycles\":1e300}", EVTWIN_E_PARSE, "\"charge_cycles\"|integer"},
        {HEAD ",\"is_charging\":1}", EVTWIN_E_PARSE, "\"is_charging\"|true|false"},
        {"{\"battery_id\":\"B\"}", EVTWIN_E_SCHEMA, "without \"timestamp\""},
        {"{\"timestamp\":\"2024-01-31\"}", EVTWIN_E_SCHEMA, "without \"battery_id\""},
        {"{\"timestamp\":null,\"battery_id\":\"B\"}", EVTWIN_E_SCHEMA, "without \"timestamp\""},
        {"{\"timestamp\":17067024,\"battery_id\":\"B\"}", EVTWIN_E_PARSE,
         "\"timestamp\"|'17067024'"},
        {"{\"timestamp\":true,\"battery_id\":\"B\"}", EVTWIN_E_PARSE, "\"timestamp\"|string"},
        {"{\"timestamp\":\"noon\",\"battery_id\":\"B\"}", EVTWIN_E_PARSE, "\"timestamp\"|'noon'"},
        {"{\"timestamp\":\"2024-01-31\",\"battery_id\":7}", EVTWIN_E_PARSE,
         "\"battery_id\"|string"},
        {"{\"timestamp\":\"2024-01-31\",\"battery_id\":\"a b\"}", EVTWIN_E_PARSE,
         "\"battery_id\"|'a b'"},
        {"{\"timestamp\":\"2024-01-31\",\"battery_id\":\"\xff\"}", EVTWIN_E_PARSE, "0xff"},
        {"{\"timestamp\":\"2024-01-31\",\"battery_id\":\"\\u0000\"}", EVTWIN_E_PARSE, ""},
        {HEAD ",\"x\":\"\\ud800\"}", EVTWIN_E_PARSE, "Unicode"},
        {HEAD ",\"x\":-Infinity}", EVTWIN_E_PARSE, ""},
    };
    evtwin_table *t = telemetry();
    assert_ok(decode(contract, t));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_fails(decode(cases[i].text, t), cases[i].status, cases[i].says);
        assert_int_equal(evtwin_table_rows(t), 1);
    }
    assert_fails(evtwin_telemetry_decode(contract, sizeof contract, EVTWIN_NAIVE_UTC, t),
                 EVTWIN_E_PARSE, "telemetry:1"); /* with its NUL */
    assert_fails(evtwin_telemetry_decode(NULL, 0, EVTWIN_NAIVE_UTC, t), EVTWIN_E_ARG, "NULL");
    assert_fails(decode(contract, NULL), EVTWIN_E_ARG, "NULL");
    evtwin_table *shared = evtwin_table_share(t);
    assert_int_equal(decode(contract, t), EVTWIN_E_STATE);
    evtwin_table_free(shared);
    evtwin_table_free(t);

    /* a table that is not a telemetry table */
    assert_ok(evtwin_table_create(&t));
    assert_fails(decode(contract, t), EVTWIN_E_SCHEMA, "time");
    evtwin_table_free(t);
}

static void size_depth_and_keys_are_capped(void **state) {
    (void)state;
    enum { CAP = 65536 };
    evtwin_table *t = telemetry();
    char *text = malloc(CAP + 2);
    assert_non_null(text);
    memset(text, ' ', CAP + 2);
    memcpy(text, contract, strlen(contract));
    assert_ok(evtwin_telemetry_decode(text, CAP, EVTWIN_NAIVE_UTC, t));
    assert_fails(evtwin_telemetry_decode(text, CAP + 1, EVTWIN_NAIVE_UTC, t), EVTWIN_E_PARSE,
                 "65537 bytes|65536");
    for (int n_more = 62; n_more <= 63; n_more++) {
        strcpy(text, HEAD);
        for (int i = 0; i < n_more; i++) {
            snprintf(text + strlen(text), 32, ",\"k%d\":1", i);
        }
        strcat(text, "}");
        if (n_more == 62) {
            assert_ok(decode(text, t));
        } else {
            assert_fails(decode(text, t), EVTWIN_E_PARSE, "65 keys|64");
        }
    }
    assert_ok(decode(HEAD ",\"x\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}", t));
    assert_ok(decode(HEAD ",\"x\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[\"}", t));
    free(text);
    evtwin_table_free(t);
}

static evtwin_status decode_once(void *ctx) {
    evtwin_table *t = NULL;
    evtwin_status st = evtwin_telemetry_table_create(&t);
    if (st == EVTWIN_OK) {
        st = decode(ctx, t);
        assert_int_equal(evtwin_table_rows(t), st == EVTWIN_OK);
    }
    evtwin_table_free(t);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char text[1000];
    snprintf(text, sizeof text, "%s", contract);
    assert_true(fail_every_allocation(decode_once, text) > 1);
}

/* As Python writes it; anything else that is not JSON stays an error. */
static void nan_is_a_missing_value(void **state) {
    (void)state;
    static const char head[] = "{\"timestamp\":\"2024-01-31T12:00:00Z\",\"battery_id\":\"NaN\"";
    char text[300];
    evtwin_table *t = telemetry();
    snprintf(text, sizeof text, "%s,\"soc\":NaN,\"x\":\"\\\"NaN\",\"soh\": NaN ,\"current\":1}",
             head);
    assert_ok(decode(text, t));
    assert_string_equal(evtwin_table_text(t, evtwin_table_find(t, "battery_id"), 0), "NaN");
    assert_true(isnan(number(t, "soc", 0)) && isnan(number(t, "soh", 0)));
    assert_true(number(t, "current", 0) == 1.0);
    static const char *const bad[] = {",\"soc\":-NaN}", ",\"soc\":NaN1}", ",\"soc\":nan}", ",NaN}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "%s%s", head, bad[i]);
        assert_fails(decode(text, t), EVTWIN_E_PARSE, "telemetry:1:");
    }
    snprintf(text, sizeof text, "%s,\"soc\":50}", head);
    const size_t length = strlen(text);
    text[length - 1] = '\0';
    text[length] = '}';
    assert_fails(evtwin_telemetry_decode(text, length + 1, EVTWIN_NAIVE_UTC, t), EVTWIN_E_PARSE,
                 "NUL");
    assert_int_equal(evtwin_table_rows(t), 1);
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_byte_for_byte),
        cmocka_unit_test(other_naming_units_and_signs_come_out_as_ours),
        cmocka_unit_test(what_is_not_a_record_is_not_encoded),
        cmocka_unit_test(any_double_survives),
        cmocka_unit_test(an_impossible_value_survives),
        cmocka_unit_test(readers_are_lenient_where_the_contract_says),
        cmocka_unit_test(a_time_may_be_a_number_since_1970),
        cmocka_unit_test(everything_else_is_refused_and_leaves_the_table),
        cmocka_unit_test(size_depth_and_keys_are_capped),
        cmocka_unit_test(nan_is_a_missing_value),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
