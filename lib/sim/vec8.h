/* SPDX-License-Identifier: MIT */
/* sim/vec8.h: eight doubles at once with the compiler's vector extensions (GCC, Clang), on any
 * machine: where registers are narrower the compiler splits them, and every lane gives the same
 * bits. */
#ifndef EVTWIN_SIM_VEC8_H
#define EVTWIN_SIM_VEC8_H

#include <stdint.h>

enum { EVTWIN__LANES = 8 };

/* GCC tells of a change of calling convention that no call of ours can meet. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

typedef double evtwin__v8 __attribute__((vector_size(64)));
typedef double evtwin__v8_row __attribute__((vector_size(64), may_alias)); /* of a table, aligned */
typedef int64_t evtwin__m8 __attribute__((vector_size(64))); /* masks: all ones or zero per lane */

/* Inlined for good, so that no vector crosses a call and its calling convention never matters. */
#define EVTWIN__V8_INLINE static inline __attribute__((always_inline))

EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_set(double x) {
    return (evtwin__v8){x, x, x, x, x, x, x, x};
}

EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_select(evtwin__m8 mask, evtwin__v8 yes, evtwin__v8 no) {
    return (evtwin__v8)((mask & (evtwin__m8)yes) | (~mask & (evtwin__m8)no));
}

EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_min(evtwin__v8 a, evtwin__v8 b) {
    return evtwin__v8_select(a < b, a, b);
}

EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_max(evtwin__v8 a, evtwin__v8 b) {
    return evtwin__v8_select(a > b, a, b);
}

EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_abs(evtwin__v8 a) {
    return (evtwin__v8)((evtwin__m8)a & INT64_MAX);
}

/* Any lane set? */
EVTWIN__V8_INLINE int evtwin__m8_any(evtwin__m8 m) {
    return ((m[0] | m[1]) | (m[2] | m[3]) | (m[4] | m[5]) | (m[6] | m[7])) != 0;
}

/* evtwin__exp of core/vmath.h, operation for operation: equal bits in every lane. */
EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_exp(evtwin__v8 x) {
    const double shift = 6755399441055744.0;
    x = evtwin__v8_select(x < -708.0, evtwin__v8_set(-708.0), x);
    x = evtwin__v8_select(x > 708.0, evtwin__v8_set(708.0), x);
    const evtwin__v8 shifted = x * 1.4426950408889634074 + shift;
    const evtwin__v8 k = shifted - shift;
    evtwin__v8 r = x - k * 6.93147180369123816490e-01;
    r = r - k * 1.90821492927058770002e-10;

    evtwin__v8 p = evtwin__v8_set(1.0 / 479001600.0);
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
    return p * (evtwin__v8)(((evtwin__m8)shifted + 1023) << 52);
}

/* Lanes of a and b (numbered 0-7, 8-15) in the order given by eight constants. */
#if defined(__clang__)
#define EVTWIN__V8_PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define EVTWIN__V8_PICK(a, b, ...) __builtin_shuffle(a, b, (evtwin__m8){__VA_ARGS__})
#endif

/* In each quarter of two lanes: the first, or the second, of a and b. */
EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_firsts(evtwin__v8 a, evtwin__v8 b) {
    return EVTWIN__V8_PICK(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
}

EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_seconds(evtwin__v8 a, evtwin__v8 b) {
    return EVTWIN__V8_PICK(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
}

/* In each half of four lanes: the lower, or the upper, pairs of a and b. */
EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_lower_pairs(evtwin__v8 a, evtwin__v8 b) {
    return EVTWIN__V8_PICK(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
}

EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_upper_pairs(evtwin__v8 a, evtwin__v8 b) {
    return EVTWIN__V8_PICK(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
}

/* The lower, or the upper, halves of a and b. */
EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_lower_halves(evtwin__v8 a, evtwin__v8 b) {
    return EVTWIN__V8_PICK(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
}

EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_upper_halves(evtwin__v8 a, evtwin__v8 b) {
    return EVTWIN__V8_PICK(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
}

/* Eight rows become eight columns: an 8 x 8 transpose in three rounds, in place. */
EVTWIN__V8_INLINE void evtwin__v8_transpose(evtwin__v8 r[8]) {
    evtwin__v8 first[4], second[4];
    for (int i = 0; i < 4; i++) {
        first[i] = evtwin__v8_firsts(r[2 * i], r[2 * i + 1]);
        second[i] = evtwin__v8_seconds(r[2 * i], r[2 * i + 1]);
    }
    for (int odd = 0; odd < 2; odd++) {
        const evtwin__v8 *t = odd ? second : first;
        const evtwin__v8 lower_a = evtwin__v8_lower_pairs(t[0], t[1]);
        const evtwin__v8 lower_b = evtwin__v8_lower_pairs(t[2], t[3]);
        const evtwin__v8 upper_a = evtwin__v8_upper_pairs(t[0], t[1]);
        const evtwin__v8 upper_b = evtwin__v8_upper_pairs(t[2], t[3]);
        r[0 + odd] = evtwin__v8_lower_halves(lower_a, lower_b);
        r[4 + odd] = evtwin__v8_upper_halves(lower_a, lower_b);
        r[2 + odd] = evtwin__v8_lower_halves(upper_a, upper_b);
        r[6 + odd] = evtwin__v8_upper_halves(upper_a, upper_b);
    }
}

/* Interval and place in it for x in units of intervals, clamped to [0, n]: x = (k as double) + f
 * with k in [0, n - 1], f in [0, 1]. Rounding x - 1/2 by the shift trick stands in for floor. */
EVTWIN__V8_INLINE evtwin__v8 evtwin__v8_interval(evtwin__v8 x, int n, evtwin__m8 *k_out) {
    const double shift = 6755399441055744.0;
    x = evtwin__v8_max(x, evtwin__v8_set(0.0));
    x = evtwin__v8_min(x, evtwin__v8_set((double)n));
    evtwin__v8 c = evtwin__v8_max(x - 0.5, evtwin__v8_set(0.0));
    c = evtwin__v8_min(c, evtwin__v8_set((double)(n - 1)));
    const evtwin__v8 shifted = c + shift;
    *k_out = (evtwin__m8)shifted & 0xffffffff;
    return x - (shifted - shift);
}

#endif
