/* SPDX-License-Identifier: MIT */
/* tools/cli/cli_signals.c: Ctrl-C, SIGTERM and SIGPIPE; waiting that a signal can end. */

#include "cli/cli_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal, stop_way = CLI_STOP_ASKS;
static int wake_pipe[2] = {-1, -1};
static char last_line[1024]; /* made before the signal */
static size_t last_size;
static const char *before_last = "";
static char *last_stamp;         /* where the time of the signal goes, NULL = nowhere */
static struct rlimit file_limit; /* before CLI_STOP_CUTS */
static int has_file_limit;

static void write_ignoring(int fd, const char *text, size_t size) {
    if (write(fd, text, size) < 0) {
        /* nobody to tell: the reader of a full pipe is awake, that of a closed one is gone */
    }
}

static void stop_now(void) {
    if (stop_way == CLI_STOP_LEAVES || stop_way == CLI_STOP_QUITS) {
        if (last_stamp != NULL) {
            cli_log_stamp(last_stamp);
        }
        write_ignoring(STDERR_FILENO, last_line, last_size);
        _exit(stop_way == CLI_STOP_QUITS ? CLI_OK : 128 + stop_signal);
    }
    if (stop_way == CLI_STOP_CUTS && has_file_limit) {
        const struct rlimit none = {.rlim_cur = 0, .rlim_max = file_limit.rlim_max};
        setrlimit(RLIMIT_FSIZE, &none); /* on Linux one system call */
    }
}

/* The handler may run on any thread (the server's too), so it wakes the waiting one by a pipe. */
static void on_signal(int number) {
    if (stop_signal != 0) {
        _exit(128 + number);
    }
    const int kept_errno = errno;
    stop_signal = number;
    stop_now();
    write_ignoring(wake_pipe[1], "", 1);
    errno = kept_errno;
}

void cli_signals_init(const char *before) {
    before_last = before;
    if (pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        wake_pipe[0] = wake_pipe[1] =
            -1; /* poll skips negative descriptors; EINTR still wakes it */
    }
    has_file_limit = getrlimit(RLIMIT_FSIZE, &file_limit) == 0;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a file size limit is a full disk: an error of write */
}

static void make_last_line(const char *outcome) {
    const size_t n = strlen(before_last);
    char text[256];
    snprintf(text, sizeof text, "stopped; %s", outcome);
    memcpy(last_line, before_last, n);
    last_size = n + cli_log_line(last_line + n, sizeof last_line - n, EVTWIN_LOG_INFO, 0, text,
                                 &last_stamp);
}

void cli_on_stop(cli_stop_way way, const char *outcome) {
    stop_way = CLI_STOP_ASKS; /* while the words change */
    if (way == CLI_STOP_LEAVES || way == CLI_STOP_QUITS) {
        make_last_line(outcome);
    }
    stop_way = (sig_atomic_t)way;
    if (stop_signal != 0 && way != CLI_STOP_ASKS) {
        stop_now(); /* it came before */
    } else if (stop_signal != 0 && has_file_limit) {
        setrlimit(RLIMIT_FSIZE, &file_limit);
    }
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
        cli_notify_alive();
        double left_s = when_s - cli_now_s();
        if (left_s <= 0) {
            return 0;
        }
        left_s = left_s < cli_notify_every_s() ? left_s : cli_notify_every_s();
        struct pollfd wake = {.fd = wake_pipe[0], .events = POLLIN};
        poll(&wake, 1, left_s > 3600 ? 3600 * 1000 : (int)ceil(left_s * 1000));
    }
    return 1;
}

void cli_linger_s(double pause_s) {
    const double end_s = cli_now_s() + pause_s;
    for (double left_s = pause_s; left_s > 0; left_s = end_s - cli_now_s()) {
        cli_notify_alive();
        left_s = left_s < cli_notify_every_s() ? left_s : cli_notify_every_s();
        poll(NULL, 0, (int)ceil((left_s < 3600 ? left_s : 3600) * 1000));
    }
}
