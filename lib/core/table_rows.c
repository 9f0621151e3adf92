/* SPDX-License-Identifier: MIT */
/* core/table_rows.c: whole rows: copy a table, select rows of it, append one to another. */

#include "evtwin/table.h"

#include "core/bits.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"

#include <string.h>

/* A table with the columns of another and no rows (but room for some). */
static evtwin_status create_like(const evtwin_table *table, size_t rows, evtwin_table **out) {
    evtwin_table *like = NULL;
    evtwin_status st = evtwin_table_create(&like);
    if (st >= 0) {
        st = evtwin_table_reserve(like, rows);
    }
    for (size_t i = 0; st >= 0 && i < table->cols; i++) {
        const evtwin__column *column = &table->column[i];
        st = evtwin_table_add_column(like, column->name, column->type, column->unit, NULL);
    }
    if (st < 0) {
        evtwin_table_free(like);
        return st;
    }
    *out = like;
    return EVTWIN_OK;
}

evtwin_status evtwin_table_copy(const evtwin_table *table, evtwin_table **out) {
    if (table == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "table or out is NULL");
    }
    evtwin_table *copy = NULL;
    const evtwin_status st = create_like(table, table->rows, &copy);
    if (st < 0) {
        return st;
    }
    for (size_t i = 0; i < table->cols; i++) {
        const evtwin__column *from = &table->column[i];
        evtwin__column *to = &copy->column[i];
        memcpy(to->data, from->data, evtwin__column_bytes(from->type, table->rows));
        if (from->type != EVTWIN_F64) {
            memcpy(to->validity, from->validity, evtwin__column_bytes(EVTWIN_BOOL, table->rows));
            to->n_missing = from->n_missing;
        }
        if (!evtwin__dict_copy(&from->dict, &to->dict)) {
            evtwin_table_free(copy);
            EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for the texts of column '%s'", from->name);
        }
    }
    copy->rows = table->rows;
    *out = copy;
    return EVTWIN_OK;
}

/* ---- select ---- */

/* Codes of one dictionary in another: -2 = not asked yet. */
static int32_t *create_code_map(const evtwin__column *from) {
    int32_t *map = evtwin__realloc(NULL, from->dict.n, sizeof *map);
    for (size_t i = 0; map != NULL && i < from->dict.n; i++) {
        map[i] = -2;
    }
    return map;
}

/* Code in to's dictionary of a text of from's, through the map; -1 stays -1. */
static evtwin_status map_code(int32_t *map, const evtwin__column *from, int32_t code,
                              evtwin__column *to, int32_t *code_out) {
    if (code < 0) {
        *code_out = -1;
        return EVTWIN_OK;
    }
    if (map[code] == -2) {
        const char *text = evtwin__dict_text(&from->dict, (size_t)code);
        const int32_t mapped = evtwin__dict_intern(&to->dict, text, strlen(text));
        if (mapped < 0) {
            EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for the texts of column '%s'", to->name);
        }
        map[code] = mapped;
    }
    *code_out = map[code];
    return EVTWIN_OK;
}

/* Only texts that occur come along, so that a part's dictionary lists what the part holds. */
static evtwin_status select_text(const evtwin__column *from, const size_t *row_index, size_t n,
                                 evtwin__column *to) {
    int32_t *map = create_code_map(from);
    if (map == NULL) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for the texts of column '%s'", from->name);
    }
    const int32_t *source = from->data;
    int32_t *target = to->data;
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; st >= 0 && i < n; i++) {
        st = map_code(map, from, source[row_index[i]], to, &target[i]);
    }
    evtwin__free(map);
    return st;
}

static evtwin_status select_column(const evtwin__column *from, const size_t *row_index, size_t n,
                                   evtwin__column *to) {
    switch (from->type) {
    case EVTWIN_F64:
    case EVTWIN_I64:
    case EVTWIN_TIME:
        for (size_t i = 0; i < n; i++) { /* as bits: a NaN is copied like any other value */
            ((uint64_t *)to->data)[i] = ((const uint64_t *)from->data)[row_index[i]];
        }
        break;
    case EVTWIN_BOOL:
        for (size_t i = 0; i < n; i++) {
            evtwin__bit_put(to->data, i, evtwin__bit(from->data, row_index[i]));
        }
        break;
    case EVTWIN_TEXT: {
        const evtwin_status st = select_text(from, row_index, n, to);
        if (st < 0) {
            return st;
        }
        break;
    }
    }
    if (from->type != EVTWIN_F64) {
        for (size_t i = 0; i < n; i++) {
            evtwin__bit_put(to->validity, i, evtwin__bit(from->validity, row_index[i]));
        }
        to->n_missing = n - evtwin__bits_count(to->validity, 0, n);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_table_select(const evtwin_table *table, const size_t *row_index, size_t n,
                                  evtwin_table **out) {
    if (table == NULL || out == NULL || (row_index == NULL && n > 0)) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "table, row_index or out is NULL");
    }
    for (size_t i = 0; i < n; i++) {
        if (row_index[i] >= table->rows) {
            EVTWIN_FAIL(EVTWIN_E_ARG, "row_index[%zu] is %zu in a table of %zu rows", i,
                        row_index[i], table->rows);
        }
    }
    evtwin_table *part = NULL;
    evtwin_status st = create_like(table, n, &part);
    for (size_t i = 0; st >= 0 && i < table->cols; i++) {
        st = select_column(&table->column[i], row_index, n, &part->column[i]);
    }
    if (st < 0) {
        evtwin_table_free(part);
        return st;
    }
    part->rows = n;
    *out = part;
    return EVTWIN_OK;
}

/* ---- append ---- */

/* Columns of one name have to be of one type and, as far as the units are known, of one unit. */
static evtwin_status check_same_kind(const evtwin__column *to, const evtwin__column *from) {
    if (to->type != from->type) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "column '%s' has one type here and another there", to->name);
    }
    if (to->unit[0] != '\0' && from->unit[0] != '\0' && strcmp(to->unit, from->unit) != 0) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "column '%s' is in %s here and in %s there", to->name,
                    to->unit, from->unit);
    }
    return EVTWIN_OK;
}

/* Rows of one column go behind the first rows of another; room is there. */
static evtwin_status append_column(evtwin__column *to, size_t first, const evtwin__column *from,
                                   size_t n) {
    switch (from->type) {
    case EVTWIN_F64:
    case EVTWIN_I64:
    case EVTWIN_TIME:
        memcpy((uint64_t *)to->data + first, from->data, n * sizeof(uint64_t));
        break;
    case EVTWIN_BOOL:
        evtwin__bits_copy(to->data, first, from->data, n);
        break;
    case EVTWIN_TEXT: {
        int32_t *map = create_code_map(from);
        if (map == NULL) {
            EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for the texts of column '%s'", from->name);
        }
        evtwin_status st = EVTWIN_OK;
        for (size_t i = 0; st >= 0 && i < n; i++) {
            st = map_code(map, from, ((const int32_t *)from->data)[i], to,
                          (int32_t *)to->data + first + i);
        }
        evtwin__free(map);
        if (st < 0) {
            return st;
        }
        break;
    }
    }
    if (from->type != EVTWIN_F64) {
        evtwin__bits_copy(to->validity, first, from->validity, n);
    }
    return EVTWIN_OK;
}

/* Add the columns that only other has. */
static evtwin_status add_new_columns(evtwin_table *table, const evtwin_table *other) {
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; i < other->cols; i++) {
        const evtwin__column *from = &other->column[i];
        if (evtwin_table_find(table, from->name) == EVTWIN_NO_COLUMN &&
            (st = evtwin_table_add_column(table, from->name, from->type, from->unit, NULL)) < 0) {
            return st;
        }
    }
    return st;
}

/* Copy the rows of other, then let them count: up to there nothing of the table is seen to change.
 */
static evtwin_status append_rows(evtwin_table *table, const evtwin_table *other) {
    const size_t first = table->rows, n = other->rows;
    for (size_t i = 0; i < other->cols; i++) {
        evtwin__column *to = &table->column[evtwin_table_find(table, other->column[i].name)];
        const evtwin_status st = append_column(to, first, &other->column[i], n);
        if (st < 0) {
            return st;
        }
    }
    for (size_t i = 0; i < table->cols; i++) {
        evtwin__column *to = &table->column[i];
        if (evtwin_table_find(other, to->name) == EVTWIN_NO_COLUMN) {
            evtwin__column_clear(to, first, first + n);
        }
        if (to->type != EVTWIN_F64) {
            to->n_missing += n - evtwin__bits_count(to->validity, first, first + n);
        }
        atomic_store_explicit(&to->map_state, EVTWIN__MAP_STALE, memory_order_relaxed);
    }
    table->rows = first + n;
    return EVTWIN_OK;
}

evtwin_status evtwin_table_append(evtwin_table *table, const evtwin_table *other) {
    evtwin_status st = evtwin__table_check_edit(table);
    if (st < 0) {
        return st;
    }
    if (other == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "other is NULL");
    }
    size_t rows;
    if (__builtin_add_overflow(table->rows, other->rows, &rows)) {
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for %zu and %zu rows", table->rows, other->rows);
    }
    for (size_t i = 0; i < table->cols; i++) {
        const size_t col = evtwin_table_find(other, table->column[i].name);
        if (col != EVTWIN_NO_COLUMN &&
            (st = check_same_kind(&table->column[i], &other->column[col])) < 0) {
            return st;
        }
    }

    /* a failure below takes the new columns away again; texts may stay in dictionaries, unused */
    const size_t cols = table->cols;
    if (rows > table->capacity) {
        const size_t grown = table->capacity + table->capacity / 2;
        st = evtwin_table_reserve(table, rows > grown ? rows : grown);
    }
    if (st < 0 || (st = add_new_columns(table, other)) < 0 ||
        (st = append_rows(table, other)) < 0) {
        evtwin__table_drop_columns(table, cols);
        return st;
    }
    return EVTWIN_OK;
}
