/* SPDX-License-Identifier: MIT */
/* tools/train_mlflow.h: what evtwin-train does with MLflow. */
#ifndef EVTWIN_TOOLS_TRAIN_MLFLOW_H
#define EVTWIN_TOOLS_TRAIN_MLFLOW_H

#include "evtwin/evtwin.h"

/* Save each model that was trained to folder/evtwin-TARGET. */
evtwin_status train_mlflow_save(const evtwin_trainer *trainer, const char *folder);

#endif
