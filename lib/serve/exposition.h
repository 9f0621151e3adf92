/* SPDX-License-Identifier: MIT */
/* serve/exposition.h: metrics as text, in Prometheus 0.0.4 or OpenMetrics 1.0.0. */
#ifndef EVTWIN_SERVE_EXPOSITION_H
#define EVTWIN_SERVE_EXPOSITION_H

#include "serve/body.h"

typedef struct evtwin__exposition {
    evtwin__body body;
    int is_openmetrics;
} evtwin__exposition;

typedef enum evtwin__metric_type {
    EVTWIN__GAUGE,
    EVTWIN__COUNTER,   /* name without _total: samples get it */
    EVTWIN__HISTOGRAM, /* samples with the suffixes _bucket, _sum and _count */
    EVTWIN__INFO       /* name without _info: samples get it */
} evtwin__metric_type;

typedef struct evtwin__label {
    const char *name, *value;
} evtwin__label;

/* Begin a family: all its samples follow before the next one. unit is the last part of name, or
 * NULL. */
void evtwin__expose_family(evtwin__exposition *e, const char *name, evtwin__metric_type type,
                           const char *unit, const char *help);

/* One sample of the family begun; suffix is "", "_bucket", … */
void evtwin__expose(evtwin__exposition *e, const char *name, const char *suffix,
                    const evtwin__label *labels, size_t n_labels, double value);

/* evtwin_build_info */
void evtwin__expose_build(evtwin__exposition *e);

/* process_start_time_seconds and its kin, as far as /proc tells. */
void evtwin__expose_process(evtwin__exposition *e);

/* What ends the text: nothing, or "# EOF". */
void evtwin__expose_end(evtwin__exposition *e);

/* The Content-Type of such a text; static. */
const char *evtwin__exposition_type(int is_openmetrics);

/* 1 if an Accept header (NULL = absent) ranks OpenMetrics above Prometheus text. */
int evtwin__accepts_openmetrics(const char *accept);

#endif
