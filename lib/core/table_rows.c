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
    EVTWIN_TRY(evtwin_table_create(&like));
    evtwin_status st = evtwin_table_reserve(like, rows);
    for (size_t i = 0; st >= 0 && i < table->cols; i++) {
        const evtwin__column *column = &table->column[i];
        st = evtwin_table_add_column(like, column->name, column->type, column->unit, NULL);
    }
    return evtwin__table_finish(st, like, out);
}

/* ---- rows of one column behind the first rows of another, where there is room: those of row_index
 *      or, if that is NULL, the first n ---- */

static void put_bits(uint8_t *to, size_t first, const uint8_t *from, const size_t *row_index,
                     size_t n) {
    if (row_index == NULL) {
        evtwin__bits_copy(to, first, from, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        evtwin__bit_put(to, first + i, evtwin__bit(from, row_index[i]));
    }
}

/* As bits: a NaN is copied like any other value. */
static void put_words(uint64_t *to, const uint64_t *from, const size_t *row_index, size_t n) {
    if (row_index == NULL) {
        memcpy(to, from, n * sizeof *to);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = from[row_index[i]];
    }
}

/* Codes are those of to's dictionary, which takes the strings that occur and no others. */
static evtwin_status put_codes(evtwin__column *to, size_t first, const evtwin__column *from,
                               const size_t *row_index, size_t n) {
    enum { NOT_ASKED = -2 };
    int32_t *map = evtwin__realloc(NULL, from->dict.n, sizeof *map);
    EVTWIN_FAIL_IF(map == NULL, EVTWIN_E_NOMEM, "no memory for the strings of column '%s'",
                   from->name);
    for (size_t i = 0; i < from->dict.n; i++) {
        map[i] = NOT_ASKED;
    }
    const int32_t *source = from->data;
    int32_t *target = (int32_t *)to->data + first;
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; st >= 0 && i < n; i++) {
        const int32_t code = source[row_index != NULL ? row_index[i] : i];
        if (code >= 0 && map[code] == NOT_ASKED) {
            st = evtwin__dict_intern(&to->dict, evtwin__dict_text(&from->dict, (size_t)code),
                                     evtwin__dict_length(&from->dict, (size_t)code), &map[code]);
        }
        target[i] = code >= 0 ? map[code] : -1;
    }
    evtwin__free(map);
    return st < 0 ? evtwin__fail_in(st, "column '%s'", to->name) : EVTWIN_OK;
}

static evtwin_status put_column(evtwin__column *to, size_t first, const evtwin__column *from,
                                const size_t *row_index, size_t n) {
    evtwin_status st = EVTWIN_OK;
    switch (from->type) {
    case EVTWIN_F64:
    case EVTWIN_I64:
    case EVTWIN_TIME:
        put_words((uint64_t *)to->data + first, from->data, row_index, n);
        break;
    case EVTWIN_BOOL:
        put_bits(to->data, first, from->data, row_index, n);
        break;
    case EVTWIN_TEXT:
        st = put_codes(to, first, from, row_index, n);
        break;
    }
    if (from->type != EVTWIN_F64) {
        put_bits(to->validity, first, from->validity, row_index, n);
    }
    return st;
}

/* Copy the rows of other, then let them count: up to there nothing of the table is seen to change.
 */
static evtwin_status put_rows(evtwin_table *table, const evtwin_table *other,
                              const size_t *row_index, size_t n) {
    const size_t first = table->rows;
    for (size_t i = 0; i < other->cols; i++) {
        evtwin__column *to = &table->column[evtwin_table_find(table, other->column[i].name)];
        EVTWIN_TRY(put_column(to, first, &other->column[i], row_index, n));
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

/* ---- copy, select ---- */

evtwin_status evtwin_table_copy(const evtwin_table *table, evtwin_table **out) {
    EVTWIN_FAIL_IF(table == NULL || out == NULL, EVTWIN_E_ARG, "table or out is NULL");
    evtwin_table *copy = NULL;
    EVTWIN_TRY(create_like(table, table->rows, &copy));
    evtwin_status st = EVTWIN_OK;

    /* whole dictionaries first, so that every code stays what it is */
    for (size_t i = 0; st >= 0 && i < table->cols; i++) {
        st = evtwin__dict_copy(&table->column[i].dict, &copy->column[i].dict);
        st = st < 0 ? evtwin__fail_in(st, "column '%s'", table->column[i].name) : st;
    }
    st = st < 0 ? st : put_rows(copy, table, NULL, table->rows);
    return evtwin__table_finish(st, copy, out);
}

evtwin_status evtwin_table_select(const evtwin_table *table, const size_t *row_index, size_t n,
                                  evtwin_table **out) {
    EVTWIN_FAIL_IF(table == NULL || out == NULL || (row_index == NULL && n > 0), EVTWIN_E_ARG,
                   "table, row_index or out is NULL");
    for (size_t i = 0; i < n; i++) {
        EVTWIN_FAIL_IF(row_index[i] >= table->rows, EVTWIN_E_ARG,
                       "row_index[%zu] is %zu in a table of %zu rows", i, row_index[i],
                       table->rows);
    }
    evtwin_table *part = NULL;
    EVTWIN_TRY(create_like(table, n, &part));
    const evtwin_status st = put_rows(part, table, row_index, n);
    return evtwin__table_finish(st, part, out);
}

/* ---- append ---- */

/* Columns of one name have to be of one type and, as far as the units are known, of one unit. */
static evtwin_status check_same_kind(const evtwin__column *to, const evtwin__column *from) {
    EVTWIN_FAIL_IF(to->type != from->type, EVTWIN_E_SCHEMA,
                   "column '%s' is %s in one table and %s in the other", to->name,
                   evtwin__type_names[to->type], evtwin__type_names[from->type]);
    EVTWIN_FAIL_IF(to->unit[0] != '\0' && from->unit[0] != '\0' &&
                       strcmp(to->unit, from->unit) != 0,
                   EVTWIN_E_SCHEMA, "column '%s' is in %s in one table and in %s in the other",
                   to->name, to->unit, from->unit);
    return EVTWIN_OK;
}

/* Add the columns that only other has. */
static evtwin_status add_new_columns(evtwin_table *table, const evtwin_table *other) {
    for (size_t i = 0; i < other->cols; i++) {
        const evtwin__column *from = &other->column[i];
        if (evtwin_table_find(table, from->name) == EVTWIN_NO_COLUMN) {
            EVTWIN_TRY(evtwin_table_add_column(table, from->name, from->type, from->unit, NULL));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_table_append(evtwin_table *table, const evtwin_table *other) {
    EVTWIN_TRY(evtwin__table_check_edit(table));
    EVTWIN_FAIL_IF(other == NULL, EVTWIN_E_ARG, "other is NULL");
    size_t rows;
    EVTWIN_FAIL_IF(__builtin_add_overflow(table->rows, other->rows, &rows), EVTWIN_E_NOMEM,
                   "no memory for %zu and %zu rows", table->rows, other->rows);
    for (size_t i = 0; i < table->cols; i++) {
        const size_t col = evtwin_table_find(other, table->column[i].name);
        if (col != EVTWIN_NO_COLUMN) {
            EVTWIN_TRY(check_same_kind(&table->column[i], &other->column[col]));
        }
    }

    /* a failure below takes the new columns away again; strings may stay in dictionaries, unused */
    const size_t cols = table->cols;
    evtwin_status st = evtwin__table_grow(table, rows);
    if (st < 0 || (st = add_new_columns(table, other)) < 0 ||
        (st = put_rows(table, other, NULL, other->rows)) < 0) {
        evtwin__table_drop_columns(table, cols);
        return st;
    }
    return EVTWIN_OK;
}
