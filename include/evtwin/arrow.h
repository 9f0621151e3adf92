/* SPDX-License-Identifier: MIT */
/* evtwin/arrow.h: tables to and from other libraries in the same process, by Arrow's C data and C
 * stream interfaces (https://arrow.apache.org/docs/format/CStreamInterface.html): pyarrow, pandas,
 * polars, DuckDB, nanoarrow and others support them. */
#ifndef EVTWIN_ARROW_H
#define EVTWIN_ARROW_H

#include "evtwin/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The three structs are those of Arrow's specification, for programs without an Arrow header. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif

/**
 * The table as a stream of one batch, without a copy: its columns become immutable
 * (evtwin_table_share), and live as long as the stream, the arrays from it, or a reference of the
 * table. The types are those in brackets at evtwin_type; a missing value is a null, and so is a
 * NaN. A column's unit is in the metadata of its field under the key "unit".
 * @param out overwritten; its owner calls out->release, from any thread.
 * @return EVTWIN_E_ARG for NULL only. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_table_to_arrow(evtwin_table *table, struct ArrowArrayStream *out);

/** The schema that such a stream has. The table may be edited after the call.
 * @param out overwritten; its owner calls out->release. @return EVTWIN_E_ARG for NULL only.
 * Since 0.2. */
EVTWIN_API evtwin_status evtwin_table_arrow_schema(const evtwin_table *table,
                                                   struct ArrowSchema *out);

typedef struct evtwin_arrow_options {
    size_t size;
    /** what a timestamp without a zone, or a date, means; default EVTWIN_NAIVE_UTC */
    evtwin_naive_time naive_time;
    /** units that columns really are in, as evtwin_telemetry_override_units takes them; NULL = as
     * the fields' metadata or the columns' names say */
    const char *units;
    const char *name; /**< of the data, for messages; NULL = "table" */
} evtwin_arrow_options;

/** Fill in the defaults; size is sizeof *options. @return EVTWIN_E_ARG if size is that of no
 * version of the struct. Since 0.2. */
EVTWIN_API evtwin_status evtwin_arrow_options_init(evtwin_arrow_options *options, size_t size);

/**
 * A new table of all batches of a stream. Columns keep their names; one that names a telemetry
 * quantity (any naming, see telemetry.h) has its unit, as in a CSV file. Floats and decimals become
 * F64, integers I64 (F64 under the name of a quantity that is not a count), both TEXT of their
 * digits under the name of a battery's id, booleans BOOL, timestamps and dates TIME (digits beyond
 * the microsecond are cut off), strings and dictionaries of strings TEXT, columns of nulls F64. In
 * a column of times, numbers and strings are times as evtwin_time_parse reads them ("Unix Time /
 * s": seconds since 1970). A null is a missing value.
 *
 * From a stream of one batch, columns of equal type are not copied: float64, int64 and timestamp
 * [us] columns without nulls stay in the producer's memory. It is released when the table and those
 * that share it are freed, on the thread that frees the last one, or when such a column is edited.
 *
 * The lengths of buffers are taken from the producer and cannot be checked, except those inside
 * strings. Everything else is checked.
 * @param stream  used up and released, whatever the call returns; its producer's calls run on this
 * thread.
 * @param options  NULL = the defaults.
 * @param out  a new table, evtwin_table_free frees it; untouched on failure.
 * @return EVTWIN_E_ARG (NULL, a released stream, an option); EVTWIN_E_EXTERNAL with the producer's
 * words; EVTWIN_E_UNSUPPORTED naming column and type (lists, structs, …);
 * EVTWIN_E_SCHEMA (not a stream of record batches, a column without a name, a duplicate name);
 * EVTWIN_E_PARSE (a format, length, offset, code or string that cannot be, a text that is not a
 * time); EVTWIN_E_RANGE (a time or integer outside 64 bits; as evtwin_table_read_csv, for fractions
 * under the name of a percent column); for units, what evtwin_telemetry_override_units returns.
 * Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_table_from_arrow(struct ArrowArrayStream *stream,
                                                 const evtwin_arrow_options *options,
                                                 evtwin_table **out);

#ifdef __cplusplus
}
#endif
#endif
