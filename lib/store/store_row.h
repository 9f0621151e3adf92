/* SPDX-License-Identifier: MIT */
/* store/store_row.h: a caller's rows on their way into ev_telemetry: bound, checked, with a key. */
#ifndef EVTWIN_STORE_STORE_ROW_H
#define EVTWIN_STORE_STORE_ROW_H

#include "core/binding.h"
#include "core/record_seq.h"

/* The quantities that are columns of ev_telemetry. */
enum { EVTWIN__STORED = EVTWIN__TELEMETRY | EVTWIN__PREDICTIONS | EVTWIN__RECORD };

/* Which columns of the table are read. */
typedef enum evtwin__rows_use {
    EVTWIN__ROWS_INSERT = 0,  /* telemetry, and predictions where there are any */
    EVTWIN__ROWS_PREDICT = 1, /* key and predictions */
} evtwin__rows_use;

/* Borrows the table. */
typedef struct evtwin__rows {
    evtwin__binding binding;
    evtwin__rows_use use;
    /* The quantities that are read: the key, and of the others those that have a value in a row.
     * plain: the values of each as they are, NULL if they have to be converted. */
    size_t n_read;
    uint8_t read[EVTWIN__Q_COUNT];
    const double *plain[EVTWIN__Q_COUNT];
    int has_predictions;         /* 1 if predictions are among them */
    const int64_t *was_revision; /* (rows) of the rows when they were read; NULL = not known */
} evtwin__rows;

/* Bind the columns and check the key of every row: EVTWIN_E_SCHEMA for a column that cannot be its
 * quantity or a missing battery_id or time, EVTWIN_E_ARG for an invalid battery id, EVTWIN_E_RANGE
 * for a time that cannot be written. */
evtwin_status evtwin__rows_open(evtwin__rows *rows, const evtwin_table *table,
                                evtwin__rows_use use);

/* Row i, value (EVTWIN__Q_COUNT), which was all zero before the first call. The key is always
 * present: a missing seq is derived. EVTWIN_E_RANGE for an infinite value. */
evtwin_status evtwin__rows_get(const evtwin__rows *rows, size_t i, evtwin__value *value);

/* 1 if a row has a prediction, or the reason for having none. */
int evtwin__row_is_predicted(const evtwin__value *value);

/* Why a row of another program can never be predicted: what of its key cannot be read. */
typedef enum evtwin__bad_key {
    EVTWIN__BAD_TIME,
    EVTWIN__BAD_ID,
    EVTWIN__BAD_SEQ,
    EVTWIN__N_BAD
} evtwin__bad_key;

extern const char *const evtwin__bad_key_notes[EVTWIN__N_BAD];

/* What is wrong with the key of a row of a table that begins with the quantities of telemetry;
 * EVTWIN__N_BAD if nothing is. */
evtwin__bad_key evtwin__bad_key_find(const evtwin_table *table, size_t row);

#endif
