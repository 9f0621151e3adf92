/* SPDX-License-Identifier: MIT */
/* io/postgres.c: connect to PostgreSQL, with settings of ours. */

#include "io/postgres_conn.h"

#include "core/mem.h"
#include "core/num.h"
#include "core/status.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { OLDEST_SERVER = 130000 };

evtwin_status evtwin__pg_create(const evtwin__uri *uri, const evtwin__pg_options *options,
                                evtwin__pg **out) {
    evtwin__pg *pg = evtwin__calloc(1, sizeof *pg);
    EVTWIN_FAIL_IF(pg == NULL, EVTWIN_E_NOMEM, "out of memory for a connection");
    pg->options = *options;
    pg->patience_ms = EVTWIN__PG_PATIENCE_MS;
    pg->look_ms = EVTWIN__PG_LOOK_MS;
    pg->look = evtwin__pg_look;
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
    evtwin__text_append(sql, sizeof sql, " SELECT pg_backend_pid()::text");
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_script(pg, sql, &result));
    const char *pid = evtwin__pg_text(result, 0, 0);
    pg->backend_pid = 0;
    if (pid != NULL) {
        evtwin__parse_i64(pid, strlen(pid), &pg->backend_pid);
    }
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
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
    EVTWIN_TRY(evtwin__pg_dial(pg, NULL, pg->target.connect_timeout_ms));
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
    return pg->conn != NULL ? (int)pg->backend_pid : 0;
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
