/* SPDX-License-Identifier: MIT */
/* A thinned history says of each part of the time what its rows say. */

#include "store_kinds.h"
#include "store_rows.h"

#include "store/buckets.h"

#include <math.h>

static char store_uri[320];

static double ask(const char *sql) {
    return ask_sql(store_uri, sql);
}

static evtwin_buckets_options options_of(int64_t from_us, int64_t to_us, size_t max_buckets,
                                         const char *quantities) {
    evtwin_buckets_options options;
    assert_ok(evtwin_buckets_options_init(&options, sizeof options));
    options.from_us = from_us;
    options.to_us = to_us;
    options.max_buckets = max_buckets;
    options.quantities = quantities;
    return options;
}

static void assert_same(double is, double must, const char *sql) {
    if (isnan(is) != isnan(must) || fabs(is - must) > 1e-12 * fmax(1.0, fabs(must))) {
        fail_msg("%.17g, but %s is %.17g", is, sql, must);
    }
}

/* Compare a quantity of an answer with what another program's functions say. */
static void assert_quantity(const evtwin_table *t, size_t row, const char *where, const char *q) {
    static const char *const functions[][2] = {{"min", "min"}, {"avg", "mean"}, {"max", "max"}};
    for (size_t i = 0; i < 3; i++) {
        char name[80], sql[400];
        snprintf(name, sizeof name, "%s_%s", q, functions[i][1]);
        snprintf(sql, sizeof sql, "SELECT %s(%s) %s", functions[i][0], q, where);
        assert_same(number_at(t, name, row), ask(sql), sql);
    }
}

/* What the store says of [from, to] is what its rows say; returns the number of its buckets. */
static size_t assert_buckets(evtwin_store *store, const char *id, int64_t from_us, int64_t to_us,
                             size_t max_buckets) {
    const evtwin_buckets_options options = options_of(from_us, to_us, max_buckets, NULL);
    evtwin_table *t = NULL;
    int64_t width_us = 0, n_rows = 0;
    assert_ok(evtwin_store_buckets(store, id, &options, &t, &width_us));
    assert_true(evtwin_table_rows(t) <= max_buckets && width_us > 0);
    for (size_t row = 0; row < evtwin_table_rows(t); row++) {
        const int64_t begin_us = i64_at(t, "time", row);
        assert_true(row == 0 || begin_us > i64_at(t, "time", row - 1));
        assert_true(begin_us % width_us == 0);
        char begin[EVTWIN_TIME_TEXT_SIZE], end[EVTWIN_TIME_TEXT_SIZE], where[300], sql[400];
        assert_ok(evtwin_time_format(begin_us < from_us ? from_us : begin_us, begin, sizeof begin));
        const int64_t end_us = begin_us + width_us - 1;
        assert_ok(evtwin_time_format(end_us > to_us ? to_us : end_us, end, sizeof end));
        snprintf(where, sizeof where,
                 "FROM ev_telemetry WHERE battery_id = '%s' AND time BETWEEN '%s' AND '%s'", id,
                 begin, end);
        snprintf(sql, sizeof sql, "SELECT count(*) %s", where);
        assert_same((double)i64_at(t, "n", row), ask(sql), sql);
        assert_quantity(t, row, where, "soc");
        assert_quantity(t, row, where, "voltage");
        assert_quantity(t, row, where, "charge_cycles");
        assert_quantity(t, row, where, "rul_prediction");
        n_rows += i64_at(t, "n", row);
    }
    char from[EVTWIN_TIME_TEXT_SIZE], to[EVTWIN_TIME_TEXT_SIZE], sql[400];
    assert_ok(evtwin_time_format(from_us, from, sizeof from));
    assert_ok(evtwin_time_format(to_us, to, sizeof to));
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM ev_telemetry WHERE battery_id = '%s' AND time BETWEEN '%s' AND"
             " '%s'",
             id, from, to);
    assert_same((double)n_rows, ask(sql), sql);
    const size_t n = evtwin_table_rows(t);
    evtwin_table_free(t);
    return n;
}

/* Rows a minute apart with pauses, some of them predicted. */
static void fill(evtwin_store *store, const char *id, size_t n) {
    evtwin_table *table = empty_rows();
    add_prediction_columns(table);
    for (size_t i = 0; i < n; i++) {
        const int64_t pause_us = i > n / 2 ? 5 * 3600 * SECOND : 0;
        add_row(table, id, t0 + (int64_t)i * 60 * SECOND + pause_us + (int64_t)i, (int64_t)i);
        if (i % 3 == 0) {
            set_prediction(table, i, 500.0 - (double)i, 0.25);
        }
    }
    insert_new(store, table);
}

static void test_equal_to_rows(void **state) {
    (void)state;
    snprintf(store_uri, sizeof store_uri, "%s", fresh_uri("buckets.db"));
    evtwin_store *store = open_store(store_uri);
    fill(store, "B1", 300);
    fill(store, "B2", 10);
    const int64_t end_us = t0 + 11 * 3600 * SECOND;
    assert_true(assert_buckets(store, "B1", t0, end_us, 500) > 100);
    assert_true(assert_buckets(store, "B1", t0, end_us, 20) > 5);
    assert_int_equal(assert_buckets(store, "B1", t0, end_us, 2), 2);
    assert_true(assert_buckets(store, "B1", t0 + 77 * SECOND, t0 + 9999 * SECOND + 7, 50) > 10);
    assert_int_equal(assert_buckets(store, "B1", t0, t0, 5), 1);
    assert_int_equal(assert_buckets(store, "B2", t0 - 400 * DAY, end_us + 40000 * DAY, 500), 1);
    evtwin_store_free(store);
}

/* A quantity that was never measured is missing in all three, and only those asked for are given.
 */
static void test_quantities(void **state) {
    (void)state;
    evtwin_store *store = open_store(scratch_uri());
    insert_new(store, some_rows("B1", 0, 100));
    evtwin_table *t = NULL;
    evtwin_buckets_options options =
        options_of(t0, t0 + 99 * SECOND, 10, "rul_low,soc,soc,charge_cycles");
    assert_ok(evtwin_store_buckets(store, "B1", &options, &t, NULL));
    assert_int_equal(evtwin_table_cols(t), 2 + 3 * 3);
    assert_int_equal(evtwin_table_rows(t), 10);
    assert_string_equal(evtwin_table_name(t, 2), "rul_low_min");
    assert_string_equal(evtwin_table_unit(t, need(t, "soc_mean")), "percent");
    for (size_t col = 2; col < 5; col++) {
        assert_false(evtwin_table_is_valid(t, col, 0));
    }
    assert_near(number_at(t, "soc_max", 1), 85.0 - 0.010, 1e-12);
    assert_near(number_at(t, "soc_min", 1), 85.0 - 0.019, 1e-12);
    assert_near(number_at(t, "charge_cycles_mean", 9), 159.0, 0.0);
    evtwin_table_free(t);

    options.quantities = NULL;
    assert_ok(evtwin_store_buckets(store, "B1", &options, &t, NULL));
    assert_true(evtwin_table_find(t, "sim_time_s_max") != EVTWIN_NO_COLUMN);
    assert_true(evtwin_table_find(t, "seq_max") == EVTWIN_NO_COLUMN);
    assert_true(evtwin_table_find(t, "quality_max") == EVTWIN_NO_COLUMN);
    assert_true(evtwin_table_find(t, "revision_max") == EVTWIN_NO_COLUMN);
    evtwin_table_free(t);
    evtwin_store_free(store);
}

static void test_refusals(void **state) {
    (void)state;
    evtwin_store *store = open_store(scratch_uri());
    insert_new(store, some_rows("B1", 0, 10));
    evtwin_table *t = (evtwin_table *)&t;
    evtwin_buckets_options options = options_of(t0, t0 + DAY, 10, NULL);
    assert_int_equal(evtwin_store_buckets(store, "B2", &options, &t, NULL), EVTWIN_DONE);
    assert_null(t);
    options = options_of(t0 + DAY, t0 + 2 * DAY, 10, NULL);
    assert_int_equal(evtwin_store_buckets(store, "B1", &options, &t, NULL), EVTWIN_DONE);

    static const char *const bad[] = {"",           "soc,",      ",soc",       "seq", "revision",
                                      "battery_id", "SOC",       "soc;DROP",   "so",  "soc ",
                                      "rul",        "truth_soh", "is_charging"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        options = options_of(t0, t0 + DAY, 10, bad[i]);
        assert_fails(evtwin_store_buckets(store, "B1", &options, &t, NULL), EVTWIN_E_ARG,
                     "voltage, current");
    }
    options = options_of(t0 + 1, t0, 10, NULL);
    assert_fails(evtwin_store_buckets(store, "B1", &options, &t, NULL), EVTWIN_E_ARG, "from");
    options = options_of(t0, t0 + 1, 1, NULL);
    assert_fails(evtwin_store_buckets(store, "B1", &options, &t, NULL), EVTWIN_E_ARG,
                 "max_buckets 1");
    options = options_of(t0, t0 + 1, 10001, NULL);
    assert_fails(evtwin_store_buckets(store, "B1", &options, &t, NULL), EVTWIN_E_ARG, "10000");
    options = options_of(t0, t0 + 1, 10, NULL);
    assert_fails(evtwin_store_buckets(store, "B 1", &options, &t, NULL), EVTWIN_E_ARG, "B 1");
    assert_fails(evtwin_store_buckets(store, "B1", &options, NULL, NULL), EVTWIN_E_ARG, "out");
    assert_fails(evtwin_store_buckets(NULL, "B1", &options, &t, NULL), EVTWIN_E_ARG, "store");
    evtwin_store_free(store);
}

/* Widths are round, never give too many parts, and are no larger than needed for that. */
static void test_widths(void **state) {
    (void)state;
    const struct {
        int64_t span_s;
        size_t points;
        int64_t width_ms;
    } cases[] = {{3600, 500, 10000},
                 {86400, 500, 180000},
                 {7 * 86400, 500, 1800000},
                 {30 * 86400, 500, 7200000},
                 {366 * 86400, 500, 86400000},
                 {1, 500, 4},
                 {60, 2, 60000},
                 {3650 * 86400, 100, INT64_C(37) * 86400000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        evtwin__buckets b;
        const evtwin_buckets_options options =
            options_of(t0, t0 + cases[i].span_s * SECOND, cases[i].points, NULL);
        assert_ok(evtwin__buckets_cut(&options, &b));
        assert_true(b.n <= cases[i].points);
        if (b.width_us != cases[i].width_ms * 1000) {
            fail_msg("%d s in %zu: %lld us", (int)cases[i].span_s, cases[i].points,
                     (long long)b.width_us);
        }
    }
    /* all of time, and before 1970 */
    evtwin__buckets b;
    evtwin_buckets_options options = options_of(INT64_MIN, INT64_MAX, 2, NULL);
    assert_ok(evtwin__buckets_cut(&options, &b));
    assert_true(b.n <= 2 && b.first_us <= b.from_us);
    options = options_of(-90 * SECOND, 10 * SECOND, 10, NULL);
    assert_ok(evtwin__buckets_cut(&options, &b));
    assert_true(b.first_us % b.width_us == 0 && b.first_us <= -90 * SECOND);
}

#ifdef HAVE_SQLITE
/* Rows of another program whose times have another form count where they belong, or not at all. */
static void test_other_forms(void **state) {
    (void)state;
    only_on_sqlite();
    snprintf(store_uri, sizeof store_uri, "%s", fresh_uri("forms.db"));
    evtwin_store *store = open_store(store_uri);
    insert_new(store, some_rows("B1", 0, 60));
    run_sql(store_uri,
            "INSERT INTO ev_telemetry (time, battery_id, soc, seq, status, created_at,"
            " revision) VALUES ('2026-01-01 00:00:30.000000Z', 'B1', 1.0, 1000, 'NORMAL', '',"
            " 1000), ('2026-01-01Tneverneverneverx', 'B1', 2.0, 1001, 'NORMAL', '', 1001)");
    evtwin_table *t = NULL;
    const evtwin_buckets_options options = options_of(t0 - DAY, t0 + DAY, 10000, "soc");
    int64_t width_us = 0;
    assert_ok(evtwin_store_buckets(store, "B1", &options, &t, &width_us));
    assert_int_equal(width_us, 20 * SECOND);
    assert_int_equal(evtwin_table_rows(t), 3);
    assert_int_equal(i64_at(t, "n", 1), 21);
    assert_near(number_at(t, "soc_min", 1), 1.0, 0.0);
    assert_int_equal(i64_at(t, "n", 0) + i64_at(t, "n", 2), 40);
    evtwin_table_free(t);
    evtwin_store_free(store);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_to_rows), cmocka_unit_test(test_quantities),
        cmocka_unit_test(test_refusals),      cmocka_unit_test(test_widths),
#ifdef HAVE_SQLITE
        cmocka_unit_test(test_other_forms),
#endif
    };
    return has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
