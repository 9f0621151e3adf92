/* SPDX-License-Identifier: MIT */
/* serve/http_front.h: accept connections, and let each wait until its first request's head is
 * there, or with TLS its first message.
 *
 * A connection that says nothing, or not enough, costs a descriptor here and nothing else. When all
 * places are taken the one that has waited longest is given up for the newest. */
#ifndef EVTWIN_SERVE_HTTP_FRONT_H
#define EVTWIN_SERVE_HTTP_FRONT_H

#include "evtwin/base.h"

#include <sys/socket.h>

typedef struct evtwin__front evtwin__front;

/* Callbacks are called from the front's own thread, with ctx. */
typedef struct evtwin__front_options {
    int fd;          /* listening, non-blocking socket: taken, whatever the outcome */
    size_t max_open; /* connections that wait here, and those handed over */
    size_t max_waiting_per_address; /* 0 = no limit of its own */
    int64_t request_ms;             /* from connecting to a whole head */
    int is_tls;                     /* wait for the first message of TLS instead */

    /* Take a connection whose head is whole and still unread. */
    void (*hand_over)(void *ctx, int fd, const struct sockaddr *address, socklen_t length);
    size_t (*count)(void *ctx); /* connections handed over and not closed since */
    int (*evict)(void *ctx);    /* close the idlest of them; 0 if all are busy */
    void (*watch)(void *ctx);   /* every now and then, at least 4 times a second */
    void *ctx;
} evtwin__front_options;

evtwin_status evtwin__front_start(const evtwin__front_options *options, evtwin__front **out);

/* Close the listening socket and all that wait; no callback is called after this. NULL is fine. */
void evtwin__front_stop(evtwin__front *front);

#endif
