/* SPDX-License-Identifier: MIT */
/* core/telemetry_convert.c: a table in the names, units and signs of a naming. */

#include "evtwin/telemetry.h"

#include "core/bdf_test.h"
#include "core/naming.h"
#include "core/status.h"
#include "core/table.h"

/* What becomes of the table. */
typedef struct conversion {
    const evtwin_table *table;
    evtwin__binding binding;
    evtwin_naming naming;
    evtwin_table *to;
} conversion;

/* ---- columns as they are ---- */

static evtwin_status copy_cell(const evtwin_table *from, size_t col, size_t row, evtwin_table *to,
                               size_t to_col) {
    switch (evtwin_table_type(from, col)) {
    case EVTWIN_F64:
        return evtwin_table_set_f64(to, to_col, row, evtwin_table_f64(from, col)[row]);
    case EVTWIN_I64:
    case EVTWIN_TIME:
        return evtwin_table_set_i64(to, to_col, row, evtwin_table_i64(from, col)[row]);
    case EVTWIN_BOOL:
        return evtwin_table_set_bool(to, to_col, row, evtwin_table_number(from, col, row) != 0.0);
    case EVTWIN_TEXT:
    default:
        return evtwin_table_set_text(to, to_col, row, evtwin_table_text(from, col, row));
    }
}

static evtwin_status copy_column(conversion *c, size_t col, const char *name, const char *unit) {
    size_t to_col;
    EVTWIN_TRY(
        evtwin_table_add_column(c->to, name, evtwin_table_type(c->table, col), unit, &to_col));
    for (size_t row = 0; row < evtwin_table_rows(c->table); row++) {
        if (evtwin_table_is_valid(c->table, col, row)) {
            EVTWIN_TRY(copy_cell(c->table, col, row, c->to, to_col));
        }
    }
    return EVTWIN_OK;
}

/* ---- quantities ---- */

/* Quantity q of a row in the units of the alias; *is_known_out is 0 where its sign is not known. */
static evtwin_status get_named(const conversion *c, size_t q, size_t row,
                               const evtwin__alias *alias, evtwin__value *out, int *is_known_out) {
    EVTWIN_TRY(evtwin__binding_get(&c->binding, q, row, out));
    *is_known_out =
        evtwin__value_to_naming(q, alias, evtwin__binding_direction(&c->binding, row), out);
    return EVTWIN_OK;
}

/* A number with a sign there that is not known in some row keeps our name, as in JSON. */
static evtwin_status choose_alias(const conversion *c, size_t q, const evtwin__alias **out) {
    const evtwin__alias *alias = evtwin__alias_of(q, c->naming);
    int is_known = 1;
    for (size_t row = 0; alias != NULL && is_known && row < c->binding.rows; row++) {
        evtwin__value v;
        EVTWIN_TRY(get_named(c, q, row, alias, &v, &is_known));
    }
    *out = is_known ? alias : NULL;
    return EVTWIN_OK;
}

/* Times, strings, counts and flags have no other units anywhere. */
static evtwin_status convert_quantity(conversion *c, size_t q) {
    const evtwin__quantity *of = &evtwin__schema[q];
    const size_t col = c->binding.bound[q].col;
    const evtwin__alias *alias = NULL;
    size_t to_col;
    EVTWIN_TRY(choose_alias(c, q, &alias));
    const char *name = alias != NULL ? alias->name : of->name;
    const char *unit = alias != NULL && alias->unit != NULL ? alias->unit : of->unit;
    if (of->type != EVTWIN_F64) {
        return copy_column(c, col, name, unit);
    }
    EVTWIN_TRY(evtwin_table_add_column(c->to, name, EVTWIN_F64, unit, &to_col));
    for (size_t row = 0; row < c->binding.rows; row++) {
        evtwin__value v;
        int is_known = 1;
        EVTWIN_TRY(alias != NULL ? get_named(c, q, row, alias, &v, &is_known)
                                 : evtwin__binding_get(&c->binding, q, row, &v));
        EVTWIN_TRY(evtwin__value_store(&v, c->to, to_col, row));
    }
    return EVTWIN_OK;
}

/* ---- the Battery Data Format ---- */

/* The test time, whose column may be absent, and that the rows are those of one file. */
static evtwin_status convert_test_time(conversion *c) {
    evtwin__bdf_test test = {0};
    const evtwin__alias *alias = evtwin__alias_of(EVTWIN__Q_SIM_TIME_S, c->naming);
    size_t to_col;
    EVTWIN_TRY(evtwin_table_add_column(c->to, alias->name, EVTWIN_F64,
                                       evtwin__schema[EVTWIN__Q_SIM_TIME_S].unit, &to_col));
    for (size_t row = 0; row < c->binding.rows; row++) {
        EVTWIN_TRY(evtwin__bdf_test_take(&test, &c->binding, row));
        EVTWIN_TRY(evtwin_table_set_f64(c->to, to_col, row, test.last_s));
    }
    return EVTWIN_OK;
}

/* What the standard requires, in front. */
static evtwin_status convert_required(conversion *c) {
    EVTWIN_TRY(convert_test_time(c));
    for (size_t i = 1; i < sizeof evtwin__bdf_required / sizeof *evtwin__bdf_required; i++) {
        const size_t q = evtwin__bdf_required[i];
        EVTWIN_FAIL_IF(c->binding.bound[q].col == EVTWIN_NO_COLUMN, EVTWIN_E_DATA,
                       "no column holds %s, which the Battery Data Format requires",
                       evtwin__schema[q].name);
        EVTWIN_TRY(convert_quantity(c, q));
    }
    return EVTWIN_OK;
}

static int is_required(size_t q) {
    int is_one = 0;
    for (size_t i = 0; i < sizeof evtwin__bdf_required / sizeof *evtwin__bdf_required; i++) {
        is_one |= evtwin__bdf_required[i] == q;
    }
    return is_one;
}

/* ---- all of it ---- */

/* The quantity that a column was bound to; EVTWIN__Q_COUNT if none. */
static size_t quantity_of(const conversion *c, size_t col) {
    size_t q = 0;
    while (q < EVTWIN__Q_COUNT && c->binding.bound[q].col != col) {
        q++;
    }
    return q;
}

static evtwin_status convert_columns(conversion *c) {
    const int is_bdf = evtwin__naming_is_bdf(c->naming);
    EVTWIN_TRY(evtwin_table_resize(c->to, c->binding.rows));
    EVTWIN_TRY(is_bdf ? convert_required(c) : EVTWIN_OK);
    for (size_t col = 0; col < evtwin_table_cols(c->table); col++) {
        const size_t q = quantity_of(c, col);
        if (q == EVTWIN__Q_COUNT) {
            EVTWIN_TRY(copy_column(c, col, evtwin_table_name(c->table, col),
                                   evtwin_table_unit(c->table, col)));
        } else if (!is_bdf || !is_required(q)) {
            EVTWIN_TRY(convert_quantity(c, q));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_telemetry_convert(const evtwin_table *table, evtwin_naming naming,
                                       evtwin_table **out) {
    EVTWIN_FAIL_IF(table == NULL || out == NULL, EVTWIN_E_ARG, "table or out is NULL");
    EVTWIN_FAIL_IF((int)naming < 0 || (size_t)naming >= evtwin_naming_count(), EVTWIN_E_ARG,
                   "%d is not a naming", (int)naming);
    conversion c = {.table = table, .naming = naming};
    EVTWIN_TRY(evtwin__bind(table, EVTWIN__TELEMETRY, &c.binding));
    EVTWIN_TRY(evtwin_table_create(&c.to));
    return evtwin__table_finish(convert_columns(&c), c.to, out);
}
