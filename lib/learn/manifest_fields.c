/* SPDX-License-Identifier: MIT */
/* learn/manifest_fields.c: see manifest_fields.h: what a manifest has, where in it, and what its
 * numbers can be. */

#include "learn/manifest_fields.h"

#include "core/schema.h"
#include "core/status.h"
#include "learn/forest.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 1000 };

#define IN(type, member) offsetof(evtwin__##type, member)
#define MOST ((double)INT64_MAX)

static const evtwin__field root_fields[] = {
    {"library", "version", EVTWIN__F_TEXT, IN(bundle, library_version), 0, 0, 0},
    {"", "xgboost", EVTWIN__F_TEXT, IN(bundle, xgboost_version), 0, 0, 0},
    {"", "created", EVTWIN__F_TEXT, IN(bundle, created), 0, 0, 0},
    {"", "label_rule", EVTWIN__F_TEXT, IN(bundle, label_rule), 0, 0, 0},
    {"", "eol_soh_percent", EVTWIN__F_NUMBER, IN(bundle, eol_soh_percent), 0, 0.0, 100.0},
    {"", "recipe", EVTWIN__F_TEXT, IN(bundle, recipe), 0, 0, 0},
    {"", "allowed", EVTWIN__F_TEXT, IN(bundle, allowed), 0, 0, 0},
    {"source", "name", EVTWIN__F_TEXT, IN(bundle, source_name), 0, 0, 0},
    {"source", "rows", EVTWIN__F_COUNT, IN(bundle, rows), 0, 1.0, MOST},
    {"source", "groups", EVTWIN__F_COUNT, IN(bundle, n_groups), 0, 1.0, MOST},
    {"source", "first_time", EVTWIN__F_TEXT, IN(bundle, first_time), 0, 0, 0},
    {"source", "last_time", EVTWIN__F_TEXT, IN(bundle, last_time), 0, 0, 0},
    {"scaler", "file", EVTWIN__F_FILE_NAME, IN(bundle, scaler_file.name), EVTWIN__REQUIRED, 0, 0},
    {"scaler", "sha256", EVTWIN__F_HASH, IN(bundle, scaler_file.sha256), EVTWIN__REQUIRED, 0, 0},
};
static const evtwin__field past_fields[] = {
    /* of recipe history only */
    {"past", "counter", EVTWIN__F_TEXT, IN(bundle, counter), 0, 0, 0},
    {"past", "group", EVTWIN__F_TEXT, IN(bundle, group), 0, 0, 0},
    {"past", "group_by_reset", EVTWIN__F_TEXT, IN(bundle, group_by_reset), 0, 0, 0},
};
static const evtwin__field feature_fields[] = {
    {"", "name", EVTWIN__F_TEXT, IN(bundle_feature, name), EVTWIN__REQUIRED, 0, 0},
    {"", "unit", EVTWIN__F_TEXT, IN(bundle_feature, unit), 0, 0, 0},
    {"", "column", EVTWIN__F_TEXT, IN(bundle_feature, column), 0, 0, 0},
    {"", "column_unit", EVTWIN__F_TEXT, IN(bundle_feature, column_unit), 0, 0, 0},
    {"", "min", EVTWIN__F_NUMBER, IN(bundle_feature, min), EVTWIN__MAY_BE_UNKNOWN, 0,
     0}, /* see limit_feature */
    {"", "max", EVTWIN__F_NUMBER, IN(bundle_feature, max), EVTWIN__MAY_BE_UNKNOWN, 0, 0},
};
static const evtwin__field model_fields[] = {
    {"", "target", EVTWIN__F_TEXT, IN(bundle_model, column), 0, 0, 0},
    {"", "unit", EVTWIN__F_TEXT, IN(bundle_model, unit), 0, 0, 0},
    {"", "file", EVTWIN__F_FILE_NAME, IN(bundle_model, file.name), EVTWIN__REQUIRED, 0, 0},
    {"", "sha256", EVTWIN__F_HASH, IN(bundle_model, file.sha256), EVTWIN__REQUIRED, 0, 0},
    {"params", "trees", EVTWIN__F_COUNT, IN(bundle_model, trees), 0, 1.0, EVTWIN__MAX_TREES},
    {"params", "depth", EVTWIN__F_COUNT, IN(bundle_model, depth), 0, 0.0, MAX_DEPTH},
    {"params", "learning_rate", EVTWIN__F_NUMBER, IN(bundle_model, learning_rate), 0, 0.0, 1.0},
    {"params", "subsample", EVTWIN__F_NUMBER, IN(bundle_model, subsample), 0, 0.0, 1.0},
    {"params", "column_sample", EVTWIN__F_NUMBER, IN(bundle_model, column_sample), 0, 0.0, 1.0},
    {"params", "min_child_weight", EVTWIN__F_NUMBER, IN(bundle_model, min_child_weight), 0, 0.0,
     FLT_MAX},
    {"params", "tried", EVTWIN__F_COUNT, IN(bundle_model, n_tried), 0, 1.0, EVTWIN__MAX_TRIED},
    {"params", "base_score", EVTWIN__F_NUMBER, IN(bundle_model, base_score), 0, -FLT_MAX, FLT_MAX},
    {"params", "tree_method", EVTWIN__F_TEXT, IN(bundle_model, tree_method), 0, 0, 0},
    {"held_out", "by", EVTWIN__F_TEXT, IN(bundle_model, split_by), 0, 0, 0},
    {"held_out", "seed", EVTWIN__F_SEED, IN(bundle_model, seed), 0, 0, 0},
    {"held_out", "n_train", EVTWIN__F_COUNT, IN(bundle_model, score[0].n_train), 0, 1.0, MOST},
    {"held_out", "n_test", EVTWIN__F_COUNT, IN(bundle_model, score[0].n_test), 0, 1.0, MOST},
    {"held_out", "n_folds", EVTWIN__F_COUNT, IN(bundle_model, score[0].n_folds), 0, 0.0, MOST},
    {"held_out.baselines.single_feature", "feature", EVTWIN__F_TEXT,
     IN(bundle_model, single_feature), 0, 0, 0},
};

static const evtwin__field forest_fields[] = {
    {"", "file", EVTWIN__F_FILE_NAME, IN(bundle_forest, file.name), EVTWIN__REQUIRED, 0, 0},
    {"", "sha256", EVTWIN__F_HASH, IN(bundle_forest, file.sha256), EVTWIN__REQUIRED, 0, 0},
    {"", "log_offset", EVTWIN__F_NUMBER, IN(bundle_forest, log_offset), 0, 1e-6, 1e6},
    {"", "base_score", EVTWIN__F_NUMBER, IN(bundle_forest, base_score), 0, -FLT_MAX, FLT_MAX},
};

#define FIELDS(list)                                                                               \
    { (list), sizeof(list) / sizeof(list)[0] }

const evtwin__fields evtwin__root_fields = FIELDS(root_fields);
const evtwin__fields evtwin__past_fields = FIELDS(past_fields);
const evtwin__fields evtwin__feature_fields = FIELDS(feature_fields);
const evtwin__fields evtwin__model_fields = FIELDS(model_fields);
const evtwin__fields evtwin__forest_fields = FIELDS(forest_fields);

/* Figure number i of a score as a field of the model; 0 beyond the last. */
static int figure_field(evtwin_target_kind kind, int scored, size_t i, char in[64],
                        evtwin__field *out) {
    const evtwin__figure *g = evtwin__figure_at(kind, (evtwin_scored)scored, i);
    const char *baseline = evtwin__baseline_key(kind, (evtwin_scored)scored);
    if (g == NULL) {
        return 0;
    }
    snprintf(in, 64, baseline != NULL ? "held_out.baselines.%s" : "held_out", baseline);
    const size_t at = IN(bundle_model, score) + (size_t)scored * sizeof(evtwin_score) + g->at;
    const int flags = g->may_be_unknown ? EVTWIN__MAY_BE_UNKNOWN : 0;
    *out = (evtwin__field){in, g->key, EVTWIN__F_NUMBER, at, flags, g->min, g->max};
    return 1;
}

/* What a feature's values can be. A power whose source has it signed keeps its sign. */
evtwin__field evtwin__limit_feature(const char *name, evtwin__field f) {
    evtwin__meaning m;
    f.min = -DBL_MAX;
    f.max = DBL_MAX;
    if (evtwin__meaning_find(name, EVTWIN__ALL_KINDS, &m) &&
        strcmp(evtwin__schema[m.q].name, name) == 0) {
        const evtwin__quantity *q = &evtwin__schema[m.q];
        const double lowest = strcmp(q->unit, "W") == 0 ? -q->max : q->min;
        f.min = isnan(lowest) ? f.min : lowest;
        f.max = isnan(q->max) ? f.max : q->max;
    }
    return f;
}

const char *evtwin__objective_name(evtwin_target_kind kind) {
    return kind == EVTWIN_TARGET_EVENT ? "binary:logistic" : "reg:squarederror";
}

evtwin_status evtwin__place_step(const evtwin__place *p, const char *path, int make,
                                 evtwin__place *out) {
    evtwin__place at = *p;
    while (*path != '\0') {
        char key[64];
        const size_t length = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        EVTWIN_FAIL_IF(make && json_object_get(at.object, key) == NULL &&
                           json_object_set_new(at.object, key, json_object()) != 0,
                       EVTWIN_E_NOMEM, "%s: out of memory", at.where);
        json_t *child = json_object_get(at.object, key);
        if (child != NULL && !json_is_null(child) && !json_is_object(child)) {
            return evtwin__json_get_object(at.where, at.object, key, &child);
        }
        at.object = json_is_null(child) ? NULL : child;
        const size_t used = strlen(at.where);
        const char *joint = strstr(at.where, ": ") != NULL ? "." : ": ";
        snprintf(at.where + used, sizeof at.where - used, "%s%s", joint, key);
        path += length + (path[length] == '.');
    }
    *out = at;
    return EVTWIN_OK;
}

evtwin_status evtwin__each_field(evtwin__manifest_visit visit, const evtwin__place *p,
                                 const evtwin__fields *fields, void *of) {
    for (size_t i = 0; i < fields->n; i++) {
        EVTWIN_TRY(visit(p, &fields->list[i], of));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__each_figure(evtwin__manifest_visit visit, const evtwin__place *p,
                                  evtwin_target_kind kind, evtwin__bundle_model *m) {
    for (int s = 0; s < EVTWIN__N_SCORED; s++) {
        char in[64];
        evtwin__field f;
        for (size_t i = 0; figure_field(kind, s, i, in, &f); i++) {
            EVTWIN_TRY(visit(p, &f, m));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__check_feature_count(const char *name, size_t n) {
    EVTWIN_FAIL_IF(n < 1 || n > EVTWIN__BUNDLE_MAX_FEATURES, EVTWIN_E_SCHEMA,
                   "%s: %zu features, a bundle has 1 to %d", name, n, EVTWIN__BUNDLE_MAX_FEATURES);
    return EVTWIN_OK;
}
