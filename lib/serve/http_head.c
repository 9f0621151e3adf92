/* SPDX-License-Identifier: MIT */
/* serve/http_head.c: is what a client has sent so far the head of a request, to the letter? */

#include "serve/http_head.h"

#include <string.h>
#include <strings.h>

static int is_token_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

int evtwin__head_is_name(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (!is_token_char(text[i])) {
            return 0;
        }
    }
    return length > 0;
}

/* A visible character, or a byte of one beyond ASCII. */
static int is_visible(char c) {
    return (unsigned char)c > ' ' && (unsigned char)c != 0x7f;
}

int evtwin__head_is_value(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (!is_visible(text[i]) && text[i] != ' ' && text[i] != '\t') {
            return 0;
        }
    }
    return 1;
}

/* "GET /path HTTP/1.1" */
static int is_request_line(const char *line, size_t length) {
    const char *end = line + length;
    const char *target = memchr(line, ' ', length);
    if (target == NULL || !evtwin__head_is_name(line, (size_t)(target - line))) {
        return 0;
    }
    const char *version = ++target;
    while (version < end && is_visible(*version)) {
        version++;
    }
    return version > target && end - version == 9 &&
           (memcmp(version, " HTTP/1.1", 9) == 0 || memcmp(version, " HTTP/1.0", 9) == 0);
}

/* What a head says of its body. */
typedef struct fields {
    int n, n_lengths, is_coded;
} fields;

static int is_number(const char *text, const char *end) {
    while (end > text && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    text += strspn(text, " \t");
    const size_t n = strspn(text, "0123456789");
    return n > 0 && n < 20 && text + n == end;
}

/* "Name: value". A line that begins with a blank has no name: what once continued the line before
 * (obs-fold) is refused with it. */
static int is_field(const char *line, size_t length, fields *f) {
    const char *end = line + length;
    const char *colon = memchr(line, ':', length);
    const size_t n = colon == NULL ? 0 : (size_t)(colon - line);
    if (!evtwin__head_is_name(line, n) ||
        !evtwin__head_is_value(colon + 1, (size_t)(end - colon - 1))) {
        return 0;
    }
    f->n++;
    f->is_coded |= n == 17 && strncasecmp(line, "Transfer-Encoding", n) == 0;
    if (n == 14 && strncasecmp(line, "Content-Length", n) == 0) {
        f->n_lengths++;
        return is_number(colon + 1, end);
    }
    return 1;
}

evtwin__head evtwin__head_check(const char *data, size_t size) {
    const char *const end = data + size;
    const char *at = data;

    /* empty lines before a request are passed over (RFC 9112, section 2.2) */
    while (end - at >= 2 && at[0] == '\r' && at[1] == '\n') {
        at += 2;
    }
    if (at < end && *at != '\r' && !is_token_char(*at)) {
        return EVTWIN__HEAD_BAD; /* TLS, or nothing that is HTTP */
    }
    fields f = {0};
    for (int is_first = 1;; is_first = 0) {
        const char *stop = at;
        while (stop < end && *stop != '\r' && *stop != '\n' && *stop != '\0') {
            stop++;
        }
        if (stop == end || (*stop == '\r' && stop + 1 == end)) {
            return size < EVTWIN__HEAD_MAX ? EVTWIN__HEAD_PART : EVTWIN__HEAD_TOO_BIG;
        }
        if (stop[0] != '\r' || stop[1] != '\n') {
            return EVTWIN__HEAD_BAD; /* NUL, or a CR or LF alone */
        }
        const size_t length = (size_t)(stop - at);
        if (length == 0 && !is_first) {
            return f.n_lengths > 1 || (f.n_lengths > 0 && f.is_coded) ? EVTWIN__HEAD_BAD
                                                                      : EVTWIN__HEAD_WHOLE;
        }
        if (!(is_first ? is_request_line(at, length) : is_field(at, length, &f))) {
            return EVTWIN__HEAD_BAD;
        }
        if (f.n > EVTWIN__HEAD_MAX_FIELDS) {
            return EVTWIN__HEAD_TOO_BIG;
        }
        at = stop + 2;
    }
}

/* A record of TLS: kind, version, length; a handshake in it begins with what it is.
 * Source: RFC 8446, sections 4 and 5.1 */
evtwin__head evtwin__hello_check(const char *data, size_t size) {
    enum { HANDSHAKE = 22, MAJOR_VERSION = 3, CLIENT_HELLO = 1, RECORD_HEAD = 5 };
    const unsigned char *byte = (const unsigned char *)data;
    if (size > 0 && byte[0] != HANDSHAKE) {
        return is_token_char(data[0]) || data[0] == '\r' ? EVTWIN__HEAD_PLAIN : EVTWIN__HEAD_BAD;
    }
    if (size > 1 && byte[1] != MAJOR_VERSION) {
        return EVTWIN__HEAD_BAD;
    }
    if (size <= RECORD_HEAD) {
        return EVTWIN__HEAD_PART;
    }
    const size_t whole = RECORD_HEAD + (size_t)byte[3] * 256 + byte[4];
    if (byte[RECORD_HEAD] != CLIENT_HELLO || whole == RECORD_HEAD || whole > EVTWIN__HEAD_MAX) {
        return EVTWIN__HEAD_BAD;
    }
    return size >= whole ? EVTWIN__HEAD_WHOLE : EVTWIN__HEAD_PART;
}
