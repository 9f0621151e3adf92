/* SPDX-License-Identifier: MIT */
/* tools/train_report.h: a training's scores for people. */
#ifndef EVTWIN_TOOLS_TRAIN_REPORT_H
#define EVTWIN_TOOLS_TRAIN_REPORT_H

#include "evtwin/train.h"

/* Print to standard output: the contract's lines, tables beside base lines, findings. features as
 * in evtwin_train_options. */
void train_report_print(const evtwin_trainer *trainer, const char *features, const char *dir);

#endif
