/* SPDX-License-Identifier: MIT */
/* tools/evtwin-train.c: train the RUL and failure models on a CSV and save them as a bundle. */

#include "cli/cli.h"
#include "train_mlflow.h"
#include "train_options.h"
#include "train_report.h"
#include "train_together.h"

#include "evtwin/evtwin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cli_tool tool = {
    .name = "evtwin-train",
    .purpose =
        "Learn remaining useful life and failure risk from a CSV of labelled telemetry, and "
        "save the\nmodels as a bundle that evtwin-predict loads. Every score is held out and "
        "stands beside baselines.",
    .usage = "[OPTION]... DATA.csv",
    .positional = "DATA.csv",
    .examples =
        "evtwin-sim --until-eol --fleet 200 --csv fleet.csv && evtwin-train fleet.csv\n"
        "evtwin-train fleet.csv --audit-only               can this be learned from?\n"
        "evtwin-train fleet.csv --cv 5 --repeat 10 --recipe history\n"
        "evtwin-train EV_Predictive_Maintenance_Dataset_15min.csv --out models\n"
        "evtwin-train fleet.csv --cv 5 --json > scores.json\n"
        "evtwin-train cells.csv --group cell --target rul --features voltage_mean,cc_q --cv 5",
    .options = train_options,
    .n_options = N_OPTIONS,
};

/* What an option names, "" for "none". */
static const char *named(const cli *c, size_t option, const char *otherwise) {
    const char *name = cli_text(c, option);
    return name == NULL ? otherwise : strcmp(name, "none") == 0 ? "" : name;
}

/* The items of an option that may be given again, with commas between them; freed by the caller. */
static char *joined(const cli *c, size_t option) {
    char *list = NULL;
    size_t size;
    FILE *f = open_memstream(&list, &size);
    for (size_t i = 0; f != NULL && i < cli_count(c, option); i++) {
        fprintf(f, "%s%s", i > 0 ? "," : "", cli_item(c, option, i));
    }
    if (f == NULL || fclose(f) != 0) {
        free(list);
        return NULL;
    }
    return list;
}

/* All names that options give, or stand for, separated by commas; freed by the caller. */
static char *used_names(const cli *c, const evtwin_features *features) {
    const char *const others[] = {named(c, TARGET, "RUL,rul"),
                                  named(c, FAILURE_TARGET, "Failure_Probability,failure"),
                                  named(c, GROUP_BY_RESET, "")};
    char *list = NULL;
    size_t size;
    FILE *f = open_memstream(&list, &size);
    if (f == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < evtwin_features_count(features); i++) {
        fprintf(f, "%s,", evtwin_features_name(features, i));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        fprintf(f, "%s,", others[i]);
    }
    if (fclose(f) != 0) {
        free(list);
        return NULL;
    }
    return list;
}

/* Columns that an option names and the file lacks. */
static int check_columns(const cli *c, const char *path, const evtwin_csv *csv,
                         const evtwin_features *features) {
    const char *const others[] = {cli_text(c, TARGET), cli_text(c, FAILURE_TARGET),
                                  cli_text(c, GROUP), cli_text(c, GROUP_BY_RESET)};
    const size_t n = evtwin_features_count(features), n_all = n + sizeof others / sizeof *others;
    const char **names = calloc(n_all, sizeof *names);
    for (size_t i = 0; names != NULL && i < n_all; i++) {
        names[i] = i < n ? evtwin_features_name(features, i) : others[i - n];
    }
    const int code = names == NULL ? cli_out_of_memory()
                                   : cli_check_columns(path, csv, names, n_all,
                                                       "see --features, --target and --group");
    free(names);
    return code;
}

/* Features, targets and the counter must be numbers; a group may be any text. */
static int open_data(const cli *c, const char *path, evtwin_csv **out) {
    evtwin_features *features;
    const evtwin_status st = evtwin_features_create(cli_text(c, FEATURES), &features);
    if (st < 0) {
        cli_fail(CLI_AN_OPTION, st, "see --features");
        return CLI_USAGE;
    }
    evtwin_csv *csv = NULL;
    char *names = used_names(c, features);
    int code = names == NULL ? cli_out_of_memory()
                             : cli_open_csv(c, CSV, path, names, cli_text(c, GROUP), NULL,
                                            cli_text(c, GROUP_BY_RESET) != NULL, &csv);
    code = code == 0 ? check_columns(c, path, csv, features) : code;
    if (code == 0) {
        *out = csv;
    } else {
        evtwin_csv_free(csv);
    }
    free(names);
    evtwin_features_free(features);
    return code;
}

static int read_data(const cli *c, const char *path, evtwin_table **out) {
    evtwin_csv *csv = NULL;
    int code = open_data(c, path, &csv);
    code = code == 0 ? cli_read_csv(csv, out) : code;
    evtwin_csv_free(csv);
    return code;
}

/* The batteries of a column of strings, and how many of them have one row only; none if the column
 * is absent. */
static size_t count_batteries(const cli *c, const evtwin_table *table, size_t *n_single_out) {
    const char *group = cli_text(c, GROUP);
    const size_t col = group != NULL ? evtwin_table_find(table, group)
                                     : evtwin_telemetry_find(table, "battery_id");
    const size_t n = evtwin_table_dict_size(table, col);
    const int32_t *code = evtwin_table_codes(table, col);
    size_t *n_rows = calloc(n + 1, sizeof *n_rows);
    const int is_known = n_rows != NULL && code != NULL;
    *n_single_out = 0;
    for (size_t r = 0; is_known && r < evtwin_table_rows(table); r++) {
        n_rows[code[r] < 0 ? n : (size_t)code[r]]++;
    }
    for (size_t i = 0; is_known && i < n; i++) {
        *n_single_out += n_rows[i] == 1;
    }
    free(n_rows);
    return is_known ? n : 0;
}

/* What to do about a failure of the training, as flags; NULL if its text says all. */
static const char *next_step_of(const cli *c, const evtwin_table *table, evtwin_status st) {
    if (st == EVTWIN_E_RANGE) { /* telemetry in another unit, or a label that cannot be */
        return evtwin_telemetry_check(table) == EVTWIN_E_RANGE ? cli_after_range() : NULL;
    }
    if (st != EVTWIN_E_DATA || cli_text(c, GROUP_BY_RESET) != NULL) {
        return NULL;
    }
    size_t n_single;
    const size_t n = count_batteries(c, table, &n_single);
    if (n_single > 0 && evtwin_table_rows(table) > 1 && !cli_is_on(c, ALLOW_SINGLE_ROWS)) {
        return "--group names it; --allow-single-rows trains on them all the same";
    }
    if (cli_is_set(c, CV) && (int64_t)n < cli_integer(c, CV)) {
        return "give --cv fewer, or leave it out (one battery is split by time), or name the "
               "battery's column with --group, or a counter that restarts with --group-by-reset";
    }
    return NULL;
}

/* All known targets (n), with the columns that options name; freed by the caller. */
static evtwin_target *make_targets(const cli *c, size_t n) {
    evtwin_target *targets = calloc(n, sizeof *targets);
    for (size_t i = 0; targets != NULL && i < n; i++) {
        evtwin_target_get(i, &targets[i], sizeof targets[i]);
        targets[i].column = strcmp(targets[i].name, "rul") == 0       ? cli_text(c, TARGET)
                            : strcmp(targets[i].name, "failure") == 0 ? cli_text(c, FAILURE_TARGET)
                                                                      : targets[i].column;
    }
    return targets;
}

static void take_options(const cli *c, const char *path, evtwin_train_options *train) {
    evtwin_train_options_init(train, sizeof *train);
    train->group = cli_text(c, GROUP);
    train->group_by_reset = cli_text(c, GROUP_BY_RESET);
    train->allow_single_rows = cli_is_on(c, ALLOW_SINGLE_ROWS);
    train->features = cli_text(c, FEATURES);
    train->cv_folds = (int)cli_integer(c, CV);
    train->n_repeats = (int)cli_integer(c, REPEAT);
    train->n_tune = (int)cli_integer(c, TUNE);
    train->seed = (uint64_t)cli_integer(c, SEED);
    train->n_threads = (int)cli_integer(c, THREADS);
    train->label_rule = cli_text(c, LABEL_RULE);
    train->eol_soh_percent = cli_number(c, EOL_SOH);
    train->recipe = cli_text(c, RECIPE);
    train->derive = cli_text(c, DERIVE);
    train->scratch_dir = cli_text(c, SCRATCH);
    train->source_name = path;
    train->progress = cli_progress;
    train->keep_rounds = cli_text(c, MLFLOW) != NULL;
}

/* What a training learns from, and what it makes: with an audit to fill it only looks. */
typedef struct work {
    const evtwin_table *table;
    evtwin_csv *csv; /* in place of the table: in pieces */
    evtwin_trainer **trainer;
    evtwin_audit **audit;
    evtwin_peers *peers; /* NULL = alone */
} work;

static evtwin_status train_on(const work *w, const evtwin_target *targets, size_t n,
                              const evtwin_train_options *how) {
    return w->audit != NULL ? evtwin_audit_run(w->table, targets, n, how, w->audit)
           : w->csv != NULL ? evtwin_train_csv(w->csv, targets, n, how, w->trainer)
                            : evtwin_train(w->table, targets, n, how, w->trainer);
}

static int train_or_audit(const cli *c, const char *path, const work *w) {
    evtwin_train_options train;
    take_options(c, path, &train);
    const size_t n_targets = evtwin_target_count();
    evtwin_target *targets = make_targets(c, n_targets);
    char *allow = joined(c, ALLOW);
    if (targets == NULL || allow == NULL) {
        free(targets);
        free(allow);
        return cli_out_of_memory();
    }
    train.allow = allow;
    train.peers = w->peers;
    const evtwin_status st = train_on(w, targets, n_targets, &train);
    free(targets);
    free(allow);
    cli_progress_clear();
    if (w->peers != NULL && st == EVTWIN_E_EXTERNAL) { /* not about this file */
        return cli_fail(CLI_A_SERVICE, st, NULL);
    }
    /* the file is open: what fails then is the temporary one of a training in pieces */
    const cli_role role = w->csv != NULL && st == EVTWIN_E_IO ? CLI_AN_OUTPUT : CLI_AN_INPUT;
    return st < 0 ? cli_fail_about(path, role, st, next_step_of(c, w->table, st)) : 0;
}

/* Findings about leaks and implausible values are warnings too, whatever reads the report; each
 * with what to do. */
static void warn_of_findings(const char *path, const evtwin_trainer *trainer) {
    static const char *const abouts[] = {"label", "look-ahead", "identity", "plausibility"};
    for (size_t i = 0; i < evtwin_trainer_finding_count(trainer); i++) {
        evtwin_finding f;
        evtwin_trainer_finding(trainer, i, &f, sizeof f);
        for (size_t k = 0; k < sizeof abouts / sizeof abouts[0]; k++) {
            if (strcmp(abouts[k], f.about) == 0 && strcmp(f.severity, "warning") == 0) {
                cli_warning("%s: %s; %s", path, f.text, f.is_allowed ? "allowed" : f.advice);
            }
        }
    }
}

/* What the audit found; the worst first. */
static int report_audit(const cli *c, const char *path, evtwin_audit *audit) {
    const size_t n = evtwin_audit_refusal_count(audit);
    if (cli_is_on(c, JSON)) {
        const char *json = evtwin_audit_json(audit);
        if (json == NULL) {
            return cli_out_of_memory();
        }
        puts(json);
    } else {
        train_report_audit(audit);
    }
    if (n > 0) {
        cli_error("%s: training would be refused for %zu reason%s; --allow CAUSE overrides one",
                  path, n, cli_s(n));
    }
    return n > 0 ? CLI_DATA : 0;
}

/* Folders for Python, where they were asked for. */
static int save_models(const cli *c, const evtwin_trainer *trainer) {
    const char *folder = cli_text(c, MLFLOW_MODELS);
    if (folder == NULL) {
        return 0;
    }
    cli_begin_write(folder);
    return cli_end_write(folder, train_mlflow_save(trainer, folder),
                         "choose another folder with --mlflow-models");
}

static int save_and_report(const cli *c, evtwin_trainer *trainer) {
    const char *out = cli_text(c, OUT);
    size_t n_processes;
    const size_t process = evtwin_trainer_process(trainer, &n_processes);
    if (process > 0) { /* process 0 saves */
        return 0;
    }
    cli_begin_write(out);
    int code =
        cli_end_write(out, evtwin_trainer_save(trainer, out), "choose another folder with --out");
    if (code != 0 || (code = save_models(c, trainer)) != 0) {
        return code;
    }
    if (!cli_is_on(c, JSON)) {
        train_report_print(trainer, out);
        return 0;
    }
    const char *json = evtwin_trainer_json(trainer, out);
    if (json == NULL) {
        return cli_out_of_memory();
    }
    puts(json);
    return 0;
}

/* ---- MLflow ---- */

/* The options of the training, as they are set or by default: what is not of it comes after these
 * and before them. */
enum { FIRST_LOGGED = TARGET, LAST_LOGGED = ALLOW };

/* The value of an option as text; items is freed by the caller. */
static const char *logged_value(const cli *c, size_t option, char **items) {
    const cli_kind kind = train_options[option].kind;
    if (kind == CLI_SWITCH) {
        return cli_is_on(c, option) ? "true" : "false";
    }
    if (kind == CLI_LIST) {
        *items = joined(c, option);
        return *items != NULL ? *items : "";
    }
    const char *text = cli_text(c, option);
    return text != NULL ? text : "";
}

static int track(const cli *c, const char *path, const evtwin_table *table, int64_t start_us,
                 evtwin_trainer *trainer) {
    const char *names[N_OPTIONS], *values[N_OPTIONS];
    char *items[N_OPTIONS] = {NULL};
    size_t n = 0;
    for (size_t i = FIRST_LOGGED; i <= LAST_LOGGED; i++) {
        names[n] = train_options[i].name;
        values[n] = logged_value(c, i, &items[n]);
        n++;
    }
    const train_tracking what = {.uri = cli_text(c, MLFLOW),
                                 .experiment = cli_text(c, MLFLOW_EXPERIMENT),
                                 .is_required = cli_is_on(c, MLFLOW_REQUIRED),
                                 .path = path,
                                 .table = table,
                                 .trainer = trainer,
                                 .start_us = start_us,
                                 .names = names,
                                 .values = values,
                                 .n = n,
                                 .has_ids = cli_text(c, GROUP_BY_RESET) == NULL};
    /* of processes that train together the one that saves */
    const int is_logged = what.uri != NULL && evtwin_trainer_process(trainer, NULL) == 0;
    const int code = is_logged ? train_mlflow_log(&what) : 0;
    for (size_t i = 0; i < n; i++) {
        free(items[i]);
    }
    return code;
}

/* What needs the whole file at once. */
static int check_pieces(const cli *c) {
    static const size_t whole[] = {CV, REPEAT, TUNE, GROUP_BY_RESET, DERIVE, TOGETHER, AUDIT_ONLY};
    if (!cli_is_on(c, IN_PIECES)) {
        if (cli_is_set(c, SCRATCH)) {
            cli_error("--scratch is the folder of --in-pieces, which is not given");
            return CLI_USAGE;
        }
        return 0;
    }
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        if (cli_is_set(c, whole[i])) {
            cli_error("--%s needs the whole file in memory: leave it or --in-pieces out",
                      train_options[whole[i]].name);
            return CLI_USAGE;
        }
    }
    if (strcmp(cli_text(c, RECIPE), "history") == 0) {
        cli_error("--recipe history needs the whole file in memory: leave it or --in-pieces out");
        return CLI_USAGE;
    }
    return 0;
}

/* Options that do not go together, and what cannot be written. */
static int check_options(const cli *c) {
    CLI_FAIL_IF(cli_argument(c) == NULL, CLI_USAGE,
                "which CSV? usage: evtwin-train [OPTION]... DATA.csv");
    CLI_FAIL_IF(cli_text(c, GROUP) != NULL && cli_text(c, GROUP_BY_RESET) != NULL, CLI_USAGE,
                "--group and --group-by-reset are mutually exclusive");
    CLI_FAIL_IF(cli_is_set(c, REPEAT) && !cli_is_set(c, CV), CLI_USAGE,
                "--repeat needs --cv K: it scores other assignments of batteries to K folds");
    CLI_TRY(check_pieces(c));
    CLI_FAIL_IF(cli_integer(c, REPEAT) > 1 && cli_is_set(c, TUNE), CLI_USAGE,
                "--tune and --repeat are mutually exclusive: a search is nested in the folds of "
                "one assignment");
    CLI_FAIL_IF(cli_is_set(c, TOGETHER_TIMEOUT) && !cli_is_on(c, TOGETHER), CLI_USAGE,
                "--together-timeout is a limit of --together, which is not given");
    if (cli_is_on(c, AUDIT_ONLY)) {
        return 0;
    }
    CLI_TRY(cli_check_output_folder(cli_text(c, OUT)));
    if (cli_text(c, MLFLOW_MODELS) != NULL) {
        CLI_TRY(cli_check_output_folder(cli_text(c, MLFLOW_MODELS)));
    }
    if (cli_is_on(c, MLFLOW_REQUIRED)) {
        CLI_FAIL_IF(cli_text(c, MLFLOW) == NULL, CLI_USAGE,
                    "--mlflow-required needs --mlflow URI, or MLFLOW_TRACKING_URI");
        CLI_TRY(train_mlflow_check(cli_text(c, MLFLOW)));
    }
    return 0;
}

/* The models are in one place for all processes, or in none. */
static int finish_training(const cli *c, const char *path, const work *w, int64_t start_us) {
    size_t n_processes;
    const size_t process = evtwin_peers_rank(w->peers, &n_processes);
    warn_of_findings(path, *w->trainer);
    CLI_TRY(train_together_agree(w->peers, save_and_report(c, *w->trainer)));
    if (process > 0) {
        cli_note("this was process %zu of %zu; process 0 has saved the models", process,
                 n_processes);
    }
    return track(c, path, w->table, start_us, *w->trainer);
}

static int train(const cli *c, evtwin_peers *peers) {
    const char *path = cli_argument(c);
    const int64_t start_us = evtwin_time_now();
    CLI_TRY(train_together_fail(peers, check_options(c)));
    cli_on_stop(CLI_STOP_LEAVES, "nothing was saved");
    evtwin_table *table = NULL;
    evtwin_csv *csv = NULL;
    evtwin_trainer *trainer = NULL;
    evtwin_audit *audit = NULL;
    int code = train_together_fail(peers, cli_is_on(c, IN_PIECES) ? open_data(c, path, &csv)
                                                                  : read_data(c, path, &table));
    const work w = {table, csv, &trainer, cli_is_on(c, AUDIT_ONLY) ? &audit : NULL, peers};
    code = code == 0 ? train_or_audit(c, path, &w) : code;
    if (code == 0) {
        code =
            audit != NULL ? report_audit(c, path, audit) : finish_training(c, path, &w, start_us);
    }
    evtwin_audit_free(audit);
    evtwin_trainer_free(trainer);
    evtwin_csv_free(csv);
    evtwin_table_free(table);
    return code;
}

static int run(const cli *c) {
    evtwin_peers *peers = NULL;
    CLI_TRY(train_together_join(c, &peers));
    const int code = train(c, peers);
    evtwin_peers_free(peers);
    return code;
}

int main(int argc, char **argv) {
    return cli_main(&tool, argc, argv, run);
}
