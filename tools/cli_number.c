/* SPDX-License-Identifier: MIT */
/* tools/cli_number.c: numbers of the command line, strict and never through the locale. */

#include "cli.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DIGITS = 15, MAX_POWER = 22 };

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

int cli_parse_integer(const char *text, int64_t *out) {
    const int negative = *text == '-';
    text += *text == '-' || *text == '+';
    if (!is_digit(*text)) {
        return 0;
    }
    int64_t value = 0; /* kept negative: that side reaches one further */
    for (; is_digit(*text); text++) {
        const int64_t digit = *text - '0';
        if (value < (INT64_MIN + digit) / 10) {
            return 0;
        }
        value = value * 10 - digit;
    }
    if (*text != '\0' || (!negative && value == INT64_MIN)) {
        return 0;
    }
    *out = negative ? value : -value;
    return 1;
}

/* Digits with at most one point: their value without it, and how many stood behind it. */
static const char *parse_digits(const char *s, int64_t *mantissa_out, int *behind_point_out) {
    int digits = 0, significant = 0, behind = 0, seen_point = 0;
    int64_t mantissa = 0;
    for (; is_digit(*s) || (*s == '.' && !seen_point); s++) {
        if (*s == '.') {
            seen_point = 1;
            continue;
        }
        digits++;
        behind += seen_point;
        significant += significant > 0 || *s != '0';
        if (significant > MAX_DIGITS) {
            return NULL;
        }
        mantissa = mantissa * 10 + (*s - '0');
    }
    *mantissa_out = mantissa;
    *behind_point_out = behind;
    return digits > 0 ? s : NULL;
}

/* Up to 15 digits and a power of ten within 22 are both exact doubles, so one multiplication or
 * division rounds once and correctly. Source: Clinger 1990, doi:10.1145/93548.93557. */
int cli_parse_number(const char *text, double *out) {
    static const double power_of_ten[MAX_POWER + 1] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    const int negative = *text == '-';
    text += *text == '-' || *text == '+';
    int64_t mantissa, exponent = 0;
    int behind;
    text = parse_digits(text, &mantissa, &behind);
    if (text == NULL) {
        return 0;
    }
    if (*text == 'e' || *text == 'E') {
        if (!cli_parse_integer(text + 1, &exponent) || exponent > 1000 || exponent < -1000) {
            return 0;
        }
    } else if (*text != '\0') {
        return 0;
    }
    exponent -= behind;
    if (mantissa != 0 && (exponent > MAX_POWER || exponent < -MAX_POWER)) {
        return 0;
    }
    double value = (double)mantissa;
    if (mantissa != 0) {
        value = exponent >= 0 ? value * power_of_ten[exponent] : value / power_of_ten[-exponent];
    }
    *out = negative ? -value : value;
    return 1;
}

void cli_format_number(double value, char *text, size_t text_size) {
    if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value) {
        snprintf(text, text_size, "%lld", (long long)value);
        return;
    }
    for (int digits = 6; digits <= MAX_DIGITS; digits++) {
        snprintf(text, text_size, "%.*g", digits, value);
        double back;
        if (cli_parse_number(text, &back) && back == value) {
            return;
        }
    }
}
