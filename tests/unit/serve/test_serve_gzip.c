/* SPDX-License-Identifier: MIT */
/* Compressed answers: the same bytes when they are unpacked, for clients that take them, kept apart
 * in caches. */

#include "serve_client.h"

#ifdef HAVE_HTTP

#include <zlib.h>

static evtwin_server *server;
static int port;

static int set_up(void **state) {
    (void)state;
    enum { N = 50 };
    static record records[N];
    static char names[N][24];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "BATTERY_%03d", i);
        records[i] = (record){names[i], evtwin_time_now(), i, 50, 90, 30, 500, 0.1, NULL};
    }
    char store[320];
    snprintf(store, sizeof store, "%s", fresh_uri("gzip.db"));
    fill_store(store, records, N);
    server = start_server(store, NULL);
    port = evtwin_server_port(server);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    evtwin_server_free(server);
    return 0;
}

/* A request, and its body unpacked if it is packed; *is_packed_out says so. The caller frees it. */
static char *get(const char *method, const char *target, const char *headers, int *is_packed_out,
                 char *head, size_t head_size) {
    char request[600];
    const int n = snprintf(request, sizeof request,
                           "%s %s HTTP/1.1\r\nHost: localhost\r\n%sConnection: close\r\n\r\n",
                           method, target, headers);
    const int fd = client_connect(port);
    assert_true(client_send(fd, request, (size_t)n));
    size_t size;
    char *text = client_read_all(fd, &size);
    close(fd);
    char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    body += 4;
    snprintf(head, head_size, "%.*s", (int)(body - text), text);
    *is_packed_out = strstr(head, "\r\nContent-Encoding: gzip\r\n") != NULL;
    const size_t body_size = size - (size_t)(body - text);
    char *out = calloc(1, 2000000);
    if (*is_packed_out && body_size > 0) {
        z_stream z = {.next_in = (unsigned char *)body, .avail_in = (unsigned)body_size};
        z.next_out = (unsigned char *)out;
        z.avail_out = 1999999;
        assert_int_equal(inflateInit2(&z, 16 + 15), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.avail_in, 0);
        inflateEnd(&z);
    } else {
        memcpy(out, body, body_size);
    }
    free(text);
    return out;
}

static int has(const char *head, const char *header) {
    return strstr(head, header) != NULL;
}

static void test_same_bytes(void **state) {
    (void)state;
    static const char *const targets[] = {"/", "/api/batteries/list", "/metrics"};
    char head[2000];
    int is_packed;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char *plain = get("GET", targets[i], "", &is_packed, head, sizeof head);
        assert_int_equal(is_packed, 0);
        assert_true(has(head, "\r\nVary: Accept-Encoding\r\n"));
        char *packed =
            get("GET", targets[i], "Accept-Encoding: br, gzip\r\n", &is_packed, head, sizeof head);
        assert_int_equal(is_packed, 1);
        assert_true(has(head, "\r\nVary: Accept-Encoding\r\n"));
        if (i < 1) {
            assert_string_equal(plain, packed);
        } else {
            assert_memory_equal(plain, packed, 20); /* values and times go on */
        }
        free(plain);
        free(packed);
    }
}

static void test_who_takes_it(void **state) {
    (void)state;
    static const struct {
        const char *accept;
        int is_packed;
    } cases[] = {
        {"gzip", 1},
        {"GZIP", 1},
        {"deflate, gzip;q=0.5", 1},
        {"*", 1},
        {"br;q=1, *;q=0.1", 1},
        {"gzip;q=0.001", 1},
        {"gzip;q=0", 0},
        {"gzip; q=0.0, br", 0},
        {"identity", 0},
        {"", 0},
        {"gzipped", 0},
        {"xgzip", 0},
        {"br;q=1, *;q=0", 0},
        {",,,", 0},
        {"gzi", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char header[100], head[2000];
        int is_packed;
        snprintf(header, sizeof header, "Accept-Encoding: %s\r\n", cases[i].accept);
        free(get("GET", "/", header, &is_packed, head, sizeof head));
        if (is_packed != cases[i].is_packed) {
            fail_msg("%s gave %d", cases[i].accept, is_packed);
        }
    }
}

/* The tag of a packed answer is a weak one, and is known again. */
static void test_tags(void **state) {
    (void)state;
    char head[2000], tag[100], headers[300];
    int is_packed;
    free(get("GET", "/", "Accept-Encoding: gzip\r\n", &is_packed, head, sizeof head));
    const char *at = strstr(head, "\r\nETag: W/\"");
    assert_non_null(at);
    snprintf(tag, sizeof tag, "%.*s", (int)strcspn(at + 8, "\r"), at + 8);
    snprintf(headers, sizeof headers, "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n", tag);
    char *body = get("GET", "/", headers, &is_packed, head, sizeof head);
    assert_true(has(head, "HTTP/1.1 304"));
    assert_true(has(head, "\r\nVary: Accept-Encoding\r\n"));
    assert_string_equal(body, "");
    free(body);
    free(get("GET", "/", "", &is_packed, head, sizeof head));
    assert_true(has(head, "\r\nETag: \""));
}

/* Small answers stay as they are; HEAD says what GET would. */
static void test_small_and_head(void **state) {
    (void)state;
    char head[2000];
    int is_packed;
    free(get("GET", "/health", "Accept-Encoding: gzip\r\n", &is_packed, head, sizeof head));
    assert_int_equal(is_packed, 0);
    assert_false(has(head, "Vary"));
    char *body = get("HEAD", "/", "Accept-Encoding: gzip\r\n", &is_packed, head, sizeof head);
    assert_int_equal(is_packed, 1);
    assert_string_equal(body, "");
    const long size = strtol(strstr(head, "Content-Length: ") + 16, NULL, 10);
    free(body);
    free(get("GET", "/", "Accept-Encoding: gzip\r\n", &is_packed, head, sizeof head));
    assert_int_equal(strtol(strstr(head, "Content-Length: ") + 16, NULL, 10), size);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_who_takes_it),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_small_and_head),
    };
    if (!CLIENT_HAS_SERVER || !has_kind_of_store()) {
        print_message("skipped: this build has no HTTP server or no SQLite store\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#else

int main(void) {
    return 77;
}

#endif
