/* SPDX-License-Identifier: MIT */
/* learn/calibration_json.h: a calibration as the manifest of a bundle has it (docs/bundle.md). */
#ifndef EVTWIN_LEARN_CALIBRATION_JSON_H
#define EVTWIN_LEARN_CALIBRATION_JSON_H

#include "core/json.h"
#include "learn/calibration.h"

/* A new object; NULL if memory runs out. */
json_t *evtwin__calibration_json(const evtwin__calibration *calibration);

/* where is used in error texts. EVTWIN_E_PARSE, EVTWIN_E_SCHEMA for a number that cannot be. */
evtwin_status evtwin__calibration_read(const char *where, const json_t *object,
                                       evtwin__calibration *out);

#endif
