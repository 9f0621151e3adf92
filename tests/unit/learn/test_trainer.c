/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_trainer.c: a whole training: splits, scores, findings, JSON. */

#include "test.h"

#include "core/json.h"

#include "small_fleet.h"

/* ---- what a training gives ---- */

static void test_holds_out_batteries(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_fleet(t, &o);
    const evtwin_score rul = model_score(trainer, "rul");
    const evtwin_score mean = score_of(trainer, "rul", EVTWIN_SCORED_MEAN);
    const evtwin_score life = score_of(trainer, "rul", EVTWIN_SCORED_MEAN_LIFE);
    const evtwin_score single = score_of(trainer, "rul", EVTWIN_SCORED_SINGLE);
    assert_int_equal(rul.n_folds, 0);
    assert_int_equal(rul.n_test, 4 * FLEET_ROWS);
    assert_int_equal(rul.n_train, 16 * FLEET_ROWS);
    assert_int_equal(single.n_test, rul.n_test);
    assert_true(rul.r2 > 0.9 && isnan(rul.auc));
    assert_near(mean.r2, 0.0, 0.1);
    assert_true(life.rmse > 10.0 && life.rmse < 120.0);
    assert_true(strcmp(single.feature, "soh") == 0 || strcmp(single.feature, "charge_cycles") == 0);
    assert_string_equal(rul.feature, "");
    assert_true(rul.rmse < mean.rmse);

    const evtwin_score failure = model_score(trainer, "failure");
    const evtwin_score rate = score_of(trainer, "failure", EVTWIN_SCORED_MEAN);
    assert_int_equal(failure.n_test, 4 * FLEET_ROWS);
    assert_true(failure.auc > 0.95 && isnan(failure.rmse));
    assert_true(failure.average_precision > 0.8);
    assert_true(failure.brier < rate.brier);
    assert_true(rate.base_rate > 0.1 && rate.base_rate < 0.2);
    assert_true(isnan(score_of(trainer, "failure", EVTWIN_SCORED_MEAN_LIFE).brier));
    assert_null(finding_text(trainer, "no-signal"));

    double sum = 0.0;
    for (size_t i = 0; i < 7; i++) {
        sum += evtwin_trainer_importance(trainer, "rul", i);
    }
    assert_near(sum, 1.0, 1e-6);
    assert_true(isnan(evtwin_trainer_importance(trainer, "rul", 7)));
    assert_true(isnan(evtwin_trainer_importance(trainer, "torque", 0)));
    assert_int_equal(evtwin_features_count(evtwin_trainer_features(trainer)), 7);

    evtwin_score s;
    assert_fails(evtwin_trainer_score(trainer, "rul", EVTWIN_SCORED_MODEL, 0, &s, sizeof s),
                 EVTWIN_E_ARG, "fold 0|0)");
    assert_int_equal(
        evtwin_trainer_score(trainer, "soh", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS, &s, sizeof s),
        EVTWIN_E_NOT_FOUND);
    assert_int_equal(
        evtwin_trainer_score(trainer, "rul", (evtwin_scored)4, EVTWIN_ALL_FOLDS, &s, sizeof s),
        EVTWIN_E_ARG);
    assert_int_equal(evtwin_trainer_score(NULL, "rul", EVTWIN_SCORED_MODEL, 0, &s, sizeof s),
                     EVTWIN_E_ARG);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* What intervals are made of: every score can be made again from the held-out predictions. */
static void test_hands_out_its_predictions(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    for (int folds = 0; folds <= 4; folds += 4) {
        o.cv_folds = folds;
        evtwin_trainer *trainer = train_fleet(t, &o);
        const evtwin_score s = model_score(trainer, "rul");
        evtwin_table *p = NULL;
        assert_ok(evtwin_trainer_predictions(trainer, "rul", &p));
        evtwin_trainer_free(trainer);
        const size_t n = evtwin_table_rows(p);
        assert_int_equal(n, folds > 0 ? FLEET_BATTERIES * FLEET_ROWS : 4 * FLEET_ROWS);
        static const char *const name[] = {"row",        "group", "fold",      "truth",
                                           "prediction", "mean",  "mean_life", "single"};
        size_t col[8];
        for (size_t c = 0; c < 8; c++) {
            col[c] = evtwin_table_find(p, name[c]);
            assert_int_equal(col[c], c);
        }
        assert_string_equal(evtwin_table_unit(p, 4), "cycles");
        double square = 0.0;
        for (size_t r = 0; r < n; r++) {
            const size_t row = (size_t)evtwin_table_i64(p, 0)[r];
            const double truth = evtwin_table_number(p, 3, r);
            assert_string_equal(evtwin_table_text(p, 1, r), evtwin_table_text(t, FLEET_ID, row));
            assert_true(truth == evtwin_table_number(t, FLEET_RUL, row));
            assert_in_range(evtwin_table_i64(p, 2)[r], 0, folds > 0 ? 3 : 0);
            const double error = evtwin_table_number(p, 4, r) - truth;
            square += error * error;
            for (size_t c = 4; c < 8; c++) {
                assert_true(evtwin_table_is_valid(p, c, r));
            }
        }
        assert_near(sqrt(square / (double)n), s.rmse, 1e-9);
        evtwin_table_free(p);
    }

    evtwin_trainer *trainer = train_targets(t, "none", NULL, &o);
    evtwin_table *p = NULL;
    assert_fails(evtwin_trainer_predictions(trainer, "rul", &p), EVTWIN_E_NOT_FOUND, "no RUL");
    assert_fails(evtwin_trainer_predictions(NULL, "rul", &p), EVTWIN_E_ARG, "NULL");
    assert_ok(evtwin_trainer_predictions(trainer, "failure", &p));
    assert_false(evtwin_table_is_valid(p, evtwin_table_find(p, "mean_life"), 0));
    evtwin_table_free(p);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_folds_pool(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    o.cv_folds = 4;
    evtwin_trainer *trainer = train_fleet(t, &o);
    evtwin_score rul = model_score(trainer, "rul");
    assert_int_equal(rul.n_folds, 4);
    assert_int_equal(rul.n_test, FLEET_BATTERIES * FLEET_ROWS);
    assert_int_equal(rul.n_train, FLEET_BATTERIES * FLEET_ROWS);

    /* equal folds: the pooled squared error is the mean of theirs */
    double square = 0.0;
    for (size_t i = 0; i < 4; i++) {
        const evtwin_score fold = fold_score(trainer, "rul", i);
        assert_true(fold.r2 > 0.8);
        assert_int_equal(fold.n_test + fold.n_train, rul.n_test);
        square += fold.rmse * fold.rmse / 4.0;
    }
    assert_near(sqrt(square), rul.rmse, 1e-9);
    evtwin_trainer_free(trainer);

    o.cv_folds = FLEET_BATTERIES + 1;
    trainer = NULL;
    assert_fails(evtwin_train(t, NULL, 0, &o, &trainer), EVTWIN_E_DATA, "21 folds");
    assert_null(trainer);
    evtwin_table_free(t);
}

static void test_same_at_any_thread_count(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    o.cv_folds = 3;
    o.n_threads = 1;
    evtwin_trainer *one = train_fleet(t, &o);
    o.n_threads = 5;
    evtwin_trainer *five = train_fleet(t, &o);
    assert_string_equal(evtwin_trainer_json(one, "m"), evtwin_trainer_json(five, "m"));
    evtwin_trainer_free(one);
    evtwin_trainer_free(five);

    /* another seed holds out other batteries */
    o.cv_folds = 0;
    one = train_fleet(t, &o);
    o.seed = 1;
    five = train_fleet(t, &o);
    assert_string_not_equal(evtwin_trainer_json(one, "m"), evtwin_trainer_json(five, "m"));
    evtwin_trainer_free(one);
    evtwin_trainer_free(five);
    evtwin_table_free(t);
}

/* One battery: the last fifth in time is held out, whatever the order of the rows. */
static void test_one_battery_is_split_by_time(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(1, 100);
    const evtwin_train_options o = fleet_options();
    /* failures come at the end: none are left to learn from */
    evtwin_trainer *trainer = NULL;
    assert_fails(evtwin_train(t, NULL, 0, &o, &trainer), EVTWIN_E_DATA,
                 "'failure'|training part|time|80 rows|0|targets without failure");
    const fleet_targets no_failure = targets_of(NULL, "none");
    trainer = train_targets(t, NULL, "none", &o);
    evtwin_score rul = model_score(trainer, "rul");
    assert_int_equal(rul.n_test, 20);
    assert_non_null(strstr(evtwin_trainer_json(trainer, NULL), "\"by\": \"time\""));
    assert_non_null(finding_text(trainer, "one-series"));
    /* no other battery's life is known, and this one's is not before its end */
    assert_true(isnan(score_of(trainer, "rul", EVTWIN_SCORED_MEAN_LIFE).rmse));
    assert_false(isnan(score_of(trainer, "rul", EVTWIN_SCORED_MEAN).rmse));
    char before[64];
    snprintf(before, sizeof before, "%.12g", rul.rmse);
    evtwin_trainer_free(trainer);

    size_t reversed[100];
    for (size_t i = 0; i < 100; i++) {
        reversed[i] = 99 - i;
    }
    evtwin_table *other;
    assert_ok(evtwin_table_select(t, reversed, 100, &other));
    trainer = train_targets(other, NULL, "none", &o);
    rul = model_score(trainer, "rul");
    char after[64];
    snprintf(after, sizeof after, "%.12g", rul.rmse);
    assert_string_equal(before, after);
    evtwin_trainer_free(trainer);
    evtwin_table_free(other);

    evtwin_train_options with_folds = o;
    with_folds.cv_folds = 5;
    assert_fails(try_train(t, &no_failure, &with_folds, &trainer), EVTWIN_E_DATA, "5 folds|1");
    evtwin_table_free(t);
}

static void test_groups_by_column_and_by_reset(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    assert_ok(evtwin_table_rename(t, FLEET_ID, "cell"));
    evtwin_train_options o = fleet_options();
    o.group = "cell";
    evtwin_trainer *by_column = train_fleet(t, &o);
    const char *json = evtwin_trainer_json(by_column, NULL);
    assert_non_null(strstr(json, "\"by\": \"group\""));
    assert_non_null(strstr(json, "\"groups\": 20"));

    o.group = NULL;
    o.group_by_reset = "charge_cycles";
    evtwin_trainer *by_reset = train_fleet(t, &o);
    json = evtwin_trainer_json(by_reset, NULL);
    assert_non_null(strstr(json, "\"by\": \"battery\""));
    assert_non_null(strstr(json, "\"groups\": 20"));
    /* the same groups, the same scores */
    assert_near(model_score(by_column, "rul").rmse, model_score(by_reset, "rul").rmse, 0.0);
    evtwin_trainer_free(by_column);
    evtwin_trainer_free(by_reset);

    o.group = "cell";
    evtwin_trainer *none = NULL;
    assert_fails(evtwin_train(t, NULL, 0, &o, &none), EVTWIN_E_ARG, "'cell'|'charge_cycles'");
    evtwin_table_free(t);
}

static void test_noise_is_called_noise(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    uint32_t seed = 5;
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_RUL, r, 1000.0 * fleet_noise(&seed)));
        assert_ok(evtwin_table_set_f64(t, FLEET_FAILURE, r, fleet_noise(&seed) < 0.3));
    }
    evtwin_train_options o = fleet_options();
    o.cv_folds = 5;
    evtwin_trainer *trainer = train_fleet(t, &o);
    assert_int_equal(evtwin_trainer_has_signal(trainer), 0);
    assert_non_null(strstr(finding_text(trainer, "no-signal"), "no signal: the RUL model"));
    assert_non_null(strstr(finding_text(trainer, "no-signal"), "bootstrap over groups"));
    assert_non_null(finding_text(trainer, "loses-to-baseline"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* ---- rows that cannot be used ---- */

/* One value is lies, several are lie. */
static void test_findings_know_one_from_several(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    const evtwin_train_options o = fleet_options();
    static const char *const expected[] = {"1 missing value was carried forward|its group",
                                           "2 missing values were carried forward|their group"};
    for (size_t n = 1; n <= 2; n++) {
        assert_ok(evtwin_table_set_missing(t, FLEET_SOC, FLEET_ROWS + 4 + n));
        evtwin_trainer *trainer = train_fleet(t, &o);
        const char *text = finding_text(trainer, "filled-forward");
        char words[64];
        snprintf(words, sizeof words, "%.*s", (int)strcspn(expected[n - 1], "|"), expected[n - 1]);
        assert_non_null(strstr(text, words));
        assert_non_null(strstr(text, strchr(expected[n - 1], '|') + 1));
        evtwin_trainer_free(trainer);
    }
    evtwin_table_free(t);
}

static void test_rows_left_out_are_counted(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < FLEET_ROWS; r++) {
        assert_ok(evtwin_table_set_missing(t, FLEET_RUL, r)); /* battery 0 is censored */
    }
    assert_ok(evtwin_table_set_missing(t, FLEET_SOH, FLEET_ROWS));     /* first row of battery 1 */
    assert_ok(evtwin_table_set_missing(t, FLEET_SOC, FLEET_ROWS));     /* the same row, once more */
    assert_ok(evtwin_table_set_missing(t, FLEET_SOC, FLEET_ROWS + 5)); /* can be carried forward */
    assert_ok(evtwin_table_set_missing(t, FLEET_ID, 2 * FLEET_ROWS));
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_fleet(t, &o);
    const char *text = finding_text(trainer, "rows-left-out");
    assert_non_null(strstr(text, "42 of 800 rows are left out of the RUL model"));
    assert_non_null(strstr(text, "40 have no rul"));
    assert_non_null(strstr(text, "1 has no group"));
    assert_non_null(strstr(text, "1 without a feature has nothing before"));
    assert_non_null(strstr(text, "soc in 1, soh in 1"));
    assert_non_null(strstr(finding_text(trainer, "censored"), "1 of 20 groups"));
    assert_non_null(strstr(finding_text(trainer, "filled-forward"), "1 missing value was"));
    evtwin_score rul = model_score(trainer, "rul");
    assert_int_equal(rul.n_train + rul.n_test, 758);
    const evtwin_score failure = model_score(trainer, "failure");
    assert_int_equal(failure.n_train + failure.n_test, 798);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_battery_with_one_row(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    assert_ok(evtwin_table_set_text(t, FLEET_ID, 17, "lonely"));
    evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = NULL;
    assert_fails(evtwin_train(t, NULL, 0, &o, &trainer), EVTWIN_E_DATA, "table:|1 of 21|'lonely'");
    assert_null(strstr(evtwin_last_error(), "name? ")); /* what to do about it, a tool appends */
    o.allow_single_rows = 1;
    trainer = train_fleet(t, &o);
    assert_non_null(strstr(finding_text(trainer, "one-row-groups"), "'lonely'"));
    evtwin_trainer_free(trainer);
    o.cv_folds = 21; /* it makes a fold of its own, whose R2 does not exist */
    trainer = train_fleet(t, &o);
    const evtwin_score fold = fold_score(trainer, "rul", 20);
    assert_true(isnan(fold.r2));
    assert_true(fold.rmse >= 0.0);
    assert_non_null(strstr(evtwin_trainer_json(trainer, NULL), "\"r2\": null"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* One battery has all failures: the fold that holds it out learns from one class, and scores as it
 * may. */
static void test_fold_without_failures(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(4, FLEET_ROWS);
    for (size_t r = FLEET_ROWS; r < 4 * FLEET_ROWS; r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_FAILURE, r, 0.0));
    }
    evtwin_train_options o = fleet_options();
    o.cv_folds = 4;
    evtwin_trainer *trainer = train_targets(t, "none", NULL, &o);
    const evtwin_score s = model_score(trainer, "failure");
    assert_true(s.auc < 0.6);
    assert_true(s.brier < 0.1);
    evtwin_score none;
    assert_fails(evtwin_trainer_score(trainer, "rul", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS, &none,
                                      sizeof none),
                 EVTWIN_E_NOT_FOUND, "no RUL model");
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_an_absent_target_is_left_out(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    assert_ok(evtwin_table_rename(t, FLEET_FAILURE, "something"));
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_fleet(t, &o);
    assert_non_null(strstr(finding_text(trainer, "target-absent"), "Failure_Probability"));
    evtwin_score score;
    assert_fails(evtwin_trainer_score(trainer, "failure", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS,
                                      &score, sizeof score),
                 EVTWIN_E_NOT_FOUND, "failure");
    assert_true(isnan(evtwin_trainer_importance(trainer, "failure", 0)));
    assert_non_null(strstr(evtwin_trainer_json(trainer, NULL), "\"failure\": null"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_telemetry_target_is_in_our_unit(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        const double soh = evtwin_table_number(t, FLEET_SOH, r);
        assert_ok(evtwin_table_set_f64(t, FLEET_SOH, r, soh / 100.0));
    }
    assert_ok(evtwin_table_set_unit(t, FLEET_SOH, "fraction"));
    evtwin_train_options o = fleet_options();
    o.features = "charge_cycles,voltage";
    o.allow = "countdown"; /* all fall alike */
    evtwin_trainer *trainer = train_targets(t, "soh", "none", &o);
    const evtwin_score rul = score_of(trainer, "rul", EVTWIN_SCORED_MEAN);
    assert_near(rul.rmse, 20.0 / sqrt(12.0), 0.5); /* percent, not fractions */
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_presumptions_are_named(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_CURRENT, r, -10.0 - (double)(r % 7)));
    }
    assert_ok(evtwin_table_rename(t, FLEET_POWER, "Power_Consumption"));
    assert_ok(evtwin_table_set_unit(t, FLEET_POWER, "kW"));
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = NULL;
    /* 30 MW are too many: the values are watts */
    assert_fails(evtwin_train(t, NULL, 0, &o, &trainer), EVTWIN_E_RANGE, "Power_Consumption");
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_POWER, r, 20.0 + (double)(r % 3)));
    }
    trainer = train_fleet(t, &o);
    assert_non_null(strstr(finding_text(trainer, "unit-presumed"), "kW"));
    assert_non_null(strstr(finding_text(trainer, "sign-as-is"), "'current' is negative"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* ---- JSON ---- */

static json_t *member(const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    if (value == NULL) {
        fail_msg("no key '%s'", key);
    }
    return value;
}

static void assert_numbers(const json_t *object, const char *const *key, size_t n) {
    for (size_t i = 0; i < n; i++) {
        assert_true(json_is_number(member(object, key[i])));
    }
}

static void test_json_has_the_pinned_keys(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    o.cv_folds = 3;
    evtwin_trainer *trainer = train_fleet(t, &o);
    const char *text = evtwin_trainer_json(trainer, "a folder");
    json_t *root;
    assert_ok(evtwin__json_parse("report", text, strlen(text), &root));

    const json_t *rul = member(root, "rul");
    static const char *const rul_keys[] = {"r2", "rmse", "mae", "n_train", "n_test"};
    assert_numbers(rul, rul_keys, 5);
    assert_int_equal(json_array_size(member(rul, "folds")), 3);
    static const char *const fold_keys[] = {"r2", "rmse"};
    assert_numbers(json_array_get(member(rul, "folds"), 2), fold_keys, 2);
    const json_t *base = member(rul, "baselines");
    assert_numbers(member(base, "mean"), fold_keys, 2);
    assert_numbers(member(base, "countdown"), fold_keys, 2);
    assert_true(json_is_string(member(member(base, "single_feature"), "feature")));
    assert_numbers(member(base, "single_feature"), fold_keys, 2);

    const json_t *failure = member(root, "failure");
    static const char *const failure_keys[] = {"auc", "average_precision", "accuracy", "brier"};
    assert_numbers(failure, failure_keys, 4);
    base = member(failure, "baselines");
    static const char *const brier[] = {"brier"}, *const auc[] = {"auc"};
    assert_numbers(member(base, "base_rate"), brier, 1);
    assert_true(json_is_string(member(member(base, "single_feature"), "feature")));
    assert_numbers(member(base, "single_feature"), auc, 1);

    assert_string_equal(json_string_value(member(member(root, "split"), "by")), "battery");
    assert_int_equal(json_integer_value(member(member(root, "split"), "groups")), 20);
    assert_true(json_is_true(member(root, "signal")));
    assert_string_equal(json_string_value(member(root, "models")), "a folder");
    const json_t *audit = member(root, "audit");
    assert_int_equal(json_array_size(audit), evtwin_trainer_finding_count(trainer));
    for (size_t i = 0; i < json_array_size(audit); i++) {
        assert_true(json_is_string(member(json_array_get(audit, i), "cause")));
        assert_true(json_is_string(member(json_array_get(audit, i), "severity")));
        assert_true(json_is_string(member(json_array_get(audit, i), "text")));
    }
    json_decref(root);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_out_batteries),
        cmocka_unit_test(test_hands_out_its_predictions),
        cmocka_unit_test(test_folds_pool),
        cmocka_unit_test(test_same_at_any_thread_count),
        cmocka_unit_test(test_one_battery_is_split_by_time),
        cmocka_unit_test(test_groups_by_column_and_by_reset),
        cmocka_unit_test(test_noise_is_called_noise),
        cmocka_unit_test(test_findings_know_one_from_several),
        cmocka_unit_test(test_rows_left_out_are_counted),
        cmocka_unit_test(test_battery_with_one_row),
        cmocka_unit_test(test_fold_without_failures),
        cmocka_unit_test(test_an_absent_target_is_left_out),
        cmocka_unit_test(test_telemetry_target_is_in_our_unit),
        cmocka_unit_test(test_presumptions_are_named),
        cmocka_unit_test(test_json_has_the_pinned_keys),
    };
    if (strstr(evtwin_build_info(), "xgboost") == NULL) {
        print_message("skipped: this build has no XGBoost\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
