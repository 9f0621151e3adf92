/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_files.h: CSV files, outputs and sinks that a command line names. */
#ifndef EVTWIN_TOOLS_CLI_FILES_H
#define EVTWIN_TOOLS_CLI_FILES_H

#include "cli/cli_options.h"

#include "evtwin/table.h"

/* ---- CSV (cli_csv.c) ---- */

/**
 * Read a file. numbers: names, comma-separated, that must be numeric where they exist (NULL =
 * none); text: as text_columns of evtwin_csv_options; naive: "utc", "local" or "reject". 0 or an
 * exit code.
 */
int cli_read_csv(const char *path, const char *numbers, const char *text, const char *naive,
                 evtwin_table **out);

/**
 * Does the table have all these columns, under any naming of telemetry? NULL and "none" are passed
 * over. 0, or CLI_DATA after one line that names the missing ones, what was perhaps meant, and what
 * to do.
 */
int cli_check_columns(const char *path, const evtwin_table *table, const char *const *names,
                      size_t n, const char *next_step);

/* Apply a --unit list to a table. 0 or an exit code. */
int cli_override_units(const cli *c, size_t option, evtwin_table *table);

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

#endif
