/* SPDX-License-Identifier: MIT */
/* serve/query.c: split a request target into its path and its parameters; what is not understood
 * is refused by name. */

#include "serve/query.h"

#include "evtwin/telemetry.h"

#include "core/num.h"
#include "core/status.h"
#include "core/utf8.h"

#include <math.h>
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
    int is_ascii = 1;
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
        is_ascii &= (unsigned char)c < 0x80;
        *end++ = c;
    }
    *end = '\0';
    if (!is_ascii && !evtwin__utf8_is_valid(out, (size_t)(end - out))) {
        return NULL;
    }
    return end + 1;
}

/* One "key=value" (or "key", whose value is empty) into the next parameter; *room moves on. */
static evtwin_status add_param(const char *text, size_t length, evtwin__query *q, char **room) {
    EVTWIN_FAIL_IF(q->n_params == EVTWIN__QUERY_MAX_PARAMS, EVTWIN_E_PARSE,
                   "more than %d query parameters", EVTWIN__QUERY_MAX_PARAMS);
    const char *equals = memchr(text, '=', length);
    const size_t key_length = equals == NULL ? length : (size_t)(equals - text);
    const size_t value_length = equals == NULL ? 0 : length - key_length - 1;

    char *key = *room;
    char *value = decode(text, key_length, ' ', key);
    char *next =
        value == NULL ? NULL : decode(equals == NULL ? "" : equals + 1, value_length, ' ', value);
    EVTWIN_FAIL_IF(next == NULL, EVTWIN_E_PARSE,
                   "query parameter %zu is not percent-encoded UTF-8 without NUL bytes",
                   q->n_params + 1);
    EVTWIN_FAIL_IF(*key == '\0', EVTWIN_E_PARSE, "query parameter %zu has no name",
                   q->n_params + 1);
    EVTWIN_FAIL_IF(evtwin__query_get(q, key) != NULL, EVTWIN_E_PARSE, "duplicate parameter %.64s",
                   key);
    q->key[q->n_params] = key;
    q->value[q->n_params] = value;
    q->n_params++;
    *room = next;
    return EVTWIN_OK;
}

evtwin_status evtwin__query_parse(const char *target, size_t length, evtwin__query *out) {
    out->path = "";
    out->n_params = 0;
    EVTWIN_FAIL_IF(length > EVTWIN__TARGET_MAX, EVTWIN_E_RANGE,
                   "the request target is longer than %d bytes", EVTWIN__TARGET_MAX);
    EVTWIN_FAIL_IF(length == 0 || target[0] != '/', EVTWIN_E_PARSE,
                   "the request target does not start with '/'");

    /* Decoding never lengthens, and each text's NUL takes the place of a '?', '&' or '='; only a
     * key without '=' needs a byte more, and there are EVTWIN__QUERY_MAX_PARAMS of them at most. */
    const char *mark = memchr(target, '?', length);
    const size_t path_length = mark == NULL ? length : (size_t)(mark - target);
    char *room = decode(target, path_length, '+', out->buffer);
    EVTWIN_FAIL_IF(room == NULL, EVTWIN_E_PARSE,
                   "the path is not percent-encoded UTF-8 without NUL bytes");
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
            EVTWIN_TRY(add_param(rest, n, out, &room));
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

/* ---- typed parameters ---- */

static const double max_hours = 24.0 * 366.0;
static const double us_per_hour = 3600e6;
enum { MAX_LIMIT = 1000, MIN_POINTS = 2, MAX_POINTS = 5000 };

/* A time whose offset begins with a blank had a '+' there: in a query it means a blank, and people
 * forget to write %2B. Nothing else can follow a blank behind the time of day. */
static int read_time(const char *text, int64_t *out) {
    char plain[EVTWIN_TIME_TEXT_SIZE + 8];
    const char *blank = strrchr(text, ' ');
    const size_t length = strlen(text);
    if (length >= sizeof plain) {
        return 0;
    }
    memcpy(plain, text, length + 1);
    if (blank != NULL && blank != text && memchr(text, ':', (size_t)(blank - text)) != NULL) {
        plain[blank - text] = '+';
    }
    return evtwin_time_parse(plain, EVTWIN_NAIVE_UTC, out) >= 0;
}

static evtwin_status read_time_param(const evtwin__query *query, const char *name, int64_t *out) {
    const char *text = evtwin__query_get(query, name);
    EVTWIN_FAIL_IF(text != NULL && !read_time(text, out), EVTWIN_E_ARG,
                   "%s must be a time, as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00", name);
    return EVTWIN_OK;
}

/* hours back from until, or from now; or from one time on; 0 hours: all time. */
static evtwin_status read_window(const evtwin__query *query, evtwin__params *p) {
    const char *hours = evtwin__query_get(query, "hours");
    const int has_from = evtwin__query_get(query, "from") != NULL;
    const int has_until = evtwin__query_get(query, "until") != NULL;
    EVTWIN_FAIL_IF(hours != NULL && has_from, EVTWIN_E_ARG,
                   "hours and from are mutually exclusive");
    EVTWIN_FAIL_IF(hours != NULL &&
                       (!evtwin__parse_f64(hours, strlen(hours), &p->hours) ||
                        !isfinite(p->hours) || p->hours <= 0.0 || p->hours > max_hours),
                   EVTWIN_E_ARG, "hours must be a number above 0, at most %g", max_hours);
    int64_t until_us = evtwin_time_now();
    EVTWIN_TRY(read_time_param(query, "until", &until_us));
    /* a year has four digits, so that nothing here overflows */
    p->from_us = p->hours > 0.0 ? until_us - (int64_t)(p->hours * us_per_hour) : INT64_MIN;
    EVTWIN_TRY(read_time_param(query, "from", &p->from_us));
    p->to_us = has_until ? until_us : INT64_MAX;
    EVTWIN_FAIL_IF(p->from_us > p->to_us, EVTWIN_E_ARG, "from is after until");
    if (has_from) {
        p->hours = p->from_us < until_us ? (double)(until_us - p->from_us) / us_per_hour : 0.0;
    }
    return EVTWIN_OK;
}

/* What thins a history. */
static evtwin_status read_points(const evtwin__query *query, evtwin__params *p) {
    static const char *const of_rows[] = {"limit", "cursor"};
    const char *text = evtwin__query_get(query, "points");
    p->quantities = evtwin__query_get(query, "quantities");
    if (text == NULL) {
        EVTWIN_FAIL_IF(p->quantities != NULL, EVTWIN_E_ARG,
                       "quantities needs points: rows are given whole");
        return EVTWIN_OK;
    }
    for (size_t i = 0; i < sizeof of_rows / sizeof of_rows[0]; i++) {
        EVTWIN_FAIL_IF(evtwin__query_get(query, of_rows[i]) != NULL, EVTWIN_E_ARG,
                       "points and %s are mutually exclusive", of_rows[i]);
    }
    int64_t points = 0;
    EVTWIN_FAIL_IF(!evtwin__parse_i64(text, strlen(text), &points) || points < MIN_POINTS ||
                       points > MAX_POINTS,
                   EVTWIN_E_ARG, "points must be a whole number from %d to %d", MIN_POINTS,
                   MAX_POINTS);
    p->points = (size_t)points;
    return EVTWIN_OK;
}

static evtwin_status read_format(const evtwin__query *query, evtwin__params *p) {
    const char *text = evtwin__query_get(query, "format");
    p->is_jsonl = text != NULL && strcmp(text, "jsonl") == 0;
    EVTWIN_FAIL_IF(text != NULL && !p->is_jsonl && strcmp(text, "csv") != 0, EVTWIN_E_ARG,
                   "format must be csv or jsonl");
    return EVTWIN_OK;
}

static evtwin_status read_page(const evtwin__query *query, evtwin__params *p) {
    const char *text = evtwin__query_get(query, "limit");
    int64_t limit = (int64_t)p->limit;
    EVTWIN_FAIL_IF(text != NULL && (!evtwin__parse_i64(text, strlen(text), &limit) || limit < 1 ||
                                    limit > MAX_LIMIT),
                   EVTWIN_E_ARG, "limit must be a whole number from 1 to %d", MAX_LIMIT);
    p->limit = (size_t)limit;
    text = evtwin__query_get(query, "cursor");
    const char *point = text != NULL ? strchr(text, '.') : NULL;
    EVTWIN_FAIL_IF(text != NULL &&
                       (point == NULL ||
                        !evtwin__parse_i64(text, (size_t)(point - text), &p->before_time_us) ||
                        !evtwin__parse_i64(point + 1, strlen(point + 1), &p->before_seq)),
                   EVTWIN_E_ARG, "cursor must be the \"next\" of the page before");
    return EVTWIN_OK;
}

evtwin_status evtwin__query_params(const evtwin__query *query, const char *const *known,
                                   evtwin__params *params) {
    for (size_t i = 0; i < query->n_params; i++) {
        const char *const *k = known;
        while (*k != NULL && strcmp(*k, query->key[i]) != 0) {
            k++;
        }
        EVTWIN_FAIL_IF(*k == NULL, EVTWIN_E_ARG, "%s has no parameter %.64s", query->path,
                       query->key[i]);
    }
    const char *id = evtwin__query_get(query, "battery_id");
    params->battery_id = id != NULL ? id : "BATTERY_001";
    params->before_time_us = params->before_seq = INT64_MAX;
    EVTWIN_FAIL_IF(!evtwin_battery_id_is_valid(params->battery_id), EVTWIN_E_ARG,
                   "battery_id must be 1 to 50 of A-Z a-z 0-9 . _ : -");
    if (query->n_params == (id != NULL) && params->hours == 0.0) {
        params->from_us = INT64_MIN;
        params->to_us = INT64_MAX;
        return EVTWIN_OK; /* nothing else was given: the newest row is asked for so very often */
    }
    EVTWIN_TRY(read_window(query, params));
    EVTWIN_TRY(read_points(query, params));
    EVTWIN_TRY(read_format(query, params));
    return read_page(query, params);
}

void evtwin__query_cursor_write(evtwin__text *text, const char *key, int64_t time_us, int64_t seq) {
    char cursor[2 * EVTWIN__NUM_SIZE];
    size_t n = evtwin__format_i64(time_us, cursor);
    cursor[n++] = '.';
    evtwin__format_i64(seq, cursor + n);
    evtwin__text_string(text, key, cursor);
}
