/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_drift.c: a session notices live data that are unlike the training data, by
 * cause and quantity, of the fleet and of one battery; and is silent on fleets of the same kind. */

#include "test.h"

#include "audit_fleet.h"

#ifdef HAVE_XGBOOST
enum { TRAIN_PACKS = 100, LIVE_PACKS = 30 };

static const char *recipe; /* of the models that are tested */
static evtwin_table *trained_on, *live;
static evtwin_predictor *predictor;

static void ignore(void *ctx, evtwin_log_level level, const char *text) {
    (void)level;
    if (ctx != NULL) {
        snprintf(ctx, 1024, "%s", text);
    }
}

/* A small forest: what is tested is what the bundle knows of its training data. */
static int set_up(void **state) {
    (void)state;
    evtwin_set_log(ignore, NULL);
    trained_on = simulate_fleet(TRAIN_PACKS, 1, NULL);
    live = simulate_fleet(LIVE_PACKS, 2, NULL);
    evtwin_train_options o;
    evtwin_target rul;
    size_t t;
    assert_ok(evtwin_train_options_init(&o, sizeof o));
    assert_ok(evtwin_target_find("rul", &t));
    assert_ok(evtwin_target_get(t, &rul, sizeof rul));
    rul.trees = 5;
    rul.depth = 3;
    o.cv_folds = 2;
    o.recipe = recipe;
    evtwin_trainer *trainer = NULL;
    assert_ok(evtwin_train(trained_on, &rul, 1, &o, &trainer));
    assert_ok(evtwin_trainer_predictor(trainer, &predictor)); /* through a written bundle */
    evtwin_trainer_free(trainer);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    evtwin_predictor_free(predictor);
    evtwin_table_free(trained_on);
    evtwin_table_free(live);
    evtwin_set_log(NULL, NULL);
    return 0;
}

/* What a new session finds in a table; NULL = nothing. */
static evtwin_table *findings_in(evtwin_table *t) {
    evtwin_session *session = NULL;
    evtwin_table *found = NULL;
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    assert_ok(evtwin_session_apply(session, t));
    assert_int_equal(evtwin_session_drift(session, &found), EVTWIN_DONE); /* pending */
    evtwin_session_commit(session);
    const evtwin_status st = evtwin_session_drift(session, &found);
    assert_true(st == EVTWIN_OK || (st == EVTWIN_DONE && found == NULL));
    evtwin_session_free(session);
    return found;
}

/* The row of a finding; battery NULL = of the fleet. SIZE_MAX if there is none. */
static size_t find_row(const evtwin_table *found, const char *battery, const char *cause,
                       const char *quantity) {
    for (size_t r = 0; found != NULL && r < evtwin_table_rows(found); r++) {
        const char *of = evtwin_table_text(found, 0, r);
        if ((of == NULL) == (battery == NULL) && (of == NULL || strcmp(of, battery) == 0) &&
            strcmp(evtwin_table_text(found, 1, r), cause) == 0 &&
            strcmp(evtwin_table_text(found, 2, r), quantity) == 0) {
            return r;
        }
    }
    return SIZE_MAX;
}

static void show(const char *what, const evtwin_table *found) {
    print_message("%s:\n", what);
    for (size_t r = 0; found != NULL && r < evtwin_table_rows(found) && r < 6; r++) {
        const char *of = evtwin_table_text(found, 0, r);
        print_message("  %s: %s\n", of != NULL ? of : "fleet", evtwin_table_text(found, 5, r));
    }
}

static void assert_silent(const char *what, evtwin_table *t) {
    evtwin_table *found = findings_in(t);
    if (found != NULL) {
        show(what, found);
        fail_msg("%s: %zu findings", what, evtwin_table_rows(found));
    }
    evtwin_table_free(t);
}

/* ---- what must be noticed ---- */

typedef struct change {
    const char *what, *quantity, *cause, *alone; /* alone: the cause where one battery has it */
    const char *column;
    double times, plus;
    const char *word; /* in the sentence */
} change;

/* Of the first rows. */
static void scale_some(evtwin_table *t, size_t rows, const char *name, double times, double plus) {
    const size_t col = column_of(t, name);
    for (size_t r = 0; r < rows; r++) {
        const double v = evtwin_table_number(t, col, r) * times + plus;
        if (evtwin_table_type(t, col) == EVTWIN_I64) {
            assert_ok(evtwin_table_set_i64(t, col, r, (int64_t)v));
        } else {
            assert_ok(evtwin_table_set_f64(t, col, r, v));
        }
    }
}

static void scale(evtwin_table *t, const char *name, double times, double plus) {
    scale_some(t, evtwin_table_rows(t), name, times, plus);
}

static const change changes[] = {
    {"fractions", "soc", "fraction", "range", "soc", 0.01, 0, "soc=fraction"},
    {"fractions of health", "soh", "fraction", "range", "soh", 0.01, 0, "soh=fraction"},
    {"cell voltage", "voltage", "range", "range", "voltage", 1.0 / 96, 0, "outside"},
    {"cell voltage", "power_consumption", "power", "power", "voltage", 1.0 / 96, 0,
     "cell's voltage"},
    {"48 cells in series", "voltage", "curve", "curve", "voltage", 0.5, 0, "number of cells"},
    {"kW", "power_consumption", "power", "power", "power_consumption", 1e-3, 0, "kW"},
    {"Fahrenheit", "temperature", "range", "range", "temperature", 1.8, 32, "outside"},
    {"20 K warmer", "temperature", "range", NULL, "temperature", 1, 20, "outside"},
    {"a flipped sign", "current", "sign", "sign", "current", -1, 0, "flipped"},
    {"mA", "power_consumption", "power", "power", "current", 1000, 0, "in mA"},
    {"health of 45 %", "soh", "range", "range", "soh", 0, 45, "45"},
    {"5,000 cycles", "charge_cycles", "range", "range", "charge_cycles", 0, 5000, "5000"}};

/* Numbers have no more than five significant digits. */
static void assert_short_numbers(const evtwin_table *found) {
    static const char digits[] = "0123456789.";
    for (size_t r = 0; r < evtwin_table_rows(found); r++) {
        for (const char *c = evtwin_table_text(found, 5, r); *c != '\0';) {
            const size_t n = strspn(c, digits);
            assert_true(n <= strlen("0.12345"));
            c += n > 0 ? n : 1;
        }
    }
}

static void test_notices_each(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const change *c = &changes[i];
        evtwin_table *t = NULL;
        assert_ok(evtwin_table_copy(live, &t));
        scale(t, c->column, c->times, c->plus);
        evtwin_table *found = findings_in(t);
        show(c->what, found);
        const size_t row = find_row(found, NULL, c->cause, c->quantity);
        if (row == SIZE_MAX || strstr(evtwin_table_text(found, 5, row), c->word) == NULL) {
            fail_msg("%s: no %s of %s", c->what, c->cause, c->quantity);
        }
        assert_short_numbers(found);
        evtwin_table_free(found);
        evtwin_table_free(t);
    }
}

static void test_notices_another_chemistry(void **state) {
    (void)state;
    evtwin_table *t = simulate_fleet(LIVE_PACKS, 3, "lfp26650");
    evtwin_table *found = findings_in(t);
    show("LFP", found);
    assert_true(find_row(found, NULL, "curve", "voltage") != SIZE_MAX);
    assert_non_null(strstr(evtwin_table_text(found, 5, find_row(found, NULL, "curve", "voltage")),
                           "chemistry"));
    evtwin_table_free(found);
    evtwin_table_free(t);
}

/* One of the fleet: found in its name and logged, and the fleet is not accused. */
static void test_notices_one_battery(void **state) {
    (void)state;
    const char *id = evtwin_table_text(live, column_of(live, "battery_id"), 0);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const change *c = &changes[i];
        evtwin_table *t = NULL;
        assert_ok(evtwin_table_copy(live, &t));
        scale_some(t, end_of(t, 0), c->column, c->times, c->plus);
        char line[1024] = "";
        evtwin_set_log(ignore, line);
        evtwin_table *found = findings_in(t);
        evtwin_set_log(ignore, NULL);
        show(c->what, found);
        if (c->alone != NULL) {
            assert_true(find_row(found, id, c->alone, c->quantity) != SIZE_MAX);
            assert_non_null(strstr(line, id));
        }
        for (size_t r = 0; found != NULL && r < evtwin_table_rows(found); r++) {
            assert_non_null(evtwin_table_text(found, 0, r));
            assert_string_equal(evtwin_table_text(found, 0, r), id);
        }
        evtwin_table_free(found);
        evtwin_table_free(t);
    }
}

/* Kelvin is beyond what a battery can have: that is a finding, also where temperature is no feature
 * of the models but an input; the values are not counted otherwise. */
static void test_kelvin_is_impossible(void **state) {
    (void)state;
    const char *id = evtwin_table_text(live, column_of(live, "battery_id"), 0);
    evtwin_session *session = NULL;
    evtwin_table *t = NULL;
    evtwin_feature_range r = {.feature = ""};
    size_t first, i = 0;
    assert_ok(evtwin_table_copy(live, &t));
    scale(t, "temperature", 1, 273.15);
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    assert_ok(evtwin_session_apply(session, t));
    evtwin_session_commit(session);
    assert_int_equal(evtwin_session_out_of_range(session, &first), evtwin_table_rows(t));
    while (strcmp(r.feature, "temperature") != 0) {
        assert_ok(evtwin_session_range(session, i++, &r, sizeof r));
    }
    assert_int_equal(r.n_values, 0);
    evtwin_table *found = NULL;
    assert_ok(evtwin_session_drift(session, &found));
    const size_t row = find_row(found, NULL, "range", "temperature");
    assert_true(row != SIZE_MAX);
    assert_non_null(strstr(evtwin_table_text(found, 5, row), "can have"));
    evtwin_table_free(found);
    evtwin_session_free(session);

    /* of one battery, and a value now and then is none */
    for (size_t step = 1; step <= 4; step += 3) {
        evtwin_table_free(t);
        assert_ok(evtwin_table_copy(live, &t));
        for (size_t k = 0; k < end_of(t, 0); k += step) {
            assert_ok(evtwin_table_set_f64(t, column_of(t, "temperature"), k, 300.0));
        }
        found = findings_in(t);
        assert_int_equal(find_row(found, id, "range", "temperature") != SIZE_MAX, step == 1);
        assert_true(find_row(found, NULL, "range", "temperature") == SIZE_MAX);
        evtwin_table_free(found);
    }
    evtwin_table_free(t);
}

/* Charge against state of charge, which no training data are needed for: a battery that is charged
 * with 1 % a minute. */
static void test_notices_charge(void **state) {
    (void)state;
    for (int is_flipped = 0; is_flipped < 2; is_flipped++) {
        evtwin_table *t = NULL;
        assert_ok(evtwin_table_copy(trained_on, &t));
        assert_ok(evtwin_table_resize(t, 60));
        for (size_t r = 0; r < 60; r++) {
            assert_ok(evtwin_table_set_text(t, column_of(t, "battery_id"), r, "B1"));
            assert_ok(evtwin_table_set_i64(t, column_of(t, "time"), r, (int64_t)r * 60000000));
            assert_ok(evtwin_table_set_f64(t, column_of(t, "soc"), r, 30.0 + (double)r));
            assert_ok(evtwin_table_set_f64(t, column_of(t, "current"), r, is_flipped ? 80 : -80));
        }
        evtwin_table *found = findings_in(t);
        const size_t row = find_row(found, "B1", "sign", "current");
        assert_true((row != SIZE_MAX) == is_flipped);
        if (is_flipped) {
            assert_non_null(strstr(evtwin_table_text(found, 5, row), "state of charge rises"));
        }
        evtwin_table_free(found);
        evtwin_table_free(t);
    }
}

/* A cause that ends: the finding of the fleet ends too, after some hundred thousand rows. */
static void test_findings_end(void **state) {
    (void)state;
    evtwin_session *session = NULL;
    evtwin_table *bad = NULL, *good = NULL, *found = NULL;
    assert_ok(evtwin_table_copy(live, &bad));
    assert_ok(evtwin_table_copy(live, &good));
    scale(bad, "power_consumption", 1e-3, 0);
    scale(bad, "soh", 0, 45);
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    const int n = 1 + 200000 / (int)evtwin_table_rows(live);
    for (int i = 0; i < n; i++) {
        assert_ok(evtwin_session_apply(session, bad));
        evtwin_session_commit(session);
    }
    assert_ok(evtwin_session_drift(session, &found));
    assert_true(find_row(found, NULL, "power", "power_consumption") != SIZE_MAX);
    assert_true(find_row(found, NULL, "range", "soh") != SIZE_MAX);
    evtwin_table_free(found);
    evtwin_feature_range r;
    assert_ok(evtwin_session_range(session, 1, &r, sizeof r));
    const uint64_t n_outside = r.n_outside;
    int k = 0;
    while (evtwin_session_drift(session, &found) == EVTWIN_OK && k++ < 10 * n) {
        evtwin_table_free(found);
        assert_ok(evtwin_session_apply(session, good));
        evtwin_session_commit(session);
    }
    assert_null(found);
    assert_true(k > n / 4 && k < 6 * n);
    assert_ok(evtwin_session_range(session, 1, &r, sizeof r)); /* what was counted stays */
    assert_string_equal(r.feature, "soh");
    assert_true(r.n_outside >= n_outside && n_outside >= 200000 && r.psi < r.psi_limit);
    evtwin_session_free(session);
    evtwin_table_free(bad);
    evtwin_table_free(good);
}

/* What is rolled back was never seen, of the fleet and of a battery. */
static void test_rollback(void **state) {
    (void)state;
    evtwin_session *session = NULL;
    evtwin_table *bad = NULL, *good = NULL, *found = NULL;
    assert_ok(evtwin_table_copy(live, &bad));
    assert_ok(evtwin_table_copy(live, &good));
    scale(bad, "current", -1, 0);
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    assert_ok(evtwin_session_apply(session, good));
    evtwin_session_commit(session);
    assert_ok(evtwin_session_apply(session, bad));
    assert_ok(evtwin_session_apply(session, bad));
    assert_ok(evtwin_session_apply(session, bad));
    evtwin_session_rollback(session);
    evtwin_session_commit(session);
    assert_int_equal(evtwin_session_drift(session, &found), EVTWIN_DONE);
    assert_fails(evtwin_session_drift(NULL, &found), EVTWIN_E_ARG, "NULL");
    evtwin_session_free(session);
    evtwin_table_free(bad);
    evtwin_table_free(good);
}

/* ---- what must not ---- */

static evtwin_table *rows_of(const evtwin_table *from, const uint8_t *is_kept) {
    evtwin_table *t = NULL;
    size_t *row = calloc(evtwin_table_rows(from), sizeof *row), n = 0;
    for (size_t r = 0; r < evtwin_table_rows(from); r++) {
        row[n] = r;
        n += is_kept[r];
    }
    assert_ok(evtwin_table_select(from, row, n, &t));
    free(row);
    return t;
}

/* From the first row on, as they come: one of each battery at a time. And what a session knew does
 * not survive it: a restored one begins anew. */
static void test_silent_at_the_start(void **state) {
    (void)state;
    evtwin_session *session = NULL;
    evtwin_table *found = NULL, *states = NULL, *bad = NULL;
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    assert_ok(evtwin_table_copy(live, &bad));
    scale(bad, "current", -1, 0);
    assert_ok(evtwin_session_apply(session, bad));
    assert_ok(evtwin_session_pending(session, &states));
    evtwin_session_commit(session);
    assert_ok(evtwin_session_drift(session, &found));
    evtwin_session_free(session);
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    assert_ok(evtwin_session_restore(session, states));
    evtwin_table_free(found);
    const size_t rows = evtwin_table_rows(live);
    uint8_t *is_kept = calloc(rows, 1);
    for (size_t nth = 0; nth < 30; nth++) {
        for (size_t r = 0, at = 0; r < rows; r++) {
            at = begins(live, r) ? 0 : at + 1;
            is_kept[r] = at == nth;
        }
        evtwin_table *t = rows_of(live, is_kept);
        assert_ok(evtwin_session_apply(session, t));
        evtwin_session_commit(session);
        assert_int_equal(evtwin_session_drift(session, &found), EVTWIN_DONE);
        evtwin_table_free(t);
    }
    free(is_kept);
    evtwin_session_free(session);
    evtwin_table_free(states);
    evtwin_table_free(bad);
}

/* What a model of histories does not need may be absent: it is not judged. Rows that were predicted
 * otherwise are observed alone. */
static void test_columns_that_are_absent(void **state) {
    (void)state;
    evtwin_table *t = NULL, *found = NULL;
    evtwin_session *session = NULL;
    assert_ok(evtwin_table_copy(live, &t));
    static const char *const lacks[] = {"voltage", "current", "power_consumption"};
    static const char *const absent[] = {"x", "y", "z"};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(evtwin_table_rename(t, column_of(t, lacks[i]), absent[i]));
    }
    scale(t, "soh", 0, 45);
    assert_ok(evtwin_session_create(predictor, NULL, &session));
    assert_ok(evtwin_session_observe(session, t));
    assert_int_equal(evtwin_session_drift(session, &found), EVTWIN_DONE); /* pending */
    evtwin_session_commit(session);
    assert_ok(evtwin_session_drift(session, &found));
    assert_int_equal(evtwin_session_batteries(session), 0);
    for (size_t r = 0; r < evtwin_table_rows(found); r++) {
        assert_string_equal(evtwin_table_text(found, 2, r), "soh");
    }
    assert_fails(evtwin_session_observe(session, NULL), EVTWIN_E_ARG, "NULL");
    evtwin_table_free(found);
    evtwin_table_free(t);
    evtwin_session_free(session);
}

static void test_silent_on_the_same_kind(void **state) {
    (void)state;
    for (uint64_t seed = 2; seed <= 6; seed++) {
        assert_silent("another fleet", simulate_fleet(LIVE_PACKS, seed, NULL));
    }
    assert_silent("a few packs", simulate_fleet(12, 7, NULL));
    assert_silent("one pack", simulate_fleet(1, 8, NULL));
}

static evtwin_table *month_of(const evtwin_table *from, int month) {
    const int64_t *time_us = evtwin_table_i64(from, column_of(from, "time"));
    uint8_t *is_kept = calloc(evtwin_table_rows(from), 1);
    for (size_t r = 0; r < evtwin_table_rows(from); r++) {
        const double years = (double)time_us[r] / (365.2425 * 86400e6);
        is_kept[r] = (int)(12.0 * (years - floor(years))) == month;
    }
    evtwin_table *t = rows_of(from, is_kept);
    free(is_kept);
    return t;
}

/* From January to July, and in a year that is 3 K warmer or colder than all of training. */
static void test_silent_on_seasons(void **state) {
    (void)state;
    for (int month = 0; month < 12; month++) {
        assert_silent("a month", month_of(live, month));
    }
    for (int warmer = -3; warmer <= 3; warmer += 6) {
        evtwin_table *t = NULL;
        assert_ok(evtwin_table_copy(live, &t));
        scale(t, "temperature", 1, warmer);
        assert_silent("another climate", t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notices_each),
        cmocka_unit_test(test_notices_another_chemistry),
        cmocka_unit_test(test_notices_one_battery),
        cmocka_unit_test(test_notices_charge),
        cmocka_unit_test(test_kelvin_is_impossible),
        cmocka_unit_test(test_findings_end),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_columns_that_are_absent),
        cmocka_unit_test(test_silent_at_the_start),
        cmocka_unit_test(test_silent_on_the_same_kind),
        cmocka_unit_test(test_silent_on_seasons),
    };
    const struct CMUnitTest of_history[] = {
        cmocka_unit_test(test_notices_each),
        cmocka_unit_test(test_notices_another_chemistry),
        cmocka_unit_test(test_notices_one_battery),
        cmocka_unit_test(test_columns_that_are_absent),
        cmocka_unit_test(test_silent_at_the_start),
    };
    recipe = "contract";
    const int n_failed = cmocka_run_group_tests(tests, set_up, tear_down);
    recipe = "history";
    return n_failed + cmocka_run_group_tests(of_history, set_up, tear_down);
}
#else
int main(void) {
    return 0;
}
#endif
