/* SPDX-License-Identifier: MIT */
/* serve/body.c: a growing text buffer, and JSON values written to it. */

#include "serve/body.h"

#include "evtwin/base.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/utf8.h"

#include <math.h>
#include <string.h>

void evtwin__body_free(evtwin__body *body) {
    evtwin__free(body->data);
    *body = (evtwin__body){0};
}

char *evtwin__body_room(evtwin__body *body, size_t n) {
    if (body->is_failed) {
        return NULL;
    }
    if (n <= body->capacity - body->size) {
        return body->data + body->size;
    }
    if (n > SIZE_MAX / 4 || body->capacity > SIZE_MAX / 4) {
        body->is_failed = 1;
        return NULL;
    }
    size_t capacity = body->capacity < 1024 ? 1024 : body->capacity * 2;
    if (capacity - body->size < n) {
        capacity = body->size + n;
    }
    char *grown = evtwin__realloc(body->data, capacity, 1);
    if (grown == NULL) {
        body->is_failed = 1;
        return NULL;
    }
    body->data = grown;
    body->capacity = capacity;
    return body->data + body->size;
}

void evtwin__body_add(evtwin__body *body, const char *data, size_t size) {
    char *room = evtwin__body_room(body, size);
    if (room != NULL && size > 0) {
        memcpy(room, data, size);
        body->size += size;
    }
}

void evtwin__body_text(evtwin__body *body, const char *text) {
    evtwin__body_add(body, text, strlen(text));
}

void evtwin__body_i64(evtwin__body *body, int64_t value) {
    char *room = evtwin__body_room(body, EVTWIN__NUM_SIZE);
    if (room != NULL) {
        body->size += evtwin__format_i64(value, room);
    }
}

void evtwin__body_f64(evtwin__body *body, double value) {
    char *room = evtwin__body_room(body, EVTWIN__NUM_SIZE);
    if (room != NULL) {
        body->size += evtwin__format_f64(value, room);
    }
}

/* The escape of one byte that JSON does not allow in a string as it is; returns its length. */
static size_t escape(unsigned char c, char out[6]) {
    static const char hex[] = "0123456789abcdef";
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letter[] = "\"\\bfnrt";
    const char *at = memchr(plain, c, sizeof plain - 1);
    out[0] = '\\';
    if (at != NULL) {
        out[1] = letter[at - plain];
        return 2;
    }
    out[1] = 'u';
    out[2] = '0';
    out[3] = '0';
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

/* Length of the well-formed sequence at the start of text[0..size), 0 if there is none. */
static size_t sequence_length(const char *text, size_t size) {
    for (size_t n = 1; n <= 4 && n <= size; n++) {
        if (evtwin__utf8_is_valid(text, n)) {
            return n;
        }
    }
    return 0;
}

void evtwin__body_json_text(evtwin__body *body, const char *text) {
    if (text == NULL) {
        evtwin__body_add(body, "null", 4);
        return;
    }

    /* six bytes is the longest that one byte can become */
    const size_t length = strlen(text);
    char *room = length <= SIZE_MAX / 8 ? evtwin__body_room(body, 6 * length + 2) : NULL;
    if (room == NULL) {
        body->is_failed = 1;
        return;
    }
    char *end = room;
    *end++ = '"';
    for (size_t i = 0; i < length;) {
        const unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            *end++ = (char)c;
            i++;
            continue;
        }
        const size_t step = sequence_length(text + i, length - i);
        if (step == 0) {
            memcpy(end, "\xEF\xBF\xBD", 3);
            end += 3;
            i++;
        } else if (step == 1) {
            end += escape(c, end);
            i++;
        } else {
            memcpy(end, text + i, step);
            end += step;
            i += step;
        }
    }
    *end++ = '"';
    body->size += (size_t)(end - room);
}

void evtwin__body_json_f64(evtwin__body *body, double value) {
    if (isfinite(value)) {
        evtwin__body_f64(body, value);
    } else {
        evtwin__body_add(body, "null", 4);
    }
}

void evtwin__body_json_time(evtwin__body *body, int64_t time_us) {
    char text[EVTWIN_TIME_TEXT_SIZE];
    if (evtwin_time_format(time_us, text, sizeof text) < 0) {
        evtwin__body_add(body, "null", 4);
        return;
    }
    evtwin__body_add(body, "\"", 1);
    evtwin__body_text(body, text);
    evtwin__body_add(body, "\"", 1);
}
