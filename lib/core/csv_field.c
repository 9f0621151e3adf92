/* SPDX-License-Identifier: MIT */
/* core/csv_field.c: one field of a CSV record that goes into its column. */

#include "core/csv_field.h"

#include "core/csv_dialect.h"
#include "core/csv_words.h"
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
    QUOTE_BYTES = 40,   /* of a field in an error text */
    NUMBER_BYTES = 512, /* no number with a decimal comma is longer */
    TIME_BYTES = 64     /* … and no time that is one */
};

static int is_blank(char c) {
    return c == ' ' || c == '\t';
}

evtwin__csv_field evtwin__csv_trimmed(const evtwin__csv_field *field) {
    evtwin__csv_field f = *field;
    while (f.length > 0 && is_blank(f.text[0])) {
        f.text++;
        f.length--;
    }
    while (f.length > 0 && is_blank(f.text[f.length - 1])) {
        f.length--;
    }
    return f;
}

/* EVTWIN_E_PARSE that quotes the field, at least how it begins. */
static evtwin_status fail_value(const evtwin__csv_reader *r, size_t i,
                                const evtwin__csv_field *field, const char *problem) {
    const int is_long = field->length > QUOTE_BYTES;
    EVTWIN_FAIL(EVTWIN_E_PARSE, "%s:%zu:%zu: '%.*s%s' %s (column '%.100s')",
                EVTWIN__CSV_AT(r, i + 1), is_long ? QUOTE_BYTES : (int)field->length, field->text,
                is_long ? "..." : "", problem, r->target[i].name);
}

/* A spelling of infinity, in any case, with or without a sign. */
static int is_infinity(const evtwin__csv_field *field) {
    const int is_signed = field->length > 0 && (*field->text == '-' || *field->text == '+');
    const char *text = field->text + is_signed;
    const size_t length = field->length - (size_t)is_signed;
    return evtwin__text_is_word(text, length, "inf") ||
           evtwin__text_is_word(text, length, "infinity") ||
           evtwin__text_is_word(text, length, "1.#inf") ||
           evtwin__text_is_word(text, length, "1.#qnan");
}

/* The number of a field with its decimal sign, blanks around it or not. */
static int parse_number(const evtwin__csv_reader *r, const evtwin__csv_field *field, double *out) {
    const evtwin__csv_field f = evtwin__csv_trimmed(field);
    if (r->decimal != ',') {
        return evtwin__parse_f64(f.text, f.length, out);
    }
    char text[NUMBER_BYTES];
    if (f.length > sizeof text || memchr(f.text, '.', f.length) != NULL) {
        return 0;
    }
    memcpy(text, f.text, f.length);
    char *comma = memchr(text, ',', f.length);
    if (comma != NULL) {
        *comma = '.';
    }
    return evtwin__parse_f64(text, f.length, out);
}

static int has_digit(const evtwin__csv_field *f) {
    size_t i = 0;
    while (i < f->length && !(f->text[i] >= '0' && f->text[i] <= '9')) {
        i++;
    }
    return i < f->length;
}

/* Is the record at scan.at the first one, and does none of its fields begin with a digit? */
static int is_row_of_words(const evtwin__csv_reader *r) {
    const char *c = r->scan.at, *end = r->scan.end;
    int is_start = 1;
    while (r->row == 0 && c < end && *c != '\n' && !(is_start && *c >= '0' && *c <= '9')) {
        is_start = *c == r->scan.delimiter || strchr("\" +-.,", *c) != NULL;
        c++;
    }
    return r->row == 0 && c < end && *c == '\n';
}

/* A field that should be a number and is not. */
static evtwin_status fail_number(const evtwin__csv_reader *r, size_t i,
                                 const evtwin__csv_field *field) {
    const evtwin__csv_field f = evtwin__csv_trimmed(field);
    const char *problem = "is not a number: leave the field empty if the value is missing";
    if (evtwin__text_is_word(f.text, f.length, r->target[i].name)) {
        problem = "is the header again, not a number: of joined files keep the first header only";
    } else if (is_row_of_words(r)) {
        problem = "is not a number: if the row below the header gives units, take it out";
    } else if (is_infinity(&f)) {
        problem = "is not a number: leave the field empty if the value is missing";
    } else if (r->decimal == ',' && memchr(f.text, '.', f.length) != NULL) {
        problem = "is not a number: the decimal sign is ',', and nothing may separate thousands; "
                  "if it is the point, say so with option decimal=.";
    } else if (evtwin__csv_may_be_thousands(f.text, f.length, ',')) {
        problem = "is not a number: nothing may separate thousands; if the comma is the decimal "
                  "sign, say so with option decimal=,";
    } else if (evtwin__csv_is_decimal(f.text, f.length, ',')) {
        problem = "is not a number: if the comma is the decimal sign, say so with option "
                  "decimal=,";
    } else if (memchr(f.text, ',', f.length) != NULL &&
               strspn(f.text, "0123456789.,+-") >= f.length) {
        problem = "is not a number: nothing may separate thousands";
    } else if (evtwin__parse_bool(f.text, f.length) >= 0) {
        problem = "is not a number, and true and false are none here";
    } else if (r->target[i].takes_words) {
        problem = "is not a number: a label is 0 or 1, or true or false, empty if it is missing";
    } else if (has_digit(&f)) {
        problem = "is not a number: write it alone, in decimal digits, without a unit, a sign of "
                  "percent or currency, or anything between the digits";
    }
    return fail_value(r, i, field, problem);
}

static evtwin_status store_text(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    int32_t code;
    const evtwin_status st =
        evtwin__table_intern(r->table, r->target[i].col, field->text, field->length, &code);
    if (st == EVTWIN_E_ARG && r->target[i].is_lenient) {
        return EVTWIN_OK; /* missing: nobody uses it */
    }
    EVTWIN_FAIL_IF(st == EVTWIN_E_ARG, EVTWIN_E_PARSE,
                   "%s:%zu:%zu: the text is not UTF-8 (column '%.100s')", EVTWIN__CSV_AT(r, i + 1),
                   r->target[i].name);
    return st < 0 ? st : evtwin_table_set_code(r->table, r->target[i].col, r->row, code);
}

/* Does a row before this one have a value in the column? */
static int has_values(const evtwin__csv_reader *r, const evtwin__csv_target *target) {
    size_t row = 0;
    while (row < r->row &&
           !(target->kind == EVTWIN_F64 ? !isnan(target->f64[row])
                                        : evtwin_table_is_valid(r->table, target->col, row))) {
        row++;
    }
    return row < r->row;
}

/* A text in a column that held only other values so far makes it a text column. */
static evtwin_status turn_to_text(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    evtwin__csv_target *target = &r->target[i];
    if (has_values(r, target)) { /* the text they were is to be read again */
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
    if (parse_number(r, field, &v)) {
        target->f64[r->row] = evtwin__csv_stored(target, v);
        return EVTWIN_OK;
    }
    const evtwin__csv_field f = evtwin__csv_trimmed(field);
    const int value = target->takes_words ? evtwin__parse_bool(f.text, f.length) : -1;
    if (value >= 0) {
        target->has_words = 1;
        target->f64[r->row] = value;
        return EVTWIN_OK;
    }
    if (!target->is_inferred || (is_infinity(&f) && !target->is_lenient)) {
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
        if (!parse_number(r, field, &v)) {
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
        const char *quantity = target->quantity;
        if (floor(v) != v && quantity != NULL &&
            strcmp(quantity, evtwin__schema[EVTWIN__Q_SEQ].name) == 0) {
            return fail_value(r, i, field, "is not a whole number"); /* records would be one */
        }
        n = (int64_t)floor(v);
    }
    return evtwin_table_set_i64(r->table, target->col, r->row, n);
}

/* Seconds since 1970 are a number, which has the decimal sign of the file; a time that has other
 * signs in it is read as it stands, and so is one whose format has a comma. */
static evtwin__csv_field with_point(const evtwin__csv_reader *r, const char *format,
                                    evtwin__csv_field f, char text[TIME_BYTES]) {
    if (r->decimal == ',' && (format == NULL || strchr(format, ',') == NULL) &&
        f.length < TIME_BYTES && evtwin__csv_is_decimal(f.text, f.length, ',')) {
        memcpy(text, f.text, f.length);
        *(char *)memchr(text, ',', f.length) = '.';
        f.text = text;
    }
    return f;
}

static evtwin_status store_time(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    char text[TIME_BYTES];
    const evtwin__time_rule rule = {
        r->time_format != NULL ? r->time_format : r->target[i].time_format, r->options.naive_time};
    const evtwin__csv_field f = with_point(r, rule.format, evtwin__csv_trimmed(field), text);
    int64_t time_us;
    evtwin__time_kind kind;
    if (rule.format == NULL && evtwin__time_is_ambiguous(f.text, f.length)) {
        return fail_value(
            r, i, &f,
            "may be a date, or seconds since 1970, 1904 or 1900: say which with option "
            "time_format: %Y%m%d%H, %y%m%d%H%M or %s (seconds since 1970)");
    }
    const evtwin_status st = evtwin__time_read(f.text, f.length, &rule, &time_us, &kind);
    if (st < 0) {
        return evtwin__fail_in(st, "%s:%zu:%zu: column '%.100s'%s", r->scan.name, r->scan.line,
                               i + 1, r->target[i].name,
                               rule.format == NULL ? " (see option time_format)" : "");
    }
    evtwin__time_count(&r->times_here, kind);
    return evtwin_table_set_i64(r->table, r->target[i].col, r->row, time_us);
}

static evtwin_status store_bool(evtwin__csv_reader *r, size_t i, const evtwin__csv_field *field) {
    const evtwin__csv_field f = evtwin__csv_trimmed(field);
    const int value = evtwin__parse_bool(f.text, f.length);
    if (value < 0) {
        return fail_value(r, i, field, "is neither true nor false (true/false, t/f, yes/no, 1/0)");
    }
    return evtwin_table_set_bool(r->table, r->target[i].col, r->row, value);
}

/* Is the field a missing value? In a column of text "" is the empty string, and a word in quotes is
 * that word. */
static int is_missing(const evtwin__csv_target *target, const evtwin__csv_field *field) {
    const int may_be_text =
        target->kind == EVTWIN_TEXT || target->is_inferred || target->is_lenient;
    if (field->length == 0) {
        return !(target->kind == EVTWIN_TEXT && field->is_quoted);
    }
    if (field->is_quoted && may_be_text) {
        return 0;
    }
    if (evtwin__is_missing_word(field->text, field->length)) {
        return 1;
    }
    const evtwin__csv_field f = evtwin__csv_trimmed(field);
    return f.length < field->length && target->kind != EVTWIN_TEXT &&
           evtwin__is_missing_word(f.text, f.length);
}

evtwin_status evtwin__csv_field_store(evtwin__csv_reader *r, size_t i,
                                      const evtwin__csv_field *field) {
    evtwin__csv_target *target = &r->target[i];
    if (target->kind == EVTWIN__CSV_SKIP) {
        (void)(i == r->clock && parse_number(r, field, &r->clock_here));
        return EVTWIN_OK;
    }
    if (is_missing(target, field)) {
        return EVTWIN_OK;
    }
    static evtwin_status (*const store_as[])(evtwin__csv_reader *, size_t,
                                             const evtwin__csv_field *) = {
        [EVTWIN_F64] = store_f64,   [EVTWIN_I64] = store_i64,   [EVTWIN_TIME] = store_time,
        [EVTWIN_BOOL] = store_bool, [EVTWIN_TEXT] = store_text,
    };
    const evtwin_status st = store_as[target->kind](r, i, field);
    if (st != EVTWIN_E_PARSE || !target->is_lenient) {
        return st;
    }
    const int is_time = target->kind == EVTWIN_TIME;
    evtwin__log(is_time ? EVTWIN_LOG_WARNING : EVTWIN_LOG_INFO, "%s; the column is taken as text%s",
                evtwin_last_error(), is_time ? ", and rows keep the order of the file" : "");
    return turn_to_text(r, i, field);
}
