/* SPDX-License-Identifier: MIT */
/* serve/battery_gauges.h: the values of batteries as gauges: by the contract's names, and by names
 * that follow Prometheus' conventions, in base units. */
#ifndef EVTWIN_SERVE_BATTERY_GAUGES_H
#define EVTWIN_SERVE_BATTERY_GAUGES_H

#include "core/schema.h"
#include "serve/exposition.h"

/* Every quantity of the schema with a name of either kind has gauges, numbered in the schema's
 * order. */
enum {
    EVTWIN__GAUGE_COUNT = 0
#define NO_METRIC ""
#define Q(ID, name, json_key, kind, type, unit, min, max, role, metric, base_metric, ...)          \
    +(sizeof(metric) > 1 || sizeof(base_metric) > 1)
#include "core/schema.def"
#undef Q
#undef NO_METRIC
};

/* The quantity of the next gauge after q; EVTWIN__Q_COUNT beyond the last. Begin with SIZE_MAX. */
size_t evtwin__next_gauge(size_t q);

/* n batteries: the id of battery i, and its value of the quantity q, which is gauge number g, in
 * the quantity's unit; NaN = no series. */
typedef struct evtwin__gauged {
    size_t n;
    const void *batteries;
    const char *(*id)(const void *batteries, size_t i);
    double (*value)(const void *batteries, size_t i, size_t g, size_t q);
    const char *measured, *predicted; /* of which record they are, in HELP */
} evtwin__gauged;

/* Write the families of all gauges. */
void evtwin__battery_gauges_write(const evtwin__gauged *batteries, evtwin__exposition *out);

#endif
