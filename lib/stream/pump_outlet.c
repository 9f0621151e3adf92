/* SPDX-License-Identifier: MIT */
/* stream/pump_outlet.c: a sink of a pump without a spool: what it has taken, what is held for it in
 * memory, when it is tried again. */

#include "stream/pump_outlet.h"

#include "core/mem.h"
#include "core/status.h"
#include "stream/pacing.h"
#include "stream/scheme.h"

#include <stdio.h>
#include <string.h>

/* ---- events ---- */

void evtwin__pump_report(const evtwin__pump_setup *p, const evtwin_pump_event *event) {
    if (p->on_event != NULL) {
        evtwin_pump_event full = *event;
        full.size = sizeof full;
        full.text = full.text != NULL ? full.text : "";
        p->on_event(p->event_ctx, &full);
    }
}

/* What happened to the sink; its reason, if it is a failure, is o->reason. */
static void report_sink(const evtwin__pump_setup *p, const evtwin__outlet *o,
                        evtwin_pump_event_kind kind, evtwin_status status, size_t n_rows) {
    evtwin__pump_report(p, &(evtwin_pump_event){.kind = kind,
                                                .uri = evtwin_sink_uri(o->sink),
                                                .status = status,
                                                .text = status < 0 ? o->reason : "",
                                                .n_rows = n_rows});
}

/* ---- state ---- */

size_t evtwin__rows_of(const evtwin_table *table) {
    return table != NULL ? evtwin_table_rows(table) : 0;
}

static void drop_held(evtwin__outlet *o) {
    evtwin_table_free(o->held);
    evtwin_table_free(o->held_states);
    o->held = o->held_states = NULL;
}

void evtwin__outlet_free(evtwin__outlet *o) {
    if (o->probe != NULL) {
        evtwin__probe_end(&o->probe, INFINITY);
    }
    drop_held(o);
    evtwin__text_free(&o->held_position);
    evtwin__letter_list_free(&o->letters);
    evtwin_sink_free(o->sink);
}

int evtwin__outlet_is_behind(const evtwin__outlet *o) {
    return o->held != NULL || o->n_unflushed > 0 || o->letters.n > 0;
}

double evtwin__outlet_pause_s(const evtwin__outlet *o) {
    return o->failure < 0 ? o->try_again_s - evtwin__monotonic_s() : 0.0;
}

/* ---- hold for a sink ---- */

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

/* Keep the first n rows of the batch. */
static evtwin_status keep_first(evtwin__outlet *o, const evtwin_batch *batch, size_t n) {
    size_t *rows = evtwin__calloc(n, sizeof *rows);
    evtwin_table *first = NULL;
    EVTWIN_FAIL_IF(rows == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = i;
    }
    evtwin_status st = evtwin_table_select(batch->rows, rows, n, &first);
    evtwin__free(rows);
    if (st >= 0) {
        evtwin_batch part = *batch;
        part.rows = first;
        st = keep(o, &part);
    }
    evtwin_table_free(first);
    return st;
}

/* Beyond the limit the new rows are lost, which is reported. */
static void hold(const evtwin__pump_setup *p, evtwin__outlet *o, const evtwin_batch *batch) {
    const size_t n = evtwin_table_rows(batch->rows);
    const size_t room = p->options.max_held_rows - evtwin__rows_of(o->held);
    if (n <= room && keep(o, batch) >= 0) {
        return;
    }
    const int is_part = n > room && room > 0 && keep_first(o, batch, room) >= 0;
    const size_t n_held = evtwin__rows_of(o->held);
    o->n_lost += n - (is_part ? room : 0);
    if (!o->has_reported_full) {
        o->has_reported_full = 1;
        report_sink(p, o, EVTWIN_PUMP_HOLD_FULL, EVTWIN_OK, n_held);
    }
}

/* ---- deliver to a sink ---- */

static evtwin_status flush(evtwin__outlet *o) {
    const evtwin_status st = o->n_unflushed > 0 ? evtwin_sink_flush(o->sink) : EVTWIN_OK;
    if (st >= 0) {
        o->n_delivered += o->n_unflushed;
        o->n_unflushed = 0;
    }
    return st;
}

/* What was written must not be written again because a flush failed: that is owed from then on. */
static evtwin_status deliver_held(evtwin__outlet *o, const char *source) {
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
    o->n_recovered += n;
    drop_held(o);
    return flush(o);
}

static void note_failure(const evtwin__pump_setup *p, evtwin__outlet *o, evtwin_status st) {
    const int is_first = o->failure >= 0;
    const double longest_s = p->options.longest_pause_s;
    const double longer_s = 2 * o->pause_s < longest_s ? 2 * o->pause_s : longest_s;
    o->pause_s = is_first ? p->options.first_pause_s : longer_s;
    o->try_again_s = evtwin__monotonic_s() + o->pause_s;
    o->failure = st;
    o->n_failures++;
    snprintf(o->reason, sizeof o->reason, "%s", evtwin_last_error());
    report_sink(p, o, is_first ? EVTWIN_PUMP_SINK_FAILED : EVTWIN_PUMP_SINK_STILL_FAILING, st, 0);
}

static void note_success(const evtwin__pump_setup *p, evtwin__outlet *o) {
    o->has_worked = 1;
    if (o->failure < 0) {
        o->failure = EVTWIN_OK;
        o->has_reported_full = 0;
        report_sink(p, o, EVTWIN_PUMP_SINK_RECOVERED, EVTWIN_OK, o->n_recovered);
    }
    o->n_recovered = 0;
}

/* Where rows can be held, a sink that does not work, or never did, is asked beside the run whether
 * it can be reached: a write to a server that does not answer would keep the rows from the others.
 * EVTWIN_OK: write to it; EVTWIN_DONE: it has not answered yet; else it cannot be reached. */
static evtwin_status look_for(const evtwin__pump_setup *p, evtwin__outlet *o, size_t n_rows,
                              int is_last) {
    static const double first_patience_s = 1.0, patience_s = 0.05;
    const int is_new = o->failure >= 0 && !o->has_worked;
    double wait_s = 0.0;
    if (o->probe == NULL) {
        const int may_hold = p->options.max_held_rows > 0 && !is_last;
        if (!may_hold || !(is_new || o->failure < 0) || !evtwin__sink_has_check(o->sink)) {
            return EVTWIN_OK;
        }
        EVTWIN_TRY(evtwin__probe_start(o->sink, &o->probe));
        wait_s = is_new ? first_patience_s : patience_s;
    }
    const int is_full = n_rows > p->options.max_held_rows - evtwin__rows_of(o->held);
    const evtwin_status st =
        evtwin__probe_end(&o->probe, is_last || (is_new && is_full) ? INFINITY : wait_s);
    return st > 0 || evtwin_status_is_temporary(st) ? st : EVTWIN_OK; /* a write says the rest */
}

/* All that it owes, then the batch. *is_taken_out says whether the sink has the batch. */
static evtwin_status deliver(evtwin__outlet *o, const evtwin_batch *batch, const char *source,
                             int *is_taken_out) {
    EVTWIN_TRY(deliver_held(o, source));
    if (batch == NULL) {
        return EVTWIN_OK;
    }
    const evtwin_status st = evtwin_sink_write_batch(o->sink, batch);
    EVTWIN_TRY(st);
    o->has_acknowledged = st == EVTWIN_DONE;
    *is_taken_out = 1;
    o->n_unflushed += evtwin_table_rows(batch->rows);
    return flush(o);
}

evtwin_status evtwin__outlet_offer(const evtwin__pump_setup *p, evtwin__outlet *o,
                                   const evtwin_batch *batch, const char *source, int is_last) {
    int is_taken = batch == NULL;
    evtwin_status st = o->failure;
    if (is_last || evtwin__outlet_pause_s(o) <= 0.0) {
        const size_t n = batch != NULL ? evtwin_table_rows(batch->rows) : 0;
        const evtwin_status found = look_for(p, o, n, is_last);
        st = found == EVTWIN_OK ? deliver(o, batch, source, &is_taken) : found;
        if (st < 0) {
            note_failure(p, o, st);
        } else if (found == EVTWIN_OK) {
            note_success(p, o);
        } else {
            st = EVTWIN_E_AGAIN;
        }
    }
    const int may_wait = p->options.max_held_rows > 0 && evtwin_status_is_temporary(st);
    if (!is_taken && st < 0 && may_wait) {
        hold(p, o, batch);
        is_taken = 1;
    }
    o->has_batch |= is_taken && batch != NULL;
    EVTWIN_FAIL_IF(st < 0 && (is_last || !may_wait), st, "%s", o->reason);
    return EVTWIN_OK;
}

/* That it works again is for a write to show. */
evtwin_status evtwin__outlet_states(const evtwin__pump_setup *p, evtwin__outlet *o,
                                    const evtwin_table *batteries, int is_last,
                                    evtwin_table **out) {
    EVTWIN_FAIL_IF(!is_last && evtwin__outlet_pause_s(o) > 0.0, o->failure, "%s", o->reason);
    const evtwin_status st = evtwin_sink_states(o->sink, batteries, out);
    if (st < 0) {
        note_failure(p, o, st);
        EVTWIN_FAIL(st, "%s", o->reason);
    }
    return EVTWIN_OK;
}

/* ---- letters ---- */

int evtwin__sink_refuses(evtwin_sink *sink, evtwin_status st) {
    const int may_be =
        st == EVTWIN_E_DATA || st == EVTWIN_E_RANGE || st == EVTWIN_E_SCHEMA || st == EVTWIN_E_ARG;
    return may_be && evtwin_sink_check(sink, 1000) >= 0;
}

/* What the sink refuses is halved until it is one letter, which is passed over. */
static evtwin_status write_letters(const evtwin__pump_setup *p, evtwin__outlet *o) {
    for (size_t n = o->letters.n; o->letters.n > 0;) {
        const evtwin_status st =
            evtwin_sink_write_letters(o->sink, evtwin__letter_list_all(&o->letters), n);
        if (st < 0) {
            snprintf(o->reason, sizeof o->reason, "%s", evtwin_last_error());
            EVTWIN_FAIL_IF(!evtwin__sink_refuses(o->sink, st), st, "%s", o->reason);
            if (n > 1) {
                n /= 2;
                continue;
            }
            report_sink(p, o, EVTWIN_PUMP_SINK_REFUSED, st, 1);
        }
        o->n_delivered += st >= 0 ? n : 0;
        o->n_refused += st < 0;
        evtwin__letter_list_drop(&o->letters, n);
        n = o->letters.n;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__outlet_offer_letters(const evtwin__pump_setup *p, evtwin__outlet *o,
                                           int is_last) {
    if (o->letters.n == 0) {
        return EVTWIN_OK;
    }
    if (is_last || evtwin__outlet_pause_s(o) <= 0.0) {
        const evtwin_status st = write_letters(p, o);
        if (st < 0) {
            note_failure(p, o, st);
        } else {
            note_success(p, o);
        }
    }
    EVTWIN_FAIL_IF(o->failure < 0, o->failure, "%s", o->reason);
    return EVTWIN_OK;
}
