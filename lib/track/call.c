/* SPDX-License-Identifier: MIT */
/* track/call.c: send requests to a tracking server, again where that helps; its answers and
 * refusals. */

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "track/tracker.h"
#include "track/url.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_ANSWER = 16 << 20, MAX_WORDS = 400 };

static const double longest_pause_s = 30.0, longest_wish_s = 120.0, look_s = 0.1;

/* ---- sending ---- */

evtwin__request evtwin__track_request(const evtwin_tracker *tracker, const char *method,
                                      const char *url, const char *name) {
    const evtwin_tracker_options *o = &tracker->options;
    return (evtwin__request){.method = method,
                             .url = url,
                             .name = name,
                             .user = o->user,
                             .password = o->password,
                             .token = o->token,
                             .ca_file = o->ca_file,
                             .is_insecure = o->insecure_tls,
                             .timeout_s = o->timeout_s,
                             .max_answer = MAX_ANSWER,
                             .progress = o->progress,
                             .progress_ctx = o->progress_ctx};
}

/* 0 if progress says to stop. */
static int wait_for(const evtwin_tracker_options *o, double seconds) {
    const double end = evtwin__monotonic_s() + seconds;
    for (double left = seconds; left > 0.0; left = end - evtwin__monotonic_s()) {
        const double s = left < look_s ? left : look_s;
        const struct timespec pause = {0, (long)(s * 1e9)};
        if (o->progress != NULL &&
            o->progress(o->progress_ctx, "wait for the tracking server", -1.0) != 0) {
            return 0;
        }
        nanosleep(&pause, NULL);
    }
    return 1;
}

/* An overload says that nothing was done; what a proxy says of a server leaves it open. */
static int is_passing(int may_repeat, const evtwin__reply *reply, evtwin_status status) {
    if (status == EVTWIN_E_AGAIN) {
        return may_repeat || !reply->may_have_arrived;
    }
    if (status < 0) {
        return 0;
    }
    return reply->code == 429 || reply->code == 503 ||
           (may_repeat && (reply->code == 502 || reply->code == 504));
}

int evtwin__track_again(const evtwin_tracker *tracker, int *n_tries, int may_repeat,
                        const evtwin__reply *reply, evtwin_status *status) {
    const evtwin_tracker_options *o = &tracker->options;
    if (*n_tries >= o->n_retries || !is_passing(may_repeat, reply, *status)) {
        return 0;
    }
    double pause_s = o->retry_pause_s;
    for (int i = 0; i < *n_tries && pause_s < longest_pause_s; i++) {
        pause_s *= 2.0;
    }
    pause_s = pause_s < longest_pause_s ? pause_s : longest_pause_s;
    const double wish_s =
        reply->retry_after_s < longest_wish_s ? reply->retry_after_s : longest_wish_s;
    ++*n_tries;
    if (!wait_for(o, wish_s > pause_s ? wish_s : pause_s)) {
        *status = evtwin__fail(EVTWIN_E_CANCELLED, "%s: cancelled", tracker->base);
        return 0;
    }
    return 1;
}

evtwin_status evtwin__track_send(evtwin_tracker *tracker, const evtwin__request *request,
                                 int may_repeat, evtwin__reply *reply) {
    int n_tries = 0;
    evtwin_status st = evtwin__request_run(tracker->requester, request, reply);
    while (evtwin__track_again(tracker, &n_tries, may_repeat, reply, &st)) {
        evtwin__text_free(&reply->body);
        st = evtwin__request_run(tracker->requester, request, reply);
    }
    return evtwin__track_clean(tracker, st);
}

/* ---- refusals ---- */

/* What an answer says, for a message. */
typedef struct refusal {
    char code[64], words[MAX_WORDS + 1];
} refusal;

/* "error_code" and "message" of an answer; what is not JSON is its own message. */
static evtwin_status read_refusal(evtwin_tracker *t, const evtwin__reply *reply, refusal *out) {
    json_t *answer = NULL;
    evtwin_status st = EVTWIN_DONE; /* not JSON */
    *out = (refusal){.code = ""};
    t->refusal[0] = '\0';
    if (reply->body.size > 0 && reply->body.data[0] == '{') {
        st = evtwin__json_parse("answer", reply->body.data, reply->body.size, &answer);
    }
    if (st == EVTWIN_OK) {
        const char *code = json_string_value(json_object_get(answer, "error_code"));
        const char *message = json_string_value(json_object_get(answer, "message"));
        if (code != NULL) {
            snprintf(t->refusal, sizeof t->refusal, "%s", code);
            evtwin__track_show(t, code, strlen(code), out->code, sizeof out->code);
        }
        if (message != NULL) {
            evtwin__track_show(t, message, strlen(message), out->words, sizeof out->words);
        }
    } else if (reply->body.size > 0 && reply->body.data[0] != '<') { /* a page helps nobody */
        evtwin__track_show(t, reply->body.data, reply->body.size, out->words, sizeof out->words);
    }
    json_decref(answer);
    return st == EVTWIN_E_NOMEM ? st : EVTWIN_OK;
}

static evtwin_status status_of(const evtwin_tracker *t, int code, const char *words) {
    static const struct {
        const char *word;
        evtwin_status status;
    } known[] = {{"RESOURCE_DOES_NOT_EXIST", EVTWIN_E_NOT_FOUND},
                 {"RESOURCE_ALREADY_EXISTS", EVTWIN_E_STATE},
                 {"INVALID_STATE", EVTWIN_E_STATE},
                 {"PERMISSION_DENIED", EVTWIN_E_DENIED},
                 {"UNAUTHENTICATED", EVTWIN_E_DENIED},
                 {"INVALID_PARAMETER_VALUE", EVTWIN_E_ARG}};
    if (code == 401 || code == 403) {
        return EVTWIN_E_DENIED;
    }
    if (strstr(words, "Changing param values is not allowed") != NULL) {
        return EVTWIN_E_STATE;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(t->refusal, known[i].word) == 0) {
            return known[i].status;
        }
    }
    return code == 429 || (code >= 502 && code <= 504) ? EVTWIN_E_AGAIN : EVTWIN_E_EXTERNAL;
}

/* What to do about it. */
static const char *hint(const evtwin_tracker *t, int code, const char *words) {
    if (strstr(words, "Invalid Host header") != NULL) {
        return " (start the server with MLFLOW_SERVER_ALLOWED_HOSTS=HOST,HOST:PORT, the name in "
               "the "
               "URI with and without its port)";
    }
    if (code == 401) {
        return t->options.user == NULL && t->options.token == NULL
                   ? " (it wants a user and password, or a token: MLFLOW_TRACKING_USERNAME and "
                     "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN)"
                   : " (the user, password or token is wrong)";
    }
    if (code == 403) {
        return " (this user may not do that)";
    }
    if (code >= 300 && code <= 399) {
        return " (a redirect, which is not followed: give the address that it leads to)";
    }
    if (code == 404 && t->refusal[0] == '\0') {
        return " (is this an MLflow server, and the prefix of the URI right?)";
    }
    return "";
}

evtwin_status evtwin__track_refused(evtwin_tracker *tracker, const char *name,
                                    const evtwin__reply *reply) {
    refusal said;
    EVTWIN_TRY(read_refusal(tracker, reply, &said));
    EVTWIN_FAIL(status_of(tracker, reply->code, said.words), "%s: answers %d%s%s%s%s%s", name,
                reply->code, said.code[0] != '\0' ? " " : "", said.code,
                said.words[0] != '\0' ? ": " : "", said.words,
                hint(tracker, reply->code, said.words));
}

/* ---- the API ---- */

/* Its path without what follows '?': that may be long. */
static void name_of(const evtwin_tracker *t, const evtwin__track_ask *ask,
                    char name[EVTWIN__TRACK_NAME_SIZE]) {
    snprintf(name, EVTWIN__TRACK_NAME_SIZE, "%s: %.*s%s%s", t->base, (int)strcspn(ask->path, "?"),
             ask->path, ask->subject != NULL ? " of " : "",
             ask->subject != NULL ? ask->subject : "");
    evtwin__track_hide(t, name); /* the id of a run is the server's word */
}

static evtwin_status read_answer(const evtwin_tracker *t, const char *name,
                                 const evtwin__reply *reply, json_t **out) {
    json_t *answer = NULL;
    const evtwin_status st = evtwin__json_parse(
        "the answer", reply->body.data != NULL ? reply->body.data : "", reply->body.size, &answer);
    (void)t;
    if (st == EVTWIN_E_NOMEM) {
        return st;
    }
    if (st < 0 || !json_is_object(answer)) {
        json_decref(answer);
        EVTWIN_FAIL(EVTWIN_E_PARSE,
                    "%s: the answer is not a JSON object: is this an MLflow server?", name);
    }
    *out = answer;
    return EVTWIN_OK;
}

static evtwin_status exchange(evtwin_tracker *t, const evtwin__track_ask *ask, const char *url,
                              json_t **out) {
    static const char *const header[] = {"Content-Type: application/json"};
    char name[EVTWIN__TRACK_NAME_SIZE];
    name_of(t, ask, name);
    evtwin__request request = evtwin__track_request(t, ask->method, url, name);
    request.is_once = !ask->may_repeat;
    if (ask->body != NULL) {
        request.header = header;
        request.n_headers = 1;
        request.body = ask->body->data;
        request.body_size = ask->body->size;
    }
    evtwin__reply reply;
    evtwin_status st = evtwin__track_send(t, &request, ask->may_repeat, &reply);
    if (st == EVTWIN_OK && (reply.code < 200 || reply.code > 299)) {
        st = evtwin__track_refused(t, name, &reply);
    } else if (st == EVTWIN_OK && out != NULL) {
        st = read_answer(t, name, &reply, out);
    }
    evtwin__text_free(&reply.body);
    return st;
}

evtwin_status evtwin__track_call(evtwin_tracker *tracker, const evtwin__track_ask *ask,
                                 json_t **answer_out) {
    evtwin__text url = {0};
    evtwin__text_put(&url, tracker->base);
    evtwin__text_put(&url, "/api/2.0/mlflow/");
    evtwin__text_put(&url, ask->path != NULL ? ask->path : "");
    url.is_failed |= ask->path == NULL || (ask->body != NULL && ask->body->is_failed);
    char *text = evtwin__url_end(&url);
    tracker->refusal[0] = '\0';
    const evtwin_status st =
        text != NULL ? exchange(tracker, ask, text, answer_out)
                     : evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a request to MLflow");
    evtwin__free(text);
    if (ask->body != NULL) {
        evtwin__text_free(ask->body);
    }
    return st;
}

char *evtwin__track_path(const char *path, ...) {
    evtwin__text text = {0};
    const char *separator = "?";
    va_list args;
    evtwin__text_put(&text, path);
    va_start(args, path);
    for (const char *key = va_arg(args, const char *); key != NULL;
         key = va_arg(args, const char *)) {
        evtwin__text_put(&text, separator);
        evtwin__text_put(&text, key);
        evtwin__text_put(&text, "=");
        evtwin__url_add(&text, va_arg(args, const char *), 0);
        separator = "&";
    }
    va_end(args);
    return evtwin__url_end(&text);
}

evtwin_status evtwin__track_string(const evtwin_tracker *tracker, const json_t *object,
                                   const char *key, int is_needed, char *out, size_t size) {
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    if (text == NULL && !is_needed && (value == NULL || json_is_null(value))) {
        text = "";
    }
    EVTWIN_FAIL_IF(text == NULL || (is_needed && text[0] == '\0'), EVTWIN_E_PARSE,
                   "%s: an answer has no \"%s\"", tracker->base, key);
    EVTWIN_FAIL_IF(strlen(text) >= size, EVTWIN_E_PARSE,
                   "%s: \"%s\" in an answer has more than %zu bytes", tracker->base, key, size - 1);
    memcpy(out, text, strlen(text) + 1);
    return EVTWIN_OK;
}

evtwin_status evtwin__track_object(const evtwin_tracker *tracker, const json_t *object,
                                   const char *key, json_t **out) {
    json_t *value = json_object_get(object, key);
    EVTWIN_FAIL_IF(!json_is_object(value), EVTWIN_E_PARSE, "%s: an answer has no \"%s\"",
                   tracker->base, key);
    *out = value;
    return EVTWIN_OK;
}
