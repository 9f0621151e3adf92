/* SPDX-License-Identifier: MIT */
/* core/json.c: the little that we add to jansson: errors in our form, and values as indented text
 * with numbers in their shortest exact form (jansson knows only a fixed number of digits:
 * 0.10000000000000001). */

#include "core/json.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/text.h"

#include <assert.h>
#include <math.h>

evtwin_status evtwin__json_parse(const char *name, const char *text, size_t size, json_t **out) {
    json_error_t error;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        EVTWIN_FAIL_IF(json_error_code(&error) == json_error_out_of_memory, EVTWIN_E_NOMEM,
                       "%s: out of memory for %zu bytes of JSON", name, size);
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s:%d:%d: %s", name, error.line, error.column, error.text);
    }
    *out = value;
    return EVTWIN_OK;
}

/* Member key of object, if it is of one type, which type says in words; a JSON null counts as
 * missing. */
static evtwin_status find(const char *name, const json_t *object, const char *key, json_type wanted,
                          const char *type, json_t **out) {
    json_t *value = json_object_get(object, key);
    EVTWIN_FAIL_IF(value == NULL || json_is_null(value), EVTWIN_E_PARSE,
                   "%s: key \"%s\" is missing", name, key);
    EVTWIN_FAIL_IF(json_typeof(value) != wanted && !(wanted == JSON_REAL && json_is_integer(value)),
                   EVTWIN_E_PARSE, "%s: key \"%s\" is not %s", name, key, type);
    *out = value;
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_number(const char *name, const json_t *object, const char *key,
                                      double *out) {
    json_t *value = NULL;
    EVTWIN_TRY(find(name, object, key, JSON_REAL, "a number", &value));
    *out = json_number_value(value);
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_text(const char *name, const json_t *object, const char *key,
                                    const char **out) {
    json_t *value = NULL;
    EVTWIN_TRY(find(name, object, key, JSON_STRING, "a string", &value));
    *out = json_string_value(value);
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_object(const char *name, const json_t *object, const char *key,
                                      json_t **out) {
    return find(name, object, key, JSON_OBJECT, "an object", out);
}

evtwin_status evtwin__json_get_array(const char *name, const json_t *object, const char *key,
                                     json_t **out) {
    return find(name, object, key, JSON_ARRAY, "an array", out);
}

json_t *evtwin__json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

/* ---- writing ---- */

/* Our own values are never deeper; also the bound of the recursion. */
enum { MAX_DEPTH = 32, INDENT = 2 };

static void put_line(evtwin__text *text, int depth) {
    static const char blanks[INDENT * MAX_DEPTH + 2] =
        "\n                                                                ";
    evtwin__text_add(text, blanks, 1 + (size_t)(INDENT * depth));
}

static void put_value(evtwin__text *text, const json_t *value, int depth);

/* A member (with its key) or an element, on its own line. */
static void put_item(evtwin__text *text, const char *key, const json_t *value, int depth) {
    put_line(text, depth);
    if (key != NULL) {
        evtwin__text_string(text, NULL, key);
        evtwin__text_put(text, ": ");
    }
    put_value(text, value, depth);
}

/* An object or array: its items between brackets, each on its own line. */
static void put_items(evtwin__text *text, const json_t *value, int depth) {
    /* jansson's iterator wants a pointer that is not const, and changes nothing */
    json_t *object = json_is_object(value) ? (json_t *)(uintptr_t)value : NULL;
    const size_t n = object != NULL ? json_object_size(object) : json_array_size(value);
    void *member = json_object_iter(object);
    evtwin__text_put(text, object != NULL ? "{" : "[");
    for (size_t i = 0; i < n; i++) {
        evtwin__text_put(text, i > 0 ? "," : "");
        if (object != NULL) {
            put_item(text, json_object_iter_key(member), json_object_iter_value(member), depth + 1);
            member = json_object_iter_next(object, member);
        } else {
            put_item(text, NULL, json_array_get(value, i), depth + 1);
        }
    }
    if (n > 0) {
        put_line(text, depth);
    }
    evtwin__text_put(text, object != NULL ? "}" : "]");
}

static void put_value(evtwin__text *text, const json_t *value, int depth) {
    assert(depth < MAX_DEPTH);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        put_items(text, value, depth);
        break;
    case JSON_STRING:
        evtwin__text_string(text, NULL, json_string_value(value));
        break;
    case JSON_INTEGER:
        evtwin__text_integer(text, NULL, json_integer_value(value));
        break;
    case JSON_REAL:
        evtwin__text_number(text, NULL, json_real_value(value));
        break;
    default:
        evtwin__text_word(text, NULL,
                          json_is_null(value)   ? "null"
                          : json_is_true(value) ? "true"
                                                : "false");
    }
}

evtwin_status evtwin__json_text(const json_t *value, char **text_out, size_t *size_out) {
    evtwin__text text = {.is_failed = value == NULL};
    if (value != NULL) {
        put_value(&text, value, 0);
        evtwin__text_add(&text, "\n", 2);
    }
    if (text.is_failed) {
        evtwin__text_free(&text);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a JSON text");
    }
    *text_out = text.data;
    *size_out = text.size - 1; /* the NUL does not count */
    return EVTWIN_OK;
}

evtwin_status evtwin__json_write(const char *path, const json_t *value) {
    EVTWIN_FAIL_IF(!json_is_object(value) && !json_is_array(value), EVTWIN_E_ARG,
                   "%s: the value is neither a JSON object nor array", path);
    char *data = NULL;
    size_t size = 0;
    evtwin_status st = evtwin__json_text(value, &data, &size);
    if (st < 0) {
        return evtwin__fail_in(st, "%s", path);
    }
    st = evtwin__file_write(path, data, size);
    evtwin__free(data);
    return st;
}
