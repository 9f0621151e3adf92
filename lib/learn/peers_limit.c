/* SPDX-License-Identifier: MIT */
/* learn/peers_limit.c: see peers_limit.h. */

#include "learn/peers_limit.h"

#include "core/status.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Is the other end of a socket this address, port included? */
static int is_connected_to(int fd, const struct sockaddr *address) {
    struct sockaddr_storage other;
    socklen_t size = sizeof other;
    if (getpeername(fd, (struct sockaddr *)&other, &size) != 0 ||
        other.ss_family != address->sa_family) {
        return 0;
    }
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)address;
        const struct sockaddr_in *b = (const struct sockaddr_in *)(const void *)&other;
        return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)address;
        const struct sockaddr_in6 *b = (const struct sockaddr_in6 *)(const void *)&other;
        return a->sin6_port == b->sin6_port &&
               memcmp(&a->sin6_addr, &b->sin6_addr, sizeof a->sin6_addr) == 0;
    }
    return 0;
}

/* The descriptors are XGBoost's, so they are shut down, not closed. */
static void cut(const evtwin__peers_limit *l) {
    enum { MOST_DESCRIPTORS = 1 << 20 };
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(l->host, l->port, &hints, &found) != 0) {
        return;
    }
    const long limit = sysconf(_SC_OPEN_MAX);
    const int n = limit > 0 && limit < MOST_DESCRIPTORS ? (int)limit : MOST_DESCRIPTORS;
    for (int fd = 0; fd < n; fd++) {
        for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
            if (is_connected_to(fd, a->ai_addr)) {
                shutdown(fd, SHUT_RDWR);
            }
        }
    }
    freeaddrinfo(found);
}

/* Once is not enough: a connection may be made anew. */
static void *watch(void *arg) {
    evtwin__peers_limit *l = arg;
    pthread_mutex_lock(&l->lock);
    while (!l->is_over) {
        if (pthread_cond_timedwait(&l->changed, &l->lock, &l->until) != 0 && !l->is_over) {
            l->has_passed = 1;
            pthread_mutex_unlock(&l->lock);
            cut(l);
            pthread_mutex_lock(&l->lock);
            clock_gettime(CLOCK_MONOTONIC, &l->until);
            l->until.tv_sec++;
        }
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

evtwin_status evtwin__peers_limit_begin(evtwin__peers_limit *l, const char *host, const char *port,
                                        int timeout_s) {
    *l = (evtwin__peers_limit){.host = host, .port = port, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    clock_gettime(CLOCK_MONOTONIC, &l->until);
    l->until.tv_sec += timeout_s;
    const int problem = pthread_create(&l->thread, NULL, watch, l);
    if (problem != 0) {
        pthread_cond_destroy(&l->changed);
        pthread_mutex_destroy(&l->lock);
        EVTWIN_FAIL(EVTWIN_E_IO, "no thread to watch how long the other processes take: %s",
                    strerror(problem));
    }
    return EVTWIN_OK;
}

int evtwin__peers_limit_end(evtwin__peers_limit *l) {
    pthread_mutex_lock(&l->lock);
    l->is_over = 1;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    return l->has_passed;
}
