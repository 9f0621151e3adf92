/* SPDX-License-Identifier: MIT */
/* learn/audit_rule.c: events that are a rule of a few thresholds on the inputs: both of two, either
 * of two, one of the row before. A small decision tree tells so. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/audit_math.h"
#include "learn/finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tree of depth 3 has what a rule of three thresholds needs; MAX_ROWS keep a split cheap. */
enum {
    DEPTH = 3,
    N_NODES = (1 << DEPTH) - 1,
    MAX_ROWS = 20000,
    FEW_ROWS = 1000,
    MAX_LAG = 10,
    MIN_ROWS = 3
};

typedef struct split {
    size_t feature;
    double threshold;
    int is_split;
} split;

typedef struct item {
    double v;
    int is_positive;
} item;

typedef struct tree {
    const evtwin__audit *a;
    const double *y; /* (n) */
    ptrdiff_t lag;   /* the features are those of the row so many later, so 0 or less */
    size_t p, n;
    size_t *row;   /* (n) k of the rows in it: sorted by node while it grows */
    size_t *spare; /* (n) */
    item *sorted;  /* (n) */
    split node[N_NODES];
    double positive[2 * N_NODES + 2]; /* share of the positive class in a node or leaf */
} tree;

static double feature_of(const tree *t, size_t k, size_t i) {
    const size_t at = t->a->order[(size_t)((ptrdiff_t)k + t->lag)];
    return t->a->data->x[at * t->p + i];
}

/* ---- rows of batteries with an even or an odd number ---- */

static size_t take_rows(tree *t, size_t half, size_t max_rows) {
    const evtwin__audit *a = t->a;
    const size_t stride = a->n / 2 / max_rows + 1;
    size_t n = 0, seen = 0;
    for (size_t b = half; b < a->n_batteries; b += 2) {
        const ptrdiff_t first = (ptrdiff_t)a->start[b], end = (ptrdiff_t)a->start[b + 1];
        for (ptrdiff_t k = first; k < end; k++) {
            if (k + t->lag >= first && k + t->lag < end && !isnan(t->y[k]) &&
                seen++ % stride == 0 && n < 2 * max_rows) {
                t->row[n++] = (size_t)k;
            }
        }
    }
    return n;
}

/* ---- the tree grows: the split with the least Gini impurity ---- */

static int compare_items(const void *a, const void *b) {
    const double x = ((const item *)a)->v, y = ((const item *)b)->v;
    return (x > y) - (x < y);
}

static double impurity(double n_positive, double n) {
    return n > 0.0 ? n_positive * (n - n_positive) / n : 0.0;
}

/* Best split of rows first to end by feature i; missing values go where the low ones go. */
static void try_feature(tree *t, size_t i, size_t first, size_t end, double *least, split *best) {
    const size_t n = end - first;
    double all = 0.0, below = 0.0;
    for (size_t k = 0; k < n; k++) {
        const size_t row = t->row[first + k];
        const double v = feature_of(t, row, i);
        t->sorted[k] = (item){isnan(v) ? -INFINITY : v, t->y[row] != 0.0};
        all += t->sorted[k].is_positive;
    }
    qsort(t->sorted, n, sizeof *t->sorted, compare_items);
    for (size_t k = 1; k < n; k++) {
        below += t->sorted[k - 1].is_positive;
        if (t->sorted[k].v == t->sorted[k - 1].v || isinf(t->sorted[k - 1].v)) {
            continue;
        }
        const double sum = impurity(below, (double)k) + impurity(all - below, (double)(n - k));
        if (sum < *least) {
            *least = sum;
            *best = (split){i, 0.5 * (t->sorted[k].v + t->sorted[k - 1].v), 1};
        }
    }
}

static int goes_up(const tree *t, const split *s, size_t row) {
    return feature_of(t, row, s->feature) > s->threshold;
}

/* Node `at` of the rows first to end, and those below it. */
static void grow(tree *t, size_t at, size_t first, size_t end) {
    size_t n_positive = 0;
    for (size_t k = first; k < end; k++) {
        n_positive += t->y[t->row[k]] != 0.0;
    }
    t->positive[at] = end > first ? (double)n_positive / (double)(end - first) : 0.0;
    const size_t n_negative = end - first - n_positive;
    if (at >= N_NODES || n_positive < MIN_ROWS || n_negative < MIN_ROWS) { /* clear enough */
        return;
    }
    double least = impurity((double)n_positive, (double)(end - first)) * (1.0 - 1e-9);
    split *s = &t->node[at];
    for (size_t i = 0; i < t->p; i++) {
        try_feature(t, i, first, end, &least, s);
    }
    if (!s->is_split) {
        return;
    }
    size_t middle = first, n_up = 0;
    for (size_t k = first; k < end; k++) {
        if (goes_up(t, s, t->row[k])) {
            t->spare[n_up++] = t->row[k];
        } else {
            t->row[middle++] = t->row[k];
        }
    }
    memcpy(t->row + middle, t->spare, n_up * sizeof *t->row);
    grow(t, 2 * at + 1, first, middle);
    grow(t, 2 * at + 2, middle, end);
}

/* ---- judged on other batteries ---- */

static int says(const tree *t, size_t row) {
    size_t at = 0;
    while (at < N_NODES && t->node[at].is_split) {
        at = 2 * at + 1 + (size_t)goes_up(t, &t->node[at], row);
    }
    return t->positive[at] > 0.5;
}

static size_t count_splits(const tree *t) {
    size_t n = 0;
    for (size_t at = 0; at < N_NODES; at++) {
        n += (size_t)t->node[at].is_split;
    }
    return n;
}

/* All but one in so many of each class in the half of the batteries that it did not see. Few rows
 * are told apart by chance: there must be ENOUGH_ROWS of each class, or one or two thresholds. */
static int is_rule(tree *t, size_t max_rows, size_t one_in) {
    enum { MAX_SPLITS = 4, ENOUGH_ROWS = 200 };
    size_t n_of[2] = {0}, n_wrong[2] = {0};
    memset(t->node, 0, sizeof t->node);
    grow(t, 0, 0, take_rows(t, 0, max_rows));
    const size_t n = take_rows(t, 1, max_rows);
    for (size_t k = 0; k < n; k++) {
        const int is_positive = t->y[t->row[k]] != 0.0;
        n_of[is_positive]++;
        n_wrong[is_positive] += says(t, t->row[k]) != is_positive;
        if (n_wrong[is_positive] * one_in > n) {
            return 0;
        }
    }
    const size_t fewer = n_of[0] < n_of[1] ? n_of[0] : n_of[1], n_splits = count_splits(t);
    if (max_rows == MAX_ROWS &&
        (n_splits > MAX_SPLITS || fewer < (n_splits > 2 || t->lag != 0 ? ENOUGH_ROWS : 20))) {
        return 0;
    }
    return n_of[0] > 0 && n_of[1] > 0 && one_in * n_wrong[0] <= n_of[0] &&
           one_in * n_wrong[1] <= n_of[1];
}

/* "soh 90.05, charge_cycles 600.5": the splits. */
static size_t describe(const tree *t, char *text, size_t size) {
    size_t n = 0, used = 0;
    text[0] = '\0';
    for (size_t at = 0; at < N_NODES; at++) {
        const split *s = &t->node[at];
        if (s->is_split && used < size) {
            char number[EVTWIN__NUM_SIZE];
            evtwin__format_f64(evtwin__round_digits(s->threshold, 5), number);
            used += (size_t)snprintf(text + used, size - used, "%s%s %s", n > 0 ? ", " : "",
                                     t->a->trainer->bundle.feature[s->feature].column, number);
            n++;
        }
    }
    return n;
}

static evtwin_status find_rule(evtwin__audit *a, size_t target, tree *t) {
    const char *label = a->data->label[target].column;
    /* not of later rows: that they cross a threshold is what an honest label says */
    for (ptrdiff_t rows = 0; rows <= MAX_LAG; rows++) {
        char text[256], other_row[64] = "";
        t->lag = -rows;
        if (!is_rule(t, FEW_ROWS, 20) || !is_rule(t, MAX_ROWS, 200)) { /* a look first */
            continue;
        }
        a->is_explained[target] = 1;
        if (t->lag != 0) {
            snprintf(other_row, sizeof other_row, " of the row %zu before", (size_t)rows);
        }
        const size_t n = describe(t, text, sizeof text);
        return FIND(a->trainer, LABEL_RULE, label, TEXT(label), COUNT(n), TEXT(n == 1 ? "" : "s"),
                    TEXT(other_row), TEXT(text));
    }
    return EVTWIN_OK;
}

/* 20 rows or more of each class. */
static int has_classes(const double *y, size_t n) {
    size_t n_of[2] = {0};
    for (size_t k = 0; k < n; k++) {
        n_of[y[k] != 0.0] += !isnan(y[k]);
    }
    return n_of[0] >= 20 && n_of[1] >= 20;
}

static evtwin_status look_at(evtwin__audit *a, size_t target) {
    const size_t room = a->n < 2 * MAX_ROWS ? a->n : 2 * MAX_ROWS;
    double *y = evtwin__calloc(a->n, sizeof *y);
    size_t *row = evtwin__calloc(room, 2 * sizeof *row);
    item *sorted = evtwin__calloc(room, sizeof *sorted);
    evtwin_status st = EVTWIN_E_NOMEM;
    if (y != NULL && row != NULL && sorted != NULL) {
        tree t = {.a = a, .y = y, .p = a->data->cols, .row = row, .spare = row + room};
        t.sorted = sorted;
        evtwin__audit_label(a, target, y);
        st = has_classes(y, a->n) && evtwin__audit_has_enough(a, y) ? find_rule(a, target, &t)
                                                                    : EVTWIN_OK;
    }
    evtwin__free(y);
    evtwin__free(row);
    evtwin__free(sorted);
    EVTWIN_FAIL_IF(st == EVTWIN_E_NOMEM, EVTWIN_E_NOMEM, "out of memory to audit %zu rows", a->n);
    return st;
}

evtwin_status evtwin__audit_rule(evtwin__audit *a) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        if (a->data->label[t].is_present && !a->is_one_series && !a->is_explained[t] &&
            a->trainer->target[t].kind == EVTWIN_TARGET_EVENT &&
            evtwin__audit_is_comparable(a, t)) {
            EVTWIN_TRY(look_at(a, t));
        }
    }
    return EVTWIN_OK;
}
