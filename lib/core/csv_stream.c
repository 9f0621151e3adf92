/* SPDX-License-Identifier: MIT */
/* core/csv_stream.c: the upper layer of reading CSV: batches of rows for the columns a table has.
 */

#include "evtwin/telemetry.h"

#include "core/csv.h"
#include "core/csv_record.h"
#include "core/mem.h"
#include "core/status.h"
#include "core/table.h"

#include <string.h>

/* Which telemetry quantity a field of the header is. */
typedef struct meaning {
    const char *quantity; /* our name, NULL = none */
    double factor;        /* ours = factor * read */
} meaning;

struct evtwin__csv_reader {
    evtwin__csv_records records;
    meaning *meaning; /* one for each field of the header */
    int is_refused;   /* the record that comes next, as was told: to be passed over */
};

void evtwin__csv_reader_free(evtwin__csv_reader *reader) {
    if (reader != NULL) {
        evtwin__csv_records_tell(&reader->records);
        evtwin__csv_records_close(&reader->records);
        evtwin__free(reader->meaning);
        evtwin__free(reader);
    }
}

static meaning find_meaning(const char *header) {
    size_t index;
    meaning found = {.factor = 1.0};
    evtwin_quantity quantity;
    if (evtwin_quantity_find(header, &index, NULL, &found.factor) == EVTWIN_OK &&
        evtwin_quantity_get(index, &quantity, sizeof quantity) == EVTWIN_OK &&
        quantity.kind == EVTWIN_KIND_TELEMETRY) {
        found.quantity = quantity.name;
    }
    return found;
}

evtwin_status evtwin__csv_reader_open(const char *path, const evtwin_csv_options *options,
                                      evtwin__csv_reader **out) {
    if (path == NULL || out == NULL) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "path or out is NULL");
    }
    evtwin_csv_options taken;
    evtwin_status st = evtwin__csv_options_take(options, &taken);
    evtwin__csv_scan scan;
    if (st < 0 || (st = evtwin__csv_scan_open(path, taken.max_line_bytes, 0, &scan)) < 0) {
        return st;
    }
    evtwin__csv_records records;
    if ((st = evtwin__csv_records_open(&scan, taken.max_columns, &records)) < 0) {
        return st;
    }
    evtwin__csv_reader *reader = evtwin__calloc(1, sizeof *reader);
    meaning *found = evtwin__calloc(records.n_targets, sizeof *found);
    if (reader == NULL || found == NULL) {
        evtwin__free(reader);
        evtwin__free(found);
        evtwin__csv_records_close(&records);
        EVTWIN_FAIL(EVTWIN_E_NOMEM, "%s: no memory for a reader", path);
    }
    reader->records = records;
    reader->records.naive_time = taken.naive_time;
    reader->meaning = found;
    for (size_t i = 0; i < records.n_targets; i++) {
        found[i] = find_meaning(records.target[i].name);
    }
    *out = reader;
    return EVTWIN_OK;
}

const char *evtwin__csv_reader_name(const evtwin__csv_reader *reader, size_t i) {
    return i < reader->records.n_targets ? reader->records.target[i].name : NULL;
}

/* The rules are those of a table's columns: ask one that has the fields as columns. */
evtwin_status evtwin__csv_reader_set_units(evtwin__csv_reader *reader, const char *overrides) {
    const evtwin__csv_records *r = &reader->records;
    evtwin_table *fields = NULL;
    evtwin_status st = evtwin_table_create(&fields);
    for (size_t i = 0; st >= 0 && i < r->n_targets; i++) {
        st = evtwin_table_add_column(fields, r->target[i].name, EVTWIN_F64, NULL, NULL);
    }
    if (st >= 0 && (st = evtwin_telemetry_override_units(fields, overrides)) < 0) {
        st = evtwin__fail_in(st, "%s", r->scan.name);
    }
    for (size_t i = 0; st >= 0 && i < r->n_targets; i++) {
        st = evtwin_telemetry_factor(fields, i, &reader->meaning[i].factor);
    }
    evtwin_table_free(fields);
    return st;
}

static evtwin__csv_kind kind_of(evtwin_type type) {
    switch (type) {
    case EVTWIN_F64:
        return EVTWIN__CSV_F64;
    case EVTWIN_I64:
        return EVTWIN__CSV_I64;
    case EVTWIN_TIME:
        return EVTWIN__CSV_TIME;
    case EVTWIN_BOOL:
        return EVTWIN__CSV_BOOL;
    case EVTWIN_TEXT:
        return EVTWIN__CSV_TEXT;
    }
    return EVTWIN__CSV_SKIP;
}

/* Aim one field at its column of the table, if there is one. */
static evtwin_status aim(evtwin__csv_reader *reader, size_t i, const evtwin_table *table) {
    evtwin__csv_target *target = &reader->records.target[i];
    const meaning *m = &reader->meaning[i];
    *target = (evtwin__csv_target){.name = target->name, .factor = 1.0};
    target->col = evtwin_table_find(table, target->name);
    int is_ours = m->quantity != NULL && strcmp(m->quantity, target->name) == 0;
    if (target->col == EVTWIN_NO_COLUMN && m->quantity != NULL) {
        target->col = evtwin_table_find(table, m->quantity);
        is_ours = 1;
    }
    target->factor = is_ours ? m->factor : 1.0;
    if (target->col == EVTWIN_NO_COLUMN) {
        return EVTWIN_OK;
    }
    target->kind = kind_of(evtwin_table_type(table, target->col));
    if (target->kind != EVTWIN__CSV_F64 && target->factor != 1.0) {
        EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: column '%.100s' has to be multiplied by %g for '%s'",
                    reader->records.scan.name, target->name, target->factor, m->quantity);
    }
    for (size_t k = 0; k < i; k++) {
        const evtwin__csv_target *other = &reader->records.target[k];
        if (other->kind != EVTWIN__CSV_SKIP && other->col == target->col) {
            EVTWIN_FAIL(EVTWIN_E_SCHEMA, "%s: columns '%.100s' and '%.100s' are both '%s'",
                        reader->records.scan.name, other->name, target->name,
                        evtwin_table_name(table, target->col));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_reader_next(evtwin__csv_reader *reader, size_t max_rows,
                                      evtwin_table *table) {
    if (reader == NULL || max_rows == 0) {
        EVTWIN_FAIL(EVTWIN_E_ARG, "reader is NULL or max_rows is 0");
    }
    const size_t first = evtwin_table_rows(table);
    evtwin_status st = evtwin__table_check_edit(table);
    for (size_t i = 0; st >= 0 && i < reader->records.n_targets; i++) {
        st = aim(reader, i, table);
    }
    if (st < 0) {
        return st;
    }
    if (reader->is_refused && (st = evtwin__csv_records_skip(&reader->records)) < 0) {
        return st;
    }
    reader->is_refused = 0;
    reader->records.table = table;
    reader->records.row = first;
    st = evtwin__csv_records_read(&reader->records, max_rows);
    reader->records.table = NULL;

    /* give the rows before a failure first: it comes again with the next call */
    const size_t last = reader->records.row;
    const evtwin_status resized = evtwin_table_resize(table, last); /* shrinking does not fail */
    if (resized < 0 || last > first) {
        return resized;
    }
    reader->is_refused = st == EVTWIN_E_PARSE;
    return st < 0 ? st : EVTWIN_DONE;
}
