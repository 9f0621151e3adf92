/* SPDX-License-Identifier: MIT */
/* io/host.h: the addresses of a host name. */
#ifndef EVTWIN_IO_HOST_H
#define EVTWIN_IO_HOST_H

#include "evtwin/base.h"

enum { EVTWIN__HOST_ADDRESSES = 8, EVTWIN__ADDRESS_SIZE = 64 };

/* The first addresses of a name, as text, and how many. EVTWIN_E_AGAIN, in words, if it cannot be
 * resolved. */
evtwin_status evtwin__host_resolve(const char *host,
                                   char address[EVTWIN__HOST_ADDRESSES][EVTWIN__ADDRESS_SIZE],
                                   size_t *n_out);

/* Wait until a socket that connects is connected; 0 or an errno. */
int evtwin__socket_wait(int fd, int timeout_ms);

/* Make a connected TCP socket one that children do not inherit, and that fails when the other
 * machine has confirmed nothing of what was sent for so long. */
void evtwin__socket_settle(int fd, unsigned timeout_ms);

/* Confirm what came at once: a broker that sends small answers waits for that with the next. To be
 * said again after every read. */
void evtwin__socket_hurry(int fd);

#endif
