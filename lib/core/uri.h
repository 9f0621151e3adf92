/* SPDX-License-Identifier: MIT */
/* core/uri.h: split a URI into its parts; hide passwords. */
#ifndef EVTWIN_CORE_URI_H
#define EVTWIN_CORE_URI_H

#include "evtwin/base.h"

/* "scheme://user:password@host:port/path?query" or "scheme:path?query" (path may be "-" or any file
 * name). Everything but the path of the second form is percent-decoded; all strings live in the one
 * buffer of the struct. */
typedef struct evtwin__uri {
    const char *text; /* all of it as it was given, borrowed */
    char *buffer;
    const char *scheme;
    const char *user, *password; /* "" if absent */
    const char *host; /* "" if absent; a list "a:9092,b" (brokers) is kept whole, and has no port */
    int port;         /* -1 if absent */
    const char *path; /* after a host without its leading '/'; "scheme:///path" keeps it */
    size_t n_params;
    const char **key, **value;
} evtwin__uri;

/* EVTWIN_E_PARSE naming what is wrong, with the password hidden. */
evtwin_status evtwin__uri_parse(const char *text, evtwin__uri *out);
void evtwin__uri_free(evtwin__uri *uri);

/* Value of a parameter, NULL if absent. */
const char *evtwin__uri_param(const evtwin__uri *uri, const char *key);

/* Its number, from 0 to max (else EVTWIN_E_ARG), in *value, which stays if it is absent. */
evtwin_status evtwin__uri_number(const evtwin__uri *uri, const char *key, double max,
                                 double *value);

/* EVTWIN_E_ARG if a parameter is not in the NULL-terminated list of known keys: a typo must not
 * pass. */
evtwin_status evtwin__uri_check_params(const evtwin__uri *uri, const char *const *known);

/* 1 if every one of a list "host:port,host" is this machine: localhost, 127.…, ::1, the path of a
 * socket, nothing. */
int evtwin__hosts_are_local(const char *hosts);

/* A copy of text with every password (user:password@, password=…) replaced by ***; freed by the
 * caller. NULL when memory is out. */
char *evtwin__uri_redact(const char *text);

#endif
