/* SPDX-License-Identifier: MIT */
/* learn/interval_json.h: an interval as the manifest of a bundle has it. */
#ifndef EVTWIN_LEARN_INTERVAL_JSON_H
#define EVTWIN_LEARN_INTERVAL_JSON_H

#include "core/json.h"
#include "learn/interval.h"

/* A new object, NULL if out of memory. */
json_t *evtwin__interval_json(const evtwin__interval *interval);

/* EVTWIN_E_PARSE for what is not the form, EVTWIN_E_SCHEMA for a number that cannot be; where
 * begins the error's text. */
evtwin_status evtwin__interval_read(const char *where, const json_t *object, evtwin__interval *out);

#endif
