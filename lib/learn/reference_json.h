/* SPDX-License-Identifier: MIT */
/* learn/reference_json.h: the reference of the training data as the manifest of a bundle has it. */
#ifndef EVTWIN_LEARN_REFERENCE_JSON_H
#define EVTWIN_LEARN_REFERENCE_JSON_H

#include "core/json.h"
#include "learn/reference.h"

/* New objects, NULL if out of memory. */
json_t *evtwin__histogram_json(const evtwin__histogram *h);
json_t *evtwin__curve_json(const evtwin__curve *c);

/* EVTWIN_E_PARSE for what is not the form, EVTWIN_E_SCHEMA for a number that cannot be; where
 * begins the error's text. */
evtwin_status evtwin__histogram_read(const char *where, const json_t *object,
                                     evtwin__histogram *out);
evtwin_status evtwin__curve_read(const char *where, const json_t *object, evtwin__curve *out);

#endif
