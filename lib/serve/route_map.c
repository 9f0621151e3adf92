/* SPDX-License-Identifier: MIT */
/* serve/route_map.c: what a page with thousands of batteries needs: all of them in a few bytes
 * each, and the whole rows of those that it shows. */

#include "serve/routes.h"

#include "evtwin/telemetry.h"

#include <math.h>
#include <string.h>

enum { MAX_IDS = 100 };

/* ---- /api/fleet/map ---- */

/* A column of numbers in the order of the answer: of the table, by name; of the row as it stands.
 */
static void add_numbers(evtwin__call *call, const char *name) {
    evtwin__text *body = &call->response->body;
    const size_t n = evtwin_table_rows(call->current);
    const size_t col = evtwin_table_find(call->current, name);
    evtwin__text_open(body, name, '[');
    for (size_t i = 0; i < n; i++) {
        const double value = evtwin_table_number(call->current, col, call->order[i]);
        /* a small risk is not none */
        evtwin__text_number(body, NULL, fabs(value) < 0.001 ? value : evtwin__rounded(value));
    }
    evtwin__text_put(body, "]");
}

/* Bits of the quantities whose limits are broken: bit i is member i of "quantities". */
static int64_t broken_quantities(evtwin__call *call, const char *const *names, size_t n_names,
                                 size_t row) {
    const evtwin_thresholds *limits = call->handle->thresholds;
    size_t broken[EVTWIN__MAX_REASONS];
    size_t n = evtwin_thresholds_broken(limits, EVTWIN_THRESHOLD_ALERT, call->current, row, broken,
                                        EVTWIN__MAX_REASONS);
    int64_t bits = 0;
    n = n < EVTWIN__MAX_REASONS ? n : EVTWIN__MAX_REASONS;
    for (size_t i = 0; i < n; i++) {
        evtwin_threshold limit;
        if (evtwin_thresholds_get(limits, broken[i], &limit, sizeof limit) < 0) {
            continue;
        }
        for (size_t q = 0; q < n_names; q++) {
            bits |= strcmp(names[q], limit.quantity) == 0 ? (int64_t)1 << q : 0;
        }
    }
    return bits;
}

typedef int64_t (*whole)(const evtwin__condition *c);

static int64_t health_of(const evtwin__condition *c) {
    return (int64_t)c->health;
}

static int64_t needs_of(const evtwin__condition *c) {
    return c->needs;
}

static int64_t silent_of(const evtwin__condition *c) {
    return c->is_silent != 0;
}

static void add_conditions(evtwin__call *call, const char *name, whole of) {
    evtwin__text *body = &call->response->body;
    evtwin__text_open(body, name, '[');
    for (size_t i = 0; i < evtwin_table_rows(call->current); i++) {
        evtwin__text_integer(body, NULL, of(&call->condition[call->order[i]]));
    }
    evtwin__text_put(body, "]");
}

/* Columns, the worst battery first. */
void evtwin__route_map(evtwin__call *call) {
    static const char *const quantities[] = {"soc", "soh", "temperature", "rul_prediction",
                                             "failure_probability"};
    enum { N_QUANTITIES = sizeof quantities / sizeof quantities[0] };
    if (!evtwin__call_read_latest(call, NULL) || !evtwin__call_sort(call)) {
        return;
    }
    evtwin__text *body = evtwin__answer_begin(call);
    const size_t n = evtwin_table_rows(call->current);
    const size_t id = evtwin_table_find(call->current, "battery_id");
    evtwin__text_open(body, "battery_id", '[');
    for (size_t i = 0; i < n; i++) {
        evtwin__text_string(body, NULL, evtwin_table_text(call->current, id, call->order[i]));
    }
    evtwin__text_put(body, "]");
    add_conditions(call, "health", health_of);
    add_conditions(call, "needs", needs_of);
    add_conditions(call, "silent", silent_of);
    evtwin__text_open(body, "record_age_s", '[');
    for (size_t i = 0; i < n; i++) {
        evtwin__text_number(body, NULL, round(call->condition[call->order[i]].record_age_s));
    }
    evtwin__text_put(body, "]");
    evtwin__text_open(body, "quantities", '[');
    for (size_t q = 0; q < N_QUANTITIES; q++) {
        evtwin__text_string(body, NULL, quantities[q]);
    }
    evtwin__text_put(body, "]");
    evtwin__text_open(body, "broken", '[');
    for (size_t i = 0; i < n; i++) {
        evtwin__text_integer(body, NULL,
                             broken_quantities(call, quantities, N_QUANTITIES, call->order[i]));
    }
    evtwin__text_put(body, "]");
    for (size_t q = 0; q < N_QUANTITIES; q++) {
        add_numbers(call, quantities[q]);
    }
    evtwin__text_integer(body, "count", (int64_t)n);
    evtwin__answer_summary(call);
    evtwin__answer_end(call);
}

/* ---- /api/fleet/rows ---- */

/* The battery's object as in the list; one that is not known is left out. 0 after the error was
 * answered. */
static int add_battery(evtwin__call *call, const char *id) {
    evtwin__text *body = &call->response->body;
    if (!evtwin__call_read_latest(call, id)) {
        return 0;
    }
    if (evtwin_table_rows(call->rows) > 0) {
        evtwin__text_open(body, NULL, '{');
        evtwin__answer_row(call, 0, "battery_id");
        evtwin__answer_standing(call, 0);
        evtwin__text_put(body, "}");
    }
    evtwin__call_free(call);
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
