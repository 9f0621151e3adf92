/* SPDX-License-Identifier: MIT */
/* stream/telemetry_json.h: JSON of many rows of one table. */
#ifndef EVTWIN_STREAM_TELEMETRY_JSON_H
#define EVTWIN_STREAM_TELEMETRY_JSON_H

#include "core/binding.h"
#include "core/text.h"
#include "core/time.h"

/* Append the quantities of these kinds of a row, of which evtwin__binding_check_keys holds, as one
 * JSON object; a NUL follows that text->size does not count. After a failure text is as it was. */
evtwin_status evtwin__telemetry_put_json(const evtwin__binding *binding, size_t row, unsigned kinds,
                                         evtwin__text *text);

/* As evtwin_telemetry_decode; *kind_out is what the record's time told. */
evtwin_status evtwin__telemetry_decode(const char *text, size_t length,
                                       const evtwin__time_rule *rule, evtwin_table *table,
                                       evtwin__time_kind *kind_out);

/* EVTWIN_E_RANGE for a value that makes its record malformed: a negative seq. */
evtwin_status evtwin__telemetry_check_number(size_t q, const evtwin__value *value);

#endif
