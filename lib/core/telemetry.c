/* SPDX-License-Identifier: MIT */
/* core/telemetry.c: tables whose columns are telemetry under the names of any naming: find,
 * convert, check.
 */

#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/schema.h"
#include "core/status.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

size_t evtwin_telemetry_find(const evtwin_table *table, const char *quantity) {
    if (table == NULL || quantity == NULL) {
        return EVTWIN_NO_COLUMN;
    }
    size_t q = 0;
    while (q < EVTWIN__Q_COUNT && strcmp(evtwin__schema[q].name, quantity) != 0) {
        q++;
    }
    if (q == EVTWIN__Q_COUNT) {
        return EVTWIN_NO_COLUMN;
    }
    const evtwin__quantity *of = &evtwin__schema[q];
    size_t col = evtwin_table_find(table, of->name);
    for (size_t i = 0; i < EVTWIN__MAX_ALIASES && col == EVTWIN_NO_COLUMN; i++) {
        if (of->alias[i].name != NULL) {
            col = evtwin_table_find(table, of->alias[i].name);
        }
    }
    return col != EVTWIN_NO_COLUMN ? col : evtwin_table_find(table, of->json_key);
}

/* "percent or fraction", into text. */
static const char *list_units(const char *ours, char *text, size_t size) {
    const evtwin__unit *u;
    text[0] = '\0';
    for (size_t i = 0; (u = evtwin__unit_at(ours, i)) != NULL; i++) {
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", i > 0 ? " or " : "", u->name);
    }
    return text;
}

static evtwin_status fail_unit(const char *column, const evtwin__quantity *q, const char *tag) {
    EVTWIN_FAIL_IF(q->unit[0] == '\0', EVTWIN_E_SCHEMA,
                   "column '%.100s' has no unit, so it cannot be in '%.40s'", column, tag);
    char list[64];
    EVTWIN_FAIL(EVTWIN_E_SCHEMA, "column '%.100s' cannot be in '%.40s'; %s can be in %s", column,
                tag, q->name, list_units(q->unit, list, sizeof list));
}

/* The unit a column is in: its tag or, without one, what its header says. *out is NULL for a
 * quantity without a unit, or with one that has no other form. */
static evtwin_status column_unit(const evtwin_table *table, size_t col, const evtwin__meaning *m,
                                 const evtwin__unit **out) {
    const char *tag = evtwin_table_unit(table, col);
    const char *name = tag[0] != '\0' ? tag : m->unit, *ours = evtwin__schema[m->q].unit;
    const evtwin__unit *u = evtwin__unit_find(name, ours);
    if (u == NULL && name[0] != '\0' && strcmp(name, ours) != 0) {
        return fail_unit(evtwin_table_name(table, col), &evtwin__schema[m->q], name);
    }
    *out = u;
    return EVTWIN_OK;
}

evtwin_status evtwin_telemetry_factor(const evtwin_table *table, size_t col, double *factor_out) {
    EVTWIN_FAIL_IF(table == NULL || factor_out == NULL || col >= evtwin_table_cols(table),
                   EVTWIN_E_ARG, "table or factor_out is NULL, or the table has no column %zu",
                   col);
    evtwin__meaning m;
    const evtwin__unit *u = NULL;
    if (!evtwin__meaning_find(evtwin_table_name(table, col), EVTWIN__ALL_KINDS, &m)) {
        *factor_out = 1.0;
        return EVTWIN_OK;
    }
    const evtwin_status st = column_unit(table, col, &m, &u);
    if (st == EVTWIN_OK) {
        *factor_out = evtwin__meaning_factor(&m, u);
    }
    return st;
}

evtwin_status evtwin_telemetry_table_create(evtwin_table **out) {
    EVTWIN_FAIL_IF(out == NULL, EVTWIN_E_ARG, "out is NULL");
    return evtwin__schema_table_create(EVTWIN__TELEMETRY, out);
}

/* ---- unit overrides ---- */

static int is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Cut blanks off both ends, in place. */
static char *trim(char *text) {
    while (is_blank(*text)) {
        text++;
    }
    size_t n = strlen(text);
    while (n > 0 && is_blank(text[n - 1])) {
        n--;
    }
    text[n] = '\0';
    return text;
}

/* "soc=percent": cut into its two names. */
static evtwin_status split_override(char *item, const char **name, const char **unit_name) {
    char *equals = strrchr(item, '=');
    EVTWIN_FAIL_IF(equals == NULL, EVTWIN_E_ARG, "'%.100s': expected a unit like soc=percent",
                   trim(item));
    *equals = '\0';
    *name = trim(item);
    *unit_name = trim(equals + 1);
    return EVTWIN_OK;
}

/* Check one override and, if apply, tag every column that it means. */
static evtwin_status override_one(evtwin_table *table, const char *name, const char *unit_name,
                                  int apply) {
    int any = 0;
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const char *header = evtwin_table_name(table, col);
        evtwin__meaning m;
        if (!evtwin__meaning_find(header, EVTWIN__TELEMETRY, &m) ||
            (strcmp(header, name) != 0 && strcmp(evtwin__schema[m.q].name, name) != 0)) {
            continue;
        }
        any = 1;
        if (evtwin__unit_find(unit_name, evtwin__schema[m.q].unit) == NULL) {
            return fail_unit(header, &evtwin__schema[m.q], unit_name);
        }
        const evtwin_status st = apply ? evtwin_table_set_unit(table, col, unit_name) : EVTWIN_OK;
        if (st < 0) {
            return st;
        }
    }
    EVTWIN_FAIL_IF(!any, EVTWIN_E_NOT_FOUND, "no column holds the telemetry quantity '%.100s'",
                   name);
    return EVTWIN_OK;
}

static evtwin_status override_all(evtwin_table *table, const char *overrides, int apply) {
    char *copy = evtwin__strdup(overrides);
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM, "out of memory");
    evtwin_status st = EVTWIN_OK;
    for (char *item = copy; item != NULL && st == EVTWIN_OK;) {
        char *next = strchr(item, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        const char *name = NULL, *unit_name = NULL;
        st = split_override(item, &name, &unit_name);
        if (st == EVTWIN_OK) {
            st = override_one(table, name, unit_name, apply);
        }
        item = next;
    }
    evtwin__free(copy);
    return st;
}

evtwin_status evtwin_telemetry_override_units(evtwin_table *table, const char *overrides) {
    EVTWIN_FAIL_IF(table == NULL, EVTWIN_E_ARG, "table is NULL");
    if (overrides == NULL || overrides[0] == '\0') {
        return EVTWIN_OK;
    }

    /* look at all of them before the first is applied */
    const evtwin_status st = override_all(table, overrides, 0);
    return st < 0 ? st : override_all(table, overrides, 1);
}

/* ---- ranges ---- */

typedef struct range {
    double min, max;
} range;

/* The range in the unit of the column itself, so that the limit of a fraction is exactly 1. An
 * absent limit still keeps infinity out. */
static range range_in(const evtwin__meaning *m, const evtwin__unit *u) {
    const double scale = u != NULL ? u->factor : 1.0;
    const evtwin__quantity *q = &evtwin__schema[m->q];
    const double min = isnan(q->min) ? -DBL_MAX : q->min / scale;
    const double max = isnan(q->max) ? DBL_MAX : q->max / scale;
    if (m->is_flipped) {
        return (range){-max, min < 0.0 ? -min : max};
    }
    return (range){min, max};
}

/* NaN is missing, not out of range. */
static int is_outside(double v, range r) {
    return v < r.min || v > r.max;
}

static void format(double v, char text[EVTWIN__NUM_SIZE]) {
    if (isinf(v)) {
        memcpy(text, v > 0.0 ? "infinity" : "-infinity", v > 0.0 ? 9 : 10);
    } else {
        evtwin__format_f64(v, text);
    }
}

/* The unit in which value would be possible, NULL if there is none. */
static const evtwin__unit *unit_that_fits(const evtwin__meaning *m, const evtwin__unit *stated,
                                          double value) {
    const evtwin__unit *u;
    for (size_t i = 0; (u = evtwin__unit_at(evtwin__schema[m->q].unit, i)) != NULL; i++) {
        if (u != stated && !is_outside(value, range_in(m, u))) {
            return u;
        }
    }
    return NULL;
}

static evtwin_status fail_range(const char *column, size_t row, const evtwin__meaning *m,
                                const evtwin__unit *u, double value) {
    const range r = range_in(m, u);
    char text[EVTWIN__NUM_SIZE], limits[2 * EVTWIN__NUM_SIZE + 16];
    char min[EVTWIN__NUM_SIZE], max[EVTWIN__NUM_SIZE];
    format(value, text);
    format(r.min, min);
    format(r.max, max);
    const char *unit_name = u != NULL ? u->name : "";
    const char *space = u != NULL ? " " : "";
    const int has_max = r.max < DBL_MAX;
    snprintf(limits, sizeof limits, has_max ? "%s to %s" : "%s or more", min, max);

    const evtwin__unit *better = unit_that_fits(m, u, value);
    EVTWIN_FAIL_IF(better == NULL, EVTWIN_E_RANGE,
                   "column '%.100s', data row %zu: %s%s%s is outside %s%s%s", column, row + 1, text,
                   space, unit_name, limits, space, unit_name);
    EVTWIN_FAIL(EVTWIN_E_RANGE,
                "column '%.100s', data row %zu: %s%s%s is outside %s%s%s; if the column is in %s, "
                "use the unit override %s=%s",
                column, row + 1, text, space, unit_name, limits, space, unit_name, better->name,
                evtwin__schema[m->q].name, better->name);
}

static evtwin_status check_column(const evtwin_table *table, size_t col, const evtwin__meaning *m) {
    const evtwin__unit *u = NULL;
    EVTWIN_TRY(column_unit(table, col, m, &u));
    const range r = range_in(m, u);
    const size_t rows = evtwin_table_rows(table);
    const double *f64 = evtwin_table_f64(table, col);

    /* first only whether there is one: a loop without a branch */
    if (f64 != NULL) {
        int any = 0;
        for (size_t i = 0; i < rows; i++) {
            any |= is_outside(f64[i], r);
        }
        if (!any) {
            return EVTWIN_OK;
        }
    }
    for (size_t i = 0; i < rows; i++) {
        const double v = evtwin_table_number(table, col, i);
        if (is_outside(v, r)) {
            return fail_range(evtwin_table_name(table, col), i, m, u, v);
        }
    }
    return EVTWIN_OK;
}

/* Whoever looks for a quantity takes one column: it must not matter which. */
static evtwin_status check_duplicates(const evtwin_table *table) {
    size_t col_of[EVTWIN__Q_COUNT];
    for (size_t i = 0; i < EVTWIN__Q_COUNT; i++) {
        col_of[i] = EVTWIN_NO_COLUMN;
    }
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        evtwin__meaning m;
        if (!evtwin__meaning_find(evtwin_table_name(table, col), EVTWIN__TELEMETRY, &m)) {
            continue;
        }
        size_t *first = &col_of[m.q];
        EVTWIN_FAIL_IF(*first != EVTWIN_NO_COLUMN, EVTWIN_E_SCHEMA,
                       "columns '%.100s' and '%.100s' are both %s: leave out or rename one",
                       evtwin_table_name(table, *first), evtwin_table_name(table, col),
                       evtwin__schema[m.q].name);
        *first = col;
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_telemetry_check(const evtwin_table *table) {
    EVTWIN_FAIL_IF(table == NULL, EVTWIN_E_ARG, "table is NULL");
    const evtwin_status duplicates = check_duplicates(table);
    if (duplicates < 0) {
        return duplicates;
    }
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const evtwin_type type = evtwin_table_type(table, col);
        evtwin__meaning m;
        if ((type != EVTWIN_F64 && type != EVTWIN_I64) ||
            !evtwin__meaning_find(evtwin_table_name(table, col), EVTWIN__TELEMETRY, &m)) {
            continue;
        }
        EVTWIN_TRY(check_column(table, col, &m));
    }
    return EVTWIN_OK;
}

int evtwin_battery_id_is_valid(const char *text) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    if (text == NULL) {
        return 0;
    }
    const size_t n = strspn(text, allowed);
    return text[n] == '\0' && n >= 1 && n <= 50;
}
