/* SPDX-License-Identifier: MIT */
/* tools/predict_other.c: whether another program predicts the rows of the same store. A session
 * knows of a battery's past what it predicted itself: of two that share the rows each knows a part.
 */

#include "predict_tool.h"

#include "evtwin/evtwin.h"

#include <stdlib.h>
#include <string.h>

/* The newest row of the battery in its kept state; 0 if there is none, or the store cannot be read
 * now. */
static int read_state(const other *o, int64_t *time_us, int64_t *seq) {
    evtwin_table *state = NULL;
    const int is_there = evtwin_store_state(o->store, o->battery_id, &state) == EVTWIN_OK;
    if (is_there) {
        *time_us = evtwin_table_i64(state, evtwin_table_find(state, "time"))[0];
        *seq = evtwin_table_i64(state, evtwin_table_find(state, "seq"))[0];
    }
    evtwin_table_free(state);
    return is_there;
}

void other_watch(other *o, const char *uri, const evtwin_predictor *predictor,
                 const evtwin_table *states) {
    evtwin_predictor_info info;
    evtwin_store_options options;
    evtwin_store_options_init(&options, sizeof options);
    options.read_only = 1;
    if (evtwin_predictor_info_get(predictor, &info, sizeof info) == EVTWIN_OK &&
        strcmp(info.recipe, "history") == 0) {
        evtwin_store_open(uri, &options, &o->store); /* without it nothing is noticed */
    }
    if (states != NULL && o->store != NULL) {
        o->battery_id =
            strdup(evtwin_table_text(states, evtwin_table_find(states, "battery_id"), 0));
        o->time_us = evtwin_table_i64(states, evtwin_table_find(states, "time"))[0];
        o->seq = evtwin_table_i64(states, evtwin_table_find(states, "seq"))[0];
    }
}

void other_observe(other *o, const evtwin_table *batch) {
    const size_t rows = evtwin_table_rows(batch);
    const size_t col = evtwin_table_find(batch, "battery_id");
    const char *id = rows > 0 && o->store != NULL && !o->is_found
                         ? evtwin_table_text(batch, col, rows - 1)
                         : NULL;
    if (id != NULL) {
        free(o->battery_id);
        o->battery_id = strdup(id);
        o->is_moved = 1;
    }
}

/* The store had no state, and nothing has been predicted here. */
static int has_states(const other *o) {
    evtwin_table *states = NULL;
    const int is_any = evtwin_store_states(o->store, &states) == EVTWIN_OK;
    evtwin_table_free(states);
    return is_any;
}

int other_is_new(other *o) {
    int64_t time_us, seq;
    if (o->store == NULL || o->is_found || o->is_moved) {
        return 0;
    }
    o->is_found = o->battery_id == NULL
                      ? has_states(o)
                      : read_state(o, &time_us, &seq) &&
                            (time_us > o->time_us || (time_us == o->time_us && seq > o->seq));
    return o->is_found;
}

void other_remember(other *o) {
    if (o->is_moved) {
        o->is_moved = !read_state(o, &o->time_us, &o->seq);
    }
}

void other_clear(other *o) {
    evtwin_store_free(o->store);
    free(o->battery_id);
    *o = (other){.store = NULL};
}
