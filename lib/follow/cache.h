/* SPDX-License-Identifier: MIT */
/* follow/cache.h: bundles of a registered model on this machine, a folder each, and which of them
 * was the last good one by each name. */
#ifndef EVTWIN_FOLLOW_CACHE_H
#define EVTWIN_FOLLOW_CACHE_H

#include "evtwin/base.h"

#include <stddef.h>

enum { EVTWIN__CACHE_PATH_SIZE = 4096 };

/* Of one registered model on one server. */
typedef struct evtwin__cache {
    char folder[EVTWIN__CACHE_PATH_SIZE];
} evtwin__cache;

/* A version as its folder is found by. */
typedef struct evtwin__cached {
    char version[32];
    char run_id[128];
    char bundle[16]; /* its own hash; "" = not known yet */
} evtwin__cached;

/* 1 if it is decimal digits, as versions of MLflow are. */
int evtwin__cached_is_number(const char *version);

/* The folder of a model below dir, both made where they are absent. EVTWIN_E_ARG if others can
 * write there. */
evtwin_status evtwin__cache_open(const char *dir, const char *server, const char *name,
                                 evtwin__cache *out);

/* Where the bundle of a version is, or would be. */
void evtwin__cache_path(const evtwin__cache *cache, const evtwin__cached *version,
                        char path[EVTWIN__CACHE_PATH_SIZE]);
int evtwin__cache_has(const evtwin__cache *cache, const evtwin__cached *version);

/* The last good version by the name `models`. EVTWIN_E_NOT_FOUND without one. */
evtwin_status evtwin__cache_read(const evtwin__cache *cache, const char *models,
                                 evtwin__cached *out);

/* It is that from here on; all but the n_kept newest used, and those that are so by other names,
 * are removed. Under the folder's lock. */
evtwin_status evtwin__cache_keep(const evtwin__cache *cache, const char *models,
                                 const evtwin__cached *version, size_t n_kept);

/* Remove the bundle of a version. */
void evtwin__cache_drop(const evtwin__cache *cache, const evtwin__cached *version);

/* A folder of this process in the cache, where a bundle comes to be without the folder's lock: no
 * other process takes it away as long as its own lock is held. */
typedef struct evtwin__arrival {
    char folder[EVTWIN__CACHE_PATH_SIZE];
    char bundle[EVTWIN__CACHE_PATH_SIZE]; /* in it, to be made by who downloads */
    int lock;
} evtwin__arrival;

/* Begin one, under the folder's lock. */
evtwin_status evtwin__cache_begin(const evtwin__cache *cache, const evtwin__cached *version,
                                  evtwin__arrival *out);
/* It becomes the bundle of the version, which is not there; under the folder's lock. */
evtwin_status evtwin__cache_put(const evtwin__cache *cache, const evtwin__cached *version,
                                const evtwin__arrival *arrival);
/* End it; what is still in it goes. */
void evtwin__cache_end(evtwin__arrival *arrival);

#endif
