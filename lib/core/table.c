/* SPDX-License-Identifier: MIT */
/* core/table.c: a table's life and shape: columns come, grow and change their names. */

#include "evtwin/table.h"

#include "core/bits.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"
#include "core/utf8.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    MIN_ROWS = 64, /* so that a column always has memory, even without rows */
    LINE = 64      /* bytes of a cache line; buffers are whole lines, as Arrow advises */
};

/* ---- life ---- */

evtwin_status evtwin_table_create(evtwin_table **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    evtwin_table *table = evtwin__calloc(1, sizeof *table);
    EVTWIN_FAIL_IF(table == NULL, EVTWIN_E_NOMEM, "no memory for a table");
    atomic_init(&table->n_references, 1);
    table->capacity = MIN_ROWS;
    *out = table;
    return EVTWIN_OK;
}

evtwin_table *evtwin_table_share(evtwin_table *table) {
    if (table != NULL) {
        atomic_store_explicit(&table->is_shared, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&table->n_references, 1, memory_order_relaxed);
    }
    return table;
}

/* Free the column's data, or give it back. */
static void drop_data(evtwin__column *column) {
    evtwin__lender *lender = column->lender;
    if (lender == NULL) {
        evtwin__free_aligned(column->data);
    } else if (atomic_fetch_sub_explicit(&lender->n_columns, 1, memory_order_acq_rel) == 1) {
        lender->release(lender);
    }
    column->data = NULL;
    column->lender = NULL;
}

static void column_free(evtwin__column *column) {
    evtwin__free(column->name);
    evtwin__free(column->unit);
    drop_data(column);
    evtwin__free_aligned(column->validity);
    evtwin__dict_free(&column->dict);
}

void evtwin_table_free(evtwin_table *table) {
    if (table == NULL ||
        atomic_fetch_sub_explicit(&table->n_references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < table->cols; i++) {
        column_free(&table->column[i]);
    }
    evtwin__free(table->column);
    evtwin__free(table->name_hash);
    evtwin__free(table);
}

evtwin_status evtwin__table_finish(evtwin_status st, evtwin_table *table, evtwin_table **out) {
    if (st < 0) {
        evtwin_table_free(table);
    } else {
        *out = table;
    }
    return st;
}

evtwin_status evtwin__table_check_edit(const evtwin_table *table) {
    EVTWIN_FAIL_IF(table == NULL, EVTWIN_E_ARG, "table is NULL");
    EVTWIN_FAIL_IF(atomic_load_explicit(&table->is_shared, memory_order_relaxed), EVTWIN_E_STATE,
                   "the table is shared and cannot be edited: edit a copy");
    return EVTWIN_OK;
}

/* ---- shape ---- */

/* Source: FNV-1a, draft-eastlake-fnv-21 */
static uint32_t hash_of_name(const char *name) {
    uint32_t h = 2166136261u;
    for (; *name != '\0'; name++) {
        h = (h ^ (unsigned char)*name) * 16777619u;
    }
    return h;
}

size_t evtwin_table_rows(const evtwin_table *table) {
    return table != NULL ? table->rows : 0;
}

size_t evtwin_table_cols(const evtwin_table *table) {
    return table != NULL ? table->cols : 0;
}

size_t evtwin_table_find(const evtwin_table *table, const char *name) {
    if (table == NULL || name == NULL) {
        return EVTWIN_NO_COLUMN;
    }
    const uint32_t hash = hash_of_name(name);
    for (size_t i = 0; i < table->cols; i++) {
        if (table->name_hash[i] == hash && strcmp(table->column[i].name, name) == 0) {
            return i;
        }
    }
    return EVTWIN_NO_COLUMN;
}

const char *evtwin_table_name(const evtwin_table *table, size_t col) {
    return table != NULL && col < table->cols ? table->column[col].name : "";
}

const char *evtwin_table_unit(const evtwin_table *table, size_t col) {
    return table != NULL && col < table->cols ? table->column[col].unit : "";
}

evtwin_type evtwin_table_type(const evtwin_table *table, size_t col) {
    return table != NULL && col < table->cols ? table->column[col].type : EVTWIN_F64;
}

/* ---- buffers ---- */

/* Bytes that rows values of a type take, whole cache lines; 0 on overflow. */
static size_t column_bytes(evtwin_type type, size_t rows) {
    static const size_t bits_per_row[] = {[EVTWIN_F64] = 64,
                                          [EVTWIN_I64] = 64,
                                          [EVTWIN_TIME] = 64,
                                          [EVTWIN_BOOL] = 1,
                                          [EVTWIN_TEXT] = 32};
    size_t bits;
    if (__builtin_mul_overflow(rows, bits_per_row[type], &bits) ||
        __builtin_add_overflow(bits, (size_t)LINE * 8 - 1, &bits)) {
        return 0;
    }
    return bits / (LINE * 8) * LINE;
}

void evtwin__column_clear(evtwin__column *column, size_t first, size_t last) {
    switch (column->type) {
    case EVTWIN_F64:
        for (size_t i = first; i < last; i++) {
            ((double *)column->data)[i] = NAN;
        }
        return; /* its map is made on demand */
    case EVTWIN_I64:
    case EVTWIN_TIME:
        memset((int64_t *)column->data + first, 0, (last - first) * sizeof(int64_t));
        break;
    case EVTWIN_BOOL:
        evtwin__bits_fill(column->data, first, last, 0);
        break;
    case EVTWIN_TEXT:
        for (size_t i = first; i < last; i++) {
            ((int32_t *)column->data)[i] = -1;
        }
        break;
    }
    evtwin__bits_fill(column->validity, first, last, 0);
}

/* New buffers of capacity rows that hold the first rows of the old ones (if any). */
static evtwin_status column_grow(evtwin__column *column, size_t rows, size_t capacity) {
    const size_t data_bytes = column_bytes(column->type, capacity);
    const size_t map_bytes = column_bytes(EVTWIN_BOOL, capacity);
    void *data = data_bytes > 0 ? evtwin__calloc_aligned(data_bytes, 1) : NULL;
    uint8_t *validity = map_bytes > 0 ? evtwin__calloc_aligned(map_bytes, 1) : NULL;
    if (data == NULL || validity == NULL) {
        evtwin__free_aligned(data);
        evtwin__free_aligned(validity);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for %zu rows of column '%s'", capacity,
                    column->name);
    }
    if (rows > 0) { /* what is lent, 8 bytes a value, need not be whole lines */
        memcpy(data, column->data,
               column->lender != NULL ? rows * 8 : column_bytes(column->type, rows));
        memcpy(validity, column->validity, column_bytes(EVTWIN_BOOL, rows));
    }
    drop_data(column);
    evtwin__free_aligned(column->validity);
    column->data = data;
    column->validity = validity;
    return EVTWIN_OK;
}

/* ---- edit ---- */

/* Room for one more column. */
static evtwin_status reserve_column(evtwin_table *table) {
    if (table->cols < table->cols_capacity) {
        return EVTWIN_OK;
    }
    const size_t capacity = 2 * table->cols_capacity + 16;
    evtwin__column *column = evtwin__realloc(table->column, capacity, sizeof *column);
    if (column != NULL) {
        table->column = column;
        uint32_t *name_hash = evtwin__realloc(table->name_hash, capacity, sizeof *name_hash);
        if (name_hash != NULL) {
            table->name_hash = name_hash;
            table->cols_capacity = capacity;
            return EVTWIN_OK;
        }
    }
    EVTWIN_FAIL(EVTWIN_E_NOMEM, "no memory for %zu columns", capacity);
}

/* A name that may be given to a column of the table. */
static evtwin_status check_name(const evtwin_table *table, const char *name) {
    EVTWIN_FAIL_IF(name == NULL || name[0] == '\0', EVTWIN_E_ARG, "a column needs a name");
    EVTWIN_FAIL_IF(!evtwin__utf8_is_valid(name, strlen(name)), EVTWIN_E_ARG,
                   "a column's name is not UTF-8");
    EVTWIN_FAIL_IF(evtwin_table_find(table, name) != EVTWIN_NO_COLUMN, EVTWIN_E_ARG,
                   "the table already has a column '%s'", name);
    return EVTWIN_OK;
}

static evtwin_status check_column(const evtwin_table *table, size_t col) {
    EVTWIN_TRY(evtwin__table_check_edit(table));
    EVTWIN_FAIL_IF(col >= table->cols, EVTWIN_E_ARG,
                   "column number %zu is outside a table of %zu columns", col, table->cols);
    return EVTWIN_OK;
}

evtwin_status evtwin_table_add_column(evtwin_table *table, const char *name, evtwin_type type,
                                      const char *unit, size_t *col_out) {
    EVTWIN_TRY(evtwin__table_check_edit(table));
    EVTWIN_TRY(check_name(table, name));
    EVTWIN_FAIL_IF((int)type < EVTWIN_F64 || (int)type > EVTWIN_TEXT, EVTWIN_E_ARG,
                   "column '%s': %d is not a valid type", name, (int)type);
    EVTWIN_TRY(reserve_column(table));

    evtwin__column column = {.type = type,
                             .name = evtwin__strdup(name),
                             .unit = evtwin__strdup(unit != NULL ? unit : "")};
    const evtwin_status st =
        column.name == NULL || column.unit == NULL
            ? evtwin__fail(EVTWIN_E_NOMEM, "no memory for the name of column '%s'", name)
            : column_grow(&column, 0, table->capacity);
    if (st < 0) {
        column_free(&column);
        return st;
    }
    evtwin__column_clear(&column, 0, table->rows);
    column.n_missing = table->rows;

    const size_t col = table->cols++;
    table->column[col] = column;
    table->name_hash[col] = hash_of_name(name);
    if (col_out != NULL) {
        *col_out = col;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__table_add_lent(evtwin_table *table, const char *name, evtwin_type type,
                                     const char *unit, const void *data, evtwin__lender *lender) {
    assert(type == EVTWIN_F64 || type == EVTWIN_I64 || type == EVTWIN_TIME);
    assert((uintptr_t)data % 8 == 0);
    /* made as a column of a byte or so, for the sake of its map, then of the type that it is */
    size_t col;
    EVTWIN_TRY(evtwin_table_add_column(table, name, EVTWIN_BOOL, unit, &col));
    evtwin__column *column = &table->column[col];
    drop_data(column);
    column->type = type;
    column->data = (void *)(uintptr_t)data;
    column->lender = lender;
    atomic_fetch_add_explicit(&lender->n_columns, 1, memory_order_relaxed);
    evtwin__bits_fill(column->validity, 0, table->rows, 1);
    column->n_missing = 0;
    return EVTWIN_OK;
}

evtwin_status evtwin__column_own(const evtwin_table *table, evtwin__column *column) {
    return column->lender != NULL ? column_grow(column, table->rows, table->capacity) : EVTWIN_OK;
}

void evtwin__table_drop_columns(evtwin_table *table, size_t cols) {
    while (table->cols > cols) {
        column_free(&table->column[--table->cols]);
    }
}

evtwin_status evtwin_table_set_unit(evtwin_table *table, size_t col, const char *unit) {
    EVTWIN_TRY(check_column(table, col));
    char *copy = evtwin__strdup(unit != NULL ? unit : "");
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM, "no memory for a unit");
    evtwin__free(table->column[col].unit);
    table->column[col].unit = copy;
    return EVTWIN_OK;
}

evtwin_status evtwin_table_rename(evtwin_table *table, size_t col, const char *name) {
    EVTWIN_TRY(check_column(table, col));
    if (name != NULL && strcmp(table->column[col].name, name) == 0) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(check_name(table, name));
    char *copy = evtwin__strdup(name);
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM, "no memory for a name");
    evtwin__free(table->column[col].name);
    table->column[col].name = copy;
    table->name_hash[col] = hash_of_name(copy);
    return EVTWIN_OK;
}

evtwin_status evtwin_table_reserve(evtwin_table *table, size_t rows) {
    EVTWIN_TRY(evtwin__table_check_edit(table));
    for (size_t i = 0; rows > table->capacity && i < table->cols; i++) {
        /* if it fails the columns before have more room than they need, no harm */
        EVTWIN_TRY(column_grow(&table->column[i], table->rows, rows));
    }
    table->capacity = rows > table->capacity ? rows : table->capacity;
    return EVTWIN_OK;
}

evtwin_status evtwin__table_grow(evtwin_table *table, size_t rows) {
    for (size_t i = 0; i < table->cols; i++) {
        EVTWIN_TRY(evtwin__column_own(table, &table->column[i]));
    }
    const size_t grown = table->capacity + table->capacity / 2;
    return rows <= table->capacity ? EVTWIN_OK
                                   : evtwin_table_reserve(table, rows > grown ? rows : grown);
}

evtwin_status evtwin_table_resize(evtwin_table *table, size_t rows) {
    EVTWIN_TRY(evtwin__table_check_edit(table));
    EVTWIN_TRY(evtwin__table_grow(table, rows));
    for (size_t i = 0; i < table->cols; i++) {
        evtwin__column *column = &table->column[i];
        if (rows > table->rows) {
            evtwin__column_clear(column, table->rows, rows);
            column->n_missing += rows - table->rows;
        } else if (column->type != EVTWIN_F64) {
            const size_t n_present = evtwin__bits_count(column->validity, rows, table->rows);
            column->n_missing -= table->rows - rows - n_present;
        }
        atomic_store_explicit(&column->map_state, EVTWIN__MAP_STALE, memory_order_relaxed);
    }
    table->rows = rows;
    return EVTWIN_OK;
}

evtwin_status evtwin__table_retype(evtwin_table *table, size_t col, evtwin_type type) {
    assert(col < table->cols);
    evtwin__column *old = &table->column[col];
    evtwin__column column = {.type = type, .name = old->name, .unit = old->unit};
    EVTWIN_TRY(column_grow(&column, 0, table->capacity));
    drop_data(old);
    evtwin__free_aligned(old->validity);
    evtwin__dict_free(&old->dict);
    evtwin__column_clear(&column, 0, table->rows);
    column.n_missing = table->rows;
    *old = column;
    return EVTWIN_OK;
}
