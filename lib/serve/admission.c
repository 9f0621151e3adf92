/* SPDX-License-Identifier: MIT */
/* serve/admission.c: who may ask: a request that is in order, meant for this server, and not of a
 * page of another site. */

#include "serve/routes.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

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
static int is_meant_for_us(evtwin__call *call) {
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
    return (is_visit && evtwin__page_is(call->query.path)) ||
           evtwin__answer_error(call, 403, "pages of other sites are not answered here");
}

/* The request only reads; 0 after the error was answered. */
int evtwin__is_read(evtwin__call *call) {
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

int evtwin__is_admissible(evtwin__call *call) {
    return is_meant_for_us(call) && is_of_this_site(call);
}
