/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_defect.c: a steady RUL does not lag behind a defect. Packs whose resistance
 * begins to grow ten times as fast, beside their twins that have all the same but the defect, both
 * followed day by day. Trains forests: a long test. */

#include "test.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_XGBOOST

#define FEATURES EVTWIN_DEFAULT_FEATURES ",resistance_mohm"

enum { N_TRAINED = 200, N_PACKS = 320 };
#define MOST_LAG 27.0
#define MOST_OF_SETTLING 3.0

static evtwin_table *run(size_t n_packs, uint64_t seed, double every_days, int without_defects) {
    evtwin_sim_options options;
    evtwin_run_to_failure_options limits;
    evtwin_table *table = NULL;
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    assert_ok(evtwin_run_to_failure_options_init(&limits, sizeof limits));
    options.n_packs = n_packs;
    options.seed = seed;
    options.n_threads = 0;
    options.without_defects = without_defects;
    limits.record_every_days = every_days;
    assert_ok(evtwin_sim_run_to_failure(&options, &limits, &table, NULL, 0));
    return table;
}

static evtwin_predictor *train(const char *recipe) {
    evtwin_train_options options;
    evtwin_target target;
    size_t t;
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *p = NULL;
    evtwin_table *fleet = run(N_TRAINED, 1, 3.0, 0);
    assert_ok(evtwin_train_options_init(&options, sizeof options));
    options.recipe = recipe;
    options.features = FEATURES;
    assert_ok(evtwin_target_find("rul", &t));
    assert_ok(evtwin_target_get(t, &target, sizeof target));
    assert_ok(evtwin_train(fleet, &target, 1, &options, &trainer));
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    evtwin_trainer_free(trainer);
    evtwin_table_free(fleet);
    return p;
}

static double at(const evtwin_table *t, const char *column, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, column), row);
}

/* Behind the last row of the pack whose first it is: the rows of a pack stand together. */
static size_t end_of_pack(const evtwin_table *t, size_t first) {
    const int32_t *code = evtwin_table_codes(t, evtwin_table_find(t, "battery_id"));
    size_t r = first;
    while (r < evtwin_table_rows(t) && code[r] == code[first]) {
        r++;
    }
    return r;
}

/* Cycles from the first record at which the defect is there (and the twins' true RUL differ by 50:
 * an end that comes sooner is the same distance sooner at every record) to the first at which half
 * of the difference is predicted. NaN if the pack is no such case. */
static double lag_of(const char *said, const evtwin_table *with, size_t first, size_t end,
                     const evtwin_table *without, size_t twin, size_t twin_end) {
    double begin = NAN;
    for (size_t i = 0; first + i < end && twin + i < twin_end; i++) {
        const double cycles = at(with, "truth_efc", first + i);
        const double fall = at(without, "rul", twin + i) - at(with, "rul", first + i);
        const double seen = at(without, said, twin + i) - at(with, said, first + i);
        if (isnan(begin) && at(with, "truth_has_defect", first + i) > 0.0 && fall >= 50.0) {
            begin = cycles;
        }
        if (seen >= 0.5 * fall && !isnan(begin)) {
            return cycles - begin;
        }
    }
    return isnan(begin) ? (double)NAN : (double)INFINITY;
}

static int compare(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The median over the twins, of what a column says. */
static double median_lag(const evtwin_table *with, const evtwin_table *without, const char *recipe,
                         const char *said) {
    double lag[N_PACKS];
    size_t n = 0;
    for (size_t first = 0, twin = 0, end, twin_end; first < evtwin_table_rows(with);
         first = end, twin = twin_end) {
        end = end_of_pack(with, first);
        twin_end = end_of_pack(without, twin);
        lag[n] = lag_of(said, with, first, end, without, twin, twin_end);
        n += !isnan(lag[n]);
    }
    qsort(lag, n, sizeof *lag, compare);
    assert_true(n >= 20);
    print_message("%s, %s: half of the fall of %zu twins is seen after %.1f cycles (median), %.1f "
                  "at most\n",
                  recipe, said, n, lag[n / 2], lag[n - 1]);
    return lag[n / 2];
}

static void add_rul_row(evtwin_table *table) {
    size_t col;
    assert_ok(evtwin_table_add_column(table, "rul_row", EVTWIN_F64, "cycle", &col));
}

/* A recipe that remembers does not see it later than one that looks at each row alone, and little
 * of its lag is that it settles. */
static void test_defect_is_seen(void **state) {
    (void)state;
    static const char *const recipes[] = {"contract", "history"};
    evtwin_table *with = run(N_PACKS, 77, 1.0, 0), *without = run(N_PACKS, 77, 1.0, 1);
    double lag[2], of_row[2];
    add_rul_row(with);
    add_rul_row(without);
    for (int i = 0; i < 2; i++) {
        evtwin_predictor *p = train(recipes[i]);
        assert_ok(evtwin_predictor_apply(p, with));
        assert_ok(evtwin_predictor_apply(p, without));
        lag[i] = median_lag(with, without, recipes[i], "rul_prediction");
        of_row[i] = median_lag(with, without, recipes[i], "rul_row");
        evtwin_predictor_free(p);
    }
    assert_true(lag[1] <= lag[0]);
    assert_true(lag[1] <= MOST_LAG);
    assert_true(lag[1] - of_row[1] <= MOST_OF_SETTLING);
    evtwin_table_free(with);
    evtwin_table_free(without);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defect_is_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
