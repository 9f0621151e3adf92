/* SPDX-License-Identifier: MIT */
/* core/table.h: the inside of a table, for the files of core that fill and copy columns. */
#ifndef EVTWIN_CORE_TABLE_H
#define EVTWIN_CORE_TABLE_H

#include "evtwin/table.h"

#include "core/dict.h"

#include <stdatomic.h>

/* An f64 column has one truth about missing values, its NaN: its map is made from them on
 * demand. The truth of the other types is the map, in step with n_missing at all times. */
typedef enum evtwin__map_state {
    EVTWIN__MAP_STALE = 0, /* values may have changed since the map was made */
    EVTWIN__MAP_MADE = 1
} evtwin__map_state;

/* Whoever has lent memory to columns: an Arrow array. Release is called once, when the last column
 * that has some of it is gone. */
typedef struct evtwin__lender {
    atomic_size_t n_columns;
    void (*release)(struct evtwin__lender *lender);
} evtwin__lender;

typedef struct evtwin__column {
    char *name;
    char *unit;
    evtwin_type type;
    void *data;        /* 64-byte aligned; f64, i64, one bit a row, or int32 codes (-1 = missing) */
    uint8_t *validity; /* 64-byte aligned, one bit a row */
    size_t n_missing;  /* of f64: counted when the map is made */
    atomic_int map_state;   /* f64 only */
    evtwin__lender *lender; /* of data, which holds the rows and no more and is not written to: the
                               first edit makes it the column's own. NULL = it is */
    evtwin__dict dict;      /* text only */
} evtwin__column;

struct evtwin_table {
    atomic_size_t n_references;
    atomic_int is_shared;  /* stays set: whoever reads a shared table may rely on it */
    size_t rows, capacity; /* every column has room for capacity rows */
    size_t cols, cols_capacity;
    evtwin__column *column;
    uint32_t *name_hash; /* (cols), apart from the columns so that a look-up reads a line or two */
};

/* "f64", "i64", …: of an evtwin_type, for error texts. */
extern const char *const evtwin__type_names[];

/* EVTWIN_E_ARG if table is NULL, EVTWIN_E_STATE if it is shared. */
evtwin_status evtwin__table_check_edit(const evtwin_table *table);

/* The end of what makes a table: with st < 0 the table is freed, else it becomes *out. */
evtwin_status evtwin__table_finish(evtwin_status st, evtwin_table *table, evtwin_table **out);

/* Data of the column may be written to after this. */
evtwin_status evtwin__column_own(const evtwin_table *table, evtwin__column *column);

/* Add a column of type F64, I64 or TIME to a table of some rows whose values, all of them present,
 * are lender's: it counts one column more. Its data is aligned to 8 bytes. */
evtwin_status evtwin__table_add_lent(evtwin_table *table, const char *name, evtwin_type type,
                                     const char *unit, const void *data, evtwin__lender *lender);

/* Mark rows first to last - 1 of a column as missing; n_missing is the caller's to correct. */
void evtwin__column_clear(evtwin__column *column, size_t first, size_t last);

/* Room for so many rows; by half more at least, so that filling row by row copies each value a few
 * times only. */
evtwin_status evtwin__table_grow(evtwin_table *table, size_t rows);

/* Remove the columns from number cols on. */
void evtwin__table_drop_columns(evtwin_table *table, size_t cols);

/* Make column col a column of another type whose rows are all missing. */
evtwin_status evtwin__table_retype(evtwin_table *table, size_t col, evtwin_type type);

/* evtwin_table_intern for a string of known length without a NUL in it. */
evtwin_status evtwin__table_intern(evtwin_table *table, size_t col, const char *text, size_t length,
                                   int32_t *code_out);

/* The column battery_id (TEXT) of a table that names batteries. EVTWIN_E_SCHEMA without one. */
evtwin_status evtwin__table_batteries(const evtwin_table *table, size_t *col_out);

#endif
