/* SPDX-License-Identifier: MIT */
/* test_vmath.c: our exp, log and tanh against libm's in long double. */

#include "test.h"

#include "core/rng.h"
#include "core/vmath.h"

static double uniform(uint64_t i, double low, double high) {
    return low + (high - low) * evtwin__rng_uniform(evtwin__rng_at(1, EVTWIN__RNG_USE, 0, 0, i), 0);
}

static double relative_error(double got, long double want) {
    return (double)fabsl(((long double)got - want) / want);
}

enum { N = 300000 };

static void exp_is_exact_to_two_ulps_where_it_says_so(void **state) {
    (void)state;
    double worst = 0.0;
    static const double span[] = {1e-8, 1e-3, 0.35, 1.0, 10.0, 100.0, 708.0};
    for (size_t s = 0; s < sizeof span / sizeof span[0]; s++) {
        for (uint64_t i = 0; i < N; i++) {
            const double x = uniform(i, -span[s], span[s]);
            worst = fmax(worst, relative_error(evtwin__exp(x), expl((long double)x)));
        }
    }
    print_message("exp: worst relative error %.3g\n", worst);
    assert_true(worst < 4.4e-16);
    assert_true(evtwin__exp(0.0) == 1.0);
    assert_near(evtwin__exp(1.0), 2.718281828459045, 5e-16);

    /* beyond, it is clamped: finite and positive whatever comes */
    assert_true(evtwin__exp(1e300) == evtwin__exp(708.0));
    assert_true(evtwin__exp(-INFINITY) == evtwin__exp(-708.0));
    assert_true(evtwin__exp(-708.0) > 0.0);
    assert_true(isfinite(evtwin__exp(708.0)));
    assert_true(isnan(evtwin__exp(NAN)));
}

static void log_is_exact_to_1e_15_on_every_normal_number(void **state) {
    (void)state;
    double worst = 0.0;
    for (uint64_t i = 0; i < N; i++) {
        /* every exponent alike, then close to 1, where cancellation would show */
        const double wide = ldexp(uniform(i, 1.0, 2.0), (int)uniform(i + N, -1022.0, 1023.0));
        const double near_one =
            1.0 + uniform(i, -1.0, 1.0) * pow(10.0, uniform(i + N, -15.0, -0.4));
        worst = fmax(worst, relative_error(evtwin__log_fast(wide), logl((long double)wide)));
        if (near_one != 1.0) {
            worst = fmax(worst,
                         relative_error(evtwin__log_fast(near_one), logl((long double)near_one)));
        }
    }
    print_message("log: worst relative error %.3g\n", worst);
    assert_true(worst < 1e-15);
    assert_true(evtwin__log_fast(1.0) == 0.0);
}

static void tanh_is_exact_to_4e_16(void **state) {
    (void)state;
    double worst = 0.0;
    static const double span[] = {1e-6, 0.1, 1.0, 5.0, 25.0};
    for (size_t s = 0; s < sizeof span / sizeof span[0]; s++) {
        for (uint64_t i = 0; i < N; i++) {
            const double x = uniform(i, -span[s], span[s]);
            worst =
                fmax(worst, (double)fabsl((long double)evtwin__tanh(x) - tanhl((long double)x)));
        }
    }
    print_message("tanh: worst absolute error %.3g\n", worst);
    assert_true(worst < 4e-16);
    assert_true(evtwin__tanh(0.0) == 0.0);
    assert_true(evtwin__tanh(1e9) == 1.0);
    assert_true(evtwin__tanh(-1e9) == -1.0);
    assert_true(isnan(evtwin__tanh(NAN)));
}

static void pow_follows_from_both(void **state) {
    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        const double x = uniform(i, 1e-3, 1e3), y = uniform(i + N, -3.0, 3.0);
        const double got = evtwin__pow(x, y);
        assert_true(relative_error(got, powl((long double)x, (long double)y)) < 1e-14);
    }
}

static void one_minus_exp_over_has_no_gap_at_its_seam(void **state) {
    (void)state;
    double worst = 0.0;
    for (uint64_t i = 0; i < N; i++) {
        const double a = pow(10.0, uniform(i, -12.0, 2.0));
        worst = fmax(worst, relative_error(evtwin__one_minus_exp_over(a),
                                           -expm1l(-(long double)a) / (long double)a));
    }
    print_message("(1 - exp(-a)) / a: worst relative error %.3g\n", worst);
    assert_true(worst < 2e-13); /* the first term that the series leaves out, at the seam */
    assert_true(evtwin__one_minus_exp_over(0.0) == 1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_exact_to_two_ulps_where_it_says_so),
        cmocka_unit_test(log_is_exact_to_1e_15_on_every_normal_number),
        cmocka_unit_test(tanh_is_exact_to_4e_16),
        cmocka_unit_test(pow_follows_from_both),
        cmocka_unit_test(one_minus_exp_over_has_no_gap_at_its_seam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
