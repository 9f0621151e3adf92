/* SPDX-License-Identifier: MIT */
/* evtwin/table.h: the one data type between modules: named, typed columns of equal length in
 * Arrow's layout. */
#ifndef EVTWIN_TABLE_H
#define EVTWIN_TABLE_H

#include "evtwin/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A table is reference-counted. While one reference exists its owner may edit it; once shared
 * (evtwin_table_share) it is immutable and any number of threads may read it.
 */
typedef struct evtwin_table evtwin_table;

/** Returned where a column is looked up and not found. */
#define EVTWIN_NO_COLUMN ((size_t)-1)

/** The Arrow format string of each type is in brackets. */
typedef enum evtwin_type {
    EVTWIN_F64 = 0,  /**< [g] double */
    EVTWIN_I64 = 1,  /**< [l] int64 */
    EVTWIN_TIME = 2, /**< [tsu:UTC] int64 microseconds since 1970 */
    EVTWIN_BOOL = 3, /**< [b] one bit a row, least significant first */
    EVTWIN_TEXT = 4  /**< [i with dictionary u] int32 codes into a dictionary of UTF-8 strings */
} evtwin_type;

/* ---- create, share, free ---- */

/** A table without columns and rows. Free with evtwin_table_free. */
EVTWIN_API evtwin_status evtwin_table_create(evtwin_table **out);

/** One more reference to the same table, which becomes permanently immutable; each reference is
 * freed with evtwin_table_free. */
EVTWIN_API evtwin_table *evtwin_table_share(evtwin_table *table);

/** Drop one reference; NULL is fine. */
EVTWIN_API void evtwin_table_free(evtwin_table *table);

/** A deep copy that may be edited. */
EVTWIN_API evtwin_status evtwin_table_copy(const evtwin_table *table, evtwin_table **out);

/**
 * A new table of the rows named by row_index (n), in that order. Its dictionaries hold only the
 * strings that occur. @return EVTWIN_E_ARG if one is out of range.
 */
EVTWIN_API evtwin_status evtwin_table_select(const evtwin_table *table, const size_t *row_index,
                                             size_t n, evtwin_table **out);

/* ---- shape ---- */

/** Number of rows. */
EVTWIN_API size_t evtwin_table_rows(const evtwin_table *table);
/** Number of columns. */
EVTWIN_API size_t evtwin_table_cols(const evtwin_table *table);

/** Column of that exact name, or EVTWIN_NO_COLUMN. */
EVTWIN_API size_t evtwin_table_find(const evtwin_table *table, const char *name);

/** Borrowed until the column is renamed or the table freed. col < cols, else "". */
EVTWIN_API const char *evtwin_table_name(const evtwin_table *table, size_t col);

/**
 * The unit the column's values are in ("percent", "V", …), "" if unknown. Borrowed like the name.
 */
EVTWIN_API const char *evtwin_table_unit(const evtwin_table *table, size_t col);

/** Type of a column; EVTWIN_F64 if col is out of range. */
EVTWIN_API evtwin_type evtwin_table_type(const evtwin_table *table, size_t col);

/* ---- edit: EVTWIN_E_STATE on a shared table ---- */

/**
 * Add a column; existing rows become missing values in it. name and unit (NULL = "") are copied.
 * @return EVTWIN_E_ARG if a column of that name exists or the name is empty.
 */
EVTWIN_API evtwin_status evtwin_table_add_column(evtwin_table *table, const char *name,
                                                 evtwin_type type, const char *unit,
                                                 size_t *col_out);

/** Change the unit tag; values stay as they are. NULL = "". */
EVTWIN_API evtwin_status evtwin_table_set_unit(evtwin_table *table, size_t col, const char *unit);

/** @return EVTWIN_E_ARG if the name is empty or another column has it. */
EVTWIN_API evtwin_status evtwin_table_rename(evtwin_table *table, size_t col, const char *name);

/** Change the number of rows; new rows hold missing values (f64: NaN, the bit in the validity map
 * is 0). */
EVTWIN_API evtwin_status evtwin_table_resize(evtwin_table *table, size_t rows);

/** Make room so that resizing up to rows does not allocate. */
EVTWIN_API evtwin_status evtwin_table_reserve(evtwin_table *table, size_t rows);

/**
 * Append every row of other. Columns are matched by name; a column that only other has is added,
 * one that only table has becomes missing in the new rows. other may be table itself.
 * @return EVTWIN_E_SCHEMA if a name has two types, or two units that are not ""; EVTWIN_E_RANGE as
 * evtwin_table_set_text.
 */
EVTWIN_API evtwin_status evtwin_table_append(evtwin_table *table, const evtwin_table *other);

/* ---- read: borrowed until the next edit or free; NULL if col is out of range or of another
 *      type ---- */

/** (rows), NaN where missing */
EVTWIN_API const double *evtwin_table_f64(const evtwin_table *table, size_t col);
/** (rows), I64 and TIME */
EVTWIN_API const int64_t *evtwin_table_i64(const evtwin_table *table, size_t col);
/** (rows) bits, BOOL */
EVTWIN_API const uint8_t *evtwin_table_bits(const evtwin_table *table, size_t col);
/** (rows), TEXT, -1 where missing */
EVTWIN_API const int32_t *evtwin_table_codes(const evtwin_table *table, size_t col);

/**
 * Validity bitmap, (rows) bits, 1 = present; NULL means that every row is present. For f64 a
 * NaN decides, and the map is made from it at the first call after an edit: after that call, call
 * evtwin_table_f64_edit again before writing. Any number of threads may call this at once.
 */
EVTWIN_API const uint8_t *evtwin_table_validity(const evtwin_table *table, size_t col);

/** 1 if the value of that row is present (for f64 also: is not NaN), else 0. */
EVTWIN_API int evtwin_table_is_valid(const evtwin_table *table, size_t col, size_t row);

/** Value as double for any numeric type (BOOL: 0 or 1); NaN if missing, TEXT or out of range.
 */
EVTWIN_API double evtwin_table_number(const evtwin_table *table, size_t col, size_t row);

/** String of that row, NULL if missing or not TEXT. Borrowed until the table is freed, even if it
 * is edited. */
EVTWIN_API const char *evtwin_table_text(const evtwin_table *table, size_t col, size_t row);

/** Number of strings in the dictionary of a TEXT column, 0 otherwise. */
EVTWIN_API size_t evtwin_table_dict_size(const evtwin_table *table, size_t col);

/** String number code of the dictionary; NULL if out of range. Borrowed like that of a row. */
EVTWIN_API const char *evtwin_table_dict_text(const evtwin_table *table, size_t col, int32_t code);

/**
 * The dictionary of a TEXT column in Arrow's utf8 layout: string i is bytes[offsets[i]] to
 * bytes[offsets[i + 1] - 1], without a NUL.
 * @param offsets_out  (strings + 1), ascending from 0; may be NULL, as may bytes_out. Both are
 * borrowed until a string is added to the column or the table freed; NULL if not TEXT.
 * @return the number of strings, 0 if not TEXT. Since 0.2.
 */
EVTWIN_API size_t evtwin_table_dict_utf8(const evtwin_table *table, size_t col,
                                         const int32_t **offsets_out, const char **bytes_out);

/* ---- write: NULL or EVTWIN_E_STATE on a shared table; a written row is present ---- */

/** The column to write into, (rows); what the caller writes counts as present (NaN = missing). */
EVTWIN_API double *evtwin_table_f64_edit(evtwin_table *table, size_t col);
/** The same for I64 and TIME: all rows are marked present. */
EVTWIN_API int64_t *evtwin_table_i64_edit(evtwin_table *table, size_t col);

/** NaN marks the row missing. @return EVTWIN_E_ARG if col or row is out of range or the type
 * differs, as in all of these. */
EVTWIN_API evtwin_status evtwin_table_set_f64(evtwin_table *table, size_t col, size_t row,
                                              double value);
/** For I64 and TIME columns. */
EVTWIN_API evtwin_status evtwin_table_set_i64(evtwin_table *table, size_t col, size_t row,
                                              int64_t value);
/** Any value but 0 is true. */
EVTWIN_API evtwin_status evtwin_table_set_bool(evtwin_table *table, size_t col, size_t row,
                                               int value);
/** text is copied into the dictionary if it is new. @return EVTWIN_E_ARG if it is not
 * UTF-8, EVTWIN_E_RANGE if the strings of the column would exceed INT32_MAX bytes together. */
EVTWIN_API evtwin_status evtwin_table_set_text(evtwin_table *table, size_t col, size_t row,
                                               const char *text);
/** For a column of any type. */
EVTWIN_API evtwin_status evtwin_table_set_missing(evtwin_table *table, size_t col, size_t row);

/** Code of a string in the column's dictionary, added if new, for filling many rows with
 * evtwin_table_set_code. Errors as in evtwin_table_set_text. */
EVTWIN_API evtwin_status evtwin_table_intern(evtwin_table *table, size_t col, const char *text,
                                             int32_t *code_out);
/** code is one that evtwin_table_intern gave for this column. */
EVTWIN_API evtwin_status evtwin_table_set_code(evtwin_table *table, size_t col, size_t row,
                                               int32_t code);

/* ---- CSV (RFC 4180 and what people make of it; docs/files.md has the table of dialects) ---- */

/**
 * How to read. A header that names a telemetry quantity (any naming, see telemetry.h) gives the
 * column its type and unit; values stay as they are. An integer quantity with a value that is not
 * an integer is f64. Any other column is f64 if every value is a number or missing, else text. An
 * empty field is a missing value, as is one of the words NA, N/A, NULL, None, nil, NaN, \N, - (the
 * whole list is in docs/files.md); in a text column "" is the empty string and a word in quotes is
 * that word. Empty lines may end the file; in a file of one column an empty line is a missing
 * value. Blanks around names and numbers do not count; a column without a name is left out, and
 * empty fields may follow the last. Columns without a name and what was recognised of the dialect
 * get a line of the log each, EVTWIN_LOG_INFO.
 */
typedef struct evtwin_csv_options {
    size_t size;
    evtwin_naive_time naive_time; /**< default EVTWIN_NAIVE_UTC */
    /** names, comma-separated, of columns that must exist and hold numbers (true and false are 1
     * and 0 in a column without other numbers); NULL = none */
    const char *number_columns;
    /** names, comma-separated, of columns that must exist and are read as text; NULL = none */
    const char *text_columns;
    size_t max_line_bytes; /**< default 262144 (one record, quoted line breaks included) */
    size_t max_columns;    /**< default 4096 */
    /** 1 = names of number_columns and text_columns that are not in the header are skipped;
     * default 0. Since 0.2. */
    int allow_absent;
    /** names, comma-separated, of the columns or telemetry quantities that matter, beside
     * number_columns and text_columns: what stands in another column never refuses the file, it
     * becomes text; NULL = all telemetry matters. Since 0.2. */
    const char *used_columns;
    /** … of further columns or quantities to read as far as they can be; all others are passed
     * over. NULL = every column is read. Since 0.2. */
    const char *other_columns;
    /** what separates fields; 0 = recognised from the header line, of comma, semicolon, tab and
     * bar, or given by a line "sep=;" above it. Since 0.2. */
    char delimiter;
    /** '.' or ','; 0 = a point where commas separate fields, else recognised from the first rows.
     * Since 0.2. */
    char decimal;
    size_t skip_lines; /**< lines above the header; default 0. Since 0.2. */
    /** units that columns really are in, as evtwin_telemetry_override_units takes them (degF and K
     * are converted); NULL = as the header says. Since 0.2. */
    const char *units;
    /** how times are written, in strptime's directives (docs/files.md); NULL = the forms of
     * evtwin_time_parse. Since 0.2. */
    const char *time_format;
    /** 1 = Test Time of the Battery Data Format may begin anew, as the rows of several tests do;
     * default 0: it must not go back, unless a column battery_id or one of text_columns says whose
     * rows they are. Since 0.2. */
    int has_several_tests;
} evtwin_csv_options;

/** Fill in the defaults; size is sizeof *options. */
EVTWIN_API evtwin_status evtwin_csv_options_init(evtwin_csv_options *options, size_t size);

/**
 * Read a whole file; "-" reads standard input. Numbers are exact (the nearest double, as strtod in
 * the C locale). Columns keep the names of the header. options NULL = the defaults. The log gets
 * one line, EVTWIN_LOG_INFO, with the number of times that have no offset, if there are any.
 * @return EVTWIN_E_IO; EVTWIN_E_NOT_FOUND (no such file, or number_columns or text_columns names
 * what is not in the header, unless allow_absent); EVTWIN_E_PARSE with "file:line:column: …" (the
 * line where the row begins and the number of the field, both from 1) for text in a number column,
 * infinity, a row of another width, a duplicate name in the header, a line or column count over the
 * cap, a Test Time that goes back, a quote that is not closed, a NUL byte, text that is not UTF-8,
 * and for a dialect that is not certain; EVTWIN_E_RANGE for a column in percent that matters, has
 * 20 values or more and lies wholly within 0 to 1, unless units state its unit (with fewer values
 * the log gets a warning); EVTWIN_E_DATA for an empty file or one with only a header; of units as
 * evtwin_telemetry_override_units.
 */
EVTWIN_API evtwin_status evtwin_table_read_csv(const char *path, const evtwin_csv_options *options,
                                               evtwin_table **out);

/** A CSV file that is read and then written once more with further columns. Since 0.2. */
typedef struct evtwin_csv evtwin_csv;

/** Open a file and read its header; options and errors as in evtwin_table_read_csv. Free with
 * evtwin_csv_free. Since 0.2. */
EVTWIN_API evtwin_status evtwin_csv_open(const char *path, const evtwin_csv_options *options,
                                         evtwin_csv **out);

/** Name of field i of the header, "" if it has none, NULL beyond the last. Borrowed until the csv
 * is freed. Since 0.2. */
EVTWIN_API const char *evtwin_csv_name(const evtwin_csv *csv, size_t i);

/** As options.units, after opening. Since 0.2. */
EVTWIN_API evtwin_status evtwin_csv_set_units(evtwin_csv *csv, const char *units);

/** What evtwin_table_read_csv does with the rest of the file. @return as there, EVTWIN_E_STATE for
 * a second call. Since 0.2. */
EVTWIN_API evtwin_status evtwin_csv_read(evtwin_csv *csv, evtwin_table **out);

/**
 * After evtwin_csv_read: write the file once more, each record byte for byte as it stood (what is
 * above the header too, empty lines at the end not), with the columns of added behind it in the
 * dialect of the file. A column of the file that added has is left out where it stood. path is as
 * in evtwin_table_write_csv. The file is read a second time; a pipe was kept in memory.
 * @param added  as many rows as were read.
 * @return as evtwin_table_write_csv; EVTWIN_E_STATE before evtwin_csv_read, EVTWIN_E_ARG for
 * another number of rows, EVTWIN_E_IO if the file has changed. Since 0.2.
 */
EVTWIN_API evtwin_status evtwin_csv_write(evtwin_csv *csv, const evtwin_table *added,
                                          const char *path);

/** The log gets the number of times without an offset. NULL is fine. Since 0.2. */
EVTWIN_API void evtwin_csv_free(evtwin_csv *csv);

/**
 * Write a table; numbers in the shortest form that reads back exactly, missing values empty. The
 * file appears whole or not at all (written beside and renamed); "-" writes to standard output.
 * @return EVTWIN_E_IO, EVTWIN_E_NOT_FOUND (no such folder); EVTWIN_E_DATA for a table without
 * columns or a value that is infinite.
 */
EVTWIN_API evtwin_status evtwin_table_write_csv(const evtwin_table *table, const char *path);

#ifdef __cplusplus
}
#endif
#endif
