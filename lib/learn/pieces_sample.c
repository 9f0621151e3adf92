/* SPDX-License-Identifier: MIT */
/* learn/pieces_sample.c: whole batteries for the audit: every one until they have too many rows,
 * then every second, fourth, … of the file. */

#include "learn/pieces_sample.h"

#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"

#include <string.h>

static evtwin_status list_battery(evtwin__pieces_sample *s, size_t battery) {
    if (s->n > 0 && s->list[s->n - 1].battery == battery) {
        return EVTWIN_OK;
    }
    if (s->n == s->capacity) {
        const size_t capacity = s->capacity > 0 ? 2 * s->capacity : 64;
        struct evtwin__sampled *grown = evtwin__realloc(s->list, capacity, sizeof *grown);
        EVTWIN_FAIL_IF(grown == NULL, EVTWIN_E_NOMEM, "out of memory for %zu batteries", capacity);
        s->list = grown;
        s->capacity = capacity;
    }
    s->list[s->n++] = (struct evtwin__sampled){battery, 0};
    return EVTWIN_OK;
}

/* The rows of a table that go into the sample; their number. */
static evtwin_status pick_rows(evtwin__pieces_sample *s, const evtwin__groups *g, size_t rows,
                               size_t first, size_t *row, size_t *n_out) {
    size_t n = 0;
    for (size_t r = 0; r < rows; r++) {
        if (g->of_row[r] >= 0 && (first + (size_t)g->of_row[r]) % s->step == 0) {
            EVTWIN_TRY(list_battery(s, first + (size_t)g->of_row[r]));
            s->list[s->n - 1].n_rows++;
            row[n++] = r;
        }
    }
    *n_out = n;
    return EVTWIN_OK;
}

/* An integer column that is one of real numbers by now. */
static evtwin_status make_real(evtwin_table *table, size_t col) {
    const size_t rows = evtwin_table_rows(table);
    double *v = evtwin__calloc(rows, sizeof *v);
    EVTWIN_FAIL_IF(v == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", rows);
    for (size_t r = 0; r < rows; r++) {
        v[r] = evtwin_table_number(table, col, r);
    }
    const evtwin_status st = evtwin__table_retype(table, col, EVTWIN_F64);
    if (st >= 0) {
        memcpy(evtwin_table_f64_edit(table, col), v, rows * sizeof *v);
    }
    evtwin__free(v);
    return st;
}

/* The columns have the types of the newest piece. */
static evtwin_status follow_types(evtwin_table *table, const evtwin_table *newest) {
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const evtwin_type from = evtwin_table_type(table, col);
        const evtwin_type to = evtwin_table_type(newest, col);
        if (from == EVTWIN_I64 && to == EVTWIN_F64) {
            EVTWIN_TRY(make_real(table, col));
        } else if (from != to) {
            EVTWIN_TRY(evtwin__table_retype(table, col, to));
        }
    }
    return EVTWIN_OK;
}

static evtwin_status append(evtwin__pieces_sample *s, evtwin_table *rows) {
    EVTWIN_TRY(follow_types(s->table, rows));
    return evtwin_table_append(s->table, rows);
}

/* Every second battery goes. */
static evtwin_status thin_out(evtwin__pieces_sample *s) {
    const size_t rows = evtwin_table_rows(s->table);
    size_t *row = evtwin__calloc(rows, sizeof *row), n_rows = 0, n = 0, at = 0;
    EVTWIN_FAIL_IF(row == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", rows);
    s->step *= 2;
    for (size_t b = 0; b < s->n; b++) {
        const struct evtwin__sampled one = s->list[b];
        for (size_t k = 0; k < one.n_rows && one.battery % s->step == 0; k++) {
            row[n_rows++] = at + k;
        }
        at += one.n_rows;
        if (one.battery % s->step == 0) {
            s->list[n++] = one;
        }
    }
    s->n = n;
    evtwin_table *kept = NULL;
    const evtwin_status st = evtwin_table_select(s->table, row, n_rows, &kept);
    evtwin__free(row);
    if (st >= 0) {
        evtwin_table_free(s->table);
        s->table = kept;
    }
    return st;
}

evtwin_status evtwin__pieces_sample_add(evtwin__pieces_sample *s, const evtwin_table *table,
                                        const evtwin__groups *groups, size_t first,
                                        size_t max_rows) {
    const size_t rows = evtwin_table_rows(table);
    s->step = s->step > 0 ? s->step : 1;
    size_t *row = evtwin__calloc(rows, sizeof *row), n = 0;
    EVTWIN_FAIL_IF(row == NULL, EVTWIN_E_NOMEM, "out of memory for %zu rows", rows);
    evtwin_table *picked = NULL;
    evtwin_status st = pick_rows(s, groups, rows, first, row, &n);
    st = st < 0 ? st : evtwin_table_select(table, row, n, &picked);
    evtwin__free(row);
    if (st >= 0 && s->table == NULL) {
        s->table = picked;
        picked = NULL;
    } else if (st >= 0 && n > 0) {
        st = append(s, picked);
    }
    evtwin_table_free(picked);
    while (st >= 0 && s->n > 1 && evtwin_table_rows(s->table) > max_rows) {
        st = thin_out(s);
    }
    return st;
}

void evtwin__pieces_sample_clear(evtwin__pieces_sample *s) {
    evtwin_table_free(s->table);
    evtwin__free(s->list);
    *s = (evtwin__pieces_sample){0};
}
