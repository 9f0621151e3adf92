/* SPDX-License-Identifier: MIT */
/* learn/bundle.h: a bundle (docs/bundle.md) in memory: what a trainer fills and saves, and a
 * predictor loads. */
#ifndef EVTWIN_LEARN_BUNDLE_H
#define EVTWIN_LEARN_BUNDLE_H

#include "core/dict.h"
#include "core/schema.h"
#include "core/vmath.h"
#include "evtwin/features.h"
#include "evtwin/model.h"
#include "evtwin/predictor.h"
#include "learn/calibration.h"
#include "learn/interval.h"
#include "learn/reference.h"
#include "learn/scaler.h"
#include "learn/score.h"

#include <math.h>
#include <string.h>

/* The newest format this library reads, and writes where a reader of the first one would predict
 * something else (docs/bundle.md). */
enum { EVTWIN__BUNDLE_FORMAT = 2 };

/* Limits of a bundle: features, battery ids, strings, and the sizes of its files. */
enum {
    EVTWIN__BUNDLE_MAX_FEATURES = 1024,
    EVTWIN__BUNDLE_MAX_BATTERIES = 65536,
    EVTWIN__BUNDLE_MAX_FURTHER = 3, /* forests of a target beside the first */
    EVTWIN__MAX_TRIED = 1000,       /* sets of parameters that a search tries */
    EVTWIN__BUNDLE_MAX_TEXT = 255,  /* bytes of a string of the manifest */
    EVTWIN__MANIFEST_MAX_BYTES = 4 << 20,
    EVTWIN__SCALER_MAX_BYTES = 4 << 20,
    EVTWIN__BATTERY_HASH_SIZE = 17,
    EVTWIN__BUNDLE_VERSION_SIZE = 13
};

/* Names of a bundle's files as the trainer gives them; a model's is TARGET_model.json. A reader
 * takes those of the manifest. */
#define EVTWIN__MANIFEST_FILE "manifest.json"
#define EVTWIN__SCALER_FILE "scaler.json"

/* The recipes: features are a row's own values, as the telemetry contract has them; or they are
 * made of the battery's past. */
#define EVTWIN__RECIPE_CONTRACT "contract"
#define EVTWIN__RECIPE_HISTORY "history"

/* All strings below are in the bundle's keeping (evtwin__bundle_keep) or borrowed; NULL is as good
 * as "". */

/* A file of the bundle's folder and the hash of its bytes. name is 1 to 64 of [A-Za-z0-9._-], no
 * leading point. */
typedef struct evtwin__bundle_file {
    const char *name, *sha256;
} evtwin__bundle_file;

/* One feature: a column of the models, in their order. */
typedef struct evtwin__bundle_feature {
    const char *name, *unit;          /* ours: what the scaler and the models are in */
    const char *column, *column_unit; /* in the training data */
    double min, max;             /* of the training part, in our unit; NaN if all were missing */
    evtwin__histogram histogram; /* of the same */
} evtwin__bundle_feature;

/* What counts as outside a feature's range: the next battery is always a little beyond the extremes
 * of the others, and a change of units rounds; so one hundredth of the width is allowed. */
static inline int evtwin__is_outside(const evtwin__bundle_feature *f, double value) {
    const double width = f->max - f->min;
    const double slack = 0.01 * width + 1e-9 * fabs(f->max);
    return value < f->min - slack || value > f->max + slack;
}

/* 1 if so many values of this unit are perhaps fractions: percent, all in 0 to 1. */
static inline int evtwin__is_like_fraction(const char *unit, size_t n, double min, double max) {
    return strcmp(unit, "percent") == 0 && n >= EVTWIN__FRACTION_VALUES && min >= 0.0 &&
           max > 0.0 && max <= EVTWIN__FRACTION_MAX;
}

/* One forest of several whose mean is the prediction. */
typedef struct evtwin__bundle_forest {
    evtwin__bundle_file file;
    double log_offset; /* it predicts log(target + log_offset); NaN = the target */
    double base_score; /* in what it predicts */
    char *json;        /* as in evtwin__bundle_model */
    size_t json_size;
    evtwin_model *forest;
} evtwin__bundle_forest;

/* The model of one target. A count of 0 or a NaN is unknown. */
typedef struct evtwin__bundle_model {
    int is_present;     /* 0 = the bundle has no such model; the rest is then unused */
    const char *column; /* header of the target's column */
    const char *unit;   /* of the prediction */
    evtwin__bundle_file file;
    size_t trees, depth;              /* what XGBoost was asked for */
    double learning_rate, base_score; /* base_score in the target's unit */
    double subsample, column_sample, min_child_weight;
    size_t n_tried; /* sets of parameters that a search chose from */
    const char *tree_method;
    const char *split_by; /* how the error was held out: "battery", "group" or "time" */
    uint64_t seed;
    evtwin_score score[EVTWIN__N_SCORED];
    const char *single_feature;
    evtwin__interval interval;       /* of a number's predictions; n_bands 0 = none */
    evtwin__calibration calibration; /* of an event's probabilities */
    char *json; /* (json_size) a trained model; a loaded one has its forest instead */
    size_t json_size;
    evtwin_model *forest;
    evtwin__bundle_forest further[EVTWIN__BUNDLE_MAX_FURTHER]; /* (n_further) beside that forest */
    size_t n_further;
} evtwin__bundle_model;

/* All zero is an empty one. */
typedef struct evtwin__bundle {
    const char *library_version, *xgboost_version;
    const char *created; /* RFC 3339 UTC */
    const char *label_rule, *recipe;
    double eol_soh_percent; /* below it RUL is 0: see end_of_life.h; 0 or NaN = unknown */
    const char *counter;    /* of recipe history: the feature that counts cycles; "" = rows do */
    const char *group; /* of recipe history: the column that names the battery; "" = battery_id */
    const char *group_by_reset; /* of recipe history: the counter at whose fall the next begins; ""
                                   = a column names the battery */
    const char *allowed;     /* causes that would have refused the training data, comma-separated */
    const char *source_name; /* what was trained from: file name, or what the caller said */
    size_t rows, n_groups;   /* rows read, batteries (groups) among them */
    const char *first_time, *last_time;         /* span of the rows, both or none */
    char (*battery)[EVTWIN__BATTERY_HASH_SIZE]; /* (n_batteries) see evtwin__battery_hash; sorted */
    size_t n_batteries;
    evtwin__bundle_feature *feature; /* (n_features) */
    size_t n_features;
    evtwin_features *features; /* the same, to compute them; not read from a manifest alone */
    /* of recipe history: the own values of a row that the features were made from, which live data
     * are compared on; else 0 and NULL, and the features are these, see evtwin__bundle_inputs */
    evtwin__bundle_feature *input; /* (n_inputs) */
    size_t n_inputs;
    evtwin_features *inputs;
    evtwin__curve curve; /* what belongs together in the training part */
    evtwin__bundle_file scaler_file;
    evtwin__scaler scaler; /* not read from a manifest alone */
    evtwin__bundle_model model[EVTWIN__T_COUNT];
    char version[EVTWIN__BUNDLE_VERSION_SIZE]; /* of a loaded bundle */
    evtwin__dict strings;
} evtwin__bundle;

/* What a forest says, in the unit of the target. */
static inline double evtwin__from_forest(double said, double log_offset) {
    return isnan(log_offset) ? said : evtwin__exp(said) - log_offset;
}

void evtwin__bundle_clear(evtwin__bundle *bundle);

/* What of a row the features are made from, with range and histogram. */
typedef struct evtwin__inputs {
    const evtwin__bundle_feature *feature; /* (n) */
    size_t n;
    const evtwin_features *features;
} evtwin__inputs;

static inline evtwin__inputs evtwin__bundle_inputs(const evtwin__bundle *b) {
    return b->n_inputs > 0 ? (evtwin__inputs){b->input, b->n_inputs, b->inputs}
                           : (evtwin__inputs){b->feature, b->n_features, b->features};
}

/* Where state of charge, voltage, current and power are among the inputs. */
evtwin__places evtwin__bundle_places(const evtwin__bundle *bundle);

/* The objective is fixed by the kind of the target. */
static inline evtwin_objective evtwin__objective_of(evtwin_target_kind kind) {
    return kind == EVTWIN_TARGET_EVENT ? EVTWIN_OBJECTIVE_LOGISTIC : EVTWIN_OBJECTIVE_REGRESSION;
}

/* *out = a copy of text that lives as long as the bundle. */
evtwin_status evtwin__bundle_keep(evtwin__bundle *bundle, const char *text, const char **out);

/* The same of a column's name or unit: EVTWIN_E_SCHEMA if it is longer than a manifest may have it,
 * which a saving would say when all is trained. */
evtwin_status evtwin__bundle_keep_name(evtwin__bundle *bundle, const char *name, const char **out);

/* The id of a training battery as the manifest has it: 16 hex digits of its SHA-256. */
void evtwin__battery_hash(const char *id, char hash[EVTWIN__BATTERY_HASH_SIZE]);

/* ---- files in memory ---- */

enum { EVTWIN__BUNDLE_N_FILES = EVTWIN__T_COUNT * (1 + EVTWIN__BUNDLE_MAX_FURTHER) + 2 };

/* The files of a bundle, in the order in which they are put into place: models by target, their
 * further forests, scaler, manifest. */
typedef struct evtwin__bundle_files {
    struct {
        char name[72];
        const char *data; /* (size) NULL = the bundle has no such file */
        char *owned;      /* the same, or NULL if it is borrowed from the bundle */
        size_t size;
    } file[EVTWIN__BUNDLE_N_FILES];
} evtwin__bundle_files;

/* Write the trained models, the scaler and the manifest with their names and hashes. Borrows the
 * models' text. EVTWIN_E_SCHEMA if a reader would refuse it. */
evtwin_status evtwin__bundle_write(const evtwin__bundle *bundle, evtwin__bundle_files *out);
void evtwin__bundle_files_clear(evtwin__bundle_files *files);

/* Read and check a bundle from such files. EVTWIN_E_CORRUPT (a hash differs), EVTWIN_E_SCHEMA
 * (parts do not fit together), or what the parts' readers return. */
evtwin_status evtwin__bundle_read(const evtwin__bundle_files *files, evtwin__bundle *out);

/* ---- files in a folder ---- */

/* The same from a folder. Each file is read once: the bytes whose hash is right get parsed. */
evtwin_status evtwin__bundle_load(const char *dir, evtwin__bundle *out);

/* See evtwin_trainer_save. */
evtwin_status evtwin__bundle_save(const evtwin__bundle_files *files, const char *dir);

/* A predictor that takes over what evtwin__bundle_read gave; *bundle is empty on success. */
evtwin_status evtwin__predictor_take(evtwin__bundle *bundle, evtwin_predictor **out);
const evtwin__bundle *evtwin__predictor_bundle(const evtwin_predictor *predictor);

/* ---- parts ---- */

/* Read and check a manifest; name is used in error texts. EVTWIN_E_PARSE (not the form),
 * EVTWIN_E_UNSUPPORTED (a newer format number, another recipe), EVTWIN_E_SCHEMA (a number that
 * cannot be, or parts that do not fit together). */
evtwin_status evtwin__manifest_read(const char *name, const char *text, size_t size,
                                    evtwin__bundle *out);

/* The text of a manifest, checked as a reader will; freed with evtwin__free. */
evtwin_status evtwin__manifest_write(const char *name, const evtwin__bundle *bundle,
                                     char **text_out, size_t *size_out);

/* The same for scaler.json. EVTWIN_E_PARSE if it is not JSON or a key is missing,
 * EVTWIN_E_UNSUPPORTED for another format number, EVTWIN_E_CORRUPT for lengths that differ, a
 * number that is not finite or a scale that is not above zero. */
evtwin_status evtwin__scaler_read(const char *name, const char *text, size_t size,
                                  evtwin__scaler *out);
evtwin_status evtwin__scaler_write(const evtwin__scaler *s, char **text_out, size_t *size_out);

#endif
