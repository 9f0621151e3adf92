/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_row.c: tables as rows of ev_telemetry: names, units, types, keys. */

#include "store/store_row.h"
#include "store_rows.h"

static void open_rows(evtwin__rows *rows, const evtwin_table *table) {
    assert_ok(evtwin__rows_open(rows, table, EVTWIN__ROWS_INSERT));
}

static evtwin_table *with_key(size_t n) {
    evtwin_table *table = NULL;
    size_t time = 0, id = 0;
    assert_ok(evtwin_table_create(&table));
    assert_ok(evtwin_table_add_column(table, "battery_id", EVTWIN_TEXT, "", &id));
    assert_ok(evtwin_table_add_column(table, "time", EVTWIN_TIME, "", &time));
    assert_ok(evtwin_table_resize(table, n));
    for (size_t i = 0; i < n; i++) {
        assert_ok(evtwin_table_set_text(table, id, i, "A"));
        assert_ok(evtwin_table_set_i64(table, time, i, t0));
    }
    return table;
}

static size_t add(evtwin_table *table, const char *name, evtwin_type type, const char *unit) {
    size_t col = 0;
    assert_ok(evtwin_table_add_column(table, name, type, unit, &col));
    return col;
}

static void test_other_names_and_units_become_ours(void **state) {
    (void)state;
    evtwin_table *table = with_key(1);
    assert_ok(evtwin_table_set_f64(table, add(table, "SoC", EVTWIN_F64, "fraction"), 0, 0.85));
    assert_ok(
        evtwin_table_set_f64(table, add(table, "Power_Consumption", EVTWIN_F64, "kW"), 0, 12.5));
    assert_ok(
        evtwin_table_set_f64(table, add(table, "Charge_Cycles", EVTWIN_F64, "cycles"), 0, 149.19));
    evtwin__rows rows;
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    open_rows(&rows, table);
    assert_ok(evtwin__rows_get(&rows, 0, value));
    assert_near(value[EVTWIN__Q_SOC].f64, 85.0, 1e-12);
    assert_near(value[EVTWIN__Q_POWER_CONSUMPTION].f64, 12500.0, 1e-9);
    assert_int_equal(value[EVTWIN__Q_CHARGE_CYCLES].i64, 149); /* what is complete */
    assert_false(value[EVTWIN__Q_SOH].is_present);
    assert_false(value[EVTWIN__Q_STATUS].is_present);
    evtwin_table_free(table);
}

static void test_numbers_of_any_type(void **state) {
    (void)state;
    evtwin_table *table = with_key(2);
    const size_t soc = add(table, "soc", EVTWIN_I64, "percent");
    const size_t charging = add(table, "is_charging", EVTWIN_F64, "");
    const size_t cycles = add(table, "charge_cycles", EVTWIN_F64, "cycles");
    const size_t seq = add(table, "seq", EVTWIN_I64, "");
    assert_ok(evtwin_table_set_i64(table, soc, 0, 85));
    assert_ok(evtwin_table_set_f64(table, charging, 0, 1.0));
    assert_ok(evtwin_table_set_f64(table, cycles, 0, -0.5));
    assert_ok(evtwin_table_set_i64(table, seq, 0, INT64_MAX)); /* no double in between */
    assert_ok(evtwin_table_set_i64(table, seq, 1, -1));
    evtwin__rows rows;
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    open_rows(&rows, table);
    assert_ok(evtwin__rows_get(&rows, 0, value));
    assert_near(value[EVTWIN__Q_SOC].f64, 85.0, 0);
    assert_int_equal(value[EVTWIN__Q_IS_CHARGING].i64, 1);
    assert_int_equal(value[EVTWIN__Q_CHARGE_CYCLES].i64, -1);
    assert_true(value[EVTWIN__Q_SEQ].i64 == INT64_MAX);
    assert_fails(evtwin__rows_get(&rows, 1, value), EVTWIN_E_RANGE, "row 2|battery A|seq");
    assert_ok(evtwin_table_set_f64(table, cycles, 0, 1e19));
    assert_fails(evtwin__rows_get(&rows, 0, value), EVTWIN_E_RANGE,
                 "row 1|battery A|charge_cycles|64");
    evtwin_table_free(table);
}

static void test_wrong_types_are_refused(void **state) {
    (void)state;
    evtwin__rows rows;
    evtwin_table *table = with_key(1);
    add(table, "soc", EVTWIN_TEXT, "percent");
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_SCHEMA, "soc");
    evtwin_table_free(table);

    table = with_key(1);
    add(table, "seq", EVTWIN_I64, "");
    assert_ok(evtwin__rows_open(&rows, table, EVTWIN__ROWS_PREDICT));
    add(table, "rul_prediction", EVTWIN_TEXT, "");
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_PREDICT), EVTWIN_E_SCHEMA,
                 "rul_prediction");
    evtwin_table_free(table);

    assert_ok(evtwin_table_create(&table));
    add(table, "battery_id", EVTWIN_I64, "");
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_SCHEMA,
                 "'battery_id'|number|text");
    evtwin_table_free(table);

    table = with_key(1);
    add(table, "soc", EVTWIN_F64, "V");
    assert_int_equal(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_SCHEMA);
    evtwin_table_free(table);
}

static void test_keys_are_required(void **state) {
    (void)state;
    evtwin__rows rows;
    evtwin_table *table = NULL;
    assert_ok(evtwin_table_create(&table));
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_SCHEMA,
                 "battery_id");
    add(table, "battery_id", EVTWIN_TEXT, "");
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_SCHEMA, "time");
    const size_t time = add(table, "time", EVTWIN_TIME, "");
    assert_ok(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT));
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_PREDICT), EVTWIN_E_SCHEMA, "seq");
    assert_ok(evtwin_table_resize(table, 2));
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_SCHEMA,
                 "row 1|battery_id");
    assert_ok(evtwin_table_set_text(table, 0, 0, "A"));
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_SCHEMA,
                 "row 1|battery A|time");
    assert_ok(evtwin_table_set_i64(table, time, 0, t0));
    assert_ok(evtwin_table_set_i64(table, time, 1, t0));
    static const char *const bad[] = {"",
                                      "a b",
                                      "é",
                                      "a/b",
                                      "'; DROP TABLE ev_telemetry; --",
                                      "123456789012345678901234567890123456789012345678901"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_ok(evtwin_table_set_text(table, 0, 1, bad[i]));
        assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_ARG, "row 2");
    }
    assert_ok(evtwin_table_set_text(table, 0, 1, "A"));
    assert_ok(evtwin_table_set_i64(table, time, 1, INT64_MAX));
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_RANGE, "years");
    assert_ok(evtwin_table_set_i64(table, time, 1, INT64_MIN));
    assert_fails(evtwin__rows_open(&rows, table, EVTWIN__ROWS_INSERT), EVTWIN_E_RANGE, "years");
    evtwin_table_free(table);
}

/* ---- a seq for records that have none ---- */

static int64_t seq_of(const evtwin_table *table, size_t row) {
    evtwin__rows rows;
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    open_rows(&rows, table);
    assert_ok(evtwin__rows_get(&rows, row, value));
    assert_true(value[EVTWIN__Q_SEQ].is_present);
    return value[EVTWIN__Q_SEQ].i64;
}

static void test_derived_seq_is_the_same_everywhere(void **state) {
    (void)state;
    evtwin_table *table = with_key(1);
    assert_ok(evtwin_table_set_f64(table, add(table, "soc", EVTWIN_F64, "percent"), 0, 85.0));
    assert_ok(evtwin_table_set_i64(table, add(table, "charge_cycles", EVTWIN_I64, ""), 0, 150));
    const int64_t seq = seq_of(table, 0);
    /* pinned: stored keys depend on it, on every machine and in every version to come */
    assert_true(seq == INT64_C(4009975339756326998));

    /* the form of the table does not matter: absent columns, another name, another unit */
    add(table, "soh", EVTWIN_F64, "percent");
    add(table, "seq", EVTWIN_I64, "");
    assert_true(seq_of(table, 0) == seq);
    evtwin_table *other = with_key(1);
    assert_ok(evtwin_table_set_f64(other, add(other, "Charge_Cycles", EVTWIN_F64, ""), 0, 150.0));
    assert_ok(evtwin_table_set_f64(other, add(other, "SoC", EVTWIN_F64, "fraction"), 0, 0.85));
    assert_true(seq_of(other, 0) == seq);
    evtwin_table_free(other);
    evtwin_table_free(table);
}

static void test_derived_seq_tells_payloads_apart(void **state) {
    (void)state;
    evtwin_table *table = with_key(4);
    const size_t soc = add(table, "soc", EVTWIN_F64, "percent");
    const size_t soh = add(table, "soh", EVTWIN_F64, "percent");
    assert_ok(evtwin_table_set_f64(table, soc, 0, 85.0));
    assert_ok(evtwin_table_set_f64(table, soh, 1, 85.0));
    assert_ok(evtwin_table_set_f64(table, soc, 2, -0.0));
    assert_ok(evtwin_table_set_f64(table, soc, 3, 0.0));
    assert_true(seq_of(table, 0) != seq_of(table, 1)); /* the name counts */
    assert_true(seq_of(table, 2) == seq_of(table, 3)); /* the database has one zero */
    evtwin_table_free(table);

    /* 62 bits, spread: no two of many are equal, both halves of the range are used */
    enum { N = 20000 };
    table = with_key(N);
    double *values = evtwin_table_f64_edit(table, add(table, "soc", EVTWIN_F64, "percent"));
    assert_non_null(values);
    for (size_t i = 0; i < N; i++) {
        values[i] = (double)i / 256.0;
    }
    evtwin__rows rows;
    evtwin__value value[EVTWIN__Q_COUNT] = {{0}};
    open_rows(&rows, table);
    int64_t *seqs = calloc(N, sizeof *seqs);
    size_t n_high = 0;
    for (size_t i = 0; i < N; i++) {
        assert_ok(evtwin__rows_get(&rows, i, value));
        seqs[i] = value[EVTWIN__Q_SEQ].i64;
        assert_true(seqs[i] >= 0 && seqs[i] < INT64_C(1) << 62);
        n_high += seqs[i] >= INT64_C(1) << 61;
        for (size_t k = i > 50 ? i - 50 : 0; k < i; k++) {
            assert_true(seqs[i] != seqs[k]);
        }
    }
    assert_true(n_high > N / 2 - N / 20 && n_high < N / 2 + N / 20);
    free(seqs);
    evtwin_table_free(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_names_and_units_become_ours),
        cmocka_unit_test(test_numbers_of_any_type),
        cmocka_unit_test(test_wrong_types_are_refused),
        cmocka_unit_test(test_keys_are_required),
        cmocka_unit_test(test_derived_seq_is_the_same_everywhere),
        cmocka_unit_test(test_derived_seq_tells_payloads_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
