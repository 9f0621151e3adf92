/* SPDX-License-Identifier: MIT */
/* core/csv_record.c: the middle layer of reading CSV: a header, and records that go into columns.
 */

#include "core/csv_record.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/table.h"
#include "core/text.h"
#include "core/time.h"
#include "core/utf8.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    BLOCK_ROWS = 1024, /* the table grows by this many rows: its new missing values are still in
                          cache when they are overwritten */
    QUOTE_BYTES = 40   /* of a field in an error text */
};

/* "%s:%zu:%zu: ": a field (from 1) of the record at scan.at. */
#define AT(r, field) (r)->scan.name, (r)->scan.line, (size_t)(field)

/* ---- header ---- */

static evtwin_status add_target(evtwin__csv_reader *r, const evtwin__csv_field *field,
                                size_t max_columns) {
    const size_t n = r->n_targets;
    EVTWIN_FAIL_IF(n == max_columns, EVTWIN_E_PARSE,
                   "%s:%zu:%zu: the header has more than %zu columns", AT(r, n + 1), max_columns);
    EVTWIN_FAIL_IF(field->length == 0, EVTWIN_E_PARSE, "%s:%zu:%zu: the column has no name",
                   AT(r, n + 1));
    EVTWIN_FAIL_IF(!evtwin__utf8_is_valid(field->text, field->length), EVTWIN_E_PARSE,
                   "%s:%zu:%zu: the column's name is not UTF-8", AT(r, n + 1));
    if (n % 64 == 0) {
        evtwin__csv_target *target = evtwin__realloc(r->target, n + 64, sizeof *target);
        EVTWIN_FAIL_IF(target == NULL, EVTWIN_E_NOMEM, "%s: no memory for %zu columns",
                       r->scan.name, n + 64);
        r->target = target;
    }
    char *name = evtwin__strndup(field->text, field->length);
    EVTWIN_FAIL_IF(name == NULL, EVTWIN_E_NOMEM, "%s: no memory for a name", r->scan.name);
    r->target[n] = (evtwin__csv_target){.name = name, .kind = EVTWIN__CSV_SKIP};
    r->n_targets++;
    for (size_t i = 0; i < n; i++) {
        EVTWIN_FAIL_IF(strcmp(r->target[i].name, name) == 0, EVTWIN_E_PARSE,
                       "%s:%zu:%zu: duplicate column '%.100s': it is also column %zu", AT(r, n + 1),
                       name, i + 1);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_header_read(evtwin__csv_reader *r, size_t max_columns) {
    evtwin__csv_scan *scan = &r->scan;
    EVTWIN_FAIL_IF(scan->at == scan->end, EVTWIN_E_DATA, "%s is empty", scan->name);
    const char *c = scan->at;
    evtwin__csv_next next = EVTWIN__CSV_FIELD;
    while (next != EVTWIN__CSV_END) {
        const size_t offset = (size_t)(c - scan->at), n_inner = scan->n_inner;
        evtwin__csv_field field;
        next = evtwin__csv_scan_field(scan, &c, &field);
        EVTWIN_FAIL_IF(next == EVTWIN__CSV_BAD, EVTWIN_E_PARSE, "%s:%zu:%zu: %s",
                       AT(r, r->n_targets + 1), scan->problem);
        EVTWIN_TRY(next == EVTWIN__CSV_CUT ? evtwin__csv_scan_fill(scan)
                                           : add_target(r, &field, max_columns));
        if (next == EVTWIN__CSV_CUT) { /* this field again, where it lies now */
            c = scan->at + offset;
            scan->n_inner = n_inner;
        }
    }
    return evtwin__csv_scan_advance(scan, c);
}

/* ---- one field ---- */

/* EVTWIN_E_PARSE that quotes the field, at least how it begins. */
static evtwin_status fail_value(const evtwin__csv_reader *r, size_t i,
                                const evtwin__csv_field *field, const char *problem) {
    const int is_long = field->length > QUOTE_BYTES;
    EVTWIN_FAIL(EVTWIN_E_PARSE, "%s:%zu:%zu: '%.*s%s' %s (column '%.100s')", AT(r, i + 1),
                is_long ? QUOTE_BYTES : (int)field->length, field->text, is_long ? "..." : "",
                problem, r->target[i].name);
}

/* A spelling of infinity or "not a number", in any case, with or without a sign. */
static int is_nan_or_inf(const evtwin__csv_field *field) {
    static const char *const spellings[] = {"nan", "inf", "infinity", "1.#qnan", "1.#inf"};
    const char *text = field->text;
    size_t length = field->length;
    if (length > 0 && (*text == '-' || *text == '+')) {
        text++;
        length--;
    }
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        if (evtwin__text_is_word(text, length, spellings[i])) {
            return 1;
        }
    }
    return 0;
}

/* A field that should be a number and is not. */
static evtwin_status fail_number(const evtwin__csv_reader *r, size_t i,
                                 const evtwin__csv_field *field) {
    const char *problem = "is not a number";
    if (is_nan_or_inf(field)) {
        problem = "is not a number: leave the field empty if the value is missing";
    } else if (field->text[0] == ' ' || field->text[field->length - 1] == ' ') {
        problem = "is not a number: there must be no blanks around it";
    }
    return fail_value(r, i, field, problem);
}

static evtwin_status store_text(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    int32_t code;
    const evtwin_status st =
        evtwin__table_intern(r->table, r->target[i].col, field->text, field->length, &code);
    EVTWIN_FAIL_IF(st == EVTWIN_E_ARG, EVTWIN_E_PARSE,
                   "%s:%zu:%zu: the text is not UTF-8 (column '%.100s')", AT(r, i + 1),
                   r->target[i].name);
    return st < 0 ? st : evtwin_table_set_code(r->table, r->target[i].col, r->row, code);
}

/* A text in a column that held only numbers so far makes it a text column. */
static evtwin_status turn_to_text(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    evtwin__csv_target *target = &r->target[i];
    size_t first = 0;
    while (first < r->row && isnan(target->f64[first])) {
        first++;
    }
    if (first < r->row) { /* numbers have been stored: the text they were is to be read again */
        target->kind = EVTWIN__CSV_SKIP;
        target->is_turned = 1;
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__table_retype(r->table, target->col, EVTWIN_TEXT));
    target->kind = EVTWIN_TEXT;
    return store_text(r, i, field);
}

static evtwin_status store_f64(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    evtwin__csv_target *target = &r->target[i];
    double v;
    if (evtwin__parse_f64(field->text, field->length, &v)) {
        target->f64[r->row] = evtwin__scale(v, target->factor);
        return EVTWIN_OK;
    }
    if (!target->is_inferred || is_nan_or_inf(field)) {
        return fail_number(r, i, field);
    }
    return turn_to_text(r, i, field);
}

/* An integer column with a value that is not an integer becomes f64, in place: what was stored is
 * as exact as if it had been read as f64, both being the double nearest to the integer. */
static void turn_to_f64(evtwin__csv_reader *r, evtwin__csv_target *target) {
    double *value = r->table->column[target->col].data;
    for (size_t row = 0; row < evtwin_table_rows(r->table); row++) {
        value[row] = evtwin_table_number(r->table, target->col, row);
    }
    r->table->column[target->col].type = EVTWIN_F64;
    target->kind = EVTWIN_F64;
    target->f64 = evtwin_table_f64_edit(r->table, target->col);
}

static evtwin_status store_i64(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    evtwin__csv_target *target = &r->target[i];
    int64_t n;
    double v;
    if (!evtwin__parse_i64(field->text, field->length, &n)) {
        if (!evtwin__parse_f64(field->text, field->length, &v)) {
            return fail_number(r, i, field);
        }
        const int fits = fabs(v) < 0x1p63;
        if (target->may_be_real && !(fits && floor(v) == v)) {
            turn_to_f64(r, target);
            return store_f64(r, i, field);
        }
        if (!fits) {
            return fail_value(r, i, field, "is too large for an integer");
        }
        n = (int64_t)floor(v);
    }
    return evtwin_table_set_i64(r->table, target->col, r->row, n);
}

static evtwin_status store_time(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    const evtwin__time_rule rule = {evtwin__header_time_format(r->target[i].name),
                                    r->options.naive_time};
    int64_t time_us;
    evtwin__time_kind kind;
    const evtwin_status st = evtwin__time_read(field->text, field->length, &rule, &time_us, &kind);
    if (st < 0) {
        return evtwin__fail_in(st, "%s:%zu:%zu: column '%.100s'", r->scan.name, r->scan.line, i + 1,
                               r->target[i].name);
    }
    r->n_naive_here += kind != EVTWIN__TIME_EXACT;
    return evtwin_table_set_i64(r->table, r->target[i].col, r->row, time_us);
}

static evtwin_status store_bool(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    static const struct {
        const char *text;
        int value;
    } spellings[] = {{"0", 0}, {"1", 1}, {"false", 0}, {"true", 1}, {"0.0", 0}, {"1.0", 1}};
    for (size_t k = 0; k < sizeof spellings / sizeof *spellings; k++) {
        if (evtwin__text_is_word(field->text, field->length, spellings[k].text)) {
            return evtwin_table_set_bool(r->table, r->target[i].col, r->row, spellings[k].value);
        }
    }
    return fail_value(r, i, field, "is neither true nor false");
}

/* An empty field is a missing value, which is what the row holds already; "" is the empty string.
 */
static evtwin_status store(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    const int kind = r->target[i].kind;
    if (kind == EVTWIN__CSV_SKIP ||
        (field->length == 0 && !(kind == EVTWIN_TEXT && field->is_quoted))) {
        return EVTWIN_OK;
    }
    static evtwin_status (*const store_as[])(evtwin__csv_reader *, size_t,
                                             const evtwin__csv_field *) = {
        [EVTWIN_F64] = store_f64,   [EVTWIN_I64] = store_i64,   [EVTWIN_TIME] = store_time,
        [EVTWIN_BOOL] = store_bool, [EVTWIN_TEXT] = store_text,
    };
    return store_as[kind](r, i, field);
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
    const char *end = r->scan.end;
    const size_t n = r->n_targets, row = r->row;
    size_t i = *i_io;
    for (; i < n && target[i].kind == EVTWIN_F64; i++, c++) {
        if (*c == ',') {
            continue;
        }
        double v;
        const char *behind = scan_number(c, end, &v);
        if (behind == NULL || (*behind != ',' && *behind != '\n')) {
            break;
        }
        target[i].f64[row] = evtwin__scale(v, target[i].factor);
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

/* Store the record at scan.at; *next_out is what stopped it: END, CUT or (with a failure) BAD. */
static evtwin_status read_record(evtwin__csv_reader *r, evtwin__csv_next *next_out) {
    const char *c = r->scan.at;
    evtwin__csv_next next = EVTWIN__CSV_FIELD;
    size_t i = 0;
    r->scan.n_inner = 0;
    r->n_naive_here = 0;
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
        EVTWIN_FAIL_IF(next == EVTWIN__CSV_BAD, EVTWIN_E_PARSE, "%s:%zu:%zu: %s", AT(r, i + 1),
                       r->scan.problem);
        EVTWIN_TRY(i < r->n_targets ? store(r, i, &field) : EVTWIN_OK);
        i++;
        if (next == EVTWIN__CSV_END) {
            break;
        }
    }
    EVTWIN_FAIL_IF(i != r->n_targets, EVTWIN_E_PARSE,
                   "%s:%zu:%zu: the row has %zu fields, the header %zu", AT(r, i), i, r->n_targets);
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

/* Pass over empty lines, which are fine at the end of the file only; in a file of one column they
 * are records. Returns 1 if it did. */
static int skip_empty_line(evtwin__csv_reader *r) {
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
            if (skip_empty_line(r)) {
                continue;
            }
            const size_t n_wanted = max_records - (r->row - first);
            EVTWIN_TRY(make_room(r, n_wanted));
            EVTWIN_TRY(read_record(r, &next));
        } else if (r->scan.is_last) {
            return EVTWIN_DONE;
        }
        if (next == EVTWIN__CSV_END) {
            if (r->first_empty_line != 0) {
                r->scan.at = record;
                r->scan.line = r->first_empty_line;
                st = evtwin__fail(EVTWIN_E_PARSE,
                                  "%s:%zu:%zu: the line is empty, but more rows follow", AT(r, 1));
                r->scan.line = line;
                return st;
            }
            r->row++;
            r->n_naive += r->n_naive_here;
            continue;
        }
        if (r->row > first) {
            return EVTWIN_OK; /* what is there must not wait for what is not */
        }
        EVTWIN_TRY(evtwin__csv_scan_fill(&r->scan));
    }
    return EVTWIN_OK;
}
