/* SPDX-License-Identifier: MIT */
/* tests/unit/learn/ubj_of.h: the UBJSON of a JSON text, as XGBoost writes it: lengths of 8 bytes,
 * arrays of one kind of number typed, other arrays counted. */
#ifndef EVTWIN_TEST_UBJ_OF_H
#define EVTWIN_TEST_UBJ_OF_H

#include "test.h"

#include <float.h>
#include <jansson.h>

typedef struct ubj_text {
    char *at;
    size_t size, cap;
} ubj_text;

static inline void ubj_put(ubj_text *u, const void *bytes, size_t n) {
    if (u->size + n > u->cap) {
        u->cap = 2 * (u->size + n);
        u->at = realloc(u->at, u->cap);
        assert_non_null(u->at);
    }
    memcpy(u->at + u->size, bytes, n);
    u->size += n;
}

static inline void ubj_put_big_endian(ubj_text *u, uint64_t v, size_t n) {
    for (size_t i = n; i-- > 0;) {
        const unsigned char byte = (unsigned char)(v >> 8 * i);
        ubj_put(u, &byte, 1);
    }
}

static inline void ubj_put_length(ubj_text *u, uint64_t n) {
    ubj_put(u, "L", 1);
    ubj_put_big_endian(u, n, 8);
}

/* The marker of a scalar. */
static inline char ubj_marker(const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_STRING:
        return 'S';
    case JSON_INTEGER:
        return json_integer_value(v) == (int32_t)json_integer_value(v) ? 'l' : 'L';
    case JSON_REAL:
        return fabs(json_real_value(v)) <= (double)FLT_MAX ? 'd' : 'D';
    case JSON_TRUE:
        return 'T';
    case JSON_FALSE:
        return 'F';
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
    default:
        return 'Z';
    }
}

static inline void ubj_put_scalar(ubj_text *u, const json_t *v) {
    const double d = json_real_value(v);
    const float f = (float)d;
    uint64_t bits = 0;
    uint32_t bits32;
    switch (ubj_marker(v)) {
    case 'S':
        ubj_put_length(u, json_string_length(v));
        ubj_put(u, json_string_value(v), json_string_length(v));
        break;
    case 'l':
        ubj_put_big_endian(u, (uint64_t)json_integer_value(v), 4);
        break;
    case 'L':
        ubj_put_big_endian(u, (uint64_t)json_integer_value(v), 8);
        break;
    case 'd':
        memcpy(&bits32, &f, sizeof f);
        ubj_put_big_endian(u, bits32, 4);
        break;
    case 'D':
        memcpy(&bits, &d, sizeof d);
        ubj_put_big_endian(u, bits, 8);
        break;
    default:
        break;
    }
}

/* The marker that all items have, if it is one of numbers; else 0. */
static inline char ubj_common_type(const json_t *array) {
    const json_t *first = json_array_get(array, 0);
    const char type = first != NULL && json_is_number(first) ? ubj_marker(first) : '\0';
    for (size_t i = 1; type != '\0' && i < json_array_size(array); i++) {
        if (ubj_marker(json_array_get(array, i)) != type) {
            return '\0';
        }
    }
    return type;
}

static inline void ubj_put_value(ubj_text *u, const json_t *v) {
    const char *key;
    json_t *member;
    if (json_is_object(v)) {
        ubj_put(u, "{", 1);
        json_object_foreach((json_t *)(uintptr_t)v, key, member) {
            ubj_put_length(u, strlen(key));
            ubj_put(u, key, strlen(key));
            ubj_put_value(u, member);
        }
        ubj_put(u, "}", 1);
    } else if (json_is_array(v)) {
        const char type = ubj_common_type(v);
        ubj_put(u, "[", 1);
        if (type != '\0') {
            ubj_put(u, "$", 1);
            ubj_put(u, &type, 1);
        }
        ubj_put(u, "#", 1);
        ubj_put_length(u, json_array_size(v));
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (type != '\0') {
                ubj_put_scalar(u, json_array_get(v, i));
            } else {
                ubj_put_value(u, json_array_get(v, i));
            }
        }
    } else {
        const char marker = ubj_marker(v);
        ubj_put(u, &marker, 1);
        ubj_put_scalar(u, v);
    }
}

/* Freed by the caller with free(.at); .at is NULL if the text is not JSON. */
static inline ubj_text ubj_of(const char *json) {
    ubj_text u = {0};
    json_t *v = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    if (v != NULL) {
        ubj_put_value(&u, v);
        json_decref(v);
    }
    return u;
}

#endif
