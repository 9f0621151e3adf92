/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_history.c: statistics of a battery's past against their definitions, and
 * where there are none. */

#include "test.h"

#include "learn/history.h"
#include "learn/past.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_ROWS = 2000, MOST_PAST = 256 };

static double past[MOST_PAST];

static void clear(size_t n) {
    assert_true(evtwin__history_size(n) <= MOST_PAST);
    evtwin__history_clear(past, n);
}

static void push(double cycle, double value) {
    evtwin__history_push(past, 1, cycle, &value);
}

static double get_of(size_t q, evtwin__statistic s) {
    double all[EVTWIN__H_COUNT], same[EVTWIN__H_COUNT];
    evtwin__history_two(past, q, q, all, same);
    return all[s];
}

static double get(evtwin__statistic s) {
    return get_of(0, s);
}

static double noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / 16777216.0;
}

/* ---- the definitions, from all rows at once ---- */

typedef struct row {
    double cycle, value;
} row;

/* Means of the rows by bin, of the last ten bins; how many have one. */
static size_t bins_of(const row *rows, size_t n, double width, double x[10], double y[10]) {
    const double newest = floor(rows[n - 1].cycle / width);
    size_t n_bins = 0;
    for (double bin = newest - 9.0; bin <= newest; bin += 1.0) {
        double sum = 0.0, count = 0.0;
        for (size_t i = 0; i < n; i++) {
            const int is_in = floor(rows[i].cycle / width) == bin && !isnan(rows[i].value);
            sum += is_in ? rows[i].value : 0.0;
            count += is_in;
        }
        if (count > 0.0) {
            x[n_bins] = bin * width;
            y[n_bins++] = sum / count;
        }
    }
    return n_bins;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double level_of(const row *rows, size_t n) {
    double x[10], y[10];
    const size_t k = bins_of(rows, n, 1.0, x, y);
    qsort(y, k, sizeof *y, compare);
    return k == 0 ? (double)NAN : 0.5 * (y[(k - 1) / 2] + y[k / 2]);
}

static double change_of(const row *rows, size_t n) {
    double sum = 0.0, count = 0.0;
    for (size_t i = 0; i < n; i++) {
        const int is_first = rows[i].cycle < rows[0].cycle + 10.0 && !isnan(rows[i].value);
        sum += is_first ? rows[i].value : 0.0;
        count += is_first;
    }
    return rows[n - 1].cycle < rows[0].cycle + 10.0 ? (double)NAN : level_of(rows, n) - sum / count;
}

static double slope_of(const row *rows, size_t n, double width) {
    double x[10], y[10], sum_x = 0.0, sum_y = 0.0, xy = 0.0, xx = 0.0;
    const size_t k = bins_of(rows, n, width, x, y);
    if (k < 3 || x[k - 1] - x[0] < 5.0 * width) {
        return NAN;
    }
    for (size_t i = 0; i < k; i++) {
        sum_x += x[i] / (double)k;
        sum_y += y[i] / (double)k;
    }
    for (size_t i = 0; i < k; i++) {
        xy += (x[i] - sum_x) * (y[i] - sum_y);
        xx += (x[i] - sum_x) * (x[i] - sum_x);
    }
    return xy / xx;
}

static void assert_same(double actual, double expected) {
    if (isnan(expected)) {
        assert_true(isnan(actual));
    } else {
        assert_near(actual, expected, 1e-9 * (1.0 + fabs(expected)));
    }
}

/* Steps of 0 to max_step cycles, a tenth of the values missing. */
static void check_series(double max_step, uint32_t seed) {
    static row rows[MOST_ROWS];
    double cycle = 3.0;
    clear(1);
    for (size_t n = 0; n < 300; n++) {
        cycle += max_step * noise(&seed);
        rows[n] = (row){cycle, noise(&seed) < 0.1 ? (double)NAN : 90.0 + noise(&seed)};
        push(rows[n].cycle, rows[n].value);
        assert_same(get(EVTWIN__H_LEVEL), level_of(rows, n + 1));
        assert_same(get(EVTWIN__H_CHANGE), change_of(rows, n + 1));
        assert_same(get(EVTWIN__H_SLOPE50), slope_of(rows, n + 1, 5.0));
    }
}

static void test_definitions(void **state) {
    (void)state;
    check_series(0.02, 1); /* fifty rows a cycle, as live */
    check_series(1.0, 2);
    check_series(3.0, 3);   /* a row every other cycle */
    check_series(40.0, 4);  /* once in a while */
    check_series(900.0, 5); /* further apart than any window */
}

/* A line has its slope, whatever the number of rows in a cycle. */
static void test_line(void **state) {
    (void)state;
    clear(1);
    for (int i = 0; i <= 4000; i++) {
        push(0.1 * i, 100.0 - 0.05 * floor(0.1 * i + 1e-9));
    }
    assert_near(get(EVTWIN__H_SLOPE50), -0.05, 2e-3); /* the newest bin has one cycle only */
    assert_near(get(EVTWIN__H_LEVEL), 100.0 - 0.05 * 395.5, 1e-9);
    assert_near(get(EVTWIN__H_CHANGE), -0.05 * (395.5 - 4.5), 1e-9);
}

/* Full windows are taken two at a time: the middle of every window of zeros and ones, which by the
 * 0-1 principle are all windows; what a quantity has beside it does not matter. */
static void test_full_windows(void **state) {
    (void)state;
    for (int ones = 0; ones < 1024; ones++) {
        double of[2][EVTWIN__H_COUNT];
        clear(3);
        for (int cycle = 0; cycle < 10; cycle++) {
            const double value[3] = {ones >> cycle & 1, 1 - (ones >> cycle & 1),
                                     cycle == 4 ? (double)NAN : 7.0};
            evtwin__history_push(past, 3, cycle, value);
        }
        const int n = __builtin_popcount((unsigned)ones);
        const double middle = n < 5 ? 0.0 : n > 5 ? 1.0 : 0.5;
        evtwin__history_two(past, 0, 1, of[0], of[1]);
        assert_true(of[0][EVTWIN__H_LEVEL] == middle);
        assert_true(of[1][EVTWIN__H_LEVEL] == 1.0 - middle);
        evtwin__history_two(past, 2, 0, of[0], of[1]);
        assert_true(of[0][EVTWIN__H_LEVEL] == 7.0 && of[1][EVTWIN__H_LEVEL] == middle);
    }
    clear(2);
    uint32_t seed = 4;
    for (int cycle = 0; cycle < 120; cycle++) {
        const double value[2] = {noise(&seed), cycle < 60 ? (double)NAN : noise(&seed)};
        double of[2][EVTWIN__H_COUNT];
        evtwin__history_push(past, 2, cycle, value);
        evtwin__history_two(past, 1, 0, of[1], of[0]);
        for (size_t q = 0; q < 2; q++) {
            for (int s = 0; s < (int)EVTWIN__H_COUNT; s++) {
                const double alone = get_of(q, (evtwin__statistic)s);
                assert_memory_equal(&of[q][s], &alone, sizeof alone);
            }
        }
    }
}

/* ---- where there is little or none ---- */

static void assert_unknown(void) {
    for (int s = 0; s < (int)EVTWIN__H_COUNT; s++) {
        assert_true(isnan(get((evtwin__statistic)s)));
    }
}

static void test_nothing(void **state) {
    (void)state;
    clear(1);
    assert_true(evtwin__history_is_empty(past));
    assert_unknown();
    push(0.0, NAN);
    assert_false(evtwin__history_is_empty(past));
    assert_unknown();
}

/* The first row is the last: only its level is known. */
static void test_one_row(void **state) {
    (void)state;
    clear(1);
    push(700.0, 81.5);
    assert_true(get(EVTWIN__H_LEVEL) == 81.5);
    assert_true(isnan(get(EVTWIN__H_CHANGE)));
    assert_true(isnan(get(EVTWIN__H_SLOPE50)));
}

/* A window longer than the series is missing, not padded. */
static void test_short_series(void **state) {
    (void)state;
    clear(1);
    for (int cycle = 0; cycle <= 30; cycle++) {
        assert_true(isnan(get(EVTWIN__H_SLOPE50)) || cycle > 25);
        push(cycle, 100.0 - cycle);
    }
    assert_near(get(EVTWIN__H_SLOPE50), -1.0, 0.2);
}

static void test_missing_and_infinite(void **state) {
    (void)state;
    clear(1);
    for (int cycle = 0; cycle < 20; cycle++) {
        push(cycle, cycle % 3 == 0 ? (double)NAN : cycle % 3 == 1 ? (double)INFINITY : 50.0);
    }
    assert_true(get(EVTWIN__H_LEVEL) == 50.0);
    assert_true(get(EVTWIN__H_CHANGE) == 0.0);
    for (int cycle = 20; cycle < 40; cycle++) {
        push(cycle, NAN); /* long enough, and what was known is too old */
    }
    assert_true(isnan(get(EVTWIN__H_LEVEL)));
    push(NAN, 60.0); /* a counter that is missing stands still, as one that cannot be */
    push(INFINITY, 60.0);
    push(-1.0, 60.0);
    push(1e300, 60.0);
    assert_true(get(EVTWIN__H_LEVEL) == 60.0);
}

/* A counter that goes back is another battery's, or was reset; a small step back is noise. */
static void test_counter_back(void **state) {
    (void)state;
    clear(1);
    for (int cycle = 0; cycle < 100; cycle++) {
        push(cycle, 100.0);
    }
    push(98.5, 40.0);
    assert_true(get(EVTWIN__H_LEVEL) == 100.0);
    for (int i = 0; i < EVTWIN__FALL_LASTS - 1; i++) {
        push(50.0 + i, 40.0);
        assert_true(get(EVTWIN__H_LEVEL) == 100.0 && !isnan(get(EVTWIN__H_CHANGE)));
    }
    push(54.0, 40.0);
    assert_true(get(EVTWIN__H_LEVEL) == 40.0);
    assert_true(isnan(get(EVTWIN__H_CHANGE)));
    assert_true(isnan(get(EVTWIN__H_SLOPE50)));
    push(3.0, 40.0); /* of a new life too */
    assert_near(evtwin__history_cycle(past), 54.0, 0.0);
}

/* One row in nine is too low by 40 cycles, as of a late or garbled message: the past stays. */
static void test_single_values_too_low(void **state) {
    (void)state;
    double expected[EVTWIN__H_COUNT], same[EVTWIN__H_COUNT];
    clear(1);
    for (int cycle = 0; cycle < 400; cycle++) {
        push(cycle, 100.0 - 0.05 * cycle);
    }
    evtwin__history_two(past, 0, 0, expected, same);
    clear(1);
    for (int cycle = 0; cycle < 400; cycle++) {
        push(cycle % 9 == 5 ? cycle - 40.0 : cycle, 100.0 - 0.05 * cycle);
    }
    assert_near(get(EVTWIN__H_LEVEL), expected[EVTWIN__H_LEVEL], 0.05);
    assert_near(get(EVTWIN__H_CHANGE), expected[EVTWIN__H_CHANGE], 0.05);
    assert_near(get(EVTWIN__H_SLOPE50), expected[EVTWIN__H_SLOPE50], 0.005);
}

/* A value too high stands until five rows contradict it; how the battery began is still known. */
static void test_single_value_too_high(void **state) {
    (void)state;
    clear(1);
    for (int cycle = 0; cycle < 100; cycle++) {
        push(cycle, 100.0 - cycle);
    }
    push(5000.0, 1.0);
    for (int cycle = 100; cycle < 200; cycle++) {
        push(cycle, 100.0 - cycle);
    }
    assert_near(evtwin__history_cycle(past), 199.0, 0.0);
    assert_near(get(EVTWIN__H_LEVEL), 100.0 - 194.5, 1e-9);
    assert_near(get(EVTWIN__H_CHANGE), 4.5 - 194.5, 1e-9);
    assert_near(get(EVTWIN__H_SLOPE50), -1.0, 1e-9);
}

/* Quantities do not touch each other, and the state is its doubles: a copy goes on alike. */
static void test_copy(void **state) {
    (void)state;
    static double copy[MOST_PAST];
    uint32_t seed = 9;
    clear(3);
    for (int i = 0; i < 500; i++) {
        const double value[3] = {noise(&seed), i % 7 == 0 ? (double)NAN : noise(&seed), 5.0};
        if (i == 250) {
            memcpy(copy, past, sizeof copy);
        }
        evtwin__history_push(past, 3, 0.7 * i, value);
        if (i >= 250) {
            evtwin__history_push(copy, 3, 0.7 * i, value);
        }
    }
    assert_memory_equal(copy, past, evtwin__history_size(3) * sizeof *past);
    assert_true(get_of(2, EVTWIN__H_LEVEL) == 5.0);
    assert_true(get_of(2, EVTWIN__H_SLOPE50) == 0.0);
}

/* What the model cannot say is unknown, not 0; a later row is said as if it had not been. */
static void test_settle_unknown(void **state) {
    (void)state;
    const int32_t group[] = {0, 0, 0, 0};
    const size_t order[] = {0, 1, 2, 3};
    double y[] = {INFINITY, 100.0, NAN, 98.0}; /* the same end of life */
    evtwin__settle_rows(group, order, 4, NULL, y, 1);
    assert_true(isnan(y[0]) && isnan(y[2]));
    assert_near(y[1], 100.0, 1e-9);
    assert_near(y[3], 98.0, 1e-9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_windows),
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_one_row),
        cmocka_unit_test(test_short_series),
        cmocka_unit_test(test_missing_and_infinite),
        cmocka_unit_test(test_counter_back),
        cmocka_unit_test(test_single_values_too_low),
        cmocka_unit_test(test_single_value_too_high),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_settle_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
