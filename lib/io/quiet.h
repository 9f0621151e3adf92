/* SPDX-License-Identifier: MIT */
/* io/quiet.h: calls of a client library that may raise SIGPIPE, which must not end the program. */
#ifndef EVTWIN_IO_QUIET_H
#define EVTWIN_IO_QUIET_H

#include <pthread.h>
#include <signal.h>
#include <time.h>

typedef struct evtwin__quiet {
    sigset_t set, before;
    int was_pending;
} evtwin__quiet;

/* From here to evtwin__quiet_end SIGPIPE waits in this thread … */
static inline evtwin__quiet evtwin__quiet_begin(void) {
    evtwin__quiet q;
    sigset_t pending;
    sigemptyset(&q.set);
    sigaddset(&q.set, SIGPIPE);
    sigpending(&pending);
    q.was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &q.set, &q.before);
    return q;
}

/* … and is forgotten, unless it waited before. */
static inline void evtwin__quiet_end(evtwin__quiet q) {
    const struct timespec at_once = {0, 0};
    if (!q.was_pending) {
        sigtimedwait(&q.set, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &q.before, NULL);
}

#endif
