/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_score.c: scores against hand-made and brute-force figures. */

#include "test.h"

#include "learn/score.h"

#include "fail_nth.h"

static void test_numbers(void **state) {
    (void)state;
    /* scikit-learn's r2_score example: 0.9486081370449679; errors 0.5 0.5 0 -1 */
    const double truth[] = {3, -0.5, 2, 7}, predicted[] = {2.5, 0.0, 2, 8};
    evtwin_score s = evtwin__score_unknown();
    assert_ok(evtwin__score(EVTWIN_TARGET_NUMBER, truth, predicted, 4, &s));
    assert_near(s.r2, 0.9486081370449679, 1e-15);
    assert_near(s.rmse, sqrt(1.5 / 4.0), 1e-15);
    assert_near(s.mae, 0.5, 1e-15);
}

static void test_numbers_undefined(void **state) {
    (void)state;
    const double equal[] = {0.1, 0.1, 0.1}, predicted[] = {0.1, 0.2, NAN};
    evtwin_score s = evtwin__score_unknown();
    assert_ok(evtwin__score(EVTWIN_TARGET_NUMBER, equal, predicted, 2, &s));
    assert_true(isnan(s.r2));
    assert_near(s.mae, 0.05, 1e-15);
    assert_ok(evtwin__score(EVTWIN_TARGET_NUMBER, equal, predicted, 3, &s));
    assert_true(isnan(s.rmse) && isnan(s.mae));
    assert_ok(evtwin__score(EVTWIN_TARGET_NUMBER, equal, predicted, 0, &s));
    assert_true(isnan(s.r2) && isnan(s.rmse) && isnan(s.mae));
}

static void test_classes(void **state) {
    (void)state;
    /* scikit-learn's example: AUC 0.75, average precision 0.8333… */
    const double truth[] = {0, 0, 1, 1}, predicted[] = {0.1, 0.4, 0.35, 0.8};
    evtwin_score s;
    assert_ok(evtwin__score(EVTWIN_TARGET_EVENT, truth, predicted, 4, &s));
    assert_near(s.auc, 0.75, 1e-15);
    assert_near(s.average_precision, 0.5 * 2.0 / 3.0 + 0.5, 1e-15);
    assert_near(s.accuracy, 0.75, 1e-15);
    assert_near(s.brier, (0.01 + 0.16 + 0.4225 + 0.04) / 4.0, 1e-15);
}

static void test_ties_do_not_depend_on_order(void **state) {
    (void)state;
    /* all predictions equal: no ranking at all */
    const double truth[] = {1, 0, 0, 0, 1}, same[] = {0.5, 0.5, 0.5, 0.5, 0.5};
    evtwin_score s;
    assert_ok(evtwin__score(EVTWIN_TARGET_EVENT, truth, same, 5, &s));
    assert_near(s.auc, 0.5, 1e-15);
    assert_near(s.average_precision, 0.4, 1e-15);
    assert_near(s.accuracy, 0.6, 1e-15); /* 0.5 is not above 0.5 */
}

/* AUC by its meaning: the share of pairs in the right order, ties counting half. */
static void test_auc_against_pairs(void **state) {
    (void)state;
    enum { N = 301 };
    double truth[N], predicted[N];
    uint32_t x = 12345;
    for (size_t i = 0; i < N; i++) {
        x = x * 1664525u + 1013904223u;
        truth[i] = (x >> 24) % 5 == 0;
        predicted[i] = (double)((x >> 8) % 40) / 40.0 + 0.1 * truth[i];
    }
    double n_right = 0.0, n_pairs = 0.0;
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            if (truth[i] > truth[j]) {
                n_pairs += 1.0;
                n_right += predicted[i] > predicted[j]    ? 1.0
                           : predicted[i] == predicted[j] ? 0.5
                                                          : 0.0;
            }
        }
    }
    evtwin_score s;
    assert_ok(evtwin__score(EVTWIN_TARGET_EVENT, truth, predicted, N, &s));
    assert_near(s.auc, n_right / n_pairs, 1e-12);
}

static void test_classes_undefined(void **state) {
    (void)state;
    const double zeros[] = {0, 0}, predicted[] = {0.2, NAN};
    evtwin_score s;
    assert_ok(evtwin__score(EVTWIN_TARGET_EVENT, zeros, predicted, 1, &s));
    assert_true(isnan(s.auc) && isnan(s.average_precision));
    assert_near(s.brier, 0.04, 1e-15);
    assert_ok(evtwin__score(EVTWIN_TARGET_EVENT, zeros, predicted, 2, &s));
    assert_true(isnan(s.brier) && isnan(s.accuracy));
    assert_ok(evtwin__score(EVTWIN_TARGET_EVENT, zeros, predicted, 0, &s));
    assert_true(isnan(s.auc) && isnan(s.brier));
}

static evtwin_status score_once(void *ctx) {
    (void)ctx;
    const double truth[] = {0, 1}, predicted[] = {0.2, 0.3};
    evtwin_score s;
    return evtwin__score(EVTWIN_TARGET_EVENT, truth, predicted, 2, &s);
}

static void test_out_of_memory(void **state) {
    (void)state;
    assert_int_equal(fail_every_allocation(score_once, NULL), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_numbers_undefined),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_ties_do_not_depend_on_order),
        cmocka_unit_test(test_auc_against_pairs),
        cmocka_unit_test(test_classes_undefined),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
