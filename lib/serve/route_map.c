/* SPDX-License-Identifier: MIT */
/* serve/route_map.c: what a page with thousands of batteries needs: all of them in a few bytes
 * each, and the whole rows of those that it shows. */

#include "serve/routes.h"

#include "evtwin/telemetry.h"

#include "core/schema.h"

#include <math.h>
#include <string.h>

enum { MAX_IDS = 100 };

/* ---- /api/fleet/map ---- */

static const size_t quantities[] = {EVTWIN__Q_SOC, EVTWIN__Q_SOH, EVTWIN__Q_TEMPERATURE,
                                    EVTWIN__Q_RUL_PREDICTION, EVTWIN__Q_FAILURE_PROBABILITY};
enum { N_QUANTITIES = sizeof quantities / sizeof quantities[0] };

/* Bit i: a limit of quantities[i] is broken, which its reasons begin with: ["soh 73.9 < 75",…]. */
static int64_t broken_of(const evtwin__live_battery *b) {
    const char *reasons = b->text + b->reasons_from;
    const size_t size = b->reasons_to - b->reasons_from;
    int64_t bits = 0;
    for (size_t q = 0; q < N_QUANTITIES; q++) {
        char start[64] = "\"";
        evtwin__text_append(start, sizeof start, "%s ", evtwin__schema[quantities[q]].name);
        bits |= memmem(reasons, size, start, strlen(start)) != NULL ? (int64_t)1 << q : 0;
    }
    return bits;
}

/* What is written of each battery in a column. */
enum { ID, HEALTH, NEEDS, SILENT, AGE, BROKEN, N_COLUMNS };

static void add_column(const evtwin__live_selection *s, int column, evtwin__text *body) {
    static const char *const names[] = {"battery_id", "health",       "needs",
                                        "silent",     "record_age_s", "broken"};
    evtwin__text_open(body, names[column], '[');
    for (size_t i = 0; i < s->n; i++) {
        const evtwin__condition *c = &s->condition[i];
        if (column == ID) {
            evtwin__text_string(body, NULL, s->battery[i]->id);
        } else if (column == AGE) {
            evtwin__text_number(body, NULL, round(c->record_age_s));
        } else {
            evtwin__text_integer(body, NULL,
                                 column == HEALTH   ? (int64_t)c->health
                                 : column == NEEDS  ? c->needs
                                 : column == SILENT ? c->is_silent != 0
                                                    : broken_of(s->battery[i]));
        }
    }
    evtwin__text_put(body, "]");
}

static void add_values(const evtwin__live_selection *s, size_t quantity, evtwin__text *body) {
    evtwin__text_open(body, evtwin__schema[quantity].name, '[');
    for (size_t i = 0; i < s->n; i++) {
        evtwin__text_number(body, NULL, evtwin__rounded(s->battery[i]->value[quantity]));
    }
    evtwin__text_put(body, "]");
}

/* Columns, the worst battery first. */
void evtwin__route_map(evtwin__call *call) {
    static const evtwin__live_query query = {.limit = SIZE_MAX,
                                             .sort = EVTWIN__SORT_SEVERITY,
                                             .is_descending = 1,
                                             .health = -1,
                                             .silent = -1};
    evtwin__live_selection s;
    if (!evtwin__store_answered(call, evtwin__live_select(call->server->live, &query, &s))) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    for (int column = 0; column < N_COLUMNS; column++) {
        add_column(&s, column, body);
    }
    evtwin__text_open(body, "quantities", '[');
    for (size_t q = 0; q < N_QUANTITIES; q++) {
        evtwin__text_string(body, NULL, evtwin__schema[quantities[q]].name);
    }
    evtwin__text_put(body, "]");
    for (size_t q = 0; q < N_QUANTITIES; q++) {
        add_values(&s, quantities[q], body);
    }
    evtwin__text_integer(body, "count", (int64_t)s.n);
    evtwin__text_open(body, "summary", '{');
    evtwin__summary_write(&s.fleet, body);
    evtwin__text_put(body, "}");
    evtwin__answer_end(call);
    evtwin__live_selection_free(&s);
}

/* ---- /api/fleet/rows ---- */

/* The battery's object as in the list; one that is not known is left out. 0 after the error was
 * answered. */
static int add_battery(evtwin__call *call, const char *id) {
    evtwin__live_battery *battery = NULL;
    if (!evtwin__store_answered(call, evtwin__live_find(call->server->live, id, &battery))) {
        return 0;
    }
    if (battery != NULL) {
        evtwin__text *body = &call->response->body;
        evtwin__condition condition;
        evtwin__condition_of(&battery->standing, evtwin_time_now(), &condition);
        evtwin__text_open(body, NULL, '{');
        evtwin__live_battery_write(battery, &condition, 1, body);
        evtwin__text_put(body, "}");
        evtwin__live_battery_release(battery);
    }
    return 1;
}

void evtwin__route_rows(evtwin__call *call) {
    const char *next = evtwin__query_get(&call->query, "ids");
    if (next == NULL || call->query.n_params != 1) {
        evtwin__answer_error(call, 400,
                             "the parameter ids is needed, and no other: battery_ids with commas "
                             "between them, %d at most",
                             MAX_IDS);
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    evtwin__text_open(body, "batteries", '[');
    for (int n = 0; next != NULL; n++) {
        char id[EVTWIN__TARGET_MAX + 1];
        const size_t length = strcspn(next, ",");
        memcpy(id, next, length);
        id[length] = '\0';
        next = next[length] == ',' ? next + length + 1 : NULL;
        if (n == MAX_IDS) {
            evtwin__answer_error(call, 400, "ids has more than %d battery_ids", MAX_IDS);
            return;
        }
        if (!evtwin_battery_id_is_valid(id)) {
            evtwin__answer_error(call, 400, "ids: '%.64s' is not a valid battery_id", id);
            return;
        }
        if (!add_battery(call, id)) {
            return;
        }
    }
    evtwin__text_put(body, "]");
    evtwin__answer_end(call);
}
