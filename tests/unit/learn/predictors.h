/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/predictors.h: bundles of both models of bundles.h as predictors, and what they
 * are given. */
#ifndef EVTWIN_TEST_PREDICTORS_H
#define EVTWIN_TEST_PREDICTORS_H

#include "bundles.h"

#include "core/rng.h"

static const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};

static inline const char *bundle_path(const char *dir, const char *file) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return path;
}

static inline evtwin_predictor *load(const char *dir) {
    evtwin_predictor *p = NULL;
    assert_ok(evtwin_predictor_load(dir, &p));
    return p;
}

/* A new bundle of both models, loaded. */
static inline evtwin_predictor *sample_predictor(void) {
    const char *dir = temp_path("sample");
    write_bundle(dir, &both);
    return load(dir);
}

static inline void fill_rows(double *x, size_t rows) {
    for (size_t i = 0; i < rows * FIXTURE_FEATURES; i++) {
        const size_t c = i % FIXTURE_FEATURES;
        const evtwin__rng_block b = evtwin__rng_at(21, EVTWIN__RNG_SPLIT, 0, 0, i);
        x[i] = bundle_mean[c] + bundle_scale[c] * evtwin__rng_normal(b, 0);
        x[i] = c < 2 ? fmin(fmax(x[i], 0.0), 100.0) : x[i]; /* soc and soh in percent */
    }
}

/* Replace the RUL model of a bundle in the making by its own text with one change. (Inline, gcc 12
 * sees a dangling pointer that is none.) */
__attribute__((noinline, unused)) static void change_rul_model(const char *dir, const char *from,
                                                               const char *to) {
    char *text = read_fixture(both.rul, ".json", NULL);
    char *other = replaced(text, from, to);
    assert_ok(evtwin__file_write(bundle_path(dir, "rul_model.json"), other, strlen(other)));
    evtwin__sha256_hex(other, strlen(other), bundle_hash[1 + EVTWIN__T_RUL]);
    free(other);
    evtwin__free(text);
}

/* The same by the parts: scale in double, round, ask the model. */
static inline double by_hand(const char *fixture, const double *x) {
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
static inline evtwin_status predict(const evtwin_predictor *p, const double *x, size_t rows,
                                    double *rul, double *failure) {
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

/* A table of the four features in our names (or those of the 30-column file) and an id. */
static inline evtwin_table *make_table(const double *x, size_t rows, int is_ev30) {
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

static inline double number(const evtwin_table *t, const char *name, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, name), row);
}

#endif
