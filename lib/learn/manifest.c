/* SPDX-License-Identifier: MIT */
/* learn/manifest.c: read, check and write the manifest of a bundle (docs/bundle.md). */

#include "learn/manifest.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 256, MAX_FILE_NAME = 64, WHERE_SIZE = 512 };

static const char *const objective_text[] = {
    [EVTWIN_OBJECTIVE_REGRESSION] = "reg:squarederror",
    [EVTWIN_OBJECTIVE_LOGISTIC] = "binary:logistic",
};

/* ---- check: the same for what was read and what is to be written ---- */

static evtwin_status check_text(const char *where, const char *what, const char *text,
                                int may_be_empty) {
    const size_t length = text != NULL ? strlen(text) : 0;
    if (length == 0 && !may_be_empty) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: %s is empty", where, what);
    }
    if (length >= NAME_SIZE) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: %s has %zu bytes, the limit is %d", where, what, length,
                    NAME_SIZE - 1);
    }
    if (length > 0 && !evtwin__utf8_is_valid(text, length)) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: %s is not UTF-8", where, what);
    }
    return EVTWIN_OK;
}

/* A plain file name: nothing in a manifest may lead out of its folder. */
static evtwin_status check_file(const char *where, const evtwin__manifest_file *file) {
    const char *name = file->name != NULL ? file->name : "";
    const size_t length = strlen(name);
    if (length == 0 || length > MAX_FILE_NAME || name[0] == '.' ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
            length ||
        strcmp(name, EVTWIN__MANIFEST_FILE) == 0) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: '%.80s' is no name for a file of a bundle", where, name);
    }
    const size_t n_hex = strspn(file->sha256, "0123456789abcdef");
    if (n_hex != EVTWIN__SHA256_HEX_SIZE - 1 || file->sha256[n_hex] != '\0') {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: sha256 of %s is not 64 lower-case hex digits", where,
                    name);
    }
    return EVTWIN_OK;
}

static evtwin_status check_features(const char *name, const evtwin__manifest *m) {
    if (m->n_features < 1 || m->n_features > EVTWIN__BUNDLE_MAX_FEATURES) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: %zu features, a bundle has 1 to %d", name, m->n_features,
                    EVTWIN__BUNDLE_MAX_FEATURES);
    }
    for (size_t i = 0; i < m->n_features; i++) {
        const evtwin__manifest_feature *f = &m->features[i];
        char where[WHERE_SIZE];
        snprintf(where, sizeof where, "%s: features[%zu]", name, i);
        evtwin_status st;
        if ((st = check_text(where, "name", f->name, 0)) < 0 ||
            (st = check_text(where, "unit", f->unit, 1)) < 0 ||
            (st = check_text(where, "column", f->column, 1)) < 0 ||
            (st = check_text(where, "column_unit", f->column_unit, 1)) < 0) {
            return st;
        }
        if (strchr(f->name, ',') != NULL) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: '%s' has a comma", where, f->name);
        }
        if (isinf(f->min) || isinf(f->max) || f->min > f->max) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: min %g, max %g", where, f->min, f->max);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(m->features[k].name, f->name) == 0) {
                EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: '%s' is there twice", where, f->name);
            }
        }
    }
    return EVTWIN_OK;
}

static evtwin_status check_model(const char *name, const char *key,
                                 const evtwin__manifest_model *model) {
    if (!model->present) {
        return EVTWIN_OK;
    }
    char where[WHERE_SIZE];
    snprintf(where, sizeof where, "%s: models.%s", name, key);
    evtwin_status st;
    if ((st = check_text(where, "target", model->target, 1)) < 0 ||
        (st = check_text(where, "unit", model->unit, 1)) < 0 ||
        (st = check_text(where, "tree_method", model->params.tree_method, 1)) < 0 ||
        (st = check_text(where, "by", model->split.by, 1)) < 0) {
        return st;
    }
    return check_file(where, &model->file);
}

static int same_file(const evtwin__manifest_file *a, const evtwin__manifest_file *b) {
    return a->name != NULL && b->name != NULL && strcmp(a->name, b->name) == 0;
}

static evtwin_status check(const char *name, const evtwin__manifest *m) {
    evtwin_status st;
    char where[WHERE_SIZE];
    snprintf(where, sizeof where, "%s: scaler", name);
    if ((st = check_features(name, m)) < 0 || (st = check_file(where, &m->scaler)) < 0 ||
        (st = check_model(name, "rul", &m->rul)) < 0 ||
        (st = check_model(name, "failure", &m->failure)) < 0) {
        return st;
    }
    if (!m->rul.present && !m->failure.present) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: models has neither rul nor failure", name);
    }
    if (same_file(&m->scaler, &m->rul.file) || same_file(&m->scaler, &m->failure.file) ||
        same_file(&m->rul.file, &m->failure.file)) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: two parts name the same file", name);
    }
    if ((st = check_text(name, "library version", m->library_version, 1)) < 0 ||
        (st = check_text(name, "xgboost", m->xgboost_version, 1)) < 0 ||
        (st = check_text(name, "created", m->created, 1)) < 0) {
        return st;
    }
    int64_t created_us;
    if (m->created != NULL && m->created[0] != '\0' &&
        (st = evtwin_time_parse(m->created, EVTWIN_NAIVE_REJECT, &created_us)) < 0) {
        return evtwin__fail_in(st, "%s: created", name);
    }
    return EVTWIN_OK;
}

/* ---- read ---- */

/* Optional members; a null is as good as absent. */
static json_t *find(const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static evtwin_status get_text(const char *where, const json_t *object, const char *key,
                              const char **out) {
    const json_t *value = find(object, key);
    if (value == NULL) {
        *out = "";
        return EVTWIN_OK;
    }
    return evtwin__json_get_text(where, object, key, out);
}

static evtwin_status get_number(const char *where, const json_t *object, const char *key,
                                double *out) {
    if (find(object, key) == NULL) {
        *out = NAN;
        return EVTWIN_OK;
    }
    return evtwin__json_get_number(where, object, key, out);
}

static evtwin_status get_count(const char *where, const json_t *object, const char *key,
                               size_t *out) {
    const json_t *value = find(object, key);
    if (value != NULL && (!json_is_integer(value) || json_integer_value(value) < 0)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key \"%s\" is not a count", where, key);
    }
    *out = value != NULL ? (size_t)json_integer_value(value) : 0;
    return EVTWIN_OK;
}

/* An optional object: NULL if absent. jansson answers lookups in NULL with NULL. */
static evtwin_status get_object(const char *where, const json_t *object, const char *key,
                                json_t **out) {
    if (find(object, key) == NULL) {
        *out = NULL;
        return EVTWIN_OK;
    }
    return evtwin__json_get_object(where, object, key, out);
}

static evtwin_status read_file(const char *where, const json_t *object,
                               evtwin__manifest_file *out) {
    const char *hash;
    evtwin_status st;
    if ((st = evtwin__json_get_text(where, object, "file", &out->name)) < 0 ||
        (st = evtwin__json_get_text(where, object, "sha256", &hash)) < 0) {
        return st;
    }
    if (strlen(hash) >= sizeof out->sha256) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: sha256 is not 64 lower-case hex digits", where);
    }
    memcpy(out->sha256, hash, strlen(hash) + 1);
    return EVTWIN_OK;
}

/* The seed has 64 bits, more than a JSON integer may: it is a text of digits. */
static evtwin_status read_seed(const char *where, const json_t *object, uint64_t *out) {
    const char *text;
    const evtwin_status st = get_text(where, object, "seed", &text);
    if (st < 0) {
        return st;
    }
    uint64_t seed = 0;
    for (const char *c = text; *c != '\0'; c++) {
        const unsigned digit = (unsigned)(*c - '0');
        if (digit > 9 || __builtin_mul_overflow(seed, 10u, &seed) ||
            __builtin_add_overflow(seed, digit, &seed)) {
            EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: seed '%.40s' is no 64-bit number", where, text);
        }
    }
    *out = seed;
    return EVTWIN_OK;
}

static evtwin_status read_params(const char *where, const json_t *object,
                                 evtwin__manifest_params *out) {
    json_t *params;
    size_t trees = 0, depth = 0;
    evtwin_status st;
    if ((st = get_object(where, object, "params", &params)) < 0 ||
        (st = get_count(where, params, "trees", &trees)) < 0 ||
        (st = get_count(where, params, "depth", &depth)) < 0 ||
        (st = get_number(where, params, "learning_rate", &out->learning_rate)) < 0 ||
        (st = get_number(where, params, "base_score", &out->base_score)) < 0 ||
        (st = get_text(where, params, "tree_method", &out->tree_method)) < 0) {
        return st;
    }
    if (trees > INT32_MAX || depth > INT32_MAX) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: %zu trees of depth %zu", where, trees, depth);
    }
    out->trees = (int)trees;
    out->depth = (int)depth;
    return EVTWIN_OK;
}

/* What both kinds of held-out error have. */
static evtwin_status read_held_out(const char *where, const json_t *model, json_t **held_out,
                                   evtwin__manifest_split *split, size_t *n_train, size_t *n_test,
                                   size_t *n_folds) {
    evtwin_status st;
    if ((st = get_object(where, model, "held_out", held_out)) < 0 ||
        (st = get_text(where, *held_out, "by", &split->by)) < 0 ||
        (st = read_seed(where, *held_out, &split->seed)) < 0 ||
        (st = get_count(where, *held_out, "n_train", n_train)) < 0 ||
        (st = get_count(where, *held_out, "n_test", n_test)) < 0 ||
        (st = get_count(where, *held_out, "n_folds", n_folds)) < 0) {
        return st;
    }
    return EVTWIN_OK;
}

static evtwin_status read_rul_score(const char *where, const json_t *model, evtwin__manifest *m) {
    evtwin_rul_score *s = &m->rul_score;
    json_t *held_out, *baselines, *mean, *countdown, *single;
    evtwin_status st;
    s->size = sizeof *s;
    if ((st = read_held_out(where, model, &held_out, &m->rul.split, &s->n_train, &s->n_test,
                            &s->n_folds)) < 0 ||
        (st = get_number(where, held_out, "r2", &s->r2)) < 0 ||
        (st = get_number(where, held_out, "rmse", &s->rmse)) < 0 ||
        (st = get_number(where, held_out, "mae", &s->mae)) < 0 ||
        (st = get_object(where, held_out, "baselines", &baselines)) < 0 ||
        (st = get_object(where, baselines, "mean", &mean)) < 0 ||
        (st = get_number(where, mean, "r2", &s->mean_r2)) < 0 ||
        (st = get_number(where, mean, "rmse", &s->mean_rmse)) < 0 ||
        (st = get_object(where, baselines, "countdown", &countdown)) < 0 ||
        (st = get_number(where, countdown, "r2", &s->countdown_r2)) < 0 ||
        (st = get_number(where, countdown, "rmse", &s->countdown_rmse)) < 0 ||
        (st = get_object(where, baselines, "single_feature", &single)) < 0 ||
        (st = get_text(where, single, "feature", &s->single_feature)) < 0 ||
        (st = get_number(where, single, "r2", &s->single_r2)) < 0 ||
        (st = get_number(where, single, "rmse", &s->single_rmse)) < 0) {
        return st;
    }
    return EVTWIN_OK;
}

static evtwin_status read_failure_score(const char *where, const json_t *model,
                                        evtwin__manifest *m) {
    evtwin_failure_score *s = &m->failure_score;
    json_t *held_out, *baselines, *base_rate, *single;
    evtwin_status st;
    s->size = sizeof *s;
    if ((st = read_held_out(where, model, &held_out, &m->failure.split, &s->n_train, &s->n_test,
                            &s->n_folds)) < 0 ||
        (st = get_number(where, held_out, "auc", &s->auc)) < 0 ||
        (st = get_number(where, held_out, "average_precision", &s->average_precision)) < 0 ||
        (st = get_number(where, held_out, "accuracy", &s->accuracy)) < 0 ||
        (st = get_number(where, held_out, "brier", &s->brier)) < 0 ||
        (st = get_object(where, held_out, "baselines", &baselines)) < 0 ||
        (st = get_object(where, baselines, "base_rate", &base_rate)) < 0 ||
        (st = get_number(where, base_rate, "rate", &s->base_rate)) < 0 ||
        (st = get_number(where, base_rate, "brier", &s->base_rate_brier)) < 0 ||
        (st = get_number(where, base_rate, "accuracy", &s->base_rate_accuracy)) < 0 ||
        (st = get_object(where, baselines, "single_feature", &single)) < 0 ||
        (st = get_text(where, single, "feature", &s->single_feature)) < 0 ||
        (st = get_number(where, single, "auc", &s->single_auc)) < 0) {
        return st;
    }
    return EVTWIN_OK;
}

static evtwin_status read_model(const char *name, const char *key, const json_t *models,
                                evtwin_objective objective, evtwin__manifest_model *out,
                                json_t **model_out) {
    char where[WHERE_SIZE];
    snprintf(where, sizeof where, "%s: models.%s", name, key);
    json_t *model;
    evtwin_status st = get_object(name, models, key, &model);
    *model_out = model;
    if (st < 0 || model == NULL) {
        return st;
    }
    const char *said;
    out->present = 1;
    if ((st = get_text(where, model, "target", &out->target)) < 0 ||
        (st = get_text(where, model, "unit", &out->unit)) < 0 ||
        (st = read_file(where, model, &out->file)) < 0 ||
        (st = read_params(where, model, &out->params)) < 0 ||
        (st = evtwin__json_get_text(where, model, "objective", &said)) < 0) {
        return st;
    }
    if (strcmp(said, objective_text[objective]) != 0) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: objective '%.40s' instead of '%s'", where, said,
                    objective_text[objective]);
    }
    return EVTWIN_OK;
}

static evtwin_status read_models(const char *name, const json_t *root, evtwin__manifest *m) {
    json_t *models, *rul, *failure;
    evtwin_status st;
    if ((st = evtwin__json_get_object(name, root, "models", &models)) < 0 ||
        (st = read_model(name, "rul", models, EVTWIN_OBJECTIVE_REGRESSION, &m->rul, &rul)) < 0 ||
        (st = read_model(name, "failure", models, EVTWIN_OBJECTIVE_LOGISTIC, &m->failure,
                         &failure)) < 0 ||
        (st = read_rul_score(name, rul, m)) < 0 ||
        (st = read_failure_score(name, failure, m)) < 0) {
        return st;
    }
    return EVTWIN_OK;
}

static evtwin_status read_features(const char *name, const json_t *root, evtwin__manifest *m) {
    json_t *array;
    evtwin_status st = evtwin__json_get_array(name, root, "features", &array);
    if (st < 0) {
        return st;
    }
    const size_t n = json_array_size(array);
    if (n < 1 || n > EVTWIN__BUNDLE_MAX_FEATURES) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: %zu features, a bundle has 1 to %d", name, n,
                    EVTWIN__BUNDLE_MAX_FEATURES);
    }
    m->features = evtwin__calloc(n, sizeof *m->features);
    if (m->features == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory for %zu features", name, n);
    }
    m->n_features = n;
    for (size_t i = 0; i < n; i++) {
        evtwin__manifest_feature *f = &m->features[i];
        const json_t *object = json_array_get(array, i);
        char where[WHERE_SIZE];
        snprintf(where, sizeof where, "%s: features[%zu]", name, i);
        if ((st = evtwin__json_get_text(where, object, "name", &f->name)) < 0 ||
            (st = get_text(where, object, "unit", &f->unit)) < 0 ||
            (st = get_text(where, object, "column", &f->column)) < 0 ||
            (st = get_text(where, object, "column_unit", &f->column_unit)) < 0 ||
            (st = get_number(where, object, "min", &f->min)) < 0 ||
            (st = get_number(where, object, "max", &f->max)) < 0) {
            return st;
        }
    }
    return EVTWIN_OK;
}

static evtwin_status read_source(const char *name, const json_t *root, evtwin__manifest *m) {
    char where[WHERE_SIZE];
    snprintf(where, sizeof where, "%s: source", name);
    json_t *source;
    const char *first, *last;
    evtwin__manifest_source *s = &m->source;
    evtwin_status st;
    if ((st = get_object(name, root, "source", &source)) < 0 ||
        (st = get_text(where, source, "name", &s->name)) < 0 ||
        (st = get_count(where, source, "rows", &s->rows)) < 0 ||
        (st = get_count(where, source, "groups", &s->groups)) < 0 ||
        (st = get_text(where, source, "first_time", &first)) < 0 ||
        (st = get_text(where, source, "last_time", &last)) < 0) {
        return st;
    }
    s->has_span = first[0] != '\0' && last[0] != '\0';
    if (s->has_span && ((st = evtwin_time_parse(first, EVTWIN_NAIVE_REJECT, &s->first_us)) < 0 ||
                        (st = evtwin_time_parse(last, EVTWIN_NAIVE_REJECT, &s->last_us)) < 0)) {
        return evtwin__fail_in(st, "%s", where);
    }
    return EVTWIN_OK;
}

/* The number of the format first: nothing else is known of a newer one. */
static evtwin_status read_format(const char *name, const json_t *root) {
    const json_t *format = json_object_get(root, "format");
    if (!json_is_integer(format) || json_integer_value(format) < 1) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key \"format\" is missing or no number from 1", name);
    }
    if (json_integer_value(format) > EVTWIN__MANIFEST_FORMAT) {
        EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: bundle format %lld, this version reads up to %d",
                    name, (long long)json_integer_value(format), EVTWIN__MANIFEST_FORMAT);
    }
    return EVTWIN_OK;
}

static evtwin_status read_root(const char *name, evtwin__manifest *m) {
    const json_t *root = m->document;
    json_t *library, *scaler;
    evtwin_status st;
    if ((st = read_format(name, root)) < 0 || (st = read_features(name, root, m)) < 0 ||
        (st = get_object(name, root, "library", &library)) < 0 ||
        (st = get_text(name, library, "version", &m->library_version)) < 0 ||
        (st = get_text(name, root, "xgboost", &m->xgboost_version)) < 0 ||
        (st = get_text(name, root, "created", &m->created)) < 0 ||
        (st = read_source(name, root, m)) < 0 ||
        (st = evtwin__json_get_object(name, root, "scaler", &scaler)) < 0 ||
        (st = read_file(name, scaler, &m->scaler)) < 0 || (st = read_models(name, root, m)) < 0) {
        return st;
    }
    return check(name, m);
}

evtwin_status evtwin__manifest_parse(const char *name, const char *text, size_t size,
                                     evtwin__manifest *out) {
    evtwin__manifest m = {0};
    evtwin_status st = evtwin__json_parse(name, text, size, &m.document);
    if (st < 0) {
        return st;
    }
    if ((st = read_root(name, &m)) < 0) {
        evtwin__manifest_clear(&m);
        return st;
    }
    *out = m;
    return EVTWIN_OK;
}

void evtwin__manifest_clear(evtwin__manifest *manifest) {
    if (manifest->document != NULL) {
        evtwin__free(manifest->features);
        json_decref(manifest->document);
    }
    *manifest = (evtwin__manifest){0};
}

/* ---- write ---- */

static json_t *text_of(const char *text) {
    return json_string(text != NULL ? text : "");
}

static json_t *count_of(size_t n) {
    return json_integer((json_int_t)n);
}

static json_t *number_of(double v) {
    return evtwin__json_number(v);
}

/* A file name may hold any bytes, JSON only UTF-8. */
static json_t *source_json(const evtwin__manifest_source *s) {
    const char *name = s->name != NULL ? s->name : "";
    json_t *json =
        json_pack("{s:s, s:o, s:o}", "name",
                  evtwin__utf8_is_valid(name, strlen(name)) ? name : "(a name that is not UTF-8)",
                  "rows", count_of(s->rows), "groups", count_of(s->groups));
    char first[EVTWIN_TIME_TEXT_SIZE], last[EVTWIN_TIME_TEXT_SIZE];
    if (json != NULL && s->has_span &&
        evtwin_time_format(s->first_us, first, sizeof first) == EVTWIN_OK &&
        evtwin_time_format(s->last_us, last, sizeof last) == EVTWIN_OK &&
        (json_object_set_new(json, "first_time", json_string(first)) != 0 ||
         json_object_set_new(json, "last_time", json_string(last)) != 0)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *features_json(const evtwin__manifest *m) {
    json_t *array = json_array();
    for (size_t i = 0; i < m->n_features; i++) {
        const evtwin__manifest_feature *f = &m->features[i];
        json_t *feature =
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name", text_of(f->name), "unit",
                      text_of(f->unit), "column", text_of(f->column), "column_unit",
                      text_of(f->column_unit), "min", number_of(f->min), "max", number_of(f->max));
        if (json_array_append_new(array, feature) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *model_json(const evtwin__manifest_model *model, evtwin_objective objective,
                          json_t *held_out) {
    const evtwin__manifest_params *p = &model->params;
    json_t *params = json_pack("{s:i, s:i, s:o, s:o, s:o}", "trees", p->trees, "depth", p->depth,
                               "learning_rate", number_of(p->learning_rate), "base_score",
                               number_of(p->base_score), "tree_method", text_of(p->tree_method));
    return json_pack("{s:o, s:o, s:o, s:s, s:s, s:o, s:o}", "target", text_of(model->target),
                     "unit", text_of(model->unit), "file", text_of(model->file.name), "sha256",
                     model->file.sha256, "objective", objective_text[objective], "params", params,
                     "held_out", held_out);
}

/* The members both kinds begin with; figures and baselines follow. */
static json_t *held_out_json(const evtwin__manifest_split *split, size_t n_train, size_t n_test,
                             size_t n_folds, json_t *figures, json_t *baselines) {
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, split->seed);
    json_t *json =
        json_pack("{s:o, s:s, s:o, s:o, s:o}", "by", text_of(split->by), "seed", seed, "n_train",
                  count_of(n_train), "n_test", count_of(n_test), "n_folds", count_of(n_folds));
    if (json == NULL || figures == NULL || baselines == NULL ||
        json_object_update(json, figures) != 0 ||
        json_object_set(json, "baselines", baselines) != 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(figures);
    json_decref(baselines);
    return json;
}

static json_t *rul_json(const evtwin__manifest *m) {
    const evtwin_rul_score *s = &m->rul_score;
    json_t *figures = json_pack("{s:o, s:o, s:o}", "r2", number_of(s->r2), "rmse",
                                number_of(s->rmse), "mae", number_of(s->mae));
    json_t *baselines = json_pack(
        "{s:{s:o, s:o}, s:{s:o, s:o}, s:{s:o, s:o, s:o}}", "mean", "r2", number_of(s->mean_r2),
        "rmse", number_of(s->mean_rmse), "countdown", "r2", number_of(s->countdown_r2), "rmse",
        number_of(s->countdown_rmse), "single_feature", "feature", text_of(s->single_feature), "r2",
        number_of(s->single_r2), "rmse", number_of(s->single_rmse));
    return model_json(
        &m->rul, EVTWIN_OBJECTIVE_REGRESSION,
        held_out_json(&m->rul.split, s->n_train, s->n_test, s->n_folds, figures, baselines));
}

static json_t *failure_json(const evtwin__manifest *m) {
    const evtwin_failure_score *s = &m->failure_score;
    json_t *figures = json_pack("{s:o, s:o, s:o, s:o}", "auc", number_of(s->auc),
                                "average_precision", number_of(s->average_precision), "accuracy",
                                number_of(s->accuracy), "brier", number_of(s->brier));
    json_t *baselines = json_pack(
        "{s:{s:o, s:o, s:o}, s:{s:o, s:o}}", "base_rate", "rate", number_of(s->base_rate), "brier",
        number_of(s->base_rate_brier), "accuracy", number_of(s->base_rate_accuracy),
        "single_feature", "feature", text_of(s->single_feature), "auc", number_of(s->single_auc));
    return model_json(
        &m->failure, EVTWIN_OBJECTIVE_LOGISTIC,
        held_out_json(&m->failure.split, s->n_train, s->n_test, s->n_folds, figures, baselines));
}

static json_t *models_json(const evtwin__manifest *m) {
    json_t *models = json_object();
    if ((m->rul.present && json_object_set_new(models, "rul", rul_json(m)) != 0) ||
        (m->failure.present && json_object_set_new(models, "failure", failure_json(m)) != 0)) {
        json_decref(models);
        return NULL;
    }
    return models;
}

evtwin_status evtwin__manifest_write(const evtwin__manifest *manifest, const char *path) {
    evtwin__manifest m = *manifest;
    char now[EVTWIN_TIME_TEXT_SIZE];
    evtwin_status st = evtwin_time_format(evtwin_time_now(), now, sizeof now);
    m.library_version = m.library_version != NULL ? m.library_version : EVTWIN_VERSION;
    m.created = m.created != NULL ? m.created : now;
    if (st < 0 || (st = check(path, &m)) < 0) {
        return st;
    }
    json_t *root =
        json_pack("{s:i, s:{s:s, s:o}, s:o, s:o, s:o, s:o, s:{s:o, s:s}, s:o}", "format",
                  EVTWIN__MANIFEST_FORMAT, "library", "name", "libevtwin", "version",
                  text_of(m.library_version), "xgboost", text_of(m.xgboost_version), "created",
                  text_of(m.created), "source", source_json(&m.source), "features",
                  features_json(&m), "scaler", "file", text_of(m.scaler.name), "sha256",
                  m.scaler.sha256, "models", models_json(&m));
    if (root == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: out of memory", path);
    }
    st = evtwin__json_write(path, root);
    json_decref(root);
    return st;
}
