/* SPDX-License-Identifier: MIT */
/* serve/exposition.h: metrics as text, in Prometheus 0.0.4 or OpenMetrics 1.0.0, and the families
 * that are written so. */
#ifndef EVTWIN_SERVE_EXPOSITION_H
#define EVTWIN_SERVE_EXPOSITION_H

#include "evtwin/serve.h"

#include "core/text.h"

typedef struct evtwin__exposition {
    evtwin__text text;
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

/* A family of one sample without labels. */
void evtwin__expose_one(evtwin__exposition *e, const char *name, evtwin__metric_type type,
                        const char *unit, const char *help, double value);

/* The samples of the histogram of the family begun, with a label or none (NULL): n[i] values up to
 * bound i and beyond the one before, the last n (n_bounds + 1 of them) beyond all bounds. */
void evtwin__expose_histogram(evtwin__exposition *e, const char *name, const evtwin__label *label,
                              const double *bounds, const uint64_t *n, size_t n_bounds, double sum);

/* evtwin_build_info */
void evtwin__expose_build(evtwin__exposition *e);

/* What ends the text: nothing, or "# EOF". */
void evtwin__expose_end(evtwin__exposition *e);

/* The Content-Type of such a text; static. */
const char *evtwin__exposition_type(int is_openmetrics);

/* 1 if an Accept header (NULL = absent) ranks OpenMetrics above Prometheus text. */
int evtwin__accepts_openmetrics(const char *accept);

/* ---- batteries and predictions (metrics.c) ---- */

enum {
    EVTWIN__METRICS_MAX_BATTERIES = 10000,
    EVTWIN__METRICS_STALE_S = 3600 /* a battery not seen for so long loses its gauges */
};

/* Write every family of an evtwin_metrics. EVTWIN_E_NOMEM if a snapshot cannot be made. */
evtwin_status evtwin__metrics_write(const evtwin_metrics *metrics, evtwin__exposition *out);

/* Seconds since evtwin_metrics_good_cycle, < 0 if there was none yet; and its limit. */
double evtwin__metrics_cycle_age_s(const evtwin_metrics *metrics, double *limit_s_out);

/* ---- the server and its process ---- */

/* How many requests of each route ended how, and how long they took. Safe from many threads at
 * once, without a lock. */
typedef struct evtwin__server_metrics evtwin__server_metrics;

/* label gives the name of each of the n_routes; NULL when memory is out. */
evtwin__server_metrics *evtwin__server_metrics_create(size_t n_routes,
                                                      const char *(*label)(size_t route));
void evtwin__server_metrics_free(evtwin__server_metrics *metrics);

void evtwin__server_metrics_count(evtwin__server_metrics *metrics, size_t route, int code,
                                  double s);

/* The requests, then process_start_time_seconds and its kin, as far as /proc tells. */
void evtwin__server_metrics_write(const evtwin__server_metrics *metrics, evtwin__exposition *out);

#endif
