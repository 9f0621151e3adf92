/* SPDX-License-Identifier: MIT */
/* stream/letter_json.h: a refused record as the JSON that sinks of text keep of it. */
#ifndef EVTWIN_STREAM_LETTER_JSON_H
#define EVTWIN_STREAM_LETTER_JSON_H

#include "evtwin/stream.h"

#include "core/text.h"

/* Append one JSON object without a line break: received_at, source, place, status (its name),
 * reason, and raw, or raw_base64 where the record is not UTF-8 without NUL. After a failure (no
 * memory) text is as it was. */
evtwin_status evtwin__letter_put_json(const evtwin_letter *letter, evtwin__text *text);

#endif
