/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_scaler.c: fit, apply, write and read the standard scaler. */

#include "test.h"

#include "core/mem.h"
#include "learn/bundle.h"

#include "fail_nth.h"

#include <float.h>

static void test_fit_by_hand(void **state) {
    (void)state;
    /* columns: 1 2 3 4 of the four rows used, a constant that doubles cannot add up, a large offset
     */
    const double x[] = {1, 0.1, 1e9, 99, 99, 99, 2, 0.1, 1e9 + 1, 3, 0.1, 1e9 + 2, 4, 0.1, 1e9 + 3};
    const size_t row[] = {0, 2, 3, 4};
    evtwin__scaler s;
    assert_ok(evtwin__scaler_fit(x, 3, row, 4, &s));
    assert_int_equal(s.n, 3);
    assert_near(s.mean[0], 2.5, 0.0);
    assert_near(s.scale[0], sqrt(1.25), 1e-15); /* population, not sample */
    assert_near(s.mean[1], 0.1, 0.0);
    assert_near(s.scale[1], 1.0, 0.0);
    assert_near(s.mean[2], 1e9 + 1.5, 0.0);
    assert_near(s.scale[2], sqrt(1.25), 1e-15);

    float y[3];
    evtwin__scaler_apply(&s, x, 1, y);
    assert_true(y[0] == (float)((1.0 - 2.5) / sqrt(1.25)));
    assert_true(y[1] == 0.0f);
    evtwin__scaler_clear(&s);
    assert_int_equal(s.n, 0);
    assert_null(s.mean);
}

/* Ten times 0.1 is not 1 in doubles: the mean of a constant column is its value all the same. */
static void test_constant_column_is_exact(void **state) {
    (void)state;
    double x[10];
    size_t row[10];
    for (size_t i = 0; i < 10; i++) {
        x[i] = 0.1;
        row[i] = i;
    }
    evtwin__scaler s;
    assert_ok(evtwin__scaler_fit(x, 1, row, 10, &s));
    assert_near(s.mean[0], 0.1, 0.0);
    assert_near(s.scale[0], 1.0, 0.0);
    evtwin__scaler_clear(&s);
}

static void test_one_row(void **state) {
    (void)state;
    const double x[] = {7.0, -3.0};
    const size_t row[] = {0};
    evtwin__scaler s;
    assert_ok(evtwin__scaler_fit(x, 2, row, 1, &s));
    assert_near(s.mean[1], -3.0, 0.0);
    assert_near(s.scale[0], 1.0, 0.0);
    evtwin__scaler_clear(&s);
}

static void test_extremes(void **state) {
    (void)state;
    const double huge[] = {-1e300, 1e300};
    const size_t row[] = {0, 1};
    evtwin__scaler s;
    assert_fails(evtwin__scaler_fit(huge, 1, row, 2, &s), EVTWIN_E_RANGE, "feature 1");

    /* a deviation too small to be squared counts as none */
    const double tiny[] = {1e-200, 2e-200};
    assert_ok(evtwin__scaler_fit(tiny, 1, row, 2, &s));
    assert_near(s.scale[0], 1.0, 0.0);
    evtwin__scaler_clear(&s);

    double mean = 0.0, scale = 1e-30;
    const evtwin__scaler small = {1, &mean, &scale};
    const double x[] = {1e20, -1e20, NAN};
    float y[3];
    evtwin__scaler_apply(&small, x, 3, y);
    assert_true(y[0] == FLT_MAX);
    assert_true(y[1] == -FLT_MAX);
    assert_true(isnan(y[2]));
}

static void test_round_trip(void **state) {
    (void)state;
    double mean[] = {1.0 / 3.0, -1e-300, 12345678.9};
    double scale[] = {0.1, DBL_MIN, 1.0};
    const evtwin__scaler s = {3, mean, scale};
    char *text;
    size_t size;
    assert_ok(evtwin__scaler_write(&s, &text, &size));
    assert_int_equal(strlen(text), size);
    assert_int_equal(text[size - 1], '\n');
    evtwin__scaler back;
    assert_ok(evtwin__scaler_read("scaler.json", text, size, &back));
    assert_int_equal(back.n, 3);
    assert_memory_equal(back.mean, mean, sizeof mean);
    assert_memory_equal(back.scale, scale, sizeof scale);
    evtwin__scaler_clear(&back);

    /* no shorter text is a scaler, up to the closing brace */
    for (size_t n = 0; n + 1 < size; n++) {
        assert_true(evtwin__scaler_read("scaler.json", text, n, &back) < 0);
    }
    evtwin__free(text);
}

static evtwin_status read_text(const char *text) {
    evtwin__scaler s = {0};
    const evtwin_status st = evtwin__scaler_read("s.json", text, strlen(text), &s);
    if (st < 0) {
        assert_int_equal(s.n, 0);
    }
    evtwin__scaler_clear(&s);
    return st;
}

static void test_damaged(void **state) {
    (void)state;
    assert_ok(read_text("{\"format\":1,\"kind\":\"standard\",\"mean\":[1],\"scale\":[2]}"));
    assert_fails(read_text("[]"), EVTWIN_E_PARSE, "s.json");
    assert_fails(read_text("{\"format\":1,\"kind\":\"standard\",\"mean\":[1]}"), EVTWIN_E_PARSE,
                 "scale");
    assert_fails(read_text("{\"format\":2,\"kind\":\"standard\",\"mean\":[1],\"scale\":[2]}"),
                 EVTWIN_E_UNSUPPORTED, "format 2");
    assert_fails(read_text("{\"format\":1,\"kind\":\"minmax\",\"mean\":[1],\"scale\":[2]}"),
                 EVTWIN_E_UNSUPPORTED, "minmax");
    assert_fails(read_text("{\"format\":1,\"kind\":\"standard\",\"mean\":[1,2],\"scale\":[2]}"),
                 EVTWIN_E_CORRUPT, "s.json|2 means|1 scales");
    assert_fails(read_text("{\"format\":1,\"kind\":\"standard\",\"mean\":[],\"scale\":[]}"),
                 EVTWIN_E_CORRUPT, "0 means");
    assert_fails(read_text("{\"format\":1,\"kind\":\"standard\",\"mean\":[1],\"scale\":[0]}"),
                 EVTWIN_E_CORRUPT, "scale[0]");
    assert_fails(read_text("{\"format\":1,\"kind\":\"standard\",\"mean\":[1],\"scale\":[-2]}"),
                 EVTWIN_E_CORRUPT, "s.json|scale[0]");
    assert_fails(read_text("{\"format\":1,\"kind\":\"standard\",\"mean\":[null],\"scale\":[2]}"),
                 EVTWIN_E_CORRUPT, "mean[0]");
    assert_fails(read_text("{\"format\":1,\"kind\":\"standard\",\"mean\":[1e999],\"scale\":[2]}"),
                 EVTWIN_E_PARSE, "s.json");
}

static evtwin_status fit_and_clear(void *ctx) {
    (void)ctx;
    const double x[] = {1, 2, 3, 4};
    const size_t row[] = {0, 1};
    evtwin__scaler s;
    const evtwin_status st = evtwin__scaler_fit(x, 2, row, 2, &s);
    if (st == EVTWIN_OK) {
        evtwin__scaler_clear(&s);
    }
    return st;
}

static void test_out_of_memory(void **state) {
    (void)state;
    assert_int_equal(fail_every_allocation(fit_and_clear, NULL), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit_by_hand),
        cmocka_unit_test(test_one_row),
        cmocka_unit_test(test_constant_column_is_exact),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
