/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_identity.c: what would put one battery on both sides of a split is said,
 * as is data that a model cannot hold; a clean fleet gives nothing of it. */

#include "test.h"

#include <float.h>

#include "core/dict.h"
#include "learn/identity.h"

#include "small_fleet.h"

static const char *const doubts[] = {"similar-names",      "battery-in-groups", "repeated-rows",
                                     "several-series",     "group-unused",      "off-range",
                                     "looks-like-fraction"};

/* Of all doubts the trainer has exactly this one (NULL: none). */
static void assert_only(const evtwin_trainer *trainer, const char *cause) {
    for (size_t i = 0; i < sizeof doubts / sizeof doubts[0]; i++) {
        const char *text = finding_text(trainer, doubts[i]);
        const int is_expected = cause != NULL && strcmp(doubts[i], cause) == 0;
        if ((text != NULL) != is_expected) {
            fail_msg("%s: %s", doubts[i], text != NULL ? text : "is not found");
        }
    }
}

static void assert_says(const evtwin_trainer *trainer, const char *cause, const char *part) {
    const char *text = finding_text(trainer, cause);
    if (text == NULL || strstr(text, part) == NULL) {
        fail_msg("no '%s' in '%s'", part, text != NULL ? text : "");
    }
}

static const char *column_of(const evtwin_trainer *trainer, const char *cause) {
    for (size_t i = 0; i < evtwin_trainer_finding_count(trainer); i++) {
        evtwin_finding f;
        assert_ok(evtwin_trainer_finding(trainer, i, &f, sizeof f));
        if (strcmp(f.cause, cause) == 0) {
            return f.column;
        }
    }
    return NULL;
}

/* The battery_id column under another name, as a caller's own group. */
static void rename_ids(evtwin_table *t, const char *name) {
    size_t col;
    assert_ok(evtwin_table_add_column(t, name, EVTWIN_TEXT, NULL, &col));
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_text(t, col, r, evtwin_table_text(t, FLEET_ID, r)));
    }
}

/* The fleet without some of its columns. */
static evtwin_table *without(const evtwin_table *from, const char *a, const char *b) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, evtwin_table_rows(from)));
    for (size_t c = 0; c < evtwin_table_cols(from); c++) {
        const char *name = evtwin_table_name(from, c);
        const evtwin_type type = evtwin_table_type(from, c);
        size_t col;
        if (strcmp(name, a) == 0 || strcmp(name, b) == 0) {
            continue;
        }
        assert_ok(evtwin_table_add_column(t, name, type, evtwin_table_unit(from, c), &col));
        for (size_t r = 0; r < evtwin_table_rows(from); r++) {
            assert_ok(type == EVTWIN_TEXT
                          ? evtwin_table_set_text(t, col, r, evtwin_table_text(from, c, r))
                      : type == EVTWIN_F64
                          ? evtwin_table_set_f64(t, col, r, evtwin_table_f64(from, c)[r])
                          : evtwin_table_set_i64(t, col, r, evtwin_table_i64(from, c)[r]));
        }
    }
    return t;
}

static void test_a_clean_fleet_gives_nothing(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    evtwin_train_options o = fleet_options();
    rename_ids(t, "vin");
    for (int by = 0; by < 3; by++) {
        o.group = by == 1 ? "vin" : NULL;
        o.cv_folds = by == 2 ? 4 : 0;
        evtwin_trainer *trainer = train_fleet(t, &o);
        assert_only(trainer, NULL);
        evtwin_trainer_free(trainer);
    }
    evtwin_table_free(t);

    /* one battery alone */
    t = make_fleet(1, 100);
    o = fleet_options();
    evtwin_trainer *trainer = train_targets(t, NULL, "none", &o);
    assert_null(finding_text(trainer, "several-series"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_ids_are_checked(void **state) {
    (void)state;
    static const char *const bad[] = {"B003 ", " B003", "B 003", "B/003", "Bätterie"};
    const fleet_targets targets = targets_of(NULL, NULL);
    evtwin_train_options o = fleet_options();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
        rename_ids(t, "vin");
        assert_ok(evtwin_table_set_text(t, FLEET_ID, 17, bad[i]));
        evtwin_trainer *trainer = NULL;
        for (int by_vin = 0; by_vin < 2; by_vin++) { /* whatever they are grouped by */
            o.group = by_vin ? "vin" : NULL;
            assert_fails(try_train(t, &targets, &o, &trainer), EVTWIN_E_SCHEMA,
                         "row 18|battery_id");
            assert_non_null(strstr(evtwin_last_error(), bad[i]));
        }
        evtwin_table_free(t);
    }
}

static void test_names_that_are_nearly_alike(void **state) {
    (void)state;
    static const char *const other[] = {"B003 ", " b003", "B 003",
                                        "B3",    "b03",   "B\302\240003"}; /* no-break space */
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
        rename_ids(t, "vin");
        evtwin_table *named = without(t, "battery_id", "");
        const size_t vin = evtwin_table_find(named, "vin");
        for (size_t r = 3 * FLEET_ROWS; r < 4 * FLEET_ROWS; r += 2) {
            assert_ok(evtwin_table_set_text(named, vin, r, other[i]));
        }
        evtwin_train_options o = fleet_options();
        o.group = "vin";
        evtwin_trainer *trainer = train_fleet(named, &o);
        assert_only(trainer, "similar-names");
        assert_says(trainer, "similar-names", "1 of 21");
        assert_says(trainer, "similar-names", other[i]);
        evtwin_trainer_free(trainer);
        evtwin_table_free(named);
        evtwin_table_free(t);
    }

    /* ids that differ by case are valid, and may be two batteries */
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < FLEET_ROWS; r++) {
        assert_ok(evtwin_table_set_text(t, FLEET_ID, r, "b001"));
    }
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_fleet(t, &o);
    assert_only(trainer, "similar-names");
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* Spreadsheets and data frames take names for numbers, and write them in another form. */
static void test_names_that_are_numbers(void **state) {
    (void)state;
    static const char *const alike[][2] = {
        {"7", "07"}, {"7", "7.0"}, {"100000", "1e5"}, {"EV_07", "EV_7"}, {"007-08", "7-8"}};
    static const char *const others[][2] = {{"12345678901234567891", "12345678901234567892"},
                                            {"1.5", "1.05"},
                                            {"S1.5", "S1.05"},
                                            {"70", "7"},
                                            {"0", "00x"},
                                            {"A10", "A1"}};
    for (size_t i = 0; i < sizeof alike / sizeof *alike + sizeof others / sizeof *others; i++) {
        const size_t n_alike = sizeof alike / sizeof *alike;
        const char *const *names = i < n_alike ? alike[i] : others[i - n_alike];
        evtwin__dict dict = {0};
        int32_t code;
        assert_ok(evtwin__dict_intern(&dict, names[0], strlen(names[0]), &code));
        assert_ok(evtwin__dict_intern(&dict, names[1], strlen(names[1]), &code));
        evtwin__similar_names similar;
        assert_ok(evtwin__find_similar_names(&dict, &similar));
        if (similar.n != (i < n_alike)) {
            fail_msg("'%s' and '%s': %zu", names[0], names[1], similar.n);
        }
        evtwin__dict_free(&dict);
    }
}

/* Packs that changed vehicle in the middle of their life. */
static void test_a_battery_in_two_groups(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    rename_ids(t, "vin");
    const size_t vin = evtwin_table_find(t, "vin");
    for (size_t r = 0; r < FLEET_ROWS / 2; r++) {
        assert_ok(evtwin_table_set_text(t, vin, r, "B007"));
        assert_ok(evtwin_table_set_text(t, vin, 5 * FLEET_ROWS + r, "B009"));
    }
    evtwin_train_options o = fleet_options();
    o.group = "vin";
    evtwin_trainer *trainer = train_fleet(t, &o);
    assert_only(trainer, "battery-in-groups");
    assert_says(trainer, "battery-in-groups", "2 of 20");
    assert_says(trainer, "battery-in-groups", "'B000'");
    evtwin_trainer_free(trainer);

    o.group = NULL; /* by battery they are whole */
    trainer = train_fleet(t, &o);
    assert_only(trainer, NULL);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

/* One battery of the table again under another id, its first n rows. */
static void copy_battery(evtwin_table *t, size_t battery, const char *id, size_t n) {
    size_t *row = calloc(n, sizeof *row);
    for (size_t i = 0; i < n; i++) {
        row[i] = battery * FLEET_ROWS + i;
    }
    evtwin_table *copy = NULL;
    assert_ok(evtwin_table_select(t, row, n, &copy));
    for (size_t i = 0; i < n; i++) {
        assert_ok(evtwin_table_set_text(copy, FLEET_ID, i, id));
    }
    assert_ok(evtwin_table_append(t, copy));
    evtwin_table_free(copy);
    free(row);
}

static void test_rows_that_are_there_twice(void **state) {
    (void)state;
    evtwin_train_options o = fleet_options();
    o.allow = "same-battery";

    /* every battery again under another id: some are parted by any split */
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t b = 0; b < FLEET_BATTERIES; b++) {
        char id[16];
        snprintf(id, sizeof id, "again-%zu", b);
        copy_battery(t, b, id, FLEET_ROWS);
    }
    for (int folds = 0; folds <= 4; folds += 4) {
        o.cv_folds = folds;
        evtwin_trainer *trainer = train_fleet(t, &o);
        assert_only(trainer, "repeated-rows");
        assert_says(trainer, "repeated-rows", "again-");
        evtwin_trainer_free(trainer);
    }
    evtwin_table_free(t);

    /* a few rows alike are chance */
    t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t c = FLEET_SOC; c <= FLEET_FAILURE; c++) {
        for (size_t b = 1; b < FLEET_BATTERIES; b++) {
            if (c == FLEET_CYCLES) {
                assert_ok(evtwin_table_set_i64(t, c, b * FLEET_ROWS, evtwin_table_i64(t, c)[0]));
            } else {
                assert_ok(evtwin_table_set_f64(t, c, b * FLEET_ROWS, evtwin_table_f64(t, c)[0]));
            }
        }
    }
    o.cv_folds = 0;
    evtwin_trainer *trainer = train_fleet(t, &o);
    assert_only(trainer, NULL);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);

    /* one series without times, pasted twice: what is held out was learned */
    t = make_fleet(1, FLEET_ROWS);
    copy_battery(t, 0, "B000", FLEET_ROWS);
    evtwin_table *series = without(t, "battery_id", "time");
    trainer = train_targets(series, NULL, "none", &o);
    assert_non_null(finding_text(trainer, "repeated-rows"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(series);
    evtwin_table_free(t);
}

/* Batteries one below the other, of which nobody says where one ends. */
static void test_several_series_without_a_group(void **state) {
    (void)state;
    const evtwin_train_options o = fleet_options();
    evtwin_table *t = make_fleet(6, FLEET_ROWS);
    evtwin_table *series = without(t, "battery_id", "time");
    evtwin_trainer *trainer = train_fleet(series, &o);
    assert_says(trainer, "several-series", "'charge_cycles' falls 5 times");
    assert_says(trainer, "several-series", "6");
    assert_string_equal(column_of(trainer, "several-series"), "charge_cycles");
    assert_string_equal(column_of(trainer, "one-series"), "");
    evtwin_trainer_free(trainer);

    /* said no more once they are grouped so */
    evtwin_train_options by_reset = o;
    by_reset.group_by_reset = "charge_cycles";
    trainer = train_fleet(series, &by_reset);
    assert_null(finding_text(trainer, "several-series"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(series);

    /* a column that changes where it falls is their name */
    rename_ids(t, "cell");
    series = without(t, "battery_id", "time");
    trainer = train_fleet(series, &o);
    assert_says(trainer, "group-unused", "'cell'");
    assert_string_equal(column_of(trainer, "group-unused"), "cell");
    assert_null(finding_text(trainer, "several-series"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(series);

    /* a counter by another name; a column that goes up and down is none */
    size_t col;
    assert_ok(evtwin_table_add_column(t, "Test Index", EVTWIN_F64, NULL, &col));
    for (size_t r = 0; r < 6 * FLEET_ROWS; r++) {
        assert_ok(evtwin_table_set_i64(t, FLEET_CYCLES, r, (int64_t)(r * 7919 % 100)));
        assert_ok(evtwin_table_set_f64(t, col, r, (double)(r % FLEET_ROWS)));
    }
    evtwin_table *stripped = without(t, "battery_id", "cell");
    series = without(stripped, "time", "");
    trainer = train_fleet(series, &o);
    assert_string_equal(column_of(trainer, "several-series"), "Test Index");
    evtwin_trainer_free(trainer);
    evtwin_table_free(series);
    series = without(stripped, "time", "Test Index");
    trainer = train_fleet(series, &o);
    assert_null(finding_text(trainer, "several-series"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(series);
    evtwin_table_free(stripped);
    evtwin_table_free(t);
}

static void test_held_out_beyond_the_training_part(void **state) {
    (void)state;
    enum { N = 30 };
    evtwin_table *t = make_fleet(N, FLEET_ROWS);
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_fleet(t, &o);
    assert_null(finding_text(trainer, "off-range"));
    evtwin_table *held = NULL;
    assert_ok(evtwin_trainer_predictions(trainer, "rul", &held));
    evtwin_trainer_free(trainer);
    const size_t first = (size_t)evtwin_table_number(held, 0, 0) / FLEET_ROWS;

    /* one battery that is unlike all others is held out once in five draws */
    for (size_t r = 0; r < FLEET_ROWS; r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_TEMPERATURE, first * FLEET_ROWS + r, 90.0));
    }
    trainer = train_fleet(t, &o);
    assert_null(finding_text(trainer, "off-range"));
    evtwin_trainer_free(trainer);

    /* all that are held out: no draw finds these six of thirty */
    for (size_t r = 0; r < evtwin_table_rows(held); r++) {
        const size_t row = (size_t)evtwin_table_number(held, 0, r);
        assert_ok(evtwin_table_set_f64(t, FLEET_TEMPERATURE, row, 90.0));
    }
    trainer = train_fleet(t, &o);
    assert_says(trainer, "off-range", "240 of 240 held-out rows");
    assert_says(trainer, "off-range", "temperature in 240 (");
    /* no more digits of the range than a reader can use */
    const char *range = strstr(finding_text(trainer, "off-range"), "240 (") + strlen("240 (");
    assert_true(strcspn(range, " ") <= strlen("20.01"));
    evtwin_trainer_free(trainer);
    evtwin_table_free(held);
    evtwin_table_free(t);
}

static void test_fractions_under_percent(void **state) {
    (void)state;
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_SOC, r, evtwin_table_f64(t, FLEET_SOC)[r] / 100));
    }
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = train_fleet(t, &o);
    assert_only(trainer, "looks-like-fraction");
    assert_says(trainer, "looks-like-fraction", "soc=fraction");
    evtwin_trainer_free(trainer);
    assert_ok(evtwin_telemetry_override_units(t, "soc=fraction"));
    trainer = train_fleet(t, &o);
    assert_only(trainer, NULL);
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void assert_unfit(size_t col, size_t row, double value, evtwin_status code,
                         const char *parts) {
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    const fleet_targets targets = targets_of(NULL, NULL);
    evtwin_train_options o = fleet_options();
    size_t torque;
    assert_ok(evtwin_table_add_column(t, "torque", EVTWIN_F64, NULL, &torque));
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_f64(t, torque, r, (double)(r % 13)));
    }
    o.features = "soc,soh,torque";
    assert_ok(evtwin_table_set_f64(t, col < torque ? col : torque, row, value));
    evtwin_trainer *trainer = NULL;
    const evtwin_status st = try_train(t, &targets, &o, &trainer);
    if (code == EVTWIN_OK) {
        assert_ok(st);
    } else {
        assert_fails(st, code, parts);
    }
    evtwin_trainer_free(trainer);
    evtwin_table_free(t);
}

static void test_values_beyond_float32(void **state) {
    (void)state;
    assert_unfit(FLEET_RUL, 41, 1e39, EVTWIN_E_RANGE, "row 42|'rul'|1e39|3.4028235e38");
    assert_unfit(FLEET_RUL, 41, 1e-46, EVTWIN_E_RANGE, "row 42|'rul'|1e-46|1.4e-45");
    assert_unfit(FLEET_RUL, 41, 1e38, EVTWIN_OK, NULL);
    assert_unfit(SIZE_MAX, 6, -1e39, EVTWIN_E_RANGE, "row 7|'torque'|-1e39|3.4028235e38");
    assert_unfit(SIZE_MAX, 6, 1e30, EVTWIN_OK, NULL);

    /* different numbers, but not in 24 binary digits */
    evtwin_table *t = make_fleet(FLEET_BATTERIES, FLEET_ROWS);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) {
        assert_ok(evtwin_table_set_f64(t, FLEET_RUL, r, 1e9 + (double)(r % 7)));
    }
    const fleet_targets targets = targets_of(NULL, NULL);
    const evtwin_train_options o = fleet_options();
    evtwin_trainer *trainer = NULL;
    assert_fails(try_train(t, &targets, &o, &trainer), EVTWIN_E_DATA, "'rul'|32-bit");
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clean_fleet_gives_nothing),
        cmocka_unit_test(test_ids_are_checked),
        cmocka_unit_test(test_names_that_are_nearly_alike),
        cmocka_unit_test(test_names_that_are_numbers),
        cmocka_unit_test(test_a_battery_in_two_groups),
        cmocka_unit_test(test_rows_that_are_there_twice),
        cmocka_unit_test(test_several_series_without_a_group),
        cmocka_unit_test(test_held_out_beyond_the_training_part),
        cmocka_unit_test(test_fractions_under_percent),
        cmocka_unit_test(test_values_beyond_float32),
    };
    const struct CMUnitTest tests_without_xgboost[] = {
        cmocka_unit_test(test_ids_are_checked),
    };
    return strstr(evtwin_build_info(), "xgboost") != NULL
               ? cmocka_run_group_tests(tests, NULL, NULL)
               : cmocka_run_group_tests(tests_without_xgboost, NULL, NULL);
}
