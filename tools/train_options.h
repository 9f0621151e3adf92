/* SPDX-License-Identifier: MIT */
/* tools/train_options.h: the options of evtwin-train, in the order of its help. */
#ifndef EVTWIN_TOOLS_TRAIN_OPTIONS_H
#define EVTWIN_TOOLS_TRAIN_OPTIONS_H

#include "cli/cli.h"

enum {
    OUT,
    TARGET,
    FAILURE_TARGET,
    GROUP,
    GROUP_BY_RESET,
    ALLOW_SINGLE_ROWS,
    FEATURES,
    LABEL_RULE,
    EOL_SOH,
    CSV, /* the first of its options */
    CV = CSV + CLI_CSV_N_OPTIONS,
    REPEAT,
    TUNE,
    RECIPE,
    DERIVE,
    SEED,
    THREADS,
    IN_PIECES,
    SCRATCH,
    TOGETHER,
    TOGETHER_TIMEOUT,
    AUDIT_ONLY,
    ALLOW,
    JSON,
    MLFLOW,
    MLFLOW_EXPERIMENT,
    MLFLOW_REQUIRED,
    MLFLOW_MODELS,
    N_OPTIONS
};

extern const cli_option train_options[N_OPTIONS];

#endif
