/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit_values.c: bias, and values that no battery has. */

#include "test.h"

#include "audit_faults.h"

FAULT(mostly_censored) {
    double *rul = edit(t, "rul");
    (void)s;
    size_t b = 0;
    for (size_t first = 0, end; first < evtwin_table_rows(t); first = end, b++) {
        end = end_of(t, first);
        for (size_t r = first; r < end && b < 169; r++) {
            rul[r] = NAN;
        }
    }
}

FAULT(few_batteries) {
    size_t end = 0;
    (void)s;
    for (size_t b = 0; b < 12; b++) {
        end = end_of(t, end);
    }
    assert_ok(evtwin_table_resize(t, end));
}

FAULT(rare_class) {
    double *failure = edit(t, "failure");
    (void)s;
    EACH_ROW(t, r) {
        failure[r] = get(t, "rul", r) < 20.0;
    }
}

/* Of 10,000,000 cycles. */
FAULT(label_in_a_large_unit) {
    double *rul = edit(t, "rul");
    (void)s;
    EACH_ROW(t, r) {
        rul[r] *= 1e-7;
    }
}

static int all(size_t battery) {
    (void)battery;
    return 1;
}

static int each_tenth(size_t battery) {
    return battery % 10 == 3;
}

static double negative(double v) {
    return -v;
}

static double of_100(double v) {
    return 100.0 - v;
}

static double hundredth(double v) {
    return v / 100.0;
}

static double thousandth(double v) {
    return v / 1000.0;
}

static double cell(double v) {
    return v / 96.0;
}

static double fahrenheit(double v) {
    return 1.8 * v + 32.0;
}

FAULT(current_turned_over) {
    (void)s;
    change(t, "current", each_tenth, negative);
}

FAULT(current_turned_over_without_flag) {
    (void)s;
    change(t, "current", each_tenth, negative);
    assert_ok(evtwin_table_rename(t, column_of(t, "is_charging"), "flag"));
}

FAULT(soc_turned_over) {
    (void)s;
    change(t, "soc", each_tenth, of_100);
}

FAULT(stuck_temperature) {
    (void)s;
    double *v = edit(t, "temperature");
    size_t b = 0, first = 0;
    EACH_ROW(t, r) {
        first = begins(t, r) ? r : first;
        b += r > 0 && begins(t, r);
        v[r] = b == 7 && r > first + 30 ? v[first + 30] : v[r];
    }
}

FAULT(constant_temperature) {
    (void)s;
    double *v = edit(t, "temperature");
    EACH_ROW(t, r) {
        v[r] = 25.0;
    }
}

FAULT(fractions) {
    (void)s;
    change(t, "soc", all, hundredth);
}

FAULT(fractions_in_some) {
    (void)s;
    change(t, "soh", each_tenth, hundredth);
}

FAULT(power_in_kW) {
    (void)s;
    change(t, "power_consumption", all, thousandth);
}

FAULT(cell_voltage) {
    (void)s;
    change(t, "voltage", all, cell);
}

FAULT(in_fahrenheit) {
    (void)s;
    change(t, "temperature", all, fahrenheit);
}

FAULT(some_in_fahrenheit) {
    (void)s;
    change(t, "temperature", each_tenth, fahrenheit);
}

/* ---- of the same kinds ---- */

static int one(size_t battery) {
    return battery == 17;
}

FAULT(current_turned_over_in_one) {
    (void)s;
    change(t, "current", one, negative);
}

FAULT(soc_turned_over_in_one) {
    (void)s;
    change(t, "soc", one, of_100);
}

FAULT(fractions_in_one) {
    (void)s;
    change(t, "soh", one, hundredth);
}

static int each_third(size_t battery) {
    return battery % 3 == 1;
}

FAULT(kW_in_a_third) {
    (void)s;
    change(t, "power_consumption", each_third, thousandth);
}

FAULT(cell_voltage_in_a_third) {
    (void)s;
    change(t, "voltage", each_third, cell);
}

FAULT(kW_in_some) {
    (void)s;
    change(t, "power_consumption", each_tenth, thousandth);
}

FAULT(cell_voltage_in_some) {
    (void)s;
    change(t, "voltage", each_tenth, cell);
}

FAULT(fahrenheit_in_one) {
    (void)s;
    change(t, "temperature", one, fahrenheit);
}

static double colder(double v) {
    return v - 22.0;
}

FAULT(fahrenheit_in_the_cold) {
    (void)s;
    change(t, "temperature", all, colder);
    change(t, "temperature", each_tenth, fahrenheit);
}

FAULT(stuck_for_a_while) {
    double *v = edit(t, "temperature");
    size_t b = 0, first = 0;
    (void)s;
    EACH_ROW(t, r) {
        first = begins(t, r) ? r : first;
        b += r > 0 && begins(t, r);
        v[r] = b == 7 && r > first + 30 && r < first + 60 ? v[first + 30] : v[r];
    }
}

FAULT(stuck_from_new) {
    double *v = edit(t, "soh");
    size_t b = 0;
    (void)s;
    EACH_ROW(t, r) {
        b += r > 0 && begins(t, r);
        v[r] = b == 7 ? 99.5 : v[r];
    }
}

/* ---- the counter of cycles ---- */

static void count(evtwin_table *t, size_t row, double cycles) {
    assert_ok(evtwin_table_set_i64(t, column_of(t, "charge_cycles"), row,
                                   cycles > 0.0 ? (int64_t)cycles : 0));
}

FAULT(counter_falls) {
    (void)s;
    EACH_ROW(t, r) {
        count(t, r, get(t, "charge_cycles", r) - (r % 9 == 5 ? 40.0 : 0.0));
    }
}

/* Rows in the order that time had before some clocks were set back. */
FAULT(clocks_set_back) {
    int64_t *time = evtwin_table_i64_edit(t, column_of(t, "time"));
    s->rul = "none"; /* the label would say it before */
    EACH_ROW(t, r) {
        time[r] -= r % 9 == 5 ? INT64_C(100) * 86400000000 : 0;
    }
}

/* A service sets it to 0, once in each battery. */
FAULT(counter_reset_once) {
    (void)s;
    EACH_BATTERY(t, first, end) {
        const double at_service = get(t, "charge_cycles", (first + end) / 2);
        for (size_t r = (first + end) / 2; r < end; r++) {
            count(t, r, get(t, "charge_cycles", r) - at_service);
        }
    }
}

/* Rounded one way and the other. */
FAULT(counter_rounded) {
    uint64_t seed = 3;
    (void)s;
    EACH_ROW(t, r) {
        count(t, r, get(t, "charge_cycles", r) / 50.0 + noise_of(&seed));
    }
}

static const fault faults[] = {
    {"counter falls", counter_falls, "counter-falls", "warning", "charge_cycles|200"},
    {"clocks set back", clocks_set_back, "clock-set-back", "warning", "charge_cycles"},
    {"mostly censored", mostly_censored, "censored", "warning", "169|200|RUL"},
    {"few batteries", few_batteries, "few-groups", "warning", "12|RUL"},
    {"rare class", rare_class, "rare-class", "warning", "failure"},
    {"label in a large unit", label_in_a_large_unit, "small-target", "warning", "rul"},
    {"current turned over", current_turned_over, "sign-differs", "warning", "current|20|200"},
    {"current turned over, no flag", current_turned_over_without_flag, "sign-differs", "warning",
     "current|20|200"},
    {"soc turned over", soc_turned_over, "sign-differs", "warning", "soc|20|200"},
    {"stuck temperature", stuck_temperature, "stuck-sensor", "warning", "temperature|BATTERY_008"},
    {"constant temperature", constant_temperature, "stuck-sensor", "warning", "temperature|25"},
    {"fractions", fractions, "looks-like-fraction", "warning", "soc"},
    {"fractions in some", fractions_in_some, "looks-like-fraction", "warning", "soh|20|199"},
    {"power in kW", power_in_kW, "power-unit", "warning", "power_consumption|kW|1000"},
    {"cell voltage", cell_voltage, "cell-voltage", "warning", "voltage|96"},
    {"in Fahrenheit", in_fahrenheit, "temperature-unit", "warning", "temperature|degF"},
    {"some in Fahrenheit", some_in_fahrenheit, "temperature-unit", "warning",
     "temperature|degF|200"},
    {"current turned over in one", current_turned_over_in_one, "sign-differs", "warning",
     "current|1|200|BATTERY_018"},
    {"soc turned over in one", soc_turned_over_in_one, "sign-differs", "warning",
     "soc|1|200|BATTERY_018"},
    {"fractions in one", fractions_in_one, "looks-like-fraction", "warning", "soh|1|199"},
    {"kW in some", kW_in_some, "power-unit", "warning", "power_consumption|20|200"},
    {"kW in a third", kW_in_a_third, "power-unit", "warning", "power_consumption|67|200"},
    {"cell voltage in a third", cell_voltage_in_a_third, "cell-voltage", "warning",
     "voltage|67|200"},
    {"cell voltage in some", cell_voltage_in_some, "cell-voltage", "warning", "voltage|20|200"},
    {"Fahrenheit in one", fahrenheit_in_one, "temperature-unit", "warning", "temperature|1|200"},
    {"Fahrenheit in the cold", fahrenheit_in_the_cold, "temperature-unit", "warning",
     "temperature|20|200"},
    {"stuck for a while", stuck_for_a_while, "stuck-sensor", "warning", "temperature|BATTERY_008"},
    {"stuck from new", stuck_from_new, "stuck-sensor", "warning", "soh|BATTERY_008"},
};

static void test_each_fault_is_found(void **state) {
    (void)state;
    evtwin_table *fleet = simulate_records(200, 1, NULL, 40.0);
    assert_found(fleet, faults, sizeof faults / sizeof faults[0]);
    evtwin_table_free(fleet);
}

static void test_counters_that_may_be(void **state) {
    (void)state;
    evtwin_table *fleet = simulate_records(40, 1, NULL, 15.0);
    const fault_fn honest[] = {counter_reset_once, counter_rounded};
    for (size_t i = 0; i < sizeof honest / sizeof honest[0]; i++) {
        evtwin_table *t;
        evtwin_finding f;
        setup s = default_setup();
        assert_ok(evtwin_table_copy(fleet, &t));
        honest[i](t, &s);
        evtwin_audit *audit = audit_table(t, &s);
        assert_false(find_cause(audit, "counter-falls", &f));
        assert_false(find_cause(audit, "clock-set-back", &f));
        evtwin_audit_free(audit);
        evtwin_table_free(t);
    }
    evtwin_table_free(fleet);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fault_is_found),
        cmocka_unit_test(test_counters_that_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
