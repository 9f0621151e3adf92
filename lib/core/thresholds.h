/* SPDX-License-Identifier: MIT */
/* core/thresholds.h: what it takes to leave a broken limit, and the text that remembers which are
 * broken. */
#ifndef EVTWIN_CORE_THRESHOLDS_H
#define EVTWIN_CORE_THRESHOLDS_H

#include "evtwin/thresholds.h"

/* How far back beyond a limit of quantity q a value must come until the limit counts as left. */
double evtwin__limit_margin(size_t q, double limit);

/* NaN compares false either way: what is not known is beyond no limit. */
static inline int evtwin__limit_is_beyond(int is_below, double limit, double value) {
    return is_below ? value < limit : value > limit;
}

/* A limit is broken by a value beyond it, and stays broken until a value comes that is back by the
 * margin; a value that is not known (NaN) changes nothing. */
static inline int evtwin__limit_is_broken(int is_below, double limit, double margin, int was_broken,
                                          double value) {
    return evtwin__limit_is_beyond(is_below, limit, value) ||
           (was_broken && !(is_below ? value >= limit + margin : value <= limit - margin));
}

/* A text of broken limits has an entry for each, "status soc < 15 CRITICAL=14.2;": a key, and the
 * value that broke it last. A table with such texts has them in this column. */
#define EVTWIN__BROKEN_COLUMN "limits_broken"
enum { EVTWIN__LIMIT_KEY_SIZE = 128 };

void evtwin__limit_key(evtwin_threshold_kind kind, size_t q, int is_below, double limit,
                       evtwin_health level, char key[EVTWIN__LIMIT_KEY_SIZE]);

/* 1, and the value (NaN if the text has none that is a number), if the text (NULL = none) has the
 * key. value_out may be NULL. */
int evtwin__limit_find(const char *text, const char *key, double *value_out);

/* All status and alert rules that a row breaks, also where a stricter one is broken too. Otherwise
 * as evtwin_thresholds_broken. */
size_t evtwin__thresholds_all_broken(const evtwin_thresholds *thresholds, const evtwin_table *rows,
                                     size_t row, size_t *broken, size_t max);

#endif
