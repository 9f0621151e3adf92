/* SPDX-License-Identifier: MIT */
/* learn/predictor.c: load a bundle as one thing that predicts, check that its parts fit, predict.
 */

#include "evtwin/predictor.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/sha256.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/table.h"
#include "evtwin/features.h"
#include "evtwin/telemetry.h"
#include "learn/columns.h"
#include "learn/forest.h"
#include "learn/manifest.h"
#include "learn/scaler.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    VERSION_DIGITS = 12,
    BLOCK_VALUES = 4096, /* of a block of rows on the stack: at least 4 rows */
    BLOCK_ROWS = 512,
    NOTE_SIZE = 512,
    NOTE_NAMES = 4 /* missing features that a note names, before it counts the rest */
};
_Static_assert((int)EVTWIN__BUNDLE_MAX_FEATURES <= (int)BLOCK_VALUES, "a row fits in a block");
_Static_assert((int)EVTWIN__BUNDLE_MAX_FEATURES <= (int)EVTWIN__MAX_WIDTH, "a forest takes a row");

struct evtwin_predictor {
    evtwin__manifest manifest;
    char version[VERSION_DIGITS + 1];
    evtwin_features *features;
    evtwin__scaler scaler;
    evtwin_model *rul, *failure; /* NULL if the bundle lacks it */
    atomic_int has_told;         /* what is presumed of a table: the one thing that changes */
};

/* ---- load ---- */

/* Read a file of the bundle once: the bytes whose hash is right are those that get parsed. */
static evtwin_status read_part(const char *dir, const evtwin__manifest_file *file, size_t max_bytes,
                               char **path_out, char **data_out, size_t *size_out) {
    const size_t path_size = strlen(dir) + strlen(file->name) + 2;
    char *path = evtwin__calloc(path_size, 1);
    if (path == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory for a path", dir);
    }
    snprintf(path, path_size, "%s/%s", dir, file->name);
    char *data;
    size_t size;
    const evtwin_status st = evtwin__file_read(path, max_bytes, &data, &size);
    if (st < 0) {
        evtwin__free(path);
        return st;
    }
    *path_out = path;
    *data_out = data;
    *size_out = size;
    return EVTWIN_OK;
}

static evtwin_status check_hash(const char *path, const evtwin__manifest_file *file,
                                const char *data, size_t size) {
    char hex[EVTWIN__SHA256_HEX_SIZE];
    evtwin__sha256_hex(data, size, hex);
    if (strcmp(hex, file->sha256) != 0) {
        EVTWIN_FAIL(EVTWIN_E_CORRUPT, "%s: its SHA-256 is %.12s…, the manifest says %.12s…", path,
                    hex, file->sha256);
    }
    return EVTWIN_OK;
}

static evtwin_status load_manifest(const char *dir, evtwin_predictor *p) {
    const evtwin__manifest_file file = {EVTWIN__MANIFEST_FILE, ""};
    char *path, *text;
    size_t size;
    evtwin_status st = read_part(dir, &file, EVTWIN__MANIFEST_MAX_BYTES, &path, &text, &size);
    if (st < 0) {
        return st;
    }
    st = evtwin__manifest_parse(path, text, size, &p->manifest);
    if (st >= 0) {
        char hex[EVTWIN__SHA256_HEX_SIZE];
        evtwin__sha256_hex(text, size, hex);
        memcpy(p->version, hex, VERSION_DIGITS);
    }
    evtwin__free(text);
    evtwin__free(path);
    return st;
}

/* The features as features.c knows them: names that mean the same, and units that are ours. */
static evtwin_status load_features(const char *dir, evtwin_predictor *p) {
    const evtwin__manifest *m = &p->manifest;
    size_t size = 1;
    for (size_t i = 0; i < m->n_features; i++) {
        size += strlen(m->features[i].name) + 1;
    }
    char *names = evtwin__calloc(size, 1);
    if (names == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory for %zu features", dir, m->n_features);
    }
    for (size_t i = 0, at = 0; i < m->n_features; i++) {
        at +=
            (size_t)snprintf(names + at, size - at, "%s%s", i > 0 ? "," : "", m->features[i].name);
    }
    const evtwin_status st = evtwin_features_create(names, &p->features);
    evtwin__free(names);
    if (st < 0) {
        /* a doubled or forbidden name is a fault of the bundle, not of an argument */
        return evtwin__fail_in(st == EVTWIN_E_ARG ? EVTWIN_E_SCHEMA : st,
                               "%s/" EVTWIN__MANIFEST_FILE, dir);
    }

    for (size_t i = 0; i < m->n_features; i++) {
        const evtwin__manifest_feature *said = &m->features[i];
        const char *name = evtwin_features_name(p->features, i);
        const char *unit = evtwin_features_unit(p->features, i);
        if (strcmp(name, said->name) != 0 || strcmp(unit, said->unit) != 0) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA,
                        "%s/" EVTWIN__MANIFEST_FILE
                        ": feature %zu is '%s' in '%s', here that is '%s' in '%s'",
                        dir, i + 1, said->name, said->unit, name, unit);
        }
    }
    return EVTWIN_OK;
}

static evtwin_status load_scaler(const char *dir, evtwin_predictor *p) {
    const evtwin__manifest_file *file = &p->manifest.scaler;
    char *path, *text;
    size_t size;
    evtwin_status st = read_part(dir, file, EVTWIN__SCALER_MAX_BYTES, &path, &text, &size);
    if (st < 0) {
        return st;
    }
    if ((st = check_hash(path, file, text, size)) >= 0 &&
        (st = evtwin__scaler_read(path, text, size, &p->scaler)) >= 0 &&
        p->scaler.n != p->manifest.n_features) {
        st = evtwin__fail(EVTWIN_E_SCHEMA, "%s: scales %zu features, the manifest has %zu", path,
                          p->scaler.n, p->manifest.n_features);
    }
    evtwin__free(text);
    evtwin__free(path);
    return st;
}

static evtwin_status check_model(const char *path, const evtwin__manifest *m,
                                 const evtwin_model *model, evtwin_objective objective) {
    if (evtwin_model_objective(model) != objective) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: its objective is not what the manifest says", path);
    }
    if (evtwin_model_width(model) != m->n_features) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: %zu features, the manifest has %zu", path,
                    evtwin_model_width(model), m->n_features);
    }
    for (size_t i = 0; i < m->n_features; i++) {
        const char *name = evtwin_model_feature_name(model, i);
        if (strcmp(name, m->features[i].name) != 0) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: feature %zu is '%s', the manifest says '%s'", path,
                        i + 1, name, m->features[i].name);
        }
    }
    return EVTWIN_OK;
}

static evtwin_status load_model(const char *dir, const evtwin_predictor *p,
                                const evtwin__manifest_model *said, evtwin_objective objective,
                                evtwin_model **out) {
    if (!said->present) {
        return EVTWIN_OK;
    }
    char *path, *text;
    size_t size;
    evtwin_status st = read_part(dir, &said->file, EVTWIN__MODEL_MAX_BYTES, &path, &text, &size);
    if (st < 0) {
        return st;
    }
    if ((st = check_hash(path, &said->file, text, size)) >= 0 &&
        (st = evtwin_model_load_buffer(path, text, size, out)) >= 0) {
        st = check_model(path, &p->manifest, *out, objective);
    }
    evtwin__free(text);
    evtwin__free(path);
    return st;
}

evtwin_status evtwin_predictor_load(const char *dir, evtwin_predictor **out) {
    if (dir == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "dir or out is NULL");
    }
    evtwin_predictor *p = evtwin__calloc(1, sizeof *p);
    if (p == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory for a predictor", dir);
    }
    evtwin_status st;
    if ((st = load_manifest(dir, p)) < 0 || (st = load_features(dir, p)) < 0 ||
        (st = load_scaler(dir, p)) < 0 ||
        (st = load_model(dir, p, &p->manifest.rul, EVTWIN_OBJECTIVE_REGRESSION, &p->rul)) < 0 ||
        (st = load_model(dir, p, &p->manifest.failure, EVTWIN_OBJECTIVE_LOGISTIC, &p->failure)) <
            0) {
        evtwin_predictor_free(p);
        return st;
    }
    *out = p;
    return EVTWIN_OK;
}

void evtwin_predictor_free(evtwin_predictor *predictor) {
    if (predictor == NULL) {
        return;
    }
    evtwin_model_free(predictor->rul);
    evtwin_model_free(predictor->failure);
    evtwin__scaler_clear(&predictor->scaler);
    evtwin_features_free(predictor->features);
    evtwin__manifest_clear(&predictor->manifest);
    evtwin__free(predictor);
}

/* ---- what it is ---- */

evtwin_status evtwin_predictor_info_get(const evtwin_predictor *predictor,
                                        evtwin_predictor_info *out, size_t size) {
    if (predictor == NULL || out == NULL || size < sizeof out->size) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "predictor or out is NULL, or size is too small");
    }
    const evtwin__manifest *m = &predictor->manifest;
    const evtwin_predictor_info info = {.size = sizeof info,
                                        .version = predictor->version,
                                        .has_rul = predictor->rul != NULL,
                                        .has_failure = predictor->failure != NULL,
                                        .rul_rmse = m->rul_score.rmse,
                                        .rul_mae = m->rul_score.mae,
                                        .rul_r2 = m->rul_score.r2,
                                        .failure_auc = m->failure_score.auc,
                                        .failure_brier = m->failure_score.brier,
                                        .trained_at = m->created};
    evtwin__report_copy(out, size, &info, sizeof info);
    return EVTWIN_OK;
}

size_t evtwin_predictor_feature_count(const evtwin_predictor *predictor) {
    return predictor != NULL ? predictor->manifest.n_features : 0;
}

const char *evtwin_predictor_feature_name(const evtwin_predictor *predictor, size_t i) {
    return i < evtwin_predictor_feature_count(predictor) ? predictor->manifest.features[i].name
                                                         : NULL;
}

/* ---- predict ---- */

static size_t rows_per_block(const evtwin_predictor *p) {
    const size_t fit = BLOCK_VALUES / p->manifest.n_features;
    return fit < BLOCK_ROWS ? fit : BLOCK_ROWS;
}

static int row_is_complete(const double *x, size_t cols) {
    int complete = 1;
    for (size_t i = 0; i < cols; i++) {
        complete &= isfinite(x[i]) != 0;
    }
    return complete;
}

/* What a model that may be absent says of a block; a life that is over is 0 cycles, not fewer. */
static void predict_with(const evtwin_model *model, const float *scaled, const double *x,
                         size_t rows, size_t cols, double *out) {
    float y[BLOCK_ROWS];
    const int has_values = model != NULL && evtwin_model_predict(model, scaled, rows, cols, y) >= 0;
    for (size_t r = 0; r < rows; r++) {
        const int is_known = has_values && row_is_complete(x + r * cols, cols);
        out[r] = is_known ? fmax((double)y[r], 0.0) : (double)NAN;
    }
}

evtwin_status evtwin_predictor_predict(const evtwin_predictor *predictor, const double *x,
                                       size_t rows, size_t cols, double *rul, double *failure) {
    if (predictor == NULL || (x == NULL && rows > 0)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "predictor or x is NULL");
    }
    if (cols != predictor->manifest.n_features) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%zu columns, the bundle has %zu features", cols,
                    predictor->manifest.n_features);
    }
    float scaled[BLOCK_VALUES];
    const size_t block = rows_per_block(predictor);
    for (size_t first = 0; first < rows; first += block) {
        const size_t n = rows - first < block ? rows - first : block;
        const double *at = x + first * cols;
        evtwin__scaler_apply(&predictor->scaler, at, n, scaled);
        if (rul != NULL) {
            predict_with(predictor->rul, scaled, at, n, cols, rul + first);
        }
        if (failure != NULL) {
            predict_with(predictor->failure, scaled, at, n, cols, failure + first);
        }
    }
    return EVTWIN_OK;
}

/* ---- predict for a table ---- */

/* What is to become of a table's rows, in one piece of memory. */
typedef struct outcome {
    double *rul, *failure; /* (rows) */
    uint8_t *is_unknown;   /* (rows) a feature is missing */
} outcome;

/* All that can go wrong with the data goes wrong here, before the table is touched. */
static evtwin_status predict_rows(const evtwin_predictor *p, const evtwin_table *table,
                                  outcome *to) {
    double x[BLOCK_VALUES];
    const size_t rows = evtwin_table_rows(table);
    const size_t cols = p->manifest.n_features;
    const size_t block = rows_per_block(p);
    evtwin_status st = evtwin__features_compute(p->features, table, 0, 0, x);
    for (size_t first = 0; st >= 0 && first < rows; first += block) {
        const size_t n = rows - first < block ? rows - first : block;
        if ((st = evtwin__features_compute(p->features, table, first, n, x)) < 0) {
            break;
        }
        for (size_t r = 0; r < n; r++) {
            to->is_unknown[first + r] = !row_is_complete(x + r * cols, cols);
        }
        st = evtwin_predictor_predict(p, x, n, cols, to->rul + first, to->failure + first);
    }
    return st;
}

/* "unknown, because soc and voltage are missing", of a row that lacks at least one feature. */
static void write_note(const evtwin_predictor *p, const double *x, char note[NOTE_SIZE]) {
    size_t n_missing = 0;
    for (size_t i = 0; i < p->manifest.n_features; i++) {
        n_missing += isnan(x[i]) != 0;
    }
    const size_t n_named = n_missing <= NOTE_NAMES + 1 ? n_missing : NOTE_NAMES;
    size_t at = (size_t)snprintf(note, NOTE_SIZE, "unknown, because ");
    size_t k = 0;
    for (size_t i = 0; i < p->manifest.n_features && k < n_named && at < NOTE_SIZE; i++) {
        if (isnan(x[i])) {
            const char *before = k == 0 ? "" : k + 1 == n_missing ? " and " : ", ";
            at += (size_t)snprintf(note + at, NOTE_SIZE - at, "%s%.64s", before,
                                   p->manifest.features[i].name);
            k++;
        }
    }
    if (n_named < n_missing && at < NOTE_SIZE) {
        at += (size_t)snprintf(note + at, NOTE_SIZE - at, " and %zu more", n_missing - n_named);
    }
    if (at < NOTE_SIZE) {
        snprintf(note + at, NOTE_SIZE - at, n_missing == 1 ? " is missing" : " are missing");
    }
}

/* The column of that name and type, made, emptied or, if it is of another type, made anew. */
static evtwin_status output_column(evtwin_table *table, const char *name, evtwin_type type,
                                   const char *unit, size_t *col_out) {
    const size_t col = evtwin_table_find(table, name);
    if (col == EVTWIN_NO_COLUMN) {
        return evtwin_table_add_column(table, name, type, unit, col_out);
    }
    const evtwin_status st =
        evtwin_table_type(table, col) != type ? evtwin__table_retype(table, col, type) : EVTWIN_OK;
    *col_out = col;
    return st < 0 ? st : evtwin_table_set_unit(table, col, unit);
}

static evtwin_status fill_notes(const evtwin_predictor *p, evtwin_table *table, size_t col,
                                const outcome *from) {
    double x[EVTWIN__BUNDLE_MAX_FEATURES];
    char note[NOTE_SIZE];
    evtwin_status st = EVTWIN_OK;
    for (size_t r = 0; st >= 0 && r < evtwin_table_rows(table); r++) {
        if (!from->is_unknown[r]) {
            st = evtwin_table_set_missing(table, col, r);
        } else if ((st = evtwin__features_compute(p->features, table, r, 1, x)) >= 0) {
            write_note(p, x, note);
            st = evtwin_table_set_text(table, col, r, note);
        }
    }
    return st;
}

static evtwin_status fill_table(const evtwin_predictor *p, evtwin_table *table,
                                const outcome *from) {
    const size_t rows = evtwin_table_rows(table);
    const char *rul_unit = p->manifest.rul.present ? p->manifest.rul.unit : "cycles";
    size_t rul, failure, version, note;
    int32_t code = 0;
    evtwin_status st;
    if ((st = output_column(table, "rul_prediction", EVTWIN_F64, rul_unit, &rul)) < 0 ||
        (st = output_column(table, "failure_probability", EVTWIN_F64, "", &failure)) < 0 ||
        (st = output_column(table, "model_version", EVTWIN_TEXT, "", &version)) < 0 ||
        (st = output_column(table, "prediction_note", EVTWIN_TEXT, "", &note)) < 0 ||
        (st = evtwin_table_intern(table, version, p->version, &code)) < 0) {
        return st;
    }

    /* the notes first: they look at the features once more, which might be columns filled here */
    if ((st = fill_notes(p, table, note, from)) < 0) {
        return st;
    }
    for (size_t r = 0; st >= 0 && r < rows; r++) {
        st = evtwin_table_set_code(table, version, r, code);
    }
    if (st >= 0 && rows > 0) {
        memcpy(evtwin_table_f64_edit(table, rul), from->rul, rows * sizeof *from->rul);
        memcpy(evtwin_table_f64_edit(table, failure), from->failure, rows * sizeof *from->failure);
    }
    return st;
}

/* Say once per predictor, which may see a thousand batches an hour, which unit is presumed. */
static void tell_presumed_units(const evtwin_predictor *p, const evtwin_table *table) {
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const char *name = evtwin_table_name(table, col), *unit = evtwin_table_unit(table, col);
        if (evtwin__unit_is_presumed(name, unit) &&
            atomic_exchange(&((evtwin_predictor *)p)->has_told, 1) == 0) {
            evtwin__log(EVTWIN_LOG_INFO, "column '%s' states no unit and is presumed to be in %s",
                        name, unit);
        }
    }
}

evtwin_status evtwin_predictor_apply(const evtwin_predictor *predictor, evtwin_table *table) {
    if (predictor == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "predictor is NULL");
    }
    evtwin_status st;
    if ((st = evtwin__table_check_edit(table)) < 0 || (st = evtwin_telemetry_check(table)) < 0) {
        return st;
    }
    const size_t rows = evtwin_table_rows(table);
    const size_t cols = evtwin_table_cols(table);
    double *memory = evtwin__calloc(rows, 2 * sizeof *memory + sizeof(uint8_t));
    if (memory == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the predictions of %zu rows", rows);
    }
    outcome result = {memory, memory + rows, (uint8_t *)(memory + 2 * rows)};
    if ((st = predict_rows(predictor, table, &result)) >= 0 &&
        (st = fill_table(predictor, table, &result)) < 0) {
        evtwin__table_drop_columns(table, cols);
    }
    evtwin__free(memory);
    if (st >= 0) {
        tell_presumed_units(predictor, table);
    }
    return st;
}
