/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_csv.c: read the CSV of a command line; columns that must be numbers, and columns
 * that are missing and why perhaps. */

#include "cli/cli_parts.h"

#include "evtwin/telemetry.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LISTED = 12 };

static evtwin_naive_time naive_of(const char *text) {
    return strcmp(text, "utc") == 0     ? EVTWIN_NAIVE_UTC
           : strcmp(text, "local") == 0 ? EVTWIN_NAIVE_LOCAL
                                        : EVTWIN_NAIVE_REJECT;
}

/* The first of the comma-separated names whose column holds text, as a new string; NULL if none. */
static char *first_text_column(const evtwin_table *table, const char *names) {
    while (*names != '\0') {
        const size_t length = strcspn(names, ",");
        char *name = strndup(names, length);
        if (name == NULL) {
            return NULL;
        }
        const size_t col = evtwin_table_find(table, name);
        if (col != EVTWIN_NO_COLUMN && evtwin_table_type(table, col) == EVTWIN_TEXT) {
            return name;
        }
        free(name);
        names += length + (names[length] == ',');
    }
    return NULL;
}

int cli_read_csv(const char *path, const char *numbers, const char *text, const char *naive,
                 evtwin_table **out) {
    evtwin_csv_options csv;
    evtwin_csv_options_init(&csv, sizeof csv);
    csv.naive_time = naive_of(naive);
    csv.text_columns = text;
    cli_progress(NULL, "reading", -1);
    evtwin_table *table;
    evtwin_status st = evtwin_table_read_csv(path, &csv, &table);
    const int is_stdin = strcmp(path, "-") == 0;
    if (st == EVTWIN_E_NOT_FOUND && text != NULL && !is_stdin && access(path, F_OK) == 0) {
        csv.text_columns = NULL; /* the name is not in the header: the caller will say so */
        st = evtwin_table_read_csv(path, &csv, &table);
    }
    cli_progress_clear();
    if (st == EVTWIN_E_NOT_FOUND && text != NULL && is_stdin) {
        cli_error("standard input: required column missing: %s", text);
        return CLI_DATA;
    }
    if (st < 0) {
        return cli_fail(CLI_AN_INPUT, st, NULL);
    }

    /* A column that had to be numbers and is text: read again to learn which value is to blame. A
     * name that is not in the header is no concern here. */
    char *culprit = numbers != NULL ? first_text_column(table, numbers) : NULL;
    if (culprit == NULL) {
        *out = table;
        return 0;
    }
    evtwin_table_free(table);
    csv.number_columns = culprit;
    csv.text_columns = NULL;
    st = evtwin_table_read_csv(path, &csv, &table);
    if (st < 0) {
        free(culprit);
        return cli_fail(CLI_AN_INPUT, st, NULL);
    }
    evtwin_table_free(table);
    cli_error("%s: column %s must be numbers, and is named as a group too", path, culprit);
    free(culprit);
    return CLI_DATA;
}

static int has_column(const evtwin_table *table, const char *name) {
    return evtwin_table_find(table, name) != EVTWIN_NO_COLUMN ||
           evtwin_telemetry_find(table, name) != EVTWIN_NO_COLUMN;
}

static int is_among(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (names[i] != NULL && strcmp(names[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What was perhaps meant by the missing name: a column that comes near and is not itself required.
 */
static void print_nearest(FILE *f, const evtwin_table *table, const char *const *names, size_t n,
                          const char *name) {
    cli_nearest nearest = {.name = name};
    for (size_t i = 0; i < evtwin_table_cols(table); i++) {
        const char *column = evtwin_table_name(table, i);
        if (is_among(names, n, column)) {
            continue;
        }
        if (cli_is_respelled(column, name)) {
            fprintf(f, " ('%s' differs by blanks or case)", column);
            return;
        }
        cli_nearest_offer(&nearest, column);
    }
    if (nearest.best != NULL) {
        fprintf(f, " (did you mean '%s'?)", nearest.best);
    }
}

/* The required columns that the table lacks; returns how many. */
static size_t print_missing(FILE *f, const evtwin_table *table, const char *const *names,
                            size_t n) {
    size_t n_missing = 0;
    for (size_t i = 0; i < n; i++) {
        if (names[i] == NULL || strcmp(names[i], "none") == 0 || has_column(table, names[i])) {
            continue;
        }
        n_missing++;
        if (n_missing <= MAX_LISTED) {
            fprintf(f, "%s%.60s", n_missing > 1 ? ", " : "", names[i]);
            print_nearest(f, table, names, n, names[i]);
        }
    }
    if (n_missing > MAX_LISTED) {
        fprintf(f, " and %zu more", n_missing - MAX_LISTED);
    }
    return n_missing;
}

static void print_present(FILE *f, const evtwin_table *table) {
    const size_t n = evtwin_table_cols(table);
    fputs("; the file has ", f);
    for (size_t i = 0; i < n && i < MAX_LISTED; i++) {
        fprintf(f, "%s%.40s", i > 0 ? ", " : "", evtwin_table_name(table, i));
    }
    if (n > MAX_LISTED) {
        fprintf(f, " and %zu more", n - MAX_LISTED);
    }
}

int cli_check_columns(const char *path, const evtwin_table *table, const char *const *names,
                      size_t n, const char *next_step) {
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return cli_out_of_memory();
    }
    const size_t n_missing = print_missing(f, table, names, n);
    print_present(f, table);
    if (fclose(f) != 0) {
        free(text);
        return cli_out_of_memory();
    }

    /* a header in one piece has another separator than a comma */
    const char *only = evtwin_table_cols(table) == 1 ? evtwin_table_name(table, 0) : "";
    const char *separator = strchr(only, ';') != NULL    ? "semicolons"
                            : strchr(only, '\t') != NULL ? "tabs"
                                                         : NULL;
    if (n_missing > 0 && separator != NULL) {
        cli_error("%s: the columns are separated by %s; they must be separated by commas", path,
                  separator);
    } else if (n_missing > 0) {
        cli_error("%s: required column%s missing: %s; %s", path, cli_s(n_missing), text, next_step);
    }
    free(text);
    return n_missing > 0 ? CLI_DATA : 0;
}

int cli_override_units(const cli *c, size_t option, evtwin_table *table) {
    for (size_t i = 0; i < cli_count(c, option); i++) {
        const evtwin_status st = evtwin_telemetry_override_units(table, cli_item(c, option, i));
        if (st < 0) {
            cli_fail(CLI_AN_OPTION, st, "see --unit");
            return CLI_USAGE;
        }
    }
    return 0;
}
