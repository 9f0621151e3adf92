/* SPDX-License-Identifier: MIT */
/* test_rng.c: Philox against its published answers; uniforms and normals against their laws. */

#include "test.h"

#include "core/rng.h"

static void expect_block(evtwin__rng_block b, uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3) {
    assert_int_equal(b.word[0], w0);
    assert_int_equal(b.word[1], w1);
    assert_int_equal(b.word[2], w2);
    assert_int_equal(b.word[3], w3);
}

/* Source: Random123, tests/kat_vectors, philox4x32 10. */
static void philox_gives_the_known_answers(void **state) {
    (void)state;
    expect_block(evtwin__philox(0, 0, 0, 0, 0, 0), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    const uint32_t f = 0xffffffff;
    expect_block(evtwin__philox(f, f, f, f, f, f), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    expect_block(
        evtwin__philox(0xa4093822, 0x299f31d0, 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344),
        0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
}

static int same(evtwin__rng_block a, evtwin__rng_block b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

static void every_coordinate_makes_another_block(void **state) {
    (void)state;
    const evtwin__rng_block at = evtwin__rng_at(1, EVTWIN__RNG_USE, 2, 3, 4);
    assert_true(same(at, evtwin__rng_at(1, EVTWIN__RNG_USE, 2, 3, 4)));
    assert_false(same(at, evtwin__rng_at(2, EVTWIN__RNG_USE, 2, 3, 4)));
    assert_false(same(at, evtwin__rng_at(1 + (UINT64_C(1) << 32), EVTWIN__RNG_USE, 2, 3, 4)));
    assert_false(same(at, evtwin__rng_at(1, EVTWIN__RNG_SENSOR, 2, 3, 4)));
    assert_false(same(at, evtwin__rng_at(1, EVTWIN__RNG_USE, 3, 3, 4)));
    assert_false(same(at, evtwin__rng_at(1, EVTWIN__RNG_USE, 2, 4, 4)));
    assert_false(same(at, evtwin__rng_at(1, EVTWIN__RNG_USE, 2, 3, 5)));
    assert_false(same(at, evtwin__rng_at(1, EVTWIN__RNG_USE, 2, 3, 4 + (UINT64_C(1) << 32))));
}

static void uniforms_stay_inside_and_are_flat(void **state) {
    (void)state;
    evtwin__rng_block low = {{0, 0, 0, 0}};
    evtwin__rng_block high = {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}};
    for (int half = 0; half < 2; half++) {
        assert_true(evtwin__rng_uniform(low, half) > 0.0);
        assert_true(evtwin__rng_uniform(high, half) < 1.0);
        assert_true(isfinite(evtwin__rng_normal(low, half)));
        assert_true(isfinite(evtwin__rng_normal(high, half)));
    }

    /* chi-square over 100 bins: mean 99, deviation 14; six deviations are no accident */
    enum { N = 1000000, BINS = 100 };
    int count[BINS] = {0};
    for (uint64_t i = 0; i < N / 2; i++) {
        const evtwin__rng_block b = evtwin__rng_at(42, EVTWIN__RNG_SENSOR, 0, 0, i);
        count[(int)(evtwin__rng_uniform(b, 0) * BINS)]++;
        count[(int)(evtwin__rng_uniform(b, 1) * BINS)]++;
    }
    double chi2 = 0.0;
    for (int i = 0; i < BINS; i++) {
        const double d = count[i] - (double)N / BINS;
        chi2 += d * d / ((double)N / BINS);
    }
    assert_near(chi2, 99.0, 6.0 * 14.1);
}

static void normals_have_the_moments_of_the_normal_law(void **state) {
    (void)state;
    enum { N = 1000000 };
    double s1 = 0, s2 = 0, s3 = 0, s4 = 0, cross = 0, lag = 0, before = 0;
    for (uint64_t i = 0; i < N; i++) {
        const evtwin__rng_block b = evtwin__rng_at(7, EVTWIN__RNG_USE, 1, 2, i);
        const double x = evtwin__rng_normal(b, 0), y = evtwin__rng_normal(b, 1);
        s1 += x;
        s2 += x * x;
        s3 += x * x * x;
        s4 += x * x * x * x;
        cross += x * y;
        lag += x * before;
        before = x;
    }
    /* six standard errors each: 1, sqrt 2, sqrt 15, sqrt 96 over sqrt N */
    const double e = 6.0 / sqrt(N);
    assert_near(s1 / N, 0.0, e);
    assert_near(s2 / N, 1.0, e * sqrt(2));
    assert_near(s3 / N, 0.0, e * sqrt(15));
    assert_near(s4 / N, 3.0, e * sqrt(96));
    assert_near(cross / N, 0.0, e);
    assert_near(lag / N, 0.0, e);
}

static void the_quantile_inverts_the_distribution(void **state) {
    (void)state;
    assert_near(evtwin__normal_quantile(0.5), 0.0, 1e-15);
    assert_near(evtwin__normal_quantile(0.975), 1.9599639845400545, 3e-9);
    assert_near(evtwin__normal_quantile(1e-10), -6.361340902404056, 8e-9);
    assert_near(evtwin__normal_quantile(0x1p-54), -8.292361075813595, 1e-8);

    /* P(x) = erfc(-x / sqrt 2) / 2; dx = dP / density, relative error of x below 1.2e-9 as promised
     */
    for (double p = 1e-12; p < 1.0; p += p < 0.01 ? p * 0.1 : 0.003) {
        const double x = evtwin__normal_quantile(p);
        const double density = exp(-0.5 * x * x) / sqrt(2.0 * acos(-1.0));
        const double dx = (0.5 * erfc(-x / sqrt(2.0)) - p) / density;
        if (!(fabs(dx) <= 1.2e-9 * fabs(x) + 1e-12)) {
            fail_msg("p = %g: x = %.17g is off by %g", p, x, dx);
        }
        assert_near(evtwin__normal_quantile(1.0 - p) + x, 0.0, 1e-6 * fabs(x) + 1e-15 / density);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(every_coordinate_makes_another_block),
        cmocka_unit_test(uniforms_stay_inside_and_are_flat),
        cmocka_unit_test(normals_have_the_moments_of_the_normal_law),
        cmocka_unit_test(the_quantile_inverts_the_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
