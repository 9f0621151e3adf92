/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_search.c: the search for parameters: what it tries, what it keeps, and that
 * no battery that scores has a part in it. */

#include "test.h"

#include "small_fleet.h"

#include "learn/search.h"

#include <jansson.h>

enum { N_SETS = 3, N_BATTERIES = 10, N_ROWS = 16 };

static evtwin_train_options search_options(void) {
    evtwin_train_options o = fleet_options();
    o.n_tune = N_SETS;
    o.allow = "label-rule,label-threshold";
    return o;
}

static const double *numbers(const evtwin_table *t, const char *name) {
    return evtwin_table_f64(t, evtwin_table_find(t, name));
}

static evtwin_table *sets_of(const evtwin_trainer *trainer, const char *target) {
    evtwin_table *sets = NULL;
    assert_ok(evtwin_trainer_search(trainer, target, &sets));
    return sets;
}

static const char *json_of(evtwin_trainer *trainer) {
    const char *json = evtwin_trainer_json(trainer, NULL);
    assert_non_null(json);
    return json;
}

/* ---- what is tried ---- */

static void test_sets_are_drawn_within_their_ranges(void **state) {
    (void)state;
    const evtwin__growth as_is = {.trees = 7, .depth = 20, .learning_rate = 0.9};
    const evtwin__growth first = evtwin__search_set(&as_is, 5, 0, 0, 1);
    assert_int_equal(first.trees, 7);
    assert_int_equal(first.depth, 20);
    int seen_depth[32] = {0};
    double least_rate = 1.0, most_rate = 0.0;
    for (size_t i = 1; i <= 1000; i++) {
        const evtwin__growth g = evtwin__search_set(&as_is, 5, 0, i, 1);
#define EVTWIN__SEARCHED(type, member, from, to, scale)                                            \
    assert_true((double)g.member >= (from) && (double)g.member <= (to));
#include "learn/search.def"
#undef EVTWIN__SEARCHED
        seen_depth[g.depth]++;
        least_rate = fmin(least_rate, g.learning_rate);
        most_rate = fmax(most_rate, g.learning_rate);
        assert_int_equal(g.trees, EVTWIN__SEARCH_TREES);
    }
    for (int depth = 2; depth <= 10; depth++) {
        assert_in_range(seen_depth[depth], 70, 160); /* 111 expected */
    }
    assert_true(least_rate < 0.022 && most_rate > 0.28);
    const evtwin__growth a = evtwin__search_set(&as_is, 5, 0, 3, 1);
    const evtwin__growth other_seed = evtwin__search_set(&as_is, 6, 0, 3, 1);
    const evtwin__growth other_target = evtwin__search_set(&as_is, 5, 1, 3, 1);
    assert_true(a.learning_rate != other_seed.learning_rate);
    assert_true(a.learning_rate != other_target.learning_rate);

    /* where trees see all columns no share of them is drawn, and nothing else moves */
    const evtwin__growth all = evtwin__search_set(&as_is, 5, 0, 3, 0);
    assert_true(a.column_sample > 0.0 && all.column_sample == 0.0);
    assert_true(all.depth == a.depth && all.learning_rate == a.learning_rate &&
                all.subsample == a.subsample && all.min_child_weight == a.min_child_weight);
}

static void test_the_number_of_trees_is_that_of_all_folds_together(void **state) {
    (void)state;
    double a[] = {9.0, 5.0, 1.0, 4.0}, b[] = {8.0, 2.0}; /* b ended: it counts as 2 from there on */
    const evtwin__errors folds[] = {{a, 4, 3}, {b, 2, 1}};
    evtwin__tried set = {.growth = {.trees = 1000}};
    evtwin__search_judge(folds, 2, 0, &set);
    assert_int_equal(set.growth.trees, 3);
    assert_near(set.error, sqrt(3.0 / 4.0), 1e-15);
    evtwin__search_judge(folds, 1, 1, &set); /* fixed: all of them */
    assert_int_equal(set.growth.trees, 4);
    assert_near(set.error, sqrt(4.0 / 3.0), 1e-15);
}

/* ---- what is kept ---- */

static void test_the_best_set_is_kept(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(N_BATTERIES, N_ROWS);
    const evtwin_train_options o = search_options();
    evtwin_trainer *trainer = train_fleet(t, &o);
    static const char *const target[] = {"rul", "failure"};
    for (int i = 0; i < 2; i++) {
        evtwin_table *sets = sets_of(trainer, target[i]);
        assert_int_equal(evtwin_table_rows(sets), N_SETS);
        const double *error = numbers(sets, "error");
        const int64_t *trees = evtwin_table_i64(sets, evtwin_table_find(sets, "trees"));
        size_t best = 0, n_best = 0;
        for (size_t k = 0; k < N_SETS; k++) {
            const int is_best =
                evtwin_table_number(sets, evtwin_table_find(sets, "is_best"), k) > 0;
            best = is_best ? k : best;
            n_best += (size_t)is_best;
            assert_true(isfinite(error[k]) && error[k] > 0.0);
        }
        assert_int_equal(n_best, 1);
        for (size_t k = 0; k < N_SETS; k++) {
            assert_true(error[k] >= error[best]);
        }
        assert_int_equal(trees[0], 20); /* as the caller has it */
        /* and the model has that many trees */
        json_t *root = json_loads(json_of(trainer), 0, NULL);
        json_t *search = json_object_get(json_object_get(root, target[i]), "search");
        assert_int_equal(json_integer_value(json_object_get(search, "best")), best);
        assert_int_equal(json_integer_value(json_object_get(search, "folds")), 5);
        json_t *set = json_array_get(json_object_get(search, "sets"), best);
        assert_int_equal(json_integer_value(json_object_get(set, "trees")), trees[best]);
        json_decref(root);
        evtwin_table_free(sets);
    }
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* What is saved is grown with the chosen set, to its number of trees. */
static void test_the_saved_model_is_grown_so(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(N_BATTERIES, N_ROWS);
    const evtwin_train_options o = search_options();
    evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
    evtwin_table *sets = sets_of(trainer, "rul");
    const double *error = numbers(sets, "error");
    size_t best = 0;
    for (size_t k = 1; k < N_SETS; k++) {
        best = error[k] < error[best] ? k : best;
    }
    assert_ok(evtwin_trainer_save(trainer, "searched"));
    evtwin_model *forest;
    assert_ok(evtwin_model_load("searched/rul_model.json", &forest));
    const int64_t *trees = evtwin_table_i64(sets, evtwin_table_find(sets, "trees"));
    assert_int_equal(evtwin_model_trees(forest), trees[best]);
    json_t *manifest = json_load_file("searched/manifest.json", 0, NULL);
    json_t *params =
        json_object_get(json_object_get(json_object_get(manifest, "models"), "rul"), "params");
    assert_int_equal(json_integer_value(json_object_get(params, "tried")), N_SETS);
    assert_int_equal(json_integer_value(json_object_get(params, "trees")), trees[best]);
    assert_near(json_number_value(json_object_get(params, "learning_rate")),
                numbers(sets, "learning_rate")[best], 0.0);
    assert_near(json_number_value(json_object_get(params, "subsample")),
                numbers(sets, "subsample")[best], 0.0);
    evtwin_predictor *predictor;
    assert_ok(evtwin_predictor_load("searched", &predictor));
    evtwin_predictor_free(predictor);
    json_decref(manifest);
    evtwin_model_free(forest);
    evtwin_table_free(sets);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_threads_change_nothing(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(N_BATTERIES, N_ROWS);
    evtwin_train_options o = search_options();
    o.n_threads = 1;
    evtwin_trainer *one = train_targets(t, NULL, "none", &o);
    o.n_threads = 3;
    evtwin_trainer *three = train_targets(t, NULL, "none", &o);
    assert_string_equal(json_of(one), json_of(three));
    o.seed = 1;
    evtwin_trainer *other = train_targets(t, NULL, "none", &o);
    evtwin_table *a = sets_of(one, "rul"), *b = sets_of(other, "rul");
    assert_true(numbers(a, "learning_rate")[1] != numbers(b, "learning_rate")[1]);
    evtwin_table_free(a);
    evtwin_table_free(b);
    evtwin_trainer_free(one);
    evtwin_trainer_free(three);
    evtwin_trainer_free(other);
    evtwin_table_free(t);
}

/* ---- no battery that scores has a part in it ---- */

/* Other labels of the batteries that are held out change no error of the search. */
static void test_the_held_out_part_is_not_seen(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(N_BATTERIES, N_ROWS);
    const evtwin_train_options o = search_options();
    evtwin_trainer *before = train_targets(t, NULL, "none", &o);
    evtwin_table *held = NULL;
    assert_ok(evtwin_trainer_predictions(before, "rul", &held));
    for (size_t i = 0; i < evtwin_table_rows(held); i++) {
        const size_t row = (size_t)evtwin_table_i64(held, 0)[i];
        const double rul = evtwin_table_f64(t, FLEET_RUL)[row];
        assert_ok(evtwin_table_set_f64(t, FLEET_RUL, row, rul + 5.0));
    }
    evtwin_trainer *after = train_targets(t, NULL, "none", &o);
    evtwin_table *a = sets_of(before, "rul"), *b = sets_of(after, "rul");
    assert_memory_equal(numbers(a, "error"), numbers(b, "error"), N_SETS * sizeof(double));
    assert_true(model_score(before, "rul").rmse != model_score(after, "rul").rmse);
    evtwin_table_free(held);
    evtwin_table_free(a);
    evtwin_table_free(b);
    evtwin_trainer_free(before);
    evtwin_trainer_free(after);
    evtwin_table_free(t);
}

/* With folds each fold's model is chosen without it: other labels of its batteries change none of
 * its predictions, while those of the other folds differ. */
static void test_a_fold_has_a_search_of_its_own(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(N_BATTERIES, N_ROWS);
    evtwin_train_options o = search_options();
    o.cv_folds = 3;
    evtwin_trainer *before = train_targets(t, NULL, "none", &o);
    evtwin_table *a = NULL, *b = NULL;
    assert_ok(evtwin_trainer_predictions(before, "rul", &a));
    const int64_t *fold = evtwin_table_i64(a, 2), *row = evtwin_table_i64(a, 0);
    for (size_t i = 0; i < evtwin_table_rows(a); i++) {
        const double rul = evtwin_table_f64(t, FLEET_RUL)[row[i]];
        assert_ok(evtwin_table_set_f64(t, FLEET_RUL, (size_t)row[i], rul + 50.0 * (fold[i] == 1)));
    }
    evtwin_trainer *after = train_targets(t, NULL, "none", &o);
    assert_ok(evtwin_trainer_predictions(after, "rul", &b));
    size_t n_same = 0, n_own = 0, n_others = 0;
    for (size_t i = 0; i < evtwin_table_rows(a); i++) {
        const int is_equal = numbers(a, "prediction")[i] == numbers(b, "prediction")[i];
        n_own += fold[i] == 1;
        n_same += fold[i] == 1 && is_equal;
        n_others += fold[i] != 1 && is_equal;
    }
    assert_int_equal(n_same, n_own);
    assert_true(n_others < (evtwin_table_rows(a) - n_own) / 2);
    evtwin_table_free(a);
    evtwin_table_free(b);
    evtwin_trainer_free(before);
    evtwin_trainer_free(after);
    evtwin_table_free(t);
}

/* ---- with several forests of a target ---- */

static void test_history_is_searched_too(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(N_BATTERIES, N_ROWS);
    evtwin_train_options o = search_options();
    o.recipe = "history";
    o.n_tune = 2;
    evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
    evtwin_table *sets = sets_of(trainer, "rul");
    const double mean = score_of(trainer, "rul", EVTWIN_SCORED_MEAN).rmse;
    assert_true(numbers(sets, "error")[0] < mean && numbers(sets, "error")[1] < mean);
    evtwin_table_free(sets);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* ---- what is refused ---- */

static void test_refusals(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(5, 10); /* a fifth is held out, four are learned from */
    evtwin_train_options o = search_options();
    const fleet_targets targets = targets_of(NULL, "none");
    evtwin_trainer *trainer = NULL;
    assert_int_equal(try_train(t, &targets, &o, &trainer), EVTWIN_E_DATA);
    assert_non_null(strstr(evtwin_last_error(), "5 batteries or more to learn from, there are 4"));
    o.n_tune = 1001;
    assert_int_equal(try_train(t, &targets, &o, &trainer), EVTWIN_E_ARG);
    assert_non_null(strstr(evtwin_last_error(), "n_tune"));
    o.n_tune = -1;
    assert_int_equal(try_train(t, &targets, &o, &trainer), EVTWIN_E_ARG);
    o.n_tune = 2;
    o.cv_folds = 2;
    o.n_repeats = 2;
    assert_int_equal(try_train(t, &targets, &o, &trainer), EVTWIN_E_ARG);
    assert_non_null(strstr(evtwin_last_error(), "n_repeats"));
    assert_null(trainer);
    o = fleet_options();
    trainer = train_fleet(t, &o);
    evtwin_table *sets = NULL;
    assert_int_equal(evtwin_trainer_search(trainer, "rul", &sets), EVTWIN_E_NOT_FOUND);
    assert_non_null(strstr(evtwin_last_error(), "without a search"));
    assert_int_equal(evtwin_trainer_search(trainer, "age", &sets), EVTWIN_E_NOT_FOUND);
    assert_int_equal(evtwin_trainer_search(NULL, "rul", &sets), EVTWIN_E_ARG);
    assert_int_equal(evtwin_trainer_search(trainer, "rul", NULL), EVTWIN_E_ARG);
    assert_null(sets);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static int stop_in_search(void *ctx, const char *what, double done) {
    int *n_heard = ctx;
    if (strcmp(what, "searching") != 0) {
        return 0;
    }
    assert_true(done >= 0.0 && done <= 1.0);
    return ++*n_heard > 3;
}

static void test_it_can_be_stopped(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(N_BATTERIES, N_ROWS);
    evtwin_train_options o = search_options();
    int n_heard = 0;
    o.progress = stop_in_search;
    o.progress_ctx = &n_heard;
    const fleet_targets targets = targets_of(NULL, NULL);
    evtwin_trainer *trainer = NULL;
    assert_int_equal(try_train(t, &targets, &o, &trainer), EVTWIN_E_CANCELLED);
    assert_null(trainer);
    assert_true(n_heard > 3);
    evtwin_table_free(t);
}

int main(void) {
    if (strstr(evtwin_build_info(), "xgboost") == NULL) {
        print_message("skipped: this build cannot train\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_are_drawn_within_their_ranges),
        cmocka_unit_test(test_the_number_of_trees_is_that_of_all_folds_together),
        cmocka_unit_test(test_the_best_set_is_kept),
        cmocka_unit_test(test_the_saved_model_is_grown_so),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_the_held_out_part_is_not_seen),
        cmocka_unit_test(test_a_fold_has_a_search_of_its_own),
        cmocka_unit_test(test_history_is_searched_too),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_it_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
