/* SPDX-License-Identifier: MIT */
/* tests/unit/io/test_postgres_bounds.c: how long a connection waits, and for whom. */

#include "test.h"

#ifndef HAVE_POSTGRESQL
int main(void) {
    puts("skipped: this build has no PostgreSQL");
    return 77;
}
#else

#include "postgres.h"

#include "core/clock.h"
#include "io/postgres_conn.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#define SERVER getenv("EVTWIN_TEST_POSTGRES")

static int set_up(void **state) {
    *state = test_client(SERVER);
    assert_ok(evtwin__pg_exec(*state, "CREATE TEMP TABLE t (x text)"));
    return 0;
}

static int tear_down(void **state) {
    evtwin__pg_free(*state);
    return 0;
}

/* ---- a statement ---- */

static void test_a_deadline_ends_a_statement(void **state) {
    evtwin__pg *pg = *state;
    const double start = evtwin__monotonic_s();
    evtwin__pg_deadline(pg, 0.05);
    assert_fails(evtwin__pg_query(pg, "SELECT pg_sleep(200)", NULL, NULL), EVTWIN_E_CANCELLED,
                 "deadline");
    assert_true(evtwin__monotonic_s() - start < 100.0);
    evtwin__pg_deadline(pg, 0.0);
    assert_false(evtwin__pg_is_connected(pg));
    assert_fails(evtwin__pg_query(pg, "SELECT 1", NULL, NULL), EVTWIN_E_AGAIN, "");
    const int64_t session = evtwin__pg_session(pg);
    assert_ok(evtwin__pg_connect(pg));
    assert_int_equal(evtwin__pg_session(pg), session + 1);
    assert_ok(evtwin__pg_query(pg, "SELECT 1", NULL, NULL));
}

/* What was not committed is gone, and not a part of what is written next. */
static void test_a_deadline_before_a_commit_ends_the_transaction(void **state) {
    evtwin__pg *pg = *state;
    int64_t is_open = -1;
    assert_ok(evtwin__pg_begin(pg, ""));
    assert_ok(evtwin__pg_exec(pg, "INSERT INTO t VALUES ('x')"));
    evtwin__pg_deadline(pg, 1e-6);
    while (!evtwin__pg_is_over(pg)) {
    }
    assert_fails(evtwin__pg_end(pg, EVTWIN_OK), EVTWIN_E_CANCELLED, "deadline");
    evtwin__pg_deadline(pg, 0.0);
    assert_ok(evtwin__pg_connect(pg));
    assert_ok(evtwin__pg_query_i64(
        pg, "SELECT (pg_current_xact_id_if_assigned() IS NOT NULL)::int::bigint", NULL, -1,
        &is_open));
    assert_int_equal(is_open, 0);
}

static void test_patience_ends(void **state) {
    evtwin__pg *pg = *state;
    evtwin__pg_patience(pg, 50);
    assert_fails(evtwin__pg_exec(pg, "SELECT pg_sleep(200)"), EVTWIN_E_AGAIN, "answer");
    assert_ok(evtwin__pg_connect(pg));
    assert_ok(evtwin__pg_query(pg, "SELECT 1", NULL, NULL));
}

/* The process of a server, and the one that started it. */
static pid_t parent_of(pid_t pid) {
    char path[64], line[400] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    char state;
    int parent = 0;
    assert_int_equal(sscanf(strrchr(line, ')') + 1, " %c %d", &state, &parent), 2);
    return parent;
}

/* Its session does not run, while the server does: the statement is not even read. */
static void test_a_frozen_session_is_given_up(void **state) {
    evtwin__pg *pg = *state;
    const pid_t session = evtwin__pg_backend_pid(pg);
    assert_int_equal(kill(session, SIGSTOP), 0);
    pg->look_ms = 400;
    evtwin__pg_deadline(pg, 25.0); /* it is noticed long before */
    const evtwin_status st = evtwin__pg_exec(pg, "SELECT 1");
    assert_int_equal(kill(session, SIGCONT), 0);
    assert_fails(st, EVTWIN_E_AGAIN, "answer");
    evtwin__pg_deadline(pg, 0.0);
    assert_ok(evtwin__pg_connect(pg));
    assert_ok(evtwin__pg_query(pg, "SELECT 1", NULL, NULL));
}

/* Wait until it reads from its client. */
static void wait_for_reading(pid_t session) {
    char sql[120];
    snprintf(sql, sizeof sql, "SELECT wait_event FROM pg_stat_activity WHERE pid = %d",
             (int)session);
    const double end_s = evtwin__monotonic_s() + 60.0;
    while (strcmp(test_query(SERVER, sql), "ClientRead") != 0) {
        assert_true(evtwin__monotonic_s() < end_s);
    }
}

/* It stops while it takes rows, more than the network holds. */
static void test_a_copy_into_a_frozen_session_is_given_up(void **state) {
    static const evtwin__pg_type type = EVTWIN__PG_TEXT;
    static const uint8_t from = 0;
    evtwin__pg *pg = *state;
    const pid_t session = evtwin__pg_backend_pid(pg);
    pg->look_ms = 400;
    assert_ok(evtwin__pg_copy_begin(pg, "COPY t (x) FROM STDIN (FORMAT binary)", &type, 1));
    wait_for_reading(session);
    static char text[100000];
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(kill(session, SIGSTOP), 0);
    evtwin__pg_deadline(pg, 25.0);
    evtwin_status st = EVTWIN_OK;
    for (int i = 0; st >= 0 && i < 2000; i++) {
        st = evtwin__pg_copy_row(pg, &(evtwin__value){.is_present = 1, .text = text}, &from);
    }
    st = evtwin__pg_copy_end(pg, st);
    assert_int_equal(kill(session, SIGCONT), 0);
    assert_fails(st, EVTWIN_E_AGAIN, "answer");
}

/* No process of the server runs: nor does it take a second connection. */
static void test_a_frozen_server_is_given_up(void **state) {
    evtwin__pg *pg = *state;
    const pid_t session = evtwin__pg_backend_pid(pg), server = parent_of(session);
    pg->look_ms = 400;
    pg->target.connect_timeout_ms = 1000;
    assert_int_equal(kill(server, SIGSTOP), 0);
    assert_int_equal(kill(session, SIGSTOP), 0);
    evtwin__pg_deadline(pg, 25.0);
    const evtwin_status st = evtwin__pg_exec(pg, "SELECT 1");
    assert_int_equal(kill(session, SIGCONT), 0);
    assert_int_equal(kill(server, SIGCONT), 0);
    assert_fails(st, EVTWIN_E_AGAIN, "answer");
    evtwin__pg_deadline(pg, 0.0);
    pg->target.connect_timeout_ms = 30000;
    assert_ok(evtwin__pg_connect(pg));
}

/* One that waits for a lock is looked at, and not cut. */
static void test_a_long_statement_is_not_cut(void **state) {
    evtwin__pg *pg = *state, *other = test_client(SERVER);
    int64_t n = 0;
    pg->look_ms = 400;
    assert_ok(evtwin__pg_exec(other, "SELECT pg_advisory_lock(1)"));
    assert_fails(evtwin__pg_exec(pg, "SET lock_timeout = '1300ms'; SELECT pg_advisory_lock(1)"),
                 EVTWIN_E_AGAIN, "lock timeout");
    assert_ok(evtwin__pg_query_i64(pg, "SELECT 1::bigint", NULL, 0, &n));
    assert_int_equal(n, 1);
    assert_int_equal(evtwin__pg_session(pg), 1);
    evtwin__pg_free(other);
}

static void *interrupt(void *pg) {
    usleep(30000);
    evtwin__pg_interrupt(pg);
    return NULL;
}

static void test_an_interrupt_ends_all(void **state) {
    evtwin__pg *pg = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, interrupt, pg), 0);
    assert_fails(evtwin__pg_query(pg, "SELECT pg_sleep(200)", NULL, NULL), EVTWIN_E_CANCELLED,
                 "interrupted");
    pthread_join(thread, NULL);
    assert_fails(evtwin__pg_connect(pg), EVTWIN_E_CANCELLED, "interrupted");
    assert_fails(evtwin__pg_query(pg, "SELECT 1", NULL, NULL), EVTWIN_E_CANCELLED, "interrupted");
}

/* ---- connecting ---- */

/* Somebody who takes connections and says nothing. */
static int listen_silently(int *port_out) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port_out = ntohs(address.sin_port);
    return fd;
}

/* Of a list of hosts each has connect_timeout for itself. */
static void test_a_silent_host_is_passed_over(void **state) {
    (void)state;
    int port;
    char ports[80];
    const int fd = listen_silently(&port);
    const char *at = strchr(SERVER, '@'), *own = strrchr(SERVER, ':');
    assert_true(at != NULL && own > at);
    const int own_port = atoi(own + 1);
    static const char uri[] = "postgresql://evtwin@/evtwin?host=127.0.0.1,localhost"
                              "&sslmode=disable&connect_timeout=1";
    snprintf(ports, sizeof ports, "%d,%d", port, own_port);
    assert_int_equal(setenv("PGPORT", ports, 1), 0);
    assert_ok(test_connect(uri));
    snprintf(ports, sizeof ports, "1,%d", port); /* the first one refuses */
    assert_int_equal(setenv("PGPORT", ports, 1), 0);
    assert_fails(test_connect(uri), EVTWIN_E_AGAIN, "answer");
    unsetenv("PGPORT");
    close(fd);
}

static void test_who_cannot_be_reached(void **state) {
    (void)state;
    const double start = evtwin__monotonic_s();
    assert_fails(test_connect("postgresql://evtwin@127.0.0.1:1/x"), EVTWIN_E_AGAIN, "127.0.0.1:1");
    assert_fails(test_connect("postgresql://evtwin@no-such-host.invalid/x?sslmode=disable"),
                 EVTWIN_E_AGAIN, "no-such-host.invalid");

    int port;
    char place[80];
    const int fd = listen_silently(&port);
    snprintf(place, sizeof place, "postgresql://evtwin@127.0.0.1:%d/x?connect_timeout=1", port);
    assert_fails(test_connect(place), EVTWIN_E_AGAIN, "answer");
    close(fd);
    assert_true(evtwin__monotonic_s() - start < 120.0);
}

/* A server refuses a password in a language of its own. */
static void *refuse_in_russian(void *fd) {
    static const char fields[] = "S\xd0\x92\xd0\x90\xd0\x96\xd0\x9d\xd0\x9e\0VFATAL\0C28P01\0"
                                 "M\xd0\xbd\xd0\xb5\xd1\x82\0";
    const uint32_t size = htonl(4 + sizeof fields);
    char startup[2000];
    const int client = accept(*(int *)fd, NULL, NULL);
    assert_true(recv(client, startup, sizeof startup, 0) > 0);
    assert_int_equal(send(client, "E", 1, 0), 1);
    assert_int_equal(send(client, &size, 4, 0), 4);
    assert_int_equal(send(client, fields, sizeof fields, 0), sizeof fields);
    close(client);
    return NULL;
}

static void test_a_refusal_is_understood_in_any_language(void **state) {
    (void)state;
    pthread_t server;
    int port;
    char uri[120];
    int fd = listen_silently(&port);
    assert_int_equal(pthread_create(&server, NULL, refuse_in_russian, &fd), 0);
    snprintf(uri, sizeof uri, "postgresql://evtwin@127.0.0.1:%d/x?sslmode=disable", port);
    assert_fails(test_connect(uri), EVTWIN_E_DENIED, "28P01");
    pthread_join(server, NULL);
    close(fd);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_deadline_ends_a_statement),
        TEST(test_a_deadline_before_a_commit_ends_the_transaction),
        TEST(test_patience_ends),
        TEST(test_a_frozen_session_is_given_up),
        TEST(test_a_copy_into_a_frozen_session_is_given_up),
        TEST(test_a_frozen_server_is_given_up),
        TEST(test_a_long_statement_is_not_cut),
        TEST(test_an_interrupt_ends_all),
        cmocka_unit_test(test_who_cannot_be_reached),
        cmocka_unit_test(test_a_silent_host_is_passed_over),
        cmocka_unit_test(test_a_refusal_is_understood_in_any_language),
    };
    if (SERVER == NULL) {
        puts("skipped: EVTWIN_TEST_POSTGRES is not set");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
