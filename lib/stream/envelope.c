/* SPDX-License-Identifier: MIT */
/* stream/envelope.c: parse a telemetry record, and take it out of a CloudEvent.
 * Source: CloudEvents 1.0.2, JSON format, section 3.1; base64: RFC 4648, section 4 */

#include "stream/envelope.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/text.h"

#include <string.h>

/* Python writes NaN, which is not JSON, for what is missing: null means the same. A copy of the
 * text with null in its place, which is empty if there is none. */
static evtwin__text replace_nan(const char *text, size_t length) {
    evtwin__text copy = {.data = NULL};
    size_t n_copied = 0;
    int in_string = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"') {
            in_string = !in_string;
        } else if (in_string) {
            i += text[i] == '\\';
        } else if (length - i >= 3 && memcmp(text + i, "NaN", 3) == 0) {
            evtwin__text_add(&copy, text + n_copied, i - n_copied);
            evtwin__text_put(&copy, "null");
            n_copied = i + 3;
            i += 2;
        }
    }
    if (n_copied > 0) {
        evtwin__text_add(&copy, text + n_copied, length - n_copied);
    }
    return copy;
}

evtwin_status evtwin__record_parse(const char *name, const char *text, size_t length,
                                   json_t **out) {
    evtwin_status st = evtwin__json_parse(name, text, length, out);
    evtwin__text copy = {.data = NULL};
    if (st == EVTWIN_E_PARSE) {
        copy = replace_nan(text, length);
        EVTWIN_FAIL_IF(copy.is_failed, EVTWIN_E_NOMEM, "out of memory for a telemetry record");
    }
    if (copy.size > 0) {
        st = evtwin__json_parse(name, copy.data, copy.size, out);
    }
    evtwin__text_free(&copy);
    return st;
}

static evtwin_status check_version(const json_t *object) {
    const char *version = json_string_value(json_object_get(object, "specversion"));
    EVTWIN_FAIL_IF(version == NULL || strcmp(version, "1.0") != 0, EVTWIN_E_PARSE,
                   "a CloudEvent of specversion \"%.20s\"; only \"1.0\" is read",
                   version != NULL ? version : "");
    return EVTWIN_OK;
}

/* Is the data JSON? A type that is not given is. */
static int is_json(const char *type) {
    const size_t length = type != NULL ? strcspn(type, "; \t") : 0;
    return type == NULL || (length >= 5 && (evtwin__text_is_word(type + length - 5, 5, "/json") ||
                                            evtwin__text_is_word(type + length - 5, 5, "+json")));
}

/* ---- data as bytes: SDKs write it so where they were given no string ---- */

/* The six bits that a character stands for; -1 = none. */
static int bits_of(char c) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at != NULL ? (int)(at - alphabet) : -1;
}

/* Into out, which has room for 3 bytes of each 4 characters. 0 if it is not base64. */
static int read_base64(const char *text, size_t length, char *out, size_t *length_out) {
    size_t n_pad = 0;
    while (n_pad < 2 && n_pad < length && text[length - 1 - n_pad] == '=') {
        n_pad++;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < length; i++) {
        const int b = i < length - n_pad ? bits_of(text[i]) : 0;
        if (b < 0) {
            return 0;
        }
        bits = bits << 6 | (uint32_t)b;
        if (i % 4 == 3) {
            *out++ = (char)(bits >> 16);
            *out++ = (char)(bits >> 8);
            *out++ = (char)bits;
        }
    }
    *length_out = length / 4 * 3 - n_pad;
    return length % 4 == 0;
}

static evtwin_status parse_bytes(const char *bytes, size_t n, json_t **out) {
    EVTWIN_FAIL_IF(evtwin__json_is_deeper(bytes, n, EVTWIN__RECORD_DEPTH), EVTWIN_E_PARSE,
                   "a CloudEvent whose \"data_base64\" is nested deeper than %d",
                   EVTWIN__RECORD_DEPTH);
    return evtwin__record_parse("\"data_base64\" of a CloudEvent", bytes, n, out);
}

static evtwin_status parse_base64(const json_t *value, json_t **out) {
    const char *text = json_string_value(value);
    const size_t length = json_string_length(value);
    char *bytes = evtwin__realloc(NULL, length + 1, 1);
    size_t n = 0;
    EVTWIN_FAIL_IF(bytes == NULL, EVTWIN_E_NOMEM, "out of memory for a record");
    const evtwin_status st =
        text != NULL && read_base64(text, length, bytes, &n)
            ? parse_bytes(bytes, n, out)
            : evtwin__fail(EVTWIN_E_PARSE,
                           "a CloudEvent whose \"data_base64\" is not a string of base64");
    evtwin__free(bytes);
    return st;
}

/* ---- the data ---- */

/* The object stays its owner. */
static evtwin_status find_data(json_t *object, json_t **data_out) {
    const json_t *bytes = json_object_get(object, "data_base64");
    const char *type = json_string_value(json_object_get(object, "datacontenttype"));
    json_t *data = NULL;
    if (bytes != NULL && !json_is_null(bytes)) {
        EVTWIN_FAIL_IF(json_object_get(object, "data") != NULL, EVTWIN_E_PARSE,
                       "a CloudEvent with both \"data\" and \"data_base64\"");
        EVTWIN_FAIL_IF(!is_json(type), EVTWIN_E_PARSE,
                       "a CloudEvent whose \"data_base64\" is of the type %.60s; a record is JSON",
                       type);
        EVTWIN_TRY(parse_base64(bytes, &data));
        EVTWIN_FAIL_IF(json_object_set_new(object, "data", data) != 0, EVTWIN_E_NOMEM,
                       "out of memory for a record");
    }
    data = json_object_get(object, "data");
    EVTWIN_FAIL_IF(!json_is_object(data), EVTWIN_E_PARSE,
                   "a CloudEvent whose \"data\" is %s; a record is a JSON object",
                   data == NULL ? "missing" : "not an object");
    *data_out = data;
    return EVTWIN_OK;
}

evtwin_status evtwin__envelope_open(json_t *object, json_t **record_out) {
    if (json_object_get(object, "specversion") == NULL ||
        json_object_get(object, "timestamp") != NULL) {
        *record_out = object;
        return EVTWIN_OK;
    }
    EVTWIN_TRY(check_version(object));
    json_t *data = NULL;
    EVTWIN_TRY(find_data(object, &data));
    json_t *id = json_object_get(object, "battery_id");
    EVTWIN_FAIL_IF(id != NULL && json_object_get(data, "battery_id") == NULL &&
                       json_object_set(data, "battery_id", id) != 0,
                   EVTWIN_E_NOMEM, "out of memory for a record");
    *record_out = data;
    return EVTWIN_OK;
}
