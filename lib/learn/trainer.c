/* SPDX-License-Identifier: MIT */
/* learn/trainer.c: the steps of a training, in order, and what it gives: scores, findings, a
 * predictor, a saved bundle. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/utf8.h"
#include "learn/end_of_life.h"
#include "learn/finding.h"
#include "learn/recipe.h"
#include "learn/together.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FOLDS = 1000, MAX_REPEATS = 1000 };

/* ---- options ---- */

static const evtwin_train_options default_options = {.size = sizeof default_options,
                                                     .learning_rate = 0.1};

evtwin_status evtwin_train_options_init(evtwin_train_options *options, size_t size) {
    return evtwin__options_init(options, size, &default_options, sizeof default_options);
}

static evtwin_status check_limit(const char *of, const char *name, int value, int min, int max) {
    EVTWIN_FAIL_IF(value < min || value > max, EVTWIN_E_ARG, "%s%s is %d, it must be %d to %d", of,
                   name, value, min, max);
    return EVTWIN_OK;
}

/* As the manifest will have it. */
static evtwin_status check_label_rule(const char *rule) {
    const size_t n = rule != NULL ? strlen(rule) : 0;
    EVTWIN_FAIL_IF(n > EVTWIN__BUNDLE_MAX_TEXT, EVTWIN_E_ARG,
                   "label_rule has %zu bytes, the limit is %d", n, EVTWIN__BUNDLE_MAX_TEXT);
    EVTWIN_FAIL_IF(n > 0 && !evtwin__utf8_is_valid(rule, n), EVTWIN_E_ARG,
                   "label_rule is not UTF-8");
    return EVTWIN_OK;
}

static evtwin_status check_options(const evtwin_train_options *o) {
    EVTWIN_TRY(evtwin__check_allowed(o->allow));
    EVTWIN_TRY(check_label_rule(o->label_rule));
    EVTWIN_TRY(check_limit("", "n_threads", o->n_threads, 0, 256));
    EVTWIN_TRY(check_limit("", "cv_folds", o->cv_folds, 0, MAX_FOLDS));
    EVTWIN_TRY(check_limit("", "n_repeats", o->n_repeats, 0, MAX_REPEATS));
    EVTWIN_FAIL_IF(o->n_repeats > 1 && o->cv_folds == 0, EVTWIN_E_ARG,
                   "n_repeats is %d, which repeats a cross-validation: set cv_folds too",
                   o->n_repeats);
    EVTWIN_TRY(check_limit("", "n_tune", o->n_tune, 0, EVTWIN__MAX_TRIED));
    EVTWIN_FAIL_IF(o->n_tune > 0 && o->n_repeats > 1, EVTWIN_E_ARG,
                   "n_tune and n_repeats are both set: a search is nested in the folds of one "
                   "assignment, set n_repeats to 0");
    EVTWIN_FAIL_IF(o->cv_folds == 1, EVTWIN_E_ARG, "cv_folds is 1, it must be 0 or at least 2");
    EVTWIN_FAIL_IF(!(o->eol_soh_percent >= 0.0 && o->eol_soh_percent < 100.0), EVTWIN_E_ARG,
                   "eol_soh_percent is %g, it must be from 0 (unknown) to below 100",
                   o->eol_soh_percent);
    EVTWIN_FAIL_IF(!(o->learning_rate > 0.0 && o->learning_rate <= 1.0), EVTWIN_E_ARG,
                   "learning_rate must be above 0 and at most 1");
    return EVTWIN_OK;
}

/* One target as the caller has it: what is his to change, over the defaults. */
static evtwin_status take_target(const evtwin_target *given, evtwin_target *target,
                                 const char **column) {
    evtwin_target t = *target;
    evtwin__options_copy(&t, sizeof t, given, given->size);
    target->trees = t.trees;
    target->depth = t.depth;
    *column = t.column;
    EVTWIN_TRY(check_limit(target->name, ": trees", t.trees, 1, EVTWIN__MAX_GROWN_TREES));
    return check_limit(target->name, ": depth", t.depth, 1, EVTWIN__MAX_GROWN_DEPTH);
}

/* The targets (n) to train; column[t] is "none" for all others. */
static evtwin_status take_targets(const evtwin_target *targets, size_t n,
                                  evtwin_target target[EVTWIN__T_COUNT],
                                  const char *column[EVTWIN__T_COUNT]) {
    int is_given[EVTWIN__T_COUNT] = {0};
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin_target_get(t, &target[t], sizeof target[t]);
        column[t] = targets == NULL || n == 0 ? NULL : "none";
    }
    for (size_t i = 0; targets != NULL && i < n; i++) {
        const evtwin_target *given =
            (const evtwin_target *)(const void *)((const char *)targets + i * targets->size);
        size_t t;
        EVTWIN_TRY(given->size < 2 * sizeof(size_t)
                       ? evtwin__fail(EVTWIN_E_ARG, "target %zu has no size", i)
                       : evtwin_target_find(given->name, &t));
        EVTWIN_FAIL_IF(is_given[t]++, EVTWIN_E_ARG, "duplicate target %s", given->name);
        EVTWIN_TRY(take_target(given, &target[t], &column[t]));
    }
    return EVTWIN_OK;
}

/* ---- life ---- */

void evtwin_trainer_free(evtwin_trainer *trainer) {
    if (trainer == NULL) {
        return;
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__result_clear(&trainer->result[t]);
    }
    evtwin__bundle_clear(&trainer->bundle);
    for (size_t i = 0; i < trainer->n_findings; i++) {
        evtwin__free(trainer->finding[i].text);
    }
    evtwin__free(trainer->finding);
    evtwin__free(trainer->clean);
    evtwin__free(trainer->json);
    evtwin__free(trainer);
}

/* What is known of the bundle before the training; the name of its source is without folders, as
 * JSON can hold it. */
static evtwin_status keep_origin(evtwin__bundle *b, const evtwin_train_options *options) {
    char name[EVTWIN__BUNDLE_MAX_TEXT + 1], xgboost[16];
    const char *path = options->source_name != NULL ? options->source_name : "table";
    const char *slash = strrchr(path, '/');
    const char *rule = options->label_rule != NULL ? options->label_rule : "";
    snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : path);
    evtwin__repair_utf8(name);
    b->library_version = EVTWIN_VERSION;
    EVTWIN_TRY(evtwin__bundle_keep(b, name, &b->source_name));
    EVTWIN_TRY(evtwin__bundle_keep(b, rule, &b->label_rule));
    return evtwin__bundle_keep(b, evtwin__booster_version(xgboost), &b->xgboost_version);
}

/* The options without their strings, which the caller may free after the call. */
static evtwin_status trainer_create(const evtwin_train_options *options, evtwin_trainer **out) {
    evtwin_trainer *t = evtwin__calloc(1, sizeof *t);
    EVTWIN_FAIL_IF(t == NULL, EVTWIN_E_NOMEM, "out of memory for a trainer");
    const char *allow = options->allow != NULL ? options->allow : "";
    const char *derive = options->derive != NULL ? options->derive : "";
    evtwin_status st = keep_origin(&t->bundle, options);
    if (st < 0 || (st = evtwin__bundle_keep(&t->bundle, allow, &t->allow)) < 0 ||
        (st = evtwin__bundle_keep(&t->bundle, derive, &t->derive)) < 0) {
        evtwin_trainer_free(t);
        return st;
    }
    t->options = *options;
    t->options.group = t->options.group_by_reset = NULL;
    t->options.features = t->options.source_name = t->options.label_rule = NULL;
    t->options.allow = t->options.recipe = t->options.derive = t->options.scratch_dir = NULL;
    t->options.peers = NULL;
    *out = t;
    return EVTWIN_OK;
}

/* ---- train ---- */

evtwin_status evtwin__trainer_report(const evtwin_trainer *trainer, const char *what, double done) {
    const evtwin_train_options *o = &trainer->options;
    EVTWIN_FAIL_IF(o->progress != NULL && o->progress(o->progress_ctx, what, done) != 0,
                   EVTWIN_E_CANCELLED, "training was stopped by its caller");
    return EVTWIN_OK;
}

evtwin_status evtwin__describe_models(evtwin_trainer *trainer) {
    evtwin__bundle *b = &trainer->bundle;
    char now[EVTWIN_TIME_TEXT_SIZE];
    EVTWIN_TRY(evtwin_time_format(evtwin_time_now(), now, sizeof now));
    EVTWIN_TRY(evtwin__bundle_keep(b, now, &b->created));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__bundle_model *m = &b->model[t];
        m->n_tried = trainer->result[t].search.n;
        m->seed = trainer->options.seed;
        m->tree_method = "hist";
        m->split_by = trainer->split_by;
    }
    return EVTWIN_OK;
}

static evtwin_status look_at(evtwin_trainer *trainer, const evtwin_train_options *options,
                             const char *const column[EVTWIN__T_COUNT], evtwin__dataset *data) {
    EVTWIN_TRY(evtwin__trainer_report(trainer, "cleaning", 0.0));
    EVTWIN_TRY(evtwin__dataset_load(options, column, trainer, data));
    EVTWIN_TRY(evtwin__end_of_life_find(trainer, data, options->eol_soh_percent));
    EVTWIN_TRY(evtwin__dataset_split(trainer, data));
    EVTWIN_TRY(evtwin__find_in_data(trainer, data));
    return evtwin__audit_data(trainer, data);
}

evtwin_status evtwin__trainer_begin(const evtwin_target *targets, size_t n_targets,
                                    const evtwin_train_options *options,
                                    evtwin_train_options *options_out,
                                    const char *column[EVTWIN__T_COUNT], evtwin_trainer **out) {
    evtwin_train_options o = default_options;
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, options, "evtwin_train_options_init"));
    evtwin_trainer *trainer = NULL;
    const evtwin__recipe *recipe = NULL;
    EVTWIN_TRY(check_options(&o));
    EVTWIN_TRY(evtwin__recipe_find(o.recipe, &recipe));
    EVTWIN_TRY(evtwin__recipe_check_derived(recipe, o.derive));
    EVTWIN_TRY(trainer_create(&o, &trainer));
    trainer->bundle.recipe = recipe->name;
    const evtwin_status st = take_targets(targets, n_targets, trainer->target, column);
    if (st < 0) {
        evtwin_trainer_free(trainer);
        return st;
    }
    evtwin__recipe_settle(recipe, default_options.learning_rate, trainer);
    *options_out = o;
    *out = trainer;
    return EVTWIN_OK;
}

evtwin_status evtwin__trainer_prepare(const evtwin_target *targets, size_t n_targets,
                                      const evtwin_train_options *options, evtwin__dataset *data,
                                      evtwin_trainer **out) {
    evtwin_train_options o;
    evtwin_trainer *trainer = NULL;
    const char *column[EVTWIN__T_COUNT];
    EVTWIN_TRY(evtwin__trainer_begin(targets, n_targets, options, &o, column, &trainer));
    const evtwin_status st = look_at(trainer, &o, column, data);
    if (st < 0) {
        evtwin_trainer_free(trainer);
        return st;
    }
    *out = trainer;
    return EVTWIN_OK;
}

evtwin_status evtwin__trainer_refuse(const evtwin_trainer *trainer) {
    const evtwin__finding *f;
    const size_t n = evtwin__count_refusals(trainer, &f);
    char more[32] = "";
    if (n > 1) {
        snprintf(more, sizeof more, ", and %zu more", n - 1);
    }
    EVTWIN_FAIL_IF(n > 0, EVTWIN_E_DATA, "%s: the audit refuses it: %s (%s%s)",
                   trainer->bundle.source_name, f->text, f->cause, more);
    return EVTWIN_OK;
}

static evtwin_status fit_and_score(evtwin_trainer *trainer, const char *group,
                                   evtwin__dataset *data) {
    EVTWIN_TRY(evtwin__peers_agree(trainer->peers, evtwin__trainer_refuse(trainer)));
    EVTWIN_TRY(evtwin__together_begin(trainer, data));
    EVTWIN_TRY(evtwin__peers_agree(trainer->peers, evtwin__recipe_features(trainer, group, data)));
    EVTWIN_TRY(evtwin__together_features(trainer));
    EVTWIN_TRY(evtwin__search(trainer, data));
    EVTWIN_TRY(evtwin__fit(trainer, data, "training", 1));
    EVTWIN_TRY(evtwin__calibrate(trainer, data));
    EVTWIN_TRY(evtwin__trainer_report(trainer, "scoring", 0.0));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (data->label[t].is_present) {
            trainer->bundle.model[t].is_present = 1;
            EVTWIN_TRY(evtwin__evaluate(trainer, data, t));
        }
    }
    EVTWIN_TRY(evtwin__repeat(trainer, data));
    EVTWIN_TRY(evtwin__describe_models(trainer));
    return evtwin__find_in_scores(trainer, data);
}

static evtwin_status train_with(const evtwin_peers *peers, const evtwin_table *table,
                                const evtwin_target *targets, size_t n_targets,
                                const evtwin_train_options *options, evtwin_trainer **out) {
    evtwin_trainer *trainer = NULL;
    evtwin__dataset data = {.table = table};
    evtwin_status st = evtwin__peers_agree(
        peers, evtwin__trainer_prepare(targets, n_targets, options, &data, &trainer));
    if (st >= 0) {
        trainer->peers = peers;
        trainer->rank = peers != NULL ? peers->rank : 0;
        trainer->n_processes = peers != NULL ? peers->n : 1;
        st = fit_and_score(trainer, options != NULL ? options->group : NULL, &data);
    }
    evtwin__dataset_clear(&data);
    if (st < 0) {
        evtwin_trainer_free(trainer);
        return st;
    }
    trainer->peers = NULL;
    *out = trainer;
    return EVTWIN_OK;
}

evtwin_status evtwin_train(const evtwin_table *table, const evtwin_target *targets,
                           size_t n_targets, const evtwin_train_options *options,
                           evtwin_trainer **out) {
    EVTWIN_FAIL_IF(table == NULL || out == NULL, EVTWIN_E_ARG, "table or out is NULL");
    evtwin_train_options o = default_options;
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, options, "evtwin_train_options_init"));
    EVTWIN_TRY(evtwin__peers_check(o.peers));
    return evtwin__peers_explain(o.peers,
                                 train_with(o.peers, table, targets, n_targets, options, out));
}

size_t evtwin_trainer_process(const evtwin_trainer *trainer, size_t *n_processes) {
    if (n_processes != NULL) {
        *n_processes = trainer != NULL ? trainer->n_processes : 0;
    }
    return trainer != NULL ? trainer->rank : 0;
}

/* ---- what it gives ---- */

evtwin_status evtwin__trained_target(const evtwin_trainer *trainer, const char *target,
                                     size_t *t_out) {
    const evtwin_status st = evtwin_target_find(target, t_out);
    EVTWIN_FAIL_IF(st == EVTWIN_OK && !trainer->bundle.model[*t_out].is_present, EVTWIN_E_NOT_FOUND,
                   "no %s model was trained", trainer->target[*t_out].title);
    return st;
}

evtwin_status evtwin_trainer_score(const evtwin_trainer *trainer, const char *target,
                                   evtwin_scored scored, size_t fold, evtwin_score *out,
                                   size_t size) {
    EVTWIN_FAIL_IF(trainer == NULL || out == NULL || size < sizeof out->size || (int)scored < 0 ||
                       (int)scored >= EVTWIN__N_SCORED,
                   EVTWIN_E_ARG, "trainer or out is NULL, or scored or size is out of range");
    size_t t;
    EVTWIN_TRY(evtwin__trained_target(trainer, target, &t));
    const evtwin__result *r = &trainer->result[t];
    EVTWIN_FAIL_IF(fold != EVTWIN_ALL_FOLDS && fold >= r->n_folds, EVTWIN_E_ARG,
                   "fold %zu is out of range (there are %zu)", fold, r->n_folds);
    const evtwin_score *of =
        fold == EVTWIN_ALL_FOLDS ? trainer->bundle.model[t].score : r->fold[fold];
    evtwin__report_copy(out, size, &of[scored], sizeof of[scored]);
    return EVTWIN_OK;
}

evtwin_status evtwin_trainer_repeat(const evtwin_trainer *trainer, const char *target, size_t i,
                                    evtwin_score *out, size_t size) {
    EVTWIN_FAIL_IF(trainer == NULL || out == NULL || size < sizeof out->size, EVTWIN_E_ARG,
                   "trainer or out is NULL, or size is out of range");
    size_t t;
    EVTWIN_TRY(evtwin__trained_target(trainer, target, &t));
    const evtwin__result *r = &trainer->result[t];
    EVTWIN_FAIL_IF(i >= r->n_repeats, EVTWIN_E_ARG,
                   "assignment %zu is out of range (there are %zu)", i, r->n_repeats);
    evtwin__report_copy(out, size, &r->repeat[i], sizeof r->repeat[i]);
    return EVTWIN_OK;
}

int evtwin_trainer_has_signal(const evtwin_trainer *trainer) {
    int has_signal = 0;
    for (size_t t = 0; trainer != NULL && t < EVTWIN__T_COUNT; t++) {
        has_signal |= trainer->result[t].beats_chance;
    }
    return has_signal;
}

size_t evtwin_trainer_finding_count(const evtwin_trainer *trainer) {
    return trainer != NULL ? trainer->n_findings : 0;
}

evtwin_status evtwin_trainer_finding(const evtwin_trainer *trainer, size_t i, evtwin_finding *out,
                                     size_t size) {
    EVTWIN_FAIL_IF(out == NULL || i >= evtwin_trainer_finding_count(trainer), EVTWIN_E_ARG,
                   "finding %zu is out of range (there are %zu), or out is NULL", i,
                   evtwin_trainer_finding_count(trainer));
    const evtwin__finding *f = &trainer->finding[i];
    const evtwin_finding finding = {.size = sizeof finding,
                                    .cause = f->cause,
                                    .severity = f->severity,
                                    .text = f->text,
                                    .column = f->column != NULL ? f->column : "",
                                    .about = f->about,
                                    .advice = f->advice,
                                    .is_allowed = f->is_allowed};
    evtwin__report_copy(out, size, &finding, sizeof finding);
    return EVTWIN_OK;
}

const evtwin_features *evtwin_trainer_features(const evtwin_trainer *trainer) {
    return trainer != NULL ? trainer->bundle.features : NULL;
}

double evtwin_trainer_importance(const evtwin_trainer *trainer, const char *target,
                                 size_t feature) {
    size_t t;
    if (trainer == NULL || evtwin__trained_target(trainer, target, &t) < 0 ||
        feature >= trainer->bundle.n_features) {
        return NAN;
    }
    return trainer->result[t].importance[feature];
}

evtwin_status evtwin_trainer_predictions(const evtwin_trainer *trainer, const char *target,
                                         evtwin_table **out) {
    EVTWIN_FAIL_IF(trainer == NULL || out == NULL, EVTWIN_E_ARG, "trainer or out is NULL");
    size_t t;
    const evtwin_status st = evtwin__trained_target(trainer, target, &t);
    return st < 0 ? st : evtwin_table_copy(trainer->result[t].held_out, out);
}

evtwin_status evtwin_trainer_predictor(const evtwin_trainer *trainer, evtwin_predictor **out) {
    EVTWIN_FAIL_IF(trainer == NULL || out == NULL, EVTWIN_E_ARG, "trainer or out is NULL");
    evtwin__bundle_files files;
    evtwin__bundle bundle = {0};
    evtwin_status st;
    EVTWIN_TRY(evtwin__bundle_write(&trainer->bundle, &files));
    if ((st = evtwin__bundle_read(&files, &bundle)) >= 0) {
        st = evtwin__predictor_take(&bundle, out);
    }
    evtwin__bundle_clear(&bundle);
    evtwin__bundle_files_clear(&files);
    return st;
}

evtwin_status evtwin_trainer_save(const evtwin_trainer *trainer, const char *dir) {
    EVTWIN_FAIL_IF(trainer == NULL || dir == NULL || dir[0] == '\0', EVTWIN_E_ARG,
                   "trainer or dir is NULL or empty");
    evtwin__bundle_files files;
    evtwin_status st = evtwin__bundle_write(&trainer->bundle, &files);
    if (st >= 0) {
        st = evtwin__bundle_save(&files, dir);
        evtwin__bundle_files_clear(&files);
    }
    return st;
}
