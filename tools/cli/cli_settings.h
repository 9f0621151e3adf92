/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_settings.h: the values of the options, and what sets them: flags, environment,
 * file. */
#ifndef EVTWIN_TOOLS_CLI_SETTINGS_H
#define EVTWIN_TOOLS_CLI_SETTINGS_H

#include "cli/cli_parts.h"

typedef struct setting {
    cli_origin origin;
    const char *text; /* the last one given; NULL = not set */
    double number;
    int64_t integer;
    int is_on;
    size_t n_given;     /* how often, at this origin */
    const char **items; /* of a CLI_LIST: all that were given */
} setting;

struct cli {
    const cli_tool *tool;
    const char *argument;
    char *file;              /* the configuration file, cut into lines; values point into it */
    const char *shared_file; /* --config, if others can read it */
    setting values[];
};

/* Take a value; `text` is NULL for a switch given as a flag, `where` names the line of a file. 0,
 * or the exit code after the reason. */
int cli_set_value(cli *c, size_t option, const char *text, cli_origin origin, const char *where);

/* "--fleet" as the user wrote it: a flag, a variable, or a line of a file. */
const char *cli_spell(const cli_option *o, cli_origin origin, const char *where, char *text,
                      size_t size);

int cli_parse_integer(const char *text, int64_t *out); /* 1 if it is one */

/* Each 0 or an exit code. */
int cli_flags_read(cli *c, int argc, char **argv);
int cli_config_read(cli *c);

#endif
