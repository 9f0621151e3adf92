/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_signals.h: what Ctrl-C and SIGTERM do; a clock and waiting that a signal ends. */
#ifndef EVTWIN_TOOLS_CLI_SIGNALS_H
#define EVTWIN_TOOLS_CLI_SIGNALS_H

/* What the first SIGINT or SIGTERM does. The second one leaves at once with 130 or 143. */
typedef enum cli_stop_way {
    CLI_STOP_ASKS,   /* cli_stopping() reports it: for a loop that looks */
    CLI_STOP_LEAVES, /* the process ends with one line: for work that leaves nothing behind */
    CLI_STOP_CUTS    /* the write of a file fails like on a full disk: for files that the library
                        makes whole or takes away */
} cli_stop_way;

/* Handle SIGINT and SIGTERM (CLI_STOP_ASKS); SIGPIPE is an error code. */
void cli_signals_init(void);
/* outcome: what the line of CLI_STOP_LEAVES says after "stopped; ", else NULL. */
void cli_on_stop(cli_stop_way way, const char *outcome);
int cli_stopping(void);               /* the signal that asked to stop, 0 = none */
double cli_now_s(void);               /* a clock that never jumps */
int cli_sleep_until_s(double when_s); /* 1 if a signal cut it short */

#endif
