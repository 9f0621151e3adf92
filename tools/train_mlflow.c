/* SPDX-License-Identifier: MIT */
/* tools/train_mlflow.c: a training as runs of MLflow: a parent with the options, the data, the
 * report and the bundle; below it a run for each model, with its parameters, rounds, scores and
 * importance.
 */

#include "cli/cli_tracking.h"
#include "train_session.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#define PARENT_TYPE "RUL and failure"

enum { PATH_SIZE = 4096, MAX_PARAM = 6000 };

evtwin_status train_mlflow_save(const evtwin_trainer *trainer, const char *folder) {
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < evtwin_target_count() && st >= 0; i++) {
        evtwin_target target;
        char dir[PATH_SIZE];
        if (figures_target(trainer, i, &target)) {
            snprintf(dir, sizeof dir, "%s/evtwin-%s", folder, target.name);
            st = evtwin_trainer_save_mlflow(trainer, target.name, dir, NULL);
        }
    }
    return st;
}

/* ---- runs ---- */

static const char *user_name(void) {
    const char *name = getenv("USER");
    name = name != NULL ? name : getenv("LOGNAME");
    return name != NULL ? name : "unknown";
}

/* A string as JSON has it; freed by the caller. */
static char *json_string(const char *text) {
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);
    if (f == NULL) {
        return NULL;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            fprintf(f, "\\%c", *c);
        } else if ((unsigned char)*c < 0x20) {
            fprintf(f, "\\u%04x", (unsigned)(unsigned char)*c);
        } else {
            fputc(*c, f);
        }
    }
    if (fclose(f) != 0) {
        free(out);
        return NULL;
    }
    return out;
}

/* Markdown for the run's page: scores beside their baselines, what a reader should know. */
static char *make_note(const evtwin_trainer *trainer) {
    char *note = NULL;
    size_t size;
    FILE *f = open_memstream(&note, &size);
    if (f == NULL) {
        return NULL;
    }
    fprintf(f,
            "Trained by libevtwin %s. Scores are held out by battery.\n\n"
            "| model | score | error | mean | best single feature |\n|---|---|---|---|---|\n",
            EVTWIN_VERSION);
    for (size_t i = 0; i < evtwin_target_count(); i++) {
        evtwin_target target;
        if (!figures_target(trainer, i, &target)) {
            continue;
        }
        const int is_event = target.kind == EVTWIN_TARGET_EVENT;
        const evtwin_score m = figures_score(trainer, &target, EVTWIN_SCORED_MODEL);
        const evtwin_score mean = figures_score(trainer, &target, EVTWIN_SCORED_MEAN);
        const evtwin_score single = figures_score(trainer, &target, EVTWIN_SCORED_SINGLE);
        fprintf(f, "| %s | %s %.4g | %s %.5g | %.5g | %.5g (%s) |\n", target.title,
                is_event ? "AUC" : "R²", is_event ? m.auc : m.r2, is_event ? "Brier" : "RMSE",
                is_event ? m.brier : m.rmse, is_event ? mean.brier : mean.rmse,
                is_event ? single.brier : single.rmse, single.feature);
    }
    fputc('\n', f);
    for (size_t i = 0; i < evtwin_trainer_finding_count(trainer); i++) {
        evtwin_finding finding;
        evtwin_trainer_finding(trainer, i, &finding, sizeof finding);
        fprintf(f, "* %s: %s (%s)\n", finding.severity, finding.text, finding.cause);
    }
    if (fclose(f) != 0) {
        free(note);
        return NULL;
    }
    return note;
}

static void put_own_tags(track_list *tags, const train_session *s, const char *type) {
    char now[EVTWIN_TIME_TEXT_SIZE] = "";
    evtwin_time_format(s->what->start_us, now, sizeof now);
    track_text(tags, "model_type", type);
    track_text(tags, "date", now);
    track_text(tags, "evtwin.version", EVTWIN_VERSION);
    track_text(tags, "evtwin.model_version", s->model_version);
    if (s->digest[0] != '\0') {
        track_text(tags, "evtwin.data_sha256", s->digest);
    }
}

/* Those of a run that is made here say so too. */
static void put_tags(track_list *tags, const train_session *s, const char *type) {
    track_text(tags, "mlflow.source.name", "evtwin-train");
    track_text(tags, "mlflow.source.type", "LOCAL");
    track_text(tags, "mlflow.user", user_name());
    put_own_tags(tags, s, type);
}

static evtwin_status log_into_model_run(const train_session *s, const evtwin_target *target,
                                        evtwin_run *run, const char *model_id) {
    track_list params = {0}, metrics = {0}, rounds = {0};
    const evtwin_trainer *trainer = s->what->trainer;
    evtwin_status st = figures_put_params(&params, trainer, target);
    figures_put_scores(&metrics, trainer, target);
    figures_put_importance(&metrics, trainer, target);
    if (st >= 0) {
        st = figures_put_rounds(&rounds, trainer, target);
    }
    if (st >= 0 && (st = track_log_params(&params, run)) >= 0 &&
        (st = track_log_metrics(&rounds, run, NULL)) >= 0) {
        st = track_log_metrics(&metrics, run, model_id[0] != '\0' ? model_id : NULL);
    }
    track_clear(&params);
    track_clear(&metrics);
    track_clear(&rounds);
    return st;
}

/* A model: registered from the parent run, told in a run of its own. */
static evtwin_status log_target(train_session *s, const evtwin_target *target) {
    char model_id[EVTWIN_TRACK_ID_SIZE], prefix[64];
    evtwin_run *run = NULL;
    track_list tags = {0}, summary = {0};
    const evtwin_score score = figures_score(s->what->trainer, target, EVTWIN_SCORED_MODEL);
    TRY(session_register(s, target, model_id));
    snprintf(prefix, sizeof prefix, "%.50s_", target->name);
    figures_put_score(&summary, prefix, target, &score, 1);
    TRY(track_log_metrics(&summary, s->parent, NULL));
    put_tags(&tags, s,
             target->kind == EVTWIN_TARGET_EVENT ? "XGBoost classifier" : "XGBoost regressor");
    track_text(&tags, "target", target->name);
    TRY(session_start_run(s, s->parent, evtwin_run_experiment_id(s->parent), target->title, &tags,
                          &run));
    evtwin_status st = log_into_model_run(s, target, run, model_id);
    st = st < 0 ? st : session_log_search(s, target, run);
    return session_end_run(s, run, st);
}

/* ---- the parent ---- */

static evtwin_status log_data(const train_session *s) {
    char profile[128], source[PATH_SIZE + 64];
    evtwin_run_dataset data;
    const char *slash = strrchr(s->what->path, '/');
    char *uri = json_string(s->what->path);
    if (uri == NULL) {
        return EVTWIN_E_NOMEM;
    }
    evtwin_run_dataset_init(&data, sizeof data);
    snprintf(source, sizeof source, "{\"uri\": \"%s\"}", uri);
    snprintf(profile, sizeof profile, "{\"num_rows\": %zu, \"num_columns\": %zu}",
             evtwin_table_rows(s->what->table), evtwin_table_cols(s->what->table));
    free(uri);
    char digest[37];
    snprintf(digest, sizeof digest, "%.36s", s->digest[0] != '\0' ? s->digest : "unknown");
    data.name = slash != NULL ? slash + 1 : s->what->path;
    data.digest = digest;
    data.source = source;
    data.profile = s->what->table != NULL ? profile : NULL; /* NULL: trained in pieces */
    data.context = "training";
    return evtwin_run_log_dataset(s->parent, &data);
}

/* Tags again: a run that was taken up has not got them yet. */
static evtwin_status log_note(const train_session *s) {
    track_list tags = {0};
    char *note = make_note(s->what->trainer);
    if (note == NULL) {
        return EVTWIN_E_NOMEM;
    }
    put_own_tags(&tags, s, PARENT_TYPE);
    track_text(&tags, "mlflow.note.content", note);
    free(note);
    return track_log_tags(&tags, s->parent);
}

/* The report (docs/cli.md) with the audit's findings, and the bundle. */
static evtwin_status log_files(train_session *s) {
    char path[SESSION_PATH_SIZE];
    const char *json = evtwin_trainer_json(s->what->trainer, SESSION_BUNDLE);
    FILE *f = json != NULL ? fopen(session_path(s, "report.json", path), "wb") : NULL;
    const int is_written = f != NULL && fprintf(f, "%s\n", json) > 0;
    if ((f != NULL && fclose(f) != 0) || !is_written) {
        snprintf(s->error, sizeof s->error, "%.400s cannot be written", s->folder);
        return EVTWIN_E_IO;
    }
    TRY(evtwin_run_log_artifacts(s->parent, path, NULL));
    return evtwin_run_log_artifacts(s->parent, session_path(s, SESSION_BUNDLE, path),
                                    SESSION_BUNDLE);
}

/* A list of many features is longer than MLflow keeps: it is in the bundle, and no reason to log
 * nothing. */
static void put_option(track_list *params, const char *name, const char *value) {
    char part[MAX_PARAM + 1];
    if (snprintf(part, sizeof part, "%s", value) > MAX_PARAM) {
        cli_note("MLflow: the parameter %s is cut to the %d characters that it keeps", name,
                 MAX_PARAM);
    }
    track_text(params, name, part);
}

static evtwin_status log_into_parent(train_session *s) {
    track_list params = {0};
    for (size_t i = 0; i < s->what->n; i++) {
        put_option(&params, s->what->names[i], s->what->values[i]);
    }
    TRY(track_log_params(&params, s->parent));
    TRY(log_data(s));
    TRY(log_note(s));
    TRY(log_files(s));
    for (size_t i = 0; i < evtwin_target_count(); i++) {
        evtwin_target target;
        if (figures_target(s->what->trainer, i, &target)) {
            TRY(log_target(s, &target));
        }
    }
    return EVTWIN_OK;
}

/* The run that the environment names, as MLflow's own client takes it up, or a new one. */
static evtwin_status start_parent(train_session *s) {
    char experiment[EVTWIN_TRACK_ID_SIZE], name[300];
    const char *run_id = getenv("MLFLOW_RUN_ID"), *slash = strrchr(s->what->path, '/');
    track_list tags = {0};
    if (run_id != NULL && run_id[0] != '\0') {
        return evtwin_run_resume(s->tracker, run_id, &s->parent);
    }
    TRY(evtwin_tracker_experiment(s->tracker, s->what->experiment, experiment));
    snprintf(name, sizeof name, "%.250s", slash != NULL ? slash + 1 : s->what->path);
    put_tags(&tags, s, PARENT_TYPE);
    return session_start_run(s, NULL, experiment, name, &tags, &s->parent);
}

/* ---- the session ---- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* The bundle once more, by itself: the folder of --out may hold other files too. */
static evtwin_status make_folder(train_session *s) {
    char path[SESSION_PATH_SIZE];
    evtwin_predictor *bundle;
    evtwin_predictor_info info;
    const char *given = getenv("TMPDIR");
    const char *below = given != NULL && given[0] != '\0' ? given : "/tmp";
    const int n = snprintf(s->folder, sizeof s->folder, "%s/evtwin-train-XXXXXX", below);
    if (n >= (int)sizeof s->folder || mkdtemp(s->folder) == NULL) {
        const char *reason = n >= (int)sizeof s->folder ? "its name is too long" : strerror(errno);
        s->folder[0] = '\0';
        snprintf(s->error, sizeof s->error,
                 "a temporary folder cannot be made in %.400s: %s; TMPDIR names another", below,
                 reason);
        return EVTWIN_E_IO;
    }
    TRY(evtwin_trainer_save(s->what->trainer, session_path(s, SESSION_BUNDLE, path)));
    TRY(evtwin_predictor_load(path, &bundle));
    evtwin_predictor_info_get(bundle, &info, sizeof info);
    snprintf(s->model_version, sizeof s->model_version, "%s", info.version);
    evtwin_predictor_free(bundle);
    return EVTWIN_OK;
}

static int on_progress(void *ctx, const char *what, double done) {
    const train_session *s = ctx;
    (void)what;
    (void)done;
    return !s->is_ending && cli_stopping() != 0;
}

static evtwin_status open_tracker(const char *uri, train_session *s, int *code_out) {
    evtwin_tracker_options options;
    *code_out = cli_tracking_options(&options);
    if (*code_out != 0) {
        return EVTWIN_E_ARG;
    }
    options.progress = on_progress;
    options.progress_ctx = s;
    return evtwin_tracker_open(uri, &options, &s->tracker);
}

static evtwin_status log_all(train_session *s) {
    if (evtwin_file_sha256(s->what->path, s->digest, sizeof s->digest) < 0) {
        s->digest[0] = '\0';
    }
    TRY(make_folder(s));
    TRY(start_parent(s));
    char id[EVTWIN_TRACK_ID_SIZE];
    snprintf(id, sizeof id, "%s", evtwin_run_id(s->parent));
    const evtwin_status st = session_end_run(s, s->parent, log_into_parent(s));
    s->parent = NULL;
    if (st >= 0) {
        cli_note("MLflow: run %s of experiment %s at %s", id, s->what->experiment,
                 cli_shown(s->what->uri));
    }
    return st;
}

int train_mlflow_check(const char *uri) {
    train_session s = {0};
    evtwin_tracker_server server = {.size = sizeof server};
    int code = 0;
    evtwin_status st = open_tracker(uri, &s, &code);
    if (st >= 0) {
        st = evtwin_tracker_server_get(s.tracker, &server, sizeof server);
    }
    if (st < 0 && code == 0) {
        code = cli_fail(CLI_A_STORE, st,
                        "see --mlflow; without --mlflow-required training would continue");
    }
    evtwin_tracker_free(s.tracker);
    return code;
}

int train_mlflow_log(const train_tracking *what) {
    train_session s = {.what = what};
    int code = 0;
    cli_on_stop(CLI_STOP_ASKS, NULL);
    evtwin_status st = open_tracker(what->uri, &s, &code);
    if (st >= 0) {
        st = log_all(&s);
    }
    session_keep_error(&s, st);
    if (st < 0 && code == 0 && what->is_required) {
        cli_error("MLflow: %s; the models are saved all the same", s.error);
        code = st == EVTWIN_E_CANCELLED ? CLI_CANCELLED : cli_exit_code(CLI_A_STORE, st);
    } else if (st < 0 && code == 0) {
        cli_warning("MLflow: %s; the models are saved all the same", s.error);
    }
    if (s.folder[0] != '\0') {
        nftw(s.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    evtwin_tracker_free(s.tracker);
    return what->is_required ? code : 0;
}
