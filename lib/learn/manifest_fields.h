/* SPDX-License-Identifier: MIT */
/* learn/manifest_fields.h: the fields of a manifest (docs/bundle.md), by which manifest_read.c
 * reads it and manifest_write.c writes it. Theirs alone. */
#ifndef EVTWIN_LEARN_MANIFEST_FIELDS_H
#define EVTWIN_LEARN_MANIFEST_FIELDS_H

#include "core/json.h"
#include "learn/bundle.h"

#include <float.h>
#include <stddef.h>

typedef enum evtwin__field_kind {
    EVTWIN__F_TEXT,      /* const char *; "" if absent */
    EVTWIN__F_FILE_NAME, /* the same: a plain name, nothing in a manifest may lead out of its folder
                          */
    EVTWIN__F_HASH,      /* the same: 64 hex digits */
    EVTWIN__F_COUNT, /* size_t; 0 if absent, which is not written unless it is a count that may be 0
                      */
    EVTWIN__F_NUMBER, /* double; NaN if absent */
    EVTWIN__F_SEED    /* uint64_t: more than a JSON integer may be, so it is a string of digits */
} evtwin__field_kind;

enum { EVTWIN__WHERE_SIZE = 512 };

enum {
    EVTWIN__REQUIRED = 1,
    EVTWIN__MAY_BE_UNKNOWN = 2
}; /* the latter: a number that may be null */

typedef struct evtwin__field {
    const char *in, *key; /* in: the object that has it, as a path below the table's; "" = itself */
    evtwin__field_kind kind;
    size_t at; /* offset in the struct */
    int flags;
    double min, max;
} evtwin__field;

/* Fields of one struct. */
typedef struct evtwin__fields {
    const evtwin__field *list; /* (n) */
    size_t n;
} evtwin__fields;

extern const evtwin__fields evtwin__root_fields, evtwin__past_fields; /* of a bundle; its past */
extern const evtwin__fields evtwin__feature_fields;                   /* of a bundle_feature */
extern const evtwin__fields evtwin__model_fields;                     /* of a bundle_model */
extern const evtwin__fields evtwin__forest_fields;                    /* of a bundle_forest */

/* An object of the document and its place in words: "m.json", "m.json: models.rul". */
typedef struct evtwin__place {
    evtwin__bundle *bundle; /* keeps the strings */
    json_t *object;         /* NULL = absent: jansson answers lookups in NULL with NULL */
    char where[EVTWIN__WHERE_SIZE];
} evtwin__place;

/* The object at a path of keys below p; one that is absent or null is made or, for reading, none.
 */
evtwin_status evtwin__place_step(const evtwin__place *p, const char *path, int make,
                                 evtwin__place *out);

/* Reads or writes field f of the struct `of`. */
typedef evtwin_status (*evtwin__manifest_visit)(const evtwin__place *p, const evtwin__field *f,
                                                void *of);

evtwin_status evtwin__each_field(evtwin__manifest_visit visit, const evtwin__place *p,
                                 const evtwin__fields *fields, void *of);

/* The figures of all scores of a model. */
evtwin_status evtwin__each_figure(evtwin__manifest_visit visit, const evtwin__place *p,
                                  evtwin_target_kind kind, evtwin__bundle_model *m);

/* f with what the values of a feature of that name can be. */
evtwin__field evtwin__limit_feature(const char *name, evtwin__field f);

/* The objectives are fixed by the kind of the target. */
const char *evtwin__objective_name(evtwin_target_kind kind);

/* EVTWIN_E_SCHEMA if a bundle cannot have so many features. */
evtwin_status evtwin__check_feature_count(const char *name, size_t n);

/* Read and check a manifest that is parsed, which name is used for in error texts; what
 * evtwin__manifest_read returns. */
evtwin_status evtwin__manifest_read_document(const char *name, json_t *root, evtwin__bundle *out);

#endif
