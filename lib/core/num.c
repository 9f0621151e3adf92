/* SPDX-License-Identifier: MIT */
/* core/num.c: text to number and back: exact integer arithmetic for what real files hold, libc in
 * the C locale for the rest. */

#include "core/num.h"

#include "core/wide.h"

#include <assert.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_FAST_DIGITS = 19, /* every number of 19 digits fits in 64 bits */
    MAX_EXACT_POW10 = 22, /* 10^22 is the last power of ten that is a double */
    MAX_POW5 = 27,        /* 5^27 is the last power of five that fits in 64 bits */
    /* No point halfway between two doubles has more than 767 significant digits, so digits beyond
     * these decide nothing but "a little more than". */
    MAX_DIGITS = 770
};

static const double pow10_f64[MAX_EXACT_POW10 + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* clang-format off */
static const uint64_t pow5_u64[MAX_POW5 + 1] = {
    1u, 5u, 25u, 125u, 625u, 3125u, 15625u, 78125u, 390625u,
    1953125u, 9765625u, 48828125u, 244140625u, 1220703125u, 6103515625u,
    30517578125u, 152587890625u, 762939453125u, 3814697265625u, 19073486328125u,
    95367431640625u, 476837158203125u, 2384185791015625u, 11920928955078125u,
    59604644775390625u, 298023223876953125u, 1490116119384765625u, 7450580596923828125u
};
/* clang-format on */

/* ---- text to double ---- */

static locale_t c_locale;

static void make_c_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The nearest double to top * 2^exp2 (+ a little if inexact), ties to even; top has bit 63 set and
 * the result is a normal number. */
static double round_to_f64(uint64_t top, int exp2, int inexact) {
    uint64_t mantissa = top >> 11;
    const uint64_t rest = top & 0x7FF;
    mantissa += rest > 0x400 || (rest == 0x400 && (inexact || (mantissa & 1)));

    /* the leading 1 is implied; should rounding carry beyond it, the exponent takes the carry */
    const uint64_t implied = (uint64_t)1 << 52;
    const uint64_t bits = ((uint64_t)(exp2 + 11 + 52 + 1023) << 52) + (mantissa - implied);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* w * 10^exp10 for w != 0 and |exp10| <= MAX_POW5, correctly rounded: both the product with a power
 * of five and the quotient by one are computed exactly in 128 bits, what is cut off is known to be
 * zero or not, and the power of two only moves the exponent. */
__attribute__((noinline)) static double scale_exact(uint64_t w, int exp10) {
    const int shift = __builtin_clzll(w);
    const uint64_t w_top = w << shift;
    if (exp10 >= 0) {
        const evtwin__wide product = evtwin__wide_mul(w_top, pow5_u64[exp10]);
        if (product.high == 0) {
            return round_to_f64(product.low, exp10 - shift, 0);
        }
        const int down = 64 - __builtin_clzll(product.high);
        const uint64_t cut = product.low << (64 - down);
        return round_to_f64(evtwin__wide_shift_down(product, down).low, exp10 - shift + down,
                            cut != 0);
    }

    /* with both sides at bit 63 the quotient of w 2^63 has 63 or 64 bits */
    const uint64_t divisor = pow5_u64[-exp10];
    const int divisor_shift = __builtin_clzll(divisor);
    const uint64_t d_top = divisor << divisor_shift;
    const evtwin__wide dividend = {w_top >> 1, w_top << 63};
    uint64_t quotient = evtwin__wide_div(dividend, d_top);
    const int inexact = dividend.low != quotient * d_top;
    const int up = __builtin_clzll(quotient);
    quotient <<= up;
    return round_to_f64(quotient, exp10 - shift + divisor_shift - 63 - up, inexact);
}

/* What scanning found: DIGITS * 10^exp10, the digits being those of first to last. */
typedef struct decimal {
    const char *first,
        *last;       /* first significant digit, end of the digits (a point may be between) */
    size_t n_digits; /* significant digits */
    int64_t exp10;   /* exponent of the last digit */
} decimal;

/* The slow, general way: digits without a point, so that no locale can matter, to libc. */
static double convert_with_libc(const decimal *d) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_c_locale);

    char text[MAX_DIGITS + 40];
    size_t n = 0;
    int64_t exp10 = d->exp10;
    int sticky = 0;
    size_t n_cut = 0;
    for (const char *c = d->first; c != d->last; c++) {
        if (*c == '.') {
            continue;
        }
        if (n < MAX_DIGITS) {
            text[n++] = *c;
        } else {
            n_cut++;
            sticky |= *c != '0';
        }
    }
    exp10 += (int64_t)n_cut;
    if (sticky) {
        text[n++] = '1';
        exp10--;
    }

    /* beyond this the outcome is 0 or overflow whatever the digits */
    const int64_t limit = 9999;
    exp10 = exp10 > limit ? limit : exp10 < -limit ? -limit : exp10;
    snprintf(text + n, sizeof text - n, "e%d", (int)exp10);
    return c_locale != (locale_t)0 ? strtod_l(text, NULL, c_locale) : (double)NAN;
}

/* w * 10^exp10, correctly rounded; 0 if that takes the slow way. */
static inline int convert_fast(uint64_t w, int64_t exp10, double *out) {
    if (w >> 53 == 0 && exp10 >= -MAX_EXACT_POW10 && exp10 <= MAX_EXACT_POW10) {
        /* both operands are exact, so the one operation rounds correctly
         * Source: Clinger 1990, doi:10.1145/93542.93557 */
        *out = exp10 < 0 ? (double)w / pow10_f64[-exp10] : (double)w * pow10_f64[exp10];
        return 1;
    }
    if (w != 0 && exp10 >= -MAX_POW5 && exp10 <= MAX_POW5) {
        *out = scale_exact(w, (int)exp10);
        return 1;
    }
    return 0;
}

/* Eight characters as a word, the first in the lowest byte, each XORed with '0': digits become 0
 * to 9. */
static inline uint64_t load_eight(const char *c) {
    uint64_t v;
    memcpy(&v, c, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v ^ 0x3030303030303030u;
}

/* The highest bit of each byte of such a word that is not a digit. */
static inline uint64_t non_digits(uint64_t v) {
    return (((v & 0x7F7F7F7F7F7F7F7Fu) + 0x7676767676767676u) | v) & 0x8080808080808080u;
}

/* Eight digits, the first in the lowest byte, as a number: two, then four, then eight are joined in
 * all lanes of the word at once. */
static inline uint64_t join_eight(uint64_t v) {
    v = v * 10 + (v >> 8);
    return ((v & 0x000000FF000000FFu) * (100 + ((uint64_t)1000000 << 32)) +
            (v >> 16 & 0x000000FF000000FFu) * (1 + ((uint64_t)10000 << 32))) >>
           32;
}

/* Numbers of at most seven characters and a sign, without a branch on how many; NULL for others. */
static inline const char *scan_short(const char *c, double *out) {
    const uint64_t minus = *c == '-';
    c += minus;
    uint64_t v = load_eight(c);
    uint64_t others = non_digits(v);
    if (others == 0) {
        return NULL;
    }
    const int first = __builtin_ctzll(others) & ~7; /* in bits, like all positions here */
    int last = first;
    int n_fraction = 0;
    if ((v >> first & 0xFF) == ('.' ^ '0')) {
        others &= others - 1;
        if (others == 0) {
            return NULL;
        }
        last = __builtin_ctzll(others) & ~7;
        const uint64_t before = v & (((uint64_t)1 << first) - 1);
        v = before | (v >> 8 & ~(uint64_t)0 << first);
        n_fraction = (last - first) / 8 - 1;
        c++;
        last -= 8;
    }
    if (last == 0 || (c[last / 8] | 0x20) == 'e') {
        return NULL;
    }
    const double magnitude = (double)(int64_t)join_eight(v << (64 - last)) / pow10_f64[n_fraction];
    uint64_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    bits |= minus << 63;
    memcpy(out, &bits, sizeof bits);
    return c + last / 8;
}

/* Exponent after 'e'; *c_io stays at the 'e' if no number follows. */
static int64_t scan_exponent(const char **c_io, const char *end) {
    const char *c = *c_io + 1;
    int is_negative = 0;
    if (c != end && (*c == '-' || *c == '+')) {
        is_negative = *c == '-';
        c++;
    }
    if (c == end || (unsigned)(*c - '0') > 9) {
        return 0;
    }
    int64_t exp10 = 0;
    for (; c != end && (unsigned)(*c - '0') <= 9; c++) {
        if (exp10 < INT64_C(100000000000000000)) {
            exp10 = 10 * exp10 + (*c - '0');
        }
    }
    *c_io = c;
    return is_negative ? -exp10 : exp10;
}

/* Any number at all. */
__attribute__((noinline)) static const char *scan_general(const char *text, const char *end,
                                                          double *out) {
    const char *c = text;
    const int is_negative = c != end && *c == '-';
    c += c != end && (*c == '-' || *c == '+');

    /* leading zeros are not significant */
    const char *digits = c;
    const char *point = NULL;
    while (c != end && *c == '0') {
        c++;
    }
    if (c != end && *c == '.') {
        point = c++;
        while (c != end && *c == '0') {
            c++;
        }
    }
    decimal d = {.first = c};
    uint64_t w = 0; /* wraps with more than 19 digits, and is not used then */
    for (;; c++) {
        for (uint64_t v; end - c >= 8 && non_digits(v = load_eight(c)) == 0; c += 8) {
            w = 100000000 * w + join_eight(v);
        }
        for (unsigned digit; c != end && (digit = (unsigned)(*c - '0')) <= 9; c++) {
            w = 10 * w + digit;
        }
        if (c == end || *c != '.' || point != NULL) {
            break;
        }
        point = c;
    }
    d.last = c;
    if (c - digits == (point != NULL)) {
        return NULL; /* not one digit */
    }
    d.n_digits = (size_t)(d.last - d.first) - (point != NULL && point >= d.first);
    d.exp10 = point != NULL ? -(int64_t)(d.last - point - 1) : 0;
    if (c != end && (*c | 0x20) == 'e') {
        d.exp10 += scan_exponent(&c, end);
    }

    double v = 0.0;
    if (d.n_digits > MAX_FAST_DIGITS || (w != 0 && !convert_fast(w, d.exp10, &v))) {
        v = convert_with_libc(&d);
    }
    if (!isfinite(v)) {
        return NULL;
    }
    *out = is_negative ? -v : v;
    return c;
}

const char *evtwin__scan_f64(const char *text, const char *end, double *out) {
    const char *behind = end - text > 9 ? scan_short(text, out) : NULL;
    return behind != NULL ? behind : scan_general(text, end, out);
}

int evtwin__parse_f64(const char *text, size_t length, double *out) {
    double v;
    if (evtwin__scan_f64(text, text + length, &v) != text + length || length == 0) {
        return 0;
    }
    *out = v;
    return 1;
}

int evtwin__parse_i64(const char *text, size_t length, int64_t *out) {
    size_t i = 0;
    const int is_negative = length > 0 && text[0] == '-';
    if (length > 0 && (text[0] == '-' || text[0] == '+')) {
        i = 1;
    }
    if (i == length) {
        return 0;
    }
    int64_t v = 0; /* kept negative: that side reaches one further */
    for (; i < length; i++) {
        const unsigned digit = (unsigned)(text[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(v, (int64_t)10, &v) ||
            __builtin_sub_overflow(v, (int64_t)digit, &v)) {
            return 0;
        }
    }
    if (!is_negative && v == INT64_MIN) {
        return 0;
    }
    *out = is_negative ? v : -v;
    return 1;
}

/* ---- double to double ---- */

double evtwin__round_to(double x, double per_unit) {
    return nearbyint(x * per_unit) / per_unit;
}

double evtwin__round_digits(double v, int digits) {
    if (!isfinite(v) || v == 0.0) {
        return v;
    }
    const double exponent = floor(log10(fabs(v))) + 1.0 - digits;
    const double step = pow(10.0, fabs(exponent));
    return exponent > 0.0 ? round(v / step) * step : round(v * step) / step + 0.0;
}

double evtwin__scale_decimal(double v, double factor) {
    /* a decimal i / 10^k, for which i * factor is exact too; longer ones are computed numbers */
    for (int k = 0; k <= 9; k++) {
        const double i = nearbyint(v * pow10_f64[k]);
        if (!(fabs(i) < 2e12)) {
            break;
        }
        if (i / pow10_f64[k] == v) {
            /* both operands are exact, so the one operation rounds correctly */
            return fabs(factor) >= 1.0 ? i * factor / pow10_f64[k]
                                       : i / (pow10_f64[k] * nearbyint(1.0 / factor));
        }
    }
    return factor * v;
}

/* ---- double to text ---- */

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
    if (k < 0 || k > MAX_POW5 || s < 1) {
        return 0;
    }

    const uint64_t unit = pow5_u64[k]; /* a quarter of the distance of two doubles */
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
        const double scaled = a * pow10_f64[k];
        if (scaled >= 1e15) {
            break;
        }
        const uint64_t i = (uint64_t)(scaled + 0.5);
        if ((double)i / pow10_f64[k] == a) {
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
