/* SPDX-License-Identifier: MIT */
/* core/num_read.c: text to number: exact integer arithmetic for what real files hold, libc in the C
 * locale for the rest. */

#include "core/num.h"
#include "core/num_powers.h"
#include "core/wide.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_FAST_DIGITS = 19, /* every number of 19 digits fits in 64 bits */
    /* No point halfway between two doubles has more than 767 significant digits, so digits beyond
     * these decide nothing but "a little more than". */
    MAX_DIGITS = 770
};

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

/* w * 10^exp10 for w != 0 and |exp10| <= EVTWIN__MAX_POW5, correctly rounded: both the product with
 * a power of five and the quotient by one are computed exactly in 128 bits, what is cut off is
 * known to be zero or not, and the power of two only moves the exponent. */
__attribute__((noinline)) static double scale_exact(uint64_t w, int exp10) {
    const int shift = __builtin_clzll(w);
    const uint64_t w_top = w << shift;
    if (exp10 >= 0) {
        const evtwin__wide product = evtwin__wide_mul(w_top, evtwin__pow5_u64[exp10]);
        if (product.high == 0) {
            return round_to_f64(product.low, exp10 - shift, 0);
        }
        const int down = 64 - __builtin_clzll(product.high);
        const uint64_t cut = product.low << (64 - down);
        return round_to_f64(evtwin__wide_shift_down(product, down).low, exp10 - shift + down,
                            cut != 0);
    }

    /* with both sides at bit 63 the quotient of w 2^63 has 63 or 64 bits */
    const uint64_t divisor = evtwin__pow5_u64[-exp10];
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
    if (w >> 53 == 0 && exp10 >= -EVTWIN__MAX_POW10 && exp10 <= EVTWIN__MAX_POW10) {
        /* both operands are exact, so the one operation rounds correctly
         * Source: Clinger 1990, doi:10.1145/93542.93557 */
        *out = exp10 < 0 ? (double)w / evtwin__pow10_f64[-exp10]
                         : (double)w * evtwin__pow10_f64[exp10];
        return 1;
    }
    if (w != 0 && exp10 >= -EVTWIN__MAX_POW5 && exp10 <= EVTWIN__MAX_POW5) {
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
    const double magnitude =
        (double)(int64_t)join_eight(v << (64 - last)) / evtwin__pow10_f64[n_fraction];
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
