/* SPDX-License-Identifier: MIT */
/* serve/metrics.h: the families of an evtwin_metrics, for a text that holds others too. */
#ifndef EVTWIN_SERVE_METRICS_H
#define EVTWIN_SERVE_METRICS_H

#include "evtwin/serve.h"

#include "serve/exposition.h"

enum {
    EVTWIN__METRICS_MAX_BATTERIES = 10000,
    EVTWIN__METRICS_STALE_S = 3600 /* a battery not seen for so long loses its gauges */
};

/* Write every family but evtwin_build_info and the end. EVTWIN_E_NOMEM if a snapshot cannot be
 * made. */
evtwin_status evtwin__metrics_write(const evtwin_metrics *metrics, evtwin__exposition *out);

#endif
