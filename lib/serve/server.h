/* SPDX-License-Identifier: MIT */
/* serve/server.h: what the parts of the server share: its state, one call, and how to answer it. */
#ifndef EVTWIN_SERVE_SERVER_H
#define EVTWIN_SERVE_SERVER_H

#include "evtwin/serve.h"

#include "core/embed.h"
#include "serve/address.h"
#include "serve/http.h"
#include "serve/http_metrics.h"
#include "serve/query.h"
#include "serve/store_pool.h"

#include <stdatomic.h>

/* Immutable once it runs, but for the parts that look after themselves. */
struct evtwin_server {
    char *service;
    evtwin__address address;
    int is_open_to_all;         /* insecure_listen: any Host is answered */
    evtwin_metrics *metrics;    /* borrowed, may be NULL */
    evtwin__store_pool *stores; /* NULL = no REST and no page */
    evtwin__http_metrics *http_metrics;
    evtwin__http *http;
    _Atomic int64_t logged_us; /* when a failure of the store was last logged */
};

/* One request on its way to an answer. */
typedef struct evtwin__call {
    evtwin_server *server;
    const evtwin__http_request *request;
    evtwin__http_response *response;
    evtwin__query query;
    evtwin_store *store;        /* of a route that needs one */
    evtwin_status store_status; /* what the last use of the store returned, for its pool */
    const char *content_type;   /* JSON unless the handler says otherwise; static */
    int is_cacheable;           /* the handler has said how long the answer keeps */
} evtwin__call;

/* The http handler: ctx is the server. */
void evtwin__serve(void *ctx, const evtwin__http_request *request, evtwin__http_response *response);

/* ---- answers (reply.c) ---- */

/* {"status":"success", — the handler adds its members, each followed by a comma, then ends it. */
evtwin__body *evtwin__reply_begin(evtwin__call *call);

/* "timestamp":…} */
void evtwin__reply_end(evtwin__call *call);

/* {"status":"error","message":…,"timestamp":…} with this code. */
__attribute__((format(printf, 3, 4))) void evtwin__reply_error(evtwin__call *call, int code,
                                                               const char *format, ...);

/* What a client is told of a failure of the store; the log gets the library's own text, now and
 * then. */
const char *evtwin__store_problem(evtwin_server *server, evtwin_status status);

/* 503 for a failure of the store: the library's text goes to the log, not to the client. */
void evtwin__reply_store_error(evtwin__call *call, evtwin_status status);

/* ---- query parameters (query_params.c): 0 after the error was answered ---- */

/* Every parameter is one of the NULL-terminated list. */
int evtwin__params_check(evtwin__call *call, const char *const *known);

/* battery_id, BATTERY_001 if absent. */
int evtwin__param_battery(evtwin__call *call, const char **out);

/* A number of hours in (0, 24 * 366]. */
int evtwin__param_hours(evtwin__call *call, double default_hours, double *out);

/* The time that "hours" counts back from: "until", else now; *to_us is INT64_MAX in the second
 * case, so that a clock that is ahead hides no row. */
int evtwin__param_window(evtwin__call *call, double hours, int64_t *from_us, int64_t *to_us);

/* limit, 1 to max. */
int evtwin__param_limit(evtwin__call *call, size_t default_limit, size_t max, size_t *out);

/* cursor: the position after which a page begins, as evtwin__cursor_write gave it. */
int evtwin__param_cursor(evtwin__call *call, int64_t *before_time_us, int64_t *before_seq);

void evtwin__cursor_write(evtwin__body *body, int64_t time_us, int64_t seq);

/* ---- routes (routes.c) ---- */

typedef struct evtwin__route {
    const char *path;
    void (*handle)(evtwin__call *call);
    const char *const *params; /* NULL = any, ignored */
    int needs_store;
} evtwin__route;

/* The number of a path in the list, EVTWIN__ROUTE_OTHER if it is none. */
size_t evtwin__route_find(const char *path);

/* index < EVTWIN__ROUTE_COUNT */
const evtwin__route *evtwin__route_get(size_t index);

/* ---- the page (assets.c) ---- */

/* The file at a path, NULL if there is none. */
const evtwin__embedded *evtwin__asset_find(const char *path);

/* Answer with a file found, or 304 if the client has it. */
void evtwin__serve_asset(evtwin__call *call, const evtwin__embedded *asset);

/* ---- handlers, one file a concept: route_*.c ---- */

void evtwin__route_health(evtwin__call *call);
void evtwin__route_metrics(evtwin__call *call);
void evtwin__route_latest(evtwin__call *call);
void evtwin__route_history(evtwin__call *call);
void evtwin__route_predictions(evtwin__call *call);
void evtwin__route_stats(evtwin__call *call);
void evtwin__route_list(evtwin__call *call);
void evtwin__route_alerts(evtwin__call *call);
void evtwin__route_thresholds(evtwin__call *call);

#endif
