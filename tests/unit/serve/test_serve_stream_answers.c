/* SPDX-License-Identifier: MIT */
/* Answers of any length: events as they come, pieces that take long, clients that leave or do not
 * read, many at once, a stop. */

#include "serve_client.h"

#ifdef HAVE_HTTP

#include "core/mem.h"
#include "serve/address.h"
#include "serve/http.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <zlib.h>

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void wait_for(atomic_int *count, int n) {
    const double end = now_s() + 60.0;
    while (atomic_load(count) < n) {
        assert_true(now_s() < end);
        usleep(1000);
    }
}

/* What one client is sent: "event N\n" up to the newest, or without end, or a piece at a time. */
typedef struct reader {
    struct source *source;
    struct reader *next;
    evtwin__http_waker *waker;
    int sent;
    int is_endless, is_broken, n_pieces;
} reader;

typedef struct source {
    pthread_mutex_t lock;
    reader *readers;
    int newest; /* event */
    int last;   /* ends there; 0 = goes on */
    atomic_int n_open, n_closed, n_running, n_most, n_pieces, is_held;
} source;

static void open_reader(void *ctx, evtwin__http_waker *waker) {
    reader *r = ctx;
    source *s = r->source;
    r->waker = waker;
    pthread_mutex_lock(&s->lock);
    r->next = s->readers;
    s->readers = r;
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->n_open, 1);
}

static void close_reader(void *ctx) {
    reader *r = ctx;
    source *s = r->source;
    pthread_mutex_lock(&s->lock);
    for (reader **at = &s->readers; *at != NULL; at = &(*at)->next) {
        if (*at == r) {
            *at = r->next;
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->n_closed, 1);
    free(r);
}

static ptrdiff_t read_events(void *ctx, char *to, size_t room) {
    reader *r = ctx;
    if (r->is_endless) {
        memset(to, 'x', room);
        return (ptrdiff_t)room;
    }
    source *s = r->source;
    pthread_mutex_lock(&s->lock);
    const int newest = s->newest, last = s->last;
    pthread_mutex_unlock(&s->lock);
    if (last > 0 && r->sent == last) {
        return -1;
    }
    return r->sent == newest ? 0 : snprintf(to, room, "event %d\n", ++r->sent);
}

/* A piece of 50 kB a read; held while the test wants it. */
static ptrdiff_t read_piece(void *ctx, char *to, size_t room) {
    reader *r = ctx;
    source *s = r->source;
    const int n = atomic_fetch_add(&s->n_running, 1) + 1;
    if (n > atomic_load(&s->n_most)) {
        atomic_store(&s->n_most, n);
    }
    while (atomic_load(&s->is_held)) {
        usleep(1000);
    }
    const int is_end = r->sent == r->n_pieces;
    if (!is_end) {
        assert_true(room >= 50000);
        memset(to, 'a' + r->sent % 26, 50000);
        r->sent++;
        atomic_fetch_add(&s->n_pieces, 1);
    }
    atomic_fetch_sub(&s->n_running, 1);
    return is_end ? r->is_broken ? EVTWIN__HTTP_BROKEN : -1 : 50000;
}

static int is_for(const evtwin__http_request *request, const char *target) {
    return request->target_length == strlen(target) &&
           memcmp(request->target, target, request->target_length) == 0;
}

static void handle(void *ctx, const evtwin__http_request *request,
                   evtwin__http_response *response) {
    source *s = ctx;
    if (is_for(request, "/quick")) {
        response->code = 200;
        evtwin__text_add(&response->body, "quick", 5);
        return;
    }
    const int is_long = is_for(request, "/long");
    if (is_long && !request->is_aside && !request->is_late) {
        response->is_aside = 1;
        return;
    }
    if (is_long || request->is_crowded) {
        response->code = is_long ? 200 : 503;
        evtwin__text_add(&response->body, is_long ? "long" : "full", 4);
        return;
    }
    reader *r = calloc(1, sizeof *r);
    r->source = s;
    r->is_endless = is_for(request, "/endless");
    r->is_broken = is_for(request, "/broken");
    r->n_pieces = r->is_broken ? 1 : 20;
    const int is_aside = is_for(request, "/pieces") || r->is_broken;
    response->code = 200;
    evtwin__http_header(response, "Content-Type", "text/event-stream");
    response->stream = (evtwin__http_stream){.open = open_reader,
                                             .read = is_aside ? read_piece : read_events,
                                             .close = close_reader,
                                             .ctx = r,
                                             .is_aside = is_aside};
}

static void put_event(source *s, int is_last) {
    pthread_mutex_lock(&s->lock);
    s->newest++;
    s->last = is_last ? s->newest : 0;
    for (reader *r = s->readers; r != NULL; r = r->next) {
        evtwin__http_wake(r->waker);
    }
    pthread_mutex_unlock(&s->lock);
}

enum { MAX_CONNECTIONS = 8, MIN_BYTES_PER_S = 1000 };

static evtwin__http *start(source *s, int *port_out) {
    evtwin__address address;
    assert_ok(evtwin__address_parse("127.0.0.1:0", &address));
    pthread_mutex_init(&s->lock, NULL);
    evtwin__http_options options = {.n_threads = 2,
                                    .max_connections = MAX_CONNECTIONS,
                                    .request_s = 60.0,
                                    .response_s = 60.0,
                                    .aside_s = 60.0,
                                    .min_bytes_per_s = MIN_BYTES_PER_S,
                                    .handler = handle,
                                    .ctx = s};
    assert_ok(evtwin__address_listen(&address, &options.fd));
    evtwin__http *http = NULL;
    assert_ok(evtwin__http_start(&options, &http));
    *port_out = address.port;
    return http;
}

static int ask(int port, const char *target) {
    char text[200];
    const int fd = client_connect(port);
    const int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    assert_true(client_send(fd, text, (size_t)n));
    return fd;
}

/* Read until the text has come; fails the test when the server closes before. */
static void read_until(int fd, const char *expected) {
    static char text[20000];
    size_t size = 0;
    text[0] = '\0';
    while (strstr(text, expected) == NULL) {
        const ssize_t n = recv(fd, text + size, sizeof text - 1 - size, 0);
        if (n <= 0) {
            fail_msg("no '%s' in '%s'", expected, text);
        }
        size += (size_t)n;
        text[size] = '\0';
    }
}

static int ends_with(const char *text, size_t size, const char *ending) {
    const size_t n = strlen(ending);
    return size >= n && memcmp(text + size - n, ending, n) == 0;
}

static void test_events_come_as_they_happen(void **state) {
    (void)state;
    source s = {0};
    int port;
    evtwin__http *http = start(&s, &port);
    const int fd[2] = {ask(port, "/events"), ask(port, "/events")};
    wait_for(&s.n_open, 2);
    for (int i = 1; i <= 50; i++) {
        char expected[32];
        put_event(&s, i == 50);
        snprintf(expected, sizeof expected, "event %d\n", i);
        read_until(fd[0], expected);
        read_until(fd[1], expected);
    }
    /* the end of the events is that of the answers, and the connection goes on */
    wait_for(&s.n_closed, 2);
    const char again[] = "GET /quick HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for (int i = 0; i < 2; i++) {
        assert_true(client_send(fd[i], again, sizeof again - 1));
        size_t size;
        char *text = client_read_all(fd[i], &size);
        assert_non_null(strstr(text, "HTTP/1.1 200"));
        assert_true(ends_with(text, size, "quick"));
        free(text);
        close(fd[i]);
    }
    evtwin__http_stop(http);
}

/* Many events while readers come and go: none is lost, doubled or out of order. */
static void *put_many(void *ctx) {
    for (int i = 0; i < 20000; i++) {
        put_event(ctx, i == 19999);
    }
    return NULL;
}

static void test_no_event_is_lost(void **state) {
    (void)state;
    source s = {0};
    int port;
    evtwin__http *http = start(&s, &port);
    int fd[3];
    for (int i = 0; i < 3; i++) {
        fd[i] = client_connect(port);
        const char text[] = "GET /events HTTP/1.0\r\n\r\n"; /* without chunks */
        assert_true(client_send(fd[i], text, sizeof text - 1));
    }
    wait_for(&s.n_open, 3);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_many, &s), 0);
    for (int i = 0; i < 3; i++) {
        char *text = client_read_all(fd[i], NULL), *at = strstr(text, "\r\n\r\n");
        assert_non_null(at);
        at += 4;
        for (int event = 1; event <= 20000; event++) {
            char expected[32];
            const int n = snprintf(expected, sizeof expected, "event %d\n", event);
            assert_memory_equal(at, expected, (size_t)n);
            at += n;
        }
        assert_string_equal(at, "");
        free(text);
        close(fd[i]);
    }
    pthread_join(thread, NULL);
    wait_for(&s.n_closed, 3);
    evtwin__http_stop(http);
}

/* A client that leaves is noticed although nothing is sent to it; HEAD opens nothing. */
static void test_clients_that_leave(void **state) {
    (void)state;
    source s = {0};
    int port;
    evtwin__http *http = start(&s, &port);
    for (int i = 1; i <= 3; i++) {
        const int fd = ask(port, "/events");
        wait_for(&s.n_open, i);
        read_until(fd, "\r\n\r\n");
        close(fd);
        wait_for(&s.n_closed, i);
    }
    reply r = client_request(port, "HEAD", "/events", "");
    assert_int_equal(r.code, 200);
    assert_string_equal(r.body, "");
    reply_free(&r);
    wait_for(&s.n_closed, 4);
    evtwin__http_stop(http);
    assert_int_equal(s.n_open, 3);
}

/* Streams have half of the places; the others are answered as before. */
static void test_streams_leave_room(void **state) {
    (void)state;
    source s = {0};
    int port, fd[MAX_CONNECTIONS / 2];
    evtwin__http *http = start(&s, &port);
    for (int i = 0; i < MAX_CONNECTIONS / 2; i++) {
        fd[i] = ask(port, "/events");
        wait_for(&s.n_open, i + 1);
    }
    reply r = client_get(port, "/events");
    assert_int_equal(r.code, 503);
    reply_free(&r);
    int holding[2 * MAX_CONNECTIONS];
    for (int i = 0; i < 2 * MAX_CONNECTIONS; i++) {
        holding[i] = client_connect(port);
    }
    for (int i = 0; i < 20; i++) {
        r = client_get(port, "/quick");
        assert_int_equal(r.code, 200);
        reply_free(&r);
    }
    for (int i = 0; i < 2 * MAX_CONNECTIONS; i++) {
        close(holding[i]);
    }
    assert_int_equal(s.n_closed, 0);
    close(fd[0]);
    wait_for(&s.n_closed, 1);
    fd[0] = ask(port, "/events");
    wait_for(&s.n_open, MAX_CONNECTIONS / 2 + 1);
    for (int i = 0; i < MAX_CONNECTIONS / 2; i++) {
        close(fd[i]);
    }
    evtwin__http_stop(http);
    assert_int_equal(s.n_closed, s.n_open);
}

/* Pieces are read one at a time beside everything else, and a long answer waits for one of them. */
static void test_pieces_are_read_aside(void **state) {
    (void)state;
    source s = {0};
    int port;
    atomic_store(&s.is_held, 1);
    evtwin__http *http = start(&s, &port);
    const int fd[3] = {ask(port, "/pieces"), ask(port, "/pieces"), ask(port, "/long")};
    wait_for(&s.n_running, 1);
    wait_for(&s.n_open, 2);
    for (int i = 0; i < 10; i++) {
        reply r = client_get(port, "/quick");
        assert_int_equal(r.code, 200);
        reply_free(&r);
    }
    assert_int_equal(s.n_pieces, 0);
    atomic_store(&s.is_held, 0);
    read_until(fd[2], "long");
    for (int i = 0; i < 2; i++) {
        size_t size = 0;
        static char text[1200000];
        while (!ends_with(text, size, "\r\n0\r\n\r\n")) {
            const ssize_t n = recv(fd[i], text + size, sizeof text - size, 0);
            assert_true(n > 0);
            size += (size_t)n;
        }
        assert_true(size > 1000000);
    }
    wait_for(&s.n_closed, 2);
    assert_int_equal(s.n_most, 1);
    assert_int_equal(s.n_pieces, 40);
    for (int i = 0; i < 3; i++) {
        close(fd[i]);
    }
    evtwin__http_stop(http);
}

/* Packed on the way for a client that takes that, to the last byte. */
static void test_pieces_are_packed(void **state) {
    (void)state;
    source s = {0};
    int port;
    evtwin__http *http = start(&s, &port);
    const int fd = client_connect(port);
    const char text[] = "GET /pieces HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n"; /* no chunks */
    assert_true(client_send(fd, text, sizeof text - 1));
    size_t size;
    char *answer = client_read_all(fd, &size), *body = strstr(answer, "\r\n\r\n");
    assert_non_null(body);
    body += 4;
    assert_non_null(strstr(answer, "\r\nContent-Encoding: gzip\r\n"));
    const size_t n = size - (size_t)(body - answer);
    assert_true(n < 100000);
    char *out = malloc(1000001);
    z_stream z = {.next_in = (unsigned char *)body, .avail_in = (unsigned)n};
    z.next_out = (unsigned char *)out;
    z.avail_out = 1000001;
    assert_int_equal(inflateInit2(&z, 16 + 15), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, 1000000);
    assert_int_equal(z.avail_in, 0);
    inflateEnd(&z);
    for (int i = 0; i < 1000000; i += 1000) {
        assert_int_equal(out[i], 'a' + i / 50000);
    }
    free(out);
    free(answer);
    close(fd);
    evtwin__http_stop(http);
    assert_int_equal(s.n_closed, 1);
}

/* What could not be read to its end does not look whole, packed or not. */
static void test_broken_pieces(void **state) {
    (void)state;
    source s = {0};
    int port;
    evtwin__http *http = start(&s, &port);
    for (int is_packed = 0; is_packed < 2; is_packed++) {
        const int fd = client_connect(port);
        const char *text = is_packed ? "GET /broken HTTP/1.1\r\nHost: localhost\r\n"
                                       "Accept-Encoding: gzip\r\n\r\n"
                                     : "GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n";
        assert_true(client_send(fd, text, strlen(text)));
        size_t size;
        char *answer = client_read_all(fd, &size);
        assert_non_null(strstr(answer, "200 OK"));
        assert_false(ends_with(answer, size, "\r\n0\r\n\r\n"));
        free(answer);
        close(fd);
    }
    evtwin__http_stop(http);
    assert_int_equal(s.n_closed, 2);
}

/* A client that takes nothing is cut off; one that has nothing to take is not. */
static void test_reader_that_does_not_read(void **state) {
    (void)state;
    source s = {0};
    int port;
    evtwin__http *http = start(&s, &port);
    const int patient = ask(port, "/events");
    wait_for(&s.n_open, 1);
    const int fd = ask(port, "/endless");
    wait_for(&s.n_closed, 1);
    put_event(&s, 0);
    read_until(patient, "event 1\n");
    close(fd);
    close(patient);
    evtwin__http_stop(http);
    assert_int_equal(s.n_closed, 2);
}

/* Those that sleep end well; one that cannot be finished is cut so that its client sees it. */
static void test_stop(void **state) {
    (void)state;
    source s = {0};
    int port;
    evtwin__http *http = start(&s, &port);
    const int sleeping = ask(port, "/events"), endless = ask(port, "/endless");
    wait_for(&s.n_open, 2);
    put_event(&s, 0);
    read_until(sleeping, "event 1\n");
    evtwin__http_stop(http);
    assert_int_equal(s.n_closed, 2);
    size_t size;
    char *text = client_read_all(sleeping, &size);
    assert_true(ends_with(text, size, "0\r\n\r\n"));
    free(text);
    close(sleeping);
    close(endless);
}

static void test_stop_while_pieces_are_read(void **state) {
    (void)state;
    source s = {0};
    int port;
    evtwin__http *http = start(&s, &port);
    int fd[3];
    for (int i = 0; i < 3; i++) {
        fd[i] = ask(port, i == 0 ? "/endless" : "/pieces"); /* nobody takes them */
    }
    wait_for(&s.n_open, 3);
    wait_for(&s.n_pieces, 4);
    evtwin__http_stop(http);
    assert_int_equal(s.n_closed, 3);
    for (int i = 0; i < 3; i++) {
        close(fd[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_as_they_happen),
        cmocka_unit_test(test_no_event_is_lost),
        cmocka_unit_test(test_clients_that_leave),
        cmocka_unit_test(test_streams_leave_room),
        cmocka_unit_test(test_pieces_are_read_aside),
        cmocka_unit_test(test_pieces_are_packed),
        cmocka_unit_test(test_broken_pieces),
        cmocka_unit_test(test_reader_that_does_not_read),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_while_pieces_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) {
    return 77;
}

#endif
