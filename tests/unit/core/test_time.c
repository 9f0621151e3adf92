/* SPDX-License-Identifier: MIT */
/* test_time.c: RFC 3339 in and out. */

#include "test.h"

#include <time.h>

static int64_t parsed(const char *text) {
    int64_t us = INT64_MIN;
    assert_ok(evtwin_time_parse(text, EVTWIN_NAIVE_UTC, &us));
    return us;
}

static void reads_every_accepted_form(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00", 0},
        {"1970-01-01", 0},
        {"1970-01-01T00:01", 60000000},
        {"1970-01-01T00:00:00.5Z", 500000},
        {"1970-01-01T00:00:00.123456Z", 123456},
        {"1970-01-01T00:00:00.123456999Z", 123456},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2024-02-29T12:00:00Z", 1709208000000000},
        {"2000-02-29T00:00:00Z", 951782400000000},
        {"2024-01-01T00:00:00Z", 1704067200000000},
        {"0000-01-01T00:00:00Z", -62167219200000000},
        {"9999-12-31T23:59:59.999999Z", 253402300799999999},
        {"2016-12-31T23:59:60Z", 1483228800000000},
        {"2017-01-01T00:59:60.25+01:00", 1483228800250000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (parsed(cases[i].text) != cases[i].us) {
            fail_msg("%s: %lld", cases[i].text, (long long)parsed(cases[i].text));
        }
    }
}

static void refuses_everything_else(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "now",
        "2024",
        "2024-01",
        "2024-1-01",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "2024-04-31",
        "2023-02-29",
        "1900-02-29",
        "2024-01-01T",
        "2024-01-01T24:00:00Z",
        "2024-01-01T12",
        "2024-01-01T12:60:00Z",
        "2024-01-01T12:00:61Z",
        "2024-01-01T12:00:60Z",
        "2024-01-01T12:00:00.Z",
        "2024-01-01T12:00:00,5Z",
        "2024-01-01T12:00:00+1:00",
        "2024-01-01T12:00:00+0100",
        "2024-01-01T12:00:00+24:00",
        "2024-01-01T12:00:00Zx",
        "2024-01-01T12:00:00 Z",
        " 2024-01-01T12:00:00Z",
        "+2024-01-01T12:00:00Z",
        "02024-01-01T12:00:00Z",
        "2024-01-01X12:00:00Z",
        "\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa4-01-01",
        "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 42;
        if (evtwin_time_parse(cases[i], EVTWIN_NAIVE_UTC, &us) != EVTWIN_E_PARSE || us != 42) {
            fail_msg("'%s' passed or touched the output", cases[i]);
        }
    }
    int64_t us;
    assert_fails(evtwin_time_parse(NULL, EVTWIN_NAIVE_UTC, &us), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_time_parse("2024-01-01", EVTWIN_NAIVE_UTC, NULL), EVTWIN_E_ARG, "NULL");
    assert_fails(evtwin_time_parse("tomorrow", EVTWIN_NAIVE_UTC, &us), EVTWIN_E_PARSE,
                 "'tomorrow'");
}

static void a_naive_time_means_what_the_caller_says(void **state) {
    (void)state;
    int64_t us = 0;
    assert_fails(evtwin_time_parse("2024-01-01T12:00:00", EVTWIN_NAIVE_REJECT, &us), EVTWIN_E_PARSE,
                 "'2024-01-01T12:00:00'|offset");
    assert_ok(evtwin_time_parse("2024-01-01T12:00:00Z", EVTWIN_NAIVE_REJECT, &us));
    assert_int_equal(us, parsed("2024-01-01T12:00:00Z"));

    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    assert_ok(evtwin_time_parse("2024-01-01T12:00:00.25", EVTWIN_NAIVE_LOCAL, &us));
    assert_int_equal(us, parsed("2024-01-01T11:00:00.25Z"));
    assert_ok(evtwin_time_parse("2024-07-01 12:00", EVTWIN_NAIVE_LOCAL, &us));
    assert_int_equal(us, parsed("2024-07-01T10:00:00Z"));
    assert_ok(evtwin_time_parse("2024-07-01T12:00:00Z", EVTWIN_NAIVE_LOCAL, &us));
    assert_int_equal(us, parsed("2024-07-01T12:00:00Z"));
    assert_fails(evtwin_time_parse("2024-03-31T02:30:00", EVTWIN_NAIVE_LOCAL, &us), EVTWIN_E_PARSE,
                 "'2024-03-31T02:30:00'");
    unsetenv("TZ");
    tzset();
}

static void writes_the_one_form_and_reads_it_back(void **state) {
    (void)state;
    char text[EVTWIN_TIME_TEXT_SIZE];
    assert_ok(evtwin_time_format(0, text, sizeof text));
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    assert_ok(evtwin_time_format(-1, text, sizeof text));
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");

    /* one moment in every day and a half of ten thousand years, against itself and gmtime */
    for (int64_t us = -62167219200000000; us < 253402300800000000; us += 129600000001) {
        assert_ok(evtwin_time_format(us, text, sizeof text));
        assert_int_equal(strlen(text), 27);
        assert_int_equal(parsed(text), us);
        const time_t s = (time_t)((us - 999999 * (us < 0)) / 1000000);
        struct tm tm;
        char want[128];
        gmtime_r(&s, &tm);
        snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        assert_memory_equal(text, want, 19);
    }
}

static void refuses_to_write_what_it_could_not_read(void **state) {
    (void)state;
    char text[EVTWIN_TIME_TEXT_SIZE] = "as it was";
    assert_fails(evtwin_time_format(INT64_MAX, text, sizeof text), EVTWIN_E_RANGE, "years");
    assert_fails(evtwin_time_format(INT64_MIN, text, sizeof text), EVTWIN_E_RANGE, "years");
    assert_fails(evtwin_time_format(253402300800000000, text, sizeof text), EVTWIN_E_RANGE, "");
    assert_fails(evtwin_time_format(-62167219200000001, text, sizeof text), EVTWIN_E_RANGE, "");
    assert_fails(evtwin_time_format(0, text, 27), EVTWIN_E_ARG, "28");
    assert_fails(evtwin_time_format(0, NULL, 99), EVTWIN_E_ARG, "NULL");
    assert_string_equal(text, "as it was");
}

static void now_is_between_two_readings_of_the_clock(void **state) {
    (void)state;
    const int64_t before = (int64_t)time(NULL) * 1000000;
    const int64_t now = evtwin_time_now();
    assert_true(now >= before - 1000000);
    assert_true(now <= before + 10000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_accepted_form),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(a_naive_time_means_what_the_caller_says),
        cmocka_unit_test(writes_the_one_form_and_reads_it_back),
        cmocka_unit_test(refuses_to_write_what_it_could_not_read),
        cmocka_unit_test(now_is_between_two_readings_of_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
