/* SPDX-License-Identifier: MIT */
/* serve/route_fleet.c: all batteries at once: the list, the alerts, and the limits behind them. */

#include "serve/routes.h"

#include "core/num.h"
#include "core/status.h"

#include <string.h>

/* ---- which batteries ---- */

/* Number of a word in a list of n, -1 if it is not among them. */
static int word_of(const char *word, const char *const *words, int n) {
    for (int i = 0; i < n; i++) {
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

static evtwin_status read_words(const evtwin__query *query, evtwin__live_query *out) {
    static const char *const orders[] = {"asc", "desc"}, *const answers[] = {"false", "true"},
                             *const healths[] = {"normal", "warning", "critical"},
                             *const needs[] = {"charging", "service", "any"};
    static const int need[] = {EVTWIN_NEEDS_CHARGING, EVTWIN_NEEDS_SERVICE,
                               EVTWIN_NEEDS_CHARGING | EVTWIN_NEEDS_SERVICE};
    const char *text = evtwin__query_get(query, "order");
    EVTWIN_FAIL_IF(text != NULL && (out->is_descending = word_of(text, orders, 2)) < 0,
                   EVTWIN_E_ARG, "order must be asc or desc");
    text = evtwin__query_get(query, "health");
    EVTWIN_FAIL_IF(text != NULL && (out->health = word_of(text, healths, 3)) < 0, EVTWIN_E_ARG,
                   "health must be normal, warning or critical");
    text = evtwin__query_get(query, "silent");
    EVTWIN_FAIL_IF(text != NULL && (out->silent = word_of(text, answers, 2)) < 0, EVTWIN_E_ARG,
                   "silent must be true or false");
    text = evtwin__query_get(query, "needs");
    const int i = text != NULL ? word_of(text, needs, 3) : 0;
    EVTWIN_FAIL_IF(i < 0, EVTWIN_E_ARG, "needs must be charging, service or any");
    out->needs = text != NULL ? need[i] : 0;
    return EVTWIN_OK;
}

/* The worst first, unless it is sorted by a quantity. */
static evtwin_status read_sort(const evtwin__query *query, evtwin__live_query *out) {
    const char *text = evtwin__query_get(query, "sort");
    out->sort = EVTWIN__SORT_SEVERITY;
    out->is_descending = 1;
    if (text != NULL && strcmp(text, "severity") != 0) {
        const size_t q = evtwin__quantity_by_name(text);
        EVTWIN_FAIL_IF(q != EVTWIN__Q_BATTERY_ID && q != EVTWIN__Q_TIME &&
                           (q == EVTWIN__Q_COUNT || !evtwin__quantity_is_number(q) ||
                            evtwin__schema[q].kind == EVTWIN_KIND_TRUTH),
                       EVTWIN_E_ARG,
                       "sort must be severity, battery_id, time or a quantity such as soc");
        out->sort = (int)q;
        out->is_descending = 0;
    }
    return EVTWIN_OK;
}

static evtwin_status read_query(const evtwin__call *call, evtwin__live_query *out) {
    const evtwin__query *query = &call->query;
    int64_t offset = 0;
    *out = (evtwin__live_query){.health = -1, .silent = -1};
    out->limit = call->params.limit > 0 ? call->params.limit : SIZE_MAX;
    out->wanted = evtwin__query_get(query, "q");
    const char *text = evtwin__query_get(query, "offset");
    EVTWIN_FAIL_IF(text != NULL && (!evtwin__parse_i64(text, strlen(text), &offset) || offset < 0),
                   EVTWIN_E_ARG, "offset must be a whole number, 0 or more");
    out->offset = (size_t)offset;
    EVTWIN_TRY(read_sort(query, out));
    return read_words(query, out);
}

/* ---- answers ---- */

/* Memory for all of them at once: of a large fleet it is much. */
static void reserve(evtwin__text *body, const evtwin__live_selection *s) {
    enum { MORE = 512 }; /* bytes of ages and reasons */
    size_t size = 0;
    for (size_t i = 0; i < s->n; i++) {
        size += s->battery[i]->size + MORE;
    }
    (void)evtwin__text_room(body, size);
}

static void answer_fleet(evtwin__call *call, const evtwin__live_query *query, const char *name,
                         int has_reasons, int has_total) {
    evtwin__live_selection s;
    if (!evtwin__store_answered(call, evtwin__live_select(call->server->live, query, &s))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    reserve(body, &s);
    evtwin__text_open(body, name, '[');
    for (size_t i = 0; i < s.n; i++) {
        evtwin__text_open(body, NULL, '{');
        evtwin__live_battery_write(s.battery[i], &s.condition[i], 1, body);
        if (has_reasons) {
            evtwin__live_battery_write_reasons(s.battery[i], body);
        }
        evtwin__text_put(body, "}");
    }
    evtwin__text_put(body, "]");
    evtwin__text_integer(body, "count", (int64_t)s.n);
    if (has_total) {
        evtwin__text_integer(body, "total", (int64_t)s.total);
    }
    evtwin__text_open(body, "summary", '{');
    evtwin__summary_write(&s.fleet, body);
    evtwin__text_put(body, "}");
    evtwin__answer_end(call);
    evtwin__live_selection_free(&s);
}

void evtwin__route_list(evtwin__call *call) {
    evtwin__live_query query;
    if (read_query(call, &query) < 0) {
        evtwin__answer_error(call, 400, "%s", evtwin_last_error());
        return;
    }
    answer_fleet(call, &query, "batteries", 0, 1);
}

/* Batteries with the alert rules that they break, the standing prediction included. */
void evtwin__route_alerts(evtwin__call *call) {
    static const evtwin__live_query query = {.limit = SIZE_MAX,
                                             .sort = EVTWIN__SORT_SEVERITY,
                                             .is_descending = 1,
                                             .health = -1,
                                             .needs = EVTWIN_NEEDS_CHARGING | EVTWIN_NEEDS_SERVICE,
                                             .silent = -1};
    answer_fleet(call, &query, "alerts", 1, 0);
}

static int add_threshold(evtwin__call *call, size_t row) {
    evtwin__answer_cells(call, row, NULL);
    return 1;
}

void evtwin__route_thresholds(evtwin__call *call) {
    if (evtwin__call_read_context(call) &&
        evtwin__store_answered(call,
                               evtwin_thresholds_table(call->handle->thresholds, &call->rows))) {
        evtwin__answer_begin(call);
        evtwin__answer_list(call, "thresholds", add_threshold);
        evtwin__answer_end(call);
    }
}
