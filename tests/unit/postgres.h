/* SPDX-License-Identifier: MIT */
/* tests/unit/postgres.h: databases of a real PostgreSQL for tests, and a client that knows nothing
 * of the library's tables: what psycopg2 users would see. */
#ifndef EVTWIN_TEST_POSTGRES_H
#define EVTWIN_TEST_POSTGRES_H

#include "test.h"

#include "core/uri.h"
#include "io/postgres.h"

typedef struct test_database {
    char uri[300], name[64];
} test_database;

/* What getenv("EVTWIN_TEST_POSTGRES") gave, without its database; skips the test where it is unset.
 */
static inline void test_server(const char *server, char *base, size_t size) {
    if (server == NULL) {
        puts("skipped: EVTWIN_TEST_POSTGRES is not set");
        skip();
    }
    snprintf(base, size, "%s", server);
    char *path = strstr(base, "://");
    path = path != NULL ? strchr(path + 3, '/') : NULL;
    if (path != NULL) {
        *path = '\0';
    }
}

static inline evtwin__pg *test_client(const char *uri) {
    const evtwin__pg_options options = {.lock_timeout_ms = 60000};
    evtwin__uri parsed;
    evtwin__pg *pg = NULL;
    assert_ok(evtwin__uri_parse(uri, &parsed));
    assert_ok(evtwin__pg_create(&parsed, &options, &pg));
    evtwin__uri_free(&parsed);
    assert_ok(evtwin__pg_connect(pg));
    return pg;
}

/* Whether one can connect there. */
static inline evtwin_status test_connect(const char *text) {
    const evtwin__pg_options options = {.lock_timeout_ms = 5000};
    evtwin__uri uri;
    evtwin__pg *pg = NULL;
    assert_ok(evtwin__uri_parse(text, &uri));
    evtwin_status st = evtwin__pg_create(&uri, &options, &pg);
    evtwin__uri_free(&uri);
    if (st >= 0) {
        st = evtwin__pg_connect(pg);
    }
    evtwin__pg_free(pg);
    return st;
}

/* Run statements on a connection of their own, as another program would. */
static inline void test_sql(const char *uri, const char *sql) {
    evtwin__pg *pg = test_client(uri);
    assert_ok(evtwin__pg_exec(pg, "RESET evtwin.writer"));
    assert_ok(evtwin__pg_exec(pg, sql));
    evtwin__pg_free(pg);
}

/* First column of the first row, as text; "NULL", "no row". Cast to text in the query. */
static inline const char *test_query(const char *uri, const char *sql) {
    static char text[4][4096];
    static int turn;
    char *to = text[turn = (turn + 1) % 4];
    evtwin__pg *pg = test_client(uri);
    evtwin__pg_result *result = NULL;
    assert_ok(evtwin__pg_query(pg, sql, NULL, &result));
    const char *value = evtwin__pg_text(result, 0, 0);
    snprintf(to, sizeof text[0], "%s",
             evtwin__pg_rows(result) == 0 ? "no row"
             : value == NULL              ? "NULL"
                                          : value);
    evtwin__pg_result_free(result);
    evtwin__pg_free(pg);
    return to;
}

/* A fresh, empty database; test_database_drop ends it. */
static inline test_database test_database_create(const char *server) {
    static int number;
    test_database database;
    char base[200], admin[240], sql[120];
    test_server(server, base, sizeof base);
    snprintf(database.name, sizeof database.name, "evtwin_test_%d_%d", (int)getpid(), number++);
    snprintf(database.uri, sizeof database.uri, "%s/%s", base, database.name);
    snprintf(admin, sizeof admin, "%s/postgres", base);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", database.name);
    test_sql(admin, sql);
    return database;
}

static inline void test_database_drop(const char *server, const test_database *database) {
    char base[200], admin[240], sql[120];
    test_server(server, base, sizeof base);
    snprintf(admin, sizeof admin, "%s/postgres", base);
    snprintf(sql, sizeof sql, "DROP DATABASE %s WITH (FORCE)", database->name);
    test_sql(admin, sql);
}

#endif
