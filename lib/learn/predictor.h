/* SPDX-License-Identifier: MIT */
/* learn/predictor.h: a loaded bundle as its files see it. */
#ifndef EVTWIN_LEARN_PREDICTOR_H
#define EVTWIN_LEARN_PREDICTOR_H

#include "learn/bundle.h"
#include "learn/past.h"
#include "learn/session.h"

#include <stdatomic.h>

struct evtwin_predictor {
    evtwin__bundle bundle;
    evtwin__past *past;             /* NULL = a row's own values are all that the models see */
    size_t target[EVTWIN__T_COUNT]; /* (n_targets) those that the bundle has a model of */
    size_t n_targets;
    char *version;            /* that was set, NULL = that of the bundle */
    evtwin_coverage coverage; /* what the ends of intervals in a table promise */
    atomic_int has_logged;    /* what is presumed of a table: the one thing that changes */
};

/* The model_version of its predictions. */
const char *evtwin__predictor_version(const evtwin_predictor *predictor);

/* How many rows evtwin__predictor_rows looks at at once, of EVTWIN__BLOCK_VALUES values. */
enum { EVTWIN__BLOCK_VALUES = 4096, EVTWIN__BLOCK_ROWS = 512 };
size_t evtwin__predictor_block(const evtwin_predictor *predictor);

/* What is predicted of a table's rows. */
typedef struct evtwin__predicted {
    double *y;       /* (rows, n_targets) */
    double *rul_row; /* (rows) what the model says of the row alone; NULL = not wanted */
} evtwin__predicted;

/* Fill it, in memory of the caller: all that can go wrong with a table's data goes wrong here,
 * before it is touched. */
evtwin_status evtwin__predictor_rows(const evtwin_predictor *predictor, const evtwin_table *table,
                                     const evtwin__past_source *source, evtwin__impossible *found,
                                     const evtwin__predicted *out);

#endif
