/* SPDX-License-Identifier: MIT */
/* serve/route_alerts.c: /api/alerts/…: alerts that were raised, and what has become of them. */

#include "serve/routes.h"

#include "core/json.h"
#include "core/num.h"
#include "core/status.h"
#include "core/time.h"
#include "serve/alert_json.h"
#include "store/alerts.h"

#include <string.h>

enum { MAX_BUCKETS = 1000 };

/* ---- parameters; 0 after the error was answered ---- */

/* "raised", "acknowledged", "cleared", or "open": the first two. */
static int read_state(evtwin__call *call, int *states_out) {
    static const struct {
        const char *name;
        int states;
    } known[] = {{"raised", EVTWIN_ALERT_RAISED},
                 {"acknowledged", EVTWIN_ALERT_ACKNOWLEDGED},
                 {"cleared", EVTWIN_ALERT_CLEARED},
                 {"open", EVTWIN_ALERT_RAISED | EVTWIN_ALERT_ACKNOWLEDGED}};
    const char *text = evtwin__query_get(&call->query, "state");
    *states_out = EVTWIN_ALERT_ANY;
    for (size_t i = 0; text != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(text, known[i].name) == 0) {
            *states_out = known[i].states;
            return 1;
        }
    }
    return text == NULL ||
           evtwin__answer_error(call, 400, "state must be raised, acknowledged, cleared or open");
}

static int read_buckets(evtwin__call *call, int64_t *n_out) {
    const char *text = evtwin__query_get(&call->query, "buckets");
    *n_out = 0;
    return text == NULL ||
           (evtwin__parse_i64(text, strlen(text), n_out) && *n_out >= 1 && *n_out <= MAX_BUCKETS) ||
           evtwin__answer_error(call, 400, "buckets must be a whole number from 1 to %d",
                                MAX_BUCKETS);
}

/* ---- the history ---- */

static int add_alert(evtwin__call *call, size_t row) {
    evtwin__alert_json(&call->response->body, call->rows, row);
    return 1;
}

static void answer_page(evtwin__call *call) {
    const evtwin__params *p = &call->params;
    evtwin_alert_history_options options;
    evtwin_alert_history_options_init(&options, sizeof options);
    options.battery_id = evtwin__query_get(&call->query, "battery_id");
    options.from_us = p->from_us;
    options.to_us = p->to_us;
    options.limit = p->limit;
    options.before_id = p->before_seq;
    if (!read_state(call, &options.states) ||
        !evtwin__store_answered(call,
                                evtwin_store_alerts(call->handle->store, &options, &call->rows))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    const size_t n = evtwin__answer_list(call, "data", add_alert);
    if (n == p->limit) {
        evtwin__query_cursor_write(body, "next",
                                   evtwin_table_i64(call->rows, EVTWIN__A_RAISED_AT)[n - 1],
                                   evtwin_table_i64(call->rows, EVTWIN__A_ID)[n - 1]);
    } else {
        evtwin__text_word(body, "next", "null");
    }
    evtwin__answer_end(call);
}

/* ---- how many, over the time ---- */

static void answer_counts(evtwin__call *call, size_t n) {
    const evtwin__params *p = &call->params;
    const int64_t to_us = p->to_us != INT64_MAX ? p->to_us : evtwin_time_now();
    const int64_t from_us = to_us - (int64_t)(p->hours * 3600e6);
    if (from_us >= to_us || from_us < EVTWIN__TIME_FIRST_US) { /* shorter than a microsecond */
        evtwin__answer_error(call, 400, "there is no such time to divide into buckets");
        return;
    }
    if (!evtwin__store_answered(
            call, evtwin_store_alert_counts(call->handle->store,
                                            evtwin__query_get(&call->query, "battery_id"), from_us,
                                            to_us, n, &call->rows))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    const double width_us = (double)(to_us - from_us) / (double)n;
    evtwin__text_number(body, "bucket_s", 1e-6 * width_us);
    evtwin__text_open(body, "data", '[');
    for (size_t i = 0; i < n; i++) {
        evtwin__text_open(body, NULL, '{');
        evtwin__text_time(body, "time", from_us + (int64_t)((double)i * width_us));
        evtwin__text_integer(body, "raised", evtwin_table_i64(call->rows, 0)[i]);
        evtwin__text_integer(body, "cleared", evtwin_table_i64(call->rows, 1)[i]);
        evtwin__text_put(body, "}");
    }
    evtwin__text_put(body, "]");
    evtwin__text_integer(body, "count", (int64_t)n);
    evtwin__answer_end(call);
}

void evtwin__route_alert_history(evtwin__call *call) {
    int64_t n_buckets = 0;
    if (!read_buckets(call, &n_buckets)) {
        return;
    }
    if (n_buckets > 0) {
        answer_counts(call, (size_t)n_buckets);
    } else {
        answer_page(call);
    }
}

/* ---- acknowledging ---- */

/* {"id":5,"by":"Ada"}; 0 after the error was answered. The caller frees *json_out, which has
 * *by_out.
 */
static int read_body(evtwin__call *call, json_t **json_out, int64_t *id_out, const char **by_out) {
    const evtwin__http_request *r = call->request;
    if (r->body == NULL || evtwin__json_parse("body", r->body, r->body_size, json_out) < 0) {
        return evtwin__answer_error(call, 400, "the body is {\"id\":NUMBER,\"by\":\"NAME\"}");
    }
    const json_t *id = json_object_get(*json_out, "id"), *by = json_object_get(*json_out, "by");
    if (!json_is_integer(id) || (by != NULL && !json_is_string(by))) {
        return evtwin__answer_error(call, 400,
                                    "id must be the number of an alert, by (optional) a name");
    }
    *id_out = json_integer_value(id);
    *by_out = by != NULL ? json_string_value(by) : "operator";
    return 1;
}

static void answer_one(evtwin__call *call, int64_t id) {
    evtwin_alert_history_options options;
    evtwin_alert_history_options_init(&options, sizeof options);
    options.before_id = id < INT64_MAX ? id + 1 : id;
    options.limit = 1;
    if (!evtwin__store_answered(call,
                                evtwin_store_alerts(call->handle->store, &options, &call->rows))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    evtwin__text_open(body, "data", '{');
    if (call->rows != NULL) {
        evtwin__alert_json(body, call->rows, 0);
    }
    evtwin__text_put(body, "}");
    evtwin__answer_end(call);
}

static void acknowledge(evtwin__call *call, int64_t id, const char *by) {
    const evtwin_status st = evtwin_alerts_acknowledge(call->server->alerts, id, by);
    if (st == EVTWIN_E_NOT_FOUND || st == EVTWIN_E_STATE || st == EVTWIN_E_ARG) {
        const int code = st == EVTWIN_E_NOT_FOUND ? 404 : st == EVTWIN_E_STATE ? 409 : 400;
        evtwin__answer_error(call, code, "%s", evtwin_last_error());
    } else if (evtwin__store_answered(call, st)) {
        answer_one(call, id);
    }
}

void evtwin__route_acknowledge(evtwin__call *call) {
    json_t *json = NULL;
    const char *by = NULL;
    int64_t id = 0;
    if (call->server->alerts == NULL) {
        evtwin__answer_error(call, 409,
                             "this server does not watch for alerts: option alerts starts the "
                             "watch");
    } else if (read_body(call, &json, &id, &by)) {
        acknowledge(call, id, by);
    }
    json_decref(json);
}
