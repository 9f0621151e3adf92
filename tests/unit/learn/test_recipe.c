/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_recipe.c: the recipe "history" from training to live prediction: one past,
 * whether a table is predicted at once or its rows come one by one and through restarts. */

#include "models.h"

#include "small_fleet.h"

#include "evtwin/explain.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_XGBOOST

static evtwin_trainer *train(const evtwin_table *fleet, const char *recipe) {
    evtwin_train_options o = fleet_options();
    o.recipe = recipe;
    return train_fleet(fleet, &o);
}

/* A predictor that was saved and loaded again. */
static evtwin_predictor *saved(const evtwin_trainer *trainer, const char *dir) {
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_trainer_save(trainer, dir));
    assert_ok(evtwin_predictor_load(dir, &p));
    return p;
}

static const double *column_of(const evtwin_table *table, const char *name) {
    const double *v = evtwin_table_f64(table, evtwin_table_find(table, name));
    assert_non_null(v);
    return v;
}

static int feature_at(const evtwin_features *features, const char *name) {
    for (size_t i = 0; i < evtwin_features_count(features); i++) {
        if (strcmp(evtwin_features_name(features, i), name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- the bundle ---- */

static void test_bundle(void **state) {
    (void)state;
    const char *dir = temp_path("history");
    char path[512];
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *again = NULL;
    evtwin_trainer *trainer = train(fleet, "history");
    evtwin_predictor *p = saved(trainer, dir), *direct = NULL;
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    assert_string_equal(info.recipe, "history");

    const evtwin_features *features = evtwin_predictor_features(p);
    assert_int_equal(evtwin_features_count(features), 1 * 3 + 1); /* soh, and the counter */
    const int slope = feature_at(features, "soh.slope50");
    assert_true(slope >= 0);
    assert_string_equal(evtwin_features_unit(features, (size_t)slope), "percent/cycle");
    assert_true(feature_at(features, "charge_cycles") >= 0);
    assert_true(feature_at(features, "soh") < 0);

    /* the trainer's own predictor, and the second forest's file */
    assert_ok(evtwin_trainer_predictor(trainer, &direct));
    assert_ok(evtwin_table_copy(fleet, &again));
    assert_ok(evtwin_predictor_apply(p, fleet));
    assert_ok(evtwin_predictor_apply(direct, again));
    assert_memory_equal(column_of(fleet, "rul_prediction"), column_of(again, "rul_prediction"),
                        evtwin_table_rows(fleet) * sizeof(double));
    snprintf(path, sizeof path, "%s/rul_model_2.json", dir);
    assert_int_equal(access(path, R_OK), 0);
    evtwin_trainer_free(trainer);

    /* a training by the contract leaves nothing of it */
    evtwin_table_free(again);
    again = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    trainer = train(again, NULL);
    assert_ok(evtwin_trainer_save(trainer, dir));
    assert_int_not_equal(access(path, R_OK), 0);
    evtwin_trainer_free(trainer);
    evtwin_predictor_free(p);
    evtwin_predictor_free(direct);
    evtwin_table_free(fleet);
    evtwin_table_free(again);
}

static void test_damaged_bundle(void **state) {
    (void)state;
    const char *dir = temp_path("damaged");
    char path[512];
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_trainer *trainer = train(fleet, "history");
    evtwin_predictor *p = saved(trainer, dir);
    evtwin_predictor_free(p);
    snprintf(path, sizeof path, "%s/rul_model_2.json", dir);
    FILE *f = fopen(path, "ab");
    assert_non_null(f);
    fputs(" ", f);
    fclose(f);
    assert_fails(evtwin_predictor_load(dir, &p), EVTWIN_E_CORRUPT, "rul_model_2.json");
    assert_int_equal(unlink(path), 0);
    assert_fails(evtwin_predictor_load(dir, &p), EVTWIN_E_NOT_FOUND, "rul_model_2.json");
    evtwin_trainer_free(trainer);
    evtwin_table_free(fleet);
}

static void test_names(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_trainer *trainer = NULL;
    evtwin_train_options o = fleet_options();
    const fleet_targets targets = targets_of(NULL, NULL);
    o.recipe = "soup";
    assert_fails(try_train(fleet, &targets, &o, &trainer), EVTWIN_E_NOT_FOUND,
                 "'soup'|'contract'|'history'");
    o.recipe = "history";
    o.features = "charge_cycles,current"; /* a clock, and what only says where in a cycle it is */
    assert_fails(try_train(fleet, &targets, &o, &trainer), EVTWIN_E_DATA, "'history'|past");
    o.recipe = NULL;
    o.features = "soh.level"; /* to the contract a column like any other */
    assert_fails(try_train(fleet, &targets, &o, &trainer), EVTWIN_E_SCHEMA, "'soh.level'");
    evtwin_table_free(fleet);
}

/* ---- live ---- */

/* The rows of all batteries of which k is in [first, last). */
static evtwin_table *rows_between(const evtwin_table *fleet, size_t first, size_t last) {
    size_t row[FLEET_BATTERIES * FLEET_ROWS], n = 0;
    for (size_t k = first; k < last; k++) { /* batteries in turn, as they come live */
        for (size_t b = 0; b < FLEET_BATTERIES; b++) {
            row[n++] = b * FLEET_ROWS + k;
        }
    }
    evtwin_table *part = NULL;
    assert_ok(evtwin_table_select(fleet, row, n, &part));
    return part;
}

static evtwin_session *new_session(const evtwin_predictor *p) {
    evtwin_session *s = NULL;
    assert_ok(evtwin_session_create(p, NULL, &s));
    return s;
}

/* A session that knows what the other has pending, and the other is gone. */
static evtwin_session *restart(evtwin_session *s, const evtwin_predictor *p) {
    evtwin_session *next = new_session(p);
    evtwin_table *states = NULL;
    assert_ok(evtwin_session_pending(s, &states));
    assert_ok(evtwin_session_restore(next, states));
    assert_int_equal(evtwin_session_batteries(next), FLEET_BATTERIES);
    evtwin_table_free(states);
    evtwin_session_free(s);
    return next;
}

static void test_live_equals_batch(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *whole = NULL;
    evtwin_trainer *trainer = train(fleet, "history");
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    for (size_t b = 0; b < FLEET_BATTERIES; b++) { /* values that are missing move no past */
        assert_ok(evtwin_table_set_missing(fleet, FLEET_SOH, b * FLEET_ROWS + b));
    }
    assert_ok(evtwin_table_copy(fleet, &whole));
    assert_ok(evtwin_predictor_apply(p, whole));
    const double *expected = column_of(whole, "rul_prediction");
    evtwin_session *s = new_session(p);
    for (size_t k = 0, length = 1; k < FLEET_ROWS; k += length, length = length % 5 + 1) {
        const size_t last = k + length < FLEET_ROWS ? k + length : FLEET_ROWS;
        evtwin_table *part = rows_between(fleet, k, last), *dropped = rows_between(fleet, k, last);
        assert_ok(evtwin_session_apply(s, dropped)); /* and the sink refused it */
        evtwin_session_rollback(s);
        assert_ok(evtwin_session_apply(s, part));
        const double *got = column_of(part, "rul_prediction");
        for (size_t r = 0; r < evtwin_table_rows(part); r++) {
            const size_t row = (r % FLEET_BATTERIES) * FLEET_ROWS + k + r / FLEET_BATTERIES;
            assert_memory_equal(&got[r], &expected[row], sizeof *got);
        }
        if (length == 2) {
            s = restart(s, p);
        } else {
            evtwin_session_commit(s);
        }
        evtwin_table_free(part);
        evtwin_table_free(dropped);
    }
    const size_t missing = 0; /* of the first battery */
    assert_true(isnan(expected[missing]));
    assert_string_equal(
        evtwin_table_text(whole, evtwin_table_find(whole, "prediction_note"), missing),
        "unknown, because soh is missing");
    evtwin_session_free(s);
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
    evtwin_table_free(fleet);
    evtwin_table_free(whole);
}

/* The same rows, of which nobody says whose they are. */
static evtwin_table *without_ids(const evtwin_table *fleet) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_copy(fleet, &t));
    assert_ok(evtwin_table_rename(t, FLEET_ID, "note"));
    return t;
}

/* A row that comes late is predicted and moves nothing; one of no battery stands alone. */
static void test_late_row(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *states = NULL;
    evtwin_trainer *trainer = train(fleet, "history");
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    evtwin_session *s = new_session(p);
    evtwin_table *anonymous = without_ids(fleet);
    evtwin_table *first = rows_between(fleet, 0, 30), *late = rows_between(fleet, 5, 6);
    assert_ok(evtwin_session_apply(s, first));
    evtwin_session_commit(s);
    assert_ok(evtwin_session_apply(s, late));
    assert_int_equal(evtwin_session_pending(s, &states), EVTWIN_DONE);
    assert_false(isnan(column_of(late, "rul_prediction")[0]));

    evtwin_table *stranger = rows_between(fleet, 30, 31);
    assert_ok(evtwin_table_set_missing(stranger, FLEET_ID, 0));
    assert_ok(evtwin_session_apply(s, stranger));
    assert_false(isnan(column_of(stranger, "rul_prediction")[0]));
    evtwin_session_rollback(s);

    /* whose row it is must be known where the training knew batteries */
    assert_fails(evtwin_predictor_apply(p, anonymous), EVTWIN_E_SCHEMA, "'battery_id'");
    evtwin_table_free(anonymous);
    evtwin_table_free(first);
    evtwin_table_free(late);
    evtwin_table_free(stranger);
    evtwin_session_free(s);
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
    evtwin_table_free(fleet);
}

/* Whichever allocation fails: neither session nor past has moved, so the rows come again. */
static void test_out_of_memory(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *expected = NULL;
    evtwin_trainer *trainer = train(fleet, "history");
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    for (size_t fail_at = 0, is_done = 0; !is_done; fail_at++) {
        evtwin_session *s = new_session(p);
        evtwin_table *first = rows_between(fleet, 0, 3), *next = rows_between(fleet, 3, 4);
        assert_ok(evtwin_session_apply(s, first));
        evtwin_session_commit(s);
        counting_allocator a = {.fail_at = fail_at};
        evtwin_set_allocator(counting_realloc, &a);
        const evtwin_status st = evtwin_session_apply(s, next);
        evtwin_set_allocator(NULL, NULL);
        is_done = st == EVTWIN_OK;
        assert_true(is_done || st == EVTWIN_E_NOMEM);
        if (!is_done) {
            assert_ok(evtwin_session_apply(s, next));
        }
        if (expected == NULL) {
            assert_ok(evtwin_table_copy(next, &expected));
        }
        assert_memory_equal(column_of(next, "rul_prediction"),
                            column_of(expected, "rul_prediction"),
                            FLEET_BATTERIES * sizeof(double));
        evtwin_table_free(first);
        evtwin_table_free(next);
        evtwin_session_free(s);
    }
    evtwin_table_free(expected);
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
    evtwin_table_free(fleet);
}

static void assert_words(evtwin_reason reason, const char *feature, const char *unit, double value,
                         const char *expected) {
    char text[256];
    reason.feature = feature;
    reason.unit = unit;
    reason.value = value;
    assert_ok(evtwin_reason_text(&reason, text, sizeof text));
    assert_non_null(strstr(text, expected));
}

/* A reason from the past, in words. */
static void check_words(const evtwin_reason *reason) {
    assert_words(*reason, "soh.level", "percent", 81.5,
                 "state of health 81.5 % (last 10 cycles): about ");
    assert_words(*reason, "soh.change", "percent", -2.3,
                 "state of health 2.3 points below its own start: about ");
    assert_words(*reason, "temperature.slope50", "degC/cycle", NAN,
                 "temperature over 50 cycles not known yet: about ");
    assert_words(*reason, "soh.slope50", "percent/cycle", -0.063,
                 "wears 0.06 points a cycle: about ");
}

/* Contributions sum up to what the model says of a row, though one forest says a logarithm; a
 * window may be missing, a level may not. */
static void test_contributions(void **state) {
    (void)state;
    enum { COLS = 1 * 3 + 1 };
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_trainer *trainer = train(fleet, "history");
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    const evtwin_features *features = evtwin_predictor_features(p);
    assert_int_equal(evtwin_features_count(features), COLS);
    for (int i = 0; i < 20; i++) {
        double x[COLS], y[2], phi[COLS + 1], sum = 0.0;
        for (int c = 0; c < COLS; c++) {
            const char *name = evtwin_features_name(features, (size_t)c);
            x[c] = strcmp(name, "soh.level") == 0           ? 99.0 - 0.9 * i
                   : strcmp(name, "charge_cycles") == 0     ? 30.0 * i
                   : i % 2 == 0                             ? (double)NAN
                                                            : -0.01 * i;
        }
        assert_ok(evtwin_predictor_predict(p, x, 1, COLS, y, 2));
        assert_ok(evtwin_predictor_contributions(p, "rul", x, 1, COLS, phi));
        for (int c = 0; c <= COLS; c++) {
            sum += phi[c];
        }
        assert_near(sum, y[0], 1e-4 * (10.0 + fabs(y[0])));
        evtwin_reason reason[COLS];
        size_t n = 0;
        assert_ok(evtwin_predictor_reasons(p, "rul", x, COLS, reason, sizeof reason[0], COLS, &n));
        assert_true(n >= 1 && reason[0].is_approximate);
        check_words(&reason[0]);
        for (size_t k = 0; k < n; k++) { /* only a change has a start */
            const double start =
                strcmp(reason[k].feature, "soh.change") == 0 ? 99.0 - 0.9 * i - reason[k].value
                : strcmp(reason[k].feature, "temperature.change") == 0 ? 25.0 - reason[k].value
                                                                       : (double)NAN;
            assert_true(reason[k].start == start || (isnan(reason[k].start) && isnan(start)));
        }
        x[feature_at(features, "soh.level")] = NAN;
        assert_ok(evtwin_predictor_predict(p, x, 1, COLS, y, 2));
        assert_true(isnan(y[0]) && isnan(y[1]));
    }
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
    evtwin_table_free(fleet);
}

/* Ten times as many batteries with one row each: only levels are known, and each is predicted. */
static void test_one_row_each(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_trainer *trainer = train(fleet, "history");
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    evtwin_table *strangers = make_fleet(10 * FLEET_BATTERIES, 1);
    assert_ok(evtwin_predictor_apply(p, strangers));
    for (size_t r = 0; r < evtwin_table_rows(strangers); r++) {
        assert_true(isfinite(column_of(strangers, "rul_prediction")[r]));
    }
    evtwin_table_free(strangers);
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
    evtwin_table_free(fleet);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle),        cmocka_unit_test(test_damaged_bundle),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_live_equals_batch),
        cmocka_unit_test(test_late_row),      cmocka_unit_test(test_one_row_each),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_contributions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
