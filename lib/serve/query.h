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

/* Parameters by their meaning. */
typedef struct evtwin__params {
    const char *battery_id; /* BATTERY_001 if absent */
    double hours;           /* how far "hours" looks back from "until", or from now; if "from" was
                               given instead, so far back is that */
    size_t limit;           /* of rows on a page */
    size_t points;          /* buckets of a thinned history; 0 = rows are asked for */
    const char *quantities; /* of a thinned history; NULL = all */
    int is_jsonl;           /* "format" of an export: JSON lines instead of CSV */
    int64_t from_us,
        to_us; /* from <= to; to_us is INT64_MAX without "until": a clock ahead hides no row */
    int64_t before_time_us, before_seq; /* "cursor": where a page begins; INT64_MAX if absent */
} evtwin__params;

/* Read parameters, all of which must be in the NULL-terminated list; hours (0 = of any age) and
 * limit come with their defaults. EVTWIN_E_ARG says which one is wrong, and what is possible. */
evtwin_status evtwin__query_params(const evtwin__query *query, const char *const *known,
                                   evtwin__params *params);

/* Such a cursor as a JSON string. */
void evtwin__query_cursor_write(evtwin__text *text, const char *key, int64_t time_us, int64_t seq);

#endif
