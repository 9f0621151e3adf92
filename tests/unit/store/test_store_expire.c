/* SPDX-License-Identifier: MIT */
/* tests/unit/store/test_store_expire.c: what is deleted, when, and what is not. */

#include "store_rows.h"

#ifndef HAVE_SQLITE
int main(void) {
    puts("skipped: this build has no SQLite");
    return 77;
}
#else

#include "store/store_sqlite.h"

static int64_t clock_us;

static int64_t test_clock(void) {
    return clock_us;
}

static int64_t test_uptime(char boot[EVTWIN__BOOT_SIZE]) {
    memcpy(boot, "test", 5);
    return clock_us;
}

static evtwin_store *open_at(int64_t now_us, double retention_days) {
    evtwin_store_options options;
    assert_ok(evtwin_store_options_init(&options, sizeof options));
    options.retention_days = retention_days;
    evtwin_store *store = NULL;
    assert_ok(evtwin_store_open("sqlite::memory:", &options, &store));
    store->now = test_clock;
    store->uptime = test_uptime;
    clock_us = now_us;
    ((sqlite_store *)store)->sweep.next_us = INT64_MAX; /* none by itself */
    return store;
}

/* n rows, one a day from day first on, seq = day. */
static evtwin_table *daily(const char *id, int64_t first, int64_t n) {
    evtwin_table *rows = empty_rows();
    for (int64_t day = first; day < first + n; day++) {
        add_row(rows, id, t0 + day * DAY, day);
    }
    return rows;
}

static void test_old_rows_go(void **state) {
    (void)state;
    evtwin_store *store = open_at(t0, 30.0);
    for (int64_t day = 0; day < 40; day++) { /* each arrives on its day */
        clock_us = t0 + day * DAY;
        insert_new(store, daily("A", day, 1));
        insert_new(store, daily("B", day, 1));
    }
    size_t n_deleted = 99;
    assert_ok(evtwin_store_expire(store, &n_deleted)); /* day 39: days 0 to 8 are older than 30 */
    assert_int_equal(n_deleted, 18);
    assert_int_equal(count(store), 62);
    evtwin_history_options options;
    assert_ok(evtwin_history_options_init(&options, sizeof options));
    evtwin_table *rows = NULL;
    assert_ok(evtwin_store_history(store, "A", &options, &rows));
    assert_int_equal(i64_at(rows, "seq", evtwin_table_rows(rows) - 1), 9);
    evtwin_table_free(rows);
    assert_ok(evtwin_store_expire(store, &n_deleted));
    assert_int_equal(n_deleted, 0);

    /* a battery that reports no more goes in the end */
    clock_us = t0 + 100 * DAY;
    assert_ok(evtwin_store_expire(store, &n_deleted));
    assert_int_equal(n_deleted, 62);
    assert_int_equal(evtwin_store_latest(store, NULL, &rows, NULL), EVTWIN_DONE);
    evtwin_store_free(store);
}

static void test_old_data_loaded_today_stays(void **state) {
    (void)state;
    evtwin_store *store = open_at(t0 + 400 * DAY, 30.0);
    insert_new(store, daily("A", 0, 100)); /* a year old, arrived now */
    size_t n_deleted = 99;
    assert_ok(evtwin_store_expire(store, &n_deleted));
    assert_int_equal(n_deleted, 0);
    clock_us += 31 * DAY;
    assert_ok(evtwin_store_expire(store, &n_deleted));
    assert_int_equal(n_deleted, 100);
    evtwin_store_free(store);
}

static void test_zero_keeps_all(void **state) {
    (void)state;
    evtwin_store *store = open_at(t0, 0.0);
    ((sqlite_store *)store)->sweep.next_us = 0;
    insert_new(store, daily("A", 0, 10));
    clock_us = t0 + 5000 * DAY;
    size_t n_deleted = 99;
    assert_ok(evtwin_store_expire(store, &n_deleted));
    assert_int_equal(n_deleted, 0);
    insert_new(store, daily("A", 5000, 1));
    assert_int_equal(count(store), 11);
    evtwin_store_free(store);
}

static void test_large_sweep_goes_in_chunks(void **state) {
    (void)state;
    evtwin_store *store = open_at(t0, 1.0);
    evtwin_table *rows = empty_rows();
    for (int64_t i = 0; i < 12000; i++) {
        add_row(rows, "A", t0 + i, i);
        if (i < 6000) {
            add_row(rows, "B", t0, i); /* more rows of one time than a chunk has */
        }
    }
    add_row(rows, "C", t0 + 9 * DAY, 1);
    insert_new(store, rows);
    clock_us = t0 + 9 * DAY;
    size_t n_deleted = 0;
    assert_ok(evtwin_store_expire(store, &n_deleted));
    assert_int_equal(n_deleted, 18000);
    assert_int_equal(count(store), 1);
    evtwin_store_free(store);
}

static void test_inserting_sweeps_a_little_at_a_time(void **state) {
    (void)state;
    evtwin_store *store = open_at(t0, 1.0);
    evtwin__sweep *sweep = &((sqlite_store *)store)->sweep;
    evtwin_table *rows = empty_rows();
    for (int64_t i = 0; i < 5500; i++) {
        add_row(rows, i % 2 == 0 ? "A" : "B", t0 + i, i);
    }
    insert_new(store, rows);
    clock_us = t0 + 9 * DAY;
    insert_new(store, daily("C", 9, 1));
    assert_int_equal(count(store), 5501); /* not yet time */

    sweep->next_us = 0;
    int64_t before = count(store);
    int n_inserts = 0;
    do {
        insert_new(store, daily("C", 10 + n_inserts, 1));
        n_inserts++;
        const int64_t now = count(store);
        assert_true(before + 1 - now <= 1000); /* no insert waits for more than this */
        before = now;
    } while (sweep->is_active);
    assert_int_equal(count(store), 1 + n_inserts);
    assert_true(n_inserts >= 6 && n_inserts <= 8);
    assert_true(sweep->next_us > 0); /* the next one later */
    insert_new(store, daily("C", 60, 1));
    assert_false(sweep->is_active);
    evtwin_store_free(store);
}

/* ---- wrong clocks ---- */

static int64_t uptime_now;
static const char *boot_now;

static int64_t machine(char boot[EVTWIN__BOOT_SIZE]) {
    snprintf(boot, EVTWIN__BOOT_SIZE, "%s", boot_now);
    return uptime_now;
}

static evtwin_store *open_file_at(const char *path, int64_t now_us) {
    evtwin_store *store = open_store(uri_of(path));
    store->now = test_clock;
    store->uptime = machine;
    clock_us = now_us;
    return store;
}

static int64_t expire(evtwin_store *store) {
    size_t n_deleted = 99;
    assert_ok(evtwin_store_expire(store, &n_deleted));
    return (int64_t)n_deleted;
}

static void test_a_wrong_clock_deletes_nothing(void **state) {
    (void)state;
    const char *path = temp_path("clock.db");
    boot_now = "first";
    uptime_now = 5 * SECOND;
    evtwin_store *store = open_file_at(path, 0); /* 1970, until NTP is there */
    evtwin_table *rows = empty_rows();
    add_row(rows, "A", 0, 1);
    insert_new(store, rows);
    clock_us = t0;
    uptime_now += 60 * SECOND;
    assert_int_equal(expire(store), 0);
    insert_new(store, daily("A", 0, 3));
    assert_int_equal(expire(store), 0);
    evtwin_store_free(store);

    store = open_file_at(path, t0 + 60 * DAY); /* two months ahead, in another process */
    insert_new(store, daily("B", 60, 1));
    assert_int_equal(expire(store), 0);
    evtwin_store_free(store);

    boot_now = "second"; /* how long the machine was off, nobody knows */
    uptime_now = 90 * DAY;
    store = open_file_at(path, t0 + 90 * DAY);
    assert_int_equal(expire(store), 0);
    insert_new(store, daily("B", 90, 1));
    assert_int_equal(count(store), 6);

    /* time that has really gone by, across processes too */
    uptime_now += 20 * DAY;
    evtwin_store_free(store);
    store = open_file_at(path, t0 + 110 * DAY);
    insert_new(store, daily("B", 110, 1));
    assert_int_equal(expire(store), 0);
    uptime_now += 11 * DAY;
    clock_us = t0 + 115 * DAY;
    assert_int_equal(expire(store), 5); /* not day 90: by the wall clock it is too young … */
    clock_us = t0 + 150 * DAY;
    assert_int_equal(expire(store), 1);
    assert_int_equal(count(store), 1); /* … nor day 110: by the store's it is */
    evtwin_store_free(store);
}

static void test_marks_do_not_pile_up(void **state) {
    (void)state;
    evtwin_store *store = open_at(t0, 30.0);
    int64_t n = 0;
    for (int64_t i = 0; i < 100; i++) {
        clock_us = t0 + i * 60 * SECOND;
        insert_new(store, some_rows("A", i, 1));
    }
    assert_ok(
        evtwin__db_query_i64(((sqlite_store *)store)->db, "SELECT count(*) FROM ev_mark", 0, &n));
    assert_true(n >= 9 && n <= 13); /* one in ten minutes */
    clock_us = t0 + 40 * DAY;
    assert_int_equal(expire(store), 100);
    assert_ok(
        evtwin__db_query_i64(((sqlite_store *)store)->db, "SELECT count(*) FROM ev_mark", 0, &n));
    assert_true(n <= 1);
    evtwin_store_free(store);
}

static void test_the_machine_has_been_up_for_some_time(void **state) {
    (void)state;
    char boot[EVTWIN__BOOT_SIZE] = "", again[EVTWIN__BOOT_SIZE] = "";
    const int64_t first_us = evtwin__uptime_us(boot);
    assert_true(first_us > 0);
    usleep(1000);
    assert_true(evtwin__uptime_us(again) >= first_us + 1000);
    assert_true(boot[0] != '\0');
    assert_string_equal(boot, again);
}

static void test_ids_of_other_programs_do_not_stop_it(void **state) {
    (void)state;
    evtwin_store *store = open_at(t0, 1.0);
    insert_new(store, daily("A", 0, 2));
    insert_new(store, daily("z", 0, 2));
    assert_ok(evtwin__db_exec(
        ((sqlite_store *)store)->db,
        "UPDATE ev_telemetry SET battery_id = replace(printf('%50c', ' '), ' ', 'é')"
        " WHERE battery_id = 'A' AND seq = 1;"
        "UPDATE ev_telemetry SET battery_id = 'B' || char(0) || 'C' WHERE battery_id = 'A'"));
    clock_us = t0 + 9 * DAY;
    assert_int_equal(expire(store), 3); /* but for the one that cannot be named */
    evtwin_store_free(store);
}

static char deleted_text[400];

static void keep_deleted(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    if (level == EVTWIN_LOG_INFO && strstr(text, "deleted") != NULL) {
        snprintf(deleted_text, sizeof deleted_text, "%s", text);
    }
}

static void test_it_says_what_it_deletes(void **state) {
    (void)state;
    evtwin_store *store = open_at(t0, 7.0);
    insert_new(store, daily("A", 0, 2));
    clock_us = t0 + 20 * DAY;
    evtwin_set_log(keep_deleted, NULL);
    assert_int_equal(expire(store), 2);
    evtwin_set_log(NULL, NULL);
    assert_true(text_names(deleted_text, "2 rows|7 days|2026-01-14T00:00:00.000000Z"));
    evtwin_store_free(store);
}

static int n_warnings;

static void count_warnings(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    n_warnings += level == EVTWIN_LOG_WARNING && strstr(text, "retention") != NULL;
}

static void test_failing_sweep_does_not_fail_the_insert(void **state) {
    (void)state;
    evtwin_store *store = open_at(t0, 1.0);
    insert_new(store, daily("A", 0, 1));
    assert_ok(evtwin__db_exec(((sqlite_store *)store)->db,
                              "CREATE TABLE keep (battery_id TEXT, time TEXT, seq INTEGER, FOREIGN"
                              " KEY (battery_id, time, seq) REFERENCES ev_telemetry);"
                              "INSERT INTO keep SELECT battery_id, time, seq FROM ev_telemetry"));
    clock_us = t0 + 9 * DAY;
    ((sqlite_store *)store)->sweep.next_us = 0;
    n_warnings = 0;
    evtwin_set_log(count_warnings, NULL);
    assert_int_equal(insert_new(store, daily("A", 9, 1)).n_inserted, 1);
    evtwin_set_log(NULL, NULL);
    assert_int_equal(n_warnings, 1);
    assert_int_equal(count(store), 2);
    size_t n_deleted = 77;
    assert_fails(evtwin_store_expire(store, &n_deleted), EVTWIN_E_DATA, "FOREIGN KEY");
    assert_int_equal(n_deleted, 77);
    evtwin_store_free(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_rows_go),
        cmocka_unit_test(test_old_data_loaded_today_stays),
        cmocka_unit_test(test_zero_keeps_all),
        cmocka_unit_test(test_large_sweep_goes_in_chunks),
        cmocka_unit_test(test_inserting_sweeps_a_little_at_a_time),
        cmocka_unit_test(test_a_wrong_clock_deletes_nothing),
        cmocka_unit_test(test_marks_do_not_pile_up),
        cmocka_unit_test(test_the_machine_has_been_up_for_some_time),
        cmocka_unit_test(test_ids_of_other_programs_do_not_stop_it),
        cmocka_unit_test(test_it_says_what_it_deletes),
        cmocka_unit_test(test_failing_sweep_does_not_fail_the_insert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
