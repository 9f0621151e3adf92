/* SPDX-License-Identifier: MIT */
/* tools/predict_tool.h: the options of evtwin-predict and its two ways to run. */
#ifndef EVTWIN_TOOLS_PREDICT_TOOL_H
#define EVTWIN_TOOLS_PREDICT_TOOL_H

#include "cli/cli.h"

#include "evtwin/predictor.h"

/* Index of each option in the table of evtwin-predict.c. */
enum {
    PREDICT_MODELS,
    PREDICT_STORE,
    PREDICT_SOURCE,
    PREDICT_SINK,
    PREDICT_INTERVAL,
    PREDICT_ONCE,
    PREDICT_METRICS_PORT,
    PREDICT_CSV,
    PREDICT_OUT,
    PREDICT_UNIT,
    PREDICT_NAIVE_TIME,
    PREDICT_N_OPTIONS
};

/* Each returns an exit code. run_live takes the predictor. */
int predict_file(const cli *c, const evtwin_predictor *predictor);
int predict_live(const cli *c, evtwin_predictor *predictor);

#endif
