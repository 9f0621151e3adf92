/* SPDX-License-Identifier: MIT */
/* tools/train_mlflow.h: what evtwin-train does with MLflow. */
#ifndef EVTWIN_TOOLS_TRAIN_MLFLOW_H
#define EVTWIN_TOOLS_TRAIN_MLFLOW_H

#include "evtwin/evtwin.h"

/* Save each model that was trained to folder/evtwin-TARGET. */
evtwin_status train_mlflow_save(const evtwin_trainer *trainer, const char *folder);

/* A training that is done and saved. All is borrowed. */
typedef struct train_tracking {
    const char *uri, *experiment;
    int is_required; /* a failure is one of the tool */
    const char *path;
    const evtwin_table *table; /* NULL: it was trained in pieces */
    evtwin_trainer *trainer;
    int64_t start_us;
    const char *const *names, *const *values; /* (n) the options of the training */
    size_t n;
    int has_ids; /* the batteries' names are theirs, in whatever file they are */
} train_tracking;

/* Before the training: can the server be reached? 0 or an exit code, after the message. */
int train_mlflow_check(const char *uri);

/* Log it, register its models, let the champion move where it may. 0 or an exit code, after the
 * message; 0 after a failure that is not required. */
int train_mlflow_log(const train_tracking *what);

#endif
