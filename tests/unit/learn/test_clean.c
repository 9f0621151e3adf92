/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_clean.c: forward fill within a group, outliers by the interquartile rule.
 */

#include "test.h"

#include "learn/clean.h"

#include "fail_nth.h"

static evtwin_table *table_with(evtwin_type type, const double *v, size_t rows) {
    evtwin_table *t;
    size_t col;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, rows));
    assert_ok(evtwin_table_add_column(t, "v", type, NULL, &col));
    for (size_t r = 0; r < rows; r++) {
        if (!isnan(v[r])) {
            assert_ok(type == EVTWIN_F64   ? evtwin_table_set_f64(t, col, r, v[r])
                      : type == EVTWIN_I64 ? evtwin_table_set_i64(t, col, r, (int64_t)v[r])
                                           : evtwin_table_set_bool(t, col, r, v[r] != 0.0));
        }
    }
    return t;
}

static void test_fills_forward_within_a_group_only(void **state) {
    (void)state;
    /* two groups, their rows mixed; numbers of groups need not be small */
    const double v[] = {NAN, 5, NAN, NAN, 7, NAN, NAN, 9};
    const int32_t group[] = {2000000000, 3, 2000000000, 3, 2000000000, 3, 2000000000, 2000000000};
    const double expected[] = {NAN, 5, NAN, 5, 7, 5, 7, 9};
    for (evtwin_type type = EVTWIN_F64; type <= EVTWIN_I64; type++) {
        evtwin_table *t = table_with(type, v, 8);
        evtwin_clean_report report;
        assert_ok(evtwin_clean(t, 0, group, 8, &report, sizeof report));
        assert_int_equal(report.n_filled, 3);
        assert_int_equal(report.n_missing, 2);
        for (size_t r = 0; r < 8; r++) {
            assert_int_equal(evtwin_table_is_valid(t, 0, r), !isnan(expected[r]));
            if (!isnan(expected[r])) {
                assert_near(evtwin_table_number(t, 0, r), expected[r], 0.0);
            }
        }
        evtwin_table_free(t);
    }
}

static void test_fills_truth_values(void **state) {
    (void)state;
    const double v[] = {1, NAN, 0, NAN};
    const int32_t group[] = {0, 0, 0, 0};
    evtwin_table *t = table_with(EVTWIN_BOOL, v, 4);
    evtwin_clean_report report;
    assert_ok(evtwin_clean(t, 0, group, 4, &report, sizeof report));
    assert_near(evtwin_table_number(t, 0, 1), 1.0, 0.0);
    assert_near(evtwin_table_number(t, 0, 3), 0.0, 0.0);
    evtwin_table_free(t);
}

static void test_counts_outliers_and_keeps_them(void **state) {
    (void)state;
    /* NumPy: quartiles of 1…9, 100 are 3.25 and 7.75, so the limits are -3.5 and 14.5 */
    double v[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 100};
    const int32_t group[10] = {0};
    evtwin_table *t = table_with(EVTWIN_F64, v, 10);
    evtwin_clean_report report;
    assert_ok(evtwin_clean(t, 0, group, 10, &report, sizeof report));
    assert_int_equal(report.n_outliers, 1);
    assert_near(evtwin_table_number(t, 0, 9), 100.0, 0.0);
    evtwin_table_free(t);

    size_t order[10];
    double scratch[10];
    for (size_t i = 0; i < 10; i++) {
        order[i] = i;
    }
    v[9] = 14.5;
    assert_int_equal(evtwin__count_outliers(v, 1, order, 10, scratch), 0);
    v[9] = 14.6;
    v[8] = NAN; /* quartiles of 1…8, 14.6: 3 and 7; limits -3 and 13 */
    assert_int_equal(evtwin__count_outliers(v, 1, order, 10, scratch), 1);
    assert_int_equal(evtwin__count_outliers(v, 1, order, 0, scratch), 0);
    assert_int_equal(evtwin__count_outliers(v, 1, order, 1, scratch), 0);
}

static void test_refuses(void **state) {
    (void)state;
    const double v[] = {1, 2};
    int32_t group[] = {0, 0};
    evtwin_clean_report report = {.size = 77};
    evtwin_table *t = table_with(EVTWIN_F64, v, 2);
    size_t text;
    assert_ok(evtwin_table_add_column(t, "text", EVTWIN_TEXT, NULL, &text));
    assert_fails(evtwin_clean(t, text, group, 2, &report, sizeof report), EVTWIN_E_SCHEMA,
                 "'text'");
    assert_fails(evtwin_clean(t, 5, group, 2, &report, sizeof report), EVTWIN_E_SCHEMA, "column 5");
    assert_fails(evtwin_clean(t, 0, group, 1, &report, sizeof report), EVTWIN_E_ARG,
                 "1 groups for 2 rows");
    group[1] = -1;
    assert_fails(evtwin_clean(t, 0, group, 2, &report, sizeof report), EVTWIN_E_ARG, "row 2");
    assert_int_equal(report.size, 77);
    evtwin_table_free(t);
}

static void test_no_rows(void **state) {
    (void)state;
    evtwin_table *t = table_with(EVTWIN_F64, NULL, 0);
    evtwin_clean_report report;
    const int32_t group[1] = {0};
    assert_ok(evtwin_clean(t, 0, group, 0, &report, sizeof report));
    assert_int_equal(report.n_filled + report.n_missing + report.n_outliers, 0);
    evtwin_table_free(t);
}

static evtwin_status clean_once(void *ctx) {
    const int32_t group[] = {0, 0};
    evtwin_clean_report report;
    return evtwin_clean(ctx, 0, group, 2, &report, sizeof report);
}

static void test_out_of_memory(void **state) {
    (void)state;
    const double v[] = {1, 2};
    evtwin_table *t = table_with(EVTWIN_F64, v, 2);
    assert_int_equal(fail_every_allocation(clean_once, t), 2);
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_forward_within_a_group_only),
        cmocka_unit_test(test_fills_truth_values),
        cmocka_unit_test(test_counts_outliers_and_keeps_them),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
