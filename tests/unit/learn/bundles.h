/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/bundles.h: a manifest and a whole bundle made for tests from the files of
 * tests/data/models. */
#ifndef EVTWIN_TEST_BUNDLES_H
#define EVTWIN_TEST_BUNDLES_H

#include "models.h"

#include "learn/manifest.h"
#include "learn/scaler.h"

/* Mean and scale of the four features of the models: soc, soh, voltage, current. */
static double bundle_mean[FIXTURE_FEATURES] = {55.0, 90.0, 370.0, 10.0};
static double bundle_scale[FIXTURE_FEATURES] = {20.0, 5.0, 15.0, 60.0};

static evtwin__manifest_feature bundle_features[FIXTURE_FEATURES] = {
    {"soc", "percent", "SoC", "fraction", 20.0, 100.0},
    {"soh", "percent", "SoH", "fraction", 71.25, 100.0},
    {"voltage", "V", "Battery_Voltage", "V", 340.5, 402.0},
    {"current", "A", "Battery_Current", "A", NAN, NAN},
};

/* A filled manifest; the hashes are those of nothing. */
static inline evtwin__manifest sample_manifest(void) {
    evtwin__manifest m = {.xgboost_version = "3.2.0", .created = "2026-01-02T03:04:05.000006Z"};
    m.source =
        (evtwin__manifest_source){"fleet.csv", 12345, 40, 1, 1704067200000000, 1735689600500000};
    m.features = bundle_features;
    m.n_features = FIXTURE_FEATURES;
    m.scaler.name = EVTWIN__SCALER_FILE;
    evtwin__sha256_hex("", 0, m.scaler.sha256);
    m.rul = (evtwin__manifest_model){.present = 1,
                                     .target = "rul",
                                     .unit = "cycles",
                                     .file = {EVTWIN__RUL_FILE, ""},
                                     .params = {200, 8, 0.1, 479.33273, "hist"},
                                     .split = {"battery", UINT64_MAX}};
    evtwin__sha256_hex("", 0, m.rul.file.sha256);
    m.failure = (evtwin__manifest_model){.present = 1,
                                         .target = "failure",
                                         .unit = "",
                                         .file = {EVTWIN__FAILURE_FILE, ""},
                                         .params = {200, 6, 0.1, 0.255, "hist"},
                                         .split = {"battery", 7}};
    evtwin__sha256_hex("", 0, m.failure.file.sha256);
    m.rul_score = (evtwin_rul_score){
        sizeof m.rul_score, 900, 100, 0, 0.875, 33.5, 21.25, -0.01, 95.0, 0.5, 70.0, NAN, NAN, ""};
    m.failure_score = (evtwin_failure_score){
        sizeof m.failure_score, 800, 200, 5, 0.93, 0.6, 0.91, 0.06, 0.1, 0.09, 0.9, 0.81, "soh"};
    return m;
}

/* Which models a bundle gets, by name of a file in tests/data/models; NULL leaves it out. */
typedef struct bundle_spec {
    const char *rul, *failure;
} bundle_spec;

static inline void write_bundle_model(const char *dir, const char *fixture,
                                      evtwin__manifest_model *model) {
    model->present = fixture != NULL;
    if (fixture != NULL) {
        char path[512];
        size_t size;
        char *text = read_fixture(fixture, ".json", &size);
        snprintf(path, sizeof path, "%s/%s", dir, model->file.name);
        assert_ok(evtwin__file_write(path, text, size));
        evtwin__sha256_hex(text, size, model->file.sha256);
        evtwin__free(text);
    }
}

/* A folder of that name below the test's temporary folder, with a bundle in it; the manifest is
 * left to the caller, who may want to change it. */
static inline void write_bundle_parts(const char *dir, const bundle_spec *spec,
                                      evtwin__manifest *m) {
    assert_ok(evtwin__mkdirs(dir));
    *m = sample_manifest();
    write_bundle_model(dir, spec->rul, &m->rul);
    write_bundle_model(dir, spec->failure, &m->failure);

    const evtwin__scaler scaler = {FIXTURE_FEATURES, bundle_mean, bundle_scale};
    char path[512], *text;
    size_t size;
    assert_ok(evtwin__scaler_write(&scaler, &text, &size));
    snprintf(path, sizeof path, "%s/%s", dir, m->scaler.name);
    assert_ok(evtwin__file_write(path, text, size));
    evtwin__sha256_hex(text, size, m->scaler.sha256);
    evtwin__free(text);
}

static inline void write_bundle_manifest(const char *dir, const evtwin__manifest *m) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, EVTWIN__MANIFEST_FILE);
    assert_ok(evtwin__manifest_write(m, path));
}

static inline void write_bundle(const char *dir, const bundle_spec *spec) {
    evtwin__manifest m;
    write_bundle_parts(dir, spec, &m);
    write_bundle_manifest(dir, &m);
}

#endif
