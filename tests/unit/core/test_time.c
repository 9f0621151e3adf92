/* SPDX-License-Identifier: MIT */
/* test_time.c: RFC 3339 in and out, and seconds since 1970. */

#include "test.h"

#include "core/num.h"
#include "core/time.h"

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
        /* PostgreSQL, DuckDB, pandas, Python's logging, ISO 8601's basic form */
        {"2024-01-01 08:00:00+00", 1704096000000000},
        {"2024-01-01 08:00:00.745232+02", 1704088800745232},
        {"2024-01-01 08:00:00.718-07", 1704121200718000},
        {"2024-01-01T08:00:00+0530", 1704076200000000},
        {"2024-01-01 08:00:00 +0000", 1704096000000000},
        {"2024-01-01 08:00:00 UTC", 1704096000000000},
        {"2024-01-01 08:00:00 GMT", 1704096000000000},
        {"2024-01-01 08:00:00.123456789+00:00", 1704096000123456},
        {"2024-01-01 08:00:00,5", 1704096000500000},
        {"20240101T080000Z", 1704096000000000},
        {"20240101T0800+01", 1704092400000000},
        /* since 1970 in s, ms, us and ns: told by their digits */
        {"1704096000", 1704096000000000},
        {"1704096000.7452324", 1704096000745232},
        {"1704096000.1234558", 1704096000123456},
        {"1704096000745", 1704096000745000},
        {"1704096000745.5", 1704096000745500},
        {"1704096000745232", 1704096000745232},
        {"1704096000745232999", 1704096000745232},
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
        "2024-01-01T12:00:00+1:00",
        "2024-01-01T12:00:00+01:",
        "2024-01-01T12:00:00+010",
        "2024-01-01T12:00:00+01:00:00",
        "2024-01-01T12:00:00+0160",
        "2024-01-01T12:00:00+24:00",
        "2024-01-01T12:00:00Zx",
        "2024-01-01T12:00:00 CET",
        "2024-01-01T12:00:00 ",
        "20240101",
        "202401010800",
        "20240101080000",
        "170409600",
        "17040960001",
        "1704096000.5s",
        "1704096000745232999.5x",
        "-1704096000",
        "1.7e9",
        "20240101 080000",
        "2024-01-01T080000Z",
        "20240101T08:00:00Z",
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

static evtwin_status read_as(const char *format, const char *text, int64_t *us,
                             evtwin__time_kind *kind) {
    /* exactly the text, so that a sanitizer sees a byte too many */
    char *copy = malloc(strlen(text) > 0 ? strlen(text) : 1);
    memcpy(copy, text, strlen(text));
    const evtwin__time_rule rule = {format, EVTWIN_NAIVE_UTC};
    const evtwin_status st = evtwin__time_read(copy, strlen(text), &rule, us, kind);
    free(copy);
    return st;
}

static void a_format_reads_what_it_says(void **state) {
    (void)state;
    static const struct {
        const char *format, *text, *same;
        int is_naive;
    } cases[] = {
        {"%d/%m/%Y %H:%M", "31/01/2024 08:05", "2024-01-31T08:05:00Z", 1},
        {"%d/%m/%Y %H:%M", "1/2/2024 8:05", "2024-02-01T08:05:00Z", 1},
        {"%d/%m/%y", "01/02/69", "1969-02-01T00:00:00Z", 1},
        {"%d.%m.%y %T", "01.02.68 08:00:01,25", "2068-02-01T08:00:01.25Z", 1},
        {"%m/%d/%Y %I:%M:%S %p", "1/31/2024 12:00:01 AM", "2024-01-31T00:00:01Z", 1},
        {"%m/%d/%Y %I:%M %p", "1/31/2024 12:59 pm", "2024-01-31T12:59:00Z", 1},
        {"%D %l:%M%p", "01/31/24  1:59PM", "2024-01-31T13:59:00Z", 1},
        {"%Y%m%d%H%M%S", "20240131080509", "2024-01-31T08:05:09Z", 1},
        {"%F %T.%f%z", "2024-01-31 08:05:09.5+01", "2024-01-31T07:05:09.5Z", 0},
        {"%F %T", "2024-01-31 08:05:09.123456999", "2024-01-31T08:05:09.123456Z", 1},
        {"%F %T %z", "2024-01-31 08:05:09 UTC", "2024-01-31T08:05:09Z", 0},
        {"%a %b %e %H:%M:%S %Y", "Wed Jan 31 08:05:09 2024", "2024-01-31T08:05:09Z", 1},
        {"%A, %d %B %Y %R", "monday, 1 july 2024 08:05", "2024-07-01T08:05:00Z", 1},
        {"%Y-%j", "2024-366", "2024-12-31T00:00:00Z", 1},
        {"%Yw%m%%%d", "2024w01%31", "2024-01-31T00:00:00Z", 1},
        {"%s", "0", "1970-01-01T00:00:00Z", 0},
        {"%s", "1.704096000500000000e+09", "2024-01-01T08:00:00.5Z", 0},
        {"%s", "-0.25", "1969-12-31T23:59:59.75Z", 0},
        {"%s", "7258118400.123457", "2200-01-01T00:00:00.123457Z", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 0;
        evtwin__time_kind kind;
        assert_ok(evtwin__time_format_check(cases[i].format));
        assert_ok(read_as(cases[i].format, cases[i].text, &us, &kind));
        if (us != parsed(cases[i].same) || (kind == EVTWIN__TIME_NAIVE) != cases[i].is_naive) {
            fail_msg("'%s' as '%s': %lld", cases[i].text, cases[i].format, (long long)us);
        }
    }
}

static void a_format_refuses_every_other_text(void **state) {
    (void)state;
    static const struct {
        const char *format, *text;
    } cases[] = {
        {"%d/%m/%Y", "31/02/2024"},
        {"%d/%m/%Y", "01/13/2024"},
        {"%d/%m/%Y", "0/1/2024"},
        {"%d/%m/%Y", "01/01/24"},
        {"%d/%m/%Y", "01/01/20245"},
        {"%d/%m/%Y", "01/01/2024 "},
        {"%d/%m/%Y", ""},
        {"%Y-%j", "2023-366"},
        {"%Y-%j", "2023-000"},
        {"%F %T", "2024-01-01 24:00:00"},
        {"%F %T", "2024-01-01 12:60:00"},
        {"%F %T", "2024-01-01 12:00:60"},
        {"%F %T", "2024-01-01 12:00:61"},
        {"%F %I%p", "2024-01-01 0AM"},
        {"%F %I%p", "2024-01-01 13PM"},
        {"%F %I%p", "2024-01-01 1XM"},
        {"%a %F", "Tue 2024-01-31"},
        {"%d %b %Y", "1 Mai 2024"},
        {"%F%z", "2024-01-01+24"},
        {"%s", "now"},
        {"%s", "1e300"},
        {"%s", ""},
        {"%s", "300000000000"},
        {"%F %T.%f", "2024-01-01 12:00:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = 42;
        evtwin__time_kind kind;
        assert_ok(evtwin__time_format_check(cases[i].format));
        if (read_as(cases[i].format, cases[i].text, &us, &kind) != EVTWIN_E_PARSE || us != 42) {
            fail_msg("'%s' as '%s' passed", cases[i].text, cases[i].format);
        }
    }
}

static void a_format_is_checked_before_it_is_used(void **state) {
    (void)state;
    static const struct {
        const char *format, *named;
    } cases[] = {
        {"%d/%m/%Q", "%Q"}, {"%d/%m/%Y %", "'%'"},   {"%d/%m/%Y %3S", "%3"}, {"%Y-%F", "%F"},
        {"%F %D", "%D"},    {"%d/%m/%Y %m", "%m"},   {"%F %I:%M", "%I"},     {"%F %H:%M %p", "%p"},
        {"%H:%M", "date"},  {"%Y %j %m-%d", "date"}, {"%d/%m", "date"},      {"%d/%M/%Y", "%M"},
        {"%F %H:%S", "%S"}, {"%s %z", "%s"},         {"%F %H:%M.%f", "%f"},  {"%Y-%m", "%m"},
        {"", "date"},       {"dd/mm/yyyy", "date"},  {"%D/%m/%Y", "%m"},     {"%F %T%S", "%S"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const evtwin_status st = evtwin__time_format_check(cases[i].format);
        if (st != EVTWIN_E_ARG || strstr(evtwin_last_error(), cases[i].named) == NULL) {
            fail_msg("'%s': %d %s", cases[i].format, st, evtwin_last_error());
        }
    }
    assert_fails(evtwin__time_format_check(NULL), EVTWIN_E_ARG, "NULL");
}

/* What a clock in Berlin shows, after any other time was read: the answer is the text's alone. */
static void an_hour_that_comes_twice_is_the_first_whatever_was_read_before(void **state) {
    (void)state;
    static const char *const before[] = {"2024-07-01 12:00", "2024-12-01 12:00"};
    const evtwin__time_rule rule = {.naive = EVTWIN_NAIVE_LOCAL};
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    for (size_t i = 0; i < 2; i++) {
        static const struct {
            const char *text, *same;
            evtwin__time_kind kind;
        } cases[] = {
            {"2024-10-27 01:59:59", "2024-10-26T23:59:59Z", EVTWIN__TIME_NAIVE},
            {"2024-10-27 02:00:00", "2024-10-27T00:00:00Z", EVTWIN__TIME_TWICE},
            {"2024-10-27 02:30:00.5", "2024-10-27T00:30:00.5Z", EVTWIN__TIME_TWICE},
            {"2024-10-27 02:59:59", "2024-10-27T00:59:59Z", EVTWIN__TIME_TWICE},
            {"2024-10-27 03:00:00", "2024-10-27T02:00:00Z", EVTWIN__TIME_NAIVE},
            {"2024-10-27 02:30:00+01", "2024-10-27T01:30:00Z", EVTWIN__TIME_EXACT},
            {"2024-03-31 01:59:59", "2024-03-31T00:59:59Z", EVTWIN__TIME_NAIVE},
            {"2024-03-31 03:00:00", "2024-03-31T01:00:00Z", EVTWIN__TIME_NAIVE},
        };
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
            int64_t us = 0;
            evtwin__time_kind kind;
            assert_ok(evtwin_time_parse(before[i], EVTWIN_NAIVE_LOCAL, &us));
            assert_ok(evtwin__time_read(cases[k].text, strlen(cases[k].text), &rule, &us, &kind));
            if (us != parsed(cases[k].same) || kind != cases[k].kind) {
                fail_msg("'%s' after '%s': %lld, %d", cases[k].text, before[i], (long long)us,
                         (int)kind);
            }
        }
        int64_t us;
        assert_fails(evtwin_time_parse("2024-03-31 02:00:00", EVTWIN_NAIVE_LOCAL, &us),
                     EVTWIN_E_PARSE, "'2024-03-31 02:00:00'");
        assert_fails(evtwin_time_parse("2024-03-31 02:59:59", EVTWIN_NAIVE_LOCAL, &us),
                     EVTWIN_E_PARSE, "does not exist");
    }
    /* half an hour in the south, at Lord Howe */
    setenv("TZ", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1);
    int64_t us = 0;
    evtwin__time_kind kind;
    assert_ok(evtwin__time_read("2024-04-07 01:45", 16, &rule, &us, &kind));
    assert_int_equal(us, parsed("2024-04-06T14:45:00Z"));
    assert_int_equal(kind, EVTWIN__TIME_TWICE);
    assert_ok(evtwin__time_read("2024-04-07 01:29", 16, &rule, &us, &kind));
    assert_int_equal(kind, EVTWIN__TIME_NAIVE);
    assert_fails(evtwin__time_read("2024-10-06 02:15", 16, &rule, &us, &kind), EVTWIN_E_PARSE,
                 "does not exist");
    unsetenv("TZ");
    tzset();
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

static void seconds_are_exact(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "0.000001"},
                 {-1, "-0.000001"},
                 {-500000, "-0.5"},
                 {-1000000, "-1"},
                 {-1500000, "-1.5"},
                 {1706702400500000, "1706702400.5"},
                 {1706702400000010, "1706702400.00001"},
                 {EVTWIN__TIME_LAST_US, "253402300799.999999"},
                 {EVTWIN__TIME_FIRST_US, "-62167219200"},
                 {INT64_MAX, "9223372036854.775807"},
                 {INT64_MIN, "-9223372036854.775808"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[EVTWIN__NUM_SIZE];
        assert_int_equal(evtwin__time_seconds(cases[i].us, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_accepted_form),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(a_format_reads_what_it_says),
        cmocka_unit_test(a_format_refuses_every_other_text),
        cmocka_unit_test(a_format_is_checked_before_it_is_used),
        cmocka_unit_test(an_hour_that_comes_twice_is_the_first_whatever_was_read_before),
        cmocka_unit_test(a_naive_time_means_what_the_caller_says),
        cmocka_unit_test(writes_the_one_form_and_reads_it_back),
        cmocka_unit_test(refuses_to_write_what_it_could_not_read),
        cmocka_unit_test(seconds_are_exact),
        cmocka_unit_test(now_is_between_two_readings_of_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
