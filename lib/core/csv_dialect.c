/* SPDX-License-Identifier: MIT */
/* core/csv_dialect.c: how a CSV file is written: what separates fields, which sign is the decimal
 * one, where the header is. */

#include "core/csv_dialect.h"

#include "core/schema.h"
#include "core/status.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

static const char candidates[] = ",;\t|"; /* that a header line decides between */

enum {
    N_CANDIDATES = sizeof candidates - 1,
    JUDGED_LINES = 20,   /* below the header */
    SEARCHED_LINES = 50, /* for a header further down */
    NAME_BYTES = 100     /* no name of the schema is longer */
};

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* ---- options ---- */

static int can_delimit(char c) {
    return c == '\t' || (c >= ' ' && c <= '~' && !is_digit(c) && strchr("\"+-.", c) == NULL &&
                         !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'));
}

evtwin_status evtwin__csv_dialect_check(const evtwin_csv_options *o) {
    EVTWIN_FAIL_IF(o->delimiter != '\0' && !can_delimit(o->delimiter), EVTWIN_E_ARG,
                   "byte %d is not a valid delimiter of CSV", (unsigned char)o->delimiter);
    EVTWIN_FAIL_IF(o->decimal != '\0' && o->decimal != '.' && o->decimal != ',', EVTWIN_E_ARG,
                   "byte %d is not a valid decimal sign: it is '.' or ','",
                   (unsigned char)o->decimal);
    return EVTWIN_OK;
}

/* ---- lines of the window ---- */

/* Where the line at c ends: its line break, or end. A break inside quotes is passed over if
 * may_span.
 */
static const char *line_end(const char *c, const char *end, int may_span) {
    int is_quoted = 0;
    for (; c < end && (*c != '\n' || (is_quoted && may_span)); c++) {
        is_quoted ^= *c == '"';
    }
    return c;
}

/* Fields of the line, of which there is at least one. */
static size_t count_fields(const char *c, const char *end, char delimiter) {
    size_t n = 1;
    int is_quoted = 0;
    for (; c < end; c++) {
        is_quoted ^= *c == '"';
        n += *c == delimiter && !is_quoted;
    }
    return n;
}

/* The next field of a line without its quotes and the blanks around it; 0 behind the last. */
static int next_field(const char **c_io, const char *end, char delimiter, const char **text_out,
                      size_t *length_out) {
    const char *c = *c_io;
    if (c > end) {
        return 0;
    }
    const char *first = c;
    for (int is_quoted = 0; c < end && (*c != delimiter || is_quoted); c++) {
        is_quoted ^= *c == '"';
    }
    *c_io = c + 1;
    while (first < c && (*first == ' ' || *first == '"')) {
        first++;
    }
    while (first < c && (c[-1] == ' ' || c[-1] == '"' || c[-1] == '\r')) {
        c--;
    }
    *text_out = first;
    *length_out = (size_t)(c - first);
    return 1;
}

/* Read until the window has n whole lines, or the end of the file, or as much as a record may be.
 */
static evtwin_status have_lines(evtwin__csv_scan *scan, size_t n) {
    for (;;) {
        const char *c = scan->at;
        size_t k = 0;
        while (k < n && (c = line_end(c, scan->end, 1)) < scan->end) {
            c++;
            k++;
        }
        if (k == n || scan->is_last ||
            (k > 0 && (size_t)(scan->end - scan->at) > scan->max_line_bytes)) {
            return EVTWIN_OK;
        }
        EVTWIN_TRY(evtwin__csv_scan_fill(scan));
    }
}

/* ---- the delimiter ---- */

/* Do the lines below the header, as far as the window has them, have as many fields as it? */
static int fits_rows(const evtwin__csv_scan *scan, const char *rows, size_t n_fields,
                     char delimiter) {
    const char *c = rows;
    for (int i = 0; i < JUDGED_LINES && c < scan->end; i++) {
        const char *end = line_end(c, scan->end, 1);
        const int is_whole = end < scan->end || scan->is_last;
        const int is_empty = end == c || (end == c + 1 && *c == '\r');
        if (is_whole && !is_empty && count_fields(c, end, delimiter) != n_fields) {
            return 0;
        }
        c = end + 1;
    }
    return 1;
}

/* Does the window have a row with such a sign, or no row at all? */
static int occurs_in_rows(const evtwin__csv_scan *scan, const char *rows, char delimiter) {
    return rows == scan->end || memchr(rows, delimiter, (size_t)(scan->end - rows)) != NULL;
}

/* "%.*s" of a sign in a text: a tab as the word that the option delimiter takes. */
#define SIGN(c) (c) == '\t' ? 3 : 1, (c) == '\t' ? "tab" : &(c)

static evtwin_status find_delimiter(evtwin__csv_scan *scan, char *out) {
    EVTWIN_TRY(have_lines(scan, 1));
    size_t n_fields[N_CANDIDATES], n_present = 0;
    char present = ',', fitting[N_CANDIDATES + 1] = "";
    const char *end = line_end(scan->at, scan->end, 1);
    for (size_t i = 0; i < N_CANDIDATES; i++) {
        n_fields[i] = count_fields(scan->at, end, candidates[i]);
        n_present += n_fields[i] > 1;
        present = n_fields[i] > 1 ? candidates[i] : present;
    }
    if (n_present <= 1 && present == ',') {
        *out = ',';
        return EVTWIN_OK;
    }

    /* several, or a name that may have such a sign in it: the rows tell */
    if (n_present > 1) {
        const size_t offset = (size_t)(end - scan->at);
        EVTWIN_TRY(have_lines(scan, 2));
        end = scan->at + offset;
    }
    const char *rows = end < scan->end ? end + 1 : scan->end;
    size_t n_fitting = 0;
    for (size_t i = 0; i < N_CANDIDATES; i++) {
        if (n_fields[i] > 1 && fits_rows(scan, rows, n_fields[i], candidates[i])) {
            fitting[n_fitting++] = candidates[i];
        }
    }
    EVTWIN_FAIL_IF(n_fitting > 1, EVTWIN_E_PARSE,
                   "%s:%zu:1: fields may be separated by '%.*s' or by '%.*s': say which with "
                   "option delimiter",
                   scan->name, scan->line, SIGN(fitting[0]), SIGN(fitting[1]));
    *out = n_fitting == 1                                          ? fitting[0]
           : n_present == 1 && occurs_in_rows(scan, rows, present) ? present
                                                                   : ',';
    return EVTWIN_OK;
}

/* ---- to the header ---- */

/* "sep=;", which Excel reads and writes: the sign, 0 if the line is another. */
static char separator_line(const evtwin__csv_scan *scan) {
    const char *c = scan->at;
    const size_t length = (size_t)(line_end(c, scan->end, 0) - c);
    const int is_one = (length == 5 || (length == 6 && c[5] == '\r')) &&
                       evtwin__text_is_word(c, 4, "sep=") && can_delimit(c[4]);
    return is_one ? c[4] : '\0';
}

static evtwin_status decide_delimiter(evtwin__csv_reader *r, char separator) {
    char delimiter = r->options.delimiter != '\0' ? r->options.delimiter : separator;
    if (delimiter == '\0') {
        EVTWIN_TRY(find_delimiter(&r->scan, &delimiter));
        r->is_recognised = delimiter != ',';
    }
    evtwin__csv_scan_delimit(&r->scan, delimiter);
    r->decimal = r->options.decimal != '\0' ? r->options.decimal : delimiter == ',' ? '.' : '\0';
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_go_to_header(evtwin__csv_reader *r) {
    evtwin__csv_scan *scan = &r->scan;
    for (size_t i = 0; i < r->options.skip_lines; i++) {
        EVTWIN_TRY(evtwin__csv_scan_skip_line(scan));
    }
    if (scan->at < scan->end || !scan->is_last) {
        EVTWIN_TRY(have_lines(scan, 1));
    }
    EVTWIN_FAIL_IF(scan->at == scan->end && r->options.skip_lines > 0, EVTWIN_E_DATA,
                   "%s has nothing below the %zu lines to skip", scan->name, r->options.skip_lines);
    const char separator = separator_line(scan);
    if (separator != '\0') {
        EVTWIN_TRY(evtwin__csv_scan_skip_line(scan));
    }
    const int is_first = r->n_above == SIZE_MAX;
    r->n_above = scan->line - 1;
    return is_first ? decide_delimiter(r, separator) : EVTWIN_OK;
}

/* ---- a header further down ---- */

typedef struct look {
    size_t n_fields, n_known, n_numbers, n_empty;
} look;

/* Is the name an item of the comma-separated list? */
static int is_listed(const char *name, size_t length, const char *list) {
    for (const char *item = list; item != NULL && *item != '\0';) {
        const size_t n = strcspn(item, ",");
        if (n == length && memcmp(item, name, n) == 0) {
            return 1;
        }
        item += n + (item[n] == ',');
    }
    return 0;
}

/* What the line looks like with that delimiter; names (NULL = none) are known beside the schema's.
 */
static look look_at(const char *c, const char *end, char delimiter, const char *names) {
    look l = {0};
    const char *text;
    size_t length;
    for (; next_field(&c, end, delimiter, &text, &length); l.n_fields++) {
        char name[NAME_BYTES + 1];
        evtwin__meaning meaning;
        l.n_empty += length == 0;
        l.n_numbers += length > 0 && (is_digit(text[0]) || is_digit(text[length - 1])) &&
                       strspn(text, "0123456789+-.,eE") >= length;
        if (length > 0 && length <= NAME_BYTES) {
            memcpy(name, text, length);
            name[length] = '\0';
            l.n_known += strlen(name) == length &&
                         (evtwin__meaning_find(name, EVTWIN__ALL_KINDS, &meaning) ||
                          is_listed(name, length, names));
        }
    }
    return l;
}

typedef struct line {
    const char *text, *end;
} line;

/* Are these a header and its first row? By names of the schema or, unless only_known, by a row of
 * words above a row with numbers, both wider or narrower than what was taken for the header. */
static int is_header(line here, line below, line taken, char delimiter, int only_known,
                     const char *names) {
    const look l = look_at(here.text, here.end, delimiter, names);
    if (l.n_fields < 2 || l.n_fields != count_fields(below.text, below.end, delimiter)) {
        return 0;
    }
    return l.n_known >= 2 || (!only_known && l.n_numbers == 0 && l.n_empty == 0 &&
                              l.n_fields != count_fields(taken.text, taken.end, delimiter) &&
                              look_at(below.text, below.end, delimiter, NULL).n_numbers > 0);
}

evtwin_status evtwin__csv_suggest_header(const evtwin__csv_reader *r, int only_known,
                                         const char *names) {
    const evtwin__csv_scan *scan = &r->scan;
    if (scan->n_fills != r->header_fills) {
        return EVTWIN_OK; /* the window has moved on */
    }
    line taken = {.text = scan->buffer + r->header_offset};
    taken.end = line_end(taken.text, scan->end, 0);
    if (look_at(taken.text, taken.end, scan->delimiter, names).n_known > 0) {
        return EVTWIN_OK;
    }
    const size_t first = r->n_above + 1;
    line here = taken;
    for (size_t n = first + 1; n < first + SEARCHED_LINES && here.end < scan->end; n++) {
        here.text = here.end + 1;
        here.end = line_end(here.text, scan->end, 0);
        line below = {.text = here.end < scan->end ? here.end + 1 : scan->end};
        below.end = line_end(below.text, scan->end, 0);
        for (size_t i = 0; i < N_CANDIDATES && below.text < below.end; i++) {
            EVTWIN_FAIL_IF(is_header(here, below, taken, candidates[i], only_known, names),
                           EVTWIN_E_PARSE,
                           "%s:%zu:1: line %zu looks like the header: skip the lines above it with "
                           "option skip_lines=%zu",
                           scan->name, first, n, n - 1);
        }
    }
    return EVTWIN_OK;
}

/* ---- the decimal sign ---- */

int evtwin__csv_is_decimal(const char *text, size_t length, char sign) {
    const char *c = text, *end = text + length;
    size_t n_signs = 0;
    c += c < end && (*c == '-' || *c == '+');
    for (; c < end && (is_digit(*c) || *c == sign); c++) {
        n_signs += *c == sign;
    }
    if (c < end && (*c | 0x20) == 'e') { /* an exponent has no such sign */
        c++;
        c += c < end && (*c == '-' || *c == '+');
        while (c < end && is_digit(*c)) {
            c++;
        }
    }
    return c == end && n_signs == 1 && length > 1;
}

int evtwin__csv_may_be_thousands(const char *text, size_t length, char sign) {
    const char *c = text, *end = text + length;
    c += c < end && (*c == '-' || *c == '+');
    size_t n = 0;
    for (; c < end && is_digit(*c) && n < 4; c++, n++) {
        if (n == 0 && *c == '0') {
            return 0;
        }
    }
    if (n == 0 || n > 3 || c == end) {
        return 0;
    }
    for (; c < end; c += 4) {
        if (end - c < 4 || c[0] != sign || !is_digit(c[1]) || !is_digit(c[2]) || !is_digit(c[3])) {
            return 0;
        }
    }
    return 1;
}

/* What the fields of one kind tell. */
typedef struct evidence {
    char comma[24], point[24];        /* an example of each, "" = none */
    int is_certain, is_point_certain; /* one that cannot separate thousands */
} evidence;

/* Keep the field as an example of a sign, a certain one rather than another. */
static void weigh_sign(const char *text, size_t length, char sign, char example[24],
                       int *is_certain_io) {
    const int is_certain = !evtwin__csv_may_be_thousands(text, length, sign);
    if (example[0] == '\0' || (is_certain && !*is_certain_io)) {
        snprintf(example, 24, "%.*s", length < 24 ? (int)length : 23, text);
    }
    *is_certain_io |= is_certain;
}

static void weigh(const char *text, size_t length, evidence *e) {
    if (evtwin__csv_may_be_thousands(text, length, ',') ||
        evtwin__csv_is_decimal(text, length, ',')) {
        weigh_sign(text, length, ',', e->comma, &e->is_certain);
    } else if (evtwin__csv_is_decimal(text, length, '.')) {
        weigh_sign(text, length, '.', e->point, &e->is_point_certain);
    }
}

/* Is the last line of the window whole? */
static int is_end_of_file(const evtwin__csv_scan *scan) {
    return scan->is_last ||
           (scan->file_size > 0 && (size_t)(scan->end - scan->buffer) >= scan->file_size);
}

/* Weigh the records in the window: fields that must be numbers, those that may be, and those that
 * nobody uses. */
static void weigh_window(const evtwin__csv_reader *r, evidence *must, evidence *may,
                         evidence *unused) {
    const evtwin__csv_scan *scan = &r->scan;
    for (const char *c = scan->at; c < scan->end;) {
        const char *end = line_end(c, scan->end, 1), *text;
        size_t length;
        if (end == scan->end && !is_end_of_file(scan)) {
            return;
        }
        for (size_t i = 0; i < r->n_targets && next_field(&c, end, scan->delimiter, &text, &length);
             i++) {
            const evtwin__csv_target *t = &r->target[i];
            if (t->kind == EVTWIN_F64 || t->kind == EVTWIN_I64) {
                weigh(text, length, t->is_lenient ? unused : t->is_inferred ? may : must);
            }
        }
        c = end + 1;
    }
}

static void tell(const evtwin__csv_reader *r) {
    if (r->is_recognised || (r->options.decimal == '\0' && r->decimal == ',')) {
        const char sign[] = {'\'', r->scan.delimiter, '\'', '\0'};
        evtwin__log(EVTWIN_LOG_INFO, "%s: fields are separated by %s, the decimal sign is '%c'",
                    r->scan.name, r->scan.delimiter == '\t' ? "tabs" : sign, r->decimal);
    }
}

evtwin_status evtwin__csv_decide_decimal(evtwin__csv_reader *r) {
    const evtwin__csv_scan *scan = &r->scan;
    if (r->decimal == '\0') {
        if (line_end(scan->at, scan->end, 1) == scan->end && !is_end_of_file(scan)) {
            return EVTWIN_OK; /* no whole record yet */
        }
        evidence must = {.comma = ""}, may = {.comma = ""}, unused = {.comma = ""};
        weigh_window(r, &must, &may, &unused);
        const evidence *e = must.comma[0] != '\0' || must.point[0] != '\0' ? &must : &may;
        if (e->comma[0] == '\0' && e->point[0] == '\0' && unused.is_certain &&
            unused.point[0] == '\0') {
            e = &unused; /* which never refuses a file */
        }
        EVTWIN_FAIL_IF(e->comma[0] != '\0' && e->point[0] != '\0', EVTWIN_E_PARSE,
                       "%s: numbers are written with a comma ('%s') and with a point ('%s'): say "
                       "which is the decimal sign with option decimal",
                       scan->name, e->comma, e->point);
        EVTWIN_FAIL_IF(e->comma[0] != '\0' && !e->is_certain, EVTWIN_E_PARSE,
                       "%s: the comma of '%s' may be a decimal sign or separate thousands: say "
                       "which is the decimal sign with option decimal",
                       scan->name, e->comma);
        EVTWIN_FAIL_IF(e->point[0] != '\0' && !e->is_point_certain && scan->delimiter == ';',
                       EVTWIN_E_PARSE,
                       "%s: the point of '%s' may be a decimal sign or separate thousands: say "
                       "which is the decimal sign with option decimal",
                       scan->name, e->point);
        r->decimal = e->comma[0] != '\0' ? ',' : '.';
    }
    r->is_decided = 1;
    tell(r);
    return EVTWIN_OK;
}
