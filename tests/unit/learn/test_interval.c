/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_interval.c: intervals hold what they promise of batteries to come, follow
 * the predicted value, and count a battery once. */

#include "models.h"

#include "core/rng.h"
#include "learn/interval_json.h"

#include "coverage.h"

/* Batteries whose errors grow with the prediction, each with a bias of its own: truth is from 0 up
 * to its life, the error's deviation 5 + 0.2 * truth, half of it the battery's. */
static predicted make_batteries(int32_t n_batteries, size_t rows_each, uint32_t seed) {
    predicted p = predicted_alloc((size_t)n_batteries * rows_each);
    p.n_batteries = n_batteries;
    for (size_t i = 0; i < p.n; i++) {
        const size_t b = i / rows_each;
        const evtwin__rng_block own = evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, 1, 0, b);
        const evtwin__rng_block row = evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, 2, 0, i);
        const double life = 600.0 + 100.0 * evtwin__rng_normal(own, 0);
        const double noise = evtwin__rng_normal(own, 1) + evtwin__rng_normal(row, 0);
        p.battery[i] = (int32_t)b;
        p.truth[i] = life * (double)(rows_each - i % rows_each) / (double)rows_each;
        p.prediction[i] = fmax(p.truth[i] + (5.0 + 0.2 * p.truth[i]) * noise / sqrt(2.0), 0.0);
    }
    return p;
}

static evtwin__interval calibrated(const predicted *p) {
    evtwin__interval interval;
    assert_ok(
        evtwin__interval_calibrate(p->prediction, p->truth, p->battery, p->n, 0.90, &interval));
    return interval;
}

static double width_at(const evtwin__interval *interval, double prediction) {
    double low, high;
    evtwin__interval_around(interval, EVTWIN_COVERS_ON_AVERAGE, prediction, &low, &high);
    return high - low;
}

/* Pooled over seeds: a single calibration on few batteries is itself a sample. */
static void test_coverage_of_new_batteries(void **state) {
    (void)state;
    static const int32_t n_batteries[] = {30, 80, 200};
    enum { N_SEEDS = 8 };
    for (size_t i = 0; i < sizeof n_batteries / sizeof n_batteries[0]; i++) {
        covered c[EVTWIN__N_COVERAGES] = {0};
        for (uint32_t seed = 0; seed < N_SEEDS; seed++) {
            predicted known = make_batteries(n_batteries[i], 40, 2 * seed);
            predicted unseen = make_batteries(300, 40, 2 * seed + 1);
            const evtwin__interval interval = calibrated(&known);
            assert_int_equal(evtwin__interval_is_guess(&interval), 0);
            for (int k = 0; k < EVTWIN__N_COVERAGES; k++) {
                const covered one = cover(&interval, (evtwin_coverage)k, &unseen, NULL);
                c[k].mean += one.mean / N_SEEDS;
                c[k].at_0_80 += one.at_0_80 / N_SEEDS;
                c[k].width += one.width / N_SEEDS;
            }
            predicted_free(&known);
            predicted_free(&unseen);
        }
        print_message("%d batteries: mean %.3f, at 0.80 %.3f, width %.0f; each: %.3f, %.3f, %.0f\n",
                      n_batteries[i], c[0].mean, c[0].at_0_80, c[0].width, c[1].mean, c[1].at_0_80,
                      c[1].width);
        assert_true(c[0].mean >= 0.88 && c[0].mean <= (n_batteries[i] < 50 ? 0.96 : 0.94));
        assert_true(c[0].at_0_80 >= 0.84);
        assert_true(c[1].at_0_80 >= 0.92);
    }
}

/* What an error is at 50 is not what it is at 600. */
static void test_width_follows_the_prediction(void **state) {
    (void)state;
    predicted p = make_batteries(100, 40, 77);
    const evtwin__interval interval = calibrated(&p);
    assert_int_equal(interval.n_bands, 10);
    assert_true(width_at(&interval, 50.0) < 0.35 * width_at(&interval, 600.0));
    for (size_t b = 1; b < interval.n_bands; b++) {
        assert_true(interval.prediction[b] > interval.prediction[b - 1]);
    }
    /* no jumps; constant beyond the ends; never below 0, around the prediction */
    double before = width_at(&interval, 0.0);
    for (double x = 0.0; x < 1500.0; x += 1.0) {
        double low, high;
        evtwin__interval_around(&interval, EVTWIN_COVERS_EACH, x, &low, &high);
        assert_true(low >= 0.0 && low <= x && x <= high);
        assert_near(width_at(&interval, x), before, 5.0);
        before = width_at(&interval, x);
    }
    assert_near(width_at(&interval, 1e6), width_at(&interval, 1500.0), 1e-6);
    double low, high;
    evtwin__interval_around(&interval, EVTWIN_COVERS_ON_AVERAGE, NAN, &low, &high);
    assert_true(isnan(low) && isnan(high));
    predicted_free(&p);
}

/* Predictions that are all alike have bands at one value, whatever rounds: a manifest takes no
 * falling ones. */
static void test_equal_predictions(void **state) {
    (void)state;
    for (int k = 0; k < 40; k++) {
        predicted p = make_batteries(9 + k, 7, 3);
        for (size_t i = 0; i < p.n; i++) {
            p.prediction[i] = 100.1 + 0.37 * (double)k;
            p.battery[i] -= p.battery[i] > 2 && i % 7 < 3; /* of other numbers of rows each */
        }
        const evtwin__interval interval = calibrated(&p);
        json_t *json = evtwin__interval_json(&interval);
        evtwin__interval read;
        assert_ok(evtwin__interval_read("interval", json, &read));
        json_decref(json);
        predicted_free(&p);
    }
}

/* One battery with a hundred times the rows and errors has the say of one battery. */
static void test_a_battery_counts_once(void **state) {
    (void)state;
    predicted p = make_batteries(60, 40, 5);
    predicted more = predicted_alloc(p.n + 4000);
    for (size_t i = 0; i < more.n; i++) {
        const size_t of = i < p.n ? i : i % 40;
        more.prediction[i] = p.prediction[of];
        more.truth[i] = i < p.n ? p.truth[of] : p.truth[of] + 1000.0;
        more.battery[i] = i < p.n ? p.battery[of] : 60;
    }
    const evtwin__interval without = calibrated(&p), with = calibrated(&more);
    assert_int_equal(with.n_batteries, 61);
    assert_int_equal(with.n_rows, more.n);
    assert_true(width_at(&with, 300.0) < 1.5 * width_at(&without, 300.0));
    predicted_free(&more);
    predicted_free(&p);
}

/* Neither the order of the rows nor the numbers of the batteries matter, nor rows without a value.
 */
static void test_order_and_gaps(void **state) {
    (void)state;
    predicted p = make_batteries(40, 30, 6), other = predicted_alloc(p.n + 3);
    for (size_t i = 0; i < p.n; i++) {
        other.prediction[i] = p.prediction[p.n - 1 - i];
        other.truth[i] = p.truth[p.n - 1 - i];
        other.battery[i] = 1000 + 7 * p.battery[p.n - 1 - i];
    }
    for (size_t i = p.n; i < other.n; i++) {
        other.prediction[i] = i == p.n ? NAN : 5.0;
        other.truth[i] = i == p.n + 1 ? INFINITY : 500.0;
        other.battery[i] = i == p.n + 2 ? -1 : 3;
    }
    const evtwin__interval a = calibrated(&p), b = calibrated(&other);
    assert_int_equal(a.n_rows, b.n_rows);
    assert_int_equal(a.n_batteries, b.n_batteries);
    assert_int_equal(a.n_bands, b.n_bands);
    for (double x = 0.0; x < 700.0; x += 50.0) {
        assert_near(width_at(&a, x), width_at(&b, x), 1e-9);
    }
    predicted_free(&other);
    predicted_free(&p);
}

static void test_few_batteries(void **state) {
    (void)state;
    for (int32_t n = 2; n <= 21; n++) {
        predicted p = make_batteries(n, 30, 7);
        const evtwin__interval interval = calibrated(&p);
        assert_int_equal(evtwin__interval_is_guess(&interval), n < 20);
        assert_true(interval.n_bands >= 1);
        /* of what it is made from it covers what it says */
        assert_true(cover(&interval, EVTWIN_COVERS_ON_AVERAGE, &p, NULL).mean >= 0.85);
        predicted_free(&p);
    }
}

static void test_refusals(void **state) {
    (void)state;
    predicted p = make_batteries(1, 30, 8);
    evtwin__interval interval = {.n_rows = 7};
    assert_fails(evtwin__interval_calibrate(p.prediction, p.truth, p.battery, p.n, 0.9, &interval),
                 EVTWIN_E_DATA, "1|2");
    assert_fails(evtwin__interval_calibrate(p.prediction, p.truth, p.battery, 0, 0.9, &interval),
                 EVTWIN_E_DATA, "0|2");
    assert_fails(evtwin__interval_calibrate(p.prediction, p.truth, p.battery, p.n, 1.0, &interval),
                 EVTWIN_E_ARG, "level");
    assert_fails(evtwin__interval_calibrate(p.prediction, p.truth, p.battery, p.n, NAN, &interval),
                 EVTWIN_E_ARG, "level");
    for (size_t i = 0; i < p.n; i++) {
        p.battery[i] = (int32_t)(i % 3);
    }
    assert_fails(evtwin__interval_calibrate(p.truth, p.truth, p.battery, p.n, 0.9, &interval),
                 EVTWIN_E_DATA, "exact");
    assert_int_equal(interval.n_rows, 7);
    /* a single error among exact predictions is no reason for infinity */
    p.prediction[0] = p.truth[0] + 1.0;
    for (size_t i = 1; i < p.n; i++) {
        p.prediction[i] = p.truth[i];
    }
    interval = calibrated(&p);
    assert_true(isfinite(width_at(&interval, 100.0)) && width_at(&interval, 100.0) > 0.0);
    predicted_free(&p);
}

static void test_out_of_memory(void **state) {
    (void)state;
    predicted p = make_batteries(30, 10, 9);
    evtwin__interval interval;
    for (size_t fail_at = 0;; fail_at++) {
        counting_allocator a = {.fail_at = fail_at};
        evtwin_set_allocator(counting_realloc, &a);
        const evtwin_status st =
            evtwin__interval_calibrate(p.prediction, p.truth, p.battery, p.n, 0.9, &interval);
        evtwin_set_allocator(NULL, NULL);
        assert_int_equal(a.outstanding, 0);
        if (st == EVTWIN_OK) {
            break;
        }
        assert_int_equal(st, EVTWIN_E_NOMEM);
        assert_true(fail_at < 10);
    }
    predicted_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage_of_new_batteries),
        cmocka_unit_test(test_width_follows_the_prediction),
        cmocka_unit_test(test_equal_predictions),
        cmocka_unit_test(test_a_battery_counts_once),
        cmocka_unit_test(test_order_and_gaps),
        cmocka_unit_test(test_few_batteries),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
