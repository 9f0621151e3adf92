/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit_label.c: labels that are no observed life: formulas of the inputs,
 * countdowns, codes, true values. */

#include "test.h"

#include "audit_faults.h"

FAULT(countdown_in_cycles) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = 1500.0 - get(t, "charge_cycles", r);
    }
}

FAULT(countdown_in_days) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = 6000.0 - get(t, "sim_time_s", r) / 86400.0;
    }
}

/* The clock of one battery was not set yet when its record began. */
FAULT(countdown_from_an_unknown_start) {
    countdown_in_days(t, s);
    assert_ok(evtwin_table_set_missing(t, column_of(t, "time"), 0));
}

FAULT(counts_up) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = get(t, "truth_efc", r);
    }
}

/* The original's: soh, cycles and temperature, some noise. */
FAULT(formula) {
    double *rul = edit(t, "rul");
    uint64_t seed = 1;
    (void)s;
    EACH_ROW(t, r) {
        const double hot = get(t, "temperature", r) - 25.0;
        rul[r] = 40.0 * (get(t, "soh", r) - 70.0) - 0.2 * get(t, "charge_cycles", r) -
                 (hot > 0.0 ? 5.0 * hot : 0.0) + 20.0 * normal_of(&seed);
        rul[r] = rul[r] > 0.0 ? rul[r] : 0.0;
    }
}

FAULT(noisy_formula) {
    double *rul = edit(t, "rul");
    uint64_t seed = 2;
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = 20.0 * (get(t, "soh", r) - 70.0) * (1.0 - get(t, "charge_cycles", r) / 3000.0) +
                 30.0 * normal_of(&seed);
        rul[r] = fmax(rul[r], 0.0);
    }
}

FAULT(exact_formula) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = (get(t, "soh", r) - 60.0) * (2000.0 - get(t, "charge_cycles", r)) / 40.0;
    }
}

FAULT(formula_of_one) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = exp((get(t, "soh", r) - 75.0) / 4.0);
    }
}

/* A risk of the original's kind. */
FAULT(formula_of_class) {
    double *failure = edit(t, "failure");
    (void)s;
    EACH_ROW(t, r) {
        failure[r] = 0.5 * (100.0 - get(t, "soh", r)) + 0.01 * get(t, "charge_cycles", r) +
                         0.1 * get(t, "temperature", r) >
                     15.0;
    }
}

FAULT(failure_by_threshold) {
    double *failure = edit(t, "failure");
    (void)s;
    EACH_ROW(t, r) {
        failure[r] = get(t, "soh", r) < 82.05;
    }
}

FAULT(previous_rul) {
    shift(t, "rul", "last_known", -1);
    MORE_FEATURES_OF(s, "last_known");
}

FAULT(previous_failure) {
    shift(t, "failure", "last_state", -1);
    MORE_FEATURES_OF(s, "last_state");
}

FAULT(copied_label) {
    double *v = edit(t, "remaining");
    EACH_ROW(t, r) {
        v[r] = get(t, "rul", r);
    }
    MORE_FEATURES_OF(s, "remaining");
}

FAULT(fault_code) {
    double *v = edit(t, "dtc");
    EACH_ROW(t, r) {
        v[r] = get(t, "failure", r) == 1.0 ? 2560.0 + (double)(r % 3) : (double)(r % 2);
    }
    MORE_FEATURES_OF(s, "dtc");
}

FAULT(fault_code_that_equals) {
    double *v = edit(t, "dtc");
    EACH_ROW(t, r) {
        v[r] = get(t, "failure", r);
    }
    MORE_FEATURES_OF(s, "dtc");
}

static double whole_life(const evtwin_table *t, size_t first, size_t end) {
    (void)end;
    return get(t, "truth_eol_efc", first);
}

static double grade(const evtwin_table *t, size_t first, size_t end) {
    (void)end;
    return sqrt(get(t, "truth_eol_efc", first));
}

FAULT(life_as_a_column) {
    each_battery(t, "design_life", whole_life);
    MORE_FEATURES_OF(s, "design_life");
}

FAULT(life_as_a_grade) {
    each_battery(t, "grade", grade);
    MORE_FEATURES_OF(s, "grade");
}

FAULT(renamed_truth) {
    (void)s;
    assert_ok(evtwin_table_rename(t, column_of(t, "truth_soh"), "health_index"));
    MORE_FEATURES_OF(s, "health_index");
}

FAULT(copied_truth) {
    double *v = edit(t, "health");
    EACH_ROW(t, r) {
        v[r] = get(t, "truth_resistance_ratio", r) * 50.0;
    }
    MORE_FEATURES_OF(s, "health");
}

/* The fleet is seen for a time, and the label counts what is left of it. */
static void count_to_end(evtwin_table *t, const char *clock, double unit) {
    double *rul = edit(t, "rul");
    EACH_BATTERY(t, first, end) {
        for (size_t r = first; r < end; r++) {
            rul[r] = (get(t, clock, end - 1) - get(t, clock, r)) / unit;
        }
    }
}

FAULT(end_of_record) {
    (void)s;
    count_to_end(t, "charge_cycles", 1.0);
}

FAULT(days_to_end_of_record) {
    (void)s;
    count_to_end(t, "sim_time_s", 86400.0);
}

FAULT(end_of_short_record) {
    size_t *row = calloc(evtwin_table_rows(t), sizeof *row), n = 0;
    uint64_t seed = 9;
    (void)s;
    EACH_BATTERY(t, first, end) {
        const size_t n_kept = 10 + (size_t)(noise_of(&seed) * (double)(end - first - 10));
        for (size_t r = first; r < first + n_kept; r++) {
            row[n++] = r;
        }
    }
    keep_rows(t, row, n);
    count_to_end(t, "charge_cycles", 1.0);
}

/* ---- of the same kinds ---- */

static double wear_of(const evtwin_table *t, size_t r) {
    return 40.0 * (get(t, "soh", r) - 70.0) - 0.2 * get(t, "charge_cycles", r);
}

FAULT(nearly_exact_formula) {
    double *rul = edit(t, "rul");
    uint64_t seed = 3;
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = 500.0 + wear_of(t, r) + 8.0 * normal_of(&seed);
    }
}

FAULT(logarithm_of_formula) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = 200.0 * log(1.0 + fmax(0.0, wear_of(t, r) - 100.0) / 10.0);
    }
}

FAULT(exponential_of_formula) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = exp(wear_of(t, r) / 150.0);
    }
}

FAULT(ratio_of_inputs) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        const double worn = 101.0 - get(t, "soh", r);
        rul[r] = fmax(0.0, fmin(5000.0, (20.0 / worn - 1.0) * (50.0 + get(t, "charge_cycles", r))));
    }
}

FAULT(quantised_formula) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = 50.0 * round(wear_of(t, r) / 50.0);
    }
}

FAULT(formula_of_the_row_before) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] = 1000.0 + wear_of(t, begins(t, r) ? r : r - 1);
    }
}

FAULT(both_thresholds) {
    double *failure = edit(t, "failure");
    (void)s;
    EACH_ROW(t, r) {
        failure[r] = get(t, "soh", r) < 88.0 && get(t, "charge_cycles", r) > 500.0;
    }
}

FAULT(either_threshold) {
    double *failure = edit(t, "failure");
    (void)s;
    EACH_ROW(t, r) {
        failure[r] = get(t, "soh", r) < 81.0 || get(t, "temperature", r) > 34.0;
    }
}

FAULT(three_thresholds) {
    double *failure = edit(t, "failure");
    (void)s;
    EACH_ROW(t, r) {
        failure[r] = (get(t, "soh", r) < 85.0 && get(t, "charge_cycles", r) > 500.0) ||
                     get(t, "voltage", r) < 330.0;
    }
}

FAULT(threshold_on_a_product) {
    double *failure = edit(t, "failure");
    (void)s;
    EACH_ROW(t, r) {
        failure[r] = (100.0 - get(t, "soh", r)) * get(t, "charge_cycles", r) > 9000.0;
    }
}

FAULT(threshold_on_the_row_before) {
    double *failure = edit(t, "failure");
    (void)s;
    EACH_ROW(t, r) {
        failure[r] = get(t, "soh", begins(t, r) ? r : r - 1) < 82.05;
    }
}

/* The last row of each battery has one cycle left, not none. */
FAULT(end_of_short_record_at_one) {
    end_of_short_record(t, s);
    double *rul = edit(t, "rul");
    EACH_ROW(t, r) {
        rul[r] += 1.0;
    }
}

FAULT(counts_up_in_half) {
    double *rul = edit(t, "rul");
    size_t b = 0;
    (void)s;
    EACH_BATTERY(t, first, end) {
        for (size_t r = first; r < end && b % 2 == 1; r++) {
            rul[r] = get(t, "truth_efc", r);
        }
        b++;
    }
}

static const fault faults[] = {
    {"countdown in cycles", countdown_in_cycles, "countdown", "error",
     "rul|1500|charge_cycles|80|within 0 r.m.s."},
    {"countdown in days", countdown_in_days, "countdown", "error", "rul|days"},
    {"countdown from an unknown start", countdown_from_an_unknown_start, "countdown", "error",
     "rul|days since"},
    {"counts up", counts_up, "label-rises", "error", "rul"},
    {"formula", formula, "label-formula", "error", "rul|soh|temperature"},
    {"noisy formula", noisy_formula, "label-formula", "error", "rul|soh"},
    {"exact formula", exact_formula, "label-formula", "error", "rul"},
    {"formula of one", formula_of_one, "label-formula", "error", "rul|soh"},
    {"formula of class", formula_of_class, "label-formula", "error", "failure"},
    {"threshold", failure_by_threshold, "label-threshold", "error", "failure|soh|82.05"},
    {"previous rul", previous_rul, "previous-label", "error", "rul|last_known|1"},
    {"previous failure", previous_failure, "previous-label", "error", "failure|last_state|1"},
    {"copied label", copied_label, "label-copy", "error", "rul|remaining"},
    {"fault code", fault_code, "label-code", "error", "failure|dtc|5"},
    {"fault code that equals", fault_code_that_equals, "label-copy", "error", "failure|dtc"},
    {"life as a column", life_as_a_column, "life-column", "error", "design_life|rul|80"},
    {"life as a grade", life_as_a_grade, "life-column", "error", "grade|rul"},
    {"renamed truth", renamed_truth, "truth-column", "warning", "health_index|80"},
    {"end of record", end_of_record, "record-end", "warning", "rul|80"},
    {"days to end of record", days_to_end_of_record, "record-end", "warning", "rul|80"},
    {"end of short record", end_of_short_record, "record-end", "error", "rul|80"},
    {"end of short record at one", end_of_short_record_at_one, "record-end", "error", "rul|1|80"},
    {"counts up in half", counts_up_in_half, "label-rises", "error", "rul|40|80"},
    {"copied truth", copied_truth, "truth-column", "error", "health|truth_resistance_ratio"},
    {"nearly exact formula", nearly_exact_formula, "label-formula", "error", "rul|soh"},
    {"logarithm of formula", logarithm_of_formula, "label-formula", "error", "rul|soh"},
    {"exponential of formula", exponential_of_formula, "label-formula", "error", "rul|soh"},
    {"ratio of inputs", ratio_of_inputs, "label-formula", "error", "rul|soh"},
    {"quantised formula", quantised_formula, "label-formula", "error", "rul|soh"},
    {"formula of the row before", formula_of_the_row_before, "label-formula", "error", "rul|soh"},
    {"both thresholds", both_thresholds, "label-rule", "error", "failure|soh|charge_cycles"},
    {"either threshold", either_threshold, "label-rule", "error", "failure|soh|temperature"},
    {"three thresholds", three_thresholds, "label-rule", "error", "failure|soh|charge_cycles"},
    {"threshold on a product", threshold_on_a_product, "label-formula", "error", "failure|soh"},
    {"threshold on the row before", threshold_on_the_row_before, "label-rule", "error",
     "failure|soh"},
};

static void test_each_fault_is_found(void **state) {
    (void)state;
    evtwin_table *fleet = simulate_fleet(80, 1, NULL);
    assert_found(fleet, faults, sizeof faults / sizeof faults[0]);
    evtwin_table_free(fleet);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fault_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
