/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_predictor.c: a bundle loads only as a whole; predictions are those of its
 * parts; what is missing is said. */

#include "bundles.h"

#include "core/parallel.h"
#include "core/rng.h"

static const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};

static const char *bundle_path(const char *dir, const char *file) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return path;
}

static evtwin_predictor *load(const char *dir) {
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_predictor_load(dir, &p));
    return p;
}

/* A new bundle of both models, loaded. */
static evtwin_predictor *sample_predictor(void) {
    const char *dir = temp_path("sample");
    write_bundle(dir, &both);
    return load(dir);
}

static void fill_rows(double *x, size_t rows) {
    for (size_t i = 0; i < rows * FIXTURE_FEATURES; i++) {
        const size_t c = i % FIXTURE_FEATURES;
        const evtwin__rng_block b = evtwin__rng_at(21, EVTWIN__RNG_SPLIT, 0, 0, i);
        x[i] = bundle_mean[c] + bundle_scale[c] * evtwin__rng_normal(b, 0);
        x[i] = c < 2 ? fmin(fmax(x[i], 0.0), 100.0) : x[i]; /* soc and soh in percent */
    }
}

/* The same by the parts: scale in double, round, ask the model. */
static double by_hand(const char *fixture, const double *x) {
    size_t size;
    char *text = read_fixture(fixture, ".json", &size);
    evtwin_model *m = NULL;
    assert_ok(evtwin_model_load_buffer(fixture, text, size, &m));
    evtwin__free(text);
    float scaled[FIXTURE_FEATURES], y;
    for (int i = 0; i < FIXTURE_FEATURES; i++) {
        scaled[i] = (float)((x[i] - bundle_mean[i]) / bundle_scale[i]);
    }
    assert_ok(evtwin_model_predict(m, scaled, 1, FIXTURE_FEATURES, &y));
    evtwin_model_free(m);
    return (double)y;
}

/* Predictions of a bundle of both targets by column; NULL = not looked at. */
static evtwin_status predict(const evtwin_predictor *p, const double *x, size_t rows, double *rul,
                             double *failure) {
    static double y[2 * 3000];
    assert_true(rows <= 3000);
    const evtwin_status st = evtwin_predictor_predict(p, x, rows, FIXTURE_FEATURES, y, 2);
    for (size_t r = 0; r < rows && st >= 0; r++) {
        if (rul != NULL) {
            rul[r] = y[2 * r];
        }
        if (failure != NULL) {
            failure[r] = y[2 * r + 1];
        }
    }
    return st;
}

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

/* A table of the four features in our names (or those of the 30-column file) and an id. */
static evtwin_table *make_table(const double *x, size_t rows, int is_ev30) {
    evtwin_table *t;
    size_t id, col[FIXTURE_FEATURES];
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_add_column(t, "battery_id", EVTWIN_TEXT, "", &id));
    for (int c = FIXTURE_FEATURES - 1; c >= 0; c--) { /* the order of columns does not matter */
        const evtwin__bundle_feature *f = &bundle_features[c];
        assert_ok(evtwin_table_add_column(t, is_ev30 ? f->column : f->name, EVTWIN_F64,
                                          is_ev30 ? f->column_unit : f->unit, &col[c]));
    }
    assert_ok(evtwin_table_resize(t, rows));
    for (size_t r = 0; r < rows; r++) {
        assert_ok(evtwin_table_set_text(t, id, r, "BATTERY_001"));
        for (size_t c = 0; c < FIXTURE_FEATURES; c++) {
            const double v = x[r * FIXTURE_FEATURES + c];
            if (!isnan(v)) {
                assert_ok(evtwin_table_set_f64(t, col[c], r, is_ev30 && c < 2 ? v / 100.0 : v));
            }
        }
    }
    return t;
}

static double number(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, name), row);
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

/* Replace the RUL model of a bundle in the making by its own text with one change. */
static void change_rul_model(const char *dir, const char *from, const char *to) {
    char *text = read_fixture(both.rul, ".json", NULL);
    char *other = replaced(text, from, to);
    assert_ok(evtwin__file_write(bundle_path(dir, "rul_model.json"), other, strlen(other)));
    evtwin__sha256_hex(other, strlen(other), bundle_hash[1 + EVTWIN__T_RUL]);
    free(other);
    evtwin__free(text);
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

/* ---- bundles that must not load ---- */

static void assert_no_bundle(const char *dir, evtwin_status expected, const char *names) {
    evtwin_predictor *p = NULL;
    const evtwin_status st = evtwin_predictor_load(dir, &p);
    if (st != expected || !text_names(evtwin_last_error(), names) || p != NULL) {
        fail_msg("%s: %s instead of %s: %s", dir, evtwin_status_name(st),
                 evtwin_status_name(expected), evtwin_last_error());
    }
}

static void test_files_missing_or_changed(void **state) {
    (void)state;
    static const char *const files[] = {"scaler.json", "rul_model.json", "failure_model.json"};
    const char *dir = temp_path("changed");
    for (int i = 0; i < 3; i++) {
        write_bundle(dir, &both);
        char *text;
        size_t size;
        assert_ok(evtwin__file_read(bundle_path(dir, files[i]), 1 << 20, &text, &size));

        /* one bit, in a place where it would change a number; then a byte less */
        text[size / 2] ^= 1;
        assert_ok(evtwin__file_write(bundle_path(dir, files[i]), text, size));
        assert_no_bundle(dir, EVTWIN_E_CORRUPT, files[i]);
        text[size / 2] ^= 1;
        assert_ok(evtwin__file_write(bundle_path(dir, files[i]), text, size - 1));
        assert_no_bundle(dir, EVTWIN_E_CORRUPT, "SHA-256");
        assert_ok(evtwin__file_write(bundle_path(dir, files[i]), text, size));
        evtwin_predictor_free(load(dir));

        assert_int_equal(unlink(bundle_path(dir, files[i])), 0);
        assert_no_bundle(dir, EVTWIN_E_NOT_FOUND, files[i]);
        evtwin__free(text);
    }
    write_bundle(dir, &both);
    assert_int_equal(unlink(bundle_path(dir, "manifest.json")), 0);
    assert_no_bundle(dir, EVTWIN_E_NOT_FOUND, "manifest.json");
    assert_no_bundle("/nowhere", EVTWIN_E_NOT_FOUND, "/nowhere/manifest.json");
    evtwin_predictor *p = NULL;
    assert_fails(evtwin_predictor_load(NULL, &p), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_predictor_load("x", NULL), EVTWIN_E_ARG, "NULL");
}

static void test_manifest_truncated(void **state) {
    (void)state;
    const char *dir = temp_path("truncated");
    write_bundle(dir, &both);
    char *text;
    size_t size;
    assert_ok(evtwin__file_read(bundle_path(dir, "manifest.json"), 1 << 20, &text, &size));
    for (size_t n = 0; n + 2 <= size; n += 1 + n / 97) {
        FILE *f = fopen(bundle_path(dir, "manifest.json"), "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
        assert_no_bundle(dir, EVTWIN_E_PARSE, "manifest.json");
    }
    evtwin__free(text);
}

static void write_scaler(const char *dir, const evtwin__scaler *scaler) {
    char *text;
    size_t size;
    assert_ok(evtwin__scaler_write(scaler, &text, &size));
    assert_ok(evtwin__file_write(bundle_path(dir, EVTWIN__SCALER_FILE), text, size));
    evtwin__sha256_hex(text, size, bundle_hash[0]);
    evtwin__free(text);
}

/* Every hash is right, but the parts are not of one training. */
static void test_parts_that_do_not_fit(void **state) {
    (void)state;
    const char *dir = temp_path("misfit");
    evtwin__bundle m;
    evtwin__bundle_feature other[FIXTURE_FEATURES + 1];
    double five[5] = {1, 1, 1, 1, 1}, zero[4] = {1, 0, 1, 1};

    write_bundle_parts(dir, &both, &m);
    write_scaler(dir, &(evtwin__scaler){5, five, five});
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "scaler.json|5 features|4");

    write_bundle_parts(dir, &both, &m);
    write_scaler(dir, &(evtwin__scaler){4, five, zero});
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_CORRUPT, "scaler.json|scale[1]");

    /* features in another order, another unit, another name, one more */
    write_bundle_parts(dir, &both, &m);
    memcpy(other, bundle_features, sizeof bundle_features);
    other[0] = bundle_features[1];
    other[1] = bundle_features[0];
    m.feature = other;
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "rul_model.json|feature 1|'soc'|'soh'");
    memcpy(other, bundle_features, sizeof bundle_features);
    other[2].unit = "mV";
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "'voltage' in 'mV'");
    other[2] = bundle_features[2];
    other[2].name = "Battery_Voltage"; /* another naming's word for a feature of ours */
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "feature 3 is 'Battery_Voltage'");
    other[2].name = "SoC";
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "manifest.json|'soc'");
    other[2].name = "truth_soh";
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "truth_soh");
    other[2] = bundle_features[2];
    other[4] = (evtwin__bundle_feature){"extra", "", "extra", "", 0.0, 1.0, {0}};
    m.n_features = 5;
    write_scaler(dir, &(evtwin__scaler){5, five, five});
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "rul_model.json|4 features|5");

    /* models swapped, nameless, unusable */
    const bundle_spec swapped = {both.failure, both.rul};
    write_bundle(dir, &swapped);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "objective");
    write_bundle_parts(dir, &both, &m);
    change_rul_model(dir, "[\"soc\",\"soh\",\"voltage\",\"current\"]", "[]");
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_SCHEMA, "feature 1 is ''");
    change_rul_model(dir, "\"gbtree\"", "\"dart\"");
    write_bundle_manifest(dir, &m);
    assert_no_bundle(dir, EVTWIN_E_UNSUPPORTED, "rul_model.json: ");
}

static void test_load_out_of_memory(void **state) {
    (void)state;
    const char *dir = temp_path("oom");
    write_bundle(dir, &both);
    size_t n_failures = 0;
    for (;; n_failures++) {
        counting_allocator a = {.fail_at = n_failures};
        evtwin_set_allocator(counting_realloc, &a);
        evtwin_predictor *p = NULL;
        const evtwin_status st = evtwin_predictor_load(dir, &p);
        evtwin_predictor_free(p);
        evtwin_set_allocator(NULL, NULL);
        assert_int_equal(a.outstanding, 0);
        if (st == EVTWIN_OK) {
            break;
        }
        assert_int_equal(st, EVTWIN_E_NOMEM);
        assert_null(p);
    }
    assert_true(n_failures > 40);
}

/* ---- tables ---- */

static const char *text_at(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_text(t, evtwin_table_find(t, name), row);
}

static void test_apply(void **state) {
    (void)state;
    enum { ROWS = 3000 };
    evtwin_predictor *p = sample_predictor();
    evtwin_predictor_info info;
    assert_ok(evtwin_predictor_info_get(p, &info, sizeof info));
    static double x[ROWS * FIXTURE_FEATURES], rul[ROWS], failure[ROWS];
    fill_rows(x, ROWS);
    for (size_t i = 0; i < ROWS * FIXTURE_FEATURES; i++) {
        /* two decimals: a fraction of them times 100 is the same float again */
        x[i] = nearbyint(x[i] * 4.0) / 4.0;
    }
    assert_ok(predict(p, x, ROWS, rul, failure));
    for (int is_ev30 = 0; is_ev30 <= 1; is_ev30++) {
        evtwin_table *t = make_table(x, ROWS, is_ev30);
        assert_ok(evtwin_predictor_apply(p, t));
        assert_int_equal(evtwin_table_cols(t), 1 + FIXTURE_FEATURES + 6);
        assert_string_equal(evtwin_table_unit(t, evtwin_table_find(t, "rul_prediction")), "cycles");
        size_t n_other = 0;
        for (size_t r = 0; r < ROWS; r++) {
            n_other += number(t, "rul_prediction", r) != rul[r] ||
                       number(t, "failure_probability", r) != failure[r];
            assert_string_equal(text_at(t, "model_version", r), info.version);
            assert_null(text_at(t, "prediction_note", r));
            assert_string_equal(text_at(t, "battery_id", r), "BATTERY_001");
        }
        /* v / 100 * 100 is not always v: then a value on a threshold may fall on the other side */
        assert_true(n_other <= (is_ev30 ? ROWS / 100 : 0));

        /* once more: the same columns, the same values */
        assert_ok(evtwin_predictor_apply(p, t));
        assert_int_equal(evtwin_table_cols(t), 1 + FIXTURE_FEATURES + 6);
        assert_true(is_ev30 || number(t, "rul_prediction", ROWS - 1) == rul[ROWS - 1]);
        evtwin_table_free(t);
    }
    evtwin_predictor_free(p);
}

/* A number's interval stands around it, and is missing with it; a bundle without one adds none. */
static void test_intervals(void **state) {
    (void)state;
    const char *dir = temp_path("interval");
    evtwin__bundle b;
    for (int has_interval = 0; has_interval < 2; has_interval++) {
        write_bundle_parts(dir, &both, &b);
        b.model[EVTWIN__T_RUL].interval.n_bands *= (size_t)has_interval;
        write_bundle_manifest(dir, &b);
        evtwin_predictor *p = load(dir);
        evtwin_table *t = NULL;
        assert_ok(evtwin_table_create(&t));
        assert_ok(evtwin_table_resize(t, 2));
        for (size_t c = 0; c < FIXTURE_FEATURES; c++) {
            assert_ok(evtwin_table_add_column(t, bundle_features[c].name, EVTWIN_F64,
                                              bundle_features[c].unit, NULL));
            assert_ok(evtwin_table_set_f64(t, c, 0, bundle_mean[c]));
            assert_ok(evtwin_table_set_f64(t, c, 1, c == 0 ? (double)NAN : bundle_mean[c]));
        }
        assert_ok(evtwin_predictor_apply(p, t));
        const size_t low = evtwin_table_find(t, "rul_low");
        const size_t high = evtwin_table_find(t, "rul_high");
        assert_int_equal(low != EVTWIN_NO_COLUMN, has_interval);
        assert_int_equal(high != EVTWIN_NO_COLUMN, has_interval);
        if (has_interval) {
            const double rul = evtwin_table_number(t, evtwin_table_find(t, "rul_prediction"), 0);
            double from, to;
            evtwin__interval_around(&b.model[EVTWIN__T_RUL].interval, EVTWIN_COVERS_ON_AVERAGE, rul,
                                    &from, &to);
            assert_true(evtwin_table_number(t, low, 0) == from && from <= rul);
            assert_true(evtwin_table_number(t, high, 0) == to && to >= rul);
            assert_true(!evtwin_table_is_valid(t, low, 1) && !evtwin_table_is_valid(t, high, 1));
            assert_string_equal(evtwin_table_unit(t, low), "cycles");

            /* for each battery it is wider, where that was asked for */
            assert_ok(evtwin_predictor_set_coverage(p, EVTWIN_COVERS_EACH));
            assert_ok(evtwin_predictor_apply(p, t));
            evtwin__interval_around(&b.model[EVTWIN__T_RUL].interval, EVTWIN_COVERS_EACH, rul,
                                    &from, &to);
            assert_true(evtwin_table_number(t, low, 0) == from);
            assert_true(evtwin_table_number(t, high, 0) == to);
            assert_fails(evtwin_predictor_set_coverage(p, (evtwin_coverage)2), EVTWIN_E_ARG,
                         "coverage");
        }
        evtwin_table_free(t);
        evtwin_predictor_free(p);
    }
}

static void test_notes(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor();
    const double x[5 * FIXTURE_FEATURES] = {NAN, 90,  370, 5,   50,  NAN, NAN, 5,  NAN, 91,
                                            NAN, NAN, NAN, NAN, NAN, NAN, 50,  90, 370, 5};
    static const char *const note[] = {
        "unknown, because soc is missing", "unknown, because soh and voltage are missing",
        "unknown, because soc, voltage and current are missing",
        "unknown, because soc, soh, voltage and current are missing", NULL};
    evtwin_table *t = make_table(x, 5, 0);
    assert_ok(evtwin_predictor_apply(p, t));
    for (size_t r = 0; r < 5; r++) {
        if (note[r] != NULL) {
            assert_string_equal(text_at(t, "prediction_note", r), note[r]);
        } else {
            assert_null(text_at(t, "prediction_note", r));
        }
        assert_int_equal(isnan(number(t, "rul_prediction", r)) != 0, note[r] != NULL);
        assert_int_equal(isnan(number(t, "failure_probability", r)) != 0, note[r] != NULL);
        assert_int_equal(evtwin_table_is_valid(t, evtwin_table_find(t, "rul_prediction"), r),
                         note[r] == NULL);
    }

    /* the value comes: the note goes */
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "soc"), 0, 50.0));
    assert_ok(evtwin_predictor_apply(p, t));
    assert_null(text_at(t, "prediction_note", 0));
    assert_false(isnan(number(t, "rul_prediction", 0)));
    evtwin_table_free(t);
    evtwin_predictor_free(p);
}

/* A file written by us has no notes where all is known, so its reader takes that column for
 * numbers. */
static void test_columns_of_another_type(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor();
    double x[2 * FIXTURE_FEATURES];
    fill_rows(x, 2);
    x[0] = NAN;
    evtwin_table *t = make_table(x, 2, 0);
    size_t col;
    assert_ok(evtwin_table_add_column(t, "prediction_note", EVTWIN_F64, "", &col));
    assert_ok(evtwin_table_add_column(t, "model_version", EVTWIN_I64, "", &col));
    assert_ok(evtwin_table_set_i64(t, col, 0, 123456789012));
    assert_ok(evtwin_table_add_column(t, "rul_prediction", EVTWIN_I64, "", &col));
    assert_ok(evtwin_predictor_apply(p, t));
    assert_string_equal(text_at(t, "prediction_note", 0), "unknown, because soc is missing");
    assert_int_equal(strlen(text_at(t, "model_version", 0)), 12);
    assert_true(isnan(number(t, "rul_prediction", 0)));
    assert_true(number(t, "rul_prediction", 1) == by_hand(both.rul, x + FIXTURE_FEATURES));
    evtwin_table_free(t);
    evtwin_predictor_free(p);
}

static void test_apply_refuses(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor();
    double x[2 * FIXTURE_FEATURES];
    fill_rows(x, 2);
    evtwin_table *t = make_table(x, 2, 0);
    assert_fails(evtwin_predictor_apply(NULL, t), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_predictor_apply(p, NULL), EVTWIN_E_ARG, "NULL");

    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "soc"), 1, 130.0));
    assert_fails(evtwin_predictor_apply(p, t), EVTWIN_E_RANGE, "soc");
    assert_int_equal(evtwin_table_cols(t), 1 + FIXTURE_FEATURES);
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "soc"), 1, 30.0));

    assert_ok(evtwin_table_rename(t, evtwin_table_find(t, "voltage"), "volts"));
    assert_fails(evtwin_predictor_apply(p, t), EVTWIN_E_SCHEMA, "'voltage'");
    assert_int_equal(evtwin_table_cols(t), 1 + FIXTURE_FEATURES);
    assert_ok(evtwin_table_rename(t, evtwin_table_find(t, "volts"), "voltage"));

    assert_ok(evtwin_table_add_column(t, "SoC", EVTWIN_F64, "fraction", NULL));
    assert_fails(evtwin_predictor_apply(p, t), EVTWIN_E_SCHEMA, "'soc'|'SoC'");
    assert_ok(evtwin_table_rename(t, evtwin_table_find(t, "SoC"), "another"));

    evtwin_table *shared = evtwin_table_share(t);
    assert_fails(evtwin_predictor_apply(p, t), EVTWIN_E_STATE, "shared");
    evtwin_table_free(shared);
    evtwin_table_free(t);

    /* no rows, but the columns: still an answer */
    t = make_table(NULL, 0, 0);
    assert_ok(evtwin_predictor_apply(p, t));
    assert_int_equal(evtwin_table_rows(t), 0);
    assert_int_equal(evtwin_table_cols(t), 1 + FIXTURE_FEATURES + 6);
    evtwin_table_free(t);
    assert_ok(evtwin_table_create(&t));
    assert_fails(evtwin_predictor_apply(p, t), EVTWIN_E_SCHEMA, "'soc'");
    evtwin_table_free(t);
    evtwin_predictor_free(p);
}

/* With no memory the table keeps its columns, and nothing leaks. */
typedef struct log_lines {
    int n;
    evtwin_log_level level;
    char last[256];
} log_lines;

static void keep_line(void *ctx, evtwin_log_level level, const char *text) {
    log_lines *lines = ctx;
    lines->n++;
    lines->level = level;
    snprintf(lines->last, sizeof lines->last, "%s", text);
}

/* A predictor sees live batches by the thousand: it says once what it presumes. */
static void test_apply_says_what_it_presumes(void **state) {
    (void)state;
    evtwin_predictor *p = sample_predictor();
    double x[2 * FIXTURE_FEATURES];
    fill_rows(x, 2);
    evtwin_table *t = make_table(x, 2, 0);
    size_t power;
    assert_ok(evtwin_table_add_column(t, "Power_Consumption", EVTWIN_F64, "W", &power));
    log_lines lines = {.n = 0};
    evtwin_set_log(keep_line, &lines);
    assert_ok(evtwin_predictor_apply(p, t));
    assert_int_equal(lines.n, 0); /* the unit was said: nothing is presumed */

    assert_ok(evtwin_table_set_unit(t, power, "kW"));
    for (int i = 0; i < 3; i++) {
        assert_ok(evtwin_predictor_apply(p, t));
    }
    evtwin_set_log(NULL, NULL);
    assert_int_equal(lines.n, 1);
    assert_int_equal(lines.level, EVTWIN_LOG_INFO);
    assert_string_equal(lines.last, "column 'Power_Consumption' states no unit and is presumed to "
                                    "be in kW");
    evtwin_table_free(t);
    evtwin_predictor_free(p);
}

static void test_apply_out_of_memory(void **state) {
    (void)state;
    const char *dir = temp_path("apply-oom");
    write_bundle(dir, &both);
    double x[3 * FIXTURE_FEATURES];
    fill_rows(x, 3);
    x[1] = NAN;
    size_t n_failures = 0;
    for (;; n_failures++) {
        counting_allocator a = {.fail_at = SIZE_MAX};
        evtwin_set_allocator(counting_realloc, &a);
        evtwin_predictor *p = load(dir);
        evtwin_table *t = make_table(x, 3, 0);
        a.fail_at = a.n_calls + n_failures;
        const evtwin_status st = evtwin_predictor_apply(p, t);
        const size_t cols = evtwin_table_cols(t);
        evtwin_table_free(t);
        evtwin_predictor_free(p);
        evtwin_set_allocator(NULL, NULL);
        assert_int_equal(a.outstanding, 0);
        if (st == EVTWIN_OK) {
            break;
        }
        assert_int_equal(st, EVTWIN_E_NOMEM);
        assert_int_equal(cols, 1 + FIXTURE_FEATURES);
    }
    assert_true(n_failures > 4);
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
        cmocka_unit_test(test_load_and_predict),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_scores_as_a_table),
        cmocka_unit_test(test_one_model),
        cmocka_unit_test(test_missing_and_infinite),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_no_negative_life),
        cmocka_unit_test(test_files_missing_or_changed),
        cmocka_unit_test(test_manifest_truncated),
        cmocka_unit_test(test_parts_that_do_not_fit),
        cmocka_unit_test(test_load_out_of_memory),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_columns_of_another_type),
        cmocka_unit_test(test_apply_refuses),
        cmocka_unit_test(test_apply_says_what_it_presumes),
        cmocka_unit_test(test_apply_out_of_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
