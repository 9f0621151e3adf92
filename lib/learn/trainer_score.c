/* SPDX-License-Identifier: MIT */
/* learn/trainer_score.c: score held-out predictions whole and by fold, and test them against
 * chance. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/bootstrap.h"

#include <math.h>

/* The held-out rows of one target side by side. */
typedef struct held_out {
    size_t n;
    size_t *k; /* place among the target's rows */
    double *truth, *model, *mean, *countdown, *single;
} held_out;

static void held_out_clear(held_out *h) {
    evtwin__free(h->k);
    evtwin__free(h->truth);
    evtwin__free(h->model);
    evtwin__free(h->mean);
    evtwin__free(h->countdown);
    evtwin__free(h->single);
}

/* Gather the rows of one fold, or of all for part -1. h has room for all. */
static void gather(const evtwin__target *target, const evtwin__predictions *p, int32_t part,
                   held_out *h) {
    h->n = 0;
    for (size_t k = 0; k < target->n; k++) {
        if (part < 0 ? target->part[k] >= 0 : target->part[k] == part) {
            const size_t i = h->n++;
            h->k[i] = k;
            h->truth[i] = target->y[target->row[k]];
            h->model[i] = p->model[k];
            h->mean[i] = p->mean[k];
            h->countdown[i] = p->countdown[k];
            h->single[i] = p->single[k];
        }
    }
}

static evtwin_status held_out_alloc(size_t n, held_out *h) {
    h->k = evtwin__calloc(n, sizeof *h->k);
    h->truth = evtwin__calloc(n, sizeof *h->truth);
    h->model = evtwin__calloc(n, sizeof *h->model);
    h->mean = evtwin__calloc(n, sizeof *h->mean);
    h->countdown = evtwin__calloc(n, sizeof *h->countdown);
    h->single = evtwin__calloc(n, sizeof *h->single);
    if (h->k == NULL || h->truth == NULL || h->model == NULL || h->mean == NULL ||
        h->countdown == NULL || h->single == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory to score %zu rows", n);
    }
    return EVTWIN_OK;
}

/* ---- the two kinds of score ---- */

/* The feature that most folds chose, the first of equals. */
static const char *chosen_feature(const evtwin_trainer *trainer, const evtwin__predictions *p,
                                  size_t n_parts) {
    size_t best = 0, best_votes = 0;
    for (size_t f = 0; f < n_parts; f++) {
        size_t votes = 0;
        for (size_t other = 0; other < n_parts; other++) {
            votes += p->single_feature[other] == p->single_feature[f];
        }
        const int is_better =
            votes > best_votes || (votes == best_votes && p->single_feature[f] < best);
        best = is_better ? p->single_feature[f] : best;
        best_votes = is_better ? votes : best_votes;
    }
    return evtwin_features_name(trainer->features, best);
}

static void score_rul(const evtwin_trainer *trainer, const evtwin__target *target,
                      const evtwin__predictions *p, const held_out *h, evtwin_rul_score *out) {
    const evtwin__number_score model = evtwin__score_numbers(h->truth, h->model, h->n);
    const evtwin__number_score mean = evtwin__score_numbers(h->truth, h->mean, h->n);
    const evtwin__number_score countdown = evtwin__score_numbers(h->truth, h->countdown, h->n);
    const evtwin__number_score single = evtwin__score_numbers(h->truth, h->single, h->n);
    const size_t n_folds = trainer->options.cv_folds > 0 ? target->n_parts : 0;
    *out = (evtwin_rul_score){.size = sizeof *out,
                              .n_train = n_folds > 0 ? target->n : target->n - h->n,
                              .n_test = h->n,
                              .n_folds = n_folds,
                              .r2 = model.r2,
                              .rmse = model.rmse,
                              .mae = model.mae,
                              .mean_r2 = mean.r2,
                              .mean_rmse = mean.rmse,
                              .countdown_r2 = countdown.r2,
                              .countdown_rmse = countdown.rmse,
                              .single_r2 = single.r2,
                              .single_rmse = single.rmse,
                              .single_feature = chosen_feature(trainer, p, target->n_parts)};
}

static evtwin_status score_failure(const evtwin_trainer *trainer, const evtwin__target *target,
                                   const evtwin__predictions *p, const held_out *h,
                                   evtwin_failure_score *out) {
    evtwin_status st;
    evtwin__class_score model, mean, single;
    if ((st = evtwin__score_classes(h->truth, h->model, h->n, &model)) < 0 ||
        (st = evtwin__score_classes(h->truth, h->mean, h->n, &mean)) < 0 ||
        (st = evtwin__score_classes(h->truth, h->single, h->n, &single)) < 0) {
        return st;
    }
    double n_positive = 0.0;
    for (size_t k = 0; k < target->n; k++) {
        n_positive += target->y[target->row[k]];
    }
    const size_t n_folds = trainer->options.cv_folds > 0 ? target->n_parts : 0;
    *out = (evtwin_failure_score){.size = sizeof *out,
                                  .n_train = n_folds > 0 ? target->n : target->n - h->n,
                                  .n_test = h->n,
                                  .n_folds = n_folds,
                                  .auc = model.auc,
                                  .average_precision = model.average_precision,
                                  .accuracy = model.accuracy,
                                  .brier = model.brier,
                                  .base_rate = n_positive / (double)target->n,
                                  .base_rate_brier = mean.brier,
                                  .base_rate_accuracy = mean.accuracy,
                                  .single_auc = single.auc,
                                  .single_feature = chosen_feature(trainer, p, target->n_parts)};
    return EVTWIN_OK;
}

static evtwin_status score_fold(int which, const held_out *h, evtwin__fold *fold) {
    fold->n_test = h->n;
    if (which == EVTWIN__RUL) {
        fold->number = evtwin__score_numbers(h->truth, h->model, h->n);
        return EVTWIN_OK;
    }
    return evtwin__score_classes(h->truth, h->model, h->n, &fold->classes);
}

/* ---- better than chance? ---- */

enum { MIN_DAYS = 10, N_RUNS = 50 };

/* Number the blocks of the held-out rows, which come by group, then time: groups where there are
 * two or more, else days, else runs of neighbouring rows; and how many of them it takes to judge.
 */
static size_t number_blocks(const evtwin__dataset *data, const evtwin__target *target,
                            const held_out *h, size_t *block, const char **name_out,
                            size_t *needed_out) {
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) {
        const int32_t *of_row = data->groups.of_row;
        n += i == 0 || of_row[target->row[h->k[i]]] != of_row[target->row[h->k[i - 1]]];
        block[i] = n - 1;
    }
    *name_out = "groups";
    *needed_out = EVTWIN__MIN_GROUPS;
    if (n >= EVTWIN__MIN_GROUPS) {
        return n;
    }
    *needed_out = EVTWIN__ENOUGH_BLOCKS;

    const int64_t day_us = INT64_C(86400000000);
    const int64_t *time_us = data->groups.time_col != EVTWIN_NO_COLUMN
                                 ? evtwin_table_i64(data->table, data->groups.time_col)
                                 : NULL;
    int64_t day = 0;
    n = 0;
    for (size_t i = 0; i < h->n && time_us != NULL; i++) {
        const int64_t t = time_us[target->row[h->k[i]]];
        const int64_t row_day = t / day_us - (t % day_us < 0);
        n += i == 0 || row_day != day;
        day = row_day;
        block[i] = n - 1;
    }
    *name_out = "days";
    if (n >= MIN_DAYS) {
        return n;
    }

    const size_t n_runs = h->n < N_RUNS ? h->n : N_RUNS;
    for (size_t i = 0; i < h->n; i++) {
        block[i] = i * n_runs / h->n;
    }
    *name_out = n_runs < h->n ? "runs of rows" : "rows";
    return n_runs;
}

/* Is the squared error (the Brier score of a classifier) less than the mean's by more than chance?
 */
static evtwin_status test_chance(const evtwin_trainer *trainer, const evtwin__dataset *data,
                                 const evtwin__target *target, const held_out *h,
                                 evtwin__result *result) {
    evtwin_status st = EVTWIN_OK;
    size_t *block = evtwin__calloc(h->n, sizeof *block);
    double *gain = evtwin__calloc(h->n, sizeof *gain);
    if (block == NULL || gain == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a bootstrap of %zu rows", h->n);
        goto done;
    }
    size_t n_needed;
    const size_t n_blocks = number_blocks(data, target, h, block, &result->block_name, &n_needed);
    for (size_t i = 0; i < h->n; i++) {
        const double mean_error = h->mean[i] - h->truth[i];
        const double model_error = h->model[i] - h->truth[i];
        gain[block[i]] += mean_error * mean_error - model_error * model_error;
    }
    double bound;
    st = evtwin__bootstrap_bound(gain, n_blocks, trainer->options.seed, &bound);
    if (st == EVTWIN_OK) {
        result->n_blocks = n_blocks;
        result->can_be_told = n_blocks >= n_needed;
        result->beats_chance = result->score_is_known && result->can_be_told && bound > 0.0;
    }

done:
    evtwin__free(block);
    evtwin__free(gain);
    return st;
}

evtwin_status evtwin__trainer_score(evtwin_trainer *trainer, const evtwin__dataset *data, int which,
                                    const evtwin__predictions *p) {
    const evtwin__target *target = &data->target[which];
    evtwin__result *result = &trainer->result[which];
    held_out h = {0};
    evtwin_status st = held_out_alloc(target->n, &h);
    if (st < 0) {
        goto done;
    }
    gather(target, p, -1, &h);
    if (which == EVTWIN__RUL) {
        score_rul(trainer, target, p, &h, &result->rul);
        result->score_is_known = !isnan(result->rul.r2);
    } else {
        if ((st = score_failure(trainer, target, p, &h, &result->failure)) < 0) {
            goto done;
        }
        result->score_is_known = !isnan(result->failure.auc);
    }
    if ((st = test_chance(trainer, data, target, &h, result)) < 0) {
        goto done;
    }

    result->fold = evtwin__calloc(target->n_parts, sizeof *result->fold);
    if (result->fold == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for %zu folds", target->n_parts);
        goto done;
    }
    result->n_folds = target->n_parts;
    for (size_t f = 0; f < target->n_parts && st == EVTWIN_OK; f++) {
        gather(target, p, (int32_t)f, &h);
        st = score_fold(which, &h, &result->fold[f]);
    }

done:
    held_out_clear(&h);
    return st;
}
