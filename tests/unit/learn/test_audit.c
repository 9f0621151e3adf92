/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit.c: clean data give no warning; the original's labels and HNEI's are
 * refused; a cause is allowed by name. */

#include "test.h"

#include "../../support/ev30_noise.h"
#include "audit_faults.h"

static void test_a_clean_fleet_is_silent(void **state) {
    (void)state;
    setup s = default_setup();
    evtwin_table *t = simulate_fleet(60, 1, NULL);
    assert_silent(t, &s, "60 packs");
    MORE_FEATURES_OF(&s, "is_charging,resistance_mohm,mean_temperature,throughput_ah_per_day");
    assert_silent(t, &s, "60 packs, more features");
    evtwin_table_free(t);
}

/* Where a temperature turns, its rounded values stand long. It jumps to its highest here, so the
 * longest run follows the largest step: nobody filled it from behind. */
static void test_a_rounded_swing_is_silent(void **state) {
    (void)state;
    enum { ROWS_A_DAY = 12 };
    setup s = default_setup();
    evtwin_table *t = simulate_fleet(60, 1, NULL);
    double *temperature = edit(t, "temperature");
    uint64_t seed = 3;
    EACH_ROW(t, r) {
        const double of_day = (double)(r % ROWS_A_DAY) / ROWS_A_DAY;
        temperature[r] = round(26.0 - 14.0 * of_day * of_day + noise_of(&seed));
    }
    assert_silent(t, &s, "a rounded temperature");
    evtwin_table_free(t);
}

static void test_another_chemistry_is_silent(void **state) {
    (void)state;
    setup s = default_setup();
    evtwin_table *t = simulate_fleet(60, 5, SOURCE_DIR "/models/cells/lfp26650.json");
    assert_silent(t, &s, "LFP");
    evtwin_table_free(t);
}

static void test_tju_is_silent(void **state) {
    (void)state;
    skip_without_shared_data("tju/tju.csv");
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_read_csv(SHARED_DATA "/tju/tju.csv", NULL, &t));
    setup s = default_setup();
    s.options.group = "cell";
    s.rul = "rul";
    s.failure = "none";
#define TJU_FEATURES                                                                               \
    "voltage_mean,voltage_std,voltage_kurtosis,voltage_skewness,cc_q,cc_charge_time,"              \
    "voltage_slope,voltage_entropy,current_mean,current_std,current_kurtosis,current_skewness,"    \
    "cv_q,cv_charge_time,current_slope,current_entropy"
    s.options.features = TJU_FEATURES;
    assert_silent(t, &s, "TJU");
    s.options.features = TJU_FEATURES ",capacity,cycle,soh";
    assert_silent(t, &s, "TJU");
    evtwin_table_free(t);
}

static void test_hnei_counts_down(void **state) {
    (void)state;
    skip_without_shared_data("hnei/Battery_RUL.csv");
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_read_csv(SHARED_DATA "/hnei/Battery_RUL.csv", NULL, &t));
    setup s = default_setup();
    s.options.group_by_reset = "Cycle_Index";
    s.options.features = "Discharge Time (s),Decrement 3.6-3.4V (s),Max. Voltage Dischar. (V),"
                         "Min. Voltage Charg. (V),Time at 4.15V (s),Time constant current (s),"
                         "Charging time (s)";
    evtwin_audit *audit = audit_table(t, &s);
    evtwin_finding f;
    assert_true(find_cause(audit, "countdown", &f));
    assert_string_equal(f.severity, "error");
    assert_string_equal(f.column, "RUL");
    assert_true(text_names(f.text, "RUL|Cycle_Index|14"));
    assert_int_equal(evtwin_audit_refusal_count(audit), 1);
    evtwin_audit_free(audit);
    evtwin_table_free(t);
}

/* ---- the 30 columns ---- */

/* Nothing in them: no refusal, and a warning that the rows are not one battery's. */
static void test_noise_is_not_refused(void **state) {
    (void)state;
    evtwin_table *t;
    assert_ok(ev30_noise(20000, 1, &t));
    const setup s = default_setup();
    evtwin_audit *audit = audit_table(t, &s);
    evtwin_finding f;
    assert_int_equal(evtwin_audit_refusal_count(audit), 0);
    assert_true(find_cause(audit, "mixed-series", &f));
    evtwin_audit_free(audit);
    evtwin_table_free(t);
}

/* The original put formulas of SoH, cycles and temperature in the place of its labels. */
static void test_the_originals_labels_are_refused(void **state) {
    (void)state;
    evtwin_table *t;
    assert_ok(ev30_noise(20000, 1, &t));
    double *rul = edit(t, "RUL"), *failure = edit(t, "Failure_Probability");
    uint64_t seed = 4;
    EACH_ROW(t, r) {
        const double worn = 1.0 - get(t, "SoH", r), cycles = get(t, "Charge_Cycles", r);
        const double hot = fmax(0.0, get(t, "Battery_Temperature", r) - 25.0);
        rul[r] =
            fmax(0.0, 1500.0 * (1.0 - worn) - 0.5 * cycles - 4.0 * hot + 15.0 * normal_of(&seed));
        failure[r] = 2.0 * worn + 0.001 * cycles + 0.01 * hot > 0.8;
    }
    const setup s = default_setup();
    evtwin_audit *audit = audit_table(t, &s);
    evtwin_finding f;
    assert_true(find_cause(audit, "label-formula", &f));
    assert_string_equal(f.severity, "error");
    assert_true(text_names(f.text, "RUL|SoH|Charge_Cycles"));
    assert_int_equal(evtwin_audit_refusal_count(audit), 2); /* of both labels */
    evtwin_audit_free(audit);
    evtwin_table_free(t);
}

/* ---- refused and allowed ---- */

static void test_a_cause_is_allowed_by_name(void **state) {
    (void)state;
    evtwin_finding f;
    setup s = default_setup();
    evtwin_table *t = simulate_fleet(30, 1, NULL);
    double *rul = edit(t, "rul");
    EACH_ROW(t, r) {
        rul[r] = 1500.0 - get(t, "charge_cycles", r);
    }
    s.options.allow = " previous-label , countdown";
    evtwin_audit *audit = audit_table(t, &s);
    assert_int_equal(evtwin_audit_refusal_count(audit), 0);
    assert_true(find_cause(audit, "countdown", &f));
    assert_string_equal(f.severity, "warning");
    assert_int_equal(f.is_allowed, 1);
    assert_string_equal(f.about, "label");
    assert_true(strstr(f.advice, "end of life") != NULL);
    assert_non_null(strstr(evtwin_audit_json(audit), "\"refusals\": 0"));
    assert_non_null(strstr(evtwin_audit_json(audit), "\"allowed\": true"));
    evtwin_audit_free(audit);

    s.options.allow = "countdown, beats-baselines"; /* which refuses nothing */
    assert_fails(evtwin_audit_run(t, NULL, 0, &s.options, &audit), EVTWIN_E_ARG,
                 "beats-baselines|countdown|same-battery");
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clean_fleet_is_silent),
        cmocka_unit_test(test_a_rounded_swing_is_silent),
        cmocka_unit_test(test_another_chemistry_is_silent),
        cmocka_unit_test(test_tju_is_silent),
        cmocka_unit_test(test_hnei_counts_down),
        cmocka_unit_test(test_noise_is_not_refused),
        cmocka_unit_test(test_the_originals_labels_are_refused),
        cmocka_unit_test(test_a_cause_is_allowed_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
