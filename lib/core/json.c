/* SPDX-License-Identifier: MIT */
/* core/json.c: the little that we add to jansson: errors in our form. */

#include "core/json.h"

#include "core/status.h"

#include <math.h>

evtwin_status evtwin__json_parse(const char *name, const char *text, size_t size, json_t **out) {
    json_error_t error;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory) {
            EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory for %zu bytes of JSON", name, size);
        }
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s:%d:%d: %s", name, error.line, error.column, error.text);
    }
    *out = value;
    return EVTWIN_OK;
}

/* Member key of object; a JSON null counts as missing. */
static evtwin_status find(const char *name, const json_t *object, const char *key, json_t **out) {
    json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key \"%s\" is missing", name, key);
    }
    *out = value;
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_number(const char *name, const json_t *object, const char *key,
                                      double *out) {
    json_t *value = NULL;
    const evtwin_status st = find(name, object, key, &value);
    if (st < 0) {
        return st;
    }
    if (!json_is_number(value)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key \"%s\" is not a number", name, key);
    }
    *out = json_number_value(value);
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_text(const char *name, const json_t *object, const char *key,
                                    const char **out) {
    json_t *value = NULL;
    const evtwin_status st = find(name, object, key, &value);
    if (st < 0) {
        return st;
    }
    if (!json_is_string(value)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key \"%s\" is not a text", name, key);
    }
    *out = json_string_value(value);
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_object(const char *name, const json_t *object, const char *key,
                                      json_t **out) {
    json_t *value = NULL;
    const evtwin_status st = find(name, object, key, &value);
    if (st < 0) {
        return st;
    }
    if (!json_is_object(value)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key \"%s\" is not an object", name, key);
    }
    *out = value;
    return EVTWIN_OK;
}

evtwin_status evtwin__json_get_array(const char *name, const json_t *object, const char *key,
                                     json_t **out) {
    json_t *value = NULL;
    const evtwin_status st = find(name, object, key, &value);
    if (st < 0) {
        return st;
    }
    if (!json_is_array(value)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key \"%s\" is not an array", name, key);
    }
    *out = value;
    return EVTWIN_OK;
}

json_t *evtwin__json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}
