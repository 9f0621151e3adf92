/* SPDX-License-Identifier: MIT */
/* mqtt_relay.h: a connection to the broker of the tests that can be cut, and that counts the
 * acknowledgements which go through it to the broker. */
#ifndef EVTWIN_TEST_MQTT_RELAY_H
#define EVTWIN_TEST_MQTT_RELAY_H

#include "mqtt_peer.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

typedef struct relay {
    int listener, port;
    pthread_t thread;
    atomic_int is_cut, is_over, n_cut, n_acks;
    /* of what goes to the broker: the type of a packet, its length, and what is left of it */
    int has_type;
    unsigned shift;
    size_t left;
} relay;

static inline void count_acks(relay *r, const unsigned char *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (!r->has_type && r->left > 0) {
            r->left--;
        } else if (!r->has_type) {
            r->n_acks += data[i] >> 4 == 4;
            r->has_type = 1;
            r->shift = 0;
        } else {
            r->left |= (size_t)(data[i] & 127) << r->shift;
            r->shift += 7;
            r->has_type = data[i] >= 128;
        }
    }
}

/* 0 if the connection has ended. */
static inline int pass_on(relay *r, int from, int to, int is_to_broker) {
    unsigned char data[4096];
    const ssize_t n = recv(from, data, sizeof data, 0);
    if (n > 0 && is_to_broker) {
        count_acks(r, data, (size_t)n);
    }
    return n > 0 && send(to, data, (size_t)n, MSG_NOSIGNAL) == n;
}

static inline int connect_to_broker(void) {
    const char *host = strstr(getenv("EVTWIN_TEST_MQTT"), "://") + 3;
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtol(strchr(host, ':') + 1, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static inline void *run_relay(void *ctx) {
    relay *r = ctx;
    while (!r->is_over) {
        struct pollfd p[2] = {{.fd = r->listener, .events = POLLIN}};
        if (poll(p, 1, 5) <= 0) {
            continue;
        }
        const int client = accept(r->listener, NULL, NULL), broker = connect_to_broker();
        int is_open = 1;
        r->has_type = 0;
        r->left = 0;
        while (is_open && !r->is_cut && !r->is_over) {
            p[0] = (struct pollfd){.fd = client, .events = POLLIN};
            p[1] = (struct pollfd){.fd = broker, .events = POLLIN};
            is_open = poll(p, 2, 5) >= 0 && (!p[0].revents || pass_on(r, client, broker, 1)) &&
                      (!p[1].revents || pass_on(r, broker, client, 0));
        }
        close(client);
        close(broker);
        r->n_cut += r->is_cut;
        r->is_cut = 0;
    }
    return NULL;
}

static inline void start_relay(relay *r) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    r->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(r->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(r->listener, 8), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&address, &size), 0);
    r->port = ntohs(address.sin_port);
    pthread_create(&r->thread, NULL, run_relay, r);
}

static inline void end_relay(relay *r) {
    r->is_over = 1;
    pthread_join(r->thread, NULL);
    close(r->listener);
}

/* The connection that there is. */
static inline void cut(relay *r) {
    const int n = r->n_cut;
    const int64_t end_ms = evtwin__monotonic_ms() + PATIENCE_MS;
    r->is_cut = 1;
    while (r->n_cut == n && evtwin__monotonic_ms() < end_ms) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(r->n_cut, n + 1);
}

#endif
