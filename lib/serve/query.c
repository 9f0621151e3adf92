/* SPDX-License-Identifier: MIT */
/* serve/query.c: split a request target into its path and its parameters. */

#include "serve/query.h"

#include "core/status.h"
#include "core/utf8.h"

#include <string.h>

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Decode text[0..length) to out, NUL-terminated; returns what follows that NUL, NULL if the text is
 * not well formed. plus is what '+' means. */
static char *decode(const char *text, size_t length, char plus, char *out) {
    char *end = out;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            const int high = length - i > 2 ? hex_digit(text[i + 1]) : -1;
            const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0) {
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+') {
            c = plus;
        }
        if (c == '\0') {
            return NULL;
        }
        *end++ = c;
    }
    *end = '\0';
    if (!evtwin__utf8_is_valid(out, (size_t)(end - out))) {
        return NULL;
    }
    return end + 1;
}

/* One "key=value" (or "key", whose value is empty) into the next parameter; *room moves on. */
static evtwin_status add_param(const char *text, size_t length, evtwin__query *q, char **room) {
    if (q->n_params == EVTWIN__QUERY_MAX_PARAMS) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "more than %d query parameters", EVTWIN__QUERY_MAX_PARAMS);
    }
    const char *equals = memchr(text, '=', length);
    const size_t key_length = equals == NULL ? length : (size_t)(equals - text);
    const size_t value_length = equals == NULL ? 0 : length - key_length - 1;

    char *key = *room;
    char *value = decode(text, key_length, ' ', key);
    char *next =
        value == NULL ? NULL : decode(equals == NULL ? "" : equals + 1, value_length, ' ', value);
    if (next == NULL) {
        EVTWIN_FAIL(EVTWIN_E_PARSE,
                    "query parameter %zu is not percent-encoded UTF-8 without NUL bytes",
                    q->n_params + 1);
    }
    if (*key == '\0') {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "query parameter %zu has no name", q->n_params + 1);
    }
    if (evtwin__query_get(q, key) != NULL) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "parameter %.64s is given twice", key);
    }
    q->key[q->n_params] = key;
    q->value[q->n_params] = value;
    q->n_params++;
    *room = next;
    return EVTWIN_OK;
}

evtwin_status evtwin__query_parse(const char *target, size_t length, evtwin__query *out) {
    out->path = "";
    out->n_params = 0;
    if (length > EVTWIN__TARGET_MAX) {
        EVTWIN_FAIL(EVTWIN_E_RANGE, "the request target is longer than %d bytes",
                    EVTWIN__TARGET_MAX);
    }
    if (length == 0 || target[0] != '/') {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "the request target does not start with '/'");
    }

    /* Decoding never lengthens, and each text's NUL takes the place of a '?', '&' or '='; only a
     * key without '=' needs a byte more, and there are EVTWIN__QUERY_MAX_PARAMS of them at most. */
    const char *mark = memchr(target, '?', length);
    const size_t path_length = mark == NULL ? length : (size_t)(mark - target);
    char *room = decode(target, path_length, '+', out->buffer);
    if (room == NULL) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "the path is not percent-encoded UTF-8 without NUL bytes");
    }
    out->path = out->buffer;
    if (mark == NULL) {
        return EVTWIN_OK;
    }

    const char *rest = mark + 1;
    size_t left = length - path_length - 1;
    while (left > 0) {
        const char *amp = memchr(rest, '&', left);
        const size_t n = amp == NULL ? left : (size_t)(amp - rest);
        if (n > 0) {
            const evtwin_status st = add_param(rest, n, out, &room);
            if (st < 0) {
                return st;
            }
        }
        const size_t step = amp == NULL ? n : n + 1;
        rest += step;
        left -= step;
    }
    return EVTWIN_OK;
}

const char *evtwin__query_get(const evtwin__query *query, const char *key) {
    for (size_t i = 0; i < query->n_params; i++) {
        if (strcmp(query->key[i], key) == 0) {
            return query->value[i];
        }
    }
    return NULL;
}
