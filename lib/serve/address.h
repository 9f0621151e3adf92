/* SPDX-License-Identifier: MIT */
/* serve/address.h: where to listen, and under which names a client may call. */
#ifndef EVTWIN_SERVE_ADDRESS_H
#define EVTWIN_SERVE_ADDRESS_H

#include "evtwin/base.h"

#include <netinet/in.h>
#include <sys/socket.h>

typedef struct evtwin__address {
    char host[64]; /* numeric, without brackets */
    int port;      /* 0 = any free one */
    int is_ipv6;
    int is_loopback;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name; /* for the system */
} evtwin__address;

/* "127.0.0.1:5001", "[::1]:0", "localhost:5001" (= 127.0.0.1). EVTWIN_E_ARG for anything else:
 * names are not looked up, so that it is plain which interface is opened. */
evtwin_status evtwin__address_parse(const char *text, evtwin__address *out);

/* Open a listening socket; address->port becomes the port that was bound. EVTWIN_E_BUSY if it is in
 * use. */
evtwin_status evtwin__address_listen(evtwin__address *address, int *fd_out);

/* 1 if a Host header names this machine's loopback or the bound address, with any port: a page of
 * another site whose name was made to point here (DNS rebinding) says its own name. */
int evtwin__address_allows_host(const evtwin__address *address, const char *host_header);

#endif
