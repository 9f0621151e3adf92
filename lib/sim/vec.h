/* SPDX-License-Identifier: MIT */
/* sim/vec.h: EVTWIN__W doubles at once with the compiler's vector extensions (GCC, Clang). Included
 * once per width, without a guard: every name ends in the width. All lanes give the same bits at
 * every width. */

#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#ifndef EVTWIN__W
#error "define EVTWIN__W, the number of lanes: 2, 4 or 8"
#endif

#ifndef EVTWIN__FN
#define EVTWIN__JOIN_(a, b) a##b
#define EVTWIN__JOIN(a, b) EVTWIN__JOIN_(a, b)

/* A name at the present width. */
#define EVTWIN__FN(name) EVTWIN__JOIN(name, EVTWIN__W)

/* Inlined for good, so that no vector crosses a call and its calling convention never matters. */
#define EVTWIN__INLINE static inline __attribute__((always_inline, unused))
#endif

#define EVTWIN__V EVTWIN__FN(evtwin__v)
#define EVTWIN__M EVTWIN__FN(evtwin__m)

typedef double EVTWIN__V __attribute__((vector_size(8 * EVTWIN__W), may_alias));
typedef int64_t EVTWIN__M __attribute__((vector_size(8 * EVTWIN__W))); /* masks: all ones or zero */

EVTWIN__INLINE EVTWIN__V EVTWIN__FN(v_set)(double x) {
    return x - (EVTWIN__V){0};
}

EVTWIN__INLINE EVTWIN__V EVTWIN__FN(v_select)(EVTWIN__M mask, EVTWIN__V yes, EVTWIN__V no) {
    return (EVTWIN__V)((mask & (EVTWIN__M)yes) | (~mask & (EVTWIN__M)no));
}

/* min: a < b ? a : b, max: a > b ? a : b, so b where one is NaN. SSE2 has them as one instruction
 * that means just that; compilers do not find it behind a select, whose four cost a tenth of the
 * kernel's speed there. */
#if EVTWIN__W == 2 && defined(__SSE2__)
EVTWIN__INLINE EVTWIN__V EVTWIN__FN(v_min)(EVTWIN__V a, EVTWIN__V b) {
    return (EVTWIN__V)_mm_min_pd((__m128d)a, (__m128d)b);
}

EVTWIN__INLINE EVTWIN__V EVTWIN__FN(v_max)(EVTWIN__V a, EVTWIN__V b) {
    return (EVTWIN__V)_mm_max_pd((__m128d)a, (__m128d)b);
}
#else
EVTWIN__INLINE EVTWIN__V EVTWIN__FN(v_min)(EVTWIN__V a, EVTWIN__V b) {
    return EVTWIN__FN(v_select)(a < b, a, b);
}

EVTWIN__INLINE EVTWIN__V EVTWIN__FN(v_max)(EVTWIN__V a, EVTWIN__V b) {
    return EVTWIN__FN(v_select)(a > b, a, b);
}
#endif

EVTWIN__INLINE EVTWIN__V EVTWIN__FN(v_abs)(EVTWIN__V a) {
    return (EVTWIN__V)((EVTWIN__M)a & INT64_MAX);
}

/* Any lane set? */
EVTWIN__INLINE int EVTWIN__FN(m_any)(EVTWIN__M m) {
    int64_t any = 0;
    for (int i = 0; i < EVTWIN__W; i++) {
        any |= m[i];
    }
    return any != 0;
}

/* evtwin__exp of core/vmath.h, operation for operation: equal bits in every lane. */
EVTWIN__INLINE EVTWIN__V EVTWIN__FN(v_exp)(EVTWIN__V x) {
    const double shift = 6755399441055744.0;
    x = EVTWIN__FN(v_max)(EVTWIN__FN(v_set)(-708.0), x); /* NaN stays */
    x = EVTWIN__FN(v_min)(EVTWIN__FN(v_set)(708.0), x);
    const EVTWIN__V shifted = x * 1.4426950408889634074 + shift;
    const EVTWIN__V k = shifted - shift;
    EVTWIN__V r = x - k * 6.93147180369123816490e-01;
    r = r - k * 1.90821492927058770002e-10;

    EVTWIN__V p = EVTWIN__FN(v_set)(1.0 / 479001600.0);
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
    return p * (EVTWIN__V)(((EVTWIN__M)shifted + 1023) << 52);
}

/* Interval and place in it for x in units of intervals, clamped to [0, n]: x = (k as double) + f
 * with k in [0, n - 1], f in [0, 1]. Rounding x - 1/2 by the shift trick stands in for floor. */
EVTWIN__INLINE EVTWIN__V EVTWIN__FN(v_interval)(EVTWIN__V x, int n, EVTWIN__M *k_out) {
    const double shift = 6755399441055744.0;
    x = EVTWIN__FN(v_max)(x, EVTWIN__FN(v_set)(0.0));
    x = EVTWIN__FN(v_min)(x, EVTWIN__FN(v_set)((double)n));
    EVTWIN__V c = EVTWIN__FN(v_max)(x - 0.5, EVTWIN__FN(v_set)(0.0));
    c = EVTWIN__FN(v_min)(c, EVTWIN__FN(v_set)((double)(n - 1)));
    const EVTWIN__V shifted = c + shift;
    *k_out = (EVTWIN__M)shifted & 0xffffffff;
    return x - (shifted - shift);
}

#undef EVTWIN__V
#undef EVTWIN__M
