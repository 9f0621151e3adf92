/* SPDX-License-Identifier: MIT */
/* io/postgres.c: connect to PostgreSQL, run statements, send rows, map errors; every wait has an
 * end. */

#include "io/postgres.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"
#include "io/postgres_uri.h"
#include "io/postgres_wire.h"

#include <assert.h>
#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MAX_PREPARED = 96, OLDEST_SERVER = 130000, COPY_CHUNK = 1 << 16 };

typedef struct copy_state {
    const evtwin__pg_type *type;
    size_t n_columns, col; /* of the row that is being made */
    int is_active, is_out_of_range;
    evtwin__text buffer;
} copy_state;

struct evtwin__pg {
    evtwin__pg_target target;
    evtwin__pg_options options;
    PGconn *conn; /* NULL without a connection */
    int server_version;
    int64_t session;
    int is_outdated; /* what is known of the database is not so any more: connect anew */
    char sqlstate[6];
    char *prepared[MAX_PREPARED]; /* texts; number i is the statement "evtwin_i" */
    size_t n_prepared;
    copy_state copy;
    int patience_ms;           /* 0 = no limit */
    int64_t deadline_us;       /* on the monotonic clock; INT64_MAX = none */
    int wake;                  /* an eventfd that is written to interrupt a wait */
    atomic_int is_interrupted; /* by any thread, for good */
};

/* ---- errors ---- */

/* A server's text on one line, without what it says about its own source. */
static const char *flatten(const char *text, char *to, size_t size) {
    size_t n = 0;
    for (const char *c = text; *c != '\0' && n + 1 < size; c++) {
        if (strncmp(c, "\nLOCATION:", 10) == 0) {
            break;
        }
        const int is_blank = *c == '\n' || *c == '\r' || *c == '\t' || *c == ' ';
        if (!is_blank || (n > 0 && to[n - 1] != ' ')) {
            to[n++] = is_blank ? ' ' : *c;
        }
    }
    to[n] = '\0';
    while (n > 0 && to[n - 1] == ' ') {
        to[--n] = '\0';
    }
    return to;
}

static int begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static evtwin_status status_of(const char *sqlstate) {
    static const struct {
        const char *begins;
        evtwin_status status;
    } list[] = {
        {"08", EVTWIN_E_AGAIN},        {"57P", EVTWIN_E_AGAIN},    {"53", EVTWIN_E_AGAIN},
        {"40", EVTWIN_E_AGAIN},        {"55P03", EVTWIN_E_AGAIN},  {"55006", EVTWIN_E_AGAIN},
        {"25006", EVTWIN_E_AGAIN},     {"57014", EVTWIN_E_AGAIN},  {"25P0", EVTWIN_E_AGAIN},
        {"0A000", EVTWIN_E_EXTERNAL},  {"28", EVTWIN_E_DENIED},    {"42501", EVTWIN_E_DENIED},
        {"3D000", EVTWIN_E_NOT_FOUND}, {"42P01", EVTWIN_E_SCHEMA}, {"42703", EVTWIN_E_SCHEMA},
        {"3F000", EVTWIN_E_SCHEMA},    {"42883", EVTWIN_E_SCHEMA}, {"22", EVTWIN_E_DATA},
        {"23", EVTWIN_E_DATA},         {"P0001", EVTWIN_E_DATA},   {"XX001", EVTWIN_E_CORRUPT},
        {"XX002", EVTWIN_E_CORRUPT}};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (begins(sqlstate, list[i].begins)) {
            return list[i].status;
        }
    }
    return EVTWIN_E_EXTERNAL;
}

static void forget_prepared(evtwin__pg *pg) {
    for (size_t i = 0; i < pg->n_prepared; i++) {
        evtwin__free(pg->prepared[i]);
    }
    pg->n_prepared = 0;
}

void evtwin__pg_disconnect(evtwin__pg *pg) {
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg->copy.is_active = 0;
    pg->is_outdated = 0;
    forget_prepared(pg);
}

/* The connection is of no more use. */
static evtwin_status fail_lost(evtwin__pg *pg, const char *why) {
    char text[400];
    flatten(why != NULL ? why : PQerrorMessage(pg->conn), text, sizeof text);
    snprintf(pg->sqlstate, sizeof pg->sqlstate, "08006");
    evtwin__pg_disconnect(pg);
    EVTWIN_FAIL(EVTWIN_E_AGAIN, "%s: the connection was lost: %s", pg->target.name,
                text[0] != '\0' ? text : "no reason known");
}

/* What the server says of a statement that failed. */
static evtwin_status fail_result(evtwin__pg *pg, const PGresult *result) {
    char text[400], more[200];
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    snprintf(pg->sqlstate, sizeof pg->sqlstate, "%s", state != NULL ? state : "XX000");
    flatten(primary != NULL ? primary : PQresultErrorMessage(result), text, sizeof text);
    flatten(detail != NULL ? detail : "", more, sizeof more);
    evtwin_status st = status_of(pg->sqlstate);
    if (begins(pg->sqlstate, "0A000") && strstr(text, "cached plan") != NULL) {
        st = EVTWIN_E_AGAIN; /* a table has other columns now: prepare anew */
    }
    pg->is_outdated |=
        st == EVTWIN_E_SCHEMA || begins(pg->sqlstate, "0A000") || begins(pg->sqlstate, "25006");
    EVTWIN_FAIL(st, "%s: %s%s%s%s", pg->target.name, text, more[0] != '\0' ? " (" : "", more,
                more[0] != '\0' ? ")" : "");
}

/* ---- waits ---- */

void evtwin__pg_patience(evtwin__pg *pg, int milliseconds) {
    pg->patience_ms = milliseconds;
}

void evtwin__pg_deadline(evtwin__pg *pg, double seconds) {
    pg->deadline_us = seconds > 0.0 && seconds < 1e9
                          ? evtwin__monotonic_us() + (int64_t)(seconds * 1e6)
                          : INT64_MAX;
}

void evtwin__pg_interrupt(evtwin__pg *pg) {
    const uint64_t one = 1;
    atomic_store(&pg->is_interrupted, 1);
    const ssize_t n = write(pg->wake, &one, sizeof one); /* full = already awake */
    (void)n;
}

static int is_over(const evtwin__pg *pg) {
    return atomic_load(&pg->is_interrupted) ||
           (pg->deadline_us != INT64_MAX && evtwin__monotonic_us() >= pg->deadline_us);
}

static evtwin_status fail_over(evtwin__pg *pg) {
    const char *why = atomic_load(&pg->is_interrupted) ? "interrupted" : "its deadline has passed";
    EVTWIN_FAIL(EVTWIN_E_CANCELLED, "%s: %s", pg->target.name, why);
}

/* Wait for events of the connection, until patience_us at most (INT64_MAX = no limit). */
static evtwin_status wait_for(evtwin__pg *pg, short events, int64_t patience_us) {
    for (;;) {
        if (is_over(pg)) {
            evtwin__pg_disconnect(pg); /* the server notices, and ends what it does */
            return fail_over(pg);
        }
        const int64_t now = evtwin__monotonic_us();
        const int64_t until = pg->deadline_us < patience_us ? pg->deadline_us : patience_us;
        if (now >= patience_us) {
            return fail_lost(pg, "the server does not answer");
        }
        const int64_t ms = until == INT64_MAX ? -1 : (until - now) / 1000 + 1;
        struct pollfd fds[2] = {{.fd = PQsocket(pg->conn), .events = events},
                                {.fd = pg->wake, .events = POLLIN}};
        const int n = poll(fds, 2, ms > INT_MAX ? INT_MAX : (int)ms);
        if (n < 0 && errno != EINTR) {
            return fail_lost(pg, strerror(errno));
        }
        if (n > 0 && fds[0].revents != 0) {
            return EVTWIN_OK;
        }
    }
}

static int64_t patience_end(const evtwin__pg *pg) {
    return pg->patience_ms > 0 ? evtwin__monotonic_us() + (int64_t)pg->patience_ms * 1000
                               : INT64_MAX;
}

/* Everything that is to be sent is sent; what comes meanwhile is taken in, or both sides would
 * wait. Each piece that goes gives new patience. */
static evtwin_status flush(evtwin__pg *pg) {
    int left;
    while ((left = PQflush(pg->conn)) == 1) {
        EVTWIN_TRY(wait_for(pg, POLLIN | POLLOUT, patience_end(pg)));
        if (!PQconsumeInput(pg->conn)) {
            return fail_lost(pg, NULL);
        }
    }
    return left == 0 ? EVTWIN_OK : fail_lost(pg, NULL);
}

/* The next result of what was sent, NULL after the last. */
static evtwin_status next_result(evtwin__pg *pg, PGresult **out) {
    const int64_t end = patience_end(pg);
    while (PQisBusy(pg->conn)) {
        EVTWIN_TRY(wait_for(pg, POLLIN, end));
        if (!PQconsumeInput(pg->conn)) {
            return fail_lost(pg, NULL);
        }
    }
    *out = PQgetResult(pg->conn);
    return EVTWIN_OK;
}

/* All results: the last one is given out if none failed. */
static evtwin_status collect(evtwin__pg *pg, PGresult **out) {
    PGresult *last = NULL, *result = NULL;
    evtwin_status st = flush(pg);
    while (st >= 0 && (st = next_result(pg, &result)) >= 0 && result != NULL) {
        if (last != NULL && PQresultStatus(last) == PGRES_FATAL_ERROR) {
            PQclear(result);
            continue;
        }
        PQclear(last);
        last = result;
        const ExecStatusType is = PQresultStatus(result);
        if (is == PGRES_COPY_IN || is == PGRES_COPY_OUT || is == PGRES_COPY_BOTH) {
            break; /* the copy goes on from here */
        }
    }
    if (st >= 0 && last != NULL && PQresultStatus(last) == PGRES_FATAL_ERROR) {
        st = fail_result(pg, last);
    }
    if (st >= 0 && last == NULL) {
        st = fail_lost(pg, NULL);
    }
    if (st < 0) {
        PQclear(last);
        last = NULL;
        if (pg->conn != NULL && PQstatus(pg->conn) == CONNECTION_BAD) {
            evtwin__pg_disconnect(pg);
        }
    }
    *out = last;
    return st;
}

/* ---- connect ---- */

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
    const char *fatal = strstr(text, "FATAL:  ");
    if (fatal != NULL && strlen(fatal) > 13 && fatal[13] == ':') {
        snprintf(pg->sqlstate, sizeof pg->sqlstate, "%.5s", fatal + 8);
        return status_of(pg->sqlstate);
    }
    static const char *const denied[] = {"certificate",    "SSL",         "password",
                                         "authentication", "private key", "peer"};
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        if (strstr(text, denied[i]) != NULL) {
            return EVTWIN_E_DENIED;
        }
    }
    return EVTWIN_E_AGAIN;
}

static evtwin_status fail_connect(evtwin__pg *pg) {
    char text[400];
    flatten(PQerrorMessage(pg->conn), text, sizeof text);
    const int needs_password = PQconnectionNeedsPassword(pg->conn);
    const evtwin_status st = connect_status(pg, text);
    evtwin__pg_disconnect(pg);
    const char *hint = st != EVTWIN_E_DENIED ? ""
                       : needs_password
                           ? "; give it by ?password_file=FILE, PGPASSFILE or PGPASSWORD"
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
        EVTWIN_TRY(wait_for(pg, is == PGRES_POLLING_READING ? POLLIN : POLLOUT, end));
        is = PQconnectPoll(pg->conn);
    }
    if (is != PGRES_POLLING_OK) {
        return fail_connect(pg);
    }
    PQsetnonblocking(pg->conn, 1);
    return EVTWIN_OK;
}

/* What a session of ours is like, whatever the server's settings are. evtwin.writer tells the
 * triggers that seq, status and revision are set already. */
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

/* ---- statements ---- */

static evtwin_status check_ready(evtwin__pg *pg) {
    pg->sqlstate[0] = '\0';
    if (is_over(pg)) {
        return fail_over(pg);
    }
    EVTWIN_FAIL_IF(pg->conn == NULL, EVTWIN_E_AGAIN, "%s: is not connected", pg->target.name);
    return EVTWIN_OK;
}

/* Send (by one of libpq's calls, which says 0 when it cannot) and take the last result. */
static evtwin_status finish(evtwin__pg *pg, int is_sent, PGresult **out) {
    *out = NULL;
    return is_sent ? collect(pg, out) : fail_lost(pg, NULL);
}

evtwin_status evtwin__pg_exec(evtwin__pg *pg, const char *sql) {
    PGresult *result = NULL;
    EVTWIN_TRY(check_ready(pg));
    const evtwin_status st = finish(pg, PQsendQuery(pg->conn, sql), &result);
    PQclear(result);
    return st;
}

/* The parameters as libpq wants them. */
typedef struct bound {
    int n;
    Oid type[EVTWIN__PG_MAX_PARAMS];
    const char *value[EVTWIN__PG_MAX_PARAMS];
    int length[EVTWIN__PG_MAX_PARAMS], format[EVTWIN__PG_MAX_PARAMS];
} bound;

static evtwin_status bind(evtwin__pg *pg, const evtwin__pg_params *params, bound *b) {
    b->n = 0;
    if (params == NULL) {
        return EVTWIN_OK;
    }
    EVTWIN_FAIL_IF(params->n > EVTWIN__PG_MAX_PARAMS, EVTWIN_E_ARG,
                   "a statement with more than %d parameters", EVTWIN__PG_MAX_PARAMS);
    for (size_t i = 0; i < params->n; i++) {
        const evtwin__pg_param *p = &params->param[i];
        EVTWIN_FAIL_IF(p->bytes.is_failed || p->bytes.size > INT_MAX / 2, EVTWIN_E_NOMEM,
                       "%s: out of memory for the parameters of a statement", pg->target.name);
        b->type[i] = p->is_array ? evtwin__pg_oids[p->type].array : evtwin__pg_oids[p->type].scalar;
        b->value[i] = p->is_null ? NULL : p->bytes.size > 0 ? p->bytes.data : "";
        b->length[i] = (int)p->bytes.size;
        b->format[i] = 1;
    }
    b->n = (int)params->n;
    return EVTWIN_OK;
}

/* Name of the statement, prepared; "" if there is no room to remember one more. */
static evtwin_status prepare(evtwin__pg *pg, const char *sql, const bound *b, char name[32]) {
    name[0] = '\0';
    for (size_t i = 0; i < pg->n_prepared; i++) {
        if (strcmp(pg->prepared[i], sql) == 0) {
            snprintf(name, 32, "evtwin_%zu", i);
            return EVTWIN_OK;
        }
    }
    if (pg->n_prepared == MAX_PREPARED) {
        return EVTWIN_OK;
    }
    char *copy = evtwin__strdup(sql);
    EVTWIN_FAIL_IF(copy == NULL, EVTWIN_E_NOMEM, "out of memory for a statement");
    PGresult *result = NULL;
    snprintf(name, 32, "evtwin_%zu", pg->n_prepared);
    const evtwin_status st = finish(pg, PQsendPrepare(pg->conn, name, sql, b->n, b->type), &result);
    PQclear(result);
    if (st < 0) {
        evtwin__free(copy);
        return st;
    }
    pg->prepared[pg->n_prepared++] = copy;
    return EVTWIN_OK;
}

evtwin_status evtwin__pg_query(evtwin__pg *pg, const char *sql, const evtwin__pg_params *params,
                               evtwin__pg_result **out) {
    char name[32];
    PGresult *result = NULL;
    bound b;
    EVTWIN_TRY(check_ready(pg));
    EVTWIN_TRY(bind(pg, params, &b));
    EVTWIN_TRY(prepare(pg, sql, &b, name));
    const char *const *value = b.value;
    const int is_sent =
        name[0] != '\0'
            ? PQsendQueryPrepared(pg->conn, name, b.n, value, b.length, b.format, 1)
            : PQsendQueryParams(pg->conn, sql, b.n, b.type, value, b.length, b.format, 1);
    EVTWIN_TRY(finish(pg, is_sent, &result));
    if (out != NULL) {
        *out = (evtwin__pg_result *)(void *)result;
    } else {
        PQclear(result);
    }
    return EVTWIN_OK;
}

evtwin_status evtwin__pg_query_i64(evtwin__pg *pg, const char *sql, const evtwin__pg_params *params,
                                   int64_t otherwise, int64_t *out) {
    evtwin__pg_result *result = NULL;
    EVTWIN_TRY(evtwin__pg_query(pg, sql, params, &result));
    *out = otherwise;
    evtwin__pg_i64(result, 0, 0, out);
    evtwin__pg_result_free(result);
    return EVTWIN_OK;
}

/* ---- transactions ---- */

evtwin_status evtwin__pg_begin(evtwin__pg *pg, const char *mode) {
    char sql[120];
    snprintf(sql, sizeof sql, "BEGIN %s", mode);
    return evtwin__pg_exec(pg, sql);
}

/* What comes of it is of no interest: a connection that does not even do this is given up. */
static void roll_back(evtwin__pg *pg) {
    PGresult *result = NULL;
    if (pg->conn == NULL) {
        return;
    }
    if (is_over(pg) || finish(pg, PQsendQuery(pg->conn, "ROLLBACK"), &result) < 0) {
        evtwin__pg_disconnect(pg);
    }
    PQclear(result);
}

static evtwin_status commit(evtwin__pg *pg) {
    PGresult *result = NULL;
    EVTWIN_TRY(check_ready(pg));
    EVTWIN_TRY(finish(pg, PQsendQuery(pg->conn, "COMMIT"), &result));
    const int is_committed = strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    EVTWIN_FAIL_IF(!is_committed, EVTWIN_E_STATE,
                   "%s: a statement of the transaction has failed: nothing was committed",
                   pg->target.name);
    return EVTWIN_OK;
}

evtwin_status evtwin__pg_end(evtwin__pg *pg, evtwin_status st) {
    if (st >= 0) {
        return commit(pg);
    }
    char text[600], state[6];
    snprintf(text, sizeof text, "%s", evtwin_last_error());
    memcpy(state, pg->sqlstate, sizeof state);
    roll_back(pg);
    memcpy(pg->sqlstate, state, sizeof state);
    return evtwin__fail(st, "%s", text);
}

/* ---- COPY ---- */

evtwin_status evtwin__pg_copy_begin(evtwin__pg *pg, const char *sql, const evtwin__pg_type *type,
                                    size_t n_columns) {
    static const char signature[] = "PGCOPY\n\377\r\n";
    PGresult *result = NULL;
    EVTWIN_TRY(check_ready(pg));
    EVTWIN_TRY(finish(pg, PQsendQuery(pg->conn, sql), &result));
    const int is_copy = PQresultStatus(result) == PGRES_COPY_IN;
    PQclear(result);
    EVTWIN_FAIL_IF(!is_copy, EVTWIN_E_ARG, "%s: not a COPY FROM STDIN", pg->target.name);
    copy_state *c = &pg->copy;
    c->buffer.size = 0;
    c->buffer.is_failed = 0;
    *c = (copy_state){.type = type,
                      .n_columns = n_columns,
                      .col = n_columns,
                      .is_active = 1,
                      .buffer = c->buffer};
    evtwin__text_add(&c->buffer, signature, sizeof signature); /* with its NUL */
    evtwin__pg_wire_int(&c->buffer, 0, 8);                     /* no flags, no extension */
    return EVTWIN_OK;
}

/* The type of the next column; before the first one goes their number. */
static evtwin__pg_type next_column(evtwin__pg *pg) {
    copy_state *c = &pg->copy;
    if (c->col == c->n_columns) {
        c->col = 0;
        evtwin__pg_wire_int(&c->buffer, (int64_t)c->n_columns, 2);
    }
    return c->type[c->col++];
}

void evtwin__pg_copy_null(evtwin__pg *pg) {
    next_column(pg);
    evtwin__pg_wire_int(&pg->copy.buffer, -1, 4);
}

void evtwin__pg_copy_f64(evtwin__pg *pg, double value) {
    if (!isfinite(value)) {
        evtwin__pg_copy_null(pg);
        return;
    }
    next_column(pg);
    evtwin__pg_wire_int(&pg->copy.buffer, 8, 4);
    evtwin__pg_wire_f64(&pg->copy.buffer, value);
}

void evtwin__pg_copy_i64(evtwin__pg *pg, int64_t value) {
    const evtwin__pg_type type = next_column(pg);
    const size_t size = type == EVTWIN__PG_BOOL  ? 1
                        : type == EVTWIN__PG_I16 ? 2
                        : type == EVTWIN__PG_I32 ? 4
                                                 : 8;
    if (type == EVTWIN__PG_TIME) {
        value = evtwin__pg_wire_time(value);
    }
    pg->copy.is_out_of_range |= (size == 4 && (value < INT32_MIN || value > INT32_MAX)) ||
                                (size == 2 && (value < INT16_MIN || value > INT16_MAX));
    evtwin__pg_wire_int(&pg->copy.buffer, (int64_t)size, 4);
    evtwin__pg_wire_int(&pg->copy.buffer, value, size);
}

void evtwin__pg_copy_text(evtwin__pg *pg, const char *text) {
    if (text == NULL) {
        evtwin__pg_copy_null(pg);
        return;
    }
    const size_t length = strlen(text);
    next_column(pg);
    evtwin__pg_wire_int(&pg->copy.buffer, (int64_t)length, 4);
    evtwin__text_add(&pg->copy.buffer, text, length);
}

static evtwin_status send_copied(evtwin__pg *pg) {
    evtwin__text *buffer = &pg->copy.buffer;
    const int is_sent = PQputCopyData(pg->conn, buffer->data, (int)buffer->size) == 1;
    buffer->size = 0;
    return is_sent ? flush(pg) : fail_lost(pg, NULL);
}

evtwin_status evtwin__pg_copy_row(evtwin__pg *pg) {
    copy_state *c = &pg->copy;
    EVTWIN_FAIL_IF(pg->conn == NULL, EVTWIN_E_AGAIN, "%s: is not connected", pg->target.name);
    assert(c->is_active && c->col == c->n_columns);
    EVTWIN_FAIL_IF(c->buffer.is_failed, EVTWIN_E_NOMEM, "out of memory for rows to send");
    EVTWIN_FAIL_IF(c->is_out_of_range, EVTWIN_E_RANGE,
                   "%s: a number is too large for its integer column", pg->target.name);
    return c->buffer.size < COPY_CHUNK ? EVTWIN_OK : send_copied(pg);
}

static evtwin_status end_copy(evtwin__pg *pg, int is_good) {
    PGresult *result = NULL;
    if (is_good) {
        evtwin__pg_wire_int(&pg->copy.buffer, -1, 2);
        EVTWIN_FAIL_IF(pg->copy.buffer.is_failed, EVTWIN_E_NOMEM, "out of memory for rows to send");
        EVTWIN_TRY(send_copied(pg));
    }
    pg->copy.is_active = 0;
    const char *why = is_good ? NULL : "given up";
    const evtwin_status st = finish(pg, PQputCopyEnd(pg->conn, why) == 1, &result);
    PQclear(result);
    return st;
}

evtwin_status evtwin__pg_copy_end(evtwin__pg *pg, evtwin_status st) {
    if (st >= 0) {
        st = pg->conn != NULL
                 ? EVTWIN_OK
                 : evtwin__fail(EVTWIN_E_AGAIN, "%s: is not connected", pg->target.name);
        st = st >= 0 ? end_copy(pg, 1) : st;
        if (st < 0 && pg->conn != NULL && pg->copy.is_active) {
            evtwin__pg_disconnect(pg);
        }
        return st;
    }
    if (pg->conn != NULL && pg->copy.is_active) {
        char text[600], state[6];
        snprintf(text, sizeof text, "%s", evtwin_last_error());
        memcpy(state, pg->sqlstate, sizeof state);
        if (!is_over(pg)) {
            end_copy(pg, 0);
        } else {
            evtwin__pg_disconnect(pg);
        }
        memcpy(pg->sqlstate, state, sizeof state);
        return evtwin__fail(st, "%s", text);
    }
    return st;
}
