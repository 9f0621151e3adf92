/* SPDX-License-Identifier: MIT */
/* io/postgres_conn.h: what the files share that talk to libpq. */
#ifndef EVTWIN_IO_POSTGRES_CONN_H
#define EVTWIN_IO_POSTGRES_CONN_H

#include "io/postgres.h"
#include "io/postgres_uri.h"

#include <stdatomic.h>

/* libpq's PGconn and PGresult. */
struct pg_conn;
struct pg_result;

enum { EVTWIN__PG_MAX_PREPARED = 96 };

typedef struct evtwin__pg_copy {
    const evtwin__pg_type *type;
    size_t n_columns;
    int is_active, is_out_of_range;
    evtwin__text buffer;
} evtwin__pg_copy;

/* What a look at a silent server finds. */
typedef enum evtwin__pg_sight {
    EVTWIN__PG_SILENT,  /* it answers nobody */
    EVTWIN__PG_WAITING, /* our session waits for us: it has not got what it was sent */
    EVTWIN__PG_WORKING  /* it works on it, or nobody can tell */
} evtwin__pg_sight;

typedef evtwin__pg_sight evtwin__pg_looker(evtwin__pg *pg);

enum { EVTWIN__PG_LOOK_MS = 2000 /* the default */ };

struct evtwin__pg {
    evtwin__pg_target target;
    evtwin__pg_options options;
    struct pg_conn *conn; /* NULL without a connection */
    int server_version;
    int64_t session;
    int is_outdated; /* what is known of the database is not so any more: connect anew */
    char sqlstate[6];
    char *prepared[EVTWIN__PG_MAX_PREPARED]; /* texts; number i is the statement "evtwin_i" */
    size_t n_prepared;
    evtwin__pg_copy copy;
    int64_t backend_pid; /* of the server's end as it says itself; 0 = not known yet */
    int patience_ms;     /* 0 = no limit */
    int look_ms;         /* silence after which look is called; 0 = it is not */
    evtwin__pg_looker *look;
    size_t n_sent;             /* bytes of the statement that runs */
    const evtwin__pg *asker;   /* whose deadline and interrupt count; NULL = its own */
    int64_t deadline_us;       /* on the monotonic clock; INT64_MAX = none */
    int wake;                  /* an eventfd that is written to interrupt a wait */
    atomic_int is_interrupted; /* by any thread, for good */
};

/* ---- postgres_dial.c ---- */

/* Where a server is, as libpq's keywords; lists with commas. NULL: as libpq says. */
typedef struct evtwin__pg_place {
    const char *host, *hostaddr, *port;
} evtwin__pg_place;

/* Connect, without any setting of ours. place NULL: as the target says. timeout_ms: for each
 * host. */
evtwin_status evtwin__pg_dial(evtwin__pg *pg, const evtwin__pg_place *place, int timeout_ms);

/* ---- postgres_look.c ---- */

/* By a second connection, for which some less time than connect_timeout has to do. */
evtwin__pg_looker evtwin__pg_look;

/* ---- postgres_wait.c ---- */

/* A server's text on one line, without what it says about its own source. Returns to. */
const char *evtwin__pg_flatten(const char *text, char *to, size_t size);
int evtwin__pg_begins(const char *text, const char *with);
evtwin_status evtwin__pg_status_of(const char *sqlstate);

/* The connection is of no more use; why NULL: as libpq says. */
evtwin_status evtwin__pg_fail_lost(evtwin__pg *pg, const char *why);

/* Has the deadline passed, or somebody interrupted it? */
int evtwin__pg_is_over(const evtwin__pg *pg);

/* Wait for events of the connection: EVTWIN_DONE if there was none until until_us (INT64_MAX = no
 * limit). */
evtwin_status evtwin__pg_wait(evtwin__pg *pg, short events, int64_t until_us);

/* Everything that is to be sent is sent. */
evtwin_status evtwin__pg_flush(evtwin__pg *pg);

/* Before a statement. */
evtwin_status evtwin__pg_check_ready(evtwin__pg *pg);

/* Take the results of a statement that one of libpq's calls has sent (is_sent: what it returned):
 * the last one is given out, if none is a failure. */
evtwin_status evtwin__pg_finish(evtwin__pg *pg, int is_sent, struct pg_result **out);

/* The same, and the last result before it that has rows, NULL if there is none. */
evtwin_status evtwin__pg_finish_rows(evtwin__pg *pg, int is_sent, struct pg_result **rows,
                                     struct pg_result **out);

#endif
