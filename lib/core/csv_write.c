/* SPDX-License-Identifier: MIT */
/* core/csv_write.c: write tables as CSV (RFC 4180, lines ending in a line feed). */

#include "evtwin/table.h"

#include "core/csv.h"
#include "core/csv_words.h"
#include "core/file.h"
#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/time.h"

#include <math.h>
#include <string.h>

enum {
    VALUE_BYTES = 40,      /* no number or time takes more, separator included */
    FLUSH_BYTES = 1 << 18, /* text goes to the file in pieces of about this size */
    FLUSH_ROWS = 256
};

/* Quotes are needed around what would be taken for structure in any dialect, a missing value, a
 * byte-order mark or Excel's line that names the separator. */
static int needs_quotes(const char *value, size_t length, char delimiter) {
    return value[strcspn(value, ",;|\t\"\r\n")] != '\0' || strchr(value, delimiter) != NULL ||
           evtwin__is_missing_word(value, length) || strncmp(value, "\xEF\xBB\xBF", 3) == 0 ||
           (length >= 4 && evtwin__text_is_word(value, 4, "sep="));
}

/* A string. */
static evtwin_status write_text(const char *value, char delimiter, evtwin__text *text) {
    const size_t length = strlen(value);
    size_t size;
    char *t = !__builtin_mul_overflow(length, (size_t)2, &size) &&
                      !__builtin_add_overflow(size, (size_t)3, &size)
                  ? evtwin__text_room(text, size)
                  : NULL;
    EVTWIN_FAIL_IF(t == NULL, EVTWIN_E_NOMEM, "no memory for a string of %zu bytes", length);
    if (!needs_quotes(value, length, delimiter)) {
        memcpy(t, value, length);
        t += length;
    } else {
        *t++ = '"';
        for (const char *c = value; *c != '\0'; c++) {
            if (*c == '"') {
                *t++ = '"';
            }
            *t++ = *c;
        }
        *t++ = '"';
    }
    text->size = (size_t)(t - text->data);
    return EVTWIN_OK;
}

/* One value other than text; t has room for it. */
static evtwin_status write_value(const evtwin_table *table, size_t col, size_t row, char *t,
                                 size_t *length_out) {
    switch (evtwin_table_type(table, col)) {
    case EVTWIN_F64: {
        const double v = evtwin_table_f64(table, col)[row];
        EVTWIN_FAIL_IF(!isfinite(v), EVTWIN_E_DATA, "row %zu of column '%.100s' is infinite", row,
                       evtwin_table_name(table, col));
        *length_out = evtwin__format_f64(v, t);
        return EVTWIN_OK;
    }
    case EVTWIN_I64:
        *length_out = evtwin__format_i64(evtwin_table_i64(table, col)[row], t);
        return EVTWIN_OK;
    case EVTWIN_TIME: {
        if (evtwin__header_time_format(evtwin_table_name(table, col)) != NULL) {
            *length_out = evtwin__time_seconds(evtwin_table_i64(table, col)[row], t);
            return EVTWIN_OK; /* as the header says */
        }
        const evtwin_status st =
            evtwin_time_format(evtwin_table_i64(table, col)[row], t, VALUE_BYTES - 2);
        if (st < 0) {
            return evtwin__fail_in(st, "row %zu of column '%.100s'", row,
                                   evtwin_table_name(table, col));
        }
        *length_out = strlen(t);
        return EVTWIN_OK;
    }
    default: {
        const char *word = evtwin_table_number(table, col, row) != 0.0 ? "true" : "false";
        *length_out = strlen(word);
        memcpy(t, word, *length_out);
        return EVTWIN_OK;
    }
    }
}

/* A number that was written to t, with a comma for its point, in quotes if commas separate fields.
 */
static size_t turn_point(char *t, size_t length, char delimiter) {
    char *point = memchr(t, '.', length);
    if (point == NULL) {
        return length;
    }
    *point = ',';
    if (delimiter != ',') {
        return length;
    }
    memmove(t + 1, t, length);
    t[0] = t[length + 1] = '"';
    return length + 2;
}

/* A value, if there is one. */
static evtwin_status write_cell(const evtwin_table *table, size_t col, size_t row, char delimiter,
                                char decimal, evtwin__text *text) {
    if (!evtwin_table_is_valid(table, col, row)) {
        return EVTWIN_OK;
    }
    if (evtwin_table_type(table, col) == EVTWIN_TEXT) {
        return write_text(evtwin_table_text(table, col, row), delimiter, text);
    }
    char *t = evtwin__text_room(text, VALUE_BYTES);
    EVTWIN_FAIL_IF(t == NULL, EVTWIN_E_NOMEM, "no memory for a row");
    size_t length = 0;
    EVTWIN_TRY(write_value(table, col, row, t, &length));
    text->size += decimal == ',' && evtwin_table_type(table, col) == EVTWIN_F64
                      ? turn_point(t, length, delimiter)
                      : length;
    return EVTWIN_OK;
}

static evtwin_status write_byte(char byte, evtwin__text *text) {
    char *t = evtwin__text_room(text, 1);
    EVTWIN_FAIL_IF(t == NULL, EVTWIN_E_NOMEM, "no memory for a row");
    *t = byte;
    text->size++;
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_append_cells(const evtwin_table *table, size_t row, char delimiter,
                                       char decimal, evtwin__text *text) {
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        EVTWIN_TRY(write_byte(delimiter, text));
        EVTWIN_TRY(row == SIZE_MAX ? write_text(evtwin_table_name(table, col), delimiter, text)
                                   : write_cell(table, col, row, delimiter, decimal, text));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__csv_write_header(const evtwin_table *table, evtwin__text *text) {
    const size_t cols = evtwin_table_cols(table), size = text->size;
    evtwin_status st = EVTWIN_OK;
    for (size_t col = 0; st >= 0 && col < cols; col++) {
        st = write_text(evtwin_table_name(table, col), ',', text);
        st = st < 0 ? st : write_byte(col + 1 < cols ? ',' : '\n', text);
    }
    text->size = st < 0 ? size : text->size;
    return st;
}

evtwin_status evtwin__csv_write_rows(const evtwin_table *table, size_t first, size_t last,
                                     evtwin__text *text) {
    const size_t cols = evtwin_table_cols(table), size = text->size;
    evtwin_status st = EVTWIN_OK;
    for (size_t row = first; st >= 0 && row < last; row++) {
        for (size_t col = 0; st >= 0 && col < cols; col++) {
            st = write_cell(table, col, row, ',', '.', text);
            st = st < 0 ? st : write_byte(col + 1 < cols ? ',' : '\n', text);
        }
    }
    text->size = st < 0 ? size : text->size;
    return st;
}

/* Header and rows, piece by piece. */
static evtwin_status write_table(const evtwin_table *table, evtwin__text *text,
                                 evtwin__writer *writer) {
    const size_t rows = evtwin_table_rows(table);
    evtwin_status st = evtwin__csv_write_header(table, text);
    for (size_t row = 0; st >= 0 && row < rows; row += FLUSH_ROWS) {
        const size_t last = rows - row < FLUSH_ROWS ? rows : row + FLUSH_ROWS;
        st = evtwin__csv_write_rows(table, row, last, text);
        if (st >= 0 && text->size >= FLUSH_BYTES) {
            st = evtwin__writer_write(writer, text->data, text->size);
            text->size = 0;
        }
    }
    return st < 0 ? st : evtwin__writer_write(writer, text->data, text->size);
}

evtwin_status evtwin_table_write_csv(const evtwin_table *table, const char *path) {
    EVTWIN_FAIL_IF(table == NULL || path == NULL, EVTWIN_E_ARG, "table or path is NULL");
    EVTWIN_FAIL_IF(evtwin_table_cols(table) == 0, EVTWIN_E_DATA,
                   "%s: a table without columns cannot be written", path);
    evtwin__writer *writer = NULL;
    EVTWIN_TRY(evtwin__writer_open(path, &writer));
    evtwin__text text = {0};
    const evtwin_status st = write_table(table, &text, writer);
    evtwin__text_free(&text);
    if (st < 0) {
        evtwin__writer_abandon(writer);
        return st;
    }
    return evtwin__writer_commit(writer);
}
