/* SPDX-License-Identifier: MIT */
/* test_asyncapi.c: docs/asyncapi.yaml says what the schema of quantities says, and names what the
 * code names. */

#include "test.h"

#include "core/text.h"
#include "serve/yaml.h"
#include "stream/cloudevent.h"
#include "stream/letter_json.h"

#include <jansson.h>

static json_t *document; /* of the whole program */

static int set_up(void **state) {
    (void)state;
    static char yaml[200000];
    evtwin__text text = {.size = 0};
    FILE *f = fopen(SOURCE_DIR "/docs/asyncapi.yaml", "rb");
    assert_non_null(f);
    const size_t size = fread(yaml, 1, sizeof yaml - 1, f);
    fclose(f);
    assert_ok(evtwin__yaml_to_json(yaml, size, &text));
    document = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    evtwin__text_free(&text);
    assert_non_null(document);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    json_decref(document);
    return 0;
}

/* The member at "a/b/0/c". */
static const json_t *at(const char *path) {
    char copy[200];
    snprintf(copy, sizeof copy, "%s", path);
    const json_t *v = document;
    for (char *key = strtok(copy, "/"); key != NULL; key = strtok(NULL, "/")) {
        v = json_is_array(v) ? json_array_get(v, (size_t)strtol(key, NULL, 10))
                             : json_object_get(v, key);
    }
    if (v == NULL) {
        fail_msg("docs/asyncapi.yaml has no %s", path);
    }
    return v;
}

static int holds(const json_t *array, const char *word) {
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (text != NULL && strcmp(text, word) == 0) {
            return 1;
        }
    }
    return 0;
}

static void check_quantity(const evtwin_quantity *q, const json_t *property, int is_key) {
    static const char *const words[] = {[EVTWIN_F64] = "number",
                                        [EVTWIN_I64] = "integer",
                                        [EVTWIN_BOOL] = "boolean",
                                        [EVTWIN_TEXT] = "string",
                                        [EVTWIN_TIME] = "string"};
    if (property == NULL) {
        fail_msg("%s is not in docs/asyncapi.yaml", q->json_key);
    }
    const json_t *type = json_object_get(property, "type");
    const char *form = json_string_value(json_object_get(property, "format"));
    const int is_of_type =
        is_key ? json_is_string(type) && strcmp(json_string_value(type), words[q->type]) == 0
               : json_array_size(type) == 2 && holds(type, words[q->type]) && holds(type, "null");
    if (!is_of_type || (q->type == EVTWIN_TIME) != (form != NULL)) {
        fail_msg("%s is not of its type in docs/asyncapi.yaml", q->json_key);
    }
}

/* The same names in the same order, of the same types, and no others. */
static void records_are_those_of_the_schema(void **state) {
    (void)state;
    const json_t *telemetry = at("components/schemas/Telemetry/properties");
    const json_t *prediction = at("components/schemas/Prediction/allOf/1/properties");
    const json_t *keys = at("components/schemas/Telemetry/required");
    size_t n = 0, n_keys = 0;
    for (size_t i = 0; i < evtwin_quantity_count(); i++) {
        evtwin_quantity q;
        assert_ok(evtwin_quantity_get(i, &q, sizeof q));
        if (q.kind != EVTWIN_KIND_TELEMETRY && q.kind != EVTWIN_KIND_PREDICTION) {
            continue;
        }
        const int is_key = holds(keys, q.json_key);
        const json_t *of = q.kind == EVTWIN_KIND_TELEMETRY ? telemetry : prediction;
        check_quantity(&q, json_object_get(of, q.json_key), is_key);
        n++;
        n_keys += (size_t)is_key;
    }
    assert_int_equal(json_object_size(telemetry) + json_object_size(prediction), n);
    assert_int_equal(json_array_size(keys), n_keys);
    assert_int_equal(n_keys, 2);
}

static void check_required(const char *schema, const char *json) {
    char path[100];
    const char *key;
    json_t *value, *object = json_loads(json, 0, NULL);
    assert_non_null(object);
    snprintf(path, sizeof path, "components/schemas/%s/properties", schema);
    json_object_foreach(object, key, value) {
        if (json_object_get(at(path), key) == NULL) {
            fail_msg("%s of %s is not in docs/asyncapi.yaml", key, schema);
        }
    }
    snprintf(path, sizeof path, "components/schemas/%s/required", schema);
    for (size_t i = 0; i < json_array_size(at(path)); i++) {
        assert_non_null(json_object_get(object, json_string_value(json_array_get(at(path), i))));
    }
    json_decref(object);
}

/* What the code writes has the members that are described, and those that are required. */
static void letters_and_events_are_described(void **state) {
    (void)state;
    evtwin_letter letter = {.size = sizeof letter, .received_us = 1, .source = "s", .place = "p"};
    evtwin__text text = {.size = 0};
    for (int i = 0; i < 2; i++) {
        letter.raw = i == 0 ? "text" : "\xFF";
        letter.raw_size = strlen(letter.raw);
        text.size = 0;
        assert_ok(evtwin__letter_put_json(&letter, &text));
        evtwin__text_add(&text, "", 1);
        check_required("DeadLetter", text.data);
    }
    evtwin__cloudevent event;
    evtwin__cloudevent_of_letter(&letter, &event);
    const json_t *types = at("components/schemas/CloudEvent/properties/type/enum");
    assert_true(holds(types, event.type));
    text.size = 0;
    evtwin__cloudevent_open(&event, &text);
    evtwin__text_put(&text, "{}");
    evtwin__cloudevent_close(&text);
    evtwin__text_add(&text, "", 1);
    check_required("CloudEvent", text.data);
    evtwin__text_free(&text);

    evtwin_table *t = NULL;
    size_t rul = 0;
    evtwin__binding b;
    static const char record[] = "{\"timestamp\":1700000000,\"battery_id\":\"B\"}";
    assert_ok(evtwin_telemetry_table_create(&t));
    assert_ok(evtwin_telemetry_decode(record, strlen(record), EVTWIN_NAIVE_UTC, t));
    assert_ok(evtwin_table_add_column(t, "rul_prediction", EVTWIN_F64, "cycles", &rul));
    for (int i = 0; i < 2; i++) {
        assert_ok(evtwin__bind(t, EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS, &b));
        assert_ok(evtwin__cloudevent_of_row(&b, 0, &event));
        assert_true(holds(types, event.type));
        assert_ok(evtwin_table_set_f64(t, rul, 0, 1.0));
    }
    assert_int_equal(json_array_size(types), 3);
    evtwin_table_free(t);
}

static void version_is_the_librarys(void **state) {
    (void)state;
    assert_string_equal(json_string_value(at("info/version")), evtwin_version());
    assert_string_equal(json_string_value(at("asyncapi")), "3.0.0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_those_of_the_schema),
        cmocka_unit_test(letters_and_events_are_described),
        cmocka_unit_test(version_is_the_librarys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
