/* SPDX-License-Identifier: MIT */
/* learn/audit_sample.h: beginnings of batteries with every column, on which features are compared
 * with columns, so that the work has a limit. */
#ifndef EVTWIN_LEARN_AUDIT_SAMPLE_H
#define EVTWIN_LEARN_AUDIT_SAMPLE_H

#include "learn/audit.h"

enum { EVTWIN__MAX_RUNS = 200, EVTWIN__RUN_ROWS = 250 };

typedef struct evtwin__sample {
    size_t first[EVTWIN__MAX_RUNS + 1], n_runs, n;
    size_t n_cols;
    double *v;     /* (n_cols, n): every numeric column */
    double *sum;   /* (n + 1) sums of the column that is looked at */
    double *scale; /* (n_cols) of the columns' values */
} evtwin__sample;

/* A feature made of rows of a column by weights, some of them on later rows (audit_filter.c); or by
 * itself, of values that are carried back (audit_fill.c). i: the feature; *is_found stays as it is
 * where nothing is found. */
evtwin_status evtwin__find_filtered(const evtwin__audit *a, const evtwin__sample *s, size_t i,
                                    int *is_found);
/* v: (n) scratch */
evtwin_status evtwin__find_filled(const evtwin__audit *a, const evtwin__sample *s, size_t i,
                                  double *v, int *is_found);

#endif
