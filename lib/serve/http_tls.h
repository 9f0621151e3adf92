/* SPDX-License-Identifier: MIT */
/* serve/http_tls.h: the certificate and key with which the HTTP server encrypts. Its file,
 * http_tls.c, is the only door to GnuTLS, but for libmicrohttpd's own. */
#ifndef EVTWIN_SERVE_HTTP_TLS_H
#define EVTWIN_SERVE_HTTP_TLS_H

#include "evtwin/base.h"

#include <stddef.h>

/* As PEM, NUL-terminated. */
typedef struct evtwin__tls {
    char *certificate, *key;
    size_t key_size;
} evtwin__tls;

/* Read both, and check that they belong together. EVTWIN_E_ARG if others can read the key's file;
 * EVTWIN_E_NOT_FOUND, EVTWIN_E_IO, EVTWIN_E_PARSE; EVTWIN_E_UNSUPPORTED in a build without TLS. *at
 * names the option of evtwin_server_options that is looked at. */
evtwin_status evtwin__tls_load(const char *cert_file, const char *key_file, const char **at,
                               evtwin__tls *out);

/* Warn if the certificate has expired, or is not valid yet. */
void evtwin__tls_warn(const char *cert_file, const evtwin__tls *tls);

/* The key is wiped. */
void evtwin__tls_free(evtwin__tls *tls);

#endif
