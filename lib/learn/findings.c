/* SPDX-License-Identifier: MIT */
/* learn/findings.c: what a reader should know of the data as a whole and of the scores. */

#include "learn/finding.h"

#include "core/num.h"
#include "core/status.h"
#include "learn/identity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- about the data ---- */

evtwin_status evtwin__find_absent(evtwin_trainer *trainer, size_t t, const char *name,
                                  const char *other) {
    return FIND(trainer, TARGET_ABSENT, NULL, TEXT(trainer->target[t].title),
                TEXT(name != NULL ? name : ""), TEXT(name != NULL ? " or " : ""), TEXT(other));
}

/* Which features are missing in rows even after the fill: "soh in 12, …". */
static const char *missing_features(const evtwin_trainer *trainer, size_t cols, char *text,
                                    size_t text_size) {
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < cols && used < text_size; i++) {
        if (trainer->clean[i].n_missing > 0) {
            used +=
                (size_t)snprintf(text + used, text_size - used, "%s%s in %zu", used > 0 ? ", " : "",
                                 trainer->bundle.feature[i].column, trainer->clean[i].n_missing);
        }
    }
    return text;
}

static const char *has(size_t n) {
    return n == 1 ? "has" : "have";
}

static evtwin_status find_left_out(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t) {
    const evtwin__label *l = &data->label[t];
    const size_t n_out = l->n_no_label + l->n_no_group + l->n_no_feature;
    if (n_out == 0) {
        return EVTWIN_OK;
    }
    char reasons[512] = "", features[256];
    size_t used = 0;
    if (l->n_no_label > 0) {
        used += (size_t)snprintf(reasons, sizeof reasons, "; %zu %s no %s", l->n_no_label,
                                 has(l->n_no_label), l->column);
    }
    if (l->n_no_group > 0 && used < sizeof reasons) {
        used += (size_t)snprintf(reasons + used, sizeof reasons - used, "; %zu %s no group",
                                 l->n_no_group, has(l->n_no_group));
    }
    if (l->n_no_feature > 0 && used < sizeof reasons) {
        snprintf(reasons + used, sizeof reasons - used,
                 "; %zu without a feature %s nothing before to carry forward (%s)", l->n_no_feature,
                 has(l->n_no_feature),
                 missing_features(trainer, data->cols, features, sizeof features));
    }
    return FIND_ONE_OF(trainer, 100 * (n_out - l->n_no_label) <= data->rows, ROWS_NOT_LABELLED,
                       ROWS_LEFT_OUT, COUNT(n_out), COUNT(data->rows),
                       TEXT(trainer->target[t].title), TEXT(reasons));
}

/* A battery seen once has no life to learn from, and many of them mean that the column names
 * something else. */
static evtwin_status find_one_row_groups(evtwin_trainer *trainer, const evtwin__dataset *data) {
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
    return n_single == 0
               ? EVTWIN_OK
               : evtwin__find_one_row_groups(trainer, n_single, g->names.n, g->names.text[example]);
}

evtwin_status evtwin__find_one_row_groups(evtwin_trainer *trainer, size_t n, size_t n_groups,
                                          const char *first) {
    return FIND_ONE_OF(trainer, trainer->options.allow_single_rows, ONE_ROW_GROUPS,
                       ONE_ROW_GROUPS_REFUSED, COUNT(n), COUNT(n_groups), TEXT(first));
}

evtwin_status evtwin__find_cleaned(evtwin_trainer *trainer, size_t cols) {
    const evtwin_clean_report *clean = trainer->clean;
    size_t n_filled = 0, n_outliers = 0, worst = 0;
    for (size_t i = 0; i < cols; i++) {
        n_filled += clean[i].n_filled;
        n_outliers += clean[i].n_outliers;
        worst = clean[i].n_outliers > clean[worst].n_outliers ? i : worst;
    }
    if (n_filled > 0) {
        EVTWIN_TRY(FIND(trainer, FILLED_FORWARD, NULL, COUNT(n_filled)));
    }
    return n_outliers == 0
               ? EVTWIN_OK
               : FIND(trainer, OUTLIERS, NULL, COUNT(n_outliers),
                      TEXT(trainer->bundle.feature[worst].column), COUNT(clean[worst].n_outliers));
}

evtwin_status evtwin__find_in_counts(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__label *l = &data->label[t];
        if (l->is_present) {
            EVTWIN_TRY(find_left_out(trainer, data, t));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__find_in_data(evtwin_trainer *trainer, const evtwin__dataset *data) {
    EVTWIN_TRY(evtwin__find_in_counts(trainer, data));
    const int has_time = data->groups.time_col != EVTWIN_NO_COLUMN;
    EVTWIN_TRY(strcmp(trainer->split_by, "time") != 0
                   ? find_one_row_groups(trainer, data)
                   : FIND(trainer, ONE_SERIES, NULL,
                          TEXT(has_time ? "in time" : "of the rows (there is no time column)")));
    return evtwin__find_cleaned(trainer, data->cols);
}

/* ---- about the scores ---- */

static const evtwin_score *score_of(const evtwin_trainer *trainer, size_t t, evtwin_scored scored) {
    return &trainer->bundle.model[t].score[scored];
}

static int is_event(const evtwin_trainer *trainer, size_t t) {
    return trainer->target[t].kind == EVTWIN_TARGET_EVENT;
}

/* There is no R2 (AUC) where all that is held out is alike; the figures that remain would praise
 * any constant. */
static evtwin_status find_unknown(evtwin_trainer *trainer, size_t t) {
    const evtwin__result *r = &trainer->result[t];
    const size_t n_test = score_of(trainer, t, EVTWIN_SCORED_MODEL)->n_test;
    const evtwin__argument figure = TEXT(is_event(trainer, t) ? "AUC" : "R2");
    const evtwin__argument title = TEXT(trainer->target[t].title);
    if (r->score_is_known) {
        return EVTWIN_OK;
    }
    if (n_test == 1) {
        return FIND(trainer, ONE_ROW_HELD_OUT, NULL, figure, title);
    }
    char value[EVTWIN__NUM_SIZE];
    evtwin__format_f64(evtwin_table_number(r->held_out, EVTWIN__HELD_TRUTH, 0), value);
    return FIND(trainer, ALL_ALIKE, NULL, figure, title, TEXT(trainer->bundle.model[t].column),
                TEXT(value), COUNT(n_test));
}

static const char *mean_name(const evtwin_trainer *trainer, size_t t) {
    return is_event(trainer, t) ? "the base rate" : "the mean of the training part";
}

static evtwin_status find_few_blocks(evtwin_trainer *trainer, const evtwin__dataset *data,
                                     size_t t) {
    const evtwin__result *r = &trainer->result[t];
    if (r->n_blocks >= EVTWIN__ENOUGH_BLOCKS) {
        return EVTWIN_OK;
    }
    char held_out[64] = "one row is"; /* of groups and days there are two at least */
    if (r->n_blocks > 1) {
        snprintf(held_out, sizeof held_out, "%zu %s are", r->n_blocks, r->block_name);
    }
    const int folds_would_do =
        trainer->options.cv_folds == 0 && data->label[t].n_groups_used >= EVTWIN__ENOUGH_BLOCKS;
    return FIND_ONE_OF(trainer, r->can_be_judged, FEW_TO_JUDGE, TOO_FEW_TO_JUDGE,
                       TEXT(trainer->target[t].title), TEXT(mean_name(trainer, t)), TEXT(held_out),
                       COUNT(EVTWIN__ENOUGH_BLOCKS),
                       TEXT(folds_would_do ? " (folds hold out each group once)" : ""));
}

static evtwin_status find_no_signal(evtwin_trainer *trainer, size_t t) {
    const evtwin__result *r = &trainer->result[t];
    if (r->beats_chance || !r->score_is_known || !r->can_be_judged) {
        return EVTWIN_OK;
    }
    const evtwin_score *s = score_of(trainer, t, EVTWIN_SCORED_MODEL);
    const int is_probability = is_event(trainer, t);
    return FIND(trainer, NO_SIGNAL, NULL, TEXT(trainer->target[t].title),
                TEXT(is_probability ? "AUC" : "R2"), FIGURE(is_probability ? s->auc : s->r2, 4),
                TEXT(is_probability ? "Brier" : "RMSE"),
                DIGITS(is_probability ? s->brier : s->rmse, 5), COUNT(s->n_test),
                TEXT(mean_name(trainer, t)), TEXT(r->block_name),
                TEXT(trainer->bundle.model[t].column));
}

/* A baseline in words: "the best single feature (", "soh", ")". */
typedef struct baseline_words {
    const char *name, *detail, *end;
} baseline_words;

static baseline_words words_of(const evtwin_trainer *trainer, size_t t, evtwin_scored baseline,
                               const char *cycles_column) {
    switch (baseline) {
    case EVTWIN_SCORED_MEAN_LIFE:
        return (baseline_words){
            "the mean-life baseline (mean life of the training batteries minus ", cycles_column,
            ")"};
    case EVTWIN_SCORED_SINGLE:
        return (baseline_words){"the best single feature (",
                                score_of(trainer, t, EVTWIN_SCORED_SINGLE)->feature, ")"};
    default:
        return (baseline_words){is_event(trainer, t) ? "the base rate" : "the training mean", "",
                                ""};
    }
}

typedef struct ratio_words {
    char text[160];
} ratio_words;

/* "; ratio 0.556, 90 % interval 0.509 to 0.618", as far as it is known: over a baseline without an
 * error there is none. */
static ratio_words words_of_ratio(const evtwin_score *model) {
    const double v[] = {model->ratio, model->ratio_low, model->ratio_high};
    char number[3][EVTWIN__NUM_SIZE];
    ratio_words w = {""};
    for (size_t i = 0; i < 3; i++) {
        evtwin__format_f64(isfinite(v[i]) ? evtwin__round_digits(v[i], 3) : 0.0, number[i]);
    }
    if (isfinite(model->ratio)) {
        snprintf(w.text, sizeof w.text, "; ratio %s", number[0]);
    }
    if (isfinite(model->ratio_low) && isfinite(model->ratio_high)) {
        snprintf(w.text, sizeof w.text, "; ratio %s, 90 %% interval %s to %s", number[0], number[1],
                 number[2]);
    }
    return w;
}

/* A ratio by three digits behind the point: one that reads 1.000 is 1, or a forest that answers as
 * the best feature does would beat it, or lose to it, by the rounding of its numbers. */
enum { RATIO_STEPS = 1000 };

static double as_shown(double ratio) {
    return round(ratio * RATIO_STEPS) / RATIO_STEPS;
}

/* Compare a model with the best of its baselines, by RMSE (of an event: Brier score). Without an
 * interval nothing is claimed but a loss; without a signal the best of them is no better than the
 * mean, and nothing is gained over it. */
static evtwin_status compare(evtwin_trainer *trainer, size_t t, const char *cycles_column) {
    const evtwin_score *score = trainer->bundle.model[t].score;
    const evtwin_score *model = &score[EVTWIN_SCORED_MODEL];
    const evtwin_scored best = evtwin__best_baseline(trainer->target[t].kind, score);
    const baseline_words w = words_of(trainer, t, best, cycles_column);
    const int is_probability = is_event(trainer, t);
    const ratio_words ratio = words_of_ratio(model);
    const evtwin__argument title = TEXT(trainer->target[t].title);
    const evtwin__argument figure = TEXT(is_probability ? "Brier" : "RMSE");
    const evtwin__argument own = DIGITS(is_probability ? model->brier : model->rmse, 5);
    const evtwin__argument other = DIGITS(is_probability ? score[best].brier : score[best].rmse, 5);
#define COMPARED                                                                                   \
    title, figure, own, TEXT(w.name), TEXT(w.detail), TEXT(w.end), figure, other, TEXT(ratio.text)
    if (trainer->result[t].beats_chance && as_shown(model->ratio_high) < 1.0) {
        return FIND(trainer, BEATS_ALL, NULL, COMPARED);
    }
    /* a classifier that makes no mistake loses to nothing: 0.999 instead of 1 is a matter of trees
     */
    const int is_perfect = is_probability && model->auc >= 1.0;
    const int is_worse = as_shown(model->ratio_low) > 1.0 ||
                         (isnan(model->ratio_low) && !(as_shown(model->ratio) <= 1.0));
    return FIND_ONE_OF(trainer, is_worse && !is_perfect, LOSES_TO_ANOTHER, TIES_BEST, COMPARED);
#undef COMPARED
}

/* A classifier may also rank worse than one feature does; as well as it is no loss, least of all
 * where both are perfect. */
static evtwin_status compare_ranks(evtwin_trainer *trainer, size_t t) {
    const evtwin_score *model = score_of(trainer, t, EVTWIN_SCORED_MODEL);
    const evtwin_score *single = score_of(trainer, t, EVTWIN_SCORED_SINGLE);
    return model->auc < single->auc
               ? FIND(trainer, LOSES_TO_FEATURE, NULL, TEXT(trainer->target[t].title),
                      FIGURE(model->auc, 4), TEXT(single->feature), FIGURE(single->auc, 4))
               : EVTWIN_OK;
}

/* Errors of few batteries do not say what another's may be. */
static evtwin_status find_guess(evtwin_trainer *trainer, size_t t) {
    const evtwin__interval *interval = &trainer->bundle.model[t].interval;
    return interval->n_bands > 0 && evtwin__interval_is_guess(interval)
               ? FIND(trainer, INTERVAL_GUESS, NULL, TEXT(trainer->target[t].title),
                      COUNT(interval->n_batteries), COUNT(EVTWIN__INTERVAL_ENOUGH))
               : EVTWIN_OK;
}

static evtwin_status find_not_calibrated(evtwin_trainer *trainer, size_t t) {
    const evtwin__calibration *c = &trainer->bundle.model[t].calibration;
    return is_event(trainer, t) && !evtwin__calibration_is_known(c)
               ? FIND(trainer, NOT_CALIBRATED, NULL, TEXT(trainer->target[t].title),
                      COUNT(EVTWIN__CALIBRATION_ENOUGH), COUNT(EVTWIN__CALIBRATION_ENOUGH),
                      COUNT(c->n_with), COUNT(c->n_without))
               : EVTWIN_OK;
}

evtwin_status evtwin__find_in_scores(evtwin_trainer *trainer, const evtwin__dataset *data) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (trainer->bundle.model[t].is_present) {
            EVTWIN_TRY(find_unknown(trainer, t));
            EVTWIN_TRY(find_few_blocks(trainer, data, t));
            EVTWIN_TRY(find_no_signal(trainer, t));
            EVTWIN_TRY(find_guess(trainer, t));
            EVTWIN_TRY(find_not_calibrated(trainer, t));
        }
    }
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (trainer->bundle.model[t].is_present && trainer->result[t].score_is_known) {
            EVTWIN_TRY(compare(trainer, t, data->cycles_column));
            EVTWIN_TRY(is_event(trainer, t) ? compare_ranks(trainer, t) : EVTWIN_OK);
        }
    }
    return EVTWIN_OK;
}
