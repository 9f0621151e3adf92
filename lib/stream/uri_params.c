/* SPDX-License-Identifier: MIT */
/* stream/uri_params.c: typed values of URI parameters. */

#include "stream/scheme.h"

#include "core/num.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

static evtwin_status fail_param(const evtwin__uri *uri, const char *key, const char *expected) {
    EVTWIN_FAIL(EVTWIN_E_ARG, "%s: %s=%.60s is not %s", uri->scheme, key,
                evtwin__uri_param(uri, key), expected);
}

evtwin_status evtwin__param_word(const evtwin__uri *uri, const char *key, const char *const *words,
                                 size_t n, size_t *value) {
    const char *text = evtwin__uri_param(uri, key);
    char list[128] = "one of";
    for (size_t i = 0; i < n && text != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = i;
            return EVTWIN_OK;
        }
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s %s", i > 0 ? "," : "", words[i]);
    }
    return text == NULL ? EVTWIN_OK : fail_param(uri, key, list);
}

evtwin_status evtwin__param_flag(const evtwin__uri *uri, const char *key, int *value) {
    static const char *const words[] = {"0", "1"};
    size_t i = *value != 0;
    const evtwin_status st = evtwin__param_word(uri, key, words, 2, &i);
    *value = (int)i;
    return st;
}

evtwin_status evtwin__param_naive_time(const evtwin__uri *uri, evtwin_naive_time *value) {
    static const char *const words[] = {[EVTWIN_NAIVE_UTC] = "utc",
                                        [EVTWIN_NAIVE_LOCAL] = "local",
                                        [EVTWIN_NAIVE_REJECT] = "reject"};
    size_t i = (size_t)*value;
    const evtwin_status st = evtwin__param_word(uri, "naive_time", words, 3, &i);
    *value = (evtwin_naive_time)i;
    return st;
}

evtwin_status evtwin__param_number(const evtwin__uri *uri, const char *key, double min, double max,
                                   double *value) {
    const char *text = evtwin__uri_param(uri, key);
    double v;
    if (text == NULL) {
        return EVTWIN_OK;
    }
    if (!evtwin__parse_f64(text, strlen(text), &v) || !(v >= min && v <= max)) {
        char expected[96];
        snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
        return fail_param(uri, key, expected);
    }
    *value = v;
    return EVTWIN_OK;
}

evtwin_status evtwin__param_size(const evtwin__uri *uri, const char *key, size_t min,
                                 size_t *value) {
    const char *text = evtwin__uri_param(uri, key);
    int64_t v;
    if (text == NULL) {
        return EVTWIN_OK;
    }
    if (!evtwin__parse_i64(text, strlen(text), &v) || v < 0 || (uint64_t)v < min) {
        char expected[96];
        snprintf(expected, sizeof expected, "a whole number from %zu on", min);
        return fail_param(uri, key, expected);
    }
    *value = (size_t)v;
    return EVTWIN_OK;
}

/* Seeds use all 64 bits, so the numbers above the largest int64 count too. */
evtwin_status evtwin__param_seed(const evtwin__uri *uri, const char *key, uint64_t *value) {
    const char *text = evtwin__uri_param(uri, key);
    if (text == NULL) {
        return EVTWIN_OK;
    }
    uint64_t v = 0;
    int is_number = text[0] != '\0';
    for (const char *c = text; *c != '\0' && is_number; c++) {
        is_number = *c >= '0' && *c <= '9' && !__builtin_mul_overflow(v, 10u, &v) &&
                    !__builtin_add_overflow(v, (uint64_t)(*c - '0'), &v);
    }
    if (!is_number) {
        return fail_param(uri, key, "a whole number from 0 to 18446744073709551615");
    }
    *value = v;
    return EVTWIN_OK;
}

evtwin_status evtwin__uri_need_path(const evtwin__uri *uri) {
    EVTWIN_FAIL_IF(uri->path[0] == '\0', EVTWIN_E_ARG, "%s: names no file; expected %s:FILE",
                   uri->scheme, uri->scheme);
    return EVTWIN_OK;
}
