/* SPDX-License-Identifier: MIT */
/* serve/http.c: an HTTP server that calls one function per request, on libmicrohttpd.
 *
 * libmicrohttpd's own time-out starts anew with every byte, so a client that sends or takes one
 * byte now and then could hold a connection for ever. Here each connection has a deadline for what
 * it does at the moment, and a watchdog thread shuts down the socket of one that is late. */

#include "serve/http.h"

#include "core/mem.h"
#include "core/status.h"
#include "serve/query.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if MHD_VERSION >= 0x00097701
#define STRICTNESS MHD_OPTION_CLIENT_DISCIPLINE_LVL
#else
#define STRICTNESS MHD_OPTION_STRICT_FOR_CLIENT
#endif

enum { STOP_GRACE_MS = 2000, WATCH_MS = 250, ACCEPT_PAUSE_MS = 50, REQUEST_MEMORY = 32 * 1024 };

/* One client connection; requests on it come one after the other. */
typedef struct connection {
    struct evtwin__http *http;
    struct connection *next, *previous;
    int fd;
    _Atomic int64_t deadline_ms;
    int is_active;   /* a request is between its arrival and its last byte */
    int is_answered; /* the handler has had it */
    size_t target_length;
    char target[EVTWIN__TARGET_MAX + 1];
} connection;

struct evtwin__http {
    struct MHD_Daemon *daemon;
    evtwin__http_handler handler;
    void *ctx;
    int64_t request_ms, response_ms;
    _Atomic int n_active;
    atomic_int is_stopping;

    pthread_mutex_t lock; /* of the list, and of what the watchdog waits for */
    pthread_cond_t wake;
    connection *connections;
    pthread_t watchdog;
    int is_watching;
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- what libmicrohttpd tells ---- */

/* A connection opens or closes; on close its descriptor is still open. */
static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    evtwin__http *http = ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection *c = evtwin__calloc(1, sizeof *c);
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context = c;
        if (c == NULL) {
            return; /* its first request is turned away */
        }
        c->http = http;
        c->fd = info == NULL ? -1 : info->connect_fd;
        atomic_store(&c->deadline_ms, now_ms() + http->request_ms);
        pthread_mutex_lock(&http->lock);
        c->next = http->connections;
        if (c->next != NULL) {
            c->next->previous = c;
        }
        http->connections = c;
        pthread_mutex_unlock(&http->lock);
        return;
    }

    connection *c = *socket_context;
    if (c == NULL) {
        return;
    }
    pthread_mutex_lock(&http->lock);
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        http->connections = c->next;
    }
    pthread_mutex_unlock(&http->lock);
    evtwin__free(c);
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
    atomic_store(&c->deadline_ms, now_ms() + http->request_ms);
}

static enum MHD_Result on_header(void *ctx, enum MHD_ValueKind kind, const char *key,
                                 const char *value) {
    (void)kind;
    evtwin__http_request *r = ctx;
    if (strcasecmp(key, "Host") == 0) {
        r->host = value;
        r->n_hosts++;
    } else if (strcasecmp(key, "Accept") == 0) {
        r->accept = value;
    } else if (strcasecmp(key, "If-None-Match") == 0) {
        r->if_none_match = value;
    } else if (strcasecmp(key, "Transfer-Encoding") == 0 ||
               (strcasecmp(key, "Content-Length") == 0 &&
                (value == NULL || strcmp(value, "0") != 0))) {
        r->has_body = 1;
    }
    return MHD_YES;
}

/* Hand the response over to libmicrohttpd, body included. */
static enum MHD_Result send_response(struct MHD_Connection *mhd, evtwin__http_response *response,
                                     int is_last) {
    struct MHD_Response *out;
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
        ok = MHD_queue_response(mhd, (unsigned)response->code, out);
    }
    MHD_destroy_response(out);
    return ok;
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
        *upload_size = 0; /* the rest of a body that was refused */
        return MHD_YES;
    }
    const int is_first_call = !c->is_active;
    if (is_first_call) {
        c->is_active = 1;
        atomic_fetch_add(&http->n_active, 1);
        atomic_store(&c->deadline_ms, now_ms() + http->response_ms);
    }

    evtwin__http_request request = {.method = method,
                                    .target = c->target,
                                    .target_length = c->target_length,
                                    .is_http_1_0 = strcmp(version, "HTTP/1.0") == 0};
    (void)MHD_get_connection_values(mhd, MHD_HEADER_KIND, on_header, &request);
    if (is_first_call && !request.has_body) {
        return MHD_YES; /* an answer to the headers alone would end the connection */
    }
    c->is_answered = 1;
    evtwin__http_response response = {0};
    http->handler(http->ctx, &request, &response);
    if (response.code == 0) {
        evtwin__text_free(&response.body);
        return MHD_NO;
    }
    return send_response(mhd, &response, request.has_body || atomic_load(&http->is_stopping));
}

__attribute__((format(printf, 2, 0))) static void on_log(void *ctx, const char *format,
                                                         va_list args) {
    (void)ctx;

    /* What accept reports when no descriptor is left. A thread of libmicrohttpd without a
     * connection then tries again at once, for ever: let it wait. Nobody else waits with it. */
    if (errno == EMFILE || errno == ENFILE) {
        const struct timespec pause = {0, ACCEPT_PAUSE_MS * 1000000};
        nanosleep(&pause, NULL);
        errno = 0;
    }
    char text[256];
    if (vsnprintf(text, sizeof text, format, args) < 0) {
        return;
    }
    text[strcspn(text, "\r\n")] = '\0';
    evtwin__log(EVTWIN_LOG_DEBUG, "libmicrohttpd: %s", text);
}

/* ---- the watchdog ---- */

/* Wait on wake for ms; the lock is held. */
static void wait_ms(evtwin__http *http, int64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    (void)pthread_cond_timedwait(&http->wake, &http->lock, &until);
}

static void *watch(void *ctx) {
    evtwin__http *http = ctx;
    pthread_mutex_lock(&http->lock);
    while (!atomic_load(&http->is_stopping)) {
        const int64_t now = now_ms();
        for (connection *c = http->connections; c != NULL; c = c->next) {
            if (c->fd >= 0 && now > atomic_load(&c->deadline_ms)) {
                (void)shutdown(c->fd, SHUT_RDWR); /* libmicrohttpd sees the end and closes it */
            }
        }
        wait_ms(http, WATCH_MS);
    }
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

static evtwin_status start_watchdog(evtwin__http *http) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&http->lock, NULL);
    pthread_cond_init(&http->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    const int error = pthread_create(&http->watchdog, NULL, watch, http);
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "a thread of the HTTP server: %s", strerror(error));
    http->is_watching = 1;
    return EVTWIN_OK;
}

/* ---- start and stop ---- */

static evtwin_status start_daemon(evtwin__http *http, const evtwin__http_options *o) {
    struct stat before, after;
    const int is_socket = fstat(o->fd, &before) == 0;

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

    /* never libmicrohttpd's internal epoll: it stalls when 128 connections are ready at once */
    const unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, o->fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)o->max_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, http, STRICTNESS, 1, MHD_OPTION_ARRAY, more,
        MHD_OPTION_END);
    if (http->daemon != NULL) {
        return EVTWIN_OK;
    }

    /* some of its failures close the socket, others do not */
    const int error = errno;
    if (is_socket && fstat(o->fd, &after) == 0 && after.st_ino == before.st_ino &&
        after.st_dev == before.st_dev) {
        close(o->fd);
    }
    EVTWIN_FAIL(EVTWIN_E_EXTERNAL, "libmicrohttpd cannot start %d threads: %s", o->n_threads,
                strerror(error));
}

evtwin_status evtwin__http_start(const evtwin__http_options *options, evtwin__http **out) {
    evtwin__http *http = evtwin__calloc(1, sizeof *http);
    if (http == NULL) {
        close(options->fd);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the HTTP server");
    }
    http->handler = options->handler;
    http->ctx = options->ctx;
    http->request_ms = (int64_t)(options->request_s * 1000.0);
    http->response_ms = (int64_t)(options->response_s * 1000.0);

    /* signals stay with the program's own threads */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    evtwin_status st = start_watchdog(http);
    if (st < 0) {
        close(options->fd);
    } else {
        st = start_daemon(http, options);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (st < 0) {
        evtwin__http_stop(http);
        return st;
    }
    *out = http;
    return EVTWIN_OK;
}

static void drain(evtwin__http *http) {
    const int fd = MHD_quiesce_daemon(http->daemon);
    if (fd >= 0) {
        close(fd);
    }
    const int64_t end = now_ms() + STOP_GRACE_MS;
    while (atomic_load(&http->n_active) > 0 && now_ms() < end) {
        const struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
    }
}

void evtwin__http_stop(evtwin__http *http) {
    if (http == NULL) {
        return;
    }
    pthread_mutex_lock(&http->lock);
    atomic_store(&http->is_stopping, 1);
    pthread_cond_signal(&http->wake);
    pthread_mutex_unlock(&http->lock);
    if (http->is_watching) {
        pthread_join(http->watchdog, NULL);
    }
    if (http->daemon != NULL) {
        drain(http);
        MHD_stop_daemon(http->daemon);
    }
    pthread_cond_destroy(&http->wake);
    pthread_mutex_destroy(&http->lock);
    evtwin__free(http);
}
