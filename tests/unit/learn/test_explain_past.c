/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_explain_past.c: reasons of predictions that are made with a battery's past,
 * of a table and in a session, for both recipes. */

#include "models.h"

#include "small_fleet.h"

#include "core/json.h"
#include "core/rng.h"
#include "evtwin/explain.h"

#include <math.h>
#include <string.h>

#ifdef HAVE_XGBOOST
#include "xgboost_model.h"

static const char *const recipes[] = {"contract", "history"};

static evtwin_trainer *train(const evtwin_table *fleet, const char *recipe) {
    evtwin_train_options o = fleet_options();
    o.recipe = recipe;
    return train_fleet(fleet, &o);
}

static evtwin_predictor *predictor_of(const evtwin_table *fleet, const char *recipe) {
    evtwin_predictor *p = NULL;
    evtwin_trainer *trainer = train(fleet, recipe);
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    evtwin_trainer_free(trainer);
    return p;
}

static evtwin_session *new_session(const evtwin_predictor *p, size_t n_reasons, int each) {
    evtwin_session_options o;
    evtwin_session *s = NULL;
    assert_ok(evtwin_session_options_init(&o, sizeof o));
    o.n_reasons = n_reasons;
    o.explains_each = each;
    assert_ok(evtwin_session_create(p, &o, &s));
    return s;
}

static json_t *parse(const char *text) {
    json_t *json = NULL;
    assert_non_null(text);
    assert_ok(evtwin__json_parse("reasons", text, strlen(text), &json));
    return json;
}

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static const char *text_at(const evtwin_table *table, const char *column, size_t row) {
    return evtwin_table_text(table, evtwin_table_find(table, column), row);
}

static double value_at(const evtwin_table *table, const char *column, size_t row) {
    return evtwin_table_number(table, evtwin_table_find(table, column), row);
}

/* ---- each forest ---- */

static void compare_forest(const char *dir, const char *file, size_t cols) {
    enum { ROWS = 100, MAX_COLS = 16 };
    float x[ROWS * MAX_COLS], expected[ROWS * (MAX_COLS + 1)], margin[ROWS];
    double phi[ROWS * (MAX_COLS + 1)], worst = 0.0;
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    evtwin_model *m = NULL;
    BoosterHandle booster;
    assert_ok(evtwin_model_load(path, &m));
    XGB_DO(XGBoosterCreate(NULL, 0, &booster));
    XGB_DO(XGBoosterLoadModel(booster, path));
    for (size_t i = 0; i < ROWS * cols; i++) { /* scaled values, as the forest sees them */
        const evtwin__rng_block b = evtwin__rng_at(5, EVTWIN__RNG_SPLIT, 0, 0, i);
        x[i] = i % 7 == 3 ? NAN : (float)evtwin__rng_normal(b, 0);
    }
    xgb_contributions(booster, x, ROWS, cols, expected);
    assert_ok(evtwin_model_contributions(m, x, ROWS, cols, phi));
    assert_ok(evtwin_model_margin(m, x, ROWS, cols, margin));
    for (size_t r = 0; r < ROWS; r++) {
        double largest = fabs((double)margin[r]), sum = 0.0;
        for (size_t c = 0; c <= cols; c++) {
            largest = fmax(largest, fabs(phi[r * (cols + 1) + c]));
            sum += phi[r * (cols + 1) + c];
        }
        assert_near(sum, (double)margin[r], 1e-5 * largest);
        for (size_t c = 0; c <= cols; c++) {
            const size_t i = r * (cols + 1) + c;
            worst = fmax(worst, fabs(phi[i] - (double)expected[i]) / largest);
        }
    }
    print_message("%s: largest difference to XGBoost %.1e\n", file, worst);
    assert_true(worst <= 1e-5);
    XGB_DO(XGBoosterFree(booster));
    evtwin_model_free(m);
}

static void test_forests_equal_xgboost(void **state) {
    (void)state;
    static const struct {
        const char *recipe;
        const char *file[4];
        size_t cols;
    } list[] = {
        {"contract", {"rul_model.json", "failure_model.json"}, 7},
        {"history", {"rul_model.json", "rul_model_2.json", "failure_model.json"}, 7},
    };
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        evtwin_trainer *trainer = train(fleet, list[i].recipe);
        const char *dir = temp_path(list[i].recipe);
        assert_ok(evtwin_trainer_save(trainer, dir));
        for (size_t f = 0; list[i].file[f] != NULL; f++) {
            compare_forest(dir, list[i].file[f], list[i].cols);
        }
        evtwin_trainer_free(trainer);
    }
    evtwin_table_free(fleet);
}

/* ---- live ---- */

/* The rows k of all batteries. */
static evtwin_table *rows_at(const evtwin_table *fleet, size_t k) {
    size_t row[FLEET_BATTERIES];
    for (size_t b = 0; b < FLEET_BATTERIES; b++) {
        row[b] = b * FLEET_ROWS + k;
    }
    evtwin_table *part = NULL;
    assert_ok(evtwin_table_select(fleet, row, FLEET_BATTERIES, &part));
    return part;
}

/* All contributions lead from the mean to what the model says of the row. */
static void check_sum(const char *text) {
    json_t *o = parse(text);
    const json_t *array = json_object_get(o, "reasons");
    double sum = number(o, "mean");
    for (size_t i = 0; i < json_array_size(array); i++) {
        sum += number(json_array_get(array, i), "contribution");
    }
    assert_near(sum, number(o, "answer"), 1e-5 * (fabs(sum) + fabs(number(o, "mean"))));
    json_decref(o);
}

/* The state that a store gets has the reasons of its row, and what became of the answer. */
static void check_states(const evtwin_session *s, const evtwin_table *part) {
    evtwin_table *states = NULL;
    assert_ok(evtwin_session_pending(s, &states));
    for (size_t r = 0; r < evtwin_table_rows(part); r++) {
        json_t *json = parse(text_at(states, "state", r));
        assert_string_equal(text_at(states, "battery_id", r), text_at(part, "battery_id", r));
        json_t *reasons = json_object_get(json, "reasons");
        assert_int_equal(reasons != NULL, text_at(part, "rul_reasons", r) != NULL);
        json_t *rul = json_object_get(reasons, "rul");
        if (reasons != NULL) {
            assert_true(number(rul, "prediction") == value_at(part, "rul_prediction", r));
            assert_int_equal(json_object_del(rul, "prediction"), 0);
            json_t *of_row = parse(text_at(part, "rul_reasons", r));
            assert_true(json_equal(rul, of_row));
            json_decref(of_row);
            assert_true(json_is_object(json_object_get(reasons, "failure")));
        }
        json_decref(json);
    }
    evtwin_table_free(states);
}

/* Rows one by one have the reasons of the table that was predicted at once, through restarts too.
 */
static void test_live_equals_table(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *whole = NULL;
    assert_ok(evtwin_table_set_missing(fleet, FLEET_SOH, 3 * FLEET_ROWS + 20));
    for (size_t i = 0; i < 2; i++) {
        evtwin_predictor *p = predictor_of(fleet, recipes[i]);
        assert_ok(evtwin_table_copy(fleet, &whole));
        assert_ok(evtwin_predictor_apply(p, whole));
        assert_ok(evtwin_predictor_explain(p, whole, 7, EVTWIN_REASONS_JSON));
        evtwin_session *s = new_session(p, 7, 1);
        for (size_t k = 0; k < FLEET_ROWS; k++) {
            evtwin_table *part = rows_at(fleet, k), *states = NULL;
            assert_ok(evtwin_session_apply(s, part));
            for (size_t b = 0; b < FLEET_BATTERIES; b++) {
                const size_t row = b * FLEET_ROWS + k;
                const char *expected = text_at(whole, "rul_reasons", row);
                const char *got = text_at(part, "rul_reasons", b);
                assert_int_equal(expected == NULL, b == 3 && k == 20);
                assert_int_equal(got == NULL, expected == NULL);
                if (got != NULL) {
                    assert_string_equal(got, expected);
                    check_sum(got);
                }
            }
            check_states(s, part);
            assert_ok(evtwin_session_pending(s, &states));
            if (k % 9 == 4) {
                evtwin_session_free(s);
                s = new_session(p, 7, 1);
                assert_ok(evtwin_session_restore(s, states));
            } else {
                evtwin_session_commit(s);
            }
            evtwin_table_free(states);
            evtwin_table_free(part);
        }
        evtwin_session_free(s);
        evtwin_predictor_free(p);
        evtwin_table_free(whole);
    }
    evtwin_table_free(fleet);
}

static size_t count_reasons(const evtwin_session *s, size_t row) {
    evtwin_table *states = NULL;
    assert_ok(evtwin_session_pending(s, &states));
    json_t *json = parse(text_at(states, "state", row));
    const json_t *rul = json_object_get(json_object_get(json, "reasons"), "rul");
    const size_t n = json_array_size(json_object_get(rul, "reasons"));
    json_decref(json);
    evtwin_table_free(states);
    return n;
}

/* Of a table of many rows a battery, the newest one is explained; of a late row nothing. */
static void test_newest_only(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *all = NULL, *states = NULL;
    evtwin_predictor *p = predictor_of(fleet, "history");
    assert_ok(evtwin_table_copy(fleet, &all));
    evtwin_session *s = new_session(p, 2, 0);
    assert_ok(evtwin_session_apply(s, all));
    assert_int_equal(evtwin_table_find(all, "rul_reasons"), EVTWIN_NO_COLUMN);
    assert_int_equal(count_reasons(s, 0), 2);
    evtwin_session_rollback(s);
    assert_int_equal(evtwin_session_pending(s, &states), EVTWIN_DONE);
    assert_ok(evtwin_session_apply(s, all));
    assert_int_equal(count_reasons(s, 0), 2);
    evtwin_session_commit(s);
    evtwin_table *late = rows_at(fleet, 5);
    assert_ok(evtwin_session_apply(s, late));
    assert_int_equal(evtwin_session_pending(s, &states), EVTWIN_DONE);
    evtwin_table_free(late);
    evtwin_table_free(all);
    evtwin_session_free(s);
    evtwin_predictor_free(p);
    evtwin_table_free(fleet);
}

static evtwin_status try_rows(const evtwin_predictor *p, const evtwin_table *rows) {
    evtwin_table *part = NULL, *states = NULL;
    evtwin_session *s = NULL;
    evtwin_session_options o;
    evtwin_status st;
    evtwin_session_options_init(&o, sizeof o);
    o.n_reasons = 2;
    o.explains_each = 1;
    if ((st = evtwin_table_copy(rows, &part)) >= 0 &&
        (st = evtwin_session_create(p, &o, &s)) >= 0 && (st = evtwin_session_apply(s, part)) >= 0) {
        st = evtwin_session_pending(s, &states);
        evtwin_session_commit(s);
    }
    evtwin_table_free(states);
    evtwin_session_free(s);
    evtwin_table_free(part);
    return st;
}

static void test_out_of_memory(void **state) {
    (void)state;
    evtwin_table *fleet = make_fleet(FLEET_BATTERIES, FLEET_ROWS), *rows = rows_at(fleet, 12);
    evtwin_predictor *p = predictor_of(fleet, "history");
    evtwin_status st = EVTWIN_E_NOMEM;
    for (size_t fail_at = 0; st == EVTWIN_E_NOMEM; fail_at++) {
        counting_allocator a = {.fail_at = fail_at};
        evtwin_set_allocator(counting_realloc, &a);
        st = try_rows(p, rows);
        evtwin_set_allocator(NULL, NULL);
        assert_int_equal(a.outstanding, 0);
        assert_true(fail_at < 2000);
    }
    assert_ok(st);
    evtwin_table_free(rows);
    evtwin_predictor_free(p);
    evtwin_table_free(fleet);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forests_equal_xgboost),
        cmocka_unit_test(test_live_equals_table),
        cmocka_unit_test(test_newest_only),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void) {
    return 77; /* built without XGBoost: nothing to train with */
}
#endif
