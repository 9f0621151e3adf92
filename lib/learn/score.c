/* SPDX-License-Identifier: MIT */
/* learn/score.c: R2, RMSE, MAE; AUC, average precision, accuracy, Brier score. */

#include "learn/score.h"

#include "core/mem.h"
#include "core/status.h"

#include <math.h>
#include <stdlib.h>

evtwin__number_score evtwin__score_numbers(const double *truth, const double *predicted, size_t n) {
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

    evtwin__number_score score = {NAN, NAN, NAN};
    if (n > 0) {
        score.r2 = is_constant ? NAN : 1.0 - square_error / square_deviation;
        score.rmse = sqrt(square_error / (double)n);
        score.mae = absolute_error / (double)n;
    }
    return score;
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
static void score_ranks(const scored *s, size_t n, evtwin__class_score *out) {
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

evtwin_status evtwin__score_classes(const double *truth, const double *predicted, size_t n,
                                    evtwin__class_score *out) {
    evtwin__class_score score = {NAN, NAN, NAN, NAN};
    scored *s = evtwin__calloc(n, sizeof *s);
    if (s == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory to score %zu rows", n);
    }
    double square_error = 0.0, n_right = 0.0;
    for (size_t i = 0; i < n; i++) {
        s[i] = (scored){predicted[i], truth[i]};
        square_error += (predicted[i] - truth[i]) * (predicted[i] - truth[i]);
        n_right += (predicted[i] > 0.5) == (truth[i] > 0.5);
    }
    if (n > 0 && !isnan(square_error)) {
        score.brier = square_error / (double)n;
        score.accuracy = n_right / (double)n;
        qsort(s, n, sizeof *s, compare_descending);
        score_ranks(s, n, &score);
    }
    evtwin__free(s);
    *out = score;
    return EVTWIN_OK;
}
