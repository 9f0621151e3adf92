/* SPDX-License-Identifier: MIT */
/* learn/history.h: one battery's past as a bounded number of doubles, and the features made of it.
 * Training and live prediction push the same rows through this code, so they see the same bits. */
#ifndef EVTWIN_LEARN_HISTORY_H
#define EVTWIN_LEARN_HISTORY_H

#include <stddef.h>

typedef enum evtwin__statistic {
    EVTWIN__H_NONE = -1, /* the row's own value */
#define H(id, suffix, words, cycles, is_rate, formula) EVTWIN__H_##id,
#include "learn/history.def"
#undef H
    EVTWIN__H_COUNT
} evtwin__statistic;

typedef struct evtwin__statistic_info {
    const char *suffix, *words, *formula;
    int cycles, is_rate;
} evtwin__statistic_info;

extern const evtwin__statistic_info evtwin__statistics[EVTWIN__H_COUNT];

/* A fall of a counter, in cycles, and in how many rows it must last to be believed: less is
 * rounding one way and the other, or a wrong value. */
#define EVTWIN__LEAST_FALL 2.0
enum { EVTWIN__FALL_LASTS = 5 };

/* How many doubles the past of n quantities is. */
size_t evtwin__history_size(size_t n);

/* An empty past: nothing was seen. */
void evtwin__history_clear(double *past, size_t n);
int evtwin__history_is_empty(const double *past);
/* Nothing was seen of quantity q; the others stay, and so does the clock. */
void evtwin__history_forget(double *past, size_t q);

/* The cycle after the newest, where each row is one. */
double evtwin__history_next_cycle(const double *past);

/* One more row: value (n), NaN = not measured, of which nothing is kept; cycle = cycles so far, NaN
 * = as at the row before. A counter that is two cycles or more below the newest is taken as NaN,
 * until so many rows in a row (EVTWIN__FALL_LASTS) have it: then the last rise was a wrong value,
 * where the counter is back at what it was before, and only windows are lost; or else it was reset,
 * or is that of another battery, and the past begins anew with that row. Does not allocate. */
void evtwin__history_push(double *past, size_t n, double cycle, const double *value);

/* One more value of quantity q, of the newest row. */
void evtwin__history_add(double *past, size_t q, double value);

/* The newest row's cycle; the mean of quantity q over the last ten cycles, NaN without a value. */
double evtwin__history_cycle(const double *past);
double evtwin__history_mean(const double *past, size_t q);
/* The same over the last few of them, 1 to 10. */
double evtwin__history_mean_of_last(const double *past, size_t q, size_t cycles);

/* All statistics of two quantities as of the newest row, into (EVTWIN__H_COUNT) each.
 * NaN where the window has too little: nothing is padded. Two at once cost what one does; which
 * others a quantity is beside does not change its bits. */
void evtwin__history_two(const double *past, size_t one, size_t other, double *out,
                         double *other_out);

#endif
