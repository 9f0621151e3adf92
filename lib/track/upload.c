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

/* The names in a folder, sorted. */
typedef struct names {
    char **name;
    size_t n, capacity;
} names;

static void free_names(names *all) {
    for (size_t i = 0; i < all->n; i++) {
        evtwin__free(all->name[i]);
    }
    evtwin__free(all->name);
}

static evtwin_status add_name(names *all, const char *name) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return EVTWIN_OK;
    }
    if (all->n == all->capacity) {
        const size_t capacity = all->capacity > 0 ? 2 * all->capacity : 16;
        char **grown = evtwin__realloc(all->name, capacity, sizeof *grown);
        EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
        all->name = grown;
        all->capacity = capacity;
    }
    all->name[all->n] = evtwin__strdup(name);
    EVTWIN_FAIL_IF(all->name[all->n] == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    all->n++;
    return EVTWIN_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static evtwin_status read_names(const char *path, names *all) {
    DIR *dir = opendir(path);
    evtwin_status st = dir != NULL ? EVTWIN_OK : evtwin__fail_errno(path, errno);
    const struct dirent *d;
    while (st == EVTWIN_OK && (d = readdir(dir)) != NULL) {
        st = add_name(all, d->d_name);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (all->n > 0) {
        qsort(all->name, all->n, sizeof *all->name, by_name);
    }
    return st;
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
    names all = {.n = 0};
    EVTWIN_FAIL_IF(depth > MAX_DEPTH, EVTWIN_E_RANGE, "%s: more than %d folders deep", path,
                   MAX_DEPTH);
    evtwin_status st = read_names(path, &all);
    for (size_t i = 0; i < all.n && st == EVTWIN_OK; i++) {
        st = put_name(place, at, path, all.name[i], depth);
    }
    free_names(&all);
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
    return evtwin__track_clean(tracker, st); /* a folder has the name that the server gives */
}
