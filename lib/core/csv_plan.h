/* SPDX-License-Identifier: MIT */
/* core/csv_plan.h: which column each field of a CSV goes to. */
#ifndef EVTWIN_CORE_CSV_PLAN_H
#define EVTWIN_CORE_CSV_PLAN_H

#include "core/csv_record.h"

/* reader->table becomes a new table with a column for each field, of its name, in its unit. */
evtwin_status evtwin__csv_plan_table(evtwin__csv_reader *reader);

/* Aim field i at its column of a table that is there, by our names, in our units, if it has one. */
evtwin_status evtwin__csv_plan_known(evtwin__csv_reader *reader, size_t i,
                                     const evtwin_table *table);

/* Is it a column in percent that may be one of fractions (percent.h)? */
int evtwin__csv_needs_scale(const evtwin__csv_target *target);

#endif
