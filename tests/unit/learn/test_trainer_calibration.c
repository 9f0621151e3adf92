/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_trainer_calibration.c: a training calibrates its probabilities without the
 * batteries that score, every path gives the same ones, and bands add up to what is held out. */

#include "test.h"

#include "small_fleet.h"

#ifdef HAVE_XGBOOST

static evtwin_calibration calibration_of(const evtwin_trainer *trainer, int *is_there) {
    evtwin_predictor *p = NULL;
    evtwin_calibration c = {0};
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    *is_there = evtwin_predictor_calibration(p, "failure", &c, sizeof c) == EVTWIN_OK;
    evtwin_predictor_free(p);
    return c;
}

/* Held-out rows: Brier score again, and the batteries' numbers. */
static double brier_again(const evtwin_trainer *trainer, evtwin_table **held_out) {
    assert_ok(evtwin_trainer_predictions(trainer, "failure", held_out));
    const size_t n = evtwin_table_rows(*held_out);
    double sum = 0.0;
    for (size_t r = 0; r < n; r++) {
        const double error =
            evtwin_table_number(*held_out, 4, r) - evtwin_table_number(*held_out, 3, r);
        sum += error * error / (double)n;
    }
    return sum;
}

/* Held out or with folds: scores are those of the calibrated probability, the batteries that score
 * have no part in it, and the same data give the same line. */
static void test_scores_what_is_predicted(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(30, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    for (int folds = 0; folds <= 4; folds += 4) {
        o.cv_folds = folds;
        evtwin_trainer *trainer = train_fleet(t, &o);
        int is_there;
        const evtwin_calibration c = calibration_of(trainer, &is_there);
        assert_int_equal(is_there, 1);
        assert_int_equal(c.n_batteries, folds > 0 ? 30 : 24);
        assert_null(finding_text(trainer, "not-calibrated"));
        const evtwin_score s = model_score(trainer, "failure");
        evtwin_table *held_out = NULL;
        assert_near(brier_again(trainer, &held_out), s.brier, 1e-12);
        assert_true(s.raw_brier >= 0.0 && s.raw_brier != s.brier);
        assert_true(isnan(model_score(trainer, "rul").raw_brier));
        assert_true(model_score(trainer, "rul").coverage > 0.5);

        /* other labels of one battery that scores: the line is the same with a hold-out */
        const char *id = evtwin_table_text(held_out, 1, 0);
        evtwin_table *other = NULL;
        assert_ok(evtwin_table_copy(t, &other));
        for (size_t r = 0; r < evtwin_table_rows(t); r++) {
            if (strcmp(evtwin_table_text(t, FLEET_ID, r), id) == 0) {
                assert_ok(evtwin_table_set_f64(other, FLEET_FAILURE, r, (double)(r % 2)));
            }
        }
        evtwin_trainer *again = train_fleet(other, &o);
        const evtwin_calibration d = calibration_of(again, &is_there);
        assert_int_equal(c.slope == d.slope && c.offset == d.offset, folds == 0);
        evtwin_trainer_free(again);
        evtwin_table_free(other);
        evtwin_table_free(held_out);
        evtwin_trainer_free(trainer);
    }
    evtwin_table_free(t);
}

/* By a table, by features and by a session: the same bits; the forest's own order. */
static void test_every_path(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(30, FLEET_ROWS), *by_table = NULL, *by_session = NULL;
    evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_fleet(t, &o);
    evtwin_predictor *p = NULL;
    evtwin_session *session = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    assert_ok(evtwin_table_copy(t, &by_table));
    assert_ok(evtwin_table_copy(t, &by_session));
    assert_ok(evtwin_predictor_apply(p, by_table));
    assert_ok(evtwin_session_create(p, NULL, &session));
    assert_ok(evtwin_session_apply(session, by_session));
    evtwin_calibration c;
    assert_ok(evtwin_predictor_calibration(p, "failure", &c, sizeof c));
    const size_t col = evtwin_table_find(by_table, "failure_probability");
    assert_int_equal(evtwin_table_find(by_session, "failure_probability"), col);
    const evtwin_features *f = evtwin_predictor_features(p);
    const size_t n = evtwin_features_count(f);
    double *x = malloc(n * sizeof *x), *phi = malloc((n + 1) * sizeof *phi), y[2];
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        const double said = evtwin_table_number(by_table, col, r);
        assert_true(said > 0.0 && said < 1.0);
        assert_true(evtwin_table_number(by_session, col, r) == said);
        double margin = 0.0;
        for (size_t i = 0; i < n; i++) {
            x[i] = evtwin_table_number(t, evtwin_telemetry_find(t, evtwin_features_name(f, i)), r);
        }
        assert_ok(evtwin_predictor_predict(p, x, 1, n, y, 2));
        assert_true(y[1] == said);
        assert_ok(evtwin_predictor_contributions(p, "failure", x, 1, n, phi));
        for (size_t i = 0; i <= n; i++) {
            margin += phi[i];
        }
        assert_near(said, 1.0 / (1.0 + exp(-(c.slope * margin + c.offset))), 1e-5);
    }
    free(x);
    free(phi);
    evtwin_session_free(session);
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
    evtwin_table_free(by_session);
    evtwin_table_free(by_table);
    evtwin_table_free(t);
}

static double sum_of(const evtwin_table *bands, const char *name) {
    double sum = 0.0;
    for (size_t r = 0; r < evtwin_table_rows(bands); r++) {
        sum += evtwin_table_number(bands, evtwin_table_find(bands, name), r);
    }
    return sum;
}

static void test_bands(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(30, FLEET_ROWS), *bands = NULL;
    evtwin_train_options o = fleet_options();
    o.cv_folds = 5;
    evtwin_trainer *trainer = train_fleet(t, &o);
    for (int event = 0; event < 2; event++) {
        const char *target = event ? "failure" : "rul";
        assert_ok(evtwin_trainer_reliability(trainer, target, &bands));
        const size_t n = evtwin_table_rows(bands);
        assert_in_range(n, event ? 2 : 4, 8);
        assert_near(sum_of(bands, "rows"), 30 * FLEET_ROWS, 0.0);
        double weighted = 0.0, squares = 0.0, before = -1.0;
        for (size_t r = 0; r < n; r++) {
#define AT(name) evtwin_table_number(bands, evtwin_table_find(bands, name), r)
            assert_true(AT("from") > before && AT("from") < AT("to"));
            assert_true(AT("batteries") >= 1.0 && AT("batteries") <= 30.0);
            before = AT("from");
            if (event) {
                weighted += AT("rows") * AT("observed");
                assert_true(AT("predicted") >= AT("from") && AT("predicted") <= AT("to"));
                assert_true(AT("observed_low") <= AT("observed") &&
                            AT("observed") <= AT("observed_high"));
                assert_true(AT("observed_high") - AT("observed_low") > 0.0);
            } else {
                squares += AT("rows") * AT("rmse") * AT("rmse");
                assert_true(AT("width") > 0.0 && AT("coverage") >= 0.0 && AT("coverage") <= 1.0);
            }
#undef AT
        }
        const evtwin_score mean = score_of(trainer, "failure", EVTWIN_SCORED_MEAN);
        if (event) {
            assert_near(weighted / (30.0 * FLEET_ROWS), mean.base_rate, 1e-12);
        } else {
            assert_near(sqrt(squares / (30.0 * FLEET_ROWS)), model_score(trainer, "rul").rmse,
                        1e-9);
        }
        evtwin_table_free(bands);
    }
    const char *json = evtwin_trainer_json(trainer, NULL);
    assert_non_null(strstr(json, "\"reliability\""));
    assert_non_null(strstr(json, "\"observed_low\""));
    assert_non_null(strstr(json, "\"calibration\""));
    assert_fails(evtwin_trainer_reliability(trainer, "life", &bands), EVTWIN_E_NOT_FOUND, "life");
    assert_fails(evtwin_trainer_reliability(NULL, "rul", &bands), EVTWIN_E_ARG, "NULL");
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* Too few batteries: the forest's own probability, and a finding that says so. */
static void test_too_few(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(9, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    for (int folds = 0; folds <= 3; folds += 3) {
        o.cv_folds = folds;
        evtwin_trainer *trainer = train_fleet(t, &o);
        int is_there;
        calibration_of(trainer, &is_there);
        assert_int_equal(is_there, 0);
        const char *text = finding_text(trainer, "not-calibrated");
        assert_non_null(text);
        assert_non_null(strstr(text, folds > 0 ? "9 and 9" : "7 and 7"));
        assert_non_null(finding_text(trainer, "interval-guess"));
        assert_true(isnan(model_score(trainer, "failure").raw_brier));
        assert_null(strstr(evtwin_trainer_json(trainer, NULL), "\"calibration\""));
        evtwin_trainer_free(trainer);
    }
    evtwin_table_free(t);
}

/* Folds of which each leaves one battery to calibrate on: there is no interval for the other, and
 * nothing is said of how often it holds. */
static void test_no_interval_of_folds(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(2, FLEET_ROWS), *bands = NULL;
    evtwin_train_options o = fleet_options();
    o.cv_folds = 2;
    evtwin_trainer *trainer = train_targets(t, "rul", "none", &o);
    assert_true(isnan(model_score(trainer, "rul").coverage));
    assert_ok(evtwin_trainer_reliability(trainer, "rul", &bands));
    assert_true(evtwin_table_rows(bands) > 0);
    for (size_t r = 0; r < evtwin_table_rows(bands); r++) {
        assert_true(isnan(evtwin_table_number(bands, evtwin_table_find(bands, "width"), r)));
        assert_true(isnan(evtwin_table_number(bands, evtwin_table_find(bands, "coverage"), r)));
    }
    evtwin_table_free(bands);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_what_is_predicted),
        cmocka_unit_test(test_every_path),
        cmocka_unit_test(test_bands),
        cmocka_unit_test(test_too_few),
        cmocka_unit_test(test_no_interval_of_folds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
