/* SPDX-License-Identifier: MIT */
/* track/upload.c: a file, or what is in a folder and below it, to a place for artifacts. */

#include "track/place.h"
#include "track/registry.h"
#include "track/url.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 32 };

static evtwin_status put_fd(const evtwin__place *place, const char *at, const char *path, int fd) {
    struct stat s;
    EVTWIN_FAIL_IF(fstat(fd, &s) != 0, EVTWIN_E_IO, "%s: %s", path, strerror(errno));
    EVTWIN_FAIL_IF(!S_ISREG(s.st_mode), EVTWIN_E_ARG, "%s: neither a file nor a folder", path);
    EVTWIN_FAIL_IF(!evtwin__url_stays_below(at), EVTWIN_E_ARG,
                   "%s: \"%.100s\" is not a name for an artifact", path, at);
    return place->kind->put(place, at, fd, (size_t)s.st_size);
}

static evtwin_status put_file(const evtwin__place *place, const char *at, const char *path,
                              int flags) {
    const int fd = evtwin__fd_open(path, O_RDONLY | O_NONBLOCK | flags, 0);
    if (fd < 0) {
        return evtwin__fail_errno(path, errno);
    }
    const evtwin_status st = put_fd(place, at, path, fd);
    close(fd);
    return st;
}

static evtwin_status put_folder(const evtwin__place *place, const char *at, const char *path,
                                int depth);

/* One name of a folder. */
static evtwin_status put_one(const evtwin__place *place, const char *at, const char *path,
                             int depth) {
    struct stat s;
    if (lstat(path, &s) != 0) {
        return evtwin__fail_errno(path, errno);
    }
    if (S_ISDIR(s.st_mode)) {
        return put_folder(place, at, path, depth + 1);
    }
    if (S_ISREG(s.st_mode)) {
        return put_file(place, at, path, O_NOFOLLOW);
    }
    evtwin__log(EVTWIN_LOG_WARNING, "%s: neither a file nor a folder; not uploaded", path);
    return EVTWIN_OK;
}

static int is_shown(const struct dirent *d) {
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name); /* alphasort asks the locale */
}

static evtwin_status put_name(const evtwin__place *place, const char *at, const char *path,
                              const char *name, int depth) {
    char *name_at = evtwin__url_join(at, name), *name_path = evtwin__url_join(path, name);
    const evtwin_status st = name_at != NULL && name_path != NULL
                                 ? put_one(place, name_at, name_path, depth)
                                 : evtwin__fail(EVTWIN_E_NOMEM, "out of memory for artifacts");
    evtwin__free(name_at);
    evtwin__free(name_path);
    return st;
}

static evtwin_status put_folder(const evtwin__place *place, const char *at, const char *path,
                                int depth) {
    struct dirent **name;
    EVTWIN_FAIL_IF(depth > MAX_DEPTH, EVTWIN_E_RANGE, "%s: more than %d folders deep", path,
                   MAX_DEPTH);
    const int n = scandir(path, &name, is_shown, by_name);
    if (n < 0) {
        return evtwin__fail_errno(path, errno);
    }
    evtwin_status st = EVTWIN_OK;
    for (int i = 0; i < n; i++) {
        if (st == EVTWIN_OK) {
            st = put_name(place, at, path, name[i]->d_name, depth);
        }
        free(name[i]); /* of scandir */
    }
    free(name);
    return st;
}

/* A file keeps its name. */
static evtwin_status put_any(const evtwin__place *place, const char *path, const char *at) {
    struct stat s;
    if (stat(path, &s) != 0) {
        return evtwin__fail_errno(path, errno);
    }
    if (S_ISDIR(s.st_mode)) {
        return put_folder(place, at, path, 0);
    }
    const char *slash = strrchr(path, '/');
    char *file_at = evtwin__url_join(at, slash != NULL ? slash + 1 : path);
    EVTWIN_FAIL_IF(file_at == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    const evtwin_status st = put_file(place, file_at, path, 0);
    evtwin__free(file_at);
    return st;
}

evtwin_status evtwin_tracker_upload(evtwin_tracker *tracker, const char *artifact_uri,
                                    const char *path, const char *at) {
    EVTWIN_FAIL_IF(tracker == NULL || artifact_uri == NULL || path == NULL, EVTWIN_E_ARG,
                   "tracker, artifact_uri or path is NULL");
    at = at != NULL ? at : "";
    EVTWIN_FAIL_IF(at[0] != '\0' && !evtwin__url_stays_below(at), EVTWIN_E_ARG,
                   "\"%.100s\" is not a path for artifacts: it is relative, with '/' between names",
                   at);
    char uri[EVTWIN_TRACK_URI_SIZE];
    evtwin__place place;
    EVTWIN_TRY(evtwin__track_place_of(tracker, artifact_uri, uri));
    EVTWIN_TRY(evtwin__place_open(tracker, uri, &place));
    const evtwin_status st = put_any(&place, path, at);
    evtwin__place_free(&place);
    return st;
}
