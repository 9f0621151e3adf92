/* SPDX-License-Identifier: MIT */
/* /api/fleet/trends: bins hold every battery once, and months follow from the present use. */

#include "serve_one.h"

#define DAY (86400 * INT64_C(1000000))

static int64_t now_us;

/* A row of a battery so many days ago. */
static void add(evtwin_table *table, const char *id, double days_ago, int64_t cycles, double soh,
                double rul, double sim_days) {
    const record r = {
        id, now_us - (int64_t)(days_ago * (double)DAY), cycles, 80, soh, 30, rul, 0.1, NULL};
    add_record(table, &r);
    const size_t row = evtwin_table_rows(table) - 1;
    assert_ok(evtwin_table_set_i64(table, evtwin_table_find(table, "charge_cycles"), row, cycles));
    if (!isnan(sim_days)) {
        set_number(table, "sim_time_s", sim_days * 86400.0);
    }
}

static int setup(void **state) {
    (void)state;
    now_us = evtwin_time_now();
    evtwin_table *table = NULL;
    assert_ok(evtwin_telemetry_table_create(&table));
    /* 1 cycle a day, 60 left to the limit of 100; before the window it was used more */
    add(table, "by-time", 200, 0, 99, 900, NAN);
    add(table, "by-time", 20, 300, 91.5, 500, NAN);
    add(table, "by-time", 0, 320, 91, 160, NAN);
    /* 2 a day of its physics clock, which has run 30 days in one hour */
    add(table, "by-physics", 1.0 / 24.0, 300, 90, 500, 100);
    add(table, "by-physics", 0, 360, 90, 220, 130);
    /* beyond two years */
    add(table, "later", 20, 300, 92.5, 5000, NAN);
    add(table, "later", 0, 303, 92.5, 4900, NAN);
    /* too few cycles; counts and clocks that began anew; never predicted; one row */
    add(table, "u-few", 20, 300, 93, 500, NAN);
    add(table, "u-few", 0, 302, 93, 500, NAN);
    add(table, "u-counts", 20, 300, 94, 500, NAN);
    add(table, "u-counts", 0, 5, 94, 500, NAN);
    add(table, "u-clock", 20, 300, 95, 500, 900);
    add(table, "u-clock", 0, 310, 95, 500, 5);
    add(table, "u-rul", 20, 300, 96, NAN, NAN);
    add(table, "u-rul", 0, 320, NAN, NAN, NAN);
    add(table, "u-one", 0, 320, 100, 500, NAN);
    /* needs service already */
    add(table, "z-now", 20, 300, 80, 90, NAN);
    add(table, "z-now", 0, 310, 80, 80, NAN);
    const char *uri = fresh_uri("trends.db");
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    assert_ok(evtwin_store_insert(store, table, NULL, 0));
    evtwin_store_free(store);
    evtwin_table_free(table);
    serve(uri);
    return 0;
}

static int whole(const json_t *value, const char *path) {
    return (int)json_integer_value(json_at(value, path));
}

/* "2027-01" of a time. */
static void month_text(int64_t time_us, char text[EVTWIN_TIME_TEXT_SIZE]) {
    assert_ok(evtwin_time_format(time_us, text, EVTWIN_TIME_TEXT_SIZE));
    text[7] = '\0';
}

static int count_of(const json_t *v, const char *month) {
    size_t i;
    json_t *due;
    json_array_foreach(json_at(v, "due"), i, due) {
        if (strcmp(json_string_value(json_at(due, "date")), month) == 0) {
            return whole(due, "count");
        }
    }
    return -1;
}

static void test_due(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/fleet/trends", 200);
    char month[EVTWIN_TIME_TEXT_SIZE];
    assert_int_equal(whole(v, "batteries"), 9);
    assert_int_equal(whole(v, "due_now"), 1);
    assert_int_equal(whole(v, "due_later"), 1);
    assert_int_equal(whole(v, "due_unknown"), 5);
    assert_int_equal(json_array_size(json_at(v, "due")), 24);
    month_text(now_us, month);
    assert_string_equal(json_string_value(json_at(v, "due.0.date")), month);
    month_text(now_us + 60 * DAY, month); /* both */
    assert_int_equal(count_of(v, month), 2);
    json_decref(v);
}

/* The bins follow each other without a gap and hold what is known. */
static void assert_bins(const json_t *v, const char *name, int n_known) {
    char unknown[32];
    snprintf(unknown, sizeof unknown, "%s_unknown", name);
    assert_int_equal(whole(v, unknown), whole(v, "batteries") - n_known);
    size_t i;
    json_t *bin;
    int n = 0;
    double end = NAN;
    assert_true(json_array_size(json_at(v, name)) <= 20);
    json_array_foreach(json_at(v, name), i, bin) {
        assert_true(i == 0 || json_number_value(json_at(bin, "from")) == end);
        end = json_number_value(json_at(bin, "to"));
        n += whole(bin, "count");
    }
    assert_int_equal(n, n_known);
}

static void test_distributions(void **state) {
    (void)state;
    json_t *v = client_json(port, "/api/fleet/trends", 200);
    assert_bins(v, "soh", 8);
    assert_bins(v, "rul", 8);
    /* 80 to 100: from 80 on in ones, the highest value in the last of them */
    assert_near(json_number_value(json_at(v, "soh.0.from")), 80, 0);
    assert_near(json_number_value(json_at(v, "soh.19.to")), 100, 0);
    assert_int_equal(whole(v, "soh.19.count"), 1);
    json_decref(v);
}

static void test_no_batteries(void **state) {
    (void)state;
    const char *uri = fresh_uri("none.db");
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open(uri, NULL, &store));
    evtwin_store_free(store);
    evtwin_server *other = start_server(uri, NULL);
    json_t *v = client_json(evtwin_server_port(other), "/api/fleet/trends", 200);
    assert_int_equal(whole(v, "batteries"), 0);
    assert_int_equal(json_array_size(json_at(v, "soh")), 0);
    assert_int_equal(json_array_size(json_at(v, "due")), 24);
    json_decref(v);
    json_decref(client_json(evtwin_server_port(other), "/api/fleet/trends?x=1", 400));
    evtwin_server_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_no_batteries),
    };
    if (!CLIENT_HAS_SERVER || !has_kind_of_store()) {
        print_message("skipped: this build has no HTTP server or no store\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
