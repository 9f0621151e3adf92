/* SPDX-License-Identifier: MIT */
/* core/binding.h: a caller's table seen as rows of the schema: names, units and signs are resolved
 * here, once, and behind it there are only ours. */
#ifndef EVTWIN_CORE_BINDING_H
#define EVTWIN_CORE_BINDING_H

#include "core/schema.h"

#include <math.h>

/* One value of a quantity, in our unit. */
typedef struct evtwin__value {
    int is_present;
    union {
        double f64;       /* F64 */
        int64_t i64;      /* I64, TIME, BOOL */
        const char *text; /* TEXT, borrowed from the table */
    };
} evtwin__value;

/* Where the table has a quantity. */
typedef struct evtwin__bound {
    size_t col; /* EVTWIN_NO_COLUMN if it has none */
    evtwin_type type;
    double factor;           /* ours = factor * the column's */
    int is_absolute;         /* … without its sign */
    const double *f64;       /* the column's values if it is F64, else NULL */
    const int64_t *i64;      /* the same for I64 and TIME */
    const uint8_t *validity; /* NULL = every row is present */
} evtwin__bound;

/* Borrows the table until its next edit. */
typedef struct evtwin__binding {
    const evtwin_table *table;
    size_t rows;
    evtwin__bound bound[EVTWIN__Q_COUNT];
} evtwin__binding;

/* Find the columns of the quantities of these kinds; the others are absent. EVTWIN_E_SCHEMA naming
 * the columns: two of one quantity, a type that cannot hold it, a unit that it cannot be in. */
evtwin_status evtwin__bind(const evtwin_table *table, unsigned kinds, evtwin__binding *out);

/* 1 if a row has a value of quantity q. */
int evtwin__binding_has_values(const evtwin__binding *binding, size_t q);

/* Every row can be stored: EVTWIN_E_SCHEMA if battery_id or time is absent or missing in a row,
 * EVTWIN_E_ARG for an invalid battery id, EVTWIN_E_RANGE for a time outside the years 0 to 9999. */
evtwin_status evtwin__binding_check_keys(const evtwin__binding *binding);

/* The same for one row of a table that has both columns. */
evtwin_status evtwin__binding_check_key(const evtwin__binding *binding, size_t row);

/* Value of quantity q in a row; a count with a fraction is its floor, and there is no negative
 * zero. EVTWIN_E_RANGE naming row, battery and quantity for infinity or a count beyond 64 bits. */
evtwin_status evtwin__binding_get(const evtwin__binding *binding, size_t q, size_t row,
                                  evtwin__value *out);

/* A value of quantity q, which is a number; NaN if it is missing. */
static inline double evtwin__value_number(size_t q, const evtwin__value *value) {
    return !value->is_present                     ? NAN
           : evtwin__schema[q].type == EVTWIN_F64 ? value->f64
                                                  : (double)value->i64;
}

/* EVTWIN_E_RANGE naming quantity, value and limits if a present value is outside the range of q. */
evtwin_status evtwin__value_check_range(size_t q, const evtwin__value *value);

/* The same for a number in our unit; NaN is missing. */
evtwin_status evtwin__number_check_range(size_t q, double value);

/* Set quantity q's column col of a table, which has its type; an absent value is missing. */
evtwin_status evtwin__value_store(const evtwin__value *value, evtwin_table *table, size_t col,
                                  size_t row);

/* Append rows first to first + n - 1 to a table with columns of ours: the quantities of these kinds
 * that it has, its other columns missing. On failure it is as before. */
evtwin_status evtwin__binding_append(const evtwin__binding *binding, size_t first, size_t n,
                                     unsigned kinds, evtwin_table *to);

#endif
