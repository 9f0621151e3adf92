/* SPDX-License-Identifier: MIT */
/* learn/score.c: R2, RMSE, MAE; AUC, average precision, accuracy, Brier score; the bootstrap. */

#include "learn/score.h"

#include "core/mem.h"
#include "core/rng.h"
#include "core/status.h"
#include "learn/clean.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* ---- the list of figures ---- */

/* Errors of numbers are at most those of float32, in which models predict. */
#define NUMBER(SCORED, key, member, min, max, may_be_unknown)                                      \
    {                                                                                              \
        EVTWIN_TARGET_NUMBER, EVTWIN_SCORED_##SCORED, key, offsetof(evtwin_score, member), min,    \
            max, may_be_unknown, 0                                                                 \
    }
#define CLAIM(kind, key, member, max)                                                              \
    {                                                                                              \
        EVTWIN_TARGET_##kind, EVTWIN_SCORED_MODEL, key, offsetof(evtwin_score, member), 0.0, max,  \
            1, 1                                                                                   \
    }
#define EVENT(SCORED, key, member, may_be_unknown)                                                 \
    {                                                                                              \
        EVTWIN_TARGET_EVENT, EVTWIN_SCORED_##SCORED, key, offsetof(evtwin_score, member), 0.0,     \
            1.0, may_be_unknown, 0                                                                 \
    }

static const evtwin__figure figures[] = {
    NUMBER(MODEL, "r2", r2, -DBL_MAX, 1.0, 1),
    NUMBER(MODEL, "rmse", rmse, 0.0, (double)FLT_MAX, 0),
    NUMBER(MODEL, "mae", mae, 0.0, (double)FLT_MAX, 0),
    CLAIM(NUMBER, "rmse_low", error_low, (double)FLT_MAX),
    CLAIM(NUMBER, "rmse_high", error_high, (double)FLT_MAX),
    CLAIM(NUMBER, "battery_mae", battery_mae, (double)FLT_MAX),
    CLAIM(NUMBER, "coverage", coverage, 1.0),
    CLAIM(NUMBER, "ratio", ratio, (double)FLT_MAX),
    CLAIM(NUMBER, "ratio_low", ratio_low, (double)FLT_MAX),
    CLAIM(NUMBER, "ratio_high", ratio_high, (double)FLT_MAX),
    NUMBER(MEAN, "r2", r2, -DBL_MAX, 1.0, 1),
    NUMBER(MEAN, "rmse", rmse, 0.0, (double)FLT_MAX, 1),
    NUMBER(MEAN_LIFE, "r2", r2, -DBL_MAX, 1.0, 1),
    NUMBER(MEAN_LIFE, "rmse", rmse, 0.0, (double)FLT_MAX, 1),
    NUMBER(SINGLE, "r2", r2, -DBL_MAX, 1.0, 1),
    NUMBER(SINGLE, "rmse", rmse, 0.0, (double)FLT_MAX, 1),
    EVENT(MODEL, "auc", auc, 1),
    EVENT(MODEL, "average_precision", average_precision, 1),
    EVENT(MODEL, "accuracy", accuracy, 0),
    EVENT(MODEL, "brier", brier, 0),
    CLAIM(EVENT, "raw_brier", raw_brier, 1.0),
    CLAIM(EVENT, "brier_low", error_low, 1.0),
    CLAIM(EVENT, "brier_high", error_high, 1.0),
    CLAIM(EVENT, "ratio", ratio, (double)FLT_MAX),
    CLAIM(EVENT, "ratio_low", ratio_low, (double)FLT_MAX),
    CLAIM(EVENT, "ratio_high", ratio_high, (double)FLT_MAX),
    EVENT(MEAN, "brier", brier, 1),
    EVENT(MEAN, "accuracy", accuracy, 1),
    EVENT(MEAN, "rate", base_rate, 1),
    EVENT(SINGLE, "auc", auc, 1),
    EVENT(SINGLE, "brier", brier, 1),
};

const evtwin__figure *evtwin__figure_at(evtwin_target_kind kind, evtwin_scored scored, size_t i) {
    for (size_t k = 0; k < sizeof figures / sizeof figures[0]; k++) {
        if (figures[k].kind == kind && figures[k].scored == scored && i-- == 0) {
            return &figures[k];
        }
    }
    return NULL;
}

double evtwin__figure_get(const evtwin__figure *figure, const evtwin_score *score) {
    return *(const double *)((const char *)score + figure->at);
}

const char *evtwin__baseline_key(evtwin_target_kind kind, evtwin_scored scored) {
    static const char *const key[EVTWIN__N_TARGET_KINDS][EVTWIN__N_SCORED] = {
        [EVTWIN_TARGET_NUMBER] = {NULL, "mean", "countdown", "single_feature"},
        [EVTWIN_TARGET_EVENT] = {NULL, "base_rate", NULL, "single_feature"}};
    return key[kind][scored];
}

evtwin_score evtwin__score_unknown(void) {
    return (evtwin_score){.size = sizeof(evtwin_score),
                          .r2 = NAN,
                          .rmse = NAN,
                          .mae = NAN,
                          .auc = NAN,
                          .average_precision = NAN,
                          .accuracy = NAN,
                          .brier = NAN,
                          .base_rate = NAN,
                          .feature = "",
                          .error_low = NAN,
                          .error_high = NAN,
                          .battery_mae = NAN,
                          .ratio = NAN,
                          .ratio_low = NAN,
                          .ratio_high = NAN,
                          .coverage = NAN,
                          .raw_brier = NAN};
}

/* ---- scores ---- */

static void score_numbers(const double *truth, const double *predicted, size_t n,
                          evtwin_score *out) {
    double sum = 0.0, square_error = 0.0, absolute_error = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double error = predicted[i] - truth[i];
        sum += truth[i];
        square_error += error * error;
        absolute_error += fabs(error);
    }
    const double mean = sum / (double)n;
    double square_deviation = 0.0;
    int is_constant = 1;
    for (size_t i = 0; i < n; i++) {
        square_deviation += (truth[i] - mean) * (truth[i] - mean);
        is_constant &= truth[i] == truth[0];
    }

    out->r2 = n == 0 || is_constant ? (double)NAN : 1.0 - square_error / square_deviation;
    out->rmse = n > 0 ? sqrt(square_error / (double)n) : (double)NAN;
    out->mae = n > 0 ? absolute_error / (double)n : (double)NAN;
}

typedef struct scored {
    double predicted;
    double truth;
} scored;

static int compare_descending(const void *a, const void *b) {
    const double x = ((const scored *)a)->predicted, y = ((const scored *)b)->predicted;
    return (x < y) - (x > y);
}

/* Walk down the predictions, equal ones in one step, counting what is above the threshold.
 * Source: Fawcett 2006, doi:10.1016/j.patrec.2005.10.010, algorithm 2 (area under the ROC curve) */
static void score_ranks(const scored *s, size_t n, evtwin_score *out) {
    double n_positive = 0.0;
    for (size_t i = 0; i < n; i++) {
        n_positive += s[i].truth;
    }
    const double n_negative = (double)n - n_positive;
    if (n_positive == 0.0 || n_negative == 0.0) {
        return;
    }

    double true_positive = 0.0, false_positive = 0.0, area = 0.0, precision_sum = 0.0;
    for (size_t i = 0; i < n;) {
        double new_positive = 0.0, new_negative = 0.0;
        const double threshold = s[i].predicted;
        for (; i < n && s[i].predicted == threshold; i++) {
            new_positive += s[i].truth;
            new_negative += 1.0 - s[i].truth;
        }
        area += new_negative * (true_positive + 0.5 * new_positive);
        true_positive += new_positive;
        false_positive += new_negative;
        precision_sum += new_positive * true_positive / (true_positive + false_positive);
    }
    out->auc = area / (n_positive * n_negative);
    out->average_precision = precision_sum / n_positive;
}

static evtwin_status score_events(const double *truth, const double *predicted, size_t n,
                                  evtwin_score *out) {
    scored *s = evtwin__calloc(n, sizeof *s);
    EVTWIN_FAIL_IF(s == NULL, EVTWIN_E_NOMEM, "out of memory to score %zu rows", n);
    out->auc = out->average_precision = out->accuracy = out->brier = NAN;
    double square_error = 0.0, n_right = 0.0;
    for (size_t i = 0; i < n; i++) {
        s[i] = (scored){predicted[i], truth[i]};
        square_error += (predicted[i] - truth[i]) * (predicted[i] - truth[i]);
        n_right += (predicted[i] > 0.5) == (truth[i] > 0.5);
    }
    if (n > 0 && !isnan(square_error)) {
        out->brier = square_error / (double)n;
        out->accuracy = n_right / (double)n;
        qsort(s, n, sizeof *s, compare_descending);
        score_ranks(s, n, out);
    }
    evtwin__free(s);
    return EVTWIN_OK;
}

evtwin_status evtwin__score(evtwin_target_kind kind, const double *truth, const double *predicted,
                            size_t n, evtwin_score *out) {
    if (kind == EVTWIN_TARGET_EVENT) {
        return score_events(truth, predicted, n, out);
    }
    score_numbers(truth, predicted, n, out);
    return EVTWIN_OK;
}

/* ---- how sure is that? ---- */

enum { N_RESAMPLES = 1000, MAX_BLOCKS = 4096, BOOTSTRAP_CHANNEL = 1, WORDS = 4 };

/* Ratio of one sample of n; word w of the stream picks block floor(w n / 2^32). */
static double resample(const double *a, const double *b, size_t n, uint64_t seed, uint32_t index) {
    double sum_a = 0.0, sum_b = 0.0;
    for (size_t first = 0; first < n; first += WORDS) {
        const evtwin__rng_block random =
            evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, index, BOOTSTRAP_CHANNEL, first / WORDS);
        for (size_t i = 0; i < WORDS && first + i < n; i++) {
            const size_t block = (size_t)((uint64_t)random.word[i] * n >> 32);
            sum_a += a[block];
            sum_b += b[block];
        }
    }
    return sum_a == sum_b ? 1.0 : sum_a / sum_b;
}

evtwin_status evtwin__bootstrap_ratio(const double *a, const double *b, size_t n, uint64_t seed,
                                      double out[2]) {
    double pooled[2][MAX_BLOCKS] = {{0.0}};
    const size_t n_pooled = n < MAX_BLOCKS ? n : MAX_BLOCKS;
    for (size_t i = 0; i < n; i++) {
        const size_t to = n_pooled == n ? i : i * MAX_BLOCKS / n;
        pooled[0][to] += a[i];
        pooled[1][to] += b[i];
    }

    double *ratios = evtwin__calloc(N_RESAMPLES, sizeof *ratios);
    EVTWIN_FAIL_IF(ratios == NULL, EVTWIN_E_NOMEM, "out of memory for a bootstrap");
    for (uint32_t r = 0; r < N_RESAMPLES; r++) {
        ratios[r] = resample(pooled[0], pooled[1], n_pooled, seed, r);
    }
    qsort(ratios, N_RESAMPLES, sizeof *ratios, evtwin__compare_f64);
    out[0] = ratios[N_RESAMPLES / 20];
    out[1] = ratios[N_RESAMPLES - 1 - N_RESAMPLES / 20];
    evtwin__free(ratios);
    return EVTWIN_OK;
}
