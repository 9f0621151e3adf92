/* SPDX-License-Identifier: MIT */
/* test_text.c: text that grows, and JSON values in it. */

#include "test.h"

#include "fail_nth.h"
#include "core/text.h"
#include "core/utf8.h"

static void assert_text(evtwin__text *text, const char *expected) {
    assert_false(text->is_failed);
    assert_int_equal(text->size, strlen(expected));
    assert_memory_equal(text->data, expected, text->size);
    evtwin__text_free(text);
}

static void test_strings(void **state) {
    (void)state;
    evtwin__text text = {0};
    evtwin__text_string(&text, NULL, "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f");
    assert_text(&text, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    evtwin__text_string(&text, NULL, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x94\x8B");
    assert_text(&text, "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x94\x8B\"");
    evtwin__text_string(&text, NULL, "x\xFFy\xC3");
    assert_text(&text, "\"x\xEF\xBF\xBDy\xEF\xBF\xBD\"");
    evtwin__text_string(&text, NULL, NULL);
    assert_text(&text, "null");
    evtwin__text_string(&text, NULL, "");
    assert_text(&text, "\"\"");
}

static void test_numbers_and_times(void **state) {
    (void)state;
    evtwin__text text = {0};
    evtwin__text_number(&text, NULL, 84.3);
    evtwin__text_put(&text, " ");
    evtwin__text_number(&text, NULL, NAN);
    evtwin__text_put(&text, " ");
    evtwin__text_number(&text, NULL, -INFINITY);
    evtwin__text_put(&text, " ");
    evtwin__text_integer(&text, NULL, INT64_MIN);
    assert_text(&text, "84.3 null null -9223372036854775808");
    evtwin__text_time(&text, NULL, 0);
    evtwin__text_time(&text, NULL, INT64_MAX);
    assert_text(&text, "\"1970-01-01T00:00:00.000000Z\",null");
}

/* Commas come by themselves, wherever a value stands before. */
static void test_objects_and_arrays(void **state) {
    (void)state;
    evtwin__text text = {0};
    evtwin__text_open(&text, NULL, '{');
    evtwin__text_string(&text, "a\"", "{[:");
    evtwin__text_open(&text, "b", '[');
    evtwin__text_number(&text, NULL, 0.5);
    evtwin__text_integer(&text, NULL, -7);
    evtwin__text_word(&text, NULL, "true");
    evtwin__text_open(&text, NULL, '{');
    evtwin__text_put(&text, "}");
    evtwin__text_time(&text, NULL, 0);
    evtwin__text_put(&text, "]");
    evtwin__text_open(&text, "c", '[');
    evtwin__text_put(&text, "]");
    evtwin__text_word(&text, "d", "null");
    evtwin__text_put(&text, "}\n");
    evtwin__text_integer(&text, NULL, 1);
    assert_text(&text, "{\"a\\\"\":\"{[:\",\"b\":[0.5,-7,true,{},"
                       "\"1970-01-01T00:00:00.000000Z\"],\"c\":[],\"d\":null}\n1");
}

static void test_growth(void **state) {
    (void)state;
    evtwin__text text = {0};
    for (int i = 0; i < 100000; i++) {
        evtwin__text_put(&text, "0123456789");
    }
    assert_int_equal(text.size, 1000000);
    assert_memory_equal(text.data + 999990, "0123456789", 10);
    evtwin__text_free(&text);
    assert_null(text.data);
}

static void test_out_of_memory(void **state) {
    (void)state;
    evtwin_set_allocator(fail_nth_realloc, NULL);
    for (int first_failure = 0; first_failure < 6; first_failure++) {
        fail_nth_countdown = first_failure;
        evtwin__text text = {0};
        for (int i = 0; i < 10000; i++) {
            evtwin__text_string(&text, NULL, "0123456789");
        }
        assert_true(text.is_failed);
        evtwin__text_free(&text);
    }
    fail_nth_countdown = -1;
    evtwin__text text = {0};
    assert_null(evtwin__text_room(&text, SIZE_MAX - 5));
    assert_true(text.is_failed);
    evtwin__text_put(&text, "x");
    assert_int_equal(text.size, 0);
    evtwin__text_free(&text);
    evtwin_set_allocator(NULL, NULL);
}

static void test_pieces(void **state) {
    (void)state;
    char pair[] = "key=a=b";
    assert_string_equal(evtwin__text_cut(pair, '='), "a=b");
    assert_string_equal(pair, "key");
    assert_null(evtwin__text_cut(pair, '='));
    assert_true(evtwin__text_is_word("NaN", 3, "nan"));
    assert_false(evtwin__text_is_word("nan", 2, "nan"));
    assert_false(evtwin__text_is_word("nano", 4, "nan"));
    assert_false(evtwin__text_is_word("NbN", 3, "nan"));

    /* what has no room is cut off */
    char list[8] = "";
    evtwin__text_append(list, sizeof list, "%d, ", 12);
    evtwin__text_append(list, sizeof list, "%s", "abcdef");
    assert_string_equal(list, "12, abc");
    evtwin__text_append(list, sizeof list, "x");
    assert_string_equal(list, "12, abc");
}

static void test_utf8_lengths(void **state) {
    (void)state;
    assert_int_equal(evtwin__utf8_length("a", 1), 1);
    assert_int_equal(evtwin__utf8_length("", 1), 0); /* NUL */
    assert_int_equal(evtwin__utf8_length("\xC3\xA4", 2), 2);
    assert_int_equal(evtwin__utf8_length("\xC3\xA4", 1), 0);
    assert_int_equal(evtwin__utf8_length("\xE2\x82\xAC", 3), 3);
    assert_int_equal(evtwin__utf8_length("\xED\xA0\x80", 3), 0); /* a surrogate */
    assert_int_equal(evtwin__utf8_length("\xF0\x9F\x94\x8B", 4), 4);
    assert_int_equal(evtwin__utf8_length("\xFF", 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_numbers_and_times),
        cmocka_unit_test(test_objects_and_arrays),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_utf8_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
