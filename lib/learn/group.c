/* SPDX-License-Identifier: MIT */
/* learn/group.c: which rows belong to one battery, and their order in time. */

#include "learn/group.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/vmath.h"
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
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    if (x->time_us != y->time_us) {
        return x->time_us < y->time_us ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row);
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

/* Times of all rows; a row without one is put at the time of the row before it. */
static evtwin_status read_times(const evtwin_table *table, size_t col, int64_t **out) {
    const size_t rows = evtwin_table_rows(table);
    int64_t *time_us = evtwin__calloc(rows, sizeof *time_us);
    EVTWIN_FAIL_IF(time_us == NULL, EVTWIN_E_NOMEM, "out of memory for %zu times", rows);
    const int64_t *v = evtwin_table_i64(table, col);
    int64_t last_us = INT64_MIN;
    for (size_t r = 0; r < rows; r++) {
        last_us = evtwin_table_is_valid(table, col, r) ? v[r] : last_us;
        time_us[r] = last_us;
    }
    *out = time_us;
    return EVTWIN_OK;
}

static evtwin_status order_groups(const evtwin_table *table, evtwin__groups *g) {
    evtwin_status st = EVTWIN_OK;
    int64_t *time_us = NULL;
    if (g->time_col != EVTWIN_NO_COLUMN && (st = read_times(table, g->time_col, &time_us)) < 0) {
        return st;
    }
    st = evtwin__group_order(g->of_row, time_us, evtwin_table_rows(table), g->order, &g->n_ordered);
    evtwin__free(time_us);
    return st;
}

/* ---- groups ---- */

static evtwin_status add_group(evtwin__groups *g, size_t *capacity, const char *name) {
    EVTWIN_FAIL_IF(g->n == INT32_MAX, EVTWIN_E_DATA, "more than %d groups", INT32_MAX);
    if (g->n == *capacity) {
        const size_t wanted = *capacity > 0 ? 2 * *capacity : 64;
        char **grown = evtwin__realloc(g->name, wanted, sizeof *grown);
        EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for %zu groups", wanted);
        g->name = grown;
        *capacity = wanted;
    }
    g->name[g->n] = evtwin__strdup(name);
    EVTWIN_FAIL_IF(g->name[g->n] == NULL, EVTWIN_E_NOMEM, "out of memory for the name of a group");
    g->n++;
    return EVTWIN_OK;
}

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

    size_t capacity = 0;
    double last = INFINITY;
    for (size_t r = 0; r < evtwin_table_rows(table); r++) {
        const double count = evtwin_table_number(table, g->counter_col, r);
        if (count < last || g->n == 0) {
            char number[32];
            snprintf(number, sizeof number, "%06zu", g->n + 1);
            EVTWIN_TRY(add_group(g, &capacity, number));
        }
        last = isnan(count) ? last : count;
        g->of_row[r] = (int32_t)(g->n - 1);
    }
    return EVTWIN_OK;
}

static evtwin_status group_by_text(const evtwin_table *table, size_t col, evtwin__groups *g) {
    const size_t n_codes = evtwin_table_dict_size(table, col);
    int32_t *group_of_code = evtwin__calloc(n_codes, sizeof *group_of_code);
    EVTWIN_FAIL_IF(group_of_code == NULL, EVTWIN_E_NOMEM, "out of memory for %zu groups", n_codes);
    memset(group_of_code, 0xff, n_codes * sizeof *group_of_code);

    evtwin_status st = EVTWIN_OK;
    const int32_t *code = evtwin_table_codes(table, col);
    size_t capacity = 0;
    for (size_t r = 0; r < evtwin_table_rows(table) && st == EVTWIN_OK; r++) {
        if (!evtwin_table_is_valid(table, col, r)) {
            g->of_row[r] = -1;
            continue;
        }
        int32_t *group = &group_of_code[code[r]];
        if (*group < 0) {
            *group = (int32_t)g->n;
            st = add_group(g, &capacity, evtwin_table_dict_text(table, col, code[r]));
        }
        g->of_row[r] = *group;
    }
    evtwin__free(group_of_code);
    return st;
}

/* A row and its value as bits, which are equal exactly where values are. */
typedef struct valued_row {
    int64_t bits;
    size_t row;
} valued_row;

static int compare_valued(const void *a, const void *b) {
    const valued_row *x = a, *y = b;
    if (x->bits != y->bits) {
        return x->bits < y->bits ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row);
}

/* Integers keep all their bits: ids may be too large for a double. */
static int64_t value_bits(const evtwin_table *table, size_t col, size_t row) {
    const int64_t *integer = evtwin_table_i64(table, col);
    if (integer != NULL) {
        return integer[row];
    }
    const double value = evtwin_table_number(table, col, row);
    return (int64_t)evtwin__to_bits(value == 0.0 ? 0.0 : value);
}

/* first[row] = the first row of the same value; rows without one stay as they are. */
static evtwin_status first_of_each_value(const evtwin_table *table, size_t col, size_t *first) {
    const size_t rows = evtwin_table_rows(table);
    valued_row *v = evtwin__calloc(rows, sizeof *v);
    EVTWIN_FAIL_IF(v == NULL, EVTWIN_E_NOMEM, "out of memory to group %zu rows", rows);
    size_t n = 0;
    for (size_t r = 0; r < rows; r++) {
        if (evtwin_table_is_valid(table, col, r)) {
            v[n++] = (valued_row){value_bits(table, col, r), r};
        }
    }
    qsort(v, n, sizeof *v, compare_valued);
    for (size_t k = 0; k < n; k++) {
        const int is_new = k == 0 || v[k].bits != v[k - 1].bits;
        first[v[k].row] = is_new ? v[k].row : first[v[k - 1].row];
    }
    evtwin__free(v);
    return EVTWIN_OK;
}

/* Numbers, times and truth values: each distinct one is a group, named as it is written. */
static evtwin_status group_by_number(const evtwin_table *table, size_t col, evtwin__groups *g) {
    const size_t rows = evtwin_table_rows(table);
    const int64_t *integer = evtwin_table_i64(table, col);
    size_t *first = evtwin__calloc(rows, sizeof *first);
    EVTWIN_FAIL_IF(first == NULL, EVTWIN_E_NOMEM, "out of memory to group %zu rows", rows);
    memset(first, 0xff, rows * sizeof *first);
    evtwin_status st = first_of_each_value(table, col, first);

    size_t capacity = 0;
    for (size_t r = 0; r < rows && st == EVTWIN_OK; r++) {
        if (first[r] == (size_t)-1) {
            g->of_row[r] = -1;
        } else if (first[r] < r) {
            g->of_row[r] = g->of_row[first[r]];
        } else {
            char name[EVTWIN__NUM_SIZE] = "infinite";
            if (integer != NULL) {
                evtwin__format_i64(integer[r], name);
            } else if (isfinite(evtwin_table_number(table, col, r))) {
                evtwin__format_f64(evtwin_table_number(table, col, r), name);
            }
            g->of_row[r] = (int32_t)g->n;
            st = add_group(g, &capacity, name);
        }
    }
    evtwin__free(first);
    return st;
}

static evtwin_status one_series(evtwin__groups *g) {
    g->kind = EVTWIN__GROUP_NONE;
    size_t capacity = 0;
    return add_group(g, &capacity, "");
}

static evtwin_status group_by_column(const evtwin_table *table, const char *name,
                                     evtwin__groups *g) {
    const size_t battery_col = evtwin_telemetry_find(table, "battery_id");
    const size_t col = name != NULL ? evtwin__column_find(table, name) : battery_col;
    if (col == EVTWIN_NO_COLUMN && name == NULL) {
        return one_series(g);
    }
    if (col == EVTWIN_NO_COLUMN) {
        char columns[512];
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "group column '%s' is absent; the table has %s", name,
                    evtwin__column_list(table, columns, sizeof columns));
    }
    g->kind = col == battery_col ? EVTWIN__GROUP_BATTERY : EVTWIN__GROUP_COLUMN;
    return evtwin_table_type(table, col) == EVTWIN_TEXT ? group_by_text(table, col, g)
                                                        : group_by_number(table, col, g);
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
    evtwin_status st = EVTWIN_OK;
    if (g.of_row == NULL || g.order == NULL) {
        st = evtwin__fail(EVTWIN_E_NOMEM, "out of memory for the groups of %zu rows", rows);
    } else {
        st = group_by_reset != NULL ? group_by_restart(table, group_by_reset, &g)
                                    : group_by_column(table, group, &g);
    }
    if (st == EVTWIN_OK) {
        st = order_groups(table, &g);
    }
    if (st < 0) {
        evtwin__groups_clear(&g);
        return st;
    }
    *out = g;
    return EVTWIN_OK;
}

void evtwin__groups_clear(evtwin__groups *groups) {
    for (size_t i = 0; i < groups->n; i++) {
        evtwin__free(groups->name[i]);
    }
    evtwin__free(groups->name);
    evtwin__free(groups->of_row);
    evtwin__free(groups->order);
    *groups = (evtwin__groups){0};
}
