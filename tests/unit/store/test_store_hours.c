/* SPDX-License-Identifier: MIT */
/* Statistics come from sums of whole hours: they must equal what the rows say, whoever wrote,
 * changed or deleted them, in whatever order. */

#include "store_kinds.h"
#include "store_rows.h"

#include "store/backend.h"

#include <math.h>

#define HOUR_US (3600 * SECOND)

/* The store; another program works on it, too, whose statements fire the triggers. */
static char store_uri[320];

static double ask(const char *sql) {
    return ask_sql(store_uri, sql);
}

static void run(const char *sql) {
    run_sql(store_uri, sql);
}

static void assert_same(double is, double must, const char *what, const char *where) {
    if (isnan(is) != isnan(must) || fabs(is - must) > 1e-12 * fmax(1.0, fabs(must))) {
        fail_msg("%s of %s: %.17g, and the rows say %.17g", what, where, is, must);
    }
}

/* The store's statistics are those of its rows. */
static void assert_stats(evtwin_store *store, const char *id, int64_t from_us, int64_t to_us) {
    evtwin_store_stats s = {.size = sizeof s};
    const evtwin_status st = evtwin_store_stats_get(store, id, from_us, to_us, &s, sizeof s);
    assert_true(st >= 0);
    char from[EVTWIN_TIME_TEXT_SIZE], to[EVTWIN_TIME_TEXT_SIZE], where[200], sql[400];
    assert_ok(evtwin_time_format(from_us, from, sizeof from));
    assert_ok(evtwin_time_format(to_us, to, sizeof to));
    snprintf(where, sizeof where,
             "ev_telemetry WHERE battery_id = '%s' AND time BETWEEN '%s' AND '%s'", id, from, to);
    const struct {
        const char *of;
        double value;
    } answers[] = {{"count(*)", (double)s.total_records},
                   {"avg(soc)", s.avg_soc},
                   {"min(soc)", s.min_soc},
                   {"max(soc)", s.max_soc},
                   {"avg(soh)", s.avg_soh},
                   {"avg(temperature)", s.avg_temperature},
                   {"max(temperature)", s.max_temperature},
                   {"avg(voltage)", s.avg_voltage},
                   {"avg(current)", s.avg_current},
                   {"max(charge_cycles)", s.total_cycles},
                   {"avg(rul_prediction)", s.avg_rul},
                   {"avg(failure_probability)", s.avg_failure_risk}};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        snprintf(sql, sizeof sql, "SELECT %s FROM %s", answers[i].of, where);
        assert_same(answers[i].value, ask(sql), answers[i].of, where);
    }
    assert_int_equal(st, s.total_records > 0 ? EVTWIN_OK : EVTWIN_DONE);
}

/* A number that follows from the ones before it. */
static uint64_t draw(uint64_t below) {
    static uint64_t x = 42;
    x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (x >> 33) % below;
}

static const char *some_battery(void) {
    static const char *const ids[] = {"A", "B"};
    return ids[draw(2)];
}

static int64_t some_time(void) {
    return t0 + (int64_t)draw(8) * HOUR_US + (int64_t)draw(120) * 30 * SECOND;
}

/* All the windows that have an edge of their own: on an hour, beside it, within one, none. */
static void assert_all_stats(evtwin_store *store) {
    for (int i = 0; i < 6; i++) {
        const int64_t from = some_time() - (int64_t)draw(2), to = some_time() - (int64_t)draw(2);
        assert_stats(store, some_battery(), from < to ? from : to, from < to ? to : from);
    }
    assert_stats(store, "A", t0, t0 + 8 * HOUR_US);
    assert_stats(store, "B", t0 + HOUR_US, t0 + 2 * HOUR_US - 1);
    assert_stats(store, "A", t0 - 400 * DAY, t0 + 400 * DAY);
}

static void insert_some(evtwin_store *store, size_t n) {
    static int64_t seq;
    evtwin_table *rows = empty_rows();
    const int64_t start = some_time(); /* now and then late */
    for (size_t i = 0; i < n; i++) {
        add_row(rows, some_battery(), start + (int64_t)i * 7 * SECOND, seq++);
        if (draw(10) == 0) {
            assert_ok(evtwin_table_set_f64(rows, need(rows, "soc"), i, NAN));
        }
    }
    (void)insert_new(store, rows);
}

static void predict_some(evtwin_store *store, size_t n) {
    evtwin_table *rows = NULL;
    if (evtwin_store_unpredicted(store, n, &rows) == EVTWIN_OK) {
        size_t rul, failure;
        assert_ok(evtwin_table_add_column(rows, "rul_prediction", EVTWIN_F64, NULL, &rul));
        assert_ok(evtwin_table_add_column(rows, "failure_probability", EVTWIN_F64, NULL, &failure));
        for (int again = 0; again < 2; again++) { /* the second replaces the first */
            for (size_t i = 0; i < evtwin_table_rows(rows); i++) {
                assert_ok(evtwin_table_set_f64(rows, rul, i, (double)draw(1000)));
                assert_ok(evtwin_table_set_f64(rows, failure, i, (double)draw(100) / 100.0));
            }
            assert_ok(evtwin_store_put_predictions(store, rows, NULL, NULL));
        }
        evtwin_table_free(rows);
    }
}

/* What another program may do to rows; where nobody else does it, it gives the revision. */
static void write_elsewhere(void) {
    static const char *const texts[] = {
        "UPDATE ev_telemetry SET soc = soc - 1 WHERE seq % 17 = 3",
        "UPDATE ev_telemetry SET rul_prediction = 7, failure_probability = NULL WHERE seq % 19 = 3",
        "DELETE FROM ev_telemetry WHERE seq % 23 = 3",
    };
    static const char *const of_sqlite[] = {
        "UPDATE OR IGNORE ev_telemetry SET time = substr(time, 1, 11) || '03' || substr(time, 14)"
        " WHERE seq % 29 = 3",
        "INSERT OR IGNORE INTO ev_telemetry (time, battery_id, soc, seq, created_at, revision)"
        " SELECT '2026-01-01T05:06:07.000000Z', 'B', 12.5, max(seq) + 1000, max(created_at),"
        " max(revision) + 1000 FROM ev_telemetry"};
    static const char *const of_postgres[] = {
        "UPDATE ev_telemetry SET time = time + interval '0.000001 s' WHERE seq % 29 = 3",
        "INSERT INTO ev_telemetry (time, battery_id, soc)"
        " VALUES ('2026-01-01T05:06:07.000000Z', 'B', 12.5)"};
    const uint64_t which = draw(5);
    run(which < 3 ? texts[which] : on_postgres() ? of_postgres[which - 3] : of_sqlite[which - 3]);
    if (!on_postgres()) {
        run("UPDATE ev_revision SET revision = (SELECT max(revision) FROM ev_telemetry)");
    }
}

static evtwin_store *open_both(const char *name) {
    snprintf(store_uri, sizeof store_uri, "%s", fresh_uri(name));
    return open_store(store_uri);
}

static void test_sums_equal_rows(void **state) {
    (void)state;
    evtwin_store *store = open_both("hours.db");
    assert_all_stats(store);
    for (int round = 0; round < 40; round++) {
        insert_some(store, 1 + draw(40));
        assert_all_stats(store);
        predict_some(store, 1 + draw(60));
        assert_all_stats(store);
        write_elsewhere();
        assert_all_stats(store);
    }

    /* and it comes from sums once writes have had the time to make them */
    if (on_postgres()) { /* which has none */
        evtwin_store_free(store);
        return;
    }
    evtwin_table *rows = empty_rows();
    for (int64_t i = 0; i < 600; i++) {
        add_row(rows, "A", t0 + 20 * HOUR_US + i * SECOND, i);
    }
    (void)insert_new(store, rows);
    assert_all_stats(store);
    assert_int_equal(ask("SELECT count(*) FROM ev_hour WHERE records IS NULL"), 1);
    assert_true(ask("SELECT count(*) FROM ev_hour WHERE records IS NOT NULL") > 6);
    run("UPDATE ev_hour SET sum_soc = sum_soc + 1e6 * records WHERE records > 0");
    evtwin_store_stats s = {.size = sizeof s};
    assert_ok(evtwin_store_stats_get(store, "A", t0, t0 + 8 * HOUR_US, &s, sizeof s));
    assert_true(s.avg_soc > 1e5);
    evtwin_store_free(store);
}

/* Ids that the library cannot read, or does not have: their hours stand before all others. */
static void test_ids_of_other_programs_do_not_stop_it(void **state) {
    (void)state;
    only_on_sqlite();
    evtwin_store *store = open_both("strange-hours.db");
    evtwin_table *rows = empty_rows();
    for (int64_t i = 0; i < 6; i++) {
        add_row(rows, "A", t0 + i * HOUR_US, i);
    }
    (void)insert_new(store, rows);
    run("UPDATE ev_telemetry SET battery_id = 'B' || char(0) || 'C' WHERE seq = 0;"
        "UPDATE ev_telemetry SET battery_id = replace(printf('%50c', ' '), ' ', 'é') WHERE seq = 1;"
        "UPDATE ev_telemetry SET time = replace(printf('%27c', ' '), ' ', 'é') WHERE seq = 2;"
        "UPDATE ev_hour SET records = NULL");
    for (int64_t i = 6; i < 9; i++) {
        rows = empty_rows();
        for (int64_t k = 0; k < 20; k++) {
            add_row(rows, "A", t0 + i * HOUR_US, 20 * i + k);
        }
        (void)insert_new(store, rows);
        assert_stats(store, "A", t0, t0 + 20 * HOUR_US);
    }
    assert_int_equal(ask("SELECT count(*) FROM ev_hour WHERE records IS NULL AND hour < 'a'"), 1);
    evtwin_store_free(store);
}

static int64_t clock_us;
static int64_t read_clock(void) {
    return clock_us;
}

static int64_t read_uptime(char boot[EVTWIN__BOOT_SIZE]) {
    memcpy(boot, "test", 5);
    return clock_us;
}

static void test_expired_hours(void **state) {
    (void)state;
    only_on_sqlite();
    evtwin_store *store = open_both("expired-hours.db");
    clock_us = t0;
    store->now = read_clock;
    store->uptime = read_uptime;
    evtwin_table *rows = empty_rows();
    for (int64_t i = 0; i < 400; i++) {
        add_row(rows, "A", t0 + i * 60 * SECOND, i);
    }
    (void)insert_new(store, rows);
    clock_us = t0 + 30 * DAY + 3 * HOUR_US + HOUR_US / 2; /* in the middle of an hour */
    assert_ok(evtwin_store_expire(store, NULL));
    assert_int_equal(count(store), 400 - 210);
    assert_stats(store, "A", t0 - DAY, t0 + DAY);
    assert_int_equal(ask("SELECT count(*) FROM ev_hour WHERE hour < '2026-01-01T03'"), 0);
    evtwin_store_free(store);
}

/* Predictions are found among many rows that have none, page by page. */
static void test_few_predictions(void **state) {
    (void)state;
    evtwin_store *store = open_both("few.db");
    evtwin_table *rows = empty_rows();
    for (int64_t i = 0; i < 1200; i++) {
        add_row(rows, "A", t0 + i * 60 * SECOND, i);
    }
    (void)insert_new(store, rows);
    run("UPDATE ev_telemetry SET rul_prediction = seq, prediction_timestamp = time WHERE"
        " seq IN (3, 4, 59, 60, 61, 500, 1199)");
    static const int64_t expected[] = {1199, 500, 61, 60, 59, 4, 3};
    for (size_t limit = 1; limit < 9; limit++) {
        evtwin_history_options options;
        assert_ok(evtwin_history_options_init(&options, sizeof options));
        options.predicted_only = 1;
        options.limit = limit;
        size_t n = 0;
        evtwin_table *page = NULL;
        while (evtwin_store_history(store, "A", &options, &page) == EVTWIN_OK) {
            const int64_t *seq = evtwin_table_i64(page, need(page, "seq"));
            for (size_t i = 0; i < evtwin_table_rows(page); i++) {
                assert_true(n < 7);
                assert_int_equal(seq[i], expected[n++]);
            }
            options.before_seq = seq[evtwin_table_rows(page) - 1];
            options.before_time_us =
                evtwin_table_i64(page, need(page, "time"))[evtwin_table_rows(page) - 1];
            evtwin_table_free(page);
        }
        assert_int_equal(n, 7);
    }
    evtwin_history_options options;
    assert_ok(evtwin_history_options_init(&options, sizeof options));
    options.predicted_only = 1;
    options.from_us = t0 + 4 * 60 * SECOND;
    options.to_us = t0 + 60 * 60 * SECOND;
    evtwin_table *page = NULL;
    assert_int_equal(evtwin_store_history(store, "A", &options, &page), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(page), 3);
    evtwin_table_free(page);
    evtwin_store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_equal_rows),
        cmocka_unit_test(test_ids_of_other_programs_do_not_stop_it),
        cmocka_unit_test(test_expired_hours),
        cmocka_unit_test(test_few_predictions),
    };
    return has_kind_of_store() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
