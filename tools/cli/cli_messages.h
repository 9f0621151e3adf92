/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_messages.h: messages and progress on standard error, exit codes. */
#ifndef EVTWIN_TOOLS_CLI_MESSAGES_H
#define EVTWIN_TOOLS_CLI_MESSAGES_H

#include "evtwin/base.h"

#include <stdint.h>
#include <stdio.h>

/* The exit codes; the table that --help prints is made from this list. */
#define CLI_EXIT_LIST(X)                                                                           \
    X(OK, 0, "done, or stopped cleanly by Ctrl-C or SIGTERM")                                      \
    X(FAILURE, 1, "it ran and then failed")                                                        \
    X(USAGE, 2, "the command line is not valid")                                                   \
    X(DATA, 65, "the input is damaged, out of range or does not fit")                              \
    X(NO_INPUT, 66, "an input cannot be read")                                                     \
    X(UNAVAILABLE, 69, "a port, battery or service is held by another process")                    \
    X(CANT_CREATE, 73, "the output cannot be written")                                             \
    X(CONFIG, 78, "the configuration file or the environment is not valid")                        \
    X(CANCELLED, 130, "stopped before the job was done (143 after SIGTERM)")

enum {
#define CLI_EXIT_ENUM(name, value, text) CLI_##name = value,
    CLI_EXIT_LIST(CLI_EXIT_ENUM)
#undef CLI_EXIT_ENUM
};

/* ---- messages ---- */

#if defined(__GNUC__)
#define CLI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLI_PRINTF(text, first)
#endif

/* Called by cli_start: program name, how much is printed, colour; the library's log goes the same
 * way. verbose: how often it was given. */
void cli_messages_init(const char *program, int quiet, int verbose, int no_color);

/* One line on standard error: errors and warnings always, notes (INFO) unless --quiet, details
 * (DEBUG) with --verbose. */
void cli_say(evtwin_log_level level, const char *format, ...) CLI_PRINTF(2, 3);
#define cli_error(...) cli_say(EVTWIN_LOG_ERROR, __VA_ARGS__)
#define cli_warning(...) cli_say(EVTWIN_LOG_WARNING, __VA_ARGS__)
#define cli_note(...) cli_say(EVTWIN_LOG_INFO, __VA_ARGS__)
#define cli_detail(...) cli_say(EVTWIN_LOG_DEBUG, __VA_ARGS__)

int cli_quiet(void);
int cli_verbose(void);
int cli_terminal(FILE *stream); /* 1 if it is a terminal that can move its cursor */
int cli_color(FILE *stream);    /* 1 if colours are welcome there */

/* The ending of a counted word: "" for one, "s" for any other number. */
const char *cli_s(uint64_t n);

/* "label: 12.3unit", or "label: unknown" where there is no number. */
void cli_print_value(FILE *f, const char *label, double value, int digits, const char *unit);

/* `text` with passwords (scheme://user:password@…, password=…) replaced by ***; freed by the
 * caller. */
char *cli_redact(const char *text);

/* "program: stopped; outcome" as a signal handler can write it. */
void cli_format_last_words(const char *outcome, char *text, size_t size);

/* ---- failures ---- */

/* What a call was about decides which exit code its failure is. */
typedef enum cli_role {
    CLI_AN_INPUT,  /* a file: its text and numbers */
    CLI_AN_OUTPUT, /* a file, folder or sink */
    CLI_A_STORE,   /* a store or source, named by a URI */
    CLI_AN_OPTION, /* the value of an option */
    CLI_A_SERVICE  /* a port */
} cli_role;

/* Report the library's last error (and, after "; ", what to do, if not NULL); give the exit code.
 */
int cli_fail(cli_role role, evtwin_status status, const char *next_step);

/* The same for a failure that the library reports without the file it was about, or by its bare
 * name. */
int cli_fail_about(const char *path, cli_role role, evtwin_status status, const char *next_step);

/* 1 if waiting does not cure it: the same records would be refused again. */
int cli_is_hopeless(evtwin_status status);

/* Report that memory is out; give the exit code. */
int cli_out_of_memory(void);

/* ---- progress: a bar on a terminal, else a line every few seconds ---- */

/* An evtwin_progress_fn; ctx is not used. Non-zero once Ctrl-C was pressed. --verbose names each
 * stage as it begins. */
int cli_progress(void *ctx, const char *what, double done);
/* Draw a line that the next message replaces. */
void cli_show_bar(const char *text);
/* Take the bar off the screen, before anything else is printed. */
void cli_progress_clear(void);

#endif
