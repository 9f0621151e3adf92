/* SPDX-License-Identifier: MIT */
/* evtwin/track.h: write trainings to an MLflow server (2.x or 3.x) and its model registry, and
 * fetch models from there. */
#ifndef EVTWIN_TRACK_H
#define EVTWIN_TRACK_H

#include "evtwin/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A connection to a tracking server. One thread at a time may use it and its runs. It connects when
 * a call needs it. docs/mlflow.md describes what is stored where.
 *
 * Every call that uses the server may return EVTWIN_E_AGAIN (not reachable, or no answer within
 * timeout_s, after n_retries more tries), EVTWIN_E_DENIED (401, 403, a certificate; the text says
 * what to change), EVTWIN_E_EXTERNAL (any other refusal, with the server's message), EVTWIN_E_PARSE
 * (an answer that is not from MLflow), EVTWIN_E_CANCELLED (progress asked to stop) or
 * EVTWIN_E_UNSUPPORTED (a build without libcurl). Redirects are not followed. Credentials are sent
 * only to their own host and appear in no text.
 */
typedef struct evtwin_tracker evtwin_tracker;

typedef struct evtwin_tracker_options {
    size_t size;
    const char *user, *password; /**< default NULL: those of the URI, else none */
    const char *token;           /**< default NULL; a bearer token, instead of user and password */
    const char *ca_file;         /**< default NULL: the authorities of the system. PEM; for the
                                      tracking server, not for S3 */
    int insecure_tls;            /**< default 0. 1: any certificate will do */
    double timeout_s;     /**< default 120: for one request without a file, and for a pause in the
                             transfer of a file */
    int n_retries;        /**< default 3: how often a request is sent again when the server is not
                             reachable or answers 429, 502, 503 or 504 */
    double retry_pause_s; /**< default 1: before the first of them; each pause is twice the one
                             before, at most 30 s */
    size_t max_download_bytes; /**< default 1 GiB: of one evtwin_tracker_download */
    size_t max_download_files; /**< default 10000 */
    const char *s3_endpoint;   /**< default NULL: Amazon's; "http://HOST:PORT" of another S3 */
    const char *s3_access_key, *s3_secret_key; /**< default NULL: s3: artifacts are refused */
    const char *s3_session_token;              /**< default NULL: none */
    const char *s3_region;                     /**< default "us-east-1" */
    int s3_insecure_tls;                       /**< default 0 */
    evtwin_progress_fn progress; /**< default NULL; called while a request runs or waits for its
                                    next try, with the name of what is done and -1 */
    void *progress_ctx;
    const char *s3_ca_file; /**< default NULL: the authorities of the system. PEM. Since 0.2 */
} evtwin_tracker_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_tracker_options_init(evtwin_tracker_options *options, size_t size);

/**
 * For the server at uri, "http://HOST:PORT" or "https://USER:PASSWORD@HOST/PREFIX". The options
 * (NULL = the defaults) and their strings are copied. Nothing is sent yet.
 * @return EVTWIN_E_PARSE, EVTWIN_E_ARG (the URI or an option), EVTWIN_E_UNSUPPORTED (another
 * scheme; a build without libcurl).
 */
EVTWIN_API evtwin_status evtwin_tracker_open(const char *uri, const evtwin_tracker_options *options,
                                             evtwin_tracker **out);
/** NULL is fine. Free its runs before. */
EVTWIN_API void evtwin_tracker_free(evtwin_tracker *tracker);

/** The server. */
typedef struct evtwin_tracker_server {
    size_t size;
    char version[64];      /**< "3.17.2" */
    int major, minor;      /**< 3, 17 */
    int has_logged_models; /**< from 3.0 on */
} evtwin_tracker_server;

/**
 * Ask the server for its version, once: later calls use the stored answer. @param out_size sizeof
 * *out, also below.
 * @return EVTWIN_E_UNSUPPORTED for MLflow before 2.0,
 * EVTWIN_E_PARSE if it is not an MLflow server at all.
 */
EVTWIN_API evtwin_status evtwin_tracker_server_get(evtwin_tracker *tracker,
                                                   evtwin_tracker_server *out, size_t out_size);

/** Room for an id of the server's, and for a URI of artifacts, with their NUL. */
#define EVTWIN_TRACK_ID_SIZE 128
#define EVTWIN_TRACK_URI_SIZE 2048

/**
 * The id of the experiment of that name, which is created if there is none.
 * @param id  (EVTWIN_TRACK_ID_SIZE) receives it.
 * @return EVTWIN_E_STATE if it was deleted (the text says how to restore it).
 */
EVTWIN_API evtwin_status evtwin_tracker_experiment(evtwin_tracker *tracker, const char *name,
                                                   char *id);

/* ---- runs ---- */

/** A run on the server. It exists there independently of this object. */
typedef struct evtwin_run evtwin_run;

typedef struct evtwin_run_options {
    size_t size;
    const char *name;          /**< default NULL: the server makes one */
    const char *parent_run_id; /**< default NULL; the run below which it is shown */
    int64_t start_time_us;     /**< default 0: now */
    const char *const *tag_keys, *const *tag_values; /**< (n_tags) */
    size_t n_tags;
} evtwin_run_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_run_options_init(evtwin_run_options *options, size_t size);

/**
 * Start a run in an experiment (its id). options NULL = the defaults. The tracker must outlive it.
 * The request is repeated only if it certainly did not arrive: one call never makes two runs.
 */
EVTWIN_API evtwin_status evtwin_run_start(evtwin_tracker *tracker, const char *experiment_id,
                                          const evtwin_run_options *options, evtwin_run **out);

/**
 * Continue an existing run in any state: it is RUNNING afterwards.
 * @return EVTWIN_E_NOT_FOUND, EVTWIN_E_STATE (deleted).
 */
EVTWIN_API evtwin_status evtwin_run_resume(evtwin_tracker *tracker, const char *run_id,
                                           evtwin_run **out);

/** Free the object; the run on the server does not change (see evtwin_run_end). NULL is fine. */
EVTWIN_API void evtwin_run_free(evtwin_run *run);

/** Its id; borrowed, as long as it lives. */
EVTWIN_API const char *evtwin_run_id(const evtwin_run *run);
/** The id of its experiment; borrowed, as long as it lives. */
EVTWIN_API const char *evtwin_run_experiment_id(const evtwin_run *run);
/** The URI below which its artifacts are; borrowed, as long as it lives. */
EVTWIN_API const char *evtwin_run_artifact_uri(const evtwin_run *run);

/**
 * Log parameters, in as many requests as the server's limits need. All are checked before the first
 * is sent.
 * @param keys, values  (n) strings; a value has at most 6000 characters.
 * @return EVTWIN_E_RANGE (a key or value is too long), EVTWIN_E_ARG (the same key twice; a key with
 * a character that MLflow does not take), EVTWIN_E_STATE (a key has another value already).
 */
EVTWIN_API evtwin_status evtwin_run_log_params(evtwin_run *run, const char *const *keys,
                                               const char *const *values, size_t n);

/**
 * Log metrics, in as many requests as the server's limits need. All are checked before the first is
 * sent.
 * @param keys, values  (n); NaN is kept as NaN.
 * @param steps  (n), e.g. boosting rounds; NULL = 0 each.
 * @param times_us  (n); NULL = now. The server keeps milliseconds.
 * @param model_id  of the logged model to which they belong; NULL = none.
 * @return EVTWIN_E_RANGE (an infinite value, which the server would change; a key that is too
 * long), EVTWIN_E_ARG (a key with a character that MLflow does not take).
 */
EVTWIN_API evtwin_status evtwin_run_log_metrics(evtwin_run *run, const char *const *keys,
                                                const double *values, const int64_t *steps,
                                                const int64_t *times_us, size_t n,
                                                const char *model_id);

/**
 * Set tags, in as many requests as the server's limits need. A value of more than 5000 bytes is cut
 * there, which is logged.
 * @param keys, values  (n)
 * @return EVTWIN_E_RANGE, EVTWIN_E_ARG (a key, as above).
 */
EVTWIN_API evtwin_status evtwin_run_set_tags(evtwin_run *run, const char *const *keys,
                                             const char *const *values, size_t n);

/** A set of data that a run has read; strings are borrowed. */
typedef struct evtwin_run_dataset {
    size_t size;
    const char *name;        /**< required */
    const char *digest;      /**< required; at most 36 characters */
    const char *source_type; /**< NULL = "local" */
    const char *source;      /**< required; JSON, e.g. {"uri": "data.csv"} */
    const char *schema;      /**< NULL, or JSON */
    const char *profile;     /**< NULL, or JSON, e.g. {"num_rows": 1000} */
    const char *context;     /**< NULL, or what for: "training" */
} evtwin_run_dataset;

/** All NULL; size is sizeof *dataset. */
EVTWIN_API evtwin_status evtwin_run_dataset_init(evtwin_run_dataset *dataset, size_t size);

/** @return EVTWIN_E_ARG (a required member is missing), EVTWIN_E_RANGE (the digest). */
EVTWIN_API evtwin_status evtwin_run_log_dataset(evtwin_run *run, const evtwin_run_dataset *dataset);

/** Upload to the run's artifacts: evtwin_tracker_upload with its URI. */
EVTWIN_API evtwin_status evtwin_run_log_artifacts(evtwin_run *run, const char *path,
                                                  const char *at);

/**
 * Record a model among the run's artifacts, so that the server's pages show it: for 2.x; harmless
 * on 3.x.
 * @param model_json  what MLmodel has, as JSON: artifact_path, flavors, utc_time_created, run_id.
 */
EVTWIN_API evtwin_status evtwin_run_note_model(evtwin_run *run, const char *model_json);

typedef enum evtwin_run_status {
    EVTWIN_RUN_FINISHED = 0,
    EVTWIN_RUN_FAILED = 1,
    EVTWIN_RUN_KILLED = 2
} evtwin_run_status;

/** End the run now. It still accepts logging. */
EVTWIN_API evtwin_status evtwin_run_end(evtwin_run *run, evtwin_run_status status);

/* ---- artifacts ---- */

/**
 * Upload a file or the content of a folder, with its subfolders, to at (a relative path with '/';
 * NULL or "" = the top) below an artifact URI: that of a run or of a logged model. The URI
 * determines the way: mlflow-artifacts: (through the server), s3: (with the keys of the options;
 * the bucket must exist), file: or a path (a folder that this machine shares with the server). A
 * folder is uploaded in the order of its names; symbolic links in it are not followed, and the log
 * names them.
 * @return EVTWIN_E_NOT_FOUND (path; the bucket), EVTWIN_E_IO, EVTWIN_E_ARG (at), EVTWIN_E_STATE
 * (s3: without keys), EVTWIN_E_UNSUPPORTED (another scheme).
 */
EVTWIN_API evtwin_status evtwin_tracker_upload(evtwin_tracker *tracker, const char *artifact_uri,
                                               const char *path, const char *at);

/**
 * Download everything below an artifact URI (mlflow-artifacts:, s3:, file:, a path, runs:/…, or
 * models:/…) to folder, which must be absent or empty. It appears complete or not at all: files are
 * first written to a folder beside it. Names that would lead out of it are refused. The caller has
 * to check that the files are the expected ones (a bundle has hashes).
 * @return EVTWIN_E_NOT_FOUND (there is nothing), EVTWIN_E_STATE (folder is not empty),
 * EVTWIN_E_RANGE (more than max_download_bytes or _files), EVTWIN_E_CORRUPT (a file has another
 * length than listed, or ends early; a name leads out of the folder), EVTWIN_E_IO.
 */
EVTWIN_API evtwin_status evtwin_tracker_download(evtwin_tracker *tracker, const char *artifact_uri,
                                                 const char *folder);

/* ---- logged models (3.x) ---- */

/** Where a logged model is. */
typedef struct evtwin_logged_model {
    size_t size;
    char id[EVTWIN_TRACK_ID_SIZE];            /**< "m-…", for its MLmodel and its version */
    char artifact_uri[EVTWIN_TRACK_URI_SIZE]; /**< where its files go */
} evtwin_logged_model;

/**
 * Begin a model of this run; then upload its files to artifact_uri and finish it.
 * @param name  as on the server's page, without / : . % " '.
 * @param type  "regressor", "classifier", or NULL.
 * @return EVTWIN_E_UNSUPPORTED on 2.x: put the files among the run's artifacts there.
 */
EVTWIN_API evtwin_status evtwin_run_begin_model(evtwin_run *run, const char *name, const char *type,
                                                evtwin_logged_model *out, size_t out_size);

/** is_whole 1: the model is complete and an output of the run at this step; 0: its upload failed.
 */
EVTWIN_API evtwin_status evtwin_run_finish_model(evtwin_run *run, const char *model_id,
                                                 int is_whole, int64_t step);

/* ---- registry ---- */

/** Create the registered model of that name if there is none. description may be NULL. */
EVTWIN_API evtwin_status evtwin_tracker_register(evtwin_tracker *tracker, const char *name,
                                                 const char *description);

/** A version of a registered model. */
typedef struct evtwin_tracker_version {
    size_t size;
    char name[1024];
    char version[32];                         /**< "7" */
    char run_id[EVTWIN_TRACK_ID_SIZE];        /**< "" if of none */
    char model_id[EVTWIN_TRACK_ID_SIZE];      /**< of a logged model; "" if of none */
    char source[EVTWIN_TRACK_URI_SIZE];       /**< as it was registered */
    char artifact_uri[EVTWIN_TRACK_URI_SIZE]; /**< where its files are, for evtwin_tracker_download
                                               */
} evtwin_tracker_version;

typedef struct evtwin_tracker_version_options {
    size_t size;
    const char *run_id;      /**< default NULL; required for a source among a run's artifacts */
    const char *model_id;    /**< default NULL; required for the source "models:/m-…" */
    const char *description; /**< default NULL */
    const char *const *tag_keys, *const *tag_values; /**< (n_tags) */
    size_t n_tags;
} evtwin_tracker_version_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status
evtwin_tracker_version_options_init(evtwin_tracker_version_options *options, size_t size);

/**
 * A new version of a registered model.
 * @param source  the URI of its files: "…/artifacts/model", or "models:/m-…" of a logged model.
 * @param out NULL, or the new version (artifact_uri included).
 * @return EVTWIN_E_NOT_FOUND (no such registered model).
 */
EVTWIN_API evtwin_status evtwin_tracker_create_version(
    evtwin_tracker *tracker, const char *name, const char *source,
    const evtwin_tracker_version_options *options, evtwin_tracker_version *out, size_t out_size);

/** Let alias ("champion") point to a version ("7"); it may have pointed to another one. @return
 * EVTWIN_E_NOT_FOUND, EVTWIN_E_ARG (MLflow does not accept the alias). */
EVTWIN_API evtwin_status evtwin_tracker_set_alias(evtwin_tracker *tracker, const char *name,
                                                  const char *alias, const char *version);

/** Remove an alias; a missing alias is not a failure. */
EVTWIN_API evtwin_status evtwin_tracker_delete_alias(evtwin_tracker *tracker, const char *name,
                                                     const char *alias);

/**
 * The version that "models:/NAME@ALIAS", "models:/NAME/VERSION" or "models:/NAME/latest" names at
 * present: one or two small requests, for a program that checks repeatedly.
 * @return EVTWIN_E_NOT_FOUND (no such model, version or alias), EVTWIN_E_PARSE (the URI).
 */
EVTWIN_API evtwin_status evtwin_tracker_resolve(evtwin_tracker *tracker, const char *uri,
                                                evtwin_tracker_version *out, size_t out_size);

#ifdef __cplusplus
}
#endif

#endif
