/* SPDX-License-Identifier: MIT */
/* serve/routes.c: the list of endpoints. A new one is a handler and a line here (and in
 * docs/openapi.yaml). */

#include "serve/server.h"

#include <string.h>

static const char *const no_params[] = {NULL};
static const char *const latest_params[] = {"battery_id", NULL};
static const char *const history_params[] = {"battery_id", "hours",  "until",
                                             "limit",      "cursor", NULL};
static const char *const predictions_params[] = {"battery_id", "limit", "cursor", NULL};
static const char *const stats_params[] = {"battery_id", "hours", "until", NULL};

static const evtwin__route routes[] = {
    {"/health", evtwin__route_health, NULL, 0},
    {"/metrics", evtwin__route_metrics, NULL, 0},
    {"/api/battery/latest", evtwin__route_latest, latest_params, 1},
    {"/api/battery/history", evtwin__route_history, history_params, 1},
    {"/api/battery/predictions", evtwin__route_predictions, predictions_params, 1},
    {"/api/battery/stats", evtwin__route_stats, stats_params, 1},
    {"/api/batteries/list", evtwin__route_list, no_params, 1},
    {"/api/alerts", evtwin__route_alerts, no_params, 1},
    {"/api/thresholds", evtwin__route_thresholds, no_params, 0},
};

static const size_t n_routes = sizeof routes / sizeof routes[0];
_Static_assert(sizeof routes / sizeof routes[0] == EVTWIN__ROUTE_COUNT, "EVTWIN__ROUTE_COUNT");

size_t evtwin__route_find(const char *path) {
    for (size_t i = 0; i < n_routes; i++) {
        if (strcmp(routes[i].path, path) == 0) {
            return i;
        }
    }
    return EVTWIN__ROUTE_OTHER;
}

const evtwin__route *evtwin__route_get(size_t index) {
    return &routes[index];
}

const char *evtwin__route_label(size_t index) {
    if (index < n_routes) {
        return routes[index].path;
    }
    return index == EVTWIN__ROUTE_ASSET ? "page" : "other";
}
