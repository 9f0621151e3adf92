/* SPDX-License-Identifier: MIT */
/* learn/baseline.c: mean, mean life and the best one-feature model. */

#include "learn/baseline.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/clean.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double evtwin__baseline_mean(const evtwin__part *part) {
    double sum = 0.0;
    for (size_t k = 0; k < part->n_train; k++) {
        sum += part->y[part->train[k]];
    }
    return sum / (double)part->n_train;
}

evtwin_status evtwin__baseline_mean_life(const evtwin__part *part, const double *cycles,
                                         double *predicted) {
    struct life {
        double sum;
        size_t n_rows;
    } *life = evtwin__calloc(part->n_groups, sizeof *life);
    EVTWIN_FAIL_IF(life == NULL, EVTWIN_E_NOMEM, "out of memory for the mean life of %zu groups",
                   part->n_groups);
    for (size_t k = 0; k < part->n_train; k++) {
        const size_t r = part->train[k];
        if (!isnan(cycles[r])) {
            life[part->group_of_row[r]].sum += part->y[r] + cycles[r];
            life[part->group_of_row[r]].n_rows++;
        }
    }

    /* each battery counts once, however many rows it has */
    double sum = 0.0;
    size_t n_lives = 0;
    for (size_t g = 0; g < part->n_groups; g++) {
        if (life[g].n_rows > 0) {
            sum += life[g].sum / (double)life[g].n_rows;
            n_lives++;
        }
    }
    evtwin__free(life);
    const double mean_life = n_lives > 0 ? sum / (double)n_lives : NAN;
    for (size_t k = 0; k < part->n_test; k++) {
        predicted[k] = mean_life - cycles[part->test[k]];
    }
    return EVTWIN_OK;
}

/* ---- one feature ---- */

enum { MAX_BINS = 64, MIN_BIN_ROWS = 20, N_INNER = 5 };

/* Bins of one feature: bin b holds values up to edge[b], the last one all above. */
typedef struct bins {
    size_t n;
    double edge[MAX_BINS];
    double mean[MAX_BINS];
} bins;

/* What the squared error of a mean needs to know of y in a set of rows. */
typedef struct moments {
    double n, sum, square;
} moments;

static size_t bin_of(const bins *b, double v) {
    size_t low = 0, high = b->n - 1;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (v <= b->edge[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* Cut feature i at the quantiles of its training rows; equal values share a bin. */
static void cut(const evtwin__part *part, size_t i, double *scratch, bins *b) {
    const size_t n = part->n_train;
    for (size_t k = 0; k < n; k++) {
        scratch[k] = part->x[part->train[k] * part->cols + i];
    }
    qsort(scratch, n, sizeof *scratch, evtwin__compare_f64);

    const size_t affordable = n / MIN_BIN_ROWS;
    const size_t wanted = affordable < 1 ? 1 : affordable < MAX_BINS ? affordable : MAX_BINS;
    b->n = 0;
    for (size_t bin = 1; bin <= wanted; bin++) {
        const double edge = scratch[n * bin / wanted - 1];
        if (b->n == 0 || edge > b->edge[b->n - 1]) {
            b->edge[b->n++] = edge;
        }
    }
}

/* Inner fold of each training row. */
static evtwin_status inner_folds(const evtwin__part *part, int32_t *fold_of) {
    int32_t *rank = evtwin__calloc(part->n_groups, sizeof *rank);
    EVTWIN_FAIL_IF(rank == NULL, EVTWIN_E_NOMEM, "out of memory for inner folds");
    int32_t n_groups = 0;
    for (size_t k = 0; k < part->n_train; k++) {
        int32_t *r = &rank[part->group_of_row[part->train[k]]];
        *r = *r == 0 ? ++n_groups : *r;
    }
    for (size_t k = 0; k < part->n_train; k++) {
        fold_of[k] = n_groups >= N_INNER ? rank[part->group_of_row[part->train[k]]] % N_INNER
                                         : (int32_t)(k * N_INNER / part->n_train);
    }
    evtwin__free(rank);
    return EVTWIN_OK;
}

/* Fill the means of the bins; give back the squared error when each inner fold is predicted from
 * the others, which the moments tell without a second look at the rows. */
static double fit_bins(const evtwin__part *part, size_t i, const int32_t *fold_of, bins *b) {
    moments of[N_INNER][MAX_BINS], all[MAX_BINS], fold[N_INNER], total = {0.0, 0.0, 0.0};
    memset(of, 0, sizeof of);
    memset(all, 0, sizeof all);
    memset(fold, 0, sizeof fold);
    for (size_t k = 0; k < part->n_train; k++) {
        const size_t r = part->train[k];
        const size_t bin = bin_of(b, part->x[r * part->cols + i]);
        moments *to[] = {&of[fold_of[k]][bin], &all[bin], &fold[fold_of[k]], &total};
        for (size_t m = 0; m < sizeof to / sizeof to[0]; m++) {
            to[m]->n += 1.0;
            to[m]->sum += part->y[r];
            to[m]->square += part->y[r] * part->y[r];
        }
    }

    double square_error = 0.0;
    for (size_t bin = 0; bin < b->n; bin++) {
        b->mean[bin] = all[bin].n > 0.0 ? all[bin].sum / all[bin].n : total.sum / total.n;
        for (size_t f = 0; f < N_INNER; f++) {
            const moments *m = &of[f][bin];
            const double n_others = all[bin].n - m->n;
            const double n_rest = total.n - fold[f].n;
            double mean = n_rest > 0.0 ? (total.sum - fold[f].sum) / n_rest : 0.0;
            mean = n_others > 0.0 ? (all[bin].sum - m->sum) / n_others : mean;
            square_error += m->square - 2.0 * mean * m->sum + mean * mean * m->n;
        }
    }
    return square_error;
}

evtwin_status evtwin__baseline_single(const evtwin__part *part, size_t *feature_out,
                                      double *predicted) {
    assert(part->n_train > 0 && part->cols > 0);
    evtwin_status st = EVTWIN_OK;
    double *scratch = evtwin__calloc(part->n_train, sizeof *scratch);
    int32_t *fold_of = evtwin__calloc(part->n_train, sizeof *fold_of);
    if (scratch == NULL || fold_of == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a one-feature model");
        goto done;
    }
    if ((st = inner_folds(part, fold_of)) < 0) {
        goto done;
    }

    bins best = {.n = 1};
    double least = INFINITY;
    size_t feature = 0;
    for (size_t i = 0; i < part->cols; i++) {
        bins b;
        cut(part, i, scratch, &b);
        const double square_error = fit_bins(part, i, fold_of, &b);
        if (i == 0 || square_error < least) {
            least = square_error;
            feature = i;
            best = b;
        }
    }
    for (size_t k = 0; k < part->n_test; k++) {
        predicted[k] = best.mean[bin_of(&best, part->x[part->test[k] * part->cols + feature])];
    }
    *feature_out = feature;

done:
    evtwin__free(scratch);
    evtwin__free(fold_of);
    return st;
}
