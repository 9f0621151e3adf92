/* SPDX-License-Identifier: MIT */
/* serve/server.h: the server's state, the list of routes and their handlers. */
#ifndef EVTWIN_SERVE_SERVER_H
#define EVTWIN_SERVE_SERVER_H

#include "evtwin/serve.h"

#include "serve/address.h"
#include "serve/answer.h"
#include "serve/auth.h"
#include "serve/exposition.h"
#include "serve/live.h"
#include "serve/ready.h"
#include "serve/ring.h"
#include "serve/store_pool.h"

#include <stdatomic.h>

/* The members of /api/fleet/trends, kept for some seconds (route_trends.c). */
typedef struct evtwin__trends {
    evtwin__text members;
    int64_t made_ms; /* 0 = never */
} evtwin__trends;

/* Of the API, and of the topics of MQTT and Kafka. */
enum { EVTWIN__OPENAPI, EVTWIN__ASYNCAPI, EVTWIN__DESCRIPTIONS };

/* Immutable once it runs, but for the parts that look after themselves. */
struct evtwin_server {
    char *service;
    evtwin__address address;
    int are_reads_open; /* reading needs no token */
    int is_open_to_all; /* any Host is answered */
    char **allow_hosts; /* names of ours beside the address */
    size_t n_allow_hosts;
    int is_tls;
    evtwin__auth *auth;         /* NULL = whoever reaches the server may read, and nobody write */
    evtwin_metrics *metrics;    /* borrowed, may be NULL */
    evtwin__store_pool *stores; /* NULL = no REST and no page */
    evtwin__live *live;         /* the newest rows in memory; NULL as stores */
    evtwin__ring *ring;         /* what changed in the store; NULL with stores */
    evtwin_alerts *alerts;      /* borrowed; NULL = none are acknowledged here */
    evtwin__server_metrics *own_metrics;
    evtwin__patience patience;
    evtwin__ready ready;
    evtwin__http *http;
    evtwin__text descriptions[EVTWIN__DESCRIPTIONS]; /* as JSON */
    evtwin__trends trends;                           /* of the thread of long answers */
    _Atomic int64_t logged_us; /* when a failure of the store was last logged */
};

/* ---- routes (routes.c) ---- */

/* The http handler: ctx is the server. */
void evtwin__serve(void *ctx, const evtwin__http_request *request, evtwin__http_response *response);

typedef struct evtwin__route {
    const char *path;
    void (*handle)(evtwin__call *call);
    const char *const *params; /* NULL-terminated; NULL = any, ignored */
    int needs;    /* nothing, the store, or the store for what may take long; POST (routes.c) */
    double hours; /* defaults of the parameters of that name; hours 0 = of any age */
    size_t limit;
} evtwin__route;

/* Route number i of the list, NULL beyond the last. */
const evtwin__route *evtwin__route_get(size_t i);

/* Requests are counted under the routes of the list, the page, and others. */
size_t evtwin__route_label_count(void);

/* "/health", …, "page", "other" */
const char *evtwin__route_label(size_t i);

/* ---- the description of the API (route_api.c) ---- */

/* Make the JSON that the server keeps. A form of YAML that is not read costs that alone. */
evtwin_status evtwin__descriptions_load(evtwin_server *server);

/* ---- the pages (route_page.c) ---- */

/* 1 if there is a page, or a file of one, at that path. */
int evtwin__page_has(const char *path);

/* That file, or 304 if the client has it. */
void evtwin__route_page(evtwin__call *call);

#endif
