/* SPDX-License-Identifier: MIT */
/* learn/session.h: predictions of rows some of which have a value that cannot be. */
#ifndef EVTWIN_LEARN_SESSION_H
#define EVTWIN_LEARN_SESSION_H

#include "evtwin/session.h"
#include "learn/past.h"
#include "learn/watch.h"

/* Rows of a table of which a feature is outside its range in the schema, or infinite. */
typedef struct evtwin__impossible {
    size_t n_rows;
    size_t first_row; /* of them, if there are any */
} evtwin__impossible;

const evtwin__past *evtwin__predictor_past(const evtwin_predictor *predictor);

/* Who knows the batteries' past: fill puts it into x, the rows of a table; settle makes what is
 * said of their batteries of what y[row * stride] says of the rows. */
typedef struct evtwin__past_source {
    void (*fill)(void *ctx, double *x);
    void (*settle)(void *ctx, double *y, size_t stride);
    void *ctx;
    double **x_out; /* gets x, freed with evtwin__free; NULL = not wanted */
} evtwin__past_source;

/* 1 if a prediction can be made from these features. */
int evtwin__predictor_is_complete(const evtwin_predictor *predictor, const double *x);

/* *out = x (rows, features) with the past that the table itself has; freed with evtwin__free. NULL
 * where the models see no past. */
evtwin_status evtwin__predictor_past_rows(const evtwin_predictor *predictor,
                                          const evtwin_table *table, double **out);

/* evtwin_predictor_apply where such rows get a note instead of a prediction and keep no other from
 * theirs. source NULL: the past of a row is what the table has of it. */
evtwin_status evtwin__predictor_apply_each(const evtwin_predictor *predictor, evtwin_table *table,
                                           const evtwin__past_source *source,
                                           evtwin__impossible *found);

#endif
