/* SPDX-License-Identifier: MIT */
/* learn/manifest.c: the manifest of a bundle (docs/bundle.md) as JSON: one list of its fields, by
 * which it is read and written. */

#include "learn/bundle.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/sha256.h"
#include "core/status.h"
#include "core/utf8.h"
#include "learn/forest.h"
#include "learn/calibration_json.h"
#include "learn/interval_json.h"
#include "learn/recipe.h"
#include "learn/reference_json.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_SIZE = 256, MAX_FILE_NAME = 64, WHERE_SIZE = 512, MAX_DEPTH = 1000 };

/* ---- life ---- */

evtwin_status evtwin__bundle_keep(evtwin__bundle *bundle, const char *text, const char **out) {
    int32_t code;
    EVTWIN_TRY(evtwin__dict_intern(&bundle->strings, text, strlen(text), &code));
    *out = evtwin__dict_text(&bundle->strings, (size_t)code);
    return EVTWIN_OK;
}

void evtwin__bundle_clear(evtwin__bundle *b) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__free(b->model[t].json);
        evtwin_model_free(b->model[t].forest);
        for (size_t k = 0; k < b->model[t].n_further; k++) {
            evtwin__free(b->model[t].further[k].json);
            evtwin_model_free(b->model[t].further[k].forest);
        }
    }
    evtwin__dict_free(&b->strings);
    evtwin__free(b->feature);
    evtwin__free(b->input);
    evtwin__free(b->battery);
    evtwin_features_free(b->features);
    evtwin_features_free(b->inputs);
    evtwin__scaler_clear(&b->scaler);
    *b = (evtwin__bundle){0};
}

evtwin__places evtwin__bundle_places(const evtwin__bundle *b) {
    evtwin__places at = {EVTWIN_NO_COLUMN, EVTWIN_NO_COLUMN, EVTWIN_NO_COLUMN, EVTWIN_NO_COLUMN};
    const evtwin__inputs in = evtwin__bundle_inputs(b);
    for (size_t i = 0; i < in.n; i++) {
        const size_t q = evtwin__quantity_by_name(in.feature[i].name);
        at.soc = q == EVTWIN__Q_SOC ? i : at.soc;
        at.voltage = q == EVTWIN__Q_VOLTAGE ? i : at.voltage;
        at.current = q == EVTWIN__Q_CURRENT ? i : at.current;
        at.power = q == EVTWIN__Q_POWER_CONSUMPTION ? i : at.power;
    }
    return at;
}

/* ---- fields ---- */

typedef enum field_kind {
    TEXT,      /* const char *; "" if absent */
    FILE_NAME, /* the same: a plain name, nothing in a manifest may lead out of its folder */
    HASH,      /* the same: 64 hex digits */
    COUNT,     /* size_t; 0 if absent, which is not written unless it is a count that may be 0 */
    NUMBER,    /* double; NaN if absent */
    SEED       /* uint64_t: more than a JSON integer may be, so it is a string of digits */
} field_kind;

enum { REQUIRED = 1, MAY_BE_UNKNOWN = 2 }; /* the latter: a number that may be null */

typedef struct field {
    const char *in, *key; /* in: the object that has it, as a path below the table's; "" = itself */
    field_kind kind;
    size_t at; /* offset in the struct */
    int flags;
    double min, max;
} field;

#define IN(type, member) offsetof(evtwin__##type, member)
#define MOST ((double)INT64_MAX)

static const field root_fields[] = {
    {"library", "version", TEXT, IN(bundle, library_version), 0, 0, 0},
    {"", "xgboost", TEXT, IN(bundle, xgboost_version), 0, 0, 0},
    {"", "created", TEXT, IN(bundle, created), 0, 0, 0},
    {"", "label_rule", TEXT, IN(bundle, label_rule), 0, 0, 0},
    {"", "eol_soh_percent", NUMBER, IN(bundle, eol_soh_percent), 0, 0.0, 100.0},
    {"", "recipe", TEXT, IN(bundle, recipe), 0, 0, 0},
    {"", "allowed", TEXT, IN(bundle, allowed), 0, 0, 0},
    {"source", "name", TEXT, IN(bundle, source_name), 0, 0, 0},
    {"source", "rows", COUNT, IN(bundle, rows), 0, 1.0, MOST},
    {"source", "groups", COUNT, IN(bundle, n_groups), 0, 1.0, MOST},
    {"source", "first_time", TEXT, IN(bundle, first_time), 0, 0, 0},
    {"source", "last_time", TEXT, IN(bundle, last_time), 0, 0, 0},
    {"scaler", "file", FILE_NAME, IN(bundle, scaler_file.name), REQUIRED, 0, 0},
    {"scaler", "sha256", HASH, IN(bundle, scaler_file.sha256), REQUIRED, 0, 0},
};
static const field past_fields[] = {
    /* of recipe history only */
    {"past", "counter", TEXT, IN(bundle, counter), 0, 0, 0},
    {"past", "group", TEXT, IN(bundle, group), 0, 0, 0},
    {"past", "group_by_reset", TEXT, IN(bundle, group_by_reset), 0, 0, 0},
};
static const field feature_fields[] = {
    {"", "name", TEXT, IN(bundle_feature, name), REQUIRED, 0, 0},
    {"", "unit", TEXT, IN(bundle_feature, unit), 0, 0, 0},
    {"", "column", TEXT, IN(bundle_feature, column), 0, 0, 0},
    {"", "column_unit", TEXT, IN(bundle_feature, column_unit), 0, 0, 0},
    {"", "min", NUMBER, IN(bundle_feature, min), MAY_BE_UNKNOWN, 0, 0}, /* see limit_feature */
    {"", "max", NUMBER, IN(bundle_feature, max), MAY_BE_UNKNOWN, 0, 0},
};
static const field model_fields[] = {
    {"", "target", TEXT, IN(bundle_model, column), 0, 0, 0},
    {"", "unit", TEXT, IN(bundle_model, unit), 0, 0, 0},
    {"", "file", FILE_NAME, IN(bundle_model, file.name), REQUIRED, 0, 0},
    {"", "sha256", HASH, IN(bundle_model, file.sha256), REQUIRED, 0, 0},
    {"params", "trees", COUNT, IN(bundle_model, trees), 0, 1.0, EVTWIN__MAX_TREES},
    {"params", "depth", COUNT, IN(bundle_model, depth), 0, 0.0, MAX_DEPTH},
    {"params", "learning_rate", NUMBER, IN(bundle_model, learning_rate), 0, 0.0, 1.0},
    {"params", "base_score", NUMBER, IN(bundle_model, base_score), 0, -FLT_MAX, FLT_MAX},
    {"params", "tree_method", TEXT, IN(bundle_model, tree_method), 0, 0, 0},
    {"held_out", "by", TEXT, IN(bundle_model, split_by), 0, 0, 0},
    {"held_out", "seed", SEED, IN(bundle_model, seed), 0, 0, 0},
    {"held_out", "n_train", COUNT, IN(bundle_model, score[0].n_train), 0, 1.0, MOST},
    {"held_out", "n_test", COUNT, IN(bundle_model, score[0].n_test), 0, 1.0, MOST},
    {"held_out", "n_folds", COUNT, IN(bundle_model, score[0].n_folds), 0, 0.0, MOST},
    {"held_out.baselines.single_feature", "feature", TEXT, IN(bundle_model, single_feature), 0, 0,
     0},
};

static const field forest_fields[] = {
    {"", "file", FILE_NAME, IN(bundle_forest, file.name), REQUIRED, 0, 0},
    {"", "sha256", HASH, IN(bundle_forest, file.sha256), REQUIRED, 0, 0},
    {"", "log_offset", NUMBER, IN(bundle_forest, log_offset), 0, 1e-6, 1e6},
    {"", "base_score", NUMBER, IN(bundle_forest, base_score), 0, -FLT_MAX, FLT_MAX},
};

#define FIELDS(list) (list), sizeof(list) / sizeof(list)[0]

/* Figure number i of a score as a field of the model; 0 beyond the last. */
static int figure_field(evtwin_target_kind kind, int scored, size_t i, char in[64], field *out) {
    const evtwin__figure *g = evtwin__figure_at(kind, (evtwin_scored)scored, i);
    const char *baseline = evtwin__baseline_key(kind, (evtwin_scored)scored);
    if (g == NULL) {
        return 0;
    }
    snprintf(in, 64, baseline != NULL ? "held_out.baselines.%s" : "held_out", baseline);
    const size_t at = IN(bundle_model, score) + (size_t)scored * sizeof(evtwin_score) + g->at;
    const int flags = g->may_be_unknown ? MAY_BE_UNKNOWN : 0;
    *out = (field){in, g->key, NUMBER, at, flags, g->min, g->max};
    return 1;
}

/* What a feature's values can be. A power whose source has it signed keeps its sign. */
static field limit_feature(const char *name, field f) {
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

/* The objectives are fixed by the kind of the target. */
static const char *objective_name(evtwin_target_kind kind) {
    return kind == EVTWIN_TARGET_EVENT ? "binary:logistic" : "reg:squarederror";
}

/* An object of the document and its place in words: "m.json", "m.json: models.rul". */
typedef struct place {
    evtwin__bundle *bundle; /* keeps the strings */
    json_t *object;         /* NULL = absent: jansson answers lookups in NULL with NULL */
    char where[WHERE_SIZE];
} place;

/* The object at a path of keys below p; one that is absent or null is made or, for reading, none.
 */
static evtwin_status step_in(const place *p, const char *path, int make, place *out) {
    place at = *p;
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

/* ---- read ---- */

/* "key … is 3, it must be 0 to 1"; a limit that does not exist is left out. */
static evtwin_status fail_range(const char *where, const field *f, double value) {
    char number[EVTWIN__NUM_SIZE], low[EVTWIN__NUM_SIZE], high[EVTWIN__NUM_SIZE];
    evtwin__format_f64(value, number);
    evtwin__format_f64(f->min, low);
    evtwin__format_f64(f->max, high);
    const int has_low = f->min > -DBL_MAX, has_high = f->max != (double)INT64_MAX;
    EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: key \"%s\" is %s, it must be %s%s%s%s", where, f->key, number,
                has_low ? low : "at most ", has_low && has_high ? " to " : "", has_high ? high : "",
                has_high ? "" : " or more");
}

/* NaN if it is absent or, where that may be, unknown. */
static evtwin_status read_number(const char *where, const json_t *object, const field *f,
                                 double *out) {
    const json_t *value = json_object_get(object, f->key);
    double number;
    EVTWIN_FAIL_IF(json_is_null(value) && (f->flags & MAY_BE_UNKNOWN) == 0, EVTWIN_E_SCHEMA,
                   "%s: key \"%s\" is null", where, f->key);
    if (value == NULL || json_is_null(value)) {
        *out = NAN;
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(f->kind == COUNT && !json_is_integer(value), EVTWIN_E_PARSE,
                   "%s: key \"%s\" is not a count", where, f->key);
    EVTWIN_TRY(evtwin__json_get_number(where, object, f->key, &number));
    if (!(number >= f->min && number <= f->max)) {
        return fail_range(where, f, number);
    }
    *out = number;
    return EVTWIN_OK;
}

static evtwin_status read_text(const place *p, const field *f, const char **out) {
    const json_t *value = json_object_get(p->object, f->key);
    const char *text = "";
    if ((value != NULL && !json_is_null(value)) || (f->flags & REQUIRED) != 0) {
        EVTWIN_TRY(evtwin__json_get_text(p->where, p->object, f->key, &text));
    }
    const size_t length = strlen(text);
    EVTWIN_FAIL_IF(length >= TEXT_SIZE, EVTWIN_E_SCHEMA, "%s: %s has %zu bytes, the limit is %d",
                   p->where, f->key, length, TEXT_SIZE - 1);
    EVTWIN_FAIL_IF(
        f->kind == FILE_NAME &&
            (length == 0 || length > MAX_FILE_NAME || text[0] == '.' ||
             strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
                 length ||
             strcmp(text, EVTWIN__MANIFEST_FILE) == 0),
        EVTWIN_E_SCHEMA, "%s: '%.80s' is not a valid name for a file of a bundle", p->where, text);
    EVTWIN_FAIL_IF(f->kind == HASH && (length != EVTWIN__SHA256_HEX_SIZE - 1 ||
                                       strspn(text, "0123456789abcdef") != length),
                   EVTWIN_E_SCHEMA, "%s: sha256 is not 64 lower-case hex digits", p->where);
    return evtwin__bundle_keep(p->bundle, text, out);
}

static evtwin_status read_seed(const place *p, const field *f, uint64_t *out) {
    const char *text;
    EVTWIN_TRY(read_text(p, f, &text));
    uint64_t seed = 0;
    for (const char *c = text; *c != '\0'; c++) {
        const unsigned digit = (unsigned)(*c - '0');
        EVTWIN_FAIL_IF(digit > 9 || __builtin_mul_overflow(seed, 10u, &seed) ||
                           __builtin_add_overflow(seed, digit, &seed),
                       EVTWIN_E_PARSE, "%s: %s '%.40s' is not a 64-bit number", p->where, f->key,
                       text);
    }
    *out = seed;
    return EVTWIN_OK;
}

static evtwin_status read_field(const place *p, const field *f, void *to) {
    place at;
    double number;
    void *value = (char *)to + f->at;
    EVTWIN_TRY(step_in(p, f->in, 0, &at));
    switch (f->kind) {
    case TEXT:
    case FILE_NAME:
    case HASH:
        return read_text(&at, f, value);
    case SEED:
        return read_seed(&at, f, value);
    case NUMBER:
        return read_number(at.where, at.object, f, value);
    case COUNT:
    default:
        EVTWIN_TRY(read_number(at.where, at.object, f, &number));
        *(size_t *)value = isnan(number) ? 0 : (size_t)number;
        return EVTWIN_OK;
    }
}

/* read_field or write_field. */
typedef evtwin_status (*field_fn)(const place *p, const field *f, void *of);

static evtwin_status each_field(field_fn visit, const place *p, const field *f, size_t n,
                                void *of) {
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(visit(p, &f[i], of));
    }
    return EVTWIN_OK;
}

static evtwin_status each_figure(field_fn visit, const place *p, evtwin_target_kind kind,
                                 evtwin__bundle_model *m) {
    for (int s = 0; s < EVTWIN__N_SCORED; s++) {
        char in[64];
        field f;
        for (size_t i = 0; figure_field(kind, s, i, in, &f); i++) {
            EVTWIN_TRY(visit(p, &f, m));
        }
    }
    return EVTWIN_OK;
}

static evtwin_status read_scores(const place *p, evtwin_target_kind kind, evtwin__bundle_model *m) {
    const evtwin_score counts = m->score[EVTWIN_SCORED_MODEL];
    EVTWIN_FAIL_IF(counts.n_test > 0 && counts.n_folds > counts.n_test, EVTWIN_E_SCHEMA,
                   "%s.held_out: key \"n_folds\" is %zu, of %zu rows", p->where, counts.n_folds,
                   counts.n_test);
    for (int s = 0; s < EVTWIN__N_SCORED; s++) {
        m->score[s].n_train = counts.n_train;
        m->score[s].n_test = counts.n_test;
        m->score[s].n_folds = counts.n_folds;
    }
    m->score[EVTWIN_SCORED_SINGLE].feature = m->single_feature;
    return each_figure(read_field, p, kind, m);
}

static evtwin_status read_interval(const place *model, evtwin__interval *out) {
    place p;
    EVTWIN_TRY(step_in(model, "interval", 0, &p));
    return p.object != NULL ? evtwin__interval_read(p.where, p.object, out) : EVTWIN_OK;
}

static evtwin_status read_calibration(const place *model, evtwin_target_kind kind,
                                      evtwin__calibration *out) {
    place p;
    EVTWIN_TRY(step_in(model, "calibration", 0, &p));
    EVTWIN_FAIL_IF(p.object != NULL && kind != EVTWIN_TARGET_EVENT, EVTWIN_E_SCHEMA,
                   "%s: only a probability is calibrated", p.where);
    return p.object != NULL ? evtwin__calibration_read(p.where, p.object, out) : EVTWIN_OK;
}

/* The forests beside the first, of a number. */
static evtwin_status read_further(const place *model, evtwin_target_kind kind,
                                  evtwin__bundle_model *m) {
    const json_t *array = json_object_get(model->object, "further");
    const size_t n = json_array_size(array);
    EVTWIN_FAIL_IF(array != NULL && !json_is_array(array), EVTWIN_E_PARSE,
                   "%s: key \"further\" is not an array", model->where);
    EVTWIN_FAIL_IF(n > (kind == EVTWIN_TARGET_NUMBER ? EVTWIN__BUNDLE_MAX_FURTHER : 0),
                   EVTWIN_E_SCHEMA, "%s: %zu further forests, the limit is %d", model->where, n,
                   kind == EVTWIN_TARGET_NUMBER ? EVTWIN__BUNDLE_MAX_FURTHER : 0);
    for (size_t k = 0; k < n; k++) {
        place p = *model;
        p.object = json_array_get(array, k);
        const size_t used = strlen(p.where);
        snprintf(p.where + used, sizeof p.where - used, ".further[%zu]", k);
        EVTWIN_TRY(each_field(read_field, &p, FIELDS(forest_fields), &m->further[k]));
    }
    m->n_further = n;
    return EVTWIN_OK;
}

static evtwin_status read_model(const place *models, const evtwin_target *target,
                                evtwin__bundle_model *m) {
    place p;
    const char *objective;
    for (int s = 0; s < EVTWIN__N_SCORED; s++) {
        m->score[s] = evtwin__score_unknown();
    }
    EVTWIN_TRY(step_in(models, target->name, 0, &p));
    if (p.object == NULL) {
        return EVTWIN_OK;
    }
    m->is_present = 1;
    EVTWIN_TRY(each_field(read_field, &p, FIELDS(model_fields), m));
    EVTWIN_TRY(evtwin__json_get_text(p.where, p.object, "objective", &objective));
    EVTWIN_FAIL_IF(strcmp(objective, objective_name(target->kind)) != 0, EVTWIN_E_SCHEMA,
                   "%s: objective '%.40s' instead of '%s'", p.where, objective,
                   objective_name(target->kind));
    EVTWIN_FAIL_IF(target->kind == EVTWIN_TARGET_EVENT &&
                       (m->base_score < 0.0 || m->base_score > 1.0),
                   EVTWIN_E_SCHEMA, "%s.params: key \"base_score\" is %g, it must be 0 to 1",
                   p.where, m->base_score);
    EVTWIN_TRY(read_further(&p, target->kind, m));
    EVTWIN_TRY(read_interval(&p, &m->interval));
    EVTWIN_TRY(read_calibration(&p, target->kind, &m->calibration));
    return read_scores(&p, target->kind, m);
}

static evtwin_status read_models(const place *root, evtwin__bundle *b) {
    place models;
    char known[256] = "";
    int n = 0;
    EVTWIN_TRY(step_in(root, "models", 0, &models));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin_target target;
        evtwin_target_get(t, &target, sizeof target);
        EVTWIN_TRY(read_model(&models, &target, &b->model[t]));
        n += b->model[t].is_present;
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", t > 0 ? ", " : "", target.name);
    }
    EVTWIN_FAIL_IF(n == 0, EVTWIN_E_SCHEMA, "%s: models has none of %s", root->where, known);
    return EVTWIN_OK;
}

/* Number i of an array of features, whose key is given. */
static evtwin_status read_feature(const place *root, const char *key, json_t *object,
                                  evtwin__bundle_feature *list, size_t i) {
    evtwin__bundle_feature *to = &list[i];
    place p = {.bundle = root->bundle, .object = object};
    snprintf(p.where, sizeof p.where, "%.400s: %s[%zu]", root->where, key, i);
    for (size_t k = 0; k < sizeof feature_fields / sizeof feature_fields[0]; k++) {
        const field f = feature_fields[k].kind == NUMBER
                            ? limit_feature(to->name, feature_fields[k])
                            : feature_fields[k];
        EVTWIN_TRY(read_field(&p, &f, to));
    }
    EVTWIN_FAIL_IF(to->name[0] == '\0' || strchr(to->name, ',') != NULL, EVTWIN_E_SCHEMA,
                   "%s: name '%s' is empty or has a comma", p.where, to->name);
    place histogram;
    EVTWIN_TRY(step_in(&p, "histogram", 0, &histogram));
    EVTWIN_TRY(histogram.object != NULL
                   ? evtwin__histogram_read(histogram.where, histogram.object, &to->histogram)
                   : EVTWIN_OK);
    EVTWIN_FAIL_IF(to->min > to->max, EVTWIN_E_SCHEMA, "%s: min %g, max %g", p.where, to->min,
                   to->max);
    for (size_t k = 0; k < i; k++) {
        EVTWIN_FAIL_IF(strcmp(list[k].name, to->name) == 0, EVTWIN_E_SCHEMA,
                       "%s: '%s' is a duplicate", p.where, to->name);
    }
    return EVTWIN_OK;
}

static evtwin_status check_feature_count(const char *name, size_t n) {
    EVTWIN_FAIL_IF(n < 1 || n > EVTWIN__BUNDLE_MAX_FEATURES, EVTWIN_E_SCHEMA,
                   "%s: %zu features, a bundle has 1 to %d", name, n, EVTWIN__BUNDLE_MAX_FEATURES);
    return EVTWIN_OK;
}

static evtwin_status read_features(const place *root, const char *key,
                                   evtwin__bundle_feature **list_out, size_t *n_out) {
    json_t *array;
    EVTWIN_TRY(evtwin__json_get_array(root->where, root->object, key, &array));
    const size_t n = json_array_size(array);
    EVTWIN_TRY(check_feature_count(root->where, n));
    evtwin__bundle_feature *list = evtwin__calloc(n, sizeof *list);
    EVTWIN_FAIL_IF(list == NULL, EVTWIN_E_NOMEM, "%s: out of memory for %zu %s", root->where, n,
                   key);
    *list_out = list; /* the bundle's, also on failure */
    *n_out = n;
    for (size_t i = 0; i < n; i++) {
        EVTWIN_TRY(read_feature(root, key, json_array_get(array, i), list, i));
    }
    return EVTWIN_OK;
}

/* Features of a past are made from a row's own values, which are described too. */
static evtwin_status read_recipe(const place *root, evtwin__bundle *b) {
    const evtwin__recipe *recipe;
    EVTWIN_FAIL_IF(evtwin__recipe_find(b->recipe, &recipe) < 0, EVTWIN_E_UNSUPPORTED, "%s: %s",
                   root->where, evtwin_last_error());
    EVTWIN_TRY(each_field(read_field, root, FIELDS(past_fields), b));
    return recipe->has_past ? read_features(root, "inputs", &b->input, &b->n_inputs) : EVTWIN_OK;
}

static evtwin_status read_batteries(const char *name, const json_t *root, evtwin__bundle *b) {
    const json_t *array = json_object_get(root, "batteries");
    const size_t n = json_array_size(array);
    EVTWIN_FAIL_IF(array != NULL && (!json_is_array(array) || n > EVTWIN__BUNDLE_MAX_BATTERIES),
                   EVTWIN_E_PARSE, "%s: key \"batteries\" is not an array of up to %d", name,
                   EVTWIN__BUNDLE_MAX_BATTERIES);
    b->battery = evtwin__calloc(n, sizeof *b->battery);
    EVTWIN_FAIL_IF(b->battery == NULL, EVTWIN_E_NOMEM, "%s: out of memory for %zu batteries", name,
                   n);
    for (; b->n_batteries < n; b->n_batteries++) {
        const char *hash = json_string_value(json_array_get(array, b->n_batteries));
        EVTWIN_FAIL_IF(hash == NULL || strlen(hash) != EVTWIN__BATTERY_HASH_SIZE - 1 ||
                           hash[strspn(hash, "0123456789abcdef")] != '\0',
                       EVTWIN_E_PARSE, "%s: batteries[%zu] is not %d lower-case hex digits", name,
                       b->n_batteries, EVTWIN__BATTERY_HASH_SIZE - 1);
        memcpy(b->battery[b->n_batteries], hash, EVTWIN__BATTERY_HASH_SIZE);
    }
    return EVTWIN_OK;
}

static evtwin_status check_time(const char *name, const char *key, const char *text) {
    int64_t time_us;
    const evtwin_status st =
        text[0] != '\0' ? evtwin_time_parse(text, EVTWIN_NAIVE_REJECT, &time_us) : EVTWIN_OK;
    return st < 0 ? evtwin__fail_in(st, "%s: %s", name, key) : st;
}

/* The number of the format first: nothing else is known of a newer one. */
static evtwin_status read_format(const char *name, const json_t *root) {
    const json_t *format = json_object_get(root, "format");
    EVTWIN_FAIL_IF(!json_is_integer(format) || json_integer_value(format) < 1, EVTWIN_E_PARSE,
                   "%s: key \"format\" is missing or not a number from 1", name);
    EVTWIN_FAIL_IF(json_integer_value(format) > EVTWIN__BUNDLE_FORMAT, EVTWIN_E_UNSUPPORTED,
                   "%s: bundle format %lld, this version reads up to %d", name,
                   (long long)json_integer_value(format), EVTWIN__BUNDLE_FORMAT);
    return EVTWIN_OK;
}

/* Each part is a file of its own. */
static evtwin_status check_files(const char *name, const evtwin__bundle *b) {
    const char *file[EVTWIN__BUNDLE_N_FILES] = {b->scaler_file.name};
    size_t n = 1;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__bundle_model *m = &b->model[t];
        if (m->is_present) {
            file[n++] = m->file.name;
        }
        for (size_t k = 0; k < m->n_further; k++) {
            file[n++] = m->further[k].file.name;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            EVTWIN_FAIL_IF(strcmp(file[i], file[k]) == 0, EVTWIN_E_SCHEMA,
                           "%s: two parts name the same file '%s'", name, file[i]);
        }
    }
    return EVTWIN_OK;
}

/* Null without one, as of a feature's histogram. */
static evtwin_status read_curve(const place *root, evtwin__curve *out) {
    place p;
    *out = (evtwin__curve){.resistance_ohm = NAN, .power_factor = NAN};
    EVTWIN_TRY(step_in(root, "curve", 0, &p));
    return p.object != NULL ? evtwin__curve_read(p.where, p.object, out) : EVTWIN_OK;
}

static evtwin_status read_root(const place *root, evtwin__bundle *b) {
    const char *name = root->where;
    json_t *unused;
    EVTWIN_TRY(read_format(name, root->object));
    EVTWIN_TRY(read_features(root, "features", &b->feature, &b->n_features));
    EVTWIN_TRY(evtwin__json_get_object(name, root->object, "scaler", &unused));
    EVTWIN_TRY(evtwin__json_get_object(name, root->object, "models", &unused));
    EVTWIN_TRY(each_field(read_field, root, FIELDS(root_fields), b));
    EVTWIN_TRY(read_recipe(root, b));
    EVTWIN_TRY(check_time(name, "created", b->created));
    EVTWIN_TRY(check_time(name, "source: first_time", b->first_time));
    EVTWIN_TRY(check_time(name, "source: last_time", b->last_time));
    EVTWIN_TRY(read_batteries(name, root->object, b));
    EVTWIN_TRY(read_models(root, b));
    EVTWIN_TRY(read_curve(root, &b->curve));
    return check_files(name, b);
}

static evtwin_status read_document(const char *name, json_t *root, evtwin__bundle *out) {
    evtwin__bundle b = {0};
    place p = {.bundle = &b, .object = root};
    snprintf(p.where, sizeof p.where, "%s", name);
    const evtwin_status st = read_root(&p, &b);
    if (st < 0) {
        evtwin__bundle_clear(&b);
    } else {
        *out = b;
    }
    return st;
}

evtwin_status evtwin__manifest_read(const char *name, const char *text, size_t size,
                                    evtwin__bundle *out) {
    json_t *root;
    EVTWIN_TRY(evtwin__json_parse(name, text, size, &root));
    const evtwin_status st = read_document(name, root, out);
    json_decref(root);
    return st;
}

/* ---- write ---- */

static evtwin_status set(const place *p, const char *key, json_t *value) {
    EVTWIN_FAIL_IF(json_object_set_new(p->object, key, value) != 0, EVTWIN_E_NOMEM,
                   "%s: out of memory", p->where);
    return EVTWIN_OK;
}

/* What is not known is null, or left out where a reader takes no null. */
static evtwin_status write_field(const place *p, const field *f, void *from) {
    const void *at = (const char *)from + f->at;
    place in;
    EVTWIN_TRY(step_in(p, f->in, 1, &in));
    switch (f->kind) {
    case SEED:
        return set(&in, f->key, json_sprintf("%" PRIu64, *(const uint64_t *)at));
    case COUNT: {
        const size_t n = *(const size_t *)at;
        return n == 0 && f->min > 0.0 ? EVTWIN_OK : set(&in, f->key, json_integer((json_int_t)n));
    }
    case NUMBER: {
        const double v = *(const double *)at;
        return isnan(v) && (f->flags & MAY_BE_UNKNOWN) == 0
                   ? EVTWIN_OK
                   : set(&in, f->key, evtwin__json_number(v));
    }
    default: {
        const char *text = *(const char *const *)at != NULL ? *(const char *const *)at : "";
        EVTWIN_FAIL_IF(!evtwin__utf8_is_valid(text, strlen(text)), EVTWIN_E_SCHEMA,
                       "%s: %s is not UTF-8", in.where, f->key);
        return set(&in, f->key, json_string(text));
    }
    }
}

static evtwin_status write_further(const place *model, evtwin__bundle_model *m) {
    EVTWIN_TRY(m->n_further > 0 ? set(model, "further", json_array()) : EVTWIN_OK);
    for (size_t k = 0; k < m->n_further; k++) {
        place p = *model;
        p.object = json_object();
        EVTWIN_FAIL_IF(json_array_append_new(json_object_get(model->object, "further"), p.object) !=
                           0,
                       EVTWIN_E_NOMEM, "%s: out of memory for the forests", model->where);
        EVTWIN_TRY(each_field(write_field, &p, FIELDS(forest_fields), &m->further[k]));
    }
    return EVTWIN_OK;
}

static evtwin_status write_model(const place *root, size_t t, evtwin__bundle_model *m) {
    evtwin_target target;
    evtwin_target_get(t, &target, sizeof target);
    place models, p;
    EVTWIN_TRY(step_in(root, "models", 1, &models));
    EVTWIN_TRY(step_in(&models, target.name, 1, &p));
    EVTWIN_TRY(set(&p, "objective", json_string(objective_name(target.kind))));
    EVTWIN_TRY(each_field(write_field, &p, FIELDS(model_fields), m));
    EVTWIN_TRY(write_further(&p, m));
    if (m->interval.n_bands > 0) {
        EVTWIN_TRY(set(&p, "interval", evtwin__interval_json(&m->interval)));
    }
    if (evtwin__calibration_is_known(&m->calibration)) {
        EVTWIN_TRY(set(&p, "calibration", evtwin__calibration_json(&m->calibration)));
    }
    return each_figure(write_field, &p, target.kind, m);
}

static evtwin_status write_features(const place *root, const char *key,
                                    evtwin__bundle_feature *list, size_t n) {
    EVTWIN_TRY(set(root, key, json_array()));
    for (size_t i = 0; i < n; i++) {
        place p = *root;
        p.object = json_object();
        EVTWIN_FAIL_IF(json_array_append_new(json_object_get(root->object, key), p.object) != 0,
                       EVTWIN_E_NOMEM, "%s: out of memory for the %s", root->where, key);
        EVTWIN_TRY(each_field(write_field, &p, FIELDS(feature_fields), &list[i]));
        if (list[i].histogram.n_bins > 0) {
            EVTWIN_TRY(set(&p, "histogram", evtwin__histogram_json(&list[i].histogram)));
        }
    }
    return EVTWIN_OK;
}

static evtwin_status write_arrays(const place *root, evtwin__bundle *b) {
    EVTWIN_TRY(set(root, "batteries", json_array()));
    json_t *batteries = json_object_get(root->object, "batteries");
    for (size_t i = 0; i < b->n_batteries; i++) {
        EVTWIN_FAIL_IF(json_array_append_new(batteries, json_string(b->battery[i])) != 0,
                       EVTWIN_E_NOMEM, "%s: out of memory for the batteries", root->where);
    }
    EVTWIN_TRY(b->n_inputs > 0 ? write_features(root, "inputs", b->input, b->n_inputs) : EVTWIN_OK);
    return write_features(root, "features", b->feature, b->n_features);
}

static evtwin_status write_root(const place *root, evtwin__bundle *b) {
    place library;
    EVTWIN_TRY(check_feature_count(root->where, b->n_features));
    EVTWIN_TRY(set(root, "format", json_integer(EVTWIN__BUNDLE_FORMAT)));
    EVTWIN_TRY(step_in(root, "library", 1, &library));
    EVTWIN_TRY(set(&library, "name", json_string("libevtwin")));
    EVTWIN_TRY(each_field(write_field, root, FIELDS(root_fields), b));
    EVTWIN_TRY(b->counter != NULL ? each_field(write_field, root, FIELDS(past_fields), b)
                                  : EVTWIN_OK);
    EVTWIN_TRY(write_arrays(root, b));
    if (b->curve.is_known || b->curve.power_factor > 0.0) {
        EVTWIN_TRY(set(root, "curve", evtwin__curve_json(&b->curve)));
    }
    EVTWIN_TRY(set(root, "models", json_object()));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        EVTWIN_TRY(b->model[t].is_present ? write_model(root, t, &b->model[t]) : EVTWIN_OK);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__manifest_write(const char *name, const evtwin__bundle *bundle,
                                     char **text_out, size_t *size_out) {
    place root = {.object = json_object()};
    snprintf(root.where, sizeof root.where, "%s", name);
    evtwin__bundle from = *bundle;  /* fields have one type for both ways */
    evtwin__bundle read_back = {0}; /* a writer is held to what a reader takes */
    evtwin_status st;
    if ((st = write_root(&root, &from)) >= 0 &&
        (st = read_document(name, root.object, &read_back)) >= 0) {
        st = evtwin__json_text(root.object, text_out, size_out);
        evtwin__bundle_clear(&read_back);
    }
    json_decref(root.object);
    return st;
}
