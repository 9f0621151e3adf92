/* SPDX-License-Identifier: MIT */
/* track/tracker.h: a tracking server, and calls of its API. */
#ifndef EVTWIN_TRACK_TRACKER_H
#define EVTWIN_TRACK_TRACKER_H

#include "evtwin/track.h"

#include "core/json.h"
#include "core/text.h"
#include "io/request.h"

enum { EVTWIN__TRACK_N_SECRETS = 6, EVTWIN__TRACK_NAME_SIZE = 512 };

struct evtwin_tracker {
    evtwin_tracker_options options; /* its strings are in string */
    char *string[16];               /* what is to be freed */
    size_t n_strings;
    const char *base;      /* "http://host:5000/prefix", without user, password and last '/' */
    const char *authority; /* "host:5000" of it; the port is always there */
    int is_local;          /* the server is this machine */
    const char *secret[EVTWIN__TRACK_N_SECRETS]; /* what no text may show; "" = none */
    evtwin__requester *requester;
    evtwin_tracker_server server; /* version "" = not known yet */
    char refusal[64];             /* "RESOURCE_DOES_NOT_EXIST": error_code of the last refusal, to
                                     compare; in no text, since it may be anything */
};

/* A copy that the tracker frees; NULL stays NULL, and is what comes when memory is out. */
const char *evtwin__track_keep(evtwin_tracker *tracker, const char *text);

/* Once options and URI are known. */
evtwin_status evtwin__track_know_secrets(evtwin_tracker *tracker);

/* Star out every secret in a text that came from outside, in place. */
void evtwin__track_hide(const evtwin_tracker *tracker, char *text);

/* The beginning of text[0..n), which came from outside, for a message: secrets are starred out
 * before it is cut, so that no half of one stays. Answers out. */
const char *evtwin__track_show(const evtwin_tracker *tracker, const char *text, size_t n, char *out,
                               size_t size);

/* st; of a failure, secrets in the thread's error text are starred out: for what a layer below has
 * said of a name that came from outside (a file of that name, a certificate). */
evtwin_status evtwin__track_clean(const evtwin_tracker *tracker, evtwin_status st);

/* Memory for what evtwin__track_show makes of one name. */
enum { EVTWIN__TRACK_SHOWN_SIZE = 201 };
#define EVTWIN__TRACK_SHOWN(tracker, text)                                                         \
    evtwin__track_show(tracker, text, strlen(text), (char[EVTWIN__TRACK_SHOWN_SIZE]){0},           \
                       EVTWIN__TRACK_SHOWN_SIZE)

/* ---- sending ---- */

/* A request with what is the same for all: user, TLS, time-out, progress. */
evtwin__request evtwin__track_request(const evtwin_tracker *tracker, const char *method,
                                      const char *url, const char *name);

/* Shall it be sent again? Then it has waited meanwhile. *n_tries: those that were. may_repeat: a
 * second one would do no harm. *status is EVTWIN_E_CANCELLED if progress ended the wait. */
int evtwin__track_again(const evtwin_tracker *tracker, int *n_tries, int may_repeat,
                        const evtwin__reply *reply, evtwin_status *status);

/* Send it, again where that helps. EVTWIN_OK for an answer with any code; the caller frees the body
 * of the reply in any case. */
evtwin_status evtwin__track_send(evtwin_tracker *tracker, const evtwin__request *request,
                                 int may_repeat, evtwin__reply *reply);

/* The failure that an answer (not 2xx) is, in words; sets tracker->refusal. */
evtwin_status evtwin__track_refused(evtwin_tracker *tracker, const char *name,
                                    const evtwin__reply *reply);

/* ---- the API ---- */

typedef struct evtwin__track_ask {
    const char *method;
    const char *path;    /* below /api/2.0/mlflow/, with its query */
    const char *subject; /* for messages: "run 12ab"; NULL = none */
    evtwin__text *body;  /* JSON, freed by the call; NULL = none */
    int may_repeat;
} evtwin__track_ask;

/* Ask; *answer_out is an object, freed by json_decref; NULL = not wanted. A text of body that has
 * failed is EVTWIN_E_NOMEM. */
evtwin_status evtwin__track_call(evtwin_tracker *tracker, const evtwin__track_ask *ask,
                                 json_t **answer_out);

/* "path?key=value&key=value", encoded, to be freed; NULL when memory is out. The pairs end with
 * NULL. */
char *evtwin__track_path(const char *path, ...) __attribute__((sentinel));

/* A string of an answer into a caller's memory: EVTWIN_E_PARSE if it is absent (with is_needed,
 * else it is "") or too long. */
evtwin_status evtwin__track_string(const evtwin_tracker *tracker, const json_t *object,
                                   const char *key, int is_needed, char *out, size_t size);

/* An object in an answer; EVTWIN_E_PARSE if it is absent. */
evtwin_status evtwin__track_object(const evtwin_tracker *tracker, const json_t *object,
                                   const char *key, json_t **out);

/* Tags that evtwin__track_tags can write. */
evtwin_status evtwin__track_check_tags(const char *const *keys, const char *const *values,
                                       size_t n);

/* "key": [{"key": …, "value": …}, …], values cut at the limit of tags. */
void evtwin__track_tags(evtwin__text *body, const char *key, const char *const *keys,
                        const char *const *values, size_t n);

#endif
