/* SPDX-License-Identifier: MIT */
/* test_letter_json.c: refused records as JSON, and in a file of JSON lines. */

#include "test.h"

#include "fail_nth.h"

#include "core/json.h"
#include "stream/letter_json.h"

static evtwin_letter letter(const char *raw, size_t raw_size) {
    return (evtwin_letter){.size = sizeof(evtwin_letter),
                           .received_us = 1704096000500000,
                           .source = "kafka://host/topic",
                           .place = "topic [3] at offset 17",
                           .status = EVTWIN_E_PARSE,
                           .reason = "not a \"JSON\" object",
                           .raw = raw,
                           .raw_size = raw_size};
}

/* The object that was written, parsed by jansson. */
static json_t *written(const char *raw, size_t raw_size) {
    const evtwin_letter l = letter(raw, raw_size);
    evtwin__text text = {.size = 0};
    json_t *json = NULL;
    assert_ok(evtwin__letter_put_json(&l, &text));
    assert_ok(evtwin__json_parse("letter", text.data, text.size, &json));
    evtwin__text_free(&text);
    return json;
}

static const char *member(const json_t *json, const char *key) {
    return json_string_value(json_object_get(json, key));
}

static void has_all_that_is_known(void **state) {
    (void)state;
    json_t *json = written("{\"soc\": \n", 9);
    assert_string_equal(member(json, "received_at"), "2024-01-01T08:00:00.500000Z");
    assert_string_equal(member(json, "source"), "kafka://host/topic");
    assert_string_equal(member(json, "place"), "topic [3] at offset 17");
    assert_string_equal(member(json, "status"), "EVTWIN_E_PARSE");
    assert_string_equal(member(json, "reason"), "not a \"JSON\" object");
    assert_string_equal(member(json, "raw"), "{\"soc\": \n");
    assert_int_equal(json_object_size(json), 6);
    json_decref(json);
}

static void raw_ends_with_its_size(void **state) {
    (void)state;
    json_t *json = written("abcdef", 3);
    assert_string_equal(member(json, "raw"), "abc");
    json_decref(json);
    json = written(NULL, 0);
    assert_string_equal(member(json, "raw"), "");
    json_decref(json);
}

/* Examples of RFC 4648, section 10, with a byte before them that is never in UTF-8; NUL too. */
static void bytes_come_as_base64(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        size_t size;
        const char *base64;
    } cases[] = {{"\xff", 1, "/w=="},         {"\xff\xfe", 2, "//4="},
                 {"\xff\xfe\xfd", 3, "//79"}, {"a\0b", 3, "YQBi"},
                 {"\0", 1, "AA=="},           {"\xc3\x28 foobar", 9, "wyggZm9vYmFy"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *json = written(cases[i].raw, cases[i].size);
        assert_null(member(json, "raw"));
        assert_string_equal(member(json, "raw_base64"), cases[i].base64);
        json_decref(json);
    }
}

static evtwin_status put_one(void *ctx) {
    (void)ctx;
    const evtwin_letter l = letter("copied, as it is text", 21);
    evtwin__text text = {.size = 0};
    const evtwin_status st = evtwin__letter_put_json(&l, &text);
    assert_true(st == EVTWIN_OK || (text.size == 0 && !text.is_failed));
    evtwin__text_free(&text);
    return st;
}

static void memory_that_runs_out_leaves_the_text(void **state) {
    (void)state;
    assert_true(fail_every_allocation(put_one, NULL) > 0);
}

static void a_jsonl_sink_takes_letters(void **state) {
    (void)state;
    char uri[300];
    const char *path = temp_path("letters.jsonl");
    snprintf(uri, sizeof uri, "jsonl:%s", path);
    evtwin_sink *sink = NULL;
    assert_ok(evtwin_sink_open(uri, &sink));
    const evtwin_letter two[] = {letter("one", 3), letter("t\0o", 3)};
    assert_ok(evtwin_sink_write_letters(sink, two, 2));

    FILE *f = fopen(path, "rb"); /* before the sink is freed: they last when the call returns */
    char line[2][1000];
    assert_non_null(f);
    for (int i = 0; i < 2; i++) {
        assert_non_null(fgets(line[i], sizeof line[i], f));
        assert_int_equal(line[i][strlen(line[i]) - 1], '\n');
    }
    fclose(f);
    json_t *json = NULL;
    assert_ok(evtwin__json_parse("line", line[1], strlen(line[1]), &json));
    assert_string_equal(member(json, "raw_base64"), "dABv");
    json_decref(json);
    evtwin_sink_free(sink);
}

static void other_sinks_say_so(void **state) {
    (void)state;
    evtwin_sink *sink = NULL;
    const evtwin_letter l = letter("", 0);
    assert_ok(evtwin_sink_open("null:", &sink));
    assert_fails(evtwin_sink_write_letters(sink, &l, 1), EVTWIN_E_UNSUPPORTED, "null:");
    evtwin_sink_free(sink);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_all_that_is_known),
        cmocka_unit_test(raw_ends_with_its_size),
        cmocka_unit_test(bytes_come_as_base64),
        cmocka_unit_test(memory_that_runs_out_leaves_the_text),
        cmocka_unit_test(a_jsonl_sink_takes_letters),
        cmocka_unit_test(other_sinks_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
