/* SPDX-License-Identifier: MIT */
/* tools/cli_signal.c: Ctrl-C, SIGTERM and SIGPIPE; waiting that a signal can end. */

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal;
static int wake_pipe[2] = {-1, -1};

/* The handler may run on any thread (the server's too), so it wakes the waiting one by a pipe. */
static void on_signal(int number) {
    if (stop_signal != 0) {
        _exit(128 + number);
    }
    stop_signal = number;
    const int kept_errno = errno;
    if (write(wake_pipe[1], "", 1) < 0) {
        /* a full or closed pipe: the waiting thread is awake already */
    }
    errno = kept_errno;
}

void cli_signals_init(void) {
    if (pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        wake_pipe[0] = wake_pipe[1] =
            -1; /* poll skips negative descriptors; EINTR still wakes it */
    }
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a file size limit is a full disk: an error of write */
}

int cli_stopping(void) {
    return (int)stop_signal;
}

double cli_now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int cli_sleep_until_s(double when_s) {
    while (stop_signal == 0) {
        const double left_s = when_s - cli_now_s();
        if (left_s <= 0) {
            return 0;
        }
        struct pollfd wake = {.fd = wake_pipe[0], .events = POLLIN};
        poll(&wake, 1, left_s > 3600 ? 3600 * 1000 : (int)ceil(left_s * 1000));
    }
    return 1;
}
