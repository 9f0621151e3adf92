/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_trainer_edges.c: data at the edge of what can be learned from, by both
 * recipes: a clear error or a finding, and never a number that was made up. */

#include "test.h"

#include "small_fleet.h"

#ifdef HAVE_XGBOOST

static const char *const recipes[] = {"contract", "history"};
enum { N_RECIPES = 2 };

/* A training that may fail; the audit looks at series that these are too short for. */
static evtwin_status attempt(const evtwin_table *t, const char *recipe, const char *failure,
                             evtwin_trainer **out) {
    evtwin_train_options o = fleet_options();
    o.recipe = recipe;
    o.allow_single_rows = 1;
    const fleet_targets targets = targets_of(NULL, failure);
    return try_train(t, &targets, &o, out);
}

/* Every figure is a number that can be, or unknown, and every prediction too. */
static void assert_nothing_made_up(const evtwin_trainer *trainer, const evtwin_table *t) {
    evtwin_predictor *p = NULL;
    evtwin_table *predicted = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    assert_ok(evtwin_table_copy(t, &predicted));
    assert_ok(evtwin_predictor_apply(p, predicted));
    const size_t low = evtwin_table_find(predicted, "rul_low");
    const size_t high = evtwin_table_find(predicted, "rul_high");
    for (size_t r = 0; r < evtwin_table_rows(predicted); r++) {
        const double rul =
            evtwin_table_number(predicted, evtwin_table_find(predicted, "rul_prediction"), r);
        const double risk =
            evtwin_table_number(predicted, evtwin_table_find(predicted, "failure_probability"), r);
        assert_true(isnan(rul) || (rul >= 0.0 && rul < 1e5));
        assert_true(isnan(risk) || (risk >= 0.0 && risk <= 1.0));
        if (low != EVTWIN_NO_COLUMN && !isnan(rul)) {
            assert_true(evtwin_table_number(predicted, low, r) <= rul);
            assert_true(evtwin_table_number(predicted, high, r) >= rul);
        }
    }
    evtwin_table_free(predicted);
    evtwin_predictor_free(p);
    evtwin_score s;
    if (evtwin_trainer_score(trainer, "rul", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS, &s, sizeof s) >=
        0) {
        assert_true(isnan(s.r2) || s.r2 <= 1.0);
        assert_true(s.rmse >= 0.0 && s.n_test > 0);
    }
}

/* failure: its column, "none" = is not trained. */
static void train_both(const evtwin_table *t, const char *failure, const char *const *causes) {
    for (int k = 0; k < N_RECIPES; k++) {
        evtwin_trainer *trainer = NULL;
        assert_ok(attempt(t, recipes[k], failure, &trainer));
        for (size_t i = 0; causes[i] != NULL; i++) {
            if (finding_text(trainer, causes[i]) == NULL) {
                fail_msg("recipe %s: no finding %s", recipes[k], causes[i]);
            }
        }
        assert_nothing_made_up(trainer, t);
        evtwin_trainer_free(trainer);
    }
}

static void refuse_both(const evtwin_table *t, const char *words) {
    for (int k = 0; k < N_RECIPES; k++) {
        evtwin_trainer *trainer = NULL;
        assert_fails(attempt(t, recipes[k], NULL, &trainer), EVTWIN_E_DATA, words);
        assert_null(trainer);
    }
}

/* One battery: the end of its own series is held out; no interval, no calibration. */
static void test_one_battery(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(1, 200);
    refuse_both(t, "failure|one class"); /* it fails at the end, which is held out */
    train_both(t, "none", (const char *[]){"one-series", NULL});
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_FAILURE, r, r % 13 == 0));
    }
    train_both(t, NULL, (const char *[]){"one-series", "not-calibrated", NULL});
    evtwin_table_free(t);
}

static void test_two_batteries(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(2, 100);
    train_both(t, NULL, (const char *[]){"few-groups", "not-calibrated", NULL});
    evtwin_table_free(t);
}

/* No battery has an end: nothing to learn from. */
static void test_all_censored(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_missing(t, FLEET_RUL, r));
        assert_ok(evtwin_table_set_missing(t, FLEET_FAILURE, r));
    }
    refuse_both(t, "rul");
    evtwin_table_free(t);
}

/* Every battery has one: no finding, and none of those about censoring. */
static void test_none_censored(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(25, FLEET_ROWS);
    for (int k = 0; k < N_RECIPES; k++) {
        evtwin_trainer *trainer = NULL;
        assert_ok(attempt(t, recipes[k], NULL, &trainer));
        assert_null(finding_text(trainer, "censored"));
        assert_nothing_made_up(trainer, t);
        evtwin_trainer_free(trainer);
    }
    evtwin_table_free(t);
}

/* Features that never change say nothing, and the model knows it. */
static void test_constant_features(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        for (size_t col = FLEET_SOC; col <= FLEET_TEMPERATURE; col++) {
            assert_ok(evtwin_table_set_f64(t, col, r, col == FLEET_VOLTAGE ? 380.0 : 50.0));
        }
        assert_ok(evtwin_table_set_i64(t, FLEET_CYCLES, r, 100));
        assert_ok(evtwin_table_set_f64(t, FLEET_POWER, r, 19000.0));
    }
    train_both(t, NULL, (const char *[]){"no-signal", NULL});
    evtwin_table_free(t);
}

/* A battery of one row, beside others. */
static void test_first_record_is_the_last(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < FLEET_ROWS - 1; r++) { /* the first battery keeps one row */
        assert_ok(evtwin_table_set_text(t, FLEET_ID, r, "B001"));
        assert_ok(evtwin_table_set_missing(t, FLEET_RUL, r));
        assert_ok(evtwin_table_set_missing(t, FLEET_FAILURE, r));
    }
    train_both(t, NULL, (const char *[]){"one-row-groups", NULL});
    evtwin_table_free(t);
}

/* Gaps in a window, at its beginning too: filled forward or left out, and counted. */
static void test_missing_values(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        if (r % 7 == 3 || r % FLEET_ROWS < 4) {
            assert_ok(evtwin_table_set_missing(t, FLEET_SOH, r));
        }
    }
    train_both(t, NULL, (const char *[]){"filled-forward", "rows-left-out", NULL});
    evtwin_table_free(t);
}

/* Clocks that go back: the labels rise in the order of time. */
static void test_clocks_that_go_back(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        if (r % FLEET_ROWS > FLEET_ROWS / 2) { /* set back to the start, in every battery */
            const int64_t day = (int64_t)(r % FLEET_ROWS) - FLEET_ROWS / 2;
            assert_ok(evtwin_table_set_i64(t, FLEET_TIME, r, day * 86400000000 - 3600000000));
        }
    }
    train_both(t, NULL, (const char *[]){"clock-set-back", NULL});
    evtwin_table_free(t);
}

/* No series at all. */
static void test_ten_thousand_batteries_of_one_row(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(10000, 1);
    uint32_t seed = 5;
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        const double soh = 80.0 + 20.0 * fleet_noise(&seed);
        const double life = 40.0 * (soh - 80.0) + 400.0 * fleet_noise(&seed);
        assert_ok(evtwin_table_set_f64(t, FLEET_SOH, r, soh));
        assert_ok(evtwin_table_set_i64(t, FLEET_CYCLES, r, (int64_t)(1000.0 * fleet_noise(&seed))));
        assert_ok(evtwin_table_set_f64(t, FLEET_RUL, r, floor(life)));
        assert_ok(
            evtwin_table_set_f64(t, FLEET_FAILURE, r, life < 100.0 + 50.0 * fleet_noise(&seed)));
    }
    train_both(t, NULL, (const char *[]){"one-row-groups", NULL});
    evtwin_train_options o = fleet_options(); /* they are refused where nobody asked for them */
    const fleet_targets targets = targets_of(NULL, NULL);
    evtwin_trainer *trainer = NULL;
    assert_fails(try_train(t, &targets, &o, &trainer), EVTWIN_E_DATA, "10000");
    evtwin_table_free(t);
}

/* Series that are shorter than every window of the recipe. */
static void test_window_longer_than_the_series(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(40, 8);
    train_both(t, NULL, (const char *[]){NULL});
    evtwin_table_free(t);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_battery),
        cmocka_unit_test(test_two_batteries),
        cmocka_unit_test(test_all_censored),
        cmocka_unit_test(test_none_censored),
        cmocka_unit_test(test_constant_features),
        cmocka_unit_test(test_first_record_is_the_last),
        cmocka_unit_test(test_missing_values),
        cmocka_unit_test(test_clocks_that_go_back),
        cmocka_unit_test(test_ten_thousand_batteries_of_one_row),
        cmocka_unit_test(test_window_longer_than_the_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
