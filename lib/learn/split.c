/* SPDX-License-Identifier: MIT */
/* learn/split.c: which rows are held out, and the scaler that has not seen them. */

#include "learn/split.h"

#include "core/mem.h"
#include "core/rng.h"
#include "core/status.h"
#include "learn/trainer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- folds ---- */

typedef struct sized_group {
    const char *name;
    size_t size;
    size_t index;
    uint64_t key; /* drawn */
} sized_group;

static int compare_drawn(const void *a, const void *b) {
    const sized_group *x = a, *y = b;
    const int order = (x->key > y->key) - (x->key < y->key);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

enum { FOLDS_CHANNEL = 2 };

static void draw_keys(sized_group *group, size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i++) {
        const evtwin__rng_block block =
            evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, (uint32_t)group[i].index, FOLDS_CHANNEL, 0);
        group[i].key = (uint64_t)block.word[0] << 32 | block.word[1];
    }
}

static int compare_sizes(const void *a, const void *b) {
    const sized_group *x = a, *y = b;
    const int order = (x->size < y->size) - (x->size > y->size);
    return order != 0 ? order : strcmp(x->name, y->name);
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

evtwin_status evtwin__deal_folds(const char *const *name, const size_t *size, size_t n_groups,
                                 size_t n_folds, const uint64_t *seed, int32_t *fold_of_group) {
    evtwin_status st = EVTWIN_OK;
    sized_group *group = evtwin__calloc(n_groups, sizeof *group);
    size_t *weight = evtwin__calloc(n_folds, sizeof *weight);
    if (group == NULL || weight == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to fold %zu groups", n_groups);
        goto done;
    }

    for (size_t g = 0; g < n_groups; g++) {
        group[g] = (sized_group){name[g], size[g], g, 0};
        fold_of_group[g] = -1;
    }
    qsort(group, n_groups, sizeof *group, compare_sizes);
    size_t n_used = 0;
    while (n_used < n_groups && group[n_used].size > 0) {
        n_used++;
    }
    if (n_used < n_folds) {
        st = evtwin__fail(EVTWIN_E_DATA,
                          "%zu folds need at least %zu groups with a target, there %s %zu", n_folds,
                          n_folds, n_used == 1 ? "is" : "are", n_used);
        goto done;
    }
    if (seed != NULL) {
        draw_keys(group, n_used, *seed);
        qsort(group, n_used, sizeof *group, compare_drawn);
    }
    deal(group, n_used, weight, n_folds, fold_of_group);

done:
    evtwin__free(group);
    evtwin__free(weight);
    return st;
}

evtwin_status evtwin__split_folds(const evtwin__groups *groups, const size_t *row, size_t n,
                                  size_t n_folds, const uint64_t *seed, int32_t *fold_of) {
    const size_t n_groups = groups->names.n;
    size_t *size = evtwin__calloc(n_groups, sizeof *size);
    int32_t *fold_of_group = evtwin__calloc(n_groups, sizeof *fold_of_group);
    evtwin_status st = EVTWIN_OK;
    if (size == NULL || fold_of_group == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to fold %zu groups", n_groups);
    }
    for (size_t k = 0; k < n && st >= 0; k++) {
        size[groups->of_row[row[k]]]++;
    }
    if (st >= 0) {
        st = evtwin__deal_folds(groups->names.text, size, n_groups, n_folds, seed, fold_of_group);
    }
    for (size_t k = 0; k < n && st >= 0; k++) {
        fold_of[k] = fold_of_group[groups->of_row[row[k]]];
    }
    evtwin__free(size);
    evtwin__free(fold_of_group);
    return st;
}

/* ---- hold-out ---- */

enum { MAX_SHUFFLES = 100, N_CONDITIONS = 2 * 2 * EVTWIN__T_COUNT };

typedef struct keyed_group {
    uint64_t key;
    size_t index;
} keyed_group;

static int compare_keys(const void *a, const void *b) {
    const keyed_group *x = a, *y = b;
    const int order = (x->key > y->key) - (x->key < y->key);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* The groups in the order of one shuffle. */
static void shuffle(keyed_group *group, size_t n, uint64_t seed, uint64_t k) {
    for (size_t i = 0; i < n; i++) {
        const evtwin__rng_block block =
            evtwin__rng_at(seed, EVTWIN__RNG_SPLIT, (uint32_t)group[i].index, 0, k);
        group[i].key = (uint64_t)block.word[0] << 32 | block.word[1];
    }
    qsort(group, n, sizeof *group, compare_keys);
}

static size_t rows_of(const evtwin__group_use *use) {
    size_t n = 0;
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        n += use->n[t][0] + use->n[t][1];
    }
    return n;
}

/* How many of the conditions hold when the first n_test groups are held out. */
static int conditions_met(const keyed_group *group, size_t n, size_t n_test,
                          const evtwin__group_use *use) {
    evtwin__group_use part[2] = {0};
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
            part[i < n_test].n[t][0] += use[group[i].index].n[t][0];
            part[i < n_test].n[t][1] += use[group[i].index].n[t][1];
        }
    }
    int met = 0;
    for (int p = 0; p < 2; p++) {
        for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
            met += part[p].n[t][0] > 0 || part[1 - p].n[t][0] == 0;
            met += part[p].n[t][1] > 0 || part[1 - p].n[t][1] == 0;
        }
    }
    return met;
}

size_t evtwin__count_users(const evtwin__group_use *use, size_t n_groups) {
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++) {
        n += rows_of(&use[g]) > 0;
    }
    return n;
}

evtwin_status evtwin__split_groups(const evtwin__group_use *use, size_t n_groups, uint64_t seed,
                                   uint8_t *is_test) {
    keyed_group *group = evtwin__calloc(n_groups, sizeof *group);
    EVTWIN_FAIL_IF(group == NULL, EVTWIN_E_NOMEM, "out of memory to split %zu groups", n_groups);
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++) {
        if (rows_of(&use[g]) > 0) {
            group[n++].index = g;
        }
    }
    assert(n >= 2);
    const size_t rounded = (2 * n + 5) / 10;
    const size_t n_test = rounded > 0 ? rounded : 1;

    int best_met = -1;
    uint64_t best = 0;
    for (uint64_t k = 0; k < MAX_SHUFFLES && best_met < N_CONDITIONS; k++) {
        shuffle(group, n, seed, k);
        const int met = conditions_met(group, n, n_test, use);
        if (met > best_met) {
            best_met = met;
            best = k;
        }
    }
    shuffle(group, n, seed, best);
    memset(is_test, 0, n_groups);
    for (size_t i = 0; i < n_test; i++) {
        is_test[group[i].index] = 1;
    }
    evtwin__free(group);
    return EVTWIN_OK;
}

/* ---- of a data set ---- */

/* Rows that some target can use, by group, then time. */
static size_t list_used_rows(const evtwin__dataset *data, size_t *row, uint8_t *is_used) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        for (size_t k = 0; k < data->label[t].n; k++) {
            is_used[data->label[t].row[k]] = 1;
        }
    }
    size_t n = 0;
    for (size_t k = 0; k < data->groups.n_ordered; k++) {
        if (is_used[data->groups.order[k]]) {
            row[n++] = data->groups.order[k];
        }
    }
    return n;
}

/* What each group brings; gives back how many bring anything. */
static size_t count_use(const evtwin_trainer *trainer, const evtwin__dataset *data,
                        evtwin__group_use *use) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        const evtwin__label *label = &data->label[t];
        const int is_event = trainer->target[t].kind == EVTWIN_TARGET_EVENT;
        for (size_t k = 0; k < label->n; k++) {
            const size_t row = label->row[k];
            use[data->groups.of_row[row]].n[t][is_event && label->y[row] != 0.0]++;
        }
    }
    return evtwin__count_users(use, data->groups.names.n);
}

/* is_held_out[row] from whole groups where two or more take part, else the last fifth of the used
 * rows. */
static evtwin_status hold_out(evtwin_trainer *trainer, const evtwin__dataset *data,
                              const size_t *used_row, size_t n_used, uint8_t *is_held_out) {
    const size_t n_groups = data->groups.names.n;
    evtwin__group_use *use = evtwin__calloc(n_groups, sizeof *use + sizeof(uint8_t));
    EVTWIN_FAIL_IF(use == NULL, EVTWIN_E_NOMEM, "out of memory to split %zu groups", n_groups);
    uint8_t *is_test = (uint8_t *)(use + n_groups);
    evtwin_status st = EVTWIN_OK;
    const int by_group = count_use(trainer, data, use) >= 2;
    if (by_group) {
        st = evtwin__split_groups(use, n_groups, trainer->options.seed, is_test);
    } else {
        trainer->split_by = "time";
    }
    const size_t n_test = n_used < 5 ? 1 : n_used / 5;
    for (size_t k = 0; k < n_used; k++) {
        is_held_out[used_row[k]] =
            by_group ? is_test[data->groups.of_row[used_row[k]]] : k >= n_used - n_test;
    }
    evtwin__free(use);
    return st;
}

evtwin_status evtwin__check_parts(const evtwin_target *target, const char *column,
                                  const char *split_by, size_t n_train, size_t n_test,
                                  size_t n_positive) {
    EVTWIN_FAIL_IF(n_train == 0 || n_test == 0, EVTWIN_E_DATA,
                   "target '%s' has no row in the %s part when split by %s", column,
                   n_train == 0 ? "training" : "held-out", split_by);
    EVTWIN_FAIL_IF(
        target->kind == EVTWIN_TARGET_EVENT && (n_positive == 0 || n_positive == n_train),
        EVTWIN_E_DATA,
        "%s target '%s' has one class only in the training part when split by %s: "
        "all %zu rows are %d; leave the target out (%s) to train the others",
        target->title, column, split_by, n_train, n_positive > 0, evtwin__target_option(target));
    return EVTWIN_OK;
}

static evtwin_status check_label_parts(const evtwin_target *target, const evtwin__label *label,
                                       const char *split_by) {
    size_t n_test = 0, n_positive = 0;
    for (size_t k = 0; k < label->n; k++) {
        n_test += label->part[k] == 0;
        n_positive += label->part[k] < 0 && label->y[label->row[k]] != 0.0;
    }
    return evtwin__check_parts(target, label->column, split_by, label->n - n_test, n_test,
                               n_positive);
}

static evtwin_status split_once(evtwin_trainer *trainer, evtwin__dataset *data,
                                const size_t *used_row, size_t n_used, uint8_t *is_held_out) {
    EVTWIN_TRY(hold_out(trainer, data, used_row, n_used, is_held_out));
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &data->label[t];
        if (label->is_present) {
            label->n_parts = 1;
            for (size_t k = 0; k < label->n; k++) {
                label->part[k] = is_held_out[label->row[k]] ? 0 : -1;
            }
            EVTWIN_TRY(check_label_parts(&trainer->target[t], label, trainer->split_by));
        }
    }
    return EVTWIN_OK;
}

static evtwin_status split_into_folds(const evtwin_trainer *trainer, evtwin__dataset *data) {
    for (size_t t = 0; t < EVTWIN__T_COUNT; t++) {
        evtwin__label *label = &data->label[t];
        if (label->is_present) {
            label->n_parts = (size_t)trainer->options.cv_folds;
            EVTWIN_TRY(evtwin__split_folds(&data->groups, label->row, label->n, label->n_parts,
                                           NULL, label->part));
        }
    }
    return EVTWIN_OK;
}

uint8_t evtwin__month_of(int64_t time_us) {
    const double year_us = 365.2425 * 86400e6;
    const double years = (double)time_us / year_us;
    return (uint8_t)fmin(12.0 * (years - floor(years)), 11.0);
}

/* The twelfth of the year of each training row; NULL if there are no times. */
static evtwin_status list_months(const evtwin__dataset *data, const size_t *row, size_t n,
                                 uint8_t **out) {
    const size_t col = data->groups.time_col;
    const int64_t *time_us = col != EVTWIN_NO_COLUMN ? evtwin_table_i64(data->table, col) : NULL;
    uint8_t *month = time_us != NULL ? evtwin__calloc(n, sizeof *month) : NULL;
    EVTWIN_FAIL_IF(time_us != NULL && month == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the months of %zu rows", n);
    for (size_t k = 0; k < n && month != NULL; k++) {
        month[k] = evtwin__month_of(time_us[row[k]]);
    }
    *out = month;
    return EVTWIN_OK;
}

/* The twelfth of its battery's record that each training row is in; rows come by battery, then
 * time. life stays as it is where there are no batteries. */
static void list_lives(const evtwin__dataset *data, const size_t *row, size_t n, uint8_t *life) {
    for (size_t first = 0, end; data->groups.names.n > 0 && first < n; first = end) {
        end = first + 1;
        while (end < n && data->groups.of_row[row[end]] == data->groups.of_row[row[first]]) {
            end++;
        }
        for (size_t k = first; k < end; k++) {
            life[k] = (uint8_t)(12 * (k - first) / (end - first));
        }
    }
}

/* What live data are compared with: v has room for the training rows. */
static evtwin_status fit_histograms(evtwin__bundle *b, const evtwin__dataset *data,
                                    const size_t *row, size_t n, const uint8_t *month,
                                    const uint8_t *life, double *v) {
    for (size_t i = 0; i < data->cols; i++) {
        for (size_t k = 0; k < n; k++) {
            v[k] = data->x[row[k] * data->cols + i];
        }
        EVTWIN_TRY(evtwin__histogram_fit(v, month, life, n, &b->feature[i].histogram));
    }
    const evtwin__places at = evtwin__bundle_places(b);
    return evtwin__curve_fit(data->x, data->cols, row, n, &at, &b->curve);
}

static evtwin_status fit_reference(evtwin__bundle *b, const evtwin__dataset *data,
                                   const size_t *row, size_t n) {
    uint8_t *month = NULL;
    EVTWIN_TRY(list_months(data, row, n, &month));
    double *v = evtwin__calloc(n, sizeof *v);
    uint8_t *life = evtwin__calloc(n, sizeof *life);
    evtwin_status st = EVTWIN_OK;
    if (v == NULL || life == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for histograms of %zu rows", n);
    } else {
        list_lives(data, row, n, life);
        st = fit_histograms(b, data, row, n, month, data->groups.names.n > 0 ? life : NULL, v);
    }
    evtwin__free(v);
    evtwin__free(life);
    evtwin__free(month);
    return st;
}

/* The scaler of the saved models sees only rows that they are trained on. */
static evtwin_status fit_scaler(evtwin__bundle *b, const evtwin__dataset *data, const size_t *row,
                                size_t n_train) {
    for (size_t i = 0; i < data->cols; i++) {
        evtwin__bundle_feature *f = &b->feature[i];
        f->min = f->max = data->x[row[0] * data->cols + i];
        for (size_t k = 1; k < n_train; k++) {
            const double v = data->x[row[k] * data->cols + i];
            f->min = v < f->min ? v : f->min;
            f->max = v > f->max ? v : f->max;
        }
    }
    return evtwin__scaler_fit(data->x, data->cols, row, n_train, &b->scaler);
}

static int compare_hashes(const void *a, const void *b) {
    return strcmp(a, b);
}

evtwin_status evtwin__list_batteries(evtwin__bundle *b, const evtwin__dict *names,
                                     const uint8_t *is_training) {
    if (names->n > EVTWIN__BUNDLE_MAX_BATTERIES) {
        return EVTWIN_OK;
    }
    b->battery = evtwin__calloc(names->n, sizeof *b->battery);
    EVTWIN_FAIL_IF(b->battery == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the hashes of %zu batteries", names->n);
    for (size_t g = 0; g < names->n; g++) {
        if (is_training[g]) {
            evtwin__battery_hash(names->text[g], b->battery[b->n_batteries++]);
        }
    }
    qsort(b->battery, b->n_batteries, sizeof *b->battery, compare_hashes);
    return EVTWIN_OK;
}

/* The batteries of the training rows; none of one series. */
static evtwin_status list_training_batteries(evtwin__bundle *b, const evtwin__dataset *data,
                                             const size_t *row, size_t n_train) {
    const evtwin__groups *g = &data->groups;
    if (g->kind == EVTWIN__GROUP_NONE) {
        return EVTWIN_OK;
    }
    uint8_t *is_training = evtwin__calloc(g->names.n, sizeof *is_training);
    EVTWIN_FAIL_IF(is_training == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries",
                   g->names.n);
    for (size_t k = 0; k < n_train; k++) {
        is_training[g->of_row[row[k]]] = 1;
    }
    const evtwin_status st = evtwin__list_batteries(b, &g->names, is_training);
    evtwin__free(is_training);
    return st;
}

/* row and mark have room for all rows; mark is zero. */
static evtwin_status split_rows(evtwin_trainer *trainer, evtwin__dataset *data, size_t *row,
                                uint8_t *mark) {
    const size_t n = list_used_rows(data, row, mark);
    trainer->split_by = data->groups.kind == EVTWIN__GROUP_BATTERY ? "battery" : "group";
    memset(mark, 0, data->rows);
    EVTWIN_TRY(trainer->options.cv_folds > 0 ? split_into_folds(trainer, data)
                                             : split_once(trainer, data, row, n, mark));
    size_t n_train = 0;
    for (size_t k = 0; k < n; k++) {
        if (!mark[row[k]]) {
            row[n_train++] = row[k];
        }
    }
    EVTWIN_TRY(fit_scaler(&trainer->bundle, data, row, n_train));
    EVTWIN_TRY(fit_reference(&trainer->bundle, data, row, n_train));
    return list_training_batteries(&trainer->bundle, data, row, n_train);
}

evtwin_status evtwin__dataset_split(evtwin_trainer *trainer, evtwin__dataset *data) {
    size_t *row = evtwin__calloc(data->rows, sizeof *row);
    uint8_t *mark = evtwin__calloc(data->rows, sizeof *mark);
    const evtwin_status st =
        row == NULL || mark == NULL
            ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory to split %zu rows", data->rows)
            : split_rows(trainer, data, row, mark);
    evtwin__free(row);
    evtwin__free(mark);
    return st;
}
