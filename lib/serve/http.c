/* SPDX-License-Identifier: MIT */
/* serve/http.c: an HTTP server that calls one function per request, on libmicrohttpd.
 *
 * libmicrohttpd gets a connection when its first request is there (http_front.c), and never accepts
 * one itself: it would refuse the newest client when silent ones have taken all places. Its own
 * time-out starts anew with every byte, so a client that sends or takes one byte now and then could
 * hold a connection for ever. Here each has a deadline for what it does at the moment and a rate
 * below which it may not take its answer; the socket of one that is late is shut down. */

#include "serve/http.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "serve/http_front.h"
#include "serve/http_head.h"
#include "serve/query.h"

#include <errno.h>
#include <linux/tcp.h>
#include <math.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#if MHD_VERSION >= 0x00097701
#define STRICTNESS MHD_OPTION_CLIENT_DISCIPLINE_LVL
#else
#define STRICTNESS MHD_OPTION_STRICT_FOR_CLIENT
#endif

enum {
    STOP_GRACE_MS = 2000,
    RATE_MS = 5000,    /* over which a client's rate is measured */
    STALLED_MS = 1000, /* a client that takes longer may be given up for another */
    REQUEST_MEMORY = 32 * 1024,
    MHD_ROOM = 4,  /* times the connections that the front lets in */
    MAX_ASIDE = 64 /* requests that wait for their turn aside */
};

typedef enum phase {
    IDLE,   /* between two requests */
    ASKING, /* a whole request is there */
    TAKING  /* its answer is on the way */
} phase;

/* One client connection; requests on it come one after the other. */
typedef struct connection {
    struct evtwin__http *http;
    struct connection *next, *previous;
    struct MHD_Connection *mhd;
    int fd;
    _Atomic int64_t deadline_ms, since_ms; /* since_ms: of the phase */
    atomic_int phase;
    int is_given_up;

    /* what the watch has seen of the answer that is taken since then */
    int64_t seen_since_ms, seen_ms;
    uint64_t seen_bytes;

    int n_requests;
    int is_active;   /* a request is between its arrival and its last byte */
    int is_answered; /* the handler has had it */
    size_t target_length;
    char target[EVTWIN__TARGET_MAX + 1];

    /* while it is answered aside: libmicrohttpd keeps its hands off it */
    struct connection *next_aside;
    int64_t aside_ms;
    evtwin__http_request request;
    evtwin__http_response response;
} connection;

struct evtwin__http {
    struct MHD_Daemon *daemon;
    evtwin__front *front;
    evtwin__http_options options;
    int64_t request_ms, response_ms;
    _Atomic int n_active;
    atomic_size_t n_open, n_given_up; /* the latter are about to close */
    atomic_int is_stopping;

    pthread_mutex_t lock; /* of the lists */
    connection *connections;

    pthread_cond_t wake; /* a request aside, or the end */
    connection *first_aside, *last_aside;
    size_t n_aside;
    pthread_t aside;
    int is_aside_running, is_aside_over;
};

static void set_phase(connection *c, phase now_is, int64_t may_take_ms) {
    const int64_t now = evtwin__monotonic_ms();
    atomic_store(&c->since_ms, now);
    atomic_store(&c->deadline_ms, now + may_take_ms);
    atomic_store(&c->phase, now_is);
}

/* ---- what libmicrohttpd tells ---- */

static void open_connection(evtwin__http *http, struct MHD_Connection *mhd, connection *c) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    c->http = http;
    c->mhd = mhd;
    c->fd = info == NULL ? -1 : info->connect_fd;
    set_phase(c, ASKING, http->request_ms);
    pthread_mutex_lock(&http->lock);
    c->next = http->connections;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    http->connections = c;
    pthread_mutex_unlock(&http->lock);
}

static void close_connection(evtwin__http *http, connection *c) {
    pthread_mutex_lock(&http->lock);
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        http->connections = c->next;
    }
    const int was_given_up = c->is_given_up;
    pthread_mutex_unlock(&http->lock);
    evtwin__text_free(&c->response.body);
    evtwin__free(c);
    atomic_fetch_sub(was_given_up ? &http->n_given_up : &http->n_open, 1);
}

/* A connection opens or closes; on close its descriptor is still open. */
static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    evtwin__http *http = ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection *c = evtwin__calloc(1, sizeof *c);
        *socket_context = c;
        if (c != NULL) { /* else its first request is turned away */
            open_connection(http, mhd, c);
        }
    } else if (*socket_context != NULL) {
        close_connection(http, *socket_context);
    } else {
        atomic_fetch_sub(&http->n_open, 1);
    }
}

/* The request line is there: keep the target as it was sent, before libmicrohttpd decodes it. */
static void *on_target(void *ctx, const char *target, struct MHD_Connection *mhd) {
    (void)ctx;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    connection *c = info == NULL ? NULL : info->socket_context;
    if (c == NULL) {
        return NULL;
    }
    /* one byte more than is allowed is enough to tell that it is too long */
    c->target_length = strnlen(target, sizeof c->target);
    memcpy(c->target, target, c->target_length);
    return c;
}

/* The answer's last byte is out, or the connection is lost. */
static void on_completed(void *ctx, struct MHD_Connection *mhd, void **request_context,
                         enum MHD_RequestTerminationCode code) {
    (void)mhd;
    (void)code;
    evtwin__http *http = ctx;
    connection *c = *request_context;
    if (c == NULL) {
        return;
    }
    if (c->is_active) {
        c->is_active = 0;
        c->is_answered = 0;
        atomic_fetch_sub(&http->n_active, 1);
    }
    set_phase(c, IDLE, http->request_ms);
}

/* What a request's headers say, and how long its head is if it is written as usual. */
typedef struct headers {
    evtwin__http_request *request;
    size_t size;
    int is_bad;
} headers;

static enum MHD_Result on_header(void *ctx, enum MHD_ValueKind kind, const char *key,
                                 size_t key_size, const char *value, size_t value_size) {
    (void)kind;
    headers *h = ctx;
    evtwin__http_request *r = h->request;
    const struct {
        const char *name, **value;
    } wanted[] = {
        {"Host", &r->host},
        {"Accept", &r->accept},
        {"If-None-Match", &r->if_none_match},
        {"Sec-Fetch-Site", &r->fetch_site},
        {"Sec-Fetch-Mode", &r->fetch_mode},
        {"Sec-Fetch-Dest", &r->fetch_dest},
    };
    h->size += key_size + strlen(": ") + value_size + strlen("\r\n");
    h->is_bad |= !evtwin__head_is_name(key, key_size) || !evtwin__head_is_value(value, value_size);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strcasecmp(key, wanted[i].name) == 0) {
            *wanted[i].value = value;
            r->n_hosts += i == 0;
        }
    }
    if (strcasecmp(key, "Transfer-Encoding") == 0 ||
        (strcasecmp(key, "Content-Length") == 0 && (value == NULL || strcmp(value, "0") != 0))) {
        r->has_body = 1;
    }
    return MHD_YES;
}

/* The front has seen the head of a connection's first request. Those of later ones are seen by
 * libmicrohttpd alone, and before its version 1 it passes over a NUL and what follows it, and takes
 * a CR or LF alone for a line's end: a head that is longer or shorter than what it reports may have
 * such things in it. The connection ends then, unanswered; a client with nothing to hide asks again
 * on a new one. */
static int is_to_the_letter(struct MHD_Connection *mhd, const headers *h, const char *version) {
    if (h->is_bad) {
        return 0;
    }
#if MHD_VERSION < 0x01000000
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const size_t size = strlen(h->request->method) + 1 + h->request->target_length + 1 +
                        strlen(version) + 2 + h->size + 2;
    return info != NULL && info->header_size == size;
#else
    (void)mhd;
    (void)version;
    return 1;
#endif
}

/* Hand the response over to libmicrohttpd, body included. */
static enum MHD_Result send_response(connection *c, evtwin__http_response *response, int is_last) {
    struct MHD_Response *out;
    if (response->code == 0) {
        evtwin__text_free(&response->body);
        return MHD_NO;
    }
    if (response->asset != NULL) {
        evtwin__text_free(&response->body);
        out = MHD_create_response_from_buffer(response->asset_size, (void *)response->asset,
                                              MHD_RESPMEM_PERSISTENT);
    } else {
        out = MHD_create_response_from_buffer_with_free_callback(response->body.size,
                                                                 response->body.data, evtwin__free);
        if (out == NULL) {
            evtwin__text_free(&response->body);
        }
        response->body = (evtwin__text){0};
    }
    if (out == NULL) {
        return MHD_NO;
    }
    enum MHD_Result ok = MHD_YES;
    for (int i = 0; ok == MHD_YES && i < response->n_headers; i++) {
        ok = MHD_add_response_header(out, response->name[i], response->value[i]);
    }
    if (ok == MHD_YES && is_last) {
        ok = MHD_add_response_header(out, "Connection", "close");
    }
    if (ok == MHD_YES) {
        set_phase(c, TAKING, c->http->response_ms);
        ok = MHD_queue_response(c->mhd, (unsigned)response->code, out);
    }
    MHD_destroy_response(out);
    return ok;
}

/* ---- requests that may take long: one after the other, beside all others ---- */

/* 0 if there are too many of them already. */
static int put_aside(evtwin__http *http, connection *c) {
    pthread_mutex_lock(&http->lock);
    const int is_taken = http->n_aside < MAX_ASIDE && !http->is_aside_over;
    if (is_taken) {
        MHD_suspend_connection(c->mhd);
        c->aside_ms = evtwin__monotonic_ms();
        c->next_aside = NULL;
        *(http->last_aside != NULL ? &http->last_aside->next_aside : &http->first_aside) = c;
        http->last_aside = c;
        http->n_aside++;
        pthread_cond_signal(&http->wake);
    }
    pthread_mutex_unlock(&http->lock);
    return is_taken;
}

/* The next one; waits for it. NULL at the end, when none is left. */
static connection *take_aside(evtwin__http *http) {
    pthread_mutex_lock(&http->lock);
    while (http->first_aside == NULL && !http->is_aside_over) {
        pthread_cond_wait(&http->wake, &http->lock);
    }
    connection *c = http->first_aside;
    if (c != NULL) {
        http->first_aside = c->next_aside;
        http->last_aside = http->first_aside != NULL ? http->last_aside : NULL;
        http->n_aside--;
        c->request.is_late = http->is_aside_over;
    }
    pthread_mutex_unlock(&http->lock);
    return c;
}

static void *answer_aside(void *ctx) {
    evtwin__http *http = ctx;
    const int64_t longest_ms = (int64_t)(http->options.aside_s * 1000.0);
    connection *c;
    while ((c = take_aside(http)) != NULL) {
        c->request.is_aside = 1;
        c->request.is_late |= evtwin__monotonic_ms() - c->aside_ms > longest_ms;
        http->options.handler(http->options.ctx, &c->request, &c->response);
        c->is_answered = 1;
        MHD_resume_connection(c->mhd);
    }
    return NULL;
}

/* ---- a request ---- */

static int wants_close(const evtwin__http *http, const evtwin__http_request *request) {
    return request->has_body || atomic_load(&http->is_stopping);
}

static enum MHD_Result answer(evtwin__http *http, connection *c) {
    c->response = (evtwin__http_response){0};
    http->options.handler(http->options.ctx, &c->request, &c->response);
    if (c->response.is_aside) {
        evtwin__text_free(&c->response.body);
        c->response = (evtwin__http_response){0};
        if (put_aside(http, c)) {
            return MHD_YES;
        }
        c->request.is_late = 1;
        http->options.handler(http->options.ctx, &c->request, &c->response);
    }
    c->is_answered = 1;
    return send_response(c, &c->response, wants_close(http, &c->request));
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request_context) {
    (void)url;
    (void)upload;
    evtwin__http *http = ctx;
    connection *c = *request_context;
    if (c == NULL) {
        return MHD_NO;
    }
    if (c->is_answered) {
        /* aside: its answer goes out now; else the rest of a body that was refused */
        *upload_size = 0;
        return atomic_load(&c->phase) == TAKING
                   ? MHD_YES
                   : send_response(c, &c->response, wants_close(http, &c->request));
    }
    const int is_first_call = !c->is_active;
    if (is_first_call) {
        c->is_active = 1;
        c->n_requests++;
        atomic_fetch_add(&http->n_active, 1);
        set_phase(c, ASKING, http->response_ms);
    }

    c->request = (evtwin__http_request){.method = method,
                                        .target = c->target,
                                        .target_length = c->target_length,
                                        .is_http_1_0 = strcmp(version, "HTTP/1.0") == 0};
    headers h = {.request = &c->request};
    (void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_header, &h);
    if (c->n_requests > 1 && !is_to_the_letter(mhd, &h, version)) {
        return MHD_NO;
    }
    if (is_first_call && !c->request.has_body) {
        return MHD_YES; /* an answer to the headers alone would end the connection */
    }
    return answer(http, c);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *ctx, const char *format,
                                                         va_list args) {
    (void)ctx;
    char text[256];
    if (vsnprintf(text, sizeof text, format, args) < 0) {
        return;
    }
    text[strcspn(text, "\r\n")] = '\0';
    evtwin__log(EVTWIN_LOG_DEBUG, "libmicrohttpd: %s", text);
}

/* ---- what the front asks for ---- */

static void hand_over(void *ctx, int fd, const struct sockaddr *address, socklen_t length) {
    evtwin__http *http = ctx;
    atomic_fetch_add(&http->n_open, 1);
    if (MHD_add_connection(http->daemon, fd, address, length) != MHD_YES) {
        atomic_fetch_sub(&http->n_open, 1); /* it has closed it */
    }
}

static size_t count(void *ctx) {
    return atomic_load(&((evtwin__http *)ctx)->n_open);
}

/* libmicrohttpd sees the end and closes it. The list is locked. */
static void give_up(evtwin__http *http, connection *c) {
    (void)shutdown(c->fd, SHUT_RDWR);
    if (!c->is_given_up) {
        c->is_given_up = 1;
        atomic_fetch_add(&http->n_given_up, 1);
        atomic_fetch_sub(&http->n_open, 1);
    }
}

/* Bytes that the client has taken, of all answers on this connection. */
static uint64_t bytes_taken(const connection *c) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_acked : 0;
}

/* Bytes a second since the watch has first seen this answer, or its last mark; < 0 if that is too
 * short ago to say. */
static double rate_of(const connection *c, int64_t now, int64_t least_ms) {
    const int is_seen = c->seen_since_ms == atomic_load(&c->since_ms);
    const int64_t took_ms = now - c->seen_ms;
    return is_seen && took_ms >= least_ms
               ? (double)(bytes_taken(c) - c->seen_bytes) * 1000.0 / (double)took_ms
               : -1.0;
}

/* The longest idle goes, else the slowest reader. */
static int evict(void *ctx) {
    evtwin__http *http = ctx;
    if (atomic_load(&http->n_given_up) >= (size_t)http->options.max_connections) {
        return 0; /* let them close first */
    }
    const int64_t now = evtwin__monotonic_ms();
    connection *idle = NULL, *slow = NULL;
    double slowest = INFINITY;
    pthread_mutex_lock(&http->lock);
    for (connection *c = http->connections; c != NULL; c = c->next) {
        const int its_phase = c->is_given_up ? ASKING : atomic_load(&c->phase);
        if (its_phase == IDLE &&
            (idle == NULL || atomic_load(&c->since_ms) < atomic_load(&idle->since_ms))) {
            idle = c;
        } else if (its_phase == TAKING && idle == NULL) {
            const double rate = rate_of(c, now, STALLED_MS);
            if (rate >= 0.0 && rate < slowest) {
                slow = c;
                slowest = rate;
            }
        }
    }
    connection *victim = idle != NULL ? idle : slow;
    if (victim != NULL) {
        give_up(http, victim);
    }
    pthread_mutex_unlock(&http->lock);
    return victim != NULL;
}

static void watch(void *ctx) {
    evtwin__http *http = ctx;
    const int64_t now = evtwin__monotonic_ms();
    pthread_mutex_lock(&http->lock);
    for (connection *c = http->connections; c != NULL; c = c->next) {
        const int64_t since_ms = atomic_load(&c->since_ms);
        int is_late = now > atomic_load(&c->deadline_ms);
        if (atomic_load(&c->phase) == TAKING) {
            const double rate = rate_of(c, now, RATE_MS);
            is_late |= rate >= 0.0 && rate < http->options.min_bytes_per_s;
            if (rate >= 0.0 || c->seen_since_ms != since_ms) {
                c->seen_since_ms = since_ms;
                c->seen_ms = now;
                c->seen_bytes = bytes_taken(c);
            }
        }
        if (c->fd >= 0 && is_late) {
            give_up(http, c);
        }
    }
    pthread_mutex_unlock(&http->lock);
}

/* ---- start and stop ---- */

static evtwin_status start_daemon(evtwin__http *http) {
    const evtwin__http_options *o = &http->options;

    /* pool and limit options are left out by the array's end where they do not apply */
    struct MHD_OptionItem more[3] = {{MHD_OPTION_END, 0, NULL}};
    int n = 0;
    if (o->n_threads > 1) {
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, o->n_threads, NULL};
    }
    if (o->max_per_address > 0) {
        more[n++] =
            (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->max_per_address, NULL};
    }
    more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};

    /* never libmicrohttpd's internal epoll: it stalls when 128 connections are ready at once. The
     * limit is the front's. Here it must never be reached, by any thread of the pool (each has its
     * share of it): one that is given a connection beyond it locks a mutex twice (seen in 0.9.75).
     */
    const unsigned limit = (unsigned)o->n_threads * (unsigned)(o->max_connections * MHD_ROOM);
    const unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                           MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)REQUEST_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        http, STRICTNESS, 1, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    EVTWIN_FAIL_IF(http->daemon == NULL, EVTWIN_E_EXTERNAL,
                   "libmicrohttpd cannot start %d threads: %s", o->n_threads, strerror(errno));
    const int error = pthread_create(&http->aside, NULL, answer_aside, http);
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "a thread of the HTTP server: %s", strerror(error));
    http->is_aside_running = 1;
    return EVTWIN_OK;
}

static evtwin_status start_all(evtwin__http *http) {
    const evtwin__http_options *o = &http->options;
    const evtwin_status st = start_daemon(http);
    if (st < 0) {
        close(o->fd);
        return st;
    }
    const evtwin__front_options front = {
        .fd = o->fd,
        .max_open = (size_t)o->max_connections,
        .max_waiting_per_address = (size_t)o->max_per_address,
        .request_ms = http->request_ms,
        .hand_over = hand_over,
        .count = count,
        .evict = evict,
        .watch = watch,
        .ctx = http,
    };
    return evtwin__front_start(&front, &http->front);
}

evtwin_status evtwin__http_start(const evtwin__http_options *options, evtwin__http **out) {
    evtwin__http *http = evtwin__calloc(1, sizeof *http);
    if (http == NULL) {
        close(options->fd);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the HTTP server");
    }
    http->options = *options;
    http->request_ms = (int64_t)(options->request_s * 1000.0);
    http->response_ms = (int64_t)(options->response_s * 1000.0);
    pthread_mutex_init(&http->lock, NULL);
    pthread_cond_init(&http->wake, NULL);

    /* signals stay with the program's own threads */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const evtwin_status st = start_all(http);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (st < 0) {
        evtwin__http_stop(http);
        return st;
    }
    *out = http;
    return EVTWIN_OK;
}

/* What is being answered may finish, for a while; then it is made to. */
static void drain(evtwin__http *http) {
    const int64_t end = evtwin__monotonic_ms() + STOP_GRACE_MS;
    while (atomic_load(&http->n_active) > 0 && evtwin__monotonic_ms() < end) {
        const struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
    }
    if (atomic_load(&http->n_active) > 0 && http->options.give_up != NULL) {
        http->options.give_up(http->options.ctx);
    }
}

static void stop_aside(evtwin__http *http) {
    pthread_mutex_lock(&http->lock);
    http->is_aside_over = 1;
    pthread_cond_signal(&http->wake);
    pthread_mutex_unlock(&http->lock);
    if (http->is_aside_running) {
        pthread_join(http->aside, NULL);
    }
}

void evtwin__http_stop(evtwin__http *http) {
    if (http == NULL) {
        return;
    }
    atomic_store(&http->is_stopping, 1);
    evtwin__front_stop(http->front);
    if (http->daemon != NULL) {
        drain(http);
        stop_aside(http);
        MHD_stop_daemon(http->daemon);
    }
    pthread_cond_destroy(&http->wake);
    pthread_mutex_destroy(&http->lock);
    evtwin__free(http);
}
