/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_baseline.c: baselines, and the bootstrap that compares with them. */

#include "test.h"

#include "learn/baseline.h"
#include "learn/score.h"

#include "fail_nth.h"

enum { N_ROWS = 2000, N_GROUPS = 20, N_COLS = 3 };

/* 20 groups of 100 rows: feature 1 tells y but for a little noise, feature 0 is noise, 2 is
 * constant. */
typedef struct fixture {
    double x[N_ROWS * N_COLS], y[N_ROWS], cycles[N_ROWS];
    int32_t group[N_ROWS];
    size_t train[N_ROWS], test[N_ROWS];
    evtwin__part part;
} fixture;

static double noise(uint32_t *x) {
    *x = *x * 1664525u + 1013904223u;
    return (double)(*x >> 8) / 16777216.0 - 0.5;
}

static fixture *make_fixture(void) {
    static fixture f;
    uint32_t seed = 7;
    f.part = (evtwin__part){.x = f.x,
                            .cols = N_COLS,
                            .y = f.y,
                            .group_of_row = f.group,
                            .n_groups = N_GROUPS,
                            .train = f.train,
                            .test = f.test};
    for (size_t r = 0; r < N_ROWS; r++) {
        const size_t g = r / 100, k = r % 100;
        f.group[r] = (int32_t)g;
        f.cycles[r] = (double)k;
        f.y[r] = 99.0 + (double)g - (double)k; /* life = 99 + g */
        f.x[r * N_COLS] = noise(&seed);
        f.x[r * N_COLS + 1] = (f.y[r] - 50.0) * (f.y[r] - 50.0) + noise(&seed);
        f.x[r * N_COLS + 2] = 1.0;
        if (g % 5 == 4) {
            f.test[f.part.n_test++] = r;
        } else {
            f.train[f.part.n_train++] = r;
        }
    }
    return &f;
}

static double mean_of(const evtwin__part *part) {
    double mean = 0.0;
    assert_ok(evtwin__baseline_mean(part, &mean));
    return mean;
}

static void test_mean_and_mean_life(void **state) {
    (void)state;
    fixture *f = make_fixture();
    /* training groups: 0…19 without 4, 9, 14, 19: mean 9; mean y = 99 + 9 - 49.5 */
    assert_near(mean_of(&f->part), 58.5, 1e-9);
    static double predicted[N_ROWS];
    assert_ok(evtwin__baseline_mean_life(&f->part, f->cycles, predicted));
    for (size_t k = 0; k < f->part.n_test; k++) {
        assert_near(predicted[k], 108.0 - f->cycles[f->test[k]], 1e-9);
    }

    /* a battery counts once, however many of its rows are there */
    const size_t uneven[] = {0, 1, 2, 3, 4, 100};
    f->part.train = uneven;
    f->part.n_train = 6;
    f->cycles[f->test[0]] = NAN;
    assert_ok(evtwin__baseline_mean_life(&f->part, f->cycles, predicted));
    assert_near(predicted[1] + f->cycles[f->test[1]], 99.5, 1e-9);
    assert_true(isnan(predicted[0]));
}

static void test_single_feature(void **state) {
    (void)state;
    fixture *f = make_fixture();
    static double predicted[N_ROWS];
    size_t feature = 99;
    assert_ok(evtwin__baseline_single(&f->part, &feature, predicted));
    assert_int_equal(feature, 1);
    /* the square hides the sign of y - 50: the best guess is the mean of the two roots, near 50 for
     * small values; where only one root is in range, y itself */
    double square_error = 0.0;
    for (size_t k = 0; k < f->part.n_test; k++) {
        const double e = predicted[k] - f->y[f->test[k]];
        square_error += e * e;
    }
    const double rmse = sqrt(square_error / (double)f->part.n_test);
    assert_true(rmse < 29.0); /* the mean gives 29.4 */
    assert_true(rmse > 10.0);

    /* few rows, few groups: inner folds are runs of rows, the model is one bin */
    f->part.n_train = 10;
    assert_ok(evtwin__baseline_single(&f->part, &feature, predicted));
    assert_near(predicted[0], mean_of(&f->part), 1e-9);
    f->part.n_train = 1;
    assert_ok(evtwin__baseline_single(&f->part, &feature, predicted));
    assert_near(predicted[0], f->y[0], 0.0);
}

static void test_single_feature_finds_a_step(void **state) {
    (void)state;
    fixture *f = make_fixture();
    for (size_t r = 0; r < N_ROWS; r++) {
        f->x[r * N_COLS + 2] = f->y[r] > 80.0 ? 1.0 : 0.0; /* two values only */
        f->x[r * N_COLS + 1] = 0.0;
    }
    static double predicted[N_ROWS];
    size_t feature = 99;
    assert_ok(evtwin__baseline_single(&f->part, &feature, predicted));
    assert_int_equal(feature, 2);
    double sum = 0.0, n = 0.0;
    for (size_t k = 0; k < f->part.n_train; k++) {
        if (f->y[f->train[k]] > 80.0) {
            sum += f->y[f->train[k]];
            n += 1.0;
        }
    }
    for (size_t k = 0; k < f->part.n_test; k++) {
        if (f->y[f->test[k]] > 80.0) {
            assert_near(predicted[k], sum / n, 1e-9);
        }
    }
}

static void test_bootstrap(void **state) {
    (void)state;
    double out[2], again[2];
    const double one[] = {2.0}, four[] = {4.0}, none[] = {0.0};
    assert_ok(evtwin__bootstrap_ratio(one, four, 1, 0, out));
    assert_true(out[0] == 0.5 && out[1] == 0.5);
    assert_ok(evtwin__bootstrap_ratio(none, none, 1, 0, out));
    assert_true(out[0] == 1.0 && out[1] == 1.0);

    /* equal blocks leave nothing to chance */
    double same[40], ones[400];
    for (size_t i = 0; i < 400; i++) {
        ones[i] = 1.0;
    }
    for (size_t i = 0; i < 40; i++) {
        same[i] = 0.5;
    }
    assert_ok(evtwin__bootstrap_ratio(same, ones, 40, 0, out));
    assert_true(out[0] == 0.5 && out[1] == 0.5);

    /* +-1 with mean 0.2: the sum of 400 is 80, its deviation 400^0.5 0.98 = 19.6, the 5 % quantile
     * 80 - 32.2, so the interval 0.2 +- 0.08 */
    double mixed[400];
    for (size_t i = 0; i < 400; i++) {
        mixed[i] = i % 5 < 3 ? 1.0 : -1.0;
    }
    assert_ok(evtwin__bootstrap_ratio(mixed, ones, 400, 3, out));
    assert_near(out[0], 0.1195, 0.01);
    assert_near(out[1], 0.2805, 0.01);
    assert_ok(evtwin__bootstrap_ratio(mixed, ones, 400, 3, again));
    assert_true(again[0] == out[0] && again[1] == out[1]);
}

/* About normal: the sum of twelve. */
static double normal(uint64_t *seed) {
    double sum = -6.0;
    for (int i = 0; i < 12; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        sum += (double)(*seed >> 40) / 16777216.0;
    }
    return sum;
}

/* In how many of 100 draws of n batteries does an answer seem to beat one that is as good? The
 * errors differ by battery (deviation 0.7 of the logarithm), and by answer (0.5). */
static double beaten_of_100(size_t n, uint64_t seed) {
    enum { DRAWS = 2000, MOST = 20 };
    double a[MOST], b[MOST], out[2], n_beaten = 0.0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        for (size_t k = 0; k < n; k++) {
            const double battery = exp(0.7 * normal(&seed));
            a[k] = battery * exp(0.5 * normal(&seed));
            b[k] = battery * exp(0.5 * normal(&seed));
        }
        assert_ok(evtwin__bootstrap_ratio(a, b, n, i, out));
        n_beaten += out[1] < 1.0;
    }
    return 100.0 * n_beaten / DRAWS;
}

/* 5 are meant. The fewer batteries, the narrower is a bootstrap's interval. */
static void test_equals_seldom_beat(void **state) {
    (void)state;
    const double of_five = beaten_of_100(5, 1), of_twenty = beaten_of_100(20, 1);
    print_message("equal answers beat in %.3g of 100 (5 batteries), %.3g (20)\n", of_five,
                  of_twenty);
    assert_true(of_five < 20.0 && of_twenty < 10.0);
}

static void test_bootstrap_pools_many_blocks(void **state) {
    (void)state;
    enum { N = 10001 };
    static double v[N], twice[N];
    for (size_t i = 0; i < N; i++) {
        v[i] = 1.0;
        twice[i] = 2.0;
    }
    double out[2];
    assert_ok(evtwin__bootstrap_ratio(v, twice, N, 1, out));
    assert_true(out[0] == 0.5 && out[1] == 0.5); /* nothing is lost or doubled */
}

static evtwin_status all_base_lines(void *ctx) {
    fixture *f = ctx;
    static double predicted[N_ROWS];
    double bound[2];
    size_t feature;
    evtwin_status st = evtwin__baseline_mean_life(&f->part, f->cycles, predicted);
    if (st == EVTWIN_OK) {
        st = evtwin__baseline_single(&f->part, &feature, predicted);
    }
    return st < 0 ? st : evtwin__bootstrap_ratio(predicted, predicted, 5, 0, bound);
}

static void test_out_of_memory(void **state) {
    (void)state;
    assert_int_equal(fail_every_allocation(all_base_lines, make_fixture()), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_and_mean_life),
        cmocka_unit_test(test_single_feature),
        cmocka_unit_test(test_single_feature_finds_a_step),
        cmocka_unit_test(test_bootstrap),
        cmocka_unit_test(test_equals_seldom_beat),
        cmocka_unit_test(test_bootstrap_pools_many_blocks),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
