/* SPDX-License-Identifier: MIT */
/* serve/live.h: the newest row and the standing prediction of every battery, kept in memory by one
 * thread that follows the change feed of the store: latest, list, alerts and the metrics of the
 * fleet are answered from it, without a question to the store. */
#ifndef EVTWIN_SERVE_LIVE_H
#define EVTWIN_SERVE_LIVE_H

#include "serve/alert_metrics.h"
#include "serve/live_fleet.h"
#include "serve/ring.h"

typedef struct evtwin__live evtwin__live;

/* The store need not exist yet; its first reading is waited for, some seconds at most. Changes are
 * put into the ring, after they are in memory. */
evtwin_status evtwin__live_start(const char *uri, const evtwin__patience *patience,
                                 evtwin__ring *ring, evtwin__live **out);

/* End what is being asked: nothing is read any more. */
void evtwin__live_interrupt(evtwin__live *live);

/* Nobody asks any more. NULL is fine. */
void evtwin__live_free(evtwin__live *live);

/* Has the first look ended? Of a large fleet it takes seconds, and nothing is known before. */
int evtwin__live_has_looked(const evtwin__live *live);

/* Wait for that, 3 s at most, and 10 s after the start no more. */
void evtwin__live_wait(evtwin__live *live);

/* The calls below answer the failure of the last look into the store, EVTWIN_E_AGAIN if there was
 * none for seconds, or none yet. Safe from many threads at once. */

/* EVTWIN_DONE if there is no such battery; release *out. */
evtwin_status evtwin__live_find(evtwin__live *live, const char *battery_id,
                                evtwin__live_battery **out);

/* Select batteries and sum up the fleet; free *out. */
evtwin_status evtwin__live_select(evtwin__live *live, const evtwin__live_query *query,
                                  evtwin__live_selection *out);

/* EVTWIN_OK if there is something to answer from. */
evtwin_status evtwin__live_check(evtwin__live *live);

/* How many alerts there are; 0 if that is not known. */
int evtwin__live_alerts(evtwin__live *live, evtwin__alert_counts *out);

/* Seconds since the last look that went well, < 0 if none did; 1 if the last one did. */
double evtwin__live_age_s(evtwin__live *live, int *is_up_out);

#endif
