/* SPDX-License-Identifier: MIT */
/* learn/trainer_notes.c: say in words what a reader of the scores should know. */

#include "learn/trainer.h"

#include "evtwin/telemetry.h"

#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"
#include "learn/columns.h"

#include <stdio.h>
#include <string.h>

static const char *const model_label[EVTWIN__N_TARGETS] = {"RUL", "failure"};

/* ---- about the data ---- */

/* Which features are missing in rows even after the fill: "soh (12 rows), …". */
static const char *missing_features(const evtwin_trainer *trainer, size_t cols, char *text,
                                    size_t text_size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < cols && used < text_size; i++) {
        if (trainer->origin[i].clean.n_missing > 0) {
            const int n =
                snprintf(text + used, text_size - used, "%s%s in %zu", used > 0 ? ", " : "",
                         trainer->origin[i].column, trainer->origin[i].clean.n_missing);
            used += (size_t)n;
        }
    }
    return text;
}

static evtwin_status note_left_out(evtwin_trainer *trainer, const evtwin__dataset *data,
                                   int which) {
    const evtwin__target *t = &data->target[which];
    const size_t n_out = t->n_no_target + t->n_no_group + t->n_no_feature;
    if (!t->present || n_out == 0) {
        return EVTWIN_OK;
    }
    char reasons[512] = "", features[256];
    size_t used = 0;
    if (t->n_no_target > 0) {
        used += (size_t)snprintf(reasons, sizeof reasons, "; %zu have no %s", t->n_no_target,
                                 t->column);
    }
    if (t->n_no_group > 0 && used < sizeof reasons) {
        used += (size_t)snprintf(reasons + used, sizeof reasons - used, "; %zu have no group",
                                 t->n_no_group);
    }
    if (t->n_no_feature > 0 && used < sizeof reasons) {
        snprintf(reasons + used, sizeof reasons - used,
                 "; %zu lack a feature and have nothing before them to carry forward (%s)",
                 t->n_no_feature, missing_features(trainer, data->cols, features, sizeof features));
    }
    return evtwin__findings_add(&trainer->findings, "rows-left-out", "warning",
                                "%zu of %zu rows are left out of the %s model and its score%s",
                                n_out, data->rows, model_label[which], reasons);
}

static evtwin_status note_censored(evtwin_trainer *trainer, const evtwin__dataset *data,
                                   int which) {
    const evtwin__target *t = &data->target[which];
    if (!t->present || t->n_groups_without == 0) {
        return EVTWIN_OK;
    }
    return evtwin__findings_add(
        &trainer->findings, "censored", "info",
        "%zu of %zu groups have no usable row for the %s model: their outcome was not observed, "
        "and none is invented",
        t->n_groups_without, data->groups.n, model_label[which]);
}

/* A battery seen once has no life to learn from, and many of them mean that the column names
 * something else: an error, unless the caller says that it is meant. */
static evtwin_status note_one_row_groups(evtwin_trainer *trainer, const evtwin__dataset *data) {
    const evtwin__groups *g = &data->groups;
    size_t n_single = 0;
    int32_t example = -1;
    for (size_t k = 0; k < g->n_ordered; k++) {
        const int32_t group = g->of_row[g->order[k]];
        const int starts = k == 0 || g->of_row[g->order[k - 1]] != group;
        const int ends = k + 1 == g->n_ordered || g->of_row[g->order[k + 1]] != group;
        n_single += starts && ends;
        example = starts && ends && example < 0 ? group : example;
    }
    if (n_single == 0) {
        return EVTWIN_OK;
    }
    const char *verb = n_single == 1 ? "has" : "have";
    if (!trainer->options.allow_single_rows) {
        EVTWIN_FAIL(EVTWIN_E_DATA,
                    "%s: %zu of %zu batteries %s one row only (the first is '%s'): is another "
                    "column the battery's name?",
                    trainer->source_name, n_single, g->n, verb, g->name[example]);
    }
    return evtwin__findings_add(&trainer->findings, "one-row-groups", "info",
                                "%zu of %zu groups %s one row only (the first is '%s')", n_single,
                                g->n, verb, g->name[example]);
}

static evtwin_status note_series(evtwin_trainer *trainer, const evtwin__dataset *data) {
    if (strcmp(trainer->split_by, "time") != 0) {
        return note_one_row_groups(trainer, data);
    }
    const int has_time = data->groups.time_col != EVTWIN_NO_COLUMN;
    return evtwin__findings_add(
        &trainer->findings, "one-series", "info",
        "all usable rows belong to one series: the last fifth %s is held out, without a gap before "
        "it, so the scores say nothing about other batteries",
        has_time ? "in time" : "of the rows (there is no time column)");
}

static evtwin_status note_filled(evtwin_trainer *trainer, const evtwin__dataset *data) {
    size_t n_filled = 0, n_outliers = 0, worst = 0;
    for (size_t i = 0; i < data->cols; i++) {
        n_filled += trainer->origin[i].clean.n_filled;
        n_outliers += trainer->origin[i].clean.n_outliers;
        worst = trainer->origin[i].clean.n_outliers > trainer->origin[worst].clean.n_outliers
                    ? i
                    : worst;
    }
    evtwin_status st = EVTWIN_OK;
    if (n_filled > 0) {
        st = evtwin__findings_add(
            &trainer->findings, "filled-forward", "info",
            "%zu missing values were carried forward from the last known one of their group",
            n_filled);
    }
    if (st == EVTWIN_OK && n_outliers > 0) {
        st = evtwin__findings_add(&trainer->findings, "outliers", "info",
                                  "%zu values lie beyond 1.5 interquartile ranges of their column "
                                  "(most in %s: %zu); they are kept",
                                  n_outliers, trainer->origin[worst].column,
                                  trainer->origin[worst].clean.n_outliers);
    }
    return st;
}

/* What was presumed about telemetry columns: a unit that the header does not state, a sign. */
static evtwin_status note_units(evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < data->cols && st == EVTWIN_OK; i++) {
        const evtwin__feature_origin *origin = &trainer->origin[i];
        const char *name = evtwin_features_name(trainer->features, i);
        if (evtwin__unit_is_presumed(origin->column, origin->unit)) {
            st = evtwin__findings_add(&trainer->findings, "unit-presumed", "info",
                                      "column '%s' states no unit and is presumed to be in %s",
                                      origin->column, origin->unit);
        }
        if (st == EVTWIN_OK && strcmp(name, "current") == 0 && origin->max < 0.0) {
            st = evtwin__findings_add(&trainer->findings, "sign-as-is", "info",
                                      "column '%s' is negative in every row and taken as it is "
                                      "(negative = charging)",
                                      origin->column);
        }
    }
    return st;
}

evtwin_status evtwin__note_data(evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin_status st;
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        if ((st = note_left_out(trainer, data, t)) < 0 ||
            (st = note_censored(trainer, data, t)) < 0) {
            return st;
        }
    }
    if ((st = note_series(trainer, data)) < 0 || (st = note_units(trainer, data)) < 0) {
        return st;
    }
    return note_filled(trainer, data);
}

/* ---- about the scores ---- */

static size_t first_held_out(const evtwin__target *target) {
    size_t k = 0;
    while (k + 1 < target->n && target->part[k] < 0) {
        k++;
    }
    return target->row[k];
}

/* There is no R2 (AUC) where all that is held out is alike; the figures that remain would praise
 * any constant. */
static evtwin_status note_unknown(evtwin_trainer *trainer, const evtwin__dataset *data, int which) {
    static const char *const score[EVTWIN__N_TARGETS] = {"R2", "AUC"};
    const evtwin__result *r = &trainer->result[which];
    const evtwin__target *target = &data->target[which];
    const size_t n_test = which == EVTWIN__RUL ? r->rul.n_test : r->failure.n_test;
    if (n_test == 1) {
        return evtwin__findings_add(&trainer->findings, "score-unknown", "warning",
                                    "the %s of the %s model is unknown: one row only is held out, "
                                    "so nothing is said of how good the model is",
                                    score[which], model_label[which]);
    }
    char value[EVTWIN__NUM_SIZE];
    evtwin__format_f64(target->y[first_held_out(target)], value);
    return evtwin__findings_add(&trainer->findings, "score-unknown", "warning",
                                "the %s of the %s model is unknown: %s is %s in all %zu held-out "
                                "rows, so nothing is said of how good the model is",
                                score[which], model_label[which], target->column, value, n_test);
}

static evtwin_status note_few_blocks(evtwin_trainer *trainer, const evtwin__dataset *data,
                                     int which) {
    const evtwin__result *r = &trainer->result[which];
    if (r->n_blocks >= EVTWIN__ENOUGH_BLOCKS) {
        return EVTWIN_OK;
    }
    char held_out[64] = "one row is"; /* of groups and days there are two at least */
    if (r->n_blocks > 1) {
        snprintf(held_out, sizeof held_out, "%zu %s are", r->n_blocks, r->block_name);
    }
    const int folds_would_do = trainer->options.cv_folds == 0 &&
                               data->target[which].n_groups_used >= EVTWIN__ENOUGH_BLOCKS;
    return evtwin__findings_add(
        &trainer->findings, "too-few-groups", "warning",
        "whether the %s model beats %s by more than chance %s: %s held out, at least %d would "
        "show it%s",
        model_label[which],
        which == EVTWIN__RUL ? "the mean of the training part" : "the base rate",
        r->can_be_told ? "is told from little" : "cannot be told", held_out, EVTWIN__ENOUGH_BLOCKS,
        folds_would_do ? " (folds hold out each group once)" : "");
}

static evtwin_status note_signal(evtwin_trainer *trainer, int which) {
    const evtwin__result *r = &trainer->result[which];
    if (r->beats_chance || !r->score_is_known || !r->can_be_told) {
        return EVTWIN_OK;
    }
    char a[EVTWIN__ROUNDED_SIZE], b[EVTWIN__ROUNDED_SIZE];
    if (which == EVTWIN__RUL) {
        return evtwin__findings_add(
            &trainer->findings, "no-signal", "warning",
            "no signal: the RUL model (R2 %s, RMSE %s on %zu held-out rows) does not beat the mean "
            "of the training part by more than chance (95 %% bound by bootstrap over %s): the "
            "features say nothing about %s",
            evtwin__rounded(r->rul.r2, 4, a), evtwin__rounded(r->rul.rmse, 2, b), r->rul.n_test,
            r->block_name, r->column);
    }
    return evtwin__findings_add(
        &trainer->findings, "no-signal", "warning",
        "no signal: the failure model (AUC %s, Brier %s on %zu held-out rows) does not beat the "
        "base "
        "rate by more than chance (95 %% bound by bootstrap over %s): the features say nothing "
        "about %s",
        evtwin__rounded(r->failure.auc, 4, a), evtwin__rounded(r->failure.brier, 4, b),
        r->failure.n_test, r->block_name, r->column);
}

/* Compare the RUL model with the best of its base lines. */
static evtwin_status note_rul_base_lines(evtwin_trainer *trainer, const char *cycles_column) {
    const evtwin_rul_score *s = &trainer->result[EVTWIN__RUL].rul;
    char model[EVTWIN__ROUNDED_SIZE], base[EVTWIN__ROUNDED_SIZE], name[256] = "the training mean";
    double best = s->mean_rmse;
    if (s->countdown_rmse < best) {
        best = s->countdown_rmse;
        snprintf(name, sizeof name, "countdown (mean life of the training batteries minus %s)",
                 cycles_column);
    }
    if (s->single_rmse < best) {
        best = s->single_rmse;
        snprintf(name, sizeof name, "the best single feature (%s)", s->single_feature);
    }
    evtwin__rounded(s->rmse, 2, model);
    evtwin__rounded(best, 2, base);
    if (s->rmse < best) {
        return evtwin__findings_add(&trainer->findings, "beats-baselines", "info",
                                    "the RUL model (RMSE %s) beats every base line; the best of "
                                    "them is %s with RMSE %s",
                                    model, name, base);
    }
    return evtwin__findings_add(
        &trainer->findings, "loses-to-baseline", "warning",
        "the RUL model (RMSE %s) loses to a base line: %s has RMSE %s on the same rows", model,
        name, base);
}

/* Compare the failure model with the base rate (Brier score) and the best single feature (AUC). */
static evtwin_status note_failure_base_lines(evtwin_trainer *trainer) {
    const evtwin_failure_score *s = &trainer->result[EVTWIN__FAILURE].failure;
    char model[EVTWIN__ROUNDED_SIZE], base[EVTWIN__ROUNDED_SIZE];
    evtwin_status st = EVTWIN_OK;
    const int loses_brier = !(s->brier < s->base_rate_brier);
    const int loses_auc = s->auc <= s->single_auc;
    if (loses_brier) {
        st = evtwin__findings_add(&trainer->findings, "loses-to-baseline", "warning",
                                  "the failure model (Brier %s) loses to a base line: always "
                                  "answering the base rate has Brier %s on the same rows",
                                  evtwin__rounded(s->brier, 4, model),
                                  evtwin__rounded(s->base_rate_brier, 4, base));
    }
    if (st == EVTWIN_OK && loses_auc) {
        st = evtwin__findings_add(
            &trainer->findings, "loses-to-baseline", "warning",
            "the failure model (AUC %s) loses to a base line: %s alone has AUC "
            "%s on the same rows",
            evtwin__rounded(s->auc, 4, model), s->single_feature,
            evtwin__rounded(s->single_auc, 4, base));
    }
    if (st == EVTWIN_OK && !loses_brier && !loses_auc) {
        st = evtwin__findings_add(&trainer->findings, "beats-baselines", "info",
                                  "the failure model (AUC %s) beats the base rate; the best single "
                                  "feature (%s) has AUC %s",
                                  evtwin__rounded(s->auc, 4, model), s->single_feature,
                                  evtwin__rounded(s->single_auc, 4, base));
    }
    return st;
}

static evtwin_status note_base_lines(evtwin_trainer *trainer, const evtwin__dataset *data,
                                     int which) {
    if (!trainer->result[which].score_is_known) {
        return EVTWIN_OK;
    }
    return which == EVTWIN__RUL ? note_rul_base_lines(trainer, data->cycles_column)
                                : note_failure_base_lines(trainer);
}

evtwin_status evtwin__note_scores(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        const evtwin__result *r = &trainer->result[t];
        evtwin_status st = EVTWIN_OK;
        if (!r->present) {
            continue;
        }
        if ((!r->score_is_known && (st = note_unknown(trainer, data, t)) < 0) ||
            (st = note_few_blocks(trainer, data, t)) < 0 || (st = note_signal(trainer, t)) < 0) {
            return st;
        }
    }
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        const evtwin_status st = note_base_lines(trainer, data, t);
        if (st < 0) {
            return st;
        }
    }
    return EVTWIN_OK;
}
