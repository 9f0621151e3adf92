/* SPDX-License-Identifier: MIT */
/* core/csv_read.c: the upper layer of reading CSV: a whole file becomes a table. */

#include "evtwin/table.h"
#include "evtwin/telemetry.h"

#include "core/csv.h"
#include "core/csv_record.h"
#include "core/status.h"
#include "core/table.h"

#include <math.h>
#include <string.h>

/* ---- options ---- */

static const size_t max_line_limit = (size_t)1 << 30;
static const size_t max_columns_limit = (size_t)1 << 20;

static evtwin_csv_options default_options(void) {
    return (evtwin_csv_options){.size = sizeof(evtwin_csv_options),
                                .naive_time = EVTWIN_NAIVE_UTC,
                                .max_line_bytes = 65536,
                                .max_columns = 256};
}

evtwin_status evtwin_csv_options_init(evtwin_csv_options *options, size_t size) {
    if (options == NULL || size < sizeof options->size) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "options is NULL or its size %zu is too small", size);
    }
    const evtwin_csv_options defaults = default_options();
    evtwin__report_copy(options, size, &defaults, sizeof defaults);
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_options_take(const evtwin_csv_options *options, evtwin_csv_options *out) {
    evtwin_csv_options taken = default_options();
    if (options != NULL) {
        if (options->size < sizeof options->size) {
            EVTWIN_FAIL(EVTWIN_E_ARG, "options has size %zu: use evtwin_csv_options_init",
                        options->size);
        }
        evtwin__options_copy(&taken, sizeof taken, options, options->size);
    }
    if ((int)taken.naive_time < EVTWIN_NAIVE_UTC || (int)taken.naive_time > EVTWIN_NAIVE_REJECT) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "naive_time %d is none", (int)taken.naive_time);
    }
    if (taken.max_line_bytes < 1 || taken.max_line_bytes > max_line_limit) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "max_line_bytes %zu is not in 1 to %zu", taken.max_line_bytes,
                    max_line_limit);
    }
    if (taken.max_columns < 1 || taken.max_columns > max_columns_limit) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "max_columns %zu is not in 1 to %zu", taken.max_columns,
                    max_columns_limit);
    }
    *out = taken;
    return EVTWIN_OK;
}

/* ---- lists of column names ---- */

/* The item at *list_io, which moves behind it; NULL at the end. */
static const char *next_item(const char **list_io, size_t *length_out) {
    const char *item = *list_io;
    if (item == NULL || *item == '\0') {
        return NULL;
    }
    *length_out = strcspn(item, ",");
    *list_io = item + *length_out + (item[*length_out] == ',');
    return item;
}

static int is_listed(const char *list, const char *name) {
    size_t length;
    for (const char *item; (item = next_item(&list, &length)) != NULL;) {
        if (strlen(name) == length && memcmp(item, name, length) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Every name of a list is in the header: a misspelt one must not pass. */
static evtwin_status check_list(const evtwin__csv_records *r, const char *list, const char *what) {
    size_t length;
    for (const char *item; (item = next_item(&list, &length)) != NULL;) {
        size_t i = 0;
        while (i < r->n_targets && (strlen(r->target[i].name) != length ||
                                    memcmp(item, r->target[i].name, length) != 0)) {
            i++;
        }
        if (i == r->n_targets) {
            EVTWIN_FAIL(EVTWIN_E_NOT_FOUND, "%s: %s names '%.*s', which is not in the header",
                        r->scan.name, what, length < 100 ? (int)length : 100, item);
        }
    }
    return EVTWIN_OK;
}

/* ---- columns ---- */

static evtwin_type type_of(evtwin__csv_kind kind) {
    switch (kind) {
    case EVTWIN__CSV_I64:
        return EVTWIN_I64;
    case EVTWIN__CSV_TIME:
        return EVTWIN_TIME;
    case EVTWIN__CSV_BOOL:
        return EVTWIN_BOOL;
    case EVTWIN__CSV_TEXT:
        return EVTWIN_TEXT;
    default:
        return EVTWIN_F64;
    }
}

static evtwin__csv_kind kind_of(evtwin_type type) {
    static const evtwin__csv_kind kinds[] = {[EVTWIN_F64] = EVTWIN__CSV_F64,
                                             [EVTWIN_I64] = EVTWIN__CSV_I64,
                                             [EVTWIN_TIME] = EVTWIN__CSV_TIME,
                                             [EVTWIN_BOOL] = EVTWIN__CSV_BOOL,
                                             [EVTWIN_TEXT] = EVTWIN__CSV_TEXT};
    return kinds[type];
}

/* What a column is: as the options say, else as its telemetry quantity says, else f64 until a text
 * turns up. */
static evtwin_status plan_column(evtwin__csv_target *target, const evtwin_csv_options *options,
                                 evtwin_table *table) {
    size_t quantity;
    const char *unit = "";
    evtwin_quantity known = {0};
    const int is_quantity =
        evtwin_quantity_find(target->name, &quantity, &unit, NULL) == EVTWIN_OK &&
        evtwin_quantity_get(quantity, &known, sizeof known) == EVTWIN_OK &&
        known.kind == EVTWIN_KIND_TELEMETRY;
    const int is_number = is_listed(options->number_columns, target->name);
    const int is_text = is_listed(options->text_columns, target->name);
    if (is_number && is_text) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "column '%.100s' is in number_columns and in text_columns",
                    target->name);
    }
    target->kind = EVTWIN__CSV_F64;
    if (is_text) {
        target->kind = EVTWIN__CSV_TEXT;
        unit = "";
    } else if (is_quantity && (!is_number || known.type == EVTWIN_I64)) {
        target->kind = kind_of(known.type);
        target->may_be_real = 1;
    } else if (!is_number) {
        target->is_inferred = 1;
    }
    return evtwin_table_add_column(table, target->name, type_of(target->kind),
                                   is_quantity ? unit : "", &target->col);
}

static evtwin_status plan(evtwin__csv_records *r, const evtwin_csv_options *options) {
    evtwin_status st = check_list(r, options->number_columns, "number_columns");
    if (st >= 0) {
        st = check_list(r, options->text_columns, "text_columns");
    }
    for (size_t i = 0; st >= 0 && i < r->n_targets; i++) {
        st = plan_column(&r->target[i], options, r->table);
    }
    return st;
}

/* ---- rows ---- */

enum { SAMPLE_ROWS = 1000 };

/* After some rows the others can be estimated from the size of the file; a first part that is not
 * typical must not cost more than twice the file. */
static evtwin_status reserve_rest(evtwin__csv_records *r) {
    const size_t rows = r->row;
    const size_t sampled_bytes = (size_t)(r->scan.at - r->scan.buffer);
    if (rows == 0 || sampled_bytes >= r->scan.file_size) {
        return EVTWIN_OK;
    }
    const double estimate = (double)rows / (double)sampled_bytes * (double)r->scan.file_size;
    const double limit = 2.0 * (double)r->scan.file_size / (8.0 * (double)r->n_targets);
    return evtwin_table_reserve(r->table, (size_t)fmin(estimate * 1.01, limit) + SAMPLE_ROWS);
}

static evtwin_status read_all(evtwin__csv_records *r) {
    evtwin_status st = evtwin__csv_records_read(r, SAMPLE_ROWS);
    if (st == EVTWIN_OK) {
        st = reserve_rest(r);
    }
    while (st == EVTWIN_OK) {
        st = evtwin__csv_records_read(r, SIZE_MAX);
    }
    if (st < 0) {
        return st;
    }
    if (r->row == 0) {
        EVTWIN_FAIL(EVTWIN_E_DATA, "%s has a header and no rows", r->scan.name);
    }
    return evtwin_table_resize(r->table, r->row);
}

/* Columns whose first text came after numbers are read once more, all others are passed over. */
static evtwin_status read_turned(evtwin__csv_records *r) {
    int is_needed = 0;
    evtwin_status st = EVTWIN_OK;
    for (size_t i = 0; st >= 0 && i < r->n_targets; i++) {
        evtwin__csv_target *target = &r->target[i];
        target->kind = EVTWIN__CSV_SKIP;
        if (target->is_turned) {
            is_needed = 1;
            target->kind = EVTWIN__CSV_TEXT;
            st = evtwin__table_retype(r->table, target->col, EVTWIN_TEXT);
        }
    }
    if (st < 0 || !is_needed) {
        return st;
    }
    const size_t rows = r->row;
    r->row = 0;
    if ((st = evtwin__csv_records_rewind(r)) < 0) {
        return st;
    }
    while (st == EVTWIN_OK && r->row <= rows) {
        st = evtwin__csv_records_read(r, rows + 1 - r->row);
    }
    if (st >= 0 && r->row != rows) {
        EVTWIN_FAIL(EVTWIN_E_IO, "%s changed while it was read", r->scan.name);
    }
    return st;
}

evtwin_status evtwin_table_read_csv(const char *path, const evtwin_csv_options *options,
                                    evtwin_table **out) {
    if (path == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "path or out is NULL");
    }
    evtwin_csv_options taken;
    evtwin_status st = evtwin__csv_options_take(options, &taken);
    evtwin__csv_scan scan;
    if (st < 0 || (st = evtwin__csv_scan_open(path, taken.max_line_bytes, 1, &scan)) < 0) {
        return st;
    }
    evtwin__csv_records records;
    if ((st = evtwin__csv_records_open(&scan, taken.max_columns, &records)) < 0) {
        return st;
    }
    records.naive_time = taken.naive_time;
    if ((st = evtwin_table_create(&records.table)) >= 0 && (st = plan(&records, &taken)) >= 0 &&
        (st = read_all(&records)) >= 0 && (st = read_turned(&records)) >= 0) {
        evtwin__csv_records_tell(&records);
        *out = records.table;
        records.table = NULL;
        st = EVTWIN_OK;
    }
    evtwin_table_free(records.table);
    evtwin__csv_records_close(&records);
    return st;
}
