/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_serve.c: answers of the server beside jansson (the text of a page of history)
 * and beside a bare libmicrohttpd that sends constant bytes (requests a second over one
 * connection); and what an honest client sees beside many that are not. */

#include <stdio.h>

#if !defined(HAVE_HTTP) || !defined(HAVE_SQLITE)
int main(void) {
    puts("skipped: this build has no HTTP server or no SQLite store");
    return 0;
}
#else

#include "evtwin/evtwin.h"

#include "serve/server.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 1000, PAGES = 50, REQUESTS = 20000 };

static void check(evtwin_status st) {
    if (st < 0) {
        fprintf(stderr, "%s\n", evtwin_last_error());
        exit(1);
    }
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fill(evtwin_store *store) {
    evtwin_table *table;
    check(evtwin_telemetry_table_create(&table));
    check(evtwin_table_resize(table, ROWS));
    static const char *const numbers[] = {"soc", "soh", "voltage", "current", "temperature"};
    for (size_t i = 0; i < ROWS; i++) {
        check(
            evtwin_table_set_text(table, evtwin_table_find(table, "battery_id"), i, "BATTERY_001"));
        check(evtwin_table_set_i64(table, evtwin_table_find(table, "time"), i,
                                   evtwin_time_now() - (int64_t)(ROWS - i) * 2000000));
        for (size_t k = 0; k < 5; k++) {
            check(evtwin_table_set_f64(table, evtwin_table_find(table, numbers[k]), i,
                                       50.0 + 20.0 * sin((double)i * 0.1 + (double)k)));
        }
    }
    evtwin_insert_report report;
    check(evtwin_store_insert(store, table, &report, sizeof report));
    evtwin_table_free(table);
}

/* ---- a page of history as text ---- */

static size_t page_ours(evtwin_table *table) {
    static evtwin__store_handle handle;
    if (handle.thresholds == NULL) {
        check(evtwin_thresholds_create(&handle.thresholds));
    }
    evtwin__http_response response = {0};
    evtwin__call call = {.response = &response, .rows = table, .handle = &handle};
    evtwin__text_open(&response.body, NULL, '[');
    for (size_t i = 0; i < evtwin_table_rows(table); i++) {
        evtwin__text_open(&response.body, NULL, '{');
        evtwin__answer_row(&call, i, NULL);
        evtwin__text_put(&response.body, "}");
    }
    evtwin__text_put(&response.body, "]");
    const size_t size = response.body.size;
    evtwin__text_free(&response.body);
    return size;
}

static json_t *value_of(const evtwin_table *table, size_t col, size_t row) {
    if (!evtwin_table_is_valid(table, col, row)) {
        return json_null();
    }
    char time[EVTWIN_TIME_TEXT_SIZE];
    switch (evtwin_table_type(table, col)) {
    case EVTWIN_F64:
        return json_real(evtwin_table_f64(table, col)[row]);
    case EVTWIN_I64:
        return json_integer(evtwin_table_i64(table, col)[row]);
    case EVTWIN_TIME:
        check(evtwin_time_format(evtwin_table_i64(table, col)[row], time, sizeof time));
        return json_string(time);
    case EVTWIN_BOOL:
        return json_boolean(evtwin_table_number(table, col, row) != 0.0);
    case EVTWIN_TEXT:
    default:
        return json_string(evtwin_table_text(table, col, row));
    }
}

static size_t page_jansson(evtwin_table *table) {
    json_t *rows = json_array();
    for (size_t i = 0; i < evtwin_table_rows(table); i++) {
        json_t *one = json_object();
        for (size_t c = 0; c < evtwin_table_cols(table); c++) {
            json_object_set_new(one, evtwin_table_name(table, c), value_of(table, c, i));
        }
        json_array_append_new(rows, one);
    }
    char *text = json_dumps(rows, JSON_COMPACT);
    const size_t size = strlen(text);
    free(text);
    json_decref(rows);
    return size;
}

static double time_pages(evtwin_table *table, size_t (*page)(evtwin_table *)) {
    double best = INFINITY;
    for (int i = 0; i < PAGES; i++) {
        const double start = now_s();
        if (page(table) == 0) {
            exit(1);
        }
        best = fmin(best, now_s() - start);
    }
    return best;
}

/* ---- requests a second ---- */

static enum MHD_Result bare(void *ctx, struct MHD_Connection *c, const char *url,
                            const char *method, const char *version, const char *data, size_t *size,
                            void **request) {
    (void)url, (void)method, (void)version, (void)data, (void)size;
    static int seen;
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    return MHD_queue_response(c, 200, ctx);
}

static int connect_to(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

/* Ask REQUESTS times, one after the other, on one connection. */
static double requests_per_s(int port, const char *target) {
    char request[256];
    static char answer[65536];
    const int n =
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    const int fd = connect_to(port);
    const double start = now_s();
    for (int i = 0; i < REQUESTS; i++) {
        if (send(fd, request, (size_t)n, 0) != n) {
            exit(1);
        }
        size_t size = 0, whole = SIZE_MAX;
        while (size < whole) {
            const ssize_t got = recv(fd, answer + size, sizeof answer - 1 - size, 0);
            if (got <= 0) {
                exit(1);
            }
            size += (size_t)got;
            answer[size] = '\0';
            const char *head_end = strstr(answer, "\r\n\r\n");
            const char *length = strstr(answer, "Content-Length: ");
            if (head_end != NULL && length != NULL) {
                whole = (size_t)(head_end + 4 - answer) + (size_t)strtol(length + 16, NULL, 10);
            }
        }
    }
    close(fd);
    return REQUESTS / (now_s() - start);
}

static void bench_requests(const char *uri) {
    evtwin_server_options options;
    check(evtwin_server_options_init(&options, sizeof options));
    options.listen = "127.0.0.1:0";
    options.store = uri;
    evtwin_server *server;
    check(evtwin_server_start(&options, &server));
    static const char body[900] = "{}";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof body, (void *)body, MHD_RESPMEM_PERSISTENT);
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL, bare,
                                                 response, MHD_OPTION_END);
    if (daemon == NULL) {
        exit(1);
    }
    const int bare_port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;

    const double peer = requests_per_s(bare_port, "/");
    static const char *const targets[] = {"/api/battery/latest", "/health",
                                          "/web/shared/style.css"};
    printf("requests/s on one connection: bare libmicrohttpd %.0f\n", peer);
    for (size_t i = 0; i < 3; i++) {
        const double ours = requests_per_s(evtwin_server_port(server), targets[i]);
        printf("  %-20s %8.0f   %.2f of the bare one\n", targets[i], ours, ours / peer);
    }
    MHD_stop_daemon(daemon);
    MHD_destroy_response(response);
    evtwin_server_free(server);
}

/* ---- an honest client beside 1,000 that hold what they can ---- */

enum { N_CROWD = 1000, N_HONEST = 300 };

static int by_time(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A connection each; ms that 50 and 99 of 100 answers take at most. */
static void ask_honestly(int port, const char *beside) {
    static const char request[] =
        "GET /api/battery/latest HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static double took_s[N_HONEST];
    int n_failed = 0;
    for (int i = 0; i < N_HONEST; i++) {
        char answer[4096];
        size_t size = 0;
        ssize_t n;
        const double start = now_s();
        const int fd = connect_to(port);
        (void)!send(fd, request, sizeof request - 1, MSG_NOSIGNAL);
        while ((n = recv(fd, answer + size, sizeof answer - size, 0)) > 0) {
            size += (size_t)n;
        }
        close(fd);
        took_s[i] = now_s() - start;
        n_failed += size < 15 || memcmp(answer, "HTTP/1.1 200 OK", 15) != 0;
    }
    qsort(took_s, N_HONEST, sizeof took_s[0], by_time);
    printf("  %-34s p50 %7.2f ms, p99 %7.2f ms, %d failed\n", beside, took_s[N_HONEST / 2] * 1e3,
           took_s[N_HONEST * 99 / 100] * 1e3, n_failed);
}

static void bench_crowd(const char *uri) {
    static const struct {
        const char *name, *sends;
    } crowds[] = {
        {"1,000 idle", ""},
        {"1,000 that send half a head", "GET /health HTTP/1.1\r\nHost: localhost\r\nX: "},
        {"1,000 that do not read", "GET /api/battery/history HTTP/1.1\r\nHost: localhost\r\n\r\n"},
    };
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    evtwin_server_options options;
    check(evtwin_server_options_init(&options, sizeof options));
    options.listen = "127.0.0.1:0";
    options.store = uri;
    evtwin_server *server;
    check(evtwin_server_start(&options, &server));
    const int port = evtwin_server_port(server);
    printf("an honest client:\n");
    ask_honestly(port, "alone");
    for (size_t k = 0; k < 3; k++) {
        static int fd[N_CROWD];
        for (int i = 0; i < N_CROWD; i++) {
            const int small = 4096;
            fd[i] = connect_to(port);
            setsockopt(fd[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
            (void)!send(fd[i], crowds[k].sends, strlen(crowds[k].sends), MSG_NOSIGNAL);
        }
        ask_honestly(port, crowds[k].name);
        for (int i = 0; i < N_CROWD; i++) {
            close(fd[i]);
        }
    }
    evtwin_server_free(server);
}

int main(void) {
    char folder[] = "/var/tmp/evtwin-bench-XXXXXX", uri[64];
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(uri, sizeof uri, "sqlite:%s/serve.db", folder);
    evtwin_store *store;
    evtwin_table *table;
    check(evtwin_store_open(uri, NULL, &store));
    fill(store);
    check(evtwin_store_history(store, "BATTERY_001", NULL, &table));

    const double ours = time_pages(table, page_ours), peer = time_pages(table, page_jansson);
    printf("%zu rows of history as JSON: %.2f ms, jansson %.2f ms, ratio %.1f\n",
           evtwin_table_rows(table), ours * 1e3, peer * 1e3, peer / ours);
    bench_requests(uri);
    bench_crowd(uri);

    evtwin_table_free(table);
    evtwin_store_free(store);
    static const char *const suffixes[] = {"", "-wal", "-shm", "-writers"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, "%s%s", uri + strlen("sqlite:"), suffixes[i]);
        unlink(path);
    }
    rmdir(folder);
    return 0;
}
#endif
