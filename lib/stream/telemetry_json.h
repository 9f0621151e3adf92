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

/* The same, with keys, units and signs of a naming; what it has no name for keeps our key, and so
 * does a power that has a sign there where nothing says which. */
evtwin_status evtwin__telemetry_put_named(const evtwin__binding *binding, size_t row,
                                          unsigned kinds, evtwin_naming naming, evtwin__text *text);

/* The words of the parameter names, for an int that evtwin__names_naming takes. */
#define EVTWIN__NAMES_WORDS                                                                        \
    { "evtwin", "vss", "bdf" }
evtwin_naming evtwin__names_naming(int word);

/* The key of q in records of a naming. */
const char *evtwin__telemetry_key(size_t q, evtwin_naming naming);

/* As evtwin_telemetry_decode; *kind_out is what the record's time told. */
evtwin_status evtwin__telemetry_decode(const char *text, size_t length,
                                       const evtwin__time_rule *rule, evtwin_table *table,
                                       evtwin__time_kind *kind_out);

/* EVTWIN_E_RANGE for a value that makes its record malformed: a negative seq. */
evtwin_status evtwin__telemetry_check_number(size_t q, const evtwin__value *value);

#endif
