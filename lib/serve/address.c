/* SPDX-License-Identifier: MIT */
/* serve/address.c: where to listen, and under which names a client may call. */

#include "serve/address.h"

#include "core/num.h"
#include "core/status.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BACKLOG = 511 };

/* Split "host:port" or "[host]:port" (port and its colon may be absent: *port is -1 then); 0 if it
 * is neither. */
static int split(const char *text, char *host, size_t host_size, int *port, int *is_bracketed) {
    const char *start = text;
    const char *end;
    *is_bracketed = *text == '[';
    if (*is_bracketed) {
        start = text + 1;
        end = strchr(start, ']');
    } else {
        end = strchr(text, ':');
        end = end == NULL ? text + strlen(text) : end;
    }
    if (end == NULL || end == start || (size_t)(end - start) >= host_size) {
        return 0;
    }
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';

    const char *rest = *is_bracketed ? end + 1 : end;
    *port = -1;
    if (*rest == '\0') {
        return 1;
    }
    int64_t number;
    if (*rest != ':' || rest[1] < '0' || rest[1] > '9' ||
        !evtwin__parse_i64(rest + 1, strlen(rest + 1), &number) || number > 65535) {
        return 0;
    }
    *port = (int)number;
    return 1;
}

static int is_loopback(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

evtwin_status evtwin__address_parse(const char *text, evtwin__address *out) {
    evtwin__address a = {.port = -1};
    int is_bracketed;
    EVTWIN_FAIL_IF(!split(text, a.host, sizeof a.host, &a.port, &is_bracketed) || a.port < 0,
                   EVTWIN_E_ARG, "'%s' is not ADDRESS:PORT, as 127.0.0.1:5001 or [::1]:5001", text);
    if (!is_bracketed && strcasecmp(a.host, "localhost") == 0) {
        memcpy(a.host, "127.0.0.1", sizeof "127.0.0.1");
    }
    a.is_ipv6 = is_bracketed;
    void *const binary = a.is_ipv6 ? (void *)&a.name.v6.sin6_addr : &a.name.v4.sin_addr;
    a.name.any.sa_family = a.is_ipv6 ? AF_INET6 : AF_INET;
    *(a.is_ipv6 ? &a.name.v6.sin6_port : &a.name.v4.sin_port) = htons((uint16_t)a.port);
    EVTWIN_FAIL_IF(inet_pton(a.name.any.sa_family, a.host, binary) != 1, EVTWIN_E_ARG,
                   "'%s': %s is not a numeric %s address or localhost", text, a.host,
                   a.is_ipv6 ? "IPv6" : "IPv4");
    a.is_loopback = is_loopback(a.host);
    *out = a;
    return EVTWIN_OK;
}

static evtwin_status refuse(const evtwin__address *a, int error) {
    const char *open = a->is_ipv6 ? "[" : "";
    const char *close = a->is_ipv6 ? "]" : "";
    EVTWIN_FAIL_IF(error == EADDRINUSE, EVTWIN_E_BUSY,
                   "%s%s%s:%d: port is held by another process; choose another port", open, a->host,
                   close, a->port);
    EVTWIN_FAIL(EVTWIN_E_IO, "%s%s%s:%d: %s", open, a->host, close, a->port, strerror(error));
}

evtwin_status evtwin__address_listen(evtwin__address *address, int *fd_out) {
    struct sockaddr *name = &address->name.any;
    socklen_t length = address->is_ipv6 ? sizeof address->name.v6 : sizeof address->name.v4;
    const int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return refuse(address, errno);
    }

    /* a restarted server may take its port back although old connections linger */
    const int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, name, length) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, name, &length) != 0) {
        const int error = errno;
        close(fd);
        return refuse(address, error);
    }
    address->port =
        ntohs(address->is_ipv6 ? address->name.v6.sin6_port : address->name.v4.sin_port);
    *fd_out = fd;
    return EVTWIN_OK;
}

int evtwin__address_allows_host(const evtwin__address *address, const char *host_header) {
    char host[64];
    int port, is_bracketed;
    if (!split(host_header, host, sizeof host, &port, &is_bracketed)) {
        return 0;
    }
    return (!is_bracketed && strcasecmp(host, "localhost") == 0) || is_loopback(host) ||
           strcasecmp(host, address->host) == 0;
}
