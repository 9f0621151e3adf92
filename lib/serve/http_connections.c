/* SPDX-License-Identifier: MIT */
/* serve/http_connections.c: who is connected, and for how long.
 *
 * Each connection has a deadline for what it does at the moment and a rate below which it may not
 * take its answer; the socket of one that is late is shut down. A streamed answer has no deadline,
 * but its client is held to the rate while there is something to send. */

#include "serve/http_parts.h"

#include "core/clock.h"
#include "core/mem.h"

#include <linux/tcp.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

enum {
    RATE_MS = 5000,    /* over which a client's rate is measured */
    YOUNG_MS = 50,     /* a handshake of TLS may still be on its way */
    STALLED_MS = 1000, /* a client that takes longer may be given up for another */
};

void evtwin__connection_phase(evtwin__connection *c, evtwin__phase now_is, int64_t may_take_ms) {
    const int64_t now = evtwin__monotonic_ms();
    const int64_t deadline = may_take_ms < 0 ? INT64_MAX : now + may_take_ms;
    atomic_store_explicit(&c->since_ms, now, memory_order_relaxed);
    atomic_store_explicit(&c->deadline_ms, deadline, memory_order_relaxed);
    atomic_store_explicit(&c->phase, now_is, memory_order_release);
}

void evtwin__connection_open(struct evtwin__http *http, evtwin__connection *c,
                             struct MHD_Connection *mhd, int fd) {
    c->http = http;
    c->mhd = mhd;
    c->fd = fd;
    c->pause.mhd = mhd;
    pthread_mutex_init(&c->pause.lock, NULL);
    evtwin__connection_phase(c, http->is_tls ? EVTWIN__SHAKING : EVTWIN__ASKING, http->request_ms);
    pthread_mutex_lock(&http->lock);
    c->next = http->connections;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    http->connections = c;
    pthread_mutex_unlock(&http->lock);
}

void evtwin__connection_close(evtwin__connection *c) {
    struct evtwin__http *http = c->http;
    pthread_mutex_lock(&http->lock);
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        http->connections = c->next;
    }
    const int was_given_up = atomic_load(&c->is_given_up);
    pthread_mutex_unlock(&http->lock);
    evtwin__http_drop(&c->response); /* made aside while its client left */
    evtwin__text_free(&c->sent);
    pthread_mutex_destroy(&c->pause.lock);
    evtwin__free(c->body);
    evtwin__free(c);
    atomic_fetch_sub(was_given_up ? &http->n_given_up : &http->n_open, 1);
}

/* The list is locked. */
static void wake(evtwin__connection *c) {
    if (c->waker != NULL) {
        evtwin__http_wake(c->waker);
    }
}

/* libmicrohttpd sees the end and closes it. The list is locked. */
static void give_up(struct evtwin__http *http, evtwin__connection *c) {
    (void)shutdown(c->fd, SHUT_RDWR);
    if (!atomic_load(&c->is_given_up)) {
        atomic_store(&c->is_given_up, 1);
        atomic_fetch_add(&http->n_given_up, 1);
        atomic_fetch_sub(&http->n_open, 1);
    }
    wake(c);
}

/* Bytes that the client has taken, of all answers on this connection. */
static uint64_t bytes_taken(const evtwin__connection *c) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_acked : 0;
}

/* Bytes a second since the watch has first seen this answer, or its last mark; < 0 if that is too
 * short ago to say. */
static double rate_of(const evtwin__connection *c, int64_t now, int64_t least_ms) {
    const int is_seen = c->seen_since_ms == atomic_load(&c->since_ms);
    const int64_t took_ms = now - c->seen_ms;
    return is_seen && took_ms >= least_ms
               ? (double)(bytes_taken(c) - c->seen_bytes) * 1000.0 / (double)took_ms
               : -1.0;
}

/* The longest without a whole request goes, else the longest idle, else the slowest reader. */
int evtwin__connections_evict(struct evtwin__http *http) {
    if (atomic_load(&http->n_given_up) >= (size_t)http->options.max_connections) {
        return 0; /* let them close first */
    }
    const int64_t now = evtwin__monotonic_ms();
    evtwin__connection *shaking = NULL, *idle = NULL, *slow = NULL;
    double slowest = INFINITY;
    pthread_mutex_lock(&http->lock);
    for (evtwin__connection *c = http->connections; c != NULL; c = c->next) {
        const int its_phase =
            atomic_load(&c->is_given_up) ? EVTWIN__ASKING : atomic_load(&c->phase);
        const int is_idle = its_phase == EVTWIN__IDLE || its_phase == EVTWIN__POSTING ||
                            its_phase == EVTWIN__DELAYED;
        const int64_t since_ms = atomic_load(&c->since_ms);
        if (its_phase == EVTWIN__SHAKING && now - since_ms > YOUNG_MS &&
            (shaking == NULL || since_ms < atomic_load(&shaking->since_ms))) {
            shaking = c;
        } else if (is_idle && (idle == NULL || since_ms < atomic_load(&idle->since_ms))) {
            idle = c;
        } else if (its_phase == EVTWIN__TAKING && idle == NULL) {
            const double rate = rate_of(c, now, STALLED_MS);
            if (rate >= 0.0 && rate < slowest) {
                slow = c;
                slowest = rate;
            }
        }
    }
    evtwin__connection *victim = shaking != NULL ? shaking : idle != NULL ? idle : slow;
    if (victim != NULL) {
        give_up(http, victim);
    }
    pthread_mutex_unlock(&http->lock);
    return victim != NULL;
}

/* libmicrohttpd does not look at a connection that is suspended. With TLS the end of what a client
 * sends has a message before it. */
static int has_left(const evtwin__connection *c) {
    struct pollfd its = {.fd = c->fd, .events = POLLRDHUP};
    return poll(&its, 1, 0) > 0;
}

void evtwin__connections_watch(struct evtwin__http *http) {
    const int64_t now = evtwin__monotonic_ms();
    pthread_mutex_lock(&http->lock);
    for (evtwin__connection *c = http->connections; c != NULL; c = c->next) {
        const int64_t since_ms = atomic_load(&c->since_ms);
        int is_late = now > atomic_load(&c->deadline_ms);
        if (atomic_load(&c->phase) == EVTWIN__TAKING) {
            const double rate = rate_of(c, now, RATE_MS);
            is_late |= rate >= 0.0 && rate < http->options.min_bytes_per_s;
            if (rate >= 0.0 || c->seen_since_ms != since_ms) {
                c->seen_since_ms = since_ms;
                c->seen_ms = now;
                c->seen_bytes = bytes_taken(c);
            }
        }
        if (is_late && atomic_load(&c->phase) == EVTWIN__DELAYED) {
            is_late = 0;
            wake(c);
        }
        is_late |= atomic_load(&c->phase) == EVTWIN__WAITING && has_left(c);
        if (c->fd >= 0 && is_late) {
            give_up(http, c);
        }
    }
    pthread_mutex_unlock(&http->lock);
}

static void set_waker(evtwin__connection *c, evtwin__http_waker *waker) {
    pthread_mutex_lock(&c->http->lock);
    c->waker = waker;
    pthread_mutex_unlock(&c->http->lock);
}

int evtwin__connection_delay(evtwin__connection *c, int delay_ms) {
    evtwin__waker_clear(&c->pause);
    evtwin__connection_phase(c, EVTWIN__DELAYED, delay_ms);
    set_waker(c, &c->pause);
    return !atomic_load(&c->http->is_stopping) && evtwin__waker_sleep(&c->pause);
}

void evtwin__connections_wake(struct evtwin__http *http) {
    pthread_mutex_lock(&http->lock);
    for (evtwin__connection *c = http->connections; c != NULL; c = c->next) {
        wake(c);
    }
    pthread_mutex_unlock(&http->lock);
}
