/* SPDX-License-Identifier: MIT */
/* track/run.c: experiments and runs: found, made, gone on with, ended. */

#include "track/run.h"

#include "core/mem.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* ---- experiments ---- */

static evtwin_status find_experiment(evtwin_tracker *t, const char *name, char *id) {
    char *path = evtwin__track_path("experiments/get-by-name", "experiment_name", name, NULL);
    json_t *answer = NULL, *experiment;
    evtwin_status st =
        evtwin__track_call(t, &(evtwin__track_ask){"GET", path, NULL, NULL, 1}, &answer);
    evtwin__free(path);
    if (st == EVTWIN_OK &&
        (st = evtwin__track_object(t, answer, "experiment", &experiment)) == EVTWIN_OK &&
        (st = evtwin__track_string(t, experiment, "experiment_id", 1, id, EVTWIN_TRACK_ID_SIZE)) ==
            EVTWIN_OK) {
        const char *stage = json_string_value(json_object_get(experiment, "lifecycle_stage"));
        if (stage != NULL && strcmp(stage, "deleted") == 0) {
            st = evtwin__fail(
                EVTWIN_E_STATE,
                "%s: experiment \"%.200s\" was deleted: restore it (\"mlflow experiments "
                "restore --experiment-id %s\") or use another name",
                t->base, name, EVTWIN__TRACK_SHOWN(t, id));
        }
    }
    json_decref(answer);
    return st;
}

static evtwin_status make_experiment(evtwin_tracker *t, const char *name, char *id) {
    evtwin__text body = {0};
    json_t *answer = NULL;
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "name", name);
    evtwin__text_put(&body, "}");
    evtwin_status st = evtwin__track_call(
        t, &(evtwin__track_ask){"POST", "experiments/create", NULL, &body, 1}, &answer);
    if (st == EVTWIN_OK) {
        st = evtwin__track_string(t, answer, "experiment_id", 1, id, EVTWIN_TRACK_ID_SIZE);
    }
    json_decref(answer);
    return st;
}

evtwin_status evtwin_tracker_experiment(evtwin_tracker *tracker, const char *name, char *id) {
    EVTWIN_FAIL_IF(tracker == NULL || name == NULL || id == NULL, EVTWIN_E_ARG,
                   "tracker, name or id is NULL");
    EVTWIN_FAIL_IF(name[0] == '\0', EVTWIN_E_ARG, "the experiment has an empty name");
    char found[EVTWIN_TRACK_ID_SIZE];
    evtwin_status st = find_experiment(tracker, name, found);
    if (st == EVTWIN_E_NOT_FOUND) {
        st = make_experiment(tracker, name, found);
        if (st < 0 && strcmp(tracker->refusal, "RESOURCE_ALREADY_EXISTS") == 0) { /* by another */
            st = find_experiment(tracker, name, found);
        }
    }
    if (st == EVTWIN_OK) {
        memcpy(id, found, sizeof found);
    }
    return st;
}

/* ---- runs ---- */

evtwin_status evtwin_run_options_init(evtwin_run_options *options, size_t size) {
    const evtwin_run_options all = {.size = sizeof all};
    return evtwin__options_init(options, size, &all, sizeof all);
}

static int64_t ms_of(int64_t time_us) {
    return (time_us != 0 ? time_us : evtwin_time_now()) / 1000;
}

/* "run" of an answer: {"info": {…}} */
static evtwin_status read_run(const json_t *answer, evtwin_run *run) {
    const evtwin_tracker *t = run->tracker;
    json_t *body, *info;
    EVTWIN_TRY(evtwin__track_object(t, answer, "run", &body));
    EVTWIN_TRY(evtwin__track_object(t, body, "info", &info));
    EVTWIN_TRY(evtwin__track_string(t, info, "run_id", 1, run->id, sizeof run->id));
    EVTWIN_TRY(evtwin__track_string(t, info, "experiment_id", 1, run->experiment_id,
                                    sizeof run->experiment_id));
    EVTWIN_TRY(evtwin__track_string(t, info, "artifact_uri", 1, run->artifact_uri,
                                    sizeof run->artifact_uri));
    const char *stage = json_string_value(json_object_get(info, "lifecycle_stage"));
    EVTWIN_FAIL_IF(stage != NULL && strcmp(stage, "deleted") == 0, EVTWIN_E_STATE,
                   "%s: run %s was deleted: restore it, or start another", t->base,
                   EVTWIN__TRACK_SHOWN(t, run->id));
    return EVTWIN_OK;
}

static void write_tags(evtwin__text *body, const evtwin_run_options *o) {
    const char *const parent_key[] = {"mlflow.parentRunId"}, *const parent[] = {o->parent_run_id};
    evtwin__text all = {0};
    evtwin__track_tags(&all, NULL, o->tag_keys, o->tag_values, o->n_tags);
    if (o->parent_run_id != NULL) {
        evtwin__track_tags(&all, NULL, parent_key, parent, 1);
    }
    evtwin__text_open(body, "tags", '[');
    body->is_failed |= all.is_failed;
    if (all.size > 0) {
        evtwin__text_add(body, all.data, all.size);
    }
    evtwin__text_put(body, "]");
    evtwin__text_free(&all);
}

static evtwin_status start(evtwin_run *run, const char *experiment_id,
                           const evtwin_run_options *o) {
    evtwin__text body = {0};
    json_t *answer = NULL;
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "experiment_id", experiment_id);
    evtwin__text_integer(&body, "start_time", ms_of(o->start_time_us));
    if (o->name != NULL) {
        evtwin__text_string(&body, "run_name", o->name);
    }
    write_tags(&body, o);
    evtwin__text_put(&body, "}");
    evtwin_status st = evtwin__track_call(
        run->tracker, &(evtwin__track_ask){"POST", "runs/create", NULL, &body, 0}, &answer);
    if (st == EVTWIN_OK) {
        st = read_run(answer, run);
    }
    json_decref(answer);
    return st;
}

static evtwin_status make_run(evtwin_tracker *tracker, evtwin_run **out) {
    *out = evtwin__calloc(1, sizeof **out);
    EVTWIN_FAIL_IF(*out == NULL, EVTWIN_E_NOMEM, "out of memory for a run");
    (*out)->tracker = tracker;
    return EVTWIN_OK;
}

evtwin_status evtwin_run_start(evtwin_tracker *tracker, const char *experiment_id,
                               const evtwin_run_options *options, evtwin_run **out) {
    evtwin_run_options o = {.size = sizeof o};
    evtwin_run *run;
    EVTWIN_FAIL_IF(tracker == NULL || experiment_id == NULL || out == NULL, EVTWIN_E_ARG,
                   "tracker, experiment_id or out is NULL");
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, options, "evtwin_run_options_init"));
    EVTWIN_TRY(evtwin__track_check_tags(o.tag_keys, o.tag_values, o.n_tags));
    EVTWIN_TRY(make_run(tracker, &run));
    const evtwin_status st = start(run, experiment_id, &o);
    if (st < 0) {
        evtwin_run_free(run);
        return st;
    }
    *out = run;
    return EVTWIN_OK;
}

/* status: "RUNNING" without an end, or another with one. */
static evtwin_status update(evtwin_run *run, const char *status, int has_end) {
    evtwin__text body = {0};
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "run_id", run->id);
    evtwin__text_string(&body, "status", status);
    if (has_end) {
        evtwin__text_integer(&body, "end_time", ms_of(0));
    }
    evtwin__text_put(&body, "}");
    return evtwin__track_call(run->tracker,
                              &(evtwin__track_ask){"POST", "runs/update", run->id, &body, 1}, NULL);
}

static evtwin_status resume(evtwin_run *run, const char *run_id) {
    char *path = evtwin__track_path("runs/get", "run_id", run_id, NULL);
    json_t *answer = NULL;
    evtwin_status st = evtwin__track_call(
        run->tracker, &(evtwin__track_ask){"GET", path, run_id, NULL, 1}, &answer);
    if (st == EVTWIN_OK) {
        st = read_run(answer, run);
    }
    evtwin__free(path);
    json_decref(answer);
    return st;
}

evtwin_status evtwin_run_resume(evtwin_tracker *tracker, const char *run_id, evtwin_run **out) {
    evtwin_run *run;
    EVTWIN_FAIL_IF(tracker == NULL || run_id == NULL || out == NULL, EVTWIN_E_ARG,
                   "tracker, run_id or out is NULL");
    EVTWIN_TRY(make_run(tracker, &run));
    evtwin_status st = resume(run, run_id);
    if (st == EVTWIN_OK) {
        st = update(run, "RUNNING", 0);
    }
    if (st < 0) {
        evtwin_run_free(run);
        return st;
    }
    *out = run;
    return EVTWIN_OK;
}

void evtwin_run_free(evtwin_run *run) {
    evtwin__free(run);
}

const char *evtwin_run_id(const evtwin_run *run) {
    return run != NULL ? run->id : "";
}

const char *evtwin_run_experiment_id(const evtwin_run *run) {
    return run != NULL ? run->experiment_id : "";
}

const char *evtwin_run_artifact_uri(const evtwin_run *run) {
    return run != NULL ? run->artifact_uri : "";
}

evtwin_status evtwin_run_end(evtwin_run *run, evtwin_run_status status) {
    static const char *const word[] = {"FINISHED", "FAILED", "KILLED"};
    EVTWIN_FAIL_IF(run == NULL, EVTWIN_E_ARG, "run is NULL");
    EVTWIN_FAIL_IF((int)status < 0 || (int)status > EVTWIN_RUN_KILLED, EVTWIN_E_ARG,
                   "%d is not a status of a run", (int)status);
    return update(run, word[status], 1);
}

evtwin_status evtwin_run_log_artifacts(evtwin_run *run, const char *path, const char *at) {
    EVTWIN_FAIL_IF(run == NULL, EVTWIN_E_ARG, "run is NULL");
    return evtwin_tracker_upload(run->tracker, run->artifact_uri, path, at);
}
