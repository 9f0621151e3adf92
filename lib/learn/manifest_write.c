/* SPDX-License-Identifier: MIT */
/* learn/manifest_write.c: write the manifest of a bundle (docs/bundle.md). */

#include "learn/manifest.h"

#include "core/json.h"
#include "core/status.h"
#include "core/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_t *text_of(const char *text) {
    return json_string(text != NULL ? text : "");
}

static json_t *count_of(size_t n) {
    return json_integer((json_int_t)n);
}

static json_t *number_of(double v) {
    return evtwin__json_number(v);
}

/* What is not known is left out, where a reader takes no null and no 0. object may be NULL. */
static json_t *without_unknown(json_t *object) {
    static const char *const key[] = {"rows",       "groups",   "n_train",       "n_test",
                                      "trees",      "rmse",     "learning_rate", "mae",
                                      "base_score", "accuracy", "brier"};
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++) {
        const json_t *value = json_object_get(object, key[i]);
        if (json_is_null(value) || (json_is_integer(value) && json_integer_value(value) == 0)) {
            json_object_del(object, key[i]);
        }
    }
    return object;
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
    return without_unknown(json);
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
                     model->file.sha256, "objective", evtwin__objective_name(objective), "params",
                     without_unknown(params), "held_out", held_out);
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
    return without_unknown(json);
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
    if (st < 0 || (st = evtwin__manifest_check(path, &m)) < 0) {
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
    evtwin__manifest read_back; /* a reader takes its own reference */
    if ((st = evtwin__manifest_read(path, json_incref(root), &read_back)) >= 0) {
        evtwin__manifest_clear(&read_back);
        st = evtwin__json_write(path, root);
    }
    json_decref(root);
    return st;
}
