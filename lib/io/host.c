/* SPDX-License-Identifier: MIT */
/* io/host.c: names to addresses, and sockets that do not wait for ever. */

#include "io/host.h"

#include "core/status.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

evtwin_status evtwin__host_resolve(const char *host,
                                   char address[EVTWIN__HOST_ADDRESSES][EVTWIN__ADDRESS_SIZE],
                                   size_t *n_out) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    const int error = getaddrinfo(host, NULL, &hints, &list);
    EVTWIN_FAIL_IF(error != 0, EVTWIN_E_AGAIN, "%s", gai_strerror(error));
    size_t n = 0;
    for (const struct addrinfo *a = list; a != NULL && n < EVTWIN__HOST_ADDRESSES; a = a->ai_next) {
        n += getnameinfo(a->ai_addr, a->ai_addrlen, address[n], EVTWIN__ADDRESS_SIZE, NULL, 0,
                         NI_NUMERICHOST) == 0;
    }
    freeaddrinfo(list);
    EVTWIN_FAIL_IF(n == 0, EVTWIN_E_AGAIN, "the name has no address");
    *n_out = n;
    return EVTWIN_OK;
}

int evtwin__socket_wait(int fd, int timeout_ms) {
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&p, 1, timeout_ms) <= 0) {
        return ETIMEDOUT;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        return error != 0 ? error : errno;
    }
    /* whoever tried to write before was given the error, and it is gone */
    struct sockaddr_storage peer;
    size = sizeof peer;
    return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 ? 0 : errno;
}

void evtwin__socket_settle(int fd, unsigned timeout_ms) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

void evtwin__socket_hurry(int fd) {
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof yes);
}
