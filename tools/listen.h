/* SPDX-License-Identifier: MIT */
/* tools/listen.h: why a server does not start, in the words of a command line. */
#ifndef EVTWIN_TOOLS_LISTEN_H
#define EVTWIN_TOOLS_LISTEN_H

#include "cli/cli.h"

#include "evtwin/serve.h"

/* Is the address of "ADDRESS:PORT" one that only this machine reaches? */
int listen_is_loopback(const char *listen);

/**
 * Report why evtwin_server_start returned st, with the option to change; give the exit code.
 * prefix: what the names of the options for token and TLS begin with, "" or "metrics-"; setter:
 * what to do about the address itself.
 */
int listen_fail(const evtwin_server_options *options, const char *prefix, const char *setter,
                evtwin_status st);

/* Warn of an address that other machines reach without token or encryption. */
void listen_warn(const evtwin_server_options *options);

#endif
