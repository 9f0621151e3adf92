/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_predictor.c: predictions of a bundle are those of its parts; what is
 * missing is said. */

#include "predictors.h"

#include "core/parallel.h"

static void test_load_and_predict(void **state) {
    (void)state;
    enum { ROWS = 50 };
    double x[ROWS * FIXTURE_FEATURES], rul[ROWS], failure[ROWS];
    fill_rows(x, ROWS);
    for (int i = 0; i < N_MODEL_FILES; i += 2) {
        const char *dir = temp_path(model_files[i]);
        const bundle_spec spec = {model_files[i], model_files[i + 1]};
        write_bundle(dir, &spec);
        evtwin_predictor *p = load(dir);
        const evtwin_features *f = evtwin_predictor_features(p);
        assert_int_equal(evtwin_features_count(f), FIXTURE_FEATURES);
        assert_string_equal(evtwin_features_name(f, 2), "voltage");
        assert_null(evtwin_features_name(f, FIXTURE_FEATURES));
        assert_string_equal(evtwin_predictor_target(p, 0), "rul");
        assert_string_equal(evtwin_predictor_target(p, 1), "failure");
        assert_null(evtwin_predictor_target(p, 2));
        assert_ok(predict(p, x, ROWS, rul, failure));
        for (int r = 0; r < ROWS; r++) {
            assert_true(rul[r] == by_hand(spec.rul, x + r * FIXTURE_FEATURES));
            assert_true(failure[r] == by_hand(spec.failure, x + r * FIXTURE_FEATURES));
        }
        evtwin_predictor_free(p);
    }
    evtwin_predictor_free(NULL);
    assert_null(evtwin_predictor_features(NULL));
    assert_null(evtwin_predictor_target(NULL, 0));
}

static void test_info(void **state) {
    (void)state;
    const char *dir = temp_path("info");
    write_bundle(dir, &both);
    evtwin_predictor *p = load(dir);
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    char *text, hex[EVTWIN__SHA256_HEX_SIZE];
    size_t size;
    assert_ok(evtwin__file_read(bundle_path(dir, "manifest.json"), 1 << 20, &text, &size));
    evtwin__sha256_hex(text, size, hex);
    evtwin__free(text);
    assert_int_equal(strlen(info.version), 12);
    assert_memory_equal(info.version, hex, 12);
    assert_int_equal(info.n_targets, 2);
    assert_string_equal(info.label_rule, "capacity below 80 %");
    assert_string_equal(info.recipe, "contract");
    evtwin_score rul, mean, failure, rate, single;
    assert_ok(evtwin_predictor_score(p, "rul", EVTWIN_SCORED_MODEL, &rul, sizeof rul));
    assert_true(rul.rmse == 33.5 && rul.mae == 21.25 && rul.r2 == 0.875 && isnan(rul.auc));
    assert_int_equal(rul.n_test, 100);
    assert_ok(evtwin_predictor_score(p, "rul", EVTWIN_SCORED_MEAN_LIFE, &mean, sizeof mean));
    assert_true(mean.rmse == 70.0 && mean.n_test == 100);
    assert_ok(evtwin_predictor_score(p, "failure", EVTWIN_SCORED_MODEL, &failure, sizeof failure));
    assert_true(failure.auc == 0.93 && failure.brier == 0.06 && isnan(failure.rmse));
    assert_ok(evtwin_predictor_score(p, "failure", EVTWIN_SCORED_MEAN, &rate, sizeof rate));
    assert_true(rate.base_rate == 0.1 && rate.brier == 0.09);
    assert_ok(evtwin_predictor_score(p, "failure", EVTWIN_SCORED_SINGLE, &single, sizeof single));
    assert_string_equal(single.feature, "soh");
    assert_int_equal(evtwin_predictor_score(p, "torque", EVTWIN_SCORED_MEAN, &rul, sizeof rul),
                     EVTWIN_E_NOT_FOUND);
    assert_int_equal(evtwin_predictor_score(p, "rul", (evtwin_scored)4, &rul, sizeof rul),
                     EVTWIN_E_ARG);
    assert_int_equal(evtwin_predictor_score(NULL, "rul", EVTWIN_SCORED_MEAN, &rul, sizeof rul),
                     EVTWIN_E_ARG);
    assert_string_equal(info.trained_at, "2026-01-02T03:04:05.000006Z");
    assert_fails(evtwin_predictor_info_get(NULL, &info, sizeof info), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_predictor_info_get(p, &info, 0), EVTWIN_E_ARG, "size");
    evtwin_predictor_free(p);
}

/* What a store keeps of a model: one row a target. */
static void test_scores_as_a_table(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor();
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    evtwin_table *t = NULL;
    assert_ok(evtwin_predictor_scores(p, &t));
    assert_int_equal(evtwin_table_rows(t), 2);
    static const char *const column[] = {
        "model_version", "target", "trained_at",        "r2",       "rmse",
        "mae",           "auc",    "average_precision", "accuracy", "brier"};
    assert_int_equal(evtwin_table_cols(t), 10);
    for (size_t c = 0; c < 10; c++) {
        assert_string_equal(evtwin_table_name(t, c), column[c]);
    }
    for (size_t r = 0; r < 2; r++) {
        assert_string_equal(evtwin_table_text(t, 0, r), info.version);
        assert_string_equal(evtwin_table_text(t, 1, r), r == 0 ? "rul" : "failure");
        char time[EVTWIN_TIME_TEXT_SIZE];
        assert_ok(evtwin_time_format(evtwin_table_i64(t, 2)[r], time, sizeof time));
        assert_string_equal(time, info.trained_at);
    }
    assert_true(evtwin_table_number(t, 4, 0) == 33.5 && isnan(evtwin_table_number(t, 4, 1)));
    assert_true(evtwin_table_number(t, 6, 1) == 0.93 && isnan(evtwin_table_number(t, 6, 0)));
    evtwin_table_free(t);
    assert_fails(evtwin_predictor_scores(NULL, &t), EVTWIN_E_ARG, "NULL");
    evtwin_predictor_free(p);
}

static void test_one_model(void **state) {
    (void)state;
    for (int has_rul = 0; has_rul <= 1; has_rul++) {
        const char *dir = temp_path(has_rul ? "rul-only" : "failure-only");
        const bundle_spec spec = {has_rul ? both.rul : NULL, has_rul ? NULL : both.failure};
        write_bundle(dir, &spec);
        evtwin_predictor *p = load(dir);
        evtwin_predictor_info info;
        assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
        assert_int_equal(info.n_targets, 1);
        assert_string_equal(evtwin_predictor_target(p, 0), has_rul ? "rul" : "failure");
        evtwin_score score;
        assert_int_equal(evtwin_predictor_score(p, has_rul ? "failure" : "rul", EVTWIN_SCORED_MODEL,
                                                &score, sizeof score),
                         EVTWIN_E_NOT_FOUND);
        double x[FIXTURE_FEATURES], y = NAN;
        fill_rows(x, 1);
        assert_ok(evtwin_predictor_predict(p, x, 1, FIXTURE_FEATURES, &y, 1));
        assert_true(y == by_hand(has_rul ? both.rul : both.failure, x));
        evtwin_table *t = make_table(x, 1, 0);
        assert_ok(evtwin_predictor_apply(p, t));
        assert_int_equal(isnan(number(t, "rul_prediction", 0)) != 0, !has_rul);
        assert_int_equal(isnan(number(t, "failure_probability", 0)) != 0, has_rul);
        evtwin_table_free(t);
        evtwin_predictor_free(p);
    }
}

static void test_missing_and_infinite(void **state) {
    (void)state;
    enum { ROWS = 700 };
    evtwin_predictor *p = sample_predictor();
    static double x[ROWS * FIXTURE_FEATURES], rul[ROWS], failure[ROWS], all[ROWS];
    fill_rows(x, ROWS);
    assert_ok(predict(p, x, ROWS, all, NULL));
    for (size_t r = 0; r < ROWS; r += 3) {
        static const double not_finite[] = {NAN, INFINITY, -INFINITY};
        x[r * FIXTURE_FEATURES + r % FIXTURE_FEATURES] = not_finite[r / 3 % 3];
    }
    assert_ok(predict(p, x, ROWS, rul, failure));
    for (size_t r = 0; r < ROWS; r++) {
        assert_int_equal(isnan(rul[r]) != 0, r % 3 == 0);
        assert_int_equal(isnan(failure[r]) != 0, r % 3 == 0);
        assert_true(r % 3 == 0 || rul[r] == all[r]);
    }
    double one = 7.0;
    assert_fails(evtwin_predictor_predict(p, x, 1, 3, &one, 2), EVTWIN_E_SCHEMA, "3 columns");
    assert_fails(evtwin_predictor_predict(p, x, 1, 4, &one, 1), EVTWIN_E_SCHEMA, "1 targets");
    assert_fails(evtwin_predictor_predict(NULL, x, 1, 4, &one, 2), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_predictor_predict(p, NULL, 1, 4, &one, 2), EVTWIN_E_ARG, "NULL");
    assert_true(one == 7.0);
    assert_ok(evtwin_predictor_predict(p, NULL, 0, FIXTURE_FEATURES, NULL, 2));
    evtwin_predictor_free(p);
}

static void test_no_allocation(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor();
    static double x[2000 * FIXTURE_FEATURES], rul[2000], failure[2000];
    fill_rows(x, 2000);
    counting_allocator a = {.fail_at = 0};
    evtwin_set_allocator(counting_realloc, &a);
    assert_ok(predict(p, x, 2000, rul, failure));
    evtwin_set_allocator(NULL, NULL);
    assert_int_equal(a.n_calls, 0);
    evtwin_predictor_free(p);
}

static void test_no_negative_life(void **state) {
    (void)state;
    const char *dir = temp_path("negative");
    evtwin__bundle m;
    write_bundle_parts(dir, &both, &m);
    change_rul_model(dir, "[4.7933273E2]", "[-9E3]");
    write_bundle_manifest(dir, &m);
    evtwin_predictor *p = load(dir);
    double x[FIXTURE_FEATURES], rul;
    fill_rows(x, 1);
    assert_ok(predict(p, x, 1, &rul, NULL));
    assert_true(rul == 0.0);
    evtwin_predictor_free(p);
}

typedef struct shared_work {
    const evtwin_predictor *predictor;
    const double *x, *rul;
    size_t rows;
} shared_work;

static evtwin_status predict_shared(void *ctx, size_t item) {
    const shared_work *w = ctx;
    const size_t first = item % w->rows;
    double y[2];
    const evtwin_status st = evtwin_predictor_predict(w->predictor, w->x + first * FIXTURE_FEATURES,
                                                      1, FIXTURE_FEATURES, y, 2);
    return st < 0 || y[0] != w->rul[first] ? EVTWIN_E_STATE : EVTWIN_OK;
}

static void test_threads(void **state) {
    (void)state;
    enum { ROWS = 100 };
    evtwin_predictor *p = sample_predictor();
    double x[ROWS * FIXTURE_FEATURES], rul[ROWS];
    fill_rows(x, ROWS);
    assert_ok(predict(p, x, ROWS, rul, NULL));
    shared_work work = {p, x, rul, ROWS};
    assert_ok(evtwin__parallel_for(4, 10000, predict_shared, &work));
    evtwin_predictor_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_and_predict),     cmocka_unit_test(test_info),
        cmocka_unit_test(test_scores_as_a_table),    cmocka_unit_test(test_one_model),
        cmocka_unit_test(test_missing_and_infinite), cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_no_negative_life),     cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
