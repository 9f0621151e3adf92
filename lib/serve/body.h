/* SPDX-License-Identifier: MIT */
/* serve/body.h: a growing text buffer, and JSON values written to it. */
#ifndef EVTWIN_SERVE_BODY_H
#define EVTWIN_SERVE_BODY_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialise it. Once memory is out, is_failed stays 1 and nothing more is added: writers
 * check once, at the end. data is not NUL-terminated. */
typedef struct evtwin__body {
    char *data;
    size_t size, capacity;
    int is_failed;
} evtwin__body;

void evtwin__body_free(evtwin__body *body);

/* At least n free bytes at data + size, NULL when memory is out; the caller then adds to size. */
char *evtwin__body_room(evtwin__body *body, size_t n);

void evtwin__body_add(evtwin__body *body, const char *data, size_t size);
void evtwin__body_text(evtwin__body *body, const char *text);
void evtwin__body_i64(evtwin__body *body, int64_t value);

/* A finite number, in the shortest form that reads back exactly. */
void evtwin__body_f64(evtwin__body *body, double value);

/* A JSON string, quoted and escaped; what is not UTF-8 becomes U+FFFD. NULL gives null. */
void evtwin__body_json_text(evtwin__body *body, const char *text);

/* A JSON number; null for NaN and infinity. */
void evtwin__body_json_f64(evtwin__body *body, double value);

/* A time as RFC 3339 in quotes; null for one that has no such form. */
void evtwin__body_json_time(evtwin__body *body, int64_t time_us);

#endif
