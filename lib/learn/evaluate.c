/* SPDX-License-Identifier: MIT */
/* learn/evaluate.c: score held-out predictions whole and by fold, and say how far they may be off.
 */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>

/* ---- scores ---- */

/* The feature that most parts chose, the first of equals. */
static size_t chosen_feature(const evtwin__result *r, size_t n_parts) {
    size_t best = 0, best_votes = 0;
    for (size_t f = 0; f < n_parts; f++) {
        size_t votes = 0;
        for (size_t other = 0; other < n_parts; other++) {
            votes += r->single_feature[other] == r->single_feature[f];
        }
        const int is_better =
            votes > best_votes || (votes == best_votes && r->single_feature[f] < best);
        best = is_better ? r->single_feature[f] : best;
        best_votes = is_better ? votes : best_votes;
    }
    return best;
}

/* Scores of n held-out rows: the model's and the baselines'. */
static evtwin_status score_rows(evtwin_target_kind kind, const evtwin_score *counts,
                                const double *truth, const double *const predicted[],
                                const char *feature, evtwin_score out[EVTWIN__N_SCORED]) {
    for (int s = 0; s < EVTWIN__N_SCORED; s++) {
        out[s] = evtwin__score_unknown();
        out[s].n_train = counts->n_train;
        out[s].n_test = counts->n_test;
        out[s].n_folds = counts->n_folds;
        out[s].feature = s == EVTWIN_SCORED_SINGLE ? feature : "";
        if (s == EVTWIN_SCORED_MODEL || evtwin__baseline_key(kind, (evtwin_scored)s) != NULL) {
            EVTWIN_TRY(evtwin__score(kind, truth, predicted[s], counts->n_test, &out[s]));
        }
    }
    /* an answer that is always the same ranks nothing */
    out[EVTWIN_SCORED_MEAN].auc = out[EVTWIN_SCORED_MEAN].average_precision = NAN;
    return EVTWIN_OK;
}

static evtwin_status score_whole(evtwin_trainer *trainer, const evtwin__label *label, size_t t) {
    const evtwin__result *r = &trainer->result[t];
    evtwin__bundle_model *model = &trainer->bundle.model[t];
    const size_t n_test = evtwin_table_rows(r->held_out);
    const size_t n_folds = trainer->options.cv_folds > 0 ? label->n_parts : 0;
    const size_t n_used = label->n + label->n_elsewhere;
    const evtwin_score counts = {
        .n_train = n_folds > 0 ? n_used : n_used - n_test, .n_test = n_test, .n_folds = n_folds};
    const double *predicted[EVTWIN__N_SCORED];
    for (size_t s = 0; s < EVTWIN__N_SCORED; s++) {
        predicted[s] = evtwin__held(r, EVTWIN__HELD_SCORED + s);
    }
    model->single_feature = evtwin_features_name(evtwin__bundle_inputs(&trainer->bundle).features,
                                                 chosen_feature(r, label->n_parts));
    const evtwin_target_kind kind = trainer->target[t].kind;
    EVTWIN_TRY(score_rows(kind, &counts, evtwin__held(r, EVTWIN__HELD_TRUTH), predicted,
                          model->single_feature, model->score));
    if (kind == EVTWIN_TARGET_EVENT) {
        model->score[EVTWIN_SCORED_MEAN].base_rate =
            (double)(label->n_positive + label->n_positive_elsewhere) / (double)n_used;
    }
    return EVTWIN_OK;
}

/* Gather the rows of one fold and score them; v has room for all rows of truth and predictions. */
static evtwin_status score_fold(const evtwin_trainer *trainer, const evtwin__label *label, size_t t,
                                size_t fold, double *v) {
    const evtwin__result *r = &trainer->result[t];
    const size_t n_all = evtwin_table_rows(r->held_out);
    const int64_t *fold_of = evtwin_table_i64(r->held_out, EVTWIN__HELD_FOLD);
    const double *from[1 + EVTWIN__N_SCORED], *to[1 + EVTWIN__N_SCORED];
    size_t n = 0;
    for (size_t c = 0; c < 1 + EVTWIN__N_SCORED; c++) {
        from[c] = evtwin__held(r, EVTWIN__HELD_TRUTH + c);
        to[c] = v + c * n_all;
    }
    for (size_t i = 0; i < n_all; i++) {
        for (size_t c = 0; c < 1 + EVTWIN__N_SCORED && fold_of[i] == (int64_t)fold; c++) {
            v[c * n_all + n] = from[c][i];
        }
        n += fold_of[i] == (int64_t)fold;
    }
    const evtwin_score counts = {
        .n_train = label->n + label->n_elsewhere - n, .n_test = n, .n_folds = label->n_parts};
    const char *feature = evtwin_features_name(evtwin__bundle_inputs(&trainer->bundle).features,
                                               r->single_feature[fold]);
    return score_rows(trainer->target[t].kind, &counts, to[0], to + 1, feature, r->fold[fold]);
}

static evtwin_status score_folds(evtwin_trainer *trainer, const evtwin__label *label, size_t t) {
    evtwin__result *r = &trainer->result[t];
    const size_t n = evtwin_table_rows(r->held_out);
    if (trainer->options.cv_folds == 0) {
        return EVTWIN_OK;
    }
    double *v = evtwin__calloc(n, (1 + EVTWIN__N_SCORED) * sizeof *v);
    r->fold = evtwin__calloc(label->n_parts, sizeof *r->fold);
    evtwin_status st = EVTWIN_OK;
    if (v == NULL || r->fold == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to score %zu rows by fold", n);
    }
    for (size_t f = 0; f < label->n_parts && st >= 0; f++) {
        st = score_fold(trainer, label, t, f, v);
    }
    r->n_folds = st >= 0 ? label->n_parts : 0;
    evtwin__free(v);
    return st;
}

evtwin_status evtwin__evaluate(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t) {
    const evtwin__label *label = &data->label[t];
    evtwin__result *result = &trainer->result[t];
    EVTWIN_TRY(score_whole(trainer, label, t));
    EVTWIN_TRY(score_folds(trainer, label, t));
    evtwin_score *score = &trainer->bundle.model[t].score[EVTWIN_SCORED_MODEL];
    score->coverage = evtwin__coverage(result);
    score->raw_brier = result->raw_brier;
    result->score_is_known =
        !isnan(trainer->target[t].kind == EVTWIN_TARGET_EVENT ? score->auc : score->r2);
    return evtwin__claim(trainer, data, t);
}
