/* SPDX-License-Identifier: MIT */
/* follow/cache.c: DIR/HASH OF SERVER AND MODEL/ has a folder v3-HASH OF RUN for each version, and a
 * file HASH OF NAME.json for each name, which says what was the last good one by it. */

#include "follow/cache.h"

#include "core/file.h"
#include "core/folder_lock.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/sha256.h"
#include "core/status.h"
#include "io/file_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SHORT_HASH = 16, MAX_POINTER = 8192 };

static void hash_of(const char *text, char hex[SHORT_HASH + 1]) {
    char all[EVTWIN__SHA256_HEX_SIZE];
    evtwin__sha256_hex(text, strlen(text), all);
    snprintf(hex, SHORT_HASH + 1, "%.*s", SHORT_HASH, all);
}

/* Whoever can write here chooses the models. */
static evtwin_status make_private(const char *path) {
    struct stat info;
    EVTWIN_TRY(evtwin__mkdirs(path));
    if (stat(path, &info) != 0) {
        return evtwin__fail_errno(path, errno);
    }
    EVTWIN_FAIL_IF(!S_ISDIR(info.st_mode), EVTWIN_E_IO, "%s: not a folder", path);
    EVTWIN_FAIL_IF((info.st_uid != geteuid() && info.st_uid != 0) ||
                       (info.st_mode & (S_IWGRP | S_IWOTH)) != 0,
                   EVTWIN_E_ARG,
                   "%s: others can write in this cache of models, and so choose what predicts: it "
                   "must be yours alone (chmod go-w), or name another folder",
                   path);
    return EVTWIN_OK;
}

evtwin_status evtwin__cache_open(const char *dir, const char *server, const char *name,
                                 evtwin__cache *out) {
    char key[4096], hex[SHORT_HASH + 1];
    evtwin__cache cache;
    const int n = snprintf(key, sizeof key, "%s\n%s", server, name);
    EVTWIN_FAIL_IF(n < 0 || (size_t)n >= sizeof key, EVTWIN_E_ARG,
                   "the server's URI and the model's name are longer than %zu bytes", sizeof key);
    hash_of(key, hex);
    EVTWIN_FAIL_IF(strlen(dir) + 2 * sizeof hex + 64 >= sizeof cache.folder, EVTWIN_E_ARG,
                   "the cache folder's path is longer than a path can be");
    snprintf(cache.folder, sizeof cache.folder, "%s/%s", dir, hex);
    EVTWIN_TRY(make_private(dir));
    EVTWIN_TRY(make_private(cache.folder));
    *out = cache;
    return EVTWIN_OK;
}

/* "v3-0123456789abcdef": a number alone may mean another run after the server was set up anew. */
static void folder_name(const evtwin__cached *version, char name[64]) {
    char hex[SHORT_HASH + 1];
    hash_of(version->run_id, hex);
    snprintf(name, 64, "v%s-%s", version->version, hex);
}

static void join(const evtwin__cache *cache, const char *name, char path[EVTWIN__CACHE_PATH_SIZE]) {
    const size_t n = strlen(cache->folder); /* there is room, see evtwin__cache_open */
    memcpy(path, cache->folder, n);
    snprintf(path + n, EVTWIN__CACHE_PATH_SIZE - n, "/%s", name);
}

void evtwin__cache_path(const evtwin__cache *cache, const evtwin__cached *version,
                        char path[EVTWIN__CACHE_PATH_SIZE]) {
    char name[64];
    folder_name(version, name);
    join(cache, name, path);
}

int evtwin__cache_has(const evtwin__cache *cache, const evtwin__cached *version) {
    char path[EVTWIN__CACHE_PATH_SIZE];
    struct stat info;
    evtwin__cache_path(cache, version, path);
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* ---- the last good one ---- */

static void pointer_path(const evtwin__cache *cache, const char *models,
                         char path[EVTWIN__CACHE_PATH_SIZE]) {
    char name[64], hex[SHORT_HASH + 1];
    hash_of(models, hex);
    snprintf(name, sizeof name, "%s.json", hex);
    join(cache, name, path);
}

static evtwin_status read_member(const char *path, const json_t *json, const char *key, char *out,
                                 size_t size) {
    const char *text;
    EVTWIN_TRY(evtwin__json_get_text(path, json, key, &text));
    EVTWIN_FAIL_IF(strlen(text) >= size, EVTWIN_E_CORRUPT, "%s: %s is too long", path, key);
    snprintf(out, size, "%s", text);
    return EVTWIN_OK;
}

/* It becomes a part of a path. */
int evtwin__cached_is_number(const char *version) {
    const size_t n = strspn(version, "0123456789");
    return n > 0 && version[n] == '\0';
}

static evtwin_status read_members(const char *path, const json_t *json, evtwin__cached *out) {
    EVTWIN_TRY(read_member(path, json, "version", out->version, sizeof out->version));
    EVTWIN_TRY(read_member(path, json, "run_id", out->run_id, sizeof out->run_id));
    EVTWIN_TRY(read_member(path, json, "bundle", out->bundle, sizeof out->bundle));
    EVTWIN_FAIL_IF(!evtwin__cached_is_number(out->version), EVTWIN_E_CORRUPT,
                   "%s: version is not a number", path);
    return EVTWIN_OK;
}

static evtwin_status read_pointer(const char *path, evtwin__cached *out) {
    char *text = NULL;
    size_t size;
    json_t *json = NULL;
    evtwin__cached read = {.version = ""};
    EVTWIN_TRY(evtwin__file_read(path, MAX_POINTER, &text, &size));
    evtwin_status st = evtwin__json_parse(path, text, size, &json);
    if (st >= 0) {
        st = read_members(path, json, &read);
        json_decref(json);
    }
    evtwin__free(text);
    *out = st >= 0 ? read : *out;
    return st;
}

evtwin_status evtwin__cache_read(const evtwin__cache *cache, const char *models,
                                 evtwin__cached *out) {
    char path[EVTWIN__CACHE_PATH_SIZE];
    pointer_path(cache, models, path);
    return read_pointer(path, out);
}

static evtwin_status write_pointer(const evtwin__cache *cache, const char *models,
                                   const evtwin__cached *version) {
    char path[EVTWIN__CACHE_PATH_SIZE];
    pointer_path(cache, models, path);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "models", models, "version", version->version,
                             "run_id", version->run_id, "bundle", version->bundle);
    EVTWIN_FAIL_IF(json == NULL, EVTWIN_E_NOMEM, "out of memory for %s", path);
    const evtwin_status st = evtwin__json_write(path, json);
    json_decref(json);
    return st;
}

/* ---- old ones ---- */

void evtwin__cache_drop(const evtwin__cache *cache, const evtwin__cached *version) {
    char path[EVTWIN__CACHE_PATH_SIZE];
    evtwin__cache_path(cache, version, path);
    evtwin__remove_tree(path);
}

/* ---- what arrives ---- */

/* "v3-….part-XXXXXX": not the name of a version, so that a sweep knows it. */
evtwin_status evtwin__cache_begin(const evtwin__cache *cache, const evtwin__cached *version,
                                  evtwin__arrival *out) {
    char name[64], form[80];
    folder_name(version, name);
    snprintf(form, sizeof form, "%s.part-XXXXXX", name);
    join(cache, form, out->folder);
    if (mkdtemp(out->folder) == NULL) {
        return evtwin__fail_errno(cache->folder, errno);
    }
    (void)evtwin__folder_try_lock(out->folder, &out->lock);
    memcpy(out->bundle, out->folder, sizeof out->bundle);
    const size_t n = strlen(out->folder);
    snprintf(out->bundle + n, sizeof out->bundle - n, "/bundle");
    return EVTWIN_OK;
}

evtwin_status evtwin__cache_put(const evtwin__cache *cache, const evtwin__cached *version,
                                const evtwin__arrival *arrival) {
    char path[EVTWIN__CACHE_PATH_SIZE];
    evtwin__cache_path(cache, version, path);
    if (rename(arrival->bundle, path) != 0) {
        return evtwin__fail_errno(path, errno);
    }
    evtwin__file_sync_folder(path);
    return EVTWIN_OK;
}

void evtwin__cache_end(evtwin__arrival *arrival) {
    evtwin__remove_tree(arrival->folder);
    evtwin__folder_unlock(arrival->lock);
    arrival->lock = -1;
}

/* Is a download under way there? Where no folder can be locked, one of today may be. */
static int is_arriving(const char *path, time_t changed) {
    enum { DAY_S = 86400 };
    int lock;
    const int is_locked = evtwin__folder_try_lock(path, &lock);
    evtwin__folder_unlock(lock);
    return is_locked == 0 || (is_locked < 0 && time(NULL) - changed < DAY_S);
}

/* ---- a sweep ---- */

/* A folder of the cache. */
typedef struct entry {
    char name[256];
    struct timespec used;
    int is_kept;
} entry;

typedef struct listing {
    entry *entry; /* (n of capacity) */
    size_t n, capacity;
} listing;

static int newest_first(const void *a, const void *b) {
    const struct timespec x = ((const entry *)a)->used, y = ((const entry *)b)->used;
    return x.tv_sec != y.tv_sec ? (x.tv_sec < y.tv_sec) - (x.tv_sec > y.tv_sec)
                                : (x.tv_nsec < y.tv_nsec) - (x.tv_nsec > y.tv_nsec);
}

static int has_ending(const char *name, const char *ending) {
    const size_t n = strlen(name), m = strlen(ending);
    return n >= m && strcmp(name + n - m, ending) == 0;
}

/* Add a folder that stands in the cache; 0 when memory is out. */
static int list_folder(const evtwin__cache *cache, const char *name, listing *all) {
    char path[EVTWIN__CACHE_PATH_SIZE];
    struct stat info;
    join(cache, name, path);
    if (strlen(name) >= sizeof all->entry->name || lstat(path, &info) != 0 ||
        !S_ISDIR(info.st_mode)) {
        return 1;
    }
    if (all->n == all->capacity) {
        entry *grown = evtwin__realloc(all->entry, 2 * all->capacity + 16, sizeof *grown);
        if (grown == NULL) {
            return 0;
        }
        all->entry = grown;
        all->capacity = 2 * all->capacity + 16;
    }
    entry *e = &all->entry[all->n++];
    *e = (entry){.used = info.st_mtim};
    memcpy(e->name, name, strlen(name) + 1);
    return 1;
}

/* What a pointer names stays, whichever name it is for. */
static void keep_named(const evtwin__cache *cache, const char *pointer, listing *all) {
    char path[EVTWIN__CACHE_PATH_SIZE], name[64];
    evtwin__cached version;
    join(cache, pointer, path);
    if (read_pointer(path, &version) < 0) {
        return;
    }
    folder_name(&version, name);
    for (size_t i = 0; i < all->n; i++) {
        all->entry[i].is_kept |= strcmp(all->entry[i].name, name) == 0;
    }
}

/* Visit the names of the folder: its folders, or its pointers. */
static int visit(const evtwin__cache *cache, int wants_pointers, listing *all) {
    DIR *dir = opendir(cache->folder);
    int is_whole = dir != NULL;
    struct dirent *at;
    while (is_whole && (at = readdir(dir)) != NULL) {
        if (at->d_name[0] == '.' && (at->d_name[1] == '\0' || at->d_name[1] == '.')) {
            continue;
        }
        if (!wants_pointers) {
            is_whole = list_folder(cache, at->d_name, all);
        } else if (has_ending(at->d_name, ".json") && strlen(at->d_name) < 64) {
            keep_named(cache, at->d_name, all);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return is_whole;
}

/* As folder_name writes it. */
static int is_version(const char *name) {
    const size_t n = name[0] == 'v' ? strspn(name + 1, "0123456789") : 0;
    return n > 0 && name[1 + n] == '-' && strspn(name + n + 2, "0123456789abcdef") == SHORT_HASH &&
           name[n + 2 + SHORT_HASH] == '\0';
}

/* Folders that are not versions are downloads that a killed process left ("v3-….part-XXXXXX"). */
static void sweep(const evtwin__cache *cache, size_t n_kept) {
    listing all = {.entry = NULL};
    if (visit(cache, 0, &all) && visit(cache, 1, &all)) {
        qsort(all.entry, all.n, sizeof *all.entry, newest_first);
        size_t n_versions = 0;
        for (size_t i = 0; i < all.n; i++) {
            const int is_one = is_version(all.entry[i].name);
            n_versions += is_one;
            char path[EVTWIN__CACHE_PATH_SIZE];
            join(cache, all.entry[i].name, path);
            if (!all.entry[i].is_kept &&
                (is_one ? n_versions > n_kept : !is_arriving(path, all.entry[i].used.tv_sec))) {
                evtwin__remove_tree(path);
            }
        }
    }
    evtwin__free(all.entry);
}

evtwin_status evtwin__cache_keep(const evtwin__cache *cache, const char *models,
                                 const evtwin__cached *version, size_t n_kept) {
    char path[EVTWIN__CACHE_PATH_SIZE];
    evtwin__cache_path(cache, version, path);
    (void)utimensat(AT_FDCWD, path, NULL, 0); /* it is the newest used */
    EVTWIN_TRY(write_pointer(cache, models, version));
    sweep(cache, n_kept);
    return EVTWIN_OK;
}
