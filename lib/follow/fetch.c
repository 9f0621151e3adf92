/* SPDX-License-Identifier: MIT */
/* follow/fetch.c: one look at a registry: which version is named, its bundle from the cache or from
 * the artifacts of its run, and whether it can be used. */

#include "follow/follower.h"

#include "core/folder_lock.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>

enum { MOST_LOOKS_LEFT = 64 };

static int is_same(const evtwin__cached *a, const evtwin__cached *b) {
    return strcmp(a->version, b->version) == 0 && strcmp(a->run_id, b->run_id) == 0;
}

/* What a server or a disk may get over; all else is in the files and stays. */
static int can_pass(evtwin_status st) {
    return evtwin_status_is_temporary(st) || st == EVTWIN_E_BUSY || st == EVTWIN_E_DENIED ||
           st == EVTWIN_E_CANCELLED;
}

/* ---- a bundle that is on this machine ---- */

/* Is it what it was, and can it be used? It gets its name. */
static evtwin_status judge(const evtwin_follower *f, evtwin__cached *version,
                           evtwin_predictor *predictor) {
    char name[sizeof f->info.name + sizeof version->version];
    evtwin_predictor_info info;
    EVTWIN_TRY(evtwin_predictor_info_get(predictor, &info, sizeof info));
    EVTWIN_FAIL_IF(version->bundle[0] != '\0' && strcmp(version->bundle, info.bundle) != 0,
                   EVTWIN_E_CORRUPT, "the bundle in the cache is %s, not %s that was fetched",
                   info.bundle, version->bundle);
    snprintf(name, sizeof name, "%s/%s", f->name, version->version);
    EVTWIN_TRY(evtwin_predictor_set_version(predictor, name));
    EVTWIN_TRY(f->options.check != NULL ? f->options.check(f->options.check_ctx, predictor)
                                        : EVTWIN_OK);
    snprintf(version->bundle, sizeof version->bundle, "%s", info.bundle);
    return EVTWIN_OK;
}

static evtwin_status open_cached(const evtwin_follower *f, evtwin__cached *version,
                                 evtwin_predictor **out) {
    char path[EVTWIN__CACHE_PATH_SIZE];
    evtwin_predictor *predictor = NULL;
    evtwin__cache_path(&f->cache, version, path);
    EVTWIN_TRY(evtwin_predictor_load(path, &predictor));
    const evtwin_status st = judge(f, version, predictor);
    if (st < 0) {
        evtwin_predictor_free(predictor);
        return st;
    }
    *out = predictor;
    return EVTWIN_OK;
}

evtwin_status evtwin__follower_from_cache(evtwin_follower *f, evtwin__cached *version,
                                          evtwin_predictor **out) {
    evtwin__cached kept;
    EVTWIN_TRY(evtwin__cache_read(&f->cache, f->models, &kept));
    EVTWIN_TRY(open_cached(f, &kept, out));
    *version = kept;
    return EVTWIN_OK;
}

/* ---- a bundle that is on the server ---- */

/* A file that came cut off may come whole the next time, but a large one must not be asked for at
 * each look. */
static void put_off(evtwin__retry *r, const evtwin__cached *version) {
    r->n_failures = is_same(&r->version, version) ? r->n_failures + 1 : 1;
    r->version = *version;
    r->n_left = r->n_failures < 7 ? (1u << (r->n_failures - 1)) - 1 : MOST_LOOKS_LEFT - 1;
}

static evtwin_status download(evtwin_follower *f, const evtwin__cached *version) {
    char from[sizeof version->run_id + 32], path[EVTWIN__CACHE_PATH_SIZE];
    snprintf(from, sizeof from, "runs:/%s/" EVTWIN_FOLLOWER_BUNDLE, version->run_id);
    evtwin__cache_path(&f->cache, version, path);
    const evtwin_status st = evtwin_tracker_download(f->tracker, from, path);
    if (st < 0) {
        put_off(&f->retry, version);
    }
    return st;
}

/* The bundle of a version that is not in use; *is_bad if it came and cannot be used, or is not
 * there to come. A copy in the cache that is damaged is fetched anew. */
static evtwin_status fetch(evtwin_follower *f, evtwin__cached *version, int *is_bad,
                           evtwin_predictor **out) {
    evtwin_status st;
    if (evtwin__cache_has(&f->cache, version)) {
        st = open_cached(f, version, out);
        if (st >= 0 || can_pass(st)) {
            return st;
        }
        evtwin__cache_drop(&f->cache, version);
    }
    if ((st = download(f, version)) < 0) {
        *is_bad = st == EVTWIN_E_NOT_FOUND || st == EVTWIN_E_RANGE; /* none there; too large */
        return st;
    }
    st = open_cached(f, version, out);
    if (st < 0 && !can_pass(st)) {
        *is_bad = 1;
        evtwin__cache_drop(&f->cache, version);
    }
    return st;
}

/* ---- a look ---- */

/* Text from outside: it becomes a path and a URI. */
static evtwin_status take_version(const evtwin_tracker_version *from, evtwin__cached *out) {
    evtwin__cached v = {.version = ""};
    const size_t n = strspn(from->run_id, "0123456789abcdefghijklmnopqrstuvwxyz"
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_");
    EVTWIN_FAIL_IF(!evtwin__cached_is_number(from->version), EVTWIN_E_PARSE,
                   "the registry names version '%s', which is not a number", from->version);
    snprintf(v.version, sizeof v.version, "%s", from->version);
    EVTWIN_FAIL_IF(from->run_id[n] != '\0', EVTWIN_E_PARSE, "'%s' is not the id of a run",
                   from->run_id);
    snprintf(v.run_id, sizeof v.run_id, "%s", from->run_id);
    *out = v;
    return EVTWIN_OK;
}

/* A version is used from here on. Under the folder's lock. */
static void keep(evtwin_follower *f, const evtwin__cached *version) {
    f->good = *version;
    f->bad = (evtwin__cached){.version = ""}; /* it may be put right before it is named again */
    if (evtwin__cache_keep(&f->cache, f->models, version, f->options.n_kept) < 0) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s cannot be noted in the cache: %s", f->models,
                    evtwin_last_error());
    }
}

/* Between two processes that share a cache, one fetches and the other finds it there. */
static evtwin_status fetch_alone(evtwin_follower *f, evtwin__cached *version, int *is_bad,
                                 evtwin_predictor **out) {
    int lock;
    if (version->run_id[0] == '\0') {
        *is_bad = 1;
        EVTWIN_FAIL(EVTWIN_E_NOT_FOUND,
                    "it was registered without a run, which would hold its bundle: register it by "
                    "evtwin-train --mlflow");
    }
    EVTWIN_TRY(evtwin__folder_lock(f->cache.folder, 1, &lock));
    const evtwin_status st = fetch(f, version, is_bad, out);
    if (st >= 0) {
        keep(f, version);
    }
    evtwin__folder_unlock(lock);
    return st;
}

evtwin_status evtwin__follower_look(evtwin_follower *f, evtwin__cached *version, int *is_bad,
                                    evtwin_predictor **out) {
    evtwin_tracker_version found;
    evtwin__cached v;
    *is_bad = 0;
    EVTWIN_TRY(evtwin_tracker_resolve(f->tracker, f->models, &found, sizeof found));
    EVTWIN_TRY(take_version(&found, &v));
    if (is_same(&v, &f->good)) {
        f->bad = (evtwin__cached){.version = ""}; /* it may be put right before it is named again */
        *version = v;
        return EVTWIN_DONE;
    }
    if (is_same(&v, &f->bad)) {
        return EVTWIN_DONE;
    }
    if (f->retry.n_left > 0 && is_same(&v, &f->retry.version)) {
        f->retry.n_left--;
        return EVTWIN_DONE;
    }
    *version = v;
    const evtwin_status st = fetch_alone(f, version, is_bad, out);
    f->bad = *is_bad ? v : f->bad;
    return st;
}
