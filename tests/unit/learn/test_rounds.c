/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_rounds.c: the metrics of each round, which change no model; the parameters;
 * the batteries that a bundle was trained on; what ends a training with others. */

#include "test.h"

#include "learn/rounds.h"
#include "learn/trainer.h"

#include "fail_nth.h"
#include "one_fleet.h"

static evtwin_trainer *train(const char *recipe, int folds, int keep_rounds) {
    evtwin_train_options o = fleet_options();
    o.recipe = recipe;
    o.cv_folds = folds;
    o.keep_rounds = keep_rounds;
    return train_fleet(table, &o);
}

static evtwin_table *rounds_of(const evtwin_trainer *trainer, const char *target) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_trainer_rounds(trainer, target, &t));
    return t;
}

static double number(const evtwin_table *t, const char *col, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, col), row);
}

static const char *metric(const evtwin_table *t, size_t row) {
    return evtwin_table_text(t, evtwin_table_find(t, "metric"), row);
}

/* The last round's error on what is held out is that of the model's score, but for the end of life,
 * which is a rule behind the forest: its rows have no life left by their labels either. */
static void test_rounds_end_at_the_score(void **state) {
    (void)state;
    evtwin_trainer *trainer = train(NULL, 0, 1);
    evtwin_table *t = rounds_of(trainer, "rul");
    const size_t n = evtwin_table_rows(t);
    assert_int_equal(n, 20);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal((int)number(t, "forest", i), 0);
        assert_int_equal((int)number(t, "round", i), (int)i);
        assert_string_equal(metric(t, i), "rmse");
        assert_true(i == 0 || number(t, "train", i) < number(t, "train", i - 1));
    }
    const evtwin_score score = model_score(trainer, "rul");
    assert_near(number(t, "held_out", n - 1), score.rmse, 0.02 * score.rmse);
    evtwin_table_free(t);

    t = rounds_of(trainer, "failure");
    assert_int_equal(evtwin_table_rows(t), 40);
    assert_string_equal(metric(t, 38), "logloss");
    assert_string_equal(metric(t, 39), "auc");
    assert_near(number(t, "held_out", 39), model_score(trainer, "failure").auc, 1e-6);
    evtwin_table_free(t);
    evtwin_trainer_free(trainer);
}

/* With folds the saved model has learned from every row. */
static void test_nothing_is_held_out_with_folds(void **state) {
    (void)state;
    evtwin_trainer *trainer = train(NULL, 3, 1);
    evtwin_table *t = rounds_of(trainer, "rul");
    assert_int_equal(evtwin_table_rows(t), 20);
    assert_true(isnan(number(t, "held_out", 0)) && number(t, "train", 0) > 0.0);
    evtwin_table_free(t);
    evtwin_trainer_free(trainer);
}

/* Each forest of a target has its own rounds. */
static void test_two_forests(void **state) {
    (void)state;
    evtwin_trainer *trainer = train("history", 0, 1);
    evtwin_table *t = rounds_of(trainer, "rul");
    const size_t n = evtwin_table_rows(t);
    assert_int_equal((int)number(t, "forest", n - 1), 1);
    assert_int_equal((int)number(t, "round", n - 1), 19);
    assert_true(number(t, "train", n - 1) < 1.0); /* of logarithms */
    evtwin_table_free(t);
    evtwin_trainer_free(trainer);
}

static void test_keeping_changes_no_model(void **state) {
    (void)state;
    static const char *const recipe[] = {"contract", "history"};
    for (size_t i = 0; i < 2; i++) {
        evtwin_trainer *with = train(recipe[i], 0, 1), *without = train(recipe[i], 0, 0);
        for (size_t m = 0; m < EVTWIN__T_COUNT; m++) {
            const evtwin__bundle_model *a = &with->bundle.model[m], *b = &without->bundle.model[m];
            assert_true(a->is_present == b->is_present && a->json_size == b->json_size);
            assert_true(!a->is_present || memcmp(a->json, b->json, a->json_size) == 0);
        }
        evtwin_table *t = NULL;
        assert_fails(evtwin_trainer_rounds(without, "rul", &t), EVTWIN_E_STATE, "RUL|keep_rounds");
        assert_null(t);
        evtwin_trainer_free(with);
        evtwin_trainer_free(without);
    }
}

/* ---- parameters ---- */

static const char *param(const evtwin_table *t, const char *name) {
    for (size_t i = 0; i < evtwin_table_rows(t); i++) {
        if (strcmp(evtwin_table_text(t, 0, i), name) == 0) {
            return evtwin_table_text(t, 1, i);
        }
    }
    return NULL;
}

static void test_parameters(void **state) {
    (void)state;
    evtwin_trainer *trainer = train("history", 0, 0);
    evtwin_table *t = NULL;
    assert_ok(evtwin_trainer_params(trainer, "rul", &t));
    assert_string_equal(param(t, "n_estimators"), "20");
    assert_string_equal(param(t, "max_depth"), "3");
    assert_string_equal(param(t, "learning_rate"), "0.3");
    assert_string_equal(param(t, "objective"), "reg:squarederror");
    assert_string_equal(param(t, "tree_method"), "hist");
    assert_string_equal(param(t, "subsample"), "0.7");
    assert_string_equal(param(t, "forests"), "2");
    assert_true(strcmp(param(t, "base_score"), param(t, "base_score_2")) != 0);
    evtwin_table_free(t);
    t = NULL;
    assert_ok(evtwin_trainer_params(trainer, "failure", &t));
    assert_string_equal(param(t, "objective"), "binary:logistic");
    assert_null(param(t, "base_score_2"));
    evtwin_table_free(t);
    evtwin_trainer_free(trainer);
}

static void test_what_was_not_trained(void **state) {
    (void)state;
    evtwin_train_options o = fleet_options();
    o.keep_rounds = 1;
    evtwin_trainer *trainer = train_targets(table, NULL, "none", &o);
    evtwin_table *t = NULL;
    assert_fails(evtwin_trainer_rounds(trainer, "failure", &t), EVTWIN_E_NOT_FOUND, "failure");
    assert_fails(evtwin_trainer_params(trainer, "failure", &t), EVTWIN_E_NOT_FOUND, "failure");
    assert_fails(evtwin_trainer_params(trainer, "wear", &t), EVTWIN_E_NOT_FOUND, "wear");
    assert_fails(evtwin_trainer_rounds(NULL, "rul", &t), EVTWIN_E_ARG, "");
    assert_fails(evtwin_trainer_params(trainer, "rul", NULL), EVTWIN_E_ARG, "");
    assert_null(t);
    evtwin_trainer_free(trainer);
}

/* ---- batteries ---- */

static void test_batteries_that_were_seen(void **state) {
    (void)state;
    evtwin_trainer *trainer = train(NULL, 0, 0);
    evtwin_predictor *p;
    evtwin_table *held = NULL;
    assert_ok(evtwin_trainer_predictor(trainer, &p));
    assert_ok(evtwin_trainer_predictions(trainer, "rul", &held));
    int n_seen = 0;
    for (int i = 0; i < FLEET_BATTERIES; i++) {
        char id[32];
        snprintf(id, sizeof id, "B%03d", i);
        int is_held = 0;
        for (size_t r = 0; r < evtwin_table_rows(held); r++) {
            is_held |= strcmp(evtwin_table_text(held, 1, r), id) == 0;
        }
        assert_int_equal(evtwin_predictor_has_seen(p, id), !is_held);
        n_seen += !is_held;
    }
    assert_int_equal(n_seen, FLEET_BATTERIES * 4 / 5);
    assert_int_equal(evtwin_predictor_has_seen(p, "B999"), 0);
    assert_int_equal(evtwin_predictor_has_seen(p, NULL), 0);
    assert_int_equal(evtwin_predictor_has_seen(NULL, "B001"), 0);
    evtwin_table_free(held);
    evtwin_predictor_free(p);
    evtwin_trainer_free(trainer);
}

static evtwin_status tables(void *ctx) {
    evtwin_table *t = NULL;
    evtwin_status st = evtwin_trainer_rounds(ctx, "failure", &t);
    evtwin_table_free(t);
    t = NULL;
    if (st >= 0) {
        st = evtwin_trainer_params(ctx, "rul", &t);
        evtwin_table_free(t);
    }
    return st;
}

static void test_out_of_memory(void **state) {
    (void)state;
    evtwin_trainer *trainer = train(NULL, 0, 1);
    assert_true(fail_every_allocation(tables, trainer) > 5);
    evtwin_trainer_free(trainer);
}

/* ---- with other processes ---- */

static evtwin_status grow_one(void *ctx, size_t item) {
    (void)item;
    return evtwin__rounds_add(ctx, 1) != 0 ? EVTWIN_E_CANCELLED : EVTWIN_OK;
}

static evtwin_status run_together(void *ctx) {
    static const evtwin_peers two = {0, 2, 60};
    evtwin__rounds rounds;
    return evtwin__rounds_run(&rounds, &two, ctx, "training", 3, 3, grow_one, &rounds);
}

/* What the processes cannot say to each other is why it ends: nobody has stopped it. */
static void test_a_failed_round_is_no_stop(void **state) {
    (void)state;
    evtwin_train_options o = fleet_options();
    assert_int_equal(fail_every_allocation(run_together, &o), 6); /* two a round */
}

static int stop(void *ctx, const char *what, double done) {
    (void)ctx;
    (void)what;
    (void)done;
    return 1;
}

static void test_a_stop_is_one(void **state) {
    (void)state;
    evtwin_train_options o = fleet_options();
    o.progress = stop;
    assert_int_equal(run_together(&o), EVTWIN_E_CANCELLED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds_end_at_the_score),
        cmocka_unit_test(test_nothing_is_held_out_with_folds),
        cmocka_unit_test(test_two_forests),
        cmocka_unit_test(test_keeping_changes_no_model),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_what_was_not_trained),
        cmocka_unit_test(test_batteries_that_were_seen),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_a_failed_round_is_no_stop),
        cmocka_unit_test(test_a_stop_is_one),
    };
    return RUN_ON_ONE_FLEET(tests);
}
