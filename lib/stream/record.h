/* SPDX-License-Identifier: MIT */
/* stream/record.h: a table's rows as telemetry records: our names, our units, in the record's
 * order. */
#ifndef EVTWIN_STREAM_RECORD_H
#define EVTWIN_STREAM_RECORD_H

#include "evtwin/telemetry.h"

enum {
    EVTWIN__RECORD_PREDICTIONS = 4, /* rul_prediction, failure_probability, model_version, note */
    EVTWIN__RECORD_MAX_FIELDS = 32
};

/* One value of a record and where the table has it. */
typedef struct evtwin__field {
    const char *name, *json_key, *unit;
    size_t json_key_length;
    evtwin_type type; /* ours, whatever the column's is */
    size_t col;       /* EVTWIN_NO_COLUMN if the table lacks it */
    double factor;    /* ours = factor * the column's */
    int is_absolute;
    double min, max;         /* NaN = no limit */
    const double *f64;       /* the column's values if it is F64, else NULL */
    const int64_t *i64;      /* the same for I64 and TIME */
    const uint8_t *validity; /* NULL = every row is present */
} evtwin__field;

/* Borrows the table until its next edit. The quantities come first, then the predictions. */
typedef struct evtwin__record {
    const evtwin_table *table;
    size_t n_quantities, n_fields;
    evtwin__field field[EVTWIN__RECORD_MAX_FIELDS];
} evtwin__record;

/* The part that matters for the field's type is set: f64; i64 (TIME, BOOL too); text. */
typedef struct evtwin__value {
    double f64;
    int64_t i64;
    const char *text;
} evtwin__value;

/* Names, types and ranges only: every column is absent. */
void evtwin__record_init(evtwin__record *record);

/* Find the columns of a table. EVTWIN_E_SCHEMA if it has no time or battery_id, or a unit tag that
 * its quantity cannot be in. */
evtwin_status evtwin__record_bind(const evtwin_table *table, evtwin__record *record);

/* 1 if the table has a prediction column. */
int evtwin__record_has_predictions(const evtwin__record *record);

/* Value of a field in our unit; 0 if it is missing there. */
int evtwin__record_get(const evtwin__record *record, const evtwin__field *field, size_t row,
                       evtwin__value *out);

/* EVTWIN_E_SCHEMA if the row has no time or battery id, EVTWIN_E_ARG if the id is not valid. */
evtwin_status evtwin__record_check_row(const evtwin__record *record, size_t row);

/* Append the telemetry, and with_predictions the predictions, of rows first to first + n - 1 to a
 * table that has columns for them. Its other columns become missing. On failure it is as before. */
evtwin_status evtwin__record_append(const evtwin__record *record, size_t first, size_t n,
                                    int with_predictions, evtwin_table *to);

/* A telemetry table without rows, with_predictions with their columns too. */
evtwin_status evtwin__record_table_create(int with_predictions, evtwin_table **out);

#endif
