/* SPDX-License-Identifier: MIT */
/* serve/server.c: start and stop the server. */

#include "serve/server.h"

#include "core/mem.h"
#include "core/status.h"

#include <string.h>

/* Deadlines of a request and of its answer; short enough that idle or slow clients do not fill the
 * connections, long enough for a large page over a slow line. */
static const double request_s = 15.0, response_s = 60.0;

/* How long the questions of one request to the store may take together. */
static const double statement_s = 3.0;

/* How long a request may wait for its turn among those that may take long. */
static const double aside_s = 2.0;

enum { MIN_BYTES_PER_S = 1024 };

/* Events kept for clients that are slow or come back: some seconds of thousands of batteries,
 * minutes of a hundred. Memory is taken as it is used. */
enum { RING_BYTES = 8 << 20, RING_EVENTS = 16384 };

enum { MAX_THREADS = 256, MAX_CONNECTIONS = 10000, MAX_PATIENCE_S = 366 * 86400, MAX_HOSTS = 64 };

static const evtwin_server_options defaults = {.size = sizeof defaults,
                                               .listen = "127.0.0.1:5001",
                                               .service = "evtwin",
                                               .n_threads = 2,
                                               .max_connections = 256};

evtwin_status evtwin_server_options_init(evtwin_server_options *options, size_t size) {
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

/* *at is the option that is looked at. */
static evtwin_status check_numbers(const evtwin_server_options *o, const char **at) {
    *at = "n_threads";
    EVTWIN_FAIL_IF(o->n_threads < 1 || o->n_threads > MAX_THREADS, EVTWIN_E_ARG,
                   "%d server threads; 1 to %d are possible", o->n_threads, MAX_THREADS);
    *at = "max_connections";
    EVTWIN_FAIL_IF(o->max_connections < o->n_threads || o->max_connections > MAX_CONNECTIONS,
                   EVTWIN_E_ARG, "%d connections for %d threads; at most %d are possible",
                   o->max_connections, o->n_threads, MAX_CONNECTIONS);
    *at = "silent_after_s";
    EVTWIN_FAIL_IF(!(o->silent_after_s >= 0.0 && o->silent_after_s <= MAX_PATIENCE_S) ||
                       !(o->predictions_stopped_after_s >= 0.0 &&
                         o->predictions_stopped_after_s <= MAX_PATIENCE_S),
                   EVTWIN_E_ARG,
                   "silent_after_s %g or predictions_stopped_after_s %g is not in 0 to %d",
                   o->silent_after_s, o->predictions_stopped_after_s, MAX_PATIENCE_S);
    return EVTWIN_OK;
}

static evtwin_status check_hosts(const evtwin_server_options *o, const char **at) {
    *at = "allow_hosts";
    EVTWIN_FAIL_IF(o->n_allow_hosts > MAX_HOSTS || (o->n_allow_hosts > 0 && o->allow_hosts == NULL),
                   EVTWIN_E_ARG, "%zu names in allow_hosts; at most %d are possible",
                   o->n_allow_hosts, MAX_HOSTS);
    for (size_t i = 0; i < o->n_allow_hosts; i++) {
        const char *name = o->allow_hosts[i];
        EVTWIN_FAIL_IF(name == NULL || *name == '\0' || strpbrk(name, "/:@ ") != NULL, EVTWIN_E_ARG,
                       "allow_hosts: '%s' is not the name of a host, as twin.example.org",
                       name == NULL ? "NULL" : name);
    }
    return EVTWIN_OK;
}

/* Whom the address lets in must be known, and nobody on the way may listen. */
static evtwin_status check_reach(const evtwin_server_options *o, const evtwin__address *address,
                                 const char **at) {
    if (address->is_loopback) {
        return EVTWIN_OK;
    }
    *at = "open_reads";
    EVTWIN_FAIL_IF(o->open_reads, EVTWIN_E_ARG,
                   "open_reads: %s can be reached from other machines; 127.0.0.1 cannot",
                   o->listen);
    const char *lacks = o->token_file == NULL && o->tls_cert_file == NULL
                            ? "there is neither a token to ask for nor encryption"
                        : o->token_file == NULL    ? "there is no token to ask for"
                        : o->tls_cert_file == NULL ? "the token could be read on the way"
                                                   : NULL;
    *at = "insecure_listen";
    EVTWIN_FAIL_IF(lacks != NULL && !o->insecure_listen, EVTWIN_E_ARG,
                   "%s: other machines can reach this address, and %s; listen on 127.0.0.1, name a "
                   "token file, a certificate and its key, or permit it explicitly",
                   o->listen, lacks);
    return EVTWIN_OK;
}

static evtwin_status check(const evtwin_server_options *o, const char **at,
                           evtwin__address *address) {
    *at = "service";
    EVTWIN_FAIL_IF(o->service == NULL, EVTWIN_E_ARG, "evtwin_server_start: service is NULL");
    *at = "listen";
    EVTWIN_FAIL_IF(o->listen == NULL, EVTWIN_E_ARG, "evtwin_server_start: listen is NULL");
    EVTWIN_TRY(evtwin__address_parse(o->listen, address));
    EVTWIN_TRY(check_numbers(o, at));
    EVTWIN_TRY(check_hosts(o, at));
    *at = o->tls_cert_file == NULL ? "tls_cert_file" : "tls_key_file";
    EVTWIN_FAIL_IF((o->tls_cert_file == NULL) != (o->tls_key_file == NULL), EVTWIN_E_ARG,
                   "a certificate and its key are required together, and %s is not set", *at);
    return check_reach(o, address, at);
}

/* The files of token and TLS. */
typedef struct secrets {
    evtwin__auth *auth;
    evtwin__tls tls;
} secrets;

static void free_secrets(secrets *s) {
    evtwin__auth_free(s->auth);
    evtwin__tls_free(&s->tls);
}

static evtwin_status load_secrets(const evtwin_server_options *o, const char **at, secrets *out) {
    *at = "token_file";
    if (o->token_file != NULL) {
        EVTWIN_TRY(evtwin__auth_load(o->token_file, &out->auth));
    }
    return o->tls_cert_file != NULL
               ? evtwin__tls_load(o->tls_cert_file, o->tls_key_file, at, &out->tls)
               : EVTWIN_OK;
}

/* Look into the store, so that a URI that is not valid is reported now. One that is not there yet
 * may come later if its folder is there, as may its tables. */
static evtwin_status try_store(evtwin__store_pool *stores) {
    evtwin__store_handle *handle;
    const evtwin_status st = evtwin__store_pool_take(stores, &handle);
    if (st >= 0) {
        evtwin__store_pool_give(stores, handle, EVTWIN_OK);
    }
    return st == EVTWIN_E_NOT_FOUND || st == EVTWIN_E_AGAIN ? EVTWIN_OK : st;
}

/* What is still being asked when a stop has waited long enough. */
static void interrupt(void *ctx) {
    const evtwin_server *server = ctx;
    if (server->stores != NULL) {
        evtwin__live_interrupt(server->live);
        evtwin__store_pool_interrupt(server->stores);
    }
}

static evtwin_status copy_hosts(evtwin_server *server, const evtwin_server_options *o) {
    server->allow_hosts = evtwin__calloc(o->n_allow_hosts + 1, sizeof *server->allow_hosts);
    EVTWIN_FAIL_IF(server->allow_hosts == NULL, EVTWIN_E_NOMEM, "out of memory for a server");
    for (; server->n_allow_hosts < o->n_allow_hosts; server->n_allow_hosts++) {
        char *name = evtwin__strdup(o->allow_hosts[server->n_allow_hosts]);
        EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_NOMEM, "out of memory for a server");
        server->allow_hosts[server->n_allow_hosts] = name;
    }
    return EVTWIN_OK;
}

static evtwin_status open_parts(evtwin_server *server, const evtwin_server_options *o,
                                const evtwin__tls *tls) {
    server->metrics = o->metrics;
    server->patience = (evtwin__patience){o->silent_after_s, o->predictions_stopped_after_s};
    server->is_tls = o->tls_cert_file != NULL;
    if (server->is_tls) {
        evtwin__tls_warn(o->tls_cert_file, tls);
    }
    server->are_reads_open = o->open_reads != 0;
    EVTWIN_TRY(copy_hosts(server, o));
    /* beyond the loopback we do not know how we are called; a page of another site has no cookie */
    server->is_open_to_all =
        o->n_allow_hosts == 0 &&
        (o->insecure_listen || (!server->address.is_loopback && server->auth != NULL));
    server->service = evtwin__strdup(o->service);
    server->own_metrics =
        evtwin__server_metrics_create(evtwin__route_label_count(), evtwin__route_label);
    EVTWIN_FAIL_IF(server->service == NULL || server->own_metrics == NULL, EVTWIN_E_NOMEM,
                   "out of memory for a server");
    if (o->store != NULL) {
        EVTWIN_TRY(
            evtwin__store_pool_create(o->store, o->n_threads + 1, statement_s, &server->stores));
        EVTWIN_TRY(evtwin__descriptions_load(server));
        EVTWIN_TRY(try_store(server->stores));
        EVTWIN_TRY(evtwin__ring_create(RING_BYTES, RING_EVENTS, &server->ring));
        server->alerts = o->alerts;
        EVTWIN_TRY(evtwin__live_start(o->store, &server->patience, server->ring, &server->live));
    }
    int fd;
    EVTWIN_TRY(evtwin__address_listen(&server->address, &fd));
    const evtwin__http_options http = {
        .fd = fd,
        .tls = server->is_tls ? tls : NULL,
        .n_threads = o->n_threads,
        .max_connections = o->max_connections,
        /* on the loopback everyone has one address */
        .max_per_address = server->address.is_loopback ? 0 : (o->max_connections + 3) / 4,
        .request_s = request_s,
        .response_s = response_s,
        .aside_s = aside_s,
        .min_bytes_per_s = MIN_BYTES_PER_S,
        .give_up = interrupt,
        .handler = evtwin__serve,
        .ctx = server,
    };
    return evtwin__http_start(&http, &server->http);
}

evtwin_status evtwin_server_check(const evtwin_server_options *options, const char **option_out) {
    EVTWIN_FAIL_IF(options == NULL, EVTWIN_E_ARG, "evtwin_server_check: options is NULL");
    evtwin_server_options full = defaults;
    const char *at = NULL;
    evtwin__address address;
    secrets its = {0};
    evtwin_status st =
        evtwin__options_merge(&full, sizeof full, options, "evtwin_server_options_init");
    st = st >= 0 ? check(&full, &at, &address) : st;
    st = st >= 0 ? load_secrets(&full, &at, &its) : st;
    free_secrets(&its);
    if (option_out != NULL) {
        *option_out = st < 0 ? at : NULL;
    }
    return st;
}

evtwin_status evtwin_server_start(const evtwin_server_options *options, evtwin_server **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "evtwin_server_start: out is NULL");
    evtwin_server_options full = defaults;
    const char *at;
    EVTWIN_TRY(evtwin__options_merge(&full, sizeof full, options, "evtwin_server_options_init"));
    evtwin__address address;
    EVTWIN_TRY(check(&full, &at, &address));
    evtwin_server *server = evtwin__calloc(1, sizeof *server);
    EVTWIN_FAIL_IF(server == NULL, EVTWIN_E_NOMEM, "out of memory for a server");
    server->address = address;
    evtwin__ready_init(&server->ready, full.unready);
    secrets its = {0};
    evtwin_status st = load_secrets(&full, &at, &its);
    server->auth = its.auth;
    st = st >= 0 ? open_parts(server, &full, &its.tls) : st;
    evtwin__tls_free(&its.tls);
    if (st < 0) {
        evtwin_server_free(server);
        return st;
    }
    *out = server;
    return EVTWIN_OK;
}

int evtwin_server_port(const evtwin_server *server) {
    return server == NULL ? 0 : server->address.port;
}

evtwin_status evtwin_server_set_ready(evtwin_server *server, const char *reason) {
    EVTWIN_FAIL_IF(server == NULL, EVTWIN_E_ARG, "evtwin_server_set_ready: server is NULL");
    evtwin__ready_set(&server->ready, reason);
    return EVTWIN_OK;
}

void evtwin_server_free(evtwin_server *server) {
    if (server == NULL) {
        return;
    }
    evtwin__http_stop(server->http); /* no call is under way after this */
    evtwin__live_free(server->live);
    evtwin__ring_free(server->ring);
    evtwin__store_pool_free(server->stores);
    evtwin__server_metrics_free(server->own_metrics);
    evtwin__text_free(&server->trends.members);
    for (size_t i = 0; i < EVTWIN__DESCRIPTIONS; i++) {
        evtwin__text_free(&server->descriptions[i]);
    }
    evtwin__auth_free(server->auth);
    for (size_t i = 0; i < server->n_allow_hosts; i++) {
        evtwin__free(server->allow_hosts[i]);
    }
    evtwin__free(server->allow_hosts);
    evtwin__free(server->service);
    evtwin__ready_destroy(&server->ready);
    evtwin__free(server);
}
