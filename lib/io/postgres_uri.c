/* SPDX-License-Identifier: MIT */
/* io/postgres_uri.c: what a URI says about a connection to PostgreSQL, as libpq's keywords, and the
 * defaults that make it safe. */

#include "io/postgres_uri.h"

#include "core/file.h"
#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"
#include "io/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIMEOUT_S = 5, MAX_PASSWORD = 1024 };

/* Parameters that go to libpq as they are, then those that are read here. */
static const char *const passed[] = {"host",
                                     "port",
                                     "sslmode",
                                     "sslrootcert",
                                     "sslcert",
                                     "sslkey",
                                     "sslcrl",
                                     "channel_binding",
                                     "target_session_attrs",
                                     "requirepeer",
                                     "application_name",
                                     "krbsrvname",
                                     "gssencmode",
                                     "options",
                                     NULL};
const char *const evtwin__pg_uri_params[] = {"host",
                                             "port",
                                             "sslmode",
                                             "sslrootcert",
                                             "sslcert",
                                             "sslkey",
                                             "sslcrl",
                                             "channel_binding",
                                             "target_session_attrs",
                                             "requirepeer",
                                             "application_name",
                                             "krbsrvname",
                                             "gssencmode",
                                             "options",
                                             "connect_timeout",
                                             "password_file",
                                             NULL};

/* What libpq is told unless the URI says something else. No tcp_user_timeout: it would also end a
 * connection whose server is busy and takes no rows for a while. */
static const struct {
    const char *keyword, *value;
} defaults[] = {
    {"application_name", "evtwin"}, {"client_encoding", "UTF8"},  {"keepalives", "1"},
    {"keepalives_idle", "5"},       {"keepalives_interval", "2"}, {"keepalives_count", "2"}};

static int has(const evtwin__pg_target *t, const char *keyword) {
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->keyword[i], keyword) == 0) {
            return 1;
        }
    }
    return 0;
}

static evtwin_status add(evtwin__pg_target *t, const char *keyword, const char *value) {
    EVTWIN_FAIL_IF(t->n == EVTWIN__PG_MAX_WORDS, EVTWIN_E_ARG, "too many parameters");
    char *copy = evtwin__strdup(value);
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the parameters of a connection");
    t->keyword[t->n] = keyword;
    t->value[t->n++] = copy;
    return EVTWIN_OK;
}

static evtwin_status add_if(evtwin__pg_target *t, const char *keyword, const char *value) {
    return value != NULL && value[0] != '\0' ? add(t, keyword, value) : EVTWIN_OK;
}

static const char *host_of(const evtwin__uri *uri) {
    const char *host = uri->host[0] != '\0' ? uri->host : evtwin__uri_param(uri, "host");
    const char *otherwise = getenv("PGHOST"); /* which libpq takes then */
    return host != NULL ? host : otherwise != NULL ? otherwise : "";
}

/* libpq tells of a word that it does not know only when it connects, as if the server were away. */
static evtwin_status check_sslmode(const char *mode) {
    static const char *const modes[] = {"disable", "allow",     "prefer",
                                        "require", "verify-ca", "verify-full"};
    size_t i = 0;
    while (i < sizeof modes / sizeof modes[0] && strcmp(mode, modes[i]) != 0) {
        i++;
    }
    EVTWIN_FAIL_IF(i == sizeof modes / sizeof modes[0], EVTWIN_E_ARG,
                   "sslmode=%.40s is none of disable, allow, prefer, require, verify-ca, "
                   "verify-full",
                   mode);
    return EVTWIN_OK;
}

/* Whoever can answer for a remote name must prove to be it, or passwords go to anybody. */
static evtwin_status add_sslmode(evtwin__pg_target *t, const evtwin__uri *uri) {
    const char *mode = evtwin__uri_param(uri, "sslmode"), *address = getenv("PGHOSTADDR");
    if (mode == NULL || mode[0] == '\0') {
        mode = getenv("PGSSLMODE");
    }
    const int is_named = mode != NULL && mode[0] != '\0';
    EVTWIN_TRY(is_named ? check_sslmode(mode) : EVTWIN_OK);
    const int is_local = evtwin__hosts_are_local(host_of(uri)) &&
                         evtwin__hosts_are_local(address != NULL ? address : "");
    return is_named || is_local ? EVTWIN_OK : add(t, "sslmode", "verify-full");
}

static evtwin_status read_timeout(const evtwin__uri *uri, int *ms_out) {
    const char *text = evtwin__uri_param(uri, "connect_timeout");
    int64_t s = CONNECT_TIMEOUT_S;
    EVTWIN_FAIL_IF(
        text != NULL && (!evtwin__parse_i64(text, strlen(text), &s) || s < 1 || s > 3600),
        EVTWIN_E_ARG, "connect_timeout=%.40s is not a number of seconds from 1 to 3600", text);
    *ms_out = (int)(s * 1000);
    return EVTWIN_OK;
}

static evtwin_status set_name(evtwin__pg_target *t, const evtwin__uri *uri, const char *database) {
    char name[300] = "", port[16] = "";
    const char *host = host_of(uri);
    if (uri->port >= 0) {
        snprintf(port, sizeof port, ":%d", uri->port);
    }
    snprintf(name, sizeof name, "postgresql %.120s%s/%.120s", host[0] != '\0' ? host : "local",
             port, database);
    t->name = evtwin__strdup(name);
    EVTWIN_FAIL_IF(t->name == NULL, EVTWIN_E_NOMEM, "out of memory for the name of a database");
    return EVTWIN_OK;
}

static evtwin_status check_form(const evtwin__uri *uri) {
    const char *rest = uri->text + strlen(uri->scheme) + 1;
    EVTWIN_FAIL_IF(strncmp(rest, "//", 2) != 0, EVTWIN_E_ARG,
                   "a PostgreSQL URI is %s://USER@HOST:PORT/DATABASE", uri->scheme);
    EVTWIN_FAIL_IF(uri->host[0] != '\0' && evtwin__uri_param(uri, "host") != NULL, EVTWIN_E_ARG,
                   "the URI names a host twice");
    EVTWIN_FAIL_IF(uri->port >= 0 && uri->host[0] == '\0', EVTWIN_E_ARG,
                   "the URI has a port without a host");
    EVTWIN_FAIL_IF(uri->port >= 0 && evtwin__uri_param(uri, "port") != NULL, EVTWIN_E_ARG,
                   "the URI names a port twice");
    return EVTWIN_OK;
}

static evtwin_status read_uri(const evtwin__uri *uri, evtwin__pg_target *t) {
    char port[16];
    const char *database = uri->path + (uri->path[0] == '/');
    EVTWIN_TRY(check_form(uri));
    EVTWIN_TRY(set_name(t, uri, database));
    EVTWIN_TRY(add_if(t, "host", uri->host));
    EVTWIN_TRY(add_if(t, "user", uri->user));
    EVTWIN_TRY(add_if(t, "password", uri->password));
    EVTWIN_TRY(add_if(t, "dbname", database));
    if (uri->port >= 0) {
        snprintf(port, sizeof port, "%d", uri->port);
        EVTWIN_TRY(add(t, "port", port));
    }
    for (size_t i = 0; passed[i] != NULL; i++) {
        EVTWIN_TRY(add_if(t, passed[i], evtwin__uri_param(uri, passed[i])));
    }
    EVTWIN_TRY(add_sslmode(t, uri));
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        EVTWIN_TRY(has(t, defaults[i].keyword) ? EVTWIN_OK
                                               : add(t, defaults[i].keyword, defaults[i].value));
    }
    EVTWIN_TRY(read_timeout(uri, &t->connect_timeout_ms));
    const char *file = evtwin__uri_param(uri, "password_file");
    t->password_file = evtwin__strdup(file);
    EVTWIN_FAIL_IF(file != NULL && t->password_file == NULL, EVTWIN_E_NOMEM,
                   "out of memory for the name of a file");
    return EVTWIN_OK;
}

evtwin_status evtwin__pg_target_read(const evtwin__uri *uri, evtwin__pg_target *out) {
    *out = (evtwin__pg_target){.n = 0};
    char *password = NULL;
    evtwin_status st = read_uri(uri, out);
    if (st >= 0) {
        st = evtwin__pg_password_read(out->password_file, &password);
    }
    evtwin__pg_password_free(password);
    if (st < 0) {
        evtwin__pg_target_free(out);
    }
    return st;
}

void evtwin__pg_target_free(evtwin__pg_target *target) {
    for (size_t i = 0; i < target->n; i++) {
        evtwin__pg_password_free(target->value[i]);
    }
    evtwin__free(target->name);
    evtwin__free(target->password_file);
    *target = (evtwin__pg_target){.n = 0};
}

/* ---- passwords ---- */

evtwin_status evtwin__pg_password_read(const char *path, char **out) {
    char *text = NULL;
    size_t size = 0;
    *out = NULL;
    if (path == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_TRY(evtwin__file_check_private(path));
    EVTWIN_TRY(evtwin__file_read(path, MAX_PASSWORD, &text, &size));
    const size_t length = strcspn(text, "\r\n");
    const size_t end = length + strspn(text + length, "\r\n");
    if (length == 0 || end != size) {
        evtwin__pg_password_free(text);
        EVTWIN_FAIL(EVTWIN_E_PARSE, "%s: a password file has one line, the password", path);
    }
    text[length] = '\0';
    *out = text;
    return EVTWIN_OK;
}

void evtwin__pg_password_free(char *password) {
    if (password != NULL) {
        explicit_bzero(password, strlen(password));
    }
    evtwin__free(password);
}
