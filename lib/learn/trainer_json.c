/* SPDX-License-Identifier: MIT */
/* learn/trainer_json.c: a training as one JSON object (docs/cli.md). What memory ran out for is
 * missed by one of the puts. */

#include "learn/trainer.h"

#include "core/json.h"
#include "core/mem.h"
#include "learn/calibration_json.h"
#include "learn/finding.h"

#include <inttypes.h>
#include <math.h>

typedef struct report {
    const evtwin_trainer *trainer;
    int is_complete;
} report;

/* Put a new value into an object, or behind an array's last if key is NULL; gives it back. */
static json_t *put(report *r, json_t *to, const char *key, json_t *value) {
    const int is_put = key != NULL ? json_object_set_new(to, key, value) == 0
                                   : json_array_append_new(to, value) == 0;
    r->is_complete &= is_put;
    return is_put ? value : NULL;
}

static void put_count(report *r, json_t *to, const char *key, size_t n) {
    put(r, to, key, json_integer((json_int_t)n));
}

static void put_figures(report *r, json_t *to, evtwin_target_kind kind, evtwin_scored scored,
                        const evtwin_score *score, int is_fold) {
    const evtwin__figure *g;
    for (size_t i = 0; (g = evtwin__figure_at(kind, scored, i)) != NULL; i++) {
        if (g->is_claim && is_fold) {
            continue;
        }
        put(r, to, g->key, evtwin__json_number(evtwin__figure_get(g, score)));
    }
}

static void put_baselines(report *r, json_t *to, size_t t) {
    const evtwin_target_kind kind = r->trainer->target[t].kind;
    for (int s = EVTWIN_SCORED_MEAN; s < EVTWIN__N_SCORED; s++) {
        const char *key = evtwin__baseline_key(kind, (evtwin_scored)s);
        const evtwin_score *score = &r->trainer->bundle.model[t].score[s];
        if (key != NULL && s == EVTWIN_SCORED_MEAN_LIFE && isnan(score->rmse)) {
            put(r, to, key, json_null());
        } else if (key != NULL) {
            json_t *baseline = put(r, to, key, json_object());
            if (s == EVTWIN_SCORED_SINGLE) {
                put(r, baseline, "feature", json_string(score->feature));
            }
            put_figures(r, baseline, kind, (evtwin_scored)s, score, 0);
        }
    }
}

/* What was tried, of which the first is what would be without a search. */
static void put_search(report *r, json_t *model, const evtwin__searched *s) {
    json_t *search = s->n > 0 ? put(r, model, "search", json_object()) : NULL;
    if (search == NULL) {
        return;
    }
    put_count(r, search, "folds", s->n_folds);
    put_count(r, search, "best", s->best);
    json_t *sets = put(r, search, "sets", json_array());
    for (size_t i = 0; i < s->n; i++) {
        const evtwin__growth *g = &s->set[i].growth;
        json_t *set = put(r, sets, NULL, json_object());
        put_count(r, set, "trees", (size_t)g->trees);
        put_count(r, set, "depth", (size_t)g->depth);
        put(r, set, "learning_rate", evtwin__json_number(g->learning_rate));
        put(r, set, "subsample", evtwin__json_number(evtwin__or_by_default(g->subsample)));
        put(r, set, "column_sample", evtwin__json_number(evtwin__or_by_default(g->column_sample)));
        put(r, set, "min_child_weight",
            evtwin__json_number(evtwin__or_by_default(g->min_child_weight)));
        put(r, set, "error", evtwin__json_number(s->set[i].error));
    }
}

/* A single hold-out has no folds. */
static void put_model(report *r, json_t *root, size_t t) {
    const evtwin__bundle_model *m = &r->trainer->bundle.model[t];
    const evtwin__result *result = &r->trainer->result[t];
    const evtwin_target *target = &r->trainer->target[t];
    const evtwin_score *score = &m->score[EVTWIN_SCORED_MODEL];
    json_t *model = put(r, root, target->name, m->is_present ? json_object() : json_null());
    if (!m->is_present) {
        return;
    }
    put_figures(r, model, target->kind, EVTWIN_SCORED_MODEL, score, 0);
    put_count(r, model, "n_train", score->n_train);
    put_count(r, model, "n_test", score->n_test);
    json_t *folds = put(r, model, "folds", json_array());
    for (size_t i = 0; i < result->n_folds; i++) {
        json_t *fold = put(r, folds, NULL, json_object());
        score = &result->fold[i][EVTWIN_SCORED_MODEL];
        put_figures(r, fold, target->kind, EVTWIN_SCORED_MODEL, score, 1);
        put_count(r, fold, "n_test", score->n_test);
    }
    json_t *repeats = result->n_repeats > 0 ? put(r, model, "repeats", json_array()) : NULL;
    for (size_t i = 0; i < result->n_repeats; i++) {
        put_figures(r, put(r, repeats, NULL, json_object()), target->kind, EVTWIN_SCORED_MODEL,
                    &result->repeat[i], 0);
    }
    put_search(r, model, &result->search);
    put_baselines(r, put(r, model, "baselines", json_object()), t);
    put(r, model, "reliability", evtwin__reliability_json(r->trainer, target->name));
    if (evtwin__calibration_is_known(&m->calibration)) {
        put(r, model, "calibration", evtwin__calibration_json(&m->calibration));
    }
    put(r, model, "target", json_string(m->column));
    put(r, model, "signal", json_boolean(result->beats_chance));
    json_t *importance = put(r, model, "importance", json_object());
    for (size_t i = 0; i < r->trainer->bundle.n_features; i++) {
        put(r, importance, r->trainer->bundle.feature[i].name,
            evtwin__json_number(result->importance[i]));
    }
}

static void put_rest(report *r, json_t *root, const char *dir) {
    const evtwin_trainer *t = r->trainer;
    const uint64_t seed = t->options.seed;
    json_t *split = put(r, root, "split", json_object());
    put(r, split, "by", json_string(t->split_by));
    put_count(r, split, "groups", t->bundle.n_groups);
    put_count(r, split, "folds", (size_t)t->options.cv_folds);
    /* a string where it is too large for a number of JSON */
    put(r, split, "seed",
        seed <= INT64_MAX ? json_integer((json_int_t)seed) : json_sprintf("%" PRIu64, seed));
    put(r, root, "audit", evtwin__findings_json(t));
    put(r, root, "signal", json_boolean(evtwin_trainer_has_signal(t)));
    put(r, root, "models", dir != NULL ? json_string(dir) : json_null());
    put(r, root, "source", json_string(t->bundle.source_name));
    put_count(r, root, "rows", t->bundle.rows);
}

const char *evtwin_trainer_json(evtwin_trainer *trainer, const char *dir) {
    if (trainer == NULL) {
        return NULL;
    }
    report r = {trainer, 1};
    json_t *root = json_object();
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        put_model(&r, root, t);
    }
    put_rest(&r, root, dir);
    char *text = NULL;
    size_t size = 0;
    if (!r.is_complete || evtwin__json_text(root, &text, &size) < 0) {
        json_decref(root);
        return NULL;
    }
    json_decref(root);
    text[size - 1] = '\0'; /* the line feed behind it */
    evtwin__free(trainer->json);
    trainer->json = text;
    return text;
}
