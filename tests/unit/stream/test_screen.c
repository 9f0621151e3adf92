/* SPDX-License-Identifier: MIT */
/* test_screen.c: records of unknown senders, judged in their order. */

#include "test.h"

#include "fail_nth.h"

#define SECOND INT64_C(1000000)

static evtwin_screen *screen_of(double late_s, double future_s, size_t max) {
    evtwin_screen_options options;
    evtwin_screen *screen = NULL;
    assert_ok(evtwin_screen_options_init(&options, sizeof options));
    options.late_after_s = late_s;
    options.future_after_s = future_s;
    options.max_batteries = max;
    assert_ok(evtwin_screen_create(&options, &screen));
    return screen;
}

static evtwin_table *rows_none(void) {
    evtwin_table *t = NULL;
    assert_ok(evtwin_telemetry_table_create(&t));
    return t;
}

/* Add a record age_s old, without a seq if it is < 0, and screen it; the flags that it gets. */
static int64_t flags_of(evtwin_screen *screen, evtwin_table *t, const char *id, double age_s,
                        int64_t seq, double soc) {
    static int64_t now_us;
    now_us = now_us == 0 ? evtwin_time_now() : now_us; /* the same age is the same time */
    const size_t row = evtwin_table_rows(t);
    assert_ok(evtwin_table_resize(t, row + 1));
    assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "time"), row,
                                   now_us - (int64_t)(age_s * (double)SECOND)));
    assert_ok(evtwin_table_set_text(t, evtwin_table_find(t, "battery_id"), row, id));
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "soc"), row, soc));
    if (seq >= 0) {
        assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "seq"), row, seq));
    }
    assert_ok(evtwin_screen_apply(screen, t, row));
    const size_t col = evtwin_table_find(t, "quality");
    return evtwin_table_is_valid(t, col, row) ? evtwin_table_i64(t, col)[row] : 0;
}

static evtwin_screen_stats stats_of(const evtwin_screen *screen) {
    evtwin_screen_stats stats;
    assert_ok(evtwin_screen_stats_get(screen, &stats, sizeof stats));
    return stats;
}

static void a_good_record_has_no_flag(void **state) {
    (void)state;
    evtwin_screen *s = screen_of(300, 60, 10);
    evtwin_table *t = rows_none();
    assert_int_equal(flags_of(s, t, "A", 2, 1, 80), 0);
    assert_false(evtwin_table_is_valid(t, evtwin_table_find(t, "quality"), 0));
    assert_int_equal(stats_of(s).n_rows, 1);
    assert_int_equal(stats_of(s).n_flagged, 0);
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

static void late_and_future_are_told_by_the_clock(void **state) {
    (void)state;
    evtwin_screen *s = screen_of(300, 60, 10);
    evtwin_table *t = rows_none();
    assert_int_equal(flags_of(s, t, "A", 400, 1, 80), EVTWIN_QUALITY_LATE);
    assert_int_equal(flags_of(s, t, "A", 200, 2, 80), 0);
    assert_int_equal(flags_of(s, t, "A", -100, 3, 80), EVTWIN_QUALITY_FUTURE);
    /* one wrong clock does not make what follows look old */
    assert_int_equal(flags_of(s, t, "A", 100, 4, 80), 0);
    evtwin_screen_free(s);
    s = screen_of(INFINITY, INFINITY, 10);
    assert_int_equal(flags_of(s, t, "A", 4e8, 1, 80), 0);
    assert_int_equal(flags_of(s, t, "A", -4e8, 2, 80), 0);
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

static void order_is_each_batterys_own(void **state) {
    (void)state;
    evtwin_screen *s = screen_of(INFINITY, 60, 10);
    evtwin_table *t = rows_none();
    assert_int_equal(flags_of(s, t, "A", 10, 5, 80), 0);
    assert_int_equal(flags_of(s, t, "B", 20, 5, 80), 0);
    assert_int_equal(flags_of(s, t, "A", 20, 4, 80), EVTWIN_QUALITY_OUT_OF_ORDER);
    assert_int_equal(flags_of(s, t, "A", 10, 4, 80), EVTWIN_QUALITY_OUT_OF_ORDER); /* by seq */
    assert_int_equal(flags_of(s, t, "A", 10, 6, 80), 0);
    assert_int_equal(flags_of(s, t, "A", 10, -1, 79), 0); /* cannot be told */
    assert_int_equal(flags_of(s, t, "A", 15, 7, 80), EVTWIN_QUALITY_OUT_OF_ORDER);
    assert_int_equal(stats_of(s).n_out_of_order, 3);
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

static void repeats_are_counted_and_not_flagged(void **state) {
    (void)state;
    evtwin_screen *s = screen_of(INFINITY, 60, 10);
    evtwin_table *t = rows_none();
    for (int again = 0; again < 2; again++) {
        for (int i = 0; i < 16; i++) {
            assert_int_equal(flags_of(s, t, "A", 100 - i, i, 80), 0);
        }
    }
    assert_int_equal(stats_of(s).n_duplicate, 16);
    assert_int_equal(flags_of(s, t, "A", 84, 16, 80), 0);
    assert_int_equal(stats_of(s).n_duplicate, 16);
    /* the same key with another value is not the same record */
    assert_int_equal(flags_of(s, t, "A", 84, 16, 81), 0);
    assert_int_equal(stats_of(s).n_duplicate, 16);
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

static void ranges_are_those_of_the_schema(void **state) {
    (void)state;
    evtwin_screen *s = screen_of(300, 60, 10);
    evtwin_table *t = rows_none();
    assert_int_equal(flags_of(s, t, "A", 2, 1, 100), 0);
    assert_int_equal(flags_of(s, t, "A", 2, 2, 100.5), EVTWIN_QUALITY_OUT_OF_RANGE);
    assert_int_equal(flags_of(s, t, "A", 400, 1, -1), EVTWIN_QUALITY_OUT_OF_RANGE |
                                                          EVTWIN_QUALITY_OUT_OF_ORDER |
                                                          EVTWIN_QUALITY_LATE);
    assert_true(evtwin_table_f64(t, evtwin_table_find(t, "soc"))[1] == 100.5); /* as it came */
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

static void fractions_are_suspected(void **state) {
    (void)state;
    evtwin_screen *s = screen_of(INFINITY, 60, 10);
    evtwin_table *t = rows_none();
    for (int i = 0; i < 19; i++) {
        assert_int_equal(flags_of(s, t, "A", 100 - i, i, 0.5), 0); /* an empty battery? */
    }
    assert_int_equal(flags_of(s, t, "A", 80, 20, 0.5), EVTWIN_QUALITY_FRACTION);
    assert_int_equal(flags_of(s, t, "A", 79, 21, 40), 0);
    assert_int_equal(flags_of(s, t, "A", 78, 22, 0.5), 0);
    assert_int_equal(flags_of(s, t, "B", 80, 20, 50), 0);
    const size_t row = evtwin_table_rows(t) - 1;
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "soh"), row, 0.95));
    assert_ok(evtwin_screen_apply(s, t, row));
    assert_int_equal(evtwin_table_i64(t, evtwin_table_find(t, "quality"))[row],
                     EVTWIN_QUALITY_FRACTION);
    assert_int_equal(stats_of(s).n_fraction, 2);
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

static void earlier_notes_stay(void **state) {
    (void)state;
    evtwin_screen *s = screen_of(300, 60, 10);
    evtwin_table *t = rows_none();
    static const char naive[] = "{\"timestamp\":\"2024-01-31T12:00:00\",\"battery_id\":\"A\"}";
    static const char noted[] =
        "{\"timestamp\":\"2024-01-31T12:00:01Z\",\"battery_id\":\"A\",\"quality\":64}";
    static const char damaged[] =
        "{\"timestamp\":\"2024-01-31T12:00:02Z\",\"battery_id\":\"A\",\"quality\":-1}";
    assert_ok(evtwin_telemetry_decode(naive, strlen(naive), EVTWIN_NAIVE_UTC, t));
    assert_ok(evtwin_telemetry_decode(noted, strlen(noted), EVTWIN_NAIVE_UTC, t));
    assert_ok(evtwin_telemetry_decode(damaged, strlen(damaged), EVTWIN_NAIVE_UTC, t));
    assert_ok(evtwin_screen_apply(s, t, 0));
    const int64_t *quality = evtwin_table_i64(t, evtwin_table_find(t, "quality"));
    assert_int_equal(quality[0], EVTWIN_QUALITY_NAIVE_TIME | EVTWIN_QUALITY_LATE);
    assert_int_equal(quality[1], 64 | EVTWIN_QUALITY_LATE);
    assert_int_equal(quality[2], EVTWIN_QUALITY_LATE);
    assert_int_equal(stats_of(s).n_naive_time, 1);
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

/* More batteries than are remembered: the ones heard of longest ago are forgotten, no others. */
/* ---- many rows ---- */

enum { FLEET = 1000, PER_BATTERY = 100, KINDS = 20 };

/* Record number k of a battery, of the kind that these give; what its flags and repeats add. */
static void put_mixed(evtwin_table *t, int64_t now_us, int battery, int k,
                      evtwin_screen_stats *expected) {
    const int kind = (7 * battery + k) % KINDS;
    const int is_repeat = kind == 1 && k > 0; /* the one before is a plain one */
    const int is_late = kind == 3, is_back = kind == 5 && k > 0, is_high = kind == 7;
    const int is_future = kind == 9;
    const int number = k - is_repeat;
    const int64_t age_s = is_late     ? 1000
                          : is_future ? -100
                                      : PER_BATTERY - number + (is_back ? 50 : 0);
    const size_t row = evtwin_table_rows(t);
    char id[16];
    snprintf(id, sizeof id, "B%d", battery);
    assert_ok(evtwin_table_resize(t, row + 1));
    assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "time"), row, now_us - age_s * SECOND));
    assert_ok(evtwin_table_set_text(t, evtwin_table_find(t, "battery_id"), row, id));
    assert_ok(evtwin_table_set_f64(t, evtwin_table_find(t, "soc"), row, is_high ? 250 : 80));
    assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "seq"), row, number));
    expected->n_rows++;
    expected->n_duplicate += (uint64_t)is_repeat;
    expected->n_late += (uint64_t)is_late;
    expected->n_out_of_order += (uint64_t)(is_back || (is_late && k > 0));
    expected->n_out_of_range += (uint64_t)is_high;
    expected->n_future += (uint64_t)is_future;
    expected->n_flagged += (uint64_t)(is_late || is_back || is_high || is_future);
}

static void counts_are_exact(void **state) {
    (void)state;
    const int64_t now_us = evtwin_time_now();
    evtwin_screen *s = screen_of(300, 60, FLEET);
    evtwin_table *t = rows_none();
    evtwin_screen_stats expected = {.n_rows = 0};
    for (int k = 0; k < PER_BATTERY; k++) { /* the whole fleet at a time */
        assert_ok(evtwin_table_resize(t, 0));
        for (int battery = 0; battery < FLEET; battery++) {
            put_mixed(t, now_us, battery, k, &expected);
        }
        assert_ok(evtwin_screen_apply(s, t, 0));
    }
    const evtwin_screen_stats got = stats_of(s);
    assert_int_equal(got.n_rows, FLEET * PER_BATTERY);
    assert_int_equal(got.n_rows, expected.n_rows);
    assert_int_equal(got.n_flagged, expected.n_flagged);
    assert_int_equal(got.n_late, expected.n_late);
    assert_int_equal(got.n_out_of_order, expected.n_out_of_order);
    assert_int_equal(got.n_out_of_range, expected.n_out_of_range);
    assert_int_equal(got.n_future, expected.n_future);
    assert_int_equal(got.n_duplicate, expected.n_duplicate);
    assert_int_equal(got.n_forgotten, 0);
    assert_int_equal(got.n_fraction + got.n_naive_time, 0);
    assert_true(got.n_late > 4000 && got.n_duplicate > 4000); /* there were many of each */
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

static void the_oldest_are_forgotten(void **state) {
    (void)state;
    enum { MAX = 100 };
    evtwin_screen *s = screen_of(INFINITY, 60, MAX);
    evtwin_table *t = rows_none();
    char id[16];
    for (int i = 0; i < MAX; i++) {
        snprintf(id, sizeof id, "B%d", i);
        assert_int_equal(flags_of(s, t, id, 10, 1, 80), 0);
    }
    assert_int_equal(flags_of(s, t, "B0", 9, 2, 80), 0); /* heard of again */
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "new%d", i);
        assert_int_equal(flags_of(s, t, id, 10, 1, 80), 0);
    }
    assert_int_equal(stats_of(s).n_forgotten, 30);
    assert_int_equal(flags_of(s, t, "B0", 20, 3, 80), EVTWIN_QUALITY_OUT_OF_ORDER);
    assert_int_equal(flags_of(s, t, "B31", 20, 3, 80), EVTWIN_QUALITY_OUT_OF_ORDER);
    assert_int_equal(flags_of(s, t, "B30", 20, 3, 80), 0); /* forgotten: its first */
    assert_int_equal(stats_of(s).n_forgotten, 31);
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

static void a_table_without_the_column_is_refused(void **state) {
    (void)state;
    evtwin_screen *s = screen_of(300, 60, 10);
    evtwin_table *t = NULL;
    assert_ok(evtwin_table_create(&t));
    assert_fails(evtwin_screen_apply(s, t, 0), EVTWIN_E_SCHEMA, "quality");
    evtwin_screen_options options;
    evtwin_screen *none = NULL;
    assert_ok(evtwin_screen_options_init(&options, sizeof options));
    options.late_after_s = -1;
    assert_fails(evtwin_screen_create(&options, &none), EVTWIN_E_ARG, "late_after_s");
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

/* ---- as a source ---- */

static void a_screened_source_is_the_other_one_otherwise(void **state) {
    (void)state;
    const char *path = temp_file(
        "in.jsonl", "{\"timestamp\":\"2024-01-31T12:00:01Z\",\"battery_id\":\"A\",\"soc\":101}\n"
                    "{\"timestamp\":\n"
                    "{\"timestamp\":\"2024-01-31T12:00:00Z\",\"battery_id\":\"A\"}\n");
    char uri[300], position[32];
    snprintf(uri, sizeof uri, "jsonl:%s", path);
    evtwin_source *from = NULL, *source = NULL;
    evtwin_screen *s = screen_of(INFINITY, 60, 10);
    evtwin_table *t = rows_none();
    assert_ok(evtwin_source_open(uri, &from));
    assert_ok(evtwin_source_screened(from, s, &source));
    assert_string_equal(evtwin_source_uri(source), uri);
    assert_int_equal(evtwin_source_read(source, 10, 0, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 1);
    const size_t col = evtwin_table_find(t, "quality");
    assert_int_equal(evtwin_table_i64(t, col)[0], EVTWIN_QUALITY_OUT_OF_RANGE);
    snprintf(position, sizeof position, "%s", evtwin_source_position(source));
    assert_int_not_equal(atoi(position), 0);
    assert_int_equal(evtwin_source_read(source, 10, 0, t), EVTWIN_REFUSED);
    evtwin_refusal refusal;
    assert_ok(evtwin_source_refusal(source, &refusal, sizeof refusal));
    assert_string_equal(refusal.raw, "{\"timestamp\":");
    assert_int_equal(evtwin_source_read(source, 10, 0, t), EVTWIN_OK);
    assert_int_equal(evtwin_table_rows(t), 2);
    assert_int_equal(evtwin_table_i64(t, col)[1], EVTWIN_QUALITY_OUT_OF_ORDER);
    assert_int_equal(evtwin_table_i64(t, col)[0], EVTWIN_QUALITY_OUT_OF_RANGE);
    assert_int_equal(evtwin_source_read(source, 10, 0, t), EVTWIN_DONE);
    evtwin_source_free(source);
    evtwin_table_free(t);
    evtwin_screen_free(s);
}

/* Whatever allocation fails, rows that were read are given, if need be without flags. */
static void a_screened_source_loses_nothing_for_want_of_memory(void **state) {
    (void)state;
    enum { N = 3000 };
    static char text[N * 100];
    for (size_t i = 0, at = 0; i < N; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "{\"timestamp\":%zu,\"battery_id\":\"B%zu\",\"seq\":%zu}\n",
                               1700000000 + i, i, i);
    }
    char uri[300];
    snprintf(uri, sizeof uri, "jsonl:%s", temp_file("scarce.jsonl", text));
    evtwin_source *from = NULL, *source = NULL;
    evtwin_screen *s = screen_of(INFINITY, 60, N);
    assert_ok(evtwin_source_open(uri, &from));
    assert_ok(evtwin_source_screened(from, s, &source));
    long n_failed = 0;
    int64_t next = 0;
    for (long allocation = 0; next < N; allocation++) {
        evtwin_table *t = rows_none();
        evtwin_set_allocator(fail_nth_realloc, NULL);
        fail_nth_countdown = allocation % 400;
        fail_nth_refused = 0;
        const evtwin_status st = evtwin_source_read(source, 10, 0, t);
        fail_nth_countdown = -1;
        evtwin_set_allocator(NULL, NULL);
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_NOMEM);
        n_failed += fail_nth_refused;
        for (size_t row = 0; row < evtwin_table_rows(t); row++) {
            assert_int_equal(evtwin_table_i64(t, evtwin_table_find(t, "seq"))[row], next++);
        }
        evtwin_table_free(t);
    }
    assert_true(n_failed > 10);
    evtwin_source_free(source);
    evtwin_screen_free(s);
}

static evtwin_status screen_many(void *ctx) {
    evtwin_table *t = ctx;
    evtwin_screen *s = NULL;
    evtwin_status st = evtwin_screen_create(NULL, &s);
    st = st >= 0 ? evtwin_screen_apply(s, t, 0) : st;
    evtwin_screen_free(s);
    return st;
}

static void memory_that_runs_out_leaves_nothing_behind(void **state) {
    (void)state;
    enum { N = 200 };
    evtwin_table *t = rows_none();
    assert_ok(evtwin_table_resize(t, N));
    for (size_t i = 0; i < N; i++) {
        char id[16];
        snprintf(id, sizeof id, "B%zu", i);
        assert_ok(evtwin_table_set_i64(t, 0, i, 0));
        assert_ok(evtwin_table_set_text(t, 1, i, id));
        assert_ok(evtwin_table_set_i64(t, evtwin_table_find(t, "quality"), i, 1));
    }
    assert_true(fail_every_allocation(screen_many, t) > 4);
    evtwin_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_record_has_no_flag),
        cmocka_unit_test(late_and_future_are_told_by_the_clock),
        cmocka_unit_test(order_is_each_batterys_own),
        cmocka_unit_test(repeats_are_counted_and_not_flagged),
        cmocka_unit_test(ranges_are_those_of_the_schema),
        cmocka_unit_test(fractions_are_suspected),
        cmocka_unit_test(earlier_notes_stay),
        cmocka_unit_test(counts_are_exact),
        cmocka_unit_test(the_oldest_are_forgotten),
        cmocka_unit_test(a_table_without_the_column_is_refused),
        cmocka_unit_test(a_screened_source_is_the_other_one_otherwise),
        cmocka_unit_test(a_screened_source_loses_nothing_for_want_of_memory),
        cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
