/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit_train.c: the audit in a training: the clean fleet's scores are what
 * they should be and nothing is warned of; a perfect model loses to no baseline; what was allowed
 * is in the bundle. */

#include "test.h"

#include "audit_faults.h"

static evtwin_trainer *train(const evtwin_table *t, const setup *s) {
    evtwin_target targets[2];
    evtwin_trainer *trainer = NULL;
    for (size_t i = 0; i < 2; i++) {
        assert_ok(evtwin_target_get(i, &targets[i], sizeof targets[i]));
        targets[i].column = strcmp(targets[i].name, "rul") == 0 ? s->rul : s->failure;
        targets[i].trees = s->options.cv_folds > 0 ? targets[i].trees : 60;
    }
    assert_ok(evtwin_train(t, targets, 2, &s->options, &trainer));
    return trainer;
}

/* The first finding of that cause; NULL if there is none. */
static const char *text_of(const evtwin_trainer *trainer, const char *cause) {
    for (size_t i = 0; i < evtwin_trainer_finding_count(trainer); i++) {
        evtwin_finding f;
        assert_ok(evtwin_trainer_finding(trainer, i, &f, sizeof f));
        if (strcmp(f.cause, cause) == 0) {
            return f.text;
        }
    }
    return NULL;
}

/* No doubt about the data; how a model compares with its baselines is another matter. */
static void assert_data_are_trusted(const evtwin_trainer *trainer) {
    for (size_t i = 0; i < evtwin_trainer_finding_count(trainer); i++) {
        evtwin_finding f;
        assert_ok(evtwin_trainer_finding(trainer, i, &f, sizeof f));
        if (strcmp(f.severity, "info") != 0 && strcmp(f.about, "score") != 0) {
            fail_msg("%s of the clean fleet: %s", f.cause, f.text);
        }
    }
}

/* Of which the seeded faults are: R2 near 0.76, and nothing that would leak. */
static void test_the_clean_fleet_trains_honestly(void **state) {
    (void)state;
    setup s = default_setup();
    evtwin_score score;
    s.options.cv_folds = 5;
    s.failure = "none";
    evtwin_table *t = simulate_fleet(FLEET_PACKS, 1, NULL);
    evtwin_trainer *trainer = train(t, &s);
    assert_ok(evtwin_trainer_score(trainer, "rul", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS, &score,
                                   sizeof score));
    print_message("  R2 %.4f RMSE %.1f\n", score.r2, score.rmse);
    assert_true(score.r2 >= 0.70 && score.r2 <= 0.82);
    assert_data_are_trusted(trainer);
    assert_non_null(text_of(trainer, "beats-baselines"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* A fault code that equals the label: refused; and where it is allowed, a model of AUC 1 loses to
 * no baseline. */
static void test_a_perfect_model_loses_to_nothing(void **state) {
    (void)state;
    setup s = default_setup();
    evtwin_trainer *trainer = NULL;
    evtwin_target failure;
    size_t which;
    evtwin_score score;
    evtwin_table *t = simulate_records(30, 1, NULL, 25.0);
    double *dtc = edit(t, "dtc");
    EACH_ROW(t, r) {
        dtc[r] = get(t, "failure", r);
    }
    MORE_FEATURES_OF(&s, "dtc");
    assert_ok(evtwin_target_find("failure", &which));
    assert_ok(evtwin_target_get(which, &failure, sizeof failure));
    assert_fails(evtwin_train(t, &failure, 1, &s.options, &trainer), EVTWIN_E_DATA,
                 "dtc|label-copy");
    s.options.allow = "label-copy";
    s.rul = "none";
    trainer = train(t, &s);
    assert_ok(evtwin_trainer_score(trainer, "failure", EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS,
                                   &score, sizeof score));
    assert_near(score.auc, 1.0, 1e-9);
    assert_null(text_of(trainer, "loses-to-baseline"));
    assert_non_null(strstr(evtwin_trainer_json(trainer, NULL), "\"allowed\": true"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

int main(void) {
    if (strstr(evtwin_build_info(), "xgboost") == NULL) {
        print_message("skipped: this build cannot train\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_clean_fleet_trains_honestly),
        cmocka_unit_test(test_a_perfect_model_loses_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
