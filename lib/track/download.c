/* SPDX-License-Identifier: MIT */
/* track/download.c: all that is below a place for artifacts, into a folder that appears whole. */

#include "track/place.h"
#include "track/registry.h"
#include "track/url.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"
#include "io/file_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_DEPTH = 32 };

typedef struct download {
    const evtwin__place *place;
    const char *folder; /* where files come to first */
    size_t n_entries, n_files, n_bytes;
} download;

/* What one list has. */
typedef struct level {
    download *d;
    struct item {
        char *path;
        int is_folder;
        int64_t size;
    } * item;
    size_t n, capacity;
} level;

static evtwin_status note(void *ctx, const evtwin__entry *entry) {
    level *l = ctx;
    const evtwin_tracker_options *o = &l->d->place->tracker->options;
    EVTWIN_FAIL_IF(!evtwin__url_stays_below(entry->path), EVTWIN_E_CORRUPT,
                   "artifacts at %.200s: \"%.100s\" is a name that leads out of its folder",
                   l->d->place->uri, EVTWIN__TRACK_SHOWN(l->d->place->tracker, entry->path));
    EVTWIN_FAIL_IF(++l->d->n_entries > o->max_download_files, EVTWIN_E_RANGE,
                   "artifacts at %.200s: more than %zu files", l->d->place->uri,
                   o->max_download_files);
    if (l->n == l->capacity) {
        const size_t capacity = l->capacity > 0 ? 2 * l->capacity : 16;
        struct item *grown = evtwin__realloc(l->item, capacity, sizeof *grown);
        EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
        l->item = grown;
        l->capacity = capacity;
    }
    char *path = evtwin__strdup(entry->path);
    EVTWIN_FAIL_IF(path == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    l->item[l->n++] = (struct item){path, entry->is_folder, entry->size};
    return EVTWIN_OK;
}

static evtwin_status get_file(download *d, const char *path, int64_t listed) {
    const evtwin_tracker_options *o = &d->place->tracker->options;
    const size_t max = o->max_download_bytes - d->n_bytes;
    size_t size = 0;
    EVTWIN_FAIL_IF(listed > 0 && (uint64_t)listed > max, EVTWIN_E_RANGE,
                   "artifacts at %.200s: more than %zu bytes", d->place->uri,
                   o->max_download_bytes);
    char *file = evtwin__url_join(d->folder, path);
    EVTWIN_FAIL_IF(file == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    char *slash = strrchr(file, '/');
    *slash = '\0';
    evtwin_status st = evtwin__mkdirs(file);
    *slash = '/';
    if (st == EVTWIN_OK) {
        st = d->place->kind->get(d->place, path, file, max, &size);
    }
    evtwin__free(file);
    if (st < 0) {
        return st;
    }
    EVTWIN_FAIL_IF(listed >= 0 && (uint64_t)listed != size, EVTWIN_E_CORRUPT,
                   "artifacts at %.200s: \"%.100s\" is listed with %lld bytes and came with %zu",
                   d->place->uri, EVTWIN__TRACK_SHOWN(d->place->tracker, path), (long long)listed,
                   size);
    d->n_bytes += size;
    d->n_files++;
    return EVTWIN_OK;
}

static evtwin_status get_level(download *d, const char *path, int depth);

static evtwin_status get_item(download *d, const char *folder, const struct item *item, int depth) {
    char *path = evtwin__url_join(folder, item->path);
    EVTWIN_FAIL_IF(path == NULL, EVTWIN_E_NOMEM, "out of memory for artifacts");
    const evtwin_status st =
        item->is_folder ? get_level(d, path, depth + 1) : get_file(d, path, item->size);
    evtwin__free(path);
    return st;
}

static evtwin_status get_level(download *d, const char *path, int depth) {
    EVTWIN_FAIL_IF(depth > MAX_DEPTH, EVTWIN_E_RANGE,
                   "artifacts at %.200s: more than %d folders deep", d->place->uri, MAX_DEPTH);
    level l = {.d = d};
    evtwin_status st = d->place->kind->list(d->place, path, note, &l);
    for (size_t i = 0; i < l.n; i++) {
        if (st == EVTWIN_OK) {
            st = get_item(d, path, &l.item[i], depth);
        }
        evtwin__free(l.item[i].path);
    }
    evtwin__free(l.item);
    return st;
}

/* ---- the folder ---- */

/* It is not there, or nothing is in it. */
static evtwin_status check_empty(const char *folder) {
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return errno == ENOENT ? EVTWIN_OK : evtwin__fail_errno(folder, errno);
    }
    const struct dirent *d;
    size_t n = 0;
    while ((d = readdir(dir)) != NULL) {
        n += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
    }
    closedir(dir);
    EVTWIN_FAIL_IF(n > 0, EVTWIN_E_STATE, "%s: is not empty", folder);
    return EVTWIN_OK;
}

static evtwin_status fill(const evtwin__place *place, const char *folder, const char *temporary) {
    download d = {.place = place, .folder = temporary};
    EVTWIN_TRY(get_level(&d, "", 0));
    EVTWIN_FAIL_IF(d.n_files == 0, EVTWIN_E_NOT_FOUND, "artifacts at %.200s: there are none",
                   place->uri);
    EVTWIN_FAIL_IF(rename(temporary, folder) != 0,
                   errno == ENOTEMPTY || errno == EEXIST ? EVTWIN_E_STATE : EVTWIN_E_IO, "%s: %s",
                   folder, strerror(errno));
    evtwin__file_sync_folder(folder);
    return EVTWIN_OK;
}

static evtwin_status get_all(const evtwin__place *place, const char *folder) {
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    char *target = evtwin__strndup(folder, n);
    char *temporary = evtwin__calloc(n + 16, 1);
    evtwin_status st = target != NULL && temporary != NULL
                           ? check_empty(target)
                           : evtwin__fail(EVTWIN_E_NOMEM, "out of memory for artifacts");
    if (st == EVTWIN_OK) {
        snprintf(temporary, n + 16, "%s.part-XXXXXX", target);
        if (mkdtemp(temporary) == NULL) {
            st = evtwin__fail_errno(target, errno);
        } else if ((st = fill(place, target, temporary)) < 0) {
            evtwin__remove_tree(temporary);
        }
    }
    evtwin__free(target);
    evtwin__free(temporary);
    return st;
}

evtwin_status evtwin_tracker_download(evtwin_tracker *tracker, const char *artifact_uri,
                                      const char *folder) {
    EVTWIN_FAIL_IF(tracker == NULL || artifact_uri == NULL || folder == NULL, EVTWIN_E_ARG,
                   "tracker, artifact_uri or folder is NULL");
    EVTWIN_FAIL_IF(folder[0] == '\0', EVTWIN_E_ARG, "folder is empty");
    char uri[EVTWIN_TRACK_URI_SIZE];
    evtwin__place place;
    EVTWIN_TRY(evtwin__track_place_of(tracker, artifact_uri, uri));
    EVTWIN_TRY(evtwin__place_open(tracker, uri, &place));
    const evtwin_status st = get_all(&place, folder);
    evtwin__place_free(&place);
    return evtwin__track_clean(tracker, st); /* files have the names that the server gives */
}
