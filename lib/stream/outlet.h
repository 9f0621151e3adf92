/* SPDX-License-Identifier: MIT */
/* stream/outlet.h: one sink of a pump: what it has taken, what is held for it, when it is tried
 * again. */
#ifndef EVTWIN_STREAM_OUTLET_H
#define EVTWIN_STREAM_OUTLET_H

#include "evtwin/stream.h"

#include "core/text.h"

/* Who hears what happens. */
typedef struct evtwin__listener {
    evtwin_pump_event_fn fn; /* NULL = nobody */
    void *ctx;
} evtwin__listener;

/* Fill in what every event has, and tell the listener. */
void evtwin__listener_tell(const evtwin__listener *listener, const evtwin_pump_event *event);

typedef struct evtwin__outlet {
    evtwin_sink *sink;
    const evtwin_pump_options *options; /* of the pump */
    const evtwin__listener *listener;   /* of the pump */
    int has_batch;                      /* it has taken the batch of the pump, or holds it */

    evtwin_table *held, *held_states; /* NULL = none; newer than all that it has taken */
    evtwin__text held_position;       /* NUL-terminated behind the newest of them */
    uint64_t n_unflushed;             /* rows written that may not last yet */

    evtwin_status failure; /* what it failed with last; OK = it works */
    char reason[1024];
    double pause_s, try_again_s;
    int has_reported_full;
    uint64_t n_delivered, n_lost, n_failures;
} evtwin__outlet;

void evtwin__outlet_free(evtwin__outlet *outlet);

/* 1 if something that it was given is not with the sink to last. */
int evtwin__outlet_is_behind(const evtwin__outlet *outlet);

/* How long it is not to be tried, at most 0 if it may be. */
double evtwin__outlet_pause_s(const evtwin__outlet *outlet);

/* Offer what is held and flush, then the batch (NULL = none) of that source and flush; a batch that
 * is not taken is held, if max_held_rows is not 0. The failure, unless it is temporary and the
 * batch is held; the same again during a pause, which is_last passes over. */
evtwin_status evtwin__outlet_offer(evtwin__outlet *outlet, const evtwin_batch *batch,
                                   const char *source, int is_last);

#endif
