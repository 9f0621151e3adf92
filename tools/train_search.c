/* SPDX-License-Identifier: MIT */
/* tools/train_search.c: what a search for parameters (--tune) tried, as runs of MLflow. */

#include "train_session.h"

#include <inttypes.h>

/* A parameter of XGBoost's, by its own name, and the column of evtwin_trainer_search. */
static const struct {
    const char *name, *column;
} params_of_a_set[] = {{"n_estimators", "trees"},
                       {"max_depth", "depth"},
                       {"learning_rate", "learning_rate"},
                       {"subsample", "subsample"},
                       {"colsample_bytree", "column_sample"},
                       {"min_child_weight", "min_child_weight"}};

static evtwin_status log_into_set(const evtwin_target *target, const evtwin_table *sets, size_t i,
                                  evtwin_run *run) {
    track_list params = {0}, metrics = {0};
    for (size_t k = 0; k < sizeof params_of_a_set / sizeof params_of_a_set[0]; k++) {
        char text[64];
        const size_t col = evtwin_table_find(sets, params_of_a_set[k].column);
        snprintf(text, sizeof text, "%.15g", evtwin_table_number(sets, col, i));
        track_text(&params, params_of_a_set[k].name, text);
    }
    const double error = evtwin_table_number(sets, evtwin_table_find(sets, "error"), i);
    const int is_event = target->kind == EVTWIN_TARGET_EVENT;
    track_number(&metrics, is_event ? "cv_brier" : "cv_rmse", is_event ? error * error : error, 0);
    evtwin_status st = track_log_params(&params, run);
    st = st < 0 ? st : track_log_metrics(&metrics, run, NULL);
    track_clear(&params);
    track_clear(&metrics);
    return st;
}

static evtwin_status log_set(train_session *s, const evtwin_target *target,
                             const evtwin_table *sets, size_t i, const evtwin_run *model_run) {
    char name[32];
    evtwin_run *run = NULL;
    track_list tags = {0};
    const int is_best = evtwin_table_number(sets, evtwin_table_find(sets, "is_best"), i) > 0.0;
    snprintf(name, sizeof name, "set %zu", i);
    track_text(&tags, "mlflow.source.name", "evtwin-train");
    track_text(&tags, "target", target->name);
    track_text(&tags, "evtwin.is_best", is_best ? "true" : "false");
    TRY(session_start_run(s, model_run, evtwin_run_experiment_id(model_run), name, &tags, &run));
    return session_end_run(s, run, log_into_set(target, sets, i, run));
}

evtwin_status session_log_search(train_session *s, const evtwin_target *target, evtwin_run *run) {
    evtwin_table *sets = NULL;
    evtwin_status st = evtwin_trainer_search(s->what->trainer, target->name, &sets);
    if (st == EVTWIN_E_NOT_FOUND) { /* without a search */
        return EVTWIN_OK;
    }
    for (size_t i = 0; i < evtwin_table_rows(sets) && st >= 0; i++) {
        st = log_set(s, target, sets, i, run);
    }
    evtwin_table_free(sets);
    return st;
}
