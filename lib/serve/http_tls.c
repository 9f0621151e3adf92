/* SPDX-License-Identifier: MIT */
/* serve/http_tls.c: read a certificate and its key, and say what is wrong with them before
 * libmicrohttpd, which only refuses to start. */

#include "serve/http_tls.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/status.h"

#include <gnutls/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { MAX_FILE = 256 * 1024, MAX_CHAIN = 16, ID_SIZE = 32 };

/* Hashes of the public keys. */
typedef struct identity {
    unsigned char of_certificate[ID_SIZE], of_key[ID_SIZE];
} identity;

/* The chain in a file; the first one is the server's own. Freed with free_chain. */
typedef struct chain {
    gnutls_x509_crt_t crt[MAX_CHAIN];
    unsigned n;
} chain;

static void free_chain(chain *c) {
    for (unsigned i = 0; i < c->n; i++) {
        gnutls_x509_crt_deinit(c->crt[i]);
    }
    c->n = 0;
}

static gnutls_datum_t text_of(const char *text) {
    return (gnutls_datum_t){(unsigned char *)text, (unsigned)strlen(text)};
}

static int read_chain(const char *pem, chain *out) {
    const gnutls_datum_t text = text_of(pem);
    out->n = MAX_CHAIN;
    const int error = gnutls_x509_crt_list_import(out->crt, &out->n, &text, GNUTLS_X509_FMT_PEM,
                                                  GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
    if (error < 0) {
        out->n = 0;
    }
    return error;
}

static evtwin_status load_certificate(const char *path, evtwin__tls *tls, identity *id) {
    size_t size;
    EVTWIN_TRY(evtwin__file_read(path, MAX_FILE, &tls->certificate, &size));
    chain its;
    int error = read_chain(tls->certificate, &its);
    if (error >= 0) {
        size = ID_SIZE;
        error = gnutls_x509_crt_get_key_id(its.crt[0], GNUTLS_KEYID_USE_SHA256, id->of_certificate,
                                           &size);
        free_chain(&its);
    }
    EVTWIN_FAIL_IF(error < 0, EVTWIN_E_PARSE,
                   "%s: not a certificate in PEM form, followed by those of its authorities (%s)",
                   path, gnutls_strerror(error));
    return EVTWIN_OK;
}

static evtwin_status check_is_secret(const char *path) {
    struct stat info;
    EVTWIN_FAIL_IF(stat(path, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & S_IRWXO) != 0,
                   EVTWIN_E_ARG, "%s: everyone can read or write this key; chmod o= %s", path,
                   path);
    return EVTWIN_OK;
}

static evtwin_status load_key(const char *path, evtwin__tls *tls, identity *id) {
    EVTWIN_TRY(check_is_secret(path));
    EVTWIN_TRY(evtwin__file_read(path, MAX_FILE, &tls->key, &tls->key_size));
    const gnutls_datum_t text = text_of(tls->key);
    gnutls_x509_privkey_t key;
    int error = gnutls_x509_privkey_init(&key);
    if (error >= 0) {
        size_t size = ID_SIZE;
        error = gnutls_x509_privkey_import2(key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
        error = error < 0 ? error
                          : gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, id->of_key,
                                                           &size);
        gnutls_x509_privkey_deinit(key);
    }
    EVTWIN_FAIL_IF(error < 0 && strstr(tls->key, "ENCRYPTED") != NULL, EVTWIN_E_PARSE,
                   "%s: the key is encrypted, and the server cannot ask for its password; decrypt "
                   "it with: openssl pkey",
                   path);
    EVTWIN_FAIL_IF(error < 0, EVTWIN_E_PARSE, "%s: not a private key in PEM form (%s)", path,
                   gnutls_strerror(error));
    return EVTWIN_OK;
}

evtwin_status evtwin__tls_load(const char *cert_file, const char *key_file, const char **at,
                               evtwin__tls *out) {
    identity id = {0};
    evtwin__tls tls = {0};
    *at = "tls_cert_file";
    evtwin_status st = load_certificate(cert_file, &tls, &id);
    if (st >= 0) {
        *at = "tls_key_file";
        st = load_key(key_file, &tls, &id);
    }
    const int is_other = st >= 0 && memcmp(id.of_certificate, id.of_key, ID_SIZE) != 0;
    if (st < 0 || is_other) {
        evtwin__tls_free(&tls);
        EVTWIN_FAIL_IF(is_other, EVTWIN_E_ARG, "%s: not the key of the certificate in %s", key_file,
                       cert_file);
        return st;
    }
    *out = tls;
    return EVTWIN_OK;
}

void evtwin__tls_warn(const char *cert_file, const evtwin__tls *tls) {
    chain its;
    if (read_chain(tls->certificate, &its) < 0) {
        return;
    }
    const time_t from = gnutls_x509_crt_get_activation_time(its.crt[0]);
    const time_t until = gnutls_x509_crt_get_expiration_time(its.crt[0]);
    const time_t now = time(NULL);
    free_chain(&its);
    const time_t wrong = now > until ? until : from;
    struct tm date;
    if ((now > until || now < from) && gmtime_r(&wrong, &date) != NULL) {
        evtwin__log(EVTWIN_LOG_WARNING,
                    "%s: this certificate %s %04d-%02d-%02d, so clients refuse it; renew it and "
                    "start again",
                    cert_file, now > until ? "expired on" : "is not valid before",
                    date.tm_year + 1900, date.tm_mon + 1, date.tm_mday);
    }
}

void evtwin__tls_free(evtwin__tls *tls) {
    if (tls->key != NULL) {
        explicit_bzero(tls->key, tls->key_size);
    }
    evtwin__free(tls->key);
    evtwin__free(tls->certificate);
    *tls = (evtwin__tls){0};
}
