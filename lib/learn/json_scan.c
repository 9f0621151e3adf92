/* SPDX-License-Identifier: MIT */
/* learn/json_scan.c: read JSON front to back without a tree of values. */

#include "learn/json_scan.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 64 };

evtwin__json_scan evtwin__json_scan_begin(const char *text, size_t size) {
    return (evtwin__json_scan){.begin = text, .at = text, .end = text + size};
}

static evtwin_status fail_at(const evtwin__json_scan *s, const char *expected) {
    const size_t byte = (size_t)(s->at - s->begin);
    EVTWIN_FAIL_IF(s->at == s->end, EVTWIN_E_PARSE, "byte %zu: the file ends where %s is expected",
                   byte, expected);
    EVTWIN_FAIL(EVTWIN_E_PARSE, "byte %zu: '%c' where %s is expected", byte, *s->at, expected);
}

/* The next byte that is not whitespace; NUL at the end (a NUL in the file is not JSON either). */
static char peek(evtwin__json_scan *s) {
    while (s->at != s->end &&
           (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t')) {
        s->at++;
    }
    return s->at != s->end ? *s->at : '\0';
}

evtwin_status evtwin__json_scan_end(evtwin__json_scan *s) {
    peek(s);
    return s->at == s->end ? EVTWIN_OK : fail_at(s, "the end of the file");
}

evtwin_status evtwin__json_scan_enter(evtwin__json_scan *s, char open) {
    if (peek(s) != open) {
        return fail_at(s, open == '{' ? "an object" : "an array");
    }
    s->at++;
    s->is_first = 1;
    return EVTWIN_OK;
}

/* Leave if close comes; otherwise the next member or item follows, after a comma but for the first.
 */
static evtwin_status next(evtwin__json_scan *s, char close, int *more_out) {
    const char c = peek(s);
    if (c == close) {
        s->at++;
        s->is_first = 0;
        *more_out = 0;
        return EVTWIN_OK;
    }
    if (s->at == s->end || (!s->is_first && c != ',')) {
        return fail_at(s, close == '}' ? "',' or '}'" : "',' or ']'");
    }
    if (!s->is_first) {
        s->at++;
    }
    s->is_first = 0;
    *more_out = 1;
    return EVTWIN_OK;
}

evtwin_status evtwin__json_scan_item(evtwin__json_scan *s, int *more_out) {
    return next(s, ']', more_out);
}

evtwin_status evtwin__json_scan_member(evtwin__json_scan *s, evtwin__slice *key_out,
                                       int *more_out) {
    int more = 0;
    evtwin__slice key = {NULL, 0};
    evtwin_status st = next(s, '}', &more);
    if (st >= 0 && more && (st = evtwin__json_scan_string(s, &key)) >= 0) {
        if (peek(s) != ':') {
            return fail_at(s, "':'");
        }
        s->at++;
    }
    if (st >= 0) {
        *key_out = key;
        *more_out = more;
    }
    return st;
}

/* After a backslash. */
static evtwin_status skip_escape(evtwin__json_scan *s) {
    const char c = s->at != s->end ? *s->at : '\0';
    if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL) {
        return fail_at(s, "an escaped character");
    }
    s->at++;
    for (int i = 0; c == 'u' && i < 4; i++, s->at++) {
        if (s->at == s->end || !isxdigit((unsigned char)*s->at)) {
            return fail_at(s, "a hexadecimal digit");
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__json_scan_string(evtwin__json_scan *s, evtwin__slice *out) {
    if (peek(s) != '"') {
        return fail_at(s, "a string");
    }
    s->at++;
    const char *first = s->at;
    while (s->at != s->end && *s->at != '"') {
        if ((unsigned char)*s->at < 0x20) {
            return fail_at(s, "a character of a string");
        }
        if (*s->at++ == '\\') {
            EVTWIN_TRY(skip_escape(s));
        }
    }
    if (s->at == s->end) {
        return fail_at(s, "the end of a string");
    }
    EVTWIN_FAIL_IF(!evtwin__utf8_is_valid(first, (size_t)(s->at - first)), EVTWIN_E_PARSE,
                   "byte %zu: the string is not UTF-8", (size_t)(first - s->begin));
    *out = (evtwin__slice){first, (size_t)(s->at - first)};
    s->at++;
    return EVTWIN_OK;
}

/* A number, true, false or null: its letters, digits and signs, at least one. */
static evtwin__slice scan_word(evtwin__json_scan *s) {
    peek(s);
    const char *first = s->at;
    while (s->at != s->end &&
           ((*s->at >= '0' && *s->at <= '9') || (*s->at >= 'a' && *s->at <= 'z') || *s->at == 'E' ||
            *s->at == '.' || *s->at == '-' || *s->at == '+')) {
        s->at++;
    }
    return (evtwin__slice){first, (size_t)(s->at - first)};
}

/* Behind the decimal digits at `at`, of which there must be one or more; else NULL. */
static const char *pass_digits(const char *at, const char *end) {
    const char *first = at;
    while (at != end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at != first ? at : NULL;
}

/* All of it as RFC 8259 has it: no leading zeros, a digit on each side of the point. */
static int is_number(evtwin__slice word) {
    const char *at = word.at, *end = word.at + word.size;
    at += at != end && *at == '-';
    at = at != end && *at == '0' ? at + 1 : pass_digits(at, end);
    if (at != NULL && at != end && *at == '.') {
        at = pass_digits(at + 1, end);
    }
    if (at != NULL && at != end && (*at == 'e' || *at == 'E')) {
        at++;
        at = pass_digits(at + (at != end && (*at == '+' || *at == '-')), end);
    }
    return at == end;
}

evtwin_status evtwin__json_scan_int(evtwin__json_scan *s, int64_t min, int64_t max, int32_t *out) {
    const evtwin__slice word = scan_word(s);
    int64_t v;
    if (evtwin__slice_is(word, "true") || evtwin__slice_is(word, "false")) {
        v = *word.at == 't';
    } else if (!is_number(word) || !evtwin__parse_i64(word.at, word.size, &v)) {
        s->at = word.at;
        return fail_at(s, "an integer");
    }
    EVTWIN_FAIL_IF(v < min || v > max, EVTWIN_E_CORRUPT,
                   "byte %zu: %" PRId64 " is not in %" PRId64 " to %" PRId64,
                   (size_t)(word.at - s->begin), v, min, max);
    *out = (int32_t)v;
    return EVTWIN_OK;
}

evtwin_status evtwin__json_scan_f32(evtwin__json_scan *s, float *out) {
    const evtwin__slice word = scan_word(s);
    if (!is_number(word)) {
        s->at = word.at;
        const char *first = word.at;
        first += first != s->end && *first == '-';
        EVTWIN_FAIL_IF(
            first != s->end && (*first == 'N' || *first == 'I'), EVTWIN_E_PARSE,
            "byte %zu: NaN or infinity where a number is expected: look at the labels and "
            "features of its training",
            (size_t)(word.at - s->begin));
        return fail_at(s, "a number");
    }
    EVTWIN_FAIL_IF(!evtwin__parse_f32(word, out), EVTWIN_E_CORRUPT,
                   "byte %zu: %.*s is not a finite float32", (size_t)(word.at - s->begin),
                   EVTWIN__SLICE_TEXT(word));
    return EVTWIN_OK;
}

static evtwin_status skip_scalar(evtwin__json_scan *s) {
    evtwin__slice string;
    if (peek(s) == '"') {
        return evtwin__json_scan_string(s, &string);
    }
    const evtwin__slice word = scan_word(s);
    if (is_number(word) || evtwin__slice_is(word, "true") || evtwin__slice_is(word, "false") ||
        evtwin__slice_is(word, "null")) {
        return EVTWIN_OK;
    }
    s->at = word.at;
    if (s->passes_nan && s->end - s->at >= 3 && memcmp(s->at, "NaN", 3) == 0) {
        s->at += 3;
        return EVTWIN_OK;
    }
    return fail_at(s, "a value");
}

evtwin_status evtwin__json_scan_skip(evtwin__json_scan *s) {
    uint64_t is_object = 0; /* one bit for each level, the innermost lowest */
    int depth = 0;
    do {
        evtwin_status st;
        const char c = peek(s);
        if (c == '{' || c == '[') {
            EVTWIN_FAIL_IF(depth == MAX_NESTING, EVTWIN_E_PARSE,
                           "byte %zu: nested more than %d deep", (size_t)(s->at - s->begin),
                           MAX_NESTING);
            st = evtwin__json_scan_enter(s, c);
            is_object = is_object << 1 | (c == '{');
            depth++;
        } else {
            st = skip_scalar(s);
        }

        /* to the next value, out of what ends here */
        int more = 0;
        while (st >= 0 && depth > 0 && !more) {
            evtwin__slice key;
            st = is_object & 1 ? evtwin__json_scan_member(s, &key, &more)
                               : evtwin__json_scan_item(s, &more);
            if (!more) {
                is_object >>= 1;
                depth--;
            }
        }
        if (st < 0) {
            return st;
        }
    } while (depth > 0);
    return EVTWIN_OK;
}

evtwin_status evtwin__json_scan_decode(evtwin__slice string, char **out) {
    return evtwin__json_parse_string("a string", string.at - 1, string.size + 2, out);
}

/* strtof on the same number without a decimal point, which alone would depend on the locale. A text
 * of more than 40 digits (XGBoost writes nine) keeps the float of its double. */
static float parse_without_point(evtwin__slice text, float otherwise) {
    enum { MAX_DIGITS = 40 };
    char digits[MAX_DIGITS + 16];
    size_t n = 0;
    size_t i = 0;
    int exponent = 0;
    int after_point = 0;
    for (; i < text.size && text.at[i] != 'e' && text.at[i] != 'E'; i++) {
        if (text.at[i] == '.') {
            after_point = 1;
            continue;
        }
        if (n == MAX_DIGITS) {
            return otherwise;
        }
        digits[n++] = text.at[i];
        exponent -= after_point;
    }
    int64_t written = 0;
    if (i < text.size) {
        const size_t sign = i + 1 < text.size && text.at[i + 1] == '+';
        evtwin__parse_i64(text.at + i + 1 + sign, text.size - i - 1 - sign, &written);
    }
    snprintf(digits + n, sizeof digits - n, "e%d", exponent + (int)written);
    return strtof(digits, NULL);
}

/* The double nearest to the text, rounded once more, is the float nearest to the text, unless the
 * double lies exactly halfway between two floats and the text beside it. Of all 2^32 floats, as
 * XGBoost writes them (the fewest digits that name them), that happens to +-7.038531E-26 alone. */
int evtwin__parse_f32(evtwin__slice text, float *out) {
    double d;
    if (!evtwin__parse_f64(text.at, text.size, &d)) {
        return 0;
    }
    float f = (float)d;
    const double mirrored = 2.0 * d - (double)f; /* f, seen from d: a float if d is halfway */
    if (isfinite(f) && (double)f != d && (double)(float)mirrored == mirrored) {
        f = parse_without_point(text, f);
    }
    if (!isfinite(f)) {
        return 0;
    }
    *out = f;
    return 1;
}
