/* SPDX-License-Identifier: MIT */
/* stream/spool_codec.h: rows, their states and letters as bytes, the same on every machine. */
#ifndef EVTWIN_STREAM_SPOOL_CODEC_H
#define EVTWIN_STREAM_SPOOL_CODEC_H

#include "evtwin/stream.h"

#include "core/text.h"

/* Add rows first to first + n - 1 of a table, whatever its columns, and of states (NULL = none)
 * rows first_state to first_state + n_states - 1. out->is_failed says whether memory was out. */
void evtwin__spool_put_rows(const evtwin_table *rows, size_t first, size_t n,
                            const evtwin_table *states, size_t first_state, size_t n_states,
                            evtwin__text *out);

/* All of data as new tables; *states_out is NULL if there are none. EVTWIN_E_CORRUPT if the bytes
 * cannot be ours, EVTWIN_E_SCHEMA if they are of a newer version. */
evtwin_status evtwin__spool_get_rows(const void *data, size_t size, evtwin_table **rows_out,
                                     evtwin_table **states_out);

void evtwin__spool_put_letter(const evtwin_letter *letter, evtwin__text *out);

/* The strings of the letter are borrowed from data. */
evtwin_status evtwin__spool_get_letter(const void *data, size_t size, evtwin_letter *out);

#endif
