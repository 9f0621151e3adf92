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
    const int is_there =
        o->battery_id != NULL && evtwin_store_state(o->store, o->battery_id, &state) == EVTWIN_OK;
    if (is_there) {
        *time_us = evtwin_table_i64(state, evtwin_table_find(state, "time"))[0];
        *seq = evtwin_table_i64(state, evtwin_table_find(state, "seq"))[0];
    }
    evtwin_table_free(state);
    return is_there;
}

/* Any battery of the store, and how far its state is; NULL stays where it has no row yet. */
static void choose_battery(other *o) {
    evtwin_table *row = NULL;
    int64_t revision;
    o->time_us = o->seq = INT64_MIN;
    if (evtwin_store_changes(o->store, 0, 1, &row, &revision) == EVTWIN_OK) {
        const char *id = evtwin_table_text(row, evtwin_table_find(row, "battery_id"), 0);
        o->battery_id = id != NULL ? strdup(id) : NULL;
    }
    evtwin_table_free(row);
}

void other_watch(other *o, const char *uri, const evtwin_predictor *predictor) {
    evtwin_predictor_info info;
    evtwin_store_options options;
    evtwin_store_options_init(&options, sizeof options);
    options.read_only = 1;
    const int is_wanted = evtwin_predictor_info_get(predictor, &info, sizeof info) == EVTWIN_OK &&
                          strcmp(info.recipe, "history") == 0;
    if (is_wanted && o->store == NULL && !o->is_found) {
        evtwin_store_open(uri, &options, &o->store); /* without it nothing is noticed */
        if (o->store != NULL) {
            choose_battery(o);
            read_state(o, &o->time_us, &o->seq);
        }
    } else if (!is_wanted) {
        const int is_found = o->is_found; /* that was said */
        other_clear(o);
        o->is_found = is_found;
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

int other_is_new(other *o) {
    int64_t time_us, seq;
    if (o->store == NULL || o->is_found || o->is_moved) {
        return 0;
    }
    if (o->battery_id == NULL) { /* no row was there before, so that any state is another's */
        choose_battery(o);
    }
    o->is_found = read_state(o, &time_us, &seq) &&
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
