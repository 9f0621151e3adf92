/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_mlflow.c: models as folders for MLflow: a scaler in a forest's thresholds
 * says what it says in front of the forest; what is in the folder; what cannot be exported. That
 * Python opens them is tests/integration/mlflow_train.py's. */

#include "test.h"

#include "core/json.h"
#include "core/mem.h"
#include "learn/mlflow_fold.h"
#include "learn/trainer.h"

#include <float.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_nth.h"
#include "one_fleet.h"

/* ---- one threshold ---- */

static float scaled(double mean, double scale, double x) {
    const evtwin__scaler s = {1, &mean, &scale};
    float y;
    evtwin__scaler_apply(&s, &x, 1, &y);
    return y;
}

static float fold(double mean, double scale, float t) {
    const evtwin__scaler s = {1, &mean, &scale};
    return evtwin__fold_threshold(&s, 0, t);
}

/* x goes to the same side in both, unless it goes left and float32 cannot tell it from the folded
 * threshold. */
static void check_side(double mean, double scale, float t, float folded, double x) {
    const int native_left = scaled(mean, scale, x) < t, folded_left = (float)x < folded;
    if (native_left != folded_left && !(native_left && (float)x == folded)) {
        fail_msg("mean %a, scale %a, threshold %a, folded to %a: %a goes %s, natively %s", mean,
                 scale, (double)t, (double)folded, x, folded_left ? "left" : "right",
                 native_left ? "left" : "right");
    }
}

static void check_around(double mean, double scale, float t) {
    const float folded = fold(mean, scale, t);
    double above = folded, below = folded;
    for (int i = 0; i < 40; i++) { /* doubles next to it */
        check_side(mean, scale, t, folded, above);
        check_side(mean, scale, t, folded, below);
        above = nextafter(above, INFINITY);
        below = nextafter(below, -INFINITY);
    }
    float f = folded;
    for (int i = 0; i < 10; i++) { /* floats next to it, and what lies between two of them */
        const float next = nextafterf(f, -INFINITY);
        if (!isfinite(next)) {
            break;
        }
        check_side(mean, scale, t, folded, next);
        check_side(mean, scale, t, folded, 0.5 * ((double)f + (double)next));
        f = next;
    }
}

/* 24 random bits at a random size. */
static double any_size(uint32_t *seed, int most) {
    const int exponent = (int)(fleet_noise(seed) * 2.0 * most) - most;
    return ldexp(2.0 * fleet_noise(seed) - 1.0, exponent);
}

static void test_a_threshold_keeps_sides(void **state) {
    (void)state;
    static const float edges[] = {
        0.0f, -0.0f, FLT_MIN, -FLT_MIN, FLT_MAX, -FLT_MAX, 1e-45f, 1.0f - FLT_EPSILON, 1.0f, -1.0f};
    uint32_t seed = 7;
    for (int i = 0; i < 3000; i++) {
        const double mean = any_size(&seed, 30), scale = fabs(any_size(&seed, 20)) + 1e-9;
        check_around(mean, scale, (float)any_size(&seed, 10));
        check_around(mean, scale, edges[(size_t)i % (sizeof edges / sizeof edges[0])]);
    }
    check_around(0.0, 1.0, 0.1f); /* nothing is scaled: nothing changes */
    assert_true(fold(0.0, 1.0, 0.1f) == 0.1f);
    assert_true(fold(0.0, 1.0, FLT_MAX) == FLT_MAX && fold(0.0, 1.0, -FLT_MAX) == -FLT_MAX);
}

/* What XGBoost does: its thresholds are scaled values of the data, which have few digits. All of
 * them go to the same side, those that float32 rounds down included. */
static void test_decimal_data_are_exact(void **state) {
    (void)state;
    uint32_t seed = 11;
    static const double step[] = {1.0, 0.1, 0.01, 0.001};
    for (int i = 0; i < 20000; i++) {
        const double mean = 400.0 * fleet_noise(&seed), scale = 0.01 + 60.0 * fleet_noise(&seed);
        const double tick = step[i % 4], n = floor(400.0 / tick * fleet_noise(&seed));
        const double x = n / (1.0 / tick), before = (n - 1.0) / (1.0 / tick);
        const float t = scaled(mean, scale, x), folded = fold(mean, scale, t);
        assert_true(scaled(mean, scale, before) < t);
        assert_false((float)x < folded);
        assert_true((float)before < folded);
    }
}

/* ---- a forest ---- */

static evtwin_trainer *train(const char *recipe, const char *derive, int trees) {
    evtwin_train_options o = fleet_options();
    o.recipe = recipe;
    o.derive = derive;
    fleet_targets targets = targets_of(NULL, NULL);
    targets.rul.trees = targets.failure.trees = trees;
    evtwin_trainer *trainer = NULL;
    assert_ok(try_train(table, &targets, &o, &trainer));
    return trainer;
}

static const char *join(const char *dir, const char *name) {
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static int exists(const char *dir, const char *name) {
    return access(join(dir, name), F_OK) == 0;
}

/* What a folded model says of raw rows, rounded to float32 as XGBoost rounds them. */
static float *predict_folded(const evtwin_model *model, const double *x, size_t rows) {
    const size_t cols = evtwin_model_width(model);
    float *raw = malloc(rows * cols * sizeof *raw), *y = malloc(rows * sizeof *y);
    assert_true(raw != NULL && y != NULL);
    for (size_t i = 0; i < rows * cols; i++) {
        raw[i] = (float)x[i];
    }
    assert_ok(evtwin_model_predict(model, raw, rows, cols, y));
    free(raw);
    return y;
}

/* Of the whole fleet, whose noise has more digits than a float. */
static void check_folded(const evtwin_trainer *trainer, const char *target, size_t t,
                         double tolerance) {
    const char *dir = temp_path(target);
    assert_ok(evtwin_trainer_save_mlflow(trainer, target, dir, NULL));
    evtwin_model *model;
    evtwin_predictor *predictor;
    assert_ok(evtwin_model_load(join(dir, "model.json"), &model));
    assert_ok(evtwin_trainer_predictor(trainer, &predictor));
    const evtwin_features *features = evtwin_trainer_features(trainer);
    const size_t rows = evtwin_table_rows(table), cols = evtwin_features_count(features);
    double *x = malloc(rows * cols * sizeof *x), *y = malloc(2 * rows * sizeof *y);
    assert_true(x != NULL && y != NULL);
    assert_ok(evtwin_features_compute(features, table, 0, rows, x));
    assert_ok(evtwin_predictor_predict(predictor, x, rows, cols, y, 2));
    float *folded = predict_folded(model, x, rows);
    for (size_t r = 0; r < rows; r++) {
        assert_near(t == 0 ? fmax((double)folded[r], 0.0) : (double)folded[r], y[2 * r + t],
                    tolerance);
    }
    for (size_t i = 0; i < cols; i++) {
        assert_string_equal(evtwin_model_feature_name(model, i), evtwin_features_name(features, i));
    }
    free(folded);
    free(x);
    free(y);
    evtwin_predictor_free(predictor);
    evtwin_model_free(model);
}

static void test_a_forest_of_raw_values(void **state) {
    (void)state;
    evtwin_trainer *trainer = train(NULL, NULL, 50);
    check_folded(trainer, "rul", 0, 0.0); /* the same leaves in the same order: the same bits */
    assert_true(evtwin__calibration_is_known(&trainer->bundle.model[1].calibration));
    check_folded(trainer, "failure", 1, 1e-6);
    trainer->bundle.model[1].calibration = (evtwin__calibration){0};
    check_folded(trainer, "failure", 1, 0.0);
    evtwin_trainer_free(trainer);
}

/* ---- early stopping ---- */

/* The model's text with attributes.best_iteration. */
static char *with_best(const evtwin__bundle_model *m, const char *best, size_t *size_out) {
    json_t *root;
    char *text;
    assert_ok(evtwin__json_parse("model", m->json, m->json_size, &root));
    json_t *learner = json_object_get(root, "learner");
    json_object_set_new(learner, "attributes",
                        json_pack("{s:s, s:s}", "best_iteration", best, "best_score", "0.5"));
    assert_ok(evtwin__json_text(root, &text, size_out));
    json_decref(root);
    return text;
}

static size_t trees_after(const evtwin_trainer *trainer, const char *best) {
    size_t size, folded_size;
    char *text = with_best(&trainer->bundle.model[0], best, &size), *folded;
    assert_ok(evtwin__fold_model("model", text, size, &trainer->bundle.scaler, NULL, &folded,
                                 &folded_size));
    evtwin__free(text);
    json_t *root;
    assert_ok(evtwin__json_parse("folded", folded, folded_size, &root));
    const json_t *learner = json_object_get(root, "learner");
    const json_t *model = json_object_get(json_object_get(learner, "gradient_booster"), "model");
    const size_t n = json_array_size(json_object_get(model, "trees"));
    assert_int_equal(json_array_size(json_object_get(model, "tree_info")), n);
    const char *count = json_string_value(
        json_object_get(json_object_get(model, "gbtree_model_param"), "num_trees"));
    assert_int_equal(strtoul(count, NULL, 10), n);
    json_decref(root);
    evtwin_model *loaded; /* all that the loader checks holds */
    assert_ok(evtwin_model_load_buffer("folded", folded, folded_size, &loaded));
    assert_int_equal(evtwin_model_trees(loaded), n);
    evtwin_model_free(loaded);
    evtwin__free(folded);
    return n;
}

static void test_cut_at_the_best_round(void **state) {
    (void)state;
    evtwin_trainer *trainer = train(NULL, NULL, 12);
    assert_int_equal(trees_after(trainer, "4"), 5);
    assert_int_equal(trees_after(trainer, "0"), 1);
    assert_int_equal(trees_after(trainer, "11"), 12);
    assert_int_equal(trees_after(trainer, "99"), 12);
    assert_int_equal(trees_after(trainer, "none"), 12);
    evtwin_trainer_free(trainer);
}

static void test_what_is_not_a_model(void **state) {
    (void)state;
    double mean[2] = {0.0, 0.0}, scale[2] = {1.0, 1.0};
    const evtwin__scaler s = {2, mean, scale};
    static const char *const text[] = {
        "{}",
        "[]",
        "{\"learner\": {\"gradient_booster\": {\"model\": {\"trees\": [{}]}}}}",
        "{\"learner\": {\"gradient_booster\": {\"model\": {\"trees\": [{\"left_children\": [1, -1, "
        "-1], \"split_indices\": [2, 0, 0], \"split_conditions\": [1, 2, 3]}]}}}}",
        "{\"learner\": {\"gradient_booster\": {\"model\": {\"trees\": [{\"left_children\": [-1], "
        "\"split_indices\": [], \"split_conditions\": [1]}]}}}}",
    };
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        char *out = NULL;
        size_t size = 0;
        const evtwin_status st =
            evtwin__fold_model("it", text[i], strlen(text[i]), &s, NULL, &out, &size);
        assert_true(st == EVTWIN_E_PARSE || st == EVTWIN_E_CORRUPT);
        assert_true(out == NULL && text_names(evtwin_last_error(), "it"));
    }
}

/* ---- the folder ---- */

static json_t *read_json(const char *path) {
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    return root;
}

static void test_what_is_in_the_folder(void **state) {
    (void)state;
    evtwin_trainer *trainer = train(NULL, NULL, 5);
    const char *dir = temp_path("some/where/new");
    evtwin_mlflow_options o;
    assert_ok(evtwin_mlflow_options_init(&o, sizeof o));
    o.artifact_path = "evtwin-rul";
    o.run_id = "r1";
    o.model_id = "m-1";
    assert_ok(evtwin_trainer_save_mlflow(trainer, "rul", dir, &o));
    static const char *const file[] = {"MLmodel",          "model.json",
                                       "requirements.txt", "conda.yaml",
                                       "python_env.yaml",  "code/evtwin_pyfunc.py",
                                       "data/target.json", "data/manifest.json",
                                       "data/scaler.json", "data/rul_model.json"};
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
        assert_true(exists(dir, file[i]));
    }
    assert_false(exists(dir, "data/failure_model.json"));
    json_t *root = read_json(join(dir, "MLmodel"));
    assert_string_equal(json_string_value(json_object_get(root, "artifact_path")), "evtwin-rul");
    assert_string_equal(json_string_value(json_object_get(root, "run_id")), "r1");
    assert_string_equal(json_string_value(json_object_get(root, "model_id")), "m-1");
    assert_null(json_object_get(root, "signature"));
    const json_t *flavors = json_object_get(root, "flavors");
    assert_string_equal(json_string_value(json_object_get(
                            json_object_get(flavors, "python_function"), "loader_module")),
                        "evtwin_pyfunc");
    assert_non_null(json_object_get(flavors, "xgboost"));
    json_decref(root);
    /* once more into the same folder, of no run */
    assert_ok(evtwin_trainer_save_mlflow(trainer, "failure", dir, NULL));
    root = read_json(join(dir, "MLmodel"));
    assert_null(json_object_get(root, "run_id"));
    json_decref(root);
    /* what fails half-way leaves no model, and not parts of two */
    assert_int_equal(unlink(join(dir, "conda.yaml")), 0);
    assert_int_equal(mkdir(join(dir, "conda.yaml"), 0700), 0);
    assert_fails(evtwin_trainer_save_mlflow(trainer, "rul", dir, NULL), EVTWIN_E_IO, "conda.yaml");
    assert_int_equal(access(join(dir, "MLmodel"), F_OK), -1);
    evtwin_trainer_free(trainer);
}

/* Two forests, one of the logarithm, with a past: only the loader can say what they say. */
static void test_history_has_no_booster_alone(void **state) {
    (void)state;
    evtwin_trainer *trainer = train("history", NULL, 5);
    const char *dir = temp_path("history");
    assert_ok(evtwin_trainer_save_mlflow(trainer, "rul", dir, NULL));
    assert_false(exists(dir, "model.json"));
    assert_true(exists(dir, "data/rul_model_2.json"));
    json_t *root = read_json(join(dir, "MLmodel"));
    assert_null(json_object_get(json_object_get(root, "flavors"), "xgboost"));
    json_decref(root);
    evtwin_trainer_free(trainer);
}

static void test_derived_quantities_are_refused(void **state) {
    (void)state;
    evtwin_trainer *trainer = train("history", "cell_spread_v", 5);
    const char *dir = temp_path("derived");
    assert_fails(evtwin_trainer_save_mlflow(trainer, "rul", dir, NULL), EVTWIN_E_UNSUPPORTED,
                 "rul|cell_spread_v|evtwin-predict");
    assert_false(exists(dir, "MLmodel"));
    evtwin_trainer_free(trainer);
}

static void test_wrong_arguments(void **state) {
    (void)state;
    evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_targets(table, NULL, "none", &o);
    assert_fails(evtwin_trainer_save_mlflow(NULL, "rul", "x", NULL), EVTWIN_E_ARG, "");
    assert_fails(evtwin_trainer_save_mlflow(trainer, NULL, "x", NULL), EVTWIN_E_ARG, "");
    assert_fails(evtwin_trainer_save_mlflow(trainer, "rul", "", NULL), EVTWIN_E_ARG, "");
    assert_fails(evtwin_trainer_save_mlflow(trainer, "wear", "x", NULL), EVTWIN_E_NOT_FOUND,
                 "wear");
    assert_fails(evtwin_trainer_save_mlflow(trainer, "failure", "x", NULL), EVTWIN_E_NOT_FOUND,
                 "failure");
    char path[8192];
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_fails(evtwin_trainer_save_mlflow(trainer, "rul", path, NULL), EVTWIN_E_ARG, "4096");
    assert_fails(evtwin_trainer_save_mlflow(trainer, "rul", "/dev/null/x", NULL), EVTWIN_E_IO,
                 "/dev/null");
    evtwin_trainer_free(trainer);
}

/* In memory where there is such a folder: each of the hundreds of files is synced to the disk. */
static const char *fast_path(void) {
    static char path[64];
    snprintf(path, sizeof path, "/dev/shm/evtwin-mlflow-%d", (int)getpid());
    return access("/dev/shm", W_OK) == 0 ? path : temp_path("oom");
}

static evtwin_status save(void *ctx) {
    return evtwin_trainer_save_mlflow(ctx, "failure", fast_path(), NULL);
}

static void test_out_of_memory(void **state) {
    (void)state;
    evtwin_train_options o = fleet_options();
    fleet_targets targets = targets_of("none", NULL);
    targets.failure.trees = targets.failure.depth = 1;
    evtwin_trainer *trainer = NULL;
    assert_ok(try_train(table, &targets, &o, &trainer));
    assert_true(fail_every_allocation(save, trainer) > 20);
    nftw(fast_path(), temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    evtwin_trainer_free(trainer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_threshold_keeps_sides),
        cmocka_unit_test(test_decimal_data_are_exact),
        cmocka_unit_test(test_a_forest_of_raw_values),
        cmocka_unit_test(test_cut_at_the_best_round),
        cmocka_unit_test(test_what_is_not_a_model),
        cmocka_unit_test(test_what_is_in_the_folder),
        cmocka_unit_test(test_history_has_no_booster_alone),
        cmocka_unit_test(test_derived_quantities_are_refused),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_out_of_memory),
    };
    return RUN_ON_ONE_FLEET(tests);
}
