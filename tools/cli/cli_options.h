/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_options.h: the option table of a tool, and the value that each option has. */
#ifndef EVTWIN_TOOLS_CLI_OPTIONS_H
#define EVTWIN_TOOLS_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

typedef enum cli_kind {
    CLI_SWITCH,  /* takes no argument; "true" or "false" in a file and in the environment */
    CLI_TEXT,    /* any string, or one of `choices` */
    CLI_LIST,    /* a string that may be given again */
    CLI_INTEGER, /* in [min, max] */
    CLI_NUMBER   /* in [min, max] */
} cli_kind;

/* One row of a tool's option table: parsing, --help, --print-config and docs/cli.md follow it. */
typedef struct cli_option {
    const char *group;       /* heading in --help; NULL = that of the row before */
    const char *name;        /* long name, also the key in a configuration file */
    char letter;             /* short name, 0 = none */
    const char *argument;    /* "FILE"; NULL for a switch */
    const char *environment; /* NULL = none */
    const char *initial;     /* default as a string; NULL = not set */
    const char *help;        /* the default is added to it */
    cli_kind kind;
    double min, max;     /* of CLI_INTEGER and CLI_NUMBER */
    const char *choices; /* "ecm|classic"; NULL = any string */
} cli_option;

typedef struct cli_tool {
    const char *name;
    const char *purpose;    /* two lines: what it does */
    const char *usage;      /* lines below "Usage:", each without the tool's name */
    const char *positional; /* what the one argument is called; NULL = the tool takes none */
    const char *examples;   /* lines, as they stand */
    const cli_option *options;
    size_t n_options;
} cli_tool;

typedef enum cli_origin {
    CLI_FROM_DEFAULT,
    CLI_FROM_FILE,
    CLI_FROM_ENVIRONMENT,
    CLI_FROM_FLAG
} cli_origin;

/* One value per option, by its index in the table. */
typedef struct cli cli;

/* ---- start and end of a tool (cli_program.c) ---- */

enum { CLI_CONTINUE = -1 }; /* of cli_start: the tool's own work is next */

/**
 * Read flags, environment and configuration file, check every value, answer --help, --version and
 * --print-config. Returns CLI_CONTINUE, or the exit code to leave with. *out is freed by
 * cli_finish.
 */
int cli_start(const cli_tool *tool, int argc, char **argv, cli **out);

/* Flush standard output, free, and give the exit code: `code`, or another if the flush failed. */
int cli_finish(cli *c, int code);

/* ---- values ---- */

const char *cli_text(const cli *c, size_t option); /* NULL if not set */
int cli_is_on(const cli *c, size_t option);        /* a switch */
int cli_is_set(const cli *c, size_t option);       /* not the default */
double cli_number(const cli *c, size_t option);    /* CLI_NUMBER and CLI_INTEGER */
int64_t cli_integer(const cli *c, size_t option);
cli_origin cli_from(const cli *c, size_t option);
size_t cli_count(const cli *c, size_t option); /* how often it was given: the items of a CLI_LIST */
const char *cli_item(const cli *c, size_t option, size_t i);
const char *const *cli_items(const cli *c, size_t option); /* all of them, NULL if none */
const char *cli_argument(const cli *c); /* the positional argument, NULL if none */

/* What set an option, as the user would look for it: "--port", "API_PORT" or "port in FILE". */
const char *cli_called(const cli *c, size_t option, char *text, size_t size);

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

/* ---- parts of cli_start, each 0 or an exit code ---- */

int cli_options_read_flags(const cli_tool *tool, int argc, char **argv, cli **out);
int cli_options_read_environment_and_file(cli *c);
void cli_options_free(cli *c);

/* ---- help (cli_help.c) ---- */

/* Print words from column `indent` on, on as many lines as it takes. */
void cli_print_wrapped(const char *text, int indent);
void cli_print_help(const cli_tool *tool);
void cli_print_version(const cli_tool *tool);
void cli_print_config(const cli *c, const cli_tool *tool);

/* ---- numbers (cli_numbers.c) ---- */

/* The whole string as a decimal number; 0 if it is not one. */
int cli_parse_number(const char *text, double *out);
int cli_parse_integer(const char *text, int64_t *out);

#endif
