/* SPDX-License-Identifier: MIT */
/* serve/live_events.h: what has changed in memory, as events for the live stream. */
#ifndef EVTWIN_SERVE_LIVE_EVENTS_H
#define EVTWIN_SERVE_LIVE_EVENTS_H

#include "serve/live_fleet.h"
#include "serve/ring.h"

typedef struct evtwin__live_events {
    evtwin__ring *ring; /* borrowed */
    evtwin__text text;
    char identity[EVTWIN__RING_IDENTITY_SIZE];
    int64_t revision; /* the last one that was put */
    int n_set_back;   /* how often the database went back to an earlier state */
    evtwin__fleet summary;
    int64_t summed_ms;              /* when the fleet was last summed up */
    int64_t summary_ms, comment_ms; /* when they were put last */
} evtwin__live_events;

void evtwin__live_events_free(evtwin__live_events *events);

/* Events are of that database from here on, behind that revision. */
void evtwin__live_events_begin(evtwin__live_events *events, uint64_t identity, int64_t revision);

/* Revisions between the last event and this one have none of their own: all clients load anew. */
void evtwin__live_events_skip(evtwin__live_events *events, int64_t revision);

/* A battery has changed with that row; revision 0: by something else. */
void evtwin__live_events_row(evtwin__live_events *events, const evtwin__live_battery *battery,
                             int64_t revision);

/* The summary, when it is time, and when nothing has come for a while a comment that keeps
 * connections open. fleet NULL = not known now. */
void evtwin__live_events_rest(evtwin__live_events *events, const evtwin__live_fleet *fleet);

#endif
