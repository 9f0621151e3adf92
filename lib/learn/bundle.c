/* SPDX-License-Identifier: MIT */
/* learn/bundle.c: the files of a bundle: made and checked in memory, loaded from a folder, saved to
 * one whole or not at all. */

#include "learn/bundle.h"

#include "core/file.h"
#include "core/file_kind.h"
#include "core/folder_lock.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/sha256.h"
#include "core/status.h"
#include "learn/features.h"
#include "learn/forest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, SCALER_FORMAT = 1, MAX_COLS = 65536 };

/* Places of the scaler and the manifest among the files; the models are before them, by target,
 * then the further forests. */
enum { SCALER = EVTWIN__T_COUNT * (1 + EVTWIN__BUNDLE_MAX_FURTHER), MANIFEST };

static size_t place_of(size_t t, size_t further) {
    return EVTWIN__T_COUNT + t * EVTWIN__BUNDLE_MAX_FURTHER + further;
}

void evtwin__battery_hash(const char *id, char hash[EVTWIN__BATTERY_HASH_SIZE]) {
    char hex[EVTWIN__SHA256_HEX_SIZE];
    evtwin__sha256_hex(id, strlen(id), hex);
    snprintf(hash, EVTWIN__BATTERY_HASH_SIZE, "%.*s", EVTWIN__BATTERY_HASH_SIZE - 1, hex);
}

/* ---- scaler.json ---- */

evtwin_status evtwin__scaler_write(const evtwin__scaler *s, char **text_out, size_t *size_out) {
    json_t *root = json_pack("{s:i, s:s, s:o, s:o}", "format", SCALER_FORMAT, "kind", "standard",
                             "mean", evtwin__json_numbers(s->mean, s->n), "scale",
                             evtwin__json_numbers(s->scale, s->n));
    const evtwin_status st = evtwin__json_text(root, text_out, size_out);
    json_decref(root);
    return st < 0 ? evtwin__fail_in(st, EVTWIN__SCALER_FILE) : st;
}

/* Copy an array of n finite numbers, each above minimum. */
static evtwin_status read_array(const char *name, const char *key, const json_t *array, size_t n,
                                double minimum, double *out) {
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(array, i);
        const double v = json_number_value(value);
        EVTWIN_FAIL_IF(!json_is_number(value) || !isfinite(v) || !(v > minimum), EVTWIN_E_CORRUPT,
                       "%s: %s[%zu] is not a number%s", name, key, i,
                       minimum >= 0.0 ? " above zero" : "");
        out[i] = v;
    }
    return EVTWIN_OK;
}

static evtwin_status read_scaler(const char *name, const json_t *root, evtwin__scaler *out) {
    evtwin_status st;
    double format;
    const char *kind;
    json_t *mean, *scale;
    EVTWIN_TRY(evtwin__json_get_number(name, root, "format", &format));
    EVTWIN_TRY(evtwin__json_get_text(name, root, "kind", &kind));
    EVTWIN_TRY(evtwin__json_get_array(name, root, "mean", &mean));
    EVTWIN_TRY(evtwin__json_get_array(name, root, "scale", &scale));
    EVTWIN_FAIL_IF(format != (double)SCALER_FORMAT || strcmp(kind, "standard") != 0,
                   EVTWIN_E_UNSUPPORTED, "%s: a '%s' scaler of format %g, this version reads %d",
                   name, kind, format, SCALER_FORMAT);
    const size_t n = json_array_size(mean);
    EVTWIN_FAIL_IF(n == 0 || n > MAX_COLS || json_array_size(scale) != n, EVTWIN_E_CORRUPT,
                   "%s: %zu means and %zu scales (1 to %d of each)", name, n,
                   json_array_size(scale), MAX_COLS);
    evtwin__scaler s;
    EVTWIN_TRY(evtwin__scaler_alloc(n, &s));
    if ((st = read_array(name, "mean", mean, n, -INFINITY, s.mean)) < 0 ||
        (st = read_array(name, "scale", scale, n, 0.0, s.scale)) < 0) {
        evtwin__scaler_clear(&s);
        return st;
    }
    *out = s;
    return EVTWIN_OK;
}

evtwin_status evtwin__scaler_read(const char *name, const char *text, size_t size,
                                  evtwin__scaler *out) {
    json_t *root;
    EVTWIN_TRY(evtwin__json_parse(name, text, size, &root));
    const evtwin_status st = read_scaler(name, root, out);
    json_decref(root);
    return st;
}

/* ---- made in memory ---- */

static void name_files(evtwin__bundle_files *files) {
    for (size_t i = 0; i < EVTWIN__T_COUNT; i++) {
        evtwin_target target;
        evtwin_target_get(i, &target, sizeof target);
        snprintf(files->file[i].name, sizeof files->file[i].name, "%.48s_model.json", target.name);
        for (size_t k = 0; k < EVTWIN__BUNDLE_MAX_FURTHER; k++) {
            snprintf(files->file[place_of(i, k)].name, sizeof files->file[i].name,
                     "%.48s_model_%zu.json", target.name, k + 2);
        }
    }
    snprintf(files->file[SCALER].name, sizeof files->file[SCALER].name, "%s", EVTWIN__SCALER_FILE);
    snprintf(files->file[MANIFEST].name, sizeof files->file[MANIFEST].name, "%s",
             EVTWIN__MANIFEST_FILE);
}

/* Name and hash of a file for the manifest, which is written from them at once. */
static void describe_file(evtwin__bundle_files *files, size_t i, char hex[EVTWIN__SHA256_HEX_SIZE],
                          evtwin__bundle_file *out) {
    evtwin__sha256_hex(files->file[i].data, files->file[i].size, hex);
    *out = (evtwin__bundle_file){files->file[i].name, hex};
}

static evtwin_status write_files(const evtwin__bundle *bundle, evtwin__bundle_files *files) {
    char hex[EVTWIN__BUNDLE_N_FILES][EVTWIN__SHA256_HEX_SIZE];
    evtwin__bundle described = *bundle; /* borrows all of it */
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (bundle->model[t].is_present) {
            files->file[t].data = bundle->model[t].json;
            files->file[t].size = bundle->model[t].json_size;
            describe_file(files, t, hex[t], &described.model[t].file);
        }
        for (size_t k = 0; k < bundle->model[t].n_further; k++) {
            const size_t at = place_of(t, k);
            files->file[at].data = bundle->model[t].further[k].json;
            files->file[at].size = bundle->model[t].further[k].json_size;
            describe_file(files, at, hex[at], &described.model[t].further[k].file);
        }
    }
    EVTWIN_TRY(evtwin__scaler_write(&bundle->scaler, &files->file[SCALER].owned,
                                    &files->file[SCALER].size));
    files->file[SCALER].data = files->file[SCALER].owned;
    describe_file(files, SCALER, hex[SCALER], &described.scaler_file);
    EVTWIN_TRY(evtwin__manifest_write(EVTWIN__MANIFEST_FILE, &described,
                                      &files->file[MANIFEST].owned, &files->file[MANIFEST].size));
    files->file[MANIFEST].data = files->file[MANIFEST].owned;
    return EVTWIN_OK;
}

evtwin_status evtwin__bundle_write(const evtwin__bundle *bundle, evtwin__bundle_files *out) {
    evtwin__bundle_files files = {0};
    name_files(&files);
    const evtwin_status st = write_files(bundle, &files);
    if (st < 0) {
        evtwin__bundle_files_clear(&files);
        return st;
    }
    *out = files;
    return EVTWIN_OK;
}

void evtwin__bundle_files_clear(evtwin__bundle_files *files) {
    for (size_t i = 0; i < EVTWIN__BUNDLE_N_FILES; i++) {
        evtwin__free(files->file[i].owned);
    }
    *files = (evtwin__bundle_files){0};
}

/* ---- read ---- */

static evtwin_status join(const char *dir, const char *name, char path[PATH_SIZE]) {
    EVTWIN_FAIL_IF(snprintf(path, PATH_SIZE, "%s/%s", dir, name) >= PATH_SIZE, EVTWIN_E_ARG,
                   "%.100s…: the path is longer than %d bytes", dir, PATH_SIZE);
    return EVTWIN_OK;
}

/* "dir/name" for error texts, cut where it is too long. */
typedef struct part_path {
    char text[512];
} part_path;

static part_path path_of(const char *dir, const char *name) {
    part_path p;
    snprintf(p.text, sizeof p.text, "%.400s/%.100s", dir, name);
    return p;
}

/* File number i, which the manifest names: the bytes whose hash is right are those that get parsed.
 */
static evtwin_status check_hash(const char *path, const evtwin__bundle_files *files, size_t i,
                                const evtwin__bundle_file *file) {
    char hex[EVTWIN__SHA256_HEX_SIZE];
    evtwin__sha256_hex(files->file[i].data, files->file[i].size, hex);
    EVTWIN_FAIL_IF(strcmp(hex, file->sha256) != 0, EVTWIN_E_CORRUPT,
                   "%s: its SHA-256 is %.12s…, the manifest says %.12s…", path, hex, file->sha256);
    return EVTWIN_OK;
}

static evtwin_status read_manifest(const char *dir, const evtwin__bundle_files *files,
                                   evtwin__bundle *b) {
    const char *text = files->file[MANIFEST].data;
    const size_t size = files->file[MANIFEST].size;
    char hex[EVTWIN__SHA256_HEX_SIZE];
    EVTWIN_TRY(evtwin__manifest_read(path_of(dir, EVTWIN__MANIFEST_FILE).text, text, size, b));
    evtwin__sha256_hex(text, size, hex);
    memcpy(b->version, hex, sizeof b->version - 1);
    return EVTWIN_OK;
}

/* The features as features.c knows them: names that mean the same, and units that are ours. */
static evtwin_status check_features(const char *dir, const evtwin__bundle_feature *list, size_t n,
                                    const evtwin_features *known) {
    for (size_t i = 0; i < n; i++) {
        const evtwin__bundle_feature *f = &list[i];
        const char *name = evtwin_features_name(known, i);
        const char *unit = evtwin_features_unit(known, i);
        EVTWIN_FAIL_IF(strcmp(name, f->name) != 0 || strcmp(unit, f->unit) != 0, EVTWIN_E_SCHEMA,
                       "%s/" EVTWIN__MANIFEST_FILE
                       ": feature %zu is '%s' in '%s', here that is '%s' in '%s'",
                       dir, i + 1, f->name, f->unit, name, unit);
    }
    return EVTWIN_OK;
}

static evtwin_status find_features(const char *dir, const evtwin__bundle_feature *list, size_t n,
                                   int with_past, evtwin_features **out) {
    size_t size = 1;
    for (size_t i = 0; i < n; i++) {
        size += strlen(list[i].name) + 1;
    }
    char *names = evtwin__calloc(size, 1);
    EVTWIN_FAIL_IF(names == NULL, EVTWIN_E_NOMEM, "%s: out of memory for %zu features", dir, n);
    for (size_t i = 0, at = 0; i < n; i++) {
        at += (size_t)snprintf(names + at, size - at, "%s%s", i > 0 ? "," : "", list[i].name);
    }
    const evtwin_status st = evtwin__features_create(names, with_past, out);
    evtwin__free(names);
    if (st < 0) {
        /* a duplicate or forbidden name is a fault of the bundle, not of an argument */
        return evtwin__fail_in(st == EVTWIN_E_ARG ? EVTWIN_E_SCHEMA : st,
                               "%s/" EVTWIN__MANIFEST_FILE, dir);
    }
    return check_features(dir, list, n, *out);
}

static evtwin_status read_features(const char *dir, evtwin__bundle *b) {
    const int with_past = b->n_inputs > 0;
    EVTWIN_TRY(with_past ? find_features(dir, b->input, b->n_inputs, 0, &b->inputs) : EVTWIN_OK);
    return find_features(dir, b->feature, b->n_features, with_past, &b->features);
}

static evtwin_status read_scaler_file(const char *dir, const evtwin__bundle_files *files,
                                      evtwin__bundle *b) {
    const part_path p = path_of(dir, b->scaler_file.name);
    EVTWIN_TRY(check_hash(p.text, files, SCALER, &b->scaler_file));
    EVTWIN_TRY(evtwin__scaler_read(p.text, files->file[SCALER].data, files->file[SCALER].size,
                                   &b->scaler));
    EVTWIN_FAIL_IF(b->scaler.n != b->n_features, EVTWIN_E_SCHEMA,
                   "%s: scales %zu features, the manifest has %zu", p.text, b->scaler.n,
                   b->n_features);
    return EVTWIN_OK;
}

static evtwin_status check_model(const char *path, const evtwin__bundle *b,
                                 const evtwin_model *model, evtwin_objective objective) {
    EVTWIN_FAIL_IF(evtwin_model_objective(model) != objective, EVTWIN_E_SCHEMA,
                   "%s: its objective is not what the manifest says", path);
    EVTWIN_FAIL_IF(evtwin_model_width(model) != b->n_features, EVTWIN_E_SCHEMA,
                   "%s: %zu features, the manifest has %zu", path, evtwin_model_width(model),
                   b->n_features);
    for (size_t i = 0; i < b->n_features; i++) {
        const char *name = evtwin_model_feature_name(model, i);
        EVTWIN_FAIL_IF(strcmp(name, b->feature[i].name) != 0, EVTWIN_E_SCHEMA,
                       "%s: feature %zu is '%s', the manifest says '%s'", path, i + 1, name,
                       b->feature[i].name);
    }
    return EVTWIN_OK;
}

/* One forest, from file number i. */
static evtwin_status read_forest(const char *dir, const evtwin__bundle_files *files, size_t i,
                                 const evtwin__bundle_file *file, evtwin_objective objective,
                                 const evtwin__bundle *b, evtwin_model **out) {
    const part_path p = path_of(dir, file->name);
    EVTWIN_TRY(check_hash(p.text, files, i, file));
    EVTWIN_TRY(evtwin_model_load_buffer(p.text, files->file[i].data, files->file[i].size, out));
    return check_model(p.text, b, *out, objective);
}

static evtwin_status read_model(const char *dir, const evtwin__bundle_files *files, size_t t,
                                evtwin__bundle *b) {
    evtwin__bundle_model *m = &b->model[t];
    evtwin_target target;
    EVTWIN_TRY(evtwin_target_get(t, &target, sizeof target));
    const evtwin_objective objective = evtwin__objective_of(target.kind);
    EVTWIN_TRY(read_forest(dir, files, t, &m->file, objective, b, &m->forest));
    for (size_t k = 0; k < m->n_further; k++) {
        EVTWIN_TRY(read_forest(dir, files, place_of(t, k), &m->further[k].file, objective, b,
                               &m->further[k].forest));
    }
    return EVTWIN_OK;
}

/* What the manifest, which is read, names. */
static evtwin_status read_parts(const char *dir, const evtwin__bundle_files *files,
                                evtwin__bundle *b) {
    EVTWIN_TRY(read_features(dir, b));
    EVTWIN_TRY(read_scaler_file(dir, files, b));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        EVTWIN_TRY(b->model[t].is_present ? read_model(dir, files, t, b) : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__bundle_read(const evtwin__bundle_files *files, evtwin__bundle *out) {
    static const char where[] = "the trained bundle";
    evtwin__bundle b = {0};
    evtwin_status st;
    if ((st = read_manifest(where, files, &b)) < 0 || (st = read_parts(where, files, &b)) < 0) {
        evtwin__bundle_clear(&b);
        return st;
    }
    *out = b;
    return EVTWIN_OK;
}

static evtwin_status load_file(const char *dir, const char *name, size_t max_bytes,
                               evtwin__bundle_files *files, size_t i) {
    char path[PATH_SIZE];
    EVTWIN_TRY(join(dir, name, path));
    EVTWIN_TRY(evtwin__file_read(path, max_bytes, &files->file[i].owned, &files->file[i].size));
    files->file[i].data = files->file[i].owned;
    return evtwin__file_kind(path, files->file[i].data, files->file[i].size,
                             "a bundle has JSON files; save_model(\"x.json\") writes a model");
}

static evtwin_status read_files(const char *dir, evtwin__bundle_files *files, evtwin__bundle *b) {
    EVTWIN_TRY(load_file(dir, EVTWIN__MANIFEST_FILE, EVTWIN__MANIFEST_MAX_BYTES, files, MANIFEST));
    EVTWIN_TRY(read_manifest(dir, files, b));
    EVTWIN_TRY(load_file(dir, b->scaler_file.name, EVTWIN__SCALER_MAX_BYTES, files, SCALER));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (b->model[t].is_present) {
            EVTWIN_TRY(load_file(dir, b->model[t].file.name, EVTWIN__MODEL_MAX_BYTES, files, t));
        }
        for (size_t k = 0; k < b->model[t].n_further; k++) {
            EVTWIN_TRY(load_file(dir, b->model[t].further[k].file.name, EVTWIN__MODEL_MAX_BYTES,
                                 files, place_of(t, k)));
        }
    }
    return EVTWIN_OK;
}

/* The bytes are read while nobody renames any. */
static evtwin_status load_files(const char *dir, evtwin__bundle_files *files, evtwin__bundle *b) {
    int lock;
    EVTWIN_TRY(evtwin__folder_lock(dir, 0, &lock));
    const evtwin_status st = read_files(dir, files, b);
    evtwin__folder_unlock(lock);
    return st < 0 ? st : read_parts(dir, files, b);
}

evtwin_status evtwin__bundle_load(const char *dir, evtwin__bundle *out) {
    evtwin__bundle_files files = {0};
    evtwin__bundle b = {0};
    const evtwin_status st = load_files(dir, &files, &b);
    evtwin__bundle_files_clear(&files);
    if (st < 0) {
        evtwin__bundle_clear(&b);
        return st;
    }
    *out = b;
    return EVTWIN_OK;
}

/* ---- save: every file is written whole beside its place, then renamed, the manifest last ---- */

/* Nothing may stand where a file is to go, so that no rename is refused half-way. */
static evtwin_status check_places(const evtwin__bundle_files *files, const char *dir) {
    for (size_t i = 0; i < EVTWIN__BUNDLE_N_FILES; i++) {
        char path[PATH_SIZE];
        struct stat info;
        EVTWIN_TRY(join(dir, files->file[i].name, path));
        EVTWIN_FAIL_IF(lstat(path, &info) == 0 && S_ISDIR(info.st_mode), EVTWIN_E_IO, "%s: %s",
                       path, strerror(EISDIR));
    }
    return EVTWIN_OK;
}

/* The files in w, which commit makes visible, are on the disk. */
static evtwin_status write_beside(const evtwin__bundle_files *files, const char *dir,
                                  evtwin__writer *w[EVTWIN__BUNDLE_N_FILES]) {
    for (size_t i = 0; i < EVTWIN__BUNDLE_N_FILES; i++) {
        char path[PATH_SIZE];
        if (files->file[i].data != NULL) {
            EVTWIN_TRY(join(dir, files->file[i].name, path));
            EVTWIN_TRY(evtwin__writer_open(path, &w[i]));
            EVTWIN_TRY(evtwin__writer_write(w[i], files->file[i].data, files->file[i].size));
            EVTWIN_TRY(evtwin__writer_sync(w[i]));
        }
    }
    return EVTWIN_OK;
}

/* Commit what is written beside, or abandon it after a failure. */
static evtwin_status put_in_place(const evtwin__bundle_files *files, const char *dir,
                                  evtwin_status st, evtwin__writer *w[EVTWIN__BUNDLE_N_FILES]) {
    for (size_t i = 0; i < EVTWIN__BUNDLE_N_FILES; i++) {
        if (st < 0) {
            evtwin__writer_abandon(w[i]);
        } else if (w[i] != NULL) {
            st = evtwin__writer_commit(w[i]);
        }
    }
    /* a model of an earlier training that the new manifest does not name only misleads */
    for (size_t i = 0; i < EVTWIN__BUNDLE_N_FILES && st >= 0; i++) {
        char path[PATH_SIZE];
        if (w[i] == NULL && join(dir, files->file[i].name, path) == EVTWIN_OK) {
            unlink(path);
        }
    }
    return st;
}

/* Into a folder that is there. Only the renames need the lock: two savings at once leave the bundle
 * of the later one, and no reader sees a part of each. */
static evtwin_status save_into(const evtwin__bundle_files *files, const char *dir) {
    evtwin__writer *w[EVTWIN__BUNDLE_N_FILES] = {NULL};
    int lock = -1;
    evtwin_status st;
    if ((st = check_places(files, dir)) >= 0 && (st = write_beside(files, dir, w)) >= 0) {
        st = evtwin__folder_lock(dir, 1, &lock);
    }
    st = put_in_place(files, dir, st, w);
    evtwin__folder_unlock(lock);
    return st;
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

evtwin_status evtwin__bundle_save(const evtwin__bundle_files *files, const char *dir) {
    char path[PATH_SIZE];
    evtwin_status st;
    EVTWIN_TRY(join(dir, "", path));
    const size_t made = first_missing(path);
    if ((st = evtwin__mkdirs(dir)) == EVTWIN_OK) {
        st = save_into(files, dir);
    }
    if (st < 0) {
        remove_made(path, made);
    }
    return st;
}
