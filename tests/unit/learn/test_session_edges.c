/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_session_edges.c: what a session says of clocks that go back, of batteries
 * with one row, after a restart and beside another session: the same by both recipes. */

#include "learn/history.h"
#include "models.h"

#include "small_fleet.h"

#include <math.h>
#include <string.h>

#ifdef HAVE_XGBOOST

static const char *const recipes[] = {"contract", "history"};
enum { N_RECIPES = sizeof recipes / sizeof recipes[0], FIRST = 10, LATE = 5 };

static evtwin_predictor *train(const evtwin_table *fleet, const char *recipe) {
    evtwin_train_options o = fleet_options();
    evtwin_predictor *p = NULL;
    o.recipe = recipe;
    evtwin_trainer *trainer = train_fleet(fleet, &o);
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    evtwin_trainer_free(trainer);
    return p;
}

static evtwin_session *session_of(const evtwin_predictor *p) {
    evtwin_session *s = NULL;
    assert_ok(evtwin_session_create(p, NULL, &s));
    return s;
}

/* What a session says of one row, which is kept. */
static double say(evtwin_session *s, const evtwin_table *fleet, size_t row) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_select(fleet, &row, 1, &t));
    assert_ok(evtwin_session_apply(s, t));
    evtwin_session_commit(s);
    const double rul = evtwin_table_number(t, evtwin_table_find(t, "rul_prediction"), 0);
    evtwin_table_free(t);
    return rul;
}

/* The states of a session in a new one, as after a restart. */
static evtwin_session *restarted(const evtwin_predictor *p, const evtwin_table *fleet,
                                 size_t rows) {
    evtwin_session *before = session_of(p), *after = session_of(p);
    evtwin_table *part = NULL, *states = NULL;
    size_t row[FLEET_ROWS];
    for (size_t r = 0; r < rows; r++) {
        row[r] = r;
    }
    assert_ok(evtwin_table_select(fleet, row, rows, &part));
    assert_ok(evtwin_session_apply(before, part));
    assert_ok(evtwin_session_pending(before, &states));
    assert_ok(evtwin_session_restore(after, states));
    evtwin_session_free(before);
    evtwin_table_free(part);
    evtwin_table_free(states);
    return after;
}

/* A row from before the newest is answered and moves nothing: neither the answers after it nor, a
 * second time, its own. */
static void check_clock_goes_back(const evtwin_predictor *p, const evtwin_table *fleet) {
    evtwin_session *plain = session_of(p), *disturbed = session_of(p);
    for (size_t r = 0; r < FIRST; r++) {
        assert_true(say(plain, fleet, r) == say(disturbed, fleet, r));
    }
    const double late = say(disturbed, fleet, LATE);
    assert_true(isfinite(late) && late >= 0.0);
    assert_true(say(disturbed, fleet, LATE) == late);
    for (size_t r = FIRST; r < FLEET_ROWS; r++) {
        assert_true(say(plain, fleet, r) == say(disturbed, fleet, r));
    }
    evtwin_session_free(plain);
    evtwin_session_free(disturbed);
}

/* The counter of cycles goes back with a clock that goes on: another pack under the old name, which
 * is as new as one that was never seen once enough rows say so. */
static void check_counter_goes_back(const evtwin_predictor *p, const evtwin_table *fleet) {
    evtwin_session *old = session_of(p), *fresh = session_of(p);
    evtwin_table *swapped = NULL;
    assert_ok(evtwin_table_copy(fleet, &swapped));
    for (size_t r = 0; r < EVTWIN__FALL_LASTS; r++) {
        for (size_t c = FLEET_SOC; c < FLEET_RUL; c++) {
            const double v = evtwin_table_number(fleet, c, r);
            assert_ok(c == FLEET_CYCLES ? evtwin_table_set_i64(swapped, c, FIRST + r, (int64_t)v)
                                        : evtwin_table_set_f64(swapped, c, FIRST + r, v));
        }
    }
    for (size_t r = 0; r < FIRST; r++) {
        say(old, fleet, r);
    }
    const size_t last = EVTWIN__FALL_LASTS - 1;
    for (size_t r = 0; r < last; r++) {
        say(old, swapped, FIRST + r);
    }
    assert_true(say(old, swapped, FIRST + last) == say(fresh, fleet, last));
    evtwin_session_free(old);
    evtwin_session_free(fresh);
    evtwin_table_free(swapped);
}

/* One row is enough, and says the same alone, in a table and after others of other batteries. */
static void check_one_row(const evtwin_predictor *p, const evtwin_table *fleet) {
    evtwin_session *one = session_of(p), *many = session_of(p);
    evtwin_table *firsts = NULL;
    size_t row[FLEET_BATTERIES];
    for (size_t b = 0; b < FLEET_BATTERIES; b++) {
        row[b] = b * FLEET_ROWS;
        say(many, fleet, row[b]);
    }
    assert_ok(evtwin_table_select(fleet, row, FLEET_BATTERIES, &firsts));
    assert_ok(evtwin_predictor_apply(p, firsts));
    const double *rul = evtwin_table_f64(firsts, evtwin_table_find(firsts, "rul_prediction"));
    for (size_t b = 0; b < FLEET_BATTERIES; b++) {
        const double alone = say(one, fleet, row[b]);
        assert_true(isfinite(alone) && alone == rul[b]);
    }
    assert_int_equal(evtwin_session_batteries(many), FLEET_BATTERIES);
    evtwin_session_free(one);
    evtwin_session_free(many);
    evtwin_table_free(firsts);
}

/* A session goes on from kept states with the bits of one that never stopped; another session over
 * the same predictor sees nothing of it. */
static void check_restart_beside_another(const evtwin_predictor *p, const evtwin_table *fleet) {
    evtwin_session *whole = session_of(p), *other = session_of(p);
    evtwin_session *again = restarted(p, fleet, FIRST);
    for (size_t r = 0; r < FIRST; r++) {
        say(whole, fleet, r);
    }
    evtwin_session *third = session_of(p);
    const double first_of_other = say(third, fleet, FLEET_ROWS);
    evtwin_session_free(third);
    for (size_t r = FIRST; r < FLEET_ROWS; r++) {
        assert_true(say(whole, fleet, r) == say(again, fleet, r));
    }
    assert_true(say(other, fleet, FLEET_ROWS) == first_of_other);
    evtwin_session_free(whole);
    evtwin_session_free(other);
    evtwin_session_free(again);
}

static void test_edges(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t i = 0; i < N_RECIPES; i++) {
        evtwin_predictor *p = train(fleet, recipes[i]);
        check_clock_goes_back(p, fleet);
        check_counter_goes_back(p, fleet);
        check_one_row(p, fleet);
        check_restart_beside_another(p, fleet);
        evtwin_predictor_free(p);
    }
    evtwin_table_free(fleet);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
