/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_merge.c: rows that come twice, once with a prediction: whoever comes
 * first or last, the telemetry is the first one's and the prediction the newest. */

#include "store_kinds.h"
#include "store_rows.h"

static int open_fresh(void **state) {
    *state = open_store(scratch_uri());
    return 0;
}

static int close_store(void **state) {
    evtwin_store_free(*state);
    return 0;
}

/* Row `second` of battery A, with a prediction made that many seconds after t0, or (NaN rul) a
 * note.
 */
static evtwin_table *predicted_row(int64_t second, double rul, int64_t predicted_second) {
    evtwin_table *table = some_rows("A", second, 1);
    add_prediction_columns(table);
    assert_ok(evtwin_table_add_column(table, "prediction_timestamp", EVTWIN_TIME, "", NULL));
    if (isnan(rul)) {
        assert_ok(evtwin_table_set_text(table, need(table, "prediction_note"), 0, "unknown"));
    } else {
        set_prediction(table, 0, rul, 0.8);
    }
    assert_ok(evtwin_table_set_i64(table, need(table, "prediction_timestamp"), 0,
                                   t0 + predicted_second * SECOND));
    return table;
}

static evtwin_table *newest(evtwin_store *store) {
    evtwin_table *rows = NULL;
    assert_int_equal(evtwin_store_latest(store, "A", &rows, NULL), EVTWIN_OK);
    return rows;
}

static void assert_rul(evtwin_store *store, double rul) {
    evtwin_table *rows = newest(store);
    assert_near(number_at(rows, "rul_prediction", 0), rul, 0);
    evtwin_table_free(rows);
}

static int64_t last_revision(evtwin_store *store) {
    evtwin_table *rows = newest(store);
    const int64_t revision = i64_at(rows, "revision", 0);
    evtwin_table_free(rows);
    return revision;
}

static void a_prediction_fills_what_is_empty(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 1, 1));
    const int64_t before = last_revision(store);
    const evtwin_insert_report report = insert_new(store, predicted_row(1, 321.0, 5));
    assert_int_equal(report.n_inserted, 0);
    assert_int_equal(report.n_repeated, 1);

    evtwin_table *rows = newest(store);
    assert_near(number_at(rows, "rul_prediction", 0), 321.0, 0);
    assert_true(i64_at(rows, "prediction_timestamp", 0) == t0 + 5 * SECOND);
    assert_string_equal(text_at(rows, "status", 0), "CRITICAL"); /* 0.8 > 0.7 */
    assert_true(i64_at(rows, "revision", 0) > before);
    evtwin_table_free(rows);
    assert_int_equal(count(store), 1);

    /* it waits no longer, is news, and is the battery's latest prediction and health */
    evtwin_table *waiting = NULL, *current = NULL, *changes = NULL;
    int64_t revision = 0;
    assert_int_equal(evtwin_store_unpredicted(store, 10, &waiting), EVTWIN_DONE);
    assert_int_equal(evtwin_store_changes(store, before, 10, &changes, &revision), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(changes), 1);
    assert_int_equal(evtwin_store_latest(store, "A", &rows, &current), EVTWIN_OK);
    assert_true(i64_at(current, "predicted_time", 0) == t0 + SECOND);
    assert_string_equal(text_at(current, "health", 0), "CRITICAL");
    evtwin_table_free(changes);
    evtwin_table_free(rows);
    evtwin_table_free(current);
}

static void the_newer_prediction_stays(void **state) {
    evtwin_store *store = *state;
    insert_new(store, predicted_row(1, 300.0, 5));
    insert_new(store, predicted_row(1, 299.0, 4));
    assert_rul(store, 300.0);
    insert_new(store, predicted_row(1, 298.0, 5));
    assert_rul(store, 300.0);
    insert_new(store, predicted_row(1, 301.0, 6));
    assert_rul(store, 301.0);

    /* an unknown replaces it whole, and does not improve health */
    insert_new(store, predicted_row(1, NAN, 7));
    evtwin_table *rows = NULL, *current = NULL;
    assert_int_equal(evtwin_store_latest(store, "A", &rows, &current), EVTWIN_OK);
    assert_false(has(rows, "rul_prediction", 0));
    assert_false(has(rows, "model_version", 0));
    assert_string_equal(text_at(rows, "prediction_note", 0), "unknown");
    assert_string_equal(text_at(rows, "status", 0), "NORMAL");
    assert_string_equal(text_at(current, "health", 0), "CRITICAL");
    evtwin_table_free(rows);
    evtwin_table_free(current);
}

static void a_retry_changes_nothing(void **state) {
    evtwin_store *store = *state;
    evtwin_table *table = predicted_row(1, 300.0, 5);
    insert(store, table);
    const int64_t revision = last_revision(store);
    assert_int_equal(insert(store, table).n_repeated, 1);
    assert_true(last_revision(store) == revision);

    /* nor does the same prediction made later */
    assert_ok(evtwin_table_set_missing(table, need(table, "prediction_timestamp"), 0));
    insert_new(store, table);
    evtwin_table *rows = newest(store);
    assert_true(i64_at(rows, "revision", 0) == revision);
    assert_true(i64_at(rows, "prediction_timestamp", 0) == t0 + 5 * SECOND);
    evtwin_table_free(rows);
}

static void a_row_without_a_prediction_takes_none_away(void **state) {
    evtwin_store *store = *state;
    insert_new(store, predicted_row(1, 300.0, 5));
    insert_new(store, some_rows("A", 1, 1));
    assert_rul(store, 300.0);
}

static void the_first_telemetry_stays(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 1, 1));
    evtwin_table *table = predicted_row(1, 300.0, 5);
    assert_ok(evtwin_table_set_f64(table, need(table, "soc"), 0, 3.0));
    const evtwin_insert_report report = insert_new(store, table);
    assert_int_equal(report.n_conflicting, 1);
    assert_int_equal(report.n_repeated, 0);
    evtwin_table *rows = newest(store);
    assert_near(number_at(rows, "soc", 0), 84.999, 0);
    assert_near(number_at(rows, "rul_prediction", 0), 300.0, 0);
    evtwin_table_free(rows);
}

/* The same key twice in one table, and a mixture of new and old rows. */
static void a_batch_may_repeat_itself(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 2, 3));
    evtwin_table *table = some_rows("A", 0, 6); /* 0 1 new, 2 3 4 repeated, 5 new */
    add_row(table, "A", t0 + 5 * SECOND, 5);
    add_row(table, "A", t0 + 1 * SECOND, 1);
    assert_ok(evtwin_table_set_f64(table, need(table, "soc"), 7, 50.0));
    add_prediction_columns(table);
    set_prediction(table, 2, 222.0, 0.1);
    set_prediction(table, 5, 555.0, 0.1);
    const evtwin_insert_report report = insert_new(store, table);
    assert_int_equal(report.n_inserted, 3);
    assert_int_equal(report.n_repeated, 4);
    assert_int_equal(report.n_conflicting, 1);
    assert_int_equal(count(store), 6);
    assert_rul(store, 555.0);
}

/* ---- writer locks ---- */

static void those_who_share_take_no_writer_lock(void **state) {
    (void)state;
    char uri[320];
    snprintf(uri, sizeof uri, "%s", fresh_uri("shared.db"));
    evtwin_store *first = open_store(uri), *second = open_store(uri), *shared = NULL;
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.shares_batteries = 1;
    assert_ok(evtwin_store_open(uri, &options, &shared));
    evtwin_table *table = some_rows("A", 0, 2);
    insert_new(shared, some_rows("A", 0, 1));
    assert_int_equal(insert(first, table).n_inserted, 1);
    assert_fails(evtwin_store_insert(second, table, NULL, 0), EVTWIN_E_BUSY, "battery A");
    assert_int_equal(insert(shared, table).n_repeated, 2);
    evtwin_store_free(first);
    assert_int_equal(insert(second, table).n_repeated, 2);
    evtwin_table_free(table);
    evtwin_store_free(second);
    evtwin_store_free(shared);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fresh, close_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_prediction_fills_what_is_empty),
        TEST(the_newer_prediction_stays),
        TEST(a_retry_changes_nothing),
        TEST(a_row_without_a_prediction_takes_none_away),
        TEST(the_first_telemetry_stays),
        TEST(a_batch_may_repeat_itself),
        cmocka_unit_test(those_who_share_take_no_writer_lock),
    };
    return has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
