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

static evtwin_status open_at(const evtwin_follower *f, const char *path, evtwin__cached *version,
                             evtwin_predictor **out) {
    evtwin_predictor *predictor = NULL;
    EVTWIN_TRY(evtwin_predictor_load(path, &predictor));
    const evtwin_status st = judge(f, version, predictor);
    if (st < 0) {
        evtwin_predictor_free(predictor);
        return st;
    }
    *out = predictor;
    return EVTWIN_OK;
}

static evtwin_status open_cached(const evtwin_follower *f, evtwin__cached *version,
                                 evtwin_predictor **out) {
    char path[EVTWIN__CACHE_PATH_SIZE];
    evtwin__cache_path(&f->cache, version, path);
    return open_at(f, path, version, out);
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

static evtwin_status download(evtwin_follower *f, const evtwin__cached *version, const char *path,
                              int *is_bad) {
    char from[sizeof version->run_id + 32];
    snprintf(from, sizeof from, "runs:/%s/" EVTWIN_FOLLOWER_BUNDLE, version->run_id);
    const evtwin_status st = evtwin_tracker_download(f->tracker, from, path);
    if (st < 0) {
        *is_bad = st == EVTWIN_E_NOT_FOUND || st == EVTWIN_E_RANGE; /* none there; too large */
        put_off(&f->retry, version);
    }
    return st;
}

/* ---- a look ---- */

/* Text from outside: it becomes a path and a URI, and is in no message as long as it may be
 * anything, one of our secrets too. */
static evtwin_status take_version(const evtwin_tracker_version *from, evtwin__cached *out) {
    evtwin__cached v = {.version = ""};
    const size_t n = strspn(from->run_id, "0123456789abcdefghijklmnopqrstuvwxyz"
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_");
    EVTWIN_FAIL_IF(!evtwin__cached_is_number(from->version), EVTWIN_E_PARSE,
                   "the registry names a version that is not a number");
    snprintf(v.version, sizeof v.version, "%s", from->version);
    EVTWIN_FAIL_IF(
        from->run_id[n] != '\0', EVTWIN_E_PARSE,
        "the registry gives version %s a run id that is not made of letters, digits, '-' and '_'",
        v.version);
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

/* A bundle that is in the cache, used from here on: EVTWIN_DONE if there is none. A copy that is
 * damaged goes, to be fetched anew. Under the folder's lock. */
static evtwin_status use_cached(evtwin_follower *f, evtwin__cached *version,
                                evtwin_predictor **out) {
    if (!evtwin__cache_has(&f->cache, version)) {
        return EVTWIN_DONE;
    }
    const evtwin_status st = open_cached(f, version, out);
    if (st >= 0) {
        keep(f, version);
    } else if (!can_pass(st)) {
        evtwin__cache_drop(&f->cache, version);
        return EVTWIN_DONE;
    }
    return st;
}

/* What is in the cache, or a place for what is to come. */
static evtwin_status find_or_begin(evtwin_follower *f, evtwin__cached *version,
                                   evtwin__arrival *arrival, evtwin_predictor **out) {
    int lock;
    EVTWIN_TRY(evtwin__folder_lock(f->cache.folder, 1, &lock));
    evtwin_status st = use_cached(f, version, out);
    if (st == EVTWIN_DONE) {
        st = evtwin__cache_begin(&f->cache, version, arrival);
        st = st < 0 ? st : EVTWIN_DONE;
    }
    evtwin__folder_unlock(lock);
    return st;
}

/* Put what has come in its place, unless another process was first: then its copy is used. */
static evtwin_status settle(evtwin_follower *f, evtwin__cached *version,
                            const evtwin__arrival *arrival, evtwin_predictor *came,
                            evtwin_predictor **out) {
    int lock;
    evtwin__cached known = *version;
    EVTWIN_TRY(evtwin__folder_lock(f->cache.folder, 1, &lock));
    evtwin_status st = use_cached(f, &known, out);
    if (st == EVTWIN_DONE && (st = evtwin__cache_put(&f->cache, version, arrival)) >= 0) {
        *out = came;
        keep(f, version);
    }
    evtwin__folder_unlock(lock);
    return st;
}

/* The bundle of a version that has come, if it can be used. */
static evtwin_status take_arrival(evtwin_follower *f, evtwin__cached *version,
                                  const evtwin__arrival *arrival, int *is_bad,
                                  evtwin_predictor **out) {
    evtwin_predictor *came = NULL;
    evtwin_status st = download(f, version, arrival->bundle, is_bad);
    if (st < 0) {
        return st;
    }
    if ((st = open_at(f, arrival->bundle, version, &came)) < 0) {
        *is_bad = !can_pass(st);
        return st;
    }
    st = settle(f, version, arrival, came, out);
    if (st < 0 || *out != came) {
        evtwin_predictor_free(came);
    }
    return st;
}

/* The bundle of a version that is not in use; *is_bad if it came and cannot be used, or is not
 * there to come. The cache is locked for moments only, never while a server is waited for: others
 * that share it go on. */
static evtwin_status fetch(evtwin_follower *f, evtwin__cached *version, int *is_bad,
                           evtwin_predictor **out) {
    evtwin__arrival arrival;
    if (version->run_id[0] == '\0') {
        *is_bad = 1;
        EVTWIN_FAIL(EVTWIN_E_NOT_FOUND,
                    "it was registered without a run, which would hold its bundle: register a "
                    "version with the run that logged it");
    }
    evtwin_status st = find_or_begin(f, version, &arrival, out);
    if (st == EVTWIN_DONE) {
        st = take_arrival(f, version, &arrival, is_bad, out);
        evtwin__cache_end(&arrival);
    }
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
    const evtwin_status st = fetch(f, version, is_bad, out);
    f->bad = *is_bad ? v : f->bad;
    return st;
}
