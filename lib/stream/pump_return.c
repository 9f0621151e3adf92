/* SPDX-License-Identifier: MIT */
/* stream/pump_return.c: rows that a store gives until it has their predictions. What was accepted
 * of them is with other sinks, or will be: given again, it would be there twice. So the store is
 * read once everything has returned, which holds after a kill too: the spool knows what has not. */

#include "stream/pump_return.h"

#include "core/clock.h"
#include "core/status.h"
#include "stream/pacing.h"
#include "stream/scheme.h"

#include <stdio.h>
#include <string.h>

/* Is it the place that the source reads? */
static int is_place_of_source(const evtwin_pump *p, const evtwin_sink *sink) {
    const char *uri = evtwin_sink_uri(sink);
    const size_t n = strcspn(uri, "?");
    return strncmp(uri, p->source_name, n) == 0 && p->source_name[n] == '\0';
}

static int has_place_of_source(const evtwin_pump *p) {
    size_t i = 0;
    while (i < p->n_outlets && !is_place_of_source(p, p->outlets[i].sink)) {
        i++;
    }
    return i < p->n_outlets;
}

/* Where no sink has the name of the source, each that keeps predictions may be its store under
 * another name. */
static int may_return(const evtwin_pump *p, size_t i, int has_place) {
    const evtwin_sink *sink = p->outlets[i].sink;
    return has_place ? is_place_of_source(p, sink) : evtwin__sink_keeps_states(sink);
}

static void stats_of(const evtwin_pump *p, size_t i, evtwin_pump_sink_stats *out) {
    const evtwin__outlet *o = &p->outlets[i];
    *out = (evtwin_pump_sink_stats){.size = sizeof *out,
                                    .uri = evtwin_sink_uri(o->sink),
                                    .n_held = evtwin__rows_of(o->held) + o->n_unflushed,
                                    .is_up = o->failure >= 0};
    snprintf(out->reason, sizeof out->reason, "%.511s", o->reason);
    if (p->delivery != NULL) {
        evtwin__delivery_stats(p->delivery, i, out);
    }
}

/* The sink for which most is on its way; its n_held is 0 if there is none. */
static void find_slowest(const evtwin_pump *p, evtwin_pump_sink_stats *out) {
    *out = (evtwin_pump_sink_stats){.size = sizeof *out, .is_up = 1};
    if (p->source == NULL || !evtwin__source_repeats(p->source)) {
        return;
    }
    const int has_place = has_place_of_source(p);
    for (size_t i = 0; i < p->n_outlets; i++) {
        evtwin_pump_sink_stats stats;
        if (may_return(p, i, has_place)) {
            stats_of(p, i, &stats);
            *out = stats.n_held > out->n_held ? stats : *out;
        }
    }
}

uint64_t evtwin__pump_due(const evtwin_pump *p) {
    evtwin_pump_sink_stats slowest;
    find_slowest(p, &slowest);
    return slowest.n_held;
}

/* What is held in memory is offered again by the next call, and its failure reported there. */
static evtwin_status await_outlets(const evtwin_pump *p, int timeout_ms) {
    if (evtwin__pump_due(p) == 0) {
        return EVTWIN_OK;
    }
    evtwin__sleep_s(1e-3 * timeout_ms);
    return EVTWIN_DONE;
}

evtwin_status evtwin__pump_await_return(evtwin_pump *p, int *timeout_ms) {
    const int64_t end_ms = evtwin__monotonic_ms() + *timeout_ms;
    evtwin_pump_sink_stats slowest;
    if (p->delivery == NULL) {
        return await_outlets(p, *timeout_ms);
    }
    for (;;) {
        const uint64_t generation = evtwin__delivery_generation(p->delivery);
        find_slowest(p, &slowest);
        if (slowest.n_held == 0) {
            return EVTWIN_OK;
        }
        const int64_t left_ms = end_ms - evtwin__monotonic_ms();
        *timeout_ms = left_ms > 0 ? (int)left_ms : 0;
        if (left_ms <= 0) {
            break;
        }
        evtwin__delivery_wait(p->delivery, generation, 1e-3 * (double)left_ms);
    }
    EVTWIN_FAIL_IF(!slowest.is_up, EVTWIN_E_AGAIN,
                   "%s: not read until %s has the predictions of %llu row%s read before: %s",
                   evtwin_source_uri(p->source), slowest.uri, (unsigned long long)slowest.n_held,
                   slowest.n_held == 1 ? "" : "s", slowest.reason);
    return EVTWIN_DONE;
}
