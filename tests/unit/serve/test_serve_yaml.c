/* SPDX-License-Identifier: MIT */
/* The YAML that the description of the API is written in becomes the JSON that it means; what is
 * not read is refused. */

#include "test.h"

#include "core/text.h"
#include "serve/yaml.h"

#include <jansson.h>

static json_t *read_yaml(const char *yaml) {
    evtwin__text text = {.size = 0};
    if (evtwin__yaml_to_json(yaml, strlen(yaml), &text) < 0) {
        fail_msg("%s: %s", yaml, evtwin_last_error());
    }
    json_t *value =
        json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (value == NULL) {
        fail_msg("%s: %.*s", yaml, (int)text.size, text.data);
    }
    evtwin__text_free(&text);
    return value;
}

static void test_forms(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"a: 1\nb: -2.5\nc: x y\n", "{\"a\":1,\"b\":-2.5,\"c\":\"x y\"}"},
        {"a: null\nb: ~\nc:\nd: true\ne: false",
         "{\"a\":null,\"b\":null,\"c\":null,\"d\":true,\"e\":false}"},
        {"v: 3.1.0\nw: 0.2.0\nx: 1e3", "{\"v\":\"3.1.0\",\"w\":\"0.2.0\",\"x\":1000}"},
        {"a: 'it''s: [1]'\n'200': \"b \\\"c\\\" \\\\ \\n\"",
         "{\"a\":\"it's: [1]\",\"200\":\"b \\\"c\\\" \\\\ \\n\"}"},
        {"a:\n  b:\n    c: 1\n  d: 2\ne: 3", "{\"a\":{\"b\":{\"c\":1},\"d\":2},\"e\":3}"},
        {"a:\n  - 1\n  - b: 2\n    c: 3\n  - [4, {d: 5}]\n",
         "{\"a\":[1,{\"b\":2,\"c\":3},[4,{\"d\":5}]]}"},
        {"a:\n- 1\n- 2\nb: 3", "{\"a\":[1,2],\"b\":3}"},
        {"- - 1\n  - 2\n- 3", "[[1,2],3]"},
        {"a: [x y, 'z, w', <, soh 73.9 < 75,\n    last]\nb: {c: [], d: {}}",
         "{\"a\":[\"x y\",\"z, w\",\"<\",\"soh 73.9 < 75\",\"last\"],\"b\":{\"c\":[],\"d\":{}}}"},
        {"a: |\n  one\n    two\n\n  three: [4]\n\nb: 1",
         "{\"a\":\"one\\n  two\\n\\nthree: [4]\\n\",\"b\":1}"},
        {"# first\na: b # not this\n\n  # nor this\nc: d#e\nf: http://g/h",
         "{\"a\":\"b\",\"c\":\"d#e\",\"f\":\"http://g/h\"}"},
        {"a: one\n  two\n   three # not this\nb:\n  - x\n    y\n  - {c: d\n e, f: g}",
         "{\"a\":\"one two three\",\"b\":[\"x y\",{\"c\":\"d e\",\"f\":\"g\"}]}"},
        {"x: '#/a/b'\ny: {$ref: '#/c'}", "{\"x\":\"#/a/b\",\"y\":{\"$ref\":\"#/c\"}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *is = read_yaml(cases[i].yaml),
               *must = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        assert_non_null(must);
        if (!json_equal(is, must)) {
            fail_msg("%s: %s", cases[i].yaml, json_dumps(is, 0));
        }
        json_decref(is);
        json_decref(must);
    }
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *names;
    } cases[] = {
        {"a: 1\n  b: 2", "more"},
        {"a: 'open", "quote"},
        {"a: [1, 2", "bracket"},
        {"a: [1 2}", "bracket"},
        {"a: {b}", "colon"},
        {"a: \"\\x41\"", "escape"},
        {"a: &anchor 1", "form"},
        {"a: *alias", "form"},
        {"a: >\n  folded", "form"},
        {"a: 'b' c", "more"},
        {"a:\tb", "tabs"},
        {"a: 1\r\n", "carriage"},
        {"a: |\n    b\n  c\n", "block"},
        {"a:\n    b: 1\n  c: 2", "line 3"},
        {"a: 1\nb", "colon"},
        {"- 1\nb: 2", "line 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        evtwin__text text = {.size = 0};
        assert_fails(evtwin__yaml_to_json(cases[i].yaml, strlen(cases[i].yaml), &text),
                     EVTWIN_E_PARSE, cases[i].names);
        evtwin__text_free(&text);
    }
    char deep[400];
    memset(deep, '[', sizeof deep);
    evtwin__text text = {.size = 0};
    assert_fails(evtwin__yaml_to_json(deep, sizeof deep, &text), EVTWIN_E_PARSE, "deep");
    evtwin__text_free(&text);
}

/* The file that servers give: they would have no /openapi.json else. */
static void test_our_description(void **state) {
    (void)state;
    static char yaml[400000];
    FILE *f = fopen(SOURCE_DIR "/docs/openapi.yaml", "rb");
    assert_non_null(f);
    const size_t size = fread(yaml, 1, sizeof yaml - 1, f);
    fclose(f);
    assert_in_range(size, 1000, sizeof yaml - 2);
    json_t *v = read_yaml(yaml);
    assert_non_null(json_object_get(json_object_get(v, "paths"), "/api/battery/latest"));
    json_decref(v); /* test_asyncapi.c reads the other one */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_our_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
