/* SPDX-License-Identifier: MIT */
/* tools/cli/cli.h: what the tools share: options, messages, exit codes, progress, files, signals.
 */
#ifndef EVTWIN_TOOLS_CLI_CLI_H
#define EVTWIN_TOOLS_CLI_CLI_H

#include "evtwin/table.h"

#include <stdint.h>
#include <stdio.h>

/* The exit codes; the table that --help prints is made from this list. */
#define CLI_EXIT_LIST(X)                                                                           \
    X(OK, 0, "done, or stopped cleanly by Ctrl-C or SIGTERM")                                      \
    X(FAILURE, 1, "it ran and then failed")                                                        \
    X(USAGE, 2, "the command line is not valid")                                                   \
    X(DATA, 65, "the input is damaged, out of range or does not fit")                              \
    X(NO_INPUT, 66, "an input cannot be read")                                                     \
    X(UNAVAILABLE, 69, "a server cannot be reached, or another process holds a port or battery")   \
    X(CANT_CREATE, 73, "the output cannot be written")                                             \
    X(DENIED, 77, "a server refused the user, password, certificate or permission")                \
    X(CONFIG, 78, "the configuration file or the environment is not valid")                        \
    X(CANCELLED, 130, "stopped before the job was done (143 after SIGTERM)")

enum {
#define CLI_EXIT_ENUM(name, value, text) CLI_##name = value,
    CLI_EXIT_LIST(CLI_EXIT_ENUM)
#undef CLI_EXIT_ENUM
        CLI_CONTINUE = -1 /* of a step: the tool's work goes on */
};

/* ---- options (cli_options.c) ---- */

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
    const char *implied; /* of a CLI_INTEGER: its value where none is given; NULL = one must be */
    const char *help;    /* the default is added to it */
    cli_kind kind;
    double min, max;     /* of CLI_INTEGER and CLI_NUMBER */
    const char *choices; /* "ecm|classic"; NULL = any string */
    /* Default number i, which takes the place of `initial`, and the variable that it follows from
     * (NULL = none); 0 beyond the last, < 0 after a variable was reported that is not valid. Static
     * memory. NULL = there is none. */
    int (*derived)(size_t i, const char **text_out, const char **from_out);
} cli_option;

/* Rows by kind; what follows is .group, .letter, .environment, .choices where there is one, and
 * .help. */
#define CLI_FLAG(name_, ...)                                                                       \
    { .kind = CLI_SWITCH, .name = name_, __VA_ARGS__ }
#define CLI_STRING(name_, argument_, initial_, ...)                                                \
    { .kind = CLI_TEXT, .name = name_, .argument = argument_, .initial = initial_, __VA_ARGS__ }
#define CLI_STRINGS(name_, argument_, initial_, ...)                                               \
    { .kind = CLI_LIST, .name = name_, .argument = argument_, .initial = initial_, __VA_ARGS__ }
#define CLI_RANGE(kind_, name_, argument_, initial_, min_, max_, ...)                              \
    {                                                                                              \
        .kind = kind_, .name = name_, .argument = argument_, .initial = initial_, .min = min_,     \
        .max = max_, __VA_ARGS__                                                                   \
    }

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

/* ---- a tool from start to end, its help (cli_program.c) ---- */

/**
 * The whole of a tool's main: read flags, environment and configuration file, check every value,
 * answer --help, --version and --print-config, or else run the tool's own work, which returns its
 * exit code. Returns the exit code to leave with, once standard output is flushed.
 */
int cli_main(const cli_tool *tool, int argc, char **argv, int (*run)(const cli *c));

/* Print words from column `indent` on, on as many lines as it takes. */
void cli_print_wrapped(const char *text, int indent);

/* A text of the library with options under the names that they have here, cut to size; cli_say does
 * it by itself. */
void cli_words(const char *text, char *out, size_t size);

/* ---- values of the options (cli_options.c) ---- */

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

/* The whole string as a decimal number; 0 if it is not one. */
int cli_parse_number(const char *text, double *out);

/* ---- messages, on standard error (cli_messages.c) ---- */

#if defined(__GNUC__)
#define CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLI_PRINTF(text, first)
#endif

/* One line on standard error: errors and warnings always, notes (INFO) unless --quiet, details
 * (DEBUG) with --verbose. */
void cli_say(evtwin_log_level level, const char *format, ...) CLI_PRINTF(2, 3);
#define cli_error(...) cli_say(EVTWIN_LOG_ERROR, __VA_ARGS__)
#define cli_warning(...) cli_say(EVTWIN_LOG_WARNING, __VA_ARGS__)
#define cli_note(...) cli_say(EVTWIN_LOG_INFO, __VA_ARGS__)
#define cli_detail(...) cli_say(EVTWIN_LOG_DEBUG, __VA_ARGS__)

/* The text of the newest error, "" if there was none: for who must pass it on. Static memory. */
const char *cli_last_error(void);

int cli_quiet(void);
int cli_verbose(void);
int cli_color(FILE *stream); /* 1 if colours are welcome there */

/* Around what a tool prints for people, a line each (cli_console.c): to f, or where the log is
 * JSON as messages, since both go to one place then. cli_console_close: 0 if it was not printed. */
FILE *cli_console_open(FILE *f);
int cli_console_close(FILE *console);

/* A URI without its passwords; static memory, one of four in turn. */
const char *cli_shown(const char *uri);

/* The ending of a counted word: "" for one, "s" for any other number. */
const char *cli_s(uint64_t n);

/* "label: 12.3unit", or "label: unknown" where there is no number. */
void cli_print_value(FILE *f, const char *label, double value, int digits, const char *unit);

/* " | label: 1.0 to 2.0unit", scale times the values of a column; 0 if it has no number. */
int cli_print_range(FILE *f, const char *label, const evtwin_table *table, size_t col, double scale,
                    int digits, const char *unit);

/* ---- the manager of services, such as systemd (cli_notify.c); nothing happens without one ---- */

/* Of the main thread. status: a line for people, without secrets. */
void cli_notify_ready(const char *status);
void cli_notify_status(const char *status);
void cli_notify_stopping(void);
/* A sign of life, where it is time for one: for a loop that works; cli_sleep_until_s gives it too.
 */
void cli_notify_alive(void);

/* ---- failures ---- */

/* What a call was about decides which exit code its failure is. */
typedef enum cli_role {
    CLI_AN_INPUT,  /* a file: its text and numbers */
    CLI_AN_OUTPUT, /* a file, folder or sink */
    CLI_A_STORE,   /* a store or source, named by a URI */
    CLI_AN_OPTION, /* the value of an option */
    CLI_A_SERVICE  /* a port */
} cli_role;

int cli_exit_code(cli_role role, evtwin_status status);

/* Report the library's last error (and, after "; ", what to do, if not NULL); give the exit code.
 */
int cli_fail(cli_role role, evtwin_status status, const char *next_step);

/* The same for a failure that the library reports without the file it was about, or by its bare
 * name. */
int cli_fail_about(const char *path, cli_role role, evtwin_status status, const char *next_step);

/* Report that memory is out; give the exit code. */
int cli_out_of_memory(void);

/* Where a condition holds, report why and leave the function with that exit code. */
#define CLI_FAIL_IF(condition, code, ...)                                                          \
    do {                                                                                           \
        if (condition) {                                                                           \
            cli_error(__VA_ARGS__);                                                                \
            return (code);                                                                         \
        }                                                                                          \
    } while (0)

/* Leave the function with the code of a step that is not 0. */
#define CLI_TRY(call)                                                                              \
    do {                                                                                           \
        const int cli_try_code = (call);                                                           \
        if (cli_try_code != 0) {                                                                   \
            return cli_try_code;                                                                   \
        }                                                                                          \
    } while (0)

/* ---- progress: a bar on a terminal, else a line every few seconds ---- */

/* An evtwin_progress_fn; ctx is not used. Non-zero once Ctrl-C was pressed. --verbose names each
 * stage as it begins. */
int cli_progress(void *ctx, const char *what, double done);
/* Take the bar off the screen, before anything else is printed. */
void cli_progress_clear(void);

/* ---- CSV (cli_csv.c) ---- */

/* The options of a tool that reads a CSV, in a row of its table from `first` on. */
enum {
    CLI_CSV_UNIT,
    CLI_CSV_NAIVE_TIME,
    CLI_CSV_TIME_FORMAT,
    CLI_CSV_DELIMITER,
    CLI_CSV_DECIMAL,
    CLI_CSV_SKIP_LINES,
    CLI_CSV_N_OPTIONS
};

#define CLI_CSV_OPTIONS(first, group_)                                                             \
    [(first) +                                                                                     \
        CLI_CSV_UNIT] =                                                                            \
        CLI_STRINGS("unit", "NAME=UNIT", NULL, .group = group_,                                    \
                    .help =                                                                        \
                        "actual unit of a column of the CSV, e.g. soc=fraction; may be repeated"), \
        [(first) + CLI_CSV_NAIVE_TIME] =                                                           \
            CLI_STRING("naive-time", "KIND", "utc", .choices = "utc|local|reject",                 \
                       .help = "what a time without an offset means: utc, local or reject"),       \
        [(first) + CLI_CSV_TIME_FORMAT] = CLI_STRING(                                              \
            "time-format", "FMT", NULL,                                                            \
            .help = "format of times, e.g. \"%d/%m/%Y %H:%M\"; default: see docs/files.md"),       \
        [(first) + CLI_CSV_DELIMITER] = CLI_STRING(                                                \
            "delimiter", "C", NULL,                                                                \
            .help = "what separates the fields, e.g. ';' or tab; default: recognised from "        \
                    "the header line"),                                                            \
        [(first) + CLI_CSV_DECIMAL] =                                                              \
            CLI_STRING("decimal", "C", NULL, .choices = ".|,",                                     \
                       .help = "the decimal sign: . or , (default: . if commas separate "          \
                               "the fields, otherwise recognised from the first rows)"),           \
        [(first) + CLI_CSV_SKIP_LINES] =                                                           \
            CLI_RANGE(CLI_INTEGER, "skip-lines", "N", "0", 0, 1e6,                                 \
                      .help = "number of lines above the header to skip")

/**
 * Open a file with the options from `first` on. numbers: names, comma-separated, of columns that
 * are used and must be numeric where they exist; text: the name of a column that is read as text
 * (NULL = none); others: names of columns to read as far as they can be (NULL = all);
 * has_several_tests as in evtwin_csv_options. Free with evtwin_csv_free. 0 or an exit code.
 */
int cli_open_csv(const cli *c, size_t first, const char *path, const char *numbers,
                 const char *text, const char *others, int has_several_tests, evtwin_csv **out);

/* Is there a column of that very name? */
int cli_has_column(const evtwin_csv *csv, const char *name);

/* Read it. 0 or an exit code. */
int cli_read_csv(evtwin_csv *csv, evtwin_table **out);

/* What to do about the telemetry out of range that the last error names. */
const char *cli_after_range(void);

/**
 * Does the file have all these columns, under any naming of telemetry? NULL and "none" are passed
 * over. 0, or CLI_DATA after one line that names the missing ones, what was perhaps meant, and what
 * to do.
 */
int cli_check_columns(const char *path, const evtwin_csv *csv, const char *const *names, size_t n,
                      const char *next_step);

/* ---- outputs (cli_outputs.c) ---- */

/**
 * Can this output be made, as far as one can tell before the work? 0, or an exit code after the
 * message. "-" always can.
 */
int cli_check_output_file(const char *path);
int cli_check_output_folder(const char *path);

/* Around a call that writes a file whole or not at all: a signal cuts it short. 0, or an exit code
 * after the reason why there is no file. */
void cli_begin_write(const char *path);
int cli_end_write(const char *path, evtwin_status status, const char *next_step);

/* 1 if a sink writes to standard output. */
int cli_sink_is_stdout(const char *uri);

/* 1 if the reader of standard output went away (… | head): no message then. */
int cli_stdout_has_no_reader(void);

/* 0, or CLI_USAGE after naming the URI that two of the sinks share. */
int cli_check_sinks(const char *const *uris, size_t n);

/* ---- stores, sources and sinks (cli_endpoints.c) ---- */

/* For cli_option.derived: the PostgreSQL of DB_HOST or PGHOST, else sqlite:evtwin.db. */
int cli_default_store(size_t i, const char **text_out, const char **from_out);
/* That, and every broker that the environment names. */
int cli_default_sinks(size_t i, const char **text_out, const char **from_out);

int cli_is_store(const char *uri);
int cli_is_server(const char *uri); /* it is reached over a network */
int cli_is_broker(const char *uri); /* of messages */

/* A sink's URI as that of a store: without the parameters that only streams have. Freed by the
 * caller; NULL when memory is out. */
char *cli_store_of(const char *uri);

/* The URI with name=value, unless it has a parameter of that name. Likewise. */
char *cli_with_param(const char *uri, const char *name, const char *value);

/* ---- signals and time (cli_signals.c) ---- */

/* What the first SIGINT or SIGTERM does. The second one leaves at once with 130 or 143. */
typedef enum cli_stop_way {
    CLI_STOP_ASKS,   /* cli_stopping() reports it: for a loop that looks */
    CLI_STOP_LEAVES, /* the process ends with one line: for work that leaves nothing behind */
    CLI_STOP_QUITS,  /* the same, as a success: for a service that has not begun */
    CLI_STOP_CUTS    /* the write of a file fails like on a full disk: for files that the library
                        makes whole or takes away */
} cli_stop_way;

/* outcome: what the line of CLI_STOP_LEAVES and _QUITS says after "stopped; ", else NULL. */
void cli_on_stop(cli_stop_way way, const char *outcome);
int cli_stopping(void);               /* the signal that asked to stop, 0 = none */
double cli_now_s(void);               /* a clock that never jumps */
int cli_sleep_until_s(double when_s); /* 1 if a signal cut it short */
void cli_linger_s(double pause_s);    /* the first signal does not cut it short, the second does */

#endif
