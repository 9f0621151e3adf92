/* SPDX-License-Identifier: MIT */
/* learn/features.h: find a feature's or target's column in a table, and say well what is not there.
 */
#ifndef EVTWIN_LEARN_FEATURES_H
#define EVTWIN_LEARN_FEATURES_H

#include "evtwin/features.h"
#include "learn/derive.h"
#include "learn/history.h"

/* Column of that exact name, else of the telemetry quantity the name means under any naming;
 * EVTWIN_NO_COLUMN if there is none. */
size_t evtwin__column_find(const evtwin_table *table, const char *name);

/* evtwin_features_create; with_past: names that end in a statistic (soh.level) are of a past. */
evtwin_status evtwin__features_create(const char *names, int with_past, evtwin_features **out);

/* The statistic that ends a name, "soh.level", and the length of what is before its point, or of
 * the name where there is none (EVTWIN__H_NONE). */
evtwin__statistic evtwin__statistic_of(const char *name, size_t *length_out);

/* What feature i is of its column's past; the first feature of that column. */
evtwin__statistic evtwin__feature_statistic(const evtwin_features *features, size_t i);
size_t evtwin__feature_first_of(const evtwin_features *features, size_t i);
/* The derived quantity whose past it is, which no column has; EVTWIN__D_COUNT if a column has it.
 */
evtwin__derived evtwin__feature_derived(const evtwin_features *features, size_t i);

/* Column of feature i; EVTWIN_E_SCHEMA if the table lacks it or it is not numeric. */
evtwin_status evtwin__feature_column(const evtwin_features *features, size_t i,
                                     const evtwin_table *table, size_t *col_out);

/* evtwin_features_compute for a table without a second column of a quantity, and rows that it has;
 * infinite values are refused only if that is asked for. A feature of a past is the row's own value
 * of its column, which learn/past.h makes the past from; of a derived quantity NaN. */
evtwin_status evtwin__features_compute(const evtwin_features *features, const evtwin_table *table,
                                       size_t first_row, size_t rows, int refuse_infinite,
                                       double *x);

/* The same of what the table has: a column that it lacks is missing in every row. */
void evtwin__features_read(const evtwin_features *features, const evtwin_table *table,
                           size_t first_row, size_t rows, double *x);

/* EVTWIN_E_RANGE naming feature, value and limits if a value of feature i cannot be; NaN can. */
evtwin_status evtwin__feature_check(const evtwin_features *features, size_t i, double value);

/* 1 for F64, I64 and BOOL. */
int evtwin__column_is_number(const evtwin_table *table, size_t col);

/* "a, b, c" of the table's columns, cut with ", …" where it does not fit; gives back text. */
const char *evtwin__column_list(const evtwin_table *table, char *text, size_t text_size);

#endif
