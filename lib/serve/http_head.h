/* SPDX-License-Identifier: MIT */
/* serve/http_head.h: is what a client has sent so far the head of a request, to the letter?
 *
 * A proxy in front and this server must agree where a request ends and what its headers are, so
 * everything that the standard forbids is refused rather than repaired (RFC 9112, sections 2.2, 5
 * and 6.3). */
#ifndef EVTWIN_SERVE_HTTP_HEAD_H
#define EVTWIN_SERVE_HTTP_HEAD_H

#include <stddef.h>

enum { EVTWIN__HEAD_MAX = 16 * 1024, EVTWIN__HEAD_MAX_FIELDS = 100 };

typedef enum evtwin__head {
    EVTWIN__HEAD_PART,  /* in order so far */
    EVTWIN__HEAD_WHOLE, /* a whole head, perhaps with more behind it */
    EVTWIN__HEAD_BAD,
    EVTWIN__HEAD_TOO_BIG,
    EVTWIN__HEAD_PLAIN, /* HTTP where TLS belongs */
} evtwin__head;

/* Look at the first size bytes that a client sent, EVTWIN__HEAD_MAX at most. */
evtwin__head evtwin__head_check(const char *data, size_t size);

/* Likewise, where TLS belongs: a client's first message whole is WHOLE. */
evtwin__head evtwin__hello_check(const char *data, size_t size);

/* 1 if text is a header's name: a token; or its value: without control characters. */
int evtwin__head_is_name(const char *text, size_t length);
int evtwin__head_is_value(const char *text, size_t length);

#endif
