/* SPDX-License-Identifier: MIT */
/* serve/auth.c: the token that opens the server. */

#include "serve/auth.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/sha256.h"
#include "core/status.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MIN_TOKEN = 16, MAX_TOKEN = 512, MAX_FILE = 4096 };

static const char cookie_name[] = "evtwin=";

struct evtwin__auth {
    char token[EVTWIN__SHA256_HEX_SIZE]; /* its hash */
    char cookie[EVTWIN__SHA256_HEX_SIZE];
    char set_cookie[2][160]; /* without and with Secure */
};

/* Equal hashes of what is compared: the time depends on neither. */
static int is_same(const char *a, const char *b) {
    volatile unsigned char differs = 0;
    for (size_t i = 0; i < EVTWIN__SHA256_HEX_SIZE - 1; i++) {
        differs |= (unsigned char)(a[i] ^ b[i]);
    }
    return differs == 0;
}

/* Another hash of the token, so that neither the cookie nor the token gives away the other. */
static void make_cookie(evtwin__auth *auth, const char *token, size_t length) {
    static const char purpose[] = "evtwin cookie\n";
    char text[sizeof purpose - 1 + MAX_TOKEN];
    memcpy(text, purpose, sizeof purpose - 1);
    memcpy(text + sizeof purpose - 1, token, length);
    evtwin__sha256_hex(text, sizeof purpose - 1 + length, auth->cookie);
    explicit_bzero(text, sizeof text);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(auth->set_cookie[i], sizeof auth->set_cookie[i],
                       "%s%s; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict%s", cookie_name,
                       auth->cookie, i == 0 ? "" : "; Secure");
    }
}

static evtwin_status check(const char *path, const char *token, size_t length) {
    EVTWIN_FAIL_IF(length < MIN_TOKEN || length > MAX_TOKEN, EVTWIN_E_ARG,
                   "%s: a token of %zu characters; it has %d to %d, as from: openssl rand -hex 32",
                   path, length, MIN_TOKEN, MAX_TOKEN);
    for (size_t i = 0; i < length; i++) {
        EVTWIN_FAIL_IF(token[i] <= ' ' || token[i] > '~', EVTWIN_E_ARG,
                       "%s: the token has a blank or a character that is not ASCII", path);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__auth_load(const char *path, evtwin__auth **out) {
    EVTWIN_TRY(evtwin__file_check_private(path));
    char *token;
    size_t size;
    EVTWIN_TRY(evtwin__file_read(path, MAX_FILE, &token, &size));
    const size_t length = strcspn(token, "\r\n");
    evtwin_status st = check(path, token, length);
    evtwin__auth *auth = st < 0 ? NULL : evtwin__calloc(1, sizeof *auth);
    if (auth != NULL) {
        evtwin__sha256_hex(token, length, auth->token);
        make_cookie(auth, token, length);
        *out = auth;
    } else if (st >= 0) {
        st = EVTWIN_E_NOMEM;
    }
    explicit_bzero(token, size);
    evtwin__free(token);
    EVTWIN_FAIL_IF(st == EVTWIN_E_NOMEM, st, "out of memory for a token");
    return st;
}

void evtwin__auth_free(evtwin__auth *auth) {
    evtwin__free(auth);
}

int evtwin__auth_is_token(const evtwin__auth *auth, const char *text, size_t length) {
    char hash[EVTWIN__SHA256_HEX_SIZE];
    evtwin__sha256_hex(text, length, hash);
    return is_same(hash, auth->token);
}

int evtwin__auth_is_bearer(const evtwin__auth *auth, const char *authorization) {
    static const char scheme[] = "Bearer ";
    const size_t n = sizeof scheme - 1;
    return authorization != NULL && strncasecmp(authorization, scheme, n) == 0 &&
           evtwin__auth_is_token(auth, authorization + n, strlen(authorization + n));
}

int evtwin__auth_is_cookie(const evtwin__auth *auth, const char *cookie) {
    const size_t n = sizeof cookie_name - 1;
    while (cookie != NULL && *cookie != '\0') {
        const size_t length = strcspn(cookie, ";");
        if (strncmp(cookie, cookie_name, n) == 0 && length == n + EVTWIN__SHA256_HEX_SIZE - 1 &&
            is_same(cookie + n, auth->cookie)) {
            return 1;
        }
        cookie += length;
        cookie += strspn(cookie, "; ");
    }
    return 0;
}

const char *evtwin__auth_set_cookie(const evtwin__auth *auth, int is_secure) {
    return auth->set_cookie[is_secure != 0];
}
