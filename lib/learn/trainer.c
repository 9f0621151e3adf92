/* SPDX-License-Identifier: MIT */
/* learn/trainer.c: the steps of a training, in order. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/status.h"

#include <string.h>

enum { MAX_TREES = 100000, MAX_DEPTH = 16, MAX_FOLDS = 1000, MAX_NAME = 255 };

evtwin_status evtwin_train_options_init(evtwin_train_options *options, size_t size) {
    if (options == NULL || size < sizeof(size_t)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "options is NULL or its size is too small");
    }
    const evtwin_train_options defaults = {.size = sizeof defaults,
                                           .rul_trees = 200,
                                           .rul_depth = 8,
                                           .failure_trees = 200,
                                           .failure_depth = 6,
                                           .learning_rate = 0.1};
    evtwin__report_copy(options, size, &defaults, sizeof defaults);
    return EVTWIN_OK;
}

static evtwin_status check_limit(const char *name, int value, int min, int max) {
    if (value < min || value > max) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "%s is %d, it must be %d to %d", name, value, min, max);
    }
    return EVTWIN_OK;
}

static evtwin_status check_options(const evtwin_train_options *o) {
    evtwin_status st;
    if ((st = check_limit("rul_trees", o->rul_trees, 1, MAX_TREES)) < 0 ||
        (st = check_limit("failure_trees", o->failure_trees, 1, MAX_TREES)) < 0 ||
        (st = check_limit("rul_depth", o->rul_depth, 1, MAX_DEPTH)) < 0 ||
        (st = check_limit("failure_depth", o->failure_depth, 1, MAX_DEPTH)) < 0 ||
        (st = check_limit("n_threads", o->n_threads, 0, 256)) < 0 ||
        (st = check_limit("cv_folds", o->cv_folds, 0, MAX_FOLDS)) < 0) {
        return st;
    }
    if (o->cv_folds == 1) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "cv_folds is 1: a fold needs another to be tested against");
    }
    if (!(o->learning_rate > 0.0 && o->learning_rate <= 1.0)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "learning_rate must be above 0 and at most 1");
    }
    return EVTWIN_OK;
}

void evtwin_trainer_free(evtwin_trainer *trainer) {
    if (trainer == NULL) {
        return;
    }
    for (size_t i = 0; trainer->origin != NULL && i < evtwin_features_count(trainer->features);
         i++) {
        evtwin__free(trainer->origin[i].column);
        evtwin__free(trainer->origin[i].unit);
    }
    evtwin__free(trainer->origin);
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        evtwin__free(trainer->result[t].column);
        evtwin__free(trainer->result[t].unit);
        evtwin__booster_clear(&trainer->result[t].model);
        evtwin__free(trainer->result[t].fold);
    }
    evtwin_features_free(trainer->features);
    evtwin__scaler_clear(&trainer->scaler);
    evtwin__findings_clear(&trainer->findings);
    evtwin__free(trainer->source_name);
    evtwin__free(trainer->json);
    evtwin__free(trainer);
}

/* The name without its folders, as JSON can hold it. */
static char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *last = slash != NULL ? slash + 1 : path;
    char *name = evtwin__strndup(last, strnlen(last, MAX_NAME));
    if (name != NULL) {
        evtwin__repair_utf8(name);
    }
    return name;
}

/* The options without their texts, which the caller may free after the call. */
static evtwin_status trainer_create(const evtwin_train_options *options, evtwin_trainer **out) {
    evtwin_trainer *t = evtwin__calloc(1, sizeof *t);
    if (t != NULL) {
        t->source_name = base_name(options->source_name != NULL ? options->source_name : "table");
    }
    if (t == NULL || t->source_name == NULL) {
        evtwin__free(t);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for a trainer");
    }
    t->options = *options;
    t->options.target = t->options.failure_target = NULL;
    t->options.group = t->options.group_by_reset = NULL;
    t->options.features = t->options.source_name = NULL;
    *out = t;
    return EVTWIN_OK;
}

static evtwin_status keep_targets(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        if (!data->target[t].present) {
            continue;
        }
        evtwin__result *result = &trainer->result[t];
        result->column = evtwin__strdup(data->target[t].column);
        result->unit = evtwin__strdup(data->target[t].unit);
        if (result->column == NULL || result->unit == NULL) {
            EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory for the name of a target");
        }
        result->present = 1;
    }
    return EVTWIN_OK;
}

static evtwin_status report_progress(const evtwin_trainer *trainer, const char *what, double done) {
    const evtwin_train_options *o = &trainer->options;
    if (o->progress != NULL && o->progress(o->progress_ctx, what, done) != 0) {
        EVTWIN_FAIL(EVTWIN_E_CANCELLED, "training was stopped by its caller");
    }
    return EVTWIN_OK;
}

static evtwin_status fit_and_score(evtwin_trainer *trainer, evtwin__dataset *data) {
    evtwin__predictions predictions[EVTWIN__N_TARGETS] = {{0}};
    evtwin_status st = evtwin__trainer_fit(trainer, data, predictions);
    if (st == EVTWIN_OK) {
        st = report_progress(trainer, "scoring", 0.0);
    }
    for (int t = 0; t < EVTWIN__N_TARGETS && st == EVTWIN_OK; t++) {
        if (data->target[t].present) {
            st = evtwin__trainer_score(trainer, data, t, &predictions[t]);
        }
    }
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        evtwin__predictions_clear(&predictions[t]);
    }
    return st;
}

evtwin_status evtwin_train(const evtwin_table *table, const evtwin_train_options *options,
                           evtwin_trainer **out) {
    if (table == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "table or out is NULL");
    }
    evtwin_status st;
    evtwin_train_options o;
    evtwin_train_options_init(&o, sizeof o);
    if (options != NULL) {
        evtwin__options_copy(&o, sizeof o, options, options->size);
    }
    evtwin_trainer *trainer = NULL;
    evtwin__dataset data = {0};
    if ((st = check_options(&o)) < 0 || (st = trainer_create(&o, &trainer)) < 0) {
        return st;
    }
    if ((st = report_progress(trainer, "cleaning", 0.0)) < 0 ||
        (st = evtwin__dataset_load(table, &o, trainer, &data)) < 0 ||
        (st = keep_targets(trainer, &data)) < 0 ||
        (st = evtwin__trainer_split(trainer, &data)) < 0 ||
        (st = evtwin__note_data(trainer, &data)) < 0 || (st = fit_and_score(trainer, &data)) < 0 ||
        (st = evtwin__note_scores(trainer, &data)) < 0) {
        goto done;
    }
    *out = trainer;
    trainer = NULL;

done:
    evtwin__dataset_clear(&data);
    evtwin_trainer_free(trainer);
    return st;
}
