/* SPDX-License-Identifier: MIT */
/* serve/route_status.c: /health and /metrics: how the server itself is. */

#include "serve/server.h"

#include "serve/metrics.h"

static void reply_health(evtwin__call *call, const char *problem) {
    evtwin__body *body = &call->response->body;
    call->response->code = problem == NULL ? 200 : 503;
    body->size = 0;
    evtwin__body_text(body, problem == NULL ? "{\"status\":\"healthy\",\"service\":"
                                            : "{\"status\":\"unhealthy\",\"service\":");
    evtwin__body_json_text(body, call->server->service);
    evtwin__body_text(body, ",\"version\":");
    evtwin__body_json_text(body, evtwin_version());
    if (problem != NULL) {
        evtwin__body_text(body, ",\"message\":");
        evtwin__body_json_text(body, problem);
    }
    evtwin__body_text(body, ",");
    evtwin__reply_end(call);
}

void evtwin__route_health(evtwin__call *call) {
    evtwin__store_pool *stores = call->server->stores;
    evtwin_status st = EVTWIN_OK;
    if (stores != NULL) {
        evtwin__store_loan loan;
        st = evtwin__store_pool_take(stores, &loan);
        if (st >= 0) {
            /* the smallest question that needs the database to answer */
            evtwin_table *models = NULL;
            st = evtwin_store_models(loan.store, &models);
            evtwin_table_free(models);
            evtwin__store_pool_give(stores, loan, st);
        }
    }
    reply_health(call, st < 0 ? evtwin__store_problem(call->server, st) : NULL);
}

void evtwin__route_metrics(evtwin__call *call) {
    const evtwin_server *server = call->server;
    evtwin__exposition out = {.is_openmetrics = evtwin__accepts_openmetrics(call->request->accept)};
    evtwin__expose_build(&out);
    if (server->metrics != NULL && evtwin__metrics_write(server->metrics, &out) < 0) {
        out.body.is_failed = 1;
    }
    if (server->stores != NULL) {
        evtwin__expose_family(&out, "evtwin_store_up", EVTWIN__GAUGE, NULL,
                              "1 if the last look into the store went well, else 0.");
        evtwin__expose(&out, "evtwin_store_up", "", NULL, 0,
                       evtwin__store_pool_is_up(server->stores));
    }
    evtwin__http_metrics_write(server->http_metrics, &out);
    evtwin__expose_process(&out);
    evtwin__expose_end(&out);

    evtwin__body_free(&call->response->body);
    call->response->body = out.body;
    call->response->code = 200;
    call->content_type = evtwin__exposition_type(out.is_openmetrics);
}
