/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_end_of_life.c: past the end of life of the labels nothing is left, whatever
 * a forest says: RUL is 0 and the note says why; what the model says of a row alone is kept where
 * wanted. */

#include "models.h"

#include "small_fleet.h"

#include <math.h>
#include <string.h>

#ifdef HAVE_XGBOOST

#define RULE 82.0

static evtwin_predictor *train(const evtwin_table *fleet, const char *recipe, double eol) {
    evtwin_train_options o = fleet_options();
    evtwin_predictor *p = NULL;
    o.recipe = recipe;
    o.eol_soh_percent = eol;
    evtwin_trainer *trainer = train_fleet(fleet, &o);
    const char *dir = temp_path(recipe);
    assert_ok(evtwin_trainer_save(trainer, dir));
    assert_ok(evtwin_predictor_load(dir, &p));
    evtwin_trainer_free(trainer);
    return p;
}

static double at(const evtwin_table *t, const char *column, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, column), row);
}

/* The reported health falls from 100 to 70 in all batteries of the table. */
static void wear_out(evtwin_table *t) {
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        const double share = (double)(r % FLEET_ROWS) / (FLEET_ROWS - 1);
        assert_ok(evtwin_table_set_f64(t, FLEET_SOH, r, 100.0 - 30.0 * share));
    }
}

static void check_rows(const evtwin_table *t, const char *recipe, double limit) {
    const size_t note = evtwin_table_find(t, "prediction_note");
    size_t n_past = 0;
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        const double rul = at(t, "rul_prediction", r);
        assert_true(rul >= 0.0);
        assert_null(evtwin_table_text(t, note, r)); /* there is a prediction */
        if (evtwin_table_find(t, "rul_low") != EVTWIN_NO_COLUMN) {
            assert_true(at(t, "rul_low", r) >= 0.0 && at(t, "rul_low", r) <= rul);
            assert_true(at(t, "rul_high", r) >= rul);
        }
        const int is_past = at(t, "soh", r) < limit;
        if (strcmp(recipe, "contract") == 0) { /* of the past it is the median that counts */
            assert_true(!is_past || rul == 0.0);
        }
        n_past += (size_t)is_past;
    }
    assert_true(n_past > 0 && n_past < evtwin_table_rows(t));
    const size_t last = FLEET_ROWS - 1; /* the first battery's, at 70 % */
    assert_true(at(t, "rul_prediction", last) == 0.0);
    assert_true(at(t, "rul_prediction", 0) > 0.0);
}

static void test_nothing_is_left(void **state) {
    (void)state;
    static const char *const recipes[] = {"contract", "history"};
    for (size_t i = 0; i < 2; i++) {
        evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *live = NULL;
        evtwin_predictor *p = train(fleet, recipes[i], RULE);
        evtwin_session *session = NULL;
        evtwin_predictor_info info;
        assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
        assert_string_equal(info.label_rule, "soh below 82 %");
        wear_out(fleet);
        assert_ok(evtwin_table_copy(fleet, &live));
        assert_ok(evtwin_predictor_apply(p, fleet));
        check_rows(fleet, recipes[i], RULE);

        /* live rows get the same */
        assert_ok(evtwin_session_create(p, NULL, &session));
        assert_ok(evtwin_session_apply(session, live));
        for (size_t r = 0; r < evtwin_table_rows(live); r++) {
            assert_true(at(live, "rul_prediction", r) == at(fleet, "rul_prediction", r));
        }
        evtwin_session_free(session);
        evtwin_table_free(fleet);
        evtwin_table_free(live);
        evtwin_predictor_free(p);
    }
}

/* Without a rule from the caller: no row with life left is past the end. */
static void test_rule_of_the_data(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    double lowest = INFINITY;
    for (size_t r = 0; r < evtwin_table_rows(fleet); r++) {
        const double soh = evtwin_table_number(fleet, FLEET_TRUTH, r);
        lowest = evtwin_table_number(fleet, FLEET_RUL, r) > 0.0 ? fmin(lowest, soh) : lowest;
    }
    evtwin_predictor *p = train(fleet, "contract", 0.0);
    wear_out(fleet);
    assert_ok(evtwin_predictor_apply(p, fleet));
    check_rows(fleet, "contract", lowest);
    evtwin_table_free(fleet);
    evtwin_predictor_free(p);
}

static void test_bad_rules(void **state) {
    (void)state;
    static const double bad[] = {-1.0, 100.0, (double)NAN};
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_trainer *trainer = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        evtwin_train_options o = fleet_options();
        o.eol_soh_percent = bad[i];
        assert_fails(evtwin_train(fleet, NULL, 0, &o, &trainer), EVTWIN_E_ARG, "eol_soh_percent");
    }
    evtwin_table_free(fleet);
}

/* rul_row is what the model says of the row, with and without a session; nobody gets it unasked. */
static void test_rul_row(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *live = NULL;
    evtwin_predictor *p = train(fleet, "history", 0.0);
    evtwin_session *session = NULL;
    assert_ok(evtwin_table_copy(fleet, &live));
    assert_ok(evtwin_predictor_apply(p, fleet));
    assert_true(evtwin_table_find(fleet, "rul_row") == EVTWIN_NO_COLUMN);
    assert_ok(evtwin_table_add_column(fleet, "rul_row", EVTWIN_F64, NULL, NULL));
    assert_ok(evtwin_table_add_column(live, "rul_row", EVTWIN_F64, NULL, NULL));
    assert_ok(evtwin_predictor_apply(p, fleet));
    assert_ok(evtwin_session_create(p, NULL, &session));
    assert_ok(evtwin_session_apply(session, live));
    size_t n_other = 0;
    for (size_t r = 0; r < evtwin_table_rows(fleet); r++) {
        assert_true(at(fleet, "rul_row", r) == at(live, "rul_row", r));
        n_other += at(fleet, "rul_row", r) != at(fleet, "rul_prediction", r);
    }
    assert_true(n_other > 0);
    assert_true(at(fleet, "rul_row", 0) == at(fleet, "rul_prediction", 0)); /* the first alone */
    evtwin_session_free(session);
    evtwin_table_free(fleet);
    evtwin_table_free(live);
    evtwin_predictor_free(p);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_rule_of_the_data),
        cmocka_unit_test(test_bad_rules),
        cmocka_unit_test(test_rul_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
