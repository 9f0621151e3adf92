/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_calibration.c: a calibrated probability keeps its word and its rank, counts
 * a battery once, and is left alone where too few batteries tell. */

#include "test.h"

#include "core/rng.h"
#include "learn/calibration.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS_EACH = 40 };

/* Events by their true log-odds, and forests that are `sure` times as sure. */
typedef struct sample {
    double *probability, *truth; /* (n) */
    int32_t *battery;
    size_t n;
} sample;

static double logistic(double x) {
    return 1.0 / (1.0 + exp(-x));
}

static sample make(size_t n_batteries, double sure, double shift, uint32_t seed) {
    const size_t n = n_batteries * ROWS_EACH;
    sample s = {malloc(n * sizeof(double)), malloc(n * sizeof(double)), malloc(n * sizeof(int32_t)),
                n};
    assert_true(s.probability != NULL && s.truth != NULL && s.battery != NULL);
    for (size_t i = 0; i < n; i++) {
        const evtwin__rng_block own = evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, 1, 0, i / ROWS_EACH);
        const evtwin__rng_block row = evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, 2, 0, i);
        const double odds =
            -1.5 + 0.5 * evtwin__rng_normal(own, 0) + 2.0 * evtwin__rng_normal(row, 0);
        s.probability[i] = (double)(float)logistic(sure * odds + shift);
        s.truth[i] = logistic(odds) > 0.5 + 0.5 * erf(evtwin__rng_normal(row, 1) / sqrt(2.0));
        s.battery[i] = (int32_t)(i / ROWS_EACH);
    }
    return s;
}

static void drop(sample *s) {
    free(s->probability);
    free(s->truth);
    free(s->battery);
}

static evtwin__calibration fitted(const sample *s) {
    evtwin__calibration c;
    assert_ok(evtwin__calibration_fit(s->probability, s->truth, s->battery, s->n, &c));
    return c;
}

static double brier(const sample *s, const evtwin__calibration *c) {
    double sum = 0.0;
    for (size_t i = 0; i < s->n; i++) {
        const double error = evtwin__calibrated(c, s->probability[i]) - s->truth[i];
        sum += error * error;
    }
    return sum / (double)s->n;
}

static void test_mends_what_is_too_sure(void **state) {
    (void)state;
    sample known = make(200, 2.0, 0.8, 1), unseen = make(400, 2.0, 0.8, 2);
    const evtwin__calibration c = fitted(&known), none = {0};
    assert_near(c.slope, 0.5, 0.08);   /* sure * slope = 1 */
    assert_near(c.offset, -0.4, 0.12); /* shift * slope + offset = 0 */
    assert_int_equal(c.n_batteries, 200);
    assert_int_equal(c.n_rows, 200 * ROWS_EACH);
    assert_true(brier(&unseen, &c) < 0.99 * brier(&unseen, &none));
    /* what is said to happen in so many of hundred happens in as many, band by band */
    for (double from = 0.0; from < 0.99; from += 0.2) {
        double said = 0.0, was = 0.0, n = 0.0;
        for (size_t i = 0; i < unseen.n; i++) {
            const double p = evtwin__calibrated(&c, unseen.probability[i]);
            const int is_in = p >= from && p < from + 0.2;
            said += is_in ? p : 0.0;
            was += is_in ? unseen.truth[i] : 0.0;
            n += is_in;
        }
        assert_true(n > 200.0);
        assert_near(said / n, was / n, 0.05);
    }
    drop(&known);
    drop(&unseen);
}

/* What is right stays nearly as it is. */
static void test_leaves_what_is_right(void **state) {
    (void)state;
    sample s = make(60, 1.0, 0.0, 3);
    const evtwin__calibration c = fitted(&s);
    assert_near(c.slope, 1.0, 0.12);
    assert_near(c.offset, 0.0, 0.12);
    drop(&s);
}

/* The order of probabilities stays, from the smallest float to 1. */
static void test_rank_stays(void **state) {
    (void)state;
    static const evtwin__calibration lines[] = {{.slope = EVTWIN__MIN_SLOPE, .offset = -3.0},
                                                {.slope = 0.6, .offset = 0.3},
                                                {.slope = 1.8, .offset = -0.1}};
    for (size_t k = 0; k < sizeof lines / sizeof lines[0]; k++) {
        double before = -1.0;
        for (double p = 1e-37; p < 1.0; p = p < 0.5 ? p * 1.7 : p + 0.03) {
            const double now = evtwin__calibrated(&lines[k], (double)(float)p);
            assert_true(now > before && now >= 0.0 && now <= 1.0);
            before = now;
        }
        assert_true(evtwin__calibrated(&lines[k], 1.0) > before);
        assert_true(evtwin__calibrated(&lines[k], 0.0) >= 0.0);
        assert_true(isnan(evtwin__calibrated(&lines[k], NAN)));
        const double margin = 0.7; /* of a forest, and of its probability */
        assert_near(evtwin__calibrated_margin(&lines[k], margin),
                    evtwin__calibrated(&lines[k], logistic(margin)), 1e-12);
    }
    const evtwin__calibration none = {0};
    assert_true(evtwin__calibrated(&none, 0.3) == 0.3 && evtwin__calibrated(&none, 0.0) == 0.0);
}

/* A battery with a hundred times the rows has the say of one. */
static void test_a_battery_counts_once(void **state) {
    (void)state;
    sample s = make(80, 1.0, 0.0, 4);
    const evtwin__calibration without = fitted(&s);
    sample more = make(80 + 100, 1.0, 0.0, 4);
    for (size_t i = s.n; i < more.n; i++) {
        more.battery[i] = 80;
        more.probability[i] = 0.02;
        more.truth[i] = 1.0;
    }
    const evtwin__calibration with = fitted(&more);
    assert_int_equal(with.n_batteries, 81);
    assert_near(with.slope, without.slope, 0.15);
    assert_near(with.offset, without.offset, 0.15);
    drop(&s);
    drop(&more);
}

static void test_too_few(void **state) {
    (void)state;
    sample s = make(40, 2.0, 0.0, 5);
    for (size_t i = 0; i < s.n; i++) { /* nine batteries fail */
        s.truth[i] = s.battery[i] < EVTWIN__CALIBRATION_ENOUGH - 1 ? s.truth[i] : 0.0;
    }
    const evtwin__calibration few = fitted(&s);
    assert_int_equal(evtwin__calibration_is_known(&few), 0);
    assert_int_equal(few.n_with, EVTWIN__CALIBRATION_ENOUGH - 1);
    assert_int_equal(few.n_without, 40);
    assert_true(evtwin__calibrated(&few, 0.9) == 0.9);

    /* left out: rows without a battery, or a value */
    for (size_t i = 0; i < s.n; i++) {
        s.battery[i] = i % 3 == 0 ? -1 : s.battery[i];
        s.probability[i] = i % 3 == 1 ? (double)NAN : s.probability[i];
        s.truth[i] = i % 3 == 2 ? (double)NAN : s.truth[i];
    }
    const evtwin__calibration none = fitted(&s);
    assert_int_equal(none.n_batteries, 0);
    assert_int_equal(none.n_rows, 0);
    assert_int_equal(fitted(&(sample){0}).n_rows, 0);
    drop(&s);
}

/* Told apart without an error, or not at all, or the wrong way round: no certainty, no turn. */
static void test_extremes(void **state) {
    (void)state;
    sample s = make(30, 1.0, 0.0, 6);
    for (int way = 0; way < 3; way++) {
        double rate = 0.0;
        for (size_t i = 0; i < s.n; i++) {
            const double right = s.truth[i] > 0.5 ? 1.0 : 0.0;
            s.probability[i] = way == 0 ? right : way == 1 ? 0.3 : 1.0 - right;
            rate += s.truth[i] / (double)s.n;
        }
        const evtwin__calibration c = fitted(&s);
        assert_true(isfinite(c.offset));
        assert_true(c.slope >= EVTWIN__MIN_SLOPE && c.slope <= EVTWIN__MAX_SLOPE);
        if (way == 1) {
            assert_near(evtwin__calibrated(&c, 0.3), rate, 0.03);
        }
        if (way == 2) { /* the base rate, whatever is predicted */
            assert_near(evtwin__calibrated(&c, 0.3), rate, 0.1);
            assert_true(evtwin__calibrated(&c, 0.99) > evtwin__calibrated(&c, 0.01));
        }
    }
    drop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mends_what_is_too_sure),
        cmocka_unit_test(test_leaves_what_is_right),
        cmocka_unit_test(test_rank_stays),
        cmocka_unit_test(test_a_battery_counts_once),
        cmocka_unit_test(test_too_few),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
