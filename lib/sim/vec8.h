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
