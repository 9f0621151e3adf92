/* SPDX-License-Identifier: MIT */
/* core/vmath.h: exp, log and tanh of our own: branch-free in the range kernels use, the same bits
 * on every machine (libm's differ by version), inlined so that loops over packs vectorise. */
#ifndef EVTWIN_CORE_VMATH_H
#define EVTWIN_CORE_VMATH_H

#include <stdint.h>
#include <string.h>

static inline double evtwin__from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint64_t evtwin__to_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* exp(x), relative error below 4.5e-16 for |x| <= 708; x is clamped to that range, NaN gives NaN.
 * x = k ln 2 + r with |r| <= ln 2 / 2 (ln 2 in two parts, Cody & Waite 1980), exp(r) by its Taylor
 * polynomial of degree 12. Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits. */
static inline double evtwin__exp(double x) {
    const double shift = 6755399441055744.0;
    x = x < -708.0 ? -708.0 : x;
    x = x > 708.0 ? 708.0 : x;
    const double shifted = x * 1.4426950408889634074 + shift;
    const double k = shifted - shift;
    double r = x - k * 6.93147180369123816490e-01;
    r = r - k * 1.90821492927058770002e-10;

    double p = 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    return p * evtwin__from_bits((evtwin__to_bits(shifted) + 1023) << 52);
}

/* log(x), relative error below 1e-15 for normal x > 0 (anything else is the caller's to exclude).
 * x = 2^k m with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh(s), s = (m - 1) / (m + 1), as an odd
 * series. */
static inline double evtwin__log_fast(double x) {
    const uint64_t bits = evtwin__to_bits(x);
    const uint64_t offset = bits - 0x3FE6A09E667F3BCDu; /* bits of sqrt(1/2) */
    const int64_t k = (int64_t)offset >> 52;
    const double m = evtwin__from_bits(bits - ((uint64_t)k << 52));
    const double s = (m - 1.0) / (m + 1.0);
    const double s2 = s * s;

    double p = 1.0 / 21.0;
    p = p * s2 + 1.0 / 19.0;
    p = p * s2 + 1.0 / 17.0;
    p = p * s2 + 1.0 / 15.0;
    p = p * s2 + 1.0 / 13.0;
    p = p * s2 + 1.0 / 11.0;
    p = p * s2 + 1.0 / 9.0;
    p = p * s2 + 1.0 / 7.0;
    p = p * s2 + 1.0 / 5.0;
    p = p * s2 + 1.0 / 3.0;
    p = 2.0 * s + 2.0 * s * s2 * p;
    return (double)k * 1.90821492927058770002e-10 + p + (double)k * 6.93147180369123816490e-01;
}

/* x^y for x > 0. */
static inline double evtwin__pow(double x, double y) {
    return evtwin__exp(y * evtwin__log_fast(x));
}

/* tanh(x), absolute error below 4e-16. */
static inline double evtwin__tanh(double x) {
    x = x < -20.0 ? -20.0 : x;
    x = x > 20.0 ? 20.0 : x;
    const double e = evtwin__exp(2.0 * x);
    return (e - 1.0) / (e + 1.0);
}

/* (1 - exp(-a)) / a for a >= 0, without cancellation near 0. */
static inline double evtwin__one_minus_exp_over(double a) {
    const double series =
        1.0 - a * (0.5 - a * (1.0 / 6.0 - a * (1.0 / 24.0 - a * (1.0 / 120.0 - a / 720.0))));
    const double direct = (1.0 - evtwin__exp(-a)) / (a > 0.0 ? a : 1.0);
    return a < 1e-2 ? series : direct;
}

#endif
