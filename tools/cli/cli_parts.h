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
    CLI_OPT_LOG_FORMAT,
    CLI_OPT_HELP,
    CLI_OPT_VERSION,
    CLI_OPT_COMPLETION,
    CLI_N_COMMON
};

#define CLI_LOG_FORMAT_VARIABLE "EVTWIN_LOG_FORMAT"

const cli_option *cli_option_at(const cli_tool *tool, size_t i);
size_t cli_option_count(const cli_tool *tool);
/* May it stand in a configuration file? Not what is about the file or the output. */
int cli_option_is_setting(const cli_tool *tool, size_t i);
/* The known long name closest to a mistyped one, NULL if none is near. */
const char *cli_nearest_option(const cli_tool *tool, const char *name);

/* Two steps of cli_main, each 0 or an exit code: the environment and the file are read after
 * --help is answered. */
int cli_options_read_flags(const cli_tool *tool, int argc, char **argv, cli **out);
int cli_options_read_environment_and_file(cli *c);
void cli_options_free(cli *c);

/* What completes the tool's command line in that shell, a choice of --completion
 * (cli_completion.c). */
void cli_print_completion(const cli_tool *tool, const char *shell);

/* How much is printed, colour; the library's log goes the same way. verbose: how often it was
 * given. */
void cli_messages_init(int quiet, int verbose, int no_color);

int cli_terminal(FILE *stream); /* 1 if it is a terminal that can move its cursor */

/* Handle SIGINT and SIGTERM; SIGPIPE is an error code. before: what stands before the last line of
 * CLI_STOP_LEAVES, such as what takes a bar off the screen; static. */
void cli_signals_init(const char *before);

/* ---- the form of a message (cli_log.c) ---- */

enum { CLI_STAMP_SIZE = sizeof "2026-01-31T12:00:00.000Z" - 1 };

/* format: a choice of --log-format. */
void cli_log_init(const char *program, const char *format);
int cli_log_is_json(void);
int cli_log_is_plain(void); /* it may have colours and a bar beside it */

/* A whole line with its newline, cut at size, which is at least 256; returns its length. *stamp_out
 * is where its time stands, NULL = nowhere. */
size_t cli_log_line(char *line, size_t size, evtwin_log_level level, int is_colored,
                    const char *text, char **stamp_out);
/* The time now; a handler of signals may call it. */
void cli_log_stamp(char at[CLI_STAMP_SIZE]);

/* ---- the manager of services (cli_notify.c) ---- */

/* Read what the environment says of it, and take that out of the environment. What is wrong with
 * it, NULL = nothing; static memory. */
const char *cli_notify_init(void);
/* How often it is to be called for signs of life, or for what the manager could not take; INFINITY
 * = not at all. */
double cli_notify_every_s(void);

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
