/* SPDX-License-Identifier: MIT */
/* learn/trainer_split.c: say which rows are held out, and fit the scaler on those that are not. */

#include "learn/trainer.h"

#include "core/mem.h"
#include "core/status.h"
#include "learn/split.h"

#include <string.h>

/* Rows that some target can use, by group, then time. */
static size_t list_used_rows(const evtwin__dataset *data, size_t *row, uint8_t *is_used) {
    for (int t = 0; t < EVTWIN__N_TARGETS; t++) {
        for (size_t k = 0; k < data->target[t].n; k++) {
            is_used[data->target[t].row[k]] = 1;
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
static size_t count_use(const evtwin__dataset *data, evtwin__group_use *use) {
    const evtwin__target *rul = &data->target[EVTWIN__RUL];
    for (size_t k = 0; k < rul->n; k++) {
        use[data->groups.of_row[rul->row[k]]].n_rul++;
    }
    const evtwin__target *failure = &data->target[EVTWIN__FAILURE];
    for (size_t k = 0; k < failure->n; k++) {
        evtwin__group_use *u = &use[data->groups.of_row[failure->row[k]]];
        u->n_positive += failure->y[failure->row[k]] != 0.0;
        u->n_negative += failure->y[failure->row[k]] == 0.0;
    }
    size_t n = 0;
    for (size_t g = 0; g < data->groups.n; g++) {
        n += use[g].n_rul + use[g].n_negative + use[g].n_positive > 0;
    }
    return n;
}

/* is_held_out[row] from whole groups where two or more take part, else the last fifth of the used
 * rows. */
static evtwin_status hold_out(evtwin_trainer *trainer, const evtwin__dataset *data,
                              const size_t *used_row, size_t n_used, uint8_t *is_held_out) {
    evtwin_status st = EVTWIN_OK;
    evtwin__group_use *use = evtwin__calloc(data->groups.n, sizeof *use);
    uint8_t *is_test = evtwin__calloc(data->groups.n, sizeof *is_test);
    if (use == NULL || is_test == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to split %zu groups", data->groups.n);
        goto done;
    }
    if (count_use(data, use) < 2) {
        trainer->split_by = "time";
        const size_t n_test = n_used < 5 ? 1 : n_used / 5;
        for (size_t k = 0; k < n_used; k++) {
            is_held_out[used_row[k]] = k >= n_used - n_test;
        }
        goto done;
    }
    st = evtwin__split_groups(use, data->groups.n, trainer->options.seed, is_test);
    for (size_t k = 0; k < n_used; k++) {
        is_held_out[used_row[k]] = is_test[data->groups.of_row[used_row[k]]];
    }

done:
    evtwin__free(use);
    evtwin__free(is_test);
    return st;
}

/* Both parts must have rows, and what the saved classifier learns from both classes. */
static evtwin_status check_parts(const evtwin__target *target, int which, const char *split_by) {
    size_t n_test = 0, n_positive = 0;
    for (size_t k = 0; k < target->n; k++) {
        n_test += target->part[k] == 0;
        n_positive += target->part[k] < 0 && target->y[target->row[k]] != 0.0;
    }
    const size_t n_train = target->n - n_test;
    if (n_train == 0 || n_test == 0) {
        EVTWIN_FAIL(EVTWIN_E_DATA, "target '%s' has no row in the %s part when split by %s",
                    target->column, n_train == 0 ? "training" : "held-out", split_by);
    }
    if (which == EVTWIN__FAILURE && (n_positive == 0 || n_positive == n_train)) {
        EVTWIN_FAIL(EVTWIN_E_DATA,
                    "failure target '%s' has one class only in the training part when split by %s: "
                    "all %zu rows are %d",
                    target->column, split_by, n_train, n_positive > 0);
    }
    return EVTWIN_OK;
}

static evtwin_status split_once(evtwin_trainer *trainer, evtwin__dataset *data,
                                const size_t *used_row, size_t n_used, uint8_t *is_held_out) {
    memset(is_held_out, 0, data->rows);
    evtwin_status st = hold_out(trainer, data, used_row, n_used, is_held_out);
    for (int t = 0; t < EVTWIN__N_TARGETS && st == EVTWIN_OK; t++) {
        evtwin__target *target = &data->target[t];
        if (target->present) {
            target->n_parts = 1;
            for (size_t k = 0; k < target->n; k++) {
                target->part[k] = is_held_out[target->row[k]] ? 0 : -1;
            }
            st = check_parts(target, t, trainer->split_by);
        }
    }
    return st;
}

static evtwin_status split_into_folds(const evtwin_trainer *trainer, evtwin__dataset *data) {
    evtwin_status st = EVTWIN_OK;
    for (int t = 0; t < EVTWIN__N_TARGETS && st == EVTWIN_OK; t++) {
        evtwin__target *target = &data->target[t];
        if (target->present) {
            target->n_parts = (size_t)trainer->options.cv_folds;
            st = evtwin__split_folds(&data->groups, target->row, target->n, target->n_parts,
                                     target->part);
        }
    }
    return st;
}

/* The scaler of the saved models sees only rows that they are trained on. */
static evtwin_status fit_scaler(evtwin_trainer *trainer, const evtwin__dataset *data, size_t *row,
                                size_t n, const uint8_t *is_held_out) {
    size_t n_train = 0;
    for (size_t k = 0; k < n; k++) {
        if (!is_held_out[row[k]]) {
            row[n_train++] = row[k];
        }
    }
    for (size_t i = 0; i < data->cols; i++) {
        evtwin__feature_origin *origin = &trainer->origin[i];
        origin->min = origin->max = data->x[row[0] * data->cols + i];
        for (size_t k = 1; k < n_train; k++) {
            const double v = data->x[row[k] * data->cols + i];
            origin->min = v < origin->min ? v : origin->min;
            origin->max = v > origin->max ? v : origin->max;
        }
    }
    return evtwin__scaler_fit(data->x, data->cols, row, n_train, &trainer->scaler);
}

evtwin_status evtwin__trainer_split(evtwin_trainer *trainer, evtwin__dataset *data) {
    evtwin_status st;
    size_t *row = evtwin__calloc(data->rows, sizeof *row);
    uint8_t *mark = evtwin__calloc(data->rows, sizeof *mark);
    if (row == NULL || mark == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory to split %zu rows", data->rows);
        goto done;
    }
    const size_t n = list_used_rows(data, row, mark);
    trainer->split_by = data->groups.kind == EVTWIN__GROUP_BATTERY ? "battery" : "group";
    if (trainer->options.cv_folds > 0) {
        memset(mark, 0, data->rows);
        st = split_into_folds(trainer, data);
    } else {
        st = split_once(trainer, data, row, n, mark);
    }
    if (st == EVTWIN_OK) {
        st = fit_scaler(trainer, data, row, n, mark);
    }

done:
    evtwin__free(row);
    evtwin__free(mark);
    return st;
}
