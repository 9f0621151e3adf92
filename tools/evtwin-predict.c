/* SPDX-License-Identifier: MIT */
/* tools/evtwin-predict.c: remaining useful life and failure risk, of a live fleet or of a file. */

#include "check.h"
#include "predict_tool.h"

#include "evtwin/evtwin.h"

#include <stdlib.h>
#include <string.h>

static const cli_option options[PREDICT_N_OPTIONS] = {
    [PREDICT_MODELS] = CLI_STRING(
        "models", "DIR", "models", .group = "Models",
        .help = "bundle that evtwin-train saved, or models:/NAME@ALIAS or models:/NAME/VERSION "
                "of the MLflow server: when the alias moves, the new models take over"),
    [PREDICT_MLFLOW] =
        CLI_STRING("mlflow", "URI", "http://localhost:5000", .environment = "MLFLOW_TRACKING_URI",
                   .help = "the MLflow server of models:/…; credentials for it and its artifacts "
                           "come from MLflow's and the AWS tools' variables"),
    [PREDICT_MODELS_POLL] = CLI_RANGE(CLI_NUMBER, "models-poll", "S", "60", 0.1, 86400,
                                      .help = "seconds between two checks of the alias"),
    [PREDICT_MODELS_CACHE] = CLI_STRING(
        "models-cache", "DIR", NULL, .derived = models_default_cache,
        .help = "folder for bundles of models:/…, used at the start when the server is down; "
                "nobody else may write there; the default is ~/.cache/evtwin/models, or a folder "
                "of CACHE_DIRECTORY or XDG_CACHE_HOME"),
    [PREDICT_STORE] = CLI_STRING(
        "store", "URI", "sqlite:evtwin.db", .derived = cli_default_store, .group = "Live",
        .help = "predict every waiting row of this store, the batteries with the newest rows "
                "first, and write each prediction on its own row; waits for a store that does not "
                "exist yet; the default is the PostgreSQL of DB_HOST or PGHOST if one is set"),
    [PREDICT_SOURCE] =
        CLI_STRING("source", "URI", NULL,
                   .help = "instead of --store: take records from there (kafka://HOST/TOPIC, "
                           "mqtt://HOST/TOPIC, csv:FILE, jsonl:FILE, sqlite:FILE, sim:?…); needs "
                           "--sink"),
    [PREDICT_SINK] = CLI_STRINGS(
        "sink", "URI", NULL, .help = "where records with their predictions go; may be repeated"),
    [PREDICT_INTERVAL] = CLI_RANGE(CLI_NUMBER, "interval", "S", "5", 0.001, 86400,
                                   .environment = "PREDICTION_INTERVAL",
                                   .help = "seconds between two checks for new rows"),
    [PREDICT_ONCE] = CLI_FLAG("once", .help = "predict the waiting rows, then exit"),
    [PREDICT_CHECK] = CHECK_OPTION,
    DELIVERY_OPTIONS(PREDICT_SPOOL),
    SCRAPE_OPTIONS(PREDICT_METRICS, "9100", .environment = "METRICS_PORT"),
    [PREDICT_COVER] = CLI_STRING(
        "cover", "WHAT", "average", .choices = "average|each", .group = "Interval",
        .help = "how often the true RUL is between rul_low and rul_high: average: in nine rows of "
                "ten, as a mean over batteries; each: in eight rows of ten of 95 % of the "
                "batteries, which is wider"),
    [PREDICT_CSV] = CLI_STRING("csv", "IN", NULL, .group = "File",
                               .help = "predict every row of a file instead; needs --out"),
    [PREDICT_OUT] = CLI_STRING(
        "out", "OUT", NULL, .letter = 'o',
        .help =
            "the columns of IN unchanged, then rul_prediction, rul_low and rul_high (which contain "
            "the true RUL in nine rows of ten), failure_probability and, if a row could "
            "not be predicted, prediction_note with the reason; - = standard output"),
    [PREDICT_EXPLAIN] = CLI_RANGE(
        CLI_INTEGER, "explain", "[K]", "0", 0, 100, .implied = "3",
        .help = "add rul_reasons and failure_reasons: the K features that move a row's prediction "
                "farthest from the mean of the training data, such as \"state of health 82.5 %: "
                "-240 cycles\"; as objects in a --sink jsonl:FILE; a store keeps those of each "
                "battery's newest row, for evtwin-serve; without K 3, 0 = off"),
    [PREDICT_RUL_ROW] = CLI_FLAG(
        "rul-row", .help = "with --csv, add rul_row: the model's answer for the row alone; recipe "
                           "history makes the RUL of the battery from several such answers"),
    CLI_CSV_OPTIONS(PREDICT_CSV_OPTIONS, NULL),
};

static const cli_tool tool = {
    .name = "evtwin-predict",
    .purpose =
        "Predict remaining useful life (cycles) and failure risk with the models of evtwin-train, "
        "for\nevery new row of a store or for a CSV file. A missing input gives \"unknown\", never "
        "0.",
    .usage = "[OPTION]...\n[--models DIR] --csv IN --out OUT",
    .examples = "evtwin-predict --models models --store sqlite:evtwin.db\n"
                "evtwin-predict --models models --csv in.csv --out out.csv --explain 3\n"
                "evtwin-predict --once --metrics-port 0\n"
                "evtwin-predict --source jsonl:- --sink jsonl:predicted.jsonl < records.jsonl",
    .options = options,
    .n_options = PREDICT_N_OPTIONS,
};

/* Options that do not go together. */
static int check_combination(const cli *c) {
    const int has_csv = cli_text(c, PREDICT_CSV) != NULL,
              has_out = cli_text(c, PREDICT_OUT) != NULL;
    const int has_source = cli_text(c, PREDICT_SOURCE) != NULL;
    const int has_sink = cli_count(c, PREDICT_SINK) > 0;
    CLI_FAIL_IF(has_csv != has_out, CLI_USAGE, "%s",
                has_csv ? "--csv needs --out FILE (- for standard output)"
                        : "--out needs --csv FILE");
    CLI_FAIL_IF(
        cli_text(c, PREDICT_SPOOL + DELIVERY_SPOOL) != NULL && cli_integer(c, PREDICT_EXPLAIN) > 0,
        CLI_USAGE, "--explain and --spool are mutually exclusive: a spool keeps no reasons");
    CLI_FAIL_IF(!has_csv && cli_is_on(c, PREDICT_RUL_ROW), CLI_USAGE, "--rul-row needs --csv IN");
    CLI_FAIL_IF(has_source != has_sink, CLI_USAGE, "%s",
                has_source ? "--source needs --sink URI" : "--sink needs --source URI");
    CLI_FAIL_IF(has_csv && (has_source || cli_from(c, PREDICT_STORE) == CLI_FROM_FLAG), CLI_USAGE,
                "--csv and --store or --source are mutually exclusive");
    CLI_FAIL_IF(has_source && cli_from(c, PREDICT_STORE) == CLI_FROM_FLAG, CLI_USAGE,
                "--store and --source are mutually exclusive");
    CLI_FAIL_IF(cli_text(c, PREDICT_SPOOL + DELIVERY_SPOOL) != NULL && !has_source, CLI_USAGE,
                "--spool needs --source and --sink; the rows of a store wait there");
    CLI_TRY(delivery_check_options(c, PREDICT_SPOOL));
    CLI_TRY(models_check_options(c));
    CLI_TRY(scrape_check_options(c, PREDICT_METRICS, predict_without_metrics(c)));
    for (size_t i = 0; i < CLI_CSV_N_OPTIONS; i++) {
        const size_t option = PREDICT_CSV_OPTIONS + i;
        CLI_FAIL_IF(!has_csv && cli_from(c, option) == CLI_FROM_FLAG, CLI_USAGE,
                    "--%s belongs to --csv; a source csv:FILE takes it as a parameter",
                    options[option].name);
    }
    return cli_check_sinks(cli_items(c, PREDICT_SINK), cli_count(c, PREDICT_SINK));
}

static int check_all(const cli *c) {
    int code = 0;
    models_check(&code, c);
    if (cli_text(c, PREDICT_SOURCE) == NULL) {
        check_store(&code, cli_text(c, PREDICT_STORE));
    } else {
        check_source(&code, cli_text(c, PREDICT_SOURCE));
        for (size_t i = 0; i < cli_count(c, PREDICT_SINK); i++) {
            check_sink(&code, "sink", cli_item(c, PREDICT_SINK, i));
        }
        delivery_check_spool(&code, c, PREDICT_SPOOL, cli_items(c, PREDICT_SINK),
                             cli_count(c, PREDICT_SINK), NULL);
    }
    if (predict_without_metrics(c) == NULL) {
        scrape_check(&code, c, PREDICT_METRICS);
    }
    return code;
}

static int run(const cli *c) {
    CLI_TRY(check_combination(c));
    if (cli_is_on(c, PREDICT_CHECK)) {
        return check_all(c);
    }
    if (cli_text(c, PREDICT_CSV) == NULL) {
        cli_on_stop(CLI_STOP_QUITS, "nothing was predicted yet");
    }
    evtwin_predictor *predictor = NULL;
    evtwin_follower *follower = NULL;
    int code;
    CLI_TRY(models_load(c, &follower, &predictor));
    if (cli_text(c, PREDICT_CSV) == NULL) {
        code = predict_live(c, predictor, follower);
    } else {
        code = predict_file(c, predictor);
        evtwin_predictor_free(predictor);
    }
    evtwin_follower_free(follower);
    return code;
}

int main(int argc, char **argv) {
    return cli_main(&tool, argc, argv, run);
}
