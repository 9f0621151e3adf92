/* SPDX-License-Identifier: MIT */
/* test_telemetry_names.c: records in the names of other standards: what is written, and that it is
 * read back as the same record. */

#include "test.h"

#include "core/mem.h"
#include "core/rng.h"
#include "stream/telemetry_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static evtwin_table *telemetry(void) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    return t;
}

static void decode(const char *text, evtwin_table *t) {
    assert_ok(evtwin_telemetry_decode(text, strlen(text), EVTWIN_NAIVE_REJECT, t));
}

static double number(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, name), row);
}

/* One row in a naming; free it. */
static char *encode(const evtwin_table *t, size_t row, evtwin_naming naming) {
    evtwin__binding b;
    evtwin__text text = {.data = NULL};
    assert_ok(evtwin__bind(t, EVTWIN__TELEMETRY, &b));
    assert_ok(evtwin__telemetry_put_named(&b, row, EVTWIN__TELEMETRY, naming, &text));
    assert_int_equal(strlen(text.data), text.size);
    return text.data;
}

static void check_encoded(const evtwin_table *t, size_t row, evtwin_naming naming,
                          const char *expected) {
    char *text = encode(t, row, naming);
    assert_string_equal(text, expected);
    evtwin__free(text);
}

#define VSS "Vehicle.Powertrain.TractionBattery."

static const char ours[] =
    "{\"timestamp\":\"2024-01-31T12:00:00.500000Z\",\"battery_id\":\"B:1\",\"soc\":84.3,\"soh\":95,"
    "\"voltage\":392.15,\"current\":75.3,\"temperature\":34.2,\"charge_cycles\":152,"
    "\"power_consumption\":29528.895,\"is_charging\":false,\"seq\":9007199254740993,"
    "\"sim_time_s\":3600.25,\"resistance_mohm\":95.3}";

static void a_record_in_names_of_vss(void **state) {
    (void)state;
    evtwin_table *t = telemetry();
    decode(ours, t);
    check_encoded(t, 0, EVTWIN_NAMING_EVTWIN, ours);
    check_encoded(t, 0, EVTWIN_NAMING_VSS,
                  "{\"ts\":\"2024-01-31T12:00:00.500000Z\",\"" VSS "Id\":\"B:1\",\"" VSS
                  "StateOfCharge.Current\":84.3,\"" VSS "StateOfHealth\":95,\"" VSS
                  "CurrentVoltage\":392.15,\"" VSS "CurrentCurrent\":-75.3,\"" VSS
                  "Temperature.Average\":34.2,\"charge_cycles\":152,\"" VSS
                  "CurrentPower\":-29528.895,\"" VSS "Charging.IsCharging\":false,"
                  "\"seq\":9007199254740993,\"sim_time_s\":3600.25,\"resistance_mohm\":95.3}");
    evtwin_table_free(t);
}

static void a_record_in_names_of_bdf(void **state) {
    (void)state;
    evtwin_table *t = telemetry();
    decode(ours, t);
    check_encoded(t, 0, EVTWIN_NAMING_BDF_MACHINE,
                  "{\"unix_time_second\":1706702400.5,\"battery_id\":\"B:1\",\"soc\":84.3,"
                  "\"soh\":95,\"voltage_volt\":392.15,\"current_ampere\":-75.3,"
                  "\"surface_temperature_celsius\":34.2,\"cycle_count\":152,"
                  "\"power_watt\":-29528.895,\"is_charging\":false,\"seq\":9007199254740993,"
                  "\"test_time_second\":3600.25,\"internal_resistance_ohm\":0.0953}");
    evtwin_table_free(t);
}

/* Our power has no sign: that of the current, or else is_charging, says which it gets. Where
 * neither does the key stays ours, and nothing is made up. */
static void power_gets_its_direction(void **state) {
    (void)state;
    static const char begin[] =
        "{\"timestamp\":\"2024-01-31T12:00:00.000000Z\",\"battery_id\":\"B\"";
    static const struct {
        const char *ours, *vss;
    } tries[] = {
        {"\"current\":2,\"power_consumption\":20", "CurrentPower\":-20"},
        {"\"current\":-2,\"power_consumption\":20,\"is_charging\":false", "CurrentPower\":20"},
        {"\"power_consumption\":20,\"is_charging\":true", "CurrentPower\":20"},
        {"\"power_consumption\":20,\"is_charging\":false", "CurrentPower\":-20"},
        {"\"current\":0,\"power_consumption\":20,\"is_charging\":true", "CurrentPower\":20"},
        {"\"current\":0,\"power_consumption\":20", "CurrentPower\":-20"},
        {"\"power_consumption\":0", "CurrentPower\":0"},
        {"\"power_consumption\":20", "\"power_consumption\":20"},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        evtwin_table *t = telemetry();
        char text[512];
        snprintf(text, sizeof text, "%s,%s}", begin, tries[i].ours);
        decode(text, t);
        char *vss = encode(t, 0, EVTWIN_NAMING_VSS);
        assert_non_null(strstr(vss, tries[i].vss));
        assert_null(strstr(vss, ":-0"));
        decode(vss, t);
        assert_true(number(t, "power_consumption", 1) == number(t, "power_consumption", 0));
        evtwin__free(vss);
        evtwin_table_free(t);
    }
}

/* Times before 1970, decimals of any length, missing values: each naming gives the same record. */
static void random_records_come_back_the_same(void **state) {
    (void)state;
    static const evtwin_naming namings[] = {EVTWIN_NAMING_EVTWIN, EVTWIN_NAMING_VSS,
                                            EVTWIN_NAMING_BDF_MACHINE};
    for (uint64_t i = 0; i < 500; i++) {
        evtwin_table *t = telemetry();
        assert_ok(evtwin_table_resize(t, 1));
        const double span_us = 4e15;
        const double at = evtwin__rng_uniform(evtwin__rng_at(4, EVTWIN__RNG_USE, 0, 0, i), 0);
        assert_ok(evtwin_table_set_i64(t, 0, 0, (int64_t)((at - 0.25) * span_us)));
        assert_ok(evtwin_table_set_text(t, 1, 0, "B:7"));
        for (size_t col = 2; col < evtwin_table_cols(t); col++) {
            const evtwin__rng_block block = evtwin__rng_at(4, EVTWIN__RNG_USE, 0, (uint32_t)col, i);
            const double u = evtwin__rng_uniform(block, 0), v = evtwin__rng_uniform(block, 1);
            const int is_scaled = strcmp(evtwin_table_unit(t, col), "mOhm") == 0;
            if (u < 0.2) {
                continue; /* missing */
            }
            /* what another unit rounds has as many digits as a measurement */
            const double scaled = u < 0.6 || is_scaled ? floor(v * 1e5) / 1e2 : v * 1e3;
            switch (evtwin_table_type(t, col)) {
            case EVTWIN_F64:
                assert_ok(evtwin_table_set_f64(t, col, 0, u < 0.9 ? scaled : 0.0));
                break;
            case EVTWIN_BOOL:
                assert_ok(evtwin_table_set_bool(t, col, 0, v < 0.5));
                break;
            default:
                assert_ok(evtwin_table_set_i64(t, col, 0, (int64_t)(v * 0x1p60)));
            }
        }
        char *plain = encode(t, 0, EVTWIN_NAMING_EVTWIN);
        for (size_t n = 0; n < sizeof namings / sizeof namings[0]; n++) {
            evtwin_table *back = telemetry();
            char *named = encode(t, 0, namings[n]);
            decode(named, back);
            check_encoded(back, 0, EVTWIN_NAMING_EVTWIN, plain);
            evtwin__free(named);
            evtwin_table_free(back);
        }
        evtwin__free(plain);
        evtwin_table_free(t);
    }
}

/* Ours wins where a record has both; errors name the key that the record has. */
static void a_record_of_two_namings(void **state) {
    (void)state;
    evtwin_table *t = telemetry();
    decode("{\"ts\":\"2024-01-31T12:00:00Z\",\"battery_id\":\"B\",\"current\":5,\"" VSS
           "CurrentCurrent\":7,\"voltage_volt\":3.5,\"other\":1}",
           t);
    assert_true(number(t, "current", 0) == 5.0);
    assert_true(number(t, "voltage", 0) == 3.5);
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"{\"ts\":true,\"" VSS "Id\":\"B\"}", "key \"ts\""},
        {"{\"ts\":\"2024-01-31T12:00:00Z\",\"" VSS "Id\":\"b b\"}", "TractionBattery.Id\"|b b"},
        {"{\"ts\":\"2024-01-31T12:00:00Z\",\"" VSS "Id\":\"B\",\"" VSS "CurrentCurrent\":\"7\"}",
         "CurrentCurrent\" is not a number"},
        {"{\"unix_time_second\":1e300,\"battery_id\":\"B\"}", "unix_time_second"},
        {"{\"unix_time_second\":1,\"battery_id\":\"B\",\"internal_resistance_ohm\":1e306}",
         "internal_resistance_ohm|too large"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(evtwin_telemetry_decode(bad[i].text, strlen(bad[i].text), EVTWIN_NAIVE_UTC, t),
                     EVTWIN_E_PARSE, bad[i].says);
    }
    assert_int_equal(evtwin_table_rows(t), 1);
    assert_fails(evtwin_telemetry_decode("{\"" VSS "Id\":\"B\"}", strlen("{\"" VSS "Id\":\"B\"}"),
                                         EVTWIN_NAIVE_UTC, t),
                 EVTWIN_E_SCHEMA, "timestamp");
    evtwin_table_free(t);
}

/* Seconds are seconds whatever their number of digits. */
static void seconds_of_the_battery_data_format(void **state) {
    (void)state;
    evtwin_table *t = telemetry();
    decode("{\"unix_time_second\":12,\"battery_id\":\"B\"}", t);
    decode("{\"unix_time_second\":1704096020.123456,\"battery_id\":\"B\"}", t);
    decode("{\"unix_time_second\":-0.5,\"battery_id\":\"B\"}", t);
    const int64_t *time = evtwin_table_i64(t, 0);
    assert_int_equal(time[0], 12000000);
    assert_int_equal(time[1], 1704096020123456);
    assert_int_equal(time[2], -500000);
    evtwin_table_free(t);
}

/* Readers of JSON have doubles: a time whose microseconds these cannot hold keeps our key. */
static void far_times_come_back_exactly(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *begin;
    } cases[] = {
        {1, "{\"unix_time_second\":0.000001,"},
        {-1, "{\"unix_time_second\":-0.000001,"},
        {8589934591999999, "{\"unix_time_second\":8589934591.999999,"}, /* of 2242 */
        {-8589934591999999, "{\"unix_time_second\":-8589934591.999999,"},
        {8589934592000001, "{\"timestamp\":\"2242-03-16T12:56:32.000001Z\","},
        {-8589934592000001, "{\"timestamp\":\"1697-10-17T11:03:27.999999Z\","},
        {253402300799999999, "{\"timestamp\":\"9999-12-31T23:59:59.999999Z\","},
        {253402300799000000, "{\"unix_time_second\":253402300799,"},
        {-62167219200000000, "{\"unix_time_second\":-62167219200,"},
    };
    evtwin_table *t = telemetry();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(evtwin_table_resize(t, 0));
        assert_ok(evtwin_table_resize(t, 1));
        assert_ok(evtwin_table_set_i64(t, 0, 0, cases[i].us));
        assert_ok(evtwin_table_set_text(t, 1, 0, "B"));
        char *text = encode(t, 0, EVTWIN_NAMING_BDF_MACHINE);
        assert_memory_equal(text, cases[i].begin, strlen(cases[i].begin));
        decode(text, t);
        assert_int_equal(evtwin_table_i64(t, 0)[1], cases[i].us);
        evtwin__free(text);
    }
    evtwin_table_free(t);
}

/* ---- a file ---- */

static evtwin_status open_jsonl(const char *path, const char *params, evtwin_sink **out) {
    char uri[400];
    snprintf(uri, sizeof uri, "jsonl:%s%s", path, params);
    return evtwin_sink_open(uri, out);
}

static void a_file_has_one_kind_of_names(void **state) {
    (void)state;
    static const char *const words[] = {"", "?names=vss", "?names=bdf"};
    for (size_t i = 0; i < 3; i++) {
        evtwin_sink *sink = NULL;
        evtwin_source *source = NULL;
        evtwin_table *t = telemetry(), *back = telemetry();
        const char *path = temp_file("named.jsonl", "");
        decode(ours, t);
        for (int twice = 0; twice < 2; twice++) { /* it goes on in a file of the same names */
            assert_ok(open_jsonl(path, words[i], &sink));
            assert_ok(evtwin_sink_write(sink, t));
            evtwin_sink_free(sink);
            sink = NULL;
        }
        for (size_t other = 0; other < 3; other++) {
            if (other != i) {
                assert_fails(open_jsonl(path, words[other], &sink), EVTWIN_E_SCHEMA,
                             "named.jsonl|names=|?replace=1");
            }
        }
        char uri[400];
        snprintf(uri, sizeof uri, "jsonl:%s", path);
        assert_ok(evtwin_source_open(uri, &source));
        assert_ok(evtwin_source_read(source, 10, 0, back));
        assert_int_equal(evtwin_table_rows(back), 2);
        check_encoded(back, 1, EVTWIN_NAMING_EVTWIN, ours);
        evtwin_source_free(source);
        evtwin_table_free(t);
        evtwin_table_free(back);
    }
    evtwin_sink *sink = NULL;
    assert_fails(open_jsonl("-", "?names=iso", &sink), EVTWIN_E_ARG, "names=iso|vss");
    assert_fails(open_jsonl("-", "?names=", &sink), EVTWIN_E_ARG, "names=|vss");
    assert_null(sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_in_names_of_vss),
        cmocka_unit_test(a_record_in_names_of_bdf),
        cmocka_unit_test(power_gets_its_direction),
        cmocka_unit_test(random_records_come_back_the_same),
        cmocka_unit_test(a_record_of_two_namings),
        cmocka_unit_test(seconds_of_the_battery_data_format),
        cmocka_unit_test(far_times_come_back_exactly),
        cmocka_unit_test(a_file_has_one_kind_of_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
