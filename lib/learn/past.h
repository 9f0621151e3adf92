/* SPDX-License-Identifier: MIT */
/* learn/past.h: rows of a model's features, some of which are of their battery's past. */
#ifndef EVTWIN_LEARN_PAST_H
#define EVTWIN_LEARN_PAST_H

#include "learn/features.h"
#include "learn/group.h"

#include <stdint.h>

/* Which columns of a row are of a past, and what has to be kept for them. */
typedef struct evtwin__past evtwin__past;

/* Of features from evtwin__features_create; counter: the feature that counts cycles, "" = each row
 * is one. *out is NULL if no feature is of a past. */
evtwin_status evtwin__past_create(const evtwin_features *features, const char *counter,
                                  evtwin__past **out);
/* NULL is fine. */
void evtwin__past_free(evtwin__past *past);

/* The number of doubles that are kept of a battery. */
size_t evtwin__past_size(const evtwin__past *past);
/* The number of doubles that a row brings: its own values, a place for what will be said of it, the
 * counter, what derived quantities are made of. */
size_t evtwin__past_width(const evtwin__past *past);
/* Nothing was seen. */
void evtwin__past_clear(const evtwin__past *past, double *kept);

/* What the doubles of a past mean, as 12 hex digits and NUL: pasts of one kind go on with each
 * other's. NULL, where nothing is kept, gives "". */
enum { EVTWIN__PAST_KIND_SIZE = 13 };
const char *evtwin__past_kind(const evtwin__past *past);
/* A battery's past under other models: they said nothing of its end of life yet. */
void evtwin__past_forget_said(const evtwin__past *past, double *kept);

/* Where a table has what derived quantities are made of; nothing is looked up without any. */
void evtwin__past_columns(const evtwin__past *past, const evtwin_table *table,
                          evtwin__derive_columns *out);
/* value (width) = the own values of a row of that table, x as evtwin__features_compute makes it. */
void evtwin__past_take(const evtwin__past *past, const evtwin__derive_columns *columns, size_t row,
                       const double *x, double *value);
/* They are the newest. */
void evtwin__past_push(const evtwin__past *past, double *kept, const double *value);
/* What a battery's life is, of what the model says of its newest row: the mean of the ends of life
 * (cycles so far and to go) that were said in the last ten cycles, less the cycles so far, and not
 * far above that of the last two. Once for each row that was pushed; NaN stays NaN. */
double evtwin__past_settle(const evtwin__past *past, double *kept, double cycles_to_go);

/* Put what is kept in its places of a row. */
void evtwin__past_fill(const evtwin__past *past, const double *kept, double *x);

/* 1 if a row is predicted only where this column is known. */
int evtwin__past_is_required(const evtwin__past *past, size_t col);
/* 1 if its quantity is derived: no row has a value of its own. */
int evtwin__past_is_derived(const evtwin__past *past, size_t col);

/* All rows of a table, x (rows, cols) as evtwin__features_compute makes it: each battery's by time.
 * cut (groups): how many of a battery's first rows are left out, as if it was met then; NULL =
 * none. Rows of no battery stand alone. */
evtwin_status evtwin__past_apply(const evtwin__past *past, const evtwin_table *table,
                                 const evtwin__groups *groups, const size_t *cut, double *x);

/* The feature that counts cycles; as many as there are features if rows count. */
size_t evtwin__past_counter(const evtwin__past *past);

/* Settle y[i * stride], which was said of row[i] (n, by battery, then time; NaN = nothing).
 * cycle (rows) may be NULL: rows count. */
void evtwin__settle_rows(const int32_t *group_of_row, const size_t *row, size_t n,
                         const double *cycle, double *y, size_t stride);

#endif
