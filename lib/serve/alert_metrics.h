/* SPDX-License-Identifier: MIT */
/* serve/alert_metrics.h: alerts and their delivery as metrics. */
#ifndef EVTWIN_SERVE_ALERT_METRICS_H
#define EVTWIN_SERVE_ALERT_METRICS_H

#include "evtwin/alert.h"

#include "serve/exposition.h"

enum { EVTWIN__ALERT_KINDS = 4 };

/* Of a store. */
typedef struct evtwin__alert_counts {
    int64_t n_open[EVTWIN__ALERT_KINDS]; /* not cleared */
    int64_t n_waiting[2];                /* to be delivered, by EVTWIN__WEBHOOK, EVTWIN__MAIL */
    int64_t n_raised;                    /* ever */
} evtwin__alert_counts;

evtwin_status evtwin__alert_counts_read(evtwin_store *store, evtwin__alert_counts *out);

void evtwin__alert_counts_write(const evtwin__alert_counts *counts, evtwin__exposition *out);

/* What was delivered since the start, by this program; alerts NULL: it does not watch. */
void evtwin__alert_deliveries_write(evtwin_alerts *alerts, evtwin__exposition *out);

#endif
