/* SPDX-License-Identifier: MIT */
/* tools/cli_csv.c: read the CSV of a command line, with columns that must be numbers. */

#include "cli.h"

#include "evtwin/telemetry.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
