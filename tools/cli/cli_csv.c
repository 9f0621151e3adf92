/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_csv.c: read the CSV of a command line; columns that must be numbers, and columns
 * that are missing and why perhaps. */

#include "cli/cli_parts.h"

#include "evtwin/telemetry.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* The one byte that an option gives; "tab" and "\t" are words for one. */
static int byte_of(const cli *c, size_t option, char *out) {
    const char *text = cli_text(c, option);
    if (text == NULL) {
        return 0;
    }
    const int is_tab = strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0;
    CLI_FAIL_IF(!is_tab && strlen(text) != 1, CLI_USAGE, "--delimiter: '%s' is not one character",
                text);
    *out = is_tab ? '\t' : text[0];
    return 0;
}

int cli_has_column(const evtwin_csv *csv, const char *name) {
    const char *column;
    for (size_t i = 0; (column = evtwin_csv_name(csv, i)) != NULL; i++) {
        if (strcmp(column, name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int set_units(const cli *c, size_t option, evtwin_csv *csv) {
    for (size_t i = 0; i < cli_count(c, option); i++) {
        const evtwin_status st = evtwin_csv_set_units(csv, cli_item(c, option, i));
        if (st < 0) {
            cli_fail(CLI_AN_OPTION, st, "see --unit");
            return CLI_USAGE;
        }
    }
    return 0;
}

int cli_open_csv(const cli *c, size_t first, const char *path, const char *numbers,
                 const char *text, const char *others, int has_several_tests, evtwin_csv **out) {
    evtwin_csv_options csv;
    evtwin_csv_options_init(&csv, sizeof csv);
    CLI_TRY(byte_of(c, first + CLI_CSV_DELIMITER, &csv.delimiter));
    CLI_TRY(byte_of(c, first + CLI_CSV_DECIMAL, &csv.decimal));
    int is_text_too = 0;
    char *list = number_columns(numbers, text, &is_text_too);
    if (list == NULL) {
        return cli_out_of_memory();
    }
    csv.naive_time = naive_of(cli_text(c, first + CLI_CSV_NAIVE_TIME));
    csv.time_format = cli_text(c, first + CLI_CSV_TIME_FORMAT);
    csv.skip_lines = (size_t)cli_integer(c, first + CLI_CSV_SKIP_LINES);
    csv.number_columns = list;
    csv.text_columns = text;
    csv.used_columns = numbers;
    csv.other_columns = others;
    csv.has_several_tests = has_several_tests;
    csv.allow_absent = 1;              /* the caller knows which it needs */
    cli_progress(NULL, "reading", -1); /* a pipe may take its time */
    evtwin_csv *opened;
    const evtwin_status st = evtwin_csv_open(path, &csv, &opened);
    cli_progress_clear();
    free(list);
    if (st == EVTWIN_E_ARG) {
        cli_fail(CLI_AN_OPTION, st, NULL);
        return CLI_USAGE;
    }
    if (st < 0) {
        return cli_fail(CLI_AN_INPUT, st, NULL);
    }
    int code = set_units(c, first + CLI_CSV_UNIT, opened);
    if (code == 0 && is_text_too && cli_has_column(opened, text)) {
        cli_error("%s: column %s must be numbers, and is named as a group too", path, text);
        code = CLI_DATA;
    }
    if (code != 0) {
        evtwin_csv_free(opened);
        return code;
    }
    *out = opened;
    return 0;
}

int cli_read_csv(evtwin_csv *csv, evtwin_table **out) {
    cli_progress(NULL, "reading", -1);
    const evtwin_status st = evtwin_csv_read(csv, out);
    cli_progress_clear();
    return st < 0 ? cli_fail(CLI_AN_INPUT, st, NULL) : 0;
}

/* A value that fits in no other unit is mostly a number that stands for a missing one. */
const char *cli_after_range(void) {
    return strstr(evtwin_last_error(), "unit override") != NULL
               ? "--unit takes it"
               : "correct it, or leave the field empty if the value is missing";
}

/* Does a column have that name, or hold the quantity of that name? */
static int has_column(const evtwin_csv *csv, const char *name) {
    size_t wanted, index;
    if (cli_has_column(csv, name)) {
        return 1;
    }
    const int is_quantity = evtwin_quantity_find(name, &wanted, NULL, NULL) >= 0;
    const char *column;
    for (size_t i = 0; is_quantity && (column = evtwin_csv_name(csv, i)) != NULL; i++) {
        if (evtwin_quantity_find(column, &index, NULL, NULL) >= 0 && index == wanted) {
            return 1;
        }
    }
    return 0;
}

static int is_among(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (names[i] != NULL && strcmp(names[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Is the column the name with a unit behind it: "soc [%]", "Voltage(V)"? */
static int has_unit_behind(const char *column, const char *name) {
    const size_t n = strlen(name);
    if (strncasecmp(column, name, n) != 0) {
        return 0;
    }
    const char *behind = column + n + strspn(column + n, " _");
    return *behind != '\0' && strchr("[(/", *behind) != NULL;
}

/* What was perhaps meant by the missing name: a column that comes near and is not itself required.
 */
static void print_nearest(FILE *f, const evtwin_csv *csv, const char *const *names, size_t n,
                          const char *name) {
    cli_nearest nearest = {.name = name};
    const char *column;
    for (size_t i = 0; (column = evtwin_csv_name(csv, i)) != NULL; i++) {
        if (is_among(names, n, column)) {
            continue;
        }
        if (cli_is_respelled(column, name)) {
            fprintf(f, " ('%s' differs by blanks or case)", column);
            return;
        }
        if (has_unit_behind(column, name)) {
            fprintf(f,
                    " (take the unit off the name '%s', and say it with --unit if it is not ours)",
                    column);
            return;
        }
        cli_nearest_offer(&nearest, column);
    }
    if (nearest.best != NULL) {
        fprintf(f, " (did you mean '%s'?)", nearest.best);
    }
}

/* The required columns that the table lacks; returns how many. */
static size_t print_missing(FILE *f, const evtwin_csv *csv, const char *const *names, size_t n) {
    size_t n_missing = 0;
    for (size_t i = 0; i < n; i++) {
        if (names[i] == NULL || strcmp(names[i], "none") == 0 || has_column(csv, names[i])) {
            continue;
        }
        n_missing++;
        if (n_missing <= MAX_LISTED) {
            fprintf(f, "%s%.60s", n_missing > 1 ? ", " : "", names[i]);
            print_nearest(f, csv, names, n, names[i]);
        }
    }
    if (n_missing > MAX_LISTED) {
        fprintf(f, " and %zu more", n_missing - MAX_LISTED);
    }
    return n_missing;
}

static void print_present(FILE *f, const evtwin_csv *csv) {
    size_t n = 0;
    const char *column;
    for (size_t i = 0; (column = evtwin_csv_name(csv, i)) != NULL; i++) {
        if (column[0] != '\0' && n++ < MAX_LISTED) {
            fprintf(f, "%s%.40s", n > 1 ? ", " : "; the file has ", column);
        }
    }
    if (n > MAX_LISTED) {
        fprintf(f, " and %zu more", n - MAX_LISTED);
    }
}

int cli_check_columns(const char *path, const evtwin_csv *csv, const char *const *names, size_t n,
                      const char *next_step) {
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL) {
        return cli_out_of_memory();
    }
    const size_t n_missing = print_missing(f, csv, names, n);
    print_present(f, csv);
    if (fclose(f) != 0) {
        free(text);
        return cli_out_of_memory();
    }
    if (n_missing > 0) {
        cli_error("%s: required column%s missing: %s; %s", path, cli_s(n_missing), text,
                  evtwin_csv_name(csv, 1) == NULL ? "--delimiter says what separates the fields"
                                                  : next_step);
    }
    free(text);
    return n_missing > 0 ? CLI_DATA : 0;
}
