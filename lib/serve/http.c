/* SPDX-License-Identifier: MIT */
/* serve/http.c: an HTTP server that calls one function per request, on libmicrohttpd.
 *
 * libmicrohttpd gets a connection when its first request is there (http_front.c), and never accepts
 * one itself: it would refuse the newest client when silent ones have taken all places. Its own
 * time-out starts anew with every byte, so a client that sends or takes one byte now and then could
 * hold a connection for ever; http_connections.c watches for them. */

#include "serve/http.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "serve/http_parts.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if MHD_VERSION >= 0x00097701
#define STRICTNESS MHD_OPTION_CLIENT_DISCIPLINE_LVL
#else
#define STRICTNESS MHD_OPTION_STRICT_FOR_CLIENT
#endif

enum {
    STOP_GRACE_MS = 2000,
    REQUEST_MEMORY = 32 * 1024,
    MAX_KEPT = 16 * 1024, /* bytes of an answer's memory that a connection keeps for the next one */
    MHD_ROOM = 4          /* times the connections that the front lets in */
};

/* As GnuTLS says it: TLS 1.2 and 1.3, and the past stays secret when the key is lost. */
static char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA";

/* ---- what libmicrohttpd tells ---- */

/* A connection opens or closes; on close its descriptor is still open. */
static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    evtwin__http *http = ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        evtwin__connection *c = evtwin__calloc(1, sizeof *c);
        *socket_context = c;
        if (c != NULL) { /* else its first request is turned away */
            evtwin__connection_open(http, c, mhd, info == NULL ? -1 : info->connect_fd);
        }
    } else if (*socket_context != NULL) {
        evtwin__connection_close(*socket_context);
    } else {
        atomic_fetch_sub(&http->n_open, 1);
    }
}

/* The request line is there: keep the target as it was sent, before libmicrohttpd decodes it. */
static void *on_target(void *ctx, const char *target, struct MHD_Connection *mhd) {
    (void)ctx;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    evtwin__connection *c = info == NULL ? NULL : info->socket_context;
    if (c == NULL) {
        return NULL;
    }
    /* one byte more than is allowed is enough to tell that it is too long */
    c->target_at = (uintptr_t)target;
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
    evtwin__connection *c = *request_context;
    if (c == NULL) {
        return;
    }
    if (c->is_active) {
        c->is_active = 0;
        c->is_answered = 0;
        c->is_sent = 0;
        c->is_collecting = 0;
        evtwin__free(c->body);
        c->body = NULL;
        c->body_size = 0;
        if (c->sent.capacity > MAX_KEPT) {
            evtwin__text_free(&c->sent);
        }
        atomic_fetch_sub(&http->n_active, 1);
    }
    evtwin__connection_phase(c, EVTWIN__IDLE, http->request_ms);
}

/* ---- a request ---- */

static void call_handler(evtwin__connection *c) {
    const evtwin__http_options *o = &c->http->options;
    c->request.is_crowded = evtwin__stream_is_full(c->http);
    c->response = (evtwin__http_response){.body = c->sent}; /* libmicrohttpd has done with it */
    c->response.body.size = 0;
    c->response.body.is_failed = 0;
    c->sent = (evtwin__text){0};
    o->handler(o->ctx, &c->request, &c->response);
    evtwin__connection_compress(c);
}

/* On the thread of long answers. */
static void answer_aside(evtwin__connection *c) {
    const evtwin__http *http = c->http;
    const int64_t longest_ms = (int64_t)(http->options.aside_s * 1000.0);
    c->request.is_aside = 1;
    c->request.is_late =
        atomic_load(&http->is_aside_over) || evtwin__monotonic_ms() - c->aside_ms > longest_ms;
    call_handler(c);
    c->is_answered = 1;
    MHD_resume_connection(c->mhd);
}

static enum MHD_Result answer(evtwin__connection *c) {
    call_handler(c);
    if (c->response.is_aside) {
        evtwin__text_free(&c->response.body);
        if (evtwin__aside_put(c, EVTWIN__REQUESTS, answer_aside)) {
            return MHD_YES;
        }
        c->request.is_late = 1;
        call_handler(c);
    }
    if (c->response.wants_body) {
        evtwin__text_free(&c->response.body);
        c->is_collecting = 1;
        evtwin__connection_phase(c, EVTWIN__POSTING, c->http->request_ms);
        return MHD_YES;
    }
    c->is_answered = 1;
    const int delay_ms = c->response.delay_ms;
    return (delay_ms > 0 && evtwin__connection_delay(c, delay_ms)) || evtwin__connection_send(c)
               ? MHD_YES
               : MHD_NO;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request_context) {
    (void)mhd;
    (void)url;
    evtwin__http *http = ctx;
    evtwin__connection *c = *request_context;
    if (c == NULL) {
        return MHD_NO;
    }
    if (c->is_answered) {
        /* made aside, or delayed: it goes out now; else the rest of a body that was refused */
        *upload_size = 0;
        return c->is_sent || evtwin__connection_send(c) ? MHD_YES : MHD_NO;
    }
    const int is_first_call = !c->is_active;
    if (is_first_call) {
        c->is_active = 1;
        c->n_requests++;
        atomic_fetch_add(&http->n_active, 1);
        evtwin__connection_phase(c, EVTWIN__ASKING, http->response_ms);
    }
    if (c->is_collecting && *upload_size > 0) {
        const int is_kept = evtwin__connection_read_body(c, upload, *upload_size);
        *upload_size = 0;
        return is_kept ? MHD_YES : MHD_NO;
    }
    if (c->is_collecting) {
        evtwin__connection_phase(c, EVTWIN__ASKING, http->response_ms);
    }
    if ((is_first_call || c->is_collecting) && !evtwin__connection_read_head(c, method, version)) {
        return MHD_NO;
    }
    if (is_first_call && !c->request.has_body) {
        return MHD_YES; /* an answer to the headers alone would end the connection */
    }
    return answer(c);
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

static int evict(void *ctx) {
    return evtwin__connections_evict(ctx);
}

static void watch(void *ctx) {
    evtwin__connections_watch(ctx);
}

/* ---- start and stop ---- */

static evtwin_status start_daemon(evtwin__http *http) {
    const evtwin__http_options *o = &http->options;

    /* pool and limit options are left out by the array's end where they do not apply */
    struct MHD_OptionItem more[6] = {{MHD_OPTION_END, 0, NULL}};
    int n = 0;
    if (o->n_threads > 1) {
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, o->n_threads, NULL};
    }
    if (o->max_per_address > 0) {
        more[n++] =
            (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->max_per_address, NULL};
    }
    if (o->tls != NULL) {
        EVTWIN_FAIL_IF(MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES, EVTWIN_E_UNSUPPORTED,
                       "this libmicrohttpd was built without TLS");
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, o->tls->certificate};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, o->tls->key};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, tls_priorities};
    }
    more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};

    /* never libmicrohttpd's internal epoll: it stalls when 128 connections are ready at once. The
     * limit is the front's. Here it must never be reached, by any thread of the pool (each has its
     * share of it): one that is given a connection beyond it locks a mutex twice (seen in 0.9.75).
     */
    const unsigned limit = (unsigned)o->n_threads * (unsigned)(o->max_connections * MHD_ROOM);
    const unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                           MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                           (o->tls != NULL ? MHD_USE_TLS : 0U);
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)REQUEST_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        http, STRICTNESS, 1, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    EVTWIN_FAIL_IF(http->daemon == NULL, EVTWIN_E_EXTERNAL,
                   "libmicrohttpd cannot start %d threads: %s", o->n_threads, strerror(errno));
    return evtwin__aside_start(http);
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
        .is_tls = http->is_tls,
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
    http->is_tls = options->tls != NULL;
    http->request_ms = (int64_t)(options->request_s * 1000.0);
    http->response_ms = (int64_t)(options->response_s * 1000.0);
    pthread_mutex_init(&http->lock, NULL);
    pthread_mutex_init(&http->small_lock, NULL);
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

void evtwin__http_stop(evtwin__http *http) {
    if (http == NULL) {
        return;
    }
    atomic_store(&http->is_stopping, 1);
    evtwin__front_stop(http->front);
    if (http->daemon != NULL) {
        evtwin__connections_wake(http);
        drain(http);
        evtwin__aside_stop(http);
        MHD_stop_daemon(http->daemon);
    }
    evtwin__http_free_small(http);
    pthread_cond_destroy(&http->wake);
    pthread_mutex_destroy(&http->small_lock);
    pthread_mutex_destroy(&http->lock);
    evtwin__free(http);
}
