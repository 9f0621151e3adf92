/* SPDX-License-Identifier: MIT */
/* serve/routes.c: the list of endpoints, and a request's way to one: who may ask, which route, and
 * the headers of all. A new endpoint is a handler and a line here (and in docs/openapi.yaml). */

#include "serve/server.h"

#include "core/status.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PARAMS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_PARAMS ((const char *const[]){NULL})

/* clang-format off */
static const evtwin__route routes[] = {
    {"/health", evtwin__route_health, NULL, 0, 0.0, 0},
    {"/metrics", evtwin__route_metrics, NULL, 0, 0.0, 0},
    {"/api/battery/latest", evtwin__route_latest, PARAMS("battery_id"), 1, 0.0, 0},
    {"/api/battery/history", evtwin__route_history,
     PARAMS("battery_id", "hours", "until", "limit", "cursor"), 1, 1.0, 1000},
    {"/api/battery/predictions", evtwin__route_predictions,
     PARAMS("battery_id", "limit", "cursor"), 1, 0.0, 100},
    {"/api/battery/stats", evtwin__route_stats, PARAMS("battery_id", "hours", "until"), 1, 24.0, 0},
    {"/api/batteries/list", evtwin__route_list, NO_PARAMS, 1, 0.0, 0},
    {"/api/alerts", evtwin__route_alerts, NO_PARAMS, 1, 0.0, 0},
    {"/api/thresholds", evtwin__route_thresholds, NO_PARAMS, 1, 0.0, 0},
};
/* clang-format on */

enum { N_ROUTES = sizeof routes / sizeof routes[0], PAGE = N_ROUTES, OTHER, N_LABELS };

const evtwin__route *evtwin__route_get(size_t i) {
    return i < N_ROUTES ? &routes[i] : NULL;
}

size_t evtwin__route_label_count(void) {
    return N_LABELS;
}

const char *evtwin__route_label(size_t i) {
    return i < N_ROUTES ? routes[i].path : i == PAGE ? "page" : "other";
}

/* ---- who may ask ---- */

static double monotonic_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What a request is for. */
typedef struct destination {
    const char *host; /* NULL = not given */
    const char *target;
    size_t target_length;
    char host_buffer[80]; /* no name that we answer to is longer */
} destination;

/* A target may come whole, "http://host:port/path", as to a proxy. Its host counts then, not that
 * of the header. Source: RFC 9112, section 3.2.2 */
static void find_destination(const evtwin__http_request *r, destination *out) {
    static const char scheme[] = "http://";
    const size_t scheme_length = sizeof scheme - 1;
    out->host = r->host;
    out->target = r->target;
    out->target_length = r->target_length;
    if (r->target_length < scheme_length || r->target_length > EVTWIN__TARGET_MAX ||
        strncasecmp(r->target, scheme, scheme_length) != 0) {
        return;
    }
    const char *authority = r->target + scheme_length;
    const size_t left = r->target_length - scheme_length;
    size_t n = 0;
    while (n < left && authority[n] != '/' && authority[n] != '?') {
        n++;
    }
    (void)snprintf(out->host_buffer, sizeof out->host_buffer, "%.*s", (int)n, authority);
    out->host = out->host_buffer;
    out->target = n < left ? authority + n : "/";
    out->target_length = n < left ? left - n : 1;
}

/* The request itself is in order and meant for us; 0 after the error was answered. */
static int is_admissible(evtwin__call *call) {
    const evtwin__http_request *r = call->request;
    const evtwin_server *server = call->server;
    if (r->n_hosts > 1 || (r->n_hosts == 0 && !r->is_http_1_0)) {
        evtwin__answer_error(call, 400, "a request has one Host header");
        return 0;
    }
    destination to;
    find_destination(r, &to);
    if (to.host != NULL && !server->is_open_to_all &&
        !evtwin__address_allows_host(&server->address, to.host)) {
        evtwin__answer_error(call, 421,
                             "this server answers to localhost and to the address it listens on, "
                             "not to the host %.64s",
                             to.host);
        return 0;
    }
    const evtwin_status st = evtwin__query_parse(to.target, to.target_length, &call->query);
    if (st < 0) {
        evtwin__answer_error(call, st == EVTWIN_E_RANGE ? 414 : 400, "%s", evtwin_last_error());
        return 0;
    }
    return 1;
}

/* The request only reads; 0 after the error was answered. */
static int is_read(evtwin__call *call) {
    const char *method = call->request->method;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        evtwin__http_header(call->response, "Allow", "GET, HEAD");
        evtwin__answer_error(call, 405, "only GET and HEAD are answered here");
        return 0;
    }
    if (call->request->has_body) {
        evtwin__answer_error(call, 413, "no request here has a body");
        return 0;
    }
    return 1;
}

/* ---- what is answered ---- */

/* Call a route's handler with its parameters, and a store handle if it needs one. */
static void run(evtwin__call *call, const evtwin__route *route) {
    call->params.hours = route->hours;
    call->params.limit = route->limit;
    if (route->params != NULL &&
        evtwin__query_params(&call->query, route->params, &call->params) < 0) {
        evtwin__answer_error(call, 400, "%s", evtwin_last_error());
        return;
    }
    if (!route->needs_store) {
        route->handle(call);
        return;
    }
    evtwin__store_pool *stores = call->server->stores;
    if (evtwin__store_answered(call, evtwin__store_pool_take(stores, &call->handle))) {
        route->handle(call);
        evtwin__call_close(call);
        evtwin__store_pool_give(stores, call->handle, call->store_status);
    }
}

/* Answer the call; returns the label it is counted under. */
static size_t answer(evtwin__call *call) {
    if (!is_admissible(call)) {
        return OTHER;
    }
    const char *path = call->query.path;
    const int has_page = call->server->stores != NULL;
    for (size_t i = 0; i < N_ROUTES; i++) {
        const evtwin__route *route = &routes[i];
        if (strcmp(route->path, path) == 0 && (has_page || !route->needs_store)) {
            if (is_read(call)) {
                run(call, route);
            }
            return i;
        }
    }
    if (has_page && evtwin__page_has(path)) {
        if (is_read(call)) {
            evtwin__route_page(call);
        }
        return PAGE;
    }
    evtwin__answer_error(call, 404, "there is nothing at %.200s", path);
    return OTHER;
}

static void add_headers(evtwin__call *call) {
    evtwin__http_response *r = call->response;
    evtwin__http_header(r, "Content-Type", call->content_type);
    if (!call->is_cacheable) {
        evtwin__http_header(r, "Cache-Control", "no-store");
    }
    if (r->code == 503) {
        evtwin__http_header(r, "Retry-After", "2");
    }
    evtwin__http_header(r, "Content-Security-Policy",
                        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
                        "form-action 'none'");
    evtwin__http_header(r, "X-Content-Type-Options", "nosniff");
    evtwin__http_header(r, "X-Frame-Options", "DENY");
    evtwin__http_header(r, "Referrer-Policy", "no-referrer");
    evtwin__http_header(r, "Cross-Origin-Resource-Policy", "same-origin");
}

void evtwin__serve(void *ctx, const evtwin__http_request *request,
                   evtwin__http_response *response) {
    static const char out_of_memory[] =
        "{\"status\":\"error\",\"message\":\"the server is out of memory\"}\n";
    static const char json[] = "application/json; charset=utf-8";
    const double start_s = monotonic_s();
    evtwin__call call = {.server = ctx, .request = request, .response = response};
    call.content_type = json;
    const size_t route = answer(&call);
    if (response->body.is_failed) {
        evtwin__text_free(&response->body);
        call.content_type = json;
        response->code = 503;
        response->asset = out_of_memory;
        response->asset_size = sizeof out_of_memory - 1;
    }
    add_headers(&call);
    evtwin__server_metrics_count(call.server->own_metrics, route, response->code,
                                 monotonic_s() - start_s);
}
