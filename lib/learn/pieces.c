/* SPDX-License-Identifier: MIT */
/* learn/pieces.c: the steps of a training whose rows are not in memory. */

#include "learn/pieces.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/peers.h"
#include "learn/recipe.h"

/* What needs all rows at once is refused before any work. */
static evtwin_status check_options(const evtwin_train_options *o) {
    EVTWIN_FAIL_IF(o->cv_folds > 0, EVTWIN_E_UNSUPPORTED,
                   "a training in pieces holds out a fifth of the batteries: option cv_folds needs "
                   "the whole file in memory");
    EVTWIN_FAIL_IF(o->n_repeats > 1, EVTWIN_E_UNSUPPORTED,
                   "a training in pieces has no folds: option n_repeats needs the whole file "
                   "in memory");
    EVTWIN_FAIL_IF(o->n_tune > 0, EVTWIN_E_UNSUPPORTED,
                   "a training in pieces has its parameters from the caller: option n_tune needs "
                   "the whole file in memory; search on a part of the batteries");
    EVTWIN_FAIL_IF(o->peers != NULL, EVTWIN_E_UNSUPPORTED,
                   "a training in pieces is of one process: option peers needs the whole "
                   "table");
    EVTWIN_TRY(evtwin__peers_check(NULL));
    EVTWIN_FAIL_IF(o->group_by_reset != NULL, EVTWIN_E_UNSUPPORTED,
                   "a training in pieces needs a column that names the battery: option "
                   "group_by_reset needs the whole file in memory");
    return EVTWIN_OK;
}

static evtwin_status check_recipe(const evtwin__recipe *recipe) {
    EVTWIN_FAIL_IF(recipe->has_past, EVTWIN_E_UNSUPPORTED,
                   "a training in pieces sees a row's own values: recipe '%s' needs the whole file "
                   "in memory",
                   recipe->name);
    return EVTWIN_OK;
}

static evtwin_status score_target(evtwin__pieces *p, size_t t) {
    evtwin_trainer *trainer = p->trainer;
    evtwin__bundle_model *model = &trainer->bundle.model[t];
    int64_t *held_us;
    model->is_present = 1;
    EVTWIN_TRY(evtwin__pieces_hold_out(p, t));
    EVTWIN_TRY(evtwin__calibrate_held_out(trainer->target[t].kind, &trainer->result[t], model));
    EVTWIN_TRY(evtwin__pieces_held_times(p, t, &held_us));
    p->whole.held_us = held_us;
    const evtwin_status st = evtwin__evaluate(trainer, &p->whole, t);
    p->whole.held_us = NULL;
    evtwin__free(held_us);
    return st;
}

static evtwin_status score(evtwin__pieces *p) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        EVTWIN_TRY(p->whole.label[t].is_present ? score_target(p, t) : EVTWIN_OK);
    }
    EVTWIN_TRY(evtwin__describe_models(p->trainer));
    return evtwin__find_in_scores(p->trainer, &p->whole);
}

static evtwin_status train(evtwin__pieces *p, evtwin_csv *csv, const evtwin_target *targets,
                           size_t n_targets, const evtwin_train_options *options) {
    EVTWIN_TRY(evtwin__pieces_read(p, csv, targets, n_targets, options));
    EVTWIN_TRY(evtwin__pieces_split(p));
    EVTWIN_TRY(evtwin__pieces_look(p, options));
    EVTWIN_TRY(evtwin__trainer_refuse(p->trainer));
    EVTWIN_TRY(evtwin__pieces_fit(p));
    return score(p);
}

static void clear(evtwin__pieces *p) {
    evtwin__rows_file_close(&p->file);
    evtwin__dict_free(&p->names);
    evtwin__free(p->battery);
    evtwin__free(p->clean);
    evtwin_table_free(p->sample);
}

const evtwin__pieces_limits evtwin__pieces_by_default = {
    .piece_rows = 65536, .battery_rows = 4194304, .audit_rows = 200000, .sample_rows = 1000000};

evtwin_status evtwin__train_pieces(evtwin_csv *csv, const evtwin_target *targets, size_t n_targets,
                                   const evtwin_train_options *options,
                                   const evtwin__pieces_limits *limits, evtwin_trainer **out) {
    evtwin_train_options o;
    evtwin__pieces p = {.file.fd = -1, .limits = *limits};
    evtwin_train_options_init(&o, sizeof o);
    EVTWIN_TRY(evtwin__options_merge(&o, sizeof o, options, "evtwin_train_options_init"));
    EVTWIN_TRY(check_options(&o)); /* first: they have conditions of their own in memory */
    EVTWIN_TRY(evtwin__trainer_begin(targets, n_targets, options, &o, p.column, &p.trainer));
    evtwin_status st = check_recipe(p.trainer->recipe);
    st = st < 0 ? st : train(&p, csv, targets, n_targets, &o);
    clear(&p);
    if (st < 0) {
        evtwin_trainer_free(p.trainer);
        return st;
    }
    *out = p.trainer;
    return EVTWIN_OK;
}

evtwin_status evtwin_train_csv(evtwin_csv *csv, const evtwin_target *targets, size_t n_targets,
                               const evtwin_train_options *options, evtwin_trainer **out) {
    EVTWIN_FAIL_IF(csv == NULL || out == NULL, EVTWIN_E_ARG, "csv or out is NULL");
    return evtwin__train_pieces(csv, targets, n_targets, options, &evtwin__pieces_by_default, out);
}
