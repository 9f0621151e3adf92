/* SPDX-License-Identifier: MIT */
/* serve/alert_judge.h: what is wrong with the batteries, as findings for the book of alerts. */
#ifndef EVTWIN_SERVE_ALERT_JUDGE_H
#define EVTWIN_SERVE_ALERT_JUDGE_H

#include "serve/alert_book.h"
#include "serve/condition.h"

/* Look at all batteries: current as evtwin_store_latest gives it; NULL: there is none. Limits of
 * kind status and alert, silence, and predictions that stopped. Within a round. */
evtwin_status evtwin__alert_judge(evtwin__alert_book *book, const evtwin_thresholds *thresholds,
                                  const evtwin__patience *patience, const evtwin_table *current,
                                  int64_t now_us);

#endif
