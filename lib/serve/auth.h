/* SPDX-License-Identifier: MIT */
/* serve/auth.h: the token that opens the server, as a header of programs or a cookie of browsers.
 */
#ifndef EVTWIN_SERVE_AUTH_H
#define EVTWIN_SERVE_AUTH_H

#include "evtwin/base.h"

#include <stddef.h>

typedef struct evtwin__auth evtwin__auth;

/* Read the token from the first line of a file. EVTWIN_E_ARG if others can read the file, or the
 * token is shorter than 16 or longer than 512 characters, or has blanks or what is not ASCII;
 * EVTWIN_E_NOT_FOUND, EVTWIN_E_IO. The token itself is not kept, only its hash. */
evtwin_status evtwin__auth_load(const char *path, evtwin__auth **out);

/* NULL is fine. */
void evtwin__auth_free(evtwin__auth *auth);

/* 1 if it is the token. How long that takes says nothing of how much of it is right. */
int evtwin__auth_is_token(const evtwin__auth *auth, const char *text, size_t length);

/* Values of the headers Authorization ("Bearer TOKEN") and Cookie ("evtwin=…; …"); NULL = absent.
 */
int evtwin__auth_is_bearer(const evtwin__auth *auth, const char *authorization);
int evtwin__auth_is_cookie(const evtwin__auth *auth, const char *cookie);

/* A Set-Cookie header for a browser that has shown the token; with Secure if it came by TLS. The
 * cookie is made from the token and cannot be turned back. */
const char *evtwin__auth_set_cookie(const evtwin__auth *auth, int is_secure);

#endif
