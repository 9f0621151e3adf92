/* SPDX-License-Identifier: MIT */
/* learn/full_window.h: median and slope of two windows of ten values at once, all of them known:
 * what nearly every row of a live battery asks for. Without branches, which values would mislead.
 */
#ifndef EVTWIN_LEARN_FULL_WINDOW_H
#define EVTWIN_LEARN_FULL_WINDOW_H

#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { EVTWIN__WINDOW = 10 };

typedef double evtwin__two __attribute__((vector_size(16)));

/* The values of both windows by place. */
typedef struct evtwin__windows {
    evtwin__two at[EVTWIN__WINDOW];
} evtwin__windows;

static inline evtwin__windows evtwin__windows_of(const double *one, const double *other) {
    evtwin__windows w;
#pragma GCC unroll 10
    for (size_t i = 0; i < EVTWIN__WINDOW; i++) {
        w.at[i] = (evtwin__two){one[i], other[i]};
    }
    return w;
}

/* 0 for each that is full of finite values, else NaN. */
static inline evtwin__two evtwin__windows_lack(const evtwin__windows *w) {
    const evtwin__two sum = ((w->at[0] + w->at[1]) + (w->at[2] + w->at[3])) +
                            ((w->at[4] + w->at[5]) + (w->at[6] + w->at[7])) + (w->at[8] + w->at[9]);
    return sum - sum; /* NaN also where the sum overflows */
}

/* The smaller into low; compilers do not find SSE2's one instruction for it. */
static inline void evtwin__order(evtwin__two *low, evtwin__two *high) {
    const evtwin__two a = *low, b = *high;
#if defined(__SSE2__)
    *low = (evtwin__two)_mm_min_pd((__m128d)a, (__m128d)b);
    *high = (evtwin__two)_mm_max_pd((__m128d)a, (__m128d)b);
#else
    typedef int64_t mask __attribute__((vector_size(16)));
    const mask less = a < b;
    *low = (evtwin__two)((less & (mask)a) | (~less & (mask)b));
    *high = (evtwin__two)((less & (mask)b) | (~less & (mask)a));
#endif
}

/* Waksman's sorting network (Knuth, The Art of Computer Programming 3, 5.3.4) less five of its 29
 * comparisons, which the middle two can do without. By the 0-1 principle the test of all 1,024
 * windows of zeros and ones proves it. */
static inline evtwin__two evtwin__windows_median(evtwin__windows w) {
#define ORDER(i, j) evtwin__order(&w.at[i], &w.at[j]);
    ORDER(4, 9)
    ORDER(3, 8)
        ORDER(2, 7) ORDER(1, 6) ORDER(1, 4) ORDER(6, 9) ORDER(5, 8) ORDER(0, 2) ORDER(3, 6)
            ORDER(0, 1) ORDER(2, 4) ORDER(8, 9) ORDER(1, 2) ORDER(4, 6) ORDER(7, 8) ORDER(3, 5)
                ORDER(2, 5) ORDER(6, 8) ORDER(1, 3) ORDER(4, 7) ORDER(2, 3) ORDER(6, 7) ORDER(3, 4)
                    ORDER(5, 6)
#undef ORDER
                        return 0.5 *
        (w.at[4] + w.at[5]);
}

/* Least-squares slope over values so far apart, the newest at `newest`, those before it behind
 * that, in a ring: sum of x y over sum of x x, where x is the place about the mean, -4.5 to 4.5. */
static inline evtwin__two evtwin__windows_slope(const evtwin__windows *w, size_t newest,
                                                double apart) {
    size_t place[EVTWIN__WINDOW]; /* by age */
#pragma GCC unroll 10
    for (size_t age = 0; age < EVTWIN__WINDOW; age++) {
        place[age] = newest >= age ? newest - age : newest + EVTWIN__WINDOW - age;
    }
    evtwin__two xy = {0.0, 0.0};
#pragma GCC unroll 5
    for (size_t age = 0; age < EVTWIN__WINDOW / 2; age++) {
        xy += (4.5 - (double)age) * (w->at[place[age]] - w->at[place[EVTWIN__WINDOW - 1 - age]]);
    }
    return xy / (82.5 * apart);
}

#endif
