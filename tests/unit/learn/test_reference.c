/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_reference.c: histograms of the training data, and what a month and an age
 * add to their index. */

#include "test.h"

#include "learn/drift.h"
#include "learn/reference.h"

#include <math.h>

enum { ROWS = 36000 };
static double v[ROWS];
static uint8_t month[ROWS], life[ROWS];

static evtwin__histogram fit(const uint8_t *by_month, const uint8_t *by_life, size_t n) {
    evtwin__histogram h;
    assert_ok(evtwin__histogram_fit(v, by_month, by_life, n, &h));
    return h;
}

/* Shares that a reader takes, whatever the number of rows: of a constant exactly 1. */
static void test_constant(void **state) {
    (void)state;
    for (size_t n = 1; n < ROWS; n = 3 * n + 7) {
        for (size_t k = 0; k < n; k++) {
            v[k] = 230.0;
        }
        const evtwin__histogram h = fit(NULL, NULL, n);
        assert_int_equal(h.n_bins, 1);
        assert_true(h.share[0] == 1.0 && isnan(h.month_psi) && isnan(h.life_psi));
    }
}

static void test_bins(void **state) {
    (void)state;
    for (size_t k = 0; k < ROWS; k++) {
        v[k] = k % 100 < 50 ? 0.0 : (double)(k % 100); /* half of the rows are 0 */
    }
    v[7] = NAN;
    evtwin__histogram h = fit(NULL, NULL, ROWS);
    assert_int_equal(h.n_bins, 6);
    double sum = 0.0;
    for (size_t b = 0; b < h.n_bins; b++) {
        sum += h.share[b];
        assert_true(b + 2 >= h.n_bins || h.edge[b] < h.edge[b + 1]);
    }
    assert_true(fabs(sum - 1.0) < 1e-12 && fabs(h.share[0] - 0.5) < 1e-4);
    assert_int_equal(evtwin__histogram_bin(&h, -1e9), 0);
    assert_int_equal(evtwin__histogram_bin(&h, h.edge[0]), 1);
    assert_int_equal(evtwin__histogram_bin(&h, 1e9), 5);

    /* the definition, with one bin empty */
    const double count[EVTWIN__HISTOGRAM_BINS] = {100, 20, 20, 20, 40, 0};
    double psi = 0.0;
    for (size_t b = 0; b < h.n_bins; b++) {
        const double p = count[b] > 0 ? count[b] / 200 : 1e-4;
        psi += (p - h.share[b]) * log(p / h.share[b]);
    }
    assert_true(fabs(evtwin__histogram_psi(&h, count) - psi) < 1e-9);

    /* nothing known */
    for (size_t k = 0; k < 50; k++) {
        v[k] = NAN;
    }
    h = fit(NULL, NULL, 50);
    assert_int_equal(h.n_bins, 0);
}

/* A value that follows the season, or the age, differs by twelfth; one that does not, does not. */
static void test_twelfths(void **state) {
    (void)state;
    for (size_t k = 0; k < ROWS; k++) {
        month[k] = (uint8_t)(k % 12);
        life[k] = (uint8_t)(k * 12 / ROWS);
        v[k] = month[k] + 1e-3 * (double)(k / 12 % 100);
    }
    evtwin__histogram h = fit(month, life, ROWS);
    assert_true(h.month_psi > 4.0 && h.life_psi < 0.05);
    for (size_t k = 0; k < ROWS; k++) {
        v[k] = (double)k;
    }
    h = fit(month, life, ROWS);
    assert_true(h.month_psi < 0.05 && h.life_psi > 4.0);
    h = fit(month, life, 240); /* too few rows of each to say */
    assert_true(isnan(h.month_psi));
}

/* A bundle may say of power what no battery has: its words are of finite numbers. */
static void test_power_of_nothing(void **state) {
    (void)state;
    evtwin__bundle b = {.curve = {.resistance_ohm = NAN, .power_factor = 2.3e-308}};
    const evtwin__sums s = {.n_power = 1000.0, .n_power_off = 1000.0, .log_power = 12e3};
    evtwin__drift found[EVTWIN__N_TOGETHER];
    assert_int_equal(evtwin__drift_of_sums(&b, &s, 1, 1, found), 1);
    assert_int_equal(found[0].cause, EVTWIN__DRIFT_POWER);
    assert_non_null(strstr(found[0].text, "e308 times voltage x current"));
}

/* A bundle may have a curve, and not the features for it: nothing beside the row is read. */
static void test_curve_without_features(void **state) {
    (void)state;
    evtwin__curve c = {.is_known = 1, .resistance_ohm = NAN, .power_factor = NAN};
    const double around[] = {50.0, 60.0, 370.0, 12.0, 50.0}, *x = around + 1;
    const evtwin__places all = {0, 1, 2, EVTWIN_NO_COLUMN};
    assert_near(evtwin__curve_rest(&c, &all, x), 370.0, 1e-9);
    for (int lacks = 0; lacks < 3; lacks++) {
        evtwin__places at = all;
        *(lacks == 0 ? &at.soc : lacks == 1 ? &at.voltage : &at.current) = EVTWIN_NO_COLUMN;
        assert_true(isnan(evtwin__curve_rest(&c, &at, x)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_bins),
        cmocka_unit_test(test_twelfths),
        cmocka_unit_test(test_power_of_nothing),
        cmocka_unit_test(test_curve_without_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
