/* SPDX-License-Identifier: MIT */
/* core/telemetry.c: tables of telemetry: make one, and override the units of its columns. */

#include "evtwin/telemetry.h"

#include "core/mem.h"
#include "core/schema.h"
#include "core/status.h"
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
        const evtwin__unit *u;
        EVTWIN_TRY(evtwin__unit_check(header, m.q, unit_name, &u));
        if (apply) {
            EVTWIN_TRY(evtwin_table_set_unit(table, col, unit_name));
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
        char *next = evtwin__text_cut(item, ',');
        const char *name = NULL, *unit_name = NULL;
        st = split_override(item, &name, &unit_name);
        st = st < 0 ? st : override_one(table, name, unit_name, apply);
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
    EVTWIN_TRY(override_all(table, overrides, 0));
    return override_all(table, overrides, 1);
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
