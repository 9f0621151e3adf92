/* SPDX-License-Identifier: MIT */
/* tools/cli_columns.c: columns that were asked for and are not there, and why perhaps not. */

#include "cli.h"

#include "evtwin/telemetry.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

enum { MAX_LISTED = 12, TEXT_SIZE = 1024 };

static int has_column(const evtwin_table *table, const char *name) {
    return evtwin_table_find(table, name) != EVTWIN_NO_COLUMN ||
           evtwin_telemetry_find(table, name) != EVTWIN_NO_COLUMN;
}

/* Text that grows in fixed memory; what does not fit is cut. */
typedef struct line {
    char text[TEXT_SIZE];
    size_t length;
} line;

CLI_PRINTF(2, 3)
static void add(line *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(l->text + l->length, TEXT_SIZE - l->length, format, args);
    va_end(args);
    l->length += n > 0 ? (size_t)n : 0;
    l->length = l->length < TEXT_SIZE ? l->length : TEXT_SIZE - 1;
}

/* The same name but for blanks and case? */
static int is_like(const char *a, const char *b) {
    for (;;) {
        while (isspace((unsigned char)*a)) {
            a++;
        }
        while (isspace((unsigned char)*b)) {
            b++;
        }
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) {
            return 0;
        }
        if (*a == '\0') {
            return 1;
        }
        a++;
        b++;
    }
}

static int is_among(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (names[i] != NULL && strcmp(names[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What was perhaps meant by the missing name: a column that comes near and is not asked for itself.
 */
static void add_nearest(line *l, const evtwin_table *table, const char *const *names, size_t n,
                        const char *name) {
    const char *best = NULL;
    size_t best_distance = cli_far(name);
    for (size_t i = 0; i < evtwin_table_cols(table); i++) {
        const char *column = evtwin_table_name(table, i);
        if (is_among(names, n, column)) {
            continue;
        }
        if (is_like(column, name)) {
            add(l, " ('%s' differs by blanks or case)", column);
            return;
        }
        const size_t d = cli_distance(name, column);
        if (d < best_distance) {
            best_distance = d;
            best = column;
        }
    }
    if (best != NULL) {
        add(l, " (did you mean '%s'?)", best);
    }
}

static void add_present(line *l, const evtwin_table *table) {
    const size_t n = evtwin_table_cols(table);
    for (size_t i = 0; i < n && i < MAX_LISTED; i++) {
        add(l, "%s%.40s", i > 0 ? ", " : "", evtwin_table_name(table, i));
    }
    if (n > MAX_LISTED) {
        add(l, " and %zu more", n - MAX_LISTED);
    }
}

/* A header in one piece has another separator than a comma. */
static const char *separator_of(const evtwin_table *table) {
    const char *name = evtwin_table_cols(table) == 1 ? evtwin_table_name(table, 0) : "";
    return strchr(name, ';') != NULL ? "semicolons" : strchr(name, '\t') != NULL ? "tabs" : NULL;
}

int cli_check_columns(const char *path, const evtwin_table *table, const char *const *names,
                      size_t n, const char *next_step) {
    line missing = {.length = 0}, present = {.length = 0};
    size_t n_missing = 0;
    for (size_t i = 0; i < n; i++) {
        if (names[i] == NULL || strcmp(names[i], "none") == 0 || has_column(table, names[i])) {
            continue;
        }
        n_missing++;
        if (n_missing <= MAX_LISTED) {
            add(&missing, "%s%.60s", n_missing > 1 ? ", " : "", names[i]);
            add_nearest(&missing, table, names, n, names[i]);
        }
    }
    if (n_missing == 0) {
        return 0;
    }
    if (n_missing > MAX_LISTED) {
        add(&missing, " and %zu more", n_missing - MAX_LISTED);
    }
    const char *separator = separator_of(table);
    if (separator != NULL) {
        cli_error("%s: the columns are separated by %s; they must be separated by commas", path,
                  separator);
        return CLI_DATA;
    }
    add_present(&present, table);
    cli_error("%s: required column%s missing: %s; the file has %s; %s", path,
              n_missing > 1 ? "s" : "", missing.text, present.text, next_step);
    return CLI_DATA;
}
