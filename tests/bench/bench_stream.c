/* SPDX-License-Identifier: MIT */
/* tests/bench/bench_stream.c: events a second that /api/stream brings to its clients, beside a loop
 * that sends each event to each client by itself; the clients, and who reads for them, are the
 * same. */

#include <stdio.h>

#if !defined(HAVE_HTTP) || !defined(HAVE_SQLITE)
int main(void) {
    puts("skipped: this build has no HTTP server or no SQLite store");
    return 0;
}
#else

#include "bench.h"

#include "serve/server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 100, ROUNDS = 5, AHEAD = 2000, RECORD_SIZE = 360 };

/* An event has the same length for each number of six digits. */
#define HEAD "event: row\nid: db-%d\ndata: "
enum { FIRST = 100000, EVENT_SIZE = sizeof HEAD - 1 - 2 + 6 + RECORD_SIZE + 2 };

/* ---- clients: one thread reads for all of them ---- */

typedef struct crowd {
    int fd[CLIENTS];
    atomic_llong bytes; /* of all */
    atomic_int is_over;
    double cpu_s; /* of the thread */
    pthread_t thread;
} crowd;

static double thread_cpu_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *read_all(void *ctx) {
    crowd *c = ctx;
    static char bytes[1 << 18];
    const int events = epoll_create1(0);
    for (int i = 0; i < CLIENTS; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.fd = c->fd[i]};
        epoll_ctl(events, EPOLL_CTL_ADD, c->fd[i], &e);
    }
    while (!atomic_load(&c->is_over)) {
        struct epoll_event ready[CLIENTS];
        const int n = epoll_wait(events, ready, CLIENTS, 20);
        for (int i = 0; i < n; i++) {
            const ssize_t size = recv(ready[i].data.fd, bytes, sizeof bytes, 0);
            atomic_fetch_add(&c->bytes, size > 0 ? size : 0);
        }
    }
    close(events);
    c->cpu_s = thread_cpu_s(CLOCK_THREAD_CPUTIME_ID);
    return NULL;
}

static int connect_to(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(connect(fd, (struct sockaddr *)&name, sizeof name) == 0, "connect");
    return fd;
}

static void wait_for_bytes(crowd *c, long long bytes) {
    const double end = now_s() + 60.0;
    while (atomic_load(&c->bytes) < bytes) {
        check(now_s() < end, "the events do not arrive");
        usleep(50);
    }
}

static void begin(crowd *c) {
    atomic_store(&c->bytes, 0);
    atomic_store(&c->is_over, 0);
    pthread_create(&c->thread, NULL, read_all, c);
}

static void end(crowd *c) {
    atomic_store(&c->is_over, 1);
    pthread_join(c->thread, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        close(c->fd[i]);
    }
}

/* Deliveries a second, by the clock and by the processor time of who sends. */
typedef struct rate {
    double wall, cpu;
} rate;

static char event_data[RECORD_SIZE];

/* ---- the peer ---- */

static rate send_each(int n_events) {
    crowd c = {0};
    int to[CLIENTS];
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(bind(listener, (struct sockaddr *)&name, sizeof name) == 0 &&
              listen(listener, CLIENTS) == 0 &&
              getsockname(listener, (struct sockaddr *)&name, &size) == 0,
          "listen");
    for (int i = 0; i < CLIENTS; i++) {
        c.fd[i] = connect_to(ntohs(name.sin_port));
        to[i] = accept(listener, NULL, NULL);
        const int on = 1;
        setsockopt(to[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    begin(&c);
    const double wall_s = now_s(), cpu_s = thread_cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < n_events; i++) {
        char event[RECORD_SIZE + 128];
        const int length =
            snprintf(event, sizeof event, HEAD "%.*s\n\n", FIRST + i, RECORD_SIZE, event_data);
        for (int k = 0; k < CLIENTS; k++) {
            check(send(to[k], event, (size_t)length, MSG_NOSIGNAL) == EVENT_SIZE, "send");
        }
    }
    wait_for_bytes(&c, (long long)EVENT_SIZE * n_events * CLIENTS);
    const double took_s = now_s() - wall_s;
    const double used_s = thread_cpu_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;
    end(&c);
    for (int i = 0; i < CLIENTS; i++) {
        close(to[i]);
    }
    close(listener);
    const double n = (double)n_events * CLIENTS;
    return (rate){n / took_s, n / (used_s - c.cpu_s)};
}

/* ---- ours ---- */

/* Events come in batches, as the feed of the store gives them. */
static rate stream(int n_events, int batch) {
    evtwin_server_options options;
    check(evtwin_server_options_init(&options, sizeof options) == 0, "options");
    options.listen = "127.0.0.1:0";
    options.store = "sqlite:/tmp/bench_stream_absent.db";
    evtwin_server *server = NULL;
    check(evtwin_server_start(&options, &server) == 0, "server");
    evtwin__ring *ring = server->ring;
    evtwin__ring_identity(ring, "db", 0);
    evtwin__ring_put(ring, "summary", 0, NULL, "{}", 2);
    crowd c = {0};
    static const char request[] = "GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (int i = 0; i < CLIENTS; i++) {
        c.fd[i] = connect_to(evtwin_server_port(server));
        check(send(c.fd[i], request, sizeof request - 1, 0) > 0, "ask");
        char first[2048];
        check(recv(c.fd[i], first, sizeof first, 0) > 0, "answer");
    }
    usleep(200000);
    begin(&c);
    const double wall_s = now_s(), cpu_s = thread_cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    const long long all = (long long)EVENT_SIZE * CLIENTS; /* chunks add a little */
    for (int i = 0; i < n_events; i += batch) {
        evtwin__ring_hold(ring);
        for (int k = 0; k < batch; k++) {
            evtwin__ring_put(ring, "row", FIRST + i + k, "BATTERY_001", event_data, RECORD_SIZE);
        }
        evtwin__ring_release(ring);
        wait_for_bytes(&c, (i - AHEAD) * all); /* nobody falls behind */
    }
    wait_for_bytes(&c, n_events * all);
    const double took_s = now_s() - wall_s;
    const double used_s = thread_cpu_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;
    end(&c);
    evtwin_server_free(server);
    const double n = (double)n_events * CLIENTS;
    return (rate){n / took_s, n / (used_s - c.cpu_s)};
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, const rate *each, const rate *ours) {
    double wall[ROUNDS], ratio[ROUNDS], cpu[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        wall[i] = ours[i].wall;
        ratio[i] = ours[i].wall / each[i].wall;
        cpu[i] = ours[i].cpu / each[i].cpu;
    }
    qsort(wall, ROUNDS, sizeof *wall, compare);
    qsort(ratio, ROUNDS, sizeof *ratio, compare);
    qsort(cpu, ROUNDS, sizeof *cpu, compare);
    printf("%-24s %9.0f deliveries/s, %5.1f of one send per event (processor time: %.1f)\n", name,
           wall[ROUNDS / 2], ratio[ROUNDS / 2], cpu[ROUNDS / 2]);
}

int main(void) {
    memset(event_data, 'x', sizeof event_data);
    static const int batches[] = {1, 16, 100};
    enum { N = sizeof batches / sizeof batches[0] };
    rate each[ROUNDS], ours[N][ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        each[i] = send_each(1500);
        for (int k = 0; k < N; k++) {
            ours[k][i] = stream(15000, batches[k]);
        }
    }
    printf("%d clients, events of %d bytes, median of %d rounds\n", CLIENTS, RECORD_SIZE, ROUNDS);
    report("one send per event", each, each);
    for (int k = 0; k < N; k++) {
        char name[64];
        snprintf(name, sizeof name, "stream, batches of %d", batches[k]);
        report(name, each, ours[k]);
    }
    return 0;
}
#endif
