/* SPDX-License-Identifier: MIT */
/* serve/routes.c: the endpoints, and a request's way to one: who may ask, which route, and the
 * headers of all. A new endpoint is a handler and a line of the list (and in docs/openapi.yaml). */

#include "serve/server.h"

#include "core/clock.h"
#include "core/num.h"
#include "core/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- /api/battery/…: what one battery does, did and is predicted to do ---- */

/* Read what is known of the battery now; 0 after the error was answered. */
static int read_latest(evtwin__call *call) {
    const char *id = call->params.battery_id;
    return evtwin__call_read_latest(call, id) &&
           (call->rows != NULL || evtwin__answer_error(call, 404, "there is no battery %s", id));
}

static void route_latest(evtwin__call *call) {
    if (!read_latest(call)) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    evtwin__text_open(body, "data", '{');
    evtwin__answer_row(call, 0, NULL);
    evtwin__answer_standing(call, 0);
    evtwin__text_put(body, "}");
    evtwin__answer_end(call);
}

/* Nothing was found: is the battery known at all? An empty page of a known one is not an error. */
static int is_known(evtwin__call *call) {
    const int known = read_latest(call);
    evtwin__call_free(call);
    return known;
}

static int add_row(evtwin__call *call, size_t row) {
    evtwin__answer_row(call, row, NULL);
    return 1;
}

/* One page of the battery's rows, and "next": the cursor of the page after this one, null if this
 * one was not full. */
static void answer_page(evtwin__call *call, const char *name, int predicted_only) {
    const evtwin__params *p = &call->params;
    evtwin_history_options options;
    evtwin_history_options_init(&options, sizeof options);
    options.from_us = p->from_us;
    options.to_us = p->to_us;
    options.limit = p->limit;
    options.predicted_only = predicted_only;
    options.before_time_us = p->before_time_us;
    options.before_seq = p->before_seq;
    if (!evtwin__store_answered(call, evtwin_store_history(call->handle->store, p->battery_id,
                                                           &options, &call->rows)) ||
        !(call->rows != NULL ? evtwin__call_read_context(call) : is_known(call))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    const size_t n = evtwin__answer_list(call, name, add_row);
    const int64_t *time_us = evtwin_table_i64(call->rows, evtwin_table_find(call->rows, "time"));
    const int64_t *seq = evtwin_table_i64(call->rows, evtwin_table_find(call->rows, "seq"));
    if (n == p->limit && time_us != NULL && seq != NULL) {
        evtwin__query_cursor_write(body, "next", time_us[n - 1], seq[n - 1]);
    } else {
        evtwin__text_word(body, "next", "null");
    }
    if (p->hours > 0.0) {
        evtwin__text_number(body, "period_hours", p->hours);
    }
    evtwin__answer_end(call);
}

static void route_history(evtwin__call *call) {
    answer_page(call, "data", 0);
}

static void route_predictions(evtwin__call *call) {
    answer_page(call, "predictions", 1);
}

/* An average has more digits than what it is made of can bear: 89.93, not 89.92999999999999. 0.0001
 * is finer than any quantity here is measured, and keeps small risks apart. */
static double rounded(double value) {
    return fabs(value) < 1e11 ? evtwin__round_to(value, 1e4) : value;
}

static void add_stats(evtwin__text *body, const evtwin_store_stats *s) {
    const struct {
        const char *key;
        double value;
    } members[] = {
        {"avg_soc", s->avg_soc},
        {"min_soc", s->min_soc},
        {"max_soc", s->max_soc},
        {"avg_soh", s->avg_soh},
        {"avg_temperature", s->avg_temperature},
        {"max_temperature", s->max_temperature},
        {"avg_voltage", s->avg_voltage},
        {"avg_current", s->avg_current},
        {"total_cycles", s->total_cycles},
        {"avg_rul", s->avg_rul},
        {"avg_failure_risk", s->avg_failure_risk},
    };
    evtwin__text_open(body, "stats", '{');
    evtwin__text_integer(body, "total_records", s->total_records);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        evtwin__text_number(body, members[i].key, rounded(members[i].value));
    }
    evtwin__text_put(body, "}");
}

static void route_stats(evtwin__call *call) {
    const evtwin__params *p = &call->params;
    evtwin_store_stats stats;
    const evtwin_status st = evtwin_store_stats_get(call->handle->store, p->battery_id, p->from_us,
                                                    p->to_us, &stats, sizeof stats);
    if (!evtwin__store_answered(call, st) || (st == EVTWIN_DONE && !read_latest(call))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    add_stats(body, &stats);
    evtwin__text_number(body, "period_hours", p->hours);
    evtwin__answer_end(call);
}

/* ---- all batteries at once ---- */

static int add_battery(evtwin__call *call, size_t row) {
    evtwin__answer_row(call, row, "battery_id");
    evtwin__answer_standing(call, row);
    return 1;
}

static void answer_fleet(evtwin__call *call, const char *name,
                         int (*add)(evtwin__call *call, size_t row)) {
    evtwin__answer_begin(call);
    evtwin__answer_list(call, name, add);
    evtwin__answer_summary(call);
    evtwin__answer_end(call);
}

static void route_list(evtwin__call *call) {
    if (evtwin__call_read_latest(call, NULL) && evtwin__call_sort(call)) {
        answer_fleet(call, "batteries", add_battery);
    }
}

/* A battery with the alert rules that it breaks, the standing prediction included: "soh 73.9 < 75".
 */
static int add_alert(evtwin__call *call, size_t row) {
    if (call->condition[row].needs == 0) {
        return 0;
    }
    add_battery(call, row);
    evtwin__answer_reasons(call, "reasons", row);
    return 1;
}

static void route_alerts(evtwin__call *call) {
    if (evtwin__call_read_latest(call, NULL) && evtwin__call_sort(call)) {
        answer_fleet(call, "alerts", add_alert);
    }
}

static int add_threshold(evtwin__call *call, size_t row) {
    evtwin__answer_cells(call, row, NULL);
    return 1;
}

static void route_thresholds(evtwin__call *call) {
    if (evtwin__call_read_context(call) &&
        evtwin__store_answered(call,
                               evtwin_thresholds_table(call->handle->thresholds, &call->rows))) {
        evtwin__answer_begin(call);
        evtwin__answer_list(call, "thresholds", add_threshold);
        evtwin__answer_end(call);
    }
}

/* ---- how the server itself is ---- */

/* Seconds since the last good cycle as a member, and whether that is too long ago. */
static int add_cycle_age(evtwin__call *call) {
    double limit_s = 0.0;
    const evtwin_metrics *metrics = call->server->metrics;
    const double age_s = metrics != NULL ? evtwin__metrics_cycle_age_s(metrics, &limit_s) : -1.0;
    if (age_s >= 0.0) {
        evtwin__text_number(&call->response->body, "cycle_age_s", rounded(age_s));
    }
    return age_s > limit_s;
}

/* problem NULL: none. */
static void answer_health(evtwin__call *call, const char *problem) {
    const evtwin_server *server = call->server;
    evtwin__text *body = &call->response->body;
    evtwin__text_open(body, NULL, '{');
    if (server->stores != NULL) {
        const double age_s = evtwin__store_pool_age_s(server->stores);
        evtwin__text_number(body, "store_age_s", age_s >= 0.0 ? rounded(age_s) : NAN);
    }
    if (add_cycle_age(call) && problem == NULL) {
        problem = "no cycle has gone well lately; the log of the tool says why";
    }
    call->response->code = problem == NULL ? 200 : 503;
    evtwin__text_string(body, "status", problem == NULL ? "healthy" : "unhealthy");
    evtwin__text_string(body, "service", server->service);
    evtwin__text_string(body, "version", evtwin_version());
    if (problem != NULL) {
        evtwin__text_string(body, "message", problem);
    }
    evtwin__answer_end(call);
}

static void route_health(evtwin__call *call) {
    evtwin__store_pool *stores = call->server->stores;
    evtwin_status st = EVTWIN_OK;
    if (stores != NULL) {
        evtwin__store_handle *handle;
        st = evtwin__store_pool_take(stores, &handle);
        if (st >= 0) {
            /* the smallest question that needs the database to answer */
            evtwin_table *models = NULL;
            st = evtwin_store_models(handle->store, &models);
            evtwin_table_free(models);
            evtwin__store_pool_give(stores, handle, st);
        }
    }
    answer_health(call, st < 0 ? evtwin__store_problem(call->server, st) : NULL);
}

/* The health of the fleet, as far as the store can be read now. */
static void write_fleet(evtwin__call *call, evtwin__exposition *out) {
    evtwin__store_pool *stores = call->server->stores;
    if (evtwin__store_answered(call, evtwin__store_pool_take(stores, &call->handle))) {
        if (evtwin__call_read_latest(call, NULL) && call->rows != NULL) {
            evtwin__fleet_write(call->current, call->condition, out);
        }
        evtwin__call_free(call);
        evtwin__store_pool_give(stores, call->handle, call->store_status);
    }
    evtwin__text_free(&call->response->body); /* an answer of an error */
}

static void route_metrics(evtwin__call *call) {
    const evtwin_server *server = call->server;
    evtwin__exposition out = {.is_openmetrics = evtwin__accepts_openmetrics(call->request->accept)};
    evtwin__expose_build(&out);
    if (server->metrics != NULL && evtwin__metrics_write(server->metrics, &out) < 0) {
        out.text.is_failed = 1;
    }
    if (server->stores != NULL) {
        write_fleet(call, &out);
        evtwin__expose_one(&out, "evtwin_store_up", EVTWIN__GAUGE, NULL,
                           "1 if the last look into the store went well, else 0.",
                           evtwin__store_pool_is_up(server->stores));
        const double age_s = evtwin__store_pool_age_s(server->stores);
        evtwin__expose_one(&out, "evtwin_store_read_age_seconds", EVTWIN__GAUGE, "seconds",
                           "Time since the store was last read without an error; +Inf if never.",
                           age_s >= 0.0 ? age_s : INFINITY);
    }
    evtwin__server_metrics_write(server->own_metrics, &out);
    evtwin__expose_end(&out);
    call->response->body = out.text;
    call->response->code = 200;
    call->content_type = evtwin__exposition_type(out.is_openmetrics);
}

/* ---- the list ---- */

/* What a route needs: long answers are given one after the other, beside the others. */
enum { NOTHING, STORE, LONG };

#define PARAMS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_PARAMS ((const char *const[]){NULL})

/* clang-format off */
static const evtwin__route routes[] = {
    {"/health", route_health, NULL, NOTHING, 0.0, 0},
    {"/metrics", route_metrics, NULL, NOTHING, 0.0, 0},
    {"/api/battery/latest", route_latest, PARAMS("battery_id"), STORE, 0.0, 0},
    {"/api/battery/history", route_history,
     PARAMS("battery_id", "hours", "until", "limit", "cursor"), LONG, 1.0, 1000},
    {"/api/battery/predictions", route_predictions,
     PARAMS("battery_id", "limit", "cursor"), LONG, 0.0, 100},
    {"/api/battery/stats", route_stats, PARAMS("battery_id", "hours", "until"), LONG, 24.0, 0},
    {"/api/batteries/list", route_list, NO_PARAMS, LONG, 0.0, 0},
    {"/api/alerts", route_alerts, NO_PARAMS, LONG, 0.0, 0},
    {"/api/thresholds", route_thresholds, NO_PARAMS, STORE, 0.0, 0},
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
        return evtwin__answer_error(call, 400, "a request has one Host header");
    }
    destination to;
    find_destination(r, &to);
    if (to.host != NULL && !server->is_open_to_all &&
        !evtwin__address_allows_host(&server->address, to.host)) {
        return evtwin__answer_error(
            call, 421,
            "this server answers to localhost and to the address it listens on, "
            "not to the host %.64s",
            to.host);
    }
    const evtwin_status st = evtwin__query_parse(to.target, to.target_length, &call->query);
    if (st < 0) {
        return evtwin__answer_error(call, st == EVTWIN_E_RANGE ? 414 : 400, "%s",
                                    evtwin_last_error());
    }
    return 1;
}

/* A page of another site has no business with the API: it cannot read the answer, but can make a
 * browser ask for it again and again. A link to our page is fine. 0 after it was refused. */
static int is_of_this_site(evtwin__call *call) {
    const evtwin__http_request *r = call->request;
    if (r->fetch_site == NULL || strcmp(r->fetch_site, "same-origin") == 0 ||
        strcmp(r->fetch_site, "none") == 0) {
        return 1;
    }
    const int is_visit = r->fetch_mode != NULL && strcmp(r->fetch_mode, "navigate") == 0 &&
                         r->fetch_dest != NULL && strcmp(r->fetch_dest, "document") == 0;
    return (is_visit && strcmp(call->query.path, "/") == 0) ||
           evtwin__answer_error(call, 403, "pages of other sites are not answered here");
}

/* The request only reads; 0 after the error was answered. */
static int is_read(evtwin__call *call) {
    const char *method = call->request->method;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        evtwin__http_header(call->response, "Allow", "GET, HEAD");
        return evtwin__answer_error(call, 405, "only GET and HEAD are answered here");
    }
    if (call->request->has_body) {
        return evtwin__answer_error(call, 413, "no request here has a body");
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
    if (route->needs == NOTHING) {
        route->handle(call);
        return;
    }
    if (call->request->is_late) {
        evtwin__answer_error(call, 503, "too many long questions at once; try again");
        return;
    }
    if (route->needs == LONG && !call->request->is_aside) {
        call->response->is_aside = 1;
        return;
    }
    evtwin__store_pool *stores = call->server->stores;
    if (evtwin__store_answered(call, evtwin__store_pool_take(stores, &call->handle))) {
        route->handle(call);
        evtwin__call_free(call);
        evtwin__store_pool_give(stores, call->handle, call->store_status);
    }
}

/* Answer the call; returns the label it is counted under. */
static size_t answer(evtwin__call *call) {
    if (!is_admissible(call) || !is_of_this_site(call)) {
        return OTHER;
    }
    const char *path = call->query.path;
    const int has_page = call->server->stores != NULL;
    for (size_t i = 0; i < N_ROUTES; i++) {
        const evtwin__route *route = &routes[i];
        if (strcmp(route->path, path) == 0 && (has_page || route->needs == NOTHING)) {
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
    const double start_s = evtwin__monotonic_s();
    evtwin__call call = {.server = ctx, .request = request, .response = response};
    call.content_type = json;
    const size_t route = answer(&call);
    if (response->is_aside) {
        return;
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
