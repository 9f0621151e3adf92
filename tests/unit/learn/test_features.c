/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_features.c: names, columns, units, and the numbers a model sees. */

#include "test.h"

#include "fail_nth.h"

static evtwin_table *table_of(const char *csv) {
    evtwin_table *table;
    assert_ok(evtwin_table_read_csv(temp_file("t.csv", csv), NULL, &table));
    return table;
}

static evtwin_features *features_of(const char *names) {
    evtwin_features *f;
    assert_ok(evtwin_features_create(names, &f));
    return f;
}

static void test_default_names(void **state) {
    (void)state;
    static const char *const name[] = {
        "soc", "soh", "voltage", "current", "temperature", "charge_cycles", "power_consumption"};
    evtwin_features *f = features_of(NULL);
    assert_int_equal(evtwin_features_count(f), 7);
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(evtwin_features_name(f, i), name[i]);
    }
    assert_string_equal(evtwin_features_unit(f, 0), "percent");
    assert_string_equal(evtwin_features_unit(f, 6), "W");
    assert_null(evtwin_features_name(f, 7));
    assert_null(evtwin_features_unit(f, 7));
    evtwin_features_free(f);
    evtwin_features_free(NULL);
    assert_int_equal(evtwin_features_count(NULL), 0);
}

static void test_names_of_any_naming(void **state) {
    (void)state;
    evtwin_features *f = features_of("SoC, Battery_Voltage,my column ,Max. Voltage (V)");
    assert_int_equal(evtwin_features_count(f), 4);
    assert_string_equal(evtwin_features_name(f, 0), "soc");
    assert_string_equal(evtwin_features_name(f, 1), "voltage");
    assert_string_equal(evtwin_features_name(f, 2), "my column");
    assert_string_equal(evtwin_features_unit(f, 2), "");
    assert_string_equal(evtwin_features_name(f, 3), "Max. Voltage (V)");
    evtwin_features_free(f);
}

static void test_bad_names(void **state) {
    (void)state;
    evtwin_features *f = NULL;
    assert_fails(evtwin_features_create("", &f), EVTWIN_E_ARG, "empty");
    assert_fails(evtwin_features_create("a,,b", &f), EVTWIN_E_ARG, "feature 2");
    assert_fails(evtwin_features_create("a, ", &f), EVTWIN_E_ARG, "feature 2");
    assert_fails(evtwin_features_create("a,b,a", &f), EVTWIN_E_ARG, "'a'");
    assert_fails(evtwin_features_create("soc,SoC", &f), EVTWIN_E_ARG, "'soc'");
    assert_fails(evtwin_features_create("soc,truth_soh", &f), EVTWIN_E_SCHEMA, "truth_soh");
    assert_fails(evtwin_features_create("soc,seq", &f), EVTWIN_E_SCHEMA, "'seq'");
    assert_fails(evtwin_features_create("Test Time / s", &f), EVTWIN_E_SCHEMA, "'Test Time / s'");
    /* by the schema: outcomes, also under other names, and what names a row */
    static const char *const role[] = {
        "rul",           "RUL",  "failure",    "status",   "rul_prediction",
        "truth_of_ours", "time", "battery_id", "Timestamp"};
    for (size_t i = 0; i < sizeof role / sizeof role[0]; i++) {
        assert_fails(evtwin_features_create(role[i], &f), EVTWIN_E_SCHEMA, role[i]);
    }
    assert_fails(evtwin_features_create(NULL, NULL), EVTWIN_E_ARG, "NULL");
    assert_null(f);
}

static void test_our_units(void **state) {
    (void)state;
    /* the 30-column header: fractions and kW; ours: percent and W */
    evtwin_table *t = table_of("SoC,Power_Consumption,note\n0.8993,12.5,1\n,20,\n");
    evtwin_features *f = features_of("soc,power_consumption,note");
    double x[6];
    assert_ok(evtwin_features_compute(f, t, 0, 2, x));
    assert_true(x[0] == 89.93); /* 100 times 0.8993 is 89.92999999999999 */
    assert_near(x[1], 12500.0, 1e-9);
    assert_near(x[2], 1.0, 0.0);
    assert_true(isnan(x[3]));
    assert_near(x[4], 20000.0, 1e-9);
    assert_true(isnan(x[5]));

    /* a part of the rows, and none */
    assert_ok(evtwin_features_compute(f, t, 1, 1, x));
    assert_near(x[1], 20000.0, 1e-9);
    assert_ok(evtwin_features_compute(f, t, 2, 0, x));
    assert_fails(evtwin_features_compute(f, t, 1, 2, x), EVTWIN_E_ARG, "2 rows|row 1|with 2");
    assert_fails(evtwin_features_compute(f, t, 3, 0, x), EVTWIN_E_ARG, "row 3");
    assert_fails(evtwin_features_compute(f, NULL, 0, 1, x), EVTWIN_E_ARG, "NULL");
    evtwin_features_free(f);
    evtwin_table_free(t);
}

static void test_every_numeric_type(void **state) {
    (void)state;
    evtwin_table *t;
    size_t col;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, 2));
    assert_ok(evtwin_table_add_column(t, "trips", EVTWIN_I64, NULL, &col));
    assert_ok(evtwin_table_set_i64(t, col, 0, 41));
    assert_ok(evtwin_table_add_column(t, "is_charging", EVTWIN_BOOL, NULL, &col));
    assert_ok(evtwin_table_set_bool(t, col, 0, 1));
    evtwin_features *f = features_of("is_charging,trips");
    double x[4];
    assert_ok(evtwin_features_compute(f, t, 0, 2, x));
    assert_near(x[0], 1.0, 0.0);
    assert_near(x[1], 41.0, 0.0);
    assert_true(isnan(x[2]) && isnan(x[3]));
    evtwin_features_free(f);

    assert_ok(evtwin_table_add_column(t, "extra", EVTWIN_F64, NULL, &col));
    assert_ok(evtwin_table_set_f64(t, col, 1, -INFINITY));
    f = features_of("extra");
    assert_fails(evtwin_features_compute(f, t, 0, 2, x), EVTWIN_E_RANGE, "row 2|'extra'");
    evtwin_features_free(f);
    evtwin_table_free(t);
}

static void test_columns_that_do_not_fit(void **state) {
    (void)state;
    evtwin_table *t = table_of("timestamp,SoC,label\n2024-01-01T00:00:00Z,0.5,good\n");
    double x[2];
    evtwin_features *f = features_of("soc,soh");
    assert_fails(evtwin_features_compute(f, t, 0, 1, x), EVTWIN_E_SCHEMA,
                 "'soh'|SoH|timestamp, SoC, label");
    evtwin_features_free(f);
    f = features_of("label");
    assert_fails(evtwin_features_compute(f, t, 0, 1, x), EVTWIN_E_SCHEMA, "'label'|text");
    evtwin_features_free(f);
    evtwin_table_free(t);
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "seen", EVTWIN_TIME, NULL, NULL));
    f = features_of("seen");
    assert_fails(evtwin_features_compute(f, t, 0, 0, x), EVTWIN_E_SCHEMA, "'seen'|times");
    evtwin_features_free(f);
    evtwin_table_free(t);
}

static void test_two_columns_of_one_quantity(void **state) {
    (void)state;
    evtwin_features *f;
    evtwin_table *t;
    double x[2];
    assert_ok(evtwin_features_create("soc,extra", &f));
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, 1));
    assert_ok(evtwin_table_add_column(t, "SoC", EVTWIN_F64, "fraction", NULL));
    assert_ok(evtwin_table_add_column(t, "extra", EVTWIN_F64, NULL, NULL));
    assert_ok(evtwin_features_compute(f, t, 0, 1, x));
    assert_ok(evtwin_table_add_column(t, "soc", EVTWIN_F64, "percent", NULL));
    assert_fails(evtwin_features_compute(f, t, 0, 1, x), EVTWIN_E_SCHEMA, "'soc'|'SoC'");
    evtwin_table_free(t);
    evtwin_features_free(f);
}

static void test_many_columns_are_listed_in_part(void **state) {
    (void)state;
    evtwin_table *t;
    assert_ok(evtwin_table_create(&t));
    for (int i = 0; i < 200; i++) {
        char name[32];
        size_t col;
        snprintf(name, sizeof name, "column_number_%d", i);
        assert_ok(evtwin_table_add_column(t, name, EVTWIN_F64, NULL, &col));
    }
    evtwin_features *f = features_of("nowhere");
    assert_fails(evtwin_features_compute(f, t, 0, 0, NULL), EVTWIN_E_SCHEMA, "column_number_0, ");
    assert_non_null(strstr(evtwin_last_error(), ", …"));
    evtwin_features_free(f);
    evtwin_table_free(t);
}

static evtwin_status create_and_free(void *ctx) {
    (void)ctx;
    evtwin_features *f = NULL;
    const evtwin_status st = evtwin_features_create("SoC,other", &f);
    evtwin_features_free(f);
    return st;
}

static void test_out_of_memory(void **state) {
    (void)state;
    assert_in_range(fail_every_allocation(create_and_free, NULL), 4, 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_names),
        cmocka_unit_test(test_names_of_any_naming),
        cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_our_units),
        cmocka_unit_test(test_every_numeric_type),
        cmocka_unit_test(test_columns_that_do_not_fit),
        cmocka_unit_test(test_two_columns_of_one_quantity),
        cmocka_unit_test(test_many_columns_are_listed_in_part),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
