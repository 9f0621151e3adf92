/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/test_audit_identity.c: one battery on both sides of the split. */

#include "test.h"

#include "audit_faults.h"

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
    add_again(t, 80, 0.0);
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
    keep_rows(t, row, rows);
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

/* ---- of the same kinds ---- */

/* The copies only, of the first n batteries, are rows from `from` to the end. */
FAULT(another_year) {
    (void)s;
    const size_t before = evtwin_table_rows(t);
    add_again(t, 5, 0.0);
    int64_t *time_us = evtwin_table_i64_edit(t, column_of(t, "time"));
    for (size_t r = before; r < evtwin_table_rows(t); r++) {
        time_us[r] += INT64_C(400) * 86400 * 1000000;
    }
}

/* The copy begins some rows later. */
FAULT(twin_that_begins_later) {
    (void)s;
    const size_t before = evtwin_table_rows(t);
    add_again(t, 5, 0.0);
    size_t *row = calloc(evtwin_table_rows(t), sizeof *row), n = 0, in_battery = 0;
    EACH_ROW(t, r) {
        in_battery = begins(t, r) ? 0 : in_battery + 1;
        if (r < before || in_battery >= 13) {
            row[n++] = r;
        }
    }
    keep_rows(t, row, n);
}

/* Every row twice, the second time under the name of another battery. */
FAULT(rows_twice_under_other_names) {
    (void)s;
    const size_t rows = evtwin_table_rows(t);
    evtwin_table *again;
    char id[64];
    assert_ok(evtwin_table_copy(t, &again));
    for (size_t r = 0; r < rows; r++) {
        const int battery = atoi(evtwin_table_text(again, column_of(again, "battery_id"), r) + 8);
        snprintf(id, sizeof id, "BATTERY_%03d", (battery * 7 + 3) % 80 + 1);
        assert_ok(evtwin_table_set_text(again, column_of(again, "battery_id"), r, id));
    }
    assert_ok(evtwin_table_append(t, again));
    evtwin_table_free(again);
}

/* Copies whose sensors are calibrated otherwise, and whose label is rounded. */
FAULT(twins_by_other_sensors) {
    (void)s;
    const size_t before = evtwin_table_rows(t);
    add_again(t, 5, 0.0);
    double *voltage = edit(t, "voltage"), *temperature = edit(t, "temperature");
    double *rul = edit(t, "rul");
    for (size_t r = before; r < evtwin_table_rows(t); r++) {
        voltage[r] = round(10.0 * (1.01 * voltage[r] + 1.0)) / 10.0;
        temperature[r] += 1.5;
        rul[r] = round(rul[r]);
    }
}

/* Each row again a minute later. */
FAULT(rows_twice_at_another_time) {
    (void)s;
    const size_t rows = evtwin_table_rows(t);
    assert_ok(evtwin_table_append(t, t));
    int64_t *time_us = evtwin_table_i64_edit(t, column_of(t, "time"));
    for (size_t r = rows; r < 2 * rows; r++) {
        time_us[r] += INT64_C(60) * 1000000;
    }
}

static void with_dash(const char *id, size_t row, char text[64]) {
    snprintf(text, 64, "BATTERY%c%s", row % 2 ? '-' : '_', id + 8);
}

static void full_width(const char *id, size_t row, char text[64]) {
    snprintf(text, 64, "%s%s", row % 2 ? "\xef\xbc\xa2" : "B", id + 1);
}

static void with_accent(const char *id, size_t row, char text[64]) {
    snprintf(text, 64, "B%s%s", row % 2 ? "\xc3\xb6" : "o\xcc\x88", id + 7);
}

static void set_names(evtwin_table *t, setup *s,
                      void (*name)(const char *id, size_t row, char text[64])) {
    name_column(t, "vin", name);
    assert_ok(evtwin_table_rename(t, column_of(t, "battery_id"), "old"));
    s->options.group = "vin";
}

FAULT(ids_with_a_dash) {
    set_names(t, s, with_dash);
}

FAULT(ids_in_full_width) {
    set_names(t, s, full_width);
}

FAULT(ids_with_an_accent) {
    set_names(t, s, with_accent);
}

/* Each row is a battery by itself, and there twice. */
FAULT(single_rows_twice) {
    assert_ok(evtwin_table_append(t, t));
    name_column(t, "row", by_row);
    assert_ok(evtwin_table_rename(t, column_of(t, "battery_id"), "old"));
    s->options.group = "row";
    s->options.allow_single_rows = 1;
}

static const fault faults[] = {
    {"one battery again", one_battery_again, "same-battery", "error", "1|COPY_001|BATTERY_001"},
    {"ten batteries with noise", ten_batteries_with_noise, "same-battery", "error", "10"},
    {"the fleet again", the_fleet_again, "same-battery", "error", "80"},
    {"rows twice", rows_twice, "repeated-rows", "warning", "time"},
    {"ids with a blank", ids_with_a_blank, "similar-names", "warning", "80|160"},
    {"group row", group_row, "battery-in-groups", "error", "80"},
    {"group row alone", group_row_alone, "one-row-groups", "error", "0"},
    {"group month", group_month, "battery-in-groups", "error", "80"},
    {"no group", no_group, "mixed-series", "warning", "rul"},
    {"no group, no time", no_group_no_time, "mixed-series", "warning", "rul"},
    {"another year", another_year, "same-battery", "error", "5"},
    {"twin that begins later", twin_that_begins_later, "same-battery", "error", "5"},
    {"twins by other sensors", twins_by_other_sensors, "same-battery", "error", "5"},
    {"rows twice at another time", rows_twice_at_another_time, "repeated-rows", "warning", "time"},
    {"single rows twice", single_rows_twice, "repeated-rows", "warning", "held-out"},
    {"ids with a dash", ids_with_a_dash, "similar-names", "warning", "80|160"},
    {"ids in full width", ids_in_full_width, "similar-names", "warning", "80|160"},
    {"ids with an accent", ids_with_an_accent, "similar-names", "warning", "80|160"},
    {"rows twice under other names", rows_twice_under_other_names, "repeated-rows", "warning", ""},
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
