/* SPDX-License-Identifier: MIT */
/* stream/pump_outlet.h: a sink of a pump without a spool: what it has taken, what is held for it in
 * memory, when it is tried again. */
#ifndef EVTWIN_STREAM_PUMP_OUTLET_H
#define EVTWIN_STREAM_PUMP_OUTLET_H

#include "evtwin/stream.h"

#include "core/text.h"
#include "stream/letter_list.h"
#include "stream/pump_probe.h"

/* What all parts of a pump know of it. */
typedef struct evtwin__pump_setup {
    evtwin_pump_options options;
    evtwin_pump_event_fn on_event; /* NULL = nobody */
    void *event_ctx;
} evtwin__pump_setup;

/* Fill in what every event has, and report it. */
void evtwin__pump_report(const evtwin__pump_setup *setup, const evtwin_pump_event *event);

typedef struct evtwin__outlet {
    evtwin_sink *sink;
    int has_batch;        /* it has taken the batch of the pump, or holds it */
    int has_acknowledged; /* and has acknowledged it to the source itself */

    evtwin_table *held, *held_states; /* NULL = none; newer than all that it has taken */
    evtwin__text held_position;       /* NUL-terminated behind the newest of them */
    evtwin__letter_list letters;      /* of a dead-letter sink, instead of rows */
    uint64_t n_unflushed;             /* rows written that may not last yet */

    evtwin__probe *probe;  /* it is being asked whether it can be reached; NULL = it is not */
    int has_worked;        /* it took something */
    evtwin_status failure; /* what it failed with last; OK = it works */
    char reason[1024];
    double pause_s, try_again_s;
    int has_reported_full;
    size_t n_recovered; /* held rows written since it failed, not reported yet */
    uint64_t n_delivered, n_lost, n_refused, n_failures;
} evtwin__outlet;

/* Frees the sink too. */
void evtwin__outlet_free(evtwin__outlet *outlet);

size_t evtwin__rows_of(const evtwin_table *table); /* NULL has none */

/* Is something that it was given not with the sink to last? */
int evtwin__outlet_is_behind(const evtwin__outlet *outlet);

/* How long it is not to be tried, at most 0 if it may be. */
double evtwin__outlet_pause_s(const evtwin__outlet *outlet);

/* Offer what is held and flush, then the batch (NULL = none) of that source and flush; a batch that
 * is not taken is held, if max_held_rows is not 0. The failure, unless it is temporary and the
 * batch is held; the same again during a pause, which is_last passes over. */
evtwin_status evtwin__outlet_offer(const evtwin__pump_setup *setup, evtwin__outlet *outlet,
                                   const evtwin_batch *batch, const char *source, int is_last);

/* What the sink keeps of these batteries, NULL in *out = nothing; its failure, as above. At the end
 * no pause keeps it from being asked, as none keeps a batch from being offered. */
evtwin_status evtwin__outlet_states(const evtwin__pump_setup *setup, evtwin__outlet *outlet,
                                    const evtwin_table *batteries, int is_last, evtwin_table **out);

/* Would the sink fail with that again for these records alone? One that cannot be written to at all
 * does not mean them. */
int evtwin__sink_refuses(evtwin_sink *sink, evtwin_status status);

/* Write the letters that are kept; one that the sink refuses is passed over, counted and reported.
 * The failure, as above. */
evtwin_status evtwin__outlet_offer_letters(const evtwin__pump_setup *setup, evtwin__outlet *outlet,
                                           int is_last);

#endif
