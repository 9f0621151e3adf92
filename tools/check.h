/* SPDX-License-Identifier: MIT */
/* tools/check.h: --check: connect to everything that a command line names, and say of each whether
 * it is fine. */
#ifndef EVTWIN_TOOLS_CHECK_H
#define EVTWIN_TOOLS_CHECK_H

#include "cli/cli.h"

#define CHECK_OPTION                                                                               \
    CLI_FLAG("check", .help = "connect to everything that is configured, print one line for each " \
                              "with what to do, then exit; 0 if everything works")

/* Each prints its line on standard output, and gives 0 or the exit code of the tool, which is that
 * of the first failure: *code is left alone if it is set. Nothing is written anywhere. */
void check_report(int *code, const char *what, const char *name, cli_role role, evtwin_status st);
/* The same of what is wrong in words (NULL = nothing), which is the exit code `is`. */
void check_problem(int *code, const char *what, const char *name, const char *problem, int is);
void check_store(int *code, const char *uri);
void check_source(int *code, const char *uri);
void check_sink(int *code, const char *what, const char *uri);

#endif
