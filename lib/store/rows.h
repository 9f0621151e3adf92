/* SPDX-License-Identifier: MIT */
/* store/rows.h: a caller's table seen as rows of ev_telemetry: our names, our units, checked. */
#ifndef EVTWIN_STORE_ROWS_H
#define EVTWIN_STORE_ROWS_H

#include "store/store_columns.h"

/* Years 0 to 9999: what the 27 characters of a stored time can say. */
#define EVTWIN__STORE_FIRST_US INT64_C(-62167219200000000)
#define EVTWIN__STORE_LAST_US INT64_C(253402300799999999)

/* One value of a row. */
typedef struct evtwin__value {
    int present;
    union {
        double f64;       /* F64 */
        int64_t i64;      /* I64, TIME, BOOL */
        const char *text; /* TEXT, borrowed from the table */
    };
} evtwin__value;

/* Which columns of the table are read. */
typedef enum evtwin__rows_use {
    EVTWIN__ROWS_INSERT = 0,  /* telemetry, and predictions where there are any */
    EVTWIN__ROWS_PREDICT = 1, /* key and predictions */
} evtwin__rows_use;

/* Where each column of ev_telemetry is in the table. */
typedef struct evtwin__rows {
    const evtwin_table *table;
    size_t n;
    evtwin__rows_use use;
    struct {
        size_t col; /* EVTWIN_NO_COLUMN if absent or not read */
        evtwin_type type;
        double factor; /* to our unit */
    } from[EVTWIN__COL_COUNT];
} evtwin__rows;

/* Find and check the columns, and the key of every row: EVTWIN_E_SCHEMA for a column of a type that
 * cannot be the quantity or a missing battery_id or time, EVTWIN_E_ARG for an invalid battery id.
 */
evtwin_status evtwin__rows_open(evtwin__rows *rows, const evtwin_table *table,
                                evtwin__rows_use use);

/* Row i, value (EVTWIN__COL_COUNT). The key is always present: a missing seq is derived. What the
 * store sets itself (status, created_at, revision) is not. EVTWIN_E_RANGE for an infinite value. */
evtwin_status evtwin__rows_get(const evtwin__rows *rows, size_t i, evtwin__value *value);

/* 1 if a row has a prediction, or the reason for having none. */
int evtwin__row_is_predicted(const evtwin__value *value);

/* The seq of a record that came without one: a 62-bit hash of what it says, so that a retry of the
 * same record gives the same key. Absent values do not count: quantities added later change
 * nothing. */
int64_t evtwin__row_seq(const evtwin__value *value);

#endif
