/* SPDX-License-Identifier: MIT */
/* serve/http_front.c: accept connections, and let each wait until its first request's head is
 * there.
 *
 * What a client sends is looked at where it lies (MSG_PEEK): the connection is handed over unread.
 * With TLS only its first message can be seen: http_connections.c has those whose handshake is on
 * its way. Events are edge-triggered, so a head that comes byte by byte costs a look a byte and no
 * more. */

#include "serve/http_front.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "serve/http_head.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    WATCH_MS = 250,
    PAUSE_MS = 20, /* without a place, or a descriptor */
    YOUNG_MS = 50, /* a request may still be on its way behind its connection */
    MAX_EVENTS = 64,
    MAX_ACCEPTS = 64,  /* before those that wait are looked at again */
    MAX_DISCARDS = 64, /* of 4 KiB, before others are looked at */
    LINGER_MS = 1000   /* a refused client may read why */
};

/* A connection that waits, oldest first in the list. */
typedef struct waiting {
    struct waiting *next, *previous;
    int fd, is_refused;
    int64_t deadline_ms;
    socklen_t length;
    struct sockaddr_storage address;
} waiting;

struct evtwin__front {
    evtwin__front_options options;
    pthread_t thread;
    int is_running, is_paused;
    int events_fd, wake_fd;
    atomic_int is_stopping;
    waiting *oldest, *newest;
    size_t n_waiting;
    char head[EVTWIN__HEAD_MAX];
};

/* ---- the list ---- */

static void add(evtwin__front *f, waiting *w) {
    w->previous = f->newest;
    *(f->newest != NULL ? &f->newest->next : &f->oldest) = w;
    f->newest = w;
    f->n_waiting++;
}

/* Take it from the list and free it; its descriptor stays open. */
static void forget(evtwin__front *f, waiting *w) {
    *(w->previous != NULL ? &w->previous->next : &f->oldest) = w->next;
    *(w->next != NULL ? &w->next->previous : &f->newest) = w->previous;
    f->n_waiting--;
    evtwin__free(w);
}

static void give_up(evtwin__front *f, waiting *w) {
    close(w->fd);
    forget(f, w);
}

static int is_same_address(const waiting *a, const waiting *b) {
    if (a->address.ss_family == AF_INET && b->address.ss_family == AF_INET) {
        const struct sockaddr_in *x = (const void *)&a->address, *y = (const void *)&b->address;
        return x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *x = (const void *)&a->address, *y = (const void *)&b->address;
    return a->address.ss_family == b->address.ss_family &&
           memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
}

/* ---- a client that has sent something ---- */

/* Read so much at a time: a client that floods must not keep the others waiting. 1 if no more has
 * come. */
static int discard(int fd) {
    char some[4096];
    int n = 0;
    while (n < MAX_DISCARDS && recv(fd, some, sizeof some, MSG_DONTWAIT) > 0) {
        n++;
    }
    return n < MAX_DISCARDS;
}

/* Say why, send no more, and leave it until the client closes: a socket that is closed with bytes
 * unread takes its answer back. */
static void refuse(evtwin__front *f, waiting *w, evtwin__head code) {
    const int is_big = code == EVTWIN__HEAD_TOO_BIG;
    const char *message = is_big                       ? "the head of the request is too large"
                          : code == EVTWIN__HEAD_PLAIN ? "this server speaks HTTPS: https://"
                                                       : "the request is not well-formed HTTP";
    char body[100];
    const int size =
        snprintf(body, sizeof body, "{\"status\":\"error\",\"message\":\"%s\"}\n", message);
    char text[400];
    const int n =
        snprintf(text, sizeof text,
                 "HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: application/json; "
                 "charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
                 is_big ? "431 Request Header Fields Too Large" : "400 Bad Request", size, body);
    (void)discard(w->fd);
    (void)!send(w->fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(w->fd, SHUT_WR);
    /* from now on level-triggered: what is left unread comes up again */
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = w};
    (void)epoll_ctl(f->events_fd, EPOLL_CTL_MOD, w->fd, &event);
    w->is_refused = 1;
    w->deadline_ms = evtwin__monotonic_ms() + LINGER_MS;
}

/* Look at what has come; the connection stays, is handed over, refused or given up. */
static void look(evtwin__front *f, waiting *w, int is_at_end) {
    if (w->is_refused) {
        if (discard(w->fd) && is_at_end) {
            give_up(f, w);
        }
        return;
    }
    const ssize_t n = recv(w->fd, f->head, sizeof f->head, MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0) {
        if (is_at_end || n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            give_up(f, w);
        }
        return;
    }
    const evtwin__head head = f->options.is_tls ? evtwin__hello_check(f->head, (size_t)n)
                                                : evtwin__head_check(f->head, (size_t)n);
    if (head == EVTWIN__HEAD_WHOLE) {
        (void)epoll_ctl(f->events_fd, EPOLL_CTL_DEL, w->fd, NULL);
        f->options.hand_over(f->options.ctx, w->fd, (const struct sockaddr *)&w->address,
                             w->length);
        forget(f, w);
    } else if (head == EVTWIN__HEAD_BAD && f->options.is_tls) {
        give_up(f, w); /* whatever it speaks */
    } else if (head != EVTWIN__HEAD_PART) {
        refuse(f, w, head);
    } else if (is_at_end) {
        give_up(f, w);
    }
}

/* ---- new clients ---- */

static int is_full(const evtwin__front *f) {
    return f->n_waiting + f->options.count(f->options.ctx) >= f->options.max_open;
}

/* 1 if the one that has waited longest had time enough to ask. */
static int has_old(const evtwin__front *f) {
    return f->oldest != NULL &&
           (f->oldest->is_refused ||
            f->oldest->deadline_ms - evtwin__monotonic_ms() <= f->options.request_ms - YOUNG_MS);
}

/* Give up the one that has waited longest, unless its request has come by now: it is handed over
 * then, and has its place there. */
static void give_up_oldest(evtwin__front *f) {
    const size_t before = f->n_waiting;
    look(f, f->oldest, 1);
    if (f->n_waiting == before) {
        give_up(f, f->oldest);
    } else if (is_full(f)) {
        (void)f->options.evict(f->options.ctx);
    }
}

/* The oldest of the newcomer's address goes if there are too many. */
static void bound_address(evtwin__front *f, const waiting *newcomer) {
    waiting *oldest = NULL;
    size_t n = 0;
    for (waiting *w = f->oldest; w != NULL; w = w->next) {
        if (w != newcomer && is_same_address(w, newcomer)) {
            oldest = oldest != NULL ? oldest : w;
            n++;
        }
    }
    if (oldest != NULL && n >= f->options.max_waiting_per_address) {
        give_up(f, oldest);
    }
}

/* 0 if no more can be accepted now. */
static int accept_one(evtwin__front *f) {
    waiting w = {.length = sizeof w.address};
    w.fd = accept4(f->options.fd, (struct sockaddr *)&w.address, &w.length,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (w.fd < 0) {
        const int error = errno;
        if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
            f->is_paused = 1; /* no descriptor: that of the oldest will do */
            if (f->oldest != NULL) {
                give_up_oldest(f);
            } else {
                (void)f->options.evict(f->options.ctx);
            }
        }
        return error == ECONNABORTED || error == EINTR;
    }
    waiting *kept = evtwin__calloc(1, sizeof *kept);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = kept};
    if (kept == NULL || epoll_ctl(f->events_fd, EPOLL_CTL_ADD, w.fd, &event) != 0) {
        evtwin__free(kept);
        close(w.fd);
        return 1;
    }
    *kept = w;
    kept->deadline_ms = evtwin__monotonic_ms() + f->options.request_ms;
    if (is_full(f) && has_old(f)) {
        give_up_oldest(f);
    }
    add(f, kept);
    if (f->options.max_waiting_per_address > 0) {
        bound_address(f, kept);
    }
    return 1;
}

/* Wait for clients at the door, or for a moment not. */
static void set_accepting(evtwin__front *f, int is_on) {
    struct epoll_event event = {.events = is_on ? EPOLLIN : 0, .data.ptr = f};
    (void)epoll_ctl(f->events_fd, EPOLL_CTL_MOD, f->options.fd, &event);
}

static void accept_some(evtwin__front *f) {
    for (int i = 0; i < MAX_ACCEPTS && !f->is_paused; i++) {
        if (is_full(f) && !has_old(f) && !f->options.evict(f->options.ctx)) {
            f->is_paused = 1; /* all are being answered, or have just come */
        } else if (!accept_one(f)) {
            break;
        }
    }
    if (f->is_paused) {
        set_accepting(f, 0);
    }
}

/* ---- the thread ---- */

static void expire(evtwin__front *f) {
    const int64_t now = evtwin__monotonic_ms();
    for (waiting *w = f->oldest, *next; w != NULL; w = next) {
        next = w->next;
        if (now > w->deadline_ms) {
            give_up(f, w);
        }
    }
    f->options.watch(f->options.ctx);
}

/* Those that wait come first: nobody is given up whose request is there. */
static void do_round(evtwin__front *f, int64_t *watch_ms) {
    struct epoll_event event[MAX_EVENTS];
    const int n = epoll_wait(f->events_fd, event, MAX_EVENTS, f->is_paused ? PAUSE_MS : WATCH_MS);
    int is_somebody_there = f->is_paused;
    for (int i = 0; i < n; i++) {
        if (event[i].data.ptr == f) {
            is_somebody_there = 1;
        } else if (event[i].data.ptr != NULL) {
            const uint32_t end = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
            look(f, event[i].data.ptr, (event[i].events & end) != 0);
        }
    }
    if (f->is_paused) {
        f->is_paused = 0;
        set_accepting(f, 1);
    }
    if (is_somebody_there) {
        accept_some(f);
    }
    const int64_t now = evtwin__monotonic_ms();
    if (now >= *watch_ms) {
        expire(f);
        *watch_ms = now + WATCH_MS;
    }
}

static void *run(void *ctx) {
    evtwin__front *f = ctx;
    int64_t watch_ms = 0;
    while (!atomic_load(&f->is_stopping)) {
        do_round(f, &watch_ms);
    }
    return NULL;
}

/* ---- start and stop ---- */

static evtwin_status start(evtwin__front *f) {
    f->events_fd = epoll_create1(EPOLL_CLOEXEC);
    f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event door = {.events = EPOLLIN, .data.ptr = f};
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = NULL};
    EVTWIN_FAIL_IF(f->events_fd < 0 || f->wake_fd < 0 ||
                       epoll_ctl(f->events_fd, EPOLL_CTL_ADD, f->options.fd, &door) != 0 ||
                       epoll_ctl(f->events_fd, EPOLL_CTL_ADD, f->wake_fd, &wake) != 0,
                   EVTWIN_E_IO, "events of the HTTP server: %s", strerror(errno));
    const int error = pthread_create(&f->thread, NULL, run, f);
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "a thread of the HTTP server: %s", strerror(error));
    f->is_running = 1;
    return EVTWIN_OK;
}

evtwin_status evtwin__front_start(const evtwin__front_options *options, evtwin__front **out) {
    evtwin__front *f = evtwin__calloc(1, sizeof *f);
    if (f == NULL) {
        close(options->fd);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the HTTP server");
    }
    f->options = *options;
    f->events_fd = f->wake_fd = -1;
    const evtwin_status st = start(f);
    if (st < 0) {
        evtwin__front_stop(f);
        return st;
    }
    *out = f;
    return EVTWIN_OK;
}

void evtwin__front_stop(evtwin__front *f) {
    if (f == NULL) {
        return;
    }
    atomic_store(&f->is_stopping, 1);
    if (f->is_running) {
        const uint64_t one = 1;
        (void)!write(f->wake_fd, &one, sizeof one);
        pthread_join(f->thread, NULL);
    }
    while (f->oldest != NULL) {
        give_up(f, f->oldest);
    }
    close(f->options.fd);
    if (f->events_fd >= 0) {
        close(f->events_fd);
    }
    if (f->wake_fd >= 0) {
        close(f->wake_fd);
    }
    evtwin__free(f);
}
