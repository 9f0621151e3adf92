/* SPDX-License-Identifier: MIT */
/* serve/alert_judge.h: what is wrong with the batteries, as findings for the book of alerts. */
#ifndef EVTWIN_SERVE_ALERT_JUDGE_H
#define EVTWIN_SERVE_ALERT_JUDGE_H

#include "serve/alert_book.h"
#include "serve/condition.h"

/* The time of day may be set while batteries send: all seem silent then until they have sent again.
 * All zero: not looked at yet. */
typedef struct evtwin__steady {
    int is_known, has_jumped;
    int64_t offset_us, jumped_us;
} evtwin__steady;

/* For how many seconds the time of day has gone as the monotonic clock has; INFINITY: always. */
double evtwin__steady_s(evtwin__steady *steady, int64_t now_us, int64_t monotonic_us);

/* Within a round, look at all batteries (current as evtwin_store_latest gives it; NULL: there is
 * none) for limits of kind status and alert, silence, and predictions that stopped. Silence raises
 * nothing before steady_s, of evtwin__steady_s, is as long as the battery may be silent. */
evtwin_status evtwin__alert_judge(evtwin__alert_book *book, const evtwin_thresholds *thresholds,
                                  const evtwin__patience *patience, const evtwin_table *current,
                                  int64_t now_us, double steady_s);

#endif
