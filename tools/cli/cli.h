/* SPDX-License-Identifier: MIT */
/* tools/cli/cli.h: all that the tools share. */
#ifndef EVTWIN_TOOLS_CLI_CLI_H
#define EVTWIN_TOOLS_CLI_CLI_H

#include "cli/cli_files.h"
#include "cli/cli_messages.h"
#include "cli/cli_options.h"
#include "cli/cli_signals.h"

#endif
