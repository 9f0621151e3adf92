/* SPDX-License-Identifier: MIT */
/* track/s3_list.c: the little XML that S3 answers. Elements are found by their names: the documents
 * are flat, and have neither attributes, comments nor CDATA where we look.
 * Source: Amazon S3 API reference, ListObjectsV2 and "Error responses". */

#include "track/s3_list.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 40, MAX_ENTITY = 11 }; /* "&#x10ffff;" has 10 */

typedef struct span {
    const char *data;
    size_t size;
} span;

/* The content of the first <name>…</name>; data NULL if there is none. *rest_out is behind it. */
static span find(span in, const char *name, span *rest_out) {
    char open[MAX_NAME + 3], close[MAX_NAME + 4];
    const span none = {NULL, 0};
    snprintf(open, sizeof open, "<%s>", name);
    snprintf(close, sizeof close, "</%s>", name);
    const char *begin = memmem(in.data, in.size, open, strlen(open));
    if (begin == NULL) {
        return none;
    }
    begin += strlen(open);
    const size_t left = (size_t)(in.data + in.size - begin);
    const char *end = memmem(begin, left, close, strlen(close));
    if (end == NULL) {
        return none;
    }
    if (rest_out != NULL) {
        const char *rest = end + strlen(close);
        *rest_out = (span){rest, (size_t)(in.data + in.size - rest)};
    }
    return (span){begin, (size_t)(end - begin)};
}

/* UTF-8 of a character reference such as "#38" or "#x26" (n bytes); returns its length, 0 if it is
 * none. */
static size_t character(const char *name, size_t n, char out[4]) {
    uint32_t code = 0;
    const int is_hex = n > 2 && name[1] == 'x';
    const size_t first = is_hex ? 2 : 1;
    if (n <= first || n > 9 || name[0] != '#') {
        return 0;
    }
    for (size_t i = first; i < n; i++) {
        const char c = name[i], lower = (char)(c | 0x20);
        const int is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(is_hex && lower >= 'a' && lower <= 'f')) {
            return 0;
        }
        code = code * (is_hex ? 16 : 10) + (uint32_t)(is_digit ? c - '0' : lower - 'a' + 10);
    }
    if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }
    const size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i > 1; i--, code >>= 6) {
        out[i - 1] = (char)(0x80 | (code & 0x3f));
    }
    out[0] = (char)(lead[length] | code);
    return length;
}

/* What "&name;" stands for; returns its length, 0 if it is unknown. */
static size_t entity(const char *name, size_t n, char out[4]) {
    static const struct {
        const char *name;
        char c;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (n == strlen(known[i].name) && memcmp(name, known[i].name, n) == 0) {
            out[0] = known[i].c;
            return 1;
        }
    }
    return character(name, n, out);
}

/* A copy, decoded: never longer than the text, since "&#9;" is the shortest for one byte. */
static char *decoded(span text) {
    char *copy = text.data != NULL ? evtwin__calloc(text.size + 1, 1) : NULL;
    char *to = copy;
    for (size_t i = 0; copy != NULL && i < text.size; i++) {
        const size_t left = text.size - i < MAX_ENTITY ? text.size - i : MAX_ENTITY;
        const char *end = text.data[i] == '&' ? memchr(text.data + i, ';', left) : NULL;
        const size_t n_name = end != NULL ? (size_t)(end - text.data) - i - 1 : 0;
        char out[4];
        const size_t n = end != NULL ? entity(text.data + i + 1, n_name, out) : 0;
        if (n > 0) {
            memcpy(to, out, n);
            to += n;
            i += n_name + 1;
        } else {
            *to++ = text.data[i];
        }
    }
    return copy;
}

char *evtwin__s3_element(const char *xml, size_t size, const char *name) {
    return decoded(find((span){xml, size}, name, NULL));
}

static evtwin_status tell(span contents, evtwin__s3_object_fn fn, void *ctx) {
    const span key = find(contents, "Key", NULL), size = find(contents, "Size", NULL);
    int64_t n = -1;
    EVTWIN_FAIL_IF(key.data == NULL, EVTWIN_E_PARSE, "a list of S3 has an object without a key");
    EVTWIN_FAIL_IF(size.data == NULL || !evtwin__parse_i64(size.data, size.size, &n) || n < 0,
                   EVTWIN_E_PARSE, "a list of S3 has an object without a size");
    EVTWIN_FAIL_IF(memchr(key.data, '\0', key.size) != NULL, EVTWIN_E_PARSE,
                   "a list of S3 has a key with a NUL");
    char *text = decoded(key);
    EVTWIN_FAIL_IF(text == NULL, EVTWIN_E_NOMEM, "out of memory for a list of S3");
    const evtwin_status st = fn(ctx, text, n);
    evtwin__free(text);
    return st;
}

evtwin_status evtwin__s3_list(const char *xml, size_t size, evtwin__s3_object_fn fn, void *ctx,
                              char **next_out) {
    span rest = {xml, size};
    const span is_cut = find(rest, "IsTruncated", NULL);
    EVTWIN_FAIL_IF(size == 0 || memmem(xml, size, "<ListBucketResult", 17) == NULL, EVTWIN_E_PARSE,
                   "the answer is not a list of S3");
    char *next = NULL;
    if (is_cut.data != NULL && is_cut.size == 4 && memcmp(is_cut.data, "true", 4) == 0) {
        const span token = find((span){xml, size}, "NextContinuationToken", NULL);
        EVTWIN_FAIL_IF(token.size == 0, EVTWIN_E_PARSE,
                       "a list of S3 is incomplete and has no continuation token");
        next = decoded(token);
        EVTWIN_FAIL_IF(next == NULL, EVTWIN_E_NOMEM, "out of memory for a list of S3");
    }
    evtwin_status st = EVTWIN_OK;
    span contents = find(rest, "Contents", &rest);
    while (st == EVTWIN_OK && contents.data != NULL) {
        st = tell(contents, fn, ctx);
        contents = find(rest, "Contents", &rest);
    }
    if (st < 0) {
        evtwin__free(next);
        return st;
    }
    *next_out = next;
    return EVTWIN_OK;
}
