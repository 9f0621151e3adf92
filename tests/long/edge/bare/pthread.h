/* SPDX-License-Identifier: MIT */
/* pthread.h of a machine without threads: starting one fails, which the library bears. newlib has
 * the types. */
#ifndef BARE_PTHREAD_H
#define BARE_PTHREAD_H

#include <sys/types.h>

#define PTHREAD_ONCE_INIT                                                                          \
    { 1, 0 }
#define PTHREAD_MUTEX_INITIALIZER 0

static inline int pthread_create(pthread_t *thread, const void *attributes, void *(*run)(void *),
                                 void *arg) {
    (void)thread, (void)attributes, (void)run, (void)arg;
    return 11; /* EAGAIN */
}

static inline int pthread_join(pthread_t thread, void **result) {
    (void)thread, (void)result;
    return 0;
}

static inline int pthread_once(pthread_once_t *once, void (*run)(void)) {
    if (!once->init_executed) {
        once->init_executed = 1;
        run();
    }
    return 0;
}

static inline int pthread_mutex_lock(pthread_mutex_t *mutex) {
    (void)mutex;
    return 0;
}

#define pthread_mutex_unlock pthread_mutex_lock
#define pthread_mutex_destroy pthread_mutex_lock

#endif
