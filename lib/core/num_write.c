/* SPDX-License-Identifier: MIT */
/* core/num_write.c: number to text, the shortest that reads back: exact integer arithmetic for what
 * readings are, libc for the rest. */

#include "core/num.h"
#include "core/num_powers.h"
#include "core/wide.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decimal digits of v, most significant first; returns how many. */
static size_t digits_of(uint64_t v, char digits[20]) {
    char reversed[20];
    size_t n = 0;
    do {
        reversed[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    for (size_t i = 0; i < n; i++) {
        digits[i] = reversed[n - 1 - i];
    }
    return n;
}

/* Lay 0.DIGITS * 10^point out as people write it: plain from 1e-5 to below 1e17, else with an
 * exponent. */
static size_t lay_out(int is_negative, const char *digits, int n, int point, char *text) {
    char *t = text;
    if (is_negative) {
        *t++ = '-';
    }
    if (point > 17 || point < -4) {
        *t++ = digits[0];
        if (n > 1) {
            *t++ = '.';
            memcpy(t, digits + 1, (size_t)n - 1);
            t += n - 1;
        }
        t += snprintf(t, 8, "e%d", point - 1);
        return (size_t)(t - text);
    }
    if (point <= 0) {
        memcpy(t, "0.0000", 6);
        t += 2 - point;
        memcpy(t, digits, (size_t)n);
        t += n;
    } else if (point >= n) {
        memcpy(t, digits, (size_t)n);
        memset(t + n, '0', (size_t)(point - n));
        t += point;
    } else {
        memcpy(t, digits, (size_t)point);
        t[point] = '.';
        memcpy(t + point + 1, digits + point, (size_t)(n - point));
        t += n + 1;
    }
    *t = '\0';
    return (size_t)(t - text);
}

/* Digits and point of a rounded to n_digits by libc, whose decimal point may be any text of the
 * locale. */
static void round_with_libc(double a, int n_digits, char digits[20], int *point_out) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", n_digits - 1, a);
    int n = 0;
    const char *c = text;
    for (; *c != 'e'; c++) {
        if ((unsigned)(*c - '0') <= 9) {
            digits[n++] = *c;
        }
    }
    int64_t exp10 = 0;
    const int is_read = evtwin__parse_i64(c + 1, strlen(c + 1), &exp10);
    assert(is_read);
    (void)is_read;
    *point_out = (int)exp10 + 1;
}

/* n without the zeros at the end. */
static int strip_zeros(const char *digits, int n) {
    while (n > 1 && digits[n - 1] == '0') {
        n--;
    }
    return n;
}

static int reads_back(const char *digits, int n, int point, double a) {
    char text[EVTWIN__NUM_SIZE];
    const size_t length = lay_out(0, digits, n, point, text);
    double v;
    return evtwin__parse_f64(text, length, &v) && v == a;
}

/* The general way: 15 digits always survive the way there and 17 the way back, so one of 15, 16, 17
 * is shortest; a subnormal number may need fewer. */
static size_t format_with_libc(int is_negative, double a, char *text) {
    char digits[20];
    int point;
    int n = a < DBL_MIN ? 1 : 15;
    for (; n < 17; n++) {
        round_with_libc(a, n, digits, &point);
        if (reads_back(digits, n, point, a)) {
            break;
        }
        /* above a power of two the doubles are twice as far apart as below: the next decimal above
         * may read back where the nearest one, below, does not */
        if (digits[n - 1] != '9') {
            digits[n - 1]++;
            if (reads_back(digits, n, point, a)) {
                break;
            }
        }
    }
    if (n == 17) {
        round_with_libc(a, n, digits, &point);
    }
    return lay_out(is_negative, digits, strip_zeros(digits, n), point, text);
}

/* The shortest digits for a from 1e-11 to about 1e16; 0 for others. With a = m 2^e, k such that a
 * 10^k has 17 or 18 digits before its point, and everything times 2^s: a and the ends of the
 * interval of what reads back as a are integers of less than 128 bits, so that every comparison is
 * exact. If a multiple of 10^(j+1) lies in the interval, so does one of 10^j: the first j without
 * ends the search. */
static int shortest_exact(double a, char digits[20], int *point_out) {
    uint64_t bits;
    memcpy(&bits, &a, sizeof bits);
    const uint64_t implied = (uint64_t)1 << 52;
    const uint64_t m = implied | (bits & (implied - 1));
    const int e = (int)(bits >> 52) - 1075;
    const int log10_floor = ((e + 52) * 78913) >> 18; /* log10(2) = 78913 / 2^18 + 8e-7 */
    const int k = 16 - log10_floor;
    const int s = 2 - e - k;
    if (k < 0 || k > EVTWIN__MAX_POW5 || s < 1) {
        return 0;
    }

    const uint64_t unit = evtwin__pow5_u64[k]; /* a quarter of the distance of two doubles */
    const evtwin__wide value = evtwin__wide_mul(unit, 4 * m);
    const evtwin__wide low =
        evtwin__wide_sub(value, (evtwin__wide){0, m == implied ? unit : 2 * unit});
    const evtwin__wide high = evtwin__wide_add(value, (evtwin__wide){0, 2 * unit});
    const int is_closed = !(m & 1); /* a tie is read as the even neighbour */
    const uint64_t whole = evtwin__wide_shift_down(value, s).low;
    uint64_t best = 0;
    for (uint64_t power = 1; power <= 100000000000000000u; power *= 10) {
        const uint64_t below = whole - whole % power;
        const evtwin__wide b = evtwin__wide_shift_up((evtwin__wide){0, below}, s);
        const evtwin__wide t = evtwin__wide_shift_up((evtwin__wide){0, below + power}, s);
        const int has_below = evtwin__wide_compare(b, low) + is_closed > 0;
        const int has_above = evtwin__wide_compare(high, t) + is_closed > 0;
        if (!has_below && !has_above) {
            break;
        }
        const int nearer =
            evtwin__wide_compare(evtwin__wide_sub(value, b), evtwin__wide_sub(t, value));
        const int is_above_nearer = nearer > 0 || (nearer == 0 && below / power % 2 != 0);
        best = has_above && (!has_below || is_above_nearer) ? below + power : below;
    }
    const int n = (int)digits_of(best, digits);
    *point_out = n - k;
    return strip_zeros(digits, n);
}

size_t evtwin__format_f64(double v, char *text) {
    assert(isfinite(v));
    const int is_negative = signbit(v) != 0;
    const double a = fabs(v);
    char digits[20];
    int point = 1;

    /* readings of few digits: a = i / 10^k with i below 10^15. The division is what reading does,
     * so it decides; i is the only candidate, as a * 10^k is off by less than 0.23 */
    for (int k = 0; k <= 6; k++) {
        const double scaled = a * evtwin__pow10_f64[k];
        if (scaled >= 1e15) {
            break;
        }
        const uint64_t i = (uint64_t)(scaled + 0.5);
        if ((double)i / evtwin__pow10_f64[k] == a) {
            const int n = (int)digits_of(i, digits);
            point = i != 0 ? n - k : 1;
            return lay_out(is_negative, digits, strip_zeros(digits, n), point, text);
        }
    }
    const int n = shortest_exact(a, digits, &point);
    return n > 0 ? lay_out(is_negative, digits, n, point, text)
                 : format_with_libc(is_negative, a, text);
}

const char *evtwin__number_text(double v, char text[EVTWIN__NUM_SIZE]) {
    if (!isfinite(v)) {
        return isnan(v) ? "unknown" : v > 0.0 ? "infinity" : "-infinity";
    }
    evtwin__format_f64(v, text);
    return text;
}

size_t evtwin__format_i64(int64_t v, char *text) {
    char digits[20];
    const uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    const size_t n = digits_of(magnitude, digits);
    size_t length = 0;
    if (v < 0) {
        text[length++] = '-';
    }
    memcpy(text + length, digits, n);
    length += n;
    text[length] = '\0';
    return length;
}
