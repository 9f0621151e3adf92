/* SPDX-License-Identifier: MIT */
/* io/curl_inside.h: what the users of libcurl share. */
#ifndef EVTWIN_IO_CURL_INSIDE_H
#define EVTWIN_IO_CURL_INSIDE_H

#include "core/status.h"

#include <curl/curl.h>

/* Set an option, or leave the function; name is for the message. */
#define EVTWIN__CURL_SET(curl, name, option, value)                                                \
    do {                                                                                           \
        if (curl_easy_setopt((curl), option, value) != CURLE_OK) {                                 \
            EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: libcurl refuses " #option, (name));             \
        }                                                                                          \
    } while (0)

/* A new handle, libcurl being ready; NULL when memory is out. */
CURL *evtwin__curl_open(void);

/* What libcurl's failure is in our words. */
evtwin_status evtwin__curl_status(CURLcode code);

/* "Retry-After" of an answer in seconds, 0 = none. */
double evtwin__curl_retry_after(CURL *curl);

/* Neither signals, redirects nor .netrc; TLS 1.2 on; the protocols, "http,https" or "smtp,smtps".
 */
evtwin_status evtwin__curl_safe(CURL *curl, const char *name, int is_mail);

#endif
