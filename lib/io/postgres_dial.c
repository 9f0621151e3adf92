/* SPDX-License-Identifier: MIT */
/* io/postgres_dial.c: reach a server, or one of a list. */

#include "io/postgres_conn.h"

#include "core/clock.h"
#include "core/status.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Notices are for people at a terminal; but a server that says good-bye unasked does it so. */
static void take_notice(void *ctx, const PGresult *result) {
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity != NULL && strcmp(severity, "FATAL") == 0) {
        ((evtwin__pg *)ctx)->is_outdated = 1;
    }
}

/* ---- why it failed ---- */

/* Five digits and letters, of which one is a digit: not FATAL. */
static int is_sqlstate(const char *word) {
    return strspn(word, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 &&
           strcspn(word, "0123456789") < 5 && evtwin__pg_begins(word + 5, ": ");
}

/* Where it is in "FATAL: 28P01: …", whose FATAL is in the server's language; NULL: nowhere. */
static const char *find_sqlstate(const char *text) {
    const char *at = strstr(text, ": ");
    while (at != NULL && !is_sqlstate(at + 2)) {
        at = strstr(at + 2, ": ");
    }
    return at != NULL ? at + 2 : NULL;
}

/* libpq has no code for a refusal while it connects: the server's stands in its text, its own
 * reasons are known by their words. */
static evtwin_status connect_status(evtwin__pg *pg, const char *text) {
    static const char *const denied[] = {"certificate", "wrong version number", "password supplied",
                                         "authentication", "private key"};
    const char *code = find_sqlstate(text);
    if (code != NULL) {
        snprintf(pg->sqlstate, sizeof pg->sqlstate, "%.5s", code);
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
    const char *hint = needs_password
                           ? "; give it by ?password_file=FILE, PGPASSFILE, PGPASSWORD or"
                             " (tools, with DB_HOST) DB_PASSWORD"
                       : strstr(text, "root certificate") != NULL
                           ? "; name the file of the authority by ?sslrootcert=FILE"
                       : strstr(text, "does not support SSL") != NULL
                           ? "; in a network that you trust, ?sslmode=disable does without"
                           : "";
    EVTWIN_FAIL(st, "%s: %s%s", pg->target.name, text, hint);
}

/* ---- begin ---- */

static evtwin_status start(evtwin__pg *pg, const evtwin__pg_place *place) {
    const char *keyword[EVTWIN__PG_MAX_WORDS + 5] = {NULL}, *value[EVTWIN__PG_MAX_WORDS + 5];
    size_t n = 0;
    for (; n < pg->target.n; n++) {
        keyword[n] = pg->target.keyword[n];
        value[n] = pg->target.value[n];
    }
    const struct {
        const char *keyword, *value;
    } where[] = {{"host", place->host}, {"hostaddr", place->hostaddr}, {"port", place->port}};
    for (size_t i = 0; i < 3; i++) { /* the later of two counts */
        if (where[i].value != NULL && where[i].value[0] != '\0') {
            keyword[n] = where[i].keyword;
            value[n++] = where[i].value;
        }
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

/* ---- lists of hosts ---- */

/* What follows the first n items of a list, NULL if that is nothing. One without a comma is for all
 * hosts. */
static const char *behind(const char *list, size_t n) {
    const char *rest = list;
    if (list == NULL || strchr(list, ',') == NULL) {
        return list;
    }
    for (; n > 0 && rest != NULL; n--) {
        rest = strchr(rest, ',');
        rest += rest != NULL;
    }
    return rest;
}

static int begins_with_item(const char *list, const char *item) {
    const size_t n = strcspn(list, ",");
    return n == 0 || (n == strlen(item) && memcmp(list, item, n) == 0);
}

/* The hosts behind the one that libpq is at; 0 if there are none. */
static int pass_host(const PGconn *conn, evtwin__pg_place *place) {
    const char *host = PQhost(conn), *port = PQport(conn);
    if (place->host == NULL || place->hostaddr != NULL || strchr(place->host, ',') == NULL) {
        return 0;
    }
    size_t n = 0;
    int is_it = 0;
    for (const char *hosts; !is_it && (hosts = behind(place->host, n)) != NULL; n++) {
        const char *ports = behind(place->port, n);
        is_it = begins_with_item(hosts, host) && (ports == NULL || begins_with_item(ports, port));
    }
    place->port = behind(place->port, n);
    place->host = behind(place->host, n);
    return place->host != NULL;
}

static const char *setting(const evtwin__pg_target *t, const char *keyword, const char *variable) {
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->keyword[i], keyword) == 0) {
            return t->value[i];
        }
    }
    return getenv(variable);
}

/* ---- dial ---- */

/* DONE: the host that libpq is at has not answered in time. Each has its own. */
static evtwin_status dial_hosts(evtwin__pg *pg, const evtwin__pg_place *place, int timeout_ms) {
    EVTWIN_TRY(start(pg, place));
    const char *host = NULL;
    int64_t end = 0;
    PostgresPollingStatusType is =
        PQstatus(pg->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (is == PGRES_POLLING_READING || is == PGRES_POLLING_WRITING) {
        if (PQhost(pg->conn) != host) {
            host = PQhost(pg->conn); /* in the list, where each has its place */
            end = evtwin__monotonic_us() + (int64_t)timeout_ms * 1000;
        }
        const evtwin_status st =
            evtwin__pg_wait(pg, is == PGRES_POLLING_READING ? POLLIN : POLLOUT, end);
        if (st != EVTWIN_OK) {
            return st;
        }
        is = PQconnectPoll(pg->conn);
    }
    return is == PGRES_POLLING_OK ? EVTWIN_OK : fail_connect(pg);
}

/* libpq tries the hosts of a list in turn, but leaves time to its caller: where one is silent it
 * begins anew behind that one. */
evtwin_status evtwin__pg_dial(evtwin__pg *pg, const evtwin__pg_place *at, int timeout_ms) {
    const evtwin__pg_place all = {.host = setting(&pg->target, "host", "PGHOST"),
                                  .hostaddr = getenv("PGHOSTADDR"),
                                  .port = setting(&pg->target, "port", "PGPORT")};
    evtwin__pg_place place = at != NULL ? *at : all;
    evtwin_status st;
    while ((st = dial_hosts(pg, &place, timeout_ms)) == EVTWIN_DONE) {
        if (!pass_host(pg->conn, &place)) {
            return evtwin__pg_fail_lost(pg, "the server does not answer");
        }
        evtwin__pg_disconnect(pg);
    }
    EVTWIN_TRY(st);
    PQsetnonblocking(pg->conn, 1);
    return EVTWIN_OK;
}
