/* SPDX-License-Identifier: MIT */
/* track/place_proxy.c: artifacts behind the tracking server ("mlflow server --serve-artifacts").
 * Source: mlflow/store/artifact/mlflow_artifacts_repo.py and http_artifact_repo.py. */

#include "track/place.h"
#include "track/url.h"

#include "core/mem.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

/* "…/mlflow-artifacts/artifacts/PATH", or of the question what is in PATH. */
static char *url_of(const evtwin__place *place, const char *path, int is_list) {
    evtwin__text url = {0};
    char *whole = evtwin__url_join(place->path, path);
    evtwin__text_put(&url, place->tracker->base);
    evtwin__text_put(&url, "/api/2.0/mlflow-artifacts/artifacts");
    evtwin__text_put(&url, is_list ? "?path=" : "/");
    url.is_failed |= whole == NULL;
    if (whole != NULL) {
        evtwin__url_add(&url, whole, !is_list);
    }
    evtwin__free(whole);
    return evtwin__url_end(&url);
}

static void name_of(const evtwin__place *place, const char *path,
                    char name[EVTWIN__TRACK_NAME_SIZE]) {
    snprintf(name, EVTWIN__TRACK_NAME_SIZE, "%s: artifact %.300s", place->tracker->base,
             EVTWIN__TRACK_SHOWN(place->tracker, path[0] != '\0' ? path : place->path));
}

static evtwin_status put(const evtwin__place *place, const char *path, int fd, size_t size) {
    static const char *const header[] = {"Content-Type: application/octet-stream"};
    char name[EVTWIN__TRACK_NAME_SIZE];
    char *url = url_of(place, path, 0);
    EVTWIN_FAIL_IF(url == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    name_of(place, path, name);
    evtwin__request request = evtwin__track_request(place->tracker, "PUT", url, name);
    request.header = header;
    request.n_headers = 1;
    request.from_file = 1;
    request.body_fd = fd;
    request.body_size = size;
    evtwin__reply reply;
    evtwin_status st = evtwin__track_send(place->tracker, &request, 1, &reply);
    if (st == EVTWIN_OK && (reply.code < 200 || reply.code > 299)) {
        st = evtwin__track_refused(place->tracker, name, &reply);
    }
    evtwin__text_free(&reply.body);
    evtwin__free(url);
    return st;
}

static evtwin_status get(const evtwin__place *place, const char *path, const char *file, size_t max,
                         size_t *size_out) {
    char name[EVTWIN__TRACK_NAME_SIZE];
    char *url = url_of(place, path, 0);
    EVTWIN_FAIL_IF(url == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    name_of(place, path, name);
    evtwin__request request = evtwin__track_request(place->tracker, "GET", url, name);
    evtwin__reply reply;
    evtwin_status st = evtwin__place_fetch(place->tracker, &request, file, max, &reply);
    if (st == EVTWIN_OK && (reply.code < 200 || reply.code > 299)) {
        st = evtwin__track_refused(place->tracker, name, &reply);
        st = reply.code == 404 ? EVTWIN_E_NOT_FOUND : st;
    }
    *size_out = reply.n_written;
    evtwin__text_free(&reply.body);
    evtwin__free(url);
    return st;
}

/* ---- lists ---- */

/* {"path": "a.txt", "is_dir": false, "file_size": 12}; the size is a string on some servers, and
 * absent for an empty file. */
static evtwin_status read_entry(const evtwin__place *place, const json_t *file,
                                evtwin__entry *entry) {
    const json_t *size = json_object_get(file, "file_size");
    entry->path = json_string_value(json_object_get(file, "path"));
    entry->is_folder = json_is_true(json_object_get(file, "is_dir"));
    entry->size = json_is_integer(size) && json_integer_value(size) >= 0
                      ? (int64_t)json_integer_value(size)
                      : -1;
    EVTWIN_FAIL_IF(entry->path == NULL, EVTWIN_E_PARSE,
                   "%s: an answer lists an artifact without a name", place->tracker->base);
    return EVTWIN_OK;
}

static evtwin_status read_list(const evtwin__place *place, const evtwin__reply *reply,
                               evtwin__entry_fn fn, void *ctx) {
    json_t *answer = NULL;
    evtwin_status st = evtwin__json_parse("the list of artifacts",
                                          reply->body.data != NULL ? reply->body.data : "",
                                          reply->body.size, &answer);
    if (st != EVTWIN_E_NOMEM && (st < 0 || !json_is_object(answer))) {
        st = evtwin__fail(EVTWIN_E_PARSE, "%s: the answer is not a list of artifacts",
                          place->tracker->base); /* without the words of the server */
    }
    size_t i;
    const json_t *file;
    json_array_foreach(json_object_get(answer, "files"), i, file) {
        evtwin__entry entry;
        if (st == EVTWIN_OK && (st = read_entry(place, file, &entry)) == EVTWIN_OK) {
            st = fn(ctx, &entry);
        }
    }
    json_decref(answer);
    return st;
}

static evtwin_status list(const evtwin__place *place, const char *path, evtwin__entry_fn fn,
                          void *ctx) {
    char name[EVTWIN__TRACK_NAME_SIZE];
    char *url = url_of(place, path, 1);
    EVTWIN_FAIL_IF(url == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    name_of(place, path, name);
    const evtwin__request request = evtwin__track_request(place->tracker, "GET", url, name);
    evtwin__reply reply;
    evtwin_status st = evtwin__track_send(place->tracker, &request, 1, &reply);
    if (st == EVTWIN_OK && reply.code == 200) {
        st = read_list(place, &reply, fn, ctx);
    } else if (st == EVTWIN_OK && reply.code != 404) {
        st = evtwin__track_refused(place->tracker, name, &reply);
    }
    evtwin__text_free(&reply.body);
    evtwin__free(url);
    return st;
}

static const evtwin__place_kind proxy = {put, list, get};

/* Is that "HOST:PORT" or "HOST" the tracking server's? Without a port it is that of the tracking
 * server's scheme, as for MLflow's own client, and not that of its URI. */
static int is_tracking_server(const evtwin_tracker *t, const char *authority, size_t n) {
    const char *ours = t->authority, *colon = strrchr(ours, ':');
    const char *usual = strncmp(t->base, "https:", strlen("https:")) == 0 ? ":443" : ":80";
    const size_t n_host = (size_t)(colon - ours);
    return (n == strlen(ours) && strncasecmp(authority, ours, n) == 0) ||
           (n == n_host && strncasecmp(authority, ours, n) == 0 && strcmp(colon, usual) == 0);
}

/* "mlflow-artifacts:/PATH", "mlflow-artifacts://HOST:PORT/PATH" or "mlflow-artifacts://HOST/PATH".
 * Another server than the tracking server would be given its password: that is refused. */
evtwin_status evtwin__place_proxy(evtwin__place *place) {
    const char *rest = place->given + strlen("mlflow-artifacts:");
    if (strncmp(rest, "//", 2) == 0) {
        const size_t n = strcspn(rest + 2, "/");
        EVTWIN_FAIL_IF(
            n > 0 && !is_tracking_server(place->tracker, rest + 2, n), EVTWIN_E_UNSUPPORTED,
            "artifacts at %.200s: of another server than %s, which does not get its user "
            "and password%s",
            place->uri, place->tracker->base,
            memchr(rest + 2, ':', n) == NULL
                ? " (without a port it is that of http or https: "
                  "write it in the tracking server's --default-artifact-root)"
                : "");
        rest += 2 + n;
    }
    rest += strspn(rest, "/");
    place->kind = &proxy;
    place->path = evtwin__strdup(rest);
    EVTWIN_FAIL_IF(place->path == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    EVTWIN_FAIL_IF(!evtwin__url_stays_below(rest), EVTWIN_E_PARSE,
                   "artifacts at %.200s: a path that leads out of its folder", place->uri);
    return EVTWIN_OK;
}
