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

/* For a test among others that need no store. */
#define skip_without_store()                                                                       \
    do {                                                                                           \
        if (!has_kind_of_store()) {                                                                \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* The rest of the test is of SQLite's files and nothing else. */
#define only_on_sqlite()                                                                           \
    do {                                                                                           \
        if (on_postgres()) {                                                                       \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* ---- another program: one connection, kept as long as it is asked of the same store ---- */

/* A store is a schema of the server's database: made in no time, which a database is not. */
#define SCHEMA_PARAM "?options=-csearch_path%3D"

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
        const char *schema = strstr(uri, SCHEMA_PARAM);
        const size_t length =
            schema != NULL ? (size_t)(schema - uri) + strcspn(schema, "&") : strcspn(uri, "?");
        snprintf(plain, sizeof plain, "%.*s", (int)length, uri);
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
        sqlite3_busy_timeout(db, 60000);
    }
    return db;
}
#endif

/* Statements of another program on the store of that URI. */
static inline void run_sql(const char *uri, const char *sql) {
    (void)uri, (void)sql; /* in a build without stores */
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
    (void)uri, (void)sql;
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

/* "later.db" of this process as a name of SQL; a number tells it from others. */
static inline void sql_name(char *name, size_t size, const char *file, int number) {
    snprintf(name, size, "t%d_%d_%.*s", (int)getpid(), number,
             (int)strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789_"), file);
}

#ifdef HAVE_POSTGRESQL
/* Run a statement about a thing of that name on the server. */
static inline void on_server(const char *what, const char *name, const char *options) {
    char sql[200];
    snprintf(sql, sizeof sql, "%s %s %s", what, name, options);
    PGconn *pg = pg_connect(test_postgres());
    pg_run(pg, sql);
    PQfinish(pg);
}

enum { MAX_MADE = 100 };
static char made[MAX_MADE][160];
static int n_made;
static pid_t made_by;

static inline void drop_made(void) {
    PGconn *pg = getpid() == made_by ? PQconnectdb(test_postgres()) : NULL;
    if (pg != NULL) {
        PQclear(PQexec(pg, "SET client_min_messages = warning"));
    }
    for (int i = 0; i < n_made && pg != NULL; i++) {
        PQclear(PQexec(pg, made[i]));
    }
    PQfinish(pg);
}

static inline void drop_at_exit(const char *kind, const char *name, const char *options) {
    assert_true(n_made < MAX_MADE);
    snprintf(made[n_made], sizeof made[0], "DROP %s IF EXISTS %s %s", kind, name, options);
    if (n_made++ == 0) {
        made_by = getpid();
        atexit(drop_made);
    }
}

/* The database in a URI. */
static inline const char *database_of(const char *uri) {
    static char name[64];
    const char *from = strrchr(uri, '/') + 1;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(from, "?"), from);
    return name;
}
#endif

static int n_stores;

/* URI of a store that there is not: on PostgreSQL not even its database. The name tells it from the
 * others of this process. Static memory, one of 8 in turn. */
static inline const char *absent_uri(const char *name) {
    static char text[8][320];
    static int turn;
    char file[100];
    turn = (turn + 1) % 8;
    if (on_postgres()) {
        const char *server = test_postgres();
        sql_name(file, sizeof file, name, ++n_stores);
        snprintf(text[turn], sizeof text[turn], "%.*s/%s", (int)(strrchr(server, '/') - server),
                 server, file);
    } else {
        snprintf(file, sizeof file, "%d-%s", ++n_stores, name);
        snprintf(text[turn], sizeof text[turn], "sqlite:%s", temp_path(file));
    }
    return text[turn];
}

/* Make what a server needs before somebody can open an absent store for writing. */
static inline void make_database(const char *uri) {
#ifdef HAVE_POSTGRESQL
    if (on_postgres()) {
        on_server("CREATE DATABASE", database_of(uri), "");
        drop_at_exit("DATABASE", database_of(uri), "WITH (FORCE)");
    }
#endif
    (void)uri;
}

/* Take a store away under those who use it. */
static inline void remove_store(const char *uri) {
#ifdef HAVE_POSTGRESQL
    if (on_postgres()) {
        on_server("DROP DATABASE", database_of(uri), "WITH (FORCE)");
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
#ifdef HAVE_POSTGRESQL
    if (on_postgres()) {
        static char text[8][320];
        static int turn;
        char schema[100];
        turn = (turn + 1) % 8;
        sql_name(schema, sizeof schema, name, ++n_stores);
        on_server("CREATE SCHEMA", schema, "");
        drop_at_exit("SCHEMA", schema, "CASCADE");
        snprintf(text[turn], sizeof text[turn], "%s%s%s", test_postgres(), SCHEMA_PARAM, schema);
        return text[turn];
    }
#endif
    return absent_uri(name);
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
