/* SPDX-License-Identifier: MIT */
/* stream/telemetry_json.h: JSON of many rows of one table, for the ends that write it. */
#ifndef EVTWIN_STREAM_TELEMETRY_JSON_H
#define EVTWIN_STREAM_TELEMETRY_JSON_H

#include "stream/record.h"

/* Room that evtwin__record_encode needs for a row: with predictions their texts count. */
size_t evtwin__record_json_size(const evtwin__record *record, size_t row, int with_predictions);

/* Write a row as one JSON object and a NUL; the length without it in *length_out. */
evtwin_status evtwin__record_encode(const evtwin__record *record, size_t row, int with_predictions,
                                    char *text, size_t *length_out);

#endif
