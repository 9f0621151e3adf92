/* SPDX-License-Identifier: MIT */
/* core/table_cells.c: read and write the values of a table. */

#include "evtwin/table.h"

#include "core/bits.h"
#include "core/status.h"
#include "core/table.h"
#include "core/utf8.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

const char *const evtwin__type_names[] = {[EVTWIN_F64] = "f64",
                                          [EVTWIN_I64] = "i64",
                                          [EVTWIN_TIME] = "time",
                                          [EVTWIN_BOOL] = "bool",
                                          [EVTWIN_TEXT] = "text"};

/* Column col if its type is one of the set (bit 1 << type), else NULL. */
static inline evtwin__column *column_of(const evtwin_table *table, size_t col, unsigned types) {
    const int has = table != NULL && col < table->cols && (types >> table->column[col].type & 1);
    return has ? &table->column[col] : NULL;
}

static inline void *data_of(const evtwin_table *table, size_t col, unsigned types) {
    const evtwin__column *column = column_of(table, col, types);
    return column != NULL ? column->data : NULL;
}

enum { INT_TYPES = 1u << EVTWIN_I64 | 1u << EVTWIN_TIME };

/* ---- read ---- */

const double *evtwin_table_f64(const evtwin_table *table, size_t col) {
    return data_of(table, col, 1u << EVTWIN_F64);
}

const int64_t *evtwin_table_i64(const evtwin_table *table, size_t col) {
    return data_of(table, col, INT_TYPES);
}

const uint8_t *evtwin_table_bits(const evtwin_table *table, size_t col) {
    return data_of(table, col, 1u << EVTWIN_BOOL);
}

const int32_t *evtwin_table_codes(const evtwin_table *table, size_t col) {
    return data_of(table, col, 1u << EVTWIN_TEXT);
}

/* Make the map of an f64 column from its NaN. Several readers may call at once: one makes it. */
static void make_map(const evtwin_table *table, evtwin__column *column) {
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
    if (atomic_load_explicit(&column->map_state, memory_order_acquire) == EVTWIN__MAP_MADE) {
        return;
    }
    pthread_mutex_lock(&making);
    if (atomic_load_explicit(&column->map_state, memory_order_relaxed) != EVTWIN__MAP_MADE) {
        const double *value = column->data;
        column->n_missing = 0;
        for (size_t i = 0; i < table->rows; i++) {
            const int is_missing = isnan(value[i]);
            evtwin__bit_put(column->validity, i, !is_missing);
            column->n_missing += (size_t)is_missing;
        }
        atomic_store_explicit(&column->map_state, EVTWIN__MAP_MADE, memory_order_release);
    }
    pthread_mutex_unlock(&making);
}

const uint8_t *evtwin_table_validity(const evtwin_table *table, size_t col) {
    evtwin__column *column = column_of(table, col, ~0u);
    if (column == NULL) {
        return NULL;
    }
    if (column->type == EVTWIN_F64) {
        make_map(table, column);
    }
    return column->n_missing > 0 ? column->validity : NULL;
}

int evtwin_table_is_valid(const evtwin_table *table, size_t col, size_t row) {
    const evtwin__column *column = column_of(table, col, ~0u);
    if (column == NULL || row >= table->rows) {
        return 0;
    }
    return column->type == EVTWIN_F64 ? !isnan(((const double *)column->data)[row])
                                      : evtwin__bit(column->validity, row);
}

double evtwin_table_number(const evtwin_table *table, size_t col, size_t row) {
    const evtwin__column *column = column_of(table, col, ~0u);
    if (column == NULL || row >= table->rows) {
        return NAN;
    }
    if (column->type == EVTWIN_F64) {
        return ((const double *)column->data)[row];
    }
    if (column->type == EVTWIN_TEXT || !evtwin__bit(column->validity, row)) {
        return NAN;
    }
    return column->type == EVTWIN_BOOL ? evtwin__bit(column->data, row)
                                       : (double)((const int64_t *)column->data)[row];
}

const char *evtwin_table_text(const evtwin_table *table, size_t col, size_t row) {
    const evtwin__column *column = column_of(table, col, 1u << EVTWIN_TEXT);
    if (column == NULL || row >= table->rows) {
        return NULL;
    }
    const int32_t code = ((const int32_t *)column->data)[row];
    return code >= 0 ? evtwin__dict_text(&column->dict, (size_t)code) : NULL;
}

size_t evtwin_table_dict_size(const evtwin_table *table, size_t col) {
    const evtwin__column *column = column_of(table, col, 1u << EVTWIN_TEXT);
    return column != NULL ? column->dict.n : 0;
}

const char *evtwin_table_dict_text(const evtwin_table *table, size_t col, int32_t code) {
    const evtwin__column *column = column_of(table, col, 1u << EVTWIN_TEXT);
    if (column == NULL || code < 0 || (size_t)code >= column->dict.n) {
        return NULL;
    }
    return evtwin__dict_text(&column->dict, (size_t)code);
}

size_t evtwin_table_dict_utf8(const evtwin_table *table, size_t col, const int32_t **offsets_out,
                              const char **bytes_out) {
    static const int32_t no_offsets[1];
    const evtwin__column *column = column_of(table, col, 1u << EVTWIN_TEXT);
    const evtwin__dict *dict = column != NULL ? &column->dict : NULL;
    const int has_any = dict != NULL && dict->n > 0;
    if (offsets_out != NULL) {
        *offsets_out = dict == NULL ? NULL : has_any ? dict->offset : no_offsets;
    }
    if (bytes_out != NULL) {
        *bytes_out = dict == NULL ? NULL : has_any ? dict->bytes : "";
    }
    return has_any ? dict->n : 0;
}

/* ---- write ---- */

static int may_edit(const evtwin_table *table, evtwin__column *column) {
    return column != NULL && !atomic_load_explicit(&table->is_shared, memory_order_relaxed) &&
           evtwin__column_own(table, column) >= 0;
}

double *evtwin_table_f64_edit(evtwin_table *table, size_t col) {
    evtwin__column *column = column_of(table, col, 1u << EVTWIN_F64);
    if (!may_edit(table, column)) {
        return NULL;
    }
    atomic_store_explicit(&column->map_state, EVTWIN__MAP_STALE, memory_order_relaxed);
    return column->data;
}

int64_t *evtwin_table_i64_edit(evtwin_table *table, size_t col) {
    evtwin__column *column = column_of(table, col, INT_TYPES);
    if (!may_edit(table, column)) {
        return NULL;
    }
    evtwin__bits_fill(column->validity, 0, table->rows, 1);
    column->n_missing = 0;
    return column->data;
}

/* The column to write one cell of, checked. */
static evtwin_status cell_to_edit(const evtwin_table *table, size_t col, size_t row, unsigned types,
                                  const char *what, evtwin__column **out) {
    EVTWIN_TRY(evtwin__table_check_edit(table));
    EVTWIN_FAIL_IF(col >= table->cols || row >= table->rows, EVTWIN_E_ARG,
                   "row %zu, column number %zu is outside a table of %zu x %zu", row, col,
                   table->rows, table->cols);
    evtwin__column *column = &table->column[col];
    EVTWIN_FAIL_IF(!(types >> column->type & 1), EVTWIN_E_ARG, "column '%s' holds %s, not %s",
                   column->name, evtwin__type_names[column->type], what);
    EVTWIN_TRY(evtwin__column_own(table, column));
    *out = column;
    return EVTWIN_OK;
}

/* Note in the map (of a type other than f64) whether a row is present. */
static void mark(evtwin__column *column, size_t row, int is_present) {
    const int was_present = evtwin__bit(column->validity, row);
    if (was_present != is_present) {
        evtwin__bit_put(column->validity, row, is_present);
        column->n_missing = is_present ? column->n_missing - 1 : column->n_missing + 1;
    }
}

evtwin_status evtwin_table_set_f64(evtwin_table *table, size_t col, size_t row, double value) {
    evtwin__column *column = NULL;
    EVTWIN_TRY(cell_to_edit(table, col, row, 1u << EVTWIN_F64, "f64", &column));
    ((double *)column->data)[row] = value;
    atomic_store_explicit(&column->map_state, EVTWIN__MAP_STALE, memory_order_relaxed);
    return EVTWIN_OK;
}

evtwin_status evtwin_table_set_i64(evtwin_table *table, size_t col, size_t row, int64_t value) {
    evtwin__column *column = NULL;
    EVTWIN_TRY(cell_to_edit(table, col, row, INT_TYPES, "i64 or time", &column));
    ((int64_t *)column->data)[row] = value;
    mark(column, row, 1);
    return EVTWIN_OK;
}

evtwin_status evtwin_table_set_bool(evtwin_table *table, size_t col, size_t row, int value) {
    evtwin__column *column = NULL;
    EVTWIN_TRY(cell_to_edit(table, col, row, 1u << EVTWIN_BOOL, "bool", &column));
    evtwin__bit_put(column->data, row, value);
    mark(column, row, 1);
    return EVTWIN_OK;
}

evtwin_status evtwin_table_set_missing(evtwin_table *table, size_t col, size_t row) {
    evtwin__column *column = NULL;
    EVTWIN_TRY(cell_to_edit(table, col, row, ~0u, "", &column));
    if (column->type != EVTWIN_F64) {
        mark(column, row, 0);
    } else {
        atomic_store_explicit(&column->map_state, EVTWIN__MAP_STALE, memory_order_relaxed);
    }
    evtwin__column_clear(column, row, row + 1);
    return EVTWIN_OK;
}

evtwin_status evtwin__table_intern(evtwin_table *table, size_t col, const char *text, size_t length,
                                   int32_t *code_out) {
    evtwin__dict *dict = &table->column[col].dict;
    const int32_t known = evtwin__dict_find(dict, text, length);
    if (known >= 0) {
        *code_out = known;
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(!evtwin__utf8_is_valid(text, length), EVTWIN_E_ARG,
                   "a string for column '%s' is not UTF-8", table->column[col].name);
    const evtwin_status st = evtwin__dict_intern(dict, text, length, code_out);
    return st < 0 ? evtwin__fail_in(st, "column '%s'", table->column[col].name) : st;
}

evtwin_status evtwin_table_intern(evtwin_table *table, size_t col, const char *text,
                                  int32_t *code_out) {
    EVTWIN_TRY(evtwin__table_check_edit(table));
    EVTWIN_FAIL_IF(column_of(table, col, 1u << EVTWIN_TEXT) == NULL || text == NULL ||
                       code_out == NULL,
                   EVTWIN_E_ARG, "column number %zu is not text, or text or code_out is NULL", col);
    return evtwin__table_intern(table, col, text, strlen(text), code_out);
}

evtwin_status evtwin_table_set_code(evtwin_table *table, size_t col, size_t row, int32_t code) {
    evtwin__column *column = NULL;
    EVTWIN_TRY(cell_to_edit(table, col, row, 1u << EVTWIN_TEXT, "text", &column));
    EVTWIN_FAIL_IF(code < 0 || (size_t)code >= column->dict.n, EVTWIN_E_ARG,
                   "code %d is outside the %zu strings of column '%s'", (int)code, column->dict.n,
                   column->name);
    ((int32_t *)column->data)[row] = code;
    mark(column, row, 1);
    return EVTWIN_OK;
}

evtwin_status evtwin_table_set_text(evtwin_table *table, size_t col, size_t row, const char *text) {
    evtwin__column *column = NULL;
    EVTWIN_TRY(cell_to_edit(table, col, row, 1u << EVTWIN_TEXT, "text", &column));
    int32_t code;
    EVTWIN_TRY(evtwin_table_intern(table, col, text, &code));
    return evtwin_table_set_code(table, col, row, code);
}

evtwin_status evtwin__table_batteries(const evtwin_table *table, size_t *col_out) {
    const size_t col = evtwin_table_find(table, "battery_id");
    EVTWIN_FAIL_IF(evtwin_table_codes(table, col) == NULL, EVTWIN_E_SCHEMA,
                   "the table of batteries has no column battery_id that holds text");
    *col_out = col;
    return EVTWIN_OK;
}
