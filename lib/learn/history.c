/* SPDX-License-Identifier: MIT */
/* learn/history.c: rings of the last ten bins of cycles in two widths: enough for medians over 10
 * and slopes over 50 cycles, whatever the number of rows in them. */

#include "learn/history.h"

#include "learn/full_window.h"

#include <math.h>

/* Bins are 1 and 5 cycles wide, so that the slow ring is as short as the fast one. */
enum { N_WIDTHS = 2, N_BINS = EVTWIN__WINDOW, FIRST_CYCLES = 10 };
enum { BY_1, BY_5 };
static const double width[N_WIDTHS] = {1.0, 5.0};

/* A slope needs so many bins with a value, from end to end as many as half of the ring. */
enum { MIN_BINS = 3, MIN_SPAN = N_BINS / 2 };

const evtwin__statistic_info evtwin__statistics[EVTWIN__H_COUNT] = {
#define H(id, suffix, words, cycles, is_rate, formula) {suffix, words, formula, cycles, is_rate},
#include "learn/history.def"
#undef H
};

/* Bins are counted in doubles, one by one: exact up to here, and beyond any battery. */
static const double MOST_CYCLES = 1e9;

/* The past of all quantities, then each one's own. It is doubles alone, so that it is copied,
 * written and read as one array. */
typedef struct clock {
    double first_cycle, newest_cycle; /* NaN: nothing was seen */
    double before;                    /* the newest before it rose to what it is; NaN: it has not */
    double n_fallen;                  /* rows up to now whose counter lies below the newest */
} clock;

typedef struct ring {
    double bin[N_BINS]; /* mean of the rows in it; NaN if there is none. Bin i is at i % N_BINS */
    double sum, n;      /* of the newest bin */
} ring;

typedef struct followed {
    ring by[N_WIDTHS];
    double first_sum, first_n; /* of the first cycles that were seen */
} followed;

enum {
    CLOCK_SIZE = sizeof(clock) / sizeof(double),
    FOLLOWED_SIZE = sizeof(followed) / sizeof(double)
};

static clock *clock_of(double *past) {
    return (clock *)(void *)past;
}

static followed *followed_of(double *past, size_t q) {
    return (followed *)(void *)(past + CLOCK_SIZE + q * FOLLOWED_SIZE);
}

static const followed *followed_at(const double *past, size_t q) {
    return (const followed *)(const void *)(past + CLOCK_SIZE + q * FOLLOWED_SIZE);
}

size_t evtwin__history_size(size_t n) {
    return CLOCK_SIZE + n * FOLLOWED_SIZE;
}

static void clear_bins(ring *r) {
    for (size_t i = 0; i < N_BINS; i++) {
        r->bin[i] = NAN;
    }
    r->sum = r->n = 0.0;
}

static void clear_windows(double *past, size_t n) {
    for (size_t q = 0; q < n; q++) {
        for (size_t w = 0; w < N_WIDTHS; w++) {
            clear_bins(&followed_of(past, q)->by[w]);
        }
    }
}

void evtwin__history_forget(double *past, size_t q) {
    followed *f = followed_of(past, q);
    for (size_t w = 0; w < N_WIDTHS; w++) {
        clear_bins(&f->by[w]);
    }
    f->first_sum = f->first_n = 0.0;
}

void evtwin__history_clear(double *past, size_t n) {
    *clock_of(past) = (clock){NAN, NAN, NAN, 0.0};
    for (size_t q = 0; q < n; q++) {
        evtwin__history_forget(past, q);
    }
}

int evtwin__history_is_empty(const double *past) {
    return isnan(past[0]);
}

double evtwin__history_next_cycle(const double *past) {
    return evtwin__history_is_empty(past) ? 0.0 : evtwin__history_cycle(past) + 1.0;
}

/* ---- push ---- */

static size_t place_of(double bin) {
    return (size_t)bin % N_BINS;
}

/* Where the newest row is, of both widths: found once for all quantities. */
typedef struct newest {
    double bin[N_WIDTHS];
    size_t place[N_WIDTHS];
} newest;

static newest newest_at(double cycle) {
    newest row;
    for (size_t w = 0; w < N_WIDTHS; w++) {
        row.bin[w] = floor(cycle / width[w]);
        row.place[w] = place_of(row.bin[w]);
    }
    return row;
}

/* The newest bin was `from` and is `to`, which is another: those between have no rows. */
static void advance(ring *r, double from, double to) {
    if (to - from >= (double)N_BINS) {
        clear_bins(r);
        return;
    }
    for (double bin = from + 1.0; bin <= to; bin += 1.0) {
        r->bin[place_of(bin)] = NAN;
    }
    r->sum = r->n = 0.0;
}

static void add(followed *f, const clock *at, const newest *row, double value) {
    for (size_t w = 0; w < N_WIDTHS; w++) {
        ring *r = &f->by[w];
        r->sum += value;
        r->n += 1.0;
        r->bin[row->place[w]] = r->sum / r->n;
    }
    if (at->newest_cycle < at->first_cycle + (double)FIRST_CYCLES) {
        f->first_sum += value;
        f->first_n += 1.0;
    }
}

/* A fall that lasts: of a counter that had risen by mistake, or to another life. */
static void believe_fall(double *past, size_t n, double cycle) {
    clock *at = clock_of(past);
    const int is_back = cycle >= at->before - 1.0 && cycle >= at->first_cycle;
    if (!is_back) {
        evtwin__history_clear(past, n);
        return;
    }
    clear_windows(past, n);
    at->newest_cycle = cycle;
    at->before = NAN;
    at->n_fallen = 0.0;
}

/* The cycle of a row: never below that of the row before, unless a fall is believed. */
static double cycle_of(double *past, size_t n, double cycle) {
    clock *at = clock_of(past);
    const int is_usable = cycle >= 0.0 && cycle <= MOST_CYCLES;
    if (is_usable && cycle <= at->newest_cycle - EVTWIN__LEAST_FALL) {
        at->n_fallen += 1.0;
        if (at->n_fallen < (double)EVTWIN__FALL_LASTS) {
            return at->newest_cycle;
        }
        believe_fall(past, n, cycle);
        return cycle;
    }
    at->n_fallen = is_usable ? 0.0 : at->n_fallen;
    if (is_usable && cycle > at->newest_cycle) {
        at->before = at->newest_cycle;
    }
    return evtwin__history_is_empty(past) ? (is_usable ? cycle : 0.0)
           : is_usable                    ? fmax(cycle, at->newest_cycle)
                                          : at->newest_cycle;
}

void evtwin__history_push(double *past, size_t n, double cycle, const double *value) {
    clock *at = clock_of(past);
    const double now = cycle_of(past, n, cycle);
    const double before = evtwin__history_is_empty(past) ? now : at->newest_cycle;
    at->first_cycle = evtwin__history_is_empty(past) ? now : at->first_cycle;
    at->newest_cycle = now;
    const newest from = newest_at(before), to = newest_at(now);
    for (size_t q = 0; q < n; q++) {
        followed *f = followed_of(past, q);
        for (size_t w = 0; w < N_WIDTHS; w++) {
            if (to.bin[w] > from.bin[w]) {
                advance(&f->by[w], from.bin[w], to.bin[w]);
            }
        }
        if (isfinite(value[q])) {
            add(f, at, &to, value[q]);
        }
    }
}

void evtwin__history_add(double *past, size_t q, double value) {
    if (isfinite(value)) {
        const newest row = newest_at(evtwin__history_cycle(past));
        add(followed_of(past, q), clock_of(past), &row, value);
    }
}

/* ---- statistics ---- */

double evtwin__history_cycle(const double *past) {
    return past[1];
}

double evtwin__history_mean(const double *past, size_t q) {
    const followed *f = followed_at(past, q);
    double sum = 0.0, n = 0.0;
    for (size_t i = 0; i < N_BINS; i++) {
        const double v = f->by[BY_1].bin[i];
        sum += isnan(v) ? 0.0 : v;
        n += isnan(v) ? 0.0 : 1.0;
    }
    return n > 0.0 ? sum / n : (double)NAN;
}

double evtwin__history_mean_of_last(const double *past, size_t q, size_t cycles) {
    const followed *f = followed_at(past, q);
    const double last_bin = floor(evtwin__history_cycle(past));
    double sum = 0.0, n = 0.0;
    for (size_t age = 0; age < cycles && (double)age <= last_bin; age++) {
        const double v = f->by[BY_1].bin[place_of(last_bin - (double)age)];
        sum += isnan(v) ? 0.0 : v;
        n += isnan(v) ? 0.0 : 1.0;
    }
    return n > 0.0 ? sum / n : (double)NAN;
}

static double median(const ring *r) {
    double v[N_BINS];
    size_t n = 0;
    for (size_t i = 0; i < N_BINS; i++) {
        if (!isnan(r->bin[i])) {
            size_t k = n++;
            for (; k > 0 && v[k - 1] > r->bin[i]; k--) {
                v[k] = v[k - 1];
            }
            v[k] = r->bin[i];
        }
    }
    return n == 0 ? (double)NAN : n % 2 != 0 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* Per cycle, over the bins that have a value; bins count back from the newest, in the order of
 * age. */
static double slope(const ring *r, double newest_bin, double cycles_per_bin) {
    double n = 0.0, sum_x = 0.0, sum_y = 0.0, oldest = 0.0, youngest = NAN;
    double x[N_BINS], y[N_BINS];
    for (size_t age = 0; age < N_BINS && (double)age <= newest_bin; age++) {
        const double v = r->bin[place_of(newest_bin - (double)age)];
        if (!isnan(v)) {
            x[(size_t)n] = -(double)age;
            y[(size_t)n] = v;
            sum_x -= (double)age;
            sum_y += v;
            oldest = (double)age;
            youngest = isnan(youngest) ? (double)age : youngest;
            n += 1.0;
        }
    }
    if (n < (double)MIN_BINS || oldest - youngest < (double)MIN_SPAN) {
        return NAN;
    }
    double xy = 0.0, xx = 0.0;
    for (size_t i = 0; i < (size_t)n; i++) {
        xy += (x[i] - sum_x / n) * (y[i] - sum_y / n);
        xx += (x[i] - sum_x / n) * (x[i] - sum_x / n);
    }
    return xy / xx / cycles_per_bin;
}

static void levels(const ring *const r[2], double *out) {
    const evtwin__windows w = evtwin__windows_of(r[0]->bin, r[1]->bin);
    const evtwin__two lack = evtwin__windows_lack(&w), full = evtwin__windows_median(w);
    for (size_t i = 0; i < 2; i++) {
        out[i] = lack[i] == 0.0 ? full[i] : median(r[i]);
    }
}

static void slopes(const ring *const r[2], double newest_bin, double cycles_per_bin, double *out) {
    const evtwin__windows w = evtwin__windows_of(r[0]->bin, r[1]->bin);
    const evtwin__two lack = evtwin__windows_lack(&w);
    const evtwin__two full = evtwin__windows_slope(&w, place_of(newest_bin), cycles_per_bin);
    for (size_t i = 0; i < 2; i++) {
        out[i] = lack[i] == 0.0 ? full[i] : slope(r[i], newest_bin, cycles_per_bin);
    }
}

void evtwin__history_two(const double *past, size_t one, size_t other, double *out,
                         double *other_out) {
    const clock *at = (const clock *)(const void *)past;
    const followed *const of[] = {followed_at(past, one), followed_at(past, other)};
    double *const to[] = {out, other_out}, level[2], slope50[2];
    const ring *const by_1[] = {&of[0]->by[BY_1], &of[1]->by[BY_1]};
    const ring *const by_5[] = {&of[0]->by[BY_5], &of[1]->by[BY_5]};
    levels(by_1, level);
    slopes(by_5, floor(at->newest_cycle / width[BY_5]), width[BY_5], slope50);
    /* known when the first cycles are over */
    const int is_later = at->newest_cycle >= at->first_cycle + (double)FIRST_CYCLES;
    for (size_t i = 0; i < 2; i++) {
        const int has_first = is_later && of[i]->first_n > 0.0;
        to[i][EVTWIN__H_LEVEL] = level[i];
        to[i][EVTWIN__H_CHANGE] =
            has_first ? level[i] - of[i]->first_sum / of[i]->first_n : (double)NAN;
        to[i][EVTWIN__H_SLOPE50] = slope50[i];
    }
}
