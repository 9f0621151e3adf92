/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/bundles.h: a manifest and a whole bundle made for tests from the files of
 * tests/data/models. */
#ifndef EVTWIN_TEST_BUNDLES_H
#define EVTWIN_TEST_BUNDLES_H

#include "models.h"

#include "core/sha256.h"
#include "learn/bundle.h"

/* Mean and scale of the four features of the models: soc, soh, voltage, current. */
static double bundle_mean[FIXTURE_FEATURES] = {55.0, 90.0, 370.0, 10.0};
static double bundle_scale[FIXTURE_FEATURES] = {20.0, 5.0, 15.0, 60.0};

static evtwin__bundle_feature bundle_features[FIXTURE_FEATURES] = {
    {"soc",
     "percent",
     "SoC",
     "fraction",
     20.0,
     100.0,
     {.n_bins = 3,
      .edge = {45.5, 80.0},
      .share = {0.25, 0.5, 0.25},
      .month_psi = 0.125,
      .life_psi = 2.5}},
    {"soh", "percent", "SoH", "fraction", 71.25, 100.0, {0}},
    {"voltage", "V", "Battery_Voltage", "V", 340.5, 402.0, {0}},
    {"current", "A", "Battery_Current", "A", NAN, NAN, {0}},
};

/* Hashes of the scaler and the models of the sample. */
static char bundle_hash[1 + EVTWIN__T_COUNT][EVTWIN__SHA256_HEX_SIZE];

static inline evtwin__bundle_model sample_model(size_t t) {
    evtwin__bundle_model m = {.is_present = 1,
                              .column = t == EVTWIN__T_RUL ? "rul" : "failure",
                              .unit = t == EVTWIN__T_RUL ? "cycles" : "",
                              .file = {NULL, bundle_hash[1 + t]},
                              .trees = 200,
                              .depth = t == EVTWIN__T_RUL ? 8 : 6,
                              .learning_rate = 0.1,
                              .subsample = 0.7,
                              .column_sample = 1.0,
                              .min_child_weight = 20.0,
                              .n_tried = t == EVTWIN__T_RUL ? 30 : 0,
                              .base_score = t == EVTWIN__T_RUL ? 479.33273 : 0.255,
                              .tree_method = "hist",
                              .split_by = "battery",
                              .seed = t == EVTWIN__T_RUL ? UINT64_MAX : 7};
    m.file.name = t == EVTWIN__T_RUL ? "rul_model.json" : "failure_model.json";
    for (int s = 0; s < EVTWIN__N_SCORED; s++) {
        m.score[s] = evtwin__score_unknown();
    }
    return m;
}

/* A filled bundle that borrows all its strings; the hashes are those of nothing. */
static inline evtwin__bundle sample_bundle(void) {
    static char batteries[2][EVTWIN__BATTERY_HASH_SIZE] = {"0011223344556677", "8899aabbccddeeff"};
    evtwin__bundle b = {
        .library_version = EVTWIN_VERSION,
        .xgboost_version = "3.2.0",
        .created = "2026-01-02T03:04:05.000006Z",
        .label_rule = "capacity below 80 %",
        .recipe = "contract",
        .source_name = "fleet.csv",
        .rows = 12345,
        .n_groups = 40,
        .first_time = "2024-01-01T00:00:00.000000Z",
        .last_time = "2025-01-01T00:00:00.500000Z",
        .battery = batteries,
        .n_batteries = 2,
        .feature = bundle_features,
        .n_features = FIXTURE_FEATURES,
        .curve = {.resistance_ohm = 0.125, .min_V = -9.5, .max_V = 10.5, .power_factor = 1.0},
        .scaler_file = {EVTWIN__SCALER_FILE, bundle_hash[0]}};
    for (size_t i = 0; i < 1 + EVTWIN__T_COUNT; i++) {
        evtwin__sha256_hex("", 0, bundle_hash[i]);
    }
    for (size_t i = 0; i < EVTWIN__CURVE_BINS; i++) {
        b.curve.voltage_V[i] = i < 3 ? NAN : 330.0 + 3.5 * (double)i;
    }
    b.curve.is_known = 1;
    evtwin__bundle_model *rul = &b.model[EVTWIN__T_RUL], *failure = &b.model[EVTWIN__T_FAILURE];
    *rul = sample_model(EVTWIN__T_RUL);
    rul->score[EVTWIN_SCORED_MODEL].n_train = 900;
    rul->score[EVTWIN_SCORED_MODEL].n_test = 100;
    rul->score[EVTWIN_SCORED_MODEL].r2 = 0.875;
    rul->score[EVTWIN_SCORED_MODEL].rmse = 33.5;
    rul->score[EVTWIN_SCORED_MODEL].mae = 21.25;
    rul->score[EVTWIN_SCORED_MEAN].r2 = -0.01;
    rul->score[EVTWIN_SCORED_MEAN].rmse = 95.0;
    rul->score[EVTWIN_SCORED_MEAN_LIFE].r2 = 0.5;
    rul->score[EVTWIN_SCORED_MEAN_LIFE].rmse = 70.0;
    rul->single_feature = "";
    rul->interval = (evtwin__interval){.level = 0.9,
                                       .n_batteries = 40,
                                       .n_rows = 900,
                                       .n_bands = 2,
                                       .prediction = {50.0, 700.25},
                                       .below = {20.0, 150.0},
                                       .above = {30.0, 100.5},
                                       .factor = {1.25, 1.75}};
    *failure = sample_model(EVTWIN__T_FAILURE);
    failure->score[EVTWIN_SCORED_MODEL].n_train = 800;
    failure->score[EVTWIN_SCORED_MODEL].n_test = 200;
    failure->score[EVTWIN_SCORED_MODEL].n_folds = 5;
    failure->score[EVTWIN_SCORED_MODEL].auc = 0.93;
    failure->score[EVTWIN_SCORED_MODEL].average_precision = 0.6;
    failure->score[EVTWIN_SCORED_MODEL].accuracy = 0.91;
    failure->score[EVTWIN_SCORED_MODEL].brier = 0.06;
    failure->score[EVTWIN_SCORED_MEAN].base_rate = 0.1;
    failure->score[EVTWIN_SCORED_MEAN].brier = 0.09;
    failure->score[EVTWIN_SCORED_MEAN].accuracy = 0.9;
    failure->score[EVTWIN_SCORED_SINGLE].auc = 0.81;
    failure->single_feature = "soh";
    return b;
}

/* Write a manifest to path. */
static inline evtwin_status write_manifest(const evtwin__bundle *b, const char *path) {
    char *text;
    size_t size;
    evtwin_status st = evtwin__manifest_write(path, b, &text, &size);
    if (st >= 0) {
        st = evtwin__file_write(path, text, size);
        evtwin__free(text);
    }
    return st;
}

/* Which models a bundle gets, by name of a file in tests/data/models; NULL leaves it out. */
typedef struct bundle_spec {
    const char *rul, *failure;
} bundle_spec;

static inline void write_bundle_model(const char *dir, const char *fixture, evtwin__bundle *b,
                                      size_t t) {
    b->model[t].is_present = fixture != NULL;
    if (fixture != NULL) {
        char path[512];
        size_t size;
        char *text = read_fixture(fixture, ".json", &size);
        snprintf(path, sizeof path, "%s/%s", dir, b->model[t].file.name);
        assert_ok(evtwin__file_write(path, text, size));
        evtwin__sha256_hex(text, size, bundle_hash[1 + t]);
        evtwin__free(text);
    }
}

/* A folder of that name below the test's temporary folder, with a bundle in it; the manifest is
 * left to the caller, who may want to change it. */
static inline void write_bundle_parts(const char *dir, const bundle_spec *spec, evtwin__bundle *b) {
    assert_ok(evtwin__mkdirs(dir));
    *b = sample_bundle();
    write_bundle_model(dir, spec->rul, b, EVTWIN__T_RUL);
    write_bundle_model(dir, spec->failure, b, EVTWIN__T_FAILURE);

    const evtwin__scaler scaler = {FIXTURE_FEATURES, bundle_mean, bundle_scale};
    char path[512], *text;
    size_t size;
    assert_ok(evtwin__scaler_write(&scaler, &text, &size));
    snprintf(path, sizeof path, "%s/%s", dir, b->scaler_file.name);
    assert_ok(evtwin__file_write(path, text, size));
    evtwin__sha256_hex(text, size, bundle_hash[0]);
    evtwin__free(text);
}

static inline void write_bundle_manifest(const char *dir, const evtwin__bundle *m) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, EVTWIN__MANIFEST_FILE);
    assert_ok(write_manifest(m, path));
}

static inline void write_bundle(const char *dir, const bundle_spec *spec) {
    evtwin__bundle m;
    write_bundle_parts(dir, spec, &m);
    write_bundle_manifest(dir, &m);
}

#endif
