/* SPDX-License-Identifier: MIT */
/* sim/bpx_function.c: evaluate an expression while it is read: by recursive descent, to a bounded
 * depth, in one pass from left to right. Source of the grammar: BPX 1.0, "Function"; precedence as
 * in Python, whose code BPX takes expressions for: -x**2 is -(x**2). */

#include "sim/bpx_function.h"

#include "core/num.h"
#include "core/status.h"
#include "core/vmath.h"

#include <math.h>
#include <string.h>

enum { MAX_LENGTH = 8192, MAX_DEPTH = 64, MAX_POWER = 64 };

/* ---- mathematics without libm, as in the kernel ---- */

static double log_of(double x) {
    return x >= 0x1p-1022 && x <= 0x1.fffffffffffffp1023 ? evtwin__log_fast(x) : (double)NAN;
}

static double sqrt_of(double x) {
    return x >= 0.0 ? sqrt(x) : (double)NAN; /* the one that IEEE 754 rounds the same everywhere */
}

static double exp_of(double x) {
    return evtwin__exp(x);
}

static double tanh_of(double x) {
    return evtwin__tanh(x);
}

static double cosh_of(double x) {
    return 0.5 * (evtwin__exp(x) + evtwin__exp(-x));
}

static double sinh_of(double x) {
    return 0.5 * (evtwin__exp(x) - evtwin__exp(-x));
}

static const struct {
    const char *name;
    double (*of)(double x);
} functions[] = {{"exp", exp_of},   {"log", log_of},   {"sqrt", sqrt_of},
                 {"sinh", sinh_of}, {"cosh", cosh_of}, {"tanh", tanh_of}};

static double raise_to(double base, double exponent) {
    if (fabs(exponent) <= MAX_POWER && exponent == floor(exponent)) {
        double product = 1.0;
        for (int i = 0; i < (int)fabs(exponent); i++) {
            product *= base;
        }
        return exponent < 0.0 ? 1.0 / product : product;
    }
    return base == 0.0 && exponent > 0.0 ? 0.0 : evtwin__exp(exponent * log_of(base));
}

/* ---- expressions ---- */

typedef struct scanner {
    const char *text, *at, *end;
    double x;
    int depth;
    const char *why; /* the first failure, at … ; NULL = none */
    const char *failed_at;
} scanner;

static double read_sum(scanner *s);

static double fail_here(scanner *s, const char *why) {
    if (s->why == NULL) {
        s->why = why;
        s->failed_at = s->at;
    }
    return NAN;
}

static void skip_spaces(scanner *s) {
    while (s->at < s->end && strchr(" \t\r\n", *s->at) != NULL) {
        s->at++;
    }
}

/* Is the next sign this one? Then go behind it. */
static int take(scanner *s, const char *sign) {
    skip_spaces(s);
    const size_t n = strlen(sign);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, sign, n) != 0) {
        return 0;
    }
    s->at += n;
    return 1;
}

static double read_bracket(scanner *s) {
    if (++s->depth > MAX_DEPTH) {
        return fail_here(s, "is nested too deeply");
    }
    const double value = read_sum(s);
    s->depth--;
    return s->why == NULL && !take(s, ")") ? fail_here(s, "expected ')'") : value;
}

static int is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static double read_word(scanner *s) {
    const char *word = s->at;
    size_t n = 0;
    while (word + n < s->end && (is_letter(word[n]) || (word[n] >= '0' && word[n] <= '9'))) {
        n++;
    }
    if (n == 1 && *word == 'x') {
        s->at += n;
        return s->x;
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strlen(functions[i].name) == n && memcmp(functions[i].name, word, n) == 0) {
            s->at += n;
            return take(s, "(") ? functions[i].of(read_bracket(s)) : fail_here(s, "expected '('");
        }
    }
    return fail_here(s, "only x, exp, log, sqrt, sinh, cosh and tanh are known");
}

static double read_atom(scanner *s) {
    double value;
    skip_spaces(s);
    if (take(s, "(")) {
        return read_bracket(s);
    }
    if (s->at < s->end && is_letter(*s->at)) {
        return read_word(s);
    }
    const int is_number = s->at < s->end && (*s->at == '.' || (*s->at >= '0' && *s->at <= '9'));
    const char *behind = is_number ? evtwin__scan_f64(s->at, s->end, &value) : NULL;
    if (behind == NULL) {
        return fail_here(s, "expected a number, x, a function or '('");
    }
    s->at = behind;
    return value;
}

/* A sign binds less than a power at its right, and more than one at its left: 2**-1. */
static double read_signed(scanner *s) {
    if (++s->depth > MAX_DEPTH) {
        return fail_here(s, "is nested too deeply");
    }
    double value;
    if (take(s, "-")) {
        value = -read_signed(s);
    } else if (take(s, "+")) {
        value = read_signed(s);
    } else {
        value = read_atom(s);
        if (s->why == NULL && take(s, "**")) {
            value = raise_to(value, read_signed(s));
        }
    }
    s->depth--;
    return value;
}

static double read_product(scanner *s) {
    double value = read_signed(s);
    while (s->why == NULL) {
        if (take(s, "*")) {
            value *= read_signed(s);
        } else if (take(s, "/")) {
            value /= read_signed(s);
        } else {
            break;
        }
    }
    return value;
}

static double read_sum(scanner *s) {
    double value = read_product(s);
    while (s->why == NULL) {
        if (take(s, "+")) {
            value += read_product(s);
        } else if (take(s, "-")) {
            value -= read_product(s);
        } else {
            break;
        }
    }
    return value;
}

static evtwin_status value_of_expression(const char *what, const char *text, double x,
                                         double *out) {
    const size_t length = strlen(text);
    EVTWIN_FAIL_IF(length > MAX_LENGTH, EVTWIN_E_PARSE,
                   "'%s' is an expression of %zu characters; the limit is %d", what, length,
                   MAX_LENGTH);
    scanner s = {.text = text, .at = text, .end = text + length, .x = x};
    const double value = read_sum(&s);
    skip_spaces(&s);
    if (s.why == NULL && s.at < s.end) {
        fail_here(&s, "expected an operator, + - * / or **");
    }
    EVTWIN_FAIL_IF(s.why != NULL, EVTWIN_E_PARSE,
                   "'%s' cannot be read at '%.20s' (character %zu): %s", what, s.failed_at,
                   (size_t)(s.failed_at - text) + 1, s.why);
    *out = value;
    return EVTWIN_OK;
}

/* ---- tables ---- */

static double number_at(const json_t *array, size_t i) {
    return json_number_value(json_array_get(array, i));
}

static evtwin_status check_point(const char *what, const json_t *xs, const json_t *ys, size_t i) {
    EVTWIN_FAIL_IF(!json_is_number(json_array_get(xs, i)) || !json_is_number(json_array_get(ys, i)),
                   EVTWIN_E_PARSE, "'%s' has a point %zu that is not a number", what, i + 1);
    EVTWIN_FAIL_IF(i > 0 && !(number_at(xs, i) > number_at(xs, i - 1)), EVTWIN_E_RANGE,
                   "'%s' is a table whose x does not rise at point %zu", what, i + 1);
    return EVTWIN_OK;
}

evtwin_status evtwin__bpx_check(const char *what, const json_t *function) {
    if (!json_is_object(function)) {
        return EVTWIN_OK;
    }
    const json_t *xs = json_object_get(function, "x"), *ys = json_object_get(function, "y");
    const size_t n = json_array_size(xs);
    EVTWIN_FAIL_IF(n < 2 || json_array_size(ys) != n, EVTWIN_E_PARSE,
                   "'%s' is a table without two or more points, as many of x as of y", what);
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(check_point(what, xs, ys, i));
    }
    return EVTWIN_OK;
}

static evtwin_status value_of_table(const char *what, const json_t *table, double x, double *out) {
    const json_t *xs = json_object_get(table, "x"), *ys = json_object_get(table, "y");
    size_t low = 0, high = json_array_size(xs) - 1;
    EVTWIN_FAIL_IF(!(x >= number_at(xs, low)), EVTWIN_E_RANGE,
                   "'%s' is a table from x = %g on, without x = %g", what, number_at(xs, low), x);
    EVTWIN_FAIL_IF(!(x <= number_at(xs, high)), EVTWIN_E_RANGE,
                   "'%s' is a table up to x = %g, without x = %g", what, number_at(xs, high), x);
    while (high - low > 1) { /* x is between the two points */
        const size_t middle = low + (high - low) / 2;
        if (x > number_at(xs, middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    /* halves, whose differences do not overflow */
    const double x0 = 0.5 * number_at(xs, low), x1 = 0.5 * number_at(xs, high);
    const double y0 = number_at(ys, low);
    *out = y0 + (number_at(ys, high) - y0) * ((0.5 * x - x0) / (x1 - x0));
    return EVTWIN_OK;
}

evtwin_status evtwin__bpx_value(const char *what, const json_t *function, double x, double *out) {
    double value = json_number_value(function);
    if (json_is_string(function)) {
        EVTWIN_TRY(value_of_expression(what, json_string_value(function), x, &value));
    } else if (json_is_object(function)) {
        EVTWIN_TRY(value_of_table(what, function, x, &value));
    } else if (!json_is_number(function)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "'%s' is not a number, an expression in x or a table", what);
    }
    EVTWIN_FAIL_IF(!isfinite(value), EVTWIN_E_RANGE, "'%s' is not a finite number at x = %g", what,
                   x);
    *out = value;
    return EVTWIN_OK;
}
