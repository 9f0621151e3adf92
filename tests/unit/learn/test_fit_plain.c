/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_fit_plain.c: a forest on a plain matrix: what it learns, what it keeps of
 * itself, what is refused. */

#include "test.h"

enum { ROWS = 500, COLS = 3 };

typedef struct matrix {
    float x[ROWS * COLS], y[ROWS], event[ROWS];
} matrix;

/* y follows column 1, column 2 is missing now and then. */
static matrix *make_matrix(void) {
    static matrix m;
    uint32_t seed = 7;
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t i = 0; i < COLS; i++) {
            seed = seed * 1664525u + 1013904223u;
            m.x[r * COLS + i] = (float)(seed >> 8) / 16777216.0f;
        }
        m.y[r] = 10.0f * m.x[r * COLS + 1];
        m.event[r] = m.y[r] > 7.0f ? 1.0f : 0.0f;
        m.x[r * COLS + 2] = r % 5 == 0 ? NAN : m.x[r * COLS + 2];
    }
    return &m;
}

static evtwin_fit_options options(void) {
    evtwin_fit_options o;
    assert_ok(evtwin_fit_options_init(&o, sizeof o));
    return o;
}

#ifdef HAVE_XGBOOST

static void test_regression(void **state) {
    (void)state;
    matrix *m = make_matrix();
    evtwin_model *model;
    float y[ROWS];
    assert_ok(evtwin_model_fit(m->x, ROWS, COLS, m->y, NULL, &model));
    assert_int_equal(evtwin_model_trees(model), 100);
    assert_int_equal(evtwin_model_width(model), COLS);
    assert_string_equal(evtwin_model_feature_name(model, 1), "");
    assert_ok(evtwin_model_predict(model, m->x, ROWS, COLS, y));
    for (size_t r = 0; r < ROWS; r++) {
        assert_near(y[r], m->y[r], 0.5);
    }
    assert_true(evtwin_model_importance(model, 1) > 0.9);
    double sum = 0.0;
    for (size_t i = 0; i < COLS; i++) {
        sum += evtwin_model_importance(model, i);
    }
    assert_near(sum, 1.0, 1e-9);
    assert_true(isnan(evtwin_model_importance(model, COLS)));
    evtwin_model_free(model);
}

/* What the model says of itself loads as the same model, which then knows no more than a file. */
static void test_json_is_the_model(void **state) {
    (void)state;
    matrix *m = make_matrix();
    evtwin_model *model, *again;
    float y[ROWS], y_again[ROWS];
    size_t size = 1;
    assert_ok(evtwin_model_fit(m->x, ROWS, COLS, m->y, NULL, &model));
    const char *json = evtwin_model_json(model, &size);
    assert_int_equal(strlen(json), size);
    assert_ok(evtwin_model_load_buffer("again", json, size, &again));
    assert_ok(evtwin_model_predict(model, m->x, ROWS, COLS, y));
    assert_ok(evtwin_model_predict(again, m->x, ROWS, COLS, y_again));
    assert_memory_equal(y, y_again, sizeof y);
    assert_null(evtwin_model_json(again, &size));
    assert_int_equal(size, 0);
    assert_true(isnan(evtwin_model_importance(again, 0)));
    assert_null(evtwin_model_json(NULL, NULL));
    evtwin_model_free(again);
    evtwin_model_free(model);
}

static void test_event(void **state) {
    (void)state;
    matrix *m = make_matrix();
    evtwin_fit_options o = options();
    o.objective = EVTWIN_OBJECTIVE_LOGISTIC;
    evtwin_model *model;
    float p[ROWS];
    assert_ok(evtwin_model_fit(m->x, ROWS, COLS, m->event, &o, &model));
    assert_int_equal(evtwin_model_objective(model), EVTWIN_OBJECTIVE_LOGISTIC);
    assert_ok(evtwin_model_predict(model, m->x, ROWS, COLS, p));
    for (size_t r = 0; r < ROWS; r++) {
        assert_int_equal(p[r] > 0.5f, m->event[r] > 0.5f);
    }
    evtwin_model_free(model);
}

/* The same seed is the same model, another one is another where rows are drawn. */
static void test_seed(void **state) {
    (void)state;
    matrix *m = make_matrix();
    evtwin_fit_options o = options();
    o.trees = 10;
    o.subsample = 0.5;
    const uint64_t seeds[] = {0, 3, 3, 4};
    evtwin_model *model[4];
    for (size_t i = 0; i < 4; i++) {
        o.seed = seeds[i];
        assert_ok(evtwin_model_fit(m->x, ROWS, COLS, m->y, &o, &model[i]));
    }
    assert_string_equal(evtwin_model_json(model[1], NULL), evtwin_model_json(model[2], NULL));
    assert_string_not_equal(evtwin_model_json(model[1], NULL), evtwin_model_json(model[3], NULL));
    assert_string_not_equal(evtwin_model_json(model[0], NULL), evtwin_model_json(model[1], NULL));
    for (size_t i = 0; i < 4; i++) {
        evtwin_model_free(model[i]);
    }
}

/* One row is a model that says its label. */
static void test_one_row(void **state) {
    (void)state;
    const float x[] = {1.0f, NAN}, y[] = {42.0f};
    float predicted[1];
    evtwin_model *model;
    assert_ok(evtwin_model_fit(x, 1, 2, y, NULL, &model));
    assert_ok(evtwin_model_predict(model, x, 1, 2, predicted));
    assert_near(predicted[0], 42.0, 1e-5);
    assert_near(evtwin_model_importance(model, 0), 0.0, 0.0);
    evtwin_model_free(model);
}

static int stop_at_third(void *ctx, const char *what, double done) {
    int *calls = ctx;
    assert_string_equal(what, "training");
    assert_near(done, *calls / 100.0, 1e-12);
    return ++*calls == 3;
}

static void test_cancelled(void **state) {
    (void)state;
    matrix *m = make_matrix();
    evtwin_fit_options o = options();
    int calls = 0;
    evtwin_model *model = NULL;
    o.progress = stop_at_third;
    o.progress_ctx = &calls;
    assert_fails(evtwin_model_fit(m->x, ROWS, COLS, m->y, &o, &model), EVTWIN_E_CANCELLED, "2|100");
    assert_int_equal(calls, 3);
    assert_null(model);
}

#else

static void test_without_xgboost(void **state) {
    (void)state;
    matrix *m = make_matrix();
    evtwin_model *model = NULL;
    assert_fails(evtwin_model_fit(m->x, ROWS, COLS, m->y, NULL, &model), EVTWIN_E_UNSUPPORTED,
                 "XGBoost");
    assert_null(model);
}

#endif

static void test_options_are_checked(void **state) {
    (void)state;
    matrix *m = make_matrix();
    const evtwin_fit_options good = options();
    evtwin_fit_options bad[10];
    static const char *const name[] = {
        "objective",     "trees|0|100000", "trees|100001",  "depth|0|16",       "depth|17",
        "learning_rate", "subsample",      "column_sample", "min_child_weight", "seed|4294967296"};
    for (size_t i = 0; i < 10; i++) {
        bad[i] = good;
    }
    bad[0].objective = (evtwin_objective)7;
    bad[1].trees = 0;
    bad[2].trees = 100001;
    bad[3].depth = 0;
    bad[4].depth = 17;
    bad[5].learning_rate = NAN;
    bad[6].subsample = 1.01;
    bad[7].column_sample = 0.0;
    bad[8].min_child_weight = 0.0;
    bad[9].seed = UINT64_C(1) << 32;
    for (size_t i = 0; i < 10; i++) {
        evtwin_model *model = NULL;
        assert_fails(evtwin_model_fit(m->x, ROWS, COLS, m->y, &bad[i], &model), EVTWIN_E_ARG,
                     name[i]);
        assert_null(model);
    }
    evtwin_fit_options o = {.size = 0};
    evtwin_model *model = NULL;
    assert_fails(evtwin_model_fit(m->x, ROWS, COLS, m->y, &o, &model), EVTWIN_E_ARG,
                 "evtwin_fit_options_init");
    assert_fails(evtwin_fit_options_init(&o, 3), EVTWIN_E_ARG, "");
}

static void test_values_are_checked(void **state) {
    (void)state;
    matrix m = *make_matrix();
    evtwin_model *model = NULL;
    evtwin_fit_options o = options();
    assert_fails(evtwin_model_fit(NULL, 1, 1, m.y, &o, &model), EVTWIN_E_ARG, "x|NULL");
    assert_fails(evtwin_model_fit(m.x, 0, COLS, m.y, &o, &model), EVTWIN_E_ARG, "0 rows");
    assert_fails(evtwin_model_fit(m.x, ROWS, 0, m.y, &o, &model), EVTWIN_E_ARG, "0 columns");
    assert_fails(evtwin_model_fit(m.x, 1, 2049, m.y, &o, &model), EVTWIN_E_UNSUPPORTED,
                 "2049|2048");
    m.y[4] = NAN;
    assert_fails(evtwin_model_fit(m.x, ROWS, COLS, m.y, &o, &model), EVTWIN_E_RANGE,
                 "row 4|missing");
    m.y[4] = -INFINITY;
    assert_fails(evtwin_model_fit(m.x, ROWS, COLS, m.y, &o, &model), EVTWIN_E_RANGE,
                 "row 4|infinite");
    m.x[3 * COLS + 2] = INFINITY;
    assert_fails(evtwin_model_fit(m.x, ROWS, COLS, m.y, &o, &model), EVTWIN_E_RANGE,
                 "row 3|number 2|infinite");
    m = *make_matrix();
    o.objective = EVTWIN_OBJECTIVE_LOGISTIC;
    assert_fails(evtwin_model_fit(m.x, ROWS, COLS, m.y, &o, &model), EVTWIN_E_RANGE, "0 or 1");
    memset(m.event, 0, sizeof m.event);
    assert_fails(evtwin_model_fit(m.x, ROWS, COLS, m.event, &o, &model), EVTWIN_E_DATA,
                 "one class");
    assert_null(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef HAVE_XGBOOST
        cmocka_unit_test(test_regression),
        cmocka_unit_test(test_json_is_the_model),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_one_row),
        cmocka_unit_test(test_cancelled),
#else
        cmocka_unit_test(test_without_xgboost),
#endif
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_values_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
