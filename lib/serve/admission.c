/* SPDX-License-Identifier: MIT */
/* serve/admission.c: who may ask: a request that is in order, meant for this server, not of a page
 * of another site, and with the token where there is one. */

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
static void find_destination(const evtwin__http_request *r, int is_tls, destination *out) {
    const char *scheme = is_tls ? "https://" : "http://";
    const size_t scheme_length = strlen(scheme);
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

/* 1 if a Host header names us. */
static int is_our_name(const evtwin_server *server, const char *host) {
    if (server->is_open_to_all || evtwin__address_allows_host(&server->address, host)) {
        return 1;
    }
    const size_t n = strcspn(host, ":");
    for (size_t i = 0; i < server->n_allow_hosts; i++) {
        const char *ours = server->allow_hosts[i];
        if (strlen(ours) == n && strncasecmp(ours, host, n) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The request itself is in order and meant for us; 0 after the error was answered. */
static int is_meant_for_us(evtwin__call *call) {
    const evtwin__http_request *r = call->request;
    const evtwin_server *server = call->server;
    if (r->n_hosts > 1 || (r->n_hosts == 0 && !r->is_http_1_0)) {
        return evtwin__answer_error(call, 400, "a request has one Host header");
    }
    destination to;
    find_destination(r, server->is_tls, &to);
    if (to.host != NULL && !is_our_name(server, to.host)) {
        return evtwin__answer_error(
            call, 421,
            "this server answers to localhost, to the address it listens on and to the names that "
            "it is given, not to the host %.64s",
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
 * browser ask for it again and again. A link to a page of ours is fine. 0 after it was refused. */
static int is_of_this_site(evtwin__call *call) {
    const evtwin__http_request *r = call->request;
    if (r->fetch_site == NULL || strcmp(r->fetch_site, "same-origin") == 0 ||
        strcmp(r->fetch_site, "none") == 0) {
        return 1;
    }
    const int is_visit = r->fetch_mode != NULL && strcmp(r->fetch_mode, "navigate") == 0 &&
                         r->fetch_dest != NULL && strcmp(r->fetch_dest, "document") == 0;
    return (is_visit && strncmp(call->query.path, "/api/", 5) != 0) ||
           evtwin__answer_error(call, 403, "pages of other sites are not answered here");
}

/* The request only reads; 0 after the error was answered. */
int evtwin__is_read(evtwin__call *call) {
    const char *method = call->request->method;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        const int is_login = strcmp(call->query.path, "/login") == 0;
        evtwin__http_header(call->response, "Allow", is_login ? "GET, HEAD, POST" : "GET, HEAD");
        return evtwin__answer_error(call, 405, "only GET and HEAD are answered here");
    }
    if (call->request->has_body) {
        return evtwin__answer_error(call, 413, "no request here has a body");
    }
    return 1;
}

/* ---- the token ---- */

int evtwin__has_token(const evtwin__call *call) {
    const evtwin__auth *auth = call->server->auth;
    return auth != NULL && (evtwin__auth_is_bearer(auth, call->request->authorization) ||
                            evtwin__auth_is_cookie(auth, call->request->cookie));
}

/* Probes need no token, nor does what is needed to show it. 0 after the login was answered. */
static int is_known(evtwin__call *call) {
    static const char *const open[] = {
        "/health",     "/livez", "/readyz", "/login", "/web/login/login.js", "/web/login/login.css",
        "/favicon.svg"};
    const int is_post = strcmp(call->request->method, "POST") == 0;
    if (call->server->auth == NULL || (call->server->are_reads_open && !is_post) ||
        evtwin__has_token(call)) {
        return 1;
    }
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        if (strcmp(call->query.path, open[i]) == 0) {
            return 1;
        }
    }
    evtwin__answer_login(call);
    return 0;
}

int evtwin__is_admissible(evtwin__call *call) {
    return is_meant_for_us(call) && is_of_this_site(call) && is_known(call);
}

/* ---- writing ---- */

/* A browser says which page asks: it must be ours. Most say so by Sec-Fetch-Site, which was looked
 * at by now; this is for those that do not. A program says nothing. */
static int is_of_our_page(const evtwin__call *call) {
    const evtwin__http_request *r = call->request;
    if (r->origin == NULL) {
        return 1;
    }
    const char *host = strstr(r->origin, "://");
    if (host == NULL) {
        return 0; /* "null" */
    }
    host += 3;
    if (r->host != NULL && strcasecmp(host, r->host) == 0) {
        return 1;
    }
    for (size_t i = 0; i < call->server->n_allow_hosts; i++) {
        if (strcasecmp(host, call->server->allow_hosts[i]) == 0) {
            return 1; /* before a proxy that changes the Host */
        }
    }
    return 0;
}

static int is_json(const char *content_type) {
    static const char json[] = "application/json";
    const size_t n = sizeof json - 1;
    return content_type != NULL && strncasecmp(content_type, json, n) == 0 &&
           (content_type[n] == '\0' || content_type[n] == ';' || content_type[n] == ' ');
}

/* 1 if the body is there, 0 after it was refused or asked for. */
static int has_body(evtwin__call *call) {
    const evtwin__http_request *r = call->request;
    if (!r->has_body || r->body != NULL) {
        return 1;
    }
    if (r->body_length < 0) {
        return evtwin__answer_error(call, 411, "a body comes with its Content-Length");
    }
    if (r->body_length > EVTWIN__HTTP_MAX_BODY) {
        return evtwin__answer_error(call, 413, "a body of %lld bytes; at most %d are possible",
                                    (long long)r->body_length, EVTWIN__HTTP_MAX_BODY);
    }
    call->response->wants_body = 1;
    return 0;
}

int evtwin__is_write(evtwin__call *call, int is_login) {
    if (strcmp(call->request->method, "POST") != 0) {
        evtwin__http_header(call->response, "Allow", "POST");
        return evtwin__answer_error(call, 405, "only POST is answered here");
    }
    if (call->server->auth == NULL) {
        return evtwin__answer_error(call, 403,
                                    "this server changes nothing: it was started without a token");
    }
    if (!is_of_our_page(call)) {
        return evtwin__answer_error(call, 403, "pages of other sites are not answered here");
    }
    if (!is_login && !evtwin__has_token(call)) {
        evtwin__answer_login(call);
        return 0;
    }
    if (!is_json(call->request->content_type)) {
        return evtwin__answer_error(call, 415, "the body is JSON: Content-Type: application/json");
    }
    return has_body(call);
}
