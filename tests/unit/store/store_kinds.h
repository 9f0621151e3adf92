/* SPDX-License-Identifier: MIT */
/* tests/unit/store/store_kinds.h: the same tests on every kind of store: a SQLite file, or a
 * database of the PostgreSQL server that EVTWIN_TEST_POSTGRES names; and another program's view of
 * either, which goes through its own client. */
#ifndef EVTWIN_TEST_STORE_KINDS_H
#define EVTWIN_TEST_STORE_KINDS_H

#include "test.h"

#ifdef HAVE_SQLITE
#include <sqlite3.h>
#endif
#ifdef HAVE_POSTGRESQL
#include <libpq-fe.h>
#endif

/* The server of this run; NULL: the tests are for SQLite. */
static inline const char *test_postgres(void) {
    return getenv("EVTWIN_TEST_POSTGRES");
}

static inline int on_postgres(void) {
    return test_postgres() != NULL;
}

/* 1 if this build has the kind of store of this run; 0 having said why nothing is tested. */
static inline int has_kind_of_store(void) {
#ifndef HAVE_POSTGRESQL
    if (on_postgres()) {
        print_message("skipped: this build has no PostgreSQL\n");
        return 0;
    }
#endif
#ifndef HAVE_SQLITE
    if (!on_postgres()) {
        print_message("skipped: this build has no SQLite\n");
        return 0;
    }
#endif
    return 1;
}

/* The rest of the test is of SQLite's files and nothing else. */
#define only_on_sqlite()                                                                           \
    do {                                                                                           \
        if (on_postgres()) {                                                                       \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* ---- another program: one connection, kept as long as it is asked of the same store ---- */

#ifdef HAVE_POSTGRESQL
static inline PGconn *pg_connect(const char *uri) {
    PGconn *pg = PQconnectdb(uri);
    if (PQstatus(pg) != CONNECTION_OK) {
        fail_msg("%s: %s", uri, PQerrorMessage(pg));
    }
    return pg;
}

static inline PGresult *pg_ask(PGconn *pg, const char *sql) {
    PGresult *result = PQexec(pg, sql);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fail_msg("%.300s: %s", sql, PQerrorMessage(pg));
    }
    return result;
}

static inline void pg_run(PGconn *pg, const char *sql) {
    PQclear(pg_ask(pg, sql));
}

static inline PGconn *pg_other(const char *uri) {
    static PGconn *pg;
    static char of[320];
    static pid_t owner;
    if (pg == NULL || strcmp(of, uri) != 0 || owner != getpid()) {
        if (owner == getpid()) {
            PQfinish(pg);
        }
        owner = getpid();
        snprintf(of, sizeof of, "%s", uri);
        char plain[320]; /* without what only our stores know */
        snprintf(plain, sizeof plain, "%.*s", (int)strcspn(uri, "?"), uri);
        pg = pg_connect(plain);
    }
    return pg;
}
#endif

#ifdef HAVE_SQLITE
static inline sqlite3 *sqlite_other(const char *uri) {
    static sqlite3 *db;
    static char of[320];
    if (db == NULL || strcmp(of, uri) != 0) {
        char path[320];
        snprintf(of, sizeof of, "%s", uri);
        snprintf(path, sizeof path, "%.*s", (int)strcspn(uri, "?"), uri);
        sqlite3_close(db);
        assert_int_equal(sqlite3_open(path + strlen("sqlite:"), &db), SQLITE_OK);
        sqlite3_busy_timeout(db, 5000);
    }
    return db;
}
#endif

/* Statements of another program on the store of that URI. */
static inline void run_sql(const char *uri, const char *sql) {
#ifdef HAVE_POSTGRESQL
    if (on_postgres()) {
        pg_run(pg_other(uri), sql);
        return;
    }
#endif
#ifdef HAVE_SQLITE
    char *message = NULL;
    if (sqlite3_exec(sqlite_other(uri), sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%.300s: %s", sql, message);
    }
#endif
}

/* The number that a query of another program gives; NaN for NULL. */
static inline double ask_sql(const char *uri, const char *sql) {
    double value = (double)NAN;
#ifdef HAVE_POSTGRESQL
    if (on_postgres()) {
        PGresult *result = pg_ask(pg_other(uri), sql);
        assert_int_equal(PQntuples(result), 1);
        if (!PQgetisnull(result, 0, 0)) {
            value = strtod(PQgetvalue(result, 0, 0), NULL);
        }
        PQclear(result);
        return value;
    }
#endif
#ifdef HAVE_SQLITE
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(sqlite_other(uri), sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    if (sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        value = sqlite3_column_double(stmt, 0);
    }
    sqlite3_finalize(stmt);
#endif
    return value;
}

/* ---- fresh stores ---- */

/* The server's URI with another database. */
static inline void database_uri(char *text, size_t size, const char *database) {
    const char *uri = test_postgres();
    const char *host = strstr(uri, "://");
    const size_t before = (size_t)(host - uri) + 3 + strcspn(host + 3, "/?");
    const char *params = strchr(uri, '?');
    snprintf(text, size, "%.*s/%s%s", (int)before, uri, database, params != NULL ? params : "");
}

#ifdef HAVE_POSTGRESQL
enum { MAX_DATABASES = 100 };
static char databases[MAX_DATABASES][48];
static int n_databases;
static pid_t databases_owner;

static inline void drop_databases(void) {
    PGconn *pg = getpid() == databases_owner ? PQconnectdb(test_postgres()) : NULL;
    for (int i = 0; i < n_databases && pg != NULL; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s WITH (FORCE)", databases[i]);
        PQclear(PQexec(pg, sql));
    }
    PQfinish(pg);
}

/* Run a statement on the server with the name of the database of a URI behind it. */
static inline void on_database(const char *statement, const char *uri, const char *options) {
    char sql[200];
    const char *name = strrchr(uri, '/') + 1;
    snprintf(sql, sizeof sql, "%s %.*s %s", statement, (int)strcspn(name, "?"), name, options);
    PGconn *pg = pg_connect(test_postgres());
    pg_run(pg, sql);
    PQfinish(pg);
}
#endif

/* URI of a store of this run's kind that there is not: on PostgreSQL not even its database. The
 * name tells it from the others of this process. Static memory, one of 8 in turn. */
static inline const char *absent_uri(const char *name) {
    static char text[8][320];
    static int turn, n_made;
    turn = (turn + 1) % 8;
    n_made++;
#ifdef HAVE_POSTGRESQL
    if (on_postgres()) {
        assert_true(n_databases < MAX_DATABASES);
        char *database = databases[n_databases];
        snprintf(database, sizeof databases[0], "t%d_%d_%.*s", (int)getpid(), n_made,
                 (int)strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), name);
        if (n_databases++ == 0) {
            databases_owner = getpid();
            atexit(drop_databases);
        }
        database_uri(text[turn], sizeof text[turn], database);
        return text[turn];
    }
#endif
    char file[100];
    snprintf(file, sizeof file, "%d-%s", n_made, name);
    snprintf(text[turn], sizeof text[turn], "sqlite:%s", temp_path(file));
    return text[turn];
}

/* Make what a server needs before somebody can open an absent store for writing. */
static inline void make_database(const char *uri) {
#ifdef HAVE_POSTGRESQL
    if (on_postgres()) {
        on_database("CREATE DATABASE", uri, "");
    }
#endif
    (void)uri;
}

/* Take a store away under those who use it. */
static inline void remove_store(const char *uri) {
#ifdef HAVE_POSTGRESQL
    if (on_postgres()) {
        on_database("DROP DATABASE", uri, "WITH (FORCE)");
        return;
    }
#endif
    static const char *const files[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[330];
        snprintf(path, sizeof path, "%s%s", uri + strlen("sqlite:"), files[i]);
        assert_true(unlink(path) == 0 || i > 0);
    }
}

/* URI of a store that nobody has used, of this run's kind. As absent_uri. */
static inline const char *fresh_uri(const char *name) {
    const char *uri = absent_uri(name);
    make_database(uri);
    return uri;
}

/* The same for a test that needs no file: in memory, where the kind can have that. */
static inline const char *scratch_uri(void) {
    return on_postgres() ? fresh_uri("scratch") : "sqlite::memory:";
}

/* A URI with one more parameter; static memory, one of 4 in turn. */
static inline const char *with_param(const char *uri, const char *param) {
    static char text[4][400];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(text[turn], sizeof text[turn], "%s%c%s", uri, strchr(uri, '?') != NULL ? '&' : '?',
             param);
    return text[turn];
}

#endif
