/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit.c: every fault that the audit knows, one at a time on a generated
 * fleet, is found by its cause; the clean fleet has none. */

#include "test.h"

#include "../../support/ev30_noise.h"
#include "audit_fleet.h"

static evtwin_table *fleet;

static int set_up(void **state) {
    (void)state;
    fleet = simulate_fleet(FLEET_PACKS, 1, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    evtwin_table_free(fleet);
    return 0;
}

/* ---- faults ---- */

/* What to audit besides the table. */
typedef struct setup {
    evtwin_train_options options;
    const char *rul, *failure; /* columns */
} setup;

typedef void (*fault_fn)(evtwin_table *t, setup *s);

#define FAULT(name) static void name(evtwin_table *t, setup *s)
#define EACH_ROW(t, r) for (size_t r = 0; r < evtwin_table_rows(t); r++)

#define MORE_FEATURES_OF(s, names) ((s)->options.features = EVTWIN_DEFAULT_FEATURES "," names)

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

/* by rows: of the row before in the same battery */
static void shift(evtwin_table *t, const char *from, const char *to, ptrdiff_t rows) {
    double *v = edit(t, to);
    for (size_t first = 0, end; first < evtwin_table_rows(t); first = end) {
        end = end_of(t, first);
        for (size_t r = first; r < end; r++) {
            const ptrdiff_t at = (ptrdiff_t)r + rows;
            const int is_inside = at >= (ptrdiff_t)first && at < (ptrdiff_t)end;
            v[r] = is_inside ? get(t, from, (size_t)at) : (double)NAN;
        }
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

/* ---- features that know the whole series ---- */

/* to = one value for each battery, by what it is made from: rows first to end. */
static void each_battery(evtwin_table *t, const char *to,
                         double (*of)(const evtwin_table *t, size_t first, size_t end)) {
    double *v = edit(t, to);
    for (size_t first = 0, end; first < evtwin_table_rows(t); first = end) {
        end = end_of(t, first);
        const double value = of(t, first, end);
        for (size_t r = first; r < end; r++) {
            v[r] = value;
        }
    }
}

static double whole_life(const evtwin_table *t, size_t first, size_t end) {
    (void)end;
    return get(t, "truth_eol_efc", first);
}

static double grade(const evtwin_table *t, size_t first, size_t end) {
    (void)end;
    return sqrt(get(t, "truth_eol_efc", first));
}

static double mean_of_soh(const evtwin_table *t, size_t first, size_t end) {
    double sum = 0.0;
    for (size_t r = first; r < end; r++) {
        sum += get(t, "soh", r);
    }
    return sum / (double)(end - first);
}

static double hottest(const evtwin_table *t, size_t first, size_t end) {
    double most = -INFINITY;
    for (size_t r = first; r < end; r++) {
        most = fmax(most, get(t, "temperature", r));
    }
    return most;
}

static double n_rows(const evtwin_table *t, size_t first, size_t end) {
    (void)t;
    return (double)(end - first);
}

FAULT(life_as_a_column) {
    each_battery(t, "design_life", whole_life);
    MORE_FEATURES_OF(s, "design_life");
}

FAULT(life_as_a_grade) {
    each_battery(t, "grade", grade);
    MORE_FEATURES_OF(s, "grade");
}

FAULT(mean_of_series) {
    each_battery(t, "soh_mean", mean_of_soh);
    MORE_FEATURES_OF(s, "soh_mean");
}

FAULT(greatest_of_series) {
    each_battery(t, "hot", hottest);
    MORE_FEATURES_OF(s, "hot");
}

FAULT(rows_of_series) {
    each_battery(t, "n", n_rows);
    MORE_FEATURES_OF(s, "n");
}

FAULT(scaled_by_series) {
    double *soh = edit(t, "soh_z");
    for (size_t first = 0, end; first < evtwin_table_rows(t); first = end) {
        end = end_of(t, first);
        const double mean = mean_of_soh(t, first, end);
        double ss = 0.0;
        for (size_t r = first; r < end; r++) {
            ss += (get(t, "soh", r) - mean) * (get(t, "soh", r) - mean);
        }
        for (size_t r = first; r < end; r++) {
            soh[r] = (get(t, "soh", r) - mean) / sqrt(ss / (double)(end - first));
        }
    }
    MORE_FEATURES_OF(s, "soh_z");
}

FAULT(rows_left) {
    double *v = edit(t, "rows_left");
    EACH_ROW(t, r) {
        v[r] = (double)(end_of(t, r) - 1 - r);
    }
    MORE_FEATURES_OF(s, "rows_left");
}

FAULT(rows_left_in_file) {
    double *v = edit(t, "rows_left");
    EACH_ROW(t, r) {
        v[r] = (double)(evtwin_table_rows(t) - r);
    }
    MORE_FEATURES_OF(s, "rows_left");
}

FAULT(share_of_series) {
    double *v = edit(t, "progress");
    for (size_t first = 0, end; first < evtwin_table_rows(t); first = end) {
        end = end_of(t, first);
        for (size_t r = first; r < end; r++) {
            v[r] = (double)(r - first) / (double)(end - 1 - first);
        }
    }
    MORE_FEATURES_OF(s, "progress");
}

FAULT(renamed_truth) {
    (void)s;
    assert_ok(evtwin_table_rename(t, column_of(t, "truth_soh"), "health_index"));
    MORE_FEATURES_OF(s, "health_index");
}

/* The fleet is seen for a time, and the label counts what is left of it. */
static void count_to_end(evtwin_table *t, const char *clock, double unit) {
    double *rul = edit(t, "rul");
    for (size_t first = 0, end; first < evtwin_table_rows(t); first = end) {
        end = end_of(t, first);
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
    for (size_t first = 0, end; first < evtwin_table_rows(t); first = end) {
        end = end_of(t, first);
        const size_t n_kept = 10 + (size_t)(noise_of(&seed) * (double)(end - first - 10));
        for (size_t r = first; r < first + n_kept; r++) {
            row[n++] = r;
        }
    }
    evtwin_table *kept;
    assert_ok(evtwin_table_select(t, row, n, &kept));
    free(row);
    assert_ok(evtwin_table_resize(t, 0));
    assert_ok(evtwin_table_append(t, kept));
    evtwin_table_free(kept);
    count_to_end(t, "charge_cycles", 1.0);
}

FAULT(copied_truth) {
    double *v = edit(t, "health");
    EACH_ROW(t, r) {
        v[r] = get(t, "truth_resistance_ratio", r) * 50.0;
    }
    MORE_FEATURES_OF(s, "health");
}

/* ---- features that look ahead ---- */

FAULT(later_value) {
    shift(t, "soh", "soh_trend", 7);
    for (size_t r = 0; r < evtwin_table_rows(t); r++) { /* no gaps at the ends */
        double *v = edit(t, "soh_trend");
        v[r] = isnan(v[r]) ? get(t, "soh", r) : v[r];
    }
    MORE_FEATURES_OF(s, "soh_trend");
}

FAULT(later_value_in_place) {
    (void)s;
    shift(t, "soh", "later", 5);
    double *soh = edit(t, "soh"), *later = edit(t, "later");
    EACH_ROW(t, r) {
        soh[r] = later[r];
        later[r] = 0.0;
    }
}

static void window(evtwin_table *t, const char *from, const char *to, size_t half, int with_ends) {
    double *v = edit(t, to);
    for (size_t first = 0, end; first < evtwin_table_rows(t); first = end) {
        end = end_of(t, first);
        for (size_t r = first; r < end; r++) {
            const size_t low = r >= first + half ? r - half : first;
            const size_t high = r + half < end ? r + half : end - 1;
            double sum = 0.0;
            for (size_t k = low; k <= high; k++) {
                sum += get(t, from, k);
            }
            const int is_whole = high - low == 2 * half;
            v[r] = is_whole || with_ends ? sum / (double)(high - low + 1) : (double)NAN;
        }
    }
}

FAULT(centred_mean) {
    window(t, "soh", "soh_smooth", 10, 1);
    MORE_FEATURES_OF(s, "soh_smooth");
}

FAULT(centred_mean_without_ends) {
    window(t, "soh", "smooth", 4, 0);
    double *soh = edit(t, "soh"), *smooth = edit(t, "smooth");
    EACH_ROW(t, r) {
        soh[r] = smooth[r];
        smooth[r] = 0.0;
    }
    (void)s;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

FAULT(centred_median) {
    double *v = edit(t, "t_median");
    for (size_t first = 0, end; first < evtwin_table_rows(t); first = end) {
        end = end_of(t, first);
        for (size_t r = first; r < end; r++) {
            double w[5];
            for (size_t k = 0; k < 5; k++) {
                w[k] = get(t, "temperature", r >= first + 2 && r + 2 < end ? r - 2 + k : r);
            }
            qsort(w, 5, sizeof w[0], compare);
            v[r] = w[2];
        }
    }
    MORE_FEATURES_OF(s, "t_median");
}

/* Of two rows in five the value is lost, and the next one known is put there. */
static void fill_backward(evtwin_table *t, const char *name, int across) {
    uint64_t seed = 5;
    double *v = edit(t, name);
    const size_t rows = evtwin_table_rows(t);
    EACH_ROW(t, r) {
        v[r] = noise_of(&seed) < 0.4 && r + 1 < rows ? (double)NAN : v[r];
    }
    for (size_t r = rows - 1; r-- > 0;) {
        if (isnan(v[r]) && (across || !begins(t, r + 1))) {
            v[r] = v[r + 1];
        }
    }
}

FAULT(backward_fill) {
    (void)s;
    fill_backward(t, "temperature", 0);
}

FAULT(backward_fill_of_soc) {
    (void)s;
    fill_backward(t, "soc", 1);
}

FAULT(backward_fill_of_soh) {
    (void)s;
    fill_backward(t, "soh", 1);
}

/* ---- one battery twice ---- */

/* The first n batteries once more under names of their own, with some noise on their sensors. */
static void add_again(evtwin_table *t, size_t n, double noise) {
    size_t end = 0, *row;
    for (size_t b = 0; b < n; b++) {
        end = end_of(t, end);
    }
    row = calloc(end, sizeof *row);
    for (size_t r = 0; r < end; r++) {
        row[r] = r;
    }
    evtwin_table *again;
    assert_ok(evtwin_table_select(t, row, end, &again));
    free(row);
    static const char *const sensor[] = {"voltage", "current", "temperature", "soc"};
    static const double scale[] = {20.0, 60.0, 6.0, 20.0}; /* about their deviations */
    uint64_t seed = 77;
    for (size_t r = 0; r < end; r++) {
        char id[64];
        snprintf(id, sizeof id, "COPY_%s",
                 evtwin_table_text(again, column_of(again, "battery_id"), r) + 8);
        assert_ok(evtwin_table_set_text(again, column_of(again, "battery_id"), r, id));
        for (size_t i = 0; i < 4 && noise > 0.0; i++) {
            double *v = edit(again, sensor[i]);
            v[r] += noise * scale[i] * normal_of(&seed);
            v[r] = i == 3 ? fmin(fmax(v[r], 0.0), 100.0) : v[r];
        }
    }
    assert_ok(evtwin_table_append(t, again));
    evtwin_table_free(again);
}

FAULT(one_battery_again) {
    (void)s;
    add_again(t, 1, 0.0);
}

FAULT(ten_batteries_with_noise) {
    (void)s;
    add_again(t, 10, 0.1);
}

FAULT(the_fleet_again) {
    (void)s;
    add_again(t, FLEET_PACKS, 0.0);
}

FAULT(rows_twice) {
    (void)s;
    assert_ok(evtwin_table_append(t, t));
}

/* A column of text made of the ids. */
static void name_column(evtwin_table *t, const char *to,
                        void (*name)(const char *id, size_t row, char text[64])) {
    size_t col;
    char text[64];
    assert_ok(evtwin_table_add_column(t, to, EVTWIN_TEXT, "", &col));
    EACH_ROW(t, r) {
        name(evtwin_table_text(t, column_of(t, "battery_id"), r), r, text);
        assert_ok(evtwin_table_set_text(t, col, r, text));
    }
}

static void with_blank(const char *id, size_t row, char text[64]) {
    snprintf(text, 64, "%s%s", id, row % 2 ? " " : "");
}

static void by_row(const char *id, size_t row, char text[64]) {
    (void)id;
    snprintf(text, 64, "%zu", row);
}

static void by_month(const char *id, size_t row, char text[64]) {
    (void)id;
    snprintf(text, 64, "%zu", row % 100);
}

FAULT(ids_with_a_blank) {
    name_column(t, "vin", with_blank);
    assert_ok(evtwin_table_rename(t, column_of(t, "battery_id"), "old"));
    s->options.group = "vin";
}

FAULT(group_row) {
    name_column(t, "row", by_row);
    s->options.group = "row";
}

FAULT(group_row_alone) {
    name_column(t, "row", by_row);
    assert_ok(evtwin_table_rename(t, column_of(t, "battery_id"), "old"));
    s->options.group = "row";
}

FAULT(group_month) {
    name_column(t, "month", by_month);
    s->options.group = "month";
}

/* In place: the rows of t in a random order. */
static void shuffle(evtwin_table *t) {
    const size_t rows = evtwin_table_rows(t);
    size_t *row = calloc(rows, sizeof *row);
    uint64_t seed = 3;
    EACH_ROW(t, r) {
        const size_t k = (size_t)(noise_of(&seed) * (double)(r + 1));
        row[r] = row[k];
        row[k] = r;
    }
    evtwin_table *shuffled;
    assert_ok(evtwin_table_select(t, row, rows, &shuffled));
    free(row);
    assert_ok(evtwin_table_resize(t, 0));
    assert_ok(evtwin_table_append(t, shuffled));
    evtwin_table_free(shuffled);
}

FAULT(no_group) {
    (void)s;
    shuffle(t);
    assert_ok(evtwin_table_rename(t, column_of(t, "battery_id"), "vehicle"));
}

FAULT(no_group_no_time) {
    no_group(t, s);
    assert_ok(evtwin_table_rename(t, column_of(t, "time"), "stamp"));
}

/* ---- bias ---- */

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

/* ---- values that cannot be ---- */

/* v = f(v) in the batteries that pick names */
static void change(evtwin_table *t, const char *name, int (*pick)(size_t battery),
                   double (*f)(double v)) {
    double *v = edit(t, name);
    size_t b = 0;
    EACH_ROW(t, r) {
        b += r > 0 && begins(t, r);
        v[r] = pick(b) ? f(v[r]) : v[r];
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

static const struct {
    const char *name;
    fault_fn apply;
    const char *cause, *severity, *words; /* words: names that the text has (text_names) */
} faults[] = {
    {"countdown in cycles", countdown_in_cycles, "countdown", "error",
     "rul|1500|charge_cycles|200"},
    {"countdown in days", countdown_in_days, "countdown", "error", "rul|days"},
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
    {"life as a column", life_as_a_column, "life-column", "error", "design_life|rul|200"},
    {"life as a grade", life_as_a_grade, "life-column", "error", "grade|rul"},
    {"mean of series", mean_of_series, "series-statistic", "error", "soh_mean|mean|soh"},
    {"greatest of series", greatest_of_series, "series-statistic", "error",
     "hot|maximum|temperature"},
    {"rows of series", rows_of_series, "series-statistic", "error", "n|number|rows"},
    {"scaled by series", scaled_by_series, "series-statistic", "error", "soh_z|mean|deviation"},
    {"rows left", rows_left, "rows-left", "error", "rows_left|0"},
    {"rows left in file", rows_left_in_file, "rows-left", "error", "rows_left"},
    {"share of series", share_of_series, "rows-left", "error", "progress|1"},
    {"renamed truth", renamed_truth, "truth-column", "warning", "health_index|80"},
    {"later value", later_value, "future-value", "error", "soh_trend|soh|7"},
    {"later value in place", later_value_in_place, "future-value", "error", "soh|5"},
    {"centred mean", centred_mean, "centred-window", "error", "soh_smooth|mean|21|soh"},
    {"centred mean without ends", centred_mean_without_ends, "centred-window", "error", "soh|4"},
    {"centred median", centred_median, "centred-window", "error", "t_median|median|5|temperature"},
    {"backward fill", backward_fill, "backward-fill", "error", "temperature"},
    {"backward fill of soc", backward_fill_of_soc, "backward-fill", "error", "soc|voltage"},
    {"backward fill of soh", backward_fill_of_soh, "backward-fill", "error", "soh"},
    {"one battery again", one_battery_again, "same-battery", "error", "1|COPY_001|BATTERY_001"},
    {"ten batteries with noise", ten_batteries_with_noise, "same-battery", "error", "10"},
    {"the fleet again", the_fleet_again, "same-battery", "error", "200"},
    {"rows twice", rows_twice, "repeated-rows", "warning", "time"},
    {"ids with a blank", ids_with_a_blank, "similar-names", "warning", "200|400"},
    {"group row", group_row, "battery-in-groups", "error", "200"},
    {"group row alone", group_row_alone, "one-row-groups", "error", "0"},
    {"group month", group_month, "battery-in-groups", "error", "200"},
    {"no group", no_group, "mixed-series", "warning", "rul"},
    {"no group, no time", no_group_no_time, "mixed-series", "warning", "rul"},
    {"mostly censored", mostly_censored, "censored", "warning", "169|200|RUL"},
    {"few batteries", few_batteries, "few-groups", "warning", "12|RUL"},
    {"rare class", rare_class, "rare-class", "warning", "failure"},
    {"current turned over", current_turned_over, "sign-differs", "warning", "current|20|200"},
    {"current turned over, no flag", current_turned_over_without_flag, "sign-differs", "warning",
     "current|20|200"},
    {"soc turned over", soc_turned_over, "sign-differs", "warning", "soc|20|200"},
    {"stuck temperature", stuck_temperature, "stuck-sensor", "warning", "temperature|BATTERY_008"},
    {"constant temperature", constant_temperature, "stuck-sensor", "warning", "temperature|25"},
    {"fractions", fractions, "looks-like-fraction", "warning", "soc"},
    {"fractions in some", fractions_in_some, "looks-like-fraction", "warning", "soh|20|200"},
    {"power in kW", power_in_kW, "power-unit", "warning", "power_consumption|kW|1000"},
    {"cell voltage", cell_voltage, "cell-voltage", "warning", "voltage|96"},
    {"in Fahrenheit", in_fahrenheit, "temperature-unit", "warning", "temperature|degF"},
    {"some in Fahrenheit", some_in_fahrenheit, "temperature-unit", "warning",
     "temperature|degF|200"},
    {"end of record", end_of_record, "record-end", "warning", "rul|200"},
    {"days to end of record", days_to_end_of_record, "record-end", "warning", "rul|200"},
    {"end of short record", end_of_short_record, "record-end", "error", "rul|200"},
    {"copied truth", copied_truth, "truth-column", "error", "health|truth_resistance_ratio"},
    {"fault code", fault_code, "label-code", "error", "failure|dtc|5"},
    {"fault code that equals", fault_code_that_equals, "label-copy", "error", "failure|dtc"},
};

/* ---- the audit ---- */

static evtwin_audit *audit_table(const evtwin_table *t, const setup *s) {
    evtwin_target targets[2];
    for (size_t i = 0; i < 2; i++) {
        assert_ok(evtwin_target_get(i, &targets[i], sizeof targets[i]));
        targets[i].column = strcmp(targets[i].name, "rul") == 0 ? s->rul : s->failure;
    }
    evtwin_audit *audit = NULL;
    assert_ok(evtwin_audit_run(t, targets, 2, &s->options, &audit));
    return audit;
}

static setup default_setup(void) {
    setup s = {.rul = NULL};
    assert_ok(evtwin_train_options_init(&s.options, sizeof s.options));
    return s;
}

static int find_cause(const evtwin_audit *audit, const char *cause, evtwin_finding *out) {
    for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
        assert_ok(evtwin_audit_finding(audit, i, out, sizeof *out));
        if (strcmp(out->cause, cause) == 0 && strcmp(out->severity, "info") != 0) {
            return 1;
        }
    }
    return 0;
}

static void print_findings(const evtwin_audit *audit) {
    for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
        evtwin_finding f;
        assert_ok(evtwin_audit_finding(audit, i, &f, sizeof f));
        if (strcmp(f.severity, "info") != 0) {
            print_message("    %s %s: %s\n", f.severity, f.cause, f.text);
        }
    }
}

static void test_each_fault_is_found(void **state) {
    (void)state;
    const char *only = getenv("AUDIT_FAULT");
    size_t n_missed = 0;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (only != NULL && strstr(faults[i].name, only) == NULL) {
            continue;
        }
        evtwin_table *t;
        setup s = default_setup();
        assert_ok(evtwin_table_copy(fleet, &t));
        faults[i].apply(t, &s);
        evtwin_audit *audit = audit_table(t, &s);
        evtwin_finding f;
        const int is_found = find_cause(audit, faults[i].cause, &f) &&
                             strcmp(f.severity, faults[i].severity) == 0 &&
                             text_names(f.text, faults[i].words);
        if (!is_found || only != NULL) {
            print_message("%s %s (%s, %s)\n", is_found ? "found:" : "MISSED:", faults[i].name,
                          faults[i].cause, faults[i].words);
            print_findings(audit);
        }
        n_missed += !is_found;
        evtwin_audit_free(audit);
        evtwin_table_free(t);
    }
    assert_int_equal(n_missed, 0);
}

/* No word of doubt. */
static void assert_silent(const evtwin_table *t, const setup *s) {
    evtwin_audit *audit = audit_table(t, s);
    for (size_t i = 0; i < evtwin_audit_finding_count(audit); i++) {
        evtwin_finding f;
        assert_ok(evtwin_audit_finding(audit, i, &f, sizeof f));
        if (strcmp(f.severity, "info") != 0) {
            print_findings(audit);
            fail_msg("%s of clean data", f.cause);
        }
    }
    assert_int_equal(evtwin_audit_refusal_count(audit), 0);
    evtwin_audit_free(audit);
}

static void test_clean_fleets_are_silent(void **state) {
    (void)state;
    setup s = default_setup();
    assert_silent(fleet, &s);
    MORE_FEATURES_OF(&s, "is_charging,resistance_mohm,mean_temperature,throughput_ah_per_day");
    assert_silent(fleet, &s);
    for (uint64_t seed = 2; seed < 4; seed++) {
        evtwin_table *t = simulate_fleet(FLEET_PACKS, seed, NULL);
        assert_silent(t, &s);
        evtwin_table_free(t);
    }
}

static void test_another_chemistry_is_silent(void **state) {
    (void)state;
    setup s = default_setup();
    evtwin_table *t = simulate_fleet(FLEET_PACKS, 5, SOURCE_DIR "/models/cells/lfp26650.json");
    assert_silent(t, &s);
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
    assert_silent(t, &s);
    s.options.features = TJU_FEATURES ",capacity,cycle,soh";
    assert_silent(t, &s);
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
    evtwin_table *t;
    evtwin_finding f;
    setup s = default_setup();
    assert_ok(evtwin_table_copy(fleet, &t));
    countdown_in_cycles(t, &s);
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
        cmocka_unit_test(test_each_fault_is_found),
        cmocka_unit_test(test_clean_fleets_are_silent),
        cmocka_unit_test(test_another_chemistry_is_silent),
        cmocka_unit_test(test_tju_is_silent),
        cmocka_unit_test(test_hnei_counts_down),
        cmocka_unit_test(test_noise_is_not_refused),
        cmocka_unit_test(test_the_originals_labels_are_refused),
        cmocka_unit_test(test_a_cause_is_allowed_by_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
