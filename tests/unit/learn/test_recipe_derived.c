/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_recipe_derived.c: derived quantities from training to live prediction: the
 * same bits whether a table is predicted at once or its rows come one by one and through restarts;
 * where rows are far apart, the models that there are without. */

#include "test.h"

#include "small_fleet.h"

#include <math.h>
#include <string.h>

#ifdef HAVE_XGBOOST

#include "models.h"

enum { N_BATTERIES = FLEET_BATTERIES, N_ROWS = 120, MINUTES = 60 };

/* The fleet with a row each so many seconds, and an ohmic voltage. */
static evtwin_table *make_minutes(int64_t every_s) {
    evtwin_table *t = make_fleet(N_BATTERIES, N_ROWS);
    const double *current = evtwin_table_f64(t, FLEET_CURRENT);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        const int64_t k = (int64_t)(r % N_ROWS);
        assert_ok(evtwin_table_set_i64(t, FLEET_TIME, r, k * every_s * 1000000));
        assert_ok(evtwin_table_set_f64(t, FLEET_VOLTAGE, r,
                                       370.0 - (0.05 + 0.0005 * (double)k) * current[r]));
    }
    return t;
}

static evtwin_status try_derive(const evtwin_table *fleet, const char *recipe, const char *derive,
                                evtwin_trainer **out) {
    evtwin_train_options o = fleet_options();
    const fleet_targets targets = targets_of(NULL, "none");
    o.recipe = recipe;
    o.derive = derive;
    return try_train(fleet, &targets, &o, out);
}

static evtwin_predictor *train(const evtwin_table *fleet, const char *derive, const char *dir) {
    evtwin_trainer *trainer = NULL;
    evtwin_predictor *p = NULL;
    assert_ok(try_derive(fleet, "history", derive, &trainer));
    assert_ok(evtwin_trainer_save(trainer, dir));
    assert_ok(evtwin_predictor_load(dir, &p));
    evtwin_trainer_free(trainer);
    return p;
}

static const double *rul_of(const evtwin_table *table) {
    return evtwin_table_f64(table, evtwin_table_find(table, "rul_prediction"));
}

static void test_names(void **state) {
    (void)state;
    evtwin_table *fleet = make_minutes(MINUTES);
    evtwin_trainer *trainer = NULL;
    assert_fails(try_derive(fleet, "history", "relaxation", &trainer), EVTWIN_E_ARG,
                 "'relaxation'|relaxation_v|hot_share|'all'");
    assert_fails(try_derive(fleet, "contract", "all", &trainer), EVTWIN_E_ARG,
                 "'contract'|'history'");
    evtwin_predictor *p = train(fleet, "minute_resistance_mohm,efc_per_day", temp_path("names"));
    const evtwin_features *f = evtwin_predictor_features(p);
    const char *name[] = {"efc_per_day.level", "efc_per_day.change", "efc_per_day.slope50",
                          "minute_resistance_mohm.level"};
    const char *unit[] = {"cycles/day", "cycles/day", "cycles/day/cycle", "mOhm"};
    for (size_t i = 0; i < 4; i++) {
        size_t k = 0;
        while (k < evtwin_features_count(f) && strcmp(evtwin_features_name(f, k), name[i]) != 0) {
            k++;
        }
        assert_true(k < evtwin_features_count(f));
        assert_string_equal(evtwin_features_unit(f, k), unit[i]);
        assert_string_equal(evtwin_features_column(f, k), "");
    }
    evtwin_predictor_free(p);

    /* a column of that name is not what the name means */
    assert_ok(evtwin_table_rename(fleet, FLEET_POWER, "relaxation_v"));
    evtwin_train_options o = fleet_options();
    const fleet_targets targets = targets_of(NULL, "none");
    o.recipe = "history";
    o.features = "soh,relaxation_v";
    assert_fails(try_train(fleet, &targets, &o, &trainer), EVTWIN_E_ARG, "'relaxation_v'|rename");
    assert_ok(evtwin_table_rename(fleet, FLEET_POWER, "soh.level"));
    o.features = "soh.level";
    assert_fails(try_train(fleet, &targets, &o, &trainer), EVTWIN_E_ARG, "'soh.level'|rename");
    evtwin_table_free(fleet);
}

static evtwin_table *rows_between(const evtwin_table *fleet, size_t first, size_t last) {
    size_t row[N_BATTERIES * N_ROWS], n = 0;
    for (size_t k = first; k < last; k++) {
        for (size_t b = 0; b < N_BATTERIES; b++) {
            row[n++] = b * N_ROWS + k;
        }
    }
    evtwin_table *part = NULL;
    assert_ok(evtwin_table_select(fleet, row, n, &part));
    return part;
}

static evtwin_session *restart(evtwin_session *s, const evtwin_predictor *p) {
    evtwin_session *next = NULL;
    evtwin_table *states = NULL;
    assert_ok(evtwin_session_create(p, NULL, &next));
    assert_ok(evtwin_session_pending(s, &states));
    assert_ok(evtwin_session_restore(next, states));
    assert_int_equal(evtwin_session_batteries(next), N_BATTERIES);
    evtwin_table_free(states);
    evtwin_session_free(s);
    return next;
}

static void test_live_equals_batch(void **state) {
    (void)state;
    evtwin_table *fleet = make_minutes(MINUTES), *whole = NULL;
    evtwin_predictor *p = train(fleet, "all", temp_path("live"));
    for (size_t b = 0; b < N_BATTERIES; b++) { /* what is missing here is not what predicts */
        assert_ok(evtwin_table_set_missing(fleet, FLEET_VOLTAGE, b * N_ROWS + b));
    }
    assert_ok(evtwin_table_copy(fleet, &whole));
    assert_ok(evtwin_predictor_apply(p, whole));
    evtwin_session *s = NULL;
    assert_ok(evtwin_session_create(p, NULL, &s));
    for (size_t k = 0, length = 1; k < N_ROWS; k += length, length = length % 5 + 1) {
        const size_t last = k + length < N_ROWS ? k + length : N_ROWS;
        evtwin_table *part = rows_between(fleet, k, last), *dropped = rows_between(fleet, k, last);
        assert_ok(evtwin_session_apply(s, dropped));
        evtwin_session_rollback(s);
        assert_ok(evtwin_session_apply(s, part));
        for (size_t r = 0; r < evtwin_table_rows(part); r++) {
            const size_t row = (r % N_BATTERIES) * N_ROWS + k + r / N_BATTERIES;
            assert_false(isnan(rul_of(part)[r]));
            assert_memory_equal(&rul_of(part)[r], &rul_of(whole)[row], sizeof(double));
        }
        if (length == 2) {
            s = restart(s, p);
        } else {
            evtwin_session_commit(s);
        }
        evtwin_table_free(part);
        evtwin_table_free(dropped);
    }

    /* they do count: with voltages that say nothing of resistance the predictions are others */
    size_t n_other = 0;
    evtwin_table *flat = NULL;
    assert_ok(evtwin_table_copy(fleet, &flat));
    for (size_t r = 0; r < evtwin_table_rows(flat); r++) {
        assert_ok(evtwin_table_set_f64(flat, FLEET_VOLTAGE, r, 370.0));
    }
    assert_ok(evtwin_predictor_apply(p, flat));
    for (size_t r = 0; r < evtwin_table_rows(flat); r++) {
        n_other += rul_of(flat)[r] != rul_of(whole)[r];
    }
    assert_true(n_other > evtwin_table_rows(flat) / 4);
    evtwin_table_free(flat);
    evtwin_session_free(s);
    evtwin_predictor_free(p);
    evtwin_table_free(fleet);
    evtwin_table_free(whole);
}

/* Rows a week apart: none of them is known, and nothing is worse for it. */
static void test_weekly(void **state) {
    (void)state;
    evtwin_table *fleet = make_minutes(604800), *other = NULL;
    evtwin_predictor *with = train(fleet, "all", temp_path("with"));
    evtwin_predictor *without = train(fleet, NULL, temp_path("without"));
    assert_ok(evtwin_table_copy(fleet, &other));
    assert_ok(evtwin_predictor_apply(with, fleet));
    assert_ok(evtwin_predictor_apply(without, other));
    assert_memory_equal(rul_of(fleet), rul_of(other), evtwin_table_rows(fleet) * sizeof(double));
    evtwin_predictor_free(with);
    evtwin_predictor_free(without);
    evtwin_table_free(fleet);
    evtwin_table_free(other);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_live_equals_batch),
        cmocka_unit_test(test_weekly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
