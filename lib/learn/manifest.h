/* SPDX-License-Identifier: MIT */
/* learn/manifest.h: the manifest of a bundle (docs/bundle.md): a trainer fills and writes it, a
 * predictor reads it. */
#ifndef EVTWIN_LEARN_MANIFEST_H
#define EVTWIN_LEARN_MANIFEST_H

#include "evtwin/model.h"
#include "evtwin/train.h"

#include "core/sha256.h"

#include <jansson.h>

/* The number of the format this library writes, and the newest it reads. */
enum { EVTWIN__MANIFEST_FORMAT = 1 };

/* Limits of a bundle: features, and the sizes of its files. */
enum {
    EVTWIN__BUNDLE_MAX_FEATURES = 1024,
    EVTWIN__MANIFEST_MAX_BYTES = 4 << 20,
    EVTWIN__SCALER_MAX_BYTES = 4 << 20
};

/* Names of a bundle's files as the trainer gives them; a reader takes those of the manifest. */
#define EVTWIN__MANIFEST_FILE "manifest.json"
#define EVTWIN__SCALER_FILE "scaler.json"
#define EVTWIN__RUL_FILE "rul_model.json"
#define EVTWIN__FAILURE_FILE "failure_model.json"

/* A file of the bundle's folder and the hash of its bytes. name is 1 to 64 of [A-Za-z0-9._-], no
 * leading point. */
typedef struct evtwin__manifest_file {
    const char *name;
    char sha256[EVTWIN__SHA256_HEX_SIZE];
} evtwin__manifest_file;

/* One feature: a column of the models, in their order. */
typedef struct evtwin__manifest_feature {
    const char *name;        /* ours (evtwin_features_name) */
    const char *unit;        /* ours, "" if not telemetry: what the scaler and the models are in */
    const char *column;      /* header of the training data's column */
    const char *column_unit; /* the unit its values were in there, "" if unknown */
    double min, max;         /* of the training part, in our unit; NaN if all were missing */
} evtwin__manifest_feature;

/* What the models were trained from. */
typedef struct evtwin__manifest_source {
    const char *name;          /* file name, or what the caller called it */
    size_t rows;               /* rows read, before any was left out */
    size_t groups;             /* batteries (groups) among them, 1 for one series */
    int has_span;              /* 1 if first_us and last_us are known */
    int64_t first_us, last_us; /* earliest and latest time of the rows */
} evtwin__manifest_source;

/* How a model's error was held out; n_train, n_test and n_folds are in the score. */
typedef struct evtwin__manifest_split {
    const char *by; /* "battery", "group" or "time" */
    uint64_t seed;
} evtwin__manifest_split;

/* How XGBoost was asked to train. base_score is in the target's unit (a probability for a
 * classifier). */
typedef struct evtwin__manifest_params {
    int trees, depth;
    double learning_rate, base_score;
    const char *tree_method;
} evtwin__manifest_params;

/* One model: target, file, held-out error beside its base lines. */
typedef struct evtwin__manifest_model {
    int present;        /* 0 = the bundle has no such model; the rest is then unused */
    const char *target; /* header of the target's column */
    const char *unit;   /* "cycles"; "" for the failure model's probability */
    evtwin__manifest_file file;
    evtwin__manifest_params params;
    evtwin__manifest_split split;
} evtwin__manifest_model;

/* All of it. Every text is borrowed: from the trainer that fills it, or, when read, from document.
 * At least one model is present. The objectives are fixed: regression for rul, logistic for
 * failure. */
typedef struct evtwin__manifest {
    json_t *document;            /* NULL when filled by a trainer */
    const char *library_version; /* set by evtwin__manifest_write when NULL */
    const char *xgboost_version;
    const char *created; /* RFC 3339 UTC; set by evtwin__manifest_write when NULL */
    evtwin__manifest_source source;
    evtwin__manifest_feature *features; /* (n_features) */
    size_t n_features;
    evtwin__manifest_file scaler;
    evtwin__manifest_model rul, failure;
    evtwin_rul_score rul_score;         /* if rul.present; NaN where unknown */
    evtwin_failure_score failure_score; /* if failure.present */
} evtwin__manifest;

/* Read and check a manifest from memory; name is used in error texts. EVTWIN_E_PARSE (not the
 * form), EVTWIN_E_UNSUPPORTED (a newer format number), EVTWIN_E_SCHEMA (a number that cannot be, or
 * parts that do not fit together). */
evtwin_status evtwin__manifest_parse(const char *name, const char *text, size_t size,
                                     evtwin__manifest *out);

/* The same from a document, which is taken over, also on failure. */
evtwin_status evtwin__manifest_read(const char *name, json_t *document, evtwin__manifest *out);

/* Check texts, files and that the parts fit together. */
evtwin_status evtwin__manifest_check(const char *name, const evtwin__manifest *manifest);

/* "reg:squarederror" or "binary:logistic". */
const char *evtwin__objective_name(evtwin_objective objective);

/* Drop what evtwin__manifest_parse or _read made; leaves *manifest zeroed. */
void evtwin__manifest_clear(evtwin__manifest *manifest);

/* Check manifest as a reader will and write it to path (whole or not at all). The hashes are those
 * of the bytes the caller wrote. */
evtwin_status evtwin__manifest_write(const evtwin__manifest *manifest, const char *path);

#endif
