/* SPDX-License-Identifier: MIT */
/* stream/outlet.c: deliver to one sink, hold for it, try it again. */

#include "stream/outlet.h"

#include "core/status.h"
#include "stream/pacing.h"

#include <stdio.h>
#include <string.h>

void evtwin__listener_tell(const evtwin__listener *listener, const evtwin_pump_event *event) {
    if (listener->fn != NULL) {
        evtwin_pump_event full = *event;
        full.size = sizeof full;
        full.text = full.text != NULL ? full.text : "";
        listener->fn(listener->ctx, &full);
    }
}

/* What happened to the sink; its reason, if it is a failure, is o->reason. */
static void tell(const evtwin__outlet *o, evtwin_pump_event_kind kind, evtwin_status status,
                 size_t n_rows) {
    evtwin__listener_tell(o->listener, &(evtwin_pump_event){.kind = kind,
                                                            .uri = evtwin_sink_uri(o->sink),
                                                            .status = status,
                                                            .text = status < 0 ? o->reason : "",
                                                            .n_rows = n_rows});
}

static size_t rows_of(const evtwin_table *table) {
    return table != NULL ? evtwin_table_rows(table) : 0;
}

static void drop_held(evtwin__outlet *o) {
    evtwin_table_free(o->held);
    evtwin_table_free(o->held_states);
    o->held = o->held_states = NULL;
}

void evtwin__outlet_free(evtwin__outlet *outlet) {
    drop_held(outlet);
    evtwin__text_free(&outlet->held_position);
    evtwin_sink_free(outlet->sink);
}

int evtwin__outlet_is_behind(const evtwin__outlet *outlet) {
    return outlet->held != NULL || outlet->n_unflushed > 0;
}

double evtwin__outlet_pause_s(const evtwin__outlet *outlet) {
    return outlet->failure < 0 ? outlet->try_again_s - evtwin__monotonic_s() : 0.0;
}

/* ---- hold ---- */

static evtwin_status append_copy(evtwin_table **to, const evtwin_table *from) {
    return from == NULL  ? EVTWIN_OK
           : *to == NULL ? evtwin_table_copy(from, to)
                         : evtwin_table_append(*to, from);
}

/* Keep a copy of the batch. */
static evtwin_status keep(evtwin__outlet *o, const evtwin_batch *batch) {
    const char *position = batch->position != NULL ? batch->position : "";
    const size_t size = strlen(position) + 1;
    EVTWIN_FAIL_IF(evtwin__text_room(&o->held_position, size) == NULL, EVTWIN_E_NOMEM,
                   "out of memory for a position");
    EVTWIN_TRY(append_copy(&o->held_states, batch->states));
    EVTWIN_TRY(append_copy(&o->held, batch->rows));
    memcpy(o->held_position.data, position, size);
    o->held_position.size = size;
    return EVTWIN_OK;
}

/* Beyond the limit the new rows are lost, which is reported. */
static void hold(evtwin__outlet *o, const evtwin_batch *batch) {
    const size_t n = evtwin_table_rows(batch->rows), n_held = rows_of(o->held);
    const size_t max = o->options->max_held_rows;
    if (n <= max && n_held <= max - n && keep(o, batch) >= 0) {
        return;
    }
    o->n_lost += n;
    if (!o->has_reported_full) {
        o->has_reported_full = 1;
        tell(o, EVTWIN_PUMP_HOLD_FULL, EVTWIN_OK, n_held);
    }
}

/* ---- deliver ---- */

static evtwin_status flush(evtwin__outlet *o) {
    const evtwin_status st = o->n_unflushed > 0 ? evtwin_sink_flush(o->sink) : EVTWIN_OK;
    if (st >= 0) {
        o->n_delivered += o->n_unflushed;
        o->n_unflushed = 0;
    }
    return st;
}

/* What was written must not be written again because a flush failed: that is owed from then on. */
static evtwin_status deliver_held(evtwin__outlet *o, const char *source, size_t *n_out) {
    if (o->held == NULL) {
        return flush(o);
    }
    const size_t n = evtwin_table_rows(o->held);
    const evtwin_batch held = {.size = sizeof held,
                               .rows = o->held,
                               .source = source,
                               .position = o->held_position.data,
                               .states = o->held_states};
    EVTWIN_TRY(evtwin_sink_write_batch(o->sink, &held));
    o->n_unflushed += n;
    *n_out = n;
    drop_held(o);
    return flush(o);
}

static void note_failure(evtwin__outlet *o, evtwin_status st) {
    const int is_first = o->failure >= 0;
    const double longest_s = o->options->longest_pause_s;
    const double longer_s = 2 * o->pause_s < longest_s ? 2 * o->pause_s : longest_s;
    o->pause_s = is_first ? o->options->first_pause_s : longer_s;
    o->try_again_s = evtwin__monotonic_s() + o->pause_s;
    o->failure = st;
    o->n_failures++;
    snprintf(o->reason, sizeof o->reason, "%s", evtwin_last_error());
    tell(o, is_first ? EVTWIN_PUMP_SINK_FAILED : EVTWIN_PUMP_SINK_STILL_FAILING, st, 0);
}

static void note_success(evtwin__outlet *o, size_t n_held) {
    if (o->failure < 0) {
        o->failure = EVTWIN_OK;
        o->has_reported_full = 0;
        tell(o, EVTWIN_PUMP_SINK_RECOVERED, EVTWIN_OK, n_held);
    }
}

/* All that it owes, then the batch. *is_taken_out says whether the sink has the batch. */
static evtwin_status deliver(evtwin__outlet *o, const evtwin_batch *batch, const char *source,
                             size_t *n_held_out, int *is_taken_out) {
    EVTWIN_TRY(deliver_held(o, source, n_held_out));
    if (batch == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin_sink_write_batch(o->sink, batch));
    *is_taken_out = 1;
    o->n_unflushed += evtwin_table_rows(batch->rows);
    return flush(o);
}

evtwin_status evtwin__outlet_offer(evtwin__outlet *outlet, const evtwin_batch *batch,
                                   const char *source, int is_last) {
    int is_taken = batch == NULL;
    evtwin_status st = outlet->failure;
    if (is_last || evtwin__outlet_pause_s(outlet) <= 0.0) {
        size_t n_held = 0;
        st = deliver(outlet, batch, source, &n_held, &is_taken);
        if (st >= 0) {
            note_success(outlet, n_held);
        } else {
            note_failure(outlet, st);
        }
    }
    const int may_wait = outlet->options->max_held_rows > 0 && evtwin_status_is_temporary(st);
    if (!is_taken && st < 0 && may_wait) {
        hold(outlet, batch);
        is_taken = 1;
    }
    outlet->has_batch |= is_taken && batch != NULL;
    EVTWIN_FAIL_IF(st < 0 && (is_last || !may_wait), st, "%s", outlet->reason);
    return EVTWIN_OK;
}
