/* SPDX-License-Identifier: MIT */
/* serve/http.h: an HTTP server that calls one function per request. Its files, http*.c, are the
 * only door to libmicrohttpd. */
#ifndef EVTWIN_SERVE_HTTP_H
#define EVTWIN_SERVE_HTTP_H

#include "evtwin/base.h"

#include "core/text.h"
#include "serve/http_tls.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* What came in. Texts are borrowed for the call; a header that is absent is NULL. */
typedef struct evtwin__http_request {
    const char *method; /* as sent: "GET", "HEAD", … */
    const char *target; /* as sent: "/path?query" or "http://host/path?query", encoded */
    size_t target_length;
    const char *host, *accept, *if_none_match, *last_event_id;
    const char *accept_encoding, *content_type, *authorization, *cookie, *origin;
    int n_hosts; /* number of Host headers */
    const char *fetch_site, *fetch_mode,
        *fetch_dest; /* what a browser says of where it comes from */
    int is_http_1_0;
    int has_body;        /* a Content-Length other than 0, or any Transfer-Encoding */
    int64_t body_length; /* that Content-Length; < 0 = not given */
    const char *body;    /* NULL = there is none, or it was not asked for yet */
    size_t body_size;
    int is_aside;   /* it is this one's turn among the requests that may take long */
    int is_late;    /* it has waited for its turn too long, or there is no end to those before it */
    int is_crowded; /* no streamed answer can be given now: half of the connections have one */
} evtwin__http_request;

/* Wakes a streamed answer that had nothing to send. */
typedef struct evtwin__http_waker evtwin__http_waker;

/* From any thread, until the stream is closed: read is called again. */
void evtwin__http_wake(evtwin__http_waker *waker);

enum { EVTWIN__HTTP_BROKEN = -2 };

/* An answer of any length. It has no deadline, but a client that takes less than min_bytes_per_s
 * while there is something to send is cut off. At a stop it ends; one that is read aside may finish
 * within the time that every answer has then, or is cut so that the client sees it. */
typedef struct evtwin__http_stream {
    /* Called once, before the first read: keep the waker, it is valid until close. */
    void (*open)(void *ctx, evtwin__http_waker *waker);
    /* Put at most room bytes; how many, 0 = nothing now (sleeps until woken), < 0 = the end, or
     * EVTWIN__HTTP_BROKEN: it is not whole, which the client must see. */
    ptrdiff_t (*read)(void *ctx, char *to, size_t room);
    void (*close)(void *ctx); /* the connection is over, whatever the reason: frees ctx */
    void *ctx;                /* NULL = no stream */
    int is_aside;             /* read may take long: it is called on the thread of long answers */
} evtwin__http_stream;

enum { EVTWIN__HTTP_MAX_HEADERS = 16, EVTWIN__HTTP_MAX_BODY = 64 * 1024 };

/* What goes out: starts zeroed, but for memory that the body may have by now. Header values are
 * static memory, or made. */
typedef struct evtwin__http_response {
    int code;
    int is_aside;      /* not answered: may take long, to be called again with is_aside */
    int wants_body;    /* not answered: to be called again with the body, EVTWIN__HTTP_MAX_BODY
                          at most; one that is not wanted ends the connection */
    int delay_ms;      /* the answer goes out that much later, unless the place is needed */
    evtwin__text body; /* taken by the server */
    const char *asset; /* if not NULL: static memory, sent instead of body */
    size_t asset_size;
    evtwin__http_stream stream; /* sent instead of both */
    char made[96];              /* room for the value of one header */
    int n_headers;
    const char *name[EVTWIN__HTTP_MAX_HEADERS], *value[EVTWIN__HTTP_MAX_HEADERS];
} evtwin__http_response;

/* Called from any of the server's threads, several at once. A code of 0 closes the connection.
 * Requests aside are answered one after the other on a thread of their own, so that those that are
 * answered fast never wait for them. */
typedef void (*evtwin__http_handler)(void *ctx, const evtwin__http_request *request,
                                     evtwin__http_response *response);

typedef struct evtwin__http_options {
    int fd;                 /* listening socket: taken, whatever the outcome */
    const evtwin__tls *tls; /* borrowed for the start; NULL = without encryption */
    int n_threads, max_connections;
    int max_per_address;        /* connections of one client address; 0 = no limit of its own */
    double request_s;           /* from connecting, or the last answer, to a complete request */
    double response_s;          /* from there to the answer's last byte */
    double aside_s;             /* how long a request may wait for its turn to be answered aside */
    int min_bytes_per_s;        /* a client that takes its answer more slowly is cut off */
    void (*give_up)(void *ctx); /* at a stop: end what is still being answered; may be NULL */
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

/* Forget an answer that was made and does not go out. */
static inline void evtwin__http_drop(evtwin__http_response *response) {
    evtwin__text_free(&response->body);
    if (response->stream.ctx != NULL) {
        response->stream.close(response->stream.ctx);
    }
    *response = (evtwin__http_response){0};
}

#endif
