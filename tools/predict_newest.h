/* SPDX-License-Identifier: MIT */
/* tools/predict_newest.h: the newest prediction of each battery in one cycle, for the console. */
#ifndef EVTWIN_TOOLS_PREDICT_NEWEST_H
#define EVTWIN_TOOLS_PREDICT_NEWEST_H

#include "evtwin/table.h"

#include <stdio.h>

typedef struct newest newest;

newest *newest_create(void); /* NULL when memory is out */
void newest_free(newest *n);
void newest_clear(newest *n);

/* Take in a batch with predictions; what does not fit in memory is counted but not shown. */
void newest_observe(newest *n, const evtwin_table *batch);

/* Rows taken in since it was cleared. */
size_t newest_rows(const newest *n);

/* Print the contract's line per battery, or one line for all where there are many and all is 0. */
void newest_print(const newest *n, FILE *f, int all);

#endif
