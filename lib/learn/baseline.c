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

enum { MIN_BIN_ROWS = 20, N_INNER = 5 };

/* What the squared error of a mean needs to know of y in a set of rows. */
typedef struct moments {
    double n, sum, square;
} moments;

static size_t bin_of(const evtwin__bins *b, double v) {
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

double evtwin__bins_at(const evtwin__bins *b, double v) {
    return b->mean[bin_of(b, v)];
}

/* Cut a feature at the quantiles of its training rows v (n); equal values share a bin. */
static void cut(const double *v, size_t n, double *scratch, evtwin__bins *b) {
    memcpy(scratch, v, n * sizeof *v);
    qsort(scratch, n, sizeof *scratch, evtwin__compare_f64);

    const size_t affordable = n / MIN_BIN_ROWS;
    const size_t wanted = affordable < 1                  ? 1
                          : affordable < EVTWIN__MAX_BINS ? affordable
                                                          : EVTWIN__MAX_BINS;
    b->n = 0;
    for (size_t bin = 1; bin <= wanted; bin++) {
        const double edge = scratch[n * bin / wanted - 1];
        if (b->n == 0 || edge > b->edge[b->n - 1]) {
            b->edge[b->n++] = edge;
        }
    }
}

/* Fill the means of the bins; give back the squared error when each inner fold is predicted from
 * the others, which the moments tell without a second look at the rows. */
static double fit_bins(const double *v, const double *y, const uint8_t *fold_of, size_t n,
                       evtwin__bins *b) {
    moments of[N_INNER][EVTWIN__MAX_BINS], all[EVTWIN__MAX_BINS], fold[N_INNER];
    moments total = {0.0, 0.0, 0.0};
    memset(of, 0, sizeof of);
    memset(all, 0, sizeof all);
    memset(fold, 0, sizeof fold);
    for (size_t k = 0; k < n; k++) {
        const size_t bin = bin_of(b, v[k]);
        moments *to[] = {&of[fold_of[k]][bin], &all[bin], &fold[fold_of[k]], &total};
        for (size_t m = 0; m < sizeof to / sizeof to[0]; m++) {
            to[m]->n += 1.0;
            to[m]->sum += y[k];
            to[m]->square += y[k] * y[k];
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

double evtwin__bins_fit(const double *v, const double *y, const uint8_t *fold_of, size_t n,
                        double *scratch, evtwin__bins *out) {
    cut(v, n, scratch, out);
    return fit_bins(v, y, fold_of, n, out);
}

uint8_t evtwin__inner_fold(size_t n_groups, size_t group, size_t k, size_t n) {
    return (uint8_t)(n_groups >= N_INNER ? group % N_INNER : k * N_INNER / n);
}

/* Inner fold of each training row. */
static evtwin_status inner_folds(const evtwin__part *part, uint8_t *fold_of) {
    size_t *rank = evtwin__calloc(part->n_groups, sizeof *rank);
    EVTWIN_FAIL_IF(rank == NULL, EVTWIN_E_NOMEM, "out of memory for inner folds");
    size_t n_groups = 0;
    for (size_t k = 0; k < part->n_train; k++) {
        size_t *r = &rank[part->group_of_row[part->train[k]]];
        *r = *r == 0 ? ++n_groups : *r;
    }
    for (size_t k = 0; k < part->n_train; k++) {
        fold_of[k] = evtwin__inner_fold(n_groups, rank[part->group_of_row[part->train[k]]], k,
                                        part->n_train);
    }
    evtwin__free(rank);
    return EVTWIN_OK;
}

/* The training rows of one feature, or y's, side by side. */
static void gather(const evtwin__part *part, const double *from, size_t stride, double *v) {
    for (size_t k = 0; k < part->n_train; k++) {
        v[k] = from[part->train[k] * stride];
    }
}

evtwin_status evtwin__baseline_single(const evtwin__part *part, size_t *feature_out,
                                      double *predicted) {
    assert(part->n_train > 0 && part->cols > 0);
    evtwin_status st = EVTWIN_OK;
    double *v = evtwin__calloc(part->n_train, 3 * sizeof *v);
    uint8_t *fold_of = evtwin__calloc(part->n_train, sizeof *fold_of);
    if (v == NULL || fold_of == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for a one-feature model");
        goto done;
    }
    if ((st = inner_folds(part, fold_of)) < 0) {
        goto done;
    }

    double *y = v + part->n_train, *scratch = y + part->n_train;
    evtwin__bins best = {.n = 1};
    double least = INFINITY;
    size_t feature = 0;
    gather(part, part->y, 1, y);
    for (size_t i = 0; i < part->cols; i++) {
        evtwin__bins b;
        gather(part, part->x + i, part->cols, v);
        const double square_error = evtwin__bins_fit(v, y, fold_of, part->n_train, scratch, &b);
        if (i == 0 || square_error < least) {
            least = square_error;
            feature = i;
            best = b;
        }
    }
    for (size_t k = 0; k < part->n_test; k++) {
        predicted[k] = evtwin__bins_at(&best, part->x[part->test[k] * part->cols + feature]);
    }
    *feature_out = feature;

done:
    evtwin__free(v);
    evtwin__free(fold_of);
    return st;
}
