/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_console.c: what tools print for people to watch, which are messages where a
 * program reads the log. */

#include "cli/cli_parts.h"

#include <stdlib.h>
#include <string.h>

static char *console_text;
static size_t console_size;

FILE *cli_console_open(FILE *f) {
    FILE *memory = cli_log_is_json() ? open_memstream(&console_text, &console_size) : NULL;
    return memory != NULL ? memory : f;
}

int cli_console_close(FILE *console) {
    if (!cli_log_is_json() || console == stdout || console == stderr) {
        return fflush(console) == 0;
    }
    fclose(console);
    char *line, *rest = console_text;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (*line != '\0') {
            cli_note("%s", line);
        }
    }
    free(console_text);
    console_text = NULL;
    return 1;
}
