/* SPDX-License-Identifier: MIT */
/* core/telemetry.c: tables of telemetry: make one, and override the units of its columns. */

#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/schema.h"
#include "core/status.h"
#include "core/table.h"
#include "core/text.h"

#include <string.h>

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
    EVTWIN_FAIL_IF(equals == NULL || *trim(equals + 1) == '\0', EVTWIN_E_ARG,
                   "'%.100s': expected a unit like soc=percent", trim(item));
    *equals = '\0';
    *name = trim(item);
    *unit_name = trim(equals + 1);
    return EVTWIN_OK;
}

/* Bring the values of a column to our unit, which becomes its tag once they are in it. */
static evtwin_status convert(evtwin_table *table, size_t col, const evtwin__shifted *unit) {
    const size_t rows = evtwin_table_rows(table);
    const int is_f64 = evtwin_table_type(table, col) == EVTWIN_F64;
    double *value =
        is_f64 ? evtwin_table_f64_edit(table, col) : evtwin__calloc(rows + 1, sizeof *value);
    EVTWIN_FAIL_IF(value == NULL, EVTWIN_E_NOMEM, "out of memory to convert column '%.100s'",
                   evtwin_table_name(table, col));
    for (size_t r = 0; r < rows; r++) {
        value[r] =
            evtwin__shifted_to_ours(unit, is_f64 ? value[r] : evtwin_table_number(table, col, r));
    }
    if (!is_f64) {
        const evtwin_status st = evtwin__table_retype(table, col, EVTWIN_F64);
        if (st == EVTWIN_OK && rows > 0) {
            memcpy(evtwin_table_f64_edit(table, col), value, rows * sizeof *value);
        }
        evtwin__free(value);
        EVTWIN_TRY(st);
    }
    return evtwin_table_set_unit(table, col, unit->ours);
}

static evtwin_status check_numeric(const evtwin_table *table, size_t col, const char *unit_name) {
    const evtwin_type type = evtwin_table_type(table, col);
    EVTWIN_FAIL_IF(type != EVTWIN_F64 && type != EVTWIN_I64, EVTWIN_E_SCHEMA,
                   "column '%.100s' does not hold numbers, so it cannot be in '%.40s'",
                   evtwin_table_name(table, col), unit_name);
    return evtwin__table_check_edit(table);
}

/* What becomes of the columns that an override means, one after the other for all overrides: a
 * column that two of them mean has one tag, and is converted once. */
typedef enum effect { CHECK, TAG, CONVERT } effect;

static evtwin_status override_one(evtwin_table *table, const char *name, const char *unit_name,
                                  effect what) {
    int any = 0;
    for (size_t col = 0; col < evtwin_table_cols(table); col++) {
        const char *header = evtwin_table_name(table, col);
        evtwin__meaning m;
        if (!evtwin__meaning_find(header, EVTWIN__TELEMETRY, &m) ||
            (strcmp(header, name) != 0 && strcmp(evtwin__schema[m.q].name, name) != 0)) {
            continue;
        }
        any = 1;
        const evtwin__shifted *s = evtwin__shifted_find(unit_name, evtwin__schema[m.q].unit);
        const evtwin__unit *u;
        EVTWIN_TRY(s != NULL ? check_numeric(table, col, unit_name)
                             : evtwin__unit_check(header, m.q, unit_name, &u));
        if (what == TAG) {
            EVTWIN_TRY(evtwin_table_set_unit(table, col, unit_name));
        } else if (what == CONVERT && s != NULL &&
                   strcmp(evtwin_table_unit(table, col), unit_name) == 0) {
            EVTWIN_TRY(convert(table, col, s));
        }
    }
    EVTWIN_FAIL_IF(!any, EVTWIN_E_NOT_FOUND, "no column holds the telemetry quantity '%.100s'",
                   name);
    return EVTWIN_OK;
}

static evtwin_status override_all(evtwin_table *table, const char *overrides, effect what) {
    char *copy = evtwin__strdup(overrides);
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM, "out of memory");
    evtwin_status st = EVTWIN_OK;
    for (char *item = copy; item != NULL && st == EVTWIN_OK;) {
        char *next = evtwin__text_cut(item, ',');
        const char *name = NULL, *unit_name = NULL;
        st = split_override(item, &name, &unit_name);
        st = st < 0 ? st : override_one(table, name, unit_name, what);
        item = next;
    }
    evtwin__free(copy);
    return st;
}

static evtwin_status override_units(evtwin_table *table, const char *overrides, effect last) {
    EVTWIN_FAIL_IF(table == NULL, EVTWIN_E_ARG, "table is NULL");
    if (overrides == NULL || overrides[0] == '\0') {
        return EVTWIN_OK;
    }
    for (effect what = CHECK; what <= last; what++) {
        EVTWIN_TRY(override_all(table, overrides, what));
    }
    return EVTWIN_OK;
}

evtwin_status evtwin_telemetry_override_units(evtwin_table *table, const char *overrides) {
    return override_units(table, overrides, CONVERT);
}

evtwin_status evtwin__telemetry_tag_units(evtwin_table *table, const char *overrides) {
    return override_units(table, overrides, TAG);
}

/* Called for every row: strspn builds its set anew each time. */
static int is_of_id(char c) {
    return (c >= '0' && c <= ':') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
           c == '_' || c == '-';
}

int evtwin_battery_id_is_valid(const char *text) {
    size_t n = 0;
    while (text != NULL && n <= 50 && is_of_id(text[n])) {
        n++;
    }
    return n >= 1 && n <= 50 && text[n] == '\0';
}
