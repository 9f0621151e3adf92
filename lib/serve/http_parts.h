/* SPDX-License-Identifier: MIT */
/* serve/http_parts.h: what the files of the HTTP server (http*.c) share. */
#ifndef EVTWIN_SERVE_HTTP_PARTS_H
#define EVTWIN_SERVE_HTTP_PARTS_H

#include "serve/http.h"
#include "serve/http_front.h"
#include "serve/query.h"

#include <pthread.h>
#include <stdatomic.h>

struct MHD_Connection;
struct MHD_Daemon;
struct MHD_Response;

typedef enum evtwin__phase {
    EVTWIN__IDLE,    /* between two requests */
    EVTWIN__ASKING,  /* a whole request is there */
    EVTWIN__TAKING,  /* its answer is on the way */
    EVTWIN__WAITING, /* a streamed answer has nothing to send now */
} evtwin__phase;

/* One client connection; requests on it come one after the other. */
typedef struct evtwin__connection {
    struct evtwin__http *http;
    struct evtwin__connection *next, *previous;
    struct MHD_Connection *mhd;
    int fd;
    _Atomic int64_t deadline_ms, since_ms; /* since_ms: of the phase */
    atomic_int phase, is_given_up;

    /* what the watch has seen of the answer that is taken since then */
    int64_t seen_since_ms, seen_ms;
    uint64_t seen_bytes;

    int n_requests;
    int is_active;   /* a request is between its arrival and its last byte */
    int is_answered; /* the handler has had it */
    int is_sent;     /* libmicrohttpd has its answer */
    size_t target_length;
    char target[EVTWIN__TARGET_MAX + 1];
    evtwin__http_request request;
    evtwin__http_response response;
    evtwin__http_waker *waker; /* of its streamed answer; NULL = none; by the lock */

    /* while something is done aside: libmicrohttpd keeps its hands off it */
    struct evtwin__connection *next_aside;
    void (*run_aside)(struct evtwin__connection *c);
    int64_t aside_ms;
} evtwin__connection;

/* What is done aside, first come, first served in each line. */
typedef struct evtwin__line {
    evtwin__connection *first, *last;
    size_t n;
} evtwin__line;

enum { EVTWIN__REQUESTS, EVTWIN__READS, EVTWIN__N_LINES };

struct evtwin__http {
    struct MHD_Daemon *daemon;
    evtwin__front *front;
    evtwin__http_options options;
    int64_t request_ms, response_ms;
    _Atomic int n_active;
    atomic_size_t n_open, n_given_up; /* the latter are about to close */
    atomic_size_t n_streams;
    atomic_int is_stopping;

    pthread_mutex_t lock; /* of the connections and the lines */
    evtwin__connection *connections;

    pthread_cond_t wake; /* something to do aside, or the end */
    evtwin__line line[EVTWIN__N_LINES];
    int turn; /* the line whose turn it is */
    pthread_t aside;
    int is_aside_running;
    atomic_int is_aside_over;
};

/* ---- http_connections.c: who is connected, and for how long ---- */

void evtwin__connection_open(struct evtwin__http *http, evtwin__connection *c,
                             struct MHD_Connection *mhd, int fd);
void evtwin__connection_close(evtwin__connection *c); /* frees it */

/* may_take_ms < 0: without a deadline. */
void evtwin__connection_phase(evtwin__connection *c, evtwin__phase now_is, int64_t may_take_ms);

/* Close the idlest; 0 if all are busy. */
int evtwin__connections_evict(struct evtwin__http *http);

/* Shut down those that are late. */
void evtwin__connections_watch(struct evtwin__http *http);

/* Wake every streamed answer. */
void evtwin__connections_wake(struct evtwin__http *http);

/* ---- http_message.c: requests and answers as libmicrohttpd has them ---- */

/* Fill c->request; 0 if its head may be read in two ways. */
int evtwin__connection_read_head(evtwin__connection *c, const char *method, const char *version);

/* Send c->response, which is taken whatever the outcome; 0: close the connection. */
int evtwin__connection_send(evtwin__connection *c);

/* ---- http_waker.c: a streamed answer that sleeps until there is more ---- */

struct evtwin__http_waker {
    pthread_mutex_t lock;
    struct MHD_Connection *mhd;
    int is_asleep, is_woken;
};

/* What came before has been seen. */
void evtwin__waker_clear(evtwin__http_waker *waker);

/* Suspend the connection; 0 if it was woken since it was cleared. Called by its reader. */
int evtwin__waker_sleep(evtwin__http_waker *waker);

/* ---- http_aside.c: what may take long, one after the other ---- */

/* Suspend the connection and call run for it when it is its turn; run resumes it. 0 if there is no
 * room, or an end to it. */
int evtwin__aside_put(evtwin__connection *c, int line, void (*run)(evtwin__connection *c));

evtwin_status evtwin__aside_start(struct evtwin__http *http);
void evtwin__aside_stop(struct evtwin__http *http);

/* ---- http_stream.c: answers of any length ---- */

/* 1 if no more are possible now. */
int evtwin__stream_is_full(struct evtwin__http *http);

/* The response that calls the stream of c->response, which is taken whatever the outcome; NULL if
 * there is no memory. */
struct MHD_Response *evtwin__stream_response(evtwin__connection *c);

#endif
