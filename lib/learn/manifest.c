/* SPDX-License-Identifier: MIT */
/* learn/manifest.c: read and check the manifest of a bundle (docs/bundle.md). */

#include "learn/manifest.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/utf8.h"
#include "evtwin/telemetry.h"
#include "learn/forest.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 256, MAX_FILE_NAME = 64, WHERE_SIZE = 512, MAX_DEPTH = 1000 };

const char *evtwin__objective_name(evtwin_objective objective) {
    return objective == EVTWIN_OBJECTIVE_LOGISTIC ? "binary:logistic" : "reg:squarederror";
}

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

evtwin_status evtwin__manifest_check(const char *name, const evtwin__manifest *m) {
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

/* A number that is to be read: where to, and what it can be. */
typedef struct figure {
    const char *key;
    double *to; /* NaN if it is absent or, where it may be unknown, null */
    double min, max;
    int may_be_unknown;
} figure;

/* "key … is 3, it can be 0 to 1"; a limit that is none is left out. */
static evtwin_status fail_range(const char *where, const char *key, double value, double min,
                                double max) {
    char number[EVTWIN__NUM_SIZE], low[EVTWIN__NUM_SIZE], high[EVTWIN__NUM_SIZE];
    evtwin__format_f64(value, number);
    evtwin__format_f64(min, low);
    evtwin__format_f64(max, high);
    const int has_low = min > -DBL_MAX, has_high = max != (double)INT64_MAX;
    EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: key \"%s\" is %s, it can be %s%s%s%s", where, key, number,
                has_low ? low : "at most ", has_low && has_high ? " to " : "", has_high ? high : "",
                has_high ? "" : " or more");
}

static evtwin_status get_figure(const char *where, const json_t *object, const figure *f) {
    const json_t *value = json_object_get(object, f->key);
    double number;
    if (json_is_null(value) && !f->may_be_unknown) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: key \"%s\" is null", where, f->key);
    }
    if (value == NULL || json_is_null(value)) {
        *f->to = NAN;
        return EVTWIN_OK;
    }
    const evtwin_status st = evtwin__json_get_number(where, object, f->key, &number);
    if (st < 0) {
        return st;
    }
    if (!(number >= f->min && number <= f->max)) {
        return fail_range(where, f->key, number, f->min, f->max);
    }
    *f->to = number;
    return EVTWIN_OK;
}

/* The figures (n) of one object; path says which, "" for where itself. */
static evtwin_status get_figures(const char *where, const char *path, const json_t *object,
                                 const figure *f, size_t n) {
    char here[WHERE_SIZE];
    snprintf(here, sizeof here, "%s%s", where, path);
    for (size_t i = 0; i < n; i++) {
        const evtwin_status st = get_figure(here, object, &f[i]);
        if (st < 0) {
            return st;
        }
    }
    return EVTWIN_OK;
}

/* A count that is there is known; 0 if it is absent. */
static evtwin_status get_count(const char *where, const json_t *object, const char *key,
                               json_int_t min, json_int_t max, size_t *out) {
    const json_t *value = json_object_get(object, key);
    if (value != NULL && json_is_null(value)) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: key \"%s\" is null", where, key);
    }
    if (value != NULL && !json_is_integer(value)) {
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: key \"%s\" is not a count", where, key);
    }
    const json_int_t count = json_integer_value(value);
    if (value != NULL && (count < min || count > max)) {
        return fail_range(where, key, (double)count, (double)min, (double)max);
    }
    *out = (size_t)count;
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

static evtwin_status read_params(const char *where, const json_t *model, evtwin_objective objective,
                                 evtwin__manifest_params *out) {
    const double most = objective == EVTWIN_OBJECTIVE_LOGISTIC ? 1.0 : (double)FLT_MAX;
    const double least = objective == EVTWIN_OBJECTIVE_LOGISTIC ? 0.0 : -most;
    const figure figures[] = {{"learning_rate", &out->learning_rate, 0.0, 1.0, 0},
                              {"base_score", &out->base_score, least, most, 0}};
    char here[WHERE_SIZE];
    snprintf(here, sizeof here, "%s.params", where);
    json_t *params;
    size_t trees = 0, depth = 0;
    evtwin_status st;
    if ((st = get_object(where, model, "params", &params)) < 0 ||
        (st = get_count(here, params, "trees", 1, EVTWIN__MAX_TREES, &trees)) < 0 ||
        (st = get_count(here, params, "depth", 0, MAX_DEPTH, &depth)) < 0 ||
        (st = get_figures(here, "", params, figures, 2)) < 0 ||
        (st = get_text(here, params, "tree_method", &out->tree_method)) < 0) {
        return st;
    }
    out->trees = (int)trees;
    out->depth = (int)depth;
    return EVTWIN_OK;
}

/* What both kinds of held-out error have. */
static evtwin_status read_held_out(const char *where, const json_t *model, json_t **held_out,
                                   evtwin__manifest_split *split, size_t *n_train, size_t *n_test,
                                   size_t *n_folds) {
    char here[WHERE_SIZE];
    snprintf(here, sizeof here, "%s.held_out", where);
    evtwin_status st;
    if ((st = get_object(where, model, "held_out", held_out)) < 0 ||
        (st = get_text(here, *held_out, "by", &split->by)) < 0 ||
        (st = read_seed(here, *held_out, &split->seed)) < 0 ||
        (st = get_count(here, *held_out, "n_train", 1, INT64_MAX, n_train)) < 0 ||
        (st = get_count(here, *held_out, "n_test", 1, INT64_MAX, n_test)) < 0 ||
        (st = get_count(here, *held_out, "n_folds", 0, INT64_MAX, n_folds)) < 0) {
        return st;
    }
    if (*n_test > 0 && *n_folds > *n_test) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: key \"n_folds\" is %zu, of %zu rows", here, *n_folds,
                    *n_test);
    }
    return EVTWIN_OK;
}

/* Errors of a RUL model are at most those of float32, in which it predicts. */
static evtwin_status read_rul_score(const char *where, const json_t *model, evtwin__manifest *m) {
    const double most = (double)FLT_MAX;
    evtwin_rul_score *s = &m->rul_score;
    const figure own[] = {{"r2", &s->r2, -DBL_MAX, 1.0, 1},
                          {"rmse", &s->rmse, 0.0, most, 0},
                          {"mae", &s->mae, 0.0, most, 0}};
    const figure of_mean[] = {{"r2", &s->mean_r2, -DBL_MAX, 1.0, 1},
                              {"rmse", &s->mean_rmse, 0.0, most, 1}};
    const figure of_countdown[] = {{"r2", &s->countdown_r2, -DBL_MAX, 1.0, 1},
                                   {"rmse", &s->countdown_rmse, 0.0, most, 1}};
    const figure of_single[] = {{"r2", &s->single_r2, -DBL_MAX, 1.0, 1},
                                {"rmse", &s->single_rmse, 0.0, most, 1}};
    json_t *held_out, *baselines, *mean, *countdown, *single;
    evtwin_status st;
    s->size = sizeof *s;
    if ((st = read_held_out(where, model, &held_out, &m->rul.split, &s->n_train, &s->n_test,
                            &s->n_folds)) < 0 ||
        (st = get_figures(where, ".held_out", held_out, own, 3)) < 0 ||
        (st = get_object(where, held_out, "baselines", &baselines)) < 0 ||
        (st = get_object(where, baselines, "mean", &mean)) < 0 ||
        (st = get_figures(where, ".held_out.baselines.mean", mean, of_mean, 2)) < 0 ||
        (st = get_object(where, baselines, "countdown", &countdown)) < 0 ||
        (st = get_figures(where, ".held_out.baselines.countdown", countdown, of_countdown, 2)) <
            0 ||
        (st = get_object(where, baselines, "single_feature", &single)) < 0 ||
        (st = get_text(where, single, "feature", &s->single_feature)) < 0 ||
        (st = get_figures(where, ".held_out.baselines.single_feature", single, of_single, 2)) < 0) {
        return st;
    }
    return EVTWIN_OK;
}

static evtwin_status read_failure_score(const char *where, const json_t *model,
                                        evtwin__manifest *m) {
    evtwin_failure_score *s = &m->failure_score;
    const figure own[] = {{"auc", &s->auc, 0.0, 1.0, 1},
                          {"average_precision", &s->average_precision, 0.0, 1.0, 1},
                          {"accuracy", &s->accuracy, 0.0, 1.0, 0},
                          {"brier", &s->brier, 0.0, 1.0, 0}};
    const figure of_rate[] = {{"rate", &s->base_rate, 0.0, 1.0, 1},
                              {"brier", &s->base_rate_brier, 0.0, 1.0, 1},
                              {"accuracy", &s->base_rate_accuracy, 0.0, 1.0, 1}};
    const figure of_single[] = {{"auc", &s->single_auc, 0.0, 1.0, 1}};
    json_t *held_out, *baselines, *base_rate, *single;
    evtwin_status st;
    s->size = sizeof *s;
    if ((st = read_held_out(where, model, &held_out, &m->failure.split, &s->n_train, &s->n_test,
                            &s->n_folds)) < 0 ||
        (st = get_figures(where, ".held_out", held_out, own, 4)) < 0 ||
        (st = get_object(where, held_out, "baselines", &baselines)) < 0 ||
        (st = get_object(where, baselines, "base_rate", &base_rate)) < 0 ||
        (st = get_figures(where, ".held_out.baselines.base_rate", base_rate, of_rate, 3)) < 0 ||
        (st = get_object(where, baselines, "single_feature", &single)) < 0 ||
        (st = get_text(where, single, "feature", &s->single_feature)) < 0 ||
        (st = get_figures(where, ".held_out.baselines.single_feature", single, of_single, 1)) < 0) {
        return st;
    }
    return EVTWIN_OK;
}

static evtwin_status read_model(const char *where, const char *key, const json_t *models,
                                evtwin_objective objective, evtwin__manifest_model *out,
                                json_t **model_out) {
    json_t *model;
    evtwin_status st = get_object(where, models, key, &model);
    *model_out = model;
    if (st < 0 || model == NULL) {
        return st;
    }
    const char *said;
    out->present = 1;
    if ((st = get_text(where, model, "target", &out->target)) < 0 ||
        (st = get_text(where, model, "unit", &out->unit)) < 0 ||
        (st = read_file(where, model, &out->file)) < 0 ||
        (st = read_params(where, model, objective, &out->params)) < 0 ||
        (st = evtwin__json_get_text(where, model, "objective", &said)) < 0) {
        return st;
    }
    if (strcmp(said, evtwin__objective_name(objective)) != 0) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: objective '%.40s' instead of '%s'", where, said,
                    evtwin__objective_name(objective));
    }
    return EVTWIN_OK;
}

static evtwin_status read_models(const char *name, const json_t *root, evtwin__manifest *m) {
    char rul_where[WHERE_SIZE], failure_where[WHERE_SIZE];
    snprintf(rul_where, sizeof rul_where, "%s: models.rul", name);
    snprintf(failure_where, sizeof failure_where, "%s: models.failure", name);
    json_t *models, *rul, *failure;
    evtwin_status st;
    if ((st = evtwin__json_get_object(name, root, "models", &models)) < 0 ||
        (st = read_model(rul_where, "rul", models, EVTWIN_OBJECTIVE_REGRESSION, &m->rul, &rul)) <
            0 ||
        (st = read_model(failure_where, "failure", models, EVTWIN_OBJECTIVE_LOGISTIC, &m->failure,
                         &failure)) < 0 ||
        (st = read_rul_score(rul_where, rul, m)) < 0 ||
        (st = read_failure_score(failure_where, failure, m)) < 0) {
        return st;
    }
    return EVTWIN_OK;
}

/* What a feature's values can be. A power whose source has it signed keeps its sign. */
static void limit_feature(const char *name, double *min, double *max) {
    size_t index;
    evtwin_quantity q = {.unit = ""};
    const int is_known = evtwin_quantity_find(name, &index, NULL, NULL) == EVTWIN_OK &&
                         evtwin_quantity_get(index, &q, sizeof q) == EVTWIN_OK &&
                         strcmp(q.name, name) == 0;
    const double lowest = strcmp(q.unit, "W") == 0 ? -q.max : q.min;
    *min = is_known && !isnan(lowest) ? lowest : -DBL_MAX;
    *max = is_known && !isnan(q.max) ? q.max : DBL_MAX;
}

static evtwin_status read_feature(const char *where, const json_t *object,
                                  evtwin__manifest_feature *f) {
    evtwin_status st;
    double min, max;
    if ((st = evtwin__json_get_text(where, object, "name", &f->name)) < 0 ||
        (st = get_text(where, object, "unit", &f->unit)) < 0 ||
        (st = get_text(where, object, "column", &f->column)) < 0 ||
        (st = get_text(where, object, "column_unit", &f->column_unit)) < 0) {
        return st;
    }
    limit_feature(f->name, &min, &max);
    const figure figures[] = {{"min", &f->min, min, max, 1}, {"max", &f->max, min, max, 1}};
    return get_figures(where, "", object, figures, 2);
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
        char where[WHERE_SIZE];
        snprintf(where, sizeof where, "%s: features[%zu]", name, i);
        if ((st = read_feature(where, json_array_get(array, i), &m->features[i])) < 0) {
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
        (st = get_count(where, source, "rows", 1, INT64_MAX, &s->rows)) < 0 ||
        (st = get_count(where, source, "groups", 1, INT64_MAX, &s->groups)) < 0 ||
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
    return evtwin__manifest_check(name, m);
}

evtwin_status evtwin__manifest_read(const char *name, json_t *document, evtwin__manifest *out) {
    evtwin__manifest m = {.document = document};
    const evtwin_status st = read_root(name, &m);
    if (st < 0) {
        evtwin__manifest_clear(&m);
        return st;
    }
    *out = m;
    return EVTWIN_OK;
}

evtwin_status evtwin__manifest_parse(const char *name, const char *text, size_t size,
                                     evtwin__manifest *out) {
    json_t *document;
    const evtwin_status st = evtwin__json_parse(name, text, size, &document);
    return st < 0 ? st : evtwin__manifest_read(name, document, out);
}

void evtwin__manifest_clear(evtwin__manifest *manifest) {
    if (manifest->document != NULL) {
        evtwin__free(manifest->features);
        json_decref(manifest->document);
    }
    *manifest = (evtwin__manifest){0};
}
