/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_explain.c: the reasons of a bundle's predictions, as numbers, in words and
 * as JSON. */

#include "bundles.h"

#include "core/json.h"
#include "core/rng.h"
#include "core/utf8.h"
#include "evtwin/explain.h"

enum { COLS = FIXTURE_FEATURES };

static const bundle_spec both = {"xgboost-3.2-regression", "xgboost-3.2-logistic"};

static evtwin_predictor *predictor_of(const bundle_spec *spec) {
    const char *dir = temp_path("explained");
    evtwin_predictor *p = NULL;
    write_bundle(dir, spec);
    assert_ok(evtwin_predictor_load(dir, &p));
    return p;
}

static void fill_rows(double *x, size_t rows) {
    for (size_t i = 0; i < rows * COLS; i++) {
        const size_t c = i % COLS;
        const evtwin__rng_block b = evtwin__rng_at(31, EVTWIN__RNG_SPLIT, 0, 0, i);
        x[i] = bundle_mean[c] + bundle_scale[c] * evtwin__rng_normal(b, 0);
        x[i] = c < 2 ? fmin(fmax(x[i], 0.0), 100.0) : x[i];
    }
}

static evtwin_table *table_of(const double *x, size_t rows) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, rows));
    for (size_t c = 0; c < COLS; c++) {
        assert_ok(evtwin_table_add_column(t, bundle_features[c].name, EVTWIN_F64,
                                          bundle_features[c].unit, NULL));
        for (size_t r = 0; r < rows; r++) {
            assert_ok(evtwin_table_set_f64(t, c, r, x[r * COLS + c]));
        }
    }
    return t;
}

/* ---- numbers ---- */

/* Contributions sum to the prediction's margin; reasons are the largest of them, in order. */
static void test_reasons(void **state) {
    (void)state;
    enum { ROWS = 40 };
    evtwin_predictor *p = predictor_of(&both);
    double x[ROWS * COLS], phi[2][ROWS * (COLS + 1)], y[ROWS * 2];
    fill_rows(x, ROWS);
    assert_ok(evtwin_predictor_predict(p, x, ROWS, COLS, y, 2));
    assert_ok(evtwin_predictor_contributions(p, "rul", x, ROWS, COLS, phi[0]));
    assert_ok(evtwin_predictor_contributions(p, "failure", x, ROWS, COLS, phi[1]));
    for (size_t r = 0; r < ROWS; r++) {
        double sum[2] = {0};
        for (size_t c = 0; c <= COLS; c++) {
            sum[0] += phi[0][r * (COLS + 1) + c];
            sum[1] += phi[1][r * (COLS + 1) + c];
        }
        assert_near(fmax(sum[0], 0.0), y[2 * r], 1e-5 * (fabs(sum[0]) + 1000.0));
        assert_near(1.0 / (1.0 + exp(-sum[1])), y[2 * r + 1], 1e-5);

        evtwin_reason reason[COLS];
        size_t n = 99;
        assert_ok(evtwin_predictor_reasons(p, "rul", x + r * COLS, COLS, reason, sizeof reason[0],
                                           3, &n));
        assert_true(n >= 1 && n <= 3);
        for (size_t i = 0; i < n; i++) {
            assert_true(i == 0 || fabs(reason[i].contribution) <= fabs(reason[i - 1].contribution));
            assert_true(reason[i].effect == reason[i].contribution);
            assert_int_equal(reason[i].is_approximate, 0);
            assert_string_equal(reason[i].effect_unit, "cycles");
        }
        assert_ok(evtwin_predictor_reasons(p, "failure", x + r * COLS, COLS, reason,
                                           sizeof reason[0], 1, &n));
        assert_int_equal(n, 1);
        assert_int_equal(reason[0].is_approximate, 1);
        assert_near(reason[0].effect,
                    y[2 * r + 1] - 1.0 / (1.0 + exp(reason[0].contribution - sum[1])), 1e-5);
    }
    evtwin_predictor_free(p);
}

static void test_unknown(void **state) {
    (void)state;
    evtwin_predictor *p = predictor_of(&both);
    double x[2 * COLS], phi[2 * (COLS + 1)];
    fill_rows(x, 2);
    x[1] = NAN;
    assert_ok(evtwin_predictor_contributions(p, "rul", x, 2, COLS, phi));
    for (size_t c = 0; c <= COLS; c++) {
        assert_true(isnan(phi[c]) && isfinite(phi[COLS + 1 + c]));
    }
    evtwin_reason reason;
    size_t n = 99;
    assert_ok(evtwin_predictor_reasons(p, "rul", x, COLS, &reason, sizeof reason, 1, &n));
    assert_int_equal(n, 0);
    evtwin_predictor_free(p);
}

static void test_arguments(void **state) {
    (void)state;
    evtwin_predictor *p = predictor_of(&(bundle_spec){"xgboost-3.2-regression", NULL});
    double x[COLS] = {50.0, 90.0, 370.0, 10.0}, phi[COLS + 1];
    evtwin_reason reason;
    size_t n;
    assert_fails(evtwin_predictor_contributions(p, "failure", x, 1, COLS, phi), EVTWIN_E_NOT_FOUND,
                 "failure");
    assert_fails(evtwin_predictor_contributions(p, "speed", x, 1, COLS, phi), EVTWIN_E_NOT_FOUND,
                 "speed");
    assert_fails(evtwin_predictor_contributions(p, "rul", x, 1, 3, phi), EVTWIN_E_SCHEMA, "3|4");
    assert_fails(evtwin_predictor_contributions(p, "rul", NULL, 1, COLS, phi), EVTWIN_E_ARG,
                 "NULL");
    assert_fails(evtwin_predictor_reasons(p, "rul", x, COLS, NULL, sizeof reason, 1, &n),
                 EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_predictor_reasons(p, "rul", x, 3, &reason, sizeof reason, 1, &n),
                 EVTWIN_E_SCHEMA, "3|4");
    evtwin_table *t = table_of(x, 1);
    assert_fails(evtwin_predictor_explain(p, t, 0, EVTWIN_REASONS_WORDS), EVTWIN_E_ARG, "0");
    assert_fails(evtwin_predictor_explain(NULL, t, 1, EVTWIN_REASONS_WORDS), EVTWIN_E_ARG, "NULL");
    char text[8];
    assert_fails(evtwin_reason_text(NULL, text, sizeof text), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_reason_text(&(evtwin_reason){.size = 8}, text, sizeof text), EVTWIN_E_ARG,
                 "evtwin_predictor_reasons");
    evtwin_table_free(t);
    evtwin_predictor_free(p);
}

static void test_interval(void **state) {
    (void)state;
    evtwin_predictor *p = predictor_of(&both);
    evtwin_interval narrow, wide;
    assert_ok(evtwin_predictor_interval(p, "rul", EVTWIN_COVERS_ON_AVERAGE, 50.0, &narrow,
                                        sizeof narrow));
    assert_ok(evtwin_predictor_interval(p, "rul", EVTWIN_COVERS_EACH, 50.0, &wide, sizeof wide));
    assert_near(narrow.low, 50.0 - 1.25 * 20.0, 1e-12); /* as bundles.h has it */
    assert_near(narrow.high, 50.0 + 1.25 * 30.0, 1e-12);
    assert_near(wide.low, 50.0 - 1.75 * 20.0, 1e-12);
    assert_near(wide.high, 50.0 + 1.75 * 30.0, 1e-12);
    assert_true(narrow.level == 0.9 && narrow.n_batteries == 40 && narrow.is_guess == 0);
    assert_fails(
        evtwin_predictor_interval(p, "failure", EVTWIN_COVERS_EACH, 0.5, &wide, sizeof wide),
        EVTWIN_E_NOT_FOUND, "failure");
    assert_fails(evtwin_predictor_interval(p, "rul", (evtwin_coverage)2, 0.5, &wide, sizeof wide),
                 EVTWIN_E_ARG, "coverage");
    assert_fails(evtwin_predictor_interval(p, "rul", EVTWIN_COVERS_EACH, 0.5, NULL, sizeof wide),
                 EVTWIN_E_ARG, "NULL");
    evtwin_predictor_free(p);
}

/* A probability and its reasons are of the same line. */
static void test_calibration(void **state) {
    (void)state;
    const char *dir = temp_path("calibration");
    evtwin__bundle b;
    evtwin_calibration c;
    double y[2][2], x[FIXTURE_FEATURES], phi[FIXTURE_FEATURES + 1], margin = 0.0;
    memcpy(x, bundle_mean, sizeof x);
    evtwin_predictor *p = NULL;
    for (int is_calibrated = 0; is_calibrated < 2; is_calibrated++) {
        write_bundle_parts(dir, &both, &b);
        if (is_calibrated) {
            b.model[EVTWIN__T_FAILURE].calibration =
                (evtwin__calibration){0.5, -0.25, 40, 99, 25, 39};
        }
        write_bundle_manifest(dir, &b);
        evtwin_predictor_free(p);
        assert_ok(evtwin_predictor_load(dir, &p));
        assert_ok(evtwin_predictor_predict(p, x, 1, FIXTURE_FEATURES, y[is_calibrated], 2));
        assert_int_equal(evtwin_predictor_calibration(p, "failure", &c, sizeof c),
                         is_calibrated ? EVTWIN_OK : EVTWIN_E_NOT_FOUND);
    }
    assert_true(y[0][0] == y[1][0] && y[0][1] != y[1][1]);
    assert_true(c.slope == 0.5 && c.offset == -0.25);
    assert_true(c.n_batteries == 40 && c.n_with == 25 && c.n_without == 39);
    assert_ok(evtwin_predictor_contributions(p, "failure", x, 1, FIXTURE_FEATURES, phi));
    for (size_t i = 0; i <= FIXTURE_FEATURES; i++) {
        margin += phi[i];
    }
    assert_near(y[0][1], 1.0 / (1.0 + exp(-margin)), 1e-5);
    assert_near(y[1][1], 1.0 / (1.0 + exp(-(0.5 * margin - 0.25))), 1e-5);
    evtwin_reason first;
    size_t n;
    assert_ok(
        evtwin_predictor_reasons(p, "failure", x, FIXTURE_FEATURES, &first, sizeof first, 1, &n));
    assert_int_equal(n, 1);
    const double without = 0.5 * (margin - first.contribution) - 0.25;
    assert_near(first.effect, y[1][1] - 1.0 / (1.0 + exp(-without)), 1e-5);
    assert_fails(evtwin_predictor_calibration(p, "rul", &c, sizeof c), EVTWIN_E_NOT_FOUND, "rul");
    assert_fails(evtwin_predictor_calibration(NULL, "failure", &c, sizeof c), EVTWIN_E_ARG, "NULL");
    evtwin_predictor_free(p);
}

/* ---- words ---- */

/* A name that is too long is cut between characters. */
static void test_long_name(void **state) {
    (void)state;
    char name[130] = "a", text[400];
    for (size_t i = 1; i < 121; i += 2) {
        memcpy(name + i, "\xC3\xBC", 2); /* u with two dots */
    }
    const evtwin_reason r = {.size = sizeof r,
                             .feature = name,
                             .unit = name,
                             .value = 2.0,
                             .effect = 1.0,
                             .effect_unit = name,
                             .start = NAN};
    assert_ok(evtwin_reason_text(&r, text, sizeof text));
    assert_true(evtwin__utf8_is_valid(text, strlen(text)));
    assert_non_null(strstr(text, " 2 a"));
}

static void test_words(void **state) {
    (void)state;
    static const struct {
        const char *feature, *unit;
        double value, effect;
        const char *effect_unit;
        int is_approximate;
        double start;
        const char *text;
    } list[] = {
        /* a row's own values */
        {"charge_cycles", "cycles", 1450, -320.4, "cycles", 0, NAN,
         "charge cycles 1,450: −320 cycles"},
        {"soh", "percent", 81.34, 12.5, "cycles", 0, NAN, "state of health 81.3 %: +12 cycles"},
        {"soc", "percent", 64.0, 3.14, "cycles", 0, NAN, "state of charge 64 %: +3.1 cycles"},
        {"temperature", "degC", -7.26, -0.044, "cycles", 0, NAN,
         "temperature −7.3 °C: −0.04 cycles"},
        {"current", "A", 0.0, -1234567.0, "cycles", 0, NAN, "current 0 A: −1,234,567 cycles"},
        {"current", "A", 75.26, 1.0, "cycles", 0, NAN, "discharging at 75.3 A: +1 cycle"},
        {"current", "A", -100.0, 2.0, "cycles", 0, NAN, "charging at 100 A: +2 cycles"},
        {"resistance_mohm", "mOhm", 104.0, -180.0, "cycles", 0, NAN,
         "resistance 104 mΩ: −180 cycles"},
        {"power_consumption", "W", 12345.6, 1.0, "", 0, NAN, "power consumption 12,346 W: +1"},
        {"is_charging", "", 1.0, -5.0, "cycles", 0, NAN, "charging: −5 cycles"},
        {"is_charging", "", 0.0, -5.0, "cycles", 0, NAN, "not charging: −5 cycles"},
        {"throughput_ah_per_day", "Ah/day", 40.0, 7.0, "cycles", 0, NAN,
         "throughput 40 Ah a day: +7 cycles"},
        {"soh", "percent", 70.0, -0.00001, "", 1, NAN, "state of health 70 %: about 0 points"},
        {"soh", "percent", 70.0, 0.123, "", 1, NAN, "state of health 70 %: about +12 points"},
        {"soh", "percent", 70.0, -0.01, "", 1, NAN, "state of health 70 %: about −1 point"},
        /* columns that the schema does not have */
        {"cell_spread", "mV", 0.0123, 40.0, "cycles", 1, NAN,
         "cell spread 0.012 mV: about +40 cycles"},
        {"charge_peak_ah_per_v", "Ah/V", 12.0, 4.0, "cycles", 0, NAN,
         "charge peak 12 Ah/V: +4 cycles"},
        {"rate", "cycles/day", 0.4, 4.0, "cycles", 0, NAN, "rate 0.4 cycles a day: +4 cycles"},
        {"efc_per_day", "cycles/day", 1.0, 4.0, "cycles", 0, NAN, "efc 1 cycle a day: +4 cycles"},
        {"efc_per_day.change", "cycles/day", 0.1, 4.0, "cycles", 0, 0.4,
         "efc 25 % above its own start: +4 cycles"},
        {"CC Q", "", 0.4, 4.0, "cycles", 0, NAN, "CC Q 0.4: +4 cycles"},
        /* levels */
        {"soh.level", "percent", 81.34, 12.5, "cycles", 1, NAN,
         "state of health 81.3 % (last 10 cycles): about +12 cycles"},
        {"temperature.level", "degC", 31.0, -4.0, "cycles", 1, NAN,
         "temperature 31 °C (last 10 cycles): about −4 cycles"},
        {"temperature.level", "degC", NAN, -4.0, "cycles", 0, NAN,
         "temperature not known yet: −4 cycles"},
        /* changes */
        {"soh.change", "percent", -4.12, -60.0, "cycles", 1, 98.0,
         "state of health 4.1 points below its own start: about −60 cycles"},
        {"soh.change", "percent", 0.25, 6.0, "cycles", 0, NAN,
         "state of health 0.25 points above its own start: +6 cycles"},
        {"soh.change", "percent", -1.0, 6.0, "cycles", 0, NAN,
         "state of health 1 point below its own start: +6 cycles"},
        {"soh.change", "percent", -0.004, 6.0, "cycles", 0, NAN,
         "state of health as at its own start: +6 cycles"},
        {"soh.change", "percent", NAN, 6.0, "cycles", 0, NAN,
         "state of health against its own start not known yet: +6 cycles"},
        {"resistance_mohm.change", "mOhm", 12.48, -180.0, "cycles", 0, 104.0,
         "resistance 12 % above its own start: −180 cycles"},
        {"resistance_mohm.change", "mOhm", -1.36, 18.0, "cycles", 0, 104.0,
         "resistance 1.3 % below its own start: +18 cycles"},
        {"resistance_mohm.change", "mOhm", 12.48, -180.0, "cycles", 0, NAN,
         "resistance 12 mΩ above its own start: −180 cycles"},
        {"step_resistance_mohm.change", "mOhm", 12.48, -180.0, "cycles", 0, 104.0,
         "step resistance 12 % above its own start: −180 cycles"},
        {"charge_capacity_ah.change", "Ah", -6.0, -80.0, "cycles", 0, 60.0,
         "charge capacity 10 % below its own start: −80 cycles"},
        {"temperature.change", "degC", 6.04, -20.0, "cycles", 0, 25.0,
         "temperature 6 °C hotter than at its own start: −20 cycles"},
        {"temperature.change", "degC", -12.4, 20.0, "cycles", 0, 25.0,
         "temperature 12 °C colder than at its own start: +20 cycles"},
        {"charge_peak_v.change", "V", 0.031, 20.0, "cycles", 0, 3.7,
         "charge peak 0.03 V above its own start: +20 cycles"},
        {"hot_share.change", "", 0.2, -2.0, "cycles", 0, 0.1,
         "hot share 0.2 above its own start: −2 cycles"},
        /* slopes */
        {"soh.slope50", "percent/cycle", -0.031, -40.0, "cycles", 0, NAN,
         "wears 0.03 points a cycle: −40 cycles"},
        {"soh.slope50", "percent/cycle", -0.0061, -40.0, "cycles", 0, NAN,
         "wears 0.61 points in 100 cycles: −40 cycles"},
        {"soh.slope50", "percent/cycle", 0.01, 40.0, "cycles", 0, NAN,
         "state of health rises 0.01 points a cycle: +40 cycles"},
        {"soh.slope50", "percent/cycle", -0.00002, 4.0, "cycles", 0, NAN,
         "state of health steady over 50 cycles: +4 cycles"},
        {"soh.slope50", "percent/cycle", NAN, 4.0, "cycles", 0, NAN,
         "state of health over 50 cycles not known yet: +4 cycles"},
        {"resistance_mohm.slope50", "mOhm/cycle", 0.0125, -40.0, "cycles", 0, NAN,
         "resistance rises 0.01 mΩ a cycle: −40 cycles"},
        {"temperature.slope50", "degC/cycle", -0.1, 4.0, "cycles", 0, NAN,
         "temperature falls 0.1 °C a cycle: +4 cycles"},
        {"throughput_ah_per_day.slope50", "Ah/day/cycle", 0.005, 4.0, "cycles", 0, NAN,
         "throughput rises 0.5 Ah a day in 100 cycles: +4 cycles"},
        {"hot_share.slope50", "", 0.02, 4.0, "cycles", 0, NAN,
         "hot share rises 0.02 a cycle: +4 cycles"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        const evtwin_reason reason = {.size = sizeof reason,
                                      .feature = list[i].feature,
                                      .unit = list[i].unit,
                                      .value = list[i].value,
                                      .effect = list[i].effect,
                                      .effect_unit = list[i].effect_unit,
                                      .is_approximate = list[i].is_approximate,
                                      .start = list[i].start};
        char text[128];
        assert_ok(evtwin_reason_text(&reason, text, sizeof text));
        assert_string_equal(text, list[i].text);
        /* cut anywhere, it stays whole characters */
        for (size_t size = 1; size <= strlen(text); size++) {
            char part[128];
            assert_ok(evtwin_reason_text(&reason, part, size));
            const size_t n = strlen(part);
            assert_true(n < size && size - n <= 3 && strncmp(part, text, n) == 0);
            assert_true(((unsigned char)text[n] & 0xC0) != 0x80);
        }
    }
}

/* ---- a table ---- */

static void test_table_in_words(void **state) {
    (void)state;
    enum { ROWS = 5 };
    evtwin_predictor *p = predictor_of(&both);
    double x[ROWS * COLS];
    fill_rows(x, ROWS);
    x[2 * COLS + 1] = NAN;
    x[3 * COLS] = 150.0; /* no state of charge */
    evtwin_table *t = table_of(x, ROWS);
    for (int again = 0; again < 2; again++) {
        assert_ok(evtwin_predictor_explain(p, t, 2, EVTWIN_REASONS_WORDS));
        assert_int_equal(evtwin_table_cols(t), COLS + 2);
        const size_t col = evtwin_table_find(t, "rul_reasons");
        assert_true(evtwin_table_find(t, "failure_reasons") != EVTWIN_NO_COLUMN);
        for (size_t r = 0; r < ROWS; r++) {
            const char *text = evtwin_table_text(t, col, r);
            assert_int_equal(text != NULL, r != 2 && r != 3);
            if (text != NULL) {
                evtwin_reason reason[2];
                size_t n;
                char first[128];
                assert_ok(evtwin_predictor_reasons(p, "rul", x + r * COLS, COLS, reason,
                                                   sizeof reason[0], 2, &n));
                assert_ok(evtwin_reason_text(&reason[0], first, sizeof first));
                assert_int_equal(strncmp(text, first, strlen(first)), 0);
                assert_int_equal(strstr(text, "; ") != NULL, n == 2);
            }
        }
    }
    evtwin_table_free(t);
    evtwin_predictor_free(p);
}

static void test_table_in_json(void **state) {
    (void)state;
    evtwin_predictor *p = predictor_of(&both);
    double x[COLS];
    fill_rows(x, 1);
    evtwin_table *t = table_of(x, 1);
    assert_ok(evtwin_predictor_explain(p, t, 3, EVTWIN_REASONS_JSON));
    const char *text = evtwin_table_text(t, evtwin_table_find(t, "failure_reasons"), 0);
    json_t *object = NULL;
    assert_ok(evtwin__json_parse("reasons", text, strlen(text), &object));
    const json_t *array = json_object_get(object, "reasons");
    double y[2], phi[COLS + 1];
    assert_ok(evtwin_predictor_predict(p, x, 1, COLS, y, 2));
    assert_ok(evtwin_predictor_contributions(p, "failure", x, 1, COLS, phi));
    assert_near(json_number_value(json_object_get(object, "answer")), y[1], 1e-5);
    assert_near(json_number_value(json_object_get(object, "mean")), 1.0 / (1.0 + exp(-phi[COLS])),
                1e-12);
    evtwin_reason reason[3];
    size_t n;
    assert_ok(evtwin_predictor_reasons(p, "failure", x, COLS, reason, sizeof reason[0], 3, &n));
    assert_int_equal(json_array_size(array), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(array, i);
        char words[128];
        assert_string_equal(json_string_value(json_object_get(o, "feature")), reason[i].feature);
        assert_string_equal(json_string_value(json_object_get(o, "unit")), reason[i].unit);
        assert_string_equal(json_string_value(json_object_get(o, "effect_unit")), "");
        assert_true(json_number_value(json_object_get(o, "value")) == reason[i].value);
        assert_true(json_number_value(json_object_get(o, "effect")) == reason[i].effect);
        assert_true(json_number_value(json_object_get(o, "contribution")) ==
                    reason[i].contribution);
        assert_true(json_is_true(json_object_get(o, "approximate")));
        assert_ok(evtwin_reason_text(&reason[i], words, sizeof words));
        assert_string_equal(json_string_value(json_object_get(o, "text")), words);
    }
    json_decref(object);
    evtwin_table_free(t);
    evtwin_predictor_free(p);
}

/* A table that lacks a feature, and memory that runs out, leave it without new columns. */
static void test_table_untouched(void **state) {
    (void)state;
    evtwin_predictor *p = predictor_of(&both);
    double x[3 * COLS];
    fill_rows(x, 3);
    evtwin_table *t = table_of(x, 3);
    for (size_t fail_at = 0; fail_at < 200; fail_at++) {
        counting_allocator a = {.fail_at = fail_at};
        evtwin_set_allocator(counting_realloc, &a);
        evtwin_table *copy = NULL;
        evtwin_status st = evtwin_table_copy(t, &copy);
        if (st >= 0) {
            st = evtwin_predictor_explain(p, copy, 2, EVTWIN_REASONS_JSON);
            assert_int_equal(evtwin_table_cols(copy), st < 0 ? COLS : COLS + 2);
        }
        evtwin_table_free(copy);
        evtwin_set_allocator(NULL, NULL);
        assert_int_equal(a.outstanding, 0);
        if (st >= 0) {
            break;
        }
        assert_int_equal(st, EVTWIN_E_NOMEM);
        assert_true(fail_at < 199);
    }
    assert_ok(evtwin_table_rename(t, 1, "other"));
    assert_fails(evtwin_predictor_explain(p, t, 2, EVTWIN_REASONS_WORDS), EVTWIN_E_SCHEMA, "soh");
    assert_int_equal(evtwin_table_cols(t), COLS);
    evtwin_table_free(t);
    evtwin_predictor_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),       cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_arguments),     cmocka_unit_test(test_interval),
        cmocka_unit_test(test_calibration),   cmocka_unit_test(test_words),
        cmocka_unit_test(test_long_name),     cmocka_unit_test(test_table_in_words),
        cmocka_unit_test(test_table_in_json), cmocka_unit_test(test_table_untouched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
