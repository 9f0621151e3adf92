/* SPDX-License-Identifier: MIT */
/* test_health.c: status and alert list at and around every limit. */

#include "test.h"

static evtwin_health status_of(double soc, double soh, double temperature, double failure) {
    return evtwin_health_of(soc, soh, temperature, failure, NULL, 0);
}

static void the_contracts_limits(void **state) {
    (void)state;
    assert_int_equal(status_of(80, 95, 30, 0.1), EVTWIN_HEALTH_NORMAL);

    /* a limit itself is on the good side */
    static const struct {
        double soc, soh, temperature, failure;
        evtwin_health want;
    } cases[] = {
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
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const evtwin_health got =
            status_of(cases[i].soc, cases[i].soh, cases[i].temperature, cases[i].failure);
        if (got != cases[i].want) {
            fail_msg("case %zu: %s", i, evtwin_health_name(got));
        }
    }
}

static void the_reason_names_the_rules_that_gave_it(void **state) {
    (void)state;
    char reason[200];
    assert_int_equal(evtwin_health_of(25, 73.9, 61.2, 0.1, reason, sizeof reason),
                     EVTWIN_HEALTH_CRITICAL);
    assert_string_equal(reason, "soh 73.9 < 75, temperature 61.2 > 60");
    evtwin_health_of(25, 90, 30, 0.31415926, reason, sizeof reason);
    assert_string_equal(reason, "soc 25 < 30, failure_probability 0.31 > 0.3");
    evtwin_health_of(90, 90, 30, 0.1, reason, sizeof reason);
    assert_string_equal(reason, "");

    /* never "75 < 75": as many decimals as it takes */
    evtwin_health_of(90, 74.9996, 30, 0.1, reason, sizeof reason);
    assert_string_equal(reason, "soh 74.9996 < 75");
    evtwin_health_of(90, 74.99999999, 30, 0.1, reason, sizeof reason);
    assert_string_equal(reason, "soh 74.99999999 < 75");
    evtwin_health_of(90, 90, INFINITY, 0.1, reason, sizeof reason);
    assert_string_equal(reason, "temperature infinity > 60");
}

static void the_reason_is_cut_to_the_callers_size(void **state) {
    (void)state;
    char reason[12];
    memset(reason, 'x', sizeof reason);
    evtwin_health_of(10, 70, 70, 0.9, reason, 9);
    assert_string_equal(reason, "soc 10 <");
    assert_int_equal(reason[9], 'x');
    reason[0] = 'x';
    evtwin_health_of(10, 70, 70, 0.9, reason, 0);
    assert_int_equal(reason[0], 'x');
    evtwin_health_of(10, 70, 70, 0.9, reason, 1);
    assert_string_equal(reason, "");
}

static void alerts_have_limits_of_their_own_beside_the_status(void **state) {
    (void)state;
    char reason[200];
    assert_int_equal(evtwin_alert_of(80, 95, 30, 800, 0.1, reason, sizeof reason), 0);
    assert_string_equal(reason, "");
    assert_int_equal(evtwin_alert_of(80, 95, 30, 100, 0.1, NULL, 0), 0);
    assert_int_equal(evtwin_alert_of(80, 95, 30, 99, 0.1, reason, sizeof reason), 1);
    assert_string_equal(reason, "rul_prediction 99 < 100");
    assert_int_equal(evtwin_alert_of(80, 95, 50, NAN, NAN, reason, sizeof reason), 1);
    assert_string_equal(reason, "temperature 50 > 45");
    assert_int_equal(evtwin_alert_of(NAN, NAN, NAN, NAN, NAN, reason, sizeof reason), 0);

    /* of one quantity the strictest limit that is broken speaks for the others */
    evtwin_alert_of(18, 95, 30, 800, 0.1, reason, sizeof reason);
    assert_string_equal(reason, "soc 18 < 20");
    evtwin_alert_of(10, 70, 30, 800, 0.8, reason, sizeof reason);
    assert_string_equal(reason, "soc 10 < 15, soh 70 < 75, failure_probability 0.8 > 0.7");
}

/* Whoever reads the table comes to the same answer as the functions. */
static void the_table_of_limits_is_what_the_functions_use(void **state) {
    (void)state;
    assert_int_equal(evtwin_threshold_count(), 10);
    for (size_t i = 0; i < evtwin_threshold_count(); i++) {
        evtwin_threshold t;
        assert_ok(evtwin_threshold_get(i, &t, sizeof t));
        assert_int_equal(t.size, sizeof t);
        double v[5] = {NAN, NAN, NAN, NAN, NAN};
        static const char *const name[] = {"soc", "soh", "temperature", "rul_prediction",
                                           "failure_probability"};
        size_t at = 0;
        while (strcmp(name[at], t.quantity) != 0) {
            at++;
            assert_true(at < 5);
        }
        v[at] = t.limit;
        assert_true(evtwin_health_of(v[0], v[1], v[2], v[4], NULL, 0) < t.level ||
                    t.level == EVTWIN_HEALTH_NORMAL);
        v[at] = nextafter(t.limit, t.is_below ? -INFINITY : INFINITY);
        assert_true(evtwin_health_of(v[0], v[1], v[2], v[4], NULL, 0) >= t.level);
        assert_int_equal(evtwin_alert_of(v[0], v[1], v[2], v[3], v[4], NULL, 0), 1);
    }

    evtwin_threshold t;
    assert_fails(evtwin_threshold_get(10, &t, sizeof t), EVTWIN_E_ARG, "10");
    assert_fails(evtwin_threshold_get(0, NULL, sizeof t), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_threshold_get(0, &t, 1), EVTWIN_E_ARG, "too small");
}

static void names(void **state) {
    (void)state;
    assert_string_equal(evtwin_health_name(EVTWIN_HEALTH_NORMAL), "NORMAL");
    assert_string_equal(evtwin_health_name(EVTWIN_HEALTH_WARNING), "WARNING");
    assert_string_equal(evtwin_health_name(EVTWIN_HEALTH_CRITICAL), "CRITICAL");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_contracts_limits),
        cmocka_unit_test(the_reason_names_the_rules_that_gave_it),
        cmocka_unit_test(the_reason_is_cut_to_the_callers_size),
        cmocka_unit_test(alerts_have_limits_of_their_own_beside_the_status),
        cmocka_unit_test(the_table_of_limits_is_what_the_functions_use),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
