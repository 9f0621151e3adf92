/* SPDX-License-Identifier: MIT */
/* core/arrow_type.c: read an Arrow field: its format, its unit, the column that it becomes. */

#include "core/arrow_type.h"

#include "core/schema.h"
#include "core/status.h"
#include "core/utf8.h"

#include <stdio.h>
#include <string.h>

/* ---- format strings ---- */

static int read_time(const char *format, evtwin__arrow_type *out) {
    static const struct {
        const char *format;
        evtwin__arrow_type type;
    } times[] = {{"tss:", {EVTWIN__ARROW_TIME, 8, 0, 1, 0, 0}},
                 {"tsm:", {EVTWIN__ARROW_TIME, 8, 0, 1000, 0, 0}},
                 {"tsu:", {EVTWIN__ARROW_TIME, 8, 0, 1000000, 0, 0}},
                 {"tsn:", {EVTWIN__ARROW_TIME, 8, 0, 1000000000, 0, 0}}};
    if (strcmp(format, "tdD") == 0 || strcmp(format, "tdm") == 0) {
        const int is_days = format[2] == 'D';
        *out =
            (evtwin__arrow_type){EVTWIN__ARROW_TIME, is_days ? 4 : 8, 0, is_days ? 0 : 1000, 1, 0};
        return 1;
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        if (strncmp(format, times[i].format, 4) == 0) {
            *out = times[i].type;
            out->is_naive = format[4] == '\0'; /* with any zone they count from 1970 in UTC */
            return 1;
        }
    }
    return 0;
}

static int read_format(const char *format, evtwin__arrow_type *out) {
    static const struct {
        const char *format;
        evtwin__arrow_type type;
    } types[] = {
        {"n", {.kind = EVTWIN__ARROW_NULL}},         {"b", {.kind = EVTWIN__ARROW_BOOL}},
        {"c", {EVTWIN__ARROW_INT, 1, 0, 0, 0, 0}},   {"C", {EVTWIN__ARROW_INT, 1, 1, 0, 0, 0}},
        {"s", {EVTWIN__ARROW_INT, 2, 0, 0, 0, 0}},   {"S", {EVTWIN__ARROW_INT, 2, 1, 0, 0, 0}},
        {"i", {EVTWIN__ARROW_INT, 4, 0, 0, 0, 0}},   {"I", {EVTWIN__ARROW_INT, 4, 1, 0, 0, 0}},
        {"l", {EVTWIN__ARROW_INT, 8, 0, 0, 0, 0}},   {"L", {EVTWIN__ARROW_INT, 8, 1, 0, 0, 0}},
        {"e", {EVTWIN__ARROW_FLOAT, 2, 0, 0, 0, 0}}, {"f", {EVTWIN__ARROW_FLOAT, 4, 0, 0, 0, 0}},
        {"g", {EVTWIN__ARROW_FLOAT, 8, 0, 0, 0, 0}}, {"u", {EVTWIN__ARROW_UTF8, 4, 0, 0, 0, 0}},
        {"U", {EVTWIN__ARROW_UTF8, 8, 0, 0, 0, 0}},  {"vu", {EVTWIN__ARROW_VIEW, 16, 0, 0, 0, 0}}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(format, types[i].format) == 0) {
            *out = types[i].type;
            return 1;
        }
    }
    return read_time(format, out) || evtwin__arrow_decimal_read(format, out);
}

static int is_string(const evtwin__arrow_type *type) {
    return type->kind == EVTWIN__ARROW_UTF8 || type->kind == EVTWIN__ARROW_VIEW;
}

static evtwin_status read_type(const struct ArrowSchema *schema, evtwin__arrow_field *field) {
    const char *const format = schema->format != NULL ? schema->format : "";
    const struct ArrowSchema *values = schema->dictionary;
    const char *const of_values = values != NULL && values->format != NULL ? values->format : "";
    const int is_known = read_format(format, &field->type) &&
                         (values == NULL || read_format(of_values, &field->value));
    field->has_dictionary = values != NULL;
    EVTWIN_FAIL_IF(
        !is_known || (values != NULL &&
                      (field->type.kind != EVTWIN__ARROW_INT || !is_string(&field->value))),
        EVTWIN_E_UNSUPPORTED,
        "column '%.100s' is of Arrow's type '%.20s'%s%.20s, which a table does not hold: cast it "
        "to a number, boolean, timestamp or string, or leave it out",
        schema->name, format, values != NULL ? " with a dictionary of " : "", of_values);
    return EVTWIN_OK;
}

/* ---- metadata: a count, then length and bytes of each key and value ---- */

/* The next length of a list that says nothing of its own size: producers are trusted as far as
 * with the buffers of their columns. */
static int32_t take_length(const char **at) {
    int32_t length;
    memcpy(&length, *at, sizeof length);
    *at += sizeof length;
    return length;
}

/* What stands under the key "unit", cut to unit_size; "" if there is nothing. */
static evtwin_status read_unit(const struct ArrowSchema *schema, char *unit, size_t unit_size) {
    static const char key[] = "unit";
    const char *at = schema->metadata;
    unit[0] = '\0';
    for (int32_t n = at != NULL ? take_length(&at) : 0; n > 0; n--) {
        const int32_t key_length = take_length(&at);
        EVTWIN_FAIL_IF(key_length < 0, EVTWIN_E_PARSE, "column '%.100s': a key of %d bytes",
                       schema->name, (int)key_length);
        const int is_unit =
            key_length == sizeof key - 1 && memcmp(at, key, (size_t)key_length) == 0;
        at += key_length;
        const int32_t length = take_length(&at);
        EVTWIN_FAIL_IF(length < 0, EVTWIN_E_PARSE, "column '%.100s': metadata of %d bytes",
                       schema->name, (int)length);
        if (is_unit && (size_t)length < unit_size && evtwin__utf8_is_valid(at, (size_t)length)) {
            snprintf(unit, unit_size, "%.*s", (int)length, at);
        }
        at += length;
    }
    return EVTWIN_OK;
}

/* ---- the column ---- */

static evtwin_type type_of(const evtwin__arrow_field *field, const evtwin__quantity *q) {
    const evtwin__arrow_type *type = field->has_dictionary ? &field->value : &field->type;
    switch (type->kind) {
    case EVTWIN__ARROW_NULL:
        return q != NULL ? q->type : EVTWIN_F64;
    case EVTWIN__ARROW_BOOL:
        return EVTWIN_BOOL;
    case EVTWIN__ARROW_TIME:
        return EVTWIN_TIME;
    case EVTWIN__ARROW_INT: /* a battery's id is a name, in files too: 7 is "7" */
        return q == NULL || q->type == EVTWIN_BOOL ? EVTWIN_I64 : q->type;
    case EVTWIN__ARROW_FLOAT:
    case EVTWIN__ARROW_DECIMAL:
        return q != NULL && (q->type == EVTWIN_TIME || q->type == EVTWIN_TEXT) ? q->type
                                                                               : EVTWIN_F64;
    case EVTWIN__ARROW_UTF8:
    case EVTWIN__ARROW_VIEW:
        break;
    }
    return q != NULL && q->type == EVTWIN_TIME ? EVTWIN_TIME : EVTWIN_TEXT;
}

evtwin_status evtwin__arrow_field_add(const struct ArrowSchema *schema, evtwin_naive_time naive,
                                      evtwin_table *table, evtwin__arrow_field *out) {
    enum { MAX_UNIT = 64 };
    evtwin__arrow_field field = {.time_rule = {.naive = naive}};
    evtwin__meaning m;
    char unit[MAX_UNIT];
    EVTWIN_FAIL_IF(schema->name == NULL || schema->name[0] == '\0', EVTWIN_E_SCHEMA,
                   "column number %zu has no name", evtwin_table_cols(table));
    EVTWIN_FAIL_IF(!evtwin__utf8_is_valid(schema->name, strlen(schema->name)), EVTWIN_E_SCHEMA,
                   "the name of column number %zu is not UTF-8", evtwin_table_cols(table));
    EVTWIN_FAIL_IF(evtwin_table_find(table, schema->name) != EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                   "duplicate column '%.100s': rename or leave out one", schema->name);
    EVTWIN_TRY(read_type(schema, &field));
    EVTWIN_TRY(read_unit(schema, unit, sizeof unit));

    /* what the name says, as under the header of a CSV file */
    const int is_telemetry = evtwin__meaning_find(schema->name, EVTWIN__TELEMETRY, &m);
    const evtwin__quantity *q = is_telemetry ? &evtwin__schema[m.q] : NULL;
    field.time_rule.format = evtwin__header_time_format(schema->name);
    if (q != NULL && unit[0] == '\0') {
        field.percent_of = strcmp(m.unit, "percent") == 0 ? q->name : NULL;
        snprintf(unit, sizeof unit, "%s", field.percent_of == NULL ? m.unit : "");
    }
    EVTWIN_TRY(evtwin_table_add_column(table, schema->name, type_of(&field, q), unit, &field.col));
    field.name = evtwin_table_name(table, field.col);
    *out = field;
    return EVTWIN_OK;
}
