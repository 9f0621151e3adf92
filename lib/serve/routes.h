/* SPDX-License-Identifier: MIT */
/* serve/routes.h: the handlers of the endpoints, and what admits a request to them. */
#ifndef EVTWIN_SERVE_ROUTES_H
#define EVTWIN_SERVE_ROUTES_H

#include "serve/server.h"

/* ---- admission.c: 0 after the error was answered ---- */

int evtwin__is_admissible(evtwin__call *call);

/* The request only reads. */
int evtwin__is_read(evtwin__call *call);

/* The request is a POST of JSON, by our own page or a program, and its body is there; with a token
 * unless the route is the login. 0 also after the body was asked for. */
int evtwin__is_write(evtwin__call *call, int is_login);

/* 1 if the request has the token, as a header or a cookie. */
int evtwin__has_token(const evtwin__call *call);

/* ---- route_login.c ---- */
void evtwin__route_login(evtwin__call *call);

/* 401 to a request without the token: the login page for who opens a page, else an error. */
void evtwin__answer_login(evtwin__call *call);

/* ---- route_battery.c ---- */
void evtwin__route_latest(evtwin__call *call);
void evtwin__route_history(evtwin__call *call);
void evtwin__route_predictions(evtwin__call *call);
void evtwin__route_stats(evtwin__call *call);

/* ---- route_reasons.c ---- */
void evtwin__route_reasons(evtwin__call *call);

/* ---- route_export.c ---- */
void evtwin__route_export(evtwin__call *call);

/* ---- route_trends.c ---- */
void evtwin__route_trends(evtwin__call *call);

/* ---- route_fleet.c ---- */
void evtwin__route_list(evtwin__call *call);
void evtwin__route_alerts(evtwin__call *call);
void evtwin__route_thresholds(evtwin__call *call);

/* ---- route_alerts.c ---- */
void evtwin__route_alert_history(evtwin__call *call);
void evtwin__route_acknowledge(evtwin__call *call);

/* ---- route_stream.c ---- */
void evtwin__route_stream(evtwin__call *call);

/* ---- route_map.c ---- */
void evtwin__route_map(evtwin__call *call);
void evtwin__route_rows(evtwin__call *call);

/* ---- route_api.c ---- */
void evtwin__route_openapi_yaml(evtwin__call *call);
void evtwin__route_openapi_json(evtwin__call *call);
void evtwin__route_asyncapi_yaml(evtwin__call *call);
void evtwin__route_asyncapi_json(evtwin__call *call);

/* ---- route_health.c ---- */
void evtwin__route_health(evtwin__call *call);
void evtwin__route_livez(evtwin__call *call);
void evtwin__route_readyz(evtwin__call *call);
void evtwin__route_metrics(evtwin__call *call);

#endif
