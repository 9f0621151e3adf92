/* SPDX-License-Identifier: MIT */
/* evtwin/follower.h: models of a registry, fetched, checked and followed while they are used. */
#ifndef EVTWIN_FOLLOWER_H
#define EVTWIN_FOLLOWER_H

#include "evtwin/predictor.h"
#include "evtwin/track.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The folder among a run's artifacts that holds the whole bundle of the versions it registered. */
#define EVTWIN_FOLLOWER_BUNDLE "bundle"

/**
 * The models that "models:/NAME@ALIAS" of an MLflow server names at present. Their bundle is
 * fetched from the run of that version into a cache folder, from which a program can start when the
 * server is down. The program that predicts asks repeatedly for new models (evtwin_follower_next).
 * That call never waits: a separate thread talks to the server. One thread at a time may use a
 * follower. Since 0.2.
 */
typedef struct evtwin_follower evtwin_follower;

/** Whether this program can predict with these models; a failure refuses them, with
 * evtwin_last_error as the reason. Called on the thread that fetched them. */
typedef evtwin_status (*evtwin_follower_check_fn)(void *ctx, const evtwin_predictor *predictor);

typedef struct evtwin_follower_options {
    size_t size;
    /** required: a folder for fetched bundles, created (0700) if it is absent. It must belong to
     * the caller, and nobody else may write there: whoever can write there controls the models */
    const char *cache_dir;
    /** default 60, 0.1 to 86,400: seconds between two checks of the alias */
    double poll_s;
    /** default 10, above 0: how long the first check waits for a server that does not answer, if
     * the cache has models to start with */
    double patience_s;
    size_t n_kept; /**< default 2, at least 1: versions that stay in the cache, the newest used */
    evtwin_follower_check_fn check; /**< default NULL: every bundle that loads will do */
    void *check_ctx;
} evtwin_follower_options;

/** Fill in the defaults; size is sizeof *options. @return EVTWIN_E_ARG if size is that of no
 * version of the struct. */
EVTWIN_API evtwin_status evtwin_follower_options_init(evtwin_follower_options *options,
                                                      size_t size);

/**
 * Create a follower; nothing is sent yet.
 * @param server  of evtwin_tracker_open, as are the options of the tracker (NULL = the defaults),
 * of which progress is not used.
 * @param models  "models:/NAME@ALIAS", "models:/NAME/VERSION" or "models:/NAME/latest".
 * @param out  a new follower, evtwin_follower_free frees it.
 * @return EVTWIN_E_PARSE or EVTWIN_E_ARG (models, an option, a cache folder in which others can
 * write), EVTWIN_E_IO (the cache folder), or what evtwin_tracker_open returns.
 */
EVTWIN_API evtwin_status evtwin_follower_open(const char *server,
                                              const evtwin_tracker_options *tracker,
                                              const char *models,
                                              const evtwin_follower_options *options,
                                              evtwin_follower **out);
/** Stops its thread, within some seconds. NULL is fine. */
EVTWIN_API void evtwin_follower_free(evtwin_follower *follower);

/**
 * The models to start with: those that are named now, or those of the cache if the server does not
 * answer or the named ones are refused; this is logged at EVTWIN_LOG_WARNING. Their model_version
 * is NAME/VERSION (evtwin_predictor_set_version).
 * @param out  a new predictor, evtwin_predictor_free frees it.
 * @return what evtwin_tracker_resolve, evtwin_tracker_download and evtwin_predictor_load return.
 */
EVTWIN_API evtwin_status evtwin_follower_load(evtwin_follower *follower, evtwin_predictor **out);

/**
 * Follow the alias from now on, in a separate thread. A version that is named by its number never
 * changes and needs no thread.
 * @return EVTWIN_E_STATE if it was called before, or evtwin_follower_load was not.
 */
EVTWIN_API evtwin_status evtwin_follower_start(evtwin_follower *follower);

/**
 * New models, if the alias has moved, to be swapped in (evtwin_session_swap,
 * evtwin_pump_swap_predictor). Never waits. Models that cannot be used are never returned: if a
 * hash differs, files are missing or hostile, or check refuses them. This is logged once, and the
 * old models stay. It is also logged once when the server stops answering, and when it answers
 * again.
 * @param out  a new predictor, evtwin_predictor_free frees it; untouched without one.
 * @return EVTWIN_OK with a predictor, EVTWIN_DONE without.
 */
EVTWIN_API evtwin_status evtwin_follower_next(evtwin_follower *follower, evtwin_predictor **out);

/** The state of a follower. Strings are "" if there is no value. */
typedef struct evtwin_follower_info {
    size_t size;
    char name[256];                    /**< of the registered model */
    char version[32];                  /**< of the models that were returned last: "3" */
    char run_id[EVTWIN_TRACK_ID_SIZE]; /**< of that version */
    int is_from_cache; /**< 1: the models came from the cache, and the server has not confirmed them
                          since */
    int is_reachable;  /**< 1: the last check succeeded */
    uint64_t n_looks, n_failures; /**< checks of the alias; those of them that failed */
    uint64_t n_refused;           /**< versions that cannot be used */
    char refused[32];             /**< the last of them */
    double age_s;                 /**< since the last successful check; NaN: none yet */
} evtwin_follower_info;

/** Fill out, of which size is sizeof *out. @return EVTWIN_E_ARG if size is too small. */
EVTWIN_API evtwin_status evtwin_follower_info_get(const evtwin_follower *follower,
                                                  evtwin_follower_info *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
