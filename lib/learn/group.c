/* SPDX-License-Identifier: MIT */
/* learn/group.c: which rows belong to one battery, and their order in time. */

#include "learn/group.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "evtwin/telemetry.h"
#include "learn/features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- order ---- */

typedef struct row_key {
    int64_t time_us;
    size_t row;
    int32_t group;
} row_key;

static int compare_keys(const void *a, const void *b) {
    const row_key *x = a, *y = b;
    int order = (x->group > y->group) - (x->group < y->group);
    order = order != 0 ? order : (x->time_us > y->time_us) - (x->time_us < y->time_us);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

evtwin_status evtwin__group_order(const int32_t *group_of_row, const int64_t *time_us, size_t rows,
                                  size_t *order, size_t *n_out) {
    row_key *key = evtwin__calloc(rows, sizeof *key);
    EVTWIN_FAIL_IF(key == NULL, EVTWIN_E_NOMEM, "out of memory to order %zu rows", rows);
    size_t n = 0;
    for (size_t r = 0; r < rows; r++) {
        if (group_of_row[r] >= 0) {
            key[n++] = (row_key){time_us != NULL ? time_us[r] : 0, r, group_of_row[r]};
        }
    }
    qsort(key, n, sizeof *key, compare_keys);
    for (size_t k = 0; k < n; k++) {
        order[k] = key[k].row;
    }
    evtwin__free(key);
    *n_out = n;
    return EVTWIN_OK;
}

/* A row without a time is put at the time of its group's row before it in the table. */
static evtwin_status order_groups(const evtwin_table *table, evtwin__groups *g) {
    const size_t rows = evtwin_table_rows(table), n = rows + g->names.n;
    const int64_t *v = evtwin_table_i64(table, g->time_col);
    int64_t *time_us = evtwin__calloc(n, sizeof *time_us);
    EVTWIN_FAIL_IF(time_us == NULL, EVTWIN_E_NOMEM, "out of memory for %zu times", rows);
    int64_t *last_us = time_us + rows; /* of each group */
    for (size_t i = rows; i < n; i++) {
        time_us[i] = INT64_MIN;
    }
    for (size_t r = 0; v != NULL && r < rows; r++) {
        if (g->of_row[r] >= 0) {
            int64_t *last = &last_us[g->of_row[r]];
            *last = evtwin_table_is_valid(table, g->time_col, r) ? v[r] : *last;
            time_us[r] = *last;
        }
    }
    const evtwin_status st = evtwin__group_order(g->of_row, time_us, rows, g->order, &g->n_ordered);
    evtwin__free(time_us);
    return st;
}

/* ---- groups ---- */

/* A new group wherever the counter is lower than in the row before. */
static evtwin_status group_by_restart(const evtwin_table *table, const char *name,
                                      evtwin__groups *g) {
    g->kind = EVTWIN__GROUP_BATTERY;
    g->counter_col = evtwin__column_find(table, name);
    char columns[512];
    EVTWIN_FAIL_IF(g->counter_col == EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                   "counter column '%s' is absent; the table has %s", name,
                   evtwin__column_list(table, columns, sizeof columns));
    EVTWIN_FAIL_IF(!evtwin__column_is_number(table, g->counter_col), EVTWIN_E_SCHEMA,
                   "counter column '%s' is not numeric", name);

    double last = INFINITY;
    int32_t group = -1;
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        const double count = evtwin_table_number(table, g->counter_col, r);
        if (count < last || group < 0) {
            char number[32];
            const int length = snprintf(number, sizeof number, "%06zu", g->names.n + 1);
            EVTWIN_TRY(evtwin__dict_intern(&g->names, number, (size_t)length, &group));
        }
        last = isnan(count) ? last : count;
        g->of_row[r] = group;
    }
    return EVTWIN_OK;
}

/* The value as it is written; equal exactly where values are. */
static const char *value_text(const evtwin_table *table, size_t col, size_t row,
                              char number[EVTWIN__NUM_SIZE]) {
    const int64_t *integer = evtwin_table_i64(table, col);
    const double value = evtwin_table_number(table, col, row);
    if (evtwin_table_type(table, col) == EVTWIN_TEXT) {
        return evtwin_table_text(table, col, row);
    }
    if (integer != NULL) { /* with all its bits: ids may be too large for a double */
        evtwin__format_i64(integer[row], number);
    } else if (isfinite(value)) {
        evtwin__format_f64(value == 0.0 ? 0.0 : value, number);
    } else {
        return value > 0.0 ? "infinite" : "-infinite";
    }
    return number;
}

/* Each value, of whatever type, is a group; a row without one has none. */
static evtwin_status group_by_value(const evtwin_table *table, size_t col, evtwin__groups *g) {
    const char *last = NULL;
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        char number[EVTWIN__NUM_SIZE];
        const int has_value = evtwin_table_is_valid(table, col, r);
        const char *text = has_value ? value_text(table, col, r, number) : NULL;
        if (text == NULL) {
            g->of_row[r] = -1;
        } else if (text != number && text == last) { /* the string of the row before */
            g->of_row[r] = g->of_row[r - 1];
        } else {
            EVTWIN_TRY(evtwin__dict_intern(&g->names, text, strlen(text), &g->of_row[r]));
        }
        last = text;
    }
    return EVTWIN_OK;
}

static evtwin_status group_by_column(const evtwin_table *table, const char *name,
                                     evtwin__groups *g) {
    const size_t battery_col = evtwin_telemetry_find(table, "battery_id");
    const size_t col = name != NULL ? evtwin__column_find(table, name) : battery_col;
    if (col == EVTWIN_NO_COLUMN && name == NULL) {
        int32_t all;
        g->kind = EVTWIN__GROUP_NONE;
        return evtwin__dict_intern(&g->names, "", 0, &all);
    }
    char columns[512];
    EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                   "group column '%s' is absent; the table has %s", name,
                   evtwin__column_list(table, columns, sizeof columns));
    g->kind = col == battery_col ? EVTWIN__GROUP_BATTERY : EVTWIN__GROUP_COLUMN;
    return group_by_value(table, col, g);
}

evtwin_status evtwin__groups_find(const evtwin_table *table, const char *group,
                                  const char *group_by_reset, evtwin__groups *out) {
    EVTWIN_FAIL_IF(group != NULL && group_by_reset != NULL, EVTWIN_E_ARG,
                   "groups come from column '%s' or from counter '%s', not both", group,
                   group_by_reset);
    const size_t rows = evtwin_table_rows(table);
    evtwin__groups g = {.counter_col = EVTWIN_NO_COLUMN};
    g.time_col = evtwin_telemetry_find(table, "time");
    if (g.time_col != EVTWIN_NO_COLUMN && evtwin_table_type(table, g.time_col) != EVTWIN_TIME) {
        g.time_col = EVTWIN_NO_COLUMN;
    }
    g.of_row = evtwin__calloc(rows, sizeof *g.of_row);
    g.order = evtwin__calloc(rows, sizeof *g.order);
    evtwin_status st =
        g.of_row == NULL || g.order == NULL
            ? evtwin__fail(EVTWIN_E_NOMEM, "out of memory for the groups of %zu rows", rows)
        : group_by_reset != NULL ? group_by_restart(table, group_by_reset, &g)
                                 : group_by_column(table, group, &g);
    if (st < 0 || (st = order_groups(table, &g)) < 0) {
        evtwin__groups_clear(&g);
        return st;
    }
    *out = g;
    return EVTWIN_OK;
}

void evtwin__groups_clear(evtwin__groups *groups) {
    evtwin__dict_free(&groups->names);
    evtwin__free(groups->of_row);
    evtwin__free(groups->order);
    *groups = (evtwin__groups){0};
}
