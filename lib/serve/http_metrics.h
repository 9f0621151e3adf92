/* SPDX-License-Identifier: MIT */
/* serve/http_metrics.h: how many requests of each route ended how, and how long they took. */
#ifndef EVTWIN_SERVE_HTTP_METRICS_H
#define EVTWIN_SERVE_HTTP_METRICS_H

#include "serve/exposition.h"

enum { EVTWIN__ROUTE_COUNT = 9, EVTWIN__ROUTE_ASSET = 9, EVTWIN__ROUTE_OTHER = 10 };

/* Safe from many threads at once, without a lock. */
typedef struct evtwin__http_metrics evtwin__http_metrics;

/* NULL when memory is out. */
evtwin__http_metrics *evtwin__http_metrics_create(void);
void evtwin__http_metrics_free(evtwin__http_metrics *metrics);

/* route < EVTWIN__ROUTE_OTHER + 1 */
void evtwin__http_metrics_count(evtwin__http_metrics *metrics, size_t route, int code, double s);

void evtwin__http_metrics_write(const evtwin__http_metrics *metrics, evtwin__exposition *out);

/* "/health", …, "page", "other": the label of a route (routes.c). */
const char *evtwin__route_label(size_t index);

#endif
