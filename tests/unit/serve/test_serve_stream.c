/* SPDX-License-Identifier: MIT */
/* /api/stream: what is put into the server's ring arrives at its clients. */

#include "serve_client.h"

#if defined(HAVE_HTTP) && defined(HAVE_SQLITE)

#include "serve/server.h"

/* ---- a server whose store is not there, so that only the test puts events ---- */

static evtwin_server *start_limited(int max_connections) {
    char uri[320];
    snprintf(uri, sizeof uri, "sqlite:%s", temp_path("absent.db"));
    evtwin_server_options options;
    assert_ok(evtwin_server_options_init(&options, sizeof options));
    options.listen = "127.0.0.1:0";
    options.store = uri;
    options.max_connections = max_connections;
    evtwin_server *server = NULL;
    assert_ok(evtwin_server_start(&options, &server));
    return server;
}

static void put(evtwin_server *server, const char *type, int64_t revision, const char *battery_id,
                const char *data) {
    evtwin__ring_put(server->ring, type, revision, battery_id, data, strlen(data));
}

/* With the store "db" at revision 10, and a summary. */
static evtwin_server *start(int max_connections) {
    evtwin_server *server = start_limited(max_connections);
    evtwin__ring_identity(server->ring, "db", 10);
    put(server, "summary", 0, NULL, "{\"n\":0}");
    return server;
}

/* ---- a client that reads on and on ---- */

typedef struct client {
    int fd;
    size_t size;
    char text[1 << 16]; /* head and chunks, as they came */
} client;

static client *ask(evtwin_server *server, const char *target, const char *headers) {
    client *c = calloc(1, sizeof *c);
    c->fd = client_connect(evtwin_server_port(server));
    assert_true(c->fd >= 0);
    char request[512];
    const int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                           target, headers);
    assert_true(client_send(c->fd, request, (size_t)n));
    return c;
}

static void leave(client *c) {
    close(c->fd);
    free(c);
}

/* Read until the answer has that text; gives what is behind it. */
static const char *wait_for(client *c, const char *text) {
    for (;;) {
        const char *at = strstr(c->text, text);
        if (at != NULL) {
            return at + strlen(text);
        }
        const ssize_t n = recv(c->fd, c->text + c->size, sizeof c->text - 1 - c->size, 0);
        if (n <= 0) {
            fail_msg("no '%s' in '%s'", text, c->text);
        }
        c->size += (size_t)n;
        c->text[c->size] = '\0';
    }
}

static void assert_lacks(const client *c, const char *text) {
    if (strstr(c->text, text) != NULL) {
        fail_msg("'%s' in '%s'", text, c->text);
    }
}

/* ---- tests ---- */

static void test_events_arrive(void **state) {
    (void)state;
    evtwin_server *server = start(256);
    client *c = ask(server, "/api/stream", "");
    wait_for(c, "retry: 2000\n\n");
    wait_for(c, "event: summary\nid: db-10.1\ndata: {\"n\":0}\n\n");
    assert_true(strncmp(c->text, "HTTP/1.1 200 ", 13) == 0);
    wait_for(c, "\r\nContent-Type: text/event-stream; charset=utf-8\r\n");
    wait_for(c, "\r\nCache-Control: no-store\r\n");
    wait_for(c, "\r\nX-Accel-Buffering: no\r\n");

    /* each one that is put while the connection sleeps wakes it */
    for (int i = 11; i < 20; i++) {
        char data[32], expected[128];
        snprintf(data, sizeof data, "{\"i\":%d}", i);
        snprintf(expected, sizeof expected, "event: row\nid: db-%d\ndata: %s\n\n", i, data);
        put(server, "row", i, "A", data);
        wait_for(c, expected);
    }
    evtwin__ring_comment(server->ring);
    wait_for(c, ":\nid: db-19\n\n");
    leave(c);
    evtwin_server_free(server);
}

static void test_one_battery(void **state) {
    (void)state;
    evtwin_server *server = start(256);
    client *c = ask(server, "/api/stream?battery_id=B", "");
    wait_for(c, "event: summary\n");
    put(server, "row", 11, "A", "{}");
    put(server, "row", 12, "B", "{}");
    put(server, "summary", 0, NULL, "{\"n\":1}");
    wait_for(c, "event: summary\nid: db-12.1\ndata: {\"n\":1}\n\n");
    wait_for(c, "event: row\nid: db-12\n");
    assert_lacks(c, "db-11\n");
    leave(c);
    evtwin_server_free(server);
}

/* Whoever names the last event it has seen gets those behind it, once each; or a reset. */
static void test_resume(void **state) {
    (void)state;
    evtwin_server *server = start(256);
    put(server, "row", 11, "A", "{}");
    put(server, "row", 12, "A", "{}");
    static const struct {
        const char *target, *headers;
    } resumes[] = {
        {"/api/stream", "Last-Event-ID: db-11\r\n"},
        {"/api/stream?last_event_id=db-11", ""},
        {"/api/stream?last_event_id=db-10.1", "Last-Event-ID: db-11\r\n"}, /* the newer one */
        {"/api/stream?battery_id=A&last_event_id=db-11", ""},
    };
    for (size_t i = 0; i < sizeof resumes / sizeof resumes[0]; i++) {
        client *c = ask(server, resumes[i].target, resumes[i].headers);
        wait_for(c, "retry: 2000\n\n");
        wait_for(c, "event: row\nid: db-12\n");
        assert_lacks(c, "db-11\n");
        assert_lacks(c, "event: summary\n");
        assert_lacks(c, "event: reset\n");
        leave(c);
    }
    static const char *const ids[] = {"other-11", "db-9", "db-13", "nonsense"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char header[64];
        snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", ids[i]);
        client *c = ask(server, "/api/stream", header);
        wait_for(c, "event: reset\nid: db-12\ndata: {\"reason\":\"unknown\"}\n\n");
        leave(c);
    }
    evtwin_server_free(server);
}

/* A client may come before the store does. */
static void test_before_the_store(void **state) {
    (void)state;
    evtwin_server *server = start_limited(256);
    client *c = ask(server, "/api/stream", "");
    wait_for(c, "retry: 2000\n\n");
    evtwin__ring_comment(server->ring);
    wait_for(c, "\n:\n\n");
    evtwin__ring_identity(server->ring, "db", 10);
    put(server, "summary", 0, NULL, "{}");
    wait_for(c, "event: summary\nid: db-10.1\n");
    evtwin__ring_identity(server->ring, "other", 2);
    wait_for(c, "event: reset\nid: other-2\ndata: {\"reason\":\"replaced\"}\n\n");
    leave(c);
    evtwin_server_free(server);
}

static void test_requests_that_are_wrong(void **state) {
    (void)state;
    evtwin_server *server = start(256);
    const int port = evtwin_server_port(server);
    json_decref(client_json(port, "/api/stream?battery_id=a%20b", 400));
    json_decref(client_json(port, "/api/stream?batery_id=A", 400));
    json_decref(client_json(port, "/api/stream?types=", 400));
    json_decref(client_json(port, "/api/stream?types=row,", 400));
    json_decref(client_json(port, "/api/stream?types=row,rows", 400));
    reply r = client_request(port, "POST", "/api/stream", "");
    assert_int_equal(r.code, 405);
    reply_free(&r);

    r = client_request(port, "HEAD", "/api/stream", "");
    assert_int_equal(r.code, 200);
    assert_string_equal(reply_header(&r, "Content-Type"), "text/event-stream; charset=utf-8");
    assert_string_equal(r.body, "");
    reply_free(&r);
    evtwin_server_free(server);

    /* a server without a store has no stream */
    server = start_server(NULL, NULL);
    json_decref(client_json(evtwin_server_port(server), "/api/stream", 404));
    evtwin_server_free(server);
}

/* Streams take half of the connections; the others stay for requests. */
static void test_too_many_streams(void **state) {
    (void)state;
    enum { MAX = 8 };
    evtwin_server *server = start(MAX);
    client *clients[MAX / 2];
    for (int i = 0; i < MAX / 2; i++) {
        clients[i] = ask(server, "/api/stream", "");
        wait_for(clients[i], "event: summary\n");
    }
    reply r = client_get(evtwin_server_port(server), "/api/stream");
    assert_int_equal(r.code, 503);
    assert_non_null(reply_header(&r, "Retry-After"));
    reply_free(&r);
    json_decref(client_json(evtwin_server_port(server), "/api/stream?x=1", 400));

    /* a place is free again when a client has gone */
    leave(clients[0]);
    for (int code = 503; code != 200; usleep(10000)) {
        client *c = ask(server, "/api/stream", "");
        wait_for(c, "\r\n\r\n");
        code = (int)strtol(c->text + 9, NULL, 10);
        leave(c);
    }
    for (int i = 1; i < MAX / 2; i++) {
        leave(clients[i]);
    }
    evtwin_server_free(server);
}

/* What a client does not read waits in its socket and in the ring, nowhere else; it is told of the
 * gap. */
static void test_a_client_that_does_not_read(void **state) {
    (void)state;
    evtwin_server *server = start(256);
    client *lazy = ask(server, "/api/stream", ""), *c = ask(server, "/api/stream", "");
    wait_for(lazy, "event: summary\n");
    wait_for(c, "event: summary\n");
    static char data[4096];
    memset(data, ' ', sizeof data);
    for (int i = 0; i < 10000; i++) { /* 40 MB: more than both hold */
        evtwin__ring_put(server->ring, "row", 11 + i, "A", data, sizeof data);
    }
    put(server, "end", 0, NULL, "{}");
    for (int n_resets = 0; n_resets == 0;) {
        lazy->size = 0;
        const ssize_t n = recv(lazy->fd, lazy->text, sizeof lazy->text - 1, 0);
        assert_true(n > 0);
        lazy->text[n] = '\0';
        n_resets += strstr(lazy->text, "\"behind\"") != NULL;
    }
    leave(lazy);
    leave(c);
    evtwin_server_free(server);
}

/* A stop does not wait for streams. */
static void test_stop(void **state) {
    (void)state;
    evtwin_server *server = start(256);
    client *clients[20];
    for (int i = 0; i < 20; i++) {
        clients[i] = ask(server, "/api/stream", "");
        wait_for(clients[i], "event: summary\n");
    }
    evtwin_server_free(server);
    for (int i = 0; i < 20; i++) {
        char some[64];
        while (recv(clients[i]->fd, some, sizeof some, 0) > 0) {
        }
        assert_true(client_is_closed(clients[i]->fd));
        leave(clients[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_arrive),
        cmocka_unit_test(test_one_battery),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_before_the_store),
        cmocka_unit_test(test_requests_that_are_wrong),
        cmocka_unit_test(test_too_many_streams),
        cmocka_unit_test(test_a_client_that_does_not_read),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) {
    puts("skipped: this build has no HTTP server or no SQLite store");
    return 77;
}

#endif
