/* SPDX-License-Identifier: MIT */
/* learn/mlflow_export.c: a trained model as a folder that MLflow opens: the forests as they are for
 * mlflow.pyfunc, by a loader in Python, and one folded forest for mlflow.xgboost where it can be.
 */

#include "core/embed.h"
#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/sha256.h"
#include "core/status.h"
#include "learn/features.h"
#include "learn/mlflow_fold.h"
#include "learn/recipe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const evtwin__embedded evtwin__mlflow_files[];
extern const size_t evtwin__mlflow_files_count;

enum { PATH_SIZE = 4096 };

/* What the loader and these files were tried with; the newest that has all that they use. */
#define PYTHON_VERSION "3.11.2"
#define MLFLOW_VERSION "2.9.2"
#define LEAST_XGBOOST "1.7.4"

static const evtwin_mlflow_options default_options = {.size = sizeof default_options};

evtwin_status evtwin_mlflow_options_init(evtwin_mlflow_options *options, size_t size) {
    return evtwin__options_init(options, size, &default_options, sizeof default_options);
}

/* One export at work. */
typedef struct export {
    const evtwin__bundle *bundle;
    const evtwin__bundle_files *files;
    size_t t;
    const char *target;
    const char *dir;
    const evtwin_mlflow_options *options;
    int is_folded; /* there is a forest for mlflow.xgboost */
}
export;

static evtwin_status write_file(const export *e, const char *name, const char *data, size_t size) {
    char path[PATH_SIZE];
    EVTWIN_FAIL_IF(snprintf(path, sizeof path, "%s/%s", e->dir, name) >= (int)sizeof path,
                   EVTWIN_E_ARG, "%.100s…: the path is longer than %d bytes", e->dir, PATH_SIZE);
    return evtwin__file_write(path, data, size);
}

static evtwin_status write_text(const export *e, const char *name, const char *text) {
    return write_file(e, name, text, strlen(text));
}

/* Takes value. */
static evtwin_status write_json(const export *e, const char *name, json_t *value) {
    char *text;
    size_t size;
    evtwin_status st = evtwin__json_text(value, &text, &size);
    json_decref(value);
    if (st >= 0) {
        st = write_file(e, name, text, size);
        evtwin__free(text);
    }
    return st;
}

static evtwin_status make_folders(const export *e) {
    static const char *const folder[] = {"code", "data"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof folder / sizeof folder[0]; i++) {
        EVTWIN_FAIL_IF(snprintf(path, sizeof path, "%s/%s", e->dir, folder[i]) >= (int)sizeof path,
                       EVTWIN_E_ARG, "%.100s…: the path is longer than %d bytes", e->dir,
                       PATH_SIZE);
        EVTWIN_TRY(evtwin__mkdirs(path));
    }
    return EVTWIN_OK;
}

/* ---- what the loader reads ---- */

static evtwin_status write_named(const export *e, const char *name) {
    char path[128];
    for (size_t i = 0; i < EVTWIN__BUNDLE_N_FILES; i++) {
        if (e->files->file[i].data != NULL && strcmp(e->files->file[i].name, name) == 0) {
            snprintf(path, sizeof path, "data/%s", name);
            return write_file(e, path, e->files->file[i].data, e->files->file[i].size);
        }
    }
    EVTWIN_FAIL(EVTWIN_E_STATE, "the bundle has no file %s", name);
}

/* Manifest, scaler and this target's forests, under the names of a bundle. */
static evtwin_status write_data(const export *e) {
    char name[96];
    EVTWIN_TRY(write_named(e, EVTWIN__MANIFEST_FILE));
    EVTWIN_TRY(write_named(e, EVTWIN__SCALER_FILE));
    snprintf(name, sizeof name, "%s_model.json", e->target);
    EVTWIN_TRY(write_named(e, name));
    for (size_t k = 0; k < e->bundle->model[e->t].n_further; k++) {
        snprintf(name, sizeof name, "%s_model_%zu.json", e->target, k + 2);
        EVTWIN_TRY(write_named(e, name));
    }
    return write_json(e, "data/target.json", json_pack("{s:s}", "target", e->target));
}

static evtwin_status write_code(const export *e) {
    char path[128];
    for (size_t i = 0; i < evtwin__mlflow_files_count; i++) {
        snprintf(path, sizeof path, "code/%s", evtwin__mlflow_files[i].name);
        EVTWIN_TRY(write_file(e, path, evtwin__mlflow_files[i].data, evtwin__mlflow_files[i].size));
    }
    return EVTWIN_OK;
}

/* ---- what XGBoost reads ---- */

static evtwin_status write_folded(const export *e) {
    const evtwin__bundle_model *m = &e->bundle->model[e->t];
    char *text;
    size_t size;
    EVTWIN_TRY(evtwin__fold_model("the trained model", m->json, m->json_size, &e->bundle->scaler,
                                  &m->calibration, &text, &size));
    const evtwin_status st = write_file(e, "model.json", text, size);
    evtwin__free(text);
    return st;
}

/* ---- what MLflow reads ---- */

static const char *xgboost_version(const export *e) {
    const char *version = e->bundle->xgboost_version;
    return version != NULL && version[0] != '\0' ? version : LEAST_XGBOOST;
}

static evtwin_status write_environment(const export *e) {
    char text[512];
    const char *xgboost = xgboost_version(e);
    snprintf(text, sizeof text, "mlflow\nnumpy\npandas\nxgboost>=%s\n", xgboost);
    EVTWIN_TRY(write_text(e, "requirements.txt", text));
    EVTWIN_TRY(write_text(e, "python_env.yaml",
                          "python: " PYTHON_VERSION "\n"
                          "build_dependencies:\n- pip\n- setuptools\n- wheel\n"
                          "dependencies:\n- -r requirements.txt\n"));
    snprintf(text, sizeof text,
             "channels:\n- conda-forge\n"
             "dependencies:\n- python=" PYTHON_VERSION "\n- pip\n- pip:\n"
             "  - mlflow\n  - numpy\n  - pandas\n  - xgboost>=%s\nname: mlflow-env\n",
             xgboost);
    return write_text(e, "conda.yaml", text);
}

/* "2026-01-02 03:04:05.000006", as MLflow writes it. */
static evtwin_status utc_now(char text[EVTWIN_TIME_TEXT_SIZE]) {
    EVTWIN_TRY(evtwin_time_format(evtwin_time_now(), text, EVTWIN_TIME_TEXT_SIZE));
    char *t = strchr(text, 'T'), *z = strchr(text, 'Z');
    if (t != NULL) {
        *t = ' ';
    }
    if (z != NULL) {
        *z = '\0';
    }
    return EVTWIN_OK;
}

/* 32 hex digits that name this export: of its content and of when it was made. */
static void make_uuid(const export *e, const char *now, char hex[33]) {
    char full[EVTWIN__SHA256_HEX_SIZE], all[512];
    snprintf(all, sizeof all, "%s %s %s %s", e->target, now, e->dir, e->bundle->created);
    evtwin__sha256_hex(all, strlen(all), full);
    snprintf(hex, 33, "%.32s", full);
}

static json_t *flavors_of(const export *e) {
    json_t *flavors =
        json_pack("{s:{s:s, s:s, s:{s:s, s:s}, s:s, s:s}}", "python_function", "code", "code",
                  "data", "data", "env", "conda", "conda.yaml", "virtualenv", "python_env.yaml",
                  "loader_module", "evtwin_pyfunc", "python_version", PYTHON_VERSION);
    if (e->is_folded) {
        json_object_set_new(flavors, "xgboost",
                            json_pack("{s:s, s:s, s:s, s:s, s:s}", "code", "code", "data",
                                      "model.json", "model_class", "xgboost.core.Booster",
                                      "model_format", "json", "xgb_version", xgboost_version(e)));
    }
    return flavors;
}

static void put_text(json_t *object, const char *key, const char *value) {
    if (value != NULL) {
        json_object_set_new(object, key, json_string(value));
    }
}

/* JSON, which YAML contains. No signature: one with doubles makes MLflow refuse a frame whose
 * charge_cycles are integers, and one with integers refuses doubles. It is written last: a folder
 * without it is not a model yet. */
static evtwin_status write_mlmodel(const export *e) {
    char now[EVTWIN_TIME_TEXT_SIZE], uuid[33];
    const evtwin_mlflow_options *o = e->options;
    EVTWIN_TRY(utc_now(now));
    make_uuid(e, now, uuid);
    json_t *root = json_pack(
        "{s:s, s:o, s:s, s:s, s:s, s:{s:s, s:s, s:s}}", "artifact_path",
        o->artifact_path != NULL ? o->artifact_path : "model", "flavors", flavors_of(e),
        "mlflow_version", MLFLOW_VERSION, "model_uuid", uuid, "utc_time_created", now, "metadata",
        "producer", "libevtwin " EVTWIN_VERSION, "target", e->target, "recipe", e->bundle->recipe);
    if (root != NULL) {
        put_text(root, "run_id", o->run_id);
        put_text(root, "model_id", o->model_id);
    }
    return write_json(e, "MLmodel", root);
}

/* ---- the whole ---- */

/* A folder that holds a model is none while its files change: who loads it meanwhile gets an error,
 * not parts of two models. */
static evtwin_status remove_mlmodel(const export *e) {
    char path[PATH_SIZE];
    EVTWIN_FAIL_IF(snprintf(path, sizeof path, "%s/MLmodel", e->dir) >= (int)sizeof path,
                   EVTWIN_E_ARG, "%.100s…: the path is longer than %d bytes", e->dir, PATH_SIZE);
    return unlink(path) == 0 || errno == ENOENT ? EVTWIN_OK : evtwin__fail_errno(path, errno);
}

/* Derived quantities are made of rows in ways that the loader does not know. */
static evtwin_status check_derived(const export *e) {
    for (size_t i = 0; i < e->bundle->n_features; i++) {
        const evtwin__derived d = evtwin__feature_derived(e->bundle->features, i);
        EVTWIN_FAIL_IF(d != EVTWIN__D_COUNT, EVTWIN_E_UNSUPPORTED,
                       "%s: a model for MLflow cannot compute %s from a battery's rows: "
                       "predict with evtwin-predict, or train without derived quantities",
                       e->target, evtwin__derived_list[d].name);
    }
    return EVTWIN_OK;
}

static evtwin_status write_model(const export *e) {
    EVTWIN_TRY(check_derived(e));
    EVTWIN_TRY(make_folders(e));
    EVTWIN_TRY(remove_mlmodel(e));
    EVTWIN_TRY(write_code(e));
    EVTWIN_TRY(write_data(e));
    EVTWIN_TRY(e->is_folded ? write_folded(e) : EVTWIN_OK);
    EVTWIN_TRY(write_environment(e));
    return write_mlmodel(e);
}

evtwin_status evtwin_trainer_save_mlflow(const evtwin_trainer *trainer, const char *target,
                                         const char *dir, const evtwin_mlflow_options *options) {
    EVTWIN_FAIL_IF(trainer == NULL || target == NULL || dir == NULL || dir[0] == '\0', EVTWIN_E_ARG,
                   "trainer, target or dir is NULL or empty");
    evtwin_mlflow_options o = default_options;
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, options, "evtwin_mlflow_options_init"));
    size_t t;
    EVTWIN_TRY(evtwin_target_find(target, &t));
    EVTWIN_FAIL_IF(!trainer->bundle.model[t].is_present, EVTWIN_E_NOT_FOUND,
                   "no %s model was trained", trainer->target[t].title);
    evtwin__bundle_files files;
    EVTWIN_TRY(evtwin__bundle_write(&trainer->bundle, &files));
    const export e = {.bundle = &trainer->bundle,
                      .files = &files,
                      .t = t,
                      .target = trainer->target[t].name,
                      .dir = dir,
                      .options = &o,
                      .is_folded =
                          !trainer->recipe->has_past && trainer->bundle.model[t].n_further == 0};
    const evtwin_status st = write_model(&e);
    evtwin__bundle_files_clear(&files);
    return st;
}
