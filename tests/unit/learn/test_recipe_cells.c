/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_recipe_cells.c: the recipe "history" on cells of a laboratory: none of the
 * columns is telemetry, the batteries have a column of their own, or only a counter. */

#include "models.h"

#include "../../support/lab_cells.h"

#include "evtwin/evtwin.h"

#include <math.h>
#include <string.h>

#ifdef HAVE_XGBOOST

/* Cells with short lives, some without an end. */
static const lab_shape shape = {"cell", 14, 60.0, 160.0, 2.0, 5.0, 1, 0.2, 0.002};

/* column: of the batteries; NULL = they begin where the counter falls. */
static evtwin_trainer *train_cells(const evtwin_table *cells, const char *column) {
    evtwin_train_options o;
    evtwin_target target;
    size_t t;
    evtwin_trainer *trainer = NULL;
    assert_ok(evtwin_train_options_init(&o, sizeof o));
    o.recipe = "history";
    o.group = column;
    o.group_by_reset = column == NULL ? "cycle" : NULL;
    o.features = LAB_FEATURES;
    assert_ok(evtwin_target_find("rul", &t));
    assert_ok(evtwin_target_get(t, &target, sizeof target));
    target.trees = 30;
    assert_ok(evtwin_train(cells, &target, 1, &o, &trainer));
    return trainer;
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

#endif

int main(void) {
#ifdef HAVE_XGBOOST
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group_column),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_whose_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77; /* nothing can be trained */
#endif
}
