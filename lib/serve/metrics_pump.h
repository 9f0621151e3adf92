/* SPDX-License-Identifier: MIT */
/* serve/metrics_pump.h: what a pump delivered and what a screen flagged, as metrics. */
#ifndef EVTWIN_SERVE_METRICS_PUMP_H
#define EVTWIN_SERVE_METRICS_PUMP_H

#include "evtwin/screen.h"

#include "serve/exposition.h"

typedef struct evtwin__sink_copy {
    char uri[512];
    evtwin_pump_sink_stats stats; /* but for its uri */
} evtwin__sink_copy;

/* All zero: nothing was observed, and nothing is written. */
typedef struct evtwin__pump_copy {
    evtwin_pump_stats pump;
    evtwin_screen_stats screen;
    evtwin__sink_copy *sinks; /* (n_sinks) */
    size_t n_sinks;
    int has_pump, has_screen;
} evtwin__pump_copy;

/* screen NULL = none. Freed by evtwin__pump_copy_free. */
evtwin_status evtwin__pump_copy_take(const evtwin_pump *pump, const evtwin_screen *screen,
                                     evtwin__pump_copy *out);
evtwin_status evtwin__pump_copy_dup(const evtwin__pump_copy *from, evtwin__pump_copy *out);
void evtwin__pump_copy_free(evtwin__pump_copy *copy);

void evtwin__pump_copy_write(const evtwin__pump_copy *copy, evtwin__exposition *out);

#endif
