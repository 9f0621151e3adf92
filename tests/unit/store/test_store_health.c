/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_health.c: a battery's health remembers which limits are broken, from
 * row to row, from process to process, and does not get better for lack of data. */

#include "store_kinds.h"
#include "store_rows.h"

#include "store/backend.h"

static evtwin_store *store;
static char store_uri[320];
static evtwin_thresholds *limits;
static int64_t now_us;

static int64_t turned_clock(void) {
    return now_us;
}

static void turn_clock(void) {
    store->now = turned_clock;
}

static evtwin_store *open_for_ever(void) {
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.retention_days = 0.0; /* the clock of a server cannot be turned with ours */
    assert_ok(evtwin_store_open(store_uri, &options, &store));
    return store;
}

static int setup_on(const char *uri) {
    now_us = t0;
    snprintf(store_uri, sizeof store_uri, "%s", uri);
    store = open_for_ever();
    turn_clock();
    assert_ok(evtwin_store_thresholds(store, &limits));
    return 0;
}

static int setup(void **state) {
    (void)state;
    return setup_on(scratch_uri());
}

/* For tests with another program, or another handle. */
static int setup_shared(void **state) {
    (void)state;
    return setup_on(fresh_uri("health.db"));
}

static int teardown(void **state) {
    (void)state;
    evtwin_store_free(store);
    evtwin_thresholds_free(limits);
    return 0;
}

/* A row that is NORMAL but for one of its values. */
static void add_with(evtwin_table *table, const char *id, int64_t second, const char *quantity,
                     double value) {
    add_row(table, id, t0 + second * SECOND, second);
    assert_ok(
        evtwin_table_set_f64(table, need(table, quantity), evtwin_table_rows(table) - 1, value));
}

static void insert_with(int64_t second, const char *quantity, double value) {
    evtwin_table *table = empty_rows();
    add_with(table, "A", second, quantity, value);
    insert_new(store, table);
}

/* Predict the row of that second; NaN risk: unknown. */
static void predict(int64_t second, double rul, double risk) {
    evtwin_table *table = some_rows("A", second, 1);
    add_prediction_columns(table);
    if (isnan(risk)) {
        assert_ok(evtwin_table_set_text(table, need(table, "prediction_note"), 0, "unknown"));
    } else {
        set_prediction(table, 0, rul, risk);
    }
    assert_ok(evtwin_store_put_predictions(store, table, NULL, NULL));
    evtwin_table_free(table);
}

static evtwin_table *current_of(const char *id) {
    evtwin_table *rows = NULL, *current = NULL;
    assert_int_equal(evtwin_store_latest(store, id, &rows, &current), EVTWIN_OK);
    evtwin_table_free(rows);
    return current;
}

/* The health of A by what is kept in the store and by who reads it: both the same. */
static void assert_health(evtwin_health expected, const char *reason) {
    evtwin_table *current = current_of("A");
    const evtwin_health health = evtwin_thresholds_status(limits, current, 0);
    if (health != expected ||
        strcmp(text_at(current, "health", 0), evtwin_health_name(expected)) != 0) {
        fail_msg("%s, kept as %s", evtwin_health_name(health), text_at(current, "health", 0));
    }
    size_t broken[8];
    char text[200] = "", one[100];
    const size_t n =
        evtwin_thresholds_broken(limits, EVTWIN_THRESHOLD_ALERT, current, 0, broken, 8);
    for (size_t i = 0; i < n; i++) {
        strcat(text, i > 0 ? ", " : "");
        strcat(text, evtwin_thresholds_reason(limits, broken[i], current, 0, one, sizeof one));
    }
    assert_string_equal(text, reason);
    evtwin_table_free(current);
}

/* 2,000 rows with a noise of 0.5 degrees around a limit: how often does status change, and health?
 */
static void near_a_limit_health_stays(void **state) {
    (void)state;
    int n_status = 0, n_health = 0;
    evtwin_health last = EVTWIN_HEALTH_NORMAL;
    for (int64_t i = 0; i < 400; i++) {
        evtwin_table *table = empty_rows();
        for (int64_t k = 5 * i; k < 5 * (i + 1); k++) {
            const double value = 45.0 + 0.5 * sin((double)(k * k));
            add_with(table, "A", k, "temperature", value);
            n_status += (value > 45.0) != (sin((double)((k - 1) * (k - 1))) > 0.0);
        }
        insert_new(store, table);
        evtwin_table *current = current_of("A");
        const evtwin_health health = evtwin_thresholds_status(limits, current, 0);
        n_health += health != last;
        last = health;
        evtwin_table_free(current);
    }
    assert_true(n_status > 500);
    assert_int_equal(n_health, 1);
}

static void a_limit_is_left_by_a_margin(void **state) {
    (void)state;
    insert_with(1, "soc", 14.5);
    assert_health(EVTWIN_HEALTH_CRITICAL, "soc 14.5 < 15");
    insert_with(2, "soc", 16.9);
    assert_health(EVTWIN_HEALTH_CRITICAL, "soc 16.9 was < 15 (until 17)");
    insert_with(3, "soc", 17.0);
    assert_health(EVTWIN_HEALTH_WARNING, "soc 17 < 20");
    insert_with(4, "soc", 21.0);
    assert_health(EVTWIN_HEALTH_WARNING, "soc 21 was < 20 (until 22)");
    insert_with(5, "soc", 32.0);
    assert_health(EVTWIN_HEALTH_NORMAL, "");

    /* within a batch, row by row */
    evtwin_table *table = empty_rows();
    add_with(table, "A", 6, "soc", 14.0);
    add_with(table, "A", 7, "soc", 16.0);
    insert_new(store, table);
    assert_health(EVTWIN_HEALTH_CRITICAL, "soc 16 was < 15 (until 17)");

    /* a late row tells nothing of now */
    insert_with(-5, "temperature", 80.0);
    assert_health(EVTWIN_HEALTH_CRITICAL, "soc 16 was < 15 (until 17)");
}

static void what_is_missing_improves_nothing(void **state) {
    (void)state;
    insert_with(1, "soh", 73.9);
    insert_with(2, "soh", NAN);
    assert_health(EVTWIN_HEALTH_CRITICAL, "soh 73.9 < 75 (last known)");
    insert_with(3, "soh", 90.0);
    assert_health(EVTWIN_HEALTH_NORMAL, "");

    /* nor a prediction that does not come, or is not known */
    predict(3, 500.0, 0.948);
    assert_health(EVTWIN_HEALTH_CRITICAL, "failure_probability 0.95 > 0.7");
    insert_with(4, "soh", 90.0);
    assert_health(EVTWIN_HEALTH_CRITICAL, "failure_probability 0.95 > 0.7");
    predict(4, NAN, NAN);
    assert_health(EVTWIN_HEALTH_CRITICAL, "failure_probability 0.95 > 0.7 (last known)");
    insert_with(5, "soh", 90.0);
    predict(5, 90.0, 0.66);
    assert_health(EVTWIN_HEALTH_CRITICAL,
                  "failure_probability 0.66 was > 0.7 (until 0.65), rul_prediction 90 < 100");
    predict(5, 130.0, 0.1);
    assert_health(EVTWIN_HEALTH_NORMAL, "");
}

static void since_is_the_row_that_changed_it(void **state) {
    (void)state;
    insert_with(1, "soc", 80.0);
    insert_with(2, "soc", 25.0);
    insert_with(3, "soc", 24.0);
    evtwin_table *current = current_of("A");
    assert_true(i64_at(current, "health_since", 0) == t0 + 2 * SECOND);
    evtwin_table_free(current);
    predict(3, 500.0, 0.9);
    current = current_of("A");
    assert_true(i64_at(current, "health_since", 0) == t0 + 3 * SECOND);
    evtwin_table_free(current);
}

static void two_needs(void **state) {
    (void)state;
    static const struct {
        const char *quantity;
        double value;
        int needs;
    } cases[] = {{"soc", 50.0, 0},
                 {"soc", 18.0, EVTWIN_NEEDS_CHARGING},
                 {"soh", 80.0, EVTWIN_NEEDS_CHARGING | EVTWIN_NEEDS_SERVICE},
                 {"temperature", 61.0, EVTWIN_NEEDS_SERVICE}};
    static const char *const ids[] = {"N1", "N2", "N3", "N4"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        evtwin_table *table = empty_rows();
        add_with(table, ids[i], (int64_t)i, cases[i].quantity, cases[i].value);
        if (cases[i].needs == (EVTWIN_NEEDS_CHARGING | EVTWIN_NEEDS_SERVICE)) {
            assert_ok(evtwin_table_set_f64(table, need(table, "soc"), 0, 29.0));
        }
        insert_new(store, table);
        table = current_of(ids[i]);
        assert_int_equal(evtwin_thresholds_needs(limits, table, 0), cases[i].needs);
        evtwin_table_free(table);
    }
}

/* The memory is the database's: of every handle, after every restart, for every reader. */
static void other_handles_remember(void **state) {
    (void)state;
    insert_with(1, "temperature", 61.0);
    evtwin_store_free(store);
    store = open_for_ever();
    insert_with(2, "temperature", 58.0);
    assert_health(EVTWIN_HEALTH_CRITICAL, "temperature 58 was > 60 (until 57)");
}

/* A database of before: its latest prediction counts from the first row on. */
static void a_health_begins_with_what_stands(void **state) {
    (void)state;
    insert_with(1, "soc", 80.0);
    predict(1, 500.0, 0.948);
    run_sql(store_uri, "DELETE FROM ev_health");
    evtwin_table *current = current_of("A");
    assert_int_equal(evtwin_thresholds_status(limits, current, 0), EVTWIN_HEALTH_CRITICAL);
    evtwin_table_free(current);
    now_us += SECOND; /* it need not be read for every batch */
    insert_with(2, "soc", 80.0);
    assert_health(EVTWIN_HEALTH_CRITICAL, "failure_probability 0.95 > 0.7");
}

/* Limits that change are judged anew; what another program wrote counts for readers at once, and
 * is remembered when it is predicted. */
static void limits_and_rows_of_others(void **state) {
    (void)state;
    insert_with(1, "soc", 28.0);
    insert_with(2, "soc", 31.0);
    assert_health(EVTWIN_HEALTH_WARNING, "soc 31 was < 30 (until 32)");
    evtwin_threshold rule = {.size = sizeof rule,
                             .kind = EVTWIN_THRESHOLD_STATUS,
                             .quantity = "soc",
                             .level = EVTWIN_HEALTH_WARNING,
                             .is_below = 1,
                             .limit = 29.5};
    assert_ok(evtwin_thresholds_set(limits, &rule));
    assert_ok(evtwin_store_put_thresholds(store, limits));
    evtwin_table *current = current_of("A");
    assert_int_equal(evtwin_thresholds_status(limits, current, 0), EVTWIN_HEALTH_NORMAL);
    evtwin_table_free(current);
    insert_with(3, "soc", 31.0);
    assert_health(EVTWIN_HEALTH_NORMAL, "");

    run_sql(store_uri,
            on_postgres()
                ? "INSERT INTO ev_telemetry (time, battery_id, soc, soh, temperature) VALUES"
                  " ('2026-01-01T00:00:04.000000Z', 'A', 14, 95, 30)"
                : "INSERT INTO ev_telemetry (time, battery_id, seq, soc, soh, temperature,"
                  " created_at, revision) VALUES ('2026-01-01T00:00:04.000000Z', 'A', 4, 14, 95,"
                  " 30, '2026-01-01T00:00:04.000000Z', 99); UPDATE ev_revision SET revision = 99");
    current = current_of("A");
    assert_int_equal(evtwin_thresholds_status(limits, current, 0), EVTWIN_HEALTH_CRITICAL);
    evtwin_table_free(current);
    evtwin_table *waiting = NULL;
    assert_int_equal(evtwin_store_unpredicted(store, 10, &waiting), EVTWIN_OK);
    add_prediction_columns(waiting);
    for (size_t i = 0; i < evtwin_table_rows(waiting); i++) {
        set_prediction(waiting, i, 500.0, 0.1);
    }
    assert_ok(evtwin_store_put_predictions(store, waiting, NULL, NULL));
    evtwin_table_free(waiting);
    assert_health(EVTWIN_HEALTH_CRITICAL, "soc 14 < 15");
}

static void assert_interval(double low, double high) {
    evtwin_table *current = current_of("A");
    const double interval_s = number_at(current, "arrival_interval_s", 0);
    if (!(interval_s >= low && interval_s <= high)) {
        fail_msg("%g s is not in %g to %g", interval_s, low, high);
    }
    evtwin_table_free(current);
}

static void how_often_rows_come(void **state) {
    (void)state;
    int64_t second = 0;
    for (int i = 0; i < 10; i++, now_us += 20 * SECOND) {
        insert_with(++second, "soc", 80.0);
    }
    assert_interval(19.9, 20.1);

    /* a burst within a second is one arrival; an hour away is no new rhythm */
    insert_with(++second, "soc", 80.0);
    now_us += SECOND / 10;
    insert_with(++second, "soc", 80.0);
    assert_interval(19.9, 20.1);
    now_us += 3600 * SECOND;
    insert_with(++second, "soc", 80.0);
    assert_interval(39.0, 41.0);

    /* what comes less often from now on is learned */
    for (int i = 0; i < 10; i++) {
        now_us += 600 * SECOND;
        insert_with(++second, "soc", 80.0);
    }
    assert_interval(599.0, 601.0);
}

/* Since when the oldest row waits for its prediction; when the last one came. */
static void what_waits(void **state) {
    (void)state;
    insert_with(1, "soc", 80.0);
    now_us += 10 * SECOND;
    insert_with(2, "soc", 80.0);
    evtwin_table *current = current_of("A");
    assert_true(i64_at(current, "waiting_since", 0) == t0);
    assert_true(i64_at(current, "arrived_at", 0) == t0 + 10 * SECOND);
    assert_false(has(current, "predicted_at", 0));
    evtwin_table_free(current);
    now_us += 5 * SECOND;
    predict(1, 500.0, 0.1);
    current = current_of("A");
    assert_true(i64_at(current, "waiting_since", 0) == t0 + 10 * SECOND);
    assert_true(i64_at(current, "predicted_at", 0) == t0 + 15 * SECOND);
    evtwin_table_free(current);
    predict(2, 500.0, 0.1);
    current = current_of("A");
    assert_false(has(current, "waiting_since", 0));
    evtwin_table_free(current);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SHARED_TEST(name) cmocka_unit_test_setup_teardown(name, setup_shared, teardown)
        TEST(near_a_limit_health_stays),
        TEST(a_limit_is_left_by_a_margin),
        TEST(what_is_missing_improves_nothing),
        TEST(since_is_the_row_that_changed_it),
        TEST(two_needs),
        SHARED_TEST(other_handles_remember),
        SHARED_TEST(a_health_begins_with_what_stands),
        SHARED_TEST(limits_and_rows_of_others),
        TEST(how_often_rows_come),
        TEST(what_waits),
    };
    return has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
