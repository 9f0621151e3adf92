/* SPDX-License-Identifier: MIT */
/* core/csv_plan.h: what reading a whole CSV at once and reading it piece by piece share. */
#ifndef EVTWIN_CORE_CSV_PLAN_H
#define EVTWIN_CORE_CSV_PLAN_H

#include "core/csv_record.h"

/* reader->table becomes a new table with a column for each field, of its name, in its unit. */
evtwin_status evtwin__csv_plan_table(evtwin__csv_reader *reader);

/* What was seen of a column in percent that may be one of fractions. */
typedef struct evtwin__csv_scale {
    size_t n;       /* values, until it was certain */
    double max;     /* of them */
    int is_certain; /* one lies outside of what fractions are */
} evtwin__csv_scale;

/* Is it a column of that kind? */
int evtwin__csv_needs_scale(const evtwin__csv_target *target);
/* Look at further values (rows). */
void evtwin__csv_scale_add(evtwin__csv_scale *scale, const double *value, size_t rows);
/* EVTWIN_E_RANGE if all values are like fractions; of few values the log gets a warning. */
evtwin_status evtwin__csv_scale_check(const evtwin__csv_reader *reader,
                                      const evtwin__csv_target *target,
                                      const evtwin__csv_scale *scale);

#endif
