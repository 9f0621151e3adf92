/* SPDX-License-Identifier: MIT */
/* io/postgres_uri.h: what a URI says about a connection to PostgreSQL, as libpq's keywords. */
#ifndef EVTWIN_IO_POSTGRES_URI_H
#define EVTWIN_IO_POSTGRES_URI_H

#include "core/uri.h"

enum { EVTWIN__PG_MAX_WORDS = 40 };

/* Keywords and values for PQconnectStartParams, without the password of a file. */
typedef struct evtwin__pg_target {
    const char *keyword[EVTWIN__PG_MAX_WORDS + 1]; /* ends with NULL */
    char *value[EVTWIN__PG_MAX_WORDS + 1];         /* of its own */
    size_t n;
    char *name;          /* "host:port/database" */
    char *password_file; /* NULL = none */
    int connect_timeout_ms;
} evtwin__pg_target;

/* As evtwin__pg_create says. */
evtwin_status evtwin__pg_target_read(const evtwin__uri *uri, evtwin__pg_target *out);
void evtwin__pg_target_free(evtwin__pg_target *target);

/* The one line of the password file, freed with evtwin__pg_password_free; NULL without a file. Read
 * for each connection: a new password needs no restart. */
evtwin_status evtwin__pg_password_read(const char *path, char **out);
void evtwin__pg_password_free(char *password); /* and overwritten */

#endif
