/* SPDX-License-Identifier: MIT */
/* learn/claim.c: what may be said of a score: is it better than chance, than the best baseline, and
 * how sure is that? By bootstrap over the batteries that were held out. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>

/* ---- what stands for itself ---- */

enum { MIN_DAYS = 10, N_RUNS = 50 };

/* Number the blocks of the held-out rows, which come by group, then time: groups where there are
 * two or more, else days, else runs of neighbouring rows; and how many of them it takes to judge.
 */
static size_t number_blocks(const evtwin__dataset *data, const evtwin__result *r, size_t *block,
                            const char **name_out, size_t *needed_out) {
    const size_t n_rows = evtwin_table_rows(r->held_out);
    const int64_t *row = evtwin_table_i64(r->held_out, EVTWIN__HELD_ROW);
    const int32_t *group = evtwin_table_codes(r->held_out, EVTWIN__HELD_GROUP);
    size_t n = 0;
    for (size_t i = 0; i < n_rows; i++) {
        n += i == 0 || group[i] != group[i - 1];
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
    for (size_t i = 0; i < n_rows && (time_us != NULL || data->held_us != NULL); i++) {
        const int64_t t = data->held_us != NULL ? data->held_us[i] : time_us[row[i]];
        const int64_t row_day = t / day_us - (t % day_us < 0);
        n += i == 0 || row_day != day;
        day = row_day;
        block[i] = n - 1;
    }
    *name_out = "days";
    if (n >= MIN_DAYS) {
        return n;
    }

    const size_t n_runs = n_rows < N_RUNS ? n_rows : N_RUNS;
    for (size_t i = 0; i < n_rows; i++) {
        block[i] = i * n_runs / n_rows;
    }
    *name_out = n_runs < n_rows ? "runs of rows" : "rows";
    return n_runs;
}

/* Sums of each block: squared errors by what was scored, rows, absolute errors of the model. */
typedef struct sums {
    double *squares[EVTWIN__N_SCORED], *rows, *absolute; /* (n) */
    double *owned;
    size_t n;
} sums;

static evtwin_status sum_blocks(const evtwin__result *r, const size_t *block, size_t n, sums *s) {
    const size_t n_rows = evtwin_table_rows(r->held_out);
    const double *truth = evtwin__held(r, EVTWIN__HELD_TRUTH);
    *s = (sums){.n = n};
    s->owned = evtwin__calloc(n, (EVTWIN__N_SCORED + 2) * sizeof *s->owned);
    EVTWIN_FAIL_IF(s->owned == NULL, EVTWIN_E_NOMEM, "out of memory for a bootstrap");
    s->rows = s->owned;
    s->absolute = s->rows + n;
    for (size_t k = 0; k < EVTWIN__N_SCORED; k++) {
        const double *predicted = evtwin__held(r, EVTWIN__HELD_SCORED + k);
        s->squares[k] = s->owned + (k + 2) * n;
        for (size_t i = 0; i < n_rows; i++) {
            const double error = predicted[i] - truth[i];
            s->squares[k][block[i]] += error * error;
            s->absolute[block[i]] += k == EVTWIN_SCORED_MODEL ? fabs(error) : 0.0;
            s->rows[block[i]] += k == EVTWIN_SCORED_MODEL;
        }
    }
    return EVTWIN_OK;
}

/* The error of a score that baselines are compared by. */
static double error_of(evtwin_target_kind kind, const evtwin_score *s) {
    return kind == EVTWIN_TARGET_EVENT ? s->brier : s->rmse;
}

evtwin_scored evtwin__best_baseline(evtwin_target_kind kind,
                                    const evtwin_score score[EVTWIN__N_SCORED]) {
    evtwin_scored best = EVTWIN_SCORED_MEAN;
    for (int k = EVTWIN_SCORED_MEAN + 1; k < EVTWIN__N_SCORED; k++) {
        if (error_of(kind, &score[k]) < error_of(kind, &score[best])) {
            best = (evtwin_scored)k;
        }
    }
    return best;
}

/* Mean over batteries of each one's own mean absolute error; of one series its own. */
static double mean_of_means(const sums *s) {
    double sum = 0.0;
    for (size_t b = 0; b < s->n; b++) {
        sum += s->absolute[b] / s->rows[b];
    }
    return sum / (double)s->n;
}

/* Errors are roots of means, for a number. */
static double as_error(evtwin_target_kind kind, double mean_square) {
    return kind == EVTWIN_TARGET_EVENT ? mean_square : sqrt(mean_square);
}

static evtwin_status claim_of(evtwin_trainer *trainer, size_t t, const sums *s, int has_enough) {
    const evtwin_target_kind kind = trainer->target[t].kind;
    evtwin__result *result = &trainer->result[t];
    evtwin_score *score = trainer->bundle.model[t].score, *model = &score[EVTWIN_SCORED_MODEL];
    const evtwin_scored best = evtwin__best_baseline(kind, score);
    const uint64_t seed = trainer->options.seed;
    const double *squares = s->squares[EVTWIN_SCORED_MODEL];
    const double error = error_of(kind, model), other = error_of(kind, &score[best]);
    double chance[2], ratio[2], interval[2];
    EVTWIN_TRY(
        evtwin__bootstrap_ratio(squares, s->squares[EVTWIN_SCORED_MEAN], s->n, seed, chance));
    EVTWIN_TRY(evtwin__bootstrap_ratio(squares, s->squares[best], s->n, seed, ratio));
    EVTWIN_TRY(evtwin__bootstrap_ratio(squares, s->rows, s->n, seed, interval));
    result->beats_chance = result->score_is_known && result->can_be_judged && chance[1] < 1.0;
    model->ratio = other > 0.0 ? error / other : (double)NAN;
    if (has_enough) {
        model->error_low = as_error(kind, interval[0]);
        model->error_high = as_error(kind, interval[1]);
    }
    if (has_enough && isfinite(model->ratio) && isfinite(ratio[1])) {
        model->ratio_low = as_error(kind, ratio[0]);
        model->ratio_high = as_error(kind, ratio[1]);
    }
    if (kind == EVTWIN_TARGET_NUMBER) {
        const int has_groups = result->block_is_group;
        model->battery_mae = has_groups ? mean_of_means(s) : model->mae;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__claim(evtwin_trainer *trainer, const evtwin__dataset *data, size_t t) {
    evtwin__result *result = &trainer->result[t];
    const size_t n_rows = evtwin_table_rows(result->held_out);
    size_t *block = evtwin__calloc(n_rows, sizeof *block), n_needed;
    EVTWIN_FAIL_IF(block == NULL, EVTWIN_E_NOMEM, "out of memory for a bootstrap of %zu rows",
                   n_rows);
    result->n_blocks = number_blocks(data, result, block, &result->block_name, &n_needed);
    result->block_is_group = n_needed == EVTWIN__MIN_GROUPS;
    result->can_be_judged = result->n_blocks >= n_needed;
    sums s;
    evtwin_status st = sum_blocks(result, block, result->n_blocks, &s);
    if (st >= 0) {
        st = claim_of(trainer, t, &s, result->n_blocks >= EVTWIN__ENOUGH_BLOCKS);
    }
    evtwin__free(s.owned);
    evtwin__free(block);
    return st;
}
