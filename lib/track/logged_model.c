/* SPDX-License-Identifier: MIT */
/* track/logged_model.c: models of a run, as the pages of MLflow 2 and 3 know them. */

#include "track/run.h"
#include "track/url.h"

#include "core/mem.h"
#include "core/status.h"

#include <string.h>

evtwin_status evtwin_run_note_model(evtwin_run *run, const char *model_json) {
    EVTWIN_FAIL_IF(run == NULL || model_json == NULL, EVTWIN_E_ARG, "run or model_json is NULL");
    evtwin__text body = {0};
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "run_id", run->id);
    evtwin__text_string(&body, "model_json", model_json);
    evtwin__text_put(&body, "}");
    return evtwin__track_call(
        run->tracker, &(evtwin__track_ask){"POST", "runs/log-model", run->id, &body, 1}, NULL);
}

static evtwin_status needs_3(evtwin_tracker *t) {
    evtwin_tracker_server server;
    EVTWIN_TRY(evtwin_tracker_server_get(t, &server, sizeof server));
    EVTWIN_FAIL_IF(
        !server.has_logged_models, EVTWIN_E_UNSUPPORTED,
        "%s: MLflow %s has no logged models, which came with 3.0; put the files among the "
        "run's artifacts",
        t->base, server.version);
    return EVTWIN_OK;
}

static evtwin_status read_model(evtwin_tracker *t, const json_t *answer, evtwin_logged_model *out) {
    json_t *model, *info;
    EVTWIN_TRY(evtwin__track_object(t, answer, "model", &model));
    EVTWIN_TRY(evtwin__track_object(t, model, "info", &info));
    EVTWIN_TRY(evtwin__track_string(t, info, "model_id", 1, out->id, sizeof out->id));
    return evtwin__track_string(t, info, "artifact_uri", 1, out->artifact_uri,
                                sizeof out->artifact_uri);
}

evtwin_status evtwin_run_begin_model(evtwin_run *run, const char *name, const char *type,
                                     evtwin_logged_model *out, size_t out_size) {
    EVTWIN_FAIL_IF(run == NULL || name == NULL || out == NULL, EVTWIN_E_ARG,
                   "run, name or out is NULL");
    EVTWIN_FAIL_IF(name[0] == '\0' || strpbrk(name, "/:.%\"'") != NULL, EVTWIN_E_ARG,
                   "logged model \"%.60s\": the name must not be empty or have / : . %% \" '",
                   name);
    EVTWIN_TRY(needs_3(run->tracker));
    evtwin__text body = {0};
    json_t *answer = NULL;
    evtwin_logged_model model = {.size = sizeof model};
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "experiment_id", run->experiment_id);
    evtwin__text_string(&body, "name", name);
    evtwin__text_string(&body, "source_run_id", run->id);
    if (type != NULL) {
        evtwin__text_string(&body, "model_type", type);
    }
    evtwin__text_put(&body, "}");
    evtwin_status st = evtwin__track_call(
        run->tracker, &(evtwin__track_ask){"POST", "logged-models", run->id, &body, 0}, &answer);
    if (st == EVTWIN_OK && (st = read_model(run->tracker, answer, &model)) == EVTWIN_OK) {
        evtwin__report_copy(out, out_size, &model, sizeof model);
    }
    json_decref(answer);
    return st;
}

static evtwin_status set_status(evtwin_run *run, const char *model_id, const char *status) {
    evtwin__text path = {0}, body = {0};
    evtwin__text_put(&path, "logged-models/");
    evtwin__url_add(&path, model_id, 0);
    char *text = evtwin__url_end(&path);
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "model_id", model_id);
    evtwin__text_string(&body, "status", status);
    evtwin__text_put(&body, "}");
    const evtwin_status st = evtwin__track_call(
        run->tracker, &(evtwin__track_ask){"PATCH", text, run->id, &body, 1}, NULL);
    evtwin__free(text);
    return st;
}

static evtwin_status add_output(evtwin_run *run, const char *model_id, int64_t step) {
    evtwin__text body = {0};
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "run_id", run->id);
    evtwin__text_open(&body, "models", '[');
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "model_id", model_id);
    evtwin__text_integer(&body, "step", step);
    evtwin__text_put(&body, "}]}");
    return evtwin__track_call(
        run->tracker, &(evtwin__track_ask){"POST", "runs/outputs", run->id, &body, 1}, NULL);
}

evtwin_status evtwin_run_finish_model(evtwin_run *run, const char *model_id, int is_whole,
                                      int64_t step) {
    EVTWIN_FAIL_IF(run == NULL || model_id == NULL, EVTWIN_E_ARG, "run or model_id is NULL");
    EVTWIN_TRY(
        set_status(run, model_id, is_whole ? "LOGGED_MODEL_READY" : "LOGGED_MODEL_UPLOAD_FAILED"));
    return is_whole ? add_output(run, model_id, step) : EVTWIN_OK;
}
