/* SPDX-License-Identifier: MIT */
/* io/postgres.c: connect to PostgreSQL, with settings of ours. */

#include "io/postgres_conn.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { OLDEST_SERVER = 130000 };

/* Notices are for people at a terminal; but a server that says good-bye unasked does it so. */
static void take_notice(void *ctx, const PGresult *result) {
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity != NULL && strcmp(severity, "FATAL") == 0) {
        ((evtwin__pg *)ctx)->is_outdated = 1;
    }
}

evtwin_status evtwin__pg_create(const evtwin__uri *uri, const evtwin__pg_options *options,
                                evtwin__pg **out) {
    evtwin__pg *pg = evtwin__calloc(1, sizeof *pg);
    EVTWIN_FAIL_IF(pg == NULL, EVTWIN_E_NOMEM, "out of memory for a connection");
    pg->options = *options;
    pg->patience_ms = EVTWIN__PG_PATIENCE_MS;
    pg->deadline_us = INT64_MAX;
    pg->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const int error = errno;
    evtwin_status st = evtwin__pg_target_read(uri, &pg->target);
    if (st >= 0 && pg->wake < 0) {
        st = evtwin__fail(EVTWIN_E_IO, "%s: no descriptor for a connection: %s", pg->target.name,
                          strerror(error));
    }
    if (st < 0) {
        evtwin__pg_free(pg);
        return st;
    }
    *out = pg;
    return EVTWIN_OK;
}

void evtwin__pg_free(evtwin__pg *pg) {
    if (pg == NULL) {
        return;
    }
    evtwin__pg_disconnect(pg);
    evtwin__text_free(&pg->copy.buffer);
    evtwin__pg_target_free(&pg->target);
    if (pg->wake >= 0) {
        close(pg->wake);
    }
    evtwin__free(pg);
}

/* libpq has no code for a refusal while it connects: the server's stands in its text, its own
 * reasons are known by their words. */
static evtwin_status connect_status(evtwin__pg *pg, const char *text) {
    static const char fatal[] = "FATAL: ";
    static const char *const denied[] = {"certificate", "wrong version number", "password supplied",
                                         "authentication", "private key"};
    const char *code = strstr(text, fatal);
    if (code != NULL && strcspn(code + strlen(fatal), ":") == sizeof pg->sqlstate - 1) {
        snprintf(pg->sqlstate, sizeof pg->sqlstate, "%.5s", code + strlen(fatal));
        return evtwin__pg_status_of(pg->sqlstate);
    }
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        if (strstr(text, denied[i]) != NULL) {
            return EVTWIN_E_DENIED;
        }
    }
    return EVTWIN_E_AGAIN;
}

static evtwin_status fail_connect(evtwin__pg *pg) {
    char text[400];
    evtwin__pg_flatten(PQerrorMessage(pg->conn), text, sizeof text);
    const int needs_password = PQconnectionNeedsPassword(pg->conn);
    const evtwin_status st = connect_status(pg, text);
    evtwin__pg_disconnect(pg);
    const char *hint = needs_password ? "; give it by ?password_file=FILE, PGPASSFILE or PGPASSWORD"
                       : strstr(text, "root certificate") != NULL
                           ? "; name the file of the authority by ?sslrootcert=FILE"
                       : strstr(text, "does not support SSL") != NULL
                           ? "; in a network that you trust, ?sslmode=disable does without"
                           : "";
    EVTWIN_FAIL(st, "%s: %s%s", pg->target.name, text, hint);
}

static evtwin_status start(evtwin__pg *pg) {
    const char *keyword[EVTWIN__PG_MAX_WORDS + 2] = {NULL}, *value[EVTWIN__PG_MAX_WORDS + 2];
    size_t n = 0;
    for (; n < pg->target.n; n++) {
        keyword[n] = pg->target.keyword[n];
        value[n] = pg->target.value[n];
    }
    char *password = NULL;
    EVTWIN_TRY(evtwin__pg_password_read(pg->target.password_file, &password));
    if (password != NULL) {
        keyword[n] = "password";
        value[n++] = password;
    }
    keyword[n] = NULL;
    value[n] = NULL;
    pg->conn = PQconnectStartParams(keyword, value, 0);
    evtwin__pg_password_free(password);
    EVTWIN_FAIL_IF(pg->conn == NULL, EVTWIN_E_NOMEM, "out of memory for a connection");
    PQsetNoticeReceiver(pg->conn, take_notice, pg);
    PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE); /* with the SQLSTATE */
    return EVTWIN_OK;
}

static evtwin_status dial(evtwin__pg *pg) {
    EVTWIN_TRY(start(pg));
    const int64_t end = evtwin__monotonic_us() + (int64_t)pg->target.connect_timeout_ms * 1000;
    PostgresPollingStatusType is =
        PQstatus(pg->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (is == PGRES_POLLING_READING || is == PGRES_POLLING_WRITING) {
        EVTWIN_TRY(evtwin__pg_wait(pg, is == PGRES_POLLING_READING ? POLLIN : POLLOUT, end));
        is = PQconnectPoll(pg->conn);
    }
    if (is != PGRES_POLLING_OK) {
        return fail_connect(pg);
    }
    PQsetnonblocking(pg->conn, 1);
    return EVTWIN_OK;
}

/* What a session of ours is like, whatever the settings of server, database and role are; only
 * commits that do not wait for the disk may be asked for, by the URI itself. evtwin.writer tells
 * the triggers that seq, status and revision are set already. */
static evtwin_status set_up(evtwin__pg *pg) {
    char sql[900] = "";
    pg->server_version = PQserverVersion(pg->conn);
    EVTWIN_FAIL_IF(pg->server_version < OLDEST_SERVER, EVTWIN_E_UNSUPPORTED,
                   "%s: is PostgreSQL %d; version 13 or newer is needed", pg->target.name,
                   pg->server_version / 10000);
    evtwin__text_append(sql, sizeof sql,
                        "SET evtwin.writer = 'on'; SET lock_timeout = %d;"
                        " SET statement_timeout = 0; SET idle_in_transaction_session_timeout = "
                        "'60s'; SET jit = off; SET tcp_keepalives_idle = 30;"
                        " SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;"
                        " SET default_transaction_isolation = 'read committed';"
                        " SET extra_float_digits = 1;"
                        " SELECT set_config(name, 'on', false) FROM pg_settings WHERE name ="
                        " 'synchronous_commit' AND setting = 'off' AND source <> 'client';"
                        " SET default_transaction_read_only = %s;",
                        pg->options.lock_timeout_ms, pg->options.is_reader ? "on" : "off");
    if (pg->server_version >= 140000) {
        /* a statement whose client has gone ends, too */
        evtwin__text_append(sql, sizeof sql, " SET client_connection_check_interval = '2s';");
    }
    return evtwin__pg_exec(pg, sql);
}

/* Between two statements a server says nothing but good-bye, and which settings have changed. */
static int is_alive(evtwin__pg *pg) {
    struct pollfd fd = {.fd = PQsocket(pg->conn), .events = POLLIN};
    if (PQstatus(pg->conn) != CONNECTION_OK || (poll(&fd, 1, 0) > 0 && !PQconsumeInput(pg->conn))) {
        return 0;
    }
    PGnotify *notify = PQnotifies(pg->conn); /* reads what has come */
    PQfreemem(notify);
    return PQstatus(pg->conn) == CONNECTION_OK && !pg->is_outdated;
}

evtwin_status evtwin__pg_connect(evtwin__pg *pg) {
    if (pg->conn != NULL && is_alive(pg)) {
        return EVTWIN_OK;
    }
    evtwin__pg_disconnect(pg);
    pg->sqlstate[0] = '\0';
    EVTWIN_TRY(dial(pg));
    pg->session++;
    const evtwin_status st = set_up(pg);
    if (st < 0) {
        evtwin__pg_disconnect(pg);
    }
    return st;
}

int evtwin__pg_is_connected(const evtwin__pg *pg) {
    return pg->conn != NULL && PQstatus(pg->conn) == CONNECTION_OK;
}

int64_t evtwin__pg_session(const evtwin__pg *pg) {
    return pg->session;
}

int evtwin__pg_backend_pid(const evtwin__pg *pg) {
    return pg->conn != NULL ? PQbackendPID(pg->conn) : 0;
}

int evtwin__pg_server_version(const evtwin__pg *pg) {
    return pg->server_version;
}

const char *evtwin__pg_name(const evtwin__pg *pg) {
    return pg->target.name;
}

const char *evtwin__pg_sqlstate(const evtwin__pg *pg) {
    return pg->sqlstate;
}

int evtwin__pg_is_duplicate(const evtwin__pg *pg) {
    return strcmp(pg->sqlstate, "23505") == 0;
}
