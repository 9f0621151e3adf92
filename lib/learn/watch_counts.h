/* SPDX-License-Identifier: MIT */
/* learn/watch_counts.h: the counts of a watch, for the files that count, judge and log. */
#ifndef EVTWIN_LEARN_WATCH_COUNTS_H
#define EVTWIN_LEARN_WATCH_COUNTS_H

#include "core/dict.h"
#include "learn/drift.h"
#include "learn/watch.h"

/* What there was of the fleet. total counts all, recent is halved now and then. */
typedef struct evtwin__watch_feature {
    evtwin__tally total, recent;
} evtwin__watch_feature;

typedef struct evtwin__watch_fleet {
    evtwin__sums sums;
    evtwin__watch_feature feature[]; /* (inputs) */
} evtwin__watch_fleet;

/* What there was of one battery. */
typedef struct evtwin__watch_battery {
    int64_t time_us; /* of its newest row, with these */
    double soc, current;
    int64_t sampled_us; /* of the last row that went into the bins */
    uint8_t has_last, has_sample;
    unsigned causes, told; /* found now; that were logged: bits */
    evtwin__sums sums;
    struct {
        float n, n_outside, n_impossible;
    } feature[]; /* (inputs) */
} evtwin__watch_battery;

/* Of a feature: what is counted of it, and what was said. */
typedef struct evtwin__watch_limits {
    double min, max; /* what a value can be: beyond, it gets no prediction and does not count */
    double n_logged; /* values outside when that was logged last */
    unsigned told;
    int is_in_fleet; /* the fleet has a finding about it */
} evtwin__watch_limits;

struct evtwin__watch {
    const evtwin__bundle *bundle;
    evtwin__inputs in; /* of the bundle */
    evtwin__places at;
    evtwin__watch_fleet *now, *next; /* committed; with what is pending */
    evtwin__dict ids;
    size_t max_batteries, capacity;
    char *batteries;                    /* (capacity) pairs of watch_battery: committed, pending */
    int32_t *moved;                     /* (n_moved of capacity) */
    uint8_t *is_moved;                  /* (capacity) */
    size_t n_moved, fleet_size, stride; /* bytes */
    unsigned told;                      /* of what belongs together */
    evtwin__watch_limits feature[];     /* (inputs) */
};

/* What is committed of a battery, or pending where it moved. */
static inline evtwin__watch_battery *evtwin__watch_at(const evtwin__watch *w, size_t number,
                                                      int is_pending) {
    return (evtwin__watch_battery *)(void *)(w->batteries +
                                             (2 * number + (size_t)is_pending) * w->stride);
}

/* Called for each finding; battery NULL = of the fleet. A failure ends the visit. */
typedef evtwin_status (*evtwin__on_drift)(void *ctx, const char *battery, const evtwin__drift *d);

/* What is unlike the training data in the committed counts of the fleet, and of one battery; a
 * sentence of each takes longer than the judgement. */
evtwin_status evtwin__watch_visit_fleet(const evtwin__watch *w, int in_words,
                                        evtwin__on_drift visit, void *ctx);
evtwin_status evtwin__watch_visit_battery(const evtwin__watch *w, size_t number, int in_words,
                                          evtwin__on_drift visit, void *ctx);

/* Commit the fleet's counts; and those of the i-th battery that moved, whose number is given. */
void evtwin__watch_keep_fleet(evtwin__watch *w);
size_t evtwin__watch_keep_moved(evtwin__watch *w, size_t i);

#endif
