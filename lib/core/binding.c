/* SPDX-License-Identifier: MIT */
/* core/binding.c: a caller's table seen as rows of the schema: its columns found, its values
 * brought to our units, its keys and ranges checked. */

#include "core/binding.h"

#include "core/num.h"
#include "core/status.h"
#include "core/time.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- which column is what ---- */

size_t evtwin_telemetry_find(const evtwin_table *table, const char *quantity) {
    const size_t q = quantity != NULL ? evtwin__quantity_by_name(quantity) : EVTWIN__Q_COUNT;
    if (q == EVTWIN__Q_COUNT) {
        return EVTWIN_NO_COLUMN;
    }
    const evtwin__quantity *of = &evtwin__schema[q];
    size_t col = evtwin_table_find(table, of->name);
    for (size_t i = 0; i < EVTWIN__MAX_ALIASES && col == EVTWIN_NO_COLUMN; i++) {
        col = evtwin_table_find(table, of->alias[i].name);
    }
    return col != EVTWIN_NO_COLUMN ? col : evtwin_table_find(table, of->json_key);
}

/* The unit a column is in: its tag or, without one, what its header says. */
static evtwin_status column_unit(const evtwin_table *table, size_t col, const evtwin__meaning *m,
                                 const evtwin__unit **out) {
    const char *tag = evtwin_table_unit(table, col);
    return evtwin__unit_check(evtwin_table_name(table, col), m->q, tag[0] != '\0' ? tag : m->unit,
                              out);
}

evtwin_status evtwin_telemetry_factor(const evtwin_table *table, size_t col, double *factor_out) {
    EVTWIN_FAIL_IF(table == NULL || factor_out == NULL || col >= evtwin_table_cols(table),
                   EVTWIN_E_ARG, "table or factor_out is NULL, or the table has no column %zu",
                   col);
    evtwin__meaning m;
    const evtwin__unit *u;
    if (!evtwin__meaning_find(evtwin_table_name(table, col), EVTWIN__ALL_KINDS, &m)) {
        *factor_out = 1.0;
        return EVTWIN_OK;
    }
    EVTWIN_TRY(column_unit(table, col, &m, &u));
    *factor_out = evtwin__meaning_factor(&m, u);
    return EVTWIN_OK;
}

static int is_number(evtwin_type type) {
    return type == EVTWIN_F64 || type == EVTWIN_I64 || type == EVTWIN_BOOL;
}

static const char *type_name(evtwin_type type) {
    return type == EVTWIN_TIME   ? "a time"
           : type == EVTWIN_TEXT ? "text"
           : type == EVTWIN_BOOL ? "true or false"
                                 : "a number";
}

/* Our name in our unit needs no look into the schema: a table of one row is bound, too. */
static int is_ours(const evtwin_table *table, size_t col, const evtwin__quantity *q) {
    const char *tag = evtwin_table_unit(table, col);
    return strcmp(evtwin_table_name(table, col), q->name) == 0 &&
           (tag[0] == '\0' || strcmp(tag, q->unit) == 0);
}

static evtwin_status bind_column(const evtwin_table *table, size_t col, const evtwin__meaning *m,
                                 int of_any_type, evtwin__bound *b) {
    const evtwin__quantity *to = &evtwin__schema[m->q];
    const char *header = evtwin_table_name(table, col);
    EVTWIN_FAIL_IF(b->col != EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                   "columns '%.100s' and '%.100s' are both %s: leave out or rename one",
                   evtwin_table_name(table, b->col), header, to->name);
    b->type = evtwin_table_type(table, col);
    EVTWIN_FAIL_IF(!of_any_type && b->type != to->type &&
                       !(is_number(b->type) && is_number(to->type)),
                   EVTWIN_E_SCHEMA, "column '%.100s' is %s; %s must be %s", header,
                   type_name(b->type), to->name, type_name(to->type));
    if (!is_ours(table, col, to)) {
        const evtwin__unit *u;
        EVTWIN_TRY(column_unit(table, col, m, &u));
        b->factor = evtwin__meaning_factor(m, u);
        b->is_absolute = evtwin__meaning_is_absolute(m);
    }
    b->col = col;
    b->f64 = evtwin_table_f64(table, col);
    b->i64 = evtwin_table_i64(table, col);
    b->validity = b->f64 == NULL ? evtwin_table_validity(table, col) : NULL;
    return EVTWIN_OK;
}

/* Is the quantity in another column, which the stand-in at col leaves it to? */
static int has_better(const evtwin_table *table, size_t q, size_t col) {
    return evtwin_telemetry_find(table, evtwin__schema[q].name) != col;
}

static evtwin_status bind_columns(const evtwin_table *table, unsigned kinds, int of_any_type,
                                  evtwin__binding *out) {
    out->table = table;
    out->rows = evtwin_table_rows(table);
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        out->bound[q] = (evtwin__bound){.col = EVTWIN_NO_COLUMN, .factor = 1.0};
    }
    size_t next = 0; /* tables of ours have their columns in our order: look there first */
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const char *header = evtwin_table_name(table, col);
        evtwin__meaning m;
        if (next < EVTWIN__Q_COUNT && strcmp(evtwin__schema[next].name, header) == 0) {
            m = (evtwin__meaning){next, evtwin__schema[next].unit, 0, 0};
        } else if (!evtwin__meaning_find(header, kinds, &m)) {
            continue;
        }
        if (evtwin__is_of(m.q, kinds) && !(m.is_stand_in && has_better(table, m.q, col))) {
            EVTWIN_TRY(bind_column(table, col, &m, of_any_type, &out->bound[m.q]));
            next = m.q + 1;
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__bind(const evtwin_table *table, unsigned kinds, evtwin__binding *out) {
    return bind_columns(table, kinds, 0, out);
}

int evtwin__binding_has_values(const evtwin__binding *binding, size_t q) {
    const evtwin__bound *from = &binding->bound[q];
    int has_any = 0;
    for (size_t i = 0; from->col != EVTWIN_NO_COLUMN && i < binding->rows && !has_any; i++) {
        has_any = from->f64 != NULL ? !isnan(from->f64[i])
                                    : evtwin_table_is_valid(binding->table, from->col, i);
    }
    return has_any;
}

/* ---- keys ---- */

static int is_writable_time(int64_t time_us) {
    return time_us >= EVTWIN__TIME_FIRST_US && time_us <= EVTWIN__TIME_LAST_US;
}

evtwin_status evtwin__binding_check_key(const evtwin__binding *binding, size_t row) {
    const evtwin__bound *id = &binding->bound[EVTWIN__Q_BATTERY_ID];
    const evtwin__bound *time = &binding->bound[EVTWIN__Q_TIME];
    const char *battery = evtwin_table_text(binding->table, id->col, row);
    EVTWIN_FAIL_IF(battery == NULL, EVTWIN_E_SCHEMA, "row %zu has no battery_id", row + 1);
    EVTWIN_FAIL_IF(!evtwin_battery_id_is_valid(battery), EVTWIN_E_ARG,
                   "row %zu: '%.60s' is not a valid battery id (1 to 50 of A-Z a-z 0-9 . _ : -)",
                   row + 1, battery);
    EVTWIN_FAIL_IF(!evtwin_table_is_valid(binding->table, time->col, row), EVTWIN_E_SCHEMA,
                   "row %zu (battery %s) has no time", row + 1, battery);
    EVTWIN_FAIL_IF(!is_writable_time(time->i64[row]), EVTWIN_E_RANGE,
                   "row %zu (battery %s): its time is not in the years 0 to 9999", row + 1,
                   battery);
    return EVTWIN_OK;
}

evtwin_status evtwin__binding_check_keys(const evtwin__binding *binding) {
    static const size_t keys[] = {EVTWIN__Q_BATTERY_ID, EVTWIN__Q_TIME};
    for (size_t k = 0; k < 2; k++) {
        EVTWIN_FAIL_IF(binding->bound[keys[k]].col == EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                       "the table has no column %s", evtwin__schema[keys[k]].name);
    }
    const int32_t *code =
        evtwin_table_codes(binding->table, binding->bound[EVTWIN__Q_BATTERY_ID].col);
    int32_t checked = -1; /* runs of one battery are checked once */
    const evtwin__bound *time = &binding->bound[EVTWIN__Q_TIME];
    for (size_t row = 0; row < binding->rows; row++) {
        const int is_fine = code[row] == checked && checked >= 0 &&
                            evtwin_table_is_valid(binding->table, time->col, row) &&
                            is_writable_time(time->i64[row]);
        if (!is_fine) {
            EVTWIN_TRY(evtwin__binding_check_key(binding, row));
        }
        checked = code[row];
    }
    return EVTWIN_OK;
}

/* ---- values ---- */

static evtwin_status refuse(const evtwin__binding *b, size_t q, size_t row, const char *why) {
    const char *battery = evtwin_table_text(b->table, b->bound[EVTWIN__Q_BATTERY_ID].col, row);
    EVTWIN_FAIL(EVTWIN_E_RANGE, "row %zu (battery %.60s): %s %s", row + 1,
                battery != NULL ? battery : "unknown", evtwin__schema[q].name, why);
}

static evtwin_status get_number(const evtwin__binding *b, size_t q, size_t row,
                                evtwin__value *out) {
    const evtwin__bound *from = &b->bound[q];
    if (from->i64 != NULL && from->factor == 1.0 && evtwin__schema[q].type == EVTWIN_I64) {
        /* not by way of a double: a seq has up to 63 bits */
        out->is_present = from->validity == NULL || (from->validity[row / 8] >> (row % 8) & 1) != 0;
        out->i64 = out->is_present ? from->i64[row] : 0;
        return EVTWIN_OK;
    }
    double v = evtwin__scale(from->f64 != NULL ? from->f64[row]
                                               : evtwin_table_number(b->table, from->col, row),
                             from->factor);
    v = from->is_absolute ? fabs(v) : v;
    out->is_present = !isnan(v);
    if (!out->is_present) {
        return EVTWIN_OK;
    }
    if (isinf(v)) {
        return refuse(b, q, row, "is infinite");
    }
    switch (evtwin__schema[q].type) {
    case EVTWIN_F64:
        out->f64 = v + 0.0; /* no negative zero: a database has none */
        return EVTWIN_OK;
    case EVTWIN_BOOL:
        out->i64 = v != 0.0;
        return EVTWIN_OK;
    default:
        if (fabs(v) >= 0x1p63) {
            return refuse(b, q, row, "does not fit 64 bits");
        }
        out->i64 = (int64_t)floor(v); /* a cycle counts when it is complete */
        return EVTWIN_OK;
    }
}

evtwin_status evtwin__binding_get(const evtwin__binding *binding, size_t q, size_t row,
                                  evtwin__value *out) {
    const evtwin__bound *from = &binding->bound[q];
    if (from->col == EVTWIN_NO_COLUMN) {
        out->is_present = 0;
        return EVTWIN_OK;
    }
    switch (evtwin__schema[q].type) {
    case EVTWIN_TEXT:
        out->text = evtwin_table_text(binding->table, from->col, row);
        out->is_present = out->text != NULL;
        return EVTWIN_OK;
    case EVTWIN_TIME:
        out->is_present = evtwin_table_is_valid(binding->table, from->col, row);
        out->i64 = out->is_present ? from->i64[row] : 0;
        return EVTWIN_OK;
    default:
        return get_number(binding, q, row, out);
    }
}

evtwin_status evtwin__value_store(const evtwin__value *value, evtwin_table *table, size_t col,
                                  size_t row) {
    if (!value->is_present) {
        return evtwin_table_set_missing(table, col, row);
    }
    switch (evtwin_table_type(table, col)) {
    case EVTWIN_F64:
        return evtwin_table_set_f64(table, col, row, value->f64);
    case EVTWIN_I64:
    case EVTWIN_TIME:
        return evtwin_table_set_i64(table, col, row, value->i64);
    case EVTWIN_BOOL:
        return evtwin_table_set_bool(table, col, row, value->i64 != 0);
    case EVTWIN_TEXT:
    default:
        return evtwin_table_set_text(table, col, row, value->text);
    }
}

/* One quantity of rows first to first + n - 1 to the column of its name, from row at on. */
static evtwin_status append_quantity(const evtwin__binding *b, size_t q, size_t first, size_t n,
                                     evtwin_table *to, size_t at) {
    const size_t col = evtwin_table_find(to, evtwin__schema[q].name);
    EVTWIN_FAIL_IF(col == EVTWIN_NO_COLUMN || evtwin_table_type(to, col) != evtwin__schema[q].type,
                   EVTWIN_E_SCHEMA, "the table to append to has no column '%s' of the schema",
                   evtwin__schema[q].name);
    for (size_t i = 0; i < n; i++) {
        evtwin__value v;
        EVTWIN_TRY(evtwin__binding_get(b, q, first + i, &v));
        if (v.is_present) { /* new rows are missing until they are set */
            EVTWIN_TRY(evtwin__value_store(&v, to, col, at + i));
        }
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__binding_append(const evtwin__binding *binding, size_t first, size_t n,
                                     unsigned kinds, evtwin_table *to) {
    const size_t at = evtwin_table_rows(to);
    evtwin_status st = evtwin_table_resize(to, at + n);
    for (size_t q = 0; q < EVTWIN__Q_COUNT && st == EVTWIN_OK; q++) {
        if (evtwin__is_of(q, kinds) && binding->bound[q].col != EVTWIN_NO_COLUMN) {
            st = append_quantity(binding, q, first, n, to, at);
        }
    }
    if (st < 0) {
        evtwin_table_resize(to, at); /* shrinking does not fail */
    }
    return st;
}

/* ---- ranges ---- */

typedef struct range {
    double min, max;
} range;

/* What q can be where ours = factor * theirs: in their unit, so that the limit of a fraction is
 * exactly 1. An absent limit still keeps infinity out. */
static range range_of(size_t q, double factor) {
    const evtwin__quantity *of = &evtwin__schema[q];
    const double min = isnan(of->min) ? -DBL_MAX : of->min / fabs(factor);
    const double max = isnan(of->max) ? DBL_MAX : of->max / fabs(factor);
    return factor < 0.0 ? (range){-max, min < 0.0 ? -min : max} : (range){min, max};
}

/* NaN is missing, not out of range. */
static int is_outside(double v, range r) {
    return v < r.min || v > r.max;
}

static evtwin_status fail_range(const char *place, double value, range r, const char *unit,
                                const char *advice) {
    char text[EVTWIN__NUM_SIZE], min[EVTWIN__NUM_SIZE], max[EVTWIN__NUM_SIZE];
    const int has_max = r.max < DBL_MAX;
    const char *space = unit[0] != '\0' ? " " : "";
    EVTWIN_FAIL(EVTWIN_E_RANGE, "%s: %s%s%s is outside %s%s%s%s%s%s", place,
                evtwin__number_text(value, text), space, unit, evtwin__number_text(r.min, min),
                has_max ? " to " : " or more", has_max ? evtwin__number_text(r.max, max) : "",
                space, unit, advice);
}

evtwin_status evtwin__number_check_range(size_t q, double value) {
    const evtwin__quantity *of = &evtwin__schema[q];
    const range r = range_of(q, 1.0);
    return is_outside(value, r) ? fail_range(of->name, value, r, of->unit, "") : EVTWIN_OK;
}

evtwin_status evtwin__value_check_range(size_t q, const evtwin__value *value) {
    return evtwin__quantity_is_number(q)
               ? evtwin__number_check_range(q, evtwin__value_number(q, value))
               : EVTWIN_OK;
}

/* A value of a column that is outside; the advice is the unit in which it would be possible. */
static evtwin_status fail_cell(const evtwin__binding *b, size_t q, size_t row, double value) {
    const evtwin__bound *from = &b->bound[q];
    const char *header = evtwin_table_name(b->table, from->col);
    evtwin__meaning m;
    const evtwin__unit *stated, *other;
    evtwin__meaning_find(header, EVTWIN__TELEMETRY, &m);
    EVTWIN_TRY(column_unit(b->table, from->col, &m, &stated));
    char place[160], advice[160] = "";
    snprintf(place, sizeof place, "column '%.100s', data row %zu", header, row + 1);
    for (size_t i = 0; (other = evtwin__unit_at(evtwin__schema[q].unit, i)) != NULL; i++) {
        if (other != stated && !is_outside(value, range_of(q, evtwin__meaning_factor(&m, other)))) {
            snprintf(advice, sizeof advice, "; if the column is in %s, use the unit override %s=%s",
                     other->name, evtwin__schema[q].name, other->name);
            break;
        }
    }
    const evtwin__shifted *s;
    for (size_t i = 0;
         advice[0] == '\0' && (s = evtwin__shifted_at(evtwin__schema[q].unit, i)) != NULL; i++) {
        if (!is_outside(evtwin__shifted_to_ours(s, value), range_of(q, 1.0))) {
            snprintf(advice, sizeof advice, "; if the column is in %s, use the unit override %s=%s",
                     s->name, evtwin__schema[q].name, s->name);
        }
    }
    return fail_range(place, value, range_of(q, from->factor), stated != NULL ? stated->name : "",
                      advice);
}

static evtwin_status check_column(const evtwin__binding *b, size_t q) {
    const evtwin__bound *from = &b->bound[q];
    const range r = range_of(q, from->factor);

    /* first only whether there is one: a loop without a branch */
    int any = from->f64 == NULL;
    for (size_t i = 0; from->f64 != NULL && i < b->rows; i++) {
        any |= is_outside(from->f64[i], r);
    }
    for (size_t i = 0; any && i < b->rows; i++) {
        const double v = evtwin_table_number(b->table, from->col, i);
        if (is_outside(v, r)) {
            return fail_cell(b, q, i, v);
        }
    }
    return EVTWIN_OK;
}

/* Whoever looks for a quantity takes one column: the binding sees to it that there are not two. */
evtwin_status evtwin_telemetry_check(const evtwin_table *table) {
    EVTWIN_FAIL_IF(table == NULL, EVTWIN_E_ARG, "table is NULL");
    evtwin__binding b;
    EVTWIN_TRY(bind_columns(table, EVTWIN__TELEMETRY, 1, &b));
    for (size_t q = 0; q < EVTWIN__Q_COUNT; q++) {
        const evtwin__bound *from = &b.bound[q];
        if (from->col != EVTWIN_NO_COLUMN &&
            (from->type == EVTWIN_F64 || from->type == EVTWIN_I64)) {
            EVTWIN_TRY(check_column(&b, q));
        }
    }
    return EVTWIN_OK;
}
