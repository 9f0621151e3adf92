/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_csv.c: read the CSV of a command line; columns that must be numbers, and columns
 * that are missing and why perhaps. */

#include "cli/cli_parts.h"

#include "evtwin/telemetry.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LISTED = 12 };

static evtwin_naive_time naive_of(const char *text) {
    return strcmp(text, "utc") == 0     ? EVTWIN_NAIVE_UTC
           : strcmp(text, "local") == 0 ? EVTWIN_NAIVE_LOCAL
                                        : EVTWIN_NAIVE_REJECT;
}

/* Telemetry of another type (time, is_charging, …) is read as what it is. */
static int is_number(const char *name) {
    size_t index;
    evtwin_quantity q;
    return evtwin_quantity_find(name, &index, NULL, NULL) < 0 ||
           evtwin_quantity_get(index, &q, sizeof q) < 0 || q.type == EVTWIN_F64 ||
           q.type == EVTWIN_I64;
}

/* The comma-separated names that are read as numbers, as a new string (NULL if memory is out): not
 * the one that is text, which *is_text_too reports. */
static char *number_columns(const char *names, const char *text, int *is_text_too) {
    char *copy = strdup(names), *list = calloc(1, strlen(names) + 1), *rest = NULL;
    if (copy == NULL || list == NULL) {
        free(copy);
        free(list);
        return NULL;
    }
    for (char *name = strtok_r(copy, ",", &rest), *end = list; name != NULL;
         name = strtok_r(NULL, ",", &rest)) {
        if (text != NULL && strcmp(name, text) == 0) {
            *is_text_too = 1;
        } else if (is_number(name)) {
            end = stpcpy(stpcpy(end, end == list ? "" : ","), name);
        }
    }
    free(copy);
    return list;
}

int cli_read_csv(const char *path, const char *numbers, const char *text, const char *naive,
                 evtwin_table **out) {
    int is_text_too = 0;
    char *list = number_columns(numbers, text, &is_text_too);
    if (list == NULL) {
        return cli_out_of_memory();
    }
    evtwin_csv_options csv;
    evtwin_csv_options_init(&csv, sizeof csv);
    csv.naive_time = naive_of(naive);
    csv.number_columns = list;
    csv.text_columns = text;
    csv.allow_absent = 1; /* the caller knows which it needs */
    cli_progress(NULL, "reading", -1);
    evtwin_table *table;
    const evtwin_status st = evtwin_table_read_csv(path, &csv, &table);
    cli_progress_clear();
    free(list);
    if (st < 0) {
        return cli_fail(CLI_AN_INPUT, st, NULL);
    }
    if (is_text_too && evtwin_table_find(table, text) != EVTWIN_NO_COLUMN) {
        evtwin_table_free(table);
        cli_error("%s: column %s must be numbers, and is named as a group too", path, text);
        return CLI_DATA;
    }
    *out = table;
    return 0;
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
