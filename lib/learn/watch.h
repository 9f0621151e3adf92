/* SPDX-License-Identifier: MIT */
/* learn/watch.h: what a session saw of each feature and of what belongs together, beside what the
 * models were trained on. */
#ifndef EVTWIN_LEARN_WATCH_H
#define EVTWIN_LEARN_WATCH_H

#include "evtwin/session.h"
#include "learn/drift.h"

typedef struct evtwin__watch evtwin__watch;

/* The bundle outlives it. Up to max_batteries are told apart; the fleet has all of them. */
evtwin_status evtwin__watch_create(const evtwin__bundle *bundle, size_t max_batteries,
                                   evtwin__watch **out);
void evtwin__watch_free(evtwin__watch *watch);

/* All memory that the batteries of a table need. */
evtwin_status evtwin__watch_reserve(evtwin__watch *watch, const evtwin_table *table);

/* Take in a table that was predicted, and reserved for; what it adds is pending. */
void evtwin__watch_observe(evtwin__watch *watch, const evtwin_table *table);

/* Keep what is pending, and log what is new in it; or drop it. */
void evtwin__watch_commit(evtwin__watch *watch);
void evtwin__watch_rollback(evtwin__watch *watch);

/* See evtwin_session_range; i is in range. */
evtwin_feature_range evtwin__watch_range(const evtwin__watch *watch, size_t i);

/* See evtwin_session_drift. */
evtwin_status evtwin__watch_drift(const evtwin__watch *watch, evtwin_table **out);

#endif
