/* SPDX-License-Identifier: MIT */
/* serve/route_status.c: /health and /metrics: how the server itself is. */

#include "serve/server.h"

static void answer_health(evtwin__call *call, const char *problem) {
    evtwin__text *body = &call->response->body;
    call->response->code = problem == NULL ? 200 : 503;
    evtwin__text_open(body, NULL, '{');
    evtwin__text_string(body, "status", problem == NULL ? "healthy" : "unhealthy");
    evtwin__text_string(body, "service", call->server->service);
    evtwin__text_string(body, "version", evtwin_version());
    if (problem != NULL) {
        evtwin__text_string(body, "message", problem);
    }
    evtwin__answer_end(call);
}

void evtwin__route_health(evtwin__call *call) {
    evtwin__store_pool *stores = call->server->stores;
    evtwin_status st = EVTWIN_OK;
    if (stores != NULL) {
        evtwin__store_handle *handle;
        st = evtwin__store_pool_take(stores, &handle);
        if (st >= 0) {
            /* the smallest question that needs the database to answer */
            evtwin_table *models = NULL;
            st = evtwin_store_models(handle->store, &models);
            evtwin_table_free(models);
            evtwin__store_pool_give(stores, handle, st);
        }
    }
    answer_health(call, st < 0 ? evtwin__store_problem(call->server, st) : NULL);
}

void evtwin__route_metrics(evtwin__call *call) {
    const evtwin_server *server = call->server;
    evtwin__exposition out = {.is_openmetrics = evtwin__accepts_openmetrics(call->request->accept)};
    evtwin__expose_build(&out);
    if (server->metrics != NULL && evtwin__metrics_write(server->metrics, &out) < 0) {
        out.text.is_failed = 1;
    }
    if (server->stores != NULL) {
        evtwin__expose_one(&out, "evtwin_store_up", EVTWIN__GAUGE, NULL,
                           "1 if the last look into the store went well, else 0.",
                           evtwin__store_pool_is_up(server->stores));
    }
    evtwin__server_metrics_write(server->own_metrics, &out);
    evtwin__expose_end(&out);
    call->response->body = out.text;
    call->response->code = 200;
    call->content_type = evtwin__exposition_type(out.is_openmetrics);
}
