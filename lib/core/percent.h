/* SPDX-License-Identifier: MIT */
/* core/percent.h: a column in percent that may be one of fractions: who has it must say which. */
#ifndef EVTWIN_CORE_PERCENT_H
#define EVTWIN_CORE_PERCENT_H

#include "evtwin/base.h"

/* What was seen of its values. {0} is nothing. */
typedef struct evtwin__percent {
    size_t n;       /* values, until it was certain */
    double max;     /* of them */
    int is_certain; /* one lies outside of what fractions are */
} evtwin__percent;

/* Look at further values (rows); value may be NULL. */
void evtwin__percent_add(evtwin__percent *seen, const double *value, size_t rows);

/* EVTWIN_E_RANGE if all values are like fractions; of few values the log gets a warning. source is
 * the file, header the column's name in it, quantity ours. */
evtwin_status evtwin__percent_check(const evtwin__percent *seen, const char *source,
                                    const char *header, const char *quantity);

#endif
