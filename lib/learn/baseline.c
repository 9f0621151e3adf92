/* SPDX-License-Identifier: MIT */
/* learn/baseline.c: mean, mean life and the best one-feature model. */

#include "learn/baseline.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/clean.h"
#include "learn/peers.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

evtwin_status evtwin__baseline_mean(const evtwin__part *part, double *out) {
    double all[] = {0.0, (double)part->n_train};
    for (size_t k = 0; k < part->n_train; k++) {
        all[0] += part->y[part->train[k]];
    }
    EVTWIN_TRY(evtwin__peers_reduce(part->peers, EVTWIN__PEERS_SUM, all, 2));
    *out = all[0] / all[1];
    return EVTWIN_OK;
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
    double all[] = {0.0, 0.0}; /* lives, how many */
    for (size_t g = 0; g < part->n_groups; g++) {
        if (life[g].n_rows > 0) {
            all[0] += life[g].sum / (double)life[g].n_rows;
            all[1] += 1.0;
        }
    }
    evtwin__free(life);
    EVTWIN_TRY(evtwin__peers_reduce(part->peers, EVTWIN__PEERS_SUM, all, 2));
    const double mean_life = all[1] > 0.0 ? all[0] / all[1] : (double)NAN;
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

/* The training rows of one feature in its bins and in inner folds. */
typedef struct binned {
    moments of[N_INNER][EVTWIN__MAX_BINS], all[EVTWIN__MAX_BINS], fold[N_INNER], total;
} binned;

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

static size_t wanted_bins(double n_rows) {
    const double affordable = floor(n_rows / MIN_BIN_ROWS);
    return affordable < 1.0                        ? 1
           : affordable < (double)EVTWIN__MAX_BINS ? (size_t)affordable
                                                   : EVTWIN__MAX_BINS;
}

/* Cut a feature at the quantiles of its training rows v (n); equal values share a bin. */
static void cut(const double *v, size_t n, double *scratch, evtwin__bins *b) {
    memcpy(scratch, v, n * sizeof *v);
    qsort(scratch, n, sizeof *scratch, evtwin__compare_f64);

    const size_t wanted = wanted_bins((double)n);
    b->n = 0;
    for (size_t bin = 1; bin <= wanted; bin++) {
        const double edge = scratch[n * bin / wanted - 1];
        if (b->n == 0 || edge > b->edge[b->n - 1]) {
            b->edge[b->n++] = edge;
        }
    }
}

/* ---- with the rows of other processes ---- */

/* What a process tells of a feature: edges, of bins of equal count if no values are equal. */
typedef struct told {
    double n_rows, n_edges;
    double edge[EVTWIN__MAX_BINS];
} told;

typedef struct weighed {
    double edge, n_rows;
} weighed;

static int compare_weighed(const void *a, const void *b) {
    const double x = ((const weighed *)a)->edge, y = ((const weighed *)b)->edge;
    return (x > y) - (x < y);
}

/* The quantiles of all rows, as near as those of each process (n) tell. */
static evtwin_status merge_edges(const told *of, size_t n, evtwin__bins *b) {
    weighed *all = evtwin__calloc(n * EVTWIN__MAX_BINS, sizeof *all);
    EVTWIN_FAIL_IF(all == NULL, EVTWIN_E_NOMEM, "out of memory for the bins of %zu processes", n);
    size_t n_all = 0;
    double n_rows = 0.0;
    for (size_t p = 0; p < n; p++) {
        const size_t n_edges = (size_t)of[p].n_edges; /* at most EVTWIN__MAX_BINS, as all cut */
        n_rows += of[p].n_rows;
        for (size_t i = 0; i < n_edges && i < EVTWIN__MAX_BINS; i++) {
            all[n_all++] = (weighed){of[p].edge[i], of[p].n_rows / of[p].n_edges};
        }
    }
    qsort(all, n_all, sizeof *all, compare_weighed);
    const double wanted = (double)wanted_bins(n_rows);
    double below = 0.0;
    b->n = 0;
    for (size_t i = 0; i < n_all; i++) {
        below += all[i].n_rows;
        const int is_last = i + 1 == n_all;
        /* half a row more or less is rounding */
        const int is_due = below + 0.5 >= n_rows * (double)(b->n + 1) / wanted;
        const int is_new = b->n == 0 || all[i].edge > b->edge[b->n - 1];
        if (is_new && (is_due || is_last) && b->n < EVTWIN__MAX_BINS) {
            b->edge[b->n++] = all[i].edge;
        }
    }
    evtwin__free(all);
    return EVTWIN_OK;
}

static evtwin_status share_edges(const evtwin__part *part, evtwin__bins *b) {
    const evtwin_peers *peers = part->peers;
    if (peers == NULL) {
        return EVTWIN_OK;
    }
    told own = {.n_rows = (double)part->n_train, .n_edges = (double)b->n};
    memcpy(own.edge, b->edge, b->n * sizeof own.edge[0]);
    char *all = NULL;
    size_t *start = evtwin__calloc(peers->n + 1, sizeof *start);
    EVTWIN_FAIL_IF(start == NULL, EVTWIN_E_NOMEM, "out of memory for %zu processes", peers->n);
    evtwin_status st = evtwin__peers_gather(peers, &own, sizeof own, &all, start);
    st = st < 0 ? st : merge_edges((const told *)(const void *)all, peers->n, b);
    evtwin__free(all);
    evtwin__free(start);
    return st;
}

/* ---- */

/* Sort the rows into bins and folds. */
static void put_in_bins(const double *v, const double *y, const uint8_t *fold_of, size_t n,
                        const evtwin__bins *b, binned *rows) {
    memset(rows, 0, sizeof *rows);
    for (size_t k = 0; k < n; k++) {
        const size_t bin = bin_of(b, v[k]);
        moments *to[] = {&rows->of[fold_of[k]][bin], &rows->all[bin], &rows->fold[fold_of[k]],
                         &rows->total};
        for (size_t m = 0; m < sizeof to / sizeof to[0]; m++) {
            to[m]->n += 1.0;
            to[m]->sum += y[k];
            to[m]->square += y[k] * y[k];
        }
    }
}

/* Fill the means of the bins; give back the squared error when each inner fold is predicted from
 * the others, which the moments tell without a second look at the rows. */
static double judge_bins(const binned *rows, evtwin__bins *b) {
    double square_error = 0.0;
    for (size_t bin = 0; bin < b->n; bin++) {
        const moments *all = &rows->all[bin];
        b->mean[bin] = all->n > 0.0 ? all->sum / all->n : rows->total.sum / rows->total.n;
        for (size_t f = 0; f < N_INNER; f++) {
            const moments *m = &rows->of[f][bin];
            const double n_others = all->n - m->n;
            const double n_rest = rows->total.n - rows->fold[f].n;
            double mean = n_rest > 0.0 ? (rows->total.sum - rows->fold[f].sum) / n_rest : 0.0;
            mean = n_others > 0.0 ? (all->sum - m->sum) / n_others : mean;
            square_error += m->square - 2.0 * mean * m->sum + mean * mean * m->n;
        }
    }
    return square_error;
}

double evtwin__bins_fit(const double *v, const double *y, const uint8_t *fold_of, size_t n,
                        double *scratch, evtwin__bins *out) {
    binned rows;
    cut(v, n, scratch, out);
    put_in_bins(v, y, fold_of, n, out, &rows);
    return judge_bins(&rows, out);
}

/* The same of the training rows of all processes. */
static evtwin_status fit_bins(const evtwin__part *part, const double *v, const double *y,
                              const uint8_t *fold_of, double *scratch, evtwin__bins *out,
                              double *square_error) {
    binned rows;
    cut(v, part->n_train, scratch, out);
    EVTWIN_TRY(share_edges(part, out));
    put_in_bins(v, y, fold_of, part->n_train, out, &rows);
    EVTWIN_TRY(evtwin__peers_reduce(part->peers, EVTWIN__PEERS_SUM, (double *)(void *)&rows,
                                    sizeof rows / sizeof(double)));
    *square_error = judge_bins(&rows, out);
    return EVTWIN_OK;
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
        double square_error = 0.0;
        if ((st = fit_bins(part, v, y, fold_of, scratch, &b, &square_error)) < 0) {
            goto done;
        }
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
