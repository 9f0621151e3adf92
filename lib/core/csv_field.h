/* SPDX-License-Identifier: MIT */
/* core/csv_field.h: one field of a CSV record that goes into its column. */
#ifndef EVTWIN_CORE_CSV_FIELD_H
#define EVTWIN_CORE_CSV_FIELD_H

#include "core/csv_record.h"

/* "%s:%zu:%zu: ": a field (from 1) of the record at scan.at. */
#define EVTWIN__CSV_AT(r, field) (r)->scan.name, (r)->scan.line, (size_t)(field)

/* The field without the blanks around its text. */
evtwin__csv_field evtwin__csv_trimmed(const evtwin__csv_field *field);

/* Store field i at the reader's row, by the plan of its target; a missing value is what the row
 * holds already. */
evtwin_status evtwin__csv_field_store(evtwin__csv_reader *reader, size_t i,
                                      const evtwin__csv_field *field);

#endif
