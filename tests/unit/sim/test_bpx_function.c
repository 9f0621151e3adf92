/* SPDX-License-Identifier: MIT */
/* test_bpx_function.c: values of BPX files over stoichiometry: no expression does more than be
 * computed, no table is read beyond its ends. */

#include "test.h"

#include "sim/bpx_function.h"

#include <math.h>

/* ---- expressions ---- */

static double value_of(const char *text, double x) {
    json_t *f = json_string(text);
    double v = NAN;
    const evtwin_status st = evtwin__bpx_value("f", f, x, &v);
    json_decref(f);
    if (st < 0) {
        fail_msg("%s: %s", text, evtwin_last_error());
    }
    return v;
}

static void expressions_are_pythons(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double x, value;
    } cases[] = {
        {"1 + 2 * 3", 0, 7},
        {"(1 + 2) * 3", 0, 9},
        {"2 ** 3 ** 2", 0, 512},
        {"-x**2", 3, -9},
        {"(-x)**2", 3, 9},
        {"2**-1", 0, 0.5},
        {"2 ** -x", 2, 0.25},
        {"x * -2", 3, -6},
        {"--x", 3, 3},
        {"+x - -x", 3, 6},
        {"8 / 4 / 2", 0, 1},
        {"7 - 4 - 2", 0, 1},
        {"x ** 0.5", 2.25, 1.5},
        {"0 ** 0.5 + x ** 0", 0, 1},
        {"exp(0) + log(1) + sqrt(4) + sinh(0) + cosh(0) + tanh(0)", 0, 4},
        {"9.47e-01*exp(-1.5e+02*x)", 0, 0.947},
        {" 1.5E3 ", 0, 1500},
        {"1 +\r\n\tx", 2, 3},
        {".5", 0, 0.5},
        {"tanh(1e9) - cosh(-2) / cosh(2)", 0, 0},
        {"((((x))))", 4, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const double v = value_of(cases[i].text, cases[i].x);
        if (!(fabs(v - cases[i].value) <= 1e-12 * (1.0 + fabs(cases[i].value)))) {
            fail_msg("%s at %g is %.17g", cases[i].text, cases[i].x, v);
        }
    }
    assert_near(value_of("sinh(x) - tanh(x) + x**2.5", 0.7), sinh(0.7) - tanh(0.7) + pow(0.7, 2.5),
                1e-14);
}

static void all_else_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"", "expected a number"},
        {"  ", "expected a number"},
        {"1 +", "expected a number"},
        {"* 2", "expected a number"},
        {"(1", "expected ')'"},
        {"1)", "expected an operator"},
        {"1 2", "expected an operator"},
        {"x x", "expected an operator"},
        {"2x", "expected an operator"},
        {"exp 1", "expected '('"},
        {"exp(1, 2)", "expected ')'"},
        {"__import__('os').system('true')", "only x, exp"},
        {"xx", "only x, exp"},
        {"expo(1)", "only x, exp"},
        {"x.real", "expected an operator"},
        {"0x10", "expected an operator"},
        {"1 if x else 2", "expected an operator"},
        {"x ^ 2", "expected an operator, + - * / or **"},
        {"nan", "only x, exp"},
        {"1e999", "expected a number"},
    };
    double v = 5.0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *f = json_string(cases[i].text);
        assert_fails(evtwin__bpx_value("f", f, 1.0, &v), EVTWIN_E_PARSE, cases[i].reason);
        json_decref(f);
    }
    static const char *const infinite[] = {"1 / (x - 1)", "log(0)",  "sqrt(0 - x)",
                                           "(0-x)**0.5",  "0 ** -1", "1e300 * 1e300"};
    for (size_t i = 0; i < sizeof infinite / sizeof infinite[0]; i++) {
        json_t *f = json_string(infinite[i]);
        assert_fails(evtwin__bpx_value("f", f, 1.0, &v), EVTWIN_E_RANGE, "not a finite number");
        json_decref(f);
    }
    assert_near(v, 5.0, 0.0);
}

/* Deep, long, and what would be long to compute. */
static void expressions_are_bounded(void **state) {
    (void)state;
    static char text[20000];
    double v;
    static const char *const repeated[] = {"(", "-", "x**", "exp(", "x+"};
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++) {
        text[0] = '\0';
        const size_t n = strlen(repeated[i]);
        for (size_t k = 0; k < 8000 / n; k++) {
            memcpy(text + k * n, repeated[i], n + 1);
        }
        json_t *f = json_string(text);
        assert_fails(evtwin__bpx_value("f", f, 1.0, &v), EVTWIN_E_PARSE,
                     i < 4 ? "is nested too deeply" : "expected a number");
        json_decref(f);
    }
    memset(text, '1', sizeof text - 1);
    json_t *f = json_string(text);
    assert_fails(evtwin__bpx_value("f", f, 1.0, &v), EVTWIN_E_PARSE, "the limit is 8192");
    json_decref(f);
}

/* ---- tables ---- */

static evtwin_status check_and_get(const json_t *f, double x, double *out) {
    const evtwin_status st = evtwin__bpx_check("f", f);
    return st < 0 ? st : evtwin__bpx_value("f", f, x, out);
}

static void tables_are_linear_and_end_where_they_end(void **state) {
    (void)state;
    static const struct {
        const char *table;
        double x;
        const char *reason; /* NULL: the value */
        double value;
    } cases[] = {
        {"{\"x\":[0,1,3],\"y\":[1,2,0]}", 0, NULL, 1},
        {"{\"x\":[0,1,3],\"y\":[1,2,0]}", 0.25, NULL, 1.25},
        {"{\"x\":[0,1,3],\"y\":[1,2,0]}", 2, NULL, 1},
        {"{\"x\":[0,1,3],\"y\":[1,2,0]}", 3, NULL, 0},
        {"{\"x\":[0,1,3],\"y\":[1,2,0]}", 3.1, "up to x = 3, without x = 3.1", 0},
        {"{\"x\":[0,1,3],\"y\":[1,2,0]}", -1, "from x = 0 on", 0},
        {"{\"x\":[0,0,3],\"y\":[1,2,0]}", 2, "does not rise at point 2", 0},
        {"{\"x\":[0,1],\"y\":[1]}", 0, "as many of x as of y", 0},
        {"{\"x\":[0],\"y\":[1]}", 0, "two or more points", 0},
        {"{\"y\":[1,2]}", 0, "two or more points", 0},
        {"{\"x\":[0,\"1\"],\"y\":[1,2]}", 0.5, "a point 2 that is not a number", 0},
        {"{\"x\":[0,1,2],\"y\":[1,2,null]}", 0.5, "a point 3 that is not a number", 0},
        {"{\"x\":[0,1,2,2],\"y\":[1,2,3,4]}", 0.5, "does not rise at point 4", 0},
        {"{\"x\":[3,1,0],\"y\":[0,2,1]}", 1, "does not rise at point 2", 0},
        {"{\"x\":{\"0\":0,\"1\":1},\"y\":[0,1]}", 1, "as many of x as of y", 0},
        {"{\"x\":[-1e308,1e308],\"y\":[1,3]}", 0, NULL, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *f = json_loads(cases[i].table, 0, NULL);
        double v = NAN;
        const evtwin_status st = check_and_get(f, cases[i].x, &v);
        json_decref(f);
        if (cases[i].reason == NULL) {
            assert_ok(st);
            assert_near(v, cases[i].value, 1e-15);
        } else if (st >= 0 || strstr(evtwin_last_error(), cases[i].reason) == NULL) {
            fail_msg("%s: %s", cases[i].table, st < 0 ? evtwin_last_error() : "accepted");
        }
    }
}

/* A value takes a few steps, however many points there are: the largest table that a file can hold
 * is read over and over. */
static void long_tables_are_searched(void **state) {
    (void)state;
    enum { N = 300000 };
    json_t *f = json_object(), *xs = json_array(), *ys = json_array();
    for (size_t i = 0; i < N; i++) {
        json_array_append_new(xs, json_real((double)i / (N - 1)));
        json_array_append_new(ys, json_real(2.0 * (double)i / (N - 1)));
    }
    json_object_set_new(f, "x", xs);
    json_object_set_new(f, "y", ys);
    assert_ok(evtwin__bpx_check("f", f));
    for (size_t i = 0; i <= 20000; i++) { /* one by one that would be 3e9 steps */
        const double x = (double)i / 20000.0;
        double v = NAN;
        assert_ok(evtwin__bpx_value("f", f, x, &v));
        assert_near(v, 2.0 * x, 1e-12);
    }
    json_decref(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_are_pythons),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(expressions_are_bounded),
        cmocka_unit_test(tables_are_linear_and_end_where_they_end),
        cmocka_unit_test(long_tables_are_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
