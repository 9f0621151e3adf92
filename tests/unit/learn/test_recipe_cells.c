/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_recipe_cells.c: the recipe "history" on cells of a laboratory: none of the
 * columns is telemetry, the batteries have a column of their own, or only a counter. */

#include "models.h"

#include "../../support/lab_cells.h"

#include "learn/recipe.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <string.h>

#ifdef HAVE_XGBOOST

/* Cells with short lives, some without an end. */
static const lab_shape shape = {"cell", 14, 60.0, 160.0, 2.0, 5.0, 1, 0.2, 0.002};

/* column: of the batteries; NULL = they begin where the counter falls. */
static evtwin_trainer *train_on(const evtwin_table *cells, const char *column, int n_threads) {
    evtwin_train_options o;
    evtwin_target target;
    size_t t;
    evtwin_trainer *trainer = NULL;
    assert_ok(evtwin_train_options_init(&o, sizeof o));
    o.recipe = "history";
    o.n_threads = n_threads;
    o.group = column;
    o.group_by_reset = column == NULL ? "cycle" : NULL;
    o.features = LAB_FEATURES;
    assert_ok(evtwin_target_find("rul", &t));
    assert_ok(evtwin_target_get(t, &target, sizeof target));
    target.trees = 30;
    assert_ok(evtwin_train(cells, &target, 1, &o, &trainer));
    return trainer;
}

static evtwin_trainer *train_cells(const evtwin_table *cells, const char *column) {
    return train_on(cells, column, 1);
}

/* A file that is predicted with the saved bundle gets, in the rows that were held out, the numbers
 * that were scored. */
static void check_round_trip(const char *name, const char *column) {
    evtwin_table *cells = lab_make(&shape, 1), *held = NULL;
    assert_non_null(cells);
    evtwin_trainer *trainer = train_cells(cells, column);
    evtwin_predictor *p = NULL;
    const char *dir = temp_path(name);
    assert_ok(evtwin_trainer_save(trainer, dir));
    assert_ok(evtwin_predictor_load(dir, &p));
    assert_ok(evtwin_trainer_predictions(trainer, "rul", &held));
    if (column == NULL) {
        assert_ok(evtwin_table_rename(cells, LAB_CELL, "note"));
    }
    assert_ok(evtwin_predictor_apply(p, cells));
    const double *file = evtwin_table_f64(cells, evtwin_table_find(cells, "rul_prediction"));
    const double *scored = evtwin_table_f64(held, evtwin_table_find(held, "prediction"));
    const int64_t *row = evtwin_table_i64(held, evtwin_table_find(held, "row"));
    assert_true(evtwin_table_rows(held) > 100);
    for (size_t i = 0; i < evtwin_table_rows(held); i++) {
        assert_memory_equal(&file[row[i]], &scored[i], sizeof *file);
    }
    for (size_t r = 0; r < evtwin_table_rows(cells); r++) { /* cells without an end too */
        assert_true(isfinite(file[r]));
    }
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
    evtwin_table_free(held);
    evtwin_table_free(cells);
}

static void test_group_column(void **state) {
    (void)state;
    check_round_trip("cells", "cell_name");
}

static void test_reset(void **state) {
    (void)state;
    check_round_trip("reset", NULL);
}

static void test_whose_rows(void **state) {
    (void)state;
    evtwin_table *cells = lab_make(&shape, 1);
    evtwin_trainer *trainer = train_cells(cells, "cell_name");
    evtwin_predictor *p = NULL;
    evtwin_predictor_info info;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    assert_string_equal(info.group, "cell_name");
    assert_ok(evtwin_table_rename(cells, LAB_CELL, "note"));
    assert_fails(evtwin_predictor_apply(p, cells), EVTWIN_E_SCHEMA, "'cell_name'");
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
    evtwin_table_free(cells);
}

/* Which rows and columns a tree sees is drawn, yet not by the thread that grows it. */
static void test_threads(void **state) {
    (void)state;
    evtwin_table *cells = lab_make(&shape, 1), *held[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        evtwin_trainer *trainer = train_on(cells, "cell_name", i == 0 ? 1 : 3);
        assert_ok(evtwin_trainer_predictions(trainer, "rul", &held[i]));
        evtwin_trainer_free(trainer);
    }
    const size_t column = evtwin_table_find(held[0], "prediction");
    assert_memory_equal(evtwin_table_f64(held[0], column), evtwin_table_f64(held[1], column),
                        evtwin_table_rows(held[0]) * sizeof(double));
    evtwin_table_free(held[0]);
    evtwin_table_free(held[1]);
    evtwin_table_free(cells);
}

/* Three batteries of 200 rows, and 300 rows of theirs once more. */
static evtwin__booster_params restrain(const char *recipe, evtwin_objective objective,
                                       size_t cols) {
    enum { ROWS = 600 };
    static size_t row[ROWS];
    static int32_t of_row[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        row[r] = r;
        of_row[r] = (int32_t)(r / 200);
    }
    const evtwin__part part = {.group_of_row = of_row, .train = row, .n_train = ROWS};
    const evtwin__recipe *r;
    assert_ok(evtwin__recipe_find(recipe, &r));
    evtwin__booster_params params = {.objective = objective,
                                     .growth = {.subsample = r->subsample,
                                                .column_sample = r->column_sample,
                                                .min_child_weight = r->min_child_weight}};
    assert_ok(evtwin__recipe_restrain(r, &part, 300, cols, &params));
    return params;
}

static void test_restraint(void **state) {
    (void)state;
    const evtwin__booster_params wide = restrain("history", EVTWIN_OBJECTIVE_REGRESSION, 17),
                                 narrow = restrain("history", EVTWIN_OBJECTIVE_REGRESSION, 4),
                                 event = restrain("history", EVTWIN_OBJECTIVE_LOGISTIC, 17),
                                 contract = restrain(NULL, EVTWIN_OBJECTIVE_REGRESSION, 17);
    assert_true(wide.growth.min_child_weight == 30.0); /* a tenth of 300 rows a battery */
    assert_true(wide.growth.column_sample == 0.5);
    assert_true(narrow.growth.column_sample == 0.0);
    assert_true(event.growth.min_child_weight == 20.0);
    assert_true(contract.growth.subsample == 0.0 && contract.growth.column_sample == 0.0 &&
                contract.growth.min_child_weight == 0.0);
}

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group_column), cmocka_unit_test(test_reset),
        cmocka_unit_test(test_whose_rows),   cmocka_unit_test(test_threads),
        cmocka_unit_test(test_restraint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
