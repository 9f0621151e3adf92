/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_notify.c: what a service tells the manager that started it: it is ready, how it is,
 * it lives, it stops. The protocol of systemd is one datagram each; sd_notify(3) describes it. */

#include "cli/cli_parts.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct {
    int fd; /* -1 = nobody listens */
    struct sockaddr_un address;
    socklen_t address_size;
    double every_s, next_s; /* of signs of life; every_s is INFINITY if none are asked for */
    const char *before;     /* a line that it has not been told yet, "" = none */
    char status[512];       /* the last one */
    int is_told;            /* of both */
} manager = {.fd = -1, .every_s = INFINITY, .before = "", .is_told = 1};

/* 0: its queue is full, try again. A manager that does not read must not hold up the work. */
static int send_state(const char *state) {
    return manager.fd < 0 ||
           sendto(manager.fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                  (const struct sockaddr *)&manager.address, manager.address_size) >= 0 ||
           (errno != EAGAIN && errno != ENOBUFS);
}

static void tell(void) {
    char state[sizeof manager.status + 64];
    snprintf(state, sizeof state, "%sSTATUS=%s", manager.before, manager.status);
    manager.is_told = send_state(state);
    manager.before = manager.is_told ? "" : manager.before;
}

/* "/path", or "@name" of an abstract socket; 0 if it is neither. */
static int open_socket(const char *name) {
    const size_t n = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof manager.address.sun_path) {
        return 0;
    }
    manager.address.sun_family = AF_UNIX;
    memcpy(manager.address.sun_path, name, n);
    if (name[0] == '@') {
        manager.address.sun_path[0] = '\0';
    }
    manager.address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return 1;
}

/* WATCHDOG_USEC: how long without a sign of life is too long; it comes three times as often. */
static void read_watchdog(const char *limit_us, const char *pid) {
    const unsigned long long limit = limit_us != NULL ? strtoull(limit_us, NULL, 10) : 0;
    if (limit > 0 && (pid == NULL || strtoll(pid, NULL, 10) == (long long)getpid())) {
        manager.every_s = (double)limit * 1e-6 / 3;
    }
}

const char *cli_notify_init(void) {
    const char *name = getenv("NOTIFY_SOCKET"), *problem = NULL;
    if (name != NULL && *name != '\0') {
        problem = open_socket(name) ? NULL
                                    : "NOTIFY_SOCKET is neither a path nor an abstract socket of "
                                      "at most 107 bytes; nobody is notified";
        read_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    }
    /* no child is the service */
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return problem;
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double cli_notify_every_s(void) {
    const double signs_s = manager.fd >= 0 ? manager.every_s : INFINITY;
    return manager.is_told ? signs_s : fmin(signs_s, 1.0);
}

void cli_notify_alive(void) {
    if (!manager.is_told) {
        tell();
    }
    if (manager.fd >= 0 && isfinite(manager.every_s) && now_s() >= manager.next_s) {
        manager.next_s = now_s() + manager.every_s;
        (void)send_state("WATCHDOG=1"); /* the next one comes */
    }
}

/* before: a line of its own, or ""; static. A status is one line; the same one is not sent again.
 */
static void send_status(const char *before, const char *status) {
    char line[sizeof manager.status];
    snprintf(line, sizeof line, "%s", status);
    for (char *s = line; *s != '\0'; s++) {
        *s = (unsigned char)*s < ' ' ? ' ' : *s;
    }
    manager.before = *before != '\0' ? before : manager.before;
    if (*manager.before != '\0' || strcmp(line, manager.status) != 0) {
        memcpy(manager.status, line, sizeof line);
        tell();
    }
}

void cli_notify_ready(const char *status) {
    send_status("READY=1\n", status);
}

void cli_notify_status(const char *status) {
    send_status("", status);
}

void cli_notify_stopping(void) {
    send_status("STOPPING=1\n", "stopping");
}
