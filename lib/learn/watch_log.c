/* SPDX-License-Identifier: MIT */
/* learn/watch_log.c: keep what a watch has counted, and log what is new in it. */

#include "learn/watch_counts.h"

#include "core/status.h"

#include <math.h>

enum { MAX_LOGGED = 10 };

/* A visit without words finds whether there is anything to say, and only then one with words says
 * it. */
typedef struct logging {
    evtwin__watch *watch;
    evtwin__watch_battery *battery; /* NULL = of the fleet */
    unsigned fleet_causes, causes;  /* found of the fleet, of the battery by this commit: bits */
    int in_words, has_new;
    size_t n_logged;
} logging;

/* 1 if it is to be said now. */
static int is_said(logging *l, int is_new) {
    l->has_new |= is_new;
    return is_new && l->in_words;
}

static void log_line(logging *l, const char *battery, const char *text) {
    l->n_logged++;
    if (l->n_logged <= MAX_LOGGED) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s%s%s%s", battery != NULL ? "battery " : "",
                    battery != NULL ? battery : "", battery != NULL ? ": " : "", text);
    }
}

static evtwin__watch_limits *limits_of(const logging *l, const char *quantity) {
    for (size_t i = 0; i < l->watch->in.n; i++) {
        if (l->watch->in.feature[i].name == quantity) {
            return &l->watch->feature[i];
        }
    }
    return NULL;
}

/* Once for each cause; of a range when it begins, then each time that the number of values outside
 * has grown tenfold. */
static evtwin_status log_fleet(void *ctx, const char *battery, const evtwin__drift *d) {
    logging *l = ctx;
    evtwin__watch_limits *of = limits_of(l, d->quantity);
    unsigned *told = of != NULL ? &of->told : &l->watch->told;
    const unsigned bit = 1u << d->cause;
    const evtwin__tally *total =
        of != NULL ? &l->watch->now->feature[of - l->watch->feature].total : NULL;
    const double n_outside = total != NULL ? total->n_outside + total->n_impossible : 0.0;
    const int is_range = of != NULL && d->cause == EVTWIN__DRIFT_RANGE;
    if (is_said(l, is_range ? floor(n_outside / 10.0) >= of->n_logged : (*told & bit) == 0)) {
        *told |= bit;
        if (is_range) {
            of->n_logged = n_outside;
        }
        log_line(l, battery, d->text);
    }
    if (!l->in_words) {
        l->fleet_causes |= of == NULL ? bit : 0;
        if (of != NULL) {
            of->is_in_fleet = 1;
        }
    }
    return EVTWIN_OK;
}

static void commit_fleet(logging *l) {
    evtwin__watch *w = l->watch;
    for (size_t i = 0; i < w->in.n; i++) {
        w->feature[i].is_in_fleet = 0;
    }
    evtwin__watch_visit_fleet(w, 0, log_fleet, l);
    if (l->has_new) {
        l->in_words = 1;
        evtwin__watch_visit_fleet(w, 1, log_fleet, l);
    }
}

/* What the whole fleet has is not said of each battery. */
static evtwin_status log_battery(void *ctx, const char *battery, const evtwin__drift *d) {
    logging *l = ctx;
    const unsigned bit = 1u << d->cause;
    const evtwin__watch_limits *of =
        d->cause == EVTWIN__DRIFT_RANGE ? limits_of(l, d->quantity) : NULL;
    if (is_said(l, ((l->battery->told | l->fleet_causes) & bit) == 0 &&
                       (of == NULL || !of->is_in_fleet))) {
        l->battery->told |= bit;
        log_line(l, battery, d->text);
    }
    l->causes |= bit;
    return EVTWIN_OK;
}

static void commit_battery(logging *l, size_t number) {
    l->battery = evtwin__watch_at(l->watch, number, 0);
    l->in_words = l->has_new = 0;
    l->causes = 0;
    evtwin__watch_visit_battery(l->watch, number, 0, log_battery, l);
    if (l->has_new) {
        l->in_words = 1;
        evtwin__watch_visit_battery(l->watch, number, 1, log_battery, l);
    }
    l->battery->causes = l->causes;
}

void evtwin__watch_commit(evtwin__watch *watch) {
    logging l = {.watch = watch};
    evtwin__watch_keep_fleet(watch);
    commit_fleet(&l);
    for (size_t k = 0; k < watch->n_moved; k++) {
        commit_battery(&l, evtwin__watch_keep_moved(watch, k));
    }
    watch->n_moved = 0;
    if (l.n_logged > MAX_LOGGED) {
        evtwin__log(EVTWIN_LOG_WARNING, "and %zu more are unlike the training data",
                    l.n_logged - MAX_LOGGED);
    }
}
