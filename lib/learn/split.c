/* SPDX-License-Identifier: MIT */
/* learn/split.c: folds of whole groups, and the groups that are held out. */

#include "learn/split.h"

#include "core/mem.h"
#include "core/rng.h"
#include "core/status.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- folds ---- */

typedef struct sized_group {
    const char *name;
    size_t size;
    size_t index;
} sized_group;

static int compare_sizes(const void *a, const void *b) {
    const sized_group *x = a, *y = b;
    if (x->size != y->size) {
        return x->size > y->size ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

/* Put each group (sorted) into the fold that has the fewest rows so far. */
static void deal(const sized_group *group, size_t n_groups, size_t *weight, size_t n_folds,
                 int32_t *fold_of_group) {
    for (size_t i = 0; i < n_groups; i++) {
        size_t lightest = 0;
        for (size_t f = 1; f < n_folds; f++) {
            lightest = weight[f] < weight[lightest] ? f : lightest;
        }
        weight[lightest] += group[i].size;
        fold_of_group[group[i].index] = (int32_t)lightest;
    }
}

evtwin_status evtwin__split_folds(const evtwin__groups *groups, const size_t *row, size_t n,
                                  size_t n_folds, int32_t *fold_of) {
    evtwin_status st = EVTWIN_OK;
    sized_group *group = evtwin__calloc(groups->n, sizeof *group);
    int32_t *fold_of_group = evtwin__calloc(groups->n, sizeof *fold_of_group);
    size_t *weight = evtwin__calloc(n_folds, sizeof *weight);
    if (group == NULL || fold_of_group == NULL || weight == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to fold %zu groups", groups->n);
        goto done;
    }

    for (size_t g = 0; g < groups->n; g++) {
        group[g] = (sized_group){groups->name[g], 0, g};
    }
    for (size_t k = 0; k < n; k++) {
        group[groups->of_row[row[k]]].size++;
    }
    qsort(group, groups->n, sizeof *group, compare_sizes);
    size_t n_used = 0;
    while (n_used < groups->n && group[n_used].size > 0) {
        n_used++;
    }
    if (n_used < n_folds) {
        st =
            evtwin__fail(EVTWIN_E_DATA, "%zu folds need as many groups with a target, there %s %zu",
                         n_folds, n_used == 1 ? "is" : "are", n_used);
        goto done;
    }
    deal(group, n_used, weight, n_folds, fold_of_group);
    for (size_t k = 0; k < n; k++) {
        fold_of[k] = fold_of_group[groups->of_row[row[k]]];
    }

done:
    evtwin__free(group);
    evtwin__free(fold_of_group);
    evtwin__free(weight);
    return st;
}

/* ---- hold-out ---- */

enum { MAX_DRAWS = 100, N_CONDITIONS = 6 };

typedef struct drawn_group {
    uint64_t key;
    size_t index;
} drawn_group;

static int compare_keys(const void *a, const void *b) {
    const drawn_group *x = a, *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return (x->index > y->index) - (x->index < y->index);
}

/* The groups in the order of one shuffle. */
static void shuffle(drawn_group *group, size_t n, uint64_t seed, uint64_t draw) {
    for (size_t i = 0; i < n; i++) {
        const evtwin__rng_block block =
            evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, (uint32_t)group[i].index, 0, draw);
        group[i].key = (uint64_t)block.word[0] << 32 | block.word[1];
    }
    qsort(group, n, sizeof *group, compare_keys);
}

static void add_use(evtwin__group_use *sum, const evtwin__group_use *use) {
    sum->n_rul += use->n_rul;
    sum->n_negative += use->n_negative;
    sum->n_positive += use->n_positive;
}

/* How many of the conditions hold when the first n_test groups are held out. */
static int conditions_met(const drawn_group *group, size_t n, size_t n_test,
                          const evtwin__group_use *use) {
    evtwin__group_use part[2] = {{0, 0, 0}, {0, 0, 0}};
    for (size_t i = 0; i < n; i++) {
        add_use(&part[i < n_test], &use[group[i].index]);
    }
    int met = 0;
    for (int p = 0; p < 2; p++) {
        met += part[p].n_rul > 0 || part[1 - p].n_rul == 0;
        met += part[p].n_negative > 0 || part[1 - p].n_negative == 0;
        met += part[p].n_positive > 0 || part[1 - p].n_positive == 0;
    }
    return met;
}

evtwin_status evtwin__split_groups(const evtwin__group_use *use, size_t n_groups, uint64_t seed,
                                   uint8_t *is_test) {
    drawn_group *group = evtwin__calloc(n_groups, sizeof *group);
    if (group == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "out of memory to split %zu groups", n_groups);
    }
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++) {
        if (use[g].n_rul + use[g].n_negative + use[g].n_positive > 0) {
            group[n++].index = g;
        }
    }
    assert(n >= 2);
    const size_t rounded = (2 * n + 5) / 10;
    const size_t n_test = rounded > 0 ? rounded : 1;

    int best_met = -1;
    uint64_t best_draw = 0;
    for (uint64_t draw = 0; draw < MAX_DRAWS && best_met < N_CONDITIONS; draw++) {
        shuffle(group, n, seed, draw);
        const int met = conditions_met(group, n, n_test, use);
        if (met > best_met) {
            best_met = met;
            best_draw = draw;
        }
    }
    shuffle(group, n, seed, best_draw);
    memset(is_test, 0, n_groups);
    for (size_t i = 0; i < n_test; i++) {
        is_test[group[i].index] = 1;
    }
    evtwin__free(group);
    return EVTWIN_OK;
}
