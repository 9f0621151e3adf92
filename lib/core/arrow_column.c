/* SPDX-License-Identifier: MIT */
/* core/arrow_column.c: the values of an Arrow array, checked, as rows of a table's column. */

#include "core/arrow_type.h"

#include "core/bits.h"
#include "core/dict.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "core/table.h"
#include "core/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What one call copies: rows of an array, counted from its offset, to rows of a column. */
typedef struct copy {
    evtwin_table *table;
    evtwin__arrow_field *field;
    const struct ArrowArray *array;
    size_t start; /* in the array's buffers, its offset included */
    size_t first, n;
} copy;

/* ---- is it what it says it is? ---- */

static evtwin_status check_array(const char *name, const evtwin__arrow_type *type,
                                 const struct ArrowArray *array, size_t rows) {
    static const int64_t most = INT64_MAX / 32; /* times any width is still a size */
    EVTWIN_FAIL_IF(array == NULL || array->length < 0 || array->offset < 0 ||
                       array->length > most || array->offset > most ||
                       (uint64_t)array->length < rows || array->null_count < -1 ||
                       array->null_count > array->length,
                   EVTWIN_E_PARSE,
                   "column '%.100s': an array of %lld rows from %lld on with %lld nulls, for %zu "
                   "rows",
                   name, array != NULL ? (long long)array->length : -1LL,
                   array != NULL ? (long long)array->offset : -1LL,
                   array != NULL ? (long long)array->null_count : -1LL, rows);
    if (type->kind == EVTWIN__ARROW_NULL) {
        return EVTWIN_OK;
    }
    const int64_t least =
        type->kind == EVTWIN__ARROW_UTF8 || type->kind == EVTWIN__ARROW_VIEW ? 3 : 2;
    EVTWIN_FAIL_IF(array->n_buffers < least || array->buffers == NULL, EVTWIN_E_PARSE,
                   "column '%.100s': %lld buffers instead of %lld", name,
                   (long long)array->n_buffers, (long long)least);
    EVTWIN_FAIL_IF(rows > 0 && array->buffers[1] == NULL, EVTWIN_E_PARSE,
                   "column '%.100s': %zu rows without a buffer", name, rows);
    EVTWIN_FAIL_IF(array->null_count > 0 && array->buffers[0] == NULL, EVTWIN_E_PARSE,
                   "column '%.100s': %lld nulls and no bitmap of them", name,
                   (long long)array->null_count);
    return EVTWIN_OK;
}

evtwin_status evtwin__arrow_check(const evtwin__arrow_field *field, const struct ArrowArray *array,
                                  size_t rows) {
    EVTWIN_TRY(check_array(field->name, &field->type, array, rows));
    const struct ArrowArray *values = array->dictionary;
    EVTWIN_FAIL_IF((values != NULL) != field->has_dictionary, EVTWIN_E_PARSE,
                   "column '%.100s': the array %s a dictionary", field->name,
                   values != NULL ? "has" : "lacks");
    EVTWIN_FAIL_IF(values != NULL && values->length > INT32_MAX, EVTWIN_E_PARSE,
                   "column '%.100s': a dictionary of %lld strings, at most %d are supported",
                   field->name, (long long)values->length, INT32_MAX);
    return values != NULL ? check_array(field->name, &field->value, values,
                                        values->length > 0 ? (size_t)values->length : 0)
                          : EVTWIN_OK;
}

/* ---- values ---- */

/* i counts from the beginning of the buffers. */
static inline int is_null(const struct ArrowArray *array, size_t i) {
    return array->null_count != 0 && array->buffers[0] != NULL &&
           !evtwin__bit(array->buffers[0], i);
}

static evtwin_status cannot(const copy *c, evtwin_status st, size_t i, const char *why) {
    EVTWIN_FAIL(st, "column '%.100s', row %zu: %s", c->field->name, c->first + (i - c->start), why);
}

/* An integer; those of 64 bits without a sign as they are. */
static int64_t integer_at(const evtwin__arrow_type *type, const void *data, size_t i) {
    const int has_sign = !type->is_unsigned;
    switch (type->width) {
    case 1:
        return has_sign ? ((const int8_t *)data)[i] : (int64_t)((const uint8_t *)data)[i];
    case 2:
        return has_sign ? ((const int16_t *)data)[i] : (int64_t)((const uint16_t *)data)[i];
    case 4:
        return has_sign ? ((const int32_t *)data)[i] : (int64_t)((const uint32_t *)data)[i];
    default:
        return ((const int64_t *)data)[i];
    }
}

static int is_beyond(const evtwin__arrow_type *type, int64_t value) {
    return type->is_unsigned && type->width == 8 && value < 0;
}

/* Source: IEEE 754-2019, binary16: 1 sign, 5 exponent, 10 fraction bits. */
static double half(uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31 ? (fraction != 0 ? NAN : INFINITY)
                        : exponent > 0 ? ldexp(1024 + fraction, exponent - 25)
                                       : ldexp(fraction, -24);
    return bits >> 15 ? -size : size;
}

/* A number of any kind. */
static double float_at(const evtwin__arrow_type *type, const void *data, size_t i) {
    if (type->kind == EVTWIN__ARROW_DECIMAL) {
        return evtwin__arrow_decimal_at(type, data, i);
    }
    if (type->kind == EVTWIN__ARROW_INT) {
        const int64_t value = integer_at(type, data, i);
        return is_beyond(type, value) ? (double)(uint64_t)value : (double)value;
    }
    return type->width == 8   ? ((const double *)data)[i]
           : type->width == 4 ? (double)((const float *)data)[i]
                              : half(((const uint16_t *)data)[i]);
}

/* A string of 16 bytes: its length, then itself or, longer than 12 bytes, four of them and where
 * it is: buffer and offset. The last buffer has the lengths of those between. */
static int view_at(const struct ArrowArray *array, size_t i, const char **text, size_t *n) {
    const char *const view = (const char *)array->buffers[1] + 16 * i;
    int32_t length, at[2];
    memcpy(&length, view, sizeof length);
    memcpy(at, view + 8, sizeof at);
    *n = (size_t)length;
    *text = view + 4;
    if (length >= 0 && length <= 12) {
        return 1;
    }
    const int64_t n_buffers = array->n_buffers - 3;
    const int64_t *sizes = array->buffers[array->n_buffers - 1];
    if (length < 0 || at[0] < 0 || at[0] >= n_buffers || at[1] < 0 || sizes == NULL ||
        (int64_t)at[1] + length > sizes[at[0]] || array->buffers[2 + at[0]] == NULL) {
        return 0;
    }
    *text = (const char *)array->buffers[2 + at[0]] + at[1];
    return 1;
}

/* String i of an array; 0 if its offsets cannot be. */
static int string_at(const evtwin__arrow_type *type, const struct ArrowArray *array, size_t i,
                     const char **text, size_t *n) {
    if (type->kind == EVTWIN__ARROW_VIEW) {
        return view_at(array, i, text, n);
    }
    const void *const offsets = array->buffers[1];
    const char *const bytes = array->buffers[2];
    const int64_t from =
        type->width == 4 ? ((const int32_t *)offsets)[i] : ((const int64_t *)offsets)[i];
    const int64_t to =
        type->width == 4 ? ((const int32_t *)offsets)[i + 1] : ((const int64_t *)offsets)[i + 1];
    if (from < 0 || to < from || (bytes == NULL && to > from)) {
        return 0;
    }
    *text = bytes != NULL ? bytes + from : "";
    *n = (size_t)(to - from);
    return 1;
}

/* ---- times ---- */

/* What a text says, in the rules of files. */
static evtwin_status time_of_text(copy *c, size_t i, const char *text, size_t n, int64_t *us) {
    evtwin__time_kind kind;
    const evtwin_status st = evtwin__time_read(text, n, &c->field->time_rule, us, &kind);
    if (st < 0) {
        return evtwin__fail_in(st, "column '%.100s', row %zu", c->field->name,
                               c->first + (i - c->start));
    }
    evtwin__time_count(&c->field->times, kind);
    return EVTWIN_OK;
}

/* A number in a column of times is what its digits say. */
static evtwin_status time_of_int(copy *c, size_t i, int64_t value, int64_t *us) {
    char text[32];
    const int n = snprintf(text, sizeof text, "%lld", (long long)value);
    return time_of_text(c, i, text, (size_t)n, us);
}

/* To the nearest microsecond, which may be the next second's first. */
static evtwin_status time_of_float(copy *c, size_t i, double value, int64_t *us) {
    enum { US = 1000000 };
    const double size = fabs(value);
    if (!(size < 9e18)) {
        return cannot(c, EVTWIN_E_RANGE, i, "the number is not a time");
    }
    int64_t whole = (int64_t)size;
    int micros = (int)((size - (double)whole) * US + 0.5);
    whole += micros / US;
    micros %= US;
    char text[64];
    int n = snprintf(text, sizeof text, "%s%lld", value < 0.0 ? "-" : "", (long long)whole);
    if (micros > 0) {
        n += snprintf(text + n, sizeof text - (size_t)n, ".%06d", micros);
    }
    return time_of_text(c, i, text, (size_t)n, us);
}

/* Without a zone it is what a clock somewhere shows. */
static evtwin_status time_of_clock(copy *c, size_t i, int64_t *us) {
    char text[EVTWIN_TIME_TEXT_SIZE];
    if (c->field->time_rule.naive == EVTWIN_NAIVE_UTC) {
        evtwin__time_count(&c->field->times, EVTWIN__TIME_NAIVE);
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin_time_format(*us, text, sizeof text));
    return time_of_text(c, i, text, strlen(text) - 1, us); /* without its Z */
}

static evtwin_status time_of_count(copy *c, size_t i, int64_t *us) {
    enum { US = 1000000 };
    const evtwin__arrow_type *type = &c->field->type;
    const int64_t count = integer_at(type, c->array->buffers[1], i);
    const int64_t per_second = type->per_second;
    if (per_second > US) { /* what is beyond the microsecond is cut off, as in files */
        const int64_t parts = per_second / US;
        *us = count / parts - (count % parts < 0);
    } else if (__builtin_mul_overflow(count, per_second > 0 ? US / per_second : INT64_C(86400) * US,
                                      us)) {
        return cannot(c, EVTWIN_E_RANGE, i, "the time is outside 64 bits of microseconds");
    }
    return type->is_naive ? time_of_clock(c, i, us) : EVTWIN_OK;
}

/* ---- rows ---- */

/* A value of row i, which is not null, as an integer. */
static evtwin_status int_of(copy *c, size_t i, int64_t *out) {
    const evtwin__arrow_type *type = &c->field->type;
    const void *const data = c->array->buffers[1];
    const int is_time = evtwin_table_type(c->table, c->field->col) == EVTWIN_TIME;
    const char *text;
    size_t n;
    switch (type->kind) {
    case EVTWIN__ARROW_TIME:
        return time_of_count(c, i, out);
    case EVTWIN__ARROW_INT:
        *out = integer_at(type, data, i);
        if (is_beyond(type, *out)) {
            return cannot(c, EVTWIN_E_RANGE, i, "the integer is outside 64 bits with a sign");
        }
        return is_time ? time_of_int(c, i, *out, out) : EVTWIN_OK;
    case EVTWIN__ARROW_FLOAT:
    case EVTWIN__ARROW_DECIMAL:
        return time_of_float(c, i, float_at(type, data, i), out);
    default:
        break;
    }
    if (!string_at(type, c->array, i, &text, &n)) {
        return cannot(c, EVTWIN_E_PARSE, i, "the offsets of the string are not valid");
    }
    return time_of_text(c, i, text, n, out);
}

static void mark(evtwin__column *column, size_t row) {
    evtwin__bit_put(column->validity, row, 1);
    column->n_missing--;
}

/* A NaN among numbers of times is missing like a null. */
static int is_missing(const copy *c, size_t i) {
    const evtwin__arrow_type *type = &c->field->type;
    return is_null(c->array, i) ||
           (type->kind == EVTWIN__ARROW_FLOAT && isnan(float_at(type, c->array->buffers[1], i)));
}

static evtwin_status copy_ints(copy *c, evtwin__column *column) {
    int64_t *to = (int64_t *)column->data + c->first;
    for (size_t k = 0; k < c->n; k++) {
        if (!is_missing(c, c->start + k)) {
            EVTWIN_TRY(int_of(c, c->start + k, &to[k]));
            mark(column, c->first + k);
        }
    }
    return EVTWIN_OK;
}

static void copy_floats(const copy *c, evtwin__column *column) {
    double *to = (double *)column->data + c->first;
    for (size_t k = 0; k < c->n; k++) {
        to[k] = is_null(c->array, c->start + k)
                    ? (double)NAN
                    : float_at(&c->field->type, c->array->buffers[1], c->start + k);
    }
    atomic_store_explicit(&column->map_state, EVTWIN__MAP_STALE, memory_order_relaxed);
}

static void copy_bools(const copy *c, evtwin__column *column) {
    for (size_t k = 0; k < c->n; k++) {
        if (!is_null(c->array, c->start + k)) {
            evtwin__bit_put(column->data, c->first + k,
                            evtwin__bit(c->array->buffers[1], c->start + k));
            mark(column, c->first + k);
        }
    }
}

/* Our code of a string, which is that of row i. */
static evtwin_status intern_text(const copy *c, const char *text, size_t n, size_t i,
                                 int32_t *code) {
    *code = evtwin__dict_find(&c->table->column[c->field->col].dict, text, n);
    if (*code >= 0) {
        return EVTWIN_OK;
    }
    if (!evtwin__utf8_is_valid(text, n)) {
        return cannot(c, EVTWIN_E_PARSE, i, "the string is not UTF-8 without NUL");
    }
    return evtwin__table_intern(c->table, c->field->col, text, n, code);
}

/* The code of a string of values, an array that has strings. */
static evtwin_status intern(const copy *c, const evtwin__arrow_type *type,
                            const struct ArrowArray *values, size_t at, size_t i, int32_t *code) {
    const char *text;
    size_t n;
    if (!string_at(type, values, at, &text, &n)) {
        return cannot(c, EVTWIN_E_PARSE, i, "the offsets of the string are not valid");
    }
    return intern_text(c, text, n, i, code);
}

/* The code of the digits of number i. */
static evtwin_status intern_number(const copy *c, size_t i, int32_t *code) {
    const evtwin__arrow_type *type = &c->field->type;
    const void *const data = c->array->buffers[1];
    char digits[EVTWIN__NUM_SIZE];
    const char *text = digits;
    if (type->kind != EVTWIN__ARROW_INT) {
        text = evtwin__number_text(float_at(type, data, i), digits);
    } else if (is_beyond(type, integer_at(type, data, i))) {
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)integer_at(type, data, i));
    } else {
        evtwin__format_i64(integer_at(type, data, i), digits);
    }
    return intern_text(c, text, strlen(text), i, code);
}

static evtwin_status copy_strings(const copy *c, evtwin__column *column) {
    const evtwin__arrow_type *type = &c->field->type;
    const int are_strings = type->kind == EVTWIN__ARROW_UTF8 || type->kind == EVTWIN__ARROW_VIEW;
    int32_t *to = (int32_t *)column->data + c->first;
    for (size_t k = 0; k < c->n; k++) {
        const size_t i = c->start + k;
        if (!is_missing(c, i)) {
            EVTWIN_TRY(are_strings ? intern(c, type, c->array, i, i, &to[k])
                                   : intern_number(c, i, &to[k]));
            mark(column, c->first + k);
        }
    }
    return EVTWIN_OK;
}

/* ---- dictionaries: of each string that occurs, our code or time is found once ---- */

typedef struct entry {
    int is_known, is_null;
    int64_t value;
} entry;

/* What string number code of the dictionary is in our column, for row i. */
static evtwin_status look_up(copy *c, size_t code, size_t i, entry *out) {
    const struct ArrowArray *values = c->array->dictionary;
    const size_t at = (size_t)values->offset + code;
    out->is_known = 1;
    out->is_null = is_null(values, at);
    if (out->is_null) {
        return EVTWIN_OK;
    }
    if (evtwin_table_type(c->table, c->field->col) == EVTWIN_TEXT) {
        int32_t ours = -1;
        EVTWIN_TRY(intern(c, &c->field->value, values, at, i, &ours));
        out->value = ours;
        return EVTWIN_OK;
    }
    const char *text;
    size_t n;
    if (!string_at(&c->field->value, values, at, &text, &n)) {
        return cannot(c, EVTWIN_E_PARSE, i, "the offsets of the string are not valid");
    }
    return time_of_text(c, i, text, n, &out->value);
}

static evtwin_status copy_codes(copy *c, evtwin__column *column, entry *entries) {
    const size_t n_entries = (size_t)c->array->dictionary->length;
    for (size_t k = 0; k < c->n; k++) {
        const size_t i = c->start + k, row = c->first + k;
        if (is_null(c->array, i)) {
            continue;
        }
        const int64_t code = integer_at(&c->field->type, c->array->buffers[1], i);
        if (code < 0 || (uint64_t)code >= n_entries) {
            return cannot(c, EVTWIN_E_PARSE, i, "the code is outside the dictionary");
        }
        entry *e = &entries[code];
        EVTWIN_TRY(e->is_known ? EVTWIN_OK : look_up(c, (size_t)code, i, e));
        if (e->is_null) {
            continue;
        }
        if (column->type == EVTWIN_TEXT) {
            ((int32_t *)column->data)[row] = (int32_t)e->value;
        } else {
            ((int64_t *)column->data)[row] = e->value;
        }
        mark(column, row);
    }
    return EVTWIN_OK;
}

static evtwin_status copy_dictionary(copy *c, evtwin__column *column) {
    entry *entries = evtwin__calloc((size_t)c->array->dictionary->length, sizeof *entries);
    EVTWIN_FAIL_IF(entries == NULL, EVTWIN_E_NOMEM, "no memory for %lld strings of column '%s'",
                   (long long)c->array->dictionary->length, c->field->name);
    const evtwin_status st = copy_codes(c, column, entries);
    evtwin__free(entries);
    return st;
}

evtwin_status evtwin__arrow_copy(evtwin_table *table, evtwin__arrow_field *field,
                                 const struct ArrowArray *array, size_t start, size_t first,
                                 size_t n) {
    copy c = {.table = table,
              .field = field,
              .array = array,
              .start = start + (size_t)array->offset,
              .first = first,
              .n = n};
    evtwin__column *column = &table->column[field->col];
    if (field->type.kind == EVTWIN__ARROW_NULL) {
        return EVTWIN_OK; /* new rows are missing */
    }
    if (field->has_dictionary) {
        return copy_dictionary(&c, column);
    }
    switch (column->type) {
    case EVTWIN_F64:
        copy_floats(&c, column);
        return EVTWIN_OK;
    case EVTWIN_BOOL:
        copy_bools(&c, column);
        return EVTWIN_OK;
    case EVTWIN_TEXT:
        return copy_strings(&c, column);
    case EVTWIN_I64:
    case EVTWIN_TIME:
        break;
    }
    return copy_ints(&c, column);
}

/* ---- what may stay where it is ---- */

const void *evtwin__arrow_lendable(const evtwin__arrow_field *field, evtwin_type type,
                                   const struct ArrowArray *array, size_t start, size_t n) {
    const evtwin__arrow_type *from = &field->type;
    const int is_time = from->kind == EVTWIN__ARROW_TIME && from->per_second == 1000000 &&
                        !(from->is_naive && field->time_rule.naive != EVTWIN_NAIVE_UTC);
    const int is_same = (type == EVTWIN_F64 && from->kind == EVTWIN__ARROW_FLOAT) ||
                        (type == EVTWIN_I64 && from->kind == EVTWIN__ARROW_INT) ||
                        (type == EVTWIN_TIME && is_time);
    if (!is_same || from->width != 8 || from->is_unsigned || field->has_dictionary || n == 0) {
        return NULL;
    }
    const size_t at = start + (size_t)array->offset;
    const int may_have_nulls = array->null_count != 0 && array->buffers[0] != NULL;
    const char *const data = (const char *)array->buffers[1] + 8 * at;
    if ((uintptr_t)data % 8 != 0 ||
        (may_have_nulls && evtwin__bits_count(array->buffers[0], at, at + n) != n)) {
        return NULL;
    }
    return data;
}
