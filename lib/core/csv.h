/* SPDX-License-Identifier: MIT */
/* core/csv.h: CSV piece by piece, for the source and the sink that read and write it as a stream.
 */
#ifndef EVTWIN_CORE_CSV_H
#define EVTWIN_CORE_CSV_H

#include "evtwin/table.h"

#include "core/text.h"

/* ---- read ---- */

/* A CSV file that is read in batches: evtwin_csv without a second reading. */
typedef evtwin_csv evtwin__csv_reader;

/* Open path ("-" = standard input) and read its header. The lists of columns in options do not
 * matter here: the columns of the table that is filled decide what is a number and what is text. */
evtwin_status evtwin__csv_reader_open(const char *path, const evtwin_csv_options *options,
                                      evtwin__csv_reader **out);

/* Wait at most timeout_ms for a pipe to bring more: evtwin__csv_reader_next will not wait if
 * *is_there_out is 1. */
evtwin_status evtwin__csv_reader_await(evtwin__csv_reader *reader, int timeout_ms,
                                       int *is_there_out);

/* Append at most max_rows rows to table. A field goes to the column that has the name of its
 * header, or else to the one that holds the same telemetry quantity under our name, brought to our
 * unit and sign: where our range begins at 0 and the header's naming has a direction, the absolute
 * value is stored (an integer column takes other numbers rounded down). Other columns of the table
 * are missing in the new rows, other fields are passed over. Does not wait for more input while it
 * has a row to give, so a batch may be small. After a failure the table is as it was; after
 * EVTWIN_E_PARSE the next call passes over the record that was refused. EVTWIN_DONE: the end of the
 * file; nothing was appended. EVTWIN_E_SCHEMA: two fields for one column, or a quantity that has no
 * conversion to the column's type. */
evtwin_status evtwin__csv_reader_next(evtwin__csv_reader *reader, size_t max_rows,
                                      evtwin_table *table);

/* After EVTWIN_E_PARSE: the first line of the record that was refused, as far as it has been read;
 * borrowed until the next call. */
const char *evtwin__csv_reader_refused(const evtwin__csv_reader *reader, size_t *size_out);

/* ---- write ---- */

/* Append the header line, or rows first to last - 1, of a table. EVTWIN_E_DATA for a value that CSV
 * cannot hold (infinity). After a failure text is as it was. */
evtwin_status evtwin__csv_write_header(const evtwin_table *table, evtwin__text *text);
evtwin_status evtwin__csv_write_rows(const evtwin_table *table, size_t first, size_t last,
                                     evtwin__text *text);

/* Append the names of the columns (row = SIZE_MAX) or the values of a row, each behind a delimiter,
 * in a dialect. */
evtwin_status evtwin__csv_append_cells(const evtwin_table *table, size_t row, char delimiter,
                                       char decimal, evtwin__text *text);

#endif
