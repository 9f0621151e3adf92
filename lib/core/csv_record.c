/* SPDX-License-Identifier: MIT */
/* core/csv_record.c: the middle layer of reading CSV: a header, and records that go into columns.
 */

#include "core/csv_record.h"

#include "core/csv_clock.h"
#include "core/csv_dialect.h"
#include "core/csv_field.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/table.h"
#include "core/utf8.h"

#include <string.h>

enum {
    BLOCK_ROWS = 1024, /* the table grows by this many rows: its new missing values are still in
                          cache when they are overwritten */
};

/* ---- header ---- */

/* Is there a blank that is not ASCII at c: a no-break one, as pages have, or a second byte-order
 * mark? Its length, else 0. */
static size_t wide_blank(const char *c, size_t length) {
    return length >= 2 && memcmp(c, "\xC2\xA0", 2) == 0       ? 2
           : length >= 3 && memcmp(c, "\xEF\xBB\xBF", 3) == 0 ? 3
                                                              : 0;
}

/* The name without blanks of any kind around it. */
static evtwin__csv_field trimmed_name(const evtwin__csv_field *field) {
    evtwin__csv_field f = evtwin__csv_trimmed(field);
    for (size_t n; (n = wide_blank(f.text, f.length)) > 0; f = evtwin__csv_trimmed(&f)) {
        f.text += n;
        f.length -= n;
    }
    while (f.length >= 2 && wide_blank(f.text + f.length - 2, 2) > 0) {
        f.length -= 2;
        f = evtwin__csv_trimmed(&f);
    }
    return f;
}

/* A file of which only some columns are used may have names that cannot be read. */
static evtwin_status mend_name(const evtwin__csv_reader *r, char *name) {
    if (evtwin__utf8_is_valid(name, strlen(name))) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(r->options.used_columns == NULL, EVTWIN_E_PARSE,
                   "%s:%zu:%zu: the column's name is not UTF-8: save the file as UTF-8",
                   EVTWIN__CSV_AT(r, r->n_targets));
    for (char *c = name; *c != '\0'; c++) {
        *c = (unsigned char)*c >= 0x80 ? '?' : *c;
    }
    return EVTWIN_OK;
}

static evtwin_status add_target(evtwin__csv_reader *r, const evtwin__csv_field *field) {
    const size_t n = r->n_targets;
    EVTWIN_FAIL_IF(n == r->options.max_columns, EVTWIN_E_PARSE,
                   "%s:%zu:%zu: the header has more than %zu columns", EVTWIN__CSV_AT(r, n + 1),
                   r->options.max_columns);
    if (n % 64 == 0) {
        evtwin__csv_target *target = evtwin__realloc(r->target, n + 64, sizeof *target);
        EVTWIN_FAIL_IF(target == NULL, EVTWIN_E_NOMEM, "%s: no memory for %zu columns",
                       r->scan.name, n + 64);
        r->target = target;
    }
    const evtwin__csv_field f = trimmed_name(field);
    char *name = evtwin__strndup(f.text, f.length);
    EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_NOMEM, "%s: no memory for a name", r->scan.name);
    r->target[n] = (evtwin__csv_target){.name = name, .kind = EVTWIN__CSV_SKIP};
    r->n_targets++;
    return mend_name(r, name);
}

/* The line that was taken for the header may not be it. */
static evtwin_status fail_header(evtwin__csv_reader *r) {
    EVTWIN_TRY(evtwin__csv_suggest_header(r, 0, NULL));
    const int is_json = *r->scan.at == '{' || *r->scan.at == '[';
    EVTWIN_FAIL(EVTWIN_E_PARSE, "%s:%zu:%zu: %s%s", EVTWIN__CSV_AT(r, r->n_targets + 1),
                r->scan.problem, is_json ? " (JSON? records are read by jsonl:FILE)" : "");
}

evtwin_status evtwin__csv_header_read(evtwin__csv_reader *r) {
    evtwin__csv_scan *scan = &r->scan;
    EVTWIN_FAIL_IF(scan->at == scan->end, EVTWIN_E_DATA, "%s is empty", scan->name);
    EVTWIN_TRY(evtwin__csv_go_to_header(r));
    const char *c = scan->at;
    evtwin__csv_next next = EVTWIN__CSV_FIELD;
    while (next != EVTWIN__CSV_END) {
        const size_t offset = (size_t)(c - scan->at), n_inner = scan->n_inner;
        r->header_offset = (size_t)(scan->at - scan->buffer);
        r->header_fills = scan->n_fills;
        evtwin__csv_field field;
        next = evtwin__csv_scan_field(scan, &c, &field);
        EVTWIN_TRY(next == EVTWIN__CSV_BAD   ? fail_header(r)
                   : next == EVTWIN__CSV_CUT ? evtwin__csv_scan_fill(scan)
                                             : add_target(r, &field));
        if (next == EVTWIN__CSV_CUT) { /* this field again, where it lies now */
            c = scan->at + offset;
            scan->n_inner = n_inner;
        }
    }
    return evtwin__csv_scan_advance(scan, c);
}

evtwin_status evtwin__csv_records_rewind(evtwin__csv_reader *r) {
    r->row = 0;
    r->first_empty_line = 0;
    evtwin__csv_clock_begin(r);
    EVTWIN_TRY(evtwin__csv_scan_rewind(&r->scan));
    EVTWIN_TRY(evtwin__csv_go_to_header(r));
    return evtwin__csv_records_skip(r);
}

/* ---- records ---- */

/* The number at c, in quotes or not, and where it ends; NULL if there is none. */
static const char *scan_number(const char *c, const char *end, double *out) {
    if (*c != '"') {
        return evtwin__scan_f64(c, end, out);
    }
    c = evtwin__scan_f64(c + 1, end, out);
    return c != NULL && *c == '"' ? c + 1 : NULL;
}

/* Store the fields from *i_io on while they are plain numbers or empty, which nearly all are, for
 * f64 columns. Returns where that ends; *next_io becomes END if the record ended there. */
static const char *store_numbers(evtwin__csv_reader *r, const char *c, size_t *i_io,
                                 evtwin__csv_next *next_io) {
    const evtwin__csv_target *target = r->target;
    const char *end = r->scan.end, delimiter = r->scan.delimiter;
    const size_t n = r->decimal == '.' ? r->n_targets : 0, row = r->row;
    size_t i = *i_io;
    for (; i < n && target[i].kind == EVTWIN_F64; i++, c++) {
        if (*c == delimiter) {
            continue;
        }
        double v;
        const char *behind = scan_number(c, end, &v);
        if (behind == NULL || (*behind != delimiter && *behind != '\n')) {
            break;
        }
        target[i].f64[row] = evtwin__csv_stored(&target[i], v);
        c = behind;
        if (*c == '\n') {
            *next_io = EVTWIN__CSV_END;
            i++;
            c++;
            break;
        }
    }
    *i_io = i;
    return c;
}

/* A record of n fields where the header has another number of them, other than empty fields at the
 * end. */
static evtwin_status check_width(const evtwin__csv_reader *r, size_t n, size_t n_filled) {
    if (n_filled <= r->n_targets && n >= r->n_targets) {
        return EVTWIN_OK;
    }
    size_t i = n;
    while (i < r->n_targets && r->target[i].name[0] == '\0') {
        i++;
    }
    if (n < r->n_targets && i == r->n_targets) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__csv_suggest_header(r, 0, NULL));
    const char *advice = "";
    if (*r->scan.at == '#') {
        advice = ": lines of comment are not read, take them out";
    } else if (n == 1) {
        advice = ": if it is a line of text among the rows, take it out";
    } else if (n == r->n_targets + 1 && r->row == 0) {
        advice = ": if the first is the name of the row (R writes it), give it one in the header";
    } else if (n > r->n_targets && r->scan.delimiter == ',') {
        advice = ": numbers with a decimal comma need quotes where commas separate the fields";
    }
    EVTWIN_FAIL(EVTWIN_E_PARSE, "%s:%zu:%zu: the row has %zu fields, the header %zu%s",
                EVTWIN__CSV_AT(r, n), n, r->n_targets, advice);
}

/* A value of a record was refused, and field i of it, if next is not its end, is at c: that the
 * record has another width says more than what came of it. Returns st where it has not. */
static evtwin_status explain(evtwin__csv_reader *r, const char *c, size_t i, evtwin__csv_next next,
                             evtwin_status st) {
    size_t n_filled = 0;
    for (; next == EVTWIN__CSV_FIELD; i++) {
        evtwin__csv_field field;
        next = evtwin__csv_scan_field(&r->scan, &c, &field);
        n_filled = i + 1 > r->n_targets && field.length > 0 ? i + 1 : n_filled;
    }
    r->scan.n_inner = 0;
    if (next != EVTWIN__CSV_END || i == r->n_targets) {
        return st;
    }
    EVTWIN_TRY(check_width(r, i, n_filled));
    return st;
}

/* Store the record at scan.at; *next_out is what stopped it: END, CUT or (with a failure) BAD. */
static evtwin_status read_record(evtwin__csv_reader *r, evtwin__csv_next *next_out) {
    const char *c = r->scan.at;
    evtwin__csv_next next = EVTWIN__CSV_FIELD;
    size_t i = 0, n_filled = 0; /* fields up to the last that is beyond the header and not empty */
    r->scan.n_inner = 0;
    r->times_here = (evtwin__time_counts){0};
    for (;;) {
        c = store_numbers(r, c, &i, &next);
        if (next == EVTWIN__CSV_END) {
            break;
        }
        evtwin__csv_field field;
        next = evtwin__csv_scan_field(&r->scan, &c, &field);
        if (next == EVTWIN__CSV_CUT) {
            *next_out = next;
            return EVTWIN_OK;
        }
        EVTWIN_FAIL_IF(next == EVTWIN__CSV_BAD, EVTWIN_E_PARSE, "%s:%zu:%zu: %s",
                       EVTWIN__CSV_AT(r, i + 1), r->scan.problem);
        const evtwin_status st =
            i < r->n_targets ? evtwin__csv_field_store(r, i, &field) : EVTWIN_OK;
        i++;
        EVTWIN_TRY(st == EVTWIN_E_PARSE ? explain(r, c, i, next, st) : st);
        n_filled = i > r->n_targets && field.length > 0 ? i : n_filled;
        if (next == EVTWIN__CSV_END) {
            break;
        }
    }
    EVTWIN_TRY(i != r->n_targets ? check_width(r, i, n_filled) : EVTWIN_OK);
    EVTWIN_TRY(evtwin__csv_clock_check(r));
    *next_out = next;
    return evtwin__csv_scan_advance(&r->scan, c);
}

/* Note where the f64 columns lie. */
static void find_columns(evtwin__csv_reader *r) {
    for (size_t i = 0; i < r->n_targets; i++) {
        evtwin__csv_target *target = &r->target[i];
        if (target->kind == EVTWIN_F64) {
            target->f64 = evtwin_table_f64_edit(r->table, target->col);
        }
    }
}

/* Room for the record at row, in blocks of what is still wanted; columns may move. */
static evtwin_status make_room(evtwin__csv_reader *r, size_t n_wanted) {
    if (r->row < evtwin_table_rows(r->table)) {
        return EVTWIN_OK;
    }
    const size_t block = n_wanted < BLOCK_ROWS ? n_wanted : BLOCK_ROWS;
    EVTWIN_TRY(evtwin_table_resize(r->table, r->row + block));
    find_columns(r);
    return EVTWIN_OK;
}

int evtwin__csv_skip_empty_line(evtwin__csv_reader *r) {
    const char *c = r->scan.at;
    const size_t length = c[0] == '\n' ? 1 : c[0] == '\r' && c[1] == '\n' ? 2 : 0;
    if (length == 0 || r->n_targets == 1) {
        return 0;
    }
    if (r->first_empty_line == 0) {
        r->first_empty_line = r->scan.line;
    }
    r->scan.at += length;
    r->scan.line++;
    return 1;
}

evtwin_status evtwin__csv_records_skip(evtwin__csv_reader *r) {
    evtwin__csv_scan *scan = &r->scan;
    if (r->first_empty_line != 0) { /* only the empty lines were wrong: they are behind us */
        r->first_empty_line = 0;
        return EVTWIN_OK;
    }
    for (;;) {
        const char *c = scan->at;
        evtwin__csv_next next = EVTWIN__CSV_FIELD;
        evtwin__csv_field field;
        scan->n_inner = 0;
        while (next == EVTWIN__CSV_FIELD) {
            next = evtwin__csv_scan_field(scan, &c, &field);
        }
        evtwin_status st = EVTWIN_E_PARSE;
        if (next == EVTWIN__CSV_END) {
            st = evtwin__csv_scan_advance(scan, c);
        } else if (next == EVTWIN__CSV_CUT && (st = evtwin__csv_scan_fill(scan)) >= 0) {
            continue;
        }
        return st == EVTWIN_E_PARSE ? evtwin__csv_scan_skip_line(scan) : st;
    }
}

evtwin_status evtwin__csv_records_read(evtwin__csv_reader *r, size_t max_records) {
    const size_t first = r->row;
    evtwin_status st = EVTWIN_OK;
    find_columns(r);
    while (r->row - first < max_records) {
        evtwin__csv_next next = EVTWIN__CSV_CUT;
        const char *record = r->scan.at;
        const size_t line = r->scan.line;
        if (r->scan.at != r->scan.end) {
            if (evtwin__csv_skip_empty_line(r)) {
                continue;
            }
            const size_t n_wanted = max_records - (r->row - first);
            EVTWIN_TRY(r->is_decided ? EVTWIN_OK : evtwin__csv_decide_decimal(r));
            EVTWIN_TRY(make_room(r, n_wanted));
            EVTWIN_TRY(r->is_decided ? read_record(r, &next) : EVTWIN_OK);
        } else if (r->scan.is_last) {
            return EVTWIN_DONE;
        }
        if (next == EVTWIN__CSV_END) {
            if (r->first_empty_line != 0) {
                r->scan.at = record;
                r->scan.line = r->first_empty_line;
                st = evtwin__fail(EVTWIN_E_PARSE,
                                  "%s:%zu:%zu: the line is empty, but more rows follow",
                                  EVTWIN__CSV_AT(r, 1));
                r->scan.line = line;
                return st;
            }
            r->row++;
            r->times.n_naive += r->times_here.n_naive;
            r->times.n_twice += r->times_here.n_twice;
            continue;
        }
        if (r->row > first) {
            return EVTWIN_OK; /* what is there must not wait for what is not */
        }
        EVTWIN_TRY(evtwin__csv_scan_fill(&r->scan));
    }
    return EVTWIN_OK;
}
