/* SPDX-License-Identifier: MIT */
/* io/curl.h: give a message to a web hook or to a mail server: bounded in time, certificates
 * checked, redirects refused, no address or password in an error text. */
#ifndef EVTWIN_IO_CURL_H
#define EVTWIN_IO_CURL_H

#include "evtwin/base.h"

#include <stdatomic.h>

/* Where it goes; all borrowed. */
typedef struct evtwin__curl_where {
    const char *url;             /* http:, https:, smtp: or smtps: */
    const char *name;            /* for messages: the host, not what the URL carries */
    const char *user, *password; /* NULL = none */
    const char *ca_file;         /* NULL = the authorities of the system */
    int needs_tls;               /* smtp: not without STARTTLS */
    double timeout_s;
    const atomic_int *is_stopped; /* not 0: give up; NULL = never */
} evtwin__curl_where;

/* What became of it beside its status. */
typedef struct evtwin__curl_outcome {
    double retry_after_s; /* the server's wish after a failure; 0 = none */
    size_t n_refused;     /* addresses of a mail that others got */
    char refused[300];    /* "b@example.com: 550 no such user, …" */
} evtwin__curl_outcome;

/* EVTWIN_E_UNSUPPORTED in a build without libcurl, which names the option of CMake. */
evtwin_status evtwin__curl_check(void);

/* POST JSON; an answer of 2xx is success. EVTWIN_E_AGAIN if the server cannot be reached or does
 * not answer in time, EVTWIN_E_DENIED (401, 403, certificate), EVTWIN_E_EXTERNAL (any other
 * answer), EVTWIN_E_CANCELLED. */
evtwin_status evtwin__curl_post(const evtwin__curl_where *where, const char *json, size_t size,
                                evtwin__curl_outcome *outcome);

/* Send a message, head and body, to the addresses (n_to). Errors as above; a success if the server
 * takes it for one of them: who was refused is in the outcome. (libcurl before 7.69 gives up at the
 * first refused one.) */
evtwin_status evtwin__curl_mail(const evtwin__curl_where *where, const char *from,
                                const char *const *to, size_t n_to, const char *message,
                                size_t size, evtwin__curl_outcome *outcome);

#endif
