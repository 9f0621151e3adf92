/* SPDX-License-Identifier: MIT */
/* tools/train_options.c: see train_options.h. */

#include "train_options.h"

#include "evtwin/evtwin.h"

const cli_option train_options[N_OPTIONS] = {
    [OUT] = CLI_STRING("out", "DIR", "models", .group = "Output", .letter = 'o',
                       .help = "folder of the bundle; created if absent"),
    [TARGET] = CLI_STRING(
        "target", "COLUMN", NULL, .group = "Columns",
        .help = "remaining useful life, in cycles (default: the first of RUL, rul); `none` "
                "trains no RUL model"),
    [FAILURE_TARGET] =
        CLI_STRING("failure-target", "COLUMN", NULL,
                   .help = "failure, 0 or 1 (default: the first of Failure_Probability, "
                           "failure); `none` trains no failure model"),
    [GROUP] =
        CLI_STRING("group", "COLUMN", NULL,
                   .help = "column that identifies the battery: no battery is in both the training "
                           "and the test part (default: battery_id if there is one)"),
    [GROUP_BY_RESET] = CLI_STRING("group-by-reset", "COLUMN", NULL,
                                  .help = "a counter: a new battery begins where its value falls"),
    [ALLOW_SINGLE_ROWS] =
        CLI_FLAG("allow-single-rows",
                 .help = "allow batteries with a single row (otherwise an error: usually a wrong "
                         "--group)"),
    [FEATURES] =
        CLI_STRING("features", "A,B,...", NULL,
                   .help = "columns that the models use, instead of " EVTWIN_DEFAULT_FEATURES),
    [LABEL_RULE] =
        CLI_STRING("label-rule", "WORDS", NULL,
                   .help = "what end of life was when the labels were made, e.g. \"capacity below "
                           "80 % of new\"; the bundle records it, nothing checks it"),
    [EOL_SOH] = CLI_RANGE(CLI_NUMBER, "eol-soh", "PERCENT", "0", 0, 99.9,
                          .help = "end of life by the labels' rule, as a state of health: below it "
                                  "RUL is 0; 0: the lowest health in the labelled rows"),
    CLI_CSV_OPTIONS(CSV, "File"),
    [CV] = CLI_RANGE(CLI_INTEGER, "cv", "K", NULL, 2, 1000, .group = "Training",
                     .help = "score every battery once, by K-fold cross-validation by battery; "
                             "needs K batteries or more; the saved models are then trained on all "
                             "batteries (default: hold out 20 % of the batteries, and save the "
                             "models that were scored)"),
    [REPEAT] = CLI_RANGE(CLI_INTEGER, "repeat", "R", NULL, 1, 1000,
                         .help = "with --cv: score R assignments of batteries to folds, since a "
                                 "single score depends on chance; takes R times as long"),
    [TUNE] = CLI_RANGE(CLI_INTEGER, "tune", "N", NULL, 1, 1000,
                       .help = "search first: try N sets of parameters (the first is the default) "
                               "by 5-fold cross-validation by battery with early stopping, and "
                               "keep the best; batteries used for scoring have no part in the "
                               "search, so --cv K searches K + 1 times"),
    [RECIPE] = CLI_STRING("recipe", "NAME", "contract", .choices = "contract|history",
                          .help = "what the models use: contract: a row's own values; history: how "
                                  "they have changed in each battery, which gives a steadier RUL "
                                  "and takes longer to train (docs/learning-features.md)"),
    [DERIVE] =
        CLI_STRING("derive", "A,B,...", NULL,
                   .help = "with recipe history: also learn from quantities computed from rows "
                           "that are seconds to a minute apart, by name or \"all\": resistance, "
                           "throughput, charge curve (docs/learning-features.md)"),
    [SEED] = CLI_RANGE(CLI_INTEGER, "seed", "N", "0", 0, 9e15,
                       .help = "of the split: the same seed gives the same models"),
    [THREADS] = CLI_RANGE(CLI_INTEGER, "threads", "N", "0", 0, 256,
                          .help = "0 = one per core; results do not depend on it"),
    [IN_PIECES] = CLI_FLAG(
        "in-pieces",
        .help =
            "for a file that is larger than memory: read it once, some batteries at a time, and "
            "train from a temporary file, one model after another; takes 60 bytes of memory a "
            "row. Rows of a battery must stand together. Without --cv, --tune, --together, "
            "--group-by-reset "
            "and "
            "recipe history"),
    [SCRATCH] = CLI_STRING("scratch", "DIR", NULL,
                           .help = "with --in-pieces: folder of the temporary file, which takes "
                                   "about 100 bytes a row (default: TMPDIR, else /var/tmp)"),
    [TOGETHER] = CLI_FLAG("together",
                          .help = "train one model with other processes, each with a file of its "
                                  "own batteries, by XGBoost's collective: its tracker is named by "
                                  "DMLC_TRACKER_URI, DMLC_TRACKER_PORT and DMLC_TASK_ID "
                                  "(docs/scaling.md); process 0 saves the models"),
    [TOGETHER_TIMEOUT] =
        CLI_RANGE(CLI_NUMBER, "together-timeout", "S", "1800", 1, 1000000,
                  .help = "how long to wait for the other processes: to join, and to finish "
                          "reading when this process has the smaller file"),
    [AUDIT_ONLY] = CLI_FLAG(
        "audit-only", .group = "Audit (of every training)",
        .help = "only audit the data: report what would leak or mislead, and what to do about it; "
                "train and write nothing; exit code 65 if training would be refused"),
    [ALLOW] = CLI_STRINGS(
        "allow", "CAUSE", NULL,
        .help =
            "train although the audit refuses the data for this cause (the word in brackets after "
            "the finding); the bundle records it; may be repeated, or several separated by commas"),
    [JSON] =
        CLI_FLAG("json", .group = "Report",
                 .help = "print the scores as one JSON object (docs/cli.md) and nothing else on "
                         "standard output"),
    [MLFLOW] = CLI_STRING("mlflow", "URI", NULL, .group = "MLflow (docs/mlflow.md)",
                          .environment = "MLFLOW_TRACKING_URI",
                          .help = "log the training to this server (http://HOST:PORT) and register "
                                  "its models; passwords come from the environment"),
    [MLFLOW_EXPERIMENT] = CLI_STRING("mlflow-experiment", "NAME", "EV_Battery_Digital_Twin",
                                     .environment = "MLFLOW_EXPERIMENT_NAME",
                                     .help = "experiment of the runs; created if absent"),
    [MLFLOW_REQUIRED] =
        CLI_FLAG("mlflow-required",
                 .help = "fail if the server cannot be reached or refuses something; without this "
                         "option that is a warning, and the models are saved"),
    [MLFLOW_MODELS] = CLI_STRING(
        "mlflow-models", "DIR", NULL,
        .help = "also save each model as a folder DIR/evtwin-TARGET that mlflow.pyfunc.load_model "
                "opens in Python, for raw telemetry; needs no server"),
};
