/* SPDX-License-Identifier: MIT */
/* stream/envelope.h: the telemetry record inside a CloudEvent of structured mode. */
#ifndef EVTWIN_STREAM_ENVELOPE_H
#define EVTWIN_STREAM_ENVELOPE_H

#include "core/json.h"

enum { EVTWIN__RECORD_DEPTH = 16 }; /* objects and arrays that may be open at once in a record */

/* The JSON of a record, or of an event with one; a NaN in it, as Python writes it, is null. Errors
 * begin with the name. */
evtwin_status evtwin__record_parse(const char *name, const char *text, size_t length, json_t **out);

/**
 * *record_out (borrowed from object) is the record: the member "data" of a CloudEvent (JSON event
 * format 1.0.2, section 3), or what is in its "data_base64", which object gets as "data" then;
 * anything else as it is. A CloudEvent is known by its "specversion",
 * where a record would have its "timestamp". A "battery_id" beside the data, which no CloudEvent
 * has and a topic may have added, becomes the record's if that has none.
 * @return EVTWIN_E_PARSE for an envelope of another version or without data that is a JSON object;
 * EVTWIN_E_NOMEM.
 */
evtwin_status evtwin__envelope_open(json_t *object, json_t **record_out);

#endif
