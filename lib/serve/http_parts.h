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
    EVTWIN__SHAKING, /* of TLS: from its first message to the first whole request */
    EVTWIN__IDLE,    /* between two requests */
    EVTWIN__POSTING, /* the body of a request is on its way */
    EVTWIN__ASKING,  /* a whole request is there */
    EVTWIN__TAKING,  /* its answer is on the way */
    EVTWIN__WAITING, /* a streamed answer has nothing to send now */
    EVTWIN__DELAYED, /* its answer goes out at the deadline */
} evtwin__phase;

struct evtwin__http_waker {
    pthread_mutex_t lock;
    struct MHD_Connection *mhd;
    int is_asleep, is_woken;
};

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
    int is_compressible, is_compressed;
    int is_collecting;
    evtwin__text sent; /* the body of the last answer: its memory is that of the next one */
    char *body;        /* what has come of the body that the handler wants */
    size_t body_size;
    uintptr_t target_at; /* where it came, to count the blanks before it */
    size_t target_length;
    char target[EVTWIN__TARGET_MAX + 1];
    evtwin__http_request request;
    evtwin__http_response response;

    evtwin__http_waker *waker; /* of its streamed answer, or pause; NULL = none; by the lock */
    evtwin__http_waker pause;  /* of an answer that is delayed */

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

/* An asset and what it is compressed to; data NULL = it does not get smaller. */
typedef struct evtwin__small_asset {
    const char *asset;
    size_t asset_size;
    char *data;
    size_t size;
} evtwin__small_asset;

enum { EVTWIN__MAX_SMALL = 128 };

struct evtwin__http {
    struct MHD_Daemon *daemon;
    evtwin__front *front;
    evtwin__http_options options;
    int64_t request_ms, response_ms;
    int is_tls;
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

    pthread_mutex_t small_lock;
    evtwin__small_asset small[EVTWIN__MAX_SMALL];
    size_t n_small;
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

/* Suspend it for so long; 0 if there is no time for that. Its answer stays in c->response. */
int evtwin__connection_delay(evtwin__connection *c, int delay_ms);

/* Wake every streamed or delayed answer. */
void evtwin__connections_wake(struct evtwin__http *http);

/* ---- http_message.c: requests and answers as libmicrohttpd has them ---- */

/* Fill c->request; 0 if its head may be read in two ways. */
int evtwin__connection_read_head(evtwin__connection *c, const char *method, const char *version);

/* Keep a piece of the body; 0 if there is no memory or it is too much. */
int evtwin__connection_read_body(evtwin__connection *c, const char *piece, size_t size);

/* Send c->response, which is taken whatever the outcome; 0: close the connection. */
int evtwin__connection_send(evtwin__connection *c);

/* ---- http_gzip.c: smaller answers ---- */

/* Compress c->response if its client takes that and it pays. */
void evtwin__connection_compress(evtwin__connection *c);

void evtwin__http_free_small(struct evtwin__http *http);

/* Compresses a stream piece by piece. NULL if there is no memory. */
typedef struct evtwin__packer evtwin__packer;

evtwin__packer *evtwin__packer_create(void);
void evtwin__packer_free(evtwin__packer *packer); /* NULL is fine */

/* What n bytes give so far, perhaps nothing; n == 0: all that is still held back; < 0: the end of
 * it. room is n and 64 KiB at least. */
size_t evtwin__packer_put(evtwin__packer *packer, const char *data, ptrdiff_t n, char *to,
                          size_t room);

/* ---- http_waker.c: a streamed answer that sleeps until there is more ---- */

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
