/* SPDX-License-Identifier: MIT */
/* test_source_sim.c: the simulator as a source: on time, in any batch size, the same bytes. */

#include "test.h"

#include <time.h>

static evtwin_source *open_sim(const char *uri) {
    evtwin_source *s = NULL;
    assert_ok(evtwin_source_open(uri, &s));
    return s;
}

static evtwin_table *telemetry(void) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    return t;
}

static evtwin_table *read_all(const char *uri, size_t max_rows) {
    evtwin_source *s = open_sim(uri);
    evtwin_table *t = telemetry();
    evtwin_status st;
    size_t before = 0;
    while ((st = evtwin_source_read(s, max_rows, 0, t)) == EVTWIN_OK) {
        assert_true(evtwin_table_rows(t) - before <= max_rows);
        assert_true(evtwin_table_rows(t) > before); /* speed=max never waits */
        before = evtwin_table_rows(t);
    }
    assert_int_equal(st, EVTWIN_DONE);
    assert_int_equal(evtwin_table_rows(t), before);
    assert_int_equal(evtwin_source_read(s, max_rows, 0, t), EVTWIN_DONE);
    evtwin_source_free(s);
    return t;
}

static void max_speed_gives_the_same_rows_in_any_batches(void **state) {
    (void)state;
    static const char uri[] = "sim:?fleet=3&seed=7&speed=max&interval=60&rows=20";
    evtwin_table *whole = read_all(uri, 1000);
    assert_int_equal(evtwin_table_rows(whole), 60);
    char want[1024], got[1024];
    static const size_t sizes[] = {1, 2, 3, 7, 60};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        evtwin_table *pieces = read_all(uri, sizes[k]);
        assert_int_equal(evtwin_table_rows(pieces), 60);
        for (size_t i = 0; i < 60; i++) {
            assert_ok(evtwin_telemetry_encode(whole, i, want, sizeof want, NULL));
            assert_ok(evtwin_telemetry_encode(pieces, i, got, sizeof got, NULL));
            assert_string_equal(got, want);
        }
        evtwin_table_free(pieces);
    }

    /* the clock is the start plus the physics clock, which the interval moves */
    const int64_t *time_us = evtwin_table_i64(whole, 0);
    const double *sim_time_s = evtwin_table_f64(whole, evtwin_table_find(whole, "sim_time_s"));
    for (size_t i = 0; i < 60; i++) {
        assert_near(sim_time_s[i], 60.0 * (double)(i / 3), 1e-6);
        assert_int_equal(time_us[i], 1704067200000000 + (int64_t)(i / 3) * 60000000);
    }
    assert_string_equal(evtwin_table_text(whole, 1, 0), "BATTERY_001");
    assert_string_equal(evtwin_table_text(whole, 1, 5), "BATTERY_003");
    assert_ok(evtwin_telemetry_check(whole));
    evtwin_table_free(whole);

    evtwin_table *other = read_all("sim:?fleet=3&seed=8&speed=max&interval=60&rows=1", 10);
    evtwin_table *first = read_all("sim:?fleet=3&seed=7&speed=max&interval=60&rows=1", 10);
    assert_ok(evtwin_telemetry_encode(other, 0, want, sizeof want, NULL));
    assert_ok(evtwin_telemetry_encode(first, 0, got, sizeof got, NULL));
    assert_string_not_equal(got, want);
    evtwin_table_free(other);
    evtwin_table_free(first);
}

static void options_reach_the_simulator(void **state) {
    (void)state;
    evtwin_table *t = read_all("sim:?fleet=2&speed=max&rows=1&battery_id=CAR_009&soh=70&"
                               "model=classic&start=2025-06-01",
                               10);
    assert_string_equal(evtwin_table_text(t, 1, 0), "CAR_009");
    assert_string_equal(evtwin_table_text(t, 1, 1), "CAR_010");
    assert_int_equal(evtwin_table_i64(t, 0)[0], 1748736000000000);
    assert_near(evtwin_table_number(t, evtwin_table_find(t, "soh"), 0), 70.0, 3.0);
    assert_near(evtwin_table_number(t, evtwin_table_find(t, "soh"), 1), 70.0, 3.0);
    evtwin_table_free(t);
    t = read_all("sim:?fleet=3&speed=max&rows=1&soh=98&final_soh=80", 10);
    assert_near(evtwin_table_number(t, evtwin_table_find(t, "soh"), 0), 98.0, 3.0);
    assert_near(evtwin_table_number(t, evtwin_table_find(t, "soh"), 2), 80.0, 3.0);
    evtwin_table_free(t);

    evtwin_source *s = NULL;
    assert_fails(evtwin_source_open("sim:?cell=unobtainium", &s), EVTWIN_E_NOT_FOUND,
                 "unobtainium");
    assert_true(evtwin_source_open("sim:?battery_id=a%20b", &s) < 0);
    assert_fails(evtwin_source_open("sim:?start=soon", &s), EVTWIN_E_PARSE, "sim: start: 'soon'");
    assert_null(s);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Where the machine stood still while a test read by the clock, that is tried again: with the time
 * that it may take; 1 if it took no longer. */
static int is_in_time(double start_s, double longest_s) {
    static int n_tries;
    const int is_fine = now_s() - start_s <= longest_s;
    assert_true(is_fine || ++n_tries < 100);
    return is_fine;
}

static void live_rows_come_on_the_clock_and_reading_never_waits(void **state) {
    const double start_s = now_s();
    const int64_t start_us = evtwin_time_now();
    evtwin_source *s = open_sim("sim:?fleet=2&interval=0.05&speed=60&rows=6");
    evtwin_table *t = telemetry();
    evtwin_status st;
    size_t n_empty = 0, before = 0;
    while ((st = evtwin_source_read(s, 100, 0, t)) == EVTWIN_OK) {
        n_empty += evtwin_table_rows(t) == before;
        before = evtwin_table_rows(t);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(st, EVTWIN_DONE);
    assert_int_equal(evtwin_table_rows(t), 12);
    assert_true(now_s() - start_s >= 0.24);
    if (!is_in_time(start_s, 1.0)) {
        evtwin_table_free(t);
        evtwin_source_free(s);
        live_rows_come_on_the_clock_and_reading_never_waits(state);
        return;
    }
    assert_true(n_empty > 0);

    /* one interval of the wall, sixty of the physics */
    const int64_t *time_us = evtwin_table_i64(t, 0);
    const size_t clock = evtwin_table_find(t, "sim_time_s");
    assert_near((double)(time_us[0] - start_us), 0.0, 1e6);
    for (size_t i = 0; i < 12; i++) {
        assert_true(i < 2 || time_us[i] > time_us[i - 2]);
        assert_near(evtwin_table_number(t, clock, i), 3.0 * (double)(i / 2), 1e-6);
    }
    evtwin_table_free(t);
    evtwin_source_free(s);
}

/* Records that are read late are stamped with the time when they were due. */
static void a_late_reader_catches_up(void **state) {
    const double start_s = now_s();
    evtwin_source *s = open_sim("sim:?interval=0.02&rows=11");
    evtwin_table *t = telemetry();
    nanosleep(&(struct timespec){.tv_nsec = 230000000}, NULL);
    assert_ok(evtwin_source_read(s, 100, 0, t));
    if (!is_in_time(start_s, 0.3)) {
        evtwin_table_free(t);
        evtwin_source_free(s);
        a_late_reader_catches_up(state);
        return;
    }
    assert_int_equal(evtwin_table_rows(t), 11);
    const int64_t *time_us = evtwin_table_i64(t, 0);
    assert_near((double)(time_us[10] - time_us[0]), 200000.0, 50000.0);
    assert_int_equal(evtwin_source_read(s, 100, 0, t), EVTWIN_DONE);
    evtwin_table_free(t);
    evtwin_source_free(s);
}

static char warning[300];

static void hear(void *ctx, evtwin_log_level level, const char *text) {
    (void)ctx;
    (void)level;
    snprintf(warning, sizeof warning, "%s", text);
}

static void a_very_late_reader_leaves_rows_out_and_says_so(void **state) {
    (void)state;
    evtwin_set_log(hear, NULL);
    evtwin_source *s = open_sim("sim:?interval=0.001");
    evtwin_table *t = telemetry();
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    const int64_t read_us = evtwin_time_now();
    assert_ok(evtwin_source_read(s, 1, 0, t));
    assert_non_null(strstr(warning, "left out"));
    assert_true(read_us - evtwin_table_i64(t, 0)[0] < 100000);
    evtwin_set_log(NULL, NULL);
    evtwin_table_free(t);
    evtwin_source_free(s);
}

/* Whoever set up a simulator by its options has it as a source, which owns it. */
static void a_simulator_is_a_source(void **state) {
    (void)state;
    evtwin_sim_options options;
    evtwin_sim_source_options pace;
    evtwin_sim *sim = NULL;
    evtwin_source *s = NULL;
    evtwin_table *t = telemetry();
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    options.n_packs = 3;
    options.seed = 7;
    options.final_soh_percent = options.initial_soh_percent;
    assert_ok(evtwin_sim_create(&options, &sim));
    assert_ok(evtwin_sim_source_options_init(&pace, sizeof pace));
    pace.interval_s = 60;
    pace.speed = INFINITY;
    pace.max_records = 20;
    assert_ok(evtwin_source_from_sim(sim, &pace, &s));
    assert_string_equal(evtwin_source_uri(s), "sim:");
    evtwin_status st;
    while ((st = evtwin_source_read(s, 1000, 0, t)) == EVTWIN_OK) {
    }
    assert_int_equal(st, EVTWIN_DONE);
    evtwin_source_free(s);

    /* the URI is made of the same */
    evtwin_table *same = read_all("sim:?fleet=3&seed=7&speed=max&interval=60&rows=20", 1000);
    assert_int_equal(evtwin_table_rows(t), 60);
    for (size_t i = 0; i < 60; i++) {
        char want[1024], got[1024];
        assert_ok(evtwin_telemetry_encode(same, i, want, sizeof want, NULL));
        assert_ok(evtwin_telemetry_encode(t, i, got, sizeof got, NULL));
        assert_string_equal(got, want);
    }
    evtwin_table_free(same);

    /* nothing is caught up with where nothing may be late */
    assert_ok(evtwin_sim_create(&options, &sim));
    pace.interval_s = 0.02;
    pace.speed = 1;
    pace.max_late = 0;
    assert_ok(evtwin_source_from_sim(sim, &pace, &s));
    nanosleep(&(struct timespec){.tv_nsec = 230000000}, NULL);
    assert_ok(evtwin_table_resize(t, 0));
    const int64_t read_us = evtwin_time_now();
    assert_ok(evtwin_source_read(s, 3, 0, t));
    assert_int_equal(evtwin_table_rows(t), 3);
    assert_true(read_us - evtwin_table_i64(t, 0)[0] < 100000);
    assert_true(evtwin_table_i64(t, 0)[0] <= evtwin_time_now());

    /* the next one is waited for */
    assert_ok(evtwin_source_read(s, 3, 60000, t));
    assert_int_equal(evtwin_table_rows(t), 6);
    evtwin_source_free(s);
    evtwin_table_free(t);
}

/* ---- positions ---- */

static evtwin_sim_source_options going_on(void) {
    evtwin_sim_source_options pace;
    assert_ok(evtwin_sim_source_options_init(&pace, sizeof pace));
    pace.interval_s = 60;
    pace.speed = INFINITY;
    pace.has_positions = 1;
    return pace;
}

static evtwin_source *open_going_on(size_t n_packs, const evtwin_sim_source_options *pace) {
    evtwin_sim_options options;
    evtwin_sim *sim = NULL;
    evtwin_source *s = NULL;
    assert_ok(evtwin_sim_options_init(&options, sizeof options));
    options.n_packs = n_packs;
    options.final_soh_percent = 80;
    assert_ok(evtwin_sim_create(&options, &sim));
    assert_ok(evtwin_source_from_sim(sim, pace, &s));
    return s;
}

/* What n_packs give behind a position: n rows. */
static evtwin_table *behind(const char *position, size_t n_packs, size_t n) {
    const evtwin_sim_source_options pace = going_on();
    evtwin_source *s = open_going_on(n_packs, &pace);
    evtwin_table *t = telemetry();
    assert_ok(evtwin_source_seek(s, position));
    while (evtwin_table_rows(t) < n) {
        assert_ok(evtwin_source_read(s, n - evtwin_table_rows(t), 0, t));
    }
    evtwin_source_free(s);
    return t;
}

static double value(const evtwin_table *t, const char *quantity, size_t row) {
    return evtwin_table_number(t, evtwin_table_find(t, quantity), row);
}

static void it_goes_on_behind_a_position_with_the_same_bytes(void **state) {
    (void)state;
    enum { PACKS = 3, TICKS = 1500, CUT = 1000 };
    const evtwin_sim_source_options pace = going_on();
    evtwin_source *s = open_going_on(PACKS, &pace);
    evtwin_table *whole = telemetry();
    char position[64] = "";
    assert_string_equal(evtwin_source_position(s), "");
    while (evtwin_table_rows(whole) < (size_t)PACKS * TICKS) {
        assert_ok(evtwin_source_read(s, PACKS, 0, whole));
        if (evtwin_table_rows(whole) == (size_t)PACKS * CUT) {
            snprintf(position, sizeof position, "%s", evtwin_source_position(s));
        }
    }
    evtwin_source_free(s);
    evtwin_table *rest = behind(position, PACKS, (size_t)PACKS * (TICKS - CUT));
    for (size_t i = 0; i < evtwin_table_rows(rest); i++) {
        char want[1024], got[1024];
        assert_ok(evtwin_telemetry_encode(whole, (size_t)PACKS * CUT + i, want, sizeof want, NULL));
        assert_ok(evtwin_telemetry_encode(rest, i, got, sizeof got, NULL));
        assert_string_equal(got, want);
    }
    evtwin_table_free(rest);
    evtwin_table_free(whole);

    /* fewer or more packs: no number comes again */
    for (size_t n_packs = 2; n_packs <= 7; n_packs += 5) {
        rest = behind(position, n_packs, 1);
        assert_in_range((size_t)value(rest, "seq", 0), PACKS * CUT, PACKS * CUT + n_packs - 1);
        assert_near(value(rest, "sim_time_s", 0), 60.0 * CUT, 1e-6);
        evtwin_table_free(rest);
    }
}

/* A tick that was taken in part is not made again. */
static void a_position_within_a_tick_is_behind_it(void **state) {
    (void)state;
    const evtwin_sim_source_options pace = going_on();
    evtwin_source *s = open_going_on(3, &pace);
    evtwin_table *t = telemetry();
    assert_ok(evtwin_source_read(s, 4, 0, t));
    assert_int_equal(evtwin_table_rows(t), 4);
    evtwin_table *rest = behind(evtwin_source_position(s), 3, 3);
    assert_near(value(rest, "seq", 0), 6, 0);
    assert_near(value(rest, "sim_time_s", 0), 120, 0);
    evtwin_table_free(rest);
    evtwin_table_free(t);
    evtwin_source_free(s);
}

/* What would take long is not simulated again: numbers and clock go on all the same. */
static void it_leaps_where_the_way_is_long(void **state) {
    (void)state;
    evtwin_set_log(hear, NULL);
    warning[0] = '\0';
    evtwin_table *t = behind("70@6000000000000000", 2, 2 * 3000);
    assert_non_null(strstr(warning, "too long to simulate again"));
    evtwin_set_log(NULL, NULL);
    assert_near(value(t, "seq", 0), 70, 0);
    assert_near(value(t, "sim_time_s", 0), 6e9 + 60, 0);
    for (size_t i = 2; i < evtwin_table_rows(t); i++) {
        assert_near(value(t, "sim_time_s", i), value(t, "sim_time_s", i - 2) + 60, 1e-6);
        assert_near(value(t, "soh", i), value(t, "soh", i - 2), 0.6); /* its estimate */
        assert_true(fabs(value(t, "current", i)) < 200);
    }
    assert_ok(evtwin_telemetry_check(t));
    evtwin_table_free(t);
}

static void positions_are_asked_for(void **state) {
    (void)state;
    evtwin_sim_source_options pace = going_on();
    evtwin_source *s = open_going_on(1, &pace);
    static const char *const wrong[] = {"", "5", "@", "5@", "@5", "x@5", "5@-600", "-5@6", "5@6x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_fails(evtwin_source_seek(s, wrong[i]), EVTWIN_E_PARSE, wrong[i]);
    }
    assert_fails(evtwin_source_seek(s, "9223372036854775807@0"), EVTWIN_E_PARSE, "first_seq");
    assert_fails(evtwin_source_seek(s, "0@2000000000000000000"), EVTWIN_E_PARSE, "time_s");
    evtwin_source_free(s);

    evtwin_table *t = telemetry();
    pace.starts_anew = 1;
    s = open_going_on(1, &pace);
    assert_ok(evtwin_source_seek(s, "500@600000000"));
    assert_ok(evtwin_source_read(s, 1, 0, t));
    assert_near(value(t, "seq", 0), 0, 0);
    assert_string_equal(evtwin_source_position(s), "1@0");
    evtwin_source_free(s);

    pace.has_positions = 0;
    s = open_going_on(1, &pace);
    assert_fails(evtwin_source_seek(s, "500@600000000"), EVTWIN_E_UNSUPPORTED, "positions");
    assert_ok(evtwin_source_read(s, 1, 0, t));
    assert_string_equal(evtwin_source_position(s), "");
    evtwin_source_free(s);
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_speed_gives_the_same_rows_in_any_batches),
        cmocka_unit_test(options_reach_the_simulator),
        cmocka_unit_test(live_rows_come_on_the_clock_and_reading_never_waits),
        cmocka_unit_test(a_late_reader_catches_up),
        cmocka_unit_test(a_very_late_reader_leaves_rows_out_and_says_so),
        cmocka_unit_test(a_simulator_is_a_source),
        cmocka_unit_test(it_goes_on_behind_a_position_with_the_same_bytes),
        cmocka_unit_test(a_position_within_a_tick_is_behind_it),
        cmocka_unit_test(it_leaps_where_the_way_is_long),
        cmocka_unit_test(positions_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
