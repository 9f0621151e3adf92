/* SPDX-License-Identifier: MIT */
/* core/threshold_rules.h: a set of limits as it lies in memory. */
#ifndef EVTWIN_CORE_THRESHOLD_RULES_H
#define EVTWIN_CORE_THRESHOLD_RULES_H

#include "core/thresholds.h"

enum { EVTWIN__MAX_RULES = 256 };

typedef struct evtwin__rule {
    evtwin_threshold_kind kind;
    size_t q;
    evtwin_health level;
    int is_below;
    double limit;
} evtwin__rule;

struct evtwin_thresholds {
    size_t n;
    evtwin__rule rules[EVTWIN__MAX_RULES];
};

#endif
