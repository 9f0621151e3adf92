/* SPDX-License-Identifier: MIT */
/* stream/scheme.c: what the schemes share: values of URI parameters, and the store of a URI. */

#include "stream/scheme.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "store/lazy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EXPECTED_SIZE = 128 };

/* Each sets *to and returns 1, or 0 and what is expected instead. */

static int read_word(const evtwin__param *p, const char *text, int *to, char *expected) {
    snprintf(expected, EXPECTED_SIZE, "one of");
    for (int i = 0; p->words[i] != NULL; i++) {
        if (strcmp(text, p->words[i]) == 0) {
            *to = i;
            return 1;
        }
        const size_t used = strlen(expected);
        snprintf(expected + used, EXPECTED_SIZE - used, "%s %s", i > 0 ? "," : "", p->words[i]);
    }
    return 0;
}

static int read_number(const evtwin__param *p, const char *text, double *to, char *expected) {
    double v;
    if (p->words[0] != NULL && strcmp(text, p->words[0]) == 0) {
        *to = INFINITY;
        return 1;
    }
    if (evtwin__parse_f64(text, strlen(text), &v) && v >= p->min && v <= p->max) {
        *to = v;
        return 1;
    }
    snprintf(expected, EXPECTED_SIZE, "a number from %g to %g", p->min, p->max);
    return 0;
}

static int read_size(const evtwin__param *p, const char *text, size_t *to, char *expected) {
    int64_t v;
    if (evtwin__parse_i64(text, strlen(text), &v) && v >= 0 && (double)v >= p->min) {
        *to = (size_t)v;
        return 1;
    }
    snprintf(expected, EXPECTED_SIZE, "a whole number from %.0f on", p->min);
    return 0;
}

/* The numbers above the largest int64 count too. */
static int read_seed(const char *text, uint64_t *to, char *expected) {
    uint64_t v = 0;
    int is_number = text[0] != '\0';
    for (const char *c = text; *c != '\0' && is_number; c++) {
        is_number = *c >= '0' && *c <= '9' && !__builtin_mul_overflow(v, 10u, &v) &&
                    !__builtin_add_overflow(v, (uint64_t)(*c - '0'), &v);
    }
    *to = is_number ? v : *to;
    snprintf(expected, EXPECTED_SIZE, "a whole number from 0 to %llu",
             (unsigned long long)UINT64_MAX);
    return is_number;
}

static evtwin_status read_param(const evtwin__uri *uri, const evtwin__param *p, const char *text,
                                void *to) {
    char expected[EXPECTED_SIZE] = "";
    int is_valid = 1;
    switch (p->kind) {
    case EVTWIN__PARAM_WORD:
        is_valid = read_word(p, text, to, expected);
        break;
    case EVTWIN__PARAM_NUMBER:
        is_valid = read_number(p, text, to, expected);
        break;
    case EVTWIN__PARAM_SIZE:
        is_valid = read_size(p, text, to, expected);
        break;
    case EVTWIN__PARAM_SEED:
        is_valid = read_seed(text, to, expected);
        break;
    case EVTWIN__PARAM_TIME: {
        const evtwin_status st = evtwin_time_parse(text, EVTWIN_NAIVE_UTC, to);
        return st < 0 ? evtwin__fail_in(st, "%s: %s", uri->scheme, p->key) : EVTWIN_OK;
    }
    case EVTWIN__PARAM_TEXT:
    default:
        *(const char **)to = text;
    }
    EVTWIN_FAIL_IF(!is_valid, EVTWIN_E_ARG, "%s: %s=%.60s is not %s", uri->scheme, p->key, text,
                   expected);
    return EVTWIN_OK;
}

evtwin_status evtwin__params_read(const evtwin__uri *uri, const evtwin__param *params, void *to) {
    for (const evtwin__param *p = params; p->key != NULL; p++) {
        const char *text = evtwin__uri_param(uri, p->key);
        if (text != NULL) {
            EVTWIN_TRY(read_param(uri, p, text, (char *)to + p->offset));
        }
    }
    return EVTWIN_OK;
}

static int is_param(const evtwin__param *params, const char *key) {
    while (params->key != NULL && strcmp(params->key, key) != 0) {
        params++;
    }
    return params->key != NULL;
}

/* Take the parameters of this list out of the text of a URI. */
static void remove_params(char *text, const evtwin__uri *uri, const evtwin__param *params) {
    char *const query = strchr(text, '?');
    char *from = query, *to = query;
    for (size_t i = 0; from != NULL && i < uri->n_params; i++) {
        char *next = strchr(from + 1, '&');
        const size_t size = next != NULL ? (size_t)(next - from) : strlen(from);
        if (!is_param(params, uri->key[i])) {
            memmove(to, from, size);
            *to = to == query ? '?' : '&';
            to += size;
        }
        from = next;
    }
    if (to != NULL) {
        *to = '\0';
    }
}

evtwin_status evtwin__store_open_uri(const evtwin__uri *uri, const evtwin__param *params,
                                     const evtwin_store_options *options, evtwin_store **out) {
    char *text = evtwin__strdup(uri->text);
    EVTWIN_FAIL_IF(text == NULL, EVTWIN_E_NOMEM, "%s: out of memory", uri->path);
    remove_params(text, uri, params);
    const evtwin_status st = evtwin__store_open_lazily(text, options, out);
    evtwin__free(text);
    return st;
}
