/* SPDX-License-Identifier: MIT */
/* serve/route_reasons.c: /api/battery/reasons: why a battery's newest row is predicted as it is, as
 * the predictor left it with the battery's state. */

#include "serve/routes.h"

#include "core/json.h"
#include "core/schema.h"
#include "core/status.h"

#include <math.h>
#include <string.h>

/* The reasons of a state, NULL if it has none or is not ours. *state_out is to be released. */
static const json_t *reasons_of(const evtwin_table *states, json_t **state_out) {
    const char *text =
        states != NULL ? evtwin_table_text(states, evtwin_table_find(states, "state"), 0) : NULL;
    *state_out = NULL;
    if (text == NULL || evtwin__json_parse("state", text, strlen(text), state_out) < 0) {
        return NULL;
    }
    const json_t *reasons = json_object_get(*state_out, "reasons");
    return json_is_object(reasons) ? reasons : NULL;
}

/* A member as it is, if it is of this kind, else null. */
static void add_number(evtwin__text *body, const char *key, const json_t *object) {
    const json_t *value = json_object_get(object, key);
    evtwin__text_number(body, key, json_is_number(value) ? json_number_value(value) : (double)NAN);
}

static void add_string(evtwin__text *body, const char *key, const json_t *object) {
    evtwin__text_string(body, key, json_string_value(json_object_get(object, key)));
}

static void add_reason(evtwin__text *body, const json_t *reason) {
    const int is_approximate = json_is_true(json_object_get(reason, "approximate"));
    evtwin__text_open(body, NULL, '{');
    add_string(body, "feature", reason);
    add_number(body, "value", reason);
    add_string(body, "unit", reason);
    add_number(body, "contribution", reason);
    add_number(body, "effect", reason);
    add_string(body, "effect_unit", reason);
    evtwin__text_word(body, "approximate", is_approximate ? "true" : "false");
    add_string(body, "text", reason);
    evtwin__text_put(body, "}");
}

static void add_target(evtwin__text *body, const char *name, const json_t *target) {
    const json_t *list = json_object_get(target, "reasons");
    if (!json_is_array(list)) {
        evtwin__text_word(body, name, "null");
        return;
    }
    evtwin__text_open(body, name, '{');
    add_number(body, "prediction", target);
    add_number(body, "mean", target);
    add_number(body, "answer", target);
    evtwin__text_open(body, "reasons", '[');
    for (size_t i = 0; i < json_array_size(list); i++) {
        add_reason(body, json_array_get(list, i));
    }
    evtwin__text_put(body, "]}");
}

static void add_reasons(evtwin__call *call, const json_t *state, const json_t *reasons) {
    evtwin__text *body = &call->response->body;
    const int64_t *time_us = evtwin_table_i64(call->rows, evtwin_table_find(call->rows, "time"));
    const int64_t *seq = evtwin_table_i64(call->rows, evtwin_table_find(call->rows, "seq"));
    evtwin_target target;
    evtwin__text_open(body, "data", '{');
    evtwin__text_string(body, "battery_id", call->params.battery_id);
    evtwin__text_time(body, "time", time_us[0]);
    evtwin__text_integer(body, "seq", seq[0]);
    evtwin__text_string(body, "model_version", json_string_value(json_object_get(state, "model")));
    for (size_t t = 0; evtwin_target_get(t, &target, sizeof target) >= 0; t++) {
        add_target(body, target.name, json_object_get(reasons, target.name));
    }
    evtwin__text_put(body, "}");
}

void evtwin__route_reasons(evtwin__call *call) {
    const char *id = call->params.battery_id;
    evtwin__live_battery *battery = NULL;
    if (!evtwin__store_answered(call, evtwin__live_find(call->server->live, id, &battery)) ||
        (battery == NULL && !evtwin__answer_error(call, 404, "there is no battery %s", id))) {
        return;
    }
    evtwin__live_battery_release(battery);
    if (!evtwin__store_answered(call, evtwin_store_state(call->handle->store, id, &call->rows))) {
        return;
    }
    json_t *state = NULL;
    const json_t *reasons = reasons_of(call->rows, &state);
    evtwin__text *body = evtwin__answer_begin(call);
    if (reasons != NULL) {
        add_reasons(call, state, reasons);
    } else {
        evtwin__text_word(body, "data", "null");
    }
    evtwin__answer_end(call);
    json_decref(state);
}
