/* SPDX-License-Identifier: MIT */
/* serve/http.h: an HTTP server that calls one function per request; the only door to libmicrohttpd.
 */
#ifndef EVTWIN_SERVE_HTTP_H
#define EVTWIN_SERVE_HTTP_H

#include "evtwin/base.h"

#include "core/text.h"

#include <assert.h>

/* What came in. Texts are borrowed for the call; a header that is absent is NULL. */
typedef struct evtwin__http_request {
    const char *method; /* as sent: "GET", "HEAD", … */
    const char *target; /* as sent: "/path?query" or "http://host/path?query", encoded */
    size_t target_length;
    const char *host, *accept, *if_none_match;
    int n_hosts; /* number of Host headers */
    int is_http_1_0;
    int has_body; /* a Content-Length other than 0, or any Transfer-Encoding */
} evtwin__http_request;

enum { EVTWIN__HTTP_MAX_HEADERS = 12 };

/* What goes out: starts zeroed. Header values must live until the handler has returned. */
typedef struct evtwin__http_response {
    int code;
    evtwin__text body; /* taken by the server */
    const char *asset; /* if not NULL: static memory, sent instead of body */
    size_t asset_size;
    int n_headers;
    const char *name[EVTWIN__HTTP_MAX_HEADERS], *value[EVTWIN__HTTP_MAX_HEADERS];
} evtwin__http_response;

/* Called from any of the server's threads, several at once. A code of 0 closes the connection. */
typedef void (*evtwin__http_handler)(void *ctx, const evtwin__http_request *request,
                                     evtwin__http_response *response);

typedef struct evtwin__http_options {
    int fd; /* listening socket: taken, whatever the outcome */
    int n_threads, max_connections;
    int max_per_address; /* connections of one client address; 0 = no limit of its own */
    double request_s;    /* from connecting, or the last answer, to a complete request */
    double response_s;   /* from there to the answer's last byte */
    evtwin__http_handler handler;
    void *ctx;
} evtwin__http_options;

typedef struct evtwin__http evtwin__http;

evtwin_status evtwin__http_start(const evtwin__http_options *options, evtwin__http **out);

/* Accept no more, give requests under way two seconds to finish, close, free. NULL is fine. */
void evtwin__http_stop(evtwin__http *http);

/* Add a header. */
static inline void evtwin__http_header(evtwin__http_response *response, const char *name,
                                       const char *value) {
    assert(response->n_headers < EVTWIN__HTTP_MAX_HEADERS);
    response->name[response->n_headers] = name;
    response->value[response->n_headers] = value;
    response->n_headers++;
}

#endif
