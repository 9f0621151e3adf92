/* SPDX-License-Identifier: MIT */
/* tools/train_mlflow.c: what evtwin-train does with MLflow. */

#include "train_mlflow.h"

#include <stdio.h>

enum { PATH_SIZE = 4096 };

evtwin_status train_mlflow_save(const evtwin_trainer *trainer, const char *folder) {
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < evtwin_target_count() && st >= 0; i++) {
        evtwin_target target;
        evtwin_score score;
        char dir[PATH_SIZE];
        evtwin_target_get(i, &target, sizeof target);
        if (evtwin_trainer_score(trainer, target.name, EVTWIN_SCORED_MODEL, EVTWIN_ALL_FOLDS,
                                 &score, sizeof score) == EVTWIN_E_NOT_FOUND) {
            continue; /* it was not trained */
        }
        snprintf(dir, sizeof dir, "%s/evtwin-%s", folder, target.name);
        st = evtwin_trainer_save_mlflow(trainer, target.name, dir, NULL);
    }
    return st;
}
