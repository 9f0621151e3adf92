/* SPDX-License-Identifier: MIT */
/* follow/follower.c: the models that a registry names, followed by a thread that the one who
 * predicts never waits for. */

#include "follow/follower.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define MODELS "models:/"

/* A bundle has a manifest, a scaler and some models; more is something else. */
enum { MOST_FILES = 256 };

/* ---- life ---- */

static const evtwin_follower_options defaults = {
    .size = sizeof defaults, .poll_s = 60.0, .patience_s = 10.0, .n_kept = 2};

evtwin_status evtwin_follower_options_init(evtwin_follower_options *options, size_t size) {
    return evtwin__options_init(options, size, &defaults, sizeof defaults);
}

static evtwin_status check_options(const evtwin_follower_options *o) {
    EVTWIN_FAIL_IF(o->cache_dir == NULL || o->cache_dir[0] == '\0', EVTWIN_E_ARG,
                   "cache_dir is not set: fetched models need a folder");
    EVTWIN_FAIL_IF(!(o->poll_s >= 0.1 && o->poll_s <= 86400.0), EVTWIN_E_ARG,
                   "poll_s %g is not in 0.1 to 86400", o->poll_s);
    EVTWIN_FAIL_IF(!(o->patience_s > 0.0 && o->patience_s <= 86400.0), EVTWIN_E_ARG,
                   "patience_s %g is not above 0 and up to 86400", o->patience_s);
    EVTWIN_FAIL_IF(o->n_kept < 1, EVTWIN_E_ARG, "n_kept is 0, it must be at least 1");
    return EVTWIN_OK;
}

/* NAME of models:/NAME@ALIAS or models:/NAME/VERSION; freed by evtwin__free. */
static evtwin_status name_of(const char *models, size_t max, char **out) {
    const char *name = strncmp(models, MODELS, strlen(MODELS)) == 0 ? models + strlen(MODELS) : "";
    const char *slash = strchr(name, '/'), *at = strrchr(name, '@');
    const char *end = slash != NULL ? slash : at;
    EVTWIN_FAIL_IF(end == NULL || end == name || end[1] == '\0' || strchr(end + 1, '/') != NULL ||
                       (size_t)(end - name) >= max,
                   EVTWIN_E_PARSE,
                   "'%s' names no models of a registry: models:/NAME@ALIAS or models:/NAME/VERSION",
                   models);
    *out = evtwin__strndup(name, (size_t)(end - name));
    EVTWIN_FAIL_IF(*out == NULL, EVTWIN_E_NOMEM, "out of memory for %s", models);
    return EVTWIN_OK;
}

/* Of the tracker: a request ends when the follower does, or when the cache will do. */
static int is_over(void *ctx, const char *what, double done) {
    const evtwin_follower *f = ctx;
    const int64_t end_us = atomic_load(&f->patience_end_us);
    (void)what;
    (void)done;
    return atomic_load(&f->is_stopping) || (end_us != 0 && evtwin__monotonic_us() > end_us);
}

static evtwin_status open_tracker(evtwin_follower *f, const char *server,
                                  const evtwin_tracker_options *tracker) {
    evtwin_tracker_options o;
    EVTWIN_TRY(evtwin_tracker_options_init(&o, sizeof o));
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, tracker, "evtwin_tracker_options_init"));
    o.max_download_files =
        o.max_download_files < MOST_FILES ? o.max_download_files : (size_t)MOST_FILES;
    o.progress = is_over;
    o.progress_ctx = f;
    return evtwin_tracker_open(server, &o, &f->tracker);
}

static evtwin_status set_up(evtwin_follower *f, const char *server,
                            const evtwin_tracker_options *tracker, const char *models) {
    char shown[2048];
    EVTWIN_TRY(name_of(models, sizeof f->info.name, &f->name));
    f->models = evtwin__strdup(models);
    EVTWIN_FAIL_IF(f->models == NULL, EVTWIN_E_NOMEM, "out of memory for %s", models);
    snprintf(f->info.name, sizeof f->info.name, "%s", f->name);
    EVTWIN_TRY(open_tracker(f, server, tracker));
    evtwin_uri_redact(server, shown, sizeof shown);
    return evtwin__cache_open(f->options.cache_dir, shown, f->name, &f->cache);
}

static void set_up_lock(evtwin_follower *f) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

evtwin_status evtwin_follower_open(const char *server, const evtwin_tracker_options *tracker,
                                   const char *models, const evtwin_follower_options *options,
                                   evtwin_follower **out) {
    EVTWIN_FAIL_IF(server == NULL || models == NULL || out == NULL, EVTWIN_E_ARG,
                   "server, models or out is NULL");
    evtwin_follower_options o = defaults;
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, options, "evtwin_follower_options_init"));
    EVTWIN_TRY(check_options(&o));
    evtwin_follower *f = evtwin__calloc(1, sizeof *f);
    EVTWIN_FAIL_IF(f == NULL, EVTWIN_E_NOMEM, "out of memory for a follower of models");
    f->options = o;
    set_up_lock(f);
    const evtwin_status st = set_up(f, server, tracker, models);
    f->options.cache_dir = NULL; /* the caller's */
    if (st < 0) {
        evtwin_follower_free(f);
        return st;
    }
    *out = f;
    return EVTWIN_OK;
}

void evtwin_follower_free(evtwin_follower *follower) {
    evtwin_follower *f = follower;
    if (f == NULL) {
        return;
    }
    pthread_mutex_lock(&f->lock);
    atomic_store(&f->is_stopping, 1);
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->has_thread) {
        pthread_join(f->thread, NULL);
    }
    evtwin_predictor_free(f->next);
    evtwin_tracker_free(f->tracker);
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
    evtwin__free(f->models);
    evtwin__free(f->name);
    evtwin__free(f);
}

/* ---- what is said of it ---- */

/* Under the lock: the models that are in use from here on. */
static void note_given(evtwin_follower *f, const evtwin__cached *version, int is_from_cache) {
    snprintf(f->info.version, sizeof f->info.version, "%s", version->version);
    snprintf(f->info.run_id, sizeof f->info.run_id, "%s", version->run_id);
    f->info.is_from_cache = is_from_cache;
}

static void note_look(evtwin_follower *f, evtwin_status st, int is_bad,
                      const evtwin__cached *version) {
    pthread_mutex_lock(&f->lock);
    f->info.n_looks++;
    f->info.n_failures += st < 0 && !is_bad;
    f->info.is_reachable = st >= 0 || is_bad;
    f->looked_us = f->info.is_reachable ? evtwin__monotonic_us() : f->looked_us;
    if (st == EVTWIN_DONE && version->version[0] != '\0') {
        f->info.is_from_cache = 0; /* what began is what is named */
    }
    if (is_bad) {
        f->info.n_refused++;
        snprintf(f->info.refused, sizeof f->info.refused, "%s", version->version);
    }
    pthread_mutex_unlock(&f->lock);
}

/* What is new about the looks, once. */
static void log_look(evtwin_follower *f, evtwin_status st, int is_bad,
                     const evtwin__cached *version) {
    const int is_failing = st < 0 && !is_bad;
    if (is_bad) {
        evtwin__log(EVTWIN_LOG_WARNING, "models %s/%s cannot be used, %s/%s stays: %s", f->name,
                    version->version, f->name, f->good.version, evtwin_last_error());
    } else if (is_failing && !f->is_failing) {
        evtwin__log(EVTWIN_LOG_WARNING, "%s: %s; %s/%s stays in use, the next check is in %g s",
                    f->models, evtwin_last_error(), f->name, f->good.version, f->options.poll_s);
    } else if (!is_failing && f->is_failing) {
        evtwin__log(EVTWIN_LOG_INFO, "%s: the registry answers again", f->models);
    }
    f->is_failing = is_failing;
}

/* ---- the first models ---- */

/* Those of the cache, where a look gave none for that reason. */
static evtwin_status begin_from_cache(evtwin_follower *f, evtwin_status st,
                                      evtwin_predictor **out) {
    char reason[1024];
    evtwin__cached version = {.version = ""};
    snprintf(reason, sizeof reason, "%s", evtwin_last_error());
    const int is_late = st == EVTWIN_E_CANCELLED && !atomic_load(&f->is_stopping);
    if (is_late) {
        snprintf(reason, sizeof reason, "no answer within %g s", f->options.patience_s);
    }
    if (evtwin__follower_from_cache(f, &version, out) < 0) {
        EVTWIN_FAIL(st, "%s: %s; nor are there models in the cache: %s", f->models, reason,
                    evtwin_last_error());
    }
    f->good = version;
    evtwin__log(EVTWIN_LOG_WARNING, "%s: %s; %s/%s of the cache is used", f->models, reason,
                f->name, version.version);
    pthread_mutex_lock(&f->lock);
    note_given(f, &version, 1);
    pthread_mutex_unlock(&f->lock);
    return EVTWIN_OK;
}

evtwin_status evtwin_follower_load(evtwin_follower *follower, evtwin_predictor **out) {
    EVTWIN_FAIL_IF(follower == NULL || out == NULL, EVTWIN_E_ARG, "follower or out is NULL");
    EVTWIN_FAIL_IF(follower->is_started, EVTWIN_E_STATE, "the follower has started already");
    evtwin_follower *f = follower;
    evtwin__cached version = {.version = ""};
    int is_bad = 0;
    if (evtwin__cache_read(&f->cache, f->models, &version) >= 0) {
        atomic_store(&f->patience_end_us,
                     evtwin__monotonic_us() + (int64_t)(f->options.patience_s * 1e6));
    }
    f->good = f->bad = (evtwin__cached){.version = ""}; /* nothing is known yet */
    evtwin_status st = evtwin__follower_look(f, &version, &is_bad, out);
    atomic_store(&f->patience_end_us, 0);
    note_look(f, st, is_bad, &version);
    if (st < 0) {
        f->is_failing = !is_bad;
        EVTWIN_TRY(begin_from_cache(f, st, out));
    } else {
        pthread_mutex_lock(&f->lock);
        note_given(f, &version, 0);
        pthread_mutex_unlock(&f->lock);
    }
    f->is_started = 1;
    return EVTWIN_OK;
}

/* ---- following ---- */

/* Until the next look is due; 0 when the follower ends. */
static int wait_for_look(evtwin_follower *f) {
    const int64_t at_us = evtwin__monotonic_us() + (int64_t)(f->options.poll_s * 1e6);
    const struct timespec at = {.tv_sec = (time_t)(at_us / 1000000),
                                .tv_nsec = (long)(at_us % 1000000) * 1000};
    pthread_mutex_lock(&f->lock);
    while (!atomic_load(&f->is_stopping) &&
           pthread_cond_timedwait(&f->wake, &f->lock, &at) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&f->lock);
    return !atomic_load(&f->is_stopping);
}

/* Newer ones take the place of models that nobody has asked for yet. */
static void offer(evtwin_follower *f, const evtwin__cached *version, evtwin_predictor *predictor) {
    pthread_mutex_lock(&f->lock);
    evtwin_predictor *before = f->next;
    f->next = predictor;
    f->next_version = *version;
    pthread_mutex_unlock(&f->lock);
    evtwin_predictor_free(before);
}

static void *follow(void *ctx) {
    evtwin_follower *f = ctx;
    while (wait_for_look(f)) {
        evtwin__cached version = {.version = ""};
        evtwin_predictor *predictor = NULL;
        int is_bad = 0;
        const evtwin_status st = evtwin__follower_look(f, &version, &is_bad, &predictor);
        if (atomic_load(&f->is_stopping)) {
            evtwin_predictor_free(predictor);
            break;
        }
        log_look(f, st, is_bad, &version); /* first: it tells the error's text */
        note_look(f, st, is_bad, &version);
        if (st == EVTWIN_OK) {
            offer(f, &version, predictor);
        }
    }
    return NULL;
}

/* A version by its number is what it is. */
static int is_fixed(const evtwin_follower *f) {
    const char *rest = f->models + strlen(MODELS) + strlen(f->name);
    return rest[0] == '/' && evtwin__cached_is_number(rest + 1);
}

evtwin_status evtwin_follower_start(evtwin_follower *follower) {
    EVTWIN_FAIL_IF(follower == NULL, EVTWIN_E_ARG, "follower is NULL");
    EVTWIN_FAIL_IF(!follower->is_started || follower->is_following, EVTWIN_E_STATE,
                   "the follower %s",
                   follower->is_following ? "follows already" : "has not loaded its first models");
    if (is_fixed(follower) && !follower->info.is_from_cache) {
        follower->is_following = 1;
        return EVTWIN_OK;
    }
    sigset_t signals, before; /* they are the program's, not of this thread */
    sigfillset(&signals);
    pthread_sigmask(SIG_SETMASK, &signals, &before);
    const int error = pthread_create(&follower->thread, NULL, follow, follower);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_IO, "a thread: %s", strerror(error));
    follower->has_thread = follower->is_following = 1;
    return EVTWIN_OK;
}

evtwin_status evtwin_follower_next(evtwin_follower *follower, evtwin_predictor **out) {
    EVTWIN_FAIL_IF(follower == NULL || out == NULL, EVTWIN_E_ARG, "follower or out is NULL");
    pthread_mutex_lock(&follower->lock);
    evtwin_predictor *predictor = follower->next;
    if (predictor != NULL) {
        follower->next = NULL;
        note_given(follower, &follower->next_version, 0);
    }
    pthread_mutex_unlock(&follower->lock);
    *out = predictor != NULL ? predictor : *out;
    return predictor != NULL ? EVTWIN_OK : EVTWIN_DONE;
}

evtwin_status evtwin_follower_info_get(const evtwin_follower *follower, evtwin_follower_info *out,
                                       size_t size) {
    EVTWIN_FAIL_IF(follower == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "follower or out is NULL, or size is too small");
    evtwin_follower *f = (evtwin_follower *)follower; /* locking changes nothing that is seen */
    pthread_mutex_lock(&f->lock);
    evtwin_follower_info info = f->info;
    info.age_s =
        f->looked_us != 0 ? 1e-6 * (double)(evtwin__monotonic_us() - f->looked_us) : (double)NAN;
    pthread_mutex_unlock(&f->lock);
    evtwin__report_copy(out, size, &info, sizeof info);
    return EVTWIN_OK;
}
