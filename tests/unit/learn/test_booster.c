/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_booster.c: XGBoost through its C API: models, names, importances, errors.
 */

#include "test.h"

#include "core/json.h"
#include "learn/booster.h"

enum { N_ROWS = 600, N_COLS = 3 };

typedef struct fixture {
    float x[N_ROWS * N_COLS], y[N_ROWS], label[N_ROWS];
    evtwin__booster_data data;
    evtwin__booster_params params;
} fixture;

/* y follows feature 1; feature 2 is constant, so that no split can use it. */
static fixture *make_fixture(void) {
    static fixture f;
    static const char *const name[] = {"noise", "a \"quoted\" [name], µ", "constant"};
    uint32_t seed = 1;
    for (size_t r = 0; r < N_ROWS; r++) {
        for (size_t i = 0; i < 2; i++) {
            seed = seed * 1664525u + 1013904223u;
            f.x[r * N_COLS + i] = (float)(seed >> 8) / 16777216.0f;
        }
        f.x[r * N_COLS + 2] = 3.0f;
        f.y[r] = 10.0f * f.x[r * N_COLS + 1];
        f.label[r] = f.y[r] > 7.0f ? 1.0f : 0.0f;
    }
    f.data = (evtwin__booster_data){
        .x = f.x, .rows = N_ROWS, .cols = N_COLS, .y = f.y, .feature_names = name};
    f.params = (evtwin__booster_params){.objective = EVTWIN_OBJECTIVE_REGRESSION,
                                        .growth = {.trees = 30, .depth = 4, .learning_rate = 0.3},
                                        .base_score = 5.0};
    return &f;
}

static void test_regression(void **state) {
    (void)state;
    fixture *f = make_fixture();
    evtwin__booster_model model;
    assert_ok(evtwin__booster_train(&f->params, &f->data, NULL, NULL, &model));
    assert_int_equal(strlen(model.json), model.size);
    assert_true(model.importance[1] > 0.9);
    assert_near(model.importance[0] + model.importance[1], 1.0, 1e-9);
    assert_near(model.importance[2], 0.0, 0.0);

    evtwin_model *forest;
    assert_ok(evtwin_model_load_buffer("m", model.json, model.size, &forest));
    assert_int_equal(evtwin_model_trees(forest), 30);
    assert_int_equal(evtwin_model_width(forest), N_COLS);
    assert_int_equal(evtwin_model_objective(forest), EVTWIN_OBJECTIVE_REGRESSION);
    for (size_t i = 0; i < N_COLS; i++) {
        assert_string_equal(evtwin_model_feature_name(forest, i), f->data.feature_names[i]);
    }
    float y[N_ROWS];
    assert_ok(evtwin_model_predict(forest, f->x, N_ROWS, N_COLS, y));
    for (size_t r = 0; r < N_ROWS; r++) {
        assert_near(y[r], f->y[r], 1.0);
    }
    evtwin_model_free(forest);
    evtwin__booster_clear(&model);
    assert_null(model.json);
}

static void test_classifier_starts_at_the_base_rate(void **state) {
    (void)state;
    fixture *f = make_fixture();
    f->data.y = f->label;
    f->params.objective = EVTWIN_OBJECTIVE_LOGISTIC;
    f->params.base_score = 0.25;
    evtwin__booster_model model;
    assert_ok(evtwin__booster_train(&f->params, &f->data, NULL, NULL, &model));
    json_t *root;
    assert_ok(evtwin__json_parse("m", model.json, model.size, &root));
    const json_t *base = json_object_get(
        json_object_get(json_object_get(root, "learner"), "learner_model_param"), "base_score");
    assert_non_null(strstr(json_string_value(base), "2.5E-1"));
    json_decref(root);

    evtwin_model *forest;
    assert_ok(evtwin_model_load_buffer("m", model.json, model.size, &forest));
    float p[N_ROWS];
    assert_ok(evtwin_model_predict(forest, f->x, N_ROWS, N_COLS, p));
    for (size_t r = 0; r < N_ROWS; r++) {
        assert_int_equal(p[r] > 0.5f, f->label[r] > 0.5f);
    }
    evtwin_model_free(forest);
    evtwin__booster_clear(&model);
}

static void test_same_bytes_every_time(void **state) {
    (void)state;
    fixture *f = make_fixture();
    evtwin__booster_model a, b;
    assert_ok(evtwin__booster_train(&f->params, &f->data, NULL, NULL, &a));
    assert_ok(evtwin__booster_train(&f->params, &f->data, NULL, NULL, &b));
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.json, b.json, a.size);
    evtwin__booster_clear(&a);
    evtwin__booster_clear(&b);
}

/* Nothing to learn: no split, and no division by a sum of nothing. */
static void test_constant_target(void **state) {
    (void)state;
    fixture *f = make_fixture();
    for (size_t r = 0; r < N_ROWS; r++) {
        f->y[r] = 5.0f;
    }
    evtwin__booster_model model;
    assert_ok(evtwin__booster_train(&f->params, &f->data, NULL, NULL, &model));
    for (size_t i = 0; i < N_COLS; i++) {
        assert_near(model.importance[i], 0.0, 0.0);
    }
    evtwin__booster_clear(&model);
}

static void test_one_row(void **state) {
    (void)state;
    fixture *f = make_fixture();
    f->data.rows = 1;
    evtwin__booster_model model;
    assert_ok(evtwin__booster_train(&f->params, &f->data, NULL, NULL, &model));
    evtwin__booster_clear(&model);
}

static int stop_at_seven(void *ctx) {
    int *n = ctx;
    return ++*n == 7;
}

static void test_stops_when_asked(void **state) {
    (void)state;
    fixture *f = make_fixture();
    evtwin__booster_model model = {0};
    int n = 0;
    assert_fails(evtwin__booster_train(&f->params, &f->data, stop_at_seven, &n, &model),
                 EVTWIN_E_CANCELLED, "6 of 30");
    assert_int_equal(n, 7);
    assert_null(model.json);
}

static void test_errors_are_one_clean_line(void **state) {
    (void)state;
    fixture *f = make_fixture();
    evtwin__booster_model model = {0};
    f->x[4] = INFINITY;
    assert_fails(evtwin__booster_train(&f->params, &f->data, NULL, NULL, &model), EVTWIN_E_EXTERNAL,
                 "XGBoost:");
    assert_null(strstr(evtwin_last_error(), "Stack trace"));
    assert_null(strstr(evtwin_last_error(), "./src"));
    assert_null(strstr(evtwin_last_error(), ".cc:"));
    assert_null(model.json);

    /* a classifier refuses labels that are neither 0 nor 1 */
    f = make_fixture();
    f->params.objective = EVTWIN_OBJECTIVE_LOGISTIC;
    f->params.base_score = 0.5;
    assert_fails(evtwin__booster_train(&f->params, &f->data, NULL, NULL, &model), EVTWIN_E_EXTERNAL,
                 "label");
    assert_null(strstr(evtwin_last_error(), ".cc:"));
}

static void test_version(void **state) {
    (void)state;
    char text[16];
    assert_true(evtwin__booster_version(text)[0] >= '1');
    assert_non_null(strchr(text, '.'));
}

static void test_says_that_it_cannot_train(void **state) {
    (void)state;
    fixture *f = make_fixture();
    evtwin__booster_model model = {0};
    assert_fails(evtwin__booster_train(&f->params, &f->data, NULL, NULL, &model),
                 EVTWIN_E_UNSUPPORTED, "without XGBoost");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regression),
        cmocka_unit_test(test_classifier_starts_at_the_base_rate),
        cmocka_unit_test(test_same_bytes_every_time),
        cmocka_unit_test(test_constant_target),
        cmocka_unit_test(test_one_row),
        cmocka_unit_test(test_stops_when_asked),
        cmocka_unit_test(test_errors_are_one_clean_line),
        cmocka_unit_test(test_version),
    };
    const struct CMUnitTest tests_without_xgboost[] = {
        cmocka_unit_test(test_says_that_it_cannot_train),
    };
    char version[16];
    return evtwin__booster_version(version)[0] != '\0'
               ? cmocka_run_group_tests(tests, NULL, NULL)
               : cmocka_run_group_tests(tests_without_xgboost, NULL, NULL);
}
