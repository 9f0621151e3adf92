/* SPDX-License-Identifier: MIT */
/* serve/query.h: split a request target into its path and its parameters. */
#ifndef EVTWIN_SERVE_QUERY_H
#define EVTWIN_SERVE_QUERY_H

#include "evtwin/base.h"

enum { EVTWIN__TARGET_MAX = 4096, EVTWIN__QUERY_MAX_PARAMS = 16 };

/* "/path?key=value&…", percent-decoded ('+' in the query is a blank), every text valid UTF-8
 * without NUL. All texts point into buffer: a query must not be copied or moved. */
typedef struct evtwin__query {
    const char *path;
    size_t n_params;
    const char *key[EVTWIN__QUERY_MAX_PARAMS], *value[EVTWIN__QUERY_MAX_PARAMS];
    char buffer[EVTWIN__TARGET_MAX + EVTWIN__QUERY_MAX_PARAMS + 2];
} evtwin__query;

/* EVTWIN_E_PARSE for a bad escape, a NUL byte, text that is not UTF-8, a path that does not start
 * with
 * '/', a doubled or empty key or too many parameters; EVTWIN_E_RANGE for more than
 * EVTWIN__TARGET_MAX bytes. */
evtwin_status evtwin__query_parse(const char *target, size_t length, evtwin__query *out);

/* Value of a parameter, NULL if absent. */
const char *evtwin__query_get(const evtwin__query *query, const char *key);

#endif
