/* SPDX-License-Identifier: MIT */
/* core/csv_record.h: the middle layer of reading CSV: a header, and records that go into columns.
 */
#ifndef EVTWIN_CORE_CSV_RECORD_H
#define EVTWIN_CORE_CSV_RECORD_H

#include "core/csv.h"
#include "core/csv_scan.h"
#include "core/num.h"
#include "core/schema.h"
#include "core/time.h"

enum { EVTWIN__CSV_SKIP = -1 }; /* kind of a field that no column takes */

/* One field of every record: what its header means, and what becomes of it. */
typedef struct evtwin__csv_target {
    /* the header */
    char *name;           /* without blanks around it; "" = none, then no column takes the field */
    const char *quantity; /* our name of the telemetry quantity that it is, NULL = none */
    const char *unit;     /* of the file's values, "" if unknown */
    evtwin_type type;     /* of the quantity */
    double to_ours;       /* value in our unit = to_ours * value in the file */
    const char *time_format; /* of times under this header, NULL = of any form */
    int has_direction;       /* the file's values have a sign that our quantity does not have */
    int is_listed;           /* bits 1 << type: the options name it as f64 or text */
    int is_used;             /* the options name it */
    int is_other;            /* … as one to be read as far as it can be */
    int is_stated;           /* its unit was given, not taken from the header */
    const evtwin__shifted *stated; /* … and has a zero of its own; else NULL */
    int takes_words;               /* f64: true and false are 1 and 0 */

    /* the plan */
    int kind;                     /* type of the column, or EVTWIN__CSV_SKIP */
    size_t col;                   /* in the table */
    double factor;                /* f64: stored = factor * read */
    const evtwin__shifted *shift; /* f64: … or from this unit, unless NULL */
    int is_absolute;              /* f64: … without the sign, once the batch is read */
    int is_inferred;              /* f64 until a text turns up, which makes it text */
    int is_lenient;               /* nobody uses it: what cannot be read makes it text */
    int has_words;                /* true or false was read as a number */
    int is_replaced;              /* in a copy of the file another column has its name */
    int is_turned;   /* a text turned up after numbers had been stored: to be read again as text */
    int may_be_real; /* i64: a value that is not an integer makes it f64, else it is rounded down */
    double *f64;     /* the column's values while kind is F64; moves when the table grows */
} evtwin__csv_target;

struct evtwin_csv {
    evtwin__csv_scan scan;
    evtwin_csv_options options; /* its strings are gone once the reader is open */
    char *time_format;          /* a copy, NULL = none */
    char decimal;               /* sign; 0 = to be decided when there are records */
    int is_decided;
    int is_recognised;    /* the delimiter was, and is not a comma */
    size_t n_above;       /* lines above the header; SIZE_MAX before it is known */
    size_t header_offset; /* of the header in the window … */
    size_t header_fills;  /* … while this is scan.n_fills */
    size_t n_targets;
    evtwin__csv_target *target;     /* one for each field of the header */
    size_t first_empty_line;        /* of empty lines that may be the end of the file; 0 = none */
    evtwin_table *table;            /* that records go to */
    size_t row;                     /* the next record's */
    evtwin__time_counts times;      /* of the records before it */
    evtwin__time_counts times_here; /* … and of the one that is being read */
    int may_rewind;                 /* the file can be read twice */
    int is_read;                    /* a table has been made of it, of … */
    size_t n_rows;
    size_t n_replaced; /* targets that are */
    size_t clock;      /* target that is the test time of one test; SIZE_MAX = none */
    double clock_last; /* of the records before that were fine … */
    size_t clock_line; /* … where it stood */
    double clock_here; /* of the record that is being read, where no column takes it */
    int is_refused;    /* the next record was reported as refused: to be passed over */
};

/* What the column gets for a number of the file. */
static inline double evtwin__csv_stored(const evtwin__csv_target *target, double v) {
    return target->shift != NULL ? evtwin__shifted_to_ours(target->shift, v)
                                 : evtwin__scale(v, target->factor);
}

/* Go to the header and read it: every target is there, as SKIP. */
evtwin_status evtwin__csv_header_read(evtwin__csv_reader *reader);

/* Back to the first record, to read the file once more. */
evtwin_status evtwin__csv_records_rewind(evtwin__csv_reader *reader);

/* Pass over an empty line, which is fine at the end of the file only; in a file of one column it is
 * a record. Returns 1 if it did. */
int evtwin__csv_skip_empty_line(evtwin__csv_reader *reader);

/* Store at most max_records records at row, row + 1, … of the table, which grows by as many rows or
 * more (they hold missing values). May stop before when it would have to wait for input and has at
 * least one. EVTWIN_DONE at the end of the file. */
evtwin_status evtwin__csv_records_read(evtwin__csv_reader *reader, size_t max_records);

/* Pass over a record: the header, or after EVTWIN_E_PARSE the one that was refused, so that reading
 * can go on. Of one whose quotes or length are wrong only the first line goes. */
evtwin_status evtwin__csv_records_skip(evtwin__csv_reader *reader);

#endif
