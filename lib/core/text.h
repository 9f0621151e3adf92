/* SPDX-License-Identifier: MIT */
/* core/text.h: text that grows as it is written: CSV, JSON, metrics. */
#ifndef EVTWIN_CORE_TEXT_H
#define EVTWIN_CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* All zero is an empty one; data is not NUL-terminated. Set size to 0 to use the memory again.
 * Once memory is out is_failed stays 1 and the calls below add nothing more: a writer checks once,
 * at its end. */
typedef struct evtwin__text {
    char *data;
    size_t size, capacity;
    int is_failed;
} evtwin__text;

/* At least n free bytes at data + size, for the caller to write and add to size; NULL when memory
 * is out. A caller that checks each time may try again, is_failed or not. */
char *evtwin__text_room(evtwin__text *text, size_t n);

void evtwin__text_free(evtwin__text *text);

/* ---- pieces of given text ---- */

/* Add to the string in text (size bytes); what has no room is cut off. */
__attribute__((format(printf, 3, 4))) void evtwin__text_append(char *text, size_t size,
                                                               const char *format, ...);

/* Cut text at the first separator: returns what is behind it, NULL if there is none. */
char *evtwin__text_cut(char *text, char separator);

/* Does text[0..length), in any case, equal the lower-case word? (strncasecmp asks the locale.) */
int evtwin__text_is_word(const char *text, size_t length, const char *word);

/* ---- as it is ---- */

void evtwin__text_add(evtwin__text *text, const char *data, size_t size);
void evtwin__text_put(evtwin__text *text, const char *string);

/* A finite number, in the shortest form that reads back exactly. */
void evtwin__text_f64(evtwin__text *text, double value);

/* ---- JSON values, key being that of an object's member, NULL for an element or a value alone; a
 *      comma goes first if another value stands right before ---- */

/* Begin an object or array; evtwin__text_put ends it. */
void evtwin__text_open(evtwin__text *text, const char *key, char bracket);

/* Quoted and escaped; what is not UTF-8 becomes U+FFFD. NULL gives null. */
void evtwin__text_string(evtwin__text *text, const char *key, const char *string);

/* null for NaN and infinity. */
void evtwin__text_number(evtwin__text *text, const char *key, double value);
void evtwin__text_integer(evtwin__text *text, const char *key, int64_t value);

/* RFC 3339 in quotes; null for a time that has no such form. */
void evtwin__text_time(evtwin__text *text, const char *key, int64_t time_us);

/* A word of JSON's own: "true", "false", "null". */
void evtwin__text_word(evtwin__text *text, const char *key, const char *word);

/* Write string as a JSON string to memory of at least 6 * strlen + 2 bytes; returns the end of it
 * (no NUL). */
char *evtwin__json_string_write(char *to, const char *string);

#endif
