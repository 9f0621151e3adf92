/* SPDX-License-Identifier: MIT */
/* tools/cli.h: what the tools share: options, help, messages, exit codes, progress, signals. */
#ifndef EVTWIN_TOOLS_CLI_H
#define EVTWIN_TOOLS_CLI_H

#include "evtwin/table.h"

#include <stdint.h>
#include <stdio.h>

/* ---- exit codes (the table that --help prints is made from this list) ---- */

#define CLI_EXIT_LIST(X)                                                                           \
    X(OK, 0, "done, or stopped cleanly by Ctrl-C or SIGTERM")                                      \
    X(FAILURE, 1, "it ran and then failed")                                                        \
    X(USAGE, 2, "the command line makes no sense")                                                 \
    X(DATA, 65, "the input is damaged, out of range or does not fit")                              \
    X(NO_INPUT, 66, "an input cannot be read")                                                     \
    X(UNAVAILABLE, 69, "a port, battery or service is held by something else")                     \
    X(CANT_CREATE, 73, "the output cannot be written")                                             \
    X(CONFIG, 78, "the configuration file or the environment makes no sense")                      \
    X(CANCELLED, 130, "stopped before the job was done (143 after SIGTERM)")

enum {
#define CLI_EXIT_ENUM(name, value, text) CLI_##name = value,
    CLI_EXIT_LIST(CLI_EXIT_ENUM)
#undef CLI_EXIT_ENUM
        CLI_CONTINUE = -1 /* cli_start: nothing to say yet, go on */
};

/* ---- options ---- */

typedef enum cli_kind {
    CLI_SWITCH,  /* takes no argument; "true" or "false" in a file and in the environment */
    CLI_TEXT,    /* any text, or one of `choices` */
    CLI_LIST,    /* text that may be given again */
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
    const char *initial;     /* default as text; NULL = not set */
    const char *help;        /* the default is added to it */
    cli_kind kind;
    double min, max;     /* of CLI_INTEGER and CLI_NUMBER */
    const char *choices; /* "ecm|classic"; NULL = any text */
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

/* What was asked for: one value per option, by its index in the table. */
typedef struct cli cli;

/**
 * Read flags, environment and configuration file, check every value, answer --help, --version and
 * --print-config. Returns CLI_CONTINUE, or the exit code to leave with. *out is freed by
 * cli_finish.
 */
int cli_start(const cli_tool *tool, int argc, char **argv, cli **out);

/* Flush standard output, free, and give the exit code: `code`, or another if the flush went wrong.
 */
int cli_finish(cli *c, int code);

const char *cli_text(const cli *c, size_t option); /* NULL if not set */
int cli_is_on(const cli *c, size_t option);        /* a switch */
int cli_is_set(const cli *c, size_t option);       /* not the default */
double cli_number(const cli *c, size_t option);    /* CLI_NUMBER and CLI_INTEGER */
int64_t cli_integer(const cli *c, size_t option);
cli_origin cli_from(const cli *c, size_t option);
size_t cli_count(const cli *c, size_t option); /* items of a CLI_LIST */
const char *cli_item(const cli *c, size_t option, size_t i);
const char *const *cli_items(const cli *c, size_t option); /* all of them, NULL if none */
const char *cli_argument(const cli *c); /* the positional argument, NULL if none */

/* What set an option, as the user would look for it: "--port", "API_PORT" or "port in FILE". */
const char *cli_called(const cli *c, size_t option, char *text, size_t size);

/* ---- parts of the above that have their own file ---- */

/* Whole text as a decimal number; 0 if it is not one. At most 15 significant digits. */
int cli_parse_number(const char *text, double *out);
int cli_parse_integer(const char *text, int64_t *out);
/* As few digits as give the same number back, whole numbers in full; text of at least 32 bytes. */
void cli_format_number(double value, char *text, size_t text_size);

/* Options every tool has follow its own ones in the same order. */
extern const cli_option cli_common_options[];
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

/* Option i of the tool's and the common ones. */
const cli_option *cli_option_at(const cli_tool *tool, size_t i);
size_t cli_option_count(const cli_tool *tool);

/* Index of a long name, or cli_option_count(). */
size_t cli_option_find(const cli_tool *tool, const char *name);
/* The known long name closest to a mistyped one, NULL if none is near. */
const char *cli_nearest_option(const cli_tool *tool, const char *name);

/* How many letters apart two names are; at least `far` once it is that many. Case does not count.
 */
size_t cli_distance(const char *a, const char *b);
/* The distance from which on a name is not what was meant. */
size_t cli_far(const char *name);

/* Print words from column `indent` on, on as many lines as it takes. */
void cli_print_wrapped(const char *text, int indent);

void cli_print_help(const cli_tool *tool);
void cli_print_version(const cli_tool *tool);
void cli_print_config(const cli *c, const cli_tool *tool);

/* `text` with passwords (scheme://user:password@…, password=…) replaced by ***; freed by the
 * caller. */
char *cli_redact(const char *text);

/* ---- messages, on standard error ---- */

#if defined(__GNUC__)
#define CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLI_PRINTF(text, first)
#endif

/* Called by cli_start: program name, how much to say, colour; the library's log goes the same way.
 */
void cli_messages_init(const char *program, int quiet, int verbose, int no_color);

void cli_error(const char *format, ...) CLI_PRINTF(1, 2);   /* always */
void cli_warning(const char *format, ...) CLI_PRINTF(1, 2); /* always */
void cli_note(const char *format, ...) CLI_PRINTF(1, 2);    /* unless --quiet */
void cli_detail(const char *format, ...) CLI_PRINTF(1, 2);  /* with --verbose */

/* The ending of a counted word: "" for one, "s" for any other number. */
const char *cli_s(uint64_t n);

/* "label: 12.3unit", or "label: unknown" where there is no number. */
void cli_print_value(FILE *f, const char *label, double value, int digits, const char *unit);

int cli_quiet(void);
int cli_verbose(void);
int cli_terminal(FILE *stream); /* 1 if it is a terminal that can move its cursor */
int cli_color(FILE *stream);    /* 1 if colours are welcome there */

/* What a call was about decides which exit code its failure is. */
typedef enum cli_role {
    CLI_AN_INPUT,  /* a file: its text and numbers */
    CLI_AN_OUTPUT, /* a file, folder or sink */
    CLI_A_STORE,   /* a store or source, named by a URI */
    CLI_AN_OPTION, /* the value of an option */
    CLI_A_SERVICE  /* a port */
} cli_role;

/* Say the library's last error (and, after "; ", what to do, if not NULL); give the exit code. */
int cli_fail(cli_role role, evtwin_status status, const char *next_step);

/* The same for a failure that the library reports without the file it was about, or by its bare
 * name. */
int cli_fail_about(const char *path, cli_role role, evtwin_status status, const char *next_step);

/* 1 if waiting does not cure it: the same records would be refused again. */
int cli_is_hopeless(evtwin_status status);

/* "program: stopped; outcome" as a signal handler can write it. */
void cli_format_last_words(const char *outcome, char *text, size_t size);

/* Say that memory is out; give the exit code. */
int cli_out_of_memory(void);

/**
 * Can this output be made, as far as one can tell before the work? 0 or an exit code, after saying
 * so.
 * "-" always can.
 */
int cli_check_output_file(const char *path);
int cli_check_output_folder(const char *path);

/* ---- CSV files of the command line ---- */

/**
 * Read a file. numbers: names, comma-separated, that must be numeric where they exist (NULL =
 * none); text: as text_columns of evtwin_csv_options; naive: "utc", "local" or "reject". 0 or an
 * exit code.
 */
int cli_read_csv(const char *path, const char *numbers, const char *text, const char *naive,
                 evtwin_table **out);

/**
 * Does the table have all these columns, under any naming of telemetry? NULL and "none" are passed
 * over. 0, or CLI_DATA after saying in one line which are missing, what was perhaps meant, and what
 * to do.
 */
int cli_check_columns(const char *path, const evtwin_table *table, const char *const *names,
                      size_t n, const char *next_step);

/* Apply a --unit list to a table. 0 or an exit code. */
int cli_override_units(const cli *c, size_t option, evtwin_table *table);

/* ---- sinks of the command line ---- */

/* 1 if a sink writes to standard output. */
int cli_sink_is_stdout(const char *uri);

/* 1 if who read standard output went away (… | head): nothing to say then. */
int cli_stdout_has_no_reader(void);

/* 0, or CLI_USAGE after saying which end two of the sinks share. */
int cli_check_sinks(const char *const *uris, size_t n);

/* ---- progress, on standard error: a bar on a terminal, else a line every few seconds ---- */

/* An evtwin_progress_fn; ctx is not used. Non-zero once Ctrl-C was pressed. */
int cli_progress(void *ctx, const char *what, double done);
/* Take the bar off the screen, before anything else is printed. */
void cli_progress_clear(void);

/* ---- signals and time ---- */

/* What the first SIGINT or SIGTERM does. The second one leaves at once with 130 or 143. */
typedef enum cli_stop_way {
    CLI_STOP_ASKS,   /* cli_stopping() tells: for a loop that looks */
    CLI_STOP_LEAVES, /* the process ends with one line: for work that leaves nothing behind */
    CLI_STOP_CUTS    /* the write of a file fails like on a full disk: for files that the library
                        makes whole or takes away */
} cli_stop_way;

/* Handle SIGINT and SIGTERM (CLI_STOP_ASKS); SIGPIPE is an error code. */
void cli_signals_init(void);
/* outcome: what the line of CLI_STOP_LEAVES says after "stopped; ", else NULL. */
void cli_on_stop(cli_stop_way way, const char *outcome);

/* Around a call that writes a file whole or not at all: a signal cuts it short. 0, or an exit code
 * after saying why there is no file. */
void cli_begin_write(const char *path);
int cli_end_write(const char *path, evtwin_status status, const char *next_step);
int cli_stopping(void); /* the signal that asked to stop, 0 = none */
double cli_now_s(void); /* a clock that never jumps */
/* Sleep; 1 if a signal cut it short. */
int cli_sleep_until_s(double when_s);

#endif
