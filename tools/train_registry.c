/* SPDX-License-Identifier: MIT */
/* tools/train_registry.c: the models of a training as MLflow's logged models, versions of
 * registered models, and their aliases: staging is the newest, champion the best. */

#include "cli/cli.h"
#include "train_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGING "staging"
#define CHAMPION "champion"

enum { SOURCE_SIZE = EVTWIN_TRACK_URI_SIZE + 64, MAX_MLMODEL = 1 << 20 };

/* One model on its way. */
typedef struct model {
    const evtwin_target *target;
    char name[64];                 /* evtwin-rul */
    char id[EVTWIN_TRACK_ID_SIZE]; /* of MLflow 3; "" on 2 */
    char source[SOURCE_SIZE];      /* of the version */
    char folder[SESSION_PATH_SIZE];
} model;

/* ---- its files ---- */

static char *read_text(const char *path) {
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, MAX_MLMODEL + 1);
    if (f != NULL && text != NULL && fread(text, 1, MAX_MLMODEL, f) == 0) {
        text[0] = '\0';
    }
    if (f != NULL) {
        fclose(f);
    }
    return text;
}

/* Its folder; EVTWIN_E_UNSUPPORTED where Python cannot have it. */
static evtwin_status save(const train_session *s, model *m) {
    evtwin_mlflow_options o;
    evtwin_mlflow_options_init(&o, sizeof o);
    o.artifact_path = m->name;
    o.run_id = evtwin_run_id(s->parent);
    o.model_id = m->id[0] != '\0' ? m->id : NULL;
    session_path(s, m->name, m->folder);
    return evtwin_trainer_save_mlflow(s->what->trainer, m->target->name, m->folder, &o);
}

/* On 3.x a logged model. If its upload fails it says so on the server. */
static evtwin_status log_model(const train_session *s, model *m) {
    evtwin_logged_model logged = {.size = sizeof logged};
    TRY(evtwin_run_begin_model(s->parent, m->name,
                               m->target->kind == EVTWIN_TARGET_EVENT ? "classifier" : "regressor",
                               &logged, sizeof logged));
    snprintf(m->id, sizeof m->id, "%s", logged.id);
    evtwin_status st = save(s, m);
    if (st >= 0) {
        st = evtwin_tracker_upload(s->tracker, logged.artifact_uri, m->folder, NULL);
    }
    if (st < 0) {
        evtwin_run_finish_model(s->parent, logged.id, 0, 0);
        return st;
    }
    TRY(evtwin_run_finish_model(s->parent, logged.id, 1, 0));
    snprintf(m->source, sizeof m->source, "models:/%s", logged.id);
    return EVTWIN_OK;
}

/* On 2.x a folder among the run's artifacts. */
static evtwin_status log_folder(const train_session *s, model *m) {
    char path[SESSION_PATH_SIZE + 16];
    TRY(save(s, m));
    TRY(evtwin_run_log_artifacts(s->parent, m->folder, m->name));
    snprintf(path, sizeof path, "%s/MLmodel", m->folder);
    char *text = read_text(path);
    const evtwin_status st = text != NULL ? evtwin_run_note_model(s->parent, text) : EVTWIN_E_NOMEM;
    free(text);
    snprintf(m->source, sizeof m->source, "%s/%s", evtwin_run_artifact_uri(s->parent), m->name);
    return st;
}

/* A model that Python cannot have is registered as its bundle, which evtwin-predict takes. */
static evtwin_status upload(const train_session *s, model *m) {
    evtwin_tracker_server server = {.size = sizeof server};
    TRY(evtwin_tracker_server_get(s->tracker, &server, sizeof server));
    const evtwin_status st = save(s, m); /* before the server hears of it */
    if (st == EVTWIN_E_UNSUPPORTED) {
        cli_note("MLflow: %s; its version has the bundle only", evtwin_last_error());
        snprintf(m->source, sizeof m->source, "%s/" SESSION_BUNDLE,
                 evtwin_run_artifact_uri(s->parent));
        return EVTWIN_OK;
    }
    TRY(st);
    return server.has_logged_models ? log_model(s, m) : log_folder(s, m);
}

/* ---- its version and aliases ---- */

static evtwin_status create_version(const train_session *s, const model *m,
                                    evtwin_tracker_version *out) {
    const char *const keys[] = {"target", "evtwin.model_version", "evtwin.data_sha256"};
    const char *const values[] = {m->target->name, s->model_version, s->digest};
    evtwin_tracker_version_options o;
    evtwin_tracker_version_options_init(&o, sizeof o);
    o.run_id = evtwin_run_id(s->parent);
    o.model_id = m->id[0] != '\0' ? m->id : NULL;
    o.tag_keys = keys;
    o.tag_values = values;
    o.n_tags = s->digest[0] != '\0' ? 3 : 2;
    TRY(evtwin_tracker_register(s->tracker, m->name,
                                "made by evtwin-train; the run of a version has the whole bundle, "
                                "as artifact " SESSION_BUNDLE));
    return evtwin_tracker_create_version(s->tracker, m->name, m->source, &o, out, sizeof *out);
}

/* What is better: this training or the champion? Both models of a training have the same answer. */
static evtwin_status judge(train_session *s, const evtwin_tracker_version *champion) {
    char uri[SOURCE_SIZE], folder[SESSION_PATH_SIZE], name[64];
    static int number;
    if (champion->run_id[0] != '\0' && strcmp(champion->run_id, s->compared_run) == 0) {
        return EVTWIN_OK;
    }
    snprintf(s->compared_run, sizeof s->compared_run, "%s", champion->run_id);
    snprintf(uri, sizeof uri, "runs:/%s/" SESSION_BUNDLE, champion->run_id);
    snprintf(name, sizeof name, "champion-%d", number++);
    session_path(s, name, folder);
    const evtwin_status st = evtwin_tracker_download(s->tracker, uri, folder);
    if (st == EVTWIN_E_CANCELLED || st == EVTWIN_E_NOMEM) {
        return st;
    }
    if (st < 0) {
        s->verdict = (champion_verdict){0};
        snprintf(s->verdict.text, sizeof s->verdict.text, "its bundle cannot be fetched: %.300s",
                 evtwin_last_error());
        return EVTWIN_OK;
    }
    return champion_compare(s->what->trainer, s->what->table, s->what->has_ids, folder,
                            &s->verdict);
}

static evtwin_status choose_champion(train_session *s, const model *m,
                                     const evtwin_tracker_version *version) {
    char uri[SOURCE_SIZE];
    evtwin_tracker_version champion = {.size = sizeof champion};
    snprintf(uri, sizeof uri, "models:/%s@" CHAMPION, m->name);
    const evtwin_status st = evtwin_tracker_resolve(s->tracker, uri, &champion, sizeof champion);
    if (st == EVTWIN_E_NOT_FOUND) {
        cli_note("MLflow: %s version %s is the " CHAMPION ": there was none", m->name,
                 version->version);
        return evtwin_tracker_set_alias(s->tracker, m->name, CHAMPION, version->version);
    }
    TRY(st);
    TRY(judge(s, &champion));
    if (!s->verdict.is_better) {
        cli_note("MLflow: %s version %s stays the " CHAMPION ", not %s: %s", m->name,
                 champion.version, version->version, s->verdict.text);
        return EVTWIN_OK;
    }
    cli_note("MLflow: %s version %s is the " CHAMPION ", which was %s: %s", m->name,
             version->version, champion.version, s->verdict.text);
    return evtwin_tracker_set_alias(s->tracker, m->name, CHAMPION, version->version);
}

evtwin_status session_register(train_session *s, const evtwin_target *target, char *model_id_out) {
    model m = {.target = target};
    evtwin_tracker_version version = {.size = sizeof version};
    snprintf(m.name, sizeof m.name, "evtwin-%.40s", target->name);
    TRY(upload(s, &m));
    TRY(create_version(s, &m, &version));
    TRY(evtwin_tracker_set_alias(s->tracker, m.name, STAGING, version.version));
    TRY(choose_champion(s, &m, &version));
    snprintf(model_id_out, EVTWIN_TRACK_ID_SIZE, "%s", m.id);
    return EVTWIN_OK;
}
