/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store.c: insert, predict, read: the store's everyday work. */

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
    assert_int_equal(evtwin_store_latest(store, "BATTERY_001", &latest, NULL), EVTWIN_OK);
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
    assert_true(i64_at(latest, "revision", 0) > 0);
    assert_true(has(latest, "created_at", 0));
    assert_false(has(latest, "rul_prediction", 0));
    assert_false(has(latest, "prediction_timestamp", 0));
    evtwin_table_free(latest);
    evtwin_table_free(rows);
}

static void test_columns_come_in_the_promised_order(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 1, 1));
    evtwin_table *latest = NULL;
    assert_ok(evtwin_store_latest(store, NULL, &latest, NULL));
    size_t col = 0;
    for (size_t i = 0; i < evtwin_quantity_count(); i++) {
        evtwin_quantity quantity;
        assert_ok(evtwin_quantity_get(i, &quantity, sizeof quantity));
        if (quantity.kind != EVTWIN_KIND_TRUTH) {
            assert_string_equal(evtwin_table_name(latest, col), quantity.name);
            assert_string_equal(evtwin_table_unit(latest, col), quantity.unit);
            assert_int_equal(evtwin_table_type(latest, col), quantity.type);
            col++;
        }
    }
    assert_int_equal(evtwin_table_cols(latest), col);
    evtwin_table_free(latest);
}

/* Of the newest change of a store that has at most a thousand rows. */
static int64_t last_revision(evtwin_store *store) {
    evtwin_table *changes = NULL;
    int64_t revision = 0;
    assert_int_equal(evtwin_store_changes(store, 0, 1000, &changes, &revision), EVTWIN_OK);
    evtwin_table_free(changes);
    return revision;
}

static void test_retry_does_not_double(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = some_rows("A", 0, 100);
    assert_int_equal(insert(store, rows).n_inserted, 100);
    const int64_t last = last_revision(store);
    evtwin_insert_report report = insert(store, rows);
    assert_int_equal(report.n_inserted, 0);
    assert_int_equal(report.n_repeated, 100);
    assert_int_equal(report.n_conflicting, 0);

    /* the same keys with other telemetry: the first stays */
    assert_ok(evtwin_table_set_f64(rows, need(rows, "soc"), 40, 12.0));
    assert_ok(evtwin_table_set_missing(rows, need(rows, "soh"), 41));
    assert_ok(evtwin_table_set_f64(rows, need(rows, "mean_temperature"), 42, 20.0));
    assert_ok(evtwin_table_set_bool(rows, need(rows, "is_charging"), 43, 0));
    report = insert(store, rows);
    assert_int_equal(report.n_repeated, 96);
    assert_int_equal(report.n_conflicting, 4);
    assert_int_equal(count(store), 100);

    /* nothing changed, so the feed is silent */
    evtwin_table *changes = NULL;
    int64_t revision = 0;
    assert_int_equal(evtwin_store_changes(store, last, 10, &changes, &revision), EVTWIN_DONE);
    assert_null(changes);
    assert_true(revision == last);
    evtwin_table_free(rows);
}

static void test_repeats_within_one_table(void **state) {
    evtwin_table *rows = some_rows("A", 5, 2);
    add_row(rows, "A", t0 + 5 * SECOND, 5);
    add_row(rows, "A", t0 + 6 * SECOND, 6);
    assert_ok(evtwin_table_set_f64(rows, need(rows, "soc"), 3, 1.0));
    const evtwin_insert_report report = insert(*state, rows);
    assert_int_equal(report.n_inserted, 2);
    assert_int_equal(report.n_repeated, 1);
    assert_int_equal(report.n_conflicting, 1);
    evtwin_table_free(rows);
}

static void test_missing_values_stay_missing(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = empty_rows();
    assert_ok(evtwin_table_resize(rows, 1));
    assert_ok(evtwin_table_set_i64(rows, need(rows, "time"), 0, t0));
    assert_ok(evtwin_table_set_text(rows, need(rows, "battery_id"), 0, "A"));
    assert_int_equal(insert(store, rows).n_inserted, 1);
    assert_int_equal(insert(store, rows).n_repeated, 1);
    evtwin_table *latest = NULL;
    assert_ok(evtwin_store_latest(store, "A", &latest, NULL));
    assert_false(has(latest, "soc", 0));
    assert_true(isnan(number_at(latest, "soc", 0)));
    assert_false(has(latest, "charge_cycles", 0));
    assert_false(has(latest, "is_charging", 0));
    assert_true(has(latest, "seq", 0));
    assert_string_equal(text_at(latest, "status", 0), "NORMAL"); /* unknown breaks no rule */
    evtwin_table_free(latest);
    evtwin_table_free(rows);
}

static void test_nothing_goes_in_if_one_row_is_bad(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = some_rows("A", 0, 10);
    assert_ok(evtwin_table_set_f64(rows, need(rows, "voltage"), 9, (double)INFINITY));
    evtwin_insert_report report = {.size = 77};
    assert_fails(evtwin_store_insert(store, rows, &report, sizeof report), EVTWIN_E_RANGE,
                 "row 10|battery A|voltage");
    assert_int_equal(report.size, 77);
    assert_int_equal(count(store), 0);

    /* and the handle goes on */
    assert_ok(evtwin_table_set_f64(rows, need(rows, "voltage"), 9, 380.0));
    assert_int_equal(insert(store, rows).n_inserted, 10);
    evtwin_table_free(rows);
}

static void test_empty_table_is_fine(void **state) {
    evtwin_table *rows = empty_rows();
    const evtwin_insert_report report = insert(*state, rows);
    assert_int_equal(report.n_inserted + report.n_repeated + report.n_conflicting, 0);
    size_t n_updated = 9;
    add_prediction_columns(rows);
    assert_ok(evtwin_store_put_predictions(*state, rows, NULL, &n_updated));
    assert_int_equal(n_updated, 0);
    evtwin_table_free(rows);
}

static void test_small_report_struct_of_an_older_caller(void **state) {
    evtwin_table *rows = some_rows("A", 0, 3);
    struct {
        size_t size, n_inserted;
        char guard[8];
    } report = {.guard = "guard"};
    assert_ok(
        evtwin_store_insert(*state, rows, (evtwin_insert_report *)&report, 2 * sizeof(size_t)));
    assert_int_equal(report.size, 2 * sizeof(size_t));
    assert_int_equal(report.n_inserted, 3);
    assert_string_equal(report.guard, "guard");
    evtwin_table_free(rows);
}

/* ---- predictions ---- */

static void test_unpredicted_rows_by_battery(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = NULL;
    assert_int_equal(evtwin_store_unpredicted(store, 10, &rows), EVTWIN_DONE);
    assert_null(rows);
    insert_new(store, some_rows("B", 0, 5));
    insert_new(store, some_rows("A", 2, 5));
    assert_int_equal(evtwin_store_unpredicted(store, 3, &rows), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(rows), 3);
    assert_int_equal(evtwin_table_cols(rows), n_telemetry() + 1); /* and revision */
    for (size_t i = 0; i < 3; i++) { /* A has the newest, and begins with its oldest */
        assert_int_equal(i64_at(rows, "seq", i), 2 + (int64_t)i);
        assert_string_equal(text_at(rows, "battery_id", i), "A");
    }
    evtwin_table_free(rows);
    insert_new(store, some_rows("C", 6, 1)); /* as new as A's newest: ties by id */
    assert_int_equal(evtwin_store_unpredicted(store, 7, &rows), EVTWIN_OK);
    static const char *const ids[] = {"A", "A", "A", "A", "A", "C", "B"};
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(text_at(rows, "battery_id", i), ids[i]);
    }
    assert_int_equal(i64_at(rows, "seq", 6), 0);
    evtwin_table_free(rows);
}

static void test_prediction_lands_on_its_row(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 0, 3));
    insert_new(store, some_rows("B", 0, 3));
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_unpredicted(store, 100, &rows));
    assert_int_equal(evtwin_table_rows(rows), 6);
    add_prediction_columns(rows);

    /* meanwhile a newer row arrives: it must stay unpredicted */
    insert_new(store, some_rows("A", 3, 1));
    for (size_t i = 0; i < 6; i++) {
        const int is_a = strcmp(text_at(rows, "battery_id", i), "A") == 0;
        set_prediction(rows, i, 100.0 * (is_a ? 1 : 2) + (double)i64_at(rows, "seq", i), 0.25);
    }
    size_t n_updated = 0;
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, &n_updated));
    assert_int_equal(n_updated, 6);
    evtwin_table_free(rows);

    assert_ok(evtwin_store_history(store, "A", NULL, &rows));
    assert_int_equal(evtwin_table_rows(rows), 4);
    assert_false(has(rows, "rul_prediction", 0));
    assert_false(has(rows, "prediction_timestamp", 0));
    for (size_t i = 1; i < 4; i++) {
        assert_near(number_at(rows, "rul_prediction", i), 100.0 + (double)(3 - i), 0);
        assert_near(number_at(rows, "failure_probability", i), 0.25, 0);
        assert_string_equal(text_at(rows, "model_version", i), "0123456789ab");
        assert_true(has(rows, "prediction_timestamp", i));
        assert_near(number_at(rows, "soh", i), 95.25, 0); /* telemetry untouched */
    }
    evtwin_table_free(rows);
    assert_ok(evtwin_store_unpredicted(store, 100, &rows));
    assert_int_equal(evtwin_table_rows(rows), 1);
    evtwin_table_free(rows);
}

static void test_unknown_is_stored_with_its_reason(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 0, 1));
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_unpredicted(store, 1, &rows));
    add_prediction_columns(rows);
    assert_ok(evtwin_table_set_text(rows, need(rows, "prediction_note"), 0,
                                    "unknown, because soh is missing"));
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, NULL));
    evtwin_table_free(rows);
    assert_int_equal(evtwin_store_unpredicted(store, 1, &rows), EVTWIN_DONE);
    assert_ok(evtwin_store_latest(store, "A", &rows, NULL));
    assert_false(has(rows, "rul_prediction", 0));
    assert_false(has(rows, "failure_probability", 0));
    assert_true(has(rows, "prediction_timestamp", 0));
    assert_string_equal(text_at(rows, "prediction_note", 0), "unknown, because soh is missing");

    /* a newer model knows more: the row is overwritten and is news again */
    const int64_t before = i64_at(rows, "revision", 0);
    set_prediction(rows, 0, 321.0, 0.75);
    assert_ok(evtwin_table_set_missing(rows, need(rows, "prediction_note"), 0));
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, NULL));
    evtwin_table_free(rows);
    assert_ok(evtwin_store_latest(store, "A", &rows, NULL));
    assert_near(number_at(rows, "rul_prediction", 0), 321.0, 0);
    assert_false(has(rows, "prediction_note", 0));
    assert_string_equal(text_at(rows, "status", 0), "CRITICAL"); /* 0.75 > 0.7 */
    assert_true(i64_at(rows, "revision", 0) > before);
    evtwin_table_free(rows);
}

static void test_prediction_of_a_row_that_is_gone(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 0, 1));
    evtwin_table *rows = some_rows("A", 0, 2);
    add_prediction_columns(rows);
    set_prediction(rows, 0, 1.0, 0.1);
    set_prediction(rows, 1, 2.0, 0.2);
    size_t n_updated = 0;
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, &n_updated));
    assert_int_equal(n_updated, 1);
    assert_int_equal(count(store), 1);
    evtwin_table_free(rows);
}

static void test_rows_of_one_time_are_told_apart(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = empty_rows();
    add_row(rows, "A", t0, 1);
    add_row(rows, "A", t0, 2);
    add_row(rows, "A", t0, 3);
    insert_new(store, rows);
    rows = empty_rows();
    add_row(rows, "A", t0, 2);
    add_prediction_columns(rows);
    set_prediction(rows, 0, 222.0, 0.2);
    size_t n_updated = 0;
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, &n_updated));
    assert_int_equal(n_updated, 1);
    evtwin_table_free(rows);
    assert_ok(evtwin_store_history(store, "A", NULL, &rows));
    assert_false(has(rows, "rul_prediction", 0));
    assert_near(number_at(rows, "rul_prediction", 1), 222.0, 0);
    assert_false(has(rows, "rul_prediction", 2));
    evtwin_table_free(rows);
}

static void test_bad_predictions_change_nothing(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 0, 2));
    evtwin_table *rows = some_rows("A", 0, 2);
    add_prediction_columns(rows);
    set_prediction(rows, 0, 100.0, 0.5);
    assert_fails(evtwin_store_put_predictions(store, rows, NULL, NULL), EVTWIN_E_DATA,
                 "row 2|battery A|prediction|note");
    set_prediction(rows, 1, 100.0, 1.5);
    assert_fails(evtwin_store_put_predictions(store, rows, NULL, NULL), EVTWIN_E_RANGE,
                 "row 2 (battery A): failure_probability");
    set_prediction(rows, 1, (double)INFINITY, 0.5);
    assert_fails(evtwin_store_put_predictions(store, rows, NULL, NULL), EVTWIN_E_RANGE, "infinite");
    assert_ok(evtwin_table_set_missing(rows, need(rows, "seq"), 1));
    set_prediction(rows, 1, 100.0, 0.5);
    assert_fails(evtwin_store_put_predictions(store, rows, NULL, NULL), EVTWIN_E_SCHEMA,
                 "row 2|battery A|seq");
    evtwin_table_free(rows);
    assert_ok(evtwin_store_unpredicted(store, 9, &rows));
    assert_int_equal(evtwin_table_rows(rows), 2);
    evtwin_table_free(rows);
}

static void test_row_inserted_with_its_prediction(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = some_rows("A", 0, 2);
    add_prediction_columns(rows);
    set_prediction(rows, 0, 500.0, 0.125);
    insert_new(store, rows);
    assert_ok(evtwin_store_unpredicted(store, 9, &rows));
    assert_int_equal(evtwin_table_rows(rows), 1);
    assert_int_equal(i64_at(rows, "seq", 0), 1);
    evtwin_table_free(rows);
    assert_ok(evtwin_store_history(store, "A", NULL, &rows));
    assert_near(number_at(rows, "rul_prediction", 1), 500.0, 0);
    assert_true(i64_at(rows, "prediction_timestamp", 1) == i64_at(rows, "created_at", 1));
    evtwin_table_free(rows);
}

/* ---- the change feed ---- */

static void test_changes_in_order_and_in_pages(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("B", 0, 3));
    insert_new(store, some_rows("A", 0, 3));
    evtwin_table *rows = some_rows("B", 1, 1);
    add_prediction_columns(rows);
    set_prediction(rows, 0, 10.0, 0.1);
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, NULL));
    evtwin_table_free(rows);

    /* B0 B2 A0 A1 A2, then B1 again with its prediction */
    static const char *const ids[] = {"B", "B", "A", "A", "A", "B"};
    static const int64_t seqs[] = {0, 2, 0, 1, 2, 1};
    int64_t after = 0, last = 0;
    size_t n = 0;
    while (evtwin_store_changes(store, after, 4, &rows, &after) == EVTWIN_OK) {
        for (size_t i = 0; i < evtwin_table_rows(rows); i++, n++) {
            assert_true(n < 6);
            assert_string_equal(text_at(rows, "battery_id", i), ids[n]);
            assert_int_equal(i64_at(rows, "seq", i), seqs[n]);
            assert_true(i64_at(rows, "revision", i) > last);
            last = i64_at(rows, "revision", i);
        }
        evtwin_table_free(rows);
    }
    assert_int_equal(n, 6);
    assert_true(after == last);
}

/* ---- history, statistics, models ---- */

static void test_history_pages_meet_every_row_once(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = empty_rows();
    for (int64_t i = 0; i < 50; i++) {
        add_row(rows, "A", t0 + i / 3 * SECOND, i); /* three rows of each time */
        add_row(rows, "B", t0 + i * SECOND, i);
    }
    insert_new(store, rows);
    evtwin_history_options options;
    assert_ok(evtwin_history_options_init(&options, sizeof options));
    options.limit = 7;
    int64_t expected = 49;
    while (evtwin_store_history(store, "A", &options, &rows) == EVTWIN_OK) {
        const size_t n = evtwin_table_rows(rows);
        assert_true(n <= 7);
        for (size_t i = 0; i < n; i++) {
            assert_string_equal(text_at(rows, "battery_id", i), "A");
            assert_int_equal(i64_at(rows, "seq", i), expected--);
        }
        options.before_time_us = i64_at(rows, "time", n - 1);
        options.before_seq = i64_at(rows, "seq", n - 1);
        evtwin_table_free(rows);
    }
    assert_int_equal(expected, -1);
}

static void test_oldest_of_each(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = NULL;
    assert_int_equal(evtwin_store_oldest(store, INT64_MIN, &rows), EVTWIN_DONE);
    assert_null(rows);
    insert_new(store, some_rows("b", 5, 10));
    insert_new(store, some_rows("B", 0, 10));
    insert_new(store, some_rows("A", 3, 2));
    assert_ok(evtwin_store_oldest(store, t0 + 6 * SECOND, &rows)); /* A has ended by then */
    assert_int_equal(evtwin_table_rows(rows), 2);
    assert_string_equal(text_at(rows, "battery_id", 0), "B");
    assert_int_equal(i64_at(rows, "seq", 0), 6);
    assert_string_equal(text_at(rows, "battery_id", 1), "b");
    assert_int_equal(i64_at(rows, "seq", 1), 6);
    evtwin_table_free(rows);
    assert_ok(evtwin_store_oldest(store, INT64_MIN, &rows));
    assert_int_equal(evtwin_table_rows(rows), 3);
    assert_int_equal(i64_at(rows, "seq", 0), 3);
    evtwin_table_free(rows);
}

/* Oldest first, in the bounds; of all rows and of those with a prediction. */
static void test_history_oldest_first(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = empty_rows();
    add_prediction_columns(rows);
    for (int64_t i = 0; i < 50; i++) {
        add_row(rows, "A", t0 + i / 3 * SECOND, i);
        if (i % 5 == 0) {
            set_prediction(rows, (size_t)i, 500.0, 0.5);
        }
    }
    insert_new(store, rows);
    for (int predicted_only = 0; predicted_only < 2; predicted_only++) {
        evtwin_history_options options;
        assert_ok(evtwin_history_options_init(&options, sizeof options));
        options.limit = 4;
        options.oldest_first = 1;
        options.predicted_only = predicted_only;
        options.from_us = t0 + 2 * SECOND; /* from the row with seq 6 on */
        options.to_us = t0 + 13 * SECOND;  /* to 41 */
        int64_t expected = predicted_only ? 10 : 6;
        while (evtwin_store_history(store, "A", &options, &rows) == EVTWIN_OK) {
            const size_t n = evtwin_table_rows(rows);
            assert_true(n <= 4);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(i64_at(rows, "seq", i), expected);
                expected += predicted_only ? 5 : 1;
            }
            options.after_time_us = i64_at(rows, "time", n - 1);
            options.after_seq = i64_at(rows, "seq", n - 1);
            evtwin_table_free(rows);
        }
        assert_int_equal(expected, predicted_only ? 45 : 42);
    }
}

static void test_history_bounds_include_their_ends(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 0, 10));
    evtwin_history_options options;
    assert_ok(evtwin_history_options_init(&options, sizeof options));
    options.from_us = t0 + 3 * SECOND;
    options.to_us = t0 + 5 * SECOND;
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_history(store, "A", &options, &rows));
    assert_int_equal(evtwin_table_rows(rows), 3);
    assert_int_equal(i64_at(rows, "seq", 0), 5);
    evtwin_table_free(rows);
    options.from_us = t0 + 11 * SECOND;
    options.to_us = INT64_MAX;
    assert_int_equal(evtwin_store_history(store, "A", &options, &rows), EVTWIN_DONE);
    options.from_us = t0 + 5 * SECOND;
    options.to_us = t0 + 3 * SECOND;
    assert_int_equal(evtwin_store_history(store, "A", &options, &rows), EVTWIN_DONE);
    assert_null(rows);
    assert_int_equal(evtwin_store_history(store, "UNKNOWN", NULL, &rows), EVTWIN_DONE);
    options.limit = 0;
    assert_fails(evtwin_store_history(store, "A", &options, &rows), EVTWIN_E_ARG, "0 rows");
}

static void test_history_of_predictions_only(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 0, 10));
    evtwin_table *rows = some_rows("A", 4, 2);
    add_prediction_columns(rows);
    set_prediction(rows, 0, 10.0, (double)NAN);
    assert_ok(evtwin_table_set_text(rows, need(rows, "prediction_note"), 1, "unknown"));
    assert_ok(evtwin_store_put_predictions(store, rows, NULL, NULL));
    evtwin_table_free(rows);
    evtwin_history_options options;
    assert_ok(evtwin_history_options_init(&options, sizeof options));
    options.predicted_only = 1;
    assert_ok(evtwin_store_history(store, "A", &options, &rows));
    assert_int_equal(evtwin_table_rows(rows), 1); /* an unknown is no prediction */
    assert_int_equal(i64_at(rows, "seq", 0), 4);
    evtwin_table_free(rows);
}

static void test_statistics(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = some_rows("A", 0, 4);
    static const double soc[] = {10.0, 20.0, 60.0, NAN};
    for (size_t i = 0; i < 4; i++) {
        assert_ok(evtwin_table_set_f64(rows, need(rows, "soc"), i, soc[i]));
        assert_ok(evtwin_table_set_f64(rows, need(rows, "temperature"), i, 20.0 + (double)i));
        assert_ok(evtwin_table_set_i64(rows, need(rows, "charge_cycles"), i, 150 + (int64_t)i));
    }
    insert_new(store, rows);
    insert_new(store, some_rows("B", 0, 50));
    evtwin_store_stats stats;
    assert_int_equal(evtwin_store_stats_get(store, "A", INT64_MIN, INT64_MAX, &stats, sizeof stats),
                     EVTWIN_OK);
    assert_int_equal(stats.total_records, 4);
    assert_near(stats.avg_soc, 30.0, 1e-12);
    assert_near(stats.min_soc, 10.0, 0);
    assert_near(stats.max_soc, 60.0, 0);
    assert_near(stats.avg_temperature, 21.5, 1e-12);
    assert_near(stats.max_temperature, 23.0, 0);
    assert_near(stats.total_cycles, 153.0, 0);
    assert_true(isnan(stats.avg_rul));
    assert_true(isnan(stats.avg_failure_risk));

    assert_ok(
        evtwin_store_stats_get(store, "A", t0 + SECOND, t0 + 2 * SECOND, &stats, sizeof stats));
    assert_int_equal(stats.total_records, 2);
    assert_near(stats.avg_soc, 40.0, 1e-12);
    assert_int_equal(evtwin_store_stats_get(store, "NONE", 0, 1, &stats, sizeof stats),
                     EVTWIN_DONE);
    assert_int_equal(stats.total_records, 0);
    assert_true(isnan(stats.avg_soc) && isnan(stats.total_cycles));
}

static void test_models(void **state) {
    evtwin_store *store = *state;
    evtwin_table *models = NULL;
    assert_int_equal(evtwin_store_models(store, &models), EVTWIN_DONE);
    evtwin_table *scores = some_scores("aaaaaaaaaaaa", "rul", 42.15);
    assert_ok(evtwin_store_put_model(store, scores));
    assert_ok(evtwin_table_set_f64(scores, need(scores, "rmse"), 0, 40.0));
    assert_ok(evtwin_store_put_model(store, scores)); /* the same again: replaced */
    assert_ok(evtwin_table_set_text(scores, need(scores, "model_version"), 0, "bbbbbbbbbbbb"));
    assert_ok(evtwin_table_set_missing(scores, need(scores, "trained_at"), 0));
    assert_ok(evtwin_store_put_model(store, scores));
    assert_ok(evtwin_table_set_text(scores, need(scores, "target"), 0, "failure"));
    assert_ok(evtwin_store_put_model(store, scores));
    assert_ok(evtwin_store_models(store, &models));
    assert_int_equal(evtwin_table_rows(models), 3);
    size_t a = 0;
    while (strcmp(text_at(models, "model_version", a), "aaaaaaaaaaaa") != 0) {
        a++;
    }
    const size_t b = a == 0 ? 1 : 0;
    assert_string_equal(text_at(models, "target", a), "rul");
    assert_near(number_at(models, "rmse", a), 40.0, 0);
    assert_near(number_at(models, "r2", a), 0.9234, 0);
    assert_true(isnan(number_at(models, "auc", a)));
    assert_true(i64_at(models, "trained_at", a) == t0);
    assert_string_equal(text_at(models, "model_version", b), "bbbbbbbbbbbb");
    assert_false(has(models, "trained_at", b));
    evtwin_table_free(models);
    assert_ok(evtwin_table_set_text(scores, need(scores, "model_version"), 0, ""));
    assert_fails(evtwin_store_put_model(store, scores), EVTWIN_E_ARG, "model_version");
    evtwin_table_free(scores);
    scores = empty_rows();
    assert_fails(evtwin_store_put_model(store, scores), EVTWIN_E_SCHEMA, "model_version");
    evtwin_table_free(scores);
}

static void test_latest_of_each_battery_in_id_order(void **state) {
    evtwin_store *store = *state;
    evtwin_table *rows = NULL;
    assert_int_equal(evtwin_store_latest(store, NULL, &rows, NULL), EVTWIN_DONE);
    assert_int_equal(evtwin_store_latest(store, "A", &rows, NULL), EVTWIN_DONE);
    assert_null(rows);
    insert_new(store, some_rows("C", 0, 5));
    insert_new(store, some_rows("A", 0, 3));
    insert_new(store, some_rows("B:1", 0, 4));
    insert_new(store, some_rows("C", 1, 1)); /* late and known: changes nothing */
    assert_ok(evtwin_store_latest(store, NULL, &rows, NULL));
    assert_int_equal(evtwin_table_rows(rows), 3);
    assert_string_equal(text_at(rows, "battery_id", 0), "A");
    assert_string_equal(text_at(rows, "battery_id", 1), "B:1");
    assert_string_equal(text_at(rows, "battery_id", 2), "C");
    assert_int_equal(i64_at(rows, "seq", 0), 2);
    assert_int_equal(i64_at(rows, "seq", 1), 3);
    assert_int_equal(i64_at(rows, "seq", 2), 4);
    evtwin_table_free(rows);
}

/* ---- questions that are given up ---- */

static void test_deadline_and_interrupt(void **state) {
    evtwin_store *store = *state;
    insert_new(store, some_rows("A", 0, 1000));
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_deadline(store, 1e-6));
    usleep(1000);
    assert_int_equal(evtwin_store_history(store, "A", NULL, &rows), EVTWIN_E_CANCELLED);
    assert_ok(evtwin_store_deadline(store, 0.0));
    assert_ok(evtwin_store_history(store, "A", NULL, &rows));
    evtwin_table_free(rows);
    evtwin_store_interrupt(store); /* is for good */
    rows = NULL;
    assert_int_equal(evtwin_store_history(store, "A", NULL, &rows), EVTWIN_E_CANCELLED);
    assert_int_equal(evtwin_store_history(store, "A", NULL, &rows), EVTWIN_E_CANCELLED);
    assert_null(rows);
}

/* ---- arguments ---- */

static void test_null_arguments_are_refused(void **state) {
    evtwin_store *store = *state;
    evtwin_table *table = empty_rows();
    evtwin_table *out = NULL;
    evtwin_store_stats stats;
    assert_fails(evtwin_store_open(NULL, NULL, &store), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_open("sqlite::memory:", NULL, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_insert(NULL, table, NULL, 0), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_insert(store, NULL, NULL, 0), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_unpredicted(store, 0, &out), EVTWIN_E_ARG, "0");
    assert_fails(evtwin_store_unpredicted(store, 1, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_put_predictions(store, NULL, NULL, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_put_model(store, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_expire(NULL, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_backup(store, ""), EVTWIN_E_ARG, "empty");
    assert_fails(evtwin_store_latest(store, "a b", &out, NULL), EVTWIN_E_ARG, "'a b'");
    assert_fails(evtwin_store_history(store, NULL, NULL, &out), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_stats_get(store, "", 0, 1, &stats, sizeof stats), EVTWIN_E_ARG, "''");
    assert_fails(evtwin_store_models(NULL, &out), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_changes(store, 0, 1, &out, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_count(store, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_store_options_init(NULL, 8), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_history_options_init(NULL, 8), EVTWIN_E_ARG, "NULL");
    assert_null(out);
    evtwin_store_free(NULL);
    evtwin_table_free(table);
}

static void test_options(void **state) {
    (void)state;
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    assert_int_equal(options.size, sizeof options);
    assert_near(options.retention_days, 30.0, 0);
    assert_int_equal(options.busy_timeout_ms, 5000);
    evtwin_store *store = NULL;
    options.retention_days = -1.0;
    assert_fails(evtwin_store_open("sqlite::memory:", &options, &store), EVTWIN_E_ARG,
                 "retention_days -1");
    options.retention_days = NAN;
    assert_fails(evtwin_store_open("sqlite::memory:", &options, &store), EVTWIN_E_ARG,
                 "retention_days");
    options.retention_days = 1.0;
    options.busy_timeout_ms = -1;
    assert_fails(evtwin_store_open("sqlite::memory:", &options, &store), EVTWIN_E_ARG,
                 "busy_timeout_ms");
    options.size = 0; /* never set */
    assert_fails(evtwin_store_open("sqlite::memory:", &options, &store), EVTWIN_E_ARG,
                 "evtwin_store_options_init");
    assert_null(store);
}

static void test_what_is_no_store_is_refused(void **state) {
    (void)state;
    evtwin_store *store = NULL;
    assert_fails(evtwin_store_open("mysql://db/twin", NULL, &store), EVTWIN_E_UNSUPPORTED,
                 "mysql|sqlite:|postgresql:");
    assert_null(strstr(evtwin_last_error(), "sqlite:FILE")); /* it is no file */
    assert_fails(evtwin_store_open("twin.db", NULL, &store), EVTWIN_E_UNSUPPORTED,
                 "twin.db|sqlite:FILE");
    assert_null(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fresh, close_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_store_is_refused),
        TEST(test_row_comes_back_as_it_went_in),
        TEST(test_columns_come_in_the_promised_order),
        TEST(test_retry_does_not_double),
        TEST(test_repeats_within_one_table),
        TEST(test_missing_values_stay_missing),
        TEST(test_nothing_goes_in_if_one_row_is_bad),
        TEST(test_empty_table_is_fine),
        TEST(test_small_report_struct_of_an_older_caller),
        TEST(test_unpredicted_rows_by_battery),
        TEST(test_prediction_lands_on_its_row),
        TEST(test_unknown_is_stored_with_its_reason),
        TEST(test_prediction_of_a_row_that_is_gone),
        TEST(test_rows_of_one_time_are_told_apart),
        TEST(test_bad_predictions_change_nothing),
        TEST(test_row_inserted_with_its_prediction),
        TEST(test_changes_in_order_and_in_pages),
        TEST(test_history_pages_meet_every_row_once),
        TEST(test_history_oldest_first),
        TEST(test_oldest_of_each),
        TEST(test_history_bounds_include_their_ends),
        TEST(test_history_of_predictions_only),
        TEST(test_statistics),
        TEST(test_models),
        TEST(test_latest_of_each_battery_in_id_order),
        TEST(test_deadline_and_interrupt),
        TEST(test_null_arguments_are_refused),
        cmocka_unit_test(test_options),
    };
    return has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
