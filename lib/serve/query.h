/* SPDX-License-Identifier: MIT */
/* serve/query.h: split a request target into its path and its parameters. */
#ifndef EVTWIN_SERVE_QUERY_H
#define EVTWIN_SERVE_QUERY_H

#include "evtwin/base.h"

#include "core/text.h"

enum { EVTWIN__TARGET_MAX = 4096, EVTWIN__QUERY_MAX_PARAMS = 16 };

/* "/path?key=value&…", percent-decoded ('+' in the query is a blank), every string valid UTF-8
 * without NUL. All strings point into buffer: a query must not be copied or moved. */
typedef struct evtwin__query {
    const char *path;
    size_t n_params;
    const char *key[EVTWIN__QUERY_MAX_PARAMS], *value[EVTWIN__QUERY_MAX_PARAMS];
    char buffer[EVTWIN__TARGET_MAX + EVTWIN__QUERY_MAX_PARAMS + 2];
} evtwin__query;

/* EVTWIN_E_PARSE for a bad escape, a NUL byte, a string that is not UTF-8, a path that does not
 * start with '/', a duplicate or empty key or too many parameters; EVTWIN_E_RANGE for more than
 * EVTWIN__TARGET_MAX bytes. */
evtwin_status evtwin__query_parse(const char *target, size_t length, evtwin__query *out);

/* Value of a parameter, NULL if absent. */
const char *evtwin__query_get(const evtwin__query *query, const char *key);

/* ---- typed parameters: EVTWIN_E_ARG says which one is wrong, and what is possible ---- */

/* Every parameter is one of the NULL-terminated list. */
evtwin_status evtwin__query_check(const evtwin__query *query, const char *const *known);

/* battery_id, BATTERY_001 if absent. */
evtwin_status evtwin__query_battery(const evtwin__query *query, const char **out);

/* The time that is looked at. */
typedef struct evtwin__window {
    double hours;           /* (0, 24 * 366] */
    int64_t from_us, to_us; /* to_us is INT64_MAX without "until": a clock ahead hides no row */
} evtwin__window;

/* hours back from until, or from now. */
evtwin_status evtwin__query_window(const evtwin__query *query, double default_hours,
                                   evtwin__window *out);

/* limit, 1 to max. */
evtwin_status evtwin__query_limit(const evtwin__query *query, size_t default_limit, size_t max,
                                  size_t *out);

/* cursor: the position after which a page begins; both stay as they are if it is absent. */
evtwin_status evtwin__query_cursor(const evtwin__query *query, int64_t *before_time_us,
                                   int64_t *before_seq);

/* Such a cursor as a JSON string. */
void evtwin__query_cursor_write(evtwin__text *text, const char *key, int64_t time_us, int64_t seq);

#endif
