/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_session_swap.c: a session goes on with other models: with the bits of one
 * that had them and the past from the start, whatever of that past can be kept. */

#include "learn/session_batteries.h"
#include "models.h"

#include "small_fleet.h"

#include <math.h>
#include <string.h>

#ifdef HAVE_XGBOOST

enum { SWAP_AT = 20, WINDOW_CYCLES = 10 };

static evtwin_predictor *train(const evtwin_table *fleet, const char *recipe, const char *derive,
                               double learning_rate) {
    evtwin_train_options o = fleet_options();
    evtwin_predictor *p = NULL;
    o.recipe = recipe;
    o.derive = derive;
    o.learning_rate = learning_rate;
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

/* All that is said of one row. */
typedef struct said {
    double rul, rul_row, failure;
    char version[64];
} said;

static said say(evtwin_session *s, const evtwin_table *fleet, size_t row) {
    evtwin_table *t = NULL;
    size_t rul_row;
    assert_ok(evtwin_table_select(fleet, &row, 1, &t));
    assert_ok(evtwin_table_add_column(t, "rul_row", EVTWIN_F64, "cycles", &rul_row));
    assert_ok(evtwin_session_apply(s, t));
    evtwin_session_commit(s);
    said of = {
        .rul = evtwin_table_number(t, evtwin_table_find(t, "rul_prediction"), 0),
        .rul_row = evtwin_table_number(t, rul_row, 0),
        .failure = evtwin_table_number(t, evtwin_table_find(t, "failure_probability"), 0),
    };
    snprintf(of.version, sizeof of.version, "%s",
             evtwin_table_text(t, evtwin_table_find(t, "model_version"), 0));
    evtwin_table_free(t);
    return of;
}

static int n_warnings, n_notes;

static void count_log(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    n_warnings += level == EVTWIN_LOG_WARNING && strstr(text, "is dropped") != NULL;
    n_notes += level == EVTWIN_LOG_INFO && strstr(text, "the past of each battery stays") != NULL;
}

static void swap(evtwin_session *s, const evtwin_predictor *p, size_t n_anew) {
    size_t n = 99;
    assert_ok(evtwin_session_swap(s, p, &n));
    assert_int_equal(n, n_anew);
}

/* The cycle of a row of the fleet. */
static double cycle(const evtwin_table *fleet, size_t row) {
    return evtwin_table_number(fleet, FLEET_CYCLES, row);
}

/* The fleet's battery b is followed by `swapped`, which had `before` until row SWAP_AT, and by
 * `whole`, which has `after` all along: of a row alone both say the same bits; of the battery, once
 * what the first models said is no longer in the window. */
static void check_swap(const evtwin_predictor *before, const evtwin_predictor *after,
                       const evtwin_table *fleet) {
    evtwin_session *swapped = session_of(before), *whole = session_of(after);
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_info_get(after, &info, sizeof info));
    for (size_t r = 0; r < SWAP_AT; r++) {
        const said old = say(swapped, fleet, r), new = say(whole, fleet, r);
        assert_string_not_equal(old.version, new.version);
        assert_true(r == 0 || old.rul_row != new.rul_row || old.failure != new.failure ||
                    old.rul != new.rul);
    }
    swap(swapped, after, 0);
    assert_int_equal(evtwin_session_batteries(swapped), 1);
    int n_settled = 0;
    for (size_t r = SWAP_AT; r < FLEET_ROWS; r++) {
        const said a = say(swapped, fleet, r), b = say(whole, fleet, r);
        assert_true(a.rul_row == b.rul_row);
        assert_true(a.failure == b.failure);
        assert_string_equal(a.version, info.version);
        assert_string_equal(b.version, info.version);
        if (cycle(fleet, r) - cycle(fleet, SWAP_AT) >= WINDOW_CYCLES) {
            assert_true(a.rul == b.rul);
            n_settled++;
        }
    }
    assert_true(n_settled > 3);
    evtwin_session_free(swapped);
    evtwin_session_free(whole);
}

/* What the store has kept under one model, and a session that restores it under another: with the
 * bits of one that swapped. */
static void check_restore(const evtwin_predictor *before, const evtwin_predictor *after,
                          const evtwin_table *fleet) {
    evtwin_session *swapped = session_of(before), *restored = session_of(after);
    evtwin_table *part = NULL, *states = NULL;
    size_t row[SWAP_AT];
    for (size_t r = 0; r < SWAP_AT; r++) {
        row[r] = r;
    }
    assert_ok(evtwin_table_select(fleet, row, SWAP_AT, &part));
    assert_ok(evtwin_session_apply(swapped, part));
    assert_ok(evtwin_session_pending(swapped, &states));
    assert_fails(evtwin_session_swap(swapped, after, NULL), EVTWIN_E_STATE, "pending");
    evtwin_session_commit(swapped);
    assert_ok(evtwin_session_restore(restored, states));
    assert_int_equal(evtwin_session_batteries(restored), 1);
    swap(swapped, after, 0);
    for (size_t r = SWAP_AT; r < FLEET_ROWS; r++) {
        const said a = say(swapped, fleet, r), b = say(restored, fleet, r);
        assert_true(a.rul == b.rul && a.rul_row == b.rul_row && a.failure == b.failure);
    }
    evtwin_session_free(swapped);
    evtwin_session_free(restored);
    evtwin_table_free(part);
    evtwin_table_free(states);
}

static void test_same_features(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    static const char *const recipes[] = {"contract", "history"};
    for (size_t i = 0; i < 2; i++) {
        evtwin_predictor *p = train(fleet, recipes[i], NULL, 0.3);
        evtwin_predictor *q = train(fleet, recipes[i], NULL, 0.2);
        n_notes = 0;
        evtwin_set_log(count_log, NULL);
        check_swap(p, q, fleet);
        evtwin_set_log(NULL, NULL);
        assert_int_equal(n_notes, i); /* a row's own values: there is nothing to say */
        check_restore(p, q, fleet);
        evtwin_predictor_free(p);
        evtwin_predictor_free(q);
    }
    evtwin_table_free(fleet);
}

/* The models themselves once more, as when a registry gives the version that is there already:
 * nothing is forgotten. */
static void test_same_models(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_predictor *p = train(fleet, "history", NULL, 0.3);
    evtwin_session *swapped = session_of(p), *whole = session_of(p);
    for (size_t r = 0; r < FLEET_ROWS; r++) {
        assert_true(say(swapped, fleet, r).rul == say(whole, fleet, r).rul);
        swap(swapped, p, 0);
    }
    evtwin_session_free(swapped);
    evtwin_session_free(whole);
    evtwin_predictor_free(p);
    evtwin_table_free(fleet);
}

/* The past of the battery in the state that this row leaves, as text; freed by the caller. */
static char *past_after(evtwin_session *s, const evtwin_table *fleet, size_t row,
                        evtwin_table **states_out) {
    evtwin_table *t = NULL, *states = NULL;
    assert_ok(evtwin_table_select(fleet, &row, 1, &t));
    assert_ok(evtwin_session_apply(s, t));
    assert_ok(evtwin_session_pending(s, &states));
    evtwin_session_commit(s);
    const char *state = evtwin_table_text(states, evtwin_table_find(states, "state"), 0);
    const char *past = strstr(state, "\"past\":");
    assert_non_null(past);
    char *copy = strdup(past);
    evtwin_table_free(t);
    if (states_out != NULL) {
        *states_out = states;
    } else {
        evtwin_table_free(states);
    }
    return copy;
}

/* A registry that was set up anew gives another bundle under a version that was there before: what
 * the old one has said of ends of life is forgotten, as by any other version. */
static void test_same_version_of_another_bundle(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *states = NULL;
    evtwin_predictor *old = train(fleet, "history", NULL, 0.3);
    evtwin_predictor *new[2]; /* alike, but for what they are called */
    for (size_t i = 0; i < 2; i++) {
        new[i] = train(fleet, "history", NULL, 0.1);
    }
    assert_ok(evtwin_predictor_set_version(old, "evtwin-rul/3"));
    assert_ok(evtwin_predictor_set_version(new[0], "evtwin-rul/3"));
    assert_ok(evtwin_predictor_set_version(new[1], "evtwin-rul/4"));
    evtwin_session *swapped[2] = {session_of(old), session_of(old)};
    char *swapped_past[2], *restored_past[2];
    const size_t last = FLEET_ROWS - 1;
    for (size_t i = 0; i < 2; i++) {
        for (size_t r = 0; r + 1 < last; r++) {
            say(swapped[i], fleet, r);
        }
        evtwin_table_free(states);
        free(past_after(swapped[i], fleet, last - 1, &states)); /* what a store has then */
        swap(swapped[i], new[i], 0);
        swapped_past[i] = past_after(swapped[i], fleet, last, NULL);
        evtwin_session *restored = session_of(new[i]);
        assert_ok(evtwin_session_restore(restored, states));
        restored_past[i] = past_after(restored, fleet, last, NULL);
        evtwin_session_free(restored);
    }
    assert_string_equal(swapped_past[0], swapped_past[1]);
    assert_string_equal(restored_past[0], restored_past[1]);
    assert_string_equal(swapped_past[0], restored_past[0]);
    for (size_t i = 0; i < 2; i++) {
        evtwin_session_free(swapped[i]);
        evtwin_predictor_free(new[i]);
        free(swapped_past[i]);
        free(restored_past[i]);
    }
    evtwin_table_free(states);
    evtwin_predictor_free(old);
    evtwin_table_free(fleet);
}

/* Other features: the pasts begin anew, which is said; what has no past stays as it is. */
static void test_other_features(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_predictor *all = train(fleet, "history", NULL, 0.3);
    evtwin_predictor *more = train(fleet, "history", "efc_per_day,hot_share", 0.3);
    evtwin_predictor *own = train(fleet, "contract", NULL, 0.3);
    assert_string_not_equal(evtwin__past_kind(evtwin__predictor_past(all)),
                            evtwin__past_kind(evtwin__predictor_past(more)));
    assert_string_equal(evtwin__past_kind(evtwin__predictor_past(own)), "");
    evtwin_session *s = session_of(all), *fresh = session_of(more);
    for (size_t b = 0; b < 3; b++) {
        say(s, fleet, b * FLEET_ROWS);
    }
    evtwin_table *states = NULL, *one = NULL;
    const size_t next = 1;
    assert_ok(evtwin_table_select(fleet, &next, 1, &one));
    assert_ok(evtwin_session_apply(s, one));
    assert_ok(evtwin_session_pending(s, &states));
    evtwin_session_rollback(s); /* memory for a past of the old length stays behind */
    n_warnings = n_notes = 0;
    evtwin_set_log(count_log, NULL);
    swap(s, more, 3);
    assert_int_equal(n_warnings, 1);
    for (size_t r = 1; r < FLEET_ROWS; r++) {
        const said a = say(s, fleet, r), b = say(fresh, fleet, r);
        assert_true(a.rul == b.rul && a.rul_row == b.rul_row);
    }
    swap(s, own, 1); /* the one that has been predicted since; the others have none to lose */
    swap(s, more, 0);
    assert_int_equal(n_warnings, 2);
    assert_int_equal(n_notes, 0);
    assert_int_equal(evtwin_session_batteries(s), 3);

    /* nor does a session under other features go on from what a store has kept */
    evtwin_session *restored = session_of(more);
    assert_ok(evtwin_session_restore(restored, states));
    assert_int_equal(evtwin_session_batteries(restored), 0);
    evtwin_set_log(NULL, NULL);
    evtwin_session_free(restored);
    evtwin_session_free(s);
    evtwin_session_free(fresh);
    evtwin_table_free(states);
    evtwin_table_free(one);
    evtwin_predictor_free(all);
    evtwin_predictor_free(more);
    evtwin_predictor_free(own);
    evtwin_table_free(fleet);
}

/* Whichever allocation fails, the session predicts as before. */
static void test_out_of_memory(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_predictor *p = train(fleet, "history", NULL, 0.3);
    evtwin_predictor *q = train(fleet, "history", NULL, 0.2);
    evtwin_session *s = session_of(p), *plain = session_of(p);
    say(s, fleet, 0);
    say(plain, fleet, 0);
    size_t fail_at = 0, row = 1;
    for (int is_done = 0; !is_done; fail_at++) {
        counting_allocator a = {.fail_at = fail_at};
        evtwin_set_allocator(counting_realloc, &a);
        const evtwin_status st = evtwin_session_swap(s, q, NULL);
        evtwin_set_allocator(NULL, NULL);
        is_done = st == EVTWIN_OK;
        assert_true(is_done || st == EVTWIN_E_NOMEM);
        if (!is_done && row < SWAP_AT) {
            assert_true(say(s, fleet, row).rul == say(plain, fleet, row).rul);
            row++;
        }
    }
    assert_true(fail_at > 1);
    assert_fails(evtwin_session_swap(NULL, q, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_session_swap(s, NULL, NULL), EVTWIN_E_ARG, "NULL");
    evtwin_session_free(s);
    evtwin_session_free(plain);
    evtwin_predictor_free(p);
    evtwin_predictor_free(q);
    evtwin_table_free(fleet);
}

/* What a registry calls a version is in rows, scores and states; the bundle keeps its own name. */
static void test_version(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_predictor *p = train(fleet, "contract", NULL, 0.3);
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    char bundle[64];
    snprintf(bundle, sizeof bundle, "%s", info.bundle);
    assert_string_equal(info.version, bundle);
    char longest[289];
    memset(longest, 'x', 288);
    longest[288] = '\0';
    static const char *const bad[] = {"", "a\nb", "\xff", "a\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(evtwin_predictor_set_version(p, bad[i]), EVTWIN_E_ARG, "UTF-8");
    }
    assert_fails(evtwin_predictor_set_version(p, longest), EVTWIN_E_ARG, "287");
    assert_fails(evtwin_predictor_set_version(NULL, "x"), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_predictor_set_version(p, NULL), EVTWIN_E_ARG, "NULL");
    assert_ok(evtwin_predictor_set_version(p, longest + 1));
    assert_ok(evtwin_predictor_set_version(p, "evtwin-rul/3"));
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    assert_string_equal(info.version, "evtwin-rul/3");
    assert_string_equal(info.bundle, bundle);

    evtwin_session *s = session_of(p);
    const size_t row = 0;
    evtwin_table *t = NULL, *states = NULL, *scores = NULL;
    assert_ok(evtwin_table_select(fleet, &row, 1, &t));
    assert_ok(evtwin_session_apply(s, t));
    assert_ok(evtwin_session_pending(s, &states));
    assert_ok(evtwin_predictor_scores(p, &scores));
    assert_string_equal(evtwin_table_text(t, evtwin_table_find(t, "model_version"), 0),
                        "evtwin-rul/3");
    assert_string_equal(evtwin_table_text(scores, evtwin_table_find(scores, "model_version"), 0),
                        "evtwin-rul/3");
    assert_non_null(strstr(evtwin_table_text(states, evtwin_table_find(states, "state"), 0),
                           "\"model\":\"evtwin-rul/3\""));
    evtwin_session_rollback(s);
    evtwin_table_free(states);

    /* another name under a session that is at work: its states keep theirs */
    assert_ok(evtwin_predictor_set_version(p, "evtwin-rul/4"));
    assert_ok(evtwin_session_apply(s, t));
    assert_ok(evtwin_session_pending(s, &states));
    assert_non_null(strstr(evtwin_table_text(states, evtwin_table_find(states, "state"), 0),
                           "\"model\":\"evtwin-rul/3\""));
    evtwin_table_free(t);
    evtwin_table_free(states);
    evtwin_table_free(scores);
    evtwin_session_free(s);
    evtwin_predictor_free(p);
    evtwin_table_free(fleet);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_features),
        cmocka_unit_test(test_same_models),
        cmocka_unit_test(test_same_version_of_another_bundle),
        cmocka_unit_test(test_other_features),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
