/* SPDX-License-Identifier: MIT */
/* serve/route_health.c: how the server itself is: /health, /livez, /readyz and /metrics. */

#include "serve/routes.h"

#include "core/mem.h"
#include "serve/battery_gauges.h"

#include <math.h>

/* Seconds since the last good cycle as a member, and whether that is too long ago. */
static int add_cycle_age(evtwin__call *call) {
    double limit_s = 0.0;
    const evtwin_metrics *metrics = call->server->metrics;
    const double age_s = metrics != NULL ? evtwin__metrics_cycle_age_s(metrics, &limit_s) : -1.0;
    if (age_s >= 0.0) {
        evtwin__text_number(&call->response->body, "cycle_age_s", evtwin__rounded(age_s));
    }
    return age_s > limit_s;
}

/* problem NULL: none. */
static void answer_state(evtwin__call *call, const char *good, const char *bad,
                         const char *problem) {
    evtwin__text *body = &call->response->body;
    call->response->code = problem == NULL ? 200 : 503;
    evtwin__text_string(body, "status", problem == NULL ? good : bad);
    evtwin__text_string(body, "service", call->server->service);
    evtwin__text_string(body, "version", evtwin_version());
    if (problem != NULL) {
        evtwin__text_string(body, "message", problem);
    }
    evtwin__answer_end(call);
}

/* The ages, then how it is; a problem of the program itself comes before those found here. */
static void answer_health(evtwin__call *call, const char *good, const char *bad,
                          const char *problem) {
    const evtwin_server *server = call->server;
    evtwin__text *body = &call->response->body;
    evtwin__text_open(body, NULL, '{');
    if (server->stores != NULL) {
        const double age_s = evtwin__store_pool_age_s(server->stores);
        evtwin__text_number(body, "store_age_s", age_s >= 0.0 ? evtwin__rounded(age_s) : NAN);
    }
    if (add_cycle_age(call) && problem == NULL) {
        problem = "no cycle has succeeded lately; the log of the tool says why";
    }
    answer_state(call, good, bad, problem);
}

/* Can the store be read? NULL if it can, or if there is none. */
static const char *problem_of_store(evtwin__call *call) {
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
        /* and the rows, which the newest ones in memory come from */
        st = st < 0 ? st : evtwin__live_check(call->server->live);
    }
    return st < 0 ? evtwin__store_problem(call->server, st) : NULL;
}

void evtwin__route_health(evtwin__call *call) {
    answer_health(call, "healthy", "unhealthy", problem_of_store(call));
}

/* A process that answers lives; what it needs is not looked at, since a restart would not mend it.
 */
void evtwin__route_livez(evtwin__call *call) {
    evtwin__text_open(&call->response->body, NULL, '{');
    answer_state(call, "alive", NULL, NULL);
}

/* The store is not asked while the program says itself that it is not ready. */
void evtwin__route_readyz(evtwin__call *call) {
    char reason[EVTWIN__READY_SIZE];
    const int is_ready = evtwin__ready_get(&call->server->ready, reason);
    answer_health(call, "ready", "not ready", is_ready ? problem_of_store(call) : reason);
}

static const char *id_of(const void *selection, size_t i) {
    return ((const evtwin__live_selection *)selection)->battery[i]->id;
}

static double value_of(const void *selection, size_t i, size_t g, size_t q) {
    (void)g;
    const evtwin__live_selection *s = selection;
    const double value = s->battery[i]->value[q];
    const int is_gone = s->condition[i].record_age_s > EVTWIN__METRICS_STALE_S;
    return isfinite(value) && !is_gone ? value : (double)NAN;
}

/* The health of the fleet and, if wanted, its values, as far as the store could be read lately. */
static void write_fleet(evtwin__live *live, int has_values, evtwin__exposition *out) {
    static const evtwin__live_query all = {.limit = EVTWIN__METRICS_MAX_BATTERIES,
                                           .sort = EVTWIN__Q_BATTERY_ID,
                                           .health = -1,
                                           .silent = -1};
    evtwin__live_selection s;
    if (evtwin__live_select(live, &all, &s) < 0) {
        return;
    }
    const char **ids = evtwin__calloc(s.n, sizeof *ids);
    for (size_t i = 0; ids != NULL && i < s.n; i++) {
        ids[i] = s.battery[i]->id;
    }
    if (ids == NULL) {
        out->text.is_failed = 1;
    } else if (s.n > 0) {
        const evtwin__gauged gauged = {
            .n = s.n,
            .batteries = &s,
            .id = id_of,
            .value = value_of,
            .measured = "of the newest record, absent where it is unknown",
            .predicted = "of the newest record that was predicted, absent where it is unknown"};
        if (has_values) {
            evtwin__battery_gauges_write(&gauged, out);
        }
        evtwin__fleet_write(&s.fleet, ids, s.condition, s.n, out);
    }
    evtwin__free(ids);
    evtwin__live_selection_free(&s);
}

void evtwin__route_metrics(evtwin__call *call) {
    const evtwin_server *server = call->server;
    evtwin__exposition out = {.text = call->response->body,
                              .is_openmetrics = evtwin__accepts_openmetrics(call->request->accept)};
    evtwin__expose_build(&out);
    if (server->metrics != NULL && evtwin__metrics_write(server->metrics, &out) < 0) {
        out.text.is_failed = 1;
    }
    if (server->stores != NULL) {
        int is_up = 0;
        /* the program's own metrics have values of batteries already */
        write_fleet(server->live, server->metrics == NULL, &out);
        const double age_s = evtwin__live_age_s(server->live, &is_up);
        evtwin__alert_counts alerts;
        if (evtwin__live_alerts(server->live, &alerts)) {
            evtwin__alert_counts_write(&alerts, &out);
        }
        evtwin__alert_deliveries_write(server->alerts, &out);
        evtwin__expose_one(&out, "evtwin_store_up", EVTWIN__GAUGE, NULL,
                           "1 if the last read of the store succeeded, else 0.", is_up);
        evtwin__expose_one(&out, "evtwin_store_read_age_seconds", EVTWIN__GAUGE, "seconds",
                           "Time since the last successful read of the store; +Inf if never.",
                           age_s >= 0.0 ? age_s : INFINITY);
    }
    evtwin__server_metrics_write(server->own_metrics, &out);
    evtwin__expose_end(&out);
    call->response->body = out.text;
    call->response->code = 200;
    call->content_type = evtwin__exposition_type(out.is_openmetrics);
}
