/* SPDX-License-Identifier: MIT */
/* learn/trainer_report.c: scores, findings and importances of a finished training, and all of it as
 * JSON. */

#include "learn/trainer.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/status.h"

#include <inttypes.h>
#include <math.h>

/* ---- one by one ---- */

static int has_model(const evtwin_trainer *trainer, int which) {
    return trainer != NULL && trainer->result[which].present;
}

evtwin_status evtwin_trainer_rul_score(const evtwin_trainer *trainer, evtwin_rul_score *out,
                                       size_t size) {
    if (trainer == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "trainer or out is NULL");
    }
    if (!has_model(trainer, EVTWIN__RUL)) {
        EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "no RUL model was trained");
    }
    evtwin__report_copy(out, size, &trainer->result[EVTWIN__RUL].rul, sizeof(evtwin_rul_score));
    return EVTWIN_OK;
}

evtwin_status evtwin_trainer_failure_score(const evtwin_trainer *trainer, evtwin_failure_score *out,
                                           size_t size) {
    if (trainer == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "trainer or out is NULL");
    }
    if (!has_model(trainer, EVTWIN__FAILURE)) {
        EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "no failure model was trained");
    }
    evtwin__report_copy(out, size, &trainer->result[EVTWIN__FAILURE].failure,
                        sizeof(evtwin_failure_score));
    return EVTWIN_OK;
}

evtwin_status evtwin_trainer_rul_fold(const evtwin_trainer *trainer, size_t i, double *r2_out,
                                      double *rmse_out) {
    if (trainer == NULL || r2_out == NULL || rmse_out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "trainer, r2_out or rmse_out is NULL");
    }
    const evtwin__result *r = &trainer->result[EVTWIN__RUL];
    if (!r->present || i >= r->rul.n_folds) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "fold %zu of %zu", i, r->present ? r->rul.n_folds : 0);
    }
    *r2_out = r->fold[i].number.r2;
    *rmse_out = r->fold[i].number.rmse;
    return EVTWIN_OK;
}

int evtwin_trainer_has_signal(const evtwin_trainer *trainer) {
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        if (has_model(trainer, t) && trainer->result[t].beats_chance) {
            return 1;
        }
    }
    return 0;
}

size_t evtwin_trainer_finding_count(const evtwin_trainer *trainer) {
    return trainer != NULL ? trainer->findings.n : 0;
}

evtwin_status evtwin_trainer_finding(const evtwin_trainer *trainer, size_t i, evtwin_finding *out,
                                     size_t size) {
    if (out == NULL || i >= evtwin_trainer_finding_count(trainer)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "finding %zu of %zu, or out is NULL", i,
                    evtwin_trainer_finding_count(trainer));
    }
    const evtwin__finding *f = &trainer->findings.list[i];
    const evtwin_finding finding = {
        .size = sizeof finding, .cause = f->cause, .severity = f->severity, .text = f->text};
    evtwin__report_copy(out, size, &finding, sizeof finding);
    return EVTWIN_OK;
}

double evtwin_trainer_importance(const evtwin_trainer *trainer, int which, size_t i) {
    if (which < 0 || which >= EVTWIN__N_TARGETS || !has_model(trainer, which) ||
        i >= evtwin_features_count(trainer->features)) {
        return NAN;
    }
    return trainer->result[which].model.importance[i];
}

/* ---- as JSON: a value that memory ran out for is NULL, and so is all that holds it ---- */

static json_t *number(double v) {
    return evtwin__json_number(v);
}

static json_t *count(size_t n) {
    return json_integer((json_int_t)n);
}

static json_t *r2_and_rmse(double r2, double rmse) {
    return json_pack("{s:o, s:o}", "r2", number(r2), "rmse", number(rmse));
}

/* {"soc": 0.12, …}: the features in order. */
static json_t *importance_json(const evtwin_trainer *trainer, int which) {
    json_t *object = json_object();
    for (size_t i = 0; i < evtwin_features_count(trainer->features); i++) {
        if (json_object_set_new(object, evtwin_features_name(trainer->features, i),
                                number(trainer->result[which].model.importance[i])) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* One object per fold; a single hold-out has none. */
static json_t *folds_json(const evtwin_trainer *trainer, int which) {
    const evtwin__result *r = &trainer->result[which];
    const size_t n = trainer->options.cv_folds > 0 ? r->n_folds : 0;
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        const evtwin__fold *f = &r->fold[i];
        json_t *fold = which == EVTWIN__RUL
                           ? json_pack("{s:o, s:o, s:o, s:o}", "r2", number(f->number.r2), "rmse",
                                       number(f->number.rmse), "mae", number(f->number.mae),
                                       "n_test", count(f->n_test))
                           : json_pack("{s:o, s:o, s:o, s:o, s:o}", "auc", number(f->classes.auc),
                                       "average_precision", number(f->classes.average_precision),
                                       "accuracy", number(f->classes.accuracy), "brier",
                                       number(f->classes.brier), "n_test", count(f->n_test));
        if (json_array_append_new(array, fold) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *rul_json(const evtwin_trainer *trainer) {
    if (!has_model(trainer, EVTWIN__RUL)) {
        return json_null();
    }
    const evtwin_rul_score *s = &trainer->result[EVTWIN__RUL].rul;
    json_t *single = json_pack("{s:s, s:o, s:o}", "feature", s->single_feature, "r2",
                               number(s->single_r2), "rmse", number(s->single_rmse));
    json_t *countdown =
        isnan(s->countdown_rmse) ? json_null() : r2_and_rmse(s->countdown_r2, s->countdown_rmse);
    json_t *base_lines = json_pack("{s:o, s:o, s:o}", "mean", r2_and_rmse(s->mean_r2, s->mean_rmse),
                                   "countdown", countdown, "single_feature", single);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:o}", "r2", number(s->r2),
                     "rmse", number(s->rmse), "mae", number(s->mae), "n_train", count(s->n_train),
                     "n_test", count(s->n_test), "folds", folds_json(trainer, EVTWIN__RUL),
                     "baselines", base_lines, "target", trainer->result[EVTWIN__RUL].column,
                     "signal", trainer->result[EVTWIN__RUL].beats_chance, "importance",
                     importance_json(trainer, EVTWIN__RUL));
}

static json_t *failure_json(const evtwin_trainer *trainer) {
    if (!has_model(trainer, EVTWIN__FAILURE)) {
        return json_null();
    }
    const evtwin_failure_score *s = &trainer->result[EVTWIN__FAILURE].failure;
    json_t *base_lines = json_pack(
        "{s:{s:o, s:o, s:o}, s:{s:s, s:o}}", "base_rate", "brier", number(s->base_rate_brier),
        "accuracy", number(s->base_rate_accuracy), "rate", number(s->base_rate), "single_feature",
        "feature", s->single_feature, "auc", number(s->single_auc));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:o}", "auc",
                     number(s->auc), "average_precision", number(s->average_precision), "accuracy",
                     number(s->accuracy), "brier", number(s->brier), "n_train", count(s->n_train),
                     "n_test", count(s->n_test), "folds", folds_json(trainer, EVTWIN__FAILURE),
                     "baselines", base_lines, "target", trainer->result[EVTWIN__FAILURE].column,
                     "signal", trainer->result[EVTWIN__FAILURE].beats_chance, "importance",
                     importance_json(trainer, EVTWIN__FAILURE));
}

static json_t *audit_json(const evtwin_trainer *trainer) {
    json_t *array = json_array();
    for (size_t i = 0; i < trainer->findings.n; i++) {
        const evtwin__finding *f = &trainer->findings.list[i];
        json_t *finding = json_pack("{s:s, s:s, s:s}", "cause", f->cause, "severity", f->severity,
                                    "text", f->text);
        if (json_array_append_new(array, finding) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* A number, or text where it is too large for one. */
static json_t *seed_json(uint64_t seed) {
    return seed <= INT64_MAX ? json_integer((json_int_t)seed) : json_sprintf("%" PRIu64, seed);
}

static json_t *split_json(const evtwin_trainer *trainer) {
    return json_pack("{s:s, s:o, s:i, s:o}", "by", trainer->split_by, "groups",
                     count(trainer->n_groups), "folds", trainer->options.cv_folds, "seed",
                     seed_json(trainer->options.seed));
}

const char *evtwin_trainer_json(evtwin_trainer *trainer, const char *dir) {
    if (trainer == NULL) {
        return NULL;
    }
    json_t *root =
        json_pack("{s:o, s:o, s:o, s:o, s:b, s:s?, s:s, s:o}", "rul", rul_json(trainer), "failure",
                  failure_json(trainer), "split", split_json(trainer), "audit", audit_json(trainer),
                  "signal", evtwin_trainer_has_signal(trainer), "models", dir, "source",
                  trainer->source_name, "rows", count(trainer->rows));
    char *text = NULL;
    size_t size = 0;
    const evtwin_status st = evtwin__json_text(root, &text, &size);
    json_decref(root);
    if (st < 0) {
        return NULL;
    }
    text[size - 1] = '\0'; /* the line feed behind it */
    evtwin__free(trainer->json);
    trainer->json = text;
    return text;
}
