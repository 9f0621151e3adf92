/* SPDX-License-Identifier: MIT */
/* test_thresholds.c: status, alerts and their reasons at and around every limit; limits that
 * change. */

#include "test.h"

enum { SOC, SOH, TEMPERATURE, RUL, FAILURE, N_VALUES };

static const char *const names[N_VALUES] = {"soc", "soh", "temperature", "rul_prediction",
                                            "failure_probability"};

/* One row with these values. */
static evtwin_table *row_of(double soc, double soh, double temperature, double rul,
                            double failure) {
    const double value[N_VALUES] = {soc, soh, temperature, rul, failure};
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_create(&t));
    assert_ok(evtwin_table_resize(t, 1));
    for (size_t i = 0; i < N_VALUES; i++) {
        size_t col;
        assert_ok(evtwin_table_add_column(t, names[i], EVTWIN_F64, NULL, &col));
        assert_ok(evtwin_table_set_f64(t, col, 0, value[i]));
    }
    return t;
}

static evtwin_thresholds *contract(void) {
    evtwin_thresholds *t = NULL;
    assert_ok(evtwin_thresholds_create(&t));
    return t;
}

static evtwin_health status_of(const evtwin_thresholds *limits, double soc, double soh,
                               double temperature, double failure) {
    evtwin_table *t = row_of(soc, soh, temperature, NAN, failure);
    const evtwin_health health = evtwin_thresholds_status(limits, t, 0);
    evtwin_table_free(t);
    return health;
}

/* The reasons of a kind for one row, joined; the row is freed. */
static const char *reasons(evtwin_threshold_kind kind, evtwin_table *row) {
    static char text[400];
    char one[100];
    size_t broken[16];
    evtwin_thresholds *limits = contract();
    const size_t n = evtwin_thresholds_broken(limits, kind, row, 0, broken, 16);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        strcat(text, i > 0 ? ", " : "");
        strcat(text, evtwin_thresholds_reason(limits, broken[i], row, 0, one, sizeof one));
    }
    evtwin_thresholds_free(limits);
    evtwin_table_free(row);
    return text;
}

static void the_contracts_limits(void **state) {
    (void)state;

    /* a limit itself is on the good side */
    static const struct {
        double soc, soh, temperature, failure;
        evtwin_health want;
    } cases[] = {
        {80, 95, 30, 0.1, EVTWIN_HEALTH_NORMAL},
        {30, 95, 30, 0.1, EVTWIN_HEALTH_NORMAL},
        {29.999, 95, 30, 0.1, EVTWIN_HEALTH_WARNING},
        {15, 95, 30, 0.1, EVTWIN_HEALTH_WARNING},
        {14.999, 95, 30, 0.1, EVTWIN_HEALTH_CRITICAL},
        {80, 85, 30, 0.1, EVTWIN_HEALTH_NORMAL},
        {80, 84.99, 30, 0.1, EVTWIN_HEALTH_WARNING},
        {80, 75, 30, 0.1, EVTWIN_HEALTH_WARNING},
        {80, 74.99, 30, 0.1, EVTWIN_HEALTH_CRITICAL},
        {80, 95, 45, 0.1, EVTWIN_HEALTH_NORMAL},
        {80, 95, 45.01, 0.1, EVTWIN_HEALTH_WARNING},
        {80, 95, 60, 0.1, EVTWIN_HEALTH_WARNING},
        {80, 95, 60.01, 0.1, EVTWIN_HEALTH_CRITICAL},
        {80, 95, 30, 0.3, EVTWIN_HEALTH_NORMAL},
        {80, 95, 30, 0.3001, EVTWIN_HEALTH_WARNING},
        {80, 95, 30, 0.7, EVTWIN_HEALTH_WARNING},
        {80, 95, 30, 0.7001, EVTWIN_HEALTH_CRITICAL},
        {NAN, NAN, NAN, NAN, EVTWIN_HEALTH_NORMAL},
        {NAN, 70, NAN, NAN, EVTWIN_HEALTH_CRITICAL},
        {80, 95, INFINITY, 0.1, EVTWIN_HEALTH_CRITICAL},
    };
    evtwin_thresholds *limits = contract();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const evtwin_health got =
            status_of(limits, cases[i].soc, cases[i].soh, cases[i].temperature, cases[i].failure);
        if (got != cases[i].want) {
            fail_msg("case %zu: %s", i, evtwin_health_name(got));
        }
    }
    evtwin_thresholds_free(limits);
}

static void the_reasons_of_a_status(void **state) {
    (void)state;
    const evtwin_threshold_kind kind = EVTWIN_THRESHOLD_STATUS;
    assert_string_equal(reasons(kind, row_of(25, 73.9, 61.2, NAN, 0.1)),
                        "soh 73.9 < 75, temperature 61.2 > 60");
    assert_string_equal(reasons(kind, row_of(25, 90, 30, NAN, 0.31415926)),
                        "soc 25 < 30, failure_probability 0.31 > 0.3");
    assert_string_equal(reasons(kind, row_of(90, 90, 30, NAN, 0.1)), "");

    /* never "75 < 75": as many decimals as it takes */
    assert_string_equal(reasons(kind, row_of(90, 74.9996, 30, NAN, 0.1)), "soh 74.9996 < 75");
    assert_string_equal(reasons(kind, row_of(90, 74.99999999, 30, NAN, 0.1)),
                        "soh 74.99999999 < 75");
    assert_string_equal(reasons(kind, row_of(90, 90, INFINITY, NAN, 0.1)),
                        "temperature infinity > 60");
}

static void a_reason_is_cut_to_the_callers_size(void **state) {
    (void)state;
    char text[12];
    memset(text, 'x', sizeof text);
    evtwin_thresholds *limits = contract();
    evtwin_table *row = row_of(10, 70, 70, NAN, 0.9);
    evtwin_thresholds_reason(limits, 0, row, 0, text, 9);
    assert_string_equal(text, "soc 10 <");
    assert_int_equal(text[9], 'x');
    text[0] = 'x';
    evtwin_thresholds_reason(limits, 0, row, 0, text, 0);
    assert_int_equal(text[0], 'x');
    evtwin_thresholds_reason(limits, 999, row, 0, text, sizeof text);
    assert_string_equal(text, "");
    evtwin_table_free(row);
    evtwin_thresholds_free(limits);
}

static void alerts_have_limits_of_their_own_beside_the_status(void **state) {
    (void)state;
    const evtwin_threshold_kind kind = EVTWIN_THRESHOLD_ALERT;
    assert_string_equal(reasons(kind, row_of(80, 95, 30, 800, 0.1)), "");
    assert_string_equal(reasons(kind, row_of(80, 95, 30, 100, 0.1)), "");
    assert_string_equal(reasons(kind, row_of(80, 95, 30, 99, 0.1)), "rul_prediction 99 < 100");
    assert_string_equal(reasons(kind, row_of(80, 95, 50, NAN, NAN)), "temperature 50 > 45");
    assert_string_equal(reasons(kind, row_of(NAN, NAN, NAN, NAN, NAN)), "");

    /* of one quantity the strictest limit that is broken speaks for the others */
    assert_string_equal(reasons(kind, row_of(18, 95, 30, 800, 0.1)), "soc 18 < 20");
    assert_string_equal(reasons(kind, row_of(10, 70, 30, 800, 0.8)),
                        "soc 10 < 15, soh 70 < 75, failure_probability 0.8 > 0.7");

    /* colours are neither status nor alert */
    assert_string_equal(reasons(EVTWIN_THRESHOLD_DISPLAY, row_of(40, 95, 30, 300, 0.1)),
                        "soc 40 < 50, rul_prediction 300 < 500");
}

/* A table that remembers which limits were broken: they are left by a margin, and no sooner for
 * lack of a value. */
static void a_broken_limit_is_left_by_a_margin(void **state) {
    (void)state;
    static const struct {
        double soc, soh;
        const char *broken, *reasons;
        evtwin_health want;
        unsigned needs;
    } cases[] = {
        {16.9, 95, "status soc < 15 CRITICAL=14;", "soc 16.9 was < 15 (until 17)",
         EVTWIN_HEALTH_CRITICAL, EVTWIN_NEEDS_CHARGING},
        {17, 95, "status soc < 15 CRITICAL=14;", "soc 17 < 20", EVTWIN_HEALTH_WARNING,
         EVTWIN_NEEDS_CHARGING},
        {80, NAN, "status soc < 15 CRITICAL=14;status soh < 75 CRITICAL=73.9;",
         "soh 73.9 < 75 (last known)", EVTWIN_HEALTH_CRITICAL, EVTWIN_NEEDS_SERVICE},
        {31, 95, "status soc < 30 WARNING=29;", "soc 31 was < 30 (until 32)", EVTWIN_HEALTH_WARNING,
         EVTWIN_NEEDS_CHARGING},
        {31, 95, "status soc < 30.5 WARNING=29;", "", EVTWIN_HEALTH_NORMAL, 0},
        {16, 95, "no memory at all", "soc 16 < 20", EVTWIN_HEALTH_WARNING, EVTWIN_NEEDS_CHARGING},
        {80, NAN, "status soh < 75 CRITICAL=much;", "soh unknown < 75 (last known)",
         EVTWIN_HEALTH_CRITICAL, EVTWIN_NEEDS_SERVICE},
    };
    evtwin_thresholds *limits = contract();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        evtwin_table *row = row_of(cases[i].soc, cases[i].soh, 30, NAN, 0.1);
        size_t col;
        assert_ok(evtwin_table_add_column(row, "limits_broken", EVTWIN_TEXT, NULL, &col));
        assert_ok(evtwin_table_set_text(row, col, 0, cases[i].broken));
        assert_int_equal(evtwin_thresholds_status(limits, row, 0), cases[i].want);
        assert_int_equal(evtwin_thresholds_needs(limits, row, 0), cases[i].needs);
        assert_string_equal(reasons(EVTWIN_THRESHOLD_ALERT, row), cases[i].reasons);
    }
    evtwin_thresholds_free(limits);
    assert_int_equal(evtwin_thresholds_needs(NULL, NULL, 0), 0);
}

/* Whoever reads the rules comes to the same answer as the functions. */
static void every_rule_counts_beyond_its_limit_only(void **state) {
    (void)state;
    evtwin_thresholds *limits = contract();
    for (size_t i = 0; i < evtwin_thresholds_count(limits); i++) {
        evtwin_threshold t;
        assert_ok(evtwin_thresholds_get(limits, i, &t, sizeof t));
        assert_int_equal(t.size, sizeof t);
        size_t broken[32];
        double v[N_VALUES] = {NAN, NAN, NAN, NAN, NAN};
        size_t at = 0;
        while (strcmp(names[at], t.quantity) != 0) {
            at++;
            assert_true(at < N_VALUES);
        }
        for (int is_beyond = 0; is_beyond <= 1; is_beyond++) {
            v[at] = is_beyond ? nextafter(t.limit, t.is_below ? -INFINITY : INFINITY) : t.limit;
            evtwin_table *row = row_of(v[SOC], v[SOH], v[TEMPERATURE], v[RUL], v[FAILURE]);
            const size_t n = evtwin_thresholds_broken(limits, t.kind, row, 0, broken, 32);
            size_t n_found = 0;
            for (size_t k = 0; k < n; k++) {
                n_found += broken[k] == i;
            }
            assert_int_equal(n_found, is_beyond);
            if (t.kind == EVTWIN_THRESHOLD_STATUS) {
                assert_int_equal(evtwin_thresholds_status(limits, row, 0) >= t.level, is_beyond);
            }
            evtwin_table_free(row);
        }
    }
    evtwin_threshold t;
    assert_int_equal(evtwin_thresholds_get(limits, 999, &t, sizeof t), EVTWIN_E_ARG);
    assert_int_equal(evtwin_thresholds_get(limits, 0, NULL, sizeof t), EVTWIN_E_ARG);
    assert_int_equal(evtwin_thresholds_get(limits, 0, &t, 1), EVTWIN_E_ARG);
    assert_int_equal(evtwin_thresholds_count(NULL), 0);
    evtwin_thresholds_free(limits);
}

static void limits_change(void **state) {
    (void)state;
    evtwin_thresholds *limits = contract();
    const size_t n = evtwin_thresholds_count(limits);
    evtwin_threshold t = {.size = sizeof t,
                          .kind = EVTWIN_THRESHOLD_STATUS,
                          .quantity = "soc",
                          .level = EVTWIN_HEALTH_CRITICAL,
                          .is_below = 1,
                          .limit = 5.0};
    assert_ok(evtwin_thresholds_set(limits, &t));
    assert_int_equal(evtwin_thresholds_count(limits), n);
    assert_int_equal(status_of(limits, 10, 95, 30, 0.1), EVTWIN_HEALTH_WARNING);
    t.quantity = "voltage";
    assert_ok(evtwin_thresholds_set(limits, &t));
    assert_int_equal(evtwin_thresholds_count(limits), n + 1);
    t.limit = NAN;
    assert_ok(evtwin_thresholds_set(limits, &t));
    assert_int_equal(evtwin_thresholds_count(limits), n);

    /* what cannot be a rule changes nothing */
    t.limit = INFINITY;
    assert_int_equal(evtwin_thresholds_set(limits, &t), EVTWIN_E_RANGE);
    t.limit = 1.0;
    static const char *const bad[] = {"battery_id", "time", "nonsense", "SoC", "rul", "revision"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        t.quantity = bad[i];
        assert_int_equal(evtwin_thresholds_set(limits, &t), EVTWIN_E_ARG);
    }
    t.quantity = "soc";
    t.level = EVTWIN_HEALTH_NORMAL;
    assert_int_equal(evtwin_thresholds_set(limits, &t), EVTWIN_E_ARG);
    assert_int_equal(evtwin_thresholds_count(limits), n);
    evtwin_thresholds_free(limits);
}

static evtwin_status load(const char *json, evtwin_thresholds **out) {
    FILE *f = fopen("limits.json", "w");
    assert_non_null(f);
    fputs(json, f);
    assert_int_equal(fclose(f), 0);
    return evtwin_thresholds_load("limits.json", out);
}

static void a_file_changes_the_contract(void **state) {
    (void)state;
    evtwin_thresholds *limits = NULL;
    assert_ok(load("[{\"kind\":\"status\",\"quantity\":\"soc\",\"level\":\"CRITICAL\","
                   "\"operator\":\"<\",\"limit\":5},"
                   "{\"kind\":\"status\",\"quantity\":\"soc\",\"level\":\"WARNING\","
                   "\"operator\":\"<\",\"limit\":null}]",
                   &limits));
    assert_int_equal(status_of(limits, 10, 95, 30, 0.1), EVTWIN_HEALTH_NORMAL);
    assert_int_equal(status_of(limits, 4, 95, 30, 0.1), EVTWIN_HEALTH_CRITICAL);
    evtwin_thresholds_free(limits);
    assert_ok(load("\xEF\xBB\xBF[]", &limits)); /* as some editors save it */
    evtwin_thresholds_free(limits);

    static const struct {
        const char *json;
        evtwin_status want;
    } bad[] = {
        {"", EVTWIN_E_PARSE},
        {"{}", EVTWIN_E_PARSE},
        {"[1]", EVTWIN_E_PARSE},
        {"[{\"kind\":\"status\",\"quantity\":\"soc\",\"level\":\"LOW\",\"operator\":\"<\","
         "\"limit\":5}]",
         EVTWIN_E_PARSE},
        {"[{\"kind\":\"status\",\"quantity\":\"soc\",\"level\":\"WARNING\",\"operator\":\"<\"}]",
         EVTWIN_E_PARSE},
        {"[{\"kind\":\"status\",\"quantity\":\"sock\",\"level\":\"WARNING\",\"operator\":\"<\","
         "\"limit\":5}]",
         EVTWIN_E_ARG},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        limits = NULL;
        assert_int_equal(load(bad[i].json, &limits), bad[i].want);
        assert_null(limits);
    }
    assert_int_equal(evtwin_thresholds_load("absent.json", &limits), EVTWIN_E_NOT_FOUND);
}

static void a_table_holds_all_of_it(void **state) {
    (void)state;
    evtwin_thresholds *limits = contract(), *again = NULL;
    evtwin_table *table = NULL, *second = NULL;
    assert_ok(evtwin_thresholds_table(limits, &table));
    assert_ok(evtwin_thresholds_from_table(table, &again));
    assert_int_equal(evtwin_thresholds_count(again), evtwin_thresholds_count(limits));
    for (size_t i = 0; i < evtwin_thresholds_count(limits); i++) {
        evtwin_threshold a, b;
        assert_ok(evtwin_thresholds_get(limits, i, &a, sizeof a));
        assert_ok(evtwin_thresholds_get(again, i, &b, sizeof b));
        assert_string_equal(a.quantity, b.quantity);
        assert_true(a.kind == b.kind && a.level == b.level && a.is_below == b.is_below &&
                    a.limit == b.limit);
    }
    evtwin_thresholds_free(again);

    /* a newer version's quantity is left out, a word that means nothing is refused */
    assert_ok(evtwin_table_set_text(table, evtwin_table_find(table, "quantity"), 0, "pressure"));
    assert_ok(evtwin_thresholds_from_table(table, &again));
    assert_int_equal(evtwin_thresholds_count(again), evtwin_thresholds_count(limits) - 1);
    evtwin_thresholds_free(again);
    assert_ok(evtwin_table_set_text(table, evtwin_table_find(table, "operator"), 1, "="));
    assert_int_equal(evtwin_thresholds_from_table(table, &again), EVTWIN_E_PARSE);
    assert_ok(evtwin_table_create(&second));
    assert_int_equal(evtwin_thresholds_from_table(second, &again), EVTWIN_E_SCHEMA);
    evtwin_table_free(second);
    evtwin_table_free(table);
    evtwin_thresholds_free(limits);
}

static void names_of_levels_and_kinds(void **state) {
    (void)state;
    assert_string_equal(evtwin_health_name(EVTWIN_HEALTH_NORMAL), "NORMAL");
    assert_string_equal(evtwin_health_name(EVTWIN_HEALTH_WARNING), "WARNING");
    assert_string_equal(evtwin_health_name(EVTWIN_HEALTH_CRITICAL), "CRITICAL");
    assert_string_equal(evtwin_threshold_kind_name(EVTWIN_THRESHOLD_DISPLAY), "display");
}

static void targets_name_their_quantities(void **state) {
    (void)state;
    for (size_t i = 0; i < evtwin_target_count(); i++) {
        evtwin_target t;
        size_t index;
        assert_ok(evtwin_target_get(i, &t, sizeof t));
        assert_ok(evtwin_target_find(t.name, &index));
        assert_int_equal(index, i);
        evtwin_quantity label, prediction;
        assert_ok(evtwin_quantity_find(t.label, &index, NULL, NULL));
        assert_ok(evtwin_quantity_get(index, &label, sizeof label));
        assert_ok(evtwin_quantity_find(t.prediction, &index, NULL, NULL));
        assert_ok(evtwin_quantity_get(index, &prediction, sizeof prediction));
        assert_int_equal(label.kind, EVTWIN_KIND_TRUTH);
        assert_int_equal(prediction.kind, EVTWIN_KIND_PREDICTION);
        assert_string_equal(label.unit, prediction.unit);
        assert_null(t.column);
        assert_true(t.trees >= 1 && t.depth >= 1);
    }
    size_t index = 77;
    assert_int_equal(evtwin_target_find("soul", &index), EVTWIN_E_NOT_FOUND);
    assert_int_equal(index, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_contracts_limits),
        cmocka_unit_test(the_reasons_of_a_status),
        cmocka_unit_test(a_reason_is_cut_to_the_callers_size),
        cmocka_unit_test(alerts_have_limits_of_their_own_beside_the_status),
        cmocka_unit_test(a_broken_limit_is_left_by_a_margin),
        cmocka_unit_test(every_rule_counts_beyond_its_limit_only),
        cmocka_unit_test(limits_change),
        cmocka_unit_test(a_file_changes_the_contract),
        cmocka_unit_test(a_table_holds_all_of_it),
        cmocka_unit_test(names_of_levels_and_kinds),
        cmocka_unit_test(targets_name_their_quantities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
