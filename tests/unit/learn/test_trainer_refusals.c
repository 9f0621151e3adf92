/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_trainer_refusals.c: what a training refuses: targets, options, data;
 * progress, a stop, and memory that runs out. */

#include "test.h"

#include <pthread.h>

#include "fail_nth.h"
#include "small_fleet.h"

/* ---- what is refused ---- */

static void assert_refused_for(const evtwin_table *t, const char *rul, const char *failure,
                               const evtwin_train_options *o, evtwin_status status,
                               const char *names) {
    const fleet_targets targets = targets_of(rul, failure);
    evtwin_trainer *trainer = NULL;
    assert_fails(try_train(t, &targets, o, &trainer), status, names);
    assert_null(trainer);
}

static void assert_refused(const evtwin_table *t, const evtwin_train_options *o,
                           evtwin_status status, const char *names) {
    assert_refused_for(t, NULL, NULL, o, status, names);
}

/* A target is named, once, and its forest has a size. */
static void test_targets(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(3, 5);
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = NULL;
    fleet_targets targets = targets_of(NULL, NULL);
    targets.rul.trees = 0;
    assert_fails(try_train(t, &targets, &o, &trainer), EVTWIN_E_ARG, "rul:|trees|0|1|100000");
    targets = targets_of(NULL, NULL);
    targets.failure.depth = 17;
    assert_fails(try_train(t, &targets, &o, &trainer), EVTWIN_E_ARG, "failure:|depth|17|1|16");
    targets = targets_of(NULL, NULL);
    targets.failure.name = "rul";
    assert_fails(try_train(t, &targets, &o, &trainer), EVTWIN_E_ARG, "rul");
    targets.failure.name = "torque";
    assert_fails(try_train(t, &targets, &o, &trainer), EVTWIN_E_NOT_FOUND, "'torque'");
    targets = targets_of(NULL, NULL);
    targets.rul.size = 0;
    assert_fails(try_train(t, &targets, &o, &trainer), EVTWIN_E_ARG, "size");
    assert_null(trainer);
    evtwin_table_free(t);
}

/* A caller of an older library has smaller targets, one after the other. */
static void test_targets_of_another_size(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    const fleet_targets full = targets_of("none", NULL);
    unsigned char memory[2 * sizeof(evtwin_target)];
    const size_t old_size = offsetof(evtwin_target, trees); /* trees and depth are the defaults */
    evtwin_target old[] = {full.rul, full.failure};
    for (size_t i = 0; i < 2; i++) {
        old[i].size = old_size;
        memcpy(memory + i * old_size, &old[i], old_size);
    }
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = NULL;
    assert_ok(evtwin_train(t, (const evtwin_target *)(const void *)memory, 2, &o, &trainer));
    assert_null(strstr(evtwin_trainer_json(trainer, NULL), "\"failure\": null"));
    assert_non_null(strstr(evtwin_trainer_json(trainer, NULL), "\"rul\": null"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_options(void **state) {
    (void)state;
    evtwin_train_options o;
    assert_ok(evtwin_train_options_init(&o, sizeof o));
    assert_near(o.learning_rate, 0.1, 0.0);
    assert_fails(evtwin_train_options_init(NULL, sizeof o), EVTWIN_E_ARG, "NULL");

    evtwin_table *t = make_fleet(3, 5);
    o = fleet_options();
    o.cv_folds = 1;
    assert_refused(t, &o, EVTWIN_E_ARG, "cv_folds");
    o.cv_folds = -2;
    assert_refused(t, &o, EVTWIN_E_ARG, "cv_folds|-2|0|1000");
    o = fleet_options();
    o.learning_rate = NAN;
    assert_refused(t, &o, EVTWIN_E_ARG, "learning_rate");
    o = fleet_options();
    o.n_threads = -1;
    assert_refused(t, &o, EVTWIN_E_ARG, "n_threads");
    o = fleet_options();
    char rule[257];
    memset(rule, 'x', sizeof rule - 1);
    rule[256] = '\0';
    o.label_rule = rule;
    assert_refused(t, &o, EVTWIN_E_ARG, "label_rule|256|255");
    o.label_rule = "80 \xff";
    assert_refused(t, &o, EVTWIN_E_ARG, "label_rule|UTF-8");
    o = fleet_options();
    assert_fails(evtwin_train(t, NULL, 0, &o, NULL), EVTWIN_E_ARG, "NULL");
    assert_refused(NULL, &o, EVTWIN_E_ARG, "NULL");
    evtwin_trainer_free(NULL);
    evtwin_table_free(t);
}

static void test_columns_that_do_not_fit(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(3, 5);
    evtwin_train_options o = fleet_options();
    o.features = "soc,torque";
    assert_refused(t, &o, EVTWIN_E_SCHEMA, "'torque'|battery_id, time");
    o.features = "soc,battery_id";
    assert_refused(t, &o, EVTWIN_E_SCHEMA, "'battery_id'");
    o.features = "soc,truth_soh";
    assert_refused(t, &o, EVTWIN_E_SCHEMA, "truth_soh");
    o.features = "soc,rul";
    assert_refused(t, &o, EVTWIN_E_SCHEMA, "'rul'");
    o.features = "soc,failure";
    assert_refused_for(t, NULL, "none", &o, EVTWIN_E_SCHEMA, "'failure'");
    o.features = "soc,soh";
    assert_refused_for(t, "soh", "none", &o, EVTWIN_E_SCHEMA, "'soh'");
    o.features = NULL;
    assert_refused_for(t, "none", "none", &o, EVTWIN_E_DATA, "target|battery_id, time");
    assert_refused_for(t, "life", "none", &o, EVTWIN_E_SCHEMA, "RUL|'life'|battery_id, time");
    assert_refused_for(t, "battery_id", "none", &o, EVTWIN_E_SCHEMA, "RUL|'battery_id'");
    assert_refused_for(t, "failure", "failure", &o, EVTWIN_E_ARG, "'failure'|RUL");
    evtwin_table_free(t);
}

/* What the manifest of a bundle cannot hold is said before the training, not by the saving. */
static void test_long_names(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(3, 5);
    evtwin_train_options o = fleet_options();
    char name[257];
    memset(name, 'x', sizeof name - 1);
    name[256] = '\0';
    assert_ok(evtwin_table_rename(t, FLEET_TRUTH, name));
    o.features = name;
    assert_refused(t, &o, EVTWIN_E_SCHEMA, "256|255");
    o.features = "soc";
    assert_refused_for(t, name, "none", &o, EVTWIN_E_SCHEMA, "256|255");
    evtwin_table_free(t);
}

static void test_data_that_cannot_be_learned(void **state) {
    (void)state;
    const evtwin_train_options o = fleet_options();
    evtwin_table *t = make_fleet(1, 1);
    assert_refused(t, &o, EVTWIN_E_DATA, "has 1 row");
    evtwin_table_free(t);
    t = make_fleet(0, 0);
    assert_refused(t, &o, EVTWIN_E_DATA, "has 0 rows");
    evtwin_table_free(t);

    t = make_fleet(4, 10);
    const size_t rows = evtwin_table_rows(t);
    assert_ok(evtwin_table_set_f64(t, FLEET_FAILURE, 3, 0.5));
    assert_refused(t, &o, EVTWIN_E_DATA, "row 4|'failure'|0.5");
    for (size_t r = 0; r < rows; r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_FAILURE, r, 1.0));
    }
    assert_refused(t, &o, EVTWIN_E_DATA, "'failure'|40 usable rows|1|targets without failure");
    for (size_t r = 0; r < rows; r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_RUL, r, 300.0));
    }
    assert_refused(t, &o, EVTWIN_E_DATA, "'rul'|40 usable rows|300|targets without rul");
    for (size_t r = 0; r < rows; r++) {
        assert_ok(evtwin_table_set_missing(t, FLEET_RUL, r));
    }
    assert_refused(t, &o, EVTWIN_E_DATA, "'rul'|40|0");
    assert_ok(evtwin_table_set_f64(t, FLEET_RUL, 0, INFINITY));
    assert_refused(t, &o, EVTWIN_E_RANGE, "row 1|'rul'");
    assert_ok(evtwin_table_set_f64(t, FLEET_RUL, 0, 12.0));
    assert_ok(evtwin_table_set_f64(t, FLEET_RUL, 15, -0.5));
    assert_refused(t, &o, EVTWIN_E_RANGE, "row 16|'rul'|-0.5|0");
    evtwin_table_free(t);
}

static void test_values_out_of_range(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(4, 10);
    const evtwin_train_options o = fleet_options();
    assert_ok(evtwin_table_set_f64(t, FLEET_SOC, 6, 100.5));
    assert_refused(t, &o, EVTWIN_E_RANGE, "soc");
    assert_ok(evtwin_table_set_f64(t, FLEET_SOC, 6, 50.0));

    /* two columns for one quantity: which of them would be learned? */
    assert_ok(evtwin_table_rename(t, FLEET_TRUTH, "SoH"));
    assert_refused(t, &o, EVTWIN_E_SCHEMA, "'soh'|'SoH'");
    assert_ok(evtwin_table_rename(t, FLEET_TRUTH, "truth_soh"));

    /* infinity in a column that has no range */
    size_t col;
    assert_ok(evtwin_table_add_column(t, "extra", EVTWIN_F64, NULL, &col));
    assert_ok(evtwin_table_set_f64(t, col, 2, -INFINITY));
    evtwin_train_options with_extra = o;
    with_extra.features = "soc,extra";
    assert_refused(t, &with_extra, EVTWIN_E_RANGE, "row 3|'extra'");
    evtwin_table_free(t);
}

/* RUL known for one battery of two: there is nothing to test against. */
static void test_target_in_one_battery_only(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(2, 20);
    for (size_t r = 0; r < 20; r++) {
        assert_ok(evtwin_table_set_missing(t, FLEET_RUL, r));
    }
    const evtwin_train_options o = fleet_options();
    assert_refused(t, &o, EVTWIN_E_DATA, "'rul'|training part|battery");
    evtwin_table_free(t);
}

/* ---- progress and memory ---- */

typedef struct watch {
    pthread_t owner;
    int n_calls, stop_at;
    const char *what;
    double last;
    int has_gone_back; /* within a stage */
} watch;

static int on_progress(void *ctx, const char *what, double done) {
    watch *w = ctx;
    assert_true(pthread_equal(w->owner, pthread_self()));
    assert_true(what[0] != '\0');
    assert_true(done >= 0.0 && done <= 1.0);
    w->has_gone_back |= w->what != NULL && strcmp(w->what, what) == 0 && done < w->last;
    w->what = what;
    w->last = done;
    return ++w->n_calls == w->stop_at;
}

static void test_progress_and_stop(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    watch w = {.owner = pthread_self()};
    evtwin_train_options o = fleet_options();
    o.progress = on_progress;
    o.progress_ctx = &w;
    o.cv_folds = 3;
    o.n_repeats = 4;
    o.n_threads = 2;
    evtwin_trainer *trainer = train_fleet(t, &o);
    assert_true(w.n_calls > 3);
    assert_false(w.has_gone_back);
    evtwin_trainer_free(trainer);

    /* stopped at any call, long before the end */
    fleet_targets targets = targets_of(NULL, NULL);
    targets.rul.trees = targets.failure.trees = 5000;
    for (int stop_at = 1; stop_at < 30; stop_at += 7) {
        w = (watch){.owner = pthread_self(), .stop_at = stop_at};
        trainer = NULL;
        assert_fails(try_train(t, &targets, &o, &trainer), EVTWIN_E_CANCELLED, "stopped");
        assert_null(trainer);
        assert_int_equal(w.n_calls, stop_at);
        assert_true(w.last < 0.5);
    }
    evtwin_table_free(t);
}

static evtwin_status train_and_free(void *ctx) {
    const evtwin_table *const *t = ctx;
    evtwin_train_options o = {0};
    evtwin_train_options_init(&o, sizeof o);
    o.cv_folds = 2;
    o.n_threads = 1;
    o.features = "soh,voltage";
    fleet_targets targets = targets_of(NULL, NULL);
    targets.rul.trees = targets.failure.trees = 1;
    targets.rul.depth = targets.failure.depth = 1;
    evtwin_trainer *trainer = NULL;
    const evtwin_status st = try_train(*t, &targets, &o, &trainer);
    evtwin_trainer_free(trainer);
    return st;
}

static void test_out_of_memory(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(4, 10);
    assert_true(fail_every_allocation(train_and_free, &t) > 100);
    evtwin_table_free(t);
}

static void test_build_without_xgboost(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(4, 10);
    const evtwin_train_options o = fleet_options();
    assert_refused(t, &o, EVTWIN_E_UNSUPPORTED, "without XGBoost");
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_columns_that_do_not_fit),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_data_that_cannot_be_learned),
        cmocka_unit_test(test_targets_of_another_size),
        cmocka_unit_test(test_values_out_of_range),
        cmocka_unit_test(test_target_in_one_battery_only),
        cmocka_unit_test(test_progress_and_stop),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_columns_that_do_not_fit),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_data_that_cannot_be_learned),
    };
    const struct CMUnitTest tests_without_xgboost[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_columns_that_do_not_fit),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_data_that_cannot_be_learned),
        cmocka_unit_test(test_build_without_xgboost),
    };
    return strstr(evtwin_build_info(), "xgboost") != NULL
               ? cmocka_run_group_tests(tests, NULL, NULL)
               : cmocka_run_group_tests(tests_without_xgboost, NULL, NULL);
}
