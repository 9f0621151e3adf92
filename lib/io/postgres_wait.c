/* SPDX-License-Identifier: MIT */
/* io/postgres_wait.c: wait for a server, no longer than told; its failures as ours. */

#include "io/postgres_conn.h"

#include "core/clock.h"
#include "core/mem.h"
#include "core/status.h"

#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- errors ---- */

int evtwin__pg_begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* A server's text on one line, its lines with semicolons between them, without what it says about
 * its own source. */
const char *evtwin__pg_flatten(const char *text, char *to, size_t size) {
    static const char *const blank = " \t\r\n";
    size_t n = 0;
    for (const char *c = text; *c != '\0' && n + 3 < size; c++) {
        const size_t n_blank = strspn(c, blank);
        if (n_blank == 0) {
            to[n++] = *c;
            continue;
        }
        const int is_line = memchr(c, '\n', n_blank) != NULL;
        c += n_blank;
        if (*c == '\0' || (is_line && evtwin__pg_begins(c, "LOCATION:"))) {
            break;
        }
        if (is_line && n > 0 && to[n - 1] != '.' && to[n - 1] != ':') {
            to[n++] = ';';
        }
        if (n > 0) {
            to[n++] = ' ';
        }
        c--;
    }
    to[n > 0 && to[n - 1] == '.' ? n - 1 : n] = '\0';
    return to;
}

evtwin_status evtwin__pg_status_of(const char *sqlstate) {
    static const struct {
        const char *begins;
        evtwin_status status;
    } list[] = {
        {"08", EVTWIN_E_AGAIN},     {"57P", EVTWIN_E_AGAIN},     {"53", EVTWIN_E_AGAIN},
        {"40", EVTWIN_E_AGAIN},     {"55P03", EVTWIN_E_AGAIN},   {"55006", EVTWIN_E_AGAIN},
        {"25006", EVTWIN_E_AGAIN},  {"57014", EVTWIN_E_AGAIN},   {"25P0", EVTWIN_E_AGAIN},
        {"28", EVTWIN_E_DENIED},    {"42501", EVTWIN_E_DENIED},  {"3D000", EVTWIN_E_NOT_FOUND},
        {"42P01", EVTWIN_E_SCHEMA}, {"42703", EVTWIN_E_SCHEMA},  {"3F000", EVTWIN_E_SCHEMA},
        {"42883", EVTWIN_E_SCHEMA}, {"22", EVTWIN_E_DATA},       {"23", EVTWIN_E_DATA},
        {"P0001", EVTWIN_E_DATA},   {"XX001", EVTWIN_E_CORRUPT}, {"XX002", EVTWIN_E_CORRUPT}};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        if (evtwin__pg_begins(sqlstate, list[i].begins)) {
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
evtwin_status evtwin__pg_fail_lost(evtwin__pg *pg, const char *why) {
    char text[400];
    evtwin__pg_flatten(why != NULL ? why : PQerrorMessage(pg->conn), text, sizeof text);
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
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    snprintf(pg->sqlstate, sizeof pg->sqlstate, "%s", state != NULL ? state : "XX000");
    evtwin__pg_flatten(primary != NULL ? primary : PQresultErrorMessage(result), text, sizeof text);
    evtwin__pg_flatten(detail != NULL ? detail : "", more, sizeof more);
    evtwin_status st = evtwin__pg_status_of(pg->sqlstate);
    /* a table has other columns now: prepare anew. (The text is in the server's language.) */
    const int is_stale = function != NULL && strcmp(function, "RevalidateCachedQuery") == 0;
    st = is_stale ? EVTWIN_E_AGAIN : st;
    pg->is_outdated |=
        is_stale || st == EVTWIN_E_SCHEMA || evtwin__pg_begins(pg->sqlstate, "25006");
    EVTWIN_FAIL_IF(st == EVTWIN_E_DENIED, st, "%s: %s for user %s", pg->target.name, text,
                   PQuser(pg->conn));
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

static int is_interrupted(const evtwin__pg *pg) {
    return atomic_load(&(pg->asker != NULL ? pg->asker : pg)->is_interrupted);
}

int evtwin__pg_is_over(const evtwin__pg *pg) {
    return is_interrupted(pg) ||
           (pg->deadline_us != INT64_MAX && evtwin__monotonic_us() >= pg->deadline_us);
}

static evtwin_status fail_over(evtwin__pg *pg) {
    const char *why = is_interrupted(pg) ? "interrupted" : "its deadline has passed";
    EVTWIN_FAIL(EVTWIN_E_CANCELLED, "%s: %s", pg->target.name, why);
}

evtwin_status evtwin__pg_wait(evtwin__pg *pg, short events, int64_t until_us) {
    for (;;) {
        if (evtwin__pg_is_over(pg)) {
            evtwin__pg_disconnect(pg); /* the server notices, and ends what it does */
            return fail_over(pg);
        }
        const int64_t now = evtwin__monotonic_us();
        const int64_t end = pg->deadline_us < until_us ? pg->deadline_us : until_us;
        const int64_t ms = end == INT64_MAX ? -1 : end <= now ? 0 : (end - now) / 1000 + 1;
        struct pollfd fds[2] = {{.fd = PQsocket(pg->conn), .events = events},
                                {.fd = pg->wake, .events = POLLIN}};
        const int n = poll(fds, 2, ms > INT_MAX ? INT_MAX : (int)ms);
        if (n < 0 && errno != EINTR) {
            return evtwin__pg_fail_lost(pg, strerror(errno));
        }
        if (n > 0 && fds[0].revents != 0) {
            return EVTWIN_OK;
        }
        if (now >= until_us) {
            return EVTWIN_DONE;
        }
    }
}

static int64_t patience_end(const evtwin__pg *pg) {
    return pg->patience_ms > 0 ? evtwin__monotonic_us() + (int64_t)pg->patience_ms * 1000
                               : INT64_MAX;
}

/* Bytes that the network has not taken off our hands. */
static int n_unsent(const evtwin__pg *pg) {
    int n = 0;
    return ioctl(PQsocket(pg->conn), TIOCOUTQ, &n) == 0 ? n : 0;
}

/* How long a session may wait for what was sent. That may be on its way through a tunnel, where we
 * do not see it move; but what has not even left does not move. */
static int64_t way_us(const evtwin__pg *pg) {
    enum { SLOWEST_BYTES_PER_S = 16000 };
    const size_t n_on_its_way = n_unsent(pg) == 0 ? pg->n_sent : 0;
    return (int64_t)pg->look_ms * 2500 + (int64_t)(n_on_its_way * 1000000 / SLOWEST_BYTES_PER_S);
}

/* Is the silence since then the end? DONE: no. */
static evtwin_status look(evtwin__pg *pg, short events, int64_t since_us) {
    const evtwin__pg_sight sight = pg->look(pg);
    if (sight == EVTWIN__PG_WORKING ||
        (sight == EVTWIN__PG_WAITING && evtwin__monotonic_us() < since_us + way_us(pg))) {
        return EVTWIN_DONE;
    }
    const evtwin_status st = evtwin__pg_wait(pg, events, INT64_MIN); /* came meanwhile? */
    return st == EVTWIN_DONE ? evtwin__pg_fail_lost(pg, "the server does not answer") : st;
}

static int64_t min_of(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Until the next look: ever longer, but not beyond the moment from which waiting is the end. */
static int64_t pause_us(const evtwin__pg *pg, int n_looks, int64_t since) {
    enum { MAX_DOUBLINGS = 4 };
    const int64_t pause = ((int64_t)pg->look_ms * 1000) << min_of(n_looks, MAX_DOUBLINGS);
    const int64_t left = since + way_us(pg) - evtwin__monotonic_us();
    return left > 0 ? min_of(pause, left) : pause;
}

/* Wait for the server to say something or to take more data; look at it while it is silent. */
static evtwin_status wait_for_server(evtwin__pg *pg, short events) {
    const int64_t begin = evtwin__monotonic_us(), end = patience_end(pg);
    int64_t since = begin;
    int64_t next = pg->look_ms > 0 ? begin + pg->look_ms * 100 : INT64_MAX; /* soon: see n_left */
    evtwin_status st;
    for (int n_looks = 0, n_left = -1;;) {
        st = evtwin__pg_wait(pg, events, min_of(next, end));
        if (st != EVTWIN_DONE) {
            return st;
        }
        if (evtwin__monotonic_us() >= end) {
            return evtwin__pg_fail_lost(pg, "the server does not answer");
        }
        const int n = n_unsent(pg);
        if (n != n_left) { /* the network takes it */
            since = n_left >= 0 ? evtwin__monotonic_us() : begin;
            n_left = n;
        } else if ((st = look(pg, events, since)) != EVTWIN_DONE) {
            return st;
        } else {
            n_looks++;
        }
        next = evtwin__monotonic_us() + pause_us(pg, n_looks, since);
    }
}

/* Everything that is to be sent is sent; what comes meanwhile is taken in, or both sides would
 * wait. Each piece that goes gives new patience. */
evtwin_status evtwin__pg_flush(evtwin__pg *pg) {
    int left;
    while ((left = PQflush(pg->conn)) == 1) {
        EVTWIN_TRY(wait_for_server(pg, POLLIN | POLLOUT));
        if (!PQconsumeInput(pg->conn)) {
            return evtwin__pg_fail_lost(pg, NULL);
        }
    }
    return left == 0 ? EVTWIN_OK : evtwin__pg_fail_lost(pg, NULL);
}

/* The next result of what was sent, NULL after the last. */
static evtwin_status next_result(evtwin__pg *pg, PGresult **out) {
    while (PQisBusy(pg->conn)) {
        EVTWIN_TRY(wait_for_server(pg, POLLIN));
        if (!PQconsumeInput(pg->conn)) {
            return evtwin__pg_fail_lost(pg, NULL);
        }
    }
    *out = PQgetResult(pg->conn);
    return EVTWIN_OK;
}

/* All results: the last one is given out if none failed, and (rows not NULL) the last one before it
 * that has rows. */
static evtwin_status collect(evtwin__pg *pg, PGresult **rows, PGresult **out) {
    PGresult *last = NULL, *result = NULL;
    evtwin_status st = evtwin__pg_flush(pg);
    while (st >= 0 && (st = next_result(pg, &result)) >= 0 && result != NULL) {
        if (last != NULL && PQresultStatus(last) == PGRES_FATAL_ERROR) {
            PQclear(result);
            continue;
        }
        if (rows != NULL && last != NULL && PQresultStatus(last) == PGRES_TUPLES_OK) {
            PQclear(*rows);
            *rows = last;
        } else {
            PQclear(last);
        }
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
        st = evtwin__pg_fail_lost(pg, NULL);
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

/* ---- a statement ---- */

evtwin_status evtwin__pg_check_ready(evtwin__pg *pg) {
    pg->sqlstate[0] = '\0';
    pg->n_sent = 0;
    if (evtwin__pg_is_over(pg)) {
        return fail_over(pg);
    }
    EVTWIN_FAIL_IF(pg->conn == NULL, EVTWIN_E_AGAIN, "%s: is not connected", pg->target.name);
    return EVTWIN_OK;
}

/* Send (by one of libpq's calls, which says 0 when it cannot) and take the last result. */
evtwin_status evtwin__pg_finish(evtwin__pg *pg, int is_sent, PGresult **out) {
    *out = NULL;
    return is_sent ? collect(pg, NULL, out) : evtwin__pg_fail_lost(pg, NULL);
}

evtwin_status evtwin__pg_finish_rows(evtwin__pg *pg, int is_sent, PGresult **rows, PGresult **out) {
    *out = NULL;
    *rows = NULL;
    const evtwin_status st = is_sent ? collect(pg, rows, out) : evtwin__pg_fail_lost(pg, NULL);
    if (st < 0) {
        PQclear(*rows);
        *rows = NULL;
    }
    return st;
}
