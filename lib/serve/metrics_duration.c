/* SPDX-License-Identifier: MIT */
/* serve/metrics_duration.c: how long the predictions of batches took, as a histogram. */

#include "serve/metrics_duration.h"

/* From a row of small models to a batch of 4,096 with reasons. */
static const double bounds_s[EVTWIN__N_DURATION_BOUNDS] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};

void evtwin__durations_add(evtwin__durations *d, double s) {
    size_t b = 0;
    while (b < EVTWIN__N_DURATION_BOUNDS && s > bounds_s[b]) {
        b++;
    }
    d->n[b]++;
    d->sum_s += s;
}

void evtwin__durations_write(const evtwin__durations *d, evtwin__exposition *out) {
    static const char name[] = "evtwin_prediction_duration_seconds";
    uint64_t total = 0;
    for (size_t b = 0; b <= EVTWIN__N_DURATION_BOUNDS; b++) {
        total += d->n[b];
    }
    if (total > 0) {
        evtwin__expose_family(out, name, EVTWIN__HISTOGRAM, "seconds",
                              "Time to compute features and predictions of a batch of records.");
        evtwin__expose_histogram(out, name, NULL, bounds_s, d->n, EVTWIN__N_DURATION_BOUNDS,
                                 d->sum_s);
    }
}
