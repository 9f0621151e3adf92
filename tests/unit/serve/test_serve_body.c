/* SPDX-License-Identifier: MIT */
/* JSON values and the buffer they go into. */

#include "test.h"

#include "fail_nth.h"
#include "serve/body.h"

static void assert_body(evtwin__body *body, const char *expected) {
    assert_false(body->is_failed);
    assert_int_equal(body->size, strlen(expected));
    assert_memory_equal(body->data, expected, body->size);
    evtwin__body_free(body);
}

static void test_strings(void **state) {
    (void)state;
    evtwin__body body = {0};
    evtwin__body_json_text(&body, "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f");
    assert_body(&body, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    evtwin__body_json_text(&body, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x94\x8B");
    assert_body(&body, "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x94\x8B\"");
    evtwin__body_json_text(&body, "x\xFFy\xC3");
    assert_body(&body, "\"x\xEF\xBF\xBDy\xEF\xBF\xBD\"");
    evtwin__body_json_text(&body, NULL);
    assert_body(&body, "null");
    evtwin__body_json_text(&body, "");
    assert_body(&body, "\"\"");
}

static void test_numbers_and_times(void **state) {
    (void)state;
    evtwin__body body = {0};
    evtwin__body_json_f64(&body, 84.3);
    evtwin__body_text(&body, " ");
    evtwin__body_json_f64(&body, NAN);
    evtwin__body_text(&body, " ");
    evtwin__body_json_f64(&body, -INFINITY);
    evtwin__body_text(&body, " ");
    evtwin__body_i64(&body, INT64_MIN);
    assert_body(&body, "84.3 null null -9223372036854775808");
    evtwin__body_json_time(&body, 0);
    evtwin__body_json_time(&body, INT64_MAX);
    assert_body(&body, "\"1970-01-01T00:00:00.000000Z\"null");
}

static void test_growth(void **state) {
    (void)state;
    evtwin__body body = {0};
    for (int i = 0; i < 100000; i++) {
        evtwin__body_text(&body, "0123456789");
    }
    assert_int_equal(body.size, 1000000);
    assert_memory_equal(body.data + 999990, "0123456789", 10);
    evtwin__body_free(&body);
    assert_null(body.data);
}

static void test_out_of_memory(void **state) {
    (void)state;
    evtwin_set_allocator(fail_nth_realloc, NULL);
    for (int first_failure = 0; first_failure < 6; first_failure++) {
        fail_nth_countdown = first_failure;
        evtwin__body body = {0};
        for (int i = 0; i < 10000; i++) {
            evtwin__body_json_text(&body, "0123456789");
        }
        assert_true(body.is_failed);
        evtwin__body_free(&body);
    }
    fail_nth_countdown = -1;
    evtwin__body body = {0};
    assert_null(evtwin__body_room(&body, SIZE_MAX - 5));
    assert_true(body.is_failed);
    evtwin__body_text(&body, "x");
    assert_int_equal(body.size, 0);
    evtwin__body_free(&body);
    evtwin_set_allocator(NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_numbers_and_times),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
