/* SPDX-License-Identifier: MIT */
/* learn/ubj_scan.c: read UBJSON front to back without a tree of values. */

#include "learn/ubj_scan.h"

#include "core/status.h"
#include "core/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>

void evtwin__ubj_scan_begin(evtwin__ubj_scan *s, const char *data, size_t size) {
    s->begin = s->at = data;
    s->end = data + size;
    s->depth = 0;
}

static size_t left(const evtwin__ubj_scan *s) {
    return (size_t)(s->end - s->at);
}

static size_t position(const evtwin__ubj_scan *s) {
    return (size_t)(s->at - s->begin);
}

/* found: the marker that stands there, '\0' at the end of the file. */
static evtwin_status fail_at(const evtwin__ubj_scan *s, char found, const char *expected) {
    EVTWIN_FAIL_IF(s->at == s->end && found == '\0', EVTWIN_E_PARSE,
                   "byte %zu: the file ends where %s is expected", position(s), expected);
    EVTWIN_FAIL_IF(!isgraph((unsigned char)found), EVTWIN_E_PARSE,
                   "byte %zu: 0x%02x where %s is expected", position(s), (unsigned char)found,
                   expected);
    EVTWIN_FAIL(EVTWIN_E_PARSE, "byte %zu: '%c' where %s is expected", position(s), found,
                expected);
}

/* ---- markers ---- */

static evtwin__ubj_level *innermost(evtwin__ubj_scan *s) {
    return s->depth > 0 ? &s->level[s->depth - 1] : NULL;
}

/* The marker of the next value, which an array of one type has said before. No-ops are passed. */
static char peek(evtwin__ubj_scan *s) {
    const evtwin__ubj_level *in = innermost(s);
    if (in != NULL && in->type != '\0') {
        return in->type;
    }
    while (s->at != s->end && *s->at == 'N') {
        s->at++;
    }
    return s->at != s->end ? *s->at : '\0';
}

/* Behind the marker that peek gave. */
static void pass(evtwin__ubj_scan *s) {
    const evtwin__ubj_level *in = innermost(s);
    s->at += in == NULL || in->type == '\0';
}

/* Bytes behind a marker of fixed size; 0 for every other one. */
static size_t size_behind(char marker) {
    switch (marker) {
    case 'i':
    case 'U':
    case 'C':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default:
        return 0;
    }
}

/* The bytes behind a marker, which are there, as an unsigned number. */
static uint64_t take_bytes(evtwin__ubj_scan *s, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | (unsigned char)*s->at++;
    }
    return v;
}

static evtwin_status need(const evtwin__ubj_scan *s, size_t n) {
    EVTWIN_FAIL_IF(left(s) < n, EVTWIN_E_PARSE,
                   "byte %zu: the file ends within a value of %zu bytes", position(s), n);
    return EVTWIN_OK;
}

static int is_integer(char marker) {
    return marker == 'i' || marker == 'U' || marker == 'I' || marker == 'l' || marker == 'L';
}

/* The integer behind a marker that was passed. */
static evtwin_status take_integer(evtwin__ubj_scan *s, char marker, int64_t *out) {
    const size_t n = size_behind(marker);
    EVTWIN_TRY(need(s, n));
    const uint64_t v = take_bytes(s, n);
    switch (marker) {
    case 'i':
        *out = (int8_t)v;
        break;
    case 'I':
        *out = (int16_t)v;
        break;
    case 'l':
        *out = (int32_t)v;
        break;
    default: /* 'U' and 'L' */
        *out = (int64_t)v;
    }
    return EVTWIN_OK;
}

/* A length or count: an integer with its own marker, of things of at least unit bytes, for which
 * the file must have room. */
static evtwin_status take_length(evtwin__ubj_scan *s, size_t unit, size_t *out) {
    const char marker = s->at != s->end ? *s->at : '\0';
    if (!is_integer(marker)) {
        return fail_at(s, marker, "a length");
    }
    const size_t byte = position(s);
    int64_t n;
    s->at++;
    EVTWIN_TRY(take_integer(s, marker, &n));
    EVTWIN_FAIL_IF(n < 0, EVTWIN_E_PARSE, "byte %zu: the length %lld is negative", byte,
                   (long long)n);
    EVTWIN_FAIL_IF((uint64_t)n > left(s) / unit, EVTWIN_E_PARSE,
                   "byte %zu: the length %lld is more than the %zu bytes that follow hold", byte,
                   (long long)n, left(s));
    *out = (size_t)n;
    return EVTWIN_OK;
}

/* Length and text. */
static evtwin_status take_text(evtwin__ubj_scan *s, evtwin__slice *out) {
    size_t n;
    EVTWIN_TRY(take_length(s, 1, &n));
    EVTWIN_FAIL_IF(!evtwin__utf8_is_valid(s->at, n), EVTWIN_E_PARSE,
                   "byte %zu: the string is not UTF-8, or holds a NUL", position(s));
    *out = (evtwin__slice){s->at, n};
    s->at += n;
    return EVTWIN_OK;
}

evtwin_status evtwin__ubj_scan_end(evtwin__ubj_scan *s) {
    assert(s->depth == 0);
    const char c = peek(s);
    return s->at == s->end ? EVTWIN_OK : fail_at(s, c, "the end of the file");
}

/* ---- objects and arrays ---- */

/* The fewest bytes of an item: of one type its bytes, or its own closing marker or length; its
 * marker otherwise. A key adds its length, which is two. */
static size_t least_bytes(const evtwin__ubj_level *level) {
    size_t n = 1;
    if (level->type == 'S' || level->type == 'H') {
        n = 2;
    } else if (size_behind(level->type) > 0) {
        n = size_behind(level->type);
    }
    return n + (level->open == '{' ? 2 : 0);
}

/* "$type#count" or "#count", if it stands behind the opening marker. Values that take no bytes (T,
 * F, Z) are refused as a type: any number of them would fit into a few bytes. */
static evtwin_status take_header(evtwin__ubj_scan *s, evtwin__ubj_level *level) {
    if (s->at != s->end && *s->at == '$') {
        s->at++;
        const char type = s->at != s->end ? *s->at : '\0';
        if (type == '\0' || strchr("iUIlLdDCSH[{", type) == NULL) {
            return fail_at(s, type, "the type of an array, whose values take bytes,");
        }
        level->type = type;
        s->at++;
        if (s->at == s->end || *s->at != '#') {
            return fail_at(s, s->at != s->end ? *s->at : '\0', "'#' and a count");
        }
    }
    if (s->at != s->end && *s->at == '#') {
        s->at++;
        size_t n;
        EVTWIN_TRY(take_length(s, least_bytes(level), &n));
        level->is_counted = 1;
        level->n_left = n;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__ubj_scan_enter(evtwin__ubj_scan *s, char open) {
    const char c = peek(s);
    if (c != open) {
        return fail_at(s, c, open == '{' ? "an object" : "an array");
    }
    EVTWIN_FAIL_IF(s->depth == EVTWIN__UBJ_MAX_NESTING, EVTWIN_E_PARSE,
                   "byte %zu: nested more than %d deep", position(s), EVTWIN__UBJ_MAX_NESTING);
    pass(s);
    evtwin__ubj_level level = {.open = open};
    EVTWIN_TRY(take_header(s, &level));
    s->level[s->depth++] = level;
    return EVTWIN_OK;
}

/* Leave if it ends here; otherwise a value or key follows. */
static evtwin_status next(evtwin__ubj_scan *s, int *more_out) {
    evtwin__ubj_level *in = innermost(s);
    assert(in != NULL);
    if (in->is_counted) {
        *more_out = in->n_left > 0;
        in->n_left -= in->n_left > 0;
    } else {
        const char c = peek(s); /* not of one type, which would be counted */
        const char close = in->open == '{' ? '}' : ']';
        if (s->at == s->end) {
            return fail_at(s, c, in->open == '{' ? "a key or '}'" : "a value or ']'");
        }
        *more_out = c != close;
        s->at += c == close;
    }
    s->depth -= !*more_out;
    return EVTWIN_OK;
}

evtwin_status evtwin__ubj_scan_item(evtwin__ubj_scan *s, int *more_out) {
    assert(s->depth > 0 && s->level[s->depth - 1].open == '[');
    return next(s, more_out);
}

evtwin_status evtwin__ubj_scan_member(evtwin__ubj_scan *s, evtwin__slice *key_out, int *more_out) {
    assert(s->depth > 0 && s->level[s->depth - 1].open == '{');
    int more = 0;
    evtwin__slice key = {NULL, 0};
    EVTWIN_TRY(next(s, &more));
    if (more) {
        EVTWIN_TRY(take_text(s, &key));
    }
    *key_out = key;
    *more_out = more;
    return EVTWIN_OK;
}

/* ---- values ---- */

evtwin_status evtwin__ubj_scan_string(evtwin__ubj_scan *s, evtwin__slice *out) {
    const char c = peek(s);
    if (c != 'S') {
        return fail_at(s, c, "a string");
    }
    pass(s);
    return take_text(s, out);
}

evtwin_status evtwin__ubj_scan_int(evtwin__ubj_scan *s, int64_t min, int64_t max, int32_t *out) {
    const char c = peek(s);
    const size_t byte = position(s);
    int64_t v = c == 'T';
    if (!is_integer(c) && c != 'T' && c != 'F') {
        return fail_at(s, c, "an integer");
    }
    pass(s);
    if (is_integer(c)) {
        EVTWIN_TRY(take_integer(s, c, &v));
    }
    EVTWIN_FAIL_IF(v < min || v > max, EVTWIN_E_CORRUPT, "byte %zu: %lld is not in %lld to %lld",
                   byte, (long long)v, (long long)min, (long long)max);
    *out = (int32_t)v;
    return EVTWIN_OK;
}

/* The float behind a marker 'd' or 'D' that was passed; the nearest float32, which may be infinite.
 */
static evtwin_status take_float(evtwin__ubj_scan *s, char marker, float *out) {
    EVTWIN_TRY(need(s, size_behind(marker)));
    const uint64_t bits = take_bytes(s, size_behind(marker));
    if (marker == 'D') {
        double d;
        memcpy(&d, &bits, sizeof d);
        *out = (float)d;
        return EVTWIN_OK;
    }
    const uint32_t bits32 = (uint32_t)bits;
    memcpy(out, &bits32, sizeof *out);
    return EVTWIN_OK;
}

evtwin_status evtwin__ubj_scan_f32(evtwin__ubj_scan *s, float *out) {
    const char c = peek(s);
    const size_t byte = position(s);
    float v;
    if (is_integer(c)) {
        int64_t integer;
        pass(s);
        EVTWIN_TRY(take_integer(s, c, &integer));
        v = (float)integer;
    } else if (c == 'd' || c == 'D') {
        pass(s);
        EVTWIN_TRY(take_float(s, c, &v));
    } else {
        return fail_at(s, c, "a number");
    }
    EVTWIN_FAIL_IF(!isfinite(v), EVTWIN_E_CORRUPT,
                   "byte %zu: NaN, infinity or more than a float32 holds where a number is "
                   "expected: look at the labels and features of its training",
                   byte);
    *out = v;
    return EVTWIN_OK;
}

static evtwin_status skip_scalar(evtwin__ubj_scan *s, char marker) {
    evtwin__slice text;
    const size_t n = size_behind(marker);
    if (n == 0 && (marker == '\0' || strchr("TFZSH", marker) == NULL)) {
        return fail_at(s, marker, "a value");
    }
    pass(s);
    if (marker == 'S' || marker == 'H') {
        return take_text(s, &text);
    }
    EVTWIN_TRY(need(s, n));
    s->at += n;
    return EVTWIN_OK;
}

/* All the numbers of an array of one type at once: take_header has seen that they are there. */
static void skip_numbers(evtwin__ubj_scan *s) {
    evtwin__ubj_level *in = innermost(s);
    if (in->open == '[' && in->is_counted && size_behind(in->type) > 0) {
        s->at += in->n_left * size_behind(in->type);
        in->n_left = 0;
    }
}

evtwin_status evtwin__ubj_scan_skip(evtwin__ubj_scan *s) {
    const int depth = s->depth;
    do {
        const char c = peek(s);
        if (c == '{' || c == '[') {
            EVTWIN_TRY(evtwin__ubj_scan_enter(s, c));
            skip_numbers(s);
        } else {
            EVTWIN_TRY(skip_scalar(s, c));
        }

        /* to the next value, out of what ends here */
        int more = 0;
        while (s->depth > depth && !more) {
            evtwin__slice key;
            EVTWIN_TRY(innermost(s)->open == '{' ? evtwin__ubj_scan_member(s, &key, &more)
                                                 : evtwin__ubj_scan_item(s, &more));
        }
    } while (s->depth > depth);
    return EVTWIN_OK;
}
