/* SPDX-License-Identifier: MIT */
/* core/csv_copy.c: write a CSV file once more, byte for byte, with further columns behind each
 * record. */

#include "core/csv_record.h"
#include "core/file.h"
#include "core/status.h"
#include "core/text.h"

#include <string.h>

enum { FLUSH_BYTES = 1 << 18 }; /* text goes to the file in pieces of about this size */

typedef struct copy {
    evtwin__csv_reader *reader;
    const evtwin_table *added;
    evtwin__text text;
    evtwin__writer *writer;
    const char *line_end; /* that of the header */
} copy;

static evtwin_status put(copy *c, const char *data, size_t size) {
    evtwin__text_add(&c->text, data, size);
    EVTWIN_FAIL_IF(c->text.is_failed, EVTWIN_E_NOMEM, "no memory for a record");
    return EVTWIN_OK;
}

static evtwin_status flush(copy *c, size_t at_least) {
    if (c->text.size < at_least) {
        return EVTWIN_OK;
    }
    const size_t size = c->text.size;
    c->text.size = 0;
    return evtwin__writer_write(c->writer, c->text.data, size);
}

/* What is above the header: a byte-order mark, lines. */
static evtwin_status copy_lines_above(copy *c) {
    evtwin__csv_scan *scan = &c->reader->scan;
    EVTWIN_TRY(evtwin__csv_scan_rewind(scan));
    EVTWIN_TRY(scan->has_mark ? put(c, "\xEF\xBB\xBF", 3) : EVTWIN_OK);
    while (scan->line <= c->reader->n_above) {
        const char *newline = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));
        const char *end = newline != NULL ? newline + 1 : scan->end;
        EVTWIN_TRY(put(c, scan->at, (size_t)(end - scan->at)));
        scan->at = end;
        scan->line += newline != NULL;
        EVTWIN_FAIL_IF(newline == NULL && scan->is_last, EVTWIN_E_IO,
                       "%s changed while it was read", scan->name);
        EVTWIN_TRY(newline == NULL ? evtwin__csv_scan_fill(scan) : EVTWIN_OK);
    }
    return flush(c, FLUSH_BYTES);
}

/* Append the fields of the record at scan.at as they stand, all that the header has and added does
 * not. END, CUT or BAD; *behind_out is where it ends. */
static evtwin__csv_next copy_fields(copy *c, const char **behind_out, size_t *n_out,
                                    evtwin_status *status) {
    evtwin__csv_reader *r = c->reader;
    const char *at = r->scan.at;
    evtwin__csv_next next = EVTWIN__CSV_FIELD;
    size_t n_kept = 0;
    r->scan.n_inner = 0;
    *n_out = 0;
    for (; next == EVTWIN__CSV_FIELD; ++*n_out) {
        const char *field = at;
        evtwin__csv_field unused;
        next = evtwin__csv_scan_field(&r->scan, &at, &unused);
        if (next > EVTWIN__CSV_END) {
            return next;
        }
        const char *end = at;
        end -= next == EVTWIN__CSV_FIELD || (end > field && end[-1] == '\n');
        end -= next == EVTWIN__CSV_END && end > field && end[-1] == '\r' && *end == '\n';
        if (*n_out < r->n_targets && !r->target[*n_out].is_replaced) {
            *status = n_kept++ > 0 ? put(c, &r->scan.delimiter, 1) : EVTWIN_OK;
            *status = *status < 0 ? *status : put(c, field, (size_t)(end - field));
        }
    }
    *behind_out = at;
    return next;
}

/* A record lacks fields that have no name: they are empty. */
static evtwin_status pad(copy *c, size_t n) {
    for (; n < c->reader->n_targets; n++) {
        EVTWIN_TRY(put(c, &c->reader->scan.delimiter, 1));
    }
    return EVTWIN_OK;
}

/* The record at scan.at, with what is added in that row (SIZE_MAX: the names). */
static evtwin_status copy_record(copy *c, size_t row) {
    evtwin__csv_reader *r = c->reader;
    const size_t size = c->text.size;
    for (;;) {
        const char *behind = NULL;
        size_t n;
        evtwin_status st = EVTWIN_OK;
        const evtwin__csv_next next = copy_fields(c, &behind, &n, &st);
        EVTWIN_TRY(st);
        EVTWIN_FAIL_IF(next == EVTWIN__CSV_BAD, EVTWIN_E_IO, "%s changed while it was read",
                       r->scan.name);
        if (next == EVTWIN__CSV_CUT) {
            c->text.size = size;
            EVTWIN_TRY(evtwin__csv_scan_fill(&r->scan));
            continue;
        }
        EVTWIN_TRY(pad(c, n));
        if (row == SIZE_MAX) {
            c->line_end = behind - r->scan.at >= 2 && behind[-2] == '\r' ? "\r\n" : "\n";
        }
        /* a file of nothing but replaced columns: no delimiter before the first */
        const size_t kept = c->text.size;
        EVTWIN_TRY(
            evtwin__csv_append_cells(c->added, row, r->scan.delimiter, r->decimal, &c->text));
        if (kept == size && r->n_replaced == r->n_targets) {
            memmove(c->text.data + size, c->text.data + size + 1, --c->text.size - size);
        }
        EVTWIN_TRY(put(c, c->line_end, strlen(c->line_end)));
        EVTWIN_TRY(flush(c, FLUSH_BYTES));
        return evtwin__csv_scan_advance(&r->scan, behind);
    }
}

static evtwin_status copy_records(copy *c) {
    evtwin__csv_reader *r = c->reader;
    for (size_t row = 0; row < r->n_rows;) {
        EVTWIN_FAIL_IF(r->scan.at == r->scan.end && r->scan.is_last, EVTWIN_E_IO,
                       "%s changed while it was read", r->scan.name);
        if (r->scan.at == r->scan.end) {
            EVTWIN_TRY(evtwin__csv_scan_fill(&r->scan));
        } else if (!evtwin__csv_skip_empty_line(r)) {
            EVTWIN_TRY(copy_record(c, row));
            row++;
        }
    }
    return flush(c, 1);
}

/* The columns of the file that added has too. */
static void mark_replaced(copy *c) {
    evtwin__csv_reader *r = c->reader;
    r->n_replaced = 0;
    for (size_t i = 0; i < r->n_targets; i++) {
        evtwin__csv_target *target = &r->target[i];
        target->is_replaced = target->name[0] != '\0' &&
                              evtwin_table_find(c->added, target->name) != EVTWIN_NO_COLUMN;
        r->n_replaced += (size_t)target->is_replaced;
    }
}

evtwin_status evtwin_csv_write(evtwin_csv *csv, const evtwin_table *added, const char *path) {
    EVTWIN_FAIL_IF(csv == NULL || added == NULL || path == NULL, EVTWIN_E_ARG,
                   "csv, added or path is NULL");
    EVTWIN_FAIL_IF(!csv->is_read, EVTWIN_E_STATE, "%s has not been read yet", csv->scan.name);
    EVTWIN_FAIL_IF(evtwin_table_rows(added) != csv->n_rows, EVTWIN_E_ARG,
                   "%s has %zu rows, the columns to add %zu", csv->scan.name, csv->n_rows,
                   evtwin_table_rows(added));
    copy c = {.reader = csv, .added = added, .line_end = "\n"};
    EVTWIN_TRY(evtwin__writer_open(path, &c.writer));
    mark_replaced(&c);
    evtwin_status st = copy_lines_above(&c);
    st = st < 0 ? st : copy_record(&c, SIZE_MAX);
    st = st < 0 ? st : copy_records(&c);
    evtwin__text_free(&c.text);
    if (st < 0) {
        evtwin__writer_abandon(c.writer);
        return st;
    }
    return evtwin__writer_commit(c.writer);
}
