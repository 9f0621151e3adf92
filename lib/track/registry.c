/* SPDX-License-Identifier: MIT */
/* track/registry.c: registered models, their versions and aliases. */

#include "track/registry.h"
#include "track/url.h"

#include "core/mem.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* Send what was begun with evtwin__text_open(body, NULL, '{'). */
static evtwin_status post(evtwin_tracker *t, const char *path, const char *subject,
                          evtwin__text *body, int may_repeat, json_t **answer_out) {
    evtwin__text_put(body, "}");
    return evtwin__track_call(t, &(evtwin__track_ask){"POST", path, subject, body, may_repeat},
                              answer_out);
}

/* path is freed. */
static evtwin_status ask(evtwin_tracker *t, char *path, const char *subject, json_t **answer_out) {
    const evtwin_status st =
        evtwin__track_call(t, &(evtwin__track_ask){"GET", path, subject, NULL, 1}, answer_out);
    evtwin__free(path);
    return st;
}

evtwin_status evtwin_tracker_register(evtwin_tracker *tracker, const char *name,
                                      const char *description) {
    EVTWIN_FAIL_IF(tracker == NULL || name == NULL, EVTWIN_E_ARG, "tracker or name is NULL");
    evtwin__text body = {0};
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "name", name);
    if (description != NULL) {
        evtwin__text_string(&body, "description", description);
    }
    const evtwin_status st = post(tracker, "registered-models/create", name, &body, 1, NULL);
    return st < 0 && strcmp(tracker->refusal, "RESOURCE_ALREADY_EXISTS") == 0 ? EVTWIN_OK : st;
}

/* What follows "models:/" or "models:///", NULL for another URI. */
static const char *models_path(const char *uri) {
    static const char scheme[] = "models:/";
    if (strncmp(uri, scheme, sizeof scheme - 1) != 0) {
        return NULL;
    }
    uri += sizeof scheme - 1;
    return strncmp(uri, "//", 2) == 0 ? uri + 2 : uri;
}

/* "models:/m-…", with an id that has room. */
static int is_logged_model(const char *uri, size_t room) {
    const char *path = models_path(uri);
    return path != NULL && strncmp(path, "m-", 2) == 0 && strpbrk(path, "/@?#%") == NULL &&
           strlen(path) < room;
}

/* ---- versions ---- */

static evtwin_status read_version(evtwin_tracker *t, const json_t *v, evtwin_tracker_version *out) {
    *out = (evtwin_tracker_version){.size = sizeof *out};
    EVTWIN_TRY(evtwin__track_string(t, v, "name", 1, out->name, sizeof out->name));
    EVTWIN_TRY(evtwin__track_string(t, v, "version", 1, out->version, sizeof out->version));
    EVTWIN_TRY(evtwin__track_string(t, v, "run_id", 0, out->run_id, sizeof out->run_id));
    EVTWIN_TRY(evtwin__track_string(t, v, "model_id", 0, out->model_id, sizeof out->model_id));
    EVTWIN_TRY(evtwin__track_string(t, v, "source", 0, out->source, sizeof out->source));
    if (out->model_id[0] == '\0' && is_logged_model(out->source, sizeof out->model_id)) {
        snprintf(out->model_id, sizeof out->model_id, "%s",
                 models_path(out->source)); /* MLflow 3 does not say it twice */
    }
    const char *status = json_string_value(json_object_get(v, "status"));
    EVTWIN_FAIL_IF(status != NULL && strcmp(status, "READY") != 0, EVTWIN_E_STATE,
                   "%s: version %s of model \"%.200s\" is not ready: %.100s", t->base,
                   EVTWIN__TRACK_SHOWN(t, out->version), EVTWIN__TRACK_SHOWN(t, out->name),
                   EVTWIN__TRACK_SHOWN(t, status));
    return EVTWIN_OK;
}

static evtwin_status ask_where(evtwin_tracker *t, evtwin_tracker_version *v) {
    json_t *answer = NULL;
    evtwin_status st = ask(t,
                           evtwin__track_path("model-versions/get-download-uri", "name", v->name,
                                              "version", v->version, NULL),
                           v->name, &answer);
    if (st == EVTWIN_OK) {
        st = evtwin__track_string(t, answer, "artifact_uri", 1, v->artifact_uri,
                                  sizeof v->artifact_uri);
    }
    json_decref(answer);
    return st;
}

/* "model_version" of an answer, and where its files are. */
static evtwin_status take_version(evtwin_tracker *t, const json_t *answer,
                                  evtwin_tracker_version *out) {
    json_t *v;
    EVTWIN_TRY(evtwin__track_object(t, answer, "model_version", &v));
    EVTWIN_TRY(read_version(t, v, out));
    return ask_where(t, out);
}

evtwin_status evtwin_tracker_version_options_init(evtwin_tracker_version_options *options,
                                                  size_t size) {
    const evtwin_tracker_version_options all = {.size = sizeof all};
    return evtwin__options_init(options, size, &all, sizeof all);
}

static void add_if(evtwin__text *body, const char *key, const char *value) {
    if (value != NULL && value[0] != '\0') {
        evtwin__text_string(body, key, value);
    }
}

evtwin_status evtwin_tracker_create_version(evtwin_tracker *tracker, const char *name,
                                            const char *source,
                                            const evtwin_tracker_version_options *options,
                                            evtwin_tracker_version *out, size_t out_size) {
    evtwin_tracker_version_options o = {.size = sizeof o};
    EVTWIN_FAIL_IF(tracker == NULL || name == NULL || source == NULL, EVTWIN_E_ARG,
                   "tracker, name or source is NULL");
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, options, "evtwin_tracker_version_options_init"));
    EVTWIN_TRY(evtwin__track_check_tags(o.tag_keys, o.tag_values, o.n_tags));
    evtwin__text body = {0};
    json_t *answer = NULL;
    evtwin_tracker_version version;
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "name", name);
    evtwin__text_string(&body, "source", source);
    add_if(&body, "run_id", o.run_id);
    add_if(&body, "model_id", o.model_id);
    add_if(&body, "description", o.description);
    evtwin__track_tags(&body, "tags", o.tag_keys, o.tag_values, o.n_tags);
    evtwin_status st = post(tracker, "model-versions/create", name, &body, 0, &answer);
    if (st == EVTWIN_OK && out != NULL && (st = take_version(tracker, answer, &version)) == 0) {
        evtwin__report_copy(out, out_size, &version, sizeof version);
    }
    json_decref(answer);
    return st;
}

/* ---- aliases ---- */

evtwin_status evtwin_tracker_set_alias(evtwin_tracker *tracker, const char *name, const char *alias,
                                       const char *version) {
    EVTWIN_FAIL_IF(tracker == NULL || name == NULL || alias == NULL || version == NULL,
                   EVTWIN_E_ARG, "tracker, name, alias or version is NULL");
    evtwin__text body = {0};
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "name", name);
    evtwin__text_string(&body, "alias", alias);
    evtwin__text_string(&body, "version", version);
    return post(tracker, "registered-models/alias", name, &body, 1, NULL);
}

evtwin_status evtwin_tracker_delete_alias(evtwin_tracker *tracker, const char *name,
                                          const char *alias) {
    EVTWIN_FAIL_IF(tracker == NULL || name == NULL || alias == NULL, EVTWIN_E_ARG,
                   "tracker, name or alias is NULL");
    evtwin__text body = {0};
    evtwin__text_open(&body, NULL, '{');
    evtwin__text_string(&body, "name", name);
    evtwin__text_string(&body, "alias", alias);
    evtwin__text_put(&body, "}");
    return evtwin__track_call(
        tracker, &(evtwin__track_ask){"DELETE", "registered-models/alias", name, &body, 1}, NULL);
}

/* ---- resolving ---- */

/* MLflow 2 and 3 answer INVALID_PARAMETER_VALUE for one that is not there. */
static evtwin_status absent_alias(evtwin_tracker *t, evtwin_status st) {
    return st == EVTWIN_E_ARG && strcmp(t->refusal, "INVALID_PARAMETER_VALUE") == 0
               ? EVTWIN_E_NOT_FOUND
               : st;
}

static evtwin_status by_alias(evtwin_tracker *t, const char *name, const char *alias,
                              evtwin_tracker_version *out) {
    json_t *answer = NULL;
    evtwin_status st =
        ask(t, evtwin__track_path("registered-models/alias", "name", name, "alias", alias, NULL),
            name, &answer);
    st = absent_alias(t, st);
    if (st == EVTWIN_OK) {
        st = take_version(t, answer, out);
    }
    json_decref(answer);
    return st;
}

static evtwin_status by_number(evtwin_tracker *t, const char *name, const char *version,
                               evtwin_tracker_version *out) {
    json_t *answer = NULL;
    evtwin_status st =
        ask(t, evtwin__track_path("model-versions/get", "name", name, "version", version, NULL),
            name, &answer);
    if (st == EVTWIN_OK) {
        st = take_version(t, answer, out);
    }
    json_decref(answer);
    return st;
}

static evtwin_status latest(evtwin_tracker *t, const char *name, evtwin_tracker_version *out) {
    char filter[1100];
    EVTWIN_FAIL_IF(strchr(name, '\'') != NULL, EVTWIN_E_PARSE,
                   "model \"%.200s\": with a ' in its name only a version or an alias is found",
                   name);
    snprintf(filter, sizeof filter, "name='%s'", name);
    json_t *answer = NULL;
    evtwin_status st =
        ask(t,
            evtwin__track_path("model-versions/search", "filter", filter, "max_results", "1",
                               "order_by", "version_number DESC", NULL),
            name, &answer);
    const json_t *v = json_array_get(json_object_get(answer, "model_versions"), 0);
    if (st == EVTWIN_OK && v == NULL) {
        st = evtwin__fail(EVTWIN_E_NOT_FOUND, "%s: model \"%.200s\" has no version", t->base, name);
    }
    if (st == EVTWIN_OK && (st = read_version(t, v, out)) == EVTWIN_OK) {
        st = ask_where(t, out);
    }
    json_decref(answer);
    return st;
}

/* "models:/NAME@ALIAS" or "models:/NAME/VERSION", cut in place. */
static evtwin_status resolve(evtwin_tracker *t, char *name, evtwin_tracker_version *out) {
    char *at = strrchr(name, '@');
    char *slash = strchr(name, '/');
    char *end = slash != NULL ? slash : at;
    const int is_good = end != NULL && end > name && end[1] != '\0' &&
                        (slash == NULL || (at == NULL || at < slash)) &&
                        (slash == NULL || strchr(slash + 1, '/') == NULL);
    EVTWIN_FAIL_IF(!is_good, EVTWIN_E_PARSE,
                   "models:/%.200s: a model is models:/NAME@ALIAS, models:/NAME/VERSION or "
                   "models:/NAME/latest",
                   name);
    *end++ = '\0';
    if (slash == NULL) {
        return by_alias(t, name, end, out);
    }
    if (strcmp(end, "latest") == 0) {
        return latest(t, name, out);
    }
    EVTWIN_FAIL_IF(strspn(end, "0123456789") != strlen(end), EVTWIN_E_PARSE,
                   "models:/%.200s/%.60s: a version is a number or \"latest\"; an alias is written "
                   "models:/%.200s@%.60s",
                   name, end, name, end);
    return by_number(t, name, end, out);
}

evtwin_status evtwin_tracker_resolve(evtwin_tracker *tracker, const char *uri,
                                     evtwin_tracker_version *out, size_t out_size) {
    EVTWIN_FAIL_IF(tracker == NULL || uri == NULL || out == NULL, EVTWIN_E_ARG,
                   "tracker, uri or out is NULL");
    const char *path = models_path(uri);
    evtwin_tracker_version version;
    EVTWIN_FAIL_IF(path == NULL || strlen(path) > 1000, EVTWIN_E_PARSE,
                   "%.100s: not a model such as models:/NAME@ALIAS", uri);
    char *name = evtwin__strdup(path);
    EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_NOMEM, "out of memory for a URI");
    const evtwin_status st = resolve(tracker, name, &version);
    evtwin__free(name);
    if (st < 0) {
        return st;
    }
    evtwin__report_copy(out, out_size, &version, sizeof version);
    return EVTWIN_OK;
}

/* ---- where files are ---- */

/* An artifact_uri, deep in an answer: {outer: {"info": {"artifact_uri"}}}. */
static evtwin_status place_in(evtwin_tracker *t, const char *method_path, const char *outer,
                              char *path, char out[EVTWIN_TRACK_URI_SIZE]) {
    json_t *answer = NULL, *body, *info;
    evtwin_status st = ask(t, path, method_path, &answer);
    if (st == EVTWIN_OK && (st = evtwin__track_object(t, answer, outer, &body)) == EVTWIN_OK &&
        (st = evtwin__track_object(t, body, "info", &info)) == EVTWIN_OK) {
        st = evtwin__track_string(t, info, "artifact_uri", 1, out, EVTWIN_TRACK_URI_SIZE);
    }
    json_decref(answer);
    return st;
}

static evtwin_status place_of_run(evtwin_tracker *t, const char *rest,
                                  char out[EVTWIN_TRACK_URI_SIZE]) {
    char id[EVTWIN_TRACK_ID_SIZE];
    const size_t n = strcspn(rest, "/");
    EVTWIN_FAIL_IF(n == 0 || n >= sizeof id, EVTWIN_E_PARSE,
                   "runs:/%.100s: the artifacts of a run are runs:/RUN_ID/PATH", rest);
    memcpy(id, rest, n);
    id[n] = '\0';
    EVTWIN_TRY(place_in(t, id, "run", evtwin__track_path("runs/get", "run_id", id, NULL), out));
    const size_t used = strlen(out);
    EVTWIN_FAIL_IF(used + strlen(rest + n) >= EVTWIN_TRACK_URI_SIZE, EVTWIN_E_PARSE,
                   "runs:/%.100s…: too long", rest);
    memcpy(out + used, rest + n, strlen(rest + n) + 1);
    return EVTWIN_OK;
}

evtwin_status evtwin__track_place_of(evtwin_tracker *tracker, const char *uri,
                                     char out[EVTWIN_TRACK_URI_SIZE]) {
    static const char runs[] = "runs:/";
    const char *model = models_path(uri);
    evtwin_tracker_version v;
    if (model != NULL && !is_logged_model(uri, EVTWIN_TRACK_ID_SIZE)) {
        EVTWIN_TRY(evtwin_tracker_resolve(tracker, uri, &v, sizeof v));
        uri = v.artifact_uri; /* some servers say "runs:/…" here too */
        model = models_path(uri);
    }
    if (is_logged_model(uri, EVTWIN_TRACK_ID_SIZE)) {
        evtwin__text path = {0};
        evtwin__text_put(&path, "logged-models/");
        evtwin__text_put(&path, model);
        return place_in(tracker, model, "model", evtwin__url_end(&path), out);
    }
    if (strncmp(uri, runs, sizeof runs - 1) == 0) {
        return place_of_run(tracker, uri + sizeof runs - 1, out);
    }
    EVTWIN_FAIL_IF(strlen(uri) >= EVTWIN_TRACK_URI_SIZE, EVTWIN_E_ARG, "%.100s…: too long", uri);
    memcpy(out, uri, strlen(uri) + 1);
    return EVTWIN_OK;
}
