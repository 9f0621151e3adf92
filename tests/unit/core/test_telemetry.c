/* SPDX-License-Identifier: MIT */
/* test_telemetry.c: the schema's names, units, signs and ranges, on tables in every naming. */

#include "test.h"

#include "fail_nth.h"

#include "core/schema.h"

typedef struct found {
    evtwin_status status;
    size_t index;
    const char *unit;
    double factor;
} found;

static found find(const char *header) {
    found f = {.index = 999, .unit = "?", .factor = -99.0};
    f.status = evtwin_quantity_find(header, &f.index, &f.unit, &f.factor);
    return f;
}

static const char *ours(const char *header) {
    const found f = find(header);
    return f.status == EVTWIN_OK ? evtwin_quantity_name(f.index, EVTWIN_NAMING_EVTWIN) : "none";
}

static void the_record_in_its_order(void **state) {
    (void)state;
    static const char *const want[] = {
        "time",
        "battery_id",
        "soc",
        "soh",
        "voltage",
        "current",
        "temperature",
        "charge_cycles",
        "power_consumption",
        "is_charging",
        "seq",
        "sim_time_s",
        "resistance_mohm",
        "mean_temperature",
        "throughput_ah_per_day",
        "quality",
    };
    assert_int_equal(n_telemetry(), sizeof want / sizeof want[0]);
    for (size_t i = 0; i < n_telemetry(); i++) {
        evtwin_quantity q;
        assert_ok(evtwin_quantity_get(i, &q, sizeof q));
        assert_string_equal(q.name, want[i]);
        assert_string_equal(q.json_key, i == 0 ? "timestamp" : want[i]);
        assert_int_equal(q.kind, EVTWIN_KIND_TELEMETRY);
        assert_int_equal(q.is_feature, i >= 2 && i != 10 && i != 11 && i != 15);
        assert_int_equal(q.size, sizeof q);
        assert_true(strlen(q.description) > 0);
        assert_true(isnan(q.min) || isnan(q.max) || q.min < q.max);
        assert_string_equal(evtwin_quantity_name(i, EVTWIN_NAMING_EVTWIN), q.name);
    }
    evtwin_quantity q = {.size = 5};
    assert_fails(evtwin_quantity_get(evtwin_quantity_count(), &q, sizeof q), EVTWIN_E_ARG,
                 "quantity");
    assert_fails(evtwin_quantity_get(0, NULL, sizeof q), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_quantity_get(0, &q, sizeof q.size - 1), EVTWIN_E_ARG, "quantity 0");
    assert_int_equal(q.size, 5);
    assert_null(evtwin_quantity_name(evtwin_quantity_count(), EVTWIN_NAMING_EVTWIN));
    assert_null(evtwin_quantity_name(0, (evtwin_naming)5));
    assert_null(evtwin_quantity_name(0, (evtwin_naming)-1));
    assert_string_equal(evtwin_quantity_name(0, EVTWIN_NAMING_VSS), "ts");
    assert_null(evtwin_quantity_name(2, EVTWIN_NAMING_BDF));
}

static void every_name_finds_its_quantity_and_no_other(void **state) {
    (void)state;
    for (size_t i = 0; i < evtwin_quantity_count(); i++) {
        for (int n = 0; n < (int)evtwin_naming_count(); n++) {
            const char *name = evtwin_quantity_name(i, (evtwin_naming)n);
            if (name != NULL) {
                assert_int_equal(find(name).status, EVTWIN_OK);
                assert_int_equal(find(name).index, i);
            }
        }
    }
    assert_string_equal(ours("timestamp"), "time");
    assert_string_equal(ours("Timestamp"), "time");
    static const char *const no_names[] = {"",     "SOC", "Soc",     " soc",
                                           "soc ", "Rul", "Voltage", "Status"};
    for (size_t i = 0; i < sizeof no_names / sizeof no_names[0]; i++) {
        const found f = find(no_names[i]);
        assert_int_equal(f.status, EVTWIN_E_NOT_FOUND);
        assert_int_equal(f.index, 999);
        assert_true(f.factor == -99.0);
    }
    size_t index;
    assert_ok(evtwin_quantity_find("soc", &index, NULL, NULL));
    assert_fails(evtwin_quantity_find(NULL, &index, NULL, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_quantity_find("soc", NULL, NULL, NULL), EVTWIN_E_ARG, "NULL");
}

static void times_of_the_battery_data_format_are_seconds(void **state) {
    (void)state;
    assert_string_equal(evtwin__header_time_format("Unix Time / s"), "%s");
    assert_string_equal(evtwin__header_time_format("unix_time_second"), "%s");
    assert_null(evtwin__header_time_format("time"));
    assert_null(evtwin__header_time_format("Timestamp"));
    assert_null(evtwin__header_time_format("Test Time / s"));
}

static void headers_say_unit_and_sign(void **state) {
    (void)state;
    static const struct {
        const char *header, *ours, *unit;
        double factor;
    } cases[] = {
        {"soc", "soc", "percent", 1},
        {"SoC", "soc", "fraction", 100},
        {"SoH", "soh", "fraction", 100},
        {"Battery_Current", "current", "A", 1},
        {"Power_Consumption", "power_consumption", "kW", 1000},
        {"power_consumption", "power_consumption", "W", 1},
        {"Current / A", "current", "A", -1},
        {"current_ampere", "current", "A", -1},
        {"Voltage / V", "voltage", "V", 1},
        {"voltage_volt", "voltage", "V", 1},
        {"power_watt", "power_consumption", "W", -1},
        {"Cycle Count / 1", "charge_cycles", "cycles", 1},
        {"test_time_second", "sim_time_s", "s", 1},
        {"Vehicle.Powertrain.TractionBattery.StateOfCharge.Current", "soc", "percent", 1},
        {"Vehicle.Powertrain.TractionBattery.StateOfHealth", "soh", "percent", 1},
        {"Vehicle.Powertrain.TractionBattery.CurrentCurrent", "current", "A", -1},
        {"Vehicle.Powertrain.TractionBattery.CurrentPower", "power_consumption", "W", -1},
        {"Vehicle.Powertrain.TractionBattery.Id", "battery_id", "", 1},
        {"resistance_mohm", "resistance_mohm", "mOhm", 1},
        {"throughput_ah_per_day", "throughput_ah_per_day", "Ah/day", 1},
        {"seq", "seq", "", 1},
        {"time", "time", "", 1},
        {"Unix Time / s", "time", "", 1},
        {"unix_time_second", "time", "", 1},
        {"Internal Resistance / ohm", "resistance_mohm", "Ohm", 1000},
        {"Internal Resistance / Ohm", "resistance_mohm", "Ohm", 1000},
        {"temperature_t1_celsius", "temperature", "degC", 1},
        {"Temperature T1 / degC", "temperature", "degC", 1},
        {"Temperature / degC", "temperature", "degC", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(ours(cases[i].header), cases[i].ours);
        assert_string_equal(find(cases[i].header).unit, cases[i].unit);
        assert_true(find(cases[i].header).factor == cases[i].factor);
    }
}

/* A table of one f64 column. */
static evtwin_table *column(const char *name, const char *unit, size_t n, const double *values) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, name, EVTWIN_F64, unit, NULL));
    assert_ok(evtwin_table_resize(t, n));
    for (size_t i = 0; i < n; i++) {
        assert_ok(evtwin_table_set_f64(t, 0, i, values[i]));
    }
    return t;
}

static void finds_a_quantity_under_any_name(void **state) {
    (void)state;
    static const char *const headers[] = {"voltage", "Battery_Voltage", "Voltage / V",
                                          "voltage_volt",
                                          "Vehicle.Powertrain.TractionBattery.CurrentVoltage"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        evtwin_table *t = column("x", NULL, 0, NULL);
        assert_true(evtwin_telemetry_find(t, "voltage") == EVTWIN_NO_COLUMN);
        assert_ok(evtwin_table_add_column(t, headers[i], EVTWIN_F64, NULL, NULL));
        assert_int_equal(evtwin_telemetry_find(t, "voltage"), 1);
        assert_true(evtwin_telemetry_find(t, "current") == EVTWIN_NO_COLUMN);
        assert_true(evtwin_telemetry_find(t, "Battery_Voltage") == EVTWIN_NO_COLUMN);
        evtwin_table_free(t);
    }

    /* where there are two, ours counts */
    evtwin_table *t = column("SoC", NULL, 0, NULL);
    assert_ok(evtwin_table_add_column(t, "soc", EVTWIN_F64, NULL, NULL));
    assert_int_equal(evtwin_telemetry_find(t, "soc"), 1);
    evtwin_table_free(t);
    t = column("timestamp", NULL, 0, NULL);
    assert_int_equal(evtwin_telemetry_find(t, "time"), 0);
    evtwin_table_free(t);
    assert_true(evtwin_telemetry_find(NULL, "soc") == EVTWIN_NO_COLUMN);
}

static double factor_of(const char *name, const char *unit) {
    evtwin_table *t = column(name, unit, 0, NULL);
    double f = NAN;
    assert_ok(evtwin_telemetry_factor(t, 0, &f));
    evtwin_table_free(t);
    return f;
}

static void the_unit_tag_decides_the_factor(void **state) {
    (void)state;
    assert_true(factor_of("soc", "") == 1.0);
    assert_true(factor_of("soc", "fraction") == 100.0);
    assert_true(factor_of("SoC", "") == 100.0);
    assert_true(factor_of("SoC", "percent") == 1.0);
    assert_true(factor_of("voltage", "mV") == 1e-3);
    assert_true(factor_of("current", "mA") == 1e-3);
    assert_true(factor_of("Current / A", "mA") == -1e-3);
    assert_true(factor_of("Power_Consumption", "W") == 1.0);
    assert_true(factor_of("resistance_mohm", "Ohm") == 1e3);
    assert_true(factor_of("sim_time_s", "h") == 3600.0);
    assert_true(factor_of("Motor_RPM", "rpm") == 1.0);

    evtwin_table *t = column("soc", "kW", 0, NULL);
    double f = 7.0;
    assert_fails(evtwin_telemetry_factor(t, 0, &f), EVTWIN_E_SCHEMA, "'soc'|'kW'|percent|fraction");
    assert_fails(evtwin_telemetry_factor(t, 1, &f), EVTWIN_E_ARG, "column 1");
    assert_true(f == 7.0);
    evtwin_table_free(t);
    t = column("seq", "V", 0, NULL);
    assert_fails(evtwin_telemetry_factor(t, 0, &f), EVTWIN_E_SCHEMA, "'seq'|'V'");
    evtwin_table_free(t);
}

static evtwin_status check(const char *name, const char *unit, double value) {
    const double values[] = {NAN, value, NAN};
    evtwin_table *t = column(name, unit, 3, values);
    const evtwin_status st = evtwin_telemetry_check(t);
    evtwin_table_free(t);
    return st;
}

static void ranges_hold_in_the_unit_of_the_column(void **state) {
    (void)state;
    static const struct {
        const char *name, *unit;
        double low, high;
    } cases[] = {
        {"soc", "", 0, 100},
        {"soh", "", 0, 100},
        {"SoC", "", 0, 1},
        {"soc", "fraction", 0, 1},
        {"SoH", "percent", 0, 100},
        {"voltage", "", 0, 2000},
        {"voltage", "mV", 0, 2e6},
        {"current", "", -5000, 5000},
        {"Current / A", "", -5000, 5000},
        {"temperature", "", -60, 200},
        {"charge_cycles", "", 0, 1e6},
        {"power_consumption", "", 0, 5e6},
        {"Power_Consumption", "", 0, 5e3},
        {"power_watt", "", -5e6, 5e6},
        {"resistance_mohm", "", 0, 1e5},
        {"resistance_mohm", "Ohm", 0, 100},
        {"mean_temperature", "", -60, 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *name = cases[i].name, *unit = cases[i].unit;
        assert_ok(check(name, unit, cases[i].low));
        assert_ok(check(name, unit, cases[i].high));
        assert_fails(check(name, unit, nextafter(cases[i].low, -INFINITY)), EVTWIN_E_RANGE, name);
        assert_fails(check(name, unit, nextafter(cases[i].high, INFINITY)), EVTWIN_E_RANGE, name);
        assert_fails(check(name, unit, INFINITY), EVTWIN_E_RANGE, "infinity");
        assert_fails(check(name, unit, -INFINITY), EVTWIN_E_RANGE, "-infinity");
        assert_ok(check(name, unit, NAN));
    }
    assert_fails(check("sim_time_s", "", -1), EVTWIN_E_RANGE, "'sim_time_s'|row 2|-1 s|0");
    assert_ok(check("sim_time_s", "", 1e300));
    assert_fails(check("sim_time_s", "", INFINITY), EVTWIN_E_RANGE, "infinity");
    assert_ok(check("Motor_RPM", "", -1e300));
}

static void a_range_error_says_where_and_what_would_help(void **state) {
    (void)state;
    assert_fails(check("SoC", "", 85), EVTWIN_E_RANGE,
                 "'SoC'|row 2|85 fraction|0|1 fraction|soc=percent");
    assert_fails(check("voltage", "", 380000), EVTWIN_E_RANGE,
                 "'voltage'|row 2|380000 V|0|2000 V|voltage=mV");
    assert_fails(check("Power_Consumption", "", 28491), EVTWIN_E_RANGE, "power_consumption=W");
    assert_fails(check("soc", "", -1), EVTWIN_E_RANGE, "'soc'|row 2|-1 percent|0|100 percent");
    assert_null(strstr(evtwin_last_error(), "override"));
    assert_fails(check("soc", "", INFINITY), EVTWIN_E_RANGE, "'soc'|row 2|infinity percent");
    assert_null(strstr(evtwin_last_error(), "override"));

    /* the first bad row of an integer column, with its map of missing values */
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_table_resize(t, 4));
    const size_t cycles = evtwin_table_find(t, "charge_cycles");
    assert_ok(evtwin_telemetry_check(t));
    assert_ok(evtwin_table_set_i64(t, cycles, 1, 5));
    assert_ok(evtwin_telemetry_check(t));
    assert_ok(evtwin_table_set_i64(t, cycles, 3, -5));
    assert_fails(evtwin_telemetry_check(t), EVTWIN_E_RANGE,
                 "'charge_cycles'|row 4|-5 cycles|0|1000000 cycles");
    evtwin_table_free(t);
    assert_fails(evtwin_telemetry_check(NULL), EVTWIN_E_ARG, "NULL");
}

static void two_columns_of_one_quantity_are_refused(void **state) {
    (void)state;
    const double values[] = {0.85};
    evtwin_table *t = column("SoC", "fraction", 1, values);
    assert_ok(evtwin_telemetry_check(t));
    assert_ok(evtwin_table_add_column(t, "charge", EVTWIN_F64, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "soc", EVTWIN_F64, "percent", NULL));
    assert_fails(evtwin_telemetry_check(t), EVTWIN_E_SCHEMA, "'SoC'|'soc'");
    assert_ok(evtwin_table_rename(t, 2, "dashboard soc"));
    assert_ok(evtwin_telemetry_check(t));

    /* also of quantities that have no range */
    assert_ok(evtwin_table_add_column(t, "time", EVTWIN_TIME, NULL, NULL));
    assert_ok(evtwin_table_add_column(t, "Timestamp", EVTWIN_TIME, NULL, NULL));
    assert_fails(evtwin_telemetry_check(t), EVTWIN_E_SCHEMA, "'time'|'Timestamp'");
    evtwin_table_free(t);
}

static void overrides_apply_all_or_nothing(void **state) {
    (void)state;
    const double values[] = {85.0};
    evtwin_table *t = column("SoC", "fraction", 1, values);
    assert_ok(evtwin_table_add_column(t, "Power_Consumption", EVTWIN_F64, "kW", NULL));
    assert_ok(evtwin_table_add_column(t, "speed", EVTWIN_F64, NULL, NULL));
    assert_fails(evtwin_telemetry_check(t), EVTWIN_E_RANGE, "SoC");

    assert_ok(evtwin_telemetry_override_units(t, NULL));
    assert_ok(evtwin_telemetry_override_units(t, ""));
    assert_string_equal(evtwin_table_unit(t, 0), "fraction");
    assert_fails(evtwin_telemetry_override_units(t, "soc=percent,soh=percent"), EVTWIN_E_NOT_FOUND,
                 "'soh'");
    assert_fails(evtwin_telemetry_override_units(t, "soc=percent,power_consumption=V"),
                 EVTWIN_E_SCHEMA, "'Power_Consumption'|'V'|W|kW");
    assert_fails(evtwin_telemetry_override_units(t, "soc=percent,power_consumption"), EVTWIN_E_ARG,
                 "'power_consumption'");
    assert_fails(evtwin_telemetry_override_units(t, "speed=percent"), EVTWIN_E_NOT_FOUND, "speed");
    assert_fails(evtwin_telemetry_override_units(t, ","), EVTWIN_E_ARG, "soc=percent");
    assert_fails(evtwin_telemetry_override_units(t, "soc="), EVTWIN_E_ARG, "soc=percent");
    assert_fails(evtwin_telemetry_override_units(NULL, "soc=percent"), EVTWIN_E_ARG, "NULL");
    assert_string_equal(evtwin_table_unit(t, 0), "fraction");

    assert_ok(evtwin_telemetry_override_units(t, " soc = percent , Power_Consumption=W"));
    assert_string_equal(evtwin_table_unit(t, 0), "percent");
    assert_string_equal(evtwin_table_unit(t, 1), "W");
    assert_ok(evtwin_telemetry_check(t));

    evtwin_table *shared = evtwin_table_share(t);
    assert_int_equal(evtwin_telemetry_override_units(t, "soc=fraction"), EVTWIN_E_STATE);
    evtwin_table_free(shared);
    evtwin_table_free(t);
}

/* Units with a zero of their own: the values are converted, of whole numbers too. */
static void overrides_convert_temperatures(void **state) {
    (void)state;
    const double fahrenheit[] = {66.2, -40.0, 212.0, NAN};
    evtwin_table *t = column("Battery_Temperature", NULL, 4, fahrenheit);
    size_t mean, soc;
    assert_ok(evtwin_table_add_column(t, "mean_temperature", EVTWIN_I64, NULL, &mean));
    assert_ok(evtwin_table_set_i64(t, mean, 0, 300));
    assert_fails(evtwin_telemetry_check(t), EVTWIN_E_RANGE, "212 degC|temperature=degF");
    evtwin_table_free(t);

    t = column("Battery_Temperature", NULL, 4, fahrenheit);
    assert_ok(evtwin_table_add_column(t, "mean_temperature", EVTWIN_I64, NULL, &mean));
    assert_ok(evtwin_table_add_column(t, "soc", EVTWIN_TEXT, NULL, &soc));
    assert_ok(evtwin_table_set_i64(t, mean, 0, 300));
    assert_fails(evtwin_telemetry_override_units(t, "temperature=degF,soc=K"), EVTWIN_E_SCHEMA,
                 "'soc'|'K'|percent or fraction");
    assert_fails(evtwin_telemetry_override_units(t, "temperature=Rankine"), EVTWIN_E_SCHEMA,
                 "degC or K or degF");
    assert_true(evtwin_table_number(t, 0, 0) == 66.2);

    assert_ok(evtwin_telemetry_override_units(t, "temperature=degF,mean_temperature=K"));
    const double degC[] = {19.0, -40.0, 100.0};
    for (size_t r = 0; r < 3; r++) {
        assert_true(evtwin_table_number(t, 0, r) == degC[r]);
    }
    assert_false(evtwin_table_is_valid(t, 0, 3));
    assert_string_equal(evtwin_table_unit(t, 0), "degC");
    assert_int_equal(evtwin_table_type(t, mean), EVTWIN_F64);
    assert_true(evtwin_table_number(t, mean, 0) == 26.85);
    assert_false(evtwin_table_is_valid(t, mean, 1));

    /* once, though two of the overrides mean the column; the last one counts */
    static const char *const twice[] = {"temperature=degF,Battery_Temperature=degF",
                                        "temperature=K,temperature=degF"};
    for (size_t i = 0; i < sizeof twice / sizeof twice[0]; i++) {
        evtwin_table *again = column("Battery_Temperature", NULL, 4, fahrenheit);
        assert_ok(evtwin_telemetry_override_units(again, twice[i]));
        assert_true(evtwin_table_number(again, 0, 0) == 19.0);
        assert_string_equal(evtwin_table_unit(again, 0), "degC");
        evtwin_table_free(again);
    }

    /* a tag cannot say so: who reads the column knows factors only */
    double factor;
    assert_ok(evtwin_table_set_unit(t, 0, "degF"));
    assert_fails(evtwin_telemetry_factor(t, 0, &factor), EVTWIN_E_SCHEMA,
                 "'Battery_Temperature'|temperature=degF");
    assert_ok(evtwin_table_rename(t, 0, "other"));
    assert_ok(evtwin_table_rename(t, soc, "temperature"));
    assert_fails(evtwin_telemetry_override_units(t, "temperature=degF"), EVTWIN_E_SCHEMA,
                 "'temperature'|numbers");

    evtwin_table *shared = evtwin_table_share(t);
    assert_int_equal(evtwin_telemetry_override_units(t, "mean_temperature=K"), EVTWIN_E_STATE);
    assert_true(evtwin_table_number(t, mean, 0) == 26.85);
    evtwin_table_free(shared);
    evtwin_table_free(t);
}

static void the_empty_table_has_the_schema(void **state) {
    (void)state;
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_int_equal(evtwin_table_rows(t), 0);
    assert_int_equal(evtwin_table_cols(t), n_telemetry());
    for (size_t i = 0; i < n_telemetry(); i++) {
        evtwin_quantity q;
        assert_ok(evtwin_quantity_get(i, &q, sizeof q));
        assert_string_equal(evtwin_table_name(t, i), q.name);
        assert_string_equal(evtwin_table_unit(t, i), q.unit);
        assert_int_equal(evtwin_table_type(t, i), q.type);
        assert_int_equal(evtwin_telemetry_find(t, q.name), i);
    }
    assert_ok(evtwin_telemetry_check(t));
    evtwin_table_free(t);
    assert_fails(evtwin_telemetry_table_create(NULL), EVTWIN_E_ARG, "NULL");
}

static void battery_ids(void **state) {
    (void)state;
    assert_true(evtwin_battery_id_is_valid("BATTERY_001"));
    assert_true(evtwin_battery_id_is_valid("a.B:c-9_"));
    assert_true(evtwin_battery_id_is_valid("x"));
    assert_true(evtwin_battery_id_is_valid("12345678901234567890123456789012345678901234567890"));
    assert_false(evtwin_battery_id_is_valid("123456789012345678901234567890123456789012345678901"));
    static const char *const bad[] = {"",         " ",    "a b",  "a/b", "a,b",  "a\n",
                                      "\xc3\xa4", "a'b",  "a\"b", "<a>", "../a", "a*",
                                      "#",        "a%00", "a\\b", "\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(evtwin_battery_id_is_valid(bad[i]));
    }
    assert_false(evtwin_battery_id_is_valid(NULL));
}

static evtwin_status make_and_override(void *ctx) {
    (void)ctx;
    evtwin_table *t = NULL;
    evtwin_status st = evtwin_telemetry_table_create(&t);
    if (st == EVTWIN_OK) {
        st = evtwin_telemetry_override_units(t, "soc=fraction,voltage=mV,temperature=degF");
    }
    evtwin_table_free(t);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(fail_every_allocation(make_and_override, NULL) > 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_in_its_order),
        cmocka_unit_test(every_name_finds_its_quantity_and_no_other),
        cmocka_unit_test(times_of_the_battery_data_format_are_seconds),
        cmocka_unit_test(headers_say_unit_and_sign),
        cmocka_unit_test(finds_a_quantity_under_any_name),
        cmocka_unit_test(the_unit_tag_decides_the_factor),
        cmocka_unit_test(ranges_hold_in_the_unit_of_the_column),
        cmocka_unit_test(a_range_error_says_where_and_what_would_help),
        cmocka_unit_test(two_columns_of_one_quantity_are_refused),
        cmocka_unit_test(overrides_apply_all_or_nothing),
        cmocka_unit_test(overrides_convert_temperatures),
        cmocka_unit_test(the_empty_table_has_the_schema),
        cmocka_unit_test(battery_ids),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
