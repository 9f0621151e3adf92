/* SPDX-License-Identifier: MIT */
/* learn/trainer_save.c: write the bundle beside the old one, then rename its files, the manifest
 * last. */

#include "learn/trainer.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"
#include "learn/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, N_FILES = 4 };

/* In the order in which they are put into place. */
static const char *const bundle_file[N_FILES] = {EVTWIN__RUL_FILE, EVTWIN__FAILURE_FILE,
                                                 EVTWIN__SCALER_FILE, EVTWIN__MANIFEST_FILE};

static evtwin_status join(const char *dir, const char *name, char path[PATH_SIZE]) {
    if (snprintf(path, PATH_SIZE, "%s/%s", dir, name) >= PATH_SIZE) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%.100s…: the path is longer than %d bytes", dir, PATH_SIZE);
    }
    return EVTWIN_OK;
}

/* Write one file and note its name and hash. */
static evtwin_status write_file(const char *dir, const char *name, const char *data, size_t size,
                                evtwin__manifest_file *file) {
    char path[PATH_SIZE];
    evtwin_status st = join(dir, name, path);
    if (st == EVTWIN_OK && (st = evtwin__file_write(path, data, size)) == EVTWIN_OK) {
        file->name = name;
        evtwin__sha256_hex(data, size, file->sha256);
    }
    return st;
}

static void describe_model(const evtwin_trainer *t, int which, evtwin__manifest_model *model) {
    const evtwin__result *r = &t->result[which];
    const evtwin_train_options *o = &t->options;
    const int is_rul = which == EVTWIN__RUL;
    model->present = r->present;
    model->target = r->column;
    model->unit = r->unit;
    model->params = (evtwin__manifest_params){.trees = is_rul ? o->rul_trees : o->failure_trees,
                                              .depth = is_rul ? o->rul_depth : o->failure_depth,
                                              .learning_rate = o->learning_rate,
                                              .base_score = r->base_score,
                                              .tree_method = "hist"};
    model->split = (evtwin__manifest_split){.by = t->split_by, .seed = o->seed};
}

static void describe_features(const evtwin_trainer *t, evtwin__manifest_feature *feature) {
    for (size_t i = 0; i < evtwin_features_count(t->features); i++) {
        feature[i] = (evtwin__manifest_feature){.name = evtwin_features_name(t->features, i),
                                                .unit = evtwin_features_unit(t->features, i),
                                                .column = t->origin[i].column,
                                                .column_unit = t->origin[i].unit,
                                                .min = t->origin[i].min,
                                                .max = t->origin[i].max};
    }
}

static evtwin_status write_scaler(const evtwin_trainer *t, const char *dir,
                                  evtwin__manifest_file *file) {
    char *text;
    size_t size;
    evtwin_status st = evtwin__scaler_write(&t->scaler, &text, &size);
    if (st == EVTWIN_OK) {
        st = write_file(dir, EVTWIN__SCALER_FILE, text, size, file);
        evtwin__free(text);
    }
    return st;
}

/* The whole bundle in a folder of its own. */
static evtwin_status write_bundle(const evtwin_trainer *t, const char *dir) {
    char version[16], path[PATH_SIZE];
    evtwin__manifest m = {.xgboost_version = evtwin__booster_version(version)};
    m.source = (evtwin__manifest_source){.name = t->source_name,
                                         .rows = t->rows,
                                         .groups = t->n_groups,
                                         .has_span = t->has_span,
                                         .first_us = t->first_us,
                                         .last_us = t->last_us};
    m.n_features = evtwin_features_count(t->features);
    m.rul_score = t->result[EVTWIN__RUL].rul;
    m.failure_score = t->result[EVTWIN__FAILURE].failure;
    describe_model(t, EVTWIN__RUL, &m.rul);
    describe_model(t, EVTWIN__FAILURE, &m.failure);
    m.features = evtwin__calloc(m.n_features, sizeof *m.features);
    if (m.features == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the manifest");
    }
    describe_features(t, m.features);

    evtwin_status st = write_scaler(t, dir, &m.scaler);
    evtwin__manifest_model *const model[EVTWIN__N_TARGETS] = {&m.rul, &m.failure};
    for (int i = 0; i < EVTWIN__N_TARGETS && st == EVTWIN_OK; i++) {
        if (model[i]->present) {
            st = write_file(dir, bundle_file[i], t->result[i].model.json, t->result[i].model.size,
                            &model[i]->file);
        }
    }
    if (st == EVTWIN_OK && (st = join(dir, EVTWIN__MANIFEST_FILE, path)) == EVTWIN_OK) {
        st = evtwin__manifest_write(&m, path);
    }
    evtwin__free(m.features);
    return st;
}

/* ---- into place ---- */

static int is_written(const evtwin_trainer *t, int file) {
    return file >= EVTWIN__N_TARGETS || t->result[file].present;
}

/* Nothing may stand where a file is to go, so that no rename is refused half-way. */
static evtwin_status check_places(const char *dir) {
    for (int i = 0; i < N_FILES; i++) {
        char path[PATH_SIZE];
        struct stat info;
        const evtwin_status st = join(dir, bundle_file[i], path);
        if (st < 0) {
            return st;
        }
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
            EVTWIN_FAIL(EVTWIN_E_IO, "%s: %s", path, strerror(EISDIR));
        }
    }
    return EVTWIN_OK;
}

static evtwin_status put_into_place(const evtwin_trainer *t, const char *staging, const char *dir) {
    char from[PATH_SIZE], to[PATH_SIZE];
    for (int i = 0; i < N_FILES; i++) {
        evtwin_status st;
        if (!is_written(t, i)) {
            continue;
        }
        if ((st = join(staging, bundle_file[i], from)) < 0 ||
            (st = join(dir, bundle_file[i], to)) < 0) {
            return st;
        }
        if (rename(from, to) != 0) {
            EVTWIN_FAIL(EVTWIN_E_IO, "%s: %s", to, strerror(errno));
        }
    }

    /* a model of an earlier training that the new manifest does not name only misleads */
    for (int i = 0; i < N_FILES; i++) {
        if (!is_written(t, i) && join(dir, bundle_file[i], to) == EVTWIN_OK) {
            unlink(to);
        }
    }
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    return EVTWIN_OK;
}

static void remove_staging(const char *staging) {
    char path[PATH_SIZE];
    for (int i = 0; i < N_FILES; i++) {
        if (join(staging, bundle_file[i], path) == EVTWIN_OK) {
            unlink(path);
        }
    }
    rmdir(staging);
}

/* Length of the shortest beginning of path, up to the end of a name, that does not exist; 0 if all
 * of it does. */
static size_t first_missing(char path[PATH_SIZE]) {
    for (size_t i = 1; path[i - 1] != '\0'; i++) {
        const char end = path[i];
        if ((end == '/' || end == '\0') && path[i - 1] != '/') {
            struct stat info;
            path[i] = '\0';
            const int is_missing = lstat(path, &info) != 0 && errno == ENOENT;
            path[i] = end;
            if (is_missing) {
                return i;
            }
        }
    }
    return 0;
}

/* Remove the folders of path from that length on, innermost first, as far as they are empty. */
static void remove_made(char path[PATH_SIZE], size_t first) {
    for (size_t i = strlen(path); first > 0 && i >= first; i--) {
        if ((path[i] == '/' || path[i] == '\0') && path[i - 1] != '/') {
            path[i] = '\0';
            rmdir(path);
        }
    }
}

/* The last failure's text with the place a file was meant for: that of the staging is gone. */
static evtwin_status fail_in_place(evtwin_status st, const char *staging, const char *dir) {
    char text[1024];
    snprintf(text, sizeof text, "%s", evtwin_last_error());
    const char *at = strstr(text, staging);
    if (at == NULL) {
        return st;
    }
    EVTWIN_FAIL(st, "%.*s%s%s", (int)(at - text), text, dir, at + strlen(staging));
}

/* Into a folder that is there. */
static evtwin_status save_into(const evtwin_trainer *trainer, const char *dir) {
    char staging[PATH_SIZE];
    evtwin_status st;
    if ((st = check_places(dir)) < 0 || (st = join(dir, ".evtwin-XXXXXX", staging)) < 0) {
        return st;
    }
    if (mkdtemp(staging) == NULL) {
        EVTWIN_FAIL(EVTWIN_E_IO, "%s: %s", dir, strerror(errno));
    }
    if ((st = write_bundle(trainer, staging)) == EVTWIN_OK) {
        st = put_into_place(trainer, staging, dir);
    }
    remove_staging(staging);
    return st < 0 ? fail_in_place(st, staging, dir) : st;
}

evtwin_status evtwin_trainer_save(const evtwin_trainer *trainer, const char *dir) {
    if (trainer == NULL || dir == NULL || dir[0] == '\0') {
        EVTWIN_FAIL(EVTWIN_E_ARG, "trainer or dir is NULL or empty");
    }
    char path[PATH_SIZE];
    evtwin_status st = join(dir, "", path);
    if (st < 0) {
        return st;
    }
    const size_t made = first_missing(path);
    if ((st = evtwin__mkdirs(dir)) == EVTWIN_OK) {
        st = save_into(trainer, dir);
    }
    if (st < 0) {
        remove_made(path, made);
    }
    return st;
}
