/* SPDX-License-Identifier: MIT */
/* serve/metrics_duration.h: how long the predictions of batches took, as a histogram. */
#ifndef EVTWIN_SERVE_METRICS_DURATION_H
#define EVTWIN_SERVE_METRICS_DURATION_H

#include "serve/exposition.h"

enum { EVTWIN__N_DURATION_BOUNDS = 13 };

/* All zero: nothing was observed, and nothing is written. */
typedef struct evtwin__durations {
    uint64_t n[EVTWIN__N_DURATION_BOUNDS + 1]; /* each its own, not those below; last = longer */
    double sum_s;
} evtwin__durations;

void evtwin__durations_add(evtwin__durations *durations, double s);
void evtwin__durations_write(const evtwin__durations *durations, evtwin__exposition *out);

#endif
