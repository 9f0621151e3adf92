/* SPDX-License-Identifier: MIT */
/* serve/alert_feed.h: what changed of alerts, as events of the live stream. */
#ifndef EVTWIN_SERVE_ALERT_FEED_H
#define EVTWIN_SERVE_ALERT_FEED_H

#include "evtwin/alert.h"

#include "serve/ring.h"

/* All zero: nothing was read yet. */
typedef struct evtwin__alert_feed {
    int is_known;
    int64_t generation, change; /* up to where it was read */
} evtwin__alert_feed;

/* Put an event "alert" for each alert that has changed since the last call; the first one only
 * looks how far they are. */
evtwin_status evtwin__alert_feed_step(evtwin__alert_feed *feed, evtwin_store *store,
                                      evtwin__ring *ring);

/* Let the watch put them there; NULL ends it: the ring is not used any more after the call. */
void evtwin__alerts_publish(evtwin_alerts *alerts, evtwin__ring *ring);

#endif
