/* SPDX-License-Identifier: MIT */
/* core/csv_record.h: the middle layer of reading CSV: a header, and records that go into columns.
 */
#ifndef EVTWIN_CORE_CSV_RECORD_H
#define EVTWIN_CORE_CSV_RECORD_H

#include "evtwin/table.h"

#include "core/csv_scan.h"

typedef enum evtwin__csv_kind {
    EVTWIN__CSV_SKIP, /* no column takes the field */
    EVTWIN__CSV_F64,
    EVTWIN__CSV_I64,
    EVTWIN__CSV_TIME,
    EVTWIN__CSV_BOOL,
    EVTWIN__CSV_TEXT
} evtwin__csv_kind;

/* What becomes of one field of every record. */
typedef struct evtwin__csv_target {
    char *name; /* of the header */
    evtwin__csv_kind kind;
    size_t col;      /* in the table */
    double factor;   /* f64: stored = factor * read */
    double *f64;     /* the column's values while kind is F64; moves when the table grows */
    int is_inferred; /* f64 until a text turns up, which makes it text */
    int is_turned;   /* it did after numbers had been stored: to be read again as text */
    int may_be_real; /* i64: a value that is no integer makes it f64 … */
    int floors;      /* … or is stored rounded down */
} evtwin__csv_target;

typedef struct evtwin__csv_records {
    evtwin__csv_scan scan;
    evtwin_naive_time naive_time;
    size_t n_targets;
    evtwin__csv_target *target; /* one for each field of the header */
    size_t first_empty_line;    /* of empty lines that may be the end of the file; 0 = none */
    evtwin_table *table;        /* that records go to */
    size_t row;                 /* the next record's */
    size_t n_naive;             /* times without an offset in the records before it */
    size_t n_naive_here;        /* … and in the one that is being read */
} evtwin__csv_records;

/* Read the header of an open scan, which records takes over (also on failure): every target is
 * there, as SKIP. */
evtwin_status evtwin__csv_records_open(evtwin__csv_scan *scan, size_t max_columns,
                                       evtwin__csv_records *out);
void evtwin__csv_records_close(evtwin__csv_records *records);

/* Back to the first record. */
evtwin_status evtwin__csv_records_rewind(evtwin__csv_records *records);

/* Store at most max_records records at row, row + 1, … of the table, which grows by as many rows or
 * more (they hold missing values). May stop before when it would have to wait for input and has at
 * least one. EVTWIN_DONE at the end of the file. */
evtwin_status evtwin__csv_records_read(evtwin__csv_records *records, size_t max_records);

/* After EVTWIN_E_PARSE: pass over the record that was refused, so that reading can go on. Of one
 * whose quotes or length are wrong only the first line goes. */
evtwin_status evtwin__csv_records_skip(evtwin__csv_records *records);

/* Say in the log how many times without an offset there were, and what they were taken as. */
void evtwin__csv_records_tell(const evtwin__csv_records *records);

/* EVTWIN_E_PARSE at a field (from 1) of the record at scan.at. */
__attribute__((format(printf, 3, 4))) evtwin_status
evtwin__csv_fail_at(const evtwin__csv_records *records, size_t field, const char *format, ...);

#endif
