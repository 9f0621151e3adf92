/* SPDX-License-Identifier: MIT */
/* core/csv_read.c: the upper layer of reading CSV: the plan of what becomes of each field, and by
 * it a whole file as a table of its own, or batches of rows for the columns that a table has. */

#include "evtwin/telemetry.h"

#include "core/csv_record.h"
#include "core/mem.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/table.h"

#include <math.h>
#include <string.h>

/* ---- options ---- */

static const size_t max_line_limit = (size_t)1 << 30;
static const size_t max_columns_limit = (size_t)1 << 20;

static const evtwin_csv_options default_options = {.size = sizeof(evtwin_csv_options),
                                                   .naive_time = EVTWIN_NAIVE_UTC,
                                                   .max_line_bytes = 65536,
                                                   .max_columns = 256};

evtwin_status evtwin_csv_options_init(evtwin_csv_options *options, size_t size) {
    return evtwin__options_init(options, size, &default_options, sizeof default_options);
}

/* Options of a caller (NULL = defaults) over the defaults, checked. */
static evtwin_status take_options(const evtwin_csv_options *options, evtwin_csv_options *out) {
    evtwin_csv_options taken = default_options;
    EVTWIN_TRY(evtwin__options_merge(&taken, sizeof taken, options, "evtwin_csv_options_init"));
    EVTWIN_FAIL_IF((int)taken.naive_time < EVTWIN_NAIVE_UTC ||
                       (int)taken.naive_time > EVTWIN_NAIVE_REJECT,
                   EVTWIN_E_ARG, "%d is not a valid naive_time", (int)taken.naive_time);
    EVTWIN_FAIL_IF(taken.max_line_bytes < 1 || taken.max_line_bytes > max_line_limit, EVTWIN_E_ARG,
                   "max_line_bytes %zu is not in 1 to %zu", taken.max_line_bytes, max_line_limit);
    EVTWIN_FAIL_IF(taken.max_columns < 1 || taken.max_columns > max_columns_limit, EVTWIN_E_ARG,
                   "max_columns %zu is not in 1 to %zu", taken.max_columns, max_columns_limit);
    *out = taken;
    return EVTWIN_OK;
}

/* ---- open and close ---- */

/* What the header of a field means, if it is telemetry: columns of other kinds are read as they
 * come. */
static void resolve(evtwin__csv_target *target) {
    evtwin__meaning m;
    target->unit = "";
    target->to_ours = 1.0;
    if (evtwin__meaning_find(target->name, EVTWIN__TELEMETRY, &m)) {
        const evtwin__quantity *q = &evtwin__schema[m.q];
        target->unit = m.unit;
        target->to_ours = evtwin__meaning_factor(&m, evtwin__unit_find(m.unit, q->unit));
        target->quantity = q->name;
        target->type = q->type;
        target->has_direction = evtwin__meaning_is_absolute(&m);
    }
}

static evtwin_status open_reader(const char *path, const evtwin_csv_options *options,
                                 int may_rewind, evtwin__csv_reader **out) {
    EVTWIN_FAIL_IF(path == NULL || out == NULL, EVTWIN_E_ARG, "path or out is NULL");
    evtwin_csv_options taken;
    EVTWIN_TRY(take_options(options, &taken));
    evtwin__csv_reader *r = evtwin__calloc(1, sizeof *r);
    EVTWIN_FAIL_IF(r == NULL, EVTWIN_E_NOMEM, "%s: no memory for a reader", path);
    r->options = taken;
    r->scan.fd = -1;
    evtwin_status st = evtwin__csv_scan_open(path, taken.max_line_bytes, may_rewind, &r->scan);
    if (st < 0 || (st = evtwin__csv_header_read(r, taken.max_columns)) < 0) {
        evtwin__csv_reader_free(r);
        return st;
    }
    for (size_t i = 0; i < r->n_targets; i++) {
        resolve(&r->target[i]);
    }
    *out = r;
    return EVTWIN_OK;
}

void evtwin__csv_reader_free(evtwin__csv_reader *reader) {
    if (reader == NULL) {
        return;
    }
    const size_t n = reader->n_naive;
    if (n > 0) {
        evtwin__log(EVTWIN_LOG_INFO, "%s: %zu %s taken as %s", reader->scan.name, n,
                    n == 1 ? "time without an offset was" : "times without an offset were",
                    reader->options.naive_time == EVTWIN_NAIVE_LOCAL ? "local time" : "UTC");
    }
    for (size_t i = 0; i < reader->n_targets; i++) {
        evtwin__free(reader->target[i].name);
    }
    evtwin__free(reader->target);
    evtwin__csv_scan_close(&reader->scan);
    evtwin__free(reader);
}

/* ---- the plan of a whole file: a column for each field, of its name, in its unit ---- */

/* Mark the fields that a list of the options names: a misspelt name must not pass unless
 * allow_absent. */
static evtwin_status mark_listed(evtwin__csv_reader *r, const char *list, const char *what,
                                 evtwin_type type) {
    for (const char *item = list; item != NULL && *item != '\0';) {
        const size_t length = strcspn(item, ",");
        size_t i = 0;
        while (i < r->n_targets && (strlen(r->target[i].name) != length ||
                                    memcmp(item, r->target[i].name, length) != 0)) {
            i++;
        }
        if (i < r->n_targets) {
            r->target[i].is_listed |= 1 << type;
        } else if (!r->options.allow_absent) {
            EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "%s: %s names '%.*s', which is not in the header",
                        r->scan.name, what, length < 100 ? (int)length : 100, item);
        }
        item += length + (item[length] == ',');
    }
    return EVTWIN_OK;
}

/* What a column is: by the options, else by its telemetry quantity, else f64 until a text turns up.
 */
static evtwin_status plan_new_column(evtwin__csv_target *target, evtwin_table *table) {
    const int is_number = target->is_listed >> EVTWIN_F64 & 1;
    const int is_text = target->is_listed >> EVTWIN_TEXT & 1;
    EVTWIN_FAIL_IF(is_number && is_text, EVTWIN_E_ARG,
                   "column '%.100s' is in number_columns and in text_columns", target->name);
    target->factor = 1.0;
    target->kind = EVTWIN_F64;
    if (is_text) {
        target->kind = EVTWIN_TEXT;
    } else if (target->quantity != NULL && (!is_number || target->type == EVTWIN_I64)) {
        target->kind = (int)target->type;
        target->may_be_real = 1;
    } else {
        target->is_inferred = !is_number;
    }
    return evtwin_table_add_column(table, target->name, (evtwin_type)target->kind,
                                   is_text ? "" : target->unit, &target->col);
}

static evtwin_status plan_new_table(evtwin__csv_reader *r) {
    EVTWIN_TRY(mark_listed(r, r->options.number_columns, "number_columns", EVTWIN_F64));
    EVTWIN_TRY(mark_listed(r, r->options.text_columns, "text_columns", EVTWIN_TEXT));
    EVTWIN_TRY(evtwin_table_create(&r->table));
    for (size_t i = 0; i < r->n_targets; i++) {
        EVTWIN_TRY(plan_new_column(&r->target[i], r->table));
    }
    return EVTWIN_OK;
}

/* ---- the plan of batches: the columns that a table has, by our names, in our units ---- */

/* Aim field i at its column of the table, if there is one. */
static evtwin_status plan_known_column(evtwin__csv_reader *r, size_t i, const evtwin_table *table) {
    evtwin__csv_target *target = &r->target[i];
    const char *quantity = target->quantity;
    target->kind = EVTWIN__CSV_SKIP;
    target->col = evtwin_table_find(table, target->name);
    int is_ours = quantity != NULL && strcmp(quantity, target->name) == 0;
    if (target->col == EVTWIN_NO_COLUMN && quantity != NULL) {
        target->col = evtwin_table_find(table, quantity);
        is_ours = 1;
    }
    if (target->col == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    target->kind = (int)evtwin_table_type(table, target->col);
    target->factor = is_ours ? target->to_ours : 1.0;
    target->is_absolute = is_ours && target->has_direction;
    EVTWIN_FAIL_IF(target->kind != EVTWIN_F64 && target->factor != 1.0, EVTWIN_E_SCHEMA,
                   "%s: column '%.100s' must be numeric (f64) to convert it to '%s' (factor %g)",
                   r->scan.name, target->name, quantity, target->factor);
    for (size_t k = 0; k < i; k++) {
        const evtwin__csv_target *other = &r->target[k];
        EVTWIN_FAIL_IF(other->kind != EVTWIN__CSV_SKIP && other->col == target->col,
                       EVTWIN_E_SCHEMA, "%s: columns '%.100s' and '%.100s' are both '%s'",
                       r->scan.name, other->name, target->name,
                       evtwin_table_name(table, target->col));
    }
    return EVTWIN_OK;
}

/* ---- a whole file ---- */

enum { SAMPLE_ROWS = 1000 };

/* After some rows the others can be estimated from the size of the file; a first part that is not
 * typical must not cost more than twice the file. */
static evtwin_status reserve_rest(evtwin__csv_reader *r) {
    const size_t rows = r->row;
    const size_t sampled_bytes = (size_t)(r->scan.at - r->scan.buffer);
    if (rows == 0 || sampled_bytes >= r->scan.file_size) {
        return EVTWIN_OK;
    }
    const double estimate = (double)rows / (double)sampled_bytes * (double)r->scan.file_size;
    const double limit = 2.0 * (double)r->scan.file_size / (8.0 * (double)r->n_targets);
    return evtwin_table_reserve(r->table, (size_t)fmin(estimate * 1.01, limit) + SAMPLE_ROWS);
}

static evtwin_status read_all(evtwin__csv_reader *r) {
    evtwin_status st = evtwin__csv_records_read(r, SAMPLE_ROWS);
    EVTWIN_TRY(st == EVTWIN_OK ? reserve_rest(r) : st);
    while (st == EVTWIN_OK) {
        st = evtwin__csv_records_read(r, SIZE_MAX);
    }
    EVTWIN_TRY(st);
    EVTWIN_FAIL_IF(r->row == 0, EVTWIN_E_DATA, "%s has a header and no rows", r->scan.name);
    return evtwin_table_resize(r->table, r->row);
}

/* Columns whose first text came after numbers are read once more, all others are passed over. */
static evtwin_status read_turned(evtwin__csv_reader *r) {
    int is_needed = 0;
    for (size_t i = 0; i < r->n_targets; i++) {
        evtwin__csv_target *target = &r->target[i];
        target->kind = EVTWIN__CSV_SKIP;
        if (target->is_turned) {
            is_needed = 1;
            target->kind = EVTWIN_TEXT;
            EVTWIN_TRY(evtwin__table_retype(r->table, target->col, EVTWIN_TEXT));
        }
    }
    if (!is_needed) {
        return EVTWIN_OK;
    }
    const size_t rows = r->row;
    r->row = 0;
    r->first_empty_line = 0;
    EVTWIN_TRY(evtwin__csv_scan_rewind(&r->scan));
    EVTWIN_TRY(evtwin__csv_records_skip(r));
    evtwin_status st = EVTWIN_OK;
    while (st == EVTWIN_OK && r->row <= rows) {
        st = evtwin__csv_records_read(r, rows + 1 - r->row);
    }
    EVTWIN_FAIL_IF(st >= 0 && r->row != rows, EVTWIN_E_IO, "%s changed while it was read",
                   r->scan.name);
    return st;
}

evtwin_status evtwin_table_read_csv(const char *path, const evtwin_csv_options *options,
                                    evtwin_table **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    evtwin__csv_reader *r = NULL;
    EVTWIN_TRY(open_reader(path, options, 1, &r));
    evtwin_status st = plan_new_table(r);
    if (st < 0 || (st = read_all(r)) < 0 || (st = read_turned(r)) < 0) {
        r->n_naive = 0; /* of a table that nobody gets */
        evtwin_table_free(r->table);
    } else {
        *out = r->table;
        st = EVTWIN_OK;
    }
    evtwin__csv_reader_free(r);
    return st;
}

/* ---- batches ---- */

evtwin_status evtwin__csv_reader_open(const char *path, const evtwin_csv_options *options,
                                      evtwin__csv_reader **out) {
    return open_reader(path, options, 0, out);
}

const char *evtwin__csv_reader_refused(const evtwin__csv_reader *reader, size_t *size_out) {
    const evtwin__csv_scan *scan = &reader->scan;
    const char *newline = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));
    *size_out = (size_t)((newline != NULL ? newline : scan->end) - scan->at);
    return scan->at;
}

const char *evtwin__csv_reader_name(const evtwin__csv_reader *reader, size_t i) {
    return i < reader->n_targets ? reader->target[i].name : NULL;
}

/* The rules are those of a table's columns: ask one that has the fields as columns. */
evtwin_status evtwin__csv_reader_set_units(evtwin__csv_reader *reader, const char *overrides) {
    evtwin_table *fields = NULL;
    evtwin_status st = evtwin_table_create(&fields);
    for (size_t i = 0; st >= 0 && i < reader->n_targets; i++) {
        st = evtwin_table_add_column(fields, reader->target[i].name, EVTWIN_F64, NULL, NULL);
    }
    if (st >= 0 && (st = evtwin_telemetry_override_units(fields, overrides)) < 0) {
        st = evtwin__fail_in(st, "%s", reader->scan.name);
    }
    for (size_t i = 0; st >= 0 && i < reader->n_targets; i++) {
        st = evtwin_telemetry_factor(fields, i, &reader->target[i].to_ours);
    }
    evtwin_table_free(fields);
    return st;
}

/* Power that has a direction in the file has none in our table. Left to the end of a batch, so that
 * the loop over fields need not ask. */
static void drop_signs(const evtwin__csv_reader *r, evtwin_table *table, size_t first) {
    const size_t rows = evtwin_table_rows(table);
    for (size_t i = 0; i < r->n_targets; i++) {
        const evtwin__csv_target *target = &r->target[i];
        if (target->is_absolute && target->kind == EVTWIN_F64) {
            double *value = evtwin_table_f64_edit(table, target->col);
            for (size_t row = first; row < rows; row++) {
                value[row] = fabs(value[row]);
            }
        }
    }
}

/* The record that was refused goes when the next one is asked for. */
static evtwin_status pass_refused(evtwin__csv_reader *reader) {
    EVTWIN_TRY(reader->is_refused ? evtwin__csv_records_skip(reader) : EVTWIN_OK);
    reader->is_refused = 0;
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_reader_await(evtwin__csv_reader *reader, int timeout_ms,
                                       int *is_there_out) {
    EVTWIN_TRY(pass_refused(reader));
    return evtwin__csv_scan_await(&reader->scan, timeout_ms, is_there_out);
}

evtwin_status evtwin__csv_reader_next(evtwin__csv_reader *reader, size_t max_rows,
                                      evtwin_table *table) {
    EVTWIN_FAIL_IF(reader == NULL || max_rows == 0, EVTWIN_E_ARG,
                   "reader is NULL or max_rows is 0");
    const size_t first = evtwin_table_rows(table);
    EVTWIN_TRY(evtwin__table_check_edit(table));
    for (size_t i = 0; i < reader->n_targets; i++) {
        EVTWIN_TRY(plan_known_column(reader, i, table));
    }
    EVTWIN_TRY(pass_refused(reader));
    reader->table = table;
    reader->row = first;
    const evtwin_status st = evtwin__csv_records_read(reader, max_rows);
    reader->table = NULL;

    /* give the rows before a failure first: it comes again with the next call */
    const size_t last = reader->row;
    const evtwin_status resized = evtwin_table_resize(table, last); /* shrinking does not fail */
    if (resized < 0 || last > first) {
        drop_signs(reader, table, first);
        return resized;
    }
    reader->is_refused = st == EVTWIN_E_PARSE;
    return st < 0 ? st : EVTWIN_DONE;
}
