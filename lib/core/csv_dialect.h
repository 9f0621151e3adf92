/* SPDX-License-Identifier: MIT */
/* core/csv_dialect.h: how a CSV file is written: what separates fields, which sign is the decimal
 * one, where the header is. Recognised where it is certain, refused by name where it is not. */
#ifndef EVTWIN_CORE_CSV_DIALECT_H
#define EVTWIN_CORE_CSV_DIALECT_H

#include "core/csv_record.h"

/* EVTWIN_E_ARG for a delimiter or decimal sign that cannot be one; 0 = to be recognised. */
evtwin_status evtwin__csv_dialect_check(const evtwin_csv_options *options);

/* Go from the start of the file to its header: over skip_lines and a line "sep=;". The first call
 * decides the delimiter, and the decimal sign where it follows from it. EVTWIN_E_DATA if the file
 * ends before, EVTWIN_E_PARSE if two delimiters are equally likely. */
evtwin_status evtwin__csv_go_to_header(evtwin__csv_reader *reader);

/* Once the plan is made and the window has a record: decide the decimal sign by the fields that are
 * to be numbers. EVTWIN_E_PARSE naming fields that leave it open. */
evtwin_status evtwin__csv_decide_decimal(evtwin__csv_reader *reader);

/* EVTWIN_E_PARSE that names the line that looks like the header, if there is one below the line
 * that was taken for it; else EVTWIN_OK. only_known: only if it has names of the schema or of the
 * comma-separated list names (NULL = none). */
evtwin_status evtwin__csv_suggest_header(const evtwin__csv_reader *reader, int only_known,
                                         const char *names);

/* All of the text is digits with one such sign between them, perhaps in groups of three: -68,8. */
int evtwin__csv_is_decimal(const char *text, size_t length, char sign);
int evtwin__csv_may_be_thousands(const char *text, size_t length, char sign);

#endif
