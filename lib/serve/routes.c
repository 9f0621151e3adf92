/* SPDX-License-Identifier: MIT */
/* serve/routes.c: the endpoints, and a request's way to one. A new endpoint is a handler in a file
 * route_….c, its line in routes.h, and a line of the list (and in docs/openapi.yaml). */

#include "serve/routes.h"

#include "core/clock.h"
#include "core/status.h"

#include <stddef.h>
#include <string.h>

/* What a route needs: nothing but the server, nothing but that there are pages beside it (PAGES);
 * what is in memory of a store (LIVE); a handle of the store. Long answers are given one after the
 * other, beside the others. A route that writes needs POST besides, and its handler finds a JSON
 * body. */
enum { NOTHING, PAGES, LIVE, LIVE_LONG, STORE, LONG, POST = 8 };

#define PARAMS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_PARAMS ((const char *const[]){NULL})

/* clang-format off */
static const evtwin__route routes[] = {
    {"/health", evtwin__route_health, NULL, NOTHING, 0.0, 0},
    {"/livez", evtwin__route_livez, NULL, NOTHING, 0.0, 0},
    {"/readyz", evtwin__route_readyz, NULL, NOTHING, 0.0, 0},
    {"/openapi.yaml", evtwin__route_openapi_yaml, NO_PARAMS, PAGES, 0.0, 0},
    {"/openapi.json", evtwin__route_openapi_json, NO_PARAMS, PAGES, 0.0, 0},
    {"/asyncapi.yaml", evtwin__route_asyncapi_yaml, NO_PARAMS, PAGES, 0.0, 0},
    {"/asyncapi.json", evtwin__route_asyncapi_json, NO_PARAMS, PAGES, 0.0, 0},
    {"/login", evtwin__route_login, NULL, NOTHING | POST, 0.0, 0},
    {"/metrics", evtwin__route_metrics, NULL, NOTHING, 0.0, 0},
    {"/api/battery/latest", evtwin__route_latest, PARAMS("battery_id"), LIVE, 0.0, 0},
    {"/api/battery/history", evtwin__route_history,
     PARAMS("battery_id", "hours", "from", "until", "limit", "cursor", "points", "quantities"), LONG,
     1.0, 1000},
    {"/api/battery/predictions", evtwin__route_predictions,
     PARAMS("battery_id", "limit", "cursor"), LONG, 0.0, 100},
    {"/api/battery/export", evtwin__route_export,
     PARAMS("battery_id", "hours", "from", "until", "format"), LONG, 24.0, 0},
    {"/api/battery/stats", evtwin__route_stats, PARAMS("battery_id", "hours", "from", "until"), LONG,
     24.0, 0},
    {"/api/battery/reasons", evtwin__route_reasons, PARAMS("battery_id"), LONG, 0.0, 0},
    {"/api/batteries/list", evtwin__route_list,
     PARAMS("limit", "offset", "sort", "order", "health", "needs", "silent", "q"), LIVE_LONG, 0.0, 0},
    {"/api/fleet/map", evtwin__route_map, NO_PARAMS, LIVE_LONG, 0.0, 0},
    {"/api/fleet/rows", evtwin__route_rows, NULL, LIVE, 0.0, 0},
    {"/api/fleet/trends", evtwin__route_trends, NO_PARAMS, LONG, 0.0, 0},
    {"/api/alerts", evtwin__route_alerts, NO_PARAMS, LIVE_LONG, 0.0, 0},
    {"/api/alerts/history", evtwin__route_alert_history,
     PARAMS("battery_id", "hours", "until", "state", "limit", "cursor", "buckets"), LONG, 168.0, 100},
    {"/api/alerts/acknowledge", evtwin__route_acknowledge, NO_PARAMS, LONG | POST, 0.0, 0},
    {"/api/thresholds", evtwin__route_thresholds, NO_PARAMS, STORE, 0.0, 0},
    {"/api/stream", evtwin__route_stream, PARAMS("battery_id", "types", "last_event_id"), LIVE, 0.0,
     0},
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

/* ---- what is answered ---- */

/* Call a route's handler with its parameters, and a store handle if it needs one. What is answered
 * from memory waits aside until the store was read for the first time. */
static void run(evtwin__call *call, const evtwin__route *route) {
    call->params.hours = route->hours;
    call->params.limit = route->limit;
    if (route->params != NULL &&
        evtwin__query_params(&call->query, route->params, &call->params) < 0) {
        evtwin__answer_error(call, 400, "%s", evtwin_last_error());
        return;
    }
    const int needs = route->needs & ~POST, is_live = needs == LIVE || needs == LIVE_LONG;
    const int is_early = is_live && !evtwin__live_has_looked(call->server->live);
    if (needs <= LIVE && !is_early) {
        route->handle(call);
        return;
    }
    if (call->request->is_late) {
        evtwin__answer_error(call, 503, "too many long questions at once; try again");
        return;
    }
    if (needs != STORE && !call->request->is_aside) {
        call->response->is_aside = 1;
        return;
    }
    if (is_live) {
        evtwin__live_wait(call->server->live);
        route->handle(call);
        return;
    }
    evtwin__store_pool *stores = call->server->stores;
    if (evtwin__store_answered(call, evtwin__store_pool_take(stores, &call->handle))) {
        route->handle(call);
        evtwin__call_free(call);
        evtwin__store_pool_give(stores, call->handle, call->store_status);
    }
}

static int is_login(const evtwin__call *call) {
    return strcmp(call->query.path, "/login") == 0;
}

/* The login is a page to who reads it. */
static int is_for(const evtwin__call *call, const evtwin__route *route) {
    return strcmp(route->path, call->query.path) == 0 &&
           (call->server->stores != NULL || (route->needs & ~POST) == NOTHING) &&
           (!is_login(call) || strcmp(call->request->method, "POST") == 0);
}

/* Answer the call; returns the label it is counted under. */
static size_t answer(evtwin__call *call) {
    if (!evtwin__is_admissible(call)) {
        return OTHER;
    }
    for (size_t i = 0; i < N_ROUTES; i++) {
        const evtwin__route *route = &routes[i];
        if (is_for(call, route)) {
            if ((route->needs & POST) != 0 ? evtwin__is_write(call, is_login(call))
                                           : evtwin__is_read(call)) {
                run(call, route);
            }
            return i;
        }
    }
    const char *path = call->query.path;
    if (evtwin__page_has(path) && (call->server->stores != NULL || call->server->auth != NULL)) {
        if (evtwin__is_read(call)) {
            evtwin__route_page(call);
        }
        return PAGE;
    }
    evtwin__answer_error(call, 404, "there is nothing at %.200s", path);
    return OTHER;
}

static const char json[] = "application/json; charset=utf-8";

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
    evtwin__http_header(r, "Cross-Origin-Resource-Policy", "same-origin");
    if (call->content_type != json) { /* that has no links; the policy above keeps it from frames */
        evtwin__http_header(r, "X-Frame-Options", "DENY");
        evtwin__http_header(r, "Referrer-Policy", "no-referrer");
    }
}

void evtwin__serve(void *ctx, const evtwin__http_request *request,
                   evtwin__http_response *response) {
    static const char out_of_memory[] =
        "{\"status\":\"error\",\"message\":\"the server is out of memory\"}\n";
    const double start_s = evtwin__monotonic_s();
    evtwin__call call;
    memset(&call, 0, offsetof(evtwin__call, query.buffer));
    call.server = ctx;
    call.request = request;
    call.response = response;
    call.content_type = json;
    const size_t route = answer(&call);
    if (response->is_aside || response->wants_body) {
        return;
    }
    if (response->stream.ctx != NULL && request->is_crowded) {
        evtwin__http_drop(response);
        call.content_type = json;
        call.is_cacheable = 0;
        evtwin__answer_error(&call, 503, "too many streams and exports at once; try again");
    }
    if (response->body.is_failed) {
        evtwin__text_free(&response->body);
        call.content_type = json;
        response->code = 503;
        response->asset = out_of_memory;
        response->asset_size = sizeof out_of_memory - 1;
    }
    add_headers(&call);
    evtwin__server_metrics_count(call.server->own_metrics, route, response->code,
                                 evtwin__monotonic_s() - start_s);
}
