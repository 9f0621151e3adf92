/* SPDX-License-Identifier: MIT */
/* core/csv_read.c: the upper layer of reading CSV: the plan of what becomes of each field, and by
 * it a whole file as a table of its own, or batches of rows for the columns that a table has. */

#include "evtwin/telemetry.h"

#include "core/csv_clock.h"
#include "core/csv_dialect.h"
#include "core/csv_plan.h"
#include "core/csv_record.h"
#include "core/mem.h"
#include "core/percent.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/table.h"
#include "core/time.h"

#include <math.h>
#include <string.h>

/* ---- options ---- */

static const size_t max_line_limit = (size_t)1 << 30;
static const size_t max_columns_limit = (size_t)1 << 20;

static const evtwin_csv_options default_options = {.size = sizeof(evtwin_csv_options),
                                                   .naive_time = EVTWIN_NAIVE_UTC,
                                                   .max_line_bytes = 262144,
                                                   .max_columns = 4096};

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
    EVTWIN_TRY(taken.time_format != NULL ? evtwin__time_format_check(taken.time_format)
                                         : EVTWIN_OK);
    EVTWIN_TRY(evtwin__csv_dialect_check(&taken));
    *out = taken;
    return EVTWIN_OK;
}

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
        target->time_format = evtwin__header_time_format(target->name);
        target->type = q->type;
        target->has_direction = evtwin__meaning_is_absolute(&m);
    }
    target->takes_words = evtwin__meaning_find(target->name, EVTWIN__TRUTH, &m);
}

/* A stand-in is a column like any other where another field has its quantity. */
static void resolve_stand_ins(evtwin__csv_reader *r) {
    for (size_t i = 0; i < r->n_targets; i++) {
        evtwin__csv_target *target = &r->target[i];
        evtwin__meaning m;
        if (target->quantity == NULL ||
            !evtwin__meaning_find(target->name, EVTWIN__TELEMETRY, &m) || !m.is_stand_in) {
            continue;
        }
        for (size_t k = 0; k < r->n_targets; k++) {
            if (k != i && r->target[k].quantity == target->quantity) {
                target->quantity = NULL;
                break;
            }
        }
    }
}

/* ---- the columns that the options name ---- */

/* Is the field the item of a list: its name or, unless only_name, the quantity that it holds? */
static int is_item(const evtwin__csv_target *target, const char *item, size_t length,
                   int only_name) {
    const char *const names[] = {target->name, only_name ? NULL : target->quantity};
    for (size_t i = 0; i < 2; i++) {
        if (names[i] != NULL && length > 0 && strlen(names[i]) == length &&
            memcmp(item, names[i], length) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The quantity that an item names in any naming, else NULL. */
static const char *quantity_of(const char *item, size_t length) {
    char name[128];
    evtwin__meaning m;
    if (length >= sizeof name) {
        return NULL;
    }
    memcpy(name, item, length);
    name[length] = '\0';
    return evtwin__meaning_find(name, EVTWIN__TELEMETRY, &m) ? evtwin__schema[m.q].name : NULL;
}

/* What a list of the options is about. */
typedef struct column_list {
    const char *text, *what;
    int type;     /* that the columns are to have, -1 = as they come */
    int is_other; /* they do not matter */
} column_list;

/* Mark the fields that a list names: with a type, a misspelt name must not pass unless
 * allow_absent. */
static evtwin_status mark_listed(evtwin__csv_reader *r, const column_list *list) {
    for (const char *item = list->text; item != NULL && *item != '\0';) {
        const size_t length = strcspn(item, ",");
        const char *quantity = quantity_of(item, length);
        int is_there = 0;
        for (size_t i = 0; i < r->n_targets; i++) {
            evtwin__csv_target *target = &r->target[i];
            const int is_named = is_item(target, item, length, 1);
            is_there |= is_named;
            if (is_named && list->type >= 0) {
                target->is_listed |= 1 << list->type;
            }
            if (is_named || (quantity != NULL && target->quantity == quantity)) {
                target->is_used |= !list->is_other;
                target->is_other |= list->is_other;
            }
        }
        EVTWIN_FAIL_IF(!is_there && list->type >= 0 && !r->options.allow_absent, EVTWIN_E_NOT_FOUND,
                       "%s: %s names '%.*s', which is not in the header", r->scan.name, list->what,
                       length < 100 ? (int)length : 100, item);
        item += length + (item[length] == ',');
    }
    return EVTWIN_OK;
}

static evtwin_status mark_columns(evtwin__csv_reader *r) {
    const evtwin_csv_options *o = &r->options;
    const column_list lists[] = {{o->number_columns, "number_columns", EVTWIN_F64, 0},
                                 {o->text_columns, "text_columns", EVTWIN_TEXT, 0},
                                 {o->used_columns, "used_columns", -1, 0},
                                 {o->other_columns, "other_columns", -1, 1}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        EVTWIN_TRY(mark_listed(r, &lists[i]));
    }
    return EVTWIN_OK;
}

/* A header that has nothing to offer may not be the header. */
static evtwin_status check_header(const evtwin__csv_reader *r) {
    size_t n_named = 0, n_used = 0;
    for (size_t i = 0; i < r->n_targets; i++) {
        n_named += r->target[i].name[0] != '\0';
        n_used += (size_t)r->target[i].is_used;
    }
    if (r->n_targets == 1 || 2 * n_named < r->n_targets) {
        EVTWIN_TRY(evtwin__csv_suggest_header(r, 1, NULL));
    }
    if (r->options.used_columns != NULL && n_used == 0) {
        EVTWIN_TRY(evtwin__csv_suggest_header(r, 0, r->options.used_columns));
    }
    EVTWIN_FAIL_IF(n_named == 0, EVTWIN_E_PARSE, "%s:%zu:1: no column has a name", r->scan.name,
                   r->n_above + 1);
    return EVTWIN_OK;
}

/* ---- open and close ---- */

static evtwin_status read_header(evtwin__csv_reader *r) {
    EVTWIN_TRY(evtwin__csv_header_read(r));
    for (size_t i = 0; i < r->n_targets; i++) {
        resolve(&r->target[i]);
    }
    resolve_stand_ins(r);
    EVTWIN_TRY(mark_columns(r));
    evtwin__csv_clock_find(r);
    EVTWIN_TRY(check_header(r));
    return evtwin_csv_set_units(r, r->options.units);
}

static evtwin_status keep_time_format(evtwin__csv_reader *r) {
    if (r->options.time_format != NULL) {
        r->time_format = evtwin__strdup(r->options.time_format);
        EVTWIN_FAIL_IF(r->time_format == NULL, EVTWIN_E_NOMEM, "no memory for a time format");
    }
    return EVTWIN_OK;
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
    r->n_above = SIZE_MAX;
    r->may_rewind = may_rewind;
    evtwin_status st = keep_time_format(r);
    if (st < 0 ||
        (st = evtwin__csv_scan_open(path, taken.max_line_bytes, may_rewind, &r->scan)) < 0 ||
        (st = read_header(r)) < 0) {
        evtwin_csv_free(r);
        return st;
    }
    *out = r;
    return EVTWIN_OK;
}

void evtwin_csv_free(evtwin_csv *reader) {
    if (reader == NULL) {
        return;
    }
    evtwin__time_log(&reader->times, reader->scan.name, reader->options.naive_time);
    for (size_t i = 0; i < reader->n_targets; i++) {
        evtwin__free(reader->target[i].name);
    }
    evtwin__free(reader->target);
    evtwin__free(reader->time_format);
    evtwin__csv_scan_close(&reader->scan);
    evtwin__free(reader);
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
    EVTWIN_TRY(evtwin__csv_records_rewind(r));
    evtwin_status st = EVTWIN_OK;
    while (st == EVTWIN_OK && r->row <= rows) {
        st = evtwin__csv_records_read(r, rows + 1 - r->row);
    }
    EVTWIN_FAIL_IF(st >= 0 && r->row != rows, EVTWIN_E_IO, "%s changed while it was read",
                   r->scan.name);
    return st;
}

/* True and false were read as 1 and 0: then nothing else may stand there. */
static evtwin_status check_words(const evtwin__csv_reader *r) {
    for (size_t i = 0; i < r->n_targets; i++) {
        const evtwin__csv_target *target = &r->target[i];
        const double *value = evtwin_table_f64(r->table, target->col);
        for (size_t row = 0; target->has_words && value != NULL && row < r->row; row++) {
            EVTWIN_FAIL_IF(!isnan(value[row]) && value[row] != 0.0 && value[row] != 1.0,
                           EVTWIN_E_PARSE,
                           "%s: column '%.100s' has true or false and, in data row %zu, %g",
                           r->scan.name, target->name, row + 1, value[row]);
        }
    }
    return EVTWIN_OK;
}

int evtwin__csv_needs_scale(const evtwin__csv_target *target) {
    return target->kind == EVTWIN_F64 && target->quantity != NULL && !target->is_lenient &&
           !target->is_stated && strcmp(target->unit, "percent") == 0;
}

static evtwin_status check_scales(const evtwin__csv_reader *r) {
    for (size_t i = 0; i < r->n_targets; i++) {
        const evtwin__csv_target *target = &r->target[i];
        if (evtwin__csv_needs_scale(target)) {
            evtwin__percent seen = {0};
            evtwin__percent_add(&seen, evtwin_table_f64(r->table, target->col), r->row);
            EVTWIN_TRY(evtwin__percent_check(&seen, r->scan.name, target->name, target->quantity));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_csv_open(const char *path, const evtwin_csv_options *options,
                              evtwin_csv **out) {
    return open_reader(path, options, 1, out);
}

evtwin_status evtwin_csv_read(evtwin_csv *r, evtwin_table **out) {
    EVTWIN_FAIL_IF(r == NULL || out == NULL, EVTWIN_E_ARG, "csv or out is NULL");
    EVTWIN_FAIL_IF(r->is_read, EVTWIN_E_STATE, "%s has been read", r->scan.name);
    r->is_read = 1;
    evtwin_status st = evtwin__csv_plan_table(r);
    if (st < 0 || (st = read_all(r)) < 0 || (st = check_scales(r)) < 0 ||
        (st = check_words(r)) < 0 || (st = read_turned(r)) < 0) {
        r->times = (evtwin__time_counts){0}; /* of a table that nobody gets */
        evtwin_table_free(r->table);
        r->table = NULL;
        return st;
    }
    r->n_rows = r->row;
    *out = r->table;
    r->table = NULL;
    return EVTWIN_OK;
}

evtwin_status evtwin_table_read_csv(const char *path, const evtwin_csv_options *options,
                                    evtwin_table **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    evtwin_csv *csv = NULL;
    EVTWIN_TRY(evtwin_csv_open(path, options, &csv));
    const evtwin_status st = evtwin_csv_read(csv, out);
    evtwin_csv_free(csv);
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

const char *evtwin_csv_name(const evtwin_csv *reader, size_t i) {
    return reader != NULL && i < reader->n_targets ? reader->target[i].name : NULL;
}

/* The field as a column, for the rules of columns; a name that is there already does not matter. */
static evtwin_status add_field(evtwin_table *fields, const char *name, size_t *col_out) {
    *col_out = name[0] != '\0' ? evtwin_table_find(fields, name) : EVTWIN_NO_COLUMN;
    return *col_out != EVTWIN_NO_COLUMN || name[0] == '\0'
               ? EVTWIN_OK
               : evtwin_table_add_column(fields, name, EVTWIN_F64, NULL, col_out);
}

/* Take over what the overrides say of a field. */
static evtwin_status take_unit(evtwin__csv_target *target, const evtwin_table *fields) {
    const size_t col = evtwin_table_find(fields, target->name);
    const char *tag = evtwin_table_unit(fields, col);
    evtwin__meaning m;
    if (target->quantity == NULL || tag[0] == '\0' ||
        !evtwin__meaning_find(target->name, EVTWIN__TELEMETRY, &m)) {
        return EVTWIN_OK;
    }
    const char *ours = evtwin__schema[m.q].unit;
    target->is_stated = 1;
    target->stated = evtwin__shifted_find(tag, ours);
    if (target->stated != NULL) {
        target->unit = ours;
        return EVTWIN_OK;
    }
    const evtwin__unit *unit = evtwin__unit_find(tag, ours);
    target->unit = unit != NULL ? unit->name : target->unit;
    return evtwin_telemetry_factor(fields, col, &target->to_ours);
}

/* The rules are those of a table's columns: ask one that has the fields as columns. */
evtwin_status evtwin_csv_set_units(evtwin_csv *reader, const char *overrides) {
    EVTWIN_FAIL_IF(reader == NULL, EVTWIN_E_ARG, "csv is NULL");
    if (overrides == NULL || overrides[0] == '\0') {
        return EVTWIN_OK;
    }
    evtwin_table *fields = NULL;
    evtwin_status st = evtwin_table_create(&fields);
    for (size_t i = 0, col; st >= 0 && i < reader->n_targets; i++) {
        st = add_field(fields, reader->target[i].name, &col);
    }
    if (st >= 0 && (st = evtwin__telemetry_tag_units(fields, overrides)) < 0) {
        st = evtwin__fail_in(st, "%s", reader->scan.name);
    }
    for (size_t i = 0; st >= 0 && i < reader->n_targets; i++) {
        st = take_unit(&reader->target[i], fields);
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
        EVTWIN_TRY(evtwin__csv_plan_known(reader, i, table));
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
