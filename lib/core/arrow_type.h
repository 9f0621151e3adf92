/* SPDX-License-Identifier: MIT */
/* core/arrow_type.h: what an Arrow field is, and the column that becomes of it. */
#ifndef EVTWIN_CORE_ARROW_TYPE_H
#define EVTWIN_CORE_ARROW_TYPE_H

#include "evtwin/arrow.h"

#include "core/time.h"

typedef enum evtwin__arrow_kind {
    EVTWIN__ARROW_NULL,
    EVTWIN__ARROW_BOOL,
    EVTWIN__ARROW_INT,
    EVTWIN__ARROW_FLOAT,
    EVTWIN__ARROW_DECIMAL, /* an integer that counts 10^-scale */
    EVTWIN__ARROW_TIME,    /* a count of something since 1970 */
    EVTWIN__ARROW_UTF8,
    EVTWIN__ARROW_VIEW /* strings as 16 bytes each, the long ones elsewhere */
} evtwin__arrow_kind;

typedef struct evtwin__arrow_type {
    evtwin__arrow_kind kind;
    int width; /* bytes of a value; of UTF8 of an offset */
    int is_unsigned;
    int64_t per_second; /* TIME: values a second; 0 = values are days */
    int is_naive;       /* TIME without a zone */
    int scale;          /* DECIMAL */
} evtwin__arrow_type;

/* A field and its column. */
typedef struct evtwin__arrow_field {
    const char *name; /* borrowed from the table */
    evtwin__arrow_type type;
    int has_dictionary;
    evtwin__arrow_type value; /* of the dictionary */
    size_t col;
    const char *percent_of; /* the quantity of a column that is in percent by its name only, which
                               has no unit until that is settled; else NULL */
    evtwin__time_rule time_rule;
    evtwin__time_counts times;
} evtwin__arrow_field;

/* arrow_decimal.c: read the format of decimals of up to 128 bits; 0 if it is another one. */
int evtwin__arrow_decimal_read(const char *format, evtwin__arrow_type *out);

/* The double nearest to decimal i of a buffer. */
double evtwin__arrow_decimal_at(const evtwin__arrow_type *type, const void *data, size_t i);

/* Add the column of a field to the table. */
evtwin_status evtwin__arrow_field_add(const struct ArrowSchema *schema, evtwin_naive_time naive,
                                      evtwin_table *table, evtwin__arrow_field *out);

/* The rows of an array, which has been checked, behind the first rows of the field's column: n of
 * them from number start on, there is room. */
evtwin_status evtwin__arrow_copy(evtwin_table *table, evtwin__arrow_field *field,
                                 const struct ArrowArray *array, size_t start, size_t first,
                                 size_t n);

/* Data that may stay where it is: all of n rows from number start on are present and in our form.
 * NULL if they are to be copied. */
const void *evtwin__arrow_lendable(const evtwin__arrow_field *field, evtwin_type type,
                                   const struct ArrowArray *array, size_t start, size_t n);

/* Lengths, buffers and dictionary are as the field's type has them. */
evtwin_status evtwin__arrow_check(const evtwin__arrow_field *field, const struct ArrowArray *array,
                                  size_t rows);

#endif
