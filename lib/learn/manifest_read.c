/* SPDX-License-Identifier: MIT */
/* learn/manifest_read.c: the JSON of a manifest to a bundle, checked. */

#include "learn/manifest_fields.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/sha256.h"
#include "core/status.h"
#include "learn/calibration_json.h"
#include "learn/interval_json.h"
#include "learn/recipe.h"
#include "learn/reference_json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FILE_NAME = 64 };

/* "key … is 3, it must be 0 to 1"; a limit that does not exist is left out. */
static evtwin_status fail_range(const char *where, const evtwin__field *f, double value) {
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
static evtwin_status read_number(const char *where, const json_t *object, const evtwin__field *f,
                                 double *out) {
    const json_t *value = json_object_get(object, f->key);
    double number;
    EVTWIN_FAIL_IF(json_is_null(value) && (f->flags & EVTWIN__MAY_BE_UNKNOWN) == 0, EVTWIN_E_SCHEMA,
                   "%s: key \"%s\" is null", where, f->key);
    if (value == NULL || json_is_null(value)) {
        *out = NAN;
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(f->kind == EVTWIN__F_COUNT && !json_is_integer(value), EVTWIN_E_PARSE,
                   "%s: key \"%s\" is not a count", where, f->key);
    EVTWIN_TRY(evtwin__json_get_number(where, object, f->key, &number));
    if (!(number >= f->min && number <= f->max)) {
        return fail_range(where, f, number);
    }
    *out = number;
    return EVTWIN_OK;
}

static evtwin_status read_text(const evtwin__place *p, const evtwin__field *f, const char **out) {
    const json_t *value = json_object_get(p->object, f->key);
    const char *text = "";
    if ((value != NULL && !json_is_null(value)) || (f->flags & EVTWIN__REQUIRED) != 0) {
        EVTWIN_TRY(evtwin__json_get_text(p->where, p->object, f->key, &text));
    }
    const size_t length = strlen(text);
    EVTWIN_FAIL_IF(length > EVTWIN__BUNDLE_MAX_TEXT, EVTWIN_E_SCHEMA,
                   "%s: %s has %zu bytes, the limit is %d", p->where, f->key, length,
                   EVTWIN__BUNDLE_MAX_TEXT);
    EVTWIN_FAIL_IF(
        f->kind == EVTWIN__F_FILE_NAME &&
            (length == 0 || length > MAX_FILE_NAME || text[0] == '.' ||
             strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
                 length ||
             strcmp(text, EVTWIN__MANIFEST_FILE) == 0),
        EVTWIN_E_SCHEMA, "%s: '%.80s' is not a valid name for a file of a bundle", p->where, text);
    EVTWIN_FAIL_IF(f->kind == EVTWIN__F_HASH && (length != EVTWIN__SHA256_HEX_SIZE - 1 ||
                                                 strspn(text, "0123456789abcdef") != length),
                   EVTWIN_E_SCHEMA, "%s: sha256 is not 64 lower-case hex digits", p->where);
    return evtwin__bundle_keep(p->bundle, text, out);
}

static evtwin_status read_seed(const evtwin__place *p, const evtwin__field *f, uint64_t *out) {
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

static evtwin_status read_field(const evtwin__place *p, const evtwin__field *f, void *to) {
    evtwin__place at;
    double number;
    void *value = (char *)to + f->at;
    EVTWIN_TRY(evtwin__place_step(p, f->in, 0, &at));
    switch (f->kind) {
    case EVTWIN__F_TEXT:
    case EVTWIN__F_FILE_NAME:
    case EVTWIN__F_HASH:
        return read_text(&at, f, value);
    case EVTWIN__F_SEED:
        return read_seed(&at, f, value);
    case EVTWIN__F_NUMBER:
        return read_number(at.where, at.object, f, value);
    case EVTWIN__F_COUNT:
    default:
        EVTWIN_TRY(read_number(at.where, at.object, f, &number));
        *(size_t *)value = isnan(number) ? 0 : (size_t)number;
        return EVTWIN_OK;
    }
}

static evtwin_status read_scores(const evtwin__place *p, evtwin_target_kind kind,
                                 evtwin__bundle_model *m) {
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
    return evtwin__each_figure(read_field, p, kind, m);
}

static evtwin_status read_interval(const evtwin__place *model, evtwin_target_kind kind,
                                   evtwin__interval *out) {
    evtwin__place p;
    EVTWIN_TRY(evtwin__place_step(model, "interval", 0, &p));
    EVTWIN_FAIL_IF(p.object != NULL && kind != EVTWIN_TARGET_NUMBER, EVTWIN_E_SCHEMA,
                   "%s: only a number has an interval", p.where);
    return p.object != NULL ? evtwin__interval_read(p.where, p.object, out) : EVTWIN_OK;
}

static evtwin_status read_calibration(const evtwin__place *model, evtwin_target_kind kind,
                                      evtwin__calibration *out) {
    evtwin__place p;
    EVTWIN_TRY(evtwin__place_step(model, "calibration", 0, &p));
    EVTWIN_FAIL_IF(p.object != NULL && kind != EVTWIN_TARGET_EVENT, EVTWIN_E_SCHEMA,
                   "%s: only a probability is calibrated", p.where);
    return p.object != NULL ? evtwin__calibration_read(p.where, p.object, out) : EVTWIN_OK;
}

/* The forests beside the first, of a number. */
static evtwin_status read_further(const evtwin__place *model, evtwin_target_kind kind,
                                  evtwin__bundle_model *m) {
    const json_t *array = json_object_get(model->object, "further");
    const size_t n = json_array_size(array);
    EVTWIN_FAIL_IF(array != NULL && !json_is_array(array), EVTWIN_E_PARSE,
                   "%s: key \"further\" is not an array", model->where);
    EVTWIN_FAIL_IF(n > (kind == EVTWIN_TARGET_NUMBER ? EVTWIN__BUNDLE_MAX_FURTHER : 0),
                   EVTWIN_E_SCHEMA, "%s: %zu further forests, the limit is %d", model->where, n,
                   kind == EVTWIN_TARGET_NUMBER ? EVTWIN__BUNDLE_MAX_FURTHER : 0);
    for (size_t k = 0; k < n; k++) {
        evtwin__place p = *model;
        p.object = json_array_get(array, k);
        const size_t used = strlen(p.where);
        snprintf(p.where + used, sizeof p.where - used, ".further[%zu]", k);
        EVTWIN_TRY(evtwin__each_field(read_field, &p, &evtwin__forest_fields, &m->further[k]));
    }
    m->n_further = n;
    return EVTWIN_OK;
}

static evtwin_status read_model(const evtwin__place *models, const evtwin_target *target,
                                evtwin__bundle_model *m) {
    evtwin__place p;
    const char *objective;
    for (int s = 0; s < EVTWIN__N_SCORED; s++) {
        m->score[s] = evtwin__score_unknown();
    }
    EVTWIN_TRY(evtwin__place_step(models, target->name, 0, &p));
    if (p.object == NULL) {
        return EVTWIN_OK;
    }
    m->is_present = 1;
    EVTWIN_TRY(evtwin__each_field(read_field, &p, &evtwin__model_fields, m));
    EVTWIN_TRY(evtwin__json_get_text(p.where, p.object, "objective", &objective));
    EVTWIN_FAIL_IF(strcmp(objective, evtwin__objective_name(target->kind)) != 0, EVTWIN_E_SCHEMA,
                   "%s: objective '%.40s' instead of '%s'", p.where, objective,
                   evtwin__objective_name(target->kind));
    EVTWIN_FAIL_IF(target->kind == EVTWIN_TARGET_EVENT &&
                       (m->base_score < 0.0 || m->base_score > 1.0),
                   EVTWIN_E_SCHEMA, "%s.params: key \"base_score\" is %g, it must be 0 to 1",
                   p.where, m->base_score);
    EVTWIN_TRY(read_further(&p, target->kind, m));
    EVTWIN_TRY(read_interval(&p, target->kind, &m->interval));
    EVTWIN_TRY(read_calibration(&p, target->kind, &m->calibration));
    return read_scores(&p, target->kind, m);
}

static evtwin_status read_models(const evtwin__place *root, evtwin__bundle *b) {
    evtwin__place models;
    char known[256] = "";
    int n = 0;
    EVTWIN_TRY(evtwin__place_step(root, "models", 0, &models));
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
static evtwin_status read_feature(const evtwin__place *root, const char *key, json_t *object,
                                  evtwin__bundle_feature *list, size_t i) {
    evtwin__bundle_feature *to = &list[i];
    evtwin__place p = {.bundle = root->bundle, .object = object};
    snprintf(p.where, sizeof p.where, "%.400s: %s[%zu]", root->where, key, i);
    for (size_t k = 0; k < evtwin__feature_fields.n; k++) {
        const evtwin__field f =
            evtwin__feature_fields.list[k].kind == EVTWIN__F_NUMBER
                ? evtwin__limit_feature(to->name, evtwin__feature_fields.list[k])
                : evtwin__feature_fields.list[k];
        EVTWIN_TRY(read_field(&p, &f, to));
    }
    EVTWIN_FAIL_IF(to->name[0] == '\0' || strchr(to->name, ',') != NULL, EVTWIN_E_SCHEMA,
                   "%s: name '%s' is empty or has a comma", p.where, to->name);
    evtwin__place histogram;
    EVTWIN_TRY(evtwin__place_step(&p, "histogram", 0, &histogram));
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

static evtwin_status read_features(const evtwin__place *root, const char *key,
                                   evtwin__bundle_feature **list_out, size_t *n_out) {
    json_t *array;
    EVTWIN_TRY(evtwin__json_get_array(root->where, root->object, key, &array));
    const size_t n = json_array_size(array);
    EVTWIN_TRY(evtwin__check_feature_count(root->where, n));
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
static evtwin_status read_recipe(const evtwin__place *root, evtwin__bundle *b) {
    const evtwin__recipe *recipe;
    EVTWIN_FAIL_IF(evtwin__recipe_find(b->recipe, &recipe) < 0, EVTWIN_E_UNSUPPORTED, "%s: %s",
                   root->where, evtwin_last_error());
    EVTWIN_TRY(evtwin__each_field(read_field, root, &evtwin__past_fields, b));
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
static evtwin_status read_curve(const evtwin__place *root, evtwin__curve *out) {
    evtwin__place p;
    *out = (evtwin__curve){.resistance_ohm = NAN, .power_factor = NAN};
    EVTWIN_TRY(evtwin__place_step(root, "curve", 0, &p));
    return p.object != NULL ? evtwin__curve_read(p.where, p.object, out) : EVTWIN_OK;
}

static evtwin_status read_root(const evtwin__place *root, evtwin__bundle *b) {
    const char *name = root->where;
    json_t *unused;
    EVTWIN_TRY(read_format(name, root->object));
    EVTWIN_TRY(read_features(root, "features", &b->feature, &b->n_features));
    EVTWIN_TRY(evtwin__json_get_object(name, root->object, "scaler", &unused));
    EVTWIN_TRY(evtwin__json_get_object(name, root->object, "models", &unused));
    EVTWIN_TRY(evtwin__each_field(read_field, root, &evtwin__root_fields, b));
    EVTWIN_TRY(read_recipe(root, b));
    EVTWIN_TRY(check_time(name, "created", b->created));
    EVTWIN_TRY(check_time(name, "source: first_time", b->first_time));
    EVTWIN_TRY(check_time(name, "source: last_time", b->last_time));
    EVTWIN_TRY(read_batteries(name, root->object, b));
    EVTWIN_TRY(read_models(root, b));
    EVTWIN_TRY(read_curve(root, &b->curve));
    return check_files(name, b);
}

evtwin_status evtwin__manifest_read_document(const char *name, json_t *root, evtwin__bundle *out) {
    evtwin__bundle b = {0};
    evtwin__place p = {.bundle = &b, .object = root};
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
    const evtwin_status st = evtwin__manifest_read_document(name, root, out);
    json_decref(root);
    return st;
}
