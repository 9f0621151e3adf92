/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_trainer_scores.c: a score that cannot be made is said to be unknown, and
 * nothing is concluded from it. */

#include "test.h"

#include "small_fleet.h"

#include "learn/bundle.h"

static void assert_no_praise(const evtwin_trainer *trainer) {
    assert_int_equal(evtwin_trainer_has_signal(trainer), 0);
    assert_null(finding_text(trainer, "beats-baselines"));
    assert_null(finding_text(trainer, "loses-to-baseline"));
    assert_null(finding_text(trainer, "no-signal")); /* nor is it known that there is none */
}

static void assert_finding(const evtwin_trainer *trainer, const char *cause, const char *fragment) {
    const char *text = finding_text(trainer, cause);
    if (text == NULL || strstr(text, fragment) == NULL) {
        fail_msg("%s: '%s' lacks '%s'", cause, text != NULL ? text : "(none)", fragment);
    }
}

/* Failures in the first half of the one battery's life: the last fifth has none. */
static void test_one_class_is_held_out(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(1, 100);
    for (size_t r = 0; r < 100; r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_FAILURE, r, r >= 20 && r < 50));
    }
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_targets(t, "none", NULL, &o);
    const evtwin_score s = model_score(trainer, "failure");
    assert_true(isnan(s.auc) && isnan(s.average_precision));
    assert_finding(trainer, "score-unknown",
                   "the AUC of the failure model is unknown: failure is 0 in all 20 held-out rows");
    assert_no_praise(trainer);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_one_row_is_held_out(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(1, 6);
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
    const evtwin_score s = model_score(trainer, "rul");
    assert_int_equal(s.n_test, 1);
    assert_true(isnan(s.r2));
    assert_finding(trainer, "score-unknown",
                   "the R2 of the RUL model is unknown: one row only is held out");
    assert_finding(trainer, "too-few-groups", "one row is held out, at least 5");
    assert_no_praise(trainer);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_a_constant_target_is_held_out(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(1, 100);
    for (size_t r = 70; r < 100; r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_RUL, r, 12.5));
    }
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
    assert_finding(trainer, "score-unknown",
                   "the R2 of the RUL model is unknown: rul is 12.5 in all 20 held-out rows");
    assert_no_praise(trainer);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* Four batteries that all go well are weak evidence: 1 in 16 coins does as well. Five are 1 in 32.
 */
static void test_few_batteries_show_little(void **state) {
    (void)state;
    const evtwin_train_options o = fleet_options();
    evtwin_table *t = make_fleet(22, FLEET_ROWS);
    evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
    assert_int_equal(evtwin_trainer_has_signal(trainer), 1);
    assert_finding(
        trainer, "too-few-groups",
        "4 groups are held out, at least 5 would show it (folds hold out each group once)");
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);

    t = make_fleet(23, FLEET_ROWS);
    trainer = train_targets(t, NULL, "none", &o);
    assert_int_equal(evtwin_trainer_has_signal(trainer), 1);
    assert_null(finding_text(trainer, "too-few-groups"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* Folds hold out every battery once, so five of them are enough. */
static void test_folds_of_few_batteries(void **state) {
    (void)state;
    evtwin_train_options o = fleet_options();
    o.cv_folds = 4;
    for (size_t batteries = 4; batteries <= 5; batteries++) {
        evtwin_table *t = make_fleet(batteries, FLEET_ROWS);
        evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
        assert_int_equal(evtwin_trainer_has_signal(trainer), 1);
        assert_int_equal(finding_text(trainer, "too-few-groups") != NULL, batteries == 4);
        evtwin_trainer_free(trainer);
        evtwin_table_free(t);
    }
}

/* One battery, a few days: what is drawn are single rows. */
static void test_few_rows_prove_nothing(void **state) {
    (void)state;
    for (size_t rows = 20; rows <= 25; rows += 5) {
        evtwin_table *t = make_fleet(1, rows);
        const evtwin_train_options o = fleet_options();
        evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
        const char *text = finding_text(trainer, "too-few-groups");
        assert_int_equal(text != NULL, rows == 20);
        assert_true(text == NULL || strstr(text, "4 rows are held out") != NULL);
        evtwin_trainer_free(trainer);
        evtwin_table_free(t);
    }
}

/* ---- what is claimed ---- */

static double root_of_mean(const double *v, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += v[i] * v[i];
    }
    return sqrt(sum / (double)n);
}

/* What is claimed of a target: "beats" if and only if the interval of the ratio is below 1, by what
 * its three digits show. */
static const char *claim_on(const evtwin_trainer *trainer, const char *target) {
    const evtwin_score s = model_score(trainer, target);
    const char *beats = finding_text(trainer, "beats-baselines");
    assert_true(s.ratio_low <= s.ratio && s.ratio <= s.ratio_high);
    assert_true((beats != NULL) == (s.ratio_high < 0.9995));
    assert_true((finding_text(trainer, "loses-to-baseline") != NULL) == (s.ratio_low > 1.0005));
    return beats != NULL                                        ? "beats"
           : finding_text(trainer, "no-clear-gain") != NULL     ? "unclear"
           : finding_text(trainer, "loses-to-baseline") != NULL ? "loses"
                                                                : "none";
}

/* A life that follows two features, one feature, none; in cycles and in a unit a thousand times as
 * large, whose figures keep their digits (XGBoost ignores gains below 1e-6, so not a million). */
static void test_claims(void **state) {
    (void)state;
    static const struct {
        int n_features;
        const char *claim;
    } each[] = {{2, "beats"}, {1, "unclear|loses"}, {0, "unclear|loses"}};
    for (size_t i = 0; i < 2 * sizeof each / sizeof each[0]; i++) {
        const int n_features = each[i / 2].n_features;
        const double unit = i % 2 == 0 ? 1.0 : 1e-3;
        evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
        uint32_t seed = 8;
        for (size_t r = 0; r < evtwin_table_rows(t); r++) {
            const double soh = evtwin_table_number(t, FLEET_SOH, r);
            const double warm = evtwin_table_number(t, FLEET_TEMPERATURE, r);
            const double life = n_features == 2   ? (soh - 75.0) * (40.0 - warm)
                                : n_features == 1 ? 20.0 * (soh - 75.0)
                                                  : 300.0;
            assert_ok(
                evtwin_table_set_f64(t, FLEET_RUL, r, unit * (life + 100.0 * fleet_noise(&seed))));
        }
        evtwin_train_options o = fleet_options();
        o.cv_folds = 5;
        o.allow = "label-formula";
        evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
        const char *claim = claim_on(trainer, "rul");
        if (strstr(each[i / 2].claim, claim) == NULL) {
            fail_msg("%d features: %s, not %s", n_features, claim, each[i / 2].claim);
        }
        const evtwin_score s = model_score(trainer, "rul");
        assert_true(s.error_low < s.rmse && s.rmse < s.error_high);
        assert_true(s.rmse > 20.0 * unit && s.rmse < 200.0 * unit);
        const char *text = finding_text(trainer, strcmp(claim, "beats") == 0   ? "beats-baselines"
                                                 : strcmp(claim, "loses") == 0 ? "loses-to-baseline"
                                                                               : "no-clear-gain");
        assert_null(strstr(text, "RMSE 0)"));
        assert_non_null(strstr(text, "90 % interval"));
        evtwin_trainer_free(trainer);
        evtwin_table_free(t);
    }
}

/* A forest that has one feature of four steps answers as that feature alone does, but for its
 * rounding: within a millionth it neither beats nor loses. */
static void test_rounding_is_no_gain(void **state) {
    (void)state;
    uint32_t seed = 3;
    for (size_t i = 0; i < 8; i++) {
        evtwin_table *t = make_fleet(FLEET_BATTERIES + 5, FLEET_ROWS / 2);
        for (size_t r = 0; r < evtwin_table_rows(t); r++) {
            const double soh = 84.0 + 5.0 * floor(4.0 * fleet_noise(&seed));
            const double life = i % 2 == 0 ? 20.0 * (soh - 79.0) : 300.0;
            assert_ok(evtwin_table_set_f64(t, FLEET_SOH, r, soh));
            assert_ok(evtwin_table_set_f64(t, FLEET_RUL, r, life + 300.0 * fleet_noise(&seed)));
        }
        evtwin_train_options o = fleet_options();
        o.features = "soh";
        o.allow = "label-formula,label-rises";
        fleet_targets targets = targets_of(NULL, "none");
        targets.rul.trees = 100;
        evtwin_trainer *trainer = NULL;
        assert_ok(try_train(t, &targets, &o, &trainer));
        const evtwin_score s = model_score(trainer, "rul");
        const char *claim = claim_on(trainer, "rul");
        if (fabs(s.ratio - 1.0) < 1e-4 && strcmp(claim, "unclear") != 0) {
            fail_msg("ratio %.9f to %.9f: %s", s.ratio_low, s.ratio_high, claim);
        }
        evtwin_trainer_free(trainer);
        evtwin_table_free(t);
    }
}

/* Each battery counts once, however many rows it has. */
static void test_mean_of_batteries(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    o.cv_folds = 5;
    evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
    evtwin_table *held = NULL;
    assert_ok(evtwin_trainer_predictions(trainer, "rul", &held));
    const int32_t *code = evtwin_table_codes(held, evtwin_table_find(held, "group"));
    double sum[FLEET_BATTERIES] = {0}, n[FLEET_BATTERIES] = {0}, mean = 0.0;
    double error[FLEET_BATTERIES * FLEET_ROWS];
    for (size_t r = 0; r < evtwin_table_rows(held); r++) {
        error[r] = evtwin_table_number(held, evtwin_table_find(held, "prediction"), r) -
                   evtwin_table_number(held, evtwin_table_find(held, "truth"), r);
        sum[code[r]] += fabs(error[r]);
        n[code[r]] += 1.0;
    }
    for (size_t b = 0; b < FLEET_BATTERIES; b++) {
        mean += sum[b] / n[b] / FLEET_BATTERIES;
    }
    assert_near(model_score(trainer, "rul").battery_mae, mean, 1e-9);
    assert_near(model_score(trainer, "rul").rmse, root_of_mean(error, evtwin_table_rows(held)),
                1e-9);
    evtwin_table_free(held);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* Four batteries are too few to claim anything. */
static void test_no_claim_on_few(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(4, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    o.cv_folds = 4;
    evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
    const evtwin_score s = model_score(trainer, "rul");
    assert_true(isnan(s.ratio_low) && isnan(s.error_high) && s.ratio > 0.0);
    assert_null(finding_text(trainer, "beats-baselines"));
    const char *ties = finding_text(trainer, "no-clear-gain");
    const char *text = ties != NULL ? ties : finding_text(trainer, "loses-to-baseline");
    assert_non_null(text);
    assert_non_null(strstr(text, "ratio "));
    assert_null(strstr(text, "unknown"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* ---- intervals, repeats ---- */

static evtwin__interval interval_of(const evtwin_trainer *trainer) {
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    const evtwin__interval interval = evtwin__predictor_bundle(p)->model[EVTWIN__T_RUL].interval;
    evtwin_predictor_free(p);
    return interval;
}

/* Batteries that score say nothing about the interval: with lives that are all 300 cycles longer it
 * is the same, and does not cover them. */
static void test_interval_without_scored_batteries(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(40, FLEET_ROWS);
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *first = train_targets(t, NULL, "none", &o), *second = NULL;
    const evtwin__interval a = interval_of(first);
    assert_int_equal(a.n_batteries, 32);
    assert_true(model_score(first, "rul").coverage > 0.7);
    evtwin_table *held = NULL;
    assert_ok(evtwin_trainer_predictions(first, "rul", &held));
    for (size_t i = 0; i < evtwin_table_rows(held); i++) {
        const size_t r = (size_t)evtwin_table_i64(held, evtwin_table_find(held, "row"))[i];
        const double rul = evtwin_table_number(t, FLEET_RUL, r);
        assert_ok(evtwin_table_set_f64(t, FLEET_RUL, r, rul + 300.0));
    }
    second = train_targets(t, NULL, "none", &o);
    const evtwin__interval b = interval_of(second);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(model_score(second, "rul").coverage < 0.2);
    assert_true(model_score(second, "rul").rmse > 2.0 * model_score(first, "rul").rmse);
    evtwin_table_free(held);
    evtwin_trainer_free(first);
    evtwin_trainer_free(second);
    evtwin_table_free(t);
}

static void test_repeats(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    o.n_repeats = 3;
    evtwin_trainer *trainer = NULL, *once = NULL;
    assert_fails(try_train(t, &(fleet_targets){0}, &o, &trainer), EVTWIN_E_ARG,
                 "n_repeats|cv_folds");
    o.cv_folds = 5;
    trainer = train_fleet(t, &o);
    o.n_repeats = 0;
    once = train_fleet(t, &o);
    static const char *const target[] = {"rul", "failure"};
    for (size_t i = 0; i < 2; i++) {
        evtwin_score s[3];
        for (size_t k = 0; k < 3; k++) {
            assert_ok(evtwin_trainer_repeat(trainer, target[i], k, &s[k], sizeof s[k]));
            assert_int_equal(s[k].n_test, FLEET_BATTERIES * FLEET_ROWS);
        }
        const evtwin_score whole = model_score(trainer, target[i]),
                           plain = model_score(once, target[i]);
        assert_memory_equal(&s[0].r2, &whole.r2, sizeof s[0].r2);
        const double error[] = {i == 0 ? s[0].rmse : s[0].brier, i == 0 ? s[1].rmse : s[1].brier,
                                i == 0 ? s[2].rmse : s[2].brier};
        assert_true(error[0] == (i == 0 ? plain.rmse : plain.brier)); /* repeats change nothing */
        assert_true(error[1] != error[0] && error[2] != error[1]);
        assert_true(error[1] < 3.0 * error[0] && error[1] > error[0] / 3.0);
    }
    evtwin_score unused;
    assert_fails(evtwin_trainer_repeat(trainer, "rul", 3, &unused, sizeof unused), EVTWIN_E_ARG,
                 "3");
    assert_fails(evtwin_trainer_repeat(once, "rul", 0, &unused, sizeof unused), EVTWIN_E_ARG, "0");
    assert_non_null(strstr(evtwin_trainer_json(trainer, NULL), "\"repeats\""));
    assert_null(strstr(evtwin_trainer_json(once, NULL), "\"repeats\""));
    evtwin_trainer_free(trainer);
    evtwin_trainer_free(once);
    evtwin_table_free(t);
}

int main(void) {
    if (strstr(evtwin_build_info(), "xgboost") == NULL) {
        print_message("skipped: this build cannot train\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval_without_scored_batteries),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_rounding_is_no_gain),
        cmocka_unit_test(test_mean_of_batteries),
        cmocka_unit_test(test_no_claim_on_few),
        cmocka_unit_test(test_one_class_is_held_out),
        cmocka_unit_test(test_one_row_is_held_out),
        cmocka_unit_test(test_a_constant_target_is_held_out),
        cmocka_unit_test(test_few_batteries_show_little),
        cmocka_unit_test(test_folds_of_few_batteries),
        cmocka_unit_test(test_few_rows_prove_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
