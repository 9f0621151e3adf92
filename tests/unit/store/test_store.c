/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store.c: insert, predict, read: the store's everyday work. */

#include "store_rows.h"

static int open_memory(void **state) {
    *state = open_store("sqlite::memory:");
    return 0;
}

static int close_store(void **state) {
    evtwin_store_free(*state);
    return 0;
}

/* ---- insert ---- */

static void test_row_comes_back_as_it_went_in(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = some_rows("BATTERY_001", 7, 1);
    const evtwin_insert_report report = insert(store, rows);
    assert_int_equal(report.size, sizeof report);
    assert_int_equal(report.n_inserted, 1);
    assert_int_equal(report.n_repeated + report.n_conflicting, 0);
    assert_int_equal(count(store), 1);

    evtwin_table *latest = NULL;
    assert_int_equal(evtwin_store_latest(store, "BATTERY_001", &latest), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(latest), 1);
    for (size_t c = 0; c < evtwin_table_cols(rows); c++) {
        const char *name = evtwin_table_name(rows, c);
        const size_t d = need(latest, name);
        assert_int_equal(evtwin_table_type(latest, d), evtwin_table_type(rows, c));
        assert_string_equal(evtwin_table_unit(latest, d), evtwin_table_unit(rows, c));
        assert_int_equal(evtwin_table_is_valid(latest, d, 0), evtwin_table_is_valid(rows, c, 0));
        const double number = evtwin_table_number(rows, c, 0);
        if (!isnan(number)) {
            assert_true(evtwin_table_number(latest, d, 0) == number);
        }
    }
    assert_true(i64_at(latest, "time", 0) == t0 + 7 * SECOND);
    assert_string_equal(text_at(latest, "battery_id", 0), "BATTERY_001");
    assert_string_equal(text_at(latest, "status", 0), "NORMAL");
    assert_int_equal(i64_at(latest, "revision", 0), 1);
    assert_true(has(latest, "created_at", 0));
    assert_false(has(latest, "rul_prediction", 0));
    assert_false(has(latest, "prediction_timestamp", 0));
    evtwin_table_free(latest);
    evtwin_table_free(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_row_comes_back_as_it_went_in, open_memory,
                                        close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
