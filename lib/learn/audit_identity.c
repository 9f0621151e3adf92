/* SPDX-License-Identifier: MIT */
/* learn/audit_identity.c: one battery under two names, or several under one. */

#include "learn/audit.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "learn/finding.h"
#include "learn/identity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static evtwin_status find_names(evtwin_trainer *trainer, const evtwin__dataset *data) {
    evtwin__similar_names similar;
    evtwin__torn_batteries torn;
    EVTWIN_TRY(evtwin__find_similar_names(&data->groups.names, &similar));
    if (similar.n > 0) {
        EVTWIN_TRY(FIND(trainer, SIMILAR_NAMES, NULL, COUNT(similar.n), COUNT(data->groups.names.n),
                        TEXT(similar.first[0]), TEXT(similar.first[1])));
    }
    EVTWIN_TRY(evtwin__find_torn_batteries(data->table, &data->groups, &torn));
    return torn.n == 0 ? EVTWIN_OK
                       : FIND_ONE_OF(trainer, 2 * torn.n > torn.n_all, MOST_TORN, TORN_BATTERIES,
                                     COUNT(torn.n), COUNT(torn.n_all), TEXT(torn.first));
}

/* Of the first target that shows it. */
static evtwin_status find_repeated_rows(evtwin_trainer *trainer, const evtwin__dataset *data) {
    const evtwin__groups *g = &data->groups;
    evtwin__repeated_rows repeated = {.n_rows = 0};
    for (size_t t = 0; t < EVTWIN__T_COUNT && repeated.n_rows == 0; t++) {
        if (data->label[t].is_present) {
            EVTWIN_TRY(evtwin__find_repeated_rows(data, &data->label[t], &repeated));
        }
    }
    if (repeated.n_rows == 0) {
        return EVTWIN_OK;
    }
    const int has_names = g->kind != EVTWIN__GROUP_NONE;
    const char *of = has_names ? " of " : "";
    return FIND(trainer, REPEATED_ROWS, NULL, COUNT(repeated.n_rows), COUNT(repeated.first + 1),
                TEXT(of), TEXT(has_names ? g->names.text[g->of_row[repeated.first]] : ""),
                COUNT(repeated.twin + 1), TEXT(of),
                TEXT(has_names ? g->names.text[g->of_row[repeated.twin]] : ""));
}

static evtwin_status find_several_series(evtwin_trainer *trainer, const evtwin__dataset *data) {
    const evtwin__restarts found = evtwin__find_restarts(data);
    if (found.counter == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    const char *counter = evtwin_table_name(data->table, found.counter);
    if (found.name_col == EVTWIN_NO_COLUMN) {
        return FIND(trainer, SEVERAL_SERIES, counter, TEXT(counter), COUNT(found.n),
                    COUNT(found.n + 1), TEXT(counter));
    }
    const char *name = evtwin_table_name(data->table, found.name_col);
    return FIND(trainer, GROUP_UNUSED, name, TEXT(counter), COUNT(found.n), TEXT(name),
                COUNT(found.n + 1), TEXT(name));
}

/* Is row k the row before it once more, whatever its time? */
static int is_again(const evtwin__audit *a, size_t k) {
    const evtwin__dataset *d = a->data;
    const size_t now = a->order[k], last = a->order[k - 1];
    int is_same = 1;
    for (size_t t = 0; t < EVTWIN__T_COUNT && is_same; t++) {
        const double *y = d->label[t].y;
        is_same = y == NULL || y[now] == y[last] || (isnan(y[now]) && isnan(y[last]));
    }
    for (size_t i = 0; i < d->cols && is_same; i++) {
        const double x = d->x[now * d->cols + i], before = d->x[last * d->cols + i];
        is_same = x == before || (isnan(x) && isnan(before));
    }
    return is_same;
}

static int is_at_its_time(const evtwin__audit *a, size_t k) {
    const evtwin__dataset *d = a->data;
    const int64_t *time_us = evtwin_table_i64(d->table, d->groups.time_col);
    return time_us == NULL || time_us[a->order[k]] == time_us[a->order[k - 1]];
}

static evtwin_status find_rows_twice(const evtwin__audit *a) {
    size_t n_twice = 0, n_again = 0, n_thrice = 0;
    for (size_t b = 0; b < a->n_batteries; b++) {
        int was_again = 0;
        for (size_t k = a->start[b] + 1; k < a->start[b + 1]; k++) {
            const int is_one = is_again(a, k);
            n_again += (size_t)is_one;
            n_thrice += (size_t)(is_one && was_again);
            n_twice += (size_t)(is_one && is_at_its_time(a, k));
            was_again = is_one;
        }
    }
    if (n_twice >= 5 && 100 * n_twice >= a->n) {
        return FIND(a->trainer, ROWS_TWICE, NULL, COUNT(n_twice), COUNT(a->n));
    }
    return n_again >= 20 && 5 * n_again >= a->n && 50 * n_thrice <= n_again
               ? FIND(a->trainer, ROWS_AGAIN, NULL, COUNT(n_again), COUNT(a->n))
               : EVTWIN_OK;
}

evtwin_status evtwin__audit_identity(const evtwin__audit *a) {
    EVTWIN_TRY(find_names(a->trainer, a->data));
    EVTWIN_TRY(find_several_series(a->trainer, a->data));
    EVTWIN_TRY(find_rows_twice(a));
    return find_repeated_rows(a->trainer, a->data);
}
