/* SPDX-License-Identifier: MIT */
/* core/csv_pieces.h: a whole CSV file, as evtwin_csv_read has it, but so many rows at a time. */
#ifndef EVTWIN_CORE_CSV_PIECES_H
#define EVTWIN_CORE_CSV_PIECES_H

#include "core/csv.h"

typedef struct evtwin__csv_pieces evtwin__csv_pieces;

/* Begin to read csv, which is borrowed and counts as read then; a pipe is not kept in memory.
 * *table_out is a new table with the columns of evtwin_csv_read, and no rows.
 * EVTWIN_E_STATE if csv has been read. */
evtwin_status evtwin__csv_pieces_begin(evtwin_csv *csv, evtwin__csv_pieces **out,
                                       evtwin_table **table_out);
/* NULL is fine. */
void evtwin__csv_pieces_free(evtwin__csv_pieces *pieces);

/* Append at most max_rows rows to table, which has the columns of that one in their order; some may
 * be f64 in place of i64 by now, as far as rows were read. EVTWIN_DONE at the end of the file, of
 * which nothing is appended. Errors as evtwin_csv_read, at the end those of whole columns; where
 * that would read a column once more as text, EVTWIN_E_PARSE asks for it in text_columns or, where
 * nobody uses the column, it becomes text without a value. */
evtwin_status evtwin__csv_pieces_next(evtwin__csv_pieces *pieces, size_t max_rows,
                                      evtwin_table *table);

/* The line of a data row (from 0) that was read; 0 = unknown, since records have line breaks. */
size_t evtwin__csv_pieces_line_of(const evtwin__csv_pieces *pieces, size_t row);
/* How much of the file is read, 0 to 1; -1 = unknown. */
double evtwin__csv_pieces_share(const evtwin__csv_pieces *pieces);
/* The file, for messages. */
const char *evtwin__csv_pieces_name(const evtwin__csv_pieces *pieces);

#endif
