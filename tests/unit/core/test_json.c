/* SPDX-License-Identifier: MIT */
/* test_json.c: JSON written to files, and members of the expected kind. */

#include "test.h"

#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"

#include <locale.h>

static json_t *read_back(const char *path) {
    char *text = NULL;
    size_t size = 0;
    json_t *value = NULL;
    assert_ok(evtwin__file_read(path, 1000, &text, &size));
    assert_ok(evtwin__json_parse(path, text, size, &value));
    evtwin__free(text);
    return value;
}

static void writes_a_file(void **state) {
    (void)state;
    const char *path = temp_path("a.json");
    json_t *value =
        json_pack("{s:f,s:i,s:s,s:[b,n]}", "pi", 3.140625, "n", 7, "name", "\xc3\xa4", "list", 1);
    assert_non_null(value);
    assert_ok(evtwin__json_write(path, value));
    json_t *back = read_back(path);
    assert_true(json_equal(value, back));
    json_decref(back);
    json_decref(value);

    json_t *text = json_string("x");
    assert_fails(evtwin__json_write(path, text), EVTWIN_E_ARG, "neither");
    json_decref(text);
}

static evtwin_status parse(const char *text) {
    json_t *value = NULL;
    const evtwin_status st = evtwin__json_parse("f", text, strlen(text), &value);
    assert_true((st == EVTWIN_OK) == (value != NULL));
    json_decref(value);
    return st;
}

static void says_where_a_text_is_wrong(void **state) {
    (void)state;
    assert_ok(parse("{\"a\": [1, 2.5, true, null, \"x\"]}"));
    assert_fails(parse("{\"a\": 1,\n \"a\": 2}"), EVTWIN_E_PARSE, "f:2:");
    assert_fails(parse("{\"a\": 1,\n \"a\": 2}"), EVTWIN_E_PARSE, "duplicate");
    assert_ok(parse("\xEF\xBB\xBF{\"a\": 1}")); /* a byte order mark is not a part of it */
    static const char *const bad[] = {"",
                                      "\xEF\xBB\xBF",
                                      "{} \xEF\xBB\xBF",
                                      "{",
                                      "{\"a\":}",
                                      "{\"a\":1}x",
                                      "{a:1}",
                                      "{\"a\":01}",
                                      "{\"a\":NaN}",
                                      "{\"a\":Infinity}",
                                      "[1e999]",
                                      "[1,]",
                                      "[\"\\u0000\"]",
                                      "[\"\xff\"]",
                                      "\"x\"",
                                      "[\"a\nb\"]",
                                      "[99999999999999999999]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_fails(parse(bad[i]), EVTWIN_E_PARSE, "f:");
    }
    static const struct {
        const char *text;
        size_t size;
    } with_nul[] = {{"[1]\0", 4}, {"[1\0]", 4}, {"[\0001]", 4}, {"[1,\0002]", 6}};
    for (size_t i = 0; i < sizeof with_nul / sizeof with_nul[0]; i++) {
        json_t *value = NULL;
        assert_fails(evtwin__json_parse("f", with_nul[i].text, with_nul[i].size, &value),
                     EVTWIN_E_PARSE, "f:1:");
        assert_null(value);
    }
    json_t *value = NULL;
    assert_fails(evtwin__json_parse("f", "\x80\4\x95", 3, &value), EVTWIN_E_UNSUPPORTED, "pickle");
}

static void survives_a_million_brackets(void **state) {
    (void)state;
    const size_t n = 1000000;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '[', n);
    json_t *value = NULL;
    assert_fails(evtwin__json_parse("deep", text, n, &value), EVTWIN_E_PARSE, "deep:");
    free(text);
}

static void members_are_of_the_kind_asked_for(void **state) {
    (void)state;
    static const char text[] =
        "{\"n\": 1.5, \"i\": 3, \"t\": \"x\", \"o\": {}, \"a\": [1], \"z\": null}";
    json_t *value = NULL;
    assert_ok(evtwin__json_parse("f", text, strlen(text), &value));
    double number = -1.0;
    const char *string = NULL;
    json_t *object = NULL, *array = NULL;
    assert_ok(evtwin__json_get_number("f", value, "n", &number));
    assert_true(number == 1.5);
    assert_ok(evtwin__json_get_number("f", value, "i", &number));
    assert_true(number == 3.0);
    assert_ok(evtwin__json_get_text("f", value, "t", &string));
    assert_string_equal(string, "x");
    assert_ok(evtwin__json_get_object("f", value, "o", &object));
    assert_ok(evtwin__json_get_array("f", value, "a", &array));
    assert_int_equal(json_array_size(array), 1);

    number = -1.0;
    assert_fails(evtwin__json_get_number("f", value, "q", &number), EVTWIN_E_PARSE, "f:|\"q\"");
    assert_fails(evtwin__json_get_number("f", value, "z", &number), EVTWIN_E_PARSE, "missing");
    assert_fails(evtwin__json_get_number("f", value, "t", &number), EVTWIN_E_PARSE,
                 "f:|\"t\"|number");
    assert_fails(evtwin__json_get_text("f", value, "n", &string), EVTWIN_E_PARSE,
                 "f:|\"n\"|string");
    assert_fails(evtwin__json_get_object("f", value, "a", &object), EVTWIN_E_PARSE,
                 "f:|\"a\"|object");
    assert_fails(evtwin__json_get_array("f", value, "o", &array), EVTWIN_E_PARSE, "f:|\"o\"|array");
    assert_fails(evtwin__json_get_array("f", array, "o", &array), EVTWIN_E_PARSE, "missing");
    assert_true(number == -1.0);
    json_decref(value);
}

static void numbers_that_json_lacks_become_null(void **state) {
    (void)state;
    json_t *v = evtwin__json_number(NAN);
    assert_true(json_is_null(v));
    json_decref(v);
    v = evtwin__json_number(-INFINITY);
    assert_true(json_is_null(v));
    json_decref(v);
    v = evtwin__json_number(0.1);
    assert_true(json_real_value(v) == 0.1);
    json_decref(v);
}

/* A program around us may have set a locale with a decimal comma. */
static void a_decimal_comma_does_not_matter(void **state) {
    (void)state;
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL && setlocale(LC_ALL, "de_DE.utf8") == NULL) {
        print_message("skipped: no de_DE locale on this machine\n");
        skip();
    }
    json_t *value = NULL;
    assert_ok(evtwin__json_parse("f", "[1.5]", 5, &value));
    assert_true(json_real_value(json_array_get(value, 0)) == 1.5);
    const char *path = temp_path("comma.json");
    assert_ok(evtwin__json_write(path, value));
    json_decref(value);
    value = read_back(path);
    assert_true(json_real_value(json_array_get(value, 0)) == 1.5);
    json_decref(value);
    setlocale(LC_ALL, "C");
}

/* ---- memory that runs out inside jansson ---- */

static long n_before_refusal; /* requests until one alone is refused */

static void *refuse_one(void *ctx, void *ptr, size_t new_size) {
    (void)ctx;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return n_before_refusal-- == 0 ? NULL : realloc(ptr, new_size);
}

/* jansson would go on after it with a byte less, to another value or an assertion. */
static void one_refused_request_is_out_of_memory(void **state) {
    (void)state;
    static const char text[] =
        "{\"a_rather_long_key_that_grows\": \"0123456789abcd\\u20ac\\n\\n0123456789\","
        " \"b\": [0.12345678901234567, 1234567890123456789]}";
    json_t *whole = NULL;
    assert_ok(evtwin__json_parse("f", text, strlen(text), &whole));
    long n = 0;
    evtwin_status st = EVTWIN_E_NOMEM;
    for (; st != EVTWIN_OK; n++) {
        json_t *value = NULL;
        n_before_refusal = n;
        evtwin_set_allocator(refuse_one, NULL);
        st = evtwin__json_parse("f", text, strlen(text), &value);
        evtwin_set_allocator(NULL, NULL);
        assert_true(st == EVTWIN_OK || st == EVTWIN_E_NOMEM);
        assert_true(st != EVTWIN_OK || json_equal(value, whole));
        json_decref(value);
    }
    assert_true(n > 10);
    json_decref(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_file),
        cmocka_unit_test(says_where_a_text_is_wrong),
        cmocka_unit_test(survives_a_million_brackets),
        cmocka_unit_test(members_are_of_the_kind_asked_for),
        cmocka_unit_test(numbers_that_json_lacks_become_null),
        cmocka_unit_test(a_decimal_comma_does_not_matter),
        cmocka_unit_test(one_refused_request_is_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
