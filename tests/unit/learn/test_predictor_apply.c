/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_predictor_apply.c: the predictions of a table: columns, notes, what is
 * refused. */

#include "predictors.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_columns_of_another_type),
        cmocka_unit_test(test_apply_refuses),
        cmocka_unit_test(test_apply_says_what_it_presumes),
        cmocka_unit_test(test_apply_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
