/* SPDX-License-Identifier: MIT */
/* test_binding.c: a table under other names, units and signs becomes rows of ours. */

#include "test.h"

#include "core/binding.h"

static size_t add(evtwin_table *t, const char *name, evtwin_type type) {
    size_t col = 0;
    assert_ok(evtwin_table_add_column(t, name, type, NULL, &col));
    return col;
}

/* Two records as the Battery Data Format and VSS name them. */
static evtwin_table *foreign(void) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, 2));
    const size_t power = add(t, "Power / W", EVTWIN_F64),
                 current = add(t, "Current / A", EVTWIN_F64);
    const size_t soc = add(t, "SoC", EVTWIN_F64), cycles = add(t, "Cycle Count / 1", EVTWIN_F64);
    const size_t time = add(t, "time", EVTWIN_TIME), id = add(t, "battery_id", EVTWIN_TEXT);
    add(t, "Motor_RPM", EVTWIN_F64);
    for (size_t r = 0; r < 2; r++) {
        assert_ok(evtwin_table_set_f64(t, power, r, -18000.0));
        assert_ok(evtwin_table_set_f64(t, current, r, -50.0));
        assert_ok(evtwin_table_set_f64(t, cycles, r, 7.9));
        assert_ok(evtwin_table_set_i64(t, time, r, (int64_t)r));
        assert_ok(evtwin_table_set_text(t, id, r, "A"));
    }
    assert_ok(evtwin_table_set_f64(t, soc, 1, 0.5));
    return t;
}

static double ours(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, name), row);
}

static void rows_are_appended_in_our_names_units_and_signs(void **state) {
    (void)state;
    evtwin_table *from = foreign(), *to = NULL;
    evtwin__binding b;
    assert_ok(evtwin__bind(from, EVTWIN__ALL_KINDS, &b));
    assert_ok(evtwin__binding_check_keys(&b));
    assert_ok(evtwin_telemetry_table_create(&to));
    assert_ok(evtwin__binding_append(&b, 1, 1, EVTWIN__TELEMETRY, to));
    assert_ok(evtwin__binding_append(&b, 0, 2, EVTWIN__TELEMETRY, to));
    assert_int_equal(evtwin_table_rows(to), 3);
    assert_int_equal(evtwin_table_cols(to), n_telemetry());
    static const size_t row_of[] = {1, 0, 1};
    for (size_t r = 0; r < 3; r++) {
        assert_true(ours(to, "power_consumption", r) == 18000.0); /* absolute */
        assert_true(ours(to, "current", r) == 50.0);              /* discharges */
        assert_true(ours(to, "charge_cycles", r) == 7.0);         /* complete ones */
        assert_int_equal(evtwin_table_i64(to, 0)[r], row_of[r]);
        assert_int_equal(evtwin_table_is_valid(to, evtwin_table_find(to, "soc"), r), row_of[r]);
        assert_false(evtwin_table_is_valid(to, evtwin_table_find(to, "voltage"), r));
    }
    assert_true(ours(to, "soc", 0) == 50.0);
    evtwin_table_free(from);
    evtwin_table_free(to);
}

static void a_value_that_cannot_be_leaves_the_table_as_it_was(void **state) {
    (void)state;
    evtwin_table *from = foreign(), *to = NULL;
    assert_ok(evtwin_table_set_f64(from, evtwin_table_find(from, "Cycle Count / 1"), 1, 1e30));
    evtwin__binding b;
    assert_ok(evtwin__bind(from, EVTWIN__TELEMETRY, &b));
    assert_ok(evtwin_telemetry_table_create(&to));
    assert_fails(evtwin__binding_append(&b, 0, 2, EVTWIN__TELEMETRY, to), EVTWIN_E_RANGE,
                 "charge_cycles|A");
    assert_int_equal(evtwin_table_rows(to), 0);

    /* columns of another table are refused by name */
    evtwin_table *bare = NULL;
    assert_ok(evtwin_table_create(&bare));
    assert_int_equal(evtwin__binding_append(&b, 0, 1, EVTWIN__TELEMETRY, bare), EVTWIN_E_SCHEMA);
    assert_int_equal(evtwin_table_rows(bare), 0);
    evtwin_table_free(bare);
    evtwin_table_free(from);
    evtwin_table_free(to);
}

static void two_columns_of_one_quantity_are_refused(void **state) {
    (void)state;
    evtwin_table *from = foreign();
    add(from, "Battery_Current", EVTWIN_F64);
    evtwin__binding b;
    assert_fails(evtwin__bind(from, EVTWIN__TELEMETRY, &b), EVTWIN_E_SCHEMA,
                 "Current / A|Battery_Current");
    evtwin_table_free(from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_appended_in_our_names_units_and_signs),
        cmocka_unit_test(a_value_that_cannot_be_leaves_the_table_as_it_was),
        cmocka_unit_test(two_columns_of_one_quantity_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
