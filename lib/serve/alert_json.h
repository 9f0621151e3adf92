/* SPDX-License-Identifier: MIT */
/* serve/alert_json.h: an alert as the history and the live stream show it. */
#ifndef EVTWIN_SERVE_ALERT_JSON_H
#define EVTWIN_SERVE_ALERT_JSON_H

#include "evtwin/store.h"

#include "core/text.h"

/* The members of a row of evtwin_store_alerts, without the brackets. */
void evtwin__alert_json(evtwin__text *text, const evtwin_table *alerts, size_t row);

#endif
