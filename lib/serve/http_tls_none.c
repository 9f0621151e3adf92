/* SPDX-License-Identifier: MIT */
/* serve/http_tls_none.c: TLS in a build without GnuTLS. */

#include "serve/http_tls.h"

#include "core/status.h"

evtwin_status evtwin__tls_load(const char *cert_file, const char *key_file, const char **at,
                               evtwin__tls *out) {
    (void)key_file;
    (void)out;
    *at = "tls_cert_file";
    EVTWIN_FAIL(EVTWIN_E_UNSUPPORTED, "%s: this build has no TLS; build it with -DEVTWIN_TLS=ON",
                cert_file);
}

void evtwin__tls_warn(const char *cert_file, const evtwin__tls *tls) {
    (void)cert_file;
    (void)tls;
}

void evtwin__tls_free(evtwin__tls *tls) {
    *tls = (evtwin__tls){0};
}
