/* SPDX-License-Identifier: MIT */
/* The request target: what is decoded, what is refused. */

#include "test.h"

#include "serve/query.h"

static evtwin_status parse(const char *target, evtwin__query *q) {
    return evtwin__query_parse(target, strlen(target), q);
}

static void test_path_and_parameters(void **state) {
    (void)state;
    evtwin__query q;
    assert_ok(parse("/api/x", &q));
    assert_string_equal(q.path, "/api/x");
    assert_int_equal(q.n_params, 0);

    assert_ok(parse("/a%2Fb?battery_id=B%3A1&hours=1.5&flag&empty=&text=a+b%20c", &q));
    assert_string_equal(q.path, "/a/b");
    assert_int_equal(q.n_params, 5);
    assert_string_equal(evtwin__query_get(&q, "battery_id"), "B:1");
    assert_string_equal(evtwin__query_get(&q, "hours"), "1.5");
    assert_string_equal(evtwin__query_get(&q, "flag"), "");
    assert_string_equal(evtwin__query_get(&q, "empty"), "");
    assert_string_equal(evtwin__query_get(&q, "text"), "a b c");
    assert_null(evtwin__query_get(&q, "absent"));

    /* a value may hold '=', and '+' in a path is itself; empty parts between '&' are nothing */
    assert_ok(parse("/a+b?x=1=2&&y=3&", &q));
    assert_string_equal(q.path, "/a+b");
    assert_string_equal(evtwin__query_get(&q, "x"), "1=2");
    assert_string_equal(evtwin__query_get(&q, "y"), "3");
    assert_int_equal(q.n_params, 2);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "x",
        "?a=1",
        "http://h/",
        "*",
        "/%",
        "/%4",
        "/%zz",
        "/%00",
        "/a?b=%",
        "/a?b=%0",
        "/a?b=%00",
        "/a?b=%g0",
        "/%ff",
        "/a?b=%c0%af",
        "/%ed%a0%80",
        "/a?%f5%80%80%80=1",
        "/a?=1",
        "/a?b=1&b=2",
        "/a?b&b",
        "/a?b=1&%62=2",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        evtwin__query q;
        const evtwin_status st = parse(bad[i], &q);
        if (st != EVTWIN_E_PARSE) {
            fail_msg("'%s' gave %s", bad[i], evtwin_status_name(st));
        }
    }
    evtwin__query q;
    assert_fails(parse("/a?hours=1&hours=2", &q), EVTWIN_E_PARSE, "hours");
    assert_fails(evtwin__query_parse("/a\0b", 4, &q), EVTWIN_E_PARSE, "path");
}

static void test_limits(void **state) {
    (void)state;
    static char target[EVTWIN__TARGET_MAX + 2];
    evtwin__query q;

    /* the longest target, all of it one key; one byte more */
    memset(target, 'k', sizeof target);
    memcpy(target, "/?", 2);
    assert_ok(evtwin__query_parse(target, EVTWIN__TARGET_MAX, &q));
    assert_int_equal(strlen(q.key[0]), EVTWIN__TARGET_MAX - 2);
    assert_string_equal(q.value[0], "");
    assert_fails(evtwin__query_parse(target, EVTWIN__TARGET_MAX + 1, &q), EVTWIN_E_RANGE, "4096");

    /* as many bare keys as are allowed, the last of them filling the target: each takes a byte more
     * than it has in the text */
    size_t n = 2;
    for (int i = 0; i < EVTWIN__QUERY_MAX_PARAMS; i++) {
        target[n++] = (char)('a' + i);
        target[n++] = '&';
    }
    target[n - 1] = 'z';
    memset(target + n, 'z', EVTWIN__TARGET_MAX - n);
    assert_ok(evtwin__query_parse(target, EVTWIN__TARGET_MAX, &q));
    assert_int_equal(q.n_params, EVTWIN__QUERY_MAX_PARAMS);
    const char *last = q.value[EVTWIN__QUERY_MAX_PARAMS - 1];
    assert_true(last < q.buffer + sizeof q.buffer);
    assert_string_equal(last, "");

    memcpy(target + EVTWIN__TARGET_MAX - 2, "&y", 2);
    assert_fails(evtwin__query_parse(target, EVTWIN__TARGET_MAX, &q), EVTWIN_E_PARSE, "16");
}

/* A '+' that nobody escaped arrives as a blank: before an offset it can only have been one. */
static void test_plus_in_a_time(void **state) {
    (void)state;
    static const char *const known[] = {"until", NULL};
    const int64_t noon_us = INT64_C(1769860800000000); /* 2026-01-31T12:00:00Z */
    static const struct {
        const char *until;
        int is_noon; /* else refused */
    } cases[] = {
        {"2026-01-31T12:00:00Z", 1},          {"2026-01-31T13:00:00%2B01:00", 1},
        {"2026-01-31T13:00:00+01:00", 1},     {"2026-01-31T13:00:00%2001:00", 1},
        {"2026-01-31T13:00:00.000+01:00", 1}, {"2026-01-31+13:00:00+01:00", 1},
        {"2026-01-31T11:00:00-01:00", 1},     {"+01:00", 0},
        {"2026-01-31T13:00:00+", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[100];
        snprintf(target, sizeof target, "/a?until=%s", cases[i].until);
        evtwin__query q;
        evtwin__params params = {.hours = 1.0, .limit = 10};
        assert_ok(parse(target, &q));
        const evtwin_status st = evtwin__query_params(&q, known, &params);
        if ((st >= 0) != cases[i].is_noon) {
            fail_msg("%s: %s", cases[i].until, evtwin_status_name(st));
        }
        if (st >= 0) {
            assert_int_equal(params.to_us, noon_us);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_and_parameters),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_plus_in_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
