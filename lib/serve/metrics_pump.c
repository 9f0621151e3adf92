/* SPDX-License-Identifier: MIT */
/* serve/metrics_pump.c: what a pump delivered and what a screen flagged, as metrics. */

#include "serve/metrics_pump.h"

#include "core/mem.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* ---- a copy ---- */

static evtwin_status copy_sinks(const evtwin_pump *pump, evtwin__pump_copy *out) {
    evtwin_pump_sink_stats stats;
    size_t n = 0;
    while (evtwin_pump_sink_stats_get(pump, n, &stats, sizeof stats) == EVTWIN_OK) {
        n++;
    }
    out->sinks = evtwin__calloc(n, sizeof *out->sinks);
    EVTWIN_FAIL_IF(out->sinks == NULL, EVTWIN_E_NOMEM, "out of memory for metrics of %zu sinks", n);
    for (; out->n_sinks < n; out->n_sinks++) {
        evtwin__sink_copy *s = &out->sinks[out->n_sinks];
        EVTWIN_TRY(evtwin_pump_sink_stats_get(pump, out->n_sinks, &s->stats, sizeof s->stats));
        snprintf(s->uri, sizeof s->uri, "%s", s->stats.uri);
        s->stats.uri = NULL;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__pump_copy_take(const evtwin_pump *pump, const evtwin_screen *screen,
                                     evtwin__pump_copy *out) {
    evtwin__pump_copy copy = {.has_pump = 1, .has_screen = screen != NULL};
    EVTWIN_TRY(evtwin_pump_stats_get(pump, &copy.pump, sizeof copy.pump));
    if (screen != NULL) {
        EVTWIN_TRY(evtwin_screen_stats_get(screen, &copy.screen, sizeof copy.screen));
    }
    const evtwin_status st = copy_sinks(pump, &copy);
    if (st < 0) {
        evtwin__pump_copy_free(&copy);
        return st;
    }
    *out = copy;
    return EVTWIN_OK;
}

evtwin_status evtwin__pump_copy_dup(const evtwin__pump_copy *from, evtwin__pump_copy *out) {
    evtwin__sink_copy *sinks = evtwin__calloc(from->n_sinks, sizeof *sinks);
    EVTWIN_FAIL_IF(sinks == NULL, EVTWIN_E_NOMEM, "out of memory for metrics of %zu sinks",
                   from->n_sinks);
    if (from->n_sinks > 0) {
        memcpy(sinks, from->sinks, from->n_sinks * sizeof *sinks);
    }
    *out = *from;
    out->sinks = sinks;
    return EVTWIN_OK;
}

void evtwin__pump_copy_free(evtwin__pump_copy *copy) {
    evtwin__free(copy->sinks);
    *copy = (evtwin__pump_copy){.sinks = NULL};
}

/* ---- the text ---- */

/* A family with a sample for each sink, or for each that takes records. */
static const struct {
    const char *name, *unit, *help;
    evtwin__metric_type type;
    enum { COUNT, REAL, FLAG } kind;
    size_t offset;
} families[] = {
    {"evtwin_sink_up", NULL, "1 while the sink takes records, 0 from a failed try on.",
     EVTWIN__GAUGE, FLAG, offsetof(evtwin_pump_sink_stats, is_up)},
    {"evtwin_sink_delivered_records", NULL, "Records delivered to the sink.", EVTWIN__COUNTER,
     COUNT, offsetof(evtwin_pump_sink_stats, n_delivered)},
    {"evtwin_sink_waiting_records", NULL, "Records that wait for the sink.", EVTWIN__GAUGE, COUNT,
     offsetof(evtwin_pump_sink_stats, n_held)},
    {"evtwin_sink_waiting_bytes", "bytes",
     "Size of the records in the spool that wait for the sink.", EVTWIN__GAUGE, COUNT,
     offsetof(evtwin_pump_sink_stats, held_bytes)},
    {"evtwin_sink_oldest_waiting_seconds", "seconds",
     "Age of the oldest record in the spool that waits for the sink.", EVTWIN__GAUGE, REAL,
     offsetof(evtwin_pump_sink_stats, oldest_held_s)},
    {"evtwin_sink_lost_records", NULL, "Records that were lost before the sink got them.",
     EVTWIN__COUNTER, COUNT, offsetof(evtwin_pump_sink_stats, n_lost)},
    {"evtwin_sink_refused_records", NULL, "Records that the sink refused permanently.",
     EVTWIN__COUNTER, COUNT, offsetof(evtwin_pump_sink_stats, n_refused)},
    {"evtwin_sink_failures", NULL, "Failed attempts to write to the sink.", EVTWIN__COUNTER, COUNT,
     offsetof(evtwin_pump_sink_stats, n_failures)},
};

static void write_sinks(const evtwin__pump_copy *copy, evtwin__exposition *out) {
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        evtwin__expose_family(out, families[f].name, families[f].type, families[f].unit,
                              families[f].help);
        for (size_t i = 0; i < copy->n_sinks; i++) {
            const evtwin__sink_copy *s = &copy->sinks[i];
            const void *at = (const char *)&s->stats + families[f].offset;
            const double value = families[f].kind == COUNT  ? (double)*(const uint64_t *)at
                                 : families[f].kind == REAL ? *(const double *)at
                                                            : (double)*(const int *)at;
            const evtwin__label labels[] = {{"sink", s->uri},
                                            {"takes", s->stats.is_letters ? "letters" : "records"}};
            evtwin__expose(out, families[f].name,
                           families[f].type == EVTWIN__COUNTER ? "_total" : "", labels, 2, value);
        }
    }
}

static void write_screen(const evtwin_screen_stats *s, evtwin__exposition *out) {
    const struct {
        const char *flag;
        uint64_t n;
    } flags[] = {{"late", s->n_late},
                 {"out_of_order", s->n_out_of_order},
                 {"out_of_range", s->n_out_of_range},
                 {"future", s->n_future},
                 {"naive_time", s->n_naive_time},
                 {"fraction", s->n_fraction}};
    evtwin__expose_family(out, "evtwin_flagged_records", EVTWIN__COUNTER, NULL,
                          "Records with this flag in the column quality.");
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        const evtwin__label label = {"flag", flags[i].flag};
        evtwin__expose(out, "evtwin_flagged_records", "_total", &label, 1, (double)flags[i].n);
    }
    evtwin__expose_one(out, "evtwin_duplicate_records", EVTWIN__COUNTER, NULL,
                       "Records equal to one of the last records of their battery.",
                       (double)s->n_duplicate);
}

void evtwin__pump_copy_write(const evtwin__pump_copy *copy, evtwin__exposition *out) {
    if (copy->has_pump) {
        evtwin__expose_one(out, "evtwin_source_records", EVTWIN__COUNTER, NULL,
                           "Records read from the source.", (double)copy->pump.n_read);
        evtwin__expose_one(out, "evtwin_source_refused_records", EVTWIN__COUNTER, NULL,
                           "Records of the source that could not be read.",
                           (double)copy->pump.n_refused);
        write_sinks(copy, out);
    }
    if (copy->has_screen) {
        write_screen(&copy->screen, out);
    }
}
