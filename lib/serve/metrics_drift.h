/* SPDX-License-Identifier: MIT */
/* serve/metrics_drift.h: what a session saw beside the training data, as metrics. */
#ifndef EVTWIN_SERVE_METRICS_DRIFT_H
#define EVTWIN_SERVE_METRICS_DRIFT_H

#include "learn/session.h"
#include "serve/exposition.h"

/* What was seen of a feature; its name is in the metrics' own keeping. */
typedef struct evtwin__feature_copy {
    char name[256];
    int is_percent, has_range, looks_like_fraction;
    uint64_t n_outside;
    double psi, psi_limit; /* NaN = unknown */
} evtwin__feature_copy;

/* All zero: nothing was observed, and nothing is written. */
typedef struct evtwin__drift_copy {
    evtwin__feature_copy *features; /* (n_features) */
    size_t n_features;
    evtwin__drift_counts found;
} evtwin__drift_copy;

/* Freed by evtwin__drift_copy_free. */
evtwin_status evtwin__drift_copy_take(const evtwin_session *session, evtwin__drift_copy *out);
evtwin_status evtwin__drift_copy_dup(const evtwin__drift_copy *from, evtwin__drift_copy *out);
void evtwin__drift_copy_free(evtwin__drift_copy *copy);

void evtwin__drift_copy_write(const evtwin__drift_copy *copy, evtwin__exposition *out);

#endif
