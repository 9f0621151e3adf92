/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_parts.h: what the files of this folder need of each other. */
#ifndef EVTWIN_TOOLS_CLI_PARTS_H
#define EVTWIN_TOOLS_CLI_PARTS_H

#include "cli/cli.h"

/* ---- the table: the tool's own options, then those that every tool has ---- */

enum {
    CLI_OPT_CONFIG,
    CLI_OPT_PRINT_CONFIG,
    CLI_OPT_QUIET,
    CLI_OPT_VERBOSE,
    CLI_OPT_NO_COLOR,
    CLI_OPT_HELP,
    CLI_OPT_VERSION,
    CLI_N_COMMON
};

const cli_option *cli_option_at(const cli_tool *tool, size_t i);
size_t cli_option_count(const cli_tool *tool);
/* May it stand in a configuration file? Not what is about the file or the output. */
int cli_option_is_setting(const cli_tool *tool, size_t i);

/* Two steps of cli_main, each 0 or an exit code: the environment and the file are read after
 * --help is answered. */
int cli_options_read_flags(const cli_tool *tool, int argc, char **argv, cli **out);
int cli_options_read_environment_and_file(cli *c);
void cli_options_free(cli *c);

/* Program name, how much is printed, colour; the library's log goes the same way. verbose: how
 * often it was given. */
void cli_messages_init(const char *program, int quiet, int verbose, int no_color);

int cli_terminal(FILE *stream); /* 1 if it is a terminal that can move its cursor */

/* Handle SIGINT and SIGTERM; SIGPIPE is an error code. before: what stands before
 * the last words of CLI_STOP_LEAVES. */
void cli_signals_init(const char *before);

/* ---- the name that a mistyped one meant (cli_spelling.c) ---- */

/* Start with {.name = …}, then offer candidates; best stays NULL if none is near. */
typedef struct cli_nearest {
    const char *name, *best;
    size_t distance;
} cli_nearest;

void cli_nearest_offer(cli_nearest *nearest, const char *candidate);

/* The same name but for blanks and case? */
int cli_is_respelled(const char *a, const char *b);

#endif
