/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_trainer_scores.c: a score that cannot be made is said to be unknown, and
 * nothing is concluded from it. */

#include "test.h"

#include "small_fleet.h"

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

int main(void) {
    if (strstr(evtwin_build_info(), "xgboost") == NULL) {
        print_message("skipped: this build cannot train\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_class_is_held_out),
        cmocka_unit_test(test_one_row_is_held_out),
        cmocka_unit_test(test_a_constant_target_is_held_out),
        cmocka_unit_test(test_few_batteries_show_little),
        cmocka_unit_test(test_folds_of_few_batteries),
        cmocka_unit_test(test_few_rows_prove_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
