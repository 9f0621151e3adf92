/* SPDX-License-Identifier: MIT */
/* core/text.c: text that grows as it is written: CSV, JSON, metrics. */

#include "core/text.h"

#include "evtwin/base.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *evtwin__text_room(evtwin__text *text, size_t n) {
    if (n > text->capacity - text->size) {
        char *grown = NULL;
        const int fits = n <= SIZE_MAX / 4 && text->size <= SIZE_MAX / 4;
        const size_t capacity = fits ? 2 * (text->size + n) + 256 : 0;
        if (fits) {
            grown = evtwin__realloc(text->data, capacity, 1);
        }
        if (grown == NULL) {
            text->is_failed = 1;
            return NULL;
        }
        text->data = grown;
        text->capacity = capacity;
    }
    return text->data + text->size;
}

void evtwin__text_free(evtwin__text *text) {
    evtwin__free(text->data);
    *text = (evtwin__text){0};
}

void evtwin__text_append(char *text, size_t size, const char *format, ...) {
    const size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

char *evtwin__text_cut(char *text, char separator) {
    char *at = strchr(text, separator);
    if (at != NULL) {
        *at++ = '\0';
    }
    return at;
}

int evtwin__text_is_word(const char *text, size_t length, const char *word) {
    size_t i = 0;
    for (; i < length && word[i] != '\0'; i++) {
        const char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
        if (c != word[i]) {
            return 0;
        }
    }
    return i == length && word[i] == '\0';
}

/* ---- as it is ---- */

void evtwin__text_add(evtwin__text *text, const char *data, size_t size) {
    char *room = text->is_failed ? NULL : evtwin__text_room(text, size);
    if (room != NULL && size > 0) {
        memcpy(room, data, size);
        text->size += size;
    }
}

void evtwin__text_put(evtwin__text *text, const char *string) {
    evtwin__text_add(text, string, strlen(string));
}

void evtwin__text_f64(evtwin__text *text, double value) {
    char *room = text->is_failed ? NULL : evtwin__text_room(text, EVTWIN__NUM_SIZE);
    text->size += room != NULL ? evtwin__format_f64(value, room) : 0;
}

/* ---- JSON ---- */

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

char *evtwin__json_string_write(char *to, const char *string) {
    *to++ = '"';
    for (unsigned char c; (c = (unsigned char)*string) != '\0';) {
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            *to++ = *string++;
            continue;
        }
        const size_t step = evtwin__utf8_length(string, strnlen(string, 4));
        if (step == 1) {
            to += escape(c, to);
        } else {
            memcpy(to, step == 0 ? "\xEF\xBF\xBD" : string, step == 0 ? 3 : step);
            to += step == 0 ? 3 : step;
        }
        string += step == 0 ? 1 : step;
    }
    *to++ = '"';
    return to;
}

/* Room for a string of JSON and three bytes more: six is the longest that one byte can become. */
static char *string_room(evtwin__text *text, const char *string) {
    const size_t length = strlen(string);
    const size_t longest = length <= SIZE_MAX / 8 ? 6 * length + 5 : SIZE_MAX;
    return text->is_failed ? NULL : evtwin__text_room(text, longest);
}

/* What stands before a value: a comma if another value does (which ends with a quote, a bracket, a
 * digit or a letter, and nothing else does), then the key. */
static void begin_value(evtwin__text *text, const char *key) {
    char *to = string_room(text, key != NULL ? key : "");
    if (to == NULL) {
        return;
    }
    const unsigned char last = text->size > 0 ? (unsigned char)to[-1] : '[';
    const int is_word = (last >= '0' && last <= '9') || (last >= 'a' && last <= 'z');
    if (is_word || last == '"' || last == '}' || last == ']') {
        *to++ = ',';
    }
    if (key != NULL) {
        to = evtwin__json_string_write(to, key);
        *to++ = ':';
    }
    text->size = (size_t)(to - text->data);
}

void evtwin__text_open(evtwin__text *text, const char *key, char bracket) {
    begin_value(text, key);
    evtwin__text_add(text, &bracket, 1);
}

void evtwin__text_string(evtwin__text *text, const char *key, const char *string) {
    begin_value(text, key);
    char *room = string != NULL ? string_room(text, string) : NULL;
    if (room != NULL) {
        text->size += (size_t)(evtwin__json_string_write(room, string) - room);
    } else if (string == NULL) {
        evtwin__text_add(text, "null", 4);
    }
}

void evtwin__text_number(evtwin__text *text, const char *key, double value) {
    begin_value(text, key);
    if (isfinite(value)) {
        evtwin__text_f64(text, value);
    } else {
        evtwin__text_add(text, "null", 4);
    }
}

void evtwin__text_integer(evtwin__text *text, const char *key, int64_t value) {
    begin_value(text, key);
    char *room = text->is_failed ? NULL : evtwin__text_room(text, EVTWIN__NUM_SIZE);
    text->size += room != NULL ? evtwin__format_i64(value, room) : 0;
}

void evtwin__text_time(evtwin__text *text, const char *key, int64_t time_us) {
    char quoted[EVTWIN_TIME_TEXT_SIZE + 1] = "\"";
    const int has_form = evtwin_time_format(time_us, quoted + 1, EVTWIN_TIME_TEXT_SIZE) >= 0;
    begin_value(text, key);
    evtwin__text_put(text, has_form ? quoted : "null");
    evtwin__text_put(text, has_form ? "\"" : "");
}

void evtwin__text_word(evtwin__text *text, const char *key, const char *word) {
    begin_value(text, key);
    evtwin__text_put(text, word);
}
