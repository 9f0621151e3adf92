/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit_ahead.c: features that know later rows: windows, shifts, fills,
 * statistics of the whole series. */

#include "test.h"

#include "audit_faults.h"

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
    EACH_BATTERY(t, first, end) {
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
    EACH_BATTERY(t, first, end) {
        for (size_t r = first; r < end; r++) {
            v[r] = (double)(r - first) / (double)(end - 1 - first);
        }
    }
    MORE_FEATURES_OF(s, "progress");
}

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
    EACH_BATTERY(t, first, end) {
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
    EACH_BATTERY(t, first, end) {
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

/* ---- of the same kinds ---- */

/* The column itself is replaced, also where the record ends. */
static void replace_by(evtwin_table *t, const char *column, const char *made) {
    double *to = edit(t, column), *from = edit(t, made);
    EACH_ROW(t, r) {
        to[r] = from[r];
        from[r] = 0.0;
    }
}

FAULT(centred_mean_in_place) {
    (void)s;
    window(t, "soh", "w", 5, 1);
    replace_by(t, "soh", "w");
}

FAULT(narrow_mean_in_place) {
    (void)s;
    window(t, "temperature", "w", 1, 1);
    replace_by(t, "temperature", "w");
}

FAULT(centred_mean_of_voltage_in_place) {
    (void)s;
    window(t, "voltage", "w", 3, 1);
    replace_by(t, "voltage", "w");
}

static void median_window(evtwin_table *t, const char *from, const char *to, size_t half) {
    double *v = edit(t, to);
    EACH_BATTERY(t, first, end) {
        for (size_t r = first; r < end; r++) {
            const size_t low = r >= first + half ? r - half : first;
            const size_t high = r + half < end ? r + half : end - 1, n = high - low + 1;
            double w[64];
            for (size_t k = 0; k < n; k++) {
                w[k] = get(t, from, low + k);
            }
            qsort(w, n, sizeof w[0], compare);
            v[r] = 0.5 * (w[n / 2] + w[(n - 1) / 2]);
        }
    }
}

FAULT(centred_median_in_place) {
    (void)s;
    median_window(t, "soh", "w", 3);
    replace_by(t, "soh", "w");
}

FAULT(centred_median_of_temperature_in_place) {
    (void)s;
    median_window(t, "temperature", "w", 2);
    replace_by(t, "temperature", "w");
}

/* Weights of a bell, half of them on later rows. */
static void bell(evtwin_table *t, const char *from, const char *to) {
    double *v = edit(t, to);
    EACH_BATTERY(t, first, end) {
        for (size_t r = first; r < end; r++) {
            double sum = 0.0, weights = 0.0;
            for (size_t k = r >= first + 6 ? r - 6 : first; k < end && k <= r + 6; k++) {
                const double d = ((double)k - (double)r) / 2.0, weight = exp(-0.5 * d * d);
                sum += weight * get(t, from, k);
                weights += weight;
            }
            v[r] = sum / weights;
        }
    }
}

FAULT(bell_window) {
    bell(t, "soh", "soh_bell");
    MORE_FEATURES_OF(s, "soh_bell");
}

static void smooth_backward(evtwin_table *t, const char *from, const char *to, double alpha) {
    double *v = edit(t, to);
    for (size_t r = evtwin_table_rows(t); r-- > 0;) {
        const int is_last = r + 1 == evtwin_table_rows(t) || begins(t, r + 1);
        v[r] = is_last ? get(t, from, r) : alpha * get(t, from, r) + (1.0 - alpha) * v[r + 1];
    }
}

FAULT(smoothed_backward) {
    smooth_backward(t, "soh", "soh_ewm", 0.2);
    MORE_FEATURES_OF(s, "soh_ewm");
}

FAULT(smoothed_backward_in_place) {
    (void)s;
    smooth_backward(t, "voltage", "w", 0.3);
    replace_by(t, "voltage", "w");
}

FAULT(mean_of_next_rows) {
    double *v = edit(t, "soh_next");
    EACH_BATTERY(t, first, end) {
        for (size_t r = first; r < end; r++) {
            size_t n = 0;
            v[r] = 0.0;
            for (size_t k = r; k < end && k < r + 14; k++, n++) {
                v[r] += get(t, "soh", k);
            }
            v[r] /= (double)n;
        }
    }
    MORE_FEATURES_OF(s, "soh_next");
}

FAULT(later_change) {
    shift(t, "soh", "fade", 6);
    double *v = edit(t, "fade");
    EACH_ROW(t, r) {
        v[r] = isnan(v[r]) ? 0.0 : v[r] - get(t, "soh", r); /* no gaps at the ends */
    }
    MORE_FEATURES_OF(s, "fade");
}

FAULT(next_value) {
    shift(t, "soh", "soh_next", 1);
    MORE_FEATURES_OF(s, "soh_next");
}

FAULT(later_value_in_place_filled) {
    (void)s;
    shift(t, "soh", "w", 7);
    double *v = edit(t, "w");
    EACH_ROW(t, r) {
        v[r] = isnan(v[r]) ? v[r - 1] : v[r];
    }
    replace_by(t, "soh", "w");
}

/* ---- statistics that are rounded, in another unit, or of other kinds ---- */

static double median_of(const evtwin_table *t, const char *name, size_t first, size_t end) {
    const size_t n = end - first;
    double *v = calloc(n, sizeof *v);
    for (size_t k = 0; k < n; k++) {
        v[k] = get(t, name, first + k);
    }
    qsort(v, n, sizeof *v, compare);
    const double median = 0.5 * (v[n / 2] + v[(n - 1) / 2]);
    free(v);
    return median;
}

static double rounded_mean(const evtwin_table *t, size_t first, size_t end) {
    return round(100.0 * mean_of_soh(t, first, end)) / 100.0;
}

static double median_voltage(const evtwin_table *t, size_t first, size_t end) {
    return median_of(t, "voltage", first, end);
}

static double range_of_temperature(const evtwin_table *t, size_t first, size_t end) {
    double least = INFINITY;
    for (size_t r = first; r < end; r++) {
        least = fmin(least, get(t, "temperature", r));
    }
    return hottest(t, first, end) - least;
}

static double hours_of_series(const evtwin_table *t, size_t first, size_t end) {
    (void)first;
    return get(t, "sim_time_s", end - 1) / 3600.0;
}

FAULT(rounded_mean_of_series) {
    each_battery(t, "soh_mean", rounded_mean);
    MORE_FEATURES_OF(s, "soh_mean");
}

FAULT(median_of_series) {
    each_battery(t, "usual", median_voltage);
    MORE_FEATURES_OF(s, "usual");
}

FAULT(range_of_series) {
    each_battery(t, "swing", range_of_temperature);
    MORE_FEATURES_OF(s, "swing");
}

FAULT(last_value_in_hours) {
    each_battery(t, "hours", hours_of_series);
    MORE_FEATURES_OF(s, "hours");
}

FAULT(percent_of_range_of_series) {
    double *v = edit(t, "position");
    EACH_BATTERY(t, first, end) {
        const double most = hottest(t, first, end);
        const double range = range_of_temperature(t, first, end);
        for (size_t r = first; r < end; r++) {
            v[r] = round(1e4 * (1.0 - (most - get(t, "temperature", r)) / range)) / 100.0;
        }
    }
    MORE_FEATURES_OF(s, "position");
}

static double most_of(const double *v, size_t n) {
    double most = v[0];
    for (size_t i = 1; i < n; i++) {
        most = fmax(most, v[i]);
    }
    return most;
}

static double deviation_of(const double *v, size_t n) {
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += v[i];
    }
    for (size_t i = 0; i < n; i++) {
        squares += (v[i] - sum / (double)n) * (v[i] - sum / (double)n);
    }
    return sqrt(squares / (double)n);
}

/* Of rows r - half to r + half. */
static void summarise(evtwin_table *t, const char *from, const char *to, size_t half,
                      double (*of)(const double *v, size_t n)) {
    double *v = edit(t, to);
    EACH_BATTERY(t, first, end) {
        for (size_t r = first; r < end; r++) {
            double w[64];
            size_t n = 0;
            for (size_t k = r >= first + half ? r - half : first; k < end && k <= r + half; k++) {
                w[n++] = get(t, from, k);
            }
            v[r] = of(w, n);
        }
    }
}

FAULT(centred_maximum) {
    summarise(t, "voltage", "v_max", 2, most_of);
    MORE_FEATURES_OF(s, "v_max");
}

FAULT(centred_deviation) {
    summarise(t, "voltage", "v_std", 4, deviation_of);
    MORE_FEATURES_OF(s, "v_std");
}

static const fault faults[] = {
    {"mean of series", mean_of_series, "series-statistic", "error", "soh_mean|mean|soh"},
    {"greatest of series", greatest_of_series, "series-statistic", "error",
     "hot|maximum|temperature"},
    {"rows of series", rows_of_series, "series-statistic", "error", "n|number|rows"},
    {"scaled by series", scaled_by_series, "series-statistic", "error", "soh_z|mean|deviation"},
    {"rounded mean of series", rounded_mean_of_series, "series-statistic", "error",
     "soh_mean|mean|soh"},
    {"median of series", median_of_series, "series-statistic", "error", "usual|median|voltage"},
    {"range of series", range_of_series, "series-statistic", "error", "swing|range|temperature"},
    {"last value in hours", last_value_in_hours, "series-statistic", "error", "hours|sim_time_s"},
    {"percent of range of series", percent_of_range_of_series, "series-statistic", "error",
     "position|minimum|100"},
    {"rows left", rows_left, "rows-left", "error", "rows_left|0"},
    {"rows left in file", rows_left_in_file, "rows-left", "error", "rows_left"},
    {"share of series", share_of_series, "rows-left", "error", "progress|1"},
    {"later value", later_value, "future-value", "error", "soh_trend|soh|7"},
    {"later value in place", later_value_in_place, "future-value", "error", "soh|5"},
    {"centred mean", centred_mean, "centred-window", "error", "soh_smooth|mean|21|soh"},
    {"centred mean without ends", centred_mean_without_ends, "centred-window", "error", "soh|4"},
    {"centred median", centred_median, "centred-window", "error", "t_median|median|5|temperature"},
    {"backward fill", backward_fill, "backward-fill", "error", "temperature"},
    {"backward fill of soc", backward_fill_of_soc, "backward-fill", "error", "soc|voltage"},
    {"backward fill of soh", backward_fill_of_soh, "backward-fill", "error", "soh"},
    {"centred mean in place", centred_mean_in_place, "centred-window", "error", "soh|mean|11"},
    {"narrow mean in place", narrow_mean_in_place, "centred-window", "error", "temperature|mean|3"},
    {"centred mean of voltage in place", centred_mean_of_voltage_in_place, "centred-window",
     "error", "voltage|mean|7"},
    {"centred median in place", centred_median_in_place, "centred-window", "error", "soh|median"},
    {"centred median of temperature in place", centred_median_of_temperature_in_place,
     "centred-window", "error", "temperature|median"},
    {"centred maximum", centred_maximum, "centred-window", "error", "v_max|maximum|5|voltage"},
    {"centred deviation", centred_deviation, "centred-window", "error",
     "v_std|standard deviation|9|voltage"},
    {"bell window", bell_window, "future-value", "error", "soh_bell|soh"},
    {"smoothed backward", smoothed_backward, "future-value", "error", "soh_ewm|0.2"},
    {"smoothed backward in place", smoothed_backward_in_place, "future-value", "error", "voltage"},
    {"mean of next rows", mean_of_next_rows, "future-value", "error", "soh_next|14|soh"},
    {"later change", later_change, "future-value", "error", "fade|soh|6"},
    {"next value", next_value, "future-value", "error", "soh_next|soh|1"},
    {"later value in place, filled", later_value_in_place_filled, "future-value", "error", "soh|7"},
};

static void test_each_fault_is_found(void **state) {
    (void)state;
    evtwin_table *fleet = simulate_records(80, 1, NULL, 25.0);
    assert_found(fleet, faults, sizeof faults / sizeof faults[0]);
    evtwin_table_free(fleet);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fault_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
