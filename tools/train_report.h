/* SPDX-License-Identifier: MIT */
/* tools/train_report.h: a training's scores for people. */
#ifndef EVTWIN_TOOLS_TRAIN_REPORT_H
#define EVTWIN_TOOLS_TRAIN_REPORT_H

#include "evtwin/audit.h"

/* Print to standard output: the contract's lines, tables beside baselines, findings. */
void train_report_print(const evtwin_trainer *trainer, const char *dir);

/* Print what an audit found, the worst first, with what to do. */
void train_report_audit(const evtwin_audit *audit);

#endif
